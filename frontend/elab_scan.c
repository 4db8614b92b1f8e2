/* elab_scan.c - looking ahead by syntax alone: what a list of statements assigns, how it is left, and whether an
 * expression holds something that cannot be elaborated once for all values of an index. */
#include "frontend/elab_flow.h"

/* ---- leaving ---- */

unsigned stmts_exits(const Stmt *s) {
  unsigned m = 0;
  for (; s; s = s->next) switch (s->kind) {
    case ST_RETURN: m |= EXIT_RETURN; break;
    case ST_BREAK: m |= EXIT_BREAK; break;
    case ST_CONTINUE: m |= EXIT_CONTINUE; break;
    case ST_IF: m |= stmts_exits(s->u.cond.then) | stmts_exits(s->u.cond.otherwise); break;
    case ST_FOR: m |= stmts_exits(s->u.loop.body) & EXIT_RETURN; break;
    case ST_WHILE: m |= stmts_exits(s->u.whil.body) & EXIT_RETURN; break;
    case ST_NO_GRAD: m |= stmts_exits(s->u.block); break;
    default: break;
    }
  return m;
}

bool stmts_leave(const Stmt *s) {
  for (; s; s = s->next) switch (s->kind) {
    case ST_RETURN:
    case ST_BREAK:
    case ST_CONTINUE: return true;
    case ST_IF:
      if (s->u.cond.otherwise && stmts_leave(s->u.cond.then) && stmts_leave(s->u.cond.otherwise)) return true;
      break;
    case ST_NO_GRAD:
      if (stmts_leave(s->u.block)) return true;
      break;
    default: break;
    }
  return false;
}

/* ---- assigning ---- */

static void target(Elab *e, const Expr *t, Binding ***b, int *n, int *cap) {
  while (t->kind == EX_INDEX || t->kind == EX_FIELD) t = t->kind == EX_INDEX ? t->u.index.base : t->u.field.base;
  Binding *x = t->kind == EX_NAME ? scope_find(e, t->u.name) : NULL;
  if (!x || x->kind != BIND_VAR || !x->value || has_error(x->value)) return;
  for (int i = 0; i < *n; i++)
    if ((*b)[i] == x) return;
  PUSH(e->ctx->arena, *b, *n, *cap) = x;
}

/* A name that is declared anew inside counts as well: what then never changes is not carried in the end. */
void stmts_targets(Elab *e, const Stmt *s, Binding ***b, int *n, int *cap) {
  for (; s; s = s->next) switch (s->kind) {
    case ST_ASSIGN:
      for (const Expr *t = s->u.assign.targets; t; t = t->next) target(e, t, b, n, cap);
      break;
    case ST_IF:
      stmts_targets(e, s->u.cond.then, b, n, cap);
      stmts_targets(e, s->u.cond.otherwise, b, n, cap);
      break;
    case ST_FOR: stmts_targets(e, s->u.loop.body, b, n, cap); break;
    case ST_WHILE: stmts_targets(e, s->u.whil.body, b, n, cap); break;
    case ST_NO_GRAD: stmts_targets(e, s->u.block, b, n, cap); break;
    default: break;
    }
}

/* ---- what needs a loop ---- */

typedef struct Scan {
  Elab *e;
  Unit *unit;
  Scope *scope;       /* NULL: only the file's declarations are seen */
  const Bound *bound; /* the indices of the comprehensions around */
  bool here;          /* in the expression itself, where what does not mention them is free of them */
  bool masked;        /* where it is not computed for every index */
} Scan;

static bool expr_serial(Scan *s, const Expr *x);
static bool stmts_serial(Scan *s, const Stmt *x);
static bool serial_part(void *env, const Expr *x, const Bound *bound) {
  (void)bound;
  return expr_serial(env, x);
}

/* Loops, recursion and calls that stay calls, in the function or in those that it calls. */
bool fn_serial(Elab *e, FnDef *f) {
  if (f->serial_state == STATE_DONE) return f->serial;
  if (f->serial_state == STATE_BUSY) return true;
  f->serial_state = STATE_BUSY;
  Scan s = {.e = e, .unit = f->home};
  f->serial = f->decl->kind == DECL_EXTERN || f->decl->has_derivative || stmts_serial(&s, f->decl->block) ||
              (f->decl->expr && expr_serial(&s, f->decl->expr));
  f->serial_state = STATE_DONE;
  return f->serial;
}

static bool lambda_serial(Scan *s, const Expr *x) {
  return x->u.lambda.expr ? expr_serial(s, x->u.lambda.expr) : stmts_serial(s, x->u.lambda.block);
}

