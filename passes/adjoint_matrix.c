/* adjoint_matrix.c - derivatives of factorisations, solves and determinants, in closed form: every rule emits solves, products
 * and masks, which have rules of their own.
 *
 * Cholesky's cotangent is the symmetric one.  The determinant's derivatives are the cofactors and their derivatives in directions,
 * which are right at singular matrices. */
#include "passes/pass.h"

/* ---- matrices with a batch before ----------------------------------------------------------------------------------- */

/* op(x) op(y), the batch kept */
static Value *product(Builder *b, Value *x, bool tx, Value *y, bool ty) {
  int batch = x->type->rank - 2;
  int8_t lx[MAX_RANK], ly[MAX_RANK], lo[MAX_RANK];
  Dim *dims[MAX_RANK];
  for (int i = 0; i < batch; i++) {
    lx[i] = ly[i] = lo[i] = (int8_t)i;
    dims[i] = x->type->dim[i];
  }
  int8_t row = (int8_t)batch, col = (int8_t)(batch + 1), sum = (int8_t)(batch + 2);
  lx[batch] = tx ? sum : row;
  lx[batch + 1] = tx ? row : sum;
  ly[batch] = ty ? col : sum;
  ly[batch + 1] = ty ? sum : col;
  lo[batch] = row;
  lo[batch + 1] = col;
  dims[batch] = x->type->dim[batch + tx];
  dims[batch + 1] = y->type->dim[batch + !ty];
  return b_contract_raw(b, x, lx, y, ly, lo, type_tensor(b->ctx, x->type->elem, batch + 2, dims));
}

static Value *transpose(Builder *b, Value *x) {
  int perm[MAX_RANK], n = x->type->rank;
  for (int i = 0; i < n; i++) perm[i] = i;
  perm[n - 2] = n - 1;
  perm[n - 1] = n - 2;
  return b_transpose(b, x, perm);
}

/* row `cmp` column, as bools of t's shape */
static Value *place(Builder *b, Opcode cmp, const Type *t) {
  Type *index = type_with_elem(b->ctx, (Type *)t, I64);
  return b_map2(b, cmp, b_iota(b, index, t->rank - 2), b_iota(b, index, t->rank - 1));
}

static Value *mask(Builder *b, Opcode cmp, Value *x) {
  return b_select(b, place(b, cmp, x->type), x, b_splat(b, x->type, 0));
}

static Value *negated(Builder *b, Value *x) { return b_map1(b, OP_neg, x); }
static Value *scaled(Builder *b, Value *x, double s) { return b_map2(b, OP_mul, x, b_splat(b, x->type, s)); }

static Value *sum_of(Builder *b, Value *x, Value *y) { return !x ? y : !y ? x : b_map2(b, OP_add, x, y); }

/* A value for each matrix, for each element of it. */
static Value *for_each(Builder *b, Value *s, Type *t) {
  int axes[MAX_RANK];
  for (int i = 0; i < s->type->rank; i++) axes[i] = i;
  return b_broadcast(b, s, axes, t);
}

/* The sum of the elementwise product, for each matrix. */
static Value *inner(Builder *b, Value *x, Value *y) {
  int last[] = {x->type->rank - 2, x->type->rank - 1};
  return b_sum(b, b_map2(b, OP_mulz, x, y), 2, last);
}

static Value *trisolve(Builder *b, Value *t, Value *x, bool upper, bool trans) {
  return b_matrix(b, OP_trisolve, 2, (Value *[]){t, x}, upper, trans);
}

static Value *lusolve(Builder *b, Value *a, Value *lu, Value *x, bool trans) {
  return b_matrix(b, OP_lusolve, 3, (Value *[]){a, lu, x}, false, trans);
}

static Value *identity(Builder *b, Type *t) { return b_cast(b, place(b, OP_eq, t), t->elem); }

/* ---- Cholesky ----------------------------------------------------------------------------------------------------------- */

/* The lower triangle, its diagonal halved. */
static Value *halved(Builder *b, Value *x) {
  Value *half = b_select(b, place(b, OP_eq, x->type), b_splat(b, x->type, 0.5), b_splat(b, x->type, 1));
  return mask(b, OP_ge, b_map2(b, OP_mul, x, half));
}

