/* retry.c - loops that are run with plain products first, and again with mulz if that shows a nan.
 *
 * mulz differs from a product only where that is nan, and takes three times as long, in a recurrence on the way from step to step.  Where
 * every nan that a plain product makes comes through to what the loop leaves, or is of no consequence, that tells whether there was one:
 *
 *     r = for … init { … mulz … }       ═►       p = for {plain} … init { … mulz … }
 *                                                r = if any (p != p) { for {seldom} … init { … mulz … } } else { p }
 *
 * Both loops start from the same values, which are kept; what they read besides stays as it is.
 * Requires: a function that is not differentiated or simplified any more; strips and lanes (strip.c, codegen/lanes.c) look after their
 * own products.  Ensures: equal results. */
#include "passes/pass.h"

/* Products of more elements than are numbers in registers (codegen/plain.c).  Operations in loops that are there twice: these double what a
 * function takes to compile. */
enum { FEW_ELEMENTS = 64, MOST_OPS = 250 };
/* Estimates, in units of an addition: a quotient or a function; a quotient by what is the same for all elements; what mulz takes besides
 * the product; to look at an element; the part of all that has to be saved is one by WORTH.  What is not known is MANY. */
enum { COSTLY = 16, STEADY = 5, MULZ = 2, LOOK = 2, WORTH = 4, MANY = 64 };

typedef struct Loop {
  Ctx *ctx;
  const Op *op;
  int ops;
  bool large;
  double cost, saved, most; /* most: elements of a product */
} Loop;

Value *any_nan(Builder *b, Value *x) {
  int axis[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) axis[a] = a;
  Value *is = b_map2(b, OP_ne, x, x);
  return x->type->rank ? b_reduce(b, OP_rany, is, x->type->rank, axis) : is;
}

/* ---- what it brings ------------------------------------------------------------------------------------------------------------ */

static bool is_plain(const void *env, const Op *op) {
  const Op *loop = env;
  if (op->code != OP_mulz) return false;
  for (const Op *around = op->parent->parent; around && around != loop; around = around->parent->parent)
    if (around->code == OP_for && around->u.loop.parallel) return false;
  return true;
}

static double extent(const Dim *d) {
  int64_t n;
  return dim_is_const(d, &n) ? (double)n : MANY;
}

static double elements(const Type *t) {
  double n = 1;
  for (int a = 0; a < t->rank; a++) n *= extent(t->dim[a]);
  return n;
}

static bool is_small(const Type *t) {
  int64_t n;
  for (int a = 0; a < t->rank; a++)
    if (!dim_is_const(t->dim[a], &n)) return false;
  return elements(t) <= FEW_ELEMENTS;
}

static double turns(const Op *loop) {
  int64_t lo, hi, step;
  bool known = loop->code == OP_for && splat_int(loop->opd[0], &lo) && splat_int(loop->opd[1], &hi) && splat_int(loop->opd[2], &step);
  double n = known && step ? ((double)hi - (double)lo) / (double)step : MANY;
  return n > 0 ? n : 0;
}

static double terms(const Op *op) {
  Con k = con_of(op);
  uint64_t in = con_in(&k, 0) | (k.n > 1 ? con_in(&k, 1) : 0);
  double n = 1;
  for (int l = 0; l < k.nlabel; l++)
    if (in >> l & 1) n *= extent(k.extent[l]);
  return n;
}

static bool is_steady(const Value *v) { return v->def && v->def->code == OP_contract && v->def->opd[0]->type->rank == 0; }

static double cost(const Op *op) {
  if (op->nres != 1 || !elem_is_real(op->res[0]->type->elem)) return 0;
  double n = elements(op->res[0]->type);
  switch (op->code) {
  case OP_mulz: return (1 + MULZ) * n;
  case OP_div: return (is_steady(op->opd[1]) ? STEADY : COSTLY) * n;
  case OP_neg: case OP_abs: case OP_sign: case OP_add: case OP_sub: case OP_mul: case OP_max: case OP_min: case OP_relu: case OP_clamp:
  case OP_select: return n;
  case OP_contract: return op_has_sum(op) ? terms(op) : 0;
  case OP_rmax: case OP_rmin: case OP_rprod: return elements(op->opd[0]->type);
  default: return op_info[op->code].family == FAM_MAP ? COSTLY * n : 0;
  }
}

