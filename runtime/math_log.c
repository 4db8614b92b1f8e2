/* math_log.c - logarithms. */
#include "runtime/math_log.h"

/* As log_inverse and log_value, to the bases 2 and 10; but for one decimal logarithm of a float, where f must be small rather
 * than the sum exact. */
static const real log2_inverse[16] = {
    KS((0x1.63f2728p+0, 0x1.564f138p+0, 0x1.46bede8p+0, 0x1.3b409dp+0, 0x1.2ee486p+0, 0x1.23b911p+0, 0x1.19bcfe8p+0,
        0x1.11aebap+0, 0x1.07d4a68p+0, 0x1p+0, 0x1.e1447ap-1, 0x1.c7797ep-1, 0x1.b02571p-1, 0x1.98f9fe8p-1,
        0x1.85a115p-1, 0x1.73ffa5p-1),
       (0x1.63dcaap+0f, 0x1.550b86p+0f, 0x1.47c4fp+0f, 0x1.3af426p+0f, 0x1.2f47b2p+0f, 0x1.246a8ap+0f, 0x1.1a83bap+0f,
        0x1.10c5aep+0f, 0x1.086bbap+0f, 0x1p+0f, 0x1.e1b192p-1f, 0x1.c7106p-1f, 0x1.af2776p-1f, 0x1.9992dp-1f,
        0x1.86390ap-1f, 0x1.744b42p-1f))};
static const real log2_value[16] = {
    KS((-0x1.e6ee6b67ddp-2, -0x1.ad36f4ed9dp-2, -0x1.6878f578d1p-2, -0x1.33927ed9fp-2, -0x1.f0f938e0eap-3,
        -0x1.81f4a59b68p-3, -0x1.1b0eb92658p-3, -0x1.8ab045bd74p-4, -0x1.6417f33bep-5, 0, 0x1.6dcaebe40cp-4,
        0x1.59a5cd6b46p-3, 0x1.f4fd819894p-3, 0x1.4be79d0f5p-2, 0x1.937fb8f286p-2, 0x1.d7e82a0f19p-2),
       (-0x1.e694p-2f, -0x1.a7cp-2f, -0x1.6d18p-2f, -0x1.322cp-2f, -0x1.f4cp-3f, -0x1.88f8p-3f, -0x1.233p-3f,
        -0x1.77p-4f, -0x1.7e8p-5f, 0, 0x1.689p-4f, 0x1.5c5p-3f, 0x1.fbc8p-3f, 0x1.49cp-2f, 0x1.914p-2f, 0x1.d6bcp-2f))};
static const real log10_inverse[16] = {
    KS((0x1.6451278p+0, 0x1.55c664p+0, 0x1.46b5008p+0, 0x1.3a39568p+0, 0x1.30135fp+0, 0x1.24d3afp+0, 0x1.19c91c8p+0,
        0x1.10edf68p+0, 0x1.0939808p+0, 0x1p+0, 0x1.e24a81p-1, 0x1.c764488p-1, 0x1.af92678p-1, 0x1.99fb488p-1,
        0x1.85b7a1p-1, 0x1.73875a8p-1),
       (0x1.63fb7ap+0f, 0x1.557416p+0f, 0x1.478306p+0f, 0x1.3b19e2p+0f, 0x1.2f27c6p+0f, 0x1.247d14p+0f, 0x1.1a41b2p+0f,
        0x1.10fb3cp+0f, 0x1.081924p+0f, 0x1p+0f, 0x1.e186dep-1f, 0x1.c6d63p-1f, 0x1.aef6cp-1f, 0x1.999da2p-1f,
        0x1.85d864p-1f, 0x1.741e8p-1f))};
static const real log10_value[16] = {
    KS((-0x1.2615f7e5b6p-3, -0x1.01064a764dp-3, -0x1.b1d79fdacp-4, -0x1.6c8a964eb4p-4, -0x1.32245b91dcp-4,
        -0x1.de2cd5b9f4p-5, -0x1.556ed05a6cp-5, -0x1.c7a609024p-6, -0x1.f7c5550ccp-7, 0, 0x1.a957627258p-6,
        0x1.a0d933e074p-5, 0x1.2ffdf71f6ep-4, 0x1.8b497a8044p-4, 0x1.e57584303cp-4, 0x1.1d3d8e3a0dp-3),
       (-0x1.254p-3f, -0x1.003p-3f, -0x1.b638p-4f, -0x1.718p-4f, -0x1.2ccp-4f, -0x1.da1p-5f, -0x1.5b6p-5f, -0x1.c9p-6f,
        -0x1.bb33fep-7f, 0, 0x1.b4ap-6f, 0x1.a53p-5f, 0x1.328p-4f, 0x1.8cep-4f, 0x1.e4ep-4f, 0x1.1bd4p-3f))};

