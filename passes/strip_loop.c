/* strip_loop.c - one stage of a strip as a loop over blocks of the axis that is cut.
 *
 * Requires: stages (strip_class.c).  Ensures: what others want of the stage's values are the loop's results: an entry of a block is
 * stored by set_slice, a fold takes in the block's.  The original operations stay, dead, before the loop.
 *
 * In a block of many entries the axis that is cut comes last (strip_turn.c): there it is in vector lanes, however short the others are,
 * and what is cut from such tensors along the others lies in one piece. */
#include "passes/strip.h"
#include <math.h>
#include <stdlib.h>

/* ---- order -------------------------------------------------------------------------------------------------------------- */

static int order_key(const Item *it) { return it->role == ROLE_NONE || it->free ? 2 * it->ready : 2 * it->stage + 1; }

void strip_order(Strip *s) {
  Region *g = s->region;
  int most = 0;
  for (int i = 0; i < s->n; i++)
    if (order_key(&s->item[i]) > most) most = order_key(&s->item[i]);
  g->first = g->last = NULL;
  for (int key = 0; key <= most; key++)
    for (int i = 0; i < s->n; i++) {
      Op *op = s->item[i].op;
      if (order_key(&s->item[i]) != key) continue;
      op->prev = g->last;
      op->next = NULL;
      *(g->last ? &g->last->next : &g->first) = op;
      g->last = op;
    }
}

static Op *first_after(const Strip *s, int stage) {
  for (Op *op = s->region->first; op; op = op->next) {
    const Item *it = op->nres ? maker(s, op->res[0]) : NULL;
    for (int i = 0; !it && i < s->n; i++)
      if (s->item[i].op == op) it = &s->item[i];
    if (it && order_key(it) > 2 * stage + 1) return op;
  }
  return NULL;
}

/* ---- a block ------------------------------------------------------------------------------------------------------------ */

typedef struct Block {
  Strip *s;
  Builder b;
  CloneMap *map[2]; /* of values of this stage, and of what is done again: by whether the axis comes last */
  Dim *start, *width;
  int stage;
  bool turn;  /* the axis comes last in what is made here */
  bool lanes; /* all else is short */
  bool picks; /* something made here is gathered */
} Block;

static Type *cut_type(Ctx *c, const Type *t, int axis, Dim *width) {
  Dim *dim[MAX_RANK];
  for (int a = 0; a < t->rank; a++) dim[a] = a == axis ? width : t->dim[a];
  return type_tensor(c, t->elem, t->rank, dim);
}

static void window(Block *k, const Type *t, int axis, Dim **start, int64_t *stride) {
  for (int a = 0; a < t->rank; a++) {
    start[a] = a == axis ? k->start : dim_const(k->b.ctx, 0);
    stride[a] = 1;
  }
}

static Value *load_block(Block *k, Value *v, int axis) {
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  window(k, v->type, axis, start, stride);
  return b_slice(&k->b, v, start, stride, cut_type(k->b.ctx, v->type, axis, k->width)->dim);
}

static Value *clone_item(Block *k, Item *it, bool turned);

static bool made_here(const Block *k, const Item *it, int i) {
  const Item *m = maker(k->s, it->op->opd[i]);
  return is_together(k->s, it, i) && (m->free || m->stage == k->stage);
}

/* What is computed again is made as it is wanted, all else only once. */
static bool made_turned(const Block *k, const Item *m, bool wanted) { return can_turn(m->op) && (m->free ? wanted : k->turn); }

/* The item's block, with its axis last or as it is. */
static Value *made(Block *k, Item *m, bool turned) {
  Value *v = m->op->res[0], *to = clone_lookup(k->map[turned], v);
  if (to) return to;
  bool as = made_turned(k, m, turned);
  to = clone_lookup(k->map[as], v);
  if (!to) clone_map_value(k->map[as], v, to = clone_item(k, m, as));
  if (as == turned) return to;
  to = turned ? turn(&k->b, to, m->axis) : turn_back(&k->b, to, m->axis);
  clone_map_value(k->map[turned], v, to);
  return to;
}

