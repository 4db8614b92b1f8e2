/* band.c - triangles and bands: where a tensor is zero, and where nobody wants it, by how far one of its indices is beyond another.
 *
 * Requires: a verified function.  Ensures: what is said holds for every element; what is not recognised is said to be nonzero and wanted.
 *
 * Masks are where such facts come from: `if i > j then x[i, j] else 0` selects by a comparison of two counters.  A fact is an edge t:
 * wherever index a is greater than index b by more than t, the elements are zero (or false, or true, or not wanted).  An index is an axis
 * of the value, or a symbol that a loop binds to its own; one that is missing counts as 0. */
#include "ir/internal.h"

enum { FUEL = 400 }; /* values looked at for one fact */

typedef enum { IS_ZERO, IS_FALSE, IS_TRUE } Fact;

typedef struct Use { Op *op; const Region *region; int k; struct Use *next; } Use; /* op NULL: the region's result k */

struct Band {
  Ctx *ctx;
  Func *f;
  Use **use;      /* by value; NULL: nobody has asked yet */
  const Sym **small; /* symbols that are indices of loops over axes: sums of them do not overflow */
  int nsmall, small_cap;
  bool has[2];       /* which indices there are */
  const Sym *sym[2]; /* those that are no axes */
  int fuel;
  int *busy;      /* by value: the indices of which it is being found out whether they are wanted; 0: none */
};

static const Edge nowhere = {EDGE_NOWHERE, NULL}, everywhere = {EDGE_EVERYWHERE, NULL};

static Edge beyond_dim(Dim *t) { return t ? (Edge){EDGE_BEYOND, t} : nowhere; }

static Edge least(Band *w, Edge x, Edge y) {
  if (x.kind == EDGE_EVERYWHERE || y.kind == EDGE_NOWHERE) return x;
  if (y.kind == EDGE_EVERYWHERE || x.kind == EDGE_NOWHERE) return y;
  return beyond_dim(dim_min(w->ctx, x.t, y.t));
}

Edge edge_most(Ctx *c, Edge x, Edge y) {
  if (x.kind == EDGE_NOWHERE || y.kind == EDGE_EVERYWHERE) return x;
  if (y.kind == EDGE_NOWHERE || x.kind == EDGE_EVERYWHERE) return y;
  return beyond_dim(dim_max(c, x.t, y.t));
}

static Edge most(Band *w, Edge x, Edge y) { return edge_most(w->ctx, x, y); }

static Edge shifted(Band *w, Edge x, Dim *by) {
  return x.kind != EDGE_BEYOND ? x : beyond_dim(dim_sub(w->ctx, x.t, by));
}

/* ---- symbols whose sums do not overflow ---------------------------------------------------------------------------------- */

static bool is_small_sym(const Band *w, const Sym *s) {
  bool is = s->kind == SYM_DIM;
  for (int i = 0; i < w->nsmall && !is; i++) is = w->small[i] == s;
  return is;
}

static bool is_small(const Band *w, const Dim *d) {
  for (int i = 0; i < d->nterm; i++) {
    if (d->term[i].nfactor > 1 || d->term[i].coef > INT32_MAX || d->term[i].coef < -INT32_MAX) return false;
    for (int j = 0; j < d->term[i].nfactor; j++)
      if (d->term[i].factor[j]->kind != ATOM_SYM || !is_small_sym(w, d->term[i].factor[j]->sym)) return false;
  }
  return d->den == 1;
}

static bool is_axis_index(const Value *v) {
  const Op *loop = v->def ? NULL : v->region->parent;
  if (!loop || loop->code != OP_for || v != v->region->param[0]) return false;
  const Op *lo = loop->opd[0]->def, *hi = loop->opd[1]->def;
  return loop->u.loop.parallel || (lo && lo->code == OP_const && lo->u.cst.i == 0 && hi && hi->code == OP_dim);
}

static void note_symbols(Band *w, const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    if (op->code == OP_sym && is_axis_index(op->opd[0])) PUSH(w->ctx->arena, w->small, w->nsmall, w->small_cap) = op->u.sym;
    for (int i = 0; i < op->nreg; i++) note_symbols(w, op->reg[i]);
  }
}

