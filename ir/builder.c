/* builder.c - making operations: linking, sources, maps, effects and calls; builder_tensor.c has the rest.
 *
 * Requires operands that obey the family's type rule (a broken rule is a bug); ensures the new op's result type. */
#include "ir/internal.h"
#include <math.h>

Builder builder_at_end(Func *f) {
  return (Builder){.ctx = f->module->ctx, .func = f, .region = f->body, .loc = f->loc};
}

/* ---- linking ----------------------------------------------------------------------------------------------------- */

static void link_between(Op *op, Region *r, Op *prev, Op *next) {
  op->parent = r;
  op->prev = prev;
  op->next = next;
  *(prev ? &prev->next : &r->first) = op;
  *(next ? &next->prev : &r->last) = op;
}

void op_link(Builder *b, Op *op) {
  if (b->before)
    link_between(op, b->before->parent, b->before->prev, b->before);
  else
    link_between(op, b->region, b->region->last, NULL);
}

void op_remove(Op *op) {
  if (!op->parent) return;
  *(op->prev ? &op->prev->next : &op->parent->first) = op->next;
  *(op->next ? &op->next->prev : &op->parent->last) = op->prev;
  op->parent = NULL;
  op->prev = op->next = NULL;
}

void op_move_before(Op *op, Op *before) {
  if (op == before) return;
  op_remove(op);
  link_between(op, before->parent, before->prev, before);
}

static void set_results(Builder *b, Op *op, int nres, Type *const *types) {
  op->nres = nres;
  op->res = NEW_N(b->ctx->arena, Value *, nres);
  for (int i = 0; i < nres; i++) {
    op->res[i] = value_new(b->func, types[i]);
    op->res[i]->def = op;
  }
}

Op *op_start(Builder *b, Opcode code, int nopd, Value *const *opd) {
  Op *op = NEW(b->ctx->arena, Op);
  op->code = code;
  op->loc = b->loc;
  op->nopd = nopd;
  op->opd = arena_dup(b->ctx->arena, opd, sizeof *opd * (size_t)nopd);
  for (int i = 0; i < nopd; i++)
    if (!opd[i]) bug("operand %d of %s is missing", i, op_info[code].name);
  return op;
}

Op *b_op(Builder *b, Opcode code, int nopd, Value *const *opd, int nres, Type *const *types) {
  Op *op = op_start(b, code, nopd, opd);
  set_results(b, op, nres, types);
  op_link(b, op);
  return op;
}

Op *op_finish(Builder *b, Op *op, Type *given) {
  Infer in = {.ctx = b->ctx, .op = op, .given = given};
  if (!infer_op(&in)) bug("in %s: %s", b->func->name, in.text);
  set_results(b, op, in.result != NULL, &in.result);
  op_link(b, op);
  return op;
}

Value *op_value(Builder *b, Op *op, Type *given) { return op_finish(b, op, given)->res[0]; }

/* ---- source ------------------------------------------------------------------------------------------------------ */

Value *b_const(Builder *b, Elem e, double v) {
  Op *op = op_start(b, OP_const, 0, NULL);
  if (e == F32)
    op->u.cst.f = (double)(float)v;
  else if (e == F64)
    op->u.cst.f = v;
  else if (e == BOOL)
    op->u.cst.i = v != 0;
  else
    op->u.cst.i = isnan(v) ? 0 : v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : (int64_t)v;
  return op_value(b, op, type_scalar(b->ctx, e));
}

static Value *const_int(Builder *b, Elem e, int64_t v) {
  Op *op = op_start(b, OP_const, 0, NULL);
  op->u.cst.i = v;
  return op_value(b, op, type_scalar(b->ctx, e));
}

Value *b_int(Builder *b, int64_t v) { return const_int(b, I64, v); }
Value *b_bool(Builder *b, bool v) { return const_int(b, BOOL, v); }
Value *b_splat(Builder *b, const Type *t, double v) { return b_broadcast_scalar(b, b_const(b, t->elem, v), t); }

Value *b_dense(Builder *b, Type *t, const void *data, int64_t count) {
  Op *op = op_start(b, OP_dense, 0, NULL);
  op->u.dense.data = arena_dup(b->ctx->arena, data, (size_t)count * 8);
  op->u.dense.count = count;
  return op_value(b, op, t);
}

Value *b_dim(Builder *b, Dim *d) {
  if (!d) bug("a dimension that overflowed");
  Op *op = op_start(b, OP_dim, 0, NULL);
  op->u.dim = d;
  return op_value(b, op, NULL);
}

Value *b_sym(Builder *b, Value *v, Sym *s) {
  Op *op = op_start(b, OP_sym, 1, &v);
  op->u.sym = s;
  return op_value(b, op, NULL);
}

