/* settled.c - reads of a carried tensor at places that are not stored to any more, or not yet.
 *
 *   for k:  for i > k:  m = U[i, k] / U[k, k];  for j > k:  U[i, j] -= m U[k, j]
 *
 * What iteration k reads of row k and column k no later store changes: the reverse sweep finds it in the tensor that the loop leaves,
 * and needs no tape.  A read at a place that no store before it has changed finds it in the tensor that the loop began with.
 *
 * The states of the tensor form a chain, from the parameter to what the body yields, through stores, loops and branches.  A store comes
 * after a read in the same iteration of all loops around both, if it is further along the chain, or in a later iteration of one of
 * them.  For each of these ways to come after it, the conditions that both are done and meet at one place are a system of linear
 * inequalities in the numbers of the iterations; if all are contradictory the read is settled.  What is not understood is
 * taken to meet.
 *
 * Requires: the loop is one that is differentiated, its body not yet copied.  Ensures: Deriv.source of a marked read is a tensor around
 * the loop with the same element there, and every copy that deriv_clone makes of it is marked too.  A mark may be used only where
 * the loop has been run. */
#include "passes/instance.h"

enum { MOST_TESTS = 1500 };

typedef struct Store { const Op *op; int number; } Store;
typedef struct Chain {
  Deriv *d;
  Ctx *ctx;
  Op *loop;
  int *passed; /* by value id: 1 + how many stores lead to it, along the chain; 0: it is no state of the tensor */
  int nvalue;
  Store *store; int nstore, cap;
  int tests;
} Chain;

/* ---- the chain ------------------------------------------------------------------------------------------------------------------- */

static bool follow(Chain *c, Value *v, const Value *p, const Region *r);

/* What a branch began with; NULL: it makes something else. */
static Value *begin_of_branch(const Region *r, int k);

/* The state before the operation that gives v; NULL: that is none. */
static Value *state_before(const Value *v) {
  const Op *op = v->def;
  int k = result_index(v);
  if (op_is_update(op)) return op->opd[0];
  if (op_is_loop(op)) return op->opd[loop_ninit(op) + k];
  if (op->code != OP_if) return NULL;
  Value *begin = begin_of_branch(op->reg[0], k);
  return begin == begin_of_branch(op->reg[1], k) ? begin : NULL;
}

static Value *begin_of_branch(const Region *r, int k) {
  Value *v = r->res[k];
  while (v && region_of(v) == r) v = v->def ? state_before(v) : NULL;
  return v;
}

static bool pass_op(Chain *c, Value *v) {
  Op *op = v->def;
  int k = result_index(v), number = c->nstore;
  bool known = true;
  if (op_is_update(op)) PUSH(c->ctx->arena, c->store, c->nstore, c->cap) = (Store){op, number};
  if (op_is_loop(op)) {
    c->passed[loop_carried(op, k)->id] = c->nstore + 1;
    known = follow(c, loop_body(op)->res[k], loop_carried(op, k), loop_body(op));
  }
  for (int i = 0; i < 2 && op->code == OP_if; i++) known = known && follow(c, op->reg[i]->res[k], state_before(v), op->reg[i]);
  c->passed[v->id] = c->nstore + 1;
  return known;
}

/* From p to v, both in r or p around it. */
static bool follow(Chain *c, Value *v, const Value *p, const Region *r) {
  Value **list = NULL;
  int n = 0, cap = 0;
  for (; v != p; v = state_before(v)) {
    if (!v || !v->def || v->def->parent != r) return false;
    PUSH(c->ctx->arena, list, n, cap) = v;
  }
  while (n > 0)
    if (!pass_op(c, list[--n])) return false;
  return true;
}

static bool chain_of(Chain *c, Deriv *d, Op *loop, int k) {
  Value *p = loop_carried(loop, k), *v = loop_body(loop)->res[k];
  *c = (Chain){.d = d, .ctx = d->b.ctx, .loop = loop, .nvalue = d->func->nvalue};
  if (!p->type->rank || v == p) return false;
  c->passed = NEW_N(c->ctx->arena, int, c->nvalue + 1);
  c->passed[p->id] = 1;
  return follow(c, v, p, loop_body(loop));
}

/* ---- places ---------------------------------------------------------------------------------------------------------------------- */

