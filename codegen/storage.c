/* storage.c - which stored values share memory, and the workspace as a formula.
 *
 * Requires: groups (schedule.c), homes (ownership.c).  Ensures: every PLACE_BUFFER value has a slot unless it lives at
 * its result pointer alone; two homes share a slot only if they are the same size and one is read for the last time
 * before the other is made.  What a region makes is made anew by each of its turns, so its slots serve again what comes
 * after. */
#include "codegen/plan.h"

typedef struct Life {
  bool read, made;
  int first, last;
} Life;

typedef struct Storage {
  Plan *p;
  Life *home; /* by the home's id */
  int pos;
} Storage;

static Type *at_most(Ctx *c, Type *t) {
  Dim *dim[MAX_RANK];
  for (int i = 0; i < t->rank; i++)
    if (!(dim[i] = dim_most(c, t->dim[i]))) return t;
  return type_tensor(c, t->elem, t->rank, dim);
}

static int take_slot(Plan *p, Type *t, bool in_region, int from, int to) {
  bool nested = false;
  t = at_most(p->ctx, t);
  for (int i = 0; in_region && i < t->rank; i++) nested |= !dim_nonneg(p->ctx, t->dim[i]);
  Dim *bytes = type_count(p->ctx, t);
  bool dynamic = type_mentions_value(t);
  if (bytes) bytes = dim_mul(p->ctx, bytes, dim_const(p->ctx, elem_size(t->elem)));
  for (int i = 0; i < p->nslot && !dynamic && bytes; i++)
    if (p->slot[i].bytes == bytes && p->slot[i].free_from <= from) {
      p->slot[i].free_from = to + 1;
      return i;
    }
  PUSH(p->ctx->arena, p->slot, p->nslot, p->slot_cap) = (Slot){t, bytes, dynamic, nested, to + 1};
  return p->nslot - 1;
}

/* ---- positions, and who lives when
 * ------------------------------------------------------------------------------------------ */

static void lives(Storage *s, const Value *v, int from, int to) {
  Life *l = &s->home[s->p->value[v->id].home];
  if (!l->made || from < l->first) l->first = from;
  if (!l->made || to > l->last) l->last = to;
  l->made = true;
}

static void reads(Storage *s, const Unit *u) {
  for (int k = 0; k < u->nread; k++) {
    s->home[s->p->value[u->read[k].v->id].home].read = true;
    lives(s, u->read[k].v, u->end, u->end);
  }
}

static void makes(Storage *s, const Plan *p, const Unit *u) {
  for (int k = 0; u->op && k < u->op->nres; k++)
    if (p->producer[u->op->res[k]->id] == u) lives(s, u->op->res[k], u->begin, u->end);
  if (u->into) lives(s, u->v, u->begin, u->end);
  for (int i = 0; u->op && i < u->op->nreg; i++)
    for (int k = 0; k < u->op->reg[i]->nparam; k++) lives(s, u->op->reg[i]->param[k], u->begin, u->end);
}

static void number(Storage *s, Plan *p) {
  for (int g = 0; g < p->ngroup; g++) {
    s->pos++;
    for (int i = 0; i < p->group[g].n; i++) {
      Unit *u = p->group[g].unit[i];
      u->begin = s->pos;
      for (int r = 0; r < 2; r++)
        if (u->sub[r]) number(s, u->sub[r]);
      u->end = s->pos;
      makes(s, p, u);
      reads(s, u);
    }
  }
  if (!p->exit) return;
  p->exit->begin = p->exit->end = ++s->pos;
  reads(s, p->exit);
}

/* ---- slots
 * -----------------------------------------------------------------------------------------------------------------------
 */

/* What is written for one result alone is never written when that result is not wanted, and needs no other place. */
static bool only_for(const Plan *p, const Unit *u, int result) {
  if (u->always) return false;
  for (int w = 0; w < p->need_words; w++)
    if (u->need[w] != (w == result / 64 ? UINT64_C(1) << (result % 64) : 0)) return false;
  return true;
}

static bool needs_slot(const Storage *s, const Value *v, int result) {
  const Plan *p = s->p;
  if (result < 0) return true;
  const Op *op = p->producer[v->id] ? p->producer[v->id]->op : NULL;
  if (!p->value[v->id].shared && !(op && op->nreg)) return s->home[v->id].read;
  for (int i = 0; i < p->f->nvalue; i++) {
    const Unit *u = p->producer[i];
    if (p->value[i].home == p->value[v->id].home && u && u->plan == p && !only_for(p, u, result)) return true;
  }
  return false;
}

static void place_home(Storage *s, const Value *v) {
  ValueInfo *value = s->p->value, *info = &value[v->id];
  Life *l = &s->home[info->home];
  if (info->place != PLACE_BUFFER || !l->made) return;
  int result = info->result, n = s->p->f->nvalue;
  for (int i = 0; info->shared && i < n; i++)
    if (value[i].home == info->home && value[i].result >= 0) result = value[i].result;
  int slot = needs_slot(s, v, result) ? take_slot(s->p, v->type, region_of(v) != s->p->region, l->first, l->last) : -1;
  for (int i = 0; info->shared && i < n; i++)
    if (value[i].home == info->home && value[i].place == PLACE_BUFFER) {
      value[i].result = result;
      value[i].slot = slot;
    }
  info->slot = slot;
  l->made = false;
}

static void place_scratch(Storage *s, const Plan *p, Unit *u) {
  Product product;
  if (u->tiled && product_find(p->ctx, u->op, &product))
    u->scratch = take_slot(s->p, product_space(p->ctx, u->op, &product), p != s->p, u->begin, u->end);
}

static void place_plan(Storage *s, Plan *p) {
  for (int g = 0; g < p->ngroup; g++)
    for (int i = 0; i < p->group[g].n; i++) {
      Unit *u = p->group[g].unit[i];
      for (int k = 0; u->op && k < u->op->nres; k++)
        if (p->producer[u->op->res[k]->id] == u) place_home(s, u->op->res[k]);
      place_scratch(s, p, u);
      for (int r = 0; r < 2; r++)
        if (u->sub[r]) place_plan(s, u->sub[r]);
    }
  for (int i = 0; i < p->nmove; i++)
    if (p->move[i].save) p->move[i].slot = take_slot(s->p, p->move[i].to->type, true, p->exit->begin, p->exit->end);
}

void plan_storage(Plan *p) {
  Storage s = {.p = p, .home = NEW_N(p->ctx->arena, Life, p->f->nvalue + 1)};
  number(&s, p);
  place_plan(&s, p);
}

Plan *plan_func(Ctx *c, Func *f) {
  Plan *p = NEW(c->arena, Plan);
  *p = (Plan){.ctx = c, .f = f, .region = f->body};
  p->root = p;
  p->band = band_new(f);
  p->value = NEW_N(c->arena, ValueInfo, f->nvalue + 1);
  p->producer = NEW_N(c->arena, Unit *, f->nvalue + 1);
  p->need_words = f->body->nres / 64 + 1;
  plan_lanes(p);
  plan_places(p);
  plan_ownership(p);
  plan_units(p);
  plan_storage(p);
  return p;
}
