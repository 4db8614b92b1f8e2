/* elab_names.c - scopes, look-up and spelling suggestions. */
#include <string.h>
#include "frontend/elab_core.h"

Scope *scope_push(Elab *e) {
  Scope *s = NEW(e->ctx->arena, Scope);
  s->outer = e->scope;
  s->unit = e->scope->unit;
  s->fn = e->scope->fn;
  return e->scope = s;
}

void scope_pop(Elab *e) { e->scope = e->scope->outer; }

/* A scope that sees nothing but a file's declarations. */
Scope *scope_root(Elab *e, Unit *u, FnDef *fn) {
  Scope *s = NEW(e->ctx->arena, Scope);
  s->unit = u;
  s->fn = fn;
  return s;
}

static Binding **bucket_of(const Scope *s, const char *name) { return &s->bucket[((uintptr_t)name >> 4) % (uintptr_t)s->nbucket]; }

static void enter(const Scope *s, Binding *b) {
  Binding **at = bucket_of(s, b->name);
  b->same_hash = *at;
  *at = b;
}

static void enter_all(Elab *e, Scope *s) {
  int n = 0, i = 0;
  for (const Binding *b = s->first; b; b = b->next) n++;
  Binding **all = NEW_N(e->ctx->arena, Binding *, n);
  for (Binding *b = s->first; b; b = b->next) all[i++] = b;
  s->nbucket = 4 * n + 1;
  s->bucket = NEW_N(e->ctx->arena, Binding *, s->nbucket);
  while (i-- > 0) enter(s, all[i]);
}

Binding *scope_bind(Elab *e, BindKind kind, const char *name, Loc loc, Tval *value) {
  Binding *b = NEW(e->ctx->arena, Binding);
  *b = (Binding){.name = name, .kind = kind, .loc = loc, .value = value, .next = e->scope->first};
  Scope *s = e->scope;
  enum { FEW = 32 };
  s->first = b;
  if (++s->n > FEW && s->n > s->nbucket) enter_all(e, s);
  else if (s->bucket) enter(s, b);
  return b;
}

void bind_dim(Elab *e, const char *name, Loc loc, Dim *d) {
  Tval *t = NEW(e->ctx->arena, Tval);
  *t = (Tval){.kind = TV_TENSOR, .loc = loc, .type = type_scalar(e->ctx, I64), .dim = d};
  scope_bind(e, BIND_DIM, name, loc, t);
}

Binding *scope_find(Elab *e, const char *name) {
  for (Scope *s = e->scope; s; s = s->outer)
    for (Binding *b = s->bucket ? *bucket_of(s, name) : s->first; b; b = s->bucket ? b->same_hash : b->next)
      if (b->name == name) return b;
  return NULL;
}

Entry *unit_find(Unit *u, const char *name) {
  for (Entry *x = u->bucket[((uintptr_t)name >> 4) % UNIT_BUCKETS]; x; x = x->hash)
    if (x->name == name) return x;
  return NULL;
}

typedef struct Names {
  const char **name;
  int n, cap;
} Names;

static void visible_names(Elab *e, Names *k, bool functions_too) {
  Arena *a = e->ctx->arena;
  for (Scope *s = e->scope; s; s = s->outer)
    for (Binding *b = s->first; b; b = b->next)
      if (b->name[0] != '%') PUSH(a, k->name, k->n, k->cap) = b->name;
  for (Entry *x = e->scope->unit->entries; x; x = x->next)
    if (functions_too || x->constant) PUSH(a, k->name, k->n, k->cap) = x->name;
  for (int i = 0; functions_too && builtin_at(i); i++) PUSH(a, k->name, k->n, k->cap) = builtin_at(i)->name;
  if (!functions_too)
    for (int i = 0; i < 3; i++) PUSH(a, k->name, k->n, k->cap) = (const char *[]){"pi", "inf", "nan"}[i];
}

void unknown_name(Elab *e, Loc loc, const char *name, const char *what, bool functions_too) {
  Names k = {0};
  Diag *d = diag_error(e->ctx, loc, E_UNKNOWN_NAME, "there is no %s named '%s'", what, name);
  visible_names(e, &k, functions_too);
  const char *near = closest_name(name, k.name, k.n);
  if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
}

/* ---- elaborating for the type only ---- */

Scratch scratch_begin(Elab *e) {
  Scratch s = {e->b, e->b.func->nvalue, e->ctx->diags->nerror, e->program->kept_errors, e->lengths, e->computed};
  Region *r = NEW(e->ctx->arena, Region);
  r->func = e->b.func;
  e->b.region = r;
  e->b.before = NULL;
  e->ctx->diags->muted++;
  e->typing++;
  return s;
}

void scratch_end(Elab *e, Scratch *s) {
  e->ctx->diags->muted--;
  e->typing--;
  e->ctx->diags->nerror = s->nerror + e->program->kept_errors - s->kept;
  e->b = s->b;
  e->lengths = s->lengths;
  e->computed = s->computed;
  e->b.func->nvalue = s->nvalue;
}

bool elab_budget(Elab *e, Loc loc) {
  Program *p = e->program;
  if (p->exhausted) return false;
  if (++p->work <= MAX_WORK && p->depth <= MAX_EXPR_DEPTH) return true;
  Diags *d = e->ctx->diags;
  int muted = d->muted;
  d->muted = 0;
  if (p->work > MAX_WORK)
    diag_error(e->ctx, loc, E_TOO_LARGE, "this program is too large once its calls are expanded");
  else
    diag_error(e->ctx, loc, E_TOO_LARGE, "this is nested too deeply");
  d->muted = muted;
  p->kept_errors++;
  p->exhausted = true;
  return false;
}
