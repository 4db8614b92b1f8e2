/* gemm.c - linking the matrix products, by matrices or vectors, that a module calls.
 *
 * They come out of adc's own build optimised, written for one width of vectors, and nothing of a program can be inlined into them
 * or they into it: so the optimiser need not see them.  For x86-64 they come assembled too, or to generate their code would take
 * most of the time that a small program takes to compile.
 *
 * Requires: an optimised module.  Ensures: every product that it calls has a body. */
#include "codegen/gemm_bc.h"
#include "codegen/internal.h"
#include <string.h>

/* The instructions that the Makefile lets the assembly have: up to AVX and FMA, up to AVX-512F. */
static bool runs_assembly(const Codegen *g) {
  bool x86 = !strncmp(g->triple, "x86_64", 6) && g->pointer_bytes == 8 && g->is_elf;
  return x86 && (g->vector_bytes == 16 || g->fused);
}

static void append_assembly(Codegen *g, const GemmFile *f) {
  LLVMAppendModuleInlineAsm(g->mod, (const char *)f->assembly, f->assembly_size);
  LLVMSetVisibility(LLVMGetNamedFunction(g->mod, f->name), LLVMHiddenVisibility);
}

static bool is_called(const Codegen *g, const char *name) {
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  return fn && LLVMIsDeclaration(fn) && LLVMGetFirstUse(fn);
}

bool link_gemm(Codegen *g) {
  bool any = false;
  for (const GemmFile *f = adc_gemm_file; f->name; f++) {
    bool by_library = is_called(g, arena_printf(g->arena, "%s_blas", f->name));
    if (!by_library && !is_called(g, f->name)) continue;
    if (!by_library && runs_assembly(g)) {
      append_assembly(g, f);
      continue;
    }
    link_bitcode(g, f->bitcode, f->size);
    any = true;
  }
  if (any) make_internal(g, "adc_rt_gemm_");
  return any;
}
