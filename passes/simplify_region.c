/* simplify_region.c - control flow that is decided at compile time, and carried values that never change.
 * Requires: the operands of op are up to date.  Ensures: what is dropped or moved is equivalent; results that a rule replaces
 * wait for dce. */
#include "passes/pass.h"

/* Puts the operations of r before op, where n values stand for its last parameters. */
static Op *splice(Simplify *s, Op *op, Region *r, int skip, Value *const *args) {
  Op *first = r->first ? r->first : op->next;
  for (int i = skip; i < r->nparam; i++) rw_replace(&s->rw, r->param[i], args[i - skip]);
  for_each_op(in, r) op_move_before(in, op);
  return first;
}

static void replace_results(Simplify *s, Op *op, Value *const *by) {
  for (int i = 0; i < op->nres; i++) rw_replace(&s->rw, op->res[i], by[i]);
}

/* ---- for ---------------------------------------------------------------------------------------------------------------------- */

typedef enum { TRIPS_UNKNOWN, TRIPS_NONE, TRIPS_ONE } Trips;

static Trips trips_of(Ctx *c, const Op *op) {
  Dim *lo = value_dim(c, op->opd[0]), *hi = value_dim(c, op->opd[1]), *one = dim_const(c, 1);
  int64_t step;
  if (!lo || !hi || !splat_int(op->opd[2], &step) || !step) return TRIPS_UNKNOWN;
  Dim *second = dim_add(c, lo, dim_const(c, step));
  if (!second) return TRIPS_UNKNOWN;
  if (step > 0 ? dim_le(c, hi, lo) : dim_le(c, lo, hi)) return TRIPS_NONE;
  bool enters = step > 0 ? dim_le(c, dim_add(c, lo, one), hi) : dim_le(c, dim_add(c, hi, one), lo);
  bool leaves = step > 0 ? dim_le(c, hi, second) : dim_le(c, second, hi);
  return enters && leaves ? TRIPS_ONE : TRIPS_UNKNOWN;
}

static Op *decide_for(Simplify *s, Op *op) {
  Region *r = op->reg[0];
  Trips trips = trips_of(s->ctx, op);
  Op *next = op->next;
  if (trips == TRIPS_UNKNOWN) return NULL;
  if (trips == TRIPS_ONE) {
    rw_replace(&s->rw, r->param[0], op->opd[0]);
    next = splice(s, op, r, 1, op->opd + 3);
  }
  replace_results(s, op, trips == TRIPS_ONE ? r->res : op->opd + 3);
  op_remove(op);
  return next;
}

/* ---- if, while ------------------------------------------------------------------------------------------------------------------ */

static Op *decide_if(Simplify *s, Op *op) {
  int64_t holds;
  if (!splat_int(op->opd[0], &holds)) return NULL;
  Region *r = op->reg[holds ? 0 : 1];
  Op *next = splice(s, op, r, 0, NULL);
  replace_results(s, op, r->res);
  op_remove(op);
  return next;
}

static Op *decide_while(Simplify *s, Op *op) {
  int64_t holds;
  Region *r = op->reg[0];
  if (!splat_int(rw_get(&s->rw, r->res[0]), &holds) || holds) return NULL;
  Op *next = splice(s, op, r, 0, op->opd);
  replace_results(s, op, op->opd);
  op_remove(op);
  return next;
}

/* A value that every iteration yields as it came, or that is the initial one again. */
static void unchanged_carried(Simplify *s, Op *op, int *fuel) {
  Region *body = loop_body(op);
  for (int i = 0; i < op->nres; i++) {
    Value *init = op->opd[loop_ninit(op) + i], *next = rw_get(&s->rw, body->res[i]), *p = body->param[loop_nindex(op) + i];
    if (next != p && next != init) continue;
    --*fuel;
    for (int r = 0; r < op->nreg; r++) rw_replace(&s->rw, op->reg[r]->param[loop_nindex(op) + i], init);
    rw_replace(&s->rw, op->res[i], init);
  }
}

