/* labels.c - contractions as data: an op taken apart, changed, and put together again in canonical form.
 * A reshape that only inserts or drops axes of length 1 is taken apart like a contraction that broadcasts or sums them.
 * Requires: extents of equal labels are equal.  Ensures: what con_emit makes is canonical, so that the rules that take
 * contractions apart come to an end: axes of length 1 are never summed but dropped by a reshape. */
#include "passes/pass.h"
#include <string.h>

static uint64_t set_of(const int8_t *label, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) s |= UINT64_C(1) << label[i];
  return s;
}

uint64_t con_in(const Con *k, int i) { return set_of(k->in[i], k->x[i]->type->rank); }
uint64_t con_out(const Con *k) { return set_of(k->out, k->rank); }

static uint64_t con_all_in(const Con *k) { return con_in(k, 0) | (k->n > 1 ? con_in(k, 1) : 0); }

static uint64_t unit_labels(const Con *k) {
  uint64_t s = 0;
  for (int l = 0; l < k->nlabel; l++)
    if (k->extent[l] && dim_is(k->extent[l], 1)) s |= UINT64_C(1) << l;
  return s;
}

uint64_t con_summed(const Con *k) { return con_all_in(k) & ~con_out(k) & ~unit_labels(k); }

static int skip_units(const Type *t, int a) {
  while (a < t->rank && dim_is(t->dim[a], 1)) a++;
  return a;
}

/* Equal dimensions in the same order, but for axes of length 1. */
static bool differ_in_units(const Type *x, const Type *y) {
  int a = skip_units(x, 0), b = skip_units(y, 0);
  while (a < x->rank && b < y->rank && x->dim[a] == y->dim[b]) {
    a = skip_units(x, a + 1);
    b = skip_units(y, b + 1);
  }
  return a == x->rank && b == y->rank;
}

static Con con_of_reshape(const Op *op) {
  const Type *x = op->opd[0]->type, *y = op->res[0]->type;
  Con k = {.n = 1, .x = {op->opd[0]}, .rank = y->rank, .elem = y->elem};
  for (int a = 0; a < x->rank; a++) {
    k.extent[k.nlabel] = x->dim[a];
    k.in[0][a] = (int8_t)k.nlabel++;
  }
  for (int b = 0, a = skip_units(x, 0); b < y->rank; b++) {
    bool unit = dim_is(y->dim[b], 1);
    k.out[b] = unit ? (int8_t)k.nlabel++ : k.in[0][a];
    k.extent[k.out[b]] = y->dim[b];
    if (!unit) a = skip_units(x, a + 1);
  }
  return k;
}

Con con_of(const Op *op) {
  const Type *t = op->res[0]->type;
  if (op->code == OP_reshape) return con_of_reshape(op);
  Con k = {.n = op->nopd, .rank = t->rank, .elem = t->elem};
  for (int i = 0; i < op->nopd; i++) {
    k.x[i] = op->opd[i];
    for (int a = 0; a < op->opd[i]->type->rank; a++) {
      k.in[i][a] = op->u.contract.opd[i][a];
      k.extent[k.in[i][a]] = op->opd[i]->type->dim[a];
    }
  }
  for (int a = 0; a < t->rank; a++) {
    k.out[a] = op->u.contract.out[a];
    if (!k.extent[k.out[a]]) k.extent[k.out[a]] = t->dim[a];
  }
  while (k.nlabel < MAX_LABEL && (con_out(&k) | con_all_in(&k)) >> k.nlabel) k.nlabel++;
  return k;
}

bool con_fits(const Con *k) { return __builtin_popcountll(con_out(k) | con_all_in(k)) <= MAX_LABEL; }

bool is_relabel(const Value *v) {
  if (!v->def || v->def->nopd != 1) return false;
  if (v->def->code == OP_reshape) return differ_in_units(v->def->opd[0]->type, v->type);
  if (v->def->code != OP_contract) return false;
  Con k = con_of(v->def);
  return con_summed(&k) == 0;
}

/* The axes of `labels` that lie in `keep`, in their order. */
static int filter(const int8_t *labels, int n, uint64_t keep, int8_t *to) {
  int m = 0;
  for (int i = 0; i < n; i++)
    if (keep >> labels[i] & 1) to[m++] = labels[i];
  return m;
}

static Value *reshape_to(Builder *b, Value *x, const int8_t *labels, int n, Dim *const *extent) {
  Dim *dim[MAX_RANK];
  for (int a = 0; a < n; a++) dim[a] = extent[labels[a]];
  return b_reshape(b, x, n, dim);
}

/* Drops the axes of length 1 that are not in the output. */
static void drop_units(Builder *b, Con *k) {
  uint64_t keep = ~unit_labels(k) | con_out(k);
  for (int i = 0; i < k->n; i++) {
    int8_t left[MAX_RANK];
    int rank = k->x[i]->type->rank, n = filter(k->in[i], rank, keep, left);
    if (n == rank) continue;
    k->x[i] = reshape_to(b, k->x[i], left, n, k->extent);
    memcpy(k->in[i], left, (size_t)n);
  }
}

