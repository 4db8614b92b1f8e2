/* exact.c - one function, operation after operation. */
#include "tests/support/exact/exact.h"
#include "tests/support/definitions.h"
#include <math.h>
#include <string.h>

typedef struct Run {
  Arena *arena;
  const Func *func;
  Tensor **value; /* by id */
  struct Binding { const Sym *sym; int64_t value; } *sym;
  int nsym, sym_cap;
  ExactStatus status;
  bool rounded;
  int depth; /* of calls */
} Run;

/* No program of a test needs more: beyond it one that never ends is reported as a fault. */
enum { MAX_STEPS = 1000000, MAX_DEPTH = 2000 };

Tensor *exact_tensor(Arena *a, Elem e, int rank, const int64_t *dim) {
  Tensor *t = NEW(a, Tensor);
  t->elem = e;
  t->rank = rank;
  t->count = 1;
  for (int k = 0; k < rank; k++) {
    t->dim[k] = dim[k];
    t->count *= dim[k];
  }
  if (elem_is_real(e)) t->f = NEW_N(a, long double, t->count + 1);
  else t->i = NEW_N(a, int64_t, t->count + 1);
  return t;
}

void exact_set(Tensor *t, int64_t at, long double f, int64_t i) {
  if (t->f) t->f[at] = t->elem == F32 ? (float)f : (double)f;
  else t->i[at] = t->elem == I32 ? (int32_t)(uint32_t)(uint64_t)i : t->elem == BOOL ? i != 0 : i;
}

double exact_get(const Tensor *t, int64_t at) { return t->f ? (double)t->f[at] : (double)t->i[at]; }

/* ---- dimensions ---------------------------------------------------------------------------------------------------------- */

static bool symbol(void *env, const Sym *s, int64_t *v) {
  const Run *r = env;
  for (int k = r->nsym - 1; k >= 0; k--)
    if (r->sym[k].sym == s) {
      *v = r->sym[k].value;
      return true;
    }
  return false;
}

static void bind(Run *r, const Sym *s, int64_t v) {
  PUSH(r->arena, r->sym, r->nsym, r->sym_cap) = (struct Binding){s, v};
}

static int64_t dim_of(Run *r, const Dim *d) {
  int64_t v = 0;
  if (!dim_eval(d, symbol, r, &v)) r->status = EXACT_EDIM;
  return v;
}

static Tensor *like(Run *r, const Type *t) {
  int64_t dim[MAX_RANK];
  for (int k = 0; k < t->rank; k++) {
    dim[k] = dim_of(r, t->dim[k]);
    if (dim[k] < 0) {
      r->status = EXACT_EDIM;
      dim[k] = 0;
    }
  }
  return exact_tensor(r->arena, t->elem, t->rank, dim);
}

Tensor *exact_of_type(Arena *a, const Func *f, const int64_t *sym, const Type *t) {
  Run r = {.arena = a};
  for (int k = 0; k < f->nsym; k++) bind(&r, f->sym[k], sym[k]);
  Tensor *y = like(&r, t);
  if (r.status) bug("a type of %s has no size", f->name);
  return y;
}

/* ---- positions ------------------------------------------------------------------------------------------------------------- */

static void unravel(const Tensor *t, int64_t at, int64_t *index) {
  for (int k = t->rank - 1; k >= 0; k--) {
    index[k] = at % t->dim[k];
    at /= t->dim[k];
  }
}

static int64_t ravel(const Tensor *t, const int64_t *index) {
  int64_t at = 0;
  for (int k = 0; k < t->rank; k++) at = at * t->dim[k] + index[k];
  return at;
}

static bool inside(const Tensor *t, const int64_t *index) {
  for (int k = 0; k < t->rank; k++)
    if (index[k] < 0 || index[k] >= t->dim[k]) return false;
  return true;
}

static void copy_element(Tensor *to, int64_t at, const Tensor *from, int64_t at_from) {
  if (to->f) to->f[at] = from->f[at_from];
  else to->i[at] = from->i[at_from];
}

static const Tensor *opd(const Run *r, const Op *op, int k) { return r->value[op->opd[k]->id]; }

/* ---- families ---------------------------------------------------------------------------------------------------------------- */

