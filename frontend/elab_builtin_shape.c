/* elab_builtin_shape.c - built-ins that rearrange elements, and the helpers on axes and dimensions that other built-ins
 * use.
 *
 * Ensures: axes from the end are resolved; shapes that cannot fit are diagnostics, those that only a run can decide are
 * checked when it runs; an axis whose length depends on an index variable is refused where elements would move along
 * it. */
#include <string.h>
#include "frontend/elab_builtin.h"

/* ---- helpers ---- */

Elem bi_elem_real(const Elab *e) { return e->options->real; }

bool bi_even(Elab *e, Loc loc, const Tval *x, int axis, const char *name) {
  if (!dim_ragged(e, x->type->dim[axis])) return true;
  Text t;
  text_init(&t, e->ctx->arena);
  dim_print(&t, x->type->dim[axis]);
  Diag *d =
      diag_error(e->ctx, loc, 367, "'%s' along an axis whose length, '%s', depends on an index variable", name, t.s);
  diag_help(e->ctx, d, "take the whole axis and choose elements with where(...)");
  return false;
}

bool bi_dim_known(Elab *e, Loc loc, Dim *d) {
  if (!d) diag_error(e->ctx, loc, 368, "this dimension is too large to compute with");
  return d != NULL;
}

bool bi_rank(Elab *e, Loc loc, const Tval *x, int lo, int hi, const char *what) {
  if (is_error(x)) return false;
  if (x->type->rank >= lo && x->type->rank <= hi) return true;
  static const char *const shape[] = {"a scalar", "a vector", "a matrix"};
  const char *type = show_type(e, x->type);
  if (lo == hi && lo <= 2)
    diag_error(e->ctx, loc, 355, "%s must be %s, but it is %s", what, shape[lo], type);
  else if (lo == hi)
    diag_error(e->ctx, loc, 355, "%s must have %d axes, but it is %s", what, lo, type);
  else
    diag_error(e->ctx, loc, 355, "%s must have at least %d ax%s, but it is %s", what, lo, lo == 1 ? "is" : "es", type);
  return false;
}

/* Starts 0, strides 1, the whole of every axis; dim has room for MAX_RANK. */
static void whole(Elab *e, const Tval *x, Dim **start, int64_t *stride, Dim **dim) {
  for (int i = 0; i < x->type->rank; i++) {
    start[i] = dim_const(e->ctx, 0);
    stride[i] = 1;
    dim[i] = x->type->dim[i];
  }
}

Tval *bi_slice_axis(Elab *e, Loc loc, Tval *x, int axis, Dim *start, int64_t stride, Dim *size) {
  Dim *starts[MAX_RANK], *sizes[MAX_RANK];
  int64_t strides[MAX_RANK];
  whole(e, x, starts, strides, sizes);
  starts[axis] = start;
  strides[axis] = stride;
  sizes[axis] = size;
  return tv_slice(e, loc, x, starts, strides, sizes);
}

Tval *bi_insert_axis(Elab *e, Loc loc, Tval *x, int axis) {
  Dim *dims[MAX_RANK];
  int rank = x->type->rank;
  if (!rank_fits(e, loc, rank + 1)) return tv_error(e, loc);
  for (int i = 0; i <= rank; i++)
    dims[i] = i < axis ? x->type->dim[i] : i == axis ? dim_const(e->ctx, 1) : x->type->dim[i - 1];
  return tv_reshape(e, loc, x, rank + 1, dims);
}

Tval *bi_iota(Elab *e, Loc loc, Dim *n) { return tv_iota(e, loc, 1, &n, 0); }

