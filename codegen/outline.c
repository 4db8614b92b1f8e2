/* outline.c - a piece of a body as a function of its own.
 *
 *   body                                  piece(env, index)
 *     %p = …            ── env.0 ──►        %p' = load env.0
 *     %s = alloca       ── env.1, its value ──►  %s' = alloca, set to it
 *     loop over … %p, %s                    loop over … %p', %s'
 *
 * Everything that emits code emits into the piece as it would into the body, with values of the body as operands; at the end each of
 * these is replaced by one that the piece loads from its environment.  So nothing else needs to know where its code goes.
 * Ensures: the piece refers to nothing of the body's; values that it takes over dominate the place where the body was left. */
#include "codegen/outline.h"

/* ---- failures ------------------------------------------------------------------------------------------------------------- */

enum { STATUS_ERROR, STATUS_CODE };

static LLVMTypeRef status_type(Codegen *g) {
  LLVMTypeRef t[] = {error_type(g), g->i64};
  return LLVMStructTypeInContext(g->ll, t, 2, false);
}

static LLVMValueRef status_at(Emit *e, const Outline *o, LLVMBuilderRef b, LLVMValueRef index) {
  return LLVMBuildInBoundsGEP2(b, status_type(e->g), o->status, &index, 1, "");
}

static LLVMValueRef code_of(Emit *e, LLVMBuilderRef b, LLVMValueRef status) {
  return LLVMBuildStructGEP2(b, status_type(e->g), status, STATUS_CODE, "");
}

/* The record of this index says at first that all is well. */
static void open_record(Emit *e, Outline *o) {
  o->status = shared_memory(e, LLVMArrayType2(status_type(e->g), MAX_PIECES));
  LLVMBuilderRef b = LLVMCreateBuilderInContext(e->g->ll);
  LLVMPositionBuilderBefore(b, LLVMGetBasicBlockTerminator(o->entry));
  o->record = status_at(e, o, b, o->index);
  LLVMBuildStore(b, LLVMConstInt(e->g->i64, ADC_OK, false), code_of(e, b, o->record));
  LLVMDisposeBuilder(b);
}

LLVMValueRef error_record(Emit *e) {
  if (!e->outline) return err_of(e);
  if (!e->outline->status) open_record(e, e->outline);
  return e->outline->record;
}

void leave(Emit *e, LLVMValueRef code) {
  if (!e->outline) {
    LLVMBuildRet(e->b, code);
    return;
  }
  LLVMBuildStore(e->b, LLVMBuildZExt(e->b, code, e->g->i64, ""), code_of(e, e->b, error_record(e)));
  LLVMBuildRetVoid(e->b);
}

void return_first_failure(Emit *e, const Outline *o, LLVMValueRef count) {
  if (!o->status) return;
  Loop loop;
  Branch br;
  LLVMValueRef at = status_at(e, o, e->b, loop_begin(e, &loop, count));
  LLVMValueRef code = LLVMBuildLoad2(e->b, e->g->i64, code_of(e, e->b, at), "");
  if_begin(e, &br, LLVMBuildICmp(e->b, LLVMIntNE, code, e->zero, ""));
  for (int field = ERR_LINE; field <= ERR_NEED; field++) {
    LLVMTypeRef t = field == ERR_MESSAGE ? e->g->ptr : e->g->i64;
    LLVMValueRef x = LLVMBuildLoad2(e->b, t, LLVMBuildStructGEP2(e->b, error_type(e->g), at, (unsigned)field, ""), "");
    LLVMBuildStore(e->b, x, LLVMBuildStructGEP2(e->b, error_type(e->g), error_record(e), (unsigned)field, ""));
  }
  leave(e, LLVMBuildTrunc(e->b, code, e->g->i32, ""));
  LLVMPositionBuilderAtEnd(e->b, br.join);
  LLVMMoveBasicBlockAfter(br.join, LLVMGetLastBasicBlock(e->fn));
  memo_release(e, br.mark);
  loop.as_it_is = true;
  loop_end(e, &loop);
}

/* ---- begin ---------------------------------------------------------------------------------------------------------------- */

