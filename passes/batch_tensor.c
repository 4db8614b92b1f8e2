/* batch_tensor.c - operations on batched tensors, family by family: the batch axis is the first of operands and result. */
#include "passes/batch.h"
#include <string.h>

Value *batch_map(Batch *t, Builder *b, Op *op) {
  Value *x[3];
  for (int i = 0; i < op->nopd; i++) x[i] = batch_full(t, b, op->opd[i]);
  if (op->code == OP_cast) return b_cast(b, x[0], op->res[0]->type->elem);
  return b_map(b, op->code, op->nopd, x);
}

bool contract_has_room(const Op *op) { return contract_unused_label(op) >= 0; }

static void prepend(int8_t *to, int8_t label, const int8_t *from, int n) {
  to[0] = label;
  if (n) memcpy(to + 1, from, (size_t)n);
}

Value *batch_contract(Batch *t, Builder *b, Op *op) {
  int8_t in[2][MAX_RANK + 1], out[MAX_RANK + 1], label = contract_unused_label(op);
  const int8_t *labels[2] = {NULL, NULL};
  Value *x[2] = {NULL, NULL};
  for (int i = 0; i < op->nopd; i++) {
    int rank = op->opd[i]->type->rank;
    bool batched = is_batched(t, op->opd[i]);
    x[i] = batch_plain(t, op->opd[i]);
    prepend(in[i], label, op->u.contract.opd[i], rank);
    labels[i] = batched ? in[i] : in[i] + 1;
  }
  prepend(out, label, op->u.contract.out, op->res[0]->type->rank);
  return b_contract_raw(b, x[0], labels[0], x[1], labels[1], out, batch_type(t, op->res[0]->type));
}

Value *batch_reduce(Batch *t, Builder *b, Op *op) {
  int axis[MAX_RANK];
  for (int i = 0; i < op->u.reduce.naxis; i++) axis[i] = op->u.reduce.axis[i] + 1;
  return b_reduce(b, op->code, batch_plain(t, op->opd[0]), op->u.reduce.naxis, axis);
}

Value *batch_scan(Batch *t, Builder *b, Op *op) {
  if (op->code == OP_argsort) return b_argsort(b, batch_plain(t, op->opd[0]), op->u.scan.axis + 1);
  return b_linrec(b, batch_full(t, b, op->opd[0]), batch_full(t, b, op->opd[1]), op->u.scan.axis + 1, op->u.scan.reverse);
}

/* ---- views --------------------------------------------------------------------------------------------------------------------- */

typedef struct Window { Dim *start[MAX_RANK]; int64_t stride[MAX_RANK]; } Window;

static Window window_of(Batch *t, const Op *op) {
  Window w = {.start = {dim_const(t->ctx, 0)}, .stride = {1}};
  for (int a = 0; a < op->opd[0]->type->rank; a++) {
    w.start[a + 1] = clone_dim(t->map, op->u.slice.start[a]);
    w.stride[a + 1] = op->u.slice.stride[a];
  }
  return w;
}

static Value *batch_concat(Batch *t, Builder *b, Op *op) {
  Value **x = NEW_N(t->ctx->arena, Value *, op->nopd);
  for (int i = 0; i < op->nopd; i++) x[i] = batch_full(t, b, op->opd[i]);
  return b_concat(b, op->nopd, x, op->u.axis + 1);
}

Value *batch_view(Batch *t, Builder *b, Op *op) {
  Type *type = batch_type(t, op->res[0]->type);
  if (op->code == OP_concat) return batch_concat(t, b, op);
  Value *x = batch_full(t, b, op->opd[0]);
  if (op->code == OP_reshape) return b_reshape(b, x, type->rank, type->dim);
  Window w = window_of(t, op);
  switch (op->code) {
  case OP_slice: return b_slice(b, x, w.start, w.stride, type->dim);
  case OP_embed: return b_embed(b, x, w.start, w.stride, type);
  case OP_set_slice: return b_set_slice(b, x, batch_full(t, b, op->opd[1]), w.start, w.stride);
  default: bug("no batch of %s", op_info[op->code].name);
  }
}

/* ---- indexed access: indices and masks are shared by the batch ------------------------------------------------------------------ */

typedef struct Access { int naxis, axis[MAX_RANK], rank; Value *idx[MAX_RANK], *mask; } Access;

static Access access_of(Batch *t, const Op *op, int first) {
  Access a = {.naxis = op->u.index.naxis, .rank = op->opd[first]->type->rank};
  for (int i = 0; i < a.naxis; i++) {
    if (is_batched(t, op->opd[first + i])) bug("a batched index");
    a.idx[i] = batch_plain(t, op->opd[first + i]);
    a.axis[i] = op->u.index.axis[i] + 1;
  }
  if (op->u.index.masked) a.mask = batch_plain(t, op->opd[op->nopd - 1]);
  return a;
}

/* Between [batch, indices…, rest…], which results have, and [indices…, batch, rest…], which a gather of batched rows gives. */
static Value *move_batch(Builder *b, Value *x, int nindex, bool to_front) {
  int perm[MAX_RANK];
  if (nindex == 0) return x;
  for (int a = 0; a < x->type->rank; a++) perm[a] = a;
  for (int a = 0; a <= nindex; a++)
    perm[a] = to_front ? (a == 0 ? nindex : a - 1) : (a == nindex ? 0 : a + 1);
  return b_transpose(b, x, perm);
}

Value *batch_index(Batch *t, Builder *b, Op *op) {
  bool updates = op->code == OP_set || op->code == OP_scatter_acc;
  Access a = access_of(t, op, updates ? 2 : 1);
  Value *x = batch_full(t, b, op->opd[0]), *u = updates ? batch_full(t, b, op->opd[1]) : NULL;
  switch (op->code) {
  case OP_gather: return move_batch(b, b_gather(b, x, a.naxis, a.axis, a.idx, a.mask), a.rank, true);
  case OP_scatter_add:
    return b_scatter_add(b, move_batch(b, x, a.rank, false), a.naxis, a.axis, a.idx, a.mask, batch_type(t, op->res[0]->type));
  case OP_set: return b_set(b, x, u, a.naxis, a.axis, a.idx);
  case OP_scatter_acc: return b_scatter_acc(b, x, move_batch(b, u, a.rank, false), a.naxis, a.axis, a.idx, a.mask);
  default: bug("no batch of %s", op_info[op->code].name);
  }
}
