/* spread.c - loops whose iterations do not depend on each other, with short loops inside, become lanes.
 *
 * [f(q[i, :]) for i < n], where f runs through seven joints with a loop of its own, is a loop over i in the front end's IR, and so is its
 * adjoint.  Where each iteration only reads and sets its own entry of what is carried, or adds to it, the iterations may be done in any
 * order: the loops inside, which have a known number of turns, are written out, and the loop takes the form that strip.c makes:
 *
 *     for i … (out, acc) do                               for i in 0..n {parallel} … (out, acc) do
 *       s = for j in 0..3 … (s) do … yield f s j            s = f (f (f s0 0) 1) 2
 *       out' = set out, s, i                         ═►     out' = set_slice out, s {i, 0}
 *       acc' = scatter_acc acc, s, 0                        x = scatter_acc zeros, s, 0;  acc' = add acc, x
 *
 * Requires: a function that is optimised.  Ensures: the same results, up to the order of sums. */
#include "passes/pass.h"

enum { MAX_TRIPS = 16, MAX_WEIGHT = SPREAD_MOST, MAX_VALUE = 64 };

typedef enum { NOT_ALONE, OWN_ENTRY, SUMMED, SCATTERED } Carrying;

typedef struct Spread {
  Func *func;
  Ctx *ctx;
  Op *loop;
  Dim *n;          /* iterations */
  Carrying *how;   /* by carried value */
  Op **exit;       /* OWN_ENTRY, SCATTERED: what sets or adds */
} Spread;

/* ---- what the loop is --------------------------------------------------------------------------------------------------- */

/* Of a loop inside; 0: not known, or too many. */
static int64_t trips(const Op *op, int64_t *first, int64_t *step) {
  int64_t hi;
  if (op->code != OP_for || op->u.loop.checkpoint || !splat_int(op->opd[0], first) || !splat_int(op->opd[1], &hi) ||
      !splat_int(op->opd[2], step) || *step == 0)
    return 0;
  int64_t span = *step > 0 ? hi - *first : *first - hi, size = *step > 0 ? *step : -*step;
  return span > 0 && span <= MAX_TRIPS * size ? (span + size - 1) / size : 0;
}

/* A number for every turn of the loops inside. */
static bool is_known(const Spread *s, const Value *v) {
  int64_t k;
  if (splat_int(v, &k)) return true;
  if (!v->def) return v->region != s->loop->reg[0] && v == v->region->param[0] && v->region->parent && v->region->parent->code == OP_for &&
                      region_within(v->region, s->loop->reg[0]);
  if (op_info[v->def->code].family != FAM_MAP) return false;
  for (int i = 0; i < v->def->nopd; i++)
    if (!is_known(s, v->def->opd[i])) return false;
  return true;
}

static int64_t small_count(const Type *t) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &d) || d > MAX_VALUE) return 0;
    n *= d;
  }
  return n <= MAX_VALUE ? n : 0;
}

static bool indices_fit(const Spread *s, const Op *op) {
  int first = op->code == OP_gather ? 1 : 2;
  bool memory = op->code == OP_gather && !region_within(region_of(op->opd[0]), s->loop->reg[0]);
  if (memory) return true;
  for (int i = 0; i < op->u.index.naxis; i++)
    if (op->opd[first + i]->type->rank || !is_known(s, op->opd[first + i])) return false;
  return !op->u.index.masked;
}

static bool fits(const Spread *s, const Op *op) {
  if (op->nres != 1 || !small_count(op->res[0]->type)) return false;
  switch (op_info[op->code].family) {
  case FAM_MAP:
  case FAM_REDUCE: return true;
  case FAM_CONTRACT:
    for (int k = 0; k < op->nopd; k++)
      if (!small_count(op->opd[k]->type)) return false;
    return true;
  case FAM_SOURCE: return op->code != OP_sym;
  case FAM_VIEW: return true;
  case FAM_INDEX: return op->code != OP_scatter_add && indices_fit(s, op);
  default: return op->code == OP_linrec;
  }
}

/* The entry of a carried tensor that is this iteration's, or what ends its way through the body. */
static bool is_of_carried(const Spread *s, const Op *op) {
  for (int k = 0; k < s->loop->nres; k++)
    if (s->exit[k] == op || (s->how[k] == OWN_ENTRY && op->nopd && op->opd[0] == s->loop->reg[0]->param[1 + k])) return true;
  return false;
}

static bool is_check(const Op *op) { return op_info[op->code].family == FAM_EFFECT; }

/* Follows from the iteration's number and what is outside, so that checks of it can be made before. */
static bool comes_first(const Spread *s, const Value *v) {
  const Region *body = s->loop->reg[0];
  if (!region_within(region_of(v), body) || v == body->param[0]) return true;
  if (!v->def || v->def->parent != body || v->def->nreg || !fits(s, v->def)) return false;
  for (int i = 0; i < v->def->nopd; i++)
    if (!comes_first(s, v->def->opd[i])) return false;
  return true;
}

