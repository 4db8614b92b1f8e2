/* matvec.c - sums that are a matrix by a vector, in the two innermost of their loops.
 *
 * Requires: places (place.c), and a unit's loops.  Ensures: what is found is a sum of products of two operands in memory, or views of it:
 *
 *      rows      y[i] = Σ_k A[i, k] x[k]          for i … for k          columns   y[j] = Σ_i A[i, j] x[i]          for i … for j
 */
#include "codegen/plan.h"

static bool lies_in_memory(const Plan *p, const Value *v) {
  while (v->def && op_is_view(v->def)) v = v->def->opd[0];
  return p->value[v->id].place == PLACE_BUFFER || p->value[v->id].place == PLACE_PARAM;
}

bool keeps_level(const Unit *u, int level) {
  for (int i = 0; i < u->v->type->rank; i++)
    if (u->level_of[u->out[i]] == level) return true;
  return false;
}

/* A loop over the same indices makes what is read: it has each element at hand. */
static bool is_made_in_step(const Plan *p, const Unit *u) {
  for (int k = 0; k < u->nread; k++) {
    const Unit *from = maker_of(p, u->read[k].v);
    if (from && from->kind == UNIT_STORE && same_loops(from, u) && in_step(from, u->read[k].level, u->read[k].v->type->rank)) return true;
  }
  return false;
}

Matvec matvec_of(const Plan *p, const Unit *u) {
  int inner = u->nlevel - 1, outer = inner - 1;
  int64_t n;
  if (u->kind != UNIT_REDUCE || u->op->code != OP_contract || u->op->nopd != 2 || u->tiled || u->v->type->rank == 0 || outer < 0)
    return MATVEC_NONE;
  if (dim_is_const(u->level[outer], &n) && n < MATVEC_ROWS) return MATVEC_NONE;
  for (int o = 0; o < 2; o++)
    if (!lies_in_memory(p, u->op->opd[o])) return MATVEC_NONE;
  if (is_made_in_step(p, u)) return MATVEC_NONE;
  bool rows = keeps_level(u, outer);
  if (keeps_level(u, inner) == rows) return MATVEC_NONE;
  if (rows) return u->acc_level == inner && !u->adds ? MATVEC_BY_ROWS : MATVEC_NONE;
  return u->acc_level < 0 ? MATVEC_BY_COLUMNS : MATVEC_NONE;
}