/* What is added to carried value i in each turn, if it is a dimension; NULL: it is not. */
static Dim *added_each_turn(Simplify *s, const Op *loop, int i) {
  const Region *body = loop->reg[0];
  const Op *add = rw_get(&s->rw, body->res[i])->def;
  if (!add || add->code != OP_add || add->parent != body) return NULL;
  bool first = rw_get(&s->rw, add->opd[0]) == body->param[1 + i];
  if (rw_get(&s->rw, add->opd[!first]) != body->param[1 + i]) return NULL;
  Dim *by = value_dim(s->ctx, rw_get(&s->rw, add->opd[first]));
  return by && !region_binds(body, by) ? by : NULL;
}

/* What a loop counts by adding a number each time, as a mean does its terms, is known without it; of loops in loops, for the inner one
 * has it begin with what the outer one holds. */
static void counted(Simplify *s, Op *op, int *fuel) {
  for (int i = 0; i < op->nres; i++) {
    bool number = op->res[i]->type->rank == 0 && op->res[i]->type->elem == I64;
    Dim *by = number && rw_uses(&s->rw, op->res[i]) > 0 ? added_each_turn(s, op, i) : NULL, *n = by ? trip_count(s->ctx, op) : NULL;
    if (!n || !(n = dim_mul(s->ctx, n, by))) continue;
    Builder b = {.ctx = s->ctx, .func = s->rw.func, .region = op->parent, .before = op, .loc = op->loc};
    Value *init = op->opd[3 + i];
    Dim *from = value_dim(s->ctx, init), *sum = from ? dim_add(s->ctx, from, n) : NULL;
    Value *count = sum ? b_dim(&b, sum) : b_map2(&b, OP_add, init, b_dim(&b, n));
    for (int k = 0; k < count->def->nopd; k++) rw_use(&s->rw, count->def->opd[k], 1);
    --*fuel;
    rw_replace(&s->rw, op->res[i], count);
  }
}

/* ---- entries that an iteration alone sees ---------------------------------------------------------------------------------------- */

static bool is_inside(const Region *body, const Value *v) { return v->def ? v->def->parent == body : v->region == body; }

/* Another number in every iteration: the index, also negated, or with something added that stays. */
static bool differs(Simplify *s, const Op *loop, Value *v) {
  const Region *body = loop->reg[0];
  v = rw_get(&s->rw, v);
  if (v == body->param[0]) return true;
  if (!is_inside(body, v) || !v->def) return false;
  Value *x = v->def->opd[0], *y = v->def->nopd > 1 ? v->def->opd[1] : NULL;
  int64_t k;
  switch (v->def->code) {
  case OP_neg: return differs(s, loop, x);
  case OP_floordiv: return splat_int(rw_get(&s->rw, y), &k) && (k == 1 || k == -1) && differs(s, loop, x);
  case OP_add:
  case OP_sub:
    if (!is_inside(body, rw_get(&s->rw, x))) return differs(s, loop, y);
    return !is_inside(body, rw_get(&s->rw, y)) && differs(s, loop, x);
  default: return false;
  }
}

/* The index on an axis, of operands that begin at `first`; NULL: none. */
static Value *index_on(Simplify *s, const Op *op, int first, int axis) {
  for (int i = 0; i < op->u.index.naxis; i++)
    if (op->u.index.axis[i] == axis) return rw_get(&s->rw, op->opd[first + i]);
  return NULL;
}

/* Every use of p is an element that has v for its index on the axis; but one, which is known. */
static bool read_there_alone(Simplify *s, const Region *body, Value *p, int axis, const Value *v) {
  int reads = 0;
  for (const Op *op = body->first; op; op = op->next)
    if (op->code == OP_gather && rw_get(&s->rw, op->opd[0]) == p && !op_is_dead(&s->rw, op)) {
      if (index_on(s, op, 1, axis) != v) return false;
      reads++;
    }
  return reads + 1 == rw_uses(&s->rw, p);
}

