/* elab_builtin_make.c - built-ins that make tensors: from a shape, from a count, from a diagonal.
 *
 * Ensures: sizes are formulas of symbols and indices; zeros, ones, eye, linspace and one_hot are of the type `real`,
 * full of its value's. */
#include "frontend/elab_builtin.h"

/* A length that a user gave must not be negative. */
static bool length_ok(Elab *e, Loc loc, Dim *n) {
  int64_t v;
  if (dim_is_const(n, &v) && v < 0) {
    diag_error(e->ctx, loc, 368, "a dimension is negative: %lld", (long long)v);
    return false;
  }
  if (!dim_nonneg(e->ctx, n))
    check_dims(e, OP_check_dim_le, dim_const(e->ctx, 0), n, "a dimension must not be negative");
  return true;
}

bool bi_shape(Elab *e, Expr *x, int *rank, Dim **dims) {
  if (!arg_dims(e, x, rank, dims)) return false;
  for (int i = 0; i < *rank; i++)
    if (!length_ok(e, x->loc, dims[i])) return false;
  return true;
}

Tval *bi_filled(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Dim *dims[MAX_RANK];
  int rank;
  if (!bi_shape(e, args[0], &rank, dims)) return tv_error(e, call->loc);
  return tv_broadcast_to(e, tv_number(e, call->loc, bi_elem_real(e), self->detail), rank, dims);
}

Tval *bi_full(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Dim *dims[MAX_RANK];
  int rank;
  bool ok = bi_shape(e, args[0], &rank, dims);
  Tval *v = elab_tensor(e, args[1]);
  if (!ok || !bi_rank(e, args[1]->loc, v, 0, 0, "what fills a tensor")) return tv_error(e, call->loc);
  return tv_broadcast_to(e, v, rank, dims);
}

/* bool, n by m: row index `op` column index - shift. */
static Tval *compare_indices(Elab *e, Loc loc, Opcode op, Dim *n, Dim *m, Tval *shift) {
  Dim *dims[] = {n, m};
  Tval *row = tv_iota(e, loc, 2, dims, 0), *column = tv_iota(e, loc, 2, dims, 1);
  return mk2(e, loc, op, shift ? mk2(e, loc, OP_add, row, shift) : row, column);
}

Tval *bi_eye(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Dim *n, *m;
  if (!arg_dim(e, args[0], &n) || !length_ok(e, args[0]->loc, n)) return tv_error(e, call->loc);
  m = n;
  if (args[1] && (!arg_dim(e, args[1], &m) || !length_ok(e, args[1]->loc, m))) return tv_error(e, call->loc);
  Tval *on = compare_indices(e, call->loc, OP_eq, n, m, NULL);
  return is_error(on) ? on : tv_cast(e, on, bi_elem_real(e));
}

Tval *bi_triangle(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]), *k = args[1] ? elab_tensor(e, args[1]) : NULL;
  if (!bi_rank(e, args[0]->loc, x, 2, MAX_RANK, "what a triangle is taken of")) return tv_error(e, call->loc);
  if (k && (!bi_rank(e, args[1]->loc, k, 0, 0, "the diagonal's number") || !elem_is_int(k->type->elem))) {
    if (!is_error(k) && k->type->rank == 0)
      diag_error(e->ctx, args[1]->loc, 354, "the diagonal's number must be an int");
    return tv_error(e, call->loc);
  }
  Dim **last = &x->type->dim[x->type->rank - 2];
  Tval *in = compare_indices(e, call->loc, self->detail ? OP_le : OP_ge, last[0], last[1], k);
  return bi_select(e, call->loc, in, x, bi_const(e, call->loc, x, 0));
}

/* A matrix with the vector on its diagonal. */
static Tval *from_diagonal(Elab *e, Loc loc, Tval *x) {
  Dim *n = x->type->dim[0];
  return bi_select(e, loc, compare_indices(e, loc, OP_eq, n, n, NULL), x, bi_const(e, loc, x, 0));
}

Tval *bi_diag(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]);
  if (is_error(x)) return x;
  if (x->type->rank == 1) return from_diagonal(e, call->loc, x);
  if (x->type->rank == 2) return bi_diagonal(e, call->loc, x);
  diag_error(e->ctx, args[0]->loc, 355, "'diag' takes a vector or a matrix, but this is %s", show_type(e, x->type));
  return tv_error(e, call->loc);
}

Tval *bi_range(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Ctx *c = e->ctx;
  Dim *a, *b;
  if (!arg_dim(e, args[0], &a) || (args[1] && !arg_dim(e, args[1], &b))) return tv_error(e, call->loc);
  if (!args[1]) {
    b = a;
    a = dim_const(c, 0);
  }
  Dim *n = dim_max(c, dim_const(c, 0), dim_sub(c, b, a));
  if (!bi_dim_known(e, call->loc, n)) return tv_error(e, call->loc);
  Tval *i = bi_iota(e, call->loc, n);
  return dim_is(a, 0) ? i : mk2(e, call->loc, OP_add, i, tv_int(e, call->loc, a));
}

/* a + (b - a) * i / gaps, the last one exactly b.  The division stands last so that no fused multiply-add can contract it:
 * the middle of -1..1 must be 0. */
static Tval *spaced(Elab *e, Loc loc, Tval *a, Tval *b, Dim *n) {
  Ctx *c = e->ctx;
  Elem elem = a->type->elem;
  Dim *gaps = dim_max(c, dim_sub(c, n, dim_const(c, 1)), dim_const(c, 1));
  if (!bi_dim_known(e, loc, gaps)) return tv_error(e, loc);
  Tval *i = bi_iota(e, loc, n), *last = tv_int(e, loc, gaps);
  Tval *part = mk2(e, loc, OP_mul, tv_cast(e, i, elem), mk2(e, loc, OP_sub, b, a));
  Tval *y = mk2(e, loc, OP_add, mk2(e, loc, OP_div, part, tv_cast(e, last, elem)), a);
  return bi_select(e, loc, mk2(e, loc, OP_eq, i, last), b, y);
}

Tval *bi_linspace(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *v[2];
  Dim *n;
  for (int i = 0; i < 2; i++) {
    v[i] = elab_tensor(e, args[i]);
    if (!bi_rank(e, args[i]->loc, v[i], 0, 0, "an end of linspace")) return tv_error(e, call->loc);
  }
  if (!arg_dim(e, args[2], &n) || !length_ok(e, args[2]->loc, n)) return tv_error(e, call->loc);
  if (!tv_unify_elem(e, call->loc, 2, v) || !tv_to_real(e, &v[0]) || !tv_to_real(e, &v[1]))
    return tv_error(e, call->loc);
  return spaced(e, call->loc, v[0], v[1], n);
}

Tval *bi_one_hot(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *i = elab_tensor(e, args[0]);
  Dim *n;
  if (!arg_dim(e, args[1], &n) || !length_ok(e, args[1]->loc, n) || is_error(i)) return tv_error(e, call->loc);
  if (!elem_is_int(i->type->elem)) {
    diag_error(e->ctx, args[0]->loc, 354, "'one_hot' takes ints, but this is %s", show_type(e, i->type));
    return tv_error(e, call->loc);
  }
  i = tv_cast(e, i, I64);
  tv_check_index(e, i, n);
  Tval *column = bi_insert_axis(e, call->loc, i, i->type->rank);
  if (is_error(column)) return column;
  return tv_cast(e, mk2(e, call->loc, OP_eq, column, bi_iota(e, call->loc, n)), bi_elem_real(e));
}
