/* adjoint_while.c - the adjoint of `while`: every loop that is differentiated counts its iterations; then the body is a `for` of so
 * many iterations, which is differentiated in its place.  That `for` runs only if its adjoint reads a tape. */
#include "passes/pass.h"

/* A carried value that starts at 0 and is one more after each iteration; -1: there is none. */
static int find_counter(const Op *loop) {
  const Region *body = loop_body(loop);
  for (int k = 0; k < loop->nres; k++) {
    const Op *next = body->res[k]->def;
    int64_t zero, one;
    if (loop->res[k]->type != type_scalar(body->func->module->ctx, I64) || !next || next->code != OP_add) continue;
    if (next->opd[0] != body->param[k] || !splat_int(next->opd[1], &one) || one != 1) continue;
    if (splat_int(loop->opd[k], &zero) && zero == 0) return k;
  }
  return -1;
}

static void add_counter(Deriv *d, Op *loop) {
  Builder b = {.ctx = d->b.ctx, .func = d->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  Value *p = loop_add_carried(loop, b_int(&b, 0), "trips");
  Builder in = b_inside(&b, loop_body(loop));
  region_add_result(loop_body(loop), b_map2(&in, OP_add, p, b_int(&in, 1)));
}

void loop_prepare(Deriv *d, Region *g) {
  for (Op *op = g->first; op; op = op->next) {
    for (int r = 0; r < op->nreg; r++) loop_prepare(d, op->reg[r]);
    bool active = false;
    for (int i = 0; i < op->nres; i++) active |= is_active(d, op->res[i]);
    if (op->code == OP_while && active && find_counter(op) < 0) add_counter(d, op);
    if (op->code == OP_if && active) if_yield_residuals(d, op);
    if (op->code == OP_for && active && op->u.loop.checkpoint > 0) loop_split(d, op);
  }
  deriv_reserve(d);
}

/* The number of iterations, bound to a symbol. */
static Value *bind_count(Deriv *d, const Op *loop) {
  int k = find_counter(loop);
  if (k < 0) bug("a while loop without a counter");
  Sym *s = sym_new(d->b.ctx, SYM_VALUE, "trips", loop->loc);
  s->nonneg = true;
  return b_sym(&d->b, loop->res[k], s);
}

static Op *as_for(Deriv *d, Op *loop) {
  const Region *body = loop_body(loop);
  Builder *b = &d->b;
  Op *f = b_for(b, b_int(b, 0), bind_count(d, loop), b_int(b, 1), loop->nopd, loop->opd);
  f->u.loop.checkpoint = loop->u.loop.checkpoint;
  Builder outer = *b;
  CloneMap *m = clone_map_new(b->ctx, d->func, d->func);
  deriv_reserve(d);
  for (int k = 0; k < loop->nres; k++) {
    Value *p = f->reg[0]->param[1 + k];
    clone_map_value(m, body->param[k], p);
    d->active[p->id] = is_active(d, body->param[k]);
    d->active[f->res[k]->id] = is_active(d, loop->res[k]);
    d->d[f->res[k]->id] = deriv_of(d, loop->res[k]);
  }
  d->b = b_inside(&outer, f->reg[0]);
  deriv_clone(d, m, body);
  for (int k = 0; k < loop->nres; k++) region_add_result(f->reg[0], clone_lookup(m, body->res[k]));
  d->b = outer;
  if (f->u.loop.checkpoint > 0) loop_split(d, f);
  return f;
}

void adjoint_while(Deriv *d, Op *op) {
  Op *f = as_for(d, op);
  if (!adjoint_for(d, f)) op_remove(f);
}
