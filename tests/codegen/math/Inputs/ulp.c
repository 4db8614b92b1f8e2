/* ulp.c BOUND POINTS - the largest error of generated elementary functions against MPFR, in units in the last place of the
 * true result (of the least positive number, where it is subnormal; for digamma and its derivatives at negative arguments, of
 * the largest term of the reflection formula, where that is larger: they have zeros there).
 *
 * TABLE is a list of ONE(f) and TWO(f), HEADER what adc wrote.  Points: special values, all exponents, moderate numbers,
 * and neighbourhoods of 0, 1, the multiples of pi/2 and the ends of tables' intervals.  Prints what is above the bound; exit
 * status 1 if something is. */
#include HEADER
#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Function {
  const char *name;
  int operands;
  int (*f64)(), (*f32)(), (*truth)();
} Function;

/* ---- what MPFR has not ------------------------------------------------------------------------------------------- */

static int mpfr_sigmoid(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) {
  mpfr_neg(y, x, r);
  mpfr_exp(y, y, r);
  mpfr_add_ui(y, y, 1, r);
  return mpfr_ui_div(y, 1, y, r);
}

static int mpfr_softplus(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) {
  if (mpfr_cmp_si(x, 2000) > 0) return mpfr_set(y, x, r);
  mpfr_exp(y, x, r);
  return mpfr_log1p(y, y, r);
}

static int log_gamma(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) {
  int sign;
  return mpfr_lgamma(y, &sign, x, r);
}
#define mpfr_lgamma log_gamma

/* B(2 k) / (2 k)! = (-1)^(k + 1) 2 zeta(2 k) / (2 pi)^(2 k) */
enum { BERNOULLI = 40 };
static mpfr_t bernoulli[BERNOULLI];
static void bernoulli_numbers(void) {
  mpfr_t p;
  mpfr_init2(p, 400);
  for (unsigned k = 1; k < BERNOULLI; k++) {
    mpfr_init2(bernoulli[k], 400);
    mpfr_const_pi(p, MPFR_RNDN);
    mpfr_mul_ui(p, p, 2, MPFR_RNDN);
    mpfr_pow_si(p, p, -2 * (long)k, MPFR_RNDN);
    mpfr_zeta_ui(bernoulli[k], 2 * k, MPFR_RNDN);
    mpfr_mul(bernoulli[k], bernoulli[k], p, MPFR_RNDN);
    mpfr_mul_si(bernoulli[k], bernoulli[k], k % 2 ? 2 : -2, MPFR_RNDN);
  }
  mpfr_clear(p);
}

/* y += the sum of (x + k)^-s, k >= 0, x > 0, by Euler and Maclaurin's formula from x + 60 + s on. */
static void add_zeta(mpfr_t y, unsigned s, const mpfr_t x, int sign) {
  mpfr_t at, p, t;
  mpfr_inits2(400, at, p, t, (mpfr_ptr)0);
  mpfr_set(at, x, MPFR_RNDN);
  unsigned terms = mpfr_cmp_d(x, 1e60) < 0 ? 60 + s : 0;
  for (unsigned k = 0; k <= terms; k++) { /* the last one half */
    mpfr_pow_si(p, at, -(long)s, MPFR_RNDN);
    mpfr_div_ui(t, p, k < terms ? 1 : 2, MPFR_RNDN);
    sign > 0 ? mpfr_add(y, y, t, MPFR_RNDN) : mpfr_sub(y, y, t, MPFR_RNDN);
    if (k < terms) mpfr_add_ui(at, at, 1, MPFR_RNDN);
  }
  mpfr_mul(t, p, at, MPFR_RNDN);
  mpfr_div_ui(t, t, s - 1, MPFR_RNDN);
  sign > 0 ? mpfr_add(y, y, t, MPFR_RNDN) : mpfr_sub(y, y, t, MPFR_RNDN);
  mpfr_div(p, p, at, MPFR_RNDN);
  mpfr_mul_ui(p, p, s, MPFR_RNDN);
  for (unsigned k = 1; k < BERNOULLI; k++) {
    mpfr_mul(t, p, bernoulli[k], MPFR_RNDN);
    sign > 0 ? mpfr_add(y, y, t, MPFR_RNDN) : mpfr_sub(y, y, t, MPFR_RNDN);
    mpfr_mul_ui(p, p, (s + 2 * k - 1) * (s + 2 * k), MPFR_RNDN);
    mpfr_div(p, p, at, MPFR_RNDN);
    mpfr_div(p, p, at, MPFR_RNDN);
  }
  mpfr_clears(at, p, t, (mpfr_ptr)0);
}

