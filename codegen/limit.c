/* limit.c - functions whose workspace has a limit (--mem-limit).
 *
 * A function is there twice: as it is, and lean, which computes again what it would have stored.  Which of them serves is decided by the
 * sizes of each call; or here, where they are constants.
 *
 *   size(n, …):  s = f.size(n, …)                          body(n, …):  if f.size(n, …) <= limit:
 *                return s <= limit ? s : f.lean.size(n, …)                 code = f.body(n, …)
 *                                                                          unless that asked for more than the limit: return code
 *                                                                      return f.lean.body(n, …)
 *
 * Ensures: in limited_body no more than the workspace that it is given is used; the caller gives no more than the limit. */
#include "codegen/internal.h"
#include "codegen/plan.h"

enum { E_LIMIT = 606 };

/* Bytes that f takes at the least; *whole: that is all, whatever the sizes. */
static int64_t least_bytes(Func *f, int64_t grain, bool *whole) {
  const Plan *p = plan_func(f->module->ctx, f, 0);
  int64_t sum = 0, n;
  *whole = !grain && !region_calls(f->body);
  for (int i = 0; i < p->nslot; i++) {
    const Slot *s = &p->slot[i];
    if (s->dynamic || s->copies || !s->bytes || !dim_is_const(s->bytes, &n)) *whole = false;
    else if (n > 0) sum += (n + 63) / 64 * 64;
  }
  return sum;
}

typedef enum { BY_SIZES, ALWAYS_PLAIN, ALWAYS_LEAN } Choice;

static Choice choice_of(const CodegenOptions *o, Func *f) {
  bool whole;
  if (!o->mem_limit || !f->lean) return ALWAYS_PLAIN;
  int64_t least = least_bytes(f, o->grain, &whole);
  return least > o->mem_limit ? ALWAYS_LEAN : whole ? ALWAYS_PLAIN : BY_SIZES;
}

bool limit_check(Module *m, const CodegenOptions *o) {
  Ctx *c = m->ctx;
  bool ok = true, whole;
  for (int i = 0; o->mem_limit && i < m->nfunc; i++) {
    Func *f = m->func[i], *used = f->lean ? f->lean : f;
    if (!f->exported || f->external || least_bytes(f, o->grain, &whole) <= o->mem_limit) continue;
    int64_t least = least_bytes(used, o->grain, &whole);
    if (least <= o->mem_limit) continue;
    Diag *d = diag_error(c, f->loc, E_LIMIT, "'%s' needs a workspace of %s%lld bytes, and --mem-limit allows %lld", f->name,
                         whole ? "" : "at least ", (long long)least, (long long)o->mem_limit);
    explain_largest(used, d);
    ok = false;
  }
  return ok;
}

/* ---- both versions in one ---------------------------------------------------------------------------------------------------- */

static LLVMValueRef begin(Codegen *g, const char *name, LLVMTypeRef type, LLVMBuilderRef *b) {
  LLVMValueRef fn = LLVMAddFunction(g->mod, name, type);
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  *b = LLVMCreateBuilderInContext(g->ll);
  LLVMPositionBuilderAtEnd(*b, LLVMAppendBasicBlockInContext(g->ll, fn, "entry"));
  return fn;
}

static LLVMValueRef call(LLVMBuilderRef b, LLVMValueRef fn, LLVMTypeRef type, LLVMValueRef *arg) {
  return LLVMBuildCall2(b, type, fn, arg, LLVMCountParamTypes(type), "");
}

static LLVMValueRef *parameters(Codegen *g, LLVMValueRef fn) {
  LLVMValueRef *arg = NEW_N(g->arena, LLVMValueRef, LLVMCountParams(fn) + 1);
  LLVMGetParams(fn, arg);
  return arg;
}

static LLVMValueRef within(Codegen *g, LLVMBuilderRef b, LLVMValueRef bytes) {
  return LLVMBuildICmp(b, LLVMIntULE, bytes, LLVMConstInt(g->i64, (uint64_t)g->o->mem_limit, false), "");
}

LLVMValueRef limited_size(Codegen *g, Func *f, bool accumulate) {
  Choice choice = choice_of(g->o, f);
  if (choice != BY_SIZES) return emit_size(g, choice == ALWAYS_LEAN ? f->lean : f, accumulate);
  const char *name = arena_printf(g->arena, "%s%s.limited.size", f->name, accumulate ? ".add" : "");
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (fn) return fn;
  LLVMValueRef plain = emit_size(g, f, accumulate), lean = emit_size(g, f->lean, accumulate);
  LLVMTypeRef type = size_type(g, f);
  LLVMBuilderRef b;
  fn = begin(g, name, type, &b);
  LLVMValueRef *arg = parameters(g, fn), n = call(b, plain, type, arg);
  LLVMBuildRet(b, LLVMBuildSelect(b, within(g, b, n), n, call(b, lean, type, arg), ""));
  LLVMDisposeBuilder(b);
  return fn;
}

/* The failure was that a buffer of a size known only then would have reached beyond the limit. */
static LLVMValueRef wants_more(Codegen *g, LLVMBuilderRef b, LLVMValueRef code, LLVMValueRef err) {
  LLVMValueRef need = LLVMBuildLoad2(b, g->i64, LLVMBuildStructGEP2(b, error_type(g), err, ERR_NEED, ""), "");
  LLVMValueRef small = LLVMBuildICmp(b, LLVMIntEQ, code, LLVMConstInt(g->i32, ADC_EWORKSPACE, false), "");
  return LLVMBuildAnd(b, small, LLVMBuildNot(b, within(g, b, need), ""), "");
}

LLVMValueRef limited_body(Codegen *g, Func *f, bool accumulate) {
  Choice choice = choice_of(g->o, f);
  if (choice != BY_SIZES) return emit_body(g, choice == ALWAYS_LEAN ? f->lean : f, accumulate);
  LLVMValueRef plain = emit_body(g, f, accumulate), lean = emit_body(g, f->lean, accumulate), size = emit_size(g, f, accumulate);
  LLVMTypeRef type = body_type(g, f);
  LLVMBuilderRef b;
  LLVMValueRef fn = begin(g, arena_printf(g->arena, "%s%s.limited.body", f->name, accumulate ? ".add" : ""), type, &b);
  LLVMBasicBlockRef store = LLVMAppendBasicBlockInContext(g->ll, fn, "store"), fail = LLVMAppendBasicBlockInContext(g->ll, fn, "fail");
  LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(g->ll, fn, "done"), again = LLVMAppendBasicBlockInContext(g->ll, fn, "lean");
  BodyArgs in = args_of(g, f, fn);
  LLVMValueRef *arg = parameters(g, fn), *sym = NEW_N(g->arena, LLVMValueRef, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) sym[i] = args_get(&in, b, i);
  LLVMValueRef need = LLVMBuildCall2(b, size_type(g, f), size, sym, (unsigned)f->nsym, "");
  LLVMBuildCondBr(b, within(g, b, need), store, again);
  LLVMPositionBuilderAtEnd(b, store);
  LLVMValueRef code = call(b, plain, type, arg);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntEQ, code, LLVMConstInt(g->i32, ADC_OK, false), ""), done, fail);
  LLVMPositionBuilderAtEnd(b, fail);
  LLVMBuildCondBr(b, wants_more(g, b, code, body_space(fn, SPACE_ERR)), again, done);
  LLVMPositionBuilderAtEnd(b, done);
  LLVMBuildRet(b, code);
  LLVMPositionBuilderAtEnd(b, again);
  LLVMBuildRet(b, call(b, lean, type, arg));
  LLVMDisposeBuilder(b);
  return fn;
}
