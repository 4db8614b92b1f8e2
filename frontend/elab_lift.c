/* elab_lift.c - a function value applied to arguments, as a Func of its own, so that it can be differentiated.
 * The body is elaborated into a fresh function whose parameters are the real leaves that are differentiated by.  Whatever else it
 * uses from the function around it (captured values, the other arguments, sizes known only at run time) becomes a further
 * parameter: a derivative taken outside flows through it, and one taken inside does not see it.
 * Inside comprehensions every parameter and result has an axis for each index in scope, so that the entries of the batch are
 * independent of each other. */
#include "frontend/elab_derive.h"

/* ---- leaves ---- */

int real_leaves(const Tval *v, Tval **to) {
  if (v->kind == TV_TENSOR) {
    if (!elem_is_real(v->type->elem)) return 0;
    if (to) *to = (Tval *)v;
    return 1;
  }
  int n = 0;
  for (int i = 0; i < v->npart; i++) n += real_leaves(v->part[i], to ? to + n : NULL);
  return n;
}

static Tval *replace(Elab *e, Tval *v, bool all, LeafFn *fn, void *env) {
  if (v->kind == TV_TENSOR) return all || elem_is_real(v->type->elem) ? fn(e, v, env) : v;
  Tval *t = arena_dup(e->ctx->arena, v, sizeof *v);
  t->part = NEW_N(e->ctx->arena, Tval *, v->npart + 1);
  for (int i = 0; i < v->npart; i++) t->part[i] = replace(e, v->part[i], all, fn, env);
  return t;
}

Tval *replace_real(Elab *e, Tval *v, LeafFn *fn, void *env) { return replace(e, v, false, fn, env); }
Tval *replace_all(Elab *e, Tval *v, LeafFn *fn, void *env) { return replace(e, v, true, fn, env); }

/* ---- symbols ---- */

/* What may stand in the types of the function at hand: its own symbols, and those bound so far around the builder's place. */
static void visible_symbols(Elab *e, Func *to) {
  Func *f = e->b.func;
  for (int i = 0; i < f->nsym; i++) func_add_sym(to, f->sym[i]);
  for (Region *r = e->b.region; r; r = r->parent ? r->parent->parent : NULL)
    for (Op *op = r->first; op; op = op->next)
      if (op->code == OP_sym) func_add_sym(to, op->u.sym);
}

/* ---- captured values ---- */

typedef struct Capture {
  Elab *e;
  Func *func;
  Value **from, **to;
  int n, cap, to_cap, nto;
} Capture;

static Func *owner(const Value *v) { return v->def ? v->def->parent->func : v->region->func; }

static Value *captured(Capture *c, Value *v) {
  if (owner(v) == c->func) return v;
  for (int i = 0; i < c->n; i++)
    if (c->from[i] == v) return c->to[i];
  PUSH(c->e->ctx->arena, c->from, c->n, c->cap) = v;
  return PUSH(c->e->ctx->arena, c->to, c->nto, c->to_cap) = func_add_param(c->func, v->type, v->name);
}

static void capture_region(Capture *c, Region *r) {
  for (Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nopd; i++) op->opd[i] = captured(c, op->opd[i]);
    for (int i = 0; i < op->nreg; i++) capture_region(c, op->reg[i]);
  }
  for (int i = 0; i < r->nres; i++) r->res[i] = captured(c, r->res[i]);
}

/* ---- lifting ---- */

typedef struct Making {
  Lifted *to;
  Func *draft;
  Value **leaf;
  int n, cap;
  Value **result;
  int nresult, result_cap;
} Making;

/* A leaf over all labels, and the parameter that stands for it. */
static Tval *param_for(Elab *e, Tval *leaf, void *env) {
  Making *m = env;
  Lifted *to = m->to;
  leaf = tv_expand(e, leaf, to->nlabel, to->label, leaf->type->rank, leaf->type->dim);
  PUSH(e->ctx->arena, m->leaf, m->n, m->cap) = leaf->v;
  Value *p = func_add_param(m->draft, leaf->v->type, leaf->v->name);
  return tv_tensor(e, leaf->loc, leaf->type, p, to->nlabel, to->label);
}

static Tval *result_leaf(Elab *e, Tval *leaf, void *env) {
  Making *m = env;
  if (elem_is_real(leaf->type->elem))
    leaf = tv_expand(e, leaf, m->to->nlabel, m->to->label, leaf->type->rank, leaf->type->dim);
  PUSH(e->ctx->arena, m->result, m->nresult, m->result_cap) = leaf->v;
  return leaf;
}

static const char *lifted_name(Elab *e, const char *name) {
  for (int i = 1;; i++) {
    const char *n = arena_printf(e->ctx->arena, "%s.%d", name, i);
    if (!module_find(e->module, n)) return n;
  }
}

