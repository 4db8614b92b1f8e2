/* adjoint_reduce.c - derivatives of max, min and product over axes, and of the linear recurrence.
 * The extremes give everything to the first extreme element, found by argmax.  The product's derivative is the product of all
 * others, a prefix times a suffix, so that it is right where factors are zero and can be differentiated again; both are linear
 * recurrences, which are closed under differentiation. */
#include "passes/pass.h"
#include <math.h>

/* ---- several axes as one ----------------------------------------------------------------------------------------------- */

/* x with the reduced axes gathered into one. */
typedef struct Merged { Op *op; Value *x; int axis, perm[MAX_RANK]; } Merged;

static Value *merge(Builder *b, const Op *op, const int *perm, Value *x) {
  int rank = x->type->rank, kept = rank - op->u.reduce.naxis;
  Dim *dim[MAX_RANK], *count = dim_const(b->ctx, 1);
  if (op->u.reduce.naxis == 1) return x;
  Value *t = b_transpose(b, x, perm);
  for (int a = 0; a < kept; a++) dim[a] = t->type->dim[a];
  for (int a = kept; a < rank; a++) count = dim_mul(b->ctx, count, t->type->dim[a]);
  if (!count) bug("the number of elements is no dimension");
  dim[kept] = count;
  return b_reshape(b, t, kept + 1, dim);
}

static Merged merged(Builder *b, Op *op) {
  Merged m = {.op = op};
  int rank = op->opd[0]->type->rank, n = 0, kept = rank - op->u.reduce.naxis;
  for (int a = 0, r = 0; a < rank; a++) {
    if (r < op->u.reduce.naxis && op->u.reduce.axis[r] == a) m.perm[kept + r++] = a;
    else m.perm[n++] = a;
  }
  m.axis = op->u.reduce.naxis == 1 ? op->u.reduce.axis[0] : kept;
  m.x = merge(b, op, m.perm, op->opd[0]);
  return m;
}

static Value *unmerge(Builder *b, const Merged *m, Value *v) {
  const Type *t = m->op->opd[0]->type;
  if (m->op->u.reduce.naxis == 1) return v;
  Dim *dim[MAX_RANK];
  int back[MAX_RANK];
  for (int a = 0; a < t->rank; a++) {
    dim[a] = t->dim[m->perm[a]];
    back[m->perm[a]] = a;
  }
  return b_transpose(b, b_reshape(b, v, t->rank, dim), back);
}

/* v, which lacks the axis, to the shape of m->x. */
static Value *over_axis(Builder *b, const Merged *m, Value *v) {
  int axes[MAX_RANK];
  for (int a = 0; a < v->type->rank; a++) axes[a] = a + (a >= m->axis);
  return b_broadcast(b, v, axes, type_with_elem(b->ctx, m->x->type, v->type->elem));
}

/* ---- max, min -------------------------------------------------------------------------------------------------------------- */

/* True at the first extreme. */
static Value *chosen(Builder *b, const Merged *m) {
  Value *arg = b_reduce(b, m->op->code == OP_rmax ? OP_argmax : OP_argmin, m->x, 1, &m->axis);
  Value *at = b_iota(b, type_with_elem(b->ctx, m->x->type, I64), m->axis);
  return b_map2(b, OP_eq, at, over_axis(b, m, arg));
}

static Value *adjoint_extreme(Builder *b, const Merged *m, Value *dy) {
  return b_select(b, chosen(b, m), over_axis(b, m, dy), b_splat(b, m->x->type, 0));
}

static Value *tangent_extreme(Builder *b, const Merged *m, Value *dx) {
  return b_sum(b, b_select(b, chosen(b, m), dx, b_splat(b, m->x->type, 0)), 1, &m->axis);
}

/* ---- product, recurrence ----------------------------------------------------------------------------------------------------- */

