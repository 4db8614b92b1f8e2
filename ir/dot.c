/* dot.c - a module as a graph in Graphviz's DOT language: a cluster for each function, a node for each operation and
 * parameter, an edge from each value to its use. */
#include "ir/ir.h"
#include <string.h>

static void quoted(Text *t, const char *s) {
  for (; *s; s++) {
    if (*s == '"' || *s == '\\') text_addn(t, "\\", 1);
    if (*s != '\n') text_addn(t, s, 1);
  }
}

/* Names of nodes: the function's place in its module, then the value's id. */
static int number(const Func *f) {
  int i = 0;
  while (f->module->func[i] != f) i++;
  return i;
}

static void node(Text *t, const Func *f, const Value *v, const char *label, const char *style) {
  text_add(t, "    f%d_v%d [label=\"", number(f), v->id);
  quoted(t, label);
  text_add(t, "\\n");
  type_print(t, v->type);
  text_add(t, "\"%s];\n", style);
}

static void edge(Text *t, const Func *f, const Value *from, const char *to) {
  text_add(t, "    f%d_v%d -> %s;\n", number(f), from->id, to);
}

static const char *style_of(const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_CONTRACT: return ", style=filled, fillcolor=\"#cfe2f3\"";
  case FAM_REDUCE:
  case FAM_SCAN: return ", style=filled, fillcolor=\"#d9ead3\"";
  case FAM_INDEX: return ", style=filled, fillcolor=\"#fff2cc\"";
  case FAM_REGION:
  case FAM_CALL: return ", style=filled, fillcolor=\"#ead1dc\"";
  default: return "";
  }
}

static void region(Text *t, const Func *f, const Region *g);

static void operation(Text *t, Ctx *c, const Func *f, const Op *op) {
  const char *name = arena_printf(c->arena, "f%d_o%d", number(f), op->nres ? op->res[0]->id : (int)op->loc.begin);
  for (int i = 0; i < op->nres; i++) node(t, f, op->res[i], op_info[op->code].name, style_of(op));
  if (op->nres == 0) {
    text_add(t, "    %s [label=\"%s\", shape=octagon, color=red];\n", name, op_info[op->code].name);
  } else {
    name = arena_printf(c->arena, "f%d_v%d", number(f), op->res[0]->id);
  }
  for (int i = 0; i < op->nopd; i++) edge(t, f, op->opd[i], name);
  for (int i = 0; i < op->nreg; i++) {
    text_add(t, "    subgraph cluster_%s_%d {\n    label=\"%s\"; style=dashed;\n", name, i, op_info[op->code].name);
    region(t, f, op->reg[i]);
    text_add(t, "    }\n");
    for (int k = 0; k < op->reg[i]->nres && k < op->nres; k++)
      edge(t, f, op->reg[i]->res[k], arena_printf(c->arena, "f%d_v%d", number(f), op->res[k]->id));
  }
}

static void region(Text *t, const Func *f, const Region *g) {
  for (int i = 0; i < g->nparam; i++)
    node(t, f, g->param[i], g->param[i]->name ? g->param[i]->name : "parameter", ", shape=box, style=bold");
  for (const Op *op = g->first; op; op = op->next) operation(t, f->module->ctx, f, op);
}

void module_dot(Text *t, const Module *m) {
  text_add(t, "digraph adc {\n  node [shape=ellipse, fontname=\"Helvetica\", fontsize=10];\n  compound=true;\n");
  for (int i = 0; i < m->nfunc; i++) {
    const Func *f = m->func[i];
    if (!f->exported) continue;
    text_add(t, "  subgraph cluster_f%d {\n    label=\"%s\";\n", i, f->name);
    region(t, f, f->body);
    for (int k = 0; k < f->body->nres; k++) {
      text_add(t, "    f%d_r%d [label=\"result %d\", shape=box, style=bold];\n", number(f), k, k);
      edge(t, f, f->body->res[k], arena_printf(m->ctx->arena, "f%d_r%d", number(f), k));
    }
    text_add(t, "  }\n");
  }
  text_add(t, "}\n");
}
