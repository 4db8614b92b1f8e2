/* build.c - the grammar's actions: nodes of the syntax tree.
 * Requires: complete parts.  Ensures: a tree at most MAX_DEPTH deep, chains of left operands not counted, so that walking
 * it recursively is safe; what the grammar lets through but the language does not is reported here (E0203, E0205 to E0211). */
#include <string.h>

#include "frontend/parse.h"

/* ---- depth -------------------------------------------------------------------------------------------------- */

/* Every node that can nest is allocated with its depth behind it. */
typedef struct {
  Expr node;
  int depth;
  bool paren;
} DeepExpr;
typedef struct {
  Stmt node;
  int depth;
} DeepStmt;
typedef struct {
  TypeExpr node;
  int depth;
} DeepType;

static int max2(int a, int b) { return a > b ? a : b; }
static int depth_expr(const Expr *e) { return e ? ((const DeepExpr *)e)->depth : 0; }
static int depth_type(const TypeExpr *t) { return t ? ((const DeepType *)t)->depth : 0; }

static int depth_exprs(const Expr *e) {
  int d = 0;
  for (; e; e = e->next) d = max2(d, depth_expr(e));
  return d;
}

static int depth_block(const Stmt *s) {
  int d = 0;
  for (; s; s = s->next) d = max2(d, ((const DeepStmt *)s)->depth);
  return d;
}

static int depth_params(const Param *a) {
  int d = 0;
  for (; a; a = a->next) d = max2(d, depth_type(a->type));
  return d;
}

static int depth_binders(const Binder *b) {
  int d = 0;
  for (; b; b = b->next) d = max2(d, depth_expr(b->bound));
  return d;
}

void report_depth(Parser *p, Loc loc) {
  p->had_error = true;
  if (p->too_deep) return;
  p->too_deep = true;
  Diag *d = diag_error(p->ctx, loc, 203, "nested too deeply");
  diag_help(p->ctx, d, "name a part of it: let part = ...");
}

/* Gives e the depth of its parts and one; a tree that is too deep is replaced. */
static Expr *deepen(Parser *p, Expr *e, int parts) {
  DeepExpr *deep = (DeepExpr *)e;
  deep->depth = parts + 1;
  if (deep->depth > MAX_DEPTH) {
    report_depth(p, e->op_loc);
    return new_expr(p, EX_ERROR, e->loc, e->loc);
  }
  return e;
}

static Stmt *deepen_stmt(Parser *p, Stmt *s, int parts) {
  ((DeepStmt *)s)->depth = parts + 1;
  if (parts < MAX_DEPTH) return s;
  report_depth(p, s->loc);
  return make_stmt(p, ST_ERROR, s->loc);
}

static Diag *syntax_error(Parser *p, Loc loc, int code, const char *text) {
  p->had_error = true;
  return diag_error(p->ctx, loc, code, "%s", text);
}

/* ---- expressions -------------------------------------------------------------------------------------------- */

Expr *new_expr(Parser *p, ExprKind kind, Loc loc, Loc op_loc) {
  DeepExpr *e = NEW(p->ctx->arena, DeepExpr);
  e->node.kind = kind;
  e->node.loc = loc;
  e->node.op_loc = op_loc;
  e->depth = 1;
  return &e->node;
}

Expr *make_name(Parser *p, const char *name, Loc loc) {
  Expr *e = new_expr(p, EX_NAME, loc, loc);
  e->u.name = name;
  return e;
}

Expr *make_paren(Expr *x) {
  ((DeepExpr *)x)->paren = true;
  return x;
}

Expr *make_unary(Parser *p, UnOp op, Loc loc, Loc op_loc, Expr *x) {
  Expr *e = new_expr(p, EX_UNARY, loc, op_loc);
  e->u.unary.op = op;
  e->u.unary.x = x;
  return deepen(p, e, depth_expr(x));
}

Expr *make_binary(Parser *p, BinOp op, Loc loc, Loc op_loc, Expr *x, Expr *y) {
  Expr *e = new_expr(p, EX_BINARY, loc, op_loc);
  e->u.binary.op = op;
  e->u.binary.x = x;
  e->u.binary.y = y;
  /* a + b + c + ... counts as one level: who walks a tree goes down the left operands in a loop. */
  int left = depth_expr(x) - (x->kind == EX_BINARY);
  return deepen(p, e, max2(left, depth_expr(y)));
}

