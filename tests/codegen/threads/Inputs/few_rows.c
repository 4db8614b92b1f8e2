#include "k.h"
#include "check.h"
#include <math.h>
#include <stdlib.h>

enum { ROWS = 64, MOST = 800 };
static int64_t chunks_seen;

void adc_parallel_for(void (*body)(void *env, int64_t i), void *env, int64_t chunks) {
  chunks_seen += chunks;
  while (chunks > 0) body(env, --chunks);
}

static double x[ROWS * MOST], w[MOST * MOST], out[ROWS * MOST];

static int64_t chunks_of(int columns, int64_t k, int64_t m) {
  static adc_ws ws;
  size_t need = columns ? by_columns_ws(ROWS, k, m) : by_rows_ws(ROWS, k, m);
  if (need > ws.len) ws.base = realloc(ws.base, ws.len = need);
  chunks_seen = 0;
  CHECK((columns ? by_columns : by_rows)(ROWS, k, m, x, w, out, &ws) == ADC_OK);
  for (int64_t i = 0; i < ROWS * m; i++) CHECK(fabs(out[i] - (double)k) < 1e-9);
  return chunks_seen;
}

int main(void) {
  for (int i = 0; i < ROWS * MOST; i++) x[i] = 1;
  for (int i = 0; i < MOST * MOST; i++) w[i] = 1;
  CHECK(chunks_of(1, 784, 512) == 8);
  CHECK(chunks_of(0, 784, 512) == 2);
  CHECK(chunks_of(0, 100, 512) == 4);
  CHECK(chunks_of(0, 784, 10) == 2);
  CHECK(chunks_of(0, 10, 10) == 0);
  return 0;
}
