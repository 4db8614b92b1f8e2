/* widen.c - elementary functions of whole vectors, made from the runtime's scalar ones.
 *
 * A call of a scalar function, adc_math_exp, says with the attribute "vector-function-abi-variant" that adc_math_exp.v8
 * computes eight at once, of which the module has only a declaration.  LLVM's vectorisers see short loops of calls, and
 * put the vector functions where they widen a loop.  What is called after that gets a body: link_math links the scalar
 * functions and widens those straight lines instruction by instruction, then inlines the vector ones, unless they are called
 * very often.
 *
 * Requires: scalar functions as runtime/math.h describes them. */
#include "codegen/emit.h"
#include "codegen/math_bc.h"
#include <stdio.h>
#include <string.h>

static const char prefix[] = "adc_math_";

/* Whether it is one of runtime/math_*.c, or a vector function made of it. */
static bool is_math(LLVMValueRef fn) { return !strncmp(LLVMGetValueName(fn), prefix, sizeof prefix - 1); }

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
  const char *full = arena_printf(g->arena, "%s%s%s", prefix, name, elem == g->f32 ? "f" : "");
  if (vector) full = variant_name(g, full, (int)LLVMGetVectorSize(t));
  LLVMValueRef call = LLVMBuildCall2(b, type, pure_function(g, full, type), x, (unsigned)n, "");
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

static LLVMValueRef vector_function(Codegen *g, LLVMValueRef scalar, int width);

static LLVMValueRef call_function(LLVMBuilderRef b, LLVMValueRef fn, int n, LLVMValueRef *x) {
  return LLVMBuildCall2(b, LLVMGlobalGetValueType(fn), fn, x, (unsigned)n, "");
}

static LLVMValueRef insert(const Widen *w, LLVMBuilderRef b, LLVMValueRef v, LLVMValueRef x, int i) {
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
  LLVMTypeRef ret = wide_type(w, LLVMGetReturnType(LLVMGlobalGetValueType(scalar)));
  fn = pure_function(g, name, LLVMFunctionType(ret, param, (unsigned)n, false));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attribute(g, fn, ON_FUNCTION, "noinline");
  add_attribute(g, fn, ON_FUNCTION, "cold");
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, ""));
  LLVMValueRef r = LLVMGetUndef(ret), any = LLVMBuildTrunc(b, LLVMGetParam(fn, 0), wide_type(w, g->i1), "");
  bool straight = LLVMCountBasicBlocks(scalar) == 1;
  for (int i = 0; i < (straight ? 1 : w->width); i++) {
    for (int k = 0; k < n; k++) {
      LLVMValueRef v = k ? LLVMGetParam(fn, (unsigned)k) : any;
      x[k] = straight ? v : lane(w, b, v, i);
    }
    LLVMValueRef y = call_function(b, straight ? vector_function(g, scalar, w->width) : scalar, n, x);
    r = straight ? y : insert(w, b, r, y, i);
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
  LLVMTypeRef flags = wide_type(w, LLVMTypeOf(x[1]) == wide_type(w, g->f32) ? g->i32 : g->i64);
  LLVMValueRef any = intrinsic(g, w->b, "llvm.vector.reduce.or", LLVMTypeOf(x[0]), 1, x);
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b), rare = LLVMAppendBasicBlockInContext(g->ll, w->fn, "rare"),
                    join = LLVMAppendBasicBlockInContext(g->ll, w->fn, "join");
  LLVMBuildCondBr(w->b, any, rare, join);
  LLVMPositionBuilderAtEnd(w->b, rare);
  x[0] = LLVMBuildSExt(w->b, x[0], flags, "");
  for (int k = 0; k < n; k++) param[k] = LLVMTypeOf(x[k]);
  LLVMValueRef y = call_function(w->b, rare_function(w, scalar, n, param), n, x);
  LLVMBuildBr(w->b, join);
  LLVMPositionBuilderAtEnd(w->b, join);
  LLVMValueRef phi = LLVMBuildPhi(w->b, LLVMTypeOf(y), ""), value[] = {x[n - 1], y};
  LLVMAddIncoming(phi, value, (LLVMBasicBlockRef[]){from, rare}, 2);
  return phi;
}

/* ---- parts that processors have instructions for ----------------------------------------------------------------- */

