/* elab_op.c - operators: arithmetic, comparison, logic, choice. */
#include <math.h>
#include "frontend/elab_flow.h"

/* ---- logic ---- */

Tval *tv_not(Elab *e, Tval *x) { return tv_map(e, e->b.loc, e->b.loc, OP_not, 1, &x); }

Tval *tv_and(Elab *e, Tval *x, Tval *y) {
  Tval *v[2] = {x, y};
  return !x ? y : !y ? x : tv_map(e, e->b.loc, e->b.loc, OP_and, 2, v);
}

static bool is_bool(Elab *e, Tval *v, const char *where) {
  if (is_error(v)) return false;
  if (v->kind == TV_TENSOR && v->type->elem == BOOL) return true;
  Diag *d = diag_error(e->ctx, v->loc, E_NOT_BOOL, "%s must be bool, but this is %s", where, show_tval(e, v));
  if (v->kind == TV_TENSOR) diag_help(e->ctx, d, "compare it: `… != 0`");
  return false;
}

static Tval *under_mask(Elab *e, Expr *at, Tval *x, bool is_and, const char *where) {
  Tval *outer = e->mask;
  if (x->type->rank == 0) e->mask = tv_and(e, outer, is_and ? x : tv_not(e, x));
  Tval *y = elab_expr(e, at->u.binary.y);
  e->mask = outer;
  if (!is_bool(e, y, where)) return tv_error(e, at->loc);
  Tval *v[2] = {x, y};
  return tv_map(e, at->loc, at->op_loc, is_and ? OP_and : OP_or, 2, v);
}

/* The right operand counts only where the left one leaves the answer open. */
static Tval *short_circuit(Elab *e, Expr *at, Tval *x) {
  bool is_and = at->u.binary.op == BIN_AND;
  const char *where = is_and ? "an operand of `and`" : "an operand of `or`";
  if (!is_bool(e, x, where)) return tv_error(e, at->loc);
  if (e->index || x->type->rank) return under_mask(e, at, x, is_and, where);
  Branch br;
  branch_begin(e, &br, is_and ? x : tv_not(e, x));
  branch_arm(e, &br, 0);
  Tval *y = elab_expr(e, at->u.binary.y), *settled = NULL;
  bool ok = is_bool(e, y, where);
  branch_arm(e, &br, 1);
  if (ok) settled = tv_tensor(e, at->loc, y->type, b_splat(&e->b, y->v->type, !is_and), 0, NULL);
  Tval *v = branch_end(e, &br, at->loc, ok ? y : NULL, settled);
  return ok ? v : tv_error(e, at->loc);
}

/* ---- arithmetic ---- */

static const struct {
  Opcode op;
  const char *name;
} table[] = {[BIN_ADD] = {OP_add, "+"},
             [BIN_SUB] = {OP_sub, "-"},
             [BIN_MUL] = {OP_mul, "*"},
             [BIN_DIV] = {OP_div, "/"},
             [BIN_FLOORDIV] = {OP_floordiv, "//"},
             [BIN_MOD] = {OP_mod, "%"},
             [BIN_POW] = {OP_pow, "**"},
             [BIN_EQ] = {OP_eq, "=="},
             [BIN_NE] = {OP_ne, "!="},
             [BIN_LT] = {OP_lt, "<"},
             [BIN_LE] = {OP_le, "<="},
             [BIN_GT] = {OP_gt, ">"},
             [BIN_GE] = {OP_ge, ">="}};

static bool fold_numbers(BinOp op, double x, double y, double *r) {
  switch (op) {
  case BIN_ADD: *r = x + y; return true;
  case BIN_SUB: *r = x - y; return true;
  case BIN_MUL: *r = x * y; return true;
  case BIN_DIV: *r = x / y; return true;
  case BIN_POW: *r = pow(x, y); return true;
  default: return false;
  }
}

