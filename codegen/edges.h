/* edges.h - emit_edges.c: the inside of a nest. */
#ifndef ADC_CODEGEN_EDGES_H
#define ADC_CODEGEN_EDGES_H
#include "codegen/emit.h"

typedef struct Inside {
  LLVMValueRef from, turns, to; /* from, turns: to be replaced when it is known where the inside is */
  struct Edges *edges;
} Inside;

enum { LONG_ROW = 64 }; /* shorter ones are better off with one loop */
/* Computing what the units store takes several comparisons of indices. */
bool has_edges(Emit *e, Unit **unit, int n);
/* Between these, comparisons of the levels' indices with bounds are left out where they hold for most elements. */
void edges_begin(Emit *e, Inside *in, int level, const LLVMValueRef *idx);
/* False: none was.  Else in->from and in->to are where they all hold, or n if that is nowhere. */
bool edges_end(Emit *e, Inside *in, int level, LLVMValueRef n, const LLVMValueRef *idx);
/* Before and behind the inside are a few elements, if all symbols are large; and there is no row that is all edge. */
bool edges_are_short(const Inside *in, int level, const Dim *whole);

#endif
