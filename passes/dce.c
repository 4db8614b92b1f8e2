/* dce.c - removes what nobody needs: operations, results of regions, carried values that only feed themselves.
 * Roots are the function's results, the effects, and calls of functions that have effects; an operation that binds a symbol
 * stays while a type or an attribute of what is alive mentions it.  Parameters of the function stay.  What is alive is found
 * along the uses, so the work is linear in the size of the function.  Ensures dense value ids. */
#include "passes/pass.h"

typedef struct Purity { const Func *f; bool effects; struct Purity *next; } Purity;
typedef struct Seen { const Func *f; struct Seen *next; } Seen;

typedef struct Live {
  Ctx *ctx;
  bool *value;     /* by value id; a carried value is alive as its loop's result */
  bool *sym;       /* by symbol id */
  Op **binds;      /* by symbol id: the operation, if it is in this function */
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
  return region_effects(c, f->body, seen);
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

static void need_op(Live *l, Op *op);

static void need_sym(void *env, Sym *s) {
  Live *l = env;
  if (l->sym[s->id]) return;
  l->sym[s->id] = true;
  if (l->binds[s->id]) need_op(l, l->binds[s->id]);
}

static bool is_alive(const Live *l, const Op *op) { return l->value[op->res[0]->id]; }

/* What an operation needs to be done at all, whichever of its results is wanted. */
static void need_op(Live *l, Op *op) {
  if (op->nres == 1 && !op->nreg) need(l, op->res[0]);
  Op *around = op->parent->parent;
  bool loop = op->code == OP_for || op->code == OP_while;
  for (int i = 0; i < (loop ? loop_ninit(op) : op->nopd); i++) need(l, op->opd[i]);
  if (op->code == OP_while) need(l, op->reg[0]->res[0]);
  if (!op->nreg) op_each_sym(op, need_sym, l);
  (void)around;
}
