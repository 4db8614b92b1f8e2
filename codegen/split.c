/* split.c - which loops threads share, and into how many chunks at most.
 *
 * Requires: units (schedule.c).  Ensures: a unit has a Split only if the iterations of its outermost loop write apart from each other, or
 * fold something in, which a chunk of them can do apart and leave to be folded later; nothing in it takes workspace whose size is known
 * only at run time.  All of it follows from sizes, nothing from the number of threads: so do the results. */
#include "codegen/plan.h"

/* The most chunks of loops that keep something for each, and of those that do not.  Parts that are folded afterwards cost so much an
 * element, in operations of a nest or of a strip, which come in vectors and products. */
enum { FEW_CHUNKS = 16, MANY_CHUNKS = 64, NEST_COST = 512, STRIP_COST = 32 };

static Dim *divided(Ctx *c, Dim *d, int64_t n) { return dim_floordiv(c, dim_add(c, d, dim_const(c, n - 1)), dim_const(c, n)); }

static Dim *part_size(Ctx *c, const Type *t) {
  Dim *n = type_count(c, t);
  return n ? dim_mul(c, divided(c, n, PART_MULTIPLE), dim_const(c, PART_MULTIPLE)) : NULL;
}

Dim *split_room(Ctx *c, const Split *s, const Type *t) {
  return dim_min(c, s->room, dim_mul(c, dim_const(c, FEW_CHUNKS - 1), part_size(c, t)));
}

int64_t split_block(const Plan *p) {
  int64_t n = p->root->grain / 512;
  return n < 1 ? 1 : n > 64 ? 64 : n;
}

static Split *split_new(const Plan *p, const Op *op, Dim *turns, Dim *work) {
  Split *s = NEW(p->ctx->arena, Split);
  int n = op ? op->nres : 0;
  *s = (Split){.turns = turns, .work = work};
  s->fold = NEW_N(p->ctx->arena, Opcode, n + 1);
  s->partial = NEW_N(p->ctx->arena, int, n + 1);
  for (int k = 0; k < n; k++) s->fold[k] = OP_COUNT, s->partial[k] = -1;
  return s;
}

static Dim *at_least_one(Ctx *c, Dim *d) { return dim_max(c, d, dim_const(c, 1)); }

/* s, if there can be two chunks that are worth it.  part: elements that a chunk folds in memory of its own, at so much each. */
static Split *worth_it(const Plan *p, Split *s, int64_t most, Dim *part, int64_t cost) {
  Ctx *c = p->ctx;
  int64_t grain = p->root->grain, n;
  if (!s->turns || !s->work || dim_mentions_value(s->turns) || dim_mentions_value(s->work)) return NULL;
  if (dim_is_const(s->work, &n) && n < 2 * grain) return NULL;
  s->most = dim_min(c, s->turns, dim_const(c, most));
  s->copies = at_least_one(c, s->most);
  if (!dim_is(part, 0)) {
    cost = grain / cost > 1 ? grain / cost : 1;
    Dim *whole = dim_mul(c, part, dim_const(c, cost));
    if (!whole || dim_mentions_value(whole)) return NULL;
    s->room = dim_floordiv(c, s->work, dim_const(c, cost));
    s->most = dim_min(c, s->most, dim_floordiv(c, s->work, at_least_one(c, whole)));
  }
  s->most = at_least_one(c, s->most);
  return dim_is(s->most, 1) ? NULL : s;
}

/* ---- loop nests ----------------------------------------------------------------------------------------------------------- */

static int cost_of(const Plan *p, const Value *v) { return p->value[v->id].place == PLACE_VIRTUAL ? 1 + p->value[v->id].cost : 1; }

static int cost_of_unit(const Plan *p, const Unit *u) {
  int cost = 1;
  if (u->kind == UNIT_REDUCE)
    for (int k = 0; k < u->op->nopd; k++) cost += cost_of(p, u->op->opd[k]);
  else if (u->kind == UNIT_UPDATE) cost += cost_of(p, u->op->opd[1]);
  else cost += u->op ? p->value[u->v->id].cost : cost_of(p, u->v);
  return cost;
}

