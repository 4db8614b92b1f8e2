/* elab_builtin_reduce.c - reductions: whole tensors, along axes, over index variables; running sums and products.
 *
 * Ensures: an empty reduction gives the neutral element (mean: nan); sums of bools count; a reduction over index
 * variables counts where its mask holds; the norm of a zero vector and the deviation of equal numbers have derivative
 * zero. */
#include <math.h>
#include <string.h>
#include "frontend/elab_builtin.h"
#include "frontend/elab_core.h"

/* What a reduction takes: any numbers (bools count as ints), reals, bools. */
typedef enum { TAKES_NUMBERS, TAKES_REALS, TAKES_BOOLS } Takes;
static const struct {
  const char *name;
  Takes takes;
  Opcode op;
} kind[] = {
    [RED_SUM] = {"sum", TAKES_NUMBERS, OP_contract},
    [RED_MEAN] = {"mean", TAKES_REALS, OP_COUNT},
    [RED_PROD] = {"prod", TAKES_NUMBERS, OP_rprod},
    [RED_MAX] = {"max", TAKES_NUMBERS, OP_rmax},
    [RED_MIN] = {"min", TAKES_NUMBERS, OP_rmin},
    [RED_ARGMAX] = {"argmax", TAKES_NUMBERS, OP_argmax},
    [RED_ARGMIN] = {"argmin", TAKES_NUMBERS, OP_argmin},
    [RED_ANY] = {"any", TAKES_BOOLS, OP_rany},
    [RED_ALL] = {"all", TAKES_BOOLS, OP_rall},
    [RED_LOGSUMEXP] = {"logsumexp", TAKES_REALS, OP_COUNT},
    [RED_VARIANCE] = {"variance", TAKES_REALS, OP_COUNT},
    [RED_STD] = {"std", TAKES_REALS, OP_COUNT},
    [RED_NORM] = {"norm", TAKES_REALS, OP_COUNT},
};

static Tval *operand(Elab *e, Reduction r, Tval *x) {
  if (is_error(x)) return x;
  switch (kind[r].takes) {
  case TAKES_NUMBERS: return bi_bool_to_int(e, x);
  case TAKES_REALS: return tv_to_real(e, &x) ? x : tv_error(e, x->loc);
  case TAKES_BOOLS: break;
  }
  if (x->type->elem == BOOL) return x;
  Diag *d = diag_error(e->ctx, x->loc, 354, "'%s' takes bools, but this is %s", kind[r].name, show_type(e, x->type));
  diag_help(e->ctx, d, "compare: %s(x != 0)", kind[r].name);
  return tv_error(e, x->loc);
}

/* ---- along axes ---- */

static Tval *variance(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, bool keepdims) {
  Tval *gap = mk2(e, loc, OP_sub, x, tv_mean(e, loc, x, naxis, axis, true));
  Tval *square = mk2(e, loc, OP_mul, gap, gap);
  return is_error(square) ? square : tv_mean(e, loc, square, naxis, axis, keepdims);
}

static Tval *reduce_axes(Elab *e, Loc loc, Reduction r, Tval *x, int naxis, const int *axis, bool keepdims) {
  switch (r) {
  case RED_MEAN: return tv_mean(e, loc, x, naxis, axis, keepdims);
  case RED_LOGSUMEXP: return tv_logsumexp(e, loc, x, naxis, axis, keepdims);
  case RED_VARIANCE: return variance(e, loc, x, naxis, axis, keepdims);
  case RED_STD: return bi_sqrt0(e, loc, variance(e, loc, x, naxis, axis, keepdims));
  case RED_NORM:
    return bi_sqrt0(e, loc, tv_reduce(e, loc, OP_contract, mk2(e, loc, OP_mul, x, x), naxis, axis, keepdims));
  default: return tv_reduce(e, loc, kind[r].op, x, naxis, axis, keepdims);
  }
}

static Tval *flattened(Elab *e, Loc loc, Tval *x, const char *name) {
  if (x->type->rank == 1) return x;
  for (int i = 0; i < x->type->rank; i++)
    if (!bi_even(e, loc, x, i, name)) return tv_error(e, loc);
  Dim *n = type_count(e->ctx, x->type);
  return bi_dim_known(e, loc, n) ? tv_reshape(e, loc, x, 1, &n) : tv_error(e, loc);
}

/* The position in row-major order: along the one axis of a flattened tensor. */
static Tval *arg_of_all(Elab *e, Loc loc, Reduction r, Tval *x) {
  int axis = 0;
  return tv_reduce(e, loc, kind[r].op, flattened(e, loc, x, kind[r].name), 1, &axis, false);
}

