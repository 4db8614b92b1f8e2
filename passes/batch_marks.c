/* batch_marks.c - which values depend on a batched parameter, through calls as well.
 * A function's marks say of a call which results are batched: a condition may read one that is not.  With recursion they depend on
 * each other, so all start unmarked and are gone over until nothing changes. */
#include "passes/batch.h"
#include <string.h>

static bool mark(bool *flag, bool value) {
  bool changed = value && !*flag;
  *flag = *flag || value;
  return changed;
}

static bool mark_region(BatchMarks *m, const Region *g);

/* Carried values: what the body yields batched is batched from the start. */
static bool mark_loop(BatchMarks *m, const Op *op) {
  const Region *body = loop_body(op);
  int skip = loop_nindex(op), first = loop_ninit(op);
  bool changed = false;
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < op->nres; i++) {
      bool now = m->batched[op->opd[first + i]->id] || m->batched[body->res[i]->id];
      more |= mark(&m->batched[op->res[i]->id], now);
      for (int r = 0; r < op->nreg; r++) more |= mark(&m->batched[op->reg[r]->param[(op->reg[r] == body ? skip : 0) + i]->id], now);
    }
    for (int r = 0; r < op->nreg; r++) more |= mark_region(m, op->reg[r]);
    changed |= more;
  }
  return changed;
}

static bool mark_if(BatchMarks *m, const Op *op) {
  bool changed = mark_region(m, op->reg[0]);
  changed |= mark_region(m, op->reg[1]);
  for (int i = 0; i < op->nres; i++)
    changed |= mark(&m->batched[op->res[i]->id], m->batched[op->reg[0]->res[i]->id] || m->batched[op->reg[1]->res[i]->id]);
  return changed;
}

static BatchMarks *find(const BatchMarks *m, const Func *f, const bool *which) {
  for (BatchMarks *k = m->first; k; k = k->next)
    if (k->of == f && !memcmp(k->which, which, sizeof *which * (size_t)f->body->nparam)) return k;
  return NULL;
}

static BatchMarks *marks_new(Func *f, const bool *which) {
  Arena *a = f->module->ctx->arena;
  BatchMarks *m = NEW(a, BatchMarks);
  *m = (BatchMarks){.of = f, .first = m};
  m->which = NEW_N(a, bool, f->body->nparam + 1);
  m->batched = NEW_N(a, bool, f->nvalue + 1);
  m->result = NEW_N(a, bool, f->body->nres + 1);
  for (int i = 0; i < f->body->nparam; i++) m->which[i] = m->batched[f->body->param[i]->id] = which[i];
  return m;
}

static bool *which_operands(const BatchMarks *m, const Op *op) {
  bool *which = NEW_N(op->u.call.callee->module->ctx->arena, bool, op->nopd + 1);
  for (int i = 0; i < op->nopd; i++) which[i] = m->batched[op->opd[i]->id];
  return which;
}

static bool mark_call(BatchMarks *m, const Op *op) {
  const bool *which = which_operands(m, op);
  BatchMarks *k = find(m, op->u.call.callee, which);
  bool changed = !k;
  if (!k) {
    k = marks_new(op->u.call.callee, which);
    k->first = m->first;
    k->next = m->first->next;
    m->first->next = k;
  }
  for (int i = 0; i < op->nres; i++) changed |= mark(&m->batched[op->res[i]->id], k->result[i]);
  return changed;
}

static bool mark_op(BatchMarks *m, const Op *op) {
  if (op->code == OP_if) return mark_if(m, op);
  if (op->nreg) return mark_loop(m, op);
  bool any = false, changed = false;
  for (int i = 0; i < op->nopd; i++) any = any || m->batched[op->opd[i]->id];
  if (any && op->code == OP_call && !op->u.call.callee->adjoint && !op->u.call.callee->external) return mark_call(m, op);
  for (int i = 0; i < op->nres; i++) changed |= mark(&m->batched[op->res[i]->id], any);
  return changed;
}

static bool mark_region(BatchMarks *m, const Region *g) {
  bool changed = false;
  for (const Op *op = g->first; op; op = op->next) changed |= mark_op(m, op);
  return changed;
}

static bool mark_function(BatchMarks *m) {
  const Region *g = m->of->body;
  bool changed = mark_region(m, g);
  for (int i = 0; i < g->nres; i++) changed |= mark(&m->result[i], m->batched[g->res[i]->id]);
  return changed;
}

BatchMarks *batch_marks(Func *f, const bool *which) {
  BatchMarks *all = marks_new(f, which);
  for (bool more = true; more;) {
    more = false;
    for (BatchMarks *m = all; m; m = m->next) more |= mark_function(m);
  }
  return all;
}

BatchMarks *batch_marks_of_call(const Batch *t, const Op *op) {
  BatchMarks *m = find(t->marks, op->u.call.callee, which_operands(t->marks, op));
  if (!m) bug("a call of %s that was not marked", op->u.call.callee->name);
  return m;
}
