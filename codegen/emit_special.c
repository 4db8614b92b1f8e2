/* emit_special.c - operations with loops of their own: scan, scatter, update, concatenation, argmax.
 *
 * Requires: operands stored or computable; indices checked before, or masked.  Ensures: the result's buffer (or scalar)
 * is complete. */
#include "codegen/chunks.h"
#include <math.h>
#include <string.h>

/* Where the result of a rank-0 or tensor operation is kept. */
typedef struct Target {
  LLVMValueRef base;
  int object;
  Type *type;
  const Unit *unit;
} Target;

static Target target_of(Emit *e, const Unit *u) {
  Target t = {.type = u->v->type, .unit = u};
  if (t.type->rank == 0)
    t.base = where_of(e, u->v), t.object = -1;
  else
    t.base = unit_target(e, u, &t.object);
  return t;
}

static LLVMValueRef get(Emit *e, const Target *t, const LLVMValueRef *idx) {
  if (t->type->rank == 0) return LLVMBuildLoad2(e->b, elem_reg(e->g, t->type->elem), t->base, "");
  return load_elem(e, t->base, t->object, t->type, unit_place(e, t->unit, idx));
}

static void put(Emit *e, const Target *t, const LLVMValueRef *idx, LLVMValueRef x) {
  if (t->type->rank == 0)
    LLVMBuildStore(e->b, x, t->base);
  else
    store_elem(e, t->base, t->object, t->type, unit_place(e, t->unit, idx), x);
}

/* Sets every element of the target: to v's, or to zero. */
static void fill(Emit *e, const Target *t, Value *v) {
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK];
  open_loops(e, loop, t->type->rank, t->type->dim, idx);
  put(e, t, idx, v ? eval(e, v, idx) : LLVMConstNull(elem_reg(e->g, t->type->elem)));
  close_loops(e, loop, t->type->rank, t->type->dim);
}

/* ---- scan -------------------------------------------------------------------------------------------------------- */

static LLVMValueRef next_state(Emit *e, const Op *op, LLVMValueRef before, const LLVMValueRef *idx) {
  Elem elem = op->res[0]->type->elem;
  LLVMValueRef a = eval(e, op->opd[0], idx), x = eval(e, op->opd[1], idx), s = mul_elem(e->g, e->b, elem, a, before);
  return elem_is_real(elem) ? arith(LLVMBuildFAdd(e->b, s, x, "")) : LLVMBuildAdd(e->b, s, x, "");
}

/* Step i of all recurrences, which lie side by side: from step i - 1, or from zero. */
static void linrec_row(Emit *e, Unit *u, const Target *t, LLVMValueRef *idx, bool first) {
  const Op *op = u->op;
  int axis = op->u.scan.axis, n = t->type->rank - axis - 1;
  Loop loop[MAX_RANK];
  LLVMValueRef before[MAX_RANK], i = idx[axis];
  open_loops(e, loop, n, t->type->dim + axis + 1, idx + axis + 1);
  e->in_parallel = loop[n - 1].parallel = !dim_is(t->type->dim[t->type->rank - 1], 1);
  loop[n - 1].whole = dim_is_limited(t->type->dim[t->type->rank - 1]);
  memcpy(before, idx, sizeof before);
  before[axis] = op->u.scan.reverse ? LLVMBuildNSWAdd(e->b, i, e->one, "") : LLVMBuildNSWSub(e->b, i, e->one, "");
  LLVMValueRef state = first ? LLVMConstNull(elem_reg(e->g, t->type->elem)) : get(e, t, before);
  put(e, t, idx, next_state(e, op, state, idx));
  e->in_parallel = false;
  close_loops(e, loop, n, t->type->dim + axis + 1);
}

/* Along an axis that is not the last: row by row. */
static void linrec_by_rows(Emit *e, Unit *u) {
  const Op *op = u->op;
  Target t = target_of(e, u);
  int axis = op->u.scan.axis;
  Loop loop[MAX_RANK], along;
  LLVMValueRef idx[MAX_RANK], n = dim_of(e, t.type->dim[axis]), last = LLVMBuildNSWSub(e->b, n, e->one, "");
  Branch any;
  open_loops(e, loop, axis, t.type->dim, idx);
  if_begin(e, &any, LLVMBuildICmp(e->b, LLVMIntSGT, n, e->zero, ""));
  idx[axis] = op->u.scan.reverse ? last : e->zero;
  linrec_row(e, u, &t, idx, true);
  LLVMValueRef i = LLVMBuildNSWAdd(e->b, loop_begin(e, &along, last), e->one, "");
  idx[axis] = op->u.scan.reverse ? LLVMBuildNSWSub(e->b, last, i, "") : i;
  linrec_row(e, u, &t, idx, false);
  loop_end(e, &along);
  if_end(e, &any);
  close_loops(e, loop, axis, t.type->dim);
}

