/* adjoint.c - reverse mode: from the cotangents of results to those of parameters, in one sweep from the last operation to the
 * first.
 * Requires: a function without calls; active values marked.  Ensures: every operation emitted has a derivative of its own, and
 * carries the place of the operation that it differentiates. */
#include "passes/pass.h"

static const Differential *const by_family[FAM_COUNT] = {
    [FAM_MAP] = &differential_map,   [FAM_CONTRACT] = &differential_contract, [FAM_REDUCE] = &differential_reduce,
    [FAM_SCAN] = &differential_scan, [FAM_VIEW] = &differential_view,         [FAM_INDEX] = &differential_index};

const Differential *differential_of(const Op *op) { return by_family[op_info[op->code].family]; }

bool is_active(const Deriv *d, const Value *v) { return v->id < d->n && d->active[v->id]; }

Value *deriv_of(Deriv *d, const Value *v) { return v->id < d->n ? d->d[v->id] : NULL; }

Value *deriv_or_zero(Deriv *d, const Value *v) {
  Value *x = deriv_of(d, v);
  return x ? x : b_splat(&d->b, v->type, 0);
}

void deriv_add(Deriv *d, const Value *v, Value *contribution) {
  if (!contribution || !is_active(d, v)) return;
  if (contribution->type != v->type) bug("a cotangent of another type");
  Value **sum = &d->d[v->id];
  *sum = *sum ? b_map2(&d->b, OP_add, *sum, contribution) : contribution;
}

void adjoint_sweep(Deriv *d) {
  Op *last = d->func->body->last;
  d->b = builder_at_end(d->func);
  for (Op *op = last; op; op = op->prev) {
    if (op->nres != 1 || !is_active(d, op->res[0])) continue;
    Value *dy = deriv_of(d, op->res[0]);
    if (!dy) continue;
    d->b.loc = op->loc;
    differential_of(op)->adjoint(d, op, dy);
  }
}
