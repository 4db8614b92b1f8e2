/* axes.h - how the axes of an operation's operands and result correspond; private to axes.c and the strip pass. */
#ifndef ADC_PASSES_AXES_H
#define ADC_PASSES_AXES_H
#include "ir/ir.h"

/* For an axis of an operand: the result's axis that is worked along element by element; AXIS_WHOLE: it is read anywhere along
 * this axis; AXIS_SUM + l: it is folded away, together with all axes of the same l. */
enum { AXIS_WHOLE = -1, AXIS_SUM = 32 };
typedef struct Links {
  int nopd;
  int8_t (*in)[MAX_RANK]; /* by operand and axis */
  bool out[MAX_RANK];     /* by axis of the result: an element depends on nothing else along it */
} Links;
Links axis_links(Ctx *c, const Op *op);

#endif
