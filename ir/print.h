/* print.h - what print.c and print_op.c share. */
#ifndef ADC_IR_PRINT_H
#define ADC_IR_PRINT_H
#include "ir/internal.h"

typedef struct { const Sym *sym; const char *name; } SymNaming;
/* The state of printing one function: names are handed out in the order of the text. */
typedef struct Printer {
  Ctx *ctx;
  Text *text;
  const char **value; /* by id */
  int nvalue, next_number, depth;
  Interner *value_taken, *sym_taken;
  SymNaming *sym;
  int nsym, sym_cap;
} Printer;
const char *clean_name(Ctx *c, const char *hint);
const char *unique_name(Ctx *c, Interner *taken, const char *hint);
const char *sym_print_name(void *env, const Sym *s, int *order);
const char *printer_name_sym(Printer *p, const Sym *s);
void printer_name_value(Printer *p, const Value *v, const char *hint); /* hint NULL: a number */
const char *printer_value(const Printer *p, const Value *v);
void print_type(Printer *p, const Type *t);
void print_dim(Printer *p, const Dim *d);
void print_body(Printer *p, const Region *r, const char *word);
void print_op(Printer *p, const Op *op); /* one line, without its end */

#endif
