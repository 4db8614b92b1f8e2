/* elab_derive_result.c - the results of a derivative operator, put together again as values of the language: a gradient has the
 * structure of its parameter, a Jacobian a tensor for each real leaf of the result and of the parameters. */
#include "frontend/elab_derive.h"

typedef struct Results {
  Call *c;
  Value **v;
  int next;
  Tval *row; /* a Jacobian's: the result that is differentiated, or for a Hessian the parameter */
} Results;

/* A leaf of the function's value; what is not real may lack labels. */
static Tval *value_leaf(Elab *e, Tval *leaf, void *env) {
  Results *r = env;
  const Lifted *f = &r->c->f;
  bool real = elem_is_real(leaf->type->elem);
  return tv_tensor(e, leaf->loc, leaf->type, r->v[r->next++], real ? f->nlabel : leaf->nlabel, real ? f->label : leaf->label);
}

static Tval *like_leaf(Elab *e, Tval *leaf, void *env) {
  Results *r = env;
  return tv_tensor(e, leaf->loc, leaf->type, r->v[r->next++], r->c->f.nlabel, r->c->f.label);
}

/* The tensor of derivatives of row by leaf: the row's dimensions first. */
static Tval *product_leaf(Elab *e, Tval *leaf, void *env) {
  Results *r = env;
  const Type *a = r->row->type, *b = leaf->type;
  Dim *dim[2 * MAX_RANK];
  for (int i = 0; i < a->rank; i++) dim[i] = a->dim[i];
  for (int i = 0; i < b->rank; i++) dim[a->rank + i] = b->dim[i];
  Type *t = type_tensor(e->ctx, a->elem, a->rank + b->rank, dim);
  return tv_tensor(e, leaf->loc, t, r->v[r->next++], r->c->f.nlabel, r->c->f.label);
}

/* The structure of v without its struct's name: its parts are of other types. */
static Tval *as_tuple(Elab *e, Tval *v) {
  if (v->kind != TV_STRUCT && v->kind != TV_TUPLE) return v;
  Tval *t = arena_dup(e->ctx->arena, v, sizeof *v);
  t->kind = TV_TUPLE;
  t->struct_def = NULL;
  t->npart = 0;
  t->part = NEW_N(e->ctx->arena, Tval *, v->npart + 1);
  t->part_name = v->part_name ? NEW_N(e->ctx->arena, const char *, v->npart + 1) : NULL;
  for (int i = 0; i < v->npart; i++) {
    if (real_leaves(v->part[i], NULL) == 0) continue;
    if (v->part_name) t->part_name[t->npart] = v->part_name[i];
    t->part[t->npart++] = as_tuple(e, v->part[i]);
  }
  return t;
}

/* One value for each chosen parameter; one alone stands for itself. */
static Tval *by_wrt(Elab *e, Results *r, LeafFn *fn, bool plain) {
  Call *c = r->c;
  Tval **part = NEW_N(e->ctx->arena, Tval *, c->nwrt);
  for (int i = 0; i < c->nwrt; i++) {
    Tval *model = c->arg[c->wrt[i]];
    part[i] = replace_real(e, plain ? as_tuple(e, model) : model, fn, r);
  }
  return c->nwrt == 1 ? part[0] : tv_tuple(e, c->x->loc, c->nwrt, part);
}

static Tval *product_row(Elab *e, Tval *leaf, void *env) {
  Results *r = env;
  r->row = leaf;
  return by_wrt(e, r, product_leaf, true);
}

static Tval *products(Elab *e, Results *r) {
  Call *c = r->c;
  if (c->form->word->kind == DERIVE_JACOBIAN) return replace_real(e, as_tuple(e, c->f.result), product_row, r);
  Tval **part = NEW_N(e->ctx->arena, Tval *, c->nwrt);
  for (int i = 0; i < c->nwrt; i++) part[i] = replace_real(e, as_tuple(e, c->arg[c->wrt[i]]), product_row, r);
  return c->nwrt == 1 ? part[0] : tv_tuple(e, c->x->loc, c->nwrt, part);
}

Tval *derive_results(Elab *e, Call *c, const Op *op) {
  Results r = {.c = c, .v = op->res};
  DeriveKind kind = c->form->word->kind;
  Tval *value = NULL, *d;
  if (kind == DERIVE_JACOBIAN || kind == DERIVE_HESSIAN) return products(e, &r);
  if (kind != DERIVE_HVP) value = replace_all(e, c->f.result, value_leaf, &r);
  if (kind == DERIVE_JVP) d = replace_real(e, c->f.result, like_leaf, &r);
  else d = by_wrt(e, &r, like_leaf, false);
  if (!c->form->word->value) return d;
  Tval *both[2] = {value, d};
  return tv_tuple(e, c->x->loc, 2, both);
}
