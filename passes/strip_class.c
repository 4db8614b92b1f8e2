/* strip_class.c - which axes of a region's values are walked along together, and in how many turns.
 *
 * Requires: a verified region.  Ensures: for a value and one of its axes, the operations that work along it entry by entry, in stages:
 * what a stage needs whole was made before it. */
#include "passes/strip.h"
#include <limits.h>
#include <string.h>

/* ---- what is cut along the same axis -------------------------------------------------------------------------------------- */

int degree(const Type *t) {
  int64_t n;
  int k = 0;
  for (int a = 0; a < t->rank; a++) k += !dim_is_const(t->dim[a], &n) && !dim_is_limited(t->dim[a]);
  return k;
}

static void count(void *env, Value *v) { ((int *)env)[v->id]++; }

Strip strip_open(Func *f, Region *g) {
  Ctx *c = f->module->ctx;
  Strip s = {.f = f, .ctx = c, .region = g, .nvalue = f->nvalue};
  for (Op *op = g->first; op; op = op->next) s.n++;
  s.item = NEW_N(c->arena, Item, s.n + 1);
  s.item_of = NEW_N(c->arena, int, f->nvalue + 1);
  s.uses = NEW_N(c->arena, int, f->nvalue + 1);
  s.cut = NEW_N(c->arena, int8_t, f->nvalue + 1);
  s.seen = NEW_N(c->arena, uint32_t, f->nvalue + 1);
  int n = 0;
  for (Op *op = g->first; op; op = op->next) {
    s.item[n] = (Item){.op = op, .links = axis_links(c, op), .opd = NEW_N(c->arena, int8_t, op->nopd + 1)};
    for (int i = 0; i < op->nres; i++) s.item_of[op->res[i]->id] = n + 1;
    op_each_use(op, count, s.uses);
    n++;
  }
  for (int i = 0; i < g->nres; i++) count(s.uses, g->res[i]);
  return s;
}

void strip_admit(Strip *s) {
  Arena *a = s->ctx->arena;
  Strip old = *s;
  size_t n = (size_t)old.nvalue;
  s->nvalue = s->f->nvalue;
  s->item_of = NEW_N(a, int, s->nvalue + 1);
  s->cut = NEW_N(a, int8_t, s->nvalue + 1);
  s->seen = NEW_N(a, uint32_t, s->nvalue + 1);
  memcpy(s->item_of, old.item_of, n * sizeof *s->item_of);
  memset(s->cut, -1, (size_t)s->nvalue + 1);
  memcpy(s->cut, old.cut, n);
  memcpy(s->seen, old.seen, n * sizeof *s->seen);
}

static bool cut_at(Strip *s, const Value *v, int axis) {
  if (s->cut[v->id] >= 0 || v->type->dim[axis] != s->extent) return false;
  s->cut[v->id] = (int8_t)axis;
  s->seen[v->id] |= UINT32_C(1) << axis;
  return true;
}

/* Along one operation, from values of at least so many long axes. */
static bool spread(Strip *s, const Item *it, int least) {
  const Op *op = it->op;
  bool more = false;
  if (op->nres != 1 || op->nreg) return false;
  const Value *r = op->res[0];
  for (int k = 0; k < op->nopd; k++) {
    const Value *v = op->opd[k];
    int at = s->cut[v->id], l = at >= 0 && degree(v->type) >= least ? it->links.in[k][at] : AXIS_WHOLE;
    if (l >= 0 && l < AXIS_SUM && it->links.out[l]) more |= cut_at(s, r, l);
    for (int i = 0; l >= AXIS_SUM && i < op->nopd; i++)
      for (int a = 0; a < op->opd[i]->type->rank; a++)
        if (it->links.in[i][a] == l) more |= cut_at(s, op->opd[i], a);
  }
  int to = degree(r->type) >= least ? s->cut[r->id] : -1;
  for (int k = 0; to >= 0 && it->links.out[to] && k < op->nopd; k++)
    for (int a = 0; a < op->opd[k]->type->rank; a++)
      if (it->links.in[k][a] == to) more |= cut_at(s, op->opd[k], a);
  return more;
}

/* From larger values to smaller ones: what is read along two axes of a larger one is cut along the one that is met first, and
 * read whole for the other. */
void strip_along(Strip *s, const Value *v, int axis) {
  memset(s->cut, -1, (size_t)s->nvalue + 1);
  s->extent = v->type->dim[axis];
  cut_at(s, v, axis);
  for (int least = MAX_RANK; least > 0; least--)
    for (bool more = true; more;) {
      more = false;
      for (int i = 0; i < s->n; i++) more |= spread(s, &s->item[i], least);
      for (int i = s->n; i-- > 0;) more |= spread(s, &s->item[i], least);
    }
}

bool strip_can_begin(const Strip *s, const Value *v, int axis) {
  int64_t n;
  return !dim_is_const(v->type->dim[axis], &n) && !dim_is_limited(v->type->dim[axis]) && !(s->seen[v->id] >> axis & 1);
}

