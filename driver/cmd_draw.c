/* cmd_draw.c - `adc graph` and `adc plot`: pictures through Graphviz and gnuplot, run as programs of their own.
 * A picture is made in full before its file is touched. */
#include "driver/run.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *suffix_of(const char *path) {
  const char *dot = path ? strrchr(path, '.') : NULL;
  return dot ? dot + 1 : "";
}

static bool on_path(const char *program) {
  char path[4096];
  const char *list = getenv("PATH");
  for (const char *s = list ? list : ""; *s;) {
    int n = (int)strcspn(s, ":");
    snprintf(path, sizeof path, "%.*s/%s", n, s, program);
    if (access(path, X_OK) == 0) return true;
    s += n + (s[n] == ':');
  }
  return false;
}

/* Feeds `input` to a command that writes its picture to `temp`, and moves that to `path`. */
static bool draw(Run *r, const char *program, const char *package, const char *command, const char *input, size_t len,
                 const char *temp, const char *path) {
  if (!on_path(program))
    return run_fail(r, "'%s' is not installed: on Debian or Ubuntu, `apt-get install %s`", program, package);
  FILE *pipe = popen(command, "w");
  if (!pipe) return run_fail(r, "cannot start %s: %s", program, strerror(errno));
  bool sent = fwrite(input, 1, len, pipe) == len;
  int status = pclose(pipe);
  size_t size;
  char *picture = sent && status == 0 ? file_read(r->c->arena, temp, &size) : NULL;
  remove(temp);
  if (!picture || !size) return run_fail(r, "%s could not draw this", program);
  return file_write(path, picture, size) || run_fail(r, "%s: %s", path, strerror(errno));
}

/* Beside the output; quotes in it would break out of the command. */
static const char *temp_name(Run *r, const char *path) {
  if (strchr(path, '\'')) {
    run_fail(r, "-o: a quotation mark in a file's name is more than %s can take", "the drawing program");
    return NULL;
  }
  return arena_printf(r->c->arena, "%s.%ld.tmp", path, (long)getpid());
}

/* ---- graph ------------------------------------------------------------------------------------------------------- */

static bool graph(Run *r, const char *text, size_t len) {
  r->m = pipeline_compile(r->c, r->o->file, text, len, &r->o->pipeline, NULL);
  if (!r->m) return false;
  Text dot;
  text_init(&dot, r->c->arena);
  module_dot(&dot, r->m);
  const char *to = r->o->output, *form = suffix_of(to);
  if (!to || strcmp(form, "dot") == 0 || strcmp(form, "gv") == 0)
    return file_write(to ? to : "-", dot.s, dot.len) || run_fail(r, "%s: %s", to ? to : "standard output", strerror(errno));
  if (strcmp(form, "svg") != 0 && strcmp(form, "png") != 0 && strcmp(form, "pdf") != 0)
    return run_fail(r, "-o: a graph is written as .dot, .svg, .png or .pdf");
  const char *temp = temp_name(r, to);
  return temp && draw(r, "dot", "graphviz", arena_printf(r->c->arena, "dot -T%s -o '%s'", form, temp), dot.s, dot.len,
                      temp, to);
}

/* ---- plot -------------------------------------------------------------------------------------------------------- */

enum { POINTS = 400 };
typedef struct Curve {
  Func *f;
  double y[POINTS];
} Curve;
typedef struct Plot {
  Run *r;
  const char *variable;
  double from, to;
  int n;
  Curve curve[8];
} Plot;

/* Takes `x=0:6.28` out of the arguments: the variable and its range. */
static bool read_range(Plot *p) {
  Options *o = p->r->o;
  for (int i = 0; i < o->narg; i++) {
    char *eq = strchr(o->arg[i], '='), *colon = eq ? strchr(eq, ':') : NULL, *end;
    if (!colon) continue;
    p->from = strtod(eq + 1, &end);
    bool ok = end == colon;
    p->to = strtod(colon + 1, &end);
    if (!ok || *end || !(p->from < p->to)) return run_fail(p->r, "'%s': a range is written x=0:6.28", o->arg[i]);
    p->variable = arena_strndup(p->r->c->arena, o->arg[i], (size_t)(eq - o->arg[i]));
    memmove(&o->arg[i], &o->arg[i + 1], sizeof *o->arg * (size_t)(o->narg - i - 1));
    o->narg--;
    return true;
  }
  return run_fail(p->r, "plot: no range given: adc plot %s f x=0:6.28 -o f.svg", o->file);
}

static bool is_scalar(const Func *f, const char *name) {
  for (int i = 0; i < f->nin; i++)
    if (strcmp(f->in[i].name, name) == 0)
      return f->in[i].nleaf == 1 && f->body->param[f->in[i].first]->type->rank == 0 &&
             elem_is_real(f->body->param[f->in[i].first]->type->elem);
  return false;
}

