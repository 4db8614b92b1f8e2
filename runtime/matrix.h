/* matrix.h - factorisations and solves of dense row-major matrices, for one element type.
 *
 * Included once for each: T is the type, FN(name) the name of an exported function, LOCAL(name) of one of this file, ABS the
 * absolute value, SQRT and LOG.  Matrices are given by their first element and the distance between rows (ld).  Everything is
 * done in place: no function needs memory besides its result, and for large products their panels.  Recursion halves the matrix, so
 * that nearly all the work is in `subtract`, the product of two blocks. */

enum { LOCAL(SMALL) = 16, LOCAL(COLUMNS) = 256, LOCAL(DEPTH) = 64, LOCAL(LARGE) = 1 << 15, LOCAL(BLOCK) = 96 };

/* The packed product of runtime/gemm.h, for large blocks, and what it works in; NULL: the target has none. */
typedef void (*LOCAL(Product))(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t ai, int64_t ak, const T *b, int64_t bk,
                               int64_t bj, T *c, int64_t ci, int64_t cj, int64_t add, T *space, void (*then)(void), void *env);
typedef struct LOCAL(Kernel) { LOCAL(Product) product; T *space; } LOCAL(Kernel);
void FN(trisolve)(const T *t, const T *b, T *x, LOCAL(Product) product, T *space, int64_t batch, int64_t n, int64_t m, int64_t upper,
                  int64_t trans);
void FN(cholesky)(const T *a, T *l, LOCAL(Product) product, T *space, int64_t batch, int64_t n);
void FN(lu)(const T *a, T *f, LOCAL(Product) product, T *space, int64_t batch, int64_t n);
void FN(lusolve)(const T *f, const T *b, T *x, LOCAL(Product) product, T *space, int64_t batch, int64_t n, int64_t m, int64_t trans);

/* c[j] -= x[0] b0[j] + ... + x[3] b3[j] */
static void LOCAL(row4)(int64_t n, const T *x, const T *restrict b, int64_t ldb, T *restrict c) {
  const T *b1 = b + ldb, *b2 = b1 + ldb, *b3 = b2 + ldb;
  T x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
  for (int64_t j = 0; j < n; j++) c[j] -= x0 * b[j] + x1 * b1[j] + x2 * b2[j] + x3 * b3[j];
}

static void LOCAL(row1)(int64_t n, T x, const T *restrict b, T *restrict c) {
  for (int64_t j = 0; j < n; j++) c[j] -= x * b[j];
}

/* Four rows of c at once: each row of b is loaded once for all. */
static void LOCAL(rows4x4)(int64_t n, const T *x, const T *restrict b, int64_t ldb, T *restrict c0, T *restrict c1,
                           T *restrict c2, T *restrict c3) {
  const T *b1 = b + ldb, *b2 = b1 + ldb, *b3 = b2 + ldb;
  T x00 = x[0], x01 = x[1], x02 = x[2], x03 = x[3], x10 = x[4], x11 = x[5], x12 = x[6], x13 = x[7];
  T x20 = x[8], x21 = x[9], x22 = x[10], x23 = x[11], x30 = x[12], x31 = x[13], x32 = x[14], x33 = x[15];
  for (int64_t j = 0; j < n; j++) {
    T y0 = b[j], y1 = b1[j], y2 = b2[j], y3 = b3[j];
    c0[j] -= x00 * y0 + x01 * y1 + x02 * y2 + x03 * y3;
    c1[j] -= x10 * y0 + x11 * y1 + x12 * y2 + x13 * y3;
    c2[j] -= x20 * y0 + x21 * y1 + x22 * y2 + x23 * y3;
    c3[j] -= x30 * y0 + x31 * y1 + x32 * y2 + x33 * y3;
  }
}

