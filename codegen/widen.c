/* widen.c - elementary functions of whole vectors, made from the runtime's scalar ones.
 *
 * A call of a scalar function, adc_math_exp, says with the attribute "vector-function-abi-variant" that adc_math_exp.v8
 * computes eight at once, of which the module has only a declaration.  LLVM's vectorisers see short loops of calls, and
 * put the vector functions where they widen a loop.  What is called after that gets a body: link_math links the scalar
 * functions and widens those straight lines instruction by instruction, then inlines the vector ones, unless they are called
 * very often.
 *
 * Requires: scalar functions as runtime/math.h describes them. */
#include "codegen/math_bc.h"
#include "codegen/widen.h"
#include <stdio.h>
#include <string.h>

/* Whether it is one of runtime/math_*.c, or a vector function made of it. */
static bool is_math(LLVMValueRef fn) { return !strncmp(LLVMGetValueName(fn), MATH_PREFIX, sizeof MATH_PREFIX - 1); }

/* Without effects: errno is nobody's business here. */
LLVMValueRef pure_function(Codegen *g, const char *name, LLVMTypeRef type) {
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (fn) return fn;
  fn = LLVMAddFunction(g->mod, name, type);
  add_attribute(g, fn, ON_FUNCTION, "nounwind");
  add_attribute(g, fn, ON_FUNCTION, "willreturn");
  add_attribute(g, fn, ON_FUNCTION, "memory");
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
  const char *full = arena_printf(g->arena, "%s%s%s", MATH_PREFIX, name, elem == g->f32 ? "f" : "");
  if (vector) full = variant_name(g, full, (int)LLVMGetVectorSize(t));
  LLVMValueRef call = LLVMBuildCall2(b, type, pure_function(g, full, type), x, (unsigned)n, "");
  g->math_calls++;
  g->slow_parts++;
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

LLVMTypeRef widen_type(const Widen *w, LLVMTypeRef t) { return LLVMVectorType(t, (unsigned)w->width); }

LLVMValueRef widen_splat(const Widen *w, LLVMValueRef x) {
  LLVMValueRef lane[64];
  for (int i = 0; i < w->width; i++) lane[i] = x;
  return LLVMConstVector(lane, (unsigned)w->width);
}

static LLVMValueRef wide(const Widen *w, LLVMValueRef x) {
  if (LLVMIsConstant(x)) return widen_splat(w, x);
  for (int i = w->n - 1; i >= 0; i--)
    if (w->from[i] == x) return w->to[i];
  bug("widening: a value of another function");
}

LLVMValueRef widen_operand(const Widen *w, LLVMValueRef i, unsigned k) { return wide(w, LLVMGetOperand(i, k)); }

LLVMValueRef widen_lane(const Widen *w, LLVMBuilderRef b, LLVMValueRef v, int i) {
  return LLVMBuildExtractElement(b, v, LLVMConstInt(w->g->i32, (unsigned)i, false), "");
}

LLVMValueRef widen_call_of(LLVMBuilderRef b, LLVMValueRef fn, int n, LLVMValueRef *x) {
  return LLVMBuildCall2(b, LLVMGlobalGetValueType(fn), fn, x, (unsigned)n, "");
}

LLVMValueRef widen_insert(const Widen *w, LLVMBuilderRef b, LLVMValueRef v, LLVMValueRef x, int i) {
  return LLVMBuildInsertElement(b, v, x, LLVMConstInt(w->g->i32, (unsigned)i, false), "");
}

/* ---- what is rare ------------------------------------------------------------------------------------------------ */

/* A function that calls the rare one: never inlined, for it is long and seldom called.  Its condition comes as integers,
 * which every calling convention has vectors of. */
static LLVMValueRef rare_function(const Widen *w, LLVMValueRef scalar, int n, LLVMTypeRef *param) {
  Codegen *g = w->g;
  const char *name = arena_printf(g->arena, "%s.rare%d", LLVMGetValueName(scalar), w->width);
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name), x[4];
  if (fn) return fn;
  LLVMTypeRef ret = widen_type(w, LLVMGetReturnType(LLVMGlobalGetValueType(scalar)));
  fn = pure_function(g, name, LLVMFunctionType(ret, param, (unsigned)n, false));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attribute(g, fn, ON_FUNCTION, "noinline");
  add_attribute(g, fn, ON_FUNCTION, "cold");
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, ""));
  LLVMValueRef r = LLVMGetUndef(ret), any = LLVMBuildTrunc(b, LLVMGetParam(fn, 0), widen_type(w, g->i1), "");
  bool straight = LLVMCountBasicBlocks(scalar) == 1;
  for (int i = 0; i < (straight ? 1 : w->width); i++) {
    for (int k = 0; k < n; k++) {
      LLVMValueRef v = k ? LLVMGetParam(fn, (unsigned)k) : any;
      x[k] = straight ? v : widen_lane(w, b, v, i);
    }
    LLVMValueRef y = widen_call_of(b, straight ? widen_function(g, scalar, w->width) : scalar, n, x);
    r = straight ? y : widen_insert(w, b, r, y, i);
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
  for (int k = 0; k < n; k++) x[k] = widen_operand(w, call, (unsigned)k);
  LLVMTypeRef flags = widen_type(w, LLVMTypeOf(x[1]) == widen_type(w, g->f32) ? g->i32 : g->i64);
  LLVMValueRef any = intrinsic(g, w->b, "llvm.vector.reduce.or", LLVMTypeOf(x[0]), 1, x);
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b), rare = LLVMAppendBasicBlockInContext(g->ll, w->fn, "rare"),
                    join = LLVMAppendBasicBlockInContext(g->ll, w->fn, "join");
  LLVMBuildCondBr(w->b, any, rare, join);
  LLVMPositionBuilderAtEnd(w->b, rare);
  x[0] = LLVMBuildSExt(w->b, x[0], flags, "");
  for (int k = 0; k < n; k++) param[k] = LLVMTypeOf(x[k]);
  LLVMValueRef y = widen_call_of(w->b, rare_function(w, scalar, n, param), n, x);
  LLVMBuildBr(w->b, join);
  LLVMPositionBuilderAtEnd(w->b, join);
  LLVMValueRef phi = LLVMBuildPhi(w->b, LLVMTypeOf(y), ""), value[] = {x[n - 1], y};
  LLVMAddIncoming(phi, value, (LLVMBasicBlockRef[]){from, rare}, 2);
  return phi;
}

