/* elab_index.c - subscripts: what each asks for (items), and reading a tensor by them.
 *
 * An axis is read in the cheapest way that serves: a slice; a relabelling, when the subscript is an affine function of
 * one index variable that is proved to stay in range; otherwise a gather. */
#include "frontend/elab_core.h"

/* ---- items ---- */

static Dim *from_end(Elab *e, Dim *d, Dim *len) {
  int64_t v;
  return dim_is_const(d, &v) && v < 0 ? dim_add(e->ctx, len, d) : d;
}

static bool out_of_range(Elab *e, Loc loc, Dim *d, Dim *len) {
  diag_error(e->ctx, loc, E_OUT_OF_RANGE, "'%s' is out of range for an axis of length '%s'", show_dim(e, d),
             show_dim(e, len));
  return false;
}

/* a <= b: proved, refused, or left to a check; *open is set where it was not proved. */
static bool require_le(Elab *e, Loc loc, Dim *a, Dim *b, Dim *shown, Dim *len, bool *open) {
  int64_t v;
  Dim *d = dim_sub(e->ctx, b, a);
  if (proved_le(e, a, b)) return true;
  if (d && dim_is_const(d, &v) && v < 0) return out_of_range(e, loc, shown, len);
  check_dims(e, OP_check_dim_le, a, b, "slice out of range");
  *open = true;
  return true;
}

static bool slice_part(Elab *e, Expr *x, Dim *len, Dim *missing, Dim **to) {
  *to = missing;
  if (!x) return true;
  if (!arg_dim(e, x, to)) return false;
  *to = from_end(e, *to, len);
  return true;
}

static bool slice_item(Elab *e, Sub *s, Dim *len, Item *it) {
  Ctx *c = e->ctx;
  Dim *zero = dim_const(c, 0), *one = dim_const(c, 1), *lo, *hi, *size;
  it->kind = IT_SLICE;
  it->step = 1;
  if (s->step && !arg_const_int(e, s->step, &it->step)) return false;
  if (it->step == 0 || it->step == INT64_MIN) {
    diag_error(c, s->step->loc, E_SUBSCRIPT, it->step ? "the step of a slice is too large" : "the step of a slice cannot be zero");
    return false;
  }
  bool open = false, up = it->step > 0;
  Dim *last = dim_sub(c, len, one), *before = dim_const(c, -1);
  if (!slice_part(e, s->lo, len, up ? zero : last, &lo) || !slice_part(e, s->hi, len, up ? len : before, &hi))
    return false;
  Dim *small = up ? lo : s->hi ? dim_add(c, hi, one) : zero, *large = up ? hi : s->lo ? dim_add(c, lo, one) : len;
  Loc at_lo = s->lo ? s->lo->loc : s->loc, at_hi = s->hi ? s->hi->loc : s->loc;
  if (!require_le(e, up ? at_lo : at_hi, zero, small, up ? lo : hi, len, &open) ||
      !require_le(e, up ? at_hi : at_lo, large, len, up ? hi : lo, len, &open) ||
      !require_le(e, s->loc, small, large, up ? lo : hi, len, &open))
    return false;
  int64_t step = up ? it->step : -it->step;
  size = dim_sub(c, large, small);
  if (step != 1) size = dim_floordiv(c, dim_add(c, size, dim_const(c, step - 1)), dim_const(c, step));
  /* Where the check is masked the slice is read by a masked gather, whose shape must be one whatever the mask says. */
  it->checked = !(open && e->mask);
  if (!it->checked) size = dim_max(c, zero, size);
  it->start = lo;
  it->size = size;
  if (size && lo) return true;
  diag_error(c, s->loc, E_DIM_EXPR, "the length of this slice overflows");
  return false;
}

static bool index_item(Elab *e, Sub *s, Dim *len, Item *it) {
  Tval *v = it->idx = elab_tensor(e, s->index);
  if (is_error(v)) return false;
  if (!elem_is_int(v->type->elem)) {
    Diag *d =
        diag_error(e->ctx, v->loc, E_SUBSCRIPT, "a subscript must be an int, but this is %s", show_type(e, v->type));
    if (v->type->elem == BOOL) diag_help(e->ctx, d, "`where(c, x, 0)` keeps the elements that a condition chooses");
    return false;
  }
  it->kind = v->type->rank ? IT_TENSOR : IT_SCALAR;
  int64_t n;
  if (v->dim && dim_is_const(v->dim, &n) && n < 0) it->idx = tv_int(e, v->loc, dim_add(e->ctx, len, v->dim));
  return index_range(e, it->idx, len) != RANGE_BAD || out_of_range(e, v->loc, v->dim, len);
}

