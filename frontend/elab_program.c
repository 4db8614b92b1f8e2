/* elab_program.c - files: their declarations, imports, constants, structs. */
#include <string.h>
#include "frontend/elab_core.h"

static void entry_add(Elab *e, Unit *u, Entry *x) {
  Entry *old = unit_find(u, x->name);
  if (old) {
    if (old->decl == x->decl) return;
    Loc at = x->decl->name_loc;
    Diag *d = diag_error(e->ctx, at, E_DUPLICATE, "'%s' is declared twice", x->name);
    diag_note(e->ctx, d, old->decl->name_loc, "the first declaration");
    return;
  }
  Entry **b = &u->bucket[((uintptr_t)x->name >> 4) % UNIT_BUCKETS];
  x->hash = *b;
  *b = x;
  x->next = NULL;
  *u->tail = x;
  u->tail = &x->next;
}

static StructDef *struct_def(Elab *e, Unit *u, Decl *d) {
  StructDef *s = NEW(e->ctx->arena, StructDef);
  *s = (StructDef){.name = d->name, .decl = d, .home = u};
  for (Name *n = d->dims; n; n = n->next) s->ndim++;
  for (FieldDecl *f = d->fields; f; f = f->next) s->nfield++;
  s->field = NEW_N(e->ctx->arena, const char *, s->nfield + 1);
  int i = 0;
  for (FieldDecl *f = d->fields; f; f = f->next) s->field[i++] = f->name;
  e->program->has_struct = true;
  return s;
}

static void declare(Elab *e, Unit *u, Decl *d) {
  Entry *x = NEW(e->ctx->arena, Entry);
  *x = (Entry){.name = d->name, .decl = d, .home = u};
  if (d->kind == DECL_STRUCT) {
    x->st = struct_def(e, u, d);
  } else if (d->kind == DECL_LET) {
    x->constant = NEW(e->ctx->arena, Const);
    *x->constant = (Const){.decl = d, .home = u};
  } else {
    x->fn = NEW(e->ctx->arena, FnDef);
    *x->fn = (FnDef){.name = d->name, .decl = d, .home = u};
  }
  entry_add(e, u, x);
}

/* ---- imports ---- */

/* `path` beside the file `from`, without `.` and `x/..` steps, so that one file has one name. */
static const char *beside(Elab *e, const char *from, const char *path) {
  Arena *a = e->ctx->arena;
  const char *slash = strrchr(from, '/');
  char *full = path[0] == '/' || !slash ? arena_printf(a, "%s", path)
                                        : arena_printf(a, "%.*s/%s", (int)(slash - from), from, path);
  char **part = NULL;
  int n = 0, cap = 0;
  bool absolute = full[0] == '/';
  for (char *p = full; *p;) {
    size_t len = strcspn(p, "/");
    char *step = arena_strndup(a, p, len);
    if (!strcmp(step, "..") && n > 0 && strcmp(part[n - 1], ".."))
      n--;
    else if (len && strcmp(step, "."))
      PUSH(a, part, n, cap) = step;
    p += len + (p[len] == '/');
  }
  Text t;
  text_init(&t, a);
  for (int i = 0; i < n; i++) text_add(&t, "%s%s", i || absolute ? "/" : "", part[i]);
  return intern(e->ctx, t.s ? t.s : "");
}

static Unit *load_unit(Elab *e, const char *path, const char *text, size_t len);

static Unit *import_unit(Elab *e, Unit *u, Decl *d) {
  const char *path = beside(e, u->path, d->path);
  Program *p = e->program;
  for (Unit *k = p->units; k; k = k->next)
    if (k->path == path) return k;
  size_t len = 0;
  const FrontendOptions *o = e->options;
  const char *text = o->read_file ? o->read_file(o->env, e->ctx, path, &len) : NULL;
  if (!text) {
    diag_error(e->ctx, d->loc, E_IMPORT,
               o->read_file ? "the file '%s' cannot be read" : "'%s': imports are not possible here", *path ? path : d->path);
    return NULL;
  }
  PUSH(e->ctx->arena, p->deps, p->ndep, p->dep_cap) = path;
  return load_unit(e, path, text, len);
}

/* Every file is loaded once; a cycle of imports ends at the file already there. */
static Unit *load_unit(Elab *e, const char *path, const char *text, size_t len) {
  Unit *u = NEW(e->ctx->arena, Unit);
  u->path = path;
  u->tail = &u->entries;
  Unit **end = &e->program->units;
  while (*end) end = &(*end)->next;
  *end = u;
  u->file = source_add(e->ctx, path, text, len);
  u->source = parse_source(e->ctx, u->file);
  for (Decl *d = u->source->decls; d; d = d->next)
    if (d->kind != DECL_IMPORT && d->name) declare(e, u, d);
  return u;
}

