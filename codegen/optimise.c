/* optimise.c - the module's way through LLVM, up to code generation.
 *
 * Ensures: a module that LLVM's verifier accepts, with all that it calls of the runtime, optimised for the machine asked
 * for, each function in a section of its own. */
#include "codegen/abi.h"
#include "codegen/internal.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

extern const unsigned char adc_runtime_bc[];
extern const size_t adc_runtime_bc_size;
extern const unsigned char adc_pool_bc[];
extern const size_t adc_pool_bc_size;

static bool starts(const char *s, const char *prefix) { return !strncmp(s, prefix, strlen(prefix)); }

/* ---- the runtime ------------------------------------------------------------------------------------------------- */

static void drop_attribute(LLVMValueRef fn, const char *name) {
  LLVMRemoveStringAttributeAtIndex(fn, LLVMAttributeFunctionIndex, name, (unsigned)strlen(name));
}

/* What is linked was compiled for the machine that built adc: what ties it to that is taken away. */
void link_bitcode(Codegen *g, const unsigned char *data, size_t size) {
  LLVMMemoryBufferRef buf = LLVMCreateMemoryBufferWithMemoryRange((const char *)data, size, "runtime", false);
  LLVMModuleRef rt;
  if (LLVMParseBitcodeInContext2(g->ll, buf, &rt)) bug("the runtime's bitcode cannot be read");
  LLVMDisposeMemoryBuffer(buf);
  LLVMSetTarget(rt, g->triple);
  LLVMSetDataLayout(rt, LLVMGetDataLayoutStr(g->mod));
  if (LLVMLinkModules2(g->mod, rt)) bug("the runtime cannot be linked");
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f)) {
    drop_attribute(f, "target-cpu");
    drop_attribute(f, "target-features");
    drop_attribute(f, "tune-cpu");
    drop_attribute(f, "frame-pointer");
    drop_attribute(f, "min-legal-vector-width");
  }
}

/* The runtime's functions are the module's own, once all is linked. */
void make_internal(Codegen *g, const char *prefix) {
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f) && starts(LLVMGetValueName(f), prefix)) LLVMSetLinkage(f, LLVMInternalLinkage);
}

/* All but products of matrices, which come later. */
static void link_runtime(Codegen *g) {
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (starts(LLVMGetValueName(f), "adc_rt_") && !starts(LLVMGetValueName(f), "adc_rt_gemm_")) {
      link_bitcode(g, adc_runtime_bc, adc_runtime_bc_size);
      make_internal(g, "adc_rt_");
      return;
    }
}

/* Threads, where there is an operating system that has them and the user need not bring his own. */
static void link_pool(Codegen *g) {
  bool posix = g->pointer_bytes == 8 && (strstr(g->triple, "linux") || strstr(g->triple, "darwin") || strstr(g->triple, "macos"));
  if (posix && !g->o->freestanding && !g->o->parallel_for && LLVMGetNamedFunction(g->mod, "adc_parallel_for"))
    link_bitcode(g, adc_pool_bc, adc_pool_bc_size);
}

/* LLVM's own choice is half a register on some processors that have whole ones, for the sake of their clock. */
static void set_vector_width(Codegen *g) {
  const char *bits = arena_printf(g->arena, "%d", 8 * g->vector_bytes);
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f && g->vector_bytes; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) LLVMAddTargetDependentFunctionAttr(f, "prefer-vector-width", bits);
}

static void verify(Codegen *g, const char *when) {
  char *message = NULL;
  if (LLVMVerifyModule(g->mod, LLVMReturnStatusAction, &message)) bug("invalid LLVM module %s: %s", when, message);
  LLVMDisposeMessage(message);
}

