/* lanes.c - loops whose iterations are independent and small enough for registers: many are computed side by side.
 *
 * Requires: a verified function.  Ensures: of a loop in lanes, what is computed in an iteration is made of values of small constant
 * shape, at constant indices; what leaves it does so through one operation for each carried value. */
#include "codegen/plan.h"

enum { MAX_ELEMENTS = 1024, MAX_FOLD = 64 };

static bool is_small(const Type *t, int64_t most) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) {
    if (!dim_is_const(t->dim[a], &d) || d > most) return false;
    n *= d;
  }
  return n <= most;
}

bool picks_by_numbers(const Op *op) {
  bool from_result = op->code == OP_scatter_add;
  int first = op->code == OP_gather || from_result ? 1 : 2;
  const Type *t = from_result ? op->res[0]->type : op->opd[0]->type;
  int64_t at, extent;
  for (int i = 0; i < op->u.index.naxis; i++)
    if (!value_int(op->opd[first + i], &at) || !dim_is_const(t->dim[op->u.index.axis[i]], &extent) || at < 0 || at >= extent) return false;
  return !op->u.index.masked;
}

static bool can_compute(const Op *op, const Region *body) {
  const Op *x;
  switch (op_info[op->code].family) {
  case FAM_MAP: return true;
  case FAM_SOURCE: return op->code != OP_sym || op->opd[0] == body->param[0];
  case FAM_CONTRACT:
    for (int k = 0; k < op->nopd; k++)
      if (!is_small(op->opd[k]->type, MAX_ELEMENTS)) return false;
    return true;
  case FAM_REDUCE: return is_small(op->opd[0]->type, MAX_ELEMENTS);
  case FAM_SCAN: return op->code == OP_linrec;
  case FAM_VIEW: return op->code != OP_set_slice;
  case FAM_INDEX:
    if (picks_by_numbers(op)) return true;
    x = op->opd[0]->def;
    while (x && x->parent == body && x->code == OP_slice) x = x->opd[0]->def;
    return op->code == OP_gather && (!x || x->parent != body);
  default: return false;
  }
}

LaneExit lane_exit(const Op *loop, int k) {
  LaneExit x = {.kind = LANE_NONE, .held = loop->reg[0]->param[1 + k]};
  const Value *next = loop->reg[0]->res[k];
  x.op = next->def;
  if (!x.op || x.op->parent != loop->reg[0] || !x.op->nopd || x.op->opd[0] != x.held) return x;
  if (x.op->code == OP_set_slice) x.kind = LANE_SET;
  else if (x.op->code == OP_scatter_acc) x.kind = LANE_SCATTER;
  else if (op_is_fold(x.op->code) && is_small(next->type, MAX_FOLD)) x.kind = LANE_FOLD;
  return x;
}

/* The old entries, just where the new ones will be set. */
static bool reads_in_place(const Op *op, const LaneExit *x) {
  if (!x || x->kind != LANE_SET || op->code != OP_slice || op->res[0]->type != x->op->opd[1]->type) return false;
  for (int a = 0; a < op->res[0]->type->rank; a++)
    if (op->u.slice.stride[a] != 1 || op->u.slice.start[a] != x->op->u.slice.start[a]) return false;
  return true;
}

static int uses_in(const Region *r, const Value *v, const LaneExit *x) {
  int n = 0;
  for (const Op *op = r->first; op; op = op->next)
    for (int k = 0; k < op->nopd; k++) n += op->opd[k] == v && !reads_in_place(op, x);
  for (int i = 0; i < r->nres; i++) n += r->res[i] == v;
  return n;
}

bool fits_lanes(const Op *op) {
  if (op->code != OP_for || !op->u.loop.parallel || !op->nres) return false;
  const Region *body = op->reg[0];
  for (int k = 0; k < op->nres; k++) {
    LaneExit x = lane_exit(op, k);
    if (x.kind == LANE_NONE || uses_in(body, x.held, &x) != 1 || uses_in(body, x.op->res[0], NULL) != 1) return false;
    if (!is_small(x.op->opd[1]->type, MAX_ELEMENTS)) return false;
  }
  for (const Op *in = body->first; in; in = in->next) {
    bool exit = false;
    for (int k = 0; k < op->nres; k++) exit |= lane_exit(op, k).op == in;
    if (!exit && (in->nreg || in->nres != 1 || !can_compute(in, body) || !is_small(in->res[0]->type, MAX_ELEMENTS))) return false;
  }
  return true;
}

bool shows_nan(const Plan *p, const Op *loop, bool inverses) {
  bool *from = NEW_N(p->ctx->arena, bool, p->f->nvalue), any = false;
  for (const Op *op = loop->reg[0]->first; op; op = op->next) {
    bool is = op->code == OP_mulz || (inverses && op->nres == 1 && p->value[op->res[0]->id].by_inverse);
    any |= is;
    for (int k = 0; k < op->nopd; k++) {
      is |= from[op->opd[k]->id];
      if (from[op->opd[k]->id] && !passes_nan(op)) return false;
    }
    for (int k = 0; k < op->nres; k++) from[op->res[k]->id] = is;
  }
  return any;
}

bool lane_reads_held(const Op *loop, int k) { return uses_in(loop->reg[0], loop->reg[0]->param[1 + k], NULL) > 1; }

bool in_lanes(const Plan *p, const Region *r) {
  return r->parent && r->parent->nres && p->value[r->parent->res[0]->id].lanes;
}

/* ---- divisors ----------------------------------------------------------------------------------------------------------- */

static int64_t elements(const Type *t) {
  int64_t n = 1, d;
  for (int a = 0; a < t->rank; a++) n *= dim_is_const(t->dim[a], &d) ? d : 1;
  return n;
}

/* What a divisor is a broadcast of. */
static const Value *divisor_of(const Op *div) {
  const Value *v = div->opd[1];
  for (const Op *op = v->def; op && op->nopd == 1; op = v->def) {
    if (op->code != OP_reshape && (op->code != OP_contract || op_has_sum(op))) break;
    v = op->opd[0];
  }
  return v;
}

int64_t lane_work(const Op *loop) {
  int64_t n = 0;
  for (const Op *op = loop->reg[0]->first; op; op = op->next)
    if (op_info[op->code].family == FAM_MAP && elem_is_real(op->opd[op->nopd - 1]->type->elem)) n += elements(op->res[0]->type);
  return n;
}

static bool is_quotient(const Op *op) { return op->code == OP_div && elem_is_real(op->res[0]->type->elem); }

/* Dividing takes as long as a dozen products. */
static void mark_divisors(Plan *p, const Region *body) {
  int64_t *quotients = NEW_N(p->ctx->arena, int64_t, p->f->nvalue);
  for (const Op *op = body->first; op; op = op->next)
    if (is_quotient(op)) quotients[divisor_of(op)->id] += elements(op->res[0]->type);
  for (const Op *op = body->first; op; op = op->next) {
    if (!is_quotient(op)) continue;
    const Value *y = divisor_of(op);
    p->value[op->res[0]->id].by_inverse = (y->def && y->def->code == OP_const) || quotients[y->id] > elements(y->type);
  }
}

static void mark(Plan *p, const Region *r) {
  if (!p->grain) mark_divisors(p, r);
  for (const Op *op = r->first; op; op = op->next) {
    if (fits_lanes(op)) {
      p->value[op->res[0]->id].lanes = true;
      mark_divisors(p, op->reg[0]);
    } else
      for (int i = 0; i < op->nreg; i++) mark(p, op->reg[i]);
  }
}

void plan_lanes(Plan *p) { mark(p, p->f->body); }
