/* clone.c - copying operations and functions, with values and symbols replaced on the way. */
#include "ir/internal.h"
#include <string.h>

struct CloneMap {
  Ctx *ctx;
  Func *from, *to;
  Value **value; /* by id in `from` */
  int nvalue;
  DimSubst *subst;
  int nsubst, subst_cap;
};

CloneMap *clone_map_new(Ctx *c, Func *from, Func *to) {
  CloneMap *m = NEW(c->arena, CloneMap);
  m->ctx = c;
  m->from = from;
  m->to = to;
  m->nvalue = from->nvalue;
  m->value = NEW_N(c->arena, Value *, m->nvalue);
  return m;
}

void clone_map_value(CloneMap *m, Value *from, Value *to) {
  if (from->id >= m->nvalue) { /* `from` has grown since: it may be the function copied into */
    int n = from->id + 1 > m->from->nvalue ? from->id + 1 : m->from->nvalue;
    Value **grown = NEW_N(m->ctx->arena, Value *, n);
    if (m->nvalue) memcpy(grown, m->value, sizeof *grown * (size_t)m->nvalue);
    m->value = grown;
    m->nvalue = n;
  }
  m->value[from->id] = to;
}

void clone_map_sym(CloneMap *m, Sym *from, Dim *to) {
  for (int i = 0; i < m->nsubst; i++)
    if (m->subst[i].from == from) {
      m->subst[i].to = to;
      return;
    }
  PUSH(m->ctx->arena, m->subst, m->nsubst, m->subst_cap) = (DimSubst){from, to};
}

Value *clone_lookup(CloneMap *m, Value *from) { return from->id < m->nvalue ? m->value[from->id] : NULL; }

Dim *clone_dim(CloneMap *m, Dim *d) {
  if (!d || !m->nsubst) return d;
  Dim *e = dim_subst(m->ctx, d, m->subst, m->nsubst);
  if (!e) bug("a dimension that overflowed");
  return e;
}

Type *clone_type(CloneMap *m, Type *t) {
  if (!m->nsubst) return t;
  Type *u = type_subst(m->ctx, t, m->subst, m->nsubst);
  if (!u) bug("a dimension that overflowed");
  return u;
}

static Dim **clone_dims(CloneMap *m, Dim **d, int n) {
  Dim **copy = NEW_N(m->ctx->arena, Dim *, n);
  for (int i = 0; i < n; i++) copy[i] = clone_dim(m, d[i]);
  return copy;
}

static DimSubst *clone_subst(CloneMap *m, int n, const DimSubst *from) {
  DimSubst *s = arena_dup(m->ctx->arena, from, sizeof *s * (size_t)n);
  for (int i = 0; i < n; i++) s[i].to = clone_dim(m, s[i].to);
  return s;
}

/* Attributes that name dimensions or symbols; all others are shared by original and copy. */
static void clone_attributes(CloneMap *m, Op *op, const Op *from) {
  op->u = from->u;
  switch (from->code) {
  case OP_dim: op->u.dim = clone_dim(m, from->u.dim); break;
  case OP_sym:
    op->u.sym = sym_new(m->ctx, SYM_VALUE, from->u.sym->name, from->u.sym->loc);
    op->u.sym->nonneg = from->u.sym->nonneg;
    op->u.sym->most = from->u.sym->most;
    clone_map_sym(m, from->u.sym, dim_sym(m->ctx, op->u.sym));
    break;
  case OP_slice:
  case OP_embed:
  case OP_set_slice: op->u.slice.start = clone_dims(m, from->u.slice.start, from->opd[0]->type->rank); break;
  case OP_check_index:
  case OP_check_dim_eq:
  case OP_check_dim_le:
    op->u.check.a = clone_dim(m, from->u.check.a);
    op->u.check.b = clone_dim(m, from->u.check.b);
    break;
  case OP_call: op->u.call.subst = clone_subst(m, from->u.call.nsubst, from->u.call.subst); break;
  case OP_derive: op->u.derive.subst = clone_subst(m, from->u.derive.nsubst, from->u.derive.subst); break;
  default: break;
  }
}

static Value *mapped(CloneMap *m, Value *v) {
  Value *to = clone_lookup(m, v);
  if (!to)
    bug("value %d (%s) of %s has no copy", v->id, v->def ? op_info[v->def->code].name : "parameter", m->from->name);
  return to;
}

static void clone_region_into(CloneMap *m, Region *to, Region *from) {
  Builder b = {.ctx = m->ctx, .func = m->to, .region = to};
  for_each_op(op, from) {
    b.loc = op->loc;
    clone_op(m, &b, op);
  }
  Value **res = NEW_N(m->ctx->arena, Value *, from->nres);
  for (int i = 0; i < from->nres; i++) res[i] = mapped(m, from->res[i]);
  region_set_results(to, from->nres, res);
}

static void clone_params(CloneMap *m, Region *to, Region *from) {
  for (int i = 0; i < from->nparam; i++)
    clone_map_value(m, from->param[i], region_add_param(to, clone_type(m, from->param[i]->type), from->param[i]->name));
}

Op *clone_op(CloneMap *m, Builder *b, Op *op) {
  Value **opd = NEW_N(m->ctx->arena, Value *, op->nopd);
  Type **types = NEW_N(m->ctx->arena, Type *, op->nres);
  for (int i = 0; i < op->nopd; i++) opd[i] = mapped(m, op->opd[i]);
  for (int i = 0; i < op->nres; i++) types[i] = clone_type(m, op->res[i]->type);
  Op *copy = b_op(b, op->code, op->nopd, opd, op->nres, types);
  clone_attributes(m, copy, op);
  for (int i = 0; i < op->nres; i++) {
    copy->res[i]->name = op->res[i]->name;
    clone_map_value(m, op->res[i], copy->res[i]);
  }
  copy->nreg = op->nreg;
  copy->reg = NEW_N(m->ctx->arena, Region *, op->nreg);
  for (int i = 0; i < op->nreg; i++) {
    copy->reg[i] = region_new(m->to, copy);
    clone_params(m, copy->reg[i], op->reg[i]);
    clone_region_into(m, copy->reg[i], op->reg[i]);
  }
  return copy;
}

static void map_to_itself(CloneMap *m, Value *v) {
  if (!clone_lookup(m, v)) clone_map_value(m, v, v);
}

void clone_share(CloneMap *m, const Op *op) {
  for (int i = 0; i < op->nopd; i++) map_to_itself(m, op->opd[i]);
  for (int r = 0; r < op->nreg; r++) {
    for (int i = 0; i < op->reg[r]->nres; i++) map_to_itself(m, op->reg[r]->res[i]);
    for (const Op *in = op->reg[r]->first; in; in = in->next) clone_share(m, in);
  }
}

Func *func_clone(Func *f, const char *name) {
  Ctx *c = f->module->ctx;
  Func *g = func_new(f->module, name, f->loc);
  for (int i = 0; i < f->nsym; i++) func_add_sym(g, f->sym[i]);
  CloneMap *m = clone_map_new(c, f, g);
  clone_params(m, g->body, f->body);
  clone_region_into(m, g->body, f->body);
  g->nin = f->nin;
  g->in = arena_dup(c->arena, f->in, sizeof *f->in * (size_t)f->nin);
  g->nout = f->nout;
  g->out = arena_dup(c->arena, f->out, sizeof *f->out * (size_t)f->nout);
  g->exported = f->exported;
  g->kind = f->kind;
  g->origin = f->origin;
  g->signature = f->signature;
  return g;
}
