/* dim.c - dimensions: normalised polynomials over symbols, hash-consed.
 *
 * Ensures: two dimensions made here are the same pointer exactly when they have the same terms over the same atoms and
 * the same denominator.  Terms are sorted by degree, highest first, then by the factors' ids (a graded lexicographic
 * order, which the division needs); coefficients are never zero, and share no divisor with the denominator.  Every
 * operation gives NULL on overflow or when its result would be unreasonably large. */
#include "ir/internal.h"
#include <stdlib.h>
#include <string.h>

Sym *sym_new(Ctx *c, SymKind kind, const char *name, Loc loc) {
  Sym *s = NEW(c->arena, Sym);
  s->name = intern(c, name ? name : "d");
  s->id = c->next_sym++;
  s->kind = kind;
  s->nonneg = kind == SYM_DIM;
  s->loc = loc;
  return s;
}

/* ---- interning --------------------------------------------------------------------------------------------------- */

static bool same_atom(const void *entry, const void *key) {
  const Atom *a = entry, *b = key;
  return a->kind == b->kind && a->sym == b->sym && a->a == b->a && a->b == b->b;
}

Atom *dim_atom(Ctx *c, AtomKind kind, Sym *sym, Dim *a, Dim *b) {
  Atom key = {.kind = kind, .sym = sym, .a = a, .b = b};
  uint64_t h = hash_int(HASH_SEED, (uint64_t)kind);
  if (sym) h = hash_int(h, (uint64_t)sym->id);
  if (a) h = hash_int(h, (uint64_t)a->id);
  if (b) h = hash_int(h, (uint64_t)b->id);
  Atom *found = interner_find(c->atoms, h, same_atom, &key);
  if (found) return found;
  key.id = c->atoms->n;
  found = arena_dup(c->arena, &key, sizeof key);
  interner_add(c->atoms, h, found);
  return found;
}

/* Below 0: a stands before b. */
static int mono_order(const Mono *a, const Mono *b) {
  if (a->nfactor != b->nfactor) return b->nfactor - a->nfactor;
  for (int i = 0; i < a->nfactor; i++)
    if (a->factor[i] != b->factor[i]) return a->factor[i]->id < b->factor[i]->id ? -1 : 1;
  return 0;
}

static int mono_compare(const void *a, const void *b) { return mono_order(a, b); }

static bool same_dim(const void *entry, const void *key) {
  const Dim *a = entry, *b = key;
  if (a->nterm != b->nterm || a->den != b->den) return false;
  for (int i = 0; i < a->nterm; i++)
    if (a->term[i].coef != b->term[i].coef || mono_order(&a->term[i], &b->term[i])) return false;
  return true;
}

int64_t gcd64(int64_t a, int64_t b) {
  if (a < 0) a = -a;
  if (b < 0) b = -b;
  while (b) {
    int64_t r = a % b;
    a = b;
    b = r;
  }
  return a;
}

/* Adds up equal monomials of a sorted list; the number left, or -1 on overflow. */
static int combine(Mono *t, int n) {
  int m = 0;
  for (int i = 0; i < n;) {
    Mono sum = t[i++];
    while (i < n && mono_order(&sum, &t[i]) == 0)
      if (__builtin_add_overflow(sum.coef, t[i++].coef, &sum.coef)) return -1;
    if (sum.coef == INT64_MIN) return -1;
    if (sum.coef) t[m++] = sum;
  }
  return m;
}

/* 0: too large. */
static int written_size(const Mono *t, int n) {
  int size = 1;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < t[i].nfactor; j++) {
      const Atom *a = t[i].factor[j];
      size += 1 + (a->a ? a->a->size + a->b->size : 0);
      if (size > MAX_DIM_SIZE) return 0;
    }
  return size;
}

Dim *dim_make(Ctx *c, const Mono *term, int nterm, int64_t den) {
  if (nterm > MAX_DIM_TERMS * MAX_DIM_TERMS) return NULL;
  Mono small[16], *t = nterm <= 16 ? small : malloc(sizeof *t * (size_t)nterm);
  if (!t) bug("out of memory");
  Dim *result = NULL;
  if (nterm) memcpy(t, term, sizeof *t * (size_t)nterm);
  if (nterm > 1) qsort(t, (size_t)nterm, sizeof *t, mono_compare);
  int n = combine(t, nterm);
  if (n < 0 || n > MAX_DIM_TERMS || (n && t[0].nfactor > MAX_DIM_DEGREE)) goto done;
  int64_t g = den;
  for (int i = 0; i < n; i++) g = gcd64(g, t[i].coef);
  if (n == 0) g = den;
  uint64_t h = hash_int(HASH_SEED, (uint64_t)(den / g));
  for (int i = 0; i < n; i++) {
    t[i].coef /= g;
    h = hash_int(h, (uint64_t)t[i].coef);
    for (int j = 0; j < t[i].nfactor; j++) h = hash_int(h, (uint64_t)t[i].factor[j]->id);
  }
  Dim key = {0, n, t, den / g, 0};
  if (!(key.size = written_size(t, n))) goto done;
  if ((result = interner_find(c->dims, h, same_dim, &key))) goto done;
  key.id = c->dims->n;
  result = arena_dup(c->arena, &key, sizeof key);
  result->term = arena_dup(c->arena, t, sizeof *t * (size_t)n);
  for (int i = 0; i < n; i++)
    result->term[i].factor = arena_dup(c->arena, t[i].factor, sizeof(Atom *) * (size_t)t[i].nfactor);
  interner_add(c->dims, h, result);
done:
  if (t != small) free(t);
  return result;
}

