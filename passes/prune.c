/* prune.c - removes what the results of a region do not need, while the function around it is under construction.
 * Requires: a region whose calls and loops may be left out when nobody uses them (they hold checks that were made before, or none);
 * what it uses from outside is left alone.  Ensures: carried values and results that only feed themselves are gone too. */
#include "passes/pass.h"

typedef struct Prune {
  Ctx *ctx;
  bool *live; /* by value id */
  bool *sym;  /* by symbol id */
  bool changed;
} Prune;

static void use(Prune *p, const Value *v) {
  if (p->live[v->id]) return;
  p->live[v->id] = p->changed = true;
}

static void use_sym(void *env, Sym *s) {
  Prune *p = env;
  if (p->sym[s->id]) return;
  p->sym[s->id] = p->changed = true;
}

static bool any_live(const Prune *p, const Op *op) {
  for (int i = 0; i < op->nres; i++)
    if (p->live[op->res[i]->id]) return true;
  return op->code == OP_sym && p->sym[op->u.sym->id];
}

static bool kept(const Prune *p, const Op *op) { return any_live(p, op) || has_effect(op); }

static void mark(Prune *p, const Region *g);

/* A result of a loop is kept while an iteration reads what it carries. */
static bool carried_live(const Prune *p, const Op *op, int k) {
  if (p->live[op->res[k]->id]) return true;
  for (int r = 0; r < op->nreg; r++)
    if (p->live[op->reg[r]->param[loop_nindex(op) + k]->id]) return true;
  return false;
}

static void mark_carried(Prune *p, const Op *op) {
  for (int i = 0; i < loop_ninit(op); i++) use(p, op->opd[i]);
  if (op->code == OP_while) use(p, op->reg[0]->res[0]);
  for (int k = 0; k < op->nres; k++) {
    if (!carried_live(p, op, k)) continue;
    use(p, op->res[k]);
    use(p, op->opd[loop_ninit(op) + k]);
    use(p, loop_body(op)->res[k]);
  }
}

static void mark_op(Prune *p, const Op *op) {
  if (!kept(p, op)) return;
  if (op->code == OP_for || op->code == OP_while) mark_carried(p, op);
  else
    for (int i = 0; i < op->nopd; i++) use(p, op->opd[i]);
  for (int k = 0; op->code == OP_if && k < op->nres; k++)
    for (int r = 0; r < 2 && p->live[op->res[k]->id]; r++) use(p, op->reg[r]->res[k]);
  for (int r = 0; r < op->nreg; r++) mark(p, op->reg[r]);
  if (!op->nreg) op_each_sym(op, use_sym, p);
  else
    for (int i = 0; i < op->nres; i++)
      if (p->live[op->res[i]->id]) type_each_sym(op->res[i]->type, use_sym, p);
}

static void mark(Prune *p, const Region *g) {
  for (const Op *op = g->last; op; op = op->prev) mark_op(p, op);
}

static void sweep(Prune *p, Region *g) {
  for_each_op(op, g) {
    if (!kept(p, op)) {
      op_remove(op);
      continue;
    }
    if (!op->nreg) continue;
    bool *keep = NEW_N(p->ctx->arena, bool, op->nres + 1);
    for (int k = 0; k < op->nres; k++) keep[k] = p->live[op->res[k]->id];
    op_keep_results(op, keep);
    for (int r = 0; r < op->nreg; r++) sweep(p, op->reg[r]);
  }
}

void prune_region(Func *f, Region *g) {
  Ctx *c = f->module->ctx;
  Prune p = {.ctx = c, .live = NEW_N(c->arena, bool, f->nvalue + 1), .sym = NEW_N(c->arena, bool, c->next_sym + 1)};
  for (int i = 0; i < g->nres; i++) {
    use(&p, g->res[i]);
    type_each_sym(g->res[i]->type, use_sym, &p);
  }
  do {
    p.changed = false;
    mark(&p, g);
  } while (p.changed);
  sweep(&p, g);
}
