/* ir.h - the intermediate representation, and what every part of adc stands on: memory, source text, diagnostics.
 *
 * A module holds functions; a function has parameters and a body region; a region is a list of operations in SSA form whose
 * values are tensors (rank 0: scalars).  Control flow is structured: an operation may hold regions.  Everything is allocated
 * in the arena of one context and freed with it; a context belongs to one thread, and there is no other state. */
#ifndef ADC_IR_H
#define ADC_IR_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Arena Arena;
typedef struct Ctx Ctx;
typedef struct Dim Dim;
typedef struct Sym Sym;
typedef struct Type Type;
typedef struct Value Value;
typedef struct Op Op;
typedef struct Region Region;
typedef struct Func Func;
typedef struct Module Module;

#if defined(__GNUC__)
#define ADC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ADC_NORETURN __attribute__((noreturn))
#else
#define ADC_PRINTF(f, a)
#define ADC_NORETURN
#endif

/* ---- arena.c: memory -------------------------------------------------------------------------------------------- */

Arena *arena_new(void);
void arena_free(Arena *a);
void *arena_alloc(Arena *a, size_t size); /* zeroed, aligned for any type; never NULL: out of memory is fatal, exit 70 */
void *arena_dup(Arena *a, const void *data, size_t size);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) ADC_PRINTF(2, 3);
#define NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define NEW_N(arena, T, n) ((T *)arena_alloc((arena), sizeof(T) * (size_t)(n)))
/* Appends to a growing array in an arena: T *a; int n, cap.  PUSH(arena, a, n, cap) = value; */
#define PUSH(arena, a, n, cap)                                                                                         \
  (*((n) == (cap) ? ((a) = arena_grow((arena), (a), (n), &(cap), sizeof *(a))), &(a)[(n)++] : &(a)[(n)++]))
void *arena_grow(Arena *ar, void *old, int n, int *cap, size_t elem);

/* A fault of adc's own: message with file and line on stderr, exit status 70.  Never for a user's mistake. */
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
ADC_NORETURN void bug_at(const char *file, int line, const char *fmt, ...) ADC_PRINTF(3, 4);

/* A growing text buffer in an arena; s is always NUL-terminated. */
typedef struct { Arena *arena; char *s; size_t len, cap; } Text;
void text_init(Text *t, Arena *a);
void text_add(Text *t, const char *fmt, ...) ADC_PRINTF(2, 3);
void text_addn(Text *t, const char *s, size_t n);

/* ---- context.c: one compilation ----------------------------------------------------------------------------------- */

struct Ctx {
  Arena *arena;
  struct Interner *strings, *types, *dims, *atoms; /* hash tables, private to context.c, type.c and dim.c */
  struct Source **source;                  /* by Loc.file */
  int nsource, source_cap;
  struct Diags *diags;
  struct Stages *stages;                   /* stage.c */
  int next_sym;
};
Ctx *ctx_new(void);
void ctx_free(Ctx *c);
const char *intern(Ctx *c, const char *s);            /* equal strings give the same pointer */
const char *intern_n(Ctx *c, const char *s, size_t n);

/* ---- stage.c: how long each stage of a compilation takes ----------------------------------------------------------- */

const char *stage_begin(Ctx *c, const char *name);   /* returns the stage around, which pauses; the name stays valid */
void stage_end(Ctx *c, const char *outer);           /* goes on with what stage_begin returned */
void stages_print(const Ctx *c, FILE *to);

/* ---- diag.c: source text, places, diagnostics ---------------------------------------------------------------------- */

typedef struct { int32_t file, begin, end; } Loc; /* byte offsets into a source; file -1: nowhere */
#define LOC_NONE ((Loc){-1, 0, 0})
typedef struct Source { const char *name; const char *text; size_t len; int *line_start; int nline; } Source;
int source_add(Ctx *c, const char *name, const char *text, size_t len); /* returns Loc.file; copies text; NUL-terminated */
int loc_line(const Ctx *c, Loc loc);   /* from 1; 0 for LOC_NONE */
int loc_column(const Ctx *c, Loc loc); /* from 1, in characters (UTF-8 code points) */
Loc loc_join(Loc a, Loc b);            /* the smallest span that covers both */

