/* rulegen.c - compiles adjoint.rules to C: rulegen FILE >adjoint_rules.inc.
 * Runs on the machine that builds adc.  Requires a file of assignments in the grammar of .tdsl; ensures that every map op
 * that can have a real result has exactly one rule with one contribution for each real operand, linear in the cotangent.  A
 * fault of the table is a diagnostic and exit status 1. */
#include "frontend/ast.h"
#include "passes/rules.h"
#include <stdlib.h>
#include <string.h>

enum { FAULT = 290 }; /* these diagnostics are never seen by a user; they share a code of the syntax errors */

typedef struct Gen {
  Ctx *c;
  RuleNode *node;
  int nnode, node_cap;
  Rule rule[OP_COUNT];
  bool contributed[OP_COUNT][3];
  /* the rule that is being read */
  Opcode op;
  const char *result, *operand[3];
  Loc loc;
} Gen;

/* A compiled expression: its root, whether it holds dy (linearly), and whether it is a number. */
typedef struct Part { int root; bool linear, number; } Part;

static Part add_node(Gen *g, RuleNode n, bool linear) {
  PUSH(g->c->arena, g->node, g->nnode, g->node_cap) = n;
  return (Part){g->nnode - 1, linear, n.kind == RULE_NUMBER};
}

static Part number(Gen *g, double v) { return add_node(g, (RuleNode){.kind = RULE_NUMBER, .number = v}, false); }

static bool is_zero(Gen *g, Part p) { return p.number && g->node[p.root].number == 0; }

static bool prefixed(const char *name, const char *base) { return base && name[0] == 'd' && !strcmp(name + 1, base); }

static Part map(Gen *g, Opcode op, const Part *x, bool linear) {
  RuleNode n = {.kind = RULE_MAP, .index = op, .child = {-1, -1, -1}};
  for (int i = 0; i < op_info[op].nopd; i++) n.child[i] = x[i].root;
  return add_node(g, n, linear);
}

static Part fault(Gen *g, Loc loc, const char *what) {
  diag_error(g->c, loc, FAULT, "%s", what);
  return number(g, 0);
}

static Part compile(Gen *g, Expr *e);

static Part compile_name(Gen *g, Expr *e) {
  const char *name = e->u.name;
  for (int i = 0; i < op_info[g->op].nopd; i++)
    if (!strcmp(name, g->operand[i])) return add_node(g, (RuleNode){.kind = RULE_OPERAND, .index = i}, false);
  if (!strcmp(name, g->result)) return add_node(g, (RuleNode){.kind = RULE_RESULT}, false);
  if (prefixed(name, g->result)) return add_node(g, (RuleNode){.kind = RULE_COTANGENT}, true);
  return fault(g, e->loc, "this rule has no such name");
}

static Part compile_call(Gen *g, Expr *e) {
  const char *name = e->u.call.callee->kind == EX_NAME ? e->u.call.callee->u.name : "";
  Opcode op = op_named(name);
  if (op == OP_COUNT || op_info[op].family != FAM_MAP) return fault(g, e->loc, "a rule may call map ops only");
  Part x[3] = {{0}};
  int n = 0;
  for (Arg *a = e->u.call.args; a; a = a->next, n++) {
    if (n >= 3 || a->name) return fault(g, e->loc, "too many arguments, or a named one");
    x[n] = compile(g, a->value);
  }
  if (n != op_info[op].nopd) return fault(g, e->loc, "wrong number of arguments");
  bool linear = x[0].linear || x[1].linear || x[2].linear;
  if (!linear) return map(g, op, x, false);
  if (op == OP_cast) return map(g, op, x, true);
  bool arms = (x[1].linear || is_zero(g, x[1])) && (x[2].linear || is_zero(g, x[2]));
  if (op == OP_select && !x[0].linear && arms) return map(g, op, x, true);
  return fault(g, e->loc, "not linear in the cotangent");
}

