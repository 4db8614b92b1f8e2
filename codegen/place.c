/* place.c - which values are stored and which are computed where they are used.
 *
 * Requires: a verified function.  Ensures: p->value[id].place of every value; a value that some reader
 * can only take from memory is not virtual.  A value is stored when it must be (sums, scans, scatters, …) or when
 * computing it anew for each reader would cost more than a store and the loads. */
#include "codegen/plan.h"

enum { COST_STORE = 8, COST_EXPAND = 4, COST_LIBM = 20, COST_MAX = 10000, COST_LEAN = 400 };

bool op_is_view(const Op *op) {
  return op->code == OP_slice || op->code == OP_reshape ||
         (op->code == OP_contract && op->nopd == 1 && !op_has_sum(op));
}

bool dim_mentions_value(const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM ? a->sym->kind == SYM_VALUE : dim_mentions_value(a->a) || dim_mentions_value(a->b))
        return true;
    }
  return false;
}

bool type_mentions_value(const Type *t) {
  for (int i = 0; i < t->rank; i++)
    if (dim_mentions_value(t->dim[i])) return true;
  return false;
}

int label_extents(const Op *op, Dim **extent) {
  int n = 0;
  for (int i = 0; i < MAX_LABEL; i++) extent[i] = NULL;
  for (int j = 0; j < op->res[0]->type->rank; j++) {
    int l = op->u.contract.out[j];
    extent[l] = op->res[0]->type->dim[j];
    if (l >= n) n = l + 1;
  }
  for (int k = 0; k < op->nopd; k++)
    for (int i = 0; i < op->opd[k]->type->rank; i++) {
      int l = op->u.contract.opd[k][i];
      extent[l] = op->opd[k]->type->dim[i];
      if (l >= n) n = l + 1;
    }
  return n;
}

bool reshape_map(Ctx *c, const Type *from, const Type *to, ReshapeMap *map) {
  int j = 0;
  for (int i = 0; i < from->rank; i++) {
    map->first[i] = (int8_t)j;
    map->n[i] = 0;
    if (dim_is(from->dim[i], 1)) continue;
    while (j < to->rank && dim_is(to->dim[j], 1)) j++;
    map->first[i] = (int8_t)j;
    Dim *product = dim_const(c, 1);
    while (product != from->dim[i]) {
      if (j == to->rank || !product) return false;
      product = dim_mul(c, product, to->dim[j++]);
      map->n[i]++;
    }
  }
  while (j < to->rank && dim_is(to->dim[j], 1)) j++;
  return j == to->rank;
}

/* Operations on reals that are a few instructions; 0: a function of the library. */
static const unsigned char real_cost[OP_COUNT] = {
    [OP_neg] = 1,
    [OP_abs] = 1,
    [OP_sign] = 1,
    [OP_floor] = 1,
    [OP_ceil] = 1,
    [OP_round] = 1,
    [OP_trunc] = 1,
    [OP_relu] = 1,
    [OP_add] = 1,
    [OP_sub] = 1,
    [OP_stop_gradient] = 1,
    [OP_mul] = 1,
    [OP_mulz] = 1,
    [OP_max] = 1,
    [OP_min] = 1,
    [OP_clamp] = 1,
    [OP_select] = 1,
    [OP_cast] = 1,
    [OP_eq] = 1,
    [OP_ne] = 1,
    [OP_lt] = 1,
    [OP_le] = 1,
    [OP_gt] = 1,
    [OP_ge] = 1,
    [OP_div] = 4,
    [OP_floordiv] = 6,
    [OP_mod] = 6,
    [OP_sqrt] = 6,
    [OP_rsqrt] = 6,
};

int op_cost(const Op *op) {
  if (op_info[op->code].family != FAM_MAP) return op->code == OP_embed || op->code == OP_gather ? 3 : 1;
  if (op->code == OP_philox || op->code == OP_philox_high) return COST_LIBM;
  if (!elem_is_real(op->opd[op->nopd - 1]->type->elem)) return 1;
  return real_cost[op->code] ? real_cost[op->code] : COST_LIBM;
}

/* The axes that a broadcast or a product adds to an operand make its elements asked for again and again. */
static bool contract_expands(const Op *op, int k) {
  Dim *extent[MAX_LABEL];
  int n = label_extents(op, extent);
  for (int l = 0; l < n; l++) {
    bool has = !extent[l] || dim_is(extent[l], 1);
    for (int i = 0; i < op->opd[k]->type->rank; i++) has |= op->u.contract.opd[k][i] == l;
    if (!has) return true;
  }
  return false;
}

/* Counters are among the indices, one for each of their axes: no element is gathered twice. */
static bool gathers_once(const Op *op) {
  uint32_t counted = 0;
  for (int i = 0; i < op->u.index.naxis; i++) {
    const Op *idx = op->opd[1 + i]->def;
    if (idx && idx->code == OP_iota) counted |= UINT32_C(1) << idx->u.axis;
  }
  return counted == (UINT32_C(1) << op->opd[1]->type->rank) - 1;
}

