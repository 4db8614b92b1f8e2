/* emit_size.c - how much workspace a function needs: as code, and as text for the header.
 *
 * Ensures: the code gives exactly the bytes that emit_body's plan lays out, or -1 where the symbols are no valid sizes.
 */
#include "codegen/emit.h"

typedef struct Size {
  Codegen *g;
  LLVMBuilderRef b;
  DimEnv env;
} Size;

static LLVMValueRef checked2(Size *s, const char *name, LLVMValueRef x, LLVMValueRef y) {
  LLVMTypeRef t = s->g->i64;
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(s->g->mod, LLVMLookupIntrinsicID(name, __builtin_strlen(name)), &t, 1),
               a[] = {x, y};
  LLVMValueRef r = LLVMBuildCall2(s->b, LLVMGlobalGetValueType(fn), fn, a, 2, "");
  s->env.bad = LLVMBuildOr(s->b, s->env.bad, LLVMBuildExtractValue(s->b, r, 1, ""), "");
  return LLVMBuildExtractValue(s->b, r, 0, "");
}

static void bad_if(Size *s, LLVMIntPredicate p, LLVMValueRef x, int64_t k) {
  LLVMValueRef c = LLVMBuildICmp(s->b, p, x, LLVMConstInt(s->g->i64, (unsigned long long)k, true), "");
  s->env.bad = LLVMBuildOr(s->b, s->env.bad, c, "");
}

static LLVMValueRef rounded_up(Size *s, LLVMValueRef n, int64_t to) {
  n = checked2(s, "llvm.sadd.with.overflow", n, LLVMConstInt(s->g->i64, (unsigned long long)to - 1, false));
  return LLVMBuildAnd(s->b, n, LLVMConstInt(s->g->i64, (unsigned long long)-to, true), "");
}

/* Bytes of a tensor, rounded up to 64; its dimensions are checked on the way. */
static LLVMValueRef tensor_bytes(Size *s, const Type *t) {
  LLVMValueRef n = LLVMConstInt(s->g->i64, (unsigned)elem_size(t->elem), false);
  for (int i = 0; i < t->rank; i++) {
    LLVMValueRef d = dim_emit(&s->env, t->dim[i]);
    bad_if(s, LLVMIntSLT, d, 0);
    n = checked2(s, "llvm.smul.with.overflow", n, d);
  }
  return rounded_up(s, n, 64);
}

LLVMValueRef nested_bytes(const DimEnv *env, const Type *t, LLVMValueRef *bad) {
  Size s = {.g = env->g, .b = env->b, .env = *env};
  s.env.bad = LLVMConstInt(env->g->i1, 0, false);
  s.env.memo = NULL;
  s.env.nmemo = s.env.memo_cap = 0;
  LLVMValueRef n = tensor_bytes(&s, t);
  *bad = s.env.bad;
  return LLVMBuildSelect(env->b, *bad, LLVMConstNull(env->g->i64), n, "");
}

static LLVMValueRef slot_bytes(Size *s, const Slot *slot) {
  LLVMValueRef bad;
  return slot->nested ? nested_bytes(&s->env, slot->type, &bad) : tensor_bytes(s, slot->type);
}

static void check_type(Size *s, bool *seen, const Type *t) {
  if (t->rank == 0 || seen[t->id] || type_mentions_value(t)) return;
  seen[t->id] = true;
  LLVMValueRef n = tensor_bytes(s, t);
  if (s->g->pointer_bytes < 8) bad_if(s, LLVMIntSGT, n, INT32_MAX);
}

LLVMTypeRef size_type(Codegen *g, Func *f) {
  LLVMTypeRef *t = NEW_N(g->arena, LLVMTypeRef, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) t[i] = g->i64;
  return LLVMFunctionType(g->i64, t, (unsigned)f->nsym, false);
}

