/* adjoint_recompute.c - the adjoint of a `for` that is to keep few of its states: a function that goes back through the iterations
 * from..to of the loop, given the state before them and how many more states it may keep.  Of more than one iteration it runs some
 * forward, goes back through the rest from the state that this gives, then through the first ones.
 *
 *   segment(from, to, keep, state…, cotangents…, captured…):
 *     n = to - from
 *     if n <= 1:  if n == 1: the adjoint of one iteration, else: cotangents as they are
 *     else:       middle = from + split(n, keep);  for t in from..middle: state' = body(state)
 *                 segment(from, middle, keep, state, segment(middle, to, keep - 1, state', cotangents))
 *
 * The split is that of binomial checkpointing (Griewank and Walther's "revolve", ACM TOMS 26, 2000), which runs as few iterations
 * again as so many states allow: with keep + 1 = c of them, and r the least number for which binom(c + r, c) >= n, it runs
 * r n - binom(c + r, r - 1).  The call from outside lets ceil(log2 n) be kept, the one that is given counted.
 *
 * The loop in it is marked like the one that is differentiated, so that derivatives of the function are frugal too. */
#include "passes/pass.h"

typedef struct Segment {
  Deriv *d;
  Reverse r;
  Values captured;  /* all of what the loop uses from around it, with its first index and its step, but for */
  Values constants; /* those that the function computes itself */
  Func *f;
  CloneMap *map;    /* captured values to parameters; symbols that are bound at run time to symbols of f */
  DimSubst *subst;  /* of f's symbols in calls from around the loop */
  DimSubst *own;    /* and from f itself */
  int nsubst, subst_cap, own_cap, nown;
  Value *from, *to, *keep, **state, **cotangent, **outside;
} Segment;

static int nstate(const Segment *s) { return s->r.loop->nres; }
static int ncotangent(const Segment *s) { return s->r.n + s->r.captured.n; }

/* ---- signature ---------------------------------------------------------------------------------------------------------------- */

static void add_symbol(Segment *s, Sym *inside, Dim *outside) {
  Ctx *c = s->d->b.ctx;
  func_add_sym(s->f, inside);
  PUSH(c->arena, s->subst, s->nsubst, s->subst_cap) = (DimSubst){inside, outside};
  PUSH(c->arena, s->own, s->nown, s->own_cap) = (DimSubst){inside, dim_sym(c, inside)};
}

/* A symbol that was bound to a value around the loop is one of the function's own in it. */
static void note_symbol(void *env, Sym *sym) {
  Segment *s = env;
  Ctx *c = s->d->b.ctx;
  if (sym->kind != SYM_VALUE) return;
  for (int i = 0; i < s->nsubst; i++)
    if (s->subst[i].to == dim_sym(c, sym)) return;
  Sym *own = sym_new(c, SYM_DIM, sym->name, sym->loc);
  own->nonneg = sym->nonneg;
  add_symbol(s, own, dim_sym(c, sym));
  clone_map_sym(s->map, sym, dim_sym(c, own));
}

static void unbind(void *env, Value *v) { type_each_sym(v->type, note_symbol, env); }

static bool binds(const Region *g, const Sym *sym) {
  for (const Op *op = g->first; op; op = op->next) {
    if (op->code == OP_sym && op->u.sym == sym) return true;
    for (int r = 0; r < op->nreg; r++)
      if (binds(op->reg[r], sym)) return true;
  }
  return false;
}

static void note_free_symbol(void *env, Sym *sym) {
  Segment *s = env;
  if (!binds(loop_body(s->r.loop), sym)) note_symbol(env, sym);
}

static Value *param(Segment *s, const Value *like, const char *name) {
  return func_add_param(s->f, clone_type(s->map, like->type), name);
}

static void add_signature(Segment *s) {
  Arena *a = s->d->b.ctx->arena;
  const Op *loop = s->r.loop;
  for (int i = 0; i < s->d->func->nsym; i++) add_symbol(s, s->d->func->sym[i], dim_sym(s->d->b.ctx, s->d->func->sym[i]));
  for (int i = 0; i < s->captured.n; i++) unbind(s, s->captured.v[i]);
  for (int i = 0; i < s->constants.n; i++) op_each_sym(s->constants.v[i]->def, note_symbol, s);
  for (int k = 0; k < nstate(s); k++) unbind(s, loop->res[k]);
  op_each_sym(loop, note_free_symbol, s);
  s->state = NEW_N(a, Value *, nstate(s) + 1);
  s->cotangent = NEW_N(a, Value *, ncotangent(s) + 1);
  s->outside = NEW_N(a, Value *, s->captured.n + 1);
  s->from = param(s, loop->opd[0], "from");
  s->to = param(s, loop->opd[0], "to");
  s->keep = param(s, loop->opd[0], "keep");
  for (int k = 0; k < nstate(s); k++) s->state[k] = param(s, loop->res[k], arena_printf(a, "state%d", k));
  for (int i = 0; i < s->r.n; i++) s->cotangent[i] = param(s, loop->res[s->r.carried[i]], arena_printf(a, "adjoint%d", i));
  for (int i = 0; i < s->r.captured.n; i++)
    s->cotangent[s->r.n + i] = param(s, s->r.captured.v[i], arena_printf(a, "adjoint%d", s->r.n + i));
  for (int i = 0; i < s->captured.n; i++) {
    s->outside[i] = param(s, s->captured.v[i], arena_printf(a, "outside%d", i));
    clone_map_value(s->map, s->captured.v[i], s->outside[i]);
  }
  Builder b = builder_at_end(s->f);
  for (int i = 0; i < s->constants.n; i++) clone_op(s->map, &b, s->constants.v[i]->def);
}

