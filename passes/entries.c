/* entries.c - loops over entries: each iteration has one of its own of what the loop carries, or adds to it.
 *
 * Such iterations do not depend on each other, in whichever order the program does them. */
#include "passes/pass.h"

Dim *entries_count(Ctx *c, const Op *loop) {
  int64_t step;
  if (loop->code != OP_for || loop->u.loop.checkpoint || !splat_int(loop->opd[2], &step)) return NULL;
  Dim *lo = value_dim(c, loop->opd[0]), *hi = value_dim(c, loop->opd[1]);
  if (!lo || !hi) return NULL;
  if (step == 1 && dim_is(lo, 0)) return hi;
  return step == -1 && dim_is(hi, -1) ? dim_add(c, lo, dim_const(c, 1)) : NULL;
}

typedef struct User { const Op *op; int n, at; } User;

static User user_of(const Region *g, const Value *v) {
  User u = {NULL, 0, 0};
  for (const Op *op = g->first; op; op = op->next)
    for (int i = 0; i < op->nopd; i++)
      if (op->opd[i] == v) {
        u.op = op;
        u.at = i;
        u.n++;
      }
  return u;
}

/* What v is turned to, if that is the only use of it in g; NULL: it is not. */
static const Op *turned_once(const Region *g, const Value *v) {
  for (const Op *op = g->first; op; op = op->next)
    if (op->code == OP_contract && op->nopd == 1 && op->opd[0] == v && !op_has_sum(op)) return region_count_uses(g, v) == 1 ? op : NULL;
  return NULL;
}

/* Axis i of y's operand is that of x's result which x's operand's axis i became: y undoes x. */
static bool turns_back(const Op *x, const Op *y) {
  if (y->res[0]->type != x->opd[0]->type || x->res[0]->type->rank != x->opd[0]->type->rank) return false;
  for (int a = 0; a < x->res[0]->type->rank; a++)
    for (int b = 0; b < x->res[0]->type->rank; b++)
      if ((x->u.contract.out[b] == x->u.contract.opd[0][a]) != (y->u.contract.out[a] == y->u.contract.opd[0][b])) return false;
  return true;
}

/* v with something added to a slice of it, if that is all that happens to v in g; else NULL. */
static const Value *slice_grows(const Region *g, const Value *v) {
  const Op *cut = NULL, *put = NULL;
  for (const Op *op = g->first; op; op = op->next)
    if (op->nopd && op->opd[0] == v) *(op->code == OP_slice ? &cut : &put) = op;
  if (!cut || !put || put->code != OP_set_slice || region_count_uses(g, v) != 2 || region_count_uses(g, cut->res[0]) != 1) return NULL;
  const Op *turn = turned_once(g, cut->res[0]), *sum = put->opd[1]->def;
  const Value *part = turn ? turn->res[0] : cut->res[0];
  if (turn && (!sum || sum->code != OP_contract || sum->nopd != 1 || !turns_back(turn, sum))) return NULL;
  if (turn) sum = region_count_uses(g, put->opd[1]) == 1 ? sum->opd[0]->def : NULL;
  if (!sum || sum->code != OP_add || (sum->opd[0] == part) == (sum->opd[1] == part)) return NULL;
  if (region_count_uses(g, sum->res[0]) != 1 || part->type != sum->res[0]->type) return NULL;
  for (int a = 0; a < v->type->rank; a++)
    if (cut->u.slice.start[a] != put->u.slice.start[a] || cut->u.slice.stride[a] != put->u.slice.stride[a]) return NULL;
  return put->res[0];
}

static bool grows(const Region *g, const Value *v, const Value *end) {
  while (v != end) {
    const Value *next = slice_grows(g, v);
    if (next) {
      v = next;
      continue;
    }
    User u = user_of(g, v);
    if (u.n != 1 || region_count_uses(g, v) != 1) return false;
    int k = u.op->code == OP_for ? u.at - loop_ninit(u.op) : 0;
    if (u.op->code == OP_for && k >= 0) {
      const Region *body = u.op->reg[0];
      if (!grows(body, body->param[1 + k], body->res[k])) return false;
    } else if (u.op->code != OP_add && !((u.op->code == OP_sub || u.op->code == OP_scatter_acc) && u.at == 0))
      return false;
    v = u.op->res[k];
  }
  return region_count_uses(g, v) == 1;
}

bool entries_grow(const Op *loop, int k) { return grows(loop->reg[0], loop->reg[0]->param[1 + k], loop->reg[0]->res[k]); }

bool is_own_entry(const Op *loop, const Op *op) {
  int index = op->code == OP_gather ? 1 : 2;
  return op->u.index.naxis == 1 && op->u.index.axis[0] == 0 && !op->u.index.masked && op->opd[index] == loop->reg[0]->param[0];
}

Op *entries_set(const Op *loop, int k, Dim *n) {
  const Region *body = loop->reg[0];
  Value *held = body->param[1 + k], *next = body->res[k];
  Op *op = next->def;
  if (!op || op->parent != body || (op->code != OP_set && op->code != OP_scatter_acc) || op->opd[0] != held) return NULL;
  if (region_count_uses(body, next) != 1 || !is_own_entry(loop, op) || held->type->dim[0] != n) return NULL;
  int reads = 0;
  for (const Op *r = body->first; r; r = r->next) reads += r->code == OP_gather && r->opd[0] == held && is_own_entry(loop, r);
  return region_count_uses(body, held) == reads + 1 ? op : NULL;
}

bool region_has_loop(const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    if (op_is_loop(op)) return true;
    for (int i = 0; i < op->nreg; i++)
      if (region_has_loop(op->reg[i])) return true;
  }
  return false;
}

bool region_has_doubles(const Region *r) {
  for (const Op *op = r->first; op; op = op->next) {
    for (int k = 0; k < op->nres; k++)
      if (op->res[k]->type->elem == F64) return true;
    for (int i = 0; i < op->nreg; i++)
      if (region_has_doubles(op->reg[i])) return true;
  }
  return false;
}
