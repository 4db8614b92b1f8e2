/* relay.c - loop nests that hand rows on to each other while these are in the cache.
 *
 *   r = A x - b: all rows of A        some rows:  r[i …] = A[i …] x - b[i …]       these rows of A are in the first-level cache:
 *   g = A^T r: once more         ═►               g += A[i …]^T r[i …]             from memory they come once
 *
 * Requires: groups, in an order in which every value is made before it is read.  Ensures: the groups of a relay follow each other; each
 * goes along one axis in its outermost loop, and reads of what another of them makes only the entries of the turn.  Groups that none
 * of them reads come after them. */
#include "codegen/plan.h"
#include <string.h>

enum { FAR = 12, LEAST_ROW = 16, LEAST_BYTES = 1 << 14 };

typedef struct Relay {
  Plan *p;
  int first, end;     /* groups from first to end, but for … */
  int8_t in[FAR];     /* … those that are not in it */
  Dim *axis;
} Relay;

static int level_at(const Unit *u, int axis) { return u->level_of[u->kind == UNIT_REDUCE ? u->out[axis] : axis]; }

static bool is_along(const Unit *u, const Dim *axis) {
  if ((u->kind != UNIT_STORE && u->kind != UNIT_REDUCE) || !u->nlevel || u->level[0] != axis) return false;
  if (u->tiled || u->into || (u->plan->root->grain && !may_be_shared(u))) return false;
  if (u->v->type->rank && u->op && type_mentions_value(u->v->type)) return false;
  for (int l = 0; l < u->nlevel; l++)
    if (dim_mentions_value(u->level[l])) return false;
  return true;
}

/* Entries of v along its axis a, of which each turn has its own. */
static bool in_turn(const Unit *from, const Read *r) {
  for (int a = 0; a < r->v->type->rank; a++)
    if (level_at(from, a) == 0 && r->level[a] == 0) return true;
  return false;
}

/* The group that makes v is one of those looked at; -1: it is not. */
static int made_at(const Relay *r, const Value *v) {
  for (int g = r->first; g < r->end; g++)
    for (int i = 0; i < r->p->group[g].n; i++)
      if (r->p->group[g].unit[i] == maker_of(r->p, v)) return g - r->first;
  return -1;
}

/* u writes over something that one of the groups looked at reads or writes. */
static bool overwrites(const Relay *r, const Unit *u) {
  const Plan *p = r->p;
  if (!u->op || !p->value[u->v->id].shared) return false;
  for (int g = r->first; g < r->end; g++)
    for (int i = 0; i < p->group[g].n; i++) {
      const Unit *x = p->group[g].unit[i];
      for (int k = 0; x->op && k < x->op->nres; k++)
        if (same_memory(p, x->op->res[k], u->v)) return true;
      for (int k = 0; k < x->nread; k++)
        if (x->read[k].v != u->v && same_memory(p, x->read[k].v, u->v)) return true;
    }
  return false;
}

static bool joins(const Relay *r, const Group *g) {
  if (g->rides) return false;
  for (int i = 0; i < g->n; i++) {
    if (!is_along(g->unit[i], r->axis) || overwrites(r, g->unit[i])) return false;
    Unit u = reads_anew(r->p, g->unit[i]);
    for (int k = 0; k < u.nread; k++) {
      int at = made_at(r, u.read[k].v);
      if (at >= 0 && (!r->in[at] || !in_turn(maker_of(r->p, u.read[k].v), &u.read[k]))) return false;
    }
  }
  return true;
}

static bool can_come_later(const Group *g) {
  for (int i = 0; i < g->n; i++) {
    const Unit *u = g->unit[i];
    if (u->kind == UNIT_EFFECT || u->kind == UNIT_UPDATE) return false;
    if (u->op && (u->op->nreg || op_has_effect(u->op) || u->op->code == OP_sym)) return false;
  }
  return true;
}

/* ---- what is worth it ----------------------------------------------------------------------------------------------------- */

/* For each turn it is a row, or more, of some length. */
static bool is_large(const Value *v, const int8_t *level) {
  bool rows = false, is_long = false;
  for (int a = 0; a < v->type->rank; a++) {
    int64_t n = LEAST_ROW;
    rows |= level[a] == 0;
    is_long |= level[a] > 0 && (!dim_is_const(v->type->dim[a], &n) || n >= LEAST_ROW);
  }
  return rows && is_long;
}

