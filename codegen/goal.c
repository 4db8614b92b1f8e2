/* goal.c - folds and products that are computed where they are wanted: in the slice of what a loop carries that is set to them, or onto
 * what they are added to.
 *
 * Requires: ownership (ownership.c), and a fold's unit with what it reads.  Ensures: if the fold's only reader puts it into memory that
 * is at hand when it is computed, the unit does so and stands for the reader. */
#include "codegen/plan.h"

typedef struct Goal { Op *op; bool adds, minus; } Goal;

static Op *only_reader(const Plan *p, const Value *v) { return p->value[v->id].readers == 1 ? p->value[v->id].reader : NULL; }

static bool same_window(const Op *slice, const Op *set) {
  if (slice->code != OP_slice || slice->opd[0] != set->opd[0] || slice->res[0]->type != set->opd[1]->type) return false;
  for (int a = 0; a < slice->res[0]->type->rank; a++)
    if (slice->u.slice.stride[a] != set->u.slice.stride[a] || slice->u.slice.start[a] != set->u.slice.start[a]) return false;
  return true;
}

static bool stands_before(const Value *v, const Op *op) {
  if (!v->def) return v->region == op->parent;
  for (const Op *x = op; x; x = x->prev)
    if (x == v->def) return true;
  return false;
}

int accumulates(Plan *p, const Op *op) {
  Product product;
  if ((op->code != OP_add && op->code != OP_sub) || in_lanes(p, op->parent)) return -1;
  for (int k = op->code == OP_sub; k < 2; k++) {
    const Value *v = op->opd[k], *old = op->opd[1 - k];
    if (!v->def || v->def->parent != op->parent || v == old || only_reader(p, v) != op || only_reader(p, old) != op) continue;
    if (product_find(p->ctx, v->def, &product) && stands_before(old, v->def)) return k;
  }
  return -1;
}

/* op's only reader sets it in a slice, or adds it to a slice that is set, or to the whole of something, or subtracts it from that. */
static Goal goal_of(Plan *p, const Op *op) {
  const Value *v = op->res[0];
  Op *user = only_reader(p, v), *set;
  if (!user || user->parent != op->parent) return (Goal){0};
  if (user->code == OP_set_slice && user->opd[1] == v) return (Goal){user, false, false};
  if (p->value[user->res[0]->id].place == PLACE_BUFFER && accumulates(p, user) == (user->opd[1] == v))
    return same_memory(p, user->opd[user->opd[0] == v], user->res[0]) ? (Goal){user, true, user->code == OP_sub} : (Goal){0};
  if (user->code != OP_add || op->code != OP_contract || user->opd[0] == user->opd[1] || p == p->root) return (Goal){0};
  const Value *old = user->opd[user->opd[0] == v];
  if (p->value[user->res[0]->id].place == PLACE_BUFFER) return same_memory(p, old, user->res[0]) ? (Goal){user, true, false} : (Goal){0};
  set = only_reader(p, user->res[0]);
  bool onto = set && set->parent == op->parent && set->code == OP_set_slice && set->opd[1] == user->res[0];
  return onto && old->def && same_window(old->def, set) && only_reader(p, old) == user ? (Goal){set, true, false} : (Goal){0};
}

/* The elements of what is set lie one after another. */
static bool without_gaps(const Op *set) {
  bool cut = false;
  for (int a = set->res[0]->type->rank; a-- > 0;) {
    const Dim *d = set->opd[1]->type->dim[a];
    if (set->u.slice.stride[a] != 1 || (cut && !dim_is(d, 1))) return false;
    cut |= d != set->res[0]->type->dim[a];
  }
  return true;
}

static bool binds_between(const Op *from, const Op *to) {
  for (const Op *op = from; op != to; op = op->next)
    if (op->code == OP_sym) return true;
  return false;
}

/* Nobody else may read that memory from the fold to where it is put. */
void plan_goal(Plan *p, Unit *u) {
  if (u->v->type->rank == 0 || p->value[u->v->id].shared) return;
  Goal g = goal_of(p, u->op);
  bool set = g.op && g.op->code == OP_set_slice;
  if (!g.op || (p == p->root && set)) return;
  const Value *old = set ? g.op->opd[0] : g.op->opd[g.op->opd[0] == u->v];
  if (!same_memory(p, old, g.op->res[0]) || p->value[old->id].local || p->value[old->id].readers != 1 + (set && g.adds)) return;
  if (!stands_before(old, u->op) || binds_between(u->op, g.op) || (set && u->tiled && !without_gaps(g.op))) return;
  for (int k = 0; k < u->nread; k++)
    if (same_memory(p, u->read[k].v, old)) return;
  p->value[u->v->id].place = PLACE_VIRTUAL;
  p->producer[u->v->id] = NULL;
  u->into = g.op;
  u->adds = g.adds;
  u->minus = g.minus;
  u->v = g.op->res[0];
  p->producer[u->v->id] = u;
  read_anywhere(p, u, (Value *)old);
}
