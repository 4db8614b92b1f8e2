/* elab_store.c - x[i] = e as a new value of x: slices by set_slice, elements at computed places by set. */
#include "frontend/elab_core.h"

static Tval *store_error(Elab *e, Loc loc, const char *text) {
  diag_error(e->ctx, loc, E_STORE, "%s", text);
  return NULL;
}

/* What is stored, of exactly the shape of the place: element type and broadcasting as in an assignment of NumPy. */
static Tval *shaped(Elab *e, Tval *x, Tval *v, int rank, Dim *const *dims) {
  if (v->kind != TV_TENSOR || v->type->rank > rank) {
    diag_error(e->ctx, v->loc, E_TYPE_MISMATCH, "the stored value is %s, but its place is %s", show_tval(e, v),
               show_type(e, type_tensor(e->ctx, x->type->elem, rank, dims)));
    return NULL;
  }
  int shift = rank - v->type->rank;
  for (int i = 0; i < v->type->rank; i++)
    if (v->type->dim[i] != dims[i + shift] && !dim_is(v->type->dim[i], 1)) {
      diag_error(e->ctx, v->loc, E_DIM_DIFFER, "the stored value is %s, but its place is %s: '%s' is not '%s'",
                 show_type(e, v->type), show_type(e, type_tensor(e->ctx, x->type->elem, rank, dims)),
                 show_dim(e, v->type->dim[i]), show_dim(e, dims[i + shift]));
      return NULL;
    }
  Spec s = {
      .kind = TV_TENSOR, .loc = LOC_NONE, .type = type_tensor(e->ctx, x->type->elem, v->type->rank, v->type->dim)};
  v = fit(e, &s, v, FIT_STRICT, "the stored value");
  return is_error(v) ? NULL : tv_broadcast_to(e, v, rank, dims);
}

/* The place as a slice on every axis: known scalars have length 1 there. */
typedef struct Place {
  int n;
  Dim *start[MAX_RANK], *size[MAX_RANK], *shape[MAX_RANK];
  int64_t stride[MAX_RANK];
  int rank;
  bool whole;
} Place;

static Tval *set_place(Elab *e, Tval *x, Tval *v, Place *p) {
  Tval *value = shaped(e, x, v, p->rank, p->shape);
  if (!value) return NULL;
  if (p->whole && p->rank == p->n) {
    Tval *both[2] = {x, value};
    tv_align(e, 2, both);
    return both[1];
  }
  Tval *xv[2] = {x, tv_reshape(e, v->loc, value, p->n, p->size)};
  if (is_error(xv[1])) return NULL;
  tv_align(e, 2, xv);
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  int nl = xv[0]->nlabel;
  for (int i = 0; i < nl + p->n; i++) {
    start[i] = i < nl ? dim_const(e->ctx, 0) : p->start[i - nl];
    stride[i] = i < nl ? 1 : p->stride[i - nl];
  }
  return tv_with(e, xv[0], xv[0]->type, b_set_slice(&e->b, xv[0]->v, xv[1]->v, start, stride));
}

static bool runtime_scalar(Elab *e, const Item *it) {
  return it->kind == IT_SCALAR &&
         (!it->idx->dim || dim_ragged(e, it->idx->dim) || dim_runtime(it->idx->dim) || (e->mask && !it->checked));
}

static bool place_axis(Elab *e, Dim *len, Item *it, Place *p) {
  int i = p->n++;
  p->start[i] = dim_const(e->ctx, 0);
  p->size[i] = len;
  p->stride[i] = 1;
  if (it->kind == IT_SCALAR) {
    p->start[i] = it->idx->dim;
    p->size[i] = dim_const(e->ctx, 1);
    p->whole = false;
    return true;
  }
  if (it->kind == IT_SLICE) {
    if (dim_ragged(e, it->start) || dim_ragged(e, it->size) || !it->checked)
      return store_error(e, it->loc, "a slice that is stored to must not depend on an index or a condition"), false;
    p->start[i] = it->start;
    p->size[i] = it->size;
    p->stride[i] = it->step;
    p->whole = false;
  }
  p->shape[p->rank++] = p->size[i];
  return true;
}

/* Chooses v where every subscripted axis is at its index: for indices that vary with an index variable. */
static Tval *set_by_select(Elab *e, Tval *x, Tval *v, int n, const int *axis, Tval **idx) {
  Tval *at = NULL;
  int r = x->type->rank;
  Dim *dims[MAX_RANK];
  for (int k = 0; k < n; k++) {
    for (int i = 0; i < r; i++) dims[i] = i == axis[k] ? x->type->dim[i] : dim_const(e->ctx, 1);
    Tval *eq[2] = {tv_iota(e, v->loc, r, dims, axis[k]), idx[k]};
    at = tv_and(e, at, tv_map(e, v->loc, v->loc, OP_eq, 2, eq));
  }
  int rank = 0;
  for (int i = 0; i < r; i++) {
    bool taken = false;
    for (int k = 0; k < n; k++) taken = taken || axis[k] == i;
    dims[i] = taken ? dim_const(e->ctx, 1) : v->type->dim[rank++];
  }
  Tval *sel[3] = {at, tv_reshape(e, v->loc, v, r, dims), x};
  return tv_map(e, v->loc, v->loc, OP_select, 3, sel);
}

