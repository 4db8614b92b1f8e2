#include "g.h"
#include "check.h"

enum { GUARD = 4096, MOST = 50 };
static double A[MOST * MOST], B[MOST * MOST], x[MOST], dA[MOST * MOST], dB[MOST * MOST], dx[MOST];

static unsigned char pattern(size_t i) { return (unsigned char)(i * 37 + 11); }

/* The workspace stands `shift` bytes into a block, guards on both sides. */
static void at_sizes(int64_t n, int64_t m, int64_t k, size_t shift) {
  double out;
  size_t need = g_grad_ws(n, m, k), total = need + 2 * GUARD;
  unsigned char *block = malloc(total);
  adc_ws ws = {0};
  CHECK(block != NULL);
  for (size_t i = 0; i < total; i++) block[i] = pattern(i);
  ws.base = block + GUARD + shift;
  ws.len = need;
  CHECK(g_grad(n, m, k, A, B, x, &out, dA, dB, dx, &ws) == ADC_OK);
  for (size_t i = 0; i < GUARD + shift; i++) CHECK(block[i] == pattern(i));
  for (size_t i = GUARD + shift + need; i < total; i++) CHECK(block[i] == pattern(i));
  /* sum over n rows of (m k)^2 for all-ones inputs */
  CHECK(out == (double)n * (double)(m * k) * (double)(m * k));
  free(block);
}

int main(void) {
  static const int64_t sizes[] = {0, 1, 2, 3, 5, 8, 17, 50};
  enum { SIZES = sizeof sizes / sizeof *sizes };
  for (int i = 0; i < MOST * MOST; i++) A[i] = B[i] = 1;
  for (int i = 0; i < MOST; i++) x[i] = 1;
  for (int n = 0; n < SIZES; n++)
    for (int m = 0; m < SIZES; m++)
      for (int k = 0; k < SIZES; k++) at_sizes(sizes[n], sizes[m], sizes[k], (size_t)(n + m + k) % 4 * 8);
  return 0;
}
