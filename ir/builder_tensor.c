/* builder_tensor.c - making contractions, reductions, scans, views and indexing operations. */
#include "ir/internal.h"
#include <string.h>

static int *dup_ints(Builder *b, int n, const int *v) { return arena_dup(b->ctx->arena, v, sizeof *v * (size_t)n); }

/* ---- contract ---------------------------------------------------------------------------------------------------- */

static bool is_identity(const Value *x, const int8_t *lx, const int8_t *lout, const Type *result) {
  return x->type == result && (result->rank == 0 || memcmp(lx, lout, (size_t)result->rank) == 0);
}

Value *b_contract_raw(Builder *b, Value *x, const int8_t *lx, Value *y, const int8_t *ly, const int8_t *lout,
                      Type *result) {
  if (!y && is_identity(x, lx, lout, result)) return x;
  Op *op = op_start(b, OP_contract, y ? 2 : 1, (Value *[]){x, y});
  op->u.contract.opd[0] = arena_dup(b->ctx->arena, lx, (size_t)x->type->rank);
  if (y) op->u.contract.opd[1] = arena_dup(b->ctx->arena, ly, (size_t)y->type->rank);
  op->u.contract.out = arena_dup(b->ctx->arena, lout, (size_t)result->rank);
  return op_value(b, op, result);
}

static int labels_of(const char *text, int8_t *label) {
  int n = (int)strlen(text);
  if (n > MAX_LABEL) bug("too many labels: %s", text);
  for (int i = 0; i < n; i++) {
    if (text[i] < 'a' || text[i] > 'z') bug("labels are letters from a to z: %s", text);
    label[i] = (int8_t)(text[i] - 'a');
  }
  return n;
}

static void extents_of(const Value *x, const char *labels, const int8_t *label, Dim **extent) {
  if ((int)strlen(labels) != x->type->rank) bug("labels %s for a value of rank %d", labels, x->type->rank);
  for (int i = 0; i < x->type->rank; i++) extent[label[i]] = x->type->dim[i];
}

Value *b_contract(Builder *b, Value *x, const char *lx, Value *y, const char *ly, const char *lout, Type *result) {
  int8_t l[3][MAX_LABEL];
  Dim *extent[MAX_LABEL] = {0}, *dims[MAX_RANK];
  labels_of(lx, l[0]);
  extents_of(x, lx, l[0], extent);
  if (y) {
    labels_of(ly, l[1]);
    extents_of(y, ly, l[1], extent);
  }
  int rank = labels_of(lout, l[2]);
  if (rank > MAX_RANK || (result && result->rank != rank)) bug("output labels %s", lout);
  if (!result) {
    for (int i = 0; i < rank; i++)
      if (!(dims[i] = extent[l[2][i]])) bug("the extent of label %c is not given", lout[i]);
    result = type_tensor(b->ctx, x->type->elem, rank, dims);
  }
  return b_contract_raw(b, x, l[0], y, l[1], l[2], result);
}

Value *b_broadcast(Builder *b, Value *x, const int *axes, Type *result) {
  int8_t lx[MAX_RANK], lout[MAX_RANK];
  for (int i = 0; i < x->type->rank; i++) lx[i] = (int8_t)axes[i];
  for (int i = 0; i < result->rank; i++) lout[i] = (int8_t)i;
  return b_contract_raw(b, x, lx, NULL, NULL, lout, result);
}

Value *b_broadcast_scalar(Builder *b, Value *x, const Type *shape) {
  if (x->type->rank) bug("a broadcast of a scalar that is none");
  return b_broadcast(b, x, NULL, type_with_elem(b->ctx, shape, x->type->elem));
}

Value *b_transpose(Builder *b, Value *x, const int *perm) {
  int8_t lx[MAX_RANK], lout[MAX_RANK];
  Dim *dims[MAX_RANK];
  for (int i = 0; i < x->type->rank; i++) {
    lx[i] = (int8_t)i;
    lout[i] = (int8_t)perm[i];
    dims[i] = x->type->dim[perm[i]];
  }
  return b_contract_raw(b, x, lx, NULL, NULL, lout, type_tensor(b->ctx, x->type->elem, x->type->rank, dims));
}

Value *b_sum(Builder *b, Value *x, int naxis, const int *axes) {
  int8_t lx[MAX_RANK], lout[MAX_RANK];
  Dim *dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->type->rank; i++) {
    bool dropped = false;
    for (int j = 0; j < naxis; j++) dropped |= axes[j] == i;
    lx[i] = (int8_t)i;
    if (dropped) continue;
    lout[rank] = (int8_t)i;
    dims[rank++] = x->type->dim[i];
  }
  return b_contract_raw(b, x, lx, NULL, NULL, lout, type_tensor(b->ctx, x->type->elem, rank, dims));
}

/* ---- reduce, scan ------------------------------------------------------------------------------------------------ */

Value *b_reduce(Builder *b, Opcode code, Value *x, int naxis, const int *axes) {
  if (op_info[code].family != FAM_REDUCE) bug("b_reduce of %s", op_info[code].name);
  Op *op = op_start(b, code, 1, &x);
  op->u.reduce.naxis = 0;
  op->u.reduce.axis = NEW_N(b->ctx->arena, int, naxis);
  for (int i = 0; i < x->type->rank; i++)
    for (int j = 0; j < naxis; j++)
      if (axes[j] == i) {
        op->u.reduce.axis[op->u.reduce.naxis++] = i;
        break;
      }
  if (op->u.reduce.naxis != naxis)
    bug("%s over axes that %s has not, or has once", op_info[code].name, ir_show_type(b->ctx, x->type));
  return op_value(b, op, NULL);
}

