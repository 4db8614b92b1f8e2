/* structs.c - the C structs that stand for struct-valued ports.
 *
 * A struct parameter is a pointer to a struct of inputs: scalars by value, tensors as pointers to const.  A struct
 * result is a pointer to a struct of pointers to write to.  The derivative of a struct has its real fields only:
 * another C struct when the struct has others too. */
#include "codegen/abi.h"
#include <string.h>

static bool same_struct(const CStruct *a, const CStruct *b) {
  if (strcmp(a->tag, b->tag) || a->mut != b->mut || a->nfield != b->nfield) return false;
  for (int i = 0; i < a->nfield; i++) {
    const CField *x = &a->field[i], *y = &b->field[i];
    if (strcmp(x->name, y->name) || x->sub != y->sub) return false;
    if (!x->sub && (x->elem != y->elem || x->rank != y->rank)) return false;
  }
  return true;
}

typedef struct Walk {
  CStructs *s;
  const Func *f;
  const Port *port;
  int leaf;
} Walk;

static const char *field_name(Ctx *c, const Aggregate *agg, int i) {
  const char *name = agg->field && agg->field[i] ? agg->field[i] : arena_printf(c->arena, "part%d", i);
  while (name_unfit_param(name)) name = arena_printf(c->arena, "%s_", name);
  return name;
}

static CStruct *add(Walk *w, const Aggregate *agg) {
  Ctx *c = w->s->ctx;
  CStruct *new = NEW(c->arena, CStruct);
  new->tag = agg->name ? agg->name : arena_printf(c->arena, "%s_%s", w->f->name, w->port->name);
  new->mut = !port_is_input(w->port);
  new->nfield = agg->nfield;
  new->field = NEW_N(c->arena, CField, agg->nfield);
  for (int i = 0; i < agg->nfield; i++) {
    CField *field = &new->field[i];
    field->name = field_name(c, agg, i);
    if (agg->type[i]) {
      field->sub = add(w, agg->type[i]);
      continue;
    }
    Type *t = port_leaf_type(w->f, w->port, w->leaf++);
    field->elem = t->elem;
    field->rank = t->rank;
  }
  for (int i = 0; i < w->s->n; i++)
    if (same_struct(w->s->at[i], new)) return w->s->at[i];
  return PUSH(c->arena, w->s->at, w->s->n, w->s->cap) = new;
}

CStruct *structs_of(CStructs *s, const Func *f, const Port *p) {
  Walk w = {s, f, p, 0};
  return add(&w, p->agg);
}

static int leaf_count(const CStruct *s) {
  int n = 0;
  for (int i = 0; i < s->nfield; i++) n += s->field[i].sub ? leaf_count(s->field[i].sub) : 1;
  return n;
}

/* The form with the most fields has the source's name; one with the real fields only is NAME_real. */
static void name_structs(CStructs *s, const CodegenOptions *o) {
  for (int i = 0; i < s->n; i++) {
    CStruct *x = s->at[i];
    int bigger = 0, twins = 0;
    for (int j = 0; j < s->n; j++) {
      if (strcmp(s->at[j]->tag, x->tag)) continue;
      if (leaf_count(s->at[j]) > leaf_count(x)) bigger++;
      if (j < i && s->at[j]->mut == x->mut && leaf_count(s->at[j]) == leaf_count(x)) twins++;
    }
    const char *kind = bigger ? "_real" : "", *mut = x->mut ? "_mut" : "";
    const char *twin = twins ? arena_printf(s->ctx->arena, "_%d", twins + 1) : "";
    x->name = c_name(s->ctx, o, arena_printf(s->ctx->arena, "%s%s%s%s", x->tag, kind, mut, twin), "");
    while (name_is_owned(x->name)) x->name = intern(s->ctx, arena_printf(s->ctx->arena, "%s_", x->name));
  }
}

CStructs *structs_collect(Module *m, const CodegenOptions *o) {
  CStructs *s = NEW(m->ctx->arena, CStructs);
  s->ctx = m->ctx;
  for (int i = 0; i < m->nfunc; i++) {
    Func *f = m->func[i];
    if (!f->exported && !f->external) continue;
    for (int k = 0; k < f->nin; k++)
      if (f->in[k].agg) structs_of(s, f, &f->in[k]);
    for (int k = 0; k < f->nout; k++)
      if (f->out[k].agg) structs_of(s, f, &f->out[k]);
  }
  name_structs(s, o);
  return s;
}