/* c[m, n] -= a[m, k] b[k, n]; a's element (i, p) is at a[i * ai + p * ap]: a itself, or a transpose. */
static void LOCAL(subtract)(LOCAL(Kernel) g, int64_t m, int64_t n, int64_t k, const T *a, int64_t ai, int64_t ap, const T *b,
                            int64_t ldb, T *c, int64_t ldc) {
  T x[16];
  if (g.product && m >= 8 && n >= 16 && m * n * k >= LOCAL(LARGE)) {
    g.product(m, n, k, -1, a, ai, ap, b, ldb, 1, c, ldc, 1, 1, g.space, 0, 0);
    return;
  }
  for (int64_t j0 = 0; j0 < n; j0 += LOCAL(COLUMNS))
    for (int64_t p0 = 0; p0 < k; p0 += LOCAL(DEPTH)) {
      int64_t cols = n - j0 < LOCAL(COLUMNS) ? n - j0 : LOCAL(COLUMNS), end = k - p0 < LOCAL(DEPTH) ? k : p0 + LOCAL(DEPTH);
      int64_t i = 0;
      for (; i + 4 <= m; i += 4) {
        T *to = c + i * ldc + j0;
        int64_t p = p0;
        for (; p + 4 <= end; p += 4) {
          for (int s = 0; s < 16; s++) x[s] = a[(i + s / 4) * ai + (p + s % 4) * ap];
          LOCAL(rows4x4)(cols, x, b + p * ldb + j0, ldb, to, to + ldc, to + 2 * ldc, to + 3 * ldc);
        }
        for (; p < end; p++)
          for (int s = 0; s < 4; s++) LOCAL(row1)(cols, a[(i + s) * ai + p * ap], b + p * ldb + j0, to + s * ldc);
      }
      for (; i < m; i++) {
        int64_t p = p0;
        for (; p + 4 <= end; p += 4) {
          for (int s = 0; s < 4; s++) x[s] = a[i * ai + (p + s) * ap];
          LOCAL(row4)(cols, x, b + p * ldb + j0, ldb, c + i * ldc + j0);
        }
        for (; p < end; p++) LOCAL(row1)(cols, a[i * ai + p * ap], b + p * ldb + j0, c + i * ldc + j0);
      }
    }
}

/* ---- triangular solves -------------------------------------------------------------------------------------------------- */

/* A triangle: element (i, j) of the matrix that is solved with lies at t[i * ti + j * tj]; lower says which half counts once
 * the strides have transposed it; unit: its diagonal is one. */
typedef struct LOCAL(Tri) { const T *t; int64_t ti, tj; bool lower, unit; } LOCAL(Tri);

static void LOCAL(solve_small)(LOCAL(Tri) s, int64_t n, int64_t m, T *x, int64_t ldx) {
  for (int64_t k = 0; k < n; k++) {
    int64_t i = s.lower ? k : n - 1 - k;
    T *row = x + i * ldx;
    if (!s.unit) {
      T d = s.t[i * (s.ti + s.tj)];
      for (int64_t j = 0; j < m; j++) row[j] /= d;
    }
    for (int64_t r = s.lower ? i + 1 : 0; r < (s.lower ? n : i); r++) LOCAL(row1)(m, s.t[r * s.ti + i * s.tj], row, x + r * ldx);
  }
}

/* A single right-hand side: the triangle is read along its rows in memory. */
static void LOCAL(solve_vector)(LOCAL(Tri) s, int64_t n, T *x, int64_t ldx) {
  bool along = s.tj == 1;
  for (int64_t k = 0; k < n; k++) {
    int64_t i = s.lower ? k : n - 1 - k, from = s.lower ? 0 : i + 1, to = s.lower ? i : n;
    T d = s.unit ? 1 : s.t[i * (s.ti + s.tj)], sum = 0;
    if (along)
      for (int64_t j = from; j < to; j++) sum += s.t[i * s.ti + j] * x[j * ldx];
    x[i * ldx] = (x[i * ldx] - sum) / d;
    if (along) continue;
    T v = x[i * ldx];
    for (int64_t r = s.lower ? i + 1 : 0; r < (s.lower ? n : i); r++) x[r * ldx] -= s.t[r * s.ti + i * s.tj] * v;
  }
}

