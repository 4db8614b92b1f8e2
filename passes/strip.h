/* strip.h - cutting a region along one axis; private to strip.c, strip_class.c and strip_loop.c. */
#ifndef ADC_PASSES_STRIP_H
#define ADC_PASSES_STRIP_H
#include "passes/axes.h"
#include "passes/pass.h"

/* What an operation does along the axis that is cut. */
typedef enum {
  ROLE_NONE, /* it is no part of it, or needs all of it */
  ROLE_EACH, /* its result has the axis, and an entry depends on the entries of its operands alone */
  ROLE_FOLD  /* the axis is folded away */
} Role;

typedef struct Item {
  Op *op;
  Links links;
  Role role;
  int axis;    /* ROLE_EACH: of the result */
  int8_t *opd; /* by operand: its axis that is cut; -1: it is taken whole */
  bool free;   /* cheap, and made of what is at hand before: as well done again where it is needed */
  bool kept;   /* wanted as a whole by others */
  int stage;   /* the loop that it is in */
  int ready;   /* the first stage that finds its result whole */
} Item;

/* One region, and the classes of its values' axes: axes of one class have one length, and some operation walks along them together. */
typedef struct Strip {
  Func *f;
  Ctx *ctx;
  Region *region;
  int n;
  Item *item;
  int *item_of; /* by value id: 1 + the operation that makes it; 0: it comes from around */
  int nvalue;
  int *parent;  /* classes: by value id and axis */
} Strip;

Strip strip_open(Func *f, Region *g); /* with classes */
int axis_class(Strip *s, const Value *v, int axis); /* -1: of constant length, never cut */
Dim *class_extent(const Strip *s, int class);
/* Finds roles and stages for the class; fits: may the operation be in the loop (NULL: always)?  Returns the number of stages. */
int strip_stages(Strip *s, int class, bool (*fits)(const Strip *s, const Item *i));
Item *maker(const Strip *s, const Value *v); /* NULL: it comes from around */
/* Makes the loop of a stage, over blocks of `width`, behind all that it needs. */
void strip_order(Strip *s);
void strip_loop(Strip *s, int stage, int class, int64_t width);
bool strip_blocks(Func *f, Region *g); /* strip_block.c: true when a loop was made */

#endif
