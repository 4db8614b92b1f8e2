/* resolve.c - derivative operators: each `derive` op becomes calls of derived functions, which are made once for a callee and the
 * parameters chosen.
 *   grad      the vjp with seed 1              hvp       the jvp of the gradient
 *   jacobian  the jvp over a basis of the wrt leaf as one batch, or the vjp over a basis of the result where that is the smaller
 *   hessian   the jacobian of the gradient, forward over reverse
 * Requires: a verified module.  Ensures: no `derive` op is left; or false after a diagnostic.  A callee is resolved before its
 * derivative is made, so that derivatives of any order are made from the inside out. */
#include "passes/pass.h"
#include <string.h>

enum { E_DERIVES_ITSELF = 531 };

typedef struct Derived { Func *from, *to; FuncKind kind; int nwrt; int *wrt; struct Derived *next; } Derived;
typedef struct Visit { Func *f; bool busy; struct Visit *next; } Visit;

typedef struct Resolve {
  Module *m;
  Ctx *ctx;
  Derived *derived;
  Visit *visits;
} Resolve;

/* ---- derived functions --------------------------------------------------------------------------------------------------------- */

/* A point cannot stand in a user's name. */
static const char *fresh_name(Module *m, const char *base, const char *what) {
  for (int i = 0;; i++) {
    const char *name = arena_printf(m->ctx->arena, i ? "%s.%s%d" : "%s.%s", base, what, i);
    if (!module_find(m, name)) return name;
  }
}

static Derived *find_derived(Resolve *r, const Func *f, FuncKind kind, int nwrt, const int *wrt) {
  for (Derived *d = r->derived; d; d = d->next)
    if (d->from == f && d->kind == kind && d->nwrt == nwrt && !memcmp(d->wrt, wrt, sizeof *wrt * (size_t)nwrt)) return d;
  return NULL;
}

static Func *remember(Resolve *r, Func *f, FuncKind kind, int nwrt, const int *wrt, Func *to) {
  Derived *d = NEW(r->ctx->arena, Derived);
  *d = (Derived){f, to, kind, nwrt, arena_dup(r->ctx->arena, wrt, sizeof *wrt * (size_t)nwrt), r->derived};
  r->derived = d;
  return to;
}

static Func *derived(Resolve *r, Func *f, FuncKind kind, int nwrt, const int *wrt) {
  Derived *known = find_derived(r, f, kind, nwrt, wrt);
  if (known) return known->to;
  Func *g = derive_ports(f, kind, nwrt, wrt, fresh_name(r->m, f->name, kind == FUNC_JVP ? "jvp" : "vjp"));
  return g ? remember(r, f, kind, nwrt, wrt, g) : NULL;
}

static DimSubst *same_symbols(Ctx *c, const Func *f) {
  DimSubst *s = NEW_N(c->arena, DimSubst, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) s[i] = (DimSubst){f->sym[i], dim_sym(c, f->sym[i])};
  return s;
}

static int real_results(const Func *f, Value **to) {
  int n = 0;
  for (int i = 0; i < f->body->nres; i++)
    if (elem_is_real(f->body->res[i]->type->elem)) to[n++] = f->body->res[i];
  return n;
}

/* f's parameters to the cotangents of wrt, seeded with 1. */
static Func *gradient(Resolve *r, Func *f, int nwrt, const int *wrt) {
  Derived *known = find_derived(r, f, FUNC_GRAD, nwrt, wrt);
  Ctx *c = r->ctx;
  if (known) return known->to;
  Func *vjp = derived(r, f, FUNC_VJP, nwrt, wrt);
  if (!vjp) return NULL;
  Func *g = func_new(r->m, fresh_name(r->m, f->name, "grad"), f->loc);
  int np = f->body->nparam;
  Value **opd = NEW_N(c->arena, Value *, vjp->body->nparam);
  for (int i = 0; i < f->nsym; i++) func_add_sym(g, f->sym[i]);
  for (int i = 0; i < np; i++) opd[i] = func_add_param(g, f->body->param[i]->type, f->body->param[i]->name);
  Builder b = builder_at_end(g);
  b.loc = f->loc;
  for (int i = np; i < vjp->body->nparam; i++) opd[i] = b_splat(&b, vjp->body->param[i]->type, 1);
  Op *call = b_call(&b, vjp, vjp->body->nparam, opd, f->nsym, same_symbols(c, f));
  region_set_results(g->body, call->nres - f->body->nres, call->res + f->body->nres);
  g->nin = f->nin;
  g->in = f->in;
  func_default_ports(g);
  g->nin = f->nin;
  g->in = f->in;
  g->kind = FUNC_VJP; /* what is cut off was told at the first order */
  return remember(r, f, FUNC_GRAD, nwrt, wrt, g);
}

