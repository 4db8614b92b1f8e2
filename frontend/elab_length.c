/* elab_length.c - dimensions that are read from data and vary with an index: the bound of `sum(a[i, j] for j < k[i])`.
 *
 * Such an int becomes a symbol of kind SYM_INDEX, so that it counts as ragged wherever a formula of indices does.  Its limits
 * are the least and the largest value there is where the mask in force holds, computed when it runs. */
#include "frontend/elab_core.h"

struct Length {
  Sym *sym;
  Tval *v;
  /* Where the limits are known, and under which mask they were taken. */
  const Tval *mask;
  const Region *region;
  struct Length *outer;
};

static Length *length_of_sym(Elab *e, const Sym *s) {
  Length *l = e->lengths;
  while (l && l->sym != s) l = l->outer;
  return l;
}

Tval *length_value(Elab *e, const Sym *s) {
  Length *l = length_of_sym(e, s);
  return l ? l->v : NULL;
}

bool dim_varies(Elab *e, const Dim *d, const Index *i) {
  for (int t = 0; t < d->nterm; t++)
    for (int j = 0; j < d->term[t].nfactor; j++) {
      const Atom *a = d->term[t].factor[j];
      if (a->kind != ATOM_SYM) {
        if (dim_varies(e, a->a, i) || dim_varies(e, a->b, i)) return true;
        continue;
      }
      if (a->sym == i->sym) return true;
      Length *l = a->sym->kind == SYM_INDEX ? length_of_sym(e, a->sym) : NULL;
      for (int k = 0; l && k < l->v->nlabel; k++)
        if (l->v->label[k] == i) return true;
    }
  return false;
}

/* The largest or least value where it counts, or 0 beyond that. */
static Dim *limit(Elab *e, Loc loc, Value *v, Opcode op) {
  int axis[MAX_RANK];
  for (int i = 0; i < v->type->rank; i++) axis[i] = i;
  if (v->type->rank) v = b_reduce(&e->b, op == OP_max ? OP_rmax : OP_rmin, v, v->type->rank, axis);
  Sym *s = sym_new(e->ctx, SYM_VALUE, "length", loc);
  s->nonneg = op == OP_max;
  b_sym(&e->b, b_map2(&e->b, op, v, b_int(&e->b, 0)), s);
  return dim_sym(e->ctx, s);
}

static const char *source_text(Elab *e, Loc loc) {
  if (loc.file < 0) return "length";
  return intern(e->ctx, arena_printf(e->ctx->arena, "%.*s", loc.end - loc.begin, e->ctx->source[loc.file]->text + loc.begin));
}

static bool same_numbers(const Tval *x, const Tval *y) {
  bool same = x->type == y->type && x->nlabel == y->nlabel;
  for (int i = 0; i < x->nlabel && same; i++) same = x->label[i] == y->label[i];
  return same && value_same(x->v, y->v);
}

Dim *length_dim(Elab *e, Loc loc, Tval *v) {
  v = tv_cast(e, v, I64);
  for (Length *l = e->lengths; l; l = l->outer)
    if (same_numbers(l->v, v) && l->region == e->b.region && (!l->mask || l->mask == e->mask)) return dim_sym(e->ctx, l->sym);
  Length *l = NEW(e->ctx->arena, Length);
  Sym *s = sym_new(e->ctx, SYM_INDEX, source_text(e, loc), loc);
  *l = (Length){s, v, e->mask, e->b.region, e->lengths};
  Tval *both[2] = {v, e->mask};
  if (e->mask) tv_align(e, 2, both);
  Value *counts = both[0]->v;
  if (e->mask) counts = b_select(&e->b, both[1]->v, counts, b_splat(&e->b, counts->type, 0));
  s->lo = limit(e, loc, counts, OP_min);
  s->hi = dim_add(e->ctx, limit(e, loc, counts, OP_max), dim_const(e->ctx, 1));
  e->lengths = l;
  return dim_sym(e->ctx, s);
}

Dim *length_later(Elab *e, Loc loc) {
  Length *l = NEW(e->ctx->arena, Length);
  Sym *s = sym_new(e->ctx, SYM_INDEX, source_text(e, loc), loc);
  s->lo = dim_const(e->ctx, 0);
  s->hi = dim_const(e->ctx, 2);
  *l = (Length){.sym = s, .v = tv_number(e, loc, I64, 1), .outer = e->lengths};
  e->lengths = l;
  return dim_sym(e->ctx, s);
}
