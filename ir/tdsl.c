/* tdsl.c - a module's functions as .tdsl source: what adc derived, for people to read and for adc to read again.
 * Requires: verified functions without `derive` ops.  Ensures: the printed functions compute the same numbers; where
 * something has no form in the language, module_tdsl says what and prints nothing.  Structs are printed as their
 * fields. */
#include "ir/tdsl.h"
#include <ctype.h>
#include <string.h>

enum { LONG_EXPRESSION = 72 };

static void line(Tdsl *p, const char *fmt, ...) ADC_PRINTF(2, 3);
static void line(Tdsl *p, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char small[256];
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(small, sizeof small, fmt, ap);
  char *s = small;
  if (n >= (int)sizeof small) {
    s = arena_alloc(p->a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
  }
  va_end(again);
  va_end(ap);
  text_add(p->out, "%*s%s\n", 2 * p->indent, "", s);
}

static const char *identifier(Tdsl *p, const char *s) {
  char *name = arena_strndup(p->a, s, strlen(s));
  for (char *q = name; *q; q++)
    if (!isalnum((unsigned char)*q)) *q = '_';
  return name;
}

/* The hint and the id: no user's name has that form unless he means to. */
const char *tdsl_name(Tdsl *p, const Value *v) {
  const char *hint = v->name ? v->name : "t";
  return arena_printf(p->a, "%s_%d", identifier(p, hint), v->id);
}

static void set_name(Tdsl *p, const Value *v, const char *name) { p->value[v->id] = (Source1){name, PREC_ATOM}; }

static const char *type_text(Tdsl *p, const Type *t) {
  const char *elem = elem_name(t->elem);
  return t->rank ? arena_printf(p->a, "%s%s", elem, tdsl_shape(p, t)) : elem;
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

static void region_ops(Tdsl *p, const Region *r);

static const char *var_copy(Tdsl *p, const Value *v, const Value *from) {
  const char *name = tdsl_name(p, v);
  line(p, "var %s = %s", name, tdsl_use(p, from, PREC_IF));
  set_name(p, v, name);
  return name;
}

/* start : stop : stride of a store; the value stored is flipped along axes of negative stride. */
static const char *store_subs(Tdsl *p, const Op *op, const Value *v, const char **value) {
  Text s;
  text_init(&s, p->a);
  for (int i = 0; i < v->type->rank; i++) {
    int64_t stride = op->u.slice.stride[i];
    Dim *n = v->type->dim[i], *one = dim_const(p->c, 1), *first = op->u.slice.start[i];
    Dim *span = dim_mul(p->c, dim_sub(p->c, n, one), dim_const(p->c, stride < 0 ? -stride : stride));
    if (stride < 0) {
      first = dim_sub(p->c, first, span);
      *value = arena_printf(p->a, "flip(%s, %d)", *value, i);
      stride = -stride;
    }
    Dim *stop = dim_add(p->c, dim_add(p->c, first, span), one);
    /* Of no elements, `stop` may lie before `first`; where the axis itself ends the slice it is left out. */
    Dim *rest = dim_add(p->c, dim_sub(p->c, op->res[0]->type->dim[i], first), dim_const(p->c, stride - 1));
    bool open = stride > 1 && dim_floordiv(p->c, rest, dim_const(p->c, stride)) == n;
    text_add(&s, "%s%s:%s", i ? ", " : "", tdsl_dim(p, first), open ? "" : tdsl_dim(p, stop));
    if (stride != 1) text_add(&s, ":%lld", (long long)stride);
  }
  return s.s;
}

static void store_slice(Tdsl *p, const Op *op, const char *to, const Value *v) {
  const char *value = tdsl_use(p, v, PREC_IF), *subs = store_subs(p, op, v, &value);
  if (v->type->rank == 0)
    line(p, "%s = %s", to, value);
  else
    line(p, "%s[%s] = %s", to, subs, value);
}

/* Subscripts of the indexed value: the indices with their batch subscript, and ':' or the given texts elsewhere. */
static const char *index_subs(Tdsl *p, const Op *op, int first, int rank, const char *batch) {
  Text s;
  text_init(&s, p->a);
  for (int i = 0; i < rank; i++) {
    int k = 0;
    while (k < op->u.index.naxis && op->u.index.axis[k] != i) k++;
    text_add(&s, i ? ", " : "");
    if (k < op->u.index.naxis)
      text_add(&s, "%s%s", tdsl_use(p, op->opd[first + k], PREC_ATOM), batch);
    else
      text_add(&s, ":");
  }
  return s.s;
}

/* z[i, …] += u over the batch axes of the indices, one loop each. */
static void scatter(Tdsl *p, const Op *op, const char *z, const Value *u, int first, int rank) {
  int nb = op->opd[first]->type->rank, id = op->res[0]->id, depth = 0;
  Text batch, rows;
  text_init(&batch, p->a);
  text_init(&rows, p->a);
  for (int i = 0; i < nb; i++) {
    line(p, "for i%d_%d in 0..%s {", i, id, tdsl_dim(p, op->opd[first]->type->dim[i]));
    p->indent++;
    depth++;
    text_add(&batch, "%si%d_%d", i ? ", " : "", i, id);
  }
  for (int i = nb; i < u->type->rank; i++) text_add(&rows, ", :");
  const char *at = nb ? arena_printf(p->a, "[%s]", batch.s) : "";
  if (op->u.index.masked) {
    line(p, "if %s%s {", tdsl_use(p, op->opd[op->nopd - 1], PREC_ATOM), at);
    p->indent++;
    depth++;
  }
  const char *row = tdsl_use(p, u, PREC_ATOM);
  bool splat = u->def && u->def->code == OP_contract && u->def->nopd == 1 && u->def->opd[0]->type->rank == 0;
  if (splat)
    row = tdsl_use(p, u->def->opd[0], PREC_IF);
  else if (nb)
    row = arena_printf(p->a, "%s[%s%s]", row, batch.s, rows.s);
  line(p, "%s[%s] += %s", z, index_subs(p, op, first, rank, at), row);
  while (depth--) {
    p->indent--;
    line(p, "}");
  }
}

static void linrec(Tdsl *p, const Op *op) {
  const Value *a = op->opd[0], *x = op->opd[1], *s = op->res[0];
  const char *name = var_copy(p, s, x), *n = tdsl_dim(p, s->type->dim[op->u.scan.axis]);
  Text before, after;
  text_init(&before, p->a);
  text_init(&after, p->a);
  for (int i = 0; i < op->u.scan.axis; i++) text_add(&before, ":, ");
  for (int i = op->u.scan.axis + 1; i < s->type->rank; i++) text_add(&after, ", :");
  const char *i = arena_printf(p->a, "i_%d", s->id), *prev = op->u.scan.reverse ? "+ 1" : "- 1";
  if (op->u.scan.reverse)
    line(p, "for %s in %s - 2..-1 by -1 {", i, n);
  else
    line(p, "for %s in 1..%s {", i, n);
  line(p, "  %s[%s%s%s] = %s[%s%s%s] * %s[%s%s %s%s] + %s[%s%s%s]", name, before.s, i, after.s,
       tdsl_use(p, a, PREC_ATOM), before.s, i, after.s, name, before.s, i, prev, after.s, name, before.s, i, after.s);
  line(p, "}");
}

static void statement_index(Tdsl *p, const Op *op) {
  const Value *y = op->res[0];
  int rank = y->type->rank;
  if (op->code == OP_scatter_add) {
    line(p, "var %s = %s", tdsl_name(p, y), tdsl_zeros(p, y->type));
    set_name(p, y, tdsl_name(p, y));
    scatter(p, op, tdsl_name(p, y), op->opd[0], 1, rank);
    return;
  }
  const char *z = var_copy(p, y, op->opd[0]);
  if (op->code == OP_scatter_acc)
    scatter(p, op, z, op->opd[1], 2, rank);
  else
    line(p, "%s[%s] = %s", z, index_subs(p, op, 2, rank, ""), tdsl_use(p, op->opd[1], PREC_IF));
}

static void statement_view(Tdsl *p, const Op *op) {
  const Value *y = op->res[0];
  if (op->code == OP_set_slice) {
    const char *z = var_copy(p, y, op->opd[0]);
    store_slice(p, op, z, op->opd[1]);
    return;
  }
  line(p, "var %s = %s", tdsl_name(p, y), tdsl_zeros(p, y->type));
  set_name(p, y, tdsl_name(p, y));
  store_slice(p, op, tdsl_name(p, y), op->opd[0]);
}

static void statement_effect(Tdsl *p, const Op *op) {
  const char *text = op->u.check.text ? op->u.check.text : "a check";
  for (const char *s = text; *s; s++)
    if (*s == '"' || *s == '\\') text = "a check";
  if (op->code == OP_check_dim_eq)
    line(p, "assert(%s == %s, \"%s\")", tdsl_dim(p, op->u.check.a), tdsl_dim(p, op->u.check.b), text);
  if (op->code == OP_check_dim_le)
    line(p, "assert(%s <= %s, \"%s\")", tdsl_dim(p, op->u.check.a), tdsl_dim(p, op->u.check.b), text);
  if (op_checks_bool(op->code))
    line(p, op->opd[0]->type->rank ? "assert(all(%s), \"%s\")" : "assert(%s, \"%s\")", tdsl_use(p, op->opd[0], PREC_IF),
         text);
  /* check_index: the gather that reads there checks again. */
}

/* ---- control flow ------------------------------------------------------------------------------------------------ */

/* a, b = x, y: at once, as carried values change. */
static void assign(Tdsl *p, int n, const char *const *to, Value *const *from) {
  Text left, right;
  text_init(&left, p->a);
  text_init(&right, p->a);
  for (int i = 0; i < n; i++) {
    const char *value = tdsl_use(p, from[i], PREC_IF);
    if (strcmp(value, to[i]) == 0) continue;
    text_add(&left, "%s%s", left.len ? ", " : "", to[i]);
    text_add(&right, "%s%s", right.len ? ", " : "", value);
  }
  if (left.len) line(p, "%s = %s", left.s, right.s);
}

static const char **carry(Tdsl *p, const Op *op, int first) {
  int n = op->nres;
  const char **name = NEW_N(p->a, const char *, n + 1);
  for (int i = 0; i < n; i++) name[i] = var_copy(p, op->res[i], op->opd[first + i]);
  return name;
}

static void statement_if(Tdsl *p, const Op *op) {
  const char **name = NEW_N(p->a, const char *, op->nres + 1);
  for (int i = 0; i < op->nres; i++) {
    name[i] = tdsl_name(p, op->res[i]);
    line(p, "var %s = %s", name[i], tdsl_zeros(p, op->res[i]->type));
    set_name(p, op->res[i], name[i]);
  }
  for (int k = 0; k < 2; k++) {
    if (k == 0)
      line(p, "if %s {", tdsl_use(p, op->opd[0], PREC_IF));
    else
      line(p, "} else {");
    p->indent++;
    region_ops(p, op->reg[k]);
    assign(p, op->nres, name, op->reg[k]->res);
    p->indent--;
  }
  line(p, "}");
}

static void statement_for(Tdsl *p, const Op *op) {
  const char **name = carry(p, op, 3), *i = tdsl_name(p, op->reg[0]->param[0]);
  const char *from = tdsl_use(p, op->opd[0], PREC_NEG), *to = tdsl_use(p, op->opd[1], PREC_NEG),
             *by = tdsl_use(p, op->opd[2], PREC_NEG);
  if (strcmp(by, "1") == 0)
    line(p, "for %s in %s..%s {", i, from, to);
  else
    line(p, "for %s in %s..%s by %s {", i, from, to, by);
  p->indent++;
  set_name(p, op->reg[0]->param[0], i);
  for (int k = 0; k < op->nres; k++) set_name(p, op->reg[0]->param[1 + k], name[k]);
  region_ops(p, op->reg[0]);
  assign(p, op->nres, name, op->reg[0]->res);
  p->indent--;
  line(p, "}");
}

/* The condition is computed before the loop and at the end of each turn: it may take statements. */
static void statement_while(Tdsl *p, const Op *op) {
  const char **name = carry(p, op, 0), *go = arena_printf(p->a, "go_%d", op->reg[0]->res[0]->id);
  for (int k = 0; k < op->nres; k++) {
    set_name(p, op->reg[0]->param[k], name[k]);
    set_name(p, op->reg[1]->param[k], name[k]);
  }
  region_ops(p, op->reg[0]);
  line(p, "var %s = %s", go, tdsl_use(p, op->reg[0]->res[0], PREC_IF));
  line(p, "while %s {", go);
  p->indent++;
  region_ops(p, op->reg[1]);
  assign(p, op->nres, name, op->reg[1]->res);
  region_ops(p, op->reg[0]);
  line(p, "%s = %s", go, tdsl_use(p, op->reg[0]->res[0], PREC_IF));
  p->indent--;
  line(p, "}");
}

/* Functions made by passes may know sizes that no parameter has: they get int parameters, after the others. */
static bool lacks(const Tdsl *p, const Func *f, Sym *s) {
  Dim *bare = dim_sym(p->c, s);
  for (int i = 0; i < f->nin; i++)
    if (f->in[i].sym == s) return false;
  for (int i = 0; i < f->body->nparam; i++)
    for (int k = 0; k < f->body->param[i]->type->rank; k++)
      if (f->body->param[i]->type->dim[k] == bare) return false;
  return true;
}

/* A function of C is declared by its own name. */
static const char *function_name(Tdsl *p, const Func *f) { return f->external ? f->external : identifier(p, f->name); }

static void statement_call(Tdsl *p, const Op *op) {
  Text args, names;
  text_init(&args, p->a);
  text_init(&names, p->a);
  const Func *f = op->u.call.callee;
  for (int i = 0; i < f->nin; i++) {
    const Port *port = &f->in[i];
    for (int k = 0; k < port->nleaf; k++)
      text_add(&args, "%s%s", args.len ? ", " : "", tdsl_use(p, op->opd[port->first + k], PREC_IF));
    for (int s = 0; port->sym && s < op->u.call.nsubst; s++)
      if (op->u.call.subst[s].from == port->sym)
        text_add(&args, "%s%s", args.len ? ", " : "", tdsl_dim(p, op->u.call.subst[s].to));
  }
  for (int i = 0; i < f->nsym; i++)
    for (int s = 0; s < op->u.call.nsubst && lacks(p, f, f->sym[i]); s++)
      if (op->u.call.subst[s].from == f->sym[i])
        text_add(&args, "%s%s", args.len ? ", " : "", tdsl_dim(p, op->u.call.subst[s].to));
  for (int i = 0; i < op->nres; i++) {
    text_add(&names, "%s%s", i ? ", " : "", tdsl_name(p, op->res[i]));
    set_name(p, op->res[i], tdsl_name(p, op->res[i]));
  }
  line(p, op->nres == 1 ? "let %s = %s(%s)" : "let (%s) = %s(%s)", names.s, function_name(p, f), args.s);
}

static void statement(Tdsl *p, const Op *op) {
  switch (op->code) {
  case OP_if: statement_if(p, op); return;
  case OP_for: statement_for(p, op); return;
  case OP_while: statement_while(p, op); return;
  case OP_call: statement_call(p, op); return;
  case OP_linrec: linrec(p, op); return;
  case OP_embed:
  case OP_set_slice: statement_view(p, op); return;
  case OP_scatter_add:
  case OP_scatter_acc:
  case OP_set: statement_index(p, op); return;
  default:
    if (op_info[op->code].family == FAM_EFFECT)
      statement_effect(p, op);
    else
      tdsl_fail(p, op_info[op->code].name);
  }
}

/* A symbol known only at run time gets the name of the value that it is bound to. */
static void bind_symbol(Tdsl *p, const Op *op) {
  const char *name = tdsl_name(p, op->res[0]);
  line(p, "let %s = %s", name, tdsl_use(p, op->opd[0], PREC_IF));
  set_name(p, op->res[0], name);
  Sym *s = sym_new(p->c, SYM_VALUE, intern(p->c, name), op->loc);
  for (int i = 0; i < p->nrename; i++)
    if (p->rename[i].from == op->u.sym) {
      p->rename[i].to = dim_sym(p->c, s);
      return;
    }
  PUSH(p->a, p->rename, p->nrename, p->rename_cap) = (DimSubst){op->u.sym, dim_sym(p->c, s)};
}

static bool is_sliced(const Region *r, const Value *v) {
  for_each_op(op, r) {
    if (op->code == OP_slice && op->opd[0] == v) return true;
    for (int i = 0; i < op->nreg; i++)
      if (is_sliced(op->reg[i], v)) return true;
  }
  return false;
}

/* Scalars and what is read once in the same region may stand where they are read.  What a slice reads has a name: it
 * stands inside a comprehension, which would compute it for every element. */
static bool stays_inline(Tdsl *p, const Op *op, Source1 s) {
  const Value *v = op->res[0];
  if (v->type->rank && is_sliced(op->parent, v)) return false;
  if (op->code == OP_const || op->code == OP_dim) return true;
  if (op->code == OP_contract && op->nopd == 1 && op->opd[0]->type->rank == 0 && op->opd[0]->def &&
      op->opd[0]->def->code == OP_const)
    return true;
  if (tdsl_is_factors(op)) return true;
  Family fam = op_info[op->code].family;
  bool simple =
      fam == FAM_MAP || (fam == FAM_CONTRACT && op->nopd == 1) || (op->code == OP_gather && v->type->rank == 0);
  return simple && p->uses[v->id] == 1 && p->user[v->id] == op->parent && strlen(s.text) < LONG_EXPRESSION;
}

static void region_ops(Tdsl *p, const Region *r) {
  for_each_op(op, r) {
    if (op->code == OP_sym) {
      bind_symbol(p, op);
      continue;
    }
    Source1 s = tdsl_expr(p, op);
    if (!s.text) {
      statement(p, op);
    } else if (stays_inline(p, op, s)) {
      p->value[op->res[0]->id] = s;
    } else {
      const char *name = tdsl_name(p, op->res[0]);
      line(p, "let %s = %s", name, s.text);
      set_name(p, op->res[0], name);
    }
  }
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static void count_region(Tdsl *p, Region *r) {
  for_each_op(op, r) {
    for (int i = 0; i < op->nopd; i++) {
      p->uses[op->opd[i]->id]++;
      p->user[op->opd[i]->id] = r;
    }
    for (int i = 0; i < op->nreg; i++) count_region(p, op->reg[i]);
  }
  for (int i = 0; i < r->nres; i++) {
    p->uses[r->res[i]->id]++;
    p->user[r->res[i]->id] = r;
  }
}

/* Functions made by passes may have parameters of one name. */
static const char *parameter_name(Tdsl *p, int i, const char *name) {
  for (int k = 0; k < i; k++) {
    const char *taken = p->value[p->f->body->param[k]->id].text;
    if (taken && strcmp(taken, name) == 0) return parameter_name(p, i, arena_printf(p->a, "%s_", name));
  }
  return name;
}

static void name_parameter(Tdsl *p, int i, const char *name) {
  set_name(p, p->f->body->param[i], parameter_name(p, i, name));
}

static void parameters(Tdsl *p, Text *t) {
  Func *f = p->f;
  for (int i = 0; i < f->nin; i++) {
    const Port *port = &f->in[i];
    if (port->sym) text_add(t, "%s%s: int", t->len ? ", " : "", port->sym->name);
    for (int k = 0; k < port->nleaf; k++) {
      Value *v = f->body->param[port->first + k];
      name_parameter(p, port->first + k, identifier(p, port_leaf_name(p->c, port, k)));
      text_add(t, "%s%s: %s", t->len ? ", " : "", p->value[v->id].text, type_text(p, v->type));
    }
  }
  for (int i = 0; i < f->nsym; i++)
    if (lacks(p, f, f->sym[i])) text_add(t, "%s%s: int", t->len ? ", " : "", f->sym[i]->name);
}

/* Where a derivative block reads the results, no parameter may hide one. */
static const char *result_name(Tdsl *p, const char *name) {
  return p->f->adjoint ? parameter_name(p, p->f->body->nparam, name) : name;
}

static void head(Tdsl *p) {
  Func *f = p->f;
  Text params, results;
  text_init(&params, p->a);
  text_init(&results, p->a);
  parameters(p, &params);
  for (int i = 0; i < f->nout; i++)
    for (int k = 0; k < f->out[i].nleaf; k++)
      text_add(&results, "%s%s: %s", results.len ? ", " : "", result_name(p, identifier(p, port_leaf_name(p->c, &f->out[i], k))),
               type_text(p, f->body->res[f->out[i].first + k]->type));
  const char *kind = f->external ? "extern " : f->exported ? "" : "local ";
  line(p, "%sfn %s(%s) -> (%s)%s", kind, function_name(p, f), params.s, results.s, f->external ? "" : " {");
}

static Tdsl start(Func *f, Text *out) {
  Arena *a = f->module->ctx->arena;
  Tdsl p = {.c = f->module->ctx, .a = a, .f = f, .out = out};
  p.value = NEW_N(a, Source1, f->nvalue + 1);
  p.uses = NEW_N(a, int, f->nvalue + 1);
  p.user = NEW_N(a, Region *, f->nvalue + 1);
  count_region(&p, f->body);
  return p;
}

static void body(Tdsl *p) {
  const Region *r = p->f->body;
  Text results;
  p->indent = 1;
  region_ops(p, r);
  text_init(&results, p->a);
  for (int i = 0; i < r->nres; i++) text_add(&results, "%s%s", i ? ", " : "", tdsl_use(p, r->res[i], PREC_IF));
  line(p, r->nres == 1 ? "return %s" : "return (%s)", results.s);
  p->indent = 0;
  line(p, "}");
}

/* The rule's parameters are the function's, its results by their labels, and the seeds. */
static const char *derivative_block(Tdsl *primal) {
  Func *f = primal->f;
  Tdsl p = start(f->adjoint, primal->out);
  Text seeds;
  int n = 0;
  text_init(&seeds, p.a);
  for (; n < f->body->nparam; n++) set_name(&p, p.f->body->param[n], primal->value[f->body->param[n]->id].text);
  for (int i = 0; i < f->nout; i++)
    for (int k = 0; k < f->out[i].nleaf; k++)
      name_parameter(&p, n++, identifier(&p, port_leaf_name(p.c, &f->out[i], k)));
  for (; n < p.f->body->nparam; n++) {
    name_parameter(&p, n, "seed");
    text_add(&seeds, "%s%s", seeds.len ? ", " : "", p.value[p.f->body->param[n]->id].text);
  }
  line(&p, "derivative(%s) {", seeds.s);
  body(&p);
  return p.failed;
}

static const char *print_function(Func *f, Text *out) {
  Tdsl p = start(f, out);
  head(&p);
  if (!f->external) body(&p);
  const char *failed = f->adjoint ? derivative_block(&p) : NULL;
  return p.failed ? p.failed : failed;
}

static void mark_callees(Module *m, Region *r, bool *wanted) {
  for_each_op(op, r) {
    for (int i = 0; i < m->nfunc && op->code == OP_call; i++)
      if (m->func[i] == op->u.call.callee && !wanted[i]) {
        wanted[i] = true;
        mark_callees(m, m->func[i]->body, wanted);
        if (m->func[i]->adjoint) mark_callees(m, m->func[i]->adjoint->body, wanted);
      }
    for (int i = 0; i < op->nreg; i++) mark_callees(m, op->reg[i], wanted);
  }
}

bool module_tdsl(Text *t, Module *m, const char **why) {
  bool *wanted = NEW_N(m->ctx->arena, bool, m->nfunc + 1), derived = false;
  for (int i = 0; i < m->nfunc; i++) derived = derived || (m->func[i]->exported && m->func[i]->kind != FUNC_PRIMAL);
  for (int i = 0; i < m->nfunc; i++) {
    Func *f = m->func[i];
    if (!f->exported || (derived && f->kind == FUNC_PRIMAL)) continue;
    wanted[i] = true;
    mark_callees(m, f->body, wanted);
  }
  for (int i = 0; i < m->nfunc; i++) {
    if (!wanted[i]) continue;
    if (t->len) text_add(t, "\n");
    *why = print_function(m->func[i], t);
    if (*why) return false;
  }
  return true;
}