static Part compile_binary(Gen *g, Expr *e) {
  static const Opcode code[] = {
      [BIN_ADD] = OP_add, [BIN_SUB] = OP_sub, [BIN_MUL] = OP_mul, [BIN_DIV] = OP_div, [BIN_EQ] = OP_eq, [BIN_NE] = OP_ne,
      [BIN_LT] = OP_lt,   [BIN_LE] = OP_le,   [BIN_GT] = OP_gt,   [BIN_GE] = OP_ge,   [BIN_AND] = OP_and, [BIN_OR] = OP_or};
  BinOp op = e->u.binary.op;
  if (op == BIN_FLOORDIV || op == BIN_MOD || op == BIN_POW || op == BIN_MATMUL)
    return fault(g, e->op_loc, "write this operator as a call");
  Part x[2] = {compile(g, e->u.binary.x), compile(g, e->u.binary.y)};
  if (!x[0].linear && !x[1].linear) return map(g, code[op], x, false);
  if ((op == BIN_ADD || op == BIN_SUB) && x[0].linear && x[1].linear) return map(g, code[op], x, true);
  if (op == BIN_MUL && x[0].linear && !x[1].linear) return map(g, x[1].number ? OP_mul : OP_mulz, x, true);
  if (op == BIN_MUL && x[0].number && x[1].linear) return map(g, OP_mul, x, true);
  return fault(g, e->op_loc, "not linear in the cotangent, or the cotangent is not the left factor");
}

static Part compile(Gen *g, Expr *e) {
  switch (e->kind) {
  case EX_INT: return number(g, (double)e->u.integer);
  case EX_REAL: return number(g, e->u.real);
  case EX_NAME: return compile_name(g, e);
  case EX_CALL: return compile_call(g, e);
  case EX_BINARY: return compile_binary(g, e);
  case EX_UNARY: {
    Part x = compile(g, e->u.unary.x);
    if (e->u.unary.op != UN_NEG) return map(g, OP_not, &x, false);
    if (x.number) return number(g, -g->node[x.root].number);
    return map(g, OP_neg, &x, x.linear);
  }
  default: return fault(g, e->loc, "a rule is made of numbers, names, operators and calls");
  }
}

static bool real_operand(Opcode op, int i) {
  switch (op_info[op].sig) {
  case SIG_REAL:
  case SIG_NUM:
  case SIG_CAST: return true;
  case SIG_SELECT: return i > 0;
  case SIG_POLY: return i == 1;
  default: return false;
  }
}

static bool needs_rule(Opcode op) { return op_info[op].family == FAM_MAP && (real_operand(op, 0) || real_operand(op, 1)); }

/* y = op(a, b) */
static void read_head(Gen *g, Expr *target, Expr *value) {
  g->op = OP_COUNT;
  g->loc = loc_join(target->loc, value->loc);
  if (target->kind != EX_NAME || value->kind != EX_CALL || value->u.call.callee->kind != EX_NAME) {
    fault(g, g->loc, "a rule begins with: y = op(x)");
    return;
  }
  Opcode op = op_named(value->u.call.callee->u.name);
  int n = 0;
  for (Arg *a = value->u.call.args; a; a = a->next, n++) {
    if (n >= 3 || a->name || a->value->kind != EX_NAME) {
      fault(g, a->value->loc, "an operand is a name");
      return;
    }
    g->operand[n] = a->value->u.name;
  }
  if (op == OP_COUNT || !needs_rule(op)) fault(g, value->loc, "a rule for what is no map op with a real result");
  else if (n != op_info[op].nopd) fault(g, value->loc, "wrong number of operands");
  else if (g->rule[op].given) fault(g, value->loc, "a second rule for this op");
  else {
    g->op = op;
    g->result = target->u.name;
    g->rule[op] = (Rule){1, {RULE_ZERO, RULE_ZERO, RULE_ZERO}};
  }
}

