/* schedule.c - units of work, their loops and what they read.
 *
 * Requires: places (place.c).  Ensures: a unit for all that is stored, returned or checked, in the program's order. */
#include "codegen/plan.h"
#include <string.h>

/* ---- loops ------------------------------------------------------------------------------------------------------- */

static void add_level(Unit *u, int label, Dim *d) {
  if (dim_is(d, 1)) {
    u->level_of[label] = LEVEL_UNIT;
    return;
  }
  u->level_of[label] = (int8_t)u->nlevel;
  u->level[u->nlevel++] = d;
}

static void store_loops(Unit *u, const Type *t) {
  for (int i = 0; i < t->rank; i++) {
    u->out[i] = (int8_t)i;
    add_level(u, i, t->dim[i]);
    u->place[i] = u->level_of[i];
  }
}

/* Loops over what is stored. */
static void update_loops(Unit *u, const Op *op) {
  store_loops(u, op->opd[1]->type);
  for (int i = 0, rest = 0; i < op->res[0]->type->rank; i++) {
    bool indexed = false;
    for (int k = 0; op->code != OP_set_slice && k < op->u.index.naxis; k++) indexed |= op->u.index.axis[k] == i;
    bool as_it_is = op->code == OP_set_slice ? slice_is_whole(op, i) : !indexed;
    int level = indexed ? LEVEL_OTHER : u->level_of[rest++];
    u->place[i] = as_it_is ? (int8_t)level : LEVEL_OTHER;
  }
}

/* Loops over what is added. */
static void add_loops(Unit *u, const Op *op) {
  const Value *x = scattered(op), *idx = op->opd[scatter_first(op)];
  store_loops(u, x->type);
  for (int i = 0, k = 0, rest = idx->type->rank; i < op->res[0]->type->rank; i++) {
    bool indexed = k < op->u.index.naxis && op->u.index.axis[k] == i;
    k += indexed;
    u->place[i] = indexed ? LEVEL_OTHER : u->level_of[rest++];
  }
}

bool adds_row_by_row(const Unit *u) {
  for (int a = 0; a < u->v->type->rank; a++)
    if (u->place[a] == u->nlevel - 1) return true;
  return false;
}

static bool label_in(const int8_t *labels, int n, int l) {
  for (int i = 0; i < n; i++)
    if (labels[i] == l) return true;
  return false;
}

/* How well a label serves as the innermost loop: unit steps through memory are wanted, long strides are not. */
static int inner_score(const Op *op, int l) {
  int score = 0, rank;
  for (int k = 0; k < op->nopd; k++) {
    rank = op->opd[k]->type->rank;
    if (label_in(op->u.contract.opd[k], rank, l)) score += op->u.contract.opd[k][rank - 1] == l ? 2 : -2;
  }
  rank = op->res[0]->type->rank;
  if (label_in(op->u.contract.out, rank, l)) score += op->u.contract.out[rank - 1] == l ? 3 : -3;
  return score;
}

/* ---- a fold down the columns of what lies in rows ---------------------------------------------------------------------- */

static bool is_short(const Dim *d) {
  int64_t n;
  return dim_is_const(d, &n) && n < 16;
}

/* By label: how often a step along it is a step through memory, and how often a long one. */
typedef struct Steps { int unit[MAX_LEVEL], far[MAX_LEVEL]; } Steps;

static Steps steps_of(Plan *p, const Op *op) {
  Unit probe = {.params = true};
  Steps s = {{0}, {0}};
  for (int k = 0; k < op->nopd; k++) {
    int8_t lev[MAX_RANK];
    for (int i = 0; i < op->opd[k]->type->rank; i++) lev[i] = op->code == OP_contract ? op->u.contract.opd[k][i] : (int8_t)i;
    read_at(p, &probe, op->opd[k], lev);
  }
  for (int i = 0; i < probe.nread; i++) {
    const Read *r = &probe.read[i];
    bool last = true;
    for (int a = r->v->type->rank; a-- > 0;) {
      if (r->level[a] == LEVEL_UNIT) continue;
      if (r->level[a] >= 0) (*(last ? &s.unit : &s.far))[r->level[a]]++;
      last = false;
    }
  }
  return s;
}

