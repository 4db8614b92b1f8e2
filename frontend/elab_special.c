/* elab_special.c - functions with function-typed parameters, compiled for the functions that they are given, where they are
 * recursive or have a derivative of their own.
 *
 * Any other such function is expanded where it is called; when its expansion calls it again with the same functions, that call
 * goes to a Func of its own, whose further parameters are what the functions have captured. */
#include "frontend/elab_flow.h"

struct Special {
  FnDef *of, *as;
  FunctionValue **outer, **inner; /* by parameter; NULL: not a function */
  bool **passed;                  /* by parameter and captured name: becomes a parameter */
  int nsym, sym_cap;
  Sym **old, **own; /* the symbols that captured values mention, and their names inside */
  struct Special *next;
};

static bool same_function(const FunctionValue *a, const FunctionValue *b) {
  return a && b && a->fn == b->fn && a->builtin == b->builtin && a->lambda == b->lambda && a->derive == b->derive &&
         a->scope == b->scope;
}

static bool given(const FnDef *f, Tval **arg, FunctionValue *const *fn) {
  for (int i = 0; i < f->nparam; i++)
    if (arg[i]->kind == TV_FUNCTION && !same_function(arg[i]->fn, fn[i])) return false;
  return true;
}

bool is_expanding(const Expansion *x, const FnDef *f, Tval **arg) {
  for (; x; x = x->outer)
    if (x->f == f && given(f, arg, x->fn)) return true;
  return false;
}

FunctionValue **functions_given(Elab *e, const FnDef *f, Tval **arg) {
  FunctionValue **fn = NEW_N(e->ctx->arena, FunctionValue *, f->nparam + 1);
  for (int i = 0; i < f->nparam; i++) fn[i] = arg[i]->kind == TV_FUNCTION ? arg[i]->fn : NULL;
  return fn;
}

/* ---- what is captured ---- */

static bool plain_value(const Tval *v) {
  if (!v || v->kind == TV_ERROR || v->kind == TV_FUNCTION || v->nlabel) return false;
  for (int i = 0; i < v->npart; i++)
    if (!plain_value(v->part[i])) return false;
  return true;
}

/* Only values without labels, and functions that capture nothing, can be passed on. */
static bool can_pass(const FunctionValue *f) {
  for (const Binding *b = f->scope ? f->scope->first : NULL; b; b = b->next) {
    const Tval *v = b->value;
    bool function = v && v->kind == TV_FUNCTION && !v->fn->derive && (!v->fn->scope || !v->fn->scope->first);
    if (!function && !plain_value(v)) return false;
  }
  return !f->derive;
}

/* Constants and ints of known formula are made anew inside. */
static bool is_passed(const Tval *v) {
  if (v->kind == TV_FUNCTION) return false;
  return v->kind != TV_TENSOR || (v->v && !v->scalar_const && !(v->dim && v->type->rank == 0 && !dim_runtime(v->dim)));
}

static bool is_taken(const struct Special *s, const char *name) {
  bool taken = false;
  for (int i = 0; i < s->of->nparam; i++) taken = taken || s->of->param_name[i] == name;
  for (int i = 0; i < s->of->nsym; i++) taken = taken || s->of->sym[i]->name == name;
  for (int i = 0; i < s->nsym; i++) taken = taken || s->own[i]->name == name;
  return taken;
}

/* It hides nothing that the function's text names. */
static const char *own_name(Elab *e, const struct Special *s, const char *name) {
  do name = intern(e->ctx, arena_printf(e->ctx->arena, "%s_", name));
  while (is_taken(s, name));
  return name;
}

static void own_symbols(Elab *e, struct Special *s, const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind != ATOM_SYM) {
        own_symbols(e, s, a->a);
        own_symbols(e, s, a->b);
        continue;
      }
      bool known = false;
      for (int k = 0; k < s->nsym; k++) known = known || s->old[k] == a->sym;
      if (known) continue;
      Sym *own = sym_new(e->ctx, SYM_DIM, own_name(e, s, a->sym->name), a->sym->loc);
      own->nonneg = a->sym->nonneg;
      int n = s->nsym, cap = s->sym_cap;
      PUSH(e->ctx->arena, s->old, n, cap) = a->sym;
      PUSH(e->ctx->arena, s->own, s->nsym, s->sym_cap) = own;
    }
}

