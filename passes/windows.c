/* windows.c - gathers whose indices run over windows of a tensor, as those of convolutions and pooling do:
 * X[n, c, i + k, j + l] over i, j and k, l, of which those that stand for the entries of a window are told by their lengths.
 *
 *   contract (gather X …), W          the windows are laid out so that the contraction is a matrix product: for each image the entries of a
 *                                     window side by side in one axis, the windows in the other
 *   scatter_add u, indices  ═►        sum over k, l of  embed u[…, k, …, l, …] at k, l: no element is added to at a computed place;
 *                                     where they are many, or not known, a product u is laid out so that rows are added to rows
 *
 * Requires: a function that is not differentiated any more.  Ensures: equal results up to the order of additions. */
#include "passes/pass.h"
#include <string.h>

enum { MAX_SMALL = 16, MAX_TERMS = 32, MAX_DEPTH = 12 };

/* start + the sum of coef[a] * index along axis a */
typedef struct Affine { int64_t start, coef[MAX_RANK]; } Affine;

static bool affine(const Value *v, Affine *r, int depth);

static bool affine_sum(const Op *op, Affine *r, int depth) {
  Affine y;
  int64_t sign = op->code == OP_sub ? -1 : 1;
  if (!affine(op->opd[0], r, depth) || !affine(op->opd[1], &y, depth)) return false;
  r->start += sign * y.start;
  for (int a = 0; a < MAX_RANK; a++) r->coef[a] += sign * y.coef[a];
  return true;
}

static bool affine_scaled(const Op *op, Affine *r, int depth) {
  int64_t k;
  for (int i = 0; i < 2; i++) {
    if (!splat_int(op->opd[1 - i], &k) || !affine(op->opd[i], r, depth)) continue;
    r->start *= k;
    for (int a = 0; a < MAX_RANK; a++) r->coef[a] *= k;
    return true;
  }
  return false;
}

static bool affine_relabel(const Op *op, Affine *r, int depth) {
  Affine x;
  Con k = con_of(op);
  if (!affine(op->opd[0], &x, depth)) return false;
  *r = (Affine){.start = x.start};
  for (int a = 0; a < k.rank; a++)
    for (int i = 0; i < op->opd[0]->type->rank; i++)
      if (k.in[0][i] == k.out[a]) r->coef[a] = x.coef[i];
  return true;
}

static bool affine(const Value *v, Affine *r, int depth) {
  *r = (Affine){0};
  if (splat_int(v, &r->start)) return true;
  if (!v->def || depth == 0) return false;
  switch (v->def->code) {
  case OP_iota: r->coef[v->def->u.axis] = 1; return true;
  case OP_add:
  case OP_sub: return affine_sum(v->def, r, depth - 1);
  case OP_mul: return affine_scaled(v->def, r, depth - 1);
  default: return is_relabel(v) && affine_relabel(v->def, r, depth - 1);
  }
}

/* ---- windows ------------------------------------------------------------------------------------------------------------------ */

/* What a gather gives, or a scatter_add is given: first the axes of the indices, then those of `whole` that are not indexed. */
typedef struct Windows {
  const Op *op;
  const Value *parts;
  const Type *whole;
  int nindex;                /* axes of the indices */
  int along[MAX_RANK];       /* by axis of the indices: the axis of `whole` */
  int64_t step[MAX_RANK];    /* … how far one index goes along it */
  bool small[MAX_RANK];      /* … another, longer one goes along the same */
  bool few;                  /* the small ones are constant, and all entries of a window may be written out */
  int64_t start[MAX_RANK];   /* by axis of `whole` */
  int rest[MAX_RANK], nrest; /* axes of `whole` that are not indexed */
  int place[MAX_RANK];       /* by axis of `whole`: which it is in memory */
} Windows;

/* A constant is shorter than what is not known, and k than h - k + 1. */
static bool is_longer(const Dim *x, const Dim *y) {
  int64_t nx, ny;
  bool cx = dim_is_const(x, &nx), cy = dim_is_const(y, &ny);
  if (cx || cy) return cx && cy ? nx > ny : cy;
  return x->size > y->size;
}

