/* exact.h - a plain interpreter of the IR, to check everything else against.  Every real value is a long double, whatever its
 * element type, and nothing is rounded to less; every operation is the obvious loop. */
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

typedef enum { EXACT_OK, EXACT_EDIM, EXACT_EINDEX, EXACT_EASSERT } ExactStatus;

/* Runs f: sym has a value for each of f's symbols, in one for each parameter of the body, out room for each result.  What is
 * made lives in the arena.  A dimension that overflows or is negative is EXACT_EDIM. */
ExactStatus exact_run(Arena *a, const Func *f, const int64_t *sym, Tensor *const *in, Tensor **out);

/* exact_map.c: one element of a map op. */
long double exact_real(Opcode op, const long double *x);
int64_t exact_int(Opcode op, const int64_t *x);
int64_t exact_philox(const int64_t *x, int first_word); /* exact.c */
bool exact_compare(Opcode op, long double x, long double y);
long double exact_polygamma(int64_t n, long double x);

#endif