/* Unknowns from 0 to below these dimensions. */
static void any_index(Pair *p, Side side, const Region *where, const Type *t, Linear *at) {
  for (int a = 0; a < t->rank; a++) {
    at[a] = linear_var(system_var(&p->sys));
    system_at_least(&p->sys, at[a], linear_const(0));
    system_less(&p->sys, at[a], pair_dim(p, side, where, t->dim[a]));
  }
}

/* Where on each axis the operation reads or stores; false in `some` where that may be anywhere. */
static void place_of(Pair *p, Side side, const Op *op, bool *some, Linear *place) {
  Linear at[MAX_RANK];
  bool is_read = !op_is_update(op);
  const Type *t = op->opd[0]->type;
  if (op->code == OP_slice || op->code == OP_set_slice) {
    any_index(p, side, op->parent, is_read ? op->res[0]->type : op->opd[1]->type, at);
    for (int a = 0; a < t->rank; a++) {
      Linear start = pair_dim(p, side, op->parent, op->u.slice.start[a]);
      place[a] = linear_sum(&p->sys, start, op->u.slice.stride[a], at[a]);
      some[a] = true;
    }
    return;
  }
  Value *const *idx = op->opd + (is_read ? 1 : 2);
  if (op->u.index.naxis) any_index(p, side, op->parent, idx[0]->type, at);
  for (int i = 0; i < op->u.index.naxis; i++) {
    int a = op->u.index.axis[i];
    place[a] = pair_element(p, side, idx[i], at);
    some[a] = true;
  }
}

static void meet(Pair *p, const Op *read, const Op *store) {
  Linear x[MAX_RANK], y[MAX_RANK];
  bool some[2][MAX_RANK] = {{false}};
  const Type *t = read->opd[0]->type;
  place_of(p, SIDE_ONE, read, some[0], x);
  place_of(p, SIDE_OTHER, store, some[1], y);
  for (int a = 0; a < t->rank; a++) {
    if (!some[0][a] || !some[1][a]) continue;
    system_equal(&p->sys, x[a], y[a]);
    system_at_least(&p->sys, y[a], linear_const(0));
    system_less(&p->sys, y[a], pair_dim(p, SIDE_OTHER, store->parent, t->dim[a]));
  }
}

/* ---- order ----------------------------------------------------------------------------------------------------------------------- */

/* In one iteration of what is around `shared`; turns: a loop in which the store's iteration is later (or earlier), or NULL. */
static bool may_meet(Chain *c, const Op *read, const Op *store, const Region *shared, const Op *turns, bool later) {
  Pair p;
  if (++c->tests > MOST_TESTS) return true;
  pair_init(&p, c->ctx, shared);
  pair_reach(&p, SIDE_ONE, read->parent, loop_body(c->loop));
  pair_reach(&p, SIDE_OTHER, store->parent, loop_body(c->loop));
  if (turns) {
    Linear t = pair_turn(&p, SIDE_ONE, turns), u = pair_turn(&p, SIDE_OTHER, turns);
    system_less(&p.sys, later ? t : u, later ? u : t);
  }
  meet(&p, read, store);
  return !system_is_empty(&p.sys);
}

/* The store is done at no place of the read after it (later), or before. */
static bool keeps_off(Chain *c, const Op *read, const Value *state, const Store *s, bool later) {
  const Region *both = region_of(state);
  while (!region_within(s->op->parent, both)) both = both->parent->parent;
  bool is_later = s->number + 1 >= c->passed[state->id];
  if (is_later == later && may_meet(c, read, s->op, both, NULL, later)) return false;
  for (const Region *r = both;; r = r->parent->parent) {
    if (op_is_loop(r->parent) && may_meet(c, read, s->op, r->parent->parent, r->parent, later)) return false;
    if (r->parent == c->loop) return true;
  }
}

/* No store meets the operation's place after (or before) the tensor is in that state. */
static bool is_settled(Chain *c, const Op *op, const Value *state, bool later) {
  for (int i = 0; i < c->nstore; i++)
    if (!keeps_off(c, op, state, &c->store[i], later)) return false;
  return true;
}

/* ---- which reads ----------------------------------------------------------------------------------------------------------------- */

static bool is_read(const Op *op) { return op->code == OP_gather || op->code == OP_slice; }

