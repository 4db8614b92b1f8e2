/* order.c - what is read of a tensor is read before the tensor is stored over, where the program has it the other way round: then
 * the store is made in place, and nothing is copied.
 *
 *   y = set x, v, i;  …  g = gather x, j        becomes        g = gather x, j;  y = set x, v, i;  …
 *
 * An update is put behind the last operation that reads its operand, if nobody wants its result before.  Otherwise, and where a
 * loop inside does the storing, numbers that are read later are read before it, with the arithmetic that their indices take.
 * Ensures: in every region the operations are the same, in an order that gives the same values. */
#include "passes/pass.h"

enum { MOST = 1000 }; /* changes: they take time in proportion to a region each */

typedef struct Order {
  Region *g;
  int *def, *last; /* by value id: positions of the operation that gives it and of the last that uses it; those of other regions
                    * are less than `first` */
  bool *moves;     /* by value id: its operation is to stand before the update */
  int first, count, pos, changes;
  int guarded; /* position of the first operation from the update on that may fail: what is read behind it may be out of range before */
} Order;

/* ---- positions ----------------------------------------------------------------------------------------------------------------- */

static void note_use(void *env, Value *v) {
  Order *o = env;
  o->last[v->id] = o->pos;
}

/* What the region yields is used behind all its operations. */
static void number(Order *o, Region *g) {
  o->g = g;
  o->first = o->count + 1;
  for (const Op *op = g->first; op; op = op->next) {
    o->pos = ++o->count;
    for (int i = 0; i < op->nres; i++) o->def[op->res[i]->id] = o->pos;
    op_each_use(op, note_use, o);
  }
  o->pos = ++o->count;
  for (int i = 0; i < g->nres; i++) note_use(o, g->res[i]);
}

static bool is_late(const Order *o, const Value *v, int pos) { return region_of(v) == o->g && o->def[v->id] > pos; }

typedef struct Mention { const Value *v; bool found; } Mention;

static void note_mention(void *env, Value *v) {
  Mention *m = env;
  m->found |= v == m->v;
}

static bool uses(const Op *op, const Value *v) {
  Mention m = {v, false};
  op_each_use(op, note_mention, &m);
  return m.found;
}

/* ---- an update goes behind what reads its operand -------------------------------------------------------------------------------- */

/* op, or what is inside it, would like to have its result where x is. */
static bool stores_over(const Op *op, const Value *x) {
  if (op_is_update(op) && op->opd[0] == x) return true;
  for (int i = loop_ninit(op); op_is_loop(op) && i < op->nopd; i++)
    if (op->opd[i] == x) return true;
  for (int r = 0; r < op->nreg; r++)
    for (const Op *in = op->reg[r]->first; in; in = in->next)
      if (stores_over(in, x)) return true;
  return false;
}

static bool sink(Order *o, Op *update, int pos) {
  Value *x = update->opd[0];
  Op *last = update->next;
  for (int i = 1; i < update->nopd; i++)
    if (update->opd[i]->type->rank) return false; /* may be read where it is used */
  for (int p = pos + 1;; p++, last = last->next) {
    if (!last || uses(last, update->res[0]) || stores_over(last, x)) return false;
    if (p == o->last[x->id]) break;
  }
  op_move_before(update, last);
  op_move_before(last, update);
  return true;
}

/* ---- numbers are read before it ------------------------------------------------------------------------------------------------- */

static void note_computed(void *env, Sym *s) { *(bool *)env |= s->kind == SYM_VALUE; }

static bool is_view(const Op *op) { return op->code == OP_slice || op->code == OP_reshape; }

static bool can_move(const Op *op) {
  Family f = op_info[op->code].family;
  bool computed = f == FAM_EFFECT || f == FAM_CALL || f == FAM_REGION || op->code == OP_sym || op->nres != 1;
  op_each_sym(op, note_computed, &computed);
  return !computed;
}

/* The operation is to move before the one at pos, with what it needs. */
static bool mark(Order *o, Op *op, int pos) {
  if (!can_move(op) || o->def[op->res[0]->id] > o->guarded) return false;
  if (o->moves[op->res[0]->id]) return true;
  o->moves[op->res[0]->id] = true;
  for (int i = 0; i < op->nopd; i++) {
    Value *x = op->opd[i];
    if (o->def[x->id] == pos && region_of(x) == o->g) return false;
    if (is_late(o, x, pos) && !((x->type->rank == 0 || is_view(x->def)) && mark(o, x->def, pos))) return false;
  }
  return true;
}

/* All that reads x behind `killer`: numbers, and views of which only numbers are read. */
static bool mark_readers(Order *o, const Value *x, Op *killer, int pos) {
  if (o->last[x->id] == o->count) return false;
  for (Op *op = killer->next; op; op = op->next) {
    if (!uses(op, x)) continue;
    if (!mark(o, op, pos)) return false;
    if (op->res[0]->type->rank && !(is_view(op) && mark_readers(o, op->res[0], op, pos))) return false;
  }
  return true;
}

static bool raise(Order *o, const Value *x, Op *killer, int pos) {
  o->guarded = pos;
  for (const Op *op = killer; op && !has_effect(op); op = op->next) o->guarded++;
  bool can = mark_readers(o, x, killer, pos);
  for_each_op(op, o->g) {
    if (op->nres != 1 || !o->moves[op->res[0]->id]) continue;
    o->moves[op->res[0]->id] = false;
    if (can) op_move_before(op, killer);
  }
  return can;
}

/* ---- what stores over what -------------------------------------------------------------------------------------------------------- */

static bool mend(Order *o, Value *x, Op *op, int pos) {
  if (!x->type->rank || o->last[x->id] <= pos) return false;
  return (op_is_update(op) && x == op->opd[0] && sink(o, op, pos)) || raise(o, x, op, pos);
}

/* For what `in`, which is `op` or inside it, stores over. */
static bool mend_all(Order *o, const Op *in, Op *op, int pos) {
  if (op_is_update(in)) return mend(o, in->opd[0], op, pos);
  for (int i = loop_ninit(in); op_is_loop(in) && i < in->nopd; i++)
    if (mend(o, in->opd[i], op, pos)) return true;
  for (int r = 0; r < in->nreg; r++)
    for (const Op *x = in->reg[r]->first; x; x = x->next)
      if (mend_all(o, x, op, pos)) return true;
  return false;
}

static void order(Order *o, Region *g) {
  number(o, g);
  int pos = o->first;
  for (Op *op = g->first, *next; op; op = next, pos++) {
    next = op->next;
    if (o->changes == MOST || !mend_all(o, op, op, pos)) continue;
    o->changes++;
    number(o, g);
    next = g->first;
    pos = o->first - 1;
  }
  for (Op *op = g->first; op; op = op->next)
    for (int r = 0; r < op->nreg; r++) order(o, op->reg[r]);
}

void pass_order(Func *f) {
  Arena *a = f->module->ctx->arena;
  int n = f->nvalue + 1;
  Order o = {.def = NEW_N(a, int, n), .last = NEW_N(a, int, n), .moves = NEW_N(a, bool, n)};
  order(&o, f->body);
}
