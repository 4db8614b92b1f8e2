/* elab_serial.c - comprehensions and reductions as loops, where the body holds what cannot be elaborated once for all
 * values of an index: loops, recursion, calls that stay calls.
 *
 * A nest of `for` ops carries the tensors of results, of which each turn sets an element, or the accumulators. */
#include <math.h>
#include <string.h>
#include "frontend/elab_flow.h"

/* ---- a nest of loops ---- */

typedef struct Nest {
  int n;
  Region *here, *region[MAX_LABELS];
  Value *hi[MAX_LABELS], *index[MAX_LABELS];
  Tval *counter[MAX_LABELS];
  Dim *bound[MAX_LABELS];
  int first_sym; /* what is numbered from here on is known only inside */
} Nest;

static void enter(Elab *e, Region *r) {
  e->b.region = r;
  e->b.before = NULL;
}

/* Bounds may mention the symbols of outer indices, which the counters replace.  The counters get the indices' names.  False
 * after a diagnostic. */
static bool nest_begin(Elab *e, Nest *t, int n, Index *const *index) {
  DimSubst s[MAX_LABELS];
  *t = (Nest){.n = n, .here = e->b.region, .first_sym = e->ctx->next_sym};
  for (int k = 0; k < n; k++) {
    t->bound[k] = dim_subst(e->ctx, index[k]->bound, s, k);
    if (index[k]->late && !arg_dim(e, index[k]->late, &t->bound[k])) return false;
    t->hi[k] = dim_tval(e, index[k]->loc, t->bound[k])->v;
    t->region[k] = NEW(e->ctx->arena, Region);
    t->region[k]->func = e->b.func;
    t->index[k] = region_add_param(t->region[k], type_scalar(e->ctx, I64), index[k]->name);
    enter(e, t->region[k]);
    t->counter[k] = counted_int(e, index[k]->name, index[k]->loc, t->index[k], dim_const(e->ctx, 0), t->bound[k]);
    s[k] = (DimSubst){index[k]->sym, t->counter[k]->dim};
    scope_bind(e, BIND_LOOP, index[k]->name, index[k]->loc, t->counter[k]);
  }
  return true;
}

/* Parameters for n carried values; to: the innermost ones. */
static void nest_carry(Nest *t, int n, Type **type, Value **to) {
  for (int k = 0; k < t->n; k++)
    for (int i = 0; i < n; i++) {
      Value *v = region_add_param(t->region[k], type[i], NULL);
      if (k == t->n - 1) to[i] = v;
    }
}

/* e->b stands outside again, where init is made. */
static void nest_leave(Elab *e, Nest *t, int n, Value **yield) {
  region_set_results(t->region[t->n - 1], n, yield);
  enter(e, t->here);
}

static Value **nest_end(Elab *e, Nest *t, int n, Value **init) {
  Op *op = NULL;
  for (int k = t->n - 1; k >= 0; k--) {
    enter(e, k ? t->region[k - 1] : t->here);
    Value *lo = b_int(&e->b, 0), *one = b_int(&e->b, 1);
    op = b_for(&e->b, lo, t->hi[k], one, n, k ? t->region[k - 1]->param + 1 : init);
    t->region[k]->parent = op;
    op->reg[0] = t->region[k];
    if (k) region_set_results(t->region[k - 1], n, op->res);
  }
  return op->res;
}

/* ---- indices ---- */

typedef struct Serial {
  Nest nest;
  Index *index[MAX_LABELS];
} Serial;

/* Finds the bounds as for a comprehension that is elaborated at once, then opens the loops. */
static bool serial_begin(Elab *e, Serial *s, Binder *list, Expr *body, Expr *cond, bool reduced) {
  Index *outer = e->index;
  int n = 0;
  scope_push(e);
  bool ok = true;
  for (Binder *x = list; x && ok; x = x->next) {
    for (Binder *y = list; y != x && ok; y = y->next)
      if (y->name == x->name) {
        diag_error(e->ctx, x->loc, E_DUPLICATE, "the index '%s' is named twice", x->name);
        ok = false;
      }
    Index *i = ok ? index_new(e, x->name, x->loc) : NULL;
    ok = i != NULL;
    if (ok) i->reduced = reduced;
    if (ok) scope_bind(e, BIND_INDEX, x->name, x->loc, NULL)->index = s->index[n++] = i;
  }
  ok = ok && infer_bounds(e, list, n, s->index, body, cond, true);
  e->index = outer;
  scope_pop(e);
  scope_push(e);
  return ok && nest_begin(e, &s->nest, n, s->index);
}

