/* elab.c - the front end's entry: a program from text to a module.
 *
 * Ensures: on success every function of the main file that stands on its own is in the module, exported unless local,
 * with what it calls; a function that is only ever expanded in place is not. */
#include "frontend/elab_core.h"

static void mark(Func *f, Module *m, bool *used);

static void mark_calls(const Region *r, Module *m, bool *used) {
  for (const Op *op = r->first; op; op = op->next) {
    if (op->code == OP_call) mark(op->u.call.callee, m, used);
    if (op->code == OP_derive) mark(op->u.derive.callee, m, used);
    for (int i = 0; i < op->nreg; i++) mark_calls(op->reg[i], m, used);
  }
}

static void mark(Func *f, Module *m, bool *used) {
  for (int i = 0; i < m->nfunc; i++)
    if (m->func[i] == f) {
      if (used[i]) return;
      used[i] = true;
    }
  mark_calls(f->body, m, used);
  if (f->adjoint) mark(f->adjoint, m, used);
}

/* Functions that no exported one reaches. */
static void drop_unreached(Module *m) {
  bool *used = NEW_N(m->ctx->arena, bool, m->nfunc + 1);
  for (int i = 0; i < m->nfunc; i++)
    if (m->func[i]->exported) mark(m->func[i], m, used);
  int n = 0;
  for (int i = 0; i < m->nfunc; i++)
    if (used[i]) m->func[n++] = m->func[i];
  m->nfunc = n;
}

/* Takes away what was elaborated only for its type or its known value. */
static void sweep_region(Region *r, int *uses) {
  for (Op *op = r->last, *prev; op; op = prev) {
    prev = op->prev;
    Family family = op_info[op->code].family;
    bool needed = family == FAM_EFFECT || family == FAM_CALL || op->code == OP_sym || op->nreg;
    for (int i = 0; i < op->nreg; i++) sweep_region(op->reg[i], uses);
    for (int i = 0; i < op->nres; i++) needed = needed || uses[op->res[i]->id];
    if (needed) continue;
    for (int i = 0; i < op->nopd; i++) uses[op->opd[i]->id]--;
    op_remove(op);
  }
}

static void sweep(Func *f) {
  func_renumber(f);
  sweep_region(f->body, count_uses(f->module->ctx->arena, f));
  func_renumber(f);
}

/* Imported files are checked where they are used; their constants and structs too. */
static void elaborate_main(Elab *e) {
  Unit *u = e->program->main;
  for (Entry *x = u->entries; x; x = x->next) {
    if (x->home != u) continue;
    e->scope = scope_root(e, u, NULL);
    if (x->st) struct_check(e, x->st);
    if (x->constant) const_value(e, x, x->decl->name_loc);
    if (x->fn) fn_body(e, x->fn);
  }
}

static const char **dep_list(Elab *e) {
  Program *p = e->program;
  const char **list = NEW_N(e->ctx->arena, const char *, p->ndep + 1);
  for (int i = 0; i < p->ndep; i++) list[i] = p->deps[i];
  return list;
}

Module *frontend_compile(Ctx *c, const char *name, const char *text, size_t len, const FrontendOptions *o,
                         const char ***deps) {
  Program program = {0};
  int before = c->diags->nerror;
  Elab e = {.ctx = c, .options = o, .module = module_new(c), .program = &program};
  /* What is elaborated outside any function goes nowhere. */
  Module *scrap = module_new(c);
  e.b = builder_at_end(func_new(scrap, "scrap", LOC_NONE));
  program_load(&e, name, text, len);
  elaborate_main(&e);
  if (deps) *deps = dep_list(&e);
  if (c->diags->nerror > before || program.exhausted) return NULL;
  drop_unreached(e.module);
  for (int i = 0; i < e.module->nfunc; i++) sweep(e.module->func[i]);
  return e.module;
}