int bi_items(Elab *e, Expr *x, const char *name, Tval ***item) {
  if (x->kind == EX_LIST || x->kind == EX_TUPLE) {
    Tval **v = NEW_N(e->ctx->arena, Tval *, x->u.list.count + 1);
    int n = 0;
    bool ok = true;
    for (Expr *i = x->u.list.first; i; i = i->next) {
      v[n] = elab_tensor(e, i);
      ok &= !is_error(v[n++]);
    }
    *item = v;
    if (n == 0) diag_error(e->ctx, x->loc, 359, "'%s' of no tensors", name);
    return ok && n > 0 ? n : -1;
  }
  Tval *v = elab_expr(e, x);
  if (is_error(v)) return -1;
  *item = v->part;
  bool ok = v->kind == TV_TUPLE && v->npart > 0;
  for (int i = 0; ok && i < v->npart; i++) ok = v->part[i]->kind == TV_TENSOR;
  if (ok) return v->npart;
  Diag *d = diag_error(e->ctx, x->loc, 359, "'%s' takes a list of tensors", name);
  diag_help(e->ctx, d, "write the list out: %s([a, b], axis=0)", name);
  return -1;
}

bool bi_axes(Elab *e, Expr *x, int rank, int *naxis, int *axis) {
  *naxis = 0;
  if (x->kind != EX_LIST && x->kind != EX_TUPLE) {
    *naxis = 1;
    return arg_axis(e, x, rank, axis);
  }
  bool seen[MAX_RANK] = {false};
  for (Expr *i = x->u.list.first; i; i = i->next) {
    int a;
    if (!arg_axis(e, i, rank, &a)) return false;
    if (seen[a]) {
      diag_error(e->ctx, i->loc, 356, "the axis %d is named twice", a);
      return false;
    }
    seen[a] = true;
  }
  for (int a = 0; a < rank; a++)
    if (seen[a]) axis[(*naxis)++] = a;
  return true;
}

static Tval *dims_differ(Elab *e, Loc loc, int code, const Tval *a, const Tval *b, const char *what) {
  Diag *d = diag_error(e->ctx, loc, code, "%s", what);
  diag_note(e->ctx, d, a->loc, "%s", show_type(e, a->type));
  diag_note(e->ctx, d, b->loc, "%s", show_type(e, b->type));
  return tv_error(e, loc);
}

/* ---- size, dim ---- */

Tval *bi_size(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]);
  if (is_error(x)) return x;
  Dim *n = type_count(e->ctx, x->type);
  return bi_dim_known(e, call->loc, n) ? tv_int(e, call->loc, n) : tv_error(e, call->loc);
}

Tval *bi_dim(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]);
  int axis;
  if (is_error(x) || !arg_axis(e, args[1], x->type->rank, &axis)) return tv_error(e, call->loc);
  return tv_int(e, call->loc, x->type->dim[axis]);
}

/* ---- reshape, transpose, broadcast ---- */

/* A -1 among the dimensions stands for what is left of `count`. */
static bool infer_dimension(Elab *e, Loc loc, Dim *count, int rank, Dim **dims) {
  int at = -1;
  Dim *rest = dim_const(e->ctx, 1);
  for (int i = 0; i < rank; i++) {
    if (!dim_is(dims[i], -1))
      rest = dim_mul(e->ctx, rest, dims[i]);
    else if (at < 0)
      at = i;
    else {
      diag_error(e->ctx, loc, 357, "only one dimension of a reshape can be left open by -1");
      return false;
    }
  }
  if (at < 0) return true;
  dims[at] = dim_div(e->ctx, count, rest);
  if (dims[at]) return true;
  Diag *d = diag_error(e->ctx, loc, 357, "the dimension that -1 stands for is no formula of the others");
  diag_help(e->ctx, d, "write it out");
  return false;
}

static bool reshape_fits(Elab *e, Loc loc, const Tval *x, Dim *count, int rank, Dim **dims) {
  Dim *to = dim_const(e->ctx, 1);
  for (int i = 0; i < rank; i++) to = dim_mul(e->ctx, to, dims[i]);
  if (!bi_dim_known(e, loc, to)) return false;
  if (to == count) return true;
  Dim *gap = dim_sub(e->ctx, to, count);
  int64_t v;
  Text t;
  text_init(&t, e->ctx->arena);
  if ((gap && dim_is_const(gap, &v)) || dim_ragged(e, to)) {
    dim_print(&t, to);
    Diag *d = diag_error(e->ctx, loc, 357, "%s cannot be reshaped to '%s' elements", show_type(e, x->type), t.s);
    diag_note(e->ctx, d, x->loc, "this is %s", show_type(e, x->type));
    return false;
  }
  check_dims(e, OP_check_dim_eq, count, to, "reshape keeps the number of elements");
  return true;
}