static bool is_state(const Chain *c, const Value *v) { return v->id < c->nvalue && c->passed[v->id]; }

static void mark_in(Chain *c, const Region *g, int k) {
  for (const Op *op = g->first; op; op = op->next) {
    for (int r = 0; r < op->nreg; r++) mark_in(c, op->reg[r], k);
    if (!is_read(op) && op->code != OP_set) continue;
    Value *state = is_read(op) ? op->opd[0] : op->res[0], **source = &c->d->source[op->res[0]->id];
    if (!is_state(c, state) || *source) continue;
    if (is_settled(c, op, state, true)) *source = c->loop->res[k];
    else if (is_read(op) && is_settled(c, op, state, false)) *source = c->loop->opd[loop_ninit(c->loop) + k];
  }
}

static bool is_in_loop(const Op *op) {
  for (const Op *at = op->parent->parent; at; at = at->parent->parent)
    if (op_is_loop(at)) return true;
  return false;
}

void settled_mark(Deriv *d, Op *loop) {
  Chain c;
  deriv_reserve(d);
  if (is_in_loop(loop)) return;
  for (int k = 0; k < loop->nres; k++)
    if (chain_of(&c, d, loop, k)) mark_in(&c, loop_body(loop), k);
}

static Value *source_of(const Deriv *d, const Value *v) { return v->id < d->n ? d->source[v->id] : NULL; }

Value *settled_source(const Deriv *d, const Value *v) { return v->def && is_read(v->def) ? source_of(d, v) : NULL; }

/* The operation that puts v where it stays. */
static const Op *store_of(const Deriv *d, const Value *v) {
  const Region *r = region_of(v);
  for (const Op *op = v->def ? v->def->next : r->first; op; op = op->next)
    if (op->code == OP_set && op->opd[1] == v && source_of(d, op->res[0])) return op;
  return NULL;
}

/* What was found superfluous and taken out of a region can be made again too. */
static bool is_made_in(const Region *r, const Value *v) { return !region_of(v) || region_of(v) == r; }

/* From the number of the iteration and what is around the loops, in a copy of a body that stands in r. */
static bool is_known_in(const Region *r, const Value *v, const Region *primal) {
  if (region_of(v) == primal) return false;
  if (!is_made_in(r, v) || v == r->param[0]) return true;
  if (!v->def || (op_info[v->def->code].family != FAM_MAP && v->def->nopd)) return false;
  for (int i = 0; i < v->def->nopd; i++)
    if (!is_known_in(r, v->def->opd[i], primal)) return false;
  return true;
}

bool settled_keeps(const Deriv *d, CloneMap *m, const Region *rev, const Value *v) {
  const Op *set = store_of(d, v);
  for (int i = 2; set && i < set->nopd; i++) {
    const Value *copy = clone_lookup(m, set->opd[i]);
    if (!is_known_in(rev, copy ? copy : set->opd[i], region_of(v))) return false;
  }
  return set != NULL;
}

/* v once more at b. */
static Value *once_more(Deriv *d, Builder *b, const Region *r, Value *v) {
  if (!is_made_in(r, v) || !v->def) return v;
  CloneMap *m = clone_map_new(b->ctx, d->func, d->func);
  for (int i = 0; i < v->def->nopd; i++) clone_map_value(m, v->def->opd[i], once_more(d, b, r, v->def->opd[i]));
  return clone_op(m, b, v->def)->res[0];
}

Value *settled_read(Deriv *d, Builder *b, CloneMap *m, const Value *v) {
  const Op *set = store_of(d, v);
  Value *idx[MAX_RANK];
  for (int i = 2; i < set->nopd; i++) {
    Value *copy = clone_lookup(m, set->opd[i]);
    idx[i - 2] = once_more(d, b, b->region, copy ? copy : set->opd[i]);
  }
  return b_gather(b, source_of(d, set->res[0]), set->u.index.naxis, set->u.index.axis, idx, NULL);
}

void settled_use(Deriv *d, Region *g) {
  for (Op *op = g->first; op; op = op->next) {
    for (int r = 0; r < op->nreg; r++) settled_use(d, op->reg[r]);
    Value *source = op->nres ? settled_source(d, op->res[0]) : NULL;
    if (source) op->opd[0] = source;
  }
}
