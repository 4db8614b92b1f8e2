/* math_exp.h - the cores of exp: e^x = 2^n e^r, for the functions that begin with it. */
#ifndef ADC_RUNTIME_MATH_EXP_H
#define ADC_RUNTIME_MATH_EXP_H
#include "runtime/math.h"

/* e^r - 1 = r + tail; `lost` is what r lacks of the reduced argument. */
typedef struct Exp { double n, r, tail, lost; } Exp;
typedef struct Expf { float n, r, tail, lost; } Expf;

/* e^(x + low) for |x| < 1500, |low| < 2: |r| <= log(2) / 2.  The high part of log 2 has so few bits that n times it is
 * exact. */
INLINE Exp exp_of_sum(double x, double low) {
  double n = nearest((x + low) * 0x1.71547652b82fep0), first = x - n * 0x1.62e42fee00000p-1;
  double second = low - n * 0x1.a39ef35793c76p-33, r = first + second;
  double p = POLY(r, 0x1.0000000000001p-1, 0x1.5555555555558p-3, 0x1.5555555553cb8p-5, 0x1.111111110f8cbp-7,
                  0x1.6c16c178bac58p-10, 0x1.a01a01afc2249p-13, 0x1.a019b877dd29fp-16, 0x1.71ddf762c3ce8p-19,
                  0x1.289221116d37bp-22, 0x1.af620c5ddb50cp-26);
  return (Exp){n, r, r * r * p, first - r + second};
}
INLINE Exp exp_of(double x) { return exp_of_sum(x, -0.0); }
INLINE double exp_mantissa(Exp e) { return 1 + (e.r + e.tail); }

INLINE Expf expf_of_sum(float x, float low) {
  float n = nearestf((x + low) * 0x1.715476p0f), first = x - n * 0x1.63p-1f, second = low - n * -0x1.bd0106p-13f;
  float r = first + second, p = POLYF(r, 0x1p-1f, 0x1.5554dcp-3f, 0x1.5554e8p-5f, 0x1.120c38p-7f, 0x1.6d4e78p-10f);
  return (Expf){n, r, r * r * p, first - r + second};
}
INLINE Expf expf_of(float x) { return expf_of_sum(x, -0.0f); }
INLINE float expf_mantissa(Expf e) { return 1 + (e.r + e.tail); }

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
  return scale(exp_mantissa(e), e.n);
}
INLINE float expf_any(float x) {
  Expf e = expf_of(clampedf(x, -104, 89));
  return scalef(expf_mantissa(e), e.n);
}

#endif