typedef enum { DIAG_ERROR, DIAG_WARNING } Severity;
/* One extra line of a diagnostic.  A note with a place is drawn under the same source line when it lies there, or as a further
 * snippet; a help line says the mend. */
typedef struct DiagNote { bool is_help; Loc loc; const char *text; struct DiagNote *next; } DiagNote;
typedef struct Diag { Severity severity; int code; Loc loc; const char *text; DiagNote *notes; struct Diag *next; } Diag;
typedef struct Diags { Diag *first, *last; int nerror, nwarning; int muted; int max_errors; bool full; } Diags;
/* Reports; returns the diagnostic for notes (never NULL).  While c->diags->muted > 0 nothing is recorded but nerror is still
 * counted.  Codes: diag_codes.def.  After max_errors (30) the rest is dropped and `full` set. */
Diag *diag_error(Ctx *c, Loc loc, int code, const char *fmt, ...) ADC_PRINTF(4, 5);
Diag *diag_warning(Ctx *c, Loc loc, int code, const char *fmt, ...) ADC_PRINTF(4, 5);
void diag_note(Ctx *c, Diag *d, Loc loc, const char *fmt, ...) ADC_PRINTF(4, 5);
void diag_help(Ctx *c, Diag *d, const char *fmt, ...) ADC_PRINTF(3, 4);
void diag_print_text(const Ctx *c, FILE *to, bool color); /* all, sorted by place; with source line, caret span, notes, help */
void diag_print_json(const Ctx *c, FILE *to);             /* one JSON array */
typedef struct { int code; const char *title, *text; } DiagInfo; /* text: what it means, an example, its mend */
const DiagInfo *diag_info(int code);                             /* NULL: no such code; used by `adc explain` */
const DiagInfo *diag_info_at(int i);                             /* NULL after the last */
int utf8_length(const char *s, size_t left); /* of the character at s, which has at most `left` bytes; 0: not UTF-8 */
const char *closest_name(const char *name, const char *const *names, int n); /* spelling suggestion or NULL */

/* ---- dim.c: dimensions --------------------------------------------------------------------------------------------- */

/* A dimension symbol: a function's symbolic size or int parameter, an `int` known only at run time, or (front end only) a
 * comprehension's index.  Two symbols are different even when they share a name. */
typedef enum {
  SYM_DIM,   /* bound by the shapes of the parameters; >= 0 */
  SYM_PARAM, /* an int parameter (>= 0 if it names a dimension: nonneg) */
  SYM_INDEX, /* an index variable of a comprehension: lo <= index < hi; front end only, never in a finished Type */
  SYM_VALUE  /* bound by a `sym` op to an int value known at run time */
} SymKind;
struct Sym {
  const char *name;
  int id;
  SymKind kind;
  bool nonneg;
  bool names_dim;    /* SYM_PARAM: also stands in the shape of a parameter */
  Dim *lo, *hi;      /* SYM_INDEX */
  int64_t most;      /* SYM_VALUE: it is never more, so that memory can be planned; 0: that is not known */
  Loc loc;
};
Sym *sym_new(Ctx *c, SymKind kind, const char *name, Loc loc);

/* A normalised polynomial with integer coefficients over atoms, divided by a positive integer; interned: equal polynomials are
 * the same pointer.  Atoms are symbols and the forms floordiv, max, min of two dimensions. */
