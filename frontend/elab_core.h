/* elab_core.h - what the core files of the elaborator share among themselves; the built-ins see elab.h only. */
#ifndef ADC_FRONTEND_ELAB_CORE_H
#define ADC_FRONTEND_ELAB_CORE_H
#include "frontend/elab.h"

/* Codes of diagnostics; their explanations stand in ir/diag_codes.def. */
enum {
  E_TYPE_NAME = 301,
  E_TYPE_ARGS,
  E_DIM_EXPR,
  E_DIM_UNBOUND,
  E_TYPE_MISMATCH,
  E_ELEM_MIX,
  E_NOT_TENSOR,
  E_NOT_BOOL,
  E_SUBSCRIPTS,
  E_OUT_OF_RANGE,
  E_SUBSCRIPT,
  E_DIM_DIFFER,
  E_NO_BOUND,
  E_BOUNDS_DIFFER,
  E_RAGGED,
  E_FIELD,
  E_IMMUTABLE,
  E_VAR_TYPE,
  E_PATTERN,
  E_NO_RETURN,
  E_RANK,
  E_OPERATOR,
  E_ARGUMENTS,
  E_ZERO_DIVISOR,
  E_STORE,
  E_NOT_CONSTANT,
  W_UNREACHABLE,
  E_OUTSIDE_LOOP = 328,
  E_LOOP_RANGE,
  E_UNKNOWN_NAME = 330,
  E_DUPLICATE,
  E_IMPORT,
  E_CONSTANT_CYCLE,
  E_STRUCT_CYCLE,
  E_TOO_LARGE,
  E_RULE_FORM = 507
};

/* With the labels in scope and the user's axes both within these, a value's rank stays within MAX_RANK. */
enum { MAX_LABELS = 8, MAX_USER_RANK = 8, MAX_EXPR_DEPTH = 1500, MAX_CALL_DEPTH = 128, MAX_WORK = 1000000 };

typedef struct Unit Unit;
typedef struct FnDef FnDef;
typedef struct StructDef StructDef;
typedef struct Program Program;

/* A declared type: a tensor, a tuple or a struct. */
typedef struct Spec {
  TvalKind kind; /* TV_TENSOR, TV_TUPLE, TV_STRUCT, TV_FUNCTION, TV_ERROR */
  Loc loc;
  Type *type;
  int npart;
  struct Spec **part;
  const char **part_name;
  StructDef *def;
  Dim **arg;
  int nparam; /* TV_FUNCTION: no parts, but these */
  struct Spec **param, *result;
} Spec;

typedef struct Length Length;
typedef struct Computed { Value *v; Dim *d; const Region *region; struct Computed *outer; } Computed; /* known in that region */
typedef enum { STATE_NEW, STATE_BUSY, STATE_DONE } State;

/* A function as a value: one of the file, a built-in, or a lambda with the scope of what it has captured. */
typedef struct FunctionValue {
  struct FnDef *fn;
  const struct Builtin *builtin;
  Expr *lambda;
  struct Scope *scope;
  struct DeriveForm *derive; /* grad(f), vjp(f, x), …: see elab_derive.c */
  Spec *type; /* as a parameter declares it, or NULL */
  Loc loc;
} FunctionValue;

struct StructDef {
  const char *name;
  Decl *decl;
  Unit *home;
  int ndim, nfield;
  const char **field;
  State state;
  bool failed;
};

struct FnDef {
  const char *name;
  Decl *decl;
  Unit *home;
  State signature_state, body_state, serial_state;
  bool serial;     /* see fn_serial */
  bool passes_functions; /* among its parameters or results: expanded where it is called, never compiled alone */
  bool hides_functions;  /* in its result or in a struct that it takes */
  bool failed, scalar_params; /* scalar_params: every parameter is a scalar: applied to tensors it acts elementwise */
  int nparam;
  Spec **param;
  const char **param_name;
  Sym **param_sym; /* param_sym[i]: an int parameter's symbol, or NULL */
  int nsym;
  Sym **sym;
  Spec *result;
  Func *func;
  struct Special *special; /* forms compiled for the functions given; of such a form: itself */
};

typedef struct Const {
  Decl *decl;
  Unit *home;
  State state;
  bool failed;
} Const;

