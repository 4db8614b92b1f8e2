#include "g.h"
#include "check.h"

enum { N = 2, M = 3, K = 4 };

int main(void) {
  double A[N * M], B[M * K], x[K], out, own, dx[K], dx_own[K];
  adc_ws ws = {0};
  for (int i = 0; i < N * M; i++) A[i] = i;
  for (int i = 0; i < M * K; i++) B[i] = 0.5 * i;
  for (int i = 0; i < K; i++) x[i] = 1 - i;
  CHECK(g_grad(N, M, K, A, B, x, &own, NULL, NULL, dx_own, NULL) == ADC_OK);
  ws.need = g_grad_ws(N, M, K);
  GIVE(ws);
  CHECK(g_grad(N, M, K, A, B, x, &out, NULL, NULL, dx, &ws) == ADC_OK);
  CHECK(out == own && memcmp(dx, dx_own, sizeof dx) == 0);
  CHECK(g_grad(-1, M, K, A, B, x, &own, NULL, NULL, dx_own, NULL) == ADC_EDIM);
  free(ws.base);
  return 0;
}
