/* elab_type.c - declared types: from syntax, as values over leaves, and fitting a value to one. */
#include <string.h>
#include "frontend/elab_core.h"

static Spec *spec_new(Elab *e, TvalKind kind, Loc loc) {
  Spec *s = NEW(e->ctx->arena, Spec);
  s->kind = kind;
  s->loc = loc;
  return s;
}

static bool scalar_name(Elab *e, const char *name, Elem *elem) {
  static const struct {
    const char *name;
    Elem elem;
  } names[] = {{"f64", F64}, {"f32", F32}, {"i64", I64}, {"i32", I32}, {"bool", BOOL}, {"int", I64}};
  if (strcmp(name, "real") == 0) return *elem = e->options->real, true;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i].name) == 0) return *elem = names[i].elem, true;
  return false;
}

static Spec *unknown_type(Elab *e, TypeExpr *t) {
  static const char *const names[] = {"real", "int", "bool", "f64", "f32", "i64", "i32"};
  Arena *a = e->ctx->arena;
  const char **k = NULL;
  int n = 0, cap = 0;
  for (int i = 0; i < 7; i++) PUSH(a, k, n, cap) = names[i];
  for (Entry *x = e->scope->unit->entries; x; x = x->next)
    if (x->st) PUSH(a, k, n, cap) = x->name;
  Diag *d = diag_error(e->ctx, t->loc, E_TYPE_NAME, "there is no type named '%s'", t->name);
  const char *near = closest_name(t->name, k, n);
  if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
  return spec_new(e, TV_ERROR, t->loc);
}

/* The dimensions of a type, each an int; -1 after a diagnostic. */
static int type_dims(Elab *e, TypeExpr *t, int most, Dim **dims) {
  int n = 0;
  bool ok = true;
  for (Expr *x = t->dims; x; x = x->next) {
    if (n == most) return -1;
    int64_t v;
    if (!arg_dim(e, x, &dims[n]))
      ok = false;
    else if (dim_is_const(dims[n], &v) && v < 0) {
      diag_error(e->ctx, x->loc, E_DIM_EXPR, "a dimension cannot be negative, but this is %lld", (long long)v);
      ok = false;
    }
    n++;
  }
  return ok ? n : -1;
}

static Spec *struct_type(Elab *e, TypeExpr *t, StructDef *s) {
  Spec *bad = spec_new(e, TV_ERROR, t->loc);
  int n = 0;
  for (Expr *x = t->dims; x; x = x->next) n++;
  if (!struct_check(e, s)) return bad;
  if (n != s->ndim) {
    Diag *d = diag_error(e->ctx, t->loc, E_TYPE_ARGS, "struct '%s' has %d dimension%s, but %d %s given", s->name,
                         s->ndim, s->ndim == 1 ? "" : "s", n, n == 1 ? "is" : "are");
    diag_note(e->ctx, d, s->decl->head, "declared here");
    return bad;
  }
  Dim **arg = NEW_N(e->ctx->arena, Dim *, n + 1);
  return type_dims(e, t, n, arg) < 0 ? bad : spec_struct(e, s, arg, t->loc);
}

static Spec *tuple_type(Elab *e, TypeExpr *t) {
  Spec *s = spec_new(e, TV_TUPLE, t->loc);
  bool labels = false;
  for (TypeExpr *x = t->elems; x; x = x->next) {
    s->npart++;
    labels = labels || x->label;
  }
  s->part = NEW_N(e->ctx->arena, Spec *, s->npart + 1);
  if (labels) s->part_name = NEW_N(e->ctx->arena, const char *, s->npart + 1);
  int i = 0;
  for (TypeExpr *x = t->elems; x; x = x->next, i++) {
    s->part[i] = spec_of(e, x);
    if (labels) s->part_name[i] = x->label;
    if (s->part[i]->kind == TV_ERROR) s->kind = TV_ERROR;
  }
  return s;
}

