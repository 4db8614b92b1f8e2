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
  int64_t products[2]; /* in no loop; in loops */
  int depth;           /* of loops around them, at most */
} Trace;

static const Op *treated_loop(const Op *op) {
  for (const Region *r = op->parent; r->parent; r = r->parent->parent)
    if (op_is_loop(r->parent) && (r->parent->u.loop.plain || r->parent->u.loop.seldom)) return r->parent;
  return NULL;
}

bool in_plain_loop(const Op *op) {
  const Op *loop = treated_loop(op);
  return loop && loop->u.loop.plain && op->code == OP_mulz;
}

bool is_plain(const Plan *p, const Op *op) {
  if (treated_loop(op)) return false;
  if (op->nres != 1 || small_count(op->res[0]->type, p->root->most_small) < 0) return false;
  return op->code == OP_mulz || (p->root->inverses && p->value[op->res[0]->id].by_inverse);
}

static bool makes_nan(const void *env, const Op *op) { return !in_lanes(env, op->parent) && is_plain(env, op); }

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
  if (!nan_shows(body, makes_nan, p, t.from)) return;
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
