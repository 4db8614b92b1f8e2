/* emit_kernel.c - one loop nest for the units of a group.
 *
 * Requires: units with the same loops, in an order in which a value is stored before it is read.  Ensures: every unit's
 * value is in its buffer, result or register.  Where a fold's inner loops run over folded axes alone, it folds in a
 * register; else into memory, which is set to the neutral element before. */
#include "codegen/edges.h"
#include "codegen/nest.h"
#include <float.h>
#include <math.h>
#include <string.h>

bool in_own_memory(const Emit *e, const Unit *u) {
  return u->op && e->p->producer[u->v->id] == u && e->p->value[u->v->id].place == PLACE_BUFFER;
}

LLVMValueRef unit_place(Emit *e, const Unit *u, const LLVMValueRef *idx) {
  return in_own_memory(e, u) ? place_in(e, u->v, idx) : row_major(e, u->v->type, idx);
}

LLVMValueRef unit_target(Emit *e, const Unit *u, int *object) {
  bool own = in_own_memory(e, u);
  *object = own ? e->object[u->v->id] : e->out_object[u->result];
  return own ? where_of(e, u->v) : out_of(e, u->result);
}

static LLVMValueRef level_index(const Nest *k, const Unit *u, int label) {
  int level = u->level_of[label];
  return level < 0 ? k->e->zero : k->idx[level];
}

void nest_index(const Nest *k, const Unit *u, LLVMValueRef *idx) {
  for (int i = 0; i < u->v->type->rank; i++) idx[i] = level_index(k, u, u->out[i]);
}

/* Where in its memory u's element idx is. */
LLVMValueRef nest_place(Emit *e, const Unit *u, const LLVMValueRef *idx) {
  LLVMValueRef at[MAX_RANK];
  if (!u->into || u->into->code != OP_set_slice) return unit_place(e, u, idx);
  update_place(e, u->into, idx, at);
  return unit_place(e, u, at);
}

/* ---- folds ------------------------------------------------------------------------------------------------------- */

LLVMValueRef fold_neutral(Emit *e, Opcode code, Elem t) {
  int64_t least = t == I32 ? INT32_MIN : INT64_MIN, most = t == I32 ? INT32_MAX : INT64_MAX;
  switch (code) {
  case OP_max:
  case OP_rmax: return const_elem(e->g, t, -INFINITY, least);
  case OP_min:
  case OP_rmin: return const_elem(e->g, t, INFINITY, most);
  case OP_mul:
  case OP_and:
  case OP_rprod:
  case OP_rall: return const_elem(e->g, t, 1, 1);
  default: return const_elem(e->g, t, 0, 0);
  }
}

LLVMValueRef fold_term(Emit *e, Opcode code, Elem t, LLVMValueRef acc, LLVMValueRef x) {
  LLVMValueRef pair[] = {acc, x};
  switch (code) {
  case OP_max:
  case OP_rmax: return map_emit(e->g, e->b, OP_max, t, t, pair);
  case OP_min:
  case OP_rmin: return map_emit(e->g, e->b, OP_min, t, t, pair);
  case OP_mul:
  case OP_rprod: return elem_is_real(t) ? reassoc(LLVMBuildFMul(e->b, acc, x, "")) : LLVMBuildMul(e->b, acc, x, "");
  case OP_or:
  case OP_rany: return LLVMBuildOr(e->b, acc, x, "");
  case OP_and:
  case OP_rall: return LLVMBuildAnd(e->b, acc, x, "");
  default: return add_elem(e->g, e->b, t, acc, x);
  }
}

LLVMValueRef nest_neutral(Emit *e, const Unit *u) { return fold_neutral(e, u->op->code, u->v->type->elem); }

LLVMValueRef nest_fold(Emit *e, const Unit *u, LLVMValueRef acc, LLVMValueRef x) {
  return fold_term(e, u->op->code, u->v->type->elem, acc, x);
}

