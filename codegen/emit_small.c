/* emit_small.c - one element of what is folded, joined or scanned, computed in place.
 *
 * Requires: lanes (lanes.c): shapes are small constants, and an index along an axis longer than 1 is a constant.  Ensures: an element's
 * code is proportional to what it depends on; parts that are known to be zero leave none. */
#include "codegen/emit.h"

static int64_t known(LLVMValueRef i) {
  if (!LLVMIsAConstantInt(i)) bug("an element of a small tensor at an index that is not known");
  return LLVMConstIntGetSExtValue(i);
}

static int64_t length(const Dim *d) {
  int64_t n;
  if (!dim_is_const(d, &n)) bug("a small tensor of unknown length");
  return n;
}

bool next_index(Emit *e, int n, Dim *const *dim, LLVMValueRef *idx) {
  for (int a = n; a-- > 0;) {
    int64_t i = known(idx[a]) + 1;
    idx[a] = i < length(dim[a]) ? index_const(e, i) : e->zero;
    if (i < length(dim[a])) return true;
  }
  return false;
}

static bool is_empty(int n, Dim *const *dim) {
  for (int a = 0; a < n; a++)
    if (length(dim[a]) == 0) return true;
  return false;
}

static LLVMValueRef term(Emit *e, Op *op, const LLVMValueRef *at) {
  LLVMValueRef x = NULL;
  for (int k = 0; k < op->nopd; k++) {
    LLVMValueRef in[MAX_RANK];
    for (int a = 0; a < op->opd[k]->type->rank; a++) in[a] = at[op->u.contract.opd[k][a]];
    LLVMValueRef y = eval(e, op->opd[k], in);
    x = x ? mul_elem(e->g, e->b, op->res[0]->type->elem, x, y) : y;
  }
  return x;
}

/* In order; the optimiser may regroup. */
static LLVMValueRef small_sum(Emit *e, Op *op, const LLVMValueRef *idx) {
  Dim *extent[MAX_LABEL], *dim[MAX_LABEL];
  LLVMValueRef at[MAX_LABEL], sum = NULL, i[MAX_LABEL];
  int n = label_extents(op, extent), nsum = 0, label[MAX_LABEL];
  for (int l = 0; l < n; l++) {
    if (!extent[l]) continue;
    at[l] = NULL;
    for (int j = 0; j < op->res[0]->type->rank; j++)
      if (op->u.contract.out[j] == l) at[l] = idx[j];
    if (at[l]) continue;
    label[nsum] = l;
    i[nsum] = e->zero;
    dim[nsum++] = extent[l];
  }
  Elem t = op->res[0]->type->elem;
  if (is_empty(nsum, dim)) return const_elem(e->g, t, 0, 0);
  do {
    for (int k = 0; k < nsum; k++) at[label[k]] = i[k];
    LLVMValueRef x = term(e, op, at);
    if (op->nopd == 1 && adds_nothing(op->opd[0], x)) continue;
    sum = sum ? add_elem(e->g, e->b, t, sum, x) : x;
  } while (next_index(e, nsum, dim, i));
  return sum ? sum : const_elem(e->g, t, 0, 0);
}

static LLVMValueRef small_reduce(Emit *e, Op *op, const LLVMValueRef *idx) {
  const Type *t = op->opd[0]->type;
  LLVMValueRef at[MAX_RANK], i[MAX_RANK], acc = fold_neutral(e, op->code, t->elem);
  Dim *dim[MAX_RANK];
  int n = op->u.reduce.naxis;
  for (int k = 0; k < n; k++) {
    dim[k] = t->dim[op->u.reduce.axis[k]];
    i[k] = e->zero;
  }
  if (is_empty(n, dim)) return acc;
  do {
    for (int a = 0, k = 0, j = 0; a < t->rank; a++) at[a] = k < n && op->u.reduce.axis[k] == a ? i[k++] : idx[j++];
    acc = fold_term(e, op->code, t->elem, acc, eval(e, op->opd[0], at));
  } while (next_index(e, n, dim, i));
  return acc;
}

static LLVMValueRef small_argmax(Emit *e, Op *op, const LLVMValueRef *idx) {
  const Type *t = op->opd[0]->type;
  int axis = op->u.reduce.axis[0];
  LLVMValueRef at[MAX_RANK], first = e->zero, best = LLVMConstNull(elem_reg(e->g, t->elem));
  for (int64_t i = 0; i < length(t->dim[axis]); i++) {
    for (int a = 0, j = 0; a < t->rank; a++) at[a] = a == axis ? index_const(e, i) : idx[j++];
    LLVMValueRef x = eval(e, op->opd[0], at);
    LLVMValueRef lead = i ? leads(e, op->code == OP_argmax, t->elem, x, best, at[axis]) : LLVMConstInt(e->g->i1, 1, false);
    best = i ? LLVMBuildSelect(e->b, lead, x, best, "") : x;
    first = i ? LLVMBuildSelect(e->b, lead, at[axis], first, "") : first;
  }
  return first;
}