LLVMValueRef shared_memory(Emit *e, LLVMTypeRef t) {
  LLVMValueRef a = LLVMBuildAlloca(e->entry, t, "");
  PUSH(e->arena, e->shared, e->nshared, e->shared_cap) = a;
  return a;
}

/* Lines of the piece's instructions are in a scope of its own; the body's entry stays in the body's. */
static void open_scope(Emit *e, Outline *o) {
  LLVMMetadataRef entry = LLVMGetCurrentDebugLocation2(e->entry);
  o->line_scope = e->line_scope;
  o->line = LLVMGetCurrentDebugLocation2(e->b);
  debug_function(e);
  LLVMSetCurrentDebugLocation2(e->entry, entry);
}

enum { MOST_GIVEN = 4 };

void outline_of(Emit *e, Outline *o, int n, LLVMValueRef *x) {
  LLVMTypeRef param[1 + MOST_GIVEN] = {e->g->ptr};
  for (int i = 1; i <= n; i++) param[i] = e->g->i64;
  LLVMTypeRef type = LLVMFunctionType(e->g->none, param, (unsigned)n + 1, false);
  *o = (Outline){.around = e->outline, .body = e->fn, .at = LLVMGetInsertBlock(e->b), .mark = memo_mark(e)};
  o->fn = LLVMAddFunction(e->g->mod, arena_printf(e->arena, "%s.piece", LLVMGetValueName(e->fn)), type);
  LLVMSetLinkage(o->fn, LLVMInternalLinkage);
  add_attribute(e->g, o->fn, ON_FUNCTION, "nounwind");
  add_attribute(e->g, o->fn, ON_FUNCTION, "noinline");
  for (int i = 0; i < n; i++) x[i] = LLVMGetParam(o->fn, (unsigned)i + 1);
  e->fn = o->fn;
  e->outline = o;
  open_scope(e, o);
  o->entry = new_block(e, "entry");
  LLVMBasicBlockRef start = new_block(e, "start");
  LLVMPositionBuilderAtEnd(e->b, o->entry);
  LLVMBuildBr(e->b, start);
  LLVMPositionBuilderAtEnd(e->b, start);
}

void outline_begin(Emit *e, Outline *o) {
  LLVMValueRef index;
  outline_of(e, o, 1, &index);
  o->index = index;
}

/* ---- end: operands of the body's ------------------------------------------------------------------------------------------ */

typedef struct Capture {
  LLVMValueRef from, to; /* the body's value, and what stands for it in the piece */
  int field;             /* of the environment; -1: none */
} Capture;

typedef struct Closing {
  Emit *e;
  Outline *o;
  LLVMBuilderRef in; /* the end of the piece's entry */
  Capture *capture;
  int n, cap;
  int *slot; /* hash table of captures, by `from`; 0: free, else 1 + position */
  int nslot;
  LLVMTypeRef *field;
  LLVMValueRef *value; /* in the body */
  int nfield, field_cap, value_cap;
} Closing;

