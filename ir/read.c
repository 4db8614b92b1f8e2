/* read.c - IR text to a module: signatures first, so that calls may look ahead, then bodies.
 *
 * Ensures: any text is answered, by a module that verifies or by diagnostics; a fault in one function does not hide the
 * faults of the next. */
#include "ir/read.h"
#include <string.h>

/* A name after `of`, to be found when both lists are read. */
typedef struct {
  const char *name;
  Loc loc;
} Of;
/* A function whose signature is read; its body starts at `body`. */
typedef struct Pending {
  Func *func;
  Token body;
  Interner *values, *symbols;
  int nin, in_cap;
  Port *in;
  int nout, out_cap;
  Port *out;
  int nof_in, of_in_cap;
  Of *of_in;
  int nof_out, of_out_cap;
  Of *of_out;
  int nresult, result_cap;
  Type **result;
  const char *origin, *adjoint;
  Loc origin_loc, adjoint_loc;
} Pending;

/* ---- signatures -------------------------------------------------------------------------------------------------- */

static bool read_symbol(Reader *r) {
  Token at = r->tok;
  const char *name;
  Sym *s;
  if (!expect_name(r, T_IDENT, "a symbol", &name)) return false;
  bool is_int = take_punct(r, ':');
  if (is_int && !take_word(r, "int")) return read_unexpected(r, "'int'");
  if (!define_symbol(r, token_loc(r, at), name, is_int ? SYM_PARAM : SYM_DIM, &s)) return false;
  if (is_int) {
    s->nonneg = take_word(r, "nonneg");
    s->names_dim = take_word(r, "dim");
  }
  func_add_sym(r->func, s);
  return true;
}

/* `n, m, k: int;` is told from the first parameter by what follows its first word. */
static bool read_symbols(Reader *r) {
  if (r->tok.kind != T_IDENT) return true;
  Token first = r->tok;
  next(r);
  bool symbols = is_punct(r, ',') || is_punct(r, ';') || is_punct(r, ':');
  r->tok = first;
  if (!symbols) return true;
  do
    if (!read_symbol(r)) return false;
  while (take_punct(r, ','));
  return expect_punct(r, ';');
}

static bool read_of(Reader *r, Of *of) {
  *of = (Of){NULL, LOC_NONE};
  if (!take_word(r, "of")) return true;
  of->loc = token_loc(r, r->tok);
  return expect_name(r, T_IDENT, "a parameter or result", &of->name);
}

/* A role's word, which may also be a name. */
static bool take_role(Reader *r, const char *word, TokenKind after) {
  if (!is_word(r, word)) return false;
  Token at = r->tok;
  next(r);
  if (r->tok.kind == T_IDENT || r->tok.kind == after) return true;
  r->tok = at;
  return false;
}

static bool read_int_param(Reader *r, Pending *p, const char *name, Loc loc) {
  Sym *s = find_symbol(r, name);
  if (!take_word(r, "int")) return read_unexpected(r, "'int'");
  if (!s || s->kind != SYM_PARAM) return read_fail(r, loc, E_READ_SYMBOL, "%s is no int symbol of the function", name);
  PUSH(r->ctx->arena, p->in, p->nin, p->in_cap) = (Port){.name = s->name, .sym = s, .of = -1, .loc = loc};
  PUSH(r->ctx->arena, p->of_in, p->nof_in, p->of_in_cap) = (Of){NULL, loc};
  return true;
}

static bool read_param(Reader *r, Pending *p) {
  Token at = r->tok;
  Port port = {.nleaf = 1, .of = -1, .loc = token_loc(r, at), .first = r->func->body->nparam};
  const char *value_name;
  Of of;
  Type *type;
  if (take_role(r, "seed", T_VALUE))
    port.role = PORT_SEED;
  else if (take_role(r, "tangent", T_VALUE))
    port.role = PORT_TANGENT_IN;
  if (r->tok.kind == T_IDENT) {
    port.name = r->tok.name;
    next(r);
    if (take_punct(r, ':')) return read_int_param(r, p, port.name, port.loc);
  }
  Token value = r->tok;
  if (!expect_name(r, T_VALUE, "a parameter", &value_name)) return false;
  if (!port.name) port.name = value_name;
  if (!read_of(r, &of) || !expect_punct(r, ':') || !read_type(r, &type)) return false;
  PUSH(r->ctx->arena, p->in, p->nin, p->in_cap) = port;
  PUSH(r->ctx->arena, p->of_in, p->nof_in, p->of_in_cap) = of;
  return define_value(r, token_loc(r, value), value_name, func_add_param(r->func, type, NULL));
}

