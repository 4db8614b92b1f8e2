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
  bool *stepped, *dense; /* by the home's id: rows that the next step reads; what is read as a plain array */
  int pos;
  Dim *copies; /* of what is made in the loop that threads share; NULL: in no such loop */
} Storage;

static Type *at_most(Ctx *c, Type *t) {
  Dim *dim[MAX_RANK];
  for (int i = 0; i < t->rank; i++)
    if (!(dim[i] = dim_most(c, t->dim[i]))) return t;
  return type_tensor(c, t->elem, t->rank, dim);
}

static int take_slot(const Storage *s, Type *t, bool in_region, int from, int to) {
  Plan *p = s->p;
  bool nested = false;
  t = at_most(p->ctx, t);
  for (int i = 0; in_region && i < t->rank; i++) nested |= !dim_nonneg(p->ctx, t->dim[i]);
  Dim *bytes = type_count(p->ctx, t);
  bool dynamic = type_mentions_value(t);
  if (bytes) bytes = dim_mul(p->ctx, bytes, dim_const(p->ctx, elem_size(t->elem)));
  for (int i = 0; i < p->nslot && !dynamic && bytes; i++)
    if (p->slot[i].bytes == bytes && p->slot[i].copies == s->copies && p->slot[i].free_from <= from) {
      p->slot[i].free_from = to + 1;
      return i;
    }
  PUSH(p->ctx->arena, p->slot, p->nslot, p->slot_cap) = (Slot){t, bytes, dynamic, nested, s->copies, to + 1};
  return p->nslot - 1;
}

/* ---- positions, and who lives when ------------------------------------------------------------------------------- */

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
  for (int g = 0, relay = 0; g < p->ngroup; g++, relay--) {
    if (relay <= 0) s->pos++;
    if (p->group[g].relay) relay = p->group[g].relay;
    if (p->group[g].epilogue) relay = 2;
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

/* ---- padded rows
 * A row of a carried state is read soon after it was written, where its neighbours were written as well.  Whole vectors serve that best
 * (emit_kernel.c), so such rows are padded; not tapes, which are large and read much later. */

Type *padded_type(Ctx *c, const Type *t) {
  Dim *dim[MAX_RANK], *lanes = dim_const(c, VECTOR_BYTES / elem_size(t->elem));
  for (int i = 0; i < t->rank; i++) dim[i] = t->dim[i];
  Dim *up = dim_add(c, dim[t->rank - 1], dim_sub(c, lanes, dim_const(c, 1)));
  dim[t->rank - 1] = dim_mul(c, dim_floordiv(c, up, lanes), lanes);
  return type_tensor(c, t->elem, t->rank, dim);
}

static void is_dense(Storage *s, const Value *v) { s->dense[s->p->value[v->id].home] = true; }

static void all_dense(Storage *s, const Unit *u) {
  for (int k = 0; k < u->op->nopd; k++) is_dense(s, u->op->opd[k]);
  for (int k = 0; k < u->op->nres; k++) is_dense(s, u->op->res[k]);
  for (int k = 0; k < u->nread; k++) is_dense(s, u->read[k].v);
  for (int i = 0; i < u->op->nreg; i++)
    for (int k = 0; k < u->op->reg[i]->nparam; k++) is_dense(s, u->op->reg[i]->param[k]);
}

/* It goes by place_in (emit.h) wherever it reads or writes memory. */
static bool follows_padding(const Plan *p, const Unit *u) {
  if (!u->op || u->kind == UNIT_EFFECT) return true;
  if (u->tiled || u->into || u->split) return false;
  if (nan_sought(u->op)) return true;
  if (u->op->nreg) return !in_lanes(p, u->op->reg[0]);
  return u->kind != UNIT_SPECIAL || u->op->code == OP_set || u->op->code == OP_set_slice || u->op->code == OP_scatter_acc;
}

/* v is what a loop around the unit carries. */
static bool is_carried(const Plan *p, const Value *v) {
  for (const Region *r = p->region; r->parent; r = r->parent->parent)
    for (int i = 0; op_is_loop(r->parent) && i < r->nparam; i++)
      if (same_memory(p, r->param[i], v)) return true;
  return false;
}

static void note_steps(Storage *s, const Plan *p, const Unit *u) {
  for (int k = 0; k < u->nread; k++) {
    const Read *r = &u->read[k];
    int rank = r->v->type->rank;
    bool stored = u->kind == UNIT_UPDATE && r->v == u->op->opd[0] && u->op->code != OP_scatter_acc;
    if (!stored && rank > 1 && r->level[rank - 1] >= 0 && is_carried(p, r->v)) s->stepped[s->p->value[r->v->id].home] = true;
  }
}

static void note_access(Storage *s, const Plan *p) {
  for (int i = 0; i < p->nunit; i++) {
    const Unit *u = p->unit[i];
    if (!follows_padding(p, u)) all_dense(s, u);
    note_steps(s, p, u);
    for (int r = 0; r < 2; r++)
      if (u->sub[r]) note_access(s, u->sub[r]);
  }
}

static void note_reshapes(Storage *s, const Region *r) {
  ReshapeMap map;
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) note_reshapes(s, op->reg[i]);
    if (op->code == OP_reshape && !reshape_map(s->p->ctx, op->opd[0]->type, op->res[0]->type, &map)) is_dense(s, op->opd[0]);
  }
}

