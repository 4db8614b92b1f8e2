/* trap.c - checks that tell where a NaN or an infinity first comes up: --trap-nan.
 *
 * An operation on reals is followed by a check of what it gives, which names its line.  What the program means to be infinite is none
 * of this: literals, the largest element of nothing, and what follows from those by moving or choosing; an operation that gets such a
 * value may give another infinity, though not nan.  Nor is what nobody wants.  Both arms of a condition over the elements of a tensor
 * are computed, and rules of differentiation multiply by mulz, so what is wanted of a value is a mask over its elements:
 *
 *   y = select c, s, 0      s is wanted where c holds        check_finite (|s| < inf or not c)
 *   d = mulz dy, g          g is wanted where dy is not 0    check_finite (|g| < inf or dy == 0)
 *
 * Where there is no such mask (in a loop inside an arm) the value is not checked: what is made of it is.
 * Requires: a function that is not differentiated any more.  Ensures: the same results where no check fails. */
#include "passes/pass.h"
#include <math.h>
#include <string.h>

/* ---- masks: where a value is wanted ----------------------------------------------------------------------------------------- */

typedef struct Mask {
  enum { HOLDS, FAILS, NONZERO, BOTH, EITHER, ALONG } kind;
  Value *v;               /* HOLDS, FAILS, NONZERO: of the shape of what is masked; ALONG: op's result */
  const struct Mask *a, *b;
  const Op *op;           /* ALONG: a is of its result, this is of its operand k */
  int k, size;
} Mask;

enum { MAX_MASK = 16 };

typedef struct Want {
  enum { NOWHERE, THERE, EVERYWHERE, UNTOLD } where; /* THERE: where the mask says; UNTOLD: nobody can say */
  const Mask *mask;
} Want;

typedef struct Trap {
  Func *f;
  Ctx *ctx;
  int n;          /* values with facts */
  Want *want;     /* by value id */
  bool *open;     /* by value id: may be nan or infinite unseen, for it is not checked */
  bool *meant;    /* by value id: may be infinite because the program says so */
  int *at;        /* by value id: its place in its region */
  bool changed;
} Trap;

static const Mask *new_mask(Trap *t, Mask m) {
  m.size = 1 + (m.a ? m.a->size : 0) + (m.b ? m.b->size : 0);
  if (m.size > MAX_MASK) return NULL;
  return arena_dup(t->ctx->arena, &m, sizeof m);
}

static Want wanted_by(const Mask *m) { return m ? (Want){THERE, m} : (Want){UNTOLD, NULL}; }

/* Where w says, and the condition holds besides. */
static Want narrowed(Trap *t, Want w, Mask condition) {
  if (w.where == NOWHERE || w.where == UNTOLD) return w;
  const Mask *m = new_mask(t, condition);
  return wanted_by(w.where == EVERYWHERE || !m ? m : new_mask(t, (Mask){.kind = BOTH, .a = w.mask, .b = m}));
}

static void want(Trap *t, const Value *v, Want w) {
  Want *have = &t->want[v->id];
  if (w.where == NOWHERE || have->where == EVERYWHERE || (have->where == THERE && w.where == THERE && have->mask == w.mask)) return;
  if (have->where == NOWHERE || w.where == EVERYWHERE) *have = w;
  else if (have->where == THERE && w.where == THERE) *have = wanted_by(new_mask(t, (Mask){.kind = EITHER, .a = have->mask, .b = w.mask}));
  else *have = (Want){UNTOLD, NULL};
}

/* Of the operands of an operation whose result is wanted there. */
static void want_condition(Trap *t, const Op *op, Want w) {
  bool either = op->code == OP_or;
  want(t, op->opd[0], w);
  if (op->code == OP_select) {
    want(t, op->opd[1], narrowed(t, w, (Mask){.kind = HOLDS, .v = op->opd[0]}));
    want(t, op->opd[2], narrowed(t, w, (Mask){.kind = FAILS, .v = op->opd[0]}));
  } else {
    want(t, op->opd[1], narrowed(t, w, (Mask){.kind = either ? FAILS : HOLDS, .v = op->opd[0]}));
  }
}

