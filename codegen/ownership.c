/* ownership.c - which values live in one memory: updates in place, carried values, what branches yield.
 *
 * Requires: places (place.c).  Ensures: ValueInfo.home.  Two values have one home only if neither is read, directly or
 * through values computed where they are used, after the other has been written; what a loop carries, its results and
 * the parameters that stand for it always have one.  A value computed where it is used is stored instead where that
 * lets an update be made in place.
 *
 * Values that would best share memory (the operand and the result of an update; what is carried and what is yielded for
 * it) are merged into classes, one pair at a time, as phis are when SSA form is left. */
#include "codegen/plan.h"

typedef struct Use {
  int pos;
  Op *op;
  const Region *region;
  int k;
  struct Use *next;
} Use;                  /* op NULL: yielded as result k */
enum { USE_KEPT = -1 }; /* k of a use that stands for a loop's needs */

typedef struct Owner {
  Plan *p;
  Use **use;     /* by value */
  int *def;      /* by value: position from which on its memory holds it */
  Value **value; /* by id; NULL: cannot share */
  int *next;     /* by value: the next of its class; -1 */
  int pos;
} Owner;

/* ---- positions --------------------------------------------------------------------------------------------------- */

static void add_use(Owner *o, const Value *v, Op *op, const Region *r, int k) {
  Use *u = NEW(o->p->ctx->arena, Use);
  *u = (Use){o->pos, op, r, k, o->use[v->id]};
  o->use[v->id] = u;
}

static void define(Owner *o, Value *v) {
  o->def[v->id] = o->pos;
  if (o->p->value[v->id].place == PLACE_BUFFER) o->value[v->id] = v;
}

static void number(Owner *o, const Region *r) {
  o->pos++;
  for (int i = 0; i < r->nparam; i++) define(o, r->param[i]);
  for (Op *op = r->first; op; op = op->next) {
    o->pos++;
    for (int k = 0; k < op->nopd; k++) add_use(o, op->opd[k], op, r, k);
    for (int i = 0; i < op->nreg; i++) number(o, op->reg[i]);
    o->pos += op->nreg > 0;
    for (int i = 0; i < op->nres; i++) define(o, op->res[i]);
  }
  o->pos++;
  for (int i = 0; i < r->nres; i++) add_use(o, r->res[i], NULL, r, i);
  /* The condition of a while leaves what is carried as it is. */
  for (int i = 0; r->parent && r->parent->code == OP_while && r == r->parent->reg[0] && i < r->nparam; i++)
    add_use(o, r->param[i], NULL, r, USE_KEPT);
}

/* ---- interference ------------------------------------------------------------------------------------------------ */

static bool exclusive(const Region *a, const Region *b) {
  for (const Region *r = a; r->parent; r = r->parent->parent)
    if (r->parent->code == OP_if && !region_within(b, r) && region_within(b, r->parent->parent))
      for (int i = 0; i < 2; i++)
        if (region_within(b, r->parent->reg[i])) return true;
  return false;
}

static bool within_op(const Region *r, const Op *op) {
  for (int i = 0; i < op->nreg; i++)
    if (region_within(r, op->reg[i])) return true;
  return false;
}

/* b is written again and again while a is to stay: a loop around b, but not around a, holds the use. */
static bool comes_again(const Region *use, const Value *a, const Value *b) {
  const Region *from = region_of(a);
  for (const Region *r = region_of(b); r->parent && !within_op(from, r->parent); r = r->parent->parent) {
    if (r == from) return false;
    if (op_is_loop(r->parent) && within_op(use, r->parent)) return true;
  }
  return false;
}

static bool same_op(const Value *b, const Op *op) { return b->def ? b->def == op : b->region->parent == op; }

/* Whether the use u of a, direct or of something computed from a on the spot, still needs a's memory when b is written.
 */
static bool after(Owner *o, const Use *u, const Value *a, bool direct, const Value *b) {
  if (comes_again(u->region, a, b)) return true;
  if (exclusive(u->region, region_of(b))) return false;
  if (!u->op || !same_op(b, u->op)) return u->pos > o->def[b->id];
  if (!b->def)
    return !direct || u->k - loop_ninit(u->op) + loop_nindex(u->op) < 0 ||
           b != b->region->param[u->k - loop_ninit(u->op) + loop_nindex(u->op)];
  if (u->op->nreg) return false;
  if (op_is_update(u->op)) return direct ? u->k > 0 : u->k != 1 || !stores_in_step(o->p, u->op, a);
  return unit_kind(u->op, PLACE_BUFFER) != UNIT_STORE || !reads_in_step(o->p, u->op, a);
}

typedef enum { AS_IT_IS, IF_STORED, STORE } Mend;

