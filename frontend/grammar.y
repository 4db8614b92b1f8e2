/* grammar.y - the grammar of .tdsl: LALR(1) without conflicts.
 * Requires: tokens from next_token.  Ensures: the syntax tree, built by build.c; a syntax error is reported by report_syntax and
 * parsing goes on with the next statement, field or declaration.
 *
 * Where a statement ends: newlines mean nothing and ';' is optional, but no statement begins with '(', '[' or '-', so the token
 * after a complete expression either continues it or begins something new. */

%require "3.8"
%define api.pure full
%define api.location.type {Loc}
%define parse.error custom
%define parse.lac full
%locations
%param {Parser *p}

%code requires {
#include "frontend/parse.h"
}
%code provides {
int next_token(YYSTYPE *value, YYLTYPE *loc, Parser *p);
}
%code {
#define yylex next_token
#define YYMAXDEPTH 10000
#define YYLLOC_DEFAULT(current, rhs, n)                                                                                \
  do {                                                                                                                 \
    if (n)                                                                                                             \
      (current) = (Loc){YYRHSLOC(rhs, 1).file, YYRHSLOC(rhs, 1).begin, YYRHSLOC(rhs, n).end};                          \
    else                                                                                                               \
      (current) = (Loc){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end};                            \
  } while (0)
static void yyerror(const YYLTYPE *loc, Parser *p, const char *text);
/* After an error: drops the token in hand unless parsing can go on with it. */
#define RECOVER()                                                                                                      \
  do {                                                                                                                 \
    Recovery r = recover(p);                                                                                           \
    if (r == GIVE_UP)                                                                                                  \
      YYABORT;                                                                                                         \
    if (r == DROP_TOKEN)                                                                                               \
      yyclearin;                                                                                                       \
    yyerrok;                                                                                                           \
  } while (0)
}

%initial-action { @$ = (Loc){p->file, 0, 0}; }

%union {
  int64_t integer;
  double real;
  const char *name;
  int op;
  Expr *expr; Stmt *stmt; TypeExpr *type; Decl *decl;
  Arg *arg; Sub *sub; Binder *binder; Param *param; FieldDecl *field;
  Exprs exprs; Stmts stmts; Types types; Names names; Args args; Subs subs; Binders binders; Params params; Fields fields;
}

%token YYEOF 0 "end of file"
%token <name> NAME "a name" STRING "a string"
%token <integer> INT "an int"
%token <real> REAL "a number"
%token FN "'fn'" LOCAL "'local'" EXTERN "'extern'" DERIVATIVE "'derivative'" STRUCT "'struct'" IMPORT "'import'"
%token LET "'let'" VAR "'var'" IF "'if'" THEN "'then'" ELSE "'else'" FOR "'for'" IN "'in'" BY "'by'" WHILE "'while'"
%token BREAK "'break'" CONTINUE "'continue'" RETURN "'return'" ASSERT "'assert'" NO_GRAD "'no_grad'" CHECKPOINT "'checkpoint'"
%token AND "'and'" OR "'or'" NOT "'not'" TRUE "'true'" FALSE "'false'" NONE "'None'"
%token POW "'**'" FLOORDIV "'//'" EQ "'=='" NE "'!='" LE "'<='" GE "'>='" DOTDOT "'..'" ARROW "'->'" FAT_ARROW "'=>'"
%token ADD_ASSIGN "'+='" SUB_ASSIGN "'-='" MUL_ASSIGN "'*='" DIV_ASSIGN "'/='"

%precedence LOWEST
%left OR
%left AND
%precedence NOT
%nonassoc '<' '>' LE GE EQ NE
%left '+' '-'
%left '*' '/' '%' '@' FLOORDIV
%precedence NEGATION
%right POW

