/* emit_matvec.c - a matrix by a vector as a call of the runtime's kernel.
 *
 * Requires: a nest of such sums (by_four).  Ensures: as emit_fours, if all operands and results lie in memory such that the kernel can be
 * told of them; else nothing is emitted. */
#include "codegen/nest.h"
#include <string.h>

/* One unit's: operand `matrix` has both innermost loops' indices. */
typedef struct Call {
  Nest *k;
  const Unit *u;
  LLVMValueRef part; /* where the sum goes in a chunk; NULL: to the unit's target */
  Matvec by;
  int inner, outer;
  int matrix;
  LLVMValueRef from; /* where the outer loop begins */
} Call;

static const int8_t *labels_of(const Call *c, int o) { return o < 0 ? c->u->out : c->u->op->u.contract.opd[o]; }
static const Value *value_of(const Call *c, int o) { return o < 0 ? c->u->v : c->u->op->opd[o]; }

static int axis_at(const Call *c, int o, int level) {
  for (int i = 0; i < value_of(c, o)->type->rank; i++)
    if (c->u->level_of[labels_of(c, o)[i]] == level) return i;
  return -1;
}

static bool is_padded(const Call *c, int o) {
  const ValueInfo *info = &c->k->e->p->value[value_of(c, o)->id];
  return info->padded && (o >= 0 || in_own_memory(c->k->e, c->u));
}

/* Steps along the axis are steps to the next element. */
static bool is_last(const Type *t, int axis) {
  for (int i = axis + 1; i < t->rank; i++)
    if (!dim_is(t->dim[i], 1)) return false;
  return axis >= 0;
}

static bool lies_plain(const Plan *p, const Value *v) {
  const ValueInfo *info = &p->value[v->id];
  return (info->place == PLACE_BUFFER || info->place == PLACE_PARAM) && !info->local;
}

static bool sets_with_gaps(const Unit *u) {
  for (int a = 0; u->into && u->into->code == OP_set_slice && a < u->v->type->rank; a++)
    if (u->into->u.slice.stride[a] != 1) return true;
  return false;
}

static bool find(Nest *k, int i, Call *c) {
  const Plan *p = k->e->p;
  const Unit *u = k->unit[i];
  *c = (Call){.k = k, .u = u, .part = k->part[i], .by = matvec_of(p, u), .inner = u->nlevel - 1, .outer = u->nlevel - 2};
  bool both[2];
  if (!elem_is_real(u->v->type->elem)) return false;
  for (int o = 0; o < 2; o++) {
    both[o] = axis_at(c, o, c->inner) >= 0 && axis_at(c, o, c->outer) >= 0;
    if (!lies_plain(p, u->op->opd[o])) return false;
  }
  c->matrix = both[1];
  if (both[0] == both[1] || sets_with_gaps(u) || p->value[u->v->id].local) return false;
  if (!is_last(value_of(c, c->matrix)->type, axis_at(c, c->matrix, c->inner))) return false;
  int by_one = c->by == MATVEC_BY_ROWS ? !c->matrix : -1; /* must lie in one piece */
  return is_last(value_of(c, by_one)->type, axis_at(c, by_one, c->inner));
}

static void indices(const Call *c, int o, LLVMValueRef *idx) {
  for (int i = 0; i < value_of(c, o)->type->rank; i++) {
    int level = c->u->level_of[labels_of(c, o)[i]];
    idx[i] = level < 0 || level == c->inner ? c->k->e->zero : level == c->outer ? c->from : c->k->idx[level];
  }
}

static LLVMValueRef element(const Call *c, int o) {
  Emit *e = c->k->e;
  LLVMValueRef idx[MAX_RANK], base, at;
  int object;
  indices(c, o, idx);
  if (o < 0) base = c->part ? c->part : unit_target(e, c->u, &object), at = nest_place(e, c->u, idx);
  else base = where_of(e, value_of(c, o)), at = place_in(e, value_of(c, o), idx);
  return LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, value_of(c, o)->type->elem), base, &at, 1, "");
}

static LLVMValueRef stride(const Call *c, int o, int level) {
  Emit *e = c->k->e;
  const Type *t = is_padded(c, o) ? padded_type(e->ctx, value_of(c, o)->type) : value_of(c, o)->type;
  LLVMValueRef n = e->one;
  for (int i = axis_at(c, o, level) + 1; i < t->rank; i++) n = index_mul(e, n, dim_of(e, t->dim[i]));
  return n;
}

static LLVMValueRef kernel(Emit *e, Elem elem, Matvec by, unsigned n) {
  LLVMTypeRef i = e->g->i64, q = e->g->ptr, rows[] = {i, i, q, i, q, q, i, i}, columns[] = {i, i, q, i, q, i, q, i};
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->g->ll), by == MATVEC_BY_ROWS ? rows : columns, n, false);
  const char *how = by == MATVEC_BY_ROWS ? "rows" : "columns";
  const char *name = arena_printf(e->arena, "adc_rt_gemm_%s_%s_%d", how, elem_name(elem), e->g->vector_bytes);
  LLVMValueRef fn = LLVMGetNamedFunction(e->g->mod, name);
  return fn ? fn : LLVMAddFunction(e->g->mod, name, type);
}

static void call(const Call *c) {
  Emit *e = c->k->e;
  bool part = c->k->from && c->outer == 0, rows = c->by == MATVEC_BY_ROWS;
  LLVMValueRef to = part ? c->k->to : dim_of(e, c->u->level[c->outer]), m = LLVMBuildNSWSub(e->b, to, c->from, "");
  LLVMValueRef first = c->k->begins ? LLVMBuildICmp(e->b, LLVMIntEQ, c->from, e->zero, "") : LLVMConstInt(e->g->i1, 0, false);
  LLVMValueRef add = c->u->adds ? e->one : rows ? e->zero : LLVMBuildZExt(e->b, LLVMBuildNot(e->b, first, ""), e->g->i64, "");
  LLVMValueRef a = element(c, c->matrix), b = element(c, !c->matrix), out = element(c, -1);
  LLVMValueRef x[8] = {m, dim_of(e, c->u->level[c->inner]), a, stride(c, c->matrix, c->outer), b};
  x[rows ? 5 : 6] = out;
  x[rows ? 6 : 5] = stride(c, rows ? -1 : !c->matrix, c->outer);
  x[7] = add;
  LLVMValueRef fn = kernel(e, c->u->v->type->elem, c->by, 8);
  set_line(e, c->u->op);
  LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, x, 8, "");
}

bool emit_matvec(Nest *k) {
  Call c;
  for (int i = 0; i < k->n; i++)
    if (!find(k, i, &c)) return false;
  for (int i = 0; i < k->n; i++) {
    find(k, i, &c);
    c.from = k->from && c.outer == 0 ? k->from : k->e->zero;
    call(&c);
  }
  return true;
}