/* The term that a fold takes in at the current indices. */
LLVMValueRef nest_term(const Nest *k, const Unit *u) {
  Emit *e = k->e;
  LLVMValueRef result = NULL;
  for (int o = 0; o < u->op->nopd; o++) {
    LLVMValueRef idx[MAX_RANK];
    for (int i = 0; i < u->op->opd[o]->type->rank; i++)
      idx[i] = level_index(k, u, u->op->code == OP_contract ? u->op->u.contract.opd[o][i] : i);
    LLVMValueRef x = eval(e, u->op->opd[o], idx);
    set_line(e, u->op);
    result = result ? mul_elem(e->g, e->b, u->v->type->elem, result, x) : x;
  }
  return u->minus ? LLVMBuildFNeg(e->b, result, "") : result;
}

static void store_scalar_result(Emit *e, const Unit *u, LLVMValueRef x) {
  if (u->v->type->elem == BOOL) x = LLVMBuildZExt(e->b, x, e->g->i32, "");
  LLVMBuildStore(e->b, x, out_of(e, u->result));
}

void nest_put(const Nest *k, const Unit *u, LLVMValueRef x) {
  Emit *e = k->e;
  const Type *t = u->v->type;
  LLVMValueRef idx[MAX_RANK];
  if (t->rank == 0) {
    if (u->op && e->p->value[u->v->id].place == PLACE_SCALAR)
      LLVMBuildStore(e->b, x, where_of(e, u->v));
    else
      store_scalar_result(e, u, x);
    return;
  }
  nest_index(k, u, idx);
  int object;
  LLVMValueRef base = unit_target(e, u, &object), at = nest_place(e, u, idx);
  if (u->adds) x = nest_fold(e, u, load_elem(e, base, object, t, at), x);
  store_elem(e, base, object, t, at, x);
}

static void fold_into_memory(const Nest *k, int i) {
  Emit *e = k->e;
  const Unit *u = k->unit[i];
  LLVMValueRef idx[MAX_RANK], x = nest_term(k, u);
  nest_index(k, u, idx);
  int object;
  LLVMValueRef base = unit_target(e, u, &object), at = nest_place(e, u, idx);
  if (k->part[i]) base = k->part[i];
  store_elem(e, base, object, u->v->type, at, nest_fold(e, u, load_elem(e, base, object, u->v->type, at), x));
}

/* Where an update stores at the current indices; idx gets the operand's index. */
static LLVMValueRef updated_place(const Nest *k, const Unit *u, LLVMValueRef *idx) {
  LLVMValueRef at[MAX_RANK];
  for (int i = 0; i < u->op->opd[1]->type->rank; i++) idx[i] = level_index(k, u, i);
  update_place(k->e, u->op, idx, at);
  return unit_place(k->e, u, at);
}

/* What is there before anything is added. */
static void begin_sum(Emit *e, const Unit *u) {
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK];
  const Type *t = u->v->type;
  Value *onto = u->op->code == OP_scatter_acc ? u->op->opd[0] : NULL;
  if (!onto) nest_begin_in_memory(e, u);
  if (!onto || same_memory(e->p, onto, u->v)) return;
  int object;
  LLVMValueRef base = unit_target(e, u, &object);
  open_loops(e, loop, t->rank, t->dim, idx);
  store_elem(e, base, object, t, unit_place(e, u, idx), eval(e, onto, idx));
  close_loops(e, loop, t->rank, t->dim);
}

/* An element of what is scattered, at its place. */
static void add_at_place(const Nest *k, const Unit *u) {
  Emit *e = k->e;
  const Value *from = scattered(u->op);
  LLVMValueRef idx[MAX_RANK], at[MAX_RANK];
  for (int i = 0; i < from->type->rank; i++) idx[i] = level_index(k, u, i);
  update_place(e, u->op, idx, at);
  int object;
  LLVMValueRef x = eval(e, scattered(u->op), idx), base = unit_target(e, u, &object), to = unit_place(e, u, at);
  store_elem(e, base, object, u->v->type, to, add_elem(e->g, e->b, u->v->type->elem, load_elem(e, base, object, u->v->type, to), x));
}