/* Blocks along another axis than the value's own are loaded for each reader. */
static Value *loaded(Block *k, Value *v, int axis, bool turned) {
  bool own = k->s->cut[v->id] == axis;
  Value *to = own ? clone_lookup(k->map[turned], v) : NULL;
  if (to) return to;
  to = load_block(k, v, axis);
  if (turned) to = turn(&k->b, to, axis);
  if (own && k->turn) clone_map_value(k->map[turned], v, to);
  return to;
}

/* Sums of counters, as indices of neighbours are. */
static bool is_counted(const Value *v) {
  const Op *op = v->def;
  if (!op || op->nres != 1 || !elem_is_int(v->type->elem)) return false;
  bool is = op->code == OP_iota || op->code == OP_const || op->code == OP_add || op->code == OP_sub || is_relabel(v);
  for (int i = 0; is && i < op->nopd; i++) is = is_counted(op->opd[i]);
  return is;
}

/* Made again in the loop, where the axes that are not cut may be cut in turn. */
static Value *counted(Block *k, Value *v) {
  Value *to = clone_lookup(k->map[0], v);
  if (to) return to;
  for (int i = 0; i < v->def->nopd; i++) clone_map_value(k->map[0], v->def->opd[i], counted(k, v->def->opd[i]));
  clone_op(k->map[0], &k->b, v->def);
  return clone_lookup(k->map[0], v);
}

/* The block of operand i that the operation takes.  What is made in an operand's place reads it there. */
static Value *block_of(Block *k, const Item *it, int i, bool turned) {
  Value *v = it->op->opd[i];
  if (it->opd[i] < 0) return k->picks && degree(v->type) && is_counted(v) ? counted(k, v) : v;
  if (i == it->onto) return turned ? turn(&k->b, load_block(k, it->held, it->opd[i]), it->opd[i]) : load_block(k, it->held, it->opd[i]);
  return made_here(k, it, i) ? made(k, maker(k->s, v), turned) : loaded(k, v, it->opd[i], turned);
}

static Value *shifted(Block *k, Value *iota) {
  Value *at = b_cast(&k->b, b_dim(&k->b, k->start), iota->type->elem);
  return b_map2(&k->b, OP_add, iota, b_broadcast_scalar(&k->b, at, iota->type));
}

/* A sum over the block of a product reads the operand that has the result's columns by them, if it can be had so. */
static bool wants_turned(const Block *k, const Item *it, int i) {
  if (it->opd[i] < 0) return false;
  bool at_hand = made_here(k, it, i) && !maker(k->s, it->op->opd[i])->free;
  return at_hand || it->role != ROLE_FOLD || !columns_last(it->op, i);
}

static Value *clone_item(Block *k, Item *it, bool turned) {
  Op *op = it->op;
  Ctx *c = k->b.ctx;
  Value **opd = NEW_N(c->arena, Value *, op->nopd + 1);
  int8_t *at = NEW_N(c->arena, int8_t, op->nopd + 1); /* by operand: the axis that was moved to the end; -1: none */
  for (int i = 0; i < op->nopd; i++) {
    bool last = turned && wants_turned(k, it, i);
    opd[i] = block_of(k, it, i, last);
    at[i] = last ? it->opd[i] : -1;
  }
  k->b.loc = op->loc;
  Type *t = it->role == ROLE_FOLD ? op->res[0]->type : cut_type(c, op->res[0]->type, it->axis, k->width);
  int axis = turned && it->role == ROLE_EACH ? it->axis : -1;
  Op *copy = b_op(&k->b, op->code, op->nopd, opd, 1, (Type *[]){turned_type(c, t, axis)});
  copy->u = op->u;
  turn_attributes(c, copy, op, axis, at);
  copy->res[0]->name = op->res[0]->name;
  return op->code == OP_iota && op->u.axis == it->axis ? shifted(k, copy->res[0]) : copy->res[0];
}

/* ---- what leaves the loop ----------------------------------------------------------------------------------------------- */

static Opcode fold_with(Opcode op) {
  switch (op) {
  case OP_rmax: return OP_max;
  case OP_rmin: return OP_min;
  case OP_rprod: return OP_mul;
  case OP_rany: return OP_or;
  case OP_rall: return OP_and;
  default: return OP_add;
  }
}

