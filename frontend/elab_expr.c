/* elab_expr.c - expressions by kind; names, literals, lists and tuples. */
#include <math.h>
#include <string.h>
#include "frontend/elab_core.h"

Tval *elab_tensor(Elab *e, Expr *x) {
  Tval *v = elab_expr(e, x);
  if (v->kind == TV_TENSOR || is_error(v)) return v;
  diag_error(e->ctx, x->loc, E_NOT_TENSOR, "this must be a scalar or a tensor, but it is %s", show_tval(e, v));
  return tv_error(e, x->loc);
}

static Tval *literal(Elab *e, Loc loc, Elem elem, double v) {
  Tval *t = tv_number(e, loc, elem, v);
  t->literal = elem != BOOL;
  return t;
}

static Tval *elab_int(Elab *e, Expr *x) {
  Tval *t = tv_int(e, x->loc, dim_const(e->ctx, x->u.integer));
  t->literal = true;
  return t;
}

static Tval *elab_real(Elab *e, Expr *x) { return literal(e, x->loc, e->options->real, x->u.real); }
static Tval *elab_bool(Elab *e, Expr *x) { return literal(e, x->loc, BOOL, x->u.boolean); }

static Tval *elab_string(Elab *e, Expr *x) {
  diag_error(e->ctx, x->loc, E_NOT_TENSOR, "text stands only where a built-in asks for it");
  return tv_error(e, x->loc);
}

static Tval *elab_nothing(Elab *e, Expr *x) { return tv_error(e, x->loc); }

/* ---- names ---- */

/* An int of known value is made anew where it is used: one `dim` op, or one `iota` for an index. */
static Tval *binding_value(Elab *e, Binding *b, Loc loc) {
  if (b->kind == BIND_INDEX) {
    if (!b->index->bound) return tv_error(e, loc);
    return tv_int(e, loc, dim_sym(e->ctx, b->index->sym));
  }
  Tval *v = b->value;
  if (v->kind != TV_TENSOR || !v->dim || (v->v && (dim_ragged(e, v->dim) || dim_runtime(v->dim)))) return v;
  bool lit = v->literal;
  v = tv_int(e, loc, v->dim);
  v->literal = lit;
  return v;
}

static Tval *named_constant(Elab *e, Expr *x) {
  const char *n = x->u.name;
  if (!strcmp(n, "pi")) return literal(e, x->loc, e->options->real, 3.14159265358979323846);
  if (!strcmp(n, "inf")) return literal(e, x->loc, e->options->real, HUGE_VAL);
  return strcmp(n, "nan") ? NULL : literal(e, x->loc, e->options->real, NAN);
}

static Tval *elab_name(Elab *e, Expr *x) {
  Binding *b = scope_find(e, x->u.name);
  if (b) return binding_value(e, b, x->loc);
  Entry *k = unit_find(e->scope->unit, x->u.name);
  if (k && k->constant) return const_value(e, k, x->loc);
  Tval *v = k ? NULL : named_constant(e, x);
  if (!v) v = function_of_name(e, x);
  if (v) return v;
  if (k)
    diag_error(e->ctx, x->loc, E_NOT_TENSOR, "'%s' is a struct, and stands here for no value", x->u.name);
  else
    unknown_name(e, x->loc, x->u.name, "variable", false);
  return tv_error(e, x->loc);
}

/* ---- tuples and lists ---- */

static Tval **elab_items_of(Elab *e, Expr *x, int *n) {
  int cap = 0;
  Tval **v = NULL;
  bool ok = true;
  *n = 0;
  for (Expr *i = x->u.list.first; i; i = i->next) {
    Tval *t = elab_expr(e, i);
    ok = ok && !is_error(t);
    PUSH(e->ctx->arena, v, *n, cap) = t;
  }
  return ok ? v : NULL;
}

static Tval *elab_tuple(Elab *e, Expr *x) {
  int n;
  Tval **v = elab_items_of(e, x, &n);
  return v ? tv_tuple(e, x->loc, n, v) : tv_error(e, x->loc);
}

/* The numbers of a constant part: a scalar, or a `dense` that a nested list has made. */
static bool constant_part(const Tval *v, int64_t *count) {
  if (v->nlabel) return false;
  *count = 1;
  if (v->type->rank == 0) return v->scalar_const;
  if (!v->v->def || v->v->def->code != OP_dense) return false;
  *count = v->v->def->u.dense.count;
  return true;
}

static void copy_part(const Tval *v, bool real, int64_t count, void *to, int64_t at) {
  const Op *def = v->type->rank ? v->v->def : NULL;
  bool was_real = elem_is_real(v->type->elem);
  for (int64_t i = 0; i < count; i++) {
    double d = !def       ? v->number
               : was_real ? ((const double *)def->u.dense.data)[i]
                          : (double)((const int64_t *)def->u.dense.data)[i];
    if (real)
      ((double *)to)[at + i] = d;
    else
      ((int64_t *)to)[at + i] = def ? ((const int64_t *)def->u.dense.data)[i] : (int64_t)d;
  }
}

