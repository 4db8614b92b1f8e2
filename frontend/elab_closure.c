/* elab_closure.c - functions as values: names, built-ins, lambdas with what they capture, and their calls, each of
 * which is elaborated where it is made. */
#include "frontend/elab_flow.h"

static Tval *function_value(Elab *e, Loc loc, FunctionValue f) {
  Tval *t = NEW(e->ctx->arena, Tval);
  f.loc = loc;
  *t = (Tval){.kind = TV_FUNCTION, .loc = loc, .fn = arena_dup(e->ctx->arena, &f, sizeof f)};
  return t;
}

Tval *function_of_name(Elab *e, Expr *x) {
  Entry *k = unit_find(e->scope->unit, x->u.name);
  const Builtin *b = k ? NULL : builtin_named(x->u.name);
  if (k && k->fn)
    return fn_signature(e, k->fn) ? function_value(e, x->loc, (FunctionValue){.fn = k->fn}) : tv_error(e, x->loc);
  return b ? function_value(e, x->loc, (FunctionValue){.builtin = b}) : NULL;
}

/* ---- capturing ---- */

typedef struct Capture {
  Elab *e;
  Scope *to;
} Capture;

static void capture_lambda(Capture *c, const Expr *x);

/* By value: a variable is captured as it stands now. */
static void capture_name(Capture *c, const char *name) {
  for (Binding *b = c->to->first; b; b = b->next)
    if (b->name == name) return;
  Binding *b = scope_find(c->e, name);
  if (!b) return;
  Binding *copy = arena_dup(c->e->ctx->arena, b, sizeof *b);
  if (b->kind == BIND_VAR) copy->kind = BIND_LET;
  copy->next = c->to->first;
  c->to->first = copy;
}

/* Every name counts, also one that is bound anew inside: that it is captured as well does no harm. */
static bool capture_expr(void *env, const Expr *x, const Bound *bound) {
  if (x->kind == EX_NAME) capture_name(env, x->u.name);
  if (x->kind == EX_LAMBDA) capture_lambda(env, x);
  return expr_any(x, bound, capture_expr, env);
}

static void capture_lambda(Capture *c, const Expr *x) {
  params_any(x->u.lambda.params, NULL, capture_expr, c);
  types_any(x->u.lambda.result, NULL, capture_expr, c);
  stmts_any(x->u.lambda.block, NULL, capture_expr, c);
}

Tval *elab_lambda(Elab *e, Expr *x) {
  FunctionValue f = {.lambda = x, .scope = scope_root(e, e->scope->unit, e->scope->fn)};
  Capture c = {e, f.scope};
  capture_expr(&c, x, NULL);
  return function_value(e, x->loc, f);
}

/* ---- as parameters ---- */

static int lambda_params(const FunctionValue *f) {
  int n = 0;
  for (const Param *p = f->lambda->u.lambda.params; p; p = p->next) n++;
  return n;
}

/* -1: any number, as a built-in may take. */
static int function_params(const FunctionValue *f) { return f->fn ? f->fn->nparam : f->lambda ? lambda_params(f) : -1; }

Tval *function_of_type(Elab *e, Tval *v, Spec *s, const char *what) {
  int n = function_params(v->fn);
  if (n >= 0 && n != s->nparam) {
    Diag *d = diag_error(e->ctx, v->loc, E_TYPE_MISMATCH, "%s is a function of %d parameter%s, but must take %d", what,
                         n, n == 1 ? "" : "s", s->nparam);
    if (s->loc.file >= 0) diag_note(e->ctx, d, s->loc, "declared here");
    return tv_error(e, v->loc);
  }
  FunctionValue f = *v->fn;
  f.type = s;
  return function_value(e, v->loc, f);
}

/* ---- calls ---- */

static bool wrong_number(Elab *e, const FunctionValue *f, Loc loc, int n) {
  int want = f->type ? f->type->nparam : function_params(f);
  if (want < 0 || n == want) return false;
  Diag *d = diag_error(e->ctx, loc, E_ARGUMENTS, "this function takes %d argument%s, but %d %s given", want,
                       want == 1 ? "" : "s", n, n == 1 ? "is" : "are");
  diag_note(e->ctx, d, f->lambda ? f->lambda->op_loc : f->loc, "it is made here");
  return true;
}

static bool bind_params(Elab *e, const FunctionValue *f, Tval **arg) {
  int i = 0;
  bool ok = true;
  for (const Param *p = f->lambda->u.lambda.params; p; p = p->next, i++) {
    Tval *v = arg[i];
    if (p->type) {
      Dim *known = v->kind == TV_TENSOR ? v->dim : NULL;
      v = fit(e, spec_of(e, p->type), v, FIT_STRICT, arena_printf(e->ctx->arena, "the argument '%s'", p->name));
      if (v->kind == TV_TENSOR && v->type->rank == 0 && elem_is_int(v->type->elem)) v->dim = known;
    }
    ok = ok && !is_error(v);
    scope_bind(e, BIND_PARAM, p->name, p->loc, v);
  }
  return ok;
}

