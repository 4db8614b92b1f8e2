/* gemm_bc.h - the products of runtime/gemm.c, embedded when adc is built: a matrix by a matrix and, from either side, by a vector, one
 * kernel each a type and width of vectors. */
#ifndef ADC_CODEGEN_GEMM_BC_H
#define ADC_CODEGEN_GEMM_BC_H
#include <stddef.h>

typedef struct GemmFile {
  const char *name;            /* of the function */
  const unsigned char *bitcode; /* … and of the one that calls the user's library, if there is one */
  size_t size;
  const unsigned char *assembly; /* of the function alone, for x86-64 and ELF; no symbol in it is global */
  size_t assembly_size;
} GemmFile;

extern const GemmFile adc_gemm_file[]; /* ends with one without name */

#endif
