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

/* How many matrices stand one below the other in e, 0: none do. */
static int64_t directions(Ctx *c, const Type *a, const Type *e) {
  Dim *n = a->dim[a->rank - 1];
  int64_t k;
  if (e->rank != a->rank || dim_is(n, 0)) return 1;
  return dim_is_const(dim_div(c, e->dim[e->rank - 2], n), &k) && k > 0 ? k : 0;
}

/* What n rows each of k directions, or 2^k times as many of their products, give. */
static Type *higher(Infer *in, const Type *a, int64_t by) {
  Dim *dims[MAX_RANK];
  for (int i = 0; i < a->rank; i++) dims[i] = a->dim[i];
  dims[a->rank - 2] = dim_mul(in->ctx, dims[a->rank - 2], dim_const(in->ctx, by));
  return dims[a->rank - 2] ? type_tensor(in->ctx, a->elem, a->rank, dims) : NULL;
}

static bool infer_directions(Infer *in, Type *a, const Type *lucp) {
  const Op *op = in->op;
  Type *f = op->opd[1]->type, *e = op->opd[2]->type;
  int64_t k = directions(in->ctx, a, e);
  bool jet = op->code == OP_lujet, fits = k >= 1 + jet && k <= MAX_DIRECTION && e == higher(in, a, k);
  fits = fits && f == (jet || k == 1 ? lucp : higher(in, a, (int64_t)1 << k));
  if (!fits)
    return infer_fail(in, E_MATRIX, "%s of %s with %s and %s", op_info[op->code].name, ir_show_type(in->ctx, a),
                      ir_show_type(in->ctx, f), ir_show_type(in->ctx, e));
  in->result = jet ? higher(in, a, (int64_t)1 << k) : a;
  return in->result;
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

static bool complete_pivots(Opcode op) {
  return op == OP_lucp || op == OP_lujet || op == OP_cofactor || op == OP_cofactor_dir;
}

bool infer_matrix(Infer *in) {
  const Op *op = in->op;
  Type *a = op->opd[0]->type;
  const char *name = op_info[op->code].name;
  if (!elem_is_real(a->elem) || a->rank < 2 || a->dim[a->rank - 1] != a->dim[a->rank - 2])
    return infer_fail(in, E_MATRIX, "%s of %s, which is no square matrix of reals", name, ir_show_type(in->ctx, a));
  if (!attribute_fits(op)) return infer_fail(in, E_MATRIX, "%s takes no such attribute", name);
  Dim *n = a->dim[a->rank - 1];
  Type *factors = wider(in, a, complete_pivots(op->code) ? 3 : 1);
  if (!factors) return infer_fail(in, E_MATRIX, "%s of a matrix whose size overflows", name);
  if (op->code == OP_cofactor_dir || op->code == OP_lujet) return infer_directions(in, a, factors);
  bool reads = op->nopd > 1 && op->code != OP_trisolve;
  if (reads && !beside(in, a, op->opd[1]->type, n, factors->dim[a->rank - 1])) return false;
  switch (op->code) {
  case OP_lu:
  case OP_lucp: in->result = factors; return true;
  case OP_trisolve:
  case OP_lusolve:
    in->result = op->opd[op->nopd - 1]->type;
    return beside(in, a, in->result, n, NULL) || (in->result = NULL);
  case OP_logdet:
  case OP_det: in->result = type_tensor(in->ctx, a->elem, a->rank - 2, a->dim); return true;
  default: in->result = a; return true;
  }
}
