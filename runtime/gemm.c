/* gemm.c - matrix products for each element type and each width of vector registers, in bytes.
 *
 * Stands alone: compiled to bitcode for any target; vectors that a target does not have are split by its code generator.  Panels of A
 * take a part of a second-level cache, KC rows of a panel of B one of the first (tuned on AVX-512; no result depends on it but in
 * the order of a sum). */
#include <stdbool.h>
#include <stdint.h>

#pragma STDC FP_CONTRACT ON
#define UNROLL _Pragma("clang loop unroll(full)")

enum { KC = 256, MC = 96, NC = 768, CACHED = 32768 };

#define DECLARE(name, T)                                                                                                      \
  void name(int64_t m, int64_t n, int64_t k, const T *a, int64_t ar, int64_t ac, const T *b, int64_t br, int64_t bc, T *c, int64_t cr, \
            int64_t cc, int64_t add, T *space);
DECLARE(adc_rt_gemm_f64_64, double)
DECLARE(adc_rt_gemm_f32_64, float)
DECLARE(adc_rt_gemm_f64_32, double)
DECLARE(adc_rt_gemm_f32_32, float)
DECLARE(adc_rt_gemm_f64_16, double)
DECLARE(adc_rt_gemm_f32_16, float)

/* 32 registers of 64 bytes */
#define MR 8
#define HALF 4
#define NV 3

#define REAL double
#define INT int64_t
#define LANES 8
#define GEMM adc_rt_gemm_f64_64
#include "runtime/gemm.h"

#define REAL float
#define INT int32_t
#define LANES 16
#define GEMM adc_rt_gemm_f32_64
#include "runtime/gemm.h"

/* 16 registers, or more */
#undef MR
#undef HALF
#undef NV
#define MR 6
#define HALF 3
#define NV 2

#define REAL double
#define INT int64_t
#define LANES 4
#define GEMM adc_rt_gemm_f64_32
#include "runtime/gemm.h"

#define REAL float
#define INT int32_t
#define LANES 8
#define GEMM adc_rt_gemm_f32_32
#include "runtime/gemm.h"

#define REAL double
#define INT int64_t
#define LANES 2
#define GEMM adc_rt_gemm_f64_16
#include "runtime/gemm.h"

#define REAL float
#define INT int32_t
#define LANES 4
#define GEMM adc_rt_gemm_f32_16
#include "runtime/gemm.h"
