/* simplify_contract.c - contractions: what feeds one is folded into its labels, constant factors are taken out, chains are
 * put in the cheaper order.
 * Requires: op is a contraction whose operands are up to date.  Ensures: equal results up to the order of additions; factors of
 * a sum are taken out of it. */
#include "passes/pass.h"
#include <string.h>

enum { MAX_FACTOR = 8 };
typedef struct Factor { Opcode op; Value *scalar; } Factor;
typedef struct Edit {
  Simplify *s;
  Con k;
  Opcode product; /* how to multiply where nothing is summed */
  Dim *count;     /* labels that were summed over a broadcast */
  bool negate;
  Factor factor[MAX_FACTOR];
  int nfactor;
} Edit;

static bool sums(const Con *k) { return con_summed(k) != 0; }
static bool broadcasts(const Con *k) {
  uint64_t in = con_in(k, 0) | (k->n > 1 ? con_in(k, 1) : 0);
  return (con_out(k) & ~in) != 0;
}

/* The label in the outer contraction of an inner one's label; a label that the inner one sums is made anew. */
static int8_t outer_label(Con *k, const Con *inner, const int8_t *axis_label, int8_t *fresh, int8_t label) {
  for (int a = 0; a < inner->rank; a++)
    if (inner->out[a] == label) return axis_label[a];
  if (fresh[label] < 0) {
    fresh[label] = (int8_t)k->nlabel;
    k->extent[k->nlabel++] = inner->extent[label];
  }
  return fresh[label];
}

/* Puts the operands of `inner` (one or two) in the place of operand i. */
static void splice(Con *k, int i, const Con *inner) {
  int8_t axis_label[MAX_RANK], fresh[CON_LABELS];
  memcpy(axis_label, k->in[i], sizeof axis_label);
  memset(fresh, -1, sizeof fresh);
  for (int j = 0; j < inner->n; j++) {
    int slot = j == 0 ? i : k->n++;
    k->x[slot] = inner->x[j];
    for (int a = 0; a < inner->x[j]->type->rank; a++)
      k->in[slot][a] = outer_label(k, inner, axis_label, fresh, inner->in[j][a]);
  }
}

/* A copy of the edit in which operand i has been replaced; false: it would have too many labels. */
static bool try_splice(Edit *e, int i, const Con *inner) {
  Con k = e->k;
  uint64_t before = con_in(&k, 0) | (k.n > 1 ? con_in(&k, 1) : 0) | con_out(&k);
  if (k.nlabel + inner->nlabel > CON_LABELS) return false;
  splice(&k, i, inner);
  if (!con_fits(&k)) return false;
  uint64_t gone = before & ~(con_in(&k, 0) | (k.n > 1 ? con_in(&k, 1) : 0) | con_out(&k));
  Dim *count = e->count;
  for (int l = 0; l < k.nlabel; l++)
    if (gone >> l & 1) count = dim_mul(e->s->ctx, count, k.extent[l]);
  if (!count) return false;
  e->k = k;
  e->count = count;
  return true;
}

static bool adds_unit(const Con *k) {
  uint64_t new = con_out(k) & ~(con_in(k, 0) | (k->n > 1 ? con_in(k, 1) : 0));
  for (int l = 0; l < k->nlabel; l++)
    if (new >> l & 1 && dim_is(k->extent[l], 1)) return true;
  return false;
}

/* A reshape that drops axes of length 1 is how con_emit itself writes them: folding it in is worth while only if it meets
 * another relabelling behind it, or the axes are put back. */
static bool stays_reshape(const Edit *e, const Op *def) {
  return def->code == OP_reshape && def->opd[0]->type->rank > def->res[0]->type->rank && !is_relabel(def->opd[0]) &&
         !adds_unit(&e->k);
}