/* What meets a zero is nothing.  The first factor, in the rules the cotangent, comes from a long way through such products: where its
 * mask would be too long it does without this part. */
static void want_product(Trap *t, const Op *op, Want w) {
  for (int k = 0; k < 2; k++) {
    Want x = narrowed(t, w, (Mask){.kind = NONZERO, .v = op->opd[1 - k]});
    want(t, op->opd[k], k == 0 && x.where == UNTOLD ? w : x);
  }
}

static void want_operands(Trap *t, const Op *op, Want w) {
  Family family = op_info[op->code].family;
  if (op->code == OP_select || op->code == OP_and || op->code == OP_or) {
    want_condition(t, op, w);
    return;
  }
  if (op->code == OP_mulz) {
    want_product(t, op, w);
    return;
  }
  bool follows = family == FAM_CONTRACT || family == FAM_REDUCE || op->code == OP_reshape || op->code == OP_gather;
  for (int k = 0; k < op->nopd; k++) {
    Want x = w;
    if (w.where == THERE && family != FAM_MAP)
      x = follows ? wanted_by(new_mask(t, (Mask){.kind = ALONG, .v = op->res[0], .a = w.mask, .op = op, .k = k})) : (Want){UNTOLD, NULL};
    want(t, op->opd[k], x);
  }
}

static const Want everywhere = {EVERYWHERE, NULL}, untold = {UNTOLD, NULL};

static void want_region(Trap *t, const Region *g);

/* What goes through a region is wanted wholly or nobody knows where: masks do not reach inside. */
static void want_inside(Trap *t, const Op *op) {
  int first = op->code == OP_if ? 1 : loop_ninit(op);
  for (int k = 0; k < first; k++) want(t, op->opd[k], everywhere);
  for (int k = 0; k < op->nres; k++) {
    Want w = t->want[op->res[k]->id];
    w = w.where == NOWHERE || w.where == EVERYWHERE ? everywhere : untold;
    if (op->code != OP_if) want(t, op->opd[first + k], w);
    for (int r = 0; r < op->nreg; r++)
      if (op->code == OP_if || op->reg[r] == loop_body(op)) want(t, op->reg[r]->res[k], w);
  }
  if (op->code == OP_while) want(t, op->reg[0]->res[0], everywhere);
  for (int r = 0; r < op->nreg; r++) want_region(t, op->reg[r]);
}

/* A mask of this region means nothing to the values around it. */
static void forget_masks(Trap *t, const Region *g) {
  for (const Op *op = g->first; op; op = op->next)
    for (int k = 0; k < op->nopd; k++) {
      Want *w = &t->want[op->opd[k]->id];
      if (w->where == THERE && region_of(op->opd[k]) != g) *w = untold;
    }
}

static void want_region(Trap *t, const Region *g) {
  for (const Op *op = g->last; op; op = op->prev) {
    Want w = op->nres ? t->want[op->res[0]->id] : everywhere;
    if (op->nreg) want_inside(t, op);
    else if (op_info[op->code].family == FAM_CALL || op->code == OP_sym) w = everywhere;
    if (!op->nreg) want_operands(t, op, w);
  }
  if (g->parent) forget_masks(t, g);
}

/* ---- what may be infinite ---------------------------------------------------------------------------------------------------- */

static bool is_real(const Value *v) { return elem_is_real(v->type->elem); }

static void mark(Trap *t, bool *table, const Value *v, bool is) {
  if (!is || table[v->id]) return;
  table[v->id] = t->changed = true;
}