typedef enum { ATOM_SYM, ATOM_FLOORDIV, ATOM_MAX, ATOM_MIN } AtomKind;
typedef struct Atom { AtomKind kind; int id; Sym *sym; Dim *a, *b; } Atom;
typedef struct Mono { int64_t coef; int nfactor; Atom **factor; } Mono; /* factors sorted by id, with repetition */
struct Dim { int id; int nterm; Mono *term; int64_t den; int size; /* atoms and terms, nested ones too */ };
Dim *dim_const(Ctx *c, int64_t v);
Dim *dim_sym(Ctx *c, Sym *s);
/* Arithmetic.  An overflow of coefficients gives NULL (and NULL operands give NULL): the caller reports it. */
Dim *dim_add(Ctx *c, Dim *a, Dim *b);
Dim *dim_sub(Ctx *c, Dim *a, Dim *b);
Dim *dim_mul(Ctx *c, Dim *a, Dim *b);
Dim *dim_div(Ctx *c, Dim *a, Dim *b);      /* exact: b a non-zero constant, or a polynomial that divides a; else NULL */
Dim *dim_floordiv(Ctx *c, Dim *a, Dim *b); /* Python's //, folded where it can be (constants; exact polynomial division) */
Dim *dim_mod(Ctx *c, Dim *a, Dim *b);      /* a - b * (a // b) */
Dim *dim_max(Ctx *c, Dim *a, Dim *b);      /* folded where one provably is the larger */
Dim *dim_min(Ctx *c, Dim *a, Dim *b);
bool dim_is_const(const Dim *d, int64_t *v);
bool dim_is(const Dim *d, int64_t v);
bool dim_nonneg(Ctx *c, Dim *d);           /* provable from nonneg symbols (and index bounds) alone; false: unknown */
bool dim_le(Ctx *c, Dim *a, Dim *b);       /* provable a <= b */
bool dim_whole(const Dim *d);               /* provable: its division leaves no remainder, whatever its symbols are */
bool dim_mentions(const Dim *d, const Sym *s);
bool dim_has_kind(const Dim *d, SymKind kind); /* mentions a symbol of that kind */
typedef struct { Sym *from; Dim *to; } DimSubst;
Dim *dim_most(Ctx *c, Dim *d);             /* d at its symbols' limits; NULL: there are none, or it may be less there */
bool dim_is_limited(const Dim *d);         /* mentions a symbol that has one */
Dim *dim_subst(Ctx *c, Dim *d, const DimSubst *s, int n);
/* Bounds over index symbols: the value of d with every SYM_INDEX replaced so that it is largest; NULL when not monotone. */
Dim *dim_upper(Ctx *c, Dim *d);
Dim *dim_lower(Ctx *c, Dim *d);
/* Value under an assignment (values by callback); false on overflow, division by zero or an inexact division. */
bool dim_eval(const Dim *d, bool (*value)(void *env, const Sym *s, int64_t *v), void *env, int64_t *out);
void dim_print(Text *t, const Dim *d);     /* as .tdsl source: n + 1, d * (d - 1) / 2, C // H */

/* ---- type.c: types -------------------------------------------------------------------------------------------------- */

typedef enum { F64, F32, I64, I32, BOOL, ELEM_COUNT } Elem;
enum { MAX_RANK = 16 };
struct Type { Elem elem; int rank; int id; Dim *dim[]; }; /* interned: equality is pointer equality */
Type *type_scalar(Ctx *c, Elem e);
Type *type_tensor(Ctx *c, Elem e, int rank, Dim *const *dims);
Type *type_with_elem(Ctx *c, const Type *t, Elem e); /* same shape */
bool elem_is_real(Elem e);
bool elem_is_int(Elem e); /* I64, I32 */
const char *elem_name(Elem e); /* "f64" */
int elem_size(Elem e);         /* bytes; BOOL is 1 */
bool same_shape(const Type *a, const Type *b);
Dim *type_count(Ctx *c, const Type *t); /* number of elements */
void type_print(Text *t, const Type *ty); /* f64[n, m] */

/* ---- op.c, ops.def: operations -------------------------------------------------------------------------------------- */

