/* emit_kernel.c - one loop nest for the units of a group.
 *
 * Requires: units with the same loops, in an order in which a value is stored before it is read.  Ensures: every unit's
 * value is in its buffer, result or register.  Where a fold's inner loops run over folded axes alone, it folds in a
 * register; else into memory, which is set to the neutral element before. */
#include "codegen/emit.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef struct Nest {
  Emit *e;
  Unit **unit;
  int n;
  LLVMValueRef idx[MAX_LEVEL];
  LLVMValueRef *acc; /* by unit: the alloca that a fold uses */
  bool folds;
  bool parallel;     /* the innermost loop's iterations keep apart in memory, which LLVM cannot see by itself */
} Nest;

LLVMValueRef unit_target(Emit *e, const Unit *u, int *object) {
  const ValueInfo *info = &e->p->value[u->v->id];
  bool own = u->op && e->p->producer[u->v->id] == u && info->place == PLACE_BUFFER;
  *object = own ? e->object[u->v->id] : e->out_object[u->result];
  return own ? where_of(e, u->v) : out_of(e, u->result);
}

static LLVMValueRef level_index(const Nest *k, const Unit *u, int label) {
  int level = u->level_of[label];
  return level < 0 ? k->e->zero : k->idx[level];
}

static void out_index(const Nest *k, const Unit *u, LLVMValueRef *idx) {
  for (int i = 0; i < u->v->type->rank; i++) idx[i] = level_index(k, u, u->out[i]);
}

/* Where in its memory u's element idx is. */
static LLVMValueRef element_place(Emit *e, const Unit *u, const LLVMValueRef *idx) {
  LLVMValueRef at[MAX_RANK];
  if (!u->into || u->into->code != OP_set_slice) return row_major(e, u->v->type, idx);
  update_place(e, u->into, idx, at);
  return row_major(e, u->v->type, at);
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

static LLVMValueRef neutral(Emit *e, const Unit *u) { return fold_neutral(e, u->op->code, u->v->type->elem); }

static LLVMValueRef fold(Emit *e, const Unit *u, LLVMValueRef acc, LLVMValueRef x) {
  return fold_term(e, u->op->code, u->v->type->elem, acc, x);
}

/* The term that a fold takes in at the current indices. */
static LLVMValueRef term(const Nest *k, const Unit *u) {
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
  return result;
}

static void store_scalar_result(Emit *e, const Unit *u, LLVMValueRef x) {
  if (u->v->type->elem == BOOL) x = LLVMBuildZExt(e->b, x, e->g->i32, "");
  LLVMBuildStore(e->b, x, out_of(e, u->result));
}

static void put(const Nest *k, const Unit *u, LLVMValueRef x) {
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
  out_index(k, u, idx);
  int object;
  LLVMValueRef base = unit_target(e, u, &object), at = element_place(e, u, idx);
  if (u->adds) x = fold(e, u, load_elem(e, base, object, t, at), x);
  store_elem(e, base, object, t, at, x);
}

static void fold_into_memory(const Nest *k, const Unit *u) {
  Emit *e = k->e;
  LLVMValueRef idx[MAX_RANK], x = term(k, u);
  out_index(k, u, idx);
  int object;
  LLVMValueRef base = unit_target(e, u, &object), at = element_place(e, u, idx);
  store_elem(e, base, object, u->v->type, at, fold(e, u, load_elem(e, base, object, u->v->type, at), x));
}

static void update(const Nest *k, const Unit *u) {
  Emit *e = k->e;
  Op *op = u->op;
  LLVMValueRef idx[MAX_RANK], at[MAX_RANK];
  for (int i = 0; i < op->opd[1]->type->rank; i++) idx[i] = level_index(k, u, i);
  LLVMValueRef x = eval(e, op->opd[1], idx);
  update_place(e, op, idx, at);
  int object;
  LLVMValueRef base = unit_target(e, u, &object), to = row_major(e, u->v->type, at);
  if (op->code == OP_scatter_acc) x = add_elem(e->g, e->b, u->v->type->elem, load_elem(e, base, object, u->v->type, to), x);
  store_elem(e, base, object, u->v->type, to, x);
}

static void set_neutral_at(Emit *e, const Unit *u) {
  Loop loop[MAX_RANK];
  LLVMValueRef idx[MAX_RANK];
  int object;
  LLVMValueRef base = unit_target(e, u, &object);
  const Type *t = u->op->res[0]->type;
  open_loops(e, loop, t->rank, t->dim, idx);
  store_elem(e, base, object, u->v->type, element_place(e, u, idx), neutral(e, u));
  close_loops(e, loop, t->rank, t->dim);
}

static void set_neutral(Emit *e, const Unit *u) {
  Loop loop;
  int object;
  if (u->into) {
    if (!u->adds) set_neutral_at(e, u);
    return;
  }
  LLVMValueRef base = unit_target(e, u, &object), count = e->one;
  for (int i = 0; i < u->v->type->rank; i++) count = index_mul(e, count, dim_of(e, u->v->type->dim[i]));
  LLVMValueRef i = loop_begin(e, &loop, count);
  store_elem(e, base, object, u->v->type, i, neutral(e, u));
  loop_end(e, &loop);
}

/* ---- the nest ---------------------------------------------------------------------------------------------------- */

static void innermost(Nest *k) {
  Emit *e = k->e;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (u->op) set_line(e, u->op);
    if (u->kind == UNIT_UPDATE) {
      update(k, u);
      continue;
    }
    if (u->kind == UNIT_REDUCE) {
      if (u->acc_level < 0)
        fold_into_memory(k, u);
      else
        LLVMBuildStore(e->b,
                       fold(e, u, LLVMBuildLoad2(e->b, elem_reg(e->g, u->v->type->elem), k->acc[i], ""), term(k, u)),
                       k->acc[i]);
      continue;
    }
    LLVMValueRef idx[MAX_RANK], x;
    out_index(k, u, idx);
    /* Here even if nothing is stored: later what it reads may have been written over. */
    if (u->dead || (u->op && e->p->producer[u->v->id] == u && e->p->value[u->v->id].place == PLACE_BUFFER)) {
      x = eval_op(e, u->op, idx);
      memo_add(e, u->v, idx, x);
    } else
      x = eval(e, u->v, idx);
    if (!u->dead) put(k, u, x);
  }
}

