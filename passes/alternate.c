/* alternate.c - a tensor that each iteration makes anew from neighbours in the old one has two rows, which take turns.
 *
 *   u = for … (u) { yield f(u, roll(u, 1)) }         f(u) may not be stored where u is: neighbours are still to be read
 *
 *   U, q = for … (U: [2, n], q) { u = U[q];  U' = set U, f(u, roll(u, 1)), 1 - q;  yield U', 1 - q };   u = U[q]
 *
 * So nothing is copied, and f is one nest.  A tensor that is carried along to be the one before (`before = now`) is the other row, if
 * it is read at the very places where it is then stored over.
 *
 * Requires: the last pass but those that only move operations.  Ensures: no result changes. */
#include "passes/pass.h"

enum { MOST_STEPS = 400 }; /* operations that are looked at for one tensor */

typedef struct Path {
  const Value *from;
  bool plain, shifted; /* it is read at the index itself, at others */
  int steps;
} Path;

static bool is_shift(const Op *op) { return op->code == OP_slice || op->code == OP_embed || op->code == OP_concat; }

/* How the elements of v are made of those of p->from, by operations that are done element by element. */
static void follow(Path *p, const Value *v, bool shifted) {
  if (v == p->from) *(shifted ? &p->shifted : &p->plain) = true;
  const Op *op = v->def;
  if (v == p->from || !op || op->parent != p->from->region || ++p->steps > MOST_STEPS) return;
  bool maps = op_info[op->code].family == FAM_MAP || (op->code == OP_contract && op->nopd == 1 && op->opd[0]->type->rank == v->type->rank);
  if (!maps && !is_shift(op)) return;
  for (int k = 0; k < op->nopd; k++) follow(p, op->opd[k], shifted || is_shift(op) || op->code == OP_contract);
}

static Path path_of(const Value *v, const Value *from) {
  Path p = {.from = from};
  follow(&p, v, false);
  return p;
}

/* Short rows stay in registers, or do with one copy. */
static bool is_long(const Type *t) {
  enum { LONG = 256 };
  int64_t n, all = 1;
  for (int i = 0; i < t->rank; i++) {
    if (!dim_is_const(t->dim[i], &n)) return true;
    all *= n;
  }
  return all >= LONG;
}

static void note_computed(void *env, Sym *s) { *(bool *)env |= s->kind == SYM_VALUE; }

static bool is_computed(const Type *t) {
  bool computed = false;
  type_each_sym(t, note_computed, &computed);
  return computed;
}

static bool used_inside(const Region *body, const Value *v) {
  for (const Op *op = body->first; op; op = op->next)
    for (int i = 0; i < op->nreg; i++)
      if (region_count_uses(op->reg[i], v)) return true;
  return false;
}

static bool alternates(const Op *loop, int k) {
  const Region *body = loop->reg[0];
  const Value *old = body->param[1 + k], *next = body->res[k];
  if (old->type->rank == 0 || old->type->rank == MAX_RANK || !is_long(old->type) || is_computed(old->type)) return false;
  if (!next->def || next->def->parent != body || op_info[next->def->code].family != FAM_MAP) return false;
  Path p = path_of(next, old);
  return p.shifted && p.steps <= MOST_STEPS && !used_inside(body, old);
}

/* Carried tensor that is what k was an iteration before; -1: none. */
static int follower(const Op *loop, int k) {
  const Region *body = loop->reg[0];
  for (int j = 0; j < loop->nres; j++) {
    const Value *old = body->param[1 + j];
    if (j == k || body->res[j] != body->param[1 + k] || old->type != body->param[1 + k]->type || used_inside(body, old)) continue;
    Path p = path_of(body->res[k], old);
    if (!p.shifted && p.steps <= MOST_STEPS) return j;
  }
  return -1;
}

static Value *row(Builder *b, Value *x, Value *q) { return b_gather(b, x, 1, (int[]){0}, &q, NULL); }

static Value *as_row(Builder *b, Value *x) {
  Dim *dim[MAX_RANK] = {dim_const(b->ctx, 1)};
  for (int i = 0; i < x->type->rank; i++) dim[i + 1] = x->type->dim[i];
  return b_reshape(b, x, x->type->rank + 1, dim);
}

static Value *two_rows(Builder *b, Value *x, Value *other) {
  Value *rows[] = {as_row(b, x), other ? as_row(b, other) : NULL};
  if (other) return b_concat(b, 2, rows, 0);
  Dim *dim[MAX_RANK], *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  for (int i = 0; i < rows[0]->type->rank; i++) {
    dim[i] = i ? rows[0]->type->dim[i] : dim_const(b->ctx, 2);
    start[i] = dim_const(b->ctx, 0);
    stride[i] = 1;
  }
  return b_embed(b, rows[0], start, stride, type_tensor(b->ctx, x->type->elem, rows[0]->type->rank, dim));
}

/* Uses of v, but for those by `row`, are uses of the row. */
static void stands_for(Region *g, Value *v, Value *row, Value *rows) {
  region_replace_uses(g, v, row);
  row->def->opd[0] = rows;
}

static void alternate(Func *f, Op *loop, int k, int before) {
  Region *body = loop->reg[0];
  Ctx *c = f->module->ctx;
  Builder b = {.ctx = c, .func = f, .region = loop->parent, .before = loop, .loc = loop->loc};
  Builder first = {.ctx = c, .func = f, .region = body, .before = body->first, .loc = loop->loc}, last = b_inside(&b, body);
  Builder behind = {.ctx = c, .func = f, .region = loop->parent, .before = loop->next, .loc = loop->loc};
  Value *old = body->param[1 + k], *next = body->res[k], *gone = loop->res[k];
  Value *init = two_rows(&b, loop->opd[3 + k], before < 0 ? NULL : loop->opd[3 + before]);
  Value *q = loop_add_carried(loop, b_int(&b, 0), NULL), *q_last = loop->res[loop->nres - 1];
  loop->opd[3 + k] = init;
  old->type = gone->type = init->type;
  Value *now = row(&first, old, q), *end = row(&behind, gone, q_last), *other = b_map2(&first, OP_sub, b_int(&first, 1), q);
  stands_for(body, old, now, old);
  stands_for(loop->parent, gone, end, gone);
  if (before >= 0) {
    Value *was = row(&first, old, other);
    Value *was_last = row(&behind, gone, b_map2(&behind, OP_sub, b_int(&behind, 1), q_last));
    region_replace_uses(body, body->param[1 + before], was);
    region_replace_uses(loop->parent, loop->res[before], was_last);
    body->res[before] = body->param[1 + before]; /* dropped below */
  }
  body->res[k] = b_set(&last, old, next, 1, (int[]){0}, &other);
  region_add_result(body, other);
  if (before < 0) return;
  bool *keep = NEW_N(c->arena, bool, loop->nres);
  for (int i = 0; i < loop->nres; i++) keep[i] = i != before;
  op_keep_results(loop, keep);
}

static void alternate_in(Func *f, Region *g) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) alternate_in(f, op->reg[i]);
    if (op->code != OP_for || op->u.loop.parallel) continue;
    for (int k = 0; k < op->nres; k++)
      if (alternates(op, k)) {
        int before = follower(op, k);
        alternate(f, op, k, before);
        k -= before >= 0 && before < k;
      }
  }
}

void pass_alternate(Func *f) { alternate_in(f, f->body); }
