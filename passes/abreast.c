/* abreast.c - iterations that do not depend on each other, with long loops of their own inside, are run several at a time.
 *
 * An ensemble: many systems, each integrated by a loop, or solved for by iterations.  Where each iteration of a loop only reads and sets
 * its own entry of what is carried, or adds to it, so many of them are done in step, lanes of one vector.  What varies from one to the
 * next gets an axis for the lanes, behind all others; a tape lies in memory as [turn, lane]:
 *
 *     for i in 0..n (out, sum)                          for b in 0..ceil(n / 8) (out, sums)
 *       s = for t in 0..T (s) do … f s x[i]     ═►        at = min(8 b, n - 8)
 *       out' = set out, s, i                              s: f64[8] = for t in 0..T (s) do … f s x[at .. at + 8]
 *       sum' = add sum, s                                 out' = set_slice out, s {at};  sums' = add sums, s
 *
 * The last block begins so early that it is a whole one: what it sets again is the same, and what it would add again it does not.  A loop
 * of fewer iterations than there are lanes is done as it was.
 * Requires: an optimised function that is not differentiated any more.  Ensures: the same results, up to the order of sums. */
#include "passes/abreast.h"

/* Lanes, where an iteration is long, and where it is short or of floats; operations of an iteration. */
enum { LANES = 8, MORE_LANES = 16, SHORT = 40, MOST_OPS = 1500 };

typedef enum { OUT_NONE, OUT_ENTRY, OUT_FEW, OUT_SUM } Out;

/* How carried value k leaves an iteration. */
static Out out_of(const Abreast *t, int k) {
  const Value *held = t->loop->reg[0]->param[1 + k];
  if (entries_set(t->loop, k, t->n)) return OUT_ENTRY;
  if (!entries_grow(t->loop, k) || !elem_is_real(held->type->elem)) return OUT_NONE;
  return lane_is_few(held->type) ? OUT_FEW : OUT_SUM;
}

/* Floats are half as wide. */
static int lanes_of(const Region *body) { return region_count_ops(body) <= SHORT || !region_has_doubles(body) ? MORE_LANES : LANES; }

static void begin_marks(Abreast *t) {
  const Region *body = t->loop->reg[0];
  t->varies[body->param[0]->id] = true;
  for (int k = 0; k < t->loop->nres; k++) {
    const Value *held = body->param[1 + k];
    Out out = out_of(t, k);
    if (out == OUT_SUM) t->sums[held->id] = true;
    else t->varies[held->id] = true;
  }
}

static bool can_be_abreast(Abreast *t) {
  Op *loop = t->loop;
  int64_t n;
  if (loop->code != OP_for || loop->u.loop.parallel || loop->u.loop.checkpoint || !loop->nres) return false;
  if (!region_has_loop(loop->reg[0])) return false;
  t->n = entries_count(t->ctx, loop);
  int lanes = lanes_of(loop->reg[0]);
  if (!t->n || region_count_ops(loop->reg[0]) > MOST_OPS || (dim_is_const(t->n, &n) && n < lanes)) return false;
  t->width = dim_const(t->ctx, lanes);
  for (int k = 0; k < loop->nres; k++)
    if (out_of(t, k) == OUT_NONE) return false;
  begin_marks(t);
  return abreast_fits(t);
}

/* ---- the loop over blocks ---------------------------------------------------------------------------------------------------- */

typedef struct Window { Dim *start[MAX_RANK], *size[MAX_RANK]; int64_t stride[MAX_RANK]; } Window;

static Window entries_of(const Abreast *t, const Type *type) {
  Window w;
  for (int a = 0; a < type->rank; a++) {
    w.start[a] = a ? dim_const(t->ctx, 0) : t->at;
    w.size[a] = a ? type->dim[a] : t->width;
    w.stride[a] = 1;
  }
  return w;
}

static Value *init_of(const Abreast *t, int k) { return t->loop->opd[loop_ninit(t->loop) + k]; }

/* The entries as they were before the loop. */
static Value *entries_before(Abreast *t, Builder *b, int k) {
  Value *init = init_of(t, k);
  Window w = entries_of(t, init->type);
  return lane_last(b, b_slice(b, init, w.start, w.stride, w.size), 0);
}

static Value *set_entries(Abreast *t, Builder *b, int k, Value *held) {
  const Op *op = entries_set(t->loop, k, t->n);
  Value *v = lane_full(t, b, op->opd[1]);
  int perm[MAX_RANK], n = v->type->rank;
  if (op->code == OP_scatter_acc && !is_splat(init_of(t, k), 0)) v = b_map2(b, OP_add, entries_before(t, b, k), v);
  for (int a = 0; a < n; a++) perm[a] = a ? a - 1 : n - 1;
  Window w = entries_of(t, held->type);
  return b_set_slice(b, held, n > 1 ? b_transpose(b, v, perm) : v, w.start, w.stride);
}

