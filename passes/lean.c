/* lean.c - a copy of a function whose derivatives, and whose plan, compute again rather than store: for --mem-limit.
 *
 * Requires: a function that is not differentiated yet.  Ensures: every loop of the copy that is not marked by the user is marked
 * `checkpoint`, so that its adjoint keeps O(log T) states, unless it stores into a tensor that it carries: its tape is only what it
 * stores over, and a copy of the tensor is more than that. */
#include "passes/pass.h"

/* Itself or in a loop inside. */
static bool stores_into(const Op *loop, int k) {
  const Region *body = loop_body(loop);
  const Op *op = body->res[k]->def;
  if (!op || op->parent != body) return false;
  if (op_is_loop(op)) return stores_into(op, result_index(body->res[k]));
  return op_is_update(op);
}

static bool stores(const Op *loop) {
  for (int k = 0; k < loop->nres; k++)
    if (stores_into(loop, k)) return true;
  return false;
}

static void mark_loops(Region *g) {
  for (Op *op = g->first; op; op = op->next) {
    bool loop = op_is_loop(op);
    if (loop && !op->u.loop.checkpoint && !op->u.loop.parallel && !stores(op)) op->u.loop.checkpoint = -1;
    for (int i = 0; i < op->nreg; i++) mark_loops(op->reg[i]);
  }
}

Func *lean_copy(Func *f) {
  Ctx *c = f->module->ctx;
  Func *g = func_clone(f, arena_printf(c->arena, "%s.lean", f->name));
  g->adjoint = f->adjoint;
  g->exported = false;
  g->is_lean = true;
  f->lean = g;
  mark_loops(g->body);
  return g;
}
