/* args.c - what a body is given: symbols, parameters and results, one by one or in an array.
 *
 * LLVM's time grows faster than the number of arguments of a call, and each call of a body has as many as the function has numbers
 * and tensors.  Where these are many they lie in cells of eight bytes, which the exported function fills, and which the body, its
 * versions and its parts read where they need them:
 *
 *   f(p0, p1, …, out)                           f.body(cells, workspace, its length, error record)
 *     cells[0] = p0, cells[1] = p1, …             p7 = cells[7]
 *     f.body(cells, …)
 *
 * Ensures: the same order in both forms: f's symbols, its body's parameters, its results. */
#include "codegen/internal.h"

enum { MANY = 64 };

int args_count(const Func *f) { return f->nsym + f->body->nparam + f->body->nres; }

bool args_in_array(const Func *f) { return !f->external && args_count(f) > MANY; }

static LLVMTypeRef arg_type(Codegen *g, const Func *f, int i) {
  int param = i - f->nsym;
  if (param < 0) return g->i64;
  if (param >= f->body->nparam || f->body->param[param]->type->rank) return g->ptr;
  return elem_reg(g, f->body->param[param]->type->elem);
}

LLVMTypeRef body_type(Codegen *g, Func *f) {
  int n = args_in_array(f) ? 1 : args_count(f);
  LLVMTypeRef *t = NEW_N(g->arena, LLVMTypeRef, n + BODY_SPACE);
  t[0] = g->ptr;
  for (int i = 0; i < n && !args_in_array(f); i++) t[i] = arg_type(g, f, i);
  t[n] = t[n + 2] = g->ptr;
  t[n + 1] = g->i64;
  return LLVMFunctionType(g->i32, t, (unsigned)n + BODY_SPACE, false);
}

static LLVMValueRef cell(const BodyArgs *a, LLVMBuilderRef b, int i) {
  LLVMValueRef at = LLVMConstInt(a->g->i64, (unsigned)i, false);
  return LLVMBuildInBoundsGEP2(b, a->g->i64, a->cells, &at, 1, "");
}

static LLVMValueRef array_on_stack(Codegen *g, LLVMBuilderRef b, int n) {
  LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(LLVMGetInsertBlock(b)));
  LLVMValueRef first = LLVMGetFirstInstruction(entry);
  LLVMBuilderRef at = LLVMCreateBuilderInContext(g->ll);
  if (first) LLVMPositionBuilderBefore(at, first);
  else LLVMPositionBuilderAtEnd(at, entry);
  LLVMValueRef cells = opaque(g, at, LLVMBuildAlloca(at, LLVMArrayType2(g->i64, (unsigned)n), "args"));
  LLVMDisposeBuilder(at);
  return cells;
}

BodyArgs args_new(Codegen *g, LLVMBuilderRef b, const Func *f) {
  BodyArgs a = {.g = g, .f = f};
  if (args_in_array(f)) a.cells = array_on_stack(g, b, args_count(f));
  else a.value = NEW_N(g->arena, LLVMValueRef, args_count(f) + BODY_SPACE);
  return a;
}

BodyArgs args_of(Codegen *g, const Func *f, LLVMValueRef fn) {
  BodyArgs a = {.g = g, .f = f};
  if (args_in_array(f)) {
    a.cells = LLVMGetParam(fn, 0);
    return a;
  }
  a.value = NEW_N(g->arena, LLVMValueRef, LLVMCountParams(fn) + 1);
  LLVMGetParams(fn, a.value);
  return a;
}

LLVMValueRef args_get(const BodyArgs *a, LLVMBuilderRef b, int i) {
  return a->value ? a->value[i] : LLVMBuildLoad2(b, arg_type(a->g, a->f, i), cell(a, b, i), "");
}

/* LLVM's scheduler compares each access to memory with each other between two of these. */
void divide_accesses(LLVMBuilderRef b, int i) {
  enum { TOGETHER = 32 };
  if (i % TOGETHER == TOGETHER - 1) LLVMBuildFence(b, LLVMAtomicOrderingSequentiallyConsistent, true, "");
}

void args_set(const BodyArgs *a, LLVMBuilderRef b, int i, LLVMValueRef x) {
  if (a->value) {
    a->value[i] = x;
    return;
  }
  LLVMBuildStore(b, x, cell(a, b, i));
  divide_accesses(b, i);
}

LLVMValueRef args_call(const BodyArgs *a, LLVMBuilderRef b, LLVMValueRef body, LLVMValueRef base, LLVMValueRef len, LLVMValueRef err) {
  LLVMValueRef in_array[1 + BODY_SPACE] = {a->cells}, *x = a->value ? a->value : in_array;
  int n = a->value ? args_count(a->f) : 1;
  x[n] = base;
  x[n + 1] = len;
  x[n + 2] = err;
  return LLVMBuildCall2(b, LLVMGlobalGetValueType(body), body, x, (unsigned)n + BODY_SPACE, "code");
}

LLVMValueRef body_space(LLVMValueRef fn, int which) { return LLVMGetParam(fn, LLVMCountParams(fn) - BODY_SPACE + (unsigned)which); }
