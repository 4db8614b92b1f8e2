/* tangent_region.c - forward mode through control flow: regions yield, and loops carry, tangents beside the values.
 * Requires: the builder appends after the operation.  Ensures: the operation keeps its values; tangents are further results. */
#include "passes/pass.h"

static bool yields_tangent(const Deriv *d, const Op *op, int k) {
  return deriv_of(d, op->reg[0]->res[k]) || deriv_of(d, op->reg[1]->res[k]);
}

static void yield(Deriv *d, Region *r, const Value *v) {
  Builder outer = d->b;
  d->b = b_inside(&outer, r);
  region_add_result(r, deriv_or_zero(d, v));
  d->b = outer;
}

static void tangent_if(Deriv *d, Op *op) {
  int nres = op->nres;
  for (int r = 0; r < 2; r++) tangent_in(d, op->reg[r]);
  for (int k = 0; k < nres; k++) {
    if (!is_active(d, op->res[k]) || !yields_tangent(d, op, k)) continue;
    for (int r = 0; r < 2; r++) yield(d, op->reg[r], op->reg[r]->res[k]);
    d->d[op->res[k]->id] = op_add_result(op, op->res[k]->type);
  }
}

/* Every active carried value gets a tangent, zero at first where the initial one has none. */
static void tangent_loop(Deriv *d, Op *op) {
  Region *body = loop_body(op);
  int n = op->nres, first = loop_nindex(op);
  Builder after = d->b;
  d->b.before = op;
  for (int k = 0; k < n; k++) {
    Value *p = body->param[first + k];
    if (!is_active(d, p)) continue;
    d->d[p->id] = loop_add_carried(op, deriv_or_zero(d, op->opd[loop_ninit(op) + k]), p->name);
    d->d[op->res[k]->id] = op->res[op->nres - 1];
  }
  d->b = after;
  tangent_in(d, body);
  for (int k = 0; k < n; k++)
    if (is_active(d, body->param[first + k])) yield(d, body, body->res[k]);
}

void tangent_region_op(Deriv *d, Op *op) {
  if (op->code == OP_if) tangent_if(d, op);
  else tangent_loop(d, op);
}