Band *band_new(Func *f) {
  Band *w = NEW(f->module->ctx->arena, Band);
  *w = (Band){.ctx = f->module->ctx, .f = f};
  note_symbols(w, f->body);
  return w;
}

/* ---- through views -------------------------------------------------------------------------------------------------------- */

/* The axis of operand k that a label, or none, is. */
static int labelled(const Op *op, int k, int l) {
  for (int i = 0; l >= 0 && i < op->opd[k]->type->rank; i++)
    if (op->u.contract.opd[k][i] == l) return i;
  return -1;
}

static int label_of(const Op *op, int axis) { return axis < 0 ? -1 : op->u.contract.out[axis]; }

static bool is_unit_at(const Op *slice, int axis, const Sym *s) {
  const Dim *at = slice->u.slice.start[axis];
  return dim_is(slice->res[0]->type->dim[axis], 1) && at->nterm == 1 && at->den == 1 && at->term[0].coef == 1 && at->term[0].nfactor == 1 &&
         at->term[0].factor[0]->kind == ATOM_SYM && at->term[0].factor[0]->sym == s;
}

/* The axis of what is sliced that an index is; *from: where that begins to count. */
static bool sliced(Band *w, const Op *op, int which, int *axis, Dim **from) {
  int in = *axis;
  *from = dim_const(w->ctx, 0);
  for (int i = 0; in < 0 && w->sym[which] && i < op->res[0]->type->rank; i++)
    if (is_unit_at(op, i, w->sym[which])) return *axis = i, true;
  if (in < 0) return !w->has[which];
  *from = op->u.slice.start[in];
  return op->u.slice.stride[in] == 1;
}

/* ---- counters ------------------------------------------------------------------------------------------------------------- */

/* a * index a + b * index b + c */
typedef struct Line { int64_t a, b; Dim *c; } Line;

static bool line(Band *w, const Value *v, int a, int b, Line *l);

static bool combine(Band *w, const Op *op, int a, int b, Line *l) {
  Line x, y;
  if (!line(w, op->opd[0], a, b, &x) || !line(w, op->opd[1], a, b, &y)) return false;
  bool minus = op->code == OP_sub;
  l->a = minus ? x.a - y.a : x.a + y.a; /* each below FUEL times 2^31 */
  l->b = minus ? x.b - y.b : x.b + y.b;
  l->c = minus ? dim_sub(w->ctx, x.c, y.c) : dim_add(w->ctx, x.c, y.c);
  return l->c != NULL;
}

/* Takes a symbol that is an index out of the constant. */
static bool take_symbol(Band *w, Line *l, int which) {
  const Sym *sym = w->sym[which];
  if (!sym || !dim_mentions(l->c, sym)) return true;
  for (int i = 0; i < l->c->nterm; i++) {
    const Mono *m = &l->c->term[i];
    if (m->nfactor != 1 || m->factor[0]->kind != ATOM_SYM || m->factor[0]->sym != sym) continue;
    if (m->coef > INT32_MAX || m->coef < -INT32_MAX) return false;
    *(which ? &l->b : &l->a) = m->coef;
    l->c = dim_sub(w->ctx, l->c, dim_mul(w->ctx, dim_const(w->ctx, m->coef), dim_sym(w->ctx, (Sym *)sym)));
    return l->c && !dim_mentions(l->c, sym);
  }
  return false;
}

static bool constant(Band *w, Dim *d, Line *l) {
  l->c = d;
  return d && d->den == 1 && take_symbol(w, l, 0) && take_symbol(w, l, 1);
}

/* One element of a counter, or a part of a list. */
static bool line_of_slice(Band *w, const Op *op, int a, int b, Line *l) {
  if (op->res[0]->type->rank != 1 || op->u.slice.stride[0] != 1) return false;
  Dim *start = op->u.slice.start[0];
  const Op *from = op->opd[0]->def;
  if (dim_is(op->res[0]->type->dim[0], 1)) return from && from->code == OP_iota && constant(w, start, l);
  Line x;
  if (!line(w, op->opd[0], a, b, l) || !constant(w, start, &x) || x.a || x.b) return false;
  return (l->c = dim_add(w->ctx, l->c, dim_mul(w->ctx, dim_const(w->ctx, l->a + l->b), start))) != NULL;
}

