/* batch_region.c - control flow over a batch: conditions and trip counts are shared, carried values and results get the axis
 * where any way to them does. */
#include "passes/batch.h"

/* What a region yields, each with or without the batch axis as its receiver has it. */
static void yield(Batch *t, Builder *in, Region *to, const Region *from, Value *const *receiver) {
  Value **res = NEW_N(t->ctx->arena, Value *, from->nres);
  for (int i = 0; i < from->nres; i++) {
    bool full = receiver && is_batched(t, receiver[i]);
    res[i] = full ? batch_full(t, in, from->res[i]) : batch_plain(t, from->res[i]);
  }
  region_set_results(to, from->nres, res);
}

void batch_if(Batch *t, Builder *b, Op *op) {
  Type **types = NEW_N(t->ctx->arena, Type *, op->nres);
  if (is_batched(t, op->opd[0])) bug("a batched condition");
  for (int i = 0; i < op->nres; i++)
    types[i] = is_batched(t, op->res[i]) ? batch_type(t, op->res[i]->type) : clone_type(t->map, op->res[i]->type);
  Op *copy = b_if(b, batch_plain(t, op->opd[0]), op->nres, types);
  for (int r = 0; r < 2; r++) {
    Builder in = b_inside(b, copy->reg[r]);
    batch_region(t, &in, op->reg[r]);
    yield(t, &in, copy->reg[r], op->reg[r], op->res);
  }
  for (int i = 0; i < op->nres; i++) clone_map_value(t->map, op->res[i], copy->res[i]);
}

void batch_loop(Batch *t, Builder *b, Op *op) {
  int first = loop_ninit(op), n = op->nres;
  Value **init = NEW_N(t->ctx->arena, Value *, n), *range[3];
  for (int i = 0; i < first; i++) {
    if (is_batched(t, op->opd[i])) bug("a batched trip count");
    range[i] = batch_plain(t, op->opd[i]);
  }
  for (int i = 0; i < n; i++) {
    const Value *x = op->opd[first + i];
    init[i] = is_batched(t, op->res[i]) ? batch_full(t, b, x) : batch_plain(t, x);
  }
  Op *copy = op->code == OP_for ? b_for(b, range[0], range[1], range[2], n, init) : b_while(b, n, init);
  copy->u.loop = op->u.loop;
  for (int r = 0; r < op->nreg; r++) {
    Region *from = op->reg[r], *to = copy->reg[r];
    for (int i = 0; i < from->nparam; i++) {
      to->param[i]->name = from->param[i]->name;
      clone_map_value(t->map, from->param[i], to->param[i]);
    }
    Builder in = b_inside(b, to);
    batch_region(t, &in, from);
    if (from == loop_body(op)) yield(t, &in, to, from, op->res);
    else {
      if (is_batched(t, from->res[0])) bug("a batched condition");
      yield(t, &in, to, from, NULL);
    }
  }
  for (int i = 0; i < n; i++) clone_map_value(t->map, op->res[i], copy->res[i]);
}
