/* elab_builtin.h - what the files of the built-in functions share; private to them.
 *
 * Every built-in is a composition of the toolbox of elab.h (tv_*), so that the derivative of a built-in is the
 * derivative of what it is composed of.  A handler gets the bound arguments and answers a value, or TV_ERROR after a
 * diagnostic. */
#ifndef ADC_FRONTEND_ELAB_BUILTIN_H
#define ADC_FRONTEND_ELAB_BUILTIN_H
#include "frontend/elab.h"

typedef Tval *BuiltinRun(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs);

/* elab_builtin_math.c: Builtin.detail is an Opcode unless a comment says otherwise */
BuiltinRun bi_unary, bi_real2, bi_minmax, bi_clamp, bi_square, bi_pow, bi_polygamma, bi_gelu, bi_silu, bi_where,
    bi_stop;
BuiltinRun bi_cast; /* detail: an Elem, or -1 for `real` */
/* elab_builtin_shape.c */
BuiltinRun bi_size, bi_dim, bi_reshape, bi_transpose, bi_broadcast, bi_concat, bi_stack, bi_pad, bi_flip, bi_roll;
/* elab_builtin_make.c; detail of bi_filled: the number; of bi_triangle: whether the upper one */
BuiltinRun bi_filled, bi_full, bi_eye, bi_range, bi_linspace, bi_one_hot, bi_triangle, bi_diag;
/* elab_builtin_reduce.c; detail: a Reduction */
typedef enum {
  RED_SUM,
  RED_MEAN,
  RED_PROD,
  RED_MAX,
  RED_MIN,
  RED_ARGMAX,
  RED_ARGMIN,
  RED_ANY,
  RED_ALL,
  RED_LOGSUMEXP,
  RED_VARIANCE,
  RED_STD,
  RED_NORM
} Reduction;
BuiltinRun bi_reduce, bi_cumulate; /* bi_cumulate's detail: whether the product */
/* elab_builtin_linalg.c */
BuiltinRun bi_dot, bi_outer, bi_cross, bi_trace, bi_einsum, bi_segment_sum;
/* elab_builtin_matrix.c; detail of bi_sort: whether the order itself; of bi_solve: whether triangular; of bi_det: an Opcode */
BuiltinRun bi_sort, bi_cholesky, bi_solve, bi_inv, bi_det;
/* elab_builtin_random.c; detail of bi_random: whether normal; of bi_philox: the operation */
BuiltinRun bi_key, bi_split, bi_random, bi_philox;
/* elab_builtin_network.c; detail of bi_softmax: whether the logarithm */
BuiltinRun bi_softmax, bi_cross_entropy, bi_layer_norm;
/* elab_builtin_window.c; detail of bi_conv: the number of spatial axes; of bi_pool: whether the largest */
BuiltinRun bi_conv, bi_pool;

/* ---- elab_builtin_math.c: composing ---- */

/* A map op of one or two operands; an erroneous operand gives TV_ERROR. mkc: the second operand is a number of x's
 * type. */
Tval *mk1(Elab *e, Loc loc, Opcode op, Tval *x);
Tval *mk2(Elab *e, Loc loc, Opcode op, Tval *x, Tval *y);
Tval *mkc(Elab *e, Loc loc, Opcode op, Tval *x, double c);
Tval *bi_const(Elab *e, Loc loc, const Tval *like,
               double c); /* a scalar of like's element type; inf: an int's extreme */
/* Elementwise choice; c bool, x and y of one element type; all broadcast. */
Tval *bi_select(Elab *e, Loc loc, Tval *c, Tval *x, Tval *y);
/* The square root of a sum of squares, whose derivative where that is zero is zero, at every order. */
Tval *bi_sqrt0(Elab *e, Loc loc, Tval *s);
Tval *bi_bool_to_int(Elab *e, Tval *x);
/* An argument that must be a tensor of a real type (ints and bools become real). */
Tval *bi_real_arg(Elab *e, Expr *x);

/* ---- elab_builtin_shape.c ---- */

Elem bi_elem_real(const Elab *e);
/* The axis has one length for all values of the index variables; otherwise a diagnostic and false. */
bool bi_even(Elab *e, Loc loc, const Tval *x, int axis, const char *name);
bool bi_dim_known(Elab *e, Loc loc, Dim *d); /* false after a diagnostic when d is NULL: arithmetic has overflowed */
/* Exactly this rank (lo == hi), or a rank between; else a diagnostic that begins with `what`, and false. */
bool bi_rank(Elab *e, Loc loc, const Tval *x, int lo, int hi, const char *what);
Tval *bi_slice_axis(Elab *e, Loc loc, Tval *x, int axis, Dim *start, int64_t stride, Dim *size);
Tval *bi_insert_axis(Elab *e, Loc loc, Tval *x, int axis); /* of length 1 */
Tval *bi_iota(Elab *e, Loc loc, Dim *n);                   /* 0 .. n-1 */
/* The items of a list argument, [a, b], or of a tuple; -1 after a diagnostic. */
int bi_items(Elab *e, Expr *x, const char *name, Tval ***item);
/* One or several axes, ascending: 1, [0, 1] or (0, 1). */
bool bi_axes(Elab *e, Expr *x, int rank, int *naxis, int *axis);

/* ---- elab_builtin_make.c ---- */

bool bi_shape(Elab *e, Expr *x, int *rank, Dim **dims); /* lengths that are not negative */

/* ---- elab_builtin_linalg.c ---- */

Tval *bi_diagonal(Elab *e, Loc loc, Tval *x); /* of a matrix */

#endif