static Value *symmetric(Builder *b, Value *x) { return scaled(b, b_map2(b, OP_add, x, transpose(b, x)), 0.5); }

/* S = L^-T phi(L^T dL) L^-1; the cotangent is its symmetric part. */
static void adjoint_cholesky(Deriv *d, Op *op, Value *dl) {
  Builder *b = &d->b;
  Value *l = op->res[0], *p = halved(b, product(b, l, true, dl, false));
  Value *left = trisolve(b, l, p, false, true);
  deriv_add(d, op->opd[0], symmetric(b, transpose(b, trisolve(b, l, transpose(b, left), false, true))));
}

static Value *tangent_cholesky(Deriv *d, Op *op) {
  Builder *b = &d->b;
  Value *da = deriv_of(d, op->opd[0]), *l = op->res[0];
  if (!da) return NULL;
  Value *left = trisolve(b, l, symmetric(b, da), false, false);
  return product(b, l, false, halved(b, trisolve(b, l, transpose(b, left), false, false)), false);
}

/* ---- solves ------------------------------------------------------------------------------------------------------------- */

static Value *triangle(Builder *b, const Op *op, Value *x) { return mask(b, op->u.matrix.upper ? OP_le : OP_ge, x); }

static Value *solve_with(Builder *b, const Op *op, Value *x, bool other) {
  bool trans = op->u.matrix.trans != other;
  return op->code == OP_trisolve ? trisolve(b, op->opd[0], x, op->u.matrix.upper, trans)
                                 : lusolve(b, op->opd[0], op->opd[1], x, trans);
}

static Value *structured(Builder *b, const Op *op, Value *x) { return op->code == OP_trisolve ? triangle(b, op, x) : x; }

/* A x = c: the cotangent of c is A^-T dx, and that of A is -dc x^T (transposed: -x dc^T). */
static void adjoint_solve(Deriv *d, Op *op, Value *dx) {
  Builder *b = &d->b;
  Value *dc = solve_with(b, op, dx, true), *x = op->res[0];
  deriv_add(d, op->opd[op->nopd - 1], dc);
  if (!is_active(d, op->opd[0])) return;
  Value *da = op->u.matrix.trans ? product(b, x, false, dc, true) : product(b, dc, false, x, true);
  deriv_add(d, op->opd[0], structured(b, op, negated(b, da)));
}

static Value *tangent_solve(Deriv *d, Op *op) {
  Builder *b = &d->b;
  Value *da = deriv_of(d, op->opd[0]), *dc = deriv_of(d, op->opd[op->nopd - 1]);
  if (da) dc = sum_of(b, dc, negated(b, product(b, structured(b, op, da), op->u.matrix.trans, op->res[0], false)));
  return dc ? solve_with(b, op, dc, false) : NULL;
}

/* ---- determinants -------------------------------------------------------------------------------------------------------- */

static Value *inverse(Builder *b, Value *a, Value *lu, bool trans) { return lusolve(b, a, lu, identity(b, a->type), trans); }

static Value *cofactors(Builder *b, Value *a) {
  Value *f = b_matrix(b, OP_lucp, 1, &a, false, false);
  return b_matrix(b, OP_cofactor, 2, (Value *[]){a, f}, false, false);
}

static Value *slope(Builder *b, const Op *op) {
  return op->code == OP_det ? cofactors(b, op->opd[0]) : inverse(b, op->opd[0], op->opd[1], true);
}

static void adjoint_det(Deriv *d, Op *op, Value *dy) {
  Value *a = op->opd[0];
  deriv_add(d, a, b_map2(&d->b, OP_mulz, for_each(&d->b, dy, a->type), slope(&d->b, op)));
}

static Value *tangent_det(Deriv *d, Op *op) {
  Value *da = deriv_of(d, op->opd[0]);
  return da ? inner(&d->b, da, slope(&d->b, op)) : NULL;
}

/* ---- directions: matrices one below the other ---------------------------------------------------------------------------- */

static int count_directions(Ctx *c, const Value *a, const Value *e) {
  int64_t k;
  int rows = a->type->rank - 2;
  return dim_is_const(dim_div(c, e->type->dim[rows], a->type->dim[rows]), &k) ? (int)k : 1;
}