/* ---- one operator ---------------------------------------------------------------------------------------------------------------- */

typedef struct Site {
  Resolve *r;
  Builder b;
  Op *op;
  Func *f;          /* what is differentiated: the callee, or its gradient */
  int nwrt, nbatch;
  int *wrt;         /* ports of f */
  Value **leaf;     /* its parameters' values */
  Value **result;   /* what stands for op->res */
} Site;

static Op *call(Site *s, Func *g, int nmore, Value *const *more, int nsubst, const DimSubst *subst) {
  int np = s->f->body->nparam;
  Value **opd = NEW_N(s->r->ctx->arena, Value *, np + nmore);
  memcpy(opd, s->leaf, sizeof *opd * (size_t)np);
  if (nmore) memcpy(opd + np, more, sizeof *opd * (size_t)nmore);
  return b_call(&s->b, g, np + nmore, opd, nsubst, subst);
}

static Op *call_here(Site *s, Func *g, int nmore, Value *const *more) {
  return call(s, g, nmore, more, s->op->u.derive.nsubst, s->op->u.derive.subst);
}

static bool put(Site *s, const Op *call, int from) {
  for (int i = 0; i < s->op->nres; i++) s->result[i] = call->res[from + i];
  return true;
}

static bool resolve_vjp(Site *s) {
  Func *g = derived(s->r, s->f, FUNC_VJP, s->nwrt, s->wrt);
  int np = s->f->body->nparam;
  return g && put(s, call_here(s, g, s->op->nopd - np, s->op->opd + np), 0);
}

static bool resolve_jvp(Site *s) {
  Func *g = derived(s->r, s->f, FUNC_JVP, s->nwrt, s->wrt);
  int np = s->f->body->nparam;
  return g && put(s, call_here(s, g, s->op->nopd - np, s->op->opd + np), 0);
}

static bool resolve_grad(Site *s) {
  Func *g = derived(s->r, s->f, FUNC_VJP, s->nwrt, s->wrt);
  if (!g) return false;
  Value *one = NULL;
  for (int i = 0; i < s->f->body->nres; i++) /* the op's first results are the callee's */
    if (elem_is_real(s->f->body->res[i]->type->elem)) one = b_splat(&s->b, s->op->res[i]->type, 1);
  return put(s, call_here(s, g, 1, &one), 0);
}

static bool resolve_hvp(Site *s) {
  Func *grad = gradient(s->r, s->f, s->nwrt, s->wrt), *g = grad ? derived(s->r, grad, FUNC_JVP, s->nwrt, s->wrt) : NULL;
  int np = s->f->body->nparam;
  return g && put(s, call_here(s, g, s->op->nopd - np, s->op->opd + np), s->nwrt);
}

/* ---- jacobians ------------------------------------------------------------------------------------------------------------------- */

static Value *wrt_leaf(const Func *f, int port) { return f->body->param[f->in[port].first]; }

/* The number of elements of an entry of the batch; NULL: too large a polynomial. */
static Dim *entry_count(const Site *s, const Type *t) {
  Ctx *c = s->r->ctx;
  Dim *n = dim_const(c, 1);
  for (int a = s->nbatch; a < t->rank; a++) n = dim_mul(c, n, t->dim[a]);
  return n;
}

/* A type of the callee in the caller's terms. */
static Type *type_here(const Site *s, Type *t) {
  CloneMap *m = clone_map_new(s->r->ctx, s->f, s->b.func);
  for (int k = 0; k < s->op->u.derive.nsubst; k++) clone_map_sym(m, s->op->u.derive.subst[k].from, s->op->u.derive.subst[k].to);
  return clone_type(m, t);
}

