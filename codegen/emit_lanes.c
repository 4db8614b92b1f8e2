/* emit_lanes.c - a loop whose iterations are computed side by side, in vector lanes.
 *
 * Requires: a loop that fits lanes (lanes.c).  Ensures: as emit_region.  As many iterations as a vector has lanes are a block: a loop over
 * them without control flow or carried memory, which the optimiser is told to turn into vectors; its scalars are elements of the body's
 * small tensors.  What lies in rows comes and goes by way of emit_rows.c; sums at computed places are added one iteration after the
 * other.  What is no whole block, and iterations that vectors cannot do, are done alone. */
#include "codegen/emit_lanes.h"
#include <llvm-c/DebugInfo.h>
#include <string.h>

enum { MOST_BYTES = 131072 };

/* ---- blocks that wait ---------------------------------------------------------------------------------------------------
 * To add at computed places, one iteration after the other, waits for what is added: the processor would do nothing else between one
 * vector and the next. So some blocks are computed first. */

enum { MOST_WAITING = 8, WAITING_BYTES = 16384 };

static int scatter_bytes(const Exit *x) {
  int n = x->x.kind == LANE_SCATTER ? (int)lane_elements(x->x.op->opd[2]->type) : 0;
  return n ? x->n * elem_size(x->v->type->elem) + n * (8 * x->x.op->u.index.naxis + x->x.op->u.index.masked) : 0;
}

static int choose_waiting(const Lanes *k) {
  int bytes = 0;
  for (int i = 0; i < k->op->nres; i++) bytes += scatter_bytes(&k->exit[i]);
  if (!bytes || k->width == 1) return 0;
  int most = WAITING_BYTES / (bytes * k->width);
  return most < 1 ? 1 : most < MOST_WAITING ? most : MOST_WAITING;
}

static LLVMValueRef part_of(Lanes *k, LLVMValueRef buffer, int bytes, LLVMValueRef block) {
  LLVMValueRef at = index_mul(k->e, block, index_const(k->e, (int64_t)bytes * k->width));
  return LLVMBuildInBoundsGEP2(k->e->b, k->e->g->i8, buffer, &at, 1, "");
}

/* The buffers of one of those that wait. */
static void use_buffers(Lanes *k, LLVMValueRef block) {
  k->flag = part_of(k, k->flags, 1, block);
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    const Exit *all = &k->all[i];
    const Op *op = x->x.op;
    if (x->x.kind != LANE_SCATTER) continue;
    int n = (int)lane_elements(op->opd[2]->type);
    x->buffer = part_of(k, all->buffer, x->n * elem_size(x->v->type->elem), block);
    for (int a = 0; a < op->u.index.naxis; a++) x->at[a] = part_of(k, all->at[a], 8 * n, block);
    if (op->u.index.masked) x->mask = part_of(k, all->mask, n, block);
  }
}

/* A buffer that is read at lanes only known at run time stays in memory; loops follow each other: one takes over those before it. */
static LLVMValueRef memory_buffer(Lanes *k, int elem_bytes, int n) {
  Emit *e = k->e;
  int64_t bytes = (int64_t)n * k->width * elem_bytes * (k->waiting ? k->waiting : 1);
  for (int i = 0; i < e->nbuffer; i++)
    if (!e->buffer[i].taken && e->buffer[i].bytes >= bytes) {
      e->buffer[i].taken = true;
      return e->buffer[i].at;
    }
  LLVMValueRef a = lane_buffer(e, bytes);
  PUSH(e->arena, e->buffer, e->nbuffer, e->buffer_cap) = (struct LaneBuffer){a, bytes, true};
  return a;
}

/* ---- the loop ----------------------------------------------------------------------------------------------------------- */

static bool lies_straight(const Exit *x) { return x->x.kind == LANE_SET && lane_row(x) == 1; }

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
  int n = (int)lane_elements(op->opd[2]->type);
  for (int a = 0; a < op->u.index.naxis; a++) x->at[a] = memory_buffer(k, 8, n);
  if (op->u.index.masked) x->mask = memory_buffer(k, 1, n);
}

