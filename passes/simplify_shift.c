/* simplify_shift.c - scatters to places that count; scatters to a single place, and reads of it.
 *
 *   y[i - 1] += u[i]  for all i > 0      becomes      y[j] += (if j + 1 < n then u[j + 1] else 0)  for all j
 *   y[k] += u[i]      for all i          becomes      y[k] += Σ u
 *
 * The cotangent of a neighbour, `if i > 0 then x[i - 1] else …`, is the first kind, that of one given element the second.  Requires:
 * operands up to date.  Ensures: equal results up to the order of additions; what is read instead is read by whole vectors. */
#include "passes/pass.h"
#include <math.h>

/* Element i of the update is added at places i[axis[k]] + by[k] for all k, the first axes of the result. */
typedef struct Shift {
  Simplify *s;
  const Op *op;
  Value *u, *mask;
  Type *type; /* of the indices of the result */
  int n, axis[MAX_RANK], place[MAX_RANK]; /* place: by axis of the update */
  double by[MAX_RANK];
} Shift;

static int first_index(const Op *op) { return op->code == OP_scatter_acc ? 2 : 1; }

static bool places_count(Shift *h) {
  const Op *op = h->op;
  unsigned used = 0;
  for (int k = 0; k < h->n; k++) {
    Counter c;
    if (op->u.index.axis[k] != k || !value_counts(op->opd[first_index(op) + k], &c) || used >> c.axis & 1) return false;
    if (c.from != trunc(c.from) || fabs(c.from) > 1e6) return false;
    used |= 1u << c.axis;
    h->axis[k] = c.axis;
    h->place[c.axis] = k;
    h->by[k] = c.from;
  }
  return h->n == op->opd[first_index(op)]->type->rank;
}

/* All of the result is gone through, which is not to be more than there is to add. */
static bool keeps_size(const Shift *h) {
  const Op *op = h->op;
  for (int k = 0; k < h->n; k++) {
    int64_t n;
    Dim *rest = dim_sub(h->s->ctx, op->res[0]->type->dim[k], h->u->type->dim[h->axis[k]]);
    if (!rest || !dim_is_const(rest, &n)) return false;
  }
  return true;
}

static Value *number(Shift *h, Type *t, double x) { return b_splat(&h->s->b, t, x); }

/* The update's own counter, at the element that comes to a place of the result. */
static Value *source_index(Shift *h, int k, Elem e) {
  Builder *b = &h->s->b;
  Type *t = type_with_elem(h->s->ctx, h->type, e);
  Value *i = b_iota(b, t, k);
  return h->by[k] == 0 ? i : b_map2(b, OP_sub, i, number(h, t, h->by[k]));
}

/* v, made of counters and numbers, at the elements that come to the result's places; axis: of the update, by v's.  NULL: it is not. */
static Value *moved(Shift *h, Value *v, const int *axis) {
  Builder *b = &h->s->b;
  Type *t = type_with_elem(h->s->ctx, h->type, v->type->elem);
  Value *opd[3];
  if (v->type->rank == 0) return b_broadcast_scalar(b, v, t);
  Op *op = v->def;
  if (!op) return NULL;
  if (op->code == OP_iota) return source_index(h, h->place[axis[op->u.axis]], t->elem);
  if (is_relabel(v)) {
    Con k = con_of(op);
    int inner[MAX_RANK] = {0};
    for (int a = 0; a < k.rank; a++)
      for (int i = 0; i < k.x[0]->type->rank; i++)
        if (k.in[0][i] == k.out[a]) inner[i] = axis[a];
    return moved(h, k.x[0], inner);
  }
  if (op_info[op->code].family != FAM_MAP || op->nopd > 3) return NULL;
  for (int i = 0; i < op->nopd; i++)
    if (!(opd[i] = moved(h, op->opd[i], axis))) return NULL;
  return op->nopd == 1   ? (op->code == OP_cast ? b_cast(b, opd[0], t->elem) : b_map1(b, op->code, opd[0]))
         : op->nopd == 2 ? b_map2(b, op->code, opd[0], opd[1])
                         : b_select(b, opd[0], opd[1], opd[2]);
}

