/* gemm.h - the matrix product C = alpha A B or C += alpha A B, for any strides, in one element type and one vector width.
 *
 * Included by gemm.c once for each REAL, LANES and GEMM (the name of the function).  A tile of C, MR rows of up to NV vectors, is held in
 * registers while the summed index runs; what it reads comes from panels: MR rows of A, NR columns of B.  KC rows of a block of B and of
 * a block of A are copied into panels that follow each other in memory, unless they are small or soon done with: those are read where
 * they lie, with masks where they are no whole vectors (after K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix
 * Multiplication", 2008).  A panel of A stays in the first-level cache while the panels of the block of B, which is in the second, pass
 * by. */

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

/* Rows of A, columns of B and where their product goes. */
typedef struct NAME(_tile) {
  NAME(_matrix) a, b, c;
  int64_t k, rows, cols;
  REAL alpha;
  bool add, far; /* far: C is large */
} NAME(_tile);

static inline int64_t NAME(_min)(int64_t a, int64_t b) { return a < b ? a : b; }

static inline NAME(_matrix) NAME(_at)(NAME(_matrix) m, int64_t i, int64_t j) {
  m.p += i * m.row + j * m.col;
  return m;
}
static inline NAME(_matrix) NAME(_transpose)(NAME(_matrix) m) { return (NAME(_matrix)){m.p, m.col, m.row}; }

/* n < 2 LANES elements, in pieces that are vectors or powers of two of them. */
static inline void NAME(_copy)(REAL *to, const REAL *from, int64_t n) {
  UNROLL for (int64_t w = LANES; w > 0; w /= 2)
    if (n & w) {
      __builtin_memcpy(to, from, (size_t)w * sizeof *to);
      to += w;
      from += w;
    }
}

/* The first n elements of a vector, zeros beyond, or all of them; and to where they belong. */
static inline __attribute__((always_inline)) void NAME(_load)(VEC *to, const REAL *from, int64_t n) {
#ifdef LOAD
  LOAD(to, from, n);
#else
  *to = (VEC){0};
  if (n >= LANES) *to = *(const VEC *)from;
  else NAME(_copy)((REAL *)to, from, n);
#endif
}
static inline __attribute__((always_inline)) void NAME(_store)(REAL *to, const VEC *x, int64_t n) {
  if (n >= LANES) {
    *(VEC *)to = *x;
    return;
  }
#ifdef STORE
  STORE(to, x, n);
#else
  NAME(_copy)(to, (const REAL *)x, n);
#endif
}

/* b's and c's columns are next to each other.  There may be fewer rows than `rows`, and fewer columns than `vecs` vectors have: what is
 * not there of c is not touched, of b neither where vectors can be masked, else it can be read. */
static inline __attribute__((always_inline)) void NAME(_sum)(const NAME(_tile) *tile, const int rows, const int vecs) {
  static const REAL zeros[NR];
  const NAME(_tile) t = *tile;
  const int last = (vecs - 1) * LANES;
  const REAL *a = t.a.p, *b = t.b.p, *old = t.add ? t.c.p : zeros;
  REAL *c = t.c.p;
  int64_t rest = t.cols - last, row[MR] = {0}, step = t.add ? t.c.row : 0;
  VEC sum[MR][NV];
  /* A row that is not there is the last one again. */
  UNROLL for (int r = 1; r < rows; r++) row[r] = row[r - 1] + (t.a.row & -(int64_t)(r < t.rows));
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] = (VEC){0};
  if (t.far)
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t r = 0; r < t.rows; r++) UNROLL for (int v = 0; v < vecs; v++) __builtin_prefetch(c + r * t.c.row + v * LANES, 1);
#pragma clang loop vectorize(disable) unroll(disable)
  for (int64_t k = 0; k < t.k; k++, a += t.a.col, b += t.b.row) {
    VEC y[NV];
    UNROLL for (int v = 0; v < vecs - 1; v++) y[v] = *(const VEC *)(b + v * LANES);
    if (MASKS) NAME(_load)(&y[vecs - 1], b + last, rest);
    else y[vecs - 1] = *(const VEC *)(b + last);
    UNROLL for (int v = 0; v < vecs; v++) __builtin_prefetch(b + AHEAD * t.b.row + v * LANES);
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] = a[row[r]] * y[v] + sum[r][v];
  }
  UNROLL for (int r = 0; r < rows; r++, c += t.c.row, old += step) {
    if (r == t.rows) return;
    UNROLL for (int v = 0; v < vecs - 1; v++) *(VEC *)(c + v * LANES) = t.alpha * sum[r][v] + *(const VEC *)(old + v * LANES);
    VEC x;
    NAME(_load)(&x, old + last, rest);
    x = t.alpha * sum[r][vecs - 1] + x;
    NAME(_store)(c + last, &x, rest);
  }
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

