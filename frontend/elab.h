/* elab.h - what the files of the elaborator share; private to frontend/.
 *
 * The elaborator walks the syntax tree once, computing types and emitting IR.  Inside a comprehension every expression is
 * emitted once for all values of the index variables: an index variable in scope is a *batch label*, and a value that depends
 * on it has a leading axis for it. */
#ifndef ADC_FRONTEND_ELAB_H
#define ADC_FRONTEND_ELAB_H
#include "frontend/ast.h"
#include "frontend/frontend.h"

/* An index variable of a comprehension or reduction. */
typedef struct Index {
  const char *name;
  Loc loc;
  Sym *sym;      /* SYM_INDEX with lo 0 and hi = bound; types of slices inside may mention it */
  Dim *bound;    /* the user's; may mention outer indices (ragged) */
  Dim *extent;   /* of its batch axis: dim_upper(bound), free of indices */
  Expr *late;    /* the bound, where it is to be computed for each turn of a loop (elab_serial.c); else NULL */
  bool reduced;  /* of a reduction: no type shows its bound */
  int depth;     /* outer indices have smaller depths; batch axes are ordered by it */
  struct Index *outer;
} Index;

typedef enum { TV_TENSOR, TV_TUPLE, TV_STRUCT, TV_FUNCTION, TV_ERROR } TvalKind;
/* An elaborated expression. */
typedef struct Tval {
  TvalKind kind;
  Loc loc;
  /* TV_TENSOR */
  Type *type;      /* what the user sees: rank 0 is a scalar; dims may mention indices */
  Value *v;        /* axes: one for each label, then the type's, each as long as dim_upper of its dimension */
  int nlabel; Index **label; /* ordered by depth */
  Dim *dim;        /* an int scalar whose value is this polynomial (of symbols and indices), or NULL */
  bool literal;    /* a number that takes the element type of what stands beside it */
  bool scalar_const; double number; /* a known constant (real or int), for bounds, axes, exponents */
  /* TV_TUPLE, TV_STRUCT: parts; struct_def for a struct, labels of tuple elements or NULL */
  int npart; struct Tval **part;
  struct StructDef *struct_def; Dim **struct_arg;
  const char **part_name;
  /* TV_FUNCTION: a name or lambda and what it captured */
  struct FunctionValue *fn;
} Tval;

typedef struct Elab Elab;
struct Elab {
  Ctx *ctx;
  const FrontendOptions *options;
  Module *module;
  Builder b;             /* b.loc is kept at the expression being elaborated */
  struct Scope *scope;   /* names; private to elab_names.c */
  Index *index;          /* innermost index variable in scope, or NULL */
  struct Length *lengths; /* ints that vary with an index, as dimensions: see elab_length.c */
  struct Computed *computed; /* ints that are computed, as dimensions: see elab_arg.c */
  Tval *mask;            /* bool scalar (with labels) that holds where the expression counts, or NULL: always */
  struct Program *program;
  int call_depth;
  bool no_code;          /* only types are wanted: nothing that is emitted will run */
  struct Flow *flow;     /* the body being elaborated, or NULL: private to elab_flow.h */
  struct Expansion *expanding; /* calls of functions that take functions, innermost first */
  int typing;            /* > 0: only types count, what is emitted is thrown away */
};

/* ---- elab.c and the other core files give the built-ins ---- */

Tval *elab_expr(Elab *e, Expr *x);                     /* never NULL; TV_ERROR after a diagnostic */
Tval *elab_tensor(Elab *e, Expr *x);                   /* a tensor or scalar, else a diagnostic and TV_ERROR */
bool is_error(const Tval *t);
Tval *tv_error(Elab *e, Loc loc);
/* A value made from IR: labels as given, type what the user sees. */
Tval *tv_tensor(Elab *e, Loc loc, Type *type, Value *v, int nlabel, Index *const *label);
Tval *tv_int(Elab *e, Loc loc, Dim *d);                /* an int scalar of known polynomial (indices allowed) */
Tval *tv_number(Elab *e, Loc loc, Elem elem, double v);
Tval *tv_tuple(Elab *e, Loc loc, int n, Tval *const *part);

/* Brings n tensors to the union of their labels (broadcasting their values); shapes stay different.  The common labels are
 * then in every v[i]->label. */
void tv_align(Elab *e, int n, Tval **v);
/* Element types made equal as language.md says (int with real gives real, a literal adapts; f32 with f64 is an error): false
 * after a diagnostic. */
bool tv_unify_elem(Elab *e, Loc loc, int n, Tval **v);
bool tv_to_real(Elab *e, Tval **v);                    /* an int or bool operand of a real function becomes real */
Tval *tv_cast(Elab *e, Tval *v, Elem elem);
/* NumPy broadcasting of the user's shapes, right-aligned, only a literal 1 stretches; after it all have one shape and one set
 * of labels.  Different names: error E0312 naming both shapes with the operands' places, and a mend; false. */
bool tv_broadcast(Elab *e, Loc loc, Loc op_loc, int n, Tval **v);
/* align + unify + broadcast + the map op. */
Tval *tv_map(Elab *e, Loc loc, Loc op_loc, Opcode op, int n, Tval **v);
/* Dimensions equal as polynomials; otherwise a constant mismatch or two different polynomials is an error that names both.
 * what: "the columns of A and the rows of B". */
