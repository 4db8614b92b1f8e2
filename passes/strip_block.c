/* strip_block.c - which axis is cut into blocks because what lies between is larger than what goes in and comes out.
 *
 * Requires: classes (strip_class.c).  Ensures: a choice that takes no large matrix product apart into thin ones: where the axis is the
 * only one of an operand that the product keeps, or is summed over, a block is as wide as a tile is long. */
#include "passes/strip.h"

enum { PRODUCT_BLOCK = 64 };

static int degree(const Type *t) {
  int64_t n;
  int k = 0;
  for (int a = 0; a < t->rank; a++) k += !dim_is_const(t->dim[a], &n);
  return k;
}

bool fits_block(const Strip *s, const Item *it) {
  (void)s;
  const Op *op = it->op;
  return op->code != OP_argsort && op->code != OP_set && op_info[op->code].family != FAM_MATRIX;
}

static bool has_label(const Op *op, int k, int l) {
  for (int a = 0; a < op->opd[k]->type->rank; a++)
    if (op->u.contract.opd[k][a] == l) return true;
  return false;
}

static bool in_result(const Op *op, int l) {
  for (int a = 0; a < op->res[0]->type->rank; a++)
    if (op->u.contract.out[a] == l) return true;
  return false;
}

static bool sums(const Op *op) {
  for (int k = 0; op->code == OP_contract && k < op->nopd; k++)
    for (int a = 0; a < op->opd[k]->type->rank; a++)
      if (!in_result(op, op->u.contract.opd[k][a])) return true;
  return false;
}

/* Rows of an operand besides those that are cut. */
static bool has_other_row(const Op *op, int k, int cut) {
  for (int a = 0; a < op->opd[k]->type->rank; a++) {
    int l = op->u.contract.opd[k][a];
    int64_t n;
    bool is_long = !dim_is_const(op->opd[k]->type->dim[a], &n) || n >= 8;
    if (l != cut && is_long && !has_label(op, !k, l) && in_result(op, l)) return true;
  }
  return false;
}

static bool needs_width(const Item *it) {
  const Op *op = it->op;
  if (op->code != OP_contract || op->nopd != 2 || !sums(op)) return false;
  for (int k = 0; k < 2; k++) {
    if (it->opd[k] < 0) continue;
    int l = op->u.contract.opd[k][it->opd[k]];
    if (!in_result(op, l)) return true;
    if (!has_label(op, !k, l) && !has_other_row(op, k, l)) return true;
  }
  return false;
}

/* What code generation stores: sums, other folds, and factors of sums that take computing. */
static bool is_stored(const Strip *s, const Item *it) {
  const Op *op = it->op;
  if (sums(op) || op_info[op->code].family == FAM_REDUCE || op->code == OP_concat || op->code == OP_linrec) return true;
  if (op_info[op->code].family != FAM_MAP) return false;
  int uses = 0;
  for (int i = 0; i < s->n; i++)
    for (int k = 0; k < s->item[i].op->nopd; k++)
      if (s->item[i].op->opd[k] == op->res[0]) {
        uses++;
        if (s->item[i].op->nopd == 2 && sums(s->item[i].op)) return true;
      }
  return uses > 1 && op_is_costly(op);
}

typedef struct Choice { int class, gain, stages; } Choice;

/* How many stored values stay within their stage, of those that are larger than all that enters and leaves, or are batches of
 * matrices. */
static int gain(Strip *s, int class) {
  int outside = 0, n = 0;
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_NONE || it->free) continue;
    if (it->kept && degree(it->op->res[0]->type) > outside) outside = degree(it->op->res[0]->type);
    for (int k = 0; k < it->op->nopd; k++) {
      const Item *m = maker(s, it->op->opd[k]);
      if ((!m || (m->role == ROLE_NONE && is_stored(s, m))) && degree(it->op->opd[k]->type) > outside)
        outside = degree(it->op->opd[k]->type);
    }
  }
  if (outside > 2) outside = 2;
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    n += it->role == ROLE_EACH && !it->free && !it->kept && degree(it->op->res[0]->type) > outside && is_stored(s, it);
  }
  (void)class;
  return n;
}

static void weigh(Strip *s, int class, Choice *best) {
  Choice c = {class, 0, strip_stages(s, class, fits_block)};
  c.gain = gain(s, class);
  if (c.gain > best->gain || (c.gain && c.gain == best->gain && c.stages < best->stages)) *best = c;
}

int64_t block_width(const Strip *s, int stage) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role != ROLE_NONE && !it->free && it->stage == stage && needs_width(it)) return PRODUCT_BLOCK;
  }
  return 1;
}

static bool stage_gains(const Strip *s, int stage) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_EACH && !it->free && !it->kept && it->stage == stage && degree(it->op->res[0]->type) > 1 && is_stored(s, it))
      return true;
  }
  return false;
}

/* A block is not cut again. */
static bool in_block(const Region *g) {
  for (; g->parent; g = g->parent->parent)
    if (g->parent->code == OP_for && g->parent->u.loop.parallel) return true;
  return false;
}

bool strip_blocks(Func *f, Region *g) {
  Strip s = strip_open(f, g);
  Choice best = {-1, 0, 0};
  bool *seen = NEW_N(s.ctx->arena, bool, (s.nvalue + 1) * MAX_RANK);
  for (int i = 0; i < s.n; i++) {
    const Op *op = s.item[i].op;
    for (int a = 0; op->nres == 1 && degree(op->res[0]->type) > 1 && a < op->res[0]->type->rank; a++) {
      int class = axis_class(&s, op->res[0], a);
      if (class < 0 || seen[class]) continue;
      seen[class] = true;
      weigh(&s, class, &best);
    }
  }
  if (!best.gain) return false;
  int stages = strip_stages(&s, best.class, fits_block);
  strip_order(&s);
  bool made = false;
  for (int t = 0; t < stages; t++) {
    if (!stage_gains(&s, t) || (in_block(g) && block_width(&s, t) > 1)) continue;
    strip_loop(&s, t, best.class, block_width(&s, t));
    made = true;
  }
  return made;
}