/* A dimension that may come out negative is an error at the top of the function only: a region that has it need not be entered. */
static void check_region(Size *s, bool *seen, const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nres; i++) {
      bool sure = true;
      const Type *t = op->res[i]->type;
      for (int k = 0; r->parent && k < t->rank; k++) sure &= dim_nonneg(s->g->ctx, t->dim[k]);
      if (sure) check_type(s, seen, t);
    }
    for (int i = 0; i < op->nreg; i++) check_region(s, seen, op->reg[i]);
  }
}

static int largest_type(const Region *r) {
  int most = 0;
  for (int i = 0; i < r->nparam; i++)
    if (r->param[i]->type->id > most) most = r->param[i]->type->id;
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nres; i++)
      if (op->res[i]->type->id > most) most = op->res[i]->type->id;
    for (int i = 0; i < op->nreg; i++)
      if (largest_type(op->reg[i]) > most) most = largest_type(op->reg[i]);
  }
  return most;
}

/* The most that a call in r takes behind f's own workspace, where that is a formula: no recursion, no sizes from run time. */
static LLVMValueRef call_bytes(Size *s, const Region *r, LLVMValueRef most) {
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) most = call_bytes(s, op->reg[i], most);
    if (op->code != OP_call || func_is_recursive(s->env.f, op->u.call.callee)) continue;
    Func *callee = op->u.call.callee;
    LLVMValueRef *arg = NEW_N(s->g->arena, LLVMValueRef, callee->nsym + 1);
    DimEnv env = s->env; /* a call that has no valid sizes may never be made */
    env.memo = NULL;
    env.nmemo = env.memo_cap = 0;
    bool formula = true;
    for (int i = 0; i < callee->nsym; i++) {
      const Dim *d = call_dim(s->g->ctx, op, callee->sym[i]);
      formula &= !dim_mentions_value(d);
      if (formula) arg[i] = dim_emit(&env, d);
    }
    if (!formula) continue;
    LLVMValueRef n = LLVMBuildCall2(s->b, size_type(s->g, callee), emit_size(s->g, callee, false), arg, (unsigned)callee->nsym, "");
    most = LLVMBuildSelect(s->b, LLVMBuildICmp(s->b, LLVMIntSGT, n, most, ""), n, most, "");
  }
  return most;
}

/* Those of which there are so many copies, one copy of each.  Of slots of one type the size is computed once. */
static LLVMValueRef one_copy(Size *s, const Plan *p, const Dim *copies) {
  LLVMValueRef total = LLVMConstInt(s->g->i64, 0, false);
  const Slot **kind = NEW_N(s->g->arena, const Slot *, p->nslot);
  int nkind = 0, *count = NEW_N(s->g->arena, int, p->nslot);
  for (int i = 0, k; i < p->nslot; i++) {
    const Slot *x = &p->slot[i];
    if (x->dynamic || x->copies != copies) continue;
    for (k = 0; k < nkind && (kind[k]->type != x->type || kind[k]->nested != x->nested); k++) continue;
    if (k == nkind) kind[nkind++] = &p->slot[i];
    count[k]++;
  }
  for (int k = 0; k < nkind; k++) {
    LLVMValueRef n = LLVMConstInt(s->g->i64, (unsigned)count[k], false);
    n = checked2(s, "llvm.smul.with.overflow", n, slot_bytes(s, kind[k]));
    total = checked2(s, "llvm.sadd.with.overflow", total, n);
  }
  return total;
}

static LLVMValueRef all_slots(Size *s, const Plan *p) {
  LLVMValueRef total = one_copy(s, p, NULL);
  for (int i = 0; i < p->nslot; i++) {
    Dim *copies = p->slot[i].copies;
    bool seen = !copies;
    for (int k = 0; k < i; k++) seen |= p->slot[k].copies == copies;
    if (seen) continue;
    LLVMValueRef n = rounded_up(s, one_copy(s, p, copies), COPY_MULTIPLE);
    total = checked2(s, "llvm.sadd.with.overflow", total, checked2(s, "llvm.smul.with.overflow", n, dim_emit(&s->env, copies)));
  }
  return total;
}

