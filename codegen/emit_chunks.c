/* emit_chunks.c - a loop as chunks that threads share.
 *
 *   turns 0 … n ─► chunk 0 │ chunk 1 │ … ─► adc_parallel_for(piece, env, chunks), or piece(env, 0) when there is only one
 *                     │         │
 *   folds          result ◄── parts, folded in by the body in order
 *
 * Requires: a Split (split.c).  Ensures: how many chunks there are, where they are cut and in which order their parts are folded follows
 * from sizes alone.  One chunk is the loop as it would be without: it folds into the result itself. */
#include "codegen/chunks.h"

/* ---- how many ------------------------------------------------------------------------------------------------------------- */

/* A power of two, so that the same number falls to each of two, four or eight threads. */
static LLVMValueRef power_below(Emit *e, LLVMValueRef n) {
  static const char name[] = "llvm.ctlz";
  LLVMTypeRef t = e->g->i64;
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->g->mod, LLVMLookupIntrinsicID(name, sizeof name - 1), &t, 1);
  LLVMValueRef x[] = {n, LLVMConstInt(e->g->i1, 0, false)};
  LLVMValueRef zeros = LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, x, 2, "");
  return LLVMBuildShl(e->b, e->one, LLVMBuildSub(e->b, index_const(e, 63), zeros, ""), "");
}

LLVMValueRef chunk_count(Emit *e, Unit *const *unit, int n) {
  LLVMValueRef work = e->zero, most = NULL;
  if (e->outline) return NULL;
  for (int i = 0; i < n; i++)
    if (!unit[i]->split) return NULL;
  for (int i = 0; i < n; i++) {
    LLVMValueRef d = dim_of(e, unit[i]->split->most);
    work = LLVMBuildAdd(e->b, work, dim_of(e, unit[i]->split->work), "");
    most = most ? index_least(e, d, most) : d;
  }
  LLVMValueRef count = LLVMBuildUDiv(e->b, work, index_const(e, e->g->o->grain), "");
  return power_below(e, index_most(e, index_least(e, count, most), e->one));
}

void both_begin(Emit *e, BothWays *b, LLVMValueRef count) {
  LLVMBasicBlockRef shared = new_block(e, "shared");
  *b = (BothWays){new_block(e, "alone"), new_block(e, "join"), memo_mark(e)};
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSGT, count, e->one, ""), shared, b->alone);
  LLVMPositionBuilderAtEnd(e->b, shared);
}

void both_else(Emit *e, BothWays *b) {
  LLVMBuildBr(e->b, b->join);
  memo_release(e, b->mark);
  LLVMMoveBasicBlockAfter(b->alone, LLVMGetLastBasicBlock(e->fn));
  LLVMPositionBuilderAtEnd(e->b, b->alone);
}

void both_end(Emit *e, BothWays *b) {
  LLVMBuildBr(e->b, b->join);
  memo_release(e, b->mark);
  LLVMMoveBasicBlockAfter(b->join, LLVMGetLastBasicBlock(e->fn));
  LLVMPositionBuilderAtEnd(e->b, b->join);
}

/* ---- working memory ------------------------------------------------------------------------------------------------------- */

static LLVMValueRef call_runtime(Emit *e, const char *name, LLVMTypeRef ret, int n, LLVMValueRef *x) {
  LLVMTypeRef t[] = {e->g->ptr, e->g->i64}, type = LLVMFunctionType(ret, t, (unsigned)n, false);
  LLVMValueRef fn = LLVMGetNamedFunction(e->g->mod, name);
  if (!fn) fn = LLVMAddFunction(e->g->mod, name, type);
  return LLVMBuildCall2(e->b, type, fn, x, (unsigned)n, "");
}

static void *copied(Emit *e, const void *from, int n) { return arena_dup(e->arena, from, sizeof(LLVMValueRef) * (size_t)(n + 1)); }