/* The label to go along in the innermost loop instead of `inner`, which is folded: the last one kept, if it takes fewer long steps
 * through memory.  -1: inner does well. */
static int rather_inner(Plan *p, const Op *op, int inner, int nkept, const int8_t *kept, Dim *const *extent) {
  if (in_lanes(p, p->region) || !nkept) return -1;
  int last = kept[nkept - 1];
  if (last == inner || is_short(extent[last])) return -1;
  Steps s = steps_of(p, op);
  return s.far[last] < s.far[inner] && s.unit[last] > 0 ? last : -1;
}

/* To the end of the order. */
static void move_last(int n, int *order, int label) {
  int m = 0;
  for (int i = 0; i < n; i++)
    if (order[i] != label) order[m++] = order[i];
  order[m] = label;
}

/* A sum of a few terms, so many in every program: it is written out (emit_kernel.c) and folds in registers. */
static bool has_short_sum(const Op *op, int n, Dim *const *extent) {
  int64_t terms = 1, some;
  for (int l = 0; l < n; l++) {
    if (!extent[l] || label_in(op->u.contract.out, op->res[0]->type->rank, l)) continue;
    if (!dim_is_const(extent[l], &some) || some > MOST_WRITTEN_OUT) return false;
    terms *= some;
  }
  return terms <= MOST_WRITTEN_OUT;
}

static void sums_last(const Op *op, int n, int *order) {
  int sorted[MAX_LABEL], k = 0;
  for (int sum = 0; sum < 2; sum++)
    for (int i = 0; i < n; i++)
      if (label_in(op->u.contract.out, op->res[0]->type->rank, order[i]) != sum) sorted[k++] = order[i];
  memcpy(order, sorted, sizeof *order * (size_t)n);
}

static void contract_loops(Plan *p, Unit *u, const Op *op) {
  Dim *extent[MAX_LABEL];
  int n = label_extents(op, extent), rank = op->res[0]->type->rank, inner = -1, best = -100, order[MAX_LABEL],
      norder = 0;
  for (int j = 0; j < rank; j++) u->out[j] = op->u.contract.out[j];
  Product product;
  u->tiled = !in_lanes(p, p->region) && product_find(p->ctx, op, &product);
  /* One operand, or equal label lists: its own order reads memory in sequence. */
  bool natural =
      op->nopd == 1 || (op->opd[0]->type->rank == op->opd[1]->type->rank &&
                        !memcmp(op->u.contract.opd[0], op->u.contract.opd[1], (size_t)op->opd[0]->type->rank));
  if (natural) {
    for (int j = 0; j < rank; j++) /* labels only in the output come first */
      if (!label_in(op->u.contract.opd[0], op->opd[0]->type->rank, op->u.contract.out[j]))
        order[norder++] = op->u.contract.out[j];
    for (int i = 0; i < op->opd[0]->type->rank; i++) order[norder++] = op->u.contract.opd[0][i];
    int rather = norder ? rather_inner(p, op, order[norder - 1], rank, op->u.contract.out, extent) : -1;
    if (rather >= 0) move_last(norder, order, rather);
  } else {
    for (int l = 0; l < n; l++)
      if (extent[l] && !dim_is(extent[l], 1) && inner_score(op, l) > best) best = inner_score(op, inner = l);
    for (int j = 0; j < rank; j++)
      if (op->u.contract.out[j] != inner) order[norder++] = op->u.contract.out[j];
    for (int k = 0; k < op->nopd; k++)
      for (int i = 0; i < op->opd[k]->type->rank; i++) {
        int l = op->u.contract.opd[k][i];
        bool seen = l == inner || label_in(op->u.contract.out, rank, l);
        for (int j = 0; j < norder; j++) seen |= order[j] == l;
        if (!seen) order[norder++] = l;
      }
    if (inner >= 0) order[norder++] = inner;
  }
  if (has_short_sum(op, n, extent)) sums_last(op, norder, order);
  for (int i = 0; i < norder; i++) add_level(u, order[i], extent[order[i]]);
}

