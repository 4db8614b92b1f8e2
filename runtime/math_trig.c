/* math_trig.c - sine, cosine, tangent.
 *
 * Ensures: exact reduction by pi/2 for every argument; |sin| and |cos| never exceed 1.
 * The polynomials are near-minimax (Sollya's fpminimax); tables from 60 digits. */
#include "runtime/math.h"

/* x = n unit + r + low; the low bits of `steps` hold n. */
#define MOST K(4e4, 1.5e3)
typedef struct Step {
  real r, low;
  word steps;
} Step;

/* Of |x| <= MOST and the units pi and pi/16, pi/2 times a power of two.  With a fused multiply-add what n times the first part of
 * pi/2 leaves is exact, and where r is tiny, so is what the second leaves.  Without, all parts but the last have so few bits that n times
 * them is exact. */
INLINE Step step_by(real x, real n, real per_half_pi, word steps) {
  const real unit = 1 / per_half_pi;
#if FUSED
  real first = BUILTIN(fma)(-n, unit * K(0x1.921fb54442d18p+0, 0x1.921fb6p+0f), x);
  const real second = unit * K(0x1.1a6263314p-54, -0x1.778p-25f), third = unit * K(0x1.701b839a25205p-92, 0x1.68c234p-39f);
  return (Step){BUILTIN(fma)(-n, third, BUILTIN(fma)(-n, second, first)), 0, steps};
#elif SINGLE
  real first = x - n * (unit * 0x1.92p+0f), second = n * (unit * 0x1.fb4p-12f);
  real near = first - second, rest = first - near - second, third = n * (unit * 0x1.444p-24f), nearer = near - third;
  real left = rest + (near - nearer - third) - n * (unit * 0x1.68c234p-39f), r = nearer + left;
  return (Step){r, nearer - r + left, steps};
#else
  real first = x - n * (unit * 0x1.921fb54440000p+0), second = n * (unit * 0x1.68c234c4c0000p-39);
  real near = first - second, left = first - near - second - n * (unit * 0x1.98a2e03707345p-77), r = near + left;
  return (Step){r, near - r + left, steps};
#endif
}
#define PER_HALF_PI K(0x1.45f306dc9c883p-1, 0x1.45f306p-1f)
INLINE Step step_of(real x, real per_half_pi) {
  real shifted = x * (per_half_pi * PER_HALF_PI) + ROUND;
  return step_by(x, shifted - ROUND, per_half_pi, bits(shifted));
}
/* -x by the next half integer -n, of the unit pi; `steps` holds n - 1/2.  Below 2^52 (2^23) sums would be rounded to halves. */
INLINE Step step_between(real x) {
  const real whole = K(0x1p52, 0x1p23f), half = K(0.5, 0.5f);
  real shifted = at_least(whole, x * (half * PER_HALF_PI) + (whole - half));
  return step_by(-x, whole - half - shifted, half, bits(shifted));
}

/* sin r, |r| <= pi/2, with the sign changed if n is odd.  In this order its terms lose least. */
INLINE real sin_step(Step s) {
  real z = s.r * s.r;
  real p = POLY(z, (-0x1.a01a01a013713p-13, 0x1.71de3a51d51f6p-19, -0x1.ae645465cd7c5p-26, 0x1.6123ade1785fp-33,
                    -0x1.ae3abfe9f3038p-41, 0x1.8738baf873f13p-49),
                (-0x1.a02d1ep-13f, 0x1.7444a2p-19f, -0x1.dae7a6p-26f));
  p = K(-0x1.5555555555555p-3, -0x1.555556p-3f) + z * (K(0x1.11111111110bap-7, 0x1.111148p-7f) + z * p);
  real y = FN(limited)(s.r + z * (s.r * p));
  return from_bits(bits(y) ^ s.steps << (MANTISSA + K(11, 8)));
}