/* x[n, m] becomes the solution of T y = x. */
static void LOCAL(solve)(LOCAL(Kernel) g, LOCAL(Tri) s, int64_t n, int64_t m, T *x, int64_t ldx) {
  if (m == 1) {
    LOCAL(solve_vector)(s, n, x, ldx);
    return;
  }
  if (n <= LOCAL(SMALL)) {
    LOCAL(solve_small)(s, n, m, x, ldx);
    return;
  }
  int64_t h = n / 2;
  LOCAL(Tri) rest = s;
  rest.t += h * (s.ti + s.tj);
  T *low = x + h * ldx;
  if (s.lower) {
    LOCAL(solve)(g, s, h, m, x, ldx);
    LOCAL(subtract)(g, n - h, m, h, s.t + h * s.ti, s.ti, s.tj, x, ldx, low, ldx);
    LOCAL(solve)(g, rest, n - h, m, low, ldx);
  } else {
    LOCAL(solve)(g, rest, n - h, m, low, ldx);
    LOCAL(subtract)(g, h, m, n - h, s.t + h * s.tj, s.ti, s.tj, low, ldx, x, ldx);
    LOCAL(solve)(g, s, h, m, x, ldx);
  }
}

static void LOCAL(copy)(int64_t n, const T *from, T *to) {
  for (int64_t k = 0; k < n; k++) to[k] = from[k];
}

void FN(trisolve)(const T *t, const T *b, T *x, LOCAL(Product) product, T *space, int64_t batch, int64_t n, int64_t m, int64_t upper,
                  int64_t trans) {
  LOCAL(Kernel) g = {product, space};
  LOCAL(copy)(batch * n * m, b, x);
  for (int64_t k = 0; k < batch; k++) {
    LOCAL(Tri) s = {t + k * n * n, trans ? 1 : n, trans ? n : 1, !upper == !trans, false};
    LOCAL(solve)(g, s, n, m, x + k * n * m, m);
  }
}

/* ---- Cholesky -------------------------------------------------------------------------------------------------------------- */

/* The upper triangle u with u^T u = u, in place; false where it is not positive definite. */
static bool LOCAL(factor)(LOCAL(Kernel) g, int64_t n, T *u, int64_t ld) {
  if (n > LOCAL(SMALL)) {
    int64_t h = n / 2;
    T *right = u + h, *rest = u + h * (ld + 1);
    if (!LOCAL(factor)(g, h, u, ld)) return false;
    LOCAL(solve)(g, (LOCAL(Tri)){u, 1, ld, true, false}, h, n - h, right, ld);
    /* Blocks of rows, from their diagonal on. */
    int64_t block = g.product ? LOCAL(BLOCK) : LOCAL(SMALL);
    for (int64_t i = 0; i < n - h; i += block) {
      int64_t rows = n - h - i < block ? n - h - i : block;
      LOCAL(subtract)(g, rows, n - h - i, h, right + i, 1, ld, right + i, ld, rest + i * (ld + 1), ld);
    }
    return LOCAL(factor)(g, n - h, rest, ld);
  }
  for (int64_t k = 0; k < n; k++) {
    T *row = u + k * ld, d = row[k];
    if (!(d > 0)) return false;
    d = SQRT(d);
    row[k] = d;
    for (int64_t j = k + 1; j < n; j++) row[j] /= d;
    for (int64_t i = k + 1; i < n; i++) LOCAL(row1)(n - i, row[i], row + i, u + i * ld + i);
  }
  return true;
}

void FN(cholesky)(const T *a, T *l, LOCAL(Product) product, T *space, int64_t batch, int64_t n) {
  LOCAL(Kernel) g = {product, space};
  for (int64_t k = 0; k < batch; k++, a += n * n, l += n * n) {
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j <= i; j++) l[j * n + i] = a[i * n + j];
    bool ok = LOCAL(factor)(g, n, l, n);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j <= i; j++) {
        T x = ok ? l[j * n + i] : (T)__builtin_nanf("");
        l[j * n + i] = 0;
        l[i * n + j] = x;
      }
  }
}

/* ---- LU, partial pivots ------------------------------------------------------------------------------------------------------ */

