/* parse.h - what the scanner, the grammar, their support and the formatter share; private to these files of frontend/.
 *
 * The grammar's tokens come from next_token, which stands between scanner and parser: it follows the brackets, so that
 * an unclosed one is reported where it opened, and after an error it skips to where a statement or declaration begins.
 */
#ifndef ADC_FRONTEND_PARSE_H
#define ADC_FRONTEND_PARSE_H
#include "frontend/ast.h"

enum { MAX_DEPTH = 500, COMMENT_TOKEN = -2 };

typedef struct {
  int kind;
  Loc loc;
} Token;
typedef struct {
  int kind;
  Loc loc;
} Bracket;

typedef struct Parser {
  Ctx *ctx;
  int file;
  const Source *src;
  void *scanner;
  int offset, scanned; /* of the scanner; the end of the last token */

  Bracket *bracket; /* open ones, innermost last */
  int nbracket, bracket_cap, nbrace;
  Bracket suspect; /* by its indentation the one that was not closed; kind 0: none */

  /* The token last given to the parser, those before it, and what held when it was read. */
  Token last, before, before_that;
  int serial;
  bool first_on_line, before_first, synchronises;
  int brace_depth;
  Bracket enclosing; /* kind 0: none */

  bool recovering; /* skip to a token where parsing can go on */
  int recover_depth;
  int error_serial, recovered_serial, eof_errors;
  bool swallowed; /* an unclosed string may hold the closing bracket */
  bool quiet;     /* the next syntax error follows from one that was reported */
  bool too_deep, had_error;
  int closing; /* '}' still to be given for blocks that were never closed, and then: */
  bool has_saved;
  Token saved;

  Decl *decls, *last_decl;

  /* For the formatter: all tokens with the comments, and where statements, declarations and fields begin. */
  bool record;
  Token *token;
  int ntoken, token_cap;
  bool *starts;
} Parser;

/* Lists under construction. */
typedef struct {
  Expr *first, *last;
} Exprs;
typedef struct {
  Stmt *first, *last;
} Stmts;
typedef struct {
  TypeExpr *first, *last;
} Types;
typedef struct {
  Name *first, *last;
} Names;
typedef struct {
  Arg *first, *last;
} Args;
typedef struct {
  Sub *first, *last;
} Subs;
typedef struct {
  Binder *first, *last;
} Binders;
typedef struct {
  Param *first, *last;
} Params;
typedef struct {
  FieldDecl *first, *last;
} Fields;
#define APPEND(list, item)                                                                                             \
  ((list).last ? ((list).last = (list).last->next = (item)) : ((list).first = (list).last = (item)))

/* Parses; with record set keeps tokens and starts as well.  The parser is in the context's arena. */
Parser *parse_file(Ctx *c, int file, bool record);

/* ---- lex_support.c: for the scanner ------------------------------------------------------------------------- */
bool check_encoding(Parser *p); /* false: this is no text, nothing else need be said */
int lex_word(Parser *p, const char *text, int len, const char **name);
int lex_unicode(Parser *p, const char *text, int len, Loc *loc, const char **name, int *used);
int lex_int(Parser *p, const char *text, int len, Loc loc, int64_t *value);
double lex_real(Parser *p, const char *text, int len, Loc loc);
const char *lex_string(Parser *p, const char *text, int len, Loc loc);
void lex_stray(Parser *p, const char *text, int len, Loc loc);
Diag *lex_error(Parser *p, Loc loc, int code, const char *text);

/* ---- parse.c: between scanner and grammar ------------------------------------------------------------------- */
void record_token(Parser *p, int kind, Loc loc);
typedef enum { KEEP_TOKEN, DROP_TOKEN, GIVE_UP } Recovery;
Recovery recover(Parser *p);
void report_syntax(Parser *p, Loc loc, const char *const *expected, int n);
void report_depth(Parser *p, Loc loc);

