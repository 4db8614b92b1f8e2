/* math.h - what the elementary functions of generated code share.
 *
 * Each math_*.c is compiled four times: for doubles and, with SINGLE, for floats; for machines without a fused multiply-add
 * and, with FUSED, for those with one.  `real` is the type, FN(exp) is adc_math_exp or adc_math_expf, K(d, s) is d for
 * doubles and s for floats.
 *
 * The functions are scalar; codegen/widen.c makes a vector function of each by doing every instruction to all lanes.  So each is
 * one straight line: no branch, no loop that stays one; conditions are selects of values that are computed either way.  Tables
 * are read by look(), what is rare and long is a call of a function marked RARE (below).
 *
 * Without FUSED nothing relies on a fused multiply-add, though the compiler may use one wherever a product is added to
 * something in one expression: where that would hurt, the product is exact. */
#ifndef ADC_RUNTIME_MATH_H
#define ADC_RUNTIME_MATH_H
#include <stdbool.h>
#include <stdint.h>
#pragma STDC FP_CONTRACT ON

#ifndef SINGLE
#define SINGLE 0
#endif
#ifndef FUSED
#define FUSED 0
#endif
#define UNWRAP(...) __VA_ARGS__
#if SINGLE
typedef float real;
typedef uint32_t word;
enum { MANTISSA = 23, BIAS = 127 };
#define FN(name)      adc_math_##name##f
#define K(d, s)       s
#define KS(d, s)      UNWRAP s
#define BUILTIN(name) __builtin_##name##f
#else
typedef double real;
typedef uint64_t word;
enum { MANTISSA = 52, BIAS = 1023 };
#define FN(name)      adc_math_##name
#define K(d, s)       d
#define KS(d, s)      UNWRAP d
#define BUILTIN(name) __builtin_##name
#endif

#define INF    ((real)__builtin_inff())
#define NOT_A_NUMBER ((real)__builtin_nanf(""))
#define LEAST  K(0x1p-1022, 0x1p-126f) /* the least normal number */
#define INLINE static inline __attribute__((always_inline))

/* The widener turns a call of a RARE function, `f(any, x…)`, into one for the lanes whose `any` is true, behind a branch; the
 * others get the last operand.  A RARE function that is a straight line is done to all lanes at once, any other lane by lane. */
#define RARE __attribute__((noinline, const))

/* What some processors have instructions for, which the widener then takes (math_parts.c has the others' way). */
__attribute__((pure)) real FN(find)(const real *table, word i); /* table[i], of any size */
__attribute__((const)) real FN(root)(real x); /* sqrt(x), x between 2^-900 and 2^1000 (2^-90, 2^100) */
__attribute__((pure)) real FN(look)(const real *table, word i); /* table[i % 16] */
/* x 2^floor(n), |x| < 2; the low bits of `shifted` hold floor(n) + 2 BIAS.  Where n < VANISHES that is 0, without computing it: what
 * comes out below the normal numbers, as masked entries of a softmax do, takes many processors twenty times as long. */
__attribute__((const)) real FN(scale)(real x, real n, word shifted);
#define VANISHES K(-1076, -151)
__attribute__((const)) real FN(inverse)(real x); /* 1/x, or within 2^-14 of it */
__attribute__((const)) real FN(near_root)(real x), FN(inverse_root)(real x); /* about r = sqrt(x) and 1/r: r + (x - r^2) 1/r / 2 is it */
__attribute__((const)) real FN(limited)(real x); /* x, -1 or 1: what is nearest */
__attribute__((const)) real FN(exponent)(real x); /* floor(log2 x) of a normal x > 0 */

INLINE word bits(real x) {
  word b;
  __builtin_memcpy(&b, &x, sizeof b);
  return b;
}
INLINE real from_bits(word b) {
  real x;
  __builtin_memcpy(&x, &b, sizeof x);
  return x;
}
INLINE real absolute(real x) { return BUILTIN(fabs)(x); }
INLINE real with_sign(real x, real sign) { return BUILTIN(copysign)(x, sign); }
INLINE real square_root(real x) { return BUILTIN(sqrt)(x); }

/* Nan stays nan. */
INLINE real at_least(real low, real x) { return x < low ? low : x; }
INLINE real at_most(real high, real x) { return x > high ? high : x; }
INLINE real clamped(real x, real low, real high) { return at_most(high, at_least(low, x)); }

/* Adding this to x rounds x to an integer, which the low bits of the sum hold: vectors of all processors can do it.
 * Subtracting it gives the integer as a number. */
#define ROUND K(0x1.8p52, 0x1.8p23f)

INLINE real nearest(real x) { return x + ROUND - ROUND; }

/* 2^n, n a normal number's exponent. */
INLINE real power2(real n) { return from_bits(bits(n + (ROUND + BIAS)) << MANTISSA); }

/* The high half of x's bits: the product of two halves is exact. */
INLINE real half_of(real x) { return from_bits(bits(x) & K(0xfffffffff8000000, 0xfffff000)); }

/* a b + c, where the product has to be exact; b has half of a number's bits. */
INLINE real product_plus(real a, real b, real c) {
#if FUSED
  return BUILTIN(fma)(a, b, c);
#else
  real high = half_of(a);
  return high * b + ((a - high) * b + c);
#endif
}

/* c[0] + c[1] x + …, n coefficients, by Estrin's scheme: short chains. */
INLINE real poly_of(real x, const real *c, int n) {
  real t[32];
  _Pragma("clang loop unroll(full)") for (int i = 0; i < n; i++) t[i] = c[i];
  _Pragma("clang loop unroll(full)") for (int k = 0; k < 5; k++) {
    int m = (n + (1 << k) - 1) >> k;
    _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; i++) if (2 * i < m) t[i] =
        2 * i + 1 < m ? t[2 * i + 1] * x + t[2 * i] : t[2 * i];
    x *= x;
  }
  return t[0];
}
#define POLY_OF(x, ...) poly_of(x, (const real[]){__VA_ARGS__}, sizeof((const real[]){__VA_ARGS__}) / sizeof(real))
#define POLY(x, d, s)   POLY_OF(x, KS(d, s))

/* The same by two chains, of the even and the odd coefficients: one product more than the least. */
INLINE real long_poly_of(real x, const real *c, int n) {
  real square = x * x, even = 0, odd = 0;
  _Pragma("clang loop unroll(full)") for (int i = n - 1; i >= 0; i--) {
    if (i % 2)
      odd = i + 2 < n ? odd * square + c[i] : c[i];
    else
      even = i + 2 < n ? even * square + c[i] : c[i];
  }
  return odd * x + even;
}
#define LONG_POLY_OF(x, ...) long_poly_of(x, (const real[]){__VA_ARGS__}, sizeof((const real[]){__VA_ARGS__}) / sizeof(real))
#define LONG_POLY(x, d, s)   LONG_POLY_OF(x, KS(d, s))

#endif