static void LOCAL(swap_rows)(int64_t m, T *x, T *y) {
  if (x == y) return;
  for (int64_t j = 0; j < m; j++) {
    T t = x[j];
    x[j] = y[j];
    y[j] = t;
  }
}

/* Columns c .. c + w - 1 of the rows from c on; exchanges are of these columns only, and noted at pivot[row * ld]. */
static void LOCAL(factor_columns)(LOCAL(Kernel) g, T *a, int64_t n, int64_t ld, int64_t c, int64_t w, T *pivot) {
  if (w > 8) {
    int64_t h = w / 2;
    LOCAL(factor_columns)(g, a, n, ld, c, h, pivot);
    for (int64_t i = c; i < c + h; i++) LOCAL(swap_rows)(w - h, a + i * ld + c + h, a + (int64_t)pivot[i * ld] * ld + c + h);
    T *corner = a + c * ld + c;
    LOCAL(solve)(g, (LOCAL(Tri)){corner, ld, 1, true, true}, h, w - h, corner + h, ld);
    LOCAL(subtract)(g, n - c - h, w - h, h, corner + h * ld, ld, 1, corner + h, ld, corner + h * ld + h, ld);
    LOCAL(factor_columns)(g, a, n, ld, c + h, w - h, pivot);
    for (int64_t i = c + h; i < c + w; i++) LOCAL(swap_rows)(h, a + i * ld + c, a + (int64_t)pivot[i * ld] * ld + c);
    return;
  }
  for (int64_t k = c; k < c + w; k++) {
    int64_t best = k;
    for (int64_t i = k + 1; i < n; i++)
      if (ABS(a[i * ld + k]) > ABS(a[best * ld + k])) best = i;
    pivot[k * ld] = (T)best;
    LOCAL(swap_rows)(w, a + k * ld + c, a + best * ld + c);
    T d = a[k * ld + k];
    if (d == 0) continue; /* the whole column is zero */
    for (int64_t i = k + 1; i < n; i++) {
      T *row = a + i * ld;
      row[k] /= d;
      for (int64_t j = k + 1; j < c + w; j++) row[j] -= row[k] * a[k * ld + j];
    }
  }
}

void FN(lu)(const T *a, T *f, LOCAL(Product) product, T *space, int64_t batch, int64_t n) {
  LOCAL(Kernel) g = {product, space};
  int64_t ld = n + 1;
  for (int64_t k = 0; k < batch; k++, a += n * n, f += n * ld) {
    for (int64_t i = 0; i < n; i++) LOCAL(copy)(n, a + i * n, f + i * ld);
    LOCAL(factor_columns)(g, f, n, ld, 0, n, f + n);
  }
}

void FN(lusolve)(const T *f, const T *b, T *x, LOCAL(Product) product, T *space, int64_t batch, int64_t n, int64_t m, int64_t trans) {
  LOCAL(Kernel) g = {product, space};
  int64_t ld = n + 1;
  LOCAL(copy)(batch * n * m, b, x);
  for (int64_t k = 0; k < batch; k++, f += n * ld, x += n * m) {
    if (!trans) {
      for (int64_t i = 0; i < n; i++) LOCAL(swap_rows)(m, x + i * m, x + (int64_t)f[i * ld + n] * m);
      LOCAL(solve)(g, (LOCAL(Tri)){f, ld, 1, true, true}, n, m, x, m);
      LOCAL(solve)(g, (LOCAL(Tri)){f, ld, 1, false, false}, n, m, x, m);
    } else {
      LOCAL(solve)(g, (LOCAL(Tri)){f, 1, ld, true, false}, n, m, x, m);
      LOCAL(solve)(g, (LOCAL(Tri)){f, 1, ld, false, true}, n, m, x, m);
      for (int64_t i = n; i-- > 0;) LOCAL(swap_rows)(m, x + i * m, x + (int64_t)f[i * ld + n] * m);
    }
  }
}

void FN(logdet)(const T *f, T *y, int64_t batch, int64_t n) {
  int64_t ld = n + 1;
  for (int64_t k = 0; k < batch; k++, f += n * ld) {
    T sum = 0;
    for (int64_t i = 0; i < n; i++) sum += LOG(ABS(f[i * (ld + 1)]));
    y[k] = sum;
  }
}