static LLVMValueRef updated(const Nest *k, const Unit *u) {
  Emit *e = k->e;
  LLVMValueRef idx[MAX_RANK], to = updated_place(k, u, idx), x = eval(e, u->op->opd[1], idx);
  if (u->op->code != OP_scatter_acc) return x;
  int object;
  LLVMValueRef base = unit_target(e, u, &object);
  return add_elem(e->g, e->b, u->v->type->elem, load_elem(e, base, object, u->v->type, to), x);
}

void nest_put_update(const Nest *k, const Unit *u, LLVMValueRef x) {
  LLVMValueRef idx[MAX_RANK], to = updated_place(k, u, idx);
  int object;
  LLVMValueRef base = unit_target(k->e, u, &object);
  store_elem(k->e, base, object, u->v->type, to, x);
}

static void set_neutral_at(Emit *e, const Unit *u) {
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK];
  int object;
  LLVMValueRef base = unit_target(e, u, &object);
  const Type *t = u->op->res[0]->type;
  open_loops(e, loop, t->rank, t->dim, idx);
  store_elem(e, base, object, u->v->type, nest_place(e, u, idx), nest_neutral(e, u));
  close_loops(e, loop, t->rank, t->dim);
}

void nest_begin_in_memory(Emit *e, const Unit *u) {
  Loop loop;
  int object;
  if (u->into) {
    if (!u->adds) set_neutral_at(e, u);
    return;
  }
  LLVMValueRef base = unit_target(e, u, &object), count = e->one;
  const Type *t = e->p->value[u->v->id].padded && in_own_memory(e, u) ? padded_type(e->ctx, u->v->type) : u->v->type;
  for (int i = 0; i < t->rank; i++) count = index_mul(e, count, dim_of(e, t->dim[i]));
  LLVMValueRef i = loop_begin(e, &loop, count);
  store_elem(e, base, object, u->v->type, i, nest_neutral(e, u));
  loop_end(e, &loop);
}

/* ---- the nest ---------------------------------------------------------------------------------------------------- */

void nest_fold_into_register(const Nest *k, int i, LLVMValueRef x) {
  Emit *e = k->e;
  if (k->within) x = LLVMBuildSelect(e->b, k->within, x, nest_neutral(e, k->unit[i]), "");
  LLVMValueRef acc = LLVMBuildLoad2(e->b, elem_reg(e->g, k->unit[i]->v->type->elem), k->acc[i], "");
  LLVMBuildStore(e->b, nest_fold(e, k->unit[i], acc, x), k->acc[i]);
}

void nest_innermost(Nest *k) {
  Emit *e = k->e;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (u->op) set_line(e, u->op);
    if (u->kind == UNIT_UPDATE) {
      LLVMValueRef x = updated(k, u);
      if (k->held && nest_has_room(k, i)) k->held[i] = x;
      else nest_put_update(k, u, x);
      continue;
    }
    if (u->kind == UNIT_ADD) {
      add_at_place(k, u);
      continue;
    }
    if (u->kind == UNIT_REDUCE) {
      if (u->acc_level < 0)
        fold_into_memory(k, i);
      else if (k->held)
        k->held[i] = nest_term(k, u);
      else
        nest_fold_into_register(k, i, nest_term(k, u));
      continue;
    }
    LLVMValueRef idx[MAX_RANK], x;
    nest_index(k, u, idx);
    /* Here even if nothing is stored: later what it reads may have been written over. */
    if (u->dead || (u->op && e->p->producer[u->v->id] == u && e->p->value[u->v->id].place == PLACE_BUFFER)) {
      x = eval_op(e, u->op, idx);
      memo_add(e, u->v, idx, x);
    } else
      x = eval(e, u->v, idx);
    if (k->held && nest_has_room(k, i)) k->held[i] = x;
    else if (!u->dead) nest_put(k, u, x);
  }
}

static bool folds_from(const Unit *u, int level) { return u->kind == UNIT_REDUCE && u->acc_level == level; }

bool nest_is_trimmed(const Nest *k, int level) {
  for (int outer = -1; outer < level; outer++)
    for (int back = 0; back < 2; back++)
      if (nest_reach(k->e->p, k->unit, k->n, level, outer, back)) return true;
  return false;
}

static bool is_trimmed_at_all(const Nest *k) {
  for (int l = 0; l < k->unit[0]->nlevel; l++)
    if (nest_is_trimmed(k, l)) return true;
  return false;
}

