/* elab_builtin_linalg.c - products of vectors and matrices, all of them contractions; einsum; sums by segment.
 *
 * Ensures: `@` broadcasts leading axes as NumPy's does; lengths that must agree are compared and named in the
 * diagnostic. */
#include <ctype.h>
#include <string.h>
#include "frontend/elab_builtin.h"
#include "frontend/elab_core.h"

/* ---- @ ---- */

/* Letters of the two operands and the result.  A leading axis of length 1 that meets a longer one gets a letter of its
 * own, which is summed away. */
typedef struct Letters {
  char x[MAX_RANK + 1], y[MAX_RANK + 1], out[2 * MAX_RANK + 1];
} Letters;

static bool batch_letters(Elab *e, Loc loc, const Tval *x, const Tval *y, Letters *l) {
  int bx = x->type->rank > 2 ? x->type->rank - 2 : 0, by = y->type->rank > 2 ? y->type->rank - 2 : 0;
  int n = bx > by ? bx : by;
  for (int i = 0; i < n; i++) {
    int ix = i - (n - bx), iy = i - (n - by);
    Dim *dx = ix >= 0 ? x->type->dim[ix] : NULL, *dy = iy >= 0 ? y->type->dim[iy] : NULL;
    char letter = (char)('a' + i), alone = (char)('A' + i);
    bool x_stretches = dx && dy && dx != dy && dim_is(dx, 1), y_stretches = dx && dy && dx != dy && dim_is(dy, 1);
    if (dx && dy && !x_stretches && !y_stretches &&
        !tv_same_dim(e, loc, dx, dy, "the leading axes of the operands of '@'"))
      return false;
    if (dx) l->x[ix] = x_stretches ? alone : letter;
    if (dy) l->y[iy] = y_stretches ? alone : letter;
    l->out[i] = letter;
  }
  return true;
}

static Tval *no_scalars(Elab *e, Loc op_loc, const Tval *x, const Tval *y) {
  Diag *d = diag_error(e->ctx, op_loc, 355, "'@' multiplies vectors and matrices, not scalars");
  diag_note(e->ctx, d, x->loc, "%s", show_type(e, x->type));
  diag_note(e->ctx, d, y->loc, "%s", show_type(e, y->type));
  diag_help(e->ctx, d, "scale with '*'");
  return tv_error(e, op_loc);
}

Tval *tv_matmul(Elab *e, Loc loc, Loc op_loc, Tval *x, Tval *y) {
  x = bi_bool_to_int(e, x);
  y = bi_bool_to_int(e, y);
  if (is_error(x) || is_error(y)) return tv_error(e, loc);
  int rx = x->type->rank, ry = y->type->rank;
  if (rx == 0 || ry == 0) return no_scalars(e, op_loc, x, y);
  Dim *inner_x = x->type->dim[rx - 1], *inner_y = y->type->dim[ry > 1 ? ry - 2 : 0];
  const char *what = rx > 1 && ry > 1 ? "the columns of the left matrix and the rows of the right one"
                     : rx > 1         ? "the columns of the matrix and the length of the vector"
                     : ry > 1         ? "the length of the vector and the rows of the matrix"
                                      : "the lengths of the vectors";
  if (!tv_same_dim(e, op_loc, inner_x, inner_y, what)) return tv_error(e, loc);
  Letters l = {{0}, {0}, {0}};
  if (!batch_letters(e, op_loc, x, y, &l)) return tv_error(e, loc);
  if (rx > 1) strcat(l.x, "i"), strcat(l.out, "i");
  strcat(l.x, "k");
  strcat(l.y, "k");
  if (ry > 1) strcat(l.y, "j"), strcat(l.out, "j");
  return tv_contract(e, loc, x, l.x, y, l.y, l.out);
}

/* ---- dot, outer, cross, diagonal ---- */

static bool two_tensors(Elab *e, Expr **args, Tval **v) {
  v[0] = bi_bool_to_int(e, elab_tensor(e, args[0]));
  v[1] = bi_bool_to_int(e, elab_tensor(e, args[1]));
  return !is_error(v[0]) && !is_error(v[1]);
}

