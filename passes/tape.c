/* tape.c - what a loop stores for its adjoint: a minimum cut between what changes from iteration to iteration and what the adjoint
 * reads.
 * A node is a value of the copy of the primal body that stands at the beginning of the adjoint's body; its capacity is its size in
 * bytes, at nominal dimensions.  Carried values come from the source, as do costly values that the index or a carried value decides:
 * they are not computed twice, but for those much larger than what they are made of (the distances of n points from each other, and
 * functions of them), where doing it again takes no more than going to memory and may be fused with the rest.  A value that is cut
 * is stored by the primal loop in a tensor with one place an iteration, and read from there instead of computed.
 * A loop inside needs more than the primal has, its own tapes.  Either it is run again, from the state that is stored, or the primal
 * loop inside fills those tapes and they are stored: the second where it takes memory of the same order. */
#include "passes/flow.h"
#include "passes/pass.h"

enum { NOMINAL = 64, SAME_ORDER = NOMINAL / 4, EXPANDED = 4, SHORT_SUM = 16, FEW = 64, SOURCE = 0, SINK = 1, FIRST = 2 };

typedef struct Node {
  Value *primal; /* in the primal loop; NULL: only the copy has it, which may be a tape of a loop inside */
  Value *copy;
  bool varies;   /* with the iteration */
  bool kept;     /* the loop leaves it in a tensor anyway */
} Node;

typedef struct Cut {
  Tape *t;
  Ctx *ctx;
  Flow flow;
  Node *node;
  int nnode, cap;
  Value **from; /* by value id of a copy: what it is a copy of */
  int *of;      /* by value id: node + 1, or 0 */
  int64_t *base; /* by value id of a copy: bytes of what it is made of, the least; 0: not known yet */
  int *binder;  /* by symbol id: the node + 1 of the `sym` op's result */
  int to;       /* while visiting uses: the flow node that uses */
  bool *varies; /* while visiting uses: where to note that a varying value is used */
  bool again;   /* loops inside may be run again */
  bool inside;  /* there are such */
} Cut;

static int into(int i) { return FIRST + 2 * i; }
static int out_of(int i) { return FIRST + 2 * i + 1; }

/* ---- nodes ------------------------------------------------------------------------------------------------------------------- */

static void add_node(Cut *k, Value *primal, Value *copy, bool varies) {
  bool kept = primal && settled_keeps(k->t->d, k->t->map, k->t->rev, primal);
  PUSH(k->ctx->arena, k->node, k->nnode, k->cap) = (Node){primal, copy, varies, kept};
  k->of[copy->id] = k->nnode;
}

static void note_varying(void *env, Value *v) {
  Cut *k = env;
  if (k->of[v->id]) *k->varies |= k->node[k->of[v->id] - 1].varies;
}

static void note_varying_sym(void *env, Sym *s) {
  Cut *k = env;
  if (k->binder[s->id]) *k->varies |= k->node[k->binder[s->id] - 1].varies;
}

static bool op_varies(Cut *k, const Op *op) {
  bool varies = false;
  k->varies = &varies;
  op_each_use(op, note_varying, k);
  op_each_sym(op, note_varying_sym, k);
  return varies;
}

static bool is_copied(const Tape *t, const Op *op) { return op->nres && op->res[0]->id < t->ncopied && t->copied[op->res[0]->id]; }

static int states(const Tape *t) { return t->undo ? t->undo->n : 0; }

static void note_copy(Cut *k, Value *v) {
  Value *copy = clone_lookup(k->t->map, v), *other = states(k->t) ? clone_lookup(k->t->undo->map, v) : NULL;
  if (copy) k->from[copy->id] = v;
  if (other) k->from[other->id] = v;
}

static void note_copies(Cut *k, const Region *g) {
  for (int i = 0; i < g->nparam; i++) note_copy(k, g->param[i]);
  for (const Op *op = g->first; op; op = op->next) {
    for (int i = 0; i < op->nres; i++) note_copy(k, op->res[i]);
    for (int i = 0; i < op->nreg; i++) note_copies(k, op->reg[i]);
  }
}