/* n! times the sum of 1/|x + k|^(n + 1) or its kin: a negative x = d - m has terms on either side of 0. */
static int polygamma(mpfr_t y, const mpfr_t x, unsigned n) {
  mpfr_t sum, d, m, at;
  if (mpfr_nan_p(x) || (mpfr_inf_p(x) && mpfr_sgn(x) < 0)) return mpfr_set_nan(y), 0;
  if (mpfr_inf_p(x)) return mpfr_set_zero(y, n % 2 ? 1 : -1), 0;
  if (mpfr_zero_p(x)) return mpfr_set_inf(y, n % 2 || mpfr_signbit(x) ? 1 : -1), 0;
  if (mpfr_sgn(x) < 0 && mpfr_integer_p(x)) return n % 2 ? mpfr_set_inf(y, 1) : mpfr_set_nan(y), 0;
  mpfr_inits2(400, sum, d, m, at, (mpfr_ptr)0);
  mpfr_set_ui(sum, 0, MPFR_RNDN);
  if (mpfr_sgn(x) > 0)
    add_zeta(sum, n + 1, x, 1);
  else {
    mpfr_rint(m, x, MPFR_RNDN);
    mpfr_sub(d, x, m, MPFR_RNDN);
    mpfr_pow_si(sum, d, -(long)n - 1, MPFR_RNDN);
    mpfr_add_ui(at, d, 1, MPFR_RNDN);
    add_zeta(sum, n + 1, at, 1);
    mpfr_ui_sub(at, 1, d, MPFR_RNDN);
    add_zeta(sum, n + 1, at, n % 2 ? 1 : -1);
    mpfr_ui_sub(at, 1, x, MPFR_RNDN);
    add_zeta(sum, n + 1, at, n % 2 ? -1 : 1);
  }
  mpfr_fac_ui(d, n, MPFR_RNDN);
  mpfr_mul_si(d, d, n % 2 ? 1 : -1, MPFR_RNDN);
  mpfr_mul(y, sum, d, MPFR_RNDN);
  mpfr_clears(sum, d, m, at, (mpfr_ptr)0);
  return 0;
}
#define POLYGAMMA(n) static int mpfr_polygamma##n(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) { return (void)r, polygamma(y, x, n); }
POLYGAMMA(1)
POLYGAMMA(2)
POLYGAMMA(3)
POLYGAMMA(10)

/* Of the units that errors at x are measured in, the exponent; or less. */
static long least_exponent(int (*f)(), const mpfr_t x) {
  static const struct { int (*f)(); long order; } gammas[] = {
      {mpfr_digamma, 0}, {mpfr_polygamma1, 1}, {mpfr_polygamma2, 2}, {mpfr_polygamma3, 3}, {mpfr_polygamma10, 10}};
  long n = -1;
  for (int k = 0; k < 5; k++)
    if (f == gammas[k].f) n = gammas[k].order;
  if (n < 0 || !mpfr_number_p(x) || mpfr_sgn(x) >= 0 || mpfr_integer_p(x)) return -2000;
  mpfr_t d, t;
  mpfr_inits2(140, d, t, (mpfr_ptr)0);
  mpfr_rint(d, x, MPFR_RNDN);
  mpfr_sub(d, x, d, MPFR_RNDN);
  mpfr_pow_si(d, d, -n - 1, MPFR_RNDN);
  mpfr_fac_ui(t, (unsigned long)n, MPFR_RNDN);
  mpfr_mul(t, d, t, MPFR_RNDN);
  long e = mpfr_get_exp(t);
  mpfr_ui_sub(d, 1, x, MPFR_RNDN);
  mpfr_log(d, d, MPFR_RNDN);
  if (n == 0 && mpfr_get_exp(d) > e) e = mpfr_get_exp(d);
  mpfr_clears(d, t, (mpfr_ptr)0);
  return e;
}

