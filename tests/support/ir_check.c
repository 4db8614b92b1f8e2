/* ir_check.c - compares compiled code with the interpreter: ir_check FILE.ir [SYM=N…] [-ON] [--cpu=NAME] [--seed=N]
 * [--threads]
 *
 * Every exported function of the file is called with random arguments, with all results wanted, with each one alone,
 * and accumulating; prints `ok` or the first difference.  What is compiled went through the passes for code generation, what is
 * interpreted did not. */
#include "codegen/codegen.h"
#include "driver/driver.h"
#include "tests/support/exact/exact.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Chunks are independent of each other: the last one may come first. */
static void backwards(void (*body)(void *env, int64_t chunk), void *env, int64_t chunks) {
  while (chunks > 0) body(env, --chunks);
}

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
static double uniform(void) { return (double)(next_random() >> 11) / 9007199254740992.0; }

typedef struct CheckOptions {
  int nset;
  char *set[64];
  CodegenOptions code;
  double lo, hi;
  int imax;
} CheckOptions;

static int64_t symbol_value(const CheckOptions *o, const Sym *s) {
  size_t n = strlen(s->name);
  for (int i = 0; i < o->nset; i++)
    if (!strncmp(o->set[i], s->name, n) && o->set[i][n] == '=') return strtoll(o->set[i] + n + 1, NULL, 10);
  return 3;
}

static void fill(Tensor *t, const CheckOptions *o) {
  for (int64_t k = 0; k < t->count; k++) {
    double v = o->lo + (o->hi - o->lo) * uniform();
    exact_set(t, k, v, t->f ? 0 : (int64_t)(next_random() % (uint64_t)(t->elem == BOOL ? 2 : o->imax)));
  }
}

/* Memory of exactly the size that a C caller would have, for tools that watch accesses; freed at the end. */
typedef struct Blocks {
  int n, cap;
  void **p;
} Blocks;

/* A tensor as C has it; rank-0 bools are int. */
static void *to_c(Ctx *c, Blocks *blocks, const Tensor *t) {
  char *p = malloc((size_t)t->count * (t->rank ? (size_t)elem_size(t->elem) : 8));
  if (t->count && !p) exit(70);
  PUSH(c->arena, blocks->p, blocks->n, blocks->cap) = p;
  for (int64_t k = 0; k < t->count; k++) switch (t->elem) {
    case F64: ((double *)p)[k] = (double)t->f[k]; break;
    case F32: ((float *)p)[k] = (float)t->f[k]; break;
    case I64: ((int64_t *)p)[k] = t->i[k]; break;
    case I32: ((int32_t *)p)[k] = (int32_t)t->i[k]; break;
    default:
      if (t->rank)
        ((uint8_t *)p)[k] = (uint8_t)t->i[k];
      else
        ((int32_t *)p)[k] = (int32_t)t->i[k];
    }
  return p;
}

static double element(const Tensor *t, const void *p, int64_t k) {
  switch (t->elem) {
  case F64: return ((const double *)p)[k];
  case F32: return ((const float *)p)[k];
  case I64: return (double)((const int64_t *)p)[k];
  case I32: return ((const int32_t *)p)[k];
  default: return t->rank ? ((const uint8_t *)p)[k] : ((const int32_t *)p)[k];
  }
}

static bool close_to(const Tensor *t, double a, double b) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  if (a == b) return true;
  double tol = t->elem == F32 ? 2e-4 : 1e-10;
  return elem_is_real(t->elem) && fabs(a - b) <= tol * (1 + fabs(a) + fabs(b));
}

typedef struct Call {
  Ctx *c;
  Func *f;
  int64_t *sym;
  Tensor **in, **want;
  ExactStatus status;
  CArg *arg;
  int narg;
  void **slot; /* the packed call's argument objects */
  void **out;  /* by result */
  Blocks blocks;
} Call;

static int leaf_of(const Call *k, const CArg *a, bool result) {
  Region *body = k->f->body;
  for (int i = 0; i < (result ? body->nres : body->nparam); i++)
    if (a->port && i >= a->port->first && i < a->port->first + a->port->nleaf &&
        (result ? body->res[i] : body->param[i])->type == a->type && a->port->nleaf == 1)
      return i;
  bug("ir_check knows no structs");
}

static int64_t *symbol_of(const Call *k, const Sym *s) {
  int i = 0;
  while (k->f->sym[i] != s) i++;
  return &k->sym[i];
}

static void bind(Call *k) {
  k->narg = codegen_signature(k->f, &k->arg);
  k->slot = NEW_N(k->c->arena, void *, k->narg);
  k->out = NEW_N(k->c->arena, void *, k->f->body->nres + 1);
  for (int i = 0; i < k->narg; i++) {
    const CArg *a = &k->arg[i];
    void **cell = NEW(k->c->arena, void *);
    k->slot[i] = cell;
    if (a->sym)
      memcpy(cell, symbol_of(k, a->sym), 8);
    else if (a->kind == CARG_SCALAR || a->kind == CARG_TENSOR) {
      void *data = to_c(k->c, &k->blocks, k->in[leaf_of(k, a, false)]);
      if (a->kind == CARG_SCALAR)
        k->slot[i] = data;
      else
        *cell = data;
    } else if (a->kind == CARG_WS)
      k->slot[i] = NULL;
  }
}

