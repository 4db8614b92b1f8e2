/* inequality.c - whether linear inequalities over integers contradict each other, by Fourier and Motzkin's elimination.
 * A row is what must not be negative.  Rows are divided by the common divisor of their coefficients and their constants rounded down,
 * which no integer notices.  Of two rows in which an unknown has opposite signs the sum without it follows; once all such sums are
 * there the rows that mention it say nothing more.  What is left in the end are constants: a negative one is the contradiction.
 *
 * Ensures: `empty` is said of nothing that has a solution.  The reverse may go unseen: where only the integers rule a solution out,
 * where numbers grow beyond what is safe, and where the rows become too many. */
#include "passes/inequality.h"
#include <string.h>

enum { MOST_ROWS = 120, MOST_EITHER = 5 };
static const int64_t LARGE = INT64_C(1) << 40;

void system_init(System *s, Arena *a) { *s = (System){.arena = a}; }

int system_var(System *s) {
  if (s->nvar < LINEAR_VARS) return s->nvar++;
  s->lost = true;
  return 0;
}

Linear linear_const(int64_t c) { return (Linear){.constant = c}; }

Linear linear_var(int var) {
  Linear x = {0};
  x.coef[var] = 1;
  return x;
}

static bool is_large(int64_t x) { return x > LARGE || x < -LARGE; }

static bool add_times(int64_t *x, int64_t k, int64_t y) {
  int64_t product;
  return !__builtin_mul_overflow(k, y, &product) && !__builtin_add_overflow(*x, product, x) && !is_large(*x);
}

/* x = j x + k y; false: too large. */
static bool combine(Linear *x, int64_t j, int64_t k, const Linear *y) {
  Linear z = {0};
  bool fits = add_times(&z.constant, j, x->constant) && add_times(&z.constant, k, y->constant);
  for (int i = 0; i < LINEAR_VARS && fits; i++) fits = add_times(&z.coef[i], j, x->coef[i]) && add_times(&z.coef[i], k, y->coef[i]);
  *x = z;
  return fits;
}

Linear linear_sum(System *s, Linear x, int64_t k, Linear y) {
  if (!combine(&x, 1, k, &y)) s->lost = true;
  return x;
}

static void add_row(System *s, Linear x) { PUSH(s->arena, s->row, s->nrow, s->row_cap) = x; }

void system_at_least(System *s, Linear x, Linear y) { add_row(s, linear_sum(s, x, -1, y)); }

void system_less(System *s, Linear x, Linear y) {
  Linear z = linear_sum(s, y, -1, x);
  z.constant--;
  add_row(s, z);
}

void system_equal(System *s, Linear x, Linear y) {
  system_at_least(s, x, y);
  system_at_least(s, y, x);
}

void system_either(System *s, Linear x, Linear y) { PUSH(s->arena, s->either, s->neither, s->either_cap) = (Either){x, y}; }

/* ---- elimination ------------------------------------------------------------------------------------------------------------- */

typedef struct Rows { Linear row[MOST_ROWS]; int n; bool empty, lost; } Rows;

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t r = a % b;
    a = b;
    b = r;
  }
  return a < 0 ? -a : a;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); }

/* Keeps of rows with the same coefficients the one that says more. */
static void put(Rows *r, Linear x) {
  int64_t g = 0;
  for (int i = 0; i < LINEAR_VARS; i++) g = gcd(g, x.coef[i]);
  if (!g) {
    r->empty |= x.constant < 0;
    return;
  }
  for (int i = 0; i < LINEAR_VARS; i++) x.coef[i] /= g;
  x.constant = floor_div(x.constant, g);
  for (int i = 0; i < r->n; i++) {
    if (memcmp(r->row[i].coef, x.coef, sizeof x.coef)) continue;
    if (x.constant < r->row[i].constant) r->row[i].constant = x.constant;
    return;
  }
  if (r->n == MOST_ROWS) r->lost = true;
  else r->row[r->n++] = x;
}

/* The unknown that leaves the fewest rows; -1: there is none. */
static int cheapest(const Rows *r) {
  int best = -1, least = 0;
  for (int v = 0; v < LINEAR_VARS; v++) {
    int up = 0, down = 0;
    for (int i = 0; i < r->n; i++) {
      up += r->row[i].coef[v] > 0;
      down += r->row[i].coef[v] < 0;
    }
    int more = up * down - up - down;
    if (up + down == 0 || (best >= 0 && more >= least)) continue;
    best = v;
    least = more;
  }
  return best;
}

static void eliminate(Rows *to, const Rows *from, int v) {
  to->n = 0;
  to->empty = from->empty;
  to->lost = from->lost;
  for (int i = 0; i < from->n && !to->lost; i++) {
    const Linear *x = &from->row[i];
    if (!x->coef[v]) put(to, *x);
    for (int j = 0; j < from->n && x->coef[v] > 0; j++) {
      const Linear *y = &from->row[j];
      Linear sum = *x;
      if (y->coef[v] >= 0) continue;
      if (combine(&sum, -y->coef[v], x->coef[v], y)) put(to, sum);
      else to->lost = true;
    }
  }
}

static bool is_contradictory(const Rows *first) {
  Rows r[2];
  int now = 0;
  r[0] = *first;
  for (int v; !r[now].empty && !r[now].lost && (v = cheapest(&r[now])) >= 0; now = !now) eliminate(&r[!now], &r[now], v);
  return r[now].empty;
}

/* Whichever of each pair it is. */
static bool is_empty_from(const System *s, const Rows *r, int next) {
  if (is_contradictory(r)) return true;
  if (next == s->neither || next == MOST_EITHER) return false;
  for (int side = 0; side < 2; side++) {
    Rows more = *r;
    put(&more, side ? s->either[next].b : s->either[next].a);
    if (!is_empty_from(s, &more, next + 1)) return false;
  }
  return true;
}

bool system_is_empty(const System *s) {
  Rows r;
  r.n = 0;
  r.empty = r.lost = false;
  for (int i = 0; i < s->nrow; i++) put(&r, s->row[i]);
  return !s->lost && is_empty_from(s, &r, 0);
}
