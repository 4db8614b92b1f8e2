/* nan.c - where a nan goes.
 *
 * Requires: a verified function.  Ensures: where nan_shows says so, a nan that one of the operations in question makes is in what the
 * region leaves, or is of no consequence: it gets lost nowhere, and decides nothing. */
#include "ir/internal.h"

typedef struct Trace {
  NanMaker makes;
  const void *env;
  bool *from; /* by value: it may be such a nan, or come of one */
  bool hides;
} Trace;

bool passes_nan(const Op *op) {
  switch (op->code) {
  case OP_pow:
  case OP_hypot:
  case OP_argmax:
  case OP_argmin:
  case OP_cast: return false;
  default: return op_info[op->code].sig != SIG_COMPARE;
  }
}

/* Of the operations of this family, those that solve pass on what they solve for. */
static bool matrix_passes(const Trace *t, const Op *op) {
  if (op->code != OP_trisolve && op->code != OP_lusolve) return false;
  for (int k = 0; k + 1 < op->nopd; k++)
    if (t->from[op->opd[k]->id]) return false;
  return true;
}

static bool passes(const Trace *t, const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_CALL:
  case FAM_EFFECT: return false;
  case FAM_MATRIX: return matrix_passes(t, op);
  default: return op->code != OP_argsort && passes_nan(op);
  }
}

static bool taint(Trace *t, const Value *v, bool is) {
  bool news = is && !t->from[v->id];
  t->from[v->id] |= is;
  return news;
}

static void trace(Trace *t, const Region *r);

static void trace_regions(Trace *t, const Op *op) {
  bool loops = op_is_loop(op), again = true;
  int first = loops ? loop_ninit(op) : 1;
  for (int k = 0; k < first && k < op->nopd; k++) t->hides |= t->from[op->opd[k]->id];
  for (int k = 0; loops && k < op->nres; k++) taint(t, op->res[k], t->from[op->opd[first + k]->id]);
  while (again) {
    again = false;
    for (int i = 0; i < op->nreg; i++) {
      for (int k = 0; loops && k < op->nres; k++) taint(t, carried(op, i, k), t->from[op->res[k]->id]);
      trace(t, op->reg[i]);
      bool yields = !loops || op->reg[i] == loop_body(op);
      for (int k = 0; yields && k < op->nres; k++) again |= taint(t, op->res[k], t->from[op->reg[i]->res[k]->id]);
    }
    again &= loops;
  }
}

static void trace_op(Trace *t, const Op *op) {
  if (op->nreg) {
    trace_regions(t, op);
    return;
  }
  bool made = t->makes(t->env, op), any = made;
  for (int k = 0; k < op->nopd; k++) any |= t->from[op->opd[k]->id];
  if (any && !made) t->hides |= !passes(t, op);
  for (int k = 0; k < op->nres; k++) taint(t, op->res[k], any);
}

static void trace(Trace *t, const Region *r) {
  for (const Op *op = r->first; op && !t->hides; op = op->next) trace_op(t, op);
}

Value *nan_sought(const Op *op) {
  const Op *is = op->code == OP_rany ? op->opd[0]->def : NULL;
  if (!is || is->code != OP_ne || is->opd[0] != is->opd[1] || op->res[0]->type->rank) return NULL;
  const Op *region = is->opd[0]->def;
  return region && region->nreg ? is->opd[0] : NULL;
}

bool nan_shows(const Region *r, NanMaker makes, const void *env, bool *from) {
  Trace t = {.makes = makes, .env = env, .from = from};
  trace(&t, r);
  return !t.hides;
}

bool nan_leaves(const Op *op, NanMaker makes, const void *env, bool *from) {
  Trace t = {.makes = makes, .env = env, .from = from};
  trace_op(&t, op);
  return !t.hides;
}
