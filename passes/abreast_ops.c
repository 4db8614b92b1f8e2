/* abreast_ops.c - operations of an iteration, in lanes: the lanes' axis is the last one of what varies.
 *
 * Requires: abreast_fits.  Ensures: a lane that is under way has the values that its iteration had; the others have some values, read no
 * memory at indices of their own and store nothing of their own. */
#include "passes/abreast.h"
#include <string.h>

bool lane_varies(const Abreast *t, const Value *v) { return v->id < t->nvalue && t->varies[v->id]; }
static bool sums(const Abreast *t, const Value *v) { return v->id < t->nvalue && t->sums[v->id]; }

Value *lane_image(Abreast *t, Value *v) {
  Value *to = clone_lookup(t->map, v);
  return to ? to : v;
}

Type *lane_type(Abreast *t, Type *type) {
  Type *now = clone_type(t->map, type);
  Dim *dim[MAX_RANK];
  for (int a = 0; a < now->rank; a++) dim[a] = now->dim[a];
  dim[now->rank] = t->width;
  return type_tensor(t->ctx, now->elem, now->rank + 1, dim);
}

Value *lane_full(Abreast *t, Builder *b, Value *v) {
  Value *x = lane_image(t, v);
  int axes[MAX_RANK];
  if (lane_varies(t, v)) return x;
  for (int a = 0; a < x->type->rank; a++) axes[a] = a;
  return b_broadcast(b, x, axes, lane_type(t, v->type));
}

Value *lane_spread(Abreast *t, Builder *b, Value *mask, const Type *like) {
  int axis = like->rank - 1;
  (void)t;
  return like->rank == 1 ? mask : b_broadcast(b, mask, &axis, type_with_elem(b->ctx, like, BOOL));
}

Value *lane_choose(Abreast *t, Builder *b, Value *mask, Value *x, Value *y) {
  return mask ? b_select(b, lane_spread(t, b, mask, x->type), x, y) : x;
}

Value *lane_both(Builder *b, Value *mask, Value *other) {
  return !mask ? other : !other || other == mask ? mask : b_map2(b, OP_and, mask, other);
}

Value *lane_last(Builder *b, Value *x, int axis) {
  int perm[MAX_RANK], n = x->type->rank;
  if (axis == n - 1) return x;
  for (int a = 0; a < n; a++) perm[a] = a < axis ? a : a < n - 1 ? a + 1 : axis;
  return b_transpose(b, x, perm);
}

Value *lane_total(Abreast *t, Builder *b, Value *x) {
  int axis = x->type->rank - 1;
  (void)t;
  return b_sum(b, x, 1, &axis);
}

