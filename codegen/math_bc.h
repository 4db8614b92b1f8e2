/* math_bc.h - the bitcode of runtime/math_*.c, embedded when adc is built. */
#ifndef ADC_CODEGEN_MATH_BC_H
#define ADC_CODEGEN_MATH_BC_H
#include <stdbool.h>
#include <stddef.h>

typedef struct MathFile {
  const unsigned char *data;
  size_t size;
  bool fused;        /* for machines with a fused multiply-add */
  const char *names; /* of the functions that it defines, a space before and after each */
} MathFile;

extern const MathFile adc_math_file[]; /* ends with one without data */

#endif
