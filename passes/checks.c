/* checks.c - what can fail in a loop is asked before it, where it depends on no more than counters and what is around the loop.
 *
 * Lanes cannot fail one by one, and loops that become one would fail in another order.  Ensures: where checks_come_first says so the
 * first failure is the same, in the program's order, and the loop has no effects left:
 *
 *     for i (s) do                              for i do                         for i (s) do
 *       for t (s) do                              for t do                         for t (s) do
 *         check_index obs[i, t]         ═►          check_index obs[i, t]            … s table[obs[i, t]] …
 *         … s table[obs[i, t]] …
 */
#include "passes/pass.h"

/* Without what loops carry; sizes that a run tells are bound to such values as a rule. */
static bool is_at_hand(const CloneMap *m, const Region *around, const Value *v) {
  return !region_within(region_of(v), around) || clone_lookup((CloneMap *)m, (Value *)v);
}

static bool operands_at_hand(const CloneMap *m, const Region *around, const Op *op, int n) {
  for (int i = 0; i < n; i++)
    if (!is_at_hand(m, around, op->opd[i])) return false;
  return true;
}

static bool is_check(const Op *op) { return op_info[op->code].family == FAM_EFFECT; }

static void type_mentions(void *env, Sym *s) { *(bool *)env |= s->kind == SYM_VALUE; }

static bool copy_checks(CloneMap *m, Builder *b, const Region *around, const Region *from);

static bool copy_loop(CloneMap *m, Builder *b, const Region *around, const Op *op) {
  Value *bound[3];
  if (op->code != OP_for || !operands_at_hand(m, around, op, 3)) return false;
  for (int i = 0; i < 3; i++) bound[i] = clone_lookup(m, op->opd[i]) ? clone_lookup(m, op->opd[i]) : op->opd[i];
  Op *copy = b_for(b, bound[0], bound[1], bound[2], 0, NULL);
  Builder in = b_inside(b, copy->reg[0]);
  clone_map_value(m, op->reg[0]->param[0], copy->reg[0]->param[0]);
  bool all = copy_checks(m, &in, around, op->reg[0]);
  region_set_results(copy->reg[0], 0, NULL);
  return all;
}

static bool copy_branch(CloneMap *m, Builder *b, const Region *around, const Op *op) {
  if (!operands_at_hand(m, around, op, 1)) return false;
  Op *copy = b_if(b, clone_lookup(m, op->opd[0]) ? clone_lookup(m, op->opd[0]) : op->opd[0], 0, NULL);
  bool all = true;
  for (int r = 0; r < 2; r++) {
    Builder in = b_inside(b, copy->reg[r]);
    all &= copy_checks(m, &in, around, op->reg[r]);
    region_set_results(copy->reg[r], 0, NULL);
  }
  return all;
}

/* False: a check needs what is not at hand. */
static bool copy_checks(CloneMap *m, Builder *b, const Region *around, const Region *from) {
  for (Op *op = from->first; op; op = op->next) {
    bool sized = false;
    b->loc = op->loc;
    op_each_sym(op, type_mentions, &sized);
    if (op->nreg) {
      if (has_effect(op) && !(op->code == OP_if ? copy_branch : copy_loop)(m, b, around, op)) return false;
    } else if (!sized && op->code != OP_call && operands_at_hand(m, around, op, op->nopd)) {
      clone_share(m, op);
      clone_op(m, b, op);
    } else if (is_check(op) || op->code == OP_call)
      return false;
  }
  return true;
}

static void drop_checks(Region *r) {
  for_each_op(op, r) {
    for (int i = 0; i < op->nreg; i++) drop_checks(op->reg[i]);
    if (is_check(op)) op_remove(op);
  }
}

static bool put_before(Func *f, Op *loop) {
  Builder b = {.ctx = f->module->ctx, .func = f, .region = loop->parent, .before = loop, .loc = loop->loc};
  CloneMap *m = clone_map_new(b.ctx, f, f);
  Op *before = loop->prev;
  bool all = copy_loop(m, &b, loop->reg[0], loop);
  Op *made = before ? before->next : loop->parent->first;
  if (!all && made != loop) op_remove(made);
  return all;
}

bool checks_come_first(Func *f, Op *loop) {
  if (!has_effect(loop) || !put_before(f, loop)) return false;
  drop_checks(loop->reg[0]);
  return true;
}