static bool checks_first(const Spread *s, const Op *op) {
  for (int i = 0; i < op->nopd; i++)
    if (op->parent != s->loop->reg[0] || !comes_first(s, op->opd[i])) return false;
  return true;
}

/* Elements that an iteration computes; 0: it is none for lanes. */
static int64_t weight(const Spread *s, const Region *g) {
  int64_t w = 1, first, step;
  for (const Op *op = g->first; op && w <= MAX_WEIGHT; op = op->next) {
    int64_t inner = 0;
    if (op->nreg) {
      int64_t n = trips(op, &first, &step);
      inner = n ? n * weight(s, op->reg[0]) : 0;
      for (int k = 0; k < op->nres; k++)
        if (!small_count(op->res[k]->type)) return 0;
    } else if (is_check(op)) inner = checks_first(s, op);
    else if (is_of_carried(s, op)) inner = 1;
    else if (fits(s, op)) {
      inner = small_count(op->res[0]->type);
      for (int k = 0; k < op->nopd; k++)
        if (op->code == OP_contract && small_count(op->opd[k]->type) > inner) inner = small_count(op->opd[k]->type);
    }
    if (!inner) return 0;
    w += inner;
  }
  return w <= MAX_WEIGHT ? w : 0;
}

/* ---- what it carries ---------------------------------------------------------------------------------------------------- */

static Carrying carrying(Spread *s, int k) {
  const Region *body = s->loop->reg[0];
  Value *held = body->param[1 + k], *next = body->res[k];
  if (held->type->rank == 0 || small_count(held->type)) return entries_grow(s->loop, k) ? SUMMED : NOT_ALONE;
  Op *op = s->exit[k] = entries_set(s->loop, k, s->n);
  int64_t entry = 1, d;
  for (int a = 1; a < held->type->rank; a++) entry = dim_is_const(held->type->dim[a], &d) ? entry * d : 0;
  if (op && entry && entry <= 256) return OWN_ENTRY;
  op = s->exit[k] = next->def;
  return op && op->parent == body && op->code == OP_scatter_acc && op->opd[0] == held && region_count_uses(body, next) == 1 &&
                 region_count_uses(body, held) == 1 && small_count(op->opd[1]->type)
             ? SCATTERED
             : NOT_ALONE;
}

/* 0: it cannot be spread. */
static int64_t can_spread(Spread *s) {
  Op *loop = s->loop;
  int64_t few;
  if (loop->code != OP_for || loop->u.loop.parallel || !loop->nres) return 0;
  s->n = entries_count(s->ctx, loop);
  if (!s->n || dim_is_const(s->n, &few)) return 0;
  for (int k = 0; k < loop->nres; k++)
    if ((s->how[k] = carrying(s, k)) == NOT_ALONE) return 0;
  return weight(s, loop->reg[0]);
}

/* ---- loops inside, written out ------------------------------------------------------------------------------------------ */

static Value *image(CloneMap *m, Value *v) {
  Value *to = clone_lookup(m, v);
  return to ? to : v;
}

static void write_out(Spread *s, Op *op) {
  int64_t first, step, n = trips(op, &first, &step);
  Region *body = op->reg[0];
  Builder b = {.ctx = s->ctx, .func = s->func, .region = op->parent, .before = op, .loc = op->loc};
  Value **held = arena_dup(s->ctx->arena, op->opd + loop_ninit(op), sizeof *held * (size_t)(op->nres + 1));
  for (int64_t t = 0; t < n; t++) {
    CloneMap *m = clone_map_new(s->ctx, s->func, s->func);
    clone_map_value(m, body->param[0], b_int(&b, first + t * step));
    for (int k = 0; k < op->nres; k++) clone_map_value(m, body->param[1 + k], held[k]);
    for (Op *in = body->first; in; in = in->next) {
      b.loc = in->loc;
      clone_share(m, in);
      clone_op(m, &b, in);
    }
    for (int k = 0; k < op->nres; k++) held[k] = image(m, body->res[k]);
  }
  for (int k = 0; k < op->nres; k++) region_replace_uses(op->parent, op->res[k], held[k]);
  op_remove(op);
}

static void write_out_all(Spread *s, Region *g) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) write_out_all(s, op->reg[i]);
    if (op->nreg) write_out(s, op);
  }
}

/* ---- the loop in its new form ------------------------------------------------------------------------------------------- */

static Value *set_entry(const Spread *s, Builder *b, CloneMap *m, int k, Value *held, Dim *at) {
  const Op *op = s->exit[k];
  Value *v = image(m, op->opd[1]), *init = s->loop->opd[loop_ninit(s->loop) + k];
  Dim *dim[MAX_RANK], *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  if (op->code == OP_scatter_acc && !is_splat(init, 0)) {
    Value *i = image(m, s->loop->reg[0]->param[0]);
    v = b_map2(b, OP_add, b_gather(b, init, 1, (int[]){0}, &i, NULL), v);
  }
  for (int a = 0; a < held->type->rank; a++) {
    dim[a] = a ? held->type->dim[a] : dim_const(s->ctx, 1);
    start[a] = a ? dim_const(s->ctx, 0) : at;
    stride[a] = 1;
  }
  return b_set_slice(b, held, b_reshape(b, v, held->type->rank, dim), start, stride);
}

