/* join.c - a loop over entries and a later one over the same entries become one loop.
 *
 * [f(q[i, :]) for i < n], where f has a loop of its own, is a loop over i, and its adjoint another: what the one computes for an entry
 * the other reads there, from a tape of n entries.  Done entry by entry, the tape is that of one entry:
 *
 *     for i in 0..n     … tape' = set tape, v, i        for i in 0..n … v …
 *                                                 ═►                  … v …
 *     for i in n-1..-1  … v = gather tape, i
 *
 * The second loop's iterations must not depend on each other (entries.c), nor on more of the first than its results at their own entry.
 * What the second does again of an inner loop, to have a tape of it, then stands beside that: it is done once, with the tape.
 * Requires: an optimised function that is not differentiated any more.  Ensures: the same results, up to the order of sums. */
#include "passes/pass.h"

enum { FUEL = 2000000 };

typedef struct Join {
  Func *func;
  Ctx *ctx;
  int64_t fuel; /* operations to look at */
  bool *wanted; /* by value id: of what stands between the loops, what the second needs before it */
  bool *sym;    /* by symbol id: likewise */
  bool *reads;  /* by value id: tensors that the first loop reads an entry of */
} Join;

/* ---- what may be joined ------------------------------------------------------------------------------------------------- */

static bool is_independent(const Op *loop, Dim *n) {
  for (int k = 0; k < loop->nres; k++)
    if (!entries_set(loop, k, n) && !entries_grow(loop, k)) return false;
  return loop->nres > 0;
}

static bool is_over_entries(Join *j, Op *loop, Dim **n) {
  *n = loop->code == OP_for && !loop->u.loop.parallel ? entries_count(j->ctx, loop) : NULL;
  return *n && is_independent(loop, *n);
}

/* Its checks, if it has some, will be made before (spread.c), or they are now. */
static bool fails_first(Join *j, Op *loop) {
  return !has_effect(loop) || spread_weight(j->func, loop) || checks_come_first(j->func, loop);
}

/* Either both are to be lanes, and also together, or none: but what is short beside the loops in the second may go along with it. */
static bool are_alike(Join *j, Op *first, Op *second) {
  int64_t a = spread_weight(j->func, first), b = spread_weight(j->func, second);
  if (a && !b) return region_has_loop(second->reg[0]);
  return a ? a + b <= SPREAD_MOST : !b;
}

static bool reads_at_counter(const Op *loop, const Op *op) {
  for (int i = 0; op->code == OP_gather && i < op->u.index.naxis; i++)
    if (op->opd[1 + i] == loop->reg[0]->param[0]) return true;
  return false;
}

static void see_reads(Join *j, const Op *loop, const Region *g, bool mark, bool *found) {
  for (const Op *op = g->first; op; op = op->next) {
    j->fuel--;
    if (reads_at_counter(loop, op)) {
      if (mark) j->reads[op->opd[0]->id] = true;
      else *found |= j->reads[op->opd[0]->id];
    }
    for (int i = 0; i < op->nreg; i++) see_reads(j, loop, op->reg[i], mark, found);
  }
}

static int own_reads(const Op *loop, const Region *g, const Value *v) {
  int n = 0;
  for (const Op *op = g->first; op; op = op->next) {
    n += op->code == OP_gather && op->opd[0] == v && is_own_entry(loop, op);
    for (int i = 0; i < op->nreg; i++) n += own_reads(loop, op->reg[i], v);
  }
  return n;
}

/* The second reads what the first has set, at its own entry, or at least the same tensor. */
static bool share(Join *j, Op *first, Op *second, Dim *n) {
  bool found = false;
  for (int k = 0; k < first->nres; k++) {
    int uses = region_count_uses(second->reg[0], first->res[k]);
    if (!uses) continue;
    const Op *op = entries_set(first, k, n);
    if (!op || op->code != OP_set || own_reads(second, second->reg[0], first->res[k]) != uses) return false;
    found = true;
  }
  if (found) return true;
  j->reads = NEW_N(j->ctx->arena, bool, j->func->nvalue + 1);
  see_reads(j, first, first->reg[0], true, &found);
  see_reads(j, second, second->reg[0], false, &found);
  return found;
}

/* ---- what stands between ------------------------------------------------------------------------------------------------ */

static void want_value(void *env, Value *v) {
  Join *j = env;
  j->wanted[v->id] = true;
  j->fuel--;
}

static void want_sym(void *env, Sym *s) { ((Join *)env)->sym[s->id] = true; }

static void want(Join *j, const Op *op) {
  op_each_use(op, want_value, j);
  op_each_sym(op, want_sym, j);
}

static bool is_wanted(const Join *j, const Op *op) {
  bool is = op->code == OP_sym && j->sym[op->u.sym->id];
  for (int k = 0; k < op->nres; k++) is |= j->wanted[op->res[k]->id];
  return is;
}

/* A check in the first loop may be what keeps it from going astray. */
static bool can_move(const Op *first, const Op *op) {
  Family f = op_info[op->code].family;
  return !has_effect(first) || (!op->nreg && f != FAM_INDEX && f != FAM_CALL);
}

