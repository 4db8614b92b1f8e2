#include "g.h"
#include "check.h"

enum { N = 2, M = 3, K = 4, OUTS = 4 };

int main(void) {
  double A[N * M], B[M * K], x[K];
  double all[OUTS][M * K], some[OUTS][M * K];
  static const size_t count[OUTS] = {1, N * M, M * K, K};
  for (int i = 0; i < N * M; i++) A[i] = i;
  for (int i = 0; i < M * K; i++) B[i] = 2 - i;
  for (int i = 0; i < K; i++) x[i] = 3 * i;
  CHECK(g_grad(N, M, K, A, B, x, all[0], all[1], all[2], all[3], NULL) == ADC_OK);
  for (int want = 0; want < 1 << OUTS; want++) {
    double *to[OUTS];
    for (int i = 0; i < OUTS; i++) {
      to[i] = want >> i & 1 ? some[i] : NULL;
      for (size_t e = 0; e < M * K; e++) some[i][e] = -99;
    }
    CHECK(g_grad(N, M, K, A, B, x, to[0], to[1], to[2], to[3], NULL) == ADC_OK);
    for (int i = 0; i < OUTS; i++)
      for (size_t e = 0; e < M * K; e++) CHECK(some[i][e] == (to[i] && e < count[i] ? all[i][e] : -99));
  }
  CHECK(g(N, M, K, A, B, x, NULL, NULL) == ADC_OK);
  return 0;
}
