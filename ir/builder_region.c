/* builder_region.c - making structured control flow: if, for, while.
 *
 * Ensures: the op is linked, its results and the parameters of its regions have their types; the regions are empty and
 * yield nothing, so that the function verifies only when the caller has filled them. */
#include "ir/internal.h"

static Op *with_regions(Builder *b, Op *op, int nreg) {
  op->nreg = nreg;
  op->reg = NEW_N(b->ctx->arena, Region *, nreg);
  for (int i = 0; i < nreg; i++) op->reg[i] = region_new(b->func, op);
  return op;
}

/* Links after infer_op has looked at operands and parameters. */
static Op *finish(Builder *b, Op *op, int nres, Type *const *types) {
  Infer in = {.ctx = b->ctx, .op = op};
  if (!infer_op(&in)) bug("in %s: %s", b->func->name, in.text);
  op->nres = nres;
  op->res = NEW_N(b->ctx->arena, Value *, nres);
  for (int i = 0; i < nres; i++) {
    op->res[i] = value_new(b->func, types[i]);
    op->res[i]->def = op;
  }
  op_link(b, op);
  return op;
}

static void add_carried(Region *r, int n, Value *const *init) {
  for (int i = 0; i < n; i++) region_add_param(r, init[i]->type, init[i]->name);
}

static Type **types_of(Builder *b, int n, Value *const *v) {
  Type **t = NEW_N(b->ctx->arena, Type *, n);
  for (int i = 0; i < n; i++) t[i] = v[i]->type;
  return t;
}

Op *b_if(Builder *b, Value *cond, int nres, Type *const *types) {
  return finish(b, with_regions(b, op_start(b, OP_if, 1, &cond), 2), nres, types);
}

Op *b_for(Builder *b, Value *lo, Value *hi, Value *step, int n, Value *const *init) {
  Value **opd = NEW_N(b->ctx->arena, Value *, n + 3);
  opd[0] = lo;
  opd[1] = hi;
  opd[2] = step;
  for (int i = 0; i < n; i++) opd[3 + i] = init[i];
  Op *op = with_regions(b, op_start(b, OP_for, n + 3, opd), 1);
  region_add_param(op->reg[0], type_scalar(b->ctx, I64), "i");
  add_carried(op->reg[0], n, init);
  return finish(b, op, n, types_of(b, n, init));
}

Op *b_while(Builder *b, int n, Value *const *init) {
  Op *op = with_regions(b, op_start(b, OP_while, n, init), 2);
  add_carried(op->reg[0], n, init);
  add_carried(op->reg[1], n, init);
  return finish(b, op, n, types_of(b, n, init));
}

Builder b_inside(const Builder *b, Region *r) {
  return (Builder){.ctx = b->ctx, .func = b->func, .region = r, .loc = b->loc};
}

/* ---- the parts of a loop ----------------------------------------------------------------------------------------- */

int loop_ninit(const Op *op) { return op->code == OP_for ? 3 : 0; }
int loop_nindex(const Op *op) { return op->code == OP_for ? 1 : 0; }
Region *loop_body(const Op *op) { return op->reg[op->code == OP_while]; }

/* Keeps the first `skip` of v and, of those after, the ones that are kept. */
static int filter(Value **v, int n, int skip, const bool *keep) {
  int m = skip;
  for (int i = skip; i < n; i++)
    if (keep[i - skip]) v[m++] = v[i];
  return m;
}

void op_keep_results(Op *op, const bool *keep) {
  bool is_if = op->code == OP_if;
  if (!is_if) op->nopd = filter(op->opd, op->nopd, loop_ninit(op), keep);
  for (int i = 0; i < op->nreg; i++) {
    Region *r = op->reg[i];
    if (!is_if) r->nparam = filter(r->param, r->nparam, loop_nindex(op), keep);
    if (is_if || r == loop_body(op)) r->nres = filter(r->res, r->nres, 0, keep);
  }
  op->nres = filter(op->res, op->nres, 0, keep);
}