static bool fold_inner(Edit *e, int i) {
  Op *def = e->k.x[i]->def;
  bool plain = is_relabel(e->k.x[i]);
  if (plain && stays_reshape(e, def)) return false;
  if (!plain && def->code != OP_contract) return false;
  Con inner = con_of(def);
  if (!plain && (e->k.n != 1 || broadcasts(&e->k) || !only_here(e->s, e->k.x[i]))) return false;
  if (!plain && broadcasts(&inner)) return false;
  return try_splice(e, i, &inner);
}

static bool scalar_of(const Value *v, Value **s) {
  if (!is_relabel(v) || v->def->opd[0]->type->rank) return false;
  *s = v->def->opd[0];
  return true;
}

/* A scalar factor of operand i, multiplied with the result instead. */
static bool take_factor(Edit *e, int i) {
  Op *def = e->k.x[i]->def;
  bool product = def->code == OP_mul || def->code == OP_mulz;
  if ((!product && def->code != OP_div) || !only_here(e->s, e->k.x[i]) || e->nfactor == MAX_FACTOR) return false;
  if (!elem_is_real(e->k.elem) || e->k.x[i]->type->rank == 0) return false;
  Value *s;
  if (product && scalar_of(def->opd[0], &s)) e->k.x[i] = def->opd[1];
  else if (def->code != OP_mulz && scalar_of(def->opd[1], &s)) e->k.x[i] = def->opd[0];
  else return false;
  e->factor[e->nfactor++] = (Factor){def->code, s};
  return true;
}

/* sum(a * b) is a contraction of a and b. */
static bool split_product(Edit *e) {
  Op *def = e->k.x[0]->def;
  if (e->k.n != 1 || !sums(&e->k) || !only_here(e->s, e->k.x[0])) return false;
  if (def->code != OP_mul && def->code != OP_mulz) return false;
  Edit try = *e;
  try.k.n = 2;
  memcpy(try.k.in[1], e->k.in[0], sizeof try.k.in[1]);
  for (int i = 0; i < 2; i++) try.k.x[i] = def->opd[i];
  for (int i = 0; i < 2; i++)
    while (try.k.x[i]->def && is_relabel(try.k.x[i]) && fold_inner(&try, i)) continue;
  /* mulz guards its second factor, which a sum over both cannot; where nothing is summed over both, mulz stays one. */
  if (def->code == OP_mulz) {
    if (con_summed(&try.k) & con_in(&try.k, 0) & con_in(&try.k, 1)) return false;
    try.product = OP_mulz;
  }
  *e = try;
  return true;
}

static bool step(Edit *e) {
  for (int i = 0; i < e->k.n; i++) {
    Op *def = e->k.x[i]->def;
    if (!def) continue;
    if (fold_inner(e, i)) return true;
    if (!sums(&e->k)) continue;
    if (def->code == OP_neg) {
      e->k.x[i] = def->opd[0];
      e->negate = !e->negate;
      return true;
    }
    if (take_factor(e, i)) return true;
  }
  return e->k.x[0]->def && split_product(e);
}

static Value *scaled(Builder *b, Opcode op, Value *scalar, Value *v) {
  Value *s = b_broadcast_scalar(b, scalar, v->type);
  return op == OP_div ? b_map2(b, op, v, s) : b_map2(b, op, s, v);
}

static Value *finish(Edit *e) {
  Builder *b = &e->s->b;
  Value *v = con_emit(b, e->k, e->product);
  for (int i = 0; i < e->nfactor; i++) v = scaled(b, e->factor[i].op, e->factor[i].scalar, v);
  if (!dim_is(e->count, 1)) {
    bool positive = dim_le(e->s->ctx, dim_const(e->s->ctx, 1), e->count);
    /* A sum of nothing is 0 also when the term is infinite. */
    Opcode op = positive || !elem_is_real(e->k.elem) ? OP_mul : OP_mulz;
    v = scaled(b, op, b_cast(b, b_dim(b, e->count), e->k.elem), v);
  }
  return e->negate ? b_map1(b, OP_neg, v) : v;
}

