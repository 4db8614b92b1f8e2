/* weigh.c - storing between nests, or computing again: which of the values that several readers want are worth their memory.
 *
 *   nest 1: d[i] = u[i + 1] - u[i]              nest 2: g[i] = d[i - 1] - d[i]                 d stored: a store, two loads
 *                                               nest 2: g[i] = (u[i] - u[i - 1]) - (u[i + 1] - u[i])      two differences more
 *
 * Requires: places (place.c).  Ensures: values that were to be stored because they are used again are computed where they are used, if
 * that costs less.  What an element costs in a nest is found by following what is read there, with the distance of each index from the
 * nest's counters: an element that the nest has at hand is free, one that another nest stored is a load, any other is computed.
 *
 * That is no cut of a graph: an element wanted at three distances is computed three times, at three distances of what it is made of in
 * turn, and stored values that a nest shares are loaded once.  So each value's other choice is tried, readers before what they read,
 * and kept if the sum is less. */
#include "codegen/plan.h"
#include <string.h>

enum {
  MOST_VALUES = 600,   /* of a function: longer ones keep what place.c chose */
  MOST_MADE = 160,     /* elements of values that a nest computes: more are long code */
  COST_AGAIN = 1,      /* a load of what the nest has loaded, at another distance */
  COST_PICK = 8,       /* a load at a place that the element itself computes */
  COST_ROOT = 16,      /* a division or a square root, */
  COST_STEADY = 5,     /* … by what is the same for all elements */
  COST_CALL = 40,      /* a function of the library */
  COST_ROUND = 3,      /* to an int, or of one */
  COST_MASKED = 3      /* a product or a choice that looks for zeros and nan */
};

/* The index of an element on each axis: the counter of a loop, or LEVEL_UNIT, LEVEL_OTHER, and a distance from it.  via: the gather, or
 * what else the axes that no counter describes come from. */
typedef struct Where {
  int8_t at[MAX_RANK];
  Dim *by[MAX_RANK];
  const void *via;
} Where;

/* An element of a value that a nest computes or loads. */
typedef struct Made {
  Where where;
  int nest, epoch;
  bool home; /* where it is stored: computed anyway */
  struct Made *next;
} Made;

typedef struct Nest {
  const Group *group;
  const Plan *plan;
  double turns;
  double cost;
  int epoch, made;
  int with; /* it shares the loops of this one; itself */
} Nest;

typedef struct Weigh {
  Plan *p;     /* the trial */
  Made **made; /* by value */
  Nest *nest;
  int nnest, nest_cap;
  int *home;   /* by value: the nest that stores it, + 1 */
  int at;      /* the nest that is followed */
} Weigh;

/* ---- sizes: as if all symbols were large ---------------------------------------------------------------------------------- */

static bool large(void *env, const Sym *s, int64_t *v) {
  (void)env, (void)s;
  *v = 1000;
  return true;
}

static double size_of(const Dim *d) {
  int64_t n;
  return dim_eval(d, large, NULL, &n) && n > 0 ? (double)n : 1;
}

static double elements(const Type *t) {
  double n = 1;
  for (int i = 0; i < t->rank; i++) n *= size_of(t->dim[i]);
  return n;
}

/* By the cache that it fits: the first, the second, none. */
static int class_of(const Type *t) {
  double bytes = elements(t) * (double)elem_size(t->elem);
  return bytes <= 4096 ? 0 : bytes <= 65536 ? 1 : 2;
}

static int load_cost(const Type *t) { return (int[]){1, 2, 3}[class_of(t)]; }
static int store_cost(const Type *t) { return (int[]){3, 4, 6}[class_of(t)]; }

/* ---- what an element costs ------------------------------------------------------------------------------------------------- */