static void run_source(Run *r, const Op *op, Tensor *y) {
  int64_t index[MAX_RANK] = {0};
  switch (op->code) {
  case OP_const:
    if (y->f) y->f[0] = op->u.cst.f;
    else y->i[0] = op->u.cst.i;
    break;
  case OP_dense:
    for (int64_t k = 0; k < y->count; k++) {
      if (y->f) y->f[k] = ((const double *)op->u.dense.data)[k];
      else y->i[k] = ((const int64_t *)op->u.dense.data)[k];
    }
    break;
  case OP_dim: y->i[0] = dim_of(r, op->u.dim); break;
  case OP_iota:
    for (int64_t k = 0; k < y->count; k++) {
      unravel(y, k, index);
      y->i[k] = index[op->u.axis];
    }
    break;
  case OP_sym:
    y->i[0] = opd(r, op, 0)->i[0];
    bind(r, op->u.sym, y->i[0]);
    break;
  default: bug("no value of %s", op_info[op->code].name);
  }
}

static int64_t saturated(long double x, Elem e) {
  long double lo = e == I32 ? INT32_MIN : (long double)INT64_MIN, hi = e == I32 ? INT32_MAX : (long double)INT64_MAX;
  return isnan(x) ? 0 : x <= lo ? (int64_t)lo : x >= hi ? (e == I32 ? INT32_MAX : INT64_MAX) : (int64_t)x;
}

static void cast_element(const Tensor *x, Tensor *y, int64_t k) {
  if (y->f) y->f[k] = x->f ? x->f[k] : (long double)x->i[k];
  else if (y->elem == BOOL) y->i[k] = x->f ? x->f[k] != 0 : x->i[k] != 0;
  else y->i[k] = x->f ? saturated(x->f[k], y->elem) : y->elem == I32 ? (int32_t)x->i[k] : x->i[k];
}

static void run_map(Run *r, const Op *op, Tensor *y) {
  for (int64_t k = 0; k < y->count; k++) {
    long double f[3] = {0};
    int64_t i[3] = {0};
    for (int j = 0; j < op->nopd; j++) {
      const Tensor *x = opd(r, op, j);
      if (x->f) f[j] = x->f[k];
      else i[j] = x->i[k];
    }
    if (op->code == OP_select) copy_element(y, k, opd(r, op, i[0] ? 1 : 2), k);
    else if (op->code == OP_cast) cast_element(opd(r, op, 0), y, k);
    else if (op->code == OP_polygamma) y->f[k] = exact_polygamma(i[0], f[1]);
    else if (y->f) y->f[k] = exact_real(op->code, f);
    else if (opd(r, op, 0)->f) y->i[k] = exact_compare(op->code, f[0], f[1]);
    else y->i[k] = exact_int(op->code, i);
  }
}

/* Adds 1 to a position within extents; false after the last. */
static bool advance(int64_t *index, const int64_t *extent, int n) {
  for (int k = n - 1; k >= 0; k--) {
    if (++index[k] < extent[k]) return true;
    index[k] = 0;
  }
  return false;
}

static int64_t at_labels(const Tensor *t, const int8_t *label, const int64_t *index) {
  int64_t at = 0;
  for (int k = 0; k < t->rank; k++) at = at * t->dim[k] + index[label[k]];
  return at;
}

static void run_contract(Run *r, const Op *op, Tensor *y) {
  int64_t extent[MAX_LABEL], index[MAX_LABEL] = {0};
  for (int l = 0; l < MAX_LABEL; l++) extent[l] = 1;
  for (int k = 0; k < y->rank; k++) extent[op->u.contract.out[k]] = y->dim[k];
  for (int j = 0; j < op->nopd; j++)
    for (int k = 0; k < opd(r, op, j)->rank; k++) extent[op->u.contract.opd[j][k]] = opd(r, op, j)->dim[k];
  for (int l = 0; l < MAX_LABEL; l++)
    if (extent[l] == 0) return;
  do {
    int64_t at = at_labels(y, op->u.contract.out, index), i = 1;
    long double f = 1;
    for (int j = 0; j < op->nopd; j++) {
      int64_t from = at_labels(opd(r, op, j), op->u.contract.opd[j], index);
      if (y->f) f *= opd(r, op, j)->f[from];
      else i *= opd(r, op, j)->i[from];
    }
    if (y->f) y->f[at] += f;
    else y->i[at] += i;
  } while (advance(index, extent, MAX_LABEL));
}

