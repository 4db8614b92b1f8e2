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
  bool adds;          /* at computed places: rows as a rule, which may be short */
  bool tiny;          /* nothing is a loop */
  bool by_four;       /* four turns at a time of the loop around the innermost one */
  bool begins;        /* … of which the first begin what is folded into memory */
  bool parallel;     /* the innermost loop's iterations keep apart in memory, which LLVM cannot see by itself */
  bool split;         /* the innermost loop is there with comparisons of indices and without, */
  bool at_edge;       /* a few turns, one by one */
  struct Inside *inside; /* … without: this is being emitted; or NULL */
  LLVMValueRef *held; /* by unit: what whole_vectors stores or folds later */
  LLVMValueRef within; /* i1: the turn is none beyond the end; NULL: there are no such turns */
} Nest;

LLVMValueRef nest_neutral(Emit *e, const Unit *u);
LLVMValueRef nest_fold(Emit *e, const Unit *u, LLVMValueRef acc, LLVMValueRef x);
LLVMValueRef nest_term(const Nest *k, const Unit *u);               /* that a fold takes in at the current indices */
void nest_fold_into_register(const Nest *k, int i, LLVMValueRef x);
void nest_index(const Nest *k, const Unit *u, LLVMValueRef *idx);   /* of the element that u makes there, */
LLVMValueRef nest_place(Emit *e, const Unit *u, const LLVMValueRef *idx); /* where in its memory that is, */
void nest_put(const Nest *k, const Unit *u, LLVMValueRef x);        /* and x is stored, or added */
bool nest_has_part(const Unit *u);              /* chunks fold it in memory of their own */
void nest_begin_folds(const Nest *k, int level); /* that use a register, and do so from this level on */
void nest_end_folds(const Nest *k, int level);
void nest_levels(Nest *k, int level);                   /* the loops from a level on */
void nest_in_chunks(Nest *k, LLVMValueRef count);
void nest_both_ways(Nest *k, LLVMValueRef count);       /* in a loop */
void nest_phase(Nest *k);                               /* in a relay: what is emitted now */
bool nest_is_trimmed(const Nest *k, int level);
bool nest_folds_few(const Nest *k, int level); /* all units fold from an outer level on, in registers, a few terms */

void nest_innermost(Nest *k); /* one turn of all loops */
void nest_put_update(const Nest *k, const Unit *u, LLVMValueRef x); /* UNIT_UPDATE */
void nest_begin_in_memory(Emit *e, const Unit *u); /* a fold's neutral element goes to all places of its result */

/* emit_whole.c: elements of a vector that all that the innermost loop stores has room for; 0: nothing is stored whole. */
int nest_room(const Nest *k);
bool nest_has_room(const Nest *k, int i);
void nest_whole_vectors(Nest *k, int level, int lanes);
/* … that all that the nest's only loop reads and writes has room for; 0: it ends where it ends. */
int nest_room_for_all(const Nest *k);
void nest_to_room(Nest *k, int lanes);

void emit_in_pieces(Nest *k); /* emit_epilogue.c */
bool by_four(Nest *k); /* emit_fours.c */
void emit_fours(Nest *k);
bool emit_matvec(Nest *k); /* emit_matvec.c: … by the runtime's kernel, if it can */
bool in_own_memory(const Emit *e, const Unit *u); /* not at a result pointer alone */

#endif
