/* math_pow.c - powers and roots. */
#include "runtime/math_exp.h"
#include "runtime/math_log.h"

/* The high half of x's bits. */
INLINE double half_of(double x) { return from_bits(bits(x) & 0xffffffff00000000); }

typedef struct Pair { double high, low; } Pair;

/* log2(x), x > 0 and normal, to about 2^-64; high has half of the bits.  With s = f / (2 + f), twice cut so that
 * products are exact: log(1 + f) = 2/3 s (3 + s^2 + s^4 P(s^2)). */
INLINE Pair log2_pair(double x) {
  Log p = log_parts(x);
  double m = p.f + 1, down = 1 / (m + 1), s = p.f * down, s1 = half_of(s), d1 = half_of(m + 1), d2 = m - (d1 - 1);
  double s2 = down * (p.f - s1 * d1 - s1 * d2), z = s * s;
  double r = z * z *
                 POLY(z, 0x1.3333333333337p-1, 0x1.b6db6db6d549ap-2, 0x1.5555556248257p-2, 0x1.1745c73afe030p-2,
                      0x1.d8a535f01f6dcp-3, 0x1.9820ceb2fde50p-3, 0x1.8ce8c14566ae4p-3) +
             s2 * (s1 + s);
  double z1 = s1 * s1, t1 = half_of(3 + z1 + r), t2 = r - (t1 - 3 - z1);
  double u = s1 * t1, v = s2 * t1 + t2 * s, h1 = half_of(u + v), h2 = v - (h1 - u);
  double y1 = 0x1.ec709p-1 * h1, y2 = 0x1.b87407fae93f8p-22 * h1 + h2 * 0x1.ec709dc3a03fdp-1;
  double high = half_of(p.k + y1 + y2);
  return (Pair){high, y2 - (high - p.k - y1)};
}

/* 2^(z + low), |low| small. */
INLINE double exp2_sum(double z, double low) {
  double n = nearest(z), t = z - n, r = t + low, lost = t - r + low;
  double tail = POLY(r, 0x1.ebfbdff82c59p-3, 0x1.c6b08d704a0c3p-5, 0x1.3b2ab6fba39abp-7, 0x1.5d87fe78a488fp-10,
                     0x1.43091303349d7p-13, 0x1.ffcbfc6ba490cp-17, 0x1.62bfe502e5347p-20, 0x1.b524ee76224e1p-24,
                     0x1.e5e8f6a292cbcp-28, 0x1.e9ea55fa31b8fp-32);
  double small = r * 0x1.abc9e3b39803fp-56 + lost * 0x1.62e42fefa39efp-1 + r * r * tail;
  return scale(1 + (r * 0x1.62e42fefa39efp-1 + small), n);
}

/* r, which is |x|^y where |x| is neither 0 nor infinite: what C's pow gives. */
INLINE double pow_ends(double x, double y, double r) {
  double a = __builtin_fabs(x), ay = __builtin_fabs(y), end = (a == INF) == (y > 0) ? INF : 0;
  bool edge = (a == 0) | (a == INF), low = ay < 0x1p52;
  double above = ay + 0x1p52;
  uint64_t even = ay < 0x1p53 ? bits(ay) : 0, unit = low ? bits(above) : even;
  bool fraction = low & (above - 0x1p52 != ay), odd = !fraction & ((unit & 1) != 0);
  r = edge ? end : r;
  r = ((x < 0) & fraction & !edge) ? __builtin_nan("") : r;
  uint64_t sign = odd ? bits(x) & (uint64_t)1 << 63 : 0;
  r = from_bits(bits(r) ^ sign);
  double nan = x + y;
  r = ((x != x) | (y != y)) ? nan : r;
  return ((x == 1) | (y == 0)) ? 1 : r;
}

double adc_math_pow(double x, double y) {
  double a = __builtin_fabs(x), big = a * 0x1p54, e = clamped(y, -0x1p66, 0x1p66), e1 = half_of(e);
  bool tiny = a < 0x1p-1022;
  Pair l = log2_pair(tiny ? big : a);
  /* Of a tiny number's logarithm the high part takes all of the 54. */
  double less = l.high - 54, cut = half_of(less), left = less - cut + l.low;
  l = tiny ? (Pair){cut, left} : l;
  double z = e1 * l.high, low = (e - e1) * l.high + e * l.low;
  low = __builtin_fabs(z) < 1100 ? low : 0;
  return pow_ends(x, y, exp2_sum(clamped(z, -1100, 1100), low));
}

