/* simplify_map.c - algebra on elementwise ops.
 * Every rule holds for NaN, infinity and both zeros, but for the sign of a zero that mulz makes: a cotangent's zero has
 * none. Ensures: a map whose operands are all broadcasts is done before the broadcast. */
#include "passes/pass.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static Op *def_of(const Value *v, Opcode code) { return v->def && v->def->code == code ? v->def : NULL; }

static Value *neg(Simplify *s, Value *v) { return b_map1(&s->b, OP_neg, v); }

static bool is_int(const Value *v) { return elem_is_int(v->type->elem); }

/* ---- constants --------------------------------------------------------------------------------------------------- */

static Value *int_splat(Simplify *s, const Type *t, int64_t v) {
  Value *x = t->elem == BOOL  ? b_bool(&s->b, v != 0)
             : t->elem == I64 ? b_int(&s->b, v)
                              : b_cast(&s->b, b_int(&s->b, v), t->elem);
  return b_broadcast_scalar(&s->b, x, t);
}

static Value *fold_reals(Simplify *s, Op *op) {
  double x[3], y;
  bool r;
  const Type *t = op->res[0]->type;
  for (int i = 0; i < op->nopd; i++)
    if (!splat_real(op->opd[i], &x[i])) return NULL;
  if (t->elem == BOOL) return fold_compare(op->code, x[0], x[1], &r) ? int_splat(s, t, r) : NULL;
  if (!fold_real(op->code, x, &y)) return NULL;
  return b_splat(&s->b, t, t->elem == F32 ? (double)(float)y : y);
}

static Value *fold_ints(Simplify *s, Op *op) {
  int64_t x[3], y;
  const Type *t = op->res[0]->type;
  for (int i = 0; i < op->nopd; i++)
    if (!splat_int(op->opd[i], &x[i])) return NULL;
  if (!fold_int(op->code, x, &y) || (t->elem == I32 && (y < INT32_MIN || y > INT32_MAX))) return NULL;
  return int_splat(s, t, y);
}

/* Arithmetic of dimensions is a dimension. */
static Value *fold_dims(Simplify *s, Op *op) {
  Ctx *c = s->ctx;
  if (op->res[0]->type->rank || op->res[0]->type->elem != I64) return NULL;
  Dim *x = value_dim(c, op->opd[0]), *y = op->nopd > 1 ? value_dim(c, op->opd[1]) : NULL, *r = NULL;
  if (!x || (op->nopd > 1 && !y)) return NULL;
  switch (op->code) {
  case OP_neg: r = dim_sub(c, dim_const(c, 0), x); break;
  case OP_add: r = dim_add(c, x, y); break;
  case OP_sub: r = dim_sub(c, x, y); break;
  case OP_mul: r = dim_mul(c, x, y); break;
  case OP_max: r = dim_max(c, x, y); break;
  case OP_min: r = dim_min(c, x, y); break;
  default: break;
  }
  return r ? b_dim(&s->b, r) : NULL;
}

static Value *fold(Simplify *s, Op *op) {
  if (op->code == OP_select || op->code == OP_cast || op->code == OP_stop_gradient || op->nopd == 0) return NULL;
  if (elem_is_real(op->opd[0]->type->elem)) return fold_reals(s, op);
  if (op->code == OP_polygamma) return NULL;
  Value *v = fold_ints(s, op);
  return v ? v : fold_dims(s, op);
}

/* ---- one op at a time -------------------------------------------------------------------------------------------- */

static Value *do_neg(Simplify *s, Op *op) {
  (void)s;
  Op *x = def_of(op->opd[0], OP_neg);
  return x ? x->opd[0] : NULL;
}

/* w when v is -w, also when the sign is taken before a broadcast; else NULL. */
static Value *negated(Simplify *s, const Value *v) {
  Op *n = def_of(v, OP_neg);
  if (n) return n->opd[0];
  if (!is_relabel(v) || !(n = def_of(v->def->opd[0], OP_neg))) return NULL;
  Con k = con_of(v->def);
  return relabel(&s->b, n->opd[0], k.in[0], k.out, k.rank, k.extent);
}

/* x with what is scattered over zeros added: only the places that are hit are written, and a -0 elsewhere stays one. */
static Value *add_scattered(Simplify *s, Value *x, Value *y) {
  Value *t = def_of(y, OP_scatter_add) && only_here(s, y) ? y : x, *base = t == y ? x : y;
  Op *u = def_of(t, OP_scatter_add);
  if (!u || !only_here(s, t)) return NULL;
  Value *mask = u->u.index.masked ? u->opd[u->nopd - 1] : NULL;
  return b_scatter_acc(&s->b, base, u->opd[0], u->u.index.naxis, u->u.index.axis, u->opd + 1, mask);
}

