/* emit_straight.c - a few elements, one after another.
 *
 * Requires: straight units (small.c).  Ensures: all that is read has been read before anything is stored; elements are remembered as
 * they are computed, so that constants among them are seen, and memory is there for loops and computed places alone. */
#include "codegen/emit.h"

int elements_of(const Type *t) {
  int64_t n = small_count(t, INT32_MAX);
  if (n < 0) bug("a tensor of many elements, one after another");
  return (int)n;
}

void element_index(Emit *e, const Type *t, int i, LLVMValueRef *idx) {
  for (int a = t->rank; a-- > 0;) {
    int64_t d;
    dim_is_const(t->dim[a], &d);
    idx[a] = LLVMConstInt(e->g->i64, (unsigned)(i % (int)d), false);
    i /= (int)d;
  }
}

static LLVMValueRef *read_each(Emit *e, Value *v) {
  int n = elements_of(v->type);
  LLVMValueRef *x = NEW_N(e->arena, LLVMValueRef, n + 1), idx[MAX_RANK];
  for (int i = 0; i < n; i++) {
    element_index(e, v->type, i, idx);
    x[i] = eval(e, v, idx);
  }
  return x;
}

/* Of rows that are whole vectors these stand where their first element does. */
LLVMValueRef *read_elements(Emit *e, Value *v) {
  int n = elements_of(v->type), width = whole_width(e, v->type);
  if (!width) return read_each(e, v);
  LLVMValueRef *x = NEW_N(e->arena, LLVMValueRef, n + 1), idx[MAX_RANK];
  for (int i = 0; i < n; i += width) {
    element_index(e, v->type, i, idx);
    x[i] = eval_whole(e, v, idx);
  }
  return x;
}

static int elements_in(LLVMValueRef x) {
  return LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind ? (int)LLVMGetVectorSize(LLVMTypeOf(x)) : 1;
}

static void store(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef at, LLVMValueRef x) {
  (elements_in(x) > 1 ? store_whole : store_elem)(e, base, object, t, at, x);
}

void write_elements(Emit *e, const Value *v, LLVMValueRef *x) {
  LLVMValueRef idx[MAX_RANK];
  for (int i = 0; i < elements_of(v->type); i += elements_in(x[i])) {
    element_index(e, v->type, i, idx);
    store(e, where_of(e, v), e->object[v->id], v->type, place_in(e, v, idx), x[i]);
  }
}

/* ---- elementary functions: whole vectors of elements ------------------------------------------------------------------- */

static int lanes_for(int n, int most) {
  int width = 1;
  while (width < n && width < most) width *= 2;
  return width;
}

/* Behind the last element it is repeated. */
static LLVMValueRef vector_of(Emit *e, LLVMValueRef *x, int n, int width) {
  LLVMValueRef v = LLVMGetUndef(LLVMVectorType(LLVMTypeOf(x[0]), (unsigned)width));
  for (int i = 0; i < width; i++)
    v = LLVMBuildInsertElement(e->b, v, x[i < n ? i : n - 1], LLVMConstInt(e->g->i32, (unsigned)i, false), "");
  return v;
}

static void call_by_vectors(Emit *e, const Op *op, LLVMValueRef *x, int n) {
  LLVMValueRef *in[3], part[3];
  Elem t = op->res[0]->type->elem;
  for (int k = 0; k < op->nopd; k++) in[k] = read_elements(e, op->opd[k]);
  set_line(e, op);
  for (int i = 0; i < n;) {
    int width = lanes_for(n - i, e->g->vector_bytes / elem_size(t)), m = width < n - i ? width : n - i;
    for (int k = 0; k < op->nopd; k++) part[k] = width == 1 ? in[k][i] : vector_of(e, in[k] + i, m, width);
    LLVMValueRef y = map_emit(e->g, e->b, op->code, t, t, part);
    for (int l = 0; l < m; l++, i++)
      x[i] = width == 1 ? y : LLVMBuildExtractElement(e->b, y, LLVMConstInt(e->g->i32, (unsigned)l, false), "");
  }
}

static bool has_vectors(const Emit *e, const Op *op) {
  return e->g->o->opt_level >= 2 && e->g->vector_bytes && elem_is_real(op->res[0]->type->elem) && is_elementary(op->code);
}

/* ---- units -------------------------------------------------------------------------------------------------------------- */