/* ---- instructions ------------------------------------------------------------------------------------------------ */

static LLVMValueRef widen_call(Widen *w, LLVMValueRef call) {
  LLVMValueRef fn = LLVMGetCalledValue(call), x[4];
  unsigned id = LLVMGetIntrinsicID(fn), n = LLVMGetNumArgOperands(call);
  if (!id) return strstr(LLVMGetValueName(fn), "_rare") ? widen_rare(w, call, fn) : widen_part(w, call, fn);
  for (unsigned k = 0; k < n; k++) { /* the second argument of ctlz, abs and their like is part of the name */
    LLVMValueRef arg = LLVMGetOperand(call, k);
    x[k] = k && LLVMTypeOf(arg) != LLVMTypeOf(LLVMGetOperand(call, 0)) ? arg : wide(w, arg);
  }
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  return widen_call_of(w->b, LLVMGetIntrinsicDeclaration(w->g->mod, id, &t, 1), (int)n, x);
}

static LLVMValueRef widen_instruction(Widen *w, LLVMValueRef i) {
  LLVMOpcode code = LLVMGetInstructionOpcode(i);
  if (LLVMIsABinaryOperator(i)) return LLVMBuildBinOp(w->b, code, widen_operand(w, i, 0), widen_operand(w, i, 1), "");
  if (LLVMIsACastInst(i))
    return LLVMBuildCast(w->b, code, widen_operand(w, i, 0), widen_type(w, LLVMTypeOf(i)), "");
  switch (code) {
  case LLVMFNeg: return LLVMBuildFNeg(w->b, widen_operand(w, i, 0), "");
  case LLVMFreeze: return LLVMBuildFreeze(w->b, widen_operand(w, i, 0), "");
  case LLVMICmp: return LLVMBuildICmp(w->b, LLVMGetICmpPredicate(i), widen_operand(w, i, 0), widen_operand(w, i, 1), "");
  case LLVMFCmp: return LLVMBuildFCmp(w->b, LLVMGetFCmpPredicate(i), widen_operand(w, i, 0), widen_operand(w, i, 1), "");
  case LLVMSelect: return LLVMBuildSelect(w->b, widen_operand(w, i, 0), widen_operand(w, i, 1), widen_operand(w, i, 2), "");
  case LLVMCall: return widen_call(w, i);
  case LLVMRet: return LLVMBuildRet(w->b, widen_operand(w, i, 0));
  default: bug("widening %s: opcode %d", LLVMGetValueName(w->fn), (int)code);
  }
}

/* What a long program calls everywhere stays one function: its copies would be most of the code. */
static bool called_often(LLVMValueRef fn) {
  enum { MOST_COPIES = 32 };
  int n = 0;
  for (LLVMUseRef u = LLVMGetFirstUse(fn); u && n <= MOST_COPIES; u = LLVMGetNextUse(u)) n++;
  return n > MOST_COPIES;
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
  add_attribute(g, vector, ON_FUNCTION, called_often(vector) ? "noinline" : "alwaysinline");
}

