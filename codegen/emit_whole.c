/* emit_whole.c - loops to the end of the last vector.
 *
 * Where loops are short their last vector is masked, and what reads it back soon, or only what lies behind it, as the next step of a
 * recurrence does, waits until the masked store is done.  Rows in slots, which are rounded up, have room for the whole vector if they
 * are alone there or padded.
 *
 * In a long function, whose loops are not short, there is the same room for another reason: what is left over behind the vectors would be
 * the loop once more, one by one, and half of what there is to compile.
 *
 *    x: f64[14]   |........|......--|     vectors of 8: the second one computes two elements that nobody reads
 *
 * Requires: nests whose innermost loops are not cut.  Ensures: what is read and written beyond the end is in the same slot, and reaches
 * no fold and nothing before the end. */
#include "codegen/nest.h"

/* Updates of different entries on some axis. */
static bool apart(const Op *a, const Op *b) {
  if (a->code == OP_set_slice || b->code == OP_set_slice) return false;
  for (int i = 0; i < a->u.index.naxis; i++)
    for (int j = 0; j < b->u.index.naxis; j++) {
      int64_t x, y;
      bool same_axis = a->u.index.axis[i] == b->u.index.axis[j];
      if (same_axis && value_int(a->opd[2 + i], &x) && value_int(b->opd[2 + j], &y) && x != y) return true;
    }
  return false;
}

/* Units after i in the nest may find in memory what i stores there: it cannot be stored later than they run. */
static bool met_again(const Nest *k, int i) {
  const Plan *p = k->e->p;
  const Unit *from = k->unit[i];
  for (int j = i + 1; j < k->n; j++) {
    const Unit *u = k->unit[j];
    bool both = from->kind == UNIT_UPDATE && u->kind == UNIT_UPDATE && same_memory(p, u->v, from->v) && apart(from->op, u->op);
    if (u->v && same_memory(p, u->v, from->v) && !both) return true;
    for (int r = 0; r < u->nread; r++) {
      const Value *v = u->read[r].v;
      bool in_register = v == from->v && from->kind == UNIT_STORE, elsewhere = both && v == u->op->opd[0];
      if (!in_register && !elsewhere && same_memory(p, v, from->v)) return true;
    }
  }
  return false;
}

/* It ends where the row does: behind a part of one lies the next part, not room. */
static bool fills_row(const Unit *u) {
  const Op *op = u->op;
  if (u->kind != UNIT_UPDATE || op->code != OP_set_slice) return true;
  int last = u->v->type->rank - 1;
  return op->opd[1]->type->dim[last] == u->v->type->dim[last];
}

bool nest_has_room(const Nest *k, int i) {
  const Unit *u = k->unit[i];
  if ((u->kind != UNIT_STORE && u->kind != UNIT_UPDATE) || u->dead || u->into || u->adds || !in_own_memory(k->e, u)) return false;
  const ValueInfo *info = &k->e->p->value[u->v->id];
  int rank = u->v->type->rank;
  if (info->slot < 0 || info->result >= 0 || info->in_parts || u->v->type->elem == BOOL || (rank > 1 && !info->padded)) return false;
  return u->place[rank - 1] == u->nlevel - 1 && fills_row(u) && !met_again(k, i);
}

/* Elements of a vector that all that is stored whole has room for; 0: nothing is. */
int nest_room(const Nest *k) {
  int least = 0;
  if (!few_turns(k->e) || k->e->g->o->opt_level < 2) return 0;
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    if (u->kind == UNIT_ADD || (u->kind == UNIT_REDUCE && (u->acc_level < 0 || u->acc_level >= u->nlevel))) return 0;
    int fit = nest_has_room(k, i) ? VECTOR_BYTES / (int)elem_size(u->v->type->elem) : 0;
    if (fit && (!least || fit < least)) least = fit;
  }
  return least;
}

static LLVMValueRef rounded_up(Emit *e, LLVMValueRef n, int lanes) {
  LLVMValueRef up = LLVMBuildNSWAdd(e->b, n, LLVMConstInt(e->g->i64, (unsigned)lanes - 1, false), "");
  return LLVMBuildAnd(e->b, up, LLVMConstInt(e->g->i64, (unsigned long long)-lanes, true), "");
}