Dim *dim_const(Ctx *c, int64_t v) {
  Mono m = {.coef = v};
  return dim_make(c, &m, 1, 1);
}

Dim *dim_of_atom(Ctx *c, Atom *a) {
  Mono m = {1, 1, &a};
  return dim_make(c, &m, 1, 1);
}

Dim *dim_sym(Ctx *c, Sym *s) { return dim_of_atom(c, dim_atom(c, ATOM_SYM, s, NULL, NULL)); }

bool dim_is_const(const Dim *d, int64_t *v) {
  if (!d || d->den != 1 || d->nterm > 1 || (d->nterm == 1 && d->term[0].nfactor)) return false;
  if (v) *v = d->nterm ? d->term[0].coef : 0;
  return true;
}

bool dim_is(const Dim *d, int64_t v) {
  int64_t w;
  return dim_is_const(d, &w) && w == v;
}

/* ---- sums and products ------------------------------------------------------------------------------------------- */

/* a + sign * b */
static Dim *add_signed(Ctx *c, Dim *a, Dim *b, int64_t sign) {
  if (!a || !b) return NULL;
  int64_t g = gcd64(a->den, b->den), fa = b->den / g, fb = a->den / g, den;
  if (__builtin_mul_overflow(a->den, fa, &den)) return NULL;
  int n = a->nterm + b->nterm;
  Mono t[2 * MAX_DIM_TERMS];
  for (int i = 0; i < n; i++) {
    bool left = i < a->nterm;
    t[i] = left ? a->term[i] : b->term[i - a->nterm];
    if (__builtin_mul_overflow(t[i].coef, left ? fa : sign * fb, &t[i].coef) || t[i].coef == INT64_MIN) return NULL;
  }
  return dim_make(c, t, n, den);
}

Dim *dim_add(Ctx *c, Dim *a, Dim *b) { return add_signed(c, a, b, 1); }
Dim *dim_sub(Ctx *c, Dim *a, Dim *b) { return add_signed(c, a, b, -1); }

/* Merges two sorted factor lists into `to`, which has room for both. */
static void merge_factors(Atom **to, const Mono *a, const Mono *b) {
  int i = 0, j = 0, n = 0;
  while (i < a->nfactor || j < b->nfactor) {
    bool left = j == b->nfactor || (i < a->nfactor && a->factor[i]->id <= b->factor[j]->id);
    to[n++] = left ? a->factor[i++] : b->factor[j++];
  }
}

Dim *dim_mul(Ctx *c, Dim *a, Dim *b) {
  if (!a || !b) return NULL;
  int64_t den;
  if (__builtin_mul_overflow(a->den, b->den, &den)) return NULL;
  int n = a->nterm * b->nterm, k = 0;
  size_t nfactor = 0;
  for (int i = 0; i < a->nterm; i++)
    for (int j = 0; j < b->nterm; j++) nfactor += (size_t)(a->term[i].nfactor + b->term[j].nfactor);
  Mono *t = malloc(sizeof *t * (size_t)(n + 1));
  Atom **pool = malloc(sizeof *pool * (nfactor + 1)), **f = pool;
  if (!t || !pool) bug("out of memory");
  Dim *result = NULL;
  for (int i = 0; i < a->nterm; i++)
    for (int j = 0; j < b->nterm; j++, k++) {
      const Mono *x = &a->term[i], *y = &b->term[j];
      if (__builtin_mul_overflow(x->coef, y->coef, &t[k].coef) || t[k].coef == INT64_MIN) goto done;
      t[k].nfactor = x->nfactor + y->nfactor;
      t[k].factor = f;
      merge_factors(f, x, y);
      f += t[k].nfactor;
    }
  result = dim_make(c, t, n, den);
done:
  free(t);
  free(pool);
  return result;
}

/* ---- division ---------------------------------------------------------------------------------------------------- */

static Dim *div_const(Ctx *c, Dim *a, int64_t v) {
  int64_t den;
  if (v == 0 || v == INT64_MIN || __builtin_mul_overflow(a->den, v < 0 ? -v : v, &den)) return NULL;
  Mono t[MAX_DIM_TERMS];
  for (int i = 0; i < a->nterm; i++) {
    t[i] = a->term[i];
    if (v < 0) t[i].coef = -t[i].coef;
  }
  return dim_make(c, t, a->nterm, den);
}

