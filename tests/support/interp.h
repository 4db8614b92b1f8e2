/* interp.h - a plain interpreter of the IR: every value a whole tensor, every operation by its definition in ops.def.
 * Slow and simple; what compiled code is compared with.  A header, since every file beside it is a program. */
#ifndef ADC_TESTS_INTERP_H
#define ADC_TESTS_INTERP_H
#include "ir/ir.h"
#include "tests/support/definitions.h"
#include <math.h>
#include <string.h>

/* Elements in row-major order: f for real types (f32 rounded), i for the others. */
typedef struct Tensor {
  Type *type;
  int rank;
  int64_t dim[MAX_RANK];
  int64_t count;
  double *f;
  int64_t *i;
} Tensor;

typedef struct Interp {
  Ctx *c;
  Func *f;
  int64_t *sym;     /* by Sym.id */
  Tensor *value;    /* by Value.id */
  const Op *failed; /* the check that failed, or NULL */
  int depth;        /* of calls */
} Interp;

/* No program of a test needs more: beyond it one that never ends is reported as a fault. */
enum { INTERP_STEPS = 1000000, INTERP_DEPTH = 2000 };

static bool interp_sym(void *env, const Sym *s, int64_t *v) {
  *v = ((Interp *)env)->sym[s->id];
  return true;
}

static int64_t interp_dim(Interp *in, const Dim *d) {
  int64_t v;
  if (!dim_eval(d, interp_sym, in, &v)) bug("a dimension has no value");
  return v;
}

/* Of zeros, at the symbols' values. */
static Tensor interp_tensor(Interp *in, Type *t) {
  Tensor r = {.type = t, .rank = t->rank, .count = 1};
  for (int i = 0; i < t->rank; i++) r.count *= r.dim[i] = interp_dim(in, t->dim[i]);
  if (elem_is_real(t->elem))
    r.f = NEW_N(in->c->arena, double, r.count + 1);
  else
    r.i = NEW_N(in->c->arena, int64_t, r.count + 1);
  return r;
}

static void tensor_put(Tensor *t, int64_t k, double f, int64_t i) {
  if (t->f)
    t->f[k] = t->type->elem == F32 ? (float)f : f;
  else
    t->i[k] = t->type->elem == I32 ? (int32_t)(uint32_t)(uint64_t)i : t->type->elem == BOOL ? i != 0 : i;
}

static int64_t tensor_at(const Tensor *t, const int64_t *idx) {
  int64_t k = 0;
  for (int i = 0; i < t->rank; i++) k = k * t->dim[i] + idx[i];
  return k;
}

/* The next index tuple; false after the last. */
static bool index_next(int n, const int64_t *dim, int64_t *idx) {
  for (int i = n; i-- > 0; idx[i] = 0)
    if (++idx[i] < dim[i]) return true;
  return false;
}

static void copy_elem(Tensor *to, int64_t a, const Tensor *from, int64_t b) {
  tensor_put(to, a, from->f ? from->f[b] : 0, from->i ? from->i[b] : 0);
}

/* ---- map
 * -------------------------------------------------------------------------------------------------------------------
 */

static double interp_digamma(double x) {
  double s = 0;
  for (; x < 20; x += 1) s -= 1 / x;
  double r = 1 / (x * x);
  return s + log(x) - 0.5 / x - r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r / 240)));
}

static double real_max(double a, double b) { return isnan(a) || isnan(b) ? NAN : a > b ? a : b; }
static double real_min(double a, double b) { return isnan(a) || isnan(b) ? NAN : a < b ? a : b; }

