/* elab_unify.c - solving for the dimension symbols of a function or struct from the values given to it. */
#include "frontend/elab_core.h"

typedef struct Unify {
  Elab *e;
  DimSubst *s;
  int n;
  bool progress;
} Unify;

static DimSubst *unsolved(Unify *u, const Dim *d, int *count) {
  DimSubst *last = NULL;
  *count = 0;
  for (int i = 0; i < u->n; i++)
    if (!u->s[i].to && dim_mentions(d, u->s[i].from)) {
      last = &u->s[i];
      ++*count;
    }
  return last;
}

static Dim *with_solved(Unify *u, Dim *d) {
  for (int i = 0; i < u->n && d; i++)
    if (u->s[i].to) d = dim_subst(u->e->ctx, d, &u->s[i], 1);
  return d;
}

/* want = a * s + b for one unknown s. */
static void solve(Unify *u, Dim *want, Dim *have) {
  Ctx *c = u->e->ctx;
  int count;
  DimSubst *s = unsolved(u, want, &count);
  if (count != 1) return;
  want = with_solved(u, want);
  if (!want || !dim_mentions(want, s->from)) return;
  Dim *x = dim_sym(c, s->from), *one = dim_const(c, 1);
  DimSubst next = {s->from, dim_add(c, x, one)}, zero = {s->from, dim_const(c, 0)};
  Dim *slope = dim_sub(c, dim_subst(c, want, &next, 1), want), *rest = dim_subst(c, want, &zero, 1);
  if (!slope || !rest || dim_mentions(slope, s->from)) return;
  s->to = dim_div(c, dim_sub(c, have, rest), slope);
  if (s->to) u->progress = true;
}

static void walk(Unify *u, const Spec *want, const Tval *have) {
  if (want->kind != have->kind) return;
  if (want->kind == TV_TENSOR) {
    if (want->type->rank != have->type->rank) return;
    for (int i = 0; i < want->type->rank; i++) solve(u, want->type->dim[i], have->type->dim[i]);
    return;
  }
  if (want->def != have->struct_def) return;
  for (int i = 0; want->def && i < want->def->ndim; i++) solve(u, want->arg[i], have->struct_arg[i]);
  for (int i = 0; i < want->npart && i < have->npart; i++) walk(u, want->part[i], have->part[i]);
}

static bool fits_roughly(const Spec *want, const Tval *have) {
  return want->kind == have->kind && (want->kind != TV_TENSOR || want->type->rank == have->type->rank) &&
         want->def == have->struct_def;
}

bool unify_dims(Elab *e, Loc loc, const char *of, int n, Spec *const *want, Tval *const *have, DimSubst *solved,
                int nsolved) {
  Unify u = {e, solved, nsolved, true};
  while (u.progress) {
    u.progress = false;
    for (int i = 0; i < n; i++) walk(&u, want[i], have[i]);
  }
  bool rough = true;
  for (int i = 0; i < n; i++) rough = rough && fits_roughly(want[i], have[i]);
  for (int i = 0; i < nsolved; i++) {
    /* An int that only counts as a value, and a dimension of an argument that does not fit anyway, are not missed. */
    if (solved[i].to || !rough || (solved[i].from->kind == SYM_PARAM && !solved[i].from->names_dim)) continue;
    Diag *d = diag_error(e->ctx, loc, E_DIM_UNBOUND, "the compiler cannot tell what the dimension '%s' of '%s' is here",
                         solved[i].from->name, of);
    diag_note(e->ctx, d, solved[i].from->loc, "'%s' stands here", solved[i].from->name);
    return false;
  }
  return true;
}

static bool is_length(Elab *e, Loc loc, const char *of, const DimSubst *s) {
  Ctx *c = e->ctx;
  int64_t v;
  if (dim_is_const(dim_mul(c, s->to, dim_const(c, s->to->den)), &v) && (v < 0 || v % s->to->den)) {
    Diag *d = diag_error(c, loc, E_DIM_DIFFER, "the dimension '%s' of '%s' would be %s", s->from->name, of, show_dim(e, s->to));
    diag_note(c, d, s->from->loc, "'%s' stands here", s->from->name);
    return false;
  }
  if (!dim_nonneg(c, s->to))
    check_dims(e, OP_check_dim_le, dim_const(c, 0), s->to,
               arena_printf(c->arena, "the dimension '%s' of '%s' is negative", s->from->name, of));
  check_whole(e, s->to, arena_printf(c->arena, "the dimension '%s' of '%s' is not a whole number", s->from->name, of));
  return true;
}

bool solved_are_lengths(Elab *e, Loc loc, const char *of, const DimSubst *solved, int n) {
  for (int i = 0; i < n; i++)
    if (solved[i].to && solved[i].from->nonneg && !is_length(e, loc, of, &solved[i])) return false;
  return true;
}
