/* tdsl_expr.c - operations as .tdsl expressions.
 * Requires: the operands' texts known.  Ensures: the text has the operation's value and type wherever it is read. */
#include "ir/tdsl.h"
#include <math.h>
#include <string.h>

static Source1 atom(const char *text) { return (Source1){text, PREC_ATOM}; }

void tdsl_fail(Tdsl *p, const char *why) {
  if (!p->failed) p->failed = why;
}

const char *tdsl_use(Tdsl *p, const Value *v, Prec prec) {
  Source1 s = p->value[v->id];
  if (!s.text) bug("value %d has no text", v->id);
  return s.prec >= prec ? s.text : arena_printf(p->a, "(%s)", s.text);
}

/* ---- dimensions and constants ------------------------------------------------------------------------------------ */

const char *tdsl_dim(Tdsl *p, Dim *d) {
  Text t;
  text_init(&t, p->a);
  dim_print(&t, dim_subst(p->c, d, p->rename, p->nrename));
  bool name = true;
  for (const char *s = t.s; *s; s++) name = name && *s != ' ' && *s != '-';
  if (name) return t.s;
  /* In a value, `/` would be real: the divisions of a dimension are exact. */
  Text u;
  text_init(&u, p->a);
  text_add(&u, "(");
  for (const char *s = t.s; *s; s++) text_add(&u, strncmp(s, " / ", 3) == 0 ? " /" : "%c", *s);
  text_add(&u, ")");
  return u.s;
}

const char *tdsl_shape(Tdsl *p, const Type *t) {
  Text s;
  text_init(&s, p->a);
  text_add(&s, "[");
  for (int i = 0; i < t->rank; i++) text_add(&s, "%s%s", i ? ", " : "", tdsl_dim(p, t->dim[i]));
  text_add(&s, "]");
  return s.s;
}

static const char *cast_to(Tdsl *p, Elem e, const char *text) {
  return e == F32 || e == I32 ? arena_printf(p->a, "%s(%s)", elem_name(e), text) : text;
}

static const char *number(Tdsl *p, double v) {
  if (isnan(v)) return "nan";
  if (isinf(v)) return v > 0 ? "inf" : "-inf";
  char s[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(s, sizeof s, "%.*g", digits, v);
    double back;
    if (sscanf(s, "%lf", &back) == 1 && back == v) break;
  }
  return arena_printf(p->a, "%s%s", s, strpbrk(s, ".e") ? "" : ".0");
}

static Source1 scalar(Tdsl *p, Elem e, double f, int64_t i) {
  if (e == BOOL) return atom(i ? "true" : "false");
  const char *text = elem_is_real(e) ? number(p, f) : arena_printf(p->a, "%lld", (long long)i);
  if (e == F32 || e == I32) return atom(cast_to(p, e, text));
  return (Source1){text, text[0] == '-' ? PREC_NEG : PREC_ATOM};
}

static void dense_axis(Tdsl *p, Text *t, const Op *op, int axis, int64_t *at) {
  const Type *ty = op->res[0]->type;
  if (axis == ty->rank) {
    const char *s = elem_is_real(ty->elem)
                        ? scalar(p, F64, ((const double *)op->u.dense.data)[*at], 0).text
                        : scalar(p, ty->elem == BOOL ? BOOL : I64, 0, ((const int64_t *)op->u.dense.data)[*at]).text;
    text_add(t, "%s", s);
    ++*at;
    return;
  }
  int64_t n = 0;
  dim_is_const(ty->dim[axis], &n);
  text_add(t, "[");
  for (int64_t i = 0; i < n; i++) {
    if (i) text_add(t, ", ");
    dense_axis(p, t, op, axis + 1, at);
  }
  text_add(t, "]");
}

static Source1 expr_source(Tdsl *p, const Op *op) {
  const Type *ty = op->res[0]->type;
  switch (op->code) {
  case OP_const: return scalar(p, ty->elem, op->u.cst.f, op->u.cst.i);
  case OP_dim: return atom(tdsl_dim(p, op->u.dim));
  case OP_dense: {
    int64_t at = 0;
    if (op->u.dense.count == 0) return atom(tdsl_zeros(p, ty));
    Text t;
    text_init(&t, p->a);
    dense_axis(p, &t, op, 0, &at);
    return atom(cast_to(p, ty->elem, t.s));
  }
  case OP_iota: {
    Text t;
    text_init(&t, p->a);
    text_add(&t, "[i%d for ", op->u.axis);
    for (int i = 0; i < ty->rank; i++) text_add(&t, "%si%d < %s", i ? ", " : "", i, tdsl_dim(p, ty->dim[i]));
    text_add(&t, "]");
    return atom(cast_to(p, ty->elem, t.s));
  }
  default: return (Source1){NULL, PREC_ATOM};
  }
}