/* Along each axis goes one index that may be long, the first of equals; those beside it are small.  false: there are none. */
static bool tell_small(Windows *w) {
  int64_t n, terms = 1;
  bool any = false;
  w->few = true;
  for (int a = 0; a < w->nindex; a++) {
    Dim *const *dim = w->parts->type->dim;
    for (int b = 0; b < w->nindex; b++)
      if (b != a && w->along[b] == w->along[a]) w->small[a] |= is_longer(dim[b], dim[a]) || (b < a && !is_longer(dim[a], dim[b]));
    if (!w->small[a]) continue;
    any = true;
    w->few &= dim_is_const(dim[a], &n) && n <= MAX_SMALL && (terms *= n) <= MAX_TERMS;
  }
  w->few &= terms > 1;
  return any;
}

/* What is gathered from may be another view of what is in memory. */
static void find_places(Windows *w) {
  for (int a = 0; a < w->whole->rank; a++) w->place[a] = a;
  const Value *x = w->op->opd[0];
  if (w->op->code != OP_gather || !is_relabel(x)) return;
  Con k = con_of(x->def);
  for (int a = 0; a < k.rank; a++)
    for (int i = 0; i < k.x[0]->type->rank; i++)
      if (k.in[0][i] == k.out[a]) w->place[a] = i;
}

static bool find_windows(const Op *op, Windows *w) {
  if ((op->code != OP_gather && op->code != OP_scatter_add) || op->u.index.masked || op->u.index.naxis == 0) return false;
  bool gather = op->code == OP_gather;
  *w = (Windows){.op = op, .parts = gather ? op->res[0] : op->opd[0], .whole = gather ? op->opd[0]->type : op->res[0]->type};
  w->nindex = op->opd[1]->type->rank;
  for (int a = 0; a < w->nindex; a++) w->along[a] = -1;
  for (int i = 0; i < op->u.index.naxis; i++) {
    Affine f;
    if (!affine(op->opd[1 + i], &f, MAX_DEPTH)) return false;
    w->start[op->u.index.axis[i]] = f.start;
    for (int a = 0; a < w->nindex; a++) {
      if (f.coef[a] == 0) continue;
      if (f.coef[a] < 0 || w->along[a] >= 0) return false;
      w->along[a] = op->u.index.axis[i];
      w->step[a] = f.coef[a];
    }
  }
  for (int a = 0; a < w->nindex; a++)
    if (w->along[a] < 0) return false;
  for (int a = 0, i = 0; a < w->whole->rank; a++) {
    bool indexed = i < op->u.index.naxis && op->u.index.axis[i] == a;
    if (indexed) i++;
    else w->rest[w->nrest++] = a;
  }
  find_places(w);
  return tell_small(w);
}

static int add_axes(const Windows *w, bool small, int *order, int n) {
  for (int a = 0; a < w->nindex; a++)
    if (w->small[a] == small) order[n++] = a;
  return n;
}

/* Those that are not indexed, in the order of memory, of which this is from `from` to `to`. */
static int add_rest(const Windows *w, int from, int to, int *order, int n) {
  for (int place = from; place < to; place++)
    for (int i = 0; i < w->nrest; i++)
      if (w->place[w->rest[i]] == place) order[n++] = w->nindex + i;
  return n;
}

/* The axes of the parts in the order in which a product has them in one piece: images, entries of a window, windows; or, where whole's last
 * axes are not indexed (channels), images, windows, entries. */
static void layout(const Windows *w, int *order) {
  int n = 0, first = w->place[w->op->u.index.axis[0]];
  bool last = false;
  for (int i = 0; i < w->nrest; i++) last |= w->place[w->rest[i]] > first;
  n = add_rest(w, 0, first, order, n);
  n = add_axes(w, !last, order, n);
  n = add_axes(w, last, order, n);
  add_rest(w, first, MAX_RANK, order, n);
}

/* ---- one entry of all windows ---------------------------------------------------------------------------------------------------- */