static Value *do_add(Simplify *s, Op *op) {
  Value *x = op->opd[0], *y = op->opd[1];
  double zero = is_int(x) ? 0.0 : -0.0;
  if (is_splat(y, zero)) return x;
  if (is_splat(x, zero)) return y;
  Value *n = negated(s, y);
  if (n) return b_map2(&s->b, OP_sub, x, n);
  n = negated(s, x);
  if (n) return b_map2(&s->b, OP_sub, y, n);
  if (x == y && !is_int(x)) return b_map2(&s->b, OP_mul, b_splat(&s->b, x->type, 2), x);
  return add_scattered(s, x, y);
}

static Value *do_sub(Simplify *s, Op *op) {
  Value *x = op->opd[0], *y = op->opd[1];
  if (is_splat(y, 0)) return x;
  if (x == y && is_int(x)) return int_splat(s, x->type, 0);
  Value *n = negated(s, y);
  if (n) return b_map2(&s->b, OP_add, x, n);
  Op *m = def_of(x, OP_neg);
  return m && m->opd[0] == y && !is_int(y) ? b_map2(&s->b, OP_mul, b_splat(&s->b, y->type, -2), y) : NULL;
}

static bool power_of_two(double c) {
  int e;
  return isfinite(c) && fabs(frexp(c, &e)) == 0.5 && abs(e) < 100;
}

/* c * v when v holds a constant factor that c can be multiplied into without rounding, or a smaller one before a
 * broadcast. */
static Value *rescale(Simplify *s, Value *v, double c) {
  double a;
  if (!v->def || rw_uses(&s->rw, v) > 1 || v->def->parent != s->b.region) return NULL;
  Value *const *x = v->def->opd;
  if (is_relabel(v)) {
    Value *inner = rescale(s, x[0], c);
    if (!inner) return NULL;
    Con k = con_of(v->def);
    return relabel(&s->b, inner, k.in[0], k.out, k.rank, k.extent);
  }
  if (v->def->code != OP_mul && v->def->code != OP_mulz) return NULL;
  for (int i = 0; i < 2 && v->def->code == OP_mul; i++)
    if (splat_real(x[i], &a) && (power_of_two(a) || power_of_two(c)))
      return b_map2(&s->b, OP_mul, b_splat(&s->b, v->type, a * c), x[1 - i]);
  Value *scaled = rescale(s, x[0], c);
  if (scaled) return b_map2(&s->b, v->def->code, scaled, x[1]);
  scaled = v->def->code == OP_mul ? rescale(s, x[1], c) : NULL;
  return scaled ? b_map2(&s->b, OP_mul, x[0], scaled) : NULL;
}

static Value *merge_constants(Simplify *s, Value *c, Value *x) {
  double a;
  return splat_real(c, &a) ? rescale(s, x, a) : NULL;
}

static Value *product(Simplify *s, Opcode code, Value *x, Value *y) {
  if (is_splat(x, 1)) return y;
  if (is_splat(y, 1)) return x;
  if (is_splat(x, -1)) return neg(s, y);
  if (is_splat(y, -1)) return neg(s, x);
  Op *nx = def_of(x, OP_neg), *ny = def_of(y, OP_neg);
  if (nx && ny) return b_map2(&s->b, code, nx->opd[0], ny->opd[0]);
  double c;
  if (nx && splat_real(y, &c)) return b_map2(&s->b, code, nx->opd[0], b_splat(&s->b, y->type, -c));
  if (ny && splat_real(x, &c)) return b_map2(&s->b, code, b_splat(&s->b, x->type, -c), ny->opd[0]);
  if (nx) return neg(s, b_map2(&s->b, code, nx->opd[0], y));
  if (ny) return neg(s, b_map2(&s->b, code, x, ny->opd[0]));
  return NULL;
}

static Value *do_mul(Simplify *s, Op *op) {
  Value *x = op->opd[0], *y = op->opd[1];
  if (is_int(x) && (is_splat(x, 0) || is_splat(y, 0))) return int_splat(s, x->type, 0);
  Value *v = product(s, OP_mul, x, y);
  if (!v) v = merge_constants(s, x, y);
  return v ? v : merge_constants(s, y, x);
}

/* Values that are finite whatever the inputs. */
static bool is_finite(const Value *v) {
  double c;
  if (splat_real(v, &c)) return isfinite(c);
  if (!v->def) return false;
  if (v->def->code == OP_cast) return !elem_is_real(v->def->opd[0]->type->elem) && v->type->elem == F64;
  if (v->def->code == OP_select) return is_finite(v->def->opd[1]) && is_finite(v->def->opd[2]);
  return is_relabel(v) && is_finite(v->def->opd[0]);
}

