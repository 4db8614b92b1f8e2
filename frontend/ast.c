/* ast.c - what the syntax tree says about itself. */
#include "frontend/ast.h"
#include <string.h>

const char *binop_text(BinOp op) {
  static const char *const text[] = {
      [BIN_ADD] = "+",  [BIN_SUB] = "-",    [BIN_MUL] = "*",   [BIN_DIV] = "/", [BIN_FLOORDIV] = "//", [BIN_MOD] = "%",
      [BIN_POW] = "**", [BIN_MATMUL] = "@", [BIN_EQ] = "==",   [BIN_NE] = "!=", [BIN_LT] = "<",        [BIN_LE] = "<=",
      [BIN_GT] = ">",   [BIN_GE] = ">=",    [BIN_AND] = "and", [BIN_OR] = "or",
  };
  return text[op];
}

static bool args_same(const Arg *x, const Arg *y, int depth) {
  for (; x && y; x = x->next, y = y->next)
    if (x->name || y->name || x->seed || y->seed || !expr_same(x->value, y->value, depth)) return false;
  return !x && !y;
}

static bool subs_same(const Sub *x, const Sub *y, int depth) {
  for (; x && y; x = x->next, y = y->next)
    if (x->kind != SUB_INDEX || y->kind != SUB_INDEX || !expr_same(x->index, y->index, depth)) return false;
  return !x && !y;
}

bool expr_same(const Expr *x, const Expr *y, int depth) {
  if (x->kind != y->kind || depth-- <= 0) return false;
  switch (x->kind) {
  case EX_INT: return x->u.integer == y->u.integer;
  case EX_NAME: return !strcmp(x->u.name, y->u.name);
  case EX_UNARY: return x->u.unary.op == y->u.unary.op && expr_same(x->u.unary.x, y->u.unary.x, depth);
  case EX_BINARY:
    return x->u.binary.op == y->u.binary.op && expr_same(x->u.binary.x, y->u.binary.x, depth) &&
           expr_same(x->u.binary.y, y->u.binary.y, depth);
  case EX_INDEX: return expr_same(x->u.index.base, y->u.index.base, depth) && subs_same(x->u.index.subs, y->u.index.subs, depth);
  case EX_CALL: return expr_same(x->u.call.callee, y->u.call.callee, depth) && args_same(x->u.call.args, y->u.call.args, depth);
  case EX_FIELD: return !strcmp(x->u.field.name, y->u.field.name) && expr_same(x->u.field.base, y->u.field.base, depth);
  default: return false;
  }
}
