/* elab_scan.c - looking ahead by syntax alone: what a list of statements assigns, how it is left, and whether an
 * expression holds something that cannot be elaborated once for all values of an index. */
#include <string.h>
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
  Scope *scope; /* NULL: only the file's declarations are seen */
} Scan;

static bool expr_serial(Scan *s, const Expr *x);
static bool stmts_serial(Scan *s, const Stmt *x);

static bool list_serial(Scan *s, const Expr *x) {
  for (; x; x = x->next)
    if (expr_serial(s, x)) return true;
  return false;
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

bool function_serial(Elab *e, const FunctionValue *v) {
  if (v->fn) return fn_serial(e, v->fn);
  if (!v->lambda) return false;
  Scan s = {.e = e, .unit = v->scope->unit, .scope = v->scope};
  const Expr *x = v->lambda;
  return x->u.lambda.expr ? expr_serial(&s, x->u.lambda.expr) : stmts_serial(&s, x->u.lambda.block);
}

static bool name_serial(Scan *s, const char *name) {
  for (Scope *k = s->scope; k; k = k->outer)
    for (Binding *b = k->first; b; b = b->next)
      if (b->name == name)
        return b->value && b->value->kind == TV_FUNCTION && function_serial(s->e, b->value->fn);
  Entry *k = unit_find(s->unit, name);
  return k && k->fn && fn_serial(s->e, k->fn);
}

static bool subs_serial(Scan *s, const Sub *sub) {
  for (; sub; sub = sub->next)
    if ((sub->index && expr_serial(s, sub->index)) || (sub->lo && expr_serial(s, sub->lo)) ||
        (sub->hi && expr_serial(s, sub->hi)))
      return true;
  return false;
}

static bool binders_serial(Scan *s, const Binder *b) {
  for (; b; b = b->next)
    if (b->bound && expr_serial(s, b->bound)) return true;
  return false;
}

static bool call_serial(Scan *s, const Expr *x) {
  if (expr_serial(s, x->u.call.callee)) return true;
  for (const Arg *a = x->u.call.args; a; a = a->next)
    if (a->value && expr_serial(s, a->value)) return true;
  return false;
}

static bool expr_serial(Scan *s, const Expr *x) {
  switch (x->kind) {
  case EX_NAME: return name_serial(s, x->u.name);
  case EX_UNARY: return expr_serial(s, x->u.unary.x);
  case EX_BINARY:
    for (; x->kind == EX_BINARY; x = x->u.binary.x)
      if (expr_serial(s, x->u.binary.y)) return true;
    return expr_serial(s, x);
  case EX_IF: return expr_serial(s, x->u.cond.cond) || expr_serial(s, x->u.cond.then) || expr_serial(s, x->u.cond.otherwise);
  case EX_CALL: return call_serial(s, x);
  case EX_INDEX: return expr_serial(s, x->u.index.base) || subs_serial(s, x->u.index.subs);
  case EX_FIELD: return expr_serial(s, x->u.field.base);
  case EX_TUPLE:
  case EX_LIST: return list_serial(s, x->u.list.first);
  case EX_COMPREHENSION: return binders_serial(s, x->u.comp.binders) || expr_serial(s, x->u.comp.body);
  case EX_REDUCTION:
    return binders_serial(s, x->u.reduction.binders) || expr_serial(s, x->u.reduction.body) ||
           (x->u.reduction.cond && expr_serial(s, x->u.reduction.cond));
  case EX_LAMBDA:
    return x->u.lambda.expr ? expr_serial(s, x->u.lambda.expr) : stmts_serial(s, x->u.lambda.block);
  default: return false;
  }
}

static bool stmts_serial(Scan *s, const Stmt *x) {
  for (; x; x = x->next) switch (x->kind) {
    case ST_FOR:
    case ST_WHILE: return true;
    case ST_LET:
    case ST_VAR:
      if (expr_serial(s, x->u.bind.value)) return true;
      break;
    case ST_ASSIGN:
      if (list_serial(s, x->u.assign.targets) || list_serial(s, x->u.assign.values)) return true;
      break;
    case ST_IF:
      if (expr_serial(s, x->u.cond.cond) || stmts_serial(s, x->u.cond.then) || stmts_serial(s, x->u.cond.otherwise))
        return true;
      break;
    case ST_RETURN:
      if (expr_serial(s, x->u.value)) return true;
      break;
    case ST_ASSERT:
      if (expr_serial(s, x->u.check.cond)) return true;
      break;
    case ST_NO_GRAD:
      if (stmts_serial(s, x->u.block)) return true;
      break;
    default: break;
    }
  return false;
}

bool needs_loop(Elab *e, const Expr *x) {
  Scan s = {.e = e, .unit = e->scope->unit, .scope = e->scope};
  return expr_serial(&s, x);
}
