/* elab_derive.c - derivative operators: grad(f, W, b)(args), vjp(f)(args; seed) and their kin.
 * An operator applied to a function is a function value; where that is called, the function is lifted (elab_lift.c) and one `derive`
 * op emitted, whose results are put together again as the values of the language: a gradient has the structure of its parameter. */
#include "frontend/elab_derive.h"
#include <string.h>

static const DeriveWord words[] = {
    {"grad", DERIVE_GRAD, TAKES_NOTHING, true, false},         {"value_and_grad", DERIVE_GRAD, TAKES_NOTHING, true, true},
    {"vjp", DERIVE_VJP, TAKES_SEEDS, false, true},             {"jvp", DERIVE_JVP, TAKES_TANGENTS, false, true},
    {"jacobian", DERIVE_JACOBIAN, TAKES_NOTHING, false, false}, {"hessian", DERIVE_HESSIAN, TAKES_NOTHING, true, false},
    {"hvp", DERIVE_HVP, TAKES_TANGENTS, true, false},
};
enum { NWORD = sizeof words / sizeof *words };

static const DeriveWord *word_named(const char *name) {
  for (int i = 0; i < NWORD; i++)
    if (!strcmp(words[i].name, name)) return &words[i];
  return NULL;
}

/* ---- the operator as a value ---- */

/* f of grad(f): any expression that is a function. */
static FunctionValue *operand(Elab *e, const DeriveWord *w, Expr *x) {
  Tval *v = elab_expr(e, x);
  if (is_error(v)) return NULL;
  if (v->kind == TV_FUNCTION) return v->fn;
  Diag *d = diag_error(e->ctx, x->loc, E_DERIVE_FORM, "%s is taken of a function, but this is %s", w->name, show_tval(e, v));
  diag_help(e->ctx, d, "%s(f, x)(args): first the function and the parameters, then, in a second pair of brackets, the arguments", w->name);
  return NULL;
}

Tval *elab_derivative(Elab *e, Expr *x) {
  const DeriveWord *w = word_named(x->u.call.callee->u.name);
  Arg *a = x->u.call.args;
  if (!a || a->name || a->seed) {
    diag_error(e->ctx, x->loc, E_DERIVE_FORM, "%s needs a function: %s(f)(args)", w->name, w->name);
    return tv_error(e, x->loc);
  }
  FunctionValue *of = operand(e, w, a->value);
  if (!of) return tv_error(e, x->loc);
  for (Arg *g = a->next; g; g = g->next)
    if (g->name || g->seed || g->value->kind != EX_NAME) {
      Diag *d = diag_error(e->ctx, g->value->loc, E_DERIVE_FORM, "after the function, %s takes names of its parameters", w->name);
      diag_help(e->ctx, d, "the arguments follow in a second pair of brackets: %s(f, x)(args)", w->name);
      return tv_error(e, x->loc);
    }
  DeriveForm *form = NEW(e->ctx->arena, DeriveForm);
  *form = (DeriveForm){w, of, a->next, x->loc};
  FunctionValue *f = NEW(e->ctx->arena, FunctionValue);
  *f = (FunctionValue){.derive = form, .loc = x->loc};
  Tval *t = NEW(e->ctx->arena, Tval);
  *t = (Tval){.kind = TV_FUNCTION, .loc = x->loc, .fn = f};
  return t;
}

/* ---- parameters of the function that is differentiated ---- */

static void builtin_params(Elab *e, const Builtin *b, Params *p) {
  int cap = 0;
  for (const char *s = b->params; *s;) {
    size_t len = strcspn(s, " ");
    if (s[len ? len - 1 : 0] != '=' && s[0] != '.') PUSH(e->ctx->arena, p->name, p->n, cap) = intern_n(e->ctx, s, len);
    s += len + (s[len] == ' ');
  }
}

const FunctionValue *innermost(const FunctionValue *f) {
  while (f->derive) f = f->derive->of;
  return f;
}

static Params params_of(Elab *e, const FunctionValue *f) {
  f = innermost(f);
  Params p = {.at = f->loc};
  int cap = 0;
  if (f->fn) {
    fn_signature(e, f->fn);
    return (Params){f->fn->nparam, f->fn->param_name, f->fn->decl->head};
  }
  if (f->builtin) builtin_params(e, f->builtin, &p);
  for (Param *q = f->lambda ? f->lambda->u.lambda.params : NULL; q; q = q->next)
    PUSH(e->ctx->arena, p.name, p.n, cap) = q->name ? q->name : intern(e->ctx, "");
  return p;
}