Expr *make_if(Parser *p, Loc loc, Expr *cond, Expr *then, Expr *otherwise) {
  Expr *e = new_expr(p, EX_IF, loc, (Loc){loc.file, loc.begin, loc.begin + 2});
  e->u.cond.cond = cond;
  e->u.cond.then = then;
  e->u.cond.otherwise = otherwise;
  return deepen(p, e, max2(depth_expr(cond), max2(depth_expr(then), depth_expr(otherwise))));
}

static void check_order(Parser *p, const Arg *args) {
  const Arg *named = NULL;
  for (const Arg *a = args; a; a = a->next) {
    if (a->name) {
      named = a;
    } else if (named && !a->seed) {
      Diag *d = syntax_error(p, a->value->loc, 211, "a positional argument after a named one");
      diag_note(p->ctx, d, named->name_loc, "named");
      return;
    }
  }
}

Expr *make_call(Parser *p, Loc loc, Loc op_loc, Expr *callee, Args args) {
  Expr *e = new_expr(p, EX_CALL, loc, op_loc);
  int depth = depth_expr(callee);
  e->u.call.callee = callee;
  e->u.call.args = args.first;
  for (const Arg *a = args.first; a; a = a->next) {
    depth = max2(depth, depth_expr(a->value));
    e->u.call.has_seed = e->u.call.has_seed || a->seed;
  }
  check_order(p, args.first);
  return deepen(p, e, depth);
}

Expr *make_index(Parser *p, Loc loc, Loc op_loc, Expr *base, Subs subs) {
  Expr *e = new_expr(p, EX_INDEX, loc, op_loc);
  int depth = depth_expr(base);
  e->u.index.base = base;
  e->u.index.subs = subs.first;
  for (const Sub *s = subs.first; s; s = s->next)
    depth =
        max2(depth, max2(max2(depth_expr(s->index), depth_expr(s->lo)), max2(depth_expr(s->hi), depth_expr(s->step))));
  return deepen(p, e, depth);
}

Expr *make_field(Parser *p, Loc loc, Expr *base, const char *name, Loc name_loc) {
  Expr *e = new_expr(p, EX_FIELD, loc, name_loc);
  e->u.field.base = base;
  e->u.field.name = name;
  return deepen(p, e, depth_expr(base));
}

Expr *make_list(Parser *p, ExprKind kind, Loc loc, Exprs items) {
  Expr *e = new_expr(p, kind, loc, (Loc){loc.file, loc.begin, loc.begin + 1});
  e->u.list.first = items.first;
  for (const Expr *x = items.first; x; x = x->next) e->u.list.count++;
  return deepen(p, e, depth_exprs(items.first));
}

Expr *make_comprehension(Parser *p, Loc loc, Expr *body, Binders binders) {
  Expr *e = new_expr(p, EX_COMPREHENSION, loc, (Loc){loc.file, loc.begin, loc.begin + 1});
  e->u.comp.body = body;
  e->u.comp.binders = binders.first;
  return deepen(p, e, max2(depth_expr(body), depth_binders(binders.first)));
}

static const char *const reductions[] = {"sum", "prod", "max",       "min",    "any",
                                         "all", "mean", "logsumexp", "argmax", "argmin"};
enum { NREDUCTION = sizeof reductions / sizeof *reductions };

static bool is_reduction(const char *name) {
  for (int i = 0; i < NREDUCTION; i++)
    if (!strcmp(name, reductions[i])) return true;
  return false;
}

