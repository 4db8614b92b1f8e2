/* adjoint_dense.c - values whose cotangents have all their elements anyway.
 *
 *   z = X @ W;  loss = sum over i of log(sum over j of exp(z[i, j])) - z[i, y[i]]
 *
 * Only z[i, y[i]] has a cotangent by way of the gather, but each z[i, j] has one by way of the exponential.  What the gather gives is then
 * one more term of a cotangent that goes back through the product as a whole; to go back through chosen elements would be work besides.
 *
 * Requires: a function that is being differentiated.  Ensures: true only if an active operation uses v, or what is made of v, in which
 * elements of v that were not chosen come in, as in a sum along the axis of the choice.  Values that were made since the table was are
 * not in it: false. */
#include "passes/pass.h"

enum { FUEL = 1000 };

typedef struct Answer { int question; uint32_t chosen; bool yes; } Answer;

struct Dense {
  int n;          /* values in the table */
  int *first;     /* by value id: where its users begin, which end where those of the next one begin */
  Op **user;
  bool *yielded;  /* by value id: a result of a region */
  Answer *answer; /* by value id: the last one */
  int question, fuel;
};

typedef void (*UserFn)(Dense *t, const Value *v, Op *user);

static void count_user(Dense *t, const Value *v, Op *user) {
  (void)user;
  t->first[v->id + 2]++;
}

static void note_user(Dense *t, const Value *v, Op *user) { t->user[t->first[v->id + 1]++] = user; }

static void each_user(Dense *t, const Region *g, UserFn fn) {
  for (Op *op = g->first; op; op = op->next) {
    for (int i = 0; i < op->nopd; i++) fn(t, op->opd[i], op);
    for (int r = 0; r < op->nreg; r++) each_user(t, op->reg[r], fn);
  }
  for (int i = 0; i < g->nres; i++) t->yielded[g->res[i]->id] = true;
}

static Dense *table(const Deriv *d) {
  Arena *a = d->func->module->ctx->arena;
  Dense *t = NEW(a, Dense);
  int n = d->func->nvalue;
  *t = (Dense){.n = n, .first = NEW_N(a, int, n + 2), .yielded = NEW_N(a, bool, n + 1), .answer = NEW_N(a, Answer, n + 1)};
  each_user(t, d->func->body, count_user);
  for (int i = 0; i <= n; i++) t->first[i + 1] += t->first[i];
  t->user = NEW_N(a, Op *, t->first[n + 1] + 1);
  each_user(t, d->func->body, note_user);
  return t;
}

static bool picks(const Op *op, const Value *v) {
  return op->code == OP_rmax || op->code == OP_rmin || (op->code == OP_gather && op->opd[0] == v);
}

/* The axes of op's result that chosen axes of its operand i become; false: elements that were not chosen come in. */
static bool stay_chosen(const Op *op, int i, uint32_t chosen, uint32_t *become) {
  *become = chosen;
  if (op_info[op->code].family == FAM_MAP || op->code == OP_slice) return true;
  if (op->code != OP_contract && !is_relabel(op->res[0])) return false;
  Con k = con_of(op);
  *become = 0;
  for (int a = 0; a < op->opd[i]->type->rank; a++) {
    if (!(chosen >> a & 1)) continue;
    if (!(con_out(&k) >> k.in[i][a] & 1)) return false;
    for (int r = 0; r < k.rank; r++)
      if (k.out[r] == k.in[i][a]) *become |= UINT32_C(1) << r;
  }
  return true;
}

static bool dense(Dense *t, const Deriv *d, const Value *v, uint32_t chosen, const Region *g);

static bool gives_more(Dense *t, const Deriv *d, const Op *op, const Value *v, uint32_t chosen, const Region *g) {
  uint32_t become;
  if (picks(op, v) || !op->nres) return false;
  if (op->parent != g || op->nreg || op_info[op->code].family == FAM_CALL) return true;
  for (int i = 0; i < op->nopd; i++) {
    if (op->opd[i] != v || !is_active(d, op->res[0]) || !operand_contributes(op, i)) continue;
    if (!stay_chosen(op, i, chosen, &become) || dense(t, d, op->res[0], become, g)) return true;
  }
  return false;
}

static bool dense(Dense *t, const Deriv *d, const Value *v, uint32_t chosen, const Region *g) {
  if (v->id >= t->n || t->fuel-- <= 0) return false;
  Answer *known = &t->answer[v->id];
  if (known->question == t->question && known->chosen == chosen) return known->yes;
  *known = (Answer){t->question, chosen, false};
  bool yes = t->yielded[v->id];
  for (int i = t->first[v->id]; i < t->first[v->id + 1] && !yes; i++) yes = gives_more(t, d, t->user[i], v, chosen, g);
  *known = (Answer){t->question, chosen, yes};
  return yes;
}

void dense_ask(Deriv *d) {
  if (!d->dense) d->dense = table(d);
  d->dense->question++;
  d->dense->fuel = FUEL;
}

bool is_dense(const Deriv *d, const Value *v, uint32_t chosen) { return dense(d->dense, d, v, chosen, region_of(v)); }
