/* emit_lanes.c - a loop whose iterations are computed side by side, in vector lanes.
 *
 * Requires: a loop that fits lanes (lanes.c).  Ensures: as emit_region.  The iterations of a block run in one loop without control
 * flow or carried memory, which the optimiser is told to turn into vectors; its scalars are elements of the body's small tensors.
 * What an iteration sets or adds at computed places it leaves in a buffer, entries of the same element side by side, from which a
 * second loop over the block takes it: rows by transposing squares in registers, sums one after the other. */
#include "codegen/chunks.h"
#include <llvm-c/DebugInfo.h>
#include <string.h>

enum { BLOCK_BYTES = 16384, MAX_BLOCK = 64, LONG_BLOCK = 1024 };

typedef struct Exit {
  LaneExit x;
  Value *v;      /* what is set, added or folded in */
  int n;         /* its elements */
  bool straight; /* to memory at once: entries of one element lie side by side there */
  LLVMValueRef buffer, mask, at[MAX_RANK]; /* n by block; for scatters one index an axis */
  LLVMValueRef *acc; /* of folds: by element */
} Exit;

typedef struct Lanes {
  Emit *e;
  Unit *u;
  Op *op;
  Exit *exit;
  int block; /* iterations; 1: no blocks, everything goes straight */
  LLVMValueRef first; /* of the block */
  bool watch;         /* products are plain: what leaves is looked at */
  LLVMValueRef last, strange; /* the element looked at last; i1: some were nan, in this iteration */
  LLVMValueRef seen, flag;    /* alloca of i1: in this block; buffer of i8: in which iterations */
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

/* Two elements are looked at together. */
static void watch(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  LLVMBuilderRef b = k->e->b;
  if (!elem_is_real(x->v->type->elem)) return;
  LLVMValueRef y = eval(k->e, x->v, idx), other = i % 2 ? k->last : y;
  k->last = y;
  if (i % 2 == 0 && i + 1 < x->n) return;
  LLVMValueRef is = LLVMBuildFCmp(b, LLVMRealUNO, other, y, "");
  k->strange = k->strange ? LLVMBuildOr(b, k->strange, is, "") : is;
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

/* Loops follow each other: one takes over the buffers of those before it. */
static LLVMValueRef buffer(Lanes *k, int elem_bytes, int n) {
  Emit *e = k->e;
  int64_t bytes = (int64_t)n * k->block * elem_bytes;
  for (int i = 0; i < e->nbuffer; i++)
    if (!e->buffer[i].taken && e->buffer[i].bytes >= bytes) {
      e->buffer[i].taken = true;
      return e->buffer[i].at;
    }
  LLVMValueRef a = LLVMBuildAlloca(e->entry, LLVMArrayType2(e->g->i8, (uint64_t)bytes), "");
  LLVMSetAlignment(a, 64);
  PUSH(e->arena, e->buffer, e->nbuffer, e->buffer_cap) = (struct LaneBuffer){a, bytes, true};
  return a;
}

static LLVMValueRef buffer_at(Lanes *k, LLVMTypeRef t, LLVMValueRef base, int i, LLVMValueRef lane) {
  LLVMValueRef at = index_add(k->e, i64(k, (int64_t)i * k->block), lane);
  return LLVMBuildInBoundsGEP2(k->e->b, t, base, &at, 1, "");
}

static LLVMValueRef lane_of(Lanes *k) {
  Emit *e = k->e;
  LLVMValueRef i = LLVMBuildLoad2(e->b, e->g->i64, e->where[k->op->reg[0]->param[0]->id], "");
  return LLVMBuildNSWSub(e->b, i, k->first, "");
}

/* LLVM would look at a buffer's uses to see that nobody else has it, but not at so many. */
static void store_in_buffer(Lanes *k, LLVMValueRef x, LLVMValueRef base, int i) {
  Emit *e = k->e;
  LLVMValueRef at = buffer_at(k, LLVMTypeOf(x), base, i, lane_of(k));
  tag_object(e, LLVMBuildStore(e->b, x, at), e->stack_object);
}

static LLVMTypeRef memory_type(const Lanes *k, const Exit *x) { return elem_type(k->e->g, x->v->type->elem); }

/* ---- one iteration ------------------------------------------------------------------------------------------------------ */

static void store_straight(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  Emit *e = k->e;
  LLVMValueRef at[MAX_RANK], y = eval(e, x->v, idx);
  const Value *to = k->op->res[x - k->exit];
  (void)i;
  set_place(k, x, idx, at);
  store_elem(e, e->where[to->id], e->object[to->id], to->type, row_major(e, to->type, at), y);
}

static void store_buffer(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  Emit *e = k->e;
  LLVMValueRef y = eval(e, x->v, idx);
  if (x->v->type->elem == BOOL) y = LLVMBuildZExt(e->b, y, e->g->i8, "");
  store_in_buffer(k, y, x->buffer, i);
}

static void fold_in(Lanes *k, Exit *x, int i, const LLVMValueRef *idx) {
  Emit *e = k->e;
  Elem t = x->v->type->elem;
  LLVMValueRef old = LLVMBuildLoad2(e->b, elem_reg(e->g, t), x->acc[i], ""), y = eval(e, x->v, idx);
  if (k->strange) y = LLVMBuildSelect(e->b, k->strange, fold_neutral(e, x->x.op->code, t), y, "");
  LLVMBuildStore(e->b, fold_term(e, x->x.op->code, t, old, y), x->acc[i]);
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
  LLVMValueRef place = row_major(e, to->type, at), base = e->where[to->id];
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

/* An iteration that will be done again folds nothing in. */
static void look(Lanes *k) {
  Emit *e = k->e;
  k->strange = NULL;
  for (int i = 0; k->watch && i < k->op->nres; i++) each_element(k, &k->exit[i], watch);
  if (!k->strange) return;
  LLVMBuildStore(e->b, LLVMBuildOr(e->b, LLVMBuildLoad2(e->b, e->g->i1, k->seen, ""), k->strange, ""), k->seen);
  store_in_buffer(k, LLVMBuildZExt(e->b, k->strange, e->g->i8, ""), k->flag, 0);
}

static void iteration(Lanes *k) {
  look(k);
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    bool adds = x->x.kind == LANE_SCATTER;
    each_element(k, x, x->x.kind == LANE_FOLD ? fold_in : !x->straight ? store_buffer : adds ? add_straight : store_straight);
    if (adds && !x->straight) store_indices(k, x);
  }
}

/* ---- out of the buffers ------------------------------------------------------------------------------------------------- */

static int vector_width(const Lanes *k, const Value *v) { return k->e->g->vector_bytes / elem_size(v->type->elem); }

/* Vectors r[0..n) of n elements become the columns of what they were the rows of. */
static void transpose(Lanes *k, LLVMValueRef *r, int n) {
  LLVMBuilderRef b = k->e->b;
  LLVMValueRef low[64], high[64];
  for (int s = 1; s < n; s *= 2) {
    for (int i = 0; i < n; i++) {
      bool second = i & s;
      low[i] = LLVMConstInt(k->e->g->i32, (unsigned)(second ? n + i - s : i), false);
      high[i] = LLVMConstInt(k->e->g->i32, (unsigned)(second ? n + i : i + s), false);
    }
    LLVMValueRef to_low = LLVMConstVector(low, (unsigned)n), to_high = LLVMConstVector(high, (unsigned)n);
    for (int i = 0; i < n; i++)
      if (!(i & s)) {
        LLVMValueRef x = r[i], y = r[i + s];
        r[i] = LLVMBuildShuffleVector(b, x, y, to_low, "");
        r[i + s] = LLVMBuildShuffleVector(b, x, y, to_high, "");
      }
  }
}

/* The memory of element i of iteration `lane` of the block. */
static LLVMValueRef row_pointer(Lanes *k, Exit *x, int i, LLVMValueRef lane) {
  Emit *e = k->e;
  const Value *to = k->op->res[x - k->exit];
  LLVMValueRef at[MAX_RANK], *idx = const_index(k, x->v->type, i);
  LLVMBuildStore(e->b, index_add(e, k->first, lane), e->where[k->op->reg[0]->param[0]->id]);
  set_place(k, x, idx, at);
  LLVMValueRef place = row_major(e, to->type, at);
  return LLVMBuildInBoundsGEP2(e->b, memory_type(k, x), e->where[to->id], &place, 1, "");
}

static void square(Lanes *k, Exit *x, int i, int n, LLVMValueRef lane) {
  Emit *e = k->e;
  const Value *to = k->op->res[x - k->exit];
  LLVMValueRef r[64];
  LLVMTypeRef t = LLVMVectorType(memory_type(k, x), (unsigned)n);
  for (int j = 0; j < n; j++) {
    r[j] = LLVMBuildLoad2(e->b, t, buffer_at(k, memory_type(k, x), x->buffer, i + j, lane), "");
    LLVMSetAlignment(r[j], (unsigned)elem_size(x->v->type->elem));
  }
  transpose(k, r, n);
  for (int j = 0; j < n; j++)
    tag_access(e, LLVMBuildStore(e->b, r[j], row_pointer(k, x, i, index_add(e, lane, i64(k, j)))), e->object[to->id], to->type);
}

static void copy_lane(Lanes *k, Exit *x, LLVMValueRef lane) {
  Emit *e = k->e;
  const Value *to = k->op->res[x - k->exit];
  for (int i = 0; i < x->n; i++) {
    LLVMValueRef y = LLVMBuildLoad2(e->b, memory_type(k, x), buffer_at(k, memory_type(k, x), x->buffer, i, lane), "");
    tag_access(e, LLVMBuildStore(e->b, y, row_pointer(k, x, i, lane)), e->object[to->id], to->type);
  }
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

static void copy_rows(Lanes *k, Exit *x, LLVMValueRef n) {
  Emit *e = k->e;
  int width = vector_width(k, x->v), row = row_length(x);
  LLVMValueRef done = e->zero, w = i64(k, width > 0 ? width : 1);
  Loop loop;
  if (width > 1 && width <= 64 && row >= width && k->block % width == 0) {
    LLVMValueRef squares = LLVMBuildSDiv(e->b, n, w, ""), lane = LLVMBuildNSWMul(e->b, loop_begin(e, &loop, squares), w, "");
    for (int from = 0; from < x->n; from += row)
      for (int i = 0; i < row; i += width) square(k, x, from + (i + width > row ? row - width : i), width, lane);
    loop.as_it_is = true;
    loop_end(e, &loop);
    done = LLVMBuildNSWMul(e->b, squares, w, "");
  }
  LLVMValueRef lane = LLVMBuildNSWAdd(e->b, done, loop_begin(e, &loop, LLVMBuildNSWSub(e->b, n, done, "")), "");
  copy_lane(k, x, lane);
  loop_end(e, &loop);
}

static void add_rows(Lanes *k, Exit *x, LLVMValueRef n) {
  Emit *e = k->e;
  const Op *op = x->x.op;
  const Value *to = k->op->res[x - k->exit];
  int inner = (int)(x->n / (count(op->opd[2]->type) ? count(op->opd[2]->type) : 1));
  Loop loop;
  LLVMValueRef lane = loop_begin(e, &loop, n);
  for (int i = 0; i < x->n; i++) {
    LLVMValueRef at[MAX_RANK], index[MAX_RANK];
    Branch br;
    if (op->u.index.masked) {
      LLVMValueRef m = LLVMBuildLoad2(e->b, e->g->i8, buffer_at(k, e->g->i8, x->mask, i / inner, lane), "");
      if_begin(e, &br, LLVMBuildICmp(e->b, LLVMIntNE, m, LLVMConstNull(e->g->i8), ""));
    }
    for (int a = 0; a < op->u.index.naxis; a++)
      index[a] = LLVMBuildLoad2(e->b, e->g->i64, buffer_at(k, e->g->i64, x->at[a], i / inner, lane), "");
    scatter_place(k, x, index, const_index(k, x->v->type, i), at);
    LLVMValueRef y = LLVMBuildLoad2(e->b, memory_type(k, x), buffer_at(k, memory_type(k, x), x->buffer, i, lane), "");
    LLVMValueRef place = row_major(e, to->type, at), base = e->where[to->id];
    LLVMValueRef old = load_elem(e, base, e->object[to->id], to->type, place);
    store_elem(e, base, e->object[to->id], to->type, place, add_elem(e->g, e->b, to->type->elem, old, y));
    if (op->u.index.masked) if_end(e, &br);
  }
  loop.as_it_is = true;
  loop_end(e, &loop);
}

/* ---- the loop ----------------------------------------------------------------------------------------------------------- */

static bool lies_straight(const Exit *x) { return x->x.kind == LANE_SET && row_length(x) == 1; }

static void open_exits(Lanes *k) {
  Emit *e = k->e;
  int64_t bytes = 0;
  k->exit = NEW_N(e->arena, Exit, k->op->nres + 1);
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    *x = (Exit){.x = lane_exit(k->op, i)};
    x->v = x->x.op->opd[1];
    x->n = (int)count(x->v->type);
    x->straight = lies_straight(x);
    if (!x->straight && x->x.kind != LANE_FOLD) bytes += (int64_t)x->n * elem_size(x->v->type->elem);
  }
  k->block = bytes ? MAX_BLOCK : LONG_BLOCK;
  while (k->block > 8 && k->block * bytes > BLOCK_BYTES) k->block /= 2;
  if (e->g->vector_bytes == 0 || k->block * bytes > 8 * BLOCK_BYTES) k->block = 1;
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    x->straight |= k->block == 1;
    if (x->x.kind == LANE_FOLD) {
      x->acc = NEW_N(e->arena, LLVMValueRef, x->n + 1);
      for (int j = 0; j < x->n; j++) x->acc[j] = new_alloca(e, elem_reg(e->g, x->v->type->elem));
    } else if (!x->straight) x->buffer = buffer(k, elem_size(x->v->type->elem), x->n);
    if (x->x.kind != LANE_SCATTER || x->straight) continue;
    int n = (int)count(x->x.op->opd[2]->type);
    for (int a = 0; a < x->x.op->u.index.naxis; a++) x->at[a] = buffer(k, 8, n);
    if (x->x.op->u.index.masked) x->mask = buffer(k, 1, n);
  }
}

static void copy_in(Emit *e, const Value *to, Value *from) {
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK];
  open_loops(e, loop, to->type->rank, to->type->dim, idx);
  store_elem(e, e->where[to->id], e->object[to->id], to->type, row_major(e, to->type, idx), eval(e, from, idx));
  close_loops(e, loop, to->type->rank, to->type->dim);
}

