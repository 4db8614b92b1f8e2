/* math_parts.c - what some processors have instructions for, for the others. */
#include "runtime/math.h"

#define PART __attribute__((always_inline))

PART real FN(look)(const real *table, word i) { return table[i & 15]; }
PART real FN(find)(const real *table, word i) { return table[i]; }
PART real FN(root)(real x) { return square_root(x); }

/* By two powers of about half of n each, so that the result may be more than the largest number or less than the least. */
PART real FN(scale)(real x, real n, word shifted) {
  word half = shifted >> 1;
  return x * from_bits(half << MANTISSA) * (n < VANISHES ? 0 : from_bits((shifted - half) << MANTISSA));
}