static Value *do_mulz(Simplify *s, Op *op) {
  Value *x = op->opd[0], *y = op->opd[1];
  double c;
  if (splat_real(x, &c) && c == 0) return b_splat(&s->b, x->type, 0);
  if (splat_real(y, &c) && c == 0) return b_splat(&s->b, x->type, 0);
  Value *v = product(s, OP_mulz, x, y);
  if (v) return v;
  if ((splat_real(x, &c) && isfinite(c)) || (splat_real(y, &c) && isfinite(c)) || (is_finite(x) && is_finite(y)))
    return b_map2(&s->b, OP_mul, x, y);
  return NULL;
}

static Value *do_div(Simplify *s, Op *op) {
  Value *x = op->opd[0], *y = op->opd[1];
  double c;
  if (is_splat(y, 1)) return x;
  if (is_splat(y, -1)) return neg(s, x);
  if (splat_real(y, &c) && power_of_two(c)) return b_map2(&s->b, OP_mul, x, b_splat(&s->b, y->type, 1 / c));
  Op *nx = def_of(x, OP_neg), *ny = def_of(y, OP_neg);
  if (nx && ny) return b_map2(&s->b, OP_div, nx->opd[0], ny->opd[0]);
  if (nx) return neg(s, b_map2(&s->b, OP_div, nx->opd[0], y));
  if (ny) return neg(s, b_map2(&s->b, OP_div, x, ny->opd[0]));
  return NULL;
}

/* x ** c for a small whole c, as products. */
static Value *do_pow(Simplify *s, Op *op) {
  Value *x = op->opd[0];
  Builder *b = &s->b;
  double c;
  if (!splat_real(op->opd[1], &c)) return NULL;
  if (c == 0) return b_splat(b, x->type, 1);
  if (c == 1) return x;
  if (c == -1) return b_map2(b, OP_div, b_splat(b, x->type, 1), x);
  if (c != 2 && c != 3 && c != 4) return NULL;
  Value *square = b_map2(b, OP_mul, x, x);
  return c == 2 ? square : b_map2(b, OP_mul, square, c == 3 ? x : square);
}

static Value *do_select(Simplify *s, Op *op) {
  Value *p = op->opd[0], *x = op->opd[1], *y = op->opd[2];
  int64_t c;
  if (x == y) return x;
  if (splat_int(p, &c)) return c ? x : y;
  Op *n = def_of(p, OP_not), *i;
  if (n) return b_select(&s->b, n->opd[0], y, x);
  if ((i = def_of(x, OP_select)) && i->opd[0] == p) return b_select(&s->b, p, i->opd[1], y);
  if ((i = def_of(y, OP_select)) && i->opd[0] == p) return b_select(&s->b, p, x, i->opd[2]);
  double u, v;
  if (splat_real(x, &u) && splat_real(y, &v) && u == v && signbit(u) == signbit(v)) return x;
  if (is_splat(x, 1) && is_splat(y, 0)) {
    if (x->type->elem == BOOL) return p;
    return b_cast(&s->b, p, x->type->elem);
  }
  return NULL;
}

static Value *do_cast(Simplify *s, Op *op) {
  Value *x = op->opd[0];
  Elem to = op->res[0]->type->elem;
  double f;
  int64_t i;
  if (x->type->elem == to) return x;
  if (splat_int(x, &i) && elem_is_real(to))
    return b_splat(&s->b, op->res[0]->type, to == F32 ? (double)(float)i : (double)i);
  if (splat_real(x, &f) && elem_is_real(to)) return b_splat(&s->b, op->res[0]->type, to == F32 ? (double)(float)f : f);
  if (splat_int(x, &i) && to == BOOL) return int_splat(s, op->res[0]->type, i != 0);
  if (splat_int(x, &i) && to == I64) return int_splat(s, op->res[0]->type, i);
  return NULL;
}

static Value *do_and(Simplify *s, Op *op) {
  (void)s;
  Value *x = op->opd[0], *y = op->opd[1];
  int64_t c;
  if (x == y) return x;
  if (splat_int(x, &c)) return c ? y : x;
  if (splat_int(y, &c)) return c ? x : y;
  return NULL;
}

static Value *do_or(Simplify *s, Op *op) {
  (void)s;
  Value *x = op->opd[0], *y = op->opd[1];
  int64_t c;
  if (x == y) return x;
  if (splat_int(x, &c)) return c ? x : y;
  if (splat_int(y, &c)) return c ? y : x;
  return NULL;
}

static Value *do_not(Simplify *s, Op *op) {
  (void)s;
  Op *x = def_of(op->opd[0], OP_not);
  return x ? x->opd[0] : NULL;
}