static bool line(Band *w, const Value *v, int a, int b, Line *l) {
  const Op *op = v->def;
  *l = (Line){0, 0, dim_const(w->ctx, 0)};
  if (!op || !elem_is_int(v->type->elem) || --w->fuel < 0) return false;
  switch (op->code) {
  case OP_const: return (l->c = dim_const(w->ctx, op->u.cst.i)) != NULL;
  case OP_dim: return constant(w, op->u.dim, l);
  case OP_cast: return line(w, op->opd[0], a, b, l);
  case OP_iota:
    if (dim_is(v->type->dim[op->u.axis], 1)) return true;
    l->a = op->u.axis == a;
    l->b = op->u.axis == b;
    return l->a || l->b;
  case OP_contract:
    return op->nopd == 1 && !op_has_sum(op) && line(w, op->opd[0], labelled(op, 0, label_of(op, a)), labelled(op, 0, label_of(op, b)), l);
  case OP_slice: return line_of_slice(w, op, a, b, l);
  case OP_add:
  case OP_sub: return combine(w, op, a, b, l);
  default: return false;
  }
}

/* A comparison of lines, of which only the distance of the indices matters. */
static Edge compared(Band *w, const Op *op, int a, int b, Fact f) {
  Line x, y;
  if (!line(w, op->opd[0], a, b, &x) || !line(w, op->opd[1], a, b, &y)) return nowhere;
  Opcode code = op->code;
  if (code == OP_gt || code == OP_ge) {
    Line z = x;
    x = y, y = z;
    code = code == OP_gt ? OP_lt : OP_le;
  }
  int64_t da = x.a - y.a, db = x.b - y.b, p = w->has[0] ? da : -db; /* p * distance + c, compared with 0 */
  Dim *c = dim_sub(w->ctx, x.c, y.c), *one = dim_const(w->ctx, 1), *minus = c ? dim_sub(w->ctx, dim_const(w->ctx, 0), c) : NULL;
  if ((p != 1 && p != -1) || da != (w->has[0] ? p : 0) || db != (w->has[1] ? -p : 0) || !minus || !is_small(w, c)) return nowhere;
  switch (code) {
  case OP_lt: return f == IS_FALSE ? (p > 0 ? beyond_dim(dim_sub(w->ctx, minus, one)) : nowhere) : p < 0 ? beyond_dim(c) : nowhere;
  case OP_le: return f == IS_FALSE ? (p > 0 ? beyond_dim(minus) : nowhere) : p < 0 ? beyond_dim(dim_sub(w->ctx, c, one)) : nowhere;
  case OP_eq: return f == IS_FALSE ? beyond_dim(p > 0 ? minus : c) : nowhere;
  default: return f == IS_TRUE ? beyond_dim(p > 0 ? minus : c) : nowhere;
  }
}

/* ---- where a value is zero, false or true --------------------------------------------------------------------------------- */

static Edge beyond(Band *w, const Value *v, int a, int b, Fact f);

static Edge operand(Band *w, const Op *op, int k, int a, int b, Fact f) { return beyond(w, op->opd[k], a, b, f); }

static Edge selected(Band *w, const Op *op, int a, int b, Fact f) {
  Edge x = least(w, operand(w, op, 0, a, b, IS_FALSE), operand(w, op, 1, a, b, f));
  return most(w, x, least(w, operand(w, op, 0, a, b, IS_TRUE), operand(w, op, 2, a, b, f)));
}

static Edge is_constant(const Op *op, Fact f) {
  bool real = elem_is_real(op->res[0]->type->elem);
  return (f == IS_ZERO ? (real ? op->u.cst.f == 0 : op->u.cst.i == 0) : (op->u.cst.i != 0) == (f == IS_TRUE)) ? everywhere : nowhere;
}

/* A masked gather reads zeros where the mask is false. */
static Edge gathered(Band *w, const Op *op, int a, int b) {
  int rank = op->opd[1]->type->rank;
  return op->u.index.masked && a < rank && b < rank ? operand(w, op, op->nopd - 1, a, b, IS_FALSE) : nowhere;
}

