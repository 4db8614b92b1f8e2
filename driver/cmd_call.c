/* cmd_call.c - values for a function's arguments, sizes from their shapes, the call.
 * Requires: the function compiled in r->jit with its packed form.  Ensures: nothing is kept but in the context's arena.
 */
#include "driver/run.h"
#include <stdlib.h>
#include <string.h>

bool run_fail(Run *r, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char text[1024];
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  diag_error(r->c, LOC_NONE, 730, "%s", text);
  return false;
}

/* ---- the command line's values ----------------------------------------------------------------------------------- */

bool run_read_given(Run *r) {
  Options *o = r->o;
  int first = 0;
  if (o->narg && !strchr(o->arg[0], '=')) r->fn = o->arg[first++];
  for (int i = first; i < o->narg; i++) {
    char *eq = strchr(o->arg[i], '=');
    if (!eq) return run_fail(r, "'%s' is not of the form name=value", o->arg[i]);
    Given *g = &PUSH(r->c->arena, r->given, r->ngiven, r->given_cap);
    g->name = arena_strndup(r->c->arena, o->arg[i], (size_t)(eq - o->arg[i]));
    g->text = eq + 1;
    for (int k = 0; k + 1 < r->ngiven; k++)
      if (strcmp(r->given[k].name, g->name) == 0) return run_fail(r, "'%s' is given twice", g->name);
    const char *error = NULL;
    if (!value_parse(r->c->arena, g->text, &o->seed, &g->value, &error)) return run_fail(r, "%s: %s", g->name, error);
  }
  return true;
}