const char *tdsl_zeros(Tdsl *p, const Type *t) {
  if (t->rank == 0) return scalar(p, t->elem, 0, 0).text;
  if (t->elem == BOOL) return arena_printf(p->a, "full(%s, false)", tdsl_shape(p, t));
  if (t->elem == I64) return arena_printf(p->a, "full(%s, 0)", tdsl_shape(p, t));
  return arena_printf(p->a, "%s(zeros(%s))", elem_name(t->elem), tdsl_shape(p, t));
}

/* ---- broadcasts and contractions --------------------------------------------------------------------------------- */

static bool summed(const Op *op) {
  for (int k = 0; k < op->nopd; k++)
    for (int i = 0; i < op->opd[k]->type->rank; i++) {
      bool kept = false;
      for (int j = 0; j < op->res[0]->type->rank; j++) kept = kept || op->u.contract.out[j] == op->u.contract.opd[k][i];
      if (!kept) return true;
    }
  return false;
}

static bool is_broadcast(const Value *v) {
  return v->def && v->def->code == OP_contract && v->def->nopd == 1 && !summed(v->def);
}

/* x with the axes of its labels in the order of `out`, None where out has others; leading new axes are left out, as
 * NumPy's broadcasting supplies them. */
static const char *aligned(Tdsl *p, const Value *x, const int8_t *in, const int8_t *out, int rank) {
  int perm[MAX_RANK], n = 0;
  bool moved = false;
  Text subs;
  text_init(&subs, p->a);
  for (int j = 0; j < rank; j++) {
    int at = -1;
    for (int i = 0; i < x->type->rank; i++)
      if (in[i] == out[j]) at = i;
    if (at >= 0) {
      moved = moved || at != n;
      perm[n++] = at;
    }
    if (at >= 0 || n) text_add(&subs, "%s%s", subs.len ? ", " : "", at >= 0 ? ":" : "None");
  }
  const char *text = tdsl_use(p, x, PREC_ATOM);
  if (moved) {
    Text t;
    text_init(&t, p->a);
    text_add(&t, "transpose(%s, [", tdsl_use(p, x, PREC_IF));
    for (int i = 0; i < n; i++) text_add(&t, "%s%d", i ? ", " : "", perm[i]);
    text_add(&t, "])");
    text = t.s;
  }
  return strstr(subs.s, "None") ? arena_printf(p->a, "%s[%s]", text, subs.s) : text;
}

static const char *stretched(Tdsl *p, const char *text, const Type *t, bool was_scalar) {
  if (was_scalar)
    return arena_printf(p->a, t->elem == F32 || t->elem == I32 ? "%s(full(%s, %s))" : "%.0sfull(%s, %s)",
                        elem_name(t->elem), tdsl_shape(p, t), text);
  return arena_printf(p->a, "broadcast(%s, %s)", text, tdsl_shape(p, t));
}

static Source1 relabelled(Tdsl *p, const Op *op) {
  const Value *x = op->opd[0];
  int rank = op->res[0]->type->rank;
  const char *text = aligned(p, x, op->u.contract.opd[0], op->u.contract.out, rank);
  if (rank > x->type->rank) text = stretched(p, text, op->res[0]->type, x->type->rank == 0);
  return atom(text);
}

static void einsum_labels(Text *t, const int8_t *label, int rank) {
  for (int i = 0; i < rank; i++) text_add(t, "%c", 'a' + label[i]);
}