/* The loop goes on to the end of the last vector, where it computes nothing: zeros are stored there, and nothing is folded in. */
void nest_whole_vectors(Nest *k, int level, int lanes) {
  Emit *e = k->e;
  LLVMValueRef n = dim_of(e, k->unit[0]->level[level]);
  Loop loop;
  Branch br;
  LLVMBasicBlockRef from[2];
  k->held = NEW_N(e->arena, LLVMValueRef, k->n);
  k->idx[level] = loop_begin(e, &loop, rounded_up(e, n, lanes));
  e->counter = loop.i;
  loop.parallel = e->in_parallel = k->parallel;
  from[0] = LLVMGetInsertBlock(e->b);
  if_begin(e, &br, LLVMBuildICmp(e->b, LLVMIntSLT, k->idx[level], n, ""));
  nest_innermost(k);
  from[1] = LLVMGetInsertBlock(e->b);
  if_end(e, &br);
  for (int i = 0; i < k->n; i++) {
    if (!k->held[i]) continue;
    bool folded = k->unit[i]->kind == UNIT_REDUCE;
    LLVMTypeRef t = LLVMTypeOf(k->held[i]);
    LLVMValueRef in[] = {folded ? nest_neutral(e, k->unit[i]) : LLVMConstNull(t), k->held[i]};
    k->held[i] = LLVMBuildPhi(e->b, t, "");
    LLVMAddIncoming(k->held[i], in, from, 2);
  }
  for (int i = 0; i < k->n; i++) {
    if (!k->held[i]) continue;
    if (k->unit[i]->kind == UNIT_REDUCE) nest_fold_into_register(k, i, k->held[i]);
    else if (k->unit[i]->kind == UNIT_UPDATE) nest_put_update(k, k->unit[i], k->held[i]);
    else nest_put(k, k->unit[i], k->held[i]);
  }
  loop_end(e, &loop);
  e->in_parallel = false;
  e->counter = NULL;
  k->held = NULL;
}

/* ---- long functions ---------------------------------------------------------------------------------------------------------- */

/* It is the whole of a slot, which is rounded up. */
static bool fills_slot(const Plan *p, const Value *v) {
  const ValueInfo *info = &p->value[v->id];
  if (info->place != PLACE_BUFFER || info->local || info->in_parts || info->result >= 0 || info->slot < 0) return false;
  return v->type->rank == 1 && elem_is_real(v->type->elem) && !p->root->slot[info->slot].dynamic;
}

/* In a turn beyond the end it reads and writes the room behind slots alone. */
static bool stays_in_slots(const Nest *k, const Unit *u) {
  Plan *p = k->e->p;
  if (u->kind == UNIT_REDUCE ? u->acc_level || u->v->type->rank : u->kind != UNIT_STORE) return false;
  if (!u->op || u->gathers || u->into || u->result >= 0) return false;
  if (u->kind == UNIT_STORE && !u->dead && !(in_own_memory(k->e, u) && fills_slot(p, u->v))) return false;
  Unit all = reads_anew(p, u);
  for (int i = 0; i < all.nread; i++) {
    const Read *r = &all.read[i];
    if (r->v->type->rank == 0 || (r->v->type->rank == 1 && r->level[0] == LEVEL_UNIT)) continue;
    if (r->level[0] != 0 || !fills_slot(p, r->v)) return false;
  }
  return !all.ints;
}

/* A sum with hardly anything to compute is done better in several vectors at a time. */
static bool only_folds(const Nest *k) {
  enum { SHORT = 4 };
  int reads = 0;
  for (int i = 0; i < k->n; i++) reads += k->unit[i]->nread;
  return k->folds && reads < SHORT;
}

int nest_room_for_all(const Nest *k) {
  const Emit *e = k->e;
  const Unit *head = k->unit[0];
  int64_t n;
  int widest = 4;
  if (!e->part || !e->g->vector_bytes || e->relay || few_turns(e) || k->parallel || k->tiny || only_folds(k)) return 0;
  if (head->nlevel != 1 || dim_is_const(head->level[0], &n) || nest_is_trimmed(k, 0)) return 0;
  for (int i = 0; i < k->n; i++) {
    if (!stays_in_slots(k, k->unit[i])) return 0;
    if (elem_size(k->unit[i]->v->type->elem) > widest) widest = (int)elem_size(k->unit[i]->v->type->elem);
  }
  return VECTOR_BYTES / widest;
}

void nest_to_room(Nest *k, int lanes) {
  Emit *e = k->e;
  LLVMValueRef n = dim_of(e, k->unit[0]->level[0]);
  Loop loop;
  k->idx[0] = loop_begin(e, &loop, rounded_up(e, n, lanes));
  loop.one_by_one = loop.blocks = true;
  if (k->folds) k->within = LLVMBuildICmp(e->b, LLVMIntSLT, k->idx[0], n, "");
  e->counter = loop.i;
  nest_innermost(k);
  loop_end(e, &loop);
  e->counter = NULL;
  k->within = NULL;
}