/* So many lanes of v from one on; what is beyond its end is undefined. */
static LLVMValueRef some_lanes(const Widen *w, LLVMValueRef v, int from, int count) {
  LLVMValueRef mask[64];
  int width = (int)LLVMGetVectorSize(LLVMTypeOf(v));
  if (width == count) return v;
  for (int i = 0; i < count; i++)
    mask[i] = from + i < width ? LLVMConstInt(w->g->i32, (unsigned)(from + i), false) : LLVMGetUndef(w->g->i32);
  return LLVMBuildShuffleVector(w->b, v, LLVMGetUndef(LLVMTypeOf(v)), LLVMConstVector(mask, (unsigned)count), "");
}

static LLVMValueRef joined(const Widen *w, LLVMValueRef a, LLVMValueRef b) {
  LLVMValueRef mask[64];
  unsigned n = LLVMGetVectorSize(LLVMTypeOf(a));
  for (unsigned i = 0; i < 2 * n; i++) mask[i] = LLVMConstInt(w->g->i32, i, false);
  return LLVMBuildShuffleVector(w->b, a, b, LLVMConstVector(mask, 2 * n), "");
}

static LLVMValueRef named_intrinsic(const Widen *w, const char *name, int n, LLVMValueRef *x) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  return call_function(w->b, LLVMGetIntrinsicDeclaration(w->g->mod, id, NULL, 0), n, x);
}

static LLVMValueRef splat_of(LLVMTypeRef vector, LLVMValueRef x) {
  LLVMValueRef lane[64];
  unsigned n = LLVMGetVectorSize(vector);
  for (unsigned i = 0; i < n; i++) lane[i] = x;
  return LLVMConstVector(lane, n);
}

static LLVMValueRef fused(const Widen *w, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
  LLVMValueRef x[] = {a, b, c};
  return intrinsic(w->g, w->b, "llvm.fma", LLVMTypeOf(a), 3, x);
}

/* AVX-512: x 2^floor(n); of x and n a whole register each. Not for what would be 0: a masked lane takes no time over small numbers. */
static LLVMValueRef scale_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  (void)call;
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  LLVMValueRef vanishes = splat_of(t, LLVMConstReal(LLVMGetElementType(t), f32 ? -151 : -1076));
  LLVMValueRef is = LLVMBuildFCmp(w->b, LLVMRealUGE, x[1], vanishes, "");
  LLVMValueRef mask = LLVMBuildBitCast(w->b, is, LLVMIntTypeInContext(w->g->ll, f32 ? 16 : 8), "");
  LLVMValueRef arg[] = {x[0], x[1], LLVMConstNull(t), mask, LLVMConstInt(w->g->i32, 4, false)};
  return named_intrinsic(w, f32 ? "llvm.x86.avx512.mask.scalef.ps.512" : "llvm.x86.avx512.mask.scalef.pd.512", 5, arg);
}

static LLVMValueRef exponent_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  (void)call;
  LLVMValueRef arg[] = {x[0], LLVMConstNull(LLVMTypeOf(x[0])), LLVMConstAllOnes(LLVMIntTypeInContext(w->g->ll, f32 ? 16 : 8)),
                        LLVMConstInt(w->g->i32, 4, false)};
  return named_intrinsic(w, f32 ? "llvm.x86.avx512.mask.getexp.ps.512" : "llvm.x86.avx512.mask.getexp.pd.512", 4, arg);
}

static LLVMValueRef inverse_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  (void)call;
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  LLVMValueRef arg[] = {x[0], LLVMConstNull(t), LLVMConstAllOnes(LLVMIntTypeInContext(w->g->ll, f32 ? 16 : 8))};
  return named_intrinsic(w, f32 ? "llvm.x86.avx512.rcp14.ps.512" : "llvm.x86.avx512.rcp14.pd.512", 3, arg);
}

/* Of g, about x^(1/2), and y, about x^(-1/2), by one step of Newton's method from 14 bits on, or without it for floats. */
typedef struct Roots { LLVMValueRef g, y; } Roots;
static Roots roots_512(const Widen *w, bool f32, LLVMValueRef x) {
  LLVMBuilderRef b = w->b;
  LLVMTypeRef t = LLVMTypeOf(x);
  LLVMValueRef mask = LLVMConstAllOnes(LLVMIntTypeInContext(w->g->ll, f32 ? 16 : 8));
  LLVMValueRef y = named_intrinsic(w, f32 ? "llvm.x86.avx512.rsqrt14.ps.512" : "llvm.x86.avx512.rsqrt14.pd.512", 3,
                                   (LLVMValueRef[]){x, LLVMConstNull(t), mask});
  LLVMValueRef most = splat_of(t, LLVMConstReal(LLVMGetElementType(t), 0x1p100)); /* where x is 0 */
  y = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, y, most, ""), most, y, "");
  LLVMValueRef g = LLVMBuildFMul(b, x, y, "");
  if (f32) return (Roots){g, y};
  LLVMValueRef half = splat_of(t, LLVMConstReal(LLVMGetElementType(t), 0.5)), h = LLVMBuildFMul(b, half, y, "");
  LLVMValueRef rest = fused(w, LLVMBuildFNeg(b, g, ""), h, half);
  return (Roots){fused(w, g, rest, g), fused(w, y, rest, y)};
}
static LLVMValueRef near_root_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  (void)call;
  return roots_512(w, f32, x[0]).g;
}
static LLVMValueRef inverse_root_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  (void)call;
  return roots_512(w, f32, x[0]).y;
}

