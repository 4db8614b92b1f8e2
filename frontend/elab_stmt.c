/* elab_stmt.c - statements: binding, assignment, branches, blocks, and how a body is left. */
#include <string.h>
#include "frontend/elab_flow.h"

static void name_value(Tval *v, const char *name) {
  if (v->kind == TV_TENSOR && v->v && !v->v->name && v->v->def) v->v->name = name;
}

/* ---- let and var ---- */

/* An int that becomes known only when it runs, as a symbol of its own: so it may stand in shapes and bounds. */
static Tval *named_int(Elab *e, Name *n, Tval *v) {
  if (v->kind != TV_TENSOR || v->type->elem != I64 || v->type->rank || v->dim || v->nlabel || e->mask || e->index)
    return v;
  Sym *s = sym_new(e->ctx, SYM_VALUE, n->text, n->loc);
  v = arena_dup(e->ctx->arena, v, sizeof *v);
  b_sym(&e->b, v->v, s);
  v->dim = dim_sym(e->ctx, s);
  return v;
}

static bool holds_function(const Tval *v) {
  bool holds = v->kind == TV_FUNCTION;
  for (int i = 0; i < v->npart; i++) holds = holds || holds_function(v->part[i]);
  return holds;
}

void bind_value(Elab *e, BindKind kind, Name *n, Tval *v) {
  if (kind == BIND_VAR && holds_function(v)) {
    Diag *d = diag_error(e->ctx, v->loc, E_OPERATOR, "a variable cannot hold a function");
    diag_help(e->ctx, d, "`let %s = …` gives it a name", n->text);
    v = tv_error(e, v->loc);
  }
  if (kind == BIND_LET) v = named_int(e, n, v);
  name_value(v, n->text);
  /* A var has the type that it is made with: a literal is settled. */
  if (kind == BIND_VAR && v->literal) {
    v = arena_dup(e->ctx->arena, v, sizeof *v);
    v->literal = false;
  }
  scope_bind(e, kind, n->text, n->loc, v);
}

static void bind_failed(Elab *e, BindKind kind, Name *n) {
  for (; n; n = n->next) scope_bind(e, kind, n->text, n->loc, tv_error(e, n->loc));
}

static void bind_pattern(Elab *e, Stmt *s, BindKind kind, Tval *v) {
  int n = 0;
  for (Name *x = s->u.bind.names; x; x = x->next) n++;
  bool parts = v->kind == TV_TUPLE || v->kind == TV_STRUCT;
  if (parts && v->npart == n) {
    int i = 0;
    for (Name *x = s->u.bind.names; x; x = x->next) bind_value(e, kind, x, v->part[i++]);
    return;
  }
  if (!is_error(v)) {
    if (parts)
      diag_error(e->ctx, s->loc, E_PATTERN, "%d names stand for a %s of %d parts", n, v->kind == TV_TUPLE ? "tuple" : "struct", v->npart);
    else
      diag_error(e->ctx, v->loc, E_PATTERN, "%d names stand for the parts of a tuple, but this is %s", n,
                 show_tval(e, v));
  }
  bind_failed(e, kind, s->u.bind.names);
}

static void stmt_bind(Elab *e, Stmt *s) {
  BindKind kind = s->kind == ST_VAR ? BIND_VAR : BIND_LET;
  Tval *v = elab_expr(e, s->u.bind.value);
  if (s->u.bind.type) {
    Spec *t = spec_of(e, s->u.bind.type);
    Dim *known = v->dim;
    e->b.loc = s->loc;
    v = fit(e, t, v, FIT_CHECKED, arena_printf(e->ctx->arena, "'%s'", s->u.bind.names->text));
    if (!is_error(v) && v->kind == TV_TENSOR && elem_is_int(v->type->elem) && v->type->rank == 0) v->dim = known;
  }
  if (s->u.bind.tuple)
    bind_pattern(e, s, kind, v);
  else
    bind_value(e, kind, s->u.bind.names, v);
}

/* ---- assignment ---- */

