/* exact_map.c - elementwise functions in long double, by their definitions. */
#include "tests/support/exact/exact.h"
#include <math.h>

static const long double pi = 3.14159265358979323846264338327950288L;

/* Upward recurrence to where the asymptotic series has the accuracy of the type. */
long double exact_polygamma(int64_t n, long double x) {
  static const long double bernoulli[] = {1.0L / 6,   -1.0L / 30,      1.0L / 42, -1.0L / 30,       5.0L / 66,
                                          -691.0L / 2730, 7.0L / 6, -3617.0L / 510, 43867.0L / 798, -174611.0L / 330};
  long double sign = n % 2 ? 1 : -1, factorial = 1, sum = 0;
  for (int64_t k = 2; k <= n; k++) factorial *= (long double)k;
  if (x <= 0 && x == floorl(x)) return n % 2 ? INFINITY : NAN;
  for (; x < 40; x += 1) sum += sign * factorial / powl(x, (long double)n + 1);
  if (n == 0) sum += logl(x) - 1 / (2 * x);
  else sum += sign * (factorial / (long double)n / powl(x, (long double)n) + factorial / (2 * powl(x, (long double)n + 1)));
  for (int k = 1; k <= 10; k++) {
    long double ratio = 1; /* (2k + n - 1)! / (2k)! */
    for (int64_t j = 2 * k + 1; j <= 2 * k + n - 1; j++) ratio *= (long double)j;
    if (n == 0) ratio = 1.0L / (2 * k);
    sum += sign * bernoulli[k - 1] * ratio / powl(x, (long double)(2 * k + n));
  }
  return sum;
}

static long double sign_of(long double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static long double nan_max(long double x, long double y) { return isnan(x) || x > y ? x : y; }
static long double nan_min(long double x, long double y) { return isnan(x) || x < y ? x : y; }

static long double unary(Opcode op, long double x) {
  switch (op) {
  case OP_neg: return -x;
  case OP_abs: return fabsl(x);
  case OP_sign: return sign_of(x);
  case OP_floor: return floorl(x);
  case OP_ceil: return ceill(x);
  case OP_round: return nearbyintl(x);
  case OP_trunc: return truncl(x);
  case OP_sqrt: return sqrtl(x);
  case OP_rsqrt: return 1 / sqrtl(x);
  case OP_cbrt: return cbrtl(x);
  case OP_exp: return expl(x);
  case OP_exp2: return exp2l(x);
  case OP_expm1: return expm1l(x);
  case OP_log: return logl(x);
  case OP_log2: return log2l(x);
  case OP_log10: return log10l(x);
  case OP_log1p: return log1pl(x);
  case OP_sin: return sinl(x);
  case OP_cos: return cosl(x);
  case OP_tan: return tanl(x);
  case OP_asin: return asinl(x);
  case OP_acos: return acosl(x);
  case OP_atan: return atanl(x);
  case OP_sinh: return sinhl(x);
  case OP_cosh: return coshl(x);
  case OP_tanh: return tanhl(x);
  case OP_asinh: return asinhl(x);
  case OP_acosh: return acoshl(x);
  case OP_atanh: return atanhl(x);
  case OP_sigmoid: return 1 / (1 + expl(-x));
  case OP_softplus: return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
  case OP_relu: return x > 0 || isnan(x) ? x : 0;
  case OP_erf: return erfl(x);
  case OP_erfc: return erfcl(x);
  case OP_lgamma: return x < 0 && x != floorl(x) ? logl(fabsl(pi / sinl(pi * x))) - lgammal(1 - x) : lgammal(x);
  case OP_digamma: return exact_polygamma(0, x);
  case OP_stop_gradient: return x;
  default: bug("no value of %s", op_info[op].name);
  }
}

long double exact_real(Opcode op, const long double *x) {
  switch (op) {
  case OP_add: return x[0] + x[1];
  case OP_sub: return x[0] - x[1];
  case OP_mul: return x[0] * x[1];
  case OP_mulz: return x[0] == 0 || x[1] == 0 ? 0 : x[0] * x[1];
  case OP_div: return x[0] / x[1];
  case OP_floordiv: return floorl(x[0] / x[1]);
  case OP_mod: return x[0] - x[1] * floorl(x[0] / x[1]);
  case OP_pow: return powl(x[0], x[1]);
  case OP_atan2: return atan2l(x[0], x[1]);
  case OP_hypot: return hypotl(x[0], x[1]);
  case OP_max: return nan_max(x[0], x[1]);
  case OP_min: return nan_min(x[0], x[1]);
  case OP_clamp: return nan_min(nan_max(x[0], x[1]), x[2]);
  default: return unary(op, x[0]);
  }
}

/* By 0: any number, which a check before does not let come out. */
static int64_t floor_div(int64_t x, int64_t y) { return y == 0 ? 0 : x / y - (x % y != 0 && (x < 0) != (y < 0)); }

static int64_t int_power(int64_t x, int64_t n) {
  int64_t r = 1;
  while (n-- > 0) r *= x;
  return r;
}

int64_t exact_int(Opcode op, const int64_t *x) {
  switch (op) {
  case OP_philox: return exact_philox(x, 0);
  case OP_philox_high: return exact_philox(x, 2);
  case OP_neg: return (int64_t)-(uint64_t)x[0];
  case OP_abs: return x[0] < 0 ? -x[0] : x[0];
  case OP_sign: return (x[0] > 0) - (x[0] < 0);
  case OP_add: return (int64_t)((uint64_t)x[0] + (uint64_t)x[1]);
  case OP_sub: return (int64_t)((uint64_t)x[0] - (uint64_t)x[1]);
  case OP_mul: return (int64_t)((uint64_t)x[0] * (uint64_t)x[1]);
  case OP_floordiv: return floor_div(x[0], x[1]);
  case OP_mod: return x[1] == 0 ? 0 : x[0] - x[1] * floor_div(x[0], x[1]);
  case OP_ipow: return int_power(x[0], x[1]);
  case OP_max: return x[0] > x[1] ? x[0] : x[1];
  case OP_min: return x[0] < x[1] ? x[0] : x[1];
  case OP_clamp: x = (const int64_t[]){x[0] > x[1] ? x[0] : x[1], x[2]}; return x[0] < x[1] ? x[0] : x[1];
  case OP_eq: return x[0] == x[1];
  case OP_ne: return x[0] != x[1];
  case OP_lt: return x[0] < x[1];
  case OP_le: return x[0] <= x[1];
  case OP_gt: return x[0] > x[1];
  case OP_ge: return x[0] >= x[1];
  case OP_and: return x[0] && x[1];
  case OP_or: return x[0] || x[1];
  case OP_not: return !x[0];
  default: bug("no value of %s on ints", op_info[op].name);
  }
}

bool exact_compare(Opcode op, long double x, long double y) {
  switch (op) {
  case OP_eq: return x == y;
  case OP_ne: return x != y;
  case OP_lt: return x < y;
  case OP_le: return x <= y;
  case OP_gt: return x > y;
  case OP_ge: return x >= y;
  default: bug("%s compares nothing", op_info[op].name);
  }
}
