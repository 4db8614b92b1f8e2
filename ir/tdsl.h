/* tdsl.h - what the files that print IR as .tdsl source share; private to ir/.
 *
 * tdsl.c      functions, statements, control flow
 * tdsl_expr.c the expression that stands for a value */
#ifndef ADC_IR_TDSL_H
#define ADC_IR_TDSL_H
#include "ir/ir.h"

/* How tightly an expression binds, loosest first. */
typedef enum { PREC_IF, PREC_OR, PREC_AND, PREC_NOT, PREC_COMPARE, PREC_ADD, PREC_MUL, PREC_NEG, PREC_POW, PREC_ATOM } Prec;

typedef struct Source1 { const char *text; Prec prec; } Source1;
typedef struct Tdsl {
  Ctx *c;
  Arena *a;
  Func *f;
  Text *out;
  int indent;
  Source1 *value;    /* by Value.id: text NULL: not printed yet */
  int *uses;         /* by Value.id */
  Region **user;     /* by Value.id: the region of its only user */
  DimSubst *rename;  /* symbols bound in the body, to symbols of unique names */
  int nrename, rename_cap;
  const char *failed; /* why the function cannot be printed, or NULL */
} Tdsl;

/* The text of a value where an expression of at least `prec` is wanted. */
const char *tdsl_use(Tdsl *p, const Value *v, Prec prec);
/* The expression that an operation computes; {NULL}: it is none (a store, a loop, …). */
Source1 tdsl_expr(Tdsl *p, const Op *op);
const char *tdsl_dim(Tdsl *p, Dim *d);                 /* as an int expression, an atom */
const char *tdsl_shape(Tdsl *p, const Type *t);        /* [n, m]; for rank 0 [] */
const char *tdsl_zeros(Tdsl *p, const Type *t);        /* an expression of that type */
bool tdsl_is_factors(const Op *op);                    /* what other operations read makes them itself: it is not printed */
const char *tdsl_name(Tdsl *p, const Value *v);
void tdsl_fail(Tdsl *p, const char *why);

#endif
