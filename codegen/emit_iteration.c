/* emit_iteration.c - one iteration of a loop in lanes: as one of a vector's, by way of buffers, or by itself.
 *
 * Requires: the block that it is one of (emit_lanes.c).  Ensures: what the iteration leaves is set, added or folded in; with plain products
 * nothing leaves it where a nan shows, and it is flagged. */
#include "codegen/emit_lanes.h"

int64_t lane_elements(const Type *t) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &d)) bug("a small tensor of unknown length");
    n *= d;
  }
  return n;
}

LLVMValueRef lane_counter(const Lanes *k) { return where_of(k->e, k->op->reg[0]->param[0]); }

void lane_set_counter(Lanes *k, LLVMValueRef lane) {
  LLVMBuildStore(k->e->b, index_add(k->e, k->first, lane), lane_counter(k));
}

/* ---- elements ----------------------------------------------------------------------------------------------------------- */

typedef void (*ElementFn)(Lanes *k, Exit *x, int i, const LLVMValueRef *idx);

static void each_element(Lanes *k, Exit *x, ElementFn fn) {
  LLVMValueRef idx[MAX_RANK];
  const Type *t = x->v->type;
  for (int a = 0; a < t->rank; a++) idx[a] = k->e->zero;
  for (int i = 0; i < x->n; i++) {
    fn(k, x, i, idx);
    next_index(k->e, t->rank, t->dim, idx);
  }
}

static void watch_pair(Lanes *k, LLVMValueRef x, LLVMValueRef y) {
  LLVMBuilderRef b = k->e->b;
  LLVMValueRef is = LLVMBuildFCmp(b, LLVMRealUNO, x, y, "");
  k->strange = k->strange ? LLVMBuildOr(b, k->strange, is, "") : is;
  k->last = NULL;
}

/* Two elements are looked at together. */
static void watch(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  (void)i;
  if (!elem_is_real(x->v->type->elem)) return;
  LLVMValueRef y = eval(k->e, x->v, idx);
  if (LLVMIsConstant(y)) return;
  if (k->last && LLVMTypeOf(k->last) == LLVMTypeOf(y)) watch_pair(k, k->last, y);
  else k->last = y;
}

static void set_place(Lanes *k, const Exit *x, const LLVMValueRef *idx, LLVMValueRef *at) {
  Emit *e = k->e;
  for (int a = 0; a < x->v->type->rank; a++) at[a] = index_add(e, dim_of(e, x->x.op->u.slice.start[a]), idx[a]);
}

static void scatter_place(Lanes *k, const Exit *x, const LLVMValueRef *index, const LLVMValueRef *idx, LLVMValueRef *at) {
  const Op *op = x->x.op;
  int nb = op->u.index.naxis ? op->opd[2]->type->rank : 0;
  for (int a = 0, i = 0, r = nb; a < op->opd[0]->type->rank; a++)
    at[a] = i < op->u.index.naxis && op->u.index.axis[i] == a ? index[i++] : idx[r++];
  (void)k;
}

LLVMValueRef *lane_index(Lanes *k, const Type *t, int i) {
  LLVMValueRef *idx = NEW_N(k->e->arena, LLVMValueRef, MAX_RANK);
  for (int a = t->rank; a-- > 0;) {
    int64_t d;
    dim_is_const(t->dim[a], &d);
    idx[a] = index_const(k->e, i % d);
    i /= (int)d;
  }
  return idx;
}

/* ---- buffers ------------------------------------------------------------------------------------------------------------ */

LLVMTypeRef lane_memory(const Lanes *k, const Exit *x) { return elem_type(k->e->g, x->v->type->elem); }

static LLVMValueRef lane_of(Lanes *k) {
  return LLVMBuildNSWSub(k->e->b, LLVMBuildLoad2(k->e->b, k->e->g->i64, lane_counter(k), ""), k->first, "");
}

