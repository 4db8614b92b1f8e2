/* dim_test.c - dimension arithmetic against brute force: random expressions are built as dimensions and evaluated
 * directly at small values of their symbols, and must agree; what a prover claims must hold at every value tried.
 * Prints "dim_test: ok", or what differs. */
#include "ir/ir.h"
#include <stdlib.h>
#include <string.h>

enum { NSYM = 3, MAX_VALUE = 5 };
typedef struct Expr {
  char op;
  int64_t k;
  int sym;
  struct Expr *a, *b;
} Expr;
typedef struct {
  Ctx *c;
  uint64_t state;
  Sym *sym[NSYM];
  int64_t value[NSYM];
  int fails;
  int proved;
} Test;

static unsigned rnd(Test *t, unsigned n) {
  t->state = t->state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(t->state >> 33) % n;
}

/* The last symbol may be negative. */
static int64_t value_at(const Test *t, int i) { return i == NSYM - 1 ? t->value[i] - 3 : t->value[i]; }

static bool value_of(void *env, const Sym *s, int64_t *v) {
  const Test *t = env;
  for (int i = 0; i < NSYM; i++)
    if (t->sym[i] == s) {
      *v = value_at(t, i);
      return true;
    }
  return false;
}

static Expr *random_expr(Test *t, int depth) {
  Expr *e = NEW(t->c->arena, Expr);
  if (depth == 0 || rnd(t, 5) == 0) {
    e->op = rnd(t, 3) ? 's' : 'k';
    e->k = (int64_t)rnd(t, 7) - 3;
    e->sym = (int)rnd(t, NSYM);
    return e;
  }
  e->op = "++--**/%Mm"[rnd(t, 10)];
  e->a = random_expr(t, depth - 1);
  e->b = random_expr(t, depth - 1);
  if (e->op == '/' || e->op == '%') {
    e->b = NEW(t->c->arena, Expr);
    e->b->op = rnd(t, 3) ? 'k' : 's';
    e->b->k = 1 + (int64_t)rnd(t, 4);
    e->b->sym = (int)rnd(t, NSYM);
  }
  return e;
}

