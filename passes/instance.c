/* instance.c - ints as sums of unknowns, in two instances of what a loop does.
 * Two operations are looked at each as often as it is done; side one is some time that the first is done, side other some time that
 * the second is.  What is the same for both, the loops around both in the same iteration and what is computed there, is one unknown; what
 * may differ is two.  An index is the loop's first one and its step times the number of the iteration, and that number is not
 * negative and less than the end allows.  What is no such sum, a number read from a table, is an unknown that nothing is known of. */
#include "passes/instance.h"
#include <string.h>

enum { MAX_DEPTH = 12 };

void pair_init(Pair *p, Ctx *c, const Region *shared) {
  *p = (Pair){.ctx = c, .shared = shared};
  system_init(&p->sys, c->arena);
}

/* ---- unknowns ---------------------------------------------------------------------------------------------------------------- */

static Side side_of(const Pair *p, Side side, const Region *r) { return region_within(p->shared, r) ? SIDE_BOTH : side; }

/* true: it is a new one. */
static bool unknown(Pair *p, Side side, const void *what, Linear *x) {
  for (int i = 0; i < p->nkey; i++)
    if (p->key[i].what == what && p->key[i].side == side) {
      *x = linear_var(p->key[i].var);
      return false;
    }
  int var = system_var(&p->sys);
  if (p->nkey < INSTANCE_KEYS) p->key[p->nkey++] = (Key){what, side, var};
  *x = linear_var(var);
  return true;
}

static Linear fresh(Pair *p) { return linear_var(system_var(&p->sys)); }

static Linear linear(Pair *p, Side side, const Value *v, int depth);
static Linear of_dim(Pair *p, Side side, const Region *where, const Dim *d, int depth);