static Spec *function_type(Elab *e, TypeExpr *t) {
  Spec *s = spec_new(e, TV_FUNCTION, t->loc);
  for (Param *p = t->params; p; p = p->next) s->nparam++;
  s->param = NEW_N(e->ctx->arena, Spec *, s->nparam + 1);
  int i = 0;
  for (Param *p = t->params; p; p = p->next, i++) {
    s->param[i] = spec_of(e, p->type);
    if (s->param[i]->kind == TV_ERROR) s->kind = TV_ERROR;
  }
  s->result = spec_of(e, t->result);
  if (s->result->kind == TV_ERROR) s->kind = TV_ERROR;
  return s;
}

Spec *spec_of(Elab *e, TypeExpr *t) {
  Elem elem;
  if (t->kind == TY_TUPLE) return tuple_type(e, t);
  if (t->kind == TY_FUNCTION) return function_type(e, t);
  Entry *x = unit_find(e->scope->unit, t->name);
  if (x && x->st) return struct_type(e, t, x->st);
  if (!scalar_name(e, t->name, &elem)) return unknown_type(e, t);
  Dim *dims[MAX_USER_RANK];
  int rank = 0;
  for (Expr *d = t->dims; d; d = d->next) rank++;
  if (!rank_fits(e, t->loc, rank)) return spec_new(e, TV_ERROR, t->loc);
  rank = type_dims(e, t, MAX_USER_RANK, dims);
  Spec *s = spec_new(e, rank < 0 ? TV_ERROR : TV_TENSOR, t->loc);
  if (rank >= 0) s->type = type_tensor(e->ctx, elem, rank, dims);
  return s;
}

bool type_is_scalar(Elab *e, const TypeExpr *t) {
  Elem elem;
  return t && t->kind == TY_NAMED && !t->dims && !unit_find(e->scope->unit, t->name) && scalar_name(e, t->name, &elem);
}

/* The struct with its dimensions given; its fields' types are read where the struct was declared. */
Spec *spec_struct(Elab *e, StructDef *def, Dim **arg, Loc loc) {
  Spec *s = spec_new(e, TV_STRUCT, loc);
  Scope *here = e->scope;
  bool no_code = e->no_code;
  e->no_code = true;
  e->scope = scope_root(e, def->home, NULL);
  int i = 0;
  for (Name *n = def->decl->dims; n; n = n->next) bind_dim(e, n->text, n->loc, arg[i++]);
  s->def = def;
  s->arg = arg;
  s->npart = def->nfield;
  s->part = NEW_N(e->ctx->arena, Spec *, def->nfield + 1);
  s->part_name = def->field;
  i = 0;
  for (FieldDecl *f = def->decl->fields; f; f = f->next) {
    s->part[i] = elab_budget(e, loc) ? spec_of(e, f->type) : spec_new(e, TV_ERROR, loc);
    if (s->part[i++]->kind == TV_ERROR) s->kind = TV_ERROR;
  }
  e->scope = here;
  e->no_code = no_code;
  return s;
}

bool spec_holds_function(const Spec *s) {
  bool holds = s->kind == TV_FUNCTION;
  for (int i = 0; i < s->npart; i++) holds = holds || spec_holds_function(s->part[i]);
  return holds;
}

Spec *spec_subst(Elab *e, Spec *s, const DimSubst *d, int n) {
  Spec *r = arena_dup(e->ctx->arena, s, sizeof *s);
  if (s->kind == TV_TENSOR) {
    Dim *dims[MAX_RANK];
    for (int i = 0; i < s->type->rank; i++)
      if (!(dims[i] = dim_subst(e->ctx, s->type->dim[i], d, n))) dims[i] = s->type->dim[i];
    r->type = type_tensor(e->ctx, s->type->elem, s->type->rank, dims);
    return r;
  }
  r->part = NEW_N(e->ctx->arena, Spec *, s->npart + 1);
  for (int i = 0; i < s->npart; i++) r->part[i] = spec_subst(e, s->part[i], d, n);
  r->param = NEW_N(e->ctx->arena, Spec *, s->nparam + 1);
  for (int i = 0; i < s->nparam; i++) r->param[i] = spec_subst(e, s->param[i], d, n);
  if (s->result) r->result = spec_subst(e, s->result, d, n);
  if (s->def) {
    r->arg = NEW_N(e->ctx->arena, Dim *, s->def->ndim + 1);
    for (int i = 0; i < s->def->ndim; i++) r->arg[i] = dim_subst(e->ctx, s->arg[i], d, n);
  }
  return r;
}