typedef enum {
  FAM_SOURCE, FAM_MAP, FAM_CONTRACT, FAM_REDUCE, FAM_SCAN, FAM_MATRIX, FAM_VIEW, FAM_INDEX, FAM_EFFECT, FAM_CALL, FAM_REGION, FAM_COUNT
} Family;
typedef enum {
#define OP(name, ...) OP_##name,
#include "ir/ops.def"
#undef OP
  OP_COUNT
} Opcode;
/* What a map op takes and gives, for inference and verification. */
typedef enum {
  SIG_NONE,    /* not a map op */
  SIG_REAL,    /* all operands real, of one type; result the same */
  SIG_NUM,     /* operands real or int, of one type; result the same */
  SIG_INT,     /* operands int, of one type */
  SIG_BOOL,    /* operands bool, result bool */
  SIG_COMPARE, /* operands of one type (eq, ne: bool too), result bool of that shape */
  SIG_SELECT,  /* bool, then two of one type */
  SIG_CAST,    /* one operand of any type, result any element type (given) */
  SIG_POLY     /* polygamma: int order, real x; result x's type */
} MapSig;
typedef struct { const char *name; Family family; int nopd; /* -1: any */ MapSig sig; const char *doc; } OpInfo;
extern const OpInfo op_info[OP_COUNT];
Opcode op_named(const char *name); /* OP_COUNT: none */

struct Value {
  Type *type;
  Op *def;        /* NULL: a parameter of `region` */
  Region *region; /* set for parameters */
  int id;         /* dense in its function: side tables are indexed by it */
  const char *name; /* a hint for printing, or NULL */
};

typedef enum { DERIVE_GRAD, DERIVE_VJP, DERIVE_JVP, DERIVE_JACOBIAN, DERIVE_HESSIAN, DERIVE_HVP } DeriveKind;
enum { MAX_LABEL = 26 };
enum { MAX_DIRECTION = 6 }; /* cofactor_dir, lujet */
struct Op {
  Opcode code;
  Loc loc;
  int nopd, nres, nreg;
  Value **opd, **res;
  Region **reg;
  Region *parent;
  Op *prev, *next;
  union { /* by opcode; see ops.def */
    struct { double f; int64_t i; } cst;                 /* const: f for real, i for int and bool */
    struct { const void *data; int64_t count; } dense;   /* dense: row-major, doubles (real) or int64_t (int, bool) */
    Dim *dim;                                            /* dim */
    Sym *sym;                                            /* sym: the symbol that the operand's value is bound to */
    int axis;                                            /* iota, concat */
    struct { int8_t *opd[2]; int8_t *out; } contract;    /* labels 0..25, one an axis; label extents from the types */
    struct { int naxis; int *axis; } reduce;             /* reduced axes, ascending */
    struct { int axis; bool reverse; } scan;             /* argsort: never reverse */
    struct { bool upper, trans; } matrix;                /* trisolve: both; lusolve: trans */
    struct { Dim **start; int64_t *stride; } slice;      /* slice, embed, set_slice: one an axis */
    struct { int naxis; int *axis; bool masked; } index; /* gather, scatter_add, set: the indexed axes, ascending */
    struct { const char *text; Dim *a, *b; } check;      /* effects: message; the dimensions, or a: the index's limit */
    /* checkpoint: for, while: 0 store; -1 recompute with O(log T) memory; k > 0 snapshots.  parallel: a `for` that was made of whole
     * tensors: iterations depend on each other through folds alone, and each entry of a carried tensor that is set is set once.
     * plain: mulz in it may be computed as mul, with a nan where they differ.  seldom: it runs where such a nan was seen. */
    struct { int checkpoint; bool parallel, plain, seldom; } loop;
    /* derive: operands are the callee's parameters (leaves), then a seed for each real result leaf (VJP) or a tangent for each
     * real leaf of the wrt ports (JVP, HVP).  Results: GRAD, VJP: the callee's results, then the wrt ports' cotangents; JVP: the
     * results, then the tangents of the real ones; JACOBIAN, HESSIAN: for each real result leaf (HESSIAN: wrt leaf) and each
     * wrt leaf one tensor, the result's dimensions first; HVP: a leaf for each wrt leaf.
     * nbatch: the wrt leaves and real results begin with so many common axes, over which the callee works entry by entry; a
     * derivative is taken of each entry: JACOBIAN and HESSIAN then have these axes once, first. */
    struct { Func *callee; DeriveKind kind; int nwrt; int *wrt; int nsubst; DimSubst *subst; int nbatch; } derive;
    struct { Func *callee; int nsubst; DimSubst *subst; } call; /* subst: callee's symbols in the caller's terms */
  } u;
};
struct Region { Func *func; int nparam; Value **param; int param_cap; Op *first, *last; int nres; Value **res; Op *parent; };

