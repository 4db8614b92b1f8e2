/* elab_builtin_matrix.c - factorisations, solves and determinants of matrices, each op of the IR on the last two axes; sorting.
 *
 * Ensures: leading axes are a batch; those of a matrix and of its right-hand sides broadcast as NumPy's.  A matrix that does not
 * depend on the batch is factored once, for all right-hand sides. */
#include "frontend/elab_builtin.h"
#include "frontend/elab_core.h"

static Tval *emit(Elab *e, Loc loc, Opcode op, int n, Tval **v, Type *type) {
  Value *x[3];
  for (int i = 0; i < n; i++) x[i] = v[i]->v;
  return tv_tensor(e, loc, type, b_matrix(&e->b, op, n, x, false, false), v[0]->nlabel, v[0]->label);
}

/* A real square matrix, or a batch of them; TV_ERROR after a diagnostic. */
static Tval *square_arg(Elab *e, const Builtin *self, Expr *x) {
  Tval *a = bi_real_arg(e, x);
  if (!bi_rank(e, x->loc, a, 2, MAX_USER_RANK, arena_printf(e->ctx->arena, "the matrix of '%s'", self->name)))
    return tv_error(e, x->loc);
  int n = a->type->rank;
  bool square = tv_same_dim(e, x->loc, a->type->dim[n - 2], a->type->dim[n - 1],
                            arena_printf(e->ctx->arena, "the rows and the columns of the matrix of '%s'", self->name));
  return square && bi_even(e, x->loc, a, n - 1, self->name) ? a : tv_error(e, x->loc);
}

static Tval *factored(Elab *e, Loc loc, Tval *a) {
  Dim *dims[MAX_RANK];
  int rank = a->type->rank;
  for (int i = 0; i < rank; i++) dims[i] = a->type->dim[i];
  dims[rank - 1] = dim_add(e->ctx, dims[rank - 1], dim_const(e->ctx, 1));
  if (!bi_dim_known(e, loc, dims[rank - 1])) return tv_error(e, loc);
  return emit(e, loc, OP_lu, 1, &a, type_tensor(e->ctx, a->type->elem, rank, dims));
}

/* ---- right-hand sides ---- */

/* The common batch of a matrix and its right-hand sides, as NumPy broadcasts. */
static bool common_batch(Elab *e, Loc loc, const Tval *a, const Tval *b, int *n, Dim **dims) {
  int na = a->type->rank - 2, nb = b->type->rank - 2;
  *n = na > nb ? na : nb;
  for (int i = 0; i < *n; i++) {
    Dim *x = i >= *n - na ? a->type->dim[i - (*n - na)] : NULL, *y = i >= *n - nb ? b->type->dim[i - (*n - nb)] : NULL;
    if (x && y && !dim_is(x, 1) && !dim_is(y, 1) &&
        !tv_same_dim(e, loc, x, y, "the leading axes of the matrix and of the right-hand side"))
      return false;
    dims[i] = !x || (y && dim_is(x, 1)) ? y : x;
  }
  return true;
}

static Tval *with_batch(Elab *e, Tval *x, int n, Dim **dims) {
  int rank = x->type->rank;
  dims[n] = x->type->dim[rank - 2];
  dims[n + 1] = x->type->dim[rank - 1];
  return tv_broadcast_to(e, x, n + 2, dims);
}

/* What a solve is: its op, the matrix, its factors (or NULL), and the attribute. */
typedef struct Solve { Opcode op; Tval *a, *lu; bool upper, trans; } Solve;

static Value *solve_values(Elab *e, const Solve *s, Value *a, Value *lu, Value *b) {
  Value *x[3] = {a, lu, b};
  if (!lu) x[1] = b;
  return b_matrix(&e->b, s->op, lu ? 3 : 2, x, s->upper, s->trans);
}

/* One matrix, without labels or batch, for right-hand sides that have some: they become its columns. */
static Tval *solve_columns(Elab *e, Loc loc, const Solve *s, Tval *b) {
  Value *v = b->v;
  int rank = v->type->rank, perm[MAX_RANK], back[MAX_RANK];
  Dim *many = dim_const(e->ctx, 1), *turned[MAX_RANK];
  perm[0] = rank - 2;
  for (int i = 1; i < rank; i++) perm[i] = i < rank - 1 ? i - 1 : rank - 1;
  for (int i = 0; i < rank; i++) {
    back[perm[i]] = i;
    turned[i] = v->type->dim[perm[i]];
    if (i) many = dim_mul(e->ctx, many, turned[i]);
  }
  if (!bi_dim_known(e, loc, many)) return tv_error(e, loc);
  Dim *flat[] = {turned[0], many};
  v = b_reshape(&e->b, b_transpose(&e->b, v, perm), 2, flat);
  v = solve_values(e, s, s->a->v, s->lu ? s->lu->v : NULL, v);
  v = b_transpose(&e->b, b_reshape(&e->b, v, rank, turned), back);
  return tv_with(e, b, b->type, v);
}

