/* derive.c - derivative functions: what to differentiate, the signature of the result, and the sweep that makes its
 * body. Requires: a verified function with ports.  Ensures: a new function of the module beside it, or NULL after a
 * diagnostic; the original is not changed. */
#include "passes/ports.h"
#include <string.h>

enum {
  E_NOT_SCALAR = 501,
  E_NO_PARAMETER = 502,
  E_NOT_REAL = 503,
  E_NOTHING_REAL = 504,
  E_NAME_TAKEN = 505,
  W_SEVERED = 521
};

/* ---- what to differentiate --------------------------------------------------------------------------------------- */

typedef struct Plan {
  Func *f;
  FuncKind kind;
  int *wrt, nwrt;   /* ports of f */
  int target;       /* grad: the result port */
  const char *name; /* of the new function; NULL: f's and the usual ending */
  bool optimise;
} Plan;

static void add_wrt(Plan *p, int port) {
  for (int i = 0; i < p->nwrt; i++)
    if (p->wrt[i] == port) return;
  p->wrt[p->nwrt++] = port;
}

static bool unknown_name(Func *f, const char *name, Loc loc) {
  Ctx *c = f->module->ctx;
  const char **names = NEW_N(c->arena, const char *, f->nin);
  for (int i = 0; i < f->nin; i++) names[i] = f->in[i].name;
  Diag *d = diag_error(c, loc, E_NO_PARAMETER, "'%s' has no parameter '%s'", f->name, name);
  const char *close = closest_name(name, names, f->nin);
  if (close) diag_help(c, d, "did you mean '%s'?", close);
  return false;
}

static bool find_wrt(Plan *p, const char *name, Loc loc) {
  Func *f = p->f;
  for (int i = 0; i < f->nin; i++) {
    if (strcmp(f->in[i].name, name)) continue;
    if (port_real_leaves(f, &f->in[i], false) > 0) {
      add_wrt(p, i);
      return true;
    }
    Diag *d = diag_error(f->module->ctx, loc, E_NOT_REAL,
                         "'%s' of '%s' holds nothing real: there is no derivative with respect to it", name, f->name);
    if (f->in[i].loc.file >= 0) diag_note(f->module->ctx, d, f->in[i].loc, "declared here");
    return false;
  }
  return unknown_name(f, name, loc);
}

static bool choose_wrt(Plan *p, Wrt wrt) {
  Func *f = p->f;
  p->wrt = NEW_N(f->module->ctx->arena, int, f->nin + wrt.n);
  for (int i = 0; i < wrt.n; i++)
    if (!find_wrt(p, wrt.name[i], wrt.loc ? wrt.loc[i] : f->loc)) return false;
  for (int i = 0; i < f->nin && wrt.n == 0; i++)
    if (port_real_leaves(f, &f->in[i], false) > 0) add_wrt(p, i);
  if (p->nwrt == 0)
    diag_error(f->module->ctx, f->loc, E_NOTHING_REAL, "'%s' has no real parameter to differentiate by", f->name);
  return p->nwrt > 0;
}

/* The result port whose gradient is meant: the only real one, of the last derivative if f is a gradient; -1: there is
 * none, or it is no scalar; *why is then the port to complain of, or -1. */
static int scalar_result(const Func *f, int *why) {
  int from = f->kind == FUNC_GRAD && f->origin ? f->origin->nout : 0, found = -1;
  *why = -1;
  for (int i = from; i < f->nout; i++) {
    if (port_real_leaves(f, &f->out[i], true) == 0) continue;
    if (found >= 0) return -1;
    found = i;
  }
  if (found < 0) return -1;
  const Port *p = &f->out[found];
  if (p->nleaf == 1 && !p->agg && port_leaf(f, p, true, 0)->type->rank == 0) return found;
  *why = found;
  return -1;
}

bool can_derive(const Func *f) {
  int real = 0;
  for (int i = 0; i < f->nin; i++) real += port_real_leaves(f, &f->in[i], false);
  return real > 0;
}

bool can_grad(const Func *f) {
  int why;
  return can_derive(f) && scalar_result(f, &why) >= 0;
}

static bool choose_result(Plan *p) {
  Func *f = p->f;
  Ctx *c = f->module->ctx;
  int why;
  p->target = -1;
  if (p->kind != FUNC_GRAD || (p->target = scalar_result(f, &why)) >= 0) return true;
  Diag *d;
  if (why < 0)
    d = diag_error(c, f->loc, E_NOT_SCALAR, "'%s' does not have exactly one real result, so it has no gradient",
                   f->name);
  else {
    const Port *p = &f->out[why];
    Text t;
    text_init(&t, c->arena);
    if (p->agg) text_add(&t, "the struct '%s'", p->agg->name);
    else type_print(&t, port_leaf(f, p, true, 0)->type);
    d = diag_error(c, f->loc, E_NOT_SCALAR, "'%s' has no gradient: its result is not a scalar but %s", f->name, t.s);
  }
  diag_help(c, d, "ask for the vjp, which takes a seed for each result (--derive=vjp), or return a scalar: sum(…)");
  return false;
}

