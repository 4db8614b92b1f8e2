/* math_log.h - the cores of log: x = 2^k m, and m times one of 16 constants t is 1 + f with |f| <= 1/32. */
#ifndef ADC_RUNTIME_MATH_LOG_H
#define ADC_RUNTIME_MATH_LOG_H
#include "runtime/math.h"

/* 16 numbers t and -log t, to a base.  They are such that -log t is almost a multiple of 2^-42 (2^-17), so that its sum with k
 * times the high part of log 2, which is another, is exact. */
static const real log_inverse[16] = {
    KS((0x1.6351f18p+0, 0x1.5654948p+0, 0x1.477c118p+0, 0x1.3b565e8p+0, 0x1.2e71858p+0, 0x1.2560358p+0, 0x1.1af7778p+0,
        0x1.11dccp+0, 0x1.07ae3e8p+0, 0x1p+0, 0x1.e264f6p-1, 0x1.c82f37p-1, 0x1.af62ce8p-1, 0x1.9945888p-1,
        0x1.86be1a8p-1, 0x1.73366cp-1),
       (0x1.641d9cp+0f, 0x1.55774cp+0f, 0x1.47d6c4p+0f, 0x1.3b20ccp+0f, 0x1.2f45eep+0f, 0x1.246d98p+0f, 0x1.1a6a14p+0f,
        0x1.1123a2p+0f, 0x1.084896p+0f, 0x1p+0f, 0x1.e20c6cp-1f, 0x1.c712b8p-1f, 0x1.af44dap-1f, 0x1.99bcb4p-1f,
        0x1.86147ep-1f, 0x1.7426d4p-1f))};
static const real log_value[16] = {
    KS((-0x1.4fb5b5a1acp-2, -0x1.2992c0d2f6p-2, -0x1.f8591c4e72p-3, -0x1.aaf00c3374p-3, -0x1.556fa4fd0ep-3,
        -0x1.1718644894p-3, -0x1.9a38a129fp-4, -0x1.14445a1684p-4, -0x1.e454cd2ebp-6, 0, 0x1.e7efe4dbdp-5,
        0x1.d8ca713904p-4, 0x1.5eddc4efd4p-3, 0x1.caa3fd221cp-3, 0x1.14c3217814p-2, 0x1.4944546ca7p-2),
       (-0x1.52p-2f, -0x1.26fcp-2f, -0x1.fa9p-3f, -0x1.a994p-3f, -0x1.5b0cp-3f, -0x1.1078p-3f, -0x1.9238p-4f,
        -0x1.097p-4f, -0x1.04ep-5f, 0, 0x1.eddp-5f, 0x1.e2c8p-4f, 0x1.5f6cp-3f, 0x1.c85p-3f, 0x1.168p-2f, 0x1.46aep-2f))};
/* x = 2^k m; i says which sixteenth of its range m is in: one of them has 1 in its middle, and there t = 1. */
typedef struct Log {
  real k, m;
  word i;
} Log;

#define LOG_LEAST K(0x3fe6800000000000, 0x3f340000) /* the least m */

#define LOG_MOST  (LOG_LEAST + ((word)(BIAS + 1) << MANTISSA)) /* the x from which on m's exponent is none */

/* Of x > 0, normal and less than LOG_MOST. */
INLINE Log log_parts(real x) {
  word i = bits(x) + (bits(1) - LOG_LEAST);
  return (Log){FN(exponent)(from_bits(i)), from_bits((i & (((word)1 << MANTISSA) - 1)) + LOG_LEAST), i >> (MANTISSA - 4)};
}

/* Whether x is one that log_parts takes. */
INLINE bool has_parts(real x) { return bits(x) - bits(LEAST) < LOG_MOST - bits(LEAST); }

/* Another positive x, times a power of two; of which the exponent is k too much. */
typedef struct Moved { real x, k; } Moved;
INLINE Moved moved(real x) {
  bool tiny = x < 1;
  return (Moved){x * (tiny ? K(0x1p54, 0x1p25f) : K(0x1p-54, 0x1p-25f)), tiny ? K(54, 25) : K(-54, -25)};
}

/* m t - 1, rounded once. */
INLINE real log_rest(real m, real t) {
#if FUSED
  return BUILTIN(fma)(m, t, -1);
#else
  real high = half_of(m), low = m - high, t_high = half_of(t), t_low = t - t_high;
  return high * t_high - 1 + (high * t_low + low * t_high) + low * t_low;
#endif
}

/* (log(1 + f) - f) / f^2 */
INLINE real log_tail(real f) {
  return LONG_POLY(f, (-0x1.ffffffffffff3p-2, 0x1.55555555554f7p-2, -0x1.0000000067571p-2, 0x1.9999999b9e9a4p-3,
                       -0x1.5555453c4971bp-3, 0x1.2492303f7cf41p-3, -0x1.0066be59ccc8p-3, 0x1.c8060dd15cbcep-4),
                   (-0x1.fffffep-2f, 0x1.55555p-2f, -0x1.002e4cp-2f, 0x1.9a0e8ep-3f));
}

#define LN2_HIGH K(0x1.62e42fefa38p-1, 0x1.62e4p-1f)
#define LN2_LOW  K(0x1.ef35793c7673p-45, 0x1.7f7d1cp-20f)

/* log(2^k (1 + f) / t). */
INLINE real log_sum(real k, real f, word i) {
  real whole = k * LN2_HIGH + FN(look)(log_value, i);
  return whole + (f + (f * f * log_tail(f) + k * LN2_LOW));
}
INLINE real log_natural(real k, Log p) { return log_sum(k, log_rest(p.m, FN(look)(log_inverse, p.i)), p.i); }

/* log(2^more (u + low)), low tiny beside u or u = 1. */
typedef struct Near { Log parts; real f; } Near;
INLINE Near log_near(real u, real low) {
  Log p = log_parts(u);
  real t = FN(look)(log_inverse, p.i), down = power2(-p.k);
  return (Near){p, log_rest(p.m, t) + low * down * t};
}
INLINE real log_of_sum(real u, real low) {
  Near n = log_near(u, low);
  return log_sum(n.parts.k, n.f, n.parts.i);
}
INLINE real log_of_moved_sum(real more, real u, real low) {
  Near n = log_near(u, low);
  return log_sum(n.parts.k + more, n.f, n.parts.i);
}

/* log(1 + x), x > -1 and less than infinite. */
INLINE real log1p_of(real x) {
  real u = 1 + x;
  return log_of_sum(u, x - (u - 1));
}

/* y, the logarithm of x where x is normal: at the other places what it should be. */
INLINE real log_ends(real x, real y) {
  y = x < INF ? y : x;
  real low = x == 0 ? -INF : NOT_A_NUMBER;
  return x > 0 ? y : low;
}

#endif
