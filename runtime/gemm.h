/* gemm.h - the matrix product C = alpha A B or C += alpha A B, for any strides, in one element type and one vector width.
 *
 * Included by gemm.c once for each REAL, LANES and GEMM (the name of the function).  A tile of C, MR rows of up to NV vectors, is held in
 * registers while the summed index runs; what it reads comes from panels: MR rows of A, NR columns of B.  KC rows of a block of B and of
 * a block of A are copied into panels that follow each other in memory, unless they are small or soon done with: those are read where
 * they lie (after K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).  A panel of A stays in the
 * first-level cache while the panels of the block of B, which is in the second, pass by. */

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(x) PASTE(GEMM, x)
#define NR (NV * LANES)
#define NC (PANELS * NR)
#define VEC NAME(_vec)

typedef REAL VEC __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL))));

/* Element (i, j) at p[i * row + j * col]. */
typedef struct NAME(_matrix) {
  REAL *p;
  int64_t row, col;
} NAME(_matrix);

/* Rows of A, columns of B, and where their product goes: what of it is before row0 and col0 or beyond rows and cols is not wanted. */
typedef struct NAME(_tile) {
  NAME(_matrix) a, b, c;
  int64_t k, row0, col0, rows, cols;
  REAL alpha;
  bool add;
} NAME(_tile);

/* n < 2 LANES elements, in pieces that are vectors or powers of two of them. */
static inline void NAME(_copy)(REAL *to, const REAL *from, int64_t n) {
  UNROLL for (int64_t w = LANES; w > 0; w /= 2)
    if (n & w) {
      __builtin_memcpy(to, from, (size_t)w * sizeof *to);
      to += w;
      from += w;
    }
}

/* `w` columns of a tile, for which there is no vector. */
static inline __attribute__((always_inline)) void NAME(_put_columns)(const NAME(_tile) *t, const REAL *sum, int64_t width, const int w) {
  REAL *c = t->c.p + t->row0 * t->c.row;
  sum += t->row0 * width;
#pragma clang loop vectorize(disable) unroll(disable)
  for (int64_t i = t->row0; i < t->rows; i++, c += t->c.row, sum += width) {
    REAL x[LANES];
    __builtin_memcpy(x, sum, (size_t)w * sizeof *x);
    if (t->add) UNROLL for (int j = 0; j < w; j++) x[j] += c[j];
    __builtin_memcpy(c, x, (size_t)w * sizeof *x);
  }
}

/* Not the whole of a tile is wanted, or its columns lie apart. */
static void NAME(_put)(const NAME(_tile) *t, const REAL *sum, int64_t width) {
  if (t->c.col == 1) {
    NAME(_tile) at = *t;
    at.c.p += t->col0;
    sum += t->col0;
    for (int64_t n = t->cols - t->col0; n > 0;)
      UNROLL for (int w = LANES; w > 0; w /= 2)
        if (n >= w) {
          NAME(_put_columns)(&at, sum, width, w);
          at.c.p += w, sum += w, n -= w;
          if (w == LANES) break;
        }
    return;
  }
  for (int64_t i = t->row0; i < t->rows; i++) {
    REAL *c = t->c.p + i * t->c.row;
    const REAL *from = sum + i * width;
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t j = t->col0; j < t->cols; j++) c[j * t->c.col] = t->add ? c[j * t->c.col] + from[j] : from[j];
  }
}

/* b's columns are next to each other. */
static inline __attribute__((always_inline)) void NAME(_sum)(const NAME(_tile) *t, const int rows, const int vecs) {
  VEC sum[MR][NV];
  const REAL *a = t->a.p, *b = t->b.p;
  REAL *c = t->c.p;
  /* What is begun anew may be stored twice: it is the same. */
  bool whole = t->c.col == 1 && t->rows == rows && t->cols == vecs * LANES && (!t->add || t->row0 + t->col0 == 0);
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] = (VEC){0};
  if (whole)
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) __builtin_prefetch(c + r * t->c.row + v * LANES, 1);
  for (int64_t k = 0; k < t->k; k++, a += t->a.col, b += t->b.row) {
    VEC y[NV];
    UNROLL for (int v = 0; v < vecs; v++) y[v] = *(const VEC *)(b + v * LANES);
    UNROLL for (int v = 0; v < vecs; v++) __builtin_prefetch(b + AHEAD * t->b.row + v * LANES);
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] = a[r * t->a.row] * y[v] + sum[r][v];
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] *= t->alpha;
  if (whole && t->add) {
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) *(VEC *)(c + r * t->c.row + v * LANES) += sum[r][v];
    return;
  }
  if (whole) {
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) *(VEC *)(c + r * t->c.row + v * LANES) = sum[r][v];
    return;
  }
  REAL out[MR * NR + LANES];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) *(VEC *)(out + (r * vecs + v) * LANES) = sum[r][v];
  NAME(_put)(t, out, vecs * LANES);
}

