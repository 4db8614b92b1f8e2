/* elab_call.c - calls: of a function as a `call` op, or expanded in place inside comprehensions; elementwise calls. */
#include <string.h>
#include "frontend/elab_flow.h"

int tval_flatten(const Tval *t, Value **to) {
  if (t->kind == TV_TENSOR) {
    if (to) *to = t->v;
    return 1;
  }
  int n = 0;
  for (int i = 0; i < t->npart; i++) n += tval_flatten(t->part[i], to ? to + n : NULL);
  return n;
}

static bool has_labels(const Tval *t) {
  for (int i = 0; i < t->npart; i++)
    if (has_labels(t->part[i])) return true;
  return t->nlabel > 0;
}

/* ---- arguments ---- */

static int param_named(const FnDef *f, const char *name) {
  for (int i = 0; i < f->nparam; i++)
    if (f->param_name[i] == name) return i;
  return -1;
}

static Diag *argument_error(Elab *e, FnDef *f, Loc loc, const char *text) {
  Diag *d = diag_error(e->ctx, loc, E_ARGUMENTS, "%s", text);
  diag_note(e->ctx, d, f->decl->head, "'%s' is declared here", f->name);
  return d;
}

static bool bind_args(Elab *e, FnDef *f, Expr *x, Expr **by_param) {
  Arena *a = e->ctx->arena;
  int given = 0, at = 0;
  for (Arg *g = x->u.call.args; g; g = g->next) given++;
  for (Arg *g = x->u.call.args; g; g = g->next) {
    int i = g->name ? param_named(f, g->name) : at++;
    if (g->seed)
      return argument_error(e, f, g->value->loc, arena_printf(a, "'%s' takes no seed after ';'", f->name)), false;
    if (i < 0) {
      Diag *d = argument_error(e, f, g->name_loc, arena_printf(a, "'%s' has no parameter '%s'", f->name, g->name));
      const char *near = closest_name(g->name, f->param_name, f->nparam);
      if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
      return false;
    }
    if (i >= f->nparam)
      return argument_error(e, f, g->value->loc,
                            arena_printf(a, "'%s' takes %d argument%s, but %d are given", f->name, f->nparam,
                                         f->nparam == 1 ? "" : "s", given)),
             false;
    if (by_param[i])
      return argument_error(e, f, g->value->loc, arena_printf(a, "the argument '%s' is given twice", f->param_name[i])),
             false;
    by_param[i] = g->value;
  }
  for (int i = 0; i < f->nparam; i++)
    if (!by_param[i])
      return argument_error(e, f, x->loc,
                            arena_printf(a, "the argument '%s' of '%s' is missing", f->param_name[i], f->name)),
             false;
  return true;
}

static Tval **elab_args(Elab *e, FnDef *f, Expr *x) {
  Expr **arg = NEW_N(e->ctx->arena, Expr *, f->nparam + 1);
  Tval **v = NEW_N(e->ctx->arena, Tval *, f->nparam + 1);
  if (!bind_args(e, f, x, arg)) return NULL;
  bool ok = true;
  for (int i = 0; i < f->nparam; i++) {
    v[i] = elab_expr(e, arg[i]);
    ok = ok && !is_error(v[i]);
  }
  return ok ? v : NULL;
}

/* ---- symbols ---- */

/* An int argument gives its parameter's symbol a value: a known polynomial, or outside comprehensions a symbol bound
 * when it runs. Otherwise it counts only as a value. */
static bool int_argument(Elab *e, FnDef *f, Sym *s, Tval **v, DimSubst *to) {
  Tval *t = *v;
  if (t->kind != TV_TENSOR || t->type->rank || !elem_is_int(t->type->elem)) return true;
  if (t->type->elem == I32) *v = t = tv_cast(e, t, I64);
  if (!t->dim && !t->nlabel && !e->mask) {
    Sym *bound = sym_new(e->ctx, SYM_VALUE, s->name, t->loc);
    t = arena_dup(e->ctx->arena, t, sizeof *t);
    b_sym(&e->b, t->v, bound);
    t->dim = dim_sym(e->ctx, bound);
    *v = t;
  }
  if (!t->dim && s->names_dim && !e->no_code) {
    *v = t = arena_dup(e->ctx->arena, t, sizeof *t);
    t->dim = length_dim(e, t->loc, t);
  }
  to->to = t->dim;
  if (t->dim || !s->names_dim) return true;
  Diag *d = diag_error(e->ctx, t->loc, E_DIM_EXPR,
                       "'%s' is a dimension of '%s': it must be known as a formula of dimensions and indices", s->name,
                       f->name);
  diag_note(e->ctx, d, s->loc, "'%s' stands here", s->name);
  return false;
}