typedef struct Touch { const Value *v; int first, last; Dim *row; } Touch;
typedef struct Touches { Touch *at; int n, cap; } Touches;

static void touch(const Relay *r, Touches *t, const Value *v, const int8_t *level, int group) {
  if (!is_large(v, level)) return;
  Ctx *c = r->p->ctx;
  for (int i = 0; i < t->n; i++)
    if (t->at[i].v == v) {
      t->at[i].last = group;
      return;
    }
  Dim *row = dim_const(c, elem_size(v->type->elem));
  for (int a = 0; a < v->type->rank && row; a++)
    if (level[a] != 0) row = dim_mul(c, row, v->type->dim[a]);
  PUSH(c->arena, t->at, t->n, t->cap) = (Touch){v, group, group, row};
}

static Touches touches_of(const Relay *r) {
  Touches t = {0};
  for (int g = r->first; g < r->end; g++)
    for (int i = 0; r->in[g - r->first] && i < r->p->group[g].n; i++) {
      Unit u = reads_anew(r->p, r->p->group[g].unit[i]);
      int8_t at[MAX_RANK];
      for (int k = 0; k < u.nread; k++) touch(r, &t, u.read[k].v, u.read[k].level, g);
      for (int a = 0; a < u.v->type->rank; a++) at[a] = (int8_t)level_at(&u, a);
      touch(r, &t, u.v, at, g);
    }
  return t;
}

/* Bytes in a row of what the first group and another one touch; *last: the last group that touches what an earlier one did. */
static Dim *shared_row(const Relay *r, int *last) {
  Touches t = touches_of(r);
  Ctx *c = r->p->ctx;
  Dim *sum = dim_const(c, 0);
  bool first = false;
  *last = -1;
  for (int i = 0; i < t.n && sum; i++) {
    if (t.at[i].last == t.at[i].first) continue;
    first |= t.at[i].first == r->first;
    if (t.at[i].last > *last) *last = t.at[i].last;
    sum = t.at[i].row ? dim_add(c, sum, t.at[i].row) : NULL;
  }
  return first ? sum : NULL;
}

/* ---- the order of groups -------------------------------------------------------------------------------------------------- */

static void put_together(Relay *r, int last, Dim *row) {
  Group sorted[FAR];
  Group *g = &r->p->group[r->first];
  int n = 0, members;
  for (int i = 0; i <= last - r->first; i++)
    if (r->in[i]) sorted[n++] = g[i];
  members = n;
  for (int i = 0; i <= last - r->first; i++)
    if (!r->in[i]) sorted[n++] = g[i];
  memcpy(g, sorted, sizeof *g * (size_t)n);
  g->relay = members;
  g->row_bytes = row;
}

/* How many groups the relay that begins with the group has; 0: there is none. */
static int relay_from(Plan *p, int first) {
  Relay r = {.p = p, .first = first, .end = first + 1, .in = {1}};
  const Unit *head = p->group[first].unit[0];
  int64_t n;
  r.axis = head->nlevel > 1 ? head->level[0] : NULL; /* without a loop inside nothing that it touches has rows */
  if (!r.axis || p->group[first].rides || dim_is_limited(r.axis) || (dim_is_const(r.axis, &n) && n < LEAST_ROW)) return 0;
  for (int i = 0; i < p->group[first].n; i++)
    if (!is_along(p->group[first].unit[i], r.axis)) return 0;
  for (; r.end < p->ngroup && r.end - first < FAR; r.end++) {
    bool in = joins(&r, &p->group[r.end]);
    if (!in && !can_come_later(&p->group[r.end])) break;
    r.in[r.end - first] = in;
  }
  int last;
  Dim *row = shared_row(&r, &last), *all = row ? dim_mul(p->ctx, row, r.axis) : NULL;
  if (!all || (dim_is_const(all, &n) && n < LEAST_BYTES)) return 0;
  put_together(&r, last, row);
  return p->group[first].relay;
}

void plan_relays(Plan *p) {
  for (int g = 0; g < p->ngroup; g++) {
    int n = relay_from(p, g);
    if (n) g += n - 1;
  }
}