/* Multiples of sine and cosine of n pi/16, such that they almost are numbers. */
static const real tan_sine[16] = {
    KS((0, 0x1.7fd5b1849985cp-2, 0x1.9a11f59c08557p-1, 0x1.506dbd09fa8ffp+0, 0x1p+0, 0x1.de54ad46de2ccp+0, 0x1.f4aa51d3fde1ep+0,
        0x1.effaa0e420339p+0, 0x1p+0, 0x1.effaa0e420339p+0, 0x1.f4aa51d3fde1ep+0, 0x1.de54ad46de2ccp+0, 0x1p+0, 0x1.506dbd09fa8ffp+0,
        0x1.9a11f59c08557p-1, 0x1.7fd5b1849985cp-2),
       (0, 0x1.91744ap-2f, 0x1.9c5bcap-1f, 0x1.45bf92p+0f, 0x1p+0f, 0x1.dab17ap+0f, 0x1.dda6e6p+0f, 0x1.e763c8p+0f, 0x1p+0f,
        0x1.e763c8p+0f, 0x1.dda6e6p+0f, 0x1.dab17ap+0f, 0x1p+0f, 0x1.45bf92p+0f, 0x1.9c5bcap-1f, 0x1.91744ap-2f))};
static const real tan_cosine[16] = {
    KS((0x1p+0, 0x1.e26ab91592321p+0, 0x1.eeff9b4f7a76p+0, 0x1.f78046c5a6b23p+0, 0x1p+0, 0x1.3f9c434932207p+0, 0x1.9ec3c4f5f49b7p-1,
        0x1.8aa01cfa5de56p-2, 0, -0x1.8aa01cfa5de56p-2, -0x1.9ec3c4f5f49b7p-1, -0x1.3f9c434932207p+0, -0x1p+0, -0x1.f78046c5a6b23p+0,
        -0x1.eeff9b4f7a76p+0, -0x1.e26ab91592321p+0),
       (0x1p+0f, 0x1.f88fccp+0f, 0x1.f1c2c4p+0f, 0x1.e7844ep+0f, 0x1p+0f, 0x1.3d2e0ep+0f, 0x1.8bb328p-1f, 0x1.83ca9ap-2f, 0,
        -0x1.83ca9ap-2f, -0x1.8bb328p-1f, -0x1.3d2e0ep+0f, -0x1p+0f, -0x1.e7844ep+0f, -0x1.f1c2c4p+0f, -0x1.f88fccp+0f))};

/* q = tan(n pi/16 + r) = (S + C t) / (C - S t) with t = tan r, corrected by what is left of (S - q C) + t (C + q S) = 0. */
INLINE real tan_step(Step s) {
  real z = s.r * s.r;
  real p = POLY(z, (0x1.5555555555567p-2, 0x1.11111110e932p-3, 0x1.ba1ba38da1a41p-5, 0x1.664b87956dccfp-6, 0x1.2593f1e8c9592p-7),
                (0x1.555522p-2f, 0x1.123ea6p-3f));
  real sine = FN(look)(tan_sine, s.steps), cosine = FN(look)(tan_cosine, s.steps);
#if FUSED
  real tail = s.r * z * p, t = s.r + tail, down = cosine - sine * t, inverse = FN(inverse)(down);
  if (!SINGLE) inverse += inverse * (1 - down * inverse);
  real q = (sine + cosine * t) * inverse, more = cosine + q * sine;
  return q + (sine - q * cosine + more * s.r + more * tail) * inverse;
#else
  real tail = s.r * z * p + s.low, more = cosine * s.r + cosine * tail, less = -sine * tail - sine * s.r;
  real up = sine + more, down = cosine + less, q = up / down;
  return q + ((sine - up + more) - q * (cosine - down + less)) / down;
#endif
}

/* ---- large arguments --------------------------------------------------------------------------------------------- */

#if SINGLE
double adc_math_sin(double x);
double adc_math_cos(double x);
double adc_math_tan(double x);
#define LARGE(F, x) (float)adc_math_##F(x)
#else
/* x = n pi/2 + r + low, |r| <= pi/4; n mod 4 in the low bits of `quadrant`. */
typedef struct Turn {
  real r, low;
  word quadrant;
} Turn;

