/* product.c - which contractions are matrix products, and their labels in the order of loops.
 *
 * A product has row labels (of one operand and the result), column labels (of the other operand and the result) and summed labels (of
 * both operands); labels of all three are a batch.  Labels of a kind that follow each other in every tensor that has them, and without
 * a gap, count as one long one.  What remains besides one label of each kind are loops around. */
#include "codegen/plan.h"

enum { SMALL = 4, FEW = 512 };

static int position(const Type *t, const int8_t *label, int l) {
  for (int i = 0; i < t->rank; i++)
    if (label[i] == l) return i;
  return -1;
}

static const Type *type_of(const Op *op, int k) { return k < 2 ? op->opd[k]->type : op->res[0]->type; }
static const int8_t *labels_of(const Op *op, int k) { return k < 2 ? op->u.contract.opd[k] : op->u.contract.out; }

/* In every tensor that has the one, the other comes right after it. */
static bool follows(const Op *op, int l, int next) {
  for (int k = 0; k < 3; k++) {
    const Type *t = type_of(op, k);
    int i = position(t, labels_of(op, k), l), j = position(t, labels_of(op, k), next);
    if ((i < 0) != (j < 0)) return false;
    if (i < 0) continue;
    for (i++; i < j && dim_is(t->dim[i], 1);) i++;
    if (i != j) return false;
  }
  return true;
}

static int kind_of(const Op *op, int l, bool swap) {
  bool in[3];
  for (int k = 0; k < 3; k++) in[k] = position(type_of(op, k), labels_of(op, k), l) >= 0;
  bool a = in[swap], b = in[!swap], c = in[2];
  return a && b ? c ? PRODUCT_BATCH : PRODUCT_SUM : a && c ? PRODUCT_ROW : b && c ? PRODUCT_COL : -1;
}

/* The innermost label of the result that has more than one index. */
static int last_label(const Op *op) {
  const Type *t = op->res[0]->type;
  for (int i = t->rank; i-- > 0;)
    if (!dim_is(t->dim[i], 1)) return op->u.contract.out[i];
  return -1;
}

static bool small(const Dim *d) {
  int64_t n;
  return dim_is_const(d, &n) && n < SMALL;
}

static bool few(Dim *const *extent) {
  int64_t n[3];
  for (int k = 0; k < 3; k++)
    if (!dim_is_const(extent[k], &n[k])) return false;
  return n[0] * n[1] * n[2] < FEW;
}

/* Takes the labels next to l, before and after it, into it. */
static Dim *lengthen(Ctx *c, const Op *op, Product *p, Dim *const *extent, int kind) {
  Dim *d = extent[p->label[kind]];
  int first = p->label[kind], last = first;
  for (bool more = true; more;) {
    more = false;
    for (int l = 0; l < MAX_LABEL; l++) {
      if (p->kind[l] != kind || p->in[l] || l == p->label[kind]) continue;
      bool before = follows(op, l, first), after = follows(op, last, l);
      Dim *longer = before || after ? dim_mul(c, d, extent[l]) : NULL;
      if (!longer) continue; /* no neighbour, or together they overflow */
      d = longer;
      p->in[l] = more = true;
      if (before) first = l;
      else last = l;
    }
  }
  p->label[kind] = last;
  p->in[last] = true;
  return d;
}

static bool is_window(const Op *op) {
  if (op->code != OP_slice) return false;
  const Type *t = op->res[0]->type;
  bool cut = false;
  for (int a = t->rank; a-- > 0;) {
    if (op->u.slice.stride[a] != 1 || (cut && !dim_is(t->dim[a], 1))) return false;
    cut |= t->dim[a] != op->opd[0]->type->dim[a];
  }
  return true;
}

Value *behind_windows(Value *v) {
  while (v->def && is_window(v->def)) v = v->def->opd[0];
  return v;
}

bool product_find(Ctx *c, const Op *op, Product *p) {
  Dim *extent[MAX_LABEL];
  if (op->code != OP_contract || op->nopd != 2 || !elem_is_real(op->res[0]->type->elem)) return false;
  int n = label_extents(op, extent), last = last_label(op);
  if (last < 0) return false;
  *p = (Product){.swap = position(op->opd[1]->type, op->u.contract.opd[1], last) < 0};
  for (int k = 0; k < 3; k++) p->label[k] = -1;
  for (int l = 0; l < MAX_LABEL; l++) p->kind[l] = -1;
  for (int l = 0; l < n; l++) {
    if (!extent[l] || dim_is(extent[l], 1)) continue;
    p->kind[l] = (int8_t)kind_of(op, l, p->swap);
    if (p->kind[l] < 0) return false;
    /* The last one in the result, and of those that are summed the last of b: the shortest way through memory. */
    if (p->kind[l] == PRODUCT_BATCH) continue;
    int best = p->label[p->kind[l]], in = p->kind[l] == PRODUCT_SUM ? !p->swap : 2;
    if (best < 0 || position(type_of(op, in), labels_of(op, in), l) > position(type_of(op, in), labels_of(op, in), best))
      p->label[p->kind[l]] = l;
  }
  for (int k = 0; k < 3; k++)
    if (p->label[k] < 0) return false;
  if (p->label[PRODUCT_COL] != last) return false; /* a batch is innermost: lanes serve it better */
  for (int k = 0; k < 3; k++) p->extent[k] = lengthen(c, op, p, extent, k);
  for (int k = 0; k < 3; k++)
    if (small(p->extent[k])) return false;
  return !few(p->extent);
}

/* What the runtime's product asks for: min(k, KC) (min(m, MC) + min(n, MC) + 2 NR + MR) elements; see runtime/gemm.c. */
static Type *space(Ctx *c, Elem elem, Dim *m, Dim *n, Dim *k) {
  enum { PADDING = 128 };
  Dim *mc = dim_const(c, PRODUCT_ROWS), *across = dim_add(c, dim_add(c, dim_const(c, PADDING), dim_min(c, m, mc)), dim_min(c, n, mc));
  Dim *d = dim_mul(c, across, dim_min(c, k, dim_const(c, PRODUCT_TERMS)));
  return type_tensor(c, elem, 1, &d);
}

Type *product_space(Ctx *c, const Op *op, const Product *p) {
  return space(c, op->res[0]->type->elem, p->extent[PRODUCT_ROW], p->extent[PRODUCT_COL], p->extent[PRODUCT_SUM]);
}

Type *factor_space(Ctx *c, const Op *op) {
  bool solves = op->code == OP_trisolve || op->code == OP_lusolve;
  if (!solves && op->code != OP_cholesky && op->code != OP_lu) return NULL;
  const Type *a = op->opd[0]->type, *x = op->opd[op->nopd - 1]->type;
  Dim *n = a->dim[a->rank - 1];
  int64_t few;
  if (op->parent->func->is_lean) return NULL; /* it can do without, more slowly */
  if (dim_is_const(n, &few) && few <= 2 * FACTOR_ROWS) return NULL;
  return space(c, a->elem, n, solves ? x->dim[x->rank - 1] : n, n);
}
