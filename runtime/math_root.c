/* math_root.c - cube root and hypotenuse. */
#include "runtime/math_log.h"

/* 16 numbers t, such that the cube roots of 1 / t almost are numbers; and the cube roots of 2^-1, 1, 2, in two parts. */
static const real root_inverse[16] = {
    KS((0x1.f0334caea385bp-1, 0x1.d42aa9b081d4ap-1, 0x1.baf1e21d0518bp-1, 0x1.a45eacf2af6d8p-1, 0x1.8f616a847ed36p-1,
        0x1.7cfd2d62718abp-1, 0x1.6c415f83ed9e3p-1, 0x1.5cadf3324b868p-1, 0x1.4e95cacc0ef3dp-1, 0x1.411392afca167p-1,
        0x1.353ce56dff13ep-1, 0x1.29e0856221666p-1, 0x1.1f7b5906f4e5p-1, 0x1.15a6d2ba00bcp-1, 0x1.0c814eb5fb479p-1, 0x1.03e879065f664p-1),
       (0x1.f0c34ep-1f, 0x1.d3e6dp-1f, 0x1.baa07cp-1f, 0x1.a4456ep-1f, 0x1.8fab5cp-1f, 0x1.7d1742p-1f, 0x1.6c24fap-1f, 0x1.5cd96ep-1f,
        0x1.4e9a4cp-1f, 0x1.4146c2p-1f, 0x1.351d6ep-1f, 0x1.29e216p-1f, 0x1.1f41fcp-1f, 0x1.15ac92p-1f, 0x1.0ca678p-1f, 0x1.04314cp-1f))};
static const real root_value[16] = {
    KS((0x1.02b0539be2571p+0, 0x1.07c09ee5c51fbp+0, 0x1.0caa9ae4389a1p+0, 0x1.116466b290316p+0, 0x1.1619999840a17p+0,
        0x1.1a8139f37555dp+0, 0x1.1ec425edfaabbp+0, 0x1.22f96539b70f8p+0, 0x1.2700feea29723p+0, 0x1.2b159ce9fa653p+0, 0x1.2eda7598db84p+0,
        0x1.32a7d778feb86p+0, 0x1.364ee19369b4p+0, 0x1.39ed88787578bp+0, 0x1.3d73e7d3ad4dfp+0, 0x1.40ea3d633dd41p+0),
       (0x1.029752p+0f, 0x1.07cd5ep+0f, 0x1.0cbb12p+0f, 0x1.1169ep+0f, 0x1.160872p+0f, 0x1.1a7ac8p+0f, 0x1.1ecb9ap+0f, 0x1.22ed4ep+0f,
        0x1.26ffacp+0f, 0x1.2b05bap+0f, 0x1.2ee4bcp+0f, 0x1.32a74ep+0f, 0x1.366388p+0f, 0x1.39eb5ep+0f, 0x1.3d6544p+0f, 0x1.40cc4ap+0f))};
#define FOUR(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
static const real two_high[16] = {
    KS((FOUR(0x1.965fea53d6e3dp-1, 1, 0x1.428a2f98d728bp+0, 1)), (FOUR(0x1.965feap-1f, 1, 0x1.428a3p+0f, 1)))};
static const real two_low[16] = {KS((FOUR(-0x1.f53e999952f09p-55, 0, -0x1.ddc22548ea41ep-56, 0)),
                                       (FOUR(0x1.4f5b9p-27f, 0, -0x1.9ca35ep-26f, 0)))};
#undef FOUR

/* Of a = 2^k m, 1 <= m < 2: a third of k is rounded to q; the cube root of 2^k m is that of 2^(k - 3 q), 1/2, 1 or 2, times that of m,
 * (1 + f) / t. */
INLINE real cbrt_of(real a) {
  real k = FN(exponent)(a), m = from_bits((bits(a) & (((word)1 << MANTISSA) - 1)) | bits(1));
  word i = bits(a) >> (MANTISSA - 4);
  real shifted = k * K(0x1.5555555555555p-2, 0x1.555556p-2f) + ROUND, q = shifted - ROUND, f = log_rest(m, FN(look)(root_inverse, i));
  word s = bits(k + (ROUND + 1) - 3 * q);
  real p = POLY(f, (0x1.5555555555554p-2, -0x1.c71c71c71c6fep-4, 0x1.f9add3c1329b3p-5, -0x1.511e8d2bf3aap-5, 0x1.ee71026bb814fp-6,
                    -0x1.8090c0ff5aa7bp-6, 0x1.37be62a61913dp-6, -0x1.03dbd6ea492b2p-6),
                (0x1.555556p-2f, -0x1.c73c1p-4f, 0x1.f9c562p-5f));
  real two = FN(look)(two_high, s), one = two + (two * f * p + FN(look)(two_low, s));
  return one * from_bits(bits(FN(look)(root_value, i)) + (bits(shifted) << MANTISSA));
}

RARE real FN(cbrt_rare)(bool any, real x, real usual);
RARE real FN(cbrt_rare)(bool any, real x, real usual) {
  real a = absolute(x), y = with_sign(cbrt_of(a * K(0x1p54, 0x1p27f)) * K(0x1p-18, 0x1p-9f), x), end = x + x;
  y = ((a > 0) & (a < INF)) ? y : end;
  return any ? y : usual;
}
real FN(cbrt)(real x) {
  real a = absolute(x);
  return FN(cbrt_rare)(!(bits(a) - bits(LEAST) < bits(INF) - bits(LEAST)), x, with_sign(cbrt_of(a), x));
}

RARE real FN(hypot_rare)(bool any, real x, real y, real usual);
RARE real FN(hypot_rare)(bool any, real x, real y, real usual) {
  real a = absolute(x), b = absolute(y), high = a > b ? a : b, low = a > b ? b : a;
  bool huge = high > 1;
  real down = huge ? K(0x1p-600, 0x1p-70f) : K(0x1p600, 0x1p80f), up = huge ? K(0x1p600, 0x1p70f) : K(0x1p-600, 0x1p-80f);
  high *= down;
  low *= down;
  real r = square_root(high * high + low * low) * up;
  r = ((a == INF) | (b == INF)) ? INF : r;
  return any ? r : usual;
}
/* Where the sum of squares is far from overflow, and what underflows in it does not matter. */
real FN(hypot)(real x, real y) {
  const word least = bits(K(0x1p-900, 0x1p-70f)), most = bits(K(0x1p1000, 0x1p100f));
  real sum = x * x + y * y;
  bool usual = bits(sum) - least < most - least;
  return FN(hypot_rare)(!usual, x, y, FN(root)(sum));
}
