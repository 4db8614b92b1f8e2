/* elab_func.c - a function: the symbols its parameters bind, its C signature, its body. */
#include <string.h>
#include "frontend/elab_flow.h"

/* ---- symbols ---- */

typedef struct Symbols {
  Sym **sym;
  bool *bare;
  int n, cap, bare_cap;
} Symbols;

static Sym *symbol_named(FnDef *f, const char *name) {
  for (int i = 0; i < f->nsym; i++)
    if (f->sym[i]->name == name) return f->sym[i];
  return NULL;
}

static bool int_param(Elab *e, const Param *p) {
  const TypeExpr *t = p->type;
  return t && t->kind == TY_NAMED && !t->dims && (!strcmp(t->name, "int") || !strcmp(t->name, "i64")) &&
         !unit_find(e->scope->unit, t->name);
}

static Param *int_param_named(Elab *e, FnDef *f, const char *name) {
  for (Param *p = f->decl->params; p; p = p->next)
    if (p->name == name && int_param(e, p)) return p;
  return NULL;
}

static void add_symbol(Elab *e, FnDef *f, int *cap, const char *name, Loc loc) {
  if (symbol_named(f, name)) return;
  Entry *k = unit_find(f->home, name);
  Param *p = int_param_named(e, f, name);
  if (!p && k && k->constant) return;
  Sym *s = sym_new(e->ctx, p ? SYM_PARAM : SYM_DIM, name, loc);
  s->nonneg = s->names_dim = true;
  PUSH(e->ctx->arena, f->sym, f->nsym, *cap) = s;
}

/* Names in the dimensions of a type, in source order. */
static void names_in(Elab *e, FnDef *f, int *cap, Expr *x, int depth) {
  if (!x || depth > 200) return;
  switch (x->kind) {
  case EX_NAME: add_symbol(e, f, cap, x->u.name, x->loc); break;
  case EX_UNARY: names_in(e, f, cap, x->u.unary.x, depth + 1); break;
  case EX_BINARY:
    names_in(e, f, cap, x->u.binary.x, depth + 1);
    names_in(e, f, cap, x->u.binary.y, depth + 1);
    break;
  case EX_CALL:
    for (Arg *a = x->u.call.args; a; a = a->next) names_in(e, f, cap, a->value, depth + 1);
    break;
  default: break;
  }
}

static bool stands_bare(const Decl *d, const char *name) {
  for (Param *p = d->params; p; p = p->next)
    for (Expr *x = p->type ? p->type->dims : NULL; x; x = x->next)
      if (x->kind == EX_NAME && x->u.name == name) return true;
  return false;
}

/* d = a * s + b with a and b free of s. */
static bool linear_in(Elab *e, Dim *d, Sym *s) {
  if (!dim_mentions(d, s)) return false;
  Dim *x = dim_sym(e->ctx, s), *one = dim_const(e->ctx, 1);
  DimSubst next = {s, dim_add(e->ctx, x, one)};
  Dim *slope = dim_sub(e->ctx, dim_subst(e->ctx, d, &next, 1), d);
  return slope && !dim_mentions(slope, s);
}

/* Whether the type has a dimension that is linear in s and mentions nothing else that is unknown. */
static bool solves(Elab *e, FnDef *f, const bool *known, Dim *d, Sym *s) {
  for (int i = 0; i < f->nsym; i++)
    if (f->sym[i] != s && !known[i] && dim_mentions(d, f->sym[i])) return false;
  return linear_in(e, d, s);
}

static bool solvable(Elab *e, FnDef *f, const bool *known, Spec *p, Sym *s) {
  for (int i = 0; p->kind == TV_TENSOR && i < p->type->rank; i++)
    if (solves(e, f, known, p->type->dim[i], s)) return true;
  for (int i = 0; p->def && i < p->def->ndim; i++)
    if (solves(e, f, known, p->arg[i], s)) return true;
  return false;
}

static bool check_bound(Elab *e, FnDef *f) {
  bool *known = NEW_N(e->ctx->arena, bool, f->nsym + 1), ok = true;
  for (int i = 0; i < f->nsym; i++) known[i] = f->sym[i]->kind != SYM_DIM || stands_bare(f->decl, f->sym[i]->name);
  for (bool progress = true; progress;) {
    progress = false;
    for (int i = 0; i < f->nsym; i++)
      for (int k = 0; k < f->nparam && !known[i]; k++)
        if (solvable(e, f, known, f->param[k], f->sym[i])) known[i] = progress = true;
  }
  for (int i = 0; i < f->nsym; i++) {
    if (known[i]) continue;
    Diag *d = diag_error(e->ctx, f->sym[i]->loc, E_DIM_UNBOUND, "nothing binds the dimension '%s'", f->sym[i]->name);
    diag_help(e->ctx, d, "give it as a parameter, `%s: int`, or let it stand alone in the shape of one",
              f->sym[i]->name);
    ok = false;
  }
  return ok;
}