static Dim *count_of(const Site *s, int n, Value *const *v) {
  Dim *sum = dim_const(s->r->ctx, 0);
  for (int i = 0; i < n; i++) sum = dim_add(s->r->ctx, sum, entry_count(s, type_here(s, v[i]->type)));
  return sum;
}

static bool result_is_smaller(const Site *s, int nreal, Value *const *real) {
  Ctx *c = s->r->ctx;
  Value **x = NEW_N(c->arena, Value *, s->nwrt);
  for (int i = 0; i < s->nwrt; i++) x[i] = wrt_leaf(s->f, s->wrt[i]);
  Dim *in = count_of(s, s->nwrt, x), *out = count_of(s, nreal, real), *more = dim_add(c, out, dim_const(c, 1));
  return in && more && dim_le(c, more, in);
}

/* The unit tensors of an entry, each over the whole batch: [entry axes as one, batch…, entry…]; for a scalar entry: 1. */
static Value *basis(Builder *b, int nbatch, const Type *t) {
  Dim *dim[MAX_RANK + 1], *n = dim_const(b->ctx, 1);
  int k = t->rank - nbatch, axes[MAX_RANK + 1];
  if (k == 0) return b_splat(b, t, 1);
  for (int a = 0; a < k; a++) {
    dim[a + 1] = t->dim[nbatch + a];
    n = dim_mul(b->ctx, n, t->dim[nbatch + a]);
    axes[a + 1] = 1 + nbatch + a;
  }
  Type *square = type_tensor(b->ctx, I64, 2, (Dim *[2]){n, n});
  Value *unit = b_cast(b, b_map2(b, OP_eq, b_iota(b, square, 0), b_iota(b, square, 1)), t->elem);
  dim[0] = n;
  axes[0] = 0;
  unit = b_reshape(b, unit, k + 1, dim);
  if (nbatch == 0) return unit;
  for (int a = 0; a < t->rank; a++) dim[a + 1] = t->dim[a];
  return b_broadcast(b, unit, axes, type_tensor(b->ctx, t->elem, t->rank + 1, dim));
}

/* One derived function g over a basis of a leaf, which its further parameter `which` belongs to; the others of them are zero.  NULL
 * after a diagnostic.
 * leaf, n: the leaf's type here, the number of its entry's elements in the callee's terms. */
static Op *call_batch(Site *s, Func *g, int nmore, int which, const Type *leaf, Dim *n, bool *batched) {
  Builder *b = &s->b;
  int np = s->f->body->nparam;
  Value **more = NEW_N(b->ctx->arena, Value *, nmore);
  bool *axis = NEW_N(b->ctx->arena, bool, np + nmore), whole = leaf->rank == s->nbatch;
  axis[np + which] = true;
  for (int i = 0; i < nmore; i++)
    more[i] = i == which ? basis(b, s->nbatch, leaf) : b_splat(b, type_here(s, g->body->param[np + i]->type), 0);
  if (!whole) g = batch_function(g, axis, n, batched);
  return g ? call_here(s, g, nmore, more) : NULL;
}

/* v: [entry axes as one, batch…, other…] (without the first where not batched, or where the entry is a scalar) to `result`, whose
 * axes are batch…, other…, entry… (forward) or batch…, entry…, other…. */
static Value *arrange(Builder *b, Value *v, bool batched, int nbatch, const Type *leaf, bool forward, Type *result) {
  int k = leaf->rank - nbatch, other = v->type->rank - batched - nbatch, perm[MAX_RANK], n = 0;
  Dim *dim[MAX_RANK];
  v = b_cast(b, v, result->elem);
  if (k == 0) return v;
  if (!batched) { /* the same for every unit tensor */
    int axes[MAX_RANK];
    for (int a = 0; a < v->type->rank; a++) axes[a] = a < nbatch || forward ? a : a + k;
    return b_broadcast(b, v, axes, result);
  }
  for (int a = 0; a < k; a++) dim[a] = leaf->dim[nbatch + a];
  for (int a = 1; a < v->type->rank; a++) dim[k + a - 1] = v->type->dim[a];
  v = b_reshape(b, v, k + v->type->rank - 1, dim);
  for (int a = 0; a < nbatch; a++) perm[n++] = k + a;
  for (int a = 0; a < k && !forward; a++) perm[n++] = a;
  for (int a = 0; a < other; a++) perm[n++] = k + nbatch + a;
  for (int a = 0; a < k && forward; a++) perm[n++] = a;
  return b_transpose(b, v, perm);
}