/* ---- facts.c ---------------------------------------------------------------------------------------------------------- */

bool op_checks_bool(Opcode code);         /* an effect that fails unless its operand holds everywhere */
bool op_is_fold(Opcode code);             /* of two operands of one type, whose order and grouping are free */
bool op_is_loop(const Op *op);            /* for, while */
bool op_is_scatter(const Op *op); /* adds at computed places: scatter_add, scatter_acc */
int scatter_first(const Op *op);   /* which operand its first index is */
Value *scattered(const Op *op);    /* what it adds */
bool op_is_update(const Op *op);          /* the result is the first operand but for what is stored, or added, at some places */
bool op_has_sum(const Op *op);            /* a contraction with a label that is summed */
int8_t contract_unused_label(const Op *op); /* -1: there is none */
Value *carried(const Op *op, int region, int k); /* the parameter of a loop's region for result k */
Region *region_of(const Value *v);        /* where v is defined */
bool region_within(const Region *r, const Region *outer); /* r is outer, or nested in it */
bool value_int(const Value *v, int64_t *x); /* a scalar int that is a constant, or a constant dimension */

/* ---- same.c ------------------------------------------------------------------------------------------------------------ */

typedef struct OpKey { uint64_t w[3 * MAX_RANK + 4]; int n; } OpKey; /* the attributes as a row of words */
OpKey op_key(const Op *op);
bool op_commutes(Opcode c);
bool op_same(const Op *p, const Op *q);             /* but for their operands; their results have the same types */
bool value_same(const Value *x, const Value *y);    /* surely equal: computed the same way of the same values */

/* ---- nan.c -------------------------------------------------------------------------------------------------------------- */

bool passes_nan(const Op *op); /* the result is nan when an operand is */
typedef bool (*NanMaker)(const void *env, const Op *op); /* the result may be nan where it should be none */
/* Such a nan, made in the region or in the operation, is seen in the values for which `from` is set that leave it, or is of no
 * consequence.  from: by value id, extended in place. */
bool nan_shows(const Region *r, NanMaker makes, const void *env, bool *from);
Value *nan_sought(const Op *op); /* what a loop or branch left, if op asks whether there is a nan in it; else NULL */
bool nan_leaves(const Op *op, NanMaker makes, const void *env, bool *from);

/* ---- overwrite.c ----------------------------------------------------------------------------------------------------- */

bool loop_overwrites(const Op *loop, int k);    /* a `for` that sets, by `set`, every entry of the k-th tensor that it carries */
bool loop_begins_unseen(const Op *loop, int k); /* for, while: nobody sees what that tensor is before the loop */

/* ---- band.c: triangles and bands --------------------------------------------------------------------------------------- */

typedef struct Band Band; /* what is asked about one function, as long as it stays as it is */
typedef struct BandIndex { int axis; const Sym *sym; } BandIndex; /* axis -1: what the symbol is, or none at all */
/* Where index a is greater than index b by more than t; or everywhere, or nowhere. */
typedef struct Edge { enum { EDGE_NOWHERE, EDGE_BEYOND, EDGE_EVERYWHERE } kind; Dim *t; } Edge;
Band *band_new(Func *f);
Edge edge_most(Ctx *c, Edge x, Edge y);                      /* where both hold */
Edge band_zero(Band *w, const Value *v, BandIndex a, BandIndex b); /* v is zero there */
Edge band_unwanted(Band *w, const Value *v, int a, int b); /* nobody wants it there; a, b: axes */

/* ---- func.c: functions and their C signature ------------------------------------------------------------------------- */

