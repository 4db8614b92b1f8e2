/* outline.h - a piece of a body as a function of its own, which may run many times at once. */
#ifndef ADC_CODEGEN_OUTLINE_H
#define ADC_CODEGEN_OUTLINE_H
#include "codegen/emit.h"

/* Between begin and end e emits into a new function, void piece(ptr env, i64 index), and all that has been computed before may be used as
 * it is.  What the piece does with registers (allocas) of the body stays in it; the memory that shared_memory gave is the body's. */
typedef struct Outline {
  LLVMValueRef fn, index;
  /* where the body was left */
  struct Outline *around;
  LLVMValueRef body;
  LLVMBasicBlockRef at, entry;
  void *line_scope;
  LLVMMetadataRef line;
  int mark;
  LLVMValueRef status; /* records of failure, by index; NULL: it cannot fail */
  LLVMValueRef record; /* that of this index */
} Outline;
void outline_begin(Emit *e, Outline *o);
void outline_of(Emit *e, Outline *o, int n, LLVMValueRef *x); /* the same, of a piece that is given n i64s, x; it cannot fail */
LLVMValueRef outline_end(Emit *e, Outline *o); /* the environment, ready to be given to the piece */

LLVMValueRef shared_memory(Emit *e, LLVMTypeRef t);

/* What a failure is told in: the body's record or the piece's; and the way out with it. */
LLVMValueRef error_record(Emit *e);
void leave(Emit *e, LLVMValueRef code);
/* Returns the failure of the first of `count` pieces that failed, if any did. */
void return_first_failure(Emit *e, const Outline *o, LLVMValueRef count);

enum { MAX_PIECES = 64 };

#endif
