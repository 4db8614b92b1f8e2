/* adjoint_pick.c - cotangents of few elements of a tensor that is computed from smaller ones.
 *
 *   m[i] = min over j of e[i, j],   e[i, j] = |x[i] - y[j]|^2        k[i] = argmin over j of e[i, j]
 *
 * Only e[i, k[i]] has a cotangent.  Instead of going back through all of e, with zeros everywhere else, these elements are
 * computed once more from x[i] and y[k[i]], and the sweep goes through that: work for n elements, not n m.
 * What has a cotangent for all its elements anyway is picked from, and not computed once more (adjoint_dense.c).
 * Where the axis of j is empty there is nothing to pick; zeros stand in, and what comes back from them is thrown away.
 *
 * Requires: d->b appends to its region.  Ensures: as the dense adjoint, but for the order of sums. */
#include "passes/pass.h"
#include <string.h>

enum { SHORT_AXIS = 16, MOST_OPS = 100 };

/* A value and the label of each of its axes. */
typedef struct Labelled { Value *v; int8_t label[MAX_RANK]; } Labelled;
/* What an axis runs along: a label, or (label -1) an index for each combination of labels. */
typedef struct At { int label; Labelled index; } At;
typedef struct Known { const Value *v; const At *at; Labelled picked; struct Known *next; } Known;
typedef struct Pick {
  Deriv *d;
  Builder *b;
  Dim *extent[CON_LABELS];
  int nlabel;
  uint64_t wanted;  /* the labels of the result */
  Value *inhabited; /* bool scalar: no picked axis is empty; NULL: that is known */
  Known *known;
  int made;
} Pick;

static uint64_t bit(int label) { return UINT64_C(1) << label; }

static uint64_t labels_of(const Labelled *x) {
  uint64_t set = 0;
  for (int a = 0; a < x->v->type->rank; a++) set |= bit(x->label[a]);
  return set;
}

static int listed(uint64_t set, int8_t *label) {
  int n = 0;
  for (int l = 0; l < CON_LABELS; l++)
    if (set >> l & 1) label[n++] = (int8_t)l;
  return n;
}

/* x with exactly these labels, ascending. */
static Labelled over(Pick *p, Labelled x, uint64_t set) {
  Labelled y;
  int n = listed(set, y.label);
  y.v = relabel(p->b, x.v, x.label, y.label, n, p->extent);
  return y;
}

static int new_label(Pick *p, Dim *extent) {
  if (p->nlabel == MAX_LABEL) return -1;
  p->extent[p->nlabel] = extent;
  return p->nlabel++;
}

static bool pick(Pick *p, Value *v, const At *at, Labelled *out);

/* ---- what is picked from ------------------------------------------------------------------------------------------------- */

static Labelled counter(Pick *p, int label) {
  Labelled x = {.label = {(int8_t)label}};
  x.v = b_iota(p->b, type_tensor(p->b->ctx, I64, 1, &p->extent[label]), 0);
  return x;
}

/* Nothing comes back into v where nothing was picked. */
static Value *where_inhabited(Pick *p, Value *v) {
  if (!p->inhabited || !is_active(p->d, v)) return v;
  Value *all = b_broadcast_scalar(p->b, p->inhabited, v->type);
  return b_select(p->b, all, v, b_splat(p->b, v->type, 0));
}

