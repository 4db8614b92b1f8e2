/* elab_branch.c - a choice of two ways: an `if` op, a `select` where both ways are cheap, or masks inside
 * comprehensions.
 *
 * Ensures: after branch_end every variable holds what the way taken has given it, and e->b stands behind the choice. */
#include "frontend/elab_flow.h"

/* ---- conditions ---- */

Tval *unknown_condition(Elab *e) {
  Tval *t = tv_tensor(e, e->b.loc, type_scalar(e->ctx, BOOL), b_bool(&e->b, true), 0, NULL);
  return t;
}

Tval *elab_condition(Elab *e, Expr *x, const char *what) {
  Tval *c = elab_expr(e, x);
  if (is_error(c)) return NULL;
  if (c->kind != TV_TENSOR || c->type->elem != BOOL) {
    Diag *d = diag_error(e->ctx, c->loc, E_NOT_BOOL, "%s must be bool, but this is %s", what, show_tval(e, c));
    if (c->kind == TV_TENSOR) diag_help(e->ctx, d, "compare it: `… != 0`");
    return NULL;
  }
  if (c->type->rank == 0) return c;
  Diag *d =
      diag_error(e->ctx, c->loc, E_NOT_BOOL, "%s is one truth value, but this is %s", what, show_type(e, c->type));
  diag_help(e->ctx, d, "`where(c, a, b)` chooses element by element; `any(c)` and `all(c)` give one truth value");
  return NULL;
}

/* ---- values of one type over new leaves ---- */

Tval *tv_over(Elab *e, const Tval *model, Value **leaf, int *next) {
  if (model->kind == TV_TENSOR)
    return tv_tensor(e, model->loc, model->type, leaf[(*next)++], model->nlabel, model->label);
  Tval *t = arena_dup(e->ctx->arena, model, sizeof *model);
  t->part = NEW_N(e->ctx->arena, Tval *, model->npart + 1);
  for (int i = 0; i < model->npart; i++) t->part[i] = tv_over(e, model->part[i], leaf, next);
  return t;
}

/* The tensors that v is made of, in order. */
static void tensors_of(Tval *v, Tval **to, int *n) {
  if (v->kind == TV_TENSOR) to[(*n)++] = v;
  for (int i = 0; i < v->npart; i++) tensors_of(v->part[i], to, n);
}

Tval *tv_zeros(Elab *e, Spec *s) {
  int n = spec_leaves(s), next = 0;
  Value **leaf = NEW_N(e->ctx->arena, Value *, n + 1);
  /* The leaves' types in order: those of the type over no values. */
  Tval *t = spec_symbolic(e, s, leaf, &next);
  Tval **part = NEW_N(e->ctx->arena, Tval *, n + 1);
  next = 0;
  tensors_of(t, part, &next);
  for (int i = 0; i < n; i++) part[i]->v = b_splat(&e->b, part[i]->type, 0);
  return t;
}

/* ---- arms ---- */

static Region *detached(Elab *e) {
  Region *r = NEW(e->ctx->arena, Region);
  r->func = e->b.func;
  return r;
}

static void enter(Elab *e, Region *r) {
  e->b.region = r;
  e->b.before = NULL;
}

static void take_variables(Elab *e, Branch *br) {
  for (Scope *k = e->scope; k; k = k->outer)
    for (Binding *b = k->first; b; b = b->next)
      if (b->kind == BIND_VAR) PUSH(e->ctx->arena, br->var, br->nvar, br->var_cap) = (Var){b, b->value, NULL};
}

void branch_begin(Elab *e, Branch *br, Tval *cond) {
  *br = (Branch){.cond = cond, .masked = e->index != NULL, .here = e->b.region, .mask = e->mask};
  take_variables(e, br);
}

void branch_arm(Elab *e, Branch *br, int arm) {
  for (int i = 0; i < br->nvar && arm; i++) {
    br->var[i].then = br->var[i].b->value;
    br->var[i].b->value = br->var[i].before;
  }
  if (br->masked)
    e->mask = tv_and(e, br->mask, arm ? tv_not(e, br->cond) : br->cond);
  else
    enter(e, br->region[arm] = detached(e));
}

/* ---- what the arms yield ---- */

typedef struct Merge {
  Branch *br;
  Loc loc;
  Value **yield[2];
  int n, cap[2];
  Type **type;
  int ntype, type_cap;
  Tval **slot; /* the values that wait for the results */
  int nslot, slot_cap;
} Merge;

static bool same_kind(const Tval *x, const Tval *y) {
  if (x->kind != y->kind || x->npart != y->npart || x->struct_def != y->struct_def) return false;
  for (int i = 0; i < x->npart; i++)
    if (!same_kind(x->part[i], y->part[i])) return false;
  return x->kind != TV_FUNCTION || x->fn == y->fn;
}