static bool depends(const Nest *t, const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM ? a->sym->kind == SYM_VALUE && a->sym->id >= t->first_sym : depends(t, a->a) || depends(t, a->b))
        return true;
    }
  return false;
}

/* A length that is known only inside the loops. */
static bool uneven(Elab *e, Loc loc, const Nest *t, const Dim *d) {
  if (!depends(t, d)) return false;
  Diag *g =
      diag_error(e->ctx, loc, E_RAGGED,
                 "the rows of this tensor would have different lengths: '%s' depends on an index", show_dim(e, d));
  diag_help(e->ctx, g, "let the index run over the whole axis and choose with `if … then … else 0`");
  return true;
}

/* ---- comprehensions ---- */

typedef struct Leaves {
  Tval **tensor;
  int n, cap;
} Leaves;

static void leaves_of(Elab *e, Tval *v, Leaves *l) {
  if (v->kind == TV_TENSOR) PUSH(e->ctx->arena, l->tensor, l->n, l->cap) = v;
  for (int i = 0; i < v->npart; i++) leaves_of(e, v->part[i], l);
}

static Type *stacked_type(Elab *e, const Nest *t, const Tval *v) {
  Dim *dim[MAX_RANK];
  int rank = t->n + v->type->rank;
  if (!rank_fits(e, v->loc, rank)) return NULL;
  for (int i = 0; i < rank; i++) {
    dim[i] = i < t->n ? t->bound[i] : v->type->dim[i - t->n];
    if (uneven(e, v->loc, t, dim[i])) return NULL;
  }
  return type_tensor(e->ctx, v->type->elem, rank, dim);
}

/* A struct of tensors of one more axis is no value of that struct's type. */
static Tval *stacked(Elab *e, Tval *v, Value **leaf, int *next) {
  if (v->kind == TV_TENSOR) {
    Value *x = leaf[(*next)++];
    return tv_tensor(e, v->loc, x->type, x, 0, NULL);
  }
  Tval *t = arena_dup(e->ctx->arena, v, sizeof *v);
  t->kind = TV_TUPLE;
  t->struct_def = NULL;
  t->part = NEW_N(e->ctx->arena, Tval *, v->npart + 1);
  for (int i = 0; i < v->npart; i++) t->part[i] = stacked(e, v->part[i], leaf, next);
  return t;
}

/* Closes the nest over v, the value of one turn. */
static Tval *collect(Elab *e, Nest *t, Tval *v) {
  Leaves l = {0};
  leaves_of(e, v, &l);
  Type **type = NEW_N(e->ctx->arena, Type *, l.n + 1);
  Value **at = NEW_N(e->ctx->arena, Value *, l.n + 1), **yield = NEW_N(e->ctx->arena, Value *, l.n + 1);
  Value **init = NEW_N(e->ctx->arena, Value *, l.n + 1);
  for (int i = 0; i < l.n; i++)
    if (!(type[i] = stacked_type(e, t, l.tensor[i]))) return NULL;
  nest_carry(t, l.n, type, at);
  int axis[MAX_LABELS], next = 0;
  for (int k = 0; k < t->n; k++) axis[k] = k;
  for (int i = 0; i < l.n; i++) yield[i] = b_set(&e->b, at[i], l.tensor[i]->v, t->n, axis, t->index);
  nest_leave(e, t, l.n, yield);
  for (int i = 0; i < l.n; i++) init[i] = b_splat(&e->b, type[i], 0);
  return stacked(e, v, nest_end(e, t, l.n, init), &next);
}

Tval *serial_comprehension(Elab *e, Expr *x) {
  Serial s;
  Region *here = e->b.region;
  Tval *v = NULL;
  if (serial_begin(e, &s, x->u.comp.binders, x->u.comp.body, NULL, false)) v = elab_expr(e, x->u.comp.body);
  e->b.loc = x->loc;
  if (v && !is_error(v) && v->kind != TV_FUNCTION)
    v = collect(e, &s.nest, v);
  else
    v = NULL;
  scope_pop(e);
  enter(e, here);
  return v ? v : tv_error(e, x->loc);
}

