/* ast.c - what the syntax tree says about itself. */
#include "frontend/ast.h"

const char *binop_text(BinOp op) {
  static const char *const text[] = {
      [BIN_ADD] = "+",  [BIN_SUB] = "-",    [BIN_MUL] = "*",   [BIN_DIV] = "/", [BIN_FLOORDIV] = "//", [BIN_MOD] = "%",
      [BIN_POW] = "**", [BIN_MATMUL] = "@", [BIN_EQ] = "==",   [BIN_NE] = "!=", [BIN_LT] = "<",        [BIN_LE] = "<=",
      [BIN_GT] = ">",   [BIN_GE] = ">=",    [BIN_AND] = "and", [BIN_OR] = "or",
  };
  return text[op];
}
