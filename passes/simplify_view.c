/* simplify_view.c - views of views, gathers at every index in order, checks that cannot fail.
 * Requires: operands up to date.  Ensures: no view is left that only copies its operand. */
#include "passes/pass.h"
#include <string.h>

static bool constant(const Value *v, Value **scalar) {
  if (!is_relabel(v) || v->def->opd[0]->type->rank) return false;
  *scalar = v->def->opd[0];
  return true;
}

static bool same_window(const Op *x, const Op *y, int rank) {
  return !memcmp(x->u.slice.start, y->u.slice.start, sizeof(Dim *) * (size_t)rank) &&
         !memcmp(x->u.slice.stride, y->u.slice.stride, sizeof(int64_t) * (size_t)rank);
}

/* Start 0, stride 1 on every axis. */
static bool from_origin(const Op *op, int rank) {
  for (int a = 0; a < rank; a++)
    if (!dim_is(op->u.slice.start[a], 0) || op->u.slice.stride[a] != 1) return false;
  return true;
}

/* Operand i of the product k, cut along the axes whose labels the slice of its result cuts. */
static Value *slice_operand(Simplify *s, const Con *k, int i, const Op *slice) {
  Dim *start[MAX_RANK], *size[MAX_RANK];
  int64_t stride[MAX_RANK];
  Value *x = k->x[i];
  for (int a = 0; a < x->type->rank; a++) {
    start[a] = dim_const(s->ctx, 0);
    size[a] = x->type->dim[a];
    stride[a] = 1;
    for (int o = 0; o < k->rank; o++) {
      if (k->out[o] != k->in[i][a]) continue;
      start[a] = slice->u.slice.start[o];
      size[a] = slice->res[0]->type->dim[o];
      stride[a] = slice->u.slice.stride[o];
    }
  }
  return b_slice(&s->b, x, start, stride, size);
}

/* A slice of a product that nobody else reads: what it leaves out is not computed, and the product meets what comes behind. */
static Value *slice_of_product(Simplify *s, const Op *op) {
  const Op *def = op->opd[0]->def;
  if (!def || def->code != OP_contract || !only_here(s, op->opd[0])) return NULL;
  Con k = con_of(def);
  uint64_t in = con_in(&k, 0) | (k.n > 1 ? con_in(&k, 1) : 0);
  if ((k.n == 1 && !con_summed(&k)) || (con_out(&k) & ~in)) return NULL;
  for (int i = 0; i < k.n; i++) k.x[i] = slice_operand(s, &k, i, op);
  for (int a = 0; a < k.rank; a++) k.extent[k.out[a]] = op->res[0]->type->dim[a];
  return con_emit(&s->b, k, OP_mul);
}

static Value *do_slice(Simplify *s, Op *op) {
  Value *x = op->opd[0];
  Type *t = op->res[0]->type;
  int n = t->rank;
  if (x->type == t && from_origin(op, n)) return x;
  Op *in = x->def;
  Value *product = slice_of_product(s, op);
  if (product) return product;
  if (in && in->code == OP_embed && in->opd[0]->type == t && same_window(op, in, n)) return in->opd[0];
  if (in && in->code == OP_set_slice && in->opd[1]->type == t && same_window(op, in, n)) return in->opd[1];
  if (!in || in->code != OP_slice) return NULL;
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  for (int a = 0; a < n; a++) {
    Dim *step = dim_mul(s->ctx, op->u.slice.start[a], dim_const(s->ctx, in->u.slice.stride[a]));
    start[a] = dim_add(s->ctx, in->u.slice.start[a], step);
    if (!start[a] || __builtin_mul_overflow(in->u.slice.stride[a], op->u.slice.stride[a], &stride[a])) return NULL;
  }
  return b_slice(&s->b, in->opd[0], start, stride, t->dim);
}

/* A slice of one index on some axes and all of the others: taken gets the axes. */
static bool is_row(const Op *slice, bool *taken) {
  const Type *from = slice->opd[0]->type, *to = slice->res[0]->type;
  for (int a = 0; a < from->rank; a++) {
    taken[a] = dim_is(to->dim[a], 1) && !dim_is(from->dim[a], 1);
    if (!taken[a] && from->dim[a] != to->dim[a]) return false;
  }
  return true;
}

