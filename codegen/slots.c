/* slots.c - where the workspace's buffers begin.
 *
 *   slot 0 │ slot 1 │ … │ copy 0: slot 5, slot 7 … │ copy 1: slot 5, slot 7 … │ … │ buffers of unknown size …
 *
 * Requires: a plan.  Ensures: slots that are there once begin where the sizes of those before end, as emit_size counts them; then come
 * those of which each chunk has its own, a chunk's together; buffers of unknown size are taken from what is left behind them.  Of a long
 * function the addresses are in a table, which a loop fills: hundreds of sums would be long code. */
#include "codegen/emit.h"

enum { TABLE_FROM = 48 };

static LLVMValueRef round_up(LLVMBuilderRef b, LLVMValueRef n, int64_t to) {
  LLVMTypeRef t = LLVMTypeOf(n);
  n = LLVMBuildAdd(b, n, LLVMConstInt(t, (unsigned long long)to - 1, false), "");
  return LLVMBuildAnd(b, n, LLVMConstInt(t, (unsigned long long)-to, true), "");
}

static LLVMValueRef bytes_of(Emit *e, LLVMBuilderRef b, const Type *t) {
  LLVMValueRef n = LLVMConstInt(e->g->i64, (unsigned)elem_size(t->elem), false);
  for (int i = 0; i < t->rank; i++) n = LLVMBuildMul(b, n, dim_of(e, t->dim[i]), "");
  return round_up(b, n, 64);
}

static LLVMValueRef offset_ptr(Emit *e, LLVMBuilderRef b, LLVMValueRef base, LLVMValueRef bytes) {
  return LLVMBuildInBoundsGEP2(b, e->g->i8, base, &bytes, 1, "");
}

LLVMValueRef opaque(Codegen *g, LLVMBuilderRef b, LLVMValueRef p) {
  static const char name[] = "llvm.launder.invariant.group";
  unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(g->mod, id, &g->ptr, 1);
  return LLVMBuildCall2(b, LLVMGlobalGetValueType(fn), fn, &p, 1, "");
}

static LLVMValueRef slot_bytes(Emit *e, int slot) {
  const Slot *x = &e->p->slot[slot];
  return x->nested ? nested_bytes(&e->dim, x->type, &e->slot_bad[slot]) : bytes_of(e, e->entry, x->type);
}

/* ---- the planned ones --------------------------------------------------------------------------------------------- */

/* Those of which there are so many copies, one behind another from `at` on: where they end. */
static LLVMValueRef place_copies(Emit *e, const Dim *copies, LLVMValueRef at) {
  const Plan *p = e->p;
  for (int i = 0; i < p->nslot; i++)
    if (!p->slot[i].dynamic && p->slot[i].copies == copies) {
      e->slot[i] = opaque(e->g, e->entry, offset_ptr(e, e->entry, e->ws, at));
      at = LLVMBuildAdd(e->entry, at, slot_bytes(e, i), "");
    }
  return at;
}

static LLVMValueRef place_all(Emit *e) {
  const Plan *p = e->p;
  LLVMValueRef at = place_copies(e, NULL, e->zero);
  for (int i = 0; i < p->nslot; i++) {
    const Dim *copies = p->slot[i].copies;
    if (!copies || e->slot_step[i]) continue;
    LLVMValueRef step = LLVMBuildSub(e->entry, place_copies(e, copies, at), at, "");
    step = round_up(e->entry, step, COPY_MULTIPLE);
    for (int k = i; k < p->nslot; k++)
      if (p->slot[k].copies == copies) e->slot_step[k] = step;
    at = LLVMBuildAdd(e->entry, at, LLVMBuildMul(e->entry, step, dim_of(e, (Dim *)copies), ""), "");
  }
  return at;
}

/* i64 (table, workspace, sizes, for each slot which, count): the sum of the sizes. */
static LLVMTypeRef table_type(Codegen *g) {
  LLVMTypeRef t[] = {g->ptr, g->ptr, g->ptr, g->ptr, g->i64};
  return LLVMFunctionType(g->i64, t, 5, false);
}