/* Only axes of length 1 come or go. */
static bool only_units(const Con *k) {
  int8_t in[MAX_RANK], out[MAX_RANK];
  uint64_t large = ~unit_labels(k);
  if (k->n != 1) return false;
  int n = filter(k->in[0], k->x[0]->type->rank, large, in), m = filter(k->out, k->rank, large, out);
  return n == m && !memcmp(in, out, (size_t)n);
}

static Value *emit_contract(Builder *b, const Con *k) {
  int8_t fresh[CON_LABELS], lab[3][MAX_RANK];
  memset(fresh, -1, sizeof fresh);
  Dim *dim[MAX_RANK];
  int next = 0;
  for (int a = 0; a < k->rank; a++) {
    if (fresh[k->out[a]] < 0) fresh[k->out[a]] = (int8_t)next++;
    lab[2][a] = fresh[k->out[a]];
    dim[a] = k->extent[k->out[a]];
  }
  for (int i = 0; i < k->n; i++)
    for (int a = 0; a < k->x[i]->type->rank; a++) {
      if (fresh[k->in[i][a]] < 0) fresh[k->in[i][a]] = (int8_t)next++;
      lab[i][a] = fresh[k->in[i][a]];
    }
  if (next > MAX_LABEL) bug("a contraction of %d labels", next);
  Type *t = type_tensor(b->ctx, k->elem, k->rank, dim);
  bool identity = k->n == 1 && k->rank == k->x[0]->type->rank && !memcmp(lab[0], lab[2], (size_t)k->rank);
  if (identity && k->x[0]->type == t) return k->x[0];
  return b_contract_raw(b, k->x[0], lab[0], k->n > 1 ? k->x[1] : NULL, k->n > 1 ? lab[1] : NULL, lab[2], t);
}

static Value *emit_op(Builder *b, Con *k) {
  if (only_units(k)) return reshape_to(b, k->x[0], k->out, k->rank, k->extent);
  drop_units(b, k);
  return emit_contract(b, k);
}

static Con unary(const Con *k, Value *x, const int8_t *in, const int8_t *out, int rank) {
  Con u = {.n = 1, .x = {x}, .rank = rank, .elem = k->elem, .nlabel = k->nlabel};
  memcpy(u.extent, k->extent, sizeof u.extent);
  memcpy(u.in[0], in, (size_t)x->type->rank);
  memcpy(u.out, out, (size_t)rank);
  return u;
}

Value *relabel(Builder *b, Value *x, const int8_t *in, const int8_t *out, int rank, Dim *const *extent) {
  Con k = {.elem = x->type->elem, .nlabel = CON_LABELS};
  memcpy(k.extent, extent, sizeof k.extent);
  Con u = unary(&k, x, in, out, rank);
  return emit_op(b, &u);
}

/* Sums operand i over the labels that occur in it alone. */
static void sum_private(Builder *b, Con *k, int i) {
  uint64_t keep = con_out(k) | con_in(k, 1 - i) | unit_labels(k);
  int8_t left[MAX_RANK];
  int rank = k->x[i]->type->rank, n = filter(k->in[i], rank, keep, left);
  if (n == rank) return;
  Con u = unary(k, k->x[i], k->in[i], left, n);
  k->x[i] = emit_op(b, &u);
  memcpy(k->in[i], left, (size_t)n);
}

/* A product that sums nothing: the operands are broadcast to the axes that they cover, multiplied there. */
static Value *emit_product(Builder *b, const Con *k, int8_t *axes, int rank, Opcode product) {
  Value *x[2];
  for (int i = 0; i < 2; i++) {
    Con u = unary(k, k->x[i], k->in[i], axes, rank);
    x[i] = emit_op(b, &u);
  }
  return b_map2(b, product, x[0], x[1]);
}

bool con_is_canonical(const Con *k) {
  uint64_t out = con_out(k), summed = con_summed(k);
  bool broadcasts = out & ~con_all_in(k);
  if (only_units(k) || (con_all_in(k) & ~out & unit_labels(k))) return false;
  if (k->n == 1) return !summed || !broadcasts;
  return summed && !broadcasts && !(summed & ~(con_in(k, 0) & con_in(k, 1)));
}

Value *con_emit(Builder *b, Con k, Opcode product) {
  if (k.n == 2) {
    sum_private(b, &k, 0);
    sum_private(b, &k, 1);
  }
  uint64_t covered = con_out(&k) & con_all_in(&k);
  int8_t axes[MAX_RANK];
  int rank = filter(k.out, k.rank, covered, axes);
  Value *core;
  if (k.n == 2 && !con_summed(&k)) core = emit_product(b, &k, axes, rank, product);
  else if (k.n == 1 && !con_summed(&k)) return emit_op(b, &k);
  else {
    Con c = k;
    memcpy(c.out, axes, sizeof axes);
    c.rank = rank;
    core = emit_op(b, &c);
  }
  if (rank == k.rank) return core;
  Con u = unary(&k, core, axes, k.out, k.rank);
  return emit_op(b, &u);
}