static void carry_in(Lanes *k) {
  Emit *e = k->e;
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    Value *init = k->op->opd[loop_ninit(k->op) + i];
    const Value *to = k->op->res[i];
    if (x->x.kind == LANE_FOLD)
      for (int j = 0; j < x->n; j++) LLVMBuildStore(e->b, eval(e, init, const_index(k, x->v->type, j)), x->acc[j]);
    else if (!same_memory(e->p, init, to) && !begins_unseen(k->op, i)) copy_in(e, to, init);
  }
}

static void carry_out(Lanes *k) {
  Emit *e = k->e;
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    const Value *to = k->op->res[i];
    for (int j = 0; x->x.kind == LANE_FOLD && j < x->n; j++) {
      LLVMValueRef y = LLVMBuildLoad2(e->b, elem_reg(e->g, to->type->elem), x->acc[j], "");
      if (to->type->rank == 0) LLVMBuildStore(e->b, y, e->where[to->id]);
      else store_elem(e, e->where[to->id], e->object[to->id], to->type, i64(k, j), y);
    }
  }
}

/* Vectors of a register's width: wider ones would spill. */
static void ask_for_vectors(Emit *e, LLVMBasicBlockRef latch, int width) {
  LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(e->g->i32, 1, false));
  const Hint hint[] = {{"llvm.loop.vectorize.enable", LLVMValueAsMetadata(LLVMConstInt(e->g->i1, 1, false))},
                       {"llvm.loop.vectorize.width", LLVMValueAsMetadata(LLVMConstInt(e->g->i32, (unsigned)width, false))},
                       {"llvm.loop.interleave.count", one}};
  give_hints(e, LLVMGetBasicBlockTerminator(latch), hint, 3);
}

