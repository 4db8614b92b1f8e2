/* dce.c - removes operations whose results nobody needs.
 * Roots are the function's results and the effects; an operation that binds a symbol stays while a type or an attribute of what
 * is alive mentions it.  Parameters stay.  Ensures dense value ids. */
#include "passes/pass.h"

typedef struct Live {
  Ctx *ctx;
  bool *value; /* by value id */
  bool *sym;   /* by symbol id */
  int nsym;
} Live;

static void need_dim(Live *l, const Dim *d) {
  if (!d) return;
  for (int t = 0; t < d->nterm; t++)
    for (int i = 0; i < d->term[t].nfactor; i++) {
      const Atom *a = d->term[t].factor[i];
      if (a->kind == ATOM_SYM) l->sym[a->sym->id] = true;
      else {
        need_dim(l, a->a);
        need_dim(l, a->b);
      }
    }
}

static void need_type(Live *l, const Type *t) {
  for (int a = 0; a < t->rank; a++) need_dim(l, t->dim[a]);
}

static void need_attributes(Live *l, const Op *op) {
  if (op->code == OP_dim) need_dim(l, op->u.dim);
  if (op->code == OP_slice || op->code == OP_embed || op->code == OP_set_slice)
    for (int a = 0; a < op->opd[0]->type->rank; a++) need_dim(l, op->u.slice.start[a]);
  if (op_info[op->code].family == FAM_EFFECT) {
    need_dim(l, op->u.check.a);
    need_dim(l, op->u.check.b);
  }
  if (op->code == OP_call)
    for (int i = 0; i < op->u.call.nsubst; i++) need_dim(l, op->u.call.subst[i].to);
}

static bool alive(const Live *l, const Op *op) {
  Family fam = op_info[op->code].family;
  if (fam == FAM_EFFECT || fam == FAM_CALL || op->nreg) return true;
  if (op->code == OP_sym && l->sym[op->u.sym->id]) return true;
  for (int i = 0; i < op->nres; i++)
    if (l->value[op->res[i]->id]) return true;
  return false;
}

static void sweep(Live *l, Region *g) {
  for (int i = 0; i < g->nres; i++) l->value[g->res[i]->id] = true;
  for (Op *op = g->last, *prev; op; op = prev) {
    prev = op->prev;
    if (!alive(l, op)) {
      op_remove(op);
      continue;
    }
    for (int i = 0; i < op->nreg; i++) sweep(l, op->reg[i]);
    for (int i = 0; i < op->nopd; i++) l->value[op->opd[i]->id] = true;
    for (int i = 0; i < op->nres; i++) need_type(l, op->res[i]->type);
    need_attributes(l, op);
  }
}

void pass_dce(Func *f) {
  Ctx *c = f->module->ctx;
  Live l = {.ctx = c, .value = NEW_N(c->arena, bool, f->nvalue + 1), .sym = NEW_N(c->arena, bool, c->next_sym + 1)};
  sweep(&l, f->body);
  func_renumber(f);
}
