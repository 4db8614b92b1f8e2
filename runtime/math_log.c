/* math_log.c - logarithms and the inverse hyperbolic functions. */
#include "runtime/math_log.h"

/* The parts of any finite x > 0. */
INLINE Log log_parts_any(double x) {
  bool tiny = x < 0x1p-1022;
  double big = x * 0x1p54;
  Log p = log_parts(tiny ? big : x);
  double less = p.k - 54;
  p.k = tiny ? less : p.k;
  return p;
}
INLINE Logf logf_parts_any(float x) {
  bool tiny = x < 0x1p-126f;
  float big = x * 0x1p25f;
  Logf p = logf_parts(tiny ? big : x);
  float less = p.k - 25;
  p.k = tiny ? less : p.k;
  return p;
}

double adc_math_log(double x) { return log_ends(x, log_sum(log_parts_any(x))); }
float adc_math_logf(float x) { return logf_ends(x, logf_sum(logf_parts_any(x))); }

/* k a + log(1 + f) b, a = a1 + a2, b = b1 + b2: f is cut so that its product with b1 is exact. */
typedef struct Base { double a1, a2, b1, b2; } Base;
INLINE double log_base(double x, Base c) {
  Log p = log_parts_any(x);
  double tail = log_tail(p.f), high = from_bits(bits(p.f - 0.5 * p.f * p.f) & 0xffffffff00000000);
  double low = p.f - high - tail;
  double product = high * c.b1, rest = (low + high) * c.b2 + low * c.b1 + p.k * c.a2, whole = p.k * c.a1;
  double sum = whole + product;
  return log_ends(x, sum + (whole - sum + product + rest));
}
typedef struct Basef { float a1, a2, b1, b2; } Basef;
INLINE float logf_base(float x, Basef c) {
  Logf p = logf_parts_any(x);
  float tail = logf_tail(p.f), high = from_bitsf(bitsf(p.f - 0.5f * p.f * p.f) & 0xfffff000);
  float low = p.f - high - tail;
  float product = high * c.b1, rest = (low + high) * c.b2 + low * c.b1 + p.k * c.a2, whole = p.k * c.a1;
  float sum = whole + product;
  return logf_ends(x, sum + (whole - sum + product + rest));
}

double adc_math_log2(double x) {
  return log_base(x, (Base){1, 0, 1.44269504072144627571e+00, 1.67517131648865118353e-10});
}
float adc_math_log2f(float x) { return logf_base(x, (Basef){1, 0, 1.4428710938e+00f, -1.7605285393e-04f}); }
double adc_math_log10(double x) {
  return log_base(x, (Base){3.01029995663611771306e-01, 3.69423907715893078616e-13, 4.34294481878168880939e-01,
                            2.50829467116452752298e-11});
}
float adc_math_log10f(float x) {
  return logf_base(x, (Basef){3.0102920532e-01f, 7.9034151668e-07f, 4.3432617188e-01f, -3.1689971365e-05f});
}

/* As log1p_of(x, 0), but a last bit that a sum lost is not made good, and no step spoils a subnormal x. */
double adc_math_log1p(double x) {
  double u = 1 + x, back = u - 1, end = x == -1 ? -INF : __builtin_nan("");
  Log p = log_parts_sum(u, 1 - (u - back) + (x - back));
  p.low = -0.0;
  double y = __builtin_copysign(log_sum(p), x);
  y = x < INF ? y : x;
  return x > -1 ? y : end;
}
float adc_math_log1pf(float x) {
  float u = 1 + x, back = u - 1, end = x == -1 ? -INFF : __builtin_nanf("");
  Logf p = logf_parts_sum(u, 1 - (u - back) + (x - back));
  p.low = -0.0f;
  float y = __builtin_copysignf(logf_sum(p), x);
  y = x < INFF ? y : x;
  return x > -1 ? y : end;
}
