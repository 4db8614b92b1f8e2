/* math_parts.c - what some processors have instructions for, for the others. */
#include "runtime/math.h"

#define PART __attribute__((always_inline))

PART real FN(look)(const real *table, word i) { return table[i & 15]; }
PART real FN(find)(const real *table, word i) { return table[i]; }
PART real FN(root)(real x) { return square_root(x); }
PART real FN(near_root)(real x) { return square_root(x); }
PART real FN(inverse_root)(real x) { return from_bits(K(0x5fe6eb50c7b537a9, 0x5f3759df) - (bits(x) >> 1)); }
PART real FN(inverse)(real x) { return 1 / x; }
PART real FN(limited)(real x) { return clamped(x, -1, 1); }
PART real FN(exponent)(real x) { return from_bits(bits(x) >> MANTISSA | bits(K(0x1p52, 0x1p23f))) - (K(0x1p52, 0x1p23f) + BIAS); }

/* By two powers of about half of n each, so that the result may be more than the largest number or less than the least. */
PART real FN(scale)(real x, real n, word shifted) {
  word half = shifted >> 1;
  return x * from_bits(half << MANTISSA) * (n < VANISHES ? 0 : from_bits((shifted - half) << MANTISSA));
}