static void reduce_loops(Plan *p, Unit *u, const Op *op) {
  int kept = 0, order[MAX_RANK];
  const Type *t = op->opd[0]->type;
  for (int i = 0; i < t->rank; i++) {
    bool dropped = false;
    for (int k = 0; k < op->u.reduce.naxis; k++) dropped |= op->u.reduce.axis[k] == i;
    if (!dropped) u->out[kept++] = (int8_t)i;
    order[i] = i;
  }
  int rather = rather_inner(p, op, t->rank - 1, kept, u->out, t->dim);
  if (rather >= 0) move_last(t->rank, order, rather);
  for (int i = 0; i < t->rank; i++) add_level(u, order[i], t->dim[order[i]]);
}

int register_level(const Unit *u, int rank) {
  uint64_t kept = 0;
  int first = 0;
  for (int i = 0; i < rank; i++)
    if (u->level_of[u->out[i]] >= 0) kept |= UINT64_C(1) << u->level_of[u->out[i]];
  while (first < u->nlevel && (kept >> first & 1)) first++;
  return kept >> first ? -1 : first;
}

/* ---- units ------------------------------------------------------------------------------------------------------- */

static Unit *unit_new(Plan *p, UnitKind kind, Op *op, Value *v) {
  Unit *u = NEW(p->ctx->arena, Unit);
  *u = (Unit){.kind = kind, .plan = p, .op = op, .v = v, .result = -1, .need = NEW_N(p->ctx->arena, uint64_t, p->need_words)};
  memset(u->level_of, LEVEL_UNIT, sizeof u->level_of);
  PUSH(p->ctx->arena, p->unit, p->nunit, p->unit_cap) = u;
  return u;
}

UnitKind unit_kind(const Op *op, Place place) {
  if (op_info[op->code].family == FAM_EFFECT) return UNIT_EFFECT;
  if (op_has_sum(op)) return UNIT_REDUCE;
  if (op_info[op->code].family == FAM_MATRIX || op->code == OP_argsort) return UNIT_SPECIAL;
  switch (op->code) {
  case OP_rmax:
  case OP_rmin:
  case OP_rprod:
  case OP_rall: return UNIT_REDUCE;
  case OP_rany: return nan_sought(op) ? UNIT_SPECIAL : UNIT_REDUCE;
  case OP_argmax:
  case OP_argmin:
  case OP_linrec:
  case OP_set_slice:
  case OP_concat:
  case OP_scatter_add:
  case OP_set:
  case OP_scatter_acc: case OP_call: case OP_if: case OP_for: case OP_while: return UNIT_SPECIAL;
  default: return place == PLACE_SCALAR ? UNIT_SCALAR : UNIT_STORE;
  }
}

bool reads_in_step(Plan *p, Op *op, const Value *x) {
  Unit u = {0};
  store_loops(&u, op->res[0]->type);
  read_op_at(p, &u, op, u.level_of);
  for (int k = 0; k < u.nread; k++)
    for (int i = 0; u.read[k].v == x && i < x->type->rank; i++)
      if (u.read[k].level[i] != u.level_of[i]) return false;
  return true;
}

/* One is an odd number less the other, or the other and a number. */
static bool differ(const Value *a, const Value *b) {
  const Op *op = a->def;
  int64_t n;
  if (!op || (op->code != OP_sub && op->code != OP_add)) return false;
  if (op->code == OP_sub && op->opd[1] == b) return value_int(op->opd[0], &n) && n % 2 != 0;
  return op->opd[0] == b && value_int(op->opd[1], &n) && n != 0;
}