static void value_symbols(Elab *e, struct Special *s, const Tval *v) {
  for (int i = 0; i < v->npart; i++) value_symbols(e, s, v->part[i]);
  if (v->kind != TV_TENSOR) return;
  for (int i = 0; i < v->type->rank; i++) own_symbols(e, s, v->type->dim[i]);
  if (v->dim) own_symbols(e, s, v->dim);
}

static void describe(Elab *e, struct Special *s, int param) {
  const FunctionValue *f = s->outer[param];
  int n = 0;
  for (const Binding *b = f->scope ? f->scope->first : NULL; b; b = b->next) n++;
  s->passed[param] = NEW_N(e->ctx->arena, bool, n + 1);
  n = 0;
  for (const Binding *b = f->scope ? f->scope->first : NULL; b; b = b->next) {
    s->passed[param][n++] = is_passed(b->value);
    value_symbols(e, s, b->value);
  }
}

/* ---- inside ---- */

static Dim *own_dim(Elab *e, const struct Special *s, Dim *d) {
  DimSubst *to = NEW_N(e->ctx->arena, DimSubst, s->nsym + 1);
  for (int k = 0; k < s->nsym; k++) to[k] = (DimSubst){s->old[k], dim_sym(e->ctx, s->own[k])};
  return d ? dim_subst(e->ctx, d, to, s->nsym) : NULL;
}

static Spec *own_spec(Elab *e, const struct Special *s, const Tval *v) {
  DimSubst *to = NEW_N(e->ctx->arena, DimSubst, s->nsym + 1);
  for (int k = 0; k < s->nsym; k++) to[k] = (DimSubst){s->old[k], dim_sym(e->ctx, s->own[k])};
  return spec_subst(e, spec_like(e, v), to, s->nsym);
}

static void add_leaves(Elab *e, Func *f, const Spec *s, const char *name, Value **to, int *n) {
  if (s->kind == TV_TENSOR) {
    Port port = {.name = intern(e->ctx, arena_printf(e->ctx->arena, "%s.%d", name, f->nin)),
                 .role = PORT_PARAM,
                 .first = f->body->nparam,
                 .nleaf = 1,
                 .of = -1,
                 .loc = f->loc};
    Port *all = NEW_N(e->ctx->arena, Port, f->nin + 1);
    for (int i = 0; i < f->nin; i++) all[i] = f->in[i];
    all[f->nin++] = port;
    f->in = all;
    to[(*n)++] = func_add_param(f, s->type, port.name);
  }
  for (int i = 0; i < s->npart; i++) add_leaves(e, f, s->part[i], name, to, n);
}

static Tval *inside(Elab *e, const struct Special *s, const Binding *b, bool passed) {
  Tval *v = b->value;
  if (v->kind == TV_FUNCTION) return v;
  if (!passed) {
    if (v->scalar_const && !v->dim) {
      Tval *t = tv_number(e, v->loc, v->type->elem, v->number);
      t->literal = v->literal;
      return t;
    }
    v = arena_dup(e->ctx->arena, v, sizeof *v);
    v->v = NULL;
    v->dim = own_dim(e, s, v->dim);
    return v;
  }
  Spec *spec = own_spec(e, s, v);
  Value **leaf = NEW_N(e->ctx->arena, Value *, spec_leaves(spec) + 1);
  int n = 0, next = 0;
  add_leaves(e, e->b.func, spec, b->name, leaf, &n);
  Tval *t = spec_symbolic(e, spec, leaf, &next);
  if (v->kind == TV_TENSOR) t->dim = own_dim(e, s, v->dim);
  return t;
}

