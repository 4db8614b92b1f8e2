/* elab_view.c - views and reductions over the user's axes; batch axes are passed through.
 *
 * Requires: operands are tensors.  A ragged axis is cut or masked, never reshaped. */
#include <math.h>
#include "frontend/elab_core.h"

/* False after a diagnostic when an axis has a length that differs between index values. */
static bool even(Elab *e, Loc loc, int rank, Dim *const *dims) {
  for (int i = 0; i < rank; i++)
    if (dim_ragged(e, dims[i])) {
      Diag *d =
          diag_error(e->ctx, loc, E_RAGGED, "this needs an axis of one length, but its length '%s' depends on an index",
                     show_dim(e, dims[i]));
      diag_help(e->ctx, d, "take the whole axis and choose with `if … then … else`");
      return false;
    }
  return true;
}

Tval *tv_reshape(Elab *e, Loc loc, Tval *x, int rank, Dim *const *dims) {
  if (is_error(x) || !rank_fits(e, loc, rank) || !even(e, loc, x->type->rank, x->type->dim) ||
      !even(e, loc, rank, dims))
    return tv_error(e, loc);
  Type *t = value_type(e, x->type->elem, x->nlabel, x->label, rank, dims);
  Value *v = t == x->v->type ? x->v : b_reshape(&e->b, x->v, t->rank, t->dim);
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, rank, dims), v, x->nlabel, x->label);
}

Tval *tv_transpose(Elab *e, Loc loc, Tval *x, const int *perm) {
  if (is_error(x)) return x;
  int full[MAX_RANK];
  Dim *dims[MAX_RANK];
  for (int i = 0; i < x->nlabel; i++) full[i] = i;
  for (int i = 0; i < x->type->rank; i++) {
    full[x->nlabel + i] = x->nlabel + perm[i];
    dims[i] = x->type->dim[perm[i]];
  }
  Value *v = b_transpose(&e->b, x->v, full);
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, x->type->rank, dims), v, x->nlabel, x->label);
}

/* start, stride and size of the batch axes before the user's. */
static void whole_labels(Elab *e, Tval *x, Dim **start, int64_t *stride, Dim **size) {
  for (int i = 0; i < x->nlabel; i++) {
    start[i] = dim_const(e->ctx, 0);
    stride[i] = 1;
    size[i] = x->label[i]->extent;
  }
}

Tval *tv_slice(Elab *e, Loc loc, Tval *x, Dim *const *start, const int64_t *stride, Dim *const *size) {
  if (is_error(x)) return x;
  Dim *s[MAX_RANK], *n[MAX_RANK];
  int64_t st[MAX_RANK];
  bool whole = true;
  whole_labels(e, x, s, st, n);
  for (int i = 0; i < x->type->rank; i++) {
    int k = x->nlabel + i;
    s[k] = start[i];
    st[k] = stride[i];
    n[k] = dim_extent(e, size[i]);
    whole = whole && dim_is(start[i], 0) && stride[i] == 1 && n[k] == x->v->type->dim[k];
  }
  Value *v = whole ? x->v : b_slice(&e->b, x->v, s, st, n);
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, x->type->rank, size), v, x->nlabel, x->label);
}

Tval *tv_embed(Elab *e, Loc loc, Tval *x, Dim *const *start, const int64_t *stride, int rank, Dim *const *dims) {
  if (is_error(x)) return x;
  if (!even(e, loc, x->type->rank, x->type->dim)) return tv_error(e, loc);
  Dim *s[MAX_RANK], *n[MAX_RANK];
  int64_t st[MAX_RANK];
  whole_labels(e, x, s, st, n);
  for (int i = 0; i < rank; i++) {
    s[x->nlabel + i] = start[i];
    st[x->nlabel + i] = stride[i];
  }
  Value *v = b_embed(&e->b, x->v, s, st, value_type(e, x->type->elem, x->nlabel, x->label, rank, dims));
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, rank, dims), v, x->nlabel, x->label);
}

Tval *tv_concat(Elab *e, Loc loc, int n, Tval **x, int axis) {
  Tval **v = arena_dup(e->ctx->arena, x, sizeof *x * (size_t)n);
  Value **w = NEW_N(e->ctx->arena, Value *, n);
  for (int i = 0; i < n; i++)
    if (is_error(v[i])) return v[i];
  if (!tv_unify_elem(e, loc, n, v)) return tv_error(e, loc);
  tv_align(e, n, v);
  Dim *dims[MAX_RANK], *sum = dim_const(e->ctx, 0);
  for (int i = 0; i < n; i++) {
    if (!even(e, v[i]->loc, 1, &v[i]->type->dim[axis])) return tv_error(e, loc);
    sum = dim_add(e->ctx, sum, v[i]->type->dim[axis]);
    w[i] = v[i]->v;
  }
  for (int i = 0; i < v[0]->type->rank; i++) dims[i] = i == axis ? sum : v[0]->type->dim[i];
  return tv_with(e, v[0], type_tensor(e->ctx, v[0]->type->elem, v[0]->type->rank, dims),
                 b_concat(&e->b, n, w, v[0]->nlabel + axis));
}

Tval *tv_iota(Elab *e, Loc loc, int rank, Dim *const *dims, int axis) {
  Type *t = type_tensor(e->ctx, I64, rank, dims);
  return tv_tensor(e, loc, t, b_iota(&e->b, value_type(e, I64, 0, NULL, rank, dims), axis), 0, NULL);
}

/* ---- reductions ---- */

static double neutral(Opcode op, Elem elem) {
  bool large = op == OP_rmin || op == OP_argmin;
  if (op == OP_rprod || op == OP_rall) return 1;
  if (op == OP_contract || op == OP_rany) return 0;
  if (elem_is_real(elem)) return large ? HUGE_VAL : -HUGE_VAL;
  if (elem == BOOL) return large;
  return elem == I32 ? (large ? INT32_MAX : INT32_MIN) : 0;
}

