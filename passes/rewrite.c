/* rewrite.c - replacing values without use lists.
 * Requires: operations are visited in order, operands brought up to date by rw_operands before they are looked at.
 * Ensures: after the last visit and rw_results nothing that is alive refers to a replaced value. */
#include "passes/pass.h"

static void reserve(Rewrite *r, int id) {
  if (id < r->cap) return;
  int cap = r->cap ? r->cap : 64;
  while (cap <= id) cap *= 2;
  Value **to = NEW_N(r->ctx->arena, Value *, cap);
  int *uses = NEW_N(r->ctx->arena, int, cap);
  for (int i = 0; i < r->cap; i++) {
    to[i] = r->to[i];
    uses[i] = r->uses[i];
  }
  r->to = to;
  r->uses = uses;
  r->cap = cap;
}

static void count_region(Rewrite *r, const Region *g) {
  for (const Op *op = g->first; op; op = op->next) {
    for (int i = 0; i < op->nopd; i++) r->uses[op->opd[i]->id]++;
    for (int i = 0; i < op->nreg; i++) count_region(r, op->reg[i]);
  }
  for (int i = 0; i < g->nres; i++) r->uses[g->res[i]->id]++;
}

void rw_init(Rewrite *r, Func *f) {
  *r = (Rewrite){.func = f, .ctx = f->module->ctx};
  reserve(r, f->nvalue);
  count_region(r, f->body);
}

Value *rw_get(Rewrite *r, Value *v) {
  while (v->id < r->cap && r->to[v->id]) v = r->to[v->id];
  return v;
}

int rw_uses(Rewrite *r, const Value *v) {
  reserve(r, v->id);
  return r->uses[v->id];
}

bool op_is_dead(Rewrite *r, const Op *op) {
  if (op_info[op->code].family == FAM_EFFECT || op_info[op->code].family == FAM_CALL || op->nreg || op->code == OP_sym) return false;
  for (int i = 0; i < op->nres; i++)
    if (rw_uses(r, op->res[i]) > 0) return false;
  return true;
}

void rw_use(Rewrite *r, Value *v, int n) {
  reserve(r, v->id);
  r->uses[v->id] += n;
  if (n < 0 && r->uses[v->id] == 0 && v->def && op_is_dead(r, v->def))
    for (int i = 0; i < v->def->nopd; i++) rw_use(r, rw_get(r, v->def->opd[i]), -1);
}

void rw_replace(Rewrite *r, Value *from, Value *to) {
  if (from == to) return;
  reserve(r, from->id);
  reserve(r, to->id);
  r->to[from->id] = to;
  rw_use(r, to, r->uses[from->id]);
  rw_use(r, from, -r->uses[from->id]);
}

void rw_operands(Rewrite *r, Op *op) {
  for (int i = 0; i < op->nopd; i++) op->opd[i] = rw_get(r, op->opd[i]);
}

void rw_results(Rewrite *r, Region *g) {
  for (int i = 0; i < g->nres; i++) g->res[i] = rw_get(r, g->res[i]);
}
