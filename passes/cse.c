/* cse.c - one operation for equal computations.
 * Two operations are equal when opcode, operands (in either order where the op commutes), attributes and result types are.  What
 * a region computes is known in the regions inside it, not after it.  Identical checks merge as well: the first one stands for
 * all.  Operations that bind symbols, calls and operations with regions stay as they are; and so do broadcasts and counters
 * inside a region, but what is computed of them counts as computed of the equal ones outside. */
#include "passes/pass.h"
#include <string.h>

typedef struct Entry { Op *op; uint64_t hash; struct Entry *next; } Entry;
typedef struct Cse {
  Rewrite rw;
  Entry **bucket;
  int nbucket;
  Entry **trail;
  int ntrail, trail_cap;
  const Value **canon; /* by value id: the equal value outside that it counts as; NULL: itself */
} Cse;

static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
  return h ^ h >> 29;
}

static uint64_t mix_ptr(uint64_t h, const void *p) { return mix(h, (uint64_t)(uintptr_t)p); }

static const Value *canonical(const Cse *s, const Value *v) { return s->canon[v->id] ? s->canon[v->id] : v; }

static void operands(const Cse *s, const Op *op, const Value **x) {
  for (int i = 0; i < op->nopd; i++) x[i] = canonical(s, op->opd[i]);
  if (op_commutes(op->code) && x[0]->id > x[1]->id) {
    const Value *t = x[0];
    x[0] = x[1];
    x[1] = t;
  }
}

/* A concat has as many operands as it likes; they are compared without a copy. */
static bool same_operands(const Cse *s, const Op *p, const Op *q) {
  if (p->nopd != q->nopd) return false;
  if (!op_commutes(p->code)) {
    int i = 0;
    while (i < p->nopd && canonical(s, p->opd[i]) == canonical(s, q->opd[i])) i++;
    return i == p->nopd;
  }
  const Value *x[2], *y[2];
  operands(s, p, x);
  operands(s, q, y);
  return x[0] == y[0] && x[1] == y[1];
}

static bool equal(const Cse *s, const Op *p, const Op *q) {
  return p->code == q->code && same_operands(s, p, q) && op_same(p, q);
}

static uint64_t hash_of(const Cse *s, const Op *op) {
  uint64_t h = mix(0, (uint64_t)op->code);
  if (op_commutes(op->code)) {
    const Value *x[2];
    operands(s, op, x);
    h = mix_ptr(mix_ptr(h, x[0]), x[1]);
  } else
    for (int i = 0; i < op->nopd; i++) h = mix_ptr(h, canonical(s, op->opd[i]));
  for (int i = 0; i < op->nres; i++) h = mix_ptr(h, op->res[i]->type);
  OpKey k = op_key(op);
  for (int i = 0; i < k.n; i++) h = mix(h, k.w[i]);
  return h;
}

bool is_mergeable(const Op *op) {
  Family f = op_info[op->code].family;
  return op->nreg == 0 && f != FAM_CALL && f != FAM_REGION && op->code != OP_sym && op->nres <= 1;
}

static Op *find(const Cse *s, const Op *op, uint64_t hash) {
  for (Entry *e = s->bucket[hash % (uint64_t)s->nbucket]; e; e = e->next)
    if (e->hash == hash && equal(s, e->op, op)) return e->op;
  return NULL;
}

static void enter(Cse *s, Op *op, uint64_t hash) {
  Entry **b = &s->bucket[hash % (uint64_t)s->nbucket], *e = NEW(s->rw.ctx->arena, Entry);
  *e = (Entry){op, hash, *b};
  *b = e;
  PUSH(s->rw.ctx->arena, s->trail, s->ntrail, s->trail_cap) = e;
}

static void leave(Cse *s, int mark) {
  while (s->ntrail > mark) {
    Entry *e = s->trail[--s->ntrail];
    s->bucket[e->hash % (uint64_t)s->nbucket] = e->next;
  }
}

static void sweep(Cse *s, Region *g) {
  int mark = s->ntrail;
  for (Op *op = g->first, *next; op; op = next) {
    next = op->next;
    rw_operands(&s->rw, op);
    for (int i = 0; i < op->nreg; i++) sweep(s, op->reg[i]);
    if (!is_mergeable(op)) continue;
    uint64_t hash = hash_of(s, op);
    Op *first = find(s, op, hash);
    if (!first) enter(s, op, hash);
    else if (op->nres == 0) op_remove(op);
    else if (first->parent != g && is_free(op)) s->canon[op->res[0]->id] = first->res[0];
    else rw_replace(&s->rw, op->res[0], first->res[0]);
  }
  rw_results(&s->rw, g);
  leave(s, mark);
}

static void clean(Cse *s, Func *f, Region *g) {
  Arena *a = f->module->ctx->arena;
  s->nbucket = f->nvalue + 61;
  s->canon = NEW_N(a, const Value *, f->nvalue + 1);
  s->bucket = NEW_N(a, Entry *, s->nbucket);
  sweep(s, g);
}

void pass_cse(Func *f) {
  Cse s = {0};
  rw_init(&s.rw, f);
  clean(&s, f, f->body);
  pass_dce(f);
}

void cse_region(Func *f, Region *g) {
  Cse s = {.rw = {.func = f, .ctx = f->module->ctx}}; /* uses are not counted */
  clean(&s, f, g);
}