Value *b_linrec(Builder *b, Value *a, Value *x, int axis, bool reverse) {
  Op *op = op_start(b, OP_linrec, 2, (Value *[]){a, x});
  op->u.scan.axis = axis;
  op->u.scan.reverse = reverse;
  return op_value(b, op, NULL);
}

/* ---- view -------------------------------------------------------------------------------------------------------- */

Value *b_argsort(Builder *b, Value *x, int axis) {
  Op *op = op_start(b, OP_argsort, 1, &x);
  op->u.scan.axis = axis;
  return op_value(b, op, NULL);
}

Value *b_matrix(Builder *b, Opcode code, int nopd, Value *const *opd, bool upper, bool trans) {
  if (op_info[code].family != FAM_MATRIX) bug("b_matrix of %s", op_info[code].name);
  Op *op = op_start(b, code, nopd, opd);
  op->u.matrix.upper = upper;
  op->u.matrix.trans = trans;
  return op_value(b, op, NULL);
}

Value *b_reshape(Builder *b, Value *x, int rank, Dim *const *dims) {
  Type *t = type_tensor(b->ctx, x->type->elem, rank, dims);
  return t == x->type ? x : op_value(b, op_start(b, OP_reshape, 1, &x), t);
}

static void set_window(Builder *b, Op *op, int rank, Dim *const *start, const int64_t *stride) {
  op->u.slice.start = arena_dup(b->ctx->arena, start, sizeof *start * (size_t)rank);
  op->u.slice.stride = arena_dup(b->ctx->arena, stride, sizeof *stride * (size_t)rank);
}

/* A window of x's shape that starts at 0 with stride 1. */
static bool is_whole(int rank, Dim *const *start, const int64_t *stride) {
  for (int i = 0; i < rank; i++)
    if (!dim_is(start[i], 0) || stride[i] != 1) return false;
  return true;
}

Value *b_slice(Builder *b, Value *x, Dim *const *start, const int64_t *stride, Dim *const *size) {
  Type *t = type_tensor(b->ctx, x->type->elem, x->type->rank, size);
  if (t == x->type && is_whole(t->rank, start, stride)) return x;
  Op *op = op_start(b, OP_slice, 1, &x);
  set_window(b, op, t->rank, start, stride);
  return op_value(b, op, t);
}

Value *b_embed(Builder *b, Value *x, Dim *const *start, const int64_t *stride, Type *result) {
  if (result == x->type && is_whole(result->rank, start, stride)) return x;
  Op *op = op_start(b, OP_embed, 1, &x);
  set_window(b, op, x->type->rank, start, stride);
  return op_value(b, op, result);
}

Value *b_set_slice(Builder *b, Value *x, Value *v, Dim *const *start, const int64_t *stride) {
  if (v->type == x->type && is_whole(x->type->rank, start, stride)) return v;
  Op *op = op_start(b, OP_set_slice, 2, (Value *[]){x, v});
  set_window(b, op, x->type->rank, start, stride);
  return op_value(b, op, NULL);
}

Value *b_concat(Builder *b, int n, Value *const *x, int axis) {
  if (n == 1) return x[0];
  Op *op = op_start(b, OP_concat, n, x);
  op->u.axis = axis;
  return op_value(b, op, NULL);
}

/* ---- index ------------------------------------------------------------------------------------------------------- */

/* Operands: the leading ones, the indices, the mask. */
static Op *start_index(Builder *b, Opcode code, int nlead, Value *const *lead, int naxis, const int *axes,
                       Value *const *idx, Value *mask) {
  Value **opd = NEW_N(b->ctx->arena, Value *, nlead + naxis + 1);
  int n = 0;
  for (int i = 0; i < nlead; i++) opd[n++] = lead[i];
  for (int i = 0; i < naxis; i++) opd[n++] = idx[i];
  if (mask) opd[n++] = mask;
  Op *op = op_start(b, code, n, opd);
  op->u.index.naxis = naxis;
  op->u.index.axis = dup_ints(b, naxis, axes);
  op->u.index.masked = mask != NULL;
  return op;
}

Value *b_gather(Builder *b, Value *x, int naxis, const int *axes, Value *const *idx, Value *mask) {
  return op_value(b, start_index(b, OP_gather, 1, &x, naxis, axes, idx, mask), NULL);
}

Value *b_scatter_add(Builder *b, Value *u, int naxis, const int *axes, Value *const *idx, Value *mask, Type *result) {
  return op_value(b, start_index(b, OP_scatter_add, 1, &u, naxis, axes, idx, mask), result);
}

Value *b_set(Builder *b, Value *x, Value *v, int naxis, const int *axes, Value *const *idx) {
  return op_value(b, start_index(b, OP_set, 2, (Value *[]){x, v}, naxis, axes, idx, NULL), NULL);
}

Value *b_scatter_acc(Builder *b, Value *x, Value *u, int naxis, const int *axes, Value *const *idx, Value *mask) {
  return op_value(b, start_index(b, OP_scatter_acc, 2, (Value *[]){x, u}, naxis, axes, idx, mask), NULL);
}
