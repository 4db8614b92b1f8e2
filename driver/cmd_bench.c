/* cmd_bench.c - `adc bench`: how long a function and its derivatives take, at sizes that are given.
 * The function and its derivatives take turns, so that what else the machine does meets all of them alike; a sample is as many
 * calls as fill a millisecond. */
#include "driver/run.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEAST_SAMPLES = 5, MOST_SAMPLES = 10000 };

typedef struct Subject {
  Func *f;
  clockid_t clock;
  Call *call;
  Dim *flops; /* NULL: not known */
  bool more;  /* … and more, which no formula tells */
  int64_t calls;
  double *sample; /* seconds a call */
  int n;
} Subject;

typedef struct Bench {
  Run *r;
  Func *primal;
  Subject *subject; /* the function first */
  int n, cap;
} Bench;

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_calls(Subject *s, int64_t calls) {
  double begin = now(s->clock);
  for (int64_t i = 0; i < calls; i++) run_enter(s->call);
  return now(s->clock) - begin;
}

/* ---- what is measured ------------------------------------------------------------------------------------------------------ */

static const Func *root_of(const Func *f) {
  while (f->origin) f = f->origin;
  return f;
}

static void collect(Bench *b) {
  Module *m = b->r->m;
  for (int i = 0; i < m->nfunc; i++) {
    Func *f = m->func[i];
    if (!f->exported || root_of(f) != b->primal) continue;
    Subject *s = &PUSH(b->r->c->arena, b->subject, b->n, b->cap);
    /* Other programs do not lengthen a thread's own time; what threads share has no such clock. */
    *s = (Subject){.f = f, .clock = b->r->o->code.grain ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID};
    s->sample = NEW_N(b->r->c->arena, double, MOST_SAMPLES);
    s->flops = codegen_flops(f, &s->more);
  }
}

static bool prepare(Bench *b) {
  Run *r = b->r;
  for (int i = 0; i < b->n; i++) {
    Subject *s = &b->subject[i];
    int n;
    if (!run_fill_missing(r, s->f, false)) return false;
    Leaf *in = run_bind_inputs(r, s->f, &n), *out = in ? run_room_for_results(r, s->f) : NULL;
    if (!out) return false;
    s->call = run_prepare(r, s->f, in, out);
    if (!run_again(r, s->call)) return false; /* and warms up */
    double once = time_calls(s, 1);
    s->calls = once < 1e-3 ? (int64_t)(1e-3 / (once + 1e-8)) + 1 : 1;
  }
  return true;
}

static void measure(Bench *b) {
  double end = now(CLOCK_MONOTONIC) + b->r->o->seconds * b->n;
  for (int k = 0; k < MOST_SAMPLES && (k < LEAST_SAMPLES || now(CLOCK_MONOTONIC) < end); k++)
    for (int i = 0; i < b->n; i++) {
      Subject *s = &b->subject[i];
      s->sample[s->n++] = time_calls(s, s->calls) / (double)s->calls;
    }
}

static int by_size(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return a < b ? -1 : a > b;
}

/* Of the samples in order, from 0 to 1. */
static double quantile(const Subject *s, double q) { return s->sample[(int)(q * (s->n - 1) + 0.5)]; }
static double median(const Subject *s) { return quantile(s, 0.5); }
/* The middle half of the samples lies so far from the median, as a part of it. */
static double spread(const Subject *s) { return (quantile(s, 0.75) - quantile(s, 0.25)) / 2 / median(s); }
static double ratio(const Bench *b, const Subject *s) { return median(s) / median(&b->subject[0]); }

static double rate(const Bench *b, const Subject *s) {
  int64_t flops;
  if (!s->flops || !run_dim(b->r, s->flops, &flops)) return 0;
  return 1e-9 * (double)flops / median(s);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------------ */

static void print_sizes(const Bench *b) {
  printf("%s", b->primal->name);
  for (int i = 0; i < b->primal->nsym; i++) {
    int64_t v = 0;
    run_dim(b->r, dim_sym(b->r->c, b->primal->sym[i]), &v);
    printf("%s %s = %lld", i ? "," : ":", b->primal->sym[i]->name, (long long)v);
  }
  printf("\n  %-28s %12s %9s %9s %10s %14s\n", "", "median", "spread", "ratio", "GFLOP/s", "workspace");
}

static const char *duration(char *text, size_t size, double t) {
  static const struct { double unit; const char *name; } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};
  int i = 0;
  while (i < 3 && t < units[i].unit) i++;
  snprintf(text, size, "%.4g %s", t / units[i].unit, units[i].name);
  return text;
}

