/* adjoint_if.c - the adjoint of `if`: an `if` on the same condition, whose regions first do again what the primal region did and
 * then go back through it.  It yields the cotangents of the values from around that the regions use. */
#include "passes/pass.h"

/* Leaves the cotangents of captured values as they were; the new ones go to `after`. */
static void adjoint_branch(Deriv *d, Op *op, int r, Region *to, const Values *captured, Value **after) {
  Ctx *c = d->b.ctx;
  Builder outer = d->b;
  Value **before = NEW_N(c->arena, Value *, captured->n + 1);
  for (int i = 0; i < captured->n; i++) before[i] = deriv_of(d, captured->v[i]);
  d->b = b_inside(&outer, to);
  CloneMap *m = clone_map_new(c, d->func, d->func);
  deriv_clone(d, m, op->reg[r]);
  Op *last = to->last;
  for (int k = 0; k < op->nres; k++)
    if (is_active(d, op->res[k])) deriv_add(d, clone_lookup(m, op->reg[r]->res[k]), deriv_of(d, op->res[k]));
  adjoint_region(d, last);
  for (int i = 0; i < captured->n; i++) {
    Value *v = deriv_of(d, captured->v[i]);
    after[i] = v == before[i] ? NULL : v;
    d->d[captured->v[i]->id] = before[i];
  }
  d->b = outer;
}

static void yield(Deriv *d, Region *r, const Values *changed, Value **after) {
  Builder outer = d->b;
  d->b = b_inside(&outer, r);
  for (int i = 0; i < changed->n; i++) region_add_result(r, after[i] ? after[i] : deriv_or_zero(d, changed->v[i]));
  d->b = outer;
  prune_region(d->func, r);
}

void adjoint_if(Deriv *d, Op *op) {
  Arena *a = d->b.ctx->arena;
  Values captured = captured_active(d, op, NULL), changed = {0};
  Value **after[2], **kept[2];
  Op *rev = b_if(&d->b, op->opd[0], 0, NULL);
  for (int r = 0; r < 2; r++) {
    after[r] = NEW_N(a, Value *, captured.n + 1);
    kept[r] = NEW_N(a, Value *, captured.n + 1);
    adjoint_branch(d, op, r, rev->reg[r], &captured, after[r]);
  }
  for (int i = 0; i < captured.n; i++) {
    if (!after[0][i] && !after[1][i]) continue;
    for (int r = 0; r < 2; r++) kept[r][changed.n] = after[r][i];
    PUSH(a, changed.v, changed.n, changed.cap) = captured.v[i];
  }
  for (int r = 0; r < 2; r++) yield(d, rev->reg[r], &changed, kept[r]);
  for (int i = 0; i < changed.n; i++) d->d[changed.v[i]->id] = op_add_result(rev, changed.v[i]->type);
  if (!changed.n) op_remove(rev);
}
