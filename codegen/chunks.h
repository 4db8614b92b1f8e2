/* chunks.h - loops that threads share. */
#ifndef ADC_CODEGEN_CHUNKS_H
#define ADC_CODEGEN_CHUNKS_H
#include "codegen/outline.h"

/* Between begin and end e emits what one chunk does: turns [from, to) of a loop. */
typedef struct Chunks {
  Outline outline;
  LLVMValueRef count;    /* how many there are */
  LLVMValueRef index;    /* in a chunk: which it is */
  LLVMValueRef from, to; /* in a chunk */
  LLVMValueRef taken, copy;  /* of working memory: which copies are in use; that of this chunk */
  LLVMValueRef *where, *slot; /* as they are outside */
} Chunks;

/* For several units in one nest; NULL: one thread does it. */
LLVMValueRef chunk_count(Emit *e, Unit *const *unit, int n);
/* In a loop of the program something may be too short for a call, many times over: both_begin, the code with chunks, both_else, that
 * without, both_end. */
typedef struct BothWays {
  LLVMBasicBlockRef alone, join;
  int mark;
} BothWays;
void both_begin(Emit *e, BothWays *b, LLVMValueRef count);
void both_else(Emit *e, BothWays *b);
void both_end(Emit *e, BothWays *b);
/* Chunks are cut between multiples of `multiple` turns. */
void chunks_begin(Emit *e, Chunks *c, LLVMValueRef count, LLVMValueRef turns, int64_t multiple);
void chunks_end(Emit *e, Chunks *c);

/* In a chunk: one copy of the workspace of which there are so many is its own. */
void chunk_claim(Emit *e, Chunks *c, const Dim *copies);

/* Folds that chunks make apart.  A scalar: in a chunk but the first the register begins with the neutral element, and chunk_leaves tells
 * what it has in the end; outside, fold_scalars folds that into what the first has. */
void chunk_begins(Emit *e, Chunks *c, Opcode code, Elem t, LLVMValueRef cell);
/* In `left`, or, if that is NULL, in memory of its own; returns it, for fold_scalars. */
LLVMValueRef chunk_leaves(Emit *e, Chunks *c, Elem t, LLVMValueRef left, LLVMValueRef x);
LLVMValueRef fold_scalars(Emit *e, const Chunks *c, Opcode code, Elem t, LLVMValueRef left);
/* A tensor: the first chunk folds into `base`, the others in the slot, where they begin with the neutral element; _at: if they have. */
LLVMValueRef chunk_part_at(Emit *e, Chunks *c, const Type *t, LLVMValueRef base, int slot);
LLVMValueRef chunk_part(Emit *e, Chunks *c, Opcode code, const Type *t, LLVMValueRef base, int object, int slot);
void fold_parts(Emit *e, const Chunks *c, Opcode code, const Type *t, LLVMValueRef base, int object, int slot);

/* A loop that is marked parallel: carried values whose folds are made apart are those of the chunk until loop_leave. */
LLVMValueRef *loop_enter(Emit *e, Chunks *c, const Unit *u);
void loop_leave(Emit *e, Chunks *c, const Unit *u, LLVMValueRef *left); /* and the chunks end */

/* Loops over a shape, of which chunks take parts of the first, if threads share u. */
typedef struct Shared {
  Chunks chunks;
  bool any;
} Shared;
void open_shared(Emit *e, Shared *s, Unit *u, int64_t multiple, Loop *loop, int n, Dim *const *dim, LLVMValueRef *idx);
void close_shared(Emit *e, Shared *s, Loop *loop, int n, Dim *const *dim);

#endif
