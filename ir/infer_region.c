/* infer_region.c - the type rules of if, for, while and derive: those of operands, of regions' parameters and of results.
 * What regions yield is compared by the verifier, after the regions themselves. */
#include "ir/internal.h"

/* ---- regions ----------------------------------------------------------------------------------------------------- */

static bool region_count(Infer *in, int want) {
  return in->op->nreg == want || infer_fail(in, E_REGION_COUNT, "%s holds %d regions, not %d", op_info[in->op->code].name,
                                            want, in->op->nreg);
}

static bool region_params(Infer *in, const Region *r, int n, Value *const *carried, int skip) {
  const char *name = op_info[in->op->code].name;
  if (r->nparam != skip + n)
    return infer_fail(in, E_CARRIED, "a region of %s has %d parameters, not %d", name, r->nparam, skip + n);
  for (int i = 0; i < n; i++)
    if (r->param[skip + i]->type != carried[i]->type)
      return infer_fail(in, E_CARRIED, "carried value %d of %s is %s, but its parameter is %s", i + 1, name,
                        ir_show_type(in->ctx, carried[i]->type), ir_show_type(in->ctx, r->param[skip + i]->type));
  return true;
}

/* Results have the types of the initial values; while the op is being built it has none. */
static bool carried_results(Infer *in, int n, Value *const *carried) {
  const Op *op = in->op;
  const char *name = op_info[op->code].name;
  if (!op->res) return true;
  if (op->nres != n) return infer_fail(in, E_CARRIED, "%s carries %d values, but has %d results", name, n, op->nres);
  for (int i = 0; i < n; i++)
    if (op->res[i]->type != carried[i]->type)
      return infer_fail(in, E_CARRIED, "carried value %d of %s is %s, but the result is %s", i + 1, name,
                        ir_show_type(in->ctx, carried[i]->type), ir_show_type(in->ctx, op->res[i]->type));
  return true;
}

static bool infer_for(Infer *in) {
  const Op *op = in->op;
  Type *i64 = type_scalar(in->ctx, I64);
  if (op->nopd < 3) return infer_fail(in, E_OPERAND_COUNT, "for takes at least 3 operands, not %d", op->nopd);
  for (int i = 0; i < 3; i++)
    if (op->opd[i]->type != i64)
      return infer_fail(in, E_LOOP_RANGE, "for counts in i64 scalars, not in %s", ir_show_type(in->ctx, op->opd[i]->type));
  int n = op->nopd - 3;
  if (!region_count(in, 1) || !region_params(in, op->reg[0], n, op->opd + 3, 1)) return false;
  if (op->reg[0]->param[0]->type != i64)
    return infer_fail(in, E_LOOP_RANGE, "the index of for is an i64 scalar, not %s",
                      ir_show_type(in->ctx, op->reg[0]->param[0]->type));
  return carried_results(in, n, op->opd + 3);
}

bool infer_region(Infer *in) {
  const Op *op = in->op;
  switch (op->code) {
  case OP_for: return infer_for(in);
  case OP_while:
    return region_count(in, 2) && region_params(in, op->reg[0], op->nopd, op->opd, 0) &&
           region_params(in, op->reg[1], op->nopd, op->opd, 0) && carried_results(in, op->nopd, op->opd);
  default:
    if (op->opd[0]->type != type_scalar(in->ctx, BOOL))
      return infer_fail(in, E_CONDITION, "the condition of if is a bool scalar, not %s",
                        ir_show_type(in->ctx, op->opd[0]->type));
    return region_count(in, 2) && region_params(in, op->reg[0], 0, NULL, 0) && region_params(in, op->reg[1], 0, NULL, 0);
  }
}

/* ---- derive ------------------------------------------------------------------------------------------------------ */

/* Types in the caller's terms, as they are collected. */
typedef struct Leaves { Type **t; int n, cap; } Leaves;

static bool add_leaf(Infer *in, Leaves *l, Type *t) {
  Type *u = type_subst(in->ctx, t, in->op->u.derive.subst, in->op->u.derive.nsubst);
  if (!u) return infer_fail(in, E_CALL_SUBST, "a dimension of %s overflows", in->op->u.derive.callee->name);
  PUSH(in->ctx->arena, l->t, l->n, l->cap) = u;
  return true;
}

static bool all_leaves(Infer *in, Leaves *l, int n, Value *const *v, bool only_real) {
  for (int i = 0; i < n; i++)
    if ((!only_real || elem_is_real(v[i]->type->elem)) && !add_leaf(in, l, v[i]->type)) return false;
  return true;
}

static bool wrt_leaves(Infer *in, Leaves *l) {
  const Op *op = in->op;
  const Func *f = op->u.derive.callee;
  for (int i = 0; i < op->u.derive.nwrt; i++) {
    int at = op->u.derive.wrt[i], before = l->n;
    for (int j = 0; j < i; j++)
      if (op->u.derive.wrt[j] == at) return infer_fail(in, E_DERIVE, "parameter %d of %s is named twice", at, f->name);
    if (at < 0 || at >= f->nin) return infer_fail(in, E_DERIVE, "%s has no parameter %d", f->name, at);
    if (f->in[at].first + f->in[at].nleaf > f->body->nparam) return infer_fail(in, E_DERIVE, "%s has no complete ports", f->name);
    if (!all_leaves(in, l, f->in[at].nleaf, f->body->param + f->in[at].first, true)) return false;
    if (l->n == before) return infer_fail(in, E_DERIVE, "parameter %d of %s is not real", at, f->name);
  }
  return l->n > 0 || infer_fail(in, E_DERIVE, "the derivative of %s is taken of no parameter", f->name);
}