/* A gather at the picked axes.  Labels that an index depends on cannot stay axes beside it. */
static bool leaf(Pick *p, Value *v, const At *at, Labelled *out) {
  int rank = v->type->rank, n = 0, axis[MAX_RANK], kept = 0;
  uint64_t bare = 0, by = 0;
  bool picked[MAX_RANK] = {false}, any = false;
  for (int a = 0; a < rank; a++) {
    any |= at[a].label < 0;
    if (at[a].label < 0) by |= labels_of(&at[a].index);
    else bare |= bit(at[a].label);
  }
  if (any && is_active(p->d, v) && !(p->wanted & ~bare)) return false;
  for (int a = 0; a < rank; a++) {
    picked[a] = at[a].label < 0 || (by >> at[a].label & 1);
    if (picked[a]) axis[n++] = a;
  }
  *out = (Labelled){.v = v};
  if (n) kept = listed(by, out->label);
  if (kept + rank - n > MAX_RANK) return false;
  for (int a = 0; a < rank; a++)
    if (!picked[a]) out->label[kept++] = (int8_t)at[a].label;
  if (!n) out->v = where_inhabited(p, v);
  else {
    Value *idx[MAX_RANK], *mask = NULL;
    for (int i = 0; i < n; i++) idx[i] = over(p, at[axis[i]].label < 0 ? at[axis[i]].index : counter(p, at[axis[i]].label), by).v;
    if (p->inhabited) mask = b_broadcast_scalar(p->b, p->inhabited, type_with_elem(p->b->ctx, idx[0]->type, BOOL));
    out->v = b_gather(p->b, v, n, axis, idx, mask);
  }
  return true;
}

/* ---- what is computed once more -------------------------------------------------------------------------------------------- */

static bool pick_map(Pick *p, const Op *op, const At *at, Labelled *out) {
  Labelled x[3];
  Value *v[3];
  uint64_t all = 0;
  for (int i = 0; i < op->nopd; i++) {
    if (!pick(p, op->opd[i], at, &x[i])) return false;
    all |= labels_of(&x[i]);
  }
  for (int i = 0; i < op->nopd; i++) v[i] = (x[i] = over(p, x[i], all)).v;
  memcpy(out->label, x[0].label, sizeof out->label);
  out->v = op->code == OP_cast ? b_cast(p->b, v[0], op->res[0]->type->elem) : b_map(p->b, op->code, op->nopd, v);
  return true;
}

/* The labels of a result's axes are those of `at`, summed ones are new. */
static bool pick_contract(Pick *p, const Op *op, const At *at, Labelled *out) {
  Con k = con_of(op), made = {.n = k.n, .elem = k.elem};
  At of[CON_LABELS];
  bool seen[CON_LABELS] = {false};
  uint64_t summed = 0, all = 0;
  for (int a = 0; a < k.rank; a++) {
    of[k.out[a]] = at[a];
    seen[k.out[a]] = true;
  }
  for (int i = 0; i < k.n; i++) {
    At in[MAX_RANK];
    for (int a = 0; a < k.x[i]->type->rank; a++) {
      int l = k.in[i][a];
      if (!seen[l]) {
        of[l] = (At){.label = new_label(p, k.extent[l])};
        if (of[l].label < 0) return false;
        seen[l] = true;
        summed |= bit(of[l].label);
      }
      in[a] = of[l];
    }
    Labelled x;
    if (!pick(p, k.x[i], in, &x)) return false;
    made.x[i] = x.v;
    memcpy(made.in[i], x.label, sizeof x.label);
    all |= labels_of(&x);
  }
  if (summed & ~all) return false; /* a sum of what does not depend on the index */
  made.nlabel = p->nlabel;
  memcpy(made.extent, p->extent, sizeof made.extent);
  made.rank = listed(all & ~summed, made.out);
  memcpy(out->label, made.out, sizeof out->label);
  out->v = con_emit(p->b, made, OP_mul);
  return true;
}

static bool pick_slice(Pick *p, const Op *op, const At *at, Labelled *out) {
  At in[MAX_RANK];
  for (int a = 0; a < op->res[0]->type->rank; a++) {
    Dim *start = op->u.slice.start[a];
    int64_t stride = op->u.slice.stride[a];
    in[a] = at[a];
    if (stride == 1 && dim_is(start, 0) && op->opd[0]->type->dim[a] == op->res[0]->type->dim[a]) continue;
    if (at[a].label >= 0) return leaf(p, op->res[0], at, out);
    Value *i = at[a].index.v;
    i = b_map2(p->b, OP_mul, i, b_broadcast_scalar(p->b, b_int(p->b, stride), i->type));
    in[a].index.v = b_map2(p->b, OP_add, i, b_broadcast_scalar(p->b, b_dim(p->b, start), i->type));
  }
  return pick(p, op->opd[0], in, out);
}