void chunk_claim(Emit *e, Chunks *c, const Dim *copies) {
  const Plan *p = e->p->root;
  bool any = false;
  c->slot = copied(e, e->slot, p->nslot);
  c->where = copied(e, e->where, e->f->nvalue);
  for (int i = 0; i < p->nslot; i++) any |= p->slot[i].copies == copies;
  if (!any) return;
  c->taken = shared_memory(e, e->g->i64);
  c->copy = call_runtime(e, "adc_rt_claim", e->g->i64, 2, (LLVMValueRef[]){c->taken, c->count});
  for (int i = 0; i < p->nslot; i++) {
    if (p->slot[i].copies != copies || !e->slot[i]) continue;
    LLVMValueRef at = LLVMBuildMul(e->b, c->copy, e->slot_step[i], "");
    e->slot[i] = LLVMBuildInBoundsGEP2(e->b, e->g->i8, e->slot[i], &at, 1, "");
  }
  for (int v = 0; v < e->f->nvalue; v++) {
    const ValueInfo *info = &e->p->value[v];
    if (info->place == PLACE_BUFFER && info->slot >= 0 && p->slot[info->slot].copies == copies) e->where[v] = e->slot[info->slot];
  }
}

static void release(Emit *e, Chunks *c) {
  LLVMValueRef x[] = {c->taken, c->copy};
  if (c->taken) call_runtime(e, "adc_rt_release", e->g->none, 2, x);
  e->slot = c->slot;
  e->where = c->where;
}

/* ---- begin and end -------------------------------------------------------------------------------------------------------- */

void chunks_begin(Emit *e, Chunks *c, LLVMValueRef count, LLVMValueRef turns, int64_t multiple) {
  *c = (Chunks){.count = count};
  LLVMValueRef groups = LLVMBuildSDiv(e->b, LLVMBuildAdd(e->b, turns, index_const(e, multiple - 1), ""), index_const(e, multiple), "");
  outline_begin(e, &c->outline);
  c->index = c->outline.index;
  LLVMValueRef next = LLVMBuildAdd(e->b, c->index, e->one, ""), at[2] = {c->index, next};
  for (int i = 0; i < 2; i++) {
    LLVMValueRef group = LLVMBuildUDiv(e->b, LLVMBuildMul(e->b, at[i], groups, ""), count, "");
    at[i] = index_least(e, LLVMBuildNSWMul(e->b, group, index_const(e, multiple), ""), turns);
  }
  c->from = at[0];
  c->to = at[1];
}

static LLVMTypeRef piece_type(Codegen *g) {
  LLVMTypeRef t[] = {g->ptr, g->i64};
  return LLVMFunctionType(g->none, t, 2, false);
}

static LLVMValueRef hook(Codegen *g, LLVMTypeRef *type) {
  static const char name[] = "adc_parallel_for";
  LLVMTypeRef t[] = {g->ptr, g->ptr, g->i64};
  *type = LLVMFunctionType(g->none, t, 3, false);
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  return fn ? fn : LLVMAddFunction(g->mod, name, *type);
}

void chunks_end(Emit *e, Chunks *c) {
  LLVMTypeRef type;
  LLVMValueRef fn = hook(e->g, &type);
  if (c->where) release(e, c);
  LLVMValueRef env = outline_end(e, &c->outline), piece = c->outline.fn;
  if (c->taken) LLVMBuildStore(e->b, e->zero, c->taken); /* before the piece runs */
  LLVMBasicBlockRef shared = new_block(e, "shared"), alone = new_block(e, "alone"), join = new_block(e, "join");
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSGT, c->count, e->one, ""), shared, alone);
  LLVMPositionBuilderAtEnd(e->b, shared);
  LLVMBuildCall2(e->b, type, fn, (LLVMValueRef[]){piece, env, c->count}, 3, "");
  LLVMBuildBr(e->b, join);
  LLVMPositionBuilderAtEnd(e->b, alone);
  LLVMBuildCall2(e->b, piece_type(e->g), piece, (LLVMValueRef[]){env, e->zero}, 2, "");
  LLVMBuildBr(e->b, join);
  LLVMPositionBuilderAtEnd(e->b, join);
  return_first_failure(e, &c->outline, c->count);
}

/* ---- folds ---------------------------------------------------------------------------------------------------------------- */

LLVMValueRef chunk_leaves(Emit *e, Chunks *c, Elem t, LLVMValueRef left, LLVMValueRef x) {
  LLVMTypeRef type = elem_reg(e->g, t);
  if (!left) left = shared_memory(e, LLVMArrayType2(type, MAX_PIECES));
  LLVMBuildStore(e->b, x, LLVMBuildInBoundsGEP2(e->b, type, left, &c->index, 1, ""));
  return left;
}