static bool folds_from(const Unit *u, int level) { return u->kind == UNIT_REDUCE && u->acc_level == level; }

static void levels(Nest *k, int level) {
  Emit *e = k->e;
  const Unit *head = k->unit[0];
  for (int i = 0; i < k->n; i++)
    if (folds_from(k->unit[i], level)) LLVMBuildStore(e->b, neutral(e, k->unit[i]), k->acc[i]);
  if (level == head->nlevel)
    innermost(k);
  else {
    Loop loop;
    k->idx[level] = loop_begin(e, &loop, dim_of(e, head->level[level]));
    loop.parallel = e->in_parallel = k->parallel && level == head->nlevel - 1;
    loop.one_by_one = e->part && !k->folds;
    levels(k, level + 1);
    loop_end(e, &loop);
    e->in_parallel = false;
  }
  for (int i = 0; i < k->n; i++)
    if (folds_from(k->unit[i], level))
      put(k, k->unit[i], LLVMBuildLoad2(e->b, elem_reg(e->g, k->unit[i]->v->type->elem), k->acc[i], ""));
}

void emit_nest(Emit *e, Unit **unit, int n) {
  Nest k = {.e = e, .unit = unit, .n = n, .acc = NEW_N(e->arena, LLVMValueRef, n)};
  bool live = false;
  for (int i = 0; i < n; i++) {
    live |= !unit[i]->dead;
    k.parallel |= unit[i]->kind == UNIT_UPDATE;
    if (unit[i]->kind != UNIT_REDUCE) continue;
    k.folds = true;
    if (unit[i]->acc_level >= 0)
      k.acc[i] = new_alloca(e, elem_reg(e->g, unit[i]->v->type->elem));
    else
      set_neutral(e, unit[i]);
  }
  int mark = memo_mark(e);
  if (live) levels(&k, 0);
  memo_release(e, mark);
}
