/* func.c - modules, functions, their C signature, and walks over a function's operations. */
#include "ir/internal.h"
#include <string.h>

Module *module_new(Ctx *c) {
  Module *m = NEW(c->arena, Module);
  m->ctx = c;
  return m;
}

Region *region_new(Func *f, Op *parent) {
  Region *r = NEW(f->module->ctx->arena, Region);
  r->func = f;
  r->parent = parent;
  return r;
}

Func *func_new(Module *m, const char *name, Loc loc) {
  Func *f = NEW(m->ctx->arena, Func);
  f->name = intern(m->ctx, name);
  f->module = m;
  f->loc = loc;
  f->body = region_new(f, NULL);
  PUSH(m->ctx->arena, m->func, m->nfunc, m->func_cap) = f;
  return f;
}

Func *module_find(Module *m, const char *name) {
  for (int i = 0; i < m->nfunc; i++)
    if (strcmp(m->func[i]->name, name) == 0) return m->func[i];
  return NULL;
}

void func_add_sym(Func *f, Sym *s) {
  for (int i = 0; i < f->nsym; i++)
    if (f->sym[i] == s) return;
  PUSH(f->module->ctx->arena, f->sym, f->nsym, f->sym_cap) = s;
}

Value *value_new(Func *f, Type *t) {
  Value *v = NEW(f->module->ctx->arena, Value);
  v->type = t;
  v->id = f->nvalue++;
  return v;
}

Value *region_add_param(Region *r, Type *t, const char *name) {
  Ctx *c = r->func->module->ctx;
  Value *v = value_new(r->func, t);
  v->region = r;
  v->name = name ? intern(c, name) : NULL;
  PUSH(c->arena, r->param, r->nparam, r->param_cap) = v;
  return v;
}

Value *func_add_param(Func *f, Type *t, const char *name) { return region_add_param(f->body, t, name); }

void region_set_results(Region *r, int n, Value *const *v) {
  r->nres = n;
  r->res = arena_dup(r->func->module->ctx->arena, v, sizeof *v * (size_t)n);
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

void func_default_ports(Func *f) {
  Ctx *c = f->module->ctx;
  int nparam = f->body->nparam, nres = f->body->nres, nint = 0;
  for (int i = 0; i < f->nsym; i++) nint += f->sym[i]->kind == SYM_PARAM;
  f->in = NEW_N(c->arena, Port, nparam + nint);
  f->nin = 0;
  for (int i = 0; i < f->nsym; i++)
    if (f->sym[i]->kind == SYM_PARAM)
      f->in[f->nin++] = (Port){.name = f->sym[i]->name, .sym = f->sym[i], .of = -1, .loc = f->sym[i]->loc};
  for (int i = 0; i < nparam; i++) {
    const char *name = f->body->param[i]->name;
    if (!name) name = intern(c, arena_printf(c->arena, "x%d", i));
    f->in[f->nin++] = (Port){.name = name, .first = i, .nleaf = 1, .of = -1, .loc = f->loc};
  }
  f->out = NEW_N(c->arena, Port, nres);
  f->nout = nres;
  for (int i = 0; i < nres; i++) {
    const char *name = nres == 1 ? "out" : arena_printf(c->arena, "out%d", i);
    f->out[i] = (Port){.name = intern(c, name), .role = PORT_RESULT, .first = i, .nleaf = 1, .of = -1, .loc = f->loc};
  }
}

/* Finds the leaf in the tree, adding the path to it; counts *leaf down to 0. */
static bool leaf_path(Text *t, const Aggregate *a, int *leaf) {
  for (int i = 0; i < a->nfield; i++) {
    size_t len = t->len;
    text_add(t, ".%s", a->field[i]);
    if (a->type[i] ? leaf_path(t, a->type[i], leaf) : (*leaf)-- == 0) return true;
    t->s[t->len = len] = 0;
  }
  return false;
}

const char *port_leaf_name(Ctx *c, const Port *p, int leaf) {
  if (!p->agg) return p->name;
  Text t;
  text_init(&t, c->arena);
  text_add(&t, "%s", p->name);
  if (!leaf_path(&t, p->agg, &leaf)) bug("port %s has no leaf %d", p->name, leaf);
  return intern(c, t.s);
}

/* ---- walks ------------------------------------------------------------------------------------------------------- */

static void count_region(const Region *r, int *uses) {
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nopd; i++) uses[op->opd[i]->id]++;
    for (int i = 0; i < op->nreg; i++) count_region(op->reg[i], uses);
  }
  for (int i = 0; i < r->nres; i++) uses[r->res[i]->id]++;
}

int *count_uses(Arena *a, const Func *f) {
  int *uses = NEW_N(a, int, f->nvalue);
  count_region(f->body, uses);
  return uses;
}

int region_count_ops(const Region *r) {
  int n = 0;
  for (const Op *op = r->first; op; op = op->next) {
    n++;
    for (int i = 0; i < op->nreg; i++) n += region_count_ops(op->reg[i]);
  }
  return n;
}

bool region_binds(const Region *r, const Dim *d) {
  for (const Op *op = r->first; op; op = op->next) {
    if (op->code == OP_sym && dim_mentions(d, op->u.sym)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (region_binds(op->reg[i], d)) return true;
  }
  return false;
}

int region_count_uses(const Region *g, const Value *v) {
  int n = 0;
  for (const Op *op = g->first; op; op = op->next) {
    for (int i = 0; i < op->nopd; i++) n += op->opd[i] == v;
    for (int i = 0; i < op->nreg; i++) n += region_count_uses(op->reg[i], v);
  }
  for (int i = 0; i < g->nres; i++) n += g->res[i] == v;
  return n;
}

int result_index(const Value *v) {
  for (int i = 0; i < v->def->nres; i++)
    if (v->def->res[i] == v) return i;
  bug("a value that its operation does not give");
}

void region_replace_uses(Region *r, Value *from, Value *to) {
  for_each_op(op, r) {
    for (int i = 0; i < op->nopd; i++)
      if (op->opd[i] == from) op->opd[i] = to;
    for (int i = 0; i < op->nreg; i++) region_replace_uses(op->reg[i], from, to);
  }
  for (int i = 0; i < r->nres; i++)
    if (r->res[i] == from) r->res[i] = to;
}

void region_replace_each(Region *r, Value *const *by_id, int n) {
  for_each_op(op, r) {
    for (int i = 0; i < op->nopd; i++)
      if (op->opd[i]->id < n && by_id[op->opd[i]->id]) op->opd[i] = by_id[op->opd[i]->id];
    for (int i = 0; i < op->nreg; i++) region_replace_each(op->reg[i], by_id, n);
  }
  for (int i = 0; i < r->nres; i++)
    if (r->res[i]->id < n && by_id[r->res[i]->id]) r->res[i] = by_id[r->res[i]->id];
}

static void renumber_region(Region *r, int *next) {
  for (int i = 0; i < r->nparam; i++) r->param[i]->id = (*next)++;
  for_each_op(op, r) {
    for (int i = 0; i < op->nres; i++) op->res[i]->id = (*next)++;
    for (int i = 0; i < op->nreg; i++) renumber_region(op->reg[i], next);
  }
}

void func_renumber(Func *f) {
  f->nvalue = 0;
  renumber_region(f->body, &f->nvalue);
}
