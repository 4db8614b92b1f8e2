/* instance.h - what ints are in two instances of a loop's body; private to instance.c and settled.c. */
#ifndef ADC_PASSES_INSTANCE_H
#define ADC_PASSES_INSTANCE_H
#include "passes/inequality.h"
#include "passes/pass.h"

enum { INSTANCE_KEYS = LINEAR_VARS };
typedef enum { SIDE_ONE, SIDE_OTHER, SIDE_BOTH } Side;
/* What an unknown stands for: a value, a symbol, a dimension that is no sum, or (a loop) the number of an iteration. */
typedef struct Key { const void *what; Side side; int var; } Key;
/* Two instances of operations; what is around `shared`, and in it, is the same in both. */
typedef struct Pair { Ctx *ctx; System sys; const Region *shared; Key key[INSTANCE_KEYS]; int nkey; } Pair;
void pair_init(Pair *p, Ctx *c, const Region *shared);
Linear pair_value(Pair *p, Side side, const Value *v);                /* a scalar int */
Linear pair_dim(Pair *p, Side side, const Region *where, const Dim *d);
Linear pair_turn(Pair *p, Side side, const Op *loop);                 /* which iteration it is in */
/* What is known because an operation in r is reached: that the loops around it turn, and the conditions of the branches. */
void pair_reach(Pair *p, Side side, const Region *r, const Region *outermost);
/* The element of an int tensor at these indices. */
Linear pair_element(Pair *p, Side side, const Value *v, const Linear *at);

#endif
