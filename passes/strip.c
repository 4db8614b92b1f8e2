/* strip.c - values along a long axis are made a block at a time, so that what lies between them need not be stored.
 *
 * Operations that work along one axis entry by entry become the body of one loop over that
 * axis, and only what others want of them is a tensor of the whole length.  Where all other axes are short and constant, the body is a
 * lane: it fits in registers, and code generation computes many side by side.  Requires: an optimised function.  Ensures: the same
 * results, up to the order of sums. */
#include "passes/strip.h"

enum { MAX_ENTRY = 64, MAX_AXIS = 32, MAX_BODY = 6000, MIN_GAIN = 1, FUEL = 20000000 };

typedef struct Worth { int64_t gain, size; } Worth;

/* How many elements v has for each entry of the axis; 0: not constant, or too many. */
static int64_t entry_size(const Value *v, int cut) {
  int64_t n = 1, d;
  for (int a = 0; a < v->type->rank; a++) {
    if (a == cut) continue;
    if (!dim_is_const(v->type->dim[a], &d) || d > MAX_AXIS) return 0;
    n *= d;
  }
  return n <= MAX_ENTRY ? n : 0;
}

static bool lane_op(const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_MAP: return true;
  case FAM_CONTRACT: return true;
  case FAM_REDUCE: return true;
  case FAM_VIEW: return op->code != OP_set_slice;
  default: return op->code == OP_iota || op->code == OP_gather || op_is_scatter(op) || op->code == OP_linrec;
  }
}

/* Indices known only at run time pick from what is in memory. */
static bool indexes_memory(const Strip *s, const Item *it) {
  if (it->op->code != OP_gather) return true;
  const Item *m = maker(s, it->op->opd[0]);
  return it->opd[0] < 0 || !m || m->role == ROLE_NONE;
}

static bool fits_lane(const Strip *s, const Item *it) {
  const Op *op = it->op;
  if (!lane_op(op) || !indexes_memory(s, it)) return false;
  if (!op_is_scatter(op) && !entry_size(op->res[0], it->axis)) return false;
  for (int k = 0; k < op->nopd; k++)
    if ((it->opd[k] >= 0 || op->code == OP_contract) && !entry_size(op->opd[k], it->opd[k])) return false;
  return true;
}

static bool breaks_loops(const Op *op) {
  return op->code == OP_concat || op->code == OP_linrec || op->code == OP_embed || op_info[op->code].family == FAM_REDUCE ||
         op->code == OP_contract;
}

/* gain: values that would be stored between loops otherwise; size: elements that an iteration computes. */
static Worth worth(const Strip *s, int stage) {
  Worth w = {0, 0};
  for (int i = 0; i < s->n; i++) {
    const Item *it = &s->item[i];
    if (it->role == ROLE_NONE || it->free || it->stage != stage) continue;
    int64_t most = 1, made = op_is_scatter(it->op) ? 1 : entry_size(it->op->res[0], it->axis);
    if (made > most) most = made;
    for (int k = 0; k < it->op->nopd; k++) {
      int64_t n = it->opd[k] >= 0 ? entry_size(it->op->opd[k], it->opd[k]) : 1;
      if (n > most) most = n;
    }
    w.size += most;
    w.gain += most > 1 && breaks_loops(it->op);
  }
  return w;
}

/* Cutting one stage of a class and not the next would store between them what both could have at hand. */
static int strip_stages_in_lanes(Strip *s) {
  int stages = strip_stages(s, fits_lane), made = 0;
  int64_t gain = 0;
  for (int t = 0; t < stages; t++) gain += worth(s, t).gain;
  if (gain < MIN_GAIN) return 0;
  for (int t = 0; t < stages; t++) {
    Worth w = worth(s, t);
    if (w.size < 3 || w.size > MAX_BODY) continue;
    if (!made++) strip_order(s);
    strip_loop(s, t, 1, true);
  }
  return made;
}

/* True when a loop was made: what is known of the region holds no more. */
static bool strip_lanes(Func *f, Region *g) {
  Strip s = strip_open(f, g);
  for (int i = 0; i < s.n; i++) {
    const Op *op = s.item[i].op;
    for (int a = 0; op->nres == 1 && degree(op->res[0]->type) == 1 && a < op->res[0]->type->rank; a++) {
      if (!strip_can_begin(&s, op->res[0], a)) continue;
      strip_along(&s, op->res[0], a);
      if (strip_stages_in_lanes(&s)) return true;
    }
  }
  return false;
}

/* Some value has a long axis and another one; what was looked at costs fuel, so that huge functions are left as they are. */
static bool may_gain(const Func *f, const Region *g, int64_t *fuel) {
  int64_t n = 0, found = 0;
  for (const Op *op = g->first; op; op = op->next, n++)
    found += op->nres == 1 && op->res[0]->type->rank > 1 && degree(op->res[0]->type) > 0;
  *fuel -= n;
  if (!found || *fuel < found * (n + f->nvalue / 8)) return false;
  *fuel -= found * (n + f->nvalue / 8);
  return true;
}

static bool strip_region(Func *f, Region *g, int64_t *fuel) {
  if (may_gain(f, g, fuel) && (strip_lanes(f, g) || strip_blocks(f, g))) return true;
  for (Op *op = g->first; op; op = op->next)
    for (int i = 0; i < op->nreg; i++)
      if (strip_region(f, op->reg[i], fuel)) return true;
  return false;
}

void pass_strip(Func *f) {
  int64_t fuel = FUEL;
  while (strip_region(f, f->body, &fuel)) pass_dce(f);
  strip_ranges(f);
  strip_read_back(f, f->body);
  strip_columns(f);
}
