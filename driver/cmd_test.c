/* cmd_test.c - `adc test`: certifies the derivatives of a function at given or random points, without another system:
 *   Taylor     the remainder |f(x + hv) - f(x) - h Jv| falls as h² when h is halved, or is rounding alone;
 *   transpose  <Jv, w> = <v, Jᵀw> for random v, w ties reverse mode to forward mode;
 *   levels     code compiled at -O0 and at -O3 agrees.
 * At order k the same is done to every mix of k - 1 forward and reverse passes: each is a function like any other. */
#include "driver/run.h"
#include <math.h>
#include <string.h>

typedef struct Cert {
  Run *r;
  Jit *fast, *plain; /* -O3, -O0 */
  int ngiven;        /* by the user; what was chosen for one function does not bind the next */
  int failed;
} Cert;

/* All results of one call, real ones as doubles one after another. */
typedef struct Vector {
  int n;
  double *x;
} Vector;

static double as_double(Elem e, const void *data, int64_t k) {
  return e == F64 ? ((const double *)data)[k] : (double)((const float *)data)[k];
}

static void append(Cert *t, Vector *v, const Leaf *l) {
  int64_t dim[MAX_RANK], count;
  if (!elem_is_real(l->type->elem) || !run_concrete_shape(t->r, l->type, dim, &count)) return;
  double *x = NEW_N(t->r->c->arena, double, v->n + count + 1);
  if (v->n) memcpy(x, v->x, sizeof *x * (size_t)v->n);
  for (int64_t k = 0; k < count; k++) x[v->n + k] = as_double(l->type->elem, l->data, k);
  v->x = x;
  v->n += (int)count;
}

static double dot(const Vector *a, const Vector *b) {
  double s = 0;
  for (int i = 0; i < a->n && i < b->n; i++) s += a->x[i] * b->x[i];
  return s;
}

static double norm(const Vector *a) { return sqrt(dot(a, a)); }

/* Results of the ports with the role, after a call. */
static Vector gather(Cert *t, const Func *f, PortRole role, int from, const Leaf *out) {
  Vector v = {0};
  for (int i = from; i < f->nout; i++)
    for (int k = 0; f->out[i].role == role && k < f->out[i].nleaf; k++) append(t, &v, &out[f->out[i].first + k]);
  return v;
}

static Vector gather_all(Cert *t, const Func *f, const Leaf *out) {
  Vector v = {0};
  for (int i = 0; i < f->body->nres; i++) append(t, &v, &out[i]);
  return v;
}

/* Moves the real parameters of f by h along the tangents that f's jvp was given: the ports that it has beside f's. */
static void move(Cert *t, const Func *f, const Func *jvp, Leaf *in, const Leaf *tangent_of, double h) {
  for (int i = f->nin; i < jvp->nin; i++) {
    const Port *p = &jvp->in[i];
    const Port *param = &jvp->in[p->of];
    int at = p->first;
    for (int k = 0; k < param->nleaf; k++) {
      Leaf *l = &in[param->first + k];
      if (!elem_is_real(l->type->elem)) continue;
      const Leaf *v = &tangent_of[at++];
      int64_t dim[MAX_RANK], count;
      if (!run_concrete_shape(t->r, l->type, dim, &count)) return;
      void *moved = arena_dup(t->r->c->arena, l->data, (size_t)(count + 1) * (size_t)elem_size(l->type->elem));
      for (int64_t j = 0; j < count; j++) {
        double x = as_double(l->type->elem, l->data, j) + h * as_double(l->type->elem, v->data, j);
        if (l->type->elem == F64)
          ((double *)moved)[j] = x;
        else
          ((float *)moved)[j] = (float)x;
      }
      l->data = moved;
    }
  }
}

static bool call_at(Cert *t, Func *f, Jit *jit, Leaf *in, Leaf **out) {
  t->r->jit = jit;
  *out = run_room_for_results(t->r, f);
  return *out && run_call(t->r, f, in, *out);
}

/* The rate at which the remainder falls, from the largest steps whose remainder stands clear of rounding; INFINITY: it
 * is rounding throughout (f is linear along v); NAN: a call failed. */
static double taylor_rate(Cert *t, Func *f, Func *jvp, Leaf *in, const Vector *y, const Vector *dy) {
  double best = -INFINITY, last = -1, eps = t->r->o->pipeline.real == F32 ? 0x1p-23 : 0x1p-52;
  for (double h = 0x1p-6; h > 0x1p-20; h /= 2) {
    Leaf *moved = arena_dup(t->r->c->arena, in, sizeof *in * (size_t)(jvp->body->nparam + 1)), *out;
    move(t, f, jvp, moved, in, h);
    if (!call_at(t, f, t->fast, moved, &out)) return NAN;
    Vector z = gather_all(t, f, out);
    double s = 0, scale = norm(y) + norm(&z) + h * norm(dy);
    for (int i = 0; i < z.n; i++) s += pow(z.x[i] - y->x[i] - h * dy->x[i], 2);
    double remainder = sqrt(s);
    if (remainder < 300 * eps * scale) return isinf(best) ? INFINITY : best;
    if (last > 0 && log2(last / remainder) > best) best = log2(last / remainder);
    last = remainder;
  }
  return best;
}

static Func *find_derived(Cert *t, const Func *f, const char *suffix) {
  return module_find(t->r->m, intern(t->r->c, arena_printf(t->r->c->arena, "%s%s", f->name, suffix)));
}