static Tval *set_at(Elab *e, Tval *x, Tval *v, int n, const int *axis, Tval **idx) {
  bool labelled = x->nlabel || v->nlabel || e->mask;
  Value *iv[MAX_RANK];
  for (int k = 0; k < n; k++) {
    if (index_range(e, idx[k], x->type->dim[axis[k]]) == RANGE_OPEN) tv_check_index(e, idx[k], x->type->dim[axis[k]]);
    labelled = labelled || idx[k]->nlabel;
    iv[k] = b_cast(&e->b, idx[k]->v, I64);
  }
  if (labelled) return set_by_select(e, x, v, n, axis, idx);
  return tv_with(e, x, x->type, b_set(&e->b, x->v, v->v, n, axis, iv));
}

/* Beside a computed index the known ones are indices too: one element, or one row, is stored. */
static bool by_index(Elab *e, int n, const Item *items, int i) {
  if (runtime_scalar(e, &items[i])) return true;
  if (items[i].kind != IT_SCALAR || e->index) return false;
  for (int k = 0; k < n; k++)
    if (runtime_scalar(e, &items[k])) return true;
  return false;
}

/* The row that the computed subscripts choose is taken out, changed, and put back. */
static Tval *store_row(Elab *e, Tval *x, Tval *v, int n, Item *items, Place *p) {
  Tval *idx[MAX_RANK];
  int axis[MAX_RANK], k = 0;
  for (int i = 0; i < n; i++)
    if (by_index(e, n, items, i)) {
      axis[k] = i;
      idx[k++] = items[i].idx;
    }
  if (k == 0) return set_place(e, x, v, p);
  Tval *row;
  if (p->whole && p->rank == p->n) {
    row = shaped(e, x, v, p->rank, p->shape);
  } else {
    row = tv_gather(e, v->loc, x, k, axis, idx);
    row = is_error(row) ? NULL : set_place(e, row, v, p);
  }
  return row ? set_at(e, x, row, k, axis, idx) : NULL;
}

/* The tensor `base` with the elements that `target` names replaced by v; base itself after a diagnostic. */
Tval *store_elements(Elab *e, Expr *target, Tval *base, Tval *v) {
  Item items[MAX_RANK * 2];
  Place p = {.whole = true};
  if (base->kind != TV_TENSOR) {
    diag_error(e->ctx, target->loc, E_STORE, "only a tensor has elements, but this is %s", show_tval(e, base));
    return base;
  }
  int n = elab_items(e, base, target, items);
  if (n < 0) return base;
  for (int i = 0; i < n; i++) {
    if (items[i].kind == IT_NEW || items[i].kind == IT_TENSOR) {
      store_error(e, items[i].loc,
                  items[i].kind == IT_NEW
                      ? "a new axis cannot be stored to"
                      : "elements are stored one at a time, or by slices: this subscript is a tensor");
      return base;
    }
    if (items[i].kind == IT_SCALAR && !by_index(e, n, items, i) &&
        index_range(e, items[i].idx, base->type->dim[i]) == RANGE_OPEN) {
      /* Under a mask a place that may be out of range is treated as one known only when it runs. */
      if (e->mask)
        items[i].checked = false;
      else
        tv_check_index(e, items[i].idx, base->type->dim[i]);
    }
    if (!by_index(e, n, items, i) && !place_axis(e, base->type->dim[i], &items[i], &p)) return base;
  }
  Tval *r = store_row(e, base, v, n, items, &p);
  return r && !is_error(r) ? r : base;
}

static bool single_elements(const Expr *target) {
  if (target->kind != EX_INDEX) return false;
  for (const Sub *s = target->u.index.subs; s; s = s->next)
    if (s->kind != SUB_INDEX && (s->kind != SUB_SLICE || s->lo || s->hi || s->step)) return false;
  return true;
}

/* x[i, :] += v at computed places: nothing has to be read, nor set to zero in the derivative. */
Tval *store_add(Elab *e, Expr *target, Tval *base, Tval *v, bool negate) {
  Item items[MAX_RANK * 2];
  if (e->index || !single_elements(target) || base->kind != TV_TENSOR || v->kind != TV_TENSOR ||
      base->type->elem == BOOL || v->type->elem == BOOL)
    return NULL;
  int n = elab_items(e, base, target, items), axis[MAX_RANK], k = 0, rank = 0;
  Value *idx[MAX_RANK];
  Dim *dims[MAX_RANK];
  bool computed = false;
  for (int i = 0; i < n; i++) {
    if (items[i].kind != IT_SCALAR && items[i].kind != IT_FULL) return NULL;
    computed = computed || runtime_scalar(e, &items[i]);
  }
  if (!computed) return NULL;
  for (int i = 0; i < n; i++) {
    Dim *len = base->type->dim[i];
    if (items[i].kind == IT_FULL) {
      dims[rank++] = len;
      continue;
    }
    if (index_range(e, items[i].idx, len) == RANGE_OPEN) tv_check_index(e, items[i].idx, len);
    axis[k] = i;
    idx[k++] = b_cast(&e->b, items[i].idx->v, I64);
  }
  Tval *u = shaped(e, base, v, rank, dims);
  if (!u) return base;
  Value *w = negate ? b_map1(&e->b, OP_neg, u->v) : u->v;
  return tv_with(e, base, base->type, b_scatter_acc(&e->b, base->v, w, k, axis, idx, NULL));
}
