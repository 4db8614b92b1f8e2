/* emit_lanes.h - a loop in lanes, as it is emitted: what emit_lanes.c (the loop) and emit_iteration.c (one iteration) share. */
#ifndef CODEGEN_EMIT_LANES_H
#define CODEGEN_EMIT_LANES_H
#include "codegen/chunks.h"

typedef struct Exit {
  LaneExit x;
  Value *v;      /* what is set, added or folded in */
  int n;         /* its elements */
  bool straight; /* to memory at once: entries of one element lie side by side there */
  bool reads;    /* of what is set: the old entries are read */
  LLVMValueRef buffer, mask, at[MAX_RANK]; /* n by width; for scatters one index an axis */
  LLVMValueRef *acc; /* of folds: by element, of the iterations done alone; those of lanes are in the buffer */
} Exit;

typedef struct Lanes {
  Emit *e;
  Unit *u;
  Op *op;
  Exit *exit;
  int width;          /* lanes; 1: there are none */
  LLVMValueRef first; /* of the block */
  bool alone;         /* one iteration by itself: everything goes straight */
  bool watched;       /* nothing that vectors compute leaves them before it was looked at for a nan: */
  bool watch;         /* products are plain: what leaves is looked at */
  bool reads;         /* old entries are read */
  LLVMValueRef last, strange; /* the element looked at last; i1: some were nan, in this iteration */
  LLVMValueRef done;          /* so many iterations at the beginning of the block have been done before; NULL: none */
  LLVMValueRef keep;          /* i1: nothing is to leave this iteration; NULL: all does */
  int waiting;                /* so many blocks are computed before what they add at computed places is added; 0: there is nothing */
  Exit *all;                  /* the buffers of all of these, where an exit has those of the block at hand */
  LLVMValueRef flags;         /* … likewise */
  LLVMValueRef seen, flag;    /* alloca of i1: there are iterations to be done alone; buffer of i8: which */
} Lanes;

int64_t lane_elements(const Type *t); /* of a small tensor */
LLVMValueRef lane_counter(const Lanes *k);
void lane_set_counter(Lanes *k, LLVMValueRef lane);
LLVMValueRef *lane_index(Lanes *k, const Type *t, int i); /* of element i */
LLVMTypeRef lane_memory(const Lanes *k, const Exit *x);
LLVMValueRef lane_cell(Lanes *k, LLVMTypeRef t, LLVMValueRef buffer, int i, LLVMValueRef lane); /* of a buffer */
int lane_row(const Exit *x); /* so many elements of an entry lie one after another */

void lane_iteration(Lanes *k);                       /* of the vector's loop */
void lane_alone(Lanes *k, LLVMValueRef lane);        /* by itself */
void lane_alone_plain(Lanes *k, LLVMValueRef lane);  /* with plain products; nothing leaves it if it has to be done again */
LLVMValueRef lane_is_flagged(Lanes *k, LLVMValueRef lane); /* i1: it has to be done again */

/* From a block's buffers to memory. */
void lanes_copy_rows(Lanes *k, Exit *x);
void lanes_add_rows(Lanes *k, Exit *x);

#endif
