/* drive.c - times the functions of table.inc, three implementations in turn, and prints a table. */
#include "functions.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ONE(F, low, high)                                                                                              \
  void vector_##F##_f64(int, const double *, double *), scalar_##F##_f64(int, const double *, double *);               \
  void vector_##F##_f32(int, const float *, float *), scalar_##F##_f32(int, const float *, float *);
#define TWO(F, low, high)                                                                                              \
  void vector_##F##_f64(int, const double *, const double *, double *);                                                \
  void scalar_##F##_f64(int, const double *, const double *, double *);                                                \
  void vector_##F##_f32(int, const float *, const float *, float *);                                                   \
  void scalar_##F##_f32(int, const float *, const float *, float *);
#include "table.inc"
#undef ONE
#undef TWO

enum { N = 4096, ROUNDS = 15 };
static double x[N], z[N], y[N];
static float xf[N], zf[N], yf[N];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fill(double low, double high) {
  for (int i = 0; i < N; i++) {
    xf[i] = (float)(x[i] = low + (high - low) * rand() / RAND_MAX);
    zf[i] = (float)(z[i] = low + (high - low) * rand() / RAND_MAX);
  }
}

static int by_value(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return d < 0 ? -1 : d > 0;
}

/* Each call is repeated until it has taken 0.2 ms. */
#define SAMPLE(k, call)                                                                                                \
  {                                                                                                                    \
    double start = now(), end;                                                                                         \
    int times = 0;                                                                                                     \
    do {                                                                                                               \
      call;                                                                                                            \
      times++;                                                                                                         \
    } while ((end = now()) - start < 2e5);                                                                             \
    sample[k][round] = (end - start) / times / N;                                                                      \
  }
#define ROW(F, type, ours, vector, scalar)                                                                             \
  {                                                                                                                    \
    double sample[3][ROUNDS];                                                                                          \
    for (int round = 0; round < ROUNDS; round++) {                                                                     \
      SAMPLE(0, ours)                                                                                                  \
      SAMPLE(1, vector)                                                                                                \
      SAMPLE(2, scalar)                                                                                                \
    }                                                                                                                  \
    for (int k = 0; k < 3; k++) qsort(sample[k], ROUNDS, sizeof(double), by_value);                                    \
    double a = sample[0][ROUNDS / 2], b = sample[1][ROUNDS / 2], c = sample[2][ROUNDS / 2];                            \
    printf("%-8s %s %8.3f %8.3f %8.3f %8.2f %s\n", #F, type, a, b, c, a / b, a > b ? "slower" : "");                   \
  }
#define ONE(F, low, high)                                                                                              \
  fill(low, high);                                                                                                     \
  ROW(F, "f64", F##_f64(N, x, y, 0), vector_##F##_f64(N, x, y), scalar_##F##_f64(N, x, y))                             \
  ROW(F, "f32", F##_f32(N, xf, yf, 0), vector_##F##_f32(N, xf, yf), scalar_##F##_f32(N, xf, yf))
#define TWO(F, low, high)                                                                                              \
  fill(low, high);                                                                                                     \
  ROW(F, "f64", F##_f64(N, x, z, y, 0), vector_##F##_f64(N, x, z, y), scalar_##F##_f64(N, x, z, y))                    \
  ROW(F, "f32", F##_f32(N, xf, zf, yf, 0), vector_##F##_f32(N, xf, zf, yf), scalar_##F##_f32(N, xf, zf, yf))

int main(void) {
  printf("function type      adc  libmvec   scalar  adc/libmvec\n");
#include "table.inc"
}