/* The variable that a target `x`, `x[i]`, `p.W[i]` stands in; NULL after a diagnostic. */
static Binding *target_var(Elab *e, Expr *t) {
  while (t->kind == EX_INDEX || t->kind == EX_FIELD) t = t->kind == EX_INDEX ? t->u.index.base : t->u.field.base;
  if (t->kind != EX_NAME) {
    if (t->kind != EX_ERROR)
      diag_error(e->ctx, t->loc, E_STORE, "only a variable, its elements and fields can be assigned");
    return NULL;
  }
  Binding *b = scope_find(e, t->u.name);
  if (!b) {
    unknown_name(e, t->loc, t->u.name, "variable", false);
    return NULL;
  }
  if (b->kind == BIND_VAR) return b;
  static const char *const kinds[] = {"made by `let`", "", "a parameter", "a dimension", "an index", "a loop's index"};
  Diag *d = diag_error(e->ctx, t->loc, E_IMMUTABLE, "'%s' cannot change: it is %s", b->name, kinds[b->kind]);
  diag_note(e->ctx, d, b->loc, "it is made here");
  if (b->kind == BIND_LET) diag_help(e->ctx, d, "make it by `var %s = …`", b->name);
  if (b->kind == BIND_PARAM)
    diag_help(e->ctx, d, "`var %s = %s` makes a variable that starts with its value", b->name, b->name);
  return NULL;
}

/* A declared type that v has: what a variable keeps. */
Spec *spec_like(Elab *e, const Tval *v) {
  Spec *s = NEW(e->ctx->arena, Spec);
  *s = (Spec){.kind = v->kind,
              .loc = LOC_NONE,
              .type = v->type,
              .npart = v->npart,
              .part_name = v->part_name,
              .def = v->struct_def,
              .arg = v->struct_arg};
  s->part = NEW_N(e->ctx->arena, Spec *, v->npart + 1);
  for (int i = 0; i < v->npart; i++) s->part[i] = spec_like(e, v->part[i]);
  return s;
}

bool has_error(const Tval *v) {
  if (is_error(v)) return true;
  for (int i = 0; i < v->npart; i++)
    if (has_error(v->part[i])) return true;
  return false;
}

/* v in the place of `target`'s old value `old`. */
static Tval *kept_type(Elab *e, Expr *target, Tval *old, Tval *v) {
  if (has_error(old) || is_error(v)) return old;
  Tval *r = fit(e, spec_like(e, old), v, FIT_STRICT,
                arena_printf(e->ctx->arena, "the new value of '%s'",
                             target->kind == EX_NAME    ? target->u.name
                             : target->kind == EX_FIELD ? target->u.field.name
                                                        : "the element"));
  if (is_error(r)) return old;
  if (r->kind == TV_TENSOR && r->type->rank == 0 && r->type->elem == I64) r->dim = v->dim;
  return r;
}

/* The new value of a target's base when the target becomes v. */
static Tval *rebuilt(Elab *e, Expr *target, Tval *old_base, Tval *v);

static Tval *value_of_target(Elab *e, Expr *t, Binding *b) {
  if (t->kind == EX_NAME) return b->value;
  return elab_expr(e, t);
}

static Tval *store_field(Elab *e, Expr *t, Tval *base, Tval *v) {
  for (int i = 0; i < base->npart; i++)
    if (base->part_name && base->part_name[i] == t->u.field.name) {
      Tval *r = arena_dup(e->ctx->arena, base, sizeof *base);
      r->part = arena_dup(e->ctx->arena, base->part, sizeof *base->part * (size_t)base->npart);
      r->part[i] = kept_type(e, t, base->part[i], v);
      return r;
    }
  if (base->kind == TV_TENSOR && !strcmp(t->u.field.name, "T"))
    diag_error(e->ctx, t->loc, E_STORE, "a transposed tensor is a value, which cannot be assigned to");
  else
    unknown_field(e, t, base);
  return base;
}

static Tval *rebuilt(Elab *e, Expr *t, Tval *base, Tval *v) {
  return t->kind == EX_FIELD ? store_field(e, t, base, v) : store_elements(e, t, base, v);
}