static const char *function_name(const FunctionValue *f) {
  f = innermost(f);
  return f->fn ? f->fn->name : f->builtin ? f->builtin->name : "lambda";
}

static int param_at(const Params *p, const char *name) {
  for (int i = 0; i < p->n; i++)
    if (p->name[i] == name) return i;
  return -1;
}

/* ---- a call of the derivative ---- */

static Diag *wrong(Elab *e, const Call *c, Loc loc, const char *text) {
  Diag *d = diag_error(e->ctx, loc, E_ARGUMENTS, "%s", text);
  if (c->params.at.file >= 0) diag_note(e->ctx, d, c->params.at, "'%s' is declared here", function_name(c->form->of));
  return d;
}

static bool bind_arguments(Elab *e, Call *c) {
  Arena *a = e->ctx->arena;
  int at = 0, given = 0;
  bool ok = true;
  for (Arg *g = c->x->u.call.args; g; g = g->next) given += !g->seed;
  c->arg = NEW_N(a, Tval *, c->params.n + 1);
  c->seed = NEW_N(a, Tval *, 64);
  for (Arg *g = c->x->u.call.args; g; g = g->next) {
    if (g->seed) {
      if (c->nseed == 64) return wrong(e, c, g->value->loc, "too many values after ';'"), false;
      ok = !is_error(c->seed[c->nseed++] = elab_expr(e, g->value)) && ok;
      continue;
    }
    int i = g->name ? param_at(&c->params, g->name) : at++;
    if (i < 0) {
      Diag *d = wrong(e, c, g->name_loc, arena_printf(a, "'%s' has no parameter '%s'", function_name(c->form->of), g->name));
      const char *near = closest_name(g->name, c->params.name, c->params.n);
      if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
      return false;
    }
    if (i >= c->params.n)
      return wrong(e, c, g->value->loc, arena_printf(a, "'%s' takes %d argument%s, but %d are given", function_name(c->form->of),
                                                     c->params.n, c->params.n == 1 ? "" : "s", given)),
             false;
    if (c->arg[i]) return wrong(e, c, g->value->loc, arena_printf(a, "the argument '%s' is given twice", c->params.name[i])), false;
    ok = !is_error(c->arg[i] = elab_expr(e, g->value)) && ok;
  }
  for (int i = 0; i < c->params.n; i++)
    if (!c->arg[i])
      return wrong(e, c, c->x->loc, arena_printf(a, "the argument '%s' of '%s' is missing", c->params.name[i],
                                                 function_name(c->form->of))),
             false;
  return ok;
}

/* ---- by what is differentiated ---- */

/* The declared type of a parameter, where there is one. */
static const Spec *declared(const FunctionValue *f, int i) {
  f = innermost(f);
  return f->fn && !f->fn->failed ? f->fn->param[i] : NULL;
}

/* A number written as an int, given for a real parameter. */
static void adapt(Elab *e, Call *c, int i, bool named) {
  Tval *v = c->arg[i];
  const Spec *s = declared(c->form->of, i);
  if (v->kind != TV_TENSOR || elem_is_real(v->type->elem) || v->type->elem == BOOL) return;
  if (s && s->kind == TV_TENSOR && elem_is_real(s->type->elem)) c->arg[i] = tv_cast(e, v, s->type->elem);
  const FunctionValue *f = innermost(c->form->of);
  if (!s && v->literal && (named || f->builtin || c->params.n == 1)) c->arg[i] = tv_cast(e, v, e->options->real);
}

static bool add_wrt(Elab *e, Call *c, int i, Loc loc) {
  if (real_leaves(c->arg[i], NULL) > 0) {
    c->wrt[c->nwrt++] = i;
    return true;
  }
  diag_error(e->ctx, loc, E_WRT_NOT_REAL, "'%s' of '%s' holds nothing real: there is no derivative with respect to it",
             c->params.name[i], function_name(c->form->of));
  return false;
}

static bool named_wrt(Elab *e, Call *c, Arg *g) {
  const char *name = g->value->u.name;
  int i = param_at(&c->params, name);
  if (i < 0) {
    Diag *d = diag_error(e->ctx, g->value->loc, E_NO_WRT, "'%s' has no parameter '%s'", function_name(c->form->of), name);
    const char *near = closest_name(name, c->params.name, c->params.n);
    if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
    if (c->params.at.file >= 0) diag_note(e->ctx, d, c->params.at, "the function");
    return false;
  }
  for (int k = 0; k < c->nwrt; k++)
    if (c->wrt[k] == i) {
      diag_error(e->ctx, g->value->loc, E_WRT_TWICE, "'%s' is named twice", name);
      return false;
    }
  adapt(e, c, i, true);
  return add_wrt(e, c, i, g->value->loc);
}

