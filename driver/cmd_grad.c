/* cmd_grad.c - `adc grad` and `adc compile`: files from a program.
 * Everything is made in memory first; files are written only when all of it succeeded. */
#include "driver/driver.h"
#include <errno.h>
#include <string.h>

typedef struct Output { const char *path; const char *data; size_t len; } Output;
typedef struct Build {
  Ctx *c;
  Options *o;
  Module *m;
  const char *stem;
  const char **deps;
  Output out[16]; /* one for each kind, and the depfile */
  int nout;
} Build;

static const char *with_suffix(Build *b, const char *suffix) {
  return arena_printf(b->c->arena, "%s%s", b->stem, suffix);
}

static void add(Build *b, const char *suffix, const char *data, size_t len) {
  b->out[b->nout++] = (Output){with_suffix(b, suffix), data, len};
}

static bool emit_native(Build *b, EmitKind kind, const char *suffix) {
  char *data;
  size_t len;
  if (!codegen_emit(b->m, &b->o->code, kind, &data, &len)) return false;
  add(b, suffix, data, len);
  return true;
}
static bool emit_obj(Build *b) { return emit_native(b, EMIT_OBJECT, ".o"); }
static bool emit_asm(Build *b) { return emit_native(b, EMIT_ASM, ".s"); }
static bool emit_llvm(Build *b) { return emit_native(b, EMIT_LLVM, ".ll"); }

static bool emit_header(Build *b) {
  Text t;
  text_init(&t, b->c->arena);
  if (!codegen_header(b->m, &b->o->code, path_stem(b->c->arena, with_suffix(b, ".h")), &t)) return false;
  add(b, ".h", t.s, t.len);
  return true;
}

static bool emit_manifest(Build *b) {
  Text t;
  text_init(&t, b->c->arena);
  if (!codegen_manifest(b->m, &b->o->code, &t)) return false;
  add(b, ".json", t.s, t.len);
  return true;
}

static bool emit_ir(Build *b) {
  Text t;
  text_init(&t, b->c->arena);
  module_print(&t, b->m);
  add(b, ".ir", t.s, t.len);
  return true;
}

static bool emit_dot(Build *b) {
  Text t;
  text_init(&t, b->c->arena);
  module_dot(&t, b->m);
  add(b, ".dot", t.s, t.len);
  return true;
}

static bool emit_tdsl(Build *b) {
  Text t;
  const char *why;
  text_init(&t, b->c->arena);
  if (!module_tdsl(&t, b->m, &why)) {
    diag_error(b->c, LOC_NONE, 722, "--emit=tdsl: the language has no form for %s", why);
    return false;
  }
  add(b, ".tdsl", t.s, t.len);
  /* Nothing else asked for, no name given: for reading, and never over the program itself. */
  if (!b->o->output) b->out[b->nout - 1].path = "-";
  return true;
}

/* What shows the program comes before what shows its code. */
static const struct { const char *name; bool (*emit)(Build *); } kinds[] = {
    {"ir", emit_ir}, {"tdsl", emit_tdsl}, {"dot", emit_dot}, {"obj", emit_obj}, {"header", emit_header}, {"asm", emit_asm},
    {"llvm", emit_llvm}, {"manifest", emit_manifest},
};
enum { KINDS = sizeof kinds / sizeof *kinds, FIRST_CODE = 3 };

/* Each kind once, however often it is named. */
static bool parse_emit(Build *b, bool *wanted) {
  const char **names;
  int n = split_names(b->c, b->o->emit ? b->o->emit : "obj,header", &names);
  for (int i = 0; i < n; i++) {
    int k = 0;
    while (k < KINDS && strcmp(kinds[k].name, names[i]) != 0) k++;
    if (k == KINDS) {
      usage_error("--emit: '%s' is not one of obj, header, asm, llvm, ir, manifest, tdsl, dot", names[i]);
      return false;
    }
    wanted[k] = true;
  }
  return true;
}

/* Spaces in a path are escaped as make reads them. */
static void dep_path(Text *t, const char *s) {
  for (; *s; s++) {
    if (*s == ' ' || *s == '#') text_add(t, "\\");
    if (*s == '$') text_add(t, "$");
    text_addn(t, s, 1);
  }
}