/* Gives what it gets: elements moved, chosen, negated. */
static bool passes_on(const Op *op) {
  switch (op->code) {
  case OP_neg: case OP_abs: case OP_sign: case OP_floor: case OP_ceil: case OP_round: case OP_trunc: case OP_max: case OP_min:
  case OP_clamp: case OP_select: case OP_stop_gradient: case OP_tanh: case OP_atan: case OP_sigmoid: case OP_erf: case OP_erfc:
  case OP_cbrt: case OP_rmax: case OP_rmin: case OP_gather: case OP_set: return true;
  case OP_cast: return !is_real(op->opd[0]) || elem_size(op->res[0]->type->elem) >= elem_size(op->opd[0]->type->elem);
  case OP_call: return !op->u.call.callee->external;
  default: return op_info[op->code].family == FAM_VIEW || op_info[op->code].family == FAM_SOURCE || op->nreg ||
                  (op->code == OP_contract && op->nopd == 1 && !op_has_sum(op));
  }
}

static bool says_infinite(const Op *op) {
  if (op->code == OP_const) return is_real(op->res[0]) && !isfinite(op->u.cst.f);
  if (op->code != OP_dense || !is_real(op->res[0])) return op->code == OP_rmax || op->code == OP_rmin;
  for (int64_t i = 0; i < op->u.dense.count; i++)
    if (!isfinite(((const double *)op->u.dense.data)[i])) return true;
  return false;
}

static void find_in(Trap *t, const Region *g);

static void find_through(Trap *t, const Op *op) {
  for (int r = 0; r < op->nreg; r++) find_in(t, op->reg[r]);
  for (int k = 0; k < op->nres; k++) {
    bool *const table[] = {t->open, t->meant};
    const Region *body = op->code == OP_if ? NULL : loop_body(op);
    for (int i = 0; i < 2; i++) {
      bool is = body ? table[i][op->opd[loop_ninit(op) + k]->id] | table[i][body->res[k]->id]
                     : table[i][op->reg[0]->res[k]->id] | table[i][op->reg[1]->res[k]->id];
      mark(t, table[i], op->res[k], is);
      for (int r = 0; body && r < op->nreg; r++) mark(t, table[i], op->reg[r]->param[loop_nindex(op) + k], is);
    }
    mark(t, t->open, op->res[k], is_real(op->res[k]) && t->want[op->res[k]->id].where == UNTOLD);
  }
}

static void find_in(Trap *t, const Region *g) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op->nreg) {
      find_through(t, op);
      continue;
    }
    bool meant = says_infinite(op) || op->code == OP_call;
    for (int k = 0; k < op->nopd; k++) meant |= t->meant[op->opd[k]->id];
    for (int k = 0; k < op->nres; k++) {
      if (!is_real(op->res[k])) continue;
      mark(t, t->meant, op->res[k], meant);
      mark(t, t->open, op->res[k], t->want[op->res[k]->id].where == UNTOLD);
    }
  }
}

/* ---- checks ------------------------------------------------------------------------------------------------------------------ */

static Value *finite(Builder *b, Value *x) { return b_map2(b, OP_lt, b_map1(b, OP_abs, x), b_splat(b, x->type, INFINITY)); }
static Value *number(Builder *b, Value *x) { return b_map2(b, OP_eq, x, x); }

/* A mask of op's result, for operand k: true for what any wanted element is made of. */
static Value *mask_along(Builder *b, const Op *op, int k, Value *m) {
  const Type *to = op->opd[k]->type, *from = m->type;
  int axis[MAX_RANK], n = 0, rank = 0;
  int8_t left[MAX_RANK], own[MAX_RANK];
  const int8_t *label = op->u.contract.opd[k & 1];
  if (op->code == OP_reshape) return b_reshape(b, m, to->rank, to->dim);
  if (op_info[op->code].family == FAM_REDUCE) {
    for (int a = 0, gone = 0; a < to->rank; a++) {
      own[a] = (int8_t)a;
      if (gone < op->u.reduce.naxis && op->u.reduce.axis[gone] == a) gone++;
      else left[rank++] = (int8_t)a;
    }
    label = own;
  } else {
    for (int a = 0; a < from->rank; a++) {
      bool has = false;
      for (int i = 0; i < to->rank; i++) has |= label[i] == op->u.contract.out[a];
      if (has) left[rank++] = op->u.contract.out[a];
      else axis[n++] = a;
    }
  }
  if (n) m = b_reduce(b, OP_rany, m, n, axis);
  return b_contract_raw(b, m, left, NULL, NULL, label, type_with_elem(b->ctx, to, BOOL));
}

