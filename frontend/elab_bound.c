/* elab_bound.c - index variables and their bounds.
 *
 * A bound that is left out is the length of every axis that the index subscripts by itself in the body.  The
 * subscripted expression is elaborated for its type only; it may depend on indices whose bounds are known already. */
#include "frontend/elab_core.h"

Index *index_new(Elab *e, const char *name, Loc loc) {
  int depth = e->index ? e->index->depth + 1 : 0, n = 1;
  for (Index *i = e->index; i; i = i->outer) n++;
  if (n > MAX_LABELS) {
    diag_error(e->ctx, loc, E_RANK, "at most %d index variables can be nested", MAX_LABELS);
    return NULL;
  }
  Index *i = NEW(e->ctx->arena, Index);
  *i = (Index){.name = name, .loc = loc, .depth = depth, .outer = e->index};
  i->sym = sym_new(e->ctx, SYM_INDEX, name, loc);
  return e->index = i;
}

/* A value that comes from outside, not the length of anything. */
static bool is_data(const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM ? a->sym->kind == SYM_PARAM && !a->sym->names_dim : is_data(a->a) || is_data(a->b)) return true;
    }
  return dim_runtime(d);
}

/* A bound that may be negative is checked; where a mask says that it may not count, it is taken as 0, and so is one of a reduction
 * that is read from data. */
bool index_set_bound(Elab *e, Index *i, Dim *bound) {
  Dim *zero = dim_const(e->ctx, 0);
  int64_t v;
  if (dim_is_const(bound, &v) && v < 0) {
    diag_error(e->ctx, i->loc, E_OUT_OF_RANGE, "the index '%s' would run to %lld", i->name, (long long)v);
    return false;
  }
  if (!dim_ragged(e, bound) && !dim_nonneg(e->ctx, bound)) {
    if (e->mask || (i->reduced && is_data(bound)))
      bound = dim_max(e->ctx, zero, bound);
    else
      check_dims(e, OP_check_dim_le, zero, bound,
                 arena_printf(e->ctx->arena, "the bound of the index '%s' is negative", i->name));
  }
  i->bound = bound;
  i->extent = dim_extent(e, bound);
  i->sym->lo = zero;
  i->sym->hi = bound;
  if (i->extent) return true;
  diag_error(e->ctx, i->loc, E_RAGGED, "the compiler cannot tell how large the bound '%s' of '%s' can become",
             bound ? show_dim(e, bound) : "?", i->name);
  return false;
}

Tval *ragged_bounds(Elab *e, Loc loc, int n, Index *const *index) {
  Tval *all = NULL;
  for (int i = 0; i < n; i++) {
    if (index[i]->bound == index[i]->extent) continue;
    Tval *v[2] = {tv_int(e, loc, dim_sym(e->ctx, index[i]->sym)), dim_tval(e, loc, index[i]->bound)};
    all = tv_and(e, all, tv_map(e, loc, loc, OP_lt, 2, v));
  }
  return all;
}

/* ---- walking the body ---- */

typedef struct Search {
  Elab *e;
  const char *name; /* the index whose bound is wanted */
  int n;
  Index **index; /* of this list: those without bound are not to be depended on */
  Dim *found;
  Loc where; /* the first place, and */
  Dim *other;
  Loc other_where;
  const Bound *around;
  bool failed; /* a subscripted expression is wrong, and reported */
  int depth;
} Search;

/* Whether the expression depends on an index of a list around it that is inside the body (s->around; h: those of lists within
 * the expression), or on one of this list that has no bound yet. */
static bool depends(void *env, const Expr *x, const Bound *h) {
  Search *s = env;
  if (x->kind == EX_NAME) {
    if (is_bound(h, x->u.name)) return false;
    if (is_bound(s->around, x->u.name)) return true;
    for (int i = 0; i < s->n; i++)
      if (s->index[i]->name == x->u.name && !s->index[i]->bound) return true;
    return false;
  }
  if (!elab_budget(s->e, x->loc) || s->depth > MAX_EXPR_DEPTH) return true;
  s->depth++;
  bool d = expr_any(x, h, depends, s);
  s->depth--;
  return d;
}

/* Whether the expression mentions an index of this list. */
static bool mentions(void *env, const Expr *x, const Bound *h) {
  const Search *s = env;
  if (x->kind != EX_NAME) return expr_any(x, h, mentions, env);
  for (int i = 0; i < s->n && !is_bound(h, x->u.name); i++)
    if (s->index[i]->name == x->u.name) return true;
  return false;
}

static void place(Search *s, Dim *d, Loc where) {
  if (!s->found) {
    s->found = d;
    s->where = where;
  } else if (s->found != d && !s->other) {
    s->other = d;
    s->other_where = where;
  }
}

/* Whether a dimension stands for a value that only the scratch walk has computed. */
static bool known_only_there(const Dim *d, int first_sym) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM ? a->sym->kind != SYM_PARAM && a->sym->kind != SYM_DIM && a->sym->id >= first_sym
                              : known_only_there(a->a, first_sym) || known_only_there(a->b, first_sym))
        return true;
    }
  return false;
}

