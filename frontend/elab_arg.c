/* elab_arg.c - arguments that must be known when compiling: dimensions, axes, constants; types as the user would write
 * them. */
#include <string.h>
#include "frontend/elab_core.h"

const char *show_dim(Elab *e, const Dim *d) {
  Text t;
  text_init(&t, e->ctx->arena);
  if (d)
    dim_print(&t, d);
  else
    text_add(&t, "?");
  return t.s;
}

const char *show_type(Elab *e, const Type *ty) {
  Text t;
  text_init(&t, e->ctx->arena);
  text_add(&t, "%s", ty->elem == e->options->real ? "real" : ty->elem == I64 ? "int" : elem_name(ty->elem));
  for (int i = 0; i < ty->rank; i++) {
    text_add(&t, "%s", i ? ", " : "[");
    dim_print(&t, ty->dim[i]);
  }
  if (ty->rank) text_add(&t, "]");
  return t.s;
}

static bool dim_of_expr(Elab *e, Expr *x, Dim **d);

/* Exact division, which only dimensions have: the quotient when the divisor goes into the dividend. */
static bool dim_quotient(Elab *e, Expr *x, Dim **d) {
  Dim *a, *b;
  if (!dim_of_expr(e, x->u.binary.x, &a) || !dim_of_expr(e, x->u.binary.y, &b)) return false;
  *d = dim_div(e->ctx, a, b);
  if (*d) return true;
  Diag *g =
      diag_error(e->ctx, x->loc, E_DIM_EXPR, "'%s' is not a whole multiple of '%s'", show_dim(e, a), show_dim(e, b));
  diag_help(e->ctx, g, "`//` rounds down");
  return false;
}

/* The operands of + - * may hold exact divisions: n * (n - 1) / 2 + n. */
static bool has_division(const Expr *x, int depth) {
  for (; depth > 0; depth--) {
    if (x->kind == EX_UNARY) {
      x = x->u.unary.x;
      continue;
    }
    if (x->kind != EX_BINARY) return false;
    if (x->u.binary.op == BIN_DIV || has_division(x->u.binary.y, depth - 1)) return true;
    x = x->u.binary.x;
  }
  return false;
}

static bool dim_arithmetic(Elab *e, Expr *x, Dim **d) {
  Dim *a, *b;
  if (!dim_of_expr(e, x->u.binary.x, &a) || !dim_of_expr(e, x->u.binary.y, &b)) return false;
  Ctx *c = e->ctx;
  switch (x->u.binary.op) {
  case BIN_ADD: *d = dim_add(c, a, b); break;
  case BIN_SUB: *d = dim_sub(c, a, b); break;
  case BIN_MUL: *d = dim_mul(c, a, b); break;
  case BIN_FLOORDIV: *d = dim_floordiv(c, a, b); break;
  case BIN_MOD: *d = dim_mod(c, a, b); break;
  default: *d = NULL;
  }
  if (*d) return true;
  diag_error(c, x->loc, E_DIM_EXPR, "this is no dimension: it overflows or divides by zero");
  return false;
}

/* A number that is computed, as a dimension.  What is computed twice in the same way is one symbol: a[i, :k[i]] and w[:k[i]] are of
 * one length. */
static Dim *computed_dim(Elab *e, Expr *x, Value *v) {
  for (const Computed *k = e->computed; k; k = k->outer)
    if (value_same(k->v, v) && region_within(e->b.region, k->region)) return k->d;
  Sym *s = sym_new(e->ctx, SYM_VALUE, x->kind == EX_NAME ? x->u.name : "value", x->loc);
  b_sym(&e->b, b_cast(&e->b, v, I64), s);
  Computed *k = NEW(e->ctx->arena, Computed);
  *k = (Computed){v, dim_sym(e->ctx, s), e->b.region, e->computed};
  e->computed = k;
  return k->d;
}

static bool dim_of_value(Elab *e, Expr *x, Tval *v, Dim **d) {
  if (v->type->rank != 0 || !elem_is_int(v->type->elem)) {
    diag_error(e->ctx, x->loc, E_DIM_EXPR, "a dimension must be an int, but this is %s", show_type(e, v->type));
    return false;
  }
  if (v->dim) return *d = v->dim, true;
  if (e->no_code) {
    diag_error(e->ctx, x->loc, E_DIM_EXPR, "a dimension of a type is a formula of other dimensions and int parameters");
    return false;
  }
  if (v->nlabel || e->mask) return *d = length_dim(e, x->loc, v), true;
  *d = v->dim = computed_dim(e, x, v->v);
  return true;
}

static Dim *plain_dim(Elab *e, Expr *x, int depth);

static Dim *plain_binary(Elab *e, Expr *x, int depth) {
  Ctx *c = e->ctx;
  Dim *a = plain_dim(e, x->u.binary.x, depth), *b = a ? plain_dim(e, x->u.binary.y, depth) : NULL;
  if (!b) return NULL;
  switch (x->u.binary.op) {
  case BIN_ADD: return dim_add(c, a, b);
  case BIN_SUB: return dim_sub(c, a, b);
  case BIN_MUL: return dim_mul(c, a, b);
  case BIN_DIV: return dim_div(c, a, b);
  default: return NULL;
  }
}

/* min(n, m) and max(n, m), unless a function of the program has that name. */
static Dim *plain_extreme(Elab *e, Expr *x, int depth) {
  Expr *f = x->u.call.callee;
  Arg *a = x->u.call.args;
  if (f->kind != EX_NAME || !a || !a->next || a->next->next || a->name || a->next->name || a->next->seed) return NULL;
  bool max = !strcmp(f->u.name, "max");
  if ((!max && strcmp(f->u.name, "min")) || scope_find(e, f->u.name) || unit_find(e->scope->unit, f->u.name))
    return NULL;
  Dim *p = plain_dim(e, a->value, depth), *q = p ? plain_dim(e, a->next->value, depth) : NULL;
  return !q ? NULL : max ? dim_max(e->ctx, p, q) : dim_min(e->ctx, p, q);
}