static Split *split_nest(const Plan *p, const Unit *u) {
  Ctx *c = p->ctx;
  Dim *work = dim_const(c, cost_of_unit(p, u)), *part = dim_const(c, 0);
  for (int i = 0; i < u->nlevel; i++) work = dim_mul(c, work, u->level[i]);
  if (!u->nlevel) return NULL;
  Split *s = split_new(p, u->op, u->level[0], work);
  if (u->kind == UNIT_REDUCE && !keeps_level(u, 0)) {
    if (u->into) return NULL;
    s->fold[0] = u->op->code;
    if (u->acc_level < 0) {
      s->partial[0] = 0;
      part = part_size(c, u->v->type);
    }
  }
  return part ? worth_it(p, s, s->partial[0] < 0 ? MANY_CHUNKS : FEW_CHUNKS, part, NEST_COST) : NULL;
}

bool may_be_shared(const Unit *u) { return split_nest(u->plan, u) != NULL; }

static Split *split_check(const Plan *p, const Unit *u) {
  const Op *op = u->op;
  Ctx *c = p->ctx;
  if ((op->code != OP_check_index && !op_checks_bool(op->code)) || op->opd[0]->type->rank == 0) return NULL;
  Dim *work = dim_const(c, 2);
  for (int k = 0; k < op->nopd; k++) work = dim_add(c, work, dim_const(c, cost_of(p, op->opd[k])));
  work = dim_mul(c, work, type_count(c, op->opd[0]->type));
  return worth_it(p, split_new(p, op, op->opd[0]->type->dim[0], work), MANY_CHUNKS, dim_const(c, 0), 1);
}

/* ---- products ------------------------------------------------------------------------------------------------------------- */

/* Each block copies its operands anew: short axes are cut in two, long ones where that is next to nothing. */
static Dim *blocks(const Plan *p, Dim *extent) {
  Ctx *c = p->ctx;
  int64_t n = split_block(p);
  return dim_min(c, divided(c, extent, n), dim_max(c, dim_const(c, 2), divided(c, extent, 4 * n)));
}

/* 1 or 0. */
static Dim *is_at_most(Ctx *c, Dim *x, Dim *y) { return dim_min(c, dim_const(c, 1), dim_floordiv(c, y, at_least_one(c, x))); }

/* Few rows are cut in two as well where it costs little that both halves copy the other operand: what goes along with the result element
 * by element is shared by rows, and each thread finds there what it has made itself. */
static Dim *row_halves(const Plan *p, const Product *x, Dim **cheap) {
  enum { LEAST_ROWS = 16, COPY_COST = 4 };
  Ctx *c = p->ctx;
  Dim *rows = x->extent[PRODUCT_ROW];
  *cheap = dim_max(c, is_at_most(c, x->extent[PRODUCT_SUM], dim_mul(c, rows, dim_const(c, COPY_COST))),
                   is_at_most(c, x->extent[PRODUCT_COL], dim_const(c, split_block(p))));
  return dim_min(c, dim_const(c, 2), dim_floordiv(c, rows, dim_const(c, LEAST_ROWS)));
}

/* Columns of b lie one behind another: a block of few is no slower to copy than one of many. */
static bool sums_along_memory(const Op *op, const Product *x) {
  const Type *t = op->opd[!x->swap]->type;
  const int8_t *label = op->u.contract.opd[!x->swap];
  int last = t->rank - 1;
  while (last > 0 && dim_is(t->dim[last], 1)) last--;
  return x->kind[label[last]] == PRODUCT_SUM;
}

/* A small first operand is not copied (runtime/gemm.h), so columns can be cut finer: no thread waits long for one that is slower. */
enum { FINE_BLOCKS = 8 };
static Dim *fine_columns(const Plan *p, const Op *op, const Product *x, Dim **lies) {
  Ctx *c = p->ctx;
  Dim *at_once = dim_min(c, x->extent[PRODUCT_SUM], dim_const(c, PRODUCT_TERMS));
  *lies = is_at_most(c, dim_mul(c, x->extent[PRODUCT_ROW], at_once), dim_const(c, PRODUCT_CACHED));
  if (!sums_along_memory(op, x)) return dim_const(c, 1);
  return dim_min(c, divided(c, x->extent[PRODUCT_COL], split_block(p)), dim_const(c, FINE_BLOCKS));
}

