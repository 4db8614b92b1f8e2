/* Trains the network of pinn.tdsl by Adam and draws the solution beside sin(pi x).
 * exit status 0 when the largest error is below 1e-3. */
#include "pinn.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HIDDEN = 16, POINTS = 32, SHOWN = 21, STEPS = 4000, PARAMETERS = 3 * HIDDEN };

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

int main(void) {
  static double theta[PARAMETERS], grad[PARAMETERS], first[PARAMETERS], second[PARAMETERS], x[POINTS], at[SHOWN], y[SHOWN];
  const double pi = 4 * atan(1);
  for (int i = 0; i < HIDDEN; i++) {
    theta[i] = 6 * uniform() - 3;
    theta[HIDDEN + i] = 4 * uniform() - 2;
    theta[2 * HIDDEN + i] = 0.2 * uniform() - 0.1;
  }
  for (int i = 0; i < POINTS; i++) x[i] = (i + 0.5) / POINTS;
  for (int i = 0; i < SHOWN; i++) at[i] = i / (SHOWN - 1.0);

  Net net = {theta, theta + HIDDEN, theta + 2 * HIDDEN};
  Net_mut net_grad = {grad, grad + HIDDEN, grad + 2 * HIDDEN};
  adc_ws ws = {0};
  ws.len = loss_grad_ws(HIDDEN, POINTS);
  ws.base = malloc(ws.len + 1);
  if (!ws.base) return 1;
  for (int step = 1; step <= STEPS; step++) {
    double value, rate = 0.02 * (1 - 0.95 * step / STEPS);
    must(loss_grad(HIDDEN, POINTS, &net, x, &value, &net_grad, &ws), &ws);
    for (int i = 0; i < PARAMETERS; i++) {
      first[i] = 0.9 * first[i] + 0.1 * grad[i];
      second[i] = 0.999 * second[i] + 0.001 * grad[i] * grad[i];
      theta[i] -= rate * first[i] / (1 - pow(0.9, step)) / (sqrt(second[i] / (1 - pow(0.999, step))) + 1e-8);
    }
    if (step % 500 == 0) printf("step %4d  mean square of u'' + pi^2 sin(pi x): %.2e\n", step, value);
  }
  must(solution(HIDDEN, SHOWN, &net, at, y, NULL), &ws);
  double worst = 0;
  for (int i = 0; i < SHOWN; i++) {
    double error = fabs(y[i] - sin(pi * at[i]));
    if (error > worst) worst = error;
    printf("%4.2f %7.4f %*s\n", at[i], y[i], 2 + (int)lround(50 * y[i]), "*");
  }
  free(ws.base);
  printf("largest error against sin(pi x): %.1e\n", worst);
  return worst < 1e-3 ? 0 : 1;
}
