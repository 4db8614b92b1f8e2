/* main.c - the command line: one row a verb. */
#include "driver/driver.h"
#include <string.h>

typedef struct Verb { const char *name; unsigned bit; int (*run)(Options *); const char *args, *doc; } Verb;
#define VALUES "FILE.tdsl [FUNCTION] [name=value ...]"
static const Verb verbs[] = {
    {"grad", FOR_GRAD, cmd_grad, "FILE.tdsl", "write FILE.o and FILE.h: every exported function and its gradient"},
    {"compile", FOR_COMPILE, cmd_grad, "FILE.tdsl", "the same without derivatives, or with those that --derive names"},
    {"run", FOR_RUN, cmd_run, VALUES, "compile in memory and call a function: adc run f.tdsl f x='[0,1,2]' --grad"},
    {"test", FOR_TEST, cmd_test, VALUES, "certify the derivatives of a function at given or random points"},
    {"bench", FOR_BENCH, cmd_bench, VALUES, "time a function and its derivatives at given sizes: adc bench f.tdsl f n=1000"},
    {"plot", FOR_PLOT, cmd_plot, "FILE.tdsl [FUNCTION] x=FROM:TO [name=value ...] -o FILE.svg",
     "draw a function of one variable and its derivatives: adc plot f.tdsl f x=0:6 --order=2 -o f.svg"},
    {"graph", FOR_GRAPH, cmd_graph, "FILE.tdsl", "the IR of functions and derivatives as a graph: DOT, or SVG, PNG, PDF by Graphviz"},
    {"check", FOR_CHECK, cmd_check, "FILE.tdsl", "parse and type, write nothing"},
    {"fmt", FOR_FMT, cmd_fmt, "FILE.tdsl ...", "lay out files in place; --check only says which would change"},
    {"opt", FOR_OPT, cmd_opt, "FILE.ir", "run named passes on IR text (or on a .tdsl file) and print the IR"},
    {"explain", FOR_EXPLAIN, cmd_explain, "[CODE]", "what a diagnostic code means, with an example and its mend"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static int help(FILE *to) {
  fprintf(to, "usage: adc VERB [options] FILE.tdsl [arguments]\n\n"
              "Compiles a .tdsl file and its derivatives to native code.  FILE '-' is standard input.\n\n");
  for (int i = 0; i < VERBS; i++) fprintf(to, "  %-9s %s\n", verbs[i].name, verbs[i].doc);
  fprintf(to, "\n`adc VERB --help` lists the verb's options; `adc --version` says what this adc was built with.\n");
  return EXIT_OK;
}

static int version(void) {
  printf("adc %s\nLLVM %s\ntargets:", ADC_VERSION, codegen_llvm_version());
  codegen_print_targets(stdout);
  return EXIT_OK;
}

static int unknown_verb(const char *name) {
  const char *names[VERBS];
  for (int i = 0; i < VERBS; i++) names[i] = verbs[i].name;
  const char *near = closest_name(name, names, VERBS);
  if (near)
    usage_error("there is no verb '%s'; did you mean '%s'?", name, near);
  else
    usage_error("there is no verb '%s'; see `adc --help`", name);
  return EXIT_USAGE;
}

static int run_verb(int argc, char **argv) {
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) return help(stdout);
  if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) return version();
  for (int i = 0; i < VERBS; i++) {
    const Verb *v = &verbs[i];
    if (strcmp(name, v->name) != 0) continue;
    Options o = {.verb = v->name};
    if (!options_parse(&o, v->bit, argc, argv)) return EXIT_USAGE;
    if (!o.help) return v->run(&o);
    printf("adc %s - %s\n\nusage: adc %s [options] %s\n\n", v->name, v->doc, v->name, v->args);
    options_help(stdout, v->bit);
    return EXIT_OK;
  }
  return unknown_verb(name);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    help(stderr);
    return EXIT_USAGE;
  }
  int status = run_verb(argc, argv);
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  usage_error("cannot write to standard output");
  return EXIT_PROGRAM;
}