/* ---- signature ---- */

/* The symbols, bound as names. */
static void bind_symbols(Elab *e, FnDef *f) {
  for (int i = 0; i < f->nsym; i++) bind_dim(e, f->sym[i]->name, f->sym[i]->loc, dim_sym(e->ctx, f->sym[i]));
}

/* An int parameter that is a whole dimension of the result names a dimension as well. */
static void names_in_result(Elab *e, FnDef *f, int *cap, const TypeExpr *t) {
  if (!t) return;
  for (const TypeExpr *elem = t->elems; elem; elem = elem->next) names_in_result(e, f, cap, elem);
  for (const Expr *x = t->dims; x; x = x->next)
    if (x->kind == EX_NAME && int_param_named(e, f, x->u.name)) add_symbol(e, f, cap, x->u.name, x->loc);
}

/* Dimensions of the type, and of those within a function's type. */
static void type_symbols(Elab *e, FnDef *f, int *cap, TypeExpr *t) {
  if (!t) return;
  for (Expr *x = t->dims; x; x = x->next) names_in(e, f, cap, x, 0);
  for (Param *p = t->params; p; p = p->next) type_symbols(e, f, cap, p->type);
  type_symbols(e, f, cap, t->result);
}

static void collect_symbols(Elab *e, FnDef *f) {
  int cap = 0;
  for (Param *p = f->decl->params; p; p = p->next) type_symbols(e, f, &cap, p->type);
  names_in_result(e, f, &cap, f->decl->result);
  for (Param *p = f->decl->params; p; p = p->next)
    if (int_param(e, p) && !symbol_named(f, p->name))
      PUSH(e->ctx->arena, f->sym, f->nsym, cap) = sym_new(e->ctx, SYM_PARAM, p->name, p->loc);
}

static bool check_params(Elab *e, FnDef *f) {
  bool ok = true;
  for (Param *p = f->decl->params; p; p = p->next) {
    for (Param *q = f->decl->params; q != p; q = q->next)
      if (q->name == p->name) {
        Diag *d = diag_error(e->ctx, p->loc, E_DUPLICATE, "two parameters are named '%s'", p->name);
        diag_note(e->ctx, d, q->loc, "the first one");
        ok = false;
      }
    Sym *s = symbol_named(f, p->name);
    if (s && !int_param(e, p)) {
      Diag *d = diag_error(e->ctx, p->loc, E_DUPLICATE, "'%s' is a parameter and a dimension", p->name);
      diag_note(e->ctx, d, s->loc, "the dimension");
      ok = false;
    }
  }
  return ok;
}

/* One parameter's type; a tuple may only be a result. */
static Spec *param_spec(Elab *e, Param *p) {
  Spec *s = spec_of(e, p->type);
  if (s->kind != TV_TUPLE) return s;
  Diag *d = diag_error(e->ctx, p->type->loc, E_TYPE_ARGS, "a parameter cannot be a tuple");
  diag_help(e->ctx, d, "make it two parameters, or a struct");
  s->kind = TV_ERROR;
  return s;
}

static bool signature_types(Elab *e, FnDef *f) {
  bool ok = check_params(e, f);
  for (Param *p = f->decl->params; p; p = p->next) f->nparam++;
  f->param = NEW_N(e->ctx->arena, Spec *, f->nparam + 1);
  f->param_name = NEW_N(e->ctx->arena, const char *, f->nparam + 1);
  f->param_sym = NEW_N(e->ctx->arena, Sym *, f->nparam + 1);
  f->scalar_params = f->nparam > 0;
  int i = 0;
  for (Param *p = f->decl->params; p; p = p->next, i++) {
    f->param_name[i] = p->name;
    f->param[i] = param_spec(e, p);
    if (int_param(e, p)) f->param_sym[i] = symbol_named(f, p->name);
    f->passes_functions = f->passes_functions || spec_holds_function(f->param[i]);
    f->hides_functions = f->hides_functions || (f->param[i]->kind == TV_STRUCT && spec_holds_function(f->param[i]));
    if (f->param[i]->kind == TV_ERROR)
      ok = false;
    else
      f->scalar_params = f->scalar_params && f->param[i]->kind == TV_TENSOR && f->param[i]->type->rank == 0;
  }
  f->result = f->decl->result ? spec_of(e, f->decl->result) : NULL;
  if (f->result && f->result->kind == TV_ERROR) ok = false;
  f->hides_functions = f->hides_functions || (f->result && spec_holds_function(f->result));
  f->passes_functions = f->passes_functions || f->hides_functions;
  return ok && check_bound(e, f);
}