static int own_cost(const Op *op) {
  if (op_is_view(op) || op->code == OP_contract || op->code == OP_const || op->code == OP_iota || op->code == OP_dim) return op->nopd > 1;
  if (op->code == OP_gather) {
    int last = op->opd[0]->type->rank - 1;
    return op->u.index.axis[op->u.index.naxis - 1] == last ? COST_PICK : 1;
  }
  if (op_info[op->code].family != FAM_MAP) return 2;
  bool from_real = elem_is_real(op->opd[op->nopd - 1]->type->elem);
  if (op->code == OP_cast) return from_real != elem_is_real(op->res[0]->type->elem) ? COST_ROUND : 1;
  if (op->code == OP_div && op->opd[1]->def && op->opd[1]->def->code == OP_contract && op->opd[1]->def->opd[0]->type->rank == 0)
    return COST_STEADY;
  if (op->code == OP_mulz) return in_plain_loop(op) ? 1 : COST_MASKED;
  if (op->code == OP_clamp || op->code == OP_max || op->code == OP_min) return COST_MASKED;
  int cost = op_cost(op);
  return cost <= 1 ? cost : cost >= COST_CALL / 2 ? COST_CALL : COST_ROOT;
}

static bool same_where(const Where *a, const Where *b, int rank) {
  if (a->via != b->via) return false;
  for (int i = 0; i < rank; i++)
    if (a->at[i] != b->at[i] || a->by[i] != b->by[i]) return false;
  return true;
}

static Made *find_made(const Weigh *w, const Value *v, const Where *at) {
  for (Made *m = w->made[v->id]; m; m = m->next)
    if (m->nest == w->at && m->epoch == w->nest[m->nest].epoch && same_where(&m->where, at, v->type->rank)) return m;
  return NULL;
}

static bool loaded(const Weigh *w, const Value *v) {
  for (const Made *m = w->made[v->id]; m; m = m->next)
    if (m->nest == w->at && m->epoch == w->nest[m->nest].epoch && !m->home) return true;
  return false;
}

static Made *make(Weigh *w, const Value *v, const Where *at) {
  Made *m = NEW(w->p->ctx->arena, Made);
  *m = (Made){.where = *at, .nest = w->at, .epoch = w->nest[w->at].epoch, .next = w->made[v->id]};
  w->nest[w->at].made++;
  return w->made[v->id] = m;
}

static Where nowhere(const void *via) {
  Where x = {.via = via};
  memset(x.at, LEVEL_OTHER, sizeof x.at);
  return x;
}

static void follow(Weigh *w, Value *v, const Where *at, double turns);

static void shift(Weigh *w, Where *x, int axis, const Where *at, int from, Dim *by) {
  x->at[axis] = at->at[from];
  Dim *old = at->by[from] ? at->by[from] : dim_const(w->p->ctx, 0);
  x->by[axis] = dim_add(w->p->ctx, old, by);
  if (!x->by[axis] || dim_is(x->by[axis], 0)) x->by[axis] = NULL;
}

static void follow_slice(Weigh *w, Op *op, const Where *at, double turns) {
  Ctx *c = w->p->ctx;
  Where x = nowhere(at->via);
  for (int i = 0; i < op->res[0]->type->rank; i++) {
    Dim *start = op->u.slice.start[i];
    if (op->u.slice.stride[i] == 1) shift(w, &x, i, at, i, op->code == OP_slice ? start : dim_sub(c, dim_const(c, 0), start));
    else x.via = op;
  }
  follow(w, op->opd[0], &x, turns);
}

static void follow_concat(Weigh *w, Op *op, const Where *at, double turns) {
  Ctx *c = w->p->ctx;
  Dim *start = dim_const(c, 0);
  for (int k = 0; k < op->nopd; k++) {
    Where x = *at;
    shift(w, &x, op->u.axis, at, op->u.axis, dim_sub(c, dim_const(c, 0), start));
    Dim *size = op->opd[k]->type->dim[op->u.axis];
    follow(w, op->opd[k], &x, turns * size_of(size) / size_of(op->res[0]->type->dim[op->u.axis]));
    start = dim_add(c, start, size);
  }
}

static void follow_gather(Weigh *w, Op *op, const Where *at, double turns) {
  Where x = nowhere(op);
  int next = op->opd[1]->type->rank;
  for (int k = 1; k < op->nopd; k++) follow(w, op->opd[k], at, turns);
  for (int i = 0, k = 0; i < op->opd[0]->type->rank; i++) {
    if (k < op->u.index.naxis && op->u.index.axis[k] == i) {
      k++;
      continue;
    }
    x.at[i] = at->at[next];
    x.by[i] = at->by[next++];
  }
  follow(w, op->opd[0], &x, turns);
}