typedef struct Call {
  FnDef *f;
  Expr *x;
  Tval **arg;
  DimSubst *s;
  int ns;
  Spec *result;
} Call;

static bool resolve(Elab *e, Call *c) {
  FnDef *f = c->f;
  DimSubst *all = NEW_N(e->ctx->arena, DimSubst, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) all[i].from = f->sym[i];
  for (int i = 0; i < f->nparam; i++)
    for (int k = 0; f->param_sym[i] && k < f->nsym; k++)
      if (f->sym[k] == f->param_sym[i] && !int_argument(e, f, f->sym[k], &c->arg[i], &all[k])) return false;
  if (!unify_dims(e, c->x->loc, f->name, f->nparam, f->param, c->arg, all, f->nsym)) return false;
  c->s = NEW_N(e->ctx->arena, DimSubst, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++)
    if (all[i].to) c->s[c->ns++] = all[i];
  bool ok = true;
  if (!solved_are_lengths(e, c->x->loc, f->name, c->s, c->ns)) return false;
  for (int i = 0; i < f->nparam; i++) {
    Tval *t = c->arg[i];
    const char *what = arena_printf(e->ctx->arena, "the argument '%s' of '%s'", f->param_name[i], f->name);
    c->arg[i] = fit(e, spec_subst(e, f->param[i], c->s, c->ns), t, FIT_STRICT, what);
    if (is_error(c->arg[i]))
      ok = false;
    else if (f->param_sym[i])
      c->arg[i]->dim = t->dim;
  }
  c->result = spec_subst(e, f->result, c->s, c->ns);
  return ok;
}

/* ---- the two ways of calling ---- */

static int result_types(const Spec *s, Type **to, int n) {
  if (s->kind == TV_TENSOR) to[n++] = s->type;
  for (int i = 0; i < s->npart; i++) n = result_types(s->part[i], to, n);
  return n;
}

/* The callee may still be in the making: then it is recursive. */
static Tval *emit_call(Elab *e, Call *c, const SpecialCall *special) {
  FnDef *f = c->f;
  int n = 0, next = 0, ns = c->ns;
  for (int i = 0; i < f->nparam; i++)
    if (!f->param_sym[i]) n += tval_flatten(c->arg[i], NULL);
  Value **leaf = NEW_N(e->ctx->arena, Value *, n + (special ? special->nleaf : 0) + 1);
  n = 0;
  for (int i = 0; i < f->nparam; i++)
    if (!f->param_sym[i]) n += tval_flatten(c->arg[i], leaf + n);
  DimSubst *subst = NEW_N(e->ctx->arena, DimSubst, ns + (special ? special->nsubst : 0) + 1);
  for (int i = 0; i < ns; i++) subst[i] = c->s[i];
  for (int i = 0; special && i < special->nleaf; i++) leaf[n++] = special->leaf[i];
  for (int i = 0; special && i < special->nsubst; i++) subst[ns++] = special->subst[i];
  Type **types = NEW_N(e->ctx->arena, Type *, spec_leaves(c->result) + 1);
  int nres = result_types(c->result, types, 0);
  Op *op = b_call_typed(&e->b, special ? special->f->func : f->func, n, leaf, ns, subst, nres, types);
  Tval *v = spec_symbolic(e, c->result, op->res, &next);
  v->loc = c->x->loc;
  return v;
}

static Tval *expand_call(Elab *e, Call *c) {
  FnDef *f = c->f;
  Scope *here = e->scope;
  Diags *d = e->ctx->diags;
  int before = d->nerror;
  if (e->call_depth >= MAX_CALL_DEPTH) {
    diag_error(e->ctx, c->x->loc, E_TOO_LARGE, "calls are nested too deeply");
    return tv_error(e, c->x->loc);
  }
  Expansion expansion = {f, functions_given(e, f, c->arg), e->expanding};
  e->expanding = &expansion;
  e->call_depth++;
  e->scope = scope_root(e, f->home, f);
  for (int i = 0; i < c->ns; i++) bind_dim(e, c->s[i].from->name, c->s[i].from->loc, c->s[i].to);
  for (int i = 0; i < f->nparam; i++) scope_bind(e, BIND_PARAM, f->param_name[i], c->arg[i]->loc, c->arg[i]);
  scope_push(e);
  Tval *v = fn_value(e, f, c->result);
  e->scope = here;
  e->call_depth--;
  e->expanding = expansion.outer;
  /* The function alone is right, so what is wrong comes from this call. */
  if (d->nerror > before && !d->muted && d->last)
    diag_note(e->ctx, d->last, c->x->loc, "in this call of '%s'", f->name);
  return v;
}

