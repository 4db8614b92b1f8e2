/* emit_lanes.c - a loop whose iterations are computed side by side, in vector lanes.
 *
 * Requires: a loop that fits lanes (lanes.c).  Ensures: as emit_region.  As many iterations as a vector has lanes are a block: a loop over
 * them without control flow or carried memory, which the optimiser is told to turn into vectors; its scalars are elements of the body's
 * small tensors.  What lies in rows comes and goes by way of emit_rows.c; sums at computed places are added one iteration after the
 * other.  What is no whole block, and iterations that vectors cannot do, are done alone. */
#include "codegen/chunks.h"
#include <llvm-c/DebugInfo.h>
#include <string.h>

enum { MOST_BYTES = 131072 };

typedef struct Exit {
  LaneExit x;
  Value *v;      /* what is set, added or folded in */
  int n;         /* its elements */
  bool straight; /* to memory at once: entries of one element lie side by side there */
  bool reads;    /* of what is set: the old entries are read */
  LLVMValueRef buffer, mask, at[MAX_RANK]; /* n by width; for scatters one index an axis */
  LLVMValueRef *acc; /* of folds: by element, of the iterations done alone; those of lanes are in the buffer */
} Exit;

typedef struct Lanes {
  Emit *e;
  Unit *u;
  Op *op;
  Exit *exit;
  int width;          /* lanes; 1: there are none */
  LLVMValueRef first; /* of the block */
  bool alone;         /* one iteration by itself: everything goes straight */
  bool watch;         /* products are plain: what leaves is looked at */
  bool reads;         /* old entries are read */
  LLVMValueRef last, strange; /* the element looked at last; i1: some were nan, in this iteration */
  LLVMValueRef done;          /* so many iterations at the beginning of the block have been done before; NULL: none */
  LLVMValueRef keep;          /* i1: nothing is to leave this iteration; NULL: all does */
  LLVMValueRef seen, flag;    /* alloca of i1: there are iterations to be done alone; buffer of i8: which */
} Lanes;

static LLVMValueRef i64(const Lanes *k, int64_t v) { return LLVMConstInt(k->e->g->i64, (unsigned long long)v, true); }

static int64_t count(const Type *t) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &d)) bug("a small tensor of unknown length");
    n *= d;
  }
  return n;
}

static LLVMValueRef counter(const Lanes *k) { return where_of(k->e, k->op->reg[0]->param[0]); }