static bool wants_padding(const Storage *s, const Value *v) {
  const Type *t = v->type;
  int home = s->p->value[v->id].home;
  int64_t n;
  for (int i = 0; i < t->rank; i++)
    if (dim_is_limited(t->dim[i])) return false;
  return s->stepped[home] && !s->dense[home] && t->rank > 1 && elem_is_real(t->elem) && !type_mentions_value(t) &&
         !dim_is_const(t->dim[t->rank - 1], &n);
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

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
  if (info->place != PLACE_BUFFER || info->local || !l->made) return;
  int result = info->result, n = s->p->f->nvalue;
  for (int i = 0; info->shared && i < n; i++)
    if (value[i].home == info->home && value[i].result >= 0) result = value[i].result;
  bool padded = result < 0 && wants_padding(s, v);
  Type *t = padded ? padded_type(s->p->ctx, v->type) : v->type;
  int slot = needs_slot(s, v, result) ? take_slot(s, t, region_of(v) != s->p->region, l->first, l->last) : -1;
  for (int i = 0; info->shared && i < n; i++)
    if (value[i].home == info->home && value[i].place == PLACE_BUFFER) {
      value[i].result = result;
      value[i].slot = slot;
      value[i].padded = padded;
    }
  info->slot = slot;
  info->padded = padded;
  l->made = false;
}

/* Panels, and lines of operands that are computed. */
static Type *space_of(const Plan *p, const Op *op, const Product *x) {
  Type *t = product_space(p->ctx, op, x);
  if (!p->value[op->opd[0]->id].packed && !p->value[op->opd[1]->id].packed) return t;
  Dim *d = t->dim[0];
  for (int k = 0; k < 2; k++)
    if (p->value[op->opd[(k == 1) != x->swap]->id].packed) d = dim_add(p->ctx, d, operand_space(p->ctx, x, k));
  return type_tensor(p->ctx, t->elem, 1, &d);
}

static void place_scratch(Storage *s, const Plan *p, Unit *u) {
  Product product;
  Type *space = u->op ? factor_space(p->ctx, u->op) : NULL;
  if (u->tiled && product_find(p->ctx, u->op, &product)) space = space_of(p, u->op, &product);
  if (!space) return;
  if (u->split) s->copies = u->split->copies;
  u->scratch = take_slot(s, space, p != s->p, u->begin, u->end);
  if (u->split) s->copies = NULL;
}

/* What chunks fold in apart from each other. */
static void place_partials(Storage *s, const Plan *p, Unit *u) {
  Ctx *c = p->ctx;
  Split *x = u->split;
  for (int k = 0; x && u->op && k < u->op->nres; k++) {
    const Type *t = u->op->res[k]->type;
    if (x->partial[k] < 0) continue;
    Dim *room = split_room(c, x, t);
    for (int i = 0; i < p->f->nvalue; i++) p->value[i].in_parts |= p->value[i].home == p->value[u->op->res[k]->id].home;
    x->partial[k] = take_slot(s, type_tensor(c, t->elem, 1, &room), p != s->p, u->begin, u->end);
  }
}

static void place_plan(Storage *s, Plan *p) {
  for (int g = 0; g < p->ngroup; g++)
    for (int i = 0; i < p->group[g].n; i++) {
      Unit *u = p->group[g].unit[i];
      for (int k = 0; u->op && k < u->op->nres; k++)
        if (p->producer[u->op->res[k]->id] == u) place_home(s, u->op->res[k]);
      place_scratch(s, p, u);
      place_partials(s, p, u);
      if (u->split && u->sub[0]) s->copies = u->split->copies;
      for (int r = 0; r < 2; r++)
        if (u->sub[r]) place_plan(s, u->sub[r]);
      if (u->split && u->sub[0]) s->copies = NULL;
    }
  for (int i = 0; i < p->nmove; i++)
    if (p->move[i].save) p->move[i].slot = take_slot(s, p->move[i].to->type, true, p->exit->begin, p->exit->end);
}

void plan_storage(Plan *p) {
  Storage s = {.p = p, .home = NEW_N(p->ctx->arena, Life, p->f->nvalue + 1)};
  s.stepped = NEW_N(p->ctx->arena, bool, p->f->nvalue + 1);
  s.dense = NEW_N(p->ctx->arena, bool, p->f->nvalue + 1);
  number(&s, p);
  note_access(&s, p);
  note_reshapes(&s, p->region);
  place_plan(&s, p);
}

Plan *plan_func(Ctx *c, Func *f, int64_t grain) {
  Plan *p = NEW(c->arena, Plan);
  *p = (Plan){.ctx = c, .f = f, .region = f->body, .grain = grain};
  p->root = p;
  p->band = band_new(f);
  p->value = NEW_N(c->arena, ValueInfo, f->nvalue + 1);
  p->producer = NEW_N(c->arena, Unit *, f->nvalue + 1);
  p->need_words = f->body->nres / 64 + 1;
  plan_lanes(p);
  plan_places(p);
  plan_weigh(p);
  plan_ownership(p);
  plan_small(p);
  plan_plain(p);
  plan_units(p);
  plan_splits(p);
  plan_storage(p);
  return p;
}
