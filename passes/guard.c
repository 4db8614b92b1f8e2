/* guard.c - what is computed in vain beside a condition is kept from being infinite or nan.
 *
 * A loop over entries computes both arms of a select, and its adjoint multiplies by zero, with mulz, what belongs to the arm not taken:
 * where(r > 0, sqrt(r), 0) at r = 0 is right, but takes an infinity on the way, for which code generation does the iteration again
 * (codegen/lanes.c).  Where all that is made of a value is thrown away by a condition, any other will do: an operation that may be infinite
 * there gets the operand 1 instead.
 *
 *     s = sqrt r                          r' = select c, r, 1
 *     y = select c, s, 0           ═►     s  = sqrt r'
 *     g = select c, dy, 0                 y, g, d as before, and equal to what they were
 *     d = mulz g, 0.5 / s
 *
 * Loops that are run with plain products first (retry.c) are the same case.
 * Requires: strips (strip.c), retry.c.  Ensures: the same results, bit for bit, but for the sign of a zero that was
 * selected from two. */
#include "passes/pass.h"
#include <math.h>

enum { MAX_CONDITIONS = 8 };

/* Facts about the iterations, or elements, where `cond` is `taken`. */
typedef struct Guard {
  Func *func;
  Region *body;
  Value *cond;
  bool taken;
  bool single; /* it is one truth for the iteration, not one an element */
  int n;       /* ids below it have facts */
  bool *zero, *alive, *one;
} Guard;

static bool is_single(const Type *t) {
  for (int a = 0; a < t->rank; a++)
    if (!dim_is(t->dim[a], 1)) return false;
  return true;
}

/* What a predicate is a broadcast or the negation of. */
static Value *condition(Value *p, bool *negated) {
  for (const Op *op = p->def; op && op->nopd == 1; op = p->def) {
    bool view = op->code == OP_contract || op->code == OP_reshape || op->code == OP_slice;
    if (op->code != OP_not && !(view && is_single(op->opd[0]->type))) break;
    *negated ^= op->code == OP_not;
    p = op->opd[0];
  }
  return p;
}

/* The same value, or read once more at the same place. */
static bool is_same(const Value *p, const Value *q) {
  const Op *x = p ? p->def : NULL, *y = q ? q->def : NULL;
  if (p == q) return true;
  if (!x || !y || x->code != OP_slice || y->code != OP_slice || x->opd[0] != y->opd[0] || p->type != q->type) return false;
  for (int a = 0; a < p->type->rank; a++)
    if (x->u.slice.start[a] != y->u.slice.start[a] || x->u.slice.stride[a] != y->u.slice.stride[a]) return false;
  return true;
}

static bool is_map(const Op *op) { return op_info[op->code].family == FAM_MAP; }

/* 1 or 2: the operand that the select takes; of a cast, 1: it is of true, 2: of false; 0: that is not known. */
static int arm(const Guard *g, const Op *op) {
  bool negated = false;
  if ((op->code != OP_select && op->code != OP_cast) || !is_same(condition(op->opd[0], &negated), g->cond)) return 0;
  return g->taken != negated ? 1 : 2;
}

/* ---- zeros -------------------------------------------------------------------------------------------------------------- */

static bool is_zero(const Guard *g, const Value *v) {
  double x;
  return splat_real(v, &x) ? x == 0 : v->id < g->n && g->zero[v->id];
}

static bool is_finite(const Value *v) {
  double x;
  return splat_real(v, &x) && isfinite(x);
}

static bool makes_zero(const Guard *g, const Op *op) {
  int k = arm(g, op);
  if (k) return op->code == OP_cast ? k == 2 : is_zero(g, op->opd[k]);
  if (!is_map(op) && !g->single) return false;
  switch (op->code) {
  case OP_select: return is_zero(g, op->opd[1]) && is_zero(g, op->opd[2]);
  case OP_mulz: return is_zero(g, op->opd[0]) || is_zero(g, op->opd[1]);
  case OP_mul:
    return (is_zero(g, op->opd[0]) && is_finite(op->opd[1])) || (is_zero(g, op->opd[1]) && is_finite(op->opd[0])) ||
           (is_zero(g, op->opd[0]) && is_zero(g, op->opd[1]));
  case OP_add:
  case OP_sub:
  case OP_neg:
  case OP_contract:
  case OP_reshape:
  case OP_slice:
  case OP_embed:
  case OP_concat:
    for (int i = 0; i < op->nopd; i++)
      if (!is_zero(g, op->opd[i])) return false;
    return elem_is_real(op->res[0]->type->elem);
  default: return false;
  }
}

/* ---- what is needed ----------------------------------------------------------------------------------------------------- */

static void need(void *env, Value *v) {
  Guard *g = env;
  if (v->id < g->n) g->alive[v->id] = true;
}

static bool is_needed(const Guard *g, const Op *op) {
  bool any = op->nreg || !op->nres;
  for (int i = 0; i < op->nres; i++) any |= g->alive[op->res[i]->id];
  return any;
}

static void need_operands(Guard *g, const Op *op) {
  int k = arm(g, op);
  if (k && op->code == OP_select) {
    need(g, op->opd[0]);
    need(g, op->opd[k]);
  } else if (op->code == OP_select && g->zero[op->res[0]->id]) { /* of two zeros, whatever the condition */
    need(g, op->opd[1]);
    need(g, op->opd[2]);
  } else if (op->code == OP_mulz && (is_zero(g, op->opd[0]) || is_zero(g, op->opd[1])))
    need(g, op->opd[is_zero(g, op->opd[0]) ? 0 : 1]);
  else
    op_each_use(op, need, g);
}