static Edge of_slice(Band *w, const Op *op, int a, int b, Fact f) {
  Dim *from[2];
  if (!sliced(w, op, 0, &a, &from[0]) || !sliced(w, op, 1, &b, &from[1])) return nowhere;
  Dim *by = dim_sub(w->ctx, from[0], from[1]);
  return by && is_small(w, by) ? shifted(w, operand(w, op, 0, a, b, f), by) : nowhere;
}

static bool is_finite_constant(const Value *v) {
  const Op *op = v->def;
  while (op && op->code == OP_contract && op->nopd == 1 && !op_has_sum(op)) op = op->opd[0]->def;
  return op && op->code == OP_const && (!elem_is_real(op->res[0]->type->elem) || op->u.cst.f - op->u.cst.f == 0);
}

static Edge of_product(Band *w, const Op *op, int a, int b) {
  for (int k = 0; k < 2; k++)
    if (is_finite_constant(op->opd[!k])) return operand(w, op, k, a, b, IS_ZERO);
  return nowhere;
}

static Edge beyond(Band *w, const Value *v, int a, int b, Fact f) {
  const Op *op = v->def;
  if (!op || --w->fuel < 0) return nowhere;
  Fact other = f == IS_TRUE ? IS_FALSE : IS_TRUE;
  switch (op->code) {
  case OP_const: return is_constant(op, f);
  case OP_contract:
    if (op->nopd != 1 || (op_has_sum(op) && f != IS_ZERO)) return nowhere;
    return operand(w, op, 0, labelled(op, 0, label_of(op, a)), labelled(op, 0, label_of(op, b)), f);
  case OP_slice: return of_slice(w, op, a, b, f);
  case OP_cast: return op->opd[0]->type->elem == BOOL ? operand(w, op, 0, a, b, f == IS_ZERO ? IS_FALSE : f) : operand(w, op, 0, a, b, f);
  case OP_mul: return f == IS_ZERO ? of_product(w, op, a, b) : nowhere;
  case OP_select: return selected(w, op, a, b, f);
  case OP_gather: return f == IS_ZERO ? gathered(w, op, a, b) : nowhere;
  case OP_neg:
  case OP_stop_gradient: return operand(w, op, 0, a, b, f);
  case OP_mulz: return least(w, operand(w, op, 0, a, b, f), operand(w, op, 1, a, b, f));
  case OP_add:
  case OP_sub: return most(w, operand(w, op, 0, a, b, f), operand(w, op, 1, a, b, f));
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge:
  case OP_eq:
  case OP_ne: return compared(w, op, a, b, f);
  case OP_not: return operand(w, op, 0, a, b, other);
  case OP_and:
  case OP_or: {
    Edge x = operand(w, op, 0, a, b, f), y = operand(w, op, 1, a, b, f);
    return (op->code == OP_and) == (f == IS_FALSE) ? least(w, x, y) : most(w, x, y);
  }
  default: return nowhere;
  }
}

static void ask(Band *w, BandIndex a, BandIndex b) {
  w->fuel = FUEL;
  w->has[0] = a.axis >= 0 || a.sym;
  w->has[1] = b.axis >= 0 || b.sym;
  w->sym[0] = a.sym;
  w->sym[1] = b.sym;
}

Edge band_zero(Band *w, const Value *v, BandIndex a, BandIndex b) {
  ask(w, a, b);
  return beyond(w, v, a.axis, b.axis, IS_ZERO);
}

/* ---- where a value is wanted ---------------------------------------------------------------------------------------------- */

static void note(Band *w, const Value *v, Op *op, const Region *r, int k) {
  Use *u = NEW(w->ctx->arena, Use);
  *u = (Use){op, r, k, w->use[v->id]};
  w->use[v->id] = u;
}

static void note_uses(Band *w, const Region *r) {
  for (Op *op = r->first; op; op = op->next) {
    for (int k = 0; k < op->nopd; k++) note(w, op->opd[k], op, r, k);
    for (int i = 0; i < op->nreg; i++) note_uses(w, op->reg[i]);
  }
  for (int i = 0; i < r->nres; i++) note(w, r->res[i], NULL, r, i);
}

static Edge wanted(Band *w, const Value *v, int a, int b);