typedef struct Entry {
  const char *name;
  Decl *decl;
  Unit *home;
  FnDef *fn;
  StructDef *st;
  Const *constant;
  struct Entry *next, *hash;
} Entry;
enum { UNIT_BUCKETS = 128 };
struct Unit {
  int file;
  const char *path;
  SourceFile *source;
  Entry *bucket[UNIT_BUCKETS];
  Entry *entries, **tail; /* in source order */
  Unit *next;
};

struct Program {
  Unit *units, *main;
  int depth, work,
      kept_errors; /* depth of expressions, expressions elaborated; errors that scratch walks must not forget */
  bool exhausted, has_struct;
  const char **deps;
  int ndep, dep_cap;
};

typedef enum { BIND_LET, BIND_VAR, BIND_PARAM, BIND_DIM, BIND_INDEX, BIND_LOOP } BindKind;
typedef struct Binding {
  const char *name;
  BindKind kind;
  Loc loc;
  Tval *value;
  Index *index;
  struct Binding *next, *same_hash;
} Binding;
typedef struct Scope {
  Binding *first;
  Binding **bucket; /* of all of them, later ones first; NULL: there are few */
  int n, nbucket;
  struct Scope *outer;
  Unit *unit;
  FnDef *fn;
} Scope;

/* elab_names.c */
Scope *scope_push(Elab *e);
void scope_pop(Elab *e);
Scope *scope_root(Elab *e, Unit *u, FnDef *fn);
Binding *scope_bind(Elab *e, BindKind kind, const char *name, Loc loc, Tval *value);
void bind_dim(Elab *e, const char *name, Loc loc, Dim *d); /* an int of known value, made where it is used */
Binding *scope_find(Elab *e, const char *name);
Entry *unit_find(Unit *u, const char *name);
void unknown_name(Elab *e, Loc loc, const char *name, const char *what, bool functions_too);

/* elab_program.c */
void program_load(Elab *e, const char *name, const char *text, size_t len);
Tval *const_value(Elab *e, Entry *k, Loc loc);
bool struct_check(Elab *e, StructDef *s);

/* elab_scratch.c: elaborating something for its type only */
typedef struct Scratch {
  Builder b;
  int nvalue, nerror, kept;
  Length *lengths;
  Computed *computed;
} Scratch;
Scratch scratch_begin(Elab *e);
void scratch_end(Elab *e, Scratch *s);
bool elab_budget(Elab *e, Loc loc); /* counts an expression; false when depth or work has run out */

/* elab_type.c */
Spec *spec_of(Elab *e, TypeExpr *t);
bool type_is_scalar(Elab *e, const TypeExpr *t); /* NULL, no type: false */
Spec *spec_struct(Elab *e, StructDef *s, Dim **arg, Loc loc);
bool spec_holds_function(const Spec *s); /* is one, or has one among its parts */
Spec *spec_subst(Elab *e, Spec *s, const DimSubst *d, int n);
Tval *spec_symbolic(Elab *e, Spec *s, Value **leaf, int *next); /* a value of that type over consecutive leaves */
int spec_leaves(const Spec *s);
const char *show_spec(Elab *e, const Spec *s);
const char *show_tval(Elab *e, const Tval *v);
const char *show_dim(Elab *e, const Dim *d);
Dim *dim_plain(Elab *e,
               Expr *x); /* a dimension that is plain to see, without elaborating it; NULL: it may still be one */
typedef enum {
  FIT_STRICT,
  FIT_CHECKED
} FitMode; /* checked: dimensions that cannot be seen equal are compared at run time */
/* v as a value of type s: element types adapt, dimensions are compared.  what: "the result of 'f'". */
Tval *fit(Elab *e, Spec *s, Tval *v, FitMode mode, const char *what);

/* elab_func.c */
bool fn_signature(Elab *e, FnDef *f);
bool fn_body(Elab *e, FnDef *f);
/* Walks the body in the scope that holds its parameters; result: the declared type in the terms of that scope. */
Tval *fn_value(Elab *e, FnDef *f, Spec *result);
void fn_params(Elab *e, FnDef *f); /* parameters of f->func, bound as names, as its symbols are */
void fn_results(Elab *e, FnDef *f, Tval *v);
bool fn_elaborate(Elab *e, FnDef *f, bool (*walk)(Elab *e, FnDef *f)); /* in f->func, with a state of its own */

/* elab_rule.c: functions that bring their own derivative, or that C computes */
bool fn_has_rule(const FnDef *f);
bool fn_rule_body(Elab *e, FnDef *f, bool (*body)(Elab *e, FnDef *f)); /* f->func is there, and calls what is made */

