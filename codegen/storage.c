/* storage.c - which stored values share memory, and the workspace as a formula.
 *
 * Requires: groups (schedule.c).  Ensures: every PLACE_BUFFER value has a slot unless it lives at its result pointer
 * alone; two values share a slot only if they are the same size and one is read for the last time before the other is
 * made. */
#include "codegen/plan.h"

static bool needs_slot(const Plan *p, const bool *read, const Value *v) {
  const ValueInfo *info = &p->value[v->id];
  return info->place == PLACE_BUFFER && (info->result < 0 || read[v->id]);
}

static int take_slot(Plan *p, const Value *v, int from, int to) {
  Dim *bytes = type_count(p->ctx, v->type);
  bool dynamic = type_mentions_value(v->type);
  if (bytes) bytes = dim_mul(p->ctx, bytes, dim_const(p->ctx, elem_size(v->type->elem)));
  for (int i = 0; i < p->nslot && !dynamic && bytes; i++)
    if (p->slot[i].bytes == bytes && p->slot[i].free_from <= from) {
      p->slot[i].free_from = to + 1;
      return i;
    }
  PUSH(p->ctx->arena, p->slot, p->nslot, p->slot_cap) = (Slot){v->type, bytes, dynamic, to + 1};
  return p->nslot - 1;
}

void plan_storage(Plan *p) {
  int *last = NEW_N(p->ctx->arena, int, p->f->nvalue);
  bool *read = NEW_N(p->ctx->arena, bool, p->f->nvalue);
  for (int i = 0; i < p->nunit; i++)
    for (int k = 0; k < p->unit[i]->nread; k++) {
      int id = p->unit[i]->read[k].v->id;
      read[id] = true;
      if (p->unit[i]->group > last[id]) last[id] = p->unit[i]->group;
    }
  for (int g = 0; g < p->ngroup; g++)
    for (int i = 0; i < p->group[g].n; i++) {
      const Unit *u = p->group[g].unit[i];
      for (int k = 0; u->op && p->producer[u->v ? u->v->id : 0] == u && k < u->op->nres; k++) {
        Value *v = u->op->res[k];
        int to = last[v->id] > g ? last[v->id] : g;
        if (needs_slot(p, read, v)) p->value[v->id].slot = take_slot(p, v, g, to);
      }
    }
}

Plan *plan_func(Ctx *c, Func *f, bool accumulate) {
  Plan *p = NEW(c->arena, Plan);
  *p = (Plan){.ctx = c, .f = f, .accumulate = accumulate};
  p->value = NEW_N(c->arena, ValueInfo, f->nvalue + 1);
  p->producer = NEW_N(c->arena, Unit *, f->nvalue + 1);
  p->need_words = f->body->nres / 64 + 1;
  plan_places(p);
  plan_units(p);
  plan_storage(p);
  return p;
}
