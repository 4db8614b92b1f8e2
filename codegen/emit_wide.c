/* emit_wide.c - rows of a few elements that are whole vectors: all elements of one are computed by one instruction.
 *
 * A row is along the last axis; it is one vector, or several one behind another.  Requires: straight units (small.c); the index of the
 * row's first element.  Ensures: the elements that eval would give; what no instruction does to whole vectors is put together of them. */
#include "codegen/emit.h"

/* ---- how wide ---------------------------------------------------------------------------------------------------------------- */

static int widest(const Region *r, int bytes) {
  for (const Op *op = r->first; op; op = op->next) {
    for (int k = 0; k < op->nres; k++) {
      const Type *t = op->res[k]->type;
      if (t->rank && elem_is_real(t->elem) && elem_size(t->elem) > bytes) bytes = elem_size(t->elem);
    }
    for (int i = 0; i < op->nreg; i++) bytes = widest(op->reg[i], bytes);
  }
  return bytes;
}

int whole_width(Emit *e, const Type *t) {
  int64_t n;
  if (e->g->o->opt_level < 2 || !e->g->vector_bytes || !t->rank || !dim_is_const(t->dim[t->rank - 1], &n)) return 0;
  if (!e->whole) e->whole = e->g->vector_bytes / widest(e->f->body, 4);
  return e->whole > 1 && n > 0 && n % e->whole == 0 ? e->whole : 0;
}

typedef struct Whole {
  Emit *e;
  int width;
} Whole;

static LLVMTypeRef vector_type(const Whole *w, LLVMTypeRef elem) { return LLVMVectorType(elem, (unsigned)w->width); }

static LLVMValueRef place(const Whole *w, int i) { return LLVMConstInt(w->e->g->i32, (unsigned)i, false); }

static LLVMValueRef splat(const Whole *w, LLVMValueRef x) {
  LLVMValueRef same[64];
  if (LLVMIsConstant(x)) {
    for (int i = 0; i < w->width; i++) same[i] = x;
    return LLVMConstVector(same, (unsigned)w->width);
  }
  LLVMTypeRef t = vector_type(w, LLVMTypeOf(x));
  LLVMValueRef v = LLVMBuildInsertElement(w->e->b, LLVMGetPoison(t), x, place(w, 0), "");
  return LLVMBuildShuffleVector(w->e->b, v, LLVMGetPoison(t), LLVMConstNull(vector_type(w, w->e->g->i32)), "");
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */

static LLVMValueRef address(Emit *e, LLVMValueRef base, const Type *t, LLVMValueRef at) {
  return LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, t->elem), base, &at, 1, "");
}

LLVMValueRef load_whole(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef at) {
  LLVMTypeRef type = LLVMVectorType(elem_type(e->g, t->elem), (unsigned)e->whole);
  LLVMValueRef x = LLVMBuildLoad2(e->b, type, address(e, base, t, at), "");
  tag_access(e, x, object, t);
  return t->elem == BOOL ? LLVMBuildICmp(e->b, LLVMIntNE, x, LLVMConstNull(type), "") : x;
}

void store_whole(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef at, LLVMValueRef x) {
  if (t->elem == BOOL) x = LLVMBuildZExt(e->b, x, LLVMVectorType(e->g->i8, LLVMGetVectorSize(LLVMTypeOf(x))), "");
  tag_access(e, LLVMBuildStore(e->b, x, address(e, base, t, at)), object, t);
}

/* ---- what is put together ------------------------------------------------------------------------------------------------------ */

static LLVMValueRef index_at(const Whole *w, LLVMValueRef first, int i) { return index_add(w->e, first, index_const(w->e, i)); }

typedef LLVMValueRef (*OneFn)(Emit *e, Op *op, const LLVMValueRef *idx);

static LLVMValueRef one_by_one(const Whole *w, Op *op, const LLVMValueRef *idx, OneFn one) {
  LLVMValueRef at[MAX_RANK], v = NULL;
  int last = op->res[0]->type->rank - 1;
  for (int a = 0; a < last; a++) at[a] = idx[a];
  for (int i = 0; i < w->width; i++) {
    at[last] = index_at(w, idx[last], i);
    LLVMValueRef x = one(w->e, op, at);
    if (!v) v = LLVMGetPoison(vector_type(w, LLVMTypeOf(x)));
    v = LLVMBuildInsertElement(w->e->b, v, x, place(w, i), "");
  }
  return v;
}

/* ---- operations ------------------------------------------------------------------------------------------------------------------ */

static LLVMValueRef row(const Whole *w, Value *v, const LLVMValueRef *idx);

