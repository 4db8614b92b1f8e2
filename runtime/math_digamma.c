/* math_digamma.c - derivatives of log gamma: digamma, trigamma, polygamma.
 *
 * Ensures: positive arguments within 4 ulp (polygamma: n <= 10; some more ulp beyond); negative ones within some ulp of the largest
 * term of the reflection, for the functions have zeros there.  An order above 1000 is nan.
 *
 * Polynomials are near-minimax (Sollya's fpminimax, of Chebyshev interpolants to 110 digits).  A float's is a double's,
 * rounded. */
#include "runtime/math_pair.h"

#if SINGLE
double adc_math_digamma(double x), adc_math_trigamma(double x), adc_math_polygamma(double n, double x);
float adc_math_digammaf(float x) { return (float)adc_math_digamma((double)x); }
float adc_math_trigammaf(float x) { return (float)adc_math_trigamma((double)x); }
float adc_math_polygammaf(float n, float x) { return (float)adc_math_polygamma((double)n, (double)x); }
#else
double adc_math_pow(double x, double y), adc_math_log(double x);

/* ---- digamma ----------------------------------------------------------------------------------------------------- */

#define ZERO_HIGH 0x1.762d86356be3fp+0 /* of digamma, 1.46... */
#define ZERO_LOW  0x1.b86a722197829p-54

/* Of a normal x > 0, less than 2^1000.  From 2 on log x - 1/(2 x) - s(1/x^2)/x^2; from 1 on a polynomial times the distance to the
 * zero; below one step of the recurrence. */
INLINE double digamma_of(double x) {
  bool low = x < 1;
  double step = low ? 1 : 0, r = 1 / x, w = at_least(0x1p-60, r * r);
  double t = x - (1.5 - step), u = x - (ZERO_HIGH - step) - ZERO_LOW;
  double near = u * POLY_OF(t, 0x1.e6f0cbb873617p-1, -0x1.b1cb63005ee99p-2, 0x1.eca189b8e6b57p-3, -0x1.2feeeb98a77a8p-3,
                            0x1.8512e590762ccp-4, -0x1.fb44202a3bd51p-5, 0x1.4de9a9fdf89b4p-5, -0x1.b9f8b114b2c6cp-6,
                            0x1.2564773f3166ap-6, -0x1.8635652792314p-7, 0x1.03bfe45cf70bp-7, -0x1.5a06871c921eep-8,
                            0x1.cd42dd84f0c92p-9, -0x1.336fae906b334p-9, 0x1.97dfc2bb9a33ap-10, -0x1.0f9fb51516489p-10,
                            0x1.7c6e2db37fa83p-11, -0x1.fe88272eb6a65p-12, 0x1.d3f8c8dbed1cbp-13, -0x1.2c3c63c0a9b4p-13,
                            0x1.13946d9cf920fp-12, -0x1.785cab2512f6cp-13);
  double tail = POLY_OF(w, 0x1.5555555555555p-4, -0x1.111111110d466p-7, 0x1.041040f481623p-8, -0x1.1111050d3909cp-8,
                        0x1.f0774242050cdp-8, -0x1.594832656ad3ep-6, 0x1.5212e4946c004p-4,
                        -0x1.ac654ec142408p-2, 0x1.3a31f3bd1a816p1, -0x1.d6b46a08fa794p3,
                        0x1.44071adb15808p6, -0x1.7c918418c0ebp8, 0x1.69e4ec4d6a9d5p10,
                        -0x1.0ace3fee26759p12, 0x1.22fdfaf5fbfc4p13, -0x1.b78493ef51accp13,
                        0x1.9900c5efcd79p13, -0x1.60850c63cb7bcp12);
  double below = near - r;
  Pair l = log_pair(x);
  double far = l.high - (0.5 * r + (w * tail - l.low));
  near = low ? below : near;
  return x >= 2 ? far : near;
}