static Linear leaf(Pair *p, Side side, const Value *v) {
  Linear x;
  unknown(p, side_of(p, side, region_of(v)), v, &x);
  return x;
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------------------------ */

static Linear add(Pair *p, Linear x, int64_t k, Linear y) { return linear_sum(&p->sys, x, k, y); }

static Linear times(Pair *p, int64_t k, Linear x) { return add(p, linear_const(0), k, x); }

/* The larger (sign 1) or the smaller (-1). */
static Linear extreme(Pair *p, Linear x, Linear y, int sign) {
  Linear m = fresh(p);
  system_at_least(&p->sys, times(p, sign, m), times(p, sign, x));
  system_at_least(&p->sys, times(p, sign, m), times(p, sign, y));
  system_either(&p->sys, add(p, times(p, sign, x), -sign, m), add(p, times(p, sign, y), -sign, m));
  return m;
}

/* x // k, and what is left over. */
static Linear quotient(Pair *p, Linear x, int64_t k, Linear *rest) {
  Linear q = fresh(p);
  *rest = add(p, x, -k, q);
  system_at_least(&p->sys, *rest, linear_const(0));
  system_less(&p->sys, *rest, linear_const(k));
  return q;
}

/* ---- dimensions ------------------------------------------------------------------------------------------------------------------- */

static const Value *binder(const Region *r, const Sym *sym) {
  for (; r; r = r->parent ? r->parent->parent : NULL)
    for (const Op *op = r->first; op; op = op->next)
      if (op->code == OP_sym && op->u.sym == sym) return op->opd[0];
  return NULL;
}

static Linear of_sym(Pair *p, Side side, const Region *where, const Sym *s, int depth) {
  Linear x;
  const Value *v = s->kind == SYM_VALUE ? binder(where, s) : NULL;
  if (v) x = linear(p, side, v, depth);
  else if (s->kind == SYM_VALUE) x = fresh(p);
  else unknown(p, SIDE_BOTH, s, &x);
  if (s->nonneg) system_at_least(&p->sys, x, linear_const(0));
  return x;
}

static Linear of_atom(Pair *p, Side side, const Region *where, const Atom *a, int depth) {
  int64_t k;
  Linear rest;
  if (a->kind == ATOM_SYM) return of_sym(p, side, where, a->sym, depth);
  if (a->kind == ATOM_FLOORDIV) {
    if (!dim_is_const(a->b, &k) || k <= 0) return fresh(p);
    return quotient(p, of_dim(p, side, where, a->a, depth), k, &rest);
  }
  Linear x = of_dim(p, side, where, a->a, depth), y = of_dim(p, side, where, a->b, depth);
  return extreme(p, x, y, a->kind == ATOM_MAX ? 1 : -1);
}

static bool is_sum(const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    if (d->term[i].nfactor > 1) return false;
  return d->den == 1;
}

static Linear of_dim(Pair *p, Side side, const Region *where, const Dim *d, int depth) {
  Linear sum = linear_const(0);
  if (depth == 0) return fresh(p);
  if (!is_sum(d)) {
    if (dim_has_kind(d, SYM_VALUE)) return fresh(p);
    unknown(p, SIDE_BOTH, d, &sum);
    return sum;
  }
  for (int i = 0; i < d->nterm; i++) {
    const Mono *m = &d->term[i];
    sum = add(p, sum, m->coef, m->nfactor ? of_atom(p, side, where, m->factor[0], depth - 1) : linear_const(1));
  }
  return sum;
}

/* ---- loops ---------------------------------------------------------------------------------------------------------------------- */

static void turn_is_in_range(Pair *p, Side side, const Op *loop, Linear t, int depth) {
  int64_t step;
  system_at_least(&p->sys, t, linear_const(0));
  if (loop->code != OP_for || !splat_int(loop->opd[2], &step) || !step) return;
  Linear i = add(p, linear(p, side, loop->opd[0], depth), step, t), end = linear(p, side, loop->opd[1], depth);
  if (step > 0) system_less(&p->sys, i, end);
  else system_less(&p->sys, end, i);
}

static Linear turn(Pair *p, Side side, const Op *loop, int depth) {
  Linear t;
  bool is_new = unknown(p, side_of(p, side, loop_body(loop)), loop, &t);
  if (is_new) turn_is_in_range(p, side, loop, t, depth);
  return t;
}

/* A parameter of a loop: its index, or what grows by a constant from iteration to iteration. */
static Linear param(Pair *p, Side side, const Value *v, int depth) {
  const Op *loop = v->region->parent;
  int64_t step;
  if (!loop || !op_is_loop(loop)) return leaf(p, side, v);
  int k = 0;
  while (v->region->param[k] != v) k++;
  k -= loop_nindex(loop);
  bool is_index = k < 0;
  const Value *first = is_index ? loop->opd[0] : loop->opd[loop_ninit(loop) + k];
  if (is_index ? !splat_int(loop->opd[2], &step) || !step : !loop_counts(loop, k, &step))
    return leaf(p, side, v->region == loop_body(loop) ? v : loop_carried(loop, k));
  return add(p, linear(p, side, first, depth), step, turn(p, side, loop, depth));
}

/* ---- values ----------------------------------------------------------------------------------------------------------------------- */

static Linear element(Pair *p, Side side, const Value *v, const Linear *at, int depth);

/* Sums of operands, and multiples of one; of their elements at `at`. */
static bool combined(Pair *p, Side side, const Op *op, const Linear *at, int depth, Linear *x) {
  int64_t k;
  switch (op->code) {
  case OP_add:
  case OP_sub:
    *x = add(p, element(p, side, op->opd[0], at, depth), op->code == OP_add ? 1 : -1, element(p, side, op->opd[1], at, depth));
    return true;
  case OP_mul:
    for (int i = 0; i < 2; i++) {
      if (!splat_int(op->opd[i], &k)) continue;
      *x = times(p, k, element(p, side, op->opd[1 - i], at, depth));
      return true;
    }
    return false;
  default: return false;
  }
}

static bool computed(Pair *p, Side side, const Op *op, int depth, Linear *x) {
  int64_t k;
  Linear rest;
  switch (op->code) {
  case OP_const: *x = linear_const(op->u.cst.i); return true;
  case OP_dim: *x = of_dim(p, side, op->parent, op->u.dim, depth); return true;
  case OP_sym: *x = linear(p, side, op->opd[0], depth); return true;
  case OP_neg: *x = times(p, -1, linear(p, side, op->opd[0], depth)); return true;
  case OP_max:
  case OP_min:
    *x = extreme(p, linear(p, side, op->opd[0], depth), linear(p, side, op->opd[1], depth), op->code == OP_max ? 1 : -1);
    return true;
  case OP_floordiv:
  case OP_mod:
    if (!splat_int(op->opd[1], &k) || k <= 0) return false;
    *x = quotient(p, linear(p, side, op->opd[0], depth), k, &rest);
    if (op->code == OP_mod) *x = rest;
    return true;
  default: return combined(p, side, op, NULL, depth, x);
  }
}

static Linear linear(Pair *p, Side side, const Value *v, int depth) {
  Linear x;
  if (v->type->rank || v->type->elem != I64 || depth == 0) return leaf(p, side, v);
  if (!v->def) return param(p, side, v, depth - 1);
  return computed(p, side, v->def, depth - 1, &x) ? x : leaf(p, side, v);
}

Linear pair_value(Pair *p, Side side, const Value *v) { return linear(p, side, v, MAX_DEPTH); }

Linear pair_dim(Pair *p, Side side, const Region *where, const Dim *d) { return of_dim(p, side, where, d, MAX_DEPTH); }

Linear pair_turn(Pair *p, Side side, const Op *loop) { return turn(p, side, loop, MAX_DEPTH); }

/* ---- elements ------------------------------------------------------------------------------------------------------------------- */

static bool computed_element(Pair *p, Side side, const Op *op, const Linear *at, int depth, Linear *x) {
  switch (op->code) {
  case OP_iota: *x = at[op->u.axis]; return true;
  case OP_contract: {
    Linear in[MAX_RANK];
    if (!is_relabel(op->res[0])) return false;
    for (int a = 0; a < op->opd[0]->type->rank; a++) {
      in[a] = linear_const(0); /* an axis of length 1 that goes */
      for (int o = 0; o < op->res[0]->type->rank; o++)
        if (op->u.contract.out[o] == op->u.contract.opd[0][a]) in[a] = at[o];
    }
    *x = element(p, side, op->opd[0], in, depth);
    return true;
  }
  default: return combined(p, side, op, at, depth, x);
  }
}

static Linear element(Pair *p, Side side, const Value *v, const Linear *at, int depth) {
  Linear x;
  if (!v->type->rank) return linear(p, side, v, depth);
  if (depth == 0 || v->type->elem != I64 || !v->def || !computed_element(p, side, v->def, at, depth - 1, &x)) return fresh(p);
  return x;
}

Linear pair_element(Pair *p, Side side, const Value *v, const Linear *at) { return element(p, side, v, at, MAX_DEPTH); }

/* ---- what is known where an operation is reached ---------------------------------------------------------------------------------- */

static void holds(Pair *p, Side side, const Value *cond, bool yes, int depth);

static void compares(Pair *p, Side side, const Op *op, bool yes) {
  bool less = op->code == OP_lt || op->code == OP_ge, turned = op->code == OP_gt || op->code == OP_le;
  if (op->opd[0]->type->elem != I64 || op->opd[0]->type->rank) return;
  Linear x = pair_value(p, side, op->opd[0]), y = pair_value(p, side, op->opd[1]);
  if (op->code == OP_ge || op->code == OP_le || op->code == OP_ne) yes = !yes;
  if (less || turned) { /* x < y, or y < x, or not */
    Linear a = less ? x : y, b = less ? y : x;
    if (yes) system_less(&p->sys, a, b);
    else system_at_least(&p->sys, a, b);
  } else if (yes)
    system_equal(&p->sys, x, y);
  else {
    Linear d = add(p, x, -1, y);
    system_either(&p->sys, add(p, d, -1, linear_const(1)), add(p, times(p, -1, d), -1, linear_const(1)));
  }
}

static void holds(Pair *p, Side side, const Value *cond, bool yes, int depth) {
  const Op *op = cond->def;
  if (!op || depth == 0) return;
  switch (op->code) {
  case OP_and:
  case OP_or:
    if (yes != (op->code == OP_and)) return;
    for (int i = 0; i < 2; i++) holds(p, side, op->opd[i], yes, depth - 1);
    return;
  case OP_not: holds(p, side, op->opd[0], !yes, depth - 1); return;
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge:
  case OP_eq:
  case OP_ne: compares(p, side, op, yes); return;
  default: return;
  }
}

void pair_reach(Pair *p, Side side, const Region *r, const Region *outermost) {
  for (;; r = r->parent->parent) {
    const Op *op = r->parent;
    if (op && op_is_loop(op)) pair_turn(p, side, op);
    if (op && op->code == OP_while) holds(p, side, op->reg[0]->res[0], true, MAX_DEPTH);
    if (op && op->code == OP_if) holds(p, side, op->opd[0], r == op->reg[0], MAX_DEPTH);
    if (r == outermost || !op) return;
  }
}