/* The turns of a level that add more than zeros: *from, and so many that the loop ends where it must. */
static LLVMValueRef turns_of(Nest *k, int level, LLVMValueRef *from) {
  Emit *e = k->e;
  LLVMValueRef n = dim_of(e, k->unit[0]->level[level]), to = n;
  *from = e->zero;
  for (int outer = -1; outer < level; outer++) {
    LLVMValueRef at = outer < 0 ? e->zero : k->idx[outer];
    Dim *far = nest_reach(e->p, k->unit, k->n, level, outer, false), *back = nest_reach(e->p, k->unit, k->n, level, outer, true);
    if (far) to = index_least(e, to, index_add(e, index_add(e, at, dim_of(e, far)), e->one));
    if (back) *from = index_most(e, *from, LLVMBuildNSWSub(e->b, at, dim_of(e, back), ""));
  }
  return *from == e->zero ? to : LLVMBuildNSWSub(e->b, to, *from, "");
}

static LLVMValueRef turns_within(const Nest *k, LLVMValueRef turns, LLVMValueRef *from) {
  Emit *e = k->e;
  LLVMValueRef to = index_least(e, index_add(e, *from, turns), k->to);
  *from = index_most(e, *from, k->from);
  return index_most(e, LLVMBuildNSWSub(e->b, to, *from, ""), e->zero);
}

/* So few turns altogether that numbers do as well as vectors, of which most would be masks: what reads an element back has it at once. */
static bool is_tiny(const Nest *k) {
  enum { MOST_TURNS = 32 };
  const Unit *head = k->unit[0];
  int64_t turns = 1, n = 1;
  for (int l = 0; l < head->nlevel; l++) {
    if (!dim_is_const(head->level[l], &n) || n > MOST_TURNS) return false;
    turns *= n;
  }
  return turns <= MOST_TURNS && (n & (n - 1));
}

/* All units fold from an outer level on, in registers, a few terms. */
bool nest_folds_few(const Nest *k, int level) {
  int64_t terms = 1, n;
  const Unit *head = k->unit[0];
  for (int i = 0; i < k->n; i++)
    if (k->unit[i]->kind != UNIT_REDUCE || k->unit[i]->acc_level < 0 || k->unit[i]->acc_level > level) return false;
  for (int l = head->acc_level; l < head->nlevel; l++) {
    if (!dim_is_const(head->level[l], &n) || n > MOST_WRITTEN_OUT) return false;
    terms *= n;
  }
  return level > 0 && terms <= MOST_WRITTEN_OUT;
}

static bool is_written_out(const Nest *k, int level) {
  if (level == k->unit[0]->nlevel || k->chunks || nest_is_trimmed(k, level)) return false;
  return k->tiny || nest_folds_few(k, level);
}

static void write_out(Nest *k, int level) {
  int64_t n;
  if (!dim_is_const(k->unit[0]->level[level], &n)) bug("a loop of unknown length is written out");
  for (int64_t i = 0; i < n; i++) {
    k->idx[level] = LLVMConstInt(k->e->g->i64, (unsigned long long)i, false);
    nest_levels(k, level + 1);
  }
}

void nest_begin_folds(const Nest *k, int level) {
  for (int i = 0; i < k->n; i++)
    if (folds_from(k->unit[i], level)) LLVMBuildStore(k->e->b, nest_neutral(k->e, k->unit[i]), k->acc[i]);
}

void nest_end_folds(const Nest *k, int level) {
  Emit *e = k->e;
  for (int i = 0; i < k->n; i++) {
    if (!folds_from(k->unit[i], level)) continue;
    Elem t = k->unit[i]->v->type->elem;
    LLVMValueRef x = LLVMBuildLoad2(e->b, elem_reg(e->g, t), k->acc[i], "");
    if (k->chunks && level == 0) k->left[i] = chunk_leaves(e, k->chunks, t, k->left[i], x);
    else nest_put(k, k->unit[i], x);
  }
}

