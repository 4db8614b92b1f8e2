/* emit_relay.c - loop nests that take turns along one axis.
 *
 *   begin                                  begin
 *   open  r, g                             chunk 0: open, turns, close │ chunk 1: open, turns, close │ …
 *   turn  r[0 …], g += …            or     fold
 *   turn  r[16 …], g += …
 *   close r, g
 *
 * Requires: groups of a relay (relay.c).  Ensures: as if each group was emitted for itself.  A group is emitted once for each phase, by the
 * same conditions. */
#include "codegen/chunks.h"

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

static void turns(Emit *e, Group *g, LLVMValueRef log, LLVMValueRef from, LLVMValueRef to) {
  Relay *r = e->relay;
  Loop loop;
  LLVMValueRef rows = LLVMBuildShl(e->b, e->one, log, ""), n = LLVMBuildSub(e->b, to, from, "");
  LLVMValueRef up = LLVMBuildAdd(e->b, n, LLVMBuildSub(e->b, rows, e->one, ""), "");
  LLVMValueRef i = loop_begin(e, &loop, LLVMBuildAShr(e->b, up, log, ""));
  loop.as_it_is = true;
  r->from = index_add(e, LLVMBuildShl(e->b, i, log, ""), from);
  r->to = index_least(e, LLVMBuildAdd(e->b, r->from, rows, ""), to);
  emit_all(e, g, RELAY_TURN);
  loop_end(e, &loop);
}

/* count: of chunks; NULL: one thread does it. */
static void emit_turns(Emit *e, Group *g, LLVMValueRef count) {
  Relay r = {.acc = NEW_N(e->arena, LLVMValueRef, e->f->nvalue + 1), .left = NEW_N(e->arena, LLVMValueRef, e->f->nvalue + 1)};
  Chunks c;
  LLVMValueRef n = dim_of(e, g->unit[0]->level[0]), log = log_rows(e, g);
  e->relay = &r;
  emit_all(e, g, RELAY_BEGIN);
  if (count) {
    chunks_begin(e, &c, count, n, 1 << LOG_LEAST_ROWS);
    r.chunks = &c;
  }
  emit_all(e, g, RELAY_OPEN);
  turns(e, g, log, count ? c.from : e->zero, count ? c.to : n);
  emit_all(e, g, RELAY_CLOSE);
  if (count) {
    chunks_end(e, &c);
    emit_all(e, g, RELAY_FOLD);
  }
  e->relay = NULL;
}

static LLVMValueRef count_for_all(Emit *e, const Group *g) {
  int n = 0, all = 0;
  for (int i = 0; i < g->relay; i++) all += g[i].n;
  Unit **unit = NEW_N(e->arena, Unit *, all);
  for (int i = 0; i < g->relay; i++)
    for (int j = 0; j < g[i].n; j++) unit[n++] = g[i].unit[j];
  return chunk_count(e, unit, n);
}

void emit_relay(Emit *e, Group *g) {
  LLVMValueRef count = count_for_all(e, g);
  BothWays both;
  if (!count || e->p == e->p->root) {
    emit_turns(e, g, count);
    return;
  }
  both_begin(e, &both, count);
  emit_turns(e, g, count);
  both_else(e, &both);
  emit_turns(e, g, NULL);
  both_end(e, &both);
}