LLVMValueRef widen_function(Codegen *g, LLVMValueRef scalar, int width) {
  const char *name = variant_name(g, LLVMGetValueName(scalar), width);
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (!fn) {
    LLVMTypeRef type = LLVMGlobalGetValueType(scalar), param[4];
    unsigned n = LLVMCountParams(scalar);
    LLVMGetParamTypes(type, param);
    for (unsigned k = 0; k < n; k++) param[k] = LLVMVectorType(param[k], (unsigned)width);
    type = LLVMFunctionType(LLVMVectorType(LLVMGetReturnType(type), (unsigned)width), param, n, false);
    fn = pure_function(g, name, type);
  }
  if (LLVMIsDeclaration(fn)) widen(g, scalar, fn);
  return fn;
}

/* ---- linking ----------------------------------------------------------------------------------------------------- */

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

static void link_file_of(Codegen *g, const char *name) {
  const char *word = arena_printf(g->arena, " %s ", name);
  for (const MathFile *f = adc_math_file; f->data; f++)
    if (f->fused == g->fused && strstr(f->names, word)) {
      link_bitcode(g, f->data, f->size);
      return;
    }
  bug("no elementary function %s", name);
}

/* The scalar function that f is, or is made of. */
static const char *scalar_name(Codegen *g, LLVMValueRef f) {
  const char *name = LLVMGetValueName(f);
  return arena_strndup(g->arena, name, strcspn(name, "."));
}

/* Links the file of a function that has no body; false: all have. */
static bool link_one(Codegen *g) {
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f)) {
    if (!is_math(f) || !LLVMIsDeclaration(f)) continue;
    LLVMValueRef scalar = LLVMGetNamedFunction(g->mod, scalar_name(g, f));
    if (scalar && !LLVMIsDeclaration(scalar)) continue;
    link_file_of(g, scalar_name(g, f));
    return true;
  }
  return false;
}

static LLVMValueRef rare_call(LLVMBasicBlockRef block) {
  for (LLVMValueRef i = LLVMGetFirstInstruction(block); i; i = LLVMGetNextInstruction(i))
    if (LLVMIsACallInst(i) && strstr(LLVMGetValueName(LLVMGetCalledValue(i)), "_rare")) return i;
  return NULL;
}

/* A single number need not be computed both ways. */
static void call_if_rare(Codegen *g, LLVMValueRef scalar) {
  LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(scalar);
  LLVMValueRef call = rare_call(entry);
  if (!call || LLVMCountBasicBlocks(scalar) != 1) return;
  LLVMBasicBlockRef rare = LLVMAppendBasicBlockInContext(g->ll, scalar, "rare");
  LLVMBasicBlockRef join = LLVMAppendBasicBlockInContext(g->ll, scalar, "join");
  LLVMValueRef any = LLVMGetOperand(call, 0), usual = LLVMGetOperand(call, (unsigned)LLVMGetNumArgOperands(call) - 1);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(b, join);
  LLVMValueRef phi = LLVMBuildPhi(b, LLVMTypeOf(call), ""), next;
  LLVMReplaceAllUsesWith(call, phi);
  LLVMAddIncoming(phi, (LLVMValueRef[]){usual, call}, (LLVMBasicBlockRef[]){entry, rare}, 2);
  for (LLVMValueRef i = LLVMGetNextInstruction(call); i; i = next) {
    next = LLVMGetNextInstruction(i);
    LLVMInstructionRemoveFromParent(i);
    LLVMInsertIntoBuilder(b, i);
  }
  LLVMInstructionRemoveFromParent(call);
  LLVMPositionBuilderAtEnd(b, entry);
  LLVMBuildCondBr(b, any, rare, join);
  LLVMPositionBuilderAtEnd(b, rare);
  LLVMInsertIntoBuilder(b, call);
  LLVMBuildBr(b, join);
  LLVMDisposeBuilder(b);
}

bool link_math(Codegen *g) {
  if (!drop_uncalled(g)) return false;
  while (link_one(g)) {}
  instruct_scalars(g);
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (is_math(f) && LLVMIsDeclaration(f))
      widen_function(g, LLVMGetNamedFunction(g->mod, scalar_name(g, f)),
                      (int)LLVMGetVectorSize(LLVMGetReturnType(LLVMGlobalGetValueType(f))));
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (is_math(f) && !LLVMIsDeclaration(f) && !strchr(LLVMGetValueName(f), '.')) call_if_rare(g, f);
  make_internal(g, MATH_PREFIX);
  return true;
}
