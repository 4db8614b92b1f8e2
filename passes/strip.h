/* strip.h - cutting a region along one axis; private to strip.c and strip_*.c. */
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
  Value *held; /* in the loop, what the result becomes a part of */
  bool kept;   /* wanted as a whole by others */
  int onto;    /* the operand that is needed no more: the result is made in its place; -1: none */
  int stage;   /* the loop that it is in */
  int ready;   /* the first stage that finds its result whole */
} Item;

/* One region, and along which axis its values are cut. */
typedef struct Strip {
  Func *f;
  Ctx *ctx;
  Region *region;
  int n;
  Item *item;
  int *uses;    /* by value id: how many operands and results it is */
  int *item_of; /* by value id: 1 + the operation that makes it; 0: it comes from around */
  int nvalue;
  Dim *extent;    /* of the axis */
  int8_t *cut;    /* by value id: the axis; -1: none */
  uint32_t *seen; /* by value id: axes that have been tried */
} Strip;

Strip strip_open(Func *f, Region *g);
void strip_admit(Strip *s); /* values that were made since: they come from around, and are not cut */
bool strip_can_begin(const Strip *s, const Value *v, int axis); /* it is long, and was not tried */
void strip_along(Strip *s, const Value *v, int axis);           /* all that is walked along together with v's axis is cut */
/* Finds roles and stages; fits: may the operation be in the loop?  Returns the number of stages. */
int strip_stages(Strip *s, bool (*fits)(const Strip *s, const Item *i));
Item *maker(const Strip *s, const Value *v); /* NULL: it comes from around */
/* What `it` adds to is a sum of the same kind, which nobody else wants: both are one, in one loop.  NULL: it is not. */
Item *adds_onto(const Strip *s, const Item *it);
bool is_together(const Strip *s, const Item *it, int k); /* operand k is a block that is made in the loop */
int degree(const Type *t); /* how many axes are not of constant length */
void strip_order(Strip *s);
/* Makes the loop of a stage, over blocks of `width`, behind all that it needs. */
void strip_loop(Strip *s, int stage, int64_t width, bool lanes);

/* strip_turn.c: operations of which the axis that is cut comes last. */
bool can_turn(const Op *op);
Type *turned_type(Ctx *c, Type *t, int axis); /* axis comes last; -1: as it is */
/* copy is of op with the result's axis `axis` last, and operand i's axis at[i]; -1: as they are. */
void turn_attributes(Ctx *c, Op *copy, const Op *op, int axis, const int8_t *at);
Value *turn(Builder *b, Value *x, int axis);
Value *turn_back(Builder *b, Value *x, int axis);
bool columns_last(const Op *op, int k); /* op is a product, and operand k's last axis the result's */

void strip_ranges(Func *f); /* strip_range.c */
void strip_columns(Func *f); /* strip_columns.c */
void strip_read_back(Func *f, Region *g); /* strip_place.c: of g and the regions in it */
bool strip_blocks(Func *f, Region *g); /* strip_block.c: true when a loop was made */

#endif