/* The value of a fold over nothing. */
static Value *neutral(Builder *b, const Op *op) {
  const Type *t = op->res[0]->type;
  bool max = op->code == OP_rmax, one = op->code == OP_rprod || op->code == OP_rall;
  if (op->code != OP_rmax && op->code != OP_rmin) return b_splat(b, t, one);
  if (elem_is_real(t->elem)) return b_splat(b, t, max ? -INFINITY : INFINITY);
  int64_t least = t->elem == I32 ? INT32_MIN : INT64_MIN, most = t->elem == I32 ? INT32_MAX : INT64_MAX;
  return b_broadcast_scalar(b, b_cast(b, b_int(b, max ? least : most), t->elem), t);
}

/* ---- sums at computed places -------------------------------------------------------------------------------------------- */

/* What a block adds, where, and under which mask, or NULL. */
typedef struct Added { Value *u, *idx[MAX_RANK], *mask; } Added;

static Added added(Block *k, Item *it) {
  const Op *op = it->op;
  int first = scatter_first(op), n = op->u.index.naxis;
  Added a = {.u = block_of(k, it, first - 1, false)};
  for (int i = 0; i < n; i++) a.idx[i] = block_of(k, it, first + i, false);
  if (op->u.index.masked) a.mask = block_of(k, it, first + n, false);
  return a;
}

/* The first n axes as one. */
static Value *flat(Block *k, Value *v, int n) {
  Dim *dim[MAX_RANK] = {dim_const(k->b.ctx, 1)};
  for (int a = 0; a < n; a++) dim[0] = dim_mul(k->b.ctx, dim[0], v->type->dim[a]);
  for (int a = n; a < v->type->rank; a++) dim[1 + a - n] = v->type->dim[a];
  return b_reshape(&k->b, v, v->type->rank - n + 1, dim);
}

/* One after another: what an iteration in lanes leaves, it leaves by one operation. */
static Added added_together(Block *k, int n, const Op *op, Added *a) {
  Value **part = NEW_N(k->b.ctx->arena, Value *, n);
  bool masked = false;
  Added all = {0};
  for (int i = 0; i < n; i++) masked |= a[i].mask != NULL;
  for (int i = 0; i < n; i++) part[i] = flat(k, a[i].u, a[i].idx[0]->type->rank);
  all.u = b_concat(&k->b, n, part, 0);
  for (int x = 0; x < op->u.index.naxis; x++) {
    for (int i = 0; i < n; i++) part[i] = flat(k, a[i].idx[x], a[i].idx[x]->type->rank);
    all.idx[x] = b_concat(&k->b, n, part, 0);
  }
  for (int i = 0; masked && i < n; i++) {
    const Type *t = a[i].idx[0]->type;
    part[i] = flat(k, a[i].mask ? a[i].mask : b_splat(&k->b, type_with_elem(k->b.ctx, t, BOOL), 1), t->rank);
  }
  if (masked) all.mask = b_concat(&k->b, n, part, 0);
  return all;
}

/* `it` and those that it adds onto, the first of them first. */
static int chain_of(const Block *k, Item *it, Item **chain) {
  int n = 0;
  for (Item *m = it; m && m->stage == k->stage; m = adds_onto(k->s, m)) n++;
  for (int i = n; i-- > 0; it = adds_onto(k->s, it)) chain[i] = it;
  return n;
}

static Value *add_at_places(Block *k, Item *it, Value *acc) {
  Arena *arena = k->b.ctx->arena;
  const Op *op = it->op;
  Item **chain = NEW_N(arena, Item *, k->s->n);
  int n = chain_of(k, it, chain);
  Added *a = NEW_N(arena, Added, n);
  for (int i = 0; i < n; i++) a[i] = added(k, chain[i]);
  if (k->lanes && n > 1) a[0] = added_together(k, n, op, a), n = 1;
  for (int i = 0; i < n; i++) acc = b_scatter_acc(&k->b, acc, a[i].u, op->u.index.naxis, op->u.index.axis, a[i].idx, a[i].mask);
  return acc;
}

/* What a sum begins with. */
static Value *begun(Builder *b, const Strip *s, Item *it, int stage) {
  Item *m = it;
  for (Item *next = it; next && next->stage == stage; next = adds_onto(s, next)) m = next;
  return m->op->code == OP_scatter_acc ? m->op->opd[0] : neutral(b, m->op);
}