LLVMValueRef lane_cell(Lanes *k, LLVMTypeRef t, LLVMValueRef buffer, int i, LLVMValueRef lane) {
  return lane_place(k->e, t, buffer, i, k->width, lane);
}

/* LLVM would look at a buffer's uses to see that nobody else has it, but not at so many. */
static void store_in_buffer(Lanes *k, LLVMValueRef x, LLVMValueRef buffer, int i) {
  tag_object(k->e, LLVMBuildStore(k->e->b, x, lane_cell(k, LLVMTypeOf(x), buffer, i, lane_of(k))), k->e->stack_object);
}

/* ---- one iteration ------------------------------------------------------------------------------------------------------ */

/* An iteration that was done before sets what it set then, unless what it reads has changed, or it was done again with other products. */
static bool sets_anew(const Lanes *k, const Exit *x) { return x->reads || (k->done && (k->reads || k->watch)); }

/* Where nothing is to be set, what is there. */
static LLVMValueRef set_value(Lanes *k, const Exit *x, const LLVMValueRef *idx) {
  Emit *e = k->e;
  LLVMValueRef at[MAX_RANK], y = eval(e, x->v, idx);
  const Value *to = k->op->res[x - k->exit];
  if (x->x.kind != LANE_SET || !k->keep || !sets_anew(k, x)) return y;
  set_place(k, x, idx, at);
  LLVMValueRef old = load_elem(e, where_of(e, to), e->object[to->id], to->type, row_major(e, to->type, at));
  return LLVMBuildSelect(e->b, k->keep, old, y, "");
}

static void store_straight(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  Emit *e = k->e;
  LLVMValueRef at[MAX_RANK], y = set_value(k, x, idx);
  const Value *to = k->op->res[x - k->exit];
  (void)i;
  set_place(k, x, idx, at);
  store_elem(e, where_of(e, to), e->object[to->id], to->type, row_major(e, to->type, at), y);
}

static void store_buffer(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  Emit *e = k->e;
  LLVMValueRef y = set_value(k, x, idx);
  if (x->v->type->elem == BOOL) y = LLVMBuildZExt(e->b, y, e->g->i8, "");
  store_in_buffer(k, y, x->buffer, i);
}

/* Each lane has sums of its own. */
static void fold_in(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  Emit *e = k->e;
  Elem t = x->v->type->elem;
  LLVMValueRef y = eval(e, x->v, idx);
  LLVMValueRef at = k->alone ? x->acc[i] : lane_cell(k, lane_memory(k, x), x->buffer, i, lane_of(k));
  LLVMTypeRef in_memory = k->alone ? elem_reg(e->g, t) : lane_memory(k, x);
  LLVMValueRef old = LLVMBuildLoad2(e->b, in_memory, at, "");
  if (!k->alone) tag_object(e, old, e->stack_object);
  if (in_memory != elem_reg(e->g, t)) old = LLVMBuildTrunc(e->b, old, elem_reg(e->g, t), "");
  if (k->keep) y = LLVMBuildSelect(e->b, k->keep, fold_neutral(e, x->x.op->code, t), y, "");
  y = fold_term(e, x->x.op->code, t, old, y);
  if (in_memory != elem_reg(e->g, t)) y = LLVMBuildZExt(e->b, y, in_memory, "");
  LLVMValueRef sum = LLVMBuildStore(e->b, y, at);
  if (!k->alone) tag_object(e, sum, e->stack_object);
}

static void add_straight(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  Emit *e = k->e;
  const Op *op = x->x.op;
  const Value *to = k->op->res[x - k->exit];
  LLVMValueRef at[MAX_RANK], index[MAX_RANK], y = eval(e, x->v, idx);
  (void)i;
  for (int a = 0; a < op->u.index.naxis; a++) index[a] = index_value(e, op->opd[2 + a], idx);
  Branch br;
  if (op->u.index.masked) if_begin(e, &br, eval(e, op->opd[op->nopd - 1], idx));
  scatter_place(k, x, index, idx, at);
  LLVMValueRef place = row_major(e, to->type, at), base = where_of(e, to);
  LLVMValueRef old = load_elem(e, base, e->object[to->id], to->type, place);
  store_elem(e, base, e->object[to->id], to->type, place, add_elem(e->g, e->b, to->type->elem, old, y));
  if (op->u.index.masked) if_end(e, &br);
}

