/* math.c - map operations on numbers in registers, or on whole vectors of these.
 *
 * Requires: operands of the types that the op's signature says.  Ensures: the value that ops.def states; no instruction
 * that traps.  What the processor computes itself is an intrinsic, the other functions are the runtime's.  Vectorisation
 * is the optimiser's. */
#include "codegen/emit.h"
#include <math.h>
#include <string.h>

LLVMValueRef arith(LLVMValueRef v) {
  if (LLVMIsAInstruction(v) && LLVMCanValueUseFastMathFlags(v)) LLVMSetFastMathFlags(v, LLVMFastMathAllowContract);
  return v;
}

LLVMValueRef reassoc(LLVMValueRef v) {
  if (LLVMIsAInstruction(v) && LLVMCanValueUseFastMathFlags(v))
    LLVMSetFastMathFlags(v, LLVMFastMathAllowContract | LLVMFastMathAllowReassoc);
  return v;
}

LLVMValueRef const_elem(Codegen *g, Elem e, double f, int64_t i) {
  switch (e) {
  case F64: return LLVMConstReal(g->f64, f);
  case F32: return LLVMConstReal(g->f32, f);
  case I64: return LLVMConstInt(g->i64, (unsigned long long)i, true);
  case I32: return LLVMConstInt(g->i32, (unsigned long long)(uint32_t)i, false);
  default: return LLVMConstInt(g->i1, i != 0, false);
  }
}

LLVMValueRef intrinsic(Codegen *g, LLVMBuilderRef b, const char *name, LLVMTypeRef t, int n, LLVMValueRef *x) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  if (!id) bug("no intrinsic %s", name);
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(g->mod, id, &t, 1);
  return LLVMBuildCall2(b, LLVMGlobalGetValueType(fn), fn, x, (unsigned)n, "");
}

static LLVMValueRef pure_call(Codegen *g, LLVMBuilderRef b, const char *name, LLVMTypeRef ret, int n, LLVMValueRef *x) {
  LLVMTypeRef t[3];
  for (int i = 0; i < n; i++) t[i] = LLVMTypeOf(x[i]);
  LLVMTypeRef type = LLVMFunctionType(ret, t, (unsigned)n, false);
  return LLVMBuildCall2(b, type, pure_function(g, name, type), x, (unsigned)n, "");
}

LLVMValueRef add_elem(Codegen *g, LLVMBuilderRef b, Elem e, LLVMValueRef x, LLVMValueRef y) {
  (void)g;
  return elem_is_real(e) ? reassoc(LLVMBuildFAdd(b, x, y, "")) : LLVMBuildAdd(b, x, y, "");
}

LLVMValueRef mul_elem(Codegen *g, LLVMBuilderRef b, Elem e, LLVMValueRef x, LLVMValueRef y) {
  (void)g;
  return elem_is_real(e) ? arith(LLVMBuildFMul(b, x, y, "")) : LLVMBuildMul(b, x, y, "");
}

/* ---- the cases that are more than one call ----------------------------------------------------------------------- */

typedef struct Args {
  Codegen *g;
  LLVMBuilderRef b;
  Opcode code;
  Elem e;
  LLVMTypeRef t;
  LLVMValueRef *x;
} Args;

static LLVMValueRef real(const Args *a, double v) { return LLVMConstReal(a->t, v); }
static LLVMValueRef one_arg(const Args *a, const char *name, LLVMValueRef x) {
  return intrinsic(a->g, a->b, name, a->t, 1, &x);
}
static LLVMValueRef sel(const Args *a, LLVMValueRef p, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(a->b, p, x, y, "");
}
static LLVMValueRef fcmp(const Args *a, LLVMRealPredicate p, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildFCmp(a->b, p, x, y, "");
}