static Value *add_scattered(const Spread *s, Builder *b, CloneMap *m, int k, Value *held) {
  const Op *op = s->exit[k];
  int n = op->u.index.naxis;
  Value *idx[MAX_RANK];
  for (int i = 0; i < n; i++) idx[i] = image(m, op->opd[2 + i]);
  return b_scatter_acc(b, held, image(m, op->opd[1]), n, op->u.index.axis, idx, op->u.index.masked ? image(m, op->opd[2 + n]) : NULL);
}

static void fill(Spread *s, Op *made) {
  Region *from = s->loop->reg[0], *to = made->reg[0];
  Builder b = {.ctx = s->ctx, .func = s->func, .region = to, .loc = s->loop->loc};
  CloneMap *m = clone_map_new(s->ctx, s->func, s->func);
  Sym *at = sym_new(s->ctx, SYM_VALUE, "i", b.loc);
  at->nonneg = true;
  clone_map_value(m, from->param[0], b_sym(&b, to->param[0], at));
  for (int k = 0; k < made->nres; k++) { /* an entry that is still to be set is what it was before the loop */
    Value *init = s->loop->opd[loop_ninit(s->loop) + k], *held = from->param[1 + k];
    clone_map_value(m, held, s->how[k] == SUMMED ? b_splat(&b, held->type, 0) : init);
  }
  for (Op *op = from->first; op; op = op->next) {
    bool exits = is_check(op);
    for (int k = 0; k < made->nres; k++) exits |= s->exit[k] == op;
    if (exits) continue;
    b.loc = op->loc;
    clone_share(m, op);
    clone_op(m, &b, op);
  }
  Value **next = NEW_N(s->ctx->arena, Value *, made->nres + 1);
  for (int k = 0; k < made->nres; k++) {
    Value *held = to->param[1 + k];
    next[k] = s->how[k] == OWN_ENTRY   ? set_entry(s, &b, m, k, held, dim_sym(s->ctx, at))
              : s->how[k] == SCATTERED ? add_scattered(s, &b, m, k, held)
                                       : b_map2(&b, OP_add, held, image(m, from->res[k]));
  }
  region_set_results(to, made->nres, next);
}

/* A loop with what can fail, before the one without. */
static void check_before(Spread *s, Builder *b) {
  Region *from = s->loop->reg[0];
  bool any = false;
  for (const Op *op = from->first; op; op = op->next) any |= is_check(op);
  if (!any) return;
  Op *checks = b_for(b, b_int(b, 0), b_dim(b, s->n), b_int(b, 1), 0, NULL);
  Builder in = b_inside(b, checks->reg[0]);
  CloneMap *m = clone_map_new(s->ctx, s->func, s->func);
  clone_map_value(m, from->param[0], checks->reg[0]->param[0]);
  for (Op *op = from->first; op; op = op->next) {
    if (is_check(op) ? false : op->nres != 1 || !comes_first(s, op->res[0])) continue;
    in.loc = op->loc;
    clone_share(m, op);
    clone_op(m, &in, op);
  }
  region_set_results(checks->reg[0], 0, NULL);
}

static void spread(Spread *s) {
  Op *loop = s->loop;
  Builder b = {.ctx = s->ctx, .func = s->func, .region = loop->parent, .before = loop, .loc = loop->loc};
  check_before(s, &b);
  write_out_all(s, loop->reg[0]);
  Value **init = NEW_N(s->ctx->arena, Value *, loop->nres + 1);
  for (int k = 0; k < loop->nres; k++)
    init[k] = s->how[k] == OWN_ENTRY ? b_splat(&b, loop->res[k]->type, 0) : loop->opd[loop_ninit(loop) + k];
  Op *made = b_for(&b, b_int(&b, 0), b_dim(&b, s->n), b_int(&b, 1), loop->nres, init);
  made->u.loop.parallel = true;
  fill(s, made);
  for (int k = 0; k < loop->nres; k++) region_replace_uses(loop->parent, loop->res[k], made->res[k]);
  op_remove(loop);
}

static Spread spread_open(Func *f, Op *loop) {
  Ctx *c = f->module->ctx;
  return (Spread){f, c, loop, NULL, NEW_N(c->arena, Carrying, loop->nres + 1), NEW_N(c->arena, Op *, loop->nres + 1)};
}

int64_t spread_weight(Func *f, Op *loop) {
  Spread s = spread_open(f, loop);
  return can_spread(&s);
}

static bool spread_region(Func *f, Region *g) {
  bool any = false;
  for_each_op(op, g) {
    Spread s = spread_open(f, op);
    if (op->nreg && can_spread(&s)) {
      spread(&s);
      any = true;
      continue;
    }
    for (int i = 0; i < op->nreg; i++) any |= spread_region(f, op->reg[i]);
  }
  return any;
}

void pass_spread(Func *f) {
  if (!spread_region(f, f->body)) return;
  pass_simplify(f);
  pass_cse(f);
  pass_hoist(f);
  pass_dce(f);
}
