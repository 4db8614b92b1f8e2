/* overwrite.c - loops that set every entry of a tensor that they carry, or every entry that is read of it, as those do that fill a
 * tape.
 * Ensures: where loop_overwrites or loop_begins_unseen says so, what the tensor held before does not matter. */
#include "ir/internal.h"

static bool is_int(const Value *v, int64_t x) {
  int64_t n;
  return value_int(v, &n) && n == x;
}

static Ctx *ctx_of(const Op *loop) { return loop->reg[0]->func->module->ctx; }

/* NULL: it is no dimension. */
static Dim *dim_of(Ctx *c, const Value *v) {
  const Op *op = v->def;
  int64_t n;
  if (value_int(v, &n)) return dim_const(c, n);
  return op && op->code == OP_dim ? op->u.dim : op && op->code == OP_sym ? dim_sym(c, op->u.sym) : NULL;
}

/* An index as sign * i + offset, i being the loop's. */
typedef struct Line { int sign; Dim *offset; } Line;

static Line line_of(Ctx *c, const Op *loop, const Value *v) {
  const Op *op = v->def;
  Line none = {0, NULL};
  if (v == loop->reg[0]->param[0]) return (Line){1, dim_const(c, 0)};
  if (!op) return none;
  if (op->code == OP_floordiv && (is_int(op->opd[1], 1) || is_int(op->opd[1], -1))) {
    Line x = line_of(c, loop, op->opd[0]);
    return is_int(op->opd[1], 1) || !x.sign ? x : (Line){-x.sign, dim_sub(c, dim_const(c, 0), x.offset)};
  }
  if (op->code != OP_add && op->code != OP_sub) return none;
  Line x = line_of(c, loop, op->opd[0]), y = line_of(c, loop, op->opd[1]);
  Dim *p = dim_of(c, op->opd[0]), *q = dim_of(c, op->opd[1]);
  int by = op->code == OP_add ? 1 : -1;
  if (x.sign && q) return (Line){x.sign, by > 0 ? dim_add(c, x.offset, q) : dim_sub(c, x.offset, q)};
  if (y.sign && p) return (Line){by * y.sign, by > 0 ? dim_add(c, p, y.offset) : dim_sub(c, p, y.offset)};
  return none;
}

/* The index v takes every value from 0 to the axis' length, without it: one end is hit first or last, and there are as many turns. */
static bool runs_over(const Op *loop, const Value *v, Dim *length) {
  Ctx *c = ctx_of(loop);
  Line x = line_of(c, loop, v);
  bool up = is_int(loop->opd[2], 1);
  Dim *lo = dim_of(c, loop->opd[0]), *hi = dim_of(c, loop->opd[1]);
  if (!x.sign || !x.offset || !lo || !hi || (!up && !is_int(loop->opd[2], -1))) return false;
  Dim *turns = up ? dim_sub(c, hi, lo) : dim_sub(c, lo, hi), *none = dim_const(c, 0);
  Dim *first = x.sign > 0 ? dim_add(c, lo, x.offset) : dim_sub(c, x.offset, lo);
  if (!turns || !first || (turns != length && dim_max(c, turns, none) != length)) return false;
  return first == (up == (x.sign > 0) ? none : dim_sub(c, turns, dim_const(c, 1)));
}

/* loop[0..depth): from the outermost; the last is the one looked at.  What it carries is read nowhere in between. */
static bool sets_all(const Op **loop, int depth, int k) {
  const Op *in = loop[depth - 1];
  if (in->code != OP_for || depth >= MAX_RANK) return false;
  const Region *body = in->reg[0];
  const Value *held = body->param[1 + k], *next = body->res[k];
  const Op *op = next->def;
  if (!op || op->parent != body || region_count_uses(body, held) != 1 || region_count_uses(body, next) != 1) return false;
  if (op->code == OP_for) {
    loop[depth] = op;
    int i = result_index(next);
    return op->opd[loop_ninit(op) + i] == held && sets_all(loop, depth + 1, i);
  }
  if (op->code != OP_set || op->opd[0] != held || op->u.index.naxis != depth) return false;
  for (int i = 0; i < depth; i++)
    if (op->u.index.axis[i] != i || !runs_over(loop[i], op->opd[2 + i], next->type->dim[i])) return false;
  return true;
}