static Tval *solve_matrix(Elab *e, Loc loc, const Solve *s, Tval *b) {
  if (s->a->v->type->rank == 2) return solve_columns(e, loc, s, b);
  Dim *dims[MAX_RANK + 2];
  int n;
  if (!common_batch(e, loc, s->a, b, &n, dims)) return tv_error(e, loc);
  if (!rank_fits(e, loc, n + 2)) return tv_error(e, loc);
  Tval *v[3] = {with_batch(e, s->a, n, dims), with_batch(e, b, n, dims), NULL};
  if (s->lu) v[2] = with_batch(e, s->lu, n, dims);
  tv_align(e, s->lu ? 3 : 2, v);
  return tv_with(e, v[1], v[1]->type, solve_values(e, s, v[0]->v, s->lu ? v[2]->v : NULL, v[1]->v));
}

static Tval *drop_last_axis(Elab *e, Loc loc, Tval *x) {
  return is_error(x) ? x : tv_reshape(e, loc, x, x->type->rank - 1, x->type->dim);
}

Tval *bi_solve(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Loc loc = call->loc;
  bool lower = true, trans = false;
  Tval *v[] = {square_arg(e, self, args[0]), bi_real_arg(e, args[1])};
  if (self->detail && ((args[2] && !arg_bool(e, args[2], &lower)) || (args[3] && !arg_bool(e, args[3], &trans))))
    return tv_error(e, loc);
  if (is_error(v[0]) || !bi_rank(e, args[1]->loc, v[1], 1, MAX_USER_RANK, "the right-hand side") ||
      !tv_unify_elem(e, loc, 2, v))
    return tv_error(e, loc);
  bool vector = v[1]->type->rank == 1;
  if (vector) v[1] = bi_insert_axis(e, loc, v[1], 1);
  if (is_error(v[1])) return v[1];
  int ra = v[0]->type->rank, rb = v[1]->type->rank;
  if (!tv_same_dim(e, loc, v[0]->type->dim[ra - 1], v[1]->type->dim[rb - 2],
                   "the columns of the matrix and the rows of the right-hand side") ||
      !bi_even(e, loc, v[1], rb - 1, self->name))
    return tv_error(e, loc);
  Solve s = {.op = self->detail ? OP_trisolve : OP_lusolve, .a = v[0], .upper = !lower, .trans = trans};
  if (!self->detail) s.lu = factored(e, loc, v[0]);
  if (s.lu && is_error(s.lu)) return s.lu;
  Tval *x = solve_matrix(e, loc, &s, v[1]);
  return vector ? drop_last_axis(e, loc, x) : x;
}

/* ---- one matrix ---- */

Tval *bi_cholesky(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *a = square_arg(e, self, args[0]);
  return is_error(a) ? a : emit(e, call->loc, OP_cholesky, 1, &a, a->type);
}

Tval *bi_inv(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *a = square_arg(e, self, args[0]), *lu = is_error(a) ? a : factored(e, call->loc, a);
  if (is_error(lu)) return lu;
  Type *index = type_with_elem(e->ctx, a->v->type, I64);
  Value *row = b_iota(&e->b, index, index->rank - 2), *column = b_iota(&e->b, index, index->rank - 1);
  Value *one = b_cast(&e->b, b_map2(&e->b, OP_eq, row, column), a->type->elem);
  Tval *v[] = {a, lu, tv_with(e, a, a->type, one)};
  return emit(e, call->loc, OP_lusolve, 3, v, a->type);
}

Tval *bi_det(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *a = square_arg(e, self, args[0]), *lu = is_error(a) ? a : factored(e, call->loc, a);
  if (is_error(lu)) return lu;
  Tval *v[] = {a, lu};
  return emit(e, call->loc, (Opcode)self->detail, 2, v,
              type_tensor(e->ctx, a->type->elem, a->type->rank - 2, a->type->dim));
}

/* ---- sorting ---- */

/* x at `order` along the axis, at its own place along the others. */
static Value *in_order(Elab *e, Value *x, int axis, Value *order) {
  int all[MAX_RANK];
  Value *idx[MAX_RANK];
  for (int i = 0; i < x->type->rank; i++) {
    all[i] = i;
    idx[i] = i == axis ? order : b_iota(&e->b, order->type, i);
  }
  return b_gather(&e->b, x, x->type->rank, all, idx, NULL);
}

Tval *bi_sort(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *x = bi_bool_to_int(e, elab_tensor(e, args[0]));
  if (!bi_rank(e, args[0]->loc, x, 1, MAX_USER_RANK, "what is sorted")) return tv_error(e, call->loc);
  int axis = x->type->rank - 1;
  if (args[1] && !arg_axis(e, args[1], x->type->rank, &axis)) return tv_error(e, call->loc);
  if (!bi_even(e, call->loc, x, axis, self->name)) return tv_error(e, call->loc);
  Value *order = b_argsort(&e->b, x->v, x->nlabel + axis);
  if (self->detail) return tv_tensor(e, call->loc, type_with_elem(e->ctx, x->type, I64), order, x->nlabel, x->label);
  return tv_tensor(e, call->loc, x->type, in_order(e, x->v, x->nlabel + axis, order), x->nlabel, x->label);
}