/* Products of matrices and vectors in the form of linear algebra; {NULL}: it has none. */
static Source1 matrix_product(Tdsl *p, const Op *op) {
  const int8_t *a = op->u.contract.opd[0], *b = op->u.contract.opd[1], *out = op->u.contract.out;
  int na = op->opd[0]->type->rank, nb = op->opd[1]->type->rank, n = op->res[0]->type->rank;
  const char *x = tdsl_use(p, op->opd[0], PREC_ATOM), *y = tdsl_use(p, op->opd[1], PREC_ATOM);
  if (na == 1 && nb == 1 && n == 0 && a[0] == b[0])
    return atom(arena_printf(p->a, "dot(%s, %s)", tdsl_use(p, op->opd[0], PREC_IF), tdsl_use(p, op->opd[1], PREC_IF)));
  if (na != 2 || nb < 1 || nb > 2 || n != nb) return (Source1){NULL, PREC_ATOM};
  bool left = a[0] == out[0], right = nb == 1 || b[nb - 1] == out[n - 1];
  int8_t s = left ? a[1] : a[0];
  if ((!left && a[1] != out[0]) || (nb == 2 && !right && b[0] != out[1])) return (Source1){NULL, PREC_ATOM};
  if ((nb == 1 ? b[0] : right ? b[0] : b[1]) != s) return (Source1){NULL, PREC_ATOM};
  for (int j = 0; j < n; j++)
    if (out[j] == s) return (Source1){NULL, PREC_ATOM};
  return (Source1){arena_printf(p->a, "%s%s @ %s%s", x, left ? "" : ".T", y, right ? "" : ".T"), PREC_MUL};
}

static bool labelled(const Op *op, int8_t label) {
  for (int k = 0; k < op->nopd; k++)
    for (int i = 0; i < op->opd[k]->type->rank; i++)
      if (op->u.contract.opd[k][i] == label) return true;
  return false;
}

