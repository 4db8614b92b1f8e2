/* undo.c - the state of a carried tensor before an iteration, from that after it: what the iteration stored over is put back.
 *
 * Regions inside a loop that read a carried tensor need the whole of it when they are done again; a copy for each iteration would
 * take as many times its memory.  Where the body changes it by stores and additions at places alone, also in loops inside that are as
 * long as a dimension, the adjoint's loop carries the tensor too, from its last state back to its first, and the tape holds what was
 * stored over.
 *
 * Requires: the adjoint's body is complete.  Ensures: at its beginning stands a copy of the primal body, for the places and old
 * values of the stores, and then the stores that put these back; what the adjoint's body reads of the tensor, before and after the
 * body's stores, is what they give.  In the minimum cut the old values are what the state was. */
#include "passes/pass.h"

/* What a store puts away, read just before it. */
typedef struct Old { const Op *set; Value *value; struct Old *next; } Old;

/* A value of the body of a loop, and the tensor with a place for each iteration that the loop gives of it. */
typedef struct Log { const Op *loop; Value *value, *all; struct Log *next; } Log;

/* Where values of the primal are wanted: in the copy of the body, or in the loop that undoes one inside it, for its iteration t. */
typedef struct Place { const struct Place *outer; CloneMap *map; const Op *loop; Value *t; } Place;

/* ---- which tensors ------------------------------------------------------------------------------------------------------------- */

static void note_computed(void *env, Sym *s) { *(bool *)env |= s->kind == SYM_VALUE; }

/* Stores or adds to elements whose indices are numbers. */
static bool is_indexed(const Op *op) {
  if (op->code == OP_set) return true;
  return op->code == OP_scatter_acc && !op->u.index.masked && op->u.index.naxis > 0 && op->opd[2]->type->rank == 0;
}

static bool is_store(const Op *op) {
  bool computed = false;
  if (!op || (!is_indexed(op) && op->code != OP_set_slice)) return false;
  op_each_sym(op, note_computed, &computed);
  return !computed;
}

/* The tensor before the operation that gives v. */
static Value *before(const Value *v) {
  return is_store(v->def) ? v->def->opd[0] : v->def->opd[loop_ninit(v->def) + result_index(v)];
}

/* How often at most the loop turns; NULL: it is not known, or may not be kept for each turn. */
static Dim *longest(Ctx *c, const Op *loop) {
  int64_t step, n;
  Bounds lo, hi;
  const Op *end = loop->opd[1]->def;
  if (loop->u.loop.checkpoint || !splat_int(loop->opd[2], &step) || (step != 1 && step != -1)) return NULL;
  if (step == 1 && end && end->code == OP_add && end->opd[0] == loop->opd[0] && splat_int(end->opd[1], &n))
    return dim_const(c, n > 0 ? n : 0);
  if (!value_bounds(c, loop->opd[0], &lo) || !value_bounds(c, loop->opd[1], &hi)) return NULL;
  Dim *span = step == 1 ? dim_sub(c, hi.hi, lo.lo) : dim_sub(c, lo.hi, hi.lo);
  Dim *most = span ? dim_max(c, span, dim_const(c, 0)) : NULL;
  bool computed = false;
  if (most) type_each_sym(type_tensor(c, BOOL, 1, &most), note_computed, &computed);
  return computed ? NULL : most;
}

/* The body makes v of its parameter p by stores, and by loops of a known length that do. */
static bool is_undoable(Ctx *c, const Region *body, const Value *v, const Value *p, int depth) {
  if (p->type->rank + depth >= MAX_RANK) return false;
  while (v != p) {
    const Op *op = v->def;
    if (!op || op->parent != body) return false;
    if (op->code == OP_for) {
      int k = result_index(v);
      if (!longest(c, op) || !is_undoable(c, op->reg[0], op->reg[0]->res[k], op->reg[0]->param[1 + k], depth + 1)) return false;
    } else if (!is_store(op))
      return false;
    v = before(v);
  }
  return true;
}