#define KERNEL(rows, vecs) \
  static __attribute__((noinline)) void NAME(_##rows##_##vecs)(const NAME(_tile) *t) { NAME(_sum)(t, rows, vecs); }
KERNEL(MR, 1)
KERNEL(HALF, 1)
KERNEL(MR, 2)
KERNEL(HALF, 2)
#if NV == 3
KERNEL(MR, 3)
KERNEL(HALF, 3)
#endif

static void NAME(_kernel)(const NAME(_tile) *t) {
  bool whole = t->rows > HALF;
  switch ((t->cols + LANES - 1) / LANES) {
  case 1: whole ? NAME(_MR_1)(t) : NAME(_HALF_1)(t); return;
  case 2: whole ? NAME(_MR_2)(t) : NAME(_HALF_2)(t); return;
#if NV == 3
  default: whole ? NAME(_MR_3)(t) : NAME(_HALF_3)(t);
#endif
  }
}

/* x, LANES vectors, as the columns of what it was. */
static inline __attribute__((always_inline)) void NAME(_exchange)(VEC *x) {
  VEC y[LANES];
  UNROLL for (int round = 1; round < LANES; round *= 2) {
    UNROLL for (int i = 0; i < LANES / 2; i++) {
      y[2 * i] = __builtin_shufflevector(x[i], x[i + LANES / 2], FIRST);
      y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + LANES / 2], SECOND);
    }
    UNROLL for (int i = 0; i < LANES; i++) x[i] = y[i];
  }
}

/* `n` columns of length k, side by side in rows of `width`, with zeros up to whole vectors of these. */
static inline __attribute__((always_inline)) void NAME(_pack)(REAL *to, NAME(_matrix) m, int64_t k, int64_t n, const int width) {
  int64_t i = 0;
  if (n == width && m.col == 1) {
#pragma clang loop unroll(disable)
    for (; i < k; i++) UNROLL for (int j = 0; j < width; j++) to[i * width + j] = m.p[i * m.row + j];
    return;
  }
  if (m.row == 1)
    for (; i + LANES <= k; i += LANES)
#pragma clang loop unroll(disable)
      for (int j = 0; j < width && j < n; j += LANES) {
        VEC x[LANES];
        UNROLL for (int l = 0; l < LANES; l++) x[l] = j + l < n ? *(const VEC *)(m.p + i + (j + l) * m.col) : (VEC){0};
        NAME(_exchange)(x);
        UNROLL for (int l = 0; l < LANES; l++) {
          REAL *at = to + (i + l) * width + j;
          if (width % LANES == 0) *(VEC *)at = x[l];
          else NAME(_copy)(at, (const REAL *)&x[l], width - j < LANES ? width - j : LANES);
        }
      }
  for (; i < k && m.col == 1; i++)
    for (int64_t j = 0; j < n; j += LANES) {
      VEC x = {0};
      NAME(_copy)((REAL *)&x, m.p + i * m.row + j, n - j < LANES ? n - j : LANES);
      NAME(_copy)(to + i * width + j, (const REAL *)&x, width - j < LANES ? width - j : LANES);
    }
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < k; i++) {
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t j = 0; j < n; j++) to[i * width + j] = m.p[i * m.row + j * m.col];
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t j = n; j < width && j % LANES; j++) to[i * width + j] = 0;
  }
}
static __attribute__((noinline)) void NAME(_pack_rows)(REAL *to, NAME(_matrix) m, int64_t k, int64_t n) { NAME(_pack)(to, m, k, n, MR); }
static __attribute__((noinline)) void NAME(_pack_columns)(REAL *to, NAME(_matrix) m, int64_t k, int64_t n) { NAME(_pack)(to, m, k, n, NR); }

static inline int64_t NAME(_min)(int64_t a, int64_t b) { return a < b ? a : b; }

/* By how much the last panel, of n of `unit` rows or columns, is to begin earlier so as to be whole; -1: it is to be copied. */
static inline int64_t NAME(_early)(bool lies, int64_t at, int64_t n, int64_t unit) {
  int64_t missing = (n + unit - 1) / unit * unit - n;
  return lies && at >= missing ? missing : -1;
}

/* How many of n columns from `at` on make the next panel: what is left of a vector is one of its own where that can begin earlier. */
static inline int64_t NAME(_panel)(bool lies, int64_t at, int64_t n) {
  int64_t cols = NAME(_min)(n, NR), rest = cols % LANES;
  return lies && rest && cols > LANES && at < LANES - rest ? cols - rest : cols;
}

static inline NAME(_matrix) NAME(_at)(NAME(_matrix) m, int64_t i, int64_t j) {
  m.p += i * m.row + j * m.col;
  return m;
}
static inline NAME(_matrix) NAME(_transpose)(NAME(_matrix) m) { return (NAME(_matrix)){m.p, m.col, m.row}; }

