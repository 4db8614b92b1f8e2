/* strip_class.c - which axes of a region's values are walked along together, and in how many turns.
 *
 * Requires: a verified region.  Ensures: for a class of axes, the operations that work on it entry by entry, in stages: what a stage
 * needs whole was made before it. */
#include "passes/strip.h"

/* ---- classes ------------------------------------------------------------------------------------------------------------ */

static int find(Strip *s, int x) {
  while (s->parent[x] != x) x = s->parent[x] = s->parent[s->parent[x]];
  return x;
}

int axis_class(Strip *s, const Value *v, int axis) {
  int64_t n;
  return dim_is_const(v->type->dim[axis], &n) ? -1 : find(s, v->id * MAX_RANK + axis);
}

Dim *class_extent(const Strip *s, int class) {
  for (int i = 0; i < s->n; i++) {
    const Op *op = s->item[i].op;
    for (int k = 0; k < op->nopd + op->nres; k++) {
      const Value *v = k < op->nopd ? op->opd[k] : op->res[k - op->nopd];
      for (int a = 0; a < v->type->rank; a++)
        if (axis_class((Strip *)s, v, a) == class) return v->type->dim[a];
    }
  }
  bug("a class without an axis");
}

static void unite(Strip *s, const Value *v, int a, const Value *w, int b) {
  if (v->type->dim[a] == w->type->dim[b]) s->parent[find(s, v->id * MAX_RANK + a)] = find(s, w->id * MAX_RANK + b);
}

static void unite_links(Strip *s, const Item *it) {
  const Op *op = it->op;
  struct { const Value *v; int a; } sum[128] = {{0}};
  for (int k = 0; k < op->nopd; k++)
    for (int a = 0; a < op->opd[k]->type->rank; a++) {
      int l = it->links.in[k][a];
      if (l >= AXIS_SUM) {
        if (sum[l].v) unite(s, op->opd[k], a, sum[l].v, sum[l].a);
        sum[l].v = op->opd[k];
        sum[l].a = a;
      } else if (l >= 0) unite(s, op->opd[k], a, op->res[0], l);
    }
}

Strip strip_open(Func *f, Region *g) {
  Ctx *c = f->module->ctx;
  Strip s = {.f = f, .ctx = c, .region = g, .nvalue = f->nvalue};
  for (Op *op = g->first; op; op = op->next) s.n++;
  s.item = NEW_N(c->arena, Item, s.n + 1);
  s.item_of = NEW_N(c->arena, int, f->nvalue + 1);
  s.parent = NEW_N(c->arena, int, (f->nvalue + 1) * MAX_RANK);
  for (int i = 0; i < (f->nvalue + 1) * MAX_RANK; i++) s.parent[i] = i;
  int n = 0;
  for (Op *op = g->first; op; op = op->next) {
    s.item[n] = (Item){.op = op, .links = axis_links(c, op), .opd = NEW_N(c->arena, int8_t, op->nopd + 1)};
    for (int i = 0; i < op->nres; i++) s.item_of[op->res[i]->id] = n + 1;
    if (op->nres == 1 && !op->nreg) unite_links(&s, &s.item[n]);
    n++;
  }
  return s;
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
  case OP_scatter_add: return true;
  default: return false;
  }
}

/* The one axis of an operand that is cut: the one that is linked to `to`.  False when the operand has the class elsewhere too. */
static bool cut_operand(Strip *s, Item *it, int k, int class, int to) {
  const Value *v = it->op->opd[k];
  bool other = false;
  it->opd[k] = -1;
  for (int a = 0; a < v->type->rank; a++) {
    if (axis_class(s, v, a) != class) continue;
    if (it->links.in[k][a] == to) it->opd[k] = (int8_t)a;
    else other = true;
  }
  return it->opd[k] < 0 || !other;
}

static Role role_of(Strip *s, Item *it, int class) {
  const Op *op = it->op;
  int sum = -1;
  it->axis = -1;
  if (op->nres != 1 || op->nreg) return ROLE_NONE;
  for (int a = 0; a < op->res[0]->type->rank; a++)
    if (axis_class(s, op->res[0], a) == class) {
      if (it->axis >= 0 || !it->links.out[a]) return ROLE_NONE;
      it->axis = a;
    }
  for (int k = 0; it->axis < 0 && k < op->nopd; k++)
    for (int a = 0; a < op->opd[k]->type->rank; a++)
      if (axis_class(s, op->opd[k], a) == class && it->links.in[k][a] >= AXIS_SUM) {
        if (sum >= 0 && sum != it->links.in[k][a]) return ROLE_NONE;
        sum = it->links.in[k][a];
      }
  if (it->axis < 0 && (sum < 0 || !can_fold(op))) return ROLE_NONE;
  for (int k = 0; k < op->nopd; k++)
    if (!cut_operand(s, it, k, class, it->axis >= 0 ? it->axis : sum)) return ROLE_NONE;
  return it->axis >= 0 ? ROLE_EACH : ROLE_FOLD;
}

/* ---- stages ------------------------------------------------------------------------------------------------------------- */

static int larger(int a, int b) { return a > b ? a : b; }

static bool is_cheap(const Op *op) {
  switch (op->code) {
  case OP_slice:
  case OP_reshape:
  case OP_iota:
  case OP_cast: return true;
  case OP_contract:
    if (op->nopd != 1) return false;
    for (int a = 0; a < op->opd[0]->type->rank; a++) {
      bool kept = false;
      for (int j = 0; j < op->res[0]->type->rank; j++) kept |= op->u.contract.out[j] == op->u.contract.opd[0][a];
      if (!kept) return false;
    }
    return true;
  default: return op_info[op->code].family == FAM_MAP && !elem_is_real(op->opd[op->nopd - 1]->type->elem);
  }
}

static bool reads_elsewhere(const Op *op) { return op->code == OP_gather || op->code == OP_scatter_add; }

/* floor: no sooner than the last check (for what is only then in range), or than the last binding of a symbol. */
typedef struct Floor { int check, all; } Floor;

typedef struct Uses { const Strip *s; int ready; } Uses;

static void see(void *env, Value *v) {
  Uses *u = env;
  const Item *m = maker(u->s, v);
  if (m) u->ready = larger(u->ready, m->ready);
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
  it->stage = reads_elsewhere(op) ? floor->check : floor->all;
  for (int k = 0; k < op->nopd; k++) {
    const Item *m = maker(s, op->opd[k]);
    if (!m) continue;
    bool together = it->opd[k] >= 0 && m->role == ROLE_EACH;
    if (m->role != ROLE_NONE && !m->free) it->free = false;
    it->stage = larger(it->stage, together && !m->free ? m->stage : m->ready);
  }
  it->ready = it->free ? u.ready : it->stage + 1;
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
      if (m && (it->opd[k] < 0 || m->role != ROLE_EACH || (!m->free && m->stage < it->stage))) m->kept = true;
    }
  }
  for (int i = 0; i < s->region->nres; i++) keep(s, s->region->res[i]);
}

int strip_stages(Strip *s, int class, bool (*fits)(const Strip *s, const Item *i)) {
  Floor floor = {0, 0};
  int stages = 0;
  for (int i = 0; i < s->n; i++) {
    Item *it = &s->item[i];
    it->free = it->kept = false;
    it->stage = it->ready = 0;
    it->role = role_of(s, it, class);
    if (it->role != ROLE_NONE && fits && !fits(s, it)) it->role = ROLE_NONE;
    place_item(s, it, &floor);
    if (it->role != ROLE_NONE && !it->free) stages = larger(stages, it->stage + 1);
  }
  mark_kept(s);
  return stages;
}
