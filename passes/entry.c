/* entry.c - one entry of a tensor along some of its axes, read off what the tensor is made of.
 *
 *   w = gather X, 2 i + p, 2 j + q         w[i, 1, j, 0]   ═►   X[1::2, 0::2], a slice
 *
 * Transposes, reshapes that merge or split short axes, counters, windows and what chooses by conditions are looked through; the rest is
 * a slice of the tensor.
 *
 * Ensures: an equal value. */
#include "passes/pass.h"

enum { DEPTH = 12 };

static Value *entry(Builder *b, Value *v, const int64_t *at, int depth);

static Value *cut(Builder *b, Value *v, const int64_t *at) {
  Dim *start[MAX_RANK], *size[MAX_RANK], *left[MAX_RANK];
  int64_t stride[MAX_RANK];
  int n = 0;
  for (int a = 0; a < v->type->rank; a++) {
    start[a] = dim_const(b->ctx, at[a] < 0 ? 0 : at[a]);
    size[a] = at[a] < 0 ? v->type->dim[a] : dim_const(b->ctx, 1);
    stride[a] = 1;
    if (at[a] < 0) left[n++] = size[a];
  }
  return b_reshape(b, b_slice(b, v, start, stride, size), n, left);
}

static Type *rest_of(Builder *b, const Type *t, const int64_t *at) {
  Dim *left[MAX_RANK];
  int n = 0;
  for (int a = 0; a < t->rank; a++)
    if (at[a] < 0) left[n++] = t->dim[a];
  return type_tensor(b->ctx, t->elem, n, left);
}

/* Labels are those of k; an operand's axis is where the result's axis of the same label is. */
static Value *of_relabel(Builder *b, const Op *op, const int64_t *at, int depth) {
  Con k = con_of(op), r = k;
  int64_t in[MAX_RANK];
  for (int i = 0; i < k.x[0]->type->rank; i++) {
    in[i] = -1;
    for (int a = 0; a < k.rank; a++)
      if (k.out[a] == k.in[0][i]) in[i] = at[a];
  }
  r.rank = 0;
  for (int a = 0; a < k.rank; a++)
    if (at[a] < 0) r.out[r.rank++] = k.out[a];
  for (int i = 0, n = 0; i < k.x[0]->type->rank; i++)
    if (in[i] < 0) r.in[0][n++] = k.in[0][i];
  r.x[0] = entry(b, k.x[0], in, depth);
  return con_emit(b, r, OP_mul);
}

/* What is between equal axes at the front and at the back are constants on both sides, and chosen: the same place in the other shape. */
static Value *of_reshape(Builder *b, const Op *op, const int64_t *at, int depth) {
  const Type *t = op->res[0]->type, *x = op->opd[0]->type;
  int front = 0, back = 0;
  int64_t in[MAX_RANK], place = 0, n;
  while (front < t->rank && front < x->rank && t->dim[front] == x->dim[front]) front++;
  while (back < t->rank - front && back < x->rank - front && t->dim[t->rank - 1 - back] == x->dim[x->rank - 1 - back]) back++;
  for (int a = front; a < t->rank - back; a++) {
    if (at[a] < 0 || !dim_is_const(t->dim[a], &n)) return NULL;
    place = place * n + at[a];
  }
  for (int a = x->rank - back; a-- > front;) {
    if (!dim_is_const(x->dim[a], &n) || n == 0) return NULL;
    in[a] = place % n;
    place /= n;
  }
  for (int a = 0; a < front; a++) in[a] = at[a];
  for (int a = 0; a < back; a++) in[x->rank - 1 - a] = at[t->rank - 1 - a];
  return place ? NULL : entry(b, op->opd[0], in, depth);
}

static Value *of_iota(Builder *b, const Op *op, const int64_t *at) {
  Type *t = rest_of(b, op->res[0]->type, at);
  int axis = 0;
  if (at[op->u.axis] >= 0) return b_splat(b, t, (double)at[op->u.axis]);
  for (int a = 0; a < op->u.axis; a++) axis += at[a] < 0;
  return b_iota(b, t, axis);
}

/* A choice, or what it is made by. */
static bool chooses(const Op *op) {
  return op->code == OP_select || (op_info[op->code].family == FAM_MAP && !elem_is_real(op->res[0]->type->elem));
}

static Value *of_map(Builder *b, const Op *op, const int64_t *at, int depth) {
  Value *x[3];
  for (int i = 0; i < op->nopd; i++) x[i] = entry(b, op->opd[i], at, depth);
  return op->code == OP_cast ? b_cast(b, x[0], op->res[0]->type->elem) : b_map(b, op->code, op->nopd, x);
}

static Value *entry(Builder *b, Value *v, const int64_t *at, int depth) {
  const Op *op = v->def;
  Value *x = NULL;
  bool any = false;
  for (int a = 0; a < v->type->rank; a++) any |= at[a] >= 0;
  if (!any) return v;
  if (!op || depth-- == 0) return cut(b, v, at);
  if (op->code == OP_iota) x = of_iota(b, op, at);
  else if (is_relabel(v)) x = of_relabel(b, op, at, depth);
  else if (op->code == OP_reshape) x = of_reshape(b, op, at, depth);
  else if (op->code == OP_gather) x = window_entry(b, op, at);
  else if (op->nopd <= 3 && chooses(op)) x = of_map(b, op, at, depth);
  return x ? x : cut(b, v, at);
}

Value *entry_of(Builder *b, Value *v, const int64_t *at) { return entry(b, v, at, DEPTH); }