/* The smaller of |x| and 1, with the sign of x. */
static LLVMValueRef limited_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  (void)call;
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  LLVMValueRef arg[] = {x[0], splat_of(t, LLVMConstReal(LLVMGetElementType(t), 1)), LLVMConstInt(w->g->i32, 2, false), LLVMConstNull(t),
                        LLVMConstAllOnes(LLVMIntTypeInContext(w->g->ll, f32 ? 16 : 8)), LLVMConstInt(w->g->i32, 4, false)};
  return named_intrinsic(w, f32 ? "llvm.x86.avx512.mask.range.ps.512" : "llvm.x86.avx512.mask.range.pd.512", 6, arg);
}

/* How many bytes a constant address is behind its variable. */
static unsigned long long offset_of(const Widen *w, LLVMValueRef address) {
  if (LLVMIsAGlobalVariable(address)) return 0;
  if (!LLVMIsAConstantExpr(address) || LLVMGetConstOpcode(address) != LLVMGetElementPtr) bug("widening: a table without a place");
  LLVMTargetDataRef layout = LLVMGetModuleDataLayout(w->g->mod);
  LLVMTypeRef t = LLVMGetGEPSourceElementType(address);
  unsigned long long bytes = 0;
  for (unsigned k = 1; k < (unsigned)LLVMGetNumOperands(address); k++) {
    if (k > 1) t = LLVMGetElementType(t);
    bytes += LLVMConstIntGetZExtValue(LLVMGetOperand(address, k)) * LLVMABISizeOfType(layout, t);
  }
  return bytes;
}

/* The 16 constants of a table, which may be a row of an array of them. */
static void table_numbers(const Widen *w, LLVMValueRef address, bool f32, LLVMValueRef *number) {
  LLVMValueRef variable = LLVMIsAGlobalVariable(address) ? address : LLVMGetOperand(address, 0);
  LLVMValueRef table = LLVMGetInitializer(variable);
  if (LLVMGetTypeKind(LLVMGetElementType(LLVMTypeOf(table))) == LLVMArrayTypeKind)
    table = LLVMGetAggregateElement(table, (unsigned)(offset_of(w, address) / (f32 ? 64 : 128)));
  for (unsigned i = 0; i < 16; i++) number[i] = LLVMGetAggregateElement(table, i);
}

/* AVX-512: 16 numbers are one or two registers, from which a permutation chooses by the low bits of the indices. */
static LLVMValueRef look_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  LLVMValueRef number[16];
  table_numbers(w, LLVMGetOperand(call, 0), f32, number);
  if (f32) return named_intrinsic(w, "llvm.x86.avx512.permvar.sf.512", 2,
                                  (LLVMValueRef[]){LLVMConstVector(number, 16), x[1]});
  LLVMValueRef arg[] = {LLVMConstVector(number, 8), x[1], LLVMConstVector(number + 8, 8)};
  return named_intrinsic(w, "llvm.x86.avx512.vpermi2var.pd.512", 3, arg);
}

/* AVX-512: loads of any places of a table. */
static LLVMValueRef find_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  LLVMTypeRef flags = LLVMVectorType(w->g->i1, f32 ? 16 : 8);
  LLVMValueRef arg[] = {LLVMConstNull(LLVMVectorType(LLVMTypeOf(call), f32 ? 16 : 8)), LLVMGetOperand(call, 0), x[1],
                        LLVMConstAllOnes(flags), LLVMConstInt(w->g->i32, f32 ? 4 : 8, false)};
  return named_intrinsic(w, f32 ? "llvm.x86.avx512.mask.gather.dps.512" : "llvm.x86.avx512.mask.gather.qpd.512", 5, arg);
}

