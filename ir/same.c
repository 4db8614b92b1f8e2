/* same.c - operations that do the same.
 * Requires: well-formed operations of one context.  Ensures: what is called the same has equal results wherever its operands have
 * equal values. */
#include "ir/ir.h"
#include <string.h>

bool op_commutes(Opcode c) {
  return c == OP_add || c == OP_mul || c == OP_eq || c == OP_ne || c == OP_and || c == OP_or || c == OP_hypot || c == OP_max ||
         c == OP_min;
}

static uint64_t bits_of(double d) {
  uint64_t u;
  memcpy(&u, &d, sizeof u);
  return u;
}

static bool is_windowed(const Op *op) { return op->code == OP_slice || op->code == OP_embed || op->code == OP_set_slice; }

static void word(OpKey *k, uint64_t w) { k->w[k->n++] = w; }
static void word_ptr(OpKey *k, const void *p) { word(k, (uint64_t)(uintptr_t)p); }

static void contract_words(OpKey *k, const Op *op) {
  for (int i = 0; i < op->nopd; i++)
    for (int a = 0; a < op->opd[i]->type->rank; a++) word(k, (uint64_t)op->u.contract.opd[i][a]);
  for (int a = 0; a < op->res[0]->type->rank; a++) word(k, (uint64_t)op->u.contract.out[a]);
}

OpKey op_key(const Op *op) {
  OpKey k = {.n = 0};
  const int *axis = NULL;
  int naxis = 0;
  switch (op_info[op->code].family) {
  case FAM_SOURCE:
    if (op->code == OP_const) word(&k, elem_is_real(op->res[0]->type->elem) ? bits_of(op->u.cst.f) : (uint64_t)op->u.cst.i);
    if (op->code == OP_dim) word_ptr(&k, op->u.dim);
    if (op->code == OP_iota) word(&k, (uint64_t)op->u.axis);
    if (op->code == OP_dense) word_ptr(&k, op->u.dense.data);
    break;
  case FAM_CONTRACT: contract_words(&k, op); break;
  case FAM_REDUCE: axis = op->u.reduce.axis, naxis = op->u.reduce.naxis; break;
  case FAM_SCAN:
    word(&k, (uint64_t)op->u.scan.axis);
    word(&k, op->u.scan.reverse);
    break;
  case FAM_MATRIX:
    word(&k, op->u.matrix.upper);
    word(&k, op->u.matrix.trans);
    break;
  case FAM_VIEW:
    if (op->code == OP_concat) word(&k, (uint64_t)op->u.axis);
    for (int a = 0; is_windowed(op) && a < op->opd[0]->type->rank; a++) {
      word_ptr(&k, op->u.slice.start[a]);
      word(&k, (uint64_t)op->u.slice.stride[a]);
    }
    break;
  case FAM_INDEX: axis = op->u.index.axis, naxis = op->u.index.naxis, word(&k, op->u.index.masked); break;
  case FAM_EFFECT:
    word_ptr(&k, op->u.check.a);
    word_ptr(&k, op->u.check.b);
    break;
  default: break;
  }
  for (int i = 0; i < naxis; i++) word(&k, (uint64_t)axis[i]);
  return k;
}

bool op_same(const Op *p, const Op *q) {
  if (p->code != q->code || p->nres != q->nres || p->nopd != q->nopd) return false;
  for (int i = 0; i < p->nres; i++)
    if (p->res[i]->type != q->res[i]->type) return false;
  OpKey a = op_key(p), b = op_key(q);
  return a.n == b.n && !memcmp(a.w, b.w, sizeof a.w[0] * (size_t)a.n);
}

/* Fails where there is more to compare than `left` operations: a formula of that size is seldom written twice. */
static bool same_within(const Value *x, const Value *y, int *left) {
  if (x == y) return true;
  const Op *p = x->def, *q = y->def;
  if (!p || !q || p->nreg || p->nres != 1 || p->code == OP_sym || op_info[p->code].family == FAM_CALL) return false;
  if (--*left < 0 || !op_same(p, q)) return false;
  for (int i = 0; i < p->nopd; i++)
    if (!same_within(p->opd[i], q->opd[i], left)) return false;
  return true;
}

bool value_same(const Value *x, const Value *y) {
  int left = 64;
  return same_within(x, y, &left);
}
