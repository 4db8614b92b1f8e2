/* infer_shape.c - the type rules of contractions, reductions, scans and views. */
#include "ir/internal.h"

/* ---- contract ---------------------------------------------------------------------------------------------------- */

/* Where the labels of one operand or of the output are entered; extent[l] is NULL while unknown. */
static bool enter_labels(Infer *in, const char *what, const int8_t *label, const Type *t, Dim **extent) {
  unsigned seen = 0;
  for (int i = 0; i < t->rank; i++) {
    if (!label || label[i] < 0 || label[i] >= MAX_LABEL)
      return infer_fail(in, E_LABEL_RANGE, "axis %d of %s has no label from a to z", i, what);
    if (seen & 1u << label[i])
      return infer_fail(in, E_LABEL_TWICE, "label %c stands twice in %s", 'a' + label[i], what);
    seen |= 1u << label[i];
    Dim **e = &extent[label[i]];
    if (*e && *e != t->dim[i])
      return infer_fail(in, E_LABEL_EXTENT, "label %c has the extents %s and %s", 'a' + label[i],
                        ir_show_dim(in->ctx, *e), ir_show_dim(in->ctx, t->dim[i]));
    *e = t->dim[i];
  }
  return true;
}

/* No label of the operand is missing from the output. */
static bool keeps_all(const Op *op, const Type *out) {
  for (int i = 0; i < op->opd[0]->type->rank; i++) {
    bool kept = false;
    for (int j = 0; j < out->rank; j++) kept |= op->u.contract.out[j] == op->u.contract.opd[0][i];
    if (!kept) return false;
  }
  return true;
}

bool infer_contract(Infer *in) {
  static const char *const what[] = {"the first operand", "the second operand"};
  const Op *op = in->op;
  if (op->nopd < 1 || op->nopd > 2)
    return infer_fail(in, E_OPERAND_COUNT, "contract takes 1 or 2 operands, not %d", op->nopd);
  if (!in->given) return infer_fail(in, E_RESULT_TYPE, "a contraction needs a result type");
  Dim *extent[MAX_LABEL] = {0};
  for (int i = 0; i < op->nopd; i++) {
    if (op->opd[i]->type->elem != op->opd[0]->type->elem)
      return infer_fail(in, E_CONTRACT_ELEM, "contraction of %s with %s", ir_show_type(in->ctx, op->opd[0]->type),
                        ir_show_type(in->ctx, op->opd[i]->type));
    if (!enter_labels(in, what[i], op->u.contract.opd[i], op->opd[i]->type, extent)) return false;
  }
  if (!enter_labels(in, "the output", op->u.contract.out, in->given, extent)) return false;
  if (op->opd[0]->type->elem == BOOL && (op->nopd == 2 || !keeps_all(op, in->given)))
    return infer_fail(in, E_CONTRACT_ELEM, "a contraction that multiplies or sums bool");
  in->result = type_with_elem(in->ctx, in->given, op->opd[0]->type->elem);
  return true;
}

/* ---- reduce ------------------------------------------------------------------------------------------------------ */

bool infer_reduce(Infer *in) {
  const Op *op = in->op;
  const char *name = op_info[op->code].name;
  const Type *x = op->opd[0]->type;
  int n = op->u.reduce.naxis, last = -1, rank = 0;
  bool arg = op->code == OP_argmax || op->code == OP_argmin, logical = op->code == OP_rany || op->code == OP_rall;
  for (int i = 0; i < n; i++) {
    if (op->u.reduce.axis[i] <= last || op->u.reduce.axis[i] >= x->rank)
      return infer_fail(in, E_REDUCE_AXES, "axes of %s are not ascending axes of %s", name, ir_show_type(in->ctx, x));
    last = op->u.reduce.axis[i];
  }
  if (arg && n != 1) return infer_fail(in, E_REDUCE_AXES, "%s is along one axis, not %d", name, n);
  if ((x->elem == BOOL) != logical) return infer_fail(in, E_REDUCE_ELEM, "%s of %s", name, ir_show_type(in->ctx, x));
  Dim *dims[MAX_RANK];
  for (int i = 0, k = 0; i < x->rank; i++) {
    if (k < n && op->u.reduce.axis[k] == i)
      k++;
    else
      dims[rank++] = x->dim[i];
  }
  in->result = type_tensor(in->ctx, arg ? I64 : x->elem, rank, dims);
  return true;
}

/* ---- scan -------------------------------------------------------------------------------------------------------- */

