/* emit_epilogue.c - what rides on a matrix product: a function that the product's kernel calls for each piece that it has finished.
 *
 *   body                                     piece(env, row, rows, col, cols)
 *     s = 0                                    s' = 0
 *     adc_rt_gemm(…, piece, env)  ── calls ──► for i in row … row + rows, for j in col … col + cols: H[i, j] = …; s' += …
 *     … s …                                    s += s'
 *
 * Requires: a product and the group behind it (epilogue.c).  Ensures: as if each was emitted for itself.  The group is emitted three
 * times, by the same conditions, like those of a relay: what its folds begin with; its loops; what it leaves. */
#include "codegen/nest.h"
#include "codegen/outline.h"

static bool folds(const Unit *u) { return u->kind == UNIT_REDUCE; }

static LLVMTypeRef register_of(Emit *e, const Unit *u) { return elem_reg(e->g, u->v->type->elem); }

/* A fold goes on in memory from piece to piece, in its own or, of a single element, in a cell of the body's. */
static void begin(Nest *k) {
  Emit *e = k->e;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (folds(u) && u->acc_level) nest_begin_in_memory(e, u);
    if (!folds(u) || u->acc_level) continue;
    LLVMValueRef *cell = &e->epilogue->cell[u->v->id];
    if (!*cell) *cell = shared_memory(e, register_of(e, u));
    LLVMBuildStore(e->b, nest_neutral(e, u), *cell);
  }
}

static void end(Nest *k) {
  Emit *e = k->e;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (folds(u) && !u->acc_level) nest_put(k, u, LLVMBuildLoad2(e->b, register_of(e, u), e->epilogue->cell[u->v->id], ""));
  }
}

static void begin_registers(Nest *k, int level) {
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (folds(u) && u->acc_level == level) LLVMBuildStore(k->e->b, nest_neutral(k->e, u), k->acc[i]);
  }
}

/* What registers have is folded into where the fold goes on. */
static void end_registers(Nest *k, int level) {
  Emit *e = k->e;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (!folds(u) || u->acc_level != level) continue;
    LLVMTypeRef t = register_of(e, u);
    LLVMValueRef x = LLVMBuildLoad2(e->b, t, k->acc[i], ""), idx[MAX_RANK], cell = e->epilogue->cell[u->v->id];
    if (!level) {
      LLVMBuildStore(e->b, nest_fold(e, u, LLVMBuildLoad2(e->b, t, cell, ""), x), cell);
      continue;
    }
    int object;
    nest_index(k, u, idx);
    LLVMValueRef base = unit_target(e, u, &object), at = nest_place(e, u, idx);
    store_elem(e, base, object, u->v->type, at, nest_fold(e, u, load_elem(e, base, object, u->v->type, at), x));
  }
}

/* Rows of the product are counted through; they may be several axes. */
static void set_row(Nest *k, LLVMValueRef i) {
  Emit *e = k->e;
  int last = k->unit[0]->nlevel - 1;
  LLVMValueRef *outer = e->epilogue->index;
  int first = 0;
  while (outer[first]) k->idx[first] = outer[first], first++;
  for (int l = last; l-- > first;) {
    if (outer[l]) {
      k->idx[l] = outer[l];
      continue;
    }
    LLVMValueRef n = dim_of(e, k->unit[0]->level[l]);
    k->idx[l] = l > first ? LLVMBuildURem(e->b, i, n, "") : i;
    if (l > first) i = LLVMBuildUDiv(e->b, i, n, "");
  }
}

/* There are no loops around the product. */
static bool is_alone(const Nest *k) {
  for (int l = 0; l < k->unit[0]->nlevel; l++)
    if (k->e->epilogue->index[l]) return false;
  return true;
}

/* Whole rows that lie one behind another are one. */
static void join_rows(Nest *k, LLVMValueRef *n) {
  Emit *e = k->e;
  LLVMValueRef all = LLVMBuildICmp(e->b, LLVMIntEQ, n[1], dim_of(e, k->unit[0]->level[k->unit[0]->nlevel - 1]), "");
  LLVMValueRef count = index_mul(e, n[0], n[1]);
  n[0] = LLVMBuildSelect(e->b, all, e->one, n[0], "");
  n[1] = LLVMBuildSelect(e->b, all, count, n[1], "");
}

static void turn(Nest *k) {
  Emit *e = k->e;
  const Epilogue *p = e->epilogue;
  int level = k->unit[0]->nlevel - 1;
  Loop rows, cols;
  LLVMValueRef n[] = {p->n[0], p->n[1]};
  if (is_alone(k) && is_flat(e->p, k->unit, k->n)) join_rows(k, n);
  begin_registers(k, 0);
  set_row(k, index_add(e, loop_begin(e, &rows, n[0]), p->from[0]));
  begin_registers(k, level);
  k->idx[level] = index_add(e, loop_begin(e, &cols, n[1]), p->from[1]);
  e->counter = cols.i;
  nest_innermost(k);
  loop_end(e, &cols);
  e->counter = NULL;
  end_registers(k, level);
  loop_end(e, &rows);
  end_registers(k, 0);
}

void emit_in_pieces(Nest *k) {
  RelayPhase phase = k->e->epilogue->phase;
  if (phase == RELAY_BEGIN) begin(k);
  else if (phase == RELAY_TURN) turn(k);
  else end(k);
}

void epilogue_piece(Emit *e, ProductCall *call, LLVMValueRef row, LLVMValueRef col) {
  Epilogue *p = e->epilogue;
  Outline o;
  LLVMValueRef x[4];
  outline_of(e, &o, 4, x);
  p->from[0] = index_add(e, x[0], row);
  p->from[1] = index_add(e, x[2], col);
  p->n[0] = x[1];
  p->n[1] = x[3];
  emit_group(e, p->group);
  call->env = outline_end(e, &o);
  call->then = o.fn;
}

void emit_epilogue(Emit *e, Group *g) {
  if (!is_one_call(e, g->unit[0])) {
    emit_group(e, &g[0]);
    emit_group(e, &g[1]);
    return;
  }
  Epilogue p = {.group = &g[1], .cell = NEW_N(e->arena, LLVMValueRef, e->f->nvalue + 1)};
  place_group(e, &g[0]);
  place_group(e, &g[1]);
  e->epilogue = &p;
  p.phase = RELAY_BEGIN;
  emit_group(e, &g[1]);
  p.phase = RELAY_TURN;
  emit_group(e, &g[0]);
  p.phase = RELAY_CLOSE;
  emit_group(e, &g[1]);
  e->epilogue = NULL;
}
