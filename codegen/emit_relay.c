/* emit_relay.c - loop nests that take turns along one axis.
 *
 * Requires: groups of a relay (relay.c).  Ensures: as if each group was emitted for itself.  A group is emitted three times, by the same
 * conditions: what its folds begin with; its loops, for the rows of a turn; what its folds leave in registers. */
#include "codegen/emit.h"

/* Of what several groups touch, so many bytes are to stay in the first-level cache; no fewer rows than a vector has elements. */
enum { LOG_BYTES = 15, LOG_LEAST_ROWS = 4 };

/* The logarithm of the number of rows in a turn. */
static LLVMValueRef log_rows(Emit *e, const Group *g) {
  LLVMValueRef x[] = {dim_of(e, g->row_bytes), LLVMConstInt(e->g->i1, 0, false)};
  LLVMValueRef zeros = intrinsic(e->g, e->b, "llvm.ctlz", e->g->i64, 2, x);
  LLVMValueRef log = LLVMBuildSub(e->b, zeros, index_const(e, 64 - LOG_BYTES), "");
  return index_most(e, log, index_const(e, LOG_LEAST_ROWS));
}

static void emit_all(Emit *e, Group *g, RelayPhase phase) {
  e->relay->phase = phase;
  for (int i = 0; i < g->relay; i++) emit_group(e, &g[i]);
}

void emit_relay(Emit *e, Group *g) {
  Relay r = {.acc = NEW_N(e->arena, LLVMValueRef, e->f->nvalue + 1)};
  Loop loop;
  e->relay = &r;
  emit_all(e, g, RELAY_BEGIN);
  LLVMValueRef n = dim_of(e, g->unit[0]->level[0]), log = log_rows(e, g), rows = LLVMBuildShl(e->b, e->one, log, "");
  LLVMValueRef up = LLVMBuildAdd(e->b, n, LLVMBuildSub(e->b, rows, e->one, ""), "");
  LLVMValueRef i = loop_begin(e, &loop, LLVMBuildAShr(e->b, up, log, ""));
  loop.as_it_is = true;
  r.from = LLVMBuildShl(e->b, i, log, "");
  r.to = index_least(e, LLVMBuildAdd(e->b, r.from, rows, ""), n);
  emit_all(e, g, RELAY_TURN);
  loop_end(e, &loop);
  emit_all(e, g, RELAY_END);
  e->relay = NULL;
}