static int widest_elem(const Region *r) {
  int bytes = 4;
  for (const Op *op = r->first; op; op = op->next)
    if (op->code != OP_sym && elem_is_real(op->res[0]->type->elem) && elem_size(op->res[0]->type->elem) > bytes)
      bytes = elem_size(op->res[0]->type->elem);
  return bytes;
}

static void lane_loop(Lanes *k, LLVMValueRef n) {
  Emit *e = k->e;
  const Region *body = k->op->reg[0];
  Loop loop;
  LLVMValueRef i = loop_begin(e, &loop, n);
  LLVMBuildStore(e->b, index_add(e, k->first, i), e->where[body->param[0]->id]);
  for (const Op *op = body->first; op; op = op->next)
    if (op->code == OP_sym) PUSH(e->arena, e->late, e->nlate, e->late_cap) = (Late){op->u.sym, e->where[body->param[0]->id]};
  iteration(k);
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->b);
  loop_end(e, &loop);
  if (e->g->vector_bytes) ask_for_vectors(e, latch, e->g->vector_bytes / widest_elem(body));
}

/* Where an element is nan with plain products, the iteration is done again with the others. */
static void block_of_lanes(Lanes *k, LLVMValueRef n) {
  Emit *e = k->e;
  if (!k->seen) {
    lane_loop(k, n);
    return;
  }
  LLVMBuildStore(e->b, LLVMConstNull(e->g->i1), k->seen);
  k->watch = e->plain_products = true;
  lane_loop(k, n);
  k->watch = e->plain_products = false;
  k->strange = NULL;
  Branch some, here;
  Loop loop;
  if_begin(e, &some, LLVMBuildLoad2(e->b, e->g->i1, k->seen, ""));
  LLVMValueRef i = loop_begin(e, &loop, n), flag = LLVMBuildLoad2(e->b, e->g->i8, buffer_at(k, e->g->i8, k->flag, 0, i), "");
  if_begin(e, &here, LLVMBuildICmp(e->b, LLVMIntNE, flag, LLVMConstNull(e->g->i8), ""));
  LLVMBuildStore(e->b, index_add(e, k->first, i), e->where[k->op->reg[0]->param[0]->id]);
  iteration(k);
  if_end(e, &here);
  loop.as_it_is = true;
  loop_end(e, &loop);
  if_end(e, &some);
}