Given *run_given(Run *r, const char *name) {
  for (int i = 0; i < r->ngiven; i++)
    if (strcmp(r->given[i].name, name) == 0) return &r->given[i];
  return NULL;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

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

enum { ANY_SIZE = -1 };

/* [] is how a matrix without rows is written, too: it has as many columns as the others say. */
static void fit_rank(Array *a, int rank) {
  if (rank > 1 && a->rank == 1 && a->count == 0) {
    for (int i = 1; i < rank; i++) a->dim[i] = ANY_SIZE;
    a->rank = rank;
  }
  if (!a->table) return;
  if (rank == 1 && (a->dim[0] == 1 || a->dim[1] == 1)) {
    a->rank = 1;
    a->dim[0] = a->count;
  }
  if (rank == 0 && a->count == 1) a->rank = 0;
}

/* What the values given tell of f's symbols.  Leaves without a value tell nothing. */
static bool learn_sizes(Run *r, Func *f, const Leaf *leaf, int n) {
  r->known = NEW_N(r->c->arena, Known, f->nsym + 1);
  r->nknown = 0;
  for (int i = 0; i < f->nsym; i++) {
    Given *g = run_given(r, f->sym[i]->name);
    if (!g) continue;
    if (g->value.rank || !g->value.integral) return run_fail(r, "%s is an int: '%s' is not", g->name, g->text);
    learn(r, f->sym[i], g->value.i[0]);
  }
  for (int progress = 1; progress;) {
    progress = 0;
    for (int i = 0; i < n; i++)
      for (int d = 0; leaf[i].given && d < leaf[i].type->rank && d < leaf[i].given->value.rank; d++)
        if (leaf[i].given->value.dim[d] != ANY_SIZE) progress |= solve(r, f, leaf[i].type->dim[d], leaf[i].given->value.dim[d]);
  }
  return true;
}

static void fill_sizes(Run *r, const Leaf *leaf) {
  int64_t *dim = leaf->given->value.dim, want;
  for (int d = 0; d < leaf->type->rank; d++)
    if (dim[d] == ANY_SIZE) dim[d] = dim_eval(leaf->type->dim[d], known_value, r, &want) ? want : 0;
}

static bool solve_sizes(Run *r, Func *f, Leaf *leaf, int n) {
  if (!learn_sizes(r, f, leaf, n)) return false;
  for (int i = 0; i < f->nsym; i++) {
    int64_t v;
    if (!known_value(r, f->sym[i], &v))
      return run_fail(r, "'%s' is not determined by the arguments; give it: %s=…", f->sym[i]->name, f->sym[i]->name);
    if (v < 0 && f->sym[i]->nonneg)
      return run_fail(r, "%s is a size: it cannot be %lld", f->sym[i]->name, (long long)v);
  }
  for (int i = 0; i < n; i++) fill_sizes(r, &leaf[i]);
  for (int i = 0; i < n; i++)
    for (int d = 0; d < leaf[i].type->rank; d++) {
      int64_t want = 0, got = leaf[i].given->value.dim[d];
      bool ok = dim_eval(leaf[i].type->dim[d], known_value, r, &want);
      if (ok && want == got) continue;
      Text t;
      text_init(&t, r->c->arena);
      type_print(&t, leaf[i].type);
      const char *shape = shape_text(r, leaf[i].type->rank, leaf[i].given->value.dim);
      if (!ok) return run_fail(r, "%s: %s has no value for %s", leaf[i].name, t.s, shape);
      return run_fail(r, "%s has shape %s, but its type is %s with %s = %lld", leaf[i].name, shape, t.s,
                      dim_text(r, leaf[i].type->dim[d]), (long long)want);
    }
  return true;
}

/* ---- binding ----------------------------------------------------------------------------------------------------- */

static Type *leaf_type(const Func *f, const Port *p, int k) {
  bool input = p->role <= PORT_TANGENT_IN;
  return (input ? f->body->param : f->body->res)[p->first + k]->type;
}

static bool bind_leaf(Run *r, const Port *p, int k, Type *type, Leaf *leaf) {
  const char *name = port_leaf_name(r->c, p, k);
  *leaf = (Leaf){.name = name, .type = type, .given = run_given(r, name)};
  if (!leaf->given) {
    Text t;
    text_init(&t, r->c->arena);
    type_print(&t, type);
    return run_fail(r, "no value for %s: %s", name, t.s);
  }
  Array *a = &leaf->given->value;
  fit_rank(a, type->rank);
  if (a->rank != type->rank) {
    Text t;
    text_init(&t, r->c->arena);
    type_print(&t, type);
    return run_fail(r, "%s has shape %s, but its type is %s", name, shape_text(r, a->rank, a->dim), t.s);
  }
  leaf->data = array_convert(r->c->arena, a, type->elem);
  return leaf->data || run_fail(r, "%s: a value does not fit into %s", name, elem_name(type->elem));
}

Leaf *run_bind_inputs(Run *r, Func *f, int *n) {
  Leaf *leaf = NEW_N(r->c->arena, Leaf, f->body->nparam + 1);
  for (int i = 0; i < f->nin; i++)
    for (int k = 0; k < f->in[i].nleaf; k++) {
      int at = f->in[i].first + k;
      if (!bind_leaf(r, &f->in[i], k, leaf_type(f, &f->in[i], k), &leaf[at])) return NULL;
    }
  *n = f->body->nparam;
  return solve_sizes(r, f, leaf, *n) ? leaf : NULL;
}

/* ---- values for what was not given ------------------------------------------------------------------------------- */

static Given *give(Run *r, const char *name) {
  Given *g = &PUSH(r->c->arena, r->given, r->ngiven, r->given_cap);
  *g = (Given){.name = name, .text = "a chosen value"};
  return g;
}

static void give_size(Run *r, Sym *s, int64_t v) {
  Given *g = give(r, s->name);
  g->value = (Array){.count = 1, .integral = true, .f = NEW(r->c->arena, double), .i = NEW(r->c->arena, int64_t)};
  g->value.f[0] = (double)(g->value.i[0] = v);
  learn(r, s, v);
}

static bool give_random(Run *r, const Port *p, const Leaf *leaf) {
  Array a = {.rank = leaf->type->rank, .integral = !elem_is_real(leaf->type->elem)};
  if (!run_concrete_shape(r, leaf->type, a.dim, &a.count)) return false;
  a.f = NEW_N(r->c->arena, double, a.count + 1);
  a.i = NEW_N(r->c->arena, int64_t, a.count + 1);
  for (int64_t k = 0; k < a.count && !a.integral; k++)
    a.f[k] = p->role == PORT_PARAM ? 0.25 + random_uniform(&r->o->seed) : random_normal(&r->o->seed);
  give(r, leaf->name)->value = a;
  return true;
}

bool run_fill_missing(Run *r, Func *f, bool sizes) {
  Leaf *leaf = NEW_N(r->c->arena, Leaf, f->body->nparam + 1);
  for (int i = 0; i < f->nin; i++)
    for (int k = 0; k < f->in[i].nleaf; k++) {
      const char *name = port_leaf_name(r->c, &f->in[i], k);
      leaf[f->in[i].first + k] = (Leaf){.name = name, .type = leaf_type(f, &f->in[i], k), .given = run_given(r, name)};
    }
  if (!learn_sizes(r, f, leaf, f->body->nparam)) return false;
  for (int i = 0, size = 3; i < f->nsym; i++) {
    int64_t v;
    if (known_value(r, f->sym[i], &v)) continue;
    if (!sizes) return run_fail(r, "'%s' is not determined by the arguments; give it: %s=…", f->sym[i]->name, f->sym[i]->name);
    give_size(r, f->sym[i], f->sym[i]->nonneg ? size++ : 2);
  }
  for (int i = 0; i < f->nin; i++)
    for (int k = 0; k < f->in[i].nleaf; k++) {
      Leaf *l = &leaf[f->in[i].first + k];
      if (!l->given && !give_random(r, &f->in[i], l)) return false;
    }
  return true;
}

/* ---- room and calls ---------------------------------------------------------------------------------------------- */

bool run_dim(Run *r, const Dim *d, int64_t *x) { return dim_eval(d, known_value, r, x); }

bool run_concrete_shape(Run *r, Type *t, int64_t *dim, int64_t *count) {
  *count = 1;
  for (int d = 0; d < t->rank; d++) {
    if (!dim_eval(t->dim[d], known_value, r, &dim[d]) || dim[d] < 0)
      return run_fail(r, "the size %s of a result has no value here", dim_text(r, t->dim[d]));
    if (__builtin_mul_overflow(*count, dim[d], count)) return run_fail(r, "a result is too large");
  }
  return true;
}

Leaf *run_room_for_results(Run *r, Func *f) {
  Leaf *leaf = NEW_N(r->c->arena, Leaf, f->body->nres + 1);
  for (int i = 0; i < f->nout; i++)
    for (int k = 0; k < f->out[i].nleaf; k++) {
      Leaf *l = &leaf[f->out[i].first + k];
      int64_t dim[MAX_RANK], count;
      l->name = port_leaf_name(r->c, &f->out[i], k);
      l->type = leaf_type(f, &f->out[i], k);
      if (!run_concrete_shape(r, l->type, dim, &count)) return NULL;
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

/* ---- calling and printing ---------------------------------------------------------------------------------------- */

static void say_failure(Run *r, int code, const Workspace *ws) {
  static const char *const names[] = {"ADC_OK",      "ADC_EWORKSPACE", "ADC_EDIM",  "ADC_EINDEX",
                                      "ADC_EASSERT", "ADC_ENAN",       "ADC_ENOMEM"};
  const char *name = code > 0 && code < 7 ? names[code] : "unknown code";
  const char *message = ws->message ? ws->message : "the call failed";
  fprintf(stderr, "%s:", r->o->file);
  if (ws->line > 0) fprintf(stderr, "%d:", ws->line);
  fprintf(stderr, " error: %s (%s", message, name);
  if (strcmp(name, "ADC_EINDEX") == 0) fprintf(stderr, ", index %lld", (long long)ws->index);
  if (strcmp(name, "ADC_ENOMEM") == 0 && ws->index > 0) fprintf(stderr, ", %lld bytes", (long long)ws->index);
  fprintf(stderr, ")\n");
}

Call *run_prepare(Run *r, Func *f, Leaf *in, Leaf *out) {
  Call *call = NEW(r->c->arena, Call);
  CArg *arg;
  int n = codegen_signature(f, &arg);
  call->f = f;
  call->packed = NEW_N(r->c->arena, void *, n + 1);
  for (int i = 0; i < n; i++) call->packed[i] = make_argument(r, f, &arg[i], in, out, &call->ws);
  call->object = jit_symbol(r->jit, arena_printf(r->c->arena, "%s_packed", f->name));
  if (!call->object) bug("no %s_packed in the compiled module", f->name);
  return call;
}

int run_enter(Call *call) {
  union {
    void *object;
    int (*function)(void **);
  } entry = {.object = call->object};
  return entry.function(call->packed);
}

bool run_again(Run *r, Call *call) {
  Workspace *ws = &call->ws;
  int code = run_enter(call);
  while (code == RUN_EWORKSPACE && ws->need > ws->len) {
    void *base = realloc(ws->base, ws->need);
    if (!base) return run_fail(r, "%s needs a workspace of %zu bytes, more than there is", call->f->name, ws->need);
    ws->base = base;
    ws->len = ws->need;
    code = run_enter(call);
  }
  if (code) say_failure(r, code, ws);
  return code == 0;
}

void run_done(Call *call) { free(call->ws.base); }

bool run_call(Run *r, Func *f, Leaf *in, Leaf *out) {
  Call *call = run_prepare(r, f, in, out);
  bool ok = run_again(r, call);
  run_done(call);
  return ok;
}

/* ---- the verbs ------------------------------------------------------------------------------------------------------------- */

int run_command(Options *o, bool (*act)(Run *r, const char *text, size_t len)) {
  Run r = {.c = ctx_new(), .o = o};
  size_t len;
  const char *text = read_program(r.c, o, &len);
  bool ok = text && act(&r, text, len);
  report(r.c, o);
  if (r.jit) jit_free(r.jit);
  ctx_free(r.c);
  return ok ? EXIT_OK : EXIT_PROGRAM;
}
