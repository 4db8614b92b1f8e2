/* visit.c - what operations and the regions inside them mention: values and symbols. */
#include "passes/pass.h"

void op_each_use(const Op *op, ValueFn fn, void *env) {
  for (int i = 0; i < op->nopd; i++) fn(env, op->opd[i]);
  for (int i = 0; i < op->nreg; i++) region_each_use(op->reg[i], fn, env);
}

void region_each_use(const Region *g, ValueFn fn, void *env) {
  for (const Op *op = g->first; op; op = op->next) op_each_use(op, fn, env);
  for (int i = 0; i < g->nres; i++) fn(env, g->res[i]);
}

static void dim_each_sym(const Dim *d, SymFn fn, void *env) {
  if (!d) return;
  for (int t = 0; t < d->nterm; t++)
    for (int i = 0; i < d->term[t].nfactor; i++) {
      const Atom *a = d->term[t].factor[i];
      if (a->kind == ATOM_SYM) fn(env, a->sym);
      else {
        dim_each_sym(a->a, fn, env);
        dim_each_sym(a->b, fn, env);
      }
    }
}

void type_each_sym(const Type *t, SymFn fn, void *env) {
  for (int a = 0; a < t->rank; a++) dim_each_sym(t->dim[a], fn, env);
}

static void attribute_each_sym(const Op *op, SymFn fn, void *env) {
  if (op->code == OP_dim) dim_each_sym(op->u.dim, fn, env);
  if (op->code == OP_slice || op->code == OP_embed || op->code == OP_set_slice)
    for (int a = 0; a < op->opd[0]->type->rank; a++) dim_each_sym(op->u.slice.start[a], fn, env);
  if (op_info[op->code].family == FAM_EFFECT) {
    dim_each_sym(op->u.check.a, fn, env);
    dim_each_sym(op->u.check.b, fn, env);
  }
  if (op->code == OP_call)
    for (int i = 0; i < op->u.call.nsubst; i++) dim_each_sym(op->u.call.subst[i].to, fn, env);
  if (op->code == OP_derive)
    for (int i = 0; i < op->u.derive.nsubst; i++) dim_each_sym(op->u.derive.subst[i].to, fn, env);
}

void op_each_sym(const Op *op, SymFn fn, void *env) {
  for (int i = 0; i < op->nres; i++) type_each_sym(op->res[i]->type, fn, env);
  attribute_each_sym(op, fn, env);
  for (int r = 0; r < op->nreg; r++) {
    for (int i = 0; i < op->reg[r]->nparam; i++) type_each_sym(op->reg[r]->param[i]->type, fn, env);
    for (const Op *in = op->reg[r]->first; in; in = in->next) op_each_sym(in, fn, env);
  }
}

bool has_effect(const Op *op) {
  if (op_info[op->code].family == FAM_EFFECT) return true;
  for (int r = 0; r < op->nreg; r++)
    for (const Op *in = op->reg[r]->first; in; in = in->next)
      if (has_effect(in)) return true;
  return false;
}