Value *window_entry(Builder *b, const Op *gather, const int64_t *at) {
  Windows w;
  Dim *start[MAX_RANK], *size[MAX_RANK];
  int64_t stride[MAX_RANK], first[MAX_RANK];
  if (!find_windows(gather, &w)) return NULL;
  Con k = {.n = 1, .elem = w.whole->elem, .nlabel = w.whole->rank};
  for (int a = 0; a < w.whole->rank; a++) {
    first[a] = w.start[a];
    stride[a] = 1;
    size[a] = NULL;
    k.in[0][a] = (int8_t)a;
  }
  for (int i = 0; i < w.nrest; i++) size[w.rest[i]] = w.whole->dim[w.rest[i]];
  for (int a = 0; a < w.parts->type->rank; a++) {
    int axis = a < w.nindex ? w.along[a] : w.rest[a - w.nindex];
    if (at[a] >= 0) {
      if (a >= w.nindex) return NULL;
      first[axis] += w.step[a] * at[a];
      continue;
    }
    k.out[k.rank++] = (int8_t)axis;
    if (a >= w.nindex) continue;
    if (size[axis]) return NULL;
    size[axis] = w.parts->type->dim[a];
    stride[axis] = w.step[a];
  }
  for (int a = 0; a < w.whole->rank; a++) {
    start[a] = dim_const(b->ctx, first[a]);
    if (!size[a]) size[a] = dim_const(b->ctx, 1);
    k.extent[a] = size[a];
  }
  k.x[0] = b_slice(b, gather->opd[0], start, stride, size);
  return con_emit(b, k, OP_mul);
}

/* An extreme over the entries of windows is one of slices. */
static void compare_entries(Func *f, Op *op) {
  Builder b = {.ctx = f->module->ctx, .func = f, .region = op->parent, .before = op, .loc = op->loc};
  int64_t at[MAX_RANK], n, terms = 1;
  Value *x = op->opd[0], *most = NULL;
  const Op *from = x->def;
  Windows w;
  while (from && from->code != OP_gather && from->nopd == 1 && is_relabel(from->res[0])) from = from->opd[0]->def;
  if (!from || from->code != OP_gather || !find_windows(from, &w) || !w.few) return;
  for (int i = 0; i < op->u.reduce.naxis; i++)
    if (!dim_is_const(x->type->dim[op->u.reduce.axis[i]], &n) || n <= 0 || (terms *= n) > MAX_TERMS) return;
  for (int64_t t = 0; t < terms; t++) {
    int64_t rest = t;
    for (int a = 0; a < x->type->rank; a++) at[a] = -1;
    for (int i = op->u.reduce.naxis; i-- > 0; rest /= n) {
      dim_is_const(x->type->dim[op->u.reduce.axis[i]], &n);
      at[op->u.reduce.axis[i]] = rest % n;
    }
    Value *e = entry_of(&b, x, at);
    most = most ? b_map2(&b, op->code == OP_rmax ? OP_max : OP_min, most, e) : e;
  }
  region_replace_uses(op->parent, op->res[0], most);
}

/* ---- products of windows ------------------------------------------------------------------------------------------------------- */

/* It has rows, columns and a sum. */
static bool is_product(const Op *op) {
  if (op->code != OP_contract || op->nopd != 2) return false;
  Con k = con_of(op);
  return con_summed(&k) && (con_in(&k, 0) & con_out(&k) & ~con_in(&k, 1)) && (con_in(&k, 1) & con_out(&k) & ~con_in(&k, 0));
}

/* Operand i of the contraction, laid out for it. */
static void lay_out_operand(Func *f, Op *op, int i) {
  Windows w;
  int order[MAX_RANK];
  Op *g = op->opd[i]->def;
  if (!g || g->code != OP_gather || !find_windows(g, &w)) return;
  layout(&w, order);
  Builder b = {.ctx = f->module->ctx, .func = f, .region = g->parent, .before = g->next, .loc = g->loc};
  op->opd[i] = b_transpose(&b, g->res[0], order);
  int8_t *labels = NEW_N(b.ctx->arena, int8_t, MAX_RANK); /* those of copies of the operation are the same array */
  for (int a = 0; a < op->opd[i]->type->rank; a++) labels[a] = op->u.contract.opd[i][order[a]];
  op->u.contract.opd[i] = labels;
}

/* ---- sums over windows --------------------------------------------------------------------------------------------------------- */