static void set_counter(Lanes *k, LLVMValueRef lane) {
  LLVMBuildStore(k->e->b, index_add(k->e, k->first, lane), counter(k));
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

static LLVMValueRef *const_index(Lanes *k, const Type *t, int i) {
  LLVMValueRef *idx = NEW_N(k->e->arena, LLVMValueRef, MAX_RANK);
  for (int a = t->rank; a-- > 0;) {
    int64_t d;
    dim_is_const(t->dim[a], &d);
    idx[a] = i64(k, i % d);
    i /= (int)d;
  }
  return idx;
}

/* ---- buffers ------------------------------------------------------------------------------------------------------------ */

static LLVMTypeRef memory_type(const Lanes *k, const Exit *x) { return elem_type(k->e->g, x->v->type->elem); }

static LLVMValueRef lane_of(Lanes *k) {
  return LLVMBuildNSWSub(k->e->b, LLVMBuildLoad2(k->e->b, k->e->g->i64, counter(k), ""), k->first, "");
}

static LLVMValueRef place(Lanes *k, LLVMTypeRef t, LLVMValueRef buffer, int i, LLVMValueRef lane) {
  return lane_place(k->e, t, buffer, i, k->width, lane);
}

/* LLVM would look at a buffer's uses to see that nobody else has it, but not at so many. */
static void store_in_buffer(Lanes *k, LLVMValueRef x, LLVMValueRef buffer, int i) {
  tag_object(k->e, LLVMBuildStore(k->e->b, x, place(k, LLVMTypeOf(x), buffer, i, lane_of(k))), k->e->stack_object);
}

/* A buffer that is read at lanes only known at run time stays in memory; loops follow each other: one takes over those before it. */
static LLVMValueRef memory_buffer(Lanes *k, int elem_bytes, int n) {
  Emit *e = k->e;
  int64_t bytes = (int64_t)n * k->width * elem_bytes;
  for (int i = 0; i < e->nbuffer; i++)
    if (!e->buffer[i].taken && e->buffer[i].bytes >= bytes) {
      e->buffer[i].taken = true;
      return e->buffer[i].at;
    }
  LLVMValueRef a = lane_buffer(e, bytes);
  PUSH(e->arena, e->buffer, e->nbuffer, e->buffer_cap) = (struct LaneBuffer){a, bytes, true};
  return a;
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
  LLVMValueRef at = k->alone ? x->acc[i] : place(k, memory_type(k, x), x->buffer, i, lane_of(k));
  LLVMTypeRef in_memory = k->alone ? elem_reg(e->g, t) : memory_type(k, x);
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
  for (int i = 0; i < count(t); i++) {
    LLVMValueRef *idx = const_index(k, t, i);
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

static void iteration(Lanes *k) {
  look(k);
  hand_on(k);
  k->strange = k->keep = NULL;
}

static void alone(Lanes *k, LLVMValueRef lane) {
  k->alone = true;
  set_counter(k, lane);
  iteration(k);
  k->alone = false;
}

/* With plain products; nothing leaves it if it has to be done again. */
static void alone_plain(Lanes *k, LLVMValueRef lane) {
  Branch good;
  k->alone = k->watch = k->e->plain_products = true;
  set_counter(k, lane);
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
  LLVMValueRef at[MAX_RANK], *idx = const_index(k, x->v->type, i);
  set_counter(k, lane);
  set_place(k, x, idx, at);
  LLVMValueRef place = row_major(e, to->type, at);
  return LLVMBuildInBoundsGEP2(e->b, memory_type(k, x), where_of(e, to), &place, 1, "");
}

/* Elements i.. of an entry lie one after another as far as the axes behind the one that is cut reach. */
static int row_length(const Exit *x) {
  const Op *op = x->x.op;
  int64_t n = 1, d;
  for (int a = op->res[0]->type->rank; a-- > 0 && op->res[0]->type->dim[a] == x->v->type->dim[a];) {
    dim_is_const(x->v->type->dim[a], &d);
    n *= d;
  }
  return (int)n;
}

static void copy_rows(Lanes *k, Exit *x) {
  int row = row_length(x), w = k->width;
  LLVMValueRef pointer[64];
  for (int from = 0; from < x->n; from += row)
    for (int i = 0; i < row; i += w) {
      int n = row < w ? row : w, at = from + (i + n > row ? row - n : i); /* the last ones perhaps once more */
      for (int l = 0; l < w; l++) pointer[l] = row_pointer(k, x, at, i64(k, l));
      rows_store(k->e, k->op->res[x - k->exit], x->buffer, at, n, w, pointer);
    }
}

static void add_row(Lanes *k, Exit *x, LLVMValueRef lane) {
  Emit *e = k->e;
  const Op *op = x->x.op;
  const Value *to = k->op->res[x - k->exit];
  int inner = (int)(x->n / (count(op->opd[2]->type) ? count(op->opd[2]->type) : 1));
  for (int i = 0; i < x->n; i++) {
    LLVMValueRef at[MAX_RANK], index[MAX_RANK];
    Branch br;
    if (op->u.index.masked) {
      LLVMValueRef m = LLVMBuildLoad2(e->b, e->g->i8, place(k, e->g->i8, x->mask, i / inner, lane), "");
      if_begin(e, &br, LLVMBuildICmp(e->b, LLVMIntNE, m, LLVMConstNull(e->g->i8), ""));
    }
    for (int a = 0; a < op->u.index.naxis; a++)
      index[a] = LLVMBuildLoad2(e->b, e->g->i64, place(k, e->g->i64, x->at[a], i / inner, lane), "");
    scatter_place(k, x, index, const_index(k, x->v->type, i), at);
    LLVMValueRef y = LLVMBuildLoad2(e->b, memory_type(k, x), place(k, memory_type(k, x), x->buffer, i, lane), "");
    LLVMValueRef offset = row_major(e, to->type, at), base = where_of(e, to);
    LLVMValueRef old = load_elem(e, base, e->object[to->id], to->type, offset);
    store_elem(e, base, e->object[to->id], to->type, offset, add_elem(e->g, e->b, to->type->elem, old, y));
    if (op->u.index.masked) if_end(e, &br);
  }
}

static LLVMValueRef flagged(Lanes *k, LLVMValueRef lane) {
  LLVMValueRef flag = LLVMBuildLoad2(k->e->b, k->e->g->i8, place(k, k->e->g->i8, k->flag, 0, lane), "");
  return LLVMBuildICmp(k->e->b, LLVMIntNE, flag, LLVMConstNull(k->e->g->i8), "");
}

/* Those that are done alone add by themselves. */
static void add_rows(Lanes *k, Exit *x, bool watched) {
  Emit *e = k->e;
  Loop loop;
  Branch br;
  LLVMValueRef lane = loop_begin(e, &loop, k->done ? LLVMBuildNSWSub(e->b, i64(k, k->width), k->done, "") : i64(k, k->width));
  if (k->done) lane = index_add(e, lane, k->done);
  if (watched) if_begin(e, &br, LLVMBuildNot(e->b, flagged(k, lane), ""));
  add_row(k, x, lane);
  if (watched) if_end(e, &br);
  loop.as_it_is = true;
  loop_end(e, &loop);
}

/* ---- the loop ----------------------------------------------------------------------------------------------------------- */

static bool lies_straight(const Exit *x) { return x->x.kind == LANE_SET && row_length(x) == 1; }

static int widest_elem(const Region *r) {
  int bytes = 4;
  for (const Op *op = r->first; op; op = op->next)
    if (op->code != OP_sym && elem_is_real(op->res[0]->type->elem) && elem_size(op->res[0]->type->elem) > bytes)
      bytes = elem_size(op->res[0]->type->elem);
  return bytes;
}

static int choose_width(const Lanes *k) {
  int64_t bytes = 0;
  for (int i = 0; i < k->op->nres; i++) bytes += (int64_t)k->exit[i].n * elem_size(k->exit[i].v->type->elem);
  int width = k->e->g->vector_bytes / widest_elem(k->op->reg[0]);
  return width < 2 || width > 64 || width * bytes > MOST_BYTES ? 1 : width;
}

static void open_exit(Lanes *k, Exit *x) {
  const Op *op = x->x.op;
  int bytes = elem_size(x->v->type->elem);
  if (x->x.kind == LANE_FOLD) {
    x->acc = NEW_N(k->e->arena, LLVMValueRef, x->n + 1);
    for (int j = 0; j < x->n; j++) x->acc[j] = new_alloca(k->e, elem_reg(k->e->g, x->v->type->elem));
  }
  if (k->width == 1 || x->straight) return;
  x->buffer = x->x.kind == LANE_SCATTER ? memory_buffer(k, bytes, x->n) : lane_buffer(k->e, (int64_t)bytes * x->n * k->width);
  if (x->x.kind != LANE_SCATTER) return;
  int n = (int)count(op->opd[2]->type);
  for (int a = 0; a < op->u.index.naxis; a++) x->at[a] = memory_buffer(k, 8, n);
  if (op->u.index.masked) x->mask = memory_buffer(k, 1, n);
}

static void open_exits(Lanes *k) {
  k->exit = NEW_N(k->e->arena, Exit, k->op->nres + 1);
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    *x = (Exit){.x = lane_exit(k->op, i)};
    x->v = x->x.op->opd[1];
    x->n = (int)count(x->v->type);
    x->straight = lies_straight(x);
    x->reads = x->x.kind == LANE_SET && lane_reads_held(k->op, i);
    k->reads |= x->reads;
  }
  k->width = choose_width(k);
  for (int i = 0; i < k->op->nres; i++) open_exit(k, &k->exit[i]);
  if (k->width == 1) return;
  k->seen = new_alloca(k->e, k->e->g->i1);
  k->flag = memory_buffer(k, 1, 1);
}

static void copy_in(Emit *e, const Value *to, Value *from) {
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK];
  open_loops(e, loop, to->type->rank, to->type->dim, idx);
  store_elem(e, where_of(e, to), e->object[to->id], to->type, row_major(e, to->type, idx), eval(e, from, idx));
  close_loops(e, loop, to->type->rank, to->type->dim);
}

static LLVMValueRef splat(Lanes *k, LLVMValueRef x) {
  LLVMValueRef lane[64];
  for (int l = 0; l < k->width; l++) lane[l] = x;
  return LLVMConstVector(lane, (unsigned)k->width);
}

static LLVMValueRef whole(Lanes *k, const Exit *x, int i) {
  LLVMTypeRef t = memory_type(k, x);
  LLVMValueRef v = LLVMBuildLoad2(k->e->b, LLVMVectorType(t, (unsigned)k->width), place(k, t, x->buffer, i, k->e->zero), "");
  LLVMSetAlignment(v, 8);
  return v;
}

static void fold_begin(Lanes *k, Exit *x, Value *init) {
  Emit *e = k->e;
  Elem t = x->v->type->elem;
  LLVMValueRef none = fold_neutral(e, x->x.op->code, t);
  if (t == BOOL) none = LLVMConstInt(e->g->i8, LLVMConstIntGetZExtValue(none), false);
  for (int j = 0; j < x->n; j++) {
    LLVMBuildStore(e->b, eval(e, init, const_index(k, x->v->type, j)), x->acc[j]);
    if (k->width == 1) continue;
    LLVMValueRef s = LLVMBuildStore(e->b, splat(k, none), place(k, memory_type(k, x), x->buffer, j, e->zero));
    LLVMSetAlignment(s, 8);
  }
}

/* Neighbours first, so that no chain is long. */
static LLVMValueRef fold_lanes(Lanes *k, const Exit *x, LLVMValueRef lanes) {
  Emit *e = k->e;
  Elem t = x->v->type->elem;
  LLVMValueRef y[64];
  for (int l = 0; l < k->width; l++) {
    y[l] = LLVMBuildExtractElement(e->b, lanes, i64(k, l), "");
    if (t == BOOL) y[l] = LLVMBuildTrunc(e->b, y[l], e->g->i1, "");
  }
  for (int n = k->width; n > 1; n /= 2)
    for (int l = 0; l < n / 2; l++) y[l] = fold_term(e, x->x.op->code, t, y[2 * l], y[2 * l + 1]);
  return y[0];
}

static void fold_end(Lanes *k, Exit *x, const Value *to) {
  Emit *e = k->e;
  Elem t = x->v->type->elem;
  for (int j = 0; j < x->n; j++) {
    LLVMValueRef y = LLVMBuildLoad2(e->b, elem_reg(e->g, t), x->acc[j], "");
    if (k->width > 1) y = fold_term(e, x->x.op->code, t, y, fold_lanes(k, x, whole(k, x, j)));
    if (to->type->rank == 0) LLVMBuildStore(e->b, y, where_of(e, to));
    else store_elem(e, where_of(e, to), e->object[to->id], to->type, i64(k, j), y);
  }
}

static void carry_in(Lanes *k) {
  for (int i = 0; i < k->op->nres; i++) {
    Value *init = k->op->opd[loop_ninit(k->op) + i];
    const Value *to = k->op->res[i];
    if (k->exit[i].x.kind != LANE_FOLD && !same_memory(k->e->p, init, to) && !loop_begins_unseen(k->op, i)) copy_in(k->e, to, init);
  }
}

static void folds_begin(Lanes *k) {
  for (int i = 0; i < k->op->nres; i++)
    if (k->exit[i].x.kind == LANE_FOLD) fold_begin(k, &k->exit[i], k->op->opd[loop_ninit(k->op) + i]);
}

static void carry_out(Lanes *k) {
  for (int i = 0; i < k->op->nres; i++)
    if (k->exit[i].x.kind == LANE_FOLD) fold_end(k, &k->exit[i], k->op->res[i]);
}

/* It is the vector: there are no more iterations than lanes.  Masks are allowed lest LLVM keep an iteration back for scalar code, where it
 * loads rows with a gap at their end: then it would never come to the vector. */
static void ask_for_vectors(Lanes *k, LLVMBasicBlockRef latch) {
  Emit *e = k->e;
  LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(e->g->i32, 1, false));
  const Hint hint[] = {{"llvm.loop.vectorize.enable", LLVMValueAsMetadata(LLVMConstInt(e->g->i1, 1, false))},
                       {"llvm.loop.vectorize.width", LLVMValueAsMetadata(LLVMConstInt(e->g->i32, (unsigned)k->width, false))},
                       {"llvm.loop.interleave.count", one},
                       {"llvm.loop.vectorize.predicate.enable", LLVMValueAsMetadata(LLVMConstInt(e->g->i1, 1, false))},
                       {"llvm.loop.unroll.disable", NULL}};
  give_hints(e, LLVMGetBasicBlockTerminator(latch), hint, sizeof hint / sizeof *hint);
}