/* elab_call.c */
Tval *elab_call(Elab *e, Expr *x);
Tval *call_fn(Elab *e, FnDef *f, Expr *x);
Tval *call_fn_values(Elab *e, FnDef *f, Expr *x, Tval **arg); /* arguments by parameter */
bool derivative_operator(const char *name);
Tval *call_struct(Elab *e, StructDef *s, Expr *x);
/* Solves for the symbols so that the values have the given types; solved[i].to is set.  False after a diagnostic that
 * names `of`, a function or struct. */
bool unify_dims(Elab *e, Loc loc, const char *of, int n, Spec *const *want, Tval *const *have, DimSubst *solved,
                int nsolved);
/* What was solved for is whole and not negative: said at once where it is known, checked when it runs elsewhere. */
bool solved_are_lengths(Elab *e, Loc loc, const char *of, const DimSubst *solved, int n);
int tval_flatten(const Tval *t, Value **to); /* the leaves' values; to NULL: counts */

/* elab_op.c */
Tval *elab_binary(Elab *e, Expr *x);
Tval *elab_unary(Elab *e, Expr *x);
Tval *elab_binop(Elab *e, Loc loc, Loc op_loc, BinOp op, Tval *x, Tval *y);
Tval *elab_if(Elab *e, Expr *x);
Tval *tv_not(Elab *e, Tval *x);
Tval *tv_and(Elab *e, Tval *x, Tval *y); /* bool scalars; NULL: true */

/* elab_struct.c */
Tval *struct_binop(Elab *e, Loc loc, Loc op_loc, BinOp op, Tval *x, Tval *y);
Tval *struct_call(Elab *e, Expr *call,
                  const char *name); /* dot and norm of structs; NULL: the arguments are not structs */
Tval *unknown_field(Elab *e, Expr *x, Tval *v); /* says so */
Tval *elab_field(Elab *e, Expr *x);
/* f on each tensor of v (and of w, of the same structure, or NULL); an aggregate of v's kind. */
typedef Tval *PartFn(Elab *e, Tval *x, Tval *y, void *env);
Tval *tv_map_parts(Elab *e, Tval *v, Tval *w, PartFn *f, void *env);

/* elab_index.c */
typedef enum { IT_FULL, IT_SLICE, IT_SCALAR, IT_TENSOR, IT_NEW } ItemKind;
typedef struct Item {
  ItemKind kind;
  Loc loc;
  Tval *idx;
  Dim *start, *size;
  int64_t step;
  bool checked;
} Item;
Tval *elab_index(Elab *e, Expr *x);
int elab_items(Elab *e, Tval *base, Expr *x, Item *items); /* one an axis of base and new axis; -1 after a diagnostic */
Tval *tv_index(Elab *e, Loc loc, Tval *base, int n, Item *items);

/* elab_gather.c */
typedef enum { RANGE_PROVED, RANGE_OPEN, RANGE_BAD } Range;
Range index_range(Elab *e, Tval *idx, Dim *len);
Tval *tv_gather_at(Elab *e, Loc loc, Tval *x, int naxis, const int *axis, Tval **idx, const bool *in_range);

/* elab_comp.c, elab_bound.c */
Tval *elab_comprehension(Elab *e, Expr *x);
Tval *elab_reduction(Elab *e, Expr *x);
/* serial: a bound that is read from data by the indices before is left open (Index.late). */
bool infer_bounds(Elab *e, Binder *binders, int n, Index **index, Expr *body, Expr *cond, bool serial);
bool index_set_bound(Elab *e, Index *i, Dim *bound);
Index *index_new(Elab *e, const char *name, Loc loc);
Tval *ragged_bounds(Elab *e, Loc loc, int n,
                    Index *const *index); /* index < bound where the axis is longer; NULL: nowhere */
Tval *labels_to_axes(Elab *e, Tval *v, int n, Index *const *index);

/* elab_length.c: dimensions that are read from data */
Dim *length_dim(Elab *e, Loc loc, Tval *v); /* the int scalar v as a dimension of the labels in scope */
Dim *length_later(Elab *e, Loc loc);         /* stands for one while only types are looked at: at most 1 */
Tval *length_value(Elab *e, const Sym *s);  /* NULL: s is no such dimension */
bool dim_varies(Elab *e, const Dim *d, const Index *i); /* d depends on the index, perhaps through data */

