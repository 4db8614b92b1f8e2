/* emit_extern.c - the body of a function that C computes: a call of the C function of its name.
 *
 * Requires ports that are numbers and tensors.  Ensures the contract of internal.h: the C function gets the arguments of the
 * standard interface and allocates its own workspace; a code that it returns is the body's. */
#include "codegen/abi.h"
#include "codegen/abi_llvm.h"

static unsigned body_index(const Func *f, const CArg *a) {
  for (int i = 0; i < f->nsym; i++)
    if (f->sym[i] == a->sym) return (unsigned)i;
  return (unsigned)(f->nsym + (port_is_input(a->port) ? 0 : f->body->nparam) + a->port->first);
}

static LLVMTypeRef c_type(Codegen *g, const CArg *a) {
  if (a->kind != CARG_DIM && a->kind != CARG_SCALAR) return g->ptr;
  return a->elem == BOOL ? g->i32 : elem_type(g, a->elem);
}

static LLVMValueRef declare(Codegen *g, const Func *f, LLVMTypeRef type) {
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, f->external);
  return fn ? fn : abi_function(g, f->external, type);
}

static void fail(Codegen *g, LLVMBuilderRef b, const Func *f, LLVMValueRef err, LLVMValueRef code) {
  const char *text = arena_printf(g->arena, "the extern function '%s' failed", f->external);
  LLVMValueRef zero = LLVMConstInt(g->i64, 0, false), field[4];
  field[ERR_LINE] = LLVMConstInt(g->i64, (uint64_t)loc_line(g->ctx, f->loc), false);
  field[ERR_INDEX] = field[ERR_NEED] = zero;
  field[ERR_MESSAGE] = const_text(g, text);
  for (unsigned i = 0; i < 4; i++) LLVMBuildStore(b, field[i], LLVMBuildStructGEP2(b, error_type(g), err, i, ""));
  /* It has its own workspace: a larger one here would not help. */
  LLVMValueRef space = LLVMBuildICmp(b, LLVMIntEQ, code, LLVMConstInt(g->i32, ADC_EWORKSPACE, false), "");
  LLVMBuildRet(b, LLVMBuildSelect(b, space, LLVMConstInt(g->i32, ADC_ENOMEM, false), code, ""));
}

void emit_extern(Codegen *g, Func *f, LLVMValueRef fn) {
  CArg *arg;
  int n = codegen_signature(f, &arg);
  LLVMTypeRef *type = NEW_N(g->arena, LLVMTypeRef, n);
  LLVMValueRef *v = NEW_N(g->arena, LLVMValueRef, n);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, "entry"));
  for (int i = 0; i < n; i++) {
    type[i] = c_type(g, &arg[i]);
    v[i] = arg[i].kind == CARG_WS ? LLVMConstNull(g->ptr) : LLVMGetParam(fn, body_index(f, &arg[i]));
    if (arg[i].kind == CARG_SCALAR && arg[i].elem == BOOL) v[i] = LLVMBuildZExt(b, v[i], g->i32, "");
  }
  LLVMTypeRef t = LLVMFunctionType(g->i32, type, (unsigned)n, false);
  LLVMValueRef code = LLVMBuildCall2(b, t, declare(g, f, t), v, (unsigned)n, "code");
  LLVMBasicBlockRef failed = LLVMAppendBasicBlockInContext(g->ll, fn, "failed"), ok = LLVMAppendBasicBlockInContext(g->ll, fn, "ok");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntEQ, code, LLVMConstInt(g->i32, ADC_OK, false), ""), ok, failed);
  LLVMPositionBuilderAtEnd(b, failed);
  fail(g, b, f, LLVMGetParam(fn, LLVMCountParams(fn) - 1), code);
  LLVMPositionBuilderAtEnd(b, ok);
  LLVMBuildRet(b, code);
  LLVMDisposeBuilder(b);
}
