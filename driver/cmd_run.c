/* cmd_run.c - `adc run`: compile in memory, bind the arguments given, call, print.
 * Calls go through NAME_packed, so that one way of calling fits every signature. */
#include "driver/driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The adc_ws of the generated header. */
typedef struct Workspace {
  void *base;
  size_t len, need;
  void *(*grow)(void *env, size_t need);
  void *env;
  const char *message;
  int line;
  int64_t index;
} Workspace;
enum { RUN_EWORKSPACE = 1 };

typedef struct Given { const char *name; const char *text; Array value; } Given;
typedef struct Known { Sym *sym; int64_t value; } Known;
typedef struct Run {
  Ctx *c;
  Options *o;
  Module *m;
  Jit *jit;
  const char *fn; /* NULL: the only one */
  Given *given;
  int ngiven;
  Known *known; /* sizes of the function being called */
  int nknown;
} Run;

ADC_PRINTF(2, 3) static bool fail(Run *r, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char text[1024];
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  diag_error(r->c, LOC_NONE, 730, "%s", text);
  return false;
}

/* ---- the command line's values ------------------------------------------------------------------------------------------ */

static bool read_given(Run *r) {
  Options *o = r->o;
  int first = 0;
  if (o->narg && !strchr(o->arg[0], '=')) r->fn = o->arg[first++];
  r->given = NEW_N(r->c->arena, Given, o->narg + 1);
  for (int i = first; i < o->narg; i++) {
    char *eq = strchr(o->arg[i], '=');
    if (!eq) return fail(r, "'%s' is not of the form name=value", o->arg[i]);
    Given *g = &r->given[r->ngiven++];
    g->name = arena_strndup(r->c->arena, o->arg[i], (size_t)(eq - o->arg[i]));
    g->text = eq + 1;
    for (int k = 0; k + 1 < r->ngiven; k++)
      if (strcmp(r->given[k].name, g->name) == 0) return fail(r, "'%s' is given twice", g->name);
    const char *error = NULL;
    if (!value_parse(r->c->arena, g->text, &o->seed, &g->value, &error)) return fail(r, "%s: %s", g->name, error);
  }
  return true;
}

static Given *find_given(Run *r, const char *name) {
  for (int i = 0; i < r->ngiven; i++)
    if (strcmp(r->given[i].name, name) == 0) return &r->given[i];
  return NULL;
}