/* f, then its derivatives of order 1 to --order. */
static bool choose_curves(Plot *p, const char *text, size_t len) {
  Run *r = p->r;
  PipelineOptions *o = &r->o->pipeline;
  int order = r->o->order_given ? o->order : 0;
  if (order > 7) return run_fail(r, "plot: --order goes up to 7");
  o->functions = r->fn;
  r->m = pipeline_compile(r->c, r->o->file, text, len, o, NULL);
  if (!r->m) return false;
  Func *f = NULL;
  for (int i = 0; i < r->m->nfunc; i++)
    if (r->m->func[i]->exported) f = f ? f : r->m->func[i];
  if (!f) return run_fail(r, "the file exports no function");
  if (!is_scalar(f, p->variable))
    return run_fail(r, "plot: '%s' has no real scalar parameter '%s'", f->name, p->variable);
  if (!can_grad(f)) return run_fail(r, "plot: the result of '%s' is not a real scalar", f->name);
  for (int i = 0; i < r->m->nfunc; i++) r->m->func[i]->exported = false;
  for (int k = 0; k <= order; k++) {
    f->exported = true;
    p->curve[p->n++].f = f;
    if (k < order && !(f = derive_grad(f, (Wrt){1, &p->variable, NULL}))) return false;
  }
  return true;
}

static bool evaluate(Plot *p) {
  Run *r = p->r;
  double x;
  Given *g = &PUSH(r->c->arena, r->given, r->ngiven, r->given_cap);
  *g = (Given){.name = p->variable, .text = "a point of the range", .value = {.count = 1, .f = &x}};
  for (int k = 0; k < p->n; k++)
    for (int i = 0; i < POINTS; i++) {
      x = p->from + (p->to - p->from) * i / (POINTS - 1);
      int n;
      Func *f = p->curve[k].f;
      Leaf *in = run_bind_inputs(r, f, &n), *out = in ? run_room_for_results(r, f) : NULL;
      if (!out || !run_call(r, f, in, out)) return false;
      const Leaf *y = &out[f->out[f->nout - 1].first];
      p->curve[k].y[i] = y->type->elem == F64 ? *(double *)y->data : (double)*(float *)y->data;
    }
  return true;
}

static const char *title(Plot *p, int k) {
  const char *f = p->curve[0].f->name, *marks[] = {"", "'", "''", "'''"};
  if (k < 4) return arena_printf(p->r->c->arena, "%s%s(%s)", f, marks[k], p->variable);
  return arena_printf(p->r->c->arena, "%s^{(%d)}(%s)", f, k, p->variable);
}

static void script(Plot *p, const char *form, const char *temp, Text *t) {
  text_add(t, "set terminal %s size 720,432 enhanced background 'white'\nset output '%s'\n",
           strcmp(form, "svg") == 0 ? "svg" : "pngcairo", temp);
  text_add(t, "set grid\nset xlabel \"%s\"\nset xrange [%.17g:%.17g]\nset key outside top center horizontal\nplot",
           p->variable, p->from, p->to);
  for (int k = 0; k < p->n; k++) text_add(t, "%s '-' with lines linewidth 2 title \"%s\"", k ? "," : "", title(p, k));
  text_add(t, "\n");
  for (int k = 0; k < p->n; k++) {
    for (int i = 0; i < POINTS; i++) {
      double x = p->from + (p->to - p->from) * i / (POINTS - 1), y = p->curve[k].y[i];
      if (isfinite(y))
        text_add(t, "%.17g %.17g\n", x, y);
      else
        text_add(t, "\n"); /* a gap */
    }
    text_add(t, "e\n");
  }
}

static bool plot(Run *r, const char *text, size_t len) {
  Plot p = {.r = r};
  const char *form = suffix_of(r->o->output);
  if (strcmp(form, "svg") != 0 && strcmp(form, "png") != 0)
    return run_fail(r, "plot: give the picture's file: -o f.svg or -o f.png");
  if (!read_range(&p) || !run_read_given(r) || !choose_curves(&p, text, len)) return false;
  r->o->code.packed_only = true;
  r->o->code.opt_level = 1;
  r->jit = jit_new(r->m, &r->o->code);
  bool ok = r->jit && evaluate(&p);
  if (r->jit) jit_free(r->jit);
  const char *temp = ok ? temp_name(r, r->o->output) : NULL;
  if (!temp) return false;
  Text t;
  text_init(&t, r->c->arena);
  script(&p, form, temp, &t);
  return draw(r, "gnuplot", "gnuplot-nox", "gnuplot", t.s, t.len, temp, r->o->output);
}

static int run_verb(Options *o, bool (*verb)(Run *, const char *, size_t)) {
  Run r = {.c = ctx_new(), .o = o};
  size_t len;
  const char *text = read_program(r.c, o, &len);
  bool ok = text && verb(&r, text, len);
  report(r.c, o);
  ctx_free(r.c);
  return ok ? EXIT_OK : EXIT_PROGRAM;
}

int cmd_graph(Options *o) { return run_verb(o, graph); }
int cmd_plot(Options *o) { return run_verb(o, plot); }
