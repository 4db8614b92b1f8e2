/* pipeline.c - from source text to an optimised module with the derivatives that were asked for.
 * Requires a fresh context; ensures that every exported function is inlined, optimised and verified. */
#include "driver/driver.h"
#include <string.h>

int split_names(Ctx *c, const char *list, const char ***names) {
  int n = 0, cap = 0;
  const char **out = NULL;
  for (const char *s = list; s && *s;) {
    size_t len = strcspn(s, ",");
    const char *from = s, *to = s + len;
    while (from < to && *from == ' ') from++;
    while (to > from && to[-1] == ' ') to--;
    if (to > from) PUSH(c->arena, out, n, cap) = intern_n(c, from, (size_t)(to - from));
    s += len + (s[len] == ',');
  }
  *names = out;
  return n;
}

/* Functions that were not chosen stay in the module only as callees. */
static bool choose_functions(Module *m, const char *list) {
  if (!list) return true;
  Ctx *c = m->ctx;
  const char **want;
  int n = split_names(c, list, &want);
  for (int i = 0; i < n; i++) {
    Func *f = module_find(m, want[i]);
    if (f && f->exported) continue;
    Diag *d = diag_error(c, LOC_NONE, 720, "--fn: the file exports no function '%s'", want[i]);
    const char **all = NEW_N(c->arena, const char *, m->nfunc + 1);
    int count = 0;
    for (int k = 0; k < m->nfunc; k++)
      if (m->func[k]->exported) all[count++] = m->func[k]->name;
    const char *near = closest_name(want[i], all, count);
    if (near) diag_help(c, d, "did you mean '%s'?", near);
    return false;
  }
  for (int k = 0; k < m->nfunc; k++) {
    bool wanted = false;
    for (int i = 0; i < n; i++) wanted |= strcmp(m->func[k]->name, want[i]) == 0;
    m->func[k]->exported &= wanted;
  }
  return true;
}

static bool has_param(const Func *f, const char *name) {
  for (int i = 0; i < f->nin; i++)
    if (f->in[i].role == PORT_PARAM && strcmp(f->in[i].name, name) == 0) return true;
  return false;
}

typedef struct Derivation {
  Ctx *c;
  const char **wrt;
  int nwrt;
  const PipelineOptions *o;
} Derivation;

/* The chosen parameters that f has: `--wrt` speaks of all the functions of a file at once. */
static Wrt wrt_of(const Derivation *d, const Func *f) {
  const char **names = NEW_N(d->c->arena, const char *, d->nwrt + 1);
  int n = 0;
  for (int i = 0; i < d->nwrt; i++)
    if (has_param(f, d->wrt[i])) names[n++] = d->wrt[i];
  return (Wrt){n, names, NULL};
}

static const char *const operators[] = {"hvp", "jacobian", "hessian"};

/* A file may hold functions that there is nothing to derive of. */
static bool skipped(const Derivation *d, const Func *f, const char *how) {
  bool scalar = strcmp(how, "grad") == 0 || strcmp(how, "hvp") == 0 || strcmp(how, "hessian") == 0;
  if (!d->o->keep_going_without_grad || (scalar ? can_grad(f) : can_derive(f))) return false;
  const char *what = strcmp(how, "grad") == 0 ? "gradient" : how;
  if (!can_derive(f)) {
    diag_warning(d->c, f->loc, 520, "'%s' gets no %s: it has no real parameter", f->name, what);
    return true;
  }
  Diag *w = diag_warning(d->c, f->loc, 520, "'%s' gets no %s: it has no single real scalar result", f->name, what);
  diag_help(d->c, w, "--derive=vjp takes a seed for each result; or return a sum");
  return true;
}

static Func *derive_kind(Func *f, Wrt wrt, FuncKind kind) {
  switch (kind) {
  case FUNC_GRAD: return derive_grad(f, wrt);
  case FUNC_VJP: return derive_vjp(f, wrt);
  case FUNC_JVP: return derive_jvp(f, wrt);
  default: return derive_operator(f, wrt, kind);
  }
}

static Func *derive_optimised(Func *f, Wrt wrt, FuncKind kind) {
  Func *g = derive_kind(f, wrt, kind);
  if (g && kind <= FUNC_JVP) pass_optimise(g); /* operators are, part by part */
  return g;
}

/* Exported, and the same of f's lean version.  NULL after a diagnostic. */
static Func *derive_both(Func *f, Wrt wrt, FuncKind kind) {
  Diags *diags = f->module->ctx->diags;
  Func *g = derive_optimised(f, wrt, kind);
  if (!g) return NULL;
  g->exported = true;
  if (!f->lean) return g;
  diags->muted++; /* it has all been said */
  Func *lean = g->lean = derive_optimised(f->lean, wrt, kind);
  diags->muted--;
  if (!lean) bug("%s has no lean version", g->name);
  lean->exported = false;
  lean->is_lean = true;
  return g;
}

static bool derive_one(const Derivation *d, Func *f, const char *how) {
  Wrt wrt = wrt_of(d, f);
  if (d->nwrt && !wrt.n) return true;
  if (strcmp(how, "grad") == 0 && d->o->seeds_given && !can_grad(f)) how = "vjp";
  if (skipped(d, f, how)) return true;
  for (int i = 0; i < 3; i++)
    if (strcmp(how, operators[i]) == 0) return derive_both(f, wrt, (FuncKind)(FUNC_HVP + i)) != NULL;
  bool forward = strcmp(how, "jvp") == 0;
  for (int k = 1; f && k <= d->o->order; k++) {
    bool grad = k == 1 ? strcmp(how, "grad") == 0 : can_grad(f);
    f = derive_both(f, wrt, forward ? FUNC_JVP : grad ? FUNC_GRAD : FUNC_VJP);
  }
  return f != NULL;
}

