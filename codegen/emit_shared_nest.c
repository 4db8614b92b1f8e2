/* emit_shared_nest.c - a loop nest in pieces: chunks that threads share, turns that it takes with others (emit_relay.c), or both.
 *
 * Requires: for chunks, a Split of each unit (split.c).  Ensures: as nest_levels. */
#include "codegen/nest.h"
#include <string.h>

bool nest_has_part(const Unit *u) { return u->kind == UNIT_REDUCE && u->split && u->split->partial[0] >= 0; }

/* Where in a chunk folds into memory go; opens: they begin. */
static void find_parts(Nest *k, bool opens) {
  Emit *e = k->e;
  int object;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (!nest_has_part(u)) continue;
    LLVMValueRef base = unit_target(e, u, &object);
    int slot = u->split->partial[0];
    k->part[i] = opens ? chunk_part(e, k->chunks, u->op->code, u->v->type, base, object, slot)
                       : chunk_part_at(e, k->chunks, u->v->type, base, slot);
  }
}

/* What all chunks have left, behind them. */
static void fold_all(Nest *k, const Chunks *c) {
  Emit *e = k->e;
  int object;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (k->left[i]) nest_put(k, u, fold_scalars(e, c, u->op->code, u->v->type->elem, k->left[i]));
    if (!nest_has_part(u)) continue;
    LLVMValueRef base = unit_target(e, u, &object);
    fold_parts(e, c, u->op->code, u->v->type, base, object, u->split->partial[0]);
  }
}

/* A loop that is made into vectors is cut where these begin. */
void nest_in_chunks(Nest *k, LLVMValueRef count) {
  Emit *e = k->e;
  Chunks c;
  const Unit *head = k->unit[0];
  chunks_begin(e, &c, count, dim_of(e, head->level[0]), head->nlevel == 1 ? 64 : 1);
  k->chunks = &c;
  k->from = c.from;
  k->to = c.to;
  find_parts(k, true);
  nest_levels(k, 0);
  chunks_end(e, &c);
  fold_all(k, &c);
}

void nest_both_ways(Nest *k, LLVMValueRef count) {
  BothWays both;
  both_begin(k->e, &both, count);
  nest_in_chunks(k, count);
  both_else(k->e, &both);
  k->chunks = NULL;
  k->from = k->to = NULL;
  memset(k->part, 0, sizeof *k->part * (size_t)k->n);
  nest_levels(k, 0);
  both_end(k->e, &both);
}

/* ---- in a relay ----------------------------------------------------------------------------------------------------------- */

static void turn(Nest *k) {
  if (k->chunks) find_parts(k, false);
  nest_levels(k, 0);
}

static void leave_turns(Nest *k) {
  LLVMValueRef *left = k->e->relay->left;
  nest_end_folds(k, 0);
  for (int i = 0; i < k->n; i++)
    if (k->left[i]) left[k->unit[i]->v->id] = k->left[i];
}

void nest_phase(Nest *k) {
  const Relay *r = k->e->relay;
  k->from = r->from;
  k->to = r->to;
  k->chunks = r->chunks;
  for (int i = 0; i < k->n; i++)
    if (k->unit[i]->kind == UNIT_REDUCE) k->left[i] = r->left[k->unit[i]->v->id];
  switch (r->phase) {
  case RELAY_BEGIN: return;
  case RELAY_OPEN:
    nest_begin_folds(k, 0);
    if (k->chunks) find_parts(k, true);
    return;
  case RELAY_TURN: turn(k); return;
  case RELAY_CLOSE: leave_turns(k); return;
  case RELAY_FOLD: fold_all(k, r->chunks);
  }
}