enum { TOGETHER = 4 }; /* recurrences, each of which waits for its step before */

/* Along the last axis: so many rows from idx's on, step by step together. */
static void linrec_along_rows(Emit *e, Unit *u, const Target *t, LLVMValueRef *idx, int rows) {
  const Op *op = u->op;
  int axis = t->type->rank - 1;
  Loop along;
  LLVMTypeRef elem = elem_reg(e->g, t->type->elem);
  LLVMValueRef state[TOGETHER], n = dim_of(e, t->type->dim[axis]), first = axis ? idx[axis - 1] : NULL;
  for (int r = 0; r < rows; r++) LLVMBuildStore(e->b, LLVMConstNull(elem), state[r] = new_alloca(e, elem));
  LLVMValueRef i = loop_begin(e, &along, n);
  idx[axis] = op->u.scan.reverse ? LLVMBuildNSWSub(e->b, LLVMBuildNSWSub(e->b, n, e->one, ""), i, "") : i;
  for (int r = 0; r < rows; r++) {
    if (rows > 1) idx[axis - 1] = LLVMBuildNSWAdd(e->b, first, index_const(e, r), "");
    LLVMValueRef s = next_state(e, op, LLVMBuildLoad2(e->b, elem, state[r], ""), idx);
    LLVMBuildStore(e->b, s, state[r]);
    put(e, t, idx, s);
  }
  loop_end(e, &along);
}

static void linrec_of_matrix(Emit *e, Unit *u) {
  Target t = target_of(e, u);
  int outer = t.type->rank - 2;
  Loop loop[MAX_RANK], by_four, rest;
  LLVMValueRef idx[MAX_RANK], four = index_const(e, TOGETHER);
  open_loops(e, loop, outer, t.type->dim, idx);
  LLVMValueRef rows = dim_of(e, t.type->dim[outer]), blocks = LLVMBuildSDiv(e->b, rows, four, "");
  LLVMValueRef done = LLVMBuildNSWMul(e->b, blocks, four, "");
  idx[outer] = LLVMBuildNSWMul(e->b, loop_begin(e, &by_four, blocks), four, "");
  linrec_along_rows(e, u, &t, idx, TOGETHER);
  loop_end(e, &by_four);
  idx[outer] = LLVMBuildNSWAdd(e->b, loop_begin(e, &rest, LLVMBuildNSWSub(e->b, rows, done, "")), done, "");
  linrec_along_rows(e, u, &t, idx, 1);
  loop_end(e, &rest);
  close_loops(e, loop, outer, t.type->dim);
}

static void emit_linrec(Emit *e, Unit *u) {
  Op *op = u->op;
  Target t = target_of(e, u);
  int axis = op->u.scan.axis, rank = t.type->rank;
  if (rank > 1 && !u->split) {
    (axis < rank - 1 ? linrec_by_rows : linrec_of_matrix)(e, u);
    return;
  }
  Dim *outer[MAX_RANK];
  for (int i = 0, k = 0; i < rank; i++)
    if (i != axis) outer[k++] = t.type->dim[i];
  Loop loop[MAX_RANK], along;
  LLVMValueRef out[MAX_RANK], idx[MAX_RANK];
  LLVMTypeRef elem = elem_reg(e->g, t.type->elem);
  LLVMValueRef state = new_alloca(e, elem), n = dim_of(e, t.type->dim[axis]);
  Shared shared;
  open_shared(e, &shared, u, axis == rank - 1 ? 1 : 8, loop, rank - 1, outer, out);
  LLVMBuildStore(e->b, LLVMConstNull(elem), state);
  LLVMValueRef i = loop_begin(e, &along, n);
  if (op->u.scan.reverse) i = LLVMBuildNSWSub(e->b, LLVMBuildNSWSub(e->b, n, e->one, ""), i, "");
  for (int a = 0, k = 0; a < rank; a++) idx[a] = a == axis ? i : out[k++];
  LLVMValueRef s = next_state(e, op, LLVMBuildLoad2(e->b, elem, state, ""), idx);
  LLVMBuildStore(e->b, s, state);
  put(e, &t, idx, s);
  loop_end(e, &along);
  close_shared(e, &shared, loop, rank - 1, outer);
}

/* ---- updates ----------------------------------------------------------------------------------------------------- */

