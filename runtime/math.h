/* math.h - what the elementary functions of generated code share.
 *
 * The functions of math_*.c are the scalar ones; codegen/widen.c makes a vector function of each by doing every
 * instruction to all lanes. So each is one straight line: no branch, no loop that stays one, no table; conditions are
 * selects of values that are computed either way. What is rare and long is a call of a function marked RARE (below).
 *
 * Any target may get this code, so nothing relies on a fused multiply-add, though the compiler may use one wherever a
 * product is added to something in one expression: where that would hurt, the product is exact. */
#ifndef ADC_RUNTIME_MATH_H
#define ADC_RUNTIME_MATH_H
#include <stdbool.h>
#include <stdint.h>
#pragma STDC FP_CONTRACT ON

#define INF  ((double)__builtin_inff())
#define INFF __builtin_inff()
#define INLINE static inline __attribute__((always_inline))

/* The widener turns a call of a RARE function, `f(any, x…)`, into calls for the lanes whose `any` is true, behind one
 * branch; the others get the last operand. */
#define RARE __attribute__((noinline, const))

INLINE uint64_t bits(double x) {
  uint64_t b;
  __builtin_memcpy(&b, &x, sizeof b);
  return b;
}
INLINE double from_bits(uint64_t b) {
  double x;
  __builtin_memcpy(&x, &b, sizeof x);
  return x;
}
INLINE uint32_t bitsf(float x) {
  uint32_t b;
  __builtin_memcpy(&b, &x, sizeof b);
  return b;
}
INLINE float from_bitsf(uint32_t b) {
  float x;
  __builtin_memcpy(&x, &b, sizeof x);
  return x;
}

/* Adding this to x, |x| < 2^51, rounds x to an integer, which the low bits of the sum hold: vectors of all processors
 * can do it. Subtracting it gives the integer as a number. */
#define ROUND  0x1.8p52
#define ROUNDF 0x1.8p23f

INLINE double nearest(double x) { return x + ROUND - ROUND; }
INLINE float nearestf(float x) { return x + ROUNDF - ROUNDF; }

/* 2^n, n an integer, -1022 <= n <= 1023. */
INLINE double power2(double n) { return from_bits(bits(n + (ROUND + 1023)) << 52); }
INLINE float power2f(float n) { return from_bitsf(bitsf(n + (ROUNDF + 127)) << 23); } /* -126 <= n <= 127 */

/* x 2^n, rounded once but for subnormal results; |n| < 2000. */
INLINE double scale(double x, double n) {
  double half = nearest(n * 0.5);
  return x * power2(half) * power2(n - half);
}
INLINE float scalef(float x, float n) {
  float half = nearestf(n * 0.5f);
  return x * power2f(half) * power2f(n - half);
}

/* c[0] + c[1] x + …, n coefficients, by Estrin's scheme: short chains. */
#define DEFINE_POLY(NAME, T)                                                                                           \
  INLINE T NAME(T x, const T *c, int n) {                                                                              \
    T t[32];                                                                                                           \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < n; i++) t[i] = c[i];                                        \
    _Pragma("clang loop unroll(full)") for (int k = 0; k < 5; k++) {                                                   \
      int m = (n + (1 << k) - 1) >> k;                                                                                 \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; i++) if (2 * i < m) t[i] =                            \
          2 * i + 1 < m ? t[2 * i + 1] * x + t[2 * i] : t[2 * i];                                                      \
      x *= x;                                                                                                          \
    }                                                                                                                  \
    return t[0];                                                                                                       \
  }
DEFINE_POLY(poly_of, double)
DEFINE_POLY(polyf_of, float)
#undef DEFINE_POLY
#define POLY(x, ...)  poly_of(x, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))
#define POLYF(x, ...) polyf_of(x, (const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

#endif