/* Of what is kept to go from v back to p, in an iteration. */
static double kept_bytes(Ctx *c, const Value *v, const Value *p) {
  double sum = 0;
  for (; v != p; v = before(v)) {
    const Op *op = v->def;
    if (is_store(op)) {
      sum += nominal_bytes(op->opd[1]->type);
      continue;
    }
    int k = result_index(v);
    Dim *n = longest(c, op);
    sum += kept_bytes(c, op->reg[0]->res[k], op->reg[0]->param[1 + k]) * nominal_bytes(type_tensor(c, BOOL, 1, &n));
  }
  return sum;
}

/* One of the tensor's states is used, but for reads that are settled. */
static bool is_used(const Undo *u, const bool *state, const Op *op) {
  bool any = false;
  for (int i = op->nres && settled_source(u->d, op->res[0]); i < op->nopd; i++) any |= state[op->opd[i]->id];
  for (int r = 0; r < op->nreg; r++) {
    for (int i = 0; i < op->reg[r]->nres; i++) any |= state[op->reg[r]->res[i]->id];
    for (const Op *in = op->reg[r]->first; in && !any; in = in->next) any = is_used(u, state, in);
  }
  return any;
}

/* An operation with regions reads the tensor, in one of its states. */
static bool is_read_inside(Undo *u, const Region *body, Value *v, const Value *p) {
  bool *state = NEW_N(u->ctx->arena, bool, u->d->func->nvalue + 1), any = false;
  for (; v != p; v = before(v)) state[v->id] = true;
  state[p->id] = true;
  for (const Op *op = body->first; op && !any; op = op->next)
    if (op->nreg || op_info[op->code].family == FAM_CALL) any = is_used(u, state, op);
  return any;
}

/* ---- what the primal keeps ------------------------------------------------------------------------------------------------------ */

static bool same_window(const Op *x, const Op *y) {
  bool same = true;
  for (int i = 0; i < x->opd[0]->type->rank; i++)
    same = same && x->u.slice.start[i] == y->u.slice.start[i] && x->u.slice.stride[i] == y->u.slice.stride[i];
  return same;
}

/* `at` reads what the store `set` puts away. */
static bool reads_old(const Op *at, const Op *set) {
  if (!at || at->code != (set->code == OP_set_slice ? OP_slice : OP_gather) || at->opd[0] != set->opd[0]) return false;
  if (at->res[0]->type != set->opd[1]->type) return false;
  if (set->code == OP_set_slice) return same_window(at, set);
  bool same = at->nopd == set->nopd - 1;
  for (int i = 2; same && i < set->nopd; i++)
    same = at->opd[i - 1] == set->opd[i] && at->u.index.axis[i - 2] == set->u.index.axis[i - 2];
  return same;
}

static Value *old_value(const Undo *u, const Op *set) {
  for (const Old *o = u->old; o; o = o->next)
    if (o->set == set) return o->value;
  bug("a store without its old value");
}

static void read_old(Undo *u, Op *set) {
  Builder b = {.ctx = u->ctx, .func = u->d->func, .region = set->parent, .before = set, .loc = set->loc};
  Value *x = set->opd[0];
  Old *o = NEW(u->ctx->arena, Old);
  *o = (Old){set, NULL, u->old};
  u->old = o;
  if (reads_old(set->prev, set)) o->value = set->prev->res[0];
  else if (set->code == OP_set_slice) o->value = b_slice(&b, x, set->u.slice.start, set->u.slice.stride, set->opd[1]->type->dim);
  else o->value = b_gather(&b, x, set->u.index.naxis, set->u.index.axis, set->opd + 2, NULL);
}

static bool is_inside(const Op *loop, const Value *v) { return region_of(v) == loop->reg[0]; }