#define ONE(f) {#f, 1, f##_f64, f##_f32, mpfr_##f},
#define TWO(f) {#f, 2, f##_f64, f##_f32, mpfr_##f},
static const Function table[] = {TABLE};

/* ---- points ------------------------------------------------------------------------------------------------------ */

static uint64_t state = 88172645463325252;
static uint64_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}
static double between(double a, double b) { return a + (b - a) * ((double)(random_bits() >> 11) * 0x1p-53); }

static const double special[] = {
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0, 1e22, -1e22, 5e-324, -5e-324, 2.2e-308, 1.7976931348623157e308,
    -1.7976931348623157e308, 1e-30, 6381956970095103.0 * 0x1p797, 709.78, 709.79, -708.4, -745.13, -745.14, 88.72, 88.73,
    -87.34, -103.97, 1.4e-45, 1.17e-38, 3.4028234663852886e38, 9007199254740993.0, 4503599627370497.0, 8388609.0, 26.54,
    1 - 0x1p-53, 1 + 0x1p-52, -1 + 0x1p-53, 1 - 0x1p-24, 1e-310};
enum { SPECIAL = sizeof special / sizeof *special + 3 };

/* Where the first attempts at some function failed: near the ends of a table's intervals, mostly. */
static const double found[] = {
    0x1.a92d7cdaaf47bp+4, 0x1.15891c207080bp+4, -0x1.9c0a1d6c81b75p+12, 0x1.1ab9cep+0, 0x1.964b2ep+0, 0x1.bfb174p+8, /* tan */
    0x1.f7393ep-1, 0x1.f7f9d6p-1, 0x1.f7faep-1, 0x1.f7c61d9610beep-1, 0x1.ffedaap-1, /* log10 */
    0x1.3c0bff08672c8p-1, 0x1.3c1778p-1, -0x1.03df590eaa858p-1, /* asin, acos */
    0x1.8cf030736e4bfp+0, 0x1.af24b8e9df1dp+1, 0x1.ef55e2p-2, /* erfc */
    0x1.fada4p-5, 0x1.70d468p-6, 0x1.6d0cab4b056f6p-6, 0x1.a6e0492dfba48p-6}; /* sinh, expm1 */
enum { FOUND = sizeof found / sizeof *found };

static double special_point(int k) {
  return k == 0 ? INFINITY : k == 1 ? -INFINITY : k == 2 ? NAN : special[k - 3];
}