static bool jacobian_forward(Site *s, int nreal) {
  int nres = s->f->body->nres;
  for (int j = 0; j < s->nwrt; j++) {
    Func *g = derived(s->r, s->f, FUNC_JVP, 1, &s->wrt[j]);
    if (!g) return false;
    bool *batched = NEW_N(s->r->ctx->arena, bool, g->body->nres);
    int at = s->f->in[s->wrt[j]].first;
    const Type *leaf = s->leaf[at]->type;
    Op *c = call_batch(s, g, 1, 0, leaf, entry_count(s, s->f->body->param[at]->type), batched);
    if (!c) return false;
    for (int i = 0; i < nreal; i++)
      s->result[i * s->nwrt + j] =
          arrange(&s->b, c->res[nres + i], batched[nres + i], s->nbatch, leaf, true, s->op->res[i * s->nwrt + j]->type);
  }
  return true;
}

static bool jacobian_reverse(Site *s, int nreal, Value *const *real) {
  int nres = s->f->body->nres;
  Func *g = derived(s->r, s->f, FUNC_VJP, s->nwrt, s->wrt);
  if (!g) return false;
  for (int i = 0; i < nreal; i++) {
    bool *batched = NEW_N(s->r->ctx->arena, bool, g->body->nres);
    const Type *leaf = type_here(s, real[i]->type);
    Op *c = call_batch(s, g, nreal, i, leaf, entry_count(s, real[i]->type), batched);
    if (!c) return false;
    for (int j = 0; j < s->nwrt; j++)
      s->result[i * s->nwrt + j] =
          arrange(&s->b, c->res[nres + j], batched[nres + j], s->nbatch, leaf, false, s->op->res[i * s->nwrt + j]->type);
  }
  return true;
}

static bool resolve_jacobian(Site *s) {
  Value **real = NEW_N(s->r->ctx->arena, Value *, s->f->body->nres + 1);
  int nreal = real_results(s->f, real);
  return result_is_smaller(s, nreal, real) ? jacobian_reverse(s, nreal, real) : jacobian_forward(s, nreal);
}

static bool resolve_hessian(Site *s) {
  s->f = gradient(s->r, s->f, s->nwrt, s->wrt);
  return s->f && jacobian_forward(s, s->nwrt);
}

/* ---- the walk -------------------------------------------------------------------------------------------------------------------- */

static bool (*const by_kind[])(Site *s) = {[DERIVE_GRAD] = resolve_grad,         [DERIVE_VJP] = resolve_vjp,
                                           [DERIVE_JVP] = resolve_jvp,           [DERIVE_JACOBIAN] = resolve_jacobian,
                                           [DERIVE_HESSIAN] = resolve_hessian,   [DERIVE_HVP] = resolve_hvp};

static bool resolve_func(Resolve *r, Func *f, const Op *why);

/* The callee with a port for each leaf, where it has others. */
static void by_leaf(Site *s) {
  Func *f = s->f;
  Ctx *c = s->r->ctx;
  bool plain = true;
  for (int i = 0; i < s->nwrt; i++) plain = plain && f->in[s->wrt[i]].nleaf == 1;
  if (plain) return;
  Derived *known = find_derived(s->r, f, FUNC_PRIMAL, 0, NULL);
  Func *g = known ? known->to : func_clone(f, fresh_name(s->r->m, f->name, "leaves"));
  if (!known) {
    func_default_ports(g);
    g->exported = false;
    remember(s->r, f, FUNC_PRIMAL, 0, NULL, g);
  }
  int *wrt = NEW_N(c->arena, int, f->body->nparam + 1), n = 0;
  for (int i = 0; i < s->nwrt; i++)
    for (int k = 0; k < g->nin; k++) {
      const Port *p = &f->in[s->wrt[i]], *q = &g->in[k];
      if (q->nleaf && q->first >= p->first && q->first < p->first + p->nleaf && elem_is_real(wrt_leaf(g, k)->type->elem)) wrt[n++] = k;
    }
  s->f = g;
  s->wrt = wrt;
  s->nwrt = n;
}