static double map_real(Opcode code, const double *x, int64_t n) {
  switch (code) {
  case OP_neg: return -x[0];
  case OP_abs: return fabs(x[0]);
  case OP_sign: return isnan(x[0]) ? x[0] : (x[0] > 0) - (x[0] < 0);
  case OP_floor: return floor(x[0]);
  case OP_ceil: return ceil(x[0]);
  case OP_round: return nearbyint(x[0]);
  case OP_trunc: return trunc(x[0]);
  case OP_sqrt: return sqrt(x[0]);
  case OP_rsqrt: return 1 / sqrt(x[0]);
  case OP_cbrt: return cbrt(x[0]);
  case OP_exp: return exp(x[0]);
  case OP_exp2: return exp2(x[0]);
  case OP_expm1: return expm1(x[0]);
  case OP_log: return log(x[0]);
  case OP_log2: return log2(x[0]);
  case OP_log10: return log10(x[0]);
  case OP_log1p: return log1p(x[0]);
  case OP_sin: return sin(x[0]);
  case OP_cos: return cos(x[0]);
  case OP_tan: return tan(x[0]);
  case OP_asin: return asin(x[0]);
  case OP_acos: return acos(x[0]);
  case OP_atan: return atan(x[0]);
  case OP_sinh: return sinh(x[0]);
  case OP_cosh: return cosh(x[0]);
  case OP_tanh: return tanh(x[0]);
  case OP_asinh: return asinh(x[0]);
  case OP_acosh: return acosh(x[0]);
  case OP_atanh: return atanh(x[0]);
  case OP_sigmoid: return 1 / (1 + exp(-x[0]));
  case OP_softplus: return x[0] > 30 ? x[0] : log1p(exp(x[0]));
  case OP_relu: return isnan(x[0]) ? x[0] : x[0] > 0 ? x[0] : 0;
  case OP_erf: return erf(x[0]);
  case OP_erfc: return erfc(x[0]);
  case OP_lgamma: return lgamma(x[0]);
  case OP_digamma: return interp_digamma(x[0]);
  case OP_polygamma: {
    double s = 0, h = 1e-3;
    if (n == 0) return interp_digamma(x[0]);
    /* a slow sum of (-1)^(n+1) n! / (x + k)^(n + 1), its tail by the midpoint rule */
    int64_t k = 0;
    for (; k < 20000; k++) s += pow(x[0] + (double)k, -(double)(n + 1));
    s += pow(x[0] + (double)k - 0.5, -(double)n) / (double)n;
    (void)h;
    for (int64_t j = 2; j <= n; j++) s *= (double)j;
    return n & 1 ? s : -s;
  }
  case OP_stop_gradient: return x[0];
  case OP_add: return x[0] + x[1];
  case OP_sub: return x[0] - x[1];
  case OP_mul: return x[0] * x[1];
  case OP_mulz: return x[0] == 0 || x[1] == 0 ? 0 : x[0] * x[1];
  case OP_div: return x[0] / x[1];
  case OP_floordiv: return floor(x[0] / x[1]);
  case OP_mod: return x[0] - x[1] * floor(x[0] / x[1]);
  case OP_pow: return pow(x[0], x[1]);
  case OP_atan2: return atan2(x[0], x[1]);
  case OP_hypot: return hypot(x[0], x[1]);
  case OP_max: return real_max(x[0], x[1]);
  case OP_min: return real_min(x[0], x[1]);
  case OP_clamp: return isnan(x[0]) ? x[0] : real_min(real_max(x[0], x[1]), x[2]);
  default: bug("interpreter: %s of reals", op_info[code].name);
  }
}

