/* special.c - special functions of generated code: log gamma and its derivatives, integer powers.
 *
 * Stands alone: compiled to bitcode for any target and linked into the modules that use it.  Ensures: reentrant (the
 * libraries' lgamma writes a global sign), no error state; nan in, nan out. */
#include <stdint.h>

double log(double), log1p(double), sin(double), cos(double), fabs(double), floor(double), pow(double, double);
double adc_rt_lgamma(double x), adc_rt_digamma(double x), adc_rt_polygamma(int64_t n, double x);
int64_t adc_rt_ipow(int64_t x, int64_t n);

#define PI 3.14159265358979323846

/* ipow: wraps around, as multiplication does; n < 0 gives 0 but for 1 and -1. */
int64_t adc_rt_ipow(int64_t x, int64_t n) {
  uint64_t r = 1, b = (uint64_t)x;
  if (n < 0) return x == 1 ? 1 : x == -1 ? (n & 1 ? -1 : 1) : 0;
  for (; n; n >>= 1, b *= b)
    if (n & 1) r *= b;
  return (int64_t)r;
}

/* log gamma(2 + z) for |z| <= 1/2: z (1 - gamma) + sum over k >= 2 of (-1)^k (zeta(k) - 1) z^k / k, whose zero at 2 is
 * exact. */
static double lgamma_at_2(double z) {
  static const double c[] = {
      4.22784335098467134e-01,  3.22467033424113203e-01, -6.73523010531981020e-02, 2.05808084277845464e-02,
      -7.38555102867398568e-03, 2.89051033074152336e-03, -1.19275391170326102e-03, 5.09669524743042450e-04,
      -2.23154758453579386e-04, 9.94575127818085310e-05, -4.49262367381331420e-05, 2.05072127756706911e-05,
      -9.43948827526839672e-06, 4.37486678990748817e-06, -2.03921575380136619e-06, 9.55141213040741935e-07,
      -4.49246919876456619e-07, 2.12071848055546646e-07, -1.00432248239680991e-07, 4.76981016936398040e-08,
      -2.27110946089431635e-08, 1.08386592148969546e-08, -5.18347504197004664e-09, 2.48367454380247848e-09,
      -1.19214014058609115e-09, 5.73136724167886225e-10, -2.75952288512423336e-10};
  double s = 0;
  for (int k = (int)(sizeof c / sizeof *c) - 1; k >= 0; k--) s = (s + c[k]) * z;
  return s;
}

/* Stirling's series without its leading terms: sum of B(2k) / (2k (2k - 1) x^(2k - 1)), for x >= 10. */
static double stirling(double x) {
  static const double c[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                             1.0 / 1188, -691.0 / 360360, 1.0 / 156,  -3617.0 / 122400};
  double r = 1 / (x * x), s = 0;
  for (int k = (int)(sizeof c / sizeof *c) - 1; k >= 0; k--) s = s * r + c[k];
  return s / x;
}

static double lgamma_positive(double x) {
  if (x < 0.5) return x < 1e-20 ? -log(x) : lgamma_at_2(x) - log1p(x) - log(x);
  if (x < 1.5) return lgamma_at_2(x - 1) - log1p(x - 1);
  if (x < 10) {
    double p = 1;
    while (x > 2.5) p *= x -= 1;
    return log(p) + lgamma_at_2(x - 2);
  }
  if (x > 1e17) return x * (log(x) - 1);
  return (x - 0.5) * (log(x) - 1) + 0.41893853320467274178 + stirling(x);
}

/* sin(pi x) and cos(pi x), exact at integers and halves. */
static double sin_pi(double x) {
  double r = x - 2 * floor(x / 2 + 0.5); /* -1 <= r <= 1 */
  return r > 0.5 ? sin(PI * (1 - r)) : r < -0.5 ? -sin(PI * (1 + r)) : sin(PI * r);
}