/* On |r| <= pi/4, as a sum of which the first term is larger. */
typedef struct Sum { real big, small; } Sum;
INLINE Sum sin_near(real r) {
  real z = r * r;
  real p = POLY(z, (-0x1.5555555555555p-3, 0x1.1111111110c77p-7, -0x1.a01a019e9dd08p-13, 0x1.71de37ad1fde2p-19,
                    -0x1.ae601bfc91b4p-26, 0x1.5e0fb658a4cbp-33),
                (-0x1.555556p-3f, 0x1.111198p-7f, -0x1.a08306p-13f, 0x1.876eccp-19f));
  return (Sum){r, r * z * p};
}
/* (cos r - 1 + z / 2) / z^2, z = r^2. */
INLINE real cos_tail(real z) {
  return POLY(z, (0x1.5555555555555p-5, -0x1.6c16c16c168c7p-10, 0x1.a01a019f37404p-16, -0x1.27e4fa016bcc8p-22,
                  0x1.1eeb56240148fp-29, -0x1.9072396a31eecp-37),
              (0x1.555556p-5f, -0x1.6c17d4p-10f, 0x1.a0f58p-16f, -0x1.58d3a4p-22f));
}
INLINE Sum cos_near(real r) {
  real z = r * r, half = K(0.5, 0.5f) * z, top = 1 - half;
  return (Sum){top, 1 - top - half + z * z * cos_tail(z)};
}
INLINE real total(Sum s) { return s.big + s.small; }

/* Cosine, a little less exactly: without what the sum of its first terms loses. */
INLINE real cos_alone(real r) {
  real z = r * r;
  return 1 - K(0.5, 0.5f) * z + z * z * cos_tail(z);
}

/* A number with the sign changed if bit 1 is set. */
INLINE real turned(real x, word quadrant) { return from_bits(bits(x) ^ (quadrant & 2) << (MANTISSA + K(10, 7))); }

INLINE real sin_at(Turn t) {
  real s = total(sin_near(t.r)), c = cos_alone(t.r), y = (t.quadrant & 1) != 0 ? c : s;
  return turned(y, t.quadrant);
}
INLINE real cos_at(Turn t) {
  real s = total(sin_near(t.r)), c = cos_alone(t.r), y = (t.quadrant & 1) != 0 ? s : c;
  return turned(y, t.quadrant + 1);
}
/* The quotient of sine and cosine, or of -cosine and sine, corrected by what these sums lose when they are rounded. */
INLINE real tan_at(Turn t) {
  Sum s = sin_near(t.r), c = cos_near(t.r);
  real sine = total(s), cosine = total(c), sine_low = s.big - sine + (s.small + t.low * cosine);
  real cosine_low = c.big - cosine + (c.small - t.low * sine);
  bool odd = (t.quadrant & 1) != 0;
  real up = odd ? -cosine : sine, down = odd ? sine : cosine, up_low = odd ? -cosine_low : sine_low;
  real down_low = odd ? sine_low : cosine_low;
#if FUSED
  real inverse = 1 / down, q = up * inverse;
  return q + (BUILTIN(fma)(-q, down, up) + (up_low - q * down_low)) * inverse;
#else
  real q = up / down;
  return q + (up_low - q * down_low) / down;
#endif
}

/* 2/pi, after 64 zeros, in words of 32 bits. */
static const uint32_t two_over_pi[] = {
    0x00000000, 0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041,
    0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e,
    0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b,
    0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
    0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab,
    0xf0cfbc20, 0x9af4361d};

/* 32 bits of it from bit i on. */
static uint32_t window(int i) {
  uint64_t two = (uint64_t)two_over_pi[i / 32] << 32 | two_over_pi[i / 32 + 1];
  return (uint32_t)(two >> (32 - i % 32));
}