Tval *bi_reshape(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Dim *dims[MAX_RANK];
  int rank;
  Tval *x = elab_tensor(e, args[0]);
  if (!arg_dims(e, args[1], &rank, dims) || is_error(x)) return tv_error(e, call->loc);
  for (int i = 0; i < x->type->rank; i++)
    if (!bi_even(e, call->loc, x, i, self->name)) return tv_error(e, call->loc);
  Dim *count = type_count(e->ctx, x->type);
  if (!bi_dim_known(e, call->loc, count) || !infer_dimension(e, args[1]->loc, count, rank, dims) ||
      !reshape_fits(e, args[1]->loc, x, count, rank, dims))
    return tv_error(e, call->loc);
  return tv_reshape(e, call->loc, x, rank, dims);
}

Tval *bi_transpose(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]);
  if (is_error(x)) return x;
  int perm[MAX_RANK], n = 0, rank = x->type->rank;
  bool seen[MAX_RANK] = {false};
  for (int i = 0; i < rank; i++) perm[i] = rank - 1 - i;
  if (!args[1]) return tv_transpose(e, call->loc, x, perm);
  Expr *list = args[1];
  bool ok = list->kind == EX_LIST || list->kind == EX_TUPLE;
  for (Expr *i = ok ? list->u.list.first : NULL; i && ok; i = i->next) {
    int a;
    if (!arg_axis(e, i, rank, &a)) return tv_error(e, call->loc);
    ok = n < rank && !seen[a];
    if (ok) seen[perm[n++] = a] = true;
  }
  if (ok && n == rank) return tv_transpose(e, call->loc, x, perm);
  Diag *d = diag_error(e->ctx, list->loc, 358, "the axes of a transpose must name each of the %d axes once", rank);
  diag_note(e->ctx, d, x->loc, "%s", show_type(e, x->type));
  return tv_error(e, call->loc);
}

Tval *bi_broadcast(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Dim *dims[MAX_RANK];
  int rank;
  Tval *x = elab_tensor(e, args[0]);
  if (!arg_dims(e, args[1], &rank, dims) || is_error(x)) return tv_error(e, call->loc);
  int lead = rank - x->type->rank;
  if (lead < 0) {
    diag_error(e->ctx, call->loc, 364, "%s has more axes than the shape that it is broadcast to",
               show_type(e, x->type));
    return tv_error(e, call->loc);
  }
  for (int i = lead; i < rank; i++) {
    Dim *from = x->type->dim[i - lead];
    if (!dim_is(from, 1) &&
        !tv_same_dim(e, call->loc, from, dims[i], "the tensor and the shape that it is broadcast to"))
      return tv_error(e, call->loc);
  }
  return tv_broadcast_to(e, x, rank, dims);
}

/* ---- concat, stack ---- */

/* The items have one rank, one element type, one set of labels, and one shape but for axis `but`. */
static bool alike(Elab *e, Loc loc, const char *name, int n, Tval **x, int but) {
  for (int i = 1; i < n; i++) {
    if (x[i]->type->rank != x[0]->type->rank) {
      const char *what = arena_printf(e->ctx->arena, "'%s' of tensors with different numbers of axes", name);
      dims_differ(e, loc, 360, x[0], x[i], what);
      return false;
    }
    for (int a = 0; a < x[0]->type->rank; a++)
      if (a != but && x[i]->type->dim[a] != x[0]->type->dim[a]) {
        const char *what = arena_printf(e->ctx->arena, "axis %d of what '%s' joins", a, name);
        if (!tv_same_dim(e, loc, x[0]->type->dim[a], x[i]->type->dim[a], what)) return false;
      }
  }
  if (!tv_unify_elem(e, loc, n, x)) return false;
  tv_align(e, n, x);
  return true;
}

