/* emit_region.c - structured control flow: if, for, while.
 *
 * Requires: a plan for each region.  Ensures: what a loop carries is in one place (a register, or the memory of its
 * class) from the loop's start to its results' last use; what a turn allocates behind the planned workspace is given
 * back at its end. */
#include "codegen/chunks.h"

typedef struct Turn {
  LLVMValueRef dynamic;
  int nlate, memo;
} Turn;

static Turn turn_begin(Emit *e) {
  return (Turn){LLVMBuildLoad2(e->b, e->g->i64, dynamic_of(e), ""), e->nlate, memo_mark(e)};
}

static void turn_end(Emit *e, const Turn *t) {
  LLVMBuildStore(e->b, t->dynamic, dynamic_of(e));
  e->nlate = t->nlate;
  memo_release(e, t->memo);
}

/* ---- moving tensors
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Memory {
  LLVMValueRef base;
  int object;
  const Value *of; /* whose memory; NULL: its elements lie one after another */
} Memory;

static LLVMValueRef place(Emit *e, const Memory *m, const Type *t, const LLVMValueRef *idx) {
  return m->of ? place_in(e, m->of, idx) : row_major(e, t, idx);
}

/* from: NULL: v as it is. */
static void copy(Emit *e, Memory to, Value *v, const Memory *from) {
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK];
  const Type *t = v->type;
  open_loops(e, loop, t->rank, t->dim, idx);
  LLVMValueRef x = from ? load_elem(e, from->base, from->object, t, place(e, from, t, idx)) : eval(e, v, idx);
  store_elem(e, to.base, to.object, t, place(e, &to, t, idx), x);
  close_loops(e, loop, t->rank, t->dim);
}

static Memory memory_of(Emit *e, const Value *v) { return (Memory){where_of(e, v), e->object[v->id], v}; }

static void make_moves(Emit *e, const Plan *s) {
  Memory *saved = NEW_N(e->arena, Memory, s->nmove + 1);
  for (int i = 0; i < s->nmove; i++) {
    const Move *m = &s->move[i];
    if (!m->save) continue;
    saved[i] = (Memory){slot_memory(e, m->slot), m->slot, NULL};
    copy(e, saved[i], s->region->res[m->yield], NULL);
  }
  for (int i = 0; i < s->nmove; i++)
    copy(e, memory_of(e, s->move[i].to), s->region->res[s->move[i].yield], s->move[i].save ? &saved[i] : NULL);
}

/* The elements of v, if they have to go to `to`, which is local; else NULL. */
static LLVMValueRef *read_local(Emit *e, Value *v, const Value *to) {
  return e->p->value[to->id].local && !same_memory(e->p, v, to) ? read_elements(e, v) : NULL;
}

/* Puts what the region yields where the op's results are; all scalars are read before one is written. */
static void yield(Emit *e, const Plan *s) {
  const Region *r = s->region;
  LLVMValueRef *x = NEW_N(e->arena, LLVMValueRef, r->nres + 1);
  LLVMValueRef **few = NEW_N(e->arena, LLVMValueRef *, r->nres + 1);
  for (int i = 0; i < r->nres; i++)
    if (r->res[i]->type->rank == 0) x[i] = eval(e, r->res[i], NULL);
    else few[i] = read_local(e, r->res[i], r->parent->res[i]);
  make_moves(e, s);
  for (int i = 0; i < r->nres; i++)
    if (x[i]) LLVMBuildStore(e->b, x[i], where_of(e, r->parent->res[i]));
    else if (few[i]) write_elements(e, r->parent->res[i], few[i]);
}

/* ---- loops
 * ------------------------------------------------------------------------------------------------------------------ */

/* Initial values; every region's carried scalars are the op's results' registers. */
static void carry(Emit *e, Op *op) {
  int ninit = loop_ninit(op);
  LLVMValueRef *x = NEW_N(e->arena, LLVMValueRef, op->nres + 1);
  LLVMValueRef **few = NEW_N(e->arena, LLVMValueRef *, op->nres + 1);
  bool *unseen = NEW_N(e->arena, bool, op->nres + 1);
  for (int i = 0; i < op->nres; i++)
    if (op->res[i]->type->rank == 0) x[i] = eval(e, op->opd[ninit + i], NULL);
    else if (!(unseen[i] = loop_begins_unseen(op, i))) few[i] = read_local(e, op->opd[ninit + i], op->res[i]);
  for (int i = 0; i < op->nres; i++) {
    Value *init = op->opd[ninit + i];
    if (x[i])
      LLVMBuildStore(e->b, x[i], where_of(e, op->res[i]));
    else if (few[i])
      write_elements(e, op->res[i], few[i]);
    else if (!same_memory(e->p, init, op->res[i]) && !unseen[i])
      copy(e, memory_of(e, op->res[i]), init, NULL);
    for (int r = 0; x[i] && r < op->nreg; r++) set_where(e, carried(op, r, i), where_of(e, op->res[i]));
  }
}

