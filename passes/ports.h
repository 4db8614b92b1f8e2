/* ports.h - the C signature of derivative functions; private to derive.c and ports.c. */
#ifndef ADC_PASSES_PORTS_H
#define ADC_PASSES_PORTS_H
#include "passes/pass.h"

int port_real_leaves(const Func *f, const Port *p, bool result);
Value *port_leaf(const Func *f, const Port *p, bool result, int leaf);
/* Appends a port to g's parameters (result false) or results, with a leaf for each real leaf of `of`, which is a port of g
 * too (of its results if of_result).  The leaves themselves are made by the caller, in order, from `first` on. */
void port_append(Func *g, bool result, PortRole role, int of, bool of_result, const char *suffix, int first);

#endif