static void follow_contract(Weigh *w, Op *op, const Where *at, double turns) {
  for (int k = 0; k < op->nopd; k++) {
    Where x = nowhere(at->via);
    for (int i = 0; i < op->opd[k]->type->rank; i++)
      for (int j = 0; j < op->res[0]->type->rank; j++)
        if (op->u.contract.out[j] == op->u.contract.opd[k][i]) shift(w, &x, i, at, j, dim_const(w->p->ctx, 0));
    follow(w, op->opd[k], &x, turns);
  }
}

static void follow_reshape(Weigh *w, Op *op, const Where *at, double turns) {
  Where x = nowhere(op);
  ReshapeMap map;
  if (reshape_map(w->p->ctx, op->opd[0]->type, op->res[0]->type, &map)) {
    x.via = at->via;
    for (int i = 0; i < op->opd[0]->type->rank; i++) {
      if (map.n[i] == 1) shift(w, &x, i, at, map.first[i], dim_const(w->p->ctx, 0));
      else if (map.n[i] > 1) x.via = op;
    }
  }
  follow(w, op->opd[0], &x, turns);
}

static void follow_op(Weigh *w, Op *op, const Where *at, double turns) {
  w->nest[w->at].cost += own_cost(op) * turns;
  switch (op->code) {
  case OP_slice:
  case OP_embed: follow_slice(w, op, at, turns); return;
  case OP_concat: follow_concat(w, op, at, turns); return;
  case OP_gather: follow_gather(w, op, at, turns); return;
  case OP_contract: follow_contract(w, op, at, turns); return;
  case OP_reshape: follow_reshape(w, op, at, turns); return;
  default:
    for (int k = 0; k < op->nopd; k++) follow(w, op->opd[k], at, turns);
  }
}

/* The element of v there is wanted, so many times. */
static void follow(Weigh *w, Value *v, const Where *at, double turns) {
  Place place = w->p->value[v->id].place;
  if (v->type->rank == 0 || place == PLACE_CONST || w->nest[w->at].made > 4 * MOST_MADE) return;
  Where x = *at;
  for (int i = 0; i < v->type->rank; i++) {
    if (!dim_is(v->type->dim[i], 1)) continue;
    x.at[i] = LEVEL_UNIT;
    x.by[i] = NULL;
  }
  if (find_made(w, v, &x)) return;
  bool again = place != PLACE_VIRTUAL && loaded(w, v);
  make(w, v, &x);
  if (place == PLACE_VIRTUAL) follow_op(w, v->def, &x, turns);
  else w->nest[w->at].cost += turns * (again ? COST_AGAIN : x.via ? (load_cost(v->type) + 1) / 2 : load_cost(v->type));
}

/* ---- nests ----------------------------------------------------------------------------------------------------------------- */

static Where counters(const int8_t *level, const int8_t *label, int rank) {
  Where x = nowhere(NULL);
  for (int i = 0; i < rank; i++) x.at[i] = level[label ? label[i] : i];
  return x;
}

/* Checks in one loop ask for the same elements. */
static Where in_order(int rank) {
  Where x = nowhere(NULL);
  for (int i = 0; i < rank; i++) x.at[i] = (int8_t)i;
  return x;
}