Expr *make_reduction(Parser *p, Loc loc, Loc op_loc, Expr *callee, Expr *body, Binders binders, Expr *cond) {
  if (callee->kind != EX_NAME || !is_reduction(callee->u.name)) {
    Diag *d =
        syntax_error(p, callee->loc, 206,
                     callee->kind == EX_NAME ? arena_printf(p->ctx->arena, "'%s' is not a reduction", callee->u.name)
                                             : "this is not a reduction");
    const char *near = callee->kind == EX_NAME ? closest_name(callee->u.name, reductions, NREDUCTION) : NULL;
    if (near)
      diag_help(p->ctx, d, "did you mean '%s'?", near);
    else
      diag_help(p->ctx, d,
                "the reductions are sum, prod, max, min, any, all, mean, logsumexp, argmax and argmin; other "
                "functions take a tensor: f([e for i < n])");
    return new_expr(p, EX_ERROR, loc, op_loc);
  }
  Expr *e = new_expr(p, EX_REDUCTION, loc, op_loc);
  e->u.reduction.op = callee->u.name;
  e->u.reduction.body = body;
  e->u.reduction.binders = binders.first;
  e->u.reduction.cond = cond;
  return deepen(p, e, max2(max2(depth_expr(body), depth_expr(cond)), depth_binders(binders.first)));
}

Expr *make_lambda(Parser *p, Loc loc, Params params, TypeExpr *result, Expr *expr, Stmts block) {
  Expr *e = new_expr(p, EX_LAMBDA, loc, (Loc){loc.file, loc.begin, loc.begin + 2});
  e->u.lambda.params = params.first;
  e->u.lambda.result = result;
  e->u.lambda.expr = expr;
  e->u.lambda.block = block.first;
  int depth =
      max2(max2(depth_params(params.first), depth_type(result)), max2(depth_expr(expr), depth_block(block.first)));
  return deepen(p, e, depth);
}

/* ---- parts of expressions ----------------------------------------------------------------------------------- */

Arg *make_arg(Parser *p, const char *name, Loc name_loc, Expr *value) {
  Arg *a = NEW(p->ctx->arena, Arg);
  *a = (Arg){.name = name, .name_loc = name_loc, .value = value};
  return a;
}

Args join_args(Parser *p, Args args, Args seeds) {
  check_order(p, args.first);
  for (Arg *a = seeds.first; a; a = a->next) a->seed = true;
  if (!args.last) return seeds;
  args.last->next = seeds.first;
  args.last = seeds.last;
  return args;
}

Sub *make_sub(Parser *p, SubKind kind, Loc loc, Expr *index) {
  Sub *s = NEW(p->ctx->arena, Sub);
  *s = (Sub){.kind = kind, .loc = loc, .index = index};
  return s;
}

Sub *make_slice(Parser *p, Loc loc, Expr *lo, Expr *hi, Expr *step) {
  Sub *s = make_sub(p, SUB_SLICE, loc, NULL);
  s->lo = lo;
  s->hi = hi;
  s->step = step;
  return s;
}

/* A bound is arithmetic, so that `i < n < m` and `i < n and c` do not mean what nobody meant. */
static bool arithmetic(const Expr *e) {
  if (((const DeepExpr *)e)->paren) return true;
  switch (e->kind) {
  case EX_BINARY: return e->u.binary.op < BIN_EQ;
  case EX_UNARY: return e->u.unary.op == UN_NEG;
  case EX_IF:
  case EX_LAMBDA: return false;
  default: return true;
  }
}

Binder *make_binder(Parser *p, const char *name, Loc loc, Expr *bound) {
  Binder *b = NEW(p->ctx->arena, Binder);
  *b = (Binder){.name = name, .loc = loc, .bound = bound};
  if (bound && !arithmetic(bound)) {
    Diag *d = syntax_error(p, bound->loc, 207, "the bound of an index is an arithmetic expression");
    diag_help(p->ctx, d,
              "a condition stands behind the indices of a reduction: sum(e for i < n if c); or put the bound in "
              "parentheses");
  }
  return b;
}

Param *make_param(Parser *p, const char *name, Loc loc, TypeExpr *type) {
  Param *a = NEW(p->ctx->arena, Param);
  *a = (Param){.name = name, .loc = loc, .type = type};
  return a;
}

Name *make_name_item(Parser *p, const char *name, Loc loc) {
  Name *n = NEW(p->ctx->arena, Name);
  *n = (Name){.text = name, .loc = loc};
  return n;
}

FieldDecl *make_field_decl(Parser *p, const char *name, Loc loc, TypeExpr *type) {
  FieldDecl *f = NEW(p->ctx->arena, FieldDecl);
  *f = (FieldDecl){.name = name, .loc = loc, .type = type};
  return f;
}

