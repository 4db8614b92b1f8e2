/* print.c - IR as text: names, functions and their signatures; print_op.c has the operations.
 *
 * Ensures: module_read of the text gives the module again, but for source locations, aggregates (their leaves are ports
 * of their own) and the source's declarations; printing that gives the same text. */
#include "ir/print.h"
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* A name that is taken; next: the suffix to try first when it is wanted again. */
typedef struct {
  const char *name;
  int next;
} Taken;

static bool same_name(const void *entry, const void *key) { return strcmp(((const Taken *)entry)->name, key) == 0; }

static Taken *find_taken(const Interner *taken, const char *name) {
  return interner_find(taken, hash_bytes(HASH_SEED, name, strlen(name)), same_name, name);
}

static bool name_char(char ch) {
  return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '.' ||
         (ch & 0x80);
}

/* The hint made a name that the reader takes: letters, digits, _ and dots, no digit or dot first. */
const char *clean_name(Ctx *c, const char *hint) {
  bool first = hint[0] == '.' || (hint[0] >= '0' && hint[0] <= '9') || !hint[0];
  char *s = arena_printf(c->arena, "%s%s", first ? "_" : "", hint);
  for (char *p = s; *p; p++)
    if (!name_char(*p)) *p = '_';
  return s;
}

const char *unique_name(Ctx *c, Interner *taken, const char *hint) {
  const char *name = clean_name(c, hint), *base = name;
  Taken *of_base = find_taken(taken, base);
  for (int i = of_base ? of_base->next : 1; find_taken(taken, name); of_base->next = ++i)
    name = arena_printf(c->arena, "%s.%d", base, i);
  Taken *entry = NEW(c->arena, Taken);
  *entry = (Taken){name, 1};
  interner_add(taken, hash_bytes(HASH_SEED, name, strlen(name)), entry);
  return name;
}

const char **func_sym_names(Ctx *c, const Func *f) {
  Interner *taken = interner_new(c->arena);
  const char **name = NEW_N(c->arena, const char *, f->nsym);
  for (int i = 0; i < f->nsym; i++) name[i] = unique_name(c, taken, f->sym[i]->name);
  return name;
}

/* Symbols are ordered as they are named, which is the order that a reader of the text gives them. */
const char *sym_print_name(void *env, const Sym *s, int *order) {
  const Printer *p = env;
  *order = INT32_MAX;
  for (int i = p->nsym - 1; i >= 0; i--)
    if (p->sym[i].sym == s) return p->sym[*order = i].name;
  return s->name;
}

const char *printer_name_sym(Printer *p, const Sym *s) {
  const char *name = unique_name(p->ctx, p->sym_taken, s->name);
  PUSH(p->ctx->arena, p->sym, p->nsym, p->sym_cap) = (SymNaming){s, name};
  return name;
}

void printer_name_value(Printer *p, const Value *v, const char *hint) {
  if (v->id < 0 || v->id >= p->nvalue) return;
  p->value[v->id] =
      hint ? unique_name(p->ctx, p->value_taken, hint) : arena_printf(p->ctx->arena, "%d", p->next_number++);
}

const char *printer_value(const Printer *p, const Value *v) {
  const char *name = v->id >= 0 && v->id < p->nvalue ? p->value[v->id] : NULL;
  return name ? name : "?";
}

void print_type(Printer *p, const Type *t) { type_print_named(p->text, t, sym_print_name, p); }
void print_dim(Printer *p, const Dim *d) {
  if (d)
    dim_print_named(p->text, d, sym_print_name, p);
  else
    text_add(p->text, "?");
}

/* ---- the signature ----------------------------------------------------------------------------------------------- */

static void print_symbols(Printer *p, const Func *f) {
  for (int i = 0; i < f->nsym; i++) {
    const Sym *s = f->sym[i];
    text_add(p->text, "%s%s", i ? ", " : "", printer_name_sym(p, s));
    if (s->kind != SYM_PARAM) continue;
    text_add(p->text, ": int%s%s", s->nonneg ? " nonneg" : "", s->names_dim ? " dim" : "");
  }
  if (f->nsym) text_add(p->text, "; ");
}

static const char *const role_word[] = {
    [PORT_PARAM] = "",  [PORT_SEED] = "seed ",           [PORT_TANGENT_IN] = "tangent ",
    [PORT_RESULT] = "", [PORT_COTANGENT] = "cotangent ", [PORT_TANGENT_OUT] = "tangent "};

/* ` of x`: the leaf of the port that p belongs to. */
static void print_of(Printer *p, const Func *f, const Port *port, int leaf) {
  bool to_result = port->role == PORT_SEED || port->role == PORT_TANGENT_OUT;
  int n = to_result ? f->nout : f->nin;
  if (port->of < 0 || port->of >= n) return;
  const Port *of = to_result ? &f->out[port->of] : &f->in[port->of];
  if (of->nleaf == port->nleaf && !of->sym)
    text_add(p->text, " of %s", clean_name(p->ctx, port_leaf_name(p->ctx, of, leaf)));
}

