/* recursion.c - which functions can be turned into loops, and what changes from one level of such a recursion to the next.
 * A function qualifies when any way through its body calls it at most once, never in a loop, and its arguments and results have the
 * same types at every level.  Functions that call one another are expanded into the one that is looked at first, where that ends.
 * Ensures: the function computes the same, fails the same and in the same order, but for a recursion that is too deep. */
#include "passes/recursion.h"
#include <string.h>

/* ---- how often is it called? -------------------------------------------------------------------------------------------------- */

enum { MANY = 2 };

typedef struct Callee { const Func *f; int calls; struct Callee *next; } Callee;
typedef struct Count { Ctx *ctx; const Func *of; Callee *known; } Count;

static int calls_in(Count *n, const Region *g);

/* Of n->of, on the way through f that has most; what f does through itself is not counted. */
static int calls_through(Count *n, const Func *f) {
  if (f == n->of) return 1;
  for (const Callee *k = n->known; k; k = k->next)
    if (k->f == f) return k->calls;
  Callee *k = NEW(n->ctx->arena, Callee);
  *k = (Callee){f, 0, n->known};
  n->known = k;
  return k->calls = calls_in(n, f->body);
}

static int calls_at(Count *n, const Op *op) {
  int most = 0;
  if (op->code == OP_call) return calls_through(n, op->u.call.callee);
  if (op->code == OP_derive) return calls_through(n, op->u.derive.callee) ? MANY : 0;
  for (int i = 0; i < op->nreg; i++) {
    int here = calls_in(n, op->reg[i]);
    if (here && op->code != OP_if) return MANY;
    if (here > most) most = here;
  }
  return most;
}

static int calls_in(Count *n, const Region *g) {
  int sum = 0;
  for (const Op *op = g->first; op && sum < MANY; op = op->next) sum += calls_at(n, op);
  return sum < MANY ? sum : MANY;
}

static bool calls_once(const Func *f, const Func *of) {
  Count n = {f->module->ctx, of, NULL};
  return calls_in(&n, f->body) == 1;
}

/* ---- where ----------------------------------------------------------------------------------------------------------------------- */

static bool is_self(const Recursion *r, const Op *op) { return op->code == OP_call && op->u.call.callee == r->f; }

Op *recursion_site(const Recursion *r, const Region *g) {
  for (Op *op = g->first; op; op = op->next) {
    if (is_self(r, op)) return op;
    if (op->code == OP_if && (recursion_may(r, op->reg[0]) || recursion_may(r, op->reg[1]))) return op;
  }
  return NULL;
}

bool recursion_may(const Recursion *r, const Region *g) { return recursion_site(r, g) != NULL; }

bool recursion_must(const Recursion *r, const Region *g) {
  const Op *op = recursion_site(r, g);
  return op && (is_self(r, op) || (recursion_must(r, op->reg[0]) && recursion_must(r, op->reg[1])));
}

int recursion_way(const Recursion *r, const Op *site) {
  for (int i = 0; site->code == OP_if && i < 2; i++)
    if (recursion_must(r, site->reg[i]) && !recursion_may(r, site->reg[1 - i])) return i;
  return -1;
}

static bool only_self(const Recursion *r, const Region *g) {
  for (const Op *op = g->first; op; op = op->next) {
    Count n = {r->ctx, r->f, NULL};
    if (op->code == OP_call && !is_self(r, op) && calls_through(&n, op->u.call.callee)) return false;
    for (int i = 0; i < op->nreg; i++)
      if (!only_self(r, op->reg[i])) return false;
  }
  return true;
}

static void find_calls(Recursion *r, const Region *g) {
  for (Op *op = g->first; op; op = op->next) {
    if (is_self(r, op)) PUSH(r->ctx->arena, r->call, r->ncall, r->call_cap) = op;
    for (int i = 0; i < op->nreg; i++) find_calls(r, op->reg[i]);
  }
}

/* ---- what changes ---------------------------------------------------------------------------------------------------------------- */

Dim *recursion_next(const Recursion *r, const Op *call, int sym) {
  for (int i = 0; i < call->u.call.nsubst; i++)
    if (call->u.call.subst[i].from == r->src->sym[sym]) return call->u.call.subst[i].to;
  return dim_sym(r->ctx, r->src->sym[sym]);
}

