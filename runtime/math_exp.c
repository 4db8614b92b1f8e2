/* math_exp.c - exponential functions and hyperbolic tangent. */
#include "runtime/math_exp.h"
#include "runtime/math_log.h"

real FN(exp)(real x) { return exp_any(x); }

real FN(exp2)(real x) {
  x = clamped(x, K(-1080, -152), K(1025, 129));
  const real round = ROUND / 16 + 2 * BIAS;
  real z = x + round, n = z - round, r = x - n, t = FN(look)(exp_root, bits(z));
  real tail = r * r * POLY(r, (0x1.ebfbdff82c591p-3, 0x1.c6b08d6fa977dp-5, 0x1.3b2ab6fb1b55p-7, 0x1.5d893efc92093p-10,
                               0x1.430a445000bd3p-13), (0x1.ebfe58p-3f, 0x1.c6b34ap-5f));
  return FN(scale)(t + t * (r * K(0x1.62e42fefa39efp-1, 0x1.62e430p-1f) + tail), n, bits(z) >> 4);
}

/* e^x - 1 where e^x is a normal number: with u = 2^n t, u - 1 + u (e^r - 1), of which only the last sum is rounded, for either
 * u is 1 or the sum is not much less than |u - 1|. */
INLINE real expm1_of(real x) {
  Exp e = exp_of(x, 0);
  real p = POLY(e.r, (0x1.0000000000001p-1, 0x1.5555555555553p-3, 0x1.55555554dff99p-5, 0x1.1111111137da7p-7,
                      0x1.6c17f50d7af51p-10, 0x1.a01a7cc2d5732p-13),
                (0x1p-1f, 0x1.5556dep-3f, 0x1.55561ep-5f));
  real u = exp_lift(e), small = e.r + (e.r * e.r * p + FN(look)(exp_lifted_rest, e.shifted));
  return u - 1 + u * small;
}

RARE real FN(expm1_rare)(bool any, real x, real usual);
RARE real FN(expm1_rare)(bool any, real x, real usual) {
  real y = exp_any(x) - 1;
  return any ? y : usual;
}
real FN(expm1)(real x) { return FN(expm1_rare)(!(absolute(x) < K(708, 87)), x, with_sign(expm1_of(x), x)); }

#if SINGLE
/* Polynomials on pieces of which four are in each binade of 1 + |x|: the middles, chosen such that the constants almost are floats,
 * and the coefficients. */