static LLVMValueRef small_concat(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef at[MAX_RANK];
  int64_t i = known(idx[op->u.axis]);
  for (int a = 0; a < op->res[0]->type->rank; a++) at[a] = idx[a];
  for (int k = 0; k < op->nopd; k++) {
    int64_t n = length(op->opd[k]->type->dim[op->u.axis]);
    at[op->u.axis] = index_const(e, i);
    if (i < n) return eval(e, op->opd[k], at);
    i -= n;
  }
  bug("an index beyond a concatenation");
}

static LLVMValueRef small_linrec(Emit *e, Op *op, const LLVMValueRef *idx) {
  const Type *t = op->res[0]->type;
  int axis = op->u.scan.axis;
  LLVMValueRef before[MAX_RANK], x = eval(e, op->opd[1], idx);
  int64_t i = known(idx[axis]) + (op->u.scan.reverse ? 1 : -1);
  if (i < 0 || i >= length(t->dim[axis])) return x;
  for (int a = 0; a < t->rank; a++) before[a] = a == axis ? index_const(e, i) : idx[a];
  LLVMValueRef factor = eval(e, op->opd[0], idx), s = eval(e, op->res[0], before);
  return add_elem(e->g, e->b, t->elem, mul_elem(e->g, e->b, t->elem, factor, s), x);
}

/* idx is where the operation stores or adds, its index operands being numbers; rest: which element of what it stores. */
static bool is_place(Emit *e, Op *op, int index, const LLVMValueRef *idx, LLVMValueRef *rest) {
  bool here = true;
  for (int a = 0, k = 0; a < op->res[0]->type->rank; a++) {
    if (k < op->u.index.naxis && op->u.index.axis[k] == a)
      here &= known(index_value(e, op->opd[index + k++], NULL)) == known(idx[a]);
    else
      *rest++ = idx[a];
  }
  return here;
}

static LLVMValueRef small_scatter(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef rest[MAX_RANK];
  if (op->code == OP_scatter_add)
    return is_place(e, op, 1, idx, rest) ? eval(e, op->opd[0], rest) : LLVMConstNull(elem_reg(e->g, op->res[0]->type->elem));
  if (!is_place(e, op, 2, idx, rest)) return eval(e, op->opd[0], idx);
  LLVMValueRef x = eval(e, op->opd[1], rest);
  if (op->code == OP_set) return x;
  LLVMValueRef old = eval(e, op->opd[0], idx);
  return is_zero(old) ? x : add_elem(e->g, e->b, op->res[0]->type->elem, old, x);
}

static LLVMValueRef small_set_slice(Emit *e, Op *op, const LLVMValueRef *idx) {
  const Type *t = op->opd[1]->type;
  LLVMValueRef in[MAX_RANK];
  for (int a = 0; a < t->rank; a++) {
    int64_t stride = op->u.slice.stride[a], at = known(idx[a]) - length(op->u.slice.start[a]);
    if (at % stride || at / stride < 0 || at / stride >= length(t->dim[a])) return eval(e, op->opd[0], idx);
    in[a] = index_const(e, at / stride);
  }
  return eval(e, op->opd[1], in);
}

LLVMValueRef eval_small(Emit *e, Op *op, const LLVMValueRef *idx) {
  switch (op->code) {
  case OP_set_slice: return small_set_slice(e, op, idx);
  case OP_set:
  case OP_scatter_add:
  case OP_scatter_acc: return small_scatter(e, op, idx);
  case OP_contract: return small_sum(e, op, idx);
  case OP_argmax:
  case OP_argmin: return small_argmax(e, op, idx);
  case OP_concat: return small_concat(e, op, idx);
  case OP_linrec: return small_linrec(e, op, idx);
  default:
    if (op_info[op->code].family != FAM_REDUCE) bug("%s cannot be computed element by element", op_info[op->code].name);
    return small_reduce(e, op, idx);
  }
}

LLVMValueRef eval_straight(Emit *e, Op *op, const LLVMValueRef *idx) {
  return op->code == OP_concat ? eval_small(e, op, idx) : eval_op(e, op, idx);
}

/* Any reshape: through the position in row-major order. */
LLVMValueRef eval_small_reshape(Emit *e, Op *op, const LLVMValueRef *idx) {
  const Type *from = op->opd[0]->type, *to = op->res[0]->type;
  LLVMValueRef in[MAX_RANK];
  int64_t at = 0;
  for (int a = 0; a < to->rank; a++) at = at * length(to->dim[a]) + (dim_is(to->dim[a], 1) ? 0 : known(idx[a]));
  for (int a = from->rank; a-- > 0; at /= length(from->dim[a])) in[a] = index_const(e, at % length(from->dim[a]));
  return eval(e, op->opd[0], in);
}
