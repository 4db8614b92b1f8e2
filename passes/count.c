/* count.c - how often a loop turns, and what it counts on the way. */
#include "passes/pass.h"

/* ---- the number of iterations --------------------------------------------------------------------------------------------- */

/* ceil((hi - lo) / step), not below 0, for a constant step */
static Dim *count_of(Ctx *c, Dim *lo, Dim *hi, int64_t step) {
  Dim *span = step > 0 ? dim_sub(c, hi, lo) : dim_sub(c, lo, hi), *by = dim_const(c, step > 0 ? step : -step);
  if (!dim_is(by, 1)) span = dim_floordiv(c, dim_add(c, span, dim_sub(c, by, dim_const(c, 1))), by);
  return span ? dim_max(c, span, dim_const(c, 0)) : NULL;
}

Dim *trip_count(Ctx *c, const Op *loop) {
  int64_t step;
  Dim *lo = value_dim(c, loop->opd[0]), *hi = value_dim(c, loop->opd[1]);
  if (!lo || !hi || !splat_int(loop->opd[2], &step) || step == 0 || step == INT64_MIN) return NULL;
  return count_of(c, lo, hi, step);
}

static bool counts_from_zero(const Op *loop) {
  int64_t lo, step;
  return splat_int(loop->opd[0], &lo) && lo == 0 && splat_int(loop->opd[2], &step) && step == 1;
}

/* (hi - lo + step - sign(step)) // step rounds up for steps of either sign. */
Value *trip_count_value(Builder *b, Op *loop) {
  Value *lo = loop->opd[0], *hi = loop->opd[1], *step = loop->opd[2], *n = hi;
  if (!counts_from_zero(loop)) {
    n = b_map2(b, OP_add, b_map2(b, OP_sub, hi, lo), b_map2(b, OP_sub, step, b_map1(b, OP_sign, step)));
    n = b_map2(b, OP_floordiv, n, step);
  }
  return b_map2(b, OP_max, n, b_int(b, 0));
}

static Dim *bound_before(Ctx *c, Builder *b, Value *n, Loc loc, Value **bound) {
  Sym *s = sym_new(c, SYM_VALUE, "trips", loc);
  s->nonneg = true;
  *bound = b_sym(b, n, s);
  return dim_sym(c, s);
}

/* Binds the number to a symbol: of a `for` before it, of a `while` behind it. */
Dim *trip_count_bound(Deriv *d, Op *loop) {
  Builder b = {.ctx = d->b.ctx, .func = d->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  Value *n;
  if (loop->code == OP_while) return bound_before(b.ctx, &d->b, loop->res[find_counter(loop)], loop->loc, &n);
  Dim *count = bound_before(b.ctx, &b, trip_count_value(&b, loop), loop->loc, &n);
  if (counts_from_zero(loop)) loop->opd[1] = n; /* so that the count is known from now on */
  return count;
}

/* ---- what it counts ----------------------------------------------------------------------------------------------------------- */

bool loop_counts(const Op *loop, int k, int64_t *step) {
  const Region *body = loop_body(loop);
  const Op *next = body->res[k]->def;
  if (loop->res[k]->type->rank || loop->res[k]->type->elem != I64 || !next || next->opd[0] != loop_carried(loop, k)) return false;
  if (next->code != OP_add && next->code != OP_sub) return false;
  if (!splat_int(next->opd[1], step) || *step == 0 || *step == INT64_MIN) return false;
  if (next->code == OP_sub) *step = -*step;
  return true;
}

/* A carried value that starts at 0 and is one more after each iteration; -1: there is none. */
int find_counter(const Op *loop) {
  int64_t zero, one;
  for (int k = 0; k < loop->nres; k++)
    if (loop_counts(loop, k, &one) && one == 1 && splat_int(loop->opd[loop_ninit(loop) + k], &zero) && zero == 0) return k;
  return -1;
}

Value *loop_index_at(Builder *b, Value *lo, Value *step, Value *t) {
  int64_t x;
  Value *i = splat_int(step, &x) && x == 1 ? t : b_map2(b, OP_mul, t, step);
  return splat_int(lo, &x) && x == 0 ? i : b_map2(b, OP_add, lo, i);
}

/* The parameters of a loop's body in iteration t: the index and what is counted follow from t, the rest stand for themselves. */
void map_counters(Builder *b, CloneMap *m, const Op *loop, Value *t) {
  const Region *body = loop_body(loop);
  int64_t step;
  if (loop->code == OP_for) clone_map_value(m, body->param[0], loop_index_at(b, loop->opd[0], loop->opd[2], t));
  for (int k = 0; k < loop->nres; k++) {
    Value *p = loop_carried(loop, k), *init = loop->opd[loop_ninit(loop) + k];
    clone_map_value(m, p, loop_counts(loop, k, &step) ? loop_index_at(b, init, b_int(b, step), t) : p);
  }
}

/* ---- how often a `while` can turn at most --------------------------------------------------------------------------------------- */

/* From `p < hi` or the like, where p is carried and counts. */
static Dim *limit_of(Ctx *c, const Op *loop, const Op *compare) {
  bool less = compare->code == OP_lt || compare->code == OP_le, equal = compare->code == OP_le || compare->code == OP_ge;
  for (int i = 0; i < 2 * loop->nres; i++) {
    int64_t step;
    int k = i / 2, side = i % 2;
    if (compare->opd[side] != loop->reg[0]->param[k] || !loop_counts(loop, k, &step)) continue;
    Dim *lo = value_dim(c, loop->opd[k]), *hi = value_dim(c, compare->opd[1 - side]), *one = dim_const(c, 1);
    if (!lo || !hi || (step > 0) != (less == (side == 0))) continue;
    if (equal) hi = step > 0 ? dim_add(c, hi, one) : dim_sub(c, hi, one);
    return count_of(c, lo, hi, step);
  }
  return NULL;
}

static Dim *limit_from(Ctx *c, const Op *loop, const Op *op) {
  if (!op) return NULL;
  switch (op->code) {
  case OP_and: {
    Dim *first = limit_from(c, loop, op->opd[0]->def);
    return first ? first : limit_from(c, loop, op->opd[1]->def);
  }
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge: return limit_of(c, loop, op);
  default: return NULL;
  }
}

Dim *trip_limit(Ctx *c, const Op *loop) { return loop->code == OP_while ? limit_from(c, loop, loop->reg[0]->res[0]->def) : NULL; }