/* c's columns lie apart. */
static __attribute__((noinline)) void NAME(_apart)(const NAME(_tile) *t) {
  REAL out[MR * NR];
  NAME(_tile) to = *t;
  to.c = (NAME(_matrix)){out, NR, 1};
  to.add = false;
  NAME(_kernel)(&to);
  for (int64_t i = 0; i < t->rows; i++) {
    REAL *c = t->c.p + i * t->c.row;
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t j = 0; j < t->cols; j++) c[j * t->c.col] = t->add ? c[j * t->c.col] + out[i * NR + j] : out[i * NR + j];
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
    for (; i < k; i++) __builtin_memcpy(to + i * width, m.p + i * m.row, width * sizeof *to);
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

/* So many rows of n columns of C, or of NC, are handed over at a time: some thousand elements, which the first cache holds. */
static inline int64_t NAME(_piece)(int64_t n) {
  int64_t strip = MR * NAME(_min)(n + 1, NC);
  return strip * 2 > PIECE ? MR : PIECE / strip * MR;
}

/* Rows [from, to) of columns [col, col + cols), if there are enough, or these are the last; returns the first row that is left. */
static inline int64_t NAME(_hand_over)(Then then, void *env, int64_t enough, int64_t from, int64_t to, int64_t end, int64_t col,
                                       int64_t cols) {
  if (to < end && to - from < enough) return from;
  then(env, from, to - from, col, cols);
  return to;
}

/* All that has been waiting for the last of C. */
static __attribute__((noinline)) void NAME(_hand_all)(Then then, void *env, int64_t m, int64_t n) {
  int64_t piece = NAME(_piece)(n);
  for (int64_t i = 0; then && i < m; i += piece)
    for (int64_t j = 0; j < n; j += NC) then(env, i, NAME(_min)(piece, m - i), j, NAME(_min)(n - j, NC));
}

/* How many of n columns of B are read where they lie: all, but for the last if they are no whole vectors and these cannot be masked. */
static inline int64_t NAME(_lying)(bool lies, int64_t n) { return !lies ? 0 : MASKS || n % LANES == 0 ? n : n / NR * NR; }

/* The lines of a panel that begins with line i of n, those from `from` on, and kc terms: (line, term), computed when their turn comes. */
static inline NAME(_matrix) NAME(_lines)(const Made *x, bool along, int64_t from, int64_t i, int64_t n, int64_t pc, int64_t kc) {
  int64_t first = i / LINES * LINES, lines = NAME(_min)(LINES, n - first);
  REAL *to = x->to;
  if (i == first) x->make(x->env, from + first, lines, pc, kc);
  return along ? (NAME(_matrix)){to + (i - first) * kc, kc, 1} : (NAME(_matrix)){to + (i - first), 1, lines};
}

static inline NAME(_matrix) NAME(_whole)(const Made *x, bool along, int64_t n, int64_t k) {
  x->make(x->env, 0, n, 0, k);
  return along ? (NAME(_matrix)){x->to, k, 1} : (NAME(_matrix)){x->to, 1, n};
}

/* C is m by n, the sum over k; for no k it is zero.  space: for min(k, KC) (min(m, MC) + min(n, MC) + 2 NR + MR) elements; what is in it
 * does not matter.  then: what is done with the elements of C as soon as they are finished, piece by piece, each once; may be NULL.  Of the
 * same rows the pieces come from left to right.  made: two, how A and B are computed; may be NULL. */
void GEMM(int64_t m, int64_t n, int64_t k, REAL alpha, const REAL *a, int64_t ar, int64_t ac, const REAL *b, int64_t br, int64_t bc,
          REAL *c, int64_t cr, int64_t cc, int64_t add, REAL *space, Then then, void *env, const Made *made) {
  if ((cc != 1 && cr == 1) || (cc != 1 && cr != 1 && n < m && n < LANES)) {
    GEMM(n, m, k, alpha, b, bc, br, a, ac, ar, c, cc, cr, add, space, NULL, NULL, NULL);
    NAME(_hand_all)(then, env, m, n);
    return;
  }
  const Made *a_made = made && made[0].make ? &made[0] : NULL, *b_made = made && made[1].make ? &made[1] : NULL;
  if (a_made && m * k <= WHOLE) {
    NAME(_matrix) x = NAME(_whole)(a_made, ac == 1, m, k);
    a = x.p, ar = x.row, ac = x.col, a_made = NULL;
  }
  if (b_made && n * k <= WHOLE) {
    NAME(_matrix) x = NAME(_whole)(b_made, br == 1, n, k);
    b = x.p, bc = x.row, br = x.col, b_made = NULL;
  }
  if (MASKS && a_made && !b_made && bc == 1 && cc == 1 && n <= 2 * NR && k <= KC && k * n <= CACHED) {
    /* Few columns: lines of A are read where they were computed. */
    for (int64_t i = 0, lines; i < m; i += lines) {
      lines = NAME(_min)(LINES, m - i);
      NAME(_matrix) x = NAME(_lines)(a_made, ac == 1, 0, i, m, 0, k);
      GEMM(lines, n, k, alpha, x.p, x.row, x.col, b, br, bc, c + i * cr, cr, cc, add, space, NULL, NULL, NULL);
      if (then) then(env, i, lines, 0, n);
    }
    return;
  }
  bool lie = !a_made && !b_made; /* both in memory */
  bool small = n <= 2 * NR || k * m <= CACHED, symmetric = a == b && ar == bc && ac == br && m == n && n > 2 * NR && !add && lie;
  if (MASKS && lie && bc == 1 && cc == 1 && small && k * n <= CACHED && !symmetric) {
    /* Nothing is copied. */
    NAME(_tile) t;
    t.a.row = ar, t.b.row = br, t.c.row = cr, t.a.col = ac, t.k = k, t.alpha = alpha, t.add = add, t.far = m * n > FAR;
    for (int64_t i = 0, from = 0, piece = NAME(_piece)(n); i < m; i += MR, a += MR * ar, c += MR * cr) {
      t.a.p = (REAL *)a, t.rows = NAME(_min)(m - i, MR);
      for (int64_t jc = 0, first = from, nc; jc < n; jc += NC) {
        nc = NAME(_min)(n - jc, NC);
        for (int64_t j = jc; j < jc + nc; j += NR) {
          t.b.p = (REAL *)b + j, t.c.p = c + j, t.cols = NAME(_min)(n - j, NR);
          NAME(_kernel)(&t);
        }
        if (then) from = NAME(_hand_over)(then, env, piece, first, i + t.rows, m, jc, nc);
      }
    }
    return;
  }
  NAME(_matrix) A = {(REAL *)a, ar, ac}, B = {(REAL *)b, br, bc}, C = {c, cr, cc};
  if (lie && A.col == 1 && B.row == 1 && k >= 4 * LANES && (m <= 4 || (n < NR && n % LANES))) {
    NAME(_dots)(m, n, k, alpha, A, B, C, add);
    NAME(_hand_all)(then, env, m, n);
    return;
  }
  bool b_lies = !b_made && B.col == 1 && (m <= 2 * MR || k * n <= CACHED);
  bool a_lies = !a_made && (small || (n <= 16 * NR && NAME(_min)(k, KC) * m <= CACHED));
  for (int64_t pc = 0; pc == 0 || pc < k; pc += KC) {
    int64_t kc = NAME(_min)(k - pc, KC);
    bool finishes = then && !symmetric && k - pc <= KC;
    for (int64_t ic = 0; ic < m; ic += MC) {
      int64_t mc = NAME(_min)(m - ic, MC), nc;
      REAL *rows = space, *columns = space + (mc + MR) * kc;
      for (int64_t i = 0; i < mc && !a_lies; i += MR) {
        NAME(_matrix) x = a_made ? NAME(_lines)(a_made, ac == 1, ic, i, mc, pc, kc) : NAME(_at)(A, ic + i, pc);
        NAME(_pack_rows)(rows + i * kc, NAME(_transpose)(x), kc, NAME(_min)(mc - i, MR));
      }
      for (int64_t jc = 0; jc < n && !(symmetric && jc >= ic + mc); jc += NC) {
        nc = NAME(_min)(n - jc, NC);
        for (int64_t j = NAME(_lying)(b_lies, nc); j < nc; j += NR) {
          NAME(_matrix) x = b_made ? NAME(_transpose)(NAME(_lines)(b_made, br == 1, jc, j, nc, pc, kc)) : NAME(_at)(B, pc, jc + j);
          NAME(_pack_columns)(columns + j * kc, x, kc, NAME(_min)(nc - j, NR));
        }
        for (int64_t i = 0, from = ic; i < mc; i += MR) {
          NAME(_tile) t;
          t.k = kc, t.rows = NAME(_min)(mc - i, MR), t.alpha = alpha, t.add = add || pc, t.far = m * n > FAR;
          t.a = a_lies ? NAME(_at)(A, ic + i, pc) : (NAME(_matrix)){rows + i * kc, 1, MR};
          int64_t end = symmetric ? NAME(_min)(nc, ic + i + t.rows - jc) : nc; /* what is beyond the diagonal comes last */
          for (int64_t j = 0; j < end; j += NR) {
            t.cols = NAME(_min)(nc - j, NR);
            t.b = j < NAME(_lying)(b_lies, nc) ? NAME(_at)(B, pc, jc + j) : (NAME(_matrix)){columns + j * kc, NR, 1};
            t.c = NAME(_at)(C, ic + i, jc + j);
            C.col == 1 ? NAME(_kernel)(&t) : NAME(_apart)(&t);
          }
          if (finishes) from = NAME(_hand_over)(then, env, NAME(_piece)(nc), from, ic + i + t.rows, ic + mc, jc, nc);
        }
      }
    }
  }
  if (!symmetric) return;
  NAME(_mirror)(n, C);
  NAME(_hand_all)(then, env, m, n);
}

/* How a library that knows rows of a matrix and their distance sees m by n elements: 111 as they are, 112 as columns; 0: it cannot. */
static inline int NAME(_order)(NAME(_matrix) x, int64_t m, int64_t n, int64_t *distance) {
  bool rows = x.col == 1 && x.row >= n && x.row <= INT32_MAX;
  *distance = rows ? x.row : x.col;
  return rows ? 111 : x.row == 1 && x.col >= m && x.col <= INT32_MAX ? 112 : 0;
}

/* The same by the user's library, if it is worth a call. */
void NAME(_blas)(int64_t m, int64_t n, int64_t k, REAL alpha, const REAL *a, int64_t ar, int64_t ac, const REAL *b, int64_t br, int64_t bc,
                 REAL *c, int64_t cr, int64_t cc, int64_t add, REAL *space, Then then, void *env, const Made *made) {
  enum { LARGE = 64 * 64 * 64, BY_ROWS = 101, BY_COLUMNS = 102 };
  int64_t la, lb, lc;
  int oa = NAME(_order)((NAME(_matrix)){(REAL *)a, ar, ac}, m, k, &la), ob = NAME(_order)((NAME(_matrix)){(REAL *)b, br, bc}, k, n, &lb);
  int oc = NAME(_order)((NAME(_matrix)){c, cr, cc}, m, n, &lc);
  if ((double)m * (double)n * (double)k < LARGE || m > INT32_MAX || n > INT32_MAX || k > INT32_MAX || !oa || !ob || !oc) {
    GEMM(m, n, k, alpha, a, ar, ac, b, br, bc, c, cr, cc, add, space, then, env, made);
    return;
  }
  int flip = oc == 112; /* what is by rows in a matrix by columns is its transpose */
  CBLAS(flip ? BY_COLUMNS : BY_ROWS, flip ? 223 - oa : oa, flip ? 223 - ob : ob, (int)m, (int)n, (int)k, alpha, a, (int)la, b, (int)lb,
        add ? 1 : 0, c, (int)lc);
  NAME(_hand_all)(then, env, m, n);
}

#include "runtime/matvec.h"

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
#undef MATVEC
#undef MASKS
#undef LOAD
#undef STORE