/* The position in y of an element of x, whose reduced axes are dropped. */
static int64_t kept_position(const Op *op, const Tensor *x, const Tensor *y, const int64_t *index) {
  int64_t at = 0;
  for (int k = 0, j = 0, n = 0; k < x->rank; k++) {
    if (j < op->u.reduce.naxis && op->u.reduce.axis[j] == k) j++;
    else at = at * y->dim[n++] + index[k];
  }
  return at;
}

static long double neutral(Opcode op) { return op == OP_rmax ? -INFINITY : op == OP_rmin ? INFINITY : 1; }

static int64_t neutral_int(Opcode op, Elem e) {
  if (op == OP_rmax) return e == I32 ? INT32_MIN : INT64_MIN;
  if (op == OP_rmin) return e == I32 ? INT32_MAX : INT64_MAX;
  return op == OP_rprod || op == OP_rall;
}

static const Opcode pairwise[OP_COUNT] = {
    [OP_rmax] = OP_max, [OP_rmin] = OP_min, [OP_rprod] = OP_mul, [OP_rany] = OP_or, [OP_rall] = OP_and};

static bool better(Opcode op, const Tensor *x, int64_t a, int64_t b) {
  if (x->f) {
    if (isnan(x->f[b])) return false;
    return isnan(x->f[a]) || (op == OP_argmax ? x->f[a] > x->f[b] : x->f[a] < x->f[b]);
  }
  return op == OP_argmax ? x->i[a] > x->i[b] : x->i[a] < x->i[b];
}

static void run_arg(Run *r, const Op *op, Tensor *y) {
  const Tensor *x = opd(r, op, 0);
  int64_t index[MAX_RANK], best[MAX_RANK];
  for (int64_t k = 0; k < x->count; k++) {
    unravel(x, k, index);
    int64_t at = kept_position(op, x, y, index);
    memcpy(best, index, sizeof best);
    best[op->u.reduce.axis[0]] = y->i[at];
    if (better(op->code, x, k, ravel(x, best))) y->i[at] = index[op->u.reduce.axis[0]];
  }
}

static void run_reduce(Run *r, const Op *op, Tensor *y) {
  const Tensor *x = opd(r, op, 0);
  int64_t index[MAX_RANK];
  if (op->code == OP_argmax || op->code == OP_argmin) {
    run_arg(r, op, y);
    return;
  }
  for (int64_t k = 0; k < y->count; k++) {
    if (y->f) y->f[k] = neutral(op->code);
    else y->i[k] = neutral_int(op->code, y->elem);
  }
  for (int64_t k = 0; k < x->count; k++) {
    unravel(x, k, index);
    int64_t at = kept_position(op, x, y, index);
    if (y->f) y->f[at] = exact_real(pairwise[op->code], (const long double[]){y->f[at], x->f[k]});
    else y->i[at] = exact_int(pairwise[op->code], (const int64_t[]){y->i[at], x->i[k]});
  }
}

static void run_linrec(Run *r, const Op *op, Tensor *y) {
  const Tensor *a = opd(r, op, 0), *x = opd(r, op, 1);
  int axis = op->u.scan.axis, step = op->u.scan.reverse ? -1 : 1;
  int64_t index[MAX_RANK];
  for (int64_t n = 0; n < y->count; n++) {
    int64_t k = op->u.scan.reverse ? y->count - 1 - n : n;
    unravel(y, k, index);
    index[axis] -= step;
    bool first = index[axis] < 0 || index[axis] >= y->dim[axis];
    if (y->f) y->f[k] = x->f[k] + (first ? 0 : a->f[k] * y->f[ravel(y, index)]);
    else y->i[k] = x->i[k] + (first ? 0 : a->i[k] * y->i[ravel(y, index)]);
  }
}

int64_t exact_philox(const int64_t *x, int first_word) {
  return def_philox_pair((uint64_t)x[0], (uint64_t)x[1], (uint64_t)x[2], first_word);
}

static void run_scan(Run *r, const Op *op, Tensor *y) {
  if (op->code == OP_linrec) {
    run_linrec(r, op, y);
    return;
  }
  const Tensor *x = opd(r, op, 0);
  int axis = op->u.scan.axis;
  int64_t index[MAX_RANK], n = y->dim[axis];
  long double *row = NEW_N(r->arena, long double, n + 1);
  for (int64_t k = 0; k < y->count; k++) {
    unravel(y, k, index);
    int64_t own = index[axis];
    for (int64_t i = 0; i < n; i++) {
      index[axis] = i;
      row[i] = x->f ? x->f[ravel(x, index)] : (long double)x->i[ravel(x, index)];
    }
    index[axis] = def_rank(row, n, own);
    y->i[ravel(y, index)] = own;
  }
}