static void print_table(const Bench *b) {
  print_sizes(b);
  for (int i = 0; i < b->n; i++) {
    const Subject *s = &b->subject[i];
    char time[32], of[16] = "", speed[32] = "-";
    if (i) snprintf(of, sizeof of, "%.2f", ratio(b, s));
    if (rate(b, s) > 0) snprintf(speed, sizeof speed, "%s%.3g", s->more ? ">" : "", rate(b, s));
    printf("  %-28s %12s %8.1f%% %9s %10s %14zu\n", s->f->name, duration(time, sizeof time, median(s)), 100 * spread(s), of, speed,
           s->call->ws.len);
  }
}

static void print_json(const Bench *b, bool first) {
  for (int i = 0; i < b->n; i++) {
    const Subject *s = &b->subject[i];
    printf("%s\n  {\"name\": \"%s\", \"of\": \"%s\", \"median\": %.6g, \"spread\": %.3g, \"ratio\": %.6g, ", first && !i ? "" : ",",
           s->f->name, b->primal->name, median(s), spread(s), ratio(b, s));
    if (rate(b, s) > 0 && !s->more) printf("\"gflops\": %.6g, ", rate(b, s));
    printf("\"workspace\": %zu, \"samples\": %d}", s->call->ws.len, s->n);
  }
}

/* ---- the verb ---------------------------------------------------------------------------------------------------------------- */

static bool bench_one(Run *r, Func *primal, bool first) {
  Bench b = {.r = r, .primal = primal};
  collect(&b);
  bool ok = prepare(&b);
  if (ok) measure(&b);
  for (int i = 0; ok && i < b.n; i++) qsort(b.subject[i].sample, (size_t)b.subject[i].n, sizeof(double), by_size);
  if (ok && r->o->json) print_json(&b, first);
  else if (ok) print_table(&b);
  for (int i = 0; i < b.n; i++)
    if (b.subject[i].call) run_done(b.subject[i].call);
  return ok;
}

static bool bench(Run *r, const char *text, size_t len) {
  if (!run_read_given(r)) return false;
  PipelineOptions *p = &r->o->pipeline;
  p->functions = r->fn;
  p->keep_going_without_grad = true;
  if (!p->derive) {
    p->derive = "grad";
    p->seeds_given = true; /* a result that is no scalar has a vjp */
  }
  r->m = pipeline_compile(r->c, r->o->file, text, len, p, NULL);
  if (!r->m) return false;
  if (!r->o->code.cpu) r->o->code.cpu = "native";
  r->o->code.packed_only = true;
  if (r->o->code.grain) r->o->code.parallel_for = adc_parallel_for;
  Func **primal = NEW_N(r->c->arena, Func *, r->m->nfunc + 1);
  int n = 0, given = r->ngiven;
  for (int i = 0; i < r->m->nfunc; i++)
    if (r->m->func[i]->exported && r->m->func[i]->kind == FUNC_PRIMAL) primal[n++] = r->m->func[i];
  if (!n) return run_fail(r, "the file exports no function");
  pipeline_lower(r->m, &(LowerOptions){.code = &r->o->code, .trap_nan = r->o->trap_nan});
  r->jit = jit_new(r->m, &r->o->code);
  bool ok = r->jit != NULL;
  if (ok && r->o->json) printf("{\"functions\": [");
  for (int i = 0; ok && i < n; i++) {
    r->ngiven = given;
    ok = bench_one(r, primal[i], i == 0);
  }
  if (ok && r->o->json) printf("\n]}\n");
  return ok;
}

int cmd_bench(Options *o) { return run_command(o, bench); }
