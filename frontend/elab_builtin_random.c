/* elab_builtin_random.c - random numbers as functions of a key and an index (Philox4x32-10): no state, nothing in order.
 *
 * A key is an i64, the two key words of Philox.  Element i of a tensor comes from the block whose counter is i, and i of split
 * from counter i with 1 in its high half. */
#include "frontend/elab_builtin.h"

static Tval *key_arg(Elab *e, Expr *x, const char *what) {
  Tval *k = elab_tensor(e, x);
  if (!bi_rank(e, x->loc, k, 0, 0, what)) return tv_error(e, x->loc);
  if (!elem_is_int(k->type->elem)) {
    diag_error(e->ctx, x->loc, 354, "%s must be an int, but this is %s", what, show_type(e, k->type));
    return tv_error(e, x->loc);
  }
  return tv_cast(e, k, I64);
}

static Tval *philox(Elab *e, Loc loc, Opcode op, Tval *key, Tval *counter, int64_t high) {
  Tval *v[] = {key, counter, tv_int(e, loc, dim_const(e->ctx, high))};
  return is_error(key) || is_error(counter) ? tv_error(e, loc) : tv_map(e, loc, loc, op, 3, v);
}

/* The bits themselves, element by element. */
Tval *bi_philox(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  Tval *v[3];
  bool ok = true;
  for (int i = 0; i < nargs; i++) {
    v[i] = elab_tensor(e, args[i]);
    if (!is_error(v[i]) && !elem_is_int(v[i]->type->elem)) {
      diag_error(e->ctx, args[i]->loc, 354, "'%s' takes ints, but this is %s", self->name, show_type(e, v[i]->type));
      v[i] = tv_error(e, call->loc);
    }
    if (!is_error(v[i])) v[i] = tv_cast(e, v[i], I64);
    ok = ok && !is_error(v[i]);
  }
  return ok ? tv_map(e, call->loc, call->loc, self->detail, 3, v) : tv_error(e, call->loc);
}

/* Each element's position in row-major order. */
static Tval *positions(Elab *e, Loc loc, int rank, Dim *const *dims) {
  Tval *at = tv_int(e, loc, dim_const(e->ctx, 0));
  for (int i = 0; i < rank && !is_error(at); i++) {
    Tval *along = tv_iota(e, loc, rank, dims, i);
    at = i ? mk2(e, loc, OP_add, mk2(e, loc, OP_mul, at, tv_int(e, loc, dims[i])), along) : along;
  }
  return at;
}

Tval *bi_key(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)call;
  (void)nargs;
  return key_arg(e, args[0], "the seed");
}

Tval *bi_split(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *k = key_arg(e, args[0], "the key");
  Dim *dims[MAX_RANK];
  int rank;
  if (!bi_shape(e, args[1], &rank, dims) || is_error(k)) return tv_error(e, call->loc);
  return philox(e, call->loc, OP_philox, k, positions(e, call->loc, rank, dims), 1);
}

/* The highest bits that the type holds, as a number in [0, 1). */
static Tval *unit_interval(Elab *e, Loc loc, Tval *bits) {
  Elem real = bi_elem_real(e);
  bool wide = real == F64;
  if (is_error(bits)) return bits;
  Tval *top = mk2(e, loc, OP_floordiv, bits, tv_int(e, loc, dim_const(e->ctx, wide ? INT64_C(1) << 11 : INT64_C(1) << 40)));
  if (is_error(top)) return top;
  Tval *x = mkc(e, loc, OP_mul, tv_cast(e, top, real), wide ? 0x1p-53 : 0x1p-24);
  return bi_select(e, loc, mkc(e, loc, OP_lt, x, 0), mkc(e, loc, OP_add, x, 1), x);
}

/* Box and Muller's: a radius from one half of the block, an angle from the other. */
static Tval *normal(Elab *e, Loc loc, Tval *key, Tval *at) {
  Tval *u = unit_interval(e, loc, philox(e, loc, OP_philox, key, at, 0));
  Tval *v = unit_interval(e, loc, philox(e, loc, OP_philox_high, key, at, 0));
  Tval *radius = mk1(e, loc, OP_sqrt, mkc(e, loc, OP_mul, mk1(e, loc, OP_log1p, mk1(e, loc, OP_neg, u)), -2));
  return mk2(e, loc, OP_mul, radius, mk1(e, loc, OP_cos, mkc(e, loc, OP_mul, v, 6.283185307179586477)));
}

Tval *bi_random(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *k = key_arg(e, args[0], "the key");
  Dim *dims[MAX_RANK];
  int rank;
  if (!bi_shape(e, args[1], &rank, dims) || is_error(k)) return tv_error(e, call->loc);
  Tval *at = positions(e, call->loc, rank, dims);
  if (self->detail) return normal(e, call->loc, k, at);
  return unit_interval(e, call->loc, philox(e, call->loc, OP_philox, k, at, 0));
}