/* x < y, or <= (strict: false), by what they can be at most and at least. */
static bool surely_below(Ctx *c, Bounds x, Bounds y, bool strict) {
  return dim_le(c, strict ? dim_add(c, x.hi, dim_const(c, 1)) : x.hi, y.lo);
}

static Value *compare_bounds(Simplify *s, Op *op) {
  Bounds x, y;
  if (!value_bounds(s->ctx, op->opd[0], &x) || !value_bounds(s->ctx, op->opd[1], &y)) return NULL;
  bool swap = op->code == OP_gt || op->code == OP_ge, is_equal = op->code == OP_eq || op->code == OP_ne;
  Bounds a = swap ? y : x, b = swap ? x : y;
  bool strict = op->code == OP_lt || op->code == OP_gt;
  if (is_equal) {
    bool apart = surely_below(s->ctx, a, b, true) || surely_below(s->ctx, b, a, true);
    return apart ? int_splat(s, op->res[0]->type, op->code == OP_ne) : NULL;
  }
  if (surely_below(s->ctx, a, b, strict)) return int_splat(s, op->res[0]->type, true);
  return surely_below(s->ctx, b, a, !strict) ? int_splat(s, op->res[0]->type, false) : NULL;
}

/* Of one value with itself, or decided by bounds, where there are no NaNs. */
static Value *do_compare(Simplify *s, Op *op) {
  if (elem_is_real(op->opd[0]->type->elem)) return NULL;
  if (op->opd[0] != op->opd[1]) return compare_bounds(s, op);
  return int_splat(s, op->res[0]->type, op->code == OP_eq || op->code == OP_le || op->code == OP_ge);
}

static const SimplifyRule rule[OP_COUNT] = {
    [OP_neg] = do_neg,    [OP_add] = do_add,       [OP_sub] = do_sub,    [OP_mul] = do_mul,    [OP_mulz] = do_mulz,
    [OP_div] = do_div,    [OP_pow] = do_pow,       [OP_cast] = do_cast,  [OP_and] = do_and,    [OP_or] = do_or,
    [OP_not] = do_not,    [OP_select] = do_select, [OP_eq] = do_compare, [OP_ne] = do_compare, [OP_lt] = do_compare,
    [OP_le] = do_compare, [OP_gt] = do_compare,    [OP_ge] = do_compare};

static Value *by_rule(Simplify *s, Op *op) {
  Value *v = fold(s, op);
  return v || !rule[op->code] ? v : rule[op->code](s, op);
}

SimplifyRule simplify_map_rule(Opcode op) { return op_info[op].family == FAM_MAP ? by_rule : NULL; }

/* ---- broadcasts -------------------------------------------------------------------------------------------------- */

/* The axes of v's type that v is not broadcast over, as a set. */
static unsigned covered(const Value *v) {
  unsigned all = 0, set = 0;
  for (int a = 0; a < v->type->rank; a++) all |= 1u << a;
  if (!is_relabel(v)) return all;
  Con k = con_of(v->def);
  uint64_t in = con_in(&k, 0);
  for (int a = 0; a < k.rank; a++)
    if (in >> k.out[a] & 1) set |= 1u << a;
  return set;
}

/* v with only the axes of `keep`. */
static Value *reduced(Builder *b, Value *v, unsigned keep) {
  Con k;
  if (is_relabel(v))
    k = con_of(v->def);
  else
    return v;
  int8_t out[MAX_RANK];
  int n = 0;
  for (int a = 0; a < k.rank; a++)
    if (keep >> a & 1) out[n++] = k.out[a];
  return relabel(b, k.x[0], k.in[0], out, n, k.extent);
}

Value *simplify_sink(Simplify *s, Op *op) {
  const Type *t = op->res[0]->type;
  unsigned keep = 0;
  if (t->rank == 0) return NULL;
  for (int i = 0; i < op->nopd; i++) keep |= covered(op->opd[i]);
  if (keep == (1u << t->rank) - 1) return NULL;
  Value *x[3], *y;
  for (int i = 0; i < op->nopd; i++) x[i] = reduced(&s->b, op->opd[i], keep);
  y = op->code == OP_cast ? b_cast(&s->b, x[0], t->elem) : b_map(&s->b, op->code, op->nopd, x);
  int8_t in[MAX_RANK], out[MAX_RANK];
  Dim *extent[CON_LABELS] = {0};
  for (int a = 0, n = 0; a < t->rank; a++) {
    out[a] = (int8_t)a;
    extent[a] = t->dim[a];
    if (keep >> a & 1) in[n++] = (int8_t)a;
  }
  return relabel(&s->b, y, in, out, t->rank, extent);
}
