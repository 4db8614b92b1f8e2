/* adjoint_contract.c - derivatives of contractions: the same operands under other labels.
 * y = contract(a, b; A, B -> Y) gives da = contract(dy, b; Y, B -> A).  Where that sums nothing it is a product, in which a zero
 * cotangent wins over an infinite factor. */
#include "passes/pass.h"
#include <string.h>

static void adjoint(Deriv *d, Op *op, Value *dy) {
  Con k = con_of(op);
  for (int i = 0; i < k.n; i++) {
    if (!is_active(d, op->opd[i])) continue;
    Con t = k;
    t.x[0] = dy;
    memcpy(t.in[0], k.out, sizeof k.out);
    t.rank = op->opd[i]->type->rank;
    memcpy(t.out, k.in[i], sizeof t.out);
    if (k.n == 2) {
      t.x[1] = k.x[1 - i];
      memcpy(t.in[1], k.in[1 - i], sizeof t.in[1]);
    }
    deriv_add(d, op->opd[i], con_emit(&d->b, t, OP_mulz));
  }
}

static Value *tangent(Deriv *d, Op *op) {
  Con k = con_of(op);
  Value *sum = NULL;
  for (int i = 0; i < k.n; i++) {
    Value *dx = deriv_of(d, op->opd[i]);
    if (!dx) continue;
    Con t = k;
    t.x[0] = dx;
    memcpy(t.in[0], k.in[i], sizeof t.in[0]);
    if (k.n == 2) {
      t.x[1] = k.x[1 - i];
      memcpy(t.in[1], k.in[1 - i], sizeof t.in[1]);
    }
    Value *v = con_emit(&d->b, t, OP_mulz);
    sum = sum ? b_map2(&d->b, OP_add, sum, v) : v;
  }
  return sum;
}

const Differential differential_contract = {adjoint, tangent};
