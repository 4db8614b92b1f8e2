/* infer_matrix.c - the type rules of factorisations and solves: square matrices on the last two axes, any batch before. */
#include "ir/internal.h"

/* t's batch and last two axes against those of the matrix a; NULL dimension: any. */
static bool beside(Infer *in, const Type *a, const Type *t, Dim *rows, Dim *cols) {
  bool fits = t->elem == a->elem && t->rank == a->rank;
  for (int i = 0; fits && i < a->rank - 2; i++) fits = t->dim[i] == a->dim[i];
  fits = fits && t->dim[a->rank - 2] == rows && (!cols || t->dim[a->rank - 1] == cols);
  return fits || infer_fail(in, E_MATRIX, "%s of %s with %s", op_info[in->op->code].name, ir_show_type(in->ctx, a),
                            ir_show_type(in->ctx, t));
}

static Type *wider(Infer *in, const Type *a, int more) {
  Dim *dims[MAX_RANK];
  for (int i = 0; i < a->rank; i++) dims[i] = a->dim[i];
  dims[a->rank - 1] = dim_add(in->ctx, dims[a->rank - 1], dim_const(in->ctx, more));
  return dims[a->rank - 1] ? type_tensor(in->ctx, a->elem, a->rank, dims) : NULL;
}

static bool attribute_fits(const Op *op) {
  if (op->code == OP_trisolve) return true;
  return !op->u.matrix.upper && (op->code == OP_lusolve || !op->u.matrix.trans);
}

bool infer_matrix(Infer *in) {
  const Op *op = in->op;
  Type *a = op->opd[0]->type;
  const char *name = op_info[op->code].name;
  if (!elem_is_real(a->elem) || a->rank < 2 || a->dim[a->rank - 1] != a->dim[a->rank - 2])
    return infer_fail(in, E_MATRIX, "%s of %s, which is no square matrix of reals", name, ir_show_type(in->ctx, a));
  if (!attribute_fits(op)) return infer_fail(in, E_MATRIX, "%s takes no such attribute", name);
  Dim *n = a->dim[a->rank - 1];
  Type *factors = wider(in, a, op->code == OP_lucp || op->code == OP_cofactor || op->code == OP_cofactor_dir ? 3 : 1);
  if (!factors) return infer_fail(in, E_MATRIX, "%s of a matrix whose size overflows", name);
  bool reads = op->nopd > 1 && op->code != OP_trisolve;
  if (reads && !beside(in, a, op->opd[1]->type, n, factors->dim[a->rank - 1])) return false;
  switch (op->code) {
  case OP_lu:
  case OP_lucp: in->result = factors; return true;
  case OP_trisolve:
  case OP_lusolve:
    in->result = op->opd[op->nopd - 1]->type;
    return beside(in, a, in->result, n, NULL) || (in->result = NULL);
  case OP_cofactor_dir:
    if (!beside(in, a, op->opd[2]->type, n, n)) return false;
    in->result = a;
    return true;
  case OP_logdet:
  case OP_det: in->result = type_tensor(in->ctx, a->elem, a->rank - 2, a->dim); return true;
  default: in->result = a; return true;
  }
}
