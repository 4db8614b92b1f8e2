/* facts.c - small questions about operations and values that several parts ask. */
#include "ir/internal.h"

bool op_checks_bool(Opcode code) { return code == OP_assert || code == OP_check_finite; }

bool op_is_fold(Opcode code) {
  switch (code) {
  case OP_add:
  case OP_mul:
  case OP_max:
  case OP_min:
  case OP_or:
  case OP_and: return true;
  default: return false;
  }
}

bool op_is_loop(const Op *op) { return op->code == OP_for || op->code == OP_while; }

bool op_is_update(const Op *op) { return op->code == OP_set || op->code == OP_set_slice || op->code == OP_scatter_acc; }

bool op_is_scatter(const Op *op) { return op->code == OP_scatter_add || op->code == OP_scatter_acc; }

int scatter_first(const Op *op) { return op->code == OP_scatter_add ? 1 : 2; }

Value *scattered(const Op *op) { return op->opd[scatter_first(op) - 1]; }

bool op_has_sum(const Op *op) {
  if (op->code != OP_contract) return false;
  for (int k = 0; k < op->nopd; k++)
    for (int i = 0; i < op->opd[k]->type->rank; i++) {
      bool kept = false;
      for (int j = 0; j < op->res[0]->type->rank; j++) kept |= op->u.contract.out[j] == op->u.contract.opd[k][i];
      if (!kept) return true;
    }
  return false;
}

int8_t contract_unused_label(const Op *op) {
  uint64_t used = 0;
  for (int i = 0; i < op->nopd; i++)
    for (int a = 0; a < op->opd[i]->type->rank; a++) used |= UINT64_C(1) << op->u.contract.opd[i][a];
  for (int a = 0; a < op->res[0]->type->rank; a++) used |= UINT64_C(1) << op->u.contract.out[a];
  for (int8_t l = 0; l < MAX_LABEL; l++)
    if (!(used >> l & 1)) return l;
  return -1;
}

Value *carried(const Op *op, int region, int k) { return op->reg[region]->param[loop_nindex(op) + k]; }

Region *region_of(const Value *v) { return v->def ? v->def->parent : v->region; }

bool region_within(const Region *r, const Region *outer) {
  while (r != outer && r->parent) r = r->parent->parent;
  return r == outer;
}

bool value_int(const Value *v, int64_t *x) {
  const Op *op = v->def;
  if (v->type->rank || !op || (op->code != OP_const && op->code != OP_dim)) return false;
  if (op->code == OP_dim) return dim_is_const(op->u.dim, x);
  *x = op->u.cst.i;
  return true;
}