int elab_items(Elab *e, Tval *base, Expr *x, Item *items) {
  int n = 0, axis = 0;
  bool ok = true;
  for (Sub *s = x->u.index.subs; s; s = s->next) {
    if (n >= MAX_RANK) return rank_fits(e, s->loc, n + 1), -1;
    Item *it = &items[n++];
    *it = (Item){.kind = IT_NEW, .loc = s->loc, .checked = true};
    if (s->kind == SUB_NEWAXIS) continue;
    if (axis == base->type->rank) {
      diag_error(e->ctx, s->loc, E_SUBSCRIPTS, "there are more subscripts than axes: this is %s",
                 show_type(e, base->type));
      return -1;
    }
    Dim *len = base->type->dim[axis++];
    if (s->kind == SUB_INDEX)
      ok = index_item(e, s, len, it) && ok;
    else if (s->lo || s->hi || s->step)
      ok = slice_item(e, s, len, it) && ok;
    else
      it->kind = IT_FULL;
  }
  for (; axis < base->type->rank; axis++) items[n++] = (Item){.kind = IT_FULL, .loc = x->loc, .checked = true};
  return ok ? n : -1;
}

/* ---- a plan for each axis ---- */

typedef enum { AX_KEEP, AX_DROP, AX_LABEL, AX_GATHER, AX_WINDOW } AxisPlan; /* window: a slice read by a gather */
typedef struct Axis {
  AxisPlan plan;
  Item *item;
  Dim *start, *size;
  int64_t stride;
  Index *label;
} Axis;

static Index *only_index(Elab *e, Dim *d) {
  Index *found = NULL;
  for (Index *i = e->index; i; i = i->outer) {
    if (!dim_mentions(d, i->sym)) continue;
    if (found) return NULL;
    found = i;
  }
  return found;
}

/* d = stride * i + start with a constant stride. */
static bool affine(Elab *e, Dim *d, Index *i, Dim **start, int64_t *stride) {
  Ctx *c = e->ctx;
  DimSubst next = {i->sym, dim_add(c, dim_sym(c, i->sym), dim_const(c, 1))}, zero = {i->sym, dim_const(c, 0)};
  Dim *slope = dim_sub(c, dim_subst(c, d, &next, 1), d);
  *start = dim_subst(c, d, &zero, 1);
  return slope && *start && dim_is_const(slope, stride) && *stride != 0 && !dim_mentions(*start, i->sym);
}

static bool label_free(const Tval *x, const Index *i, const Axis *ax, int n) {
  for (int k = 0; k < x->nlabel; k++)
    if (x->label[k] == i) return false;
  for (int k = 0; k < n; k++)
    if (ax[k].plan == AX_LABEL && ax[k].label == i) return false;
  return true;
}

/* The subscript runs through the axis as index variable i does, so the axis becomes i's; only where nothing out of
 * range is read even beyond a ragged bound. */
static bool plan_label(Elab *e, Tval *x, Dim *len, Axis *ax, int at) {
  Ctx *c = e->ctx;
  Axis *a = &ax[at];
  Dim *d = a->item->idx->dim, *start, *one = dim_const(c, 1);
  Index *i = d ? only_index(e, d) : NULL;
  int64_t stride;
  if (!i || dim_ragged(e, len) || !label_free(x, i, ax, at) || !affine(e, d, i, &start, &stride)) return false;
  Dim *span = dim_mul(c, dim_const(c, stride), dim_sub(c, i->extent, one)), *end = dim_add(c, start, span);
  Dim *lo = stride > 0 ? start : end, *hi = dim_add(c, stride > 0 ? end : start, one);
  bool proved = dim_nonneg(c, lo) && dim_le(c, hi, len);
  if (!proved) {
    if (e->mask || i->extent != i->bound || stride != 1 || !dim_is(start, 0)) return false;
    check_dims(e, OP_check_dim_le, i->extent, len, "an index runs beyond the axis that it subscripts");
  }
  *a = (Axis){AX_LABEL, a->item, start, i->extent, stride, i};
  return true;
}