/* Nothing that the call is given depends on an index. */
static bool plain_call(Elab *e, const Call *c) {
  if (e->mask || c->ns != c->f->nsym) return false;
  for (int i = 0; i < c->ns; i++)
    if (dim_ragged(e, c->s[i].to)) return false;
  for (int i = 0; i < c->f->nparam; i++)
    if (has_labels(c->arg[i])) return false;
  return true;
}

/* It is not expanded, for its rule would be lost. */
static Tval *captures_too_much(Elab *e, Call *c) {
  if (!c->f->passes_functions) bug("a call of '%s' for all elements at once", c->f->name);
  diag_error(e->ctx, c->x->loc, E_RULE_FORM,
             "'%s' has a derivative block: a function that it is given may capture numbers and tensors only", c->f->name);
  return tv_error(e, c->x->loc);
}

/* What is compiled for the functions that it is given is given them as parameters of their own. */
static Tval *hidden_functions(Elab *e, const Call *c) {
  diag_error(e->ctx, c->x->loc, E_RULE_FORM, "'%s' %s: no function can be part of its result or of a struct that it takes",
             c->f->name, fn_has_rule(c->f) ? "has a derivative block" : "calls itself");
  return tv_error(e, c->x->loc);
}

static Tval *call_resolved(Elab *e, Call *c) {
  if (!resolve(e, c)) return tv_error(e, c->x->loc);
  if (c->f->hides_functions && (fn_has_rule(c->f) || is_expanding(e->expanding, c->f, c->arg))) return hidden_functions(e, c);
  if (plain_call(e, c)) {
    SpecialCall special;
    if (!c->f->passes_functions) return emit_call(e, c, NULL);
    if (special_call(e, c->f, c->arg, &special)) return emit_call(e, c, &special);
  }
  if (fn_has_rule(c->f) && !(e->typing && e->index)) return captures_too_much(e, c);
  /* Only the type of what cannot be expanded is wanted here. */
  if (e->typing && e->index && fn_serial(e, c->f)) return tv_zeros(e, c->result);
  return expand_call(e, c);
}

/* ---- elementwise ---- */

/* x's axes become labels of a scalar; an axis that stretches is dropped. */
static Tval *axes_to_labels(Elab *e, Tval *x, int rank, Dim *const *dims, Index *const *index) {
  Index *label[MAX_LABELS];
  int n = 0;
  for (; n < x->nlabel; n++) label[n] = x->label[n];
  int shift = rank - x->type->rank;
  for (int i = 0; i < x->type->rank; i++)
    if (x->type->dim[i] == dims[i + shift]) label[n++] = index[i + shift];
  Type *t = value_type(e, x->type->elem, n, label, 0, NULL);
  Value *v = t == x->v->type ? x->v : b_reshape(&e->b, x->v, t->rank, t->dim);
  return tv_tensor(e, x->loc, type_scalar(e->ctx, x->type->elem), v, n, label);
}

static Tval *axes_back(Elab *e, Tval *v, Tval *w, void *env) {
  (void)w;
  Index **index = env;
  int n = 0;
  while (index[n]) n++;
  return labels_to_axes(e, v, n, index);
}

static Tval *resolve_and_call(Elab *e, void *env) { return call_resolved(e, env); }

/* Inside a comprehension, but not the same for all values of its indices. */
static bool varies(Elab *e, int n, Tval **arg) {
  for (int i = 0; i < n; i++)
    if (has_labels(arg[i])) return true;
  return e->mask != NULL;
}

Tval *call_elements(Elab *e, Loc loc, int n, Tval **arg, bool serial, Tval *(*run)(Elab *e, void *env), void *env) {
  Dim *dims[MAX_RANK];
  Index *outer = e->index, *index[MAX_RANK + 1] = {NULL}, **list = NEW_N(e->ctx->arena, Index *, MAX_RANK + 1);
  Tval *mask = e->mask;
  int rank;
  if (!common_shape(e, loc, n, arg, &rank, dims)) return tv_error(e, loc);
  if (serial && !varies(e, n, arg)) {
    e->index = NULL;
    Tval *v = serial_elementwise(e, loc, rank, dims, n, arg, run, env);
    e->index = outer;
    return v;
  }
  for (int i = 0; i < rank; i++) {
    index[i] = index_new(e, intern(e->ctx, "element"), loc);
    if (!index[i] || !index_set_bound(e, index[i], dims[i])) return e->index = outer, tv_error(e, loc);
    list[i] = index[i];
  }
  for (int i = 0; i < n; i++) arg[i] = axes_to_labels(e, arg[i], rank, dims, index);
  e->mask = tv_and(e, mask, ragged_bounds(e, loc, rank, index));
  Tval *v = run(e, env);
  e->mask = mask;
  e->index = outer;
  return is_error(v) ? v : tv_map_parts(e, v, NULL, axes_back, list);
}

