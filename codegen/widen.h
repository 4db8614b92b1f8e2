/* widen.h - vector functions made from scalar ones: what widen.c (instruction by instruction) and widen_part.c share. */
#ifndef ADC_CODEGEN_WIDEN_H
#define ADC_CODEGEN_WIDEN_H
#include "codegen/emit.h"

#define MATH_PREFIX "adc_math_"

typedef struct Widen {
  Codegen *g;
  LLVMBuilderRef b;
  LLVMValueRef fn; /* the vector function */
  int width;
  LLVMValueRef *from, *to; /* values of the scalar function and what they became */
  int n;
} Widen;

LLVMTypeRef widen_type(const Widen *w, LLVMTypeRef t);
LLVMValueRef widen_splat(const Widen *w, LLVMValueRef x);                 /* of a constant */
LLVMValueRef widen_operand(const Widen *w, LLVMValueRef i, unsigned k);   /* of the instruction i, in all lanes */
LLVMValueRef widen_lane(const Widen *w, LLVMBuilderRef b, LLVMValueRef v, int i);
LLVMValueRef widen_insert(const Widen *w, LLVMBuilderRef b, LLVMValueRef v, LLVMValueRef x, int i);
LLVMValueRef widen_call_of(LLVMBuilderRef b, LLVMValueRef fn, int n, LLVMValueRef *x);
LLVMValueRef widen_function(Codegen *g, LLVMValueRef scalar, int width);  /* the vector function of a scalar one */

/* widen_part.c: a call of a function that is none of the rare ones. */
LLVMValueRef widen_part(Widen *w, LLVMValueRef call, LLVMValueRef scalar);
/* The instructions in scalar code, where they give other numbers than the functions that stand for them. */
void instruct_scalars(Codegen *g);

#endif