static bool walk_signature(Elab *e, FnDef *f);

/* Elaborates `walk` with a fresh state, in a scope of its own, and without the mute of whoever asked. */
static bool in_new_state(Elab *e, FnDef *f, Func *func, bool (*walk)(Elab *e, FnDef *f)) {
  Diags *d = e->ctx->diags;
  int muted = d->muted, before = d->nerror;
  Elab inner = {.ctx = e->ctx,
                .options = e->options,
                .module = e->module,
                .program = e->program,
                .b = builder_at_end(func),
                .call_depth = e->call_depth + 1,
                .no_code = walk == walk_signature};
  inner.scope = scope_root(&inner, f->home, f);
  d->muted = 0;
  bool ok = walk(&inner, f);
  d->muted = muted;
  e->program->kept_errors += d->nerror - before;
  return ok && d->nerror == before;
}

static bool walk_signature(Elab *e, FnDef *f) {
  collect_symbols(e, f);
  bind_symbols(e, f);
  return signature_types(e, f);
}

/* A function that belongs to no module, for types and constants that stand outside any. */
static Func *scrap_func(Elab *e, Loc loc) {
  Module *m = module_new(e->ctx);
  return func_new(m, "scrap", loc);
}

bool fn_signature(Elab *e, FnDef *f) {
  if (f->signature_state == STATE_NEW) {
    f->signature_state = STATE_BUSY;
    if (!in_new_state(e, f, scrap_func(e, f->decl->loc), walk_signature)) f->failed = true;
    f->signature_state = STATE_DONE;
  }
  return !f->failed;
}

/* ---- body ---- */

Tval *fn_value(Elab *e, FnDef *f, Spec *result) {
  Decl *d = f->decl;
  const char *who = arena_printf(e->ctx->arena, "'%s'", f->name);
  if (!d->expr) return elab_body(e, d->block, result, who, d->name_loc);
  struct Flow *outer = e->flow;
  e->flow = NULL;
  Tval *v = elab_expr(e, d->expr);
  e->flow = outer;
  return is_error(v) ? v : fit(e, result, v, FIT_STRICT, arena_printf(e->ctx->arena, "the result of %s", who));
}

static Aggregate *aggregate_of(Elab *e, const Spec *s) {
  if (s->kind == TV_TENSOR) return NULL;
  Aggregate *a = NEW(e->ctx->arena, Aggregate);
  a->name = s->def ? s->def->name : NULL;
  a->nfield = s->npart;
  a->field = NEW_N(e->ctx->arena, const char *, s->npart + 1);
  a->type = NEW_N(e->ctx->arena, Aggregate *, s->npart + 1);
  for (int i = 0; i < s->npart; i++) {
    a->field[i] = s->part_name && s->part_name[i] ? s->part_name[i] : arena_printf(e->ctx->arena, "out%d", i);
    a->type[i] = aggregate_of(e, s->part[i]);
  }
  return a;
}

static void add_leaves(Elab *e, Func *func, const Spec *s, const char *name) {
  if (s->kind == TV_TENSOR) {
    func_add_param(func, s->type, name);
    return;
  }
  for (int i = 0; i < s->npart; i++)
    add_leaves(e, func, s->part[i], intern(e->ctx, arena_printf(e->ctx->arena, "%s.%s", name, s->part_name[i])));
}

void fn_params(Elab *e, FnDef *f) {
  Func *func = f->func;
  for (int i = 0; i < f->nsym; i++) func_add_sym(func, f->sym[i]);
  bind_symbols(e, f);
  func->in = NEW_N(e->ctx->arena, Port, f->nparam + 1);
  Param *p = f->decl->params;
  for (int i = 0; i < f->nparam; i++, p = p->next) {
    if (f->param[i]->kind == TV_FUNCTION) continue;
    Port *port = &func->in[func->nin++];
    *port = (Port){.name = p->name, .role = PORT_PARAM, .first = func->body->nparam, .of = -1, .loc = p->loc};
    if (f->param_sym[i]) {
      port->sym = f->param_sym[i];
      continue;
    }
    port->agg = aggregate_of(e, f->param[i]);
    port->nleaf = spec_leaves(f->param[i]);
    add_leaves(e, func, f->param[i], p->name);
    int next = port->first;
    scope_bind(e, BIND_PARAM, p->name, p->loc, spec_symbolic(e, f->param[i], func->body->param, &next));
  }
}

