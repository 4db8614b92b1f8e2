/* cmd_run.c - `adc run`: compile in memory, bind the arguments given, call, print. */
#include "driver/run.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of `out_seed=` or, for a field of a struct, `out_seed.W=`. */
static bool any_given_ends(Run *r, const char *suffix) {
  size_t n = strlen(suffix);
  for (int i = 0; i < r->ngiven; i++) {
    size_t len = strcspn(r->given[i].name, ".");
    if (len > n && strncmp(r->given[i].name + len - n, suffix, n) == 0) return true;
  }
  return false;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void json_leaf(Run *r, Text *t, const Leaf *l) {
  int64_t dim[MAX_RANK], count;
  run_concrete_shape(r, l->type, dim, &count);
  if (l->type->rank == 0 && l->type->elem == BOOL)
    text_add(t, "%s", *(int *)l->data ? "true" : "false");
  else
    json_tensor(t, l->type->elem, l->type->rank, dim, l->data);
}

static void json_struct(Run *r, Text *t, const Aggregate *agg, Leaf **leaf) {
  text_add(t, "{");
  for (int i = 0; i < agg->nfield; i++) {
    text_add(t, "%s\"%s\": ", i ? ", " : "", agg->field[i]);
    if (agg->type[i])
      json_struct(r, t, agg->type[i], leaf);
    else
      json_leaf(r, t, (*leaf)++);
  }
  text_add(t, "}");
}

typedef struct Printer {
  Text json;
  int count;
  const char **done;
  int ndone, done_cap;
} Printer;

static bool seen(Run *r, Printer *p, const char *name) {
  for (int i = 0; i < p->ndone; i++)
    if (strcmp(p->done[i], name) == 0) return true;
  PUSH(r->c->arena, p->done, p->ndone, p->done_cap) = name;
  return false;
}

static int primal_results(const Func *f) {
  while (f->origin) f = f->origin;
  return f->nout;
}

/* What every derivative gives is printed once; what two of them call the same is told apart by their names. */
static void print_results(Run *r, Printer *p, Func *f, Leaf *out) {
  for (int i = 0; i < f->nout; i++) {
    const Port *port = &f->out[i];
    Leaf *leaf = out + port->first;
    const char *of = "";
    if (seen(r, p, port->name)) {
      if (i < primal_results(f)) continue;
      of = arena_printf(r->c->arena, "%s.", f->name);
      for (int k = 0; k < port->nleaf; k++) leaf[k].name = arena_printf(r->c->arena, "%s%s", of, leaf[k].name);
    }
    if (r->o->json) {
      text_add(&p->json, "%s\"%s%s\": ", p->count++ ? ", " : "", of, port->name);
      if (port->agg)
        json_struct(r, &p->json, port->agg, &leaf);
      else
        json_leaf(r, &p->json, leaf);
      continue;
    }
    for (int k = 0; k < port->nleaf; k++) {
      int64_t dim[MAX_RANK], count;
      run_concrete_shape(r, leaf[k].type, dim, &count);
      print_tensor(stdout, leaf[k].name, leaf[k].type->elem, leaf[k].type->rank, dim, leaf[k].data);
    }
  }
}

/* One result goes to the file named, several to STEM_NAME.npy each. */
static bool write_results(Run *r, Func *f, Leaf *out) {
  const char *path = r->o->output, *dot = strrchr(path, '.');
  bool csv = dot && strcmp(dot, ".csv") == 0;
  if (!csv && !(dot && strcmp(dot, ".npy") == 0)) return run_fail(r, "-o: results are written to a .npy or .csv file");
  for (int k = 0; k < f->body->nres; k++) {
    int64_t dim[MAX_RANK], count;
    run_concrete_shape(r, out[k].type, dim, &count);
    const char *to =
        f->body->nres == 1 ? path : arena_printf(r->c->arena, "%.*s_%s%s", (int)(dot - path), path, out[k].name, dot);
    if (!(csv ? csv_write : npy_write)(to, out[k].type->elem, out[k].type->rank, dim, out[k].data))
      return run_fail(r, "%s: %s", to, strerror(errno));
  }
  return true;
}

static bool run_one(Run *r, Printer *p, Func *f) {
  int n;
  Leaf *in = run_bind_inputs(r, f, &n), *out = in ? run_room_for_results(r, f) : NULL;
  if (!out || !run_call(r, f, in, out)) return false;
  if (r->o->output) return write_results(r, f, out);
  print_results(r, p, f, out);
  return true;
}

/* ---- which functions --------------------------------------------------------------------------------------------- */

/* The function named, or the file's only one. */
static bool choose(Run *r, const char *text, size_t len) {
  PipelineOptions *p = &r->o->pipeline;
  if (p->derive && !*p->derive) p->derive = NULL;
  if (r->o->grad) {
    if (p->derive) return run_fail(r, "--grad and --derive exclude each other");
    p->seeds_given = any_given_ends(r, "_seed");
    p->derive = p->seeds_given && p->order == 1 ? "vjp" : "grad"; /* from order 2 on a gradient has seeds too */
  }
  p->functions = r->fn;
  r->m = pipeline_compile(r->c, r->o->file, text, len, p, NULL);
  if (!r->m) return false;
  if (r->fn) return true;
  Func *only = NULL;
  for (int i = 0; i < r->m->nfunc; i++) {
    Func *f = r->m->func[i];
    if (!f->exported || f->kind != FUNC_PRIMAL) continue;
    if (only) return run_fail(r, "the file has several functions: name one: adc run %s %s …", r->o->file, only->name);
    only = f;
  }
  return only || run_fail(r, "the file exports no function");
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
    if (near) return run_fail(r, "there is no argument '%s'; did you mean '%s'?", r->given[i].name, near);
    return run_fail(r, "there is no argument '%s'", r->given[i].name);
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
  if (!run_read_given(r) || !choose(r, text, len)) return false;
  Func **call = NEW_N(r->c->arena, Func *, r->m->nfunc + 1);
  int n = functions_to_call(r, call);
  if (!check_names(r, call, n)) return false;
  if (!r->o->code.cpu) r->o->code.cpu = "native";
  r->o->code.packed_only = true;
  if (r->o->code.grain) r->o->code.parallel_for = adc_parallel_for;
  if (r->o->code.opt_level < 0) r->o->code.opt_level = elements_given(r) > 50000 ? 3 : 1;
  pipeline_lower(r->m, &(LowerOptions){.code = &r->o->code, .trap_nan = r->o->trap_nan});
  r->jit = jit_new(r->m, &r->o->code);
  if (!r->jit) return false;
  Printer p = {.count = 0};
  text_init(&p.json, r->c->arena);
  for (int i = 0; i < n; i++)
    if (!run_one(r, &p, call[i])) return false;
  if (r->o->json && !r->o->output) printf("{%s}\n", p.json.s);
  return true;
}

int cmd_run(Options *o) { return run_command(o, run); }