static void follow_unit(Weigh *w, const Unit *u, double turns) {
  const Op *op = u->op;
  Where x = counters(u->level_of, NULL, MAX_RANK);
  switch (u->kind) {
  case UNIT_STORE:
    if (!op) follow(w, u->v, &x, turns);
    else if (!find_made(w, u->v, &x)) {
      make(w, u->v, &x)->home = true;
      follow_op(w, u->op, &x, turns);
    }
    return;
  case UNIT_REDUCE:
    for (int k = 0; k < op->nopd; k++) {
      Where y = counters(u->level_of, op->code == OP_contract ? op->u.contract.opd[k] : NULL, op->opd[k]->type->rank);
      follow(w, op->opd[k], &y, turns);
    }
    return;
  case UNIT_ADD:
    follow(w, scattered(op), &x, turns);
    for (int k = scatter_first(op); k < op->nopd; k++) follow(w, op->opd[k], &x, turns);
    return;
  case UNIT_UPDATE: follow(w, op->opd[1], &x, turns); return;
  default:
    for (int k = 0; op && k < op->nopd; k++) {
      Where y = u->kind == UNIT_EFFECT ? in_order(op->opd[k]->type->rank) : nowhere(u);
      follow(w, op->opd[k], &y, elements(op->opd[k]->type) * turns);
    }
    for (int k = 0; k < u->nread; k++) { /* by what its regions hold, too */
      Where y = nowhere(u);
      follow(w, u->read[k].v, &y, 0);
    }
  }
}

static void follow_units(Weigh *w, const Nest *n) {
  for (int k = 0; k < n->group->n; k++) {
    const Unit *u = n->group->unit[k];
    const Value *v = u->kind == UNIT_STORE && u->op ? u->v : NULL;
    if (v && w->p->producer[v->id] == u && w->p->value[v->id].place == PLACE_VIRTUAL) continue;
    double turns = n->turns;
    for (int l = 0; l < u->nlevel; l++) turns *= size_of(u->level[l]);
    follow_unit(w, u, turns);
  }
}

/* A nest, and those that share its loops. */
static void follow_nest(Weigh *w, int i) {
  Nest *n = &w->nest[i];
  w->at = i;
  n->epoch++;
  n->cost = n->made = 0;
  if (n->with != i) return;
  for (int k = 0; k <= i; k++)
    if (w->nest[k].with == i) follow_units(w, &w->nest[k]);
}

static void list_nests(Weigh *w, const Plan *p, double turns) {
  for (int g = 0, checks = 0; g < p->ngroup; g++, checks -= checks > 0) {
    if (!checks) checks = checks_in_one(p, g);
    int at = w->nnest, with = checks ? at + checks - 1 : at;
    PUSH(p->ctx->arena, w->nest, w->nnest, w->nest_cap) = (Nest){.group = &p->group[g], .plan = p, .turns = turns, .with = with};
    for (int i = 0; i < p->group[g].n; i++) {
      const Unit *u = p->group[g].unit[i];
      if (u->kind == UNIT_STORE && u->op) w->home[u->v->id] = at + 1;
      Dim *trips = u->op && op_is_loop(u->op) ? loop_turns(p->ctx, u->op) : NULL;
      for (int r = 0; r < 2; r++)
        if (u->sub[r]) list_nests(w, u->sub[r], turns * (trips ? size_of(trips) : op_is_loop(u->op) ? 100 : 1));
    }
  }
}

/* ---- the choice ------------------------------------------------------------------------------------------------------------ */

static bool is_open(const Weigh *w, const Value *v) {
  const ValueInfo *x = &w->p->value[v->id];
  return w->home[v->id] && x->place == PLACE_BUFFER && x->why == WHY_AGAIN && !x->forced && !x->expanded && !x->shared && x->result < 0;
}

/* Somebody loads it: it is not only read where it is made. */
static double store_of(const Weigh *w, const Value *v) {
  int home = w->home[v->id] - 1;
  if (home < 0 || w->p->value[v->id].place != PLACE_BUFFER) return 0;
  for (const Made *m = w->made[v->id]; m; m = m->next)
    if (m->epoch == w->nest[m->nest].epoch && !m->home) return store_cost(v->type) * elements(v->type) * w->nest[home].turns;
  return 0;
}

static double total(const Weigh *w, Value **open, int n) {
  double sum = 0;
  for (int i = 0; i < w->nnest; i++) sum += w->nest[i].cost;
  for (int i = 0; i < n; i++) sum += store_of(w, open[i]);
  return sum;
}

/* The nests where v is stored or loaded. */
static void mark_nests(const Weigh *w, const Value *v, bool *touched) {
  touched[w->home[v->id] - 1] = true;
  for (const Made *m = w->made[v->id]; m; m = m->next) touched[m->nest] |= m->epoch == w->nest[m->nest].epoch;
}

