/* emit_choice.c - looking for a nan, and a function that is computed with plain products, and again with mulz where a result is nan.
 *
 * Requires: plain.c.  Ensures: the contract in internal.h, whichever of the two it was. */
#include "codegen/emit.h"

static void note(Emit *e, LLVMValueRef seen, LLVMValueRef nan) {
  LLVMBuildStore(e->b, LLVMBuildOr(e->b, LLVMBuildLoad2(e->b, e->g->i1, seen, ""), nan, ""), seen);
}

static LLVMValueRef is_nan(Emit *e, LLVMValueRef x) { return LLVMBuildFCmp(e->b, LLVMRealUNO, x, x, ""); }

/* The n elements from i on, as one vector. */
static LLVMValueRef any_nan(Emit *e, const Type *t, LLVMValueRef out, int i, int n) {
  LLVMValueRef at = LLVMConstInt(e->g->i64, (unsigned)i, false);
  LLVMTypeRef elem = elem_type(e->g, t->elem), vector = LLVMVectorType(elem, (unsigned)n);
  LLVMValueRef x = LLVMBuildLoad2(e->b, vector, LLVMBuildInBoundsGEP2(e->b, elem, out, &at, 1, ""), "");
  LLVMSetAlignment(x, (unsigned)elem_size(t->elem));
  LLVMValueRef nan = is_nan(e, x);
  return intrinsic(e->g, e->b, "llvm.vector.reduce.or", LLVMTypeOf(nan), 1, &nan);
}

static void look_at_few(Emit *e, const Type *t, LLVMValueRef out, LLVMValueRef seen) {
  int width = e->g->vector_bytes / elem_size(t->elem), n = elements_of(t);
  for (int i = 0; i < n;) {
    while (width > n - i) width /= 2;
    if (width > 1) note(e, seen, any_nan(e, t, out, i, width));
    else note(e, seen, is_nan(e, load_elem(e, out, -1, t, LLVMConstInt(e->g->i64, (unsigned)i, false))));
    i += width > 1 ? width : 1;
  }
}

/* Elements that lie one behind another are one long loop, whatever the shape is. */
void emit_any_nan(Emit *e, Unit *u) {
  Value *v = nan_sought(u->op);
  const Type *t = v->type;
  LLVMValueRef seen = new_alloca(e, e->g->i1), idx[MAX_RANK];
  Loop loop[MAX_RANK];
  LLVMBuildStore(e->b, LLVMConstInt(e->g->i1, 0, false), seen);
  if (e->p->value[v->id].padded) {
    open_loops(e, loop, t->rank, t->dim, idx);
    note(e, seen, is_nan(e, eval(e, v, idx)));
    close_loops(e, loop, t->rank, t->dim);
  } else {
    LLVMValueRef i = loop_begin(e, loop, element_count(e, t));
    note(e, seen, is_nan(e, load_elem(e, where_of(e, v), e->object[v->id], t, i)));
    loop_end(e, loop);
  }
  LLVMBuildStore(e->b, LLVMBuildLoad2(e->b, e->g->i1, seen, ""), where_of(e, u->v));
}

static void look_at(Emit *e, const Type *t, LLVMValueRef out, LLVMValueRef seen) {
  enum { FEW = 64 };
  Branch br;
  Loop loop;
  if_begin(e, &br, LLVMBuildIsNotNull(e->b, out, ""));
  if (small_count(t, FEW) >= 0) look_at_few(e, t, out, seen);
  else {
    LLVMValueRef i = loop_begin(e, &loop, element_count(e, t));
    note(e, seen, is_nan(e, load_elem(e, out, -1, t, i)));
    loop_end(e, &loop);
  }
  if_end(e, &br);
}

void emit_choice(Codegen *g, Func *f, const Plan *p, LLVMValueRef fn, LLVMValueRef plain, LLVMValueRef exact) {
  Emit *e = emit_open(g, f, fn);
  BodyArgs in = args_of(g, f, fn);
  for (int i = 0; i < f->nsym; i++) e->dim.sym[i] = args_get(&in, e->entry, i);
  unsigned n = LLVMCountParams(fn);
  int first = f->nsym + f->body->nparam;
  LLVMValueRef *arg = NEW_N(g->arena, LLVMValueRef, n + 1), seen = new_alloca(e, g->i1);
  LLVMGetParams(fn, arg);
  LLVMValueRef code = LLVMBuildCall2(e->b, body_type(g, f), plain, arg, n, "");
  Branch ok, strange;
  if_begin(e, &ok, LLVMBuildICmp(e->b, LLVMIntEQ, code, LLVMConstInt(g->i32, ADC_OK, false), ""));
  for (int i = 0; i < f->body->nres; i++)
    if (p->check[i]) look_at(e, f->body->res[i]->type, args_get(&in, e->b, first + i), seen);
  if_begin(e, &strange, LLVMBuildLoad2(e->b, g->i1, seen, ""));
  LLVMBuildRet(e->b, LLVMBuildCall2(e->b, body_type(g, f), exact, arg, n, ""));
  LLVMPositionBuilderAtEnd(e->b, strange.join);
  LLVMBuildBr(e->b, ok.join);
  LLVMPositionBuilderAtEnd(e->b, ok.join);
  LLVMBuildRet(e->b, code);
  add_attribute(g, exact, ON_FUNCTION, "noinline");
  emit_close(e);
}
