/* jit.c - compiling into this process.
 *
 * The module goes the way of an object file, which ORC then links in memory: what runs is what a user would link. Names
 * carry a prefix that no C name has, so that a function of the source may be called exp or main.  A Jit has LLVM's
 * state to itself. */
#include "codegen/codegen.h"
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <stdlib.h>

struct Jit {
  LLVMOrcLLJITRef lljit;
  Ctx *ctx;
  const char *prefix;
};

static bool report(Ctx *c, LLVMErrorRef e) {
  if (!e) return false;
  char *text = LLVMGetErrorMessage(e);
  diag_error(c, LOC_NONE, 605, "cannot compile into this process: %s", text);
  LLVMDisposeErrorMessage(text);
  return true;
}

/* Names that the object imports are looked up among the process's own: libm, malloc, free, memcpy. */
static bool link_process(Ctx *c, LLVMOrcLLJITRef j) {
  LLVMOrcDefinitionGeneratorRef process;
  if (report(c, LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(j), NULL,
                                                                     NULL)))
    return false;
  LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(j), process);
  return true;
}

static bool define_hook(Ctx *c, LLVMOrcLLJITRef j, const CodegenOptions *o) {
  if (!o->parallel_for) return true;
  LLVMJITEvaluatedSymbol at = {(LLVMOrcExecutorAddress)(uintptr_t)o->parallel_for, {LLVMJITSymbolGenericFlagsExported, 0}};
  LLVMOrcCSymbolMapPair pair = {LLVMOrcLLJITMangleAndIntern(j, "adc_parallel_for"), at};
  return !report(c, LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(j), LLVMOrcAbsoluteSymbols(&pair, 1)));
}

static bool add_object(Ctx *c, LLVMOrcLLJITRef j, const char *bytes, size_t len) {
  LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(bytes, len, "tdsl");
  return !report(c, LLVMOrcLLJITAddObjectFile(j, LLVMOrcLLJITGetMainJITDylib(j), buffer));
}

/* Functions of C are linked by the user, elsewhere. */
static bool all_here(Module *m) {
  for (int i = 0; i < m->nfunc; i++) {
    const Func *f = m->func[i];
    if (!f->external) continue;
    Diag *d = diag_error(m->ctx, f->loc, 605, "the extern function '%s' is not in this process", f->external);
    diag_help(m->ctx, d, "adc compile, and link the object with the C file that defines it");
    return false;
  }
  return true;
}

Jit *jit_new(Module *m, const CodegenOptions *o) {
  Ctx *c = m->ctx;
  CodegenOptions own = *o;
  if (!all_here(m)) return NULL;
  char *object;
  size_t len;
  own.target = NULL;
  own.prefix = arena_printf(c->arena, "jit.%s", o->prefix ? o->prefix : "");
  if (!own.cpu) own.cpu = "native";
  if (!codegen_emit(m, &own, EMIT_OBJECT, &object, &len)) return NULL;
  LLVMOrcLLJITRef lljit;
  if (report(c, LLVMOrcCreateLLJIT(&lljit, NULL))) return NULL;
  if (!link_process(c, lljit) || !define_hook(c, lljit, o) || !add_object(c, lljit, object, len)) {
    LLVMConsumeError(LLVMOrcDisposeLLJIT(lljit));
    return NULL;
  }
  Jit *j = NEW(c->arena, Jit);
  *j = (Jit){lljit, c, "jit."};
  return j;
}

void *jit_symbol(Jit *j, const char *name) {
  LLVMOrcExecutorAddress at = 0;
  LLVMErrorRef e = LLVMOrcLLJITLookup(j->lljit, &at, arena_printf(j->ctx->arena, "%s%s", j->prefix, name));
  if (e) {
    LLVMConsumeError(e);
    return NULL;
  }
  return (void *)(uintptr_t)at;
}

void jit_free(Jit *j) {
  if (j) LLVMConsumeError(LLVMOrcDisposeLLJIT(j->lljit));
}
