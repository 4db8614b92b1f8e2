/* codegen.h - from IR to native code, C header and manifest.  The only users of LLVM. */
#ifndef ADC_CODEGEN_CODEGEN_H
#define ADC_CODEGEN_CODEGEN_H
#include "ir/ir.h"

typedef struct CodegenOptions {
  const char *target;  /* triple; NULL: the host's */
  const char *cpu;     /* "native", a name, or NULL: the target's baseline */
  int opt_level;       /* 0 to 3 */
  const char *prefix;  /* of every exported C name; NULL: none */
  bool freestanding;   /* no malloc: a NULL workspace is ADC_EWORKSPACE */
  bool cblas;          /* large products of matrices are calls of cblas_dgemm and cblas_sgemm */
  bool debug;          /* DWARF back to source lines */
  int64_t mem_limit;   /* no workspace is larger, in bytes; 0: any may be */
  int64_t grain;       /* threads share loops, in chunks of so many operations at least; 0: one thread does all */
  void (*parallel_for)(void (*body)(void *env, int64_t chunk), void *env, int64_t chunks); /* jit_new: who shares them out */
  bool packed_only;    /* of each exported function only f_packed, which is all that `adc run` calls: half the work */
} CodegenOptions;

/* Each writes into *out (in the context's arena) and returns true, or false after a diagnostic. */
typedef enum { EMIT_OBJECT, EMIT_ASM, EMIT_LLVM } EmitKind;
bool codegen_emit(Module *m, const CodegenOptions *o, EmitKind kind, char **out, size_t *len);

/* The C header of the module's exported functions.  stem: the file's name without directory and extension.  Names that C or
 * <math.h> owns, or that collide, are diagnostics E06xx that propose --prefix. */
bool codegen_header(Module *m, const CodegenOptions *o, const char *stem, Text *out);
bool codegen_manifest(Module *m, const CodegenOptions *o, Text *out); /* JSON: what f_info() describes */
/* One line a function, as in the header: `int f(int64_t n, const double *x, double *out, adc_ws *ws);` */
void codegen_prototype(const Func *f, const CodegenOptions *o, Text *out);

/* How many operations f takes; *more: besides what only a run can tell.  NULL: too large a formula. */
Dim *codegen_flops(Func *f, bool *more);

/* About how long f, lowered, takes where symbols have these values and all others are large; *code: how long its code is. */
double codegen_estimate(Func *f, int64_t grain, int n, const DimSubst *at, double *code);

/* What each function keeps in memory, where, and why, as a table. */
void codegen_explain_memory(Module *m, Text *to);

/* Compiles into this process.  Functions are found by C name; call through the packed convention: args[i] points at the i-th
 * C argument's value (an int64_t for a dimension, a double for a scalar, the pointer itself for tensors and results is stored
 * at args[i] as a `void *` object).  NULL after a diagnostic. */
typedef struct Jit Jit;
Jit *jit_new(Module *m, const CodegenOptions *o);
void *jit_symbol(Jit *j, const char *name); /* NULL: none */
void jit_free(Jit *j);

const char *codegen_llvm_version(void);
void codegen_print_targets(FILE *to);

/* What a C signature is made of, in order; used by header, wrappers, manifest and `adc run`. */
typedef enum { CARG_DIM, CARG_SCALAR, CARG_TENSOR, CARG_STRUCT, CARG_OUT, CARG_STRUCT_OUT, CARG_WS } CArgKind;
typedef struct CArg {
  CArgKind kind;
  const char *name;
  Elem elem;         /* CARG_DIM (I64), CARG_SCALAR, CARG_TENSOR, CARG_OUT */
  Sym *sym;          /* CARG_DIM, and CARG_SCALAR for an int parameter that stands in its place */
  const Port *port;  /* all but CARG_DIM and CARG_WS */
  Type *type;        /* of the leaf, for CARG_SCALAR (not sym), CARG_TENSOR, CARG_OUT */
} CArg;
int codegen_signature(const Func *f, CArg **args); /* in the context's arena */

#endif
