/* adjoint.c - reverse mode: from the cotangents of results to those of parameters, in one sweep from the last operation to the
 * first.  Inside a region the sweep is the same: the primal operations that it goes through stand before it in the same region,
 * copied there where need be.
 * Requires: a function whose calls are of recursive functions; active values marked.  Ensures: every operation emitted has a
 * derivative of its own, and carries the place of the operation that it differentiates. */
#include "passes/pass.h"
#include <string.h>

static const Differential *const by_family[FAM_COUNT] = {
    [FAM_MAP] = &differential_map,       [FAM_CONTRACT] = &differential_contract, [FAM_REDUCE] = &differential_reduce,
    [FAM_SCAN] = &differential_scan,     [FAM_MATRIX] = &differential_matrix,     [FAM_VIEW] = &differential_view,
    [FAM_INDEX] = &differential_index};

const Differential *differential_of(const Op *op) { return by_family[op_info[op->code].family]; }

Deriv deriv_start(Func *g) {
  Deriv d = {.b = builder_at_end(g), .func = g};
  deriv_reserve(&d);
  return d;
}

void deriv_reserve(Deriv *d) {
  Arena *a = d->func->module->ctx->arena;
  int n = d->func->nvalue, before = d->n;
  if (n > d->n) d->n = n;
  if (n <= d->cap && d->active) return;
  d->cap = n + n / 2;
  bool *active = NEW_N(a, bool, d->cap + 1);
  Value **v = NEW_N(a, Value *, d->cap + 1), **source = NEW_N(a, Value *, d->cap + 1);
  if (before) {
    memcpy(active, d->active, sizeof *active * (size_t)before);
    memcpy(v, d->d, sizeof(Value *) * (size_t)before);
    memcpy(source, d->source, sizeof(Value *) * (size_t)before);
  }
  d->active = active;
  d->d = v;
  d->source = source;
}

bool is_active(const Deriv *d, const Value *v) { return v->id < d->n && d->active[v->id]; }

Value *deriv_of(const Deriv *d, const Value *v) { return v->id < d->n ? d->d[v->id] : NULL; }

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

bool deriv_in_region(const Deriv *d) { return d->b.region->parent != NULL; }

/* ---- the sweep --------------------------------------------------------------------------------------------------------------- */

static bool has_cotangent(const Deriv *d, const Op *op) {
  for (int i = 0; i < op->nres; i++)
    if (is_active(d, op->res[i]) && deriv_of(d, op->res[i])) return true;
  return false;
}

static void adjoint_op(Deriv *d, Op *op) {
  switch (op->code) {
  case OP_if: adjoint_if(d, op); break;
  case OP_for: adjoint_for(d, op); break;
  case OP_while: adjoint_while(d, op); break;
  case OP_call: adjoint_call(d, op); break;
  default: differential_of(op)->adjoint(d, op, deriv_of(d, op->res[0]));
  }
}

void adjoint_between(Deriv *d, Op *last, const Op *before) {
  for (Op *op = last; op != before; op = op->prev) {
    if (!has_cotangent(d, op)) continue;
    d->b.loc = op->loc;
    adjoint_op(d, op);
  }
}

void adjoint_region(Deriv *d, Op *last) { adjoint_between(d, last, NULL); }

void adjoint_sweep(Deriv *d) {
  Region *body = d->func->body;
  loop_prepare(d, body);
  d->b = builder_at_end(d->func);
  adjoint_region(d, body->last);
}

/* ---- copies of the primal ------------------------------------------------------------------------------------------------- */

static void map_to_itself(void *env, Value *v) {
  if (!clone_lookup(env, v)) clone_map_value(env, v, v);
}

static void share_value(Deriv *d, CloneMap *m, const Value *v) {
  const Value *copy = clone_lookup(m, (Value *)v);
  if (is_active(d, v)) d->active[copy->id] = true;
  d->source[copy->id] = v->id < d->n ? d->source[v->id] : NULL;
}

static void share_activity(Deriv *d, CloneMap *m, const Op *op) {
  for (int i = 0; i < op->nres; i++) share_value(d, m, op->res[i]);
  for (int r = 0; r < op->nreg; r++) {
    for (int i = 0; i < op->reg[r]->nparam; i++) share_value(d, m, op->reg[r]->param[i]);
    for (const Op *in = op->reg[r]->first; in; in = in->next)
      if (op_info[in->code].family != FAM_EFFECT) share_activity(d, m, in);
  }
}

static void drop_effects(Region *g) {
  for_each_op(op, g) {
    if (op_info[op->code].family == FAM_EFFECT) op_remove(op);
    else
      for (int r = 0; r < op->nreg; r++) drop_effects(op->reg[r]);
  }
}

Op *clone_but_effects(CloneMap *m, Builder *b, Op *op) {
  if (op_info[op->code].family == FAM_EFFECT) return NULL;
  b->loc = op->loc;
  Op *copy = clone_op(m, b, op);
  for (int r = 0; r < copy->nreg; r++) drop_effects(copy->reg[r]);
  return copy;
}

void deriv_clone(Deriv *d, CloneMap *m, const Region *from) {
  region_each_use(from, map_to_itself, m);
  for (Op *op = from->first; op; op = op->next) {
    if (!clone_but_effects(m, &d->b, op)) continue;
    deriv_reserve(d);
    share_activity(d, m, op);
  }
}

/* ---- what a region uses from around it --------------------------------------------------------------------------------------- */

typedef struct Capture { const Deriv *d; bool active; const bool *reaches; bool *seen; Values found; } Capture;

static void see_inside(Capture *c, const Op *op) {
  for (int r = 0; r < op->nreg; r++) {
    for (int i = 0; i < op->reg[r]->nparam; i++) c->seen[op->reg[r]->param[i]->id] = true;
    for (const Op *in = op->reg[r]->first; in; in = in->next) {
      for (int i = 0; i < in->nres; i++) c->seen[in->res[i]->id] = true;
      see_inside(c, in);
    }
  }
}

static void capture(void *env, Value *v) {
  Capture *c = env;
  if (c->seen[v->id]) return;
  c->seen[v->id] = true;
  if (c->active && !is_active(c->d, v)) return;
  if (c->reaches && !c->reaches[v->id]) return;
  PUSH(c->d->b.ctx->arena, c->found.v, c->found.n, c->found.cap) = v;
}

static Values captured_by(const Deriv *d, const Op *op, bool active, const bool *reaches) {
  Capture c = {.d = d, .active = active, .reaches = reaches, .seen = NEW_N(d->b.ctx->arena, bool, d->func->nvalue + 1)};
  see_inside(&c, op);
  for (int r = 0; r < op->nreg; r++) region_each_use(op->reg[r], capture, &c);
  return c.found;
}

Values captured_active(const Deriv *d, const Op *op, const bool *reaches) { return captured_by(d, op, true, reaches); }

Values captured_values(const Deriv *d, const Op *op) { return captured_by(d, op, false, NULL); }