static double difference(const Vector *a, const Vector *b) {
  double s = 0;
  for (int i = 0; i < a->n; i++) s += pow(a->x[i] - b->x[i], 2);
  return sqrt(s) / (norm(a) + 1e-300);
}

static bool certify(Cert *t, Func *f) {
  Func *jvp = find_derived(t, f, "_jvp"), *vjp = find_derived(t, f, "_vjp");
  int n;
  t->r->ngiven = t->ngiven;
  if (!run_fill_missing(t->r, jvp, true) || !run_fill_missing(t->r, vjp, true)) return false;
  Leaf *in = run_bind_inputs(t->r, vjp, &n), *out, *slow;
  if (!in || !call_at(t, vjp, t->fast, in, &out) || !call_at(t, vjp, t->plain, in, &slow)) return false;
  Vector fast = gather_all(t, vjp, out), plain = gather_all(t, vjp, slow);
  Vector xbar = gather(t, vjp, PORT_COTANGENT, f->nout, out), w = {0}, v = {0};
  for (int i = f->nin; i < vjp->nin; i++)
    for (int k = 0; k < vjp->in[i].nleaf; k++) append(t, &w, &in[vjp->in[i].first + k]);
  in = run_bind_inputs(t->r, jvp, &n);
  if (!in || !call_at(t, jvp, t->fast, in, &out)) return false;
  Vector dy = gather(t, jvp, PORT_TANGENT_OUT, f->nout, out);
  for (int i = f->nin; i < jvp->nin; i++)
    for (int k = 0; k < jvp->in[i].nleaf; k++) append(t, &v, &in[jvp->in[i].first + k]);
  Leaf *at, *primal = run_bind_inputs(t->r, jvp, &n);
  if (!primal || !call_at(t, f, t->fast, primal, &at)) return false;
  Vector y = gather_all(t, f, at);
  double rate = taylor_rate(t, f, jvp, in, &y, &dy);
  double forward = dot(&dy, &w), reverse = dot(&v, &xbar);
  double transpose = fabs(forward - reverse) / (norm(&dy) * norm(&w) + norm(&v) * norm(&xbar) + 1e-300);
  double levels = difference(&fast, &plain), tolerance = t->r->o->pipeline.real == F32 ? 1e-4 : 1e-11;
  bool ok = rate > 1.8 && transpose < tolerance && levels < tolerance;
  char rate_text[16];
  snprintf(rate_text, sizeof rate_text, isinf(rate) ? "linear" : "%.2f", rate);
  printf("%-32s %8s %12.1e %12.1e   %s\n", f->name, rate_text, transpose, levels, ok ? "passed" : "FAILED");
  t->failed += !ok;
  return true;
}

/* f, then every mix of order - 1 forward and reverse passes over it, breadth first. */
static int mixes(Run *r, Func *f, Func **mix) {
  int n = 0, first = 0;
  mix[n++] = f;
  for (int order = 1; order <= r->o->pipeline.order; order++) {
    int last = n;
    for (int i = first; i < last; i++) {
      Func *jvp = derive_jvp(mix[i], (Wrt){0}), *vjp = derive_vjp(mix[i], (Wrt){0});
      if (!jvp || !vjp) return 0;
      jvp->exported = vjp->exported = true;
      if (order < r->o->pipeline.order) {
        mix[n++] = jvp;
        mix[n++] = vjp;
      }
    }
    first = last;
  }
  return n;
}

static bool test(Run *r, const char *text, size_t len, int *failed) {
  if (!run_read_given(r)) return false;
  if (r->o->pipeline.order > 4) return run_fail(r, "test: --order goes up to 4");
  PipelineOptions *p = &r->o->pipeline;
  p->functions = r->fn;
  r->m = pipeline_compile(r->c, r->o->file, text, len, p, NULL);
  if (!r->m) return false;
  int nprimal = r->m->nfunc, n = 0;
  Func **mix = NEW_N(r->c->arena, Func *, (nprimal + 1) * 16);
  for (int i = 0; i < nprimal; i++)
    if (r->m->func[i]->exported) n += mixes(r, r->m->func[i], mix + n);
  if (n == 0 || r->c->diags->nerror) return r->c->diags->nerror ? false : run_fail(r, "the file exports no function");
  CodegenOptions plain = r->o->code;
  r->o->code.packed_only = plain.packed_only = true;
  r->o->code.opt_level = 3;
  plain.opt_level = 0;
  Cert t = {.r = r, .ngiven = r->ngiven, .plain = jit_new(r->m, &plain)};
  pipeline_lower(r->m, &(LowerOptions){.code = &r->o->code, .trap_nan = r->o->trap_nan});
  t.fast = jit_new(r->m, &r->o->code);
  bool ok = t.fast && t.plain;
  if (ok) printf("%-32s %8s %12s %12s\n", "function", "Taylor", "transpose", "O0 - O3");
  for (int i = 0; ok && i < n; i++) ok = certify(&t, mix[i]);
  if (t.fast) jit_free(t.fast);
  if (t.plain) jit_free(t.plain);
  *failed = t.failed;
  return ok;
}

int cmd_test(Options *o) {
  Run r = {.c = ctx_new(), .o = o};
  size_t len;
  int failed = 0;
  const char *text = read_program(r.c, o, &len);
  bool ok = text && test(&r, text, len, &failed);
  report(r.c, o);
  ctx_free(r.c);
  return ok && !failed ? EXIT_OK : EXIT_PROGRAM;
}
