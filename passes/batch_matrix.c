/* batch_matrix.c - matrix operations on batched operands: the batch axis is one more before the matrix.  Where only right-hand
 * sides are batched they become further columns, so that the matrix is neither repeated nor read more than once. */
#include "passes/batch.h"

/* perm[i]: the axis of [batch, lead..., n, m] that is axis i of [lead..., n, batch, m] */
static void columns(int rank, int *perm, int *back) {
  for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i + 1 : i == rank - 2 ? 0 : i;
  for (int i = 0; i < rank; i++) back[perm[i]] = i;
}

static Value *batch_sides(Batch *t, Builder *b, Op *op) {
  int last = op->nopd - 1, perm[MAX_RANK], back[MAX_RANK];
  Value *x[3], *side = batch_plain(t, op->opd[last]);
  int rank = side->type->rank;
  Dim *apart[MAX_RANK], *joined[MAX_RANK];
  columns(rank, perm, back);
  for (int i = 0; i < rank; i++) apart[i] = joined[i] = side->type->dim[perm[i]];
  joined[rank - 2] = dim_mul(b->ctx, apart[rank - 2], apart[rank - 1]);
  if (!joined[rank - 2]) bug("the number of right-hand sides is no dimension");
  for (int i = 0; i < last; i++) x[i] = batch_plain(t, op->opd[i]);
  x[last] = b_reshape(b, b_transpose(b, side, perm), rank - 1, joined);
  Value *y = b_matrix(b, op->code, op->nopd, x, op->u.matrix.upper, op->u.matrix.trans);
  return b_transpose(b, b_reshape(b, y, rank, apart), back);
}

Value *batch_matrix(Batch *t, Builder *b, Op *op) {
  Value *x[3];
  bool matrix = false;
  for (int i = 0; i < op->nopd - 1; i++) matrix |= is_batched(t, op->opd[i]);
  if (!matrix && (op->code == OP_trisolve || op->code == OP_lusolve)) return batch_sides(t, b, op);
  for (int i = 0; i < op->nopd; i++) x[i] = batch_full(t, b, op->opd[i]);
  return b_matrix(b, op->code, op->nopd, x, op->u.matrix.upper, op->u.matrix.trans);
}