/* The i-th of them. */
static Value *direction(Builder *b, const Value *a, Value *e, int i) {
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  int rows = a->type->rank - 2;
  for (int k = 0; k < a->type->rank; k++) {
    start[k] = dim_const(b->ctx, 0);
    stride[k] = 1;
  }
  if (a->type == e->type) return e;
  start[rows] = dim_mul(b->ctx, a->type->dim[rows], dim_const(b->ctx, i));
  return b_slice(b, e, start, stride, a->type->dim);
}

static Value *joined(Builder *b, int n, Value **e) { return b_concat(b, n, e, e[0]->type->rank - 2); }

/* e with x for its i-th direction, or after its last. */
static Value *directed(Builder *b, const Value *a, Value *e, int i, Value *x) {
  Value *all[MAX_DIRECTION + 2];
  int n = count_directions(b->ctx, a, e);
  for (int k = 0; k < n; k++) all[k] = direction(b, a, e, k);
  all[i] = x;
  return joined(b, i < n ? n : n + 1, all);
}

static Value *cofactors_along(Builder *b, Value *a, Value *e) {
  int n = count_directions(b->ctx, a, e);
  if (n > MAX_DIRECTION) bug("derivatives of det end with that of order %d", MAX_DIRECTION + 1);
  Value *f = b_matrix(b, OP_lucp, 1, &a, false, false);
  if (n > 1) f = b_matrix(b, OP_lujet, 3, (Value *[]){a, f, e}, false, false);
  return b_matrix(b, OP_cofactor_dir, 3, (Value *[]){a, f, e}, false, false);
}

/* The cofactors' Jacobian is symmetric: it is the determinant's second derivative. */
static void adjoint_cofactor(Deriv *d, Op *op, Value *dy) { deriv_add(d, op->opd[0], cofactors_along(&d->b, op->opd[0], dy)); }

static Value *tangent_cofactor(Deriv *d, Op *op) {
  Value *da = deriv_of(d, op->opd[0]);
  return da ? cofactors_along(&d->b, op->opd[0], da) : NULL;
}

/* So are all derivatives: a cotangent is one more direction, or takes the place of the one whose cotangent is asked for. */
static void adjoint_direction(Deriv *d, Op *op, Value *dy) {
  Builder *b = &d->b;
  Value *a = op->opd[0], *e = op->opd[2], *de[MAX_DIRECTION];
  int n = count_directions(b->ctx, a, e);
  for (int i = 0; i < n && is_active(d, e); i++) de[i] = cofactors_along(b, a, directed(b, a, e, i, dy));
  if (is_active(d, e)) deriv_add(d, e, joined(b, n, de));
  if (is_active(d, a)) deriv_add(d, a, cofactors_along(b, a, directed(b, a, e, n, dy)));
}

static Value *tangent_direction(Deriv *d, Op *op) {
  Builder *b = &d->b;
  Value *a = op->opd[0], *e = op->opd[2], *da = deriv_of(d, a), *de = deriv_of(d, e), *dy = NULL;
  int n = count_directions(b->ctx, a, e);
  for (int i = 0; i < n && de; i++) dy = sum_of(b, dy, cofactors_along(b, a, directed(b, a, e, i, direction(b, a, de, i))));
  return da ? sum_of(b, dy, cofactors_along(b, a, directed(b, a, e, n, da))) : dy;
}

/* ---- by operation ---------------------------------------------------------------------------------------------------------- */

static const Differential *rule(const Op *op) {
  static const Differential cholesky = {adjoint_cholesky, tangent_cholesky}, solve = {adjoint_solve, tangent_solve};
  static const Differential det = {adjoint_det, tangent_det}, cofactor = {adjoint_cofactor, tangent_cofactor};
  static const Differential dir = {adjoint_direction, tangent_direction};
  switch (op->code) {
  case OP_cholesky: return &cholesky;
  case OP_trisolve:
  case OP_lusolve: return &solve;
  case OP_det:
  case OP_logdet: return &det;
  case OP_cofactor: return &cofactor;
  case OP_cofactor_dir: return &dir;
  default: bug("%s is never active", op_info[op->code].name);
  }
}

static void adjoint_matrix(Deriv *d, Op *op, Value *dy) { rule(op)->adjoint(d, op, dy); }
static Value *tangent_matrix(Deriv *d, Op *op) { return rule(op)->tangent(d, op); }

const Differential differential_matrix = {adjoint_matrix, tangent_matrix};