static void make_port(Elab *e, Func *func, const Spec *s, const char *name, int *first) {
  Port *port = &func->out[func->nout++];
  *port = (Port){.name = name,
                 .role = PORT_RESULT,
                 .agg = aggregate_of(e, s),
                 .first = *first,
                 .nleaf = spec_leaves(s),
                 .of = -1,
                 .loc = s->loc};
  *first += port->nleaf;
}

void fn_results(Elab *e, FnDef *f, Tval *v) {
  Func *func = f->func;
  int n = tval_flatten(v, NULL), first = 0;
  Value **leaf = NEW_N(e->ctx->arena, Value *, n + 1);
  tval_flatten(v, leaf);
  region_set_results(func->body, n, leaf);
  bool tuple = f->result->kind == TV_TUPLE;
  func->out = NEW_N(e->ctx->arena, Port, (tuple ? f->result->npart : 1) + 1);
  const char *only = f->decl->result->label;
  if (!tuple) make_port(e, func, f->result, only ? only : intern(e->ctx, "out"), &first);
  for (int i = 0; tuple && i < f->result->npart; i++) {
    const char *label = f->result->part_name ? f->result->part_name[i] : NULL;
    make_port(e, func, f->result->part[i], label ? label : intern(e->ctx, arena_printf(e->ctx->arena, "out%d", i)),
              &first);
  }
}

/* C cannot call what this language passes. */
static bool refuse_functions(Elab *e, FnDef *f) {
  int i = 0;
  f->failed = true;
  while (i < f->nparam && !spec_holds_function(f->param[i])) i++;
  bool given = i < f->nparam;
  diag_error(e->ctx, given ? f->param[i]->loc : f->result->loc, E_TYPE_ARGS, "an `extern` function %s no functions",
             given ? "takes" : "gives");
  return false;
}

static bool walk_body(Elab *e, FnDef *f) {
  fn_params(e, f);
  if (f->special) special_bind(e, f);
  scope_push(e);
  Tval *v = fn_value(e, f, f->result);
  if (is_error(v)) return false;
  fn_results(e, f, v);
  return true;
}

/* The declaration's head on one line. */
static const char *head_text(Elab *e, const Decl *d) {
  Text t;
  text_init(&t, e->ctx->arena);
  if (d->head.file < 0) return NULL;
  const char *s = e->ctx->source[d->head.file]->text;
  bool space = false, comment = false;
  for (int i = d->head.begin; i < d->head.end; i++) {
    comment = s[i] == '#' || (comment && s[i] != '\n');
    if (comment || s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
      space = true;
      continue;
    }
    if (space && t.len) text_add(&t, " ");
    space = false;
    text_addn(&t, &s[i], 1);
  }
  return t.s;
}

bool fn_elaborate(Elab *e, FnDef *f, bool (*walk)(Elab *e, FnDef *f)) { return in_new_state(e, f, f->func, walk); }

bool fn_body(Elab *e, FnDef *f) {
  if (f->body_state != STATE_NEW || !fn_signature(e, f)) return !f->failed;
  if (f->passes_functions && f->decl->kind != DECL_EXTERN) return f->result != NULL;
  if (f->home->source->had_error && !f->decl->expr && !f->decl->block && !f->decl->has_block) f->failed = true;
  if (f->failed || !f->result) return f->failed = true, false;
  if (f->passes_functions) return refuse_functions(e, f);
  f->body_state = STATE_BUSY;
  f->func = func_new(e->module, f->name, f->decl->name_loc);
  f->func->exported = f->home == e->program->main && !f->decl->local;
  f->func->signature = head_text(e, f->decl);
  if (!(fn_has_rule(f) ? fn_rule_body(e, f, walk_body) : fn_elaborate(e, f, walk_body))) f->failed = true;
  f->body_state = STATE_DONE;
  return !f->failed;
}

void fn_special_body(Elab *e, FnDef *f) {
  f->body_state = STATE_BUSY;
  f->func = func_new(e->module, f->name, f->decl->name_loc);
  if (!(fn_has_rule(f) ? fn_rule_body(e, f, walk_body) : in_new_state(e, f, f->func, walk_body))) f->failed = true;
  f->body_state = STATE_DONE;
}
