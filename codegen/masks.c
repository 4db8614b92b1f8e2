/* masks.c - selects of single numbers by masks, for x86 processors that have no mask registers.
 *
 * LLVM selects such a number without a jump only if the comparison has no other use; mulz compares each factor, most of them
 * for several products.  A derivative would be one short block after another, which is slow to run and far slower to compile.
 * Vectors are selected by masks whatever the uses: so the condition is computed again as one of a vector, whose first
 * element is the number's.
 *
 * Requires: an optimised module (a vectoriser sees no use in any of this).  Ensures: the same values. */
#include "codegen/internal.h"

typedef struct Masks {
  Codegen *g;
  LLVMBuilderRef b;
  LLVMTypeRef elem; /* of what is selected and compared */
  ValueMap vector;  /* by condition */
} Masks;

static LLVMTypeRef vector_of(const Masks *m, LLVMTypeRef t) { return LLVMVectorType(t, m->elem == m->g->f64 ? 2 : 4); }

static LLVMValueRef first(const Masks *m, LLVMValueRef x) {
  LLVMTypeRef t = vector_of(m, LLVMTypeOf(x));
  if (LLVMIsConstant(x)) {
    LLVMValueRef same[] = {x, x, x, x};
    return LLVMConstVector(same, LLVMGetVectorSize(t));
  }
  return LLVMBuildInsertElement(m->b, LLVMGetPoison(t), x, LLVMConstInt(m->g->i32, 0, false), "");
}

static bool is_connective(LLVMValueRef v) {
  return LLVMIsAInstruction(v) && (LLVMGetInstructionOpcode(v) == LLVMOr || LLVMGetInstructionOpcode(v) == LLVMAnd);
}

/* Is it made of comparisons of such numbers? */
static bool has_mask(const Masks *m, LLVMValueRef v, int depth) {
  if (depth > 4) return false;
  if (LLVMIsAFCmpInst(v)) return LLVMTypeOf(LLVMGetOperand(v, 0)) == m->elem;
  return is_connective(v) && has_mask(m, LLVMGetOperand(v, 0), depth + 1) && has_mask(m, LLVMGetOperand(v, 1), depth + 1);
}

static LLVMValueRef mask_of(Masks *m, LLVMValueRef v) {
  LLVMValueRef made = value_find(&m->vector, v);
  if (made) return made;
  LLVMValueRef x = LLVMGetOperand(v, 0), y = LLVMGetOperand(v, 1);
  bool compares = LLVMIsAFCmpInst(v);
  if (!compares) {
    x = mask_of(m, x);
    y = mask_of(m, y);
  }
  LLVMPositionBuilderBefore(m->b, LLVMGetNextInstruction(v));
  made = compares ? LLVMBuildFCmp(m->b, LLVMGetFCmpPredicate(v), first(m, x), first(m, y), "")
                  : LLVMBuildBinOp(m->b, LLVMGetInstructionOpcode(v), x, y, "");
  value_enter(m->g->arena, &m->vector, v, made);
  return made;
}

static bool used_once(LLVMValueRef v) {
  LLVMUseRef use = LLVMGetFirstUse(v);
  return use && !LLVMGetNextUse(use);
}

static void mask_select(Masks *m, LLVMValueRef select) {
  LLVMValueRef c = LLVMGetOperand(select, 0);
  m->elem = LLVMTypeOf(select);
  if (m->elem != m->g->f64 && m->elem != m->g->f32) return;
  if (!has_mask(m, c, 0) || (LLVMIsAFCmpInst(c) && used_once(c))) return;
  LLVMValueRef mask = mask_of(m, c);
  LLVMPositionBuilderBefore(m->b, select);
  LLVMValueRef x = LLVMBuildSelect(m->b, mask, first(m, LLVMGetOperand(select, 1)), first(m, LLVMGetOperand(select, 2)), "");
  LLVMReplaceAllUsesWith(select, LLVMBuildExtractElement(m->b, x, LLVMConstInt(m->g->i32, 0, false), ""));
  LLVMInstructionEraseFromParent(select);
}

/* Nobody after this drops what has become useless, and the code generator would look at it. */
static void drop_unused(LLVMBasicBlockRef block) {
  for (LLVMValueRef i = LLVMGetLastInstruction(block), before; i; i = before) {
    before = LLVMGetPreviousInstruction(i);
    if ((LLVMIsAFCmpInst(i) || is_connective(i)) && !LLVMGetFirstUse(i)) LLVMInstructionEraseFromParent(i);
  }
}

void select_by_masks(Codegen *g) {
  Masks m = {.g = g, .b = LLVMCreateBuilderInContext(g->ll)};
  for (LLVMValueRef f = LLVMGetFirstFunction(g->mod); f; f = LLVMGetNextFunction(f)) {
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
      for (LLVMValueRef i = LLVMGetFirstInstruction(block), next; i; i = next) {
        next = LLVMGetNextInstruction(i);
        if (LLVMIsASelectInst(i)) mask_select(&m, i);
      }
    for (LLVMBasicBlockRef block = LLVMGetLastBasicBlock(f); block; block = LLVMGetPreviousBasicBlock(block)) drop_unused(block);
  }
  LLVMDisposeBuilder(m.b);
}
