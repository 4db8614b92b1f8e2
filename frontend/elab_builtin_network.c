/* elab_builtin_network.c - softmax and what is made with it, normalisation.
 *
 * Ensures: no overflow where the result is finite: the largest element is subtracted first, as a constant, since
 * neither the function nor any of its derivatives depends on what is subtracted. */
#include "frontend/elab_builtin.h"
#include "frontend/elab_core.h"

static Tval *minus_largest(Elab *e, Loc loc, Tval *x, int axis) {
  if (is_error(x)) return x;
  Tval *m = tv_reduce(e, loc, OP_rmax, x, 1, &axis, true);
  return mk2(e, loc, OP_sub, x, mk1(e, loc, OP_stop_gradient, m));
}

static Tval *sum_exp(Elab *e, Loc loc, Tval *exp, int axis) {
  return is_error(exp) ? exp : tv_reduce(e, loc, OP_contract, exp, 1, &axis, true);
}

static Tval *softmax(Elab *e, Loc loc, Tval *x, int axis) {
  Tval *ex = mk1(e, loc, OP_exp, minus_largest(e, loc, x, axis));
  return mk2(e, loc, OP_div, ex, sum_exp(e, loc, ex, axis));
}

static Tval *log_softmax(Elab *e, Loc loc, Tval *x, int axis) {
  Tval *z = minus_largest(e, loc, x, axis);
  return mk2(e, loc, OP_sub, z, mk1(e, loc, OP_log, sum_exp(e, loc, mk1(e, loc, OP_exp, z), axis)));
}

Tval *bi_softmax(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *x = bi_real_arg(e, args[0]);
  if (!bi_rank(e, args[0]->loc, x, 1, MAX_RANK, self->detail ? "what 'log_softmax' takes" : "what 'softmax' takes"))
    return tv_error(e, call->loc);
  int axis = x->type->rank - 1;
  if (args[1] && !arg_axis(e, args[1], x->type->rank, &axis)) return tv_error(e, call->loc);
  return (self->detail ? log_softmax : softmax)(e, call->loc, x, axis);
}

Tval *bi_cross_entropy(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  static const int axes[] = {0, 1};
  static const bool in_range[] = {true, false};
  Loc loc = call->loc;
  Tval *x = bi_real_arg(e, args[0]), *labels = elab_tensor(e, args[1]);
  if (!bi_rank(e, args[0]->loc, x, 2, 2, "the logits") || !bi_rank(e, args[1]->loc, labels, 1, 1, "the labels"))
    return tv_error(e, loc);
  if (!elem_is_int(labels->type->elem)) {
    diag_error(e->ctx, args[1]->loc, 354, "the labels must be ints, but this is %s", show_type(e, labels->type));
    return tv_error(e, loc);
  }
  if (!tv_same_dim(e, loc, x->type->dim[0], labels->type->dim[0], "the rows of the logits and the number of labels"))
    return tv_error(e, loc);
  Tval *z = log_softmax(e, loc, x, 1), *idx[] = {bi_iota(e, loc, x->type->dim[0]), labels};
  if (is_error(z)) return z;
  Tval *picked = tv_gather_at(e, loc, z, 2, axes, idx, in_range);
  int axis = 0;
  return is_error(picked) ? picked : mk1(e, loc, OP_neg, tv_mean(e, loc, picked, 1, &axis, false));
}

Tval *bi_layer_norm(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Loc loc = call->loc;
  Tval *x = bi_real_arg(e, args[0]), *w = bi_real_arg(e, args[1]), *b = bi_real_arg(e, args[2]);
  Tval *eps = args[3] ? bi_real_arg(e, args[3]) : NULL;
  if (!bi_rank(e, args[0]->loc, x, 1, MAX_RANK, "what 'layer_norm' takes") ||
      !bi_rank(e, args[1]->loc, w, 1, 1, "the weight of 'layer_norm'") ||
      !bi_rank(e, args[2]->loc, b, 1, 1, "the bias of 'layer_norm'") ||
      (eps && !bi_rank(e, args[3]->loc, eps, 0, 0, "eps")))
    return tv_error(e, loc);
  int axis = x->type->rank - 1;
  Dim *n = x->type->dim[axis];
  if (!tv_same_dim(e, loc, n, w->type->dim[0], "the last axis and the length of the weight") ||
      !tv_same_dim(e, loc, n, b->type->dim[0], "the last axis and the length of the bias"))
    return tv_error(e, loc);
  Tval *gap = mk2(e, loc, OP_sub, x, tv_mean(e, loc, x, 1, &axis, true));
  if (is_error(gap)) return gap;
  Tval *variance = tv_mean(e, loc, mk2(e, loc, OP_mul, gap, gap), 1, &axis, true);
  Tval *scale = mk1(e, loc, OP_rsqrt, mk2(e, loc, OP_add, variance, eps ? eps : bi_const(e, loc, x, 1e-5)));
  return mk2(e, loc, OP_add, mk2(e, loc, OP_mul, mk2(e, loc, OP_mul, gap, scale), w), b);
}
