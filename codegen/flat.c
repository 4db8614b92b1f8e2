/* flat.c - loop nests whose elements lie one behind another, in all that they read and write: one loop does them.
 *
 *   for i in 0..n, for j in 0..m: y[i, j] = f(x[i, j]), s += …      rows end in a rest, and sums of rows are added up
 *   for t in 0..n m:              y[t] = f(x[t]),       s += …      neither
 *
 * Requires: units that share a nest (group.c).  Ensures: of a flat nest, that an element is found by the last counter alone, which runs on
 * through all rows, the others being zero. */
#include "codegen/plan.h"

typedef struct Flat {
  Plan *p;
  const Unit *u;
  bool *seen;
} Flat;

/* level: by axis */
static bool in_order(const Flat *f, const Type *t, const int8_t *level) {
  int next = 0;
  for (int a = 0; a < t->rank; a++)
    if (!dim_is(t->dim[a], 1) && level[a] != next++) return false;
  return next == f->u->nlevel;
}

static bool reads_in_order(Flat *f, const Value *v, const int8_t *level);

static bool computes_in_order(Flat *f, const Op *op, const int8_t *level) {
  if (op_info[op->code].family == FAM_CONTRACT) return op->nopd == 1 && op->opd[0]->type->rank == 0;
  if (op_info[op->code].family != FAM_MAP) return false;
  for (int k = 0; k < op->nopd; k++)
    if (!reads_in_order(f, op->opd[k], level)) return false;
  return true;
}

static bool reads_in_order(Flat *f, const Value *v, const int8_t *level) {
  const ValueInfo *x = &f->p->value[v->id];
  if (v->type->rank == 0) return true;
  if (!in_order(f, v->type, level) || x->padded) return false;
  if (x->place != PLACE_VIRTUAL || f->seen[v->id]) return true;
  f->seen[v->id] = true;
  return computes_in_order(f, v->def, level);
}

static bool folds_in_order(Flat *f, const Op *op) {
  for (int k = 0; k < op->nopd; k++) {
    int8_t level[MAX_RANK];
    for (int a = 0; a < op->opd[k]->type->rank; a++) level[a] = f->u->level_of[op->code == OP_contract ? op->u.contract.opd[k][a] : a];
    if (!reads_in_order(f, op->opd[k], level)) return false;
  }
  return true;
}

static bool is_in_order(Flat *f) {
  const Unit *u = f->u;
  if (u->into || u->tiled) return false;
  if (u->kind == UNIT_REDUCE) return u->v->type->rank == 0 && u->acc_level == 0 && folds_in_order(f, u->op);
  if (u->kind != UNIT_STORE || !in_order(f, u->v->type, u->level_of) || f->p->value[u->v->id].padded) return false;
  return u->op ? computes_in_order(f, u->op, u->level_of) : reads_in_order(f, u->v, u->level_of);
}

bool is_flat(Plan *p, Unit *const *unit, int n) {
  Flat f = {.p = p, .seen = NEW_N(p->ctx->arena, bool, p->f->nvalue + 1)};
  if (unit[0]->nlevel < 2) return false;
  for (int i = 0; i < n; i++) {
    f.u = unit[i];
    if (!is_in_order(&f)) return false;
  }
  return true;
}
