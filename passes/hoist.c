/* hoist.c - computes before a loop what every iteration would compute again, and in the loop what costs less there than
 * to keep. Moved are operations without effect that may be executed where the loop's body is not: no call, no access
 * that is in range only because a check in the loop says so, no size that may be negative, no binding of a symbol.  Out
 * of a branch goes only what costs next to nothing. Broadcasts and counters stay where they are used, so that code
 * generation can do them on the fly: an operation that moves takes copies of them along.  Requires: a verified
 * function.  Ensures: each operation is looked at once for every loop around it. */
#include "passes/pass.h"

typedef struct Hoist {
  Func *func;
  Ctx *ctx;
  Value **copy;    /* by value id: of a broadcast or counter, before the loop at hand */
  Op **copied_for; /* by value id: that loop */
  int cap;
  Op **bound_in; /* by symbol id: the operation that binds it */
} Hoist;

/* ---- what may be executed anywhere ------------------------------------------------------------------------------- */

static bool sizes_are_nonneg(Ctx *c, const Op *op) {
  for (int i = 0; i < op->nres; i++)
    for (int a = 0; a < op->res[i]->type->rank; a++)
      if (!dim_nonneg(c, op->res[i]->type->dim[a])) return false;
  return true;
}

static bool index_in_range(Ctx *c, const Value *v, Dim *limit) {
  Bounds b;
  return value_bounds(c, v, &b) && dim_nonneg(c, b.lo) && dim_le(c, dim_add(c, b.hi, dim_const(c, 1)), limit);
}

static bool indices_in_range(Ctx *c, const Op *op) {
  const Type *big = op->code == OP_scatter_add ? op->res[0]->type : op->opd[0]->type;
  int first = op->code == OP_gather || op->code == OP_scatter_add ? 1 : 2;
  if (op->u.index.masked) return false;
  for (int i = 0; i < op->u.index.naxis; i++)
    if (!index_in_range(c, op->opd[first + i], big->dim[op->u.index.axis[i]])) return false;
  return true;
}

static bool window_in_range(Ctx *c, const Op *op) {
  const Type *small = op->code == OP_slice   ? op->res[0]->type
                      : op->code == OP_embed ? op->opd[0]->type
                                             : op->opd[1]->type;
  const Type *big = op->code == OP_embed ? op->res[0]->type : op->opd[0]->type;
  for (int a = 0; a < small->rank; a++) {
    Dim *start = op->u.slice.start[a], *steps = dim_sub(c, small->dim[a], dim_const(c, 1));
    Dim *last = dim_add(c, start, dim_mul(c, steps, dim_const(c, op->u.slice.stride[a])));
    Dim *lo = op->u.slice.stride[a] > 0 ? start : last, *hi = op->u.slice.stride[a] > 0 ? last : start;
    if (!last || !dim_nonneg(c, lo) || !dim_le(c, dim_add(c, hi, dim_const(c, 1)), big->dim[a])) return false;
  }
  return true;
}

static bool is_safe(Ctx *c, const Op *op);

static bool regions_are_safe(Ctx *c, const Op *op) {
  for (int i = 0; i < op->nreg; i++)
    for (const Op *in = op->reg[i]->first; in; in = in->next)
      if (!is_safe(c, in)) return false;
  return true;
}

static bool map_is_safe(const Op *op) {
  int64_t k;
  switch (op->code) {
  case OP_floordiv:
  case OP_mod: return elem_is_real(op->res[0]->type->elem) || (splat_int(op->opd[1], &k) && k);
  case OP_ipow: return splat_int(op->opd[1], &k);
  case OP_polygamma: return splat_int(op->opd[0], &k);
  default: return true;
  }
}

/* No trap, no wild access, an end. */
static bool is_safe(Ctx *c, const Op *op) {
  int64_t step;
  /* A symbol may be nonneg only because the loop is entered. */
  if (op->code == OP_sym || !sizes_are_nonneg(c, op)) return false;
  switch (op_info[op->code].family) {
  case FAM_EFFECT:
  case FAM_CALL: return false;
  case FAM_MAP: return map_is_safe(op);
  case FAM_INDEX: return indices_in_range(c, op);
  case FAM_VIEW: return op->code == OP_reshape || op->code == OP_concat || window_in_range(c, op);
  case FAM_REGION:
    return op->code != OP_while && (op->code == OP_if || (splat_int(op->opd[2], &step) && step)) &&
           regions_are_safe(c, op);
  default: return true;
  }
}

/* ---- what does not change in a loop ------------------------------------------------------------------------------ */

typedef struct Check {
  const Hoist *h;
  const Region *body;
  bool invariant;
} Check;

static void see_value(void *env, Value *v) {
  Check *k = env;
  if (region_of(v) == k->body) k->invariant = false;
}