%type <decl> decl fn_head
%type <stmts> block stmts
%type <stmt> stmt if_stmt loop
%type <expr> expr postfix primary target opt_expr by
%type <exprs> exprs targets dims items
%type <args> args arg_list call_args
%type <arg> arg
%type <sub> sub
%type <subs> subs
%type <binder> binder
%type <binders> binders
%type <params> params param_list tparams tparam_list
%type <param> param tparam
%type <type> type result opt_type telem
%type <types> telems
%type <names> names opt_dims
%type <fields> fields
%type <field> field
%type <op> assign_op

%%

file: decls;

decls:
    %empty
  | decls decl            { mark_start(p, @2); if ($2) add_decl(p, $2); }
  | decls ';'
  | decls error           { RECOVER(); }
  ;

decl:
    fn_head block         { $$ = $1; finish_fn(p, $$, @2, NULL, $2, true); }
  | fn_head '=' expr      { $$ = $1; finish_fn(p, $$, @3, $3, (Stmts){0}, false); }
  | fn_head block DERIVATIVE '(' names ')' block {
      $$ = $1; finish_fn(p, $$, @7, NULL, $2, true); $$->seed = $5.first; $$->derivative = $7.first; $$->has_derivative = true;
    }
  | fn_head '=' expr DERIVATIVE '(' names ')' block {
      $$ = $1; finish_fn(p, $$, @8, $3, (Stmts){0}, false);
      $$->seed = $6.first; $$->derivative = $8.first; $$->has_derivative = true;
    }
  | EXTERN fn_head        { $$ = $2; $$->kind = DECL_EXTERN; $$->loc = $$->head = @$; }
  | EXTERN fn_head DERIVATIVE '(' names ')' block {
      $$ = $2; $$->kind = DECL_EXTERN; $$->head = loc_join(@1, @2); $$->loc = @$;
      $$->seed = $5.first; $$->derivative = $7.first; $$->has_derivative = true;
    }
  | STRUCT NAME opt_dims '{' fields '}' {
      $$ = make_decl(p, DECL_STRUCT, @$, $2, @2); $$->dims = $3.first; $$->fields = $5.first;
      $$->head = loc_join(@1, @3);
    }
  | IMPORT STRING         { $$ = make_decl(p, DECL_IMPORT, @$, NULL, @2); $$->path = $2; }
  | LET NAME '=' expr     { $$ = make_decl(p, DECL_LET, @$, $2, @2); $$->value = $4; }
  ;

fn_head:
    FN NAME '(' params ')' result {
      $$ = make_decl(p, DECL_FN, @$, $2, @2); $$->params = $4.first; $$->head = @$; need_types(p, $4);
      $$->result = $6 ? $6 : missing_result(p, $2, @5);
    }
  | LOCAL fn_head         { $$ = $2; $$->local = true; $$->loc = $$->head = @$; }
  ;

result:
    %empty                { $$ = NULL; }
  | ARROW type            { $$ = $2; }
  ;

opt_dims:
    %empty                { $$ = (Names){0}; }
  | '[' names ']'         { $$ = $2; }
  ;

names:
    NAME                  { $$ = (Names){0}; APPEND($$, make_name_item(p, $1, @1)); }
  | names ',' NAME        { $$ = $1; APPEND($$, make_name_item(p, $3, @3)); }
  ;

fields:
    %empty                { $$ = (Fields){0}; }
  | fields field          { $$ = $1; APPEND($$, $2); mark_start(p, @2); }
  | fields ';'
  | fields error          { $$ = $1; RECOVER(); }
  ;

field: NAME ':' type      { $$ = make_field_decl(p, $1, @1, $3); };

/* ---- types and parameters ---- */

params:
    %empty                { $$ = (Params){0}; }
  | param_list
  | param_list ','
  ;

param_list:
    param                 { $$ = (Params){0}; APPEND($$, $1); }
  | param_list ',' param  { $$ = $1; APPEND($$, $3); }
  ;

param: NAME opt_type      { $$ = make_param(p, $1, @1, $2); };

opt_type:
    %empty                { $$ = NULL; }
  | ':' type              { $$ = $2; }
  ;