static void side_by_side(Lanes *k, bool watched) {
  Emit *e = k->e;
  Loop loop;
  struct Rows *rows = rows_begin(e, counter(k), k->first, k->width);
  LLVMValueRef lane = loop_begin(e, &loop, i64(k, k->width));
  rows_body(e, rows);
  e->rows = rows;
  k->watch = e->plain_products = watched;
  set_counter(k, lane);
  iteration(k);
  k->watch = e->plain_products = false;
  e->rows = NULL;
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->b);
  loop_end(e, &loop);
  ask_for_vectors(k, latch);
  rows_load(e, rows);
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    if (x->straight || x->x.kind == LANE_FOLD) continue;
    if (x->x.kind == LANE_SET) copy_rows(k, x);
    else add_rows(k, x, watched);
  }
}

static void each_alone(Lanes *k, LLVMValueRef n, bool flagged_only, void (*one)(Lanes *k, LLVMValueRef lane)) {
  Branch here;
  Loop loop;
  LLVMValueRef done = k->done, lane = loop_begin(k->e, &loop, n);
  k->done = NULL;
  if (flagged_only) if_begin(k->e, &here, flagged(k, lane));
  one(k, lane);
  if (flagged_only) if_end(k->e, &here);
  k->done = done;
  loop.as_it_is = true;
  loop_end(k->e, &loop);
}