/* In double precision: a float's logarithm needs 24 bits behind the 7 of its integer part. */
float adc_math_powf(float x, float y) {
  double a = __builtin_fabs((double)x), e = clamped(y, -0x1p40, 0x1p40);
  Log p = log_parts(a);
  double s = p.f / (2 + p.f), q = s * s;
  double l = p.k + s * POLY(q, 0x1.71547652b824dp+1, 0x1.ec709dc545890p-1, 0x1.2776c2878cd46p-1, 0x1.a61a38f4dc4b9p-2,
                            0x1.4793925a6d3f9p-2, 0x1.21cbe9e206db2p-2);
  double z = clamped(e * l, -300, 300), n = nearest(z);
  double r = power2(n) * POLY(z - n, 0x1.ffffffffa5a44p-1, 0x1.62e42fef9caa5p-1, 0x1.ebfbe0ac296cdp-3,
                              0x1.c6b08da7b5ff0p-5, 0x1.3b29d6f1f418cp-7, 0x1.5d87747ec37c6p-10, 0x1.446de6e76e98fp-13,
                              0x1.00c1c598f4520p-16);
  return (float)pow_ends(x, y, r);
}

/* A third of the exponent and Newton's method, as in cubes: t is rounded to 21 bits before the last step, so that its
 * square is exact. */
INLINE double cbrt_step(double t, double a) {
  double r = a / (t * t);
  return t + t * ((r - t) / (t + t + r));
}
INLINE double cbrt_start(double a) {
  double word = from_bits(bits(a) >> 32 | bits(0x1p52)) - 0x1p52;
  double t = from_bits(bits(word * (1.0 / 3) + (0x1p52 + 715094163)) << 32), r = t * t * (t / a);
  return t * (1.87595182427177009643 + r * (-1.88497979543377169875 + r * 1.621429720105354466140) +
              r * r * r * (-0.758397934778766047437 + r * 0.145996192886612446982));
}

double adc_math_cbrt(double x) {
  double a = __builtin_fabs(x), big = a * 0x1p54;
  bool tiny = a < 0x1p-1000;
  a = tiny ? big : a;
  double t = from_bits((bits(cbrt_start(a)) + 0x80000000) & 0xffffffffc0000000);
  double y = cbrt_step(t, a), small = y * 0x1p-18;
  y = tiny ? small : y;
  double end = x + x, with_sign = __builtin_copysign(y, x);
  return ((a > 0) & (a < INF)) ? with_sign : end;
}
float adc_math_cbrtf(float x) {
  double a = __builtin_fabs((double)x), y = cbrt_step(cbrt_start(a), a);
  float end = x + x;
  return ((a > 0) & (a < INF)) ? __builtin_copysignf((float)y, x) : end;
}

double adc_math_hypot(double x, double y) {
  double a = __builtin_fabs(x), b = __builtin_fabs(y), high = a > b ? a : b, low = a > b ? b : a;
  double down = high > 0x1p500 ? 0x1p-600 : 1, up = high > 0x1p500 ? 0x1p600 : 1;
  down = high < 0x1p-400 ? 0x1p600 : down;
  up = high < 0x1p-400 ? 0x1p-600 : up;
  high *= down;
  low *= down;
  double r = __builtin_sqrt(high * high + low * low) * up;
  return ((a == INF) | (b == INF)) ? INF : r;
}
float adc_math_hypotf(float x, float y) {
  float a = __builtin_fabsf(x), b = __builtin_fabsf(y), high = a > b ? a : b, low = a > b ? b : a;
  float down = high > 0x1p60f ? 0x1p-70f : 1, up = high > 0x1p60f ? 0x1p70f : 1;
  down = high < 0x1p-40f ? 0x1p80f : down;
  up = high < 0x1p-40f ? 0x1p-80f : up;
  high *= down;
  low *= down;
  float r = __builtin_sqrtf(high * high + low * low) * up;
  return ((a == INFF) | (b == INFF)) ? INFF : r;
}
