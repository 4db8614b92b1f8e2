/* strip_block.c - which axis is cut into blocks because what lies between is larger than what goes in and comes out.
 *
 * Requires: classes (strip_class.c).  Ensures: a choice that takes no large matrix product apart into thin ones: where the axis is the
 * only one of an operand that the product keeps, or is summed over, a block is as wide as a tile is long. */
#include "passes/strip.h"

enum { PRODUCT_BLOCK = 64, WINDOW = 4, MOST_WINDOW = 64 };

static bool fits_block(const Strip *s, const Item *it) {
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

/* The product asks for an element of operand k more than once. */
static bool repeats(const Op *op, int k) {
  for (int a = 0; a < op->opd[!k]->type->rank; a++)
    if (!dim_is(op->opd[!k]->type->dim[a], 1) && !has_label(op, k, op->u.contract.opd[!k][a])) return true;
  return false;
}

/* A product of matrices, of one pair or more. */
static bool is_product(const Op *op) {
  return op->code == OP_contract && op->nopd == 2 && op_has_sum(op) && repeats(op, 0) && repeats(op, 1);
}

static bool has_product(const Strip *s) {
  for (int i = 0; i < s->n; i++)
    if (s->item[i].role != ROLE_NONE && is_product(s->item[i].op)) return true;
  return false;
}

/* Operand k has a long axis besides the one that is cut: one that both operands sum, or one of rows. */
static bool has_other(const Op *op, int k, int cut, bool summed) {
  for (int a = 0; a < op->opd[k]->type->rank; a++) {
    int l = op->u.contract.opd[k][a];
    int64_t n;
    bool is_long = !dim_is_const(op->opd[k]->type->dim[a], &n) || (!summed && n >= 8);
    if (l != cut && is_long && in_result(op, l) == !summed && has_label(op, !k, l) == summed) return true;
  }
  return false;
}

/* A recurrence waits for each step, unless entries that have one each are done side by side. */
static bool needs_width(const Item *it) {
  const Op *op = it->op;
  if (op->code == OP_linrec) return true;
  if (!is_product(op)) return false;
  for (int k = 0; k < 2; k++) {
    if (it->opd[k] < 0) continue;
    int l = op->u.contract.opd[k][it->opd[k]];
    if (!in_result(op, l) && !has_other(op, k, l, true)) return true;
    if (in_result(op, l) && !has_label(op, !k, l) && !has_other(op, k, l, false)) return true;
  }
  return false;
}

static bool feeds_product(const Strip *s, const Value *v) {
  for (int i = 0; i < s->n; i++)
    for (int k = 0; is_product(s->item[i].op) && k < 2; k++)
      if (s->item[i].op->opd[k] == v) return true;
  return false;
}

static bool is_windows(const Value *v) {
  if (is_relabel(v)) v = v->def->opd[0];
  return v->def && v->def->code == OP_gather && v->def->u.index.naxis && v->def->opd[1]->type->rank > 1;
}

/* What code generation stores: sums, other folds, windows that are laid out for a product, and factors of sums that take computing. */
static bool is_stored(const Strip *s, const Item *it) {
  const Op *op = it->op;
  if (op->nres == 1 && is_windows(op->res[0]) && feeds_product(s, op->res[0])) return true;
  if (op_has_sum(op) || op_info[op->code].family == FAM_REDUCE || op->code == OP_concat || op->code == OP_linrec) return true;
  if (op_info[op->code].family != FAM_MAP) return false;
  int uses = 0;
  for (int i = 0; i < s->n; i++)
    for (int k = 0; k < s->item[i].op->nopd; k++)
      if (s->item[i].op->opd[k] == op->res[0]) {
        uses++;
        if (s->item[i].op->nopd == 2 && op_has_sum(s->item[i].op) && repeats(s->item[i].op, k)) return true;
      }
  return uses > 1 && op_is_costly(op);
}

/* A block is cut again only into single entries. */
static bool in_block(const Region *g) {
  for (; g->parent; g = g->parent->parent)
    if (g->parent->code == OP_for && g->parent->u.loop.parallel) return true;
  return false;
}

/* … whose products are large though one entry is cut at a time; others stay whole, between stages. */
static bool fits_narrow(const Strip *s, const Item *it) { return fits_block(s, it) && !needs_width(it); }

typedef bool (*Fits)(const Strip *s, const Item *it);
typedef struct Choice {
  const Value *v;
  int axis, gain, stages, fold;
  bool wide;
  Fits fits;
} Choice;

/* How much enters by operand k: of what is picked from a tape, the parts. */
static int entering(const Op *op, int k) {
  bool picks = k == 0 && (op->code == OP_gather || op->code == OP_slice);
  int whole = degree(op->opd[k]->type), part = picks ? degree(op->res[0]->type) : whole;
  return part < whole ? part : whole;
}

/* How many numbers there are at each place of the long axes. */
static int64_t numbers_each(const Type *t) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) n *= dim_is_const(t->dim[a], &d) ? d : 1;
  return n;
}

/* The most long axes of what enters and leaves, and the most numbers at each place of so many. */
typedef struct Size { int degree; int64_t each; } Size;

static void see_size(Size *most, int degree, int64_t each) {
  if (degree == most->degree && each > most->each) most->each = each;
  if (degree > most->degree) *most = (Size){degree, each};
}