static void emit_concat(Emit *e, Unit *u) {
  Op *op = u->op;
  Target t = target_of(e, u);
  LLVMValueRef from = e->zero;
  for (int k = 0; k < op->nopd; k++) {
    Value *x = op->opd[k];
    Loop loop[MAX_RANK];
    LLVMValueRef idx[MAX_RANK], at[MAX_RANK];
    open_loops(e, loop, x->type->rank, x->type->dim, idx);
    memcpy(at, idx, sizeof at);
    at[op->u.axis] = index_add(e, idx[op->u.axis], from);
    put(e, &t, at, eval(e, x, idx));
    close_loops(e, loop, x->type->rank, x->type->dim);
    from = index_add(e, from, dim_of(e, x->type->dim[op->u.axis]));
  }
}

/* The place of an indexed operand's element: indices at `batch`, the other axes from `rest`. */
static void indexed_place(Emit *e, const Op *op, int rank, int first_idx, const LLVMValueRef *batch,
                          const LLVMValueRef *rest, LLVMValueRef *at) {
  for (int i = 0, k = 0, r = 0; i < rank; i++) {
    if (k < op->u.index.naxis && op->u.index.axis[k] == i)
      at[i] = index_value(e, op->opd[first_idx + k++], batch);
    else
      at[i] = rest[r++];
  }
}

/* What of each axis is added: all, or a part of one. */
typedef struct Range {
  int axis;
  LLVMValueRef from, to;
} Range;

static void open_axis(Emit *e, Loop *loop, const Type *t, int a, const Range *r, LLVMValueRef *idx) {
  if (a != r->axis) {
    open_loops(e, &loop[a], 1, t->dim + a, &idx[a]);
    return;
  }
  idx[a] = LLVMBuildNSWAdd(e->b, r->from, loop_begin(e, &loop[a], LLVMBuildSub(e->b, r->to, r->from, "")), "");
}

static void add_range(Emit *e, const Op *op, const Target *to, const Range *r) {
  bool onto = op->code == OP_scatter_acc;
  Value *x = op->opd[onto];
  const Type *t = x->type;
  int nb = op->nopd > 1 + onto ? op->opd[1 + onto]->type->rank : 0;
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK], at[MAX_RANK];
  Branch br;
  for (int a = 0; a < nb; a++) open_axis(e, loop, t, a, r, idx);
  if (op->u.index.masked) if_begin(e, &br, eval(e, op->opd[op->nopd - 1], idx));
  for (int a = nb; a < t->rank; a++) open_axis(e, loop, t, a, r, idx);
  indexed_place(e, op, to->type->rank, 1 + onto, idx, idx + nb, at);
  LLVMValueRef old = get(e, to, at);
  put(e, to, at, add_elem(e->g, e->b, to->type->elem, old, eval(e, x, idx)));
  for (int a = t->rank; a-- > nb;)
    if (a == r->axis || !dim_is(t->dim[a], 1)) loop_end(e, &loop[a]);
  if (op->u.index.masked) if_end(e, &br);
  for (int a = nb; a-- > 0;)
    if (a == r->axis || !dim_is(t->dim[a], 1)) loop_end(e, &loop[a]);
}

static void add_in_chunks(Emit *e, Unit *u, const Target *t, LLVMValueRef count) {
  Chunks c;
  Target part = *t;
  int slot = u->split->partial[0];
  Range r = {.axis = split_scatter_axis(u->op)};
  chunks_begin(e, &c, count, dim_of(e, u->split->turns), u->split->partial[0] < 0 ? SCATTER_MULTIPLE : 1);
  r.from = c.from;
  r.to = c.to;
  if (slot >= 0) part.base = chunk_part(e, &c, OP_add, t->type, t->base, t->object, slot);
  add_range(e, u->op, &part, &r);
  chunks_end(e, &c);
  if (slot >= 0) fold_parts(e, &c, OP_add, t->type, t->base, t->object, slot);
}

/* scatter_acc: onto its first operand. */
static void emit_scatter_add(Emit *e, Unit *u) {
  Op *op = u->op;
  Target t = target_of(e, u);
  bool onto = op->code == OP_scatter_acc;
  if (!onto || !same_memory(e->p, op->opd[0], u->v)) fill(e, &t, onto ? op->opd[0] : NULL);
  LLVMValueRef count = u->split ? chunk_count(e, &u, 1) : NULL;
  if (count) add_in_chunks(e, u, &t, count);
  else add_range(e, op, &t, &(Range){.axis = -1});
}

void update_place(Emit *e, const Op *op, const LLVMValueRef *idx, LLVMValueRef *at) {
  int rank = op->res[0]->type->rank;
  if (op->code != OP_set_slice) {
    int first = op->code == OP_set ? 2 : scatter_first(op);
    indexed_place(e, op, rank, first, idx, idx + (first < op->nopd ? op->opd[first]->type->rank : 0), at);
    return;
  }
  for (int i = 0; i < rank; i++) {
    LLVMValueRef stride = LLVMConstInt(e->g->i64, (unsigned long long)op->u.slice.stride[i], true);
    at[i] = index_add(e, dim_of(e, op->u.slice.start[i]), index_mul(e, idx[i], stride));
  }
}

