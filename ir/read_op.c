/* read_op.c - reading operations and regions.
 *
 * Ensures: an op's attributes are as long as its operands' and results' ranks say, so that the verifier may look at all
 * of them; whether they obey the type rules is the verifier's to find. */
#include "ir/read.h"
#include <string.h>

enum { MAX_REGION_DEPTH = 100, MAX_OPERANDS = 1 << 20 };

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool same_value(const void *entry, const void *key) { return ((const NamedValue *)entry)->name == key; }

static uint64_t name_hash(const char *name) { return hash_bytes(HASH_SEED, name, strlen(name)); }

bool define_value(Reader *r, Loc loc, const char *name, Value *v) {
  if (interner_find(r->values, name_hash(name), same_value, name))
    return read_fail(r, loc, E_READ_TWICE, "the value %%%s is defined twice", name);
  NamedValue *n = NEW(r->ctx->arena, NamedValue);
  *n = (NamedValue){name, v};
  interner_add(r->values, name_hash(name), n);
  v->name = name[0] >= '0' && name[0] <= '9' ? NULL : name;
  return true;
}

bool read_operand(Reader *r, Value **v) {
  Token at = r->tok;
  const char *name;
  if (!expect_name(r, T_VALUE, "a value", &name)) return false;
  const NamedValue *n = interner_find(r->values, name_hash(name), same_value, name);
  if (!n) return read_fail(r, token_loc(r, at), E_READ_VALUE, "there is no value %%%s here", name);
  *v = n->value;
  return true;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

/* An op as its text stands: names of results first, then what the op has. */
typedef struct OpText {
  Op *op;
  int nname;
  Token *name;
  int name_cap;
  int nopd;
  Value **opd;
  int opd_cap;
  int ntype;
  Type **type;
  int type_cap;
  int nnumber;
  Number *number;
  int number_cap; /* const, dense */
  int8_t nlabel;  /* contract: labels of the output */
} OpText;

static bool bad_attribute(Reader *r, const char *fmt, int n) {
  return read_fail(r, token_loc(r, r->tok), E_READ_ATTRIBUTE, fmt, n);
}

static bool read_axis(Reader *r, int *axis) {
  int64_t v;
  if (!read_int(r, &v, 0, MAX_RANK - 1)) return false;
  *axis = (int)v;
  return true;
}

static bool read_one_axis(Reader *r, int *axis, bool *reverse) {
  if (!expect_punct(r, '{') || !(take_word(r, "axis") || read_unexpected(r, "'axis'")) || !read_axis(r, axis))
    return false;
  if (reverse && take_punct(r, ',')) *reverse = take_word(r, "reverse");
  return expect_punct(r, '}');
}

static bool read_axes(Reader *r, int *naxis, int **axis, bool *masked) {
  int cap = 0;
  if (!expect_punct(r, '{') || !(take_word(r, "axes") || read_unexpected(r, "'axes'"))) return false;
  while (r->tok.kind == T_NUMBER) {
    if (*naxis == MAX_RANK) return bad_attribute(r, "there are at most %d axes", MAX_RANK);
    if (!read_axis(r, &PUSH(r->ctx->arena, *axis, *naxis, cap))) return false;
    if (!take_punct(r, ',')) break;
  }
  if (masked) *masked = take_word(r, "masked");
  return expect_punct(r, '}');
}

static bool read_labels(Reader *r, int8_t **label, int *n) {
  const char *s = r->tok.kind == T_IDENT ? r->tok.name : "";
  *n = (int)strlen(s);
  *label = NEW_N(r->ctx->arena, int8_t, *n);
  for (int i = 0; i < *n; i++) {
    if (s[i] < 'a' || s[i] > 'z')
      return read_fail(r, token_loc(r, r->tok), E_LABEL_RANGE, "labels are letters from a to z");
    (*label)[i] = (int8_t)(s[i] - 'a');
  }
  if (*n) next(r);
  return true;
}

static bool read_contract(Reader *r, OpText *t) {
  int n;
  if (t->nopd < 1 || t->nopd > 2)
    return read_fail(r, t->op->loc, E_OPERAND_COUNT, "contract takes 1 or 2 operands, not %d", t->nopd);
  if (!expect_punct(r, '[')) return false;
  for (int i = 0; i < t->nopd; i++) {
    if ((i && !expect_punct(r, ',')) || !read_labels(r, &t->op->u.contract.opd[i], &n)) return false;
    if (n != t->opd[i]->type->rank)
      return bad_attribute(r, "the operand has %d axes to be labelled", t->opd[i]->type->rank);
  }
  if (r->tok.kind != T_ARROW) return read_unexpected(r, "'->'");
  next(r);
  if (!read_labels(r, &t->op->u.contract.out, &n)) return false;
  if (n > MAX_LABEL) return bad_attribute(r, "there are at most %d labels", MAX_LABEL);
  t->nlabel = (int8_t)n;
  return expect_punct(r, ']');
}

static bool read_window(Reader *r, OpText *t) {
  int rank = t->opd[0]->type->rank, n = 0;
  Op *op = t->op;
  op->u.slice.start = NEW_N(r->ctx->arena, Dim *, rank);
  op->u.slice.stride = NEW_N(r->ctx->arena, int64_t, rank);
  if (!expect_punct(r, '{')) return false;
  while (!is_punct(r, '}') && n < rank) {
    op->u.slice.stride[n] = 1;
    if (!read_dim(r, &op->u.slice.start[n])) return false;
    if (take_punct(r, ':') && !read_int(r, &op->u.slice.stride[n], -INT64_MAX, INT64_MAX)) return false;
    n++;
    if (n < rank && !is_punct(r, '}') && !expect_punct(r, ',')) return false;
  }
  if (n != rank) return bad_attribute(r, "the operand has %d axes", rank);
  return expect_punct(r, '}');
}

static bool read_numbers(Reader *r, OpText *t) {
  if (t->op->code == OP_const) return read_number(r, &PUSH(r->ctx->arena, t->number, t->nnumber, t->number_cap));
  if (!expect_punct(r, '[')) return false;
  while (!is_punct(r, ']')) {
    if (!read_number(r, &PUSH(r->ctx->arena, t->number, t->nnumber, t->number_cap))) return false;
    if (!is_punct(r, ']') && !expect_punct(r, ',')) return false;
  }
  return expect_punct(r, ']');
}

static bool read_bound_symbol(Reader *r, Op *op) {
  const char *name;
  if (!expect_punct(r, '{')) return false;
  Token at = r->tok;
  if (!expect_name(r, T_IDENT, "a symbol's name", &name)) return false;
  if (!define_symbol(r, token_loc(r, at), name, SYM_VALUE, &op->u.sym)) return false;
  op->u.sym->nonneg = take_word(r, "nonneg");
  if (take_word(r, "most") && !read_int(r, &op->u.sym->most, 1, INT64_MAX)) return false;
  return expect_punct(r, '}');
}

static bool read_source(Reader *r, OpText *t) {
  switch (t->op->code) {
  case OP_const:
  case OP_dense: return read_numbers(r, t);
  case OP_dim: return expect_punct(r, '{') && read_dim(r, &t->op->u.dim) && expect_punct(r, '}');
  case OP_iota: return read_one_axis(r, &t->op->u.axis, NULL);
  default: return read_bound_symbol(r, t->op);
  }
}

static bool read_check(Reader *r, Op *op) {
  if (!op_checks_bool(op->code)) {
    if (!expect_punct(r, '{') || !read_dim(r, &op->u.check.a)) return false;
    if (op->code != OP_check_index && (!expect_punct(r, ',') || !read_dim(r, &op->u.check.b))) return false;
    if (!expect_punct(r, '}')) return false;
  }
  return r->tok.kind != T_STRING || read_string(r, &op->u.check.text);
}

static Sym *callee_symbol(Reader *r, const Func *f, const char *name) {
  const char **names = func_sym_names(r->ctx, f);
  for (int i = 0; i < f->nsym; i++)
    if (strcmp(names[i], name) == 0) return f->sym[i];
  return NULL;
}

static bool read_subst(Reader *r, const Func *f, int *n, DimSubst **subst) {
  int cap = 0;
  do {
    Token at = r->tok;
    const char *name;
    Dim *to;
    if (!expect_name(r, T_IDENT, "a symbol of the callee", &name)) return false;
    Sym *s = callee_symbol(r, f, name);
    if (!s) return read_fail(r, token_loc(r, at), E_READ_SYMBOL, "%s has no symbol %s", f->name, name);
    if (!expect_punct(r, '=') || !read_dim(r, &to)) return false;
    PUSH(r->ctx->arena, *subst, *n, cap) = (DimSubst){s, to};
  } while (take_punct(r, ','));
  return true;
}

static bool read_derive(Reader *r, Op *op) {
  int kind = 0, cap = 0;
  if (!expect_punct(r, '{')) return false;
  while (kind <= DERIVE_HVP && !is_word(r, derive_word[kind])) kind++;
  if (kind > DERIVE_HVP) return read_unexpected(r, "'grad', 'vjp', 'jvp', 'jacobian', 'hessian' or 'hvp'");
  op->u.derive.kind = (DeriveKind)kind;
  next(r);
  if (r->tok.kind == T_NUMBER) do {
      int64_t at;
      if (!read_int(r, &at, 0, INT32_MAX)) return false;
      PUSH(r->ctx->arena, op->u.derive.wrt, op->u.derive.nwrt, cap) = (int)at;
    } while (take_punct(r, ','));
  int64_t nbatch = 0;
  if (take_word(r, "batch") && !read_int(r, &nbatch, 0, MAX_RANK)) return false;
  op->u.derive.nbatch = (int)nbatch;
  if (take_punct(r, ';') && !read_subst(r, op->u.derive.callee, &op->u.derive.nsubst, &op->u.derive.subst)) return false;
  return expect_punct(r, '}');
}

static bool read_callee(Reader *r, Op *op) {
  if (op->code == OP_derive) return read_derive(r, op);
  if (!take_punct(r, '{')) return true;
  return read_subst(r, op->u.call.callee, &op->u.call.nsubst, &op->u.call.subst) && expect_punct(r, '}');
}

static bool read_loop(Reader *r, Op *op) {
  int64_t v;
  if (op->code == OP_if || !take_punct(r, '{')) return true;
  bool *flag = op->code == OP_for && take_word(r, "parallel") ? &op->u.loop.parallel
               : take_word(r, "plain")                        ? &op->u.loop.plain
               : take_word(r, "seldom")                       ? &op->u.loop.seldom
                                                              : NULL;
  if (flag) {
    *flag = true;
    return expect_punct(r, '}');
  }
  if (!(take_word(r, "checkpoint") || read_unexpected(r, "'checkpoint'")) || !read_int(r, &v, -1, INT32_MAX)) return false;
  op->u.loop.checkpoint = (int)v;
  return expect_punct(r, '}');
}

static bool read_matrix(Reader *r, Op *op) {
  if (!take_punct(r, '{')) return true;
  op->u.matrix.upper = take_word(r, "upper");
  if (!op->u.matrix.upper || take_punct(r, ',')) op->u.matrix.trans = take_word(r, "trans");
  return expect_punct(r, '}');
}

static bool read_attribute(Reader *r, OpText *t) {
  Op *op = t->op;
  switch (op_info[op->code].family) {
  case FAM_SOURCE: return read_source(r, t);
  case FAM_CONTRACT: return read_contract(r, t);
  case FAM_REDUCE: return read_axes(r, &op->u.reduce.naxis, &op->u.reduce.axis, NULL);
  case FAM_SCAN: return read_one_axis(r, &op->u.scan.axis, &op->u.scan.reverse);
  case FAM_MATRIX: return read_matrix(r, op);
  case FAM_VIEW:
    if (op->code == OP_reshape) return true;
    return op->code == OP_concat ? read_one_axis(r, &op->u.axis, NULL) : read_window(r, t);
  case FAM_INDEX: return read_axes(r, &op->u.index.naxis, &op->u.index.axis, &op->u.index.masked);
  case FAM_EFFECT: return read_check(r, op);
  case FAM_CALL: return read_callee(r, op);
  case FAM_REGION: return read_loop(r, op);
  default: return true;
  }
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static bool read_opcode(Reader *r, Op *op) {
  Token at = r->tok;
  const char *name;
  if (!expect_name(r, T_IDENT, "an operation", &name)) return false;
  if ((op->code = op_named(name)) == OP_COUNT)
    return read_fail(r, token_loc(r, at), E_READ_OP, "there is no operation '%.60s'", name);
  if (op->code != OP_call && op->code != OP_derive) return true;
  at = r->tok;
  if (!expect_name(r, T_FUNC, "the function called", &name)) return false;
  Func *f = module_find(r->module, name);
  if (!f) return read_fail(r, token_loc(r, at), E_READ_FUNC, "there is no function @%s", name);
  *(op->code == OP_call ? &op->u.call.callee : &op->u.derive.callee) = f;
  return true;
}

static bool read_operands(Reader *r, OpText *t) {
  if (r->tok.kind == T_VALUE) do {
      Value *v;
      if (!read_operand(r, &v)) return false;
      PUSH(r->ctx->arena, t->opd, t->nopd, t->opd_cap) = v;
    } while (take_punct(r, ','));
  int want = op_info[t->op->code].nopd;
  if (want >= 0 && t->nopd != want)
    return read_fail(r, t->op->loc, E_OPERAND_COUNT, "%s takes %d operands, not %d", op_info[t->op->code].name, want,
                     t->nopd);
  t->op->nopd = t->nopd;
  t->op->opd = t->opd;
  return true;
}

/* Constants, which wait for their type. */
static bool settle_numbers(Reader *r, OpText *t) {
  Op *op = t->op;
  Elem e = t->type[0]->elem;
  double f;
  int64_t i;
  if (op->code == OP_const) {
    if (!number_fits(r, &t->number[0], e, &f, &i)) return false;
    if (elem_is_real(e))
      op->u.cst.f = f;
    else
      op->u.cst.i = i;
  } else if (op->code == OP_dense) {
    double *real = NEW_N(r->ctx->arena, double, t->nnumber);
    int64_t *whole = NEW_N(r->ctx->arena, int64_t, t->nnumber);
    for (int k = 0; k < t->nnumber; k++)
      if (!number_fits(r, &t->number[k], e, &real[k], &whole[k])) return false;
    op->u.dense.data = elem_is_real(e) ? (const void *)real : whole;
    op->u.dense.count = t->nnumber;
  } else if (op->code == OP_contract && t->nlabel != t->type[0]->rank)
    return read_fail(r, op->loc, E_READ_ATTRIBUTE, "the output has %d labels, but %d axes", t->nlabel,
                     t->type[0]->rank);
  return true;
}

static bool read_result_types(Reader *r, OpText *t) {
  if (take_punct(r, ':')) do {
      Type *type;
      if (!read_type(r, &type)) return false;
      PUSH(r->ctx->arena, t->type, t->ntype, t->type_cap) = type;
    } while (take_punct(r, ','));
  bool any = op_info[t->op->code].family == FAM_CALL || op_info[t->op->code].family == FAM_REGION;
  int want = any ? t->nname : op_info[t->op->code].family != FAM_EFFECT;
  if (t->ntype != want || t->nname != want)
    return read_fail(r, t->op->loc, E_RESULT_COUNT, "%s has %d results here: %d are named, and %d types given",
                     op_info[t->op->code].name, want, t->nname, t->ntype);
  return want == 0 || settle_numbers(r, t);
}

static bool define_results(Reader *r, OpText *t) {
  Op *op = t->op;
  op->nres = t->ntype;
  op->res = NEW_N(r->ctx->arena, Value *, op->nres);
  for (int i = 0; i < op->nres; i++) {
    op->res[i] = value_new(r->func, t->type[i]);
    op->res[i]->def = op;
    if (!define_value(r, token_loc(r, t->name[i]), t->name[i].name, op->res[i])) return false;
  }
  return true;
}

/* `do (params) { … yield … }` after an op */
static bool read_nested(Reader *r, Op *op) {
  int cap = 0;
  while (take_word(r, "do")) {
    Region *to = PUSH(r->ctx->arena, op->reg, op->nreg, cap) = region_new(r->func, op);
    if (!expect_punct(r, '(')) return false;
    while (r->tok.kind == T_VALUE) {
      Token at = r->tok;
      Type *type;
      next(r);
      if (!expect_punct(r, ':') || !read_type(r, &type)) return false;
      if (!define_value(r, token_loc(r, at), at.name, region_add_param(to, type, NULL))) return false;
      if (!take_punct(r, ',')) break;
    }
    if (!expect_punct(r, ')') || !expect_punct(r, '{') || !read_region_body(r, to, "yield")) return false;
  }
  return true;
}

static bool read_op(Reader *r, Region *to) {
  OpText t = {.op = NEW(r->ctx->arena, Op)};
  Token at = r->tok;
  t.op->loc = token_loc(r, at);
  if (r->tok.kind == T_VALUE) {
    do {
      if (r->tok.kind != T_VALUE) return read_unexpected(r, "a result's name");
      PUSH(r->ctx->arena, t.name, t.nname, t.name_cap) = r->tok;
      next(r);
    } while (take_punct(r, ','));
    if (!expect_punct(r, '=')) return false;
  }
  if (!read_opcode(r, t.op) || !read_operands(r, &t) || !read_attribute(r, &t)) return false;
  if (!read_result_types(r, &t) || !define_results(r, &t) || !read_nested(r, t.op)) return false;
  t.op->loc.end = r->taken_end;
  Builder b = {.ctx = r->ctx, .func = r->func, .region = to};
  op_link(&b, t.op);
  return true;
}

bool read_region_body(Reader *r, Region *to, const char *word) {
  if (++r->depth > MAX_REGION_DEPTH) return read_fail(r, token_loc(r, r->tok), E_READ_DEPTH, "nested too deep");
  while (!is_word(r, word)) {
    if (r->tok.kind != T_VALUE && r->tok.kind != T_IDENT)
      return read_unexpected(r, word[0] == 'r' ? "an operation or 'return'" : "an operation or 'yield'");
    if (!read_op(r, to)) return false;
  }
  next(r);
  Value **res = NULL;
  int n = 0, cap = 0;
  if (r->tok.kind == T_VALUE) do {
      Value *v;
      if (!read_operand(r, &v)) return false;
      PUSH(r->ctx->arena, res, n, cap) = v;
    } while (take_punct(r, ','));
  region_set_results(to, n, res);
  r->depth--;
  return expect_punct(r, '}');
}