/* Payne and Hanek's reduction.  x = m 2^e with an integer m: the bits of 2/pi whose products with x are multiples of 4
 * are left out, and 192 bits from there are enough for every double. */
static __attribute__((noinline)) Turn turn_of_large(double x) {
  uint64_t b = bits(x), m = (b & 0x000fffffffffffff) | 0x0010000000000000;
  int e = (int)(b >> 52 & 2047) - 1075;
  uint32_t product[6] = {0}; /* m times the window, modulo 2^192, the most significant word first */
  for (int half = 0; half < 2; half++) {
    uint64_t carry = 0, part = half ? m >> 32 : m & 0xffffffff;
    for (int i = 5 - half; i >= 0; i--) {
      carry += part * window(e + 62 + 32 * (i + half)) + product[i];
      product[i] = (uint32_t)carry;
      carry >>= 32;
    }
  }
  uint64_t high = (uint64_t)product[0] << 32 | product[1], low = (uint64_t)product[2] << 32 | product[3];
  uint64_t last = (uint64_t)product[4] << 32 | product[5];
  /* Two bits of quadrant, then the fraction; from a half on, what is missing to the next quadrant. */
  uint64_t quadrant = (high >> 62) + (high >> 61 & 1), flip = high >> 61 & 1 ? ~(uint64_t)0 : 0;
  high = (high << 2 | low >> 62) ^ flip;
  low = (low << 2 | last >> 62) ^ flip;
  last = (last << 2) ^ flip;
  double scale = 0x1p-64;
  for (int i = 0; i < 2 && high < 0x1p32; i++) {
    high = high << 32 | low >> 32, low = low << 32 | last >> 32, last <<= 32;
    scale *= 0x1p-32;
  }
  /* The first 27 bits times the first 26 of pi/2 are exact. */
  double top = (double)(high >> 37) * 0x1p37, rest = (double)(high << 27 >> 11) * 0x1p-16 + (double)(low >> 11) * 0x1p-53;
  double first = top * 0x1.921fb5p+0, second = top * 0x1.110b4611a6263p-26 + rest * 0x1.921fb54442d18p+0;
  double sum = first + second, r = sum * scale, left = (first - sum + second) * scale;
  bool negative = (flip != 0) != (b >> 63 != 0);
  return (Turn){negative ? -r : r, negative ? -left : left, b >> 63 ? 0 - quadrant : quadrant};
}

#define LARGE(F, x) F##_large(x)
static __attribute__((noinline)) double sin_large(double x) { return x - x == 0 ? sin_at(turn_of_large(x)) : x - x; }
static __attribute__((noinline)) double cos_large(double x) { return x - x == 0 ? cos_at(turn_of_large(x)) : x - x; }
static __attribute__((noinline)) double tan_large(double x) { return x - x == 0 ? tan_at(turn_of_large(x)) : x - x; }
#endif

#define DEFINE(F)                                                                                                      \
  RARE real FN(F##_rare)(bool any, real x, real usual);                                                                \
  RARE real FN(F##_rare)(bool any, real x, real usual) { return any ? LARGE(F, x) : usual; }

DEFINE(sin)
DEFINE(cos)
DEFINE(tan)

/* sin |x| = (-1)^n sin r, and where n is a half more than m, cos x = (-1)^m sin -r. */
INLINE real of_sign(real y, real x) { return from_bits(bits(y) ^ (bits(x) & bits(-K(0.0, 0.0f)))); }

real FN(sin)(real x) {
  real a = absolute(x);
  return FN(sin_rare)(!(a <= MOST), x, of_sign(sin_step(step_of(a, K(0.5, 0.5f))), x));
}
real FN(cos)(real x) {
  real a = absolute(x);
  return FN(cos_rare)(!(a <= MOST), x, sin_step(step_between(a)));
}
real FN(tan)(real x) {
  real a = absolute(x);
  return FN(tan_rare)(!(a <= MOST), x, of_sign(tan_step(step_of(a, K(8, 8))), x));
}
