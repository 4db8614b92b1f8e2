/* signature.c - the C signature of an exported function: dimension symbols by first appearance, parameters (with seeds
 * and tangents), results (with derivatives), workspace.
 *
 * Requires the ports to lie over the body's parameters and results.  Ensures argument names that differ from each
 * other, from the words of C and C++ and from the types of the header: such a name gets underscores appended. */
#include "codegen/abi.h"
#include <string.h>

bool port_is_input(const Port *p) {
  return p->role == PORT_PARAM || p->role == PORT_SEED || p->role == PORT_TANGENT_IN;
}

Type *port_leaf_type(const Func *f, const Port *p, int leaf) {
  const Region *r = f->body;
  int i = p->first + leaf;
  if (i < 0 || i >= (port_is_input(p) ? r->nparam : r->nres)) bug("%s: port %s has no leaf %d", f->name, p->name, leaf);
  return port_is_input(p) ? r->param[i]->type : r->res[i]->type;
}

static bool taken(const Func *f, const CArg *args, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(args[i].name, name)) return true;
  for (int side = 0; side < 2; side++) /* a parameter must not hide the struct that the next one has as type */
    for (int i = 0; i < (side ? f->nout : f->nin); i++) {
      const Aggregate *agg = side ? f->out[i].agg : f->in[i].agg;
      if (agg && agg->name && !strncmp(agg->name, name, strlen(agg->name))) return true;
    }
  return name_unfit_param(name) || !strcmp(name, "ws");
}

static void add_arg(const Func *f, CArg *args, int *n, CArg a) {
  Ctx *c = f->module->ctx;
  if (a.kind != CARG_WS)
    while (taken(f, args, *n, a.name)) a.name = intern(c, arena_printf(c->arena, "%s_", a.name));
  args[(*n)++] = a;
}

static CArg port_arg(const Func *f, const Port *p) {
  bool in = port_is_input(p);
  if (p->sym) return (CArg){CARG_SCALAR, p->name, I64, p->sym, p, NULL};
  if (p->agg) return (CArg){in ? CARG_STRUCT : CARG_STRUCT_OUT, p->name, F64, NULL, p, NULL};
  Type *t = port_leaf_type(f, p, 0);
  CArgKind kind = !in ? CARG_OUT : t->rank ? CARG_TENSOR : CARG_SCALAR;
  return (CArg){kind, p->name, t->elem, NULL, p, t};
}

static bool is_dim_arg(const Sym *s) { return s->kind == SYM_DIM || (s->kind == SYM_PARAM && s->names_dim); }

int codegen_signature(const Func *f, CArg **args) {
  Ctx *c = f->module->ctx;
  int n = 0;
  *args = NEW_N(c->arena, CArg, f->nsym + f->nin + f->nout + 1);
  for (int i = 0; i < f->nsym; i++)
    if (is_dim_arg(f->sym[i])) add_arg(f, *args, &n, (CArg){CARG_DIM, f->sym[i]->name, I64, f->sym[i], NULL, NULL});
  for (int i = 0; i < f->nin; i++)
    if (!(f->in[i].sym && is_dim_arg(f->in[i].sym))) add_arg(f, *args, &n, port_arg(f, &f->in[i]));
  for (int i = 0; i < f->nout; i++) add_arg(f, *args, &n, port_arg(f, &f->out[i]));
  add_arg(f, *args, &n, (CArg){CARG_WS, "ws", F64, NULL, NULL, NULL});
  return n;
}

int codegen_size_syms(const Func *f, Sym ***syms) {
  CArg *args;
  int n = codegen_signature(f, &args), k = 0;
  *syms = NEW_N(f->module->ctx->arena, Sym *, n);
  for (int i = 0; i < n; i++)
    if (args[i].sym) (*syms)[k++] = args[i].sym;
  return k;
}

const char *c_elem(Elem e, bool scalar) {
  static const char *const name[ELEM_COUNT] = {"double", "float", "int64_t", "int32_t", "uint8_t"};
  return e == BOOL && scalar ? "int" : name[e];
}

static const char *arg_text(Ctx *c, CStructs *s, const Func *f, const CArg *a) {
  switch (a->kind) {
  case CARG_DIM: return arena_printf(c->arena, "int64_t %s", a->name);
  case CARG_SCALAR: return arena_printf(c->arena, "%s %s", c_elem(a->elem, true), a->name);
  case CARG_TENSOR: return arena_printf(c->arena, "const %s *%s", c_elem(a->elem, false), a->name);
  case CARG_OUT: return arena_printf(c->arena, "%s *%s", c_elem(a->elem, a->type->rank == 0), a->name);
  case CARG_STRUCT: return arena_printf(c->arena, "const %s *%s", structs_of(s, f, a->port)->name, a->name);
  case CARG_STRUCT_OUT: return arena_printf(c->arena, "const %s *%s", structs_of(s, f, a->port)->name, a->name);
  case CARG_WS: return "adc_ws *ws";
  }
  bug("unknown kind of argument");
}

/* indent > 0: lines are broken before column 100 and continued at that column. */
void print_signature(const Func *f, const CodegenOptions *o, const char *suffix, int indent, Text *out) {
  Ctx *c = f->module->ctx;
  CStructs *structs = structs_collect(f->module, o);
  CArg *args;
  int n = codegen_signature(f, &args);
  const char *head = arena_printf(c->arena, "int %s(", c_name(c, o, f->name, suffix));
  size_t column = strlen(head), start = indent ? column : 0;
  text_add(out, "%s", head);
  for (int i = 0; i < n; i++) {
    const char *text = arg_text(c, structs, f, &args[i]);
    if (i && indent && column + strlen(text) + 3 > 100) {
      text_add(out, ",\n%*s", (int)start, "");
      column = start;
    } else if (i) {
      text_add(out, ", ");
      column += 2;
    }
    text_add(out, "%s", text);
    column += strlen(text);
  }
  text_add(out, ")");
}

void codegen_prototype(const Func *f, const CodegenOptions *o, Text *out) {
  print_signature(f, o, "", 0, out);
  text_add(out, ";");
}
