/* powers.c - powers whose exponents count are a running product: of t[i] ** j over all j, each is the one before times t[i].
 *
 *   pow(t, [c, c+1, c+2, …])   becomes   s[j] = t s[j-1],  s[0] = t ** c
 *
 * Requires: a function that is not differentiated any more, for the powers' own rule has no chain from one to the next.
 * Ensures: equal values up to rounding once for each factor; what is 1, 0, infinite or nan as a power is so as a product. */
#include "passes/pass.h"
#include <math.h>

enum { LEAST = 3 };

static bool is_same_along(const Value *v, int axis) {
  double x;
  if (splat_real(v, &x)) return true;
  if (!is_relabel(v)) return false;
  Con k = con_of(v->def);
  return !(con_in(&k, 0) >> k.out[axis] & 1);
}

static Value *running_product(Builder *b, Value *t, Counter c) {
  Type *ints = type_with_elem(b->ctx, t->type, I64);
  Value *first = b_map2(b, OP_eq, b_iota(b, ints, c.axis), b_splat(b, ints, 0)), *zero = b_splat(b, t->type, 0);
  Value *none = b_splat(b, t->type, -0.0); /* added, it leaves -0 as it is */
  Value *start = c.from == 0 ? b_splat(b, t->type, 1) : c.from == 1 ? t : b_map2(b, OP_pow, t, b_splat(b, t->type, c.from));
  return b_linrec(b, b_select(b, first, zero, t), b_select(b, first, start, none), c.axis, false);
}

static void powers_in(Func *f, Region *g) {
  for_each_op(op, g) {
    Counter c;
    int64_t n;
    for (int i = 0; i < op->nreg; i++) powers_in(f, op->reg[i]);
    if (op->code != OP_pow || !value_counts(op->opd[1], &c) || !(c.from >= 0) || c.from != trunc(c.from)) continue;
    if (!is_same_along(op->opd[0], c.axis) || (dim_is_const(op->res[0]->type->dim[c.axis], &n) && n < LEAST)) continue;
    Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
    region_replace_uses(g, op->res[0], running_product(&b, op->opd[0], c));
    op_remove(op);
  }
}

void pass_powers(Func *f) { powers_in(f, f->body); }
