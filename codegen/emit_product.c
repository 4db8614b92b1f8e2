/* emit_product.c - matrix products with a kernel of their own. */
#include "codegen/emit.h"

void emit_tiled(Emit *e, Unit *u) { emit_nest(e, &u, 1); }
