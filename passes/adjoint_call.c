/* adjoint_call.c - derivatives of calls of functions that call themselves: calls of derived functions, made on demand.
 * A derived function is named after its callee and after which parameters are active and which results have cotangents, so that the
 * module itself remembers it: f.vjp.101.1 returns the cotangents of the first and third parameter, f.jvp.101 has the results and
 * tangents of f.  No user's name holds a dot.  Its signature stands before its body, which may call it. */
#include "passes/pass.h"
#include <string.h>

typedef struct Mask { bool *on; int n, count; } Mask;

static Mask mask_new(Ctx *c, int n) { return (Mask){NEW_N(c->arena, bool, n + 1), n, 0}; }

static void mask_set(Mask *m, int i, bool on) {
  m->on[i] = on;
  m->count += on;
}

static void add_mask(Text *t, const Mask *m) {
  text_add(t, ".");
  for (int i = 0; i < m->n; i++) text_add(t, "%d", m->on[i]);
}

static const char *derived_name(Ctx *c, const Func *f, const char *what, const Mask *params, const Mask *seeds) {
  Text t;
  text_init(&t, c->arena);
  text_add(&t, "%s.%s", f->name, what);
  add_mask(&t, params);
  if (seeds) add_mask(&t, seeds);
  return t.s;
}

static Func *copy_of(const Deriv *d, Func *f, const char *name) {
  Func *g = func_clone(f, name);
  g->exported = false;
  g->kind = FUNC_PRIMAL;
  g->origin = NULL;
  g->signature = NULL;
  pass_inline(g);
  if (d->optimise) pass_optimise(g);
  return g;
}

/* Derivatives come in and go out beside the values of the mask. */
static Value **add_params(Func *g, const Mask *m, Value *const *like, const char *suffix) {
  Ctx *c = g->module->ctx;
  Value **v = NEW_N(c->arena, Value *, m->n + 1);
  for (int i = 0; i < m->n; i++)
    if (m->on[i]) v[i] = func_add_param(g, like[i]->type, arena_printf(c->arena, "%s%s%d", like[i]->name ? like[i]->name : "x", suffix, i));
  return v;
}

static Deriv start(const Deriv *outer, Func *g, const Mask *params) {
  Deriv d = deriv_start(g);
  d.optimise = outer->optimise;
  for (int i = 0; i < params->n; i++) d.active[g->body->param[i]->id] = params->on[i];
  activity_forward(g, d.active);
  return d;
}

static void finish(const Deriv *d, Func *g) {
  func_default_ports(g);
  prune_region(g, g->body);
  if (d->optimise) pass_optimise(g);
  else pass_dce(g);
}

/* The operands of the call, then the derivatives that go with it. */
static Value **with_derivatives(Deriv *d, const Op *call, const Mask *m, Value *const *of) {
  Value **opd = NEW_N(d->b.ctx->arena, Value *, call->nopd + m->count);
  int n = call->nopd;
  for (int i = 0; i < n; i++) opd[i] = call->opd[i];
  for (int i = 0; i < m->n; i++)
    if (m->on[i]) opd[n++] = deriv_or_zero(d, of[i]);
  return opd;
}

/* ---- reverse ---------------------------------------------------------------------------------------------------------------- */

static Func *vjp_of(const Deriv *outer, Func *f, const Mask *params, const Mask *seeds) {
  Ctx *c = f->module->ctx;
  const char *name = derived_name(c, f, "vjp", params, seeds);
  Func *g = module_find(f->module, name);
  if (g) return g;
  g = copy_of(outer, f, name);
  Value **res = g->body->res;
  int nres = 0, nparam = g->body->nparam;
  Value **seed = add_params(g, seeds, res, "_seed");
  Deriv d = start(outer, g, params);
  for (int i = 0; i < seeds->n; i++)
    if (seeds->on[i]) deriv_add(&d, res[i], seed[i]);
  adjoint_sweep(&d);
  Value **out = NEW_N(c->arena, Value *, nparam + 1);
  for (int i = 0; i < nparam; i++)
    if (params->on[i]) out[nres++] = deriv_or_zero(&d, g->body->param[i]);
  region_set_results(g->body, nres, out);
  finish(&d, g);
  return g;
}

/* ---- functions with a rule of their own ------------------------------------------------------------------------------------- */

enum { E_NO_RULE = 506, E_CAPTURED = 508 };

