/* dim_most.c - what a dimension is at most, where it depends on values known only at run time that have a limit.
 *
 * Requires: a dimension that is valid where its symbols are.  Ensures: a bound without such symbols, or NULL. */
#include "ir/internal.h"

static bool any_value(const Dim *d, bool limited) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind != ATOM_SYM ? any_value(a->a, limited) || any_value(a->b, limited)
                              : a->sym->kind == SYM_VALUE && (!limited || a->sym->most))
        return true;
    }
  return false;
}

static bool grows(Ctx *c, const Dim *d);

/* Not negative, and not smaller when a limited symbol is larger. */
static bool atom_grows(Ctx *c, Atom *a) {
  if (!dim_nonneg(c, dim_of_atom(c, a))) return false;
  if (a->kind == ATOM_SYM) return true;
  if (a->kind == ATOM_FLOORDIV) return grows(c, a->a) && dim_is_const(a->b, NULL);
  return grows(c, a->a) && grows(c, a->b);
}

static bool mono_grows(Ctx *c, const Mono *m) {
  bool limited = false, all = m->coef > 0;
  for (int j = 0; j < m->nfactor; j++) {
    limited |= any_value(dim_of_atom(c, m->factor[j]), true);
    all = all && atom_grows(c, m->factor[j]);
  }
  return all || !limited;
}

static bool grows(Ctx *c, const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    if (!mono_grows(c, &d->term[i])) return false;
  return true;
}

static Dim *at_limits(Ctx *c, Dim *d, const Dim *in) {
  for (int i = 0; i < in->nterm && d; i++)
    for (int j = 0; j < in->term[i].nfactor && d; j++) {
      const Atom *a = in->term[i].factor[j];
      if (a->kind != ATOM_SYM) {
        d = at_limits(c, d, a->a);
        if (d) d = at_limits(c, d, a->b);
      } else if (a->sym->kind == SYM_VALUE && a->sym->most) {
        DimSubst s = {a->sym, dim_const(c, a->sym->most)};
        d = dim_subst(c, d, &s, 1);
      }
    }
  return d;
}

bool dim_is_limited(const Dim *d) { return any_value(d, true); }

/* The smaller of two is no more than either, the larger no more than both. */
static Dim *most_of_two(Ctx *c, const Dim *d) {
  if (d->nterm != 1 || d->den != 1 || d->term[0].coef != 1 || d->term[0].nfactor != 1) return NULL;
  const Atom *a = d->term[0].factor[0];
  if (a->kind != ATOM_MIN && a->kind != ATOM_MAX) return NULL;
  Dim *x = dim_most(c, a->a), *y = dim_most(c, a->b);
  if (a->kind == ATOM_MIN && (!x || !y)) return x ? x : y;
  return x && y ? (a->kind == ATOM_MIN ? dim_min(c, x, y) : dim_max(c, x, y)) : NULL;
}

Dim *dim_most(Ctx *c, Dim *d) {
  if (!d || !any_value(d, false)) return d;
  Dim *two = most_of_two(c, d);
  if (two) return two;
  if (!grows(c, d)) return NULL;
  Dim *most = at_limits(c, d, d);
  return most && !any_value(most, false) ? most : NULL;
}
