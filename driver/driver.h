/* driver.h - what the files of the command line and of the C library share; private to driver/. */
#ifndef ADC_DRIVER_DRIVER_H
#define ADC_DRIVER_DRIVER_H
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "ir/ir.h"
#include "passes/passes.h"

#define ADC_VERSION "0.1.0"

enum { EXIT_OK = 0, EXIT_PROGRAM = 1, EXIT_USAGE = 2 };

/* ---- file.c ----------------------------------------------------------------------------------------------------- */

/* The whole file ("-": standard input) in the arena, NUL-terminated; NULL with errno set. */
char *file_read(Arena *a, const char *path, size_t *len);
const char *file_import(void *env, Ctx *c, const char *path, size_t *len); /* for FrontendOptions.read_file */
/* Writes beside the target and renames: the file appears whole or not at all. "-" is standard output. False with errno
 * set. */
bool file_write(const char *path, const void *data, size_t len);
const char *path_stem(Arena *a, const char *path); /* dir/f.tdsl gives f */

/* ---- pipeline.c: source text to an optimised module with its derivatives ----------------------------------------- */

typedef struct PipelineOptions {
  Elem real;
  const char *functions, *wrt;  /* comma-separated, or NULL: all */
  const char *derive;           /* comma-separated among grad, vjp, jvp, hvp, jacobian, hessian; NULL: none */
  int order;                    /* >= 1 */
  bool keep_going_without_grad; /* a function that has no such derivative is a warning, not an error */
  bool lean;                    /* each function has a copy that computes again rather than store */
  bool seeds_given;             /* such a function has a vjp instead of its gradient */
} PipelineOptions;
/* NULL after diagnostics.  deps as frontend_compile. */
Module *pipeline_compile(Ctx *c, const char *name, const char *text, size_t len, const PipelineOptions *o,
                         const char ***deps);
/* What only code generation is to see: checks for NaN; from -O2 on the passes of prepare.  After everything that is to be read. */
typedef struct LowerOptions { const CodegenOptions *code; bool trap_nan; } LowerOptions;
void pipeline_lower(Module *m, const LowerOptions *o);
void pipeline_lower_func(Func *f, const LowerOptions *o);

/* ---- versions.c: functions that are there once more for short sizes -------------------------------------------------- */

Func *versions_source(Func *f, const LowerOptions *o); /* a copy of f to make them of, before it is lowered; NULL: there will be none */
void versions_make(Module *m, int n, Func *const *source, const LowerOptions *o); /* of the first n functions */

/* What can be wrong with a program of the front end shows here at the latest; false after diagnostics. */
bool pipeline_resolve(Module *m);
/* Splits at commas into interned names (spaces dropped); NULL gives 0. */
int split_names(Ctx *c, const char *list, const char ***names);

/* ---- cmd_options.c: the command line ----------------------------------------------------------------------------- */

typedef struct Options {
  const char *verb;
  const char *file;
  int narg;
  char **arg; /* what follows the file */
  PipelineOptions pipeline;
  CodegenOptions code;
  const char *output, *emit, *passes;
  bool order_given;
  bool trap_nan;
  bool grad, json, check, depfile, json_diagnostics, time_passes, explain_memory, help;
  int color;     /* -1 auto, 0 never, 1 always */
  uint64_t seed; /* of rand(...) */
  double seconds; /* that bench measures a function */
} Options;
enum {
  FOR_GRAD = 1,
  FOR_COMPILE = 2,
  FOR_RUN = 4,
  FOR_CHECK = 8,
  FOR_FMT = 16,
  FOR_OPT = 32,
  FOR_EXPLAIN = 64,
  FOR_TEST = 128,
  FOR_PLOT = 256,
  FOR_GRAPH = 512,
  FOR_BENCH = 1024,
  FOR_ALL = 2047
};
/* Fills o from argv[2..]; false after a message on stderr (exit 2). */
bool options_parse(Options *o, unsigned verb_bit, int argc, char **argv);
void options_help(FILE *to, unsigned verb_bit);
void usage_error(const char *fmt, ...) ADC_PRINTF(1, 2); /* "adc: …" on stderr */

/* Threads for what adc calls itself (runtime/pool.c). */
void adc_parallel_for(void (*body)(void *env, int64_t chunk), void *env, int64_t chunks);

/* Prints the context's diagnostics as the options say; the exit status that they give. */
int report(Ctx *c, const Options *o);
/* Reads o->file; NULL after a message. */
const char *read_program(Ctx *c, const Options *o, size_t *len);

int cmd_grad(Options *o); /* grad and compile */
int cmd_run(Options *o);
int cmd_test(Options *o);
int cmd_bench(Options *o);
int cmd_plot(Options *o);
int cmd_graph(Options *o);
int cmd_check(Options *o);
int cmd_fmt(Options *o);
int cmd_opt(Options *o);
int cmd_explain(Options *o);

/* ---- cmd_value.c: arrays given on the command line --------------------------------------------------------------- */

typedef struct Array {
  int rank;
  int64_t dim[MAX_RANK];
  int64_t count;
  bool table;    /* from a file that knows only rows: one row or one column may be meant as a vector */
  bool integral; /* every element was written as an int or bool, or comes from an int file */
  double *f;     /* values as double … */
  int64_t *i;    /* … and, when integral, exactly */
} Array;
double random_uniform(uint64_t *state); /* in [0, 1) */
double random_normal(uint64_t *state);
/* A literal, @file.npy, @file.csv, rand(3, 4) or randn(3, 4); false after a message in *error. */
bool value_parse(Arena *a, const char *text, uint64_t *seed, Array *out, const char **error);
bool npy_read(Arena *a, const char *path, Array *out, const char **error);
bool npy_write(const char *path, Elem e, int rank, const int64_t *dim, const void *data);
bool csv_read(Arena *a, const char *path, Array *out, const char **error);
bool csv_write(const char *path, Elem e, int rank, const int64_t *dim, const void *data);
void *array_convert(Arena *a, const Array *x, Elem e); /* elements of the C type; NULL: a value does not fit */

/* ---- cmd_print.c: results ---------------------------------------------------------------------------------------- */

void print_tensor(FILE *to, const char *name, Elem e, int rank, const int64_t *dim, const void *data); /* as PyTorch */
void json_tensor(Text *t, Elem e, int rank, const int64_t *dim, const void *data);

#endif