/* A row of what was read at numbers as indices is read at one more: x[i][j] is x[i, j]. */
static Value *row_of_row(Simplify *s, const Op *reshape) {
  const Op *slice = reshape->opd[0]->def, *in = slice && slice->code == OP_slice ? slice->opd[0]->def : NULL;
  bool taken[MAX_RANK];
  if (!in || in->code != OP_gather || in->u.index.masked || in->opd[1]->type->rank || !is_row(slice, taken)) return NULL;
  int axis[MAX_RANK], n = 0, known = 0, rest = 0, kept = 0;
  Value *at[MAX_RANK];
  const Type *t = reshape->res[0]->type;
  for (int a = 0; a < in->opd[0]->type->rank; a++) {
    axis[n] = a;
    if (known < in->u.index.naxis && in->u.index.axis[known] == a) at[n++] = in->opd[1 + known++];
    else if (taken[rest]) at[n++] = b_dim(&s->b, slice->u.slice.start[rest++]);
    else if (kept == t->rank || t->dim[kept++] != slice->res[0]->type->dim[rest++]) return NULL;
  }
  return kept == t->rank && known == in->u.index.naxis ? b_gather(&s->b, in->opd[0], n, axis, at, NULL) : NULL;
}

static Value *do_reshape(Simplify *s, Op *op) {
  Value *x = op->opd[0], *row = row_of_row(s, op);
  const Type *t = op->res[0]->type;
  if (row) return row;
  if (x->type == t) return x;
  if (x->def && x->def->code == OP_reshape) return b_reshape(&s->b, x->def->opd[0], t->rank, t->dim);
  return is_relabel(op->res[0]) ? simplify_contract(s, op) : NULL;
}

static Value *do_embed(Simplify *s, Op *op) {
  Value *x = op->opd[0];
  Type *t = op->res[0]->type;
  if (x->type == t && from_origin(op, t->rank)) return x;
  return is_splat(x, 0) ? b_splat(&s->b, t, 0) : NULL;
}

Value *simplify_view(Simplify *s, Op *op) {
  Value *scalar;
  const Type *t = op->res[0]->type;
  if ((op->code == OP_reshape || op->code == OP_slice) && constant(op->opd[0], &scalar)) return b_broadcast_scalar(&s->b, scalar, t);
  switch (op->code) {
  case OP_slice: return do_slice(s, op);
  case OP_reshape: return do_reshape(s, op);
  case OP_embed: return do_embed(s, op);
  case OP_set_slice:
    return op->opd[1]->type == t && from_origin(op, t->rank) ? op->opd[1] : NULL;
  case OP_concat: return op->nopd == 1 ? op->opd[0] : NULL;
  default: return NULL;
  }
}

/* ---- gathers ----------------------------------------------------------------------------------------------------------------- */

/* The axis along which v counts 0, 1, 2, …, or -1. */
static int counts_along(const Value *v) {
  if (!v->def) return -1;
  if (v->def->code == OP_iota) return v->def->u.axis;
  if (!is_relabel(v)) return -1;
  int inner = counts_along(v->def->opd[0]);
  if (inner < 0) return -1;
  Con k = con_of(v->def);
  for (int a = 0; a < k.rank; a++)
    if (k.out[a] == k.in[0][inner]) return a;
  return -1;
}