bool tv_same_dim(Elab *e, Loc loc, Dim *a, Dim *b, const char *what);
/* Contraction over the user's axes; labels as letters for the user's axes of x and y ("ij", "jk" -> "ik"); batch labels are
 * added by itself.  y may be NULL. Letters of one name must have equal dims (checked by the caller). */
Tval *tv_contract(Elab *e, Loc loc, Tval *x, const char *lx, Tval *y, const char *ly, const char *lout);
Tval *tv_broadcast_to(Elab *e, Tval *x, int rank, Dim *const *dims); /* right-aligned; shapes known to fit */
/* Reduction over user axes with OP_contract (sum), OP_rmax, OP_rmin, OP_rprod, OP_rany, OP_rall, OP_argmax, OP_argmin; keeps
 * length-1 axes if keepdims.  Ragged axes and a mask are honoured by the neutral element. */
Tval *tv_reduce(Elab *e, Loc loc, Opcode op, Tval *x, int naxis, const int *axis, bool keepdims);
Tval *tv_mean(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, bool keepdims);
Tval *tv_logsumexp(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, bool keepdims);
/* View ops on user axes, batch axes passed through. */
Tval *tv_reshape(Elab *e, Loc loc, Tval *x, int rank, Dim *const *dims);
Tval *tv_transpose(Elab *e, Loc loc, Tval *x, const int *perm);
Tval *tv_slice(Elab *e, Loc loc, Tval *x, Dim *const *start, const int64_t *stride, Dim *const *size);
Tval *tv_embed(Elab *e, Loc loc, Tval *x, Dim *const *start, const int64_t *stride, int rank, Dim *const *dims);
Tval *tv_concat(Elab *e, Loc loc, int n, Tval **x, int axis); /* shapes checked by the caller */
Tval *tv_iota(Elab *e, Loc loc, int rank, Dim *const *dims, int axis);
/* x at int tensors (all of one user shape B, the leading axes `naxis` of x listed in axis): result B, then the rest. Emits the
 * check unless proved (dims known) or masked out. */
Tval *tv_gather(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, Tval **idx);

/* Checks when the program runs, where the mask in force holds; nothing where they are proved. */
void check_dims(Elab *e, Opcode op, Dim *a, Dim *b, const char *text);
void check_whole(Elab *e, Dim *d, const char *text); /* that its division leaves no remainder */
void tv_check_index(Elab *e, Tval *idx, Dim *len);
bool dim_ragged(Elab *e, const Dim *d);                /* mentions an index variable */
bool rank_fits(Elab *e, Loc loc, int rank);            /* false after a diagnostic: too many axes */

/* An argument that must be a constant int (an axis), a dimension (`[n, m]` lists give several), a bool literal, a string. */
bool arg_const_int(Elab *e, Expr *x, int64_t *v);
bool arg_axis(Elab *e, Expr *x, int rank, int *axis);     /* negative counts from the end; range checked */
bool arg_dim(Elab *e, Expr *x, Dim **d);                  /* an int expression of symbols and literals; else a diagnostic */
bool arg_dims(Elab *e, Expr *x, int *rank, Dim **dims);   /* a list of them, or one */
bool arg_bool(Elab *e, Expr *x, bool *v);
bool arg_real(Elab *e, Expr *x, double *v);               /* a constant */
const char *show_type(Elab *e, const Type *t);            /* real[n, d] as the user would write it */

/* ---- elab_builtin*.c give the core ---- */

/* One row: name, argument pattern and handler.  The pattern lists names in order, '=' marks optional ones:
 * "x axis= keepdims=".  args[i] is NULL where an optional one was left out; "..." takes a variable number. */
typedef struct Builtin {
  const char *name, *params;
  Tval *(*run)(Elab *e, const struct Builtin *self, Expr *call, Expr **args, int nargs);
  int detail; /* for handlers that serve several rows: an Opcode or a choice */
} Builtin;
const Builtin *builtin_named(const char *name);
const Builtin *builtin_at(int i); /* NULL after the last; for spelling suggestions and documentation */
/* Binds the call's arguments to the pattern (diagnostics for too many, too few, unknown names) and runs the handler. */
Tval *builtin_call(Elab *e, const Builtin *b, Expr *call);
/* x ** y and x @ y, for the operators; operands may be TV_ERROR, else must be tensors. */
Tval *tv_pow(Elab *e, Loc loc, Loc op_loc, Tval *x, Tval *y);
Tval *tv_matmul(Elab *e, Loc loc, Loc op_loc, Tval *x, Tval *y);
/* s[i] = a[i] * s[i-1] + x[i], s[-1] = 0 along a user axis; a and x of one shape and element type. */
Tval *tv_linrec(Elab *e, Loc loc, Tval *a, Tval *x, int axis, bool reverse);
/* Reduction with binders: (sum|…)(e for …) over `index`, the innermost labels of `body`, where `mask` holds: the reduction's own
 * condition and ragged bounds; NULL: everywhere. */
Tval *builtin_reduce_labels(Elab *e, Loc loc, const char *op, Tval *body, Tval *mask, int nindex, Index *const *index);

#endif
