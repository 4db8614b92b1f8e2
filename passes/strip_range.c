/* strip_range.c - loops over blocks take no turns in which all that they add is zero.
 *
 * Requires: loops made by strips.  Ensures: where masks make every term of a loop's sums zero before or beyond some index, the loop's
 * bounds leave these turns out: `sum(f(x[i], x[j]) for i < n, j < i)` runs over j < i, and so does its derivative. */
#include "passes/strip.h"

static bool same_window(const Op *slice, const Op *set) {
  if (slice->code != OP_slice || slice->opd[0] != set->opd[0] || slice->res[0]->type != set->opd[1]->type) return false;
  for (int a = 0; a < slice->res[0]->type->rank; a++)
    if (slice->u.slice.stride[a] != set->u.slice.stride[a] || slice->u.slice.start[a] != set->u.slice.start[a]) return false;
  return true;
}

/* What a turn adds to what the loop carries, as a whole or in a slice; NULL: it does something else. */
static const Value *added(const Region *body, int k) {
  const Value *held = body->param[1 + k], *next = body->res[k];
  const Op *op = next->def, *set = NULL;
  if (op && op->code == OP_set_slice && op->opd[0] == held) {
    set = op;
    op = op->opd[1]->def;
  }
  if (!op || op->parent != body || op->code != OP_add) return NULL;
  const Op *old = op->opd[0]->def;
  return set ? (old && same_window(old, set) ? op->opd[1] : NULL) : op->opd[0] == held ? op->opd[1] : NULL;
}

/* How far the index goes, or its negative, for some term to be other than zero; NULL: as far as it can. */
static Dim *reach(Band *w, const Op *loop, const Sym *s, bool back) {
  const BandIndex at = {-1, s}, none = {-1, NULL};
  const Region *body = loop->reg[0];
  Edge all = {EDGE_EVERYWHERE, NULL};
  for (int k = 0; k < loop->nres; k++) {
    const Value *v = added(body, k);
    if (!v) return NULL;
    all = edge_most(body->func->module->ctx, all, band_zero(w, v, back ? none : at, back ? at : none));
  }
  return all.kind == EDGE_BEYOND && all.t && !region_binds(body, all.t) ? all.t : NULL;
}

static const Sym *index_symbol(const Region *body) {
  for (const Op *op = body->first; op; op = op->next)
    if (op->code == OP_sym && op->opd[0] == body->param[0]) return op->u.sym;
  return NULL;
}

static void clip(Func *f, Band *w, Op *loop) {
  Ctx *c = f->module->ctx;
  const Sym *s = index_symbol(loop->reg[0]);
  const Op *lo = loop->opd[0]->def, *hi = loop->opd[1]->def;
  if (!s || !loop->nres || !lo || lo->code != OP_const || lo->u.cst.i != 0 || !hi || hi->code != OP_dim) return;
  Dim *to = reach(w, loop, s, false), *from = reach(w, loop, s, true), *zero = dim_const(c, 0);
  Builder b = {.ctx = c, .func = f, .region = loop->parent, .before = loop, .loc = loop->loc};
  if (to) to = dim_min(c, hi->u.dim, dim_max(c, zero, dim_add(c, to, dim_const(c, 1))));
  if (from) from = dim_max(c, zero, dim_sub(c, zero, from));
  if (to && to != hi->u.dim) loop->opd[1] = b_dim(&b, to);
  if (from && from != zero) loop->opd[0] = b_dim(&b, from);
}

static void clip_in(Func *f, Band *w, Region *g) {
  for (Op *op = g->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) clip_in(f, w, op->reg[i]);
    if (op->code == OP_for && op->u.loop.parallel) clip(f, w, op);
  }
}

void strip_ranges(Func *f) { clip_in(f, band_new(f), f->body); }
