/* version.c - a copy of a function for some sizes, and which sizes may be worth one.
 *
 * Requires: a function that is not lowered yet.  Ensures: with those sizes the copy has equal results and fails in the same ways. */
#include "passes/pass.h"

/* ---- which symbols ------------------------------------------------------------------------------------------------------------- */

static const Sym *only_symbol(const Dim *d) {
  if (d->nterm != 1 || d->den != 1 || d->term[0].coef != 1 || d->term[0].nfactor != 1) return NULL;
  return d->term[0].factor[0]->kind == ATOM_SYM ? d->term[0].factor[0]->sym : NULL;
}

/* Of parameters with several axes: those of entries come first, those of coordinates last. */
static bool is_inner(const Func *f, const Sym *s) {
  int inner = 0, first = 0;
  for (int i = 0; i < f->nin; i++)
    for (int k = 0; f->in[i].role == PORT_PARAM && k < f->in[i].nleaf; k++) {
      const Type *t = f->body->param[f->in[i].first + k]->type;
      bool is = false;
      for (int a = 1; a < t->rank; a++) is |= only_symbol(t->dim[a]) == s;
      inner += is;
      first += t->rank > 1 && only_symbol(t->dim[0]) == s;
    }
  return inner && inner >= first;
}

/* Neighbours along an axis: a grid, a sequence, a window. */
static bool shifts(Ctx *c, const Op *op, const Sym *s) {
  int64_t n;
  if (op_info[op->code].family != FAM_VIEW || op->code == OP_reshape) return false;
  for (int k = 0; k < op->nopd; k++)
    for (int a = 0; a < op->res[0]->type->rank; a++) {
      Dim *x = op->opd[k]->type->dim[a], *y = op->res[0]->type->dim[a], *by = dim_sub(c, x, y);
      if ((only_symbol(x) == s || only_symbol(y) == s) && by && dim_is_const(by, &n) && n != 0) return true;
    }
  return false;
}

static bool turns_in(const Op *loop, const Sym *s) {
  for (int i = 0; loop->code == OP_for && i < 3; i++) {
    const Op *bound = loop->opd[i]->def;
    if (bound && bound->code == OP_dim && dim_mentions(bound->u.dim, s)) return true;
  }
  return false;
}

/* … or turns of a loop, one after another: the axis may well be long. */
static bool looks_long(const Region *r, const Sym *s) {
  for (const Op *op = r->first; op; op = op->next) {
    if (shifts(r->func->module->ctx, op, s) || turns_in(op, s)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (looks_long(op->reg[i], s)) return true;
  }
  return false;
}

/* Sums of a few products, for each of many results. */
static bool is_summed_away(const Op *op, const Sym *s) {
  if (op->code != OP_contract || op->nopd < 2 || !op->res[0]->type->rank) return false;
  for (int a = 0; a < op->opd[0]->type->rank; a++) {
    bool left = only_symbol(op->opd[0]->type->dim[a]) != s;
    for (int i = 0; i < op->res[0]->type->rank; i++) left |= op->u.contract.out[i] == op->u.contract.opd[0][a];
    if (!left) return true;
  }
  return false;
}

static bool is_summed(const Region *r, const Sym *s) {
  for (const Op *op = r->first; op; op = op->next) {
    if (is_summed_away(op, s)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (is_summed(op->reg[i], s)) return true;
  }
  return false;
}

int version_symbols(const Func *f, Sym **sym) {
  int n = 0;
  for (int i = 0; i < f->nsym; i++) {
    Sym *s = f->sym[i];
    bool may = (s->kind == SYM_DIM || s->names_dim) && is_inner(f, s) && is_summed(f->body, s);
    if (may && !looks_long(f->body, s)) sym[n++] = s;
  }
  return n;
}

/* ---- the copy ------------------------------------------------------------------------------------------------------------------ */

typedef struct Fit { Ctx *ctx; int n; const DimSubst *at; } Fit;

static bool valid(const Fit *t, Dim *d) { return !d || dim_subst(t->ctx, d, t->at, t->n); }

static bool valid_type(const Fit *t, const Type *type) {
  int64_t n;
  for (int a = 0; a < type->rank; a++) {
    Dim *d = dim_subst(t->ctx, type->dim[a], t->at, t->n);
    if (!d || (dim_is_const(d, &n) && n < 0)) return false;
  }
  return true;
}

/* What is known to fail is left to the function itself, and with it types that hold behind the check alone. */
static bool valid_check(const Fit *t, const Op *op) {
  if (!valid(t, op->u.check.a) || !valid(t, op->u.check.b)) return false;
  if (op->code != OP_check_dim_eq && op->code != OP_check_dim_le) return true;
  Dim *a = dim_subst(t->ctx, op->u.check.a, t->at, t->n), *b = dim_subst(t->ctx, op->u.check.b, t->at, t->n);
  int64_t x, y;
  return !dim_is_const(a, &x) || !dim_is_const(b, &y) || (op->code == OP_check_dim_eq ? x == y : x <= y);
}

static bool valid_op(const Fit *t, const Op *op) {
  bool ok = op->code != OP_call && op->code != OP_derive;
  for (int i = 0; i < op->nres; i++) ok = ok && valid_type(t, op->res[i]->type);
  if (op->code == OP_dim) ok = ok && valid(t, op->u.dim);
  if (op->code == OP_slice || op->code == OP_embed || op->code == OP_set_slice)
    for (int a = 0; a < op->opd[0]->type->rank; a++) ok = ok && valid(t, op->u.slice.start[a]);
  return op_info[op->code].family == FAM_EFFECT ? ok && valid_check(t, op) : ok;
}

static bool valid_region(const Fit *t, const Region *r) {
  for (int i = 0; i < r->nparam; i++)
    if (!valid_type(t, r->param[i]->type)) return false;
  for (const Op *op = r->first; op; op = op->next) {
    if (!valid_op(t, op)) return false;
    for (int i = 0; i < op->nreg; i++)
      if (!valid_region(t, op->reg[i])) return false;
  }
  return true;
}

static bool verifies(Func *f) {
  Diags *d = f->module->ctx->diags;
  int before = d->nerror;
  d->muted++;
  bool ok = func_verify(f);
  d->muted--;
  d->nerror = before;
  return ok;
}

/* A number that indexes beyond its axis. */
static bool indexes_beyond(const Region *r) {
  int64_t at, limit;
  for (const Op *op = r->first; op; op = op->next) {
    if (op->code == OP_check_index && value_int(op->opd[0], &at) && dim_is_const(op->u.check.a, &limit) && (at < 0 || at >= limit))
      return true;
    for (int i = 0; i < op->nreg; i++)
      if (indexes_beyond(op->reg[i])) return true;
  }
  return false;
}

Func *version_of(Func *f, const char *name, int n, const DimSubst *at) {
  Fit t = {f->module->ctx, n, at};
  if (!valid_region(&t, f->body)) return NULL;
  Func *g = func_clone_at(f, name, n, at);
  g->exported = false;
  if (verifies(g) && !indexes_beyond(g->body)) {
    pass_optimise(g);
    if (!indexes_beyond(g->body)) return g;
  }
  f->module->nfunc--;
  return NULL;
}