static bool choose_wrt(Elab *e, Call *c) {
  c->wrt = NEW_N(e->ctx->arena, int, c->params.n + 1);
  for (int i = 0; i < c->params.n; i++) adapt(e, c, i, false);
  for (Arg *g = c->form->wrt; g; g = g->next)
    if (!named_wrt(e, c, g)) return false;
  for (int i = 0; i < c->params.n && !c->form->wrt; i++)
    if (c->arg[i]->kind != TV_FUNCTION && real_leaves(c->arg[i], NULL) > 0) c->wrt[c->nwrt++] = i;
  if (c->nwrt) return true;
  diag_error(e->ctx, c->form->loc, E_NO_REAL_PARAM, "'%s' has no real argument here to differentiate by", function_name(c->form->of));
  return false;
}

/* ---- the function's value, in its lifted form ---- */

static Expr *name_expr(Elab *e, Loc loc, const char *name) {
  Expr *x = NEW(e->ctx->arena, Expr);
  x->kind = EX_NAME;
  x->loc = x->op_loc = loc;
  x->u.name = name;
  return x;
}

static Arg *argument(Elab *e, Tval *v, int i, bool seed, Loc loc) {
  Arg *g = NEW(e->ctx->arena, Arg);
  const char *name = intern(e->ctx, arena_printf(e->ctx->arena, "argument %d", i)); /* no user's name */
  scope_bind(e, BIND_LET, name, v->loc, v);
  g->value = name_expr(e, loc, name);
  g->name_loc = loc;
  g->seed = seed;
  return g;
}

/* f called with values: they are bound to names that no program can spell. */
static Tval *call_values(Elab *e, void *env) {
  Call *c = env;
  Expr *x = NEW(e->ctx->arena, Expr);
  Arg **tail = &x->u.call.args;
  scope_push(e);
  x->kind = EX_CALL;
  x->loc = c->x->loc;
  x->op_loc = c->x->op_loc;
  x->u.call.callee = name_expr(e, c->form->loc, intern(e->ctx, function_name(c->form->of)));
  for (int i = 0; i < c->params.n; i++) {
    Tval *v = c->arg[i];
    for (int k = 0; k < c->nwrt; k++)
      if (c->wrt[k] == i) v = c->wrt_value[k];
    *tail = argument(e, v, i, false, c->x->loc);
    tail = &(*tail)->next;
  }
  for (int i = 0; i < c->nseed && c->inner_seeds; i++) {
    *tail = argument(e, c->seed[i], c->params.n + i, true, c->x->loc);
    tail = &(*tail)->next;
  }
  x->u.call.has_seed = c->inner_seeds && c->nseed;
  Tval *v = call_value(e, c->form->of, x);
  scope_pop(e);
  /* A number for a result: a literal int stands beside reals here. */
  return v->kind == TV_TENSOR && v->literal && elem_is_int(v->type->elem) ? tv_cast(e, v, e->options->real) : v;
}

/* A row x[:i] has no label itself: its length has. */
static bool has_labels(Elab *e, const Tval *v) {
  for (int i = 0; i < v->npart; i++)
    if (has_labels(e, v->part[i])) return true;
  return v->kind == TV_FUNCTION || v->nlabel > 0 || (v->kind == TV_TENSOR && type_ragged(e, v->type));
}

/* Inside a comprehension what depends on no index is differentiated once. */
static bool is_batched(Elab *e, const Call *c) {
  bool any = e->mask != NULL || innermost(c->form->of)->lambda;
  for (int i = 0; i < c->params.n; i++) any = any || has_labels(e, c->arg[i]);
  for (int i = 0; i < c->nseed; i++) any = any || has_labels(e, c->seed[i]);
  return e->index && any;
}

