/* verify.c - the rules that every module keeps: one function a rule; the type rules of the families are infer_op's.
 *
 * Ensures: a module that was built wrongly is answered by diagnostics E09xx, never by a crash, as far as its pointers
 * lead to operations and values at all. */
#include "ir/internal.h"
#include <string.h>

typedef struct Verifier {
  Ctx *ctx;
  Func *func;
  const Value **seen; /* by id: the value that is in scope */
  bool *bound;        /* by symbol id */
  int nsym;
  Loc loc; /* of the op that is looked at */
  bool ok;
} Verifier;

static bool fault(Verifier *v, int code, const char *fmt, ...) ADC_PRINTF(3, 4);
static bool fault(Verifier *v, int code, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  diag_error(v->ctx, v->loc.file >= 0 ? v->loc : v->func->loc, code, "in @%s: %s", v->func->name, text);
  return v->ok = false;
}

/* ---- symbols ----------------------------------------------------------------------------------------------------- */

static const Sym *unbound_symbol(const Verifier *v, const Dim *d) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      const Sym *s = a->sym;
      if (a->kind != ATOM_SYM) {
        s = unbound_symbol(v, a->a);
        if (!s) s = unbound_symbol(v, a->b);
      } else if (s->id < v->nsym && v->bound[s->id])
        s = NULL;
      if (s) return s;
    }
  return NULL;
}

static bool rule_dim(Verifier *v, const Dim *d) {
  const Sym *s = d ? unbound_symbol(v, d) : NULL;
  if (!s) return true;
  if (s->kind == SYM_INDEX)
    return fault(v, E_SYM_INDEX, "the dimension %s mentions the index %s", ir_show_dim(v->ctx, d), s->name);
  return fault(v, E_SYM_UNBOUND,
               "the dimension %s mentions %s, which is no symbol of the function and not bound before",
               ir_show_dim(v->ctx, d), s->name);
}

static bool rule_type_dims(Verifier *v, const Type *t) {
  for (int i = 0; i < t->rank; i++)
    if (!rule_dim(v, t->dim[i])) return false;
  return true;
}

/* Dimensions in attributes are known where the op stands. */
static bool rule_attribute_dims(Verifier *v, const Op *op) {
  switch (op->code) {
  case OP_dim: return op->u.dim ? rule_dim(v, op->u.dim) : fault(v, E_SYM_UNBOUND, "dim of no dimension");
  case OP_slice:
  case OP_embed:
  case OP_set_slice:
    for (int i = 0; i < op->opd[0]->type->rank; i++)
      if (!rule_dim(v, op->u.slice.start[i])) return false;
    return true;
  case OP_check_index:
  case OP_check_dim_eq:
  case OP_check_dim_le: return rule_dim(v, op->u.check.a) && rule_dim(v, op->u.check.b);
  case OP_call:
    for (int i = 0; i < op->u.call.nsubst; i++)
      if (!rule_dim(v, op->u.call.subst[i].to)) return false;
    return true;
  case OP_derive:
    for (int i = 0; i < op->u.derive.nsubst; i++)
      if (!rule_dim(v, op->u.derive.subst[i].to)) return false;
    return true;
  default: return true;
  }
}

static bool rule_sym_once(Verifier *v, const Op *op) {
  if (op->code != OP_sym) return true;
  const Sym *s = op->u.sym;
  if (s->id >= v->nsym) return fault(v, E_SYM_OPERAND, "the symbol %s is of another compilation", s->name);
  if (v->bound[s->id]) return fault(v, E_SYM_TWICE, "the symbol %s is bound twice", s->name);
  v->bound[s->id] = true;
  return true;
}

/* ---- scope ------------------------------------------------------------------------------------------------------- */

static bool rule_in_scope(Verifier *v, const Value *x, const char *what) {
  if (!x) return fault(v, E_NOT_IN_SCOPE, "%s has a missing operand", what);
  if (x->def && !x->def->parent)
    return fault(v, E_REMOVED, "%s uses the result of a removed %s", what, op_info[x->def->code].name);
  if (x->id < 0 || x->id >= v->func->nvalue || v->seen[x->id] != x)
    return fault(v, E_NOT_IN_SCOPE, "%s uses a value that is not defined before it", what);
  return true;
}

