/* adjoint_if.c - the adjoint of `if`: an `if` on the same condition, whose regions first do again what the primal
 * region did and then go back through it.  It yields the cotangents of the values from around that the regions use.
 * What is not to be done again - an element read from an array, which would have to be kept whole, a costly scalar -
 * the primal `if` yields beside its results. */
#include "passes/pass.h"

/* ---- residuals --------------------------------------------------------------------------------------------------- */

typedef struct Inner {
  const Region *g;
  bool found;
} Inner;

static void find_binder(void *env, Sym *s) {
  Inner *in = env;
  for (const Op *op = in->g->first; op; op = op->next) in->found |= op->code == OP_sym && op->u.sym == s;
}

/* An argument of the function is there to be read again. */
static bool is_argument(const Value *v) { return !v->def && !v->region->parent; }

/* Of a shape that is known around the region, and possible also where the other region is the one that is run. */
static bool is_residual(Ctx *c, const Region *g, const Op *op, const Value *v) {
  bool reads = op->code == OP_gather || op->code == OP_slice;
  if (reads ? is_argument(op->opd[0]) : v->type->rank || !op_is_costly(op)) return false;
  for (int a = 0; a < v->type->rank; a++)
    if (!dim_nonneg(c, v->type->dim[a])) return false;
  Inner in = {g, false};
  type_each_sym(v->type, find_binder, &in);
  return !in.found;
}

static bool yields_already(const Region *r, const Value *v) {
  for (int i = 0; i < r->nres; i++)
    if (r->res[i] == v) return true;
  return false;
}

static Value *yield_residual(Deriv *d, Op *op, int r, Value *v) {
  Builder b = {.ctx = d->b.ctx, .func = d->func, .region = op->reg[1 - r], .loc = op->loc};
  region_add_result(op->reg[r], v);
  region_add_result(op->reg[1 - r], b_splat(&b, v->type, 0));
  return op_add_result(op, v->type);
}

Value *if_yield(Deriv *d, Op *op, Value *v) {
  int r = v->def->parent == op->reg[1];
  for (int k = 0; k < op->nres; k++)
    if (op->reg[r]->res[k] == v) return op->res[k];
  return yield_residual(d, op, r, v);
}

/* In the place of a zero that the region yields beside a residual of the other one, from result `first` on; false: there is none.  So a
 * chain of `else if` hands on as many values as one of its branches has, not all. */
static bool share_residual(Op *op, int *first, Value *v) {
  for (; *first < op->nres; ++*first) {
    if (op->res[*first]->type != v->type) continue;
    op->reg[1]->res[(*first)++] = v;
    return true;
  }
  return false;
}

void if_yield_residuals(Deriv *d, Op *op) {
  int shared = op->nres;
  for (int r = 0; r < 2; r++) {
    const Op *last = op->reg[r]->last;
    for (Op *in = op->reg[r]->first; in; in = in == last ? NULL : in->next)
      for (int i = 0; i < in->nres; i++) {
        Value *v = in->res[i];
        if (!is_residual(d->b.ctx, op->reg[r], in, v) || yields_already(op->reg[r], v)) continue;
        if (!r || !share_residual(op, &shared, v)) yield_residual(d, op, r, v);
      }
  }
}

/* What the region's copy computed and the primal `if` yields is taken from there. */
static void use_residuals(Deriv *d, const Op *op, int r, Region *to, CloneMap *m) {
  int n = d->func->nvalue, found = 0;
  Value **outside = NEW_N(d->b.ctx->arena, Value *, n + 1);
  for (int k = 0; k < op->nres; k++) {
    Value *v = op->reg[r]->res[k];
    if (!v->def || v->def->parent != op->reg[r] || !is_residual(d->b.ctx, op->reg[r], v->def, v)) continue;
    if (settled_source(d, v)) continue;
    outside[clone_lookup(m, v)->id] = op->res[k];
    found++;
  }
  if (found) region_replace_each(to, outside, n);
}