Tval *bi_concat(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval **x;
  int n = bi_items(e, args[0], self->name, &x), axis = 0;
  if (n < 0 || !bi_rank(e, call->loc, x[0], 1, MAX_RANK, "what is joined")) return tv_error(e, call->loc);
  if (args[1] && !arg_axis(e, args[1], x[0]->type->rank, &axis)) return tv_error(e, call->loc);
  if (!alike(e, call->loc, self->name, n, x, axis)) return tv_error(e, call->loc);
  for (int i = 0; i < n; i++)
    if (!bi_even(e, call->loc, x[i], axis, self->name)) return tv_error(e, call->loc);
  return tv_concat(e, call->loc, n, x, axis);
}

Tval *bi_stack(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval **x;
  int n = bi_items(e, args[0], self->name, &x), axis = 0;
  if (n < 0 || (args[1] && !arg_axis(e, args[1], x[0]->type->rank + 1, &axis))) return tv_error(e, call->loc);
  if (!alike(e, call->loc, self->name, n, x, -1)) return tv_error(e, call->loc);
  for (int i = 0; i < n; i++) {
    x[i] = bi_insert_axis(e, call->loc, x[i], axis);
    if (is_error(x[i])) return x[i];
  }
  return tv_concat(e, call->loc, n, x, axis);
}

/* ---- pad ---- */

/* [[1, 1], [0, 0]], or one pair or one number for every axis. */
static bool pad_widths(Elab *e, Expr *x, int rank, Dim **lo, Dim **hi) {
  bool nested = x->kind == EX_LIST && x->u.list.first && x->u.list.first->kind == EX_LIST;
  Expr *row = nested ? x->u.list.first : x;
  int n = nested ? x->u.list.count : rank;
  bool ok = n == rank;
  for (int i = 0; ok && i < rank; i++) {
    Dim *pair[MAX_RANK];
    int k;
    if (!arg_dims(e, row, &k, pair)) return false;
    ok = k == 1 || k == 2;
    lo[i] = pair[0];
    hi[i] = pair[k == 1 ? 0 : 1];
    if (nested) row = row->next;
  }
  if (ok) return true;
  Diag *d = diag_error(e->ctx, x->loc, 361, "the widths of a pad must be a pair for each of the %d ax%s", rank,
                       rank == 1 ? "is" : "es");
  diag_help(e->ctx, d, "write pad(x, [[1, 1], [0, 0]]) for one more row before and after");
  return false;
}

static bool pad_width_ok(Elab *e, Loc loc, Dim *w) {
  int64_t v;
  if (dim_is_const(w, &v) && v < 0) {
    Diag *d = diag_error(e->ctx, loc, 361, "the width of a pad is negative");
    diag_help(e->ctx, d, "cut with a slice: x[1:-1]");
    return false;
  }
  if (!dim_nonneg(e->ctx, w))
    check_dims(e, OP_check_dim_le, dim_const(e->ctx, 0), w, "the width of a pad must not be negative");
  return true;
}

/* x written into a tensor filled with `value`. */
static Tval *pad_with(Elab *e, Loc loc, Tval *x, Tval *value, Dim **lo, int rank, Dim **dims) {
  Tval *v[] = {x, value};
  if (!tv_unify_elem(e, loc, 2, v)) return tv_error(e, loc);
  tv_align(e, 2, v);
  Tval *full = tv_broadcast_to(e, v[1], rank, dims);
  Dim *start[MAX_RANK + MAX_LABEL];
  int64_t stride[MAX_RANK + MAX_LABEL];
  int nlabel = v[0]->nlabel;
  for (int i = 0; i < nlabel + rank; i++) {
    start[i] = i < nlabel ? dim_const(e->ctx, 0) : lo[i - nlabel];
    stride[i] = 1;
  }
  return tv_tensor(e, loc, full->type, b_set_slice(&e->b, full->v, v[0]->v, start, stride), nlabel, v[0]->label);
}