/* elab_scan.c: whether something in it (loops, recursion, also in what it calls) keeps it from being elaborated once for
 * all values of an index */
bool needs_loop(Elab *e, const Expr *x);
bool fn_serial(Elab *e, FnDef *f);
bool function_serial(Elab *e, const FunctionValue *f);

/* elab_closure.c */
Tval *function_of_name(Elab *e, Expr *x);                /* a function or built-in as a value; NULL: no such function */
Tval *elab_lambda(Elab *e, Expr *x);
Tval *function_of_type(Elab *e, Tval *v, Spec *s, const char *what); /* v as a parameter of that type */
Tval *call_function_value(Elab *e, FunctionValue *f, Expr *x);                /* x: the call */
Tval *call_function(Elab *e, FunctionValue *f, Expr *at, int n, Tval **arg); /* the same with values */

/* elab_special.c: see there */
typedef struct Expansion {
  FnDef *f;
  FunctionValue **fn;
  struct Expansion *outer;
} Expansion;
typedef struct SpecialCall {
  FnDef *f;
  int nleaf, nsubst;
  Value **leaf; /* operands after the arguments */
  DimSubst *subst;
} SpecialCall;
bool is_expanding(const Expansion *x, const FnDef *f, Tval **arg);
FunctionValue **functions_given(Elab *e, const FnDef *f, Tval **arg);
bool special_call(Elab *e, FnDef *f, Tval **arg, SpecialCall *c);
void special_bind(Elab *e, FnDef *f);
void fn_special_body(Elab *e, FnDef *f); /* elab_func.c */

/* elab_derive.c, elab_lift.c: derivative operators */
Tval *elab_derivative(Elab *e, Expr *x);                       /* grad(f, x): a function as a value */
Tval *call_derivative(Elab *e, FunctionValue *f, Expr *call);  /* f->derive is set */
Tval *call_value(Elab *e, FunctionValue *f, Expr *call);       /* any function (elab_call.c) */
const FunctionValue *innermost(const FunctionValue *f);        /* what the operators are applied to */
/* run with scalars in the place of the tensors arg[0..n), for all their elements. */
bool acts_on_elements(Elab *e, const FunctionValue *f, int n, Tval *const *arg); /* a function of scalars, given tensors */
Tval *call_elements(Elab *e, Loc loc, int n, Tval **arg, bool serial, Tval *(*run)(Elab *e, void *env), void *env);

/* elab_store.c */
/* The tensor `base` with the elements that `target` names replaced by v; base itself after a diagnostic. */
Tval *store_elements(Elab *e, Expr *target, Tval *base, Tval *v);
Tval *store_add(Elab *e, Expr *target, Tval *base, Tval *v, bool negate); /* NULL: not by itself; see there */

/* elab_shape.c */
bool union_labels(Elab *e, int n, Tval **v, int *nlabel, Index **label);
Tval *tv_expand(Elab *e, Tval *x, int nlabel, Index *const *label, int rank, Dim *const *dims);
bool tv_same(const Tval *x, const Tval *y); /* one value, read by the same indices */
Type *value_type(Elab *e, Elem elem, int nlabel, Index *const *label, int rank, Dim *const *dims);
bool dim_runtime(const Dim *d);         /* mentions an int that becomes known when the program runs */
bool proved_nonneg(Elab *e, Dim *d);    /* also from the bounds of the loops around; d may be NULL */
bool proved_le(Elab *e, Dim *a, Dim *b);
bool type_ragged(Elab *e, const Type *t);
bool common_shape(Elab *e, Loc op_loc, int n, Tval **v, int *rank,
                  Dim **dims);    /* by broadcasting; false after a diagnostic */
Dim *dim_extent(Elab *e, Dim *d); /* the length of a value's axis whose user dimension is d */
Tval *dim_tval(Elab *e, Loc loc, Dim *d);
Tval *ragged_mask(Elab *e, Loc loc, int rank, Dim *const *dims, int naxis,
                  const int *axis); /* bool of that shape, or NULL */
Value *mask_for(Elab *e, int nlabel,
                Index *const *label); /* the mask in force over these labels (they include its own) */
/* Checks with the mask in force. */
void check_true(Elab *e, Tval *cond, const char *text);
Tval *tv_with(Elab *e, Tval *model, Type *type, Value *v);
Tval *tv_neutral_where(Elab *e, Loc loc, Opcode op, Tval *mask,
                       Tval *x); /* x where mask (or NULL) holds, else op's neutral element */

#endif