/* ---- build.c: making nodes ---------------------------------------------------------------------------------- */
Expr *new_expr(Parser *p, ExprKind kind, Loc loc, Loc op_loc);
Expr *make_name(Parser *p, const char *name, Loc loc);
Expr *make_paren(Expr *x);
Expr *make_unary(Parser *p, UnOp op, Loc loc, Loc op_loc, Expr *x);
Expr *make_binary(Parser *p, BinOp op, Loc loc, Loc op_loc, Expr *x, Expr *y);
Expr *make_if(Parser *p, Loc loc, Expr *cond, Expr *then, Expr *otherwise);
Expr *make_call(Parser *p, Loc loc, Loc op_loc, Expr *callee, Args args);
Expr *make_index(Parser *p, Loc loc, Loc op_loc, Expr *base, Subs subs);
Expr *make_field(Parser *p, Loc loc, Expr *base, const char *name, Loc name_loc);
Expr *make_list(Parser *p, ExprKind kind, Loc loc, Exprs items);
Expr *make_comprehension(Parser *p, Loc loc, Expr *body, Binders binders);
Expr *make_reduction(Parser *p, Loc loc, Loc op_loc, Expr *callee, Expr *body, Binders binders, Expr *cond);
Expr *make_lambda(Parser *p, Loc loc, Params params, TypeExpr *result, Expr *expr, Stmts block);
Arg *make_arg(Parser *p, const char *name, Loc name_loc, Expr *value);
Args join_args(Parser *p, Args args, Args seeds);
Sub *make_sub(Parser *p, SubKind kind, Loc loc, Expr *index);
Sub *make_slice(Parser *p, Loc loc, Expr *lo, Expr *hi, Expr *step);
Binder *make_binder(Parser *p, const char *name, Loc loc, Expr *bound);
Param *make_param(Parser *p, const char *name, Loc loc, TypeExpr *type);
Name *make_name_item(Parser *p, const char *name, Loc loc);
FieldDecl *make_field_decl(Parser *p, const char *name, Loc loc, TypeExpr *type);
TypeExpr *make_named_type(Parser *p, Loc loc, const char *name, bool has_dims, Exprs dims);
TypeExpr *make_tuple_type(Parser *p, Loc loc, Types elems);
TypeExpr *make_function_type(Parser *p, Loc loc, Params params, TypeExpr *result);
TypeExpr *empty_dims(Parser *p, Loc loc, Loc brackets, const char *name);
TypeExpr *missing_result(Parser *p, const char *name, Loc after);
Stmt *make_stmt(Parser *p, StmtKind kind, Loc loc);
Stmt *make_bind(Parser *p, StmtKind kind, Loc loc, Names names, TypeExpr *type, Expr *value, bool tuple);
Stmt *make_assign(Parser *p, Loc loc, Exprs targets, int op, Exprs values);
Stmt *make_cond(Parser *p, Loc loc, Expr *cond, Stmts then, Stmt *otherwise);
Stmt *make_for(Parser *p, Loc loc, const char *name, Loc name_loc, Expr *from, Expr *to, Expr *by, Stmts body);
Stmt *make_while(Parser *p, Loc loc, Expr *cond, Stmts body);
Stmt *make_value_stmt(Parser *p, StmtKind kind, Loc loc, Expr *value, const char *message);
Stmt *make_block_stmt(Parser *p, StmtKind kind, Loc loc, Stmts block);
Stmt *make_checkpoint(Parser *p, Stmt *loop, Loc loc, Expr *snapshots);
Stmt *reject_call(Parser *p, Loc loc, Expr *target);
Decl *make_decl(Parser *p, DeclKind kind, Loc loc, const char *name, Loc name_loc);
void finish_fn(Parser *p, Decl *d, Loc end, Expr *expr, Stmts block, bool has_block);
void need_types(Parser *p, Params params);
void add_decl(Parser *p, Decl *d);
void mark_start(Parser *p, Loc loc);

#endif
