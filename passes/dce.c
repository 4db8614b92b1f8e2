/* dce.c - removes what nobody needs: operations, results of regions, carried values that only feed themselves.
 * Roots are the function's results, the effects, and calls of functions that have effects; an operation that binds a symbol
 * stays while a type or an attribute of what is alive mentions it.  Parameters of the function stay.  What is alive is found
 * along the uses, so the work is linear in the size of the function.  pass_dce ensures dense value ids; prune_region cleans one region
 * of a function under construction, in which calls may be left out (the checks in them were made before), and what it uses from
 * around it is left alone. */
#include "passes/pass.h"

typedef struct Purity { const Func *f; bool effects; struct Purity *next; } Purity;
typedef struct Seen { const Func *f; struct Seen *next; } Seen;

enum { SLOT_AROUND, SLOT_INDEX, SLOT_FIRST };

typedef struct Live {
  Ctx *ctx;
  const Region *region; /* looked at */
  bool drops_calls;
  bool *value;     /* by value id; a carried value is alive as its loop's result */
  bool *structure; /* by the id of the first result: what the operation needs whichever result is wanted is alive */
  int *slot;       /* by value id: SLOT_FIRST + the place among its operation's results or carried values; the index of a loop; else
                    * it is not in the region, or a parameter of it */
  bool *sym;       /* by symbol id */
  Op **binds;      /* by symbol id: the operation in this function */
  Value **todo;    /* alive, and not looked at yet */
  int ntodo, todo_cap;
  Purity *known;
} Live;

/* ---- effects of calls ------------------------------------------------------------------------------------------------------- */

static bool region_effects(Ctx *c, const Region *g, Seen **seen);

static bool func_effects(Ctx *c, const Func *f, Seen **seen) {
  for (const Seen *s = *seen; s; s = s->next)
    if (s->f == f) return false;
  Seen *s = NEW(c->arena, Seen);
  *s = (Seen){f, *seen};
  *seen = s;
  return f->external || region_effects(c, f->body, seen);
}

static const Func *callee_of(const Op *op) { return op->code == OP_call ? op->u.call.callee : op->u.derive.callee; }

static bool region_effects(Ctx *c, const Region *g, Seen **seen) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op_info[op->code].family == FAM_EFFECT) return true;
    if (op_info[op->code].family == FAM_CALL && func_effects(c, callee_of(op), seen)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (region_effects(c, op->reg[i], seen)) return true;
  }
  return false;
}

/* May the call fail?  Asked once for a callee. */
static bool call_effects(Live *l, const Op *call) {
  const Func *f = callee_of(call);
  for (const Purity *p = l->known; p; p = p->next)
    if (p->f == f) return p->effects;
  Seen *seen = NULL;
  Purity *p = NEW(l->ctx->arena, Purity);
  *p = (Purity){f, func_effects(l->ctx, f, &seen), l->known};
  l->known = p;
  return p->effects;
}

/* ---- what is alive ------------------------------------------------------------------------------------------------------------ */

static void need(Live *l, Value *v) {
  if (l->value[v->id]) return;
  l->value[v->id] = true;
  PUSH(l->ctx->arena, l->todo, l->ntodo, l->todo_cap) = v;
}

static void need_sym(void *env, Sym *s) {
  Live *l = env;
  if (l->sym[s->id]) return;
  l->sym[s->id] = true;
  if (l->binds[s->id]) need(l, l->binds[s->id]->res[0]);
}

/* The operation around a region of what is looked at; NULL: there is none. */
static const Op *around(const Live *l, const Region *g) { return g == l->region ? NULL : g->parent; }

/* What decides whether and how often the regions of op are entered, and those around it. */
static void need_structure(Live *l, const Op *op) {
  for (; op; op = around(l, op->parent)) {
    if (op->nres && l->structure[op->res[0]->id]) return;
    if (op->nres) l->structure[op->res[0]->id] = true;
    for (int i = 0; i < (op_is_loop(op) ? loop_ninit(op) : op->nopd); i++) need(l, op->opd[i]);
    if (op->code == OP_while) need(l, op->reg[0]->res[0]);
  }
}

