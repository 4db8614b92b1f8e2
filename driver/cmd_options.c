/* cmd_options.c - the options of every verb: one row each, read and explained from the same table. */
#include "driver/driver.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void usage_error(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fputs("adc: ", stderr);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
}

typedef enum { STRING, FLAG, REAL_TYPE, ORDER, COLOR, DIAGNOSTICS, SEED, SECONDS, BYTES, GRAIN, BLAS } Kind;
typedef struct Row {
  const char *name;
  unsigned verbs;
  Kind kind;
  size_t at;
  const char *value, *doc;
} Row;
#define AT(field) offsetof(Options, field)
enum { BUILDS = FOR_GRAD | FOR_COMPILE, CODE = BUILDS | FOR_RUN };
enum { JIT = FOR_RUN | FOR_BENCH, CALLS = JIT | FOR_TEST };
static const Row rows[] = {
    {"-o", CODE | FOR_OPT | FOR_PLOT | FOR_GRAPH, STRING, AT(output), "NAME",
     "the file written (grad, compile: without .o or .h; run: .npy or .csv)"},
    {"--emit", BUILDS, STRING, AT(emit), "LIST", "obj,header,asm,llvm,ir,tdsl,dot,manifest (default obj,header)"},
    {"--fn", BUILDS | FOR_GRAPH, STRING, AT(pipeline.functions), "LIST", "only these functions"},
    {"--wrt", CODE | FOR_BENCH | FOR_GRAPH, STRING, AT(pipeline.wrt), "LIST", "derivatives with respect to these parameters only"},
    {"--derive", FOR_COMPILE | JIT | FOR_GRAPH, STRING, AT(pipeline.derive), "LIST",
     "among grad,vjp,jvp,hvp,jacobian,hessian"},
    {"--order", CODE | FOR_BENCH | FOR_TEST | FOR_PLOT | FOR_GRAPH, ORDER, AT(pipeline.order), "K",
     "repeat the derivative pass (default 1)"},
    {"--grad", FOR_RUN, FLAG, AT(grad), NULL, "gradients too; a result that is no scalar needs out_seed=…"},
    {"--json", JIT, FLAG, AT(json), NULL, "print one JSON object, numbers at full precision"},
    {"--seed", CALLS, SEED, AT(seed), "N", "seed of rand(…) and randn(…) (default 0)"},
    {"--seconds", FOR_BENCH, SECONDS, AT(seconds), "S", "how long each function is measured (default 1)"},
    {"--prefix", BUILDS, STRING, AT(code.prefix), "P_", "put before every exported C name"},
    {"--real", CODE | FOR_BENCH | FOR_TEST | FOR_PLOT | FOR_GRAPH | FOR_CHECK | FOR_OPT, REAL_TYPE, AT(pipeline.real), "f32|f64",
     "what `real` means (default f64)"},
    {"--target", BUILDS, STRING, AT(code.target), "TRIPLE", "the machine to compile for (default: this one)"},
    {"--cpu", CODE | FOR_BENCH, STRING, AT(code.cpu), "native|NAME", "the processor to compile for"},
    {"--threads", CODE | FOR_BENCH, GRAIN, AT(code.grain), "N",
     "threads share loops of many operations, chunks of N (default 32768) or more"},
    {"--blas", BUILDS, BLAS, AT(code.cblas), "builtin|cblas", "whose matrix products large ones are (default builtin)"},
    {"--mem-limit", CODE | FOR_BENCH, BYTES, AT(code.mem_limit), "BYTES",
     "no workspace is larger (1M, 2G, …); what does not fit is computed again"},
    {"--trap-nan", CODE | FOR_BENCH, FLAG, AT(trap_nan), NULL, "the first NaN or infinity is an error that names its line"},
    {"-g", CODE, FLAG, AT(code.debug), NULL, "debug information: lines of the .tdsl file"},
    {"--freestanding", BUILDS, FLAG, AT(code.freestanding), NULL, "no malloc: a workspace must be given"},
    {"-MD", BUILDS, FLAG, AT(depfile), NULL, "write a depfile STEM.d"},
    {"--time-passes", BUILDS, FLAG, AT(time_passes), NULL, "print to standard error how long each stage took"},
    {"--explain-memory", BUILDS, FLAG, AT(explain_memory), NULL, "print what each function keeps in memory, where and why"},
    {"--passes", FOR_OPT, STRING, AT(passes), "LIST", "the passes to run, in order (--passes=help lists them)"},
    {"--check", FOR_FMT, FLAG, AT(check), NULL, "write nothing; exit 1 if a file would change"},
    {"--diagnostics", FOR_ALL, DIAGNOSTICS, 0, "text|json", "how diagnostics are printed (json: on standard error)"},
    {"--color", FOR_ALL, COLOR, 0, "auto|always|never", "colour in diagnostics (also: NO_COLOR)"},
    {"--help", FOR_ALL, FLAG, AT(help), NULL, "this text"},
};
enum { ROWS = sizeof rows / sizeof *rows };