/* What is above the diagonal is made what is below it. */
static __attribute__((noinline)) void NAME(_mirror)(int64_t n, NAME(_matrix) C) {
  for (int64_t i = 0; i < n; i += LANES) {
    int64_t j = 0, end = NAME(_min)(i + LANES, n);
    for (; C.col == 1 && i + LANES <= n && j < i; j += LANES) {
      VEC x[LANES];
      UNROLL for (int l = 0; l < LANES; l++) x[l] = *(const VEC *)(C.p + (i + l) * C.row + j);
      NAME(_exchange)(x);
      UNROLL for (int l = 0; l < LANES; l++) *(VEC *)(C.p + (j + l) * C.row + i) = x[l];
    }
    for (int64_t r = i; r < end; r++)
#pragma clang loop vectorize(disable) unroll(disable)
      for (int64_t c = j; c < r; c++) C.p[c * C.row + r * C.col] = C.p[r * C.row + c * C.col];
  }
}

/* Of matrices whose summed index runs through memory: sums of products of vectors along it. */
static __attribute__((noinline)) void NAME(_dots)(int64_t m, int64_t n, int64_t k, REAL alpha, NAME(_matrix) A, NAME(_matrix) B,
                                                  NAME(_matrix) C, bool add) {
  enum { R = NV == 3 ? 4 : 2, S = 4, ALL = R * S };
  for (int64_t i = 0; i < m; i += R)
    for (int64_t j = 0; j < n; j += S) {
      const REAL *a[R], *b[S];
      UNROLL for (int r = 0; r < R; r++) a[r] = A.p + NAME(_min)(i + r, m - 1) * A.row;
      UNROLL for (int s = 0; s < S; s++) b[s] = B.p + NAME(_min)(j + s, n - 1) * B.col;
      VEC sum[ALL];
      UNROLL for (int x = 0; x < ALL; x++) sum[x] = (VEC){0};
      int64_t l = 0;
      for (; l + LANES <= k; l += LANES) {
        VEC y[S];
        UNROLL for (int s = 0; s < S; s++) y[s] = *(const VEC *)(b[s] + l);
        UNROLL for (int r = 0; r < R; r++) {
          VEC x = *(const VEC *)(a[r] + l);
          UNROLL for (int s = 0; s < S; s++) sum[r * S + s] = x * y[s] + sum[r * S + s];
        }
      }
      REAL out[ALL];
      UNROLL for (int x = 0; x < ALL; x += LANES) {
        NAME(_exchange)(sum + x);
        UNROLL for (int s = 1; s < LANES; s++) sum[x] += sum[x + s];
        *(VEC *)(out + x) = sum[x];
      }
#pragma clang loop vectorize(disable) unroll(disable)
      for (; l < k; l++) UNROLL for (int x = 0; x < ALL; x++) out[x] += a[x / S][l] * b[x % S][l];
      for (int64_t r = 0; r < R && i + r < m; r++)
#pragma clang loop vectorize(disable) unroll(disable)
        for (int64_t s = 0; s < S && j + s < n; s++) {
          REAL *c = C.p + (i + r) * C.row + (j + s) * C.col, x = alpha * out[r * S + s];
          *c = add ? *c + x : x;
        }
    }
}

/* C is m by n, the sum over k; for no k it is zero.  space: for min(k, KC) (min(m, MC) + min(n, MC) + 2 NR + MR) elements; what is in it
 * does not matter. */