/* The elements that a gather reads for a wanted result. */
static Value *mask_gathered(Builder *b, const Op *op, Value *m) {
  int naxis = op->u.index.naxis;
  Value *skip = op->u.index.masked ? op->opd[op->nopd - 1] : NULL;
  Type *count = type_with_elem(b->ctx, op->opd[0]->type, I64);
  Value *n = b_scatter_add(b, b_cast(b, m, I64), naxis, op->u.index.axis, op->opd + 1, skip, count);
  return b_map2(b, OP_gt, n, b_splat(b, count, 0));
}

static Value *mask_value(Builder *b, const Mask *m) {
  switch (m->kind) {
  case HOLDS: return m->v;
  case FAILS: return b_map1(b, OP_not, m->v);
  case NONZERO: return b_map2(b, OP_ne, m->v, b_splat(b, m->v->type, 0));
  case BOTH: return b_map2(b, OP_and, mask_value(b, m->a), mask_value(b, m->b));
  case EITHER: return b_map2(b, OP_or, mask_value(b, m->a), mask_value(b, m->b));
  case ALONG:
    return m->op->code == OP_gather ? mask_gathered(b, m->op, mask_value(b, m->a)) : mask_along(b, m->op, m->k, mask_value(b, m->a));
  }
  return NULL;
}

/* The operation of this region after which everything that the mask mentions is there. */
static Op *last_of(const Trap *t, const Region *g, Op *last, const Mask *m) {
  if (m->a) last = last_of(t, g, last, m->a);
  if (m->b) last = last_of(t, g, last, m->b);
  if (!m->v || !m->v->def || m->v->def->parent != g || !last->nres) return last;
  return t->at[m->v->id] > t->at[last->res[0]->id] ? m->v->def : last;
}

static Value *every(Builder *b, Value *x) {
  int axis[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) axis[a] = a;
  return x->type->rank ? b_reduce(b, OP_rall, x, x->type->rank, axis) : x;
}

/* Of those operands that the program lets be infinite: element by element, or of the whole. */
static Value *all_operands(Builder *b, const Trap *t, const Op *op, Value *(*is)(Builder *, Value *), const Type *shape) {
  bool each = op_info[op->code].family == FAM_MAP;
  Value *all = NULL;
  for (int k = 0; k < op->nopd; k++) {
    Value *x = op->opd[k];
    if (!is_real(x) || x->id >= t->n || !t->meant[x->id]) continue;
    Value *ok = is(b, x);
    if (!each) ok = b_broadcast_scalar(b, every(b, ok), shape);
    all = all ? b_map2(b, OP_and, all, ok) : ok;
  }
  return all;
}

static const char *name_of(const Op *op) {
  switch (op->code) {
  case OP_add: return "'+'";
  case OP_sub: return "'-'";
  case OP_mul: case OP_mulz: return "'*'";
  case OP_div: return "'/'";
  case OP_pow: case OP_ipow: return "'**'";
  case OP_contract: return op->nopd == 1 ? "a sum" : op_has_sum(op) ? "a sum of products" : "'*'";
  case OP_rprod: return "a product";
  case OP_linrec: return "a running sum or product";
  case OP_scatter_add: case OP_scatter_acc: return "a sum";
  case OP_call: return op->u.call.callee->external;
  case OP_if: case OP_for: case OP_while: return "a branch or loop";
  default: return op_info[op->code].name;
  }
}

static bool is_new(const Trap *t, const Op *op) { return op->nres ? op->res[0]->id >= t->n : op->code == OP_check_finite; }

/* A loop may add to a large tensor, a little each time. */
static Value *added(Builder *b, const Op *acc) {
  Value *mask = acc->u.index.masked ? acc->opd[acc->nopd - 1] : NULL;
  return b_gather(b, acc->res[0], acc->u.index.naxis, acc->u.index.axis, acc->opd + 2, mask);
}

