#include "g.h"
#include "check.h"

enum { N = 3, M = 40, K = 5 };

int main(void) {
  double A[N * M], B[M * K], x[K], out = -1, dA[N * M], dB[M * K], dx[K];
  adc_ws ws = {0};
  for (int i = 0; i < N * M; i++) dA[i] = -1, A[i] = 1;
  for (int i = 0; i < M * K; i++) dB[i] = -1, B[i] = 1;
  for (int i = 0; i < K; i++) dx[i] = -1, x[i] = 1;
  CHECK(g_grad(N, M, K, A, B, x, &out, dA, dB, dx, &ws) == ADC_EWORKSPACE);
  CHECK(ws.need == g_grad_ws(N, M, K) && ws.need > 0);
  CHECK(ws.message != NULL);
  size_t need = ws.need;
  ws.base = malloc(need);
  ws.len = need - 1;
  memset(ws.base, 0x5a, need);
  ws.need = 0;
  CHECK(g_grad(N, M, K, A, B, x, &out, dA, dB, dx, &ws) == ADC_EWORKSPACE && ws.need == need);
  CHECK(out == -1 && dA[0] == -1 && dB[M * K - 1] == -1 && dx[0] == -1);
  for (size_t i = 0; i < need; i++) CHECK(((char *)ws.base)[i] == 0x5a);
  ws.len = need;
  CHECK(g_grad(N, M, K, A, B, x, &out, dA, dB, dx, &ws) == ADC_OK && ws.need == need);
  CHECK(out == 3.0 * 200 * 200 && dx[0] == 3.0 * 2 * 200 * 40); /* each of N rows: (M K)^2; d/dx: 2 M K M */
  free(ws.base);
  return 0;
}
