/* emit_loop.c - loops, conditions, and the memory of what has been computed where.
 *
 * Ensures: loops are in the form that LLVM's loop passes know at once (guarded, tested at the bottom, unit steps
 * without wrapping); a memoised value dominates every place where it can be found. */
#include "codegen/emit.h"
#include <llvm-c/DebugInfo.h>
#include <llvm-c/IRReader.h>
#include <string.h>

LLVMBasicBlockRef new_block(Emit *e, const char *name) { return LLVMAppendBasicBlockInContext(e->g->ll, e->fn, name); }

LLVMValueRef loop_begin(Emit *e, Loop *l, LLVMValueRef n) {
  const Codegen *g = e->g;
  *l = (Loop){.n = n, .slow_parts = g->slow_parts, .math_calls = g->math_calls, .divisions_within = g->divisions_within};
  l->mark = memo_mark(e);
  LLVMBasicBlockRef from = LLVMGetInsertBlock(e->b);
  l->body = new_block(e, "loop");
  l->exit = new_block(e, "done");
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSGT, n, e->zero, ""), l->body, l->exit);
  LLVMPositionBuilderAtEnd(e->b, l->body);
  l->i = LLVMBuildPhi(e->b, e->g->i64, "i");
  LLVMAddIncoming(l->i, &e->zero, &from, 1);
  return l->i;
}

/* A distinct node without operands, which LLVM's C API has no function for: it is read from text. */
LLVMValueRef access_group(Codegen *g) {
  static const char text[] = "!group = !{!0}\n!0 = distinct !{}\n";
  if (g->access_group) return g->access_group;
  LLVMMemoryBufferRef buf = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, sizeof text - 1, "group");
  LLVMModuleRef m;
  char *message;
  if (LLVMParseIRInContext(g->ll, buf, &m, &message)) bug("%s", message);
  LLVMGetNamedMetadataOperands(m, "group", &g->access_group);
  LLVMDisposeModule(m);
  return g->access_group;
}

void give_hints(Emit *e, LLVMValueRef branch, const Hint *hint, int n) {
  LLVMMetadataRef node[1 + MAX_HINT];
  for (int i = 0; i < n; i++) {
    LLVMMetadataRef part[] = {LLVMMDStringInContext2(e->g->ll, hint[i].name, strlen(hint[i].name)), hint[i].value};
    node[i + 1] = LLVMMDNodeInContext2(e->g->ll, part, hint[i].value ? 2 : 1);
  }
  /* The first operand of a loop's node is the node itself, which makes it the loop's own. */
  LLVMMetadataRef self = LLVMTemporaryMDNode(e->g->ll, NULL, 0);
  node[0] = self;
  LLVMMetadataRef id = LLVMMDNodeInContext2(e->g->ll, node, (size_t)n + 1);
  LLVMMetadataReplaceAllUsesWith(self, id);
  LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(e->g->ll, "llvm.loop", 9), LLVMMetadataAsValue(e->g->ll, id));
}

/* Loops in loops of the program are short as a rule: a rest that is done one by one would be most of the work.  Only where masks cost
 * next to nothing. */
static bool masks_are_free(const Emit *e) { return e->g->vector_bytes == 64; }
bool few_turns(const Emit *e) { return e->p && e->p->region->parent && masks_are_free(e); }

/* Of a division of what does not change in the loop, where not every turn comes to it, LLVM's vectors of turns do one, and only where
 * the first of the turns comes to it. */
bool divides_within(const Emit *e, int before) { return e->g->divisions_within > before; }