/* digamma(x) = digamma(1 - x) - pi cot(pi x), and -pi cot(pi d) = digamma(1 + d) - 1/d - digamma(1 - d). */
static __attribute__((noinline)) double digamma_at(double x) { return digamma_of(x); }
static __attribute__((noinline)) double digamma_rest(double x) {
  double a = absolute(x), n = nearest(a), d = n - a;
  if (x == 0) return -1 / x;
  if (x != x || x == INF) return x;
  if (x > 0) return x < 1 ? -1 / x : adc_math_log(x); /* tiny or huge */
  if (a >= 0x1p52 || d == 0) return NOT_A_NUMBER;
  if (n == 0) return digamma_at(1 + x) - 1 / x;
  return digamma_at(1 - x) + ((digamma_at(1 + d) - digamma_at(1 - d)) - 1 / d);
}

RARE double adc_math_digamma_rare(bool any, double x, double usual);
RARE double adc_math_digamma_rare(bool any, double x, double usual) { return any ? digamma_rest(x) : usual; }
double adc_math_digamma(double x) { return adc_math_digamma_rare(!((x >= LEAST) & (x < 0x1p1000)), x, digamma_of(x)); }

/* ---- trigamma ---------------------------------------------------------------------------------------------------- */

/* Of a normal x > 0.  From 3 on r + r^2/2 + r^3 s(r^2), r = 1/x; from 2 on a polynomial; below one or two steps of the
 * recurrence: r^2, or 1/x^2 + 1/(x + 1)^2 = q^2 + 2 q with q = 1/(x (x + 1)), corrected by what the product loses. */
INLINE double trigamma_of(double x) {
  bool low = x < 1, middle = x < 2;
  double next = x + 1, p = x * next, lost = product_rest(x, next, p) + x * (x - (next - 1));
  double r = 1 / (low ? p : x), square = r * r, w = at_least(0x1p-60, square);
  double two = square + 2 * (r - lost * square * (1 + r)), steps = low ? two : square;
  double one = middle ? 1.5 : 2.5, t = x - (low ? 0.5 : one);
  double near = POLY_OF(t, 0x1.f62057f7296c9p-2, -0x1.e3bef327df0e7p-3, 0x1.ca8f26506cf7fp-4, -0x1.ac61ab99a0c1cp-5,
                        0x1.8af84ae134531p-6, -0x1.67e74e08612e6p-7, 0x1.4484072d508ccp-8, -0x1.21de18e0031bap-9,
                        0x1.00c0a1cb3f02fp-10, -0x1.c370b5740b49ep-12, 0x1.8a3711e31afc3p-13, -0x1.5631f30d4f12cp-14,
                        0x1.27b621758975fp-15, -0x1.fc1ad0b9c4989p-17, 0x1.aa0dff1134c1fp-18, -0x1.6bb1bd1d9eb3dp-19,
                        0x1.803131a4d0505p-20, -0x1.42d9f88260279p-21);
  double tail = POLY_OF(w, 0x1.5555555555554p-3, -0x1.111111110c6e2p-5, 0x1.8618616f8e5f5p-6, -0x1.11110622ccb32p-5,
                        0x1.364ac64b6718cp-4, -0x1.02f832c306da8p-2, 0x1.27c258aa34947p0, -0x1.aa97f93283b27p2,
                        0x1.587b306b2d01bp5, -0x1.0c80a06212659p8, 0x1.5efaed0d8015ep10, -0x1.529ea37f691p12,
                        0x1.9e61ad9338563p13, -0x1.da95971536a67p13);
  double far = r + square * (0.5 + r * tail), sum = near + steps;
  near = middle ? sum : near;
  return x >= 3 ? far : near;
}

/* The sum of 1/(x + k)^2 over all k >= 0, about the k where x + k = d is least. */
static __attribute__((noinline)) double trigamma_at(double x) { return trigamma_of(x); }
static __attribute__((noinline)) double trigamma_rest(double x) {
  double a = absolute(x), n = nearest(a), d = n - a;
  if (x != x) return x;
  if (x == INF) return 0;
  if (a < 0x1p-500) return 1 / a / a;
  if (d == 0) return x == -INF ? NOT_A_NUMBER : INF;
  if (n == 0) return 1 / (d * d) + trigamma_at(1 + d);
  return 1 / (d * d) + (trigamma_at(1 + d) + (trigamma_at(1 - d) - trigamma_at(1 - x)));
}