static void store_indices(Lanes *k, Exit *x) {
  Emit *e = k->e;
  const Op *op = x->x.op;
  const Type *t = op->opd[2]->type;
  for (int i = 0; i < lane_elements(t); i++) {
    LLVMValueRef *idx = lane_index(k, t, i);
    for (int a = 0; a < op->u.index.naxis; a++)
      store_in_buffer(k, index_value(e, op->opd[2 + a], idx), x->at[a], i);
    if (op->u.index.masked)
      store_in_buffer(k, LLVMBuildZExt(e->b, eval(e, op->opd[op->nopd - 1], idx), e->g->i8, ""), x->mask, i);
  }
}

/* An iteration that will be done again, or was done before, leaves all as it was. */
static void look(Lanes *k) {
  Emit *e = k->e;
  k->strange = k->last = NULL;
  k->keep = k->done ? LLVMBuildICmp(e->b, LLVMIntSLT, lane_of(k), k->done, "") : NULL;
  for (int i = 0; k->watch && i < k->op->nres; i++) each_element(k, &k->exit[i], watch);
  if (k->last) watch_pair(k, k->last, k->last);
  if (!k->strange) return;
  LLVMValueRef either = k->keep ? LLVMBuildOr(e->b, k->keep, k->strange, "") : k->strange;
  if (k->keep) k->strange = LLVMBuildAnd(e->b, k->strange, LLVMBuildNot(e->b, k->keep, ""), "");
  k->keep = either;
  LLVMBuildStore(e->b, LLVMBuildOr(e->b, LLVMBuildLoad2(e->b, e->g->i1, k->seen, ""), k->strange, ""), k->seen);
  store_in_buffer(k, LLVMBuildZExt(e->b, k->strange, e->g->i8, ""), k->flag, 0);
}

static void hand_on(Lanes *k) {
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    bool adds = x->x.kind == LANE_SCATTER, straight = k->alone || x->straight;
    each_element(k, x, x->x.kind == LANE_FOLD ? fold_in : !straight ? store_buffer : adds ? add_straight : store_straight);
    if (adds && !straight) store_indices(k, x);
  }
}

void lane_iteration(Lanes *k) {
  look(k);
  hand_on(k);
  k->strange = k->keep = NULL;
}

void lane_alone(Lanes *k, LLVMValueRef lane) {
  k->alone = true;
  lane_set_counter(k, lane);
  lane_iteration(k);
  k->alone = false;
}

/* With plain products; nothing leaves it if it has to be done again. */
void lane_alone_plain(Lanes *k, LLVMValueRef lane) {
  Branch good;
  k->alone = k->watch = k->e->plain_products = true;
  lane_set_counter(k, lane);
  look(k);
  bool may_fail = k->strange;
  if (may_fail) if_begin(k->e, &good, LLVMBuildNot(k->e->b, k->strange, ""));
  k->strange = k->keep = NULL;
  hand_on(k);
  if (may_fail) if_end(k->e, &good);
  k->alone = k->watch = k->e->plain_products = false;
}

/* ---- out of the buffers ------------------------------------------------------------------------------------------------- */

/* The memory of element i of iteration `lane` of the block. */
static LLVMValueRef row_pointer(Lanes *k, Exit *x, int i, LLVMValueRef lane) {
  Emit *e = k->e;
  const Value *to = k->op->res[x - k->exit];
  LLVMValueRef at[MAX_RANK], *idx = lane_index(k, x->v->type, i);
  lane_set_counter(k, lane);
  set_place(k, x, idx, at);
  LLVMValueRef place = row_major(e, to->type, at);
  return LLVMBuildInBoundsGEP2(e->b, lane_memory(k, x), where_of(e, to), &place, 1, "");
}