Tval *bi_reduce(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Reduction r = (Reduction)self->detail;
  Tval *x = operand(e, r, elab_tensor(e, args[0]));
  int axis[MAX_RANK], naxis = 0;
  bool keepdims = false, arg = r == RED_ARGMAX || r == RED_ARGMIN;
  if (args[2] && !arg_bool(e, args[2], &keepdims)) return tv_error(e, call->loc);
  if (is_error(x)) return tv_error(e, call->loc);
  if (args[1] && !bi_axes(e, args[1], x->type->rank, &naxis, axis)) return tv_error(e, call->loc);
  if (!args[1])
    while (naxis < x->type->rank) axis[naxis] = naxis, naxis++;
  if (arg && (naxis != 1 || x->type->rank == 0)) {
    if (!args[1] && !keepdims) return arg_of_all(e, call->loc, r, x);
    diag_error(e->ctx, call->loc, 356, "'%s' goes along one axis", self->name);
    return tv_error(e, call->loc);
  }
  return reduce_axes(e, call->loc, r, x, naxis, axis, keepdims);
}

/* ---- running ---- */

Tval *tv_linrec(Elab *e, Loc loc, Tval *a, Tval *x, int axis, bool reverse) {
  Tval *v[] = {a, x};
  tv_align(e, 2, v);
  Value *s = b_linrec(&e->b, v[0]->v, v[1]->v, v[1]->nlabel + axis, reverse);
  return tv_tensor(e, loc, v[1]->type, s, v[1]->nlabel, v[1]->label);
}

/* 0 .. n-1 along `axis`, of length 1 along the axes after it. */
static Tval *positions(Elab *e, Loc loc, const Tval *x, int axis) {
  Dim *dims[MAX_RANK];
  int rank = x->type->rank - axis;
  for (int i = 0; i < rank; i++) dims[i] = i ? dim_const(e->ctx, 1) : x->type->dim[axis];
  return tv_iota(e, loc, rank, dims, 0);
}

static Tval *cumulate(Elab *e, Loc loc, bool product, Tval *x, int axis) {
  Tval *one = tv_broadcast_to(e, bi_const(e, loc, x, 1), x->type->rank, x->type->dim);
  if (!product) return tv_linrec(e, loc, one, x, axis, false);
  /* The first factor is added, not multiplied by what stands before it, which is zero. */
  Tval *first = mkc(e, loc, OP_eq, positions(e, loc, x, axis), 0);
  Tval *a = bi_select(e, loc, first, one, x), *b = bi_select(e, loc, first, x, bi_const(e, loc, x, 0));
  return is_error(a) || is_error(b) ? tv_error(e, loc) : tv_linrec(e, loc, a, b, axis, false);
}

/* A recurrence is over reals: ints are exact up to 2^53. */
Tval *bi_cumulate(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Loc loc = call->loc;
  Tval *x = bi_bool_to_int(e, elab_tensor(e, args[0]));
  if (is_error(x)) return x;
  int axis = 0;
  if (args[1] && !arg_axis(e, args[1], x->type->rank, &axis)) return tv_error(e, loc);
  if (!args[1] && x->type->rank != 1) {
    x = flattened(e, loc, x, self->name);
    if (is_error(x)) return x;
  }
  Elem elem = x->type->elem;
  Tval *r = cumulate(e, loc, self->detail, elem_is_real(elem) ? x : tv_cast(e, x, F64), axis);
  return is_error(r) ? r : tv_cast(e, r, elem);
}

/* ---- over index variables ---- */

/* The value over all of these indices, which become its first axes. */
static Tval *indices_to_axes(Elab *e, Loc loc, Tval *x, int nindex, Index *const *index) {
  Index *label[MAX_LABEL];
  Dim *dims[MAX_RANK];
  int nlabel = 0, rank = nindex + x->type->rank;
  if (!rank_fits(e, loc, rank)) return tv_error(e, loc);
  for (int i = 0; i < x->nlabel; i++) {
    bool reduced = false;
    for (int j = 0; j < nindex; j++) reduced |= x->label[i] == index[j];
    if (!reduced) label[nlabel++] = x->label[i];
  }
  for (int j = 0; j < nindex; j++) label[nlabel + j] = index[j];
  x = tv_expand(e, x, nlabel + nindex, label, x->type->rank, x->type->dim);
  for (int i = 0; i < rank; i++) dims[i] = i < nindex ? index[i]->extent : x->type->dim[i - nindex];
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, rank, dims), x->v, nlabel, label);
}