/* Factors (lu, lucp, lujet) stay zero: what is computed with them is computed from the matrix itself. */
static void run_matrix(Run *r, const Op *op, Tensor *y) {
  const Tensor *x = opd(r, op, 0), *last = opd(r, op, op->nopd - 1);
  int64_t n = x->dim[x->rank - 1], rows = last->dim[last->rank - 2], m = last->dim[last->rank - 1], batch = 1;
  bool factors = op->code == OP_lu || op->code == OP_lucp || op->code == OP_lujet, along = op->code == OP_cofactor_dir;
  if (n > DEF_MOST || m > DEF_MOST || rows > DEF_MOST) bug("a matrix of more than %d rows", DEF_MOST);
  for (int i = 0; i < x->rank - 2; i++) batch *= x->dim[i];
  int64_t count = batch ? y->count / batch : 0, cols = y->rank == x->rank ? y->dim[y->rank - 1] : 1;
  for (int64_t k = 0; k < batch && !factors; k++) {
    DefMatrix a = {{{0}}}, b = {{{0}}};
    for (int64_t i = 0; i < n * n; i++) a.at[i / n][i % n] = x->f[k * n * n + i];
    for (int64_t i = 0; i < rows * m; i++) b.at[i / m][i % m] = last->f[k * rows * m + i];
    DefMatrix out = def_matrix((int)op->code, &a, (int)n, &b, (int)(along ? rows : m), op->u.matrix.upper, op->u.matrix.trans);
    for (int64_t i = 0; i < count; i++) y->f[k * count + i] = out.at[i / cols][i % cols];
  }
}

static void window(Run *r, const Op *op, int rank, const int64_t *index, int64_t *to) {
  for (int k = 0; k < rank; k++) to[k] = dim_of(r, op->u.slice.start[k]) + index[k] * op->u.slice.stride[k];
}

static int64_t window_position(Run *r, const Op *op, const Tensor *big, const Tensor *small, int64_t k) {
  int64_t index[MAX_RANK], to[MAX_RANK];
  unravel(small, k, index);
  window(r, op, small->rank, index, to);
  if (inside(big, to)) return ravel(big, to);
  r->status = EXACT_EINDEX;
  return 0;
}

/* y's window becomes v. */
static void store_window(Run *r, const Op *op, Tensor *y, const Tensor *v) {
  for (int64_t k = 0; k < v->count && !r->status; k++) {
    int64_t to = window_position(r, op, y, v, k);
    if (!r->status) copy_element(y, to, v, k);
  }
}

static void run_concat(Run *r, const Op *op, Tensor *y) {
  int64_t index[MAX_RANK], before = 0;
  for (int j = 0; j < op->nopd; j++) {
    const Tensor *x = opd(r, op, j);
    for (int64_t k = 0; k < x->count; k++) {
      unravel(x, k, index);
      index[op->u.axis] += before;
      copy_element(y, ravel(y, index), x, k);
    }
    before += x->dim[op->u.axis];
  }
}

static void run_view(Run *r, const Op *op, Tensor *y) {
  const Tensor *x = opd(r, op, 0);
  switch (op->code) {
  case OP_reshape:
    if (x->count != y->count) r->status = EXACT_EDIM;
    for (int64_t k = 0; k < y->count && k < x->count; k++) copy_element(y, k, x, k);
    break;
  case OP_slice:
    for (int64_t k = 0; k < y->count && !r->status; k++) {
      int64_t from = window_position(r, op, x, y, k);
      if (!r->status) copy_element(y, k, x, from);
    }
    break;
  case OP_set_slice:
    for (int64_t k = 0; k < y->count; k++) copy_element(y, k, x, k);
    store_window(r, op, y, opd(r, op, 1));
    break;
  case OP_embed: store_window(r, op, y, x); break;
  default: run_concat(r, op, y);
  }
}