void options_help(FILE *to, unsigned verb_bit) {
  for (int i = 0; i < ROWS; i++) {
    if (!(rows[i].verbs & verb_bit)) continue;
    char left[64];
    const char *value = rows[i].value, *join = !value ? "" : rows[i].name[1] == '-' ? "=" : " ";
    bool may = rows[i].kind == GRAIN; /* it goes without its value too */
    snprintf(left, sizeof left, "%s%s%s%s%s", rows[i].name, may ? "[" : "", join, value ? value : "", may ? "]" : "");
    fprintf(to, "  %-26s %s\n", left, rows[i].doc);
  }
  if (verb_bit & (CODE | FOR_BENCH))
    fprintf(to, "  %-26s %s\n", "-O0, -O1, -O2, -O3",
            verb_bit & FOR_RUN ? "optimisation level (default -O3; -O1 for little data)"
                               : "optimisation level (default -O3)");
}

static bool choose(const char *option, const char *value, const char *const *names, int n, int *at) {
  for (int i = 0; i < n; i++)
    if (strcmp(value, names[i]) == 0) {
      *at = i;
      return true;
    }
  fprintf(stderr, "adc: %s: '%s' is not one of:", option, value);
  for (int i = 0; i < n; i++) fprintf(stderr, " %s", names[i]);
  fputc('\n', stderr);
  return false;
}

static bool number(const char *option, const char *value, long long lo, long long hi, long long *out) {
  char *end;
  *out = strtoll(value, &end, 10);
  if (*value && !*end && *out >= lo && *out <= hi) return true;
  usage_error("%s: '%s' is not a number from %lld to %lld", option, value, lo, hi);
  return false;
}

/* 1000000, 64k, 1.5G: powers of 1024. */
static bool bytes(const char *option, const char *value, int64_t *out) {
  static const char units[] = "kmgt";
  char *end;
  double x = strtod(value, &end);
  const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
  for (const char *u = units; unit && u <= unit; u++) x *= 1024;
  end += unit != NULL;
  *out = x > 0 && x < 0x1p62 ? (int64_t)x : 0;
  if (end > value && !*end && *out > 0) return true;
  usage_error("%s: '%s' is not a number of bytes, such as 1000000, 64k or 1.5G", option, value);
  return false;
}

static bool set(Options *o, const Row *r, const char *value) {
  static const char *const reals[] = {"f64", "f32"}, *const colors[] = {"never", "always", "auto"},
                           *const forms[] = {"text", "json"}, *const products[] = {"builtin", "cblas"};
  void *at = (char *)o + r->at;
  int choice;
  char *end;
  long long n;
  switch (r->kind) {
  case STRING: *(const char **)at = value; return true;
  case FLAG: *(bool *)at = true; return true;
  case REAL_TYPE:
    if (!choose(r->name, value, reals, 2, &choice)) return false;
    o->pipeline.real = choice ? F32 : F64;
    return true;
  case COLOR:
    if (!choose(r->name, value, colors, 3, &choice)) return false;
    o->color = choice == 2 ? -1 : choice;
    return true;
  case DIAGNOSTICS:
    if (!choose(r->name, value, forms, 2, &choice)) return false;
    o->json_diagnostics = choice == 1;
    return true;
  case ORDER:
    if (!number(r->name, value, 1, 16, &n)) return false;
    o->pipeline.order = (int)n;
    o->order_given = true;
    return true;
  case SEED:
    if (!number(r->name, value, 0, INT64_MAX, &n)) return false;
    o->seed = (uint64_t)n;
    return true;
  case SECONDS:
    *(double *)at = strtod(value, &end);
    if (*value && !*end && *(double *)at > 0 && *(double *)at < 1e6) return true;
    usage_error("%s: '%s' is not a number of seconds", r->name, value);
    return false;
  case BYTES:
    if (!bytes(r->name, value, (int64_t *)at)) return false;
    o->pipeline.lean = true;
    return true;
  case GRAIN:
    if (!number(r->name, *value ? value : "32768", 1, INT64_MAX / 4, &n)) return false;
    *(int64_t *)at = n;
    return true;
  case BLAS:
    if (!choose(r->name, value, products, 2, &choice)) return false;
    *(bool *)at = choice == 1;
    return true;
  }
  return false;
}