/* The larger or smaller, nan if either is.  LLVM cannot select its own intrinsic for doubles in software. */
static LLVMValueRef extreme(const Args *a, bool max, LLVMValueRef x, LLVMValueRef y) {
  LLVMValueRef pair[] = {x, y};
  if (a->g->pointer_bytes == 8 || a->t == a->g->f32)
    return intrinsic(a->g, a->b, max ? "llvm.maximum" : "llvm.minimum", a->t, 2, pair);
  LLVMValueRef number = sel(a, fcmp(a, max ? LLVMRealOGT : LLVMRealOLT, x, y), x, y);
  return sel(a, fcmp(a, LLVMRealUNO, x, x), x, number);
}

static LLVMValueRef floor_quotient(const Args *a) {
  return one_arg(a, "llvm.floor", arith(LLVMBuildFDiv(a->b, a->x[0], a->x[1], "")));
}

static LLVMValueRef int_power(const Args *a) {
  LLVMTypeRef t = a->g->i64;
  LLVMValueRef x[] = {LLVMBuildSExt(a->b, a->x[0], t, ""), LLVMBuildSExt(a->b, a->x[1], t, "")};
  LLVMValueRef r = pure_call(a->g, a->b, "adc_rt_ipow", t, 2, x);
  return a->e == I32 ? LLVMBuildTrunc(a->b, r, a->g->i32, "") : r;
}

/* The first orders are functions of their own. */
static LLVMValueRef polygamma(const Args *a) {
  static const char *const name[] = {"digamma", "trigamma"};
  LLVMValueRef n = a->x[0], y[] = {LLVMBuildSIToFP(a->b, n, a->t, ""), a->x[1]};
  unsigned long long order = LLVMIsAConstantInt(n) ? LLVMConstIntGetZExtValue(n) : 2;
  return order < 2 ? math_call(a->g, a->b, name[order], 1, a->x + 1) : math_call(a->g, a->b, "polygamma", 2, y);
}

static LLVMValueRef special(const Args *a) {
  LLVMValueRef *x = a->x;
  LLVMBuilderRef b = a->b;
  switch (a->code) {
  case OP_sign:
    return sel(a, fcmp(a, LLVMRealOGT, x[0], real(a, 0)), real(a, 1),
               sel(a, fcmp(a, LLVMRealOLT, x[0], real(a, 0)), real(a, -1), x[0]));
  case OP_rsqrt: return arith(LLVMBuildFDiv(b, real(a, 1), one_arg(a, "llvm.sqrt", x[0]), ""));
  case OP_relu: return sel(a, fcmp(a, LLVMRealUGT, x[0], real(a, 0)), x[0], real(a, 0));
  case OP_stop_gradient: return x[0];
  case OP_neg: return LLVMBuildFNeg(b, x[0], "");
  case OP_add: return arith(LLVMBuildFAdd(b, x[0], x[1], ""));
  case OP_sub: return arith(LLVMBuildFSub(b, x[0], x[1], ""));
  case OP_mul: return arith(LLVMBuildFMul(b, x[0], x[1], ""));
  case OP_div: return arith(LLVMBuildFDiv(b, x[0], x[1], ""));
  case OP_mulz:
    return sel(a, LLVMBuildAnd(b, fcmp(a, LLVMRealUNE, x[0], real(a, 0)), fcmp(a, LLVMRealUNE, x[1], real(a, 0)), ""),
               arith(LLVMBuildFMul(b, x[0], x[1], "")), real(a, 0));
  case OP_floordiv: return floor_quotient(a);
  case OP_mod: return arith(LLVMBuildFSub(b, x[0], arith(LLVMBuildFMul(b, x[1], floor_quotient(a), "")), ""));
  case OP_polygamma: return polygamma(a);
  case OP_max: return extreme(a, true, x[0], x[1]);
  case OP_min: return extreme(a, false, x[0], x[1]);
  case OP_clamp: return extreme(a, false, extreme(a, true, x[0], x[1]), x[2]);
  default: bug("no code for the operation %s on reals", op_info[a->code].name);
  }
}

