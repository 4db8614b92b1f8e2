/* defer.c - what every iteration of a loop computes with a matrix of its own rows is computed for all iterations at once, by one
 * contraction outside the loop, which runs at the speed of a matrix product where the iterations' share runs at that of memory:
 *
 *   for t in 0..T carrying p, q { v = gather X, t … h = contract M, v …  p' = p + outer(u, v)  q' = set q, contract(M, u), t }
 *   becomes  H = contract M, X;  for t in 0..T carrying r { h = gather H, t …  r' = set r, u, t }
 *            p = p + contract r, X [tij, tik -> ijk];  q = contract r, M
 *
 * So the cotangents of a recurrent cell's weights are products after the loop, what they multiply in the inputs is one before it.
 * An iteration's share is stored only where as much is stored already (a tape, an operand that has a row for each iteration), so
 * that the order of the memory stays what it was.  Where the loop multiplies by mulz, a sum of products that has a nan is made again
 * that way, iteration by iteration.
 * Requires: a function that is not differentiated any more.  Ensures: equal results up to the order of additions. */
#include "passes/pass.h"
#include <string.h>

enum { FEW_ELEMENTS = 256 }; /* these stay in registers, or near */

typedef struct Defer {
  Func *func;
  Ctx *ctx;
  Op *loop;
  Region *body;
  Dim *count; /* iterations; the index takes every value from 0 to count - 1 */
  Builder in, after; /* at the end of the body; behind the loop */
  const int *uses;   /* by value id */
  int counted;       /* so many values have an entry there */
} Defer;

/* What this pass makes, and asks about, is used once. */
static bool used_once(const Defer *d, const Value *v) { return v->id >= d->counted || d->uses[v->id] == 1; }

static bool defined_in(const Value *v, const Region *r) { return region_within(region_of(v), r); }

/* 0, 1, …, T - 1 or T - 1, …, 1, 0; NULL: neither, or not known. */
static Dim *whole_range(Ctx *c, const Op *loop) {
  Dim *lo = value_dim(c, loop->opd[0]), *hi = value_dim(c, loop->opd[1]), *zero = dim_const(c, 0);
  int64_t step;
  if (!lo || !hi || !splat_int(loop->opd[2], &step)) return NULL;
  if (step == 1 && dim_is(lo, 0)) return dim_max(c, zero, hi);
  if (step == -1 && dim_is(hi, -1)) return dim_max(c, zero, dim_add(c, lo, dim_const(c, 1)));
  return NULL;
}

/* The tensor from around the loop of which v is the row at the loop's index; NULL: it is something else. */
static Value *rows_of(const Defer *d, const Value *v) {
  const Op *op = v->def;
  if (!op || op->code != OP_gather || op->u.index.masked || op->u.index.naxis != 1 || op->u.index.axis[0] != 0) return NULL;
  Value *x = op->opd[0];
  return op->opd[1] == d->body->param[0] && !defined_in(x, d->body) && x->type->dim[0] == d->count ? x : NULL;
}

static bool is_large(const Type *t) {
  double n = 1;
  for (int i = 0; i < t->rank; i++) {
    int64_t k;
    if (!dim_is_const(t->dim[i], &k)) return true;
    n *= (double)k;
  }
  return n > FEW_ELEMENTS;
}

/* A product of two smaller tensors, at least one of which the loop reads row by row, both of which change. */
static bool is_outer(const Defer *d, const Value *term, Con *k) {
  if (!term->def || term->def->parent != d->body || !elem_is_real(term->type->elem) || !is_large(term->type)) return false;
  if (!as_product(term, k) || k->nlabel + 1 > MAX_LABEL) return false;
  bool read = false, sums = con_summed(k) != 0, both = true;
  for (int i = 0; i < 2; i++) {
    const Value *x = k->x[i];
    if (x->type->rank >= k->rank || x->type->rank == 0 || !defined_in(x, d->body)) return false;
    bool row = rows_of(d, x) != NULL;
    read |= row;
    both &= row;
  }
  return sums ? both : read;
}

/* Result k of the loop holds what this puts into the row of its iteration. */
static const Op *sets_row(const Defer *d, int k) {
  const Op *set = d->body->res[k]->def;
  bool row = set && set->code == OP_set && set->u.index.naxis == 1 && set->opd[2] == d->body->param[0];
  return row && loop_overwrites(d->loop, k) ? set : NULL;
}

/* The result of the loop whose rows are the values of x; NULL: there is none. */
static Value *stored(const Defer *d, const Value *x) {
  for (int k = 0; k < d->loop->nres; k++) {
    const Op *set = sets_row(d, k);
    if (set && set->opd[1] == x) return d->loop->res[k];
  }
  return NULL;
}

