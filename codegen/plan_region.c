/* plan_region.c - operations that hold regions, in plans.
 *
 * Requires: ownership (ownership.c).  Ensures: a plan for each region; the unit of the operation reads whatever its
 * regions read from around; moves of what a region yields are in an order in which no source is overwritten before it
 * has been read. */
#include "codegen/plan.h"

/* ---- facts ------------------------------------------------------------------------------------------------------- */

bool op_has_effect(const Op *op) {
  Family f = op_info[op->code].family;
  if (f == FAM_EFFECT || f == FAM_CALL || op->code == OP_while || op->code == OP_sym) return true;
  for (int i = 0; i < op->nreg; i++)
    for (const Op *x = op->reg[i]->first; x; x = x->next)
      if (op_has_effect(x) && !(x->code == OP_sym && op->code == OP_for && op->u.loop.parallel)) return true;
  return false;
}

static bool calls(const Region *r, const Func *f, bool *seen) {
  const Module *m = f->module;
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++)
      if (calls(op->reg[i], f, seen)) return true;
    if (op->code != OP_call) continue;
    if (op->u.call.callee == f) return true;
    int at = 0;
    while (at < m->nfunc && m->func[at] != op->u.call.callee) at++;
    if (seen[at]) continue;
    seen[at] = true;
    if (calls(op->u.call.callee->body, f, seen)) return true;
  }
  return false;
}

bool func_is_recursive(const Func *f, const Func *callee) {
  if (f == callee) return true;
  bool *seen = NEW_N(f->module->ctx->arena, bool, f->module->nfunc + 1);
  return calls(callee->body, f, seen);
}

/* ---- moves ------------------------------------------------------------------------------------------------------- */

static Value *destination(const Op *op, int k) { return op_is_loop(op) ? carried(op, 0, k) : op->res[k]; }

static bool blocks(const Plan *p, const Move *pending, const Move *m) {
  return pending != m && !pending->save && same_memory(p, p->region->res[pending->yield], m->to);
}

/* Repeatedly the move whose destination nobody is still to read; where all wait for each other, one source is saved. */
static void order_moves(Plan *p) {
  for (int done = 0; done < p->nmove;) {
    int next = -1;
    for (int i = done; i < p->nmove && next < 0; i++) {
      next = i;
      for (int j = done; j < p->nmove; j++)
        if (blocks(p, &p->move[j], &p->move[i])) next = -1;
    }
    if (next < 0) {
      int i = done;
      while (p->move[i].save) i++;
      p->move[i].save = true;
      continue;
    }
    Move m = p->move[next];
    p->move[next] = p->move[done];
    p->move[done++] = m;
  }
}

static void collect_moves(Plan *p) {
  const Op *op = p->region->parent;
  if (op->code == OP_while && p->region == op->reg[0]) return;
  p->move = NEW_N(p->ctx->arena, Move, p->region->nres + 1);
  for (int i = 0; i < p->region->nres; i++) {
    Value *v = p->region->res[i], *to = destination(op, i);
    if (v->type->rank && v != to && !same_memory(p, v, to) && !p->value[to->id].local) p->move[p->nmove++] = (Move){i, to, false, -1};
  }
  order_moves(p);
}

/* ---- plans of regions -------------------------------------------------------------------------------------------- */

static Plan *plan_of(Plan *outer, Region *r) {
  Plan *p = NEW(outer->ctx->arena, Plan);
  *p = (Plan){.ctx = outer->ctx,
              .f = outer->f,
              .root = outer->root,
              .region = r,
              .value = outer->value,
              .producer = outer->producer};
  p->need_words = outer->need_words;
  plan_units(p);
  return p;
}

static void pass_on(Unit *u, const Unit *inner, Ctx *c) {
  for (int k = 0; k < inner->nread; k++)
    if (region_within(u->op->parent, region_of(inner->read[k].v))) {
      Read *r = &PUSH(c->arena, u->read, u->nread, u->read_cap);
      *r = (Read){.v = inner->read[k].v};
      for (int i = 0; i < MAX_RANK; i++) r->level[i] = LEVEL_OTHER;
    }
}

/* A loop in lanes is one piece: it reads what its body mentions. */
static void read_for_lanes(Plan *p, Unit *u) {
  const Region *body = u->op->reg[0];
  for (const Op *op = body->first; op; op = op->next)
    for (int k = 0; k < op->nopd; k++)
      if (region_of(op->opd[k]) != body) read_anywhere(p, u, op->opd[k]);
}

void plan_regions(Plan *p, Unit *u) {
  if (in_lanes(p, u->op->reg[0])) {
    read_for_lanes(p, u);
    return;
  }
  for (int i = 0; i < u->op->nreg; i++) {
    Plan *s = u->sub[i] = plan_of(p, u->op->reg[i]);
    for (int k = 0; k < s->nunit; k++) pass_on(u, s->unit[k], p->ctx);
    pass_on(u, s->exit, p->ctx);
  }
}

void plan_exit(Plan *p) {
  p->exit = NEW(p->ctx->arena, Unit);
  *p->exit = (Unit){.kind = UNIT_SPECIAL, .plan = p};
  for (int i = 0; i < p->region->nres; i++) read_anywhere(p, p->exit, p->region->res[i]);
  collect_moves(p);
}
