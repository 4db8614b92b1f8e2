/* math_pair.h - doubles in two parts, of which the second is what the first lacks; logarithms of about 58 bits. */
#ifndef ADC_RUNTIME_MATH_PAIR_H
#define ADC_RUNTIME_MATH_PAIR_H
#include "runtime/math_log.h"

typedef struct Pair { double high, low; } Pair;

/* What a b, rounded to `product`, lacks. */
INLINE double product_rest(double a, double b, double product) {
#if FUSED
  return __builtin_fma(a, b, -product);
#else
  double a1 = half_of(a), a2 = a - a1, b1 = half_of(b), b2 = b - b1;
  return a1 * b1 - product + (a1 * b2 + a2 * b1) + a2 * b2;
#endif
}

INLINE Pair pair_sum(double a, double b) {
  double s = a + b, b1 = s - a;
  return (Pair){s, a - (s - b1) + (b - b1)};
}
INLINE Pair pair_times(Pair a, Pair b) {
  double p = a.high * b.high, low = product_rest(a.high, b.high, p) + (a.high * b.low + a.low * b.high), s = p + low;
  return (Pair){s, p - s + low};
}
INLINE Pair pair_over(Pair a, Pair b) {
  double q = a.high / b.high, p = q * b.high, rest = a.high - p - product_rest(q, b.high, p) + (a.low - q * b.low);
  return (Pair){q, rest / b.high};
}

/* log x of a normal x > 0, less than 2^1000. */
INLINE Pair log_pair(double x) {
  Log p = log_parts(x);
  double f = log_rest(p.m, FN(look)(log_inverse, p.i)), whole = p.k * LN2_HIGH + FN(look)(log_value, p.i), high = whole + f;
  return (Pair){high, whole - high + f + (f * f * log_tail(f) + p.k * LN2_LOW)};
}

#endif
