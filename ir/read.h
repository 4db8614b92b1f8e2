/* read.h - what the files of the reader share. */
#ifndef ADC_IR_READ_H
#define ADC_IR_READ_H
#include "ir/internal.h"

typedef enum {
  T_END, T_IDENT, T_VALUE /* %x */, T_FUNC /* @f */, T_NUMBER, T_STRING, T_ARROW, T_FLOORDIV, T_PUNCT /* one character */, T_BAD
} TokenKind;
typedef struct { TokenKind kind; char punct; int begin, end; const char *name; bool is_int; } Token;

typedef struct { const char *name; Value *value; } NamedValue;
/* Text being read.  A function that fails has reported its diagnostic; the caller only passes the failure on. */
typedef struct Reader {
  Ctx *ctx;
  Module *module;
  int file, end;
  const char *text;
  Token tok;          /* the one not taken yet */
  int taken_end;      /* of the one before */
  int depth;
  Func *func;         /* whose header or body is being read */
  Interner *values, *symbols; /* of func: NamedValue by name, Sym by name */
} Reader;

void next(Reader *r);
bool is_punct(const Reader *r, char ch);
bool is_word(const Reader *r, const char *word);
bool take_punct(Reader *r, char ch); /* false and nothing taken when another token stands there */
bool take_word(Reader *r, const char *word);
bool expect_punct(Reader *r, char ch);
bool expect_name(Reader *r, TokenKind kind, const char *what, const char **name);
bool read_fail(Reader *r, Loc loc, int code, const char *fmt, ...) ADC_PRINTF(4, 5); /* always false */
bool read_unexpected(Reader *r, const char *wanted);                                 /* always false */
Loc token_loc(const Reader *r, Token t);
const char *token_text(const Reader *r, Token t);
bool read_string(Reader *r, const char **text);

/* ---- read_type.c ---- */
bool read_dim(Reader *r, Dim **d);
bool read_type(Reader *r, Type **t);
bool read_int(Reader *r, int64_t *v, int64_t low, int64_t high); /* with its sign */
/* A number before its type is known. */
typedef struct { double f; int64_t i; enum { NUM_REAL, NUM_INT, NUM_BOOL } kind; Loc loc; } Number;
bool read_number(Reader *r, Number *n);
bool number_fits(Reader *r, const Number *n, Elem e, double *f, int64_t *i);
Sym *find_symbol(Reader *r, const char *name);
bool define_symbol(Reader *r, Loc loc, const char *name, SymKind kind, Sym **s);

/* ---- read_op.c ---- */
bool read_region_body(Reader *r, Region *to, const char *word); /* up to and with the `}` */
bool define_value(Reader *r, Loc loc, const char *name, Value *v);
bool read_operand(Reader *r, Value **v);

#endif