static Op *call(Segment *s, Builder *b, Value *from, Value *to, Value *keep, Value *const *state, Value *const *cotangent,
                Value *const *outside, const DimSubst *subst) {
  Arena *a = b->ctx->arena;
  Value **opd = NEW_N(a, Value *, 3 + nstate(s) + ncotangent(s) + s->captured.n);
  Type **types = NEW_N(a, Type *, ncotangent(s) + 1);
  int n = 0;
  opd[n++] = from;
  opd[n++] = to;
  opd[n++] = keep;
  for (int k = 0; k < nstate(s); k++) opd[n++] = state[k];
  for (int i = 0; i < ncotangent(s); i++) {
    opd[n++] = cotangent[i];
    types[i] = cotangent[i]->type;
  }
  for (int i = 0; i < s->captured.n; i++) opd[n++] = outside[i];
  return b_call_typed(b, s->f, n, opd, s->nsubst, subst, ncotangent(s), types);
}

/* ---- body --------------------------------------------------------------------------------------------------------------------- */

/* A copy of the body for the iteration t, at b; the map then holds what it yields. */
static void copy_body(Segment *s, Builder *b, Value *t, Value *const *state) {
  Op *loop = s->r.loop;
  const Region *body = loop_body(loop);
  Value *lo = clone_lookup(s->map, loop->opd[0]), *step = clone_lookup(s->map, loop->opd[2]);
  clone_map_value(s->map, body->param[0], loop_index_at(b, lo, step, t));
  for (int k = 0; k < nstate(s); k++) clone_map_value(s->map, loop_carried(loop, k), state[k]);
  for (Op *op = body->first; op; op = op->next) clone_but_effects(s->map, b, op);
}

static Value *captured_param(const Segment *s, const Value *v) {
  for (int i = 0; i < s->captured.n; i++)
    if (s->captured.v[i] == v) return s->outside[i];
  bug("a captured value without a parameter");
}

static void one_iteration(Segment *s, const Builder *b, Region *to) {
  const Region *body = loop_body(s->r.loop);
  Builder in = b_inside(b, to);
  copy_body(s, &in, s->from, s->state);
  Deriv d = deriv_start(s->f);
  d.optimise = s->d->optimise;
  for (int k = 0; k < nstate(s); k++) d.active[s->state[k]->id] = is_active(s->d, loop_carried(s->r.loop, k));
  for (int i = 0; i < s->captured.n; i++) d.active[s->outside[i]->id] = is_active(s->d, s->captured.v[i]);
  activity_forward(s->f, d.active);
  d.b = in;
  Op *last = to->last;
  for (int i = 0; i < s->r.captured.n; i++) d.d[captured_param(s, s->r.captured.v[i])->id] = s->cotangent[s->r.n + i];
  for (int i = 0; i < s->r.n; i++) deriv_add(&d, clone_lookup(s->map, body->res[s->r.carried[i]]), s->cotangent[i]);
  loop_prepare(&d, to);
  adjoint_region(&d, last);
  to->nres = 0;
  for (int i = 0; i < s->r.n; i++) region_add_result(to, deriv_or_zero(&d, s->state[s->r.carried[i]]));
  for (int i = 0; i < s->r.captured.n; i++) region_add_result(to, deriv_of(&d, captured_param(s, s->r.captured.v[i])));
}

static Op *run_forward(Segment *s, Builder *b, Value *middle) {
  Op *loop = s->r.loop, *f = b_for(b, s->from, middle, b_int(b, 1), nstate(s), s->state);
  f->u.loop.checkpoint = loop->u.loop.checkpoint;
  Region *to = loop_body(f);
  Builder in = b_inside(b, to);
  copy_body(s, &in, to->param[0], to->param + 1);
  for (int k = 0; k < nstate(s); k++) region_add_result(to, clone_lookup(s->map, loop_body(loop)->res[k]));
  return f;
}

/* c = keep + 1; below = 1, r = 0, all = 1;  while all < n: below = all, r = r + 1, all = all (c + r) / r.  Then all is binom(c + r, c)
 * and below binom(c + r - 1, c), the most iterations that are gone back through with one run less of each, and below c / (c + r - 1)
 * is binom(c + r - 2, c - 1), the same of the second part.  The first part is as long as these two let it be. */
