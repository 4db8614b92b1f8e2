/* recursion_loops.c - a recursion as loops:
 *
 *   how deep it goes             a count that the arguments tell, or a `while` from level to level
 *   down, for each level         the next level's arguments
 *   the last level               the body without a call
 *   up, for each level           what the body does with the results of its call
 *
 * What a level on the way up reads of the way down is stored there, as the adjoint of a loop does it (tape.c); the way down is not
 * gone again if nothing is.  What comes before the call is checked on the way to the depth, what comes after it on the way up. */
#include "passes/recursion.h"

enum { DEEPEST = 100000000 }; /* one level more is an error */

typedef enum { NEXT, LAST, UP } Part; /* of the body: up to the call; the ways without it; what comes after it */

/* What the way down computes in a level, and the way up begins with. */
typedef struct Shared {
  const Region *down;
  CloneMap *to_down; /* of src */
  CloneMap *again;   /* of the body of the way down */
} Shared;

typedef struct Walk {
  const Recursion *r;
  Part part;
  CloneMap *map;
  bool checks, inner;   /* what comes before the call is checked here; in the branches that lead to it */
  Value **called;       /* UP: the call's results */
  const Shared *shared; /* UP */
} Walk;

/* ---- what is shared ------------------------------------------------------------------------------------------------------------------ */

static bool is_here(const Region *g, const Value *v) {
  if (!v || !v->def || v->def->parent != g) return false;
  for (int i = 0; i < v->def->nres; i++)
    if (v->def->res[i] == v) return true;
  return false;
}

static Dim *shared_dim(const Shared *s, Dim *d) { return clone_dim(s->again, clone_dim(s->to_down, d)); }

/* The copy that there is becomes the one of op. */
static bool share(const Walk *w, const Op *op) {
  const Shared *s = w->shared;
  for (int i = 0; i < op->nres; i++)
    if (!is_here(s->down, clone_lookup(s->to_down, op->res[i]))) return false;
  for (int i = 0; i < op->nres; i++) clone_map_value(w->map, op->res[i], clone_lookup(s->again, clone_lookup(s->to_down, op->res[i])));
  if (op->code == OP_sym) clone_map_sym(w->map, op->u.sym, shared_dim(s, dim_sym(w->r->ctx, op->u.sym)));
  return op->nres > 0;
}

static bool is_bound_in(const Region *g, Dim *d) {
  for (const Op *op = g->first; op; op = op->next)
    if (op->code == OP_sym && dim_mentions(d, op->u.sym)) return true;
  return false;
}

/* ---- a level --------------------------------------------------------------------------------------------------------------------- */

static Dim *bind(const Recursion *r, Builder *b, const Sym *like, Value *v) {
  Sym *s = sym_new(r->ctx, SYM_VALUE, like->name, like->loc);
  s->nonneg = like->nonneg;
  b_sym(b, v, s);
  return dim_sym(r->ctx, s);
}

static Dim *bind_number(const Recursion *r, Builder *b, Value *i) {
  Sym like = {.name = "level", .nonneg = true, .loc = r->call[0]->loc};
  return bind(r, b, &like, i);
}

static Dim *stepped(const Recursion *r, int sym, Dim *number) {
  Ctx *c = r->ctx;
  Dim *d = dim_add(c, dim_sym(c, r->src->sym[sym]), dim_mul(c, dim_const(c, r->sym[sym].step), number));
  if (!d) bug("a symbol that overflowed");
  return d;
}

/* Of the level `number`, with the arguments `carried`. */
static CloneMap *enter(const Recursion *r, Builder *b, Value *const *carried, Dim *number, const Shared *shared) {
  CloneMap *m = clone_map_new(r->ctx, r->src, r->f);
  const Region *body = r->src->body;
  int n = 0;
  for (int i = 0; i < body->nparam; i++) {
    bool varies = n < r->nvary && r->vary[n] == i;
    clone_map_value(m, body->param[i], varies ? carried[n++] : r->f->body->param[i]);
  }
  for (int i = 0; i < r->src->nsym; i++) {
    Sym *s = r->src->sym[i];
    Dim *d = r->sym[i].kind == LEVEL_STEPS ? stepped(r, i, number) : NULL;
    Value *v = r->sym[i].kind == LEVEL_ANY ? carried[n++] : NULL;
    if (r->sym[i].kind == LEVEL_SAME) continue;
    if (shared && is_bound_in(shared->down, clone_dim(shared->to_down, dim_sym(r->ctx, s)))) d = shared_dim(shared, dim_sym(r->ctx, s));
    else if (v || s->nonneg) d = bind(r, b, s, v ? v : b_dim(b, d));
    clone_map_sym(m, s, d);
  }
  return m;
}

