/* math_root.c - cube root and hypotenuse. */
#include "runtime/math_log.h"

/* 16 numbers t, so short that m t - 1 is exact; the cube roots of 1 / t, and of 2^-1, 1, 2, in two parts, the first of half of
 * the bits. */
static const real root_inverse[16] = {
    0x1.6p+0, 0x1.5p+0, 0x1.4p+0, 0x1.4p+0, 0x1.3p+0, 0x1.2p+0, 0x1.2p+0, 0x1.1p+0,
    0x1.1p+0, 0x1p+0, 0x1.ep-1, 0x1.cp-1, 0x1.bp-1, 0x1.ap-1, 0x1.8p-1, 0x1.7p-1};
static const real root_high[16] = {
    KS((0x1.cc6f8fp-1, 0x1.d3a1998p-1, 0x1.db4c778p-1, 0x1.db4c778p-1, 0x1.e37ebf8p-1, 0x1.ec49b1p-1, 0x1.ec49b1p-1,
        0x1.f5c1da8p-1, 0x1.f5c1da8p-1, 0x1p+0, 0x1.059124p+0, 0x1.0ba6ee8p+0, 0x1.0eea9cp+0, 0x1.12589cp+0,
        0x1.19c3b38p+0, 0x1.1dca4bp+0),
       (0x1.cc6p-1f, 0x1.d3ap-1f, 0x1.db4p-1f, 0x1.db4p-1f, 0x1.e38p-1f, 0x1.ec4p-1f, 0x1.ec4p-1f, 0x1.f5cp-1f,
        0x1.f5cp-1f, 0x1p+0f, 0x1.05ap+0f, 0x1.0bap+0f, 0x1.0eep+0f, 0x1.126p+0f, 0x1.19cp+0f, 0x1.1dcp+0f))};
static const real root_low[16] = {
    KS((0x1.a1daea8de7f21p-30, -0x1.7c462ef9f3911p-30, -0x1.f4300d874abc4p-29, -0x1.f4300d874abc4p-29,
        0x1.7e325276ae666p-28, -0x1.f3d6066cc1656p-28, -0x1.f3d6066cc1656p-28, 0x1.d7fb63166e402p-34,
        0x1.d7fb63166e402p-34, 0, -0x1.62b3dbf478dafp-27, -0x1.032a95e2338e7p-27, 0x1.bf24bed63ac89p-27,
        0x1.0fdc20c3d86f6p-27, 0x1.d2eb4fd291e96p-29, 0x1.1bd27b73bce8p-27),
       (0x1.f1e1a2p-14f, 0x1.99741ep-17f, 0x1.8eec18p-14f, 0x1.8eec18p-14f, -0x1.40503ap-17f, 0x1.36183p-14f,
        0x1.36183p-14f, 0x1.da80ecp-17f, 0x1.da80ecp-17f, 0, -0x1.db858ap-13f, 0x1.bb97e6p-14f, 0x1.5386fcp-13f,
        -0x1.d8f782p-14f, 0x1.d9c74cp-15f, 0x1.49647p-13f))};
#define FOUR(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
static const real two_high[16] = {
    KS((FOUR(0x1.965fea8p-1, 1, 0x1.428a2f8p+0, 1)), (FOUR(0x1.966p-1f, 1, 0x1.428p+0f, 1)))};
static const real two_low[16] = {
    KS((FOUR(-0x1.6148e1bea7d33p-28, 0, 0x1.8d728ae223ddbp-28, 0)), (FOUR(-0x1.5ac292p-21f, 0, 0x1.45f31ap-13f, 0)))};
#undef FOUR

/* A third of the exponent is rounded to q; the cube root of 2^k m is that of 2^(k - 3 q), 1/2, 1 or 2, times that of m. */
INLINE real cbrt_of(real a, real less) {
  Log p = log_parts(a);
  real q = nearest(p.k * K(0x1.5555555555555p-2, 0x1.555556p-2f)), f = log_rest(p.m, FN(look)(root_inverse, p.i));
  word s = bits(p.k - 3 * q + (ROUND + 1));
  real one = FN(look)(two_high, s), high = FN(look)(root_high, p.i);
  real tail = f * POLY(f, (0x1.5555555555555p-2, -0x1.c71c71c71c71p-4, 0x1.f9add3c0ce5f7p-5, -0x1.511e8d2b62369p-5,
                           0x1.ee71131d9b95ap-6, -0x1.8090d2fd80ap-6, 0x1.37510784221ccp-6, -0x1.037747d9d8aeep-6,
                           0x1.ba5818645a164p-7, -0x1.6d2dcfac123a9p-7),
                       (0x1.555554p-2f, -0x1.c71c9p-4f, 0x1.fa3208p-5f, -0x1.506118p-5f));
  real rest = one * (high * tail + FN(look)(root_low, p.i) * (1 + tail)) + FN(look)(two_low, s) * (high + high * tail);
  return (one * high + rest) * power2(q - less);
}

RARE real FN(cbrt_rare)(bool any, real x, real usual);
RARE real FN(cbrt_rare)(bool any, real x, real usual) {
  real a = absolute(x), y = with_sign(cbrt_of(a * K(0x1p54, 0x1p27f), K(18, 9)), x), end = x + x;
  y = ((a > 0) & (a < INF)) ? y : end;
  return any ? y : usual;
}
real FN(cbrt)(real x) {
  real a = absolute(x);
  return FN(cbrt_rare)(!(bits(a) - bits(LEAST) < bits(INF) - bits(LEAST)), x, with_sign(cbrt_of(a, 0), x));
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