/* AVX-512: the square root takes longer than g, about x^(1/2), and h, about x^(-1/2) / 2, by Newton's method from 14 bits on; the
 * last step rounds as the instruction does. */
static LLVMValueRef root_512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *arg) {
  (void)call;
  LLVMBuilderRef b = w->b;
  LLVMValueRef x = arg[0], mask = LLVMConstAllOnes(LLVMIntTypeInContext(w->g->ll, f32 ? 16 : 8));
  LLVMTypeRef t = LLVMTypeOf(x);
  LLVMValueRef half = splat_of(t, LLVMConstReal(LLVMGetElementType(t), 0.5));
  LLVMValueRef y = named_intrinsic(w, f32 ? "llvm.x86.avx512.rsqrt14.ps.512" : "llvm.x86.avx512.rsqrt14.pd.512", 3,
                                   (LLVMValueRef[]){x, LLVMConstNull(t), mask});
  LLVMValueRef g = LLVMBuildFMul(b, x, y, ""), h = LLVMBuildFMul(b, half, y, "");
  for (int i = 0; i < (f32 ? 1 : 2); i++) {
    LLVMValueRef rest = fused(w, LLVMBuildFNeg(b, g, ""), h, half);
    g = fused(w, g, rest, g);
    h = fused(w, h, rest, h);
  }
  return fused(w, fused(w, LLVMBuildFNeg(b, g, ""), g, x), h, g);
}

typedef LLVMValueRef Emit512(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x);

/* AVX2: 16 floats are two registers; bit 3 of an index says which. */
static LLVMValueRef look_256(const Widen *w, bool f32, LLVMValueRef call, LLVMValueRef *x) {
  LLVMValueRef number[16], half[2], eight = splat_of(LLVMTypeOf(x[1]), LLVMConstInt(w->g->i32, 8, false));
  table_numbers(w, LLVMGetOperand(call, 0), f32, number);
  for (int i = 0; i < 2; i++)
    half[i] = named_intrinsic(w, "llvm.x86.avx2.permps", 2, (LLVMValueRef[]){LLVMConstVector(number + 8 * i, 8), x[1]});
  LLVMValueRef low = LLVMBuildICmp(w->b, LLVMIntEQ, LLVMBuildAnd(w->b, x[1], eight, ""), LLVMConstNull(LLVMTypeOf(eight)), "");
  return LLVMBuildSelect(w->b, low, half[0], half[1], "");
}

/* By instructions on whole registers of so many bytes, whatever the width is. */
static LLVMValueRef by_registers(const Widen *w, LLVMValueRef call, Emit512 *emit, int bytes) {
  int n = (int)LLVMGetNumArgOperands(call), lanes;
  bool f32 = LLVMTypeOf(call) == w->g->f32;
  lanes = bytes / (f32 ? 4 : 8);
  LLVMValueRef x[3], y[8];
  int parts = w->width <= lanes ? 1 : w->width / lanes;
  for (int i = 0; i < parts; i++) {
    for (int k = 0; k < n; k++)
      if (LLVMGetTypeKind(LLVMTypeOf(LLVMGetOperand(call, (unsigned)k))) != LLVMPointerTypeKind)
        x[k] = some_lanes(w, operand(w, call, (unsigned)k), i * lanes, lanes);
    y[i] = emit(w, f32, call, x);
  }
  for (; parts > 1; parts /= 2)
    for (int i = 0; i < parts / 2; i++) y[i] = joined(w, y[2 * i], y[2 * i + 1]);
  return some_lanes(w, y[0], 0, w->width);
}

/* Lane by lane; the low bits of the indices, or all. */
static LLVMValueRef gathered(const Widen *w, LLVMValueRef call, unsigned long long bits) {
  LLVMValueRef table = LLVMGetOperand(call, 0), v = operand(w, call, 1);
  LLVMTypeRef t = LLVMTypeOf(call);
  LLVMValueRef low = LLVMConstInt(LLVMTypeOf(LLVMGetOperand(call, 1)), bits, false), y = LLVMGetUndef(wide_type(w, t));
  v = LLVMBuildAnd(w->b, v, splat(w, low), "");
  for (int i = 0; i < w->width; i++) {
    LLVMValueRef at = lane(w, w->b, v, i), place = LLVMBuildInBoundsGEP2(w->b, t, table, &at, 1, "");
    y = insert(w, w->b, y, LLVMBuildLoad2(w->b, t, place, ""), i);
  }
  return y;
}

static bool is_512(const Codegen *g) { return g->vector_bytes == 64 && !strncmp(g->triple, "x86_64", 6); }