static bool any_given_ends(Run *r, const char *suffix) {
  size_t n = strlen(suffix);
  for (int i = 0; i < r->ngiven; i++) {
    size_t len = strlen(r->given[i].name);
    if (len > n && strcmp(r->given[i].name + len - n, suffix) == 0) return true;
  }
  return false;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------------------ */

static bool known_value(void *env, const Sym *s, int64_t *v) {
  Run *r = env;
  for (int i = 0; i < r->nknown; i++)
    if (r->known[i].sym == s) {
      *v = r->known[i].value;
      return true;
    }
  return false;
}

static void learn(Run *r, Sym *s, int64_t v) { r->known[r->nknown++] = (Known){s, v}; }

/* d = value with one unknown, linear symbol: d(0) + slope * sym. */
static bool solve(Run *r, Func *f, Dim *d, int64_t value) {
  Sym *unknown = NULL;
  for (int i = 0; i < f->nsym; i++) {
    int64_t v;
    if (!dim_mentions(d, f->sym[i]) || known_value(r, f->sym[i], &v)) continue;
    if (unknown) return false;
    unknown = f->sym[i];
  }
  if (!unknown) return false;
  Ctx *c = r->c;
  DimSubst at0 = {unknown, dim_const(c, 0)}, at1 = {unknown, dim_const(c, 1)};
  Dim *zero = dim_subst(c, d, &at0, 1), *slope = dim_sub(c, dim_subst(c, d, &at1, 1), zero);
  Dim *line = dim_add(c, zero, dim_mul(c, slope, dim_sym(c, unknown)));
  int64_t base, step;
  if (line != d || !dim_eval(zero, known_value, r, &base) || !dim_eval(slope, known_value, r, &step) || step == 0)
    return false;
  if ((value - base) % step != 0) return false;
  learn(r, unknown, (value - base) / step);
  return true;
}

typedef struct Leaf { const char *name; Type *type; Given *given; void *data; } Leaf;

static const char *dim_text(Run *r, const Dim *d) {
  Text t;
  text_init(&t, r->c->arena);
  dim_print(&t, d);
  return t.s;
}

static const char *shape_text(Run *r, int rank, const int64_t *dim) {
  Text t;
  text_init(&t, r->c->arena);
  text_add(&t, "[");
  for (int i = 0; i < rank; i++) text_add(&t, "%s%lld", i ? ", " : "", (long long)dim[i]);
  text_add(&t, "]");
  return t.s;
}

static void fit_rank(Array *a, int rank) {
  if (!a->table) return;
  if (rank == 1 && (a->dim[0] == 1 || a->dim[1] == 1)) {
    a->rank = 1;
    a->dim[0] = a->count;
  }
  if (rank == 0 && a->count == 1) a->rank = 0;
}

static bool solve_sizes(Run *r, Func *f, Leaf *leaf, int n) {
  r->known = NEW_N(r->c->arena, Known, f->nsym + 1);
  r->nknown = 0;
  for (int i = 0; i < f->nsym; i++) {
    Given *g = find_given(r, f->sym[i]->name);
    if (!g) continue;
    if (g->value.rank || !g->value.integral) return fail(r, "%s is an int: '%s' is not", g->name, g->text);
    learn(r, f->sym[i], g->value.i[0]);
  }
  for (int progress = 1; progress;) {
    progress = 0;
    for (int i = 0; i < n; i++)
      for (int d = 0; d < leaf[i].type->rank; d++)
        progress |= solve(r, f, leaf[i].type->dim[d], leaf[i].given->value.dim[d]);
  }
  for (int i = 0; i < f->nsym; i++) {
    int64_t v;
    if (!known_value(r, f->sym[i], &v))
      return fail(r, "'%s' is not determined by the arguments; give it: %s=…", f->sym[i]->name, f->sym[i]->name);
    if (v < 0 && f->sym[i]->nonneg) return fail(r, "%s is a size: it cannot be %lld", f->sym[i]->name, (long long)v);
  }
  for (int i = 0; i < n; i++)
    for (int d = 0; d < leaf[i].type->rank; d++) {
      int64_t want = 0, got = leaf[i].given->value.dim[d];
      bool ok = dim_eval(leaf[i].type->dim[d], known_value, r, &want);
      if (ok && want == got) continue;
      Text t;
      text_init(&t, r->c->arena);
      type_print(&t, leaf[i].type);
      const char *shape = shape_text(r, leaf[i].type->rank, leaf[i].given->value.dim);
      if (!ok) return fail(r, "%s: %s has no value for %s", leaf[i].name, t.s, shape);
      return fail(r, "%s has shape %s, but its type is %s with %s = %lld", leaf[i].name, shape, t.s,
                  dim_text(r, leaf[i].type->dim[d]), (long long)want);
    }
  return true;
}

/* ---- binding ------------------------------------------------------------------------------------------------------------------ */

static Type *leaf_type(const Func *f, const Port *p, int k) {
  bool input = p->role <= PORT_TANGENT_IN;
  return (input ? f->body->param : f->body->res)[p->first + k]->type;
}

static bool bind_leaf(Run *r, const Port *p, int k, Type *type, Leaf *leaf) {
  const char *name = port_leaf_name(r->c, p, k);
  *leaf = (Leaf){.name = name, .type = type, .given = find_given(r, name)};
  if (!leaf->given) {
    Text t;
    text_init(&t, r->c->arena);
    type_print(&t, type);
    return fail(r, "no value for %s: %s", name, t.s);
  }
  Array *a = &leaf->given->value;
  fit_rank(a, type->rank);
  if (a->rank != type->rank) {
    Text t;
    text_init(&t, r->c->arena);
    type_print(&t, type);
    return fail(r, "%s has shape %s, but its type is %s", name, shape_text(r, a->rank, a->dim), t.s);
  }
  leaf->data = array_convert(r->c->arena, a, type->elem);
  return leaf->data || fail(r, "%s: a value does not fit into %s", name, elem_name(type->elem));
}

/* Leaves of the ports in order; inputs are bound to values, results get room. */
static Leaf *bind_inputs(Run *r, Func *f, int *n) {
  Leaf *leaf = NEW_N(r->c->arena, Leaf, f->body->nparam + 1);
  for (int i = 0; i < f->nin; i++)
    for (int k = 0; k < f->in[i].nleaf; k++) {
      int at = f->in[i].first + k;
      if (!bind_leaf(r, &f->in[i], k, leaf_type(f, &f->in[i], k), &leaf[at])) return NULL;
    }
  *n = f->body->nparam;
  return solve_sizes(r, f, leaf, *n) ? leaf : NULL;
}

static bool concrete_shape(Run *r, Type *t, int64_t *dim, int64_t *count) {
  *count = 1;
  for (int d = 0; d < t->rank; d++) {
    if (!dim_eval(t->dim[d], known_value, r, &dim[d]) || dim[d] < 0)
      return fail(r, "the size %s of a result has no value here", dim_text(r, t->dim[d]));
    if (__builtin_mul_overflow(*count, dim[d], count)) return fail(r, "a result is too large");
  }
  return true;
}

static Leaf *room_for_results(Run *r, Func *f) {
  Leaf *leaf = NEW_N(r->c->arena, Leaf, f->body->nres + 1);
  for (int i = 0; i < f->nout; i++)
    for (int k = 0; k < f->out[i].nleaf; k++) {
      Leaf *l = &leaf[f->out[i].first + k];
      int64_t dim[MAX_RANK], count;
      l->name = port_leaf_name(r->c, &f->out[i], k);
      l->type = leaf_type(f, &f->out[i], k);
      if (!concrete_shape(r, l->type, dim, &count)) return NULL;
      l->data = arena_alloc(r->c->arena, (size_t)count * (size_t)elem_size(l->type->elem) + 8);
    }
  return leaf;
}

/* A scalar as C passes it in a struct: bool is int. */
static size_t scalar_size(Elem e) { return e == BOOL ? sizeof(int) : (size_t)elem_size(e); }

static void put_scalar(void *to, Elem e, const void *from) {
  int flag = *(const char *)from;
  memcpy(to, e == BOOL ? &flag : from, scalar_size(e));
}

/* Lays a struct out as C does: inputs hold scalars by value and pointers, results pointers only. */
static size_t lay_struct(const Aggregate *agg, Leaf **leaf, bool input, char *to, size_t at, size_t *align) {
  size_t start = at;
  for (int i = 0; i < agg->nfield; i++) {
    if (agg->type[i]) {
      size_t inner = 1, size = lay_struct(agg->type[i], &(Leaf *){*leaf}, input, NULL, 0, &inner);
      at = (at + inner - 1) / inner * inner;
      lay_struct(agg->type[i], leaf, input, to, at, &inner);
      at += size;
      if (inner > *align) *align = inner;
      continue;
    }
    Leaf *l = (*leaf)++;
    bool value = input && l->type->rank == 0;
    size_t size = value ? scalar_size(l->type->elem) : sizeof(void *);
    at = (at + size - 1) / size * size;
    if (to && value) put_scalar(to + at, l->type->elem, l->data);
    if (to && !value) memcpy(to + at, &l->data, sizeof l->data);
    at += size;
    if (size > *align) *align = size;
  }
  return (at - start + *align - 1) / *align * *align;
}

static void *make_argument(Run *r, const Func *f, const CArg *a, Leaf *in, Leaf *out, Workspace *ws) {
  (void)f;
  char *slot = arena_alloc(r->c->arena, 16);
  void *pointer = ws;
  if (a->sym) {
    int64_t v = 0;
    known_value(r, a->sym, &v);
    memcpy(slot, &v, sizeof v);
    return slot;
  }
  if (a->kind != CARG_WS) {
    bool input = a->port->role <= PORT_TANGENT_IN;
    Leaf *leaf = (input ? in : out) + a->port->first;
    if (a->kind == CARG_SCALAR) {
      put_scalar(slot, leaf->type->elem, leaf->data);
      return slot;
    }
    pointer = leaf->data;
    if (a->port->agg) {
      size_t align = 1;
      pointer = arena_alloc(r->c->arena, (size_t)a->port->nleaf * 32 + 32);
      lay_struct(a->port->agg, &leaf, input, pointer, 0, &align);
    }
  }
  memcpy(slot, &pointer, sizeof pointer);
  return slot;
}

/* ---- calling and printing ---------------------------------------------------------------------------------------------------- */

static void say_failure(Run *r, int code, const Workspace *ws) {
  static const char *const names[] = {"ADC_OK",      "ADC_EWORKSPACE", "ADC_EDIM",  "ADC_EINDEX",
                                      "ADC_EASSERT", "ADC_ENAN",       "ADC_ENOMEM"};
  const char *name = code > 0 && code < 7 ? names[code] : "unknown code";
  const char *message = ws->message ? ws->message : "the call failed";
  fprintf(stderr, "%s:", r->o->file);
  if (ws->line > 0) fprintf(stderr, "%d:", ws->line);
  fprintf(stderr, " error: %s (%s", message, name);
  if (strcmp(name, "ADC_EINDEX") == 0) fprintf(stderr, ", index %lld", (long long)ws->index);
  fprintf(stderr, ")\n");
}

static bool call(Run *r, Func *f, Leaf *in, Leaf *out) {
  CArg *arg;
  int n = codegen_signature(f, &arg);
  Workspace ws = {0};
  void **packed = NEW_N(r->c->arena, void *, n + 1);
  for (int i = 0; i < n; i++) packed[i] = make_argument(r, f, &arg[i], in, out, &ws);
  union { void *object; int (*function)(void **); } entry;
  entry.object = jit_symbol(r->jit, arena_printf(r->c->arena, "%s_packed", f->name));
  if (!entry.object) bug("no %s_packed in the compiled module", f->name);
  int code = entry.function(packed);
  while (code == RUN_EWORKSPACE && ws.need > ws.len) {
    void *base = realloc(ws.base, ws.need);
    if (!base) {
      free(ws.base);
      return fail(r, "%s needs a workspace of %zu bytes, more than there is", f->name, ws.need);
    }
    ws.base = base;
    ws.len = ws.need;
    code = entry.function(packed);
  }
  free(ws.base);
  if (code == 0) return true;
  say_failure(r, code, &ws);
  return false;
}

static void json_leaf(Run *r, Text *t, const Leaf *l) {
  int64_t dim[MAX_RANK], count;
  concrete_shape(r, l->type, dim, &count);
  if (l->type->rank == 0 && l->type->elem == BOOL) text_add(t, "%s", *(int *)l->data ? "true" : "false");
  else json_tensor(t, l->type->elem, l->type->rank, dim, l->data);
}

static void json_struct(Run *r, Text *t, const Aggregate *agg, Leaf **leaf) {
  text_add(t, "{");
  for (int i = 0; i < agg->nfield; i++) {
    text_add(t, "%s\"%s\": ", i ? ", " : "", agg->field[i]);
    if (agg->type[i]) json_struct(r, t, agg->type[i], leaf);
    else json_leaf(r, t, (*leaf)++);
  }
  text_add(t, "}");
}

typedef struct Printer { Text json; int count; const char **done; int ndone, done_cap; } Printer;

static bool seen(Run *r, Printer *p, const char *name) {
  for (int i = 0; i < p->ndone; i++)
    if (strcmp(p->done[i], name) == 0) return true;
  PUSH(r->c->arena, p->done, p->ndone, p->done_cap) = name;
  return false;
}

static void print_results(Run *r, Printer *p, Func *f, Leaf *out) {
  for (int i = 0; i < f->nout; i++) {
    const Port *port = &f->out[i];
    if (seen(r, p, port->name)) continue;
    Leaf *leaf = out + port->first;
    if (r->o->json) {
      text_add(&p->json, "%s\"%s\": ", p->count++ ? ", " : "", port->name);
      if (port->agg) json_struct(r, &p->json, port->agg, &leaf);
      else json_leaf(r, &p->json, leaf);
      continue;
    }
    for (int k = 0; k < port->nleaf; k++) {
      int64_t dim[MAX_RANK], count;
      concrete_shape(r, leaf[k].type, dim, &count);
      print_tensor(stdout, leaf[k].name, leaf[k].type->elem, leaf[k].type->rank, dim, leaf[k].data);
    }
  }
}

/* One result goes to the file named, several to STEM_NAME.npy each. */
static bool write_results(Run *r, Func *f, Leaf *out) {
  const char *path = r->o->output, *dot = strrchr(path, '.');
  bool csv = dot && strcmp(dot, ".csv") == 0;
  if (!csv && !(dot && strcmp(dot, ".npy") == 0)) return fail(r, "-o: results are written to a .npy or .csv file");
  for (int k = 0; k < f->body->nres; k++) {
    int64_t dim[MAX_RANK], count;
    concrete_shape(r, out[k].type, dim, &count);
    const char *to = f->body->nres == 1 ? path
                                        : arena_printf(r->c->arena, "%.*s_%s%s", (int)(dot - path), path, out[k].name, dot);
    if (!(csv ? csv_write : npy_write)(to, out[k].type->elem, out[k].type->rank, dim, out[k].data))
      return fail(r, "%s: %s", to, strerror(errno));
  }
  return true;
}

static bool run_one(Run *r, Printer *p, Func *f) {
  int n;
  Leaf *in = bind_inputs(r, f, &n), *out = in ? room_for_results(r, f) : NULL;
  if (!out || !call(r, f, in, out)) return false;
  if (r->o->output) return write_results(r, f, out);
  print_results(r, p, f, out);
  return true;
}

/* ---- which functions -------------------------------------------------------------------------------------------------------------- */

/* The function named, or the file's only one. */
static bool choose(Run *r, const char *text, size_t len) {
  PipelineOptions *p = &r->o->pipeline;
  if (r->o->grad) {
    if (p->derive) return fail(r, "--grad and --derive exclude each other");
    p->derive = any_given_ends(r, "_seed") ? "vjp" : "grad";
  }
  p->functions = r->fn;
  r->m = pipeline_compile(r->c, r->o->file, text, len, p, NULL);
  if (!r->m) return false;
  if (r->fn) return true;
  Func *only = NULL;
  for (int i = 0; i < r->m->nfunc; i++) {
    Func *f = r->m->func[i];
    if (!f->exported || f->kind != FUNC_PRIMAL) continue;
    if (only) return fail(r, "the file has several functions: name one: adc run %s %s …", r->o->file, only->name);
    only = f;
  }
  return only || fail(r, "the file exports no function");
}

/* Calls what was asked for: the last of each chain of derivatives, or the function itself. */
static int functions_to_call(Run *r, Func **call) {
  int n = 0;
  for (int i = 0; i < r->m->nfunc; i++) {
    Func *f = r->m->func[i];
    bool last = f->exported && (f->kind != FUNC_PRIMAL || !r->o->pipeline.derive);
    for (int k = 0; last && k < r->m->nfunc; k++) last = r->m->func[k]->origin != f;
    if (last) call[n++] = f;
  }
  for (int i = 0; i < r->m->nfunc; i++) {
    bool keep = false;
    for (int k = 0; k < n; k++) keep |= call[k] == r->m->func[i];
    r->m->func[i]->exported = keep;
  }
  return n;
}

/* Every value given is somebody's: a misspelt name must not pass unseen. */
static bool check_names(Run *r, Func **call, int n) {
  const char **names = NULL;
  int count = 0, cap = 0;
  for (int k = 0; k < n; k++) {
    for (int i = 0; i < call[k]->nsym; i++) PUSH(r->c->arena, names, count, cap) = call[k]->sym[i]->name;
    for (int i = 0; i < call[k]->nin; i++)
      for (int l = 0; l < call[k]->in[i].nleaf; l++)
        PUSH(r->c->arena, names, count, cap) = port_leaf_name(r->c, &call[k]->in[i], l);
  }
  for (int i = 0; i < r->ngiven; i++) {
    bool known = false;
    for (int k = 0; k < count; k++) known |= strcmp(names[k], r->given[i].name) == 0;
    if (known) continue;
    const char *near = closest_name(r->given[i].name, names, count);
    if (near) return fail(r, "there is no argument '%s'; did you mean '%s'?", r->given[i].name, near);
    return fail(r, "there is no argument '%s'", r->given[i].name);
  }
  return true;
}

/* With little data the time goes into compiling. */
static int64_t elements_given(const Run *r) {
  int64_t n = 0;
  for (int i = 0; i < r->ngiven; i++) n += r->given[i].value.count;
  return n;
}

static bool run(Run *r, const char *text, size_t len) {
  if (!read_given(r) || !choose(r, text, len)) return false;
  Func **call = NEW_N(r->c->arena, Func *, r->m->nfunc + 1);
  int n = functions_to_call(r, call);
  if (!check_names(r, call, n)) return false;
  if (!r->o->code.cpu) r->o->code.cpu = "native";
  r->o->code.packed_only = true;
  if (r->o->code.opt_level < 0) r->o->code.opt_level = elements_given(r) > 50000 ? 3 : 1;
  r->jit = jit_new(r->m, &r->o->code);
  if (!r->jit) return false;
  Printer p = {.count = 0};
  text_init(&p.json, r->c->arena);
  for (int i = 0; i < n; i++)
    if (!run_one(r, &p, call[i])) return false;
  if (r->o->json && !r->o->output) printf("{%s}\n", p.json.s);
  return true;
}

int cmd_run(Options *o) {
  Run r = {.c = ctx_new(), .o = o};
  size_t len;
  const char *text = read_program(r.c, o, &len);
  bool ok = text && run(&r, text, len);
  report(r.c, o);
  if (r.jit) jit_free(r.jit);
  ctx_free(r.c);
  return ok ? EXIT_OK : EXIT_PROGRAM;
}
