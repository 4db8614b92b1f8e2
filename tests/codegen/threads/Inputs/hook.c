#include "k.h"
#include "check.h"
#include <math.h>

enum { N = 100000 };
static double x[N], y[N], dx[N], dy[N];
static int64_t calls, chunks_seen;

/* From the last to the first. */
void adc_parallel_for(void (*body)(void *env, int64_t i), void *env, int64_t chunks) {
  calls++;
  chunks_seen += chunks;
  while (chunks > 0) body(env, --chunks);
}

int main(void) {
  double out, few[10];
  for (int i = 0; i < N; i++) x[i] = i % 7 / 7.0, y[i] = i % 5 / 5.0;
  CHECK(chain_grad(10, x, y, &out, dx, few, NULL) == ADC_OK && calls == 0);
  CHECK(chain_grad(N, x, y, &out, dx, dy, NULL) == ADC_OK && calls == 1 && chunks_seen > 1);
  for (int i = 0; i < 10; i++) CHECK(fabs(dy[i] - few[i]) < 1e-15);
  for (int i = 35; i < N; i++) CHECK(dx[i] == dx[i % 35] && dy[i] == dy[i % 35]);
  return 0;
}
