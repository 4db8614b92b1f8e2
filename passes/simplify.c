/* simplify.c - the sweep that applies the rules of simplify_*.c until none does.
 * Requires: a verified function.  Ensures: an equivalent one; values that were replaced are dead and wait for dce.  What a rule
 * makes is visited next, so one sweep brings most of it to rest; fuel bounds the work in the size of the function. */
#include "passes/pass.h"

static Value *apply_map(Simplify *s, Op *op) {
  Value *v = simplify_map_rule(op->code)(s, op);
  return v ? v : simplify_sink(s, op);
}

static const SimplifyRule by_family[FAM_COUNT] = {
    [FAM_MAP] = apply_map, [FAM_CONTRACT] = simplify_contract, [FAM_VIEW] = simplify_view, [FAM_INDEX] = simplify_index};

static Op *first_between(Region *g, Op *before, Op *op) { return before ? before->next : g->first == op ? op : g->first; }

/* Rewrites op; returns the operation to visit next. */
static Op *visit(Simplify *s, Region *g, Op *op, int *fuel) {
  SimplifyRule rule = by_family[op_info[op->code].family];
  if (!rule || op->nres != 1 || op_is_dead(&s->rw, op)) return op->next;
  Op *before = op->prev;
  s->b = (Builder){.ctx = s->ctx, .func = s->rw.func, .region = g, .before = op, .loc = op->loc};
  Value *v = rule(s, op);
  if (!v || v == op->res[0]) return op->next;
  --*fuel;
  if (v->type != op->res[0]->type) bug("simplify gave %s another type", op_info[op->code].name);
  if (!v->name) v->name = op->res[0]->name;
  Op *made = first_between(g, before, op);
  for (Op *o = made; o != op; o = o->next)
    for (int i = 0; i < o->nopd; i++) rw_use(&s->rw, o->opd[i], 1);
  rw_replace(&s->rw, op->res[0], v);
  return made == op ? op->next : made;
}

bool only_here(Simplify *s, const Value *v) {
  return rw_uses(&s->rw, v) == 1 && v->def && v->def->parent == s->b.region;
}

static void sweep(Simplify *s, Region *g, int *fuel);

/* An operation with regions; returns the operation to visit next. */
static Op *visit_regions(Simplify *s, Op *op, int *fuel) {
  Op *next = *fuel > 0 ? simplify_region_before(s, op, fuel) : NULL;
  if (!op->parent) return next;
  for (int i = 0; i < op->nreg; i++) sweep(s, op->reg[i], fuel);
  next = *fuel > 0 ? simplify_region_after(s, op, fuel) : NULL;
  return op->parent ? op->next : next;
}

static void sweep(Simplify *s, Region *g, int *fuel) {
  for (Op *op = g->first, *next; op; op = next) {
    rw_operands(&s->rw, op);
    Op *before = op->prev;
    if (simplify_check(s, op)) {
      next = before ? before->next : g->first;
      continue;
    }
    next = op->next;
    if (op->nreg) next = visit_regions(s, op, fuel);
    else if (*fuel > 0) next = visit(s, g, op, fuel);
  }
  rw_results(&s->rw, g);
}

void pass_simplify(Func *f) {
  int fuel = 32 * region_count_ops(f->body) + 256;
  for (int round = 0; round < 8; round++) {
    int before = fuel;
    Simplify s = {.ctx = f->module->ctx};
    rw_init(&s.rw, f);
    sweep(&s, f->body, &fuel);
    pass_dce(f);
    if (fuel == before || fuel <= 0) break;
  }
}

static void timed(const char *name, void (*pass)(Func *), Func *f) {
  const char *outer = stage_begin(f->module->ctx, name);
  pass(f);
  stage_end(f->module->ctx, outer);
}

void pass_optimise(Func *f) {
  for (int round = 0; round < 3; round++) {
    int before = region_count_ops(f->body);
    timed("simplify", pass_simplify, f);
    timed("cse", pass_cse, f);
    timed("hoist", pass_hoist, f);
    if (region_count_ops(f->body) == before && round > 0) break;
  }
}