static bool check_result(Elab *e, const Call *c) {
  const Tval *r = c->f.result;
  const DeriveWord *w = c->form->word;
  if (!w->scalar || (r->kind == TV_TENSOR && r->type->rank == 0 && elem_is_real(r->type->elem))) {
    if (real_leaves(r, NULL) > 0) return true;
    diag_error(e->ctx, c->form->loc, E_NO_GRADIENT, "'%s' has no derivative: its result is %s", function_name(c->form->of),
               show_tval(e, r));
    return false;
  }
  Diag *d = diag_error(e->ctx, c->form->loc, E_NO_GRADIENT, "'%s' has no %s: its result is not a real scalar but %s",
                       function_name(c->form->of), w->kind == DERIVE_GRAD ? "gradient" : w->kind == DERIVE_HVP ? "hvp" : "Hessian",
                       show_tval(e, r));
  if (real_leaves(r, NULL) == 0) return false;
  const FunctionValue *of = c->form->of;
  if (of->builtin && c->params.n == 1 && c->arg[0]->type == r->type && r->type->rank == 1) {
    diag_help(e->ctx, d, "for each element by itself: [%s(%s)(x[i]) for i]", w->name, of->builtin->name);
    return false;
  }
  diag_help(e->ctx, d, "vjp(f)(args; seed) weighs the results, jacobian(f, x)(args) has all of them, and sum(…) makes one of many");
  return false;
}

/* ---- seeds and tangents ---- */

typedef struct Leaves { Call *c; Value **v; int n, cap; } Leaves;

static Tval *collect(Elab *e, Tval *leaf, void *env) {
  Leaves *l = env;
  const Lifted *f = &l->c->f;
  leaf = tv_expand(e, leaf, f->nlabel, f->label, leaf->type->rank, leaf->type->dim);
  PUSH(e->ctx->arena, l->v, l->n, l->cap) = leaf->v;
  return leaf;
}

static Spec *type_of(Elab *e, const Tval *v) {
  Spec *s = NEW(e->ctx->arena, Spec);
  *s = (Spec){.kind = v->kind, .loc = LOC_NONE, .type = v->type, .npart = v->npart, .part_name = v->part_name, .def = v->struct_def,
              .arg = v->struct_arg};
  s->part = NEW_N(e->ctx->arena, Spec *, v->npart + 1);
  for (int i = 0; i < v->npart; i++) s->part[i] = type_of(e, v->part[i]);
  return s;
}

/* What the seeds belong to: the real results, or the chosen parameters. */
static int seeded(Elab *e, const Call *c, Tval ***of) {
  Tval *r = c->f.result;
  int n = 0;
  if (c->form->word->takes == TAKES_TANGENTS) {
    *of = NEW_N(e->ctx->arena, Tval *, c->nwrt);
    for (int i = 0; i < c->nwrt; i++) (*of)[n++] = c->arg[c->wrt[i]];
    return n;
  }
  *of = NEW_N(e->ctx->arena, Tval *, r->npart + 1);
  if (r->kind != TV_TUPLE) return (*of)[0] = r, 1;
  for (int i = 0; i < r->npart; i++)
    if (real_leaves(r->part[i], NULL) > 0) (*of)[n++] = r->part[i];
  return n;
}

static bool fit_seeds(Elab *e, Call *c, Leaves *l) {
  Takes takes = c->form->word->takes;
  const char *what = takes == TAKES_SEEDS ? "seed" : "tangent", *name = c->form->word->name;
  Tval **of;
  if (takes == TAKES_NOTHING && c->inner_seeds) return true;
  int n = takes == TAKES_NOTHING ? 0 : seeded(e, c, &of);
  if (c->nseed != n) {
    Diag *d = diag_error(e->ctx, c->nseed > n ? c->seed[n]->loc : c->x->loc, E_SEEDS, "%s takes %d %s%s after ';', but %d %s given",
                         name, n, takes == TAKES_NOTHING ? "seed" : what, n == 1 ? "" : "s", c->nseed, c->nseed == 1 ? "is" : "are");
    if (takes == TAKES_SEEDS) diag_help(e->ctx, d, "one for each real result: %s(f)(args; seed)", name);
    if (takes == TAKES_TANGENTS) diag_help(e->ctx, d, "one for each parameter differentiated by: %s(f, x)(args; v)", name);
    return false;
  }
  for (int i = 0; i < n; i++) {
    const char *text = takes == TAKES_SEEDS
                           ? arena_printf(e->ctx->arena, "the seed of '%s'", function_name(c->form->of))
                           : arena_printf(e->ctx->arena, "the tangent of '%s'", c->params.name[c->wrt[i]]);
    Tval *v = fit(e, type_of(e, of[i]), c->seed[i], FIT_STRICT, text);
    if (is_error(v)) return false;
    replace_real(e, v, collect, l);
  }
  return true;
}

