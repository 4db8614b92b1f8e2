/* math_hyperbolic.c - inverse hyperbolic functions. */
#include "runtime/math_log.h"

/* log(1 + big + small), or where a is huge log(2 a). */
INLINE real log_of_three(real big, real small, real a) {
  bool huge = a > K(0x1p28, 0x1p14f);
  real sum = big + small, low = big - sum + small, u = 1 + sum, rest = sum - (u - 1) + low;
  const real down = K(0x1p-20, 0x1p-20f); /* so that the exponent is not the largest */
  return log_of_moved_sum(huge ? 21 : 0, huge ? a * down : u, huge ? 0 : rest);
}

/* sqrt(1 + a^2) - 1 = a^2 / (1 + sqrt(1 + a^2)). */
real FN(asinh)(real x) {
  real a = absolute(x), square = a * a, y = log_of_three(a, square / (1 + square_root(1 + square)), a);
  y = a < K(0x1p-28, 0x1p-13f) ? a : y;
  return with_sign(a < INF ? y : a, x);
}

/* With t = x - 1: log(1 + sqrt(2 t + t^2) + t). */
real FN(acosh)(real x) {
  real t = x - 1, root = square_root(2 * t + t * t), small = root > t ? t : root;
  real y = log_of_three(root > t ? root : t, small, x);
  y = x < INF ? y : x;
  return x >= 1 ? y : NOT_A_NUMBER;
}

RARE real FN(atanh_rare)(bool any, real x, real usual);
RARE real FN(atanh_rare)(bool any, real x, real usual) {
  real end = absolute(x) == 1 ? INF : NOT_A_NUMBER;
  return any ? with_sign(end, x) : usual;
}

/* log((1 + a) / (1 - a)) / 2 = log(1 + u) / 2; what 1 - a loses is made good. */
real FN(atanh)(real x) {
  real a = absolute(x), down = 1 - a, u = 2 * a / down, low = (down - 1 + a) * u * (1 + K(0.5, 0.5f) * u), sum = 1 + u;
  real y = K(0.5, 0.5f) * log_of_sum(sum, u - (sum - 1) + low);
  return FN(atanh_rare)(!(a < 1), x, with_sign(y, x));
}
