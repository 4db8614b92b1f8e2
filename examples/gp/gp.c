/* Fits the kernel of a Gaussian process to 40 noisy observations of sin(2x) by descending the gradient of gp.tdsl's negative log
 * marginal likelihood, and draws the posterior. exit status 0 when the noise is found to a third of itself. */
#include "gp.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40, SHOWN = 25, STEPS = 400 };

static void must(int code, const adc_ws *ws) {
  if (code == ADC_OK) return;
  fprintf(stderr, "%s: %s\n", adc_strerror(code), ws->message ? ws->message : "");
  exit(1);
}

static uint64_t state = 1;
static double uniform(void) { /* xorshift64* (Vigna 2016) */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (double)(state * 0x2545f4914f6cdd1du >> 11) * 0x1p-53;
}
static double normal(void) { return sqrt(-2 * log(1 - uniform())) * cos(8 * atan(1) * uniform()); }

static void draw(double x, double mean, double sd) {
  char line[64];
  memset(line, ' ', sizeof line);
  int from = (int)lround(30 + 15 * (mean - 2 * sd)), to = (int)lround(30 + 15 * (mean + 2 * sd));
  for (int i = from < 0 ? 0 : from; i <= to && i < 62; i++) line[i] = '-';
  int at = (int)lround(30 + 15 * mean);
  if (at >= 0 && at < 62) line[at] = 'o';
  line[62] = 0;
  printf("%5.2f %6.2f +- %4.2f %s\n", x, mean, 2 * sd, line);
}

int main(void) {
  const double noise = 0.2;
  double x[N], y[N], theta[3] = {0, 0, 0}, g[3], m[3] = {0}, v[3] = {0}, value = 0, at[SHOWN], mean[SHOWN], sd[SHOWN];
  for (int i = 0; i < N; i++) {
    x[i] = 4 * uniform();
    y[i] = sin(2 * x[i]) + noise * normal();
  }
  adc_ws ws = {0};
  ws.len = nlml_grad_ws(N);
  ws.base = malloc(ws.len + 1);
  if (!ws.base) return 1;
  for (int step = 1; step <= STEPS; step++) {
    must(nlml_grad(N, theta, x, y, &value, g, &ws), &ws);
    for (int i = 0; i < 3; i++) { /* Adam */
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
      theta[i] -= 0.05 * m[i] / (1 - pow(0.9, step)) / (sqrt(v[i] / (1 - pow(0.99, step))) + 1e-8);
    }
    if (step % 100 == 0)
      printf("step %3d  -log p = %8.4f  amplitude %.3f  length %.3f  noise %.3f\n", step, value, exp(theta[0]),
             exp(theta[1]), exp(theta[2]));
  }
  for (int i = 0; i < SHOWN; i++) at[i] = i * 5.0 / (SHOWN - 1);
  must(posterior(N, SHOWN, theta, x, y, at, mean, sd, NULL), &ws);
  for (int i = 0; i < SHOWN; i++) draw(at[i], mean[i], sd[i]);
  free(ws.base);
  printf("noise %.3f, put in: %.3f\n", exp(theta[2]), noise);
  return fabs(exp(theta[2]) - noise) < noise / 3 ? 0 : 1;
}