/* ---- the new function -------------------------------------------------------------------------------------------- */

static const char *const suffix_of[] = {[FUNC_GRAD] = "_grad", [FUNC_VJP] = "_vjp", [FUNC_JVP] = "_jvp"};

static Func *make_func(const Plan *p) {
  Func *f = p->f;
  Ctx *c = f->module->ctx;
  const char *name = p->name ? p->name : intern(c, arena_printf(c->arena, "%s%s", f->name, suffix_of[p->kind]));
  if (module_find(f->module, name)) {
    diag_error(c, f->loc, E_NAME_TAKEN,
               "the derivative of '%s' would be called '%s', and there is a function of that name", f->name, name);
    return NULL;
  }
  Func *g = func_clone(f, name);
  g->kind = p->kind;
  g->origin = f;
  pass_inline(g);
  if (p->optimise) pass_optimise(g);
  return g;
}

/* New parameters of real type, like the real leaves of a port; their values by leaf, NULL where it is not real. */
static Value **add_params(Func *g, PortRole role, int of, bool of_result, const char *suffix) {
  Ctx *c = g->module->ctx;
  int first = g->body->nparam;
  port_append(g, false, role, of, of_result, suffix, first);
  const Port *p = of_result ? &g->out[of] : &g->in[of];
  Value **v = NEW_N(c->arena, Value *, p->nleaf);
  for (int i = 0; i < p->nleaf; i++) {
    Value *leaf = port_leaf(g, p, of_result, i);
    if (elem_is_real(leaf->type->elem)) v[i] = func_add_param(g, leaf->type, leaf->name);
  }
  return v;
}

typedef struct Results {
  Value **v;
  int n, cap;
} Results;

static Results results_of(const Func *g) {
  Results r = {0};
  for (int i = 0; i < g->body->nres; i++) PUSH(g->module->ctx->arena, r.v, r.n, r.cap) = g->body->res[i];
  return r;
}

/* The derivative of each real leaf of a port becomes a result. */
static void add_results(Deriv *d, Results *r, PortRole role, int of, bool of_result, const char *suffix) {
  Func *g = d->func;
  port_append(g, true, role, of, of_result, suffix, r->n);
  const Port *p = of_result ? &g->out[of] : &g->in[of];
  for (int i = 0; i < p->nleaf; i++) {
    Value *leaf = port_leaf(g, p, of_result, i);
    if (elem_is_real(leaf->type->elem)) PUSH(g->module->ctx->arena, r->v, r->n, r->cap) = deriv_or_zero(d, leaf);
  }
}

static bool already_reported(const Ctx *c, Loc loc) {
  for (const Diag *d = c->diags->first; d; d = d->next)
    if (d->code == W_SEVERED && d->loc.file == loc.file && d->loc.begin == loc.begin && d->loc.end == loc.end)
      return true;
  return false;
}

static void warn_severed_in(const Deriv *d, const Func *f, const Region *g, const bool *reaches) {
  Ctx *c = d->b.ctx;
  for (const Op *op = g->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++) warn_severed_in(d, f, op->reg[i], reaches);
    if (op->code != OP_cast || !is_active(d, op->opd[0]) || !reaches[op->res[0]->id]) continue;
    if (elem_is_real(op->res[0]->type->elem) || already_reported(c, op->loc)) continue;
    Diag *w = diag_warning(c, op->loc, W_SEVERED, "the derivative of '%s' stops at this conversion to %s",
                           arena_strndup(c->arena, f->name, strcspn(f->name, ".")), /* as the user knows it */
                           elem_name(op->res[0]->type->elem));
    diag_help(
        c, w,
        "what comes through it counts as constant; floor(x) and round(x) stay real, stop_gradient(x) says it is meant");
  }
}

/* A conversion to int or bool between a chosen parameter and a result. */
static void warn_severed(const Deriv *d, const Func *f) {
  if (f->kind != FUNC_PRIMAL) return;
  const Region *body = d->func->body;
  bool *reaches = NEW_N(d->b.ctx->arena, bool, d->n + 1);
  for (int i = 0; i < body->nres; i++) reaches[body->res[i]->id] = true;
  activity_backward(body, reaches);
  warn_severed_in(d, f, body, reaches);
}

