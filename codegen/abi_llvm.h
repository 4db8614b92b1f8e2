/* abi_llvm.h - what abi.c and info.c share; private to them. */
#ifndef ADC_CODEGEN_ABI_LLVM_H
#define ADC_CODEGEN_ABI_LLVM_H
#include "codegen/internal.h"

/* An exported function without a body yet, by the C convention of the target. */
LLVMValueRef abi_function(Codegen *g, const char *name, LLVMTypeRef type);
/* A C struct of ports; its scalars as C has them. */
LLVMTypeRef struct_type(Codegen *g, const CStruct *s);
/* `const adc_info *f_info(void)` and the constants that it returns. */
void emit_info(Codegen *g, Func *f);

#endif