static bool use_expands(const Op *op, int k) {
  switch (op->code) {
  case OP_contract: return contract_expands(op, k);
  case OP_gather: return (k == 0 && !gathers_once(op)) || op->opd[0]->type->rank > op->u.index.naxis;
  case OP_scatter_add: return k > 0 && op->res[0]->type->rank > op->u.index.naxis;
  default: return false;
  }
}

static bool used_again(const Op *op, const Value *x) {
  const Region *from = region_of(x);
  for (const Region *r = op->parent; r != from && r->parent; r = r->parent->parent)
    if (op_is_loop(r->parent)) return true;
  return false;
}

static bool is_block_loop(const Op *op) { return op && op->code == OP_for && op->u.loop.parallel; }

static bool used_in_blocks(const Op *op, const Value *x) {
  const Region *from = region_of(x);
  bool in = false;
  for (const Region *r = op->parent; r != from && r->parent; r = r->parent->parent) in |= is_block_loop(r->parent);
  return in;
}

/* Made of constants, scalars and indices alone: nothing that is stored is read. */
static bool reads_nothing(const Value *v) {
  if (v->type->rank == 0) return true;
  if (!v->def || (op_info[v->def->code].family != FAM_MAP && v->def->code != OP_contract && v->def->code != OP_iota)) return false;
  for (int k = 0; k < v->def->nopd; k++)
    if (!reads_nothing(v->def->opd[k])) return false;
  return true;
}

static void count_use(Plan *p, Op *op, int k) {
  ValueInfo *x = &p->value[op->opd[k]->id];
  bool view = op_is_view(op) && !p->value[op->res[0]->id].forced; /* one that is stored is a copy: it reads once */
  bool again = used_again(op, op->opd[k]), lanes = in_lanes(p, op->parent);
  if (lanes && reads_nothing(op->opd[k])) again = false; /* elements at constant indices cost nothing */
  ValueInfo *y = view ? &p->value[op->res[0]->id] : NULL;
  ReshapeMap map;
  Product product;
  x->in_blocks |= used_in_blocks(op, op->opd[k]);
  x->walked |= lanes && op->parent->parent->parent != region_of(op->opd[k]);
  x->readers++;
  x->reader = op;
  x->factor |= (op_has_sum(op) && op->nopd == 2 && contract_expands(op, k)) || (view && y->factor);
  x->use += (view ? y->use : 1) + again;
  x->serial |= (op->code == OP_linrec && !lanes && op->u.scan.axis == op->res[0]->type->rank - 1) || (view && y->serial);
  x->forced |= op->code == OP_argsort || op_info[op->code].family == FAM_MATRIX;
  x->expanded |= use_expands(op, k) || (view && y->expanded) || again;
  x->forced |= op->code == OP_call;
  if (!lanes && may_be_made(p, op, k)) x->made++;
  else if (!lanes && product_find(p->ctx, op, &product)) p->value[behind_windows(op->opd[k])->id].forced = true;
  if (op->code == OP_reshape && !lanes && !reshape_map(p->ctx, op->opd[k]->type, op->res[0]->type, &map)) x->forced = true;
}

/* What a nested region yields is at hand before the first of it is moved. */
static void count_results(Plan *p, const Region *r) {
  for (int i = 0; i < r->nres; i++) {
    ValueInfo *x = &p->value[r->res[i]->id];
    x->use++;
    x->readers++;
    x->reader = NULL;
    x->forced |= r->parent && !in_lanes(p, r) && (region_of(r->res[i]) == r || !reads_nothing(r->res[i]));
  }
}

static void count_uses_in(Plan *p, const Region *r) {
  count_results(p, r);
  for (Op *op = r->last; op; op = op->prev) {
    for (int i = op->nreg; i-- > 0;) count_uses_in(p, op->reg[i]);
    for (int k = 0; k < op->nopd; k++) count_use(p, op, k);
  }
}

/* Whole rows of what is in memory anyway: to read one there takes no more than to read a copy. */
static bool reads_rows(const Plan *p, const Op *op) {
  if (op->code != OP_gather || op->u.index.masked || p->value[op->opd[0]->id].place == PLACE_VIRTUAL) return false;
  for (int k = 0; k < op->u.index.naxis; k++)
    if (op->u.index.axis[k] != k || op->opd[1 + k]->type->rank) return false;
  return true;
}

bool is_count(const Value *v) {
  const Op *op = v->def;
  if (elem_is_real(v->type->elem)) return false;
  if (v->type->rank == 0 || (op && op->code == OP_iota)) return true;
  if (!op || (op->code != OP_add && op->code != OP_sub && op->code != OP_mul && (op->code != OP_contract || op_has_sum(op)))) return false;
  for (int k = 0; k < op->nopd; k++)
    if (!is_count(op->opd[k])) return false;
  return true;
}

/* A few pieces that are read once, element by element. */
static bool cheap_concat(const ValueInfo *info, const Op *op) { return op->nopd <= 3 && info->use == 1; }

static Place stored(ValueInfo *info, Why why) {
  info->why = why;
  return PLACE_BUFFER;
}