ProductBlocks split_blocks(const Plan *p, const Op *op, const Product *x) {
  Ctx *c = p->ctx;
  Dim *cheap, *lies, *halves = row_halves(p, x, &cheap), *fine = fine_columns(p, op, x, &lies);
  Dim *rows = blocks(p, x->extent[PRODUCT_ROW]), *cols = blocks(p, x->extent[PRODUCT_COL]);
  ProductBlocks b = {.most = {dim_max(c, rows, halves), dim_max(c, cols, fine)}};
  b.n[PRODUCT_ROW] = dim_max(c, rows, dim_mul(c, halves, cheap));
  fine = dim_min(c, fine, dim_floordiv(c, dim_const(c, FINE_BLOCKS), at_least_one(c, b.n[PRODUCT_ROW])));
  b.n[PRODUCT_COL] = dim_max(c, cols, dim_mul(c, fine, lies));
  return b;
}

static Split *split_product(const Plan *p, const Unit *u) {
  Ctx *c = p->ctx;
  Product x;
  Dim *extent[MAX_LABEL], *work = dim_const(c, 2), *batches = dim_const(c, 1);
  if (!product_find(c, u->op, &x)) return NULL;
  int n = label_extents(u->op, extent);
  for (int l = 0; l < n; l++) {
    if (!extent[l]) continue;
    work = dim_mul(c, work, extent[l]);
    if (x.kind[l] >= 0 && !x.in[l] && x.kind[l] != PRODUCT_SUM) batches = dim_mul(c, batches, extent[l]);
  }
  ProductBlocks b = split_blocks(p, u->op, &x);
  Split *s = worth_it(p, split_new(p, u->op, dim_mul(c, batches, dim_mul(c, b.n[0], b.n[1])), work), FEW_CHUNKS, dim_const(c, 0), 1);
  if (s) s->copies = at_least_one(c, dim_min(c, dim_mul(c, batches, dim_mul(c, b.most[0], b.most[1])), dim_const(c, FEW_CHUNKS)));
  return s;
}

/* ---- loops that are marked parallel --------------------------------------------------------------------------------------- */

/* How a carried value is made of the old one: entries are set, each by one iteration, or something is folded in. */
typedef struct Trace {
  const Sym *index; /* of the loop looked at */
  bool sets, folds;
  Opcode fold;
} Trace;

static bool fold_by(Trace *t, Opcode code) {
  if (code == OP_sub || code == OP_scatter_acc) code = OP_add;
  if (t->sets || (t->folds && t->fold != code)) return false;
  t->folds = true;
  t->fold = code;
  return op_is_fold(code);
}

static bool same_place(const Op *slice, const Op *set) {
  for (int a = 0; a < set->res[0]->type->rank; a++)
    if (slice->u.slice.stride[a] != set->u.slice.stride[a] || slice->u.slice.start[a] != set->u.slice.start[a]) return false;
  return slice->res[0]->type == set->opd[1]->type;
}

/* What v has the axes of in another order, and which: axis i of v is axis order[i] of that; or v itself. */
static const Value *unpermuted(const Value *v, int *order) {
  const Op *op = v->def;
  for (int i = 0; i < v->type->rank; i++) order[i] = i;
  if (!op || op->code != OP_contract || op->nopd != 1 || op->opd[0]->type->rank != v->type->rank) return v;
  for (int i = 0; i < v->type->rank; i++) {
    int k = 0;
    while (k < v->type->rank && op->u.contract.opd[0][k] != op->u.contract.out[i]) k++;
    if (k == v->type->rank) return v;
    order[i] = k;
  }
  for (int i = 0; i < v->type->rank; i++)
    for (int k = 0; k < i; k++)
      if (order[i] == order[k]) return v;
  return op->opd[0];
}

/* The operand, or what it has the axes of, is the slice that `set` will store over; order: of the operation's axes, in the store. */
static bool is_old(const Region *body, const Op *set, const Value *opd, const int *order) {
  int back[MAX_RANK];
  const Value *x = unpermuted(opd, back);
  const Op *old = x->def;
  if (!old || old->code != OP_slice || old->opd[0] != set->opd[0] || !same_place(old, set)) return false;
  for (int i = 0; i < x->type->rank; i++)
    if (back[order[i]] != i) return false;
  return region_count_uses(body, x) == 1 && region_count_uses(body, opd) == 1;
}

