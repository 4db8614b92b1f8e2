/* infer.c - the type rules of operations: sources, maps, effects and calls; the others are in infer_shape.c and
 * infer_index.c.  The builder, the reader (by the verifier) and the verifier all go through infer_op.
 *
 * Ensures: when infer_op is true, in->result is the type of the op's one result (NULL for effects and calls); when
 * false, code and text say which rule is broken. */
#include "ir/internal.h"

bool infer_fail(Infer *in, int code, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  in->code = code;
  in->text = arena_printf(in->ctx->arena, "%s", text);
  in->result = NULL;
  return false;
}

static bool (*const family_rule[FAM_COUNT])(Infer *) = {
    [FAM_SOURCE] = infer_source, [FAM_MAP] = infer_map,       [FAM_CONTRACT] = infer_contract,
    [FAM_REDUCE] = infer_reduce, [FAM_SCAN] = infer_scan,     [FAM_VIEW] = infer_view,
    [FAM_INDEX] = infer_index,   [FAM_EFFECT] = infer_effect, [FAM_CALL] = infer_call,
    [FAM_REGION] = infer_region, [FAM_MATRIX] = infer_matrix,
};

bool infer_op(Infer *in) {
  const Op *op = in->op;
  const OpInfo *info = &op_info[op->code];
  in->result = NULL;
  in->code = 0;
  if (info->nopd >= 0 && op->nopd != info->nopd)
    return infer_fail(in, E_OPERAND_COUNT, "%s takes %d operands, not %d", info->name, info->nopd, op->nopd);
  return family_rule[info->family](in);
}

/* ---- source ------------------------------------------------------------------------------------------------------ */

static bool infer_dense(Infer *in) {
  int64_t count;
  if (!in->given) return infer_fail(in, E_DENSE, "a dense constant needs a type");
  Dim *n = type_count(in->ctx, in->given);
  if (!dim_is_const(n, &count) || count != in->op->u.dense.count || (count && !in->op->u.dense.data))
    return infer_fail(in, E_DENSE, "%lld numbers do not fill %s", (long long)in->op->u.dense.count,
                      ir_show_type(in->ctx, in->given));
  in->result = in->given;
  return true;
}

bool infer_source(Infer *in) {
  const Op *op = in->op;
  Type *i64 = type_scalar(in->ctx, I64);
  switch (op->code) {
  case OP_const:
    if (!in->given || in->given->rank)
      return infer_fail(in, E_CONST, "a constant is a scalar, not %s", ir_show_type(in->ctx, in->given));
    in->result = in->given;
    return true;
  case OP_dense: return infer_dense(in);
  case OP_iota:
    if (!in->given || !elem_is_int(in->given->elem) || op->u.axis < 0 || op->u.axis >= in->given->rank)
      return infer_fail(in, E_IOTA, "iota along axis %d needs an int type with that axis, not %s", op->u.axis,
                        ir_show_type(in->ctx, in->given));
    in->result = in->given;
    return true;
  case OP_sym:
    if (op->opd[0]->type != i64)
      return infer_fail(in, E_SYM_OPERAND, "a symbol is bound to an i64 scalar, not to %s",
                        ir_show_type(in->ctx, op->opd[0]->type));
    if (!op->u.sym || op->u.sym->kind != SYM_VALUE)
      return infer_fail(in, E_SYM_OPERAND, "sym binds a symbol of the body only");
    in->result = i64;
    return true;
  default: in->result = i64; return true;
  }
}

/* ---- map --------------------------------------------------------------------------------------------------------- */

static bool elem_allowed(MapSig sig, Opcode code, int i, Elem e) {
  switch (sig) {
  case SIG_REAL: return elem_is_real(e);
  case SIG_NUM: return e != BOOL;
  case SIG_INT: return e == I64 || (e == I32 && code == OP_ipow);
  case SIG_BOOL: return e == BOOL;
  case SIG_COMPARE: return e != BOOL || code == OP_eq || code == OP_ne;
  case SIG_SELECT: return i > 0 || e == BOOL;
  case SIG_POLY: return i == 0 ? elem_is_int(e) : elem_is_real(e);
  default: return true;
  }
}

