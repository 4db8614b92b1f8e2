/* adjoint_view.c - derivatives of views and of indexed access: all are linear, so tangents go through the same op and cotangents
 * through its transpose.  Indices and masks are not differentiated. */
#include "passes/pass.h"

enum { MAX_PIECES = 8 };

/* The piece of x, cut along the axis, that begins at `at`; or -1. */
static int piece_at(const Op *op, const Value *x, const Dim *at, unsigned taken) {
  int axis = op->u.axis;
  for (int i = 0; i < op->nopd; i++) {
    const Op *cut = op->opd[i]->def;
    if (taken >> i & 1 || !cut || cut->code != OP_slice || cut->opd[0] != x) continue;
    bool whole = cut->u.slice.start[axis] == at && cut->u.slice.stride[axis] == 1;
    for (int a = 0; a < x->type->rank; a++)
      whole &= a == axis || (cut->res[0]->type->dim[a] == x->type->dim[a] && cut->u.slice.stride[a] == 1);
    if (whole) return i;
  }
  return -1;
}

/* What op puts together again in another order, as a roll does, having cut it along the axis: order[k] is the piece that is k-th in it.
 * NULL: op is no such thing. */
static Value *permuted(Ctx *c, const Op *op, int *order) {
  const Op *cut = op->opd[0]->def;
  if (op->nopd > MAX_PIECES || !cut || cut->code != OP_slice) return NULL;
  Value *x = cut->opd[0];
  Dim *at = dim_const(c, 0);
  unsigned taken = 0;
  for (int k = 0; k < op->nopd; k++) {
    int i = order[k] = piece_at(op, x, at, taken);
    if (i < 0) return NULL;
    taken |= 1u << i;
    at = dim_add(c, at, op->opd[i]->type->dim[op->u.axis]);
  }
  return at == x->type->dim[op->u.axis] ? x : NULL;
}

/* The pieces' cotangents side by side are the whole one's; to add each on its own would go over it once a piece. */
static void adjoint_concat(Deriv *d, Op *op, Value *dy) {
  Builder *b = &d->b;
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  Value *part[MAX_PIECES];
  int order[MAX_PIECES];
  Value *whole = permuted(b->ctx, op, order);
  if (whole && !is_active(d, whole)) return;
  for (int a = 0; a < dy->type->rank; a++) {
    start[a] = dim_const(b->ctx, 0);
    stride[a] = 1;
  }
  for (int i = 0; i < op->nopd; i++) {
    Type *t = op->opd[i]->type;
    if (whole) part[i] = b_slice(b, dy, start, stride, t->dim);
    else if (is_active(d, op->opd[i])) deriv_add(d, op->opd[i], b_slice(b, dy, start, stride, t->dim));
    start[op->u.axis] = dim_add(b->ctx, start[op->u.axis], t->dim[op->u.axis]);
  }
  if (!whole) return;
  Value *ordered[MAX_PIECES];
  for (int k = 0; k < op->nopd; k++) ordered[k] = part[order[k]];
  deriv_add(d, whole, b_concat(b, op->nopd, ordered, op->u.axis));
}

static void adjoint_set_slice(Deriv *d, Op *op, Value *dy) {
  Builder *b = &d->b;
  Value *x = op->opd[0], *v = op->opd[1];
  Dim **start = op->u.slice.start;
  int64_t *stride = op->u.slice.stride;
  if (is_active(d, v)) deriv_add(d, v, b_slice(b, dy, start, stride, v->type->dim));
  if (is_active(d, x)) deriv_add(d, x, b_set_slice(b, dy, b_splat(b, v->type, 0), start, stride));
}

/* So small that to go over all of it costs no more than to look for a place in it. */
static bool is_few(const Type *t) {
  enum { FEW = 32 };
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &d) || d > FEW) return false;
    n *= d;
  }
  return n <= FEW;
}

/* All but a few rows at the ends of axes, as in the neighbours that a stencil adds up: the cotangents of all of them together are one pass
 * over the tensor, where adding each in its place is one for each. */
static bool is_most(Ctx *c, const Op *op) {
  enum { FEW = 8 };
  const Type *x = op->opd[0]->type, *y = op->res[0]->type;
  int64_t n;
  for (int a = 0; a < x->rank; a++) {
    Dim *rest = dim_sub(c, x->dim[a], y->dim[a]);
    if (op->u.slice.stride[a] != 1 || !dim_is_const(rest, &n) || n > FEW) return false;
    if (n && dim_is_const(x->dim[a], &n)) return false;
  }
  return true;
}

/* As adjoint_gather; but elements of a small tensor stay numbers of their own (an update needs memory). */
static void adjoint_slice(Deriv *d, Op *op, Value *dy) {
  Builder *b = &d->b;
  Value *x = op->opd[0], *dx = deriv_of(d, x);
  Dim **start = op->u.slice.start;
  int64_t *stride = op->u.slice.stride;
  if (!dx || !deriv_in_region(d) || is_few(x->type) || is_most(b->ctx, op)) deriv_add(d, x, b_embed(b, dy, start, stride, x->type));
  else d->d[x->id] = b_set_slice(b, dx, b_map2(b, OP_add, b_slice(b, dx, start, stride, dy->type->dim), dy), start, stride);
}