Value *simplify_contract(Simplify *s, Op *op) {
  Edit e = {.s = s, .k = con_of(op), .product = OP_mul, .count = dim_const(s->ctx, 1)};
  bool changed = op->code == OP_contract && !con_is_canonical(&e.k);
  while (step(&e)) changed = true;
  if (!changed) return simplify_chain(s, op);
  return finish(&e);
}

/* ---- chains: three operands, multiplied in two steps ----------------------------------------------------------------- */

typedef struct Three { uint64_t set[3], out; const Con *k; } Three;

/* Loop nests of (p q) r, as sets of labels. */
static void nests(const Three *t, int p, int q, int r, uint64_t nest[2]) {
  nest[0] = t->set[p] | t->set[q];
  nest[1] = (nest[0] & (t->out | t->set[r])) | t->set[r];
}

static bool within(uint64_t a, const uint64_t b[2]) { return !(a & ~b[0]) || !(a & ~b[1]); }

/* Product of constant extents; false when one is not constant. */
static bool volume(const Con *k, const uint64_t nest[2], double *cost) {
  *cost = 0;
  for (int i = 0; i < 2; i++) {
    double size = 1;
    for (int l = 0; l < k->nlabel; l++) {
      int64_t n;
      if (!(nest[i] >> l & 1)) continue;
      if (!dim_is_const(k->extent[l], &n)) return false;
      size *= (double)n;
    }
    *cost += size;
  }
  return true;
}

/* One nest is the same, and of the others the new one is smaller: by the constant extents of the labels that they do not share. */
static bool cheaper_rest(const Con *k, const uint64_t new[2], const uint64_t old[2]) {
  for (int i = 0; i < 4; i++) {
    double a, b;
    uint64_t x = new[i / 2], y = old[i % 2], only_x[2] = {x & ~y, 0}, only_y[2] = {y & ~x, 0};
    if (new[1 - i / 2] == old[1 - i % 2] && x != y && volume(k, only_x, &a) && volume(k, only_y, &b)) return a < b;
  }
  return false;
}

/* Certainly cheaper: by numbers, or every nest lies within one of the old and an old one within none of the new. */
static bool cheaper(const Con *k, const uint64_t new[2], const uint64_t old[2]) {
  double a, b;
  if (volume(k, new, &a) && volume(k, old, &b)) return a < b;
  if (cheaper_rest(k, new, old)) return true;
  if (!within(new[0], old) || !within(new[1], old)) return false;
  return !within(old[0], new) || !within(old[1], new);
}

bool as_product(const Value *v, Con *k) {
  const Op *def = v->def;
  if (!def || def->nopd != 2) return false;
  if (def->code == OP_contract) {
    *k = con_of(def);
    return true;
  }
  if (def->code != OP_mul && def->code != OP_mulz) return false;
  *k = (Con){.n = 2, .rank = v->type->rank, .elem = v->type->elem, .nlabel = v->type->rank};
  for (int a = 0; a < k->rank; a++) {
    k->out[a] = (int8_t)a;
    k->extent[a] = v->type->dim[a];
  }
  for (int i = 0; i < 2; i++) {
    k->x[i] = def->opd[i];
    memcpy(k->in[i], k->out, sizeof k->out);
    if (!is_relabel(def->opd[i])) continue;
    Con inner = con_of(def->opd[i]->def);
    splice(k, i, &inner);
  }
  return true;
}

/* Appends the labels of `from` that lie in `keep` and are not there yet. */
static int append(int8_t *to, int n, const int8_t *from, int nfrom, uint64_t keep) {
  for (int a = 0; a < nfrom; a++)
    if (keep >> from[a] & 1 && !memchr(to, from[a], (size_t)n)) to[n++] = from[a];
  return n;
}

static void set_operand(Con *k, int i, Value *x, const int8_t *labels) {
  k->x[i] = x;
  memcpy(k->in[i], labels, MAX_RANK);
}