static Dim *build(Test *t, const Expr *e) {
  Ctx *c = t->c;
  if (e->op == 's') return dim_sym(c, t->sym[e->sym]);
  if (e->op == 'k') return dim_const(c, e->k);
  Dim *a = build(t, e->a), *b = build(t, e->b);
  switch (e->op) {
  case '+': return dim_add(c, a, b);
  case '-': return dim_sub(c, a, b);
  case '*': return dim_mul(c, a, b);
  case '/': return dim_floordiv(c, a, b);
  case '%': return dim_mod(c, a, b);
  case 'M': return dim_max(c, a, b);
  default: return dim_min(c, a, b);
  }
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/* False where the expression divides by zero. */
static bool brute(Test *t, const Expr *e, int64_t *v) {
  if (e->op == 's') return *v = value_at(t, e->sym), true;
  if (e->op == 'k') return *v = e->k, true;
  int64_t a, b;
  if (!brute(t, e->a, &a) || !brute(t, e->b, &b)) return false;
  switch (e->op) {
  case '+': *v = a + b; return true;
  case '-': *v = a - b; return true;
  case '*': return !__builtin_mul_overflow(a, b, v);
  case '/': return b != 0 && (*v = floor_div(a, b), true);
  case '%': return b != 0 && (*v = a - b * floor_div(a, b), true);
  case 'M': *v = a > b ? a : b; return true;
  default: *v = a < b ? a : b; return true;
  }
}

static void fail(Test *t, const char *what, Dim *d, int64_t got, int64_t want) {
  Text text;
  text_init(&text, t->c->arena);
  dim_print(&text, d);
  printf("%s: %s at %lld %lld %lld: %lld, not %lld\n", what, text.s, (long long)value_at(t, 0),
         (long long)value_at(t, 1), (long long)value_at(t, 2), (long long)got, (long long)want);
  t->fails++;
}

static bool next_values(Test *t) {
  for (int i = 0; i < NSYM; i++) {
    if (++t->value[i] <= MAX_VALUE) return true;
    t->value[i] = 0;
  }
  return false;
}

static void test_random(Test *t) {
  Expr *e = random_expr(t, 4);
  Dim *d = build(t, e);
  if (!d) return;
  bool nonneg = dim_nonneg(t->c, d);
  t->proved += nonneg && !dim_is_const(d, NULL);
  memset(t->value, 0, sizeof t->value);
  do {
    int64_t want, got;
    if (!brute(t, e, &want)) continue;
    if (!dim_eval(d, value_of, t, &got)) got = want + 1;
    if (got != want) fail(t, "value", d, got, want);
    if (nonneg && want < 0) fail(t, "claimed to be >= 0", d, want, 0);
  } while (next_values(t) && t->fails < 10);
}

/* Products that are divided by a factor again, and triangles. */
static void test_division(Test *t) {
  Ctx *c = t->c;
  Dim *a = build(t, random_expr(t, 2)), *b = build(t, random_expr(t, 2)), *two = dim_const(c, 2),
      *one = dim_const(c, 1);
  if (!a || !b || dim_is(b, 0)) return;
  Dim *p = dim_mul(c, a, b);
  if (p && dim_div(c, p, b) != a) fail(t, "a * b / b", p, 0, 0);
  Dim *triangle = dim_div(c, dim_mul(c, a, dim_sub(c, a, one)), two);
  if (!triangle || dim_mul(c, triangle, two) != dim_sub(c, dim_mul(c, a, a), a))
    fail(t, "2 * (a (a - 1) / 2)", a, 0, 0);
  if (triangle && dim_add(c, triangle, a) != dim_div(c, dim_mul(c, a, dim_add(c, a, one)), two))
    fail(t, "triangle + a", a, 0, 0);
}

static void expect(Test *t, bool holds, const char *what) {
  if (holds) return;
  printf("not so: %s\n", what);
  t->fails++;
}
#define EXPECT(t, x) expect(t, x, #x)

static bool prints(Test *t, Dim *d, const char *want) {
  Text text;
  text_init(&text, t->c->arena);
  dim_print(&text, d);
  if (strcmp(text.s, want)) printf("prints %s, not %s\n", text.s, want);
  return strcmp(text.s, want) == 0;
}

static void test_forms(Test *t) {
  Ctx *c = t->c;
  Dim *n = dim_sym(c, t->sym[0]), *m = dim_sym(c, t->sym[1]), *k = dim_sym(c, t->sym[2]);
  Dim *d0 = dim_const(c, 0), *d1 = dim_const(c, 1), *d2 = dim_const(c, 2), *big = dim_const(c, INT64_MAX);
  Dim *triangle = dim_div(c, dim_mul(c, n, dim_sub(c, n, d1)), d2);
  EXPECT(t, dim_add(c, n, m) == dim_add(c, m, n));
  EXPECT(t, dim_sub(c, n, n) == d0);
  EXPECT(t, !dim_add(c, big, d1) && !dim_mul(c, big, d2) && !dim_div(c, n, d0) && !dim_add(c, NULL, n));
  EXPECT(t, !dim_div(c, n, m) && dim_div(c, dim_mul(c, n, m), m) == n);
  EXPECT(t, dim_floordiv(c, dim_add(c, dim_mul(c, n, d2), d1), d2) == n);
  EXPECT(t, dim_floordiv(c, dim_add(c, dim_mul(c, n, m), n), dim_add(c, m, d1)) == n);
  EXPECT(t, dim_floordiv(c, dim_const(c, -7), d2) == dim_const(c, -4));
  EXPECT(t, dim_mod(c, dim_const(c, -7), dim_const(c, 3)) == d2);
  EXPECT(t, dim_nonneg(c, n) && dim_nonneg(c, dim_mul(c, n, m)) && dim_nonneg(c, triangle));
  EXPECT(t, !dim_nonneg(c, k) && dim_nonneg(c, dim_mul(c, k, k)));
  EXPECT(t, dim_le(c, n, dim_add(c, n, m)) && !dim_le(c, n, m) && dim_le(c, n, dim_mul(c, n, n)));
  EXPECT(t, dim_nonneg(c, dim_mul(c, dim_sub(c, n, d1), dim_sub(c, n, d2))));
  EXPECT(t, dim_le(c, dim_min(c, n, m), n) && dim_le(c, m, dim_max(c, n, m)) && dim_le(c, dim_floordiv(c, n, d2), n));
  EXPECT(t, dim_le(c, dim_add(c, dim_mul(c, dim_floordiv(c, n, d2), d2), d0), n));
  EXPECT(t, dim_max(c, n, dim_add(c, n, d1)) == dim_add(c, n, d1) && dim_max(c, n, m) == dim_max(c, m, n));
  EXPECT(t, prints(t, triangle, "(n * n - n) / 2"));
  EXPECT(t, prints(t, dim_sub(c, d1, n), "1 - n"));
  EXPECT(t, prints(t, dim_sub(c, d0, dim_floordiv(c, n, d2)), "-(n // 2)"));
  EXPECT(t, prints(t, dim_mul(c, d2, dim_floordiv(c, dim_add(c, n, d1), m)), "2 * ((n + 1) // m)"));
  EXPECT(t, prints(t, dim_add(c, dim_max(c, n, m), d1), "max(n, m) + 1"));
  DimSubst s[] = {{t->sym[0], dim_add(c, m, d1)}, {t->sym[1], dim_const(c, 3)}};
  EXPECT(t, dim_subst(c, dim_mul(c, n, m), s, 2) == dim_add(c, dim_mul(c, m, dim_const(c, 3)), dim_const(c, 3)));
  EXPECT(t, dim_mentions(dim_floordiv(c, n, m), t->sym[1]) && !dim_mentions(n, t->sym[1]));
}

static void test_index(Test *t) {
  Ctx *c = t->c;
  Dim *n = dim_sym(c, t->sym[0]), *d0 = dim_const(c, 0), *d1 = dim_const(c, 1), *d2 = dim_const(c, 2);
  Sym *si = sym_new(c, SYM_INDEX, "i", LOC_NONE), *sk = sym_new(c, SYM_INDEX, "k", LOC_NONE);
  Dim *i = dim_sym(c, si), *k = dim_sym(c, sk);
  si->lo = sk->lo = d0;
  si->hi = n;
  sk->hi = i; /* k < i < n */
  EXPECT(t, dim_upper(c, dim_add(c, i, d1)) == n && dim_lower(c, i) == d0);
  EXPECT(t, dim_upper(c, k) == dim_sub(c, n, d2));
  EXPECT(t, dim_lower(c, dim_sub(c, n, i)) == d1 && dim_lower(c, dim_sub(c, i, k)) == d1);
  EXPECT(t, dim_le(c, dim_add(c, i, d1), n) && dim_le(c, dim_add(c, k, d1), n) && dim_le(c, dim_add(c, k, d2), n));
  EXPECT(t, !dim_le(c, dim_add(c, i, d2), n));
  Dim *packed = dim_add(c, dim_div(c, dim_mul(c, i, dim_sub(c, i, d1)), d2), k); /* of a strictly lower triangle */
  EXPECT(t, dim_nonneg(c, packed));
  EXPECT(t, dim_le(c, dim_add(c, packed, d1), dim_div(c, dim_mul(c, n, dim_sub(c, n, d1)), d2)));
  EXPECT(t, !dim_upper(c, dim_mul(c, i, dim_sub(c, n, i))));
  EXPECT(t, dim_upper(c, dim_floordiv(c, i, d2)) == dim_floordiv(c, dim_sub(c, n, d1), d2));
}

int main(void) {
  Test t = {.c = ctx_new(), .state = 12345};
  t.sym[0] = sym_new(t.c, SYM_DIM, "n", LOC_NONE);
  t.sym[1] = sym_new(t.c, SYM_DIM, "m", LOC_NONE);
  t.sym[2] = sym_new(t.c, SYM_PARAM, "k", LOC_NONE);
  test_forms(&t);
  test_index(&t);
  for (int i = 0; i < 3000 && t.fails < 10; i++) {
    test_random(&t);
    test_division(&t);
  }
  if (t.proved < 50) t.fails++, printf("only %d proofs\n", t.proved);
  ctx_free(t.c);
  if (!t.fails) printf("dim_test: ok\n");
  return t.fails != 0;
}