void FN(det)(const T *f, T *y, int64_t batch, int64_t n) {
  int64_t ld = n + 1;
  for (int64_t k = 0; k < batch; k++, f += n * ld) {
    T product = 1;
    for (int64_t i = 0; i < n; i++) product *= (int64_t)f[i * ld + n] == i ? f[i * (ld + 1)] : -f[i * (ld + 1)];
    y[k] = product;
  }
}

/* ---- LDU, complete pivots ------------------------------------------------------------------------------------------------------ */

static void LOCAL(swap_columns)(int64_t rows, T *a, int64_t ld, int64_t p, int64_t q) {
  for (int64_t i = 0; i < rows && p != q; i++) {
    T t = a[i * ld + p];
    a[i * ld + p] = a[i * ld + q];
    a[i * ld + q] = t;
  }
}

static void LOCAL(complete)(T *f, int64_t n, int64_t ld) {
  for (int64_t k = 0; k < n; k++) {
    int64_t row = k, col = k;
    for (int64_t i = k; i < n; i++)
      for (int64_t j = k; j < n; j++)
        if (ABS(f[i * ld + j]) > ABS(f[row * ld + col])) row = i, col = j;
    f[k * ld + n] = (T)row;
    f[k * ld + n + 1] = (T)col;
    LOCAL(swap_rows)(n, f + k * ld, f + row * ld);
    LOCAL(swap_columns)(n, f, ld, k, col);
    T d = f[k * (ld + 1)];
    if (d == 0) continue; /* so is all that is left */
    for (int64_t i = k + 1; i < n; i++) {
      T *at = f + i * ld;
      at[k] /= d;
      LOCAL(row1)(n - k - 1, at[k], f + k * ld + k + 1, at + k + 1);
    }
    for (int64_t j = k + 1; j < n; j++) f[k * ld + j] /= d;
  }
  T after = 1;
  for (int64_t k = n; k-- > 0; after *= f[k * (ld + 1)]) f[k * ld + n + 2] = after;
}

void FN(lucp)(const T *a, T *f, int64_t batch, int64_t n) {
  int64_t ld = n + 3;
  for (int64_t k = 0; k < batch; k++, a += n * n, f += n * ld) {
    for (int64_t i = 0; i < n; i++) LOCAL(copy)(n, a + i * n, f + i * ld);
    LOCAL(complete)(f, n, ld);
  }
}

static void LOCAL(turn)(int64_t n, T *x) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) {
      T t = x[i * n + j];
      x[i * n + j] = x[j * n + i];
      x[j * n + i] = t;
    }
}

/* x becomes P^T L^-T x U^-T Q^T, with the sign of the exchanges: how cofactors of L D U's middle become those of the whole. */
static void LOCAL(outward)(const T *f, T *x, int64_t n) {
  int64_t ld = n + 3, odd = 0;
  LOCAL(solve)((LOCAL(Kernel)){0}, (LOCAL(Tri)){f, 1, ld, false, true}, n, n, x, n);
  LOCAL(turn)(n, x);
  LOCAL(solve)((LOCAL(Kernel)){0}, (LOCAL(Tri)){f, ld, 1, false, true}, n, n, x, n);
  LOCAL(turn)(n, x);
  for (int64_t i = n; i-- > 0;) {
    int64_t row = (int64_t)f[i * ld + n], col = (int64_t)f[i * ld + n + 1];
    LOCAL(swap_rows)(n, x + i * n, x + row * n);
    LOCAL(swap_columns)(n, x, n, i, col);
    odd ^= (row != i) ^ (col != i);
  }
  for (int64_t k = 0; odd && k < n * n; k++) x[k] = -x[k];
}