static void assign_one(Elab *e, Expr *target, Binding *b, Tval *v) {
  while (target->kind == EX_INDEX || target->kind == EX_FIELD) {
    Expr *base = target->kind == EX_INDEX ? target->u.index.base : target->u.field.base;
    Tval *old = value_of_target(e, base, b);
    if (is_error(old) || is_error(v)) return;
    v = rebuilt(e, target, old, v);
    target = base;
  }
  v = kept_type(e, target, b->value, v);
  name_value(v, b->name);
  b->value = v;
}

/* x[i] += e; false: it is done as x[i] = x[i] + e. */
static bool add_in_place(Elab *e, Stmt *s, Expr *t, Binding *b, Tval *v) {
  if (t->kind != EX_INDEX || e->index || is_error(v)) return false;
  Tval *base = value_of_target(e, t->u.index.base, b);
  e->b.loc = s->loc;
  Tval *sum = is_error(base) ? base : store_add(e, t, base, v, s->u.assign.op == BIN_SUB);
  if (sum && !is_error(sum)) assign_one(e, t->u.index.base, b, sum);
  return sum != NULL;
}

static void stmt_assign(Elab *e, Stmt *s) {
  int nt = 0, nv = 0, cap = 0;
  Tval **v = NULL;
  for (Expr *x = s->u.assign.targets; x; x = x->next) nt++;
  for (Expr *x = s->u.assign.values; x; x = x->next) PUSH(e->ctx->arena, v, nv, cap) = elab_expr(e, x);
  if (nv == 1 && nt > 1 && (v[0]->kind == TV_TUPLE || v[0]->kind == TV_STRUCT)) {
    nv = v[0]->npart;
    v = v[0]->part;
  }
  if (nt != nv) {
    if (nv != 1 || !is_error(v[0])) diag_error(e->ctx, s->loc, E_PATTERN, "%d targets, but %d values", nt, nv);
    return;
  }
  int i = 0;
  for (Expr *t = s->u.assign.targets; t; t = t->next, i++) {
    Binding *b = target_var(e, t);
    if (!b) continue;
    if ((s->u.assign.op == BIN_ADD || s->u.assign.op == BIN_SUB) && add_in_place(e, s, t, b, v[i])) continue;
    if (s->u.assign.op >= 0) {
      Tval *old = value_of_target(e, t, b);
      v[i] = elab_binop(e, s->loc, s->loc, (BinOp)s->u.assign.op, old, v[i]);
    }
    e->b.loc = s->loc;
    assign_one(e, t, b, v[i]);
  }
}

/* ---- leaving ---- */

Tval *tv_flag(Elab *e, bool value) { return tv_number(e, e->b.loc, BOOL, value); }

bool is_known(const Tval *flag, bool value) {
  return flag && flag->kind == TV_TENSOR && flag->scalar_const && (flag->number != 0) == value;
}

Binding *hidden_variable(Elab *e, const char *name, Tval *v) {
  return scope_bind(e, BIND_VAR, intern(e->ctx, name), LOC_NONE, v);
}

Exited exited(Elab *e, Tval **flag) {
  Flow *f = e->flow;
  Binding *b[3] = {f->returned, f->loop ? f->loop->broke : NULL, f->loop ? f->loop->skipped : NULL};
  *flag = NULL;
  for (int i = 0; i < 3; i++) {
    if (!b[i] || is_known(b[i]->value, false)) continue;
    if (is_known(b[i]->value, true)) return EXITED_ALWAYS;
    Tval *v[2] = {*flag, b[i]->value};
    *flag = *flag ? tv_map(e, e->b.loc, e->b.loc, OP_or, 2, v) : b[i]->value;
  }
  return *flag ? EXITED_PERHAPS : EXITED_NEVER;
}

