/* math_exp.c - exponential and hyperbolic functions. */
#include "runtime/math_exp.h"
#include "runtime/math_log.h"

double adc_math_exp(double x) { return exp_any(x); }
float adc_math_expf(float x) { return expf_any(x); }

double adc_math_exp2(double x) {
  x = clamped(x, -1080, 1025);
  double shifted = x + (ROUND + 2046), r = x - (shifted - (ROUND + 2046));
  double tail = POLY(r, 0x1.ebfbdff82c59p-3, 0x1.c6b08d704a0c3p-5, 0x1.3b2ab6fba39abp-7, 0x1.5d87fe78a488fp-10,
                     0x1.43091303349d7p-13, 0x1.ffcbfc6ba490cp-17, 0x1.62bfe502e5347p-20, 0x1.b524ee76224e1p-24,
                     0x1.e5e8f6a292cbcp-28, 0x1.e9ea55fa31b8fp-32);
  double low = r * 0x1.abc9e3b39803fp-56 + r * r * tail;
  return exp_scale(1 + (r * 0x1.62e42fefa39efp-1 + low), bits(shifted));
}

float adc_math_exp2f(float x) {
  x = clampedf(x, -152, 129);
  float shifted = x + (ROUNDF + 254), r = x - (shifted - (ROUNDF + 254));
  float tail =
      POLYF(r, 0x1.ebfbep-3f, 0x1.c6afecp-5f, 0x1.3b2a4ap-7f, 0x1.5ec95cp-10f, 0x1.442422p-13f);
  float low = r * -0x1.05c610p-29f + r * r * tail;
  return expf_scale(1 + (r * 0x1.62e430p-1f + low), bitsf(shifted));
}

/* 2^n e^r - 1 = 2 (h e^r - 1/2), h = 2^(n-1): so that n may be 1024. */
double adc_math_expm1(double x) {
  Exp e = exp_of(clamped(x, -50, 710));
  double h = power2(e.n - 1), near = e.r + e.tail, y = 2 * exp_minus(e, h, 0.5);
  return __builtin_copysign(e.n == 0 ? near : y, x);
}
float adc_math_expm1f(float x) {
  Expf e = expf_of(clampedf(x, -25, 89));
  float h = power2f(e.n - 1), near = e.r + e.tail, y = 2 * expf_minus(e, h, 0.5f);
  return __builtin_copysignf(e.n == 0 ? near : y, x);
}

/* With 2|x| = n log 2 + 2 u, 0 <= u <= log(2) / 2, and t = tanh u: exp(2|x|) = 2^n (1 + t) / (1 - t).  From
 * n = 2 on the difference from 1 is the smaller, and so the better known. */
double adc_math_tanh(double x) {
  double a = clamped(__builtin_fabs(x), 0, 22), n = nearest(a * 0x1.71547652b82fep+1 - 0.5);
  double u = a - n * 0x1.62e42fee00000p-2 - n * 0x1.a39ef35793c76p-34, z = u * u;
  double p = POLY(z, -0x1.5555555555555p-2, 0x1.1111111110f9dp-3, -0x1.ba1ba1b9e1bcep-5, 0x1.664f48628c5a4p-6,
                  -0x1.226e2bc52538fp-7, 0x1.d6d07a1a3bd7ap-9, -0x1.7d49c06f69d5fp-10, 0x1.2fbccf31b3ef4p-11,
                  -0x1.9187d08465bc4p-13);
  double t = u * z * p + u, s = power2(n), less = s - 1, more = s + 1;
  bool far = n >= 2;
  double low = less + more * t, high = 2 * t - 2;
  return __builtin_copysign((far ? 1 : 0) + (far ? high : low) / (more + less * t), x);
}
float adc_math_tanhf(float x) {
  float a = clampedf(__builtin_fabsf(x), 0, 11), n = nearestf(a * 0x1.715476p+1f - 0.5f);
  float u = a - n * 0x1.63p-2f - n * -0x1.bd0106p-14f, z = u * u;
  float p = POLYF(z, -0x1.555556p-2f, 0x1.11119ep-3f, -0x1.ba586ap-5f, 0x1.6aae34p-6f, -0x1.2e604p-7f);
  float t = u * z * p + u, s = power2f(n), less = s - 1, more = s + 1;
  bool far = n >= 2;
  float low = less + more * t, high = 2 * t - 2;
  return __builtin_copysignf((far ? 1 : 0) + (far ? high : low) / (more + less * t), x);
}