static void add_depfile(Build *b) {
  Text t;
  text_init(&t, b->c->arena);
  for (int i = 0; i < b->nout; i++) {
    if (i) text_add(&t, " ");
    dep_path(&t, b->out[i].path);
  }
  text_add(&t, ": ");
  dep_path(&t, b->o->file);
  for (const char **d = b->deps; d && *d; d++) {
    text_add(&t, " ");
    dep_path(&t, *d);
  }
  text_add(&t, "\n");
  add(b, ".d", t.s, t.len);
}

/* A failure takes back what this run has written: all files or none. */
static bool write_outputs(Build *b) {
  for (int i = 0; i < b->nout; i++) {
    if (file_write(b->out[i].path, b->out[i].data, b->out[i].len)) continue;
    usage_error("%s: %s", b->out[i].path, strerror(errno));
    while (i-- > 0) remove(b->out[i].path);
    return false;
  }
  return true;
}

static void say_what_was_made(Build *b) {
  for (int i = 0; i < b->nout; i++)
    if (strcmp(b->out[i].path, "-") == 0) return;
  for (int i = 0; i < b->nout; i++) printf("wrote %s\n", b->out[i].path);
  for (int i = 0; i < b->m->nfunc; i++) {
    if (!b->m->func[i]->exported) continue;
    Text t;
    text_init(&t, b->c->arena);
    codegen_prototype(b->m->func[i], &b->o->code, &t);
    printf("  %s\n", t.s);
  }
}

/* A name that can only be a directory's ("build/", "..") holds files named as without -o. */
static const char *stem_of(Build *b) {
  const char *out = b->o->output;
  if (!out) return path_stem(b->c->arena, b->o->file);
  size_t n = strlen(out);
  const char *slash = strrchr(out, '/'), *last = slash ? slash + 1 : out;
  if (strcmp(last, "") == 0 || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
    return arena_printf(b->c->arena, "%s%s%s", out, *last ? "/" : "", path_stem(b->c->arena, b->o->file));
  bool suffixed = n > 2 && (strcmp(out + n - 2, ".o") == 0 || strcmp(out + n - 2, ".h") == 0);
  return suffixed ? arena_strndup(b->c->arena, out, n - 2) : out;
}

static bool build(Build *b, const bool *wanted) {
  size_t len;
  const char *text = read_program(b->c, b->o, &len);
  if (!text) return false;
  b->m = pipeline_compile(b->c, b->o->file, text, len, &b->o->pipeline, &b->deps);
  if (!b->m) return false;
  bool lowered = false;
  for (int k = 0; k < KINDS; k++) {
    if (k >= FIRST_CODE && wanted[k] && !lowered) {
      pipeline_lower(b->m, &(LowerOptions){.code = &b->o->code, .trap_nan = b->o->trap_nan});
      lowered = true;
    }
    if (wanted[k] && !kinds[k].emit(b)) return false;
  }
  if (b->o->depfile) add_depfile(b);
  return true;
}

static void explain_memory(Build *b) {
  Text t;
  text_init(&t, b->c->arena);
  codegen_explain_memory(b->m, &t);
  fputs(t.s, stdout);
}

int cmd_grad(Options *o) {
  bool grad = strcmp(o->verb, "grad") == 0;
  if (grad) o->pipeline.derive = "grad";
  o->pipeline.keep_going_without_grad = grad || !o->pipeline.functions;
  Build b = {.c = ctx_new(), .o = o};
  b.stem = stem_of(&b);
  bool wanted[KINDS] = {false};
  int status = EXIT_USAGE;
  if (parse_emit(&b, wanted)) {
    bool made = build(&b, wanted);
    report(b.c, o);
    made = made && write_outputs(&b);
    if (made) say_what_was_made(&b);
    if (made && o->explain_memory) explain_memory(&b);
    if (made && o->time_passes) stages_print(b.c, stderr);
    status = made ? EXIT_OK : EXIT_PROGRAM;
  }
  ctx_free(b.c);
  return status;
}
