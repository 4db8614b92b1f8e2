/* elab_builtin_math.c - elementwise built-ins, casts, powers and choice.
 *
 * Requires: arguments bound.  Ensures: real functions make ints and bools real first; abs, sign, min, max, clamp and
 * square keep ints; operands broadcast as operators' do. */
#include <math.h>
#include "frontend/elab_builtin.h"

/* ---- composing ---- */

Tval *mk1(Elab *e, Loc loc, Opcode op, Tval *x) {
  if (is_error(x)) return tv_error(e, loc);
  return tv_map(e, loc, loc, op, 1, &x);
}

Tval *mk2(Elab *e, Loc loc, Opcode op, Tval *x, Tval *y) {
  if (is_error(x) || is_error(y)) return tv_error(e, loc);
  Tval *v[] = {x, y};
  return tv_map(e, loc, loc, op, 2, v);
}

Tval *bi_const(Elab *e, Loc loc, const Tval *like, double c) {
  Elem elem = like->type->elem;
  if (elem_is_real(elem) || !isinf(c)) return tv_number(e, loc, elem, c);
  int64_t limit = elem == I32 ? (c < 0 ? INT32_MIN : INT32_MAX) : (c < 0 ? INT64_MIN : INT64_MAX);
  if (elem == I32) return tv_number(e, loc, I32, (double)limit);
  return tv_tensor(e, loc, type_scalar(e->ctx, elem), b_int(&e->b, limit), 0, NULL);
}

Tval *mkc(Elab *e, Loc loc, Opcode op, Tval *x, double c) {
  if (is_error(x)) return tv_error(e, loc);
  return mk2(e, loc, op, x, bi_const(e, loc, x, c));
}

Tval *bi_select(Elab *e, Loc loc, Tval *c, Tval *x, Tval *y) {
  Tval *v[] = {c, x, y};
  return tv_map(e, loc, loc, OP_select, 3, v);
}

/* Both branches are selected before and after the root, so that no infinite derivative meets a zero; a NaN goes
 * through. */
Tval *bi_sqrt0(Elab *e, Loc loc, Tval *s) {
  Tval *zero = mkc(e, loc, OP_eq, s, 0);
  if (is_error(zero)) return zero;
  Tval *root = mk1(e, loc, OP_sqrt, bi_select(e, loc, zero, bi_const(e, loc, s, 1), s));
  return bi_select(e, loc, zero, bi_const(e, loc, s, 0), root);
}

Tval *bi_bool_to_int(Elab *e, Tval *x) { return !is_error(x) && x->type->elem == BOOL ? tv_cast(e, x, I64) : x; }

Tval *bi_real_arg(Elab *e, Expr *x) {
  Tval *v = elab_tensor(e, x);
  if (is_error(v) || !tv_to_real(e, &v)) return tv_error(e, x->loc);
  return v;
}

/* ---- rows ---- */

Tval *bi_unary(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Opcode op = (Opcode)self->detail;
  Tval *x = op_info[op].sig == SIG_NUM ? bi_bool_to_int(e, elab_tensor(e, args[0])) : bi_real_arg(e, args[0]);
  return mk1(e, call->loc, op, x);
}

/* Two arguments, made real, of one element type. */
static bool two_reals(Elab *e, Expr *call, Expr **args, Tval **v) {
  v[0] = elab_tensor(e, args[0]);
  v[1] = elab_tensor(e, args[1]);
  if (is_error(v[0]) || is_error(v[1])) return false;
  return tv_unify_elem(e, call->loc, 2, v) && tv_to_real(e, &v[0]) && tv_to_real(e, &v[1]);
}

Tval *bi_real2(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *v[2];
  if (!two_reals(e, call, args, v)) return tv_error(e, call->loc);
  return tv_map(e, call->loc, call->op_loc, (Opcode)self->detail, 2, v);
}

