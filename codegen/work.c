/* work.c - how many operations a function takes, as a formula.
 *
 * Ensures: what only a run can tell is left out, and said to be. */
#include "codegen/internal.h"
#include "codegen/plan.h"

/* The leading term; a determinant of a factorisation is next to nothing. */
static Dim *matrix_flops(Ctx *c, const Op *op) {
  const Type *a = op->opd[0]->type, *x = op->opd[op->nopd - 1]->type;
  Dim *n = a->dim[a->rank - 1], *squares = dim_mul(c, type_count(c, a), n);
  switch (op->code) {
  case OP_cholesky: return dim_floordiv(c, squares, dim_const(c, 3));
  case OP_lu:
  case OP_lucp: return dim_floordiv(c, dim_mul(c, squares, dim_const(c, 2)), dim_const(c, 3));
  case OP_trisolve: return dim_mul(c, type_count(c, x), n);
  case OP_lusolve: return dim_mul(c, type_count(c, x), dim_mul(c, n, dim_const(c, 2)));
  case OP_cofactor: return dim_mul(c, squares, dim_const(c, 2));
  case OP_cofactor_dir: return dim_mul(c, squares, dim_const(c, 4));
  case OP_lujet: return dim_mul(c, dim_mul(c, type_count(c, x), n), dim_const(c, 6));
  default: return NULL;
  }
}

static Dim *op_flops(Ctx *c, const Op *op) {
  if (op->nres != 1 || !elem_is_real(op->res[0]->type->elem)) return NULL;
  Dim *n;
  switch (op_info[op->code].family) {
  case FAM_MAP:
    return op->code == OP_select || op->code == OP_cast || op->code == OP_stop_gradient
               ? NULL
               : type_count(c, op->res[0]->type);
  case FAM_REDUCE: return type_count(c, op->opd[0]->type);
  case FAM_SCAN: return dim_mul(c, type_count(c, op->res[0]->type), dim_const(c, 2));
  case FAM_MATRIX: return matrix_flops(c, op);
  case FAM_CONTRACT: {
    Dim *extent[MAX_LABEL];
    int labels = label_extents(op, extent), per = (op->nopd == 2) + op_has_sum(op);
    if (!per) return NULL;
    n = dim_const(c, per);
    for (int l = 0; l < labels; l++)
      if (extent[l]) n = dim_mul(c, n, extent[l]);
    return n;
  }
  default: return op->code == OP_scatter_add ? type_count(c, op->opd[0]->type) : NULL;
  }
}

static Dim *scalar_dim(Ctx *c, const Value *v) {
  if (!v->def || (v->def->code != OP_const && v->def->code != OP_dim)) return NULL;
  return v->def->code == OP_dim ? v->def->u.dim : dim_const(c, v->def->u.cst.i);
}

Dim *loop_turns(Ctx *c, const Op *op) {
  if (op->code != OP_for) return NULL;
  Dim *lo = scalar_dim(c, op->opd[0]), *hi = scalar_dim(c, op->opd[1]), *step = scalar_dim(c, op->opd[2]);
  int64_t k;
  if (!lo || !hi || !step || !dim_is_const(step, &k) || k == 0) return NULL;
  Dim *span = dim_add(c, k > 0 ? dim_sub(c, hi, lo) : dim_sub(c, lo, hi), dim_const(c, (k > 0 ? k : -k) - 1));
  return dim_most(c, dim_max(c, dim_const(c, 0), dim_floordiv(c, span, dim_const(c, k > 0 ? k : -k))));
}

Dim *region_flops(Ctx *c, const Region *r, bool *more) {
  Dim *sum = dim_const(c, 0);
  for (const Op *op = r->first; op; op = op->next) {
    Dim *n = op->nreg ? NULL : op_flops(c, op);
    *more |= op->code == OP_call;
    if (op->code == OP_if) n = dim_max(c, region_flops(c, op->reg[0], more), region_flops(c, op->reg[1], more));
    else if (op_is_loop(op) && op->u.loop.seldom) continue;
    else if (op->nreg) {
      Dim *k = loop_turns(c, op);
      n = k ? dim_mul(c, k, region_flops(c, op->reg[0], more)) : NULL;
      *more |= !n;
    }
    if (n && dim_most(c, n)) n = dim_most(c, n);
    if (n && !dim_mentions_value(n)) sum = dim_add(c, sum, n);
    else *more |= n != NULL;
  }
  return sum;
}

Dim *codegen_flops(Func *f, bool *more) {
  *more = false;
  return region_flops(f->module->ctx, f->body, more);
}

void work_text(Ctx *c, Func *f, Text *t) {
  bool more = false;
  Dim *sum = region_flops(c, f->body, &more);
  if (!sum) return;
  if (more && dim_is(sum, 0)) {
    text_add(t, "known only at run time");
    return;
  }
  dim_print(t, sum);
  text_add(t, more ? " flops, and what is known only at run time" : " flops");
}