static Value *split(const Segment *s, Builder *b, Value *n) {
  Value *one = b_int(b, 1), *c = b_map2(b, OP_add, s->keep, one);
  Value *init[] = {one, b_int(b, 0), one};
  Op *w = b_while(b, 3, init);
  Region *test = w->reg[0], *body = w->reg[1];
  Builder in = b_inside(b, test);
  region_add_result(test, b_map2(&in, OP_lt, test->param[2], n));
  in = b_inside(b, body);
  Value *r = b_map2(&in, OP_add, body->param[1], one), *all = b_map2(&in, OP_mul, body->param[2], b_map2(&in, OP_add, c, r));
  region_add_result(body, body->param[2]);
  region_add_result(body, r);
  region_add_result(body, b_map2(&in, OP_floordiv, all, r));
  Value *below = w->res[0], *cr = b_map2(b, OP_add, s->keep, w->res[1]);
  Value *second = b_map2(b, OP_floordiv, b_map2(b, OP_mul, below, c), cr);
  return b_map2(b, OP_min, below, b_map2(b, OP_sub, n, second));
}

static void parts(Segment *s, const Builder *b, Region *to, Value *n) {
  Builder in = b_inside(b, to);
  Value *middle = b_map2(&in, OP_add, s->from, split(s, &in, n)), *fewer = b_map2(&in, OP_sub, s->keep, b_int(&in, 1));
  Op *f = run_forward(s, &in, middle);
  Op *second = call(s, &in, middle, s->to, fewer, f->res, s->cotangent, s->outside, s->own);
  Op *first = call(s, &in, s->from, middle, s->keep, s->state, second->res, s->outside, s->own);
  region_set_results(to, first->nres, first->res);
}

/* The single iteration first: what is active is found while nothing else is there. */
static void fill(Segment *s) {
  Builder b = builder_at_end(s->f);
  b.loc = s->r.loop->loc;
  Type **types = NEW_N(b.ctx->arena, Type *, ncotangent(s) + 1);
  for (int i = 0; i < ncotangent(s); i++) types[i] = s->cotangent[i]->type;
  Value *n = b_map2(&b, OP_sub, s->to, s->from), *one = b_int(&b, 1);
  Op *few = b_if(&b, b_map2(&b, OP_le, n, one), ncotangent(s), types);
  Builder in = b_inside(&b, few->reg[0]);
  Op *single = b_if(&in, b_map2(&in, OP_eq, n, one), ncotangent(s), types);
  region_set_results(few->reg[0], single->nres, single->res);
  for (int r = 0; r < 2; r++) region_set_results(single->reg[r], ncotangent(s), s->cotangent);
  region_set_results(few->reg[1], ncotangent(s), s->cotangent);
  region_set_results(s->f->body, few->nres, few->res);
  one_iteration(s, &b, single->reg[0]);
  parts(s, &b, few->reg[1], n);
  func_default_ports(s->f);
  if (s->d->optimise) pass_optimise(s->f);
  else pass_dce(s->f);
}

/* ---- the call ------------------------------------------------------------------------------------------------------------------ */

static void capture(Segment *s, Value *v) {
  Values *to = v->def && (v->def->code == OP_const || v->def->code == OP_dim) ? &s->constants : &s->captured;
  for (int i = 0; i < to->n; i++)
    if (to->v[i] == v) return;
  PUSH(s->d->b.ctx->arena, to->v, to->n, to->cap) = v;
}

static const char *new_name(Module *m, const Func *f) {
  const char *name;
  int i = 0;
  do name = arena_printf(m->ctx->arena, "%s.segment.%d", f->name, i++);
  while (module_find(m, name));
  return name;
}

/* max(ceil(log2 n), 1) - 1 */
static Value *states_to_keep(Builder *b, Value *n) {
  Value *some = b_cast(b, b_map2(b, OP_max, n, b_int(b, 2)), F64);
  Value *log = b_cast(b, b_map1(b, OP_ceil, b_map1(b, OP_log2, some)), I64);
  return b_map2(b, OP_sub, log, b_int(b, 1));
}

void adjoint_recomputed(Deriv *d, Op *loop) {
  Segment s = {.d = d, .r = reverse_start(d, loop)};
  Values used = captured_values(d, loop);
  Module *m = d->func->module;
  for (int i = 0; i < used.n; i++) capture(&s, used.v[i]);
  capture(&s, loop->opd[0]);
  capture(&s, loop->opd[2]);
  s.f = func_new(m, new_name(m, d->func), loop->loc);
  s.map = clone_map_new(d->b.ctx, d->func, s.f);
  add_signature(&s);
  fill(&s);
  Value **cotangent = reverse_init(d, &s.r);
  Dim *count = trip_count(d->b.ctx, loop);
  Value *trips = count ? b_dim(&d->b, count) : trip_count_value(&d->b, loop);
  Value *keep = states_to_keep(&d->b, trips), *from = b_int(&d->b, 0);
  Op *rev = call(&s, &d->b, from, trips, keep, loop->opd + loop_ninit(loop), cotangent, s.captured.v, s.subst);
  for (int i = 0; i < s.r.captured.n; i++) d->d[s.r.captured.v[i]->id] = rev->res[s.r.n + i];
  for (int i = 0; i < s.r.n; i++) deriv_add(d, loop->opd[loop_ninit(loop) + s.r.carried[i]], rev->res[i]);
}