static int64_t int_floordiv(int64_t a, int64_t b) {
  if (b == 0) return 0;
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t map_int(Opcode code, const int64_t *x) {
  int64_t r = 1;
  switch (code) {
  case OP_neg: return (int64_t)-(uint64_t)x[0];
  case OP_abs: return x[0] < 0 ? -x[0] : x[0];
  case OP_sign: return (x[0] > 0) - (x[0] < 0);
  case OP_add: return (int64_t)((uint64_t)x[0] + (uint64_t)x[1]);
  case OP_sub: return (int64_t)((uint64_t)x[0] - (uint64_t)x[1]);
  case OP_mul: return (int64_t)((uint64_t)x[0] * (uint64_t)x[1]);
  case OP_floordiv: return int_floordiv(x[0], x[1]);
  case OP_mod: return x[1] ? x[0] - x[1] * int_floordiv(x[0], x[1]) : 0;
  case OP_ipow:
    for (int64_t k = 0; k < x[1]; k++) r *= x[0];
    return r;
  case OP_max: return x[0] > x[1] ? x[0] : x[1];
  case OP_min: return x[0] < x[1] ? x[0] : x[1];
  case OP_philox:
  case OP_philox_high:
    return def_philox_pair((uint64_t)x[0], (uint64_t)x[1], (uint64_t)x[2], code == OP_philox ? 0 : 2);
  case OP_clamp: r = x[0] > x[1] ? x[0] : x[1]; return r < x[2] ? r : x[2];
  case OP_and: return x[0] && x[1];
  case OP_or: return x[0] || x[1];
  case OP_not: return !x[0];
  default: bug("interpreter: %s of ints", op_info[code].name);
  }
}

static bool map_compare(Opcode code, double a, double b, int64_t i, int64_t j, bool real) {
  switch (code) {
  case OP_eq: return real ? a == b : i == j;
  case OP_ne: return real ? a != b : i != j;
  case OP_lt: return real ? a < b : i < j;
  case OP_le: return real ? a <= b : i <= j;
  case OP_gt: return real ? a > b : i > j;
  default: return real ? a >= b : i >= j;
  }
}

static int64_t to_int_saturating(double v, Elem e) {
  double lo = e == I32 ? (double)INT32_MIN : -9223372036854775808.0,
         hi = e == I32 ? (double)INT32_MAX : 9223372036854775807.0;
  if (isnan(v)) return 0;
  if (v <= lo) return e == I32 ? INT32_MIN : INT64_MIN;
  return v >= hi ? (e == I32 ? INT32_MAX : INT64_MAX) : (int64_t)v;
}

static void interp_map(const Op *op, Tensor *y, Tensor *const *x) {
  bool real = x[op->nopd - 1]->f != NULL;
  for (int64_t k = 0; k < y->count; k++) {
    double f[3] = {0, 0, 0};
    int64_t i[3] = {0, 0, 0};
    for (int o = 0; o < op->nopd; o++) {
      if (x[o]->f)
        f[o] = x[o]->f[k];
      else
        i[o] = x[o]->i[k];
    }
    switch (op_info[op->code].sig) {
    case SIG_COMPARE: tensor_put(y, k, 0, map_compare(op->code, f[0], f[1], i[0], i[1], real)); break;
    case SIG_SELECT: tensor_put(y, k, f[i[0] ? 1 : 2], i[i[0] ? 1 : 2]); break;
    case SIG_CAST:
      tensor_put(y, k, real ? f[0] : (double)i[0],
                 !real                   ? i[0]
                 : y->type->elem == BOOL ? f[0] != 0
                                         : to_int_saturating(f[0], y->type->elem));
      break;
    case SIG_POLY: tensor_put(y, k, map_real(op->code, f + 1, i[0]), 0); break;
    default: tensor_put(y, k, real ? map_real(op->code, f, 0) : 0, real ? 0 : map_int(op->code, i));
    }
  }
}

/* ---- contract, reduce, scan
 * ------------------------------------------------------------------------------------------------ */

static void interp_contract(const Op *op, Tensor *y, Tensor *const *x) {
  int64_t extent[MAX_LABEL], idx[MAX_LABEL] = {0}, total = 1;
  for (int l = 0; l < MAX_LABEL; l++) extent[l] = 1;
  for (int i = 0; i < y->rank; i++) extent[op->u.contract.out[i]] = y->dim[i];
  for (int o = 0; o < op->nopd; o++)
    for (int i = 0; i < x[o]->rank; i++) extent[op->u.contract.opd[o][i]] = x[o]->dim[i];
  for (int l = 0; l < MAX_LABEL; l++) total *= extent[l];
  if (!total) return;
  do {
    double f = 1;
    int64_t i = 1, at[MAX_RANK];
    for (int o = 0; o < op->nopd; o++) {
      for (int a = 0; a < x[o]->rank; a++) at[a] = idx[op->u.contract.opd[o][a]];
      int64_t k = tensor_at(x[o], at);
      if (y->f)
        f *= x[o]->f[k];
      else
        i *= x[o]->i[k];
    }
    for (int a = 0; a < y->rank; a++) at[a] = idx[op->u.contract.out[a]];
    int64_t k = tensor_at(y, at);
    if (y->f)
      y->f[k] += f;
    else if (y->type->elem == BOOL)
      y->i[k] |= i;
    else
      y->i[k] += i;
  } while (index_next(MAX_LABEL, extent, idx));
  for (int64_t k = 0; k < y->count; k++) copy_elem(y, k, y, k);
}

static bool first_better(Opcode code, const Tensor *x, int64_t a, int64_t best) {
  bool max = code == OP_argmax;
  if (x->i) return max ? x->i[a] > x->i[best] : x->i[a] < x->i[best];
  if (isnan(x->f[best])) return false;
  return isnan(x->f[a]) || (max ? x->f[a] > x->f[best] : x->f[a] < x->f[best]);
}

static void interp_reduce(const Op *op, Tensor *y, const Tensor *x) {
  int64_t idx[MAX_RANK] = {0}, least = y->type->elem == I32 ? INT32_MIN : INT64_MIN,
          most = y->type->elem == I32 ? INT32_MAX : INT64_MAX;
  bool arg = op->code == OP_argmax || op->code == OP_argmin, one = op->code == OP_rprod || op->code == OP_rall;
  for (int64_t k = 0; k < y->count && !arg; k++) {
    if (op->code == OP_rmax)
      tensor_put(y, k, -INFINITY, least);
    else if (op->code == OP_rmin)
      tensor_put(y, k, INFINITY, most);
    else
      tensor_put(y, k, one, one);
  }
  if (!x->count) return;
  do {
    int64_t at[MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->rank; i++) {
      bool dropped = false;
      for (int j = 0; j < op->u.reduce.naxis; j++) dropped |= op->u.reduce.axis[j] == i;
      if (!dropped) at[n++] = idx[i];
    }
    int64_t k = tensor_at(y, at), from = tensor_at(x, idx);
    if (arg) {
      int axis = op->u.reduce.axis[0];
      int64_t keep = idx[axis];
      idx[axis] = y->i[k];
      int64_t best = tensor_at(x, idx);
      idx[axis] = keep;
      if (first_better(op->code, x, from, best)) y->i[k] = keep;
      continue;
    }
    double f = x->f ? x->f[from] : 0, g = y->f ? y->f[k] : 0;
    int64_t i = x->i ? x->i[from] : 0, j = y->i ? y->i[k] : 0;
    switch (op->code) {
    case OP_rmax: tensor_put(y, k, real_max(g, f), i > j ? i : j); break;
    case OP_rmin: tensor_put(y, k, real_min(g, f), i < j ? i : j); break;
    case OP_rprod: tensor_put(y, k, g * f, i * j); break;
    case OP_rany: tensor_put(y, k, 0, i | j); break;
    default: tensor_put(y, k, 0, i & j);
    }
  } while (index_next(x->rank, x->dim, idx));
}

static void interp_linrec(const Op *op, Tensor *y, const Tensor *a, const Tensor *x) {
  int64_t stride = 1, n = y->dim[op->u.scan.axis];
  for (int i = op->u.scan.axis + 1; i < y->rank; i++) stride *= y->dim[i];
  for (int64_t k = 0; k < y->count; k++) {
    int64_t from = op->u.scan.reverse ? y->count - 1 - k : k, i = from / stride % n;
    bool first = op->u.scan.reverse ? i == n - 1 : i == 0;
    int64_t before = op->u.scan.reverse ? from + stride : from - stride;
    if (y->f)
      tensor_put(y, from, a->f[from] * (first ? 0 : y->f[before]) + x->f[from], 0);
    else
      tensor_put(y, from, 0, a->i[from] * (first ? 0 : y->i[before]) + x->i[from]);
  }
}

static void interp_scan(Interp *in, const Op *op, Tensor *y, Tensor *const *x) {
  if (op->code == OP_linrec) {
    interp_linrec(op, y, x[0], x[1]);
    return;
  }
  int64_t stride = 1, n = y->dim[op->u.scan.axis];
  long double *row = NEW_N(in->c->arena, long double, n + 1);
  for (int i = op->u.scan.axis + 1; i < y->rank; i++) stride *= y->dim[i];
  for (int64_t k = 0; k < y->count; k++) {
    if (k / stride % n) continue;
    for (int64_t i = 0; i < n; i++) row[i] = x[0]->f ? x[0]->f[k + i * stride] : (long double)x[0]->i[k + i * stride];
    for (int64_t i = 0; i < n; i++) y->i[k + def_rank(row, n, i) * stride] = i;
  }
}

/* Factors (lu, lucp, lujet) stay zero: what is computed with them is computed from the matrix itself. */
static void interp_matrix(const Op *op, Tensor *y, Tensor *const *x) {
  int rank = x[0]->rank;
  const Tensor *last = x[op->nopd - 1];
  int64_t n = x[0]->dim[rank - 1], rows = last->dim[rank - 2], m = last->dim[rank - 1], batch = 1;
  bool factors = op->code == OP_lu || op->code == OP_lucp || op->code == OP_lujet, along = op->code == OP_cofactor_dir;
  if (n > DEF_MOST || m > DEF_MOST || rows > DEF_MOST) bug("interpreter: a matrix of more than %d rows", DEF_MOST);
  for (int i = 0; i < rank - 2; i++) batch *= x[0]->dim[i];
  for (int64_t k = 0; k < batch && !factors; k++) {
    DefMatrix a = {{{0}}}, b = {{{0}}};
    for (int64_t i = 0; i < n * n; i++) a.at[i / n][i % n] = x[0]->f[k * n * n + i];
    for (int64_t i = 0; i < rows * m; i++) b.at[i / m][i % m] = last->f[k * rows * m + i];
    DefMatrix r = def_matrix((int)op->code, &a, (int)n, &b, (int)(along ? rows : m), op->u.matrix.upper, op->u.matrix.trans);
    int64_t lines = y->rank == rank ? y->dim[rank - 2] : 1, cols = y->rank == rank ? y->dim[rank - 1] : 1;
    for (int64_t i = 0; i < lines * cols; i++) tensor_put(y, k * lines * cols + i, (double)r.at[i / cols][i % cols], 0);
  }
}

/* ---- views, indices
 * ---------------------------------------------------------------------------------------------------------- */

static void interp_slice(Interp *in, const Op *op, Tensor *y, Tensor *const *x) {
  const Tensor *small = op->code == OP_slice ? y : op->code == OP_embed ? x[0] : x[1];
  if (op->code == OP_set_slice)
    for (int64_t k = 0; k < y->count; k++) copy_elem(y, k, x[0], k);
  int64_t idx[MAX_RANK] = {0}, at[MAX_RANK];
  if (!small->count) return;
  do {
    for (int i = 0; i < small->rank; i++) at[i] = interp_dim(in, op->u.slice.start[i]) + idx[i] * op->u.slice.stride[i];
    if (op->code == OP_slice)
      copy_elem(y, tensor_at(y, idx), x[0], tensor_at(x[0], at));
    else
      copy_elem(y, tensor_at(y, at), small, tensor_at(small, idx));
  } while (index_next(small->rank, small->dim, idx));
}

static void interp_concat(const Op *op, Tensor *y, Tensor *const *x) {
  int64_t from = 0;
  for (int o = 0; o < op->nopd; o++) {
    int64_t idx[MAX_RANK] = {0}, at[MAX_RANK];
    if (x[o]->count) do {
        memcpy(at, idx, sizeof at);
        at[op->u.axis] += from;
        copy_elem(y, tensor_at(y, at), x[o], tensor_at(x[o], idx));
      } while (index_next(x[o]->rank, x[o]->dim, idx));
    from += x[o]->dim[op->u.axis];
  }
}

/* gather, scatter_add, scatter_acc, set: elements of `small` against their places in `big`. */
static void interp_index(const Op *op, Tensor *y, Tensor *const *x) {
  bool onto = op->code == OP_set || op->code == OP_scatter_acc;
  Tensor *const *idx = x + (onto ? 2 : 1);
  const Tensor *small = op->code == OP_gather ? y : onto ? x[1] : x[0], *big = op->code == OP_gather ? x[0] : y;
  int nb = idx[0]->rank;
  int64_t at[MAX_RANK], place[MAX_RANK];
  memset(at, 0, sizeof at);
  for (int64_t k = 0; onto && k < y->count; k++) copy_elem(y, k, x[0], k);
  if (!small->count) return;
  do {
    int64_t b = tensor_at(idx[0], at), s = tensor_at(small, at);
    if (op->u.index.masked && !x[op->nopd - 1]->i[b]) continue;
    for (int i = 0, k = 0, r = nb; i < big->rank; i++)
      place[i] = k < op->u.index.naxis && op->u.index.axis[k] == i ? idx[k++]->i[b] : at[r++];
    int64_t p = tensor_at(big, place);
    if (op->code == OP_gather)
      copy_elem(y, s, big, p);
    else if (op->code == OP_set)
      copy_elem(y, p, small, s);
    else
      tensor_put(y, p, y->f ? y->f[p] + small->f[s] : 0, y->i ? y->i[p] + small->i[s] : 0);
  } while (index_next(small->rank, small->dim, at));
}

/* ---- everything
 * ---------------------------------------------------------------------------------------------------------------- */

static bool interp_effect(Interp *in, const Op *op, Tensor *const *x) {
  bool ok = true;
  switch (op->code) {
  case OP_check_dim_eq: return interp_dim(in, op->u.check.a) == interp_dim(in, op->u.check.b);
  case OP_check_dim_le: return interp_dim(in, op->u.check.a) <= interp_dim(in, op->u.check.b);
  case OP_check_index:
    for (int64_t k = 0; k < x[0]->count; k++)
      ok &= (op->nopd > 1 && !x[1]->i[k]) || (x[0]->i[k] >= 0 && x[0]->i[k] < interp_dim(in, op->u.check.a));
    return ok;
  default:
    for (int64_t k = 0; k < x[0]->count; k++) ok &= x[0]->i[k] != 0;
    return ok;
  }
}

static void interp_source(Interp *in, const Op *op, Tensor *y, Tensor *const *x) {
  for (int64_t k = 0; k < y->count; k++) {
    int64_t stride = 1;
    switch (op->code) {
    case OP_const: tensor_put(y, k, op->u.cst.f, op->u.cst.i); break;
    case OP_dim: tensor_put(y, k, 0, interp_dim(in, op->u.dim)); break;
    case OP_dense:
      if (y->f)
        tensor_put(y, k, ((const double *)op->u.dense.data)[k], 0);
      else
        tensor_put(y, k, 0, ((const int64_t *)op->u.dense.data)[k]);
      break;
    case OP_iota:
      for (int i = op->u.axis + 1; i < y->rank; i++) stride *= y->dim[i];
      tensor_put(y, k, 0, k / stride % y->dim[op->u.axis]);
      break;
    default: copy_elem(y, k, x[0], k), in->sym[op->u.sym->id] = x[0]->i[0];
    }
  }
}

/* ---- control flow
 * ---------------------------------------------------------------------------------------------------------- */

static bool interp_region(Interp *in, const Region *r);

/* Values as they are now: a later iteration writes other memory. */
static void interp_take(Interp *in, int n, Value *const *from, Tensor *to) {
  for (int i = 0; i < n; i++) to[i] = in->value[from[i]->id];
}
static void interp_give(Interp *in, int n, Value *const *to, const Tensor *from) {
  for (int i = 0; i < n; i++) in->value[to[i]->id] = from[i];
}

static bool interp_if(Interp *in, const Op *op, Tensor *const *x) {
  const Region *r = op->reg[x[0]->i[0] ? 0 : 1];
  Tensor *t = NEW_N(in->c->arena, Tensor, op->nres + 1);
  if (!interp_region(in, r)) return false;
  interp_take(in, op->nres, r->res, t);
  interp_give(in, op->nres, op->res, t);
  return true;
}

/* One pass through a region of a loop, of the carried values to what it yields. */
static bool interp_trip(Interp *in, const Region *r, int first, const Tensor *carried, Tensor *out) {
  interp_give(in, r->nparam - first, r->param + first, carried);
  if (!interp_region(in, r)) return false;
  interp_take(in, r->nres, r->res, out);
  return true;
}

static bool interp_for(Interp *in, const Op *op, Tensor *const *x) {
  const Region *r = op->reg[0];
  Tensor *t = NEW_N(in->c->arena, Tensor, op->nres + 1);
  int64_t hi = x[1]->i[0], step = x[2]->i[0], steps = 0;
  if (!step) bug("interpreter: a step of 0");
  interp_take(in, op->nres, op->opd + 3, t);
  for (int64_t i = x[0]->i[0]; step > 0 ? i < hi : i > hi; i += step) {
    Tensor index = interp_tensor(in, r->param[0]->type);
    index.i[0] = i;
    interp_give(in, 1, r->param, &index);
    if (++steps > INTERP_STEPS) bug("interpreter: a loop of more than %d iterations", INTERP_STEPS);
    if (!interp_trip(in, r, 1, t, t)) return false;
  }
  interp_give(in, op->nres, op->res, t);
  return true;
}

static bool interp_while(Interp *in, const Op *op) {
  Tensor *t = NEW_N(in->c->arena, Tensor, op->nres + 1), more;
  interp_take(in, op->nres, op->opd, t);
  for (int64_t steps = 0;; steps++) {
    if (!interp_trip(in, op->reg[0], 0, t, &more)) return false;
    if (!more.i[0]) break;
    if (steps > INTERP_STEPS) bug("interpreter: a loop of more than %d iterations", INTERP_STEPS);
    if (!interp_trip(in, op->reg[1], 0, t, t)) return false;
  }
  interp_give(in, op->nres, op->res, t);
  return true;
}

static bool interp_run(Interp *in);

static bool interp_call(Interp *in, const Op *op, Tensor *const *x) {
  Func *f = op->u.call.callee;
  if (op->code != OP_call) bug("interpreter: %s", op_info[op->code].name);
  if (in->depth >= INTERP_DEPTH) bug("interpreter: calls deeper than %d", INTERP_DEPTH);
  Interp sub = {.c = in->c, .f = f, .depth = in->depth + 1};
  sub.sym = NEW_N(in->c->arena, int64_t, in->c->next_sym + 1);
  sub.value = NEW_N(in->c->arena, Tensor, f->nvalue + 1);
  for (int i = 0; i < op->u.call.nsubst; i++)
    sub.sym[op->u.call.subst[i].from->id] = interp_dim(in, op->u.call.subst[i].to);
  for (int i = 0; i < op->nopd; i++) sub.value[f->body->param[i]->id] = *x[i];
  bool ok = interp_run(&sub);
  in->failed = sub.failed;
  for (int i = 0; i < op->nres && ok; i++) in->value[op->res[i]->id] = sub.value[f->body->res[i]->id];
  return ok;
}

static bool interp_nested(Interp *in, const Op *op, Tensor *const *x) {
  switch (op->code) {
  case OP_if: return interp_if(in, op, x);
  case OP_for: return interp_for(in, op, x);
  case OP_while: return interp_while(in, op);
  default: return interp_call(in, op, x);
  }
}

/* One op with one result or none; false when it is a check that fails. */
static bool interp_op(Interp *in, const Op *op, Tensor *const *x) {
  Tensor *y = op->nres ? &in->value[op->res[0]->id] : NULL;
  if (y) *y = interp_tensor(in, op->res[0]->type);
  switch (op_info[op->code].family) {
  case FAM_SOURCE: interp_source(in, op, y, x); break;
  case FAM_MAP: interp_map(op, y, x); break;
  case FAM_CONTRACT: interp_contract(op, y, x); break;
  case FAM_REDUCE: interp_reduce(op, y, x[0]); break;
  case FAM_SCAN: interp_scan(in, op, y, x); break;
  case FAM_MATRIX: interp_matrix(op, y, x); break;
  case FAM_INDEX: interp_index(op, y, x); break;
  case FAM_VIEW:
    if (op->code == OP_concat)
      interp_concat(op, y, x);
    else if (op->code == OP_reshape)
      for (int64_t k = 0; k < y->count; k++) copy_elem(y, k, x[0], k);
    else
      interp_slice(in, op, y, x);
    break;
  case FAM_EFFECT:
    if (interp_effect(in, op, x)) return true;
    in->failed = op;
    return false;
  default: bug("interpreter: %s", op_info[op->code].name);
  }
  return true;
}

static bool interp_region(Interp *in, const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    Tensor **x = NEW_N(in->c->arena, Tensor *, op->nopd + 1);
    for (int k = 0; k < op->nopd; k++) x[k] = &in->value[op->opd[k]->id];
    Family fam = op_info[op->code].family;
    if (!(fam == FAM_REGION || fam == FAM_CALL ? interp_nested : interp_op)(in, op, x)) return false;
  }
  return true;
}

/* Parameters are in value[] already; false when a check fails. */
static bool interp_run(Interp *in) { return interp_region(in, in->f->body); }

#endif
