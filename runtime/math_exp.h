/* math_exp.h - the cores of exp: e^x = 2^n e^r, for the functions that begin with it. */
#ifndef ADC_RUNTIME_MATH_EXP_H
#define ADC_RUNTIME_MATH_EXP_H
#include "runtime/math.h"

/* 2^n e^r; e^r - 1 = r + tail, and `lost` is what r lacks of the reduced argument.  The low bits of `two` hold n + 2046
 * (n + 254), for exp_scale. */
typedef struct Exp {
  double n, r, tail, lost;
  uint64_t two;
} Exp;
typedef struct Expf {
  float n, r, tail, lost;
  uint32_t two;
} Expf;

INLINE double exp_tail(double r) {
  return r * r *
         POLY(r, 0x1.0000000000001p-1, 0x1.5555555555558p-3, 0x1.5555555553cb8p-5, 0x1.111111110f8cbp-7,
              0x1.6c16c178bac58p-10, 0x1.a01a01afc2249p-13, 0x1.a019b877dd29fp-16, 0x1.71ddf762c3ce8p-19,
              0x1.289221116d37bp-22, 0x1.af620c5ddb50cp-26);
}
INLINE float expf_tail(float r) {
  return r * r * POLYF(r, 0x1p-1f, 0x1.5554dcp-3f, 0x1.5554e8p-5f, 0x1.120c38p-7f, 0x1.6d4e78p-10f);
}

/* e^x for |x| < 1500: |r| <= log(2) / 2.  The high part of log 2 has so few bits that n times it is exact. */
INLINE Exp exp_of(double x) {
  double shifted = x * 0x1.71547652b82fep0 + (ROUND + 2046), n = shifted - (ROUND + 2046);
  double first = x - n * 0x1.62e42fee00000p-1, r = first - n * 0x1.a39ef35793c76p-33;
  return (Exp){n, r, exp_tail(r), first - r - n * 0x1.a39ef35793c76p-33, bits(shifted)};
}
INLINE Expf expf_of(float x) {
  float shifted = x * 0x1.715476p0f + (ROUNDF + 254), n = shifted - (ROUNDF + 254);
  float first = x - n * 0x1.63p-1f, r = first - n * -0x1.bd0106p-13f;
  return (Expf){n, r, expf_tail(r), first - r - n * -0x1.bd0106p-13f, bitsf(shifted)};
}

/* e^(x + low), |low| < 2. */
INLINE Exp exp_of_sum(double x, double low) {
  double shifted = (x + low) * 0x1.71547652b82fep0 + (ROUND + 2046), n = shifted - (ROUND + 2046);
  double first = x - n * 0x1.62e42fee00000p-1, second = low - n * 0x1.a39ef35793c76p-33, r = first + second;
  return (Exp){n, r, exp_tail(r), first - r + second, bits(shifted)};
}
INLINE Expf expf_of_sum(float x, float low) {
  float shifted = (x + low) * 0x1.715476p0f + (ROUNDF + 254), n = shifted - (ROUNDF + 254);
  float first = x - n * 0x1.63p-1f, second = low - n * -0x1.bd0106p-13f, r = first + second;
  return (Expf){n, r, expf_tail(r), first - r + second, bitsf(shifted)};
}

INLINE double exp_mantissa(Exp e) { return 1 + (e.r + e.tail); }
INLINE float expf_mantissa(Expf e) { return 1 + (e.r + e.tail); }

/* x 2^n by two powers of about half of n each, so that it may be more than the largest number or less than the least. */
INLINE double exp_scale(double x, uint64_t two) {
  uint64_t half = two >> 1;
  return x * from_bits(half << 52) * from_bits((two - half) << 52);
}
INLINE float expf_scale(float x, uint32_t two) {
  uint32_t half = two >> 1;
  return x * from_bitsf(half << 23) * from_bitsf((two - half) << 23);
}

/* s e^r - t, for a power of two s = 2^n and t <= s, or n = 0 and t = s. */
INLINE double exp_minus(Exp e, double s, double t) { return s - t + s * e.r + s * (e.tail + e.lost); }
INLINE float expf_minus(Expf e, float s, float t) { return s - t + s * e.r + s * (e.tail + e.lost); }

INLINE double clamped(double x, double low, double high) {
  double y = x < low ? low : x;
  return y > high ? high : y;
}
INLINE float clampedf(float x, float low, float high) {
  float y = x < low ? low : x;
  return y > high ? high : y;
}

INLINE double exp_any(double x) {
  Exp e = exp_of(clamped(x, -746, 710));
  return exp_scale(exp_mantissa(e), e.two);
}
INLINE float expf_any(float x) {
  Expf e = expf_of(clampedf(x, -104, 89));
  return expf_scale(expf_mantissa(e), e.two);
}

#endif
