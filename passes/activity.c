/* activity.c - what has to be differentiated.
 * A value is active when it is real and depends differentiably on a chosen parameter; that it also reaches a result shows in the
 * sweeps, which go only where a cotangent or tangent is. */
#include "passes/pass.h"

static void forward(const Region *g, bool *from) {
  for (const Op *op = g->first; op; op = op->next) {
    bool any = false;
    for (int i = 0; i < op->nopd && !any; i++) any = from[op->opd[i]->id] && operand_contributes(op, i);
    for (int i = 0; i < op->nres; i++) from[op->res[i]->id] = any && elem_is_real(op->res[i]->type->elem);
  }
}

void activity_forward(Func *f, bool *from) { forward(f->body, from); }

void activity_backward(Func *f, bool *reaches) {
  for (const Op *op = f->body->last; op; op = op->prev) {
    bool any = false;
    for (int i = 0; i < op->nres; i++) any = any || reaches[op->res[i]->id];
    for (int i = 0; i < op->nopd && any; i++) reaches[op->opd[i]->id] = true;
  }
}
