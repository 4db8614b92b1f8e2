/* diag.h - what the printers of diagnostics share; private to ir/. */
#ifndef ADC_IR_DIAG_H
#define ADC_IR_DIAG_H
#include "ir/ir.h"

/* All diagnostics by file and position, those of one place in the order they were reported; in the context's arena. */
const Diag **diag_sorted(const Ctx *c, int *n);

#endif
