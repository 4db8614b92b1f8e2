/* ad_region_test.c - derivatives of functions with control flow, up to a given order in every mix of modes.
 * usage: ad_region_test [-O] FILE ORDER        every function of the file: tangents against finite differences of the function that
 *                                             was differentiated, cotangents against tangents
 *        ad_region_test [-O] FILE -g ORDER FUNC NUMBER   the derivative of that order of a function of one scalar
 *        ad_region_test [-O] FILE -s ORDER FUNC          operations in the gradients of order 0 to ORDER
 *        ad_region_test [-O] -r COUNT SEED ORDER         random functions; finite differences are left out, for they may step over
 *                                                        a branch */
#include "passes/pass.h"
#include "tests/support/exact/exact.h"
#include "tests/support/region_gen.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM_VALUE = 4, INT_VALUE = 6, MAX_LEAF = 64 };
typedef struct Vector { Tensor *v[MAX_LEAF]; int n; } Vector;
static bool optimise, no_differences;
static int checks, fails, zeros;

static double noise(uint64_t *s) {
  *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(*s >> 33) / (double)(UINT64_C(1) << 31);
}

static int64_t *sizes(Func *f) {
  int64_t *sym = NEW_N(f->module->ctx->arena, int64_t, f->nsym + 1);
  for (int i = 0; i < f->nsym; i++) sym[i] = f->sym[i]->kind == SYM_DIM ? DIM_VALUE : INT_VALUE;
  return sym;
}

static Vector run(Func *f, const Vector *x) {
  Vector y = {.n = f->body->nres};
  if (exact_run(f->module->ctx->arena, f, sizes(f), x->v, y.v)) bug("a check fails in %s", f->name);
  return y;
}

static Tensor *fresh(Func *f, Type *t, uint64_t *seed, double lo) {
  Tensor *x = exact_of_type(f->module->ctx->arena, f, sizes(f), t);
  for (int64_t k = 0; k < x->count; k++) exact_set(x, k, lo + noise(seed), t->rank ? k * 2 % 3 : INT_VALUE);
  return x;
}

static double dot(const Tensor *a, const Tensor *b) {
  double s = 0;
  for (int64_t k = 0; k < a->count; k++) s += (double)(a->f[k] * b->f[k]);
  return s;
}

static void expect(const Func *f, const char *what, double got, double want, double tolerance) {
  checks++;
  if (fabs(got - want) <= tolerance * (1 + fabs(want))) return;
  fails++;
  printf("%s, %s: %.12g, expected %.12g\n", f->name, what, got, want);
}

/* The derivative along v of the results, weighed by w. */
static double weighed(Func *f, const Vector *x, const Vector *v, double h, const Vector *w) {
  Vector at = *x;
  double s = 0;
  for (int i = 0, r = 0; i < x->n; i++) {
    const Tensor *from = x->v[i];
    if (!from->f) continue;
    at.v[i] = exact_tensor(f->module->ctx->arena, from->elem, from->rank, from->dim);
    for (int64_t k = 0; k < from->count; k++) at.v[i]->f[k] = from->f[k] + h * v->v[r]->f[k];
    r++;
  }
  Vector y = run(f, &at);
  for (int i = 0, r = 0; i < y.n; i++)
    if (y.v[i]->f) s += dot(y.v[i], w->v[r++]);
  return s;
}

static double difference(Func *f, const Vector *x, const Vector *v, const Vector *w) {
  double h = 2e-4, d[2];
  for (int i = 0; i < 2; i++, h /= 2) d[i] = (weighed(f, x, v, h, w) - weighed(f, x, v, -h, w)) / (2 * h);
  return (4 * d[1] - d[0]) / 3;
}

static Func *derived(Func *f, FuncKind kind) {
  Wrt all = {0};
  Func *g = !optimise           ? derive_raw(f, all, kind)
            : kind == FUNC_JVP ? derive_jvp(f, all)
            : kind == FUNC_VJP ? derive_vjp(f, all)
                               : derive_grad(f, all);
  if (g && module_verify(f->module)) return g;
  diag_print_text(f->module->ctx, stdout, false);
  exit(1);
}