static void find_nodes(Cut *k) {
  Tape *t = k->t;
  const Region *body = loop_body(t->primal);
  k->from = NEW_N(k->ctx->arena, Value *, t->d->func->nvalue + 1);
  note_copies(k, body);
  for (int i = loop_nindex(t->primal); i < body->nparam; i++) add_node(k, body->param[i], body->param[i], true);
  for (int i = 0; i < states(t); i++) add_node(k, NULL, t->undo->state[i].after, true);
  add_node(k, NULL, t->t, true); /* the iteration: known, but different each time */
  for (const Op *op = t->rev->first; op; op = op->next) {
    if (!is_copied(t, op)) continue;
    bool varies = op_varies(k, op);
    for (int i = 0; i < op->nres; i++) add_node(k, k->from[op->res[i]->id], op->res[i], varies);
    if (op->code == OP_sym) k->binder[op->u.sym->id] = k->nnode;
  }
}

/* ---- capacities ------------------------------------------------------------------------------------------------------------ */

static bool nominal(void *env, const Sym *s, int64_t *v) {
  (void)env;
  (void)s;
  *v = NOMINAL;
  return true;
}

static void note_inner_sym(void *env, Sym *s) {
  Cut *k = env;
  if (k->binder[s->id]) *k->varies = true;
}

/* What a tape that only the copy has holds in each iteration of its loop; NULL: v is no tape. */
static Value *taped(const Cut *k, const Value *v) {
  for (const Taped *t = k->t->d->taped; t; t = t->next)
    if (t->tape == v) return t->value;
  return NULL;
}

/* The primal has v, or could be made to have it. */
static bool can_mirror(const Cut *k, const Value *v) {
  for (; v; v = taped(k, v))
    if (k->from[v->id]) return true;
  return false;
}

/* Only a value that the primal loop has, of a shape that is the same in every iteration, can be stored. */
static bool can_store(Cut *k, const Node *n) {
  bool inner = false;
  k->varies = &inner;
  type_each_sym(n->copy->type, note_inner_sym, k);
  return (n->primal || can_mirror(k, n->copy)) && !inner && n->copy->type->rank < MAX_RANK;
}

double nominal_bytes(const Type *t) {
  double size = elem_size(t->elem);
  for (int a = 0; a < t->rank; a++) {
    int64_t v;
    size *= dim_eval(t->dim[a], nominal, NULL, &v) ? (double)(v > 0 ? v : 1) : NOMINAL;
  }
  return size;
}

static int64_t bytes(const Type *t) {
  double size = nominal_bytes(t);
  return size < (double)(FLOW_INFINITE >> 20) ? (int64_t)size : FLOW_INFINITE >> 20;
}

static bool is_cheap_map(Opcode code) {
  switch (code) {
  case OP_neg: case OP_abs: case OP_sign: case OP_floor: case OP_ceil: case OP_round: case OP_trunc: case OP_relu:
  case OP_stop_gradient: case OP_add: case OP_sub: case OP_mul: case OP_mulz: case OP_div: case OP_floordiv: case OP_mod:
  case OP_max: case OP_min: case OP_clamp: case OP_eq: case OP_ne: case OP_lt: case OP_le: case OP_gt: case OP_ge: case OP_and:
  case OP_or: case OP_not: case OP_select: case OP_cast: case OP_sqrt: return true;
  default: return false;
  }
}

/* A contraction that sums nothing is a product of broadcasts. */
static bool sums(const Op *op) {
  Con k = con_of(op);
  return con_summed(&k) != 0;
}

bool op_is_costly(const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_MAP: return !is_cheap_map(op->code);
  case FAM_CONTRACT: return sums(op);
  case FAM_REDUCE:
  case FAM_SCAN:
  case FAM_MATRIX:
  case FAM_CALL:
  case FAM_REGION: return true;
  default: return false;
  }
}

/* A branch, either way cheap. */
static bool is_cheap_choice(const Op *op) {
  if (op->code != OP_if) return false;
  for (int r = 0; r < 2; r++)
    for (const Op *in = op->reg[r]->first; in; in = in->next)
      if (op_is_costly(in) && !is_cheap_choice(in)) return false;
  return true;
}