static bool resolve_op(Resolve *r, Func *f, Op *op) {
  Site s = {.r = r, .op = op, .f = op->u.derive.callee, .nwrt = op->u.derive.nwrt, .wrt = op->u.derive.wrt};
  s.b = (Builder){.ctx = r->ctx, .func = f, .region = op->parent, .before = op, .loc = op->loc};
  s.nbatch = op->u.derive.nbatch;
  s.leaf = op->opd;
  s.result = NEW_N(r->ctx->arena, Value *, op->nres);
  by_leaf(&s);
  if (!by_kind[op->u.derive.kind](&s)) return false;
  for (int i = 0; i < op->nres; i++) {
    if (!s.result[i]->name) s.result[i]->name = op->res[i]->name;
    region_replace_uses(f->body, op->res[i], s.result[i]);
  }
  op_remove(op);
  return true;
}

static bool resolve_region(Resolve *r, Func *f, Region *g) {
  for_each_op(op, g) {
    if (op->code == OP_call && !resolve_func(r, op->u.call.callee, NULL)) return false;
    if (op->code == OP_call && op->u.call.callee->adjoint && !resolve_func(r, op->u.call.callee->adjoint, NULL)) return false;
    if (op->code == OP_derive && !(resolve_func(r, op->u.derive.callee, op) && resolve_op(r, f, op))) return false;
    for (int i = 0; i < op->nreg; i++)
      if (!resolve_region(r, f, op->reg[i])) return false;
  }
  return true;
}

/* Is there a way from here to a function that is not resolved yet? */
static bool reaches_busy(Resolve *r, const Region *g, Visit **seen) {
  for (const Op *op = g->first; op; op = op->next) {
    for (int i = 0; i < op->nreg; i++)
      if (reaches_busy(r, op->reg[i], seen)) return true;
    if (op->code != OP_call) continue;
    bool known = false;
    for (Visit *v = r->visits; v; v = v->next)
      if (v->f == op->u.call.callee && v->busy) return true;
    for (Visit *v = *seen; v; v = v->next) known = known || v->f == op->u.call.callee;
    if (known) continue;
    Visit *v = NEW(r->ctx->arena, Visit);
    *v = (Visit){op->u.call.callee, false, *seen};
    *seen = v;
    if (reaches_busy(r, v->f->body, seen)) return true;
  }
  return false;
}

static bool derives_itself(Resolve *r, const Func *f, const Op *why) {
  const char *name = arena_strndup(r->ctx->arena, f->name, strcspn(f->name, ".")); /* as the user knows it */
  Diag *d = diag_error(r->ctx, why->loc, E_DERIVES_ITSELF, "this derivative of '%s' is needed to compute '%s' itself", name, name);
  diag_help(r->ctx, d, "it would take derivatives of every order; differentiate a function that does not come back here");
  return false;
}

/* why: the operator that needs f's derivative, which there is only when f is resolved. */
static bool resolve_func(Resolve *r, Func *f, const Op *why) {
  for (Visit *v = r->visits; v; v = v->next) {
    if (v->f != f) continue;
    if (!v->busy || !why) return true;
    return derives_itself(r, f, why);
  }
  Visit *v = NEW(r->ctx->arena, Visit);
  *v = (Visit){f, true, r->visits};
  r->visits = v;
  bool ok = resolve_region(r, f, f->body);
  if (ok) func_renumber(f);
  v->busy = false;
  Visit *seen = NULL;
  if (ok && why && reaches_busy(r, f->body, &seen)) return derives_itself(r, f, why);
  return ok;
}

bool pass_resolve(Module *m) {
  Resolve r = {.m = m, .ctx = m->ctx};
  for (int i = 0, n = m->nfunc; i < n; i++)
    if (!resolve_func(&r, m->func[i], NULL)) return false;
  return true;
}
