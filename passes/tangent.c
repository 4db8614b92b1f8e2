/* tangent.c - forward mode: each operation's tangent right after it.
 * Requires: a function without calls; active values marked, tangents of parameters given.  Ensures: as adjoint.c. */
#include "passes/pass.h"

void tangent_sweep(Deriv *d) {
  Op *op = d->func->body->first;
  d->b = builder_at_end(d->func);
  for (Op *next; op; op = next) {
    next = op->next;
    if (op->nres != 1 || !is_active(d, op->res[0])) continue;
    d->b.before = next;
    d->b.loc = op->loc;
    d->d[op->res[0]->id] = differential_of(op)->tangent(d, op);
  }
}