static LLVMValueRef int_op(const Args *a) {
  LLVMValueRef *x = a->x, zero = LLVMConstNull(a->t);
  LLVMBuilderRef b = a->b;
  switch (a->code) {
  case OP_neg: return LLVMBuildNeg(b, x[0], "");
  case OP_abs: return sel(a, LLVMBuildICmp(b, LLVMIntSLT, x[0], zero, ""), LLVMBuildNeg(b, x[0], ""), x[0]);
  case OP_sign: {
    LLVMValueRef pos = LLVMBuildZExt(b, LLVMBuildICmp(b, LLVMIntSGT, x[0], zero, ""), a->t, "");
    return LLVMBuildSub(b, pos, LLVMBuildZExt(b, LLVMBuildICmp(b, LLVMIntSLT, x[0], zero, ""), a->t, ""), "");
  }
  case OP_add: return LLVMBuildAdd(b, x[0], x[1], "");
  case OP_sub: return LLVMBuildSub(b, x[0], x[1], "");
  case OP_mul: return LLVMBuildMul(b, x[0], x[1], "");
  case OP_floordiv: return floordiv_emit(a->g, b, x[0], x[1]);
  case OP_mod: return floormod_emit(a->g, b, x[0], x[1]);
  case OP_ipow: return int_power(a);
  case OP_philox: return pure_call(a->g, b, "adc_rt_philox", a->t, 3, x);
  case OP_philox_high: return pure_call(a->g, b, "adc_rt_philox_high", a->t, 3, x);
  case OP_max: return intrinsic(a->g, b, "llvm.smax", a->t, 2, x);
  case OP_min: return intrinsic(a->g, b, "llvm.smin", a->t, 2, x);
  case OP_clamp: {
    LLVMValueRef y[] = {intrinsic(a->g, b, "llvm.smax", a->t, 2, x), x[2]};
    return intrinsic(a->g, b, "llvm.smin", a->t, 2, y);
  }
  default: bug("no code for the operation %s on ints", op_info[a->code].name);
  }
}

static LLVMValueRef bool_op(const Args *a) {
  switch (a->code) {
  case OP_and: return LLVMBuildAnd(a->b, a->x[0], a->x[1], "");
  case OP_or: return LLVMBuildOr(a->b, a->x[0], a->x[1], "");
  case OP_not: return LLVMBuildNot(a->b, a->x[0], "");
  default: bug("no code for the operation %s on bools", op_info[a->code].name);
  }
}