/* Few enough elements that the branch that is not taken can yield zeros in their place. */
static bool is_small(const Type *t) {
  int64_t n = 1, v;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &v) || v > 256) return false;
    n *= v;
  }
  return n <= 256;
}

/* Short tapes of loops in the copy come from the loops in the branch, which need not be run again then. */
static void use_tapes(Deriv *d, Op *op, int r, Region *to, CloneMap *m) {
  for (const Op *loop = to->first; loop; loop = loop->next)
    for (int k = 0; loop->code == OP_for && k < loop->nres; k++) {
      bool is_tape = false;
      for (const Taped *t = d->taped; t && !is_tape; t = t->next) is_tape = t->tape == loop->res[k];
      if (!is_tape || !is_small(loop->res[k]->type)) continue;
      Value *v = tape_mirror(d, m, op->reg[r], loop->res[k]);
      if (!v) continue;
      Value *outside = if_yield(d, op, v);
      note_taped(d, outside, v);
      region_replace_uses(to, loop->res[k], outside);
    }
}

/* ---- the adjoint ------------------------------------------------------------------------------------------------- */

/* Leaves the cotangents of captured values as they were; the new ones go to `after`. */
static void adjoint_branch(Deriv *d, Op *op, int r, Region *to, const Values *captured, Value **after) {
  Ctx *c = d->b.ctx;
  Builder outer = d->b;
  Value **before = NEW_N(c->arena, Value *, captured->n + 1);
  for (int i = 0; i < captured->n; i++) before[i] = deriv_of(d, captured->v[i]);
  d->b = b_inside(&outer, to);
  CloneMap *m = clone_map_new(c, d->func, d->func);
  deriv_clone(d, m, op->reg[r]);
  Op *last = to->last;
  for (int k = 0; k < op->nres; k++)
    if (is_active(d, op->res[k])) deriv_add(d, clone_lookup(m, op->reg[r]->res[k]), deriv_of(d, op->res[k]));
  adjoint_region(d, last);
  for (int i = 0; i < captured->n; i++) {
    Value *v = deriv_of(d, captured->v[i]);
    after[i] = v == before[i] ? NULL : v;
    d->d[captured->v[i]->id] = before[i];
  }
  use_residuals(d, op, r, to, m);
  use_tapes(d, op, r, to, m);
  d->b = outer;
}

static void yield(Deriv *d, Region *r, const Values *changed, Value **after) {
  Builder outer = d->b;
  d->b = b_inside(&outer, r);
  for (int i = 0; i < changed->n; i++) region_add_result(r, after[i] ? after[i] : deriv_or_zero(d, changed->v[i]));
  d->b = outer;
  prune_region(d->func, r);
}

void adjoint_if(Deriv *d, Op *op) {
  Arena *a = d->b.ctx->arena;
  Values captured = captured_active(d, op, NULL), changed = {0};
  Value **after[2], **kept[2];
  Op *rev = b_if(&d->b, op->opd[0], 0, NULL);
  for (int r = 0; r < 2; r++) {
    after[r] = NEW_N(a, Value *, captured.n + 1);
    kept[r] = NEW_N(a, Value *, captured.n + 1);
    adjoint_branch(d, op, r, rev->reg[r], &captured, after[r]);
  }
  for (int i = 0; i < captured.n; i++) {
    if (!after[0][i] && !after[1][i]) continue;
    for (int r = 0; r < 2; r++) kept[r][changed.n] = after[r][i];
    PUSH(a, changed.v, changed.n, changed.cap) = captured.v[i];
  }
  for (int r = 0; r < 2; r++) yield(d, rev->reg[r], &changed, kept[r]);
  for (int i = 0; i < changed.n; i++) d->d[changed.v[i]->id] = op_add_result(rev, changed.v[i]->type);
  if (!changed.n) op_remove(rev);
}