/* The element where the extreme along an axis is: x[i, argmin over j of x[i, j]]. */
static Value *extreme(Simplify *s, const Op *op) {
  Value *x = op->opd[0];
  int n = op->u.index.naxis, axis = -1;
  if (n != x->type->rank) return NULL;
  for (int i = 0; i < n; i++) {
    const Op *at = op->opd[1 + i]->def;
    bool finds = at && (at->code == OP_argmax || at->code == OP_argmin) && at->opd[0] == x && at->u.reduce.axis[0] == i;
    if (op->u.index.axis[i] != i) return NULL;
    if (finds) axis = i;
  }
  for (int i = 0, rest = 0; axis >= 0 && i < n; i++)
    if (i != axis && counts_along(op->opd[1 + i]) != rest++) return NULL;
  if (axis < 0) return NULL;
  Value *most = b_reduce(&s->b, op->opd[1 + axis]->def->code == OP_argmax ? OP_rmax : OP_rmin, x, 1, &axis);
  return op->u.index.masked ? b_select(&s->b, op->opd[1 + n], most, b_splat(&s->b, most->type, 0)) : most;
}

static int index_along(const Op *op, int axis) {
  for (int i = 0; i < op->u.index.naxis; i++)
    if (op->u.index.axis[i] == axis) return i;
  return -1;
}

/* Of a transposed tensor: of the tensor itself, if the axes without an index keep their order.  So what goes back goes to rows. */
static Value *from_transposed(Simplify *s, Op *op) {
  const Op *t = op->opd[0]->def;
  if (!t || t->code != OP_contract || t->nopd != 1 || t->opd[0]->type->rank != op->opd[0]->type->rank || op_has_sum(t)) return NULL;
  int rank = t->opd[0]->type->rank, n = 0, axis[MAX_RANK], last = -1;
  Value *idx[MAX_RANK];
  for (int b = 0; b < rank; b++) {
    int a = 0;
    while (a < rank && t->u.contract.out[a] != t->u.contract.opd[0][b]) a++;
    int i = a < rank ? index_along(op, a) : -1;
    if (a == rank || (i < 0 && a < last)) return NULL;
    if (i < 0) last = a;
    else axis[n] = b, idx[n++] = op->opd[1 + i];
  }
  return b_gather(&s->b, t->opd[0], n, axis, idx, op->u.index.masked ? op->opd[1 + n] : NULL);
}

/* Every index runs over a whole axis of x: the gather is a relabelling. */
static Value *do_gather(Simplify *s, Op *op) {
  Value *x = op->opd[0], *most = elem_is_real(x->type->elem) ? extreme(s, op) : NULL;
  if (!most) most = from_transposed(s, op);
  if (most) return most;
  if (op->u.index.masked) return NULL;
  int8_t in[MAX_RANK], out[MAX_RANK];
  Dim *extent[CON_LABELS] = {0};
  Type *t = op->res[0]->type;
  unsigned used = 0, indexed = 0;
  int nb = op->u.index.naxis ? op->opd[1]->type->rank : 0;
  for (int a = 0; a < t->rank; a++) {
    out[a] = (int8_t)a;
    extent[a] = t->dim[a];
  }
  for (int i = 0; i < op->u.index.naxis; i++) {
    int along = counts_along(op->opd[1 + i]), axis = op->u.index.axis[i];
    if (along < 0 || (used >> along & 1) || t->dim[along] != x->type->dim[axis]) return NULL;
    used |= 1u << along;
    indexed |= 1u << axis;
    in[axis] = (int8_t)along;
  }
  for (int a = 0; a < x->type->rank; a++)
    if (!(indexed >> a & 1)) in[a] = (int8_t)nb++;
  return relabel(&s->b, x, in, out, t->rank, extent);
}

/* ---- elements that were just stored --------------------------------------------------------------------------------------------- */

static int first_index(const Op *op) { return op->code == OP_gather || op->code == OP_scatter_add ? 1 : 2; }

static bool same_places(const Op *x, const Op *y) {
  if (x->u.index.naxis != y->u.index.naxis) return false;
  for (int i = 0; i < x->u.index.naxis; i++)
    if (x->u.index.axis[i] != y->u.index.axis[i] || x->opd[first_index(x) + i] != y->opd[first_index(y) + i]) return false;
  return true;
}

/* Its indices are numbers. */
static bool at_one_place(const Op *op) {
  return op && (op->code == OP_gather || op->code == OP_set || op->code == OP_scatter_acc) && !op->u.index.masked &&
         op->u.index.naxis > 0 && op->opd[first_index(op)]->type->rank == 0;
}