/* AVX2, which all have that have a fused multiply-add, but two. */
static bool is_256(const Codegen *g) {
  const char *cpu = g->o->cpu ? g->o->cpu : "";
  return g->vector_bytes == 32 && !strncmp(g->triple, "x86_64", 6) && g->fused && strcmp(cpu, "bdver2") && strcmp(cpu, "bdver3");
}
static bool is_called(LLVMValueRef fn, const char *name) {
  const char *s = LLVMGetValueName(fn) + sizeof prefix - 1;
  size_t n = strlen(name);
  return !strncmp(s, name, n) && (!s[n] || !strcmp(s + n, "f"));
}

static LLVMValueRef widen_part(Widen *w, LLVMValueRef call, LLVMValueRef scalar) {
  static const struct { const char *name; Emit512 *emit; } part[] = {
      {"look", look_512}, {"find", find_512}, {"scale", scale_512}, {"root", root_512}, {"exponent", exponent_512},
      {"inverse", inverse_512}, {"limited", limited_512}, {"near_root", near_root_512}, {"inverse_root", inverse_root_512}};
  for (size_t i = 0; i < sizeof part / sizeof *part && is_512(w->g); i++)
    if (is_called(scalar, part[i].name)) return by_registers(w, call, part[i].emit, 64);
  if (is_called(scalar, "look") && LLVMTypeOf(call) == w->g->f32 && is_256(w->g)) return by_registers(w, call, look_256, 32);
  if (is_called(scalar, "look")) return gathered(w, call, 15);
  if (is_called(scalar, "find")) return gathered(w, call, ~0ULL);
  int n = (int)LLVMGetNumArgOperands(call);
  LLVMValueRef x[4];
  for (int k = 0; k < n; k++) x[k] = operand(w, call, (unsigned)k);
  return call_function(w->b, vector_function(w->g, scalar, w->width), n, x);
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
  return call_function(w->b, LLVMGetIntrinsicDeclaration(w->g->mod, id, &t, 1), (int)n, x);
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

static LLVMValueRef vector_function(Codegen *g, LLVMValueRef scalar, int width) {
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

/* What is not the same number by an instruction as by the function that stands for it, is of the instruction in scalar code too. */
static void instruct_scalar(Codegen *g, LLVMValueRef fn, Emit512 *emit) {
  LLVMDeleteBasicBlock(LLVMGetEntryBasicBlock(fn));
  Widen w = {.g = g, .b = LLVMCreateBuilderInContext(g->ll), .fn = fn};
  LLVMPositionBuilderAtEnd(w.b, LLVMAppendBasicBlockInContext(g->ll, fn, ""));
  LLVMTypeRef t = LLVMGetReturnType(LLVMGlobalGetValueType(fn));
  unsigned lanes = t == g->f32 ? 16 : 8;
  LLVMValueRef x = LLVMConstNull(LLVMVectorType(t, lanes));
  for (unsigned i = 0; i < lanes; i++) x = insert(&w, w.b, x, LLVMGetParam(fn, 0), (int)i);
  LLVMBuildRet(w.b, lane(&w, w.b, emit(&w, t == g->f32, NULL, &x), 0));
  LLVMDisposeBuilder(w.b);
}

static void instruct_scalars(Codegen *g) {
  static const struct { const char *name; Emit512 *emit; } part[] = {
      {"inverse", inverse_512}, {"near_root", near_root_512}, {"inverse_root", inverse_root_512}};
  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    for (int single = 0; single < 2; single++) {
      LLVMValueRef fn = LLVMGetNamedFunction(g->mod, arena_printf(g->arena, "%s%s%s", prefix, part[i].name, single ? "f" : ""));
      if (fn && !LLVMIsDeclaration(fn)) instruct_scalar(g, fn, part[i].emit);
    }
}

bool link_math(Codegen *g) {
  if (!drop_uncalled(g)) return false;
  while (link_one(g)) {}
  if (is_512(g)) instruct_scalars(g);
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (is_math(f) && LLVMIsDeclaration(f))
      vector_function(g, LLVMGetNamedFunction(g->mod, scalar_name(g, f)),
                      (int)LLVMGetVectorSize(LLVMGetReturnType(LLVMGlobalGetValueType(f))));
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f))
    if (is_math(f) && !LLVMIsDeclaration(f) && !strchr(LLVMGetValueName(f), '.')) call_if_rare(g, f);
  make_internal(g, prefix);
  return true;
}
