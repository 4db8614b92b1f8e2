/* snapshot.c - a loop that is to keep k of its states becomes k loops one after another, in a loop: the adjoint of that stores the
 * state before each, and runs again, with a tape, the one that it goes back through.
 * Ensures: the operation keeps its results; the new values are active where those that they stand for are. */
#include "passes/pass.h"

/* lo + min(n, trips) * step */
static Value *index_after(Builder *b, const Op *loop, Value *n, Value *trips) {
  return b_map2(b, OP_add, loop->opd[0], b_map2(b, OP_mul, b_map2(b, OP_min, n, trips), loop->opd[2]));
}

static void link_at_end(Region *r, Op *op, Builder *in) {
  Op *mark = b_int(in, 0)->def;
  op_move_before(op, mark);
  op_remove(mark);
  op->parent = r;
}

void loop_split(Deriv *d, Op *loop) {
  Builder b = {.ctx = d->b.ctx, .func = d->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  int k = loop->u.loop.checkpoint, n = loop->nres;
  Dim *count = trip_count(d->b.ctx, loop);
  Value *trips = count ? b_dim(&b, count) : trip_count_value(&b, loop), *many = b_int(&b, k);
  Value *each = b_map2(&b, OP_floordiv, b_map2(&b, OP_add, trips, b_int(&b, k - 1)), many);
  Op *part = b_for(&b, loop->opd[0], loop->opd[1], loop->opd[2], n, loop->opd + loop_ninit(loop));
  Region *body = loop->reg[0], *outer = part->reg[0];
  loop->reg[0] = outer;
  outer->parent = loop;
  part->reg[0] = body;
  body->parent = part;
  Builder in = b_inside(&b, outer);
  Value *first = b_map2(&in, OP_mul, outer->param[0], each);
  part->opd[0] = index_after(&in, loop, first, trips);
  part->opd[1] = index_after(&in, loop, b_map2(&in, OP_add, first, each), trips);
  for (int i = 0; i < n; i++) part->opd[3 + i] = outer->param[1 + i];
  link_at_end(outer, part, &in);
  region_set_results(outer, n, part->res);
  loop->opd[0] = b_int(&b, 0);
  loop->opd[1] = many;
  loop->opd[2] = b_int(&b, 1);
  loop->u.loop.checkpoint = 0;
  deriv_reserve(d);
  for (int i = 0; i < n; i++) {
    bool active = is_active(d, body->param[1 + i]);
    d->active[outer->param[1 + i]->id] = d->active[part->res[i]->id] = active;
  }
}