static Tval *dense_list(Elab *e, Loc loc, int n, Tval **v, Type *t) {
  int64_t count, total = 0;
  bool lit = true;
  for (int i = 0; i < n; i++) {
    if (!constant_part(v[i], &count)) return NULL;
    total += count;
    lit = lit && v[i]->literal;
  }
  void *data = arena_alloc(e->ctx->arena, 8 * (size_t)total + 8);
  int64_t at = 0;
  for (int i = 0; i < n; i++, at += count) {
    constant_part(v[i], &count);
    copy_part(v[i], elem_is_real(t->elem), count, data, at);
  }
  Tval *r = tv_tensor(e, loc, t, b_dense(&e->b, t, data, total), 0, NULL);
  r->literal = lit;
  return r;
}

/* The element type of the list, without emitting casts of what will be a constant. */
static bool list_elem(Elab *e, Loc loc, int n, Tval **v, Elem *elem) {
  Tval **w = arena_dup(e->ctx->arena, v, sizeof *v * (size_t)n);
  if (!tv_unify_elem(e, loc, n, w)) return false;
  *elem = w[0]->type->elem;
  return true;
}

static bool list_shapes(Elab *e, int n, Tval **v) {
  for (int i = 0; i < n; i++) {
    if (v[i]->kind != TV_TENSOR) {
      diag_error(e->ctx, v[i]->loc, E_NOT_TENSOR, "a list holds scalars or tensors, but this is %s",
                 show_tval(e, v[i]));
      return false;
    }
    if (same_shape(v[i]->type, v[0]->type)) continue;
    Diag *d = diag_error(e->ctx, v[i]->loc, E_DIM_DIFFER, "the parts of a list have one shape, but this is %s",
                         show_type(e, v[i]->type));
    diag_note(e->ctx, d, v[0]->loc, "%s", show_type(e, v[0]->type));
    return false;
  }
  return true;
}

static Tval *elab_list(Elab *e, Expr *x) {
  int n;
  Elem elem;
  Tval **v = elab_items_of(e, x, &n);
  if (x->u.list.first && !v) return tv_error(e, x->loc);
  if (n == 0) {
    Diag *d = diag_error(e->ctx, x->loc, E_NOT_TENSOR, "an empty list has no element type");
    diag_help(e->ctx, d, "`zeros([0])` is an empty tensor");
    return tv_error(e, x->loc);
  }
  if (!list_shapes(e, n, v) || !rank_fits(e, x->loc, v[0]->type->rank + 1) || !list_elem(e, x->loc, n, v, &elem))
    return tv_error(e, x->loc);
  Dim *dims[MAX_RANK];
  int rank = v[0]->type->rank;
  for (int i = 0; i < rank; i++) dims[i + 1] = v[0]->type->dim[i];
  dims[0] = dim_const(e->ctx, n);
  Tval *r = dense_list(e, x->loc, n, v, type_tensor(e->ctx, elem, rank + 1, dims));
  if (r) return r;
  dims[0] = dim_const(e->ctx, 1);
  for (int i = 0; i < n; i++) v[i] = tv_reshape(e, v[i]->loc, tv_cast(e, v[i], elem), rank + 1, dims);
  return tv_concat(e, x->loc, n, v, 0);
}

/* ---- dispatch ---- */

typedef Tval *ElabFn(Elab *e, Expr *x);
static ElabFn *const elab_kind[] = {[EX_INT] = elab_int,
                                    [EX_REAL] = elab_real,
                                    [EX_BOOL] = elab_bool,
                                    [EX_STRING] = elab_string,
                                    [EX_NAME] = elab_name,
                                    [EX_UNARY] = elab_unary,
                                    [EX_BINARY] = elab_binary,
                                    [EX_IF] = elab_if,
                                    [EX_CALL] = elab_call,
                                    [EX_INDEX] = elab_index,
                                    [EX_FIELD] = elab_field,
                                    [EX_TUPLE] = elab_tuple,
                                    [EX_LIST] = elab_list,
                                    [EX_COMPREHENSION] = elab_comprehension,
                                    [EX_REDUCTION] = elab_reduction,
                                    [EX_LAMBDA] = elab_lambda,
                                    [EX_ERROR] = elab_nothing};

Tval *elab_expr(Elab *e, Expr *x) {
  Program *p = e->program;
  p->depth++;
  Loc outer = e->b.loc;
  e->b.loc = x->loc;
  Tval *v = elab_budget(e, x->loc) ? elab_kind[x->kind](e, x) : tv_error(e, x->loc);
  e->b.loc = outer;
  p->depth--;
  if (v->loc.begin == x->loc.begin && v->loc.end == x->loc.end && v->loc.file == x->loc.file) return v;
  v = arena_dup(e->ctx->arena, v, sizeof *v);
  v->loc = x->loc;
  return v;
}