/* The subscripted expression elaborated for its type; an error in it is reported here, since nothing else will be. */
static Tval *base_of(Search *s, Expr *x) {
  Elab *e = s->e;
  Scratch scratch = scratch_begin(e);
  Tval *base = elab_expr(e, x);
  if (base->kind != TV_TENSOR && e->ctx->diags->muted == 1 && !s->failed) {
    int before = e->ctx->diags->nerror;
    e->ctx->diags->muted = 0;
    elab_tensor(e, x);
    e->ctx->diags->muted = 1;
    e->program->kept_errors += e->ctx->diags->nerror - before;
  }
  scratch_end(e, &scratch);
  s->failed = s->failed || base->kind != TV_TENSOR;
  return base;
}

static void subscripted(Search *s, const Expr *x, const Bound *h) {
  int axis = 0;
  Tval *base = NULL;
  int first_sym = s->e->ctx->next_sym;
  for (Sub *sub = x->u.index.subs; sub; sub = sub->next) {
    bool bare = sub->kind == SUB_INDEX && sub->index->kind == EX_NAME && sub->index->u.name == s->name;
    if (bare && !base) {
      s->around = h;
      if (depends(s, x->u.index.base, NULL)) return;
      base = base_of(s, x->u.index.base);
      if (base->kind != TV_TENSOR) return;
    }
    if (bare && axis < base->type->rank && !known_only_there(base->type->dim[axis], first_sym))
      place(s, base->type->dim[axis], (Loc){x->loc.file, x->u.index.base->loc.begin, x->loc.end});
    axis += sub->kind != SUB_NEWAXIS;
  }
}

static bool search(void *env, const Expr *x, const Bound *h) {
  Search *s = env;
  if (!elab_budget(s->e, x->loc) || s->depth > MAX_EXPR_DEPTH) return true;
  s->depth++;
  if (x->kind == EX_INDEX && !is_bound(h, s->name)) subscripted(s, x, h);
  expr_any(x, h, search, s);
  s->depth--;
  return false;
}

/* ---- inference ---- */

static bool disagree(Elab *e, Index *i, Search *s) {
  if (s->other_where.file == s->where.file && s->other_where.begin < s->where.begin) {
    Search t = *s;
    *s = (Search){.found = t.other, .where = t.other_where, .other = t.found, .other_where = t.where};
  }
  Diag *d =
      diag_error(e->ctx, i->loc, E_BOUNDS_DIFFER, "the index '%s' subscripts axes of different lengths: '%s' and '%s'",
                 i->name, show_dim(e, s->found), show_dim(e, s->other));
  diag_note(e->ctx, d, s->where, "length '%s'", show_dim(e, s->found));
  diag_note(e->ctx, d, s->other_where, "length '%s'", show_dim(e, s->other));
  diag_help(e->ctx, d, "give the bound: `for %s < %s`", i->name, show_dim(e, s->found));
  return false;
}

/* Sets i's bound if the body shows it; false after a diagnostic. */
static bool infer_one(Elab *e, int n, Index **index, Index *i, Expr *body, Expr *cond, bool *failed) {
  Search s = {.e = e, .name = i->name, .n = n, .index = index};
  search(&s, body, NULL);
  if (cond) search(&s, cond, NULL);
  *failed = *failed || s.failed;
  if (s.other) return disagree(e, i, &s);
  return !s.found || index_set_bound(e, i, s.found);
}

static bool no_bound(Elab *e, Index *i) {
  Diag *d = diag_error(e->ctx, i->loc, E_NO_BOUND, "nothing tells how far the index '%s' runs", i->name);
  diag_help(e->ctx, d, "give the bound: `for %s < n`; it is inferred only where '%s' stands alone in a subscript",
            i->name, i->name);
  return false;
}

/* A bound counts only where the indices that it depends on lie within theirs. */
static bool explicit_bound(Elab *e, Expr *x, int n, Index **index, Index *i, bool serial) {
  Tval *mask = e->mask;
  Dim *d = NULL;
  Search s = {.e = e, .n = n, .index = index};
  if (serial && !dim_plain(e, x) && mentions(&s, x, NULL)) {
    i->late = x;
    return index_set_bound(e, i, length_later(e, x->loc));
  }
  e->mask = tv_and(e, mask, ragged_bounds(e, x->loc, n, index));
  bool ok = arg_dim(e, x, &d);
  e->mask = mask;
  return ok && index_set_bound(e, i, d);
}

/* Explicit bounds first where they depend on nothing unbound; then as often as one more is found. */
bool infer_bounds(Elab *e, Binder *binders, int n, Index **index, Expr *body, Expr *cond, bool serial) {
  bool progress = true, failed = false;
  while (progress) {
    progress = false;
    int k = 0;
    for (Binder *b = binders; k < n; b = b->next, k++) {
      if (index[k]->bound) continue;
      Search s = {.e = e, .n = n, .index = index};
      if (b->bound) {
        if (depends(&s, b->bound, NULL)) continue;
        if (!explicit_bound(e, b->bound, n, index, index[k], serial)) return false;
      } else if (!infer_one(e, n, index, index[k], body, cond, &failed)) {
        return false;
      }
      progress = progress || index[k]->bound;
    }
  }
  for (int k = 0; k < n; k++)
    if (!index[k]->bound) return failed ? false : no_bound(e, index[k]);
  return true;
}