/* Where an element is nan with plain products, the iteration is done again with the others, alone. */
static void block(Lanes *k, LLVMValueRef n) {
  Emit *e = k->e;
  Branch full, few, some;
  LLVMTypeRef i1 = e->g->i1;
  bool watched = shows_nan(e->p, k->op, e->g->fused), was = e->seldom;
  LLVMSetAlignment(LLVMBuildStore(e->b, splat(k, LLVMConstNull(e->g->i8)), k->flag), 8);
  LLVMBuildStore(e->b, LLVMConstNull(i1), k->seen);
  LLVMValueRef is_full = LLVMBuildICmp(e->b, LLVMIntEQ, n, i64(k, k->width), "");
  if_begin(e, &full, is_full);
  side_by_side(k, watched);
  if_end(e, &full);
  if_begin(e, &few, LLVMBuildNot(e->b, is_full, ""));
  each_alone(k, n, false, watched ? alone_plain : alone);
  if_end(e, &few);
  if (!watched) return;
  if_begin(e, &some, LLVMBuildLoad2(e->b, i1, k->seen, ""));
  e->seldom = true;
  each_alone(k, n, true, alone);
  e->seldom = was;
  if_end(e, &some);
}

static LLVMValueRef least(Lanes *k, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(k->e->b, LLVMBuildICmp(k->e->b, LLVMIntSLT, x, y, ""), x, y, "");
}

