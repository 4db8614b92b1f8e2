/* emit_quotient.c - quotients by one divisor as products with its inverse.
 *
 * Requires: fused multiply-adds.  Ensures: one step of Newton's rounds them as a division does; what underflows may be a bit off. */
#include "codegen/emit.h"
#include <math.h>

static LLVMValueRef inverse_of(Emit *e, LLVMValueRef y) {
  if (!e->inverse) {
    Dim *one[] = {dim_const(e->ctx, 1)};
    e->inverse = NEW(e->arena, Value);
    *e->inverse = (Value){.type = type_tensor(e->ctx, F64, 1, one), .id = -1};
  }
  LLVMValueRef r = memo_find(e, e->inverse, &y);
  if (r) return r;
  r = LLVMBuildFDiv(e->b, LLVMConstReal(LLVMTypeOf(y), 1), y, "");
  memo_add(e, e->inverse, &y, r);
  return r;
}

static bool is_one(LLVMValueRef x) {
  LLVMBool loses;
  return LLVMIsAConstantFP(x) && LLVMConstRealGetDouble(x, &loses) == 1;
}

static LLVMValueRef times_inverse(Emit *e, LLVMValueRef x, LLVMValueRef y, LLVMValueRef r, LLVMValueRef *q) {
  LLVMTypeRef t = LLVMTypeOf(y);
  *q = LLVMBuildFMul(e->b, x, r, "");
  LLVMValueRef rest[] = {LLVMBuildFNeg(e->b, y, ""), *q, x};
  LLVMValueRef sum[] = {intrinsic(e->g, e->b, "llvm.fma", t, 3, rest), r, *q};
  return intrinsic(e->g, e->b, "llvm.fma", t, 3, sum);
}

LLVMValueRef quotient(Emit *e, LLVMValueRef x, LLVMValueRef y) {
  LLVMValueRef r = inverse_of(e, y), q;
  return is_one(x) ? r : times_inverse(e, x, y, r, &q);
}

/* ---- a divisor that stays the same in a loop ------------------------------------------------------------------------------- */

/* Computing x takes the counter; true too when that is not seen soon.  A counter of a loop around it has one value coming in as yet. */
static bool follows(LLVMValueRef x, LLVMValueRef counter, int *budget) {
  if (x == counter || --*budget < 0) return true;
  if (!LLVMIsAInstruction(x)) return false;
  if (LLVMIsAPHINode(x)) return LLVMCountIncoming(x) != 1;
  for (int k = 0; k < LLVMGetNumOperands(x); k++)
    if (follows(LLVMGetOperand(x, (unsigned)k), counter, budget)) return true;
  return false;
}

/* Its inverse is finite and normal. */
static bool is_moderate(LLVMValueRef y) {
  LLVMBool loses;
  double size = fabs(LLVMConstRealGetDouble(y, &loses));
  return size >= 0x1p-100 && size <= 0x1p100;
}

bool has_steady_divisor(Emit *e, const Op *op, LLVMValueRef x, LLVMValueRef y) {
  int budget[] = {64, 64};
  if (op->code != OP_div || !elem_is_real(op->res[0]->type->elem)) return false;
  if (!e->counter || !e->g->fused || e->g->o->opt_level < 2 || LLVMIsAConstant(x)) return false;
  if (LLVMIsAConstantFP(y) && !is_moderate(y)) return false;
  return !follows(y, e->counter, &budget[0]) && follows(x, e->counter, &budget[1]);
}

/* Below `least` an inverse may be infinite: both are scaled then. */
typedef struct Range { double least, scale; } Range;
static const Range ranges[] = {{0x1p-900, 0x1p200}, {0x1p-100, 0x1p60}};

static LLVMValueRef scale_of(Emit *e, LLVMValueRef y) {
  LLVMTypeRef t = LLVMTypeOf(y);
  const Range *r = &ranges[LLVMGetTypeKind(t) == LLVMFloatTypeKind];
  LLVMValueRef size = intrinsic(e->g, e->b, "llvm.fabs", t, 1, &y);
  LLVMValueRef tiny = LLVMBuildFCmp(e->b, LLVMRealOLT, size, LLVMConstReal(t, r->least), "");
  return LLVMBuildSelect(e->b, tiny, LLVMConstReal(t, r->scale), LLVMConstReal(t, 1), "");
}

/* What of this is y's alone is computed before the loop.  Where the plain product is a zero, infinite or nan it is the quotient. */
LLVMValueRef steady_quotient(Emit *e, LLVMValueRef x, LLVMValueRef y) {
  if (!LLVMIsAConstant(y)) {
    LLVMValueRef scale = scale_of(e, y);
    x = LLVMBuildFMul(e->b, x, scale, "");
    y = LLVMBuildFMul(e->b, y, scale, "");
  }
  LLVMValueRef r = LLVMBuildFDiv(e->b, LLVMConstReal(LLVMTypeOf(y), 1), y, ""), q, better = times_inverse(e, x, y, r, &q);
  return LLVMBuildSelect(e->b, LLVMBuildFCmp(e->b, LLVMRealUEQ, better, q, ""), q, better, "");
}