Tval *bi_dot(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *v[2];
  if (!two_tensors(e, args, v)) return tv_error(e, call->loc);
  if (v[0]->type->rank != 1 || v[1]->type->rank != 1) {
    Diag *d = diag_error(e->ctx, call->loc, 355, "'dot' takes two vectors");
    diag_note(e->ctx, d, v[0]->loc, "%s", show_type(e, v[0]->type));
    diag_note(e->ctx, d, v[1]->loc, "%s", show_type(e, v[1]->type));
    diag_help(e->ctx, d, "matrices are multiplied with '@'; the sum of all products is sum(x * y)");
    return tv_error(e, call->loc);
  }
  if (!tv_same_dim(e, call->loc, v[0]->type->dim[0], v[1]->type->dim[0], "the lengths of the vectors"))
    return tv_error(e, call->loc);
  return tv_contract(e, call->loc, v[0], "i", v[1], "i", "");
}

Tval *bi_outer(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *v[2];
  if (!two_tensors(e, args, v) || !bi_rank(e, args[0]->loc, v[0], 1, 1, "the first argument of 'outer'") ||
      !bi_rank(e, args[1]->loc, v[1], 1, 1, "the second argument of 'outer'"))
    return tv_error(e, call->loc);
  return tv_contract(e, call->loc, v[0], "i", v[1], "j", "ij");
}

/* [x1, x2, x0] along the last axis */
static Tval *turned(Elab *e, Loc loc, Tval *x) {
  Ctx *c = e->ctx;
  int last = x->type->rank - 1;
  Tval *part[] = {bi_slice_axis(e, loc, x, last, dim_const(c, 1), 1, dim_const(c, 2)),
                  bi_slice_axis(e, loc, x, last, dim_const(c, 0), 1, dim_const(c, 1))};
  return tv_concat(e, loc, 2, part, last);
}

Tval *bi_cross(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *v[2];
  if (!two_tensors(e, args, v)) return tv_error(e, call->loc);
  for (int i = 0; i < 2; i++)
    if (v[i]->type->rank < 1 || !dim_is(v[i]->type->dim[v[i]->type->rank - 1], 3)) {
      diag_error(e->ctx, args[i]->loc, 363, "'cross' takes vectors of length 3, but this is %s",
                 show_type(e, v[i]->type));
      return tv_error(e, call->loc);
    }
  Loc loc = call->loc;
  Tval *gap = mk2(e, loc, OP_sub, mk2(e, loc, OP_mul, v[0], turned(e, loc, v[1])),
                  mk2(e, loc, OP_mul, turned(e, loc, v[0]), v[1]));
  return is_error(gap) ? gap : turned(e, loc, gap);
}

Tval *bi_diagonal(Elab *e, Loc loc, Tval *x) {
  static const int axes[] = {0, 1};
  static const bool in_range[] = {true, true};
  Tval *i = bi_iota(e, loc, dim_min(e->ctx, x->type->dim[0], x->type->dim[1])), *idx[] = {i, i};
  return is_error(i) ? i : tv_gather_at(e, loc, x, 2, axes, idx, in_range);
}

Tval *bi_trace(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  (void)nargs;
  Tval *x = bi_bool_to_int(e, elab_tensor(e, args[0]));
  if (!bi_rank(e, args[0]->loc, x, 2, 2, "what 'trace' takes")) return tv_error(e, call->loc);
  int axis = 0;
  return tv_reduce(e, call->loc, OP_contract, bi_diagonal(e, call->loc, x), 1, &axis, false);
}

/* ---- einsum ---- */

enum { MAX_EINSUM = 16 };
typedef struct Einsum {
  int n;
  char in[MAX_EINSUM][MAX_RANK + 1];
  char out[2 * 26 + 1];
} Einsum;

static bool bad_spec(Elab *e, Expr *at, const char *why) {
  Diag *d = diag_error(e->ctx, at->loc, 362, "%s", why);
  diag_help(e->ctx, d, "an example: einsum(\"ij,jk->ik\", A, B)");
  return false;
}

/* Without "->" the result has the labels that occur once, in alphabetic order. */
static void implicit_result(Einsum *s) {
  int count[128] = {0}, n = 0;
  for (int i = 0; i < s->n; i++)
    for (const char *p = s->in[i]; *p; p++) count[(int)*p]++;
  for (int c = 0; c < 128; c++)
    if (count[c] == 1) s->out[n++] = (char)c;
  s->out[n] = 0;
}

