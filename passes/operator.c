/* operator.c - f_hvp, f_jacobian and f_hessian: functions that hold one derivative operator, with a C signature.
 * Requires: a verified function with ports.  Ensures: a resolved function of the module beside it, or NULL after a diagnostic. */
#include "passes/ports.h"
#include <string.h>

enum { E_NAME_TAKEN = 505 };

typedef struct Word { const char *suffix; DeriveKind derive; bool scalar; } Word;
static const Word word[] = {[FUNC_HVP] = {"_hvp", DERIVE_HVP, true},
                            [FUNC_JACOBIAN] = {"_jacobian", DERIVE_JACOBIAN, false},
                            [FUNC_HESSIAN] = {"_hessian", DERIVE_HESSIAN, true}};

typedef struct Make {
  Ctx *c;
  Func *f, *g;
  const Word *w;
  int nwrt, *wrt;
  Builder b;
  Value **res;
  int nres, cap;
} Make;

static Func *start(Func *f, const Word *w) {
  Ctx *c = f->module->ctx;
  const char *name = arena_printf(c->arena, "%s%s", f->name, w->suffix);
  if (module_find(f->module, name)) {
    diag_error(c, f->loc, E_NAME_TAKEN, "the derivative of '%s' would be called '%s', and there is a function of that name", f->name, name);
    return NULL;
  }
  Func *g = func_new(f->module, name, f->loc);
  for (int i = 0; i < f->nsym; i++) func_add_sym(g, f->sym[i]);
  for (int i = 0; i < f->body->nparam; i++) func_add_param(g, f->body->param[i]->type, f->body->param[i]->name);
  g->nin = f->nin;
  g->in = arena_dup(c->arena, f->in, sizeof *f->in * (size_t)f->nin);
  g->nout = f->nout;
  g->out = arena_dup(c->arena, f->out, sizeof *f->out * (size_t)f->nout);
  g->exported = true;
  g->origin = f;
  return g;
}

static DimSubst *same_symbols(Make *m) {
  DimSubst *s = NEW_N(m->c->arena, DimSubst, m->f->nsym + 1);
  for (int i = 0; i < m->f->nsym; i++) s[i] = (DimSubst){m->f->sym[i], dim_sym(m->c, m->f->sym[i])};
  return s;
}

static void add_tangents(Make *m) {
  for (int i = 0; i < m->nwrt; i++) {
    int first = m->g->body->nparam;
    const Port of = m->g->in[m->wrt[i]];
    port_append(m->g, false, PORT_TANGENT_IN, m->wrt[i], false, "_tangent", first);
    for (int k = 0; k < of.nleaf; k++) {
      Value *leaf = m->g->body->param[of.first + k];
      if (elem_is_real(leaf->type->elem)) func_add_param(m->g, leaf->type, leaf->name);
    }
  }
}

/* ---- names of the results -------------------------------------------------------------------------------------------------------- */

typedef struct Names { const char **name; int n, cap; } Names;

/* Of the real leaves of some ports, as C can spell them: p_W. */
static Names leaf_names(Make *m, bool result, int n, const int *which) {
  Names l = {0};
  const Func *f = m->f;
  for (int i = 0; i < n; i++) {
    const Port *p = result ? &f->out[which ? which[i] : i] : &f->in[which[i]];
    for (int k = 0; k < p->nleaf; k++) {
      if (!elem_is_real(port_leaf(f, p, result, k)->type->elem)) continue;
      char *s = arena_printf(m->c->arena, "%s", port_leaf_name(m->c, p, k));
      for (char *dot = s; (dot = strchr(dot, '.'));) *dot = '_';
      PUSH(m->c->arena, l.name, l.n, l.cap) = s;
    }
  }
  return l;
}

static bool taken(const Func *g, const char *name) {
  for (int i = 0; i < g->nin; i++)
    if (!strcmp(g->in[i].name, name)) return true;
  for (int i = 0; i < g->nout; i++)
    if (!strcmp(g->out[i].name, name)) return true;
  return false;
}

static void add_block(Make *m, const char *row, const char *column, Value *v) {
  Func *g = m->g;
  const char *name = row ? arena_printf(m->c->arena, "%s_%s", row, column) : column;
  do name = arena_printf(m->c->arena, "%s%s", name, m->w->suffix);
  while (taken(g, name));
  Port *grown = NEW_N(m->c->arena, Port, g->nout + 1);
  if (g->nout) memcpy(grown, g->out, sizeof *grown * (size_t)g->nout);
  grown[g->nout++] = (Port){.name = intern(m->c, name), .role = PORT_RESULT, .first = m->nres, .nleaf = 1, .of = -1, .loc = m->f->loc};
  g->out = grown;
  PUSH(m->c->arena, m->res, m->nres, m->cap) = v;
}

static void add_blocks(Make *m, const Op *op) {
  bool hessian = m->w->derive == DERIVE_HESSIAN;
  Names column = leaf_names(m, false, m->nwrt, m->wrt), row = hessian ? column : leaf_names(m, true, m->f->nout, NULL);
  for (int i = 0; i < row.n; i++)
    for (int j = 0; j < column.n; j++) add_block(m, row.n > 1 ? row.name[i] : NULL, column.name[j], op->res[i * column.n + j]);
}

static void add_products(Make *m, const Op *op) {
  int at = 0;
  for (int i = 0; i < m->nwrt; i++) {
    port_append(m->g, true, PORT_COTANGENT, m->wrt[i], false, "_hvp", m->nres);
    int n = m->g->out[m->g->nout - 1].nleaf;
    for (int k = 0; k < n; k++) PUSH(m->c->arena, m->res, m->nres, m->cap) = op->res[at++];
  }
}

Func *derive_operator(Func *f, Wrt wrt, FuncKind kind) {
  Make m = {.c = f->module->ctx, .f = f, .w = &word[kind]};
  if (!derive_choose(f, wrt, m.w->scalar, &m.nwrt, &m.wrt) || !(m.g = start(f, m.w))) return NULL;
  int np = f->body->nparam;
  if (kind == FUNC_HVP) add_tangents(&m);
  m.b = builder_at_end(m.g);
  m.b.loc = f->loc;
  DimSubst *same = same_symbols(&m);
  Value **param = m.g->body->param;
  Op *value = b_call(&m.b, f, np, param, f->nsym, same);
  for (int i = 0; i < value->nres; i++) PUSH(m.c->arena, m.res, m.nres, m.cap) = value->res[i];
  region_set_results(m.g->body, m.nres, m.res); /* for the ports that are made from it */
  Op *op = b_derive(&m.b, f, m.w->derive, m.nwrt, m.wrt, m.g->body->nparam, param, f->nsym, same, 0);
  if (kind == FUNC_HVP) add_products(&m, op);
  else add_blocks(&m, op);
  region_set_results(m.g->body, m.nres, m.res);
  m.g->kind = kind;
  if (!pass_resolve(f->module)) return NULL;
  pass_inline(m.g);
  pass_optimise(m.g);
  return m.g;
}