/* A port is one argument or result as the user wrote it.  A struct is a tree over consecutive body parameters or results. */
/* type[i] NULL: a leaf. */
typedef struct Aggregate { const char *name; int nfield; const char **field; struct Aggregate **type; } Aggregate;
typedef enum {
  PORT_PARAM, PORT_SEED, PORT_TANGENT_IN,                 /* among the parameters */
  PORT_RESULT, PORT_COTANGENT, PORT_TANGENT_OUT           /* among the results: cotangents are `x_grad` */
} PortRole;
typedef struct Port {
  const char *name;
  PortRole role;
  Aggregate *agg;     /* NULL: one leaf */
  int first, nleaf;   /* consecutive body parameters, or results */
  Sym *sym;           /* an int parameter: it is a symbol, nleaf is 0 and its value comes from a `dim` op */
  int of;             /* cotangent, tangent in: the parameter port; seed, tangent out: the result port; else -1 */
  Loc loc;
} Port;
typedef enum { FUNC_PRIMAL, FUNC_GRAD, FUNC_VJP, FUNC_JVP, FUNC_HVP, FUNC_JACOBIAN, FUNC_HESSIAN } FuncKind;
/* A copy of a function with all its parameters and symbols, in which some symbols are numbers. */
typedef struct Version { Func *func; int n; Sym **sym; int64_t *value; } Version;
struct Func {
  const char *name;
  Module *module;
  Region *body;
  int nsym; Sym **sym; int sym_cap;     /* dimension symbols by first appearance, and int parameters */
  int nin; Port *in; int nout; Port *out;
  bool exported;
  FuncKind kind; Func *origin;          /* derivative of what, by which pass */
  /* A rule for the cotangents: of the parameters, the results, and a seed for each real result it gives a cotangent for each real
   * parameter; has the same symbols.  NULL: that follows from the body. */
  Func *adjoint;
  Func *lean;                           /* the same function, which computes again rather than store; NULL: there is none */
  bool is_lean;                         /* it is that of another */
  Version *version; int nversion, version_cap; /* the same function for some sizes; the first that applies serves a call */
  const char *external;                 /* a C function of that name does it, the body tells only the types; else NULL */
  const char *signature;                /* the source's declaration, for the header's comment, or NULL */
  Loc loc;
  int nvalue;                           /* ids handed out */
};
struct Module {
  Ctx *ctx;
  int nfunc; Func **func; int func_cap;
  bool makes_operands; /* matrix products may compute their operands while they copy them */
};
Module *module_new(Ctx *c);
Func *func_new(Module *m, const char *name, Loc loc); /* appended to the module */
Func *module_find(Module *m, const char *name);
void func_add_sym(Func *f, Sym *s);
Value *func_add_param(Func *f, Type *t, const char *name); /* a body parameter (one leaf) */
/* Ports for functions made from text or by passes: one leaf a body parameter or result. */
void func_default_ports(Func *f);
/* The leaf's name as C and JSON spell it: P.W */
const char *port_leaf_name(Ctx *c, const Port *p, int leaf);
Value *region_add_param(Region *r, Type *t, const char *name); /* of a nested region */
/* The body of the loop may remove op, but not the op after it. */
#define for_each_op(op, r) for (Op *op = (r)->first, *op##_next; op && (op##_next = op->next, 1); op = op##_next)
int *count_uses(Arena *a, const Func *f); /* by value id: as operand, and as result of a region */
void region_replace_uses(Region *r, Value *from, Value *to); /* nested regions too */
void region_replace_each(Region *r, Value *const *by_id, int n); /* … of many at once, NULL: not; those with ids below n */
int region_count_uses(const Region *r, const Value *v);      /* nested regions too */
int region_count_ops(const Region *r);
bool region_binds(const Region *r, const Dim *d); /* a symbol of d, which is then not known outside; nested regions too */
int result_index(const Value *v);                            /* which of its operation's results v is */

/* ---- builder.c: making operations -------------------------------------------------------------------------------------- */

/* Appends to `region`, or before `before` when that is set.  New operations get `loc`.  Every b_ function infers the result's
 * type by its family's rule and is a bug() on a type error: callers have checked their user's input.  Light peepholes are done
 * on the way (a broadcast to the same shape is the operand itself; constants fold only in the simplify pass). */