Item *maker(const Strip *s, const Value *v) {
  return v->id < s->nvalue && s->item_of[v->id] ? &s->item[s->item_of[v->id] - 1] : NULL;
}

/* ---- roles -------------------------------------------------------------------------------------------------------------- */

static bool can_fold(const Op *op) {
  switch (op->code) {
  case OP_contract:
  case OP_rmax:
  case OP_rmin:
  case OP_rprod:
  case OP_rany:
  case OP_rall:
  case OP_scatter_add:
  case OP_scatter_acc: return true;
  default: return false;
  }
}

static bool same_axes(const Op *a, const Op *b) {
  return a->u.index.naxis == b->u.index.naxis && !memcmp(a->u.index.axis, b->u.index.axis, sizeof(int) * (size_t)a->u.index.naxis);
}

Item *adds_onto(const Strip *s, const Item *it) {
  Item *m = it->role == ROLE_FOLD && it->op->code == OP_scatter_acc ? maker(s, it->op->opd[0]) : NULL;
  if (!m || m->role != ROLE_FOLD || !op_is_scatter(m->op) || !same_axes(m->op, it->op)) return NULL;
  return s->uses[m->op->res[0]->id] == 1 ? m : NULL;
}

/* Operands are taken in blocks along the axis that is linked to `to`. */
static Role cut_operands(Item *it, int to, Role role) {
  const Op *op = it->op;
  for (int k = 0; k < op->nopd; k++) {
    it->opd[k] = -1;
    for (int a = 0; a < op->opd[k]->type->rank; a++)
      if (it->links.in[k][a] == to) it->opd[k] = (int8_t)a;
  }
  return role;
}

static Role role_of(const Strip *s, Item *it) {
  const Op *op = it->op;
  if (op->nres != 1 || op->nreg) return ROLE_NONE;
  it->axis = -1;
  /* A fold of what is made in the loop stays one, though its result could be cut along another axis. */
  for (int k = 0; k < op->nopd && can_fold(op); k++) {
    const Item *m = maker(s, op->opd[k]);
    int at = s->cut[op->opd[k]->id];
    bool here = s->cut[op->res[0]->id] < 0 || (m && m->role == ROLE_EACH && degree(op->opd[k]->type) > degree(op->res[0]->type));
    if (at >= 0 && here && it->links.in[k][at] >= AXIS_SUM) return cut_operands(it, it->links.in[k][at], ROLE_FOLD);
  }
  it->axis = s->cut[op->res[0]->id];
  return it->axis >= 0 && it->links.out[it->axis] ? cut_operands(it, it->axis, ROLE_EACH) : ROLE_NONE;
}

bool is_together(const Strip *s, const Item *it, int k) {
  const Item *m = maker(s, it->op->opd[k]);
  return it->opd[k] >= 0 && m && m->role == ROLE_EACH && m->axis == it->opd[k];
}

/* ---- stages ------------------------------------------------------------------------------------------------------------- */

static int larger(int a, int b) { return a > b ? a : b; }

static bool is_cheap(const Op *op) {
  switch (op->code) {
  case OP_slice:
  case OP_reshape:
  case OP_iota:
  case OP_cast: return true;
  case OP_contract: return op->nopd == 1 && !op_has_sum(op);
  case OP_neg:
  case OP_add:
  case OP_sub:
  case OP_mul:
  case OP_floor:
  case OP_ceil:
  case OP_round:
  case OP_trunc:
  case OP_select: return true;
  default: return op_info[op->code].family == FAM_MAP && !elem_is_real(op->opd[op->nopd - 1]->type->elem);
  }
}

static bool reads_elsewhere(const Op *op) { return op->code == OP_gather || op_is_scatter(op); }

/* floor: no sooner than the last check (for what is only then in range), or than the last binding of a symbol. */
typedef struct Floor { int check, all; } Floor;

typedef struct Uses { const Strip *s; int ready; } Uses;

static void see(void *env, Value *v) {
  Uses *u = env;
  const Item *m = maker(u->s, v);
  if (m) u->ready = larger(u->ready, m->ready);
}

/* The stage that an item of a loop cannot come before: its operands are there. */
static int soonest(const Strip *s, const Item *it, int floor) {
  int stage = floor;
  for (int k = 0; k < it->op->nopd; k++) {
    const Item *m = maker(s, it->op->opd[k]);
    bool same = m && !m->free && (is_together(s, it, k) || (k == 0 && adds_onto(s, it)));
    if (m) stage = larger(stage, same ? m->stage : m->ready);
  }
  return stage;
}