Tval *bi_pad(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Dim *lo[MAX_RANK], *hi[MAX_RANK], *dims[MAX_RANK];
  int64_t stride[MAX_RANK];
  Tval *x = elab_tensor(e, args[0]), *value = args[2] ? elab_tensor(e, args[2]) : NULL;
  if (is_error(x) || (value && !bi_rank(e, args[2]->loc, value, 0, 0, "the value of a pad")))
    return tv_error(e, call->loc);
  int rank = x->type->rank;
  if (!pad_widths(e, args[1], rank, lo, hi)) return tv_error(e, call->loc);
  for (int i = 0; i < rank; i++) {
    if (!bi_even(e, call->loc, x, i, self->name) || !pad_width_ok(e, args[1]->loc, lo[i]) ||
        !pad_width_ok(e, args[1]->loc, hi[i]))
      return tv_error(e, call->loc);
    dims[i] = dim_add(e->ctx, x->type->dim[i], dim_add(e->ctx, lo[i], hi[i]));
    stride[i] = 1;
    if (!bi_dim_known(e, args[1]->loc, dims[i])) return tv_error(e, call->loc);
  }
  if (!value || (value->scalar_const && value->number == 0)) return tv_embed(e, call->loc, x, lo, stride, rank, dims);
  return pad_with(e, call->loc, x, value, lo, rank, dims);
}

/* ---- flip, roll ---- */

Tval *bi_flip(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]);
  if (is_error(x)) return x;
  int axis[MAX_RANK], n = x->type->rank;
  for (int i = 0; i < n; i++) axis[i] = i;
  if (args[1] && !bi_axes(e, args[1], x->type->rank, &n, axis)) return tv_error(e, call->loc);
  for (int i = 0; i < n; i++) {
    Dim *len = x->type->dim[axis[i]];
    if (!bi_even(e, call->loc, x, axis[i], self->name)) return tv_error(e, call->loc);
    x = bi_slice_axis(e, call->loc, x, axis[i], dim_sub(e->ctx, len, dim_const(e->ctx, 1)), -1, len);
  }
  return x;
}

/* By an amount known as a formula: the last `shift` elements, then the others. */
static Tval *roll_by_slices(Elab *e, Loc loc, Tval *x, int axis, Dim *shift) {
  Dim *len = x->type->dim[axis], *rest = dim_sub(e->ctx, len, shift);
  if (!bi_dim_known(e, loc, rest)) return tv_error(e, loc);
  Tval *part[] = {bi_slice_axis(e, loc, x, axis, rest, 1, shift),
                  bi_slice_axis(e, loc, x, axis, dim_const(e->ctx, 0), 1, rest)};
  return tv_concat(e, loc, 2, part, axis);
}

static Tval *roll_by_gather(Elab *e, Loc loc, Tval *x, int axis, Tval *k) {
  Dim *len = x->type->dim[axis];
  Tval *idx = mk2(e, loc, OP_mod, mk2(e, loc, OP_sub, bi_iota(e, loc, len), tv_cast(e, k, I64)), tv_int(e, loc, len));
  if (is_error(idx)) return idx;
  Tval *r = tv_gather(e, loc, x, 1, &axis, &idx);
  int perm[MAX_RANK];
  for (int i = 0; i < x->type->rank; i++) perm[i] = i < axis ? i + 1 : i == axis ? 0 : i;
  return is_error(r) || axis == 0 ? r : tv_transpose(e, loc, r, perm);
}

Tval *bi_roll(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]), *k = elab_tensor(e, args[1]);
  int axis = 0;
  if (!bi_rank(e, args[0]->loc, x, 1, MAX_RANK, "what is rolled") ||
      !bi_rank(e, args[1]->loc, k, 0, 0, "the amount of a roll"))
    return tv_error(e, call->loc);
  if (!elem_is_int(k->type->elem)) {
    diag_error(e->ctx, args[1]->loc, 354, "the amount of a roll must be an int, but it is %s", show_type(e, k->type));
    return tv_error(e, call->loc);
  }
  if ((args[2] && !arg_axis(e, args[2], x->type->rank, &axis)) || !bi_even(e, call->loc, x, axis, self->name))
    return tv_error(e, call->loc);
  if (k->dim && dim_is(k->dim, 0)) return x;
  Dim *len = x->type->dim[axis];
  if (k->dim && !dim_ragged(e, k->dim)) {
    Dim *shift = dim_mod(e->ctx, k->dim, dim_max(e->ctx, len, dim_const(e->ctx, 1)));
    if (shift) return roll_by_slices(e, call->loc, x, axis, shift);
  }
  return roll_by_gather(e, call->loc, x, axis, k);
}