static void check(Trap *t, Op *op, Value *v) {
  Want w = t->want[v->id];
  Op *after = w.where == THERE ? last_of(t, op->parent, op, w.mask) : op;
  Op *before = after->next;
  while (before && is_new(t, before)) before = before->next; /* checks stand in the order of what they check */
  Builder build = {.ctx = t->ctx, .func = t->f, .region = op->parent, .before = before, .loc = op->loc}, *b = &build;
  if (op->code == OP_scatter_acc) v = added(b, op);
  Value *ok = finite(b, v), *old = all_operands(b, t, op, finite, v->type);
  if (old) {
    Value *is = number(b, v), *infinite = b_map2(b, OP_and, is, b_map1(b, OP_not, old));
    Value *nan = b_map1(b, OP_not, b_map2(b, OP_or, is, all_operands(b, t, op, number, v->type)));
    ok = b_map2(b, OP_or, ok, b_map2(b, OP_or, infinite, nan));
  }
  if (w.where == THERE) ok = b_map2(b, OP_or, ok, b_map1(b, OP_not, mask_value(b, w.mask)));
  b_check_finite(b, ok, arena_printf(t->ctx->arena, "%s gives NaN or infinity", name_of(op)));
}

static bool gets_open(const Trap *t, const Op *op) {
  for (int k = 0; k < op->nopd; k++)
    if (is_real(op->opd[k]) && t->open[op->opd[k]->id]) return true;
  return false;
}

/* What a region gives was checked in it, unless nobody could say there what is wanted. */
static bool needs_check(const Trap *t, const Op *op, Want w) {
  if (w.where == NOWHERE || w.where == UNTOLD || (w.where == THERE && op->code == OP_scatter_acc)) return false;
  return op->nreg ? w.where == THERE : !passes_on(op) || gets_open(t, op);
}

static void check_region(Trap *t, Region *g) {
  int n = 0;
  for (Op *op = g->first; op; op = op->next, n++)
    for (int k = 0; k < op->nres; k++) t->at[op->res[k]->id] = n;
  Op *next;
  for (Op *op = g->first; op; op = next) {
    next = op->next;
    for (int r = 0; r < op->nreg; r++) check_region(t, op->reg[r]);
    for (int k = 0; k < op->nres && op->res[k]->id < t->n; k++) {
      if (is_real(op->res[k]) && needs_check(t, op, t->want[op->res[k]->id])) check(t, op, op->res[k]);
    }
  }
}

/* What the caller gives. */
static void check_parameters(Trap *t) {
  Func *f = t->f;
  Builder b = {.ctx = t->ctx, .func = f, .region = f->body, .before = f->body->first, .loc = f->loc};
  for (int i = 0; i < f->nin; i++)
    for (int k = 0; k < f->in[i].nleaf; k++) {
      Value *x = f->body->param[f->in[i].first + k];
      const char *name = port_leaf_name(t->ctx, &f->in[i], k);
      if (!is_real(x)) continue;
      b_check_finite(&b, finite(&b, x), arena_printf(t->ctx->arena, "the argument %s has NaN or infinity", name));
    }
}

void pass_trap(Func *f) {
  if (f->external) return;
  Arena *a = f->module->ctx->arena;
  Trap t = {.f = f, .ctx = f->module->ctx, .n = f->nvalue, .want = NEW_N(a, Want, f->nvalue + 1), .open = NEW_N(a, bool, f->nvalue + 1)};
  t.meant = NEW_N(a, bool, f->nvalue + 1);
  t.at = NEW_N(a, int, f->nvalue + 1);
  for (int i = 0; i < f->body->nparam; i++) t.meant[f->body->param[i]->id] = !f->exported && !f->is_lean;
  for (int i = 0; i < f->body->nres; i++) want(&t, f->body->res[i], everywhere);
  want_region(&t, f->body);
  do {
    t.changed = false;
    find_in(&t, f->body);
  } while (t.changed);
  check_region(&t, f->body);
  if (f->exported || f->is_lean) check_parameters(&t);
  pass_cse(f);
  pass_dce(f);
}