static bool product_leaves(Infer *in, const Leaves *x, const Leaves *y, Leaves *to) {
  int nbatch = in->op->u.derive.nbatch;
  for (int i = 0; i < x->n; i++)
    for (int j = 0; j < y->n; j++) {
      const Type *a = x->t[i], *b = y->t[j];
      Dim *dim[2 * MAX_RANK];
      int rank = a->rank + b->rank - nbatch;
      if (rank > MAX_RANK) return infer_fail(in, E_RANK, "a derivative would have rank %d; %d is the most", rank, MAX_RANK);
      for (int k = 0; k < a->rank; k++) dim[k] = a->dim[k];
      for (int k = nbatch; k < b->rank; k++) dim[a->rank + k - nbatch] = b->dim[k];
      PUSH(in->ctx->arena, to->t, to->n, to->cap) = type_tensor(in->ctx, a->elem, rank, dim);
    }
  return true;
}

/* The batch axes are the same ones everywhere. */
static bool batch_axes(Infer *in, const Leaves *wrt, const Leaves *real) {
  int nbatch = in->op->u.derive.nbatch;
  const Leaves *side[2] = {wrt, real};
  for (int s = 0; s < 2; s++)
    for (int i = 0; i < side[s]->n; i++) {
      const Type *t = side[s]->t[i];
      bool ok = nbatch >= 0 && t->rank >= nbatch;
      for (int k = 0; ok && k < nbatch; k++) ok = t->dim[k] == wrt->t[0]->dim[k];
      if (!ok)
        return infer_fail(in, E_DERIVE, "%s does not begin with the %d batch axes", ir_show_type(in->ctx, t), nbatch);
    }
  return true;
}

static void join(Infer *in, Leaves *to, const Leaves *more) {
  for (int i = 0; i < more->n; i++) PUSH(in->ctx->arena, to->t, to->n, to->cap) = more->t[i];
}

static bool scalar_function(Infer *in, const Leaves *real) {
  return (real->n == 1 && real->t[0]->rank == in->op->u.derive.nbatch) ||
         infer_fail(in, E_DERIVE, "%s has not exactly one real scalar result", in->op->u.derive.callee->name);
}

/* Operands against the types wanted. */
static bool derive_operands(Infer *in, const Leaves *want) {
  const Op *op = in->op;
  const Func *f = op->u.derive.callee;
  if (op->nopd != want->n)
    return infer_fail(in, E_CALL_OPERAND, "this derivative of %s takes %d operands, not %d", f->name, want->n, op->nopd);
  for (int i = 0; i < op->nopd; i++)
    if (op->opd[i]->type != want->t[i])
      return infer_fail(in, E_CALL_OPERAND, "operand %d of the derivative of %s is %s, not %s", i + 1, f->name,
                        ir_show_type(in->ctx, op->opd[i]->type), ir_show_type(in->ctx, want->t[i]));
  return true;
}

bool infer_derive(Infer *in, int *n, Type ***types) {
  const Op *op = in->op;
  const Func *f = op->u.derive.callee;
  DeriveKind kind = op->u.derive.kind;
  Leaves params = {0}, results = {0}, real = {0}, wrt = {0}, out = {0};
  if (!f) return infer_fail(in, E_CALL_CALLEE, "a derivative of no function");
  if (!subst_covers(in, f, op->u.derive.nsubst, op->u.derive.subst) || !wrt_leaves(in, &wrt)) return false;
  if (!all_leaves(in, &params, f->body->nparam, f->body->param, false) ||
      !all_leaves(in, &results, f->body->nres, f->body->res, false) || !all_leaves(in, &real, f->body->nres, f->body->res, true))
    return false;
  if (!batch_axes(in, &wrt, &real)) return false;
  if ((kind == DERIVE_GRAD || kind == DERIVE_HESSIAN || kind == DERIVE_HVP) && !scalar_function(in, &real)) return false;
  if (kind == DERIVE_VJP) join(in, &params, &real);
  if (kind == DERIVE_JVP || kind == DERIVE_HVP) join(in, &params, &wrt);
  if (kind == DERIVE_GRAD || kind == DERIVE_VJP || kind == DERIVE_JVP) join(in, &out, &results);
  if (kind == DERIVE_GRAD || kind == DERIVE_VJP || kind == DERIVE_HVP) join(in, &out, &wrt);
  if (kind == DERIVE_JVP) join(in, &out, &real);
  if (kind == DERIVE_JACOBIAN && !product_leaves(in, &real, &wrt, &out)) return false;
  if (kind == DERIVE_HESSIAN && !product_leaves(in, &wrt, &wrt, &out)) return false;
  *n = out.n;
  *types = out.t;
  return derive_operands(in, &params);
}
