/* emit_product.c - matrix products: calls of the runtime's kernel, in loops over what is more than a product of two matrices.
 *
 * Requires: a tiled unit (schedule.c).  Ensures: as emit_nest. */
#include "codegen/emit.h"

static bool in_memory(const Emit *e, Value *v) {
  Place p = e->p->value[v->id].place;
  if (p == PLACE_VIRTUAL) v = behind_windows(v);
  p = e->p->value[v->id].place;
  return v->type->rank > 0 && (p == PLACE_BUFFER || p == PLACE_PARAM);
}

static LLVMValueRef memory_of(Emit *e, const Value *v) {
  if (e->p->value[v->id].place != PLACE_VIRTUAL) return where_of(e, v);
  const Op *op = v->def;
  LLVMValueRef start[MAX_RANK];
  for (int a = 0; a < v->type->rank; a++) start[a] = dim_of(e, op->u.slice.start[a]);
  LLVMValueRef at = row_major(e, op->opd[0]->type, start);
  return LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, v->type->elem), memory_of(e, op->opd[0]), &at, 1, "");
}

/* outer: by label, the index in the loops around; NULL where there is none. */
static Matrix locate(Emit *e, const Product *p, const Type *t, const int8_t *label, LLVMValueRef base, const LLVMValueRef *outer) {
  Matrix m = {.base = base};
  LLVMValueRef stride = e->one, at = e->zero;
  for (int k = 0; k < 3; k++) m.stride[k] = e->zero;
  for (int i = t->rank; i-- > 0;) {
    int l = label[i], kind = p->kind[l];
    if (kind >= 0 && kind < PRODUCT_BATCH && p->label[kind] == l) m.stride[kind] = stride;
    else if (outer[l]) at = index_add(e, at, index_mul(e, outer[l], stride));
    stride = index_mul(e, stride, dim_of(e, t->dim[i]));
  }
  m.base = LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, t->elem), m.base, &at, 1, "");
  return m;
}

void product_call(Emit *e, const ProductCall *call) {
  const Matrix *m = call->m;
  enum { R = PRODUCT_ROW, C = PRODUCT_COL, K = PRODUCT_SUM };
  LLVMTypeRef i = e->g->i64, q = e->g->ptr, t[] = {i, i, i, q, i, i, q, i, i, q, i, i, i, q};
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->g->ll), t, sizeof t / sizeof *t, false);
  const char *name = arena_printf(e->arena, "adc_rt_gemm_%s_%d", elem_name(call->elem), e->g->vector_bytes);
  LLVMValueRef fn = LLVMGetNamedFunction(e->g->mod, name);
  if (!fn) fn = LLVMAddFunction(e->g->mod, name, type);
  LLVMValueRef x[] = {call->size[R], call->size[C], call->size[K],
                      m[0].base, m[0].stride[R], m[0].stride[K], m[1].base, m[1].stride[K], m[1].stride[C],
                      m[2].base, m[2].stride[R], m[2].stride[C], call->add, call->space};
  LLVMBuildCall2(e->b, type, fn, x, sizeof x / sizeof *x, "");
}

/* A loop over a sum takes one turn even if there is nothing to sum, for the kernel to begin the result; it is then told of no terms. */
static LLVMValueRef at_least_one(Emit *e, LLVMValueRef n, LLVMValueRef *terms) {
  LLVMValueRef some = LLVMBuildICmp(e->b, LLVMIntSGT, n, e->zero, "");
  *terms = LLVMBuildSelect(e->b, some, *terms, e->zero, "");
  return LLVMBuildSelect(e->b, some, n, e->one, "");
}

static LLVMValueRef target(Emit *e, const Unit *u) {
  int object;
  LLVMValueRef base = unit_target(e, u, &object), start[MAX_RANK];
  if (!u->into || u->into->code != OP_set_slice) return base;
  for (int a = 0; a < u->v->type->rank; a++) start[a] = dim_of(e, u->into->u.slice.start[a]);
  LLVMValueRef at = row_major(e, u->v->type, start);
  return LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, u->v->type->elem), base, &at, 1, "");
}

void emit_tiled(Emit *e, Unit *u) {
  const Op *op = u->op;
  Product p;
  if (!e->g->vector_bytes || !in_memory(e, op->opd[0]) || !in_memory(e, op->opd[1]) || !product_find(e->ctx, op, &p)) {
    emit_nest(e, &u, 1);
    return;
  }
  Dim *extent[MAX_LABEL];
  int n = label_extents(op, extent), nloop = 0;
  Loop loop[MAX_LABEL];
  LLVMValueRef outer[MAX_LABEL] = {0}, add = LLVMConstInt(e->g->i1, u->adds, false);
  LLVMValueRef terms = dim_of(e, p.extent[PRODUCT_SUM]);
  for (int sums = 0; sums < 2; sums++) /* loops over sums innermost: the first turn of them all begins the result */
    for (int l = 0; l < n; l++) {
      if (p.kind[l] < 0 || p.in[l] || (p.kind[l] == PRODUCT_SUM) != sums) continue;
      LLVMValueRef turns = dim_of(e, extent[l]);
      outer[l] = loop_begin(e, &loop[nloop], sums ? at_least_one(e, turns, &terms) : turns);
      loop[nloop++].as_it_is = true;
      if (sums) add = LLVMBuildOr(e->b, add, LLVMBuildICmp(e->b, LLVMIntNE, outer[l], e->zero, ""), "");
    }
  Value *a = op->opd[p.swap], *b = op->opd[!p.swap];
  ProductCall call = {.elem = u->v->type->elem, .size = {dim_of(e, p.extent[PRODUCT_ROW]), dim_of(e, p.extent[PRODUCT_COL]), terms}};
  call.m[0] = locate(e, &p, a->type, op->u.contract.opd[p.swap], memory_of(e, a), outer);
  call.m[1] = locate(e, &p, b->type, op->u.contract.opd[!p.swap], memory_of(e, b), outer);
  call.m[2] = locate(e, &p, u->v->type, op->u.contract.out, target(e, u), outer);
  call.add = LLVMBuildZExt(e->b, add, e->g->i64, "");
  call.space = slot_memory(e, u->scratch);
  Trim trim;
  if (trim_find(e, u, &p, &trim)) product_call_trimmed(e, &call, &trim);
  else product_call(e, &call);
  while (nloop > 0) loop_end(e, &loop[--nloop]);
}
