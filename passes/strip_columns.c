/* strip_columns.c - what an inner loop in lanes walks along lies in columns.
 *
 * Lanes want the same number of many iterations in one piece, and a tensor of points has the numbers of one side by side.  Where another
 * loop around comes by again and again, for other points, it is worth a copy:
 *
 *     for i … (acc) do                                        x' = transpose x: f64[3, n]
 *       for j … {parallel} (acc) do                           for i … (acc') do
 *         slice x {j, 0}: f64[1, 3] …                 ═►        for j … {parallel} (acc') do
 *         set_slice acc, … {j, 0}                                 slice x' {0, j}: f64[3, 1] …
 *                                                                 set_slice acc', … {0, j}
 *                                                             acc = transpose acc'
 *
 * Requires: loops made by strips.  Ensures: no result changes.  Code generation stores such a transpose (place.c). */
#include "passes/strip.h"

enum { MOST_COLUMNS = 16 };

typedef struct Columns {
  Func *f;
  Op *loop;      /* in lanes, in a loop */
  Dim *index;    /* its counter; NULL: it has no name */
  Value **turned; /* by value id: the transpose; NULL: there is none yet */
  int nvalue;
} Columns;

static Dim *index_of(Ctx *c, const Op *loop) {
  for (const Op *op = loop->reg[0]->first; op; op = op->next)
    if (op->code == OP_sym && op->opd[0] == loop->reg[0]->param[0]) return dim_sym(c, op->u.sym);
  return NULL;
}

/* A tensor of a few numbers, of type t, an entry, which the window of `op` has of it. */
static bool is_row(const Columns *k, const Op *op, const Type *whole, const Type *part) {
  int64_t d, n = 1;
  if (whole->rank < 2 || degree(whole) != 1 || dim_is_const(whole->dim[0], &d)) return false;
  for (int a = 0; a < whole->rank; a++) {
    if (op->u.slice.stride[a] != 1 || op->u.slice.start[a] != (a ? dim_const(k->f->module->ctx, 0) : k->index)) return false;
    if (a && (part->dim[a] != whole->dim[a] || !dim_is_const(whole->dim[a], &d) || d > MOST_COLUMNS)) return false;
    if (a) n *= d;
  }
  return dim_is(part->dim[0], 1) && n > 1 && n <= MOST_COLUMNS;
}

static bool reads_row(const Columns *k, const Op *op) {
  return op->code == OP_slice && is_row(k, op, op->opd[0]->type, op->res[0]->type);
}

static void start_turned(const Op *op, Dim **start, int64_t *stride, int rank) {
  for (int a = 0; a < rank; a++) {
    start[a] = op->u.slice.start[(a + 1) % rank];
    stride[a] = 1;
  }
}

/* The entry that `op` reads, from the columns. */
static void read_column(Columns *k, Op *op, Value *columns) {
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  Builder b = {.ctx = k->f->module->ctx, .func = k->f, .region = op->parent, .before = op, .loc = op->loc};
  start_turned(op, start, stride, columns->type->rank);
  Value *x = b_slice(&b, columns, start, stride, turned_type(b.ctx, op->res[0]->type, 0)->dim);
  region_replace_uses(op->parent, op->res[0], turn_back(&b, x, 0));
  op_remove(op);
}

/* ---- what is only read ---------------------------------------------------------------------------------------------------- */

static Value *columns_of(Columns *k, Value *v) {
  if (v->id >= k->nvalue) return NULL;
  if (k->turned[v->id]) return k->turned[v->id];
  Op *before = k->loop;
  while (before->parent != region_of(v)) before = before->parent->parent;
  Builder b = {.ctx = k->f->module->ctx, .func = k->f, .region = before->parent, .before = before, .loc = before->loc};
  return k->turned[v->id] = turn(&b, v, 0);
}

static void turn_reads(Columns *k) {
  const Region *around = k->loop->parent;
  for_each_op(op, k->loop->reg[0]) {
    if (!reads_row(k, op) || region_within(region_of(op->opd[0]), around)) continue;
    Value *columns = columns_of(k, op->opd[0]);
    if (columns) read_column(k, op, columns);
  }
}