/* A recurrence asks for the elements before. */
static void compute(Emit *e, const Unit *u, LLVMValueRef *x, int n) {
  bool back = u->op->code == OP_linrec && u->op->u.scan.reverse;
  LLVMValueRef idx[MAX_RANK];
  for (int k = 0; k < n; k++) {
    int i = back ? n - 1 - k : k;
    element_index(e, u->v->type, i, idx);
    x[i] = eval_straight(e, u->op, idx);
    memo_add(e, u->v, idx, x[i]);
  }
}

static void define(Emit *e, const Unit *u) {
  const Value *v = u->v;
  int n = elements_of(v->type);
  LLVMValueRef *x = NEW_N(e->arena, LLVMValueRef, n + 1), idx[MAX_RANK], fold = v->type->rank ? NULL : fold_whole(e, u->op);
  if (fold) {
    LLVMBuildStore(e->b, fold, where_of(e, v));
    return;
  }
  if (!computes_whole(e, u->op)) {
    e->g->straight += n;
    e->g->wide += n * elem_size(v->type->elem) >= e->g->vector_bytes ? n : 0;
  }
  if (computes_whole(e, u->op)) {
    for (int i = 0; i < n; i += whole_width(e, v->type)) {
      element_index(e, v->type, i, idx);
      x[i] = compute_whole(e, u->op, idx);
    }
  } else if (has_vectors(e, u->op)) {
    call_by_vectors(e, u->op, x, n);
    for (int i = 0; i < n; i++) {
      element_index(e, v->type, i, idx);
      memo_add(e, v, idx, x[i]);
    }
  } else
    compute(e, u, x, n);
  if (v->type->rank) write_elements(e, v, x);
  else LLVMBuildStore(e->b, x[0], where_of(e, v));
}

static bool is_known(const Type *t, const LLVMValueRef *idx) {
  bool known = true;
  for (int a = 0; a < t->rank; a++) known &= LLVMIsConstant(idx[a]);
  return known;
}

/* Rows of what is stored are rows, or parts of rows, of what it is stored into. */
static bool keeps_rows(const Op *op) {
  int last = op->res[0]->type->rank - 1;
  if (op->code == OP_set_slice) return op->u.slice.stride[last] == 1;
  return !op->u.index.naxis || op->u.index.axis[op->u.index.naxis - 1] != last;
}

/* What is stored at places that are known can be remembered, as long as nothing is stored at others. */
static void update(Emit *e, const Unit *u) {
  const Op *op = u->op;
  const Type *t = u->v->type;
  bool here = same_memory(e->p, op->opd[0], u->v);
  LLVMValueRef *old = here ? NULL : read_elements(e, op->opd[0]), *x = (keeps_rows(op) ? read_elements : read_each)(e, op->opd[1]);
  LLVMValueRef idx[MAX_RANK], at[MAX_RANK];
  int object;
  if (old) write_elements(e, u->v, old);
  LLVMValueRef base = unit_target(e, u, &object);
  for (int i = 0; i < elements_of(op->opd[1]->type); i += elements_in(x[i])) {
    element_index(e, op->opd[1]->type, i, idx);
    update_place(e, op, idx, at);
    for (int a = 0; a < t->rank; a++) at[a] = dim_is(t->dim[a], 1) ? e->zero : at[a];
    LLVMValueRef place = unit_place(e, u, at);
    bool whole = elements_in(x[i]) > 1;
    if (op->code == OP_scatter_acc)
      x[i] = add_elem(e->g, e->b, t->elem, whole ? load_whole(e, base, object, t, place) : load_elem(e, base, object, t, place), x[i]);
    store(e, base, object, t, place, x[i]);
    if (!whole && is_known(t, at)) memo_add(e, u->v, at, x[i]);
  }
}

static void copy_out(Emit *e, const Unit *u) {
  LLVMValueRef *x = read_elements(e, u->v), idx[MAX_RANK];
  int object;
  LLVMValueRef base = unit_target(e, u, &object);
  for (int i = 0; i < elements_of(u->v->type); i += elements_in(x[i])) {
    element_index(e, u->v->type, i, idx);
    store(e, base, object, u->v->type, row_major(e, u->v->type, idx), x[i]);
  }
}

void emit_straight(Emit *e, Unit *u) {
  if (!u->op) copy_out(e, u);
  else if (op_is_update(u->op) && (!picks_straight(u->op) || same_memory(e->p, u->op->opd[0], u->v))) update(e, u);
  else define(e, u);
}
