/* info.c - f_info(): the description of an exported function as constants in the object. */
#include "codegen/abi.h"
#include "codegen/abi_llvm.h"

static LLVMValueRef text_or_null(Codegen *g, const char *s) { return s ? const_text(g, s) : LLVMConstNull(g->ptr); }

static LLVMValueRef number(Codegen *g, int v) { return LLVMConstInt(g->i32, (uint64_t)(int64_t)v, 1); }

static LLVMValueRef constant(Codegen *g, const char *owner, const char *what, LLVMValueRef value) {
  LLVMValueRef v = LLVMAddGlobal(g->mod, LLVMTypeOf(value), arena_printf(g->arena, "%s.%s", owner, what));
  LLVMSetInitializer(v, value);
  LLVMSetGlobalConstant(v, 1);
  LLVMSetLinkage(v, LLVMPrivateLinkage);
  LLVMSetUnnamedAddress(v, LLVMGlobalUnnamedAddr);
  if (g->is_elf) LLVMSetSection(v, arena_printf(g->arena, ".data.rel.ro.%s", owner));
  return v;
}

static LLVMValueRef shape_constant(Codegen *g, const char *owner, const ArgInfo *a) {
  if (!a->rank) return LLVMConstNull(g->ptr);
  LLVMValueRef *v = NEW_N(g->arena, LLVMValueRef, a->rank);
  for (int i = 0; i < a->rank; i++) v[i] = const_text(g, a->shape[i]);
  return constant(g, owner, "shape", LLVMConstArray2(g->ptr, v, (uint64_t)a->rank));
}

static LLVMTypeRef arg_type(Codegen *g) {
  LLVMTypeRef t[] = {g->ptr, g->ptr, g->ptr, g->ptr, g->i32, g->ptr, g->i32, g->i32, g->ptr};
  return LLVMStructTypeInContext(g->ll, t, 9, 0);
}

static LLVMValueRef args_constant(Codegen *g, const char *owner, const ArgInfo *a, int n) {
  if (!n) return LLVMConstNull(g->ptr);
  LLVMValueRef *v = NEW_N(g->arena, LLVMValueRef, n);
  for (int i = 0; i < n; i++) {
    LLVMValueRef x[] = {
        const_text(g, a[i].name),   const_text(g, a[i].role), const_text(g, a[i].ctype),
        text_or_null(g, a[i].type), number(g, a[i].rank),     shape_constant(g, owner, &a[i]),
        number(g, a[i].of),         number(g, a[i].nfield),   args_constant(g, owner, a[i].field, a[i].nfield)};
    v[i] = LLVMConstStructInContext(g->ll, x, 9, 0);
  }
  return constant(g, owner, "args", LLVMConstArray2(arg_type(g), v, (uint64_t)n));
}

void emit_info(Codegen *g, Func *f) {
  const FuncInfo *i = describe(f, g->o);
  LLVMValueRef x[] = {const_text(g, i->name),      text_or_null(g, i->kind),
                      text_or_null(g, i->origin),  text_or_null(g, i->signature),
                      text_or_null(g, i->source),  number(g, i->line),
                      const_text(g, i->prototype), const_text(g, i->work),
                      const_text(g, i->workspace), number(g, i->ndim),
                      number(g, i->narg),          args_constant(g, i->name, i->arg, i->narg)};
  LLVMValueRef info = constant(g, i->name, "info", LLVMConstStructInContext(g->ll, x, 12, 0));
  LLVMValueRef fn = abi_function(g, c_name(g->ctx, g->o, f->name, "_info"), LLVMFunctionType(g->ptr, NULL, 0, 0));
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, "entry"));
  LLVMBuildRet(b, info);
  LLVMDisposeBuilder(b);
}
