/* beside.c - the iterations of a strip side by side, where the loops inside them are short.
 *
 * A strip's iteration is one point, and the loop in it, over centres say, is in lanes.  How many centres there are only a run can tell; a
 * few of them do not fill a vector.  Points do: eight of them are a block, as in abreast.c, whose operations are used here, and go through
 * the centres one after another.  Which it is to be is asked before the strip:
 *
 *     for i in 0..n {parallel} (acc)              few = n >= 8 and k < 64
 *       for j in 0..k {parallel} …        ═►      for b in 0..n // 8 {parallel} (acc)          if few
 *                                                   for j in 0..k …: f64[8]
 *                                                 for i in (few ? n - n % 8 : 0)..n {parallel} (acc)
 *                                                   for j in 0..k {parallel} …
 *
 * What the loops inside add to for each of their own turns (a centre's gradient) has a place for each lane until all blocks are done.
 * There k is min(k, 63) in all types, so that what is stored for each turn and lane stays small however large k is.
 * Requires: loops made by strips.  Ensures: the same results, up to the order of sums. */
#include "passes/abreast.h"

enum { LANES = 8, FLOAT_LANES = 16, SHORT = 64, MOST_OPS = 400, MOST_SHORT = 4 };

typedef enum { OUT_NONE, OUT_ENTRY, OUT_FEW, OUT_TABLE, OUT_SUM } Out;

typedef struct Beside {
  Abreast t;
  int nshort;
  Sym *few[MOST_SHORT]; /* the lengths of the loops inside */
  Out *out;             /* by what the loop carries */
} Beside;

/* ---- which strips --------------------------------------------------------------------------------------------------------- */

static Sym *only_symbol(const Dim *d) {
  if (!d || d->nterm != 1 || d->den != 1 || d->term[0].coef != 1 || d->term[0].nfactor != 1) return NULL;
  return d->term[0].factor[0]->kind == ATOM_SYM ? d->term[0].factor[0]->sym : NULL;
}

static bool counts_up(Ctx *c, const Op *loop, Dim **n) {
  int64_t lo, step;
  *n = loop->code == OP_for && loop->u.loop.parallel ? value_dim(c, loop->opd[1]) : NULL;
  return *n && splat_int(loop->opd[0], &lo) && lo == 0 && splat_int(loop->opd[2], &step) && step == 1;
}

static bool is_few(const Beside *s, const Sym *k) {
  for (int i = 0; i < s->nshort; i++)
    if (s->few[i] == k) return true;
  return false;
}

/* The loops in g are over axes that a run may find short, and not over the strip's. */
static bool loops_may_be_short(Beside *s, const Region *g) {
  for (const Op *op = g->first; op; op = op->next) {
    Dim *n;
    if (!op->nreg) continue;
    Sym *k = counts_up(s->t.ctx, op, &n) ? only_symbol(n) : NULL;
    if (!k || k->kind == SYM_VALUE || dim_mentions(s->t.n, k) || !loops_may_be_short(s, op->reg[0])) return false;
    if (is_few(s, k)) continue;
    if (s->nshort == MOST_SHORT) return false;
    s->few[s->nshort++] = k;
  }
  return true;
}

static Sym *index_of(const Op *loop) {
  for (const Op *op = loop->reg[0]->first; op; op = op->next)
    if (op->code == OP_sym && op->opd[0] == loop->reg[0]->param[0]) return op->u.sym;
  return NULL;
}

/* ---- what leaves ---------------------------------------------------------------------------------------------------------- */

/* A few numbers for each turn of the loops inside. */
static bool is_table(const Beside *s, const Type *t) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (dim_is_const(t->dim[a], &d)) n *= d;
    else if (!only_symbol(t->dim[a]) || !is_few(s, only_symbol(t->dim[a]))) return false;
  }
  return n <= LANE_FEW;
}

static bool goes_round_inside(const Region *body, const Value *held) {
  for (const Op *op = body->first; op; op = op->next)
    for (int k = 0; op->nreg && k < op->nopd; k++)
      if (op->opd[k] == held) return true;
  return false;
}

static bool is_added_to(const Op *loop, int k) {
  const Op *next = loop->reg[0]->res[k]->def;
  return elem_is_real(loop->res[k]->type->elem) && entries_grow(loop, k) && (loop->res[k]->type->rank || (next && next->code == OP_add));
}

