/* ad_ops_test.c - the derivatives of every op, forward, reverse and the four second-order mixes, and orders three and four.
 *
 * For each row of the op table functions are built at several shapes, empty ones and single elements among them.  For each, all
 * with one direction u, another v and one weight w a result: the numbers that the derivative functions give must agree with
 * differences of the function itself, interpreted in extended precision; orders three and four with differences of the order
 * below.  Every function is derived twice: as the rules make it, and optimised before and after.
 * usage: ad_ops_test [NAME]; prints what disagrees, and ends with the number of comparisons. */
#include "passes/pass.h"
#include "tests/support/exact/exact.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LEAF = 24, MAX_SYM = 8 };

typedef struct Case Case;
typedef Value *(*Build)(Builder *b, const Case *k); /* the body's one result */
struct Case {
  const char *name;
  Build build;
  Opcode op;
  int variant;
  double lo[3], hi[3]; /* range of each real parameter */
  int nshape;
  int64_t shape[4][MAX_SYM]; /* values of the symbols */
  bool zeros;                /* some elements of the parameters are exactly zero */
};

typedef struct Test {
  const Case *k;
  Arena *arena;
  Func *f;
  const int64_t *sym;
  Tensor *in[MAX_LEAF], *u[MAX_LEAF], *v[MAX_LEAF], *w[MAX_LEAF]; /* u, v: by real parameter; w: by real result */
  int nin, nreal, nout;
  uint64_t seed;
  int ncheck, nfail;
} Test;

static double uniform(Test *t) {
  t->seed = t->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(t->seed >> 11) / 9007199254740992.0;
}

/* ---- running --------------------------------------------------------------------------------------------------------------- */

static void call(Test *t, const Func *f, Tensor *const *in, Tensor **out) {
  ExactStatus s = exact_run(t->arena, f, t->sym, in, out);
  if (s) bug("%s of case %s ends with status %d", f->name, t->k->name, s);
}

static long double dot(int n, Tensor *const *a, Tensor *const *b) {
  long double sum = 0;
  for (int i = 0; i < n; i++)
    for (int64_t k = 0; k < a[i]->count; k++) sum += a[i]->f[k] * b[i]->f[k];
  return sum;
}

/* The real parameters of the case, moved by s u + r v. */
static void moved(Test *t, long double s, long double r, Tensor **in) {
  for (int i = 0, j = 0; i < t->nin; i++) {
    in[i] = t->in[i];
    if (!t->in[i]->f) continue;
    in[i] = exact_tensor(t->arena, t->in[i]->elem, t->in[i]->rank, t->in[i]->dim);
    for (int64_t k = 0; k < in[i]->count; k++) in[i]->f[k] = t->in[i]->f[k] + s * t->u[j]->f[k] + r * t->v[j]->f[k];
    j++;
  }
}

/* <w, f(x + s u + r v)> */
static long double value(Test *t, long double s, long double r) {
  Tensor *in[MAX_LEAF], *out[MAX_LEAF];
  moved(t, s, r, in);
  call(t, t->f, in, out);
  return dot(t->nout, out, t->w);
}

static const long double stencil[7] = {-1.0L / 60, 3.0L / 20, -3.0L / 4, 0, 3.0L / 4, -3.0L / 20, 1.0L / 60};
static const long double width = 0.002L;

static long double first_difference(Test *t) {
  long double sum = 0;
  for (int i = 0; i < 7; i++)
    if (i != 3) sum += stencil[i] * value(t, (i - 3) * width, 0);
  return sum / width;
}

static long double mixed_difference(Test *t) {
  long double sum = 0;
  for (int i = 0; i < 7; i++)
    for (int j = 0; j < 7; j++)
      if (i != 3 && j != 3) sum += stencil[i] * stencil[j] * value(t, (i - 3) * width, (j - 3) * width);
  return sum / (width * width);
}

/* ---- inputs of derivative functions ------------------------------------------------------------------------------------------ */

typedef struct Row { Tensor *t[4 * MAX_LEAF]; int n; } Row;

static void put(Row *r, int n, Tensor *const *t) {
  for (int i = 0; i < n; i++) r->t[r->n++] = t[i];
}

static void put_zeros(Test *t, Row *r, int n, Tensor *const *like) {
  for (int i = 0; i < n; i++) r->t[r->n++] = exact_tensor(t->arena, like[i]->elem, like[i]->rank, like[i]->dim);
}

static Row run(Test *t, const Func *f, Row in) {
  Row out = {.n = f->body->nres};
  if (in.n != f->body->nparam) bug("%s takes %d leaves, not %d", f->name, f->body->nparam, in.n);
  call(t, f, in.t, out.t);
  return out;
}

/* ---- comparison ---------------------------------------------------------------------------------------------------------------- */

