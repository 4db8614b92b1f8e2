/* band.c - triangles and bands: where a tensor is zero, and where nobody wants it, by how far one of its indices is beyond another.
 *
 * Requires: a verified function.  Ensures: what is said holds for every element; what is not recognised is said to be nonzero and wanted.
 *
 * Masks are where such facts come from: `if i > j then x[i, j] else 0` selects by a comparison of two counters.  A fact is a number t:
 * wherever index a is greater than index b by more than t, the elements are zero (or false, or true, or not wanted). */
#include "codegen/plan.h"

enum { FUEL = 400 }; /* values looked at for one fact */

typedef enum { IS_ZERO, IS_FALSE, IS_TRUE } Fact;

static int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }
static int64_t most(int64_t x, int64_t y) { return x > y ? x : y; }

static int64_t shifted(int64_t t, int64_t by) {
  if (t == EDGE_NONE || t == EDGE_ALL) return t;
  return __builtin_add_overflow(t, by, &t) || t == EDGE_ALL ? EDGE_NONE : t;
}

/* ---- through views -------------------------------------------------------------------------------------------------------- */

/* The axis of operand k that a label, or none, is. */
static int labelled(const Op *op, int k, int l) {
  for (int i = 0; l >= 0 && i < op->opd[k]->type->rank; i++)
    if (op->u.contract.opd[k][i] == l) return i;
  return -1;
}

static int label_of(const Op *op, int axis) { return axis < 0 ? -1 : op->u.contract.out[axis]; }

/* By how much the first index lies further than the second in memory that a slice, or a set_slice, is of. */
static bool offset(const Op *op, int a, int b, int64_t *by) {
  int64_t i, j;
  if (a < 0 || b < 0 || op->u.slice.stride[a] != 1 || op->u.slice.stride[b] != 1) return false;
  if (op->u.slice.start[a] == op->u.slice.start[b]) return *by = 0, true;
  if (!dim_is_const(op->u.slice.start[a], &i) || !dim_is_const(op->u.slice.start[b], &j)) return false;
  return !__builtin_sub_overflow(i, j, by);
}

/* ---- counters ------------------------------------------------------------------------------------------------------------- */

/* a * index a + b * index b + c */
typedef struct Line { int64_t a, b, c; } Line;

static bool line(const Value *v, int a, int b, int *fuel, Line *l);

static bool combine(const Op *op, int a, int b, int *fuel, Line *l) {
  Line x, y;
  if (!line(op->opd[0], a, b, fuel, &x) || !line(op->opd[1], a, b, fuel, &y)) return false;
  if (op->code == OP_mul) {
    if (x.a || x.b) {
      Line z = x;
      x = y, y = z;
    }
    return !x.a && !x.b && !__builtin_mul_overflow(x.c, y.a, &l->a) && !__builtin_mul_overflow(x.c, y.b, &l->b) &&
           !__builtin_mul_overflow(x.c, y.c, &l->c);
  }
  if (op->code == OP_sub)
    return !__builtin_sub_overflow(x.a, y.a, &l->a) && !__builtin_sub_overflow(x.b, y.b, &l->b) && !__builtin_sub_overflow(x.c, y.c, &l->c);
  return !__builtin_add_overflow(x.a, y.a, &l->a) && !__builtin_add_overflow(x.b, y.b, &l->b) && !__builtin_add_overflow(x.c, y.c, &l->c);
}

static bool line(const Value *v, int a, int b, int *fuel, Line *l) {
  const Op *op = v->def;
  *l = (Line){0, 0, 0};
  if (!op || !elem_is_int(v->type->elem) || --*fuel < 0) return false;
  switch (op->code) {
  case OP_const: return l->c = op->u.cst.i, true;
  case OP_dim: return dim_is_const(op->u.dim, &l->c);
  case OP_iota:
    l->a = op->u.axis == a;
    l->b = op->u.axis == b;
    return l->a || l->b;
  case OP_contract:
    return op->nopd == 1 && !op_has_sum(op) &&
           line(op->opd[0], labelled(op, 0, label_of(op, a)), labelled(op, 0, label_of(op, b)), fuel, l);
  case OP_add:
  case OP_sub:
  case OP_mul: return combine(op, a, b, fuel, l);
  default: return false;
  }
}