/* Where an element of the update comes to the place at all; NULL: everywhere. */
static Value *in_update(Shift *h) {
  Ctx *c = h->s->ctx;
  Builder *b = &h->s->b;
  Type *ints = type_with_elem(c, h->type, I64);
  Value *all = NULL;
  for (int k = 0; k < h->n; k++) {
    Dim *n = h->u->type->dim[h->axis[k]], *by = dim_const(c, (int64_t)h->by[k]);
    Value *low = h->by[k] <= 0 ? NULL : b_map2(b, OP_ge, b_iota(b, ints, k), number(h, ints, h->by[k]));
    bool fits = dim_le(c, dim_sub(c, h->type->dim[k], by), n);
    Value *high = fits ? NULL : b_map2(b, OP_lt, b_iota(b, ints, k), b_broadcast_scalar(b, b_dim(b, dim_add(c, n, by)), ints));
    if (low) all = all ? b_map2(b, OP_and, all, low) : low;
    if (high) all = all ? b_map2(b, OP_and, all, high) : high;
  }
  return all;
}

static Value *gathered(Shift *h) {
  Builder *b = &h->s->b;
  int axis[MAX_RANK];
  Value *at[MAX_RANK], *within = in_update(h);
  for (int a = 0; a < h->n; a++) {
    axis[a] = a;
    at[a] = source_index(h, h->place[a], I64);
  }
  if (h->mask) {
    Value *m = moved(h, h->mask, axis);
    if (!m) m = b_gather(b, h->mask, h->n, axis, at, within);
    within = within ? b_map2(b, OP_and, within, m) : m;
  }
  return b_gather(b, h->u, h->n, axis, at, within);
}

/* ---- a single place --------------------------------------------------------------------------------------------------------- */

static bool is_one_place(const Shift *h) {
  const Op *op = h->op;
  int first = first_index(op);
  for (int k = 0; k < h->n; k++)
    if (!is_relabel(op->opd[first + k]) || op->opd[first + k]->def->opd[0]->type->rank) return false;
  return h->n && op->opd[first]->type->rank > 0;
}

/* Where nothing is asked for the place may be out of range. */
static Value *in_range(Shift *h, const Type *t, Value **at) {
  Builder *b = &h->s->b;
  Value *all = NULL;
  for (int k = 0; k < h->n; k++) {
    at[k] = h->op->opd[first_index(h->op) + k]->def->opd[0];
    Value *i = b_cast(b, at[k], I64), *n = b_dim(b, t->dim[h->op->u.index.axis[k]]);
    Value *in = b_map2(b, OP_and, b_map2(b, OP_le, b_int(b, 0), i), b_map2(b, OP_lt, i, n));
    all = all ? b_map2(b, OP_and, all, in) : in;
  }
  return all;
}

static Value *summed_up(Shift *h) {
  Builder *b = &h->s->b;
  const Op *op = h->op;
  int rank = op->opd[first_index(op)]->type->rank, axis[MAX_RANK];
  Value *at[MAX_RANK], *u = h->u;
  for (int a = 0; a < rank; a++) axis[a] = a;
  if (h->mask) {
    Value *all = b_broadcast(b, h->mask, axis, type_with_elem(h->s->ctx, u->type, BOOL));
    u = b_select(b, all, u, b_splat(b, u->type, 0));
  }
  Value *sum = b_sum(b, u, rank, axis), *in = in_range(h, op->res[0]->type, at);
  if (op->code == OP_scatter_add) return b_scatter_add(b, sum, h->n, op->u.index.axis, at, in, op->res[0]->type);
  return b_scatter_acc(b, op->opd[0], sum, h->n, op->u.index.axis, at, in);
}

/* One element, read at each of many places. */
Value *simplify_one_element(Simplify *s, Op *op) {
  Shift h = {.s = s, .op = op, .n = op->u.index.naxis};
  const Type *t = op->res[0]->type;
  Value *at[MAX_RANK];
  if (!elem_is_real(t->elem) || h.n != op->opd[0]->type->rank || !is_one_place(&h)) return NULL;
  Value *in = in_range(&h, op->opd[0]->type, at);
  Value *all = b_broadcast_scalar(&s->b, b_gather(&s->b, op->opd[0], h.n, op->u.index.axis, at, in), t);
  return op->u.index.masked ? b_select(&s->b, op->opd[op->nopd - 1], all, b_splat(&s->b, t, 0)) : all;
}

Value *simplify_shift(Simplify *s, Op *op) {
  Shift h = {.s = s, .op = op, .n = op->u.index.naxis, .u = op->opd[op->code == OP_scatter_acc]};
  if (!elem_is_real(op->res[0]->type->elem)) return NULL;
  h.mask = op->u.index.masked ? op->opd[op->nopd - 1] : NULL;
  if (is_one_place(&h)) return summed_up(&h);
  if (h.n == 0 || !places_count(&h) || !keeps_size(&h)) return NULL;
  h.type = type_tensor(s->ctx, I64, h.n, op->res[0]->type->dim);
  Value *v = gathered(&h);
  return op->code == OP_scatter_add ? v : b_map2(&s->b, OP_add, op->opd[0], v);
}