static double point(int k, int single) {
  double sign = random_bits() & 1 ? 1 : -1;
  uint64_t b = random_bits();
  uint32_t half = (uint32_t)b;
  double x = 0;
  float y;
  switch (k % 11) {
  case 0:
    memcpy(&x, &b, sizeof x);
    memcpy(&y, &half, sizeof y);
    return single ? y : x;
  case 1: return sign * ldexp(between(1, 2), (int)(random_bits() % 40) - 30);
  case 2: return 1 + sign * ldexp(between(1, 2), -1 - (int)(random_bits() % 52));
  case 3: return sign * (double)(random_bits() % 100000) * 1.5707963267948966;
  case 4: return between(-1, 1);
  case 5: return between(-750, 750);
  case 6: return between(-30, 30);
  case 7: return -(double)(random_bits() % 40) + sign * ldexp(between(1, 2), -1 - (int)(random_bits() % 50));
  case 8: return (sign * (double)(random_bits() % 2000) + ldexp(between(-1, 1), -2 - (int)(random_bits() % 50))) * 0.09817477042468103;
  case 9:
    x = (1 + (double)(random_bits() % 32) / 32) * ldexp(1, k % 4 - 2);
    return x * (1 + sign * ldexp(between(1, 2), -5 - (int)(random_bits() % 46)));
  default: return between(-3, 3);
  }
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static mpfr_t truth, difference;

static double error_of(double got, int single, long least_exp) {
  int digits = single ? 24 : 53, least = single ? -149 : -1074, most = single ? 128 : 1024;
  if (mpfr_nan_p(truth)) return isnan(got) ? 0 : INFINITY;
  if (isnan(got)) return INFINITY;
  double want = single ? (double)mpfr_get_flt(truth, MPFR_RNDN) : mpfr_get_d(truth, MPFR_RNDN);
  if (want == got && (want == 0 || isinf(want))) return !signbit(want) == !signbit(got) ? 0 : INFINITY;
  if (mpfr_inf_p(truth) || mpfr_zero_p(truth)) return INFINITY;
  if (isinf(got)) got = copysign(ldexp(1, most > 1023 ? 1023 : most), got); /* one step above the largest */
  long e = mpfr_get_exp(truth);
  if (e < least_exp) e = least_exp;
  long unit = (e > most ? most : e) - digits;
  mpfr_sub_d(difference, truth, got, MPFR_RNDN);
  if (most > 1023 && fabs(got) == 0x1p1023 && isinf(want)) mpfr_sub_d(difference, difference, got, MPFR_RNDN);
  mpfr_mul_2si(difference, difference, -(unit < least ? least : unit), MPFR_RNDN);
  return fabs(mpfr_get_d(difference, MPFR_RNDN));
}

static int check(const Function *f, int single, double bound, int n) {
  double *x = malloc(2 * (size_t)n * sizeof *x), *y = malloc((size_t)n * sizeof *y), worst = 0;
  float *xf = malloc(2 * (size_t)n * sizeof *xf), *yf = malloc((size_t)n * sizeof *yf);
  int at = 0, pairs = f->operands == 2 ? SPECIAL * SPECIAL : SPECIAL;
  for (int k = 0; k < n; k++) {
    int one = k - pairs; /* of points that are not special */
    x[k] = one < 0 ? special_point(k % SPECIAL) : one < FOUND ? found[one] : point(k, single);
    x[n + k] = k < pairs ? special_point(k / SPECIAL % SPECIAL) : point(k / 11, single);
    if (one >= FOUND && k % 16 > 7) x[k] = fabs(x[k]);
    for (int j = 0; j < 2; j++) xf[j * n + k] = (float)x[j * n + k];
  }
  if (single)
    f->operands == 2 ? f->f32((int64_t)n, xf, xf + n, yf, (void *)0) : f->f32((int64_t)n, xf, yf, (void *)0);
  else
    f->operands == 2 ? f->f64((int64_t)n, x, x + n, y, (void *)0) : f->f64((int64_t)n, x, y, (void *)0);
  mpfr_t a, b;
  mpfr_inits2(53, a, b, (mpfr_ptr)0);
  for (int k = 0; k < n; k++) {
    mpfr_set_d(a, single ? xf[k] : x[k], MPFR_RNDN);
    mpfr_set_d(b, single ? xf[n + k] : x[n + k], MPFR_RNDN);
    f->operands == 2 ? f->truth(truth, a, b, MPFR_RNDN) : f->truth(truth, a, MPFR_RNDN);
    double e = error_of(single ? yf[k] : y[k], single, least_exponent(f->truth, a));
    if (e > worst) worst = e, at = k;
  }
  if (!(worst <= bound))
    printf("%s, f%d: %.3f ulp at %a %a\n", f->name, single ? 32 : 64, worst, single ? xf[at] : x[at],
           single ? xf[n + at] : x[n + at]);
  mpfr_clears(a, b, (mpfr_ptr)0);
  free(x), free(y), free(xf), free(yf);
  return !(worst <= bound);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int bad = 0;
  mpfr_inits2(140, truth, difference, (mpfr_ptr)0);
  bernoulli_numbers();
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    for (int single = 0; single < 2; single++) bad |= check(&table[i], single, atof(argv[1]), atoi(argv[2]));
  mpfr_clears(truth, difference, (mpfr_ptr)0);
  return bad;
}