static LLVMValueRef compare(const Args *a) {
  static const LLVMRealPredicate real_pred[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT,
                                                LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
  static const LLVMIntPredicate int_pred[] = {LLVMIntEQ, LLVMIntNE, LLVMIntSLT, LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
  int k = a->code - OP_eq;
  return elem_is_real(a->e) ? fcmp(a, real_pred[k], a->x[0], a->x[1])
                            : LLVMBuildICmp(a->b, int_pred[k], a->x[0], a->x[1], "");
}

static LLVMTypeRef elem_of(LLVMTypeRef t) { return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetElementType(t) : t; }

static LLVMTypeRef like(LLVMTypeRef elem, LLVMTypeRef t) {
  return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMVectorType(elem, LLVMGetVectorSize(t)) : elem;
}

static LLVMValueRef int_const(LLVMTypeRef t, uint64_t v) {
  LLVMValueRef x = LLVMConstInt(elem_of(t), v, false), same[64];
  if (LLVMGetTypeKind(t) != LLVMVectorTypeKind) return x;
  unsigned n = LLVMGetVectorSize(t);
  for (unsigned i = 0; i < n; i++) same[i] = x;
  return LLVMConstVector(same, n);
}

/* What is too large gives the largest int, what is too small the smallest, nan 0.  By comparisons: LLVM has llvm.fptosi.sat for it,
 * but does that one element at a time, also in vectors. */
static LLVMValueRef to_int(const Args *a, LLVMTypeRef to) {
  unsigned bits = LLVMGetIntTypeWidth(elem_of(to));
  double end = ldexp(1, (int)bits - 1);
  uint64_t most = (UINT64_C(1) << (bits - 1)) - 1;
  LLVMValueRef x = a->x[0], zero = LLVMConstNull(to), high = int_const(to, most), low = int_const(to, most + 1);
  LLVMValueRef inside = fcmp(a, LLVMRealOLT, one_arg(a, "llvm.fabs", x), real(a, end));
  LLVMValueRef n = LLVMBuildFPToSI(a->b, sel(a, inside, x, real(a, 0)), to, "");
  LLVMValueRef outside = sel(a, fcmp(a, LLVMRealOLE, x, real(a, -end)), low, zero);
  return sel(a, inside, n, sel(a, fcmp(a, LLVMRealOGE, x, real(a, end)), high, outside));
}

static LLVMValueRef cast(const Args *a, Elem to) {
  LLVMValueRef x = a->x[0];
  LLVMTypeRef t = like(elem_reg(a->g, to), a->t);
  if (a->e == to) return x;
  if (to == BOOL)
    return elem_is_real(a->e) ? fcmp(a, LLVMRealUNE, x, real(a, 0))
                              : LLVMBuildICmp(a->b, LLVMIntNE, x, LLVMConstNull(a->t), "");
  if (elem_is_real(a->e)) return elem_is_real(to) ? LLVMBuildFPCast(a->b, x, t, "") : to_int(a, t);
  if (a->e == BOOL) return elem_is_real(to) ? LLVMBuildUIToFP(a->b, x, t, "") : LLVMBuildZExt(a->b, x, t, "");
  return elem_is_real(to) ? LLVMBuildSIToFP(a->b, x, t, "") : LLVMBuildIntCast2(a->b, x, t, true, "");
}

/* Operations on reals that are one call: an intrinsic ("llvm.…") or one of runtime/math_*.c. */
static const char *const real_call[OP_COUNT] = {
    [OP_abs] = "llvm.fabs",    [OP_floor] = "llvm.floor", [OP_ceil] = "llvm.ceil", [OP_round] = "llvm.rint",
    [OP_trunc] = "llvm.trunc", [OP_sqrt] = "llvm.sqrt",   [OP_exp] = "exp",        [OP_exp2] = "exp2",
    [OP_expm1] = "expm1",      [OP_log] = "log",          [OP_log2] = "log2",      [OP_log10] = "log10",
    [OP_log1p] = "log1p",      [OP_sin] = "sin",          [OP_cos] = "cos",        [OP_tan] = "tan",
    [OP_asin] = "asin",        [OP_acos] = "acos",        [OP_atan] = "atan",      [OP_atan2] = "atan2",
    [OP_sinh] = "sinh",        [OP_cosh] = "cosh",        [OP_tanh] = "tanh",      [OP_asinh] = "asinh",
    [OP_acosh] = "acosh",      [OP_atanh] = "atanh",      [OP_pow] = "pow",        [OP_cbrt] = "cbrt",
    [OP_hypot] = "hypot",      [OP_erf] = "erf",          [OP_erfc] = "erfc",      [OP_sigmoid] = "sigmoid",
    [OP_softplus] = "softplus", [OP_lgamma] = "lgamma",  [OP_digamma] = "digamma",
};

bool is_elementary(Opcode code) { return real_call[code] && strncmp(real_call[code], "llvm.", 5); }

LLVMValueRef map_emit(Codegen *g, LLVMBuilderRef b, Opcode code, Elem from, Elem to, LLVMValueRef *x) {
  Args a = {g, b, code, from, LLVMTypeOf(x[op_info[code].nopd - 1]), x};
  switch (op_info[code].sig) {
  case SIG_COMPARE: return compare(&a);
  case SIG_SELECT: return LLVMBuildSelect(b, x[0], x[1], x[2], "");
  case SIG_CAST: return cast(&a, to);
  default: break;
  }
  if (elem_is_int(from)) return int_op(&a);
  if (from == BOOL) return bool_op(&a);
  const char *name = real_call[code];
  if (!name) return special(&a);
  int n = op_info[code].nopd;
  return strncmp(name, "llvm.", 5) ? math_call(g, b, name, n, x) : intrinsic(g, b, name, a.t, n, x);
}