static int last_label(const Type *t, const int8_t *label) {
  for (int a = t->rank; a-- > 0;)
    if (!dim_is(t->dim[a], 1)) return label[a];
  return -1;
}

/* What is read again and again, across the order in memory: the part of a tensor that a block reads, the columns that lanes walk along. */
static bool is_turned(const Op *op, const ValueInfo *info) {
  bool again = info->walked || (info->in_blocks && is_block_loop(op->parent->parent));
  if (!again || op->code != OP_contract || op->nopd != 1) return false;
  int l = last_label(op->opd[0]->type, op->u.contract.opd[0]);
  return l >= 0 && l != last_label(op->res[0]->type, op->u.contract.out);
}

/* A product that can be added where the other operand is, and a sum that as it is will be wanted in memory: by a caller, a product, or
 * another product that is added. */
static bool is_sum_in_memory(Plan *p, const Op *op, const ValueInfo *info) {
  int k = accumulates(p, op);
  if (k < 0 || info->readers != 1 || p->value[op->opd[1 - k]->id].place != PLACE_BUFFER) return false;
  return !info->reader || info->reader->code == OP_contract || accumulates(p, info->reader) >= 0;
}

/* The same number all along the last axis, read once for a row. */
static bool repeats_along_rows(const Op *op) {
  if (op->code != OP_contract || op->nopd != 1 || op_has_sum(op)) return false;
  int last = last_label(op->res[0]->type, op->u.contract.out);
  for (int a = 0; a < op->opd[0]->type->rank; a++)
    if (op->u.contract.opd[0][a] == last) return false;
  return last >= 0;
}

static Place choose(Plan *p, Op *op, Value *v) {
  ValueInfo *info = &p->value[v->id];
  if (op->code == OP_const || op->code == OP_dim) return PLACE_VIRTUAL;
  if (op->code == OP_dense) return PLACE_CONST;
  if (v->type->rank == 0) return PLACE_SCALAR;
  switch (op_info[op->code].family) {
  case FAM_REDUCE:
  case FAM_SCAN:
  case FAM_MATRIX:
  case FAM_CALL:
  case FAM_REGION: return PLACE_BUFFER;
  case FAM_CONTRACT:
    if (op_has_sum(op)) return PLACE_BUFFER;
    break;
  case FAM_VIEW:
    if (op->code == OP_set_slice || (op->code == OP_concat && !cheap_concat(info, op))) return PLACE_BUFFER;
    break;
  case FAM_INDEX:
    if (op->code != OP_gather) return PLACE_BUFFER;
    break;
  default: break;
  }
  info->cost = op_cost(op);
  for (int k = 0; k < op->nopd; k++) {
    const ValueInfo *x = &p->value[op->opd[k]->id];
    info->cost += x->place == PLACE_VIRTUAL ? x->cost : x->place == PLACE_SCALAR ? 0 : 1;
  }
  if (info->cost > COST_MAX) info->cost = COST_MAX;
  if (repeats_along_rows(op)) info->cost = op->opd[0]->type->rank ? 1 : 0;
  if (info->forced) return stored(info, WHY_READER);
  info->packed = is_made(p, v);
  if (info->made) return info->packed ? PLACE_VIRTUAL : stored(info, WHY_READER);
  if (is_sum_in_memory(p, op, info)) return stored(info, WHY_OPERATION);
  if (is_turned(op, info)) return stored(info, WHY_EXPANDED);
  /* A view's operand was judged by the view's readers already; what it adds is index arithmetic. */
  if (op_is_view(op) || reads_rows(p, op) || is_count(v)) return PLACE_VIRTUAL;
  if (info->use >= 2 && info->cost >= (p->f->is_lean ? COST_LEAN : COST_STORE)) return stored(info, WHY_AGAIN);
  if (info->expanded && info->cost >= COST_EXPAND) return stored(info, WHY_EXPANDED);
  if (info->factor && info->cost > 1) return stored(info, WHY_FACTOR);
  if (info->serial && info->cost > COST_EXPAND) return stored(info, WHY_SERIAL);
  return PLACE_VIRTUAL;
}

static void choose_in(Plan *p, const Region *r) {
  for (int i = 0; r->parent && i < r->nparam; i++)
    p->value[r->param[i]->id].place = r->param[i]->type->rank ? PLACE_BUFFER : PLACE_SCALAR;
  for (Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) choose_in(p, op->reg[i]);
    for (int i = 0; i < op->nres; i++)
      p->value[op->res[i]->id].place = in_lanes(p, r) && op->code != OP_dense ? PLACE_VIRTUAL : choose(p, op, op->res[i]);
  }
}

void plan_places(Plan *p) {
  Region *body = p->f->body;
  for (int i = 0; i < p->f->nvalue; i++) {
    p->value[i].slot = p->value[i].result = -1;
    p->value[i].home = i;
  }
  count_uses_in(p, body);
  for (int i = 0; i < body->nparam; i++)
    p->value[body->param[i]->id].place = body->param[i]->type->rank ? PLACE_PARAM : PLACE_SCALAR;
  choose_in(p, body);
}
