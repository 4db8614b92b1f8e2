/* inline.c - puts the bodies of called functions in the place of calls.
 * A call stays when its callee can reach itself.  Effects keep their place; the callee's dimension symbols become the call's
 * dimensions. */
#include "passes/pass.h"

typedef struct Path { const Func *f; const struct Path *up; } Path;

static bool on_path(const Path *p, const Func *f) {
  for (; p; p = p->up)
    if (p->f == f) return true;
  return false;
}

static bool reaches(const Region *g, const Func *target, const Path *up);

/* Does a call of f lead to a call of target? */
static bool leads_to(const Func *f, const Func *target, const Path *up) {
  if (f == target) return true;
  if (on_path(up, f)) return false;
  Path here = {f, up};
  return reaches(f->body, target, &here);
}

static bool reaches(const Region *g, const Func *target, const Path *up) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op->code == OP_call && leads_to(op->u.call.callee, target, up)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (reaches(op->reg[i], target, up)) return true;
  }
  return false;
}

static bool is_recursive(const Func *f) {
  Path here = {f, NULL};
  return reaches(f->body, f, &here);
}

static void expand(Rewrite *rw, Op *call) {
  const Func *callee = call->u.call.callee;
  Func *f = rw->func;
  CloneMap *m = clone_map_new(rw->ctx, call->u.call.callee, f);
  for (int i = 0; i < call->u.call.nsubst; i++) clone_map_sym(m, call->u.call.subst[i].from, call->u.call.subst[i].to);
  for (int i = 0; i < call->nopd; i++) clone_map_value(m, callee->body->param[i], call->opd[i]);
  Builder b = {.ctx = rw->ctx, .func = f, .region = call->parent, .before = call};
  for (Op *op = callee->body->first; op; op = op->next) {
    b.loc = op->loc;
    clone_op(m, &b, op);
  }
  for (int i = 0; i < call->nres; i++) rw_replace(rw, call->res[i], clone_lookup(m, callee->body->res[i]));
}

/* The bodies that come in are visited too, so that calls within them go. */
static void sweep(Rewrite *rw, Region *g) {
  for (Op *op = g->first, *next; op; op = next) {
    next = op->next;
    rw_operands(rw, op);
    for (int i = 0; i < op->nreg; i++) sweep(rw, op->reg[i]);
    if (op->code != OP_call || is_recursive(op->u.call.callee)) continue;
    Op *before = op->prev;
    expand(rw, op);
    next = before ? before->next : g->first;
    if (next == op) next = op->next;
    Op *call = op;
    op_remove(call);
  }
  rw_results(rw, g);
}

void pass_inline(Func *f) {
  Rewrite rw;
  rw_init(&rw, f);
  sweep(&rw, f->body);
  func_renumber(f);
}
