/* elab_gather.c - elements at computed indices, with labels, checks and masks. */
#include "frontend/elab_core.h"

/* Whether the int value lies in 0 .. len-1 for all values of the index variables within their bounds. */
Range index_range(Elab *e, Tval *idx, Dim *len) {
  Ctx *c = e->ctx;
  if (!idx->dim || dim_ragged(e, len)) return RANGE_OPEN;
  Dim *lo = dim_lower(c, idx->dim), *hi = dim_upper(c, idx->dim), *one = dim_const(c, 1);
  int64_t v;
  if (lo && hi && proved_nonneg(e, lo) && proved_le(e, dim_add(c, hi, one), len)) return RANGE_PROVED;
  /* Always out of range, whatever the indices. */
  if (lo && dim_le(c, len, lo) && !dim_is_const(len, NULL) && dim_is_const(dim_sub(c, lo, len), &v)) return RANGE_BAD;
  if (lo && dim_is_const(len, NULL) && dim_is_const(lo, NULL) && dim_le(c, len, lo)) return RANGE_BAD;
  if (hi && dim_is_const(hi, &v) && v < 0 && dim_is_const(idx->dim, NULL)) return RANGE_BAD;
  return RANGE_OPEN;
}

/* The mask in force and the ragged axes of the index tensors' shape, as one mask over all their labels; NULL: all
 * counts. */
static Tval *counted(Elab *e, Loc loc, Tval *idx) {
  int axis[MAX_USER_RANK];
  for (int i = 0; i < idx->type->rank; i++) axis[i] = i;
  Tval *m = ragged_mask(e, loc, idx->type->rank, idx->type->dim, idx->type->rank, axis);
  if (!e->mask) return m;
  Tval *v[2] = {e->mask, m};
  return m ? tv_map(e, loc, loc, OP_and, 2, v) : e->mask;
}

void tv_check_index(Elab *e, Tval *idx, Dim *len) {
  Tval *mask = counted(e, idx->loc, idx);
  if (dim_ragged(e, len)) {
    Tval *v[2] = {idx, dim_tval(e, idx->loc, len)}, *w[2] = {idx, tv_number(e, idx->loc, I64, 0)};
    Tval *both[2] = {tv_map(e, idx->loc, idx->loc, OP_lt, 2, v), tv_map(e, idx->loc, idx->loc, OP_ge, 2, w)};
    check_true(e, tv_map(e, idx->loc, idx->loc, OP_and, 2, both), "index out of range");
    return;
  }
  Tval *v[2] = {idx, mask};
  if (mask && !tv_broadcast(e, idx->loc, idx->loc, 2, v)) return;
  b_check_index(&e->b, v[0]->v, len, mask ? v[1]->v : NULL, "index out of range");
}

/* Indices of all shared batch axes come first: they pick the element of the same index value. */
typedef struct Plan {
  int naxis, axis[MAX_RANK];
  Value *idx[MAX_RANK];
} Plan;

static void plan_axis(Plan *p, int axis, Value *idx) {
  int at = p->naxis++;
  for (; at > 0 && p->axis[at - 1] > axis; at--) {
    p->axis[at] = p->axis[at - 1];
    p->idx[at] = p->idx[at - 1];
  }
  p->axis[at] = axis;
  p->idx[at] = idx;
}

/* Every value the index takes on its whole batch axes lies in range: no mask is needed to keep reads inside. */
static bool proved_on_box(Elab *e, Tval *idx, Dim *len) {
  if (!idx->dim || index_range(e, idx, len) != RANGE_PROVED) return false;
  for (Index *i = e->index; i; i = i->outer)
    if (i->bound && i->extent != i->bound && dim_mentions(idx->dim, i->sym)) return false;
  return true;
}

/* Puts the result's axes (labels and shape of the indices, then x's other labels, then x's other axes) in order of
 * depth. */
static Tval *order_labels(Elab *e, Loc loc, Tval *x, Tval *idx, Value *v, int nrest, Dim *const *rest) {
  Tval *both[2] = {x, idx};
  Index *label[MAX_LABELS];
  Dim *dims[MAX_RANK];
  int nlabel, perm[MAX_RANK], n = 0, nb = idx->type->rank, other = idx->nlabel + nb;
  union_labels(e, 2, both, &nlabel, label);
  for (int i = 0; i < nlabel; i++) {
    int at = -1;
    for (int k = 0; k < idx->nlabel; k++)
      if (idx->label[k] == label[i]) at = k;
    perm[n++] = at >= 0 ? at : other++;
  }
  for (int i = 0; i < nb; i++) {
    perm[n++] = idx->nlabel + i;
    dims[i] = idx->type->dim[i];
  }
  for (int i = 0; i < nrest; i++) {
    perm[n++] = other++;
    dims[nb + i] = rest[i];
  }
  v = b_transpose(&e->b, v, perm);
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, nb + nrest, dims), v, nlabel, label);
}

/* in_range[i]: the i-th index is known to be in range wherever it counts. */
Tval *tv_gather_at(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, Tval **idx, const bool *in_range) {
  Tval *v[MAX_RANK + 1];
  bool exact = true;
  if (!rank_fits(e, loc, idx[0]->type->rank + x->type->rank - naxis)) return tv_error(e, loc);
  for (int i = 0; i < naxis; i++) {
    Dim *len = x->type->dim[axis[i]];
    v[i] = idx[i];
    if (!in_range || !in_range[i]) {
      Range r = index_range(e, idx[i], len);
      if (r == RANGE_BAD) {
        diag_error(e->ctx, idx[i]->loc, E_OUT_OF_RANGE, "index '%s' is out of range for an axis of length '%s'",
                   show_dim(e, idx[i]->dim), show_dim(e, len));
        return tv_error(e, loc);
      }
      if (r == RANGE_OPEN) tv_check_index(e, idx[i], len);
    }
    exact = exact && proved_on_box(e, idx[i], len);
  }
  Tval *mask = exact ? NULL : counted(e, loc, idx[0]);
  int n = naxis;
  if (mask) v[n++] = mask;
  Index *common[MAX_LABELS];
  int ncommon;
  union_labels(e, n, v, &ncommon, common);
  if (!tv_broadcast(e, loc, loc, n, v)) return tv_error(e, loc);
  Plan p = {0};
  Dim *rest[MAX_RANK];
  int nrest = 0;
  for (int i = 0; i < x->nlabel; i++)
    for (int k = 0; k < ncommon; k++)
      if (common[k] == x->label[i]) plan_axis(&p, i, b_iota(&e->b, type_with_elem(e->ctx, v[0]->v->type, I64), k));
  for (int i = 0; i < naxis; i++) plan_axis(&p, x->nlabel + axis[i], v[i]->v);
  for (int i = 0; i < x->type->rank; i++) {
    bool taken = false;
    for (int k = 0; k < naxis; k++) taken = taken || axis[k] == i;
    if (!taken) rest[nrest++] = x->type->dim[i];
  }
  for (int i = 0; i < p.naxis; i++) p.idx[i] = b_cast(&e->b, p.idx[i], I64);
  Value *r = b_gather(&e->b, x->v, p.naxis, p.axis, p.idx, mask ? v[naxis]->v : NULL);
  return order_labels(e, loc, x, v[0], r, nrest, rest);
}

Tval *tv_gather(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, Tval **idx) {
  if (is_error(x)) return x;
  for (int i = 0; i < naxis; i++)
    if (is_error(idx[i])) return idx[i];
  return tv_gather_at(e, loc, x, naxis, axis, idx, NULL);
}
