/* elab_loop.c - `for` and `while` statements as ops that carry the variables which the body assigns.
 *
 * A loop that may be left early (`break`, `return`) is a `while` that carries the flags, and the index of a `for`.
 * Ensures: what the body leaves unchanged is not carried. */
#include "frontend/elab_flow.h"

/* ---- the carried variables ---- */

typedef struct Carried {
  Binding **b;
  Tval **model; /* what they hold before the loop */
  int n, cap, nleaf;
  Value **init;
} Carried;

static void carry(Elab *e, Carried *c, Binding *b) {
  for (int i = 0; i < c->n; i++)
    if (c->b[i] == b) return;
  PUSH(e->ctx->arena, c->b, c->n, c->cap) = b;
}

/* A `return` in the body: the flag and the value are carried, which starts as zeros. */
static bool carry_return(Elab *e, Carried *c, Loc loc) {
  Flow *f = e->flow;
  if (!f->result) {
    Diag *d = diag_error(e->ctx, loc, E_NO_RETURN, "a `return` inside a loop needs the result's type");
    diag_help(e->ctx, d, "declare it: `fn(…) -> real { … }`");
    return false;
  }
  if (spec_holds_function(f->result)) {
    diag_error(e->ctx, loc, E_NO_RETURN, "a `return` inside a loop cannot give a function");
    f->value->value = tv_error(e, loc);
    return false;
  }
  if (!f->value->value) f->value->value = tv_zeros(e, f->result);
  if (!has_error(f->value->value)) carry(e, c, f->value);
  carry(e, c, f->returned);
  return true;
}

static void carry_models(Elab *e, Carried *c) {
  c->model = NEW_N(e->ctx->arena, Tval *, c->n + 1);
  for (int i = 0; i < c->n; i++) {
    c->model[i] = c->b[i]->value;
    c->nleaf += tval_flatten(c->model[i], NULL);
  }
  c->init = NEW_N(e->ctx->arena, Value *, c->nleaf + 1);
  for (int i = 0, n = 0; i < c->n; i++) n += tval_flatten(c->model[i], c->init + n);
}

static const char *hint(const Binding *b) { return b->name[0] == '%' ? b->name + 1 : b->name; }

static void name_leaf(Elab *e, Value *v, const Binding *b) {
  if (!v->name) v->name = intern(e->ctx, hint(b));
}

static void bind_leaves(Elab *e, Carried *c, Value **leaf) {
  int next = 0;
  for (int i = 0; i < c->n; i++) {
    int first = next;
    c->b[i]->value = tv_over(e, c->model[i], leaf, &next);
    for (; first < next; first++) name_leaf(e, leaf[first], c->b[i]);
  }
}

static Value **leaves_now(Elab *e, Carried *c) {
  Value **leaf = NEW_N(e->ctx->arena, Value *, c->nleaf + 1);
  for (int i = 0, n = 0; i < c->n; i++) n += tval_flatten(c->b[i]->value, leaf + n);
  return leaf;
}

/* After an error the op may be incomplete, which nobody sees. */
static bool types_kept(Carried *c, Value **leaf) {
  for (int i = 0; i < c->nleaf; i++)
    if (leaf[i]->type != c->init[i]->type) return false;
  return true;
}

/* Results to variables; a leaf that the body hands on unchanged keeps its value from before the loop.  extra: carried
 * values of the op before the variables'. */
static void loop_results(Elab *e, Carried *c, Op *op, int extra, Value **yield) {
  bool *keep = NEW_N(e->ctx->arena, bool, c->nleaf + extra + 1);
  Value **leaf = NEW_N(e->ctx->arena, Value *, c->nleaf + 1);
  int skip = loop_nindex(op) + extra;
  for (int i = 0; i < extra; i++) keep[i] = true;
  for (int i = 0; i < c->nleaf; i++) {
    Value *param = loop_body(op)->param[skip + i];
    keep[extra + i] = yield[i] != param;
    leaf[i] = keep[extra + i] ? op->res[extra + i] : c->init[i];
    if (keep[extra + i]) continue;
    for (int r = 0; r < op->nreg; r++) region_replace_uses(op->reg[r], op->reg[r]->param[skip + i], c->init[i]);
  }
  op_keep_results(op, keep);
  int next = 0;
  for (int i = 0; i < c->n; i++) {
    Tval *old = c->model[i];
    int first = next;
    Tval *v = tv_over(e, old, leaf, &next);
    bool same = true;
    for (; first < next; first++) {
      same = same && leaf[first] == c->init[first];
      if (leaf[first] != c->init[first]) name_leaf(e, leaf[first], c->b[i]);
    }
    c->b[i]->value = same ? old : v;
  }
}