static void find_facts(Guard *g) {
  for (int i = 0; i < g->n; i++) g->zero[i] = g->alive[i] = g->one[i] = false;
  for (const Op *op = g->body->first; op; op = op->next)
    if (op->nres == 1) g->zero[op->res[0]->id] = makes_zero(g, op);
  for (int i = 0; i < g->body->nres; i++) need(g, g->body->res[i]);
  for (const Op *op = g->body->last; op; op = op->prev)
    if (is_needed(g, op) || (!is_map(op) && !g->single)) need_operands(g, op);
}

/* ---- guards ------------------------------------------------------------------------------------------------------------- */

/* The operand for which it may be infinite or nan though that is finite; -1: none. */
static int singular_operand(const Op *op) {
  switch (op->code) {
  case OP_sqrt:
  case OP_rsqrt:
  case OP_cbrt:
  case OP_exp:
  case OP_exp2:
  case OP_expm1:
  case OP_log:
  case OP_log2:
  case OP_log10:
  case OP_log1p:
  case OP_asin:
  case OP_acos:
  case OP_sinh:
  case OP_cosh:
  case OP_acosh:
  case OP_atanh:
  case OP_lgamma:
  case OP_digamma:
  case OP_pow: return 0;
  case OP_div: return 1;
  default: return -1;
  }
}

/* A value that is younger than the facts is a guard. */
static bool is_one(const Guard *g, const Value *v) {
  double x;
  return splat_real(v, &x) ? x == 1 : v->id >= g->n || g->one[v->id];
}

static bool makes_one(const Guard *g, const Op *op) {
  switch (op->code) {
  case OP_contract:
    if (op->nopd > 1 || !is_relabel(op->res[0])) return false;
    return is_one(g, op->opd[0]);
  case OP_reshape:
  case OP_slice:
  case OP_sqrt:
  case OP_rsqrt:
  case OP_cbrt:
  case OP_pow: return is_one(g, op->opd[0]);
  case OP_mul:
  case OP_mulz:
  case OP_div: return is_one(g, op->opd[0]) && is_one(g, op->opd[1]);
  default: return false;
  }
}

static Value *guarded(const Guard *g, Op *op, Value *x) {
  Builder b = {.ctx = g->func->module->ctx, .func = g->func, .region = g->body, .before = op, .loc = op->loc};
  Value *c = g->cond, *safe = b_splat(&b, x->type, 1);
  if (g->single) c = b_broadcast_scalar(&b, b_reshape(&b, c, 0, NULL), x->type);
  return g->taken ? b_select(&b, c, safe, x) : b_select(&b, c, x, safe);
}

static void put_guards(Guard *g) {
  bool seen = g->cond->def->parent != g->body;
  for (Op *op = g->body->first; op; op = op->next) {
    seen |= op == g->cond->def;
    if (op->nres != 1 || op->res[0]->id >= g->n) continue;
    int k = singular_operand(op);
    bool idle = !g->alive[op->res[0]->id] && (g->single || same_shape(op->res[0]->type, g->cond->type));
    if (seen && idle && k >= 0 && !is_one(g, op->opd[k])) op->opd[k] = guarded(g, op, op->opd[k]);
    g->one[op->res[0]->id] = makes_one(g, op);
  }
}

static void guard_by(Func *f, Region *body, Value *cond, bool taken) {
  Arena *a = f->module->ctx->arena;
  Guard g = {f, body, cond, taken, is_single(cond->type), f->nvalue, NEW_N(a, bool, f->nvalue), NEW_N(a, bool, f->nvalue),
             NEW_N(a, bool, f->nvalue)};
  find_facts(&g);
  put_guards(&g);
}

/* ---- loops -------------------------------------------------------------------------------------------------------------- */

static int find_conditions(const Region *body, Value **cond) {
  int n = 0;
  for (const Op *op = body->first; op && n < MAX_CONDITIONS; op = op->next) {
    bool negated = false, known = false;
    Value *c = op->code == OP_select ? condition(op->opd[0], &negated) : NULL;
    for (int i = 0; i < n; i++) known |= is_same(cond[i], c);
    if (c && c->def && !known) cond[n++] = c;
  }
  return n;
}

static bool has_plain_lines(const Region *body) {
  bool mulz = false;
  for (const Op *op = body->first; op; op = op->next) {
    if (op->nreg) return false;
    mulz |= op->code == OP_mulz;
  }
  return mulz;
}

/* seen: a nan would be met with a second run. */
static void guard_region(Func *f, Region *g, bool seen) {
  for (Op *op = g->first; op; op = op->next) {
    bool loop = op->code == OP_for, watched = seen || (loop && (op->u.loop.parallel || op->u.loop.plain));
    for (int i = 0; i < op->nreg; i++) guard_region(f, op->reg[i], watched && !(loop && op->u.loop.parallel));
    if (!loop || !watched || !has_plain_lines(op->reg[0])) continue;
    Value *cond[MAX_CONDITIONS];
    int n = find_conditions(op->reg[0], cond);
    for (int i = 0; i < 2 * n; i++) guard_by(f, op->reg[0], cond[i / 2], i % 2);
  }
}

void pass_guard(Func *f) { guard_region(f, f->body, false); }
