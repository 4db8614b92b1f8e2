/* small.c - tensors of a few elements are kept in registers, and what computes them does so element by element, without loops.
 *
 * Requires: places (place.c), homes (ownership.c).  Ensures: a value that is local lives on the stack, in an array of its home's, which
 * nothing but code of constant length writes; a straight operation can be computed at constant indices, one element after another. */
#include "codegen/plan.h"

/* Elements of a value, terms of a sum; and of all that is computed in a function, for its code is that long. */
enum { MOST_ELEMENTS = 64, MOST_TERMS = 256, MOST_CODE = 6000 };

int64_t small_count(const Type *t, int64_t most) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &d) || d > most) return -1;
    n *= d;
    if (n > most) return -1;
  }
  return n;
}

static int64_t terms(const Op *op) {
  Dim *extent[MAX_LABEL];
  int64_t count = 1, d;
  int n = label_extents(op, extent);
  for (int l = 0; l < n; l++) {
    if (!extent[l]) continue;
    if (!dim_is_const(extent[l], &d) || d > MOST_TERMS) return -1;
    count *= d;
    if (count > MOST_TERMS) return -1;
  }
  return count;
}

static bool starts_are_known(const Op *op) {
  int64_t at;
  for (int a = 0; a < op->res[0]->type->rank; a++)
    if (!dim_is_const(op->u.slice.start[a], &at)) return false;
  return true;
}

/* What computing it at constant indices takes, in elements; -1: that cannot be done. */
static int64_t straight_cost(const Op *op) {
  if (op->nres != 1 || op->nreg) return -1;
  int64_t n = small_count(op->res[0]->type, MOST_ELEMENTS);
  switch (op_info[op->code].family) {
  case FAM_MAP: return n;
  case FAM_SOURCE: return op->code == OP_sym || op->code == OP_dense ? -1 : n;
  case FAM_CONTRACT: return n < 0 ? -1 : terms(op);
  case FAM_REDUCE: return n < 0 ? -1 : small_count(op->opd[0]->type, MOST_TERMS);
  case FAM_SCAN: return op->code == OP_linrec ? n : -1;
  case FAM_VIEW: return op->code != OP_set_slice || picks_straight(op) ? n : -1;
  case FAM_INDEX: return op->code == OP_gather || picks_straight(op) ? n : -1;
  default: return -1;
  }
}

bool picks_straight(const Op *op) { return op->code == OP_set_slice ? starts_are_known(op) : picks_by_numbers(op); }

/* An update at places that only a run tells. */
static bool updates_somewhere(const Op *op) {
  if (op->code == OP_set_slice) return !starts_are_known(op);
  if (op->code != OP_set && op->code != OP_scatter_acc) return false;
  for (int k = 2; k < op->nopd; k++)
    if (op->opd[k]->type->rank) return false;
  return !op->u.index.masked && !picks_by_numbers(op);
}

bool is_straight(const Plan *p, const Op *op) {
  if (!p->root->most_small || op->nres != 1 || in_lanes(p, op->parent)) return false;
  const Value *v = op->res[0];
  if (p->value[v->id].local) return straight_cost(op) >= 0 || (updates_somewhere(op) && small_count(op->opd[1]->type, MOST_ELEMENTS) >= 0);
  return p->value[v->id].place == PLACE_SCALAR && straight_cost(op) >= 0;
}

bool stores_straight(const Plan *p, const Op *op) {
  return p->root->most_small && op_is_update(op) && small_count(op->opd[1]->type, p->root->most_small) >= 0;
}

/* ---- which values -------------------------------------------------------------------------------------------------------- */

static int64_t code_length(const Plan *p, const Region *r, int64_t most) {
  int64_t sum = 0;
  for (const Op *op = r->first; op && sum <= MOST_CODE; op = op->next) {
    for (int i = 0; i < op->nreg && !in_lanes(p, op->reg[i]); i++) sum += code_length(p, op->reg[i], most);
    if (op->nres != 1 || small_count(op->res[0]->type, most) < 0) continue;
    int64_t n = straight_cost(op);
    if (n > 0) sum += n;
  }
  return sum;
}

int64_t small_code(const Plan *p, int64_t most) {
  int64_t n = code_length(p, p->f->body, p->most_small);
  return n > most ? most + 1 : n;
}

/* The value's memory is written by code of constant length alone, and read by no operation that wants it in the workspace. */
static bool may_be_local(const Plan *p, const Value *v) {
  const Op *op = v->def ? v->def : v->region->parent;
  if (!op || p->value[v->id].place != PLACE_BUFFER) return false;
  if (op->nreg) return !in_lanes(p, op->reg[0]);
  return straight_cost(op) >= 0 || updates_somewhere(op);
}

static bool wants_memory(const Plan *p, const Op *op) {
  Product product;
  return op->code == OP_argsort || op_info[op->code].family == FAM_MATRIX || (op_has_sum(op) && product_find(p->ctx, op, &product));
}

static void rule_out(const Plan *p, const Value *v, bool *out) {
  if (p->value[v->id].place == PLACE_BUFFER) out[p->value[v->id].home] = true;
}

static void look_at(Plan *p, const Region *r, bool *out) {
  for (int i = 0; r->parent && i < r->nparam; i++)
    if (!may_be_local(p, r->param[i])) rule_out(p, r->param[i], out);
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nres; i++)
      if (!may_be_local(p, op->res[i])) rule_out(p, op->res[i], out);
    for (int k = 0, wants = wants_memory(p, op); wants && k < op->nopd; k++) rule_out(p, behind_windows(op->opd[k]), out);
    for (int i = 0; i < op->nreg && !in_lanes(p, op->reg[i]); i++) look_at(p, op->reg[i], out);
  }
}

static void mark(Plan *p, const Value *v, const bool *out) {
  ValueInfo *info = &p->value[v->id];
  info->local = info->place == PLACE_BUFFER && !out[info->home] && small_count(v->type, p->most_small) >= 0;
}

static void mark_all(Plan *p, const Region *r, const bool *out) {
  for (int i = 0; r->parent && i < r->nparam; i++) mark(p, r->param[i], out);
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nres; i++) mark(p, op->res[i], out);
    for (int i = 0; i < op->nreg && !in_lanes(p, op->reg[i]); i++) mark_all(p, op->reg[i], out);
  }
}

static bool calls_anything(const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    if (op->code == OP_call) return true;
    for (int i = 0; i < op->nreg; i++)
      if (calls_anything(op->reg[i])) return true;
  }
  return false;
}

/* Threads have registers of their own, and memory that is on the stack of one is not at hand in another; a function that calls itself
 * would take the stack for each level. */
void plan_small(Plan *p) {
  if (p->grain || calls_anything(p->f->body)) return;
  for (p->most_small = MOST_ELEMENTS; p->most_small && code_length(p, p->f->body, p->most_small) > MOST_CODE;) p->most_small /= 4;
  if (!p->most_small) return;
  bool *out = NEW_N(p->ctx->arena, bool, p->f->nvalue + 1);
  look_at(p, p->f->body, out);
  mark_all(p, p->f->body, out);
}