/* The branches of an `if` have one shape: it chooses one of them whole. */
static bool same_shapes(Elab *e, Tval *x, Tval *y) {
  for (int i = 0; i < x->npart; i++)
    if (!same_shapes(e, x->part[i], y->part[i])) return false;
  if (x->kind != TV_TENSOR || same_shape(x->type, y->type)) return true;
  Diag *d = diag_error(e->ctx, y->loc, E_DIM_DIFFER, "the branches of an `if` have one shape, but this is %s",
                       show_type(e, y->type));
  diag_note(e->ctx, d, x->loc, "%s", show_type(e, x->type));
  return false;
}

static bool alike(Elab *e, Tval *x, Tval *y) {
  if (has_error(x) || has_error(y)) return false;
  if (same_kind(x, y)) return same_shapes(e, x, y);
  Diag *d = diag_error(e->ctx, y->loc, E_TYPE_MISMATCH, "the branches of an `if` have one type, but this is %s",
                       show_tval(e, y));
  diag_note(e->ctx, d, x->loc, "%s", show_tval(e, x));
  return false;
}

/* The element type that both take, found without emitting the casts here. */
static bool common_elem(Elab *e, Loc loc, Tval *x, Tval *y, Elem *elem) {
  Builder here = e->b;
  Tval *v[2] = {x, y};
  enter(e, detached(e));
  bool ok = tv_unify_elem(e, loc, 2, v);
  e->b = here;
  *elem = v[0]->type->elem;
  return ok;
}

/* Known alike in both arms: a constant or an int of known formula is made anew behind the choice. */
static Tval *known_alike(Elab *e, Tval *x, Tval *y) {
  if (x->type != y->type || x->type->rank) return NULL;
  if (x->dim && x->dim == y->dim && !dim_runtime(x->dim)) return tv_int(e, x->loc, x->dim);
  if (x->scalar_const && y->scalar_const && x->number == y->number && !x->dim && !y->dim)
    return tv_number(e, x->loc, x->type->elem, x->number);
  return NULL;
}

static Tval *merge_known(Elab *e, Merge *m, Tval *x, Tval *y) {
  Tval *k = known_alike(e, x, y);
  if (k || x->type->elem != BOOL || !x->scalar_const || !y->scalar_const) return k;
  return x->number != 0 ? m->br->cond : tv_not(e, m->br->cond);
}

/* In a region: the leaf becomes a result of the `if`, which is filled in when that op is made. */
static Tval *merge_leaf(Elab *e, Merge *m, Tval *x, Tval *y) {
  Branch *br = m->br;
  if (tv_same(x, y)) return x;
  enter(e, br->here);
  Tval *k = merge_known(e, m, x, y);
  if (k) return k;
  Elem elem;
  Tval *v[2] = {x, y};
  if (!common_elem(e, m->loc, x, y, &elem)) return tv_error(e, m->loc);
  for (int arm = 0; arm < 2; arm++) {
    enter(e, br->region[arm]);
    v[arm] = tv_cast(e, v[arm], elem);
    int n = m->n;
    PUSH(e->ctx->arena, m->yield[arm], n, m->cap[arm]) = v[arm]->v;
  }
  m->n++;
  enter(e, br->here);
  PUSH(e->ctx->arena, m->type, m->ntype, m->type_cap) = v[0]->v->type;
  Tval *r = tv_tensor(e, m->loc, v[0]->type, NULL, 0, NULL);
  if (x->dim == y->dim) r->dim = x->dim;
  return PUSH(e->ctx->arena, m->slot, m->nslot, m->slot_cap) = r;
}

static Tval *merge_masked(Elab *e, Merge *m, Tval *x, Tval *y) {
  if (tv_same(x, y)) return x;
  Tval *k = merge_known(e, m, x, y);
  Tval *v[3] = {m->br->cond, x, y};
  return k ? k : tv_map(e, m->loc, m->loc, OP_select, 3, v);
}

static Tval *merge_parts(Elab *e, Merge *m, Tval *x, Tval *y) {
  if (x->kind == TV_FUNCTION) return x;
  if (x->kind == TV_TENSOR) return m->br->masked ? merge_masked(e, m, x, y) : merge_leaf(e, m, x, y);
  Tval *t = arena_dup(e->ctx->arena, x, sizeof *x);
  t->part = NEW_N(e->ctx->arena, Tval *, x->npart + 1);
  for (int i = 0; i < x->npart; i++)
    if (is_error(t->part[i] = merge_parts(e, m, x->part[i], y->part[i]))) return t->part[i];
  return t;
}

static Tval *merge(Elab *e, Merge *m, Tval *x, Tval *y) {
  return x == y ? x : alike(e, x, y) ? merge_parts(e, m, x, y) : tv_error(e, m->loc);
}

/* ---- from regions to ops ---- */

enum { CHEAP_WORK = 8, DEAR_OP = 4 };