type:
    NAME                  { $$ = make_named_type(p, @$, $1, false, (Exprs){0}); }
  | NAME '[' dims ']'     { $$ = make_named_type(p, @$, $1, true, $3); }
  | NAME '[' ']'          { $$ = empty_dims(p, @$, loc_join(@2, @3), $1); }
  | '(' telems ')'        { $$ = make_tuple_type(p, @$, $2); }
  | '(' telems ',' ')'    { $$ = make_tuple_type(p, @$, $2); }
  | FN '(' tparams ')' ARROW type { $$ = make_function_type(p, @$, $3, $6); }
  ;

dims:
    exprs
  | exprs ','
  ;

telems:
    telem                 { $$ = (Types){0}; APPEND($$, $1); }
  | telems ',' telem      { $$ = $1; APPEND($$, $3); }
  ;

telem:
    type
  | NAME ':' type         { $$ = $3; $$->label = $1; $$->loc = @$; }
  ;

tparams:
    %empty                { $$ = (Params){0}; }
  | tparam_list
  | tparam_list ','
  ;

tparam_list:
    tparam                { $$ = (Params){0}; APPEND($$, $1); }
  | tparam_list ',' tparam { $$ = $1; APPEND($$, $3); }
  ;

tparam:
    type                  { $$ = make_param(p, NULL, @1, $1); }
  | NAME ':' type         { $$ = make_param(p, $1, @1, $3); }
  ;

/* ---- statements ---- */

block: '{' stmts '}'      { $$ = $2; };

stmts:
    %empty                { $$ = (Stmts){0}; }
  | stmts stmt            { $$ = $1; if ($2) APPEND($$, $2); mark_start(p, @2); }
  | stmts ';'
  | stmts error           { $$ = $1; APPEND($$, make_stmt(p, ST_ERROR, @2)); RECOVER(); }
  ;

stmt:
    LET NAME opt_type '=' expr     { $$ = make_bind(p, ST_LET, @$, (Names){make_name_item(p, $2, @2), NULL}, $3, $5, false); }
  | LET '(' names ')' '=' expr     { $$ = make_bind(p, ST_LET, @$, $3, NULL, $6, true); }
  | VAR NAME opt_type '=' expr     { $$ = make_bind(p, ST_VAR, @$, (Names){make_name_item(p, $2, @2), NULL}, $3, $5, false); }
  | VAR '(' names ')' '=' expr     { $$ = make_bind(p, ST_VAR, @$, $3, NULL, $6, true); }
  | targets '=' exprs              { $$ = make_assign(p, @$, $1, -1, $3); }
  | target assign_op expr          { $$ = make_assign(p, @$, (Exprs){$1, $1}, $2, (Exprs){$3, $3}); }
  | target call_args               { $$ = reject_call(p, @$, $1); }
  | if_stmt
  | loop
  | CHECKPOINT loop                { $$ = make_checkpoint(p, $2, @$, NULL); }
  | CHECKPOINT '(' expr ')' loop   { $$ = make_checkpoint(p, $5, @$, $3); }
  | BREAK                          { $$ = make_stmt(p, ST_BREAK, @$); }
  | CONTINUE                       { $$ = make_stmt(p, ST_CONTINUE, @$); }
  | RETURN expr                    { $$ = make_value_stmt(p, ST_RETURN, @$, $2, NULL); }
  | ASSERT '(' expr ')'            { $$ = make_value_stmt(p, ST_ASSERT, @$, $3, NULL); }
  | ASSERT '(' expr ',' STRING ')' { $$ = make_value_stmt(p, ST_ASSERT, @$, $3, $5); }
  | NO_GRAD block                  { $$ = make_block_stmt(p, ST_NO_GRAD, @$, $2); }
  ;

if_stmt:
    IF expr block                  { $$ = make_cond(p, @$, $2, $3, NULL); }
  | IF expr block ELSE block       { $$ = make_cond(p, @$, $2, $3, $5.first); }
  | IF expr block ELSE if_stmt     { $$ = make_cond(p, @$, $2, $3, $5); }
  ;

