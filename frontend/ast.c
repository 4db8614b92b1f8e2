/* ast.c - what the syntax tree says about itself, and walking it. */
#include "frontend/ast.h"

const char *binop_text(BinOp op) {
  static const char *const text[] = {
      [BIN_ADD] = "+",  [BIN_SUB] = "-",    [BIN_MUL] = "*",   [BIN_DIV] = "/", [BIN_FLOORDIV] = "//", [BIN_MOD] = "%",
      [BIN_POW] = "**", [BIN_MATMUL] = "@", [BIN_EQ] = "==",   [BIN_NE] = "!=", [BIN_LT] = "<",        [BIN_LE] = "<=",
      [BIN_GT] = ">",   [BIN_GE] = ">=",    [BIN_AND] = "and", [BIN_OR] = "or",
  };
  return text[op];
}

/* ---- the parts of expressions, statements and types ---- */

bool is_bound(const Bound *b, const char *name) {
  while (b && b->name != name) b = b->outer;
  return b;
}

static bool list_any(const Expr *x, const Bound *bound, Look *look, void *env) {
  for (; x; x = x->next)
    if (look(env, x, bound)) return true;
  return false;
}

/* Parts that may be left out. */
static bool some_any(int n, Expr *const *x, const Bound *bound, Look *look, void *env) {
  for (int i = 0; i < n; i++)
    if (x[i] && look(env, x[i], bound)) return true;
  return false;
}

static bool binders_any(const Binder *b, Expr *body, Expr *cond, const Bound *bound, Look *look, void *env) {
  if (!b) return some_any(2, (Expr *[]){body, cond}, bound, look, env);
  return some_any(1, &b->bound, bound, look, env) ||
         binders_any(b->next, body, cond, &(Bound){b->name, bound}, look, env);
}

static bool lambda_any(const Param *p, Expr *body, const Bound *bound, Look *look, void *env) {
  if (!p) return some_any(1, &body, bound, look, env);
  return lambda_any(p->next, body, &(Bound){p->name, bound}, look, env);
}

static bool args_any(const Arg *a, const Bound *bound, Look *look, void *env) {
  for (; a; a = a->next)
    if (some_any(1, &a->value, bound, look, env)) return true;
  return false;
}

static bool subs_any(const Sub *s, const Bound *bound, Look *look, void *env) {
  for (; s; s = s->next)
    if (some_any(4, (Expr *[]){s->index, s->lo, s->hi, s->step}, bound, look, env)) return true;
  return false;
}

/* A chain of left operands is as long as the program has it: no recursion along it, where `and` and `or` do not begin or end. */
static bool binary_any(const Expr *x, const Bound *bound, Look *look, void *env) {
  bool logic = x->u.binary.op >= BIN_AND;
  for (; x->kind == EX_BINARY && (x->u.binary.op >= BIN_AND) == logic; x = x->u.binary.x)
    if (look(env, x->u.binary.y, bound)) return true;
  return look(env, x, bound);
}

bool expr_any(const Expr *x, const Bound *bound, Look *look, void *env) {
  switch (x->kind) {
  case EX_UNARY: return look(env, x->u.unary.x, bound);
  case EX_BINARY: return binary_any(x, bound, look, env);
  case EX_IF: return some_any(3, (Expr *[]){x->u.cond.cond, x->u.cond.then, x->u.cond.otherwise}, bound, look, env);
  case EX_CALL: return look(env, x->u.call.callee, bound) || args_any(x->u.call.args, bound, look, env);
  case EX_INDEX: return look(env, x->u.index.base, bound) || subs_any(x->u.index.subs, bound, look, env);
  case EX_FIELD: return look(env, x->u.field.base, bound);
  case EX_TUPLE:
  case EX_LIST: return list_any(x->u.list.first, bound, look, env);
  case EX_COMPREHENSION: return binders_any(x->u.comp.binders, x->u.comp.body, NULL, bound, look, env);
  case EX_REDUCTION: return binders_any(x->u.reduction.binders, x->u.reduction.body, x->u.reduction.cond, bound, look, env);
  case EX_LAMBDA: return lambda_any(x->u.lambda.params, x->u.lambda.expr, bound, look, env);
  default: return false;
  }
}

bool params_any(const Param *p, const Bound *bound, Look *look, void *env) {
  for (; p; p = p->next)
    if (types_any(p->type, bound, look, env)) return true;
  return false;
}

bool types_any(const TypeExpr *t, const Bound *bound, Look *look, void *env) {
  for (; t; t = t->next)
    if (list_any(t->dims, bound, look, env) || types_any(t->elems, bound, look, env) ||
        params_any(t->params, bound, look, env) || types_any(t->result, bound, look, env))
      return true;
  return false;
}

static bool stmt_any(const Stmt *s, const Bound *bound, Look *look, void *env) {
  switch (s->kind) {
  case ST_LET:
  case ST_VAR: return types_any(s->u.bind.type, bound, look, env) || look(env, s->u.bind.value, bound);
  case ST_ASSIGN: return list_any(s->u.assign.targets, bound, look, env) || list_any(s->u.assign.values, bound, look, env);
  case ST_IF:
    return look(env, s->u.cond.cond, bound) || stmts_any(s->u.cond.then, bound, look, env) ||
           stmts_any(s->u.cond.otherwise, bound, look, env);
  case ST_FOR:
    return some_any(3, (Expr *[]){s->u.loop.from, s->u.loop.to, s->u.loop.by}, bound, look, env) ||
           stmts_any(s->u.loop.body, bound, look, env);
  case ST_WHILE: return look(env, s->u.whil.cond, bound) || stmts_any(s->u.whil.body, bound, look, env);
  case ST_RETURN: return look(env, s->u.value, bound);
  case ST_ASSERT: return look(env, s->u.check.cond, bound);
  case ST_NO_GRAD: return stmts_any(s->u.block, bound, look, env);
  default: return false;
  }
}

bool stmts_any(const Stmt *s, const Bound *bound, Look *look, void *env) {
  for (; s; s = s->next)
    if (stmt_any(s, bound, look, env)) return true;
  return false;
}