static LLVMValueRef element(Emit *e, LLVMTypeRef t, LLVMValueRef base, LLVMValueRef i) {
  return LLVMBuildInBoundsGEP2(e->b, t, base, &i, 1, "");
}

static LLVMValueRef table_function(Codegen *g) {
  static const char name[] = "adc.slots";
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (fn) return fn;
  fn = LLVMAddFunction(g->mod, name, table_type(g));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  Emit *e = NEW(g->arena, Emit);
  *e = (Emit){.g = g, .arena = g->arena, .fn = fn, .b = LLVMCreateBuilderInContext(g->ll)};
  LLVMBasicBlockRef entry = new_block(e, "entry"), loop = new_block(e, "loop"), done = new_block(e, "done");
  LLVMPositionBuilderAtEnd(e->b, entry);
  LLVMBuildBr(e->b, loop);
  LLVMPositionBuilderAtEnd(e->b, loop);
  LLVMValueRef i = LLVMBuildPhi(e->b, g->i64, ""), at = LLVMBuildPhi(e->b, g->i64, ""), zero = LLVMConstInt(g->i64, 0, false);
  LLVMBuildStore(e->b, element(e, g->i8, LLVMGetParam(fn, 1), at), element(e, g->ptr, LLVMGetParam(fn, 0), i));
  LLVMValueRef which = LLVMBuildLoad2(e->b, g->i64, element(e, g->i64, LLVMGetParam(fn, 3), i), "");
  LLVMValueRef bytes = LLVMBuildLoad2(e->b, g->i64, element(e, g->i64, LLVMGetParam(fn, 2), which), "");
  LLVMValueRef next[] = {LLVMBuildAdd(e->b, i, LLVMConstInt(g->i64, 1, false), ""), LLVMBuildAdd(e->b, at, bytes, "")};
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntULT, next[0], LLVMGetParam(fn, 4), ""), loop, done);
  LLVMBasicBlockRef from[] = {entry, loop};
  LLVMAddIncoming(i, (LLVMValueRef[]){zero, next[0]}, from, 2);
  LLVMAddIncoming(at, (LLVMValueRef[]){zero, next[1]}, from, 2);
  LLVMPositionBuilderAtEnd(e->b, done);
  LLVMBuildRet(e->b, next[1]);
  LLVMDisposeBuilder(e->b);
  return fn;
}

static LLVMValueRef constant_table(Codegen *g, LLVMValueRef *x, int n) {
  LLVMValueRef init = LLVMConstArray2(g->i64, x, (uint64_t)n), v = LLVMAddGlobal(g->mod, LLVMTypeOf(init), "slots");
  LLVMSetInitializer(v, init);
  LLVMSetGlobalConstant(v, true);
  LLVMSetLinkage(v, LLVMPrivateLinkage);
  return v;
}