static void adjoint_view(Deriv *d, Op *op, Value *dy) {
  Builder *b = &d->b;
  Type *t = op->nopd ? op->opd[0]->type : NULL;
  switch (op->code) {
  case OP_reshape: deriv_add(d, op->opd[0], b_reshape(b, dy, t->rank, t->dim)); break;
  case OP_slice: adjoint_slice(d, op, dy); break;
  case OP_embed: deriv_add(d, op->opd[0], b_slice(b, dy, op->u.slice.start, op->u.slice.stride, t->dim)); break;
  case OP_set_slice: adjoint_set_slice(d, op, dy); break;
  case OP_concat: adjoint_concat(d, op, dy); break;
  default: bug("no adjoint of %s", op_info[op->code].name);
  }
}

static Value *tangent_concat(Deriv *d, Op *op) {
  Value **x = NEW_N(d->b.ctx->arena, Value *, op->nopd);
  for (int i = 0; i < op->nopd; i++) x[i] = deriv_or_zero(d, op->opd[i]);
  return b_concat(&d->b, op->nopd, x, op->u.axis);
}

static bool has_tangent(Deriv *d, const Op *op) {
  for (int i = 0; i < op->nopd; i++)
    if (deriv_of(d, op->opd[i])) return true;
  return false;
}

static Value *tangent_view(Deriv *d, Op *op) {
  Builder *b = &d->b;
  const Type *t = op->res[0]->type;
  if (!has_tangent(d, op)) return NULL;
  Value *dx = deriv_or_zero(d, op->opd[0]);
  switch (op->code) {
  case OP_reshape: return b_reshape(b, dx, t->rank, t->dim);
  case OP_slice: return b_slice(b, dx, op->u.slice.start, op->u.slice.stride, t->dim);
  case OP_embed: return b_embed(b, dx, op->u.slice.start, op->u.slice.stride, op->res[0]->type);
  case OP_set_slice: return b_set_slice(b, dx, deriv_or_zero(d, op->opd[1]), op->u.slice.start, op->u.slice.stride);
  case OP_concat: return tangent_concat(d, op);
  default: bug("no tangent of %s", op_info[op->code].name);
  }
}

/* ---- gather, scatter_add, scatter_acc, set --------------------------------------------------------------------------------- */

static Value *mask_of(const Op *op) { return op->u.index.masked ? op->opd[op->nopd - 1] : NULL; }

static Value *gather(Builder *b, Op *op, Value *x, int first) {
  return b_gather(b, x, op->u.index.naxis, op->u.index.axis, op->opd + first, mask_of(op));
}

static Value *scatter(Builder *b, Op *op, Value *u, Type *result) {
  return b_scatter_add(b, u, op->u.index.naxis, op->u.index.axis, op->opd + 1, mask_of(op), result);
}

static Value *accumulate(Builder *b, Op *op, Value *x, Value *u, int first) {
  return b_scatter_acc(b, x, u, op->u.index.naxis, op->u.index.axis, op->opd + first, mask_of(op));
}

/* In a loop what was read is added where it was read from: its cost must not depend on x's size. */
static void adjoint_gather(Deriv *d, Op *op, Value *dy) {
  if (adjoint_gather_picked(d, op, dy)) return;
  Value *x = op->opd[0], *dx = deriv_of(d, x);
  if (dx && deriv_in_region(d)) d->d[x->id] = accumulate(&d->b, op, dx, dy, 1);
  else deriv_add(d, x, scatter(&d->b, op, dy, x->type));
}

static Value *set(Builder *b, Op *op, Value *x, Value *v) {
  return b_set(b, x, v, op->u.index.naxis, op->u.index.axis, op->opd + 2);
}

static void adjoint_index(Deriv *d, Op *op, Value *dy) {
  Builder *b = &d->b;
  switch (op->code) {
  case OP_gather: adjoint_gather(d, op, dy); break;
  case OP_scatter_add: deriv_add(d, op->opd[0], gather(b, op, dy, 1)); break;
  case OP_set:
    if (is_active(d, op->opd[1])) deriv_add(d, op->opd[1], gather(b, op, dy, 2));
    if (is_active(d, op->opd[0])) deriv_add(d, op->opd[0], set(b, op, dy, b_splat(b, op->opd[1]->type, 0)));
    break;
  case OP_scatter_acc:
    if (is_active(d, op->opd[1])) deriv_add(d, op->opd[1], gather(b, op, dy, 2));
    deriv_add(d, op->opd[0], dy);
    break;
  default: bug("no adjoint of %s", op_info[op->code].name);
  }
}

static Value *tangent_index(Deriv *d, Op *op) {
  Builder *b = &d->b;
  if (!has_tangent(d, op)) return NULL;
  Value *dx = deriv_or_zero(d, op->opd[0]);
  switch (op->code) {
  case OP_gather: return gather(b, op, dx, 1);
  case OP_scatter_add: return scatter(b, op, dx, op->res[0]->type);
  case OP_set: return set(b, op, dx, deriv_or_zero(d, op->opd[1]));
  case OP_scatter_acc: return deriv_of(d, op->opd[1]) ? accumulate(b, op, dx, deriv_of(d, op->opd[1]), 2) : dx;
  default: bug("no tangent of %s", op_info[op->code].name);
  }
}

const Differential differential_view = {adjoint_view, tangent_view};
const Differential differential_index = {adjoint_index, tangent_index};
