/* adjoint_while.c - the adjoint of `while`: every loop that is differentiated counts its iterations.  A loop whose condition compares a
 * counter with a bound, as a `for` that may be left early does, fills a tape with a place for each iteration up to the bound, unless
 * that could be much more than is needed.  Of any other, the body is a `for` of as many iterations as were counted, which is
 * differentiated in its place; that `for` runs only if its adjoint reads a tape. */
#include "passes/pass.h"

enum { FEW_TURNS = 256, MOST_TURNS = 65536 }; /* so many may be kept of anything, of numbers */

/* ---- counting ---------------------------------------------------------------------------------------------------------------------- */

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

/* ---- once more, as a `for` ------------------------------------------------------------------------------------------------------- */

static Op *as_for(Deriv *d, Op *loop) {
  const Region *body = loop_body(loop);
  Builder *b = &d->b;
  Op *f = b_for(b, b_int(b, 0), b_dim(b, trip_count_bound(d, loop)), b_int(b, 1), loop->nopd, loop->opd);
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

/* ---- in one pass ---------------------------------------------------------------------------------------------------------------- */

/* Some argument of the function is as long. */
static bool as_long_as_given(Deriv *d, Dim *n) {
  const Region *body = d->func->body;
  for (int i = 0; i < body->nparam; i++)
    for (int a = 0; a < body->param[i]->type->rank; a++)
      if (dim_le(d->b.ctx, n, body->param[i]->type->dim[a])) return true;
  return false;
}

/* The loop turns at most so often that it may have a place on the tape for each turn there may be. */
static bool adjoint_limited(Deriv *d, Op *loop) {
  Dim *room = loop->u.loop.checkpoint ? NULL : trip_limit(d->b.ctx, loop);
  int64_t n;
  if (!room) return false;
  if (!dim_is_const(room, &n)) return as_long_as_given(d, room) && adjoint_in_room(d, loop, room, true);
  return n <= MOST_TURNS && adjoint_in_room(d, loop, room, n > FEW_TURNS);
}

void adjoint_while(Deriv *d, Op *op) {
  if (adjoint_limited(d, op)) return;
  Op *f = as_for(d, op);
  if (adjoint_for(d, f)) return;
  for (int k = 0; k < op->nres; k++) region_replace_uses(f->parent, f->res[k], op->res[k]);
  op_remove(f);
}
