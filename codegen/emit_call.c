/* emit_call.c - calls of other functions' bodies.
 *
 * Requires: tensor arguments in memory.  Ensures: the callee works in what is left of the caller's workspace, and its
 * failure is the caller's, at once; nothing but results that are scalars takes room in the frame, so that recursion can
 * be deep. */
#include "codegen/outline.h"

typedef struct Call {
  Emit *e;
  Op *op;
  Func *callee;
  BodyArgs args;
  LLVMValueRef *sym;  /* the callee's */
  LLVMValueRef *cell; /* by result: where the callee stores a scalar; NULL for tensors */
} Call;

Dim *call_dim(Ctx *c, const Op *call, Sym *s) {
  for (int i = 0; i < call->u.call.nsubst; i++)
    if (call->u.call.subst[i].from == s) return call->u.call.subst[i].to;
  return dim_sym(c, s);
}

static LLVMValueRef result_cell(Call *c, int i) {
  Elem t = c->op->res[i]->type->elem;
  return c->cell[i] = LLVMBuildAlloca(c->e->entry, t == BOOL ? c->e->g->i32 : elem_type(c->e->g, t), "");
}

static void arguments(Call *c) {
  Emit *e = c->e;
  int n = 0;
  for (int i = 0; i < c->callee->nsym; i++) {
    c->sym[i] = dim_of(e, call_dim(e->ctx, c->op, c->callee->sym[i]));
    args_set(&c->args, e->b, n++, c->sym[i]);
  }
  for (int i = 0; i < c->op->nopd; i++) {
    Value *v = c->op->opd[i];
    args_set(&c->args, e->b, n++, v->type->rank ? where_of(e, v) : eval(e, v, NULL));
  }
  for (int i = 0; i < c->op->nres; i++) {
    const Value *v = c->op->res[i];
    bool used = e->p->value[v->id].use > 0;
    args_set(&c->args, e->b, n++, !used ? LLVMConstNull(e->g->ptr) : v->type->rank ? where_of(e, v) : result_cell(c, i));
  }
}

/* Where the callee's workspace begins. */
static LLVMValueRef workspace(Call *c) {
  Emit *e = c->e;
  LLVMValueRef need = LLVMBuildCall2(e->b, size_type(e->g, c->callee), emit_size(e->g, c->callee, false), c->sym,
                                     (unsigned)c->callee->nsym, "");
  LLVMValueRef from = LLVMBuildLoad2(e->b, e->g->i64, dynamic_of(e), "");
  fail_unless(e, LLVMBuildICmp(e->b, LLVMIntSGE, need, e->zero, ""), ADC_EDIM, c->op->loc, NULL,
              "a dimension is negative, inexact or too large");
  reserve(e, LLVMBuildAdd(e->b, from, need, ""), c->op->loc);
  return from;
}

void return_failure(Emit *e, LLVMValueRef code, LLVMValueRef from) {
  LLVMBasicBlockRef fail = new_block(e, "failed"), ok = new_block(e, "ok");
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntEQ, code, LLVMConstInt(e->g->i32, ADC_OK, false), ""), ok, fail);
  LLVMPositionBuilderAtEnd(e->b, fail);
  LLVMValueRef at = LLVMBuildStructGEP2(e->b, error_type(e->g), error_record(e), ERR_NEED, "");
  LLVMValueRef need = LLVMBuildLoad2(e->b, e->g->i64, at, "");
  LLVMBuildStore(e->b, LLVMBuildAdd(e->b, need, from, ""), at);
  leave(e, code);
  LLVMPositionBuilderAtEnd(e->b, ok);
}

void emit_call(Emit *e, Unit *u) {
  Call c = {.e = e, .op = u->op, .callee = u->op->u.call.callee};
  c.args = args_new(e->g, e->b, c.callee);
  c.sym = NEW_N(e->arena, LLVMValueRef, c.callee->nsym + 1);
  c.cell = NEW_N(e->arena, LLVMValueRef, u->op->nres + 1);
  arguments(&c);
  LLVMValueRef from = workspace(&c), base = LLVMBuildGEP2(e->b, e->g->i8, e->ws, &from, 1, "");
  LLVMValueRef len = LLVMBuildSub(e->b, e->ws_len, from, ""), err = err_of(e);
  LLVMValueRef code = args_call(&c.args, e->b, emit_body(e->g, c.callee, false), base, len, err);
  return_failure(e, code, from);
  for (int i = 0; i < u->op->nres; i++) {
    if (!c.cell[i]) continue;
    const Value *v = u->op->res[i];
    LLVMValueRef x =
        LLVMBuildLoad2(e->b, v->type->elem == BOOL ? e->g->i32 : elem_type(e->g, v->type->elem), c.cell[i], "");
    if (v->type->elem == BOOL) x = LLVMBuildICmp(e->b, LLVMIntNE, x, LLVMConstNull(e->g->i32), "");
    LLVMBuildStore(e->b, x, where_of(e, v));
  }
}