static bool define(Verifier *v, const Value *x) {
  if (x->id < 0 || x->id >= v->func->nvalue || v->seen[x->id])
    return fault(v, E_VALUE_ID, "the value id %d is given twice, or is larger than the function's count", x->id);
  v->seen[x->id] = x;
  return true;
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static bool rule_links(Verifier *v, const Op *op, const Region *r) {
  const Op *prev = op->prev ? op->prev->next : r->first, *next = op->next ? op->next->prev : r->last;
  if (op->code < 0 || op->code >= OP_COUNT || op->parent != r || prev != op || next != op)
    return fault(v, E_LINKS, "an operation is not linked to its region and neighbours");
  for (int i = 0; i < op->nres; i++)
    if (!op->res[i] || op->res[i]->def != op)
      return fault(v, E_LINKS, "a result of %s is not its own", op_info[op->code].name);
  for (int i = 0; i < op->nreg; i++)
    if (!op->reg[i] || op->reg[i]->parent != op || op->reg[i]->func != v->func)
      return fault(v, E_LINKS, "a region of %s is not its own", op_info[op->code].name);
  return true;
}

static bool rule_regions(Verifier *v, const Op *op) {
  return op->nreg == 0 || op_info[op->code].family == FAM_REGION ||
         fault(v, E_REGION_COUNT, "%s holds no regions", op_info[op->code].name);
}

static bool rule_call(Verifier *v, const Op *op) {
  const Func *f = op->u.call.callee;
  if (module_find(v->func->module, f->name) != f)
    return fault(v, E_CALL_CALLEE, "@%s is no function of the module", f->name);
  if (op->nres != f->body->nres)
    return fault(v, E_RESULT_COUNT, "the call of @%s has %d results, not %d", f->name, op->nres, f->body->nres);
  for (int i = 0; i < op->nres; i++) {
    const Type *t = type_subst(v->ctx, f->body->res[i]->type, op->u.call.subst, op->u.call.nsubst);
    if (t != op->res[i]->type)
      return fault(v, E_RESULT_TYPE, "result %d of the call of @%s is %s, not %s", i + 1, f->name,
                   ir_show_type(v->ctx, op->res[i]->type), ir_show_type(v->ctx, t));
  }
  return true;
}

static bool rule_derive(Verifier *v, const Op *op) {
  const Func *f = op->u.derive.callee;
  Infer in = {.ctx = v->ctx, .op = op};
  int n;
  Type **types;
  if (module_find(v->func->module, f->name) != f)
    return fault(v, E_CALL_CALLEE, "@%s is no function of the module", f->name);
  if (!infer_derive(&in, &n, &types)) return fault(v, in.code, "%s", in.text);
  if (op->nres != n)
    return fault(v, E_RESULT_COUNT, "the derivative of @%s has %d results, not %d", f->name, op->nres, n);
  for (int i = 0; i < n; i++)
    if (types[i] != op->res[i]->type)
      return fault(v, E_RESULT_TYPE, "result %d of the derivative of @%s is %s, not %s", i + 1, f->name,
                   ir_show_type(v->ctx, op->res[i]->type), ir_show_type(v->ctx, types[i]));
  return true;
}

/* One region's results against the types of n values. */
static bool yields(Verifier *v, const Region *r, int n, Value *const *like) {
  const char *name = op_info[r->parent->code].name;
  v->loc = r->parent->loc;
  if (r->nres != n) return fault(v, E_YIELD, "a region of %s yields %d values, not %d", name, r->nres, n);
  for (int i = 0; i < n; i++)
    if (r->res[i]->type != like[i]->type)
      return fault(v, E_YIELD, "value %d that a region of %s yields is %s, not %s", i + 1, name,
                   ir_show_type(v->ctx, r->res[i]->type), ir_show_type(v->ctx, like[i]->type));
  return true;
}

/* After the regions themselves: their results are values that are there. */
static bool rule_yields(Verifier *v, const Op *op) {
  if (op_info[op->code].family != FAM_REGION) return true;
  if (op->code == OP_if) return yields(v, op->reg[0], op->nres, op->res) && yields(v, op->reg[1], op->nres, op->res);
  if (!yields(v, loop_body(op), op->nres, op->res) || op->code == OP_for) return v->ok;
  const Region *cond = op->reg[0];
  if (cond->nres != 1 || cond->res[0]->type != type_scalar(v->ctx, BOOL))
    return fault(v, E_CONDITION, "the first region of while yields its condition, a bool scalar, alone");
  return true;
}

static bool rule_types(Verifier *v, const Op *op) {
  const char *name = op_info[op->code].name;
  Infer in = {.ctx = v->ctx, .op = op, .given = op->nres ? op->res[0]->type : NULL};
  if (!infer_op(&in)) return fault(v, in.code, "%s", in.text);
  if (op_info[op->code].family == FAM_REGION) return true;
  if (op->code == OP_call) return rule_call(v, op);
  if (op->code == OP_derive) return rule_derive(v, op);
  if (op->nres != (in.result != NULL)) return fault(v, E_RESULT_COUNT, "%s has %d results here", name, op->nres);
  if (in.result && in.result != op->res[0]->type)
    return fault(v, E_RESULT_TYPE, "the result of %s is %s, not %s", name, ir_show_type(v->ctx, in.result),
                 ir_show_type(v->ctx, op->res[0]->type));
  return true;
}

static bool verify_region(Verifier *v, const Region *r);

static void verify_op(Verifier *v, const Op *op, const Region *r) {
  v->loc = op->loc;
  bool ok = rule_links(v, op, r) && rule_regions(v, op);
  for (int i = 0; ok && i < op->nopd; i++) ok = rule_in_scope(v, op->opd[i], op_info[op->code].name);
  ok = ok && rule_types(v, op) && rule_attribute_dims(v, op) && rule_sym_once(v, op);
  for (int i = 0; ok && i < op->nreg; i++) ok = verify_region(v, op->reg[i]);
  ok = ok && rule_yields(v, op);
  /* Results are entered even after a fault: one is enough. */
  for (int i = 0; i < op->nres && op->res[i]; i++) {
    if (ok) ok = rule_type_dims(v, op->res[i]->type);
    define(v, op->res[i]);
  }
}

/* Leaves the scope as it was, but for a function's body. */
static void walk_region(Verifier *v, const Region *r) {
  for (int i = 0; i < r->nparam; i++)
    if (rule_type_dims(v, r->param[i]->type)) define(v, r->param[i]);
  for (const Op *op = r->first; op; op = op->next) {
    bool was = v->ok;
    verify_op(v, op, r);
    if (was && !v->ok && op->parent != r) return;
  }
  v->loc = r->parent ? r->parent->loc : v->func->loc;
  for (int i = 0; i < r->nres; i++) rule_in_scope(v, r->res[i], r->parent ? "yield" : "return");
  if (!r->parent) return;
  for (int i = 0; i < r->nparam; i++)
    if (r->param[i]->id >= 0 && r->param[i]->id < v->func->nvalue) v->seen[r->param[i]->id] = NULL;
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nres; i++)
      if (op->res[i]->id >= 0 && op->res[i]->id < v->func->nvalue) v->seen[op->res[i]->id] = NULL;
    if (op->code == OP_sym && op->u.sym->id < v->nsym) v->bound[op->u.sym->id] = false;
  }
}

