/* widen_part.c - the parts of elementary functions that some processors have instructions for: tables, powers of two, first guesses.
 *
 * Requires: calls of the functions of runtime/math_parts.c, in a function that is widened.  Ensures: an instruction where the processor
 * has one, else what the C function does, to all lanes. */
#include <string.h>
#include "codegen/widen.h"

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
  return widen_call_of(w->b, LLVMGetIntrinsicDeclaration(w->g->mod, id, NULL, 0), n, x);
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
        x[k] = some_lanes(w, widen_operand(w, call, (unsigned)k), i * lanes, lanes);
    y[i] = emit(w, f32, call, x);
  }
  for (; parts > 1; parts /= 2)
    for (int i = 0; i < parts / 2; i++) y[i] = joined(w, y[2 * i], y[2 * i + 1]);
  return some_lanes(w, y[0], 0, w->width);
}

/* Lane by lane; the low bits of the indices, or all. */
static LLVMValueRef gathered(const Widen *w, LLVMValueRef call, unsigned long long bits) {
  LLVMValueRef table = LLVMGetOperand(call, 0), v = widen_operand(w, call, 1);
  LLVMTypeRef t = LLVMTypeOf(call);
  LLVMValueRef low = LLVMConstInt(LLVMTypeOf(LLVMGetOperand(call, 1)), bits, false), y = LLVMGetUndef(widen_type(w, t));
  v = LLVMBuildAnd(w->b, v, widen_splat(w, low), "");
  for (int i = 0; i < w->width; i++) {
    LLVMValueRef at = widen_lane(w, w->b, v, i), place = LLVMBuildInBoundsGEP2(w->b, t, table, &at, 1, "");
    y = widen_insert(w, w->b, y, LLVMBuildLoad2(w->b, t, place, ""), i);
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
  const char *s = LLVMGetValueName(fn) + sizeof MATH_PREFIX - 1;
  size_t n = strlen(name);
  return !strncmp(s, name, n) && (!s[n] || !strcmp(s + n, "f"));
}

LLVMValueRef widen_part(Widen *w, LLVMValueRef call, LLVMValueRef scalar) {
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
  for (int k = 0; k < n; k++) x[k] = widen_operand(w, call, (unsigned)k);
  return widen_call_of(w->b, widen_function(w->g, scalar, w->width), n, x);
}

/* ---- in scalar code ---------------------------------------------------------------------------------------------- */

/* What is not the same number by an instruction as by the function that stands for it, is of the instruction in scalar code too. */
static void instruct_scalar(Codegen *g, LLVMValueRef fn, Emit512 *emit) {
  LLVMDeleteBasicBlock(LLVMGetEntryBasicBlock(fn));
  Widen w = {.g = g, .b = LLVMCreateBuilderInContext(g->ll), .fn = fn};
  LLVMPositionBuilderAtEnd(w.b, LLVMAppendBasicBlockInContext(g->ll, fn, ""));
  LLVMTypeRef t = LLVMGetReturnType(LLVMGlobalGetValueType(fn));
  unsigned lanes = t == g->f32 ? 16 : 8;
  LLVMValueRef x = LLVMConstNull(LLVMVectorType(t, lanes));
  for (unsigned i = 0; i < lanes; i++) x = widen_insert(&w, w.b, x, LLVMGetParam(fn, 0), (int)i);
  LLVMBuildRet(w.b, widen_lane(&w, w.b, emit(&w, t == g->f32, NULL, &x), 0));
  LLVMDisposeBuilder(w.b);
}

void instruct_scalars(Codegen *g) {
  if (!is_512(g)) return;
  static const struct { const char *name; Emit512 *emit; } part[] = {
      {"inverse", inverse_512}, {"near_root", near_root_512}, {"inverse_root", inverse_root_512}};
  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    for (int single = 0; single < 2; single++) {
      LLVMValueRef fn = LLVMGetNamedFunction(g->mod, arena_printf(g->arena, "%s%s%s", MATH_PREFIX, part[i].name, single ? "f" : ""));
      if (fn && !LLVMIsDeclaration(fn)) instruct_scalar(g, fn, part[i].emit);
    }
}
