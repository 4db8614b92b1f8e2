/* widen.c - elementary functions of whole vectors, made from the runtime's scalar ones.
 *
 * A call of a scalar function, adc_math_exp, says with the attribute "vector-function-abi-variant" that adc_math_exp.v8
 * computes eight at once, of which the module has only a declaration.  LLVM's vectorisers see short loops of calls, and
 * put the vector functions where they widen a loop.  What is called after that gets a body: link_math links the scalar
 * functions and widens those straight lines instruction by instruction, then inlines the vector ones.
 *
 * Requires: scalar functions as runtime/math.h describes them. */
#include "codegen/internal.h"
#include <llvm-c/BitReader.h>
#include <llvm-c/Linker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char adc_math_bc[];
extern const size_t adc_math_bc_size;

static const char prefix[] = "adc_math_";

/* Whether it is one of runtime/math_*.c, or a vector function made of it. */
static bool is_math(LLVMValueRef fn) { return !strncmp(LLVMGetValueName(fn), prefix, sizeof prefix - 1); }

static void add_attribute(Codegen *g, LLVMValueRef fn, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(g->ll, kind, 0));
}

/* Without effects: errno is nobody's business here. */
LLVMValueRef pure_function(Codegen *g, const char *name, LLVMTypeRef type) {
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (fn) return fn;
  fn = LLVMAddFunction(g->mod, name, type);
  add_attribute(g, fn, "nounwind");
  add_attribute(g, fn, "willreturn");
  add_attribute(g, fn, "memory");
  return fn;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static LLVMTypeRef function_of(LLVMTypeRef t, int n) {
  LLVMTypeRef param[] = {t, t, t};
  return LLVMFunctionType(t, param, (unsigned)n, false);
}

static const char *variant_name(Codegen *g, const char *name, int width) {
  return arena_printf(g->arena, "%s.v%d", name, width);
}

/* Tells the vectorisers what they may call instead. */
static void offer_variants(Codegen *g, LLVMValueRef call, const char *name, LLVMTypeRef t, int n) {
  int most = g->vector_bytes / (t == g->f32 ? 4 : 8);
  char text[512];
  size_t len = 0;
  for (int w = 2; w <= most; w *= 2) {
    const char *variant = variant_name(g, name, w);
    pure_function(g, variant, function_of(LLVMVectorType(t, (unsigned)w), n));
    len += (size_t)snprintf(text + len, sizeof text - len, "%s_ZGV_LLVM_N%d%.*s_%s(%s)", len ? "," : "", w, n, "vvv",
                            name, variant);
  }
  static const char key[] = "vector-function-abi-variant";
  if (len)
    LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex,
                             LLVMCreateStringAttribute(g->ll, key, sizeof key - 1, text, (unsigned)len));
}

LLVMValueRef math_call(Codegen *g, LLVMBuilderRef b, const char *name, int n, LLVMValueRef *x) {
  LLVMTypeRef t = LLVMTypeOf(x[0]), type = function_of(t, n);
  bool vector = LLVMGetTypeKind(t) == LLVMVectorTypeKind;
  LLVMTypeRef elem = vector ? LLVMGetElementType(t) : t;
  const char *full = arena_printf(g->arena, "%s%s%s", prefix, name, elem == g->f32 ? "f" : "");
  if (vector) full = variant_name(g, full, (int)LLVMGetVectorSize(t));
  LLVMValueRef call = LLVMBuildCall2(b, type, pure_function(g, full, type), x, (unsigned)n, "");
  g->math_calls++;
  if (!vector) offer_variants(g, call, full, t, n);
  return call;
}

/* Declarations that nobody calls yet would be dropped before the vectorisers come. */
void keep_variants(Codegen *g) {
  int n = 0;
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f)) n++;
  LLVMValueRef *used = NEW_N(g->arena, LLVMValueRef, n);
  n = 0;
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (is_math(f) && strchr(LLVMGetValueName(f), '.')) used[n++] = f;
  if (!n) return;
  LLVMValueRef list = LLVMConstArray2(g->ptr, used, (uint64_t)n);
  LLVMValueRef var = LLVMAddGlobal(g->mod, LLVMTypeOf(list), "llvm.compiler.used");
  LLVMSetInitializer(var, list);
  LLVMSetLinkage(var, LLVMAppendingLinkage);
  LLVMSetSection(var, "llvm.metadata");
}

/* ---- widening ---------------------------------------------------------------------------------------------------- */

typedef struct Widen {
  Codegen *g;
  LLVMBuilderRef b;
  LLVMValueRef fn; /* the vector function */
  int width;
  LLVMValueRef *from, *to; /* values of the scalar function and what they became */
  int n;
} Widen;

static LLVMTypeRef wide_type(const Widen *w, LLVMTypeRef t) { return LLVMVectorType(t, (unsigned)w->width); }

