/* flow.h - maximum flow and minimum cut in a small network; private to flow.c and tape.c. */
#ifndef ADC_PASSES_FLOW_H
#define ADC_PASSES_FLOW_H
#include "ir/ir.h"

#define FLOW_INFINITE (INT64_C(1) << 50)
typedef struct FlowEdge { int to; int64_t room; int next; } FlowEdge; /* edge i and i ^ 1 are each other's reverse */
typedef struct Flow { Arena *arena; int nnode, *first; FlowEdge *edge; int nedge, edge_cap; int *level, *at, *queue; } Flow;
Flow flow_new(Arena *a, int nnode);
void flow_edge(Flow *f, int from, int to, int64_t capacity);
/* Fills the network from s to t; by node: t can still be reached.  An edge into that set from outside it is cut: of all minimum
 * cuts the one nearest to t. */
bool *flow_cut(Flow *f, int s, int t);

#endif
