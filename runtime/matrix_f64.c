/* matrix_f64.c - matrix.h for double. */
#include <stdbool.h>
#include <stdint.h>

#define T double
#define FN(name) adc_rt_##name##_f64
#define LOCAL(name) name##_f64
#define ABS __builtin_fabs
#define SQRT __builtin_sqrt
#define LOG __builtin_log
void FN(logdet)(const T *f, T *y, int64_t batch, int64_t n);
void FN(det)(const T *f, T *y, int64_t batch, int64_t n);
void FN(lucp)(const T *a, T *f, int64_t batch, int64_t n);
void FN(cofactor)(const T *f, T *x, int64_t batch, int64_t n);
void FN(cofactor_dir)(const T *f, const T *e, T *x, int64_t batch, int64_t n, int64_t rows);
void FN(lujet)(const T *f, const T *e, T *x, int64_t batch, int64_t n, int64_t rows);
#include "runtime/matrix.h"
#include "runtime/matrix_jet.h"