static bool known_derivative(Ctx *c, const char *how, int order) {
  static const char *const passes[] = {"grad", "vjp", "jvp"};
  for (int i = 0; i < 3; i++)
    if (strcmp(how, passes[i]) == 0) return true;
  for (int i = 0; i < 3; i++)
    if (strcmp(how, operators[i]) == 0) {
      if (order == 1) return true;
      diag_error(c, LOC_NONE, 721, "--order repeats grad, vjp and jvp, not %s", how);
      return false;
    }
  diag_error(c, LOC_NONE, 721, "--derive: there is no derivative '%s'; there are grad, vjp, jvp, hvp, jacobian and hessian", how);
  return false;
}

static bool derive_all(Module *m, const PipelineOptions *o) {
  Derivation d = {.c = m->ctx, .o = o};
  d.nwrt = split_names(d.c, o->wrt, &d.wrt);
  const char **how;
  int nhow = split_names(d.c, o->derive, &how), nprimal = m->nfunc;
  for (int i = 0; i < nhow; i++)
    if (!known_derivative(d.c, how[i], o->order)) return false;
  for (int i = 0; nhow && i < d.nwrt; i++) {
    bool found = false;
    Func *only = NULL;
    for (int k = 0; k < nprimal; k++)
      if (m->func[k]->exported) {
        only = m->func[k];
        found |= has_param(only, d.wrt[i]);
      }
    if (found) continue;
    /* Let the pass word it: it knows the parameters and the nearest spelling. */
    if (only) derive_vjp(only, (Wrt){1, &d.wrt[i], NULL});
    return false;
  }
  for (int k = 0; k < nprimal; k++)
    for (int i = 0; i < nhow && m->func[k]->exported; i++)
      if (!derive_one(&d, m->func[k], how[i])) return false;
  return true;
}

bool pipeline_resolve(Module *m) {
  for (int i = 0; i < m->nfunc; i++) pass_unwind(m->func[i]);
  return pass_resolve(m) && !m->ctx->diags->nerror;
}

Module *pipeline_compile(Ctx *c, const char *name, const char *text, size_t len, const PipelineOptions *o,
                         const char ***deps) {
  const char *outer = stage_begin(c, "read and type");
  FrontendOptions fo = {.real = o->real, .read_file = file_import};
  size_t end = strlen(name);
  bool is_ir = end > 3 && strcmp(name + end - 3, ".ir") == 0; /* IR as text, as `adc opt` prints it */
  if (is_ir && deps) *deps = NEW(c->arena, const char *);
  Module *m = is_ir ? module_read(c, name, text, len) : frontend_compile(c, name, text, len, &fo, deps);
  stage_end(c, outer);
  if (!m || !choose_functions(m, o->functions)) return NULL;
  if (!module_verify(m)) {
    if (is_ir) return NULL;
    bug("the front end made IR that does not verify");
  }
  outer = stage_begin(c, "inline and differentiate");
  if (!pipeline_resolve(m)) return NULL;
  for (int i = 0; i < m->nfunc; i++) {
    if (!m->func[i]->exported) continue;
    pass_inline(m->func[i]);
    pass_optimise(m->func[i]);
  }
  for (int i = 0, n = m->nfunc; o->lean && i < n; i++)
    if (m->func[i]->exported && !m->func[i]->external) lean_copy(m->func[i]);
  if (!derive_all(m, o) || c->diags->nerror) return NULL;
  pass_drop(m);
  stage_begin(c, "verify");
  if (!module_verify(m)) bug("a derivative does not verify");
  stage_end(c, outer);
  return m;
}

static void trap_nans(Module *m) {
  const char *outer = stage_begin(m->ctx, "checks for NaN");
  for (int i = 0; i < m->nfunc; i++) pass_trap(m->func[i]);
  if (!module_verify(m)) bug("what checks for NaN does not verify");
  stage_end(m->ctx, outer);
}

/* For code generation: loops that run side by side, over blocks, once. */
static void prepare(Func *f, bool one_thread) {
  pass_roots(f);
  pass_powers(f);
  pass_argument(f);
  pass_defer(f);
  pass_windows(f);
  pass_one_hot(f);
  pass_join(f);
  pass_spread(f);
  pass_abreast(f);
  pass_fill(f);
  pass_again(f);
  pass_strip(f);
  pass_retry(f);
  pass_guard(f);
  if (one_thread) pass_beside(f);
  pass_alternate(f);
}

void pipeline_lower_func(Func *f, const LowerOptions *o) {
  if (o->code->opt_level >= 2) prepare(f, !o->code->grain);
  pass_order(f);
}

void pipeline_lower(Module *m, const LowerOptions *o) {
  if (o->trap_nan) trap_nans(m);
  const char *outer = stage_begin(m->ctx, "prepare");
  int n = m->nfunc;
  Func **source = NEW_N(m->ctx->arena, Func *, n + 1);
  for (int i = 0; i < n; i++) {
    if (m->func[i]->external) continue;
    source[i] = versions_source(m->func[i], o);
    pipeline_lower_func(m->func[i], o);
  }
  m->makes_operands = o->code->opt_level >= 2 && !o->code->cblas;
  versions_make(m, n, source, o);
  if (!module_verify(m)) bug("what is made for code generation does not verify");
  stage_end(m->ctx, outer);
}
