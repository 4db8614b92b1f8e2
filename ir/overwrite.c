/* overwrite.c - loops that set every entry of a tensor that they carry, as those do that fill a tape.
 * Ensures: where loop_overwrites or loop_begins_unseen says so, what the tensor held before does not matter. */
#include "ir/internal.h"

static bool is_int(const Value *v, int64_t x) {
  return v->def && v->def->code == OP_const && v->type->elem == I64 && v->def->u.cst.i == x;
}

/* Counts d - 1, …, 1, 0. */
static bool runs_down(const Op *loop, const Dim *d) {
  Ctx *c = loop->reg[0]->func->module->ctx;
  const Op *lo = loop->opd[0]->def;
  int64_t n;
  if (!lo || !is_int(loop->opd[1], -1) || !is_int(loop->opd[2], -1)) return false;
  if (lo->code == OP_const) return dim_is_const(d, &n) && n == lo->u.cst.i + 1;
  return lo->code == OP_dim && d == dim_max(c, dim_add(c, lo->u.dim, dim_const(c, 1)), dim_const(c, 0));
}

/* Its index takes every value from 0 to the axis' length, without it. */
static bool runs_over(const Op *loop, const Dim *d) {
  Ctx *c = loop->reg[0]->func->module->ctx;
  const Op *hi = loop->opd[1]->def;
  int64_t n;
  if (runs_down(loop, d)) return true;
  if (!hi || !is_int(loop->opd[0], 0) || !is_int(loop->opd[2], 1)) return false;
  if (hi->code == OP_const) return dim_is_const(d, &n) && n == hi->u.cst.i;
  if (hi->code == OP_sym) return d == dim_sym(c, hi->u.sym);
  return hi->code == OP_dim && (d == hi->u.dim || d == dim_max(c, hi->u.dim, dim_const(c, 0)));
}

/* loop[0..depth): from the outermost; the last is the one looked at.  What it carries is read nowhere in between. */
static bool sets_all(const Op **loop, int depth, int k) {
  const Op *in = loop[depth - 1];
  if (in->code != OP_for || depth >= MAX_RANK) return false;
  const Region *body = in->reg[0];
  const Value *held = body->param[1 + k], *next = body->res[k];
  const Op *op = next->def;
  if (!op || op->parent != body || region_count_uses(body, held) != 1 || region_count_uses(body, next) != 1) return false;
  if (op->code == OP_for) {
    loop[depth] = op;
    int i = result_index(next);
    return op->opd[loop_ninit(op) + i] == held && sets_all(loop, depth + 1, i);
  }
  if (op->code != OP_set || op->opd[0] != held || op->u.index.naxis != depth) return false;
  for (int i = 0; i < depth; i++)
    if (op->u.index.axis[i] != i || op->opd[2 + i] != loop[i]->reg[0]->param[0] || !runs_over(loop[i], next->type->dim[i])) return false;
  return true;
}

bool loop_overwrites(const Op *op, int k) {
  const Op *loop[MAX_RANK + 1] = {op};
  return sets_all(loop, 1, k);
}

static bool is_broadcast_constant(const Value *v) {
  return v->def && v->def->code == OP_contract && v->def->nopd == 1 && v->def->opd[0]->def && v->def->opd[0]->def->code == OP_const;
}

/* A loop that was made of whole tensors sets every entry of what it begins with a constant. */
static bool sets_parts(const Op *loop, int k) {
  if (loop->code != OP_for || !loop->u.loop.parallel) return false;
  const Region *body = loop->reg[0];
  const Value *held = body->param[1 + k];
  const Op *set = body->res[k]->def;
  return set && set->parent == body && set->code == OP_set_slice && set->opd[0] == held && region_count_uses(body, held) == 1 &&
         is_broadcast_constant(loop->opd[loop_ninit(loop) + k]);
}

bool loop_begins_unseen(const Op *loop, int k) { return sets_parts(loop, k) || loop_overwrites(loop, k); }