LLVMValueRef fold_scalars(Emit *e, const Chunks *c, Opcode code, Elem t, LLVMValueRef left) {
  LLVMTypeRef type = elem_reg(e->g, t);
  LLVMValueRef acc = new_alloca(e, type);
  Loop loop;
  LLVMBuildStore(e->b, LLVMBuildLoad2(e->b, type, left, ""), acc);
  LLVMValueRef i = loop_begin(e, &loop, LLVMBuildSub(e->b, c->count, e->one, ""));
  i = LLVMBuildAdd(e->b, i, e->one, "");
  LLVMValueRef x = LLVMBuildLoad2(e->b, type, LLVMBuildInBoundsGEP2(e->b, type, left, &i, 1, ""), "");
  LLVMBuildStore(e->b, fold_term(e, code, t, LLVMBuildLoad2(e->b, type, acc, ""), x), acc);
  loop.as_it_is = true;
  loop_end(e, &loop);
  return LLVMBuildLoad2(e->b, type, acc, "");
}

/* From part to part: two threads do not write into one line of the cache. */
static LLVMValueRef part_stride(Emit *e, LLVMValueRef n) {
  return LLVMBuildAnd(e->b, index_add(e, n, index_const(e, PART_MULTIPLE - 1)), index_const(e, -PART_MULTIPLE), "");
}

static LLVMValueRef own_part(Emit *e, Chunks *c, const Type *t, int slot) {
  LLVMValueRef others = LLVMBuildSub(e->b, c->index, e->one, ""), at = LLVMBuildMul(e->b, others, part_stride(e, element_count(e, t)), "");
  return LLVMBuildGEP2(e->b, elem_type(e->g, t->elem), e->slot[slot], &at, 1, "");
}

LLVMValueRef chunk_part_at(Emit *e, Chunks *c, const Type *t, LLVMValueRef base, int slot) {
  LLVMValueRef first = LLVMBuildICmp(e->b, LLVMIntEQ, c->index, e->zero, "");
  return LLVMBuildSelect(e->b, first, base, own_part(e, c, t, slot), "");
}

LLVMValueRef chunk_part(Emit *e, Chunks *c, Opcode code, const Type *t, LLVMValueRef base, int object, int slot) {
  LLVMValueRef part = own_part(e, c, t, slot), first = LLVMBuildICmp(e->b, LLVMIntEQ, c->index, e->zero, "");
  Branch br;
  Loop loop;
  if_begin(e, &br, LLVMBuildNot(e->b, first, ""));
  LLVMValueRef i = loop_begin(e, &loop, element_count(e, t));
  store_elem(e, part, object, t, i, fold_neutral(e, code, t->elem));
  loop_end(e, &loop);
  if_end(e, &br);
  return LLVMBuildSelect(e->b, first, base, part, "");
}

/* Elements from `from` up to `to`: each takes in its parts in order. */
static void fold_range(Emit *e, LLVMValueRef parts, Opcode code, const Type *t, LLVMValueRef base, int object, int slot,
                       LLVMValueRef from, LLVMValueRef to) {
  LLVMValueRef stride = part_stride(e, element_count(e, t));
  Loop outer, loop;
  LLVMValueRef k = loop_begin(e, &outer, parts), at = LLVMBuildNSWMul(e->b, k, stride, "");
  LLVMValueRef i = LLVMBuildNSWAdd(e->b, from, loop_begin(e, &loop, LLVMBuildNSWSub(e->b, to, from, "")), "");
  LLVMValueRef x = load_elem(e, e->slot[slot], slot, t, LLVMBuildNSWAdd(e->b, at, i, ""));
  store_elem(e, base, object, t, i, fold_term(e, code, t->elem, load_elem(e, base, object, t, i), x));
  loop_end(e, &loop);
  outer.as_it_is = true;
  loop_end(e, &outer);
}