/* Binds the function-typed parameters of a special form, in the scope at hand. */
void special_bind(Elab *e, FnDef *f) {
  struct Special *s = f->special;
  for (int i = 0; i < f->nparam; i++) {
    if (!s->outer[i]) continue;
    FunctionValue *in = arena_dup(e->ctx->arena, s->outer[i], sizeof *in);
    Scope *from = in->scope;
    in->type = f->param[i];
    if (from) {
      in->scope = scope_root(e, from->unit, from->fn);
      Binding **tail = &in->scope->first;
      int k = 0;
      for (const Binding *b = from->first; b; b = b->next, k++) {
        *tail = arena_dup(e->ctx->arena, b, sizeof *b);
        (*tail)->value = inside(e, s, b, s->passed[i][k]);
        tail = &(*tail)->next;
      }
      *tail = NULL;
    }
    s->inner[i] = in;
    Tval *t = NEW(e->ctx->arena, Tval);
    *t = (Tval){.kind = TV_FUNCTION, .loc = in->loc, .fn = in};
    scope_bind(e, BIND_PARAM, f->param_name[i], in->loc, t);
  }
}

/* ---- calls ---- */

static struct Special *special_new(Elab *e, FnDef *f, Tval **arg) {
  Arena *a = e->ctx->arena;
  struct Special *s = NEW(a, struct Special);
  s->of = f;
  s->outer = functions_given(e, f, arg);
  s->inner = NEW_N(a, FunctionValue *, f->nparam + 1);
  s->passed = NEW_N(a, bool *, f->nparam + 1);
  int n = 0;
  for (const struct Special *k = f->special; k; k = k->next) n++;
  for (int i = 0; i < f->nparam; i++) {
    if (s->outer[i] && !can_pass(s->outer[i])) return NULL;
    if (s->outer[i]) describe(e, s, i);
  }
  FnDef *g = s->as = arena_dup(a, f, sizeof *f);
  g->name = intern(e->ctx, arena_printf(a, "%s.%d", f->name, n));
  g->passes_functions = false;
  g->special = s;
  g->sym = NEW_N(a, Sym *, f->nsym + s->nsym + 1);
  for (int k = 0; k < f->nsym + s->nsym; k++) g->sym[k] = k < f->nsym ? f->sym[k] : s->own[k - f->nsym];
  g->nsym = f->nsym + s->nsym;
  s->next = f->special;
  f->special = s;
  fn_special_body(e, g);
  return s;
}

static void captured_leaves(Elab *e, const struct Special *s, int param, const FunctionValue *f, SpecialCall *c,
                            int *cap) {
  int k = 0;
  for (const Binding *b = f->scope ? f->scope->first : NULL; b; b = b->next, k++) {
    if (!s->passed[param][k]) continue;
    int n = tval_flatten(b->value, NULL);
    Value **leaf = NEW_N(e->ctx->arena, Value *, n + 1);
    tval_flatten(b->value, leaf);
    for (int i = 0; i < n; i++) PUSH(e->ctx->arena, c->leaf, c->nleaf, *cap) = leaf[i];
  }
}

/* The special form for these functions: one there is, or, where the function calls itself, a new one. */
bool special_call(Elab *e, FnDef *f, Tval **arg, SpecialCall *c) {
  struct Special *s = f->special;
  while (s && !given(f, arg, s->outer) && !given(f, arg, s->inner)) s = s->next;
  if (!s && (fn_has_rule(f) || is_expanding(e->expanding, f, arg))) s = special_new(e, f, arg);
  if (!s) return false;
  bool within = !given(f, arg, s->outer);
  int cap = 0;
  *c = (SpecialCall){.f = s->as, .nsubst = s->nsym, .subst = NEW_N(e->ctx->arena, DimSubst, s->nsym + 1)};
  for (int k = 0; k < s->nsym; k++)
    c->subst[k] = (DimSubst){s->own[k], dim_sym(e->ctx, within ? s->own[k] : s->old[k])};
  for (int i = 0; i < f->nparam; i++)
    if (s->outer[i]) captured_leaves(e, s, i, arg[i]->fn, c, &cap);
  return true;
}