static void agree(Test *t, const char *what, long double got, long double expected, long double tolerance) {
  t->ncheck++;
  if (fabsl(got - expected) <= tolerance * (1 + fabsl(expected))) return;
  t->nfail++;
  printf("%s [", t->k->name);
  for (int i = 0; i < t->f->nsym; i++) printf("%s%lld", i ? "," : "", (long long)t->sym[i]);
  printf("] %s: %.15Lg, expected %.15Lg\n", what, got, expected);
}

typedef struct Derivatives { Func *j, *v, *jj, *jv, *vj, *vv, *jjj, *jvv, *jjjj; } Derivatives;

static void first_order(Test *t, const Derivatives *d) {
  Row in = {.n = 0}, out;
  long double expected = first_difference(t);
  put(&in, t->nin, t->in);
  Row rev = in;
  put(&in, t->nreal, t->u);
  out = run(t, d->j, in);
  agree(t, "jvp", dot(t->nout, out.t + t->nout, t->w), expected, 1e-9L);
  put(&rev, t->nout, t->w);
  out = run(t, d->v, rev);
  agree(t, "vjp", dot(t->nreal, out.t + t->nout, t->u), expected, 1e-9L);
}

/* <w, D^2 f [u, v]> in the four ways. */
static void second_order(Test *t, const Derivatives *d) {
  int nin = t->nin, nreal = t->nreal, nout = t->nout;
  long double expected = mixed_difference(t), tolerance = 1e-7L;
  Row in = {.n = 0}, x, out;
  put(&in, nin, t->in);
  x = in;
  put(&x, nreal, t->u);
  put(&x, nreal, t->v);
  out = run(t, d->jj, x);
  agree(t, "jvp of jvp", dot(nout, out.t + 3 * nout, t->w), expected, tolerance);
  x = in;
  put(&x, nout, t->w);
  put(&x, nreal, t->v);
  out = run(t, d->jv, x);
  agree(t, "jvp of vjp", dot(nreal, out.t + 2 * nout + nreal, t->u), expected, tolerance);
  x = in;
  put(&x, nreal, t->u);
  put_zeros(t, &x, nout, t->w);
  put(&x, nout, t->w);
  out = run(t, d->vj, x);
  agree(t, "vjp of jvp", dot(nreal, out.t + 2 * nout, t->v), expected, tolerance);
  x = in;
  put(&x, nout, t->w);
  put_zeros(t, &x, nout, t->w);
  put(&x, nreal, t->u);
  out = run(t, d->vv, x);
  agree(t, "vjp of vjp", dot(nreal, out.t + nout + nreal, t->v), expected, tolerance);
}

/* The last derivative of a chain along u at x + s u: forward only, or forward over twice reverse. */
static long double along(Test *t, const Func *f, int order, bool reverse, long double s) {
  Row in = {.n = 0}, out;
  moved(t, s, 0, in.t);
  in.n = t->nin;
  if (!reverse) {
    for (int k = 0; k < order; k++) put(&in, t->nreal, t->u);
    out = run(t, f, in);
    return dot(t->nout, out.t + out.n - t->nout, t->w);
  }
  put(&in, t->nout, t->w);
  put_zeros(t, &in, t->nout, t->w);
  put(&in, t->nreal, t->u);
  for (int k = 2; k < order; k++) put(&in, t->nreal, t->u);
  out = run(t, f, in);
  return dot(t->nreal, out.t + out.n - t->nreal, t->u);
}

static void higher_order(Test *t, const char *what, const Func *f, const Func *below, int order, bool reverse) {
  long double expected = 0;
  for (int i = 0; i < 7; i++)
    if (i != 3) expected += stencil[i] * along(t, below, order - 1, reverse, (i - 3) * width) / width;
  agree(t, what, along(t, f, order, reverse, 0), expected, 1e-6L);
}

/* ---- derivatives of one case ------------------------------------------------------------------------------------------------------ */

static Func *derived(Func *f, FuncKind kind, Wrt wrt, bool optimise) {
  Func *g = !optimise ? derive_raw(f, wrt, kind) : kind == FUNC_JVP ? derive_jvp(f, wrt) : derive_vjp(f, wrt);
  if (!g) {
    diag_print_text(f->module->ctx, stderr, false);
    bug("%s has no derivative", f->name);
  }
  return g;
}

static Derivatives derive_all(Func *f, bool optimise) {
  const char *name[MAX_LEAF];
  Wrt wrt = {.name = name};
  for (int i = 0; i < f->nin; i++)
    if (f->in[i].nleaf && elem_is_real(f->body->param[f->in[i].first]->type->elem)) name[wrt.n++] = f->in[i].name;
  Derivatives d;
  d.j = derived(f, FUNC_JVP, wrt, optimise);
  d.v = derived(f, FUNC_VJP, wrt, optimise);
  d.jj = derived(d.j, FUNC_JVP, wrt, optimise);
  d.jv = derived(d.v, FUNC_JVP, wrt, optimise);
  d.vj = derived(d.j, FUNC_VJP, wrt, optimise);
  d.vv = derived(d.v, FUNC_VJP, wrt, optimise);
  d.jjj = derived(d.jj, FUNC_JVP, wrt, optimise);
  d.jvv = derived(d.vv, FUNC_JVP, wrt, optimise);
  d.jjjj = derived(d.jjj, FUNC_JVP, wrt, optimise);
  return d;
}