static bool shape_is_fixed(Elab *e, Loc loc, const Tval *body, int nindex, Index *const *index) {
  for (int i = 0; i < body->type->rank; i++)
    for (int j = 0; j < nindex; j++)
      if (dim_varies(e, body->type->dim[i], index[j])) {
        Diag *d = diag_error(e->ctx, loc, 366, "the terms of this reduction have different shapes");
        diag_note(e->ctx, d, body->loc, "this is %s, which depends on '%s'", show_type(e, body->type), index[j]->name);
        return false;
      }
  return true;
}

/* The first place that counts and holds the extreme (or a nan): a neutral element might be extreme itself. */
static Tval *arg_where(Elab *e, Loc loc, Tval *x, Tval *mask, Tval *extreme) {
  Tval *hit = mk2(e, loc, OP_eq, x, extreme);
  if (!is_error(x) && elem_is_real(x->type->elem)) hit = mk2(e, loc, OP_or, hit, mk2(e, loc, OP_ne, x, x));
  hit = mk2(e, loc, OP_and, mask, hit);
  int axis = 0;
  return is_error(hit) ? hit : tv_reduce(e, loc, OP_argmax, tv_cast(e, hit, I64), 1, &axis, false);
}

static Tval *reduce_masked(Elab *e, Loc loc, Reduction r, Tval *x, Tval *mask, int naxis, const int *axis) {
  static const double neutral[] = {
      [RED_PROD] = 1,          [RED_MAX] = -INFINITY, [RED_ARGMAX] = -INFINITY,    [RED_MIN] = INFINITY,
      [RED_ARGMIN] = INFINITY, [RED_ALL] = 1,         [RED_LOGSUMEXP] = -INFINITY, [RED_NORM] = 0};
  Tval *y = bi_select(e, loc, mask, x, bi_const(e, loc, x, neutral[r]));
  if (is_error(y)) return y;
  if (r == RED_MEAN) {
    Tval *count = tv_reduce(e, loc, OP_contract, tv_cast(e, mask, x->type->elem), naxis, axis, false);
    return mk2(e, loc, OP_div, tv_reduce(e, loc, OP_contract, y, naxis, axis, false), count);
  }
  if (r == RED_ARGMAX || r == RED_ARGMIN) {
    Tval *extreme = tv_reduce(e, loc, r == RED_ARGMAX ? OP_rmax : OP_rmin, y, naxis, axis, true);
    return arg_where(e, loc, x, mask, extreme);
  }
  return reduce_axes(e, loc, r, y, naxis, axis, false);
}

static Tval *reduce_indices(Elab *e, Loc loc, Reduction r, Tval *body, Tval *mask, int nindex, Index *const *index) {
  int axis[MAX_RANK];
  for (int i = 0; i < nindex; i++) axis[i] = i;
  Tval *x = indices_to_axes(e, loc, body, nindex, index);
  if (is_error(x) || !mask) return is_error(x) ? x : reduce_axes(e, loc, r, x, nindex, axis, false);
  mask = indices_to_axes(e, loc, mask, nindex, index);
  while (!is_error(mask) && mask->type->rank < x->type->rank) mask = bi_insert_axis(e, loc, mask, mask->type->rank);
  return is_error(mask) ? mask : reduce_masked(e, loc, r, x, mask, nindex, axis);
}

Tval *builtin_reduce_labels(Elab *e, Loc loc, const char *op, Tval *body, Tval *mask, int nindex, Index *const *index) {
  int r = 0;
  while (r <= RED_LOGSUMEXP && strcmp(kind[r].name, op) != 0) r++;
  if (r > RED_LOGSUMEXP) bug("no reduction '%s'", op);
  if (!is_error(body) && body->kind != TV_TENSOR) {
    diag_error(e->ctx, body->loc, 354, "the terms of a reduction must be scalars or tensors");
    return tv_error(e, loc);
  }
  body = operand(e, (Reduction)r, body);
  if (is_error(body) || !shape_is_fixed(e, loc, body, nindex, index)) return tv_error(e, loc);
  if ((r == RED_ARGMAX || r == RED_ARGMIN) && nindex != 1) {
    Diag *d = diag_error(e->ctx, loc, 365, "'%s' goes over one index, but there are %d", op, nindex);
    diag_help(e->ctx, d, "take it over one index at a time, or of a flattened tensor: %s([e for i, j])", op);
    return tv_error(e, loc);
  }
  return reduce_indices(e, loc, (Reduction)r, body, mask, nindex, index);
}