/* The row of an operand, whose last axis is the result's; or the one element of it that all of the row have in common; NULL: neither. */
static LLVMValueRef factor(const Whole *w, Op *op, int k, const LLVMValueRef *idx) {
  const Type *t = op->opd[k]->type, *to = op->res[0]->type;
  LLVMValueRef at[MAX_RANK];
  int across = -1;
  for (int i = 0; i < t->rank; i++) {
    at[i] = w->e->zero;
    for (int j = 0; j < to->rank; j++)
      if (op->u.contract.out[j] == op->u.contract.opd[k][i]) at[i] = idx[j];
    if (op->u.contract.opd[k][i] == op->u.contract.out[to->rank - 1] && !dim_is(t->dim[i], 1)) across = i;
  }
  if (across < 0) return splat(w, eval(w->e, op->opd[k], at));
  return across == t->rank - 1 ? row(w, op->opd[k], at) : NULL;
}

static LLVMValueRef relabelled(const Whole *w, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef y = NULL;
  if (op_has_sum(op)) return NULL;
  for (int k = 0; k < op->nopd; k++) {
    LLVMValueRef x = factor(w, op, k, idx);
    if (!x) return NULL;
    y = y ? mul_elem(w->e->g, w->e->b, op->res[0]->type->elem, y, x) : x;
  }
  return y;
}

static LLVMValueRef sliced(const Whole *w, Op *op, const LLVMValueRef *idx) {
  Emit *e = w->e;
  LLVMValueRef at[MAX_RANK];
  int n = op->opd[0]->type->rank;
  if (op->u.slice.stride[n - 1] != 1) return NULL;
  for (int a = 0; a < n; a++)
    at[a] = index_add(e, dim_of(e, op->u.slice.start[a]), index_mul(e, idx[a], index_const(e, op->u.slice.stride[a])));
  return row(w, op->opd[0], at);
}

/* Axes of length 1 come and go. */
static LLVMValueRef reshaped(const Whole *w, Op *op, const LLVMValueRef *idx) {
  const Type *from = op->opd[0]->type, *to = op->res[0]->type;
  LLVMValueRef at[MAX_RANK];
  if (!from->rank || from->dim[from->rank - 1] != to->dim[to->rank - 1]) return NULL;
  int j = to->rank - 1;
  for (int i = from->rank; i-- > 0;) {
    at[i] = w->e->zero;
    if (dim_is(from->dim[i], 1)) continue;
    while (j >= 0 && dim_is(to->dim[j], 1)) j--;
    if (j < 0 || to->dim[j] != from->dim[i]) return NULL;
    at[i] = idx[j--];
  }
  return row(w, op->opd[0], at);
}

static LLVMValueRef gathered(const Whole *w, Op *op, const LLVMValueRef *idx) {
  const Value *x = op->opd[0];
  LLVMValueRef at[MAX_RANK];
  int next = op->opd[1]->type->rank;
  if (op->u.index.masked || next == op->res[0]->type->rank) return NULL;
  for (int i = 0, k = 0; i < x->type->rank; i++) {
    bool indexed = k < op->u.index.naxis && op->u.index.axis[k] == i;
    if (indexed && i == x->type->rank - 1) return NULL;
    at[i] = indexed ? index_value(w->e, op->opd[1 + k++], idx) : idx[next++];
  }
  return row(w, op->opd[0], at);
}

static LLVMValueRef counted(const Whole *w, Op *op, const LLVMValueRef *idx) {
  const Type *t = op->res[0]->type;
  LLVMTypeRef elem = elem_reg(w->e->g, t->elem);
  LLVMValueRef step[64];
  LLVMValueRef x = splat(w, LLVMBuildIntCast2(w->e->b, idx[op->u.axis], elem, true, ""));
  if (op->u.axis != t->rank - 1) return x;
  for (int i = 0; i < w->width; i++) step[i] = LLVMConstInt(elem, (unsigned)i, false);
  return LLVMBuildAdd(w->e->b, x, LLVMConstVector(step, (unsigned)w->width), "");
}

static bool has_vector_form(const Op *op) {
  Elem from = op->opd[op->nopd - 1]->type->elem;
  switch (op->code) {
  case OP_ipow: case OP_philox: case OP_philox_high: case OP_polygamma: return false;
  case OP_floordiv: case OP_mod: return elem_is_real(from);
  default: return true;
  }
}

static LLVMValueRef mapped(const Whole *w, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef x[3];
  if (!has_vector_form(op)) return NULL;
  for (int k = 0; k < op->nopd; k++) x[k] = row(w, op->opd[k], idx);
  set_line(w->e, op);
  return map_operation(w->e, op, x);
}

static LLVMValueRef operation(const Whole *w, Op *op, const LLVMValueRef *idx) {
  Emit *e = w->e;
  set_line(e, op);
  switch (op->code) {
  case OP_const: return splat(w, eval_op(e, op, idx));
  case OP_iota: return counted(w, op, idx);
  case OP_contract: return relabelled(w, op, idx);
  case OP_slice: return sliced(w, op, idx);
  case OP_reshape: return reshaped(w, op, idx);
  case OP_gather: return gathered(w, op, idx);
  default: return op_info[op->code].family == FAM_MAP ? mapped(w, op, idx) : NULL;
  }
}