static void open_exits(Lanes *k) {
  k->exit = NEW_N(k->e->arena, Exit, k->op->nres + 1);
  for (int i = 0; i < k->op->nres; i++) {
    Exit *x = &k->exit[i];
    *x = (Exit){.x = lane_exit(k->op, i)};
    x->v = x->x.op->opd[1];
    x->n = (int)lane_elements(x->v->type);
    x->straight = lies_straight(x);
    x->reads = x->x.kind == LANE_SET && lane_reads_held(k->op, i);
    k->reads |= x->reads;
  }
  k->width = choose_width(k);
  k->waiting = choose_waiting(k);
  for (int i = 0; i < k->op->nres; i++) open_exit(k, &k->exit[i]);
  if (k->width == 1) return;
  k->seen = new_alloca(k->e, k->e->g->i1);
  k->flag = k->flags = memory_buffer(k, 1, 1);
  k->watched = shows_nan(k->e->p, k->op, k->e->g->fused);
  k->all = NEW_N(k->e->arena, Exit, k->op->nres + 1);
  memcpy(k->all, k->exit, sizeof *k->all * (size_t)k->op->nres);
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
  LLVMTypeRef t = lane_memory(k, x);
  LLVMValueRef v = LLVMBuildLoad2(k->e->b, LLVMVectorType(t, (unsigned)k->width), lane_cell(k, t, x->buffer, i, k->e->zero), "");
  LLVMSetAlignment(v, 8);
  return v;
}

static void fold_begin(Lanes *k, Exit *x, Value *init) {
  Emit *e = k->e;
  Elem t = x->v->type->elem;
  LLVMValueRef none = fold_neutral(e, x->x.op->code, t);
  if (t == BOOL) none = LLVMConstInt(e->g->i8, LLVMConstIntGetZExtValue(none), false);
  for (int j = 0; j < x->n; j++) {
    LLVMBuildStore(e->b, eval(e, init, lane_index(k, x->v->type, j)), x->acc[j]);
    if (k->width == 1) continue;
    LLVMValueRef s = LLVMBuildStore(e->b, splat(k, none), lane_cell(k, lane_memory(k, x), x->buffer, j, e->zero));
    LLVMSetAlignment(s, 8);
  }
}

/* Neighbours first, so that no chain is long. */
static LLVMValueRef fold_lanes(Lanes *k, const Exit *x, LLVMValueRef lanes) {
  Emit *e = k->e;
  Elem t = x->v->type->elem;
  LLVMValueRef y[64];
  for (int l = 0; l < k->width; l++) {
    y[l] = LLVMBuildExtractElement(e->b, lanes, index_const(k->e, l), "");
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
    else store_elem(e, where_of(e, to), e->object[to->id], to->type, index_const(k->e, j), y);
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

static void side_by_side(Lanes *k) {
  Emit *e = k->e;
  Loop loop;
  struct Rows *rows = rows_begin(e, lane_counter(k), k->first, k->width);
  LLVMValueRef lane = loop_begin(e, &loop, index_const(k->e, k->width));
  rows_body(e, rows);
  e->rows = rows;
  k->watch = e->plain_products = k->watched;
  lane_set_counter(k, lane);
  lane_iteration(k);
  k->watch = e->plain_products = false;
  e->rows = NULL;
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->b);
  loop_end(e, &loop);
  ask_for_vectors(k, latch);
  rows_load(e, rows);
  for (int i = 0; i < k->op->nres; i++)
    if (k->exit[i].x.kind == LANE_SET && !k->exit[i].straight) lanes_copy_rows(k, &k->exit[i]);
}

static void each_alone(Lanes *k, LLVMValueRef n, bool flagged_only, void (*one)(Lanes *k, LLVMValueRef lane)) {
  Branch here;
  Loop loop;
  LLVMValueRef done = k->done, lane = loop_begin(k->e, &loop, n);
  k->done = NULL;
  if (flagged_only) if_begin(k->e, &here, lane_is_flagged(k, lane));
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
  bool was = e->seldom;
  LLVMSetAlignment(LLVMBuildStore(e->b, splat(k, LLVMConstNull(e->g->i8)), k->flag), 8);
  LLVMBuildStore(e->b, LLVMConstNull(i1), k->seen);
  LLVMValueRef is_full = LLVMBuildICmp(e->b, LLVMIntEQ, n, index_const(k->e, k->width), "");
  if_begin(e, &full, is_full);
  side_by_side(k);
  if_end(e, &full);
  if_begin(e, &few, LLVMBuildNot(e->b, is_full, ""));
  each_alone(k, n, false, k->watched ? lane_alone_plain : lane_alone);
  if_end(e, &few);
  if (!k->watched) return;
  if_begin(e, &some, LLVMBuildLoad2(e->b, i1, k->seen, ""));
  e->seldom = true;
  each_alone(k, n, true, lane_alone);
  e->seldom = was;
  if_end(e, &some);
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

/* Iterations of a lane loop. */
typedef struct Span { LLVMValueRef from, to, n, blocks; } Span;

/* The i-th block begins; so many iterations are in it. */
static LLVMValueRef begin_block(Lanes *k, const Span *s, LLVMValueRef i) {
  Emit *e = k->e;
  LLVMValueRef w = index_const(e, k->width), most = w;
  k->first = index_add(e, s->from, LLVMBuildNSWMul(e->b, i, w, ""));
  if (may_overlap(k)) {
    LLVMValueRef begun = k->first, back = LLVMBuildNSWSub(e->b, s->to, w, "");
    most = index_least(e, s->n, w);
    k->first = LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSGE, s->n, w, ""), index_least(e, begun, back), begun, "");
    k->done = LLVMBuildNSWSub(e->b, begun, k->first, "");
  }
  return index_least(e, LLVMBuildNSWSub(e->b, s->to, k->first, ""), most);
}