static Value *take_in(Block *k, Item *it, Value *acc) {
  const Op *op = it->op;
  if (op_is_scatter(op)) return add_at_places(k, it, acc);
  return b_map2(&k->b, fold_with(op->code), acc, clone_item(k, it, k->turn && can_turn(op)));
}

static bool leaves(const Item *it, int stage) {
  return it->role != ROLE_NONE && !it->free && it->stage == stage && it->kept;
}

/* An operand of the result's type that is at hand before the loop, read in step, and by nobody else. */
static int find_onto(const Strip *s, const Item *it) {
  const Op *op = it->op;
  for (int k = 0; it->role == ROLE_EACH && op_info[op->code].family == FAM_MAP && k < op->nopd; k++) {
    const Value *v = op->opd[k];
    if (v->type != op->res[0]->type || is_together(s, it, k) || (!v->def && !v->region->parent)) continue;
    if (region_of(v) == s->region && region_count_uses(s->region, v) == 1) return k;
  }
  return -1;
}

static void fill(Block *k, Region *body, const Op *loop) {
  Strip *s = k->s;
  Value **next = NEW_N(s->ctx->arena, Value *, loop->nres + 1);
  int n = 0;
  for (int i = 0; i < s->n; i++) {
    Item *it = &s->item[i];
    if (!leaves(it, k->stage)) continue;
    Value *held = it->held = body->param[1 + n];
    if (it->role == ROLE_FOLD) next[n++] = take_in(k, it, held);
    else {
      Dim *start[MAX_RANK];
      int64_t stride[MAX_RANK];
      window(k, held->type, it->axis, start, stride);
      next[n++] = b_set_slice(&k->b, held, made(k, it, false), start, stride);
    }
  }
  region_set_results(body, n, next);
}

static Sym *bound(Ctx *c, Block *k, Value *v, const char *name, int64_t most) {
  Sym *s = sym_new(c, SYM_VALUE, name, k->b.loc);
  s->nonneg = true;
  s->most = most;
  b_sym(&k->b, v, s);
  return s;
}

static bool picks(const Strip *s, int stage) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_EACH && !it->free && it->stage == stage && it->op->code == OP_gather) return true;
  }
  return false;
}

/* Block t begins at entry t * width; the last one may be shorter. */
void strip_loop(Strip *s, int stage, int64_t width, bool lanes) {
  Ctx *c = s->ctx;
  Builder b = {.ctx = c, .func = s->f, .region = s->region, .before = first_after(s, stage)};
  Value **init = NEW_N(c->arena, Value *, s->n + 1);
  int n = 0;
  for (int i = 0; i < s->n; i++) {
    Item *it = &s->item[i];
    if (!leaves(it, stage)) continue;
    b.loc = it->op->loc;
    it->onto = find_onto(s, it);
    init[n++] = it->role == ROLE_FOLD ? begun(&b, s, it, stage)
                : it->onto >= 0       ? it->op->opd[it->onto]
                                      : b_splat(&b, it->op->res[0]->type, 0);
  }
  if (!n) return;
  Dim *w = dim_const(c, width), *blocks = dim_floordiv(c, dim_add(c, s->extent, dim_const(c, width - 1)), w);
  Op *loop = b_for(&b, b_int(&b, 0), b_dim(&b, blocks), b_int(&b, 1), n, init);
  loop->u.loop.parallel = true;
  Region *body = loop->reg[0];
  Block k = {.s = s, .b = b_inside(&b, body), .stage = stage, .width = w, .turn = width > 1, .lanes = lanes,
             .picks = picks(s, stage)};
  for (int i = 0; i < 2; i++) k.map[i] = clone_map_new(c, s->f, s->f);
  k.start = dim_mul(c, dim_sym(c, bound(c, &k, body->param[0], "i", 0)), w);
  if (width > 1) {
    Value *left = b_dim(&k.b, dim_min(c, w, dim_sub(c, s->extent, k.start)));
    k.width = dim_sym(c, bound(c, &k, left, "width", width));
  }
  fill(&k, body, loop);
  strip_admit(s);
  n = 0;
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (!leaves(it, stage)) continue;
    Value *r = it->op->res[0];
    s->cut[loop->res[n]->id] = s->cut[r->id];
    region_replace_uses(s->region, r, loop->res[n++]);
  }
}
