/* logistic.c - sigmoids of a loop, written such that their slope takes no function: the reverse sweep then reads one number and has
 * both without a call.
 *
 *   y = sigmoid z   becomes   n = z < 0;  m = n ? z : -z;  t = sigmoid m;  y = n ? t : 1 - t
 *
 * t is at most 1/2, so that 1 - t is exact to a rounding, and the slope t * (1 - t) is as exact far out as near 0, which y * (1 - y)
 * is not.  Either branch is the sigmoid in all of a neighbourhood, so derivatives of every order are right, at 0 too.
 * Ensures: no result changes by more than the error of sigmoid. */
#include "passes/pass.h"

static Op *def_of(const Value *v, Opcode code) { return v->def && v->def->code == code ? v->def : NULL; }

/* select(z < 0, z, -z) */
static bool is_nonpositive(const Value *m) {
  const Op *select = def_of(m, OP_select), *less, *neg;
  double zero;
  if (!select || !(less = def_of(select->opd[0], OP_lt)) || !(neg = def_of(select->opd[2], OP_neg))) return false;
  const Value *z = select->opd[1];
  return less->opd[0] == z && neg->opd[0] == z && splat_real(less->opd[1], &zero) && zero == 0;
}

bool has_plain_slope(const Op *op) { return op->code == OP_sigmoid && is_nonpositive(op->opd[0]); }

/* y, of which op is the last step, as a function of z: its slope is *t * *u. */
Value *logistic_argument(const Op *op, Value **t, Value **u) {
  if (op->code != OP_select) return NULL;
  const Op *tail = def_of(op->opd[1], OP_sigmoid), *rest = def_of(op->opd[2], OP_sub);
  double one;
  if (!tail || !rest || !has_plain_slope(tail) || rest->opd[1] != op->opd[1]) return NULL;
  if (!splat_real(rest->opd[0], &one) || one != 1) return NULL;
  const Op *m = tail->opd[0]->def;
  if (m->opd[0] != op->opd[0]) return NULL;
  *t = op->opd[1];
  *u = op->opd[2];
  return m->opd[1];
}

static void rewrite(Func *f, Region *g, Op *op) {
  Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = op, .loc = op->loc};
  Value *z = op->opd[0], *y = op->res[0];
  Value *n = b_map2(&b, OP_lt, z, b_splat(&b, z->type, 0));
  Value *t = b_map1(&b, OP_sigmoid, b_select(&b, n, z, b_map1(&b, OP_neg, z)));
  Value *u = b_map2(&b, OP_sub, b_splat(&b, z->type, 1), t), *whole = b_select(&b, n, t, u);
  whole->name = y->name;
  region_replace_uses(g, y, whole);
  op_remove(op);
}

static void in_region(Func *f, Region *g, bool looped) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) in_region(f, op->reg[i], looped || op_is_loop(op));
    if (looped && op->code == OP_sigmoid && !is_nonpositive(op->opd[0])) rewrite(f, g, op);
  }
}

void pass_logistic(Func *f) { in_region(f, f->body, false); }
