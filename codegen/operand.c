/* operand.c - operands of matrix products that are computed while the product's kernel copies them.
 *
 *   Z = X - mu: stored                  some lines of X - mu, computed ─► a panel of the kernel's
 *   Y = Z W: Z from memory, copied  ═►       … times W                                             no Z
 *
 * Requires: what of the operand's own operands is stored.  Ensures: such an operand is read by one product alone, and is cheap: it
 * is computed again for each of the blocks of rows that the product is made in. */
#include "codegen/plan.h"

bool operand_axes(const Op *op, const Product *x, int k, OperandAxes *axes) {
  int o = (k == 1) != x->swap, n[2] = {0, 0};
  const Type *t = op->opd[o]->type;
  *axes = (OperandAxes){-1, -1, -1};
  for (int a = 0; a < t->rank; a++) {
    int l = op->u.contract.opd[o][a];
    if (dim_is(t->dim[a], 1)) continue;
    axes->last = a;
    if (!x->in[l]) continue;
    int sum = x->kind[l] == PRODUCT_SUM;
    n[sum]++;
    if (sum) axes->sum = a;
    else axes->line = a;
  }
  return n[0] == 1 && n[1] == 1 && (axes->last == axes->line || axes->last == axes->sum);
}

/* So few elements that they stay in the cache, whoever makes them. */
static bool is_small(const Type *t) {
  enum { FEW = 4096 };
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &d)) return false;
    n *= d < FEW ? d : FEW;
    if (n > FEW) return false;
  }
  return true;
}

bool may_be_made(Plan *p, const Op *op, int k) {
  const Value *v = op->opd[k];
  Product x;
  OperandAxes axes;
  if (!p->f->module->makes_operands || p->root->grain || op->parent != p->f->body) return false;
  if (op->nopd != 2 || v == op->opd[1 - k]) return false;
  if (!v->def || op_info[v->def->code].family != FAM_MAP || type_mentions_value(v->type) || is_small(v->type)) return false;
  if (!product_find(p->ctx, op, &x) || !operand_axes(op, &x, (k == 1) != x.swap, &axes)) return false;
  for (int o = 0; o < 2; o++)
    if (!operand_space(p->ctx, &x, o)) return false;
  return !is_trimmed(p, op, &x);
}

/* It is better made piece by piece of that product (epilogue.c). */
static bool comes_of_product(Plan *p, const Value *v) {
  Product x;
  const Op *op = v->def;
  if (!op || p->value[v->id].place != PLACE_VIRTUAL) return op && op->code == OP_contract && product_find(p->ctx, op, &x);
  for (int k = 0; k < op->nopd; k++)
    if (comes_of_product(p, op->opd[k])) return true;
  return false;
}

bool is_made(Plan *p, const Value *v) {
  enum { MOST = 8 };
  const ValueInfo *info = &p->value[v->id];
  if (info->made != 1 || info->readers != 1 || info->cost > MOST) return false;
  for (int k = 0; k < v->def->nopd; k++)
    if (comes_of_product(p, v->def->opd[k])) return false;
  return true;
}

Dim *operand_space(Ctx *c, const Product *x, int k) {
  Dim *terms = x->extent[PRODUCT_SUM], *all = dim_mul(c, x->extent[k ? PRODUCT_COL : PRODUCT_ROW], terms);
  Dim *lines = dim_mul(c, dim_min(c, terms, dim_const(c, PRODUCT_TERMS)), dim_const(c, OPERAND_LINES));
  return dim_max(c, lines, dim_min(c, all, dim_const(c, OPERAND_WHOLE)));
}