static void stmt_return(Elab *e, Stmt *s) {
  Flow *f = e->flow;
  Tval *v = elab_expr(e, s->u.value);
  if (!f->result && v->kind == TV_FUNCTION) {
    diag_error(e->ctx, v->loc, E_OPERATOR, "a function cannot be returned");
    v = tv_error(e, v->loc);
  }
  if (!f->result && !is_error(v)) f->result = spec_like(e, v);
  if (f->result) v = fit(e, f->result, v, FIT_STRICT, f->what);
  f->failed = f->failed || is_error(v);
  f->value->value = v;
  f->returned->value = tv_flag(e, true);
}

static void stmt_break(Elab *e, Stmt *s) {
  bool skip = s->kind == ST_CONTINUE;
  Loop *l = e->flow->loop;
  if (!l) {
    diag_error(e->ctx, s->loc, E_OUTSIDE_LOOP, "`%s` stands in no loop", skip ? "continue" : "break");
    return;
  }
  (skip ? l->skipped : l->broke)->value = tv_flag(e, true);
}

Tval *elab_body(Elab *e, Stmt *s, Spec *result, const char *who, Loc name) {
  Flow flow = {.result = result, .what = arena_printf(e->ctx->arena, "the result of %s", who)}, *outer = e->flow;
  flow.returned = hidden_variable(e, "%returned", tv_flag(e, false));
  flow.value = hidden_variable(e, "%result", NULL);
  e->flow = &flow;
  elab_stmts(e, s);
  e->flow = outer;
  if (is_known(flow.returned->value, true) && flow.value->value) return flow.value->value;
  if (flow.failed) return tv_error(e, name);
  Diag *g = flow.value->value ? diag_error(e->ctx, name, E_NO_RETURN, "not every way through %s ends in `return`", who)
                              : diag_error(e->ctx, name, E_NO_RETURN, "the body of %s ends without `return`", who);
  if (result && result->loc.file >= 0) diag_note(e->ctx, g, result->loc, "the result is declared here");
  return tv_error(e, name);
}

/* ---- branches ---- */

/* Where it is known whether the block has been left, so are the flags; with several, which one is left open. */
static void settle_flags(Elab *e, bool left) {
  Flow *f = e->flow;
  Binding *b[3] = {f->returned, f->loop ? f->loop->broke : NULL, f->loop ? f->loop->skipped : NULL}, *open = NULL;
  int n = 0;
  for (int i = 0; i < 3; i++) {
    if (!b[i] || is_known(b[i]->value, false)) continue;
    open = b[i];
    n++;
    if (!left) b[i]->value = tv_flag(e, false);
  }
  if (left && n == 1) open->value = tv_flag(e, true);
}

/* Statements behind something that may have left the block. */
static void elab_rest(Elab *e, Stmt *rest) {
  Tval *left;
  Exited x = rest ? exited(e, &left) : EXITED_ALWAYS;
  if (x == EXITED_ALWAYS) return;
  Branch br;
  if (x == EXITED_PERHAPS) {
    branch_begin(e, &br, left);
    branch_arm(e, &br, 0);
    settle_flags(e, true);
    branch_arm(e, &br, 1);
    settle_flags(e, false);
  }
  scope_push(e);
  elab_stmts(e, rest);
  scope_pop(e);
  if (x == EXITED_PERHAPS) branch_end(e, &br, rest->loc, NULL, NULL);
}

static void elab_nested(Elab *e, Stmt *s) {
  scope_push(e);
  elab_stmts(e, s);
  scope_pop(e);
}

/* Where one way always leaves, what follows belongs to the other one.  True: it has been taken along. */
static bool stmt_if(Elab *e, Stmt *s) {
  Stmt *then = s->u.cond.then, *otherwise = s->u.cond.otherwise, *rest = s->next;
  bool then_leaves = stmts_leave(then), else_leaves = stmts_leave(otherwise), take = rest && then_leaves != else_leaves;
  Tval *c = elab_condition(e, s->u.cond.cond, "the condition of an `if`");
  if (!c) e->flow->failed = true;
  Branch br;
  e->b.loc = s->loc;
  branch_begin(e, &br, c ? c : unknown_condition(e));
  branch_arm(e, &br, 0);
  elab_nested(e, then);
  if (take && else_leaves) elab_rest(e, rest);
  branch_arm(e, &br, 1);
  elab_nested(e, otherwise);
  if (take && then_leaves) elab_rest(e, rest);
  e->b.loc = s->loc;
  branch_end(e, &br, s->loc, NULL, NULL);
  return take;
}