static double cos_pi(double x) { return sin_pi(fabs(x) + 0.5); }

double adc_rt_lgamma(double x) {
  if (x != x) return x;
  if (x > 0) return lgamma_positive(x);
  if (x == floor(x)) return (double)__builtin_inff();
  /* gamma(x) gamma(-x) = -pi / (x sin(pi x)) */
  return x > -1e-20 ? -log(-x) : log(PI / fabs(x * sin_pi(x))) - lgamma_positive(-x);
}

double adc_rt_digamma(double x) {
  static const double c[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                             1.0 / 132, -691.0 / 32760, 1.0 / 12,  -3617.0 / 8160};
  double low = 0, s = 0;
  if (x == 0) return -1 / x;
  if (x < 0) {
    if (x == floor(x)) return (double)__builtin_nanf("");
    low = -PI * cos_pi(x) / sin_pi(x);
    x = 1 - x;
  }
  for (; x < 12; x += 1) low -= 1 / x;
  if (x > 1e17) return low + log(x);
  double r = 1 / (x * x);
  for (int k = (int)(sizeof c / sizeof *c) - 1; k >= 0; k--) s = (s + c[k]) * r;
  return low + log(x) - 0.5 / x - s;
}

/* The n-th derivative of pi cot(pi x): a polynomial in c = cot(pi x), differentiated n times by c' = -pi (1 + c^2). */
static double cot_derivative(int n, double x) {
  enum { MOST = 40 };
  double p[MOST + 3] = {0, 1}, q[MOST + 3], c = cos_pi(x) / sin_pi(x), s = 0;
  if (n > MOST) return (double)__builtin_nanf("");
  for (int i = 0; i < n; i++) {
    for (int k = 0; k <= n + 1; k++) q[k] = 0;
    for (int k = 1; k <= i + 1; k++) {
      q[k - 1] -= PI * k * p[k];
      q[k + 1] -= PI * k * p[k];
    }
    for (int k = 0; k <= n + 1; k++) p[k] = q[k];
  }
  for (int k = n + 1; k >= 0; k--) s = s * c + p[k];
  return PI * s;
}

/* For n >= 1 and x > 0: (-1)^(n + 1) n! zeta(n + 1, x), by Euler and Maclaurin's formula. */
static double polygamma_positive(int n, double x) {
  static const double bernoulli[] = {1.0 / 6,       -1.0 / 30, 1.0 / 42,      -1.0 / 30,    5.0 / 66,
                                     -691.0 / 2730, 7.0 / 6,   -3617.0 / 510, 43867.0 / 798};
  double sum = 0, factorial = 1, s = n + 1;
  for (int k = 2; k <= n; k++) factorial *= k;
  for (int k = 0; k < 12 + n && x < 1e15; k++, x += 1) sum += pow(x, -s);
  double p = pow(x, -s), term = s * p / x / 2;
  sum += p * x / n + p / 2;
  for (int k = 0; k < (int)(sizeof bernoulli / sizeof *bernoulli); k++) {
    sum += bernoulli[k] * term;
    term *= (s + 2 * k + 1) * (s + 2 * k + 2) / ((2 * k + 3) * (2 * k + 4)) / (x * x);
  }
  return (n & 1 ? 1 : -1) * factorial * sum;
}

double adc_rt_polygamma(int64_t n, double x) {
  if (x != x || n < 0 || n > 170) return (double)__builtin_nanf("");
  if (n == 0) return adc_rt_digamma(x);
  if (x > 0) return polygamma_positive((int)n, x);
  if (x == floor(x)) return n & 1 ? (double)__builtin_inff() : x == 0 ? -1 / x : (double)__builtin_nanf("");
  /* psi_n(1 - x) (-1)^n - psi_n(x) = d^n/dx^n pi cot(pi x) */
  double mirror = polygamma_positive((int)n, 1 - x);
  return (n & 1 ? -mirror : mirror) - cot_derivative((int)n, x);
}
