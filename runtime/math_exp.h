/* math_exp.h - the core of exp: e^x = 2^n t e^r, t one of the 16 roots 2^(j/16) and |r| <= log(2) / 32. */
#ifndef ADC_RUNTIME_MATH_EXP_H
#define ADC_RUNTIME_MATH_EXP_H
#include "runtime/math.h"

static const real exp_root[16] = {
    KS((0x1p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0, 0x1.306fe0a31b715p+0,
        0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0, 0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0,
        0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0, 0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0,
        0x1.ea4afa2a490dap+0),
       (0x1p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f, 0x1.3dea64p+0f, 0x1.4bfdaep+0f,
        0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f,
        0x1.d5818ep+0f, 0x1.ea4afap+0f))};

/* What these lack of the roots. */
static const real exp_root_low[16] = {
    KS((0, 0x1.8a62e4adc610bp-54, -0x1.19041b9d78a76p-55, 0x1.9b07eb6c70573p-54, 0x1.6f46ad23182e4p-55,
        0x1.ada0911f09ebcp-55, 0x1.d4397afec42e2p-56, 0x1.6324c054647adp-54, -0x1.bdd3413b26456p-54,
        -0x1.41577ee04992fp-55, 0x1.6e9f156864b27p-54, 0x1.c7c46b071f2bep-56, 0x1.7a1cd345dcc81p-54,
        0x1.11065895048ddp-55, 0x1.2ed02d75b3707p-55, -0x1.e9c23179c2893p-54),
       (0, 0x1.9f3122p-25f, -0x1.c15742p-27f, 0x1.ceac48p-25f, 0x1.4636e2p-25f, 0x1.824684p-25f, -0x1.593abcp-25f,
        -0x1.5bd5ecp-27f, 0x1.9fcef4p-26f, -0x1.829fdp-25f, 0x1.15506ep-27f, 0x1.51f848p-27f, -0x1.a94b14p-26f,
        -0x1.3d56b2p-27f, -0x1.822dbcp-27f, 0x1.52486cp-27f))};

/* The roots, less j sixteenths of an exponent's bits: e^x is 2^n t e^r with the bits of 2^n t those of the sum of this and 16 n. */
static const real exp_lifted[16] = {
    KS((0x1p+0, 0x1.fb5586cf9890fp-1, 0x1.f72b83c7d517bp-1, 0x1.f387a6e756238p-1, 0x1.f06fe0a31b715p-1, 0x1.edea64c123422p-1,
        0x1.ebfdad5362a27p-1, 0x1.eab07dd485429p-1, 0x1.ea09e667f3bcdp-1, 0x1.ea11473eb0187p-1, 0x1.eace5422aa0dbp-1, 0x1.ec49182a3f09p-1,
        0x1.ee89f995ad3adp-1, 0x1.f199bdd85529cp-1, 0x1.f5818dcfba487p-1, 0x1.fa4afa2a490dap-1),
       (0x1p+0f, 0x1.fb5586p-1f, 0x1.f72b84p-1f, 0x1.f387a6p-1f, 0x1.f06fep-1f, 0x1.edea64p-1f, 0x1.ebfdaep-1f, 0x1.eab07ep-1f,
        0x1.ea09e6p-1f, 0x1.ea1148p-1f, 0x1.eace54p-1f, 0x1.ec4918p-1f, 0x1.ee89fap-1f, 0x1.f199bep-1f, 0x1.f5818ep-1f, 0x1.fa4afap-1f))};

/* What the roots lack, in parts of them. */
static const real exp_lifted_rest[16] = {
    KS((0, 0x1.79aa65d837b6dp-54, -0x1.01b15eaa59348p-55, 0x1.68efde3a8a894p-54, 0x1.34d754db0abb6p-55, 0x1.59f48a72a4c6dp-55,
        0x1.690cebb7aafbp-56, 0x1.063e1e21c5409p-54, -0x1.3b3efbf5e2228p-54, -0x1.b32dcb94da51dp-56, 0x1.db72fc1f0eab4p-55,
        0x1.1affc2b91ce27p-56, 0x1.c1a7792cb3387p-55, 0x1.36eae30af0cb3p-56, 0x1.4a385a63d07a7p-56, -0x1.ff7128fd391fp-55),
       (0, 0x1.8d96d4p-25f, -0x1.9c0c22p-27f, 0x1.964904p-25f, 0x1.125002p-25f, 0x1.370be4p-25f, -0x1.0a355p-25f, -0x1.00d8acp-27f,
        0x1.26055cp-26f, -0x1.05cb44p-25f, 0x1.67a1cap-28f, 0x1.a3b5e4p-28f, -0x1.f9c304p-27f, -0x1.6961b4p-28f, -0x1.a5217cp-28f,
        0x1.61428ep-28f))};

