/* nest.h - one loop nest under construction: what emit_kernel.c, emit_fours.c and emit_matvec.c share. */
#ifndef ADC_CODEGEN_NEST_H
#define ADC_CODEGEN_NEST_H
#include "codegen/chunks.h"

typedef struct Nest {
  Emit *e;
  Unit **unit;
  int n;
  LLVMValueRef idx[MAX_LEVEL];
  LLVMValueRef *acc; /* by unit: the alloca that a fold uses */
  LLVMValueRef *part; /* by unit: where a fold into memory goes in a chunk; NULL: to the unit's target */
  LLVMValueRef *left; /* by unit: of folds into registers, what chunks leave */
  Chunks *chunks;     /* NULL: one thread does it */
  LLVMValueRef from, to; /* the turns of the outermost loop that are emitted; NULL: all */
  bool folds;
  bool tiny;          /* nothing is a loop */
  bool by_four;       /* four turns at a time of the loop around the innermost one */
  bool begins;        /* … of which the first begin what is folded into memory */
  bool parallel;     /* the innermost loop's iterations keep apart in memory, which LLVM cannot see by itself */
  bool split;         /* the innermost loop is there with comparisons of indices and without, */
  bool at_edge;       /* a few turns, one by one */
  struct Inside *inside; /* … without: this is being emitted; or NULL */
  LLVMValueRef *held; /* by unit: what whole_vectors stores or folds later */
} Nest;

LLVMValueRef nest_neutral(Emit *e, const Unit *u);
LLVMValueRef nest_fold(Emit *e, const Unit *u, LLVMValueRef acc, LLVMValueRef x);
LLVMValueRef nest_term(const Nest *k, const Unit *u);               /* that a fold takes in at the current indices */
void nest_fold_into_register(const Nest *k, int i, LLVMValueRef x);
void nest_index(const Nest *k, const Unit *u, LLVMValueRef *idx);   /* of the element that u makes there, */
LLVMValueRef nest_place(Emit *e, const Unit *u, const LLVMValueRef *idx); /* where in its memory that is, */
void nest_put(const Nest *k, const Unit *u, LLVMValueRef x);        /* and x is stored, or added */
bool nest_has_part(const Unit *u);              /* chunks fold it in memory of their own */
bool nest_is_trimmed(const Nest *k, int level);
bool nest_folds_few(const Nest *k, int level); /* all units fold from an outer level on, in registers, a few terms */

bool by_four(Nest *k); /* emit_fours.c */
void emit_fours(Nest *k);
bool emit_matvec(Nest *k); /* emit_matvec.c: … by the runtime's kernel, if it can */
bool in_own_memory(const Emit *e, const Unit *u); /* not at a result pointer alone */

#endif