Value *lane_extreme(Abreast *t, Builder *b, Opcode code, Value *x, Value *mask, Value *none) {
  int axis = 0;
  return b_reduce(b, code, lane_choose(t, b, mask, x, mask ? b_broadcast_scalar(b, none, x->type) : NULL), 1, &axis);
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------------------ */

static Value *do_map(Abreast *t, Builder *b, Op *op) {
  Value *x[3];
  for (int i = 0; i < op->nopd; i++) x[i] = lane_full(t, b, op->opd[i]);
  if (op->code == OP_cast) return b_cast(b, x[0], op->res[0]->type->elem);
  return b_map(b, op->code, op->nopd, x);
}

static void append(int8_t *to, const int8_t *from, int n, int8_t label) {
  if (n) memcpy(to, from, (size_t)n);
  to[n] = label;
}

static Value *do_contract(Abreast *t, Builder *b, Op *op) {
  int8_t in[2][MAX_RANK + 1], out[MAX_RANK + 1], label = contract_unused_label(op);
  Value *x[2] = {NULL, NULL};
  for (int i = 0; i < op->nopd; i++) {
    x[i] = lane_image(t, op->opd[i]);
    append(in[i], op->u.contract.opd[i], op->opd[i]->type->rank, label);
  }
  append(out, op->u.contract.out, op->res[0]->type->rank, label);
  return b_contract_raw(b, x[0], in[0], x[1], x[1] ? in[1] : NULL, out, lane_type(t, op->res[0]->type));
}

static Value *do_reduce(Abreast *t, Builder *b, Op *op) {
  return b_reduce(b, op->code, lane_image(t, op->opd[0]), op->u.reduce.naxis, op->u.reduce.axis);
}

static Value *do_scan(Abreast *t, Builder *b, Op *op) {
  return b_linrec(b, lane_full(t, b, op->opd[0]), lane_full(t, b, op->opd[1]), op->u.scan.axis, op->u.scan.reverse);
}

/* ---- views ------------------------------------------------------------------------------------------------------------------ */

typedef struct Window { Dim *start[MAX_RANK]; int64_t stride[MAX_RANK]; } Window;

static Window window_of(Abreast *t, const Op *op) {
  Window w;
  int n = op->opd[0]->type->rank;
  for (int a = 0; a < n; a++) {
    w.start[a] = clone_dim(t->map, op->u.slice.start[a]);
    w.stride[a] = op->u.slice.stride[a];
  }
  w.start[n] = dim_const(t->ctx, 0);
  w.stride[n] = 1;
  return w;
}

/* What is stored has the old elements in lanes that are not under way. */
static Value *set_window(Abreast *t, Builder *b, Op *op, Value *mask) {
  Window w = window_of(t, op);
  Value *x = lane_full(t, b, op->opd[0]), *y = lane_full(t, b, op->opd[1]);
  if (mask) y = lane_choose(t, b, mask, y, b_slice(b, x, w.start, w.stride, y->type->dim));
  return b_set_slice(b, x, y, w.start, w.stride);
}

static Value *do_view(Abreast *t, Builder *b, Op *op) {
  Type *type = lane_type(t, op->res[0]->type);
  if (op->code == OP_concat) {
    Value **x = NEW_N(t->ctx->arena, Value *, op->nopd);
    for (int i = 0; i < op->nopd; i++) x[i] = lane_full(t, b, op->opd[i]);
    return b_concat(b, op->nopd, x, op->u.axis);
  }
  if (t->index && op->code == OP_slice && lane_is_window(t, op)) return lane_read_window(t, b, op);
  Value *x = lane_full(t, b, op->opd[0]);
  if (op->code == OP_reshape) return b_reshape(b, x, type->rank, type->dim);
  Window w = window_of(t, op);
  return op->code == OP_slice ? b_slice(b, x, w.start, w.stride, type->dim) : b_embed(b, x, w.start, w.stride, type);
}

/* ---- indexed access ----------------------------------------------------------------------------------------------------------- */

/* The lanes' indices, each with the shape of the operation's indices and the lanes' axis behind. */
typedef struct Access { int n, axis[MAX_RANK], rank; Value *idx[MAX_RANK], *mask; bool varies; } Access;

/* own: what is indexed has an axis for the lanes, its last one, which then is indexed too. */
static Access access_of(Abreast *t, Builder *b, const Op *op, int first, bool own, int rank, Value *mask) {
  Access a = {.n = op->u.index.naxis, .rank = op->opd[first]->type->rank};
  for (int i = 0; i < a.n; i++) {
    a.axis[i] = op->u.index.axis[i];
    a.varies |= lane_varies(t, op->opd[first + i]);
  }
  Value *given = op->u.index.masked ? op->opd[op->nopd - 1] : NULL;
  a.varies |= given && lane_varies(t, given);
  for (int i = 0; i < a.n; i++) a.idx[i] = a.varies ? lane_full(t, b, op->opd[first + i]) : lane_image(t, op->opd[first + i]);
  if (!a.varies) {
    a.mask = given ? lane_image(t, given) : NULL;
    return a;
  }
  const Type *shape = a.idx[0]->type;
  if (given) a.mask = lane_full(t, b, given);
  if (mask) a.mask = lane_both(b, a.mask, lane_spread(t, b, mask, shape));
  if (own) {
    a.axis[a.n] = rank;
    a.idx[a.n++] = b_iota(b, type_with_elem(t->ctx, shape, I64), shape->rank - 1);
  }
  return a;
}

static bool is_own(const Abreast *t, const Value *v) { return v == t->loop->reg[0]->param[0]; }

/* The entries of the lanes lie side by side. */
static Value *read_own(Abreast *t, Builder *b, const Op *op, Value *x) {
  int at = 0, axis[MAX_RANK], n = 0;
  Value *idx[MAX_RANK];
  while (!is_own(t, op->opd[1 + at])) at++;
  int own = op->u.index.axis[at], place = own;
  Dim *start[MAX_RANK], *size[MAX_RANK];
  int64_t stride[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) {
    start[a] = a == own ? t->at : dim_const(t->ctx, 0);
    size[a] = a == own ? t->width : x->type->dim[a];
    stride[a] = 1;
  }
  for (int i = 0; i < op->u.index.naxis; i++) {
    if (i == at) continue;
    axis[n] = op->u.index.axis[i];
    place -= axis[n] < own;
    idx[n++] = lane_image(t, op->opd[1 + i]);
  }
  Value *y = b_slice(b, x, start, stride, size);
  return lane_last(b, n ? b_gather(b, y, n, axis, idx, NULL) : y, place);
}

static Value *do_gather(Abreast *t, Builder *b, Op *op, Value *mask) {
  bool varies = lane_varies(t, op->opd[0]);
  Value *x = lane_image(t, op->opd[0]);
  if (lane_reads_own(t, op)) return read_own(t, b, op, x);
  Access a = access_of(t, b, op, 1, varies, op->opd[0]->type->rank, mask);
  Value *y = b_gather(b, x, a.n, a.axis, a.idx, a.mask);
  return a.varies ? lane_last(b, y, a.rank) : y;
}

/* A tensor of which a turn sets a place that no turn has set before, and nobody reads one that was not set: places beyond a lane's turns do
 * not matter. */
static bool sets_unseen(const Op *op) {
  const Value *held = op->opd[0];
  const Op *loop = !held->def ? held->region->parent : NULL;
  for (int k = 0; loop && k < loop->nres; k++)
    if (loop_carried(loop, k) == held) return loop_begins_unseen(loop, k);
  return false;
}

static Value *do_set(Abreast *t, Builder *b, Op *op, Value *mask) {
  Access a = access_of(t, b, op, 2, false, 0, NULL);
  Value *x = lane_full(t, b, op->opd[0]), *u = lane_full(t, b, op->opd[1]);
  if (mask && !sets_unseen(op)) u = lane_choose(t, b, mask, u, b_gather(b, x, a.n, a.axis, a.idx, NULL));
  return b_set(b, x, u, a.n, a.axis, a.idx);
}

/* [indices…, rest…, lanes] to [indices…, lanes, rest…] */
static Value *lanes_to_indices(Builder *b, Value *u, int nindex) {
  int perm[MAX_RANK], n = u->type->rank;
  for (int a = 0; a < n; a++) perm[a] = a < nindex ? a : a == nindex ? n - 1 : a - 1;
  return nindex == n - 1 ? u : b_transpose(b, u, perm);
}

static Value *zeros_like(Builder *b, const Value *x) { return b_splat(b, x->type, 0); }

static Value *do_scatter(Abreast *t, Builder *b, Op *op, Value *mask) {
  bool acc = op->code == OP_scatter_acc;
  Access a = access_of(t, b, op, acc ? 2 : 1, true, op->res[0]->type->rank, mask);
  Value *u = lane_full(t, b, op->opd[acc]);
  if (a.varies) u = lanes_to_indices(b, u, a.rank);
  else if (mask) u = lane_choose(t, b, mask, u, zeros_like(b, u));
  return acc ? b_scatter_acc(b, lane_full(t, b, op->opd[0]), u, a.n, a.axis, a.idx, a.mask)
             : b_scatter_add(b, u, a.n, a.axis, a.idx, a.mask, lane_type(t, op->res[0]->type));
}

static Value *do_index(Abreast *t, Builder *b, Op *op, Value *mask) {
  return op->code == OP_gather ? do_gather(t, b, op, mask) : op->code == OP_set ? do_set(t, b, op, mask) : do_scatter(t, b, op, mask);
}

/* ---- what the lanes add to together ------------------------------------------------------------------------------------------ */

static Value *added(Abreast *t, Builder *b, Value *v, Value *mask) {
  Value *x = lane_full(t, b, v);
  return lane_total(t, b, mask ? lane_choose(t, b, mask, x, zeros_like(b, x)) : x);
}

static Value *do_sum(Abreast *t, Builder *b, Op *op, Value *mask) {
  mask = lane_both(b, mask, t->fresh);
  if (op->code == OP_scatter_acc) {
    Value *x = lane_image(t, op->opd[0]);
    Access a = access_of(t, b, op, 2, false, 0, mask);
    if (!a.varies) return b_scatter_acc(b, x, added(t, b, op->opd[1], mask), a.n, a.axis, a.idx, a.mask);
    return b_scatter_acc(b, x, lanes_to_indices(b, lane_full(t, b, op->opd[1]), a.rank), a.n, a.axis, a.idx, a.mask);
  }
  Value *x[2];
  for (int i = 0; i < 2; i++) x[i] = sums(t, op->opd[i]) ? lane_image(t, op->opd[i]) : added(t, b, op->opd[i], mask);
  return b_map2(b, op->code, x[0], x[1]);
}

/* ---- sizes that only a run tells ------------------------------------------------------------------------------------------------ */

static Value *do_sym(Abreast *t, Builder *b, Op *op, Value *mask) {
  Value *each = lane_image(t, op->opd[0]), *most = t->most[op->opd[0]->id];
  LaneSym *s = lane_sym(t, dim_sym(t->ctx, op->u.sym));
  if (op->u.sym == t->index) {
    *s = (LaneSym){t->index, each, t->first};
    clone_map_sym(t->map, op->u.sym, t->at);
    return each;
  }
  Sym *sym = sym_new(t->ctx, SYM_VALUE, op->u.sym->name, op->u.sym->loc);
  sym->nonneg = true;
  sym->most = op->u.sym->most;
  s->each = each;
  s->most = b_sym(b, most ? most : lane_extreme(t, b, OP_rmax, each, mask, b_int(b, 0)), sym);
  clone_map_sym(t->map, op->u.sym, dim_sym(t->ctx, sym));
  return each;
}

static Value *do_dim(Abreast *t, Builder *b, Op *op) {
  const LaneSym *s = lane_sym(t, op->u.dim);
  int64_t factor = 0;
  for (int i = 0; i < op->u.dim->nterm; i++) {
    const Mono *m = &op->u.dim->term[i];
    if (m->nfactor == 1 && m->factor[0]->kind == ATOM_SYM && m->factor[0]->sym == s->sym) factor = m->coef;
  }
  Value *less = b_map2(b, OP_sub, s->each, b_broadcast_scalar(b, s->most, s->each->type));
  if (factor != 1) less = b_map2(b, OP_mul, less, b_broadcast_scalar(b, b_int(b, factor), less->type));
  return b_map2(b, OP_add, b_broadcast_scalar(b, b_dim(b, clone_dim(t->map, op->u.dim)), less->type), less);
}

/* --------------------------------------------------------------------------------------------------------------------------------- */

static Value *in_lanes(Abreast *t, Builder *b, Op *op, Value *mask) {
  switch (op_info[op->code].family) {
  case FAM_SOURCE: return op->code == OP_sym ? do_sym(t, b, op, mask) : do_dim(t, b, op);
  case FAM_MAP: return do_map(t, b, op);
  case FAM_CONTRACT: return do_contract(t, b, op);
  case FAM_REDUCE: return do_reduce(t, b, op);
  case FAM_SCAN: return do_scan(t, b, op);
  case FAM_VIEW: return op->code == OP_set_slice ? set_window(t, b, op, mask) : do_view(t, b, op);
  case FAM_INDEX: return do_index(t, b, op, mask);
  default: bug("%s in lanes", op_info[op->code].name);
  }
}

void lane_op(Abreast *t, Builder *b, Op *op, Value *mask) {
  bool any = false, adds = op->nres && sums(t, op->res[0]) && (op->code == OP_add || op->code == OP_sub || op->code == OP_scatter_acc);
  b->loc = op->loc;
  for (int i = 0; i < op->nres; i++) any |= lane_varies(t, op->res[i]);
  if (op->nreg) lane_control(t, b, op, mask);
  else if (adds || any) {
    Value *v = adds ? do_sum(t, b, op, mask) : in_lanes(t, b, op, mask);
    if (!v->name) v->name = op->res[0]->name;
    clone_map_value(t->map, op->res[0], v);
  } else {
    clone_share(t->map, op);
    clone_op(t->map, b, op);
  }
}