static bool has_rule(Deriv *d, const Op *call) {
  const Func *f = call->u.call.callee;
  if (f->adjoint) return true;
  const Diag *last = d->b.ctx->diags->last;
  if (last && last->code == E_NO_RULE && last->loc.begin == call->loc.begin && last->loc.file == call->loc.file) return false;
  Diag *g = diag_error(d->b.ctx, call->loc, E_NO_RULE, "the extern function '%s' has no derivative", f->external);
  diag_help(d->b.ctx, g, "give its declaration a block `derivative(g) { … }`, or say that it counts as constant: stop_gradient(…)");
  return false;
}

/* The callee's symbols are known here; its rule has its own. */
static DimSubst *rule_symbols(Ctx *c, const Op *call) {
  const Func *f = call->u.call.callee, *rule = f->adjoint;
  DimSubst *s = NEW_N(c->arena, DimSubst, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) {
    s[i] = (DimSubst){rule->sym[i], dim_sym(c, f->sym[i])};
    for (int k = 0; k < call->u.call.nsubst; k++)
      if (call->u.call.subst[k].from == f->sym[i]) s[i].to = call->u.call.subst[k].to;
  }
  return s;
}

/* The rule's operands: the callee's parameters, its results, the cotangents of the real ones (zero where linear is set: the rule
 * is linear in them, so its derivative by them is the same everywhere). */
static Value **rule_operands(Deriv *d, const Op *call, int nres, bool linear) {
  Value **opd = NEW_N(d->b.ctx->arena, Value *, call->nopd + 2 * nres + 1);
  int n = 0;
  for (int i = 0; i < call->nopd; i++) opd[n++] = call->opd[i];
  for (int i = 0; i < nres; i++) opd[n++] = call->res[i];
  for (int i = 0; i < nres; i++)
    if (elem_is_real(call->res[i]->type->elem))
      opd[n++] = linear ? b_splat(&d->b, call->res[i]->type, 0) : deriv_or_zero(d, call->res[i]);
  return opd;
}

/* The operands that the rule gives cotangents for; behind them is what functions that the callee was given have captured. */
static int ruled(const Op *call) {
  const Func *f = call->u.call.callee;
  int n = 0, left = f->adjoint->body->nres;
  for (; n < call->nopd; n++) {
    if (!elem_is_real(call->opd[n]->type->elem)) continue;
    if (!left--) break;
  }
  return n;
}

static bool covers_captured(Deriv *d, const Op *call) {
  const Func *f = call->u.call.callee;
  for (int i = ruled(call); i < call->nopd; i++) {
    if (!is_active(d, call->opd[i])) continue;
    const char *x = f->body->param[i]->name ? f->body->param[i]->name : "?";
    int callee = (int)strcspn(f->name, "."), captured = (int)strcspn(x, "."); /* without what tells derived names apart */
    Diag *g = diag_error(d->b.ctx, call->loc, E_CAPTURED,
                         "the derivative block of '%.*s' does not give the derivative by '%.*s', which a function captured", callee,
                         f->name, captured, x);
    diag_help(d->b.ctx, g, "make it a parameter of '%.*s', or say that it is constant: stop_gradient(%.*s)", callee, f->name, captured, x);
    return false;
  }
  return true;
}

static void adjoint_by_rule(Deriv *d, Op *op) {
  Ctx *c = d->b.ctx;
  Func *f = op->u.call.callee, *rule = f->adjoint;
  if (!has_rule(d, op)) return;
  if (!covers_captured(d, op)) return;
  Type **types = NEW_N(c->arena, Type *, op->nopd + 1);
  int n = 0, nopd = ruled(op);
  for (int i = 0; i < nopd; i++)
    if (elem_is_real(op->opd[i]->type->elem)) types[n++] = op->opd[i]->type;
  Op *call = b_call_typed(&d->b, rule, rule->body->nparam, rule_operands(d, op, op->nres, false), f->nsym, rule_symbols(c, op), n, types);
  n = 0;
  for (int i = 0; i < nopd; i++)
    if (elem_is_real(op->opd[i]->type->elem)) deriv_add(d, op->opd[i], call->res[n++]);
}

