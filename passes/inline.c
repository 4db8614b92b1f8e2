/* inline.c - puts the bodies of called functions in the place of calls.
 * A call stays when its callee can reach itself, has a rule of its own for its derivative, or is not written here.
 * Effects keep their place; the callee's dimension symbols become the call's dimensions. */
#include "passes/pass.h"

/* What a call of a function leads to, once each. */
typedef struct Seen { const Func *f; struct Seen *next; } Seen;
/* What is known of callees. */
typedef struct Known { const Func *f; bool stays; struct Known *next; } Known;

typedef struct Inline { Rewrite rw; Known *known; const Func *keep; } Inline;

static bool reaches(Ctx *c, const Region *g, const Func *target, Seen **seen);

static bool leads_to(Ctx *c, const Func *f, const Func *target, Seen **seen) {
  if (f == target) return true;
  for (const Seen *s = *seen; s; s = s->next)
    if (s->f == f) return false;
  Seen *s = NEW(c->arena, Seen);
  *s = (Seen){f, *seen};
  *seen = s;
  return reaches(c, f->body, target, seen);
}

static bool reaches(Ctx *c, const Region *g, const Func *target, Seen **seen) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op->code == OP_call && leads_to(c, op->u.call.callee, target, seen)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (reaches(c, op->reg[i], target, seen)) return true;
  }
  return false;
}

static bool stays(Inline *in, const Func *f) {
  if (f->adjoint || f->external || f == in->keep) return true;
  for (const Known *k = in->known; k; k = k->next)
    if (k->f == f) return k->stays;
  Ctx *c = in->rw.ctx;
  Seen *seen = in->keep ? &(Seen){in->keep, NULL} : NULL; /* no way leads through it */
  Known *k = NEW(c->arena, Known);
  *k = (Known){f, reaches(c, f->body, f, &seen), in->known};
  in->known = k;
  return k->stays;
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
static void sweep(Inline *in, Region *g) {
  Rewrite *rw = &in->rw;
  for (Op *op = g->first, *next; op; op = next) {
    next = op->next;
    rw_operands(rw, op);
    for (int i = 0; i < op->nreg; i++) sweep(in, op->reg[i]);
    if (op->code != OP_call || stays(in, op->u.call.callee)) continue;
    Op *before = op->prev;
    expand(rw, op);
    next = before ? before->next : g->first;
    if (next == op) next = op->next;
    op_remove(op);
  }
  rw_results(rw, g);
}

void inline_but(Func *f, const Func *keep) {
  Inline in = {.keep = keep};
  rw_init(&in.rw, f);
  sweep(&in, f->body);
  func_renumber(f);
}

void pass_inline(Func *f) { inline_but(f, NULL); }