/* f's own workspace and what it calls. */
static LLVMValueRef own_bytes(Size *s, Func *f) {
  Plan *p = plan_func(s->g->ctx, f, s->g->o->grain);
  for (int i = 0; i < f->nsym; i++)
    if (f->sym[i]->nonneg || f->sym[i]->kind == SYM_DIM) bad_if(s, LLVMIntSLT, s->env.sym[i], 0);
  bool *seen = NEW_N(s->g->arena, bool, largest_type(f->body) + 1);
  for (int i = 0; i < f->body->nparam; i++) check_type(s, seen, f->body->param[i]->type);
  check_region(s, seen, f->body);
  LLVMValueRef slots = all_slots(s, p);
  return checked2(s, "llvm.sadd.with.overflow", slots, call_bytes(s, f->body, LLVMConstInt(s->g->i64, 0, false)));
}

/* What adds to cotangents has a place for each in front of what the function itself needs. */
static LLVMValueRef bytes_to_add(Size *s, Func *f) {
  LLVMValueRef total = LLVMBuildCall2(s->b, size_type(s->g, f), emit_size(s->g, f, false), s->env.sym, (unsigned)f->nsym, "");
  bad_if(s, LLVMIntSLT, total, 0);
  for (int i = 0; i < f->body->nres; i++)
    if (result_adds(f, i)) total = checked2(s, "llvm.sadd.with.overflow", total, tensor_bytes(s, f->body->res[i]->type));
  return total;
}

void emit_size_function(Codegen *g, Func *f, bool accumulate, LLVMValueRef fn) {
  Size s = {.g = g, .b = LLVMCreateBuilderInContext(g->ll)};
  LLVMPositionBuilderAtEnd(s.b, LLVMAppendBasicBlockInContext(g->ll, fn, "entry"));
  s.env = (DimEnv){.g = g, .f = f, .b = s.b, .late = s.b, .bad = LLVMConstInt(g->i1, 0, false)};
  s.env.sym = NEW_N(g->arena, LLVMValueRef, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) s.env.sym[i] = LLVMGetParam(fn, (unsigned)i);
  LLVMValueRef total = accumulate ? bytes_to_add(&s, f) : own_bytes(&s, f);
  if (g->pointer_bytes < 8) bad_if(&s, LLVMIntSGT, total, INT32_MAX);
  LLVMBuildRet(s.b, LLVMBuildSelect(s.b, s.env.bad, LLVMConstAllOnes(g->i64), total, ""));
  LLVMDisposeBuilder(s.b);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

bool region_calls(const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    if (op->code == OP_call) return true;
    for (int i = 0; i < op->nreg; i++)
      if (region_calls(op->reg[i])) return true;
  }
  return false;
}

static bool has_copies(const Plan *p) {
  for (int i = 0; i < p->nslot; i++)
    if (p->slot[i].copies) return true;
  return false;
}

/* What threads take for themselves is too long a formula to be read. */
static void threads_text(const Plan *p, const Plan *alone, Text *t) {
  if (p->nslot > alone->nslot || has_copies(p)) text_add(t, ", and what threads need for themselves");
}

void workspace_text(Ctx *c, Func *f, int64_t grain, Text *t) {
  Plan *p = plan_func(c, f, 0);
  Dim *sum = dim_const(c, 0);
  int fixed = 0;
  for (int i = 0; i < p->nslot; i++)
    if (!p->slot[i].dynamic) {
      sum = dim_add(c, sum, p->slot[i].bytes);
      fixed++;
    }
  bool calls = region_calls(f->body);
  if (p->nslot == 0) text_add(t, calls ? "what calls need" : "none");
  if (fixed && sum) {
    dim_print(t, sum);
    text_add(t, " bytes");
    if (fixed > 1)
      text_add(t, " in %d buffers, each rounded up to 64", fixed);
    else
      text_add(t, ", rounded up to 64");
  }
  if (fixed < p->nslot) text_add(t, "%swhat sizes known only at run time need", fixed ? ", and " : "");
  if (calls && p->nslot) text_add(t, ", and what calls need");
  if (grain) threads_text(plan_func(c, f, grain), p, t);
}