/* 2^floor(n) t e^r; the low bits of `shifted` hold 16 (n + offset). */
typedef struct Exp {
  real n, r, t;
  word shifted;
} Exp;

#define LOG2E        K(0x1.71547652b82fep0, 0x1.715476p0f)
#define LOG_2_HIGH   K(0x1.62e42fee00000p-1, 0x1.63p-1f) /* so few bits that n times it is exact */
#define LOG_2_LOW    K(0x1.a39ef35793c76p-33, -0x1.bd0106p-13f)

/* Of e^x, |x| < 1500 (150): n is x / log 2, rounded to sixteenths. */
INLINE Exp exp_of(real x, int offset) {
  const real round = ROUND / 16 + (real)offset;
  real z = x * LOG2E + round, n = z - round;
  return (Exp){n, x - n * LOG_2_HIGH - n * LOG_2_LOW, FN(look)(exp_root, bits(z)), bits(z)};
}
/* 2^n t, a normal number, if the offset is 0. */
INLINE real exp_lift(Exp e) { return from_bits(bits(FN(look)(exp_lifted, e.shifted)) + (e.shifted << (MANTISSA - 4))); }

/* Of e^x, |x| < 50, with n rounded such that r has mostly x's sign, so that e^x - 1 is no difference of numbers that are
 * larger: `quarter` is 1/64 with x's sign. */
INLINE Exp exp_inwards(real x, real quarter, int offset) {
  const real round = ROUND / 16 + (real)offset;
  real z = x * LOG2E - quarter + round, n = z - round;
  return (Exp){n, x - n * LOG_2_HIGH - n * LOG_2_LOW, FN(look)(exp_root, bits(z)), bits(z)};
}
/* Of e^(x + low), |low| < 2. */
INLINE Exp exp_of_sum(real x, real low, int offset) {
  const real round = ROUND / 16 + (real)offset;
  real z = (x + low) * LOG2E + round, n = z - round;
  return (Exp){n, x - n * LOG_2_HIGH + (low - n * LOG_2_LOW), FN(look)(exp_root, bits(z)), bits(z)};
}

/* Of e^-(x + low), low tiny beside x. */
INLINE Exp exp_of_less(real x, real low, int offset) {
  const real round = ROUND / 16 + (real)offset;
  real z = round - x * LOG2E, n = z - round;
  return (Exp){n, -(x + n * LOG_2_HIGH) - (low + n * LOG_2_LOW), FN(look)(exp_root, bits(z)), bits(z)};
}

/* e^r - 1, as a part of 1 + (e^r - 1). */
INLINE real exp_step(real r) {
  return r + r * r * LONG_POLY(r, (0x1.0000000000001p-1, 0x1.55555554dc4e2p-3, 0x1.55555554c73d3p-5, 0x1.11120bf73229ap-7,
                                   0x1.6c18140a9c86ap-10),
                               (0x1.00014ap-1f, 0x1.555764p-3f));
}

/* t e^r, between 1/2 and 2; what is beyond t, with what t lacks of the root. */
INLINE real exp_mantissa(Exp e) { return e.t + e.t * exp_step(e.r); }
INLINE real exp_rest(Exp e) { return e.t * exp_step(e.r) + FN(look)(exp_root_low, e.shifted); }

/* x 2^floor(n), if the offset is 2 BIAS. */
INLINE real exp_scale(real x, Exp e) { return FN(scale)(x, e.n, e.shifted >> 4); }
/* 2^floor(n), a normal number, if the offset is BIAS. */
INLINE real exp_power2(Exp e) { return from_bits(e.shifted >> 4 << MANTISSA); }

INLINE real exp_any(real x) {
  Exp e = exp_of(clamped(x, K(-746, -104), K(710, 89)), 2 * BIAS);
  return exp_scale(exp_mantissa(e), e);
}

#endif
