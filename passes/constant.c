/* constant.c - what is known of a value at compile time, and arithmetic on constants.
 * Folding follows the ops' meaning in ops.def exactly, NaN and infinity included; what cannot be folded is left alone. */
#include "passes/pass.h"
#include <math.h>

/* Looks through broadcasts. */
static const Op *source_of(const Value *v) {
  const Op *op = v->def;
  while (op && op->nres == 1 && is_relabel(op->res[0])) op = op->opd[0]->def;
  return op;
}

bool splat_real(const Value *v, double *x) {
  const Op *op = source_of(v);
  if (!elem_is_real(v->type->elem) || !op || op->code != OP_const) return false;
  *x = op->u.cst.f;
  return true;
}

bool splat_int(const Value *v, int64_t *x) {
  const Op *op = source_of(v);
  if (elem_is_real(v->type->elem) || !op) return false;
  if (op->code == OP_dim) return dim_is_const(op->u.dim, x);
  if (op->code != OP_const) return false;
  *x = op->u.cst.i;
  return true;
}

bool is_splat(const Value *v, double x) {
  double f;
  int64_t i;
  if (splat_real(v, &f)) return f == x && signbit(f) == signbit(x);
  return splat_int(v, &i) && (double)i == x;
}

Dim *value_dim(Ctx *c, const Value *v) {
  if (v->type->rank || v->type->elem != I64 || !v->def) return NULL;
  if (v->def->code == OP_dim) return v->def->u.dim;
  if (v->def->code == OP_const) return dim_const(c, v->def->u.cst.i);
  if (v->def->code == OP_sym) return dim_sym(c, v->def->u.sym);
  return NULL;
}

static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double nan_max(double x, double y) { return isnan(x) ? x : isnan(y) ? y : x > y ? x : y; }
static double nan_min(double x, double y) { return isnan(x) ? x : isnan(y) ? y : x < y ? x : y; }

bool fold_real(Opcode op, const double *x, double *y) {
  switch (op) {
  case OP_neg: *y = -x[0]; return true;
  case OP_abs: *y = fabs(x[0]); return true;
  case OP_sign: *y = sign_of(x[0]); return true;
  case OP_floor: *y = floor(x[0]); return true;
  case OP_ceil: *y = ceil(x[0]); return true;
  case OP_round: *y = nearbyint(x[0]); return true;
  case OP_trunc: *y = trunc(x[0]); return true;
  case OP_sqrt: *y = sqrt(x[0]); return true;
  case OP_rsqrt: *y = 1 / sqrt(x[0]); return true;
  case OP_cbrt: *y = cbrt(x[0]); return true;
  case OP_exp: *y = exp(x[0]); return true;
  case OP_exp2: *y = exp2(x[0]); return true;
  case OP_expm1: *y = expm1(x[0]); return true;
  case OP_log: *y = log(x[0]); return true;
  case OP_log2: *y = log2(x[0]); return true;
  case OP_log10: *y = log10(x[0]); return true;
  case OP_log1p: *y = log1p(x[0]); return true;
  case OP_sin: *y = sin(x[0]); return true;
  case OP_cos: *y = cos(x[0]); return true;
  case OP_tanh: *y = tanh(x[0]); return true;
  case OP_relu: *y = x[0] > 0 || isnan(x[0]) ? x[0] : 0; return true;
  case OP_add: *y = x[0] + x[1]; return true;
  case OP_sub: *y = x[0] - x[1]; return true;
  case OP_mul: *y = x[0] * x[1]; return true;
  case OP_mulz: *y = x[0] == 0 || x[1] == 0 ? 0 : x[0] * x[1]; return true;
  case OP_div: *y = x[0] / x[1]; return true;
  case OP_pow: *y = pow(x[0], x[1]); return true;
  case OP_max: *y = nan_max(x[0], x[1]); return true;
  case OP_min: *y = nan_min(x[0], x[1]); return true;
  default: return false;
  }
}

bool fold_compare(Opcode op, double x, double y, bool *r) {
  switch (op) {
  case OP_eq: *r = x == y; return true;
  case OP_ne: *r = x != y; return true;
  case OP_lt: *r = x < y; return true;
  case OP_le: *r = x <= y; return true;
  case OP_gt: *r = x > y; return true;
  case OP_ge: *r = x >= y; return true;
  default: return false;
  }
}

/* Operands within 32 bits cannot overflow the arithmetic below; anything larger is left to run time. */
static bool small(int64_t x) { return x >= INT32_MIN && x <= INT32_MAX; }

bool fold_int(Opcode op, const int64_t *x, int64_t *y) {
  bool binary = op_info[op].nopd > 1;
  if (!small(x[0]) || (binary && !small(x[1]))) return false;
  switch (op) {
  case OP_neg: *y = -x[0]; return true;
  case OP_abs: *y = x[0] < 0 ? -x[0] : x[0]; return true;
  case OP_sign: *y = (x[0] > 0) - (x[0] < 0); return true;
  case OP_add: *y = x[0] + x[1]; return true;
  case OP_sub: *y = x[0] - x[1]; return true;
  case OP_mul: *y = x[0] * x[1]; return true;
  case OP_max: *y = x[0] > x[1] ? x[0] : x[1]; return true;
  case OP_min: *y = x[0] < x[1] ? x[0] : x[1]; return true;
  case OP_floordiv:
  case OP_mod: {
    if (x[1] == 0) return false;
    int64_t q = x[0] / x[1] - (x[0] % x[1] != 0 && (x[0] < 0) != (x[1] < 0));
    *y = op == OP_floordiv ? q : x[0] - q * x[1];
    return true;
  }
  case OP_eq: *y = x[0] == x[1]; return true;
  case OP_ne: *y = x[0] != x[1]; return true;
  case OP_lt: *y = x[0] < x[1]; return true;
  case OP_le: *y = x[0] <= x[1]; return true;
  case OP_gt: *y = x[0] > x[1]; return true;
  case OP_ge: *y = x[0] >= x[1]; return true;
  case OP_and: *y = x[0] && x[1]; return true;
  case OP_or: *y = x[0] || x[1]; return true;
  case OP_not: *y = !x[0]; return true;
  default: return false;
  }
}
