/* elab_builtin_window.c - convolution and pooling: the windows are gathered, then contracted or reduced.
 *
 * Ensures: code of one size for every kernel, stride and padding; a kernel larger than what it slides over, a stride
 * below 1 and a negative padding are errors, when the program runs if the sizes decide. */
#include "frontend/elab_builtin.h"
#include "frontend/elab_core.h"

enum { MAX_SPATIAL = 2 };
typedef struct Window {
  int n;
  Dim *kernel[MAX_SPATIAL], *stride[MAX_SPATIAL], *padding[MAX_SPATIAL];
} Window;

/* One dimension for all spatial axes or one for each; x NULL: the default. */
static bool per_axis(Elab *e, Expr *x, int n, Dim *const *preset, Dim **d, int64_t least, const char *what) {
  int given;
  Dim *v[MAX_RANK];
  for (int i = 0; i < n; i++) d[i] = preset[i];
  if (!x) return true;
  if (!arg_dims(e, x, &given, v)) return false;
  if (given != 1 && given != n) {
    diag_error(e->ctx, x->loc, 369, "the %s must be one int, or one for each of the %d spatial axes", what, n);
    return false;
  }
  for (int i = 0; i < n; i++) {
    int64_t k;
    d[i] = v[given == 1 ? 0 : i];
    if (dim_is_const(d[i], &k) && k < least) {
      diag_error(e->ctx, x->loc, 369, "the %s must be %lld or more", what, (long long)least);
      return false;
    }
    check_dims(e, OP_check_dim_le, dim_const(e->ctx, least), d[i],
               arena_printf(e->ctx->arena, "the %s is too small", what));
  }
  return true;
}

/* How many windows fit along an axis of this length. */
static Dim *window_count(Elab *e, Loc loc, Dim *length, Dim *kernel, Dim *stride) {
  Ctx *c = e->ctx;
  Dim *room = dim_sub(c, length, kernel), *n = dim_add(c, dim_floordiv(c, room, stride), dim_const(c, 1));
  int64_t v;
  if (!bi_dim_known(e, loc, n)) return NULL;
  if (dim_is_const(room, &v) && v < 0) {
    diag_error(c, loc, 369, "the kernel, of length '%s', is longer than the axis, '%s'", show_dim(e, kernel),
               show_dim(e, length));
    return NULL;
  }
  check_dims(e, OP_check_dim_le, kernel, length, "the kernel is longer than the axis");
  return n;
}

static Tval *padded(Elab *e, Loc loc, Tval *x, const Window *w) {
  Ctx *c = e->ctx;
  Dim *start[MAX_RANK], *dims[MAX_RANK];
  int64_t stride[MAX_RANK];
  int rank = x->type->rank;
  bool none = true;
  for (int i = 0; i < rank; i++) {
    int s = i - (rank - w->n);
    start[i] = s >= 0 ? w->padding[s] : dim_const(c, 0);
    dims[i] = dim_add(c, x->type->dim[i], dim_mul(c, dim_const(c, 2), start[i]));
    stride[i] = 1;
    none = none && dim_is(start[i], 0);
    if (!bi_dim_known(e, loc, dims[i])) return tv_error(e, loc);
  }
  return none ? x : tv_embed(e, loc, x, start, stride, rank, dims);
}