Tval *bi_minmax(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  if (!args[1]) {
    Expr *reduce[] = {args[0], args[2], args[3]};
    return bi_reduce(e, self, call, reduce, 3);
  }
  (void)nargs;
  for (int i = 2; i < 4; i++)
    if (args[i]) {
      Diag *d =
          diag_error(e->ctx, args[i]->loc, 350, "'%s' of two arguments is elementwise and takes no axis", self->name);
      diag_help(e->ctx, d, "reduce one tensor: %s(x, axis=0)", self->name);
      return tv_error(e, call->loc);
    }
  bool larger = self->detail == RED_MAX;
  Tval *v[] = {bi_bool_to_int(e, elab_tensor(e, args[0])), bi_bool_to_int(e, elab_tensor(e, args[1]))};
  if (is_error(v[0]) || is_error(v[1])) return tv_error(e, call->loc);
  if (v[0]->dim && v[1]->dim) {
    Dim *d = larger ? dim_max(e->ctx, v[0]->dim, v[1]->dim) : dim_min(e->ctx, v[0]->dim, v[1]->dim);
    if (d) return tv_int(e, call->loc, d);
  }
  return tv_map(e, call->loc, call->op_loc, larger ? OP_max : OP_min, 2, v);
}

Tval *bi_clamp(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  Tval *v[3];
  bool ok = true;
  for (int i = 0; i < nargs; i++) {
    v[i] = bi_bool_to_int(e, elab_tensor(e, args[i]));
    ok &= !is_error(v[i]);
  }
  return ok ? tv_map(e, call->loc, call->op_loc, OP_clamp, 3, v) : tv_error(e, call->loc);
}

Tval *bi_square(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *x = bi_bool_to_int(e, elab_tensor(e, args[0]));
  if (is_error(x)) return x;
  Dim *d = x->dim ? dim_mul(e->ctx, x->dim, x->dim) : NULL;
  return d ? tv_int(e, call->loc, d) : mk2(e, call->loc, OP_mul, x, x);
}

Tval *bi_polygamma(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *v[] = {elab_tensor(e, args[0]), bi_real_arg(e, args[1])};
  if (is_error(v[0]) || is_error(v[1])) return tv_error(e, call->loc);
  if (!elem_is_int(v[0]->type->elem) || (v[0]->scalar_const && v[0]->number < 0)) {
    diag_error(e->ctx, args[0]->loc, 354, "the order of polygamma must be an int, 0 or more");
    return tv_error(e, call->loc);
  }
  v[0] = tv_cast(e, v[0], I64);
  return tv_map(e, call->loc, call->op_loc, OP_polygamma, 2, v);
}

Tval *bi_gelu(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Loc loc = call->loc;
  Tval *x = bi_real_arg(e, args[0]);
  /* 1 + erf(z) = erfc(-z), which keeps its digits where it is small. */
  Tval *twice = mk1(e, loc, OP_erfc, mkc(e, loc, OP_mul, x, -0.70710678118654752440));
  return mk2(e, loc, OP_mul, mkc(e, loc, OP_mul, x, 0.5), twice);
}

Tval *bi_silu(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *x = bi_real_arg(e, args[0]);
  return mk2(e, call->loc, OP_mul, x, mk1(e, call->loc, OP_sigmoid, x));
}

Tval *bi_where(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *c = elab_tensor(e, args[0]), *a = elab_tensor(e, args[1]), *b = elab_tensor(e, args[2]);
  if (!is_error(c) && c->type->elem != BOOL) {
    Diag *d = diag_error(e->ctx, args[0]->loc, 354, "the condition of 'where' must be bool, but it is %s",
                         show_type(e, c->type));
    diag_help(e->ctx, d, "compare it: where(c != 0, a, b)");
    return tv_error(e, call->loc);
  }
  return bi_select(e, call->loc, c, a, b);
}

static Tval *stopped(Elab *e, Loc loc, Tval *x) {
  if (x->kind == TV_TENSOR) return elem_is_real(x->type->elem) ? mk1(e, loc, OP_stop_gradient, x) : x;
  if (x->kind != TV_TUPLE && x->kind != TV_STRUCT) {
    if (x->kind == TV_FUNCTION) diag_error(e->ctx, x->loc, 354, "a function has no derivative to stop");
    return tv_error(e, loc);
  }
  Tval *r = arena_dup(e->ctx->arena, x, sizeof *x);
  r->part = NEW_N(e->ctx->arena, Tval *, x->npart);
  for (int i = 0; i < x->npart; i++) r->part[i] = stopped(e, loc, x->part[i]);
  return r;
}