static bool pick_iota(Pick *p, const Op *op, const At *at, Labelled *out) {
  const At *i = &at[op->u.axis];
  *out = i->label < 0 ? i->index : counter(p, i->label);
  if (op->res[0]->type->elem != I64) out->v = b_cast(p->b, out->v, op->res[0]->type->elem);
  return true;
}

static bool pick_op(Pick *p, Value *v, const At *at, Labelled *out) {
  const Op *op = v->def;
  if (!op) return leaf(p, v, at, out);
  if (op_info[op->code].family == FAM_MAP) return pick_map(p, op, at, out);
  if (op->code == OP_contract || is_relabel(v)) return pick_contract(p, op, at, out);
  if (op->code == OP_slice) return pick_slice(p, op, at, out);
  if (op->code == OP_iota) return pick_iota(p, op, at, out);
  return leaf(p, v, at, out);
}

static bool same_at(const At *x, const At *y, int rank) {
  for (int a = 0; a < rank; a++)
    if (x[a].label != y[a].label || (x[a].label < 0 && x[a].index.v != y[a].index.v)) return false;
  return true;
}

static uint32_t chosen_axes(const At *at, int rank) {
  uint32_t set = 0;
  for (int a = 0; a < rank; a++) set |= at[a].label < 0 ? UINT32_C(1) << a : 0;
  return set;
}

/* The elements of v that `at` says, on the way to the whole again; false: that would be no less than v. */
static bool pick(Pick *p, Value *v, const At *at, Labelled *out) {
  uint32_t chosen = chosen_axes(at, v->type->rank);
  if (!chosen) return leaf(p, v, at, out);
  for (const Known *k = p->known; k; k = k->next)
    if (k->v == v && same_at(k->at, at, v->type->rank)) {
      *out = k->picked;
      return true;
    }
  if (p->made++ == MOST_OPS || !(is_dense(p->d, v, chosen) ? leaf(p, v, at, out) : pick_op(p, v, at, out))) return false;
  Known *k = NEW(p->b->ctx->arena, Known);
  *k = (Known){v, arena_dup(p->b->ctx->arena, at, sizeof *at * (size_t)v->type->rank), *out, p->known};
  p->known = k;
  return true;
}

/* ---- the sweep through it --------------------------------------------------------------------------------------------------- */

static void mark_active(Deriv *d, const Op *from) {
  deriv_reserve(d);
  for (const Op *op = from; op; op = op->next)
    for (int i = 0; i < op->nopd; i++)
      if (operand_contributes(op, i) && is_active(d, op->opd[i])) d->active[op->res[0]->id] = true;
}

/* dy: the cotangent of the picked elements of x; its axes are the labels from 0 on. */
static bool sweep(Pick *p, Value *x, const At *at, Value *dy) {
  Region *g = p->b->region;
  if (is_dense(p->d, x, chosen_axes(at, x->type->rank))) return false;
  Op *before = g->last;
  Labelled y;
  if (!pick(p, x, at, &y)) return false;
  Value *e = over(p, y, p->wanted).v;
  Op *last = g->last;
  if (last == before) return false;
  mark_active(p->d, before ? before->next : g->first);
  deriv_add(p->d, e, dy);
  adjoint_between(p->d, last, before);
  return true;
}

static bool is_computed(const Op *op, const Value *x) {
  const Op *def = x->def;
  return def && def->parent == op->parent && (op_info[def->code].family == FAM_MAP || def->code == OP_contract);
}

