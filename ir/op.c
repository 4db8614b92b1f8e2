/* op.c - the table of operations as data. */
#include "ir/internal.h"
#include <string.h>

const OpInfo op_info[OP_COUNT] = {
#define OP(name, family, nopd, sig, doc) {#name, FAM_##family, nopd, SIG_##sig, doc},
#include "ir/ops.def"
#undef OP
};

Opcode op_named(const char *name) {
  for (int i = 0; i < OP_COUNT; i++)
    if (strcmp(op_info[i].name, name) == 0) return (Opcode)i;
  return OP_COUNT;
}

const char *const derive_word[] = {[DERIVE_GRAD] = "grad",         [DERIVE_VJP] = "vjp",         [DERIVE_JVP] = "jvp",
                                   [DERIVE_JACOBIAN] = "jacobian", [DERIVE_HESSIAN] = "hessian", [DERIVE_HVP] = "hvp"};