static void print_params(Printer *p, const Func *f) {
  const char *sep = "";
  for (int i = 0; i < f->nin; i++) {
    const Port *port = &f->in[i];
    if (port->sym) {
      int order;
      text_add(p->text, "%s%s: int", sep, sym_print_name(p, port->sym, &order));
      sep = ", ";
    }
    for (int j = 0; j < port->nleaf && port->first + j < f->body->nparam; j++, sep = ", ") {
      const Value *v = f->body->param[port->first + j];
      const char *name = clean_name(p->ctx, port_leaf_name(p->ctx, port, j));
      printer_name_value(p, v, name);
      text_add(p->text, "%s%s", sep, role_word[port->role]);
      if (strcmp(name, printer_value(p, v))) text_add(p->text, "%s ", name);
      text_add(p->text, "%%%s", printer_value(p, v));
      print_of(p, f, port, j);
      text_add(p->text, ": ");
      print_type(p, v->type);
    }
  }
  for (int i = 0; i < f->body->nparam; i++) { /* those of no port: the function is not finished */
    const Value *v = f->body->param[i];
    if (printer_value(p, v)[0] != '?') continue;
    printer_name_value(p, v, v->name);
    text_add(p->text, "%s%%%s: ", sep, printer_value(p, v));
    print_type(p, v->type);
    sep = ", ";
  }
}

static void print_results(Printer *p, const Func *f) {
  const char *sep = "";
  for (int i = 0; i < f->nout; i++) {
    const Port *port = &f->out[i];
    for (int j = 0; j < port->nleaf && port->first + j < f->body->nres; j++, sep = ", ") {
      text_add(p->text, "%s%s%s", sep, role_word[port->role], clean_name(p->ctx, port_leaf_name(p->ctx, port, j)));
      print_of(p, f, port, j);
      text_add(p->text, ": ");
      print_type(p, f->body->res[port->first + j]->type);
    }
  }
}

/* `[local, grad of @f]` */
static void print_attributes(Printer *p, const Func *f) {
  static const char *const kind[] = {NULL, "grad", "vjp", "jvp", "hvp", "jacobian", "hessian"};
  if (f->exported && f->kind == FUNC_PRIMAL && !f->adjoint && !f->external) return;
  const char *comma = f->exported ? "" : ", ";
  text_add(p->text, " [%s", f->exported ? "" : "local");
  if (f->kind != FUNC_PRIMAL) {
    text_add(p->text, "%s%s", comma, kind[f->kind]);
    if (f->origin && module_find(f->module, f->origin->name) == f->origin)
      text_add(p->text, " of @%s", clean_name(p->ctx, f->origin->name));
    comma = ", ";
  }
  if (f->external) text_add(p->text, "%sextern %s", comma, f->external);
  if (f->external) comma = ", ";
  if (f->adjoint) text_add(p->text, "%sadjoint @%s", comma, clean_name(p->ctx, f->adjoint->name));
  text_add(p->text, "]");
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

static void indent(Printer *p) { text_add(p->text, "%*s", p->depth * 2, ""); }

static void print_yield(Printer *p, const Region *r, const char *word) {
  indent(p);
  text_add(p->text, "%s", word);
  for (int i = 0; i < r->nres; i++) text_add(p->text, "%s%%%s", i ? ", " : " ", printer_value(p, r->res[i]));
  text_add(p->text, "\n");
}

static void print_region(Printer *p, const Region *r) {
  text_add(p->text, " do (");
  for (int i = 0; i < r->nparam; i++) {
    printer_name_value(p, r->param[i], r->param[i]->name);
    text_add(p->text, "%s%%%s: ", i ? ", " : "", printer_value(p, r->param[i]));
    print_type(p, r->param[i]->type);
  }
  text_add(p->text, ") {\n");
  print_body(p, r, "yield");
  indent(p);
  text_add(p->text, "}");
}

void print_body(Printer *p, const Region *r, const char *word) {
  p->depth++;
  for (const Op *op = r->first; op; op = op->next) {
    indent(p);
    print_op(p, op);
    for (int i = 0; i < op->nreg; i++) print_region(p, op->reg[i]);
    text_add(p->text, "\n");
  }
  print_yield(p, r, word);
  p->depth--;
}

void func_print(Text *t, const Func *f) {
  Ctx *c = f->module->ctx;
  Printer p = {.ctx = c, .text = t, .nvalue = f->nvalue};
  p.value = NEW_N(c->arena, const char *, f->nvalue);
  p.value_taken = interner_new(c->arena);
  p.sym_taken = interner_new(c->arena);
  text_add(t, "func @%s", clean_name(c, f->name));
  print_attributes(&p, f);
  text_add(t, "(");
  print_symbols(&p, f);
  print_params(&p, f);
  text_add(t, ") -> (");
  print_results(&p, f);
  text_add(t, ") {\n");
  print_body(&p, f->body, "return");
  text_add(t, "}\n");
}

void module_print(Text *t, const Module *m) {
  for (int i = 0; i < m->nfunc; i++) {
    if (i) text_add(t, "\n");
    func_print(t, m->func[i]);
  }
}