/* op folds something into entries of `held` that it read at the very place where they will be set. */
static bool folds_in_place(const Region *body, const Op *set, const Op *op, const int *order) {
  for (int k = 0; k < (op->code == OP_sub ? 1 : op->nopd); k++)
    if (is_old(body, set, op->opd[k], order)) return true;
  return false;
}

/* Entries that the index of the loop chooses are its iteration's own; others are folded into where they are. */
static bool trace_set(Trace *t, const Region *body, const Op *set) {
  for (int a = 0; t->index && a < set->res[0]->type->rank; a++)
    if (dim_mentions(set->u.slice.start[a], t->index)) {
      t->sets = true;
      return !t->folds;
    }
  int order[MAX_RANK];
  const Value *v = unpermuted(set->opd[1], order);
  const Op *op = v->def;
  if (!op || op->parent != body || op->nopd != 2 || region_count_uses(body, v) != 1 || !folds_in_place(body, set, op, order)) return false;
  return region_count_uses(body, set->opd[0]) == 2 && fold_by(t, op->code);
}

/* From what is yielded back to what was held.  What is folded in apart is seen by nobody on the way. */
static bool trace(Trace *t, const Region *body, const Value *held, const Value *v) {
  bool once = v == held || region_count_uses(body, v) == 1;
  while (v != held) {
    const Op *op = v->def;
    if (!op || op->parent != body || !op->nopd) return false;
    const Value *from = op->opd[0];
    if (op->code == OP_set_slice) {
      if (!trace_set(t, body, op)) return false;
    } else if (op->code == OP_for && op->u.loop.parallel) {
      int k = result_index(v);
      from = op->opd[loop_ninit(op) + k];
      if (!trace(t, op->reg[0], op->reg[0]->param[1 + k], op->reg[0]->res[k])) return false;
      once &= region_count_uses(body, from) == 1;
    } else {
      once &= region_count_uses(body, from) == 1;
      if (!fold_by(t, op->code)) return false;
    }
    v = from;
  }
  return once || !t->folds;
}

static const Sym *index_of(const Region *body) {
  for (const Op *op = body->first; op; op = op->next)
    if (op->code == OP_sym && op->opd[0] == body->param[0]) return op->u.sym;
  return NULL;
}

/* Sizes that only a run can tell, and that have no limit known before. */
static bool is_late(Ctx *c, const Type *t) {
  for (int a = 0; a < t->rank; a++)
    if (dim_mentions_value(t->dim[a]) && !dim_most(c, t->dim[a])) return true;
  return false;
}

static bool has_late_sizes(Ctx *c, const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    for (int k = 0; k < op->nres; k++)
      if (is_late(c, op->res[k]->type)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (has_late_sizes(c, op->reg[i])) return true;
  }
  return false;
}

static Split *split_loop(const Plan *p, const Unit *u) {
  Ctx *c = p->ctx;
  const Op *op = u->op;
  const Region *body = op->reg[0];
  bool more = false;
  Dim *turns = loop_turns(c, op), *flops = region_flops(c, body, &more), *part = dim_const(c, 0);
  if (!turns || !flops || op_has_effect(op) || has_late_sizes(c, body)) return NULL;
  Split *s = split_new(p, op, turns, dim_mul(c, turns, at_least_one(c, flops)));
  for (int k = 0; k < op->nres; k++) {
    Trace t = {.index = index_of(body)};
    const Type *type = op->res[k]->type;
    if (!trace(&t, body, body->param[1 + k], body->res[k])) return NULL;
    if (!t.folds) continue;
    s->fold[k] = t.fold;
    if (type->rank == 0) continue;
    if (!part) return NULL;
    s->partial[k] = 0;
    part = dim_add(c, part, part_size(c, type));
  }
  return part ? worth_it(p, s, FEW_CHUNKS, part, STRIP_COST) : NULL;
}

/* ---- operations with loops of their own ----------------------------------------------------------------------------------- */

static int64_t const_length(const Dim *d) {
  int64_t n;
  return dim_is_const(d, &n) ? n : INT64_MAX;
}

/* Axes of what is added that have an index each. */
static int indexed_axes(const Op *op) {
  int first = 1 + (op->code == OP_scatter_acc);
  return op->nopd > first ? op->opd[first]->type->rank : 0;
}