Value *b_iota(Builder *b, Type *t, int axis) {
  Op *op = op_start(b, OP_iota, 0, NULL);
  op->u.axis = axis;
  return op_value(b, op, t);
}

/* ---- map --------------------------------------------------------------------------------------------------------- */

Value *b_map(Builder *b, Opcode code, int nopd, Value *const *opd) {
  if (op_info[code].family != FAM_MAP || code == OP_cast) bug("b_map of %s", op_info[code].name);
  return op_value(b, op_start(b, code, nopd, opd), NULL);
}

Value *b_map1(Builder *b, Opcode code, Value *x) { return b_map(b, code, 1, &x); }
Value *b_map2(Builder *b, Opcode code, Value *x, Value *y) { return b_map(b, code, 2, (Value *[]){x, y}); }
Value *b_select(Builder *b, Value *p, Value *x, Value *y) { return b_map(b, OP_select, 3, (Value *[]){p, x, y}); }

Value *b_cast(Builder *b, Value *x, Elem e) {
  if (x->type->elem == e) return x;
  return op_value(b, op_start(b, OP_cast, 1, &x), type_with_elem(b->ctx, x->type, e));
}

/* ---- effect ------------------------------------------------------------------------------------------------------ */

void b_check_index(Builder *b, Value *idx, Dim *limit, Value *mask, const char *text) {
  Op *op = op_start(b, OP_check_index, mask ? 2 : 1, (Value *[]){idx, mask});
  op->u.check.text = text;
  op->u.check.a = limit;
  op_finish(b, op, NULL);
}

void b_check_dim(Builder *b, Opcode code, Dim *x, Dim *y, const char *text) {
  if (code != OP_check_dim_eq && code != OP_check_dim_le) bug("b_check_dim of %s", op_info[code].name);
  if (x == y || (code == OP_check_dim_le && dim_le(b->ctx, x, y))) return;
  Op *op = op_start(b, code, 0, NULL);
  op->u.check.text = text;
  op->u.check.a = x;
  op->u.check.b = y;
  op_finish(b, op, NULL);
}

static void check_holds(Builder *b, Opcode code, Value *cond, const char *text) {
  Op *op = op_start(b, code, 1, &cond);
  op->u.check.text = text;
  op_finish(b, op, NULL);
}

void b_assert(Builder *b, Value *cond, const char *text) { check_holds(b, OP_assert, cond, text); }
void b_check_finite(Builder *b, Value *cond, const char *text) { check_holds(b, OP_check_finite, cond, text); }

/* ---- call -------------------------------------------------------------------------------------------------------- */

Op *b_call_typed(Builder *b, Func *callee, int nopd, Value *const *opd, int nsubst, const DimSubst *subst, int nres,
                 Type *const *types) {
  Op *op = op_start(b, OP_call, nopd, opd);
  op->u.call.callee = callee;
  op->u.call.nsubst = nsubst;
  op->u.call.subst = arena_dup(b->ctx->arena, subst, sizeof *subst * (size_t)nsubst);
  op_finish(b, op, NULL);
  set_results(b, op, nres, types);
  return op;
}

Op *b_call(Builder *b, Func *callee, int nopd, Value *const *opd, int nsubst, const DimSubst *subst) {
  int n = callee->body->nres;
  Type **types = NEW_N(b->ctx->arena, Type *, n);
  for (int i = 0; i < n; i++)
    if (!(types[i] = type_subst(b->ctx, callee->body->res[i]->type, subst, nsubst))) bug("a dimension that overflowed");
  return b_call_typed(b, callee, nopd, opd, nsubst, subst, n, types);
}

Op *b_derive(Builder *b, Func *callee, DeriveKind kind, int nwrt, const int *wrt, int nopd, Value *const *opd, int nsubst,
             const DimSubst *subst, int nbatch) {
  Op *op = op_start(b, OP_derive, nopd, opd);
  op->u.derive.nbatch = nbatch;
  op->u.derive.callee = callee;
  op->u.derive.kind = kind;
  op->u.derive.nwrt = nwrt;
  op->u.derive.wrt = arena_dup(b->ctx->arena, wrt, sizeof *wrt * (size_t)nwrt);
  op->u.derive.nsubst = nsubst;
  op->u.derive.subst = arena_dup(b->ctx->arena, subst, sizeof *subst * (size_t)nsubst);
  Infer in = {.ctx = b->ctx, .op = op};
  int n;
  Type **types;
  if (!infer_derive(&in, &n, &types)) bug("in %s: %s", b->func->name, in.text);
  set_results(b, op, n, types);
  op_link(b, op);
  return op;
}