RARE double adc_math_trigamma_rare(bool any, double x, double usual);
RARE double adc_math_trigamma_rare(bool any, double x, double usual) { return any ? trigamma_rest(x) : usual; }
double adc_math_trigamma(double x) { return adc_math_trigamma_rare(!((x >= 0x1p-500) & (x < INF)), x, trigamma_of(x)); }

/* ---- polygamma of any order -------------------------------------------------------------------------------------- */

enum { MOST_ORDER = 1000 };

/* 2^-(n + 1) n! by products of two parts: 2^m, about n / e, takes what would overflow. */
typedef struct Scale { double unit, factor; } Scale;
static Scale scale_of_order(int n) {
  double unit = 1, high = 1, low = 0;
  while (unit * 2.7 < n) unit *= 2;
  for (int i = 1; i <= n; i++) {
    double k = i / unit, p = high * k, rest = product_plus(high, k, -p) + low * k;
    high = p + rest, low = p - high + rest;
  }
  return (Scale){unit, high / unit};
}

/* The sum of (unit / (x + k))^s over k >= 0 for x > 0, s > 1, by Euler and Maclaurin's formula from 12 + s on. */
static double zeta(double s, double x, double unit) {
  static const double bernoulli[] = {1.0 / 6,       -1.0 / 30, 1.0 / 42,      -1.0 / 30,    5.0 / 66,
                                     -691.0 / 2730, 7.0 / 6,   -3617.0 / 510, 43867.0 / 798};
  double sum = 0, low = 0;
  for (; x < 12 + s; x += 1) {
    double p = adc_math_pow(x / unit, -s);
    Pair more = pair_sum(sum, p);
    sum = more.high, low += more.low;
    if (p < 0x1p-70 * sum) return sum;
  }
  double r = 1 / x, term = 0.5 * s * r * r, part = 0;
  for (int k = 0; k < (int)(sizeof bernoulli / sizeof *bernoulli); k++) {
    part += bernoulli[k] * term;
    term *= (s + 2 * k + 1) * (s + 2 * k + 2) / ((2 * k + 3) * (2 * k + 4)) * r * r;
  }
  return sum + (low + adc_math_pow(x / unit, 1 - s) * unit * (1 / (s - 1) + (0.5 * r + part)));
}

/* (-1)^(n + 1) n! times the sum of 1/(x + k)^(n + 1), k >= 0; of a negative x about the k where x + k = d is least. */
static __attribute__((noinline)) double polygamma_of(int n, double x) {
  double a = absolute(x), nearest_whole = nearest(a), d = nearest_whole - a, s = n + 1;
  if (n == 0) return adc_math_digamma(x);
  if (n == 1) return adc_math_trigamma(x);
  if (x != x || n < 0 || n > MOST_ORDER || x == -INF) return NOT_A_NUMBER;
  if (x == INF) return n & 1 ? 0 : -K(0.0, 0.0f);
  if (x == 0) return n & 1 ? INF : -1 / x;
  if (x < 0 && (d == 0 || a >= 0x1p52)) return n & 1 ? INF : NOT_A_NUMBER;
  Scale c = scale_of_order(n);
  double sign = n & 1 ? 1 : -1;
  if (x > 0) return sign * (c.factor * zeta(s, x, c.unit));
  double sum = adc_math_pow(d / c.unit, -s) + zeta(s, 1 + d, c.unit);
  if (nearest_whole > 0) sum += sign * (zeta(s, 1 - d, c.unit) - zeta(s, 1 - x, c.unit));
  return sign * (c.factor * sum);
}

RARE double adc_math_polygamma_rare(bool any, double n, double x, double usual);
RARE double adc_math_polygamma_rare(bool any, double n, double x, double usual) {
  return any ? polygamma_of(n <= MOST_ORDER ? (int)n : MOST_ORDER + 1, x) : usual;
}
double adc_math_polygamma(double n, double x) { return adc_math_polygamma_rare(true, n, x, x); }
#endif
