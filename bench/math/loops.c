/* loops.c - the functions of table.inc over arrays, by C: what the flags make of them. */
#include <math.h>
#define PASTE(a, b)       a##b
#define NAME(prefix, f)   PASTE(prefix, f)
#define ONE(F, low, high)                                                                                              \
  void NAME(PREFIX, F##_f64)(int n, const double *restrict x, double *restrict y) {                                    \
    for (int i = 0; i < n; i++) y[i] = F(x[i]);                                                                        \
  }                                                                                                                    \
  void NAME(PREFIX, F##_f32)(int n, const float *restrict x, float *restrict y) {                                      \
    for (int i = 0; i < n; i++) y[i] = F##f(x[i]);                                                                     \
  }
#define TWO(F, low, high)                                                                                              \
  void NAME(PREFIX, F##_f64)(int n, const double *restrict x, const double *restrict z, double *restrict y) {          \
    for (int i = 0; i < n; i++) y[i] = F(x[i], z[i]);                                                                  \
  }                                                                                                                    \
  void NAME(PREFIX, F##_f32)(int n, const float *restrict x, const float *restrict z, float *restrict y) {             \
    for (int i = 0; i < n; i++) y[i] = F##f(x[i], z[i]);                                                               \
  }
#include "table.inc"