static bool plan_axis(Elab *e, Tval *x, int axis, Axis *ax) {
  Dim *len = x->type->dim[axis], *one = dim_const(e->ctx, 1);
  Axis *a = &ax[axis];
  Item *it = a->item;
  a->plan = AX_KEEP;
  a->start = dim_const(e->ctx, 0);
  a->size = len;
  a->stride = 1;
  if (it->kind == IT_FULL) return true;
  if (it->kind == IT_SLICE) {
    Dim *end = dim_add(e->ctx, it->start, dim_extent(e, it->size));
    bool fits = !dim_ragged(e, it->size) || (it->step == 1 && dim_le(e->ctx, end, len));
    if (dim_ragged(e, it->start) || !fits || !it->checked) return a->plan = AX_WINDOW, true;
    a->start = it->start;
    a->size = it->size;
    a->stride = it->step;
    return true;
  }
  a->plan = AX_GATHER;
  if (it->kind == IT_TENSOR || !it->idx->dim || plan_label(e, x, len, ax, axis)) return true;
  if (dim_ragged(e, it->idx->dim) || dim_runtime(it->idx->dim) || dim_ragged(e, len)) return true;
  if (index_range(e, it->idx, len) == RANGE_OPEN) {
    if (e->mask) return true;
    tv_check_index(e, it->idx, len);
  }
  *a = (Axis){AX_DROP, it, it->idx->dim, one, 1, NULL};
  return true;
}

/* ---- reading ---- */

/* Takes out the axes of length 1 that plain subscripts leave, and makes the relabelled axes labels. */
static Tval *drop_and_label(Elab *e, Loc loc, Tval *x, Axis *ax, int *n) {
  Dim *vd[MAX_RANK], *ud[MAX_RANK];
  int left = 0, rank = x->nlabel, nlabel = x->nlabel, from[MAX_RANK], perm[MAX_RANK];
  Index *label[MAX_LABELS + MAX_USER_RANK];
  for (int i = 0; i < x->nlabel; i++) {
    vd[i] = x->v->type->dim[i];
    label[i] = x->label[i];
    from[i] = i;
  }
  int user[MAX_RANK], nuser = 0;
  for (int i = 0; i < *n; i++) {
    if (ax[i].plan == AX_DROP) continue;
    vd[rank] = x->v->type->dim[x->nlabel + i];
    if (ax[i].plan == AX_LABEL) {
      int at = nlabel++;
      for (; at > 0 && label[at - 1]->depth > ax[i].label->depth; at--) {
        label[at] = label[at - 1];
        from[at] = from[at - 1];
      }
      label[at] = ax[i].label;
      from[at] = rank;
    } else {
      ud[left] = ax[i].plan == AX_KEEP ? ax[i].size : x->type->dim[i];
      ax[left++] = ax[i];
      user[nuser++] = rank;
    }
    rank++;
  }
  Value *v = rank == x->v->type->rank ? x->v : b_reshape(&e->b, x->v, rank, vd);
  bool same = true;
  for (int i = 0; i < rank; i++) {
    perm[i] = i < nlabel ? from[i] : user[i - nlabel];
    same = same && perm[i] == i;
  }
  *n = left;
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, left, ud), same ? v : b_transpose(&e->b, v, perm), nlabel,
                   label);
}

/* One axis by start + k * step for k < size, with start or size varying with an index, or not surely in range. */
static Tval *read_window(Elab *e, Tval *x, int axis, Item *it) {
  Dim *extent = dim_extent(e, it->size);
  Tval *k = tv_iota(e, it->loc, 1, &extent, 0);
  Tval *ks[2] = {k, tv_number(e, it->loc, I64, (double)it->step)};
  if (it->step != 1) k = tv_map(e, it->loc, it->loc, OP_mul, 2, ks);
  Tval *sum[2] = {k, dim_tval(e, it->loc, it->start)}, *idx = tv_map(e, it->loc, it->loc, OP_add, 2, sum);
  idx->type = type_tensor(e->ctx, I64, 1, &it->size);
  bool known = true;
  Tval *r = tv_gather_at(e, it->loc, x, 1, &axis, &idx, &known);
  if (is_error(r) || axis == 0) return r;
  int perm[MAX_RANK];
  for (int i = 0; i < r->type->rank; i++) perm[i] = i < axis ? i + 1 : i == axis ? 0 : i;
  return tv_transpose(e, it->loc, r, perm);
}