static const float tanh_piece[8][16] = {
    {0x1.40d36ap0f, 0x1.bf8016p0f, 0x1.1f6baep1f, 0x1.60790ap1f, 0x1.c0788p1f, 0x1.1fa654p2f, 0x1.5fcba4p2f, 0x1.9f8414p2f, 0x1.feb85cp2f,
     0x1.4p3f, 0x1.4p3f, 0x1.4p3f, 0, 0x1.7e3374p-2f, 0x1.3fb2dp-1f, 0x1.c1369ap-1f},
    {0x1.b2c87ap-1f, 0x1.e1decep-1f, 0x1.f4a5fp-1f, 0x1.fbdcdcp-1f, 0x1.ff12ecp-1f, 0x1.ffdf4cp-1f, 0x1.fffb98p-1f, 0x1.ffff66p-1f,
     0x1.fffff8p-1f, 0x1p0f, 0x1p0f, 0x1p0f, 0, 0x1.6d6396p-2f, 0x1.1bbf08p-1f, 0x1.6902c2p-1f},
    {0x1.1d93a4p-2f, 0x1.d3e3ecp-4f, 0x1.673b18p-5f, 0x1.07b722p-6f, 0x1.d9bae6p-9f, 0x1.059812p-11f, 0x1.19ff3ep-14f, 0x1.34003cp-17f,
     0x1.f74644p-22f, 0x1.1b680ep-27f, 0x1.1b680ep-27f, 0x1.1b680ep-27f, 0x1p0f, 0x1.becf5cp-1f, 0x1.62c00ap-1f, 0x1.01739cp-1f},
    {-0x1.e503eep-3f, -0x1.b85b38p-4f, -0x1.5f442p-5f, -0x1.05959ap-6f, -0x1.d8e01cp-9f, -0x1.05873ap-11f, -0x1.19fcd4p-14f,
     -0x1.33ff94p-17f, -0x1.f738fap-22f, -0x1.1b77f2p-27f, -0x1.1b77f2p-27f, -0x1.1b77f2p-27f, -0x1.2ea236p-20f, -0x1.3eddbap-2f,
     -0x1.893304p-2f, -0x1.6b0edp-2f},
    {0x1.bb0116p-4f, 0x1.027f34p-4f, 0x1.bf789p-6f, 0x1.571f7p-7f, 0x1.39ea84p-9f, 0x1.5c4b76p-12f, 0x1.77b308p-15f, 0x1.9a6162p-18f,
     0x1.4b7fp-22f, 0x1.754d22p-28f, 0x1.754d22p-28f, 0x1.754d22p-28f, -0x1.554486p-2f, -0x1.7030fcp-3f, -0x1.296b06p-6f, 0x1.517016p-4f},
    {-0x1.a698d6p-7f, -0x1.81fa3p-6f, -0x1.96c17ap-7f, -0x1.4bee26p-8f, -0x1.379838p-10f, -0x1.5c0c6ap-13f, -0x1.77b4c8p-16f,
     -0x1.9a89e8p-19f, -0x1.4cfccp-23f, -0x1.750e72p-29f, -0x1.750e72p-29f, -0x1.750e72p-29f, -0x1.391b76p-10f, 0x1.57f0f6p-3f,
     0x1.1abc66p-3f, 0x1.ec6832p-5f},
    {-0x1.3c7e0cp-6f, 0x1.c94cdap-9f, 0x1.061cd8p-8f, 0x1.f26c66p-10f, 0x1.fbd4aap-12f, 0x1.1feefap-14f, 0x1.3787b8p-17f, 0x1.54646ep-20f,
     0x1.34f39ep-24f, 0x1.5c3b4ep-30f, 0x1.5c3b4ep-30f, 0x1.5c3b4ep-30f, 0x1.25222p-3f, 0x1.42891p-6f, -0x1.c090f8p-5f, -0x1.dff538p-5f},
    {0x1.edbb34p-7f, 0x1.12660cp-9f, -0x1.78e25ep-11f, -0x1.1d78d2p-11f, -0x1.496accp-13f, -0x1.7aac94p-16f, -0x1.9cdb2ep-19f,
     -0x1.c00356p-22f, -0x1.8e45acp-26f, -0x1.d04686p-32f, -0x1.d04686p-32f, -0x1.d04686p-32f, -0x1.2f8454p-5f, -0x1.1ac9cap-4f,
     -0x1.886f9ap-6f, 0x1.9d45f8p-7f}};

float adc_math_tanhf(float x) {
  float a = at_most(10, absolute(x));
  uint32_t i = bits(a + 1) >> (MANTISSA - 2);
  float t = a - adc_math_lookf(tanh_piece[0], i), y = adc_math_lookf(tanh_piece[7], i);
  _Pragma("clang loop unroll(full)") for (int k = 6; k > 0; k--) y = y * t + adc_math_lookf(tanh_piece[k], i);
  return with_sign(y, x);
}
#else
/* power t e^r - one, with small = e^r - 1. */
INLINE double exp_minus(Exp e, double power, double one, double small) {
  return power * e.t - one + power * (e.t * small + adc_math_look(exp_root_low, e.shifted));
}