/* ---- parts of the body ------------------------------------------------------------------------------------------------------------- */

static void copy_before(const Walk *w, Builder *b, const Region *g, const Op *site) {
  for (Op *op = g->first; op != site; op = op->next) {
    b->loc = op->loc;
    if (w->shared && share(w, op)) continue;
    if (w->checks) clone_op(w->map, b, op);
    else clone_but_effects(w->map, b, op);
  }
}

static void arguments(const Walk *w, Builder *b, const Op *call, Value **to) {
  const Recursion *r = w->r;
  int n = 0;
  for (; n < r->nvary; n++) to[n] = clone_lookup(w->map, call->opd[r->vary[n]]);
  for (int i = 0; i < r->src->nsym; i++)
    if (r->sym[i].kind == LEVEL_ANY) to[n++] = b_dim(b, clone_dim(w->map, recursion_next(r, call, i)));
}

static bool is_way(const Walk *w, const Region *g) {
  return w->part == LAST ? !recursion_must(w->r, g) : recursion_may(w->r, g);
}

static void copy_part(const Walk *w, Builder *b, const Region *g, Value **to);

static int part_count(const Walk *w, const Op *site) { return w->part == NEXT ? w->r->ncarried : site->nres; }

static Type *part_type(const Walk *w, const Op *site, int i) {
  const Recursion *r = w->r;
  if (w->part != NEXT) return clone_type(w->map, site->res[i]->type);
  return i < r->nvary ? r->src->body->param[r->vary[i]]->type : type_scalar(r->ctx, I64);
}

/* Which way is gone is known where only one can be. */
static void copy_branch(const Walk *w, Builder *b, const Op *site, Value **to) {
  int n = part_count(w, site);
  Type **types = NEW_N(w->r->ctx->arena, Type *, n + 1);
  for (int i = 0; i < 2; i++)
    if (!is_way(w, site->reg[i])) {
      Walk in = *w;
      in.checks = w->inner;
      copy_part(&in, b, site->reg[1 - i], to);
      return;
    }
  for (int i = 0; i < n; i++) types[i] = part_type(w, site, i);
  Op *copy = b_if(b, clone_lookup(w->map, site->opd[0]), n, types);
  for (int i = 0; i < 2; i++) {
    Builder in = b_inside(b, copy->reg[i]);
    copy_part(w, &in, site->reg[i], to);
    region_set_results(copy->reg[i], n, to);
  }
  for (int i = 0; i < n; i++) to[i] = copy->res[i];
}

static void copy_site(const Walk *w, Builder *b, const Op *site, Value **to) {
  b->loc = site->loc;
  if (site->code == OP_if) copy_branch(w, b, site, to);
  else if (w->part == NEXT) arguments(w, b, site, to);
  else
    for (int i = 0; i < site->nres; i++) to[i] = w->called[i];
}

/* to: the next level's arguments, or what g yields. */
static void copy_part(const Walk *w, Builder *b, const Region *g, Value **to) {
  Op *site = recursion_site(w->r, g);
  if (site) {
    Value **v = NEW_N(w->r->ctx->arena, Value *, part_count(w, site) + 1);
    copy_before(w, b, g, site);
    copy_site(w, b, site, w->part == NEXT ? to : v);
    if (w->part == NEXT) return;
    for (int i = 0; i < site->nres; i++) clone_map_value(w->map, site->res[i], v[i]);
  }
  for (Op *op = site ? site->next : g->first; op; op = op->next) {
    b->loc = op->loc;
    clone_op(w->map, b, op);
  }
  for (int i = 0; i < g->nres; i++) to[i] = clone_lookup(w->map, g->res[i]);
}

/* Is there anything to check before the call? */
static bool has_checks(const Recursion *r, const Region *g) {
  const Op *site = recursion_site(r, g);
  for (const Op *op = g->first; site && op != site; op = op->next)
    if (has_effect(op) || op_info[op->code].family == FAM_CALL) return true;
  for (int i = 0; site && i < site->nreg; i++)
    if (has_checks(r, site->reg[i])) return true;
  return false;
}