/* The loop of a level, over `turns` indices from `from` on. */
static void level_loop(Nest *k, int level, LLVMValueRef from, LLVMValueRef turns) {
  Emit *e = k->e;
  const Unit *head = k->unit[0];
  Loop loop;
  k->idx[level] = index_add(e, loop_begin(e, &loop, turns), from);
  loop.whole = dim_is_limited(head->level[level]);
  loop.parallel = e->in_parallel = k->parallel && level == head->nlevel - 1;
  loop.one_by_one = (e->part && !k->folds) || (k->adds && level > 0);
  loop.few = e->relay && head->nlevel == 1;
  loop.row = level && level == head->nlevel - 1;
  loop.as_it_is = k->at_edge;
  e->counter = loop.i;
  if (k->inside) edges_begin(e, k->inside, level, k->idx);
  nest_levels(k, level + 1);
  loop_end(e, &loop);
  e->in_parallel = false;
  e->counter = NULL;
}

/* Not in a long function: it takes three times as long to compile. */
static bool may_split(const Nest *k) {
  int64_t n;
  int level = k->unit[0]->nlevel - 1;
  if (level < 0 || k->e->part || k->e->g->o->opt_level < 2 || nest_is_trimmed(k, level) || !has_edges(k->e, k->unit, k->n)) return false;
  return !dim_is_const(k->unit[0]->level[level], &n) || n >= LONG_ROW;
}

/* First the loop inside, which finds out where that is; then before it and behind it, or in a whole row of the edge. */
static void split_level(Nest *k, int level) {
  Emit *e = k->e;
  LLVMValueRef n = dim_of(e, k->unit[0]->level[level]), unknown = LLVMGetUndef(e->g->i64);
  Inside in = {LLVMBuildFreeze(e->b, unknown, ""), LLVMBuildFreeze(e->b, unknown, ""), NULL, NULL};
  k->inside = &in;
  level_loop(k, level, in.from, in.turns);
  k->inside = NULL;
  if (!edges_end(e, &in, level, n, k->idx)) return;
  Loop side;
  LLVMValueRef behind = LLVMBuildICmp(e->b, LLVMIntNE, loop_begin(e, &side, LLVMConstInt(e->g->i64, 2, false)), e->zero, "");
  LLVMValueRef from = LLVMBuildSelect(e->b, behind, in.to, e->zero, ""), to = LLVMBuildSelect(e->b, behind, n, in.from, "");
  k->at_edge = edges_are_short(&in, level, k->unit[0]->level[level]);
  level_loop(k, level, from, LLVMBuildNSWSub(e->b, to, from, ""));
  k->at_edge = false;
  side.as_it_is = true;
  loop_end(e, &side);
}

void nest_levels(Nest *k, int level) {
  Emit *e = k->e;
  const Unit *head = k->unit[0];
  bool goes_on = e->relay && level == 0;
  if (!goes_on) nest_begin_folds(k, level);
  int lanes = k->from || level != head->nlevel - 1 ? 0 : nest_room(k);
  if (level == head->nlevel)
    nest_innermost(k);
  else if (is_written_out(k, level))
    write_out(k, level);
  else if (k->by_four && level == head->nlevel - 2)
    emit_fours(k);
  else if (k->split && level == head->nlevel - 1)
    split_level(k, level);
  else if (lanes && !nest_is_trimmed(k, level))
    nest_whole_vectors(k, level, lanes);
  else if (!k->from && !k->split && (lanes = nest_room_for_all(k)) > 0)
    nest_to_room(k, lanes);
  else {
    LLVMValueRef from, turns = turns_of(k, level, &from);
    if (k->from && level == 0) turns = turns_within(k, turns, &from);
    level_loop(k, level, from, turns);
  }
  if (!goes_on) nest_end_folds(k, level);
}

/* ---- the nest -------------------------------------------------------------------------------------------------------------- */

/* One loop for all. */
static void levels_in_one(Nest *k) {
  Emit *e = k->e;
  const Unit *head = k->unit[0];
  LLVMValueRef turns = e->one;
  for (int l = 0; l < head->nlevel; l++) {
    turns = index_mul(e, turns, dim_of(e, head->level[l]));
    k->idx[l] = e->zero;
  }
  nest_begin_folds(k, 0);
  level_loop(k, head->nlevel - 1, e->zero, turns);
  nest_end_folds(k, 0);
}