/* A tensor of which each iteration reads and then sets an entry of its own, and that nobody reads after the loop: what is read is
 * what was there in the beginning.  Adjoints of adjoints are full of them: what is taken from a cotangent is set to zero there. */
static void own_entries(Simplify *s, Op *op, int *fuel) {
  Region *body = op->reg[0];
  for (int i = 0; i < op->nres; i++) {
    Value *p = body->param[1 + i], *next = rw_get(&s->rw, body->res[i]);
    const Op *set = next->def;
    if (rw_uses(&s->rw, op->res[i]) > 0 || !set || set->code != OP_set || set->parent != body) continue;
    if (rw_get(&s->rw, set->opd[0]) != p || rw_uses(&s->rw, next) != 1) continue;
    for (int k = 0; k < set->u.index.naxis; k++) {
      Value *v = rw_get(&s->rw, set->opd[2 + k]);
      if (!differs(s, op, v) || !read_there_alone(s, body, p, set->u.index.axis[k], v)) continue;
      --*fuel;
      rw_replace(&s->rw, p, op->opd[3 + i]);
      break;
    }
  }
}

/* ---- results of if ---------------------------------------------------------------------------------------------------------------- */

/* v, which region r yields, as it is known outside: a value from there, or a scalar constant made anew; else NULL. */
static Value *outside(Simplify *s, const Region *r, Value *v) {
  if (!v->def || v->def->parent != r) return v;
  if (v->def->code != OP_const) return NULL;
  Op *op = b_op(&s->b, OP_const, 0, NULL, 1, &v->type);
  op->u = v->def->u;
  return op->res[0];
}

static Value *chosen(Simplify *s, Op *op, Value *x, Value *y) {
  int64_t p, q;
  if (x == y) return x;
  if (x->type->rank) return NULL;
  if (x->type->elem == BOOL && splat_int(x, &p) && splat_int(y, &q))
    return p == q ? outside(s, op->reg[0], x) : p ? op->opd[0] : b_map1(&s->b, OP_not, op->opd[0]);
  x = outside(s, op->reg[0], x);
  y = x ? outside(s, op->reg[1], y) : NULL;
  return y ? b_select(&s->b, op->opd[0], x, y) : NULL;
}

/* Both branches are known before: what is left is a choice of scalars. */
static void choose_results(Simplify *s, Op *op, int *fuel) {
  Op *before = op->prev;
  s->b = (Builder){.ctx = s->ctx, .func = s->rw.func, .region = op->parent, .before = op, .loc = op->loc};
  for (int i = 0; i < op->nres; i++) {
    if (rw_uses(&s->rw, op->res[i]) <= 0) continue;
    Value *v = chosen(s, op, rw_get(&s->rw, op->reg[0]->res[i]), rw_get(&s->rw, op->reg[1]->res[i]));
    if (!v) continue;
    --*fuel;
    rw_replace(&s->rw, op->res[i], v);
  }
  for (Op *made = before ? before->next : op->parent->first; made != op; made = made->next)
    for (int i = 0; i < made->nopd; i++) rw_use(&s->rw, made->opd[i], 1);
}

/* ---- both ends of a visit --------------------------------------------------------------------------------------------------------- */

Op *simplify_region_before(Simplify *s, Op *op, int *fuel) {
  Op *next = op->code == OP_if ? decide_if(s, op) : op->code == OP_for ? decide_for(s, op) : NULL;
  if (next || !op->parent) --*fuel;
  else if (op->code != OP_if) unchanged_carried(s, op, fuel);
  if (!next && op->parent && op->code == OP_for) own_entries(s, op, fuel);
  if (!next && op->parent && op->code == OP_for) counted(s, op, fuel);
  return next;
}

Op *simplify_region_after(Simplify *s, Op *op, int *fuel) {
  Op *next = op->code == OP_while ? decide_while(s, op) : NULL;
  if (!op->parent) --*fuel;
  else if (op->code == OP_if) choose_results(s, op, fuel);
  return next;
}
