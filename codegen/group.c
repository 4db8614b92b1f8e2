/* group.c - which units share a loop nest.
 *
 * Requires: units in an order in which every value is made before it is read (schedule.c).  Ensures: groups in such an order; within a
 * group of several units, all have the same loops, and a value made there is read there only at the loops' own indices. */
#include "codegen/plan.h"
#include <string.h>

/* ---- checks come first -------------------------------------------------------------------------------------------------
 * A check is a loop of its own, and what depends on it comes behind it: between two checks there would be a nest for what needs the
 * first alone.  Checks of tensors of one shape are one loop, if what the second needs can be made before the first. */

static bool is_check(const Unit *u) { return u->kind == UNIT_EFFECT; }

static bool checks_elements(const Unit *u) {
  return is_check(u) && (u->op->code == OP_check_index || op_checks_bool(u->op->code)) && u->op->opd[0]->type->rank;
}

/* It can be done later: no memory that it reads or writes is ever written over. */
static bool can_wait(const Plan *p, const Unit *u) {
  if ((u->kind != UNIT_STORE && u->kind != UNIT_REDUCE && u->kind != UNIT_SCALAR && u->kind != UNIT_ADD) || u->into) return false;
  if (u->op && (u->op->code == OP_sym || p->value[u->v->id].shared)) return false;
  for (int k = 0; k < u->nread; k++)
    if (p->value[u->read[k].v->id].shared) return false;
  return true;
}

/* Units that were put in order; the last ones of them, checks of elements, in `held`, behind what comes yet. */
typedef struct Order {
  Unit **unit, **held;
  int n, nheld;
  bool *needed; /* by value: by a check */
} Order;

static void put_held(Order *o) {
  for (int i = 0; i < o->nheld; i++) o->unit[o->n++] = o->held[i];
  o->nheld = 0;
}

/* Of units [from, to), which wait, `check` depends on these.  Returns whether one of them, or it, relies on checks before. */
static bool find_needed(const Plan *p, Order *o, int from, int to, const Unit *check) {
  bool gathers = check->gathers;
  for (int k = 0; k < check->nread; k++) o->needed[check->read[k].v->id] = true;
  for (int i = to; i-- > from;) {
    const Unit *u = p->unit[i];
    if (!u || !o->needed[u->v->id]) continue;
    gathers |= u->gathers;
    for (int k = 0; k < u->nread; k++) o->needed[u->read[k].v->id] = true;
  }
  return gathers;
}

/* Those come before it, in their order. */
static void put_check(Plan *p, Order *o, int from, int to, Unit *check) {
  if (find_needed(p, o, from, to, check) || !checks_elements(check)) put_held(o);
  for (int i = from; i < to; i++) {
    if (!p->unit[i] || !o->needed[p->unit[i]->v->id]) continue;
    o->unit[o->n++] = p->unit[i];
    p->unit[i] = NULL;
  }
  if (checks_elements(check)) o->held[o->nheld++] = check;
  else o->unit[o->n++] = check;
}

static void put_waiting(Plan *p, Order *o, int from, int to) {
  put_held(o);
  for (int i = from; i < to; i++)
    if (p->unit[i]) o->unit[o->n++] = p->unit[i];
}

static void checks_first(Plan *p) {
  Arena *a = p->ctx->arena;
  Order o = {.unit = NEW_N(a, Unit *, p->nunit + 1), .held = NEW_N(a, Unit *, p->nunit + 1), .needed = NEW_N(a, bool, p->f->nvalue)};
  int from = 0;
  for (int i = 0; i < p->nunit; i++) {
    Unit *u = p->unit[i];
    if (can_wait(p, u)) continue;
    if (is_check(u)) {
      put_check(p, &o, from, i, u);
    } else {
      put_waiting(p, &o, from, i);
      o.unit[o.n++] = u;
      from = i + 1;
    }
    p->unit[i] = NULL;
  }
  put_waiting(p, &o, from, p->nunit);
  if (o.n) memcpy(p->unit, o.unit, sizeof *o.unit * (size_t)o.n);
}

int checks_in_one(const Plan *p, int from) {
  enum { MOST = 16 };
  const Unit *head = p->group[from].unit[0];
  if (!checks_elements(head)) return 0;
  int n = 1;
  while (n < MOST && from + n < p->ngroup) {
    const Unit *u = p->group[from + n].unit[0];
    if (!checks_elements(u) || u->gathers || !same_shape(u->op->opd[0]->type, head->op->opd[0]->type)) break;
    n++;
  }
  return n;
}