void GEMM(int64_t m, int64_t n, int64_t k, REAL alpha, const REAL *a, int64_t ar, int64_t ac, const REAL *b, int64_t br, int64_t bc,
          REAL *c, int64_t cr, int64_t cc, int64_t add, REAL *space) {
  NAME(_matrix) A = {(REAL *)a, ar, ac}, B = {(REAL *)b, br, bc}, C = {c, cr, cc};
  if ((cc != 1 && cr == 1) || (cc != 1 && cr != 1 && n < m && n < LANES)) {
    NAME(_matrix) t = NAME(_transpose)(A);
    A = NAME(_transpose)(B);
    B = t;
    C = NAME(_transpose)(C);
    int64_t s = m;
    m = n;
    n = s;
  }
  if (A.col == 1 && B.row == 1 && k >= 4 * LANES && (m <= 4 || (n < NR && n % LANES))) {
    NAME(_dots)(m, n, k, alpha, A, B, C, add);
    return;
  }
  bool symmetric = A.p == B.p && A.row == B.col && A.col == B.row && m == n && n > 2 * NR && !add;
  bool b_lies = B.col == 1 && (m <= 2 * MR || k * n <= CACHED), a_lies = n <= 2 * NR || k * m <= CACHED;
  for (int64_t pc = 0; pc == 0 || pc < k; pc += KC) {
    int64_t kc = NAME(_min)(k - pc, KC);
    for (int64_t ic = 0; ic < m; ic += MC) {
      int64_t mc = NAME(_min)(m - ic, MC), nc;
      REAL *rows = space, *columns = space + (mc + MR) * kc;
      for (int64_t i = 0; i < mc; i += MR) {
        int64_t some = NAME(_min)(mc - i, MR);
        if (NAME(_early)(a_lies, ic + i, some, HALF) >= 0) continue;
        NAME(_pack_rows)(rows + i * kc, NAME(_transpose)(NAME(_at)(A, ic + i, pc)), kc, some);
      }
      for (int64_t jc = 0; jc < n && !(symmetric && jc >= ic + mc); jc += NC) {
        nc = NAME(_min)(n - jc, NC);
        for (int64_t j = 0, some; j < nc; j += some) {
          some = NAME(_panel)(b_lies, jc + j, nc - j);
          if (NAME(_early)(b_lies, jc + j, some, LANES) < 0) NAME(_pack_columns)(columns + j * kc, NAME(_at)(B, pc, jc + j), kc, some);
        }
        for (int64_t i = 0; i < mc; i += MR) {
          NAME(_tile) t = {.k = kc, .rows = NAME(_min)(mc - i, MR), .alpha = alpha, .add = add || pc};
          int64_t early_i = NAME(_early)(a_lies, ic + i, t.rows, HALF);
          if (early_i >= 0) t.a = NAME(_at)(A, ic + i - early_i, pc), t.row0 = early_i, t.rows += early_i;
          else t.a = (NAME(_matrix)){rows + i * kc, 1, MR};
          int64_t end = symmetric ? NAME(_min)(nc, ic + i + t.rows - t.row0 - jc) : nc; /* what is beyond the diagonal comes last */
          for (int64_t j = 0, some; j < end; j += some) {
            t.cols = some = NAME(_panel)(b_lies, jc + j, nc - j), t.col0 = 0;
            int64_t early_j = NAME(_early)(b_lies, jc + j, t.cols, LANES);
            if (early_j >= 0) t.b = NAME(_at)(B, pc, jc + j - early_j), t.col0 = early_j, t.cols += early_j;
            else t.b = (NAME(_matrix)){columns + j * kc, NR, 1};
            t.c = NAME(_at)(C, ic + i - t.row0, jc + j - t.col0);
            NAME(_kernel)(&t);
          }
        }
      }
    }
  }
  if (symmetric) NAME(_mirror)(n, C);
}

/* How a library that knows rows of a matrix and their distance sees m by n elements: 111 as they are, 112 as columns; 0: it cannot. */
static inline int NAME(_order)(NAME(_matrix) x, int64_t m, int64_t n, int64_t *distance) {
  bool rows = x.col == 1 && x.row >= n && x.row <= INT32_MAX;
  *distance = rows ? x.row : x.col;
  return rows ? 111 : x.row == 1 && x.col >= m && x.col <= INT32_MAX ? 112 : 0;
}

/* The same by the user's library, if it is worth a call. */
void NAME(_blas)(int64_t m, int64_t n, int64_t k, REAL alpha, const REAL *a, int64_t ar, int64_t ac, const REAL *b, int64_t br, int64_t bc,
                 REAL *c, int64_t cr, int64_t cc, int64_t add, REAL *space) {
  enum { LARGE = 64 * 64 * 64, BY_ROWS = 101, BY_COLUMNS = 102 };
  int64_t la, lb, lc;
  int oa = NAME(_order)((NAME(_matrix)){(REAL *)a, ar, ac}, m, k, &la), ob = NAME(_order)((NAME(_matrix)){(REAL *)b, br, bc}, k, n, &lb);
  int oc = NAME(_order)((NAME(_matrix)){c, cr, cc}, m, n, &lc);
  if ((double)m * (double)n * (double)k < LARGE || m > INT32_MAX || n > INT32_MAX || k > INT32_MAX || !oa || !ob || !oc) {
    GEMM(m, n, k, alpha, a, ar, ac, b, br, bc, c, cr, cc, add, space);
    return;
  }
  int flip = oc == 112; /* what is by rows in a matrix by columns is its transpose */
  CBLAS(flip ? BY_COLUMNS : BY_ROWS, flip ? 223 - oa : oa, flip ? 223 - ob : ob, (int)m, (int)n, (int)k, alpha, a, (int)la, b, (int)lb,
        add ? 1 : 0, c, (int)lc);
}

#undef NAME
#undef VEC
#undef NR
#undef NC
#undef KERNEL
#undef PASTE
#undef PASTE2
#undef REAL
#undef CBLAS
#undef LANES
#undef FIRST
#undef SECOND
#undef GEMM
