/* drop.c - removes from a module what nothing exported leads to: functions whose calls were all expanded in place. */
#include "passes/pass.h"

static void keep(const Module *m, const Func *f, bool *kept);

static void keep_callees(const Module *m, const Region *g, bool *kept) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op->code == OP_call) keep(m, op->u.call.callee, kept);
    if (op->code == OP_derive) keep(m, op->u.derive.callee, kept);
    for (int i = 0; i < op->nreg; i++) keep_callees(m, op->reg[i], kept);
  }
}

static void keep(const Module *m, const Func *f, bool *kept) {
  for (int i = 0; i < m->nfunc; i++) {
    if (m->func[i] != f || kept[i]) continue;
    kept[i] = true;
    keep_callees(m, f->body, kept);
    if (f->adjoint) keep(m, f->adjoint, kept);
    if (f->lean) keep(m, f->lean, kept);
  }
}

void pass_drop(Module *m) {
  bool *kept = NEW_N(m->ctx->arena, bool, m->nfunc + 1);
  int n = 0;
  for (int i = 0; i < m->nfunc; i++)
    if (m->func[i]->exported) keep(m, m->func[i], kept);
  for (int i = 0; i < m->nfunc; i++)
    if (kept[i]) m->func[n++] = m->func[i];
  m->nfunc = n;
}
