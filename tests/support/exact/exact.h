/* exact.h - a plain interpreter of the IR, to check everything else against.  Every real value is a long double and every operation the
 * obvious loop; what an operation gives is rounded to its element type only where that is asked for. */
#ifndef ADC_TESTS_EXACT_H
#define ADC_TESTS_EXACT_H
#include "ir/ir.h"

typedef struct Tensor {
  Elem elem;
  int rank;
  int64_t dim[MAX_RANK], count;
  long double *f; /* real */
  int64_t *i;     /* int, bool */
} Tensor;
Tensor *exact_tensor(Arena *a, Elem e, int rank, const int64_t *dim); /* zeros */
/* Zeros of a type of f's, whose symbols have the values sym. */
Tensor *exact_of_type(Arena *a, const Func *f, const int64_t *sym, const Type *t);
void exact_set(Tensor *t, int64_t at, long double f, int64_t i); /* f or i, by the element type, rounded to that */
double exact_get(const Tensor *t, int64_t at);

/* The codes of the C interface. */
typedef enum { EXACT_OK = 0, EXACT_EDIM = 2, EXACT_EINDEX = 3, EXACT_EASSERT = 4, EXACT_ENAN = 5 } ExactStatus;

/* Runs f: sym has a value for each of f's symbols, in one for each parameter of the body, out room for each result.  What is
 * made lives in the arena.  A dimension that overflows or is negative is EXACT_EDIM. */
ExactStatus exact_run(Arena *a, const Func *f, const int64_t *sym, Tensor *const *in, Tensor **out);
/* The same with every value rounded to its element type, as compiled code has it. */
ExactStatus exact_run_rounded(Arena *a, const Func *f, const int64_t *sym, Tensor *const *in, Tensor **out);

/* exact_map.c: one element of a map op. */
long double exact_real(Opcode op, const long double *x);
int64_t exact_int(Opcode op, const int64_t *x);
int64_t exact_philox(const int64_t *x, int first_word); /* exact.c */
bool exact_compare(Opcode op, long double x, long double y);
long double exact_polygamma(int64_t n, long double x);

#endif
