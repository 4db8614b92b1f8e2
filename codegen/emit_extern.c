/* emit_extern.c - the body of a function that C computes: a call of the C function of its name.
 *
 * Ensures the contract of internal.h: the C function gets the arguments of the standard interface, structs by pointer, and
 * allocates its own workspace; a code that it returns is the body's. */
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

/* A bool is an int for C. */
static LLVMValueRef to_memory(Codegen *g, LLVMBuilderRef b, LLVMValueRef v) {
  return LLVMTypeOf(v) == g->i1 ? LLVMBuildZExt(b, v, g->i32, "") : v;
}

/* The leaves, which are parameters of fn from *leaf on: values and pointers of a struct of inputs, pointers of one of outputs. */
static void store_fields(Codegen *g, LLVMBuilderRef b, const CStruct *s, LLVMValueRef at, LLVMValueRef fn, unsigned *leaf) {
  for (int i = 0; i < s->nfield; i++) {
    LLVMValueRef p = LLVMBuildStructGEP2(b, struct_type(g, s), at, (unsigned)i, s->field[i].name);
    if (s->field[i].sub)
      store_fields(g, b, s->field[i].sub, p, fn, leaf);
    else
      LLVMBuildStore(b, to_memory(g, b, LLVMGetParam(fn, (*leaf)++)), p);
  }
}

void emit_extern(Codegen *g, Func *f, LLVMValueRef fn) {
  CArg *arg;
  CStructs *structs = structs_collect(g->m, g->o);
  int n = codegen_signature(f, &arg);
  LLVMTypeRef *type = NEW_N(g->arena, LLVMTypeRef, n);
  LLVMValueRef *v = NEW_N(g->arena, LLVMValueRef, n);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, "entry"));
  for (int i = 0; i < n; i++) {
    type[i] = c_type(g, &arg[i]);
    bool record = arg[i].kind == CARG_STRUCT || arg[i].kind == CARG_STRUCT_OUT;
    if (arg[i].kind == CARG_WS) {
      v[i] = LLVMConstNull(g->ptr);
    } else if (record) {
      unsigned leaf = body_index(f, &arg[i]);
      const CStruct *s = structs_of(structs, f, arg[i].port);
      v[i] = LLVMBuildAlloca(b, struct_type(g, s), arg[i].name);
      store_fields(g, b, s, v[i], fn, &leaf);
    } else {
      v[i] = to_memory(g, b, LLVMGetParam(fn, body_index(f, &arg[i])));
    }
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