/* With m = exp(2|x|) - 1: q = m / (m + 2), or where m is small m / 2 (1 - q), which what m + 2 loses hardly touches. */
double adc_math_tanh(double x) {
  double a = at_most(22, absolute(x));
  Exp e = exp_inwards(a + a, 0x1p-6, BIAS);
  double small = e.r + e.r * e.r * POLY_OF(e.r, 0x1.ffffffffffffep-2, 0x1.5555555555543p-3, 0x1.55555555f6eb9p-5,
                                           0x1.111110c88763dp-7, 0x1.6c14e645a7702p-10, 0x1.a391b53b15c04p-13);
  double m = exp_minus(e, exp_power2(e), 1, small), q = m / (m + 2), half = 0.5 * m, near = half - half * q;
  return with_sign(m < 1 ? near : q, x);
}
#endif

/* With e = exp(-|x|): 1 / (1 + e) or e / (1 + e), corrected by what 1 + e loses when it is rounded (times about its
 * inverse). */
real FN(sigmoid)(real x) {
  Exp m = exp_of(at_least(K(-746, -104), -absolute(x)), 2 * BIAS);
  real e = exp_scale(m.t + exp_rest(m), m), down = 1 + e, y = (x < 0 ? e : 1) / down;
  return y - y * (1 - down + e) * (K(1.4375, 1.4375f) - K(0.5, 0.5f) * down);
}

real FN(softplus)(real x) {
  Exp m = exp_of(at_least(K(-746, -104), -absolute(x)), 2 * BIAS);
  real y = log1p_of(exp_scale(m.t + exp_rest(m), m));
  return (x < 0 ? 0 : x) + y;
}

/* 1 / (4 h), which takes less time than a division. */
INLINE real quarter_of(real h) {
#if FUSED
  real v = FN(inverse)(h), y = K(0.25, 0.25f) * v, rest = 1 - h * v;
  y += y * rest;
  return SINGLE ? y : y + y * (rest * rest);
#else
  return K(0.25, 0.25f) / h;
#endif
}

/* With h = exp(|x|) / 2: h + 1 / (4 h). */
RARE real FN(cosh_rare)(bool any, real x, real usual);
RARE real FN(cosh_rare)(bool any, real x, real usual) {
  Exp e = exp_of(at_most(K(712, 91), absolute(x)), 2 * BIAS);
  return any ? exp_scale(K(0.5, 0.5f) * exp_mantissa(e), e) : usual;
}
real FN(cosh)(real x) {
  real a = absolute(x);
  Exp e = exp_of(a, -1);
  real half = exp_lift(e), h = half + half * exp_step(e.r);
  return FN(cosh_rare)(!(a < K(708, 87)), x, h + quarter_of(h));
}

RARE real FN(sinh_rare)(bool any, real x, real usual);
RARE real FN(sinh_rare)(bool any, real x, real usual) {
  Exp e = exp_of(at_most(K(712, 91), absolute(x)), 2 * BIAS);
  return any ? with_sign(exp_scale(K(0.5, 0.5f) * (e.t + exp_rest(e)), e), x) : usual;
}

/* Up to 1 a polynomial; beyond, with h = exp(|x|) / 2: h - 1 / (4 h). */
real FN(sinh)(real x) {
  real a = absolute(x), z = a * a;
#if SINGLE
  real p = 0x1.555556p-3f + z * (0x1.11111ep-7f + z * (0x1.a009p-13f + z * 0x1.78a70ep-19f));
#else
  real p = LONG_POLY_OF(z, 0x1.5555555555555p-3, 0x1.1111111111111p-7, 0x1.a01a01a01a001p-13, 0x1.71de3a556f96cp-19,
                        0x1.ae6456792a77fp-26, 0x1.612467ccb2260p-33, 0x1.ae777c36fd5b6p-41, 0x1.99f0806c2628dp-49);
#endif
  Exp e = exp_of(a, -1);
  real half = exp_lift(e), small = exp_step(e.r) + FN(look)(exp_lifted_rest, e.shifted), h = half + half * small;
  real near = a + a * z * p, far = h - K(0.25, 0.25f) / h;
  return FN(sinh_rare)(!(a < K(708, 87)), x, with_sign(a < 1 ? near : far, x));
}