static Type *rows_type(const Defer *d, const Type *row) {
  Dim *dim[MAX_RANK] = {d->count};
  memcpy(dim + 1, row->dim, (size_t)row->rank * sizeof *dim);
  return type_tensor(d->ctx, row->elem, row->rank + 1, dim);
}

/* All values that x takes, one an iteration. */
static Value *all_of(Defer *d, Value *x) {
  Value *rows = rows_of(d, x);
  if (!rows) rows = stored(d, x);
  if (rows) return rows;
  Builder before = d->after;
  before.before = d->loop;
  Value *none = b_splat(&before, rows_type(d, x->type), 0);
  Value *held = loop_add_carried(d->loop, none, x->name);
  region_add_result(d->body, b_set(&d->in, held, x, 1, (int[]){0}, &d->body->param[0]));
  return d->loop->res[d->loop->nres - 1];
}

static Value *row(Builder *b, Value *x, Value *t) { return b_gather(b, x, 1, (int[]){0}, &t, NULL); }

/* The sum of the products of rows of k's operands, in the loop's order of multiplying: 0 · inf is 0. */
static Value *add_guarded(Defer *d, Builder *b, const Con *k, Value *const all[2], const Type *t) {
  Value *lo = b_int(b, 0), *hi = b_dim(b, d->count), *one = b_int(b, 1), *zero = b_splat(b, t, 0);
  Op *loop = b_for(b, lo, hi, one, 1, &zero);
  loop->u.loop.seldom = true;
  Builder in = b_inside(b, loop->reg[0]);
  Con now = *k;
  for (int i = 0; i < 2; i++) now.x[i] = row(&in, all[i], loop->reg[0]->param[0]);
  Value *next = b_map2(&in, OP_add, loop->reg[0]->param[1], con_emit(&in, now, OP_mulz));
  region_set_results(loop->reg[0], 1, &next);
  return loop->res[0];
}

/* Operand i of k is a row of `all`. */
static void widen(const Defer *d, Con *k, int i, Value *all) {
  int8_t t = (int8_t)(k->nlabel - 1);
  k->extent[t] = d->count;
  memmove(k->in[i] + 1, k->in[i], (size_t)k->x[i]->type->rank);
  k->in[i][0] = t;
  k->x[i] = all;
}

/* The sum of all values that the product k takes. */
static Value *sum_of(Defer *d, const Con *k, bool guarded) {
  Value *all[2] = {all_of(d, k->x[0]), all_of(d, k->x[1])};
  Con sum = *k;
  sum.nlabel++;
  for (int i = 0; i < 2; i++) widen(d, &sum, i, all[i]);
  Value *plain = con_emit(&d->after, sum, OP_mul);
  if (!guarded) return plain;
  Op *again = b_if(&d->after, any_nan(&d->after, plain), 1, (Type *const[]){plain->type});
  Builder yes = b_inside(&d->after, again->reg[0]);
  Value *careful = add_guarded(d, &yes, k, all, plain->type);
  region_set_results(again->reg[0], 1, &careful);
  region_set_results(again->reg[1], 1, &plain);
  return again->res[0];
}

/* y adds outer products to `held` and to other things: these are left, the products come after the loop.  NULL: there are none. */
static Value *take_terms(Defer *d, Value *y, const Value *held, Value **sum) {
  Op *op = y->def;
  Con k;
  if (!op || op->code != OP_add || op->parent != d->body || !used_once(d, y)) return NULL;
  for (int i = 0; i < 2; i++) {
    Value *term = op->opd[i], *rest = op->opd[1 - i];
    bool carries = rest == held || (rest->def && rest->def->code == OP_add);
    if (!carries || !used_once(d, term) || !is_outer(d, term, &k)) continue;
    Value *deeper = take_terms(d, rest, held, sum), *this = sum_of(d, &k, term->def->code == OP_mulz);
    *sum = *sum ? b_map2(&d->after, OP_add, *sum, this) : this;
    return deeper ? deeper : rest;
  }
  for (int i = 0; i < 2; i++) {
    Value *less = op->opd[i] == held ? NULL : take_terms(d, op->opd[i], held, sum);
    if (less) return b_map2(&d->in, OP_add, less, op->opd[1 - i]);
  }
  return NULL;
}

/* Whether y is `held` plus what does not depend on it: then what is added may be added later. */
static bool adds_to(const Defer *d, const Value *y, const Value *held) {
  if (y == held) return true;
  const Op *op = y->def;
  if (!op || op->code != OP_add || op->parent != d->body || !used_once(d, y)) return false;
  return adds_to(d, op->opd[0], held) || adds_to(d, op->opd[1], held);
}

static void defer_sum(Defer *d, int k) {
  Value *held = d->body->param[1 + k], *sum = NULL, *result = d->loop->res[k];
  if (!used_once(d, held) || !adds_to(d, d->body->res[k], held)) return;
  Value *rest = take_terms(d, d->body->res[k], held, &sum);
  if (!rest) return;
  d->body->res[k] = rest;
  Value *before = d->loop->opd[loop_ninit(d->loop) + k], *total = sum;
  if (rest != held || !is_splat(before, 0)) total = b_map2(&d->after, OP_add, before, sum);
  region_replace_uses(d->loop->parent, result, total);
  if (rest != held) total->def->opd[0] = result;
}

