/* math_gamma.c - the logarithm of |gamma(x)|, within 4 ulp everywhere, near its zeros too.
 *
 * Polynomials are near-minimax (Sollya's fpminimax, of Chebyshev interpolants to 110 digits); the zeros were found by
 * bisection to 60 digits.  A float's is a double's, rounded. */
#include "runtime/math_pair.h"

#if SINGLE
double adc_math_lgamma(double x);
float adc_math_lgammaf(float x) { return (float)adc_math_lgamma((double)x); }
#else
double adc_math_log(double x), adc_math_log1p(double x), adc_math_sin(double x);

/* ---- positive arguments ------------------------------------------------------------------------------------------ */

/* Of a normal x > 0, less than 2^1000.  From 3 on Stirling's formula, (x - 1/2) (log x - 1) + log(2 pi)/2 - 1/2 + s(1/x^2)/x;
 * between the zeros, 1 and 2, a polynomial times the distances to both; on either side one step of the recurrence. */
INLINE double lgamma_of(double x) {
  bool low = x < 1, high = x >= 2, far = x >= 3;
  double less = x - 1, half = x - 0.5, step = low ? 1 : 0, shift = high ? -1 : step, other = high ? less : 1;
  double u = less + shift, v = x - (2 - shift), t = half - (1 - shift);
  double f = POLY_OF(t, 0x1.01af62a292b2ep-4, -0x1.007aa83cef96ap-5, 0x1.1334235260402p-6, -0x1.34dbda1290746p-7,
                     0x1.64f0665f6d024p-8, -0x1.a5035375bcfabp-9, 0x1.f814b43344e4ep-10,
                     -0x1.313e530e87b12p-10, 0x1.750b2356373ddp-11, -0x1.cb503060ada2ap-12,
                     0x1.1c734ecb32a9cp-12, -0x1.6184f75b634c2p-13, 0x1.bac680900ca54p-14,
                     -0x1.1cf5f2ca765bbp-14, 0x1.63538d1e535dfp-15, -0x1.68680b8105818p-16,
                     0x1.e262c3f627352p-17, -0x1.36ef1202ae9e5p-16, 0x1.78ec4e44bf75ap-17);
  f = 0x1.eeb95b094c191p-2 + t * (-0x1.2aed059bd6085p-3 + t * f);
  Pair l = log_pair((low | far) ? x : other);
  double sign = low ? -1 : 1, near = u * v * f + sign * l.high + sign * l.low;
  double r = 1 / x, rate = l.high - 1, product = half * rate;
  double tail = POLY_OF(at_least(0x1p-60, r * r), 0x1.5555555555555p-4, -0x1.6c16c16c11651p-9, 0x1.a01a017c48b54p-11,
                        -0x1.381368b40fd73p-11, 0x1.b948fecb5567fp-11, -0x1.f5b14b1be6664p-10, 0x1.9b1b6544f7359p-8,
                        -0x1.aa7caa04f9f4dp-6, 0x1.d10335509b2a7p-4, -0x1.af74058fdd765p-2,
                        0x1.116d8af4240dap0, -0x1.4fa5dd772d3d6p0);
  double rest = 0x1.acfe390c97d69p-2 + (tail * r + (product_rest(half, rate, product) + half * l.low));
  return far ? product + rest : near;
}

/* ---- negative arguments ------------------------------------------------------------------------------------------ */

/* lgamma(2 + z) / z, -0.605 <= z <= 1/2. */
static const double at_two[] = {
    0x1.b0ee6072093cep-2, 0x1.4a34cc4a60fa6p-2, -0x1.13e001a5575b1p-4, 0x1.51322ac7d872dp-6, -0x1.e404fc21a6f76p-8,
    0x1.7add6ead6be62p-9, -0x1.38ac5c200a725p-10, 0x1.0b36afa7a9386p-11, -0x1.d3fd53158cb2cp-13,
    0x1.a1279f92e9ec7p-14, -0x1.78dd422f800e5p-15, 0x1.5810997bb7961p-16, -0x1.3cd9c72eccb42p-17,
    0x1.254eefe57e0f4p-18, -0x1.0fcd1094d4faap-19, 0x1.0509fee7f0ffcp-20, -0x1.04705057969e9p-21,
    0x1.6c475ce7e8415p-23, -0x1.a786b9493a1cfp-25, 0x1.bb2ecfbb2f0d9p-24, -0x1.e5193c10b311ap-25,
    -0x1.1a231b330f48dp-26};
enum { AT_TWO = sizeof at_two / sizeof *at_two };

