/* elab_rule.c - functions that bring their own derivative, and functions of C.
 *
 * Such a function f becomes three: f.primal with the body (of an extern function none: it tells the types), f.adjoint with the
 * `derivative` block, from parameters, results and seeds to cotangents, and f itself, which calls the first.  Calls of f are
 * expanded as all are; that of f.primal stays, so that its derivative is asked of the second.  Of a function with function-typed
 * parameters this is done for each choice of functions (elab_special.c): what these have captured follows the parameters, and
 * there the block gives no cotangent. */
#include <string.h>
#include "frontend/elab_flow.h"

enum { E_NO_REAL = 504 };

bool fn_has_rule(const FnDef *f) { return f->decl->kind == DECL_EXTERN || f->decl->has_derivative; }

static Func *part(Elab *e, const FnDef *f, const char *what) {
  return func_new(e->module, arena_printf(e->ctx->arena, "%s.%s", f->name, what), f->decl->name_loc);
}

/* ---- the primal ---- */

static bool walk_extern(Elab *e, FnDef *f) {
  fn_params(e, f);
  fn_results(e, f, tv_zeros(e, f->result));
  return true;
}

/* Before the primal's body is elaborated, which may call f. */
static bool walk_head(Elab *e, FnDef *f) {
  fn_params(e, f);
  if (f->special) special_bind(e, f);
  return true;
}

/* f itself: a call of the primal with what it is given. */
static void call_primal(Elab *e, Func *f, Func *primal) {
  DimSubst *same = NEW_N(e->ctx->arena, DimSubst, primal->nsym + 1);
  for (int i = 0; i < primal->nsym; i++) same[i] = (DimSubst){primal->sym[i], dim_sym(e->ctx, primal->sym[i])};
  Builder b = builder_at_end(f);
  b.loc = f->loc;
  Op *call = b_call(&b, primal, f->body->nparam, f->body->param, primal->nsym, same);
  region_set_results(f->body, call->nres, call->res);
  f->nout = primal->nout;
  f->out = arena_dup(e->ctx->arena, primal->out, sizeof *f->out * (size_t)primal->nout);
}

/* ---- the block ---- */

static bool has_real(const Spec *s) {
  if (s->kind == TV_TENSOR) return elem_is_real(s->type->elem);
  for (int i = 0; i < s->npart; i++)
    if (has_real(s->part[i])) return true;
  return false;
}

static void bind_new(Elab *e, const FnDef *f, const char *name, Loc loc, Tval *v) {
  for (int i = 0; i < f->nparam; i++)
    if (f->param_name[i] == name) return;
  scope_bind(e, BIND_PARAM, name, loc, v);
}

/* A parameter for each leaf of a type, but where it is not real and `keep` holds what stands there instead. */
static void add_leaves(Func *func, const Spec *s, const char *name, Value *const *keep, Value **leaf, int *n) {
  if (s->kind == TV_TENSOR) {
    bool kept = keep && !elem_is_real(s->type->elem);
    leaf[*n] = kept ? keep[*n] : func_add_param(func, s->type, name);
    ++*n;
  }
  for (int i = 0; i < s->npart; i++) add_leaves(func, s->part[i], name, keep, leaf, n);
}

static int parts(const Spec *s) { return s->kind == TV_TUPLE ? s->npart : 1; }
static Spec *part_of(Spec *s, int i) { return s->kind == TV_TUPLE ? s->part[i] : s; }

static const char *result_name(Elab *e, const FnDef *f, int i) {
  const char *label = f->result->kind == TV_TUPLE ? f->result->part_name ? f->result->part_name[i] : NULL : f->decl->result->label;
  if (label) return label;
  return intern(e->ctx, f->result->kind == TV_TUPLE ? arena_printf(e->ctx->arena, "out%d", i) : "out");
}

static void bind_results(Elab *e, FnDef *f, Value **leaf) {
  int next = 0, n = 0;
  add_leaves(f->func, f->result, "out", NULL, leaf, &n);
  Tval *all = spec_symbolic(e, f->result, leaf, &next);
  bind_new(e, f, intern(e->ctx, "out"), f->decl->name_loc, all);
  for (int i = 0; i < parts(f->result); i++)
    bind_new(e, f, result_name(e, f, i), f->decl->name_loc, f->result->kind == TV_TUPLE ? all->part[i] : all);
}