/* ---- types -------------------------------------------------------------------------------------------------- */

static TypeExpr *new_type(Parser *p, TypeKind kind, Loc loc, int parts) {
  DeepType *t = NEW(p->ctx->arena, DeepType);
  t->node.kind = kind;
  t->node.loc = loc;
  t->depth = parts + 1;
  if (t->depth <= MAX_DEPTH) return &t->node;
  report_depth(p, loc);
  return make_named_type(p, loc, intern(p->ctx, "real"), false, (Exprs){0});
}

TypeExpr *make_named_type(Parser *p, Loc loc, const char *name, bool has_dims, Exprs dims) {
  int depth = depth_exprs(dims.first);
  TypeExpr *t = new_type(p, TY_NAMED, loc, depth < MAX_DEPTH ? depth : 0);
  t->name = name;
  t->has_dims = has_dims;
  t->dims = dims.first;
  return t;
}

TypeExpr *make_tuple_type(Parser *p, Loc loc, Types elems) {
  if (elems.first == elems.last) return elems.first; /* parentheses around a type, or one result with a label */
  int depth = 0;
  for (const TypeExpr *t = elems.first; t; t = t->next) depth = max2(depth, depth_type(t));
  TypeExpr *t = new_type(p, TY_TUPLE, loc, depth);
  if (t->kind == TY_TUPLE) t->elems = elems.first;
  return t;
}

TypeExpr *make_function_type(Parser *p, Loc loc, Params params, TypeExpr *result) {
  TypeExpr *t = new_type(p, TY_FUNCTION, loc, max2(depth_params(params.first), depth_type(result)));
  if (t->kind == TY_FUNCTION) {
    t->params = params.first;
    t->result = result;
  }
  return t;
}

TypeExpr *empty_dims(Parser *p, Loc loc, Loc brackets, const char *name) {
  Diag *d = syntax_error(p, brackets, 208, "a tensor type names its dimensions");
  diag_help(p->ctx, d, "write %s for a scalar, %s[n] for a vector", name, name);
  return make_named_type(p, loc, name, false, (Exprs){0});
}

TypeExpr *missing_result(Parser *p, const char *name, Loc after) {
  Diag *d = syntax_error(p, after, 210,
                         arena_printf(p->ctx->arena, "function '%s' does not say the type of its result", name));
  diag_help(p->ctx, d, "write it behind the parameters: -> real");
  return make_named_type(p, after, intern(p->ctx, "real"), false, (Exprs){0});
}

void need_types(Parser *p, Params params) {
  for (Param *a = params.first; a; a = a->next)
    if (!a->type) {
      Diag *d = syntax_error(p, a->loc, 209, arena_printf(p->ctx->arena, "parameter '%s' has no type", a->name));
      diag_help(p->ctx, d, "write %s: real, or %s: real[n]", a->name, a->name);
      a->type = make_named_type(p, a->loc, intern(p->ctx, "real"), false, (Exprs){0});
    }
}

/* ---- statements --------------------------------------------------------------------------------------------- */

Stmt *make_stmt(Parser *p, StmtKind kind, Loc loc) {
  DeepStmt *s = NEW(p->ctx->arena, DeepStmt);
  s->node.kind = kind;
  s->node.loc = loc;
  s->depth = 1;
  return &s->node;
}

Stmt *make_bind(Parser *p, StmtKind kind, Loc loc, Names names, TypeExpr *type, Expr *value, bool tuple) {
  Stmt *s = make_stmt(p, kind, loc);
  s->u.bind.names = names.first;
  s->u.bind.type = type;
  s->u.bind.value = value;
  s->u.bind.tuple = tuple;
  return deepen_stmt(p, s, max2(depth_expr(value), depth_type(type)));
}

Stmt *make_assign(Parser *p, Loc loc, Exprs targets, int op, Exprs values) {
  Stmt *s = make_stmt(p, ST_ASSIGN, loc);
  s->u.assign.targets = targets.first;
  s->u.assign.values = values.first;
  s->u.assign.op = op;
  return deepen_stmt(p, s, max2(depth_exprs(targets.first), depth_exprs(values.first)));
}

