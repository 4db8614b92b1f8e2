/* recursion.h - a function that calls itself at most once on any way through its body; private to recursion*.c. */
#ifndef ADC_PASSES_RECURSION_H
#define ADC_PASSES_RECURSION_H
#include "passes/pass.h"

/* What a symbol of the function is in the next level: the same, more by a constant, or any other number. */
typedef enum { LEVEL_SAME, LEVEL_STEPS, LEVEL_ANY } LevelKind;
typedef struct LevelSym { LevelKind kind; int64_t step; } LevelSym;

typedef struct Recursion {
  Ctx *ctx;
  Func *f;       /* becomes loops */
  Func *src;     /* what it was, all expanded but the calls of f: each op of its body that may get there is the last such in its
                  * region */
  Op **call;
  int ncall, call_cap;
  LevelSym *sym; /* by symbol of src */
  int *vary;     /* parameters that are not handed on as they are */
  int nvary, ncarried; /* these and the symbols of any number: what a loop over the levels carries */
} Recursion;

Op *recursion_site(const Recursion *r, const Region *g); /* the call, or the `if` that may get there; NULL: none */
bool recursion_may(const Recursion *r, const Region *g);
bool recursion_must(const Recursion *r, const Region *g); /* on every way */
/* The way of an `if` on which it always calls, where it never does on the other; -1: there is none. */
int recursion_way(const Recursion *r, const Op *site);
Dim *recursion_next(const Recursion *r, const Op *call, int sym); /* the symbol in the next level, in terms of this one */

/* The number of levels below the first, where it is known in advance: there is no end where `least` is negative or `rest` is not 0
 * (NULL: that cannot be). */
typedef struct Depth { Dim *trips, *least, *rest; } Depth;
bool recursion_depth(const Recursion *r, Depth *d);

void recursion_build(Recursion *r); /* f's body anew */

#endif
