/* tangent.c - forward mode: each operation's tangent right after it.
 * Requires: a function whose calls are of recursive functions; active values marked, tangents of parameters given.  Ensures: as
 * adjoint.c. */
#include "passes/pass.h"

static bool any_active(const Deriv *d, const Op *op) {
  for (int i = 0; i < op->nres; i++)
    if (is_active(d, op->res[i])) return true;
  return false;
}

static void tangent_op(Deriv *d, Op *op) {
  if (op_info[op->code].family == FAM_REGION) tangent_region_op(d, op);
  else if (op->code == OP_call) tangent_call(d, op);
  else d->d[op->res[0]->id] = differential_of(op)->tangent(d, op);
}

void tangent_in(Deriv *d, Region *g) {
  Builder outer = d->b;
  for (Op *op = g->first, *next; op; op = next) {
    next = op->next;
    if (!any_active(d, op)) continue;
    d->b = (Builder){.ctx = outer.ctx, .func = d->func, .region = g, .before = next, .loc = op->loc};
    tangent_op(d, op);
  }
  d->b = outer;
}

void tangent_sweep(Deriv *d) { tangent_in(d, d->func->body); }