/* ---- groups --------------------------------------------------------------------------------------------------------
 */

bool same_loops(const Unit *a, const Unit *b) {
  return a->nlevel == b->nlevel && !memcmp(a->level, b->level, sizeof *a->level * (size_t)a->nlevel);
}

static bool fusable(const Unit *u) {
  return (u->kind == UNIT_STORE || u->kind == UNIT_UPDATE || u->kind == UNIT_REDUCE || u->kind == UNIT_ADD) && u->nlevel > 0 && !u->tiled;
}

static bool read_in_step(const Unit *from, const Read *r) { return in_step(from, r->level, r->v->type->rank); }

bool touches(const Plan *p, const Unit *u, const Value *v) {
  for (int i = 0; u->op && i < u->op->nres; i++)
    if (same_memory(p, u->op->res[i], v)) return true;
  if (u->into && same_memory(p, u->v, v)) return true;
  for (int k = 0; k < u->nread; k++)
    if (same_memory(p, u->read[k].v, v)) return true;
  return false;
}

/* `before` may stay in the group of u, which writes over what it reads or wrote. */
static bool keeps_step(const Plan *p, const Unit *u, const Unit *before) {
  int rank = u->v->type->rank;
  if (!same_loops(u, before)) return false;
  for (int k = 0; k < before->nread; k++)
    if (same_memory(p, before->read[k].v, u->v) && !in_step(u, before->read[k].level, rank) && !is_apart(u->op, &before->read[k]))
      return false;
  if (!before->v || !before->op || !same_memory(p, before->v, u->v)) return before->op && before->op->nres <= 1;
  return before->kind != UNIT_REDUCE && in_step(u, before->place, rank);
}

/* Both add to one memory, and what is there between nobody else reads: they may take turns. */
static bool adds_on(const Plan *p, const Unit *u, const Unit *before) {
  while (u && u->kind == UNIT_ADD && u->op->code == OP_scatter_acc) {
    const Value *onto = u->op->opd[0];
    if (!same_memory(p, onto, u->v) || p->value[onto->id].readers != 1) return false;
    u = maker_of(p, onto);
    if (u == before) return u->kind == UNIT_ADD;
  }
  return false;
}

/* The first group in which u's value may be written over what lived in its memory before. */
static int overwrites_after(const Plan *p, const Unit *u) {
  int first = 0;
  if (!u->op || p->value[u->v->id].place != PLACE_BUFFER || !p->value[u->v->id].shared) return 0;
  for (int i = 0; p->unit[i] != u; i++) {
    int at = p->unit[i]->group + !(keeps_step(p, u, p->unit[i]) || adds_on(p, u, p->unit[i]));
    if (at > first && touches(p, p->unit[i], u->v)) first = at;
  }
  return first;
}

static bool adds_one_by_one(const Unit *u) { return u->kind == UNIT_ADD && !adds_row_by_row(u); }

/* It may be done with each piece of a product (epilogue.c). */
static bool reads_product(const Plan *p, const Unit *u) {
  for (int k = 0; k < u->nread; k++) {
    const Unit *from = maker_of(p, u->read[k].v);
    if (from && from->tiled) return true;
  }
  return false;
}

/* What is added to numbers at computed places is added one by one: what takes long is computed in vectors, in a nest of its own. */
static bool fits_adding(const Plan *p, const Unit *u, bool one_by_one) {
  enum { LONG = 20 };
  return !reads_product(p, u) && (!one_by_one || unit_cost(p, u) < LONG);
}

static bool goes_with(const Plan *p, const Group *g, const Unit *u) {
  bool adds = u->kind == UNIT_ADD, one_by_one = adds_one_by_one(u);
  for (int i = 0; i < g->n; i++) {
    adds |= g->unit[i]->kind == UNIT_ADD;
    one_by_one |= adds_one_by_one(g->unit[i]);
  }
  bool fits = !adds || fits_adding(p, u, one_by_one);
  for (int i = 0; adds && fits && i < g->n; i++) fits = fits_adding(p, g->unit[i], one_by_one);
  return fits;
}

