/* matvec.h - a matrix by a vector, from either side, in one element type and one vector width.
 *
 * Included by gemm.c behind gemm.h's helpers, once for each of them.  The matrix's elements that follow each other in memory are summed
 * (by rows) or belong to sums that follow each other (by columns):
 *
 *      rows      c[i] = Σ_k a[i, k] b[k]            LANES rows at a time, whose vectors of partial sums are added up in pairs
 *      columns   c[j] = Σ_i a[i, j] b[i]            few columns stay in registers; of many, some rows at a time are added to memory
 */

/* Lane i of x[0]: what the lanes of x[i] come to. */
static inline __attribute__((always_inline)) void NAME(_add_up)(VEC *x) {
  UNROLL for (int half = LANES / 2; half > 0; half /= 2)
    UNROLL for (int i = 0; i < half; i++)
      x[i] = __builtin_shufflevector(x[i], x[i + half], FIRST) + __builtin_shufflevector(x[i], x[i + half], SECOND);
}

/* m rows of length k, ar apart; c's elements are cr apart. */
void MATVEC(rows)(int64_t m, int64_t k, const REAL *a, int64_t ar, const REAL *b, REAL *c, int64_t cr, int64_t add) {
  int64_t whole = k / LANES * LANES, rest = k - whole;
#pragma clang loop vectorize(disable) unroll(disable)
  for (int64_t i = 0; i < m; i += LANES, a += LANES * ar, c += LANES * cr) {
    int64_t rows = m - i < LANES ? m - i : LANES;
    const REAL *row[LANES];
    VEC sum[LANES], x, y;
    row[0] = a;
    UNROLL for (int r = 1; r < LANES; r++) row[r] = row[r - 1] + (ar & -(int64_t)(r < rows));
    UNROLL for (int r = 0; r < LANES; r++) sum[r] = (VEC){0};
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t l = 0; l < whole; l += LANES) {
      y = *(const VEC *)(b + l);
      UNROLL for (int r = 0; r < LANES; r++) sum[r] = *(const VEC *)(row[r] + l) * y + sum[r];
    }
    if (rest) {
      NAME(_load)(&y, b + whole, rest);
      UNROLL for (int r = 0; r < LANES; r++) {
        NAME(_load)(&x, row[r] + whole, rest);
        sum[r] = x * y + sum[r];
      }
    }
    NAME(_add_up)(sum);
    x = sum[0];
    if (cr == 1) {
      if (add) {
        NAME(_load)(&y, c, rows);
        x += y;
      }
      NAME(_store)(c, &x, rows);
      continue;
    }
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t r = 0; r < rows; r++) c[r * cr] = add ? c[r * cr] + ((REAL *)&x)[r] : ((REAL *)&x)[r];
  }
}

/* Of `n` columns, so many vectors and no more; the sums of several rows at a time run side by side. */
static inline __attribute__((always_inline)) void NAME(_few)(int64_t m, int64_t n, const REAL *a, int64_t ar, const REAL *b, int64_t br,
                                                             REAL *c, bool add, const int vecs) {
  const int side = vecs > 2 ? 2 : 4, last = (vecs - 1) * LANES;
  const int64_t rest = n - last;
  VEC sum[4][4], x;
  UNROLL for (int s = 0; s < 4; s++) UNROLL for (int v = 0; v < vecs; v++) sum[s][v] = (VEC){0};
  if (add) {
    UNROLL for (int v = 0; v < vecs - 1; v++) sum[0][v] = *(const VEC *)(c + v * LANES);
    NAME(_load)(&sum[0][vecs - 1], c + last, rest);
  }
  int64_t i = 0;
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i + side <= m; i += side, a += side * ar, b += side * br)
    UNROLL for (int s = 0; s < side; s++) {
      UNROLL for (int v = 0; v < vecs - 1; v++) sum[s][v] = b[s * br] * *(const VEC *)(a + s * ar + v * LANES) + sum[s][v];
      NAME(_load)(&x, a + s * ar + last, rest);
      sum[s][vecs - 1] = b[s * br] * x + sum[s][vecs - 1];
    }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < m; i++, a += ar, b += br) {
    UNROLL for (int v = 0; v < vecs - 1; v++) sum[0][v] = *b * *(const VEC *)(a + v * LANES) + sum[0][v];
    NAME(_load)(&x, a + last, rest);
    sum[0][vecs - 1] = *b * x + sum[0][vecs - 1];
  }
  UNROLL for (int v = 0; v < vecs; v++) sum[0][v] = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
  UNROLL for (int v = 0; v < vecs - 1; v++) *(VEC *)(c + v * LANES) = sum[0][v];
  NAME(_store)(c + last, &sum[0][vecs - 1], rest);
}

/* All columns, of a few rows. */
static inline __attribute__((always_inline)) void NAME(_some)(int64_t n, const REAL *a, int64_t ar, const REAL *b, int64_t br, REAL *c,
                                                              bool add, const int rows) {
  REAL y[8];
  VEC x, sum;
  int64_t j = 0;
  UNROLL for (int r = 0; r < rows; r++) y[r] = b[r * br];
#pragma clang loop vectorize(disable) unroll(disable)
  for (; j + LANES <= n; j += LANES) {
    sum = add ? *(const VEC *)(c + j) : (VEC){0};
    UNROLL for (int r = 0; r < rows; r++) sum = y[r] * *(const VEC *)(a + r * ar + j) + sum;
    *(VEC *)(c + j) = sum;
  }
  if (j == n) return;
  sum = (VEC){0};
  if (add) NAME(_load)(&sum, c + j, n - j);
  UNROLL for (int r = 0; r < rows; r++) {
    NAME(_load)(&x, a + r * ar + j, n - j);
    sum = y[r] * x + sum;
  }
  NAME(_store)(c + j, &sum, n - j);
}

/* m rows of n columns, ar apart; b's elements are br apart.  For no rows c is zero. */
void MATVEC(columns)(int64_t m, int64_t n, const REAL *a, int64_t ar, const REAL *b, int64_t br, REAL *c, int64_t add) {
  switch ((n + LANES - 1) / LANES) {
  case 0: return;
  case 1: NAME(_few)(m, n, a, ar, b, br, c, add, 1); return;
  case 2: NAME(_few)(m, n, a, ar, b, br, c, add, 2); return;
  case 3: NAME(_few)(m, n, a, ar, b, br, c, add, 3); return;
  case 4: NAME(_few)(m, n, a, ar, b, br, c, add, 4); return;
  default:;
  }
  int64_t i = 0;
  if (!m && !add) NAME(_some)(n, a, ar, b, br, c, false, 0);
  for (; i + 8 <= m; i += 8) NAME(_some)(n, a + i * ar, ar, b + i * br, br, c, add || i, 8);
  if (m - i >= 4) NAME(_some)(n, a + i * ar, ar, b + i * br, br, c, add || i, 4), i += 4;
  if (m - i >= 2) NAME(_some)(n, a + i * ar, ar, b + i * br, br, c, add || i, 2), i += 2;
  if (m - i >= 1) NAME(_some)(n, a + i * ar, ar, b + i * br, br, c, add || i, 1);
}
