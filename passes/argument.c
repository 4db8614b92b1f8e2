/* argument.c - where an extreme is: along a long axis, a fold for the extreme and one for the first place that has it; along an axis of a
 * few entries, a pooling's window say, a comparison with each of them in turn.
 *
 *   k = argmin x   becomes   m = min x;  k = min over i of (x[i] == m or x[i] is nan ? i : none)
 *
 *   k = argmax x[i, 2]   becomes   select x[i, 1] > x[i, 0], 1, 0      for all i at once, in vectors
 *
 * Along a long axis a comparison that carries both number and place is a chain of dependent steps; either fold alone is done in vectors,
 * beside what computes x, and a program that wants the extreme as well has its fold already.
 * Ensures: the same index: m is nan where any element is, and then equal to none.  Of an empty axis 0. */
#include "passes/pass.h"

enum { SHORT_AXIS = 16, FEW = 9 };

static Value *expand(Builder *b, Value *v, const Type *t, int axis) {
  int axes[MAX_RANK];
  for (int a = 0; a < v->type->rank; a++) axes[a] = a + (a >= axis);
  return b_broadcast(b, v, axes, type_with_elem(b->ctx, t, v->type->elem));
}

static void rewrite(Func *f, Region *g, Op *op) {
  Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
  Value *x = op->opd[0];
  int axis = op->u.reduce.axis[0];
  Value *most = b_reduce(&b, op->code == OP_argmax ? OP_rmax : OP_rmin, x, 1, &axis);
  Value *here = b_map2(&b, OP_or, b_map2(&b, OP_eq, x, expand(&b, most, x->type, axis)), b_map2(&b, OP_ne, x, x));
  Type *index = type_with_elem(b.ctx, x->type, I64);
  Value *none = b_int(&b, INT64_MAX);
  Value *place = b_select(&b, here, b_iota(&b, index, axis), b_broadcast_scalar(&b, none, index));
  Value *k = b_reduce(&b, OP_rmin, place, 1, &axis), *found = k;
  int64_t n;
  if (!dim_is_const(x->type->dim[axis], &n)) {
    Value *empty = b_map2(&b, OP_eq, k, b_broadcast_scalar(&b, none, k->type));
    found = b_select(&b, empty, b_splat(&b, k->type, 0), k);
  }
  region_replace_uses(g, op->res[0], found);
  op_remove(op);
}

static Value *entry(Builder *b, Value *x, int axis, int64_t i) {
  int64_t at[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) at[a] = a == axis ? i : -1;
  return entry_of(b, x, at);
}

/* The first nan leads whatever comes after it. */
static void compare_each(Func *f, Region *g, Op *op, int64_t n) {
  Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
  Value *x = op->opd[0], *most = entry(&b, x, op->u.reduce.axis[0], 0), *k = b_splat(&b, op->res[0]->type, 0);
  for (int64_t i = 1; i < n; i++) {
    Value *next = entry(&b, x, op->u.reduce.axis[0], i);
    Value *stays = b_map2(&b, op->code == OP_argmax ? OP_ge : OP_le, most, next);
    Value *leads = b_map2(&b, OP_and, b_map2(&b, OP_eq, most, most), b_map1(&b, OP_not, stays));
    k = b_select(&b, leads, b_splat(&b, k->type, (double)i), k);
    most = b_select(&b, leads, next, most);
  }
  region_replace_uses(g, op->res[0], k);
  op_remove(op);
}

static void in_region(Func *f, Region *g, bool *any) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) in_region(f, op->reg[i], any);
    if (op->code != OP_argmax && op->code != OP_argmin) continue;
    const Type *t = op->opd[0]->type;
    int64_t n;
    bool is_short = dim_is_const(t->dim[op->u.reduce.axis[0]], &n) && n <= SHORT_AXIS, few = is_short && n > 0 && n <= FEW && t->rank > 1;
    if (!elem_is_real(t->elem) || (is_short && !few)) continue;
    if (few) compare_each(f, g, op, n);
    else rewrite(f, g, op);
    *any = true;
  }
}

void pass_argument(Func *f) {
  bool any = false;
  in_region(f, f->body, &any);
  if (any) pass_cse(f);
}