/* Elements i.. of an entry lie one after another as far as the axes behind the one that is cut reach. */
int lane_row(const Exit *x) {
  const Op *op = x->x.op;
  int64_t n = 1, d;
  for (int a = op->res[0]->type->rank; a-- > 0 && op->res[0]->type->dim[a] == x->v->type->dim[a];) {
    dim_is_const(x->v->type->dim[a], &d);
    n *= d;
  }
  return (int)n;
}

void lanes_copy_rows(Lanes *k, Exit *x) {
  int row = lane_row(x), w = k->width;
  LLVMValueRef pointer[64];
  for (int from = 0; from < x->n; from += row)
    for (int i = 0; i < row; i += w) {
      int n = row < w ? row : w, at = from + (i + n > row ? row - n : i); /* the last ones perhaps once more */
      for (int l = 0; l < w; l++) pointer[l] = row_pointer(k, x, at, index_const(k->e, l));
      rows_store(k->e, k->op->res[x - k->exit], x->buffer, at, n, w, pointer);
    }
}

static void add_row(Lanes *k, Exit *x, LLVMValueRef lane) {
  Emit *e = k->e;
  const Op *op = x->x.op;
  const Value *to = k->op->res[x - k->exit];
  int inner = (int)(x->n / (lane_elements(op->opd[2]->type) ? lane_elements(op->opd[2]->type) : 1));
  for (int i = 0; i < x->n; i++) {
    LLVMValueRef at[MAX_RANK], index[MAX_RANK];
    Branch br;
    if (op->u.index.masked) {
      LLVMValueRef m = LLVMBuildLoad2(e->b, e->g->i8, lane_cell(k, e->g->i8, x->mask, i / inner, lane), "");
      if_begin(e, &br, LLVMBuildICmp(e->b, LLVMIntNE, m, LLVMConstNull(e->g->i8), ""));
    }
    for (int a = 0; a < op->u.index.naxis; a++)
      index[a] = LLVMBuildLoad2(e->b, e->g->i64, lane_cell(k, e->g->i64, x->at[a], i / inner, lane), "");
    scatter_place(k, x, index, lane_index(k, x->v->type, i), at);
    LLVMValueRef y = LLVMBuildLoad2(e->b, lane_memory(k, x), lane_cell(k, lane_memory(k, x), x->buffer, i, lane), "");
    LLVMValueRef offset = row_major(e, to->type, at), base = where_of(e, to);
    LLVMValueRef old = load_elem(e, base, e->object[to->id], to->type, offset);
    store_elem(e, base, e->object[to->id], to->type, offset, add_elem(e->g, e->b, to->type->elem, old, y));
    if (op->u.index.masked) if_end(e, &br);
  }
}

LLVMValueRef lane_is_flagged(Lanes *k, LLVMValueRef lane) {
  LLVMValueRef flag = LLVMBuildLoad2(k->e->b, k->e->g->i8, lane_cell(k, k->e->g->i8, k->flag, 0, lane), "");
  return LLVMBuildICmp(k->e->b, LLVMIntNE, flag, LLVMConstNull(k->e->g->i8), "");
}

/* Those that are done alone add by themselves. */
void lanes_add_rows(Lanes *k, Exit *x) {
  Emit *e = k->e;
  Loop loop;
  Branch br;
  LLVMValueRef width = index_const(e, k->width), lane = loop_begin(e, &loop, k->done ? LLVMBuildNSWSub(e->b, width, k->done, "") : width);
  if (k->done) lane = index_add(e, lane, k->done);
  if (k->watched) if_begin(e, &br, LLVMBuildNot(e->b, lane_is_flagged(k, lane), ""));
  add_row(k, x, lane);
  if (k->watched) if_end(e, &br);
  loop.as_it_is = true;
  loop_end(e, &loop);
}