Tval *bi_stop(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  return stopped(e, call->loc, elab_expr(e, args[0]));
}

/* What a cast gives no longer adapts to what stands beside it. */
Tval *bi_cast(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *x = elab_tensor(e, args[0]);
  if (is_error(x)) return tv_error(e, call->loc);
  Tval *r = tv_cast(e, x, self->detail < 0 ? bi_elem_real(e) : (Elem)self->detail);
  if (is_error(r)) return r;
  r = arena_dup(e->ctx->arena, r, sizeof *r);
  r->literal = false;
  return r;
}

/* ---- powers ---- */

enum { MAX_UNROLLED_POWER = 8 };

/* x to the n >= 1 by repeated squaring: a polynomial, so that its derivatives are. */
static Tval *power(Elab *e, Loc loc, Tval *x, int64_t n) {
  Tval *r = NULL;
  for (Tval *square = x;;) {
    if (n & 1) r = r ? mk2(e, loc, OP_mul, r, square) : square;
    n >>= 1;
    if (n == 0) return r;
    square = mk2(e, loc, OP_mul, square, square);
  }
}

static Tval *ones_like(Elab *e, Loc loc, Tval *x) {
  return tv_broadcast_to(e, bi_const(e, loc, x, 1), x->type->rank, x->type->dim);
}

/* An int to a constant n >= 0 is an int, and a known one if the base is. */
static Tval *int_power(Elab *e, Loc loc, Tval *x, Tval *y, int64_t n) {
  if (x->dim && n <= MAX_UNROLLED_POWER) {
    Dim *d = dim_const(e->ctx, 1);
    for (int64_t i = 0; i < n; i++) d = dim_mul(e->ctx, d, x->dim);
    if (d) {
      Tval *r = arena_dup(e->ctx->arena, tv_int(e, loc, d), sizeof(Tval));
      r->literal = x->literal && y->literal;
      return r;
    }
  }
  if (n == 0) return ones_like(e, loc, x);
  return n <= MAX_UNROLLED_POWER ? power(e, loc, x, n) : mkc(e, loc, OP_ipow, x, (double)n);
}

/* 1/x first, then its power: at zero that keeps every derivative an infinity of the right sign instead of a NaN. */
static Tval *real_power(Elab *e, Loc loc, Tval *x, int64_t n) {
  if (n == 0) return ones_like(e, loc, x);
  if (n > 0) return power(e, loc, x, n);
  return power(e, loc, mk2(e, loc, OP_div, bi_const(e, loc, x, 1), x), -n);
}

static bool whole_constant(const Tval *y, int64_t *n) {
  if (y->type->rank != 0 || y->nlabel != 0 || !y->scalar_const) return false;
  if (!(fabs(y->number) < 1e15) || floor(y->number) != y->number) return false;
  *n = (int64_t)y->number;
  return true;
}

Tval *tv_pow(Elab *e, Loc loc, Loc op_loc, Tval *x, Tval *y) {
  x = bi_bool_to_int(e, x);
  y = bi_bool_to_int(e, y);
  if (is_error(x) || is_error(y)) return tv_error(e, loc);
  int64_t n;
  Tval *v[] = {x, y};
  if (whole_constant(y, &n)) {
    bool both_int = elem_is_int(x->type->elem) && elem_is_int(y->type->elem);
    if (both_int && n >= 0) return int_power(e, loc, x, y, n);
    if (n >= -MAX_UNROLLED_POWER && n <= MAX_UNROLLED_POWER) {
      if (!both_int && !tv_unify_elem(e, op_loc, 2, v)) return tv_error(e, loc);
      return tv_to_real(e, &v[0]) ? real_power(e, loc, v[0], n) : tv_error(e, loc);
    }
  }
  if (!tv_unify_elem(e, op_loc, 2, v) || !tv_to_real(e, &v[0]) || !tv_to_real(e, &v[1])) return tv_error(e, loc);
  return tv_map(e, loc, op_loc, OP_pow, 2, v);
}

Tval *bi_pow(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  return tv_pow(e, call->loc, call->op_loc, elab_tensor(e, args[0]), elab_tensor(e, args[1]));
}