/* The gathered axes come together at the place of the first index tensor, or in front where those are not neighbours.
 */
static Tval *read_gathers(Elab *e, Loc loc, Tval *x, const Axis *ax, int n) {
  Tval *idx[MAX_RANK];
  int axis[MAX_RANK], k = 0, first = -1, last = -1, before = 0;
  bool together = true;
  for (int i = 0; i < n; i++) {
    if (ax[i].plan == AX_GATHER && ax[i].item->kind == IT_TENSOR) {
      if (first < 0) first = before;
      together = together && (last < 0 || last == before);
      last = before;
    }
    if (ax[i].plan != AX_GATHER) {
      before++;
      continue;
    }
    axis[k] = i;
    idx[k++] = ax[i].item->idx;
  }
  if (k == 0) return x;
  Tval *b[MAX_RANK];
  Dim *shape[MAX_RANK];
  int nb;
  for (int i = 0; i < k; i++) b[i] = idx[i];
  if (!common_shape(e, loc, k, b, &nb, shape)) return tv_error(e, loc);
  for (int i = 0; i < k; i++) idx[i] = idx[i]->type->rank ? tv_broadcast_to(e, idx[i], nb, shape) : idx[i];
  /* A scalar beside index tensors is stretched with its check made on the scalar. */
  bool known[MAX_RANK] = {false};
  for (int i = 0; i < k && nb > 0; i++) {
    if (idx[i]->type->rank) continue;
    if (index_range(e, idx[i], x->type->dim[axis[i]]) == RANGE_OPEN) tv_check_index(e, idx[i], x->type->dim[axis[i]]);
    idx[i] = tv_broadcast_to(e, idx[i], nb, shape);
    known[i] = true;
  }
  Tval *r = tv_gather_at(e, loc, x, k, axis, idx, known);
  int at = together && first > 0 ? first : 0, perm[MAX_RANK];
  if (is_error(r) || nb == 0 || at == 0) return r;
  for (int i = 0; i < r->type->rank; i++) perm[i] = i < at ? nb + i : i < at + nb ? i - at : i;
  return tv_transpose(e, loc, r, perm);
}

static bool tensors_together(int n, const Item *items) {
  int last = -1, at = 0;
  for (int i = 0; i < n; i++) {
    if (items[i].kind == IT_TENSOR) {
      if (last >= 0 && last != at) return false;
      last = at;
    }
    at += items[i].kind == IT_FULL || items[i].kind == IT_SLICE;
  }
  return true;
}

static Tval *insert_new(Elab *e, Loc loc, Tval *x, int n, const Item *items) {
  Dim *ud[MAX_RANK], *vd[MAX_RANK], *one = dim_const(e->ctx, 1);
  int rank = 0, at = 0, new = 0;
  for (int i = 0; i < n; i++) new += items[i].kind == IT_NEW;
  if (new == 0) return x;
  if (!rank_fits(e, loc, x->type->rank + new)) return tv_error(e, loc);
  /* The axes of index tensors: where the first of them stands, or in front. */
  int shape = x->type->rank;
  for (int i = 0; i < n; i++) shape -= items[i].kind == IT_FULL || items[i].kind == IT_SLICE;
  bool placed = !tensors_together(n, items);
  for (; placed && at < shape; at++) ud[rank++] = x->type->dim[at];
  for (int i = 0; i < n; i++) {
    if (items[i].kind == IT_NEW) ud[rank++] = one;
    if (items[i].kind == IT_FULL || items[i].kind == IT_SLICE) ud[rank++] = x->type->dim[at++];
    for (int k = 0; items[i].kind == IT_TENSOR && !placed && k < shape; k++) ud[rank++] = x->type->dim[at++];
    placed = placed || items[i].kind == IT_TENSOR;
  }
  Type *t = value_type(e, x->type->elem, x->nlabel, x->label, rank, ud);
  for (int i = 0; i < t->rank; i++) vd[i] = t->dim[i];
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, rank, ud), b_reshape(&e->b, x->v, t->rank, vd), x->nlabel,
                   x->label);
}