static bool bind_seeds(Elab *e, FnDef *f, Value **result) {
  const Name *name = f->decl->seed;
  int given = 0, want = 0, at = 0;
  for (const Name *k = name; k; k = k->next) given++;
  for (int i = 0; i < parts(f->result); i++) want += has_real(part_of(f->result, i));
  if (given != want) {
    diag_error(e->ctx, name ? name->loc : f->decl->name_loc, E_RULE_FORM,
               "the derivative of '%s' names %d seed%s, but the function has %d real result%s", f->name, given,
               given == 1 ? "" : "s", want, want == 1 ? "" : "s");
    return false;
  }
  for (int i = 0; i < parts(f->result); i++) {
    Spec *s = part_of(f->result, i);
    int n = 0, next = 0, nleaf = spec_leaves(s);
    if (has_real(s)) {
      Value **leaf = NEW_N(e->ctx->arena, Value *, nleaf + 1);
      add_leaves(f->func, s, name->text, result + at, leaf, &n);
      scope_bind(e, BIND_PARAM, name->text, name->loc, spec_symbolic(e, s, leaf, &next));
      name = name->next;
    }
    at += nleaf;
  }
  return true;
}

/* The types of the real parameters: one, or a tuple of them; NULL after a diagnostic. */
static Spec *cotangents(Elab *e, const FnDef *f) {
  Spec *s = NEW(e->ctx->arena, Spec);
  *s = (Spec){.kind = TV_TUPLE, .loc = f->decl->name_loc, .part = NEW_N(e->ctx->arena, Spec *, f->nparam + 1)};
  for (int i = 0; i < f->nparam; i++)
    if (!f->param_sym[i] && has_real(f->param[i])) s->part[s->npart++] = f->param[i];
  if (s->npart == 0)
    diag_error(e->ctx, f->decl->name_loc, E_NO_REAL, "'%s' has no real parameter: there is no derivative to give", f->name);
  return s->npart == 0 ? NULL : s->npart == 1 ? s->part[0] : s;
}

static bool count_fits(Elab *e, const FnDef *f, const Spec *want, const Tval *v) {
  int have = v->kind == TV_TUPLE ? v->npart : 1, need = want->kind == TV_TUPLE ? want->npart : 1;
  if (have == need) return true;
  diag_error(e->ctx, v->loc, E_RULE_FORM, "the derivative of '%s' returns %d value%s, but the function has %d real parameter%s",
             f->name, have, have == 1 ? "" : "s", need, need == 1 ? "" : "s");
  return false;
}

static bool walk_block(Elab *e, FnDef *f) {
  const char *who = arena_printf(e->ctx->arena, "the derivative of '%s'", f->name);
  Value **result = NEW_N(e->ctx->arena, Value *, spec_leaves(f->result) + 1);
  walk_head(e, f);
  scope_push(e);
  bind_results(e, f, result);
  Spec *want = cotangents(e, f);
  if (!want || !bind_seeds(e, f, result)) return false;
  scope_push(e);
  Tval *v = elab_body(e, f->decl->derivative, NULL, who, f->decl->name_loc);
  if (is_error(v) || !count_fits(e, f, want, v)) return false;
  v = fit(e, want, v, FIT_STRICT, arena_printf(e->ctx->arena, "what %s returns", who));
  if (is_error(v)) return false;
  int n = tval_flatten(v, NULL), real = 0;
  Value **leaf = NEW_N(e->ctx->arena, Value *, n + 1);
  tval_flatten(v, leaf);
  for (int i = 0; i < n; i++)
    if (elem_is_real(leaf[i]->type->elem)) leaf[real++] = leaf[i];
  region_set_results(f->func->body, real, leaf);
  func_default_ports(f->func);
  return true;
}

bool fn_rule_body(Elab *e, FnDef *f, bool (*body)(Elab *e, FnDef *f)) {
  bool external = f->decl->kind == DECL_EXTERN;
  FnDef primal = *f, rule = *f;
  if (external) f->func->exported = false;
  primal.func = part(e, f, "primal");
  primal.func->external = external ? f->name : NULL;
  if (!fn_elaborate(e, f, walk_head) || !fn_elaborate(e, &primal, external ? walk_extern : body)) return false;
  call_primal(e, f->func, primal.func);
  if (!f->decl->has_derivative) return true;
  rule.func = part(e, f, "adjoint");
  if (!fn_elaborate(e, &rule, walk_block)) return false;
  primal.func->adjoint = rule.func;
  return true;
}