/* A function of scalars over the elements of its arguments, one call an element. */
Tval *serial_elementwise(Elab *e, Loc loc, int rank, Dim *const *dims, int n, Tval **arg, SerialCall *call, void *env) {
  Index *index[MAX_LABELS];
  Nest t;
  Region *here = e->b.region;
  for (int k = 0; k < rank; k++) {
    index[k] = NEW(e->ctx->arena, Index);
    *index[k] = (Index){.name = intern(e->ctx, "element"), .loc = loc, .bound = dims[k], .extent = dims[k]};
    index[k]->sym = sym_new(e->ctx, SYM_INDEX, index[k]->name, loc);
  }
  scope_push(e);
  nest_begin(e, &t, rank, index);
  scope_pop(e);
  for (int i = 0; i < n; i++) {
    Tval *idx[MAX_RANK], *x = arg[i];
    int axis[MAX_RANK], r = x->type->rank;
    for (int k = 0; k < r; k++) {
      bool stretched = x->type->dim[k] != dims[k + rank - r];
      axis[k] = k;
      idx[k] = stretched ? tv_int(e, loc, dim_const(e->ctx, 0)) : t.counter[k + rank - r];
    }
    if (r) arg[i] = tv_gather(e, loc, x, r, axis, idx);
  }
  Tval *v = call(e, env);
  e->b.loc = loc;
  v = is_error(v) ? NULL : collect(e, &t, v);
  enter(e, here);
  return v ? v : tv_error(e, loc);
}

/* ---- reductions ---- */

typedef enum { ACC_SUM, ACC_PROD, ACC_MAX, ACC_MIN, ACC_ANY, ACC_ALL, ACC_MEAN, ACC_LSE, ACC_ARGMAX, ACC_ARGMIN } Acc;

/* What each starts with. */
static const struct {
  const char *name;
  double start;
} accs[] = {{"sum", 0}, {"prod", 1}, {"max", -HUGE_VAL},       {"min", HUGE_VAL},     {"any", 0},
            {"all", 1}, {"mean", 0}, {"logsumexp", -HUGE_VAL}, {"argmax", -HUGE_VAL}, {"argmin", HUGE_VAL}};

static Tval *map2(Elab *e, Opcode op, Tval *x, Tval *y) {
  Tval *v[2] = {x, y};
  return tv_map(e, e->b.loc, e->b.loc, op, 2, v);
}

static Tval *choose(Elab *e, Tval *c, Tval *x, Tval *y) {
  Tval *v[3] = {c, x, y};
  return tv_map(e, e->b.loc, e->b.loc, OP_select, 3, v);
}

/* Strictly better than the best so far, or the first nan: the first extreme term wins. */
static Tval *better(Elab *e, Acc a, Tval *v, Tval *best) {
  bool least = a == ACC_MIN || a == ACC_ARGMIN;
  Tval *c = map2(e, least ? OP_lt : OP_gt, v, best);
  if (!elem_is_real(v->type->elem)) return c;
  Tval *first_nan = map2(e, OP_and, map2(e, OP_ne, v, v), map2(e, OP_eq, best, best));
  return map2(e, OP_or, c, first_nan);
}

static Tval *log_add(Elab *e, Tval *x, Tval *y) {
  Dim *dims[MAX_RANK];
  int axis = 0;
  dims[0] = dim_const(e->ctx, 1);
  for (int i = 0; i < x->type->rank; i++) dims[i + 1] = x->type->dim[i];
  Tval *v[2] = {tv_reshape(e, x->loc, x, x->type->rank + 1, dims), tv_reshape(e, y->loc, y, y->type->rank + 1, dims)};
  return tv_logsumexp(e, e->b.loc, tv_concat(e, e->b.loc, 2, v, 0), 1, &axis, false);
}

/* The accumulators after one more term; acc[1]: the count of a mean, the place of an extreme. */
static void accumulate(Elab *e, Acc a, Tval **acc, Tval *v, Tval *place) {
  switch (a) {
  case ACC_SUM:
  case ACC_MEAN: acc[0] = map2(e, OP_add, acc[0], v); break;
  case ACC_PROD: acc[0] = map2(e, OP_mul, acc[0], v); break;
  case ACC_ANY: acc[0] = map2(e, OP_or, acc[0], v); break;
  case ACC_ALL: acc[0] = map2(e, OP_and, acc[0], v); break;
  case ACC_LSE: acc[0] = log_add(e, acc[0], v); break;
  default: {
    Tval *c = better(e, a, v, acc[0]);
    if (a == ACC_ARGMAX || a == ACC_ARGMIN) acc[1] = choose(e, c, place, acc[1]);
    acc[0] = choose(e, c, v, acc[0]);
  }
  }
  if (a == ACC_MEAN) acc[1] = map2(e, OP_add, acc[1], tv_number(e, e->b.loc, I64, 1));
}