/* Many elements are folded by threads again. */
void fold_parts(Emit *e, const Chunks *c, Opcode code, const Type *t, LLVMValueRef base, int object, int slot) {
  enum { MULTIPLE = 2 * PART_MULTIPLE, MOST = 16 };
  LLVMValueRef n = element_count(e, t), parts = LLVMBuildSub(e->b, c->count, e->one, "");
  LLVMValueRef count = LLVMBuildUDiv(e->b, LLVMBuildMul(e->b, n, parts, ""), index_const(e, e->g->o->grain), "");
  Chunks again;
  count = power_below(e, index_most(e, index_least(e, count, index_const(e, MOST)), e->one));
  chunks_begin(e, &again, count, n, MULTIPLE);
  fold_range(e, parts, code, t, base, object, slot, again.from, again.to);
  chunks_end(e, &again);
}

/* ---- loops that are marked parallel --------------------------------------------------------------------------------------- */

void chunk_begins(Emit *e, Chunks *c, Opcode code, Elem t, LLVMValueRef cell) {
  LLVMValueRef first = LLVMBuildICmp(e->b, LLVMIntEQ, c->index, e->zero, "");
  LLVMValueRef x = LLVMBuildLoad2(e->b, elem_reg(e->g, t), cell, "");
  LLVMBuildStore(e->b, LLVMBuildSelect(e->b, first, x, fold_neutral(e, code, t), ""), cell);
}

LLVMValueRef *loop_enter(Emit *e, Chunks *c, const Unit *u) {
  const Split *s = u->split;
  chunk_claim(e, c, s->copies);
  for (int k = 0; k < u->op->nres; k++) {
    const Value *v = u->op->res[k];
    if (s->fold[k] == OP_COUNT) continue;
    if (v->type->rank == 0) {
      chunk_begins(e, c, s->fold[k], v->type->elem, e->where[v->id]);
      continue;
    }
    LLVMValueRef part = chunk_part(e, c, s->fold[k], v->type, e->where[v->id], e->object[v->id], s->partial[k]);
    for (int i = 0; i < e->f->nvalue; i++)
      if (e->p->value[i].place == PLACE_BUFFER && e->p->value[i].home == e->p->value[v->id].home) e->where[i] = part;
  }
  return NEW_N(e->arena, LLVMValueRef, u->op->nres + 1);
}

void loop_leave(Emit *e, Chunks *c, const Unit *u, LLVMValueRef *left) {
  const Split *s = u->split;
  const Op *op = u->op;
  for (int k = 0; k < op->nres; k++) {
    Elem t = op->res[k]->type->elem;
    if (s->fold[k] == OP_COUNT || op->res[k]->type->rank) continue;
    left[k] = chunk_leaves(e, c, t, NULL, LLVMBuildLoad2(e->b, elem_reg(e->g, t), e->where[op->res[k]->id], ""));
  }
  chunks_end(e, c);
  for (int k = 0; k < op->nres; k++) {
    const Value *v = op->res[k];
    if (left[k]) LLVMBuildStore(e->b, fold_scalars(e, c, s->fold[k], v->type->elem, left[k]), e->where[v->id]);
    else if (s->fold[k] != OP_COUNT)
      fold_parts(e, c, s->fold[k], v->type, e->where[v->id], e->object[v->id], s->partial[k]);
  }
}

/* ---- loops over a shape ------------------------------------------------------------------------------------------------------ */

void open_shared(Emit *e, Shared *s, Unit *u, int64_t multiple, Loop *loop, int n, Dim *const *dim, LLVMValueRef *idx) {
  LLVMValueRef count = u->split ? chunk_count(e, &u, 1) : NULL;
  s->any = count != NULL;
  if (!s->any) {
    open_loops(e, loop, n, dim, idx);
    return;
  }
  chunks_begin(e, &s->chunks, count, dim_of(e, dim[0]), multiple);
  LLVMValueRef turns = LLVMBuildSub(e->b, s->chunks.to, s->chunks.from, "");
  idx[0] = LLVMBuildNSWAdd(e->b, s->chunks.from, loop_begin(e, loop, turns), "");
  open_loops(e, loop + 1, n - 1, dim + 1, idx + 1);
}

void close_shared(Emit *e, Shared *s, Loop *loop, int n, Dim *const *dim) {
  if (!s->any) {
    close_loops(e, loop, n, dim);
    return;
  }
  close_loops(e, loop + 1, n - 1, dim + 1);
  loop_end(e, loop);
  chunks_end(e, &s->chunks);
}