/* The sizes of slots of one type are computed once; the first is that of dynamic slots, which take nothing here. */
static LLVMValueRef by_table(Emit *e) {
  Codegen *g = e->g;
  const Plan *p = e->p;
  int *of = NEW_N(e->arena, int, p->nslot + 1), n = 1; /* by kind, from 1: a slot */
  LLVMValueRef *which = NEW_N(e->arena, LLVMValueRef, p->nslot);
  for (int i = 0, k; i < p->nslot; i++) {
    const Slot *s = &p->slot[i];
    for (k = 1; k < n && (p->slot[of[k]].type != s->type || p->slot[of[k]].nested != s->nested); k++) continue;
    if (s->dynamic) k = 0;
    else if (k == n) of[n++] = i;
    which[i] = LLVMConstInt(g->i64, (unsigned)k, false);
  }
  LLVMValueRef size = LLVMBuildArrayAlloca(e->entry, g->i64, LLVMConstInt(g->i32, (unsigned)n, false), "");
  for (int k = 0; k < n; k++) {
    LLVMValueRef i = LLVMConstInt(g->i64, (unsigned)k, false), bytes = k ? slot_bytes(e, of[k]) : e->zero;
    LLVMBuildStore(e->entry, bytes, LLVMBuildInBoundsGEP2(e->entry, g->i64, size, &i, 1, ""));
  }
  for (int i = 0; i < p->nslot; i++) {
    int k = (int)LLVMConstIntGetZExtValue(which[i]);
    if (k) e->slot_bad[i] = e->slot_bad[of[k]];
  }
  e->slot_table = LLVMBuildArrayAlloca(e->entry, g->ptr, LLVMConstInt(g->i32, (unsigned)p->nslot, false), "");
  LLVMValueRef x[] = {e->slot_table, e->ws, size, constant_table(g, which, p->nslot), LLVMConstInt(g->i64, (unsigned)p->nslot, false)};
  return LLVMBuildCall2(e->entry, table_type(g), table_function(g), x, 5, "");
}

void place_slots(Emit *e) {
  int n = e->p->nslot;
  e->slot = NEW_N(e->arena, LLVMValueRef, n + 1);
  e->slot_bad = NEW_N(e->arena, LLVMValueRef, n + 1);
  e->slot_step = NEW_N(e->arena, LLVMValueRef, n + 1);
  LLVMValueRef end = e->parts && n >= TABLE_FROM ? by_table(e) : place_all(e);
  e->dynamic = LLVMBuildAlloca(e->entry, e->g->i64, "");
  LLVMBuildStore(e->entry, end, e->dynamic);
}

/* ---- one slot ------------------------------------------------------------------------------------------------------ */

void reserve(Emit *e, LLVMValueRef to, Loc loc) {
  fail_with(e, LLVMBuildICmp(e->b, LLVMIntULE, to, e->ws_len, ""), ADC_EWORKSPACE, loc, NULL, "the workspace is too small", to);
}

/* Sizes are looked at here: nobody could before. */
LLVMValueRef take_dynamic(Emit *e, const Type *t, Loc loc) {
  DimEnv env = e->dim;
  env.b = env.late;
  LLVMValueRef bad, n = nested_bytes(&env, t, &bad), from = LLVMBuildLoad2(e->b, e->g->i64, e->dynamic, "");
  fail_unless(e, LLVMBuildNot(e->b, bad, ""), ADC_EDIM, loc, NULL, "a dimension is negative, inexact or too large");
  LLVMValueRef to = LLVMBuildAdd(e->b, from, n, ""); /* unsigned: two numbers that are no negative ones */
  reserve(e, to, loc);
  LLVMBuildStore(e->b, to, e->dynamic);
  return offset_ptr(e, e->b, e->ws, from);
}

/* Of a planned slot; NULL: a dynamic one. */
LLVMValueRef slot_address(Emit *e, int slot) {
  if (!e->slot[slot] && e->slot_table && !e->p->root->slot[slot].dynamic) {
    LLVMValueRef i = LLVMConstInt(e->g->i64, (unsigned)slot, false);
    e->slot[slot] = LLVMBuildLoad2(e->entry, e->g->ptr, LLVMBuildInBoundsGEP2(e->entry, e->g->ptr, e->slot_table, &i, 1, ""), "");
  }
  return e->slot[slot];
}

LLVMValueRef slot_memory(Emit *e, int slot) {
  if (e->part) return part_memory(e, slot_memory(outer_of(e), slot), slot);
  LLVMValueRef at = slot_address(e, slot);
  return at ? at : take_dynamic(e, e->p->root->slot[slot].type, LOC_NONE);
}

/* NULL: it has a valid size. */
LLVMValueRef slot_bad(Emit *e, int slot) {
  if (!e->part) return e->slot_bad[slot];
  LLVMValueRef bad = slot_bad(outer_of(e), slot);
  return bad ? part_value(e, bad) : NULL;
}