static Out out_of(const Beside *s, int k) {
  const Op *loop = s->t.loop;
  const Value *held = loop->reg[0]->param[1 + k];
  if (lane_sets_window(&s->t, k)) return OUT_ENTRY;
  if (!is_added_to(loop, k)) return OUT_NONE;
  if (lane_is_few(held->type)) return OUT_FEW;
  return goes_round_inside(loop->reg[0], held) ? (is_table(s, held->type) ? OUT_TABLE : OUT_NONE) : OUT_SUM;
}

static bool can_be_beside(Beside *s) {
  Abreast *t = &s->t;
  Op *loop = t->loop;
  const Region *body = loop->reg[0];
  int64_t n;
  if (!counts_up(t->ctx, loop, &t->n) || !loop->nres || dim_is_const(t->n, &n)) return false;
  t->index = index_of(loop);
  if (!t->index || region_count_ops(body) > MOST_OPS || !loops_may_be_short(s, body) || !s->nshort) return false;
  t->width = dim_const(t->ctx, region_has_doubles(body) ? LANES : FLOAT_LANES);
  t->varies[body->param[0]->id] = true;
  s->out = NEW_N(t->ctx->arena, Out, loop->nres);
  for (int k = 0; k < loop->nres; k++) {
    s->out[k] = out_of(s, k);
    if (s->out[k] == OUT_NONE) return false;
    (s->out[k] == OUT_SUM ? t->sums : t->varies)[body->param[1 + k]->id] = true;
  }
  return abreast_fits(t);
}

/* ---- sizes that are short ------------------------------------------------------------------------------------------------- */

static bool mentions_short(const Beside *s, const Type *type) {
  for (int a = 0; a < type->rank; a++)
    for (int i = 0; i < s->nshort; i++)
      if (dim_mentions(type->dim[a], s->few[i])) return true;
  return false;
}

static Value *shortened(Beside *s, Builder *b, Value *v) {
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  Type *t = clone_type(s->t.map, v->type);
  for (int a = 0; a < t->rank; a++) {
    start[a] = dim_const(b->ctx, 0);
    stride[a] = 1;
  }
  return b_slice(b, v, start, stride, t->dim);
}

/* What comes from around is cut to the lengths that it has anyway. */
static void shorten_operands(Beside *s, Builder *b, const Region *g) {
  const Region *body = s->t.loop->reg[0];
  for (const Op *op = g->first; op; op = op->next) {
    for (int k = 0; k < op->nopd; k++) {
      Value *v = op->opd[k];
      if (region_within(region_of(v), body) || clone_lookup(s->t.map, v) || !mentions_short(s, v->type)) continue;
      clone_map_value(s->t.map, v, shortened(s, b, v));
    }
    for (int r = 0; r < op->nreg; r++) shorten_operands(s, b, op->reg[r]);
  }
}

/* ---- the loop over blocks ------------------------------------------------------------------------------------------------- */

static Value *init_of(const Beside *s, int k) { return s->t.loop->opd[loop_ninit(s->t.loop) + k]; }

static void begin_block(Beside *s, Builder *b, Value *block) {
  Abreast *t = &s->t;
  int64_t lanes;
  dim_is_const(t->width, &lanes);
  Sym *at = sym_new(t->ctx, SYM_VALUE, "block", b->loc);
  at->nonneg = true;
  b_sym(b, block, at);
  t->at = dim_mul(t->ctx, dim_sym(t->ctx, at), t->width);
  t->first = b_dim(b, t->at);
  Value *i = b_iota(b, type_tensor(t->ctx, I64, 1, &t->width), 0);
  clone_map_value(t->map, t->loop->reg[0]->param[0], b_map2(b, OP_add, b_broadcast_scalar(b, t->first, i->type), i));
}

static void fill_block(Beside *s, Builder *b, Op *made) {
  Abreast *t = &s->t;
  Region *from = t->loop->reg[0], *to = made->reg[0];
  Value **res = NEW_N(t->ctx->arena, Value *, made->nres + 1);
  begin_block(s, b, to->param[0]);
  for (int k = 0; k < made->nres; k++) {
    bool own = s->out[k] == OUT_FEW;
    clone_map_value(t->map, from->param[1 + k], own ? b_splat(b, to->param[1 + k]->type, 0) : to->param[1 + k]);
  }
  for (Op *op = from->first; op; op = op->next)
    if (!lane_leaves(t, op)) lane_op(t, b, op, NULL);
    else if (op->code == OP_slice) clone_map_value(t->map, op->res[0], lane_read_window(t, b, op));
  for (int k = 0; k < made->nres; k++) {
    Value *held = to->param[1 + k];
    if (s->out[k] == OUT_ENTRY) res[k] = lane_write_window(t, b, lane_sets_window(t, k), held);
    else if (s->out[k] == OUT_SUM) res[k] = lane_image(t, from->res[k]);
    else res[k] = s->out[k] == OUT_TABLE ? lane_full(t, b, from->res[k]) : b_map2(b, OP_add, held, lane_full(t, b, from->res[k]));
  }
  region_set_results(to, made->nres, res);
}