static Tval *call_elementwise(Elab *e, Call *c) {
  return call_elements(e, c->x->loc, c->f->nparam, c->arg, fn_serial(e, c->f), resolve_and_call, c);
}

static bool takes_scalars(Elab *e, const FunctionValue *f) {
  if (f->type) {
    for (int i = 0; i < f->type->nparam; i++)
      if (f->type->param[i]->kind != TV_TENSOR || f->type->param[i]->type->rank) return false;
    return true;
  }
  if (f->fn) return f->fn->scalar_params;
  for (const Param *p = f->lambda ? f->lambda->u.lambda.params : NULL; p; p = p->next)
    if (!type_is_scalar(e, p->type)) return false;
  return f->lambda;
}

bool acts_on_elements(Elab *e, const FunctionValue *f, int n, Tval *const *arg) {
  bool any = false;
  for (int i = 0; i < n; i++) {
    if (arg[i]->kind != TV_TENSOR) return false;
    any = any || arg[i]->type->rank > 0;
  }
  return any && takes_scalars(e, f);
}

/* ---- what is called ---- */

/* Reports what is wrong in the arguments of a call that cannot be made. */
static Tval *only_args(Elab *e, Expr *x) {
  for (Arg *a = x->u.call.args; a; a = a->next)
    if (a->value && a->value->kind != EX_STRING && a->value->kind != EX_LAMBDA) elab_expr(e, a->value);
  return tv_error(e, x->loc);
}

Tval *call_fn_values(Elab *e, FnDef *f, Expr *x, Tval **arg) {
  Call c = {.f = f, .x = x, .arg = arg};
  if (f->signature_state == STATE_BUSY) {
    diag_error(e->ctx, x->loc, E_DIM_EXPR, "a type in the signature of '%s' calls '%s' itself", f->name, f->name);
    return tv_error(e, x->loc);
  }
  if (e->call_depth >= MAX_CALL_DEPTH) {
    diag_error(e->ctx, x->loc, E_TOO_LARGE, "calls are nested too deeply");
    return tv_error(e, x->loc);
  }
  e->b.loc = x->loc;
  return acts_on_elements(e, &(FunctionValue){.fn = f}, f->nparam, arg) ? call_elementwise(e, &c) : call_resolved(e, &c);
}

Tval *call_fn(Elab *e, FnDef *f, Expr *x) {
  if (e->call_depth < MAX_CALL_DEPTH && f->signature_state != STATE_BUSY && !fn_body(e, f)) return only_args(e, x);
  Tval **arg = elab_args(e, f, x);
  return arg ? call_fn_values(e, f, x, arg) : tv_error(e, x->loc);
}

bool derivative_operator(const char *n) {
  static const char *const names[] = {"grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(n, names[i])) return true;
  return false;
}

Tval *call_value(Elab *e, FunctionValue *f, Expr *x) {
  return f->derive ? call_derivative(e, f, x) : call_function_value(e, f, x);
}

static Tval *call_name(Elab *e, Expr *x) {
  const char *name = x->u.call.callee->u.name;
  Loc at = x->u.call.callee->loc;
  Binding *b = scope_find(e, name);
  Entry *k = b ? NULL : unit_find(e->scope->unit, name);
  if (k && k->fn) return call_fn(e, k->fn, x);
  if (b && b->value && b->value->kind == TV_FUNCTION) return call_value(e, b->value->fn, x);
  if (b && b->value && is_error(b->value)) return only_args(e, x);
  if (k && k->st) return call_struct(e, k->st, x);
  if (b || k) {
    Diag *d = diag_error(e->ctx, at, E_OPERATOR, "'%s' is not a function", name);
    diag_note(e->ctx, d, b ? b->loc : k->decl->name_loc, "it is declared here");
    return only_args(e, x);
  }
  if (derivative_operator(name)) return elab_derivative(e, x);
  const Builtin *bi = builtin_named(name);
  Dim *known = bi ? dim_plain(e, x) : NULL;
  if (known) return tv_int(e, x->loc, known);
  Tval *v = bi ? struct_call(e, x, name) : NULL;
  if (bi) return v ? v : builtin_call(e, bi, x);
  unknown_name(e, at, name, "function", true);
  return only_args(e, x);
}

Tval *elab_call(Elab *e, Expr *x) {
  Expr *f = x->u.call.callee;
  if (f->kind == EX_NAME) return call_name(e, x);
  if (f->kind == EX_ERROR) return tv_error(e, x->loc);
  Tval *v = elab_expr(e, f);
  if (v->kind == TV_FUNCTION) return call_value(e, v->fn, x);
  if (!is_error(v)) diag_error(e->ctx, f->loc, E_OPERATOR, "this is %s, not a function", show_tval(e, v));
  return only_args(e, x);
}
