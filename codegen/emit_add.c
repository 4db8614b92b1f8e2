/* emit_add.c - the body that adds to the gradients.
 *
 * Requires: a function with cotangents among its results.  Ensures: the contract in internal.h.  The workspace begins with a
 * place for each cotangent; the plain body works behind, and what it leaves there is added to the caller's gradients when it
 * has succeeded.  So a function's loops are compiled once, and a call that begins again adds nothing twice. */
#include "codegen/emit.h"

bool result_adds(const Func *f, int result) {
  for (int i = 0; i < f->nout; i++) {
    const Port *o = &f->out[i];
    if (result >= o->first && result < o->first + o->nleaf) return o->role == PORT_COTANGENT;
  }
  return false;
}

static LLVMValueRef bytes(Emit *e, const Type *t) {
  LLVMValueRef bad; /* of sizes that the size function has let pass */
  return nested_bytes(&e->dim, t, &bad);
}

/* What is not wanted of the caller is not wanted of the body either. */
static LLVMValueRef place_of(Emit *e, LLVMValueRef out, LLVMValueRef at) {
  LLVMValueRef null = LLVMConstNull(e->g->ptr);
  LLVMValueRef here = LLVMBuildInBoundsGEP2(e->b, e->g->i8, e->ws, &at, 1, "");
  return LLVMBuildSelect(e->b, LLVMBuildIsNull(e->b, out, ""), null, here, "");
}

/* Adds n elements to others, in one function for all gradients of a type. */
static LLVMValueRef adding_function(Codegen *g, Func *f, Elem elem) {
  const char *name = arena_printf(g->arena, "add.%s", elem_name(elem));
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (fn) return fn;
  LLVMTypeRef t[] = {g->ptr, g->ptr, g->i64};
  fn = LLVMAddFunction(g->mod, name, LLVMFunctionType(g->none, t, 3, false));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attribute(g, fn, ON_FUNCTION, "noinline");
  for (LLVMAttributeIndex i = 1; i <= 2; i++) add_attribute(g, fn, i, "noalias");
  Emit *e = emit_open(g, f, fn);
  Dim *any = dim_const(g->ctx, 1);
  const Type *row = type_tensor(g->ctx, elem, 1, &any);
  LLVMValueRef to = LLVMGetParam(fn, 0), from = LLVMGetParam(fn, 1);
  Loop loop;
  LLVMValueRef i = loop_begin(e, &loop, LLVMGetParam(fn, 2));
  store_elem(e, to, -1, row, i, add_elem(g, e->b, elem, load_elem(e, to, -1, row, i), load_elem(e, from, -1, row, i)));
  loop_end(e, &loop);
  LLVMBuildRetVoid(e->b);
  emit_close(e);
  return fn;
}

static void add_to(Emit *e, const Type *t, LLVMValueRef out, LLVMValueRef from) {
  Branch br;
  LLVMValueRef fn = adding_function(e->g, e->f, t->elem), arg[] = {out, from, element_count(e, t)};
  if_begin(e, &br, LLVMBuildIsNotNull(e->b, out, ""));
  LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, arg, 3, "");
  if_end(e, &br);
}

/* Where the plain body leaves result i. */
static LLVMValueRef left_at(Emit *e, const BodyArgs *in, int i, LLVMValueRef *end) {
  LLVMValueRef out = args_get(in, e->b, args_count(e->f) - e->f->body->nres + i), at = *end;
  if (!result_adds(e->f, i)) return out;
  *end = LLVMBuildAdd(e->b, at, bytes(e, e->f->body->res[i]->type), "");
  return place_of(e, out, at);
}

/* ---- many numbers one behind another, in arrays: loops ---- */

enum { MANY = 8 };

/* So many results from i on are numbers of one type that are added to. */
static int numbers(const Func *f, int i) {
  const Region *body = f->body;
  int n = 0;
  while (i + n < body->nres && result_adds(f, i + n) && body->res[i + n]->type == body->res[i]->type && !body->res[i]->type->rank) n++;
  return args_in_array(f) && n >= MANY ? n : 0;
}