/* A loop of which more is needed than the primal has: its tapes. */
static bool has_own_tapes(const Cut *k, const Op *op) {
  for (int i = 0; i < op->nres; i++)
    if (!k->node[k->of[op->res[i]->id] - 1].primal) return true;
  return false;
}

bool op_is_elementwise(const Op *op) {
  if (op_info[op->code].family != FAM_CONTRACT) return !op->nreg && (op_info[op->code].family == FAM_MAP || !op_is_costly(op));
  Con c = con_of(op);
  int64_t n = 1, m;
  for (int l = 0; l < c.nlabel; l++)
    if (con_summed(&c) >> l & 1) n *= dim_is_const(c.extent[l], &m) && n <= SHORT_SUM ? m : SHORT_SUM + 1;
  return n <= SHORT_SUM;
}

/* Of parts of something, the parts count, not the whole. */
static int64_t base_of(Cut *k, const Value *v) {
  const Op *op = v->def;
  int64_t own = bytes(v->type), sum = 0;
  if (!op || !k->of[v->id] || !op_is_elementwise(op)) return own;
  if (k->base[v->id]) return k->base[v->id];
  for (int i = 0; i < op->nopd && sum < own; i++) sum += base_of(k, op->opd[i]);
  return k->base[v->id] = sum < own ? sum + 1 : own;
}

/* What doing it again costs, in bytes stored. */
static int64_t cost_again(Cut *k, const Value *v) {
  const Op *op = v->def;
  if (!op_is_costly(op) || is_cheap_choice(op)) return 0;
  if (has_own_tapes(k, op)) {
    k->inside = true;
    return k->again ? 0 : FLOW_INFINITE;
  }
  bool expanded = op_is_elementwise(op) && EXPANDED * base_of(k, v) <= bytes(v->type);
  return expanded ? bytes(v->type) / 4 : FLOW_INFINITE;
}

/* ---- edges ------------------------------------------------------------------------------------------------------------------ */

static void edge_to_user(void *env, Value *v) {
  Cut *k = env;
  if (k->of[v->id]) flow_edge(&k->flow, out_of(k->of[v->id] - 1), k->to, FLOW_INFINITE);
}

static void edge_of_sym(void *env, Sym *s) {
  Cut *k = env;
  if (k->binder[s->id]) flow_edge(&k->flow, out_of(k->binder[s->id] - 1), k->to, FLOW_INFINITE);
}

static void add_uses(Cut *k, const Op *op, int to) {
  k->to = to;
  op_each_use(op, edge_to_user, k);
  op_each_sym(op, edge_of_sym, k);
}

/* The state after an iteration, which the adjoint's loop carries. */
static bool is_state(const Cut *k, const Value *v) {
  for (int i = 0; i < states(k->t); i++)
    if (k->t->undo->state[i].after == v) return true;
  return false;
}

/* Who reads it needs the one before too, for the next turn. */
static void add_edge_back(Cut *k, const State *s) {
  flow_edge(&k->flow, out_of(k->of[s->before->id] - 1), into(k->of[s->after->id] - 1), FLOW_INFINITE);
}

static void add_edges_of(Cut *k, int i) {
  const Node *n = &k->node[i];
  const Op *op = n->copy->def;
  bool stored = can_store(k, n) && !(op && op->code == OP_sym);
  flow_edge(&k->flow, into(i), out_of(i), !stored ? FLOW_INFINITE : n->kept ? 1 : bytes(n->copy->type));
  if (n->copy == k->t->t || is_state(k, n->copy)) return;
  if (!op || op->parent != k->t->rev) { /* a carried parameter */
    flow_edge(&k->flow, SOURCE, into(i), FLOW_INFINITE);
    return;
  }
  int64_t cost = stored && n->varies ? cost_again(k, n->copy) : 0;
  if (cost) flow_edge(&k->flow, SOURCE, into(i), cost);
  add_uses(k, op, into(i));
}

static void build_network(Cut *k, bool again) {
  Tape *t = k->t;
  k->again = again;
  k->flow = flow_new(k->ctx->arena, FIRST + 2 * k->nnode);
  for (int i = 0; i < k->nnode; i++) add_edges_of(k, i);
  for (const Op *op = t->rev->first; op; op = op->next)
    if (!is_copied(t, op)) add_uses(k, op, SINK);
  k->to = SINK;
  for (int i = 0; i < t->rev->nres - states(t); i++) edge_to_user(k, t->rev->res[i]);
  for (int i = 0; i < states(t); i++) add_edge_back(k, &t->undo->state[i]);
}