/* Whatever of it is wanted in any turn, or afterwards. */
static Edge wanted_carried(Band *w, const Op *loop, int k, int a, int b) {
  Edge t = wanted(w, loop->res[k], a, b);
  for (int r = 0; r < loop->nreg; r++) t = most(w, t, wanted(w, loop->reg[r]->param[loop_nindex(loop) + k], a, b));
  return t;
}

static Edge wanted_result(Band *w, const Use *u, int a, int b) {
  const Op *of = u->region->parent;
  if (!of || of->nres <= u->k) return nowhere;
  if (of->code == OP_if) return wanted(w, of->res[u->k], a, b);
  if (of->code == OP_while && u->region == of->reg[0]) return nowhere;
  return op_is_loop(of) ? wanted_carried(w, of, u->k, a, b) : nowhere;
}

static int axis_with(const Op *op, int l) {
  for (int i = 0; i < op->res[0]->type->rank; i++)
    if (op->u.contract.out[i] == l) return i;
  return -1;
}

/* The axes as they are, or moved by as much: elsewhere a circle could move them on and on. */
static bool in_place(const Op *op, int a, int b) {
  return op->u.slice.stride[a] == 1 && op->u.slice.stride[b] == 1 && op->u.slice.start[a] == op->u.slice.start[b];
}

static Edge wanted_by(Band *w, const Use *u, int a, int b) {
  const Op *op = u->op;
  if (!op) return wanted_result(w, u, a, b);
  if (op_is_loop(op)) return u->k < loop_ninit(op) ? nowhere : wanted_carried(w, op, u->k - loop_ninit(op), a, b);
  if (op->nres != 1 || op->nreg) return nowhere;
  Edge all = nowhere;
  switch (op->code) {
  case OP_select:
    if (u->k) all = beyond(w, op->opd[0], a, b, u->k == 1 ? IS_FALSE : IS_TRUE);
    break;
  case OP_mulz: all = beyond(w, op->opd[!u->k], a, b, IS_ZERO); break;
  case OP_scatter_add:
    return u->k == 0 && op->u.index.masked && a < op->opd[1]->type->rank && b < op->opd[1]->type->rank
               ? beyond(w, op->opd[op->nopd - 1], a, b, IS_FALSE)
               : nowhere;
  case OP_contract:
    if (op->nopd == 1) {
      int i = axis_with(op, op->u.contract.opd[0][a]), j = axis_with(op, op->u.contract.opd[0][b]);
      return i >= 0 && j >= 0 ? wanted(w, op->res[0], i, j) : nowhere;
    }
    return nowhere;
  case OP_slice: return in_place(op, a, b) ? wanted(w, op->res[0], a, b) : nowhere;
  case OP_set_slice: return u->k == 0 || in_place(op, a, b) ? wanted(w, op->res[0], a, b) : nowhere;
  default:
    if (op_info[op->code].family != FAM_MAP) return nowhere;
  }
  return least(w, all, wanted(w, op->res[0], a, b));
}

static Edge wanted(Band *w, const Value *v, int a, int b) {
  if (--w->fuel < 0) return nowhere;
  int asked = 1 + a * MAX_RANK + b;
  /* In a circle nobody wants more than those outside of it, if it leaves the indices as they are. */
  if (w->busy[v->id]) return w->busy[v->id] == asked ? everywhere : nowhere;
  Edge t = everywhere;
  w->busy[v->id] = asked;
  for (const Use *u = w->use[v->id]; u && t.kind != EDGE_NOWHERE; u = u->next) t = most(w, t, wanted_by(w, u, a, b));
  w->busy[v->id] = 0;
  return t;
}

Edge band_unwanted(Band *w, const Value *v, int a, int b) {
  if (!w->use) {
    w->use = NEW_N(w->ctx->arena, Use *, w->f->nvalue + 1);
    w->busy = NEW_N(w->ctx->arena, int, w->f->nvalue + 1);
    note_uses(w, w->f->body);
  }
  ask(w, (BandIndex){a, NULL}, (BandIndex){b, NULL});
  Edge t = wanted(w, v, a, b);
  /* A symbol that is bound where the value is read means nothing where it is made. */
  return t.kind == EDGE_BEYOND && dim_most(w->ctx, t.t) != t.t ? nowhere : t;
}
