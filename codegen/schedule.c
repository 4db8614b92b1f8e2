/* schedule.c - units of work, their loops, and which of them share a loop nest.
 *
 * Requires: places (place.c).  Ensures: groups in an order in which every value is made before it is read; within a
 * group of several units, all have the same loops, and a value made there is read there only at the loops' own indices.
 */
#include "codegen/plan.h"
#include <string.h>

/* ---- loops ---------------------------------------------------------------------------------------------------------
 */

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

/* ---- units ---------------------------------------------------------------------------------------------------------
 */

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

static bool in_step(const Unit *u, const int8_t *at, int rank);

bool stores_in_step(Plan *p, Op *op, const Value *x) {
  for (int k = 2; k < op->nopd; k++)
    if (op->opd[k]->type->rank) return false;
  Unit u = {.kind = UNIT_UPDATE};
  update_loops(&u, op);
  if (!u.nlevel) return false; /* no counter says that what is read is what is stored */
  read_at(p, &u, op->opd[1], u.level_of);
  for (int k = 0; k < u.nread; k++)
    if (u.read[k].v == x && !in_step(&u, u.read[k].level, x->type->rank)) return false;
  return true;
}

/* In the root region a unit may be left out because its result is not wanted; what an update leaves as it is would have to be there. */
static bool updates_in_place(const Plan *p, const Op *op) {
  if (p == p->root || (op->code != OP_set && op->code != OP_set_slice && op->code != OP_scatter_acc)) return false;
  if (op->opd[1]->type->rank == 0 || !same_memory(p, op->opd[0], op->res[0])) return false;
  return op->code != OP_scatter_acc || (!op->u.index.masked && op->opd[2]->type->rank == 0);
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
  UnitKind kind = updates_in_place(p, op) ? UNIT_UPDATE : unit_kind(op, v ? p->value[v->id].place : PLACE_VIRTUAL);
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
    u->gathers = true;
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

/* ---- who needs what ------------------------------------------------------------------------------------------------
 */

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

/* ---- groups --------------------------------------------------------------------------------------------------------
 */

static bool same_loops(const Unit *a, const Unit *b) {
  return a->nlevel == b->nlevel && !memcmp(a->level, b->level, sizeof *a->level * (size_t)a->nlevel);
}

static bool fusable(const Unit *u) {
  return (u->kind == UNIT_STORE || u->kind == UNIT_UPDATE || u->kind == UNIT_REDUCE) && u->nlevel > 0 && !u->tiled;
}

/* What the unit writes and an access elsewhere to the same memory, at `at`, meet in the same iteration of all loops if at all: each
 * counter is the index of both on some axis. */
static bool in_step(const Unit *u, const int8_t *at, int rank) {
  if (u->kind != UNIT_STORE && u->kind != UNIT_UPDATE) return false;
  for (int l = 0; l < u->nlevel; l++) {
    bool meet = false;
    for (int i = 0; i < rank; i++) meet |= u->place[i] == l && at[i] == l;
    if (!meet) return false;
  }
  return true;
}

static bool read_in_step(const Unit *from, const Read *r) { return in_step(from, r->level, r->v->type->rank); }

bool touches(const Plan *p, const Unit *u, const Value *v) {
  for (int i = 0; u->op && i < u->op->nres; i++)
    if (same_memory(p, u->op->res[i], v)) return true;
  if (u->into && same_memory(p, u->v, v)) return true;
  for (int k = 0; k < u->nread; k++)
    if (same_memory(p, u->read[k].v, v)) return true;
  return false;
}

/* `before` may stay in the group of u, which writes over what it reads or wrote. */
static bool keeps_step(const Plan *p, const Unit *u, const Unit *before) {
  int rank = u->v->type->rank;
  if (!same_loops(u, before)) return false;
  for (int k = 0; k < before->nread; k++)
    if (same_memory(p, before->read[k].v, u->v) && !in_step(u, before->read[k].level, rank)) return false;
  if (!before->v || !before->op || !same_memory(p, before->v, u->v)) return before->op && before->op->nres <= 1;
  return before->kind != UNIT_REDUCE && in_step(u, before->place, rank);
}

/* The first group in which u's value may be written over what lived in its memory before. */
static int overwrites_after(const Plan *p, const Unit *u) {
  int first = 0;
  if (!u->op || p->value[u->v->id].place != PLACE_BUFFER || !p->value[u->v->id].shared) return 0;
  for (int i = 0; p->unit[i] != u; i++) {
    int at = p->unit[i]->group + !keeps_step(p, u, p->unit[i]);
    if (at > first && touches(p, p->unit[i], u->v)) first = at;
  }
  return first;
}

/* A longer loop keeps nothing in registers anyway, and to allocate them takes time that grows faster than its length. */
enum { MOST_UNITS = 64 };

/* The group that u may join, or -1.  barrier: groups up to this one come before a check that u needs. */
static int find_group(Plan *p, const Unit *u, int barrier) {
  int first = barrier + 1, writes = overwrites_after(p, u);
  Matvec kind = matvec_of(p, u); /* which is done in its own way, and in turns with what reads the same matrix (relay.c) */
  if (writes > first) first = writes;
  for (int k = 0; k < u->nread; k++) {
    const Unit *from = maker_of(p, u->read[k].v);
    if (!from) continue;
    int at = from->group + !read_in_step(from, &u->read[k]);
    if (at > first) first = at;
  }
  for (int g = p->ngroup - 1, tries = 0; g >= first && tries < 64; g--, tries++) {
    const Unit *head = p->group[g].unit[0];
    if (fusable(head) && same_loops(head, u) && matvec_of(p, head) == kind && p->group[g].n < MOST_UNITS) return g;
  }
  return -1;
}

static bool symbolic_dim_check(const Unit *u) {
  return u->op && (u->op->code == OP_check_dim_eq || u->op->code == OP_check_dim_le) &&
         !dim_mentions_value(u->op->u.check.a) && !dim_mentions_value(u->op->u.check.b);
}

static int place_unit(Plan *p, Unit *u, int g) {
  if (g < 0) {
    g = p->ngroup;
    PUSH(p->ctx->arena, p->group, p->ngroup, p->group_cap) = (Group){0};
  }
  u->group = g;
  PUSH(p->ctx->arena, p->group[g].unit, p->group[g].n, p->group[g].cap) = u;
  return g;
}

static void make_groups(Plan *p) {
  int barrier = -1, index_barrier = -1;
  for (int i = 0; i < p->nunit; i++)
    if (p == p->root && symbolic_dim_check(p->unit[i])) barrier = index_barrier = place_unit(p, p->unit[i], -1);
  for (int i = 0; i < p->nunit; i++) {
    Unit *u = p->unit[i];
    if (p == p->root && symbolic_dim_check(u)) continue;
    int g = place_unit(p, u, fusable(u) ? find_group(p, u, u->gathers ? index_barrier : barrier) : -1);
    if (u->kind == UNIT_EFFECT || (u->op && op_has_effect(u->op))) index_barrier = g;
    if ((u->kind == UNIT_EFFECT && u->op->code != OP_check_index && !op_checks_bool(u->op->code)) ||
        (u->op && u->op->code == OP_sym))
      barrier = g;
  }
}

/* A stored value that only its own group reads need not be stored: the loop has it at hand. */
static void drop_local_stores(Plan *p) {
  bool *outside = NEW_N(p->ctx->arena, bool, p->f->nvalue);
  for (int i = 0; i < p->nunit; i++)
    for (int k = 0; k < p->unit[i]->nread; k++) {
      const Read *r = &p->unit[i]->read[k];
      const Unit *from = maker_of(p, r->v);
      if (from && (from->group != p->unit[i]->group || from->kind != UNIT_STORE)) outside[r->v->id] = true;
    }
  for (int k = 0; p->exit && k < p->exit->nread; k++) outside[p->exit->read[k].v->id] = true;
  for (int i = 0; i < p->nunit; i++) {
    Unit *u = p->unit[i];
    if (u->kind == UNIT_STORE && p->value[u->v->id].shared) continue;
    if (u->kind != UNIT_STORE || p->producer[u->v->id] != u || outside[u->v->id]) continue;
    ValueInfo *info = &p->value[u->v->id];
    info->place = PLACE_VIRTUAL;
    info->result = -1;
    u->dead = u->result < 0;
    /* Its readers compute it themselves from now on: it is stored only for the result's sake. */
    u->always = p != p->root;
    memset(u->need, 0, sizeof *u->need * (size_t)p->need_words);
    if (u->result >= 0) u->need[u->result / 64] |= UINT64_C(1) << (u->result % 64);
  }
}

void plan_units(Plan *p) {
  for (Op *op = p->region->first; op; op = op->next) unit_of_op(p, op);
  if (p == p->root) result_units(p);
  else plan_exit(p);
  needs(p);
  make_groups(p);
  drop_local_stores(p);
  plan_turns(p);
  plan_epilogues(p);
  plan_relays(p);
}
