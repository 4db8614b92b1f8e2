/* roots.c - powers that are roots and products: x ** 1.5 is x * sqrt(x).
 *
 * Of a negative infinity and of -0, pow is something else, which is looked at where x is not seen to be positive.  Requires: a
 * function that is not differentiated any more, for at 0 the higher derivatives of the product are made of terms that cancel.
 * Ensures: equal values within the error allowed to pow. */
#include "passes/pass.h"
#include <math.h>

enum { MAX_DEPTH = 12 };

/* Nan, or positive, or +0. */
static bool is_positive(const Value *v, int depth) {
  const Op *op = v->def;
  double x;
  if (splat_real(v, &x)) return !signbit(x);
  if (!op || depth > MAX_DEPTH) return false;
  switch (op->code) {
  case OP_exp:
  case OP_exp2:
  case OP_abs: return true;
  case OP_mul:
  case OP_contract:
    if (op->nopd == 2 && op->opd[0] == op->opd[1]) {
      for (int a = 0; op->code == OP_contract && a < op->opd[0]->type->rank; a++)
        if (op->u.contract.opd[0][a] != op->u.contract.opd[1][a]) return false;
      return true;
    }
    break;
  case OP_sqrt:
  case OP_add:
  case OP_div:
  case OP_max:
  case OP_reshape:
  case OP_slice: break;
  default: return false;
  }
  for (int k = 0; k < op->nopd; k++)
    if (!is_positive(op->opd[k], depth + 1)) return false;
  return true;
}

/* x ** (k / 2) for an odd k. */
static Value *power(Builder *b, Value *x, int k) {
  bool positive = is_positive(x, 0);
  Value *y = b_map1(b, OP_sqrt, x), *one = b_splat(b, x->type, 1);
  for (int n = k < 0 ? -k : k; n > 1; n -= 2) y = b_map2(b, OP_mul, x, y);
  if (!positive) y = b_map2(b, OP_add, y, b_splat(b, x->type, 0)); /* -0 becomes 0 */
  if (k < 0) y = b_map2(b, OP_div, one, y);
  if (positive) return y;
  return b_select(b, b_map2(b, OP_eq, x, b_splat(b, x->type, -INFINITY)), b_splat(b, x->type, k < 0 ? 0 : INFINITY), y);
}

static void roots_in(Func *f, Region *g) {
  for_each_op(op, g) {
    double c;
    for (int i = 0; i < op->nreg; i++) roots_in(f, op->reg[i]);
    if (op->code != OP_pow || !splat_real(op->opd[1], &c) || fabs(c) > 2.5 || fabs(c - trunc(c)) != 0.5) continue;
    Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
    region_replace_uses(g, op->res[0], power(&b, op->opd[0], (int)(2 * c)));
    op_remove(op);
  }
}

void pass_roots(Func *f) { roots_in(f, f->body); }