bool loop_overwrites(const Op *op, int k) {
  const Op *loop[MAX_RANK + 1] = {op};
  return sets_all(loop, 1, k);
}

static bool is_broadcast_constant(const Value *v) {
  return v->def && v->def->code == OP_contract && v->def->nopd == 1 && v->def->opd[0]->def && v->def->opd[0]->def->code == OP_const;
}

/* A loop that was made of whole tensors sets every entry of what it begins with a constant. */
static bool sets_parts(const Op *loop, int k) {
  if (loop->code != OP_for || !loop->u.loop.parallel) return false;
  const Region *body = loop->reg[0];
  const Value *held = body->param[1 + k];
  const Op *set = body->res[k]->def;
  return set && set->parent == body && set->code == OP_set_slice && set->opd[0] == held && region_count_uses(body, held) == 1 &&
         is_broadcast_constant(loop->opd[loop_ninit(loop) + k]);
}

/* ---- places of which only those that were filled are read ------------------------------------------------------------------------ */

/* A carried int of a `while` that is 0 and one more after each turn. */
static int counter_of(const Op *loop, const Value *p) {
  const Region *body = loop->reg[1];
  for (int k = 0; k < loop->nres; k++) {
    const Op *next = body->res[k]->def;
    if (body->param[k] != p || !next || next->code != OP_add || next->opd[0] != p) continue;
    return is_int(next->opd[1], 1) && is_int(loop->opd[k], 0) ? k : -1;
  }
  return -1;
}

static const Op *binder_of(const Op *loop, const Value *v) {
  for (const Op *op = loop->next; op; op = op->next)
    if (op->code == OP_sym && op->opd[0] == v) return op;
  return NULL;
}

/* From the last turn to the first. */
static bool goes_back(const Op *loop, Dim *turns) {
  if (!loop || loop->code != OP_for || !is_int(loop->opd[1], -1) || !is_int(loop->opd[2], -1)) return false;
  Ctx *c = ctx_of(loop);
  return dim_of(c, loop->opd[0]) == dim_sub(c, turns, dim_const(c, 1));
}

static bool reads_turns(const Op *op, const Value *v, Dim *turns) {
  for (int i = 1; i < op->nopd; i++)
    if (op->opd[i] == v) return false;
  if (!op->nopd || op->opd[0] != v) return true;
  if (op->code != OP_gather || op->u.index.masked || op->u.index.axis[0] != 0) return false;
  const Value *at = op->opd[1];
  return !at->def && at == at->region->param[0] && goes_back(at->region->parent, turns);
}

static bool read_by_turns(const Region *g, const Value *v, Dim *turns) {
  for (int i = 0; i < g->nres; i++)
    if (g->res[i] == v) return false;
  for (const Op *op = g->first; op; op = op->next) {
    if (!reads_turns(op, v, turns)) return false;
    for (int r = 0; r < op->nreg; r++)
      if (!read_by_turns(op->reg[r], v, turns)) return false;
  }
  return true;
}

/* A `while` that sets, in each turn, the entry of that turn, of which loops behind it read those of the turns that there were. */
static bool sets_turns(const Op *loop, int k) {
  if (loop->code != OP_while) return false;
  const Region *body = loop->reg[1];
  const Value *held = body->param[k], *next = body->res[k];
  const Op *set = next->def;
  if (!set || set->parent != body || set->code != OP_set || set->opd[0] != held) return false;
  if (set->u.index.naxis != 1 || set->u.index.axis[0] != 0) return false;
  if (region_count_uses(body, held) != 1 || region_count_uses(body, next) != 1) return false;
  if (region_count_uses(loop->reg[0], loop->reg[0]->param[k])) return false;
  int counter = counter_of(loop, set->opd[2]);
  const Op *sym = counter >= 0 ? binder_of(loop, loop->res[counter]) : NULL;
  return sym && read_by_turns(loop->parent, loop->res[k], dim_sym(body->func->module->ctx, sym->u.sym));
}

bool loop_begins_unseen(const Op *loop, int k) { return sets_parts(loop, k) || sets_turns(loop, k) || loop_overwrites(loop, k); }