bool is_apart(const Op *update, const Read *r) {
  if (update->code != OP_set || !r->row || update->u.index.axis[0] != 0) return false;
  return differ(update->opd[2], r->row) || differ(r->row, update->opd[2]);
}

bool in_step(const Unit *u, const int8_t *at, int rank) {
  if (u->kind != UNIT_STORE && u->kind != UNIT_UPDATE) return false;
  for (int l = 0; l < u->nlevel; l++) {
    bool meet = false;
    for (int i = 0; i < rank; i++) meet |= u->place[i] == l && at[i] == l;
    if (!meet) return false;
  }
  return true;
}

bool stores_in_step(Plan *p, Op *op, const Value *x) {
  for (int k = 2; k < op->nopd; k++)
    if (op->opd[k]->type->rank) return false;
  Unit u = {.kind = UNIT_UPDATE};
  update_loops(&u, op);
  if (!u.nlevel) return false; /* no counter says that what is read is what is stored */
  read_at(p, &u, op->opd[1], u.level_of);
  for (int k = 0; k < u.nread; k++)
    if (u.read[k].v == x && !in_step(&u, u.read[k].level, x->type->rank) && !is_apart(op, &u.read[k])) return false;
  return true;
}

/* In the root region a unit may be left out because its result is not wanted; what an update leaves as it is would have to be there. */
static bool updates_in_place(const Plan *p, const Op *op) {
  if (p == p->root || (op->code != OP_set && op->code != OP_set_slice && op->code != OP_scatter_acc)) return false;
  if (op->opd[1]->type->rank == 0 || !same_memory(p, op->opd[0], op->res[0])) return false;
  return op->code != OP_scatter_acc || (!op->u.index.masked && op->opd[2]->type->rank == 0);
}

/* By one thread alone: others would have to keep out of its way. */
static bool adds_in_nest(const Plan *p, const Op *op) {
  if (!op_is_scatter(op) || op->u.index.masked || p->root->grain || in_lanes(p, p->region)) return false;
  return op->res[0]->type->rank > 0 && scattered(op)->type->rank > 0 && p->value[op->res[0]->id].place == PLACE_BUFFER;
}

static void read_for_add(Plan *p, Unit *u, const Op *op) {
  if (op->code == OP_scatter_acc) read_anywhere(p, u, op->opd[0]);
  read_at(p, u, scattered(op), u->level_of);
  for (int k = scatter_first(op); k < op->nopd; k++) read_at(p, u, op->opd[k], u->level_of);
}

static void read_for_update(Plan *p, Unit *u, const Op *op) {
  for (int k = 2; k < op->nopd; k++) read_anywhere(p, u, op->opd[k]);
  read_at(p, u, op->opd[1], u->level_of);
  read_at(p, u, op->opd[0], u->place);
}

static bool has_unit(const Plan *p, const Op *op) { return op->nres == 1 && p->producer[op->res[0]->id] != NULL; }