static bool read_result(Reader *r, Pending *p) {
  Port port = {.role = PORT_RESULT, .nleaf = 1, .of = -1, .loc = token_loc(r, r->tok), .first = p->nout};
  Of of;
  Type *type;
  if (take_role(r, "cotangent", T_IDENT))
    port.role = PORT_COTANGENT;
  else if (take_role(r, "tangent", T_IDENT))
    port.role = PORT_TANGENT_OUT;
  if (!expect_name(r, T_IDENT, "a result's name", &port.name)) return false;
  if (!read_of(r, &of) || !expect_punct(r, ':') || !read_type(r, &type)) return false;
  PUSH(r->ctx->arena, p->out, p->nout, p->out_cap) = port;
  PUSH(r->ctx->arena, p->of_out, p->nof_out, p->of_out_cap) = of;
  PUSH(r->ctx->arena, p->result, p->nresult, p->result_cap) = type;
  return true;
}

/* The rest of a list up to its `)`. */
static bool read_list(Reader *r, Pending *p, bool (*item)(Reader *, Pending *)) {
  if (take_punct(r, ')')) return true;
  do
    if (!item(r, p)) return false;
  while (take_punct(r, ','));
  return expect_punct(r, ')');
}

static bool resolve(Reader *r, Port *port, const Of *of, const Port *in, int n) {
  if (!of->name) return true;
  for (int i = 0; i < n; i++)
    if (strcmp(in[i].name, of->name) == 0) {
      port->of = i;
      return true;
    }
  return read_fail(r, of->loc, E_PORT_OF, "there is no parameter or result %s", of->name);
}

static bool resolve_ports(Reader *r, Pending *p) {
  for (int i = 0; i < p->nin; i++) {
    bool seed = p->in[i].role == PORT_SEED;
    if (!resolve(r, &p->in[i], &p->of_in[i], seed ? p->out : p->in, seed ? p->nout : p->nin)) return false;
  }
  for (int i = 0; i < p->nout; i++) {
    bool tangent = p->out[i].role == PORT_TANGENT_OUT;
    if (!resolve(r, &p->out[i], &p->of_out[i], tangent ? p->out : p->in, tangent ? p->nout : p->nin)) return false;
  }
  p->func->nin = p->nin;
  p->func->in = p->in;
  p->func->nout = p->nout;
  p->func->out = p->out;
  return true;
}

static bool read_attributes(Reader *r, Pending *p) {
  static const char *const word[] = {"grad", "vjp", "jvp", "hvp", "jacobian", "hessian"};
  const int nword = sizeof word / sizeof *word;
  p->func->exported = true;
  if (!take_punct(r, '[')) return true;
  do {
    int kind = 0;
    if (take_word(r, "local")) {
      p->func->exported = false;
      continue;
    }
    if (take_word(r, "extern")) {
      if (!expect_name(r, T_IDENT, "a C function", &p->func->external)) return false;
      continue;
    }
    if (take_word(r, "adjoint")) {
      p->adjoint_loc = token_loc(r, r->tok);
      if (!expect_name(r, T_FUNC, "a function", &p->adjoint)) return false;
      continue;
    }
    while (kind < nword && !is_word(r, word[kind])) kind++;
    if (kind == nword) return read_unexpected(r, "'local', 'extern', 'adjoint', 'grad', 'vjp', 'jvp', 'hvp', 'jacobian' or 'hessian'");
    next(r);
    p->func->kind = (FuncKind)(FUNC_GRAD + kind);
    p->origin_loc = token_loc(r, r->tok);
    if (take_word(r, "of") && !expect_name(r, T_FUNC, "a function", &p->origin)) return false;
  } while (take_punct(r, ','));
  return expect_punct(r, ']');
}

