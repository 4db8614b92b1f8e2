/* range.c - which terms of the sums in a loop nest are zero by a triangle or a band.
 *
 * Requires: units (schedule.c).  Ensures: beyond what is returned every unit of the nest would add zeros, or make what nobody wants. */
#include "codegen/plan.h"

/* The axis of operand k, or, -1, of the result, that a level runs over; -1: none. */
static int axis_at(const Unit *u, int k, int level) {
  const Op *op = u->op;
  const Type *t = (k < 0 ? op->res[0] : op->opd[k])->type;
  for (int i = 0; i < t->rank; i++)
    if (u->level_of[k < 0 ? op->u.contract.out[i] : op->u.contract.opd[k][i]] == level) return i;
  return -1;
}

/* A sum that is formed in a register is put where it belongs, zero or not, unless nobody wants it. */
static Edge of_sums(Plan *p, const Unit *u, int level, int outer, bool back) {
  int a = axis_at(u, -1, level), b = outer < 0 ? -1 : axis_at(u, -1, outer);
  if (a < 0 || b < 0) return (Edge){EDGE_NOWHERE, NULL};
  return band_unwanted(p->root->band, u->op->res[0], back ? b : a, back ? a : b);
}

/* A term of two factors is zero where both are: one of them may be infinite. */
static Edge of_unit(Plan *p, const Unit *u, int level, int outer, bool back) {
  Edge all = {EDGE_EVERYWHERE, NULL};
  if (u->kind != UNIT_REDUCE || u->op->code != OP_contract) return (Edge){EDGE_NOWHERE, NULL};
  if (level < u->acc_level && !u->adds) return of_sums(p, u, level, outer, back);
  for (int k = 0; k < u->op->nopd; k++) {
    BandIndex a = {axis_at(u, k, level), NULL}, b = {outer < 0 ? -1 : axis_at(u, k, outer), NULL};
    if (a.axis < 0 || (outer >= 0 && b.axis < 0)) return (Edge){EDGE_NOWHERE, NULL};
    all = edge_most(p->ctx, all, band_zero(p->root->band, u->op->opd[k], back ? b : a, back ? a : b));
  }
  return all;
}

Dim *nest_reach(Plan *p, Unit **unit, int n, int level, int outer, bool back) {
  Edge all = {EDGE_EVERYWHERE, NULL};
  for (int i = 0; i < n && all.kind != EDGE_NOWHERE; i++) all = edge_most(p->ctx, all, of_unit(p, unit[i], level, outer, back));
  return all.kind == EDGE_BEYOND ? all.t : NULL;
}