static Source1 expr_contract(Tdsl *p, const Op *op) {
  if (op->nopd == 1 && !summed(op)) return relabelled(p, op);
  Source1 product = op->nopd == 2 ? matrix_product(p, op) : (Source1){NULL, PREC_ATOM};
  if (product.text) return product;
  bool sum = op->nopd == 1, in_order = sum;
  Text t, axes;
  text_init(&t, p->a);
  text_init(&axes, p->a);
  int rank = op->res[0]->type->rank, next = 0;
  for (int i = 0; sum && i < op->opd[0]->type->rank; i++) {
    bool kept = next < rank && op->u.contract.out[next] == op->u.contract.opd[0][i];
    if (kept)
      next++;
    else
      text_add(&axes, "%s%d", axes.len ? ", " : "", i);
  }
  in_order = sum && next == rank;
  if (in_order)
    return atom(arena_printf(p->a, rank ? "sum(%s, axis=[%s])" : "sum(%s)", tdsl_use(p, op->opd[0], PREC_IF), axes.s));
  text_add(&t, "einsum(\"");
  for (int k = 0; k < op->nopd; k++) {
    if (k) text_add(&t, ",");
    einsum_labels(&t, op->u.contract.opd[k], op->opd[k]->type->rank);
  }
  text_add(&t, "->");
  int8_t had[MAX_RANK];
  int nhad = 0;
  Text subs;
  text_init(&subs, p->a);
  for (int j = 0; j < rank; j++) {
    bool has = labelled(op, op->u.contract.out[j]);
    if (has) had[nhad++] = op->u.contract.out[j];
    text_add(&subs, "%s%s", j ? ", " : "", has ? ":" : "None");
  }
  einsum_labels(&t, had, nhad);
  text_add(&t, "\"");
  for (int k = 0; k < op->nopd; k++) text_add(&t, ", %s", tdsl_use(p, op->opd[k], PREC_IF));
  text_add(&t, ")");
  /* einsum makes no axis that is in no operand. */
  if (nhad < rank && nhad) text_add(&t, "[%s]", subs.s);
  if (nhad < rank) return atom(stretched(p, t.s, op->res[0]->type, nhad == 0));
  return atom(t.s);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

typedef struct Infix {
  Opcode op;
  const char *sign;
  Prec prec;
} Infix;
static const Infix infix[] = {
    {OP_add, "+", PREC_ADD},     {OP_sub, "-", PREC_ADD},       {OP_mul, "*", PREC_MUL},
    {OP_div, "/", PREC_MUL},     {OP_floordiv, "//", PREC_MUL}, {OP_mod, "%", PREC_MUL},
    {OP_eq, "==", PREC_COMPARE}, {OP_ne, "!=", PREC_COMPARE},   {OP_lt, "<", PREC_COMPARE},
    {OP_le, "<=", PREC_COMPARE}, {OP_gt, ">", PREC_COMPARE},    {OP_ge, ">=", PREC_COMPARE},
    {OP_and, "and", PREC_AND},   {OP_or, "or", PREC_OR},
};

/* An operand of a map: a broadcast need not be spelt out where another operand has the whole shape. */
static Source1 operand(Tdsl *p, const Op *op, int i) {
  const Value *v = op->opd[i];
  if (!is_broadcast(v)) return (Source1){tdsl_use(p, v, PREC_IF), p->value[v->id].prec};
  int whole = -1;
  for (int k = 0; k < op->nopd && whole < 0; k++)
    if (!is_broadcast(op->opd[k])) whole = k;
  if (whole < 0 ? i == 0 : op->code == OP_select && i == 0)
    return (Source1){tdsl_use(p, v, PREC_IF), p->value[v->id].prec};
  const Op *b = v->def;
  if (b->opd[0]->type->rank == 0) return p->value[b->opd[0]->id];
  return atom(aligned(p, b->opd[0], b->u.contract.opd[0], b->u.contract.out, v->type->rank));
}

static const char *wrapped(Tdsl *p, Source1 s, Prec prec) {
  return s.prec >= prec ? s.text : arena_printf(p->a, "(%s)", s.text);
}

static Source1 call(Tdsl *p, const char *name, const Op *op) {
  Text t;
  text_init(&t, p->a);
  text_add(&t, "%s(", name);
  for (int i = 0; i < op->nopd; i++) text_add(&t, "%s%s", i ? ", " : "", operand(p, op, i).text);
  text_add(&t, ")");
  return atom(t.s);
}

static Source1 expr_map(Tdsl *p, const Op *op) {
  for (size_t k = 0; k < sizeof infix / sizeof *infix; k++) {
    if (infix[k].op != op->code) continue;
    Prec at = infix[k].prec;
    const char *x = wrapped(p, operand(p, op, 0), at == PREC_COMPARE ? at + 1 : at),
               *y = wrapped(p, operand(p, op, 1), at + 1);
    return (Source1){arena_printf(p->a, "%s %s %s", x, infix[k].sign, y), at};
  }
  const char *x = operand(p, op, 0).text;
  switch (op->code) {
  case OP_neg: return (Source1){arena_printf(p->a, "-%s", wrapped(p, operand(p, op, 0), PREC_POW)), PREC_NEG};
  case OP_not: return (Source1){arena_printf(p->a, "not %s", wrapped(p, operand(p, op, 0), PREC_NOT)), PREC_NOT};
  case OP_ipow:
    return (Source1){arena_printf(p->a, "%s ** %s", wrapped(p, operand(p, op, 0), PREC_ATOM),
                                  wrapped(p, operand(p, op, 1), PREC_ATOM)),
                     PREC_POW};
  case OP_trunc: return atom(arena_printf(p->a, "where(%s < 0, ceil(%s), floor(%s))", x, x, x));
  case OP_select: return call(p, "where", op);
  case OP_cast: return call(p, elem_name(op->res[0]->type->elem), op);
  default: return call(p, op_info[op->code].name, op);
  }
}

/* ---- the other families ------------------------------------------------------------------------------------------ */

static Source1 expr_reduce(Tdsl *p, const Op *op) {
  const char *name = op_info[op->code].name;
  if (name[0] == 'r') name++; /* rmax, rprod, … */
  Text axes;
  text_init(&axes, p->a);
  for (int i = 0; i < op->u.reduce.naxis; i++) text_add(&axes, "%s%d", i ? ", " : "", op->u.reduce.axis[i]);
  const char *x = tdsl_use(p, op->opd[0], PREC_IF);
  if (op->u.reduce.naxis == 1) return atom(arena_printf(p->a, "%s(%s, axis=%s)", name, x, axes.s));
  return atom(arena_printf(p->a, "%s(%s, axis=[%s])", name, x, axes.s));
}

static bool is_splat_one(const Value *v) {
  while (v->def && v->def->code == OP_contract && v->def->nopd == 1 && v->def->opd[0]->type->rank == 0)
    v = v->def->opd[0];
  return v->def && v->def->code == OP_const && v->def->u.cst.f == 1;
}

static Source1 expr_scan(Tdsl *p, const Op *op) {
  const char *x = tdsl_use(p, op->opd[op->nopd - 1], PREC_IF);
  if (op->code == OP_argsort) return atom(arena_printf(p->a, "argsort(%s, axis=%d)", x, op->u.scan.axis));
  if (!is_splat_one(op->opd[0])) return (Source1){NULL, PREC_ATOM};
  if (!op->u.scan.reverse) return atom(arena_printf(p->a, "cumsum(%s, axis=%d)", x, op->u.scan.axis));
  return atom(arena_printf(p->a, "flip(cumsum(flip(%s, %d), axis=%d), %d)", x, op->u.scan.axis, op->u.scan.axis,
                           op->u.scan.axis));
}

static Source1 expr_view(Tdsl *p, const Op *op) {
  const Type *t = op->res[0]->type;
  const char *x = op->nopd ? tdsl_use(p, op->opd[0], PREC_ATOM) : "";
  Text s;
  text_init(&s, p->a);
  switch (op->code) {
  case OP_reshape:
    return atom(arena_printf(p->a, "reshape(%s, %s)", tdsl_use(p, op->opd[0], PREC_IF), tdsl_shape(p, t)));
  case OP_concat:
    text_add(&s, "concat([");
    for (int i = 0; i < op->nopd; i++) text_add(&s, "%s%s", i ? ", " : "", tdsl_use(p, op->opd[i], PREC_IF));
    text_add(&s, "], axis=%d)", op->u.axis);
    return atom(s.s);
  case OP_slice:
    /* As a comprehension over the result's axes: it takes strides of either sign, and proves its own range. */
    if (p->value[op->opd[0]->id].prec != PREC_ATOM || strpbrk(x, "([")) tdsl_fail(p, "a slice of an unnamed value");
    text_add(&s, "[%s[", x);
    for (int i = 0; i < t->rank; i++) {
      text_add(&s, i ? ", " : "");
      if (!dim_is(op->u.slice.start[i], 0)) text_add(&s, "%s + ", tdsl_dim(p, op->u.slice.start[i]));
      if (op->u.slice.stride[i] == 1)
        text_add(&s, "i%d", i);
      else
        text_add(&s, "i%d * %lld", i, (long long)op->u.slice.stride[i]);
    }
    text_add(&s, "] for ");
    for (int i = 0; i < t->rank; i++) text_add(&s, "%si%d < %s", i ? ", " : "", i, tdsl_dim(p, t->dim[i]));
    text_add(&s, "]");
    return atom(s.s);
  default: return (Source1){NULL, PREC_ATOM};
  }
}

bool tdsl_is_factors(const Op *op) { return op->code == OP_lu || op->code == OP_lucp || op->code == OP_lujet; }

/* The k-th of the matrices that stand one below the other in e. */
static const char *direction(Tdsl *p, const Type *t, const Value *e, int k) {
  if (e->type == t) return tdsl_use(p, e, PREC_NEG);
  Text s;
  text_init(&s, p->a);
  text_add(&s, "%s[", tdsl_use(p, e, PREC_ATOM));
  for (int i = 0; i < t->rank - 2; i++) text_add(&s, ":, ");
  Dim *n = t->dim[t->rank - 2], *from = dim_mul(p->c, n, dim_const(p->c, k));
  text_add(&s, "%s:%s, :]", tdsl_dim(p, from), tdsl_dim(p, dim_add(p->c, from, n)));
  return s.s;
}

/* Cofactors, and their derivative in directions: each is the gradient of the sum of the one before in the next direction. */
static const char *cofactors(Tdsl *p, const Op *op) {
  const Type *t = op->res[0]->type;
  int64_t n = op->code == OP_cofactor ? 0 : 1;
  if (n && op->opd[2]->type != t) dim_is_const(dim_div(p->c, op->opd[2]->type->dim[t->rank - 2], t->dim[t->rank - 2]), &n);
  const char *at = tdsl_name(p, op->res[0]), *form = t->rank == 2 ? "fn(%s_0) => det(%s_0)" : "fn(%s_0) => sum(det(%s_0))";
  const char *f = arena_printf(p->a, form, at, at);
  for (int k = 1; k <= n; k++)
    f = arena_printf(p->a, "fn(%s_%d) => sum(grad(%s)(%s_%d) * %s)", at, k, f, at, k, direction(p, t, op->opd[2], k - 1));
  return arena_printf(p->a, "grad(%s)(%s)", f, tdsl_use(p, op->opd[0], PREC_IF));
}

static Source1 expr_matrix(Tdsl *p, const Op *op) {
  const char *x = tdsl_use(p, op->opd[0], PREC_IF), *name = op_info[op->code].name;
  /* What reads the factors is printed with the matrix; elsewhere, as in a call, only their shape counts. */
  if (tdsl_is_factors(op)) return atom(tdsl_zeros(p, op->res[0]->type));
  switch (op->code) {
  case OP_cholesky:
  case OP_det:
  case OP_logdet: return atom(arena_printf(p->a, "%s(%s)", name, x));
  case OP_trisolve:
    return atom(arena_printf(p->a, "solve_triangular(%s, %s, lower=%s, trans=%s)", x, tdsl_use(p, op->opd[1], PREC_IF),
                             op->u.matrix.upper ? "false" : "true", op->u.matrix.trans ? "true" : "false"));
  case OP_lusolve:
    if (op->u.matrix.trans) x = arena_printf(p->a, "%s.T", tdsl_use(p, op->opd[0], PREC_ATOM));
    return atom(arena_printf(p->a, "solve(%s, %s)", x, tdsl_use(p, op->opd[2], PREC_IF)));
  default: return atom(cofactors(p, op));
  }
}

/* Gathers, as comprehensions: the batch axes' indices, then the others'.  A mask is a lazy `if`. */
static Source1 expr_gather(Tdsl *p, const Op *op) {
  const Type *t = op->res[0]->type, *xt = op->opd[0]->type;
  int nb = op->opd[1]->type->rank, next = nb;
  if (t->rank == 0 && !op->u.index.masked) {
    Text s;
    text_init(&s, p->a);
    for (int k = 0; k < op->u.index.naxis; k++)
      text_add(&s, "%s%s", k ? ", " : "", tdsl_use(p, op->opd[1 + k], PREC_IF));
    return atom(arena_printf(p->a, "%s[%s]", tdsl_use(p, op->opd[0], PREC_ATOM), s.s));
  }
  Text batch, subs, all;
  text_init(&batch, p->a);
  text_init(&subs, p->a);
  text_init(&all, p->a);
  for (int i = 0; i < nb; i++) text_add(&batch, "%si%d", i ? ", " : "", i);
  const char *at = nb ? arena_printf(p->a, "[%s]", batch.s) : "";
  for (int i = 0; i < xt->rank; i++) {
    int k = 0;
    while (k < op->u.index.naxis && op->u.index.axis[k] != i) k++;
    if (k < op->u.index.naxis)
      text_add(&subs, "%s%s%s", i ? ", " : "", tdsl_use(p, op->opd[1 + k], PREC_ATOM), at);
    else
      text_add(&subs, "%si%d", i ? ", " : "", next++);
  }
  text_add(&all, "%s[%s]", tdsl_use(p, op->opd[0], PREC_ATOM), subs.s);
  const char *body = all.s;
  if (op->u.index.masked)
    body = arena_printf(p->a, "if %s%s then %s else %s", tdsl_use(p, op->opd[op->nopd - 1], PREC_ATOM), at, all.s,
                        scalar(p, t->elem, 0, 0).text);
  if (t->rank == 0) return (Source1){body, PREC_IF};
  Text s;
  text_init(&s, p->a);
  text_add(&s, "[%s for ", body);
  for (int i = 0; i < t->rank; i++) text_add(&s, "%si%d < %s", i ? ", " : "", i, tdsl_dim(p, t->dim[i]));
  text_add(&s, "]");
  return atom(s.s);
}

Source1 tdsl_expr(Tdsl *p, const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_SOURCE: return expr_source(p, op);
  case FAM_MAP: return expr_map(p, op);
  case FAM_CONTRACT: return expr_contract(p, op);
  case FAM_REDUCE: return expr_reduce(p, op);
  case FAM_SCAN: return expr_scan(p, op);
  case FAM_VIEW: return expr_view(p, op);
  case FAM_MATRIX: return expr_matrix(p, op);
  case FAM_INDEX: return op->code == OP_gather ? expr_gather(p, op) : (Source1){NULL, PREC_ATOM};
  default: return (Source1){NULL, PREC_ATOM};
  }
}