/* Literals stay literal: 1 / 3 adapts to the element type beside it. */
static Tval *fold(Elab *e, Loc loc, BinOp op, Tval *x, Tval *y) {
  double r;
  bool real = elem_is_real(x->type->elem) || elem_is_real(y->type->elem) || op == BIN_DIV;
  if (!x->scalar_const || !y->scalar_const || !x->literal || !y->literal || !real) return NULL;
  if (x->type->rank || y->type->rank || !fold_numbers(op, x->number, y->number, &r)) return NULL;
  Tval *t = tv_number(e, loc, e->options->real, r);
  t->literal = true;
  return t;
}

static Dim *dim_result(Ctx *c, BinOp op, Tval *x, Tval *y) {
  int64_t n;
  Dim *r = NULL;
  if (!x->dim || !y->dim) return NULL;
  switch (op) {
  case BIN_ADD: return dim_add(c, x->dim, y->dim);
  case BIN_SUB: return dim_sub(c, x->dim, y->dim);
  case BIN_MUL: return dim_mul(c, x->dim, y->dim);
  case BIN_FLOORDIV: return dim_floordiv(c, x->dim, y->dim);
  case BIN_MOD: return dim_mod(c, x->dim, y->dim);
  case BIN_POW:
    if (!dim_is_const(y->dim, &n) || n < 0 || n > 64 || !y->literal) return NULL;
    for (r = dim_const(c, 1); r && n > 0; n--) r = dim_mul(c, r, x->dim);
    return r;
  default: return NULL;
  }
}

/* An int divisor that may be zero is checked; zero itself is an error at once. */
static bool check_divisor(Elab *e, Loc loc, Tval *x, Tval *y) {
  if (!elem_is_int(y->type->elem) || elem_is_real(x->type->elem)) return true;
  int64_t v;
  Dim *one = dim_const(e->ctx, 1);
  if (y->dim && dim_is_const(y->dim, &v)) {
    if (v != 0) return true;
    diag_error(e->ctx, y->loc, E_ZERO_DIVISOR, "division by zero");
    return false;
  }
  if (y->dim && dim_le(e->ctx, one, y->dim)) return true;
  Tval *ne[2] = {y, tv_number(e, loc, y->type->elem, 0)};
  check_true(e, tv_map(e, loc, loc, OP_ne, 2, ne), "division by zero");
  return true;
}

static bool takes_numbers(Elab *e, BinOp op, Tval *v) {
  if (v->type->elem != BOOL || op == BIN_EQ || op == BIN_NE) return true;
  Diag *d = diag_error(e->ctx, v->loc, E_OPERATOR, "`%s` takes numbers, but this is %s", table[op].name,
                       show_type(e, v->type));
  diag_help(e->ctx, d, "a cast counts it as 0 or 1: int(…)");
  return false;
}

static Tval *numbers(Elab *e, Loc loc, Loc op_loc, BinOp op, Tval *x, Tval *y) {
  if (!takes_numbers(e, op, x) || !takes_numbers(e, op, y)) return tv_error(e, loc);
  bool divides = op == BIN_FLOORDIV || op == BIN_MOD;
  if (divides && !check_divisor(e, loc, x, y)) return tv_error(e, loc);
  bool plain_int = x->type->elem == I64 && y->type->elem == I64;
  Dim *d = plain_int ? dim_result(e->ctx, op, x, y) : NULL;
  bool lit = x->literal && y->literal;
  Tval *t = fold(e, loc, op, x, y);
  if (t) return t;
  if (d && !dim_ragged(e, d) && !dim_runtime(d)) {
    t = tv_int(e, loc, d);
  } else {
    Tval *v[2] = {x, y};
    t = op == BIN_POW ? tv_pow(e, loc, op_loc, x, y) : tv_map(e, loc, op_loc, table[op].op, 2, v);
    if (is_error(t)) return t;
    if (d) t->dim = d;
  }
  t->literal = lit && t->scalar_const;
  return t;
}