/* ---- storing and reading ------------------------------------------------------------------------------------------------- */

static Type *tape_type(Cut *k, Dim *room, const Type *t) {
  Dim *dim[MAX_RANK] = {room};
  for (int a = 0; a < t->rank; a++) dim[a + 1] = t->dim[a];
  return type_tensor(k->ctx, t->elem, t->rank + 1, dim);
}

/* The number of the iteration that the primal loop is in. */
static Value *iteration(Builder *b, const Op *loop) {
  int64_t x;
  if (loop->code == OP_while) return loop_carried(loop, find_counter(loop));
  Value *i = loop_body(loop)->param[0];
  if (!splat_int(loop->opd[0], &x) || x != 0) i = b_map2(b, OP_sub, i, loop->opd[0]);
  return splat_int(loop->opd[2], &x) && x == 1 ? i : b_map2(b, OP_floordiv, i, loop->opd[2]);
}

/* The parameter that is that number; NULL: it has to be computed. */
static const Value *known_iteration(const Op *loop) {
  int64_t lo, step;
  if (loop->code == OP_while) return loop_carried(loop, find_counter(loop));
  return splat_int(loop->opd[0], &lo) && lo == 0 && splat_int(loop->opd[2], &step) && step == 1 ? loop_body(loop)->param[0] : NULL;
}

/* A carried tensor into which the loop puts v already, each iteration its own; -1: there is none. */
static int find_tape(const Op *loop, const Value *v, const Type *type) {
  const Value *number = known_iteration(loop);
  for (int i = 0; i < loop->nres; i++) {
    const Op *set = loop_body(loop)->res[i]->def;
    if (loop->res[i]->type != type || !set || set->code != OP_set || set->opd[0] != loop_carried(loop, i) || set->opd[1] != v) continue;
    if (number && set->u.index.naxis == 1 && set->u.index.axis[0] == 0 && set->opd[2] == number) return i;
  }
  return -1;
}

static Value *mirrored(Cut *k, Value *copy);

void note_taped(Deriv *d, Value *tape, Value *value) {
  Taped *t = NEW(d->b.ctx->arena, Taped);
  *t = (Taped){tape, value, d->taped};
  d->taped = t;
}

/* A tape that the loop in a copy of a branch was given, for the loop in the branch itself. */
Value *tape_mirror(Deriv *d, CloneMap *map, const Region *branch, Value *tape) {
  Cut k = {.t = &(Tape){.d = d, .map = map}, .ctx = d->b.ctx};
  k.from = NEW_N(k.ctx->arena, Value *, d->func->nvalue + 1);
  note_copies(&k, branch);
  return can_mirror(&k, tape) ? mirrored(&k, tape) : NULL;
}