/* x becomes L^-1 P x Q U^-1. */
static void LOCAL(inward)(const T *f, T *x, int64_t n) {
  int64_t ld = n + 3;
  for (int64_t i = 0; i < n; i++) {
    LOCAL(swap_rows)(n, x + i * n, x + (int64_t)f[i * ld + n] * n);
    LOCAL(swap_columns)(n, x, n, i, (int64_t)f[i * ld + n + 1]);
  }
  LOCAL(solve)((LOCAL(Kernel)){0}, (LOCAL(Tri)){f, ld, 1, true, true}, n, n, x, n);
  LOCAL(turn)(n, x);
  LOCAL(solve)((LOCAL(Kernel)){0}, (LOCAL(Tri)){f, 1, ld, true, true}, n, n, x, n);
  LOCAL(turn)(n, x);
}

void FN(cofactor)(const T *f, T *x, int64_t batch, int64_t n) {
  int64_t ld = n + 3;
  for (int64_t k = 0; k < batch; k++, f += n * ld, x += n * n) {
    for (int64_t i = 0; i < n * n; i++) x[i] = 0;
    T before = 1;
    for (int64_t i = 0; i < n; before *= f[i * (ld + 1)], i++) x[i * (n + 1)] = before * f[i * ld + n + 2];
    LOCAL(outward)(f, x, n);
  }
}

/* With D diagonal and e any matrix, the derivative of the cofactors of D + t e is, off the diagonal, -e[j, i] times the product
 * of all d but those of i and j; */
static void LOCAL(middle_pairs)(const T *f, int64_t ld, T *e, int64_t n) {
  T before = 1;
  for (int64_t i = 0; i < n; before *= f[i * (ld + 1)], i++) {
    T product = before; /* of all d before j, but d[i] */
    for (int64_t j = i + 1; j < n; product *= f[j * (ld + 1)], j++) {
      T others = product * f[j * ld + n + 2], x = e[i * n + j];
      e[i * n + j] = -others * e[j * n + i];
      e[j * n + i] = -others * x;
    }
  }
}

/* on the diagonal, the derivative of the product of the others, d moving by the diagonal of e, which is replaced.  Products and
 * their derivatives run from both ends; those from the end are kept for one stretch at a time, and at the ends of stretches. */
static void LOCAL(middle_diagonal)(const T *f, int64_t ld, T *e, int64_t n) {
  enum { STRETCH = 64, MOST = 1024 };
  T at_end[MOST], behind[STRETCH], move = 0, before = 1, before_move = 0;
  if (n > (int64_t)STRETCH * MOST) return;
  for (int64_t i = n; i-- > 0;) {
    if (i % STRETCH == STRETCH - 1 || i == n - 1) at_end[i / STRETCH] = move;
    move = move * f[i * (ld + 1)] + f[i * ld + n + 2] * e[i * (n + 1)];
  }
  for (int64_t from = 0; from < n; from += STRETCH) {
    int64_t to = n - from < STRETCH ? n : from + STRETCH;
    move = at_end[from / STRETCH];
    for (int64_t i = to; i-- > from;) {
      behind[i - from] = move;
      move = move * f[i * (ld + 1)] + f[i * ld + n + 2] * e[i * (n + 1)];
    }
    for (int64_t i = from; i < to; i++) {
      T d = f[i * (ld + 1)], step = e[i * (n + 1)];
      e[i * (n + 1)] = before_move * f[i * ld + n + 2] + before * behind[i - from];
      before_move = before_move * d + before * step;
      before *= d;
    }
  }
}

/* f: of one direction the factors lucp, of more what lujet gives, which ends with the result. */
void FN(cofactor_dir)(const T *f, const T *e, T *x, int64_t batch, int64_t n, int64_t rows) {
  int64_t jets = 1;
  for (int64_t k = 0; k < rows; k += n) jets *= 2;
  if (rows > n) {
    for (int64_t k = 1; k <= batch; k++, x += n * n) LOCAL(copy)(n * n, f + (k * jets - 1) * n * n, x);
    return;
  }
  LOCAL(copy)(batch * n * n, e, x);
  for (int64_t k = 0; k < batch; k++, f += n * (n + 3), x += n * n) {
    LOCAL(inward)(f, x, n);
    LOCAL(middle_pairs)(f, n + 3, x, n);
    LOCAL(middle_diagonal)(f, n + 3, x, n);
    LOCAL(outward)(f, x, n);
  }
}