bool function_serial(Elab *e, const FunctionValue *v) {
  v = innermost(v);
  if (v->fn) return fn_serial(e, v->fn);
  if (!v->lambda) return false;
  Scan s = {.e = e, .unit = v->scope->unit, .scope = v->scope};
  return lambda_serial(&s, v->lambda);
}

static bool name_serial(Scan *s, const char *name) {
  for (Scope *k = s->scope; k; k = k->outer)
    for (Binding *b = k->first; b; b = b->next)
      if (b->name == name) return b->value && b->value->kind == TV_FUNCTION && function_serial(s->e, b->value->fn);
  Entry *k = unit_find(s->unit, name);
  return k && k->fn && fn_serial(s->e, k->fn);
}

static bool mentions_bound(void *env, const Expr *x, const Bound *bound) {
  const Scan *s = env;
  if (x->kind == EX_LAMBDA) return true;
  if (x->kind == EX_NAME) return !is_bound(bound, x->u.name) && is_bound(s->bound, x->u.name);
  return expr_any(x, bound, mentions_bound, env);
}

static bool is_local(const Scan *s, const char *name) {
  for (Scope *k = s->scope; k; k = k->outer)
    for (Binding *b = k->first; b; b = b->next)
      if (b->name == name) return true;
  return false;
}

/* A call that depends on no index is made once, whatever it calls; but for lambdas, which are expanded where they are called. */
static bool call_serial(Scan *s, const Expr *x) {
  const Expr *f = x->u.call.callee;
  bool once = s->here && !s->masked && f->kind == EX_NAME && !is_local(s, f->u.name);
  if (expr_serial(s, f) && !(once && !expr_any(x, NULL, mentions_bound, s))) return true;
  for (const Arg *a = x->u.call.args; a; a = a->next)
    if (a->value && expr_serial(s, a->value)) return true;
  return false;
}

static bool binders_serial(Scan *s, const Binder *list, const Expr *body, const Expr *cond) {
  if (list) {
    const Binder *b = list;
    Bound here = {b->name, s->bound};
    Scan inner = *s;
    if (b->bound && expr_serial(s, b->bound)) return true;
    inner.masked = s->masked || (b->bound && mentions_bound(s, b->bound, NULL));
    inner.bound = &here;
    return binders_serial(&inner, b->next, body, cond);
  }
  if (cond && expr_serial(s, cond)) return true;
  Scan inner = *s;
  inner.masked = s->masked || cond;
  return expr_serial(&inner, body);
}

static bool lazy_serial(Scan *s, const Expr *x) {
  Scan arm = *s;
  arm.masked = true;
  if (x->kind == EX_IF)
    return expr_serial(s, x->u.cond.cond) || expr_serial(&arm, x->u.cond.then) ||
           expr_serial(&arm, x->u.cond.otherwise);
  for (; x->kind == EX_BINARY && x->u.binary.op >= BIN_AND; x = x->u.binary.x)
    if (expr_serial(&arm, x->u.binary.y)) return true;
  return expr_serial(s, x);
}

static bool expr_serial(Scan *s, const Expr *x) {
  switch (x->kind) {
  case EX_NAME: return name_serial(s, x->u.name);
  case EX_CALL: return call_serial(s, x);
  case EX_COMPREHENSION: return binders_serial(s, x->u.comp.binders, x->u.comp.body, NULL);
  case EX_REDUCTION: return binders_serial(s, x->u.reduction.binders, x->u.reduction.body, x->u.reduction.cond);
  case EX_LAMBDA: {
    Scan inner = *s;
    inner.here = false;
    return lambda_serial(&inner, x);
  }
  case EX_IF: return lazy_serial(s, x);
  case EX_BINARY:
    if (x->u.binary.op == BIN_AND || x->u.binary.op == BIN_OR) return lazy_serial(s, x);
    return expr_any(x, NULL, serial_part, s);
  default: return expr_any(x, NULL, serial_part, s);
  }
}

static bool has_loop(const Stmt *x) {
  for (; x; x = x->next) switch (x->kind) {
    case ST_FOR:
    case ST_WHILE: return true;
    case ST_IF:
      if (has_loop(x->u.cond.then) || has_loop(x->u.cond.otherwise)) return true;
      break;
    case ST_NO_GRAD:
      if (has_loop(x->u.block)) return true;
      break;
    default: break;
    }
  return false;
}

static bool stmts_serial(Scan *s, const Stmt *x) { return has_loop(x) || stmts_any(x, NULL, serial_part, s); }

bool needs_loop(Elab *e, const Expr *x) {
  Scan s = {.e = e, .unit = e->scope->unit, .scope = e->scope, .here = true};
  return expr_serial(&s, x);
}