static void run_passes(Codegen *g, const char *passes) {
  LLVMPassBuilderOptionsRef opt = LLVMCreatePassBuilderOptions();
  bool fast = g->o->opt_level >= 2;
  LLVMPassBuilderOptionsSetLoopVectorization(opt, fast);
  LLVMPassBuilderOptionsSetSLPVectorization(opt, fast);
  LLVMPassBuilderOptionsSetLoopInterleaving(opt, fast);
  LLVMPassBuilderOptionsSetLoopUnrolling(opt, fast);
  LLVMErrorRef err = LLVMRunPasses(g->mod, passes, g->tm, opt);
  LLVMDisposePassBuilderOptions(opt);
  if (err) bug("LLVM's passes: %s", LLVMGetErrorMessage(err));
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

#define COMBINE "instcombine<no-verify-fixpoint>"
#define HOIST "loop-mssa(licm<allowspeculation>)"

/* Loops come guarded, tested at the bottom, over memory that is known not to overlap; there are no exceptions, switches,
 * structs or recursion worth a pass.  So this is all of default<O3> that makes such code faster: what costs more than it
 * brings (SLP above all, whose time grows faster than a block's length) is left out.  Jump threading is for conditions
 * that one element after another asks for; loop-load-elim keeps in a register what one turn stores and the next reads. */
static const char before_vectors[] =
    "function(sroa<modify-cfg>,early-cse,simplifycfg),cgscc(inline,function-attrs),globaldce,"
    "function<eager-inv>(early-cse<memssa>,jump-threading," COMBINE ",simplifycfg,loop-rotate," HOIST ","
    "loop(loop-idiom,indvars,loop-unroll-full),sroa<modify-cfg>,early-cse<memssa>," COMBINE "," HOIST ","
    "loop-vectorize,loop-load-elim," COMBINE ",simplifycfg,sroa<modify-cfg>,";
static const char *const after_vectors[] = {"", "", "early-cse,simplifycfg)",
                                            "loop-unroll<O3>,early-cse," HOIST ",simplifycfg)"};
static const char few_passes[] =
    "function(sroa<modify-cfg>,early-cse<memssa>," COMBINE ",simplifycfg," HOIST "),cgscc(inline),globaldce";

/* A short piece of code about a few elements, most of them in tensors as long as a vector. */
static bool slp_pays(const Codegen *g) {
  enum { SHORT = 600 };
  return g->straight > 0 && g->straight <= SHORT && 2 * g->wide >= g->straight;
}

static const char *pipeline(const Codegen *g) {
  int level = g->o->opt_level & 3;
  if (level < 2) return level ? few_passes : "default<O0>";
  return arena_printf(g->arena, "%s%s%s", before_vectors, slp_pays(g) ? "slp-vectorizer," : "", after_vectors[level]);
}

/* ---- counters of loops ------------------------------------------------------------------------------------------- */

static bool is_step(LLVMValueRef v, LLVMValueRef counter) {
  return LLVMIsABinaryOperator(v) && LLVMGetInstructionOpcode(v) == LLVMAdd && LLVMGetOperand(v, 0) == counter &&
         LLVMIsAConstantInt(LLVMGetOperand(v, 1));
}

static LLVMValueRef step_of(LLVMValueRef phi) {
  for (unsigned i = 0; i < LLVMCountIncoming(phi); i++)
    if (is_step(LLVMGetIncomingValue(phi, i), phi)) return LLVMGetIncomingValue(phi, i);
  return NULL;
}

/* All but the step and the exit's test read a copy.  The addition of nothing keeps LLVM from merging the copy with the
 * counter; instruction selection drops both. */
static void hide_counter(LLVMBuilderRef b, LLVMValueRef phi, LLVMValueRef step) {
  LLVMValueRef at = phi;
  while (LLVMIsAPHINode(at)) at = LLVMGetNextInstruction(at);
  LLVMPositionBuilderBefore(b, at);
  LLVMValueRef same = LLVMBuildAdd(b, phi, LLVMConstNull(LLVMTypeOf(phi)), ""), copy = LLVMBuildFreeze(b, same, "");
  for (LLVMUseRef u = LLVMGetFirstUse(phi), next; u; u = next) {
    next = LLVMGetNextUse(u);
    LLVMValueRef user = LLVMGetUser(u);
    if (user == step || user == same || LLVMIsAICmpInst(user) || LLVMIsAPHINode(user)) continue;
    for (int i = 0; i < LLVMGetNumOperands(user); i++)
      if (LLVMGetOperand(user, (unsigned)i) == phi) LLVMSetOperand(user, (unsigned)i, copy);
  }
}

/* Strength reduction, a quarter of the time of code generation, is for machines that cannot add an index in an address. */
static void hide_counters(Codegen *g) {
  if (g->o->opt_level < 1 || (!starts(g->triple, "x86_64") && !starts(g->triple, "aarch64"))) return;
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
      for (LLVMValueRef i = LLVMGetFirstInstruction(block); i && LLVMIsAPHINode(i); i = LLVMGetNextInstruction(i))
        if (LLVMGetTypeKind(LLVMTypeOf(i)) == LLVMIntegerTypeKind && step_of(i)) hide_counter(b, i, step_of(i));
  LLVMDisposeBuilder(b);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void set_sections(Codegen *g) {
  if (!g->is_elf) return;
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) LLVMSetSection(f, arena_printf(g->arena, ".text.%s", LLVMGetValueName(f)));
}

bool codegen_build(Codegen *g, Module *m, const CodegenOptions *o) {
  if (!codegen_open(g, m, o)) return false;
  const char *outer = stage_begin(g->ctx, "plan and emit");
  emit_abi(g);
  finish_debug(g);
  verify(g, "after emission");
  link_runtime(g);
  link_pool(g);
  keep_variants(g);
  if (g->nparts) run_passes(g, "mergefunc");
  run_passes(g, "globaldce"); /* most of the runtime is not called: it need not be optimised */
  set_vector_width(g);
  stage_begin(g->ctx, "LLVM: optimise");
  run_passes(g, pipeline(g));
  if (link_math(g)) run_passes(g, "always-inline,globaldce,function(instcombine<no-verify-fixpoint>,early-cse)");
  if (link_gemm(g)) {
    run_passes(g, "globaldce");
    set_vector_width(g);
  }
  hide_counters(g);
  if (g->selects_jump) select_by_masks(g);
  set_sections(g);
  verify(g, "after optimisation");
  stage_end(g->ctx, outer);
  return true;
}
