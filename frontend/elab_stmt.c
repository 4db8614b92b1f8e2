/* elab_stmt.c - statements: binding, assignment, blocks. */
#include "frontend/elab_core.h"

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
  v->v = b_sym(&e->b, v->v, s);
  v->dim = dim_sym(e->ctx, s);
  return v;
}

static void bind_name(Elab *e, BindKind kind, Name *n, Tval *v) {
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
  if (v->kind == TV_TUPLE && v->npart == n) {
    int i = 0;
    for (Name *x = s->u.bind.names; x; x = x->next) bind_name(e, kind, x, v->part[i++]);
    return;
  }
  if (!is_error(v)) {
    if (v->kind == TV_TUPLE)
      diag_error(e->ctx, s->loc, E_PATTERN, "%d names stand for a tuple of %d parts", n, v->npart);
    else
      diag_error(e->ctx, v->loc, E_PATTERN, "%d names stand for the parts of a tuple, but this is %s", n,
                 show_tval(e, v));
  }
  bind_failed(e, kind, s->u.bind.names);
}

static void stmt_bind(Elab *e, Stmt *s) {
  BindKind kind = s->kind == ST_VAR ? BIND_VAR : BIND_LET;
  if (s->u.bind.value->kind == EX_LAMBDA) {
    not_yet(e, s->u.bind.value->loc, E_NO_FUNCTION_VALUE, "lambdas are");
    bind_failed(e, kind, s->u.bind.names);
    return;
  }
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
    bind_name(e, kind, s->u.bind.names, v);
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
  static const char *const kinds[] = {"made by `let`", "", "a parameter", "a dimension", "an index"};
  Diag *d = diag_error(e->ctx, t->loc, E_IMMUTABLE, "'%s' cannot change: it is %s", b->name, kinds[b->kind]);
  diag_note(e->ctx, d, b->loc, "it is made here");
  if (b->kind == BIND_LET) diag_help(e->ctx, d, "make it by `var %s = …`", b->name);
  if (b->kind == BIND_PARAM)
    diag_help(e->ctx, d, "`var %s = %s` makes a variable that starts with its value", b->name, b->name);
  return NULL;
}

/* A declared type that v has: what a variable keeps. */
static Spec *spec_like(Elab *e, const Tval *v) {
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

static bool has_error(const Tval *v) {
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

static void stmt_assign(Elab *e, Stmt *s) {
  int nt = 0, nv = 0, cap = 0;
  Tval **v = NULL;
  for (Expr *x = s->u.assign.targets; x; x = x->next) nt++;
  for (Expr *x = s->u.assign.values; x; x = x->next) PUSH(e->ctx->arena, v, nv, cap) = elab_expr(e, x);
  if (nv == 1 && nt > 1 && v[0]->kind == TV_TUPLE) {
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
    if (s->u.assign.op >= 0) {
      Tval *old = value_of_target(e, t, b);
      v[i] = elab_binop(e, s->loc, s->loc, (BinOp)s->u.assign.op, old, v[i]);
    }
    e->b.loc = s->loc;
    assign_one(e, t, b, v[i]);
  }
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

/* Whatever variable the block has assigned carries no derivative out of it. */
static void stmt_no_grad(Elab *e, Stmt *s) {
  typedef struct Before {
    Binding *b;
    Tval *v;
  } Before;
  Before *before = NULL;
  int n = 0, cap = 0;
  for (Scope *k = e->scope; k; k = k->outer)
    for (Binding *b = k->first; b; b = b->next)
      if (b->kind == BIND_VAR) PUSH(e->ctx->arena, before, n, cap) = (Before){b, b->value};
  scope_push(e);
  Tval *r = elab_block(e, s->u.block);
  scope_pop(e);
  if (r && !is_error(r)) not_yet(e, s->loc, E_NO_CONTROL_FLOW, "`return` inside a block is");
  e->b.loc = s->loc;
  for (int i = 0; i < n; i++)
    if (before[i].b->value != before[i].v && !has_error(before[i].b->value))
      before[i].b->value = tv_map_parts(e, before[i].b->value, NULL, stopped, NULL);
}

static void stmt_control(Elab *e, Stmt *s) {
  static const char *const what[] = {[ST_IF] = "`if` statements are",
                                     [ST_FOR] = "`for` loops are",
                                     [ST_WHILE] = "`while` loops are",
                                     [ST_BREAK] = "`break` is",
                                     [ST_CONTINUE] = "`continue` is"};
  const char *text = e->ctx->source[s->loc.file]->text;
  int end = s->loc.begin;
  while (end < s->loc.end && text[end] >= 'a' && text[end] <= 'z') end++;
  Diag *d = diag_error(e->ctx, (Loc){s->loc.file, s->loc.begin, end > s->loc.begin ? end : s->loc.end},
                       E_NO_CONTROL_FLOW, "%s not supported yet", what[s->kind]);
  if (s->kind == ST_IF) diag_help(e->ctx, d, "as an expression it is: `if c then a else b`");
}

/* Elaborates a list of statements in the scope at hand; after control flow nothing sound can be said of the rest. */
Tval *elab_block(Elab *e, Stmt *s) {
  for (; s; s = s->next) {
    e->b.loc = s->loc;
    if (!elab_budget(e, s->loc)) return tv_error(e, s->loc);
    switch (s->kind) {
    case ST_LET:
    case ST_VAR: stmt_bind(e, s); break;
    case ST_ASSIGN: stmt_assign(e, s); break;
    case ST_ASSERT: stmt_assert(e, s); break;
    case ST_NO_GRAD: stmt_no_grad(e, s); break;
    case ST_RETURN:
      if (s->next && s->next->kind != ST_ERROR)
        diag_warning(e->ctx, s->next->loc, W_UNREACHABLE, "nothing after `return` is reached");
      return elab_expr(e, s->u.value);
    case ST_ERROR: return tv_error(e, s->loc);
    default: stmt_control(e, s); return tv_error(e, s->loc);
    }
  }
  return NULL;
}