static bool read_signature(Reader *r, Pending *p) {
  Token at = r->tok;
  const char *name;
  if (!(take_word(r, "func") || read_unexpected(r, "'func'"))) return false;
  at = r->tok;
  if (!expect_name(r, T_FUNC, "a function's name", &name)) return false;
  if (module_find(r->module, name))
    return read_fail(r, token_loc(r, at), E_READ_TWICE, "the function @%s is defined twice", name);
  p->func = r->func = func_new(r->module, name, token_loc(r, at));
  p->values = r->values = interner_new(r->ctx->arena);
  p->symbols = r->symbols = interner_new(r->ctx->arena);
  r->depth = 0;
  if (!read_attributes(r, p) || !expect_punct(r, '(') || !read_symbols(r) || !read_list(r, p, read_param)) return false;
  if (r->tok.kind != T_ARROW) return read_unexpected(r, "'->'");
  next(r);
  if (!expect_punct(r, '(') || !read_list(r, p, read_result) || !resolve_ports(r, p)) return false;
  p->body = r->tok;
  return is_punct(r, '{') || read_unexpected(r, "'{'");
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

static bool read_body(Reader *r, const Pending *p) {
  r->tok = p->body;
  r->func = p->func;
  r->values = p->values;
  r->symbols = p->symbols;
  r->depth = 0;
  next(r);
  if (!read_region_body(r, p->func->body, "return")) return false;
  const Region *body = p->func->body;
  if (body->nres != p->nresult)
    return read_fail(r, p->func->loc, E_FUNC_RESULTS, "@%s has %d results, but returns %d values", p->func->name,
                     p->nresult, body->nres);
  for (int i = 0; i < body->nres; i++)
    if (body->res[i]->type != p->result[i])
      return read_fail(r, p->func->loc, E_FUNC_RESULTS, "result %s of @%s is %s, but what is returned is %s",
                       p->out[i].name, p->func->name, ir_show_type(r->ctx, p->result[i]),
                       ir_show_type(r->ctx, body->res[i]->type));
  return true;
}

/* To where the next function starts, or the end: `func @` stands nowhere else. */
static void skip_to_func(Reader *r) {
  while (r->tok.kind != T_END) {
    Token at = r->tok;
    next(r);
    if (at.kind != T_IDENT || strcmp(at.name, "func") || r->tok.kind != T_FUNC) continue;
    r->tok = at;
    return;
  }
}

Module *module_read(Ctx *c, const char *name, const char *text, size_t len) {
  Reader r = {.ctx = c, .module = module_new(c)};
  Pending *pending = NULL;
  int n = 0, cap = 0;
  bool ok = true;
  r.file = source_add(c, name, text, len);
  if (len > INT32_MAX / 2) {
    diag_error(c, (Loc){r.file, 0, 0}, E_READ_SYNTAX, "this text is too long");
    return NULL;
  }
  r.text = c->source[r.file]->text;
  r.end = (int)len;
  next(&r);
  while (r.tok.kind != T_END) {
    Pending p = {0};
    bool good = read_signature(&r, &p);
    ok &= good;
    if (good) PUSH(c->arena, pending, n, cap) = p;
    skip_to_func(&r);
  }
  for (int i = 0; i < n; i++) {
    if (pending[i].origin && !(pending[i].func->origin = module_find(r.module, pending[i].origin)))
      ok = read_fail(&r, pending[i].origin_loc, E_READ_FUNC, "there is no function @%s", pending[i].origin);
    if (pending[i].adjoint && !(pending[i].func->adjoint = module_find(r.module, pending[i].adjoint)))
      ok = read_fail(&r, pending[i].adjoint_loc, E_READ_FUNC, "there is no function @%s", pending[i].adjoint);
    ok &= read_body(&r, &pending[i]);
  }
  return ok && module_verify(r.module) ? r.module : NULL;
}