/* v is a, or computed from a where it is used.  With a mend, such values count (IF_STORED) or are made (STORE) as
 * stored where they stand, if that is before b is written. */
static bool live_after(Owner *o, const Value *a, const Value *v, const Value *b, Mend mend) {
  for (const Use *u = o->use[v->id]; u; u = u->next) {
    Value *y = u->op && u->op->nres == 1 ? u->op->res[0] : NULL;
    if (!y || o->p->value[y->id].place != PLACE_VIRTUAL || y == b) {
      if (after(o, u, a, v == a, b)) return true;
      continue;
    }
    if (!live_after(o, a, y, b, mend)) continue;
    if (mend == AS_IT_IS || y->type->rank == 0 || after(o, u, a, v == a, b)) return true;
    if (mend == STORE) {
      o->p->value[y->id].place = PLACE_BUFFER;
      o->value[y->id] = y;
    }
  }
  return false;
}

static bool interfere(Owner *o, const Value *a, const Value *b, Mend mend) {
  if (exclusive(region_of(a), region_of(b))) return false;
  int da = o->def[a->id], db = o->def[b->id];
  if (da == db) return true;
  return da < db ? live_after(o, a, a, b, mend) : live_after(o, b, b, a, mend);
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

static bool classes_interfere(Owner *o, int a, int b, Mend mend) {
  for (int i = a; i >= 0; i = o->next[i])
    for (int j = b; j >= 0; j = o->next[j])
      if (interfere(o, o->value[i], o->value[j], mend)) return true;
  return false;
}

static void join(Owner *o, int a, int b) {
  int last = a;
  while (o->next[last] >= 0) last = o->next[last];
  o->next[last] = b;
  for (int i = a; i >= 0; i = o->next[i]) {
    o->p->value[i].home = a;
    o->p->value[i].shared = true;
  }
}

static void try_join(Owner *o, const Value *x, const Value *y) {
  if (!o->value[x->id] || !o->value[y->id] || x->type != y->type) return;
  int a = o->p->value[x->id].home, b = o->p->value[y->id].home;
  if (a == b || classes_interfere(o, a, b, IF_STORED)) return;
  classes_interfere(o, a, b, STORE);
  join(o, a, b);
}

static void join_carried(Owner *o, Op *op) {
  for (int i = 0; op_is_loop(op) && i < op->nres; i++)
    for (int r = 0; op->res[i]->type->rank && r < op->nreg; r++)
      join(o, o->p->value[op->res[i]->id].home, carried(op, r, i)->id);
}

static void join_update(Owner *o, Op *op) {
  if (op_is_update(op)) try_join(o, op->opd[0], op->res[0]);
}

/* A product is added where what it is added to was. */
static void join_sum(Owner *o, Op *op) {
  int k = accumulates(o->p, op);
  if (k >= 0) try_join(o, op->opd[1 - k], op->res[0]);
}

static void join_next(Owner *o, Op *op) {
  for (int i = 0; op_is_loop(op) && i < op->nres; i++) try_join(o, op->res[i], loop_body(op)->res[i]);
}

static void join_initial(Owner *o, Op *op) {
  for (int i = 0; op_is_loop(op) && i < op->nres; i++) try_join(o, op->opd[loop_ninit(op) + i], op->res[i]);
}

static void join_branches(Owner *o, Op *op) {
  for (int i = 0; op->code == OP_if && i < op->nres; i++)
    for (int r = 0; r < 2; r++) try_join(o, op->res[i], op->reg[r]->res[i]);
}

/* Inner regions first: what happens there happens most often. */
static void for_ops(Owner *o, const Region *r, void (*f)(Owner *, Op *)) {
  for (Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) for_ops(o, op->reg[i], f);
    f(o, op);
  }
}

bool same_memory(const Plan *p, const Value *a, const Value *b) {
  return p->value[a->id].place == PLACE_BUFFER && p->value[b->id].place == PLACE_BUFFER &&
         p->value[a->id].home == p->value[b->id].home;
}

void plan_ownership(Plan *p) {
  int n = p->f->nvalue + 1;
  Arena *a = p->ctx->arena;
  Owner o = {.p = p,
             .use = NEW_N(a, Use *, n),
             .def = NEW_N(a, int, n),
             .value = NEW_N(a, Value *, n),
             .next = NEW_N(a, int, n)};
  for (int i = 0; i < n; i++) o.next[i] = -1;
  number(&o, p->f->body);
  void (*const step[])(Owner *, Op *) = {join_carried, join_update, join_branches, join_next, join_initial, join_sum};
  for (size_t i = 0; i < sizeof step / sizeof *step; i++) for_ops(&o, p->f->body, step[i]);
}
