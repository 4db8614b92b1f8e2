#include "k.h"
#include "check.h"
#include <math.h>
#include <stdlib.h>

enum { N = 200 };
static int64_t calls;

/* From the last to the first. */
void adc_parallel_for(void (*body)(void *env, int64_t i), void *env, int64_t chunks) {
  calls++;
  while (chunks > 0) body(env, --chunks);
}

static adc_ws ws;
static double at(const double *x, const double *m) {
  double out;
  CHECK(pulls(N, x, m, &out, &ws) == ADC_OK);
  return out;
}

/* The pairs are shared, and the gradient agrees with differences. */
int main(void) {
  static double x[3 * N], m[N], dx[3 * N], dm[N];
  double out, h = 1e-5;
  for (int i = 0; i < 3 * N; i++) x[i] = (i * 7919 % 1000) / 250.0;
  for (int i = 0; i < N; i++) m[i] = 1 + i % 3;
  ws.len = pulls_grad_ws(N) + pulls_ws(N);
  ws.base = malloc(ws.len);
  CHECK(pulls_grad(N, x, m, &out, dx, dm, &ws) == ADC_OK && calls > 0);
  for (int k = 0; k < 9; k++) {
    double *p = k < 6 ? &x[97 * k] : &m[60 * (k - 6)], old = *p, d = k < 6 ? dx[97 * k] : dm[60 * (k - 6)];
    *p = old + h;
    double up = at(x, m);
    *p = old - h;
    double down = at(x, m);
    *p = old;
    CHECK(fabs((up - down) / (2 * h) - d) <= 1e-5 * fmax(fabs(d), 1e-3 * out));
  }
  return 0;
}
