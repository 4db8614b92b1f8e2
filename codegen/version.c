/* version.c - a function that is there once more for some sizes: each call is served by the copy that was made for its sizes.
 *
 *   body(n, d, …):  if d == 3 and n >= 16 and f.d3.size(n, d) <= f.size(n, d): return f.d3.body(n, d, …)
 *                   …
 *                   return f.general(n, d, …)
 *
 * A version is given the workspace of the function itself, so that its size is one formula, and takes part only where that does.
 * Requires: versions (ir.h) that are functions of the same symbols, parameters and results.  Ensures: the contract in internal.h. */
#include "codegen/emit.h"

/* Turns of a loop in lanes within another loop, for fewer of which it is not worth beginning. */
enum { LEAST_TURNS = 16 };

typedef struct Condition {
  DimEnv env;
  Plan *p;
  LLVMValueRef holds;
} Condition;

static void demand(Condition *k, LLVMValueRef x) { k->holds = LLVMBuildAnd(k->env.b, k->holds, x, ""); }

/* Its end, rather than its turns: a triangle's rows are of all lengths. */
static void demand_turns(Condition *k, const Op *loop) {
  const Op *end = loop->code == OP_for ? loop->opd[1]->def : NULL;
  if (!end || end->code != OP_dim || dim_is_const(end->u.dim, NULL) || dim_mentions_value(end->u.dim)) return;
  LLVMValueRef least = LLVMConstInt(k->env.g->i64, LEAST_TURNS, false);
  demand(k, LLVMBuildICmp(k->env.b, LLVMIntSGE, dim_emit(&k->env, end->u.dim), least, ""));
}

/* Of a strip, what is left over by blocks of its iterations side by side: passes/beside.c asks itself which it is to be. */
static bool is_rest(const Op *loop) {
  return loop->code == OP_for && loop->u.loop.parallel && loop->opd[0]->def && loop->opd[0]->def->code == OP_select;
}

static void demand_loops(Condition *k, const Region *r, bool in_loop) {
  for (const Op *op = r->first; op; op = op->next)
    for (int i = 0; i < op->nreg && !is_rest(op); i++)
      if (!in_lanes(k->p, op->reg[i])) demand_loops(k, op->reg[i], in_loop || op_is_loop(op));
      else if (in_loop) demand_turns(k, op);
}

static LLVMValueRef applies(const DimEnv *env, const Version *v) {
  Condition k = {.env = *env, .p = plan_func(env->g->ctx, v->func, env->g->o->grain), .holds = LLVMConstInt(env->g->i1, 1, false)};
  const Func *f = env->f;
  for (int j = 0; j < v->n; j++)
    for (int i = 0; i < f->nsym; i++)
      if (f->sym[i] == v->sym[j]) {
        LLVMValueRef value = LLVMConstInt(env->g->i64, (unsigned long long)v->value[j], true);
        demand(&k, LLVMBuildICmp(env->b, LLVMIntEQ, env->sym[i], value, ""));
      }
  demand_loops(&k, v->func->body, false);
  return k.holds;
}

static LLVMValueRef size_here(const DimEnv *env, Func *f) {
  return LLVMBuildCall2(env->b, size_type(env->g, f), emit_size(env->g, f, false), env->sym, (unsigned)f->nsym, "");
}

typedef struct Dispatch {
  DimEnv env; /* of the function itself */
  LLVMValueRef fn, *arg;
} Dispatch;

static void serve(const Dispatch *d, LLVMValueRef body) {
  LLVMTypeRef type = body_type(d->env.g, d->env.f);
  LLVMBuildRet(d->env.b, LLVMBuildCall2(d->env.b, type, body, d->arg, LLVMCountParams(d->fn), ""));
}

static LLVMBasicBlockRef block(const Dispatch *d, const char *name) {
  return LLVMAppendBasicBlockInContext(d->env.g->ll, d->fn, name);
}

/* Its workspace is asked for only where the rest holds; -1, of no valid sizes, is more than any. */
static void serve_where(const Dispatch *d, const Version *v, LLVMValueRef body) {
  LLVMBuilderRef b = d->env.b;
  LLVMBasicBlockRef version = block(d, "version"), next = block(d, "next");
  LLVMValueRef holds = applies(&d->env, v);
  if (plan_func(d->env.g->ctx, v->func, d->env.g->o->grain)->nslot) {
    LLVMBasicBlockRef room = block(d, "room");
    LLVMBuildCondBr(b, holds, room, next);
    LLVMPositionBuilderAtEnd(b, room);
    holds = LLVMBuildICmp(b, LLVMIntULE, size_here(&d->env, v->func), size_here(&d->env, d->env.f), "");
  }
  LLVMBuildCondBr(b, holds, version, next);
  LLVMPositionBuilderAtEnd(b, version);
  serve(d, body);
  LLVMPositionBuilderAtEnd(b, next);
}

/* Each stays a function: one of all of them together would take longer to compile. */
static LLVMValueRef version_body(Codegen *g, Func *f, const Func *version, const char *what) {
  LLVMValueRef fn = begin_function(g, version, false, what, body_type(g, f));
  add_attribute(g, fn, ON_FUNCTION, "noinline");
  return fn;
}

void emit_versions(Codegen *g, Func *f, LLVMValueRef fn) {
  LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
  Dispatch d = {.fn = fn, .arg = NEW_N(g->arena, LLVMValueRef, LLVMCountParams(fn) + 1)};
  d.env = (DimEnv){.g = g, .f = f, .b = b, .late = b, .sym = NEW_N(g->arena, LLVMValueRef, f->nsym + 1)};
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, "entry"));
  LLVMGetParams(fn, d.arg);
  BodyArgs in = args_of(g, f, fn);
  for (int i = 0; i < f->nsym; i++) d.env.sym[i] = args_get(&in, b, i);
  LLVMValueRef general = version_body(g, f, f, "general");
  emit_function(g, f, general, NULL);
  for (int i = 0; i < f->nversion; i++) {
    LLVMValueRef body = version_body(g, f, f->version[i].func, "body");
    emit_function(g, f->version[i].func, body, general);
    serve_where(&d, &f->version[i], body);
  }
  serve(&d, general);
  LLVMDisposeBuilder(b);
}