static void need_plain(Live *l, const Op *op) {
  for (int i = 0; i < op->nopd; i++) need(l, op->opd[i]);
  op_each_sym(op, need_sym, l);
  need_structure(l, around(l, op->parent));
}

static void need_result(Live *l, const Op *op, int k) {
  type_each_sym(op->res[k]->type, need_sym, l);
  need_structure(l, op);
  if (op_is_loop(op)) need(l, op->opd[loop_ninit(op) + k]);
  for (int i = 0; i < op->nreg; i++)
    if (op->code == OP_if || op->reg[i] == loop_body(op)) need(l, op->reg[i]->res[k]);
}

static void follow(Live *l) {
  while (l->ntodo) {
    const Value *v = l->todo[--l->ntodo];
    const Op *op = v->def ? v->def : v->region->parent;
    int slot = l->slot[v->id];
    if (slot == SLOT_AROUND) continue;
    if (!op->nreg) need_plain(l, op);
    else if (v->def) need_result(l, op, slot - SLOT_FIRST);
    else if (slot == SLOT_INDEX) need_structure(l, op);
    else need(l, op->res[slot - SLOT_FIRST]);
  }
}

static bool is_root(Live *l, const Op *op) {
  Family f = op_info[op->code].family;
  return f == FAM_EFFECT || (f == FAM_CALL && !l->drops_calls && call_effects(l, op));
}

/* Fills the tables; needs what has effects.  True if there is any. */
static bool enter(Live *l, const Region *g) {
  bool any = false;
  for (Op *op = g->first; op; op = op->next) {
    bool inside = false;
    if (op->code == OP_sym) l->binds[op->u.sym->id] = op;
    for (int i = 0; i < op->nres; i++) l->slot[op->res[i]->id] = SLOT_FIRST + i;
    for (int i = 0; i < op->nreg; i++) {
      for (int k = 0; k < op->reg[i]->nparam; k++) l->slot[op->reg[i]->param[k]->id] = SLOT_FIRST + k - loop_nindex(op);
      inside |= enter(l, op->reg[i]);
    }
    if (inside) need_structure(l, op);
    if (is_root(l, op)) need_plain(l, op);
    any |= inside || is_root(l, op);
  }
  return any;
}

/* ---- removal ------------------------------------------------------------------------------------------------------------------ */

static bool is_alive(Live *l, const Op *op) {
  if (is_root(l, op)) return true;
  for (int i = 0; i < op->nres; i++)
    if (l->value[op->res[i]->id]) return true;
  for (int i = 0; i < op->nreg; i++)
    if (op->reg[i]->first) return true;
  return false;
}

static void keep_needed(Live *l, Op *op) {
  bool *keep = NEW_N(l->ctx->arena, bool, op->nres), all = true;
  for (int i = 0; i < op->nres; i++) all &= keep[i] = l->value[op->res[i]->id];
  if (!all) op_keep_results(op, keep);
}

static void sweep(Live *l, Region *g) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) sweep(l, op->reg[i]);
    if (!is_alive(l, op)) op_remove(op);
    else if (op->nreg) keep_needed(l, op);
  }
}

static void clean(Func *f, Region *g, bool drops_calls) {
  Ctx *c = f->module->ctx;
  Live l = {.ctx = c, .region = g, .drops_calls = drops_calls};
  l.value = NEW_N(c->arena, bool, f->nvalue + 1);
  l.structure = NEW_N(c->arena, bool, f->nvalue + 1);
  l.slot = NEW_N(c->arena, int, f->nvalue + 1);
  l.sym = NEW_N(c->arena, bool, c->next_sym + 1);
  l.binds = NEW_N(c->arena, Op *, c->next_sym + 1);
  enter(&l, g);
  for (int i = 0; i < g->nres; i++) {
    need(&l, g->res[i]);
    type_each_sym(g->res[i]->type, need_sym, &l);
  }
  follow(&l);
  sweep(&l, g);
}

void pass_dce(Func *f) {
  clean(f, f->body, false);
  func_renumber(f);
}

void prune_region(Func *f, Region *g) { clean(f, g, true); }