/* `word` is an option; consumes the next argument for `-o NAME`. */
static bool option(Options *o, unsigned bit, char *word, int argc, char **argv, int *i) {
  if (strncmp(word, "-O", 2) == 0 && (bit & (CODE | FOR_BENCH))) {
    if (word[2] >= '0' && word[2] <= '3' && !word[3]) {
      o->code.opt_level = word[2] - '0';
      return true;
    }
    usage_error("'%s': the levels are -O0, -O1, -O2 and -O3", word);
    return false;
  }
  size_t len = strcspn(word, "=");
  const char *names[ROWS];
  int n = 0;
  for (int k = 0; k < ROWS; k++) {
    const Row *r = &rows[k];
    if (!(r->verbs & bit)) continue;
    names[n++] = r->name;
    if (strlen(r->name) != len || strncmp(r->name, word, len) != 0) continue;
    bool takes = r->kind != FLAG;
    if (!takes && word[len]) {
      usage_error("%s takes no value", r->name);
      return false;
    }
    if (!takes || (r->kind == GRAIN && !word[len])) return set(o, r, "");
    if (word[len]) return set(o, r, word + len + 1);
    if (*i + 1 < argc) return set(o, r, argv[++*i]);
    usage_error("%s needs a value", r->name);
    return false;
  }
  char given[64];
  snprintf(given, sizeof given, "%.*s", (int)len, word);
  const char *near = closest_name(given, names, n);
  if (near)
    usage_error("%s: unknown option '%s'; did you mean '%s'?", o->verb, given, near);
  else
    usage_error("%s: unknown option '%s'; see `adc %s --help`", o->verb, given, o->verb);
  return false;
}

bool options_parse(Options *o, unsigned bit, int argc, char **argv) {
  o->pipeline.order = 1;
  o->pipeline.real = F64;
  o->code.opt_level = bit == FOR_RUN ? -1 : 3; /* run: by the size of the data */
  o->color = -1;
  o->seconds = 1;
  o->arg = argv; /* what is no option is moved to the front, in order */
  bool only_words = false;
  int words = 0;
  for (int i = 2; i < argc; i++) {
    char *word = argv[i];
    if (only_words || word[0] != '-' || !word[1]) {
      argv[words++] = word;
    } else if (strcmp(word, "--") == 0) {
      only_words = true;
    } else if (!option(o, bit, word, argc, argv, &i)) {
      return false;
    }
  }
  if (words) {
    o->file = o->arg[0];
    o->arg++;
    o->narg = words - 1;
  }
  if (!o->file && !o->help && !(bit & FOR_EXPLAIN) && !(o->passes && strcmp(o->passes, "help") == 0)) {
    usage_error("%s: no file given; see `adc %s --help`", o->verb, o->verb);
    return false;
  }
  if (o->narg && (bit & (BUILDS | FOR_CHECK | FOR_OPT))) {
    usage_error("%s: one file at a time: '%s' is too many", o->verb, o->arg[0]);
    return false;
  }
  return true;
}

int report(Ctx *c, const Options *o) {
  if (o->json_diagnostics) {
    diag_print_json(c, stderr);
  } else {
    const char *no = getenv("NO_COLOR");
    bool color = o->color >= 0 ? o->color == 1 : isatty(2) && !(no && *no);
    diag_print_text(c, stderr, color);
  }
  return c->diags->nerror ? EXIT_PROGRAM : EXIT_OK;
}
