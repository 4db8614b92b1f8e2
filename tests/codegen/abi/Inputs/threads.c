#include "g.h"
#include "check.h"
#include <pthread.h>

enum { THREADS = 8, CALLS = 50, N = 11, M = 23, K = 7 };

static double A[N * M], B[M * K];

/* For all-ones A and B: out = N (M s)^2 with s = sum(x); d/dx = 2 N M^2 s. */
static void *work(void *arg) {
  double value = (double)*(int *)arg, x[K], out, dx[K];
  adc_ws ws = {0};
  ws.need = g_grad_ws(N, M, K);
  GIVE(ws);
  for (int call = 0; call < CALLS; call++) {
    for (int i = 0; i < K; i++) x[i] = value;
    CHECK(g_grad(N, M, K, A, B, x, &out, NULL, NULL, dx, &ws) == ADC_OK);
    CHECK(out == N * (M * K * value) * (M * K * value));
    for (int i = 0; i < K; i++) CHECK(dx[i] == 2.0 * N * M * M * K * value);
  }
  free(ws.base);
  return NULL;
}

int main(void) {
  pthread_t thread[THREADS];
  int value[THREADS];
  for (int i = 0; i < N * M; i++) A[i] = 1;
  for (int i = 0; i < M * K; i++) B[i] = 1;
  for (int i = 0; i < THREADS; i++) {
    value[i] = i + 1;
    CHECK(pthread_create(&thread[i], NULL, work, &value[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(thread[i], NULL) == 0);
  return 0;
}