/* Where element k of the gathered tensor u lies in the whole tensor x; -1 where the mask is false. */
static int64_t indexed_position(Run *r, const Op *op, const Tensor *x, const Tensor *u, int64_t k, int first) {
  int naxis = op->u.index.naxis, nb = u->rank - (x->rank - naxis);
  int64_t index[MAX_RANK], to[MAX_RANK], at = 0;
  unravel(u, k, index);
  for (int b = 0; b < nb; b++) at = at * u->dim[b] + index[b];
  if (op->u.index.masked && !opd(r, op, op->nopd - 1)->i[at]) return -1;
  for (int a = 0, j = 0, rest = nb; a < x->rank; a++) {
    if (j < naxis && op->u.index.axis[j] == a) to[a] = opd(r, op, first + j++)->i[at];
    else to[a] = index[rest++];
  }
  if (inside(x, to)) return ravel(x, to);
  r->status = EXACT_EINDEX;
  return -1;
}

static void run_index(Run *r, const Op *op, Tensor *y) {
  const Tensor *x = opd(r, op, 0);
  if (op->code == OP_gather) {
    for (int64_t k = 0; k < y->count; k++) {
      int64_t from = indexed_position(r, op, x, y, k, 1);
      if (from >= 0) copy_element(y, k, x, from);
    }
    return;
  }
  bool onto = op->code != OP_scatter_add;
  for (int64_t k = 0; onto && k < y->count; k++) copy_element(y, k, x, k);
  const Tensor *u = onto ? opd(r, op, 1) : x;
  for (int64_t k = 0; k < u->count; k++) {
    int64_t to = indexed_position(r, op, y, u, k, onto ? 2 : 1);
    if (to < 0) continue;
    if (op->code == OP_set) copy_element(y, to, u, k);
    else if (y->f) y->f[to] += u->f[k];
    else y->i[to] += u->i[k];
  }
}

static void run_effect(Run *r, const Op *op) {
  bool ok = true;
  ExactStatus fault = EXACT_EDIM;
  switch (op->code) {
  case OP_check_dim_eq: ok = dim_of(r, op->u.check.a) == dim_of(r, op->u.check.b); break;
  case OP_check_dim_le: ok = dim_of(r, op->u.check.a) <= dim_of(r, op->u.check.b); break;
  case OP_assert:
  case OP_check_finite:
    fault = op->code == OP_assert ? EXACT_EASSERT : EXACT_ENAN;
    for (int64_t k = 0; k < opd(r, op, 0)->count; k++) ok = ok && opd(r, op, 0)->i[k];
    break;
  default:
    fault = EXACT_EINDEX;
    for (int64_t k = 0, limit = dim_of(r, op->u.check.a); k < opd(r, op, 0)->count; k++) {
      if (op->nopd > 1 && !opd(r, op, 1)->i[k]) continue;
      ok = ok && opd(r, op, 0)->i[k] >= 0 && opd(r, op, 0)->i[k] < limit;
    }
  }
  if (!ok) r->status = fault;
}

static ExactStatus run_func(Run *r, const int64_t *sym, Tensor *const *in, Tensor **out);

static void run_call(Run *r, const Op *op) {
  if (r->depth >= MAX_DEPTH) bug("calls deeper than %d", MAX_DEPTH);
  const Func *f = op->u.call.callee;
  int64_t *sym = NEW_N(r->arena, int64_t, f->nsym);
  Tensor **in = NEW_N(r->arena, Tensor *, op->nopd), **out = NEW_N(r->arena, Tensor *, op->nres);
  for (int k = 0; k < f->nsym; k++)
    for (int j = 0; j < op->u.call.nsubst; j++)
      if (op->u.call.subst[j].from == f->sym[k]) sym[k] = dim_of(r, op->u.call.subst[j].to);
  for (int k = 0; k < op->nopd; k++) in[k] = r->value[op->opd[k]->id];
  Run callee = {.arena = r->arena, .func = f, .rounded = r->rounded, .depth = r->depth + 1};
  r->status = run_func(&callee, sym, in, out);
  for (int k = 0; k < op->nres; k++) r->value[op->res[k]->id] = out[k];
}

/* ---- control flow ------------------------------------------------------------------------------------------------------------ */

static void run_op(Run *r, const Op *op);

