/* one_hot.c - what is added at one computed place of each row, as an elementwise expression.
 *
 *   scatter_add u, rows i, y[i]      ═►   [if j == y[i] then u[i] else 0 for i, j]         sum of it over j   ═►   u
 *
 * The cotangent of `z[i, y[i]]` is such a thing.  A scatter clears memory, adds to it and has it read again; the expression is computed
 * where it is wanted, in one loop with the rest of the cotangent of z.
 *
 * Requires: a function that is not differentiated any more; indices are in range, as their checks, which stay, make sure.
 * Ensures: equal results. */
#include "passes/pass.h"

/* axis: of the result, by axis of what is scattered; at: the result's axis that is indexed by a computed number. */
typedef struct OneHot { const Op *op; int axis[MAX_RANK], at; Value *index; } OneHot;

static bool goes_along(const Value *idx, int axis, const Dim *extent) {
  const Op *op = idx->def;
  return op && op->code == OP_iota && op->u.axis == axis && idx->type->dim[axis] == extent;
}

/* Each row has a counter of its own, so at most one element is added to it. */
static bool find(const Op *op, OneHot *h) {
  if (op->code != OP_scatter_add || op->u.index.masked) return false;
  const Type *t = op->res[0]->type;
  int nb = op->opd[1]->type->rank, next = nb, n = op->u.index.naxis;
  *h = (OneHot){.op = op, .at = -1};
  if (nb == 0 || n != nb + 1) return false;
  for (int b = 0; b < nb; b++) h->axis[b] = -1;
  for (int a = 0, k = 0; a < t->rank; a++) {
    if (k == n || op->u.index.axis[k] != a) {
      h->axis[next++] = a;
      continue;
    }
    Value *idx = op->opd[1 + k++];
    int b = 0;
    while (b < nb && (h->axis[b] >= 0 || !goes_along(idx, b, t->dim[a]))) b++;
    if (b < nb) h->axis[b] = a;
    else if (h->at >= 0) return false;
    else {
      h->at = a;
      h->index = idx;
    }
  }
  return h->at >= 0;
}

static void expand(Func *f, Region *g, const OneHot *h) {
  Op *op = h->op->res[0]->def;
  Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
  const Type *t = op->res[0]->type;
  Type *counts = type_with_elem(b.ctx, t, h->index->type->elem);
  Value *here = b_map2(&b, OP_eq, b_iota(&b, counts, h->at), b_broadcast(&b, h->index, h->axis, counts));
  Value *u = b_broadcast(&b, op->opd[0], h->axis, type_with_elem(b.ctx, t, t->elem));
  region_replace_uses(g, op->res[0], b_select(&b, here, u, b_splat(&b, t, 0)));
}

/* What v gives, summed as k says, if that takes no loop along the axis of a place: one element, or so many times the same; or NULL. */
static Value *summed(Builder *b, Con k, Value *v) {
  OneHot h;
  k.x[0] = v;
  if (is_relabel(v) && v->def->code == OP_contract) {
    Con from = con_of(v->def);
    uint64_t varies = 0;
    for (int a = 0; a < v->type->rank; a++)
      if (con_in(&from, 0) >> from.out[a] & 1) varies |= UINT64_C(1) << k.in[0][a];
    return varies & con_summed(&k) ? NULL : con_emit(b, k, OP_mul);
  }
  if (!v->def || !find(v->def, &h)) return NULL;
  int8_t in[MAX_RANK];
  const Value *u = h.op->opd[0];
  for (int a = 0; a < u->type->rank; a++) in[a] = k.in[0][h.axis[a]];
  if (con_out(&k) >> k.in[0][h.at] & 1) return NULL;
  for (int a = 0; a < v->type->rank; a++)
    if (a != h.at && k.in[0][a] == k.in[0][h.at]) return NULL;
  k.x[0] = h.op->opd[0];
  for (int a = 0; a < u->type->rank; a++) k.in[0][a] = in[a];
  return con_emit(b, k, OP_mul);
}

static bool is_place(const Value *v) {
  OneHot h;
  return v->def && find(v->def, &h);
}

/* A sum along the axis of the place gives back what was scattered; also if something that does not change along it is added. */
static void sum_up(Func *f, Region *g, Op *op) {
  if (op->code != OP_contract || op->nopd != 1 || !op_has_sum(op) || !op->opd[0]->def) return;
  const Op *of = op->opd[0]->def;
  bool two = of->code == OP_add || of->code == OP_sub;
  if (two ? !is_place(of->opd[0]) && !is_place(of->opd[1]) : !is_place(op->opd[0])) return;
  Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
  Con k = con_of(op);
  Value *sum = summed(&b, k, two ? of->opd[0] : op->opd[0]), *more = two && sum ? summed(&b, k, of->opd[1]) : NULL;
  if (two) sum = sum && more ? b_map2(&b, of->code, sum, more) : NULL;
  if (sum) region_replace_uses(g, op->res[0], sum);
}

static void each(Func *f, Region *g, bool *any) {
  for_each_op(op, g) {
    OneHot h;
    for (int i = 0; i < op->nreg; i++) each(f, op->reg[i], any);
    sum_up(f, g, op);
    if (!find(op, &h)) continue;
    *any = true;
  }
  for_each_op(op, g) {
    OneHot h;
    if (find(op, &h)) expand(f, g, &h);
  }
}

void pass_one_hot(Func *f) {
  bool any = false;
  each(f, f->body, &any);
  if (any) pass_cse(f);
}