/* ---- products with what does not change -------------------------------------------------------------------------------------- */

/* v sums products of x, which changes, with what does not; i gets x's place in k. */
static bool is_applied(const Defer *d, const Value *v, Con *k, int *i) {
  const Op *op = v->def;
  if (!op || op->parent != d->body || op->code != OP_contract || op->nopd != 2 || !elem_is_real(v->type->elem)) return false;
  *k = con_of(op);
  *i = defined_in(k->x[1], d->body);
  const Value *x = k->x[*i], *fixed = k->x[1 - *i];
  return defined_in(x, d->body) && !defined_in(fixed, d->body) && k->nlabel < MAX_LABEL && con_summed(k) && k->rank < MAX_RANK &&
         x->type->rank < MAX_RANK && is_large(fixed->type);
}

/* What the rows of `all` give in the place of operand i of k. */
static Value *apply_to_all(const Defer *d, Builder *b, Con k, int i, Value *all) {
  k.nlabel++;
  widen(d, &k, i, all);
  memmove(k.out + 1, k.out, (size_t)k.rank++);
  k.out[0] = (int8_t)(k.nlabel - 1);
  return con_emit(b, k, OP_mul);
}

/* What is stored for each iteration, and made of something that is stored too. */
static void defer_applied(Defer *d, int n) {
  const Op *set = sets_row(d, n);
  Con k;
  int i;
  if (!set) return;
  Value *v = set->opd[1];
  if (!used_once(d, v) || !used_once(d, set->res[0]) || !is_applied(d, v, &k, &i)) return;
  if (!rows_of(d, k.x[i]) && !stored(d, k.x[i])) return;
  Value *all = apply_to_all(d, &d->after, k, i, all_of(d, k.x[i]));
  region_replace_uses(d->loop->parent, d->loop->res[n], all);
}

static bool has_tape(const Defer *d, const Type *t) {
  for (int k = 0; k < d->loop->nres; k++)
    if (d->loop->res[k]->type == t) return true;
  for (const Op *op = d->body->first; op; op = op->next)
    if (op->code == OP_gather && op->opd[0]->type == t && rows_of(d, op->res[0])) return true;
  return false;
}

/* What is made of a row that the loop reads. */
static void advance(Defer *d, Op *op) {
  Con k;
  int i;
  if (op->nres != 1 || !is_applied(d, op->res[0], &k, &i)) return;
  Value *rows = rows_of(d, k.x[i]), *t = d->body->param[0];
  if (!rows || !has_tape(d, rows_type(d, op->res[0]->type))) return;
  Builder before = d->after, here = d->in;
  before.before = d->loop;
  here.before = op;
  Value *all = apply_to_all(d, &before, k, i, rows);
  region_replace_uses(d->body, op->res[0], row(&here, all, t));
}

/* What is added to row t of zeros in iteration t alone is put there. */
static void set_rows(Defer *d, int n) {
  Op *op = d->body->res[n]->def;
  Value *held = d->body->param[1 + n];
  if (!op || op->code != OP_scatter_acc || op->u.index.masked || op->u.index.naxis != 1 || op->u.index.axis[0] != 0) return;
  if (op->opd[0] != held || op->opd[2] != d->body->param[0] || held->type->dim[0] != d->count) return;
  if (!used_once(d, held) || !used_once(d, op->res[0])) return;
  if (!is_splat(d->loop->opd[loop_ninit(d->loop) + n], 0)) return;
  d->body->res[n] = b_set(&d->in, held, op->opd[1], 1, (int[]){0}, &d->body->param[0]);
  op_remove(op);
}

static void defer(Func *f, Region *g, const int *uses, int counted) {
  Ctx *c = f->module->ctx;
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) defer(f, op->reg[i], uses, counted);
    Dim *count = op->code == OP_for ? whole_range(c, op) : NULL;
    if (!count) continue;
    Builder after = {.ctx = c, .func = f, .region = g, .before = op->next, .loc = op->loc};
    Defer d = {f, c, op, op->reg[0], count, b_inside(&after, op->reg[0]), after, uses, counted};
    int n = op->nres;
    for (int k = 0; k < n; k++) set_rows(&d, k);
    for (int k = 0; k < n; k++) defer_sum(&d, k);
    for (int k = 0; k < n; k++) defer_applied(&d, k);
    for_each_op(in, d.body) advance(&d, in);
  }
}

void pass_defer(Func *f) {
  defer(f, f->body, count_uses(f->module->ctx->arena, f), f->nvalue);
  pass_dce(f);
}