/* With e = exp(-|x|): 1 / (1 + e) or e / (1 + e), corrected by what 1 + e loses when it is rounded. */
double adc_math_sigmoid(double x) {
  Exp m = exp_of(clamped(-__builtin_fabs(x), -746, 0));
  m.tail += m.lost;
  double e = exp_scale(exp_mantissa(m), m.two), down = 1 + e, y = (x < 0 ? e : 1) / down, other = 1 - y;
  return y + y * (x < 0 ? other : y) * (down - 1 - e);
}
float adc_math_sigmoidf(float x) {
  Expf m = expf_of(clampedf(-__builtin_fabsf(x), -104, 0));
  m.tail += m.lost;
  float e = expf_scale(expf_mantissa(m), m.two), down = 1 + e, y = (x < 0 ? e : 1) / down, other = 1 - y;
  return y + y * (x < 0 ? other : y) * (down - 1 - e);
}

double adc_math_softplus(double x) {
  double e = exp_any(-__builtin_fabs(x)), y = log1p_of(e, 0);
  y = e < 0x1p-60 ? e : y;
  return (x < 0 ? 0 : x) + y;
}
float adc_math_softplusf(float x) {
  float e = expf_any(-__builtin_fabsf(x)), y = log1pf_of(e, 0);
  y = e < 0x1p-30f ? e : y;
  return (x < 0 ? 0 : x) + y;
}

/* With h = exp(|x|) / 2: h + 1 / (4 h). */
double adc_math_cosh(double x) {
  Exp e = exp_of(clamped(__builtin_fabs(x), 0, 712));
  double h = exp_scale(0.5 * exp_mantissa(e), e.two);
  return h + 0.25 / h;
}
float adc_math_coshf(float x) {
  Expf e = expf_of(clampedf(__builtin_fabsf(x), 0, 91));
  float h = expf_scale(0.5f * expf_mantissa(e), e.two);
  return h + 0.25f / h;
}

/* Up to 1 a polynomial; beyond, with h = exp(|x|) / 2: h - 1 / (4 h). */
double adc_math_sinh(double x) {
  double a = __builtin_fabs(x), z = x * x;
  double near = x + x * z * POLY(z, 0x1.5555555555555p-3, 0x1.1111111111111p-7, 0x1.a01a01a01a001p-13,
                                 0x1.71de3a556f96cp-19, 0x1.ae6456792a77fp-26, 0x1.612467ccb2260p-33,
                                 0x1.ae777c36fd5b6p-41, 0x1.99f0806c2628dp-49);
  Exp e = exp_of(clamped(a, 0, 712));
  double h = exp_scale(0.5 * exp_mantissa(e), e.two), far = h - 0.25 / h;
  return __builtin_copysign(a < 1 ? near : far, x);
}
float adc_math_sinhf(float x) {
  float a = __builtin_fabsf(x), z = x * x;
  float near = x + x * z * POLYF(z, 0x1.555556p-3f, 0x1.11111ep-7f, 0x1.a009p-13f, 0x1.78a70ep-19f);
  Expf e = expf_of(clampedf(a, 0, 91));
  float h = expf_scale(0.5f * expf_mantissa(e), e.two), far = h - 0.25f / h;
  return __builtin_copysignf(a < 1 ? near : far, x);
}