/* x is at the number's place that an update, what x reads or stores into, was at. */
static bool same_place(const Op *x, const Op *update) {
  return at_one_place(x) && at_one_place(update) && update->code != OP_gather && same_places(x, update);
}

/* A number read where it was stored or added to. */
static Value *just_stored(Simplify *s, Op *op) {
  const Op *at = op->opd[0]->def;
  if (op->res[0]->type->rank || !same_place(op, at)) return NULL;
  if (at->code == OP_set) return at->opd[1];
  Value *old = b_gather(&s->b, at->opd[0], op->u.index.naxis, op->u.index.axis, op->opd + 1, NULL);
  return b_map2(&s->b, OP_add, old, at->opd[1]);
}

/* An update that only `op` reads, at the same place: what it leaves elsewhere is its operand. */
static const Op *update_before(Simplify *s, const Op *op) {
  const Op *at = op->opd[0]->def;
  return same_place(op, at) && at->opd[1]->type == op->opd[1]->type && only_here(s, at->res[0]) ? at : NULL;
}

static Value *merge_stored(Simplify *s, Op *op) {
  const Op *at = update_before(s, op);
  return at ? b_set(&s->b, at->opd[0], op->opd[1], op->u.index.naxis, op->u.index.axis, op->opd + 2) : NULL;
}

static Value *merge_added(Simplify *s, Op *op) {
  const Op *at = update_before(s, op);
  bool from_zero = at && is_splat(at->opd[1], 0);
  if (!at || at->code != OP_set || (at->opd[1]->type->rank && !from_zero)) return NULL;
  Value *sum = from_zero ? op->opd[1] : b_map2(&s->b, OP_add, at->opd[1], op->opd[1]);
  return b_set(&s->b, at->opd[0], sum, op->u.index.naxis, op->u.index.axis, op->opd + 2);
}

static Value *do_read(Simplify *s, Op *op) {
  Value *stored = just_stored(s, op);
  if (!stored) stored = simplify_one_element(s, op);
  return stored ? stored : do_gather(s, op);
}

/* ---- what is scattered ---------------------------------------------------------------------------------------------------------- */

static Value *scatter_mask(const Op *op) { return op->u.index.masked ? op->opd[op->nopd - 1] : NULL; }

/* What is added where the mask holds; elsewhere zeros. */
static Value *where_masked(Simplify *s, Value *u, Value *mask) {
  int axis[MAX_RANK];
  if (!mask) return u;
  for (int a = 0; a < mask->type->rank; a++) axis[a] = a;
  Value *all = b_broadcast(&s->b, mask, axis, type_with_elem(s->ctx, u->type, BOOL));
  return b_select(&s->b, all, u, b_splat(&s->b, u->type, 0));
}

/* What is added at the same places twice is added up first. */
static Value *scatter_once(Simplify *s, Op *op) {
  Op *in = op->opd[0]->def;
  if (!in || (in->code != OP_scatter_add && in->code != OP_scatter_acc) || !only_here(s, op->opd[0])) return NULL;
  Value *u = scattered(in), *v = op->opd[1], *mask[] = {scatter_mask(in), scatter_mask(op)}, *either = mask[0];
  if (u->type != v->type || !same_places(in, op)) return NULL;
  if (mask[0] != mask[1]) {
    u = where_masked(s, u, mask[0]);
    v = where_masked(s, v, mask[1]);
    either = mask[0] && mask[1] ? b_map2(&s->b, OP_or, mask[0], mask[1]) : NULL;
  }
  Value *sum = b_map2(&s->b, OP_add, u, v);
  int n = op->u.index.naxis;
  return in->code == OP_scatter_add ? b_scatter_add(&s->b, sum, n, op->u.index.axis, op->opd + 2, either, op->res[0]->type)
                                    : b_scatter_acc(&s->b, in->opd[0], sum, n, op->u.index.axis, op->opd + 2, either);
}