/* The rest of a short loop, done one by one, would be most of the work: the last block is a whole one too, if there is any, and begins with
 * iterations that are done already.  Not where that costs a part of what they compute, or where rows go out by way of buffers: each of
 * them would have to be read before. */
static bool may_overlap(const Lanes *k) {
  enum { LEAST_WORK = 24 };
  if (!k->op->parent->parent || lane_work(k->op) < LEAST_WORK) return false;
  for (int i = 0; i < k->op->nres; i++)
    if (k->exit[i].x.kind == LANE_SET && !k->exit[i].straight) return false;
  return true;
}

/* Iterations from `from`, where a block begins, up to `to`. */
static void blocks(Lanes *k, LLVMValueRef from, LLVMValueRef to) {
  Emit *e = k->e;
  Loop loop;
  LLVMValueRef w = i64(k, k->width), n = LLVMBuildSub(e->b, to, from, "");
  LLVMValueRef count = LLVMBuildSDiv(e->b, LLVMBuildNSWAdd(e->b, n, i64(k, k->width - 1), ""), w, "");
  k->first = index_add(e, from, LLVMBuildNSWMul(e->b, loop_begin(e, &loop, count), w, ""));
  LLVMValueRef most = w;
  if (may_overlap(k)) {
    LLVMValueRef begun = k->first, back = LLVMBuildNSWSub(e->b, to, w, "");
    most = least(k, n, w);
    k->first = LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSGE, n, w, ""), least(k, begun, back), begun, "");
    k->done = LLVMBuildNSWSub(e->b, begun, k->first, "");
  }
  block(k, least(k, LLVMBuildNSWSub(e->b, to, k->first, ""), most));
  k->done = NULL;
  loop.as_it_is = true;
  loop_end(e, &loop);
}

