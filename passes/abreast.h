/* abreast.h - iterations of a loop side by side; private to abreast.c, abreast_*.c.
 *
 * What varies from iteration to iteration gets one more axis, the last one, with a place for each lane. */
#ifndef ADC_PASSES_ABREAST_H
#define ADC_PASSES_ABREAST_H
#include "passes/pass.h"

/* A symbol that each lane binds to a number of its own: in types it stands for the most of them. */
typedef struct LaneSym { const Sym *sym; Value *each, *most; } LaneSym;

typedef struct Abreast {
  Func *func;
  Ctx *ctx;
  Op *loop;        /* over entries */
  Dim *n, *width;  /* iterations; lanes */
  int nvalue;      /* what follows is by the id of a value of the loop */
  bool *varies;    /* from lane to lane */
  bool *sums;      /* tensors that the lanes add to together, and what is on the way to the next of them */
  int nsym, sym_cap;
  LaneSym *sym;
  bool unchecked;  /* never mind what can fail: that is asked before the loop, if it can be */
  CloneMap *map;   /* to what stands for a value in lanes */
  Value *fresh;    /* bool[lanes]: the iteration was not done in a block before; NULL: none was */
  Value **most;    /* the most of an int over all lanes, where it is at hand */
  Value **own;     /* by what the loop carries: the entries before it, of tensors of which each iteration sets its own */
  Dim *at;         /* the first iteration of the block, */
  Value *first;    /* … as a number (of a strip), */
  Sym *index;      /* of a strip: what its windows of one entry begin at; NULL: it is none */
} Abreast;

enum { LANE_FEW = 64 }; /* elements of what a lane computes with */

/* abreast_fit.c: which values vary, and whether all can be done in lanes. */
Abreast abreast_open(Func *f, Op *loop);
bool abreast_fits(Abreast *t);
bool lane_leaves(const Abreast *t, const Op *op); /* sets an entry of what the loop carries, or reads that before */
bool lane_reads_own(const Abreast *t, const Op *op); /* a gather, of one axis at the iteration's number */
bool lane_is_few(const Type *type);
LaneSym *lane_sym(const Abreast *t, const Dim *d); /* the one that d mentions; NULL: none */
int lane_counter_step(const Op *loop, int k); /* carried value k of a `while` grows by so much in each turn; 0: it does not */
typedef enum { TURNS_ALIKE, TURNS_END, TURNS_BEGIN, TURNS_OTHER } Turns; /* of a `for`: what varies of its bounds */
Turns lane_turns(const Abreast *t, const Op *op);
bool lane_is_updated(const Abreast *t, const Op *loop, int k); /* a turn sets places of carried value k, and no more */
Value *lane_base(const Abreast *t, const Op *op, int k); /* result k of an `if` is this, with updates; NULL: it is not */

/* abreast_ops.c.  mask: bool[lanes], the lanes that are under way; NULL: all. */
bool lane_varies(const Abreast *t, const Value *v);
Value *lane_image(Abreast *t, Value *v);            /* as it is */
Value *lane_full(Abreast *t, Builder *b, Value *v); /* with the lanes' axis */
Type *lane_type(Abreast *t, Type *type);
Value *lane_spread(Abreast *t, Builder *b, Value *mask, const Type *like); /* for every element of what has like's shape */
Value *lane_choose(Abreast *t, Builder *b, Value *mask, Value *x, Value *y); /* NULL: x */
Value *lane_both(Builder *b, Value *mask, Value *other); /* either may be NULL */
Value *lane_last(Builder *b, Value *x, int axis); /* axis comes last */
Value *lane_total(Abreast *t, Builder *b, Value *x); /* the sum over lanes */
Value *lane_extreme(Abreast *t, Builder *b, Opcode code, Value *x, Value *mask, Value *none); /* with `none` where the mask is not */
void lane_op(Abreast *t, Builder *b, Op *op, Value *mask);

/* abreast_window.c: one entry of a tensor that all strips' iterations have in common, at the iteration's number; eight of them in lanes. */
bool lane_is_window(const Abreast *t, const Op *op);              /* a slice or set_slice */
Op *lane_sets_window(const Abreast *t, int k);                    /* what sets it in carried value k, all else of which is unseen */
Value *lane_read_window(Abreast *t, Builder *b, const Op *op);
Value *lane_write_window(Abreast *t, Builder *b, const Op *op, Value *held);

/* abreast_region.c */
void lane_region(Abreast *t, Builder *b, const Region *from, Value *mask); /* the operations; parameters are mapped */
void lane_control(Abreast *t, Builder *b, Op *op, Value *mask);

#endif