Stmt *make_cond(Parser *p, Loc loc, Expr *cond, Stmts then, Stmt *otherwise) {
  Stmt *s = make_stmt(p, ST_IF, loc);
  s->u.cond.cond = cond;
  s->u.cond.then = then.first;
  s->u.cond.otherwise = otherwise;
  return deepen_stmt(p, s, max2(depth_expr(cond), max2(depth_block(then.first), depth_block(otherwise))));
}

Stmt *make_for(Parser *p, Loc loc, const char *name, Loc name_loc, Expr *from, Expr *to, Expr *by, Stmts body) {
  Stmt *s = make_stmt(p, ST_FOR, loc);
  s->u.loop.name = name;
  s->u.loop.name_loc = name_loc;
  s->u.loop.from = from;
  s->u.loop.to = to;
  s->u.loop.by = by;
  s->u.loop.body = body.first;
  return deepen_stmt(p, s, max2(max2(depth_expr(from), depth_expr(to)), max2(depth_expr(by), depth_block(body.first))));
}

Stmt *make_while(Parser *p, Loc loc, Expr *cond, Stmts body) {
  Stmt *s = make_stmt(p, ST_WHILE, loc);
  s->u.whil.cond = cond;
  s->u.whil.body = body.first;
  return deepen_stmt(p, s, max2(depth_expr(cond), depth_block(body.first)));
}

Stmt *make_value_stmt(Parser *p, StmtKind kind, Loc loc, Expr *value, const char *message) {
  Stmt *s = make_stmt(p, kind, loc);
  if (kind == ST_ASSERT) {
    s->u.check.cond = value;
    s->u.check.message = message;
  } else {
    s->u.value = value;
  }
  return deepen_stmt(p, s, depth_expr(value));
}

Stmt *make_block_stmt(Parser *p, StmtKind kind, Loc loc, Stmts block) {
  Stmt *s = make_stmt(p, kind, loc);
  s->u.block = block.first;
  return deepen_stmt(p, s, depth_block(block.first));
}

Stmt *make_checkpoint(Parser *p, Stmt *loop, Loc loc, Expr *snapshots) {
  loop->loc = loc;
  if (loop->kind == ST_FOR) {
    loop->u.loop.checkpoint = true;
    loop->u.loop.snapshots = snapshots;
  } else if (loop->kind == ST_WHILE) {
    loop->u.whil.checkpoint = true;
    loop->u.whil.snapshots = snapshots;
  }
  return deepen_stmt(p, loop, max2(((DeepStmt *)loop)->depth, depth_expr(snapshots)));
}

Stmt *reject_call(Parser *p, Loc loc, Expr *target) {
  int len = loc.end - loc.begin;
  bool shown = len < 60 && !memchr(p->src->text + loc.begin, '\n', (size_t)len);
  Diag *d = syntax_error(p, loc, 205, "a call is not a statement: functions have no effect but their value");
  if (shown)
    diag_help(p->ctx, d, "use the value: let y = %.*s", len, p->src->text + loc.begin);
  else
    diag_help(p->ctx, d, "use the value: let y = %s(...)", target->kind == EX_NAME ? target->u.name : "f");
  return make_stmt(p, ST_ERROR, loc);
}

/* ---- declarations ------------------------------------------------------------------------------------------- */

Decl *make_decl(Parser *p, DeclKind kind, Loc loc, const char *name, Loc name_loc) {
  Decl *d = NEW(p->ctx->arena, Decl);
  *d = (Decl){.kind = kind, .loc = loc, .head = loc, .name = name, .name_loc = name_loc};
  return d;
}

void finish_fn(Parser *p, Decl *d, Loc end, Expr *expr, Stmts block, bool has_block) {
  (void)p;
  d->expr = expr;
  d->block = block.first;
  d->has_block = has_block;
  d->loc = loc_join(d->head, end);
}

void add_decl(Parser *p, Decl *d) {
  if (p->last_decl)
    p->last_decl->next = d;
  else
    p->decls = d;
  p->last_decl = d;
}

void mark_start(Parser *p, Loc loc) {
  if (p->record) p->starts[loc.begin] = true;
}