static bool parse_spec(Elab *e, Expr *at, Einsum *s) {
  if (at->kind != EX_STRING) return bad_spec(e, at, "the first argument of 'einsum' must be a string of labels");
  const char *p = at->u.name;
  size_t len = 0;
  bool out = false;
  memset(s, 0, sizeof *s);
  s->n = 1;
  for (; *p; p++) {
    if (*p == ' ') continue;
    if (*p == '-' && p[1] == '>' && !out) {
      out = true;
      len = 0;
      p++;
    } else if (*p == ',' && !out) {
      if (s->n == MAX_EINSUM) return bad_spec(e, at, "too many operands");
      s->n++;
      len = 0;
    } else if (isalpha((unsigned char)*p) && (unsigned char)*p < 128) {
      if (len == MAX_RANK) return bad_spec(e, at, "too many labels");
      if (out && strchr(s->out, *p)) return bad_spec(e, at, "a label occurs twice in the result");
      (out ? s->out : s->in[s->n - 1])[len++] = *p;
    } else
      return bad_spec(e, at, "labels are letters, separated by ',' and followed by '->' and the result's");
  }
  if (!out) implicit_result(s);
  return true;
}

static bool einsum_fits(Elab *e, Expr *call, Expr *at, const Einsum *s, Tval **x) {
  Dim *length[128] = {NULL};
  for (int i = 0; i < s->n; i++) {
    if ((int)strlen(s->in[i]) != x[i]->type->rank) {
      Diag *d = diag_error(e->ctx, x[i]->loc, 362, "'%s' names %d axes, but this is %s", s->in[i],
                           (int)strlen(s->in[i]), show_type(e, x[i]->type));
      diag_note(e->ctx, d, at->loc, "the labels");
      return false;
    }
    for (int a = 0; s->in[i][a]; a++) {
      Dim **d = &length[(int)s->in[i][a]];
      const char *what = arena_printf(e->ctx->arena, "the axes labelled '%c'", s->in[i][a]);
      if (!*d)
        *d = x[i]->type->dim[a];
      else if (!tv_same_dim(e, call->loc, *d, x[i]->type->dim[a], what))
        return false;
    }
  }
  for (const char *p = s->out; *p; p++)
    if (!length[(int)*p])
      return bad_spec(e, at, arena_printf(e->ctx->arena, "the result's label '%c' is in no operand", *p));
  return true;
}

/* A label twice in one operand means its diagonal: what is off it becomes zero, and the second axis is summed away. */
static Tval *take_diagonals(Elab *e, Loc loc, Tval *x, char *labels) {
  char fresh = 1, once[MAX_RANK + 1];
  int n = 0;
  for (int b = 0; labels[b]; b++) {
    const char *first = strchr(labels, labels[b]);
    int a = (int)(first - labels);
    if (a == b) {
      once[n++] = labels[b];
      continue;
    }
    Type *t = x->type;
    Tval *on = mk2(e, loc, OP_eq, tv_iota(e, loc, t->rank, t->dim, a), tv_iota(e, loc, t->rank, t->dim, b));
    x = bi_select(e, loc, on, x, bi_const(e, loc, x, 0));
    labels[b] = fresh++;
    if (is_error(x)) return x;
  }
  once[n] = 0;
  if (!labels[n]) return x;
  x = tv_contract(e, loc, x, labels, NULL, NULL, once);
  strcpy(labels, once);
  return x;
}

/* The labels of two operands that the result or a later operand needs, each once. */
static void labels_kept(const Einsum *s, int next, const char *a, const char *b, char *kept) {
  int n = 0;
  for (int k = 0; k < 2; k++)
    for (const char *p = k ? b : a; *p; p++) {
      bool needed = strchr(s->out, *p) != NULL;
      for (int i = next; i < s->n; i++) needed = needed || strchr(s->in[i], *p);
      if (needed && !memchr(kept, *p, (size_t)n)) kept[n++] = *p;
    }
  kept[n] = 0;
}

