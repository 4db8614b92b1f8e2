/* fill.c - a tensor that an inner loop fills, and that is then put into a larger one, is filled in its place there: the tapes of
 * inner loops are written once, straight into those of the loops around.
 *
 *   r = for i in 0..n carrying p { ... set p, v, i };  s = set x, r, t
 *   becomes  s = for i in 0..n carrying p, from x on { ... set p, v, t, i }
 *
 * Requires: a function that is not differentiated any more (the loops then carry what they do not read).  Ensures: no result changes. */
#include "passes/pass.h"

static bool comes_before(const Value *v, const Op *op) {
  if (!v->def || v->def->parent != op->parent) return true; /* from around */
  for (const Op *x = op->prev; x; x = x->prev)
    if (x == v->def) return true;
  return false;
}

/* The loop whose result is put into a larger tensor by `set`, and nothing else; k gets the result. */
static Op *filler(const Op *set, int *k) {
  Value *r = set->opd[1], *x = set->opd[0];
  const Region *g = set->parent;
  Op *loop = r->def;
  if (!loop || loop->code != OP_for || loop->parent != g || region_count_uses(g, r) != 1 || region_count_uses(g, x) != 1) return NULL;
  for (int i = 0; i < set->nopd; i++)
    if (i != 1 && !comes_before(set->opd[i], loop)) return NULL;
  *k = result_index(r);
  return loop_overwrites(loop, *k) ? loop : NULL;
}

/* The indices of `in`, which are into what `out` puts somewhere, after those of `out`, ascending by axis. */
static int join_indices(const Op *out, const Op *in, int *axis, Value **at) {
  int n = 0, outer = 0, inner = 0, rest = 0;
  for (int a = 0; a < out->res[0]->type->rank; a++) {
    bool known = outer < out->u.index.naxis && out->u.index.axis[outer] == a;
    bool indexed = !known && inner < in->u.index.naxis && in->u.index.axis[inner] == rest;
    rest += !known;
    if (!known && !indexed) continue;
    axis[n] = a;
    at[n++] = known ? out->opd[2 + outer++] : in->opd[2 + inner++];
  }
  return n;
}

/* The loop carries what `set` is to give, in the place of what it filled before. */
static void widen(Func *f, const Op *set, Op *loop, int k, Value *from) {
  Region *body = loop->reg[0];
  Op *in = body->res[k]->def;
  loop->opd[loop_ninit(loop) + k] = from;
  loop->res[k]->type = body->param[1 + k]->type = from->type;
  if (in->code == OP_for) {
    widen(f, set, in, result_index(body->res[k]), body->param[1 + k]);
    return;
  }
  int axis[MAX_RANK];
  Value *at[MAX_RANK];
  int n = join_indices(set, in, axis, at);
  Builder b = {.ctx = f->module->ctx, .func = f, .region = body, .before = in, .loc = in->loc};
  body->res[k] = b_set(&b, body->param[1 + k], in->opd[1], n, axis, at);
  op_remove(in);
}

static void fill(Func *f, Region *g) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) fill(f, op->reg[i]);
    int k;
    Op *loop = op->code == OP_set ? filler(op, &k) : NULL;
    if (!loop) continue;
    widen(f, op, loop, k, op->opd[0]);
    region_replace_uses(g, op->res[0], loop->res[k]);
    op_remove(op);
  }
}

void pass_fill(Func *f) { fill(f, f->body); }