/* Iterations from `from`, a multiple of a block, up to `to`. */
static void blocks_of_lanes(Lanes *k, LLVMValueRef from, LLVMValueRef to) {
  Emit *e = k->e;
  Loop blocks;
  LLVMValueRef size = i64(k, k->block), n = LLVMBuildSub(e->b, to, from, "");
  LLVMValueRef count = LLVMBuildSDiv(e->b, LLVMBuildNSWAdd(e->b, n, i64(k, k->block - 1), ""), size, "");
  k->first = index_add(e, from, LLVMBuildNSWMul(e->b, loop_begin(e, &blocks, count), size, ""));
  LLVMValueRef left = LLVMBuildNSWSub(e->b, to, k->first, "");
  LLVMValueRef here = LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, left, size, ""), left, size, "");
  if (shows_nan(e->p, k->op)) {
    k->seen = new_alloca(e, e->g->i1);
    k->flag = buffer(k, 1, 1);
  }
  block_of_lanes(k, here);
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    if (x->straight || x->x.kind == LANE_FOLD) continue;
    if (x->x.kind == LANE_SET) copy_rows(k, x, here);
    else add_rows(k, x, here);
  }
  blocks.as_it_is = true;
  loop_end(e, &blocks);
}

static void all_lanes(Lanes *k, LLVMValueRef from, LLVMValueRef to) {
  if (k->block > 1) blocks_of_lanes(k, from, to);
  else {
    k->first = from;
    lane_loop(k, LLVMBuildSub(k->e->b, to, from, ""));
  }
  carry_out(k);
}

static void lanes_in_chunks(Lanes *k, LLVMValueRef count, LLVMValueRef n) {
  Emit *e = k->e;
  Chunks c;
  chunks_begin(e, &c, count, n, k->block);
  LLVMValueRef *left = loop_enter(e, &c, k->u);
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
  LLVMValueRef n = eval(e, u->op->opd[1], NULL), count = u->split ? chunk_count(e, &u, 1) : NULL;
  int mark = memo_mark(e), nlate = e->nlate;
  open_exits(&k);
  carry_in(&k);
  if (count) lanes_in_chunks(&k, count, n);
  else all_lanes(&k, e->zero, n);
  for (int i = 0; i < e->nbuffer; i++) e->buffer[i].taken = false;
  e->nlate = nlate;
  memo_release(e, mark);
}