static void one_by_one(Lanes *k, LLVMValueRef from, LLVMValueRef to) {
  Loop loop;
  k->first = from;
  alone(k, loop_begin(k->e, &loop, LLVMBuildSub(k->e->b, to, from, "")));
  loop_end(k->e, &loop);
}

static void all_lanes(Lanes *k, LLVMValueRef from, LLVMValueRef to) {
  (k->width == 1 ? one_by_one : blocks)(k, from, to);
  carry_out(k);
}

static void lanes_in_chunks(Lanes *k, LLVMValueRef count, LLVMValueRef n) {
  Emit *e = k->e;
  Chunks c;
  chunks_begin(e, &c, count, n, k->width);
  LLVMValueRef *left = loop_enter(e, &c, k->u);
  folds_begin(k);
  for (int i = 0; i < k->op->nres; i++) {
    const Exit *x = &k->exit[i];
    for (int j = 0; x->x.kind == LANE_FOLD && j < x->n; j++)
      chunk_begins(e, &c, k->u->split->fold[i], x->v->type->elem, x->acc[j]);
  }
  all_lanes(k, c.from, c.to);
  loop_leave(e, &c, k->u, left);
}

void emit_lanes(Emit *e, Unit *u) {
  Lanes k = {.e = e, .u = u, .op = u->op, .first = e->zero};
  const Region *body = u->op->reg[0];
  LLVMValueRef n = eval(e, u->op->opd[1], NULL), count = u->split ? chunk_count(e, &u, 1) : NULL;
  int mark = memo_mark(e), nlate = e->nlate;
  open_exits(&k);
  carry_in(&k);
  for (const Op *op = body->first; op; op = op->next)
    if (op->code == OP_sym) PUSH(e->arena, e->late, e->nlate, e->late_cap) = (Late){op->u.sym, counter(&k)};
  if (count) lanes_in_chunks(&k, count, n);
  else {
    folds_begin(&k);
    all_lanes(&k, eval(e, u->op->opd[0], NULL), n);
  }
  for (int i = 0; i < e->nbuffer; i++) e->buffer[i].taken = false;
  e->nlate = nlate;
  memo_release(e, mark);
}