Tval *bi_einsum(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)self;
  Einsum s;
  if (!parse_spec(e, args[0], &s)) return tv_error(e, call->loc);
  if (nargs - 1 != s.n || !args[1]) {
    diag_error(e->ctx, call->loc, 350, "the labels are for %d operand%s, but %d %s given", s.n, s.n == 1 ? "" : "s",
               nargs - 1, nargs == 2 ? "is" : "are");
    return tv_error(e, call->loc);
  }
  Tval *x[MAX_EINSUM];
  bool ok = true;
  for (int i = 0; i < s.n; i++) {
    x[i] = bi_bool_to_int(e, elab_tensor(e, args[1 + i]));
    ok = ok && !is_error(x[i]);
  }
  if (!ok || !einsum_fits(e, call, args[0], &s, x)) return tv_error(e, call->loc);
  for (int i = 0; i < s.n; i++) {
    x[i] = take_diagonals(e, call->loc, x[i], s.in[i]);
    if (is_error(x[i])) return x[i];
  }
  if (s.n == 1) return tv_contract(e, call->loc, x[0], s.in[0], NULL, NULL, s.out);
  char labels[4 * MAX_RANK + 1], kept[4 * MAX_RANK + 1];
  strcpy(labels, s.in[0]);
  for (int i = 1; i < s.n; i++) {
    labels_kept(&s, i + 1, labels, s.in[i], kept);
    if (i == s.n - 1) strcpy(kept, s.out);
    x[0] = tv_contract(e, call->loc, x[0], labels, x[i], s.in[i], kept);
    if (is_error(x[0])) return x[0];
    strcpy(labels, kept);
  }
  return x[0];
}

/* ---- segment_sum ---- */

/* Where ids are in range: the batch axes' own indices and the ids say which row an element is added to. */
static Tval *add_segments(Elab *e, Loc loc, Tval *x, Tval *ids, Dim *n) {
  Tval *v[] = {x, ids, e->mask};
  tv_align(e, e->mask ? 3 : 2, v);
  x = v[0];
  Dim *dims[MAX_RANK];
  int rank = x->type->rank, nlabel = x->nlabel, axis[MAX_RANK];
  for (int i = 0; i < rank; i++) dims[i] = i ? x->type->dim[i] : n;
  Value *idx[MAX_RANK], *mask = e->mask ? tv_broadcast_to(e, v[2], 1, ids->type->dim)->v : NULL;
  for (int i = 0; i <= nlabel; i++) {
    axis[i] = i;
    idx[i] = i < nlabel ? b_iota(&e->b, v[1]->v->type, i) : v[1]->v;
  }
  Type *t = value_type(e, x->type->elem, nlabel, x->label, rank, dims);
  Value *r = b_scatter_add(&e->b, x->v, nlabel + 1, axis, idx, mask, t);
  return tv_tensor(e, loc, type_tensor(e->ctx, x->type->elem, rank, dims), r, nlabel, x->label);
}

Tval *bi_segment_sum(Elab *e, const Builtin *self, Expr *call, Expr **args, int nargs) {
  (void)nargs;
  Tval *x = bi_bool_to_int(e, elab_tensor(e, args[0])), *ids = elab_tensor(e, args[1]);
  Dim *n;
  if (!arg_dim(e, args[2], &n) || !bi_rank(e, args[0]->loc, x, 1, MAX_RANK, "what is summed by segments") ||
      !bi_rank(e, args[1]->loc, ids, 1, 1, "the segments' numbers"))
    return tv_error(e, call->loc);
  if (!elem_is_int(ids->type->elem)) {
    diag_error(e->ctx, args[1]->loc, 354, "the segments' numbers must be ints, but this is %s",
               show_type(e, ids->type));
    return tv_error(e, call->loc);
  }
  if (!bi_even(e, call->loc, x, 0, self->name) || !tv_same_dim(e, call->loc, x->type->dim[0], ids->type->dim[0],
                                                               "the first axis and the number of segments' numbers"))
    return tv_error(e, call->loc);
  if (!dim_nonneg(e->ctx, n))
    check_dims(e, OP_check_dim_le, dim_const(e->ctx, 0), n, "a dimension must not be negative");
  ids = tv_cast(e, ids, I64);
  tv_check_index(e, ids, n);
  return add_segments(e, call->loc, x, ids, n);
}