int spec_leaves(const Spec *s) {
  if (s->kind == TV_TENSOR) return 1;
  int n = 0;
  for (int i = 0; i < s->npart; i++) n += spec_leaves(s->part[i]);
  return n;
}

static Tval *aggregate(Elab *e, const Spec *s) {
  Tval *t = NEW(e->ctx->arena, Tval);
  t->kind = s->kind;
  t->loc = s->loc;
  t->npart = s->npart;
  t->part = NEW_N(e->ctx->arena, Tval *, s->npart + 1);
  t->part_name = s->part_name;
  t->struct_def = s->def;
  t->struct_arg = s->arg;
  return t;
}

Tval *spec_symbolic(Elab *e, Spec *s, Value **leaf, int *next) {
  if (s->kind == TV_TENSOR) return tv_tensor(e, s->loc, s->type, leaf[(*next)++], 0, NULL);
  Tval *t = aggregate(e, s);
  for (int i = 0; i < s->npart; i++) t->part[i] = spec_symbolic(e, s->part[i], leaf, next);
  return t;
}

/* ---- showing ---- */

static void show_args(Text *t, const StructDef *def, Dim *const *arg) {
  text_add(t, "%s", def->name);
  for (int i = 0; i < def->ndim; i++) {
    text_add(t, "%s", i ? ", " : "[");
    dim_print(t, arg[i]);
  }
  if (def->ndim) text_add(t, "]");
}

const char *show_spec(Elab *e, const Spec *s) {
  if (s->kind == TV_TENSOR) return show_type(e, s->type);
  if (s->kind == TV_FUNCTION) return "a function";
  Text t;
  text_init(&t, e->ctx->arena);
  if (s->kind == TV_STRUCT) {
    show_args(&t, s->def, s->arg);
    return t.s;
  }
  for (int i = 0; i < s->npart; i++) text_add(&t, "%s%s", i ? ", " : "(", show_spec(e, s->part[i]));
  text_add(&t, ")");
  return t.s;
}

const char *show_tval(Elab *e, const Tval *v) {
  if (v->kind == TV_TENSOR) return show_type(e, v->type);
  if (v->kind == TV_ERROR) return "an error";
  if (v->kind == TV_FUNCTION) return "a function";
  Text t;
  text_init(&t, e->ctx->arena);
  if (v->kind == TV_STRUCT) {
    show_args(&t, v->struct_def, v->struct_arg);
    return t.s;
  }
  for (int i = 0; i < v->npart; i++) text_add(&t, "%s%s", i ? ", " : "(", show_tval(e, v->part[i]));
  text_add(&t, ")");
  return t.s;
}

/* ---- fitting ---- */

static Tval *misfit(Elab *e, Spec *s, Tval *v, const char *what) {
  Diag *d =
      diag_error(e->ctx, v->loc, E_TYPE_MISMATCH, "%s is %s, but must be %s", what, show_tval(e, v), show_spec(e, s));
  if (s->loc.file >= 0 && s->loc.end > s->loc.begin) diag_note(e->ctx, d, s->loc, "declared here");
  if (v->kind == TV_TENSOR && s->kind == TV_TENSOR && v->type->rank == s->type->rank && v->type->elem != s->type->elem)
    diag_help(e->ctx, d, "a cast says so: %s(…)",
              s->type->elem == e->options->real ? "real"
              : s->type->elem == I64            ? "int"
                                                : elem_name(s->type->elem));
  else if (v->kind == TV_TENSOR && s->kind == TV_TENSOR && v->type->rank == 0 && s->type->rank > 0)
    diag_help(e->ctx, d, "`full([…], x)` makes a tensor of one number");
  return tv_error(e, v->loc);
}