static bool holds(const int8_t *labels, const Value *x, int8_t label) { return memchr(labels, label, (size_t)x->type->rank); }

/* (p q) r: axes and operands in the order in which the result has them, so that matrices stay as they are. */
static Value *emit_chain(Builder *b, const Con *all, Value *const *x, const int8_t (*in)[MAX_RANK], const int *order, uint64_t keep) {
  Con first = *all, second = *all;
  int p = order[0], q = order[1], r = order[2], np = x[p]->type->rank, nq = x[q]->type->rank;
  uint64_t out = con_out(all);
  bool left = all->rank && keep >> all->out[0] & 1; /* the intermediate holds the result's first axis */
  first.n = second.n = 2;
  first.rank = left ? append(first.out, 0, all->out, all->rank, keep) : 0;
  first.rank = append(first.out, first.rank, in[p], np, keep & ~out);
  first.rank = append(first.out, first.rank, in[q], nq, keep & ~out);
  first.rank = append(first.out, first.rank, all->out, all->rank, keep);
  bool swap = first.rank && !holds(in[p], x[p], first.out[0]);
  set_operand(&first, swap, x[p], in[p]);
  set_operand(&first, !swap, x[q], in[q]);
  Value *pq = con_emit(b, first, OP_mul);
  bool right = all->rank && holds(in[r], x[r], all->out[0]);
  set_operand(&second, right, pq, first.out);
  set_operand(&second, !right, x[r], in[r]);
  return con_emit(b, second, OP_mul);
}

/* The outer contraction k, whose operand i is the product `inner`. */
static Value *reorder(Simplify *s, const Con *k, int i, const Con *inner) {
  static const int order[2][3] = {{0, 2, 1}, {1, 2, 0}};
  Con all = *k;
  Value *other = k->x[1 - i];
  if (all.nlabel + inner->nlabel > CON_LABELS) return NULL;
  all.n = 1;
  all.x[0] = k->x[i];
  memcpy(all.in[0], k->in[i], MAX_RANK);
  splice(&all, 0, inner);
  Value *x[3] = {all.x[0], all.x[1], other};
  int8_t in[3][MAX_RANK];
  memcpy(in[0], all.in[0], MAX_RANK);
  memcpy(in[1], all.in[1], MAX_RANK);
  memcpy(in[2], k->in[1 - i], MAX_RANK);
  Three t = {.out = con_out(k), .k = &all};
  uint64_t unit = 0;
  for (int l = 0; l < all.nlabel; l++)
    if (all.extent[l] && dim_is(all.extent[l], 1)) unit |= UINT64_C(1) << l;
  for (int j = 0; j < 3; j++)
    for (int a = 0; a < x[j]->type->rank; a++) t.set[j] |= UINT64_C(1) << in[j][a];
  uint64_t whole[3] = {t.set[0], t.set[1], t.set[2]};
  for (int j = 0; j < 3; j++) t.set[j] &= ~unit;
  uint64_t old[2], new[2];
  nests(&t, 0, 1, 2, old);
  for (int j = 0; j < 2; j++) {
    const int *o = order[j];
    nests(&t, o[0], o[1], o[2], new);
    if (!cheaper(&all, new, old)) continue;
    uint64_t keep = (whole[o[0]] | whole[o[1]]) & (con_out(k) | whole[o[2]]);
    if (__builtin_popcountll(keep) <= MAX_RANK) return emit_chain(&s->b, &all, x, (const int8_t (*)[MAX_RANK])in, o, keep);
  }
  return NULL;
}

Value *simplify_chain(Simplify *s, Op *op) {
  Con k = con_of(op), inner;
  if (k.n != 2) return NULL;
  for (int i = 0; i < 2; i++) {
    if (!only_here(s, k.x[i]) || k.x[i]->def->code == OP_mulz || !as_product(k.x[i], &inner)) continue;
    Value *v = reorder(s, &k, i, &inner);
    if (v) return v;
  }
  return NULL;
}