/* ---- the bounds ---- */

typedef struct LoopRange {
  Tval *lo, *hi, *by;
  int64_t step; /* 0: known only when it runs */
} LoopRange;

static Tval *range_int(Elab *e, Expr *x, const char *what) {
  Tval *v = elab_tensor(e, x);
  if (is_error(v)) return NULL;
  if (v->type->rank == 0 && elem_is_int(v->type->elem)) return tv_cast(e, v, I64);
  diag_error(e->ctx, x->loc, E_LOOP_RANGE, "%s of a loop must be an int, but this is %s", what, show_type(e, v->type));
  return NULL;
}

static bool range_step(Elab *e, Stmt *s, LoopRange *r) {
  r->step = 1;
  if (!s->u.loop.by) return r->by = tv_int(e, s->loc, dim_const(e->ctx, 1)), true;
  if (!(r->by = range_int(e, s->u.loop.by, "the step"))) return false;
  if (!r->by->dim || !dim_is_const(r->by->dim, &r->step)) r->step = 0;
  if (r->step) return true;
  if (r->by->dim && dim_is(r->by->dim, 0)) {
    diag_error(e->ctx, s->u.loop.by->loc, E_LOOP_RANGE, "the step of a loop cannot be zero");
    return false;
  }
  Tval *v[2] = {r->by, tv_number(e, s->loc, I64, 0)};
  check_true(e, tv_map(e, s->loc, s->loc, OP_ne, 2, v), "the step of a loop is zero");
  return true;
}

static bool elab_range(Elab *e, Stmt *s, LoopRange *r) {
  r->lo = range_int(e, s->u.loop.from, "the first index");
  r->hi = range_int(e, s->u.loop.to, "the end");
  return r->lo && r->hi && range_step(e, s, r);
}

Tval *counted_int(Elab *e, const char *name, Loc loc, Value *v, Dim *lo, Dim *hi) {
  Tval *t = tv_tensor(e, loc, type_scalar(e->ctx, I64), v, 0, NULL);
  Sym *s = sym_new(e->ctx, SYM_VALUE, name, loc);
  s->nonneg = lo && proved_nonneg(e, lo);
  s->lo = lo;
  s->hi = hi;
  b_sym(&e->b, v, s);
  t->dim = dim_sym(e->ctx, s);
  v->name = name;
  return t;
}

static void bind_index(Elab *e, Stmt *s, const LoopRange *r, Value *v) {
  Dim *one = dim_const(e->ctx, 1), *lo = NULL, *hi = NULL;
  if (r->step > 0) {
    lo = r->lo->dim;
    hi = r->hi->dim;
  } else if (r->step < 0) {
    lo = r->hi->dim ? dim_add(e->ctx, r->hi->dim, one) : NULL;
    hi = r->lo->dim ? dim_add(e->ctx, r->lo->dim, one) : NULL;
  }
  scope_bind(e, BIND_LOOP, s->u.loop.name, s->u.loop.name_loc,
             counted_int(e, s->u.loop.name, s->u.loop.name_loc, v, lo, hi));
}

/* ---- bodies ---- */

typedef struct Body {
  Loop loop, *outer;
  Carried carried;
  Region *here;
  unsigned exits;
  bool checkpoint;
  int snapshots;
} Body;

static void enter(Elab *e, Region *r) {
  e->b.region = r;
  e->b.before = NULL;
}

static int snapshots(Elab *e, bool wanted, Expr *k) {
  int64_t n;
  if (!wanted) return 0;
  if (!k || !arg_const_int(e, k, &n)) return -1;
  if (n > 0 && n <= INT32_MAX) return (int)n;
  diag_error(e->ctx, k->loc, E_LOOP_RANGE, "the number of snapshots must be %s",
             n > 0 ? "less than 2147483648" : "positive");
  return -1;
}