/* The block's first iteration, and which of its iterations are done for the first time. */
static void begin_block(Abreast *t, Builder *b, Value *block) {
  int64_t lanes, n;
  dim_is_const(t->width, &lanes);
  Sym *at = sym_new(t->ctx, SYM_VALUE, "i", b->loc);
  at->nonneg = true;
  Value *begun = b_map2(b, OP_mul, block, b_int(b, lanes)), *i = b_iota(b, type_tensor(t->ctx, I64, 1, &t->width), 0);
  bool whole = dim_is_const(t->n, &n) && n % lanes == 0;
  Value *first = whole ? begun : b_map2(b, OP_min, begun, b_dim(b, dim_sub(t->ctx, t->n, t->width)));
  first = b_sym(b, first, at);
  t->at = dim_sym(t->ctx, at);
  i = b_map2(b, OP_add, b_broadcast_scalar(b, first, i->type), i);
  t->fresh = whole ? NULL : b_map2(b, OP_ge, i, b_broadcast_scalar(b, begun, i->type));
  clone_map_value(t->map, t->loop->reg[0]->param[0], i);
}

static void fill_block(Abreast *t, Builder *b, Op *made) {
  Region *from = t->loop->reg[0], *to = made->reg[0];
  Value **res = NEW_N(t->ctx->arena, Value *, made->nres + 1);
  begin_block(t, b, to->param[0]);
  for (int k = 0; k < made->nres; k++) {
    Out out = out_of(t, k);
    Value *in = out == OUT_SUM ? to->param[1 + k] : out == OUT_FEW ? b_splat(b, to->param[1 + k]->type, 0) : entries_before(t, b, k);
    clone_map_value(t->map, from->param[1 + k], in);
  }
  for (Op *op = from->first; op; op = op->next)
    if (!lane_leaves(t, op)) lane_op(t, b, op, NULL);
    else if (op->code == OP_gather) clone_map_value(t->map, op->res[0], lane_image(t, op->opd[0]));
  for (int k = 0; k < made->nres; k++) {
    Value *held = to->param[1 + k];
    Out out = out_of(t, k);
    if (out == OUT_ENTRY) res[k] = set_entries(t, b, k, held);
    else if (out == OUT_SUM) res[k] = lane_image(t, from->res[k]);
    else {
      Value *x = lane_full(t, b, from->res[k]);
      res[k] = b_map2(b, OP_add, held, t->fresh ? lane_choose(t, b, t->fresh, x, b_splat(b, x->type, 0)) : x);
    }
  }
  region_set_results(to, made->nres, res);
}

/* What the loop leaves, done in blocks. */
static void in_blocks(Abreast *t, Builder *b, Value **res) {
  Op *loop = t->loop;
  Value **init = NEW_N(t->ctx->arena, Value *, loop->nres + 1);
  int64_t lanes;
  dim_is_const(t->width, &lanes);
  t->map = clone_map_new(t->ctx, t->func, t->func);
  for (int k = 0; k < loop->nres; k++)
    init[k] = out_of(t, k) == OUT_FEW ? b_splat(b, lane_type(t, loop->res[k]->type), 0)
              : out_of(t, k) == OUT_ENTRY ? b_splat(b, loop->res[k]->type, 0) : init_of(t, k);
  Dim *count = dim_floordiv(t->ctx, dim_add(t->ctx, t->n, dim_const(t->ctx, lanes - 1)), t->width);
  Op *made = b_for(b, b_int(b, 0), b_dim(b, count), b_int(b, 1), loop->nres, init);
  Builder in = b_inside(b, made->reg[0]);
  fill_block(t, &in, made);
  for (int k = 0; k < loop->nres; k++)
    res[k] = out_of(t, k) == OUT_FEW ? b_map2(b, OP_add, init_of(t, k), lane_total(t, b, made->res[k])) : made->res[k];
}

static void abreast(Abreast *t) {
  Op *loop = t->loop;
  Ctx *c = t->ctx;
  Builder b = {.ctx = c, .func = t->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  Value **res = NEW_N(c->arena, Value *, loop->nres + 1);
  Type **type = NEW_N(c->arena, Type *, loop->nres + 1);
  if (dim_le(c, t->width, t->n)) {
    in_blocks(t, &b, res);
    for (int k = 0; k < loop->nres; k++) region_replace_uses(loop->parent, loop->res[k], res[k]);
    op_remove(loop);
    return;
  }
  for (int k = 0; k < loop->nres; k++) type[k] = loop->res[k]->type;
  Op *choice = b_if(&b, b_map2(&b, OP_ge, b_dim(&b, t->n), b_dim(&b, t->width)), loop->nres, type);
  for (int k = 0; k < loop->nres; k++) region_replace_uses(loop->parent, loop->res[k], choice->res[k]);
  Builder many = b_inside(&b, choice->reg[0]), few = b_inside(&b, choice->reg[1]);
  in_blocks(t, &many, res);
  region_set_results(choice->reg[0], loop->nres, res);
  Op *end = b_int(&few, 0)->def; /* dead: a place to move to */
  op_move_before(loop, end);
  region_set_results(choice->reg[1], loop->nres, loop->res);
}

static bool abreast_in(Func *f, Region *g) {
  bool any = false;
  for_each_op(op, g) {
    if (!op->nreg || op->u.loop.parallel) continue;
    Abreast t = abreast_open(f, op);
    if (can_be_abreast(&t)) {
      abreast(&t);
      any = true;
      continue;
    }
    for (int i = 0; i < op->nreg; i++) any |= abreast_in(f, op->reg[i]);
  }
  return any;
}

void pass_abreast(Func *f) {
  if (f->is_lean || !abreast_in(f, f->body)) return;
  pass_simplify(f);
  pass_cse(f);
  pass_hoist(f);
  pass_dce(f);
}