int split_scatter_axis(const Op *op) {
  int nb = indexed_axes(op);
  const Type *x = op->opd[op->code == OP_scatter_acc]->type;
  return nb < x->rank && const_length(x->dim[nb]) >= 2 * SCATTER_MULTIPLE ? nb : nb ? 0 : -1;
}

/* Each chunk adds some columns of all rows; where rows are single numbers or short, some of the rows, apart from the others. */
static Split *split_scatter(const Plan *p, const Unit *u) {
  const Op *op = u->op;
  Ctx *c = p->ctx;
  const Value *x = op->opd[op->code == OP_scatter_acc];
  int axis = split_scatter_axis(op);
  if (axis < 0 || u->v->type->rank == 0) return NULL;
  Dim *turns = x->type->dim[axis], *work = type_count(c, x->type), *part = dim_const(c, 0);
  if (work) work = dim_mul(c, work, dim_const(c, 3 + cost_of(p, x)));
  Split *s = split_new(p, op, turns, work);
  if (axis == indexed_axes(op)) return worth_it(p, s, MANY_CHUNKS, part, 1);
  s->fold[0] = OP_add;
  s->partial[0] = 0;
  part = part_size(c, u->v->type);
  return part ? worth_it(p, s, FEW_CHUNKS, part, NEST_COST) : NULL;
}

/* Along the first of the axes that are not gone along one by one. */
static Split *split_along(const Plan *p, const Unit *u, int axis) {
  const Type *t = u->op->opd[0]->type;
  if (t->rank < 2) return NULL;
  Dim *work = type_count(p->ctx, t);
  if (work) work = dim_mul(p->ctx, work, dim_const(p->ctx, 3 + cost_of(p, u->op->opd[u->op->nopd - 1])));
  return worth_it(p, split_new(p, u->op, t->dim[axis == 0], work), MANY_CHUNKS, dim_const(p->ctx, 0), 1);
}

static Split *split_matrices(const Plan *p, const Unit *u) {
  const Op *op = u->op;
  Ctx *c = p->ctx;
  const Type *t = op->opd[0]->type;
  if (op->code == OP_argsort || op->code == OP_cofactor_dir || op->code == OP_lujet || t->rank < 3) return NULL;
  Dim *turns = dim_const(c, 1), *n = t->dim[t->rank - 1];
  for (int a = 0; a < t->rank - 2; a++) turns = dim_mul(c, turns, t->dim[a]);
  Dim *work = dim_mul(c, type_count(c, op->opd[op->nopd - 1]->type), n);
  return worth_it(p, split_new(p, op, turns, work), MANY_CHUNKS, dim_const(c, 0), 1);
}

static Split *split_special(const Plan *p, const Unit *u) {
  const Op *op = u->op;
  if (op_info[op->code].family == FAM_MATRIX) return split_matrices(p, u);
  if (op->code == OP_for) return op->u.loop.parallel ? split_loop(p, u) : NULL;
  switch (op->code) {
  case OP_scatter_add:
  case OP_scatter_acc: return split_scatter(p, u);
  case OP_linrec: return split_along(p, u, op->u.scan.axis);
  case OP_argmax:
  case OP_argmin: return split_along(p, u, op->u.reduce.axis[0]);
  default: return NULL;
  }
}

/* ---- everything ----------------------------------------------------------------------------------------------------------- */

static void split_units(Plan *p);

static void split_unit(Plan *p, Unit *u) {
  if (u->tiled) u->split = split_product(p, u);
  else if (u->kind == UNIT_STORE || u->kind == UNIT_REDUCE || u->kind == UNIT_UPDATE) u->split = split_nest(p, u);
  else if (u->kind == UNIT_EFFECT && p == p->root) u->split = split_check(p, u);
  else if (u->kind == UNIT_SPECIAL) u->split = split_special(p, u);
  for (int i = 0; !u->split && i < 2; i++)
    if (u->sub[i]) split_units(u->sub[i]);
}

static void split_units(Plan *p) {
  for (int i = 0; i < p->nunit; i++) split_unit(p, p->unit[i]);
}

void plan_splits(Plan *p) {
  if (p->grain > 0) split_units(p);
}