static LevelSym compare_syms(const Recursion *r, int sym) {
  LevelSym s = {LEVEL_SAME, 0};
  Dim *now = dim_sym(r->ctx, r->src->sym[sym]);
  for (int i = 0; i < r->ncall; i++) {
    Dim *by = dim_sub(r->ctx, recursion_next(r, r->call[i], sym), now);
    int64_t step;
    if (!by || !dim_is_const(by, &step) || (i && step != s.step)) return (LevelSym){LEVEL_ANY, 0};
    s = (LevelSym){step ? LEVEL_STEPS : LEVEL_SAME, step};
  }
  return s;
}

static bool is_handed_on(const Recursion *r, int param) {
  for (int i = 0; i < r->ncall; i++)
    if (r->call[i]->opd[param] != r->src->body->param[param]) return false;
  return true;
}

typedef struct Mentions { const Recursion *r; bool any; } Mentions;

static void see_sym(void *env, Sym *s) {
  Mentions *m = env;
  for (int i = 0; i < m->r->src->nsym; i++) m->any |= m->r->src->sym[i] == s && m->r->sym[i].kind != LEVEL_SAME;
}

static bool types_stay(const Recursion *r) {
  const Region *body = r->src->body;
  Mentions m = {r, false};
  for (int i = 0; i < body->nparam; i++) type_each_sym(body->param[i]->type, see_sym, &m);
  for (int i = 0; i < body->nres; i++) type_each_sym(body->res[i]->type, see_sym, &m);
  for (int k = 0; k < r->ncall; k++) {
    for (int i = 0; i < body->nparam; i++) m.any |= r->call[k]->opd[i]->type != body->param[i]->type;
    for (int i = 0; i < body->nres; i++) m.any |= r->call[k]->res[i]->type != body->res[i]->type;
  }
  return !m.any;
}

static void find_changes(Recursion *r) {
  const Region *body = r->src->body;
  r->sym = NEW_N(r->ctx->arena, LevelSym, r->src->nsym + 1);
  r->vary = NEW_N(r->ctx->arena, int, body->nparam + 1);
  for (int i = 0; i < body->nparam; i++)
    if (!is_handed_on(r, i)) r->vary[r->nvary++] = i;
  r->ncarried = r->nvary;
  for (int i = 0; i < r->src->nsym; i++) {
    r->sym[i] = compare_syms(r, i);
    r->ncarried += r->sym[i].kind == LEVEL_ANY;
  }
}

/* ---- how deep? ------------------------------------------------------------------------------------------------------------------- */

static Opcode opposite(Opcode code) {
  switch (code) {
  case OP_eq: return OP_ne;
  case OP_ne: return OP_eq;
  case OP_lt: return OP_ge;
  case OP_ge: return OP_lt;
  case OP_gt: return OP_le;
  case OP_le: return OP_gt;
  default: return OP_COUNT;
  }
}

/* d in the level `turn`, where it is d + *slope * turn; NULL: it is no such number. */
static Dim *at_level(const Recursion *r, Dim *d, Sym *turn, int64_t *slope) {
  Ctx *c = r->ctx;
  DimSubst *s = NEW_N(c->arena, DimSubst, r->src->nsym + 1);
  int n = 0;
  for (int i = 0; i < r->src->nsym; i++) {
    Sym *sym = r->src->sym[i];
    if (r->sym[i].kind == LEVEL_ANY && dim_mentions(d, sym)) return NULL;
    if (r->sym[i].kind == LEVEL_STEPS)
      s[n++] = (DimSubst){sym, dim_add(c, dim_sym(c, sym), dim_mul(c, dim_const(c, r->sym[i].step), dim_sym(c, turn)))};
  }
  Dim *by = dim_sub(c, dim_subst(c, d, s, n), d), *each = by ? dim_div(c, by, dim_sym(c, turn)) : NULL;
  return each && dim_is_const(each, slope) && *slope && *slope != INT64_MIN ? d : NULL;
}

static void only_own(void *env, Sym *s) {
  Mentions *m = env;
  m->any |= s->kind == SYM_VALUE;
}

