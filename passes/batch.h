/* batch.h - what the families of the batch pass share; private to them. */
#ifndef ADC_PASSES_BATCH_H
#define ADC_PASSES_BATCH_H
#include "passes/pass.h"

/* Which values of a function are batched, given which parameters are. */
typedef struct BatchMarks {
  Func *of;
  bool *which, *batched, *result; /* by parameter, by value's id, by result */
  struct BatchMarks *first, *next;
  Func *made; /* what calls with these marks call, or NULL so far */
  Sym *length; /* of its axis: a parameter */
} BatchMarks;

BatchMarks *batch_marks(Func *f, const bool *which);

typedef struct Batch {
  Ctx *ctx;
  Func *from, *to;
  CloneMap *map;
  Dim *n; /* length of the new axis */
  BatchMarks *marks;
  bool failed; /* a callee cannot be batched */
} Batch;

BatchMarks *batch_marks_of_call(const Batch *t, const Op *op);
bool is_batched(const Batch *t, const Value *v);
Type *batch_type(Batch *t, Type *old);                     /* in the new function's terms, the batch axis first */
Value *batch_plain(Batch *t, const Value *v);              /* the copy, as it is */
Value *batch_full(Batch *t, Builder *b, const Value *v);   /* with the batch axis: an unbatched value is repeated */

/* What stands for the op's result, given that an operand is batched; one function a family. */
typedef Value *BatchFn(Batch *t, Builder *b, Op *op);
BatchFn batch_map, batch_contract, batch_reduce, batch_scan, batch_matrix, batch_view, batch_index;
bool contract_has_room(const Op *op);                      /* for the batch's label */
/* if, for, while: results are mapped by the function itself. */
void batch_loop(Batch *t, Builder *b, Op *op);
void batch_if(Batch *t, Builder *b, Op *op);
void batch_region(Batch *t, Builder *b, Region *from);     /* copies the operations; the parameters are mapped already */

#endif