/* ---- the rest ---- */

static void stmt_assert(Elab *e, Stmt *s) {
  Tval *c = elab_tensor(e, s->u.check.cond);
  if (is_error(c)) return;
  if (c->type->elem != BOOL) {
    diag_error(e->ctx, c->loc, E_NOT_BOOL, "`assert` takes a bool, but this is %s", show_type(e, c->type));
    return;
  }
  e->b.loc = s->loc;
  check_true(e, c, s->u.check.message ? s->u.check.message : "assertion failed");
}

static Tval *stopped(Elab *e, Tval *x, Tval *y, void *env) {
  (void)y, (void)env;
  return elem_is_real(x->type->elem) ? tv_map(e, e->b.loc, e->b.loc, OP_stop_gradient, 1, &x) : x;
}

/* Whatever variable the block has assigned, and what it returns, carries no derivative out of it. */
static void stmt_no_grad(Elab *e, Stmt *s) {
  Var *before = NULL;
  int n = 0, cap = 0;
  for (Scope *k = e->scope; k; k = k->outer)
    for (Binding *b = k->first; b; b = b->next)
      if (b->kind == BIND_VAR) PUSH(e->ctx->arena, before, n, cap) = (Var){b, b->value, NULL};
  elab_nested(e, s->u.block);
  e->b.loc = s->loc;
  for (int i = 0; i < n; i++) {
    Binding *b = before[i].b;
    if (b->value != before[i].before && !has_error(b->value)) b->value = tv_map_parts(e, b->value, NULL, stopped, NULL);
  }
}

static void stmt_error(Elab *e, Stmt *s) {
  e->flow->failed = true;
  e->flow->value->value = tv_error(e, s->loc);
  e->flow->returned->value = tv_flag(e, true);
}

typedef void StmtFn(Elab *e, Stmt *s);
static StmtFn *const stmt_kind[] = {
    [ST_LET] = stmt_bind,      [ST_VAR] = stmt_bind,        [ST_ASSIGN] = stmt_assign,  [ST_FOR] = stmt_for,
    [ST_WHILE] = stmt_while,   [ST_BREAK] = stmt_break,     [ST_CONTINUE] = stmt_break, [ST_RETURN] = stmt_return,
    [ST_ASSERT] = stmt_assert, [ST_NO_GRAD] = stmt_no_grad, [ST_ERROR] = stmt_error};

static void unreached(Elab *e, const Stmt *s, const Stmt *rest) {
  static const char *const what[] = {[ST_RETURN] = "`return`", [ST_BREAK] = "`break`", [ST_CONTINUE] = "`continue`"};
  bool plain = s->kind == ST_RETURN || s->kind == ST_BREAK || s->kind == ST_CONTINUE;
  if (rest->kind != ST_ERROR && s->kind != ST_ERROR && !e->flow->failed)
    diag_warning(e->ctx, rest->loc, W_UNREACHABLE, "nothing after %s is reached", plain ? what[s->kind] : "this");
}

void elab_stmts(Elab *e, Stmt *s) {
  for (; s; s = s->next) {
    Tval *left;
    e->b.loc = s->loc;
    if (!elab_budget(e, s->loc)) {
      stmt_error(e, s);
      return;
    }
    if (s->kind != ST_IF)
      stmt_kind[s->kind](e, s);
    else if (stmt_if(e, s))
      return;
    if (!s->next) return;
    Exited x = exited(e, &left);
    if (x == EXITED_ALWAYS) unreached(e, s, s->next);
    if (x == EXITED_PERHAPS) elab_rest(e, s->next);
    if (x != EXITED_NEVER) return;
  }
}