/* The windows along the last axes of x: axes are (place, offset) for each spatial axis, then x's others. */
static Tval *windows(Elab *e, Loc loc, Tval *x, const Window *w) {
  static const bool in_range[] = {true, true};
  for (int i = 0; i < w->n; i++)
    if (!bi_even(e, loc, x, x->type->rank - w->n + i, "a window")) return tv_error(e, loc);
  x = padded(e, loc, x, w);
  if (is_error(x)) return x;
  int axis[MAX_SPATIAL];
  Tval *idx[MAX_SPATIAL];
  for (int i = 0; i < w->n; i++) {
    axis[i] = x->type->rank - w->n + i;
    Dim *places = window_count(e, loc, x->type->dim[axis[i]], w->kernel[i], w->stride[i]), *dims[2 * MAX_SPATIAL];
    if (!places) return tv_error(e, loc);
    for (int k = 0; k < 2 * w->n; k++)
      dims[k] = k == 2 * i ? places : k == 2 * i + 1 ? w->kernel[i] : dim_const(e->ctx, 1);
    Tval *place = tv_iota(e, loc, 2 * w->n, dims, 2 * i), *offset = tv_iota(e, loc, 2 * w->n, dims, 2 * i + 1);
    if (!dim_is(w->stride[i], 1)) place = mk2(e, loc, OP_mul, place, tv_int(e, loc, w->stride[i]));
    idx[i] = mk2(e, loc, OP_add, place, offset);
    if (is_error(idx[i])) return idx[i];
  }
  return tv_gather_at(e, loc, x, w->n, axis, idx, in_range);
}

Tval *bi_conv(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  int n = self->detail;
  Ctx *c = e->ctx;
  Loc loc = call->loc;
  Tval *v[] = {bi_bool_to_int(e, elab_tensor(e, args[0])), bi_bool_to_int(e, elab_tensor(e, args[1]))};
  Dim *one[] = {dim_const(c, 1), dim_const(c, 1)}, *zero[] = {dim_const(c, 0), dim_const(c, 0)};
  Window w = {.n = n};
  if (!per_axis(e, args[2], n, one, w.stride, 1, "stride") || !per_axis(e, args[3], n, zero, w.padding, 0, "padding") ||
      !bi_rank(e, args[0]->loc, v[0], 2 + n, 2 + n, "the image [batch, channel, …]") ||
      !bi_rank(e, args[1]->loc, v[1], 2 + n, 2 + n, "the weight [output, channel, …]") ||
      !tv_same_dim(e, loc, v[0]->type->dim[1], v[1]->type->dim[1], "the channels of the image and of the weight"))
    return tv_error(e, loc);
  for (int i = 0; i < n; i++) w.kernel[i] = v[1]->type->dim[2 + i];
  Tval *x = windows(e, loc, v[0], &w);
  return n == 1 ? tv_contract(e, loc, x, "hknc", v[1], "ock", "noh")
                : tv_contract(e, loc, x, "hkwlnc", v[1], "ockl", "nohw");
}

/* [windows…, others…] to [others…, windows…] */
static Tval *windows_last(Elab *e, Loc loc, Tval *x, int nwindow) {
  int perm[MAX_RANK];
  if (is_error(x)) return x;
  int rank = x->type->rank, others = rank - nwindow;
  for (int i = 0; i < rank; i++) perm[i] = i < others ? i + nwindow : i - others;
  return tv_transpose(e, loc, x, perm);
}

Tval *bi_pool(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Loc loc = call->loc;
  Tval *x = self->detail ? bi_bool_to_int(e, elab_tensor(e, args[0])) : bi_real_arg(e, args[0]);
  Dim *none[] = {dim_const(e->ctx, 0), dim_const(e->ctx, 0)};
  Window w = {.n = 2};
  if (!per_axis(e, args[1], 2, none, w.kernel, 1, "kernel") ||
      !per_axis(e, args[2], 2, w.kernel, w.stride, 1, "stride") ||
      !per_axis(e, NULL, 2, none, w.padding, 0, "padding") ||
      !bi_rank(e, args[0]->loc, x, 2, MAX_RANK, "what is pooled"))
    return tv_error(e, loc);
  Tval *y = windows_last(e, loc, windows(e, loc, x, &w), 4);
  if (is_error(y)) return y;
  int offsets[] = {y->type->rank - 3, y->type->rank - 1};
  return self->detail ? tv_reduce(e, loc, OP_rmax, y, 2, offsets, false) : tv_mean(e, loc, y, 2, offsets, false);
}