typedef struct Builder { Ctx *ctx; Func *func; Region *region; Op *before; Loc loc; } Builder;
Builder builder_at_end(Func *f);
Op *b_op(Builder *b, Opcode code, int nopd, Value *const *opd, int nres, Type *const *types); /* raw: attributes unset */
void op_remove(Op *op);                                       /* unlinks; its values must be unused */
void op_move_before(Op *op, Op *before);                      /* relinks, to the region of `before` */
Value *b_const(Builder *b, Elem e, double v);                 /* scalar */
Value *b_int(Builder *b, int64_t v);                          /* i64 scalar */
Value *b_bool(Builder *b, bool v);
Value *b_splat(Builder *b, const Type *t, double v);          /* a constant of every element of t's shape and element */
Value *b_dense(Builder *b, Type *t, const void *data, int64_t count);
Value *b_dim(Builder *b, Dim *d);                             /* i64 scalar */
Value *b_sym(Builder *b, Value *v, Sym *s);                   /* binds s to the i64 scalar v; result is v's value */
Value *b_iota(Builder *b, Type *t, int axis);                 /* int type t: element = its index along axis */
Value *b_map(Builder *b, Opcode code, int nopd, Value *const *opd);
Value *b_map1(Builder *b, Opcode code, Value *x);
Value *b_map2(Builder *b, Opcode code, Value *x, Value *y);
Value *b_select(Builder *b, Value *p, Value *x, Value *y);
Value *b_cast(Builder *b, Value *x, Elem e);                  /* x itself when it has that element type */
/* Labels as text: b_contract(b, x, "ij", y, "jk", "ik", NULL); y may be NULL, and the type unless it has labels that no operand has. */
Value *b_contract(Builder *b, Value *x, const char *lx, Value *y, const char *ly, const char *lout, Type *result_or_null);
Value *b_contract_raw(Builder *b, Value *x, const int8_t *lx, Value *y, const int8_t *ly, const int8_t *lout, Type *result);
Value *b_broadcast(Builder *b, Value *x, const int *axes, Type *result); /* x's axis i becomes result axis axes[i]; others new */
Value *b_broadcast_scalar(Builder *b, Value *x, const Type *shape);      /* rank 0 x to shape's dims */
Value *b_transpose(Builder *b, Value *x, const int *perm);    /* result axis i is x's axis perm[i] */
Value *b_sum(Builder *b, Value *x, int naxis, const int *axes); /* axes dropped */
Value *b_reduce(Builder *b, Opcode code, Value *x, int naxis, const int *axes); /* axes dropped; argmax, argmin: one axis, i64 */
Value *b_linrec(Builder *b, Value *a, Value *x, int axis, bool reverse);
Value *b_argsort(Builder *b, Value *x, int axis);
Value *b_matrix(Builder *b, Opcode code, int nopd, Value *const *opd, bool upper, bool trans);
Value *b_reshape(Builder *b, Value *x, int rank, Dim *const *dims); /* equal counts are the caller's to check */
Value *b_slice(Builder *b, Value *x, Dim *const *start, const int64_t *stride, Dim *const *size);
Value *b_embed(Builder *b, Value *x, Dim *const *start, const int64_t *stride, Type *result);
Value *b_set_slice(Builder *b, Value *x, Value *v, Dim *const *start, const int64_t *stride);
Value *b_concat(Builder *b, int n, Value *const *x, int axis);
Value *b_gather(Builder *b, Value *x, int naxis, const int *axes, Value *const *idx, Value *mask_or_null);
Value *b_scatter_add(Builder *b, Value *u, int naxis, const int *axes, Value *const *idx, Value *mask_or_null, Type *result);
Value *b_set(Builder *b, Value *x, Value *v, int naxis, const int *axes, Value *const *idx);
Value *b_scatter_acc(Builder *b, Value *x, Value *u, int naxis, const int *axes, Value *const *idx, Value *mask_or_null);
void b_check_index(Builder *b, Value *idx, Dim *limit, Value *mask_or_null, const char *text);
void b_check_dim(Builder *b, Opcode code, Dim *x, Dim *y, const char *text); /* check_dim_eq, check_dim_le; nothing if provable */
void b_assert(Builder *b, Value *cond, const char *text);
void b_check_finite(Builder *b, Value *cond, const char *text); /* cond: that it is */
Op *b_call(Builder *b, Func *callee, int nopd, Value *const *opd, int nsubst, const DimSubst *subst);
/* A call of a function whose results are not made yet (recursion): their types, in the caller's terms. */
Op *b_call_typed(Builder *b, Func *callee, int nopd, Value *const *opd, int nsubst, const DimSubst *subst, int nres, Type *const *types);
/* wrt: ports among callee->in, each with a real leaf.  The callee is complete; results are those told at Op.u.derive. */
Op *b_derive(Builder *b, Func *callee, DeriveKind kind, int nwrt, const int *wrt, int nopd, Value *const *opd, int nsubst,
             const DimSubst *subst, int nbatch);