/* Sets the last parameters of g, runs it, and takes what it yields.  Symbols that it binds end with it. */
static void run_region(Run *r, const Region *g, int skip, Tensor **carried, Tensor **out) {
  int mark = r->nsym;
  for (int k = skip; k < g->nparam; k++) r->value[g->param[k]->id] = carried[k - skip];
  for (const Op *op = g->first; op && !r->status; op = op->next) run_op(r, op);
  for (int k = 0; k < g->nres && !r->status; k++) out[k] = r->value[g->res[k]->id];
  r->nsym = mark;
}

static void run_for(Run *r, const Op *op, Tensor **v) {
  int64_t hi = opd(r, op, 1)->i[0], step = opd(r, op, 2)->i[0], steps = 0;
  if (!step) bug("a loop with step 0");
  for (int64_t i = opd(r, op, 0)->i[0]; (step > 0 ? i < hi : i > hi) && !r->status; i += step) {
    Tensor *index = exact_tensor(r->arena, I64, 0, NULL);
    index->i[0] = i;
    r->value[op->reg[0]->param[0]->id] = index;
    if (++steps > MAX_STEPS) bug("a loop without end");
    run_region(r, op->reg[0], 1, v, v);
  }
}

static void run_while(Run *r, const Op *op, Tensor **v) {
  for (int steps = 0; !r->status; steps++) {
    Tensor *more = NULL;
    run_region(r, op->reg[0], 0, v, &more);
    if (r->status || !more->i[0]) return;
    if (steps > MAX_STEPS) bug("a loop without end");
    run_region(r, op->reg[1], 0, v, v);
  }
}

static void run_regions(Run *r, const Op *op) {
  Tensor **v = NEW_N(r->arena, Tensor *, op->nres + 1);
  for (int k = 0; op->code != OP_if && k < op->nres; k++) v[k] = r->value[op->opd[loop_ninit(op) + k]->id];
  if (op->code == OP_if) run_region(r, op->reg[opd(r, op, 0)->i[0] ? 0 : 1], 0, NULL, v);
  else if (op->code == OP_for) run_for(r, op, v);
  else run_while(r, op, v);
  for (int k = 0; k < op->nres; k++) r->value[op->res[k]->id] = v[k];
}

static void run_op(Run *r, const Op *op) {
  typedef void (*FamilyFn)(Run *, const Op *, Tensor *);
  static const FamilyFn run[FAM_COUNT] = {[FAM_SOURCE] = run_source, [FAM_MAP] = run_map,     [FAM_CONTRACT] = run_contract,
                                          [FAM_REDUCE] = run_reduce, [FAM_SCAN] = run_scan, [FAM_VIEW] = run_view,
                                          [FAM_INDEX] = run_index,   [FAM_MATRIX] = run_matrix};
  Family family = op_info[op->code].family;
  if (family == FAM_EFFECT) run_effect(r, op);
  else if (family == FAM_CALL) run_call(r, op);
  else if (family == FAM_REGION) run_regions(r, op);
  else if (!run[family]) bug("no value of %s", op_info[op->code].name);
  else {
    Tensor *y = like(r, op->res[0]->type);
    r->value[op->res[0]->id] = y;
    if (!r->status) run[family](r, op, y);
    for (int64_t k = 0; r->rounded && k < y->count; k++) exact_set(y, k, y->f ? y->f[k] : 0, y->i ? y->i[k] : 0);
  }
}

static ExactStatus run_func(Run *r, const int64_t *sym, Tensor *const *in, Tensor **out) {
  const Func *f = r->func;
  r->value = NEW_N(r->arena, Tensor *, f->nvalue);
  for (int k = 0; k < f->nsym; k++) bind(r, f->sym[k], sym[k]);
  for (int k = 0; k < f->body->nparam; k++) r->value[f->body->param[k]->id] = in[k];
  for (const Op *op = f->body->first; op && !r->status; op = op->next) run_op(r, op);
  for (int k = 0; k < f->body->nres; k++) out[k] = r->value[f->body->res[k]->id];
  return r->status;
}

ExactStatus exact_run(Arena *a, const Func *f, const int64_t *sym, Tensor *const *in, Tensor **out) {
  return run_func(&(Run){.arena = a, .func = f}, sym, in, out);
}

ExactStatus exact_run_rounded(Arena *a, const Func *f, const int64_t *sym, Tensor *const *in, Tensor **out) {
  return run_func(&(Run){.arena = a, .func = f, .rounded = true}, sym, in, out);
}