static void bring_in(Elab *e, Unit *u, Unit *from, Decl *d) {
  for (Entry *x = from->entries; x; x = x->next) {
    if (x->home != from || x->decl->local || from == u) continue;
    Entry *copy = arena_dup(e->ctx->arena, x, sizeof *x), *old = unit_find(u, x->name);
    if (old && old->decl != x->decl) {
      Diag *g =
          diag_error(e->ctx, d->loc, E_DUPLICATE, "the import brings in '%s', which is declared already", x->name);
      diag_note(e->ctx, g, old->decl->name_loc, "the declaration here");
      diag_note(e->ctx, g, x->decl->name_loc, "the one brought in");
    } else if (!old) {
      entry_add(e, u, copy);
    }
  }
}

void program_load(Elab *e, const char *name, const char *text, size_t len) {
  Program *p = e->program;
  p->main = load_unit(e, intern(e->ctx, name), text, len);
  /* The list grows while imports are followed. */
  for (Unit *u = p->units; u; u = u->next)
    for (Decl *d = u->source->decls; d; d = d->next)
      if (d->kind == DECL_IMPORT && d->path) {
        Unit *from = import_unit(e, u, d);
        if (from) bring_in(e, u, from, d);
      }
}

/* ---- constants ---- */

/* A constant is its expression, elaborated where it is used; the first use checks it. */
Tval *const_value(Elab *e, Entry *x, Loc loc) {
  Const *k = x->constant;
  Diags *d = e->ctx->diags;
  if (k->failed) return tv_error(e, loc);
  if (k->state == STATE_BUSY) {
    diag_error(e->ctx, loc, E_CONSTANT_CYCLE, "the constant '%s' is defined by itself", x->name);
    k->failed = true;
    return tv_error(e, loc);
  }
  bool first = k->state == STATE_NEW;
  int muted = d->muted, before = d->nerror;
  if (first) d->muted = 0;
  Scope *here = e->scope;
  Tval *mask = e->mask;
  k->state = STATE_BUSY;
  e->scope = scope_root(e, k->home, NULL);
  e->mask = NULL;
  Tval *v = elab_expr(e, k->decl->value);
  e->scope = here;
  e->mask = mask;
  k->state = STATE_DONE;
  d->muted = muted;
  if (first) e->program->kept_errors += d->nerror - before;
  if (is_error(v)) k->failed = true;
  return v;
}

/* ---- structs ---- */

static bool fields_differ(Elab *e, StructDef *s) {
  bool ok = true;
  for (FieldDecl *f = s->decl->fields; f; f = f->next)
    for (FieldDecl *g = s->decl->fields; g != f; g = g->next)
      if (f->name == g->name) {
        Diag *d = diag_error(e->ctx, f->loc, E_DUPLICATE, "two fields are named '%s'", f->name);
        diag_note(e->ctx, d, g->loc, "the first one");
        ok = false;
      }
  for (Name *n = s->decl->dims; n; n = n->next)
    for (Name *m = s->decl->dims; m != n; m = m->next)
      if (m->text == n->text) {
        diag_error(e->ctx, n->loc, E_DUPLICATE, "two dimensions are named '%s'", n->text);
        ok = false;
      }
  return ok;
}

static bool fields_have_types(Elab *e, StructDef *s) {
  Dim **own = NEW_N(e->ctx->arena, Dim *, s->ndim + 1);
  int i = 0;
  for (Name *n = s->decl->dims; n; n = n->next, i++) {
    Sym *sym = sym_new(e->ctx, SYM_DIM, n->text, n->loc);
    sym->nonneg = true;
    own[i] = dim_sym(e->ctx, sym);
  }
  Spec *t = spec_struct(e, s, own, s->decl->loc);
  for (i = 0; i < t->npart; i++)
    if (t->part[i]->kind == TV_TUPLE) {
      diag_error(e->ctx, t->part[i]->loc, E_TYPE_ARGS, "a field cannot be a tuple");
      return false;
    }
  return t->kind != TV_ERROR;
}

/* Declared rightly? Reported once. */
bool struct_check(Elab *e, StructDef *s) {
  if (s->state == STATE_DONE) return !s->failed;
  Diags *d = e->ctx->diags;
  int muted = d->muted, before = d->nerror;
  d->muted = 0;
  if (s->state == STATE_BUSY) {
    diag_error(e->ctx, s->decl->name_loc, E_STRUCT_CYCLE, "struct '%s' contains itself", s->name);
    s->failed = true;
  } else {
    s->state = STATE_BUSY;
    if (!fields_differ(e, s) || !fields_have_types(e, s)) s->failed = true;
    s->state = STATE_DONE;
  }
  d->muted = muted;
  e->program->kept_errors += d->nerror - before;
  return !s->failed;
}