static void unit_of_op(Plan *p, Op *op) {
  if (has_unit(p, op)) return;
  bool made = op->nres == 0 || op->nreg || op->code == OP_call;
  Value *v = op->nres ? op->res[0] : NULL;
  for (int i = 0; i < op->nres; i++) {
    Place place = p->value[op->res[i]->id].place;
    made |= place == PLACE_BUFFER || place == PLACE_SCALAR;
  }
  if (!made) return;
  UnitKind kind = updates_in_place(p, op) ? UNIT_UPDATE
                  : adds_in_nest(p, op)   ? UNIT_ADD
                                          : unit_kind(op, v ? p->value[v->id].place : PLACE_VIRTUAL);
  if (kind == UNIT_UPDATE ? stores_straight(p, op) : v && kind != UNIT_SCALAR && is_straight(p, op)) kind = UNIT_STRAIGHT;
  Unit *u = unit_new(p, kind, op, v);
  for (int i = 0; i < op->nres; i++) p->producer[op->res[i]->id] = u;
  switch (u->kind) {
  case UNIT_STORE:
    store_loops(u, v->type);
    read_op_at(p, u, op, u->level_of);
    return;
  case UNIT_SCALAR: read_op_at(p, u, op, u->level_of); return;
  case UNIT_UPDATE:
    u->gathers = true;
    update_loops(u, op);
    read_for_update(p, u, op);
    return;
  case UNIT_ADD:
    u->gathers = true;
    add_loops(u, op);
    read_for_add(p, u, op);
    return;
  case UNIT_REDUCE:
    if (op->code == OP_contract)
      contract_loops(p, u, op);
    else
      reduce_loops(p, u, op);
    u->acc_level = register_level(u, v->type->rank);
    read_operands(p, u, op);
    plan_goal(p, u);
    return;
  case UNIT_STRAIGHT:
    for (int k = 0; k < op->nopd; k++) read_anywhere(p, u, op->opd[k]);
    u->gathers |= op->code == OP_gather || op->code == OP_set || op->code == OP_scatter_acc || op->code == OP_set_slice;
    return;
  default:
    u->gathers = u->kind != UNIT_EFFECT;
    for (int k = 0; k < op->nopd; k++) read_anywhere(p, u, op->opd[k]);
    if (op->nreg) plan_regions(p, u);
  }
}

/* Straight to the caller's memory, if the value is stored anyway. */
static bool goes_straight(const Plan *p, const Unit *u, const Value *v) {
  if ((u->op->code == OP_call && v->type->rank == 0) || p->value[v->id].local) return false;
  return p->value[v->id].place == PLACE_BUFFER && p->value[v->id].result < 0;
}

static void result_units(Plan *p) {
  Region *body = p->f->body;
  for (int i = 0; i < body->nres; i++) {
    Value *v = body->res[i];
    Unit *u = p->value[v->id].place == PLACE_BUFFER ? p->producer[v->id] : NULL;
    if (u && goes_straight(p, u, v)) {
      p->value[v->id].result = i;
      u->need[i / 64] |= UINT64_C(1) << (i % 64);
      if (u->op->nres > 1) continue;
      u->result = i;
      continue;
    }
    bool few = v->type->rank && p->most_small && small_count(v->type, p->most_small) >= 0;
    u = unit_new(p, few ? UNIT_STRAIGHT : UNIT_STORE, NULL, v);
    u->result = i;
    if (few) {
      read_anywhere(p, u, v);
      continue;
    }
    store_loops(u, v->type);
    read_at(p, u, v, u->level_of);
  }
}

/* ---- who needs what ---------------------------------------------------------------------------------------------- */

Unit *maker_of(const Plan *p, const Value *v) {
  Unit *u = p->producer[v->id];
  return u && u->plan == p ? u : NULL;
}

static void needs(Plan *p) {
  for (int i = p->nunit; i-- > 0;) {
    Unit *u = p->unit[i];
    if (p != p->root || u->kind == UNIT_EFFECT || (u->op && (u->op->code == OP_sym || op_has_effect(u->op)))) u->always = true;
    if (u->result >= 0) u->need[u->result / 64] |= UINT64_C(1) << (u->result % 64);
    for (int k = 0; k < u->nread; k++) {
      Unit *from = maker_of(p, u->read[k].v);
      if (!from) continue;
      from->always |= u->always;
      for (int w = 0; w < p->need_words; w++) from->need[w] |= u->need[w];
    }
  }
}

void plan_units(Plan *p) {
  for (Op *op = p->region->first; op; op = op->next) unit_of_op(p, op);
  if (p == p->root) result_units(p);
  else plan_exit(p);
  needs(p);
  plan_groups(p);
  plan_turns(p);
  plan_epilogues(p);
  plan_relays(p);
}
