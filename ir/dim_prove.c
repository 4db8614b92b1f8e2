/* dim_prove.c - what can be proved of dimensions from the signs of their symbols: sound, of modest power.
 *
 * Ensures: `true` holds for every assignment of integers in which non-negative symbols are, and every index lies within
 * its bounds; `false` says nothing. */
#include "ir/internal.h"

enum { MAX_DEPTH = 5, MAX_TERMS = 24 };

static bool prove(Ctx *c, Dim *d, int depth);
static Dim *bound(Ctx *c, Dim *d, bool upper, int depth);

static bool atom_nonneg(Ctx *c, const Atom *a, int depth) {
  if (depth <= 0) return false;
  switch (a->kind) {
  case ATOM_SYM: return a->sym->nonneg || (a->sym->kind == SYM_INDEX && a->sym->lo && prove(c, a->sym->lo, depth - 1));
  case ATOM_FLOORDIV: return prove(c, a->a, depth - 1) && prove(c, a->b, depth - 1);
  case ATOM_MAX: return prove(c, a->a, depth - 1) || prove(c, a->b, depth - 1);
  default: return prove(c, a->a, depth - 1) && prove(c, a->b, depth - 1);
  }
}

/* All factors but one occurrence of `skip`. */
static bool factors_nonneg(Ctx *c, const Mono *m, const Atom *skip, int depth) {
  for (int i = 0; i < m->nfactor; i++) {
    if (m->factor[i] == skip) skip = NULL;
    /* An even power of an integer is non-negative whatever its sign. */
    else if (i + 1 < m->nfactor && m->factor[i + 1] == m->factor[i])
      i++;
    else if (!atom_nonneg(c, m->factor[i], depth))
      return false;
  }
  return true;
}

static bool terms_nonneg(Ctx *c, const Dim *d, int depth) {
  for (int i = 0; i < d->nterm; i++)
    if (d->term[i].coef < 0) return false;
  for (int i = 0; i < d->nterm; i++)
    if (!factors_nonneg(c, &d->term[i], NULL, depth)) return false;
  return true;
}

/* A max, min or floordiv that stands in d outside any other atom. */
static Atom *compound_atom(const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++)
      if (d->term[i].factor[j]->kind != ATOM_SYM) return d->term[i].factor[j];
  return NULL;
}

static int occurrences(const Mono *m, const Atom *a) {
  int n = 0;
  for (int i = 0; i < m->nfactor; i++) n += m->factor[i] == a;
  return n;
}

/* 1 or -1 when d is monotone in the atom as it stands: linear in it, with cofactors of that sign; else 0. */
static int direction(Ctx *c, const Dim *d, const Atom *a, int depth) {
  int sign = 0;
  for (int i = 0; i < d->nterm; i++) {
    int n = occurrences(&d->term[i], a), s = d->term[i].coef > 0 ? 1 : -1;
    if (n == 0) continue;
    if (n > 1 || (sign && sign != s) || !factors_nonneg(c, &d->term[i], a, depth)) return 0;
    sign = s;
  }
  return sign;
}

/* A bound of a // k from the named side, for a constant k > 0: (a - k + 1) / k <= a // k <= a / k. */
static Dim *floordiv_bound(Ctx *c, const Atom *a, bool upper) {
  int64_t k;
  if (!dim_is_const(a->b, &k) || k <= 0) return NULL;
  return dim_div(c, upper ? a->a : dim_sub(c, a->a, dim_const(c, k - 1)), a->b);
}

static bool prove_replaced(Ctx *c, Dim *d, const Atom *a, Dim *to, int depth) {
  Dim *e = to ? dim_replace_atom(c, d, a, to) : NULL;
  return e && prove(c, e, depth);
}

static bool prove_compound(Ctx *c, Dim *d, Atom *a, int depth) {
  int sign = direction(c, d, a, depth);
  if (a->kind == ATOM_FLOORDIV) return sign && prove_replaced(c, d, a, floordiv_bound(c, a, sign < 0), depth);
  /* It is one of its operands; and where the worse one may be taken, either proves the rest. */
  bool either = sign == (a->kind == ATOM_MAX ? 1 : -1);
  bool x = prove_replaced(c, d, a, a->a, depth);
  return either ? x || prove_replaced(c, d, a, a->b, depth) : x && prove_replaced(c, d, a, a->b, depth);
}

/* d >= 0 by the cases s = 0 and s >= 1, for a symbol s >= 0 of a negative term. */
static bool prove_cases(Ctx *c, Dim *d, int depth) {
  int tried = 0;
  for (int i = 0; i < d->nterm && tried < 2; i++) {
    const Mono *m = &d->term[i];
    if (m->coef > 0) continue;
    for (int j = 0; j < m->nfactor && tried < 2; j++) {
      if ((j && m->factor[j] == m->factor[j - 1]) || m->factor[j]->kind != ATOM_SYM || !m->factor[j]->sym->nonneg)
        continue;
      tried++;
      Dim *s = dim_of_atom(c, m->factor[j]);
      if (prove_replaced(c, d, m->factor[j], dim_const(c, 0), depth) &&
          prove_replaced(c, d, m->factor[j], dim_add(c, s, dim_const(c, 1)), depth))
        return true;
    }
  }
  /* Only the constant is negative: the positive terms may make up for it once a symbol is at least 1, never at 0. */
  return false;
}

static bool has_index(const Dim *d) { return dim_has_kind(d, SYM_INDEX); }

