/* ast.h - the syntax tree of a .tdsl file, as the parser makes it; private to frontend/ and the host tool of passes/.
 * Every node keeps its source span.  Names are interned strings.  Lists are linked through `next`, in source order. */
#ifndef ADC_FRONTEND_AST_H
#define ADC_FRONTEND_AST_H
#include "ir/ir.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;
typedef struct TypeExpr TypeExpr;
typedef struct Decl Decl;

typedef struct Name { const char *text; Loc loc; struct Name *next; } Name;

/* An argument: positional (name NULL) or named; arguments after the ';' of a derivative's call (seed, tangent) have seed set. */
typedef struct Arg { const char *name; Loc name_loc; Expr *value; bool seed; struct Arg *next; } Arg;

/* One subscript: an expression; a slice lo:hi:step with any part NULL; or None, a new axis of length 1. */
typedef enum { SUB_INDEX, SUB_SLICE, SUB_NEWAXIS } SubKind;
typedef struct Sub { SubKind kind; Loc loc; Expr *index, *lo, *hi, *step; struct Sub *next; } Sub;

/* i < n of a comprehension or reduction; bound NULL: to be inferred. */
typedef struct Binder { const char *name; Loc loc; Expr *bound; struct Binder *next; } Binder;

/* One parameter of a function, lambda or function type; type NULL in a lambda without annotation; name NULL in a function type. */
typedef struct Param { const char *name; Loc loc; TypeExpr *type; struct Param *next; } Param;

typedef enum {
  EX_INT, EX_REAL, EX_BOOL, EX_STRING, EX_NAME, /* pi, inf, nan are names */
  EX_UNARY, EX_BINARY, EX_IF, EX_CALL, EX_INDEX, EX_FIELD, EX_TUPLE, EX_LIST, EX_COMPREHENSION, EX_REDUCTION, EX_LAMBDA,
  EX_ERROR /* stands where the parser recovered; already reported */
} ExprKind;
typedef enum {
  BIN_ADD, BIN_SUB, BIN_MUL, BIN_DIV, BIN_FLOORDIV, BIN_MOD, BIN_POW, BIN_MATMUL,
  BIN_EQ, BIN_NE, BIN_LT, BIN_LE, BIN_GT, BIN_GE, BIN_AND, BIN_OR
} BinOp;
typedef enum { UN_NEG, UN_NOT } UnOp;
struct Expr {
  ExprKind kind;
  Loc loc;    /* the whole expression */
  Loc op_loc; /* the operator, the '(' or '[' of a call or subscript, the field's name */
  union {
    int64_t integer;                                           /* EX_INT */
    double real;                                               /* EX_REAL; the text is in loc */
    bool boolean;
    const char *name;                                          /* EX_NAME, EX_STRING */
    struct { UnOp op; Expr *x; } unary;
    struct { BinOp op; Expr *x, *y; } binary;
    struct { Expr *cond, *then, *otherwise; } cond;            /* EX_IF */
    struct { Expr *callee; Arg *args; bool has_seed; } call;
    struct { Expr *base; Sub *subs; } index;
    struct { Expr *base; const char *name; } field;
    struct { Expr *first; int count; } list;                   /* EX_TUPLE, EX_LIST; through Expr.next */
    struct { Expr *body; Binder *binders; } comp;              /* EX_COMPREHENSION */
    struct { const char *op; Expr *body; Binder *binders; Expr *cond; } reduction; /* cond NULL: none */
    struct { Param *params; TypeExpr *result; Expr *expr; Stmt *block; } lambda;   /* expr or block */
  } u;
  Expr *next;
};