/* Whether the level calls, after the checks up to there; those of the only way that does wait until it is gone. */
static Value *will_call(const Walk *w, Builder *b, const Region *g) {
  const Op *site = recursion_site(w->r, g);
  if (!site) return b_bool(b, false);
  copy_before(w, b, g, site);
  b->loc = site->loc;
  if (site->code == OP_call) return b_bool(b, true);
  Value *cond = clone_lookup(w->map, site->opd[0]);
  int way = recursion_way(w->r, site);
  if (way >= 0 && (w->inner || !has_checks(w->r, site->reg[way]))) return way ? b_map1(b, OP_not, cond) : cond;
  Type *type = type_scalar(w->r->ctx, BOOL);
  Op *copy = b_if(b, cond, 1, &type);
  for (int i = 0; i < 2; i++) {
    Builder in = b_inside(b, copy->reg[i]);
    Walk inside = *w;
    inside.inner = false;
    Value *v = will_call(&inside, &in, site->reg[i]);
    region_set_results(copy->reg[i], 1, &v);
  }
  return copy->res[0];
}

/* ---- how deep ---------------------------------------------------------------------------------------------------------------------- */

typedef struct Levels {
  const Recursion *r;
  Builder b;
  Value **first; /* arguments */
  Op *count;     /* the `while`, whose first results are the last arguments, or NULL */
  Dim *depth;
  bool checked;  /* the last level, up to where it would call */
  Op *down;
  CloneMap *to_down;
} Levels;

static void first_arguments(Levels *l) {
  const Recursion *r = l->r;
  int n = 0;
  l->first = NEW_N(r->ctx->arena, Value *, r->ncarried + 1);
  for (; n < r->nvary; n++) l->first[n] = r->f->body->param[r->vary[n]];
  for (int i = 0; i < r->src->nsym; i++)
    if (r->sym[i].kind == LEVEL_ANY) l->first[n++] = b_dim(&l->b, dim_sym(r->ctx, r->src->sym[i]));
}

static void too_deep_unless(Levels *l, Value *holds) {
  const Recursion *r = l->r;
  l->b.loc = r->call[0]->loc;
  b_assert(&l->b, holds, arena_printf(r->ctx->arena, "the recursion of '%s' is more than %d calls deep", r->f->name, DEEPEST));
}

/* Returns the map of src to the level.  checks: those before the call, of the whole body or of the way to the call alone. */
static CloneMap *next_level(const Levels *l, Region *g, Value *const *carried, Value *number, bool checks, bool inner) {
  const Recursion *r = l->r;
  Builder in = b_inside(&l->b, g);
  Walk w = {.r = r, .part = NEXT, .checks = checks, .inner = inner};
  w.map = enter(r, &in, carried, bind_number(r, &in, number), NULL);
  Value **to = NEW_N(r->ctx->arena, Value *, r->ncarried + 1);
  copy_part(&w, &in, r->src->body, to);
  for (int i = 0; i < r->ncarried; i++) region_add_result(g, to[i]);
  return w.map;
}

/* Fails as the recursion would before it is found to be endless. */
static void check_levels(Levels *l, Value *ends) {
  Builder *b = &l->b;
  Value *n = b_select(b, ends, b_dim(b, l->depth), b_int(b, DEEPEST));
  Op *loop = b_for(b, b_int(b, 0), n, b_int(b, 1), l->r->ncarried, l->first);
  next_level(l, loop->reg[0], loop->reg[0]->param + 1, loop->reg[0]->param[0], true, true);
}

static void depth_in_advance(Levels *l, const Depth *d) {
  Builder *b = &l->b;
  Value *ends = b_map2(b, OP_le, b_dim(b, d->trips), b_int(b, DEEPEST));
  if (d->least) ends = b_map2(b, OP_and, ends, b_map2(b, OP_ge, b_dim(b, d->least), b_int(b, 0)));
  if (d->rest) ends = b_map2(b, OP_and, ends, b_map2(b, OP_eq, b_dim(b, d->rest), b_int(b, 0)));
  l->depth = d->trips;
  if (has_checks(l->r, l->r->src->body)) check_levels(l, ends);
  too_deep_unless(l, ends);
}

/* Is something costly needed both to know whether the body calls and to know with what? */
static bool condition_costs(const Recursion *r) {
  const Region *body = r->src->body;
  const Op *site = recursion_site(r, body);
  bool *cond = NEW_N(r->ctx->arena, bool, r->src->nvalue + 1), *next = NEW_N(r->ctx->arena, bool, r->src->nvalue + 1);
  if (recursion_way(r, site) < 0) return false;
  cond[site->opd[0]->id] = true;
  activity_backward(body, cond);
  for (int i = 0; i < r->ncall; i++) {
    for (int k = 0; k < r->nvary; k++) next[r->call[i]->opd[r->vary[k]]->id] = true;
    for (const Region *g = r->call[i]->parent; g; g = g->parent ? g->parent->parent : NULL) activity_backward(g, next);
  }
  for (const Op *op = body->first; op != site; op = op->next)
    if (op->nres && op_is_costly(op) && cond[op->res[0]->id] && next[op->res[0]->id]) return true;
  return false;
}