static void emit_set(Emit *e, Unit *u) {
  Op *op = u->op;
  Target t = target_of(e, u);
  if (!same_memory(e->p, op->opd[0], u->v)) fill(e, &t, op->opd[0]);
  Value *v = op->opd[1];
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK], at[MAX_RANK];
  open_loops(e, loop, v->type->rank, v->type->dim, idx);
  update_place(e, op, idx, at);
  put(e, &t, at, eval(e, v, idx));
  close_loops(e, loop, v->type->rank, v->type->dim);
}

/* ---- argmax ------------------------------------------------------------------------------------------------------ */

/* Whether x, at index i, takes the lead from `best`: strictly better, or the first nan, or the first element of all. */
LLVMValueRef leads(Emit *e, bool max, Elem t, LLVMValueRef x, LLVMValueRef best, LLVMValueRef i) {
  LLVMValueRef first = LLVMBuildICmp(e->b, LLVMIntEQ, i, e->zero, ""), better;
  if (!elem_is_real(t))
    better = LLVMBuildICmp(e->b, max ? LLVMIntSGT : LLVMIntSLT, x, best, "");
  else {
    LLVMValueRef number = LLVMBuildFCmp(e->b, LLVMRealORD, best, best, "");
    better = LLVMBuildAnd(e->b, number, LLVMBuildFCmp(e->b, max ? LLVMRealUGT : LLVMRealULT, x, best, ""), "");
  }
  return LLVMBuildOr(e->b, first, better, "");
}

static void emit_argmax(Emit *e, Unit *u) {
  Op *op = u->op;
  Target t = target_of(e, u);
  const Type *in = op->opd[0]->type;
  int axis = op->u.reduce.axis[0];
  Loop loop[MAX_RANK], along;
  LLVMValueRef out[MAX_RANK], idx[MAX_RANK], best = new_alloca(e, elem_reg(e->g, in->elem)),
                                             at = new_alloca(e, e->g->i64);
  Shared shared;
  open_shared(e, &shared, u, axis == in->rank - 1 ? 1 : 8, loop, t.type->rank, t.type->dim, out);
  LLVMBuildStore(e->b, e->zero, at);
  LLVMValueRef i = loop_begin(e, &along, dim_of(e, in->dim[axis]));
  for (int a = 0, k = 0; a < in->rank; a++) idx[a] = a == axis ? i : out[k++];
  LLVMValueRef x = eval(e, op->opd[0], idx), old = LLVMBuildLoad2(e->b, elem_reg(e->g, in->elem), best, "");
  LLVMValueRef lead = leads(e, op->code == OP_argmax, in->elem, x, old, i);
  LLVMBuildStore(e->b, LLVMBuildSelect(e->b, lead, x, old, ""), best);
  LLVMBuildStore(e->b, LLVMBuildSelect(e->b, lead, i, LLVMBuildLoad2(e->b, e->g->i64, at, ""), ""), at);
  loop_end(e, &along);
  put(e, &t, out, LLVMBuildLoad2(e->b, e->g->i64, at, ""));
  close_shared(e, &shared, loop, t.type->rank, t.type->dim);
}

static void emit_alone_or_shared(Emit *e, Unit *u) {
  if (op_info[u->op->code].family == FAM_MATRIX || u->op->code == OP_argsort) {
    emit_matrix(e, u);
    return;
  }
  switch (u->op->code) {
  case OP_linrec: emit_linrec(e, u); return;
  case OP_concat: emit_concat(e, u); return;
  case OP_scatter_add: case OP_scatter_acc: emit_scatter_add(e, u); return;
  case OP_set: case OP_set_slice: emit_set(e, u); return;
  case OP_argmax:
  case OP_argmin: emit_argmax(e, u); return;
  case OP_call: emit_call(e, u); return;
  case OP_rany: emit_any_nan(e, u); return;
  default: emit_region(e, u);
  }
}

void emit_special(Emit *e, Unit *u) {
  Split *split = u->split;
  LLVMValueRef count = split && e->p != e->p->root && !u->op->nreg ? chunk_count(e, &u, 1) : NULL;
  if (!count) {
    emit_alone_or_shared(e, u);
    return;
  }
  BothWays both;
  both_begin(e, &both, count);
  emit_alone_or_shared(e, u);
  both_else(e, &both);
  u->split = NULL;
  emit_alone_or_shared(e, u);
  u->split = split;
  both_end(e, &both);
}