void region_set_results(Region *r, int n, Value *const *v);

/* ---- builder_region.c: structured control flow --------------------------------------------------------------------------- */

/* The op is linked with its results and empty regions, whose parameters are made; the caller fills them through b_inside and
 * ends each with region_set_results, the types of which the verifier compares. */
Op *b_if(Builder *b, Value *cond, int nres, Type *const *types); /* reg[0] then, reg[1] else */
Op *b_for(Builder *b, Value *lo, Value *hi, Value *step, int n, Value *const *init); /* reg[0]: i, carried… */
Op *b_while(Builder *b, int n, Value *const *init); /* reg[0]: carried…, yields the condition; reg[1]: carried…, yields the next */
Builder b_inside(const Builder *b, Region *r); /* appends to r, at b's place in the source */
int loop_ninit(const Op *op);  /* for, while: how many operands come before the initial carried values (3, 0) */
int loop_nindex(const Op *op); /* how many parameters of the body come before the carried ones (1, 0) */
Region *loop_body(const Op *op); /* the region that yields the next carried values */
/* Drops the results of an if or loop that are not kept, with what yields and carries them; nobody may use those any more. */
void op_keep_results(Op *op, const bool *keep);

/* ---- grow.c: more of a finished operation; its other values stay ----------------------------------------------------------- */

void op_add_operand(Op *op, Value *v);
Value *op_add_result(Op *op, Type *t);
void region_add_result(Region *r, Value *v); /* what the region yields */
/* One more carried value, whose result is the op's last; returns the body's parameter.  The caller adds what the body yields. */
Value *loop_add_carried(Op *loop, Value *init, const char *name);

/* ---- clone.c: copying with substitution --------------------------------------------------------------------------------- */

/* Maps values (and symbols) of one function to another while copying; symbols bound by `sym` ops are made anew. */
typedef struct CloneMap CloneMap;
CloneMap *clone_map_new(Ctx *c, Func *from, Func *to);
void clone_map_value(CloneMap *m, Value *from, Value *to);
void clone_map_sym(CloneMap *m, Sym *from, Dim *to);
Value *clone_lookup(CloneMap *m, Value *from);
Type *clone_type(CloneMap *m, Type *t);
Dim *clone_dim(CloneMap *m, Dim *d);
Op *clone_op(CloneMap *m, Builder *b, Op *op); /* operands must be mapped; results become mapped */
void clone_share(CloneMap *m, const Op *op);   /* within one function: what op uses and has no copy stands for itself */
Func *func_clone(Func *f, const char *name);   /* same symbols */
/* … of which some have these values throughout: every dimension of f must be one with them too. */
Func *func_clone_at(Func *f, const char *name, int n, const DimSubst *at);
void func_renumber(Func *f);                   /* dense ids again, after deletions */

/* ---- print.c, read.c, verify.c -------------------------------------------------------------------------------------------- */

void module_print(Text *t, const Module *m);
void func_print(Text *t, const Func *f);
/* tdsl.c: the exported functions as .tdsl source; of derivatives and primals the derivatives.  False: *why has no such form. */
bool module_tdsl(Text *t, Module *m, const char **why);
void module_dot(Text *t, const Module *m); /* dot.c: the exported functions in Graphviz's language */
Module *module_read(Ctx *c, const char *name, const char *text, size_t len); /* NULL after diagnostics */
/* Checks every rule; a violation is a diagnostic (code E09xx, at the op's place) saying which.  True when all hold. */
bool module_verify(Module *m);
bool func_verify(Func *f);

#endif