static Value *bounded(Builder *b, Value *calls, Value *n, int most) {
  return b_map2(b, OP_and, calls, b_map2(b, OP_le, n, b_int(b, most)));
}

static Op *start_count(Levels *l, int n, Value *const *more) {
  const Recursion *r = l->r;
  Value **init = NEW_N(r->ctx->arena, Value *, r->ncarried + n);
  for (int i = 0; i < r->ncarried; i++) init[i] = l->first[i];
  for (int i = 0; i < n; i++) init[r->ncarried + i] = more[i];
  return l->count = b_while(&l->b, r->ncarried + n, init);
}

static void add_one(const Builder *b, Region *g, Value *v) {
  Builder in = b_inside(b, g);
  region_add_result(g, b_map2(&in, OP_add, v, b_int(&in, 1)));
}

/* From level to level while it calls; the number of calls. */
static Value *count_calls(Levels *l) {
  const Recursion *r = l->r;
  Builder *b = &l->b;
  int n = r->ncarried;
  Value *zero = b_int(b, 0);
  Region **g = start_count(l, 1, &zero)->reg;
  Builder in = b_inside(b, g[0]);
  bool one_way = recursion_way(r, recursion_site(r, r->src->body)) >= 0;
  Walk w = {.r = r, .checks = true, .inner = one_way};
  w.map = enter(r, &in, g[0]->param, bind_number(r, &in, g[0]->param[n]), NULL);
  Value *calls = bounded(&in, will_call(&w, &in, r->src->body), g[0]->param[n], DEEPEST);
  region_set_results(g[0], 1, &calls);
  next_level(l, g[1], g[1]->param, g[1]->param[n], false, one_way);
  add_one(b, g[1], g[1]->param[n]);
  return l->count->res[n];
}

/* The same; what the condition needs is there to compute the arguments, and the last turn finds that there is no call. */
static Value *count_turns(Levels *l) {
  const Recursion *r = l->r;
  Builder *b = &l->b;
  int n = r->ncarried;
  Region **g = start_count(l, 2, (Value *[]){b_bool(b, true), b_int(b, 0)})->reg;
  Builder in = b_inside(b, g[0]);
  Value *calls = bounded(&in, g[0]->param[n], g[0]->param[n + 1], DEEPEST + 1), **to = NEW_N(r->ctx->arena, Value *, n + 1);
  region_set_results(g[0], 1, &calls);
  in = b_inside(b, g[1]);
  Walk w = {.r = r, .part = NEXT, .checks = true, .inner = true};
  w.map = enter(r, &in, g[1]->param, bind_number(r, &in, g[1]->param[n + 1]), NULL);
  calls = will_call(&w, &in, r->src->body);
  const Op *site = recursion_site(r, r->src->body);
  Type **types = NEW_N(r->ctx->arena, Type *, n + 1);
  for (int i = 0; i < n; i++) types[i] = g[1]->param[i]->type;
  Op *again = b_if(&in, calls, n, types);
  Builder way = b_inside(&in, again->reg[0]);
  copy_part(&w, &way, site->reg[recursion_way(r, site)], to);
  region_set_results(again->reg[0], n, to);
  region_set_results(again->reg[1], n, g[1]->param);
  for (int i = 0; i < n; i++) region_add_result(g[1], again->res[i]);
  region_add_result(g[1], calls);
  add_one(b, g[1], g[1]->param[n + 1]);
  return b_map2(b, OP_sub, l->count->res[n + 1], b_int(b, 1));
}

static void count_levels(Levels *l) {
  Value *n = condition_costs(l->r) ? count_turns(l) : count_calls(l);
  too_deep_unless(l, b_map2(&l->b, OP_le, n, b_int(&l->b, DEEPEST)));
  l->depth = bind_number(l->r, &l->b, n);
  l->checked = true;
}

/* ---- down and up ------------------------------------------------------------------------------------------------------------------- */

static void go_down(Levels *l) {
  Builder *b = &l->b;
  l->down = b_for(b, b_int(b, 0), b_dim(b, l->depth), b_int(b, 1), l->r->ncarried, l->first);
  Region *body = l->down->reg[0];
  l->to_down = next_level(l, body, body->param + 1, body->param[0], false, false);
  prune_region(l->r->f, body);
}