static bool prove(Ctx *c, Dim *d, int depth) {
  if (!d || depth <= 0) return false;
  if (terms_nonneg(c, d, depth)) return true;
  if (d->nterm > MAX_TERMS || dim_is_const(d, NULL)) return false;
  if (has_index(d)) {
    Dim *low = bound(c, d, false, depth - 1);
    return low && low != d && prove(c, low, depth - 1);
  }
  Atom *a = compound_atom(d);
  return a ? prove_compound(c, d, a, depth - 1) : prove_cases(c, d, depth - 1);
}

bool dim_nonneg(Ctx *c, Dim *d) { return prove(c, d, MAX_DEPTH); }
bool dim_le(Ctx *c, Dim *a, Dim *b) { return a && b && (a == b || prove(c, dim_sub(c, b, a), MAX_DEPTH)); }

/* ---- whole numbers ------------------------------------------------------------------------------------------------ */

enum { MAX_WHOLE_ATOMS = 3, MAX_WHOLE_CASES = 4096 };

static int atom_place(Atom **all, int *n, Atom *a) {
  for (int i = 0; i < *n; i++)
    if (all[i] == a) return i;
  if (*n < MAX_WHOLE_ATOMS) all[*n] = a;
  return (*n)++;
}

/* The numerator where each atom is of the remainder given, modulo the denominator. */
static int64_t remainder_at(const Dim *d, Atom **all, int n, const int64_t *rest) {
  int64_t sum = 0;
  for (int i = 0; i < d->nterm; i++) {
    int64_t p = d->term[i].coef % d->den;
    for (int j = 0; j < d->term[i].nfactor; j++) p = p * rest[atom_place(all, &n, d->term[i].factor[j])] % d->den;
    sum = (sum + p) % d->den;
  }
  return sum;
}

bool dim_whole(const Dim *d) {
  Atom *all[MAX_WHOLE_ATOMS];
  int64_t rest[MAX_WHOLE_ATOMS] = {0};
  int n = 0, i = 0;
  double cases = 1;
  if (d->den == 1) return true;
  for (int t = 0; t < d->nterm; t++)
    for (int j = 0; j < d->term[t].nfactor; j++)
      if (atom_place(all, &n, d->term[t].factor[j]) >= MAX_WHOLE_ATOMS) return false;
  for (int k = 0; k < n; k++) cases *= (double)d->den;
  if (cases > MAX_WHOLE_CASES) return false;
  while (i < n || n == 0) {
    if (remainder_at(d, all, n, rest)) return false;
    if (n == 0) return true;
    for (i = 0; i < n && ++rest[i] == d->den; i++) rest[i] = 0;
  }
  return true;
}

/* ---- bounds over index symbols ----------------------------------------------------------------------------------- */

/* The index made last that d mentions: the bounds of the others do not depend on it. */
static void last_index(const Dim *d, Sym **last) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM) {
        if (a->sym->kind == SYM_INDEX && (!*last || a->sym->id > (*last)->id)) *last = a->sym;
      } else {
        last_index(a->a, last);
        last_index(a->b, last);
      }
    }
}

/* The atom bounded from a side by an expression free of indices; NULL: unknown. */
static Dim *bound_compound(Ctx *c, const Atom *a, bool upper, int depth) {
  if (a->kind != ATOM_FLOORDIV) {
    Dim *x = bound(c, a->a, upper, depth), *y = bound(c, a->b, upper, depth);
    return a->kind == ATOM_MAX ? dim_max(c, x, y) : dim_min(c, x, y);
  }
  return !has_index(a->b) && prove(c, a->b, depth) ? dim_floordiv(c, bound(c, a->a, upper, depth), a->b) : NULL;
}

static Atom *compound_with_index(const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      Atom *a = d->term[i].factor[j];
      if (a->kind != ATOM_SYM && (has_index(a->a) || has_index(a->b))) return a;
    }
  return NULL;
}

static Dim *bound(Ctx *c, Dim *d, bool upper, int depth) {
  if (!d || depth <= 0) return NULL;
  for (int step = 0; step < 64 && d && has_index(d); step++) {
    Atom *a = compound_with_index(d);
    if (a) {
      int sign = direction(c, d, a, depth - 1);
      Dim *to = sign ? bound_compound(c, a, upper == (sign > 0), depth - 1) : NULL;
      d = to ? dim_replace_atom(c, d, a, to) : NULL;
      continue;
    }
    Sym *i = NULL;
    last_index(d, &i);
    Dim *one = dim_const(c, 1), *here = dim_sym(c, i);
    DimSubst next = {i, dim_add(c, here, one)};
    Dim *step_up = dim_sub(c, dim_subst(c, d, &next, 1), d);
    bool rising = prove(c, step_up, depth - 1);
    if (!rising && !prove(c, dim_sub(c, dim_const(c, 0), step_up), depth - 1)) return NULL;
    DimSubst end = {i, rising == upper ? (i->hi ? dim_sub(c, i->hi, one) : NULL) : i->lo};
    d = end.to ? dim_subst(c, d, &end, 1) : NULL;
  }
  return d && !has_index(d) ? d : NULL;
}

Dim *dim_upper(Ctx *c, Dim *d) { return bound(c, d, true, MAX_DEPTH + 1); }
Dim *dim_lower(Ctx *c, Dim *d) { return bound(c, d, false, MAX_DEPTH + 1); }