/* ---- what both loops carry ------------------------------------------------------------------------------------------------ */

/* The loop's k-th value is its entries, read and set, and it goes round in the loop around as it is. */
static bool goes_round(const Columns *c, int k, int *outer) {
  const Op *loop = c->loop, *around = loop->parent->parent;
  const Region *body = loop->reg[0];
  const Value *held = body->param[1 + k], *init = loop->opd[loop_ninit(loop) + k];
  const Op *set = body->res[k]->def;
  if (around->code != OP_for || init->region != around->reg[0] || init == around->reg[0]->param[0]) return false;
  if (!set || set->parent != body || set->code != OP_set_slice || set->opd[0] != held || !is_row(c, set, held->type, set->opd[1]->type))
    return false;
  int uses = 1;
  for (const Op *op = body->first; op; op = op->next) uses += reads_row(c, op) && op->opd[0] == held;
  if (region_count_uses(body, held) != uses || region_count_uses(body, set->res[0]) != 1) return false;
  for (*outer = 0; around->reg[0]->param[1 + *outer] != init;) ++*outer;
  return around->reg[0]->res[*outer] == loop->res[k] && region_count_uses(around->reg[0], init) == 1 &&
         region_count_uses(around->reg[0], loop->res[k]) == 1;
}

static void turn_carried(Columns *c, int k, int outer) {
  Ctx *ctx = c->f->module->ctx;
  Op *loop = c->loop, *around = loop->parent->parent;
  Region *body = loop->reg[0];
  Value *held = body->param[1 + k], **init = &around->opd[loop_ninit(around) + outer], *out = around->res[outer];
  Type *t = turned_type(ctx, held->type, 0);
  Builder b = {.ctx = ctx, .func = c->f, .region = around->parent, .before = around, .loc = around->loc};
  *init = is_splat(*init, 0) ? b_splat(&b, t, 0) : turn(&b, *init, 0);
  for_each_op(op, body)
    if (reads_row(c, op) && op->opd[0] == held) read_column(c, op, held);
  held->type = loop->res[k]->type = around->reg[0]->param[1 + outer]->type = out->type = t;
  Op *set = body->res[k]->def;
  Dim *start[MAX_RANK];
  int64_t stride[MAX_RANK];
  start_turned(set, start, stride, t->rank);
  Builder in = {.ctx = ctx, .func = c->f, .region = body, .before = set, .loc = set->loc};
  body->res[k] = b_set_slice(&in, held, turn(&in, set->opd[1], 0), start, stride);
  op_remove(set);
  b.before = around->next;
  Value *back = turn_back(&b, out, 0);
  region_replace_uses(around->parent, out, back);
  back->def->opd[0] = out;
}

/* ---- loops ----------------------------------------------------------------------------------------------------------------- */

/* Everything in it is a few numbers. */
static bool is_lane_loop(const Op *loop) {
  if (loop->code != OP_for || !loop->u.loop.parallel || !loop->nres) return false;
  for (const Op *op = loop->reg[0]->first; op; op = op->next) {
    bool leaves = op->nres == 1 && (op->code == OP_set_slice || op->code == OP_scatter_acc);
    if (op->nreg || op->nres != 1 || (!leaves && degree(op->res[0]->type))) return false;
  }
  return true;
}

static void in_region(Columns *k, Region *g, bool in_loop) {
  for_each_op(op, g) {
    for (int i = 0; i < op->nreg; i++) in_region(k, op->reg[i], op_is_loop(op));
    k->loop = op;
    if (!in_loop || !is_lane_loop(op)) continue;
    k->index = index_of(k->f->module->ctx, op);
    if (!k->index) continue;
    turn_reads(k);
    for (int i = 0, outer; i < op->nres; i++)
      if (goes_round(k, i, &outer)) turn_carried(k, i, outer);
  }
}

void strip_columns(Func *f) {
  Columns k = {.f = f, .nvalue = f->nvalue, .turned = NEW_N(f->module->ctx->arena, Value *, f->nvalue + 1)};
  in_region(&k, f->body, false);
}
