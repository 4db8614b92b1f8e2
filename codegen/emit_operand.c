/* emit_operand.c - an operand of a matrix product that is computed: a function that the product's kernel calls for some lines of it, rows
 * of the first operand or columns of the second, and some terms.
 *
 *   adc_rt_gemm(…, {make, env, lines}):  make(env, line, lines, k, ks) ─► lines[…] = X[…] - mu[…] ─► panels
 *
 * Requires: a value that is an operand of this product alone (operand.c).  Ensures: the lines lie in the memory that the kernel is told
 * of, in the operand's own order. */
#include "codegen/outline.h"

typedef struct Made {
  const Op *op;
  OperandAxes axes;
  Value *v;
  LLVMValueRef to;
  int slot;
} Made;

static void fill(Emit *e, const Made *m, const LLVMValueRef *outer, LLVMValueRef first, const LLVMValueRef *x) {
  const int8_t *label = m->op->u.contract.opd[m->v == m->op->opd[1]];
  bool by_lines = m->axes.last == m->axes.sum;
  LLVMValueRef from[] = {index_add(e, x[0], first), x[2]}, n[] = {x[1], x[3]}, idx[MAX_RANK], i[2];
  Loop loop[2];
  for (int a = 0; a < m->v->type->rank; a++) idx[a] = outer[label[a]] ? outer[label[a]] : e->zero;
  int axis[] = {m->axes.line, m->axes.sum}, out = by_lines ? 0 : 1;
  i[0] = loop_begin(e, &loop[0], n[out]);
  i[1] = loop_begin(e, &loop[1], n[!out]);
  e->counter = i[1];
  idx[axis[out]] = index_add(e, i[0], from[out]);
  idx[axis[!out]] = index_add(e, i[1], from[!out]);
  LLVMValueRef y = eval(e, m->v, idx);
  store_elem(e, m->to, m->slot, m->v->type, index_add(e, index_mul(e, i[0], n[!out]), i[1]), y);
  loop_end(e, &loop[1]);
  e->counter = NULL;
  loop_end(e, &loop[0]);
}

static LLVMTypeRef made_type(Emit *e) { return LLVMArrayType2(e->g->ptr, 6); }

static void store_field(Emit *e, LLVMValueRef made, int field, LLVMValueRef x) {
  LLVMValueRef at[] = {e->zero, index_const(e, field)};
  LLVMBuildStore(e->b, x, LLVMBuildInBoundsGEP2(e->b, made_type(e), made, at, 2, ""));
}

void make_operand(Emit *e, const Unit *u, const Product *p, int k, const LLVMValueRef *outer, LLVMValueRef first, ProductCall *call) {
  Made m = {.op = u->op, .v = u->op->opd[(k == 1) != p->swap], .slot = u->scratch};
  Outline o;
  LLVMValueRef x[4];
  if (!operand_axes(u->op, p, k, &m.axes)) bug("the operand of a product has other axes than it had");
  /* Behind the kernel's panels. */
  LLVMValueRef at = dim_of(e, product_space(e->ctx, u->op, p)->dim[0]);
  bool behind = k && e->p->value[u->op->opd[p->swap]->id].packed;
  if (behind) at = index_add(e, at, dim_of(e, operand_space(e->ctx, p, 0)));
  m.to = LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, call->elem), slot_memory(e, u->scratch), &at, 1, "");
  outline_of(e, &o, 4, x);
  fill(e, &m, outer, first, x);
  LLVMValueRef env = outline_end(e, &o);
  if (LLVMIsNull(call->made)) {
    call->made = shared_memory(e, made_type(e));
    LLVMBuildStore(e->b, LLVMConstNull(made_type(e)), call->made);
  }
  LLVMValueRef field[] = {o.fn, env, m.to};
  for (int i = 0; i < 3; i++) store_field(e, call->made, 3 * k + i, field[i]);
  /* The kernel is told by strides which index runs through memory. */
  bool by_lines = m.axes.last == m.axes.sum;
  Matrix *a = &call->m[k];
  a->base = LLVMConstNull(e->g->ptr);
  a->stride[k ? PRODUCT_COL : PRODUCT_ROW] = by_lines ? e->zero : e->one;
  a->stride[PRODUCT_SUM] = by_lines ? e->one : e->zero;
}
