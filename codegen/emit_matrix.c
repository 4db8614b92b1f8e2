/* emit_matrix.c - calls of the runtime's factorisations, solves, determinants and sorts.
 *
 * Requires: operands in memory.  Ensures: the result's buffer (or scalar) is complete; nothing else is written. */
#include "codegen/emit.h"

/* A function of pointers, then i64s, without a result. */
static void call_runtime(Emit *e, const char *name, Elem elem, int nptr, LLVMValueRef *ptr, int nint, LLVMValueRef *n) {
  LLVMTypeRef t[16];
  LLVMValueRef x[16];
  for (int i = 0; i < nptr; i++) t[i] = e->g->ptr, x[i] = ptr[i];
  for (int i = 0; i < nint; i++) t[nptr + i] = e->g->i64, x[nptr + i] = n[i];
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->g->ll), t, (unsigned)(nptr + nint), false);
  const char *full = arena_printf(e->arena, "adc_rt_%s_%s", name, elem_name(elem));
  LLVMValueRef fn = LLVMGetNamedFunction(e->g->mod, full);
  if (!fn) fn = LLVMAddFunction(e->g->mod, full, type);
  LLVMBuildCall2(e->b, type, fn, x, (unsigned)(nptr + nint), "");
}

static LLVMValueRef product_of(Emit *e, int n, Dim *const *dim) {
  LLVMValueRef v = e->one;
  for (int i = 0; i < n; i++) v = LLVMBuildMul(e->b, v, dim_of(e, dim[i]), "");
  return v;
}

static LLVMValueRef flag(Emit *e, bool v) { return v ? e->one : e->zero; }

static LLVMValueRef target(Emit *e, const Unit *u) {
  int object;
  return u->v->type->rank ? unit_target(e, u, &object) : where_of(e, u->v);
}

static void emit_argsort(Emit *e, const Unit *u) {
  Value *x = u->op->opd[0];
  int axis = u->op->u.scan.axis;
  LLVMValueRef ptr[] = {where_of(e, x), target(e, u)};
  LLVMValueRef n[] = {product_of(e, axis, x->type->dim), dim_of(e, x->type->dim[axis]),
                      product_of(e, x->type->rank - axis - 1, x->type->dim + axis + 1)};
  call_runtime(e, "argsort", x->type->elem, 2, ptr, 3, n);
}

/* Factorisations are read instead of what they are of; then the batch, n, for solves the number of right-hand sides, for directions
 * that of their rows, and what the attribute says. */
void emit_matrix(Emit *e, Unit *u) {
  const Op *op = u->op;
  if (op->code == OP_argsort) {
    emit_argsort(e, u);
    return;
  }
  const Type *a = op->opd[0]->type;
  bool solve = op->code == OP_trisolve || op->code == OP_lusolve;
  LLVMValueRef ptr[4], n[5];
  int nptr = 0, nint = 0;
  for (int k = op->nopd > 1 && op->code != OP_trisolve; k < op->nopd; k++) ptr[nptr++] = where_of(e, op->opd[k]);
  ptr[nptr++] = target(e, u);
  n[nint++] = product_of(e, a->rank - 2, a->dim);
  n[nint++] = dim_of(e, a->dim[a->rank - 1]);
  if (op->code == OP_cofactor_dir || op->code == OP_lujet) n[nint++] = dim_of(e, op->opd[2]->type->dim[a->rank - 2]);
  if (solve) n[nint++] = dim_of(e, op->opd[op->nopd - 1]->type->dim[a->rank - 1]);
  if (op->code == OP_trisolve) n[nint++] = flag(e, op->u.matrix.upper);
  if (solve) n[nint++] = flag(e, op->u.matrix.trans);
  call_runtime(e, op_info[op->code].name, a->elem, nptr, ptr, nint, n);
}
