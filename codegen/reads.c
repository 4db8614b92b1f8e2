/* reads.c - what computing a value at the indices of some loops loads from memory.
 *
 * Requires: places (place.c).  Ensures: a unit's list of the stored values that it reads, each with the loop whose counter is its index
 * on each axis. */
#include "codegen/plan.h"
#include <string.h>

/* Values at the levels of their axes.  Without it a chain of values that each read the one before twice is a tree of paths. */
typedef struct SeenAt { const Value *v; int8_t level[MAX_RANK]; } SeenAt;
typedef struct Seen { SeenAt *at; int n, cap; } Seen;

static int slot_of(const Seen *s, const SeenAt *x) {
  uint64_t h = (uint64_t)x->v->id * UINT64_C(0x9E3779B97F4A7C15);
  for (int i = 0; i < x->v->type->rank; i++) h = (h ^ (uint8_t)x->level[i]) * UINT64_C(0x100000001B3);
  int i = (int)((h ^ h >> 32) & (unsigned)(s->cap - 1));
  while (s->at[i].v && memcmp(&s->at[i], x, sizeof *x) != 0) i = (i + 1) & (s->cap - 1);
  return i;
}

static void make_room(Arena *a, Seen *s) {
  Seen old = *s;
  s->cap = old.cap ? 2 * old.cap : 32;
  s->at = NEW_N(a, SeenAt, s->cap);
  for (int i = 0; i < old.cap; i++)
    if (old.at[i].v) s->at[slot_of(s, &old.at[i])] = old.at[i];
}

static bool seen_before(Arena *a, Seen *s, const Value *v, const int8_t *lev) {
  SeenAt x;
  memset(&x, 0, sizeof x);
  x.v = v;
  memcpy(x.level, lev, sizeof *lev * (size_t)v->type->rank);
  if (2 * s->n >= s->cap) make_room(a, s);
  SeenAt *at = &s->at[slot_of(s, &x)];
  if (at->v) return true;
  *at = x;
  s->n++;
  return false;
}

void read_anywhere(Plan *p, Unit *u, Value *v) {
  int8_t lev[MAX_RANK];
  memset(lev, LEVEL_OTHER, sizeof lev);
  read_at(p, u, v, lev);
}

bool slice_is_whole(const Op *op, int i) { return op->u.slice.stride[i] == 1 && dim_is(op->u.slice.start[i], 0); }

/* An integer that beyond the end of a tensor may be anything, or traps there. */
static bool makes_ints(const Op *op) {
  switch (op->code) {
  case OP_floordiv:
  case OP_mod:
  case OP_ipow:
  case OP_cast: return !elem_is_real(op->res[0]->type->elem) && op->res[0]->type->elem != BOOL;
  default: return op->code == OP_polygamma;
  }
}

static void read_row_at(Plan *p, Unit *u, Value *v, const int8_t *lev, const Value *row);

void read_op_at(Plan *p, Unit *u, Op *op, const int8_t *lev) {
  int8_t in[MAX_RANK];
  memset(in, LEVEL_OTHER, sizeof in);
  ReshapeMap map;
  u->ints |= makes_ints(op);
  switch (op->code) {
  case OP_contract:
    for (int k = 0; k < op->nopd; k++) {
      for (int i = 0; i < op->opd[k]->type->rank; i++)
        for (int j = 0; j < op->res[0]->type->rank; j++)
          if (op->u.contract.out[j] == op->u.contract.opd[k][i]) in[i] = lev[j];
      read_at(p, u, op->opd[k], in);
    }
    return;
  case OP_slice:
  case OP_embed:
    for (int i = 0; i < op->opd[0]->type->rank; i++)
      if (op->code == OP_slice && slice_is_whole(op, i)) in[i] = lev[i];
    read_at(p, u, op->opd[0], in);
    return;
  case OP_reshape:
    if (reshape_map(p->ctx, op->opd[0]->type, op->res[0]->type, &map))
      for (int i = 0; i < op->opd[0]->type->rank; i++)
        in[i] = map.n[i] == 1 ? lev[map.first[i]] : map.n[i] == 0 ? LEVEL_UNIT : LEVEL_OTHER;
    read_at(p, u, op->opd[0], in);
    return;
  case OP_gather: {
    u->gathers = true;
    int nidx = op->nopd - 1, rb = op->opd[1]->type->rank, next = rb;
    for (int k = 1; k <= nidx; k++) read_at(p, u, op->opd[k], lev);
    for (int i = 0; i < op->opd[0]->type->rank; i++) {
      int index = -1;
      for (int k = 0; k < op->u.index.naxis; k++)
        if (op->u.index.axis[k] == i) index = k;
      const Op *by = index < 0 ? NULL : op->opd[1 + index]->def;
      bool counts = by && by->code == OP_iota && lev[by->u.axis] >= 0;
      in[i] = index < 0 ? lev[next++] : counts ? lev[by->u.axis] : LEVEL_OTHER;
    }
    read_row_at(p, u, op->opd[0], in, op->u.index.axis[0] == 0 && rb == 0 ? op->opd[1] : NULL);
    return;
  }
  case OP_concat:
    memcpy(in, lev, sizeof in);
    for (int k = 0; k < op->nopd; k++) {
      if (k) in[op->u.axis] = LEVEL_OTHER;
      read_at(p, u, op->opd[k], in);
    }
    return;
  default:
    for (int k = 0; k < op->nopd; k++) read_at(p, u, op->opd[k], lev);
  }
}

void read_at(Plan *p, Unit *u, Value *v, const int8_t *lev) { read_row_at(p, u, v, lev, NULL); }

/* row: the index on the first axis, if that is a number. */
static void read_row_at(Plan *p, Unit *u, Value *v, const int8_t *lev, const Value *row) {
  if (!row && u->seen && seen_before(p->ctx->arena, u->seen, v, lev)) return;
  switch (p->value[v->id].place) {
  case PLACE_VIRTUAL: read_op_at(p, u, v->def, lev); return;
  case PLACE_CONST: return;
  case PLACE_PARAM:
    if (u->params) break;
    return;
  default: break;
  }
  if (!v->def && v->region == p->f->body && !u->params) return;
  Read *r = &PUSH(p->ctx->arena, u->read, u->nread, u->read_cap);
  *r = (Read){.v = v, .row = row};
  for (int i = 0; i < v->type->rank; i++) r->level[i] = dim_is(v->type->dim[i], 1) ? LEVEL_UNIT : lev[i];
}

void read_operands(Plan *p, Unit *u, const Op *op) {
  for (int k = 0; k < op->nopd; k++) {
    int8_t lev[MAX_RANK];
    for (int i = 0; i < op->opd[k]->type->rank; i++)
      lev[i] = u->level_of[op->code == OP_contract ? op->u.contract.opd[k][i] : i];
    read_at(p, u, op->opd[k], lev);
  }
}

Unit reads_anew(Plan *p, const Unit *u) {
  Unit x = *u;
  Seen seen = {0};
  x.params = true;
  x.seen = &seen;
  x.read = NULL;
  x.nread = x.read_cap = 0;
  if (u->kind == UNIT_REDUCE) read_operands(p, &x, u->op);
  else if (u->op) read_op_at(p, &x, u->op, u->level_of);
  else read_at(p, &x, u->v, u->level_of);
  x.seen = NULL;
  return x;
}