/* The draft in symbols that a function may have: a size known only at run time becomes an int parameter. */
static void finish(Elab *e, Making *m, const char *name, Loc loc) {
  Ctx *c = e->ctx;
  Func *from = m->draft, *f = func_new(e->module, lifted_name(e, name), loc);
  CloneMap *map = clone_map_new(c, from, f);
  Lifted *to = m->to;
  to->func = f;
  to->subst = NEW_N(c->arena, DimSubst, from->nsym + 1);
  for (int i = 0; i < from->nsym; i++) {
    Sym *s = from->sym[i], *mine = s;
    if (s->kind == SYM_VALUE) {
      mine = sym_new(c, SYM_PARAM, s->name, s->loc);
      mine->nonneg = s->nonneg;
      clone_map_sym(map, s, dim_sym(c, mine));
    }
    func_add_sym(f, mine);
    to->subst[to->nsubst++] = (DimSubst){mine, dim_sym(c, s)};
  }
  for (int i = 0; i < from->body->nparam; i++) {
    Value *p = from->body->param[i];
    clone_map_value(map, p, func_add_param(f, clone_type(map, p->type), p->name));
  }
  Builder b = builder_at_end(f);
  for_each_op(op, from->body) {
    b.loc = op->loc;
    clone_op(map, &b, op);
  }
  Value **res = NEW_N(c->arena, Value *, m->nresult + 1);
  for (int i = 0; i < m->nresult; i++) res[i] = clone_lookup(map, from->body->res[i]);
  region_set_results(f->body, m->nresult, res);
  func_default_ports(f);
}

static int int_ports(const Func *f) {
  int n = 0;
  while (n < f->nin && f->in[n].sym) n++;
  return n;
}

/* Are the results' sizes known before it runs? */
static bool sizes_known(Elab *e, const Making *m, Loc loc, const char *name) {
  for (const Op *op = m->draft->body->first; op; op = op->next)
    for (int i = 0; i < m->nresult && op->code == OP_sym; i++)
      for (int a = 0; a < m->result[i]->type->rank; a++) {
        if (!dim_mentions(m->result[i]->type->dim[a], op->u.sym)) continue;
        Diag *d = diag_error(e->ctx, loc, E_DERIVE_SIZE, "the size of the result of '%s' is not known before it runs", name);
        diag_note(e->ctx, d, op->u.sym->loc, "'%s' becomes known here", op->u.sym->name);
        diag_help(e->ctx, d, "make it a parameter, or let the result have a size that the parameters give");
        return false;
      }
  return true;
}

static void all_labels(Elab *e, Lifted *to) {
  for (Index *i = e->index; i; i = i->outer) to->nlabel++;
  to->label = NEW_N(e->ctx->arena, Index *, to->nlabel + 1);
  int at = to->nlabel;
  for (Index *i = e->index; i; i = i->outer) to->label[--at] = i;
}

bool lift(Elab *e, Loc loc, const char *name, int nwrt, Tval **wrt, bool batched, LiftBody *body, void *env, Lifted *to) {
  Module *scrap = module_new(e->ctx);
  Making m = {.to = to, .draft = func_new(scrap, name, loc)};
  Builder outer = e->b;
  *to = (Lifted){0};
  if (batched) all_labels(e, to);
  visible_symbols(e, m.draft);
  for (int i = 0; i < nwrt; i++) wrt[i] = replace_real(e, wrt[i], param_for, &m);
  e->b = builder_at_end(m.draft);
  e->b.loc = loc;
  Tval *v = body(e, env);
  bool ok = !is_error(v) && v->kind != TV_FUNCTION;
  if (ok) to->result = replace_all(e, v, result_leaf, &m);
  e->b = outer;
  if (v->kind == TV_FUNCTION)
    diag_error(e->ctx, loc, E_NOT_TENSOR, "a function that gives a function has no derivative");
  if (!ok || !sizes_known(e, &m, loc, name)) return false;
  region_set_results(m.draft->body, m.nresult, m.result);
  Capture c = {.e = e, .func = m.draft};
  capture_region(&c, m.draft->body);
  to->nleaf = m.n + c.n;
  to->leaf = NEW_N(e->ctx->arena, Value *, to->nleaf + 1);
  for (int i = 0; i < m.n; i++) to->leaf[i] = m.leaf[i];
  for (int i = 0; i < c.n; i++) to->leaf[m.n + i] = c.from[i];
  finish(e, &m, name, loc);
  to->nwrt = m.n;
  to->wrt = NEW_N(e->ctx->arena, int, m.n + 1);
  for (int i = 0; i < m.n; i++) to->wrt[i] = int_ports(to->func) + i;
  return true;
}