/* Inside a comprehension only types are wanted here: the body is walked once, and nothing is carried. */
static bool only_types(Elab *e, Stmt *s, Stmt *body, const char *index) {
  if (!e->index) return false;
  if (!e->typing) bug("line %d: a loop for all values of an index at once", loc_line(e->ctx, s->loc));
  Loop loop = {NULL, NULL}, *outer = e->flow->loop;
  scope_push(e);
  loop.broke = hidden_variable(e, "%break", tv_flag(e, false));
  loop.skipped = hidden_variable(e, "%continue", tv_flag(e, false));
  if (index)
    scope_bind(e, BIND_LOOP, index, s->loc, tv_tensor(e, s->loc, type_scalar(e->ctx, I64), b_int(&e->b, 0), 0, NULL));
  e->flow->loop = &loop;
  elab_stmts(e, body);
  e->flow->loop = outer;
  scope_pop(e);
  return true;
}

static void body_begin(Elab *e, Body *l, Stmt *s, Stmt *body, bool checkpoint, Expr *k) {
  *l = (Body){.outer = e->flow->loop,
              .here = e->b.region,
              .exits = stmts_exits(body),
              .snapshots = snapshots(e, checkpoint, k)};
  if ((l->exits & EXIT_RETURN) && !carry_return(e, &l->carried, s->loc)) e->flow->failed = true;
  stmts_targets(e, body, &l->carried.b, &l->carried.n, &l->carried.cap);
  scope_push(e);
  if (l->exits & EXIT_BREAK) carry(e, &l->carried, l->loop.broke = hidden_variable(e, "%break", tv_flag(e, false)));
  carry_models(e, &l->carried);
}

/* One turn: a fresh scope, in which `continue` starts unset, as do the flags that have let the turn begin. */
static void body_turn(Elab *e, Body *l, Stmt *body) {
  scope_push(e);
  if (l->exits & EXIT_BREAK) l->loop.broke->value = tv_flag(e, false);
  if (l->exits & EXIT_RETURN) e->flow->returned->value = tv_flag(e, false);
  if (l->exits & EXIT_CONTINUE) l->loop.skipped = hidden_variable(e, "%continue", tv_flag(e, false));
  e->flow->loop = &l->loop;
  elab_stmts(e, body);
  e->flow->loop = l->outer;
  scope_pop(e);
}

static void body_end(Elab *e, Body *l, Op *op, int extra, Value **first) {
  Carried *c = &l->carried;
  Value **yield = leaves_now(e, c), **all = NEW_N(e->ctx->arena, Value *, c->nleaf + extra + 1);
  for (int i = 0; i < extra; i++) all[i] = first[i];
  for (int i = 0; i < c->nleaf; i++) all[extra + i] = yield[i];
  if (types_kept(c, yield)) {
    region_set_results(loop_body(op), extra + c->nleaf, all);
    enter(e, l->here);
    op->u.loop.checkpoint = l->snapshots;
    loop_results(e, c, op, extra, yield);
  } else {
    enter(e, l->here);
    for (int i = 0; i < c->n; i++) c->b[i]->value = c->model[i];
    e->flow->failed = true;
  }
  scope_pop(e);
}

/* The flags that end the loop, as the carried values stand; NULL: there are none. */
static Tval *left_loop(Elab *e, Body *l) {
  Tval *a = l->exits & EXIT_BREAK ? l->loop.broke->value : NULL,
       *b = l->exits & EXIT_RETURN ? e->flow->returned->value : NULL;
  Tval *v[2] = {a, b};
  return !a ? b : !b ? a : tv_map(e, e->b.loc, e->b.loc, OP_or, 2, v);
}

/* ---- while ---- */

static bool always_true(const Tval *c) { return c && is_known(c, true); }

/* The condition is not asked again when the loop has been left. */
static Tval *go_on(Elab *e, Body *l, Expr *cond, bool *endless) {
  Tval *left = left_loop(e, l);
  if (!left) {
    Tval *c = elab_condition(e, cond, "the condition of a `while`");
    *endless = always_true(c);
    return c;
  }
  Branch br;
  Tval *not_left = tv_not(e, left);
  branch_begin(e, &br, not_left);
  branch_arm(e, &br, 0);
  Tval *c = elab_condition(e, cond, "the condition of a `while`");
  branch_arm(e, &br, 1);
  Tval *no = tv_flag(e, false);
  *endless = always_true(c) && !(l->exits & EXIT_BREAK);
  return branch_end(e, &br, cond->loc, c, c ? no : NULL);
}

