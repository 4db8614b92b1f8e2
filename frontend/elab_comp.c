/* elab_comp.c - comprehensions and reductions: the body is elaborated once, with the index variables as batch labels.
 */
#include "frontend/elab_flow.h"

/* The innermost labels, which are exactly these indices, become the first of the user's axes. */
Tval *labels_to_axes(Elab *e, Tval *v, int n, Index *const *index) {
  if (is_error(v)) return v;
  Index *label[MAX_LABELS * 2], *of[MAX_LABELS];
  Dim *dims[MAX_LABELS + MAX_USER_RANK];
  int nlabel = 0;
  if (!rank_fits(e, v->loc, n + v->type->rank)) return tv_error(e, v->loc);
  for (int i = 0; i < v->nlabel; i++) {
    bool mine = false;
    for (int k = 0; k < n; k++) mine = mine || index[k] == v->label[i];
    if (!mine) label[nlabel++] = v->label[i];
  }
  for (int i = 0; i < nlabel; i++) of[i] = label[i];
  for (int k = 0; k < n; k++) {
    of[nlabel + k] = index[k];
    dims[k] = index[k]->bound;
  }
  for (int i = 0; i < v->type->rank; i++) dims[n + i] = v->type->dim[i];
  Tval *x = tv_expand(e, v, nlabel + n, of, v->type->rank, v->type->dim);
  for (int i = 0; i < n + v->type->rank; i++)
    for (int k = 0; k < n; k++)
      if (dim_varies(e, dims[i], index[k])) {
        Diag *d = diag_error(e->ctx, v->loc, E_RAGGED,
                             "the rows of this tensor would have different lengths: '%s' depends on '%s'",
                             show_dim(e, dims[i]), index[k]->name);
        diag_help(e->ctx, d, "let the index run over the whole axis and choose with `if … then … else 0`");
        return tv_error(e, v->loc);
      }
  return tv_tensor(e, v->loc, type_tensor(e->ctx, v->type->elem, n + v->type->rank, dims), x->v, nlabel, label);
}

typedef struct Binders {
  int n;
  Index *index[MAX_LABELS];
  Index *outer;
  Tval *mask, *own_mask;
} Binders;

/* Index variables in scope, with their bounds and the mask that ragged bounds and the condition put on. */
static bool binders_begin(Elab *e, Binders *b, Binder *list, Expr *body, Expr *cond, bool reduced) {
  *b = (Binders){.outer = e->index, .mask = e->mask};
  scope_push(e);
  for (Binder *x = list; x; x = x->next) {
    for (Binder *y = list; y != x; y = y->next)
      if (y->name == x->name) {
        diag_error(e->ctx, x->loc, E_DUPLICATE, "the index '%s' is named twice", x->name);
        return false;
      }
    Index *i = index_new(e, x->name, x->loc);
    if (!i) return false;
    i->reduced = reduced;
    b->index[b->n++] = i;
    scope_bind(e, BIND_INDEX, x->name, x->loc, NULL)->index = i;
  }
  if (!infer_bounds(e, list, b->n, b->index, body, cond, false)) return false;
  b->own_mask = ragged_bounds(e, e->b.loc, b->n, b->index);
  e->mask = tv_and(e, b->mask, b->own_mask);
  return true;
}

static void binders_end(Elab *e, Binders *b) {
  e->index = b->outer;
  e->mask = b->mask;
  scope_pop(e);
}

static Tval *stack_part(Elab *e, Tval *x, Tval *y, void *env) {
  Binders *b = env;
  (void)y;
  return labels_to_axes(e, x, b->n, b->index);
}

/* A struct of tensors of one more axis is no value of that struct's type. */
static Tval *as_tuples(Elab *e, Tval *v) {
  if (v->kind == TV_TENSOR) return v;
  v = arena_dup(e->ctx->arena, v, sizeof *v);
  v->part = arena_dup(e->ctx->arena, v->part, sizeof *v->part * (size_t)v->npart);
  for (int i = 0; i < v->npart; i++) v->part[i] = as_tuples(e, v->part[i]);
  v->kind = TV_TUPLE;
  v->struct_def = NULL;
  return v;
}

Tval *elab_comprehension(Elab *e, Expr *x) {
  if (!e->index && needs_loop(e, x)) return serial_comprehension(e, x);
  Binders b;
  Tval *v = NULL;
  if (binders_begin(e, &b, x->u.comp.binders, x->u.comp.body, NULL, false)) v = elab_expr(e, x->u.comp.body);
  e->b.loc = x->loc;
  if (v && !is_error(v)) v = tv_map_parts(e, v, NULL, stack_part, &b);
  binders_end(e, &b);
  if (!v || is_error(v)) return tv_error(e, x->loc);
  return as_tuples(e, v);
}

/* ---- reductions ---- */

static bool add_condition(Elab *e, Expr *cond, Binders *b) {
  Tval *c = elab_expr(e, cond);
  if (is_error(c)) return false;
  if (c->kind != TV_TENSOR || c->type->elem != BOOL || c->type->rank) {
    diag_error(e->ctx, cond->loc, E_NOT_BOOL, "the condition of a reduction must be bool, but this is %s",
               show_tval(e, c));
    return false;
  }
  b->own_mask = tv_and(e, b->own_mask, c);
  e->mask = tv_and(e, b->mask, b->own_mask);
  return true;
}

typedef struct Reducing {
  Expr *x;
  Binders *b;
} Reducing;

static Tval *reduce_part(Elab *e, Tval *part, Tval *unused, void *env) {
  Reducing *r = env;
  (void)unused;
  return builtin_reduce_labels(e, r->x->loc, r->x->u.reduction.op, part, r->b->own_mask, r->b->n, r->b->index);
}

Tval *elab_reduction(Elab *e, Expr *x) {
  if (!e->index && needs_loop(e, x)) return serial_reduction(e, x);
  Binders b;
  Tval *v = NULL;
  Expr *cond = x->u.reduction.cond;
  bool ok = binders_begin(e, &b, x->u.reduction.binders, x->u.reduction.body, cond, true);
  if (ok && cond) ok = add_condition(e, cond, &b);
  if (ok) v = elab_expr(e, x->u.reduction.body);
  e->mask = b.mask;
  e->b.loc = x->loc;
  Reducing r = {x, &b};
  if (v && !is_error(v)) v = tv_map_parts(e, v, NULL, reduce_part, &r);
  binders_end(e, &b);
  return v ? v : tv_error(e, x->loc);
}