/* A comparison of lines, of which only the distance of the indices matters. */
static int64_t compared(const Op *op, int a, int b, Fact f, int *fuel) {
  Line x, y;
  if (!line(op->opd[0], a, b, fuel, &x) || !line(op->opd[1], a, b, fuel, &y)) return EDGE_NONE;
  Opcode code = op->code;
  if (code == OP_gt || code == OP_ge) {
    Line z = x;
    x = y, y = z;
    code = code == OP_gt ? OP_lt : OP_le;
  }
  int64_t c, p = x.a - y.a; /* p * distance + c, compared with 0 */
  if ((p != 1 && p != -1) || x.b - y.b != -p || __builtin_sub_overflow(x.c, y.c, &c)) return EDGE_NONE;
  if (c > INT32_MAX || c < -INT32_MAX) return EDGE_NONE;
  switch (code) {
  case OP_lt: return f == IS_FALSE ? (p > 0 ? -c - 1 : EDGE_NONE) : p < 0 ? c : EDGE_NONE;
  case OP_le: return f == IS_FALSE ? (p > 0 ? -c : EDGE_NONE) : p < 0 ? c - 1 : EDGE_NONE;
  case OP_eq: return f == IS_FALSE ? -p * c : EDGE_NONE;
  default: return f == IS_TRUE ? -p * c : EDGE_NONE;
  }
}

/* ---- where a value is zero, false or true --------------------------------------------------------------------------------- */

static int64_t beyond(Plan *p, const Value *v, int a, int b, Fact f, int *fuel);

static int64_t operand(Plan *p, const Op *op, int k, int a, int b, Fact f, int *fuel) { return beyond(p, op->opd[k], a, b, f, fuel); }

static int64_t selected(Plan *p, const Op *op, int a, int b, Fact f, int *fuel) {
  int64_t x = least(operand(p, op, 0, a, b, IS_FALSE, fuel), operand(p, op, 1, a, b, f, fuel));
  return most(x, least(operand(p, op, 0, a, b, IS_TRUE, fuel), operand(p, op, 2, a, b, f, fuel)));
}

static int64_t is_constant(const Op *op, Fact f) {
  bool real = elem_is_real(op->res[0]->type->elem);
  return (f == IS_ZERO ? (real ? op->u.cst.f == 0 : op->u.cst.i == 0) : (op->u.cst.i != 0) == (f == IS_TRUE)) ? EDGE_ALL : EDGE_NONE;
}

/* A masked gather reads zeros where the mask is false. */
static int64_t gathered(Plan *p, const Op *op, int a, int b, int *fuel) {
  int rank = op->opd[1]->type->rank;
  return op->u.index.masked && a < rank && b < rank ? operand(p, op, op->nopd - 1, a, b, IS_FALSE, fuel) : EDGE_NONE;
}

static int64_t beyond(Plan *p, const Value *v, int a, int b, Fact f, int *fuel) {
  const Op *op = v->def;
  if (!op || --*fuel < 0) return EDGE_NONE;
  Fact other = f == IS_TRUE ? IS_FALSE : IS_TRUE;
  int64_t by;
  switch (op->code) {
  case OP_const: return is_constant(op, f);
  case OP_contract:
    if (op->nopd != 1 || op_has_sum(op)) return EDGE_NONE;
    return operand(p, op, 0, labelled(op, 0, label_of(op, a)), labelled(op, 0, label_of(op, b)), f, fuel);
  case OP_slice: return offset(op, a, b, &by) ? shifted(operand(p, op, 0, a, b, f, fuel), -by) : EDGE_NONE;
  case OP_select: return selected(p, op, a, b, f, fuel);
  case OP_gather: return f == IS_ZERO ? gathered(p, op, a, b, fuel) : EDGE_NONE;
  case OP_neg:
  case OP_stop_gradient: return operand(p, op, 0, a, b, f, fuel);
  case OP_mulz: return least(operand(p, op, 0, a, b, f, fuel), operand(p, op, 1, a, b, f, fuel));
  case OP_add:
  case OP_sub: return most(operand(p, op, 0, a, b, f, fuel), operand(p, op, 1, a, b, f, fuel));
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge:
  case OP_eq:
  case OP_ne: return compared(op, a, b, f, fuel);
  case OP_not: return operand(p, op, 0, a, b, other, fuel);
  case OP_and:
  case OP_or: {
    int64_t x = operand(p, op, 0, a, b, f, fuel), y = operand(p, op, 1, a, b, f, fuel);
    return (op->code == OP_and) == (f == IS_FALSE) ? least(x, y) : most(x, y);
  }
  default: return EDGE_NONE;
  }
}

int64_t zero_beyond(Plan *p, const Value *v, int a, int b) {
  int fuel = FUEL;
  return beyond(p, v, a, b, IS_ZERO, &fuel);
}

/* ---- where a value is wanted ---------------------------------------------------------------------------------------------- */

typedef struct Use { Op *op; const Region *region; int k; struct Use *next; } Use; /* op NULL: the region's result k */

static void note(Plan *p, Use **use, const Value *v, Op *op, const Region *r, int k) {
  Use *u = NEW(p->ctx->arena, Use);
  *u = (Use){op, r, k, use[v->id]};
  use[v->id] = u;
}