void stmt_while(Elab *e, Stmt *s) {
  Stmt *body = s->u.whil.body;
  if (only_types(e, s, body, NULL)) return;
  Body l;
  body_begin(e, &l, s, body, s->u.whil.checkpoint, s->u.whil.snapshots);
  Op *op = b_while(&e->b, l.carried.nleaf, l.carried.init);
  enter(e, op->reg[0]);
  bind_leaves(e, &l.carried, op->reg[0]->param);
  bool endless = false;
  Tval *c = go_on(e, &l, s->u.whil.cond, &endless);
  if (!c) e->flow->failed = true;
  region_set_results(op->reg[0], 1, &(Value *){c ? c->v : b_bool(&e->b, false)});
  enter(e, op->reg[1]);
  bind_leaves(e, &l.carried, op->reg[1]->param);
  body_turn(e, &l, body);
  e->b.loc = s->loc;
  body_end(e, &l, op, 0, NULL);
  if (endless && (l.exits & EXIT_RETURN)) e->flow->returned->value = tv_flag(e, true);
}

/* ---- for ---- */

static void plain_for(Elab *e, Stmt *s, Body *l, LoopRange *r) {
  Op *op = b_for(&e->b, r->lo->v, r->hi->v, r->by->v, l->carried.nleaf, l->carried.init);
  Region *body = op->reg[0];
  enter(e, body);
  bind_index(e, s, r, body->param[0]);
  bind_leaves(e, &l->carried, body->param + 1);
  body_turn(e, l, s->u.loop.body);
  e->b.loc = s->loc;
  body_end(e, l, op, 0, NULL);
}

/* i < hi going up, i > hi going down. */
static Tval *in_range(Elab *e, Loc loc, LoopRange *r, Tval *i) {
  Tval *v[2] = {i, r->hi};
  if (r->step) return tv_map(e, loc, loc, r->step > 0 ? OP_lt : OP_gt, 2, v);
  Tval *up[2] = {r->by, tv_number(e, loc, I64, 0)};
  Tval *sel[3] = {tv_map(e, loc, loc, OP_gt, 2, up), tv_map(e, loc, loc, OP_lt, 2, v),
                  tv_map(e, loc, loc, OP_gt, 2, v)};
  return tv_map(e, loc, loc, OP_select, 3, sel);
}

static void leaving_for(Elab *e, Stmt *s, Body *l, LoopRange *r) {
  Type *int_type = type_scalar(e->ctx, I64);
  Value **init = NEW_N(e->ctx->arena, Value *, l->carried.nleaf + 1);
  init[0] = r->lo->v;
  for (int i = 0; i < l->carried.nleaf; i++) init[1 + i] = l->carried.init[i];
  Op *op = b_while(&e->b, l->carried.nleaf + 1, init);
  enter(e, op->reg[0]);
  bind_leaves(e, &l->carried, op->reg[0]->param + 1);
  Tval *more = in_range(e, s->loc, r, tv_tensor(e, s->loc, int_type, op->reg[0]->param[0], 0, NULL));
  Tval *left = left_loop(e, l), *both[2] = {more, left ? tv_not(e, left) : NULL};
  if (left) more = tv_map(e, s->loc, s->loc, OP_and, 2, both);
  region_set_results(op->reg[0], 1, &more->v);
  Region *body = op->reg[1];
  enter(e, body);
  bind_index(e, s, r, body->param[0]);
  bind_leaves(e, &l->carried, body->param + 1);
  body_turn(e, l, s->u.loop.body);
  e->b.loc = s->loc;
  Value *next = b_map2(&e->b, OP_add, body->param[0], r->by->v);
  body_end(e, l, op, 1, &next);
}

void stmt_for(Elab *e, Stmt *s) {
  LoopRange r;
  Stmt *body = s->u.loop.body;
  if (only_types(e, s, body, s->u.loop.name)) return;
  if (!elab_range(e, s, &r)) {
    /* The body is still looked at, with an index that nothing is known of. */
    e->flow->failed = true;
    r = (LoopRange){.lo = tv_int(e, s->loc, dim_const(e->ctx, 0)), .by = tv_int(e, s->loc, dim_const(e->ctx, 1))};
    r.hi = r.lo;
  }
  Body l;
  body_begin(e, &l, s, body, s->u.loop.checkpoint, s->u.loop.snapshots);
  if (l.exits & (EXIT_BREAK | EXIT_RETURN))
    leaving_for(e, s, &l, &r);
  else
    plain_for(e, s, &l, &r);
}
