/* turn.c - which loop of a nest goes innermost, decided when it is known what the nest reads.
 *
 *   s[q] = sum over p of exp(a[p] + A[p, q])        for q { for p … A[p, q] }   ═►   for p { for q … s[q] += … }
 *
 * The loops of a fold are chosen before it is known which values it has at hand, and those of what it folds, were that stored, are in
 * the order of memory.  Of the nest that they share, the loop along which memory is read and written in sequence goes innermost, where it
 * becomes vectors; a fold of another axis then goes on in memory, row by row.
 *
 * Requires: groups; what their own units alone read is not stored.  Ensures: units of a group have the same loops, in another order. */
#include "codegen/plan.h"
#include <string.h>

enum { SHORT = 16 };

/* By level: how often a step along it is a step through memory, and how often a long one. */
typedef struct Steps { int unit[MAX_LEVEL], far[MAX_LEVEL]; } Steps;

static void step(Steps *s, const Type *t, const int8_t *level) {
  bool last = true;
  for (int a = t->rank; a-- > 0;) {
    if (level[a] == LEVEL_UNIT) continue;
    if (level[a] >= 0) (*(last ? &s->unit : &s->far))[level[a]]++;
    last = false;
  }
}

static bool made_in(const Plan *p, const Unit *u, const Value *v) {
  const Unit *from = maker_of(p, v);
  return from && from->group == u->group;
}

static Steps steps_of(Plan *p, const Group *g) {
  Steps s = {{0}, {0}};
  for (int i = 0; i < g->n; i++) {
    if (g->unit[i]->dead) continue;
    Unit u = reads_anew(p, g->unit[i]);
    for (int k = 0; k < u.nread; k++)
      if (!made_in(p, g->unit[i], u.read[k].v)) step(&s, u.read[k].v->type, u.read[k].level);
    const Type *t = u.kind == UNIT_REDUCE ? u.op->res[0]->type : u.v->type;
    int8_t at[MAX_RANK];
    for (int a = 0; a < t->rank; a++) at[a] = u.level_of[u.out[a]];
    step(&s, t, at);
  }
  return s;
}

static bool is_short(const Dim *d) {
  int64_t n;
  return dim_is_const(d, &n) && n < SHORT;
}

/* Folds, and what is computed for them. */
static bool may_turn(const Plan *p, const Group *g) {
  const Unit *head = g->unit[0];
  bool folds = false;
  if (head->nlevel < 2 || is_short(head->level[head->nlevel - 1])) return false;
  for (int i = 0; i < g->n; i++) {
    const Unit *u = g->unit[i];
    if ((u->kind != UNIT_STORE && u->kind != UNIT_REDUCE) || u->tiled || matvec_of(p, u)) return false;
    folds |= u->kind == UNIT_REDUCE;
  }
  for (int l = 0; l < head->nlevel; l++)
    if (dim_is_limited(head->level[l])) return false;
  return folds;
}

/* The level to go innermost, the last of those that take the fewest long steps; -1: the innermost one does well. */
static int better(Plan *p, const Group *g) {
  Steps s = steps_of(p, g);
  int inner = g->unit[0]->nlevel - 1, best = inner;
  for (int l = inner; l-- > 0;)
    if (s.far[l] < s.far[best] && s.unit[l] >= s.unit[best] && !is_short(g->unit[0]->level[l])) best = l;
  return best == inner ? -1 : best;
}

static void relabel(int8_t *level, int n, const int8_t *to) {
  for (int i = 0; i < n; i++)
    if (level[i] >= 0) level[i] = to[level[i]];
}

static void turn(Unit *u, int level) {
  int8_t to[MAX_LEVEL];
  Dim *goes = u->level[level];
  for (int l = 0; l < u->nlevel; l++) to[l] = (int8_t)(l < level ? l : l == level ? u->nlevel - 1 : l - 1);
  memmove(u->level + level, u->level + level + 1, sizeof *u->level * (size_t)(u->nlevel - level - 1));
  u->level[u->nlevel - 1] = goes;
  relabel(u->level_of, MAX_LEVEL, to);
  if (u->kind == UNIT_STORE) relabel(u->place, u->v->type->rank, to);
  for (int k = 0; k < u->nread; k++) relabel(u->read[k].level, u->read[k].v->type->rank, to);
  if (u->kind == UNIT_REDUCE) u->acc_level = register_level(u, u->op->res[0]->type->rank);
}

void plan_turns(Plan *p) {
  if (in_lanes(p, p->region)) return;
  for (int g = 0; g < p->ngroup; g++) {
    Group *of = &p->group[g];
    int level = may_turn(p, of) ? better(p, of) : -1;
    for (int i = 0; level >= 0 && i < of->n; i++) turn(of->unit[i], level);
  }
}
