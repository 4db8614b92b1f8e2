/* matrix_jet.h - the derivative of a matrix's cofactors in several directions, at any rank; part of matrix.h.
 *
 * A jet is a polynomial in k formal numbers with squares zero: x[s * stride] is the coefficient of the product of those in the set s.
 * The cofactors of D + t1 e1 + ... + tk ek, D diagonal with complete pivots' order, have the derivative for the coefficient of all
 * t.  Each product in it leaves out at most k + 1 of D; so the last k + 1 rows and columns alone may not be divided by: the others
 * are eliminated, and the cofactors of what is left follow from their definition. */

enum { LOCAL(DIRECTIONS) = 6, LOCAL(JET) = 1 << LOCAL(DIRECTIONS), LOCAL(CORNER) = LOCAL(DIRECTIONS) + 1 };

/* The coefficient of the set s in x y. */
static T LOCAL(jet_product)(int64_t s, const T *x, int64_t sx, const T *y, int64_t sy) {
  T sum = 0;
  for (int64_t t = s;; t = (t - 1) & s) {
    sum += x[t * sx] * y[(s ^ t) * sy];
    if (t == 0) return sum;
  }
}

static void LOCAL(jet_inverse)(int64_t size, const T *x, T *y) {
  y[0] = 1 / x[0];
  for (int64_t s = 1; s < size; s++) {
    y[s] = 0;
    y[s] = -LOCAL(jet_product)(s, x, 1, y, 1) * y[0];
  }
}

/* x y, in place of y, from the largest set down to its parts. */
static void LOCAL(jet_scale)(int64_t size, const T *x, T *y, int64_t stride) {
  for (int64_t s = size; s-- > 0;) y[s * stride] = LOCAL(jet_product)(s, x, 1, y, stride);
}

/* row -= a other, n jets a row */
static void LOCAL(jet_subtract)(int64_t size, int64_t n, const T *a, const T *other, T *row) {
  for (int64_t s = size; s-- > 0;)
    for (int64_t t = s;; t = (t - 1) & s) {
      if (a[t] != 0) LOCAL(row1)(n, a[t], other + (s ^ t) * n * n, row + s * n * n);
      if (t == 0) break;
    }
}

/* Exchanges the first r rows and columns: [A B; C E] becomes [A^-1, A^-1 B; -C A^-1, E - C A^-1 B].  det: of A. */
static void LOCAL(jet_exchange)(int64_t size, int64_t n, int64_t r, T *x, T *det) {
  int64_t stride = n * n;
  T p[LOCAL(JET)], q[LOCAL(JET)];
  for (int64_t s = 0; s < size; s++) det[s] = s == 0;
  for (int64_t k = 0; k < r; k++) {
    T *row = x + k * n;
    for (int64_t s = 0; s < size; s++) {
      p[s] = row[s * stride + k];
      row[s * stride + k] = s == 0;
    }
    LOCAL(jet_scale)(size, p, det, 1);
    LOCAL(jet_inverse)(size, p, q);
    for (int64_t j = 0; j < n; j++) LOCAL(jet_scale)(size, q, row + j, stride);
    for (int64_t i = 0; i < n; i++) {
      if (i == k) continue;
      for (int64_t s = 0; s < size; s++) {
        p[s] = x[s * stride + i * n + k];
        x[s * stride + i * n + k] = 0;
      }
      LOCAL(jet_subtract)(size, n, p, row, x + i * n);
    }
  }
}

/* The determinant of the rows from `row` on, but `skip`, and the columns in the set cols. */
static void LOCAL(jet_minor)(int64_t size, int64_t n, const T *x, int64_t row, int64_t skip, int64_t cols, T *det) {
  T sub[LOCAL(JET)], sign = 1;
  for (int64_t s = 0; s < size; s++) det[s] = cols == 0 && s == 0;
  row += row == skip;
  for (int64_t c = 0; cols >> c; c++) {
    if (!(cols >> c & 1)) continue;
    LOCAL(jet_minor)(size, n, x, row + 1, skip, cols & ~((int64_t)1 << c), sub);
    for (int64_t s = 0; s < size; s++) det[s] += sign * LOCAL(jet_product)(s, x + row * n + c, n * n, sub, 1);
    sign = -sign;
  }
}

typedef T LOCAL(Corner)[LOCAL(CORNER)][LOCAL(CORNER)][LOCAL(JET)];