static Size outside_of(const Strip *s) {
  Size most = {0, 1};
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_NONE) continue;
    if (it->kept && !it->free) see_size(&most, degree(it->op->res[0]->type), numbers_each(it->op->res[0]->type));
    for (int k = 0; k < it->op->nopd; k++) {
      const Item *m = maker(s, it->op->opd[k]);
      if (!m || (m->role == ROLE_NONE && is_stored(s, m))) see_size(&most, entering(it->op, k), numbers_each(it->op->opd[k]->type));
    }
  }
  return most;
}

/* A window of a grid's neighbours, at each of its places: for these rows of the grid are gone through one by one, and a row is in lanes. */
static bool is_window_each(const Strip *s, const Type *t, Size outside) {
  int64_t n = numbers_each(t);
  return degree(t) > 1 && degree(t) == outside.degree && n >= WINDOW * outside.each && n <= MOST_WINDOW && !has_product(s);
}

/* How many stored values stay within their stage, of those that are larger than all that enters and leaves, or are batches of
 * matrices. */
static int gain(Strip *s, bool nested) {
  Size outside = outside_of(s);
  int most = outside.degree > 2 - nested ? 2 - nested : outside.degree, n = 0; /* a block is to be smaller still */
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    const Type *t = it->op->nres ? it->op->res[0]->type : NULL;
    if (it->role != ROLE_EACH || it->free || it->kept || !is_stored(s, it)) continue;
    n += degree(t) > most || (!nested && is_window_each(s, t, outside));
  }
  return n;
}

static int64_t block_width(const Strip *s, int stage) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role != ROLE_NONE && !it->free && it->stage == stage && needs_width(it)) return PRODUCT_BLOCK;
  }
  return 1;
}

static bool stage_gains(const Strip *s, int stage) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_EACH && !it->free && it->stage == stage && degree(it->op->res[0]->type) > 1 && is_stored(s, it))
      return true;
  }
  return false;
}

/* Folds are read and written by each block. */
static int largest_fold(const Strip *s) {
  int most = 0;
  for (int i = 0; i < s->n; i++)
    if (s->item[i].role == ROLE_FOLD && degree(s->item[i].op->res[0]->type) > most) most = degree(s->item[i].op->res[0]->type);
  return most;
}

/* Much more gain first, then fewer loops, smaller folds, and single entries: the products in them are large. */
static bool is_better(const Choice *a, const Choice *b) {
  if (a->gain >= 3 * b->gain || b->gain >= 3 * a->gain) return a->gain > b->gain;
  if (a->stages != b->stages) return a->stages < b->stages;
  if (a->fold != b->fold) return a->fold < b->fold;
  return a->gain != b->gain ? a->gain > b->gain : !a->wide && b->wide;
}

/* A convolution's product is of one image, whole: turned for a block of filters it would lose its layout. */
static bool cuts_windows(const Strip *s) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_NONE) continue;
    if (it->op->nres == 1 && is_windows(it->op->res[0])) return true;
    for (int k = 0; is_product(it->op) && k < 2; k++)
      if (is_windows(it->op->opd[k])) return true;
  }
  return false;
}

/* … and not of a row of one: the axis that is cut is one that a gather of windows has indices along. */
static bool cuts_image(const Strip *s) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    const Op *op = it->op;
    if (it->role != ROLE_EACH || it->free || op->code != OP_gather || !is_windows(op->res[0])) continue;
    if (it->axis < op->opd[1]->type->rank) return true;
  }
  return false;
}

/* A product in a block is to stay one: only batches of products are taken apart. */
static bool thins_product(const Strip *s) {
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    const Op *op = it->op;
    if (it->role == ROLE_NONE || !is_product(op)) continue;
    if (it->opd[0] < 0 || it->opd[1] < 0 || !in_result(op, op->u.contract.opd[0][it->opd[0]])) return true;
  }
  return false;
}

static Choice judge(Strip *s, const Value *v, int axis, bool nested, Fits fits) {
  Choice c = {v, axis, 0, 0, 0, false, fits};
  int stages = strip_stages(s, fits);
  c.gain = gain(s, nested);
  c.fold = largest_fold(s);
  for (int t = 0; t < stages; t++) {
    c.stages += stage_gains(s, t);
    c.wide |= block_width(s, t) > 1;
  }
  return c;
}

static void weigh(Strip *s, const Value *v, int axis, Choice *best) {
  strip_along(s, v, axis);
  bool nested = in_block(s->region);
  Choice c = judge(s, v, axis, nested, fits_block);
  if (cuts_image(s) && has_product(s)) return;
  if (c.wide) {
    bool windows = cuts_windows(s);
    Choice narrow = judge(s, v, axis, nested, fits_narrow);
    if (narrow.gain >= c.gain || windows) c = narrow;
  }
  if (nested && (c.wide || cuts_windows(s) || thins_product(s))) return;
  if (c.gain && is_better(&c, best)) *best = c;
}

bool strip_blocks(Func *f, Region *g) {
  Strip s = strip_open(f, g);
  Choice best = {0};
  for (int least = MAX_RANK; least > 1; least--)
    for (int i = 0; i < s.n; i++) {
      const Op *op = s.item[i].op;
      for (int a = 0; op->nres == 1 && degree(op->res[0]->type) == least && a < op->res[0]->type->rank; a++)
        if (strip_can_begin(&s, op->res[0], a)) weigh(&s, op->res[0], a, &best);
    }
  if (!best.gain) return false;
  strip_along(&s, best.v, best.axis);
  int stages = strip_stages(&s, best.fits);
  bool made = false;
  for (int t = 0; t < stages; t++) {
    int64_t width = block_width(&s, t);
    if (!stage_gains(&s, t)) continue;
    if (!made) strip_order(&s);
    strip_loop(&s, t, width, false);
    made = true;
  }
  return made;
}