static unsigned hash(const Closing *k, LLVMValueRef v) {
  return (unsigned)(((uintptr_t)v >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (unsigned)(k->nslot - 1);
}

static void grow_table(Closing *k) {
  k->nslot = k->nslot ? 2 * k->nslot : 64;
  k->slot = NEW_N(k->e->arena, int, k->nslot);
  for (int i = 0; i < k->n; i++) {
    unsigned h = hash(k, k->capture[i].from);
    while (k->slot[h]) h = (h + 1) & (unsigned)(k->nslot - 1);
    k->slot[h] = i + 1;
  }
}

static bool is_shared(const Emit *e, LLVMValueRef v) {
  for (int i = e->nshared; i-- > 0;)
    if (e->shared[i] == v) return true;
  return false;
}

static bool is_of_body(const Outline *o, LLVMValueRef v) {
  if (LLVMIsAArgument(v)) return LLVMGetParamParent(v) != o->fn;
  return LLVMIsAInstruction(v) && LLVMGetBasicBlockParent(LLVMGetInstructionParent(v)) != o->fn;
}

static int add_field(Closing *k, LLVMValueRef value) {
  PUSH(k->e->arena, k->value, k->nfield, k->value_cap) = value;
  k->nfield--;
  PUSH(k->e->arena, k->field, k->nfield, k->field_cap) = LLVMTypeOf(value);
  return k->nfield - 1;
}

/* A register of the piece's own, with the value that the body's has; room for many values begins as it is. */
static Capture own_register(Closing *k, LLVMValueRef from) {
  LLVMTypeRef t = LLVMGetAllocatedType(from);
  Capture c = {from, LLVMBuildAlloca(k->in, t, ""), -1};
  LLVMSetAlignment(c.to, LLVMGetAlignment(from));
  if (LLVMGetTypeKind(t) != LLVMArrayTypeKind) c.field = add_field(k, LLVMBuildLoad2(k->e->b, t, from, ""));
  return c;
}

static LLVMValueRef stand_in(Closing *k, LLVMValueRef v) {
  if (2 * k->n >= k->nslot) grow_table(k);
  unsigned h = hash(k, v);
  for (; k->slot[h]; h = (h + 1) & (unsigned)(k->nslot - 1))
    if (k->capture[k->slot[h] - 1].from == v) return k->capture[k->slot[h] - 1].to;
  Capture c;
  if (LLVMIsAAllocaInst(v) && !is_shared(k->e, v)) c = own_register(k, v);
  else {
    /* Made before its load, whose address is known when all fields are. */
    c = (Capture){v, LLVMBuildLoad2(k->in, LLVMTypeOf(v), LLVMGetParam(k->o->fn, 0), ""), add_field(k, v)};
  }
  PUSH(k->e->arena, k->capture, k->n, k->cap) = c;
  k->slot[h] = k->n;
  return c.to;
}

static void replace_operands(Closing *k) {
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(k->o->fn); b; b = LLVMGetNextBasicBlock(b))
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
      unsigned n = (unsigned)LLVMGetNumOperands(i);
      for (unsigned j = 0; j < n; j++) {
        LLVMValueRef v = LLVMGetOperand(i, j);
        if (v && is_of_body(k->o, v)) LLVMSetOperand(i, j, stand_in(k, v));
      }
    }
}

/* The body fills the environment, the piece reads it. */
static LLVMValueRef make_environment(Closing *k) {
  Emit *e = k->e;
  LLVMTypeRef t = LLVMStructTypeInContext(e->g->ll, k->field, (unsigned)k->nfield, false);
  LLVMValueRef env = LLVMBuildAlloca(e->entry, t, "env"), in = LLVMGetParam(k->o->fn, 0);
  for (int i = 0; i < k->nfield; i++) LLVMBuildStore(e->b, k->value[i], LLVMBuildStructGEP2(e->b, t, env, (unsigned)i, ""));
  for (int i = 0; i < k->n; i++) {
    Capture *c = &k->capture[i];
    if (c->field < 0) continue;
    bool own = LLVMIsAAllocaInst(c->to);
    LLVMPositionBuilderBefore(k->in, own ? LLVMGetBasicBlockTerminator(k->o->entry) : c->to);
    LLVMValueRef at = LLVMBuildStructGEP2(k->in, t, in, (unsigned)c->field, "");
    if (own) LLVMBuildStore(k->in, LLVMBuildLoad2(k->in, k->field[c->field], at, ""), c->to);
    else LLVMSetOperand(c->to, 0, at);
  }
  return env;
}

LLVMValueRef outline_end(Emit *e, Outline *o) {
  LLVMBuildRetVoid(e->b);
  LLVMPositionBuilderAtEnd(e->b, o->at);
  e->line_scope = o->line_scope;
  LLVMSetCurrentDebugLocation2(e->b, o->line);
  e->fn = o->body;
  e->outline = o->around;
  memo_release(e, o->mark);
  Closing k = {.e = e, .o = o, .in = LLVMCreateBuilderInContext(e->g->ll)};
  LLVMPositionBuilderBefore(k.in, LLVMGetFirstInstruction(o->entry));
  replace_operands(&k);
  LLVMValueRef env = make_environment(&k);
  LLVMDisposeBuilder(k.in);
  return env;
}
