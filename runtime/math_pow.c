/* math_pow.c - powers. */
#include "runtime/math_exp.h"
#include "runtime/math_log.h"

/* r, which is |x|^y where |x| is neither 0 nor infinite: what C's pow gives. */
INLINE real pow_ends(real x, real y, real r) {
  const real whole = K(0x1p52, 0x1p23f); /* from here on all numbers are */
  real a = absolute(x), ay = absolute(y), end = (a == INF) == (y > 0) ? INF : 0;
  bool edge = (a == 0) | (a == INF), low = ay < whole;
  real above = ay + whole;
  word even = ay < 2 * whole ? bits(ay) : 0, unit = low ? bits(above) : even;
  bool fraction = low & (above - whole != ay), odd = !fraction & ((unit & 1) != 0);
  r = edge ? end : r;
  r = ((x < 0) & fraction & !edge) ? NOT_A_NUMBER : r;
  word sign = odd ? bits(x) & bits(-K(0.0, 0.0f)) : 0;
  r = from_bits(bits(r) ^ sign);
  real nan = x + y;
  r = ((x != x) | (y != y)) ? nan : r;
  return ((x == 1) | (y == 0)) ? 1 : r;
}

/* 16 numbers t, of 5 bits. */
static const double pow_inverse[16] = {0x1.6p+0, 0x1.5p+0, 0x1.4p+0, 0x1.4p+0, 0x1.3p+0, 0x1.2p+0, 0x1.2p+0, 0x1.1p+0,
                                       0x1.1p+0, 0x1p+0, 0x1.ep-1, 0x1.cp-1, 0x1.bp-1, 0x1.ap-1, 0x1.8p-1, 0x1.7p-1};

#if SINGLE
/* In double precision: a float's logarithm needs 24 bits behind the 7 of its integer part. */
double adc_math_look(const double *table, uint64_t i);

INLINE double double_of(uint64_t b) {
  double x;
  __builtin_memcpy(&x, &b, sizeof x);
  return x;
}
INLINE uint64_t bits_of(double x) {
  uint64_t b;
  __builtin_memcpy(&b, &x, sizeof b);
  return b;
}
#define DOUBLE_POLY(x, ...)                                                                                            \
  double_poly(x, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))
INLINE double double_poly(double x, const double *c, int n) {
  double y = 0;
  _Pragma("clang loop unroll(full)") for (int k = n - 1; k >= 0; k--) y = y * x + c[k];
  return y;
}

/* -log2 t */
static const double pow_value[16] = {
    -0x1.d6753e032ea0fp-2, -0x1.91bba891f1709p-2, -0x1.49a784bcd1b8bp-2, -0x1.49a784bcd1b8bp-2, -0x1.fbc16b902680ap-3,
    -0x1.5c01a39fbd688p-3, -0x1.5c01a39fbd688p-3, -0x1.663f6fac91316p-4, -0x1.663f6fac91316p-4, 0, 0x1.7d60496cfbb4cp-4,
    0x1.8a8980abfbd32p-3, 0x1.f5fd8a9063e35p-3, 0x1.32bfee370ee68p-2, 0x1.a8ff971810a5ep-2, 0x1.e7df5fe538ab3p-2};
static const double pow_root[16] = {
    0x1p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0, 0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0,
    0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0, 0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0,
    0x1.9c49182a3f090p+0, 0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0};

/* |x|^y, x not 0; what is below the least number or above the largest is 2^-300 or 2^300. */
INLINE float pow_of(float x, float y) {
  uint64_t i = bits_of(__builtin_fabs((double)x)) + (0x3ff0000000000000 - 0x3fe6800000000000);
  double k = double_of(i >> 52 | bits_of(0x1p52)) - (0x1p52 + 1023);
  double m = double_of((i & 0x000fffffffffffff) + 0x3fe6800000000000), f = m * adc_math_look(pow_inverse, i >> 48) - 1;
  double l = f * DOUBLE_POLY(f, 0x1.715476537282ap0, -0x1.7154765a5eb89p-1, 0x1.ec7058e0e2757p-2, -0x1.7153f6f3f02a8p-2,
                             0x1.2868225ca3634p-2, -0x1.eea43495f3d4ep-3);
  double z = (double)y * (k + adc_math_look(pow_value, i >> 48) + l);
  z = z < -300 ? -300 : z;
  z = z > 300 ? 300 : z;
  double shifted = z + (0x1.8p48 + 1023), r = z - (shifted - (0x1.8p48 + 1023));
  double p = DOUBLE_POLY(r, 0x1.000000000002bp0, 0x1.62e42fec164c3p-1, 0x1.ebfbdff3e6c5dp-3, 0x1.c6b408d75b63ap-5,
                         0x1.3b2cf7df795dcp-7);
  return (float)(p * adc_math_look(pow_root, bits_of(shifted)) * double_of(bits_of(shifted) >> 4 << 52));
}

