/* gemm.c - matrix products for each element type and each width of vector registers, in bytes.
 *
 * Stands alone: compiled to bitcode for any target; vectors that a target does not have are split by its code generator.  A panel
 * of A takes half a first-level cache, the block of B a part of one of the second, that of A may go beyond; AHEAD is how many rows of B
 * are asked for before they are read (tuned on AVX-512; no result depends on these but in the order of a sum). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma STDC FP_CONTRACT ON
#define UNROLL _Pragma("clang loop unroll(full)")

enum { KC = 384, MC = 768, PANELS = 8, AHEAD = 8, CACHED = 32768, FAR = 32768, PIECE = 2048 };

/* Elements of a product that are finished: rows from `row` on, columns from `col` on. */
typedef void (*Then)(void *env, int64_t row, int64_t rows, int64_t col, int64_t cols);

/* The first and the second half of two vectors' elements in turn. */
#define FIRST_2 0, 2
#define SECOND_2 1, 3
#define FIRST_4 0, 4, 1, 5
#define SECOND_4 2, 6, 3, 7
#define FIRST_8 0, 8, 1, 9, 2, 10, 3, 11
#define SECOND_8 4, 12, 5, 13, 6, 14, 7, 15
#define FIRST_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECOND_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#define DECLARE(name, T)                                                                                                                 \
  void name(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t ar, int64_t ac, const T *b, int64_t br, int64_t bc, T *c,       \
            int64_t cr, int64_t cc, int64_t add, T *space, Then then, void *env);                                                         \
  void name##_blas(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t ar, int64_t ac, const T *b, int64_t br, int64_t bc,      \
                   T *c, int64_t cr, int64_t cc, int64_t add, T *space, Then then, void *env);
DECLARE(adc_rt_gemm_f64_64, double)
DECLARE(adc_rt_gemm_f32_64, float)
DECLARE(adc_rt_gemm_f64_32, double)
DECLARE(adc_rt_gemm_f32_32, float)
DECLARE(adc_rt_gemm_f64_16, double)
DECLARE(adc_rt_gemm_f32_16, float)

#define DECLARE_MATVEC(type, T)                                                                                                 \
  void adc_rt_gemm_rows_##type(int64_t m, int64_t k, const T *a, int64_t ar, const T *b, T *c, int64_t cr, int64_t add);           \
  void adc_rt_gemm_columns_##type(int64_t m, int64_t n, const T *a, int64_t ar, const T *b, int64_t br, T *c, int64_t add);
DECLARE_MATVEC(f64_64, double)
DECLARE_MATVEC(f32_64, float)
DECLARE_MATVEC(f64_32, double)
DECLARE_MATVEC(f32_32, float)
DECLARE_MATVEC(f64_16, double)
DECLARE_MATVEC(f32_16, float)

/* mask.ll: the first n of a vector's elements, zeros beyond, from where they lie; and to there. */
#define DECLARE_MASKED(type, T)                                    \
  void adc_rt_load_##type(void *to, const T *from, int64_t n);     \
  void adc_rt_store_##type(T *to, const void *from, int64_t n);
DECLARE_MASKED(f64_64, double)
DECLARE_MASKED(f32_64, float)
DECLARE_MASKED(f64_32, double)
DECLARE_MASKED(f32_32, float)

/* <cblas.h>, whose enumerations are ints. */
void cblas_dgemm(int order, int a_order, int b_order, int m, int n, int k, double alpha, const double *a, int la, const double *b, int lb,
                 double beta, double *c, int lc);
void cblas_sgemm(int order, int a_order, int b_order, int m, int n, int k, float alpha, const float *a, int la, const float *b, int lb,
                 float beta, float *c, int lc);

/* 32 registers of 64 bytes */
#define MR 8
#define HALF 4
#define NV 3

#define REAL double
#define CBLAS cblas_dgemm
#define LANES 8
#define FIRST FIRST_8
#define SECOND SECOND_8
#define GEMM adc_rt_gemm_f64_64
#define MATVEC(by) adc_rt_gemm_##by##_f64_64
#define MASKS 1
#define LOAD adc_rt_load_f64_64
#define STORE adc_rt_store_f64_64
#include "runtime/gemm.h"

#define REAL float
#define CBLAS cblas_sgemm
#define LANES 16
#define FIRST FIRST_16
#define SECOND SECOND_16
#define GEMM adc_rt_gemm_f32_64
#define MATVEC(by) adc_rt_gemm_##by##_f32_64
#define MASKS 1
#define LOAD adc_rt_load_f32_64
#define STORE adc_rt_store_f32_64
#include "runtime/gemm.h"

/* 16 registers, or more */
#undef MR
#undef HALF
#undef NV
#define MR 6
#define HALF 3
#define NV 2

#define REAL double
#define CBLAS cblas_dgemm
#define LANES 4
#define FIRST FIRST_4
#define SECOND SECOND_4
#define GEMM adc_rt_gemm_f64_32
#define MATVEC(by) adc_rt_gemm_##by##_f64_32
#define MASKS 1
#define LOAD adc_rt_load_f64_32
#define STORE adc_rt_store_f64_32
#include "runtime/gemm.h"

#define REAL float
#define CBLAS cblas_sgemm
#define LANES 8
#define FIRST FIRST_8
#define SECOND SECOND_8
#define GEMM adc_rt_gemm_f32_32
#define MATVEC(by) adc_rt_gemm_##by##_f32_32
#define MASKS 1
#define LOAD adc_rt_load_f32_32
#define STORE adc_rt_store_f32_32
#include "runtime/gemm.h"

#define REAL double
#define CBLAS cblas_dgemm
#define LANES 2
#define FIRST FIRST_2
#define SECOND SECOND_2
#define GEMM adc_rt_gemm_f64_16
#define MATVEC(by) adc_rt_gemm_##by##_f64_16
#define MASKS 0
#include "runtime/gemm.h"

#define REAL float
#define CBLAS cblas_sgemm
#define LANES 4
#define FIRST FIRST_4
#define SECOND SECOND_4
#define GEMM adc_rt_gemm_f32_16
#define MATVEC(by) adc_rt_gemm_##by##_f32_16
#define MASKS 0
#include "runtime/gemm.h"
