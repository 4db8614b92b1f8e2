/* adjoint_loop.c - the adjoint of `for`: a loop over the iterations from the last to the first, which carries the cotangents of the
 * carried values and those of the values from around that the body uses.  Its body first does again what it needs of the primal
 * iteration; what cannot be done again is read from a tape. */
#include "passes/pass.h"

/* ---- the loop -------------------------------------------------------------------------------------------------------------- */

Value *loop_carried(const Op *loop, int k) { return loop_body(loop)->param[loop_nindex(loop) + k]; }

/* Carried values that a cotangent reaches, in some iteration. */
static bool *find_carried(Deriv *d, Reverse *r) {
  Op *loop = r->loop;
  bool *reaches = NEW_N(d->b.ctx->arena, bool, d->func->nvalue + 1), more = true;
  r->carried = NEW_N(d->b.ctx->arena, int, loop->nres + 1);
  for (int k = 0; k < loop->nres; k++) reaches[loop_carried(loop, k)->id] = is_active(d, loop->res[k]) && deriv_of(d, loop->res[k]);
  while (more) {
    more = false;
    for (int k = 0; k < loop->nres; k++) {
      const Value *next = loop_body(loop)->res[k];
      if (!reaches[loop_carried(loop, k)->id] || !is_active(d, loop_carried(loop, k)) || reaches[next->id]) continue;
      more = reaches[next->id] = true;
    }
    if (more) activity_backward(loop_body(loop), reaches);
  }
  for (int k = 0; k < loop->nres; k++)
    if (is_active(d, loop_carried(loop, k)) && reaches[loop_carried(loop, k)->id]) r->carried[r->n++] = k;
  return reaches;
}

Reverse reverse_start(Deriv *d, Op *loop) {
  Reverse r = {.loop = loop};
  r.captured = captured_active(d, loop, find_carried(d, &r));
  return r;
}

Value **reverse_init(Deriv *d, const Reverse *r) {
  Value **init = NEW_N(d->b.ctx->arena, Value *, r->n + r->captured.n + 1);
  for (int i = 0; i < r->n; i++) init[i] = deriv_or_zero(d, r->loop->res[r->carried[i]]);
  for (int i = 0; i < r->captured.n; i++) init[r->n + i] = deriv_or_zero(d, r->captured.v[i]);
  return init;
}

static void make_loop(Deriv *d, Reverse *r, Dim *count) {
  Builder *b = &d->b;
  Value **init = reverse_init(d, r);
  Value *last = b_dim(b, dim_sub(b->ctx, count, dim_const(b->ctx, 1)));
  r->rev = b_for(b, last, b_int(b, -1), b_int(b, -1), r->n + r->captured.n, init);
}

static CloneMap *copy_body(Deriv *d, const Op *loop, Value *t) {
  CloneMap *m = clone_map_new(d->b.ctx, d->func, d->func);
  map_counters(&d->b, m, loop, t);
  deriv_clone(d, m, loop_body(loop));
  return m;
}

static void mark_copied(Deriv *d, Tape *tape, const Op *last) {
  bool *had = tape->copied;
  int n = tape->ncopied;
  tape->ncopied = d->func->nvalue;
  tape->copied = NEW_N(d->b.ctx->arena, bool, tape->ncopied + 1);
  for (int i = 0; i < n; i++) tape->copied[i] = had[i];
  for (const Op *op = last; op; op = op->prev)
    for (int i = 0; i < op->nres; i++) tape->copied[op->res[i]->id] = true;
}

static void fill(Deriv *d, Reverse *r, Tape *tape) {
  Region *to = loop_body(r->rev), *body = loop_body(r->loop);
  tape->t = to->param[0];
  tape->map = copy_body(d, r->loop, to->param[0]);
  Op *last = to->last;
  for (int i = 0; i < r->captured.n; i++) d->d[r->captured.v[i]->id] = loop_carried(r->rev, r->n + i);
  for (int i = 0; i < r->n; i++) deriv_add(d, clone_lookup(tape->map, body->res[r->carried[i]]), loop_carried(r->rev, i));
  adjoint_region(d, last);
  settled_use(d, to);
  mark_copied(d, tape, last);
  for (int i = 0; i < r->n; i++) {
    Value *p = loop_carried(r->loop, r->carried[i]);
    region_add_result(to, deriv_or_zero(d, p));
    d->d[p->id] = NULL;
  }
  for (int i = 0; i < r->captured.n; i++) region_add_result(to, deriv_of(d, r->captured.v[i]));
}