/* Everything that the second loop needs can be had before the first; then wanted tells what. */
static bool is_before(Join *j, const Op *first, const Op *second) {
  j->wanted = NEW_N(j->ctx->arena, bool, j->func->nvalue + 1);
  j->sym = NEW_N(j->ctx->arena, bool, j->ctx->next_sym + 1);
  for (int i = 0; i < second->nopd; i++) want_value(j, second->opd[i]);
  for (int r = 0; r < second->nreg; r++) region_each_use(second->reg[r], want_value, j);
  op_each_sym(second, want_sym, j);
  for (int k = 0; k < first->nres; k++) j->wanted[first->res[k]->id] = false; /* as entries */
  for (const Op *op = second->prev; op != first; op = op->prev) {
    j->fuel--;
    if (has_effect(op)) return false;
    if (!is_wanted(j, op)) continue;
    if (!can_move(first, op)) return false;
    want(j, op);
  }
  for (int i = 0; i < second->nopd; i++)
    if (second->opd[i]->def == first) return false;
  return !is_wanted(j, first);
}

/* ---- joining ------------------------------------------------------------------------------------------------------------ */

static void replace_entries(Region *g, const Op *loop, const Value *tape, Value *v) {
  for_each_op(op, g) {
    if (op->code == OP_gather && op->opd[0] == tape && is_own_entry(loop, op)) region_replace_uses(loop->reg[0], op->res[0], v);
    for (int i = 0; i < op->nreg; i++) replace_entries(op->reg[i], loop, tape, v);
  }
}

static void move_between(const Join *j, Op *first, const Op *second) {
  for (Op *op = first->next, *next; op != second; op = next) {
    next = op->next;
    if (is_wanted(j, op)) op_move_before(op, first);
  }
}

static void join(Join *j, Op *first, Op *second, Dim *n) {
  Region *to = first->reg[0], *from = second->reg[0];
  Builder b = {.ctx = j->ctx, .func = j->func, .region = to, .loc = second->loc};
  int had = first->nres;
  move_between(j, first, second);
  for (int k = 0; k < had; k++)
    if (region_count_uses(from, first->res[k])) replace_entries(from, second, first->res[k], entries_set(first, k, n)->opd[1]);
  for (int k = 0; k < second->nres; k++) {
    Value *held = loop_add_carried(first, second->opd[loop_ninit(second) + k], from->param[1 + k]->name);
    region_replace_uses(from, from->param[1 + k], held);
  }
  region_replace_uses(from, from->param[0], to->param[0]);
  Op *end = b_int(&b, 0)->def; /* dead: a place to move to */
  for_each_op(op, from) op_move_before(op, end);
  for (int k = 0; k < second->nres; k++) {
    region_add_result(to, from->res[k]);
    region_replace_uses(first->parent, second->res[k], first->res[had + k]);
  }
  op_remove(second);
}

/* ---- a loop that another one does too ----------------------------------------------------------------------------------- */

typedef struct Twins {
  Op *a, *b;
  const Value **same; /* by value id: of a's regions, what it was seen to equal in b's */
  int *twin;          /* by carried value of a: the one of b that begins as it does and goes on as it does; -1: there is none */
  int64_t *fuel;
} Twins;

/* If carried values that are twins are equal. */
static bool is_same(Twins *t, int r, const Value *x, const Value *y) {
  const Region *ra = t->a->reg[r], *rb = t->b->reg[r];
  if (x == y || t->same[x->id] == y) return true;
  if (region_of(x) != ra || region_of(y) != rb || !x->def || !y->def || --*t->fuel < 0) return false;
  if (!is_mergeable(x->def) || !op_same(x->def, y->def)) return false;
  for (int i = 0; i < x->def->nopd; i++)
    if (!is_same(t, r, x->def->opd[i], y->def->opd[i])) return false;
  t->same[x->id] = y;
  return true;
}

static bool is_taken(const Twins *t, int i) {
  for (int k = 0; k < t->a->nres; k++)
    if (t->twin[k] == i) return true;
  return false;
}

static int begins_alike(const Twins *t, int k) {
  int first = loop_ninit(t->a);
  for (int i = 0; i < t->b->nres; i++)
    if (t->a->opd[first + k] == t->b->opd[first + i] && t->a->res[k]->type == t->b->res[i]->type && !is_taken(t, i)) return i;
  return -1;
}

static void assume_twins(Join *j, Twins *t) {
  t->same = NEW_N(j->ctx->arena, const Value *, j->func->nvalue + 1);
  j->fuel -= j->func->nvalue / 8;
  for (int r = 0; r < t->a->nreg; r++) {
    bool body = t->a->reg[r] == loop_body(t->a);
    if (body && loop_nindex(t->a)) t->same[t->a->reg[r]->param[0]->id] = t->b->reg[r]->param[0];
    for (int k = 0; k < t->a->nres; k++)
      if (t->twin[k] >= 0) t->same[carried(t->a, r, k)->id] = carried(t->b, r, t->twin[k]);
  }
}