bool infer_map(Infer *in) {
  const Op *op = in->op;
  MapSig sig = op_info[op->code].sig;
  Type *last = op->opd[op->nopd - 1]->type;
  int first = sig == SIG_SELECT || sig == SIG_POLY; /* from here on, operands are of one type */
  for (int i = 0; i < op->nopd; i++) {
    Type *t = op->opd[i]->type;
    if (!same_shape(t, last))
      return infer_fail(in, E_MAP_SHAPE, "operands of %s have different shapes: %s and %s", op_info[op->code].name,
                        ir_show_type(in->ctx, t), ir_show_type(in->ctx, last));
    if (!elem_allowed(sig, op->code, i, t->elem) || (i >= first && t->elem != last->elem))
      return infer_fail(in, E_MAP_ELEM, "operand %d of %s may not be %s", i + 1, op_info[op->code].name,
                        ir_show_type(in->ctx, t));
  }
  if (sig == SIG_CAST) {
    if (!in->given) return infer_fail(in, E_RESULT_TYPE, "a cast needs a result type");
    in->result = type_with_elem(in->ctx, last, in->given->elem);
  } else
    in->result = sig == SIG_COMPARE ? type_with_elem(in->ctx, last, BOOL) : last;
  return true;
}

/* ---- effect ------------------------------------------------------------------------------------------------------ */

bool infer_effect(Infer *in) {
  const Op *op = in->op;
  const char *name = op_info[op->code].name;
  switch (op->code) {
  case OP_check_index:
    if (op->nopd < 1 || op->nopd > 2)
      return infer_fail(in, E_OPERAND_COUNT, "%s takes 1 or 2 operands, not %d", name, op->nopd);
    if (!op->u.check.a) return infer_fail(in, E_CHECK, "%s needs a limit", name);
    if (!elem_is_int(op->opd[0]->type->elem))
      return infer_fail(in, E_CHECK, "%s of %s, which is not int", name, ir_show_type(in->ctx, op->opd[0]->type));
    if (op->nopd == 2 && op->opd[1]->type != type_with_elem(in->ctx, op->opd[0]->type, BOOL))
      return infer_fail(in, E_CHECK, "the mask of %s is %s, its index %s", name,
                        ir_show_type(in->ctx, op->opd[1]->type), ir_show_type(in->ctx, op->opd[0]->type));
    return true;
  case OP_assert:
  case OP_check_finite:
    if (op->opd[0]->type->elem != BOOL)
      return infer_fail(in, E_ASSERT, "%s of %s, which is not bool", name, ir_show_type(in->ctx, op->opd[0]->type));
    return true;
  default:
    if (!op->u.check.a || !op->u.check.b) return infer_fail(in, E_CHECK, "%s needs two dimensions", name);
    return true;
  }
}

/* ---- call -------------------------------------------------------------------------------------------------------- */

bool subst_covers(Infer *in, const Func *f, int n, const DimSubst *subst) {
  const char *what = op_info[in->op->code].name;
  for (int i = 0; i < f->nsym; i++) {
    int found = 0;
    for (int j = 0; j < n; j++) found += subst[j].from == f->sym[i] && subst[j].to;
    if (found != 1)
      return infer_fail(in, E_CALL_SUBST, "the %s of %s gives its symbol %s %s", what, f->name, f->sym[i]->name,
                        found ? "twice" : "no value");
  }
  return n == f->nsym || infer_fail(in, E_CALL_SUBST, "the %s of %s gives a symbol that it has not", what, f->name);
}

bool infer_call(Infer *in) {
  const Op *op = in->op;
  if (op->code == OP_derive) {
    int n;
    Type **types;
    return infer_derive(in, &n, &types);
  }
  const Func *f = op->u.call.callee;
  if (!f) return infer_fail(in, E_CALL_CALLEE, "a call of no function");
  if (!subst_covers(in, f, op->u.call.nsubst, op->u.call.subst)) return false;
  if (op->nopd != f->body->nparam)
    return infer_fail(in, E_CALL_OPERAND, "%s takes %d operands, not %d", f->name, f->body->nparam, op->nopd);
  for (int i = 0; i < op->nopd; i++) {
    Type *want = type_subst(in->ctx, f->body->param[i]->type, op->u.call.subst, op->u.call.nsubst);
    if (want != op->opd[i]->type)
      return infer_fail(in, E_CALL_OPERAND, "operand %d of the call of %s is %s, not %s", i + 1, f->name,
                        ir_show_type(in->ctx, op->opd[i]->type), ir_show_type(in->ctx, want));
  }
  return true;
}
