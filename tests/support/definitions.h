/* definitions.h - matrices, sorting and random blocks by their definitions, in extended precision: for the interpreters.
 * A matrix is an array of rows.  Slow and simple. */
#ifndef ADC_TESTS_DEFINITIONS_H
#define ADC_TESTS_DEFINITIONS_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DEF_MOST = 128 }; /* rows of a matrix */
typedef struct DefMatrix { long double at[DEF_MOST][DEF_MOST]; } DefMatrix;

/* Gauss and Jordan's elimination with pivots by rows; x (n by m) becomes the solution.  Returns the determinant. */
static long double def_solve(DefMatrix a, int n, DefMatrix *x, int m) {
  long double det = 1;
  for (int k = 0; k < n; k++) {
    int best = k;
    for (int i = k; i < n; i++)
      if (fabsl(a.at[i][k]) > fabsl(a.at[best][k])) best = i;
    for (int j = 0; j < n || j < m; j++) {
      long double t = a.at[k][j], u = x->at[k][j];
      a.at[k][j] = a.at[best][j], a.at[best][j] = t;
      x->at[k][j] = x->at[best][j], x->at[best][j] = u;
    }
    long double d = a.at[k][k];
    det *= best == k ? d : -d;
    for (int j = 0; j < n; j++) a.at[k][j] /= d;
    for (int j = 0; j < m; j++) x->at[k][j] /= d;
    for (int i = 0; i < n; i++) {
      if (i == k) continue;
      long double f = a.at[i][k];
      for (int j = 0; j < n; j++) a.at[i][j] -= f * a.at[k][j];
      for (int j = 0; j < m; j++) x->at[i][j] -= f * x->at[k][j];
    }
  }
  return det;
}

static DefMatrix def_transpose(const DefMatrix *a, int n) {
  DefMatrix t = {{{0}}};
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) t.at[j][i] = a->at[i][j];
  return t;
}

/* Laplace's expansion, so that nothing is divided by. */
static long double def_det(const DefMatrix *a, int n) {
  long double sum = 0;
  if (n == 0) return 1;
  for (int k = 0; k < n; k++) {
    DefMatrix minor = {{{0}}};
    if (a->at[0][k] == 0) continue;
    for (int i = 1; i < n; i++)
      for (int j = 0, c = 0; j < n; j++)
        if (j != k) minor.at[i - 1][c++] = a->at[i][j];
    sum += (k % 2 ? -1 : 1) * a->at[0][k] * def_det(&minor, n - 1);
  }
  return sum;
}

static long double def_cofactor(const DefMatrix *a, int n, int row, int col) {
  DefMatrix minor = {{{0}}};
  for (int i = 0, r = 0; i < n; i++) {
    if (i == row) continue;
    for (int j = 0, c = 0; j < n; j++)
      if (j != col) minor.at[r][c++] = a->at[i][j];
    r++;
  }
  return ((row + col) % 2 ? -1 : 1) * def_det(&minor, n - 1);
}

/* A cofactor is linear in each row: the derivative takes one row after the other from a direction.  e: the directions that are
 * left, one below the other; taken: the set of the rows that come from others. */
static long double def_cofactor_dir(const DefMatrix *a, const DefMatrix *e, int left, int taken, int n, int row, int col) {
  long double sum = 0;
  if (left == 0) return def_cofactor(a, n, row, col);
  for (int k = 0; k < n; k++) {
    DefMatrix b = *a;
    if (k == row || (taken >> k & 1)) continue;
    memcpy(b.at[k], e->at[(left - 1) * n + k], sizeof b.at[k]);
    sum += def_cofactor_dir(&b, e, left - 1, taken | 1 << k, n, row, col);
  }
  return sum;
}

static DefMatrix def_cholesky(const DefMatrix *a, int n) {
  DefMatrix l = {{{0}}};
  bool ok = true;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      long double s = a->at[i][j];
      for (int k = 0; k < j; k++) s -= l.at[i][k] * l.at[j][k];
      ok = ok && (i != j || s > 0);
      l.at[i][j] = i == j ? sqrtl(s) : s / l.at[j][j];
    }
  for (int i = 0; i < n && !ok; i++)
    for (int j = 0; j <= i; j++) l.at[i][j] = NAN;
  return l;
}

/* How many elements of the row come before its k-th: the smaller ones (all numbers, for nan), and equal ones that stand before. */
static int64_t def_rank(const long double *x, int64_t n, int64_t k) {
  int64_t before = 0;
  for (int64_t i = 0; i < n; i++) {
    bool same = x[i] == x[k] || (isnan(x[i]) && isnan(x[k]));
    before += same ? i < k : isnan(x[k]) || x[i] < x[k];
  }
  return before;
}

/* Word `which` (0 .. 3) of Philox4x32-10's block, as Salmon and others' paper gives it. */
static uint32_t def_philox(uint64_t key, uint64_t low, uint64_t high, int which) {
  uint32_t l[2] = {(uint32_t)(low >> 32), (uint32_t)(high >> 32)}, r[2] = {(uint32_t)low, (uint32_t)high};
  for (uint32_t round = 0; round < 10; round++) {
    const uint64_t p[2] = {UINT64_C(0xD2511F53) * r[0], UINT64_C(0xCD9E8D57) * r[1]};
    uint32_t k0 = (uint32_t)key + round * UINT32_C(0x9E3779B9), k1 = (uint32_t)(key >> 32) + round * UINT32_C(0xBB67AE85);
    r[0] = (uint32_t)(p[1] >> 32) ^ l[0] ^ k0;
    r[1] = (uint32_t)(p[0] >> 32) ^ l[1] ^ k1;
    l[0] = (uint32_t)p[1];
    l[1] = (uint32_t)p[0];
  }
  return which % 2 ? l[which / 2] : r[which / 2];
}

static int64_t def_philox_pair(uint64_t key, uint64_t low, uint64_t high, int first) {
  return (int64_t)((uint64_t)def_philox(key, low, high, first + 1) << 32 | def_philox(key, low, high, first));
}

/* The matrix op `code` (an Opcode) on one matrix of the batch; x: the right-hand side, m its columns, or directions, m their
 * rows. */
static DefMatrix def_matrix(int code, const DefMatrix *a, int n, const DefMatrix *x, int m, bool upper, bool trans) {
  DefMatrix y = {{{0}}}, b = *a;
  if (code == OP_cholesky) return def_cholesky(a, n);
  if (code == OP_trisolve || code == OP_lusolve) {
    for (int i = 0; i < n && code == OP_trisolve; i++)
      for (int j = 0; j < n; j++)
        if (upper ? j < i : j > i) b.at[i][j] = 0;
    y = *x;
    def_solve(trans ? def_transpose(&b, n) : b, n, &y, m);
  } else if (code == OP_det) y.at[0][0] = def_det(a, n);
  else if (code == OP_logdet) y.at[0][0] = logl(fabsl(def_det(a, n)));
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      if (code == OP_cofactor) y.at[i][j] = def_cofactor(a, n, i, j);
      if (code == OP_cofactor_dir) y.at[i][j] = def_cofactor_dir(a, x, m / n, 0, n, i, j);
    }
  return y;
}

#endif