static void compare_results(Func *f, const Vector *got, const Vector *want) {
  for (int i = 0; i < want->n; i++)
    for (int64_t k = 0; k < want->v[i]->count; k++)
      expect(f, "result", exact_get(got->v[i], k), exact_get(want->v[i], k), want->v[i]->f ? 1e-12 : 0);
}

static void check(Func *f, int order) {
  uint64_t seed = 12345;
  Vector x = {0}, v = {0}, w = {0};
  for (int i = 0; i < f->body->nparam; i++) {
    Type *t = f->body->param[i]->type;
    x.v[x.n++] = fresh(f, t, &seed, 0.5);
    if (elem_is_real(t->elem)) v.v[v.n++] = fresh(f, t, &seed, -0.5);
  }
  Vector y = run(f, &x);
  for (int i = 0; i < y.n; i++)
    if (y.v[i]->f) w.v[w.n++] = fresh(f, f->body->res[i]->type, &seed, -0.5);
  Func *jvp = derived(f, FUNC_JVP), *vjp = derived(f, FUNC_VJP);
  Vector xv = x, xw = x;
  for (int i = 0; i < v.n; i++) xv.v[xv.n++] = v.v[i];
  for (int i = 0; i < w.n; i++) xw.v[xw.n++] = w.v[i];
  Vector j = run(jvp, &xv), r = run(vjp, &xw);
  compare_results(jvp, &j, &y);
  compare_results(vjp, &r, &y);
  double forward = 0, reverse = 0;
  for (int i = 0; i < w.n; i++) forward += dot(w.v[i], j.v[y.n + i]);
  for (int i = 0; i < v.n; i++) reverse += dot(v.v[i], r.v[y.n + i]);
  if (!no_differences) expect(jvp, "tangent", forward, difference(f, &x, &v, &w), 2e-5);
  zeros += forward == 0;
  expect(vjp, "cotangent", reverse, forward, 1e-9);
  if (order > 1) {
    check(jvp, order - 1);
    check(vjp, order - 1);
  }
}

static void one_function(Module *m, bool counts, int order, const char *name, const char *at) {
  Func *f = module_find(m, name);
  if (!f) bug("there is no function %s", name);
  for (int i = 0; i < order; i++) {
    if (counts) printf("%d ", region_count_ops(f->body));
    f = derived(f, FUNC_GRAD);
  }
  if (counts) {
    printf("%d\n", region_count_ops(f->body));
    return;
  }
  Vector x = {.n = 1, .v = {exact_of_type(f->module->ctx->arena, f, sizes(f), f->body->param[0]->type)}};
  x.v[0]->f[0] = strtod(at, NULL);
  Vector y = run(f, &x);
  printf("%.12g\n", exact_get(y.v[y.n - 1], 0));
}

static int random_functions(int count, int seed, int order) {
  no_differences = true;
  for (int i = 0; i < count; i++) {
    Ctx *c = ctx_new();
    Func *f = gen_function(c, (uint64_t)(seed + i));
    int before = fails;
    if (!module_verify(f->module)) {
      diag_print_text(c, stdout, false);
      return 1;
    }
    check(f, order);
    if (fails > before) printf("(function %d)\n", seed + i);
    ctx_free(c);
  }
  if (zeros > checks / 50) printf("too many derivatives are zero: %d\n", zeros);
  printf("%d checks, %d disagree\n", checks, fails);
  return fails > 0;
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "-O")) optimise = true, argc--, argv++;
  if (argc > 4 && !strcmp(argv[1], "-r")) return random_functions(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
  if (argc < 3) return 2;
  Ctx *c = ctx_new();
  FILE *in = fopen(argv[1], "r");
  if (!in) return 2;
  Text text;
  text_init(&text, c->arena);
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;) text_addn(&text, buffer, n);
  fclose(in);
  Module *m = module_read(c, argv[1], text.s, text.len);
  if (!m || !module_verify(m)) {
    diag_print_text(c, stdout, false);
    return 1;
  }
  if (argc > 4) one_function(m, argv[2][1] == 's', atoi(argv[3]), argv[4], argc > 5 ? argv[5] : "0");
  else {
    int n = m->nfunc;
    for (int i = 0; i < n; i++)
      if (m->func[i]->exported) check(m->func[i], atoi(argv[2]));
    printf("%d checks, %d disagree\n", checks, fails);
  }
  ctx_free(c);
  return fails > 0;
}