static void see_sym(void *env, Sym *s) {
  Check *k = env;
  const Op *op = k->h->bound_in[s->id];
  if (op && op->parent == k->body) k->invariant = false;
}

/* Only what stands in the body itself is seen: values of the regions inside op are its own. */
static bool mentions_nothing_of(const Hoist *h, const Region *body, const Op *op) {
  Check k = {h, body, true};
  op_each_use(op, see_value, &k);
  op_each_sym(op, see_sym, &k);
  return k.invariant;
}

bool is_free(const Op *op) {
  if (op->nres != 1 || op->res[0]->type->rank == 0) return false;
  return op->code == OP_iota || (is_relabel(op->res[0]) && op->opd[0]->type->rank < op->res[0]->type->rank);
}

static bool is_trivial(const Op *op) {
  if (op->nres != 1 || op->nreg || op->res[0]->type->rank) return false;
  switch (op->code) {
  case OP_const:
  case OP_dim:
  case OP_add:
  case OP_sub:
  case OP_mul:
  case OP_neg:
  case OP_and:
  case OP_or:
  case OP_not:
  case OP_cast: return true;
  default: return op_info[op->code].sig == SIG_COMPARE;
  }
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

static void reserve(Hoist *h, int id) {
  if (id < h->cap) return;
  int cap = 2 * id + 64;
  Value **copy = NEW_N(h->ctx->arena, Value *, cap);
  Op **copied_for = NEW_N(h->ctx->arena, Op *, cap);
  for (int i = 0; i < h->cap; i++) {
    copy[i] = h->copy[i];
    copied_for[i] = h->copied_for[i];
  }
  h->copy = copy;
  h->copied_for = copied_for;
  h->cap = cap;
}

/* The free operation that computes v in the body, once more before `loop`. */
static Value *free_copy(Hoist *h, const Region *body, Value *v, Op *loop) {
  if (!v->def || v->def->parent != body) return v;
  reserve(h, v->id);
  if (h->copied_for[v->id] == loop) return h->copy[v->id];
  Op *op = v->def;
  Value *x = op->nopd ? free_copy(h, body, op->opd[0], loop) : NULL;
  Builder b = {.ctx = h->ctx, .func = h->func, .region = loop->parent, .before = loop, .loc = op->loc};
  Op *made = b_op(&b, op->code, op->nopd, &x, 1, &v->type);
  made->u = op->u;
  h->copy[v->id] = made->res[0];
  h->copied_for[v->id] = loop;
  return made->res[0];
}

/* Are op's operands from outside, or free operations that are? */
static bool is_invariant(const Hoist *h, const Region *body, const Op *op) {
  if (op->nreg) return mentions_nothing_of(h, body, op);
  Check k = {h, body, true};
  op_each_sym(op, see_sym, &k);
  for (int i = 0; i < op->nopd && k.invariant; i++) {
    const Value *v = op->opd[i];
    if (v->def && v->def->parent == body && is_free(v->def))
      k.invariant = is_invariant(h, body, v->def) && is_safe(h->ctx, v->def);
    else
      see_value(&k, op->opd[i]);
  }
  return k.invariant;
}

static void move(Hoist *h, const Region *body, Op *op, Op *loop) {
  for (int i = 0; i < op->nopd; i++) op->opd[i] = free_copy(h, body, op->opd[i], loop);
  op_move_before(op, loop);
}

/* Of branches in branches a number stays where it is used: outside, each would have a cotangent that all of them hand on. */
static bool leaves_branch(const Op *around, const Op *op) {
  const Op *outer = around->parent->parent;
  return !outer || outer->code != OP_if || op->code == OP_const || !elem_is_real(op->res[0]->type->elem);
}

static void hoist_from(Hoist *h, Region *body, Op *around) {
  bool branch = around->code == OP_if;
  for_each_op(op, body) {
    if (is_free(op) || (branch && !(is_trivial(op) && leaves_branch(around, op)))) continue;
    if (is_safe(h->ctx, op) && is_invariant(h, body, op)) move(h, body, op, around);
  }
}

static void sweep(Hoist *h, Region *g) {
  for_each_op(op, g) {
    if (op->code == OP_sym) h->bound_in[op->u.sym->id] = op;
    for (int i = 0; i < op->nreg; i++) sweep(h, op->reg[i]);
    for (int i = 0; i < op->nreg; i++) hoist_from(h, op->reg[i], op);
  }
}

void pass_hoist(Func *f) {
  Ctx *c = f->module->ctx;
  Hoist h = {.func = f, .ctx = c, .bound_in = NEW_N(c->arena, Op *, c->next_sym + 1)};
  sweep(&h, f->body);
  pass_dce(f);
}
