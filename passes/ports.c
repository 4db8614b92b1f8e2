/* ports.c - the C signature of derivative functions.
 * A gradient has the structure of its parameter without what is not real; its name is new among the function's names. */
#include "passes/ports.h"
#include <string.h>

Value *port_leaf(const Func *f, const Port *p, bool result, int leaf) {
  return (result ? f->body->res : f->body->param)[p->first + leaf];
}

int port_real_leaves(const Func *f, const Port *p, bool result) {
  int n = 0;
  for (int i = 0; i < p->nleaf; i++) n += elem_is_real(port_leaf(f, p, result, i)->type->elem);
  return n;
}

typedef struct Leaves { Value *const *next; } Leaves;

/* The aggregate without leaves that are not real; NULL when none is left. */
static Aggregate *real_part(Ctx *c, const Aggregate *a, Leaves *leaves) {
  Aggregate *r = NEW(c->arena, Aggregate);
  r->name = a->name;
  r->field = NEW_N(c->arena, const char *, a->nfield);
  r->type = NEW_N(c->arena, Aggregate *, a->nfield);
  for (int i = 0; i < a->nfield; i++) {
    Aggregate *inner = NULL;
    bool keep = a->type[i] ? (inner = real_part(c, a->type[i], leaves)) != NULL : elem_is_real((*leaves->next++)->type->elem);
    if (!keep) continue;
    r->field[r->nfield] = a->field[i];
    r->type[r->nfield++] = inner;
  }
  return r->nfield ? r : NULL;
}

static bool name_taken(const Func *g, const char *name) {
  for (int i = 0; i < g->nin; i++)
    if (!strcmp(g->in[i].name, name)) return true;
  for (int i = 0; i < g->nout; i++)
    if (!strcmp(g->out[i].name, name)) return true;
  for (int i = 0; i < g->nsym; i++)
    if (!strcmp(g->sym[i]->name, name)) return true;
  return false;
}

static const char *new_name(const Func *g, const char *base, const char *suffix) {
  Arena *a = g->module->ctx->arena;
  const char *name = base;
  do name = arena_printf(a, "%s%s", name, suffix);
  while (name_taken(g, name));
  return intern(g->module->ctx, name);
}

void port_append(Func *g, bool result, PortRole role, int of, bool of_result, const char *suffix, int first) {
  Ctx *c = g->module->ctx;
  const Port *p = of_result ? &g->out[of] : &g->in[of];
  Leaves leaves = {(of_result ? g->body->res : g->body->param) + p->first};
  Port port = {.name = new_name(g, p->name, suffix), .role = role, .first = first, .of = of, .loc = p->loc};
  port.nleaf = port_real_leaves(g, p, of_result);
  if (p->agg) port.agg = real_part(c, p->agg, &leaves);
  int *n = result ? &g->nout : &g->nin;
  Port **ports = result ? &g->out : &g->in, *grown = NEW_N(c->arena, Port, *n + 1);
  if (*n) memcpy(grown, *ports, sizeof *grown * (size_t)*n);
  grown[*n] = port;
  *ports = grown;
  ++*n;
}