typedef enum { TY_NAMED, TY_TUPLE, TY_FUNCTION } TypeKind;
struct TypeExpr {
  TypeKind kind;
  Loc loc;
  const char *name;   /* TY_NAMED: real, int, f64, …, or a struct */
  Expr *dims;         /* TY_NAMED: through Expr.next */
  bool has_dims;      /* f64[] is the scalar too */
  TypeExpr *elems;    /* TY_TUPLE: through next */
  const char *label;  /* as an element of a tuple: its label or NULL */
  Param *params;      /* TY_FUNCTION */
  TypeExpr *result;
  TypeExpr *next;
};

typedef enum {
  ST_LET, ST_VAR, ST_ASSIGN, ST_IF, ST_FOR, ST_WHILE, ST_BREAK, ST_CONTINUE, ST_RETURN, ST_ASSERT, ST_NO_GRAD, ST_ERROR
} StmtKind;
struct Stmt {
  StmtKind kind;
  Loc loc;
  union {
    struct { Name *names; TypeExpr *type; Expr *value; bool tuple; } bind;  /* ST_LET, ST_VAR; tuple: let (a, b) = … */
    struct { Expr *targets, *values; int op; } assign;  /* lists through next; op -1 for '=', else a BinOp of += -= *= /= */
    struct { Expr *cond; Stmt *then, *otherwise; } cond; /* otherwise: block, or one ST_IF for else if, or NULL */
    struct { const char *name; Loc name_loc; Expr *from, *to, *by; Stmt *body; bool checkpoint; Expr *snapshots; } loop; /* ST_FOR */
    struct { Expr *cond; Stmt *body; bool checkpoint; Expr *snapshots; } whil;
    Expr *value;                                         /* ST_RETURN */
    struct { Expr *cond; const char *message; } check;   /* ST_ASSERT; message NULL: none */
    Stmt *block;                                         /* ST_NO_GRAD */
  } u;
  Stmt *next;
};

typedef enum { DECL_FN, DECL_EXTERN, DECL_STRUCT, DECL_IMPORT, DECL_LET } DeclKind;
typedef struct FieldDecl { const char *name; Loc loc; TypeExpr *type; struct FieldDecl *next; } FieldDecl;
struct Decl {
  DeclKind kind;
  Loc loc;       /* the whole declaration */
  Loc head;      /* fn name(params) -> type, for the header's comment and `adc grad`'s output */
  const char *name; Loc name_loc;
  bool local;
  Param *params; TypeExpr *result; Expr *expr; Stmt *block; /* fn: expr or block (an empty block has has_block set) */
  bool has_block;
  Name *seed; Stmt *derivative; bool has_derivative;        /* derivative(g, …) { … } */
  Name *dims; FieldDecl *fields;                            /* struct */
  const char *path;                                         /* import */
  Expr *value;                                              /* let */
  Decl *next;
};

/* The declarations of one file; after a syntax error those that could be recovered. */
typedef struct SourceFile { int file; Decl *decls; bool had_error; } SourceFile;

/* Parses source `file` of the context.  Never NULL; errors are diagnostics E01xx (lexical) and E02xx (syntax). */
SourceFile *parse_source(Ctx *c, int file);
/* Names of operators as written, for messages: "+", "//". */
const char *binop_text(BinOp op);

/* Names that are bound between an expression and a part of it (by binders, by a lambda's parameters), the innermost first. */
typedef struct Bound { const char *name; const struct Bound *outer; } Bound;
bool is_bound(const Bound *b, const char *name);

/* Whether `look` is true of one of the expressions that x, or a list of statements or types, is immediately made of: the first one
 * ends the walk.  bound: the names that binders and lambdas bind around x.  A lambda's types and statements are left to the caller. */
typedef bool Look(void *env, const Expr *x, const Bound *bound);
bool expr_any(const Expr *x, const Bound *bound, Look *look, void *env);
bool stmts_any(const Stmt *s, const Bound *bound, Look *look, void *env);
bool types_any(const TypeExpr *t, const Bound *bound, Look *look, void *env);
bool params_any(const Param *p, const Bound *bound, Look *look, void *env); /* of their types */

#endif