loop:
    FOR NAME IN expr DOTDOT expr by block { $$ = make_for(p, @$, $2, @2, $4, $6, $7, $8); }
  | WHILE expr block               { $$ = make_while(p, @$, $2, $3); }
  ;

by:
    %empty                { $$ = NULL; }
  | BY expr               { $$ = $2; }
  ;

assign_op:
    ADD_ASSIGN            { $$ = BIN_ADD; }
  | SUB_ASSIGN            { $$ = BIN_SUB; }
  | MUL_ASSIGN            { $$ = BIN_MUL; }
  | DIV_ASSIGN            { $$ = BIN_DIV; }
  ;

targets:
    target                { $$ = (Exprs){$1, $1}; }
  | targets ',' target    { $$ = $1; APPEND($$, $3); }
  ;

target:
    NAME                  { $$ = make_name(p, $1, @1); }
  | target '[' subs ']'   { $$ = make_index(p, @$, @2, $1, $3); }
  | target '.' NAME       { $$ = make_field(p, @$, $1, $3, @3); }
  ;

/* ---- expressions ---- */

expr:
    postfix
  | expr OR expr          { $$ = make_binary(p, BIN_OR, @$, @2, $1, $3); }
  | expr AND expr         { $$ = make_binary(p, BIN_AND, @$, @2, $1, $3); }
  | NOT expr              { $$ = make_unary(p, UN_NOT, @$, @1, $2); }
  | expr '<' expr         { $$ = make_binary(p, BIN_LT, @$, @2, $1, $3); }
  | expr '>' expr         { $$ = make_binary(p, BIN_GT, @$, @2, $1, $3); }
  | expr LE expr          { $$ = make_binary(p, BIN_LE, @$, @2, $1, $3); }
  | expr GE expr          { $$ = make_binary(p, BIN_GE, @$, @2, $1, $3); }
  | expr EQ expr          { $$ = make_binary(p, BIN_EQ, @$, @2, $1, $3); }
  | expr NE expr          { $$ = make_binary(p, BIN_NE, @$, @2, $1, $3); }
  | expr '+' expr         { $$ = make_binary(p, BIN_ADD, @$, @2, $1, $3); }
  | expr '-' expr         { $$ = make_binary(p, BIN_SUB, @$, @2, $1, $3); }
  | expr '*' expr         { $$ = make_binary(p, BIN_MUL, @$, @2, $1, $3); }
  | expr '/' expr         { $$ = make_binary(p, BIN_DIV, @$, @2, $1, $3); }
  | expr '%' expr         { $$ = make_binary(p, BIN_MOD, @$, @2, $1, $3); }
  | expr '@' expr         { $$ = make_binary(p, BIN_MATMUL, @$, @2, $1, $3); }
  | expr FLOORDIV expr    { $$ = make_binary(p, BIN_FLOORDIV, @$, @2, $1, $3); }
  | '-' expr %prec NEGATION { $$ = make_unary(p, UN_NEG, @$, @1, $2); }
  | expr POW expr         { $$ = make_binary(p, BIN_POW, @$, @2, $1, $3); }
  | IF expr THEN expr ELSE expr %prec LOWEST { $$ = make_if(p, @$, $2, $4, $6); }
  | FN '(' params ')' result FAT_ARROW expr %prec LOWEST { $$ = make_lambda(p, @$, $3, $5, $7, (Stmts){0}); }
  | FN '(' params ')' result block { $$ = make_lambda(p, @$, $3, $5, NULL, $6); }
  ;

postfix:
    primary
  | postfix call_args     { $$ = make_call(p, @$, (Loc){p->file, @2.begin, @2.begin + 1}, $1, $2); }
  | postfix '(' expr FOR binders ')'         { $$ = make_reduction(p, @$, @2, $1, $3, $5, NULL); }
  | postfix '(' expr FOR binders IF expr ')' { $$ = make_reduction(p, @$, @2, $1, $3, $5, $7); }
  | postfix '[' subs ']'  { $$ = make_index(p, @$, @2, $1, $3); }
  | postfix '.' NAME      { $$ = make_field(p, @$, $1, $3, @3); }
  ;