/* The call is made while `d code 0` holds. */
static bool depth_of(const Recursion *r, Opcode code, Dim *d, Depth *depth) {
  Ctx *c = r->ctx;
  Sym *turn = sym_new(c, SYM_VALUE, "level", r->call[0]->loc);
  Dim *zero = dim_const(c, 0), *one = dim_const(c, 1);
  int64_t slope;
  if (code == OP_lt || code == OP_le) {
    d = dim_sub(c, zero, d);
    code = code == OP_lt ? OP_gt : OP_ge;
  }
  if (code == OP_ge) d = dim_add(c, d, one);
  if (!d || code == OP_eq || code == OP_COUNT || !at_level(r, d, turn, &slope)) return false;
  *depth = (Depth){0};
  if (code == OP_ne) {
    Dim *by = dim_const(c, slope), *n = dim_floordiv(c, dim_sub(c, zero, d), by);
    if (!n) return false;
    Dim *rest = dim_add(c, dim_mul(c, n, by), d);
    depth->trips = dim_max(c, n, zero);
    depth->least = dim_nonneg(c, n) ? NULL : n;
    depth->rest = rest && dim_is(rest, 0) ? NULL : rest;
    return depth->trips && (rest || slope == 1 || slope == -1);
  }
  if (slope > 0) return false;
  Dim *by = dim_const(c, -slope), *up = dim_add(c, d, dim_const(c, -slope - 1));
  depth->trips = dim_max(c, dim_floordiv(c, up, by), zero);
  return depth->trips != NULL;
}

/* An `if` at the top, one way of which calls and the other does not, on a comparison of dimensions. */
bool recursion_depth(const Recursion *r, Depth *depth) {
  const Op *site = recursion_site(r, r->src->body);
  int way = recursion_way(r, site);
  if (way < 0 || !site->opd[0]->def || site->opd[0]->def->nopd != 2) return false;
  const Op *cond = site->opd[0]->def;
  Opcode code = way ? opposite(cond->code) : cond->code;
  if (opposite(code) == OP_COUNT) return false;
  Dim *x = value_dim(r->ctx, cond->opd[0]), *y = value_dim(r->ctx, cond->opd[1]);
  Dim *d = x && y ? dim_sub(r->ctx, x, y) : NULL;
  Mentions m = {r, false};
  if (d) type_each_sym(type_tensor(r->ctx, BOOL, 1, &d), only_own, &m);
  return d && !m.any && depth_of(r, code, d, depth);
}

/* ---- the pass -------------------------------------------------------------------------------------------------------------------- */

/* A copy with everything expanded, which is no part of the module. */
static Func *expanded(Func *f) {
  Module *m = f->module;
  Func *src = func_clone(f, arena_printf(m->ctx->arena, "%s.level", f->name));
  inline_but(src, f);
  pass_optimise(src);
  if (m->func[--m->nfunc] != src) bug("a function was made while %s was looked at", f->name);
  return src;
}

static void unwind(Func *f) {
  Recursion r = {.ctx = f->module->ctx, .f = f, .src = expanded(f)};
  if (!calls_once(r.src, f) || !only_self(&r, r.src->body) || recursion_must(&r, r.src->body)) return;
  find_calls(&r, r.src->body);
  find_changes(&r);
  if (types_stay(&r)) recursion_build(&r);
}

typedef struct Seen { const Func *f; struct Seen *next; } Seen;

static void visit(Func *f, Seen **seen);

static void visit_callees(const Region *g, Seen **seen) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op->code == OP_call) visit(op->u.call.callee, seen);
    for (int i = 0; i < op->nreg; i++) visit_callees(op->reg[i], seen);
  }
}

/* Callees first, so that they are expanded. */
static void visit(Func *f, Seen **seen) {
  Ctx *c = f->module->ctx;
  for (const Seen *s = *seen; s; s = s->next)
    if (s->f == f) return;
  Seen *s = NEW(c->arena, Seen);
  *s = (Seen){f, *seen};
  *seen = s;
  visit_callees(f->body, seen);
  if (!f->adjoint && !f->external && calls_once(f, f)) unwind(f);
}

void pass_unwind(Func *f) {
  Seen *seen = NULL;
  if (!f->adjoint && !f->external && calls_once(f, f)) visit(f, &seen);
}