static LLVMValueRef cell_in(Emit *e, const BodyArgs *a, int first, LLVMValueRef i) {
  LLVMValueRef at = LLVMBuildAdd(e->b, i, LLVMConstInt(e->g->i64, (unsigned)(args_count(e->f) - e->f->body->nres + first), false), "");
  return LLVMBuildInBoundsGEP2(e->b, e->g->i64, a->cells, &at, 1, "");
}

/* Where the plain body leaves n results from `first` on. */
static void leave_numbers(Emit *e, const BodyArgs *in, const BodyArgs *to, int first, int n, LLVMValueRef *end) {
  Loop loop;
  LLVMValueRef step = bytes(e, e->f->body->res[first]->type), i = loop_begin(e, &loop, index_const(e, n));
  LLVMValueRef at = LLVMBuildAdd(e->b, *end, LLVMBuildMul(e->b, i, step, ""), "");
  LLVMValueRef out = LLVMBuildLoad2(e->b, e->g->ptr, cell_in(e, in, first, i), "");
  LLVMBuildStore(e->b, place_of(e, out, at), cell_in(e, to, first, i));
  loop_end(e, &loop);
  *end = LLVMBuildAdd(e->b, *end, LLVMBuildMul(e->b, step, index_const(e, n), ""), "");
}

static void add_numbers(Emit *e, const BodyArgs *in, const BodyArgs *to, int first, int n) {
  Loop loop;
  Branch br;
  const Type *t = e->f->body->res[first]->type;
  LLVMValueRef i = loop_begin(e, &loop, index_const(e, n));
  LLVMValueRef out = LLVMBuildLoad2(e->b, e->g->ptr, cell_in(e, in, first, i), "");
  LLVMValueRef left = LLVMBuildLoad2(e->b, e->g->ptr, cell_in(e, to, first, i), "");
  if_begin(e, &br, LLVMBuildIsNotNull(e->b, out, ""));
  LLVMValueRef sum = add_elem(e->g, e->b, t->elem, load_elem(e, out, -1, t, e->zero), load_elem(e, left, -1, t, e->zero));
  store_elem(e, out, -1, t, e->zero, sum);
  if_end(e, &br);
  loop_end(e, &loop);
}

void emit_adding_body(Codegen *g, Func *f, LLVMValueRef fn) {
  Emit *e = emit_open(g, f, fn);
  const Region *body = f->body;
  BodyArgs in = args_of(g, f, fn), to = args_new(g, e->b, f);
  int n = args_count(f), first = n - body->nres;
  LLVMValueRef end = e->zero;
  for (int i = 0; i < f->nsym; i++) e->dim.sym[i] = args_get(&in, e->entry, i);
  e->ws = body_space(fn, SPACE_BASE);
  e->err = body_space(fn, SPACE_ERR);
  LLVMValueRef given = LLVMConstInt(g->i64, 8 * (unsigned)first, false);
  if (to.cells) LLVMBuildMemCpy(e->b, to.cells, 8, in.cells, 8, given);
  for (int i = 0; i < first && !to.cells; i++) args_set(&to, e->b, i, args_get(&in, e->b, i));
  for (int i = 0, many; i < body->nres; i += many ? many : 1)
    if ((many = numbers(f, i))) leave_numbers(e, &in, &to, i, many, &end);
    else args_set(&to, e->b, first + i, left_at(e, &in, i, &end));
  LLVMValueRef base = LLVMBuildInBoundsGEP2(e->b, g->i8, e->ws, &end, 1, ""), len = LLVMBuildSub(e->b, body_space(fn, SPACE_LEN), end, "");
  LLVMValueRef code = args_call(&to, e->b, emit_body(g, f, false), base, len, e->err);
  return_failure(e, code, end);
  for (int i = 0, many; i < body->nres; i += many ? many : 1)
    if ((many = numbers(f, i))) add_numbers(e, &in, &to, i, many);
    else if (result_adds(f, i))
      add_to(e, body->res[i]->type, args_get(&in, e->b, first + i), args_get(&to, e->b, first + i));
  LLVMBuildRet(e->b, LLVMConstInt(g->i32, ADC_OK, false));
  emit_close(e);
}