static Value *do_scatter_acc(Simplify *s, Op *op) {
  Value *mask = scatter_mask(op);
  if (is_splat(op->opd[1], 0)) return op->opd[0];
  Value *merged = merge_added(s, op);
  if (merged) return merged;
  Value *shifted = simplify_shift(s, op);
  if (shifted) return shifted;
  if (!is_splat(op->opd[0], 0)) return scatter_once(s, op);
  return b_scatter_add(&s->b, op->opd[1], op->u.index.naxis, op->u.index.axis, op->opd + 2, mask, op->res[0]->type);
}

Value *simplify_index(Simplify *s, Op *op) {
  switch (op->code) {
  case OP_gather: return do_read(s, op);
  case OP_scatter_add: return is_splat(op->opd[0], 0) ? b_splat(&s->b, op->res[0]->type, 0) : simplify_shift(s, op);
  case OP_scatter_acc: return do_scatter_acc(s, op);
  case OP_set: return merge_stored(s, op);
  default: return NULL;
  }
}

/* ---- checks ------------------------------------------------------------------------------------------------------------------ */

static bool index_is_provable(Ctx *c, const Value *v, Dim *limit) {
  int along = counts_along(v);
  if (along >= 0) return dim_le(c, v->type->dim[along], limit);
  Bounds b;
  return value_bounds(c, v, &b) && dim_nonneg(c, b.lo) && dim_le(c, dim_add(c, b.hi, dim_const(c, 1)), limit);
}

bool check_is_provable(Ctx *c, const Op *op) {
  int64_t holds;
  switch (op->code) {
  case OP_check_dim_eq: return op->u.check.a == op->u.check.b;
  case OP_check_dim_le: return dim_le(c, op->u.check.a, op->u.check.b);
  case OP_check_index: return index_is_provable(c, op->opd[0], op->u.check.a);
  case OP_assert:
  case OP_check_finite: return splat_int(op->opd[0], &holds) && holds;
  default: return false;
  }
}

static bool places_extreme(Ctx *c, const Value *v, Dim *limit) {
  const Op *op = v->def;
  return op && (op->code == OP_argmax || op->code == OP_argmin) && dim_le(c, op->opd[0]->type->dim[op->u.reduce.axis[0]], limit);
}

static void drop_check(Simplify *s, Op *op) {
  for (int i = 0; i < op->nopd; i++) rw_use(&s->rw, op->opd[i], -1);
  op_remove(op);
}

/* The place of an extreme is in range unless the axis is empty, and then it is 0 everywhere: one number is looked at, and no other check
 * need be made of that place. */
static bool check_of_extreme(Simplify *s, Op *op) {
  if (op->code != OP_check_index || op->nopd > 1 || !places_extreme(s->ctx, op->opd[0], op->u.check.a)) return false;
  Dim *count = dim_const(s->ctx, 1);
  const Type *t = op->opd[0]->type;
  for (int a = 0; a < t->rank && count; a++) count = dim_mul(s->ctx, count, t->dim[a]);
  if (!count) return false;
  Op *before = op->prev;
  Builder b = {.ctx = s->ctx, .func = s->rw.func, .region = op->parent, .before = op, .loc = op->loc};
  Value *any = t->rank ? b_map2(&b, OP_gt, b_dim(&b, count), b_int(&b, 0)) : NULL;
  b_check_index(&b, b_int(&b, 0), op->u.check.a, any, op->u.check.text);
  for (Op *o = before ? before->next : op->parent->first; o != op; o = o->next)
    for (int i = 0; i < o->nopd; i++) rw_use(&s->rw, o->opd[i], 1);
  for (Op *o = op->next, *next; o; o = next) {
    next = o->next;
    if (o->code == OP_check_index && o->opd[0] == op->opd[0] && o->u.check.a == op->u.check.a) drop_check(s, o);
  }
  drop_check(s, op);
  return true;
}

/* True when op is there no more; what follows it may have changed. */
bool simplify_check(Simplify *s, Op *op) {
  if (op_info[op->code].family != FAM_EFFECT) return false;
  if (!check_is_provable(s->ctx, op)) return check_of_extreme(s, op);
  drop_check(s, op);
  return true;
}