/* What it costs to compute it whether it is needed or not; above CHEAP_WORK: it must not be. */
static int op_work(const Op *op) {
  if (op->nreg || op->nres != 1 || op->res[0]->type->rank) return CHEAP_WORK + 1;
  switch (op_info[op->code].family) {
  case FAM_SOURCE: return op->code == OP_sym ? CHEAP_WORK + 1 : 0;
  case FAM_MAP:
    if ((op->code >= OP_exp && op->code <= OP_softplus) || (op->code >= OP_erf && op->code <= OP_polygamma))
      return DEAR_OP;
    return op->code == OP_pow || op->code == OP_atan2 || op->code == OP_hypot ? DEAR_OP : 1;
  case FAM_INDEX: return op->code == OP_gather ? 1 : CHEAP_WORK + 1;
  default: return CHEAP_WORK + 1;
  }
}

static bool cheap(const Merge *m, const Region *r) {
  int work = 0;
  for (int i = 0; i < m->ntype; i++)
    if (m->type[i]->rank) return false;
  for (const Op *op = r->first; op; op = op->next)
    if ((work += op_work(op)) > CHEAP_WORK) return false;
  return true;
}

static void append(Region *to, Region *from) {
  for (Op *op = from->first; op; op = op->next) op->parent = to;
  if (!from->first) return;
  from->first->prev = to->last;
  *(to->last ? &to->last->next : &to->first) = from->first;
  to->last = from->last;
}

/* p ? x : y, written as `and` or `or` where y is what settles those. */
static Value *choose(Elab *e, Value *p, Value *x, Value *y) {
  if (y->type->elem != BOOL || !y->def || y->def->code != OP_const) return b_select(&e->b, p, x, y);
  if (!y->def->u.cst.i) return b_map2(&e->b, OP_and, p, x);
  Value *not_p = p->def && p->def->code == OP_not ? p->def->opd[0] : b_map1(&e->b, OP_not, p);
  return b_map2(&e->b, OP_or, not_p, x);
}

static Value **by_select(Elab *e, Branch *br, Merge *m) {
  Value **res = NEW_N(e->ctx->arena, Value *, m->n + 1);
  for (int arm = 0; arm < 2; arm++) append(br->here, br->region[arm]);
  for (int i = 0; i < m->n; i++) res[i] = choose(e, br->cond->v, m->yield[0][i], m->yield[1][i]);
  return res;
}

static Value **by_if(Elab *e, Branch *br, Merge *m) {
  Op *op = b_if(&e->b, br->cond->v, m->n, m->type);
  for (int arm = 0; arm < 2; arm++) {
    region_set_results(br->region[arm], m->n, m->yield[arm]);
    br->region[arm]->parent = op;
    op->reg[arm] = br->region[arm];
  }
  return op->res;
}

/* ---- the end ---- */

/* A variable that an arm which returns leaves behind is of no use any more. */
static bool gone(const Elab *e, const Var *v, const Tval *returned) {
  const Flow *f = e->flow;
  return f && v->b != f->returned && v->b != f->value && is_known(returned, true);
}

static Tval *merge_var(Elab *e, Merge *m, Var *v, const Tval *returned_then, const Tval *returned_else) {
  Branch *br = m->br;
  Tval *x = v->then, *y = v->b->value;
  if (gone(e, v, returned_then)) return br->masked || y == v->before ? y : merge(e, m, v->before, y);
  if (gone(e, v, returned_else)) return br->masked || x == v->before ? x : merge(e, m, x, v->before);
  if (x == y) return x;
  /* A value returned by one of the ways only. */
  if (br->masked && (!x || !y)) return x ? x : y;
  for (int arm = 0; arm < 2; arm++) {
    Tval **at = arm ? &y : &x, *other = arm ? x : y;
    if (*at || has_error(other)) continue;
    enter(e, br->region[arm]);
    *at = tv_zeros(e, spec_like(e, other));
  }
  enter(e, br->here);
  return x && y ? merge(e, m, x, y) : tv_error(e, m->loc);
}

Tval *branch_end(Elab *e, Branch *br, Loc loc, Tval *a, Tval *b) {
  Merge m = {.br = br, .loc = loc};
  Tval *result = NULL, *then = NULL, *otherwise = NULL;
  e->mask = br->mask;
  enter(e, br->here);
  for (int i = 0; i < br->nvar && e->flow; i++)
    if (br->var[i].b == e->flow->returned) {
      then = br->var[i].then;
      otherwise = br->var[i].b->value;
    }
  Tval **to = NEW_N(e->ctx->arena, Tval *, br->nvar + 1);
  for (int i = 0; i < br->nvar; i++) to[i] = merge_var(e, &m, &br->var[i], then, otherwise);
  if (a && b) result = merge(e, &m, a, b);
  if (!br->masked) {
    bool select = cheap(&m, br->region[0]) && cheap(&m, br->region[1]);
    Value **res = select ? by_select(e, br, &m) : by_if(e, br, &m);
    for (int i = 0; i < m.nslot; i++) m.slot[i]->v = res[i];
  }
  for (int i = 0; i < br->nvar; i++) {
    Var *v = &br->var[i];
    v->b->value = to[i] && is_error(to[i]) && v->before ? v->before : to[i];
  }
  return result;
}
