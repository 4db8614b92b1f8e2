/* abi.h - what the files of the C interface share; private to codegen/, free of LLVM.
 *
 * names.c       which names C gives to what, and which it cannot
 * signature.c   the arguments of an exported function, in order
 * structs.c     C structs of the ports that are structs
 * describe.c    a function's description, from which f_info and the manifest are made
 * header.c      the header;  manifest.c  the same as JSON */
#ifndef ADC_CODEGEN_ABI_H
#define ADC_CODEGEN_ABI_H
#include "codegen/codegen.h"

/* ---- names.c ---- */

/* Reports exported names that C cannot have (E0601), that collide (E0602); once a module.  False after a diagnostic. */
bool names_check(Module *m, const CodegenOptions *o);
bool name_is_keyword(const char *s);  /* of C or C++ */
bool name_is_owned(const char *s);    /* a function, macro or type of the C library, a compiler built-in, main, a keyword */
bool name_unfit_param(const char *s); /* a keyword, or a macro or type that the header itself needs */
const char *c_name(Ctx *c, const CodegenOptions *o, const char *name, const char *suffix);
/* Whether an accumulating variant, NAME_add, goes with the function. */
bool has_add(const Func *f);
/* Suffixes of the C functions that go with an exported one: "", "_ws", "_info", "_packed"; then, if has_add, "_add" and the
 * "_ws" and "_packed" of that. */
enum { NSUFFIX_PLAIN = 4, NSUFFIX = 7 };
extern const char *const name_suffix[NSUFFIX];

/* ---- signature.c ---- */

bool port_is_input(const Port *p);
Type *port_leaf_type(const Func *f, const Port *p, int leaf);
const char *c_elem(Elem e, bool scalar); /* double, float, int64_t, int32_t; a bool is int as a scalar, else uint8_t */
/* Symbols that f_ws takes, in order: every dimension and int parameter. */
int codegen_size_syms(const Func *f, Sym ***syms);
/* "int f(...)" without the semicolon, for the variant with the suffix "" or "_add". */
void print_signature(const Func *f, const CodegenOptions *o, const char *suffix, int indent, Text *out);

/* ---- structs.c ---- */

typedef struct CField { const char *name; Elem elem; int rank; struct CStruct *sub; } CField;
typedef struct CStruct {
  const char *tag;  /* the source's name */
  const char *name; /* C's, with the prefix */
  bool mut;         /* fields are pointers to write to; else scalars by value and pointers to const */
  int nfield;
  CField *field;
} CStruct;
typedef struct CStructs { Ctx *ctx; CStruct **at; int n, cap; } CStructs;
CStructs *structs_collect(Module *m, const CodegenOptions *o); /* of all exported and extern functions; a struct after its fields' */
CStruct *structs_of(CStructs *s, const Func *f, const Port *p);

/* ---- describe.c ---- */

typedef struct ArgInfo {
  const char *name, *role, *ctype;
  const char *type;       /* f64 ...; NULL for a struct or the workspace */
  int rank;
  const char **shape;     /* rank formulas */
  int of;                 /* index of the argument whose derivative, seed or tangent it is, or -1 */
  int nfield;
  struct ArgInfo *field;  /* of a struct */
} ArgInfo;
typedef struct FuncInfo {
  const char *name;       /* C's */
  const char *kind;       /* primal, grad, vjp, jvp */
  const char *origin;     /* the source's name of what was differentiated last, or NULL */
  const char *signature;  /* the declaration in the source, or NULL */
  const char *source;     /* file name, or NULL */
  const char *work, *workspace, *prototype;
  int line;
  int ndim, narg;         /* ndim: arguments that are dimensions; they come first */
  ArgInfo *arg;
} FuncInfo;
FuncInfo *describe(Func *f, const CodegenOptions *o);

#endif
