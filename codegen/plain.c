/* plain.c - functions that are computed with plain products first, and again with mulz if that shows a nan.
 *
 * mulz differs from a product only where that is nan, and takes three times as long.  Where every nan that a plain product makes comes
 * through to a result, or is of no consequence, looking at the results tells whether there was one.
 *
 * Requires: small.c.  Ensures: p->check, by result: whether it has to be looked at; NULL: products are not to be plain. */
#include "codegen/plan.h"

/* It pays for numbers, which are computed one by one; so many at least, and the code, which is there twice, not too long. */
enum { LEAST_PRODUCTS = 6, MOST_CODE = 3000, MOST_CHECKED = 4096 };

typedef struct Trace {
  Plan *p;
  bool *from; /* by value: it may be nan, or come of one, where it should not */
  bool hides; /* a nan may get lost, or decide something */
  int64_t products[2]; /* in no loop; in loops */
  int depth;           /* of loops around them, at most */
} Trace;

bool is_plain(const Plan *p, const Op *op) {
  if (op->nres != 1 || small_count(op->res[0]->type, p->root->most_small) < 0) return false;
  return op->code == OP_mulz || (p->root->inverses && p->value[op->res[0]->id].by_inverse);
}

/* Of the operations of this family, those that solve pass on what they solve for. */
static bool matrix_passes(const Trace *t, const Op *op) {
  if (op->code != OP_trisolve && op->code != OP_lusolve) return false;
  for (int k = 0; k + 1 < op->nopd; k++)
    if (t->from[op->opd[k]->id]) return false;
  return true;
}

static bool passes(const Trace *t, const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_CALL:
  case FAM_EFFECT: return false;
  case FAM_MATRIX: return matrix_passes(t, op);
  default: return op->code != OP_argsort && passes_nan(op);
  }
}

static void trace(Trace *t, const Region *r, int depth);

static bool taint(Trace *t, const Value *v, bool is) {
  bool news = is && !t->from[v->id];
  t->from[v->id] |= is;
  return news;
}

static void trace_regions(Trace *t, const Op *op, int depth) {
  int first = op_is_loop(op) ? loop_ninit(op) : 1;
  bool again = true;
  for (int k = 0; k < first && k < op->nopd; k++) t->hides |= t->from[op->opd[k]->id];
  for (int k = 0; op_is_loop(op) && k < op->nres; k++) taint(t, op->res[k], t->from[op->opd[first + k]->id]);
  while (again) {
    again = false;
    for (int i = 0; i < op->nreg; i++) {
      for (int k = 0; op_is_loop(op) && k < op->nres; k++) taint(t, carried(op, i, k), t->from[op->res[k]->id]);
      trace(t, op->reg[i], depth);
      bool yields = !op_is_loop(op) || op->reg[i] == loop_body(op);
      for (int k = 0; yields && k < op->nres; k++) again |= taint(t, op->res[k], t->from[op->reg[i]->res[k]->id]);
    }
    again &= op_is_loop(op);
  }
}

static void trace(Trace *t, const Region *r, int depth) {
  bool lanes = in_lanes(t->p, r);
  for (const Op *op = r->first; op && !t->hides; op = op->next) {
    if (op->nreg) {
      trace_regions(t, op, depth + op_is_loop(op));
      continue;
    }
    bool any = !lanes && is_plain(t->p, op), made = any;
    for (int k = 0; k < op->nopd; k++) any |= t->from[op->opd[k]->id];
    if (any && !made) t->hides |= !passes(t, op);
    for (int k = 0; k < op->nres; k++) taint(t, op->res[k], any);
  }
}

static void count(Trace *t, const Region *r, int depth) {
  for (const Op *op = r->first; op && !in_lanes(t->p, r); op = op->next) {
    for (int i = 0; i < op->nreg; i++) count(t, op->reg[i], depth + op_is_loop(op));
    if (!is_plain(t->p, op)) continue;
    t->products[depth > 0] += small_count(op->res[0]->type, t->p->most_small);
    if (depth > t->depth) t->depth = depth;
  }
}

static int unknown_axes(const Type *t) {
  int n = 0;
  int64_t d;
  for (int a = 0; a < t->rank; a++) n += !dim_is_const(t->dim[a], &d);
  return n;
}

/* To look at it takes no longer than the products would; an axis of unknown length is one that a loop runs over. */
static bool worth_checking(const Trace *t, const Type *type) {
  int64_t n = small_count(type, MOST_CHECKED);
  if (n >= 0) return n <= 2 * t->products[0] || t->products[1] >= LEAST_PRODUCTS;
  return t->products[1] >= LEAST_PRODUCTS && unknown_axes(type) <= t->depth;
}

static void try(Plan *p) {
  const Region *body = p->f->body;
  Trace t = {.p = p, .from = NEW_N(p->ctx->arena, bool, p->f->nvalue + 1)};
  count(&t, body, 0);
  if (t.products[0] + t.products[1] < LEAST_PRODUCTS) return;
  trace(&t, body, 0);
  if (t.hides) return;
  bool *check = NEW_N(p->ctx->arena, bool, body->nres + 1);
  for (int i = 0; i < body->nres; i++) {
    check[i] = t.from[body->res[i]->id];
    if (check[i] && (!elem_is_real(body->res[i]->type->elem) || !worth_checking(&t, body->res[i]->type))) return;
  }
  p->check = check;
}

void plan_plain(Plan *p) {
  if (!p->most_small || small_code(p, MOST_CODE) > MOST_CODE) return;
  for (int i = 0; i < 2 && !p->check; i++) {
    p->inverses = i == 0;
    try(p);
  }
}