static bool computed_scalar(Elab *e, const Item *it) {
  return it->kind == IT_SCALAR && !it->idx->nlabel && (!it->idx->dim || (dim_runtime(it->idx->dim) && !dim_ragged(e, it->idx->dim)));
}

/* Where single indices that are computed stand beside slices, the row that they choose is taken first: it alone is cut. */
static bool rows_first(Elab *e, int n, const Item *items) {
  bool computed = false, sliced = false;
  for (int i = 0; i < n; i++) {
    if (items[i].kind == IT_TENSOR) return false;
    computed = computed || computed_scalar(e, &items[i]);
    sliced = sliced || items[i].kind == IT_SLICE || (items[i].kind == IT_SCALAR && !computed_scalar(e, &items[i]));
  }
  return computed && sliced;
}

static Tval *take_rows(Elab *e, Loc loc, Tval *x, int *n, Item *items) {
  Tval *idx[MAX_RANK];
  int axis[MAX_RANK], k = 0, left = 0, at = 0;
  for (int i = 0; i < *n; i++) {
    /* Indices within labels are left to relabelling. */
    bool take = items[i].kind == IT_SCALAR && !items[i].idx->nlabel;
    if (take) {
      axis[k] = at;
      idx[k++] = items[i].idx;
    }
    at += items[i].kind != IT_NEW;
    if (!take) items[left++] = items[i];
  }
  *n = left;
  return tv_gather(e, loc, x, k, axis, idx);
}

Tval *tv_index(Elab *e, Loc loc, Tval *x, int n, Item *items) {
  if (rows_first(e, n, items)) x = take_rows(e, loc, x, &n, items);
  if (is_error(x)) return x;
  Axis ax[MAX_RANK];
  Dim *start[MAX_RANK] = {NULL}, *size[MAX_RANK] = {NULL};
  int64_t stride[MAX_RANK] = {0};
  int nax = 0;
  for (int i = 0; i < n; i++)
    if (items[i].kind != IT_NEW) ax[nax++] = (Axis){.item = &items[i]};
  for (int i = 0; i < nax; i++)
    if (!plan_axis(e, x, i, ax)) return tv_error(e, loc);
  for (int i = 0; i < nax; i++) {
    start[i] = ax[i].start;
    size[i] = ax[i].size;
    stride[i] = ax[i].stride;
  }
  x = drop_and_label(e, loc, tv_slice(e, loc, x, start, stride, size), ax, &nax);
  for (int i = 0; i < nax && !is_error(x); i++)
    if (ax[i].plan == AX_WINDOW) x = read_window(e, x, i, ax[i].item);
  if (!is_error(x)) x = read_gathers(e, loc, x, ax, nax);
  return is_error(x) ? x : insert_new(e, loc, x, n, items);
}

static Tval *tuple_part(Elab *e, Expr *x, Tval *t) {
  Sub *s = x->u.index.subs;
  int64_t k;
  if (t->kind == TV_TUPLE && s && !s->next && s->kind == SUB_INDEX) {
    if (!arg_const_int(e, s->index, &k)) return tv_error(e, x->loc);
    if (k < 0) k += t->npart;
    if (k >= 0 && k < t->npart) return t->part[k];
    diag_error(e->ctx, s->loc, E_OUT_OF_RANGE, "the tuple has only %d parts", t->npart);
    return tv_error(e, x->loc);
  }
  diag_error(e->ctx, x->u.index.base->loc, E_NOT_TENSOR, "only a tensor has subscripts, but this is %s",
             show_tval(e, t));
  return tv_error(e, x->loc);
}

Tval *elab_index(Elab *e, Expr *x) {
  Item items[MAX_RANK * 2];
  Tval *base = elab_expr(e, x->u.index.base);
  if (is_error(base)) return base;
  if (base->kind != TV_TENSOR) return tuple_part(e, x, base);
  int n = elab_items(e, base, x, items);
  if (n < 0) return tv_error(e, x->loc);
  e->b.loc = x->loc;
  return tv_index(e, x->loc, base, n, items);
}
