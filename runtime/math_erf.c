/* math_erf.c - the error function and its complement. */
#include "runtime/math_exp.h"

/* erf(x) / x - 1 on |x| <= 1. */
INLINE real erf_ratio(real x) {
  return POLY(x * x,
              (0x1.06eba8214db69p-3, -0x1.812746b0379c9p-2, 0x1.ce2f21a041d27p-4, -0x1.b82ce3125292ep-6,
               0x1.565bcd076d793p-8, -0x1.c02db2e1192ebp-11, 0x1.f9a3089a3d645p-14, -0x1.f4d02c7376773p-17,
               0x1.b9caf6f57b644p-20, -0x1.5e803477af4bfp-23, 0x1.f179462df6029p-27, -0x1.267ac4f074434p-30,
               0x1.af213549037a6p-35),
              (0x1.06eba8p-3f, -0x1.8126dp-2f, 0x1.ce1f5p-4f, -0x1.b73e8ep-6f, 0x1.4f2dfp-8f, -0x1.8509c8p-11f,
               0x1.fad66cp-15f));
}

/* t e^r / a, corrected by what the sum loses when it is rounded (times about its inverse). */
INLINE real exp_over(Exp e, real a) {
  real rest = exp_rest(e), m = e.t + rest, low = e.t - m + rest, q = m / a;
  return q + q * low * (K(1.4375, 1.4375f) - K(0.5, 0.5f) * m);
}

/* erfc on a >= 0.65: exp(-a^2 - 5/8 + g) / a with g = log(a exp(a^2) erfc(a)) + 5/8, which is small.  The first bits of
 * a have an exact square. */
INLINE real erfc_far(real a) {
  a = at_most(K(28, 11), a);
  real g = POLY((a - K(1.25, 1.25f)) / (a + K(1.25, 1.25f)) - K(0.1875, 0.0f),
              (-0x1.00404e9402885p-4, 0x1.88a8e08f3e027p-2, -0x1.cd61ebb8ff944p-2, 0x1.e6f59c6ecc969p-3,
               -0x1.8e1b644e73dadp-4, 0x1.58a1bff1b6204p-4, -0x1.19dbf36646ee8p-4, 0x1.3b0f9fa83b9a1p-5,
               -0x1.f1bec478b71f2p-6, 0x1.ae520c9d4dbf3p-6, -0x1.131c30f46fa27p-6, 0x1.b4a3f0e5deb2fp-7,
               -0x1.76587290f660ap-7, 0x1.ffd40a675e173p-8, -0x1.a1b6e862a2b09p-8, 0x1.5e0fd966d7a16p-8,
               -0x1.f140cc9ab0b8bp-9, 0x1.9b33b1fe50d22p-9, -0x1.57a0c96db5887p-9, 0x1.185e50cfa71eep-9,
               -0x1.bea7277e520a8p-10, 0x1.bcc7b1c252633p-11, -0x1.34289208e61dbp-11, 0x1.4602fd598e6a8p-10,
               -0x1.774cdaee562c2p-10, 0x1.94cac0304fe3ap-11, -0x1.5d56454844500p-13),
              (-0x1.375114p-3f, 0x1.295038p-1f, -0x1.39477p-1f, 0x1.67ef06p-2f, -0x1.cc7d38p-3f, 0x1.a70048p-3f,
               -0x1.5b7e6ep-3f, 0x1.1c467ep-3f, -0x1.0b6934p-3f, 0x1.ed07cep-4f, -0x1.834b2p-4f, 0x1.a163bap-5f,
               -0x1.a089e4p-7f));
  real high = from_bits(bits(a) & K(0xfffffffff8000000, 0xffffe000));
  Exp e = exp_of_sum(-high * high - K(0.625, 0.625f), g - (a - high) * (a + high), 2 * BIAS);
  return exp_scale(exp_over(e, a), e);
}

real FN(erf)(real x) {
  real a = absolute(x), far = 1 - erfc_far(a), near = a + a * erf_ratio(a);
  near = a < K(0x1p-1000, 0x1p-100f) ? a * K(0x1.20dd750429b6dp+0, 0x1.20dd75p+0f) : near;
  return with_sign(a >= K(0.84, 0.84f) ? far : near, x);
}

real FN(erfc)(real x) {
  real a = absolute(x), far = erfc_far(a), back = 2 - far;
  real top = 1 - x, near = top + (1 - top - x - x * erf_ratio(x));
  far = x < 0 ? back : far;
  return a < K(0.65, 0.65f) ? near : far;
}
