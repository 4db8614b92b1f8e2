/* strip_turn.c - operations whose operands and results have one axis moved to the end.
 *
 * Requires: an operation that works along that axis entry by entry, or folds it away.  Ensures: the same elements, at indices in the
 * other order. */
#include "passes/strip.h"
#include <string.h>

bool can_turn(const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_MAP:
  case FAM_CONTRACT: return true;
  case FAM_REDUCE: return op->code != OP_argmax && op->code != OP_argmin;
  default: return op->code == OP_iota || op->code == OP_linrec;
  }
}

/* Where axis a of so many is when `axis` has been moved to the end. */
static int moved(int a, int axis, int rank) { return axis < 0 || a < axis ? a : a == axis ? rank - 1 : a - 1; }

Type *turned_type(Ctx *c, Type *t, int axis) {
  Dim *dim[MAX_RANK];
  for (int a = 0; a < t->rank; a++) dim[moved(a, axis, t->rank)] = t->dim[a];
  return type_tensor(c, t->elem, t->rank, dim);
}

static int8_t *turned_labels(Ctx *c, const int8_t *label, int axis, int rank) {
  int8_t *to = NEW_N(c->arena, int8_t, rank + 1);
  for (int a = 0; a < rank; a++) to[moved(a, axis, rank)] = label[a];
  return to;
}

static void turn_reduced(Ctx *c, Op *copy, const Op *op, int axis) {
  int rank = op->opd[0]->type->rank, n = 0;
  bool gone[MAX_RANK] = {false};
  for (int i = 0; i < op->u.reduce.naxis; i++) gone[moved(op->u.reduce.axis[i], axis, rank)] = true;
  copy->u.reduce.axis = NEW_N(c->arena, int, rank + 1);
  for (int a = 0; a < rank; a++)
    if (gone[a]) copy->u.reduce.axis[n++] = a;
}

void turn_attributes(Ctx *c, Op *copy, const Op *op, int axis, const int8_t *at) {
  switch (op_info[op->code].family) {
  case FAM_CONTRACT:
    for (int k = 0; k < op->nopd; k++) copy->u.contract.opd[k] = turned_labels(c, op->u.contract.opd[k], at[k], op->opd[k]->type->rank);
    copy->u.contract.out = turned_labels(c, op->u.contract.out, axis, op->res[0]->type->rank);
    return;
  case FAM_REDUCE: turn_reduced(c, copy, op, at[0]); return;
  case FAM_SOURCE: copy->u.axis = moved(op->u.axis, axis, op->res[0]->type->rank); return;
  case FAM_SCAN: copy->u.scan.axis = moved(op->u.scan.axis, axis, op->res[0]->type->rank); return;
  default: return;
  }
}

Value *turn(Builder *b, Value *x, int axis) {
  int perm[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) perm[moved(a, axis, x->type->rank)] = a;
  return axis == x->type->rank - 1 ? x : b_transpose(b, x, perm);
}

Value *turn_back(Builder *b, Value *x, int axis) {
  int perm[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) perm[a] = moved(a, axis, x->type->rank);
  return axis == x->type->rank - 1 ? x : b_transpose(b, x, perm);
}

static int last_label(const Type *t, const int8_t *label) {
  for (int a = t->rank; a-- > 0;)
    if (!dim_is(t->dim[a], 1)) return label[a];
  return -1;
}

bool columns_last(const Op *op, int k) {
  if (op->code != OP_contract || op->nopd != 2) return false;
  int l = last_label(op->opd[k]->type, op->u.contract.opd[k]);
  return l >= 0 && l == last_label(op->res[0]->type, op->u.contract.out);
}