/* … and what the lanes have, added up. */
static Value *with_total(Beside *s, Builder *b, int k, Value *lanes) {
  Value *init = init_of(s, k), *sum = lane_total(&s->t, b, lanes);
  if (s->out[k] == OUT_FEW) return b_map2(b, OP_add, init, sum);
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  for (int a = 0; a < init->type->rank; a++) {
    start[a] = dim_const(b->ctx, 0);
    stride[a] = 1;
  }
  Value *before = b_slice(b, init, start, stride, sum->type->dim);
  return b_set_slice(b, init, b_map2(b, OP_add, before, sum), start, stride);
}

static void in_blocks(Beside *s, Builder *b, Value **res) {
  Abreast *t = &s->t;
  Op *loop = t->loop;
  Value **init = NEW_N(t->ctx->arena, Value *, loop->nres + 1);
  t->map = clone_map_new(t->ctx, t->func, t->func);
  for (int i = 0; i < s->nshort; i++)
    clone_map_sym(t->map, s->few[i], dim_min(t->ctx, dim_sym(t->ctx, s->few[i]), dim_const(t->ctx, SHORT - 1)));
  shorten_operands(s, b, loop->reg[0]);
  for (int k = 0; k < loop->nres; k++) {
    bool lanes = s->out[k] == OUT_FEW || s->out[k] == OUT_TABLE;
    init[k] = lanes ? b_splat(b, lane_type(t, loop->res[k]->type), 0) : init_of(s, k);
  }
  Op *made = b_for(b, b_int(b, 0), b_dim(b, dim_floordiv(t->ctx, t->n, t->width)), b_int(b, 1), loop->nres, init);
  made->u.loop.parallel = true;
  Builder in = b_inside(b, made->reg[0]);
  fill_block(s, &in, made);
  for (int k = 0; k < loop->nres; k++)
    res[k] = s->out[k] == OUT_FEW || s->out[k] == OUT_TABLE ? with_total(s, b, k, made->res[k]) : made->res[k];
}

static Value *is_worth_it(const Beside *s, Builder *b) {
  Value *is = b_map2(b, OP_ge, b_dim(b, s->t.n), b_dim(b, s->t.width));
  for (int i = 0; i < s->nshort; i++)
    is = b_map2(b, OP_and, is, b_map2(b, OP_lt, b_dim(b, dim_sym(b->ctx, s->few[i])), b_int(b, SHORT)));
  return is;
}

static void beside(Beside *s) {
  Abreast *t = &s->t;
  Op *loop = t->loop;
  Builder b = {.ctx = t->ctx, .func = t->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  Value **res = NEW_N(t->ctx->arena, Value *, loop->nres + 1), *few = is_worth_it(s, &b);
  Type **type = NEW_N(t->ctx->arena, Type *, loop->nres + 1);
  for (int k = 0; k < loop->nres; k++) type[k] = loop->res[k]->type;
  Op *choice = b_if(&b, few, loop->nres, type);
  Builder blocks = b_inside(&b, choice->reg[0]);
  in_blocks(s, &blocks, res);
  region_set_results(choice->reg[0], loop->nres, res);
  for (int k = 0; k < loop->nres; k++) res[k] = init_of(s, k);
  region_set_results(choice->reg[1], loop->nres, res);
  Dim *done = dim_mul(t->ctx, dim_floordiv(t->ctx, t->n, t->width), t->width);
  loop->opd[0] = b_select(&b, few, b_dim(&b, done), loop->opd[0]);
  for (int k = 0; k < loop->nres; k++) loop->opd[loop_ninit(loop) + k] = choice->res[k];
}

static bool beside_in(Func *f, Region *g) {
  bool any = false;
  for_each_op(op, g) {
    if (!op->nreg) continue;
    Beside s = {.t = abreast_open(f, op)};
    if (can_be_beside(&s)) {
      beside(&s);
      any = true;
      continue;
    }
    for (int i = 0; i < op->nreg; i++) any |= beside_in(f, op->reg[i]);
  }
  return any;
}

void pass_beside(Func *f) {
  if (!f->is_lean && beside_in(f, f->body)) pass_dce(f);
}