/* The zeros next to -2, -3, ...: below and above, of two parts each; there is none above -2. */
static const Pair zero[] = {
    {-0x1.3a7fc9600f86cp1, -0x1.55f64f98af8dp-55}, {0, 0}, {-0x1.9260dbc9e59afp1, -0x1.f717cd335a7b3p-53},
    {-0x1.5fb410a1bd901p1, 0x1.a19a96d2e6f85p-54}, {-0x1.0284e78599581p2, 0x1.e78c1e9e43cfep-53},
    {-0x1.fa471547c2fe5p1, -0x1.70d4561291237p-56}, {-0x1.4086a57f0b6d9p2, -0x1.95262b72ca9cap-55},
    {-0x1.3f7577a6eeafdp2, 0x1.5de5eab7f12cfp-53}, {-0x1.8016b25897c8dp2, 0x1.27e0f49a4ba72p-54},
    {-0x1.7fe92f591f40dp2, -0x1.7dd4ed62cbd32p-52}, {-0x1.c0033fdedfe1fp2, 0x1.20bb7d2324678p-52},
    {-0x1.bffcbf76b86fp2, 0x1.853b29347b806p-57}, {-0x1.000034028b3f9p3, -0x1.f60cb3cec1cedp-52},
    {-0x1.ffff97f8159cfp2, -0x1.e54f415a91586p-55}, {-0x1.200005c7768fbp3, -0x1.b5b610ffb70d4p-54},
    {-0x1.1ffffa3884bdp3, -0x1.ff90c9d2ae925p-53}, {-0x1.40000093f2777p3, -0x1.927b45d95e154p-52},
    {-0x1.3fffff6c0d7cp3, 0x1.197cea8c42d7dp-51}, {-0x1.6000000d7322ap3, -0x1.8aecb2d37ff52p-51},
    {-0x1.5ffffff28cdd4p3, 0x1.c9924a65aa486p-53}, {-0x1.800000011eed9p3, 0x1.19d5307e1fb5ep-53},
    {-0x1.7ffffffee1127p3, -0x1.ce1f7906b30f5p-54}, {-0x1.a000000016124p3, -0x1.84e03341ee8ddp-51},
    {-0x1.9fffffffe9edcp3, 0x1.84f40342d001cp-51}, {-0x1.c000000001939p3, -0x1.d2a2f4a73af63p-51},
    {-0x1.bffffffffe6c7p3, 0x1.d2a30f3dae0fbp-51}, {-0x1.e0000000001aep3, -0x1.fcf9ccde8721p-51},
    {-0x1.dfffffffffe52p3, 0x1.fcf9ccfd8867ep-51}, {-0x1.000000000000dp4, -0x1.cfe7ce6768509p-50},
    {-0x1.fffffffffffe5p3, -0x1.80c18cc43ea26p-53}, {-0x1.1000000000001p4, 0x1.ab4e23f3d4bbcp-51},
    {-0x1.0ffffffffffffp4, -0x1.ab4e23f3d49f1p-51}, {-0x1.2p4, -0x1.6827863b97d95p-53}, {-0x1.2p4,
    0x1.6827863b97d9ap-53}};
enum { ZEROS = sizeof zero / sizeof *zero / 2 };

/* gamma(x) = gamma(2 + d) / p, x = d - n, where p = (1 + d) d (d - 1) ... (d - n). */
static double lgamma_by_product(double d, int n) {
  double y = 0;
  Pair p = {absolute(d), 0};
  for (int k = -1; k <= n; k++)
    if (k) p = pair_times(p, pair_sum(k < 0 ? 1 : k, k < 0 ? d : -d));
  for (int i = AT_TWO - 1; i >= 0; i--) y = (y + at_two[i]) * d;
  return y - (adc_math_log(p.high) + p.low / p.high);
}

/* The same, less what it is at the zero d0, which is t away: the quotient of the two p is 1 + v, a product of
 * (d - k) / (d0 - k) = 1 + t / (d0 - k), and the difference of the polynomials is divided by t as their coefficients are. */
static double lgamma_by_zero(double d, int n, Pair d0, Pair t) {
  double y = 0, slope = 0;
  Pair v = {0, 0};
  for (int k = -1; k <= n; k++) {
    Pair down = pair_sum(d0.high, -k);
    down.low += d0.low;
    Pair e = pair_over(t, down), more = pair_times(v, e), sum = pair_sum(v.high, e.high), both = pair_sum(sum.high, more.high);
    v = (Pair){both.high, both.low + sum.low + (more.low + v.low + e.low)};
  }
  for (int i = AT_TWO - 1; i >= 0; i--) slope = slope * d0.high + y, y = y * d + at_two[i];
  return t.high * (slope * d0.high + y) - (adc_math_log1p(v.high) + v.low / (1 + v.high));
}

static __attribute__((noinline)) double lgamma_rest(double x) {
  double a = absolute(x);
  if (x != x || a == INF) return x * x;
  if (x >= 0x1p1000) return x * (adc_math_log(x) - 1);
  if (a < LEAST) return -adc_math_log(a);
  if (a >= 0x1p52) return INF;
  double n = nearest(a), d = n - a;
  if (d == 0) return INF;
  if (n > 100) { /* gamma(x) gamma(-x) = -pi / (x sin(pi x)) */
    double s = adc_math_sin(0x1.921fb54442d18p1 * absolute(d));
    return -adc_math_log(0x1.45f306dc9c883p-2 * a * s) - lgamma_of(a);
  }
  if (x > -2.6 && x < -2.5) n = 2, d = x + 2; /* that zero is nearer */
  int k = (int)n - 2;
  if (k < 0 || k >= ZEROS || (k == 0 && d > 0)) return lgamma_by_product(d, (int)n);
  Pair z = zero[2 * k + (d > 0)], d0 = pair_sum(n + z.high, z.low), t = pair_sum(x - z.high, -z.low);
  return absolute(d) > 0.5 * absolute(d0.high) ? lgamma_by_zero(d, (int)n, d0, t) : lgamma_by_product(d, (int)n);
}

RARE double adc_math_lgamma_rare(bool any, double x, double usual);
RARE double adc_math_lgamma_rare(bool any, double x, double usual) { return any ? lgamma_rest(x) : usual; }
double adc_math_lgamma(double x) {
  bool usual = (x >= LEAST) & (x < 0x1p1000);
  return adc_math_lgamma_rare(!usual, x, lgamma_of(x));
}
#endif