static Tval *neutral_tval(Elab *e, Loc loc, Opcode op, Elem elem) {
  if (elem == I64 && op != OP_contract && op != OP_rprod) {
    bool large = op == OP_rmin || op == OP_argmin;
    return tv_tensor(e, loc, type_scalar(e->ctx, I64), b_int(&e->b, large ? INT64_MAX : INT64_MIN), 0, NULL);
  }
  return tv_number(e, loc, elem, neutral(op, elem));
}

Tval *tv_neutral_where(Elab *e, Loc loc, Opcode op, Tval *mask, Tval *x) {
  if (!mask) return x;
  Tval *v[3] = {mask, x, neutral_tval(e, loc, op, x->type->elem)};
  return tv_map(e, loc, loc, OP_select, 3, v);
}

Tval *tv_reduce(Elab *e, Loc loc, Opcode op, Tval *x, int naxis, const int *axis, bool keepdims) {
  if (is_error(x)) return x;
  x = tv_neutral_where(e, loc, op, ragged_mask(e, loc, x->type->rank, x->type->dim, naxis, axis), x);
  int ax[MAX_RANK], rank = 0;
  Dim *dims[MAX_RANK], *kept[MAX_RANK], *one = dim_const(e->ctx, 1);
  for (int i = 0; i < naxis; i++) ax[i] = x->nlabel + axis[i];
  for (int i = 0; i < x->type->rank; i++) {
    bool reduced = false;
    for (int k = 0; k < naxis; k++) reduced = reduced || axis[k] == i;
    kept[i] = reduced ? one : x->type->dim[i];
    if (!reduced) dims[rank++] = x->type->dim[i];
  }
  Value *v = op == OP_contract ? b_sum(&e->b, x->v, naxis, ax) : b_reduce(&e->b, op, x->v, naxis, ax);
  Tval *r = tv_with(e, x, type_tensor(e->ctx, v->type->elem, rank, dims), v);
  return keepdims ? tv_reshape(e, loc, r, x->type->rank, kept) : r;
}

Tval *tv_mean(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, bool keepdims) {
  if (is_error(x)) return x;
  tv_to_real(e, &x);
  Dim *count = dim_const(e->ctx, 1);
  for (int i = 0; i < naxis; i++) count = dim_mul(e->ctx, count, x->type->dim[axis[i]]);
  if (!count) return diag_error(e->ctx, loc, E_DIM_EXPR, "the number of elements overflows"), tv_error(e, loc);
  Tval *v[2] = {tv_reduce(e, loc, OP_contract, x, naxis, axis, keepdims),
                tv_cast(e, dim_tval(e, loc, count), x->type->elem)};
  return tv_map(e, loc, loc, OP_div, 2, v);
}

/* -inf for what exp makes a subnormal number of: beside the largest term, which is 1, that counts for nothing, and processors compute
 * with such numbers a hundred times slower.  Doubles are seldom that far apart. */
static Tval *without_tail(Elab *e, Loc loc, Tval *x) {
  Tval *low[2] = {x, tv_number(e, loc, F32, -87.336)};
  Tval *cut[3] = {tv_map(e, loc, loc, OP_lt, 2, low), tv_number(e, loc, F32, -HUGE_VAL), x};
  return tv_map(e, loc, loc, OP_select, 3, cut);
}

/* The largest value is subtracted first, as a constant: the function does not depend on what is subtracted, so neither
 * does any derivative.  Where it is not finite nothing is subtracted, so that -inf, inf and nan come out. */
Tval *tv_logsumexp(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, bool keepdims) {
  if (is_error(x)) return x;
  tv_to_real(e, &x);
  Elem el = x->type->elem;
  x = tv_neutral_where(e, loc, OP_rmax, ragged_mask(e, loc, x->type->rank, x->type->dim, naxis, axis), x);
  Tval *m = tv_reduce(e, loc, OP_rmax, x, naxis, axis, true);
  m = tv_map(e, loc, loc, OP_stop_gradient, 1, &m);
  Tval *magnitude = tv_map(e, loc, loc, OP_abs, 1, &m);
  Tval *lt[2] = {magnitude, tv_number(e, loc, el, HUGE_VAL)};
  Tval *sel[3] = {tv_map(e, loc, loc, OP_lt, 2, lt), m, tv_number(e, loc, el, 0)};
  m = tv_map(e, loc, loc, OP_select, 3, sel);
  Tval *d[2] = {x, m}, *shifted = tv_map(e, loc, loc, OP_sub, 2, d);
  if (el == F32) shifted = without_tail(e, loc, shifted);
  Tval *ex = tv_map(e, loc, loc, OP_exp, 1, &shifted);
  Tval *s = tv_reduce(e, loc, OP_contract, ex, naxis, axis, keepdims);
  /* Of nothing, or of -inf alone, it is -inf, a constant: the derivative is zero and not a NaN. */
  Tval *eq[2] = {s, tv_number(e, loc, el, 0)}, *none = tv_map(e, loc, loc, OP_eq, 2, eq);
  Tval *some[3] = {none, tv_number(e, loc, el, 1), s}, *t = tv_map(e, loc, loc, OP_select, 3, some);
  Tval *add[2] = {tv_map(e, loc, loc, OP_log, 1, &t), m};
  if (!keepdims && !is_error(s)) add[1] = tv_reshape(e, loc, m, s->type->rank, s->type->dim);
  Tval *result[3] = {none, tv_number(e, loc, el, -HUGE_VAL), tv_map(e, loc, loc, OP_add, 2, add)};
  return tv_map(e, loc, loc, OP_select, 3, result);
}