static Tval *lambda_value(Elab *e, const FunctionValue *f) {
  const Expr *x = f->lambda;
  const char *what = "the result of this function";
  Spec *result = x->u.lambda.result ? spec_of(e, x->u.lambda.result) : NULL;
  if (result && result->kind == TV_ERROR) return tv_error(e, x->loc);
  if (!x->u.lambda.expr) return elab_body(e, x->u.lambda.block, result, "this function", x->op_loc);
  Tval *v = elab_expr(e, x->u.lambda.expr);
  return result && !is_error(v) ? fit(e, result, v, FIT_STRICT, what) : v;
}

static Tval *call_lambda(Elab *e, const FunctionValue *f, Expr *at, Tval **arg) {
  Scope *here = e->scope;
  struct Flow *flow = e->flow;
  Diags *d = e->ctx->diags;
  int before = d->nerror;
  if (e->call_depth >= MAX_CALL_DEPTH) {
    diag_error(e->ctx, at->loc, E_TOO_LARGE, "calls are nested too deeply");
    return tv_error(e, at->loc);
  }
  e->call_depth++;
  e->flow = NULL;
  e->scope = f->scope;
  scope_push(e);
  Tval *v = bind_params(e, f, arg) ? lambda_value(e, f) : tv_error(e, at->loc);
  e->scope = here;
  e->flow = flow;
  e->call_depth--;
  if (d->nerror > before && !d->muted && d->last) diag_note(e->ctx, d->last, at->loc, "in this call");
  return v;
}

/* A built-in is given names that stand for the values. */
static Tval *call_builtin(Elab *e, const FunctionValue *f, Expr *at, int n, Tval **arg) {
  Arena *a = e->ctx->arena;
  Expr *call = arena_dup(a, at, sizeof *at);
  Arg **tail = &call->u.call.args;
  scope_push(e);
  for (int i = 0; i < n; i++) {
    const char *name = intern(e->ctx, arena_printf(a, "%%%d", i));
    Expr *x = NEW(a, Expr);
    *x = (Expr){.kind = EX_NAME, .loc = arg[i]->loc, .u.name = name};
    *tail = NEW(a, Arg);
    (*tail)->value = x;
    tail = &(*tail)->next;
    scope_bind(e, BIND_LET, name, arg[i]->loc, arg[i]);
  }
  *tail = NULL;
  call->kind = EX_CALL;
  call->u.call.callee = NEW(a, Expr);
  *call->u.call.callee = (Expr){.kind = EX_NAME, .loc = at->loc, .u.name = f->builtin->name};
  call->u.call.has_seed = false;
  Tval *v = builtin_call(e, f->builtin, call);
  scope_pop(e);
  return v;
}

typedef struct ValueCall {
  FunctionValue *f;
  Expr *at;
  int n;
  Tval **arg;
} ValueCall;

static Tval *call_fitting(Elab *e, void *env) {
  const ValueCall *c = env;
  FunctionValue *f = c->f;
  for (int i = 0; i < c->n; i++) {
    if (f->type)
      c->arg[i] = fit(e, f->type->param[i], c->arg[i], FIT_STRICT, arena_printf(e->ctx->arena, "argument %d", i + 1));
    if (is_error(c->arg[i])) return c->arg[i];
  }
  e->b.loc = c->at->loc;
  if (f->fn && !fn_body(e, f->fn)) return tv_error(e, c->at->loc);
  Tval *v = f->fn       ? call_fn_values(e, f->fn, c->at, c->arg)
            : f->lambda ? call_lambda(e, f, c->at, c->arg)
                        : call_builtin(e, f, c->at, c->n, c->arg);
  return f->type && !is_error(v) ? fit(e, f->type->result, v, FIT_STRICT, "the result of this function") : v;
}

Tval *call_function(Elab *e, FunctionValue *f, Expr *at, int n, Tval **arg) {
  if (wrong_number(e, f, at->loc, n)) return tv_error(e, at->loc);
  ValueCall c = {f, at, n, arg};
  for (int i = 0; i < n; i++)
    if (is_error(arg[i])) return arg[i];
  if (!acts_on_elements(e, f, n, arg)) return call_fitting(e, &c);
  return call_elements(e, at->loc, n, arg, function_serial(e, f), call_fitting, &c);
}

Tval *call_function_value(Elab *e, FunctionValue *f, Expr *x) {
  Tval **v = NULL;
  int n = 0, cap = 0;
  bool ok = true;
  if (f->fn && !f->type) return call_fn(e, f->fn, x);
  if (f->builtin && !f->type) return builtin_call(e, f->builtin, x);
  for (Arg *a = x->u.call.args; a; a = a->next) {
    if (a->name || a->seed) {
      diag_error(e->ctx, a->name ? a->name_loc : a->value->loc, E_ARGUMENTS,
                 "the arguments of a function value have no names");
      return tv_error(e, x->loc);
    }
    Tval *t = elab_expr(e, a->value);
    ok = ok && !is_error(t);
    PUSH(e->ctx->arena, v, n, cap) = t;
  }
  return ok ? call_function(e, f, x, n, v) : tv_error(e, x->loc);
}