/* A product that nobody else wants is made with its axes in `order`; NULL: there is none. */
static Value *lay_out_product(Builder *b, const Windows *w, int *order, const int *uses) {
  Op *op = w->op->opd[0]->def;
  if (!op || op->parent != w->op->parent || !is_product(op) || uses[w->op->opd[0]->id] != 1) return NULL;
  layout(w, order);
  Con k = con_of(op), turned = k;
  for (int a = 0; a < k.rank; a++) turned.out[a] = k.out[order[a]];
  return con_emit(b, turned, OP_mul);
}

/* What entry `at` of all windows (by axis of the indices) adds to the whole. */
static Value *entry(Builder *b, const Windows *w, Value *parts, const int *order, const int64_t *at) {
  int64_t chosen[MAX_RANK], step[MAX_RANK];
  int8_t in[MAX_RANK], out[MAX_RANK];
  Con k = {.n = 1, .rank = w->whole->rank, .elem = w->whole->elem, .nlabel = w->whole->rank + w->nindex};
  for (int a = 0; a < w->whole->rank; a++) {
    out[a] = (int8_t)a;
    step[a] = 1;
  }
  int64_t offset[MAX_RANK];
  memcpy(offset, w->start, sizeof offset);
  for (int p = 0; p < parts->type->rank; p++) {
    int a = order[p];
    bool index = a < w->nindex, small = index && w->small[a];
    chosen[p] = small ? at[a] : -1;
    in[p] = (int8_t)(small ? w->whole->rank + a : index ? w->along[a] : w->rest[a - w->nindex]);
    k.extent[in[p]] = parts->type->dim[p];
    if (small) offset[w->along[a]] += w->step[a] * at[a];
    else if (index) step[w->along[a]] = w->step[a];
  }
  int left = 0;
  for (int p = 0; p < parts->type->rank; p++)
    if (chosen[p] < 0) k.in[0][left++] = in[p];
  k.x[0] = entry_of(b, parts, chosen);
  memcpy(k.out, out, sizeof out);
  Value *turned = con_emit(b, k, OP_mul);
  Dim *place[MAX_RANK];
  for (int a = 0; a < w->whole->rank; a++) place[a] = dim_const(b->ctx, offset[a]);
  return b_embed(b, turned, place, step, type_tensor(b->ctx, w->whole->elem, w->whole->rank, w->whole->dim));
}

static bool next_entry(const Windows *w, int64_t *at) {
  int64_t n;
  for (int a = w->nindex; a-- > 0;) {
    if (!w->small[a] || !dim_is_const(w->parts->type->dim[a], &n)) continue;
    if (++at[a] < n) return true;
    at[a] = 0;
  }
  return false;
}

static Value *sum_entries(Builder *b, const Windows *w, const int *uses) {
  int order[MAX_RANK];
  int64_t at[MAX_RANK] = {0};
  Value *parts = lay_out_product(b, w, order, uses), *sum = NULL;
  if (!parts) {
    parts = w->op->opd[0];
    for (int a = 0; a < parts->type->rank; a++) order[a] = a;
  }
  do {
    Value *x = entry(b, w, parts, order, at);
    sum = sum ? b_map2(b, OP_add, sum, x) : x;
  } while (next_entry(w, at));
  return sum;
}

/* The parts stay what they were, as a view of a product that is laid out. */
static void turn_parts(Builder *b, Op *op, const Windows *w, const int *uses) {
  int order[MAX_RANK], back[MAX_RANK];
  Value *parts = lay_out_product(b, w, order, uses);
  if (!parts) return;
  for (int a = 0; a < parts->type->rank; a++) back[order[a]] = a;
  op->opd[0] = b_transpose(b, parts, back);
}

static void windows(Func *f, Region *g, const int *uses) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) windows(f, op->reg[i], uses);
    Windows w;
    if (is_product(op))
      for (int i = 0; i < 2; i++) lay_out_operand(f, op, i);
    if (op->code == OP_rmax || op->code == OP_rmin) compare_entries(f, op);
    if (op->code != OP_scatter_add || !find_windows(op, &w)) continue;
    Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
    if (w.few) region_replace_uses(g, op->res[0], sum_entries(&b, &w, uses));
    else turn_parts(&b, op, &w, uses);
  }
}

void pass_windows(Func *f) {
  windows(f, f->body, count_uses(f->module->ctx->arena, f));
  pass_cse(f);
}