/* adj: the adjugate of the last m rows and columns, times det, which is multiplied by their determinant. */
static void LOCAL(jet_corner)(int64_t size, int64_t n, int64_t m, const T *x, LOCAL(Corner) adj, T *det) {
  const T *corner = x + (n - m) * (n + 1);
  int64_t all = ((int64_t)1 << m) - 1;
  T whole[LOCAL(JET)];
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < m; j++) {
      LOCAL(jet_minor)(size, n, corner, 0, j, all & ~((int64_t)1 << i), adj[i][j]);
      LOCAL(jet_scale)(size, det, adj[i][j], 1);
      for (int64_t s = 0; (i + j) % 2 && s < size; s++) adj[i][j][s] = -adj[i][j][s];
    }
  LOCAL(jet_minor)(size, n, corner, 0, -1, all, whole);
  LOCAL(jet_scale)(size, whole, det, 1);
}

/* One of the first rows of the adjugate of all, in the largest set; it becomes det X - u C, then -u, u = W adj of the corner. */
static void LOCAL(jet_upper_row)(int64_t size, int64_t n, int64_t m, T *row, const T *low, LOCAL(Corner) adj, const T *det) {
  int64_t r = n - m, full = size - 1, stride = n * n;
  T u[LOCAL(CORNER)][LOCAL(JET)];
  for (int64_t l = 0; l < m; l++)
    for (int64_t s = 0; s < size; s++) {
      u[l][s] = 0;
      for (int64_t q = 0; q < m; q++) u[l][s] += LOCAL(jet_product)(s, row + r + q, stride, adj[q][l], 1);
    }
  for (int64_t j = 0; j < r; j++) {
    T sum = LOCAL(jet_product)(full, det, 1, row + j, stride);
    for (int64_t l = 0; l < m; l++) sum -= LOCAL(jet_product)(full, u[l], 1, low + l * n + j, stride);
    row[full * stride + j] = sum;
  }
  for (int64_t l = 0; l < m; l++) row[full * stride + r + l] = -u[l][full];
}

static void LOCAL(jet_lower_rows)(int64_t size, int64_t n, int64_t m, T *low, LOCAL(Corner) adj) {
  int64_t r = n - m, full = size - 1, stride = n * n;
  T sum[LOCAL(CORNER)];
  for (int64_t j = 0; j < r; j++) {
    for (int64_t l = 0; l < m; l++) {
      sum[l] = 0;
      for (int64_t q = 0; q < m; q++) sum[l] += LOCAL(jet_product)(full, adj[l][q], 1, low + q * n + j, stride);
    }
    for (int64_t l = 0; l < m; l++) low[full * stride + l * n + j] = sum[l];
  }
  for (int64_t l = 0; l < m; l++)
    for (int64_t q = 0; q < m; q++) low[full * stride + l * n + r + q] = adj[l][q][full];
}

/* x: jets, of which those of the largest set become the adjugate's. */
static void LOCAL(jet_adjugate)(int64_t size, int64_t n, int64_t m, T *x) {
  T det[LOCAL(JET)];
  LOCAL(Corner) adj;
  LOCAL(jet_exchange)(size, n, n - m, x, det);
  LOCAL(jet_corner)(size, n, m, x, adj, det);
  for (int64_t i = 0; i < n - m; i++) LOCAL(jet_upper_row)(size, n, m, x + i * n, x + (n - m) * n, adj, det);
  LOCAL(jet_lower_rows)(size, n, m, x + (n - m) * n, adj);
}

/* The jets of one matrix: D where no direction is, and in each direction what it is seen from inside the factors; result: the last. */
void FN(lujet)(const T *f, const T *e, T *x, int64_t batch, int64_t n, int64_t rows) {
  int64_t ld = n + 3, count = n ? rows / n : 1, size = (int64_t)1 << count, m = n <= count ? n : count + 1;
  for (int64_t b = 0; b < batch; b++, f += n * ld, e += rows * n, x += size * n * n) {
    T *last = x + (size - 1) * n * n;
    for (int64_t i = 0; i < size * n * n; i++) x[i] = 0;
    if (n > m && f[(n - m - 1) * (ld + 1)] == 0) continue; /* more are zero than the directions can stand in for */
    for (int64_t i = 0; i < n; i++) x[i * (n + 1)] = f[i * (ld + 1)];
    for (int64_t k = 0; k < count; k++) {
      T *to = x + ((int64_t)1 << k) * n * n;
      LOCAL(copy)(n * n, e + k * n * n, to);
      LOCAL(inward)(f, to, n);
    }
    LOCAL(jet_adjugate)(size, n, m, x);
    LOCAL(turn)(n, last);
    LOCAL(outward)(f, last, n);
  }
}