static bool too_long(const Weigh *w, const Nest *before) {
  for (int i = 0; i < w->nnest; i++)
    if (w->nest[i].made > MOST_MADE && w->nest[i].made > before[i].made) return true;
  return false;
}

/* Another choice: values are not stored any more, and one nest shares the loops of another, which read them (-1: none does). */
typedef struct Choice {
  Value **v;
  int n, nest, with;
} Choice;

static void choose(Weigh *w, const Choice *c, bool back, const bool *touched) {
  for (int i = 0; i < c->n; i++) w->p->value[c->v[i]->id].place = back ? PLACE_BUFFER : PLACE_VIRTUAL;
  if (c->with >= 0) w->nest[c->nest].with = back ? c->nest : c->with;
  for (int i = 0; i < w->nnest; i++)
    if (touched[i]) follow_nest(w, i);
}

/* Kept if all costs clearly less: of what is stored of open[0..n) too. */
static bool try_choice(Weigh *w, const Choice *c, Value **open, int n) {
  Arena *a = w->p->ctx->arena;
  bool *touched = NEW_N(a, bool, w->nnest);
  Nest *before = NEW_N(a, Nest, w->nnest);
  double cost = total(w, open, n), stores = 0;
  for (int i = 0; i < c->n; i++) {
    stores += store_of(w, c->v[i]);
    mark_nests(w, c->v[i], touched);
  }
  if (stores == 0) return false;
  if (c->with >= 0) touched[c->with] = true;
  memcpy(before, w->nest, sizeof *before * (size_t)w->nnest);
  choose(w, c, false, touched);
  if (!too_long(w, before) && total(w, open, n) + stores / 4 < cost) return true;
  choose(w, c, true, touched);
  return false;
}

static bool is_one_of(const Choice *c, const Value *v) {
  for (int i = 0; i < c->n; i++)
    if (c->v[i] == v) return true;
  return false;
}

/* Nest `to` reads nothing of nest `from` but what is not stored any more. */
static bool keeps_apart(const Weigh *w, const Choice *c, int from, int to) {
  for (int i = 0; i < w->nest[to].group->n; i++) {
    const Unit *u = w->nest[to].group->unit[i];
    for (int k = 0; k < u->nread; k++) {
      const Unit *maker = w->p->producer[u->read[k].v->id];
      for (int j = 0; maker && j < w->nest[from].group->n; j++)
        if (w->nest[from].group->unit[j] == maker && !is_one_of(c, u->read[k].v)) return false;
    }
  }
  return true;
}

/* Nest `to` reads nothing of the nests from `from` on that come before it. */
static bool can_come_early(const Weigh *w, const Choice *c, int from, int to) {
  for (int k = from; k < to; k++)
    if (!keeps_apart(w, c, k, to)) return false;
  return true;
}

static bool reads_any(const Weigh *w, const Choice *c, int nest) {
  for (int i = 0; i < c->n; i++)
    for (const Made *m = w->made[c->v[i]->id]; m; m = m->next)
      if (m->nest == nest && m->epoch == w->nest[nest].epoch && !m->home) return true;
  return false;
}

/* The last nest with the same loops that reads what c has computed again, if it can be where c's is then; -1: there is none. */
static int may_share(const Weigh *w, const Choice *c) {
  enum { FAR = 64 };
  const Nest *from = &w->nest[c->nest];
  const Unit *head = from->group->unit[0];
  for (int to = w->nnest; --to > c->nest;) {
    const Nest *n = &w->nest[to];
    if (n->plan != from->plan || n->with != to || !head->nlevel || !same_loops(n->group->unit[0], head) || !reads_any(w, c, to)) continue;
    return to - c->nest < FAR && can_come_early(w, c, c->nest, to) ? to : -1;
  }
  return -1;
}

/* One by one, readers before what they read; then what one nest stores, all at once, for its values may have much in common, and if
 * nothing of it is stored the nest may share the loops of its reader. */