void loop_end(Emit *e, Loop *l) {
  LLVMValueRef next = LLVMBuildNSWAdd(e->b, l->i, e->one, "");
  LLVMSetNUW(next, true);
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->b);
  LLVMIntPredicate goes_on = l->blocks ? LLVMIntNE : LLVMIntSLT; /* of a guard that is no longer n > 0 LLVM makes no use */
  LLVMValueRef again = LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, goes_on, next, l->n, ""), l->body, l->exit);
  LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(e->g->i32, 1, false));
  Hint hint[MAX_HINT];
  int n = 0;
  l->as_it_is |= divides_within(e, l->divisions_within);
  bool slow = l->one_by_one || e->seldom || l->whole || e->g->slow_parts > l->slow_parts;
  bool rests = l->row && e->g->math_calls > l->math_calls; /* calls for the rest of each row would be most of the time of short ones */
  bool masked = (few_turns(e) || ((l->few || rests) && masks_are_free(e))) && !l->whole;
  if (l->as_it_is || slow || masked) hint[n++] = (Hint){"llvm.loop.unroll.disable", NULL};
  if (l->as_it_is) hint[n++] = (Hint){"llvm.loop.vectorize.width", one};
  else if (slow || masked) hint[n++] = (Hint){"llvm.loop.interleave.count", one};
  if (masked && !l->as_it_is) hint[n++] = (Hint){"llvm.loop.vectorize.predicate.enable", one};
  if (l->parallel) hint[n++] = (Hint){"llvm.loop.parallel_accesses", LLVMValueAsMetadata(access_group(e->g))};
  if (n) give_hints(e, again, hint, n);
  LLVMAddIncoming(l->i, &next, &latch, 1);
  LLVMMoveBasicBlockAfter(l->exit, latch);
  LLVMPositionBuilderAtEnd(e->b, l->exit);
  memo_release(e, l->mark);
}

/* Loops over a shape; idx receives the counters. */
void open_loops(Emit *e, Loop *loop, int n, Dim *const *dim, LLVMValueRef *idx) {
  for (int i = 0; i < n; i++) {
    if (dim_is(dim[i], 1))
      idx[i] = e->zero;
    else
      idx[i] = loop_begin(e, &loop[i], dim_of(e, dim[i]));
  }
}

void close_loops(Emit *e, Loop *loop, int n, Dim *const *dim) {
  for (int i = n; i-- > 0;)
    if (!dim_is(dim[i], 1)) loop_end(e, &loop[i]);
}

void if_begin(Emit *e, Branch *br, LLVMValueRef cond) {
  br->mark = memo_mark(e);
  br->divisions = e->g->divisions;
  LLVMBasicBlockRef then = new_block(e, "then");
  br->join = new_block(e, "join");
  LLVMBuildCondBr(e->b, cond, then, br->join);
  LLVMPositionBuilderAtEnd(e->b, then);
}

void if_end(Emit *e, Branch *br) {
  LLVMBasicBlockRef last = LLVMGetInsertBlock(e->b);
  e->g->divisions_within += e->g->divisions - br->divisions;
  LLVMBuildBr(e->b, br->join);
  LLVMMoveBasicBlockAfter(br->join, last);
  LLVMPositionBuilderAtEnd(e->b, br->join);
  memo_release(e, br->mark);
}

/* ---- memo -------------------------------------------------------------------------------------------------------- */

static unsigned hash(const Value *v, const LLVMValueRef *idx) {
  uint64_t h = (uint64_t)v->id * UINT64_C(0x9e3779b97f4a7c15);
  for (int i = 0; i < v->type->rank; i++) h = (h ^ (uintptr_t)idx[i]) * UINT64_C(0xff51afd7ed558ccd);
  return (unsigned)(h >> 40) % MEMO_BUCKETS;
}

int memo_mark(Emit *e) { return e->nmemo; }

void memo_release(Emit *e, int mark) {
  while (e->nmemo > mark) {
    const Memo *m = &e->memo[--e->nmemo];
    e->bucket[m->bucket] = m->next;
  }
}

LLVMValueRef memo_find(Emit *e, const Value *v, const LLVMValueRef *idx) {
  for (int i = e->bucket[hash(v, idx)]; i; i = e->memo[i - 1].next) {
    const Memo *m = &e->memo[i - 1];
    if (m->value == v->id && (v->type->rank == 0 || !memcmp(m->idx, idx, sizeof *idx * (size_t)v->type->rank)))
      return m->result;
  }
  return NULL;
}

void memo_add(Emit *e, const Value *v, const LLVMValueRef *idx, LLVMValueRef result) {
  unsigned h = hash(v, idx);
  const LLVMValueRef *copy = v->type->rank ? arena_dup(e->arena, idx, sizeof *idx * (size_t)v->type->rank) : NULL;
  PUSH(e->arena, e->memo, e->nmemo, e->memo_cap) = (Memo){v->id, e->bucket[h], h, copy, result};
  e->bucket[h] = e->nmemo;
}
