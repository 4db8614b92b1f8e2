/* infer_index.c - the type rules of gather, scatter_add, scatter_acc and set.
 *
 * The indexed tensor is the first operand of all but scatter_add, where it is the result. */
#include "ir/internal.h"

static bool axes_ascend(Infer *in, const Type *x) {
  const Op *op = in->op;
  int last = -1;
  for (int i = 0; i < op->u.index.naxis; i++) {
    if (op->u.index.axis[i] <= last || op->u.index.axis[i] >= x->rank)
      return infer_fail(in, E_INDEX_AXES, "axes of %s are not ascending axes of %s", op_info[op->code].name,
                        ir_show_type(in->ctx, x));
    last = op->u.index.axis[i];
  }
  return op->u.index.naxis > 0 || infer_fail(in, E_INDEX_AXES, "%s indexes no axis", op_info[op->code].name);
}

/* Index tensors are operands from `first` on: int, of one shape, which goes to *shape. */
static bool index_tensors(Infer *in, int first, Type **shape) {
  const Op *op = in->op;
  const char *name = op_info[op->code].name;
  int n = op->u.index.naxis, want = first + n + op->u.index.masked;
  if (op->nopd != want)
    return infer_fail(in, E_OPERAND_COUNT, "%s here takes %d operands, not %d", name, want, op->nopd);
  *shape = op->opd[first]->type;
  for (int i = first; i < first + n; i++)
    if (!elem_is_int(op->opd[i]->type->elem) || !same_shape(op->opd[i]->type, *shape))
      return infer_fail(in, E_INDEX_TENSOR, "index %d of %s is %s; all are int and of one shape", i - first + 1, name,
                        ir_show_type(in->ctx, op->opd[i]->type));
  if (op->u.index.masked && op->opd[first + n]->type != type_with_elem(in->ctx, *shape, BOOL))
    return infer_fail(in, E_INDEX_MASK, "the mask of %s is %s, its indices %s", name,
                      ir_show_type(in->ctx, op->opd[first + n]->type), ir_show_type(in->ctx, *shape));
  return true;
}

/* The indices' shape, then x's axes that are not indexed; NULL after a fault. */
static Type *picked_type(Infer *in, const Type *x, const Type *shape) {
  const Op *op = in->op;
  int rank = shape->rank + x->rank - op->u.index.naxis, n = 0;
  if (rank > MAX_RANK) {
    infer_fail(in, E_RANK, "%s would have rank %d; %d is the most", op_info[op->code].name, rank, MAX_RANK);
    return NULL;
  }
  Dim *dims[MAX_RANK];
  for (int i = 0; i < shape->rank; i++) dims[n++] = shape->dim[i];
  for (int i = 0, k = 0; i < x->rank; i++) {
    if (k < op->u.index.naxis && op->u.index.axis[k] == i)
      k++;
    else
      dims[n++] = x->dim[i];
  }
  return type_tensor(in->ctx, x->elem, n, dims);
}

/* big: the indexed tensor; u: operand `first - 1`, what is added to it. */
static bool infer_added(Infer *in, Type *big, int first) {
  Type *shape, *u = in->op->opd[first - 1]->type;
  const char *name = op_info[in->op->code].name;
  if (!axes_ascend(in, big) || !index_tensors(in, first, &shape)) return false;
  Type *want = picked_type(in, big, shape);
  if (!want) return false;
  if (u->elem == BOOL) return infer_fail(in, E_INDEX_VALUE, "%s of bool", name);
  if (u != want)
    return infer_fail(in, E_INDEX_VALUE, "%s of %s, where its indices and result need %s", name, ir_show_type(in->ctx, u),
                      ir_show_type(in->ctx, want));
  in->result = big;
  return true;
}

static bool infer_scatter(Infer *in) {
  if (!in->given) return infer_fail(in, E_RESULT_TYPE, "scatter_add needs a result type");
  return infer_added(in, in->given, 1);
}

static bool infer_set(Infer *in) {
  Type *shape, *x = in->op->opd[0]->type;
  if (!axes_ascend(in, x)) return false;
  if (in->op->u.index.masked) return infer_fail(in, E_INDEX_MASK, "set takes no mask");
  if (!index_tensors(in, 2, &shape)) return false;
  if (shape->rank)
    return infer_fail(in, E_INDEX_TENSOR, "the indices of set are scalars, not %s", ir_show_type(in->ctx, shape));
  Type *want = picked_type(in, x, shape);
  if (want != in->op->opd[1]->type)
    return infer_fail(in, E_INDEX_VALUE, "set of %s, where %s with these axes needs %s",
                      ir_show_type(in->ctx, in->op->opd[1]->type), ir_show_type(in->ctx, x),
                      ir_show_type(in->ctx, want));
  in->result = x;
  return true;
}

bool infer_index(Infer *in) {
  Type *shape;
  if (in->op->nopd < 2)
    return infer_fail(in, E_OPERAND_COUNT, "%s takes at least 2 operands", op_info[in->op->code].name);
  switch (in->op->code) {
  case OP_scatter_add: return infer_scatter(in);
  case OP_scatter_acc: return infer_added(in, in->op->opd[0]->type, 2);
  case OP_set: return infer_set(in);
  default:
    if (!axes_ascend(in, in->op->opd[0]->type) || !index_tensors(in, 1, &shape)) return false;
    return (in->result = picked_type(in, in->op->opd[0]->type, shape)) != NULL;
  }
}
