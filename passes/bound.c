/* bound.c - between which dimensions an int value lies, as far as its operations tell: what proves indices in range.
 * Ensures: for every element of v that is computed, lo <= v <= hi; arithmetic that overflows is not considered, for an index
 * that is near the limits of i64 fits no tensor. */
#include "passes/pass.h"

enum { MAX_DEPTH = 8 };

static bool bounds(Ctx *c, const Value *v, Bounds *r, int depth);

/* The index of a `for` lies within its range while the body runs. */
static bool index_bounds(Ctx *c, const Op *loop, Bounds *r, int depth) {
  Bounds lo, hi;
  int64_t step;
  Dim *one = dim_const(c, 1);
  if (!splat_int(loop->opd[2], &step) || !step) return false;
  if (!bounds(c, loop->opd[0], &lo, depth) || !bounds(c, loop->opd[1], &hi, depth)) return false;
  *r = step > 0 ? (Bounds){lo.lo, dim_sub(c, hi.hi, one)} : (Bounds){dim_add(c, hi.lo, one), lo.hi};
  return true;
}

static bool scaled(Ctx *c, const Op *op, Bounds x, Bounds *r) {
  int64_t k;
  if (!splat_int(op->opd[1], &k)) return false;
  Dim *by = dim_const(c, k), *a = dim_mul(c, x.lo, by), *b = dim_mul(c, x.hi, by);
  *r = k >= 0 ? (Bounds){a, b} : (Bounds){b, a};
  return true;
}

static bool binary_bounds(Ctx *c, const Op *op, Bounds *r, int depth) {
  Bounds x, y;
  int64_t k;
  if (op->code == OP_mod) {
    bool known = splat_int(op->opd[1], &k) && k > 0;
    *r = (Bounds){dim_const(c, 0), dim_const(c, known ? k - 1 : 0)};
    return known;
  }
  if (!bounds(c, op->opd[0], &x, depth)) return false;
  if (op->code == OP_mul) return scaled(c, op, x, r);
  if (!bounds(c, op->opd[1], &y, depth)) return false;
  switch (op->code) {
  case OP_add: *r = (Bounds){dim_add(c, x.lo, y.lo), dim_add(c, x.hi, y.hi)}; break;
  case OP_sub: *r = (Bounds){dim_sub(c, x.lo, y.hi), dim_sub(c, x.hi, y.lo)}; break;
  case OP_max: *r = (Bounds){dim_max(c, x.lo, y.lo), dim_max(c, x.hi, y.hi)}; break;
  case OP_min: *r = (Bounds){dim_min(c, x.lo, y.lo), dim_min(c, x.hi, y.hi)}; break;
  default: return false;
  }
  return true;
}

static bool op_bounds(Ctx *c, const Op *op, Bounds *r, int depth) {
  switch (op->code) {
  case OP_iota: {
    Dim *n = op->res[0]->type->dim[op->u.axis];
    *r = (Bounds){dim_const(c, 0), dim_sub(c, n, dim_const(c, 1))};
    return true;
  }
  case OP_cast: return elem_is_int(op->opd[0]->type->elem) && op->res[0]->type->elem == I64 && bounds(c, op->opd[0], r, depth);
  case OP_add:
  case OP_sub:
  case OP_mul:
  case OP_max:
  case OP_min:
  case OP_mod: return binary_bounds(c, op, r, depth);
  default: return is_relabel(op->res[0]) && bounds(c, op->opd[0], r, depth);
  }
}

static bool bounds(Ctx *c, const Value *v, Bounds *r, int depth) {
  Dim *d = value_dim(c, v);
  const Op *loop = v->def ? NULL : v->region->parent;
  *r = (Bounds){d, d};
  if (!elem_is_int(v->type->elem)) return false;
  if (d) return true;
  if (depth == 0) return false;
  bool known = v->def ? op_bounds(c, v->def, r, depth - 1)
                      : loop && loop->code == OP_for && v == loop->reg[0]->param[0] && index_bounds(c, loop, r, depth - 1);
  return known && r->lo && r->hi;
}

bool value_bounds(Ctx *c, const Value *v, Bounds *r) { return bounds(c, v, r, MAX_DEPTH); }