/* da += e */
static void read_contribution(Gen *g, Expr *target, Expr *value) {
  if (g->op == OP_COUNT) return;
  int i = 0, n = op_info[g->op].nopd;
  while (i < n && !(target->kind == EX_NAME && prefixed(target->u.name, g->operand[i]))) i++;
  if (i == n || !real_operand(g->op, i)) {
    fault(g, target->loc, "not the cotangent of a real operand of this rule");
    return;
  }
  if (g->contributed[g->op][i]) fault(g, target->loc, "a second contribution to this operand");
  g->contributed[g->op][i] = true;
  Part p = compile(g, value);
  if (is_zero(g, p)) return;
  if (!p.linear) fault(g, value->loc, "a contribution must hold the cotangent of the result");
  g->rule[g->op].contribution[i] = p.root;
}

static void read_rules(Gen *g, Stmt *s) {
  g->op = OP_COUNT;
  for (; s; s = s->next) {
    Expr *target = s->u.assign.targets, *value = s->u.assign.values;
    if (s->kind != ST_ASSIGN || target->next || value->next || (s->u.assign.op != -1 && s->u.assign.op != BIN_ADD))
      fault(g, s->loc, "expected y = op(x) or dx += e");
    else if (s->u.assign.op == -1) read_head(g, target, value);
    else read_contribution(g, target, value);
  }
}

static void check_complete(Gen *g) {
  for (int op = 0; op < OP_COUNT; op++) {
    if (!needs_rule((Opcode)op)) continue;
    if (!g->rule[op].given) diag_error(g->c, LOC_NONE, FAULT, "no rule for the op %s", op_info[op].name);
    for (int i = 0; i < op_info[op].nopd && g->rule[op].given; i++)
      if (real_operand((Opcode)op, i) && !g->contributed[op][i])
        diag_error(g->c, LOC_NONE, FAULT, "the rule of %s says nothing of operand %d", op_info[op].name, i);
  }
}

static void write_tables(const Gen *g) {
  static const char *const kind[] = {"RULE_OPERAND", "RULE_RESULT", "RULE_COTANGENT", "RULE_NUMBER", "RULE_MAP"};
  puts("/* made by rulegen from adjoint.rules */\nstatic const RuleNode rule_node[] = {");
  for (int i = 0; i < g->nnode; i++) {
    const RuleNode *n = &g->node[i];
    printf("    {%s, ", kind[n->kind]);
    if (n->kind == RULE_MAP) printf("OP_%s, ", op_info[n->index].name);
    else printf("%d, ", n->index);
    printf("{%d, %d, %d}, %.17g}, /* %d */\n", n->child[0], n->child[1], n->child[2], n->number, i);
  }
  puts("};\nstatic const Rule rule_table[OP_COUNT] = {");
  for (int op = 0; op < OP_COUNT; op++) {
    const int *x = g->rule[op].contribution;
    if (g->rule[op].given) printf("    [OP_%s] = {1, {%d, %d, %d}},\n", op_info[op].name, x[0], x[1], x[2]);
  }
  puts("};");
}

/* The text of a file as the body of a function, on the file's own lines. */
static int add_rules(Ctx *c, const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) return -1;
  Text t;
  text_init(&t, c->arena);
  text_add(&t, "fn rules() -> real {");
  char buf[4096];
  for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) text_addn(&t, buf, n);
  fclose(f);
  text_add(&t, "}\n");
  return source_add(c, path, t.s, t.len);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: rulegen FILE\n", stderr);
    return 2;
  }
  Gen *g = calloc(1, sizeof *g);
  if (!g) return 70;
  g->c = ctx_new();
  int file = add_rules(g->c, argv[1]);
  if (file < 0) {
    perror(argv[1]);
    return 1;
  }
  SourceFile *source = parse_source(g->c, file);
  if (source->decls) read_rules(g, source->decls->block);
  check_complete(g);
  bool failed = source->had_error || g->c->diags->nerror > 0;
  if (failed) diag_print_text(g->c, stderr, false);
  else write_tables(g);
  ctx_free(g->c);
  free(g);
  return failed;
}
