/* again.c - what is much larger than what it is made of is made again behind a loop rather than kept across it.
 *
 * Distances of n points from each other, computed before a loop through time for its first step, are wanted once more by the adjoint
 * behind that loop and its reverse: n x n numbers, and several times so many, would lie in memory for all that time. Made again, where
 * they are wanted, they are fused with what wants them (strip.c).  The rule is that of tape.c.
 *
 * Requires: an optimised function that is not differentiated any more, and that is not searched for equal operations any more.
 * Ensures: the same results. */
#include "passes/pass.h"

enum { EXPANDED = 4 };

typedef struct Again {
  Func *func;
  Ctx *ctx;
  int n;          /* values, before any was made */
  int question, *seen; /* by value id: in the question about how much something is made of */
  int8_t *answer; /* by value id: 1: much larger, -1: not; 0: not known yet */
  int *made;      /* by value id: how many loops the region had before it, and 1; 0: in another region */
  bool *kept;     /* by value id: a loop or a result of the region wants it: it is in memory anyway */
  Value **copy;   /* by value id: made again, behind so many loops */
  int *copied_at;
} Again;

static bool can_do_again(const Op *op) {
  if (!op || op->nreg || op->nres != 1 || op->code == OP_sym) return false;
  switch (op_info[op->code].family) {
  case FAM_SOURCE:
  case FAM_MAP:
  case FAM_CONTRACT: return op_is_elementwise(op);
  case FAM_VIEW: return op->code == OP_slice || op->code == OP_reshape;
  default: return false;
  }
}

/* Bytes of what v is made of, each thing once, as far as that is less than v. */
static double base_of(Again *g, const Value *v, double most) {
  if (v->id >= g->n || g->seen[v->id] == g->question) return 0;
  g->seen[v->id] = g->question;
  if (!g->made[v->id] || !can_do_again(v->def)) return nominal_bytes(v->type);
  double sum = 0;
  for (int i = 0; i < v->def->nopd && sum < most; i++) sum += base_of(g, v->def->opd[i], most - sum);
  return sum;
}

static bool is_expanded(Again *g, const Value *v) {
  double own = nominal_bytes(v->type);
  if (!g->answer[v->id]) {
    g->question++;
    g->answer[v->id] = EXPANDED * base_of(g, v, own) <= own ? 1 : -1;
  }
  return g->answer[v->id] > 0;
}

/* To be made again behind `loops` loops, of values from there or before. */
static bool is_wanted_again(Again *g, const Value *v, int loops) {
  if (v->id >= g->n || !g->made[v->id] || g->made[v->id] > loops || g->kept[v->id] || !can_do_again(v->def)) return false;
  return v->type->rank > 0 && is_expanded(g, v);
}

static Value *do_again(Again *g, Value *v, Op *before, int loops) {
  if (!is_wanted_again(g, v, loops)) return v;
  if (g->copied_at[v->id] == loops + 1) return g->copy[v->id];
  const Op *op = v->def;
  Value **opd = NEW_N(g->ctx->arena, Value *, op->nopd + 1);
  for (int i = 0; i < op->nopd; i++) opd[i] = do_again(g, op->opd[i], before, loops);
  Builder b = {.ctx = g->ctx, .func = g->func, .region = before->parent, .before = before, .loc = op->loc};
  Op *made = b_op(&b, op->code, op->nopd, opd, 1, &v->type);
  made->u = op->u;
  g->copied_at[v->id] = loops + 1;
  return g->copy[v->id] = made->res[0];
}

static void keep(void *env, Value *v) { ((Again *)env)->kept[v->id] = true; }

static bool is_long_loop(const Op *op) { return op_is_loop(op) && !op->u.loop.parallel; }

/* What loops read is kept; true: there is something behind a loop. */
static bool look_at(Again *g, Region *r) {
  int loops = 0;
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) region_each_use(op->reg[i], keep, g);
    for (int k = 0; is_long_loop(op) && k < op->nopd; k++) keep(g, op->opd[k]);
    for (int k = 0; k < op->nres; k++) g->made[op->res[k]->id] = loops + 1;
    loops += is_long_loop(op);
  }
  for (int i = 0; i < r->nres; i++) keep(g, r->res[i]);
  return loops > 0;
}

static void forget(Again *g, const Region *r) {
  for (const Op *op = r->first; op; op = op->next)
    for (int k = 0; k < op->nres && op->res[k]->id < g->n; k++) g->made[op->res[k]->id] = 0;
}

static void again_in(Again *g, Region *r) {
  int loops = 0;
  for (Op *op = r->first; op; op = op->next)
    for (int i = 0; i < op->nreg; i++) again_in(g, op->reg[i]);
  if (!look_at(g, r)) return;
  for (Op *op = r->first; op; op = op->next) {
    if (is_long_loop(op)) loops++;
    else
      for (int i = 0; loops && i < op->nopd; i++) op->opd[i] = do_again(g, op->opd[i], op, loops);
  }
  forget(g, r);
}

void pass_again(Func *f) {
  Ctx *c = f->module->ctx;
  int n = f->nvalue + 1;
  Again g = {.func = f, .ctx = c, .n = f->nvalue, .question = 1};
  g.seen = NEW_N(c->arena, int, n);
  g.answer = NEW_N(c->arena, int8_t, n);
  g.made = NEW_N(c->arena, int, n);
  g.kept = NEW_N(c->arena, bool, n);
  g.copy = NEW_N(c->arena, Value *, n);
  g.copied_at = NEW_N(c->arena, int, n);
  again_in(&g, f->body);
  pass_dce(f);
}
