#include "k.h"
#include "check.h"
#include <math.h>
#include <stdlib.h>

enum { N = 1000, M = 300 };
static int64_t calls, chunks_seen;

/* From the last to the first. */
void adc_parallel_for(void (*body)(void *env, int64_t i), void *env, int64_t chunks) {
  calls++;
  chunks_seen += chunks;
  while (chunks > 0) body(env, --chunks);
}

/* A[i, j] = i + j, x = 1, b = 0: residuals are M i + M (M - 1) / 2. */
int main(void) {
  static double A[N * M], x[M], b[N], dx[M], db[N];
  double out, loss = 0, want[M] = {0};
  static adc_ws ws;
  ws.len = least_squares_grad_ws(N, M);
  ws.base = malloc(ws.len);
  for (int i = 0; i < N; i++) {
    double r = (double)M * i + M * (M - 1) / 2;
    loss += r * r;
    for (int j = 0; j < M; j++) A[i * M + j] = i + j, want[j] += 2 * r * (i + j);
  }
  for (int j = 0; j < M; j++) x[j] = 1;
  CHECK(least_squares_grad(N, M, A, x, b, &out, NULL, dx, db, &ws) == ADC_OK);
  CHECK(calls == 1 && chunks_seen > 1);
  CHECK(fabs(out / loss - 1) < 1e-12);
  for (int j = 0; j < M; j++) CHECK(fabs(dx[j] / want[j] - 1) < 1e-12);
  for (int i = 0; i < N; i++) CHECK(fabs(db[i] + 2 * ((double)M * i + M * (M - 1) / 2)) < 1e-9);
  return 0;
}
