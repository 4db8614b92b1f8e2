/* emit_add.c - the body that adds to the gradients.
 *
 * Requires: a function with cotangents among its results.  Ensures: the contract in internal.h.  The workspace begins with a
 * place for each cotangent; the plain body works behind, and what it leaves there is added to the caller's gradients when it
 * has succeeded.  So a function's loops are compiled once, and a call that begins again adds nothing twice. */
#include "codegen/emit.h"

bool result_adds(const Func *f, int result) {
  for (int i = 0; i < f->nout; i++) {
    const Port *o = &f->out[i];
    if (result >= o->first && result < o->first + o->nleaf) return o->role == PORT_COTANGENT;
  }
  return false;
}

static LLVMValueRef elements(Emit *e, const Type *t) {
  LLVMValueRef n = e->one;
  for (int i = 0; i < t->rank; i++) n = index_mul(e, n, dim_of(e, t->dim[i]));
  return n;
}

static LLVMValueRef bytes(Emit *e, const Type *t) {
  LLVMValueRef bad; /* of sizes that the size function has let pass */
  return nested_bytes(&e->dim, t, &bad);
}

/* What is not wanted of the caller is not wanted of the body either. */
static LLVMValueRef place_of(Emit *e, LLVMValueRef out, LLVMValueRef at) {
  LLVMValueRef null = LLVMConstNull(e->g->ptr);
  LLVMValueRef here = LLVMBuildInBoundsGEP2(e->b, e->g->i8, e->ws, &at, 1, "");
  return LLVMBuildSelect(e->b, LLVMBuildIsNull(e->b, out, ""), null, here, "");
}

static void add_to(Emit *e, const Type *t, LLVMValueRef out, LLVMValueRef from) {
  Branch br;
  Loop loop;
  if_begin(e, &br, LLVMBuildIsNotNull(e->b, out, ""));
  LLVMValueRef i = loop_begin(e, &loop, elements(e, t));
  LLVMValueRef sum = add_elem(e->g, e->b, t->elem, load_elem(e, out, -1, t, i), load_elem(e, from, -1, t, i));
  store_elem(e, out, -1, t, i, sum);
  loop_end(e, &loop);
  if_end(e, &br);
}

static Emit *open_body(Codegen *g, Func *f, LLVMValueRef fn) {
  Emit *e = NEW(g->arena, Emit);
  *e = (Emit){.g = g, .ctx = g->ctx, .arena = g->arena, .f = f, .fn = fn};
  e->b = LLVMCreateBuilderInContext(g->ll);
  e->entry = LLVMCreateBuilderInContext(g->ll);
  e->zero = LLVMConstInt(g->i64, 0, false);
  e->one = LLVMConstInt(g->i64, 1, false);
  e->dim = (DimEnv){.g = g, .f = f, .b = e->entry, .late = e->b, .sym = NEW_N(g->arena, LLVMValueRef, f->nsym + 1)};
  for (int i = 0; i < f->nsym; i++) e->dim.sym[i] = LLVMGetParam(fn, (unsigned)i);
  begin_body(e);
  return e;
}

void emit_adding_body(Codegen *g, Func *f, LLVMValueRef fn) {
  Emit *e = open_body(g, f, fn);
  const Region *body = f->body;
  int first = f->nsym + body->nparam, n = first + body->nres;
  LLVMValueRef *arg = NEW_N(g->arena, LLVMValueRef, n + 3), at = e->zero;
  for (int i = 0; i < n + 3; i++) arg[i] = LLVMGetParam(fn, (unsigned)i);
  LLVMValueRef *out = arena_dup(g->arena, arg + first, sizeof *out * (size_t)body->nres);
  e->ws = arg[n];
  e->err = arg[n + 2];
  for (int i = 0; i < body->nres; i++) {
    if (!result_adds(f, i)) continue;
    arg[first + i] = place_of(e, out[i], at);
    at = LLVMBuildAdd(e->b, at, bytes(e, body->res[i]->type), "");
  }
  arg[n] = LLVMBuildInBoundsGEP2(e->b, g->i8, e->ws, &at, 1, "");
  arg[n + 1] = LLVMBuildSub(e->b, arg[n + 1], at, "");
  LLVMValueRef code = LLVMBuildCall2(e->b, body_type(g, f), emit_body(g, f, false), arg, (unsigned)n + 3, "");
  return_failure(e, code, at);
  for (int i = 0; i < body->nres; i++)
    if (result_adds(f, i)) add_to(e, body->res[i]->type, out[i], arg[first + i]);
  LLVMBuildRet(e->b, LLVMConstInt(g->i32, ADC_OK, false));
  LLVMDisposeBuilder(e->b);
  LLVMDisposeBuilder(e->entry);
}
