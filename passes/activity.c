/* activity.c - what has to be differentiated.
 * A value is active when it is real and depends differentiably on a chosen parameter; that it also reaches a result shows in the
 * sweeps, which go only where a cotangent or tangent is.  Loops and calls of functions that call themselves are gone through until
 * nothing changes; marks are only ever added. */
#include "passes/pass.h"
#include <string.h>

/* Which results of a callee are active when these parameters are. */
typedef struct Summary { Func *f; bool *in, *out; struct Summary *next; } Summary;
typedef struct Forward { Ctx *ctx; bool *from; Summary **known; bool *changed; } Forward;

static bool put(const Forward *w, const Value *v, bool on) {
  if (!on || w->from[v->id] || !elem_is_real(v->type->elem)) return false;
  return w->from[v->id] = true;
}

static bool forward(const Forward *w, const Region *g);

static Summary *summary_of(const Forward *w, const Op *call) {
  Func *f = call->u.call.callee;
  bool *in = NEW_N(w->ctx->arena, bool, call->nopd + 1);
  for (int i = 0; i < call->nopd; i++) in[i] = w->from[call->opd[i]->id];
  for (Summary *s = *w->known; s; s = s->next)
    if (s->f == f && !memcmp(s->in, in, (size_t)call->nopd)) return s;
  Summary *s = NEW(w->ctx->arena, Summary);
  *s = (Summary){f, in, NEW_N(w->ctx->arena, bool, call->nres + 1), *w->known};
  *w->changed = true;
  return *w->known = s;
}

static bool forward_call(const Forward *w, const Op *op) {
  const Summary *s = summary_of(w, op);
  bool any = false;
  for (int i = 0; i < op->nres; i++) any |= put(w, op->res[i], s->out[i]);
  return any;
}

static bool forward_if(const Forward *w, const Op *op) {
  bool any = forward(w, op->reg[0]);
  any |= forward(w, op->reg[1]);
  for (int r = 0; r < 2; r++)
    for (int i = 0; i < op->nres; i++) any |= put(w, op->res[i], w->from[op->reg[r]->res[i]->id]);
  return any;
}

static bool forward_loop(const Forward *w, const Op *op) {
  const Region *body = loop_body(op);
  bool any = false, more = true;
  while (more) {
    more = false;
    for (int k = 0; k < op->nres; k++) {
      const Value *p = body->param[loop_nindex(op) + k];
      more |= put(w, p, w->from[op->opd[loop_ninit(op) + k]->id] || w->from[body->res[k]->id]);
      put(w, op->res[k], w->from[p->id]);
    }
    more |= forward(w, body);
    any |= more;
  }
  return any;
}

static bool forward_op(const Forward *w, const Op *op) {
  bool on = false, any = false;
  if (op->code == OP_if) return forward_if(w, op);
  if (op_is_loop(op)) return forward_loop(w, op);
  if (op->code == OP_call) return forward_call(w, op);
  for (int i = 0; i < op->nopd && !on; i++) on = w->from[op->opd[i]->id] && operand_contributes(op, i);
  for (int i = 0; i < op->nres; i++) any |= put(w, op->res[i], on);
  return any;
}

static bool forward(const Forward *w, const Region *g) {
  bool any = false;
  for (const Op *op = g->first; op; op = op->next) any |= forward_op(w, op);
  return any;
}

/* The function's own rule tells the derivative, whatever its body does. */
static void summarise_rule(const Forward *w, Summary *s) {
  bool any = false;
  for (int i = 0; i < s->f->body->nparam; i++) any = any || s->in[i];
  for (int i = 0; i < s->f->body->nres && any; i++)
    if (elem_is_real(s->f->body->res[i]->type->elem) && !s->out[i]) s->out[i] = *w->changed = true;
}

static void summarise(const Forward *w, Summary *s) {
  if (s->f->adjoint || s->f->external) {
    summarise_rule(w, s);
    return;
  }
  Forward in = *w;
  in.from = NEW_N(w->ctx->arena, bool, s->f->nvalue + 1);
  for (int i = 0; i < s->f->body->nparam; i++) in.from[s->f->body->param[i]->id] = s->in[i];
  forward(&in, s->f->body);
  for (int i = 0; i < s->f->body->nres; i++) {
    bool on = in.from[s->f->body->res[i]->id];
    if (on && !s->out[i]) s->out[i] = *w->changed = true;
  }
}

void activity_forward(Func *f, bool *from) {
  Summary *known = NULL;
  bool changed;
  Forward w = {f->module->ctx, from, &known, &changed};
  do {
    changed = false;
    forward(&w, f->body);
    for (Summary *s = known; s; s = s->next) summarise(&w, s);
  } while (changed);
}

/* ---- backward --------------------------------------------------------------------------------------------------------------- */

static bool reach(bool *reaches, const Value *v) {
  if (reaches[v->id]) return false;
  return reaches[v->id] = true;
}

static bool any_reached(const Op *op, const bool *reaches) {
  for (int i = 0; i < op->nres; i++)
    if (reaches[op->res[i]->id]) return true;
  return false;
}

static bool backward(const Region *g, bool *reaches);

static bool backward_loop(const Op *op, bool *reaches) {
  const Region *body = loop_body(op);
  bool any = false, more = true;
  while (more) {
    more = false;
    for (int k = 0; k < op->nres; k++) {
      const Value *p = body->param[loop_nindex(op) + k];
      if (!reaches[p->id] && !reaches[op->res[k]->id]) continue;
      more |= reach(reaches, body->res[k]);
      any |= reach(reaches, op->opd[loop_ninit(op) + k]);
    }
    more |= backward(body, reaches);
    any |= more;
  }
  if (op->code == OP_for || !any_reached(op, reaches)) return any;
  return reach(reaches, op->reg[0]->res[0]) | backward(op->reg[0], reaches) | any;
}

static bool backward_op(const Op *op, bool *reaches) {
  bool any = false;
  if (op_is_loop(op)) return backward_loop(op, reaches);
  if (!any_reached(op, reaches)) return false;
  for (int i = 0; i < op->nopd; i++) any |= reach(reaches, op->opd[i]);
  for (int r = 0; r < op->nreg; r++) {
    for (int k = 0; k < op->nres; k++)
      if (reaches[op->res[k]->id]) any |= reach(reaches, op->reg[r]->res[k]);
    any |= backward(op->reg[r], reaches);
  }
  return any;
}

static bool backward(const Region *g, bool *reaches) {
  bool any = false;
  for (const Op *op = g->last; op; op = op->prev) any |= backward_op(op, reaches);
  return any;
}

void activity_backward(const Region *g, bool *reaches) { backward(g, reaches); }