/* The tangents of the results are the transpose of the rule, applied to those of the parameters. */
static void tangent_by_rule(Deriv *d, Op *op) {
  Ctx *c = d->b.ctx;
  Func *f = op->u.call.callee, *rule = f->adjoint;
  if (!has_rule(d, op)) return;
  if (!covers_captured(d, op)) return;
  int nopd = ruled(op), nparam = rule->body->nparam, nrule = rule->body->nres, n = 0, nseed = 0;
  Mask seeds = mask_new(c, nparam), given = mask_new(c, nrule);
  for (int i = 0; i < op->nres; i++) nseed += elem_is_real(op->res[i]->type->elem);
  for (int i = 0; i < nparam; i++) mask_set(&seeds, i, i >= nparam - nseed);
  for (int i = 0; i < nopd; i++)
    if (elem_is_real(op->opd[i]->type->elem)) mask_set(&given, n++, is_active(d, op->opd[i]) && deriv_of(d, op->opd[i]));
  if (!given.count || !nseed) return;
  Value **base = rule_operands(d, op, op->nres, true), **opd = NEW_N(c->arena, Value *, nparam + given.count);
  for (n = 0; n < nparam; n++) opd[n] = base[n];
  for (int i = 0; i < nopd; i++)
    if (elem_is_real(op->opd[i]->type->elem) && is_active(d, op->opd[i]) && deriv_of(d, op->opd[i])) opd[n++] = deriv_of(d, op->opd[i]);
  Type **types = NEW_N(c->arena, Type *, nseed);
  int k = 0;
  for (int i = 0; i < op->nres; i++)
    if (elem_is_real(op->res[i]->type->elem)) types[k++] = op->res[i]->type;
  Func *g = vjp_of(d, rule, &seeds, &given);
  Op *call = b_call_typed(&d->b, g, n, opd, f->nsym, rule_symbols(c, op), nseed, types);
  k = 0;
  for (int i = 0; i < op->nres; i++)
    if (elem_is_real(op->res[i]->type->elem)) d->d[op->res[i]->id] = call->res[k++];
}

static bool by_rule(const Op *call) { return call->u.call.callee->adjoint || call->u.call.callee->external; }

/* ---- reverse mode's calls ------------------------------------------------------------------------------------------------------ */

void adjoint_call(Deriv *d, Op *op) {
  if (by_rule(op)) {
    adjoint_by_rule(d, op);
    return;
  }
  Ctx *c = d->b.ctx;
  Mask params = mask_new(c, op->nopd), seeds = mask_new(c, op->nres);
  for (int i = 0; i < op->nopd; i++) mask_set(&params, i, is_active(d, op->opd[i]));
  for (int i = 0; i < op->nres; i++) mask_set(&seeds, i, is_active(d, op->res[i]) && deriv_of(d, op->res[i]));
  Func *g = vjp_of(d, op->u.call.callee, &params, &seeds);
  Value **opd = with_derivatives(d, op, &seeds, op->res);
  Type **types = NEW_N(c->arena, Type *, params.count + 1);
  int n = 0;
  for (int i = 0; i < op->nopd; i++)
    if (params.on[i]) types[n++] = op->opd[i]->type;
  Op *call = b_call_typed(&d->b, g, op->nopd + seeds.count, opd, op->u.call.nsubst, op->u.call.subst, n, types);
  n = 0;
  for (int i = 0; i < op->nopd; i++)
    if (params.on[i]) deriv_add(d, op->opd[i], call->res[n++]);
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

static Func *jvp_of(const Deriv *outer, Func *f, const Mask *params, const Mask *results) {
  Ctx *c = f->module->ctx;
  const char *name = derived_name(c, f, "jvp", params, results);
  Func *g = module_find(f->module, name);
  if (g) return g;
  g = copy_of(outer, f, name);
  Value **tangent = add_params(g, params, g->body->param, "_tangent");
  Deriv d = start(outer, g, params);
  for (int i = 0; i < params->n; i++)
    if (params->on[i]) d.d[g->body->param[i]->id] = tangent[i];
  tangent_sweep(&d);
  d.b = builder_at_end(g);
  for (int i = 0; i < results->n; i++)
    if (results->on[i]) region_add_result(g->body, deriv_or_zero(&d, g->body->res[i]));
  finish(&d, g);
  return g;
}

/* The call itself becomes one of the derived function. */
void tangent_call(Deriv *d, Op *op) {
  if (by_rule(op)) {
    tangent_by_rule(d, op);
    return;
  }
  Ctx *c = d->b.ctx;
  Mask params = mask_new(c, op->nopd), results = mask_new(c, op->nres);
  int nopd = op->nopd;
  for (int i = 0; i < nopd; i++) mask_set(&params, i, is_active(d, op->opd[i]) && deriv_of(d, op->opd[i]));
  for (int i = 0; i < op->nres; i++) mask_set(&results, i, is_active(d, op->res[i]));
  if (!params.count || !results.count) return;
  op->u.call.callee = jvp_of(d, op->u.call.callee, &params, &results);
  for (int i = 0; i < nopd; i++)
    if (params.on[i]) op_add_operand(op, deriv_of(d, op->opd[i]));
  for (int i = 0; i < results.n; i++)
    if (results.on[i]) d->d[op->res[i]->id] = op_add_result(op, op->res[i]->type);
}