static void last_level(Levels *l, Value **to) {
  const Recursion *r = l->r;
  Walk w = {.r = r, .part = LAST, .checks = !l->checked, .inner = !l->checked, .map = enter(r, &l->b, l->down->res, l->depth, NULL)};
  copy_part(&w, &l->b, r->src->body, to);
}

static bool has_calls(const Region *g) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op_info[op->code].family == FAM_CALL) return true;
    for (int i = 0; i < op->nreg; i++)
      if (has_calls(op->reg[i])) return true;
  }
  return false;
}

/* What goes down is done again first. */
static void begin_up(const Levels *l, Tape *tape, Deriv *d, Region *g) {
  Region *down = l->down->reg[0];
  *tape = (Tape){.d = d, .primal = l->down, .rev = g, .t = g->param[0], .room = l->depth};
  tape->map = clone_map_new(l->r->ctx, l->r->f, l->r->f);
  clone_map_value(tape->map, down->param[0], tape->t);
  for (int i = 1; i < down->nparam; i++) clone_map_value(tape->map, down->param[i], down->param[i]);
  d->b = b_inside(&l->b, g);
  deriv_clone(d, tape->map, down);
  tape->ncopied = l->r->f->nvalue;
  tape->copied = NEW_N(l->r->ctx->arena, bool, tape->ncopied + 1);
  for (const Op *op = g->first; op; op = op->next)
    for (int i = 0; i < op->nres; i++) tape->copied[op->res[i]->id] = true;
}

static Op *go_up(Levels *l, Tape *tape, Deriv *d, Value **from) {
  const Recursion *r = l->r;
  Builder *b = &l->b;
  int n = r->src->body->nres;
  Value **to = NEW_N(r->ctx->arena, Value *, n + 1), *last = b_dim(b, dim_sub(r->ctx, l->depth, dim_const(r->ctx, 1)));
  Op *up = b_for(b, last, b_int(b, -1), b_int(b, -1), n, from);
  Region *g = up->reg[0];
  begin_up(l, tape, d, g);
  Builder in = b_inside(b, g);
  Shared shared = {l->down->reg[0], l->to_down, tape->map};
  Walk w = {.r = r, .part = UP, .called = g->param + 1, .shared = &shared};
  w.map = enter(r, &in, l->down->reg[0]->param + 1, bind_number(r, &in, g->param[0]), &shared);
  copy_part(&w, &in, r->src->body, to);
  region_set_results(g, n, to);
  if (!has_calls(g)) prune_region(r->f, g); /* a call may be there for its checks alone */
  return up;
}

typedef struct Uses { const Op *of; bool any; } Uses;

static void see_use(void *env, Value *v) {
  Uses *u = env;
  u->any |= v->def == u->of;
}

/* What was done again and is read from the tape instead; calls too, which were made on the way down. */
static void drop_copies(const Tape *t) {
  for (Op *op = t->rev->last, *before; op; op = before) {
    before = op->prev;
    Uses u = {op, false};
    if (!op->nres || op->res[0]->id >= t->ncopied || !t->copied[op->res[0]->id] || op->code == OP_sym) continue;
    region_each_use(t->rev, see_use, &u);
    if (!u.any) op_remove(op);
  }
}

/* The results; without a tape the way down is not gone once more. */
static Value **down_and_up(Levels *l) {
  const Recursion *r = l->r;
  Value **last = NEW_N(r->ctx->arena, Value *, r->src->body->nres + 1);
  Deriv d = deriv_start(r->f);
  Tape tape;
  go_down(l);
  last_level(l, last);
  Op *up = go_up(l, &tape, &d, last);
  bool taped = tape_cut(&tape);
  drop_copies(&tape);
  if (taped || !l->count) return up->res;
  for (int i = 0; i < r->ncarried; i++) region_replace_uses(r->f->body, l->down->res[i], l->count->res[i]);
  op_remove(l->down);
  return up->res;
}

void recursion_build(Recursion *r) {
  Func *f = r->f;
  Levels l = {.r = r};
  Depth depth;
  f->body->first = f->body->last = NULL;
  l.b = builder_at_end(f);
  l.b.loc = r->call[0]->loc;
  first_arguments(&l);
  if (recursion_depth(r, &depth)) depth_in_advance(&l, &depth);
  else count_levels(&l);
  region_set_results(f->body, f->body->nres, down_and_up(&l));
  pass_optimise(f);
}
