/* grow.c - more results, operands and carried values for an operation that is finished: its other values stay what they are.
 * Requires: the new parts are completed by the caller (what the regions yield).  Ensures: old values keep their identity. */
#include "ir/internal.h"
#include <string.h>

static Value **one_more(Ctx *c, Value **old, int n, Value *v) {
  Value **grown = NEW_N(c->arena, Value *, n + 1);
  if (n) memcpy(grown, old, sizeof *grown * (size_t)n);
  grown[n] = v;
  return grown;
}

static Ctx *ctx_of(const Op *op) { return op->parent->func->module->ctx; }

void op_add_operand(Op *op, Value *v) {
  op->opd = one_more(ctx_of(op), op->opd, op->nopd, v);
  op->nopd++;
}

Value *op_add_result(Op *op, Type *t) {
  Value *v = value_new(op->parent->func, t);
  v->def = op;
  op->res = one_more(ctx_of(op), op->res, op->nres, v);
  op->nres++;
  return v;
}

void region_add_result(Region *r, Value *v) {
  r->res = one_more(r->func->module->ctx, r->res, r->nres, v);
  r->nres++;
}

Value *loop_add_carried(Op *loop, Value *init, const char *name) {
  op_add_operand(loop, init);
  op_add_result(loop, init->type);
  for (int i = 0; i < loop->nreg; i++) region_add_param(loop->reg[i], init->type, name);
  Region *body = loop_body(loop);
  return body->param[body->nparam - 1];
}
