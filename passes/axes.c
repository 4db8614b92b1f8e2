/* axes.c - how the axes of an operation's operands and result correspond.
 *
 * Requires: a verified operation with one result, or a check.  Ensures: what is not known to work element by element along an
 * axis is reported as reading all of it. */
#include "passes/axes.h"
#include <string.h>

static void same_axes(Links *k, int opd, const Type *t) {
  for (int a = 0; a < t->rank; a++) k->in[opd][a] = (int8_t)a;
}

static void map_links(Links *k, const Op *op) {
  for (int i = 0; i < op->nopd; i++) same_axes(k, i, op->opd[i]->type);
}

static void contract_links(Links *k, const Op *op) {
  for (int i = 0; i < op->nopd; i++)
    for (int a = 0; a < op->opd[i]->type->rank; a++) {
      int l = op->u.contract.opd[i][a];
      k->in[i][a] = (int8_t)(AXIS_SUM + l);
      for (int j = 0; j < op->res[0]->type->rank; j++)
        if (op->u.contract.out[j] == l) k->in[i][a] = (int8_t)j;
    }
}

static void reduce_links(Links *k, const Op *op) {
  bool position = op->code == OP_argmax || op->code == OP_argmin;
  for (int a = 0, j = 0, r = 0; a < op->opd[0]->type->rank; a++) {
    bool gone = r < op->u.reduce.naxis && op->u.reduce.axis[r] == a;
    k->in[0][a] = (int8_t)(!gone ? j++ : position ? AXIS_WHOLE : AXIS_SUM + a);
    r += gone;
  }
}

static void scan_links(Links *k, const Op *op) {
  map_links(k, op);
  for (int i = 0; i < op->nopd; i++) k->in[i][op->u.scan.axis] = AXIS_WHOLE;
  k->out[op->u.scan.axis] = false;
}

static void matrix_links(Links *k, const Op *op) {
  const Type *t = op->res[0]->type;
  int batch = op->opd[0]->type->rank - 2;
  for (int i = 0; i < op->nopd; i++)
    for (int a = 0; a < batch; a++) k->in[i][a] = (int8_t)a;
  for (int a = batch; a < t->rank; a++) k->out[a] = false;
}

/* Axes of equal length with equally many elements before them. */
static void reshape_links(Ctx *c, Links *k, const Op *op) {
  const Type *from = op->opd[0]->type, *to = op->res[0]->type;
  Dim *before[2] = {dim_const(c, 1), dim_const(c, 1)};
  int i = 0, j = 0;
  for (int a = 0; a < to->rank; a++) k->out[a] = false;
  while (i < from->rank && j < to->rank && before[0] && before[1]) {
    if (before[0] == before[1] && from->dim[i] == to->dim[j]) {
      k->in[0][i] = (int8_t)j;
      k->out[j] = true;
      before[0] = dim_mul(c, before[0], from->dim[i++]);
      before[1] = dim_mul(c, before[1], to->dim[j++]);
    } else if (dim_is(from->dim[i], 1)) i++;
    else if (dim_is(to->dim[j], 1)) j++;
    else if (before[0] == before[1] || dim_le(c, before[0], before[1])) before[0] = dim_mul(c, before[0], from->dim[i++]);
    else before[1] = dim_mul(c, before[1], to->dim[j++]);
  }
}

static void window_links(Links *k, const Op *op) {
  const Type *t = op->res[0]->type;
  for (int a = 0; a < t->rank; a++) {
    bool whole = op->u.slice.stride[a] == 1 && dim_is(op->u.slice.start[a], 0);
    for (int i = 0; i < op->nopd; i++) whole &= op->opd[i]->type->dim[a] == t->dim[a];
    k->out[a] = whole;
    for (int i = 0; i < op->nopd; i++) k->in[i][a] = (int8_t)(whole ? a : AXIS_WHOLE);
  }
}

static void concat_links(Links *k, const Op *op) {
  map_links(k, op);
  for (int i = 0; i < op->nopd; i++) k->in[i][op->u.axis] = AXIS_WHOLE;
  k->out[op->u.axis] = false;
}

static bool is_indexed(const Op *op, int axis) {
  for (int i = 0; i < op->u.index.naxis; i++)
    if (op->u.index.axis[i] == axis) return true;
  return false;
}

static void gather_links(Links *k, const Op *op) {
  int rank = op->opd[1]->type->rank;
  for (int i = 1; i < op->nopd; i++) same_axes(k, i, op->opd[i]->type);
  for (int a = 0, j = rank; a < op->opd[0]->type->rank; a++)
    if (!is_indexed(op, a)) k->in[0][a] = (int8_t)j++;
}

static void scatter_links(Links *k, const Op *op) {
  const Type *t = op->res[0]->type;
  int rank = op->opd[1]->type->rank;
  for (int i = 0; i < op->nopd; i++)
    for (int a = 0; a < rank; a++) k->in[i][a] = (int8_t)(AXIS_SUM + a);
  for (int a = 0, j = rank; a < t->rank; a++) {
    k->out[a] = !is_indexed(op, a);
    if (k->out[a]) k->in[0][j++] = (int8_t)a;
  }
}

/* What is added to is taken as it is. */
static void added_links(Links *k, const Op *op) {
  int rank = op->nopd > 2 ? op->opd[2]->type->rank : 0;
  memset(k->out, 0, sizeof k->out);
  for (int i = 1; i < op->nopd; i++)
    for (int a = 0; a < rank; a++) k->in[i][a] = (int8_t)(AXIS_SUM + a);
}

static void set_links(Links *k, const Op *op) {
  for (int a = 0, j = 0; a < op->res[0]->type->rank; a++) {
    k->out[a] = !is_indexed(op, a);
    if (!k->out[a]) continue;
    k->in[0][a] = (int8_t)a;
    k->in[1][j++] = (int8_t)a;
  }
}

Links axis_links(Ctx *c, const Op *op) {
  Links k = {.nopd = op->nopd};
  k.in = arena_alloc(c->arena, sizeof *k.in * (size_t)(op->nopd + 1));
  memset(k.in, AXIS_WHOLE, sizeof *k.in * (size_t)(op->nopd + 1));
  if (op->nres != 1 || op->nreg) return k;
  for (int a = 0; a < op->res[0]->type->rank; a++) k.out[a] = true;
  switch (op_info[op->code].family) {
  case FAM_SOURCE: k.out[0] = op->code == OP_iota; return k;
  case FAM_MAP: map_links(&k, op); return k;
  case FAM_CONTRACT: contract_links(&k, op); return k;
  case FAM_REDUCE: reduce_links(&k, op); return k;
  case FAM_SCAN: scan_links(&k, op); return k;
  case FAM_MATRIX: matrix_links(&k, op); return k;
  default: break;
  }
  switch (op->code) {
  case OP_reshape: reshape_links(c, &k, op); return k;
  case OP_slice:
  case OP_embed:
  case OP_set_slice: window_links(&k, op); return k;
  case OP_concat: concat_links(&k, op); return k;
  case OP_gather: gather_links(&k, op); return k;
  case OP_scatter_add: scatter_links(&k, op); return k;
  case OP_scatter_acc: added_links(&k, op); return k;
  case OP_set: set_links(&k, op); return k;
  default: memset(k.out, 0, sizeof k.out); return k;
  }
}