static bool infer_argsort(Infer *in) {
  const Op *op = in->op;
  Type *x = op->opd[0]->type;
  if (x->elem == BOOL || op->u.scan.axis < 0 || op->u.scan.axis >= x->rank || op->u.scan.reverse)
    return infer_fail(in, E_SCAN, "argsort along axis %d of %s", op->u.scan.axis, ir_show_type(in->ctx, x));
  in->result = type_with_elem(in->ctx, x, I64);
  return true;
}

bool infer_scan(Infer *in) {
  const Op *op = in->op;
  if (op->code == OP_argsort) return infer_argsort(in);
  Type *x = op->opd[1]->type;
  if (op->opd[0]->type != x || !elem_is_real(x->elem))
    return infer_fail(in, E_SCAN, "linrec of %s and %s", ir_show_type(in->ctx, op->opd[0]->type),
                      ir_show_type(in->ctx, x));
  if (op->u.scan.axis < 0 || op->u.scan.axis >= x->rank)
    return infer_fail(in, E_SCAN, "linrec along axis %d of %s", op->u.scan.axis, ir_show_type(in->ctx, x));
  in->result = x;
  return true;
}

/* ---- view -------------------------------------------------------------------------------------------------------- */

static bool infer_reshape(Infer *in) {
  Type *x = in->op->opd[0]->type, *y = in->given;
  if (!y || y->elem != x->elem)
    return infer_fail(in, E_RESHAPE, "reshape of %s to %s", ir_show_type(in->ctx, x), ir_show_type(in->ctx, y));
  int64_t m, n;
  if (dim_is_const(type_count(in->ctx, x), &m) && dim_is_const(type_count(in->ctx, y), &n) && m != n)
    return infer_fail(in, E_RESHAPE, "reshape of %s to %s, which has another number of elements",
                      ir_show_type(in->ctx, x), ir_show_type(in->ctx, y));
  in->result = y;
  return true;
}

static bool window_given(Infer *in, int rank) {
  for (int i = 0; i < rank; i++)
    if (!in->op->u.slice.start || !in->op->u.slice.stride || !in->op->u.slice.start[i] ||
        in->op->u.slice.stride[i] == 0)
      return infer_fail(in, E_SLICE, "axis %d of %s needs a start and a stride that is not 0", i,
                        op_info[in->op->code].name);
  return true;
}

static bool infer_window(Infer *in) {
  const Op *op = in->op;
  Type *x = op->opd[0]->type, *y = op->code == OP_set_slice ? op->opd[1]->type : in->given;
  if (!window_given(in, x->rank)) return false;
  if (!y || y->rank != x->rank || y->elem != x->elem)
    return infer_fail(in, op->code == OP_slice ? E_SLICE : E_EMBED,
                      "%s of %s and %s, of different rank or element type", op_info[op->code].name,
                      ir_show_type(in->ctx, x), ir_show_type(in->ctx, y));
  in->result = op->code == OP_set_slice ? x : y;
  return true;
}

static bool infer_concat(Infer *in) {
  const Op *op = in->op;
  int axis = op->u.axis;
  if (op->nopd < 1) return infer_fail(in, E_OPERAND_COUNT, "concat takes at least 1 operand");
  const Type *x = op->opd[0]->type;
  Dim *dims[MAX_RANK], *sum = dim_const(in->ctx, 0);
  if (axis < 0 || axis >= x->rank)
    return infer_fail(in, E_CONCAT, "concat along axis %d of %s", axis, ir_show_type(in->ctx, x));
  for (int i = 0; i < x->rank; i++) dims[i] = x->dim[i];
  for (int i = 0; i < op->nopd; i++) {
    const Type *t = op->opd[i]->type;
    bool same = t->rank == x->rank && t->elem == x->elem;
    for (int j = 0; same && j < x->rank; j++) same = j == axis || t->dim[j] == x->dim[j];
    if (!same)
      return infer_fail(in, E_CONCAT, "concat of %s and %s along axis %d", ir_show_type(in->ctx, x),
                        ir_show_type(in->ctx, t), axis);
    sum = dim_add(in->ctx, sum, t->dim[axis]);
  }
  if (!sum) return infer_fail(in, E_CONCAT, "concat of a length that overflows");
  dims[axis] = sum;
  in->result = type_tensor(in->ctx, x->elem, x->rank, dims);
  return true;
}

bool infer_view(Infer *in) {
  switch (in->op->code) {
  case OP_reshape: return infer_reshape(in);
  case OP_concat: return infer_concat(in);
  default: return infer_window(in);
  }
}