static LLVMValueRef splat(const Widen *w, LLVMValueRef x) {
  LLVMValueRef lane[64];
  for (int i = 0; i < w->width; i++) lane[i] = x;
  return LLVMConstVector(lane, (unsigned)w->width);
}

static LLVMValueRef wide(const Widen *w, LLVMValueRef x) {
  if (LLVMIsConstant(x)) return splat(w, x);
  for (int i = w->n - 1; i >= 0; i--)
    if (w->from[i] == x) return w->to[i];
  bug("widening: a value of another function");
}

static LLVMValueRef operand(const Widen *w, LLVMValueRef i, unsigned k) { return wide(w, LLVMGetOperand(i, k)); }

static LLVMValueRef lane(const Widen *w, LLVMBuilderRef b, LLVMValueRef v, int i) {
  return LLVMBuildExtractElement(b, v, LLVMConstInt(w->g->i32, (unsigned)i, false), "");
}

/* A function that calls the rare scalar function for each lane: never inlined, for it is long and seldom called.  Its
 * condition comes as integers, which every calling convention has vectors of. */
static LLVMValueRef rare_lanes(const Widen *w, LLVMValueRef scalar, int n, LLVMTypeRef *param) {
  Codegen *g = w->g;
  const char *name = variant_name(g, LLVMGetValueName(scalar), w->width);
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (fn) return fn;
  LLVMTypeRef ret = wide_type(w, LLVMGetReturnType(LLVMGlobalGetValueType(scalar)));
  fn = pure_function(g, name, LLVMFunctionType(ret, param, (unsigned)n, false));
  add_attribute(g, fn, "noinline");
  add_attribute(g, fn, "cold");
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, ""));
  LLVMValueRef r = LLVMGetUndef(ret);
  for (int i = 0; i < w->width; i++) {
    LLVMValueRef x[4];
    for (int k = 0; k < n; k++) x[k] = lane(w, b, LLVMGetParam(fn, (unsigned)k), i);
    x[0] = LLVMBuildTrunc(b, x[0], g->i1, "");
    LLVMValueRef y = LLVMBuildCall2(b, LLVMGlobalGetValueType(scalar), scalar, x, (unsigned)n, "");
    r = LLVMBuildInsertElement(b, r, y, LLVMConstInt(g->i32, (unsigned)i, false), "");
  }
  LLVMBuildRet(b, r);
  LLVMDisposeBuilder(b);
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  return fn;
}

static LLVMValueRef widen_rare(Widen *w, LLVMValueRef call, LLVMValueRef scalar) {
  Codegen *g = w->g;
  int n = (int)LLVMGetNumArgOperands(call);
  LLVMValueRef x[4];
  LLVMTypeRef param[4];
  for (int k = 0; k < n; k++) x[k] = operand(w, call, (unsigned)k);
  LLVMTypeRef mask = LLVMTypeOf(x[0]), flags = wide_type(w, LLVMTypeOf(x[1]) == wide_type(w, g->f32) ? g->i32 : g->i64);
  static const char reduce[] = "llvm.vector.reduce.or";
  LLVMValueRef any_fn =
      LLVMGetIntrinsicDeclaration(g->mod, LLVMLookupIntrinsicID(reduce, sizeof reduce - 1), &mask, 1);
  LLVMValueRef any = LLVMBuildCall2(w->b, LLVMGlobalGetValueType(any_fn), any_fn, x, 1, "");
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b), rare = LLVMAppendBasicBlockInContext(g->ll, w->fn, "rare"),
                    join = LLVMAppendBasicBlockInContext(g->ll, w->fn, "join");
  LLVMBuildCondBr(w->b, any, rare, join);
  LLVMPositionBuilderAtEnd(w->b, rare);
  x[0] = LLVMBuildSExt(w->b, x[0], flags, "");
  for (int k = 0; k < n; k++) param[k] = LLVMTypeOf(x[k]);
  LLVMValueRef fn = rare_lanes(w, scalar, n, param);
  LLVMValueRef y = LLVMBuildCall2(w->b, LLVMGlobalGetValueType(fn), fn, x, (unsigned)n, "");
  LLVMBuildBr(w->b, join);
  LLVMPositionBuilderAtEnd(w->b, join);
  LLVMValueRef phi = LLVMBuildPhi(w->b, LLVMTypeOf(y), ""), value[] = {x[n - 1], y};
  LLVMAddIncoming(phi, value, (LLVMBasicBlockRef[]){from, rare}, 2);
  return phi;
}