/* y[i] = x[i - 1] along the axis (or x[i + 1]), 0 at the end; through one more element, for no extent may become negative. */
static Value *shift(Builder *b, Value *x, int axis, bool up) {
  Dim *dim[MAX_RANK], *zero[MAX_RANK], *one[MAX_RANK];
  int64_t stride[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) {
    dim[a] = x->type->dim[a];
    zero[a] = one[a] = dim_const(b->ctx, 0);
    stride[a] = 1;
  }
  one[axis] = dim_const(b->ctx, 1);
  dim[axis] = dim_add(b->ctx, dim[axis], one[axis]);
  Type *longer = type_tensor(b->ctx, x->type->elem, x->type->rank, dim);
  return b_slice(b, b_embed(b, x, up ? one : zero, stride, longer), up ? zero : one, stride, x->type->dim);
}

/* The product of all elements before each one (reverse: after it). */
static Value *product_before(Builder *b, Value *x, int axis, bool reverse) {
  Type *index = type_with_elem(b->ctx, x->type, I64);
  Dim *start = reverse ? dim_sub(b->ctx, x->type->dim[axis], dim_const(b->ctx, 1)) : dim_const(b->ctx, 0);
  Value *first = b_map2(b, OP_eq, b_iota(b, index, axis), b_broadcast_scalar(b, b_dim(b, start), index));
  return b_linrec(b, shift(b, x, axis, !reverse), b_cast(b, first, x->type->elem), axis, reverse);
}

static Value *others(Builder *b, const Merged *m) {
  return b_map2(b, OP_mul, product_before(b, m->x, m->axis, false), product_before(b, m->x, m->axis, true));
}

static Value *adjoint_product(Builder *b, const Merged *m, Value *dy) {
  return b_map2(b, OP_mulz, over_axis(b, m, dy), others(b, m));
}

static Value *tangent_product(Builder *b, const Merged *m, Value *dx) {
  return b_sum(b, b_map2(b, OP_mulz, dx, others(b, m)), 1, &m->axis);
}

static void adjoint_reduce(Deriv *d, Op *op, Value *dy) {
  if (op->code != OP_rprod && adjoint_extreme_picked(d, op, dy)) return;
  Merged m = merged(&d->b, op);
  Value *dx = op->code == OP_rprod ? adjoint_product(&d->b, &m, dy) : adjoint_extreme(&d->b, &m, dy);
  deriv_add(d, op->opd[0], unmerge(&d->b, &m, dx));
}

static Value *tangent_reduce(Deriv *d, Op *op) {
  Value *dx = deriv_of(d, op->opd[0]);
  if (!dx) return NULL;
  Merged m = merged(&d->b, op);
  dx = merge(&d->b, op, m.perm, dx);
  return op->code == OP_rprod ? tangent_product(&d->b, &m, dx) : tangent_extreme(&d->b, &m, dx);
}

/* s[i] = a[i] s[i-1] + x[i]: the cotangents run the other way, dx[i] = ds[i] + a[i+1] dx[i+1], and da[i] = dx[i] s[i-1]. */
static void adjoint_scan(Deriv *d, Op *op, Value *ds) {
  Builder *b = &d->b;
  int axis = op->u.scan.axis;
  bool reverse = op->u.scan.reverse;
  Value *a = op->opd[0];
  double c;
  if (!splat_real(a, &c) || !isfinite(c)) a = shift(b, a, axis, reverse); /* of a constant the one at the end, times nothing, may stay */
  Value *dx = b_linrec(b, a, ds, axis, !reverse);
  deriv_add(d, op->opd[1], dx);
  if (is_active(d, op->opd[0])) deriv_add(d, op->opd[0], b_map2(b, OP_mulz, dx, shift(b, op->res[0], axis, !reverse)));
}

static Value *tangent_scan(Deriv *d, Op *op) {
  Builder *b = &d->b;
  int axis = op->u.scan.axis;
  Value *da = deriv_of(d, op->opd[0]), *dx = deriv_of(d, op->opd[1]);
  if (!da && !dx) return NULL;
  if (da) {
    Value *v = b_map2(b, OP_mulz, da, shift(b, op->res[0], axis, !op->u.scan.reverse));
    dx = dx ? b_map2(b, OP_add, dx, v) : v;
  }
  return b_linrec(b, op->opd[0], dx, axis, op->u.scan.reverse);
}

const Differential differential_reduce = {adjoint_reduce, tangent_reduce};
const Differential differential_scan = {adjoint_scan, tangent_scan};