/* Small ints, so that they can be indices into any axis of at least three; empty axes have no indices. */
static Tensor *random_tensor(Test *t, const Type *type, double lo, double hi) {
  int64_t dim[MAX_RANK];
  for (int a = 0; a < type->rank; a++) {
    for (int i = 0; i < t->f->nsym; i++)
      if (type->dim[a] == dim_sym(t->f->module->ctx, t->f->sym[i])) dim[a] = t->sym[i];
    dim_is_const(type->dim[a], &dim[a]);
  }
  Tensor *x = exact_tensor(t->arena, type->elem, type->rank, dim);
  for (int64_t k = 0; k < x->count; k++) {
    double r = lo + (hi - lo) * uniform(t);
    if (x->f) x->f[k] = t->k->zeros && uniform(t) < 0.3 ? 0 : r;
    else x->i[k] = type->elem == BOOL ? r > (lo + hi) / 2 : (int64_t)(3 * uniform(t));
  }
  return x;
}

static void fill(Test *t) {
  const Region *body = t->f->body;
  t->nin = body->nparam;
  t->nreal = t->nout = 0;
  for (int i = 0, j = 0; i < body->nparam; i++) {
    const Type *type = body->param[i]->type;
    t->in[i] = random_tensor(t, type, t->k->lo[j], t->k->hi[j]);
    if (elem_is_real(type->elem) && j < 2) j++;
  }
  Test plain = *t;
  Case no_zeros = *t->k;
  no_zeros.zeros = false;
  plain.k = &no_zeros;
  for (int i = 0; i < body->nparam; i++) {
    if (!t->in[i]->f) continue;
    t->u[t->nreal] = random_tensor(&plain, body->param[i]->type, -1, 1);
    t->v[t->nreal++] = random_tensor(&plain, body->param[i]->type, -1, 1);
  }
  Tensor *out[MAX_LEAF];
  call(t, t->f, t->in, out);
  for (int i = 0; i < body->nres; i++) {
    t->w[t->nout] = exact_tensor(t->arena, out[i]->elem, out[i]->rank, out[i]->dim);
    for (int64_t k = 0; k < out[i]->count; k++) t->w[t->nout]->f[k] = 0.5 + uniform(&plain);
    t->nout++;
  }
}

static void compare(Test *t, const Derivatives *d) {
  first_order(t, d);
  second_order(t, d);
  higher_order(t, "jvp 3", d->jjj, d->jj, 3, false);
  higher_order(t, "jvp 4", d->jjjj, d->jjj, 4, false);
  higher_order(t, "jvp of vjp of vjp", d->jvv, d->vv, 3, true);
}

static Func *build(Ctx *c, const Case *k) {
  Func *f = func_new(module_new(c), "f", LOC_NONE);
  f->exported = true;
  Builder b = builder_at_end(f);
  Value *y = k->build(&b, k);
  region_set_results(f->body, 1, &y);
  func_default_ports(f);
  return f;
}

static void run_case(Test *total, const Case *k) {
  for (int optimise = 0; optimise < 2; optimise++) {
    Ctx *c = ctx_new();
    Func *f = build(c, k);
    if (!module_verify(f->module)) {
      diag_print_text(c, stderr, false);
      bug("case %s does not verify", k->name);
    }
    Derivatives d = derive_all(f, optimise);
    for (int s = 0; s < k->nshape; s++) {
      Test t = {.k = k, .arena = arena_new(), .f = f, .sym = k->shape[s], .seed = (uint64_t)s + 7};
      fill(&t);
      compare(&t, &d);
      total->ncheck += t.ncheck;
      total->nfail += t.nfail;
      if (t.nfail && getenv("AD_OPS_PRINT")) {
        Text text;
        text_init(&text, c->arena);
        module_print(&text, f->module);
        fputs(text.s, stdout);
      }
      arena_free(t.arena);
    }
    ctx_free(c);
  }
}

#include "tests/support/exact/ad_ops_cases.h"

int main(int argc, char **argv) {
  Test total = {0};
  int ncase = 0;
  for (int i = 0; i < NFIXED; i++)
    if (argc < 2 || strstr(fixed_case[i].name, argv[1])) ncase++, run_case(&total, &fixed_case[i]);
  for (int op = 0; op < OP_COUNT; op++)
    for (int variant = 0; variant < 3; variant++) {
      Case k;
      if (map_case((Opcode)op, variant, &k) && (argc < 2 || strstr(k.name, argv[1]))) ncase++, run_case(&total, &k);
    }
  printf("%d cases, %d comparisons, %d disagree\n", ncase, total.ncheck, total.nfail);
  return total.nfail > 0;
}