/* ---- all together ---- */

/* A tensor of derivatives has the axes of both. */
static bool ranks_fit(Elab *e, const Call *c) {
  DeriveKind kind = c->form->word->kind;
  int in = 0, out = 0;
  Tval **leaf = NEW_N(e->ctx->arena, Tval *, real_leaves(c->f.result, NULL) + 1);
  if (kind != DERIVE_JACOBIAN && kind != DERIVE_HESSIAN) return true;
  for (int i = real_leaves(c->f.result, leaf); i-- > 0;) out = leaf[i]->type->rank > out ? leaf[i]->type->rank : out;
  for (int i = 0; i < c->nwrt; i++) {
    leaf = NEW_N(e->ctx->arena, Tval *, real_leaves(c->arg[c->wrt[i]], NULL) + 1);
    for (int k = real_leaves(c->arg[c->wrt[i]], leaf); k-- > 0;) in = leaf[k]->type->rank > in ? leaf[k]->type->rank : in;
  }
  return rank_fits(e, c->x->loc, kind == DERIVE_HESSIAN ? 2 * in : in + out);
}

static Op *emit(Elab *e, Call *c, const Leaves *seeds) {
  const Lifted *f = &c->f;
  Value **opd = NEW_N(e->ctx->arena, Value *, f->nleaf + seeds->n + 1);
  for (int i = 0; i < f->nleaf; i++) opd[i] = f->leaf[i];
  for (int i = 0; i < seeds->n; i++) opd[f->nleaf + i] = seeds->v[i];
  return b_derive(&e->b, f->func, c->form->word->kind, f->nwrt, f->wrt, f->nleaf + seeds->n, opd, f->nsubst, f->subst, f->nlabel);
}

static Tval *differentiate(Elab *e, void *env) {
  Call *c = env;
  Leaves seeds = {.c = c};
  if (!choose_wrt(e, c)) return tv_error(e, c->x->loc);
  c->wrt_value = NEW_N(e->ctx->arena, Tval *, c->nwrt);
  for (int i = 0; i < c->nwrt; i++) c->wrt_value[i] = c->arg[c->wrt[i]];
  e->b.loc = c->x->loc;
  e->call_depth++;
  bool ok = lift(e, c->x->loc, function_name(c->form->of), c->nwrt, c->wrt_value, is_batched(e, c), call_values, c, &c->f);
  e->call_depth--;
  if (!ok || !check_result(e, c) || !ranks_fit(e, c) || !fit_seeds(e, c, &seeds)) return tv_error(e, c->x->loc);
  e->b.loc = c->x->loc;
  return derive_results(e, c, emit(e, c, &seeds));
}

/* The derivative of a function of scalars is one too: applied to tensors it acts elementwise. */
static bool acts_elementwise(Elab *e, const Call *c) {
  for (int i = 0; i < c->nseed; i++)
    if (c->seed[i]->kind != TV_TENSOR) return false;
  return acts_on_elements(e, innermost(c->form->of), c->params.n, c->arg);
}

/* Arguments and seeds in one list, that both become scalars. */
static Tval *differentiate_elements(Elab *e, Call *c) {
  Tval **all = NEW_N(e->ctx->arena, Tval *, c->params.n + c->nseed + 1);
  memcpy(all, c->arg, sizeof *all * (size_t)c->params.n);
  memcpy(all + c->params.n, c->seed, sizeof *all * (size_t)c->nseed);
  c->arg = all;
  c->seed = all + c->params.n;
  return call_elements(e, c->x->loc, c->params.n + c->nseed, all, function_serial(e, c->form->of), differentiate, c);
}

Tval *call_derivative(Elab *e, FunctionValue *f, Expr *x) {
  Call c = {.form = f->derive, .x = x, .params = params_of(e, f->derive->of)};
  c.inner_seeds = c.form->word->takes == TAKES_NOTHING && c.form->of->derive && c.form->of->derive->word->takes != TAKES_NOTHING;
  if (e->call_depth >= MAX_CALL_DEPTH) {
    diag_error(e->ctx, x->loc, E_TOO_LARGE, "calls are nested too deeply");
    return tv_error(e, x->loc);
  }
  if (!bind_arguments(e, &c)) return tv_error(e, x->loc);
  return acts_elementwise(e, &c) ? differentiate_elements(e, &c) : differentiate(e, &c);
}