/* Rows are remembered by the place of their first element, as a number of another type than an element's. */
static bool memo_key(const Whole *w, const Value *v, const LLVMValueRef *idx, LLVMValueRef *key) {
  int last = v->type->rank - 1;
  for (int a = 0; a < last; a++) key[a] = dim_is(v->type->dim[a], 1) ? w->e->zero : idx[a];
  if (!LLVMIsAConstantInt(idx[last])) return false;
  key[last] = LLVMConstInt(w->e->g->i32, LLVMConstIntGetZExtValue(idx[last]), false);
  return true;
}

static LLVMValueRef stored(const Whole *w, Value *v, const LLVMValueRef *idx) {
  Emit *e = w->e;
  LLVMValueRef at[MAX_RANK];
  for (int a = 0; a < v->type->rank; a++) at[a] = dim_is(v->type->dim[a], 1) ? e->zero : idx[a];
  return load_whole(e, where_of(e, v), e->object[v->id], v->type, place_in(e, v, at));
}

static LLVMValueRef element(Emit *e, Op *op, const LLVMValueRef *idx) { return eval(e, op->res[0], idx); }

static LLVMValueRef row(const Whole *w, Value *v, const LLVMValueRef *idx) {
  Emit *e = w->e;
  LLVMValueRef key[MAX_RANK];
  if (dim_is(v->type->dim[v->type->rank - 1], 1)) return splat(w, eval(e, v, idx));
  bool known = memo_key(w, v, idx, key);
  LLVMValueRef x = known ? memo_find(e, v, key) : NULL;
  if (x) return x;
  if (e->p->value[v->id].place != PLACE_VIRTUAL) x = stored(w, v, idx);
  else if (!(x = operation(w, v->def, idx))) x = one_by_one(w, v->def, idx, element);
  if (known) memo_add(e, v, key, x);
  return x;
}

/* ---- for straight units --------------------------------------------------------------------------------------------------------- */

LLVMValueRef eval_whole(Emit *e, Value *v, const LLVMValueRef *idx) {
  Whole w = {e, whole_width(e, v->type)};
  return row(&w, v, idx);
}

LLVMValueRef compute_whole(Emit *e, Op *op, const LLVMValueRef *idx) {
  Whole w = {e, whole_width(e, op->res[0]->type)};
  LLVMValueRef x = operation(&w, op, idx), key[MAX_RANK];
  if (!x) x = one_by_one(&w, op, idx, eval_straight);
  if (memo_key(&w, op->res[0], idx, key)) memo_add(e, op->res[0], key, x);
  return x;
}

bool computes_whole(Emit *e, const Op *op) {
  if (!whole_width(e, op->res[0]->type)) return false;
  if (op_info[op->code].family == FAM_MAP) return has_vector_form(op);
  return op->code == OP_const || op->code == OP_iota || op->code == OP_slice || op->code == OP_reshape || op->code == OP_gather ||
         (op->code == OP_contract && !op_has_sum(op));
}

/* ---- folds of a row ---------------------------------------------------------------------------------------------------------------- */

static const char *fold_name(const Op *op) {
  switch (op->code) {
  case OP_rany: return "llvm.vector.reduce.or";
  case OP_rall: return "llvm.vector.reduce.and";
  case OP_rmax: return elem_is_int(op->res[0]->type->elem) ? "llvm.vector.reduce.smax" : NULL;
  case OP_rmin: return elem_is_int(op->res[0]->type->elem) ? "llvm.vector.reduce.smin" : NULL;
  default: return NULL;
  }
}

static bool folds_row(const Op *op) {
  const Type *t = op->opd[0]->type;
  if (t->rank != 1 || op->res[0]->type->rank || op->nopd != 1) return false;
  return op->code == OP_contract ? elem_is_real(t->elem) : fold_name(op) != NULL;
}

LLVMValueRef fold_whole(Emit *e, Op *op) {
  if (!op || !op->nopd || !op->opd[0]->type->rank) return NULL;
  Whole w = {e, whole_width(e, op->opd[0]->type)};
  if (!w.width || !folds_row(op)) return NULL;
  Elem t = op->opd[0]->type->elem;
  LLVMValueRef all = NULL;
  for (int i = 0; i < elements_of(op->opd[0]->type); i += w.width) {
    LLVMValueRef at = index_const(e, i), x = row(&w, op->opd[0], &at);
    all = !all ? x : op->code == OP_contract ? add_elem(e->g, e->b, t, all, x) : fold_term(e, op->code, t, all, x);
  }
  if (op->code != OP_contract) return intrinsic(e->g, e->b, fold_name(op), LLVMTypeOf(all), 1, &all);
  LLVMValueRef sum = NULL;
  for (int i = 0; i < w.width; i++) {
    LLVMValueRef x = LLVMBuildExtractElement(e->b, all, place(&w, i), "");
    sum = sum ? add_elem(e->g, e->b, t, sum, x) : x;
  }
  return sum;
}