/* The results wanted start as ones. */
static void set_outputs(Call *k, int only) {
  for (int i = 0; i < k->narg; i++) {
    const CArg *a = &k->arg[i];
    if (a->kind != CARG_OUT) continue;
    int r = leaf_of(k, a, true);
    Tensor *one = exact_of_type(k->c->arena, k->f, k->sym, k->f->body->res[r]->type);
    for (int64_t j = 0; j < one->count; j++) exact_set(one, j, 1, 1);
    k->out[r] = only < 0 || only == r ? to_c(k->c, &k->blocks, one) : NULL;
    *(void **)k->slot[i] = k->out[r];
  }
}

static PortRole role_of(const Func *f, int r) {
  for (int i = 0; i < f->nout; i++)
    if (r >= f->out[i].first && r < f->out[i].first + f->out[i].nleaf) return f->out[i].role;
  return PORT_RESULT;
}

static bool compare(Call *k, int code, const char *how, bool add) {
  if (code != (int)k->status) {
    printf("%s (%s): returned %d, interpreter: %d\n", k->f->name, how, code, (int)k->status);
    return false;
  }
  if (code) return true;
  for (int r = 0; r < k->f->body->nres; r++) {
    const Tensor *want = k->want[r];
    for (int64_t j = 0; k->out[r] && j < want->count; j++) {
      double w = exact_get(want, j), got = element(want, k->out[r], j);
      if (add && role_of(k->f, r) == PORT_COTANGENT) w += 1;
      if (close_to(want, w, got)) continue;
      printf("%s (%s): result %d element %lld is %.17g, interpreter: %.17g\n", k->f->name, how, r, (long long)j, got,
             w);
      return false;
    }
  }
  return true;
}

static bool check_calls(Call *k, int (*call)(void **), int (*call_add)(void **)) {
  set_outputs(k, -1);
  if (!compare(k, call(k->slot), "all", false)) return false;
  for (int r = 0; r < k->f->body->nres && k->f->body->nres > 1; r++) {
    set_outputs(k, r);
    if (!compare(k, call(k->slot), "one", false)) return false;
  }
  if (!call_add) return true;
  set_outputs(k, -1);
  return compare(k, call_add(k->slot), "add", true);
}

static bool check_function(Ctx *c, Jit *j, Func *f, const CheckOptions *o) {
  Region *body = f->body;
  Call k = {.c = c, .f = f};
  k.sym = NEW_N(c->arena, int64_t, f->nsym + 1);
  k.in = NEW_N(c->arena, Tensor *, body->nparam + 1);
  k.want = NEW_N(c->arena, Tensor *, body->nres + 1);
  for (int i = 0; i < f->nsym; i++) k.sym[i] = symbol_value(o, f->sym[i]);
  for (int i = 0; i < body->nparam; i++) fill(k.in[i] = exact_of_type(c->arena, f, k.sym, body->param[i]->type), o);
  k.status = exact_run_rounded(c->arena, f, k.sym, k.in, k.want);
  bind(&k);
  void *sym = jit_symbol(j, arena_printf(c->arena, "%s_packed", f->name));
  void *sym_add = jit_symbol(j, arena_printf(c->arena, "%s_add_packed", f->name));
  int (*call)(void **), (*call_add)(void **);
  memcpy(&call, &sym, sizeof call);
  memcpy(&call_add, &sym_add, sizeof call_add);
  bool ok = check_calls(&k, call, call_add);
  for (int i = 0; i < k.blocks.n; i++) free(k.blocks.p[i]);
  return ok;
}

int main(int argc, char **argv) {
  CheckOptions o = {.code = {.opt_level = 2}, .lo = -2, .hi = 2, .imax = 3};
  const char *file = NULL;
  for (int i = 1; i < argc; i++) {
    if (!strncmp(argv[i], "-O", 2))
      o.code.opt_level = argv[i][2] - '0';
    else if (!strncmp(argv[i], "--seed=", 7))
      state ^= strtoull(argv[i] + 7, NULL, 10) * UINT64_C(0x9e3779b97f4a7c15);
    else if (!strncmp(argv[i], "--lo=", 5))
      o.lo = strtod(argv[i] + 5, NULL);
    else if (!strncmp(argv[i], "--hi=", 5))
      o.hi = strtod(argv[i] + 5, NULL);
    else if (!strncmp(argv[i], "--cpu=", 6))
      o.code.cpu = argv[i] + 6;
    else if (!strncmp(argv[i], "--imax=", 7))
      o.imax = atoi(argv[i] + 7);
    else if (!strcmp(argv[i], "--threads")) {
      o.code.grain = 1; /* all that can be shared is */
      o.code.parallel_for = backwards;
    } else if (strchr(argv[i], '='))
      o.set[o.nset++] = argv[i];
    else
      file = argv[i];
  }
  FILE *in = file ? fopen(file, "rb") : stdin;
  if (!in) return 2;
  static char text[1 << 20];
  size_t len = fread(text, 1, sizeof text, in);
  Ctx *c = ctx_new();
  Module *m = module_read(c, file ? file : "-", text, len);
  Module *low = m && module_verify(m) ? module_read(c, file ? file : "-", text, len) : NULL;
  if (low) pipeline_lower(low, &(LowerOptions){.code = &o.code});
  Jit *j = low ? jit_new(low, &o.code) : NULL;
  diag_print_text(c, stderr, false);
  if (!j) return 1;
  bool ok = true;
  for (int i = 0; i < m->nfunc; i++)
    if (m->func[i]->exported) ok &= check_function(c, j, m->func[i], &o);
  if (ok) printf("ok\n");
  jit_free(j);
  ctx_free(c);
  return !ok;
}