RARE float adc_math_powf_rare(bool any, float x, float y, float usual);
RARE float adc_math_powf_rare(bool any, float x, float y, float usual) {
  float r = pow_ends(x, y, pow_of(x, clamped(y, -0x1p40f, 0x1p40f)));
  return any ? r : usual;
}
float adc_math_powf(float x, float y) {
  bool normal = has_parts(x), usual = normal & (absolute(y) < INF);
  return adc_math_powf_rare(!usual, x, y, pow_of(x, y));
}

#else
/* -log t, of which the high part is a multiple of 2^-42; t is so short that m t - 1 is exact. */
static const double pow_high[16] = {
    -0x1.4618bc21c6000p-2, -0x1.1675cababa000p-2, -0x1.c8ff7c79aa000p-3, -0x1.c8ff7c79aa000p-3, -0x1.5ff3070a7a000p-3,
    -0x1.e27076e2b0000p-4, -0x1.e27076e2b0000p-4, -0x1.f0a30c0118000p-5, -0x1.f0a30c0118000p-5, 0, 0x1.08598b59e4000p-4,
    0x1.1178e8227e000p-3, 0x1.5bf406b544000p-3, 0x1.a93ed3c8ae000p-3, 0x1.269621134e000p-2, 0x1.522ae0738a000p-2};
static const double pow_low[16] = {
    0x1.3d82f484c84ccp-46, -0x1.8380e731f55c4p-44, 0x1.7794f689f8434p-45, 0x1.7794f689f8434p-45, 0x1.8586f183bebf2p-44,
    0x1.a342c2af0003cp-45, 0x1.a342c2af0003cp-45, 0x1.d599e83368e91p-45, 0x1.d599e83368e91p-45, 0, -0x1.7e5dd7009902cp-46,
    0x1.1ef78ce2d07f2p-45, -0x1.27023eb68981cp-46, -0x1.8724350562169p-45, -0x1.1b61f10522625p-44, 0x1.ebe708164c759p-45};

typedef struct Pair { double high, low; } Pair;

/* The product of y and x's logarithm, which is known to about 2^-67; `more` is taken from its exponent. */
INLINE Pair pow_exponent(double x, double more, double y) {
  Log p = log_parts(x);
  double k = p.k - more, f = log_rest(p.m, FN(look)(pow_inverse, p.i)), f1 = half_of(f), f2 = f - f1;
  double whole = k * LN2_HIGH + FN(look)(pow_high, p.i), sum = whole + f, lost = whole - sum + f;
  double square = -0.5 * f1 * f1, square_low = -0.5 * f2 * (f + f1), big = sum + square, lost2 = sum - big + square;
  double tail = f * (f * f) * POLY_OF(f, 0x1.5555555555556p-2, -0x1.0000000000006p-2, 0x1.9999999994578p-3,
                                      -0x1.5555555544bebp-3, 0x1.2492495b68177p-3, -0x1.0000006a291c5p-3,
                                      0x1.c71adfadfe282p-4, -0x1.999762d4914cfp-4, 0x1.76b75ec77ebf6p-4,
                                      -0x1.57f582e0c5b5ap-4);
  double low = k * LN2_LOW + FN(look)(pow_low, p.i) + lost + (lost2 + square_low) + tail;
#if FUSED
  double l = big + low, rest = big - l + low, z = y * l;
  return (Pair){z, __builtin_fma(y, l, -z) + y * rest};
#else
  double l = half_of(big + low), rest = big - l + low, y1 = half_of(y), z = y1 * l;
  return (Pair){z, (y - y1) * l + y * rest};
#endif
}

RARE double adc_math_pow_rare(bool any, double x, double y, double usual);
RARE double adc_math_pow_rare(bool any, double x, double y, double usual) {
  Moved u = moved(absolute(x));
  Pair z = pow_exponent(u.x, u.k, clamped(y, -0x1p66, 0x1p66));
  Exp e = exp_of_sum(clamped(z.high, -760, 760), absolute(z.high) < 760 ? z.low : 0, 2 * BIAS);
  double r = pow_ends(x, y, exp_scale(exp_mantissa(e), e));
  return any ? r : usual;
}

double adc_math_pow(double x, double y) {
  Pair z = pow_exponent(x, 0, y);
  Exp e = exp_of_sum(z.high, z.low, BIAS);
  bool normal = has_parts(x), usual = normal & (absolute(z.high) < 708);
  return adc_math_pow_rare(!usual, x, y, exp_mantissa(e) * exp_power2(e));
}
#endif