/* Blocks from the i-th on, `n` at most; what they add waits. */
static void some_blocks(Lanes *k, const Span *s, LLVMValueRef i, LLVMValueRef n) {
  Emit *e = k->e;
  Loop loop, add;
  LLVMValueRef at = loop_begin(e, &loop, n), left = index_const(e, k->width);
  use_buffers(k, at);
  block(k, begin_block(k, s, index_add(e, i, at)));
  k->done = NULL;
  loop.as_it_is = true;
  loop_end(e, &loop);
  /* What is no whole block has been added. */
  at = loop_begin(e, &add, n);
  use_buffers(k, at);
  Branch whole;
  if_begin(e, &whole, LLVMBuildICmp(e->b, LLVMIntEQ, begin_block(k, s, index_add(e, i, at)), left, ""));
  for (int r = 0; r < k->op->nres; r++)
    if (k->exit[r].x.kind == LANE_SCATTER) lanes_add_rows(k, &k->exit[r]);
  if_end(e, &whole);
  k->done = NULL;
  add.as_it_is = true;
  loop_end(e, &add);
}

/* Iterations from `from`, where a block begins, up to `to`. */
static void blocks(Lanes *k, LLVMValueRef from, LLVMValueRef to) {
  Emit *e = k->e;
  Loop loop;
  Span s = {.from = from, .to = to, .n = LLVMBuildSub(e->b, to, from, "")};
  LLVMValueRef some = index_const(e, k->waiting), up = LLVMBuildNSWAdd(e->b, s.n, index_const(e, k->width - 1), "");
  s.blocks = LLVMBuildSDiv(e->b, up, index_const(e, k->width), "");
  if (k->waiting) {
    up = LLVMBuildNSWAdd(e->b, s.blocks, index_const(e, k->waiting - 1), "");
    LLVMValueRef i = LLVMBuildNSWMul(e->b, loop_begin(e, &loop, LLVMBuildSDiv(e->b, up, some, "")), some, "");
    some_blocks(k, &s, i, index_least(e, some, LLVMBuildNSWSub(e->b, s.blocks, i, "")));
  } else {
    block(k, begin_block(k, &s, loop_begin(e, &loop, s.blocks)));
    k->done = NULL;
  }
  loop.as_it_is = true;
  loop_end(e, &loop);
}

static void one_by_one(Lanes *k, LLVMValueRef from, LLVMValueRef to) {
  Loop loop;
  k->first = from;
  lane_alone(k, loop_begin(k->e, &loop, LLVMBuildSub(k->e->b, to, from, "")));
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
    if (op->code == OP_sym) PUSH(e->arena, e->late, e->nlate, e->late_cap) = (Late){op->u.sym, lane_counter(&k)};
  if (count) lanes_in_chunks(&k, count, n);
  else {
    folds_begin(&k);
    all_lanes(&k, eval(e, u->op->opd[0], NULL), n);
  }
  for (int i = 0; i < e->nbuffer; i++) e->buffer[i].taken = false;
  e->nlate = nlate;
  memo_release(e, mark);
}
