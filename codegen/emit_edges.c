/* emit_edges.c - the inside of a nest over tensors that are put together: stencils, rolls, cotangents of slices.
 *
 *   embed x at 1, concat a, b:  a comparison for each element          0   from                    to  n
 *   the innermost loop is there twice, with them and without:          |edge|       inside         |edge|
 *
 * Requires: a nest (emit_kernel.c).  Ensures: where the inside's loop runs, every condition that was left out of it holds. */
#include "codegen/edges.h"

/* An index that is a level's counter and a distance. */
typedef struct Known { LLVMValueRef index; int level; Dim *by; } Known;
struct Edges {
  Known *known;
  int n, cap;
  Dim *from[MAX_LEVEL], *to[MAX_LEVEL]; /* NULL: no bound */
};

/* The last axis that has more than one entry. */
static int last_axis(const Type *t) {
  int a = t->rank - 1;
  while (a > 0 && dim_is(t->dim[a], 1)) a--;
  return a;
}

/* How many comparisons along the last axis it takes, more or less. */
static int comparisons(const Op *op) {
  int a = last_axis(op->res[0]->type);
  if (op->code == OP_concat) return op->u.axis == a ? op->nopd : 0;
  return op->code == OP_embed && op->u.slice.stride[a] == 1 && op->opd[0]->type->dim[a] != op->res[0]->type->dim[a];
}

static int count(const Plan *p, const Value *v, bool *seen) {
  if (seen[v->id] || p->value[v->id].place != PLACE_VIRTUAL || !v->def) return 0;
  seen[v->id] = true;
  int n = comparisons(v->def);
  for (int k = 0; k < v->def->nopd; k++) n += count(p, v->def->opd[k], seen);
  return n;
}

bool has_edges(Emit *e, Unit **unit, int n) {
  enum { MANY = 3 };
  bool *seen = NEW_N(e->arena, bool, e->f->nvalue);
  int total = 0;
  for (int i = 0; i < n; i++) {
    const Op *op = unit[i]->op;
    if (!op || op->nreg) continue;
    total += comparisons(op);
    for (int k = 0; k < op->nopd; k++) total += count(e->p, op->opd[k], seen);
  }
  return total >= MANY;
}

static void know(Emit *e, LLVMValueRef index, int level, Dim *by) {
  PUSH(e->arena, e->edges->known, e->edges->n, e->edges->cap) = (Known){index, level, by};
}

static const Known *known(const Emit *e, LLVMValueRef index) {
  for (int i = 0; e->edges && i < e->edges->n; i++)
    if (e->edges->known[i].index == index) return &e->edges->known[i];
  return NULL;
}

void edges_shift(Emit *e, LLVMValueRef from, LLVMValueRef to, Dim *by) {
  const Known *k = known(e, from);
  Dim *sum = k ? dim_add(e->ctx, k->by, by) : NULL;
  if (sum && !known(e, to)) know(e, to, k->level, sum);
}

/* Sizes are compared as if all symbols were large. */
static bool large(void *env, const Sym *s, int64_t *v) {
  (void)env, (void)s;
  *v = 1000;
  return true;
}

static bool is_most_of(const Dim *part, const Dim *whole) {
  int64_t x, y;
  return dim_eval(part, large, NULL, &x) && dim_eval(whole, large, NULL, &y) && x > y / 2;
}

bool edges_inside(Emit *e, LLVMValueRef index, Dim *start, Dim *size, const Dim *whole) {
  const Known *k = known(e, index);
  if (!k || !is_most_of(size, whole)) return false;
  Ctx *c = e->ctx;
  Dim *from = dim_sub(c, start, k->by), *to = from ? dim_add(c, from, size) : NULL;
  Dim **f = &e->edges->from[k->level], **t = &e->edges->to[k->level];
  if (!to) return false;
  from = *f ? dim_max(c, *f, from) : from;
  to = *t ? dim_min(c, *t, to) : to;
  if (!from || !to) return false;
  *f = from;
  *t = to;
  return true;
}

/* ---- the innermost loop ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef both(Emit *e, LLVMValueRef x, LLVMIntPredicate p, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildAnd(e->b, x, LLVMBuildICmp(e->b, p, a, b, ""), "");
}

void edges_begin(Emit *e, Inside *in, int level, const LLVMValueRef *idx) {
  e->edges = NEW(e->arena, Edges);
  *e->edges = (Edges){0};
  for (int l = 0; l <= level; l++)
    if (LLVMIsAInstruction(idx[l])) know(e, idx[l], l, dim_const(e->ctx, 0));
  in->edges = e->edges;
}

bool edges_are_short(const Inside *in, int level, const Dim *whole) {
  enum { FEW = 4 };
  const Edges *k = in->edges;
  int64_t from, to, n;
  for (int l = 0; l < level; l++)
    if (k->from[l]) return false;
  if (!k->from[level] || !dim_eval(k->from[level], large, NULL, &from) || !dim_eval(k->to[level], large, NULL, &to)) return false;
  return dim_eval(whole, large, NULL, &n) && from <= FEW && n - to <= FEW;
}

bool edges_end(Emit *e, Inside *in, int level, LLVMValueRef n, const LLVMValueRef *idx) {
  Edges *k = in->edges;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
  bool any = false;
  e->edges = NULL;
  LLVMPositionBuilderBefore(e->b, in->from);
  LLVMValueRef from = e->zero, to = n, inside = LLVMConstInt(e->g->i1, 1, false);
  for (int l = 0; l <= level; l++) {
    if (!k->from[l]) continue;
    any = true;
    LLVMValueRef a = dim_of(e, k->from[l]), b = dim_of(e, k->to[l]);
    if (l < level) {
      inside = both(e, both(e, inside, LLVMIntSGE, idx[l], a), LLVMIntSLT, idx[l], b);
      continue;
    }
    from = index_most(e, a, e->zero);
    to = index_least(e, b, n);
    inside = both(e, inside, LLVMIntSLT, from, to);
  }
  if (any) {
    from = LLVMBuildSelect(e->b, inside, from, n, "");
    to = LLVMBuildSelect(e->b, inside, to, n, "");
  }
  LLVMReplaceAllUsesWith(in->turns, LLVMBuildNSWSub(e->b, to, from, ""));
  LLVMReplaceAllUsesWith(in->from, from);
  LLVMInstructionEraseFromParent(in->turns);
  LLVMInstructionEraseFromParent(in->from);
  in->from = from;
  in->to = to;
  LLVMPositionBuilderAtEnd(e->b, here);
  return any;
}