/* Marks what depends on the chosen parameters. */
static Deriv deriv_new(const Plan *p, Func *g) {
  Deriv d = deriv_start(g);
  d.optimise = p->optimise;
  for (int i = 0; i < p->nwrt; i++) {
    const Port *port = &g->in[p->wrt[i]];
    for (int k = 0; k < port->nleaf; k++) {
      Value *leaf = port_leaf(g, port, false, k);
      d.active[leaf->id] = elem_is_real(leaf->type->elem);
    }
  }
  activity_forward(g, d.active);
  warn_severed(&d, p->f);
  return d;
}

static void seed(Deriv *d, const Port *p, Value *const *v) {
  for (int i = 0; i < p->nleaf; i++)
    if (v[i]) deriv_add(d, port_leaf(d->func, p, true, i), v[i]);
}

static void build_reverse(const Plan *p, Func *g) {
  Deriv d = deriv_new(p, g);
  Results r = results_of(g);
  int nout = g->nout;
  d.b.loc = g->loc;
  for (int i = 0; i < nout; i++) {
    Value *one;
    if (p->kind == FUNC_GRAD && i == p->target) {
      one = b_splat(&d.b, port_leaf(g, &g->out[i], true, 0)->type, 1);
      seed(&d, &g->out[i], &one);
    } else if (p->kind == FUNC_VJP && port_real_leaves(g, &g->out[i], true)) {
      Value **v = add_params(g, PORT_SEED, i, true, "_seed");
      seed(&d, &g->out[i], v);
    }
  }
  adjoint_sweep(&d);
  d.b.loc = g->loc;
  for (int i = 0; i < p->nwrt; i++) add_results(&d, &r, PORT_COTANGENT, p->wrt[i], false, "_grad");
  region_set_results(g->body, r.n, r.v);
}

static void build_forward(const Plan *p, Func *g) {
  Deriv d = deriv_new(p, g);
  Results r = results_of(g);
  int nout = g->nout;
  for (int i = 0; i < p->nwrt; i++) {
    Value **v = add_params(g, PORT_TANGENT_IN, p->wrt[i], false, "_tangent");
    const Port *port = &g->in[p->wrt[i]];
    for (int k = 0; k < port->nleaf; k++) d.d[port_leaf(g, port, false, k)->id] = v[k];
  }
  tangent_sweep(&d);
  d.b = builder_at_end(g);
  d.b.loc = g->loc;
  for (int i = 0; i < nout; i++)
    if (port_real_leaves(g, &g->out[i], true)) add_results(&d, &r, PORT_TANGENT_OUT, i, true, "_tangent");
  region_set_results(g->body, r.n, r.v);
}

static Func *build(const Plan *p) {
  Func *g = make_func(p);
  if (!g) return NULL;
  if (p->kind == FUNC_JVP)
    build_forward(p, g);
  else {
    if (p->optimise) pass_logistic(g);
    build_reverse(p, g);
  }
  pass_inline(g); /* the rules of functions that have their own */
  if (p->optimise)
    pass_optimise(g);
  else
    pass_dce(g);
  if (!func_verify(g)) {
    diag_print_text(g->module->ctx, stderr, false);
    bug("%s does not verify", g->name);
  }
  return g;
}

static Func *derive(Func *f, Wrt wrt, FuncKind kind, bool optimise) {
  Plan p = {.f = f, .kind = kind, .optimise = optimise};
  return choose_wrt(&p, wrt) && choose_result(&p) ? build(&p) : NULL;
}

bool derive_choose(Func *f, Wrt wrt, bool scalar, int *nwrt, int **ports) {
  Plan p = {.f = f, .kind = scalar ? FUNC_GRAD : FUNC_VJP};
  if (!choose_wrt(&p, wrt) || !choose_result(&p)) return false;
  *nwrt = p.nwrt;
  *ports = p.wrt;
  return true;
}

Func *derive_ports(Func *f, FuncKind kind, int nwrt, const int *wrt, const char *name) {
  Plan p = {.f = f, .kind = kind, .nwrt = nwrt, .target = -1, .name = intern(f->module->ctx, name), .optimise = true};
  p.wrt = arena_dup(f->module->ctx->arena, wrt, sizeof *wrt * (size_t)nwrt);
  Func *g = build(&p);
  if (g) g->exported = false;
  return g;
}

Func *derive_grad(Func *f, Wrt wrt) { return derive(f, wrt, FUNC_GRAD, true); }
Func *derive_vjp(Func *f, Wrt wrt) { return derive(f, wrt, FUNC_VJP, true); }
Func *derive_jvp(Func *f, Wrt wrt) { return derive(f, wrt, FUNC_JVP, true); }
Func *derive_raw(Func *f, Wrt wrt, FuncKind kind) { return derive(f, wrt, kind, false); }