/* v is stored as soon as it is there: what stands for it in memory may then be written over. */
static Value *store(Cut *k, Op *loop, Type *type, Value *v) {
  int at = find_tape(loop, v, type), axis = 0;
  if (at >= 0) return loop->res[at];
  Builder before = {.ctx = k->ctx, .func = k->t->d->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  Value *p = loop_add_carried(loop, b_splat(&before, type, 0), "tape");
  Builder in = {.ctx = k->ctx, .func = k->t->d->func, .region = loop_body(loop), .loc = loop->loc};
  in.before = v->def && v->def->parent == in.region ? v->def->next : in.region->first;
  Value *t = iteration(&in, loop);
  region_add_result(loop_body(loop), b_set(&in, p, v, 1, &axis, &t));
  return loop->res[loop->nres - 1];
}

/* What the copy is a copy of.  A tape that a loop inside the copy was given, or a result that a branch was, is given to the primal
 * one as well. */
static Value *mirrored(Cut *k, Value *copy) {
  Value *have = k->from[copy->id];
  if (have) return have;
  Value *v = mirrored(k, taped(k, copy));
  Op *op = v->def ? v->def->parent->parent : v->region->parent;
  Value *made = op->code == OP_if ? if_yield(k->t->d, op, v) : store(k, op, copy->type, v);
  note_taped(k->t->d, made, v);
  return made;
}

static Value *store_node(Cut *k, const Node *n) {
  Op *loop = k->t->primal;
  Value *v = mirrored(k, n->copy), *tape;
  tape = store(k, loop, tape_type(k, k->t->room, v->type), v);
  note_taped(k->t->d, tape, v);
  return tape;
}

/* tape: NULL: it is in a tensor of the loop's own. */
static void read_back(Cut *k, const Node *n, Value *tape) {
  Tape *t = k->t;
  int axis = 0;
  Builder b = {.ctx = k->ctx, .func = t->d->func, .region = t->rev, .before = t->rev->first, .loc = t->primal->loc};
  Value *v = tape ? b_gather(&b, tape, 1, &axis, &t->t, NULL) : settled_read(t->d, &b, t->map, n->primal);
  region_replace_uses(t->rev, n->copy, v);
}

static bool is_cut(const bool *reaches, int i) { return !reaches[into(i)] && reaches[out_of(i)]; }

static double cut_bytes(const Cut *k, const bool *reaches) {
  double sum = 0;
  for (int i = 0; i < k->nnode; i++)
    if (is_cut(reaches, i) && !k->node[i].kept) sum += (double)bytes(k->node[i].copy->type);
  return sum;
}

/* An iteration's share of the tensors that are read where they stay: memory too, that is there for the whole loop. */
static double settled_bytes(const Cut *k, const Region *g, bool *seen) {
  double sum = 0;
  for (const Op *op = g->first; op; op = op->next) {
    for (int r = 0; r < op->nreg; r++) sum += settled_bytes(k, op->reg[r], seen);
    const Value *from = op->nres ? settled_source(k->t->d, op->res[0]) : NULL;
    if (!from || seen[from->id]) continue;
    seen[from->id] = true;
    sum += nominal_bytes(from->type) / NOMINAL;
  }
  return sum;
}

static const bool *least_cut(Cut *k) {
  build_network(k, true);
  const bool *least = flow_cut(&k->flow, SOURCE, SINK);
  if (!k->inside) return least;
  build_network(k, false);
  const bool *once = flow_cut(&k->flow, SOURCE, SINK);
  double kept = settled_bytes(k, k->t->rev, NEW_N(k->ctx->arena, bool, k->t->d->func->nvalue + 1));
  return cut_bytes(k, once) <= SAME_ORDER * (cut_bytes(k, least) + kept) ? once : least;
}

static bool is_few(const Type *t) {
  int64_t n = 1, m;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &m) || m > FEW) return false;
    n *= m;
  }
  return n <= FEW;
}

/* What is cut is no more than the tape may hold. */
static bool fits(const Cut *k, const bool *reaches) {
  for (int i = 0; i < k->nnode && k->t->few; i++)
    if (is_cut(reaches, i) && !k->node[i].kept && !is_few(k->node[i].copy->type)) return false;
  return true;
}

TapeCut tape_cut(Tape *t) {
  Cut k = {.t = t, .ctx = t->d->b.ctx};
  TapeCut cut = TAPE_NONE;
  k.of = NEW_N(k.ctx->arena, int, t->d->func->nvalue + 1);
  k.binder = NEW_N(k.ctx->arena, int, k.ctx->next_sym + 1);
  k.base = NEW_N(k.ctx->arena, int64_t, t->d->func->nvalue + 1);
  find_nodes(&k);
  const bool *reaches = least_cut(&k);
  if (!fits(&k, reaches)) return TAPE_TOO_LARGE;
  for (int i = 0; i < k.nnode; i++) {
    if (!is_cut(reaches, i)) continue;
    const Node *n = &k.node[i];
    read_back(&k, n, n->kept ? NULL : store_node(&k, n));
    if (!n->kept) cut = TAPE_STORED;
  }
  for (int i = 0; i < states(t); i++) {
    const State *state = &t->undo->state[i];
    if (reaches[into(k.of[state->before->id] - 1)]) t->rev->res[t->rev->nres - states(t) + i] = state->before;
  }
  return cut;
}