/* Those of the values that begin alike that stay so; how many there are. */
static int find_twins(Join *j, Twins *t) {
  int n = t->a->nres, left = 0;
  for (int k = 0; k < n; k++) t->twin[k] = -1;
  for (int k = 0; k < n; k++) left += (t->twin[k] = begins_alike(t, k)) >= 0;
  for (bool again = true; again && left && j->fuel > 0;) {
    again = false;
    assume_twins(j, t);
    for (int k = 0; k < n; k++) {
      const Value *x = loop_body(t->a)->res[k];
      if (t->twin[k] < 0 || is_same(t, t->a->nreg - 1, x, loop_body(t->b)->res[t->twin[k]])) continue;
      t->twin[k] = -1;
      left--;
      again = true;
    }
  }
  return left;
}

static bool turn_alike(Join *j, Twins *t) {
  for (int i = 0; i < loop_ninit(t->a); i++)
    if (t->a->opd[i] != t->b->opd[i]) return false;
  if (!find_twins(j, t)) return false;
  return t->a->code == OP_for || is_same(t, 0, t->a->reg[0]->res[0], t->b->reg[0]->res[0]);
}

/* What a does besides, b does too. */
static void do_rest(Join *j, Twins *t) {
  Op *a = t->a, *b = t->b;
  Region *from = loop_body(a), *to = loop_body(b);
  CloneMap *m = clone_map_new(j->ctx, j->func, j->func);
  int had = b->nres, n = 0;
  if (loop_nindex(a)) clone_map_value(m, from->param[0], to->param[0]);
  for (int k = 0; k < a->nres; k++) {
    Value *held = from->param[loop_nindex(a) + k];
    bool is = t->twin[k] >= 0;
    clone_map_value(m, held, is ? carried(b, b->nreg - 1, t->twin[k]) : loop_add_carried(b, a->opd[loop_ninit(a) + k], held->name));
  }
  Builder build = {.ctx = j->ctx, .func = j->func, .region = to};
  for (Op *op = from->first; op; op = op->next) {
    build.loc = op->loc;
    clone_share(m, op);
    clone_op(m, &build, op);
  }
  for (int k = 0; k < a->nres; k++) {
    if (t->twin[k] >= 0) continue;
    Value *next = clone_lookup(m, from->res[k]);
    region_add_result(to, next ? next : from->res[k]);
    t->twin[k] = had + n++;
  }
}

static bool do_once(Join *j, Op *a, Op *b) {
  Twins t = {a, b, NULL, NEW_N(j->ctx->arena, int, a->nres + 1), &j->fuel};
  for (int k = 0; k < a->nres; k++)
    for (int r = 0; r < b->nreg; r++)
      if (region_count_uses(b->reg[r], a->res[k])) return false;
  if (has_effect(a) || has_effect(b) || !turn_alike(j, &t) || !is_before(j, a, b)) return false;
  move_between(j, a, b);
  op_move_before(b, a);
  bool all = true;
  for (int k = 0; k < a->nres; k++) all &= t.twin[k] >= 0;
  if (!all) do_rest(j, &t);
  for (int k = 0; k < a->nres; k++) region_replace_uses(a->parent, a->res[k], b->res[t.twin[k]]);
  op_remove(a);
  return true;
}

static void do_loops_once(Join *j, Region *g) {
  for_each_op(a, g) {
    for (int i = 0; i < a->nreg; i++) do_loops_once(j, a->reg[i]);
    if (!op_is_loop(a) || !a->nres || a->u.loop.checkpoint) continue;
    for (Op *b = a->next; b && j->fuel > 0; b = b->next) {
      j->fuel--;
      if (b->code == a->code && !b->u.loop.checkpoint && do_once(j, a, b)) break;
    }
  }
}

/* ------------------------------------------------------------------------------------------------------------------------- */

static bool join_next(Join *j, Op *first) {
  Dim *n, *m;
  if (!is_over_entries(j, first, &n)) return false;
  for (Op *op = first->next; op && j->fuel > 0; op = op->next) {
    j->fuel--;
    if (op->code != OP_for || !is_over_entries(j, op, &m) || m != n || has_effect(op)) continue;
    if (!share(j, first, op, n) || !is_before(j, first, op) || !are_alike(j, first, op)) continue;
    if (!fails_first(j, first)) return false;
    join(j, first, op, n);
    return true;
  }
  return false;
}

static bool join_region(Join *j, Region *g) {
  bool any = false;
  for (Op *op = g->last; op; op = op->prev) {
    for (int i = 0; i < op->nreg; i++) any |= join_region(j, op->reg[i]);
    bool joined = false;
    while (op->code == OP_for && join_next(j, op)) joined = true;
    if (joined) join_region(j, op->reg[0]);
    any |= joined;
  }
  return any;
}

void pass_join(Func *f) {
  Join j = {.func = f, .ctx = f->module->ctx, .fuel = FUEL};
  if (!join_region(&j, f->body)) return;
  pass_cse(f); /* and dce */
  do_loops_once(&j, f->body);
  pass_cse(f);
}