Tval *elab_binop(Elab *e, Loc loc, Loc op_loc, BinOp op, Tval *x, Tval *y) {
  if (is_error(x) || is_error(y)) return tv_error(e, loc);
  if (x->kind == TV_STRUCT || y->kind == TV_STRUCT) return struct_binop(e, loc, op_loc, op, x, y);
  Tval *odd = x->kind != TV_TENSOR ? x : y->kind != TV_TENSOR ? y : NULL;
  if (odd) {
    diag_error(e->ctx, odd->loc, E_OPERATOR, "`%s` takes numbers, but this is %s", binop_text(op), show_tval(e, odd));
    return tv_error(e, loc);
  }
  return op == BIN_MATMUL ? tv_matmul(e, loc, op_loc, x, y) : numbers(e, loc, op_loc, op, x, y);
}

/* Long sums lean to the left: the spine is walked in a loop. */
Tval *elab_binary(Elab *e, Expr *x) {
  Arena *a = e->ctx->arena;
  Expr **spine = NULL;
  int n = 0, cap = 0;
  for (; x->kind == EX_BINARY; x = x->u.binary.x) PUSH(a, spine, n, cap) = x;
  Tval *v = elab_expr(e, x);
  while (n-- > 0) {
    Expr *at = spine[n];
    e->b.loc = at->loc;
    if (!elab_budget(e, at->loc)) return tv_error(e, at->loc);
    BinOp op = at->u.binary.op;
    v = op == BIN_AND || op == BIN_OR ? short_circuit(e, at, v)
                                      : elab_binop(e, at->loc, at->op_loc, op, v, elab_expr(e, at->u.binary.y));
    if (v->loc.end != at->loc.end || v->loc.begin != at->loc.begin) {
      v = arena_dup(a, v, sizeof *v);
      v->loc = at->loc;
    }
  }
  return v;
}

static Tval *negate(Elab *e, Tval *x, Tval *y, void *env) {
  (void)y, (void)env;
  if (!elem_is_real(x->type->elem) && !elem_is_int(x->type->elem)) return x;
  if (x->scalar_const && x->literal && elem_is_real(x->type->elem) && x->type->rank == 0) {
    Tval *t = tv_number(e, e->b.loc, x->type->elem, -x->number);
    t->literal = true;
    return t;
  }
  Dim *d = x->dim ? dim_sub(e->ctx, dim_const(e->ctx, 0), x->dim) : NULL;
  Tval *t = d && !dim_ragged(e, d) && !dim_runtime(d) ? tv_int(e, e->b.loc, d) : tv_map(e, e->b.loc, e->b.loc, OP_neg, 1, &x);
  t->dim = d;
  t->literal = x->literal && (x->scalar_const || x->type->rank);
  return t;
}

Tval *elab_unary(Elab *e, Expr *x) {
  Tval *v = elab_expr(e, x->u.unary.x);
  if (is_error(v)) return v;
  if (x->u.unary.op == UN_NOT) {
    if (!is_bool(e, v, "the operand of `not`")) return tv_error(e, x->loc);
    return tv_not(e, v);
  }
  if (v->kind == TV_TENSOR && v->type->elem == BOOL) {
    Diag *d = diag_error(e->ctx, v->loc, E_OPERATOR, "`-` takes numbers, but this is %s", show_type(e, v->type));
    diag_help(e->ctx, d, "`not` turns a truth value round");
    return tv_error(e, x->loc);
  }
  if (v->kind == TV_TUPLE) {
    diag_error(e->ctx, v->loc, E_OPERATOR, "`-` takes numbers, but this is %s", show_tval(e, v));
    return tv_error(e, x->loc);
  }
  return tv_map_parts(e, v, NULL, negate, NULL);
}

/* ---- choice ---- */

Tval *elab_if(Elab *e, Expr *x) {
  Tval *c = elab_condition(e, x->u.cond.cond, "the condition of an `if`");
  Branch br;
  branch_begin(e, &br, c ? c : unknown_condition(e));
  branch_arm(e, &br, 0);
  Tval *a = elab_expr(e, x->u.cond.then);
  branch_arm(e, &br, 1);
  Tval *b = elab_expr(e, x->u.cond.otherwise);
  e->b.loc = x->loc;
  Tval *v = branch_end(e, &br, x->loc, a, b);
  return c ? v : tv_error(e, x->loc);
}