/* The terms, of a type that the reduction takes; NULL after a diagnostic. */
static Tval *term(Elab *e, Acc a, const Nest *t, Tval *v, Loc loc) {
  if (is_error(v)) return NULL;
  if (v->kind != TV_TENSOR) {
    diag_error(e->ctx, v->loc, 354, "the terms of a reduction must be scalars or tensors");
    return NULL;
  }
  bool logic = a == ACC_ANY || a == ACC_ALL;
  if (logic && v->type->elem != BOOL) {
    diag_error(e->ctx, v->loc, 354, "'%s' takes bools, but this is %s", accs[a].name, show_type(e, v->type));
    return NULL;
  }
  for (int i = 0; i < v->type->rank; i++)
    if (depends(t, v->type->dim[i])) {
      diag_error(e->ctx, loc, 366, "the terms of this reduction have different shapes");
      return NULL;
    }
  if ((a == ACC_ARGMAX || a == ACC_ARGMIN) && (t->n != 1 || v->type->rank)) {
    Diag *d = diag_error(e->ctx, loc, 365, "'%s' goes over one index, and its terms are scalars", accs[a].name);
    diag_help(e->ctx, d, "take it of a flattened tensor: %s([e for i, j])", accs[a].name);
    return NULL;
  }
  if (a == ACC_MEAN || a == ACC_LSE) tv_to_real(e, &v);
  if (!logic && v->type->elem == BOOL) v = tv_cast(e, v, I64);
  return v;
}

static Value *start_value(Elab *e, Acc a, Type *t) {
  double start = accs[a].start;
  if (!elem_is_int(t->elem) || isfinite(start)) return b_splat(&e->b, t, start);
  int64_t extreme = t->elem == I32 ? (start > 0 ? INT32_MAX : INT32_MIN) : start > 0 ? INT64_MAX : INT64_MIN;
  Value *v = b_cast(&e->b, b_int(&e->b, extreme), t->elem);
  return b_broadcast_scalar(&e->b, v, t);
}

static Tval *reduce_term(Elab *e, Expr *x, Acc a, Nest *t, Branch *br) {
  Tval *v = term(e, a, t, elab_expr(e, x->u.reduction.body), x->loc);
  if (!v) return NULL;
  bool two = a == ACC_MEAN || a == ACC_ARGMAX || a == ACC_ARGMIN;
  Type *type[2] = {v->type, type_scalar(e->ctx, I64)};
  Value *param[2];
  Tval *acc[2] = {NULL, NULL}, *old[2];
  int n = two ? 2 : 1;
  nest_carry(t, n, type, param);
  for (int i = 0; i < n; i++) old[i] = acc[i] = tv_tensor(e, x->loc, type[i], param[i], 0, NULL);
  e->b.loc = x->loc;
  accumulate(e, a, acc, v, t->counter[0]);
  if (br) {
    branch_arm(e, br, 1);
    Tval *both = branch_end(e, br, x->loc, tv_tuple(e, x->loc, n, acc), tv_tuple(e, x->loc, n, old));
    if (is_error(both)) return NULL;
    for (int i = 0; i < n; i++) acc[i] = both->part[i];
  }
  Value *yield[2] = {acc[0]->v, two ? acc[1]->v : NULL}, *init[2] = {NULL, NULL};
  nest_leave(e, t, n, yield);
  init[0] = start_value(e, a, type[0]);
  if (two) init[1] = b_int(&e->b, 0);
  Value **res = nest_end(e, t, n, init);
  Tval *r = tv_tensor(e, x->loc, type[0], res[0], 0, NULL),
       *more = two ? tv_tensor(e, x->loc, type[1], res[1], 0, NULL) : NULL;
  if (a == ACC_MEAN) return map2(e, OP_div, r, more);
  return two ? more : r;
}

Tval *serial_reduction(Elab *e, Expr *x) {
  Serial s;
  Region *here = e->b.region;
  Expr *cond = x->u.reduction.cond;
  int a = 0;
  while (strcmp(accs[a].name, x->u.reduction.op)) a++;
  Tval *v = NULL;
  if (serial_begin(e, &s, x->u.reduction.binders, x->u.reduction.body, cond, true)) {
    Branch br;
    Tval *c = cond ? elab_condition(e, cond, "the condition of a reduction") : NULL;
    if (c) {
      branch_begin(e, &br, c);
      branch_arm(e, &br, 0);
    }
    if (c || !cond) v = reduce_term(e, x, (Acc)a, &s.nest, c ? &br : NULL);
  }
  scope_pop(e);
  enter(e, here);
  return v ? v : tv_error(e, x->loc);
}