/* Long rows are split. */
static void levels_by_length(Nest *k) {
  Emit *e = k->e;
  LLVMValueRef n = dim_of(e, k->unit[0]->level[k->unit[0]->nlevel - 1]);
  LLVMValueRef is_long = LLVMBuildICmp(e->b, LLVMIntSGE, n, LLVMConstInt(e->g->i64, LONG_ROW, false), "");
  for (int i = 0; i < 2; i++) {
    Branch br;
    if_begin(e, &br, i == 0 ? is_long : LLVMBuildNot(e->b, is_long, ""));
    k->split = i == 0;
    nest_levels(k, 0);
    if_end(e, &br);
  }
}

static void set_neutral_if_empty(const Nest *k, const Unit *u) {
  Branch br;
  LLVMValueRef n = dim_of(k->e, u->level[u->nlevel - 2]);
  if_begin(k->e, &br, LLVMBuildICmp(k->e->b, LLVMIntSLE, n, k->e->zero, ""));
  nest_begin_in_memory(k->e, u);
  if_end(k->e, &br);
}

/* What a fold uses; in a relay it keeps that from turn to turn. */
static LLVMValueRef fold_cell(Emit *e, const Unit *u) {
  LLVMTypeRef t = elem_reg(e->g, u->v->type->elem);
  if (!e->relay || u->acc_level) return new_alloca(e, t);
  LLVMValueRef *cell = &e->relay->acc[u->v->id];
  return *cell ? *cell : (*cell = new_alloca(e, t));
}

static void begin_in_memory(const Nest *k, const Unit *u) {
  if (k->begins) set_neutral_if_empty(k, u);
  else nest_begin_in_memory(k->e, u);
}

/* Turns of the innermost loop may add in one place. */
static bool meets_itself(const Unit *u) {
  if (u->kind == UNIT_ADD) return !adds_row_by_row(u);
  return u->kind == UNIT_REDUCE && u->acc_level < 0 && !keeps_level(u, u->nlevel - 1);
}

void emit_nest(Emit *e, Unit **unit, int n) {
  Nest k = {.e = e, .unit = unit, .n = n};
  bool live = false, meets = false;
  k.tiny = is_tiny(&k);
  k.by_four = by_four(&k);
  k.acc = NEW_N(e->arena, LLVMValueRef, n);
  k.part = NEW_N(e->arena, LLVMValueRef, n);
  k.left = NEW_N(e->arena, LLVMValueRef, n);
  for (int i = 0; i < n; i++) {
    live |= !unit[i]->dead;
    k.parallel |= unit[i]->kind == UNIT_UPDATE || unit[i]->kind == UNIT_ADD;
    meets |= meets_itself(unit[i]);
    k.adds |= unit[i]->kind == UNIT_ADD;
    if (unit[i]->kind == UNIT_ADD) begin_sum(e, unit[i]);
    if (unit[i]->kind != UNIT_REDUCE) continue;
    k.folds = true;
    if (unit[i]->acc_level >= 0) k.acc[i] = fold_cell(e, unit[i]);
    else if (!e->epilogue && (!e->relay || e->relay->phase == RELAY_BEGIN)) begin_in_memory(&k, unit[i]);
  }
  k.parallel &= !meets;
  int mark = memo_mark(e);
  LLVMValueRef chunks = live && !e->relay && !e->epilogue && !unit[0]->tiled ? chunk_count(e, unit, n) : NULL;
  if (live && e->epilogue) emit_in_pieces(&k);
  else if (live && e->relay) nest_phase(&k);
  else if (chunks && e->p != e->p->root) nest_both_ways(&k, chunks);
  else if (chunks) nest_in_chunks(&k, chunks);
  else if (live && !k.tiny && is_flat(e->p, unit, n) && !is_trimmed_at_all(&k)) levels_in_one(&k);
  else if (live && !k.by_four && may_split(&k)) levels_by_length(&k);
  else if (live) nest_levels(&k, 0);
  memo_release(e, mark);
}
