/* describe.c - what is known of an exported function, as text: the one source of f_info and of the manifest. */
#include "codegen/abi.h"
#include "codegen/internal.h"

static const char *const role_name[] = {
    [PORT_PARAM] = "param",   [PORT_SEED] = "seed",          [PORT_TANGENT_IN] = "tangent",
    [PORT_RESULT] = "result", [PORT_COTANGENT] = "gradient", [PORT_TANGENT_OUT] = "tangent_out",
};
static const char *const kind_name[] = {
    [FUNC_PRIMAL] = "primal", [FUNC_GRAD] = "grad", [FUNC_VJP] = "vjp", [FUNC_JVP] = "jvp",
    [FUNC_HVP] = "hvp", [FUNC_JACOBIAN] = "jacobian", [FUNC_HESSIAN] = "hessian"};

typedef struct Describe {
  Ctx *ctx;
  Func *f;
  CStructs *structs;
} Describe;

static const char **shape_text(Ctx *c, const Type *t) {
  const char **shape = NEW_N(c->arena, const char *, t->rank);
  for (int i = 0; i < t->rank; i++) {
    Text dim;
    text_init(&dim, c->arena);
    dim_print(&dim, t->dim[i]);
    shape[i] = dim.s;
  }
  return shape;
}

static void describe_leaf(Ctx *c, ArgInfo *a, const Type *t, bool in) {
  a->type = elem_name(t->elem);
  a->rank = t->rank;
  a->shape = shape_text(c, t);
  const char *elem = c_elem(t->elem, t->rank == 0);
  a->ctype = in && t->rank == 0 ? elem : arena_printf(c->arena, "%s%s *", in ? "const " : "", elem);
}

static void describe_fields(const Describe *d, ArgInfo *a, const CStruct *s, const Port *p, int *leaf) {
  a->nfield = s->nfield;
  a->field = NEW_N(d->ctx->arena, ArgInfo, s->nfield);
  for (int i = 0; i < s->nfield; i++) {
    ArgInfo *x = &a->field[i];
    *x = (ArgInfo){.name = s->field[i].name, .role = a->role, .of = -1};
    if (s->field[i].sub) {
      x->ctype = s->field[i].sub->name;
      describe_fields(d, x, s->field[i].sub, p, leaf);
    } else {
      describe_leaf(d->ctx, x, port_leaf_type(d->f, p, (*leaf)++), port_is_input(p));
    }
  }
}

static int index_of_port(const CArg *args, int n, const Port *p) {
  for (int i = 0; i < n; i++)
    if (args[i].port == p) return i;
  return -1;
}

static int of_arg(const Func *f, const CArg *args, int n, const Port *p) {
  bool of_input = p->role == PORT_COTANGENT || p->role == PORT_TANGENT_IN;
  if (p->of < 0 || p->of >= (of_input ? f->nin : f->nout)) return -1;
  return index_of_port(args, n, of_input ? &f->in[p->of] : &f->out[p->of]);
}

static ArgInfo describe_arg(const Describe *d, const CArg *args, int n, const CArg *a) {
  ArgInfo x = {.name = a->name, .of = -1};
  if (a->kind == CARG_WS) {
    x.role = "workspace";
    x.ctype = "adc_ws *";
    return x;
  }
  x.role = a->kind == CARG_DIM ? "dim" : role_name[a->port->role];
  if (a->port) x.of = of_arg(d->f, args, n, a->port);
  if (a->sym) {
    x.type = elem_name(I64);
    x.ctype = c_elem(I64, true);
  } else if (a->port->agg) {
    const CStruct *s = structs_of(d->structs, d->f, a->port);
    int leaf = 0;
    x.ctype = arena_printf(d->ctx->arena, "const %s *", s->name);
    describe_fields(d, &x, s, a->port, &leaf);
  } else {
    describe_leaf(d->ctx, &x, a->type, port_is_input(a->port));
  }
  return x;
}

FuncInfo *describe(Func *f, const CodegenOptions *o) {
  Ctx *c = f->module->ctx;
  FuncInfo *info = NEW(c->arena, FuncInfo);
  Text prototype, work, workspace;
  text_init(&prototype, c->arena);
  codegen_prototype(f, o, &prototype);
  text_init(&work, c->arena);
  work_text(c, f, &work);
  text_init(&workspace, c->arena);
  workspace_text(c, f, o->grain, &workspace);
  if (o->mem_limit) text_add(&workspace, "; at most %lld bytes, by computing again what does not fit", (long long)o->mem_limit);
  *info = (FuncInfo){.name = c_name(c, o, f->name, ""),
                     .kind = kind_name[f->kind],
                     .signature = f->signature,
                     .line = loc_line(c, f->loc),
                     .prototype = prototype.s,
                     .work = work.s,
                     .workspace = workspace.s};
  if (f->origin) info->origin = f->origin->name;
  if (f->loc.file >= 0) info->source = c->source[f->loc.file]->name;
  CArg *args;
  Describe d = {c, f, structs_collect(f->module, o)};
  info->narg = codegen_signature(f, &args);
  info->arg = NEW_N(c->arena, ArgInfo, info->narg);
  for (int i = 0; i < info->narg; i++) {
    info->arg[i] = describe_arg(&d, args, info->narg, &args[i]);
    if (args[i].kind == CARG_DIM) info->ndim++;
  }
  return info;
}