/* log(2^k (1 + f) / t) to another base. */
#if SINGLE && FUSED
INLINE float log_binary(float k, Log p) {
  float f = log_rest(p.m, adc_math_lookf(log2_inverse, p.i)), whole = k + adc_math_lookf(log2_value, p.i);
  return f * (0x1.715476p0f + f * (-0x1.715474p-1f + f * (0x1.ecb5f6p-2f + f * -0x1.71a052p-2f))) + whole;
}
INLINE float log_decimal(float k, Log p) {
  float f = log_rest(p.m, adc_math_lookf(log10_inverse, p.i)), whole = k * 0x1.3442p-2f + adc_math_lookf(log10_value, p.i);
  return f * (0x1.bcb7bp-2f + f * (-0x1.bcb7aep-3f + f * (0x1.28ae02p-3f + f * -0x1.bd19cap-4f))) + (k * -0x1.95ec1p-19f + whole);
}
#else
/* As k a + value + f b, a = a1 + a2, b = b1 + b2. */
typedef struct Base { real a1, a2, b1, b2; const real *inverse, *value; } Base;
INLINE real log_base(real k, Log p, Base c) {
  real f = log_rest(p.m, FN(look)(c.inverse, p.i)), whole = k * c.a1 + FN(look)(c.value, p.i);
  real tail = f * (c.b2 + f * ((c.b1 + c.b2) * log_tail(f))) + k * c.a2;
  return whole + product_plus(f, c.b1, tail);
}
INLINE real log_binary(real k, Log p) {
  return log_base(k, p, (Base){1, 0, K(0x1.7154768p+0, 0x1.716p+0f), K(-0x1.6a3e80f444178p-27, -0x1.7135a8p-13f), log2_inverse,
                               log2_value});
}
INLINE real log_decimal(real k, Log p) {
  return log_base(k, p, (Base){K(0x1.34413509f78p-2, 0x1.3442p-2f), K(0x1.fef311f12b358p-46, -0x1.95ec1p-19f),
                               K(0x1.bcb7b18p-2, 0x1.bccp-2f), K(-0x1.6c8d78e6acaa4p-29, -0x1.09d5b2p-15f), log10_inverse,
                               log10_value});
}
#endif

/* OF(k, p): the logarithm of 2^k p.m. */
#define DEFINE(NAME, OF)                                                                                               \
  RARE real FN(NAME##_rare)(bool any, real x, real usual);                                                             \
  RARE real FN(NAME##_rare)(bool any, real x, real usual) {                                                            \
    Moved u = moved(x);                                                                                                \
    Log p = log_parts(u.x);                                                                                            \
    real y = log_ends(x, OF(p.k - u.k, p));                                                                            \
    return any ? y : usual;                                                                                            \
  }                                                                                                                    \
  real FN(NAME)(real x) {                                                                                              \
    Log p = log_parts(x);                                                                                              \
    return FN(NAME##_rare)(!has_parts(x), x, OF(p.k, p));                                                              \
  }

DEFINE(log, log_natural)
DEFINE(log2, log_binary)
DEFINE(log10, log_decimal)
#undef DEFINE

#define HUGE K(0x1p1000, 0x1p100f)
RARE real FN(log1p_rare)(bool any, real x, real usual);
RARE real FN(log1p_rare)(bool any, real x, real usual) {
  Moved u = moved(x);
  Log p = log_parts(u.x);
  real y = log_ends(x == -1 ? 0 : x, log_natural(p.k - u.k, p));
  return any ? y : usual;
}
real FN(log1p)(real x) {
  bool usual = (x > -1) & (x < HUGE);
  return FN(log1p_rare)(!usual, x, with_sign(log1p_of(x), x));
}