/* The faults of this region alone decide. */
static bool verify_region(Verifier *v, const Region *r) {
  bool before = v->ok;
  v->ok = true;
  walk_region(v, r);
  bool ok = v->ok;
  v->ok = before && ok;
  return ok;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static int leaf_count(const Aggregate *a) {
  int n = 0;
  for (int i = 0; i < a->nfield; i++) n += a->type[i] ? leaf_count(a->type[i]) : 1;
  return n;
}

/* Ports hold the leaves in order, each once. */
static bool ports_cover(const Port *p, int n, int nleaf) {
  int next = 0;
  for (int i = 0; i < n; i++) {
    if (!p[i].name || p[i].nleaf < 0) return false;
    if (p[i].sym ? p[i].nleaf != 0 : p[i].first != next || p[i].nleaf != (p[i].agg ? leaf_count(p[i].agg) : 1))
      return false;
    next += p[i].nleaf;
  }
  return next == nleaf;
}

static bool rule_params(Verifier *v) {
  const Func *f = v->func;
  if (!ports_cover(f->in, f->nin, f->body->nparam))
    return fault(v, E_FUNC_PARAMS, "the parameters' ports do not cover the body's parameters");
  for (int i = 0; i < f->nin; i++) {
    if (f->in[i].role > PORT_TANGENT_IN)
      return fault(v, E_FUNC_PARAMS, "the parameter %s has the role of a result", f->in[i].name);
    if (f->in[i].sym && f->in[i].sym->kind != SYM_PARAM)
      return fault(v, E_FUNC_PARAMS, "the int parameter %s is no int symbol", f->in[i].name);
  }
  for (int i = 0; i < f->nsym; i++) {
    int n = 0;
    for (int j = 0; j < f->nin; j++) n += f->in[j].sym == f->sym[i];
    if (n != (f->sym[i]->kind == SYM_PARAM))
      return fault(v, E_FUNC_PARAMS, "the symbol %s has %d parameters of its own", f->sym[i]->name, n);
  }
  return true;
}

static bool rule_results(Verifier *v) {
  const Func *f = v->func;
  if (!ports_cover(f->out, f->nout, f->body->nres))
    return fault(v, E_FUNC_RESULTS, "the results' ports do not cover the body's results");
  for (int i = 0; i < f->nout; i++)
    if (f->out[i].role < PORT_RESULT || f->out[i].sym)
      return fault(v, E_FUNC_RESULTS, "the result %s has the role of a parameter", f->out[i].name);
  return true;
}

static bool rule_of_one(Verifier *v, const Port *p, bool of_result) {
  const Func *f = v->func;
  if (p->of < 0) return true;
  if (p->of >= (of_result ? f->nout : f->nin))
    return fault(v, E_PORT_OF, "%s belongs to a parameter or result that is not there", p->name);
  const Port *of = of_result ? &f->out[p->of] : &f->in[p->of];
  bool in = p->role < PORT_RESULT;
  for (int i = 0; i < p->nleaf && p->nleaf == of->nleaf; i++) {
    const Value *x = (in ? f->body->param : f->body->res)[p->first + i];
    const Value *y = (of_result ? f->body->res : f->body->param)[of->first + i];
    if (x->type != y->type)
      return fault(v, E_PORT_OF, "%s is %s, but %s is %s", p->name, ir_show_type(v->ctx, x->type), of->name,
                   ir_show_type(v->ctx, y->type));
  }
  return true;
}

static bool rule_of(Verifier *v) {
  const Func *f = v->func;
  for (int i = 0; i < f->nin; i++)
    if (!rule_of_one(v, &f->in[i], f->in[i].role == PORT_SEED)) return false;
  for (int i = 0; i < f->nout; i++)
    if (!rule_of_one(v, &f->out[i], f->out[i].role == PORT_TANGENT_OUT)) return false;
  return true;
}

/* A caller knows a result's shape from its arguments alone. */
static bool rule_result_dims(Verifier *v) {
  memset(v->bound, 0, sizeof *v->bound * (size_t)v->nsym);
  for (int i = 0; i < v->func->nsym; i++) v->bound[v->func->sym[i]->id] = true;
  for (int i = 0; i < v->func->body->nres; i++)
    if (!rule_type_dims(v, v->func->body->res[i]->type)) return false;
  return true;
}

static bool rule_symbols(Verifier *v) {
  for (int i = 0; i < v->func->nsym; i++) {
    const Sym *s = v->func->sym[i];
    if (s->id >= v->nsym || (s->kind != SYM_DIM && s->kind != SYM_PARAM))
      return fault(v, E_SYM_UNBOUND, "%s is no symbol that a function can have", s->name);
    if (v->bound[s->id]) return fault(v, E_SYM_TWICE, "the symbol %s stands twice in the function's list", s->name);
    v->bound[s->id] = true;
  }
  return true;
}

static bool same_type_there(Verifier *v, const Value *here, const Value *there) {
  const Func *f = v->func, *g = f->adjoint;
  DimSubst *s = NEW_N(v->ctx->arena, DimSubst, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) s[i] = (DimSubst){g->sym[i], dim_sym(v->ctx, f->sym[i])};
  return type_subst(v->ctx, there->type, s, f->nsym) == here->type;
}

/* Parameters, results and the seeds of real results in, cotangents of the real parameters, or of the first of them, out. */
static bool rule_adjoint(Verifier *v) {
  const Func *f = v->func, *g = f->adjoint;
  if (!g) return true;
  const Region *x = f->body, *y = g->body;
  int in = 0, out = 0;
  bool ok = f->nsym == g->nsym;
  for (int round = 0; round < 3 && ok; round++) {
    Value **of = round ? x->res : x->param;
    for (int i = 0; i < (round ? x->nres : x->nparam) && ok; i++) {
      if (round == 2 && !elem_is_real(of[i]->type->elem)) continue;
      ok = in < y->nparam && same_type_there(v, of[i], y->param[in]);
      in++;
    }
  }
  for (int i = 0; i < x->nparam && ok && out < y->nres; i++)
    if (elem_is_real(x->param[i]->type->elem)) {
      ok = same_type_there(v, x->param[i], y->res[out]);
      out++;
    }
  if (ok && in == y->nparam && out == y->nres) return true;
  return fault(v, E_FUNC_PARAMS, "@%s cannot be its adjoint: parameters, results and seeds to cotangents", g->name);
}

bool func_verify(Func *f) {
  Ctx *c = f->module->ctx;
  Verifier v = {.ctx = c, .func = f, .nsym = c->next_sym, .loc = f->loc, .ok = true};
  v.seen = NEW_N(c->arena, const Value *, f->nvalue);
  v.bound = NEW_N(c->arena, bool, c->next_sym);
  if (!rule_symbols(&v)) return false;
  verify_region(&v, f->body);
  v.loc = f->loc;
  return v.ok && rule_params(&v) && rule_results(&v) && rule_of(&v) && rule_result_dims(&v) && rule_adjoint(&v);
}

static bool rule_func_names(Module *m) {
  bool ok = true;
  for (int i = 0; i < m->nfunc; i++)
    if (module_find(m, m->func[i]->name) != m->func[i]) {
      diag_error(m->ctx, m->func[i]->loc, E_FUNC_NAME, "two functions have the name @%s", m->func[i]->name);
      ok = false;
    }
  return ok;
}

bool module_verify(Module *m) {
  bool ok = rule_func_names(m);
  for (int i = 0; i < m->nfunc; i++) ok &= func_verify(m->func[i]);
  return ok;
}