primary:
    INT                   { $$ = new_expr(p, EX_INT, @$, @$); $$->u.integer = $1; }
  | REAL                  { $$ = new_expr(p, EX_REAL, @$, @$); $$->u.real = $1; }
  | STRING                { $$ = new_expr(p, EX_STRING, @$, @$); $$->u.name = $1; }
  | TRUE                  { $$ = new_expr(p, EX_BOOL, @$, @$); $$->u.boolean = true; }
  | FALSE                 { $$ = new_expr(p, EX_BOOL, @$, @$); $$->u.boolean = false; }
  | NAME                  { $$ = make_name(p, $1, @1); }
  | '(' expr ')'          { $$ = make_paren($2); }
  | '(' expr ',' items ')' {
      Exprs all = {$2, $2};
      $2->next = $4.first;
      all.last = $4.last;
      $$ = make_list(p, EX_TUPLE, @$, all);
    }
  | '[' ']'               { $$ = make_list(p, EX_LIST, @$, (Exprs){0}); }
  | '[' items ']'         { $$ = make_list(p, EX_LIST, @$, $2); }
  | '[' expr FOR binders ']' { $$ = make_comprehension(p, @$, $2, $4); }
  ;

exprs:
    expr                  { $$ = (Exprs){$1, $1}; }
  | exprs ',' expr        { $$ = $1; APPEND($$, $3); }
  ;

items:
    exprs
  | exprs ','
  ;

call_args:
    '(' ')'                            { $$ = (Args){0}; }
  | '(' args ')'                       { $$ = $2; }
  | '(' args ';' args ')'              { $$ = join_args(p, $2, $4); }
  | '(' ';' args ')'                   { $$ = join_args(p, (Args){0}, $3); }
  ;

args:
    arg_list
  | arg_list ','
  ;

arg_list:
    arg                   { $$ = (Args){0}; APPEND($$, $1); }
  | arg_list ',' arg      { $$ = $1; APPEND($$, $3); }
  ;

arg:
    expr                  { $$ = make_arg(p, NULL, LOC_NONE, $1); }
  | NAME '=' expr         { $$ = make_arg(p, $1, @1, $3); }
  ;

subs:
    sub                   { $$ = (Subs){0}; APPEND($$, $1); }
  | subs ',' sub          { $$ = $1; APPEND($$, $3); }
  ;

sub:
    expr                  { $$ = make_sub(p, SUB_INDEX, @$, $1); }
  | NONE                  { $$ = make_sub(p, SUB_NEWAXIS, @$, NULL); }
  | opt_expr ':' opt_expr { $$ = make_slice(p, @$, $1, $3, NULL); }
  | opt_expr ':' opt_expr ':' opt_expr { $$ = make_slice(p, @$, $1, $3, $5); }
  ;

opt_expr:
    %empty                { $$ = NULL; }
  | expr
  ;

binders:
    binder                { $$ = (Binders){0}; APPEND($$, $1); }
  | binders ',' binder    { $$ = $1; APPEND($$, $3); }
  ;

binder:
    NAME                  { $$ = make_binder(p, $1, @1, NULL); }
  | NAME '<' expr         { $$ = make_binder(p, $1, @1, $3); }
  ;

%%

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p) {
  yysymbol_kind_t kind[YYNTOKENS];
  const char *expected[YYNTOKENS];
  int n = yypcontext_expected_tokens(context, kind, YYNTOKENS);
  for (int i = 0; i < n; i++)
    expected[i] = yysymbol_name(kind[i]);
  report_syntax(p, *yypcontext_location(context), expected, n < 0 ? 0 : n);
  return 0;
}

/* The parser itself calls this only when its stack is full. */
static void yyerror(const YYLTYPE *loc, Parser *p, const char *text) {
  (void)text;
  report_depth(p, *loc);
}