static void place_item(Strip *s, Item *it, Floor *floor) {
  const Op *op = it->op;
  Uses u = {s, floor->all};
  op_each_use(op, see, &u);
  bool effect = has_effect(op) || op_info[op->code].family == FAM_CALL || op->code == OP_while;
  if (effect || reads_elsewhere(op) || op->nreg) u.ready = larger(u.ready, floor->check);
  if (it->role == ROLE_NONE) {
    it->ready = u.ready;
    if (effect) floor->check = u.ready;
    if (op->code == OP_sym) floor->all = floor->check = u.ready;
    return;
  }
  it->free = it->role == ROLE_EACH && is_cheap(op);
  for (int k = 0; k < op->nopd; k++) {
    const Item *m = maker(s, op->opd[k]);
    if (m && m->role != ROLE_NONE && !m->free) it->free = false;
  }
  it->stage = soonest(s, it, reads_elsewhere(op) ? floor->check : floor->all);
  it->ready = it->free ? u.ready : it->stage + 1;
}

/* ---- what is large waits ------------------------------------------------------------------------------------------------ */

typedef struct Wait { Strip *s; int8_t *no; } Wait;

static void needs_now(void *env, Value *v) {
  const Wait *w = env;
  const Item *m = maker(w->s, v);
  if (m) w->no[m - w->s->item] = 1;
}

static bool can_wait(const Item *it) {
  return it->role == ROLE_EACH && !it->free && !reads_elsewhere(it->op);
}

/* By item: the stage of the first that wants it, or of the item itself where it cannot wait. */
static int *latest_stages(Strip *s) {
  int *late = NEW_N(s->ctx->arena, int, s->n + 1);
  Wait w = {s, NEW_N(s->ctx->arena, int8_t, s->n + 1)};
  for (int i = 0; i < s->n; i++) late[i] = INT_MAX;
  for (int i = 0; i < s->region->nres; i++) needs_now(&w, s->region->res[i]);
  for (int i = s->n; i-- > 0;) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_NONE || it->free) {
      op_each_use(it->op, needs_now, &w);
      continue;
    }
    if (w.no[i] || !can_wait(it) || late[i] < it->stage || late[i] == INT_MAX) late[i] = it->stage;
    for (int k = 0; k < it->op->nopd; k++) {
      const Item *m = maker(s, it->op->opd[k]);
      if (!m) continue;
      int before = is_together(s, it, k) ? late[i] : late[i] - 1;
      if (before < late[m - s->item]) late[m - s->item] = before;
    }
  }
  return late;
}

/* What an item is made of would be kept in its stead. */
static bool leaves_as_much(const Strip *s, const Item *it, int stage) {
  for (int k = 0; k < it->op->nopd; k++) {
    const Item *m = maker(s, it->op->opd[k]);
    bool here = m && is_together(s, it, k) && !m->free && !m->kept && m->stage < stage;
    if (here && degree(it->op->opd[k]->type) >= degree(it->op->res[0]->type)) return true;
  }
  return false;
}

static void mark_kept(Strip *s);

/* What a stage makes for a later one is kept whole; where it is larger than what it is made of it is made in the later one. */
static void delay(Strip *s) {
  mark_kept(s);
  const int *late = latest_stages(s);
  for (int i = 0; i < s->n; i++) {
    Item *it = &s->item[i];
    if (it->role == ROLE_NONE || it->free) continue;
    it->stage = soonest(s, it, it->stage);
    if (late[i] > it->stage && !leaves_as_much(s, it, late[i])) it->stage = late[i];
    it->ready = it->stage + 1;
  }
  for (int i = 0; i < s->n; i++) s->item[i].kept = false;
}

static void keep(void *env, Value *v) {
  Item *m = maker(env, v);
  if (m) m->kept = true;
}

static void mark_kept(Strip *s) {
  for (int i = 0; i < s->n; i++) {
    Item *it = &s->item[i];
    if (it->role == ROLE_NONE || it->free) op_each_use(it->op, keep, s);
    for (int k = 0; it->role != ROLE_NONE && k < it->op->nopd; k++) {
      Item *m = maker(s, it->op->opd[k]);
      bool here = m && (is_together(s, it, k) || (k == 0 && adds_onto(s, it)));
      if (m && (!here || (!m->free && m->stage < it->stage))) m->kept = true;
    }
  }
  for (int i = 0; i < s->region->nres; i++) keep(s, s->region->res[i]);
}

int strip_stages(Strip *s, bool (*fits)(const Strip *s, const Item *i)) {
  Floor floor = {0, 0};
  int stages = 0;
  for (int i = 0; i < s->n; i++) {
    Item *it = &s->item[i];
    it->free = it->kept = false;
    it->stage = it->ready = 0;
    it->onto = -1;
    it->role = role_of(s, it);
    if (it->role != ROLE_NONE && fits && !fits(s, it)) it->role = ROLE_NONE;
    place_item(s, it, &floor);
    if (it->role != ROLE_NONE && !it->free) stages = larger(stages, it->stage + 1);
  }
  if (stages > 1) delay(s);
  mark_kept(s);
  return stages;
}