static Dim *plain_dim(Elab *e, Expr *x, int depth) {
  if (depth > 64) return NULL;
  if (x->kind == EX_INT) return dim_const(e->ctx, x->u.integer);
  if (x->kind == EX_BINARY) return plain_binary(e, x, depth + 1);
  if (x->kind == EX_CALL) return plain_extreme(e, x, depth + 1);
  if (x->kind != EX_NAME) return NULL;
  Binding *b = scope_find(e, x->u.name);
  if (!b || (b->kind != BIND_INDEX && b->value->kind != TV_TENSOR)) return NULL;
  if (b->kind == BIND_INDEX) return b->index->bound ? dim_sym(e->ctx, b->index->sym) : NULL;
  return b->value->dim;
}

Dim *dim_plain(Elab *e, Expr *x) { return plain_dim(e, x, 0); }

/* A sum or a difference with a formula of dimensions and indices: `s[i] + k` is a formula of s[i] and k. */
static bool is_offset(Elab *e, const Expr *x) {
  if (x->kind != EX_BINARY || (x->u.binary.op != BIN_ADD && x->u.binary.op != BIN_SUB)) return false;
  return plain_dim(e, x->u.binary.x, 0) || plain_dim(e, x->u.binary.y, 0);
}

static bool dim_of_expr(Elab *e, Expr *x, Dim **d) {
  if ((*d = plain_dim(e, x, 0))) return true;
  if (x->kind == EX_BINARY && !elab_budget(e, x->loc)) return false;
  e->program->depth++;
  bool ok = false;
  if (x->kind == EX_BINARY && x->u.binary.op == BIN_DIV) {
    ok = dim_quotient(e, x, d);
  } else if (x->kind == EX_BINARY && x->u.binary.op <= BIN_MOD && (is_offset(e, x) || has_division(x, 64))) {
    ok = dim_arithmetic(e, x, d);
  } else if (x->kind == EX_UNARY && x->u.unary.op == UN_NEG && has_division(x, 64)) {
    ok = dim_of_expr(e, x->u.unary.x, d);
    if (ok) *d = dim_sub(e->ctx, dim_const(e->ctx, 0), *d);
  } else {
    Tval *v = elab_tensor(e, x);
    ok = !is_error(v) && dim_of_value(e, x, v, d);
  }
  e->program->depth--;
  return ok;
}

/* The program's own formulas are looked at on entry; one that varies with an index, where it stands. */
bool arg_dim(Elab *e, Expr *x, Dim **d) {
  if (!dim_of_expr(e, x, d)) return false;
  if ((*d)->den != 1 && dim_is_const(dim_mul(e->ctx, *d, dim_const(e->ctx, (*d)->den)), NULL)) {
    Diag *g = diag_error(e->ctx, x->loc, E_DIM_EXPR, "%s is not a whole number", show_dim(e, *d));
    diag_help(e->ctx, g, "`//` rounds down");
    return false;
  }
  if (dim_ragged(e, *d) && !e->no_code) check_whole(e, *d, "a length is not a whole number");
  return true;
}

bool arg_dims(Elab *e, Expr *x, int *rank, Dim **dims) {
  if (x->kind != EX_LIST && x->kind != EX_TUPLE) {
    *rank = 1;
    return arg_dim(e, x, &dims[0]);
  }
  *rank = 0;
  for (Expr *i = x->u.list.first; i; i = i->next) {
    if (*rank == MAX_USER_RANK) return rank_fits(e, x->loc, MAX_USER_RANK + 1);
    if (!arg_dim(e, i, &dims[(*rank)++])) return false;
  }
  return true;
}

static bool constant(Elab *e, Expr *x, Tval **v, const char *what) {
  *v = elab_tensor(e, x);
  if (is_error(*v)) return false;
  if ((*v)->scalar_const && (*v)->type->rank == 0) return true;
  diag_error(e->ctx, x->loc, E_NOT_CONSTANT, "this must be %s that is known when compiling", what);
  return false;
}

bool arg_const_int(Elab *e, Expr *x, int64_t *v) {
  Tval *t;
  if (!constant(e, x, &t, "an int")) return false;
  if (t->dim && dim_is_const(t->dim, v)) return true;
  if (elem_is_int(t->type->elem)) {
    *v = (int64_t)t->number;
    return true;
  }
  diag_error(e->ctx, x->loc, E_NOT_CONSTANT, "this must be an int, but it is %s", show_type(e, t->type));
  return false;
}

bool arg_axis(Elab *e, Expr *x, int rank, int *axis) {
  int64_t v;
  if (!arg_const_int(e, x, &v)) return false;
  if (v < -rank || v >= rank) {
    diag_error(e->ctx, x->loc, E_OUT_OF_RANGE, "there is no axis %lld: the tensor has %d ax%s", (long long)v, rank,
               rank == 1 ? "is" : "es");
    return false;
  }
  *axis = (int)(v < 0 ? v + rank : v);
  return true;
}

bool arg_bool(Elab *e, Expr *x, bool *v) {
  if (x->kind == EX_BOOL) return *v = x->u.boolean, true;
  diag_error(e->ctx, x->loc, E_NOT_CONSTANT, "this must be `true` or `false`");
  return false;
}

bool arg_real(Elab *e, Expr *x, double *v) {
  Tval *t;
  if (!constant(e, x, &t, "a number")) return false;
  *v = t->number;
  return true;
}