static void try_all(Weigh *w, Value **open, int n) {
  Choice c = {.v = NEW_N(w->p->ctx->arena, Value *, n + 1), .with = -1};
  for (int i = n; i-- > 0;) {
    c.v[0] = open[i];
    c.n = 1;
    try_choice(w, &c, open, n);
  }
  for (c.nest = w->nnest; c.nest-- > 0;) {
    c.n = 0;
    for (int i = 0; i < n; i++)
      if (w->home[open[i]->id] == c.nest + 1 && store_of(w, open[i]) > 0) c.v[c.n++] = open[i];
    c.with = c.n ? may_share(w, &c) : -1;
    if (c.with >= 0 && try_choice(w, &c, open, n)) continue;
    c.with = -1;
    if (c.n > 1) try_choice(w, &c, open, n);
  }
}

static int list_open(const Weigh *w, const Region *r, Value **open, int n) {
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) n = list_open(w, op->reg[i], open, n);
    for (int i = 0; i < op->nres; i++)
      if (is_open(w, op->res[i])) open[n++] = op->res[i];
  }
  return n;
}

/* Units and nests as they would be. */
static Plan *trial_of(const Plan *p) {
  Arena *a = p->ctx->arena;
  Plan *t = NEW(a, Plan);
  *t = *p;
  t->root = t;
  t->value = NEW_N(a, ValueInfo, p->f->nvalue + 1);
  memcpy(t->value, p->value, sizeof *t->value * (size_t)p->f->nvalue);
  t->producer = NEW_N(a, Unit *, p->f->nvalue + 1);
  plan_ownership(t);
  plan_small(t);
  plan_units(t);
  return t;
}

static bool read_at_distance(const Weigh *w, const Value *v) {
  for (const Made *m = w->made[v->id]; m; m = m->next)
    for (int i = 0; i < v->type->rank; i++)
      if (m->where.by[i]) return true;
  return false;
}

/* Neighbours are read of something that could be computed again, by nests that cannot share its loops.  Other nests have rows and sums in
 * common, for which these costs are too rough: computing rows again made a loop twice as slow. */
static bool has_stencils(const Weigh *w, Value *const *open, int n) {
  for (int i = 0; i < n; i++)
    if (read_at_distance(w, open[i])) return true;
  return false;
}

static bool weigh_once(Plan *p) {
  Arena *a = p->ctx->arena;
  int nvalue = p->f->nvalue + 1;
  Weigh w = {.p = trial_of(p), .made = NEW_N(a, Made *, nvalue), .home = NEW_N(a, int, nvalue)};
  bool changed = false;
  list_nests(&w, w.p, 1);
  /* What its own nest alone reads is not stored in the trial; it may have to be when others read it there. */
  for (int i = 0; i < w.nnest; i++)
    for (int k = 0; k < w.nest[i].group->n; k++) {
      const Unit *u = w.nest[i].group->unit[k];
      if (u->kind == UNIT_STORE && u->op && p->value[u->v->id].place == PLACE_BUFFER) w.p->value[u->v->id].place = PLACE_BUFFER;
    }
  for (int i = 0; i < w.nnest; i++) follow_nest(&w, i);
  Value **open = NEW_N(a, Value *, nvalue);
  int n = list_open(&w, p->f->body, open, 0);
  if (!has_stencils(&w, open, n)) return false;
  try_all(&w, open, n);
  for (int i = 0; i < n; i++) {
    if (w.p->value[open[i]->id].place != PLACE_VIRTUAL) continue;
    p->value[open[i]->id].place = PLACE_VIRTUAL;
    changed = true;
  }
  return changed;
}

static bool any_open(const Plan *p) {
  for (int i = 0; i < p->f->nvalue; i++)
    if (p->value[i].place == PLACE_BUFFER && p->value[i].why == WHY_AGAIN) return true;
  return false;
}

/* What is computed again may let nests share loops, and so the next one; that ends, for nothing is stored again. */
void plan_weigh(Plan *p) {
  enum { ROUNDS = 3 };
  if (p->f->is_lean || p->f->nvalue > MOST_VALUES) return;
  for (int i = 0; i < ROUNDS && any_open(p) && weigh_once(p);) i++;
}