/* A longer loop keeps nothing in registers anyway, and to allocate them takes time that grows faster than its length. */
enum { MOST_UNITS = 64 };

/* The group that u may join, or -1.  barrier: groups up to this one come before a check that u needs. */
static int find_group(Plan *p, const Unit *u, int barrier) {
  int first = barrier + 1, writes = overwrites_after(p, u);
  Matvec kind = matvec_of(p, u); /* which is done in its own way, and in turns with what reads the same matrix (relay.c) */
  if (writes > first) first = writes;
  for (int k = 0; k < u->nread; k++) {
    const Unit *from = maker_of(p, u->read[k].v);
    if (!from) continue;
    int at = from->group + !(read_in_step(from, &u->read[k]) || adds_on(p, u, from));
    if (at > first) first = at;
  }
  for (int g = p->ngroup - 1, tries = 0; g >= first && tries < 64; g--, tries++) {
    const Unit *head = p->group[g].unit[0];
    if (fusable(head) && same_loops(head, u) && matvec_of(p, head) == kind && p->group[g].n < MOST_UNITS &&
        goes_with(p, &p->group[g], u))
      return g;
  }
  return -1;
}

static bool symbolic_dim_check(const Unit *u) {
  return u->op && (u->op->code == OP_check_dim_eq || u->op->code == OP_check_dim_le) &&
         !dim_mentions_value(u->op->u.check.a) && !dim_mentions_value(u->op->u.check.b);
}

static int place_unit(Plan *p, Unit *u, int g) {
  if (g < 0) {
    g = p->ngroup;
    PUSH(p->ctx->arena, p->group, p->ngroup, p->group_cap) = (Group){0};
  }
  u->group = g;
  PUSH(p->ctx->arena, p->group[g].unit, p->group[g].n, p->group[g].cap) = u;
  return g;
}

static void make_groups(Plan *p) {
  int barrier = -1, index_barrier = -1;
  for (int i = 0; i < p->nunit; i++)
    if (p == p->root && symbolic_dim_check(p->unit[i])) barrier = index_barrier = place_unit(p, p->unit[i], -1);
  for (int i = 0; i < p->nunit; i++) {
    Unit *u = p->unit[i];
    if (p == p->root && symbolic_dim_check(u)) continue;
    int g = place_unit(p, u, fusable(u) ? find_group(p, u, u->gathers ? index_barrier : barrier) : -1);
    if (u->kind == UNIT_EFFECT || (u->op && op_has_effect(u->op))) index_barrier = g;
    if ((u->kind == UNIT_EFFECT && u->op->code != OP_check_index && !op_checks_bool(u->op->code)) ||
        (u->op && u->op->code == OP_sym))
      barrier = g;
  }
}

/* A stored value that only its own group reads need not be stored: the loop has it at hand. */
static void drop_local_stores(Plan *p) {
  bool *outside = NEW_N(p->ctx->arena, bool, p->f->nvalue);
  for (int i = 0; i < p->nunit; i++)
    for (int k = 0; k < p->unit[i]->nread; k++) {
      const Read *r = &p->unit[i]->read[k];
      const Unit *from = maker_of(p, r->v);
      if (from && (from->group != p->unit[i]->group || from->kind != UNIT_STORE)) outside[r->v->id] = true;
    }
  for (int k = 0; p->exit && k < p->exit->nread; k++) outside[p->exit->read[k].v->id] = true;
  for (int i = 0; i < p->nunit; i++) {
    Unit *u = p->unit[i];
    if (u->kind == UNIT_STORE && p->value[u->v->id].shared) continue;
    if (u->kind != UNIT_STORE || p->producer[u->v->id] != u || outside[u->v->id]) continue;
    ValueInfo *info = &p->value[u->v->id];
    info->place = PLACE_VIRTUAL;
    info->result = -1;
    u->dead = u->result < 0;
    if (u->dead) continue; /* it is still wanted where its readers are */
    /* Its readers compute it themselves from now on: it is stored only for the result's sake. */
    u->always = p != p->root;
    memset(u->need, 0, sizeof *u->need * (size_t)p->need_words);
    u->need[u->result / 64] |= UINT64_C(1) << (u->result % 64);
  }
}

void plan_groups(Plan *p) {
  checks_first(p);
  make_groups(p);
  drop_local_stores(p);
}
