/* dim_use.c - what is asked of a finished dimension: substitution, its value. */
#include "ir/internal.h"

bool dim_mentions(const Dim *d, const Sym *s) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM ? a->sym == s : dim_mentions(a->a, s) || dim_mentions(a->b, s)) return true;
    }
  return false;
}

bool dim_has_kind(const Dim *d, SymKind kind) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM ? a->sym->kind == kind : dim_has_kind(a->a, kind) || dim_has_kind(a->b, kind)) return true;
    }
  return false;
}

/* ---- substitution ------------------------------------------------------------------------------------------------ */

/* What stands for an atom; NULL on overflow. */
typedef Dim *AtomMap(Ctx *c, Atom *a, const void *env);

static Dim *map_atoms(Ctx *c, Dim *d, AtomMap *map, const void *env) {
  if (!d) return NULL;
  Dim *sum = dim_const(c, 0);
  for (int i = 0; i < d->nterm && sum; i++) {
    Dim *p = dim_const(c, d->term[i].coef);
    for (int j = 0; j < d->term[i].nfactor && p; j++) p = dim_mul(c, p, map(c, d->term[i].factor[j], env));
    sum = dim_add(c, sum, p);
  }
  return d->den == 1 ? sum : dim_div(c, sum, dim_const(c, d->den));
}

typedef struct {
  const DimSubst *s;
  int n;
} SubstEnv;

static Dim *subst_atom(Ctx *c, Atom *a, const void *env) {
  const SubstEnv *e = env;
  if (a->kind == ATOM_SYM) {
    for (int i = 0; i < e->n; i++)
      if (e->s[i].from == a->sym) return e->s[i].to;
    return dim_of_atom(c, a);
  }
  Dim *x = dim_subst(c, a->a, e->s, e->n), *y = dim_subst(c, a->b, e->s, e->n);
  if (x == a->a && y == a->b) return dim_of_atom(c, a);
  switch (a->kind) {
  case ATOM_FLOORDIV: return dim_floordiv(c, x, y);
  case ATOM_MAX: return dim_max(c, x, y);
  default: return dim_min(c, x, y);
  }
}

Dim *dim_subst(Ctx *c, Dim *d, const DimSubst *s, int n) {
  if (!d || n == 0 || dim_is_const(d, NULL)) return d;
  bool any = false;
  for (int i = 0; i < n && !any; i++) any = dim_mentions(d, s[i].from);
  if (!any) return d;
  SubstEnv env = {s, n};
  return map_atoms(c, d, subst_atom, &env);
}

typedef struct {
  const Atom *atom;
  Dim *to;
} ReplaceEnv;

static Dim *replace_atom(Ctx *c, Atom *a, const void *env) {
  const ReplaceEnv *e = env;
  return a == e->atom ? e->to : dim_of_atom(c, a);
}

Dim *dim_replace_atom(Ctx *c, Dim *d, const Atom *atom, Dim *to) {
  ReplaceEnv env = {atom, to};
  return map_atoms(c, d, replace_atom, &env);
}

/* ---- value ------------------------------------------------------------------------------------------------------- */

static bool atom_eval(const Atom *a, bool (*value)(void *, const Sym *, int64_t *), void *env, int64_t *out) {
  if (a->kind == ATOM_SYM) return value(env, a->sym, out);
  int64_t x, y;
  if (!dim_eval(a->a, value, env, &x) || !dim_eval(a->b, value, env, &y)) return false;
  switch (a->kind) {
  case ATOM_FLOORDIV:
    if (y == 0 || (x == INT64_MIN && y == -1)) return false;
    *out = x / y - (x % y != 0 && (x < 0) != (y < 0));
    return true;
  case ATOM_MAX: *out = x > y ? x : y; return true;
  default: *out = x < y ? x : y; return true;
  }
}

bool dim_eval(const Dim *d, bool (*value)(void *, const Sym *, int64_t *), void *env, int64_t *out) {
  int64_t sum = 0;
  for (int i = 0; i < d->nterm; i++) {
    int64_t p = d->term[i].coef, v;
    for (int j = 0; j < d->term[i].nfactor; j++)
      if (!atom_eval(d->term[i].factor[j], value, env, &v) || __builtin_mul_overflow(p, v, &p)) return false;
    if (__builtin_add_overflow(sum, p, &sum)) return false;
  }
  if (sum % d->den != 0) return false;
  *out = sum / d->den;
  return true;
}
