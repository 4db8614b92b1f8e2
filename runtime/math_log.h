/* math_log.h - the cores of log, for the functions that end with it. */
#ifndef ADC_RUNTIME_MATH_LOG_H
#define ADC_RUNTIME_MATH_LOG_H
#include "runtime/math.h"

/* 2^k (1 + f + low), with sqrt(1/2) <= 1 + f < sqrt(2) and |low| tiny beside f. */
typedef struct Log { double k, f, low; } Log;
typedef struct Logf { float k, f, low; } Logf;

/* Of a normal x > 0; its low is -0, which sums forget at compile time. */
INLINE Log log_parts(double x) {
  uint64_t root = 0x3fe6a09e667f3bcd, i = bits(x) + (0x3ff0000000000000 - root);
  double k = from_bits(i >> 52 | bits(0x1p52)) - (0x1p52 + 1023);
  return (Log){k, from_bits((i & 0x000fffffffffffff) + root) - 1, -0.0};
}
INLINE Logf logf_parts(float x) {
  uint32_t root = 0x3f3504f3, i = bitsf(x) + (0x3f800000 - root);
  float k = from_bitsf(i >> 23 | bitsf(0x1p23f)) - (0x1p23f + 127);
  return (Logf){k, from_bitsf((i & 0x007fffff) + root) - 1, -0.0f};
}

/* Of x + low, low = 0 where x is huge. */
INLINE Log log_parts_sum(double x, double low) {
  Log p = log_parts(x);
  double l = low * power2(1 - p.k) * 0.5, sum = p.f + l;
  return (Log){p.k, sum, p.f - sum + l};
}
INLINE Logf logf_parts_sum(float x, float low) {
  Logf p = logf_parts(x);
  float l = low * power2f(1 - p.k) * 0.5f, sum = p.f + l;
  return (Logf){p.k, sum, p.f - sum + l};
}

/* f - log(1 + f): with s = f / (2 + f), log((1 + s) / (1 - s)) = 2 s + s R(s^2), and 2 s = f - s f.  For f32 a polynomial
 * costs less than the quotient: f^2 / 2 - f^3 Q(f). */
INLINE double log_tail(double f) {
  double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
  double r = z * POLY(z, 0x1.5555555555558p-1, 0x1.9999999995137p-2, 0x1.2492492e2e9c6p-2, 0x1.c71c6290f394dp-3,
                      0x1.7462cd8470009p-3, 0x1.39fb1a4ee2483p-3, 0x1.2b81043383238p-3);
  return half - s * (half + r);
}
INLINE float logf_tail(float f) {
  float q = POLYF(f, 0x1.555554p-2f, -0x1.fffffcp-3f, 0x1.999d5ap-3f, -0x1.555b4ap-3f, 0x1.23d21ap-3f, -0x1.fcf4c6p-4f,
                  0x1.dea282p-4f, -0x1.d635bcp-4f, 0x1.1d8ea6p-4f);
  return 0.5f * f * f - f * f * f * q;
}

/* The logarithm of the parts; the high part of log 2 times k is exact. */
INLINE double log_sum(Log p) {
  double t = log_tail(p.f) - (p.k * 0x1.a39ef35793c76p-33 + p.low);
  return p.k * 0x1.62e42fee00000p-1 - (t - p.f);
}
INLINE float logf_sum(Logf p) {
  float t = logf_tail(p.f) - (p.k * 0x1.2fefa2p-17f + p.low);
  return p.k * 0x1.62e3p-1f - (t - p.f);
}

/* y, the logarithm of x where x is normal: at the other places what it should be. */
INLINE double log_ends(double x, double y) {
  y = x < INF ? y : x;
  double low = x == 0 ? -INF : (double)__builtin_nanf("");
  return x > 0 ? y : low;
}
INLINE float logf_ends(float x, float y) {
  y = x < INFF ? y : x;
  float low = x == 0 ? -INFF : __builtin_nanf("");
  return x > 0 ? y : low;
}

/* log(1 + (x + low)), low tiny beside x; x >= -1. */
INLINE double log1p_of(double x, double low) {
  double u = 1 + x, back = u - 1;
  return log_sum(log_parts_sum(u, 1 - (u - back) + (x - back) + low));
}
INLINE float log1pf_of(float x, float low) {
  float u = 1 + x, back = u - 1;
  return logf_sum(logf_parts_sum(u, 1 - (u - back) + (x - back) + low));
}

#endif