static LLVMValueRef widen_call(Widen *w, LLVMValueRef call) {
  LLVMValueRef fn = LLVMGetCalledValue(call), x[4];
  unsigned id = LLVMGetIntrinsicID(fn), n = LLVMGetNumArgOperands(call);
  if (!id) return widen_rare(w, call, fn);
  for (unsigned k = 0; k < n; k++) { /* the second argument of ctlz, abs and their like is part of the name */
    LLVMValueRef arg = LLVMGetOperand(call, k);
    x[k] = k && LLVMTypeOf(arg) != LLVMTypeOf(LLVMGetOperand(call, 0)) ? arg : wide(w, arg);
  }
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  LLVMValueRef vector = LLVMGetIntrinsicDeclaration(w->g->mod, id, &t, 1);
  return LLVMBuildCall2(w->b, LLVMGlobalGetValueType(vector), vector, x, n, "");
}

static LLVMValueRef widen_instruction(Widen *w, LLVMValueRef i) {
  LLVMOpcode code = LLVMGetInstructionOpcode(i);
  if (LLVMIsABinaryOperator(i)) return LLVMBuildBinOp(w->b, code, operand(w, i, 0), operand(w, i, 1), "");
  if (LLVMIsACastInst(i))
    return LLVMBuildCast(w->b, code, operand(w, i, 0), wide_type(w, LLVMTypeOf(i)), "");
  switch (code) {
  case LLVMFNeg: return LLVMBuildFNeg(w->b, operand(w, i, 0), "");
  case LLVMFreeze: return LLVMBuildFreeze(w->b, operand(w, i, 0), "");
  case LLVMICmp: return LLVMBuildICmp(w->b, LLVMGetICmpPredicate(i), operand(w, i, 0), operand(w, i, 1), "");
  case LLVMFCmp: return LLVMBuildFCmp(w->b, LLVMGetFCmpPredicate(i), operand(w, i, 0), operand(w, i, 1), "");
  case LLVMSelect: return LLVMBuildSelect(w->b, operand(w, i, 0), operand(w, i, 1), operand(w, i, 2), "");
  case LLVMCall: return widen_call(w, i);
  case LLVMRet: return LLVMBuildRet(w->b, operand(w, i, 0));
  default: bug("widening %s: opcode %d", LLVMGetValueName(w->fn), (int)code);
  }
}

static void widen(Codegen *g, LLVMValueRef scalar, LLVMValueRef vector) {
  if (LLVMCountBasicBlocks(scalar) != 1) bug("widening %s: not one straight line", LLVMGetValueName(scalar));
  int n = (int)LLVMCountParams(scalar);
  for (LLVMValueRef i = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(scalar)); i; i = LLVMGetNextInstruction(i)) n++;
  Widen w = {.g = g, .fn = vector, .b = LLVMCreateBuilderInContext(g->ll)};
  w.width = (int)LLVMGetVectorSize(LLVMGetReturnType(LLVMGlobalGetValueType(vector)));
  w.from = NEW_N(g->arena, LLVMValueRef, n);
  w.to = NEW_N(g->arena, LLVMValueRef, n);
  for (unsigned i = 0; i < LLVMCountParams(scalar); i++) {
    w.from[w.n] = LLVMGetParam(scalar, i);
    w.to[w.n++] = LLVMGetParam(vector, i);
  }
  LLVMPositionBuilderAtEnd(w.b, LLVMAppendBasicBlockInContext(g->ll, vector, ""));
  for (LLVMValueRef i = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(scalar)); i; i = LLVMGetNextInstruction(i)) {
    LLVMValueRef v = widen_instruction(&w, i);
    w.from[w.n] = i;
    w.to[w.n++] = v;
  }
  LLVMDisposeBuilder(w.b);
  LLVMSetLinkage(vector, LLVMInternalLinkage);
  add_attribute(g, vector, "alwaysinline");
}

/* Whether the module calls an elementary function; declarations that it does not call are dropped. */
static bool drop_uncalled(Codegen *g) {
  LLVMValueRef kept = LLVMGetNamedGlobal(g->mod, "llvm.compiler.used"), next;
  if (kept) LLVMDeleteGlobal(kept);
  bool any = false;
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = next) {
    next = LLVMGetNextFunction(f);
    if (!LLVMIsDeclaration(f) || !is_math(f)) continue;
    if (LLVMGetFirstUse(f))
      any = true;
    else
      LLVMDeleteFunction(f);
  }
  return any;
}

bool link_math(Codegen *g) {
  if (!drop_uncalled(g)) return false;
  link_bitcode(g, adc_math_bc, adc_math_bc_size);
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f)) {
    const char *name = LLVMGetValueName(f), *dot = strchr(name, '.');
    if (!is_math(f) || !dot || !LLVMIsDeclaration(f)) continue;
    LLVMValueRef scalar = LLVMGetNamedFunction(g->mod, arena_strndup(g->arena, name, (size_t)(dot - name)));
    if (!scalar) bug("no elementary function for %s", name);
    widen(g, scalar, f);
  }
  return true;
}