static bool is_long(const Dim *d) {
  int64_t n;
  return !dim_is_const(d, &n) || n > SHORT_AXIS;
}

static Pick start(Deriv *d, const Type *wanted) {
  dense_ask(d);
  Pick p = {.d = d, .b = &d->b};
  for (int a = 0; a < wanted->rank; a++) p.wanted |= bit(new_label(&p, wanted->dim[a]));
  return p;
}

static Value *is_inhabited(Builder *b, Value *so_far, Dim *d) {
  int64_t n;
  if (dim_is_const(d, &n) && n > 0) return so_far;
  Value *some = b_map2(b, OP_gt, b_dim(b, d), b_int(b, 0));
  return so_far ? b_map2(b, OP_and, so_far, some) : some;
}

bool adjoint_extreme_picked(Deriv *d, Op *op, Value *dy) {
  const Type *t = op->opd[0]->type;
  Builder *b = &d->b;
  int axis = op->u.reduce.axis[0];
  if (b->before || op->u.reduce.naxis != 1 || !is_computed(op, op->opd[0]) || !is_long(t->dim[axis])) return false;
  if (dy->type->rank >= MAX_LABEL) return false;
  Pick p = start(d, dy->type);
  Labelled index = {.v = b_reduce(b, op->code == OP_rmax ? OP_argmax : OP_argmin, op->opd[0], 1, &axis)};
  At at[MAX_RANK];
  for (int a = 0, l = 0; a < t->rank; a++) at[a] = a == axis ? (At){.label = -1} : (At){.label = l++};
  for (int a = 0; a < dy->type->rank; a++) index.label[a] = (int8_t)a;
  at[axis].index = index;
  p.inhabited = is_inhabited(b, NULL, t->dim[axis]);
  return sweep(&p, op->opd[0], at, dy);
}

/* Axis of x that idx, an operand of a gather, goes along label after label: the label, or -1. */
static int counts(const Value *idx, const Dim *extent) {
  const Op *op = idx->def;
  return op && op->code == OP_iota && idx->type->dim[op->u.axis] == extent ? op->u.axis : -1;
}

bool adjoint_gather_picked(Deriv *d, Op *op, Value *dy) {
  Value *x = op->opd[0];
  Builder *b = &d->b;
  int nb = op->opd[1]->type->rank, next = nb;
  uint64_t bare = 0;
  bool any_long = false;
  if (b->before || !is_computed(op, x) || dy->type->rank >= MAX_LABEL) return false;
  Pick p = start(d, dy->type);
  Value *mask = op->u.index.masked ? op->opd[op->nopd - 1] : NULL;
  At at[MAX_RANK];
  for (int a = 0, k = 0; a < x->type->rank; a++) {
    bool indexed = k < op->u.index.naxis && op->u.index.axis[k] == a;
    at[a] = (At){.label = indexed ? -1 : next++};
    if (!indexed) continue;
    Value *idx = op->opd[1 + k++];
    int l = counts(idx, x->type->dim[a]);
    if (l >= 0 && !(bare >> l & 1)) {
      at[a].label = l;
      bare |= bit(l);
      continue;
    }
    any_long |= is_long(x->type->dim[a]);
    if (mask) {
      p.inhabited = is_inhabited(b, p.inhabited, x->type->dim[a]);
      idx = b_select(b, mask, idx, b_splat(b, idx->type, 0));
    }
    at[a].index = (Labelled){.v = idx};
    for (int i = 0; i < nb; i++) at[a].index.label[i] = (int8_t)i;
  }
  if (!any_long || bare != bit(nb) - 1) return false;
  if (mask) {
    int axes[MAX_RANK];
    for (int a = 0; a < nb; a++) axes[a] = a;
    dy = b_select(b, b_broadcast(b, mask, axes, type_with_elem(b->ctx, dy->type, BOOL)), dy, b_splat(b, dy->type, 0));
  }
  return sweep(&p, x, at, dy);
}