/* From the index of the loop and what is around it. */
static bool follows_from_index(const Op *loop, const Value *v) {
  if (!is_inside(loop, v)) return true;
  if (!v->def) return v == loop->reg[0]->param[0];
  if (v->def->code != OP_const && op_info[v->def->code].family != FAM_MAP) return false;
  for (int i = 0; i < v->def->nopd; i++)
    if (!follows_from_index(loop, v->def->opd[i])) return false;
  return true;
}

static void keep(Undo *u, Op *loop, Value *v) {
  Dim *dim[MAX_RANK] = {longest(u->ctx, loop)};
  int axis = 0;
  for (const Log *l = u->log; l; l = l->next)
    if (l->loop == loop && l->value == v) return;
  for (int a = 0; a < v->type->rank; a++) dim[a + 1] = v->type->dim[a];
  Builder out = {.ctx = u->ctx, .func = u->d->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  Value *p = loop_add_carried(loop, b_splat(&out, type_tensor(u->ctx, v->type->elem, v->type->rank + 1, dim), 0), "old");
  Builder in = b_inside(&out, loop->reg[0]);
  Value *t = b_map2(&in, OP_floordiv, b_map2(&in, OP_sub, loop->reg[0]->param[0], loop->opd[0]), loop->opd[2]);
  region_add_result(loop->reg[0], b_set(&in, p, v, 1, &axis, &t));
  Log *l = NEW(u->ctx->arena, Log);
  *l = (Log){loop, v, loop->res[loop->nres - 1], u->log};
  u->log = l;
}

/* Reads what is stored over, and has loops keep it; loop: that of the stores between v and p, NULL: the one that is differentiated. */
static void prepare(Undo *u, Op *loop, Value *v, const Value *p) {
  for (Value *next; v != p; v = next) {
    Op *op = v->def;
    next = before(v);
    if (is_store(op)) {
      read_old(u, op);
      if (loop) keep(u, loop, old_value(u, op));
      for (int i = 2; loop && is_indexed(op) && i < op->nopd; i++)
        if (!follows_from_index(loop, op->opd[i])) keep(u, loop, op->opd[i]);
      continue;
    }
    int k = result_index(v);
    const Log *had = u->log;
    prepare(u, op, op->reg[0]->res[k], op->reg[0]->param[1 + k]);
    for (const Log *l = u->log; loop && l != had; l = l->next)
      if (l->loop == op) keep(u, loop, l->all);
  }
}

/* ---- putting back ----------------------------------------------------------------------------------------------------------------- */

static Value *value_at(Undo *u, Builder *b, const Place *at, Value *v) {
  if (!at->loop) {
    Value *copy = clone_lookup(at->map, v);
    return copy ? copy : v;
  }
  int axis = 0;
  for (const Log *l = u->log; l; l = l->next) {
    if (l->loop != at->loop || l->value != v) continue;
    return b_gather(b, value_at(u, b, at->outer, l->all), 1, &axis, (Value *[]){at->t}, NULL);
  }
  if (!is_inside(at->loop, v)) return value_at(u, b, at->outer, v);
  if (!v->def) return loop_index_at(b, value_at(u, b, at->outer, at->loop->opd[0]), value_at(u, b, at->outer, at->loop->opd[2]), at->t);
  CloneMap *m = clone_map_new(u->ctx, u->d->func, u->d->func);
  for (int i = 0; i < v->def->nopd; i++) clone_map_value(m, v->def->opd[i], value_at(u, b, at, v->def->opd[i]));
  return clone_op(m, b, v->def)->res[0];
}

static Value *put_back(Undo *u, Builder *b, const Place *at, const Op *set, Value *after) {
  Value *idx[MAX_RANK], *old = value_at(u, b, at, old_value(u, set));
  if (set->code == OP_set_slice) return b_set_slice(b, after, old, set->u.slice.start, set->u.slice.stride);
  for (int i = 2; i < set->nopd; i++) idx[i - 2] = value_at(u, b, at, set->opd[i]);
  return b_set(b, after, old, set->u.index.naxis, set->u.index.axis, idx);
}

static Value *step_back(Undo *u, Builder *b, const Place *at, Value *v, Value *after);

static Value *loop_back(Undo *u, Builder *b, const Place *at, Op *loop, int k, Value *after) {
  Value *range[3];
  for (int i = 0; i < 3; i++) range[i] = value_at(u, b, at, loop->opd[i]);
  Op ranged = *loop;
  ranged.opd = range;
  Value *last = b_map2(b, OP_sub, trip_count_value(b, &ranged), b_int(b, 1));
  Op *back = b_for(b, last, b_int(b, -1), b_int(b, -1), 1, &after);
  Builder in = b_inside(b, back->reg[0]);
  Place inside = {at, NULL, loop, back->reg[0]->param[0]};
  Value *x = back->reg[0]->param[1];
  for (Value *v = loop->reg[0]->res[k]; v != loop->reg[0]->param[1 + k]; v = before(v)) x = step_back(u, &in, &inside, v, x);
  region_set_results(back->reg[0], 1, &x);
  return back->res[0];
}

static Value *step_back(Undo *u, Builder *b, const Place *at, Value *v, Value *after) {
  return is_store(v->def) ? put_back(u, b, at, v->def, after) : loop_back(u, b, at, v->def, result_index(v), after);
}

/* ---- the loop that is differentiated ---------------------------------------------------------------------------------------------- */

Undo *undo_prepare(Deriv *d, Op *loop) {
  Undo *u = NEW(d->b.ctx->arena, Undo);
  const Region *body = loop_body(loop);
  *u = (Undo){.d = d, .ctx = d->b.ctx, .loop = loop};
  u->state = NEW_N(u->ctx->arena, State, loop->nres + 1);
  for (int k = 0, n = loop->nres; k < n; k++) {
    Value *p = loop_carried(loop, k), *v = body->res[k];
    if (!p->type->rank || v == p || !is_undoable(u->ctx, body, v, p, 1) || !is_read_inside(u, body, v, p)) continue;
    if (kept_bytes(u->ctx, v, p) >= nominal_bytes(p->type)) continue;
    prepare(u, NULL, v, p);
    u->state[u->n++] = (State){.k = k};
  }
  deriv_reserve(d);
  return u;
}

/* The copy of the body that the stores are read off.  In it the carried parameters of the tensors are the primal's again, for the
 * tape to cut; in what stands behind it they are what the stores back give. */
void undo_emit(Undo *u, Op *rev, Value *t, CloneMap *copied) {
  const Op *loop = u->loop;
  const Region *body = loop_body(loop);
  Region *to = loop_body(rev);
  Builder b = {.ctx = u->ctx, .func = u->d->func, .region = to, .before = to->first, .loc = loop->loc}, outer = u->d->b;
  if (u->n == 0) return;
  u->map = clone_map_new(u->ctx, u->d->func, u->d->func);
  map_counters(&b, u->map, loop, t);
  for (int i = 0; i < u->n; i++) {
    State *s = &u->state[i];
    s->stand_in = b_splat(&b, loop_carried(loop, s->k)->type, 0);
    clone_map_value(u->map, loop_carried(loop, s->k), s->stand_in);
  }
  u->d->b = b;
  deriv_clone(u->d, u->map, body);
  u->d->b = outer;
  Place here = {NULL, u->map, NULL, NULL};
  for (int i = 0; i < u->n; i++) {
    State *s = &u->state[i];
    Value *p = loop_carried(loop, s->k), *x = s->after = loop_add_carried(rev, loop->res[s->k], "state");
    region_add_result(to, s->after);
    for (Value *v = body->res[s->k]; v != p; v = before(v)) {
      Value *old = clone_lookup(copied, v), *now = x;
      x = step_back(u, &b, &here, v, x);
      region_replace_uses(to, old, now);
    }
    s->before = x;
    region_replace_uses(to, p, x);
    region_replace_uses(to, s->stand_in, p);
  }
  deriv_reserve(u->d);
}