/* ceil((hi - lo) / step), or 0; a step of 0 gives none. */
static LLVMValueRef trip_count(Emit *e, LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef step) {
  LLVMBuilderRef b = e->b;
  LLVMValueRef up = LLVMBuildICmp(b, LLVMIntSGT, step, e->zero, ""),
               down = LLVMBuildICmp(b, LLVMIntSLT, step, e->zero, "");
  LLVMValueRef some =
      LLVMBuildSelect(b, up, LLVMBuildICmp(b, LLVMIntSLT, lo, hi, ""), LLVMBuildICmp(b, LLVMIntSGT, lo, hi, ""), "");
  some = LLVMBuildAnd(b, some, LLVMBuildOr(b, up, down, ""), "");
  LLVMValueRef span = LLVMBuildSelect(b, up, LLVMBuildSub(b, hi, lo, ""), LLVMBuildSub(b, lo, hi, ""), "");
  LLVMValueRef size = LLVMBuildSelect(b, up, step, LLVMBuildNeg(b, step, ""), "");
  size = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntEQ, size, e->zero, ""), e->one, size, "");
  LLVMValueRef n = LLVMBuildAdd(b, LLVMBuildUDiv(b, LLVMBuildSub(b, span, e->one, ""), size, ""), e->one, "");
  return LLVMBuildSelect(b, some, n, e->zero, "");
}

/* Turns from `from` up to `to`. */
static void turns(Emit *e, Unit *u, LLVMValueRef lo, LLVMValueRef step, LLVMValueRef from, LLVMValueRef to) {
  Loop loop;
  bool all = from == e->zero;
  LLVMValueRef i = loop_begin(e, &loop, all ? to : LLVMBuildSub(e->b, to, from, ""));
  const Region *outer = e->turn.body;
  LLVMValueRef outer_first = e->turn.first;
  e->turn.body = u->op->reg[0];
  e->turn.first = LLVMBuildICmp(e->b, LLVMIntEQ, i, e->zero, "");
  Turn t = turn_begin(e);
  if (!all) i = LLVMBuildAdd(e->b, from, i, "");
  i = LLVMBuildAdd(e->b, lo, LLVMBuildMul(e->b, i, step, ""), "");
  LLVMBuildStore(e->b, i, where_of(e, u->op->reg[0]->param[0]));
  emit_groups(e, u->sub[0]);
  yield(e, u->sub[0]);
  turn_end(e, &t);
  e->turn.body = outer;
  e->turn.first = outer_first;
  loop_end(e, &loop);
}

static void emit_for(Emit *e, Unit *u) {
  Op *op = u->op;
  if (in_lanes(e->p, op->reg[0])) {
    emit_lanes(e, u);
    return;
  }
  LLVMValueRef lo = eval(e, op->opd[0], NULL), hi = eval(e, op->opd[1], NULL), step = eval(e, op->opd[2], NULL);
  LLVMValueRef n = trip_count(e, lo, hi, step), count = u->split ? chunk_count(e, &u, 1) : NULL;
  carry(e, op);
  if (!count) {
    turns(e, u, lo, step, e->zero, n);
    return;
  }
  Chunks c;
  chunks_begin(e, &c, count, n, 1);
  LLVMValueRef *left = loop_enter(e, &c, u);
  turns(e, u, lo, step, c.from, c.to);
  loop_leave(e, &c, u, left);
}

static void emit_while(Emit *e, Unit *u) {
  Op *op = u->op;
  int divisions = e->g->divisions_within;
  carry(e, op);
  LLVMBasicBlockRef head = new_block(e, "while"), body = new_block(e, "body"), exit = new_block(e, "done");
  LLVMBuildBr(e->b, head);
  LLVMPositionBuilderAtEnd(e->b, head);
  Turn t = turn_begin(e);
  emit_groups(e, u->sub[0]);
  LLVMValueRef cond = eval(e, op->reg[0]->res[0], NULL);
  turn_end(e, &t);
  LLVMBuildCondBr(e->b, cond, body, exit);
  LLVMMoveBasicBlockAfter(body, LLVMGetInsertBlock(e->b));
  LLVMPositionBuilderAtEnd(e->b, body);
  t = turn_begin(e);
  emit_groups(e, u->sub[1]);
  yield(e, u->sub[1]);
  turn_end(e, &t);
  LLVMMoveBasicBlockAfter(exit, LLVMGetInsertBlock(e->b));
  LLVMValueRef again = LLVMBuildBr(e->b, head);
  LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(e->g->i32, 1, false));
  if (divides_within(e, divisions)) give_hints(e, again, &(Hint){"llvm.loop.vectorize.width", one}, 1);
  LLVMPositionBuilderAtEnd(e->b, exit);
}

/* ---- branches
 * ----------------------------------------------------------------------------------------------------------------- */

static void emit_if(Emit *e, Unit *u) {
  LLVMBasicBlockRef block[] = {new_block(e, "then"), new_block(e, "else")}, join = new_block(e, "join");
  LLVMBuildCondBr(e->b, eval(e, u->op->opd[0], NULL), block[0], block[1]);
  int before = e->g->divisions;
  for (int i = 0; i < 2; i++) {
    LLVMMoveBasicBlockAfter(block[i], LLVMGetInsertBlock(e->b));
    LLVMPositionBuilderAtEnd(e->b, block[i]);
    Turn t = turn_begin(e);
    emit_groups(e, u->sub[i]);
    yield(e, u->sub[i]);
    turn_end(e, &t);
    LLVMBuildBr(e->b, join);
  }
  e->g->divisions_within += e->g->divisions - before;
  LLVMMoveBasicBlockAfter(join, LLVMGetInsertBlock(e->b));
  LLVMPositionBuilderAtEnd(e->b, join);
}

static void emit_loop(Emit *e, Unit *u) {
  bool seldom = e->seldom;
  e->seldom |= u->op->u.loop.seldom;
  if (u->op->code == OP_for) emit_for(e, u);
  else emit_while(e, u);
  e->seldom = seldom;
}

void emit_region(Emit *e, Unit *u) {
  switch (u->op->code) {
  case OP_if: emit_if(e, u); return;
  case OP_for:
  case OP_while: emit_loop(e, u); return;
  default: bug("no code for the operation %s", op_info[u->op->code].name);
  }
}
