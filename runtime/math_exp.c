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

/* power t e^r - one, with small = e^r - 1. */
INLINE real exp_minus(Exp e, real power, real one, real small) {
  return power * e.t - one + power * (e.t * small + FN(look)(exp_root_low, e.shifted));
}

/* With half of 2^n, so that n may be one more than a number's exponent. */
real FN(expm1)(real x) {
  Exp e = exp_inwards(clamped(x, K(-50, -25), K(710, 89)), with_sign(K(0x1p-6, 0x1p-6f), x), BIAS - 1);
  real small = e.r + e.r * e.r * POLY(e.r, (0x1p-1, 0x1.5555555555563p-3, 0x1.5555555555563p-5, 0x1.1111110f864b8p-7,
                                            0x1.6c16c16a1dd0cp-10, 0x1.a01ccc3117934p-13, 0x1.a01cb7555e5f1p-16),
                                      (0x1p-1f, 0x1.5558dcp-3f, 0x1.555836p-5f));
  real y = exp_minus(e, exp_power2(e), K(0.5, 0.5f), small);
  return with_sign(e.n == 0 ? small : y + y, x);
}

/* With m = exp(2|x|) - 1: q = m / (m + 2), or where m is small m / 2 (1 - q), which what m + 2 loses hardly touches. */
real FN(tanh)(real x) {
  real a = at_most(K(22, 11), absolute(x));
  Exp e = exp_inwards(a + a, K(0x1p-6, 0x1p-6f), BIAS);
  real small = e.r + e.r * e.r * POLY(e.r, (0x1.ffffffffffffep-2, 0x1.5555555555543p-3, 0x1.55555555f6eb9p-5,
                                            0x1.111110c88763dp-7, 0x1.6c14e645a7702p-10, 0x1.a391b53b15c04p-13),
                                      (0x1.fffffep-2f, 0x1.55553cp-3f, 0x1.57b8e8p-5f));
  real m = exp_minus(e, exp_power2(e), 1, small), q = m / (m + 2), half = K(0.5, 0.5f) * m, near = half - half * q;
  return with_sign(m < 1 ? near : q, x);
}

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

/* With h = exp(|x|) / 2: h + 1 / (4 h). */
real FN(cosh)(real x) {
  Exp e = exp_of(at_most(K(712, 91), absolute(x)), 2 * BIAS);
  real h = exp_scale(K(0.5, 0.5f) * exp_mantissa(e), e);
  return h + K(0.25, 0.25f) / h;
}

/* Up to 1 a polynomial; beyond, with h = exp(|x|) / 2: h - 1 / (4 h). */
real FN(sinh)(real x) {
  real a = absolute(x), z = x * x;
  real near = x + x * z * POLY(z, (0x1.5555555555555p-3, 0x1.1111111111111p-7, 0x1.a01a01a01a001p-13,
                                   0x1.71de3a556f96cp-19, 0x1.ae6456792a77fp-26, 0x1.612467ccb2260p-33,
                                   0x1.ae777c36fd5b6p-41, 0x1.99f0806c2628dp-49),
                               (0x1.555556p-3f, 0x1.11111ep-7f, 0x1.a009p-13f, 0x1.78a70ep-19f));
  Exp e = exp_of(at_most(K(712, 91), a), 2 * BIAS);
  real h = exp_scale(K(0.5, 0.5f) * (e.t + exp_rest(e)), e), far = h - K(0.25, 0.25f) / h;
  return with_sign(a < 1 ? near : far, x);
}