/* Computed `times`; once more where it is read shifted, as a neighbour. */
static void add_product(Loop *l, const Op *op, double times) {
  double n = elements(op->res[0]->type);
  for (const Op *reader = op->next; reader; reader = reader->next)
    if (reader->code == OP_embed && reader->opd[0] == op->res[0]) {
      l->saved += times * MULZ * n;
      l->cost += times * cost(op);
    }
  l->saved += times * MULZ * n;
  l->large |= !is_small(op->res[0]->type);
  if (n > l->most) l->most = n;
}

static void look_at(Loop *l, const Region *r, double times) {
  for (const Op *op = r->first; op; op = op->next) {
    l->ops++;
    l->cost += times * cost(op);
    for (int i = 0; i < op->nreg; i++) look_at(l, op->reg[i], op_is_loop(op) ? times * turns(op) : times);
    if (is_plain(l->op, op)) add_product(l, op, times);
  }
}

/* Nothing that is larger than the products has to be kept for the second run. */
static bool begins_small(const Loop *l) {
  for (int k = 0; k < l->op->nres; k++) {
    const Value *init = l->op->opd[loop_ninit(l->op) + k];
    double x;
    if (init->def && !splat_real(init, &x) && elements(init->type) > l->most) return false;
  }
  return true;
}

static bool pays(const Loop *l, const bool *from) {
  double looks = 0;
  for (int k = 0; k < l->op->nres; k++) {
    const Value *v = l->op->res[k];
    if (from[v->id] && !elem_is_real(v->type->elem)) return false;
    if (from[v->id]) looks += LOOK * elements(v->type);
  }
  return looks > 0 && WORTH * (l->saved - looks) >= l->cost;
}

/* ---- both runs ----------------------------------------------------------------------------------------------------------------- */

/* Whether a nan is in what the loop leaves where it can be; asked before `b`'s place. */
static Value *ask(Builder *b, const Op *loop, const bool *from) {
  Value *seen = NULL;
  for (int k = 0; k < loop->nres; k++) {
    if (!from[loop->res[k]->id]) continue;
    Value *nan = any_nan(b, loop->res[k]);
    seen = seen ? b_map2(b, OP_or, seen, nan) : nan;
  }
  return seen;
}

static void run_again(Func *f, Op *loop, const bool *from) {
  Ctx *c = f->module->ctx;
  Builder b = {.ctx = c, .func = f, .region = loop->parent, .before = loop->next, .loc = loop->loc};
  Type **type = NEW_N(c->arena, Type *, loop->nres + 1);
  for (int k = 0; k < loop->nres; k++) type[k] = loop->res[k]->type;
  Op *choice = b_if(&b, b_bool(&b, true), loop->nres, type), *unasked = choice->opd[0]->def;
  for (int k = 0; k < loop->nres; k++) region_replace_uses(f->body, loop->res[k], choice->res[k]);
  b.before = choice;
  choice->opd[0] = ask(&b, loop, from);
  op_remove(unasked);
  Builder again = b_inside(&b, choice->reg[0]);
  CloneMap *m = clone_map_new(c, f, f);
  clone_share(m, loop);
  Op *exact = clone_op(m, &again, loop);
  region_set_results(choice->reg[0], exact->nres, exact->res);
  region_set_results(choice->reg[1], loop->nres, loop->res);
  loop->u.loop.plain = exact->u.loop.seldom = true;
}

/* room: operations that may still be there twice. */
static void try(Func *f, Op *loop, int *room) {
  Loop l = {.ctx = f->module->ctx, .op = loop};
  for (int i = 0; i < loop->nreg; i++) look_at(&l, loop->reg[i], turns(loop));
  if (!l.large || l.ops > *room || !begins_small(&l)) return;
  bool *from = NEW_N(l.ctx->arena, bool, f->nvalue + 1);
  if (!nan_leaves(loop, is_plain, loop, from) || !pays(&l, from)) return;
  run_again(f, loop, from);
  *room -= l.ops;
}

/* The last first: reverse sweeps have the most products. */
static void in_region(Func *f, Region *r, int *room) {
  for (Op *op = r->last, *prev; op; op = prev) {
    prev = op->prev;
    if (op_is_loop(op) && !op->u.loop.parallel && !op->u.loop.seldom) try(f, op, room);
    else if (op->code == OP_if)
      for (int i = 2; i-- > 0;) in_region(f, op->reg[i], room);
  }
}

void pass_retry(Func *f) {
  int room = MOST_OPS;
  if (!f->is_lean) in_region(f, f->body, &room);
}