static Tval *dims_misfit(Elab *e, Spec *s, Tval *v, int axis, FitMode mode, const char *what) {
  Dim *have = v->type->dim[axis], *want = s->type->dim[axis];
  Diag *d = diag_error(e->ctx, v->loc, E_DIM_DIFFER, "%s is %s, but must be %s: '%s' is not '%s'", what,
                       show_tval(e, v), show_spec(e, s), show_dim(e, have), show_dim(e, want));
  if (s->loc.file >= 0) diag_note(e->ctx, d, s->loc, "declared here");
  if (mode == FIT_STRICT && !dim_is_const(dim_sub(e->ctx, have, want), NULL))
    diag_help(e->ctx, d, "where the two are equal, `let y: %s = …` says so, and is checked when it runs",
              show_spec(e, s));
  return tv_error(e, v->loc);
}

static Tval *fit_dims(Elab *e, Spec *s, Tval *v, FitMode mode, const char *what) {
  for (int i = 0; i < s->type->rank; i++) {
    Dim *a = v->type->dim[i], *b = s->type->dim[i];
    if (a == b) continue;
    if (mode == FIT_STRICT || dim_is_const(dim_sub(e->ctx, a, b), NULL)) return dims_misfit(e, s, v, i, mode, what);
  }
  if (same_shape(v->type, s->type)) return v;
  for (int i = 0; i < s->type->rank; i++)
    check_dims(e, OP_check_dim_eq, v->type->dim[i], s->type->dim[i],
               arena_printf(e->ctx->arena, "axis %d of %s is not '%s'", i, what, show_dim(e, s->type->dim[i])));
  return tv_reshape(e, v->loc, v, s->type->rank, s->type->dim);
}

static Tval *fit_tensor(Elab *e, Spec *s, Tval *v, FitMode mode, const char *what) {
  Elem have = v->type->elem, want = s->type->elem;
  bool adapts = have == want ||
                (v->literal && have != BOOL && (elem_is_real(want) || (elem_is_int(have) && elem_is_int(want)))) ||
                (elem_is_int(have) && elem_is_real(want)) || (have == I32 && want == I64);
  if (v->type->rank != s->type->rank || !adapts) return misfit(e, s, v, what);
  Loc loc = v->loc;
  v = fit_dims(e, s, tv_cast(e, v, want), mode, what);
  if (is_error(v) || !v->literal) return v;
  v = arena_dup(e->ctx->arena, v, sizeof *v);
  v->literal = false;
  v->loc = loc;
  return v;
}

Tval *fit(Elab *e, Spec *s, Tval *v, FitMode mode, const char *what) {
  if (is_error(v) || s->kind == TV_ERROR) return tv_error(e, v->loc);
  if (s->kind != v->kind || (s->kind != TV_TENSOR && (s->npart != v->npart || s->def != v->struct_def)))
    return misfit(e, s, v, what);
  if (s->kind == TV_TENSOR) return fit_tensor(e, s, v, mode, what);
  if (s->kind == TV_FUNCTION) return function_of_type(e, v, s, what);
  Tval *t = aggregate(e, s);
  t->loc = v->loc;
  bool ok = true;
  for (int i = 0; i < s->npart; i++) {
    const char *part = s->part_name && s->part_name[i]
                           ? arena_printf(e->ctx->arena, "'%s' of %s", s->part_name[i], what)
                           : arena_printf(e->ctx->arena, "part %d of %s", i + 1, what);
    t->part[i] = fit(e, s->part[i], v->part[i], mode, part);
    ok = ok && !is_error(t->part[i]);
  }
  return ok ? t : tv_error(e, v->loc);
}