static void note_uses(Plan *p, Use **use, const Region *r) {
  for (Op *op = r->first; op; op = op->next) {
    for (int k = 0; k < op->nopd; k++) note(p, use, op->opd[k], op, r, k);
    for (int i = 0; i < op->nreg; i++) note_uses(p, use, op->reg[i]);
  }
  for (int i = 0; i < r->nres; i++) note(p, use, r->res[i], NULL, r, i);
}

typedef struct Wanted {
  Plan *p;
  Use **use;
  int *busy; /* by value: the indices of which this is being found out; 0: it is not */
} Wanted;

static int64_t wanted(Wanted *w, const Value *v, int a, int b, int *fuel);

/* Whatever of it is wanted in any turn, or afterwards. */
static int64_t wanted_carried(Wanted *w, const Op *loop, int k, int a, int b, int *fuel) {
  int64_t t = wanted(w, loop->res[k], a, b, fuel);
  for (int r = 0; r < loop->nreg; r++) t = most(t, wanted(w, carried(loop, r, k), a, b, fuel));
  return t;
}

static int64_t wanted_result(Wanted *w, const Use *u, int a, int b, int *fuel) {
  const Op *of = u->region->parent;
  if (!of || of->nres <= u->k) return EDGE_NONE;
  if (of->code == OP_if) return wanted(w, of->res[u->k], a, b, fuel);
  if (of->code == OP_while && u->region == of->reg[0]) return EDGE_NONE;
  return op_is_loop(of) ? wanted_carried(w, of, u->k, a, b, fuel) : EDGE_NONE;
}

static int axis_with(const Op *op, int l) {
  for (int i = 0; i < op->res[0]->type->rank; i++)
    if (op->u.contract.out[i] == l) return i;
  return -1;
}

static int64_t wanted_by(Wanted *w, const Use *u, int a, int b, int *fuel) {
  const Op *op = u->op;
  int64_t by;
  if (!op) return wanted_result(w, u, a, b, fuel);
  if (op_is_loop(op)) return u->k < loop_ninit(op) ? EDGE_NONE : wanted_carried(w, op, u->k - loop_ninit(op), a, b, fuel);
  if (op->nres != 1 || op->nreg) return EDGE_NONE;
  int64_t all = EDGE_NONE;
  switch (op->code) {
  case OP_select:
    if (u->k) all = beyond(w->p, op->opd[0], a, b, u->k == 1 ? IS_FALSE : IS_TRUE, fuel);
    break;
  case OP_mulz: all = beyond(w->p, op->opd[!u->k], a, b, IS_ZERO, fuel); break;
  case OP_scatter_add:
    return u->k == 0 && op->u.index.masked && a < op->opd[1]->type->rank && b < op->opd[1]->type->rank
               ? beyond(w->p, op->opd[op->nopd - 1], a, b, IS_FALSE, fuel)
               : EDGE_NONE;
  case OP_contract:
    if (op->nopd == 1) {
      int i = axis_with(op, op->u.contract.opd[0][a]), j = axis_with(op, op->u.contract.opd[0][b]);
      return i >= 0 && j >= 0 ? wanted(w, op->res[0], i, j, fuel) : EDGE_NONE;
    }
    return EDGE_NONE;
  case OP_slice: return offset(op, a, b, &by) && by == 0 ? wanted(w, op->res[0], a, b, fuel) : EDGE_NONE;
  case OP_set_slice: return u->k == 0 || (offset(op, a, b, &by) && by == 0) ? wanted(w, op->res[0], a, b, fuel) : EDGE_NONE;
  default:
    if (op_info[op->code].family != FAM_MAP) return EDGE_NONE;
  }
  return least(all, wanted(w, op->res[0], a, b, fuel));
}

static int64_t wanted(Wanted *w, const Value *v, int a, int b, int *fuel) {
  if (--*fuel < 0) return EDGE_NONE;
  int asked = 1 + a * MAX_RANK + b;
  /* In a circle nobody wants more than those outside of it, if it leaves the indices as they are. */
  if (w->busy[v->id]) return w->busy[v->id] == asked ? EDGE_ALL : EDGE_NONE;
  int64_t t = EDGE_ALL;
  w->busy[v->id] = asked;
  for (const Use *u = w->use[v->id]; u && t != EDGE_NONE; u = u->next) t = most(t, wanted_by(w, u, a, b, fuel));
  w->busy[v->id] = 0;
  return t;
}

int64_t unwanted_beyond(Plan *p, const Value *v, int a, int b) {
  Plan *root = p->root;
  if (!root->use) {
    root->use = NEW_N(p->ctx->arena, Use *, p->f->nvalue + 1);
    note_uses(p, root->use, p->f->body);
  }
  Wanted w = {p, root->use, NEW_N(p->ctx->arena, int, p->f->nvalue + 1)};
  int fuel = FUEL;
  return wanted(&w, v, a, b, &fuel);
}