/* Cotangents of captured values that pass through the loop as they are need not be carried. */
static void drop_unchanged(Deriv *d, Reverse *r) {
  bool *keep = NEW_N(d->b.ctx->arena, bool, r->n + r->captured.n + 1);
  int n = 0;
  prune_region(d->func, loop_body(r->rev));
  for (int i = 0; i < r->n; i++) keep[i] = true;
  for (int i = 0; i < r->captured.n; i++) {
    const Region *body = loop_body(r->rev);
    const Value *p = loop_carried(r->rev, r->n + i);
    keep[r->n + i] = region_count_uses(body, p) != 1 || body->res[r->n + i] != p;
    d->d[r->captured.v[i]->id] = r->outer[i];
  }
  op_keep_results(r->rev, keep);
  for (int i = 0; i < r->captured.n; i++)
    if (keep[r->n + i]) d->d[r->captured.v[i]->id] = r->rev->res[r->n + n++];
}

/* States that the minimum cut did without pass through the loop as they came; true if others stay. */
static bool keep_states(Deriv *d, Op *rev, const Undo *undo) {
  bool *keep = NEW_N(d->b.ctx->arena, bool, rev->nres + 1), any = false;
  for (int i = 0; i < rev->nres; i++) {
    bool is_state = i >= rev->nres - undo->n;
    keep[i] = !is_state || loop_body(rev)->res[i] != loop_carried(rev, i);
    any |= is_state && keep[i];
  }
  op_keep_results(rev, keep);
  return any;
}

/* Nothing was done. */
static bool give_up(Deriv *d, const Reverse *r) {
  op_remove(r->rev);
  for (int i = 0; i < r->captured.n; i++) d->d[r->captured.v[i]->id] = r->outer[i];
  return false;
}

/* room: how many iterations there are at most; NULL: count. */
static bool adjoint_iterations(Deriv *d, Op *loop, Dim *count, Dim *room, bool few, bool *taped) {
  settled_mark(d, loop);
  Undo *undo = undo_prepare(d, loop);
  Reverse r = reverse_start(d, loop);
  make_loop(d, &r, count);
  Builder outer = d->b;
  d->b = b_inside(&outer, loop_body(r.rev));
  r.outer = NEW_N(outer.ctx->arena, Value *, r.captured.n + 1);
  for (int i = 0; i < r.captured.n; i++) r.outer[i] = deriv_of(d, r.captured.v[i]);
  Tape tape = {.d = d, .primal = loop, .rev = loop_body(r.rev), .room = room, .few = few, .undo = undo};
  fill(d, &r, &tape);
  d->b = outer;
  cse_region(d->func, tape.rev); /* a rule may ask for what the primal has, and might have on its tape */
  drop_unchanged(d, &r);
  const Op *first = tape.rev->first;
  undo_emit(undo, r.rev, tape.t, tape.map);
  settled_use(d, tape.rev);
  if (first) mark_copied(d, &tape, first->prev);
  TapeCut cut = tape_cut(&tape);
  if (cut == TAPE_TOO_LARGE) return give_up(d, &r);
  *taped = keep_states(d, r.rev, undo) || cut == TAPE_STORED;
  prune_region(d->func, tape.rev);
  deriv_reserve(d);
  for (int i = 0; i < r.n; i++) deriv_add(d, loop->opd[loop_ninit(loop) + r.carried[i]], r.rev->res[i]);
  return true;
}

bool adjoint_for(Deriv *d, Op *loop) {
  if (loop->u.loop.checkpoint) {
    adjoint_recomputed(d, loop);
    return false;
  }
  bool taped;
  Dim *count = trip_count(d->b.ctx, loop);
  if (!count) count = trip_count_bound(d, loop);
  adjoint_iterations(d, loop, count, count, false, &taped);
  return taped;
}

bool adjoint_in_room(Deriv *d, Op *loop, Dim *room, bool few) {
  bool taped;
  return adjoint_iterations(d, loop, trip_count_bound(d, loop), room, few, &taped);
}
