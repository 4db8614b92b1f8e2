/* counter.c - values that count along one of their axes.
 *
 * Requires: any value.  Ensures: what is found holds of every element. */
#include "passes/pass.h"
#include <math.h>

static bool number(const Value *v, double *x) {
  int64_t i;
  if (!splat_int(v, &i)) return splat_real(v, x);
  *x = (double)i;
  return true;
}

/* A counter and a number, added, or the number taken from it. */
static bool counts_on(const Op *op, Counter *c) {
  double x;
  int k = op->code == OP_add && number(op->opd[0], &x);
  if (!number(op->opd[1 - k], &x) || !value_counts(op->opd[k], c)) return false;
  c->from += op->code == OP_add ? x : -x;
  return true;
}

bool value_counts(const Value *v, Counter *c) {
  const Op *op = v->def;
  if (!op) return false;
  switch (op->code) {
  case OP_iota: *c = (Counter){op->u.axis, 0}; return true;
  case OP_cast: return v->type->elem != BOOL && value_counts(op->opd[0], c) && c->from == trunc(c->from);
  case OP_add:
  case OP_sub: return counts_on(op, c);
  default: break;
  }
  if (!is_relabel(v) || !value_counts(op->opd[0], c)) return false;
  Con k = con_of(op);
  for (int a = 0; a < k.rank; a++)
    if (k.out[a] == k.in[0][c->axis]) {
      c->axis = a;
      return true;
    }
  return false;
}
