/* strip_place.c - what a block leaves is read where it is put.
 *
 * Requires: the loops of strips, in a function that is about to be compiled.  Ensures: a value that is set in a slice of what its loop
 * carries is set as soon as it is made, and read by others from there: so it can be computed in its place, and is not stored besides. */
#include "passes/strip.h"

static bool between(const Op *from, const Op *to, bool (*is)(const Op *op, const Op *set), const Op *set) {
  for (const Op *op = from->next; op && op != to; op = op->next)
    if (is(op, set)) return true;
  return false;
}

/* The slice cannot be named, or there is nothing to set it in, before this operation. */
static bool is_needed(const Op *op, const Op *set) { return op->code == OP_sym || set->opd[0]->def == op; }

static bool is_moved(const Region *g, const Op *set) {
  if (set->code != OP_set_slice) return false;
  const Value *v = set->opd[1];
  if (!v->def || v->def->parent != g || v->def->nreg || degree(v->type) == 0) return false;
  return region_count_uses(g, v) > 1 && region_count_uses(g, set->opd[0]) == 1 && !between(v->def, set, is_needed, set);
}

static void read_back(Func *f, Region *g, Op *set) {
  Value *v = set->opd[1];
  if (v->def->next != set) op_move_before(set, v->def->next);
  Builder b = {.ctx = f->module->ctx, .func = f, .region = g, .before = set->next, .loc = set->loc};
  Value *again = b_slice(&b, set->res[0], set->u.slice.start, set->u.slice.stride, v->type->dim);
  region_replace_uses(g, v, again);
  set->opd[1] = v;
}

void strip_read_back(Func *f, Region *g) {
  bool block = g->parent && g->parent->code == OP_for && g->parent->u.loop.parallel;
  for (Op *op = g->first, *next; op; op = next) {
    next = op->next;
    for (int i = 0; i < op->nreg; i++) strip_read_back(f, op->reg[i]);
    if (block && is_moved(g, op)) read_back(f, g, op);
  }
}