/* x / y where y's factors are all among x's; coefficients by the caller.  False when they are not. */
static bool mono_divide(const Mono *x, const Mono *y, Atom **factor, int *n) {
  int j = 0;
  *n = 0;
  for (int i = 0; i < x->nfactor; i++) {
    if (j < y->nfactor && x->factor[i] == y->factor[j])
      j++;
    else
      factor[(*n)++] = x->factor[i];
  }
  return j == y->nfactor;
}

/* The first terms' quotient as a dimension, or NULL. */
static Dim *lead_quotient(Ctx *c, const Dim *a, const Dim *b) {
  Atom *factor[MAX_DIM_DEGREE];
  Mono q = {.factor = factor};
  if (!a->nterm || !b->nterm || !mono_divide(&a->term[0], &b->term[0], factor, &q.nfactor)) return NULL;
  int64_t num, den;
  if (__builtin_mul_overflow(a->term[0].coef, b->den, &num) || num == INT64_MIN) return NULL;
  if (__builtin_mul_overflow(b->term[0].coef, a->den, &den) || den == INT64_MIN) return NULL;
  q.coef = den < 0 ? -num : num;
  return dim_make(c, &q, 1, den < 0 ? -den : den);
}

Dim *dim_div(Ctx *c, Dim *a, Dim *b) {
  if (!a || !b) return NULL;
  int64_t v;
  if (dim_is_const(b, &v)) return div_const(c, a, v);
  if (b->nterm == 0) return NULL;
  Dim *q = dim_const(c, 0), *rest = a;
  for (int step = 0; rest && rest->nterm; step++) {
    Dim *t = step < MAX_DIM_TERMS ? lead_quotient(c, rest, b) : NULL;
    q = dim_add(c, q, t);
    rest = dim_sub(c, rest, dim_mul(c, t, b));
  }
  return rest ? q : NULL;
}

static int64_t floor_quotient(int64_t a, int64_t b) {
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* Splits a into q * b + rest for a b of one term, taking the terms that b divides with an integer coefficient. */
static void split_multiple(Ctx *c, Dim *a, Dim *b, Dim **q, Dim **rest) {
  Mono out[MAX_DIM_TERMS], in[MAX_DIM_TERMS];
  int nout = 0, nin = 0;
  for (int i = 0; i < a->nterm; i++) {
    Atom *factor[MAX_DIM_DEGREE];
    Mono m = a->term[i];
    bool divides = mono_divide(&a->term[i], &b->term[0], factor, &m.nfactor) && m.coef % b->term[0].coef == 0;
    if (divides) {
      m.coef /= b->term[0].coef;
      m.factor = arena_dup(c->arena, factor, sizeof *factor * (size_t)m.nfactor);
      out[nout++] = m;
    } else
      in[nin++] = a->term[i];
  }
  *q = dim_make(c, out, nout, 1);
  *rest = dim_make(c, in, nin, 1);
}

/* Divides both by the divisor that all their coefficients share. */
static void cancel(Ctx *c, Dim **a, Dim **b) {
  int64_t g = 0;
  for (int i = 0; i < (*a)->nterm; i++) g = gcd64(g, (*a)->term[i].coef);
  for (int i = 0; i < (*b)->nterm; i++) g = gcd64(g, (*b)->term[i].coef);
  if (g <= 1) return;
  *a = div_const(c, *a, g);
  *b = div_const(c, *b, g);
}

Dim *dim_floordiv(Ctx *c, Dim *a, Dim *b) {
  int64_t x, y;
  if (!a || !b || b->nterm == 0) return NULL;
  if (dim_is_const(a, &x) && dim_is_const(b, &y)) return dim_const(c, floor_quotient(x, y));
  if (a->nterm == 0) return a;
  if (a->den == 1 && b->den == 1) {
    Dim *exact = dim_div(c, a, b);
    if (exact && exact->den == 1) return exact;
    if (b->nterm == 1) {
      Dim *q, *rest;
      split_multiple(c, a, b, &q, &rest);
      if (q && rest && q->nterm) return dim_add(c, q, dim_floordiv(c, rest, b));
    }
    if (dim_nonneg(c, a) && dim_le(c, dim_add(c, a, dim_const(c, 1)), b)) return dim_const(c, 0);
    cancel(c, &a, &b);
  }
  return dim_of_atom(c, dim_atom(c, ATOM_FLOORDIV, NULL, a, b));
}

Dim *dim_mod(Ctx *c, Dim *a, Dim *b) { return dim_sub(c, a, dim_mul(c, b, dim_floordiv(c, a, b))); }

static Dim *extreme(Ctx *c, AtomKind kind, Dim *a, Dim *b) {
  if (!a || !b) return NULL;
  if (a == b) return a;
  bool max = kind == ATOM_MAX;
  if (dim_le(c, a, b)) return max ? b : a;
  if (dim_le(c, b, a)) return max ? a : b;
  return dim_of_atom(c, a->id < b->id ? dim_atom(c, kind, NULL, a, b) : dim_atom(c, kind, NULL, b, a));
}

Dim *dim_max(Ctx *c, Dim *a, Dim *b) { return extreme(c, ATOM_MAX, a, b); }
Dim *dim_min(Ctx *c, Dim *a, Dim *b) { return extreme(c, ATOM_MIN, a, b); }
