/* emit_trim.c - products with triangles and bands: terms that are zero and elements that nobody wants are left out.
 *
 * Requires: the arguments of a product.  Ensures: what is wanted of the product is there, with infinities and nan where the whole of it
 * has them; what is not wanted is left as it was, or not.
 *
 * The product is cut into blocks of rows (or of columns), each with as many terms, and as many columns, as its rows need:
 *
 *      ┌        ┐┌          ┐     a term that is left out may have been 0 times inf.  One block, which has all terms, tells: if one
 *      │■       ││          │     of its rows is finite, so is all that it was multiplied with.  If not, the product is computed
 *      │■ ■     ││    B     │     again, as a whole.
 *      │■ ■ ■   ││          │
 *      └        ┘└          ┘ */
#include "codegen/emit.h"

static bool reaches(Reach r) { return r.after || r.before; }

static Dim *edge(Edge x) { return x.kind == EDGE_BEYOND ? x.t : NULL; }

/* The only label of its kind in the product. */
static bool is_alone(const Product *p, int kind) {
  int n = 0;
  for (int l = 0; l < MAX_LABEL; l++) n += p->kind[l] == kind && p->in[l];
  return n == 1;
}

static int axis_of(const Type *t, const int8_t *label, int l) {
  for (int i = 0; i < t->rank; i++)
    if (label[i] == l) return i;
  return -1;
}

static Reach sum_reach(const Plan *plan, const Op *op, const Product *p, int side) {
  int k = (side == PRODUCT_COL) != p->swap;
  const Value *v = op->opd[k];
  int a = axis_of(v->type, op->u.contract.opd[k], p->label[PRODUCT_SUM]), b = axis_of(v->type, op->u.contract.opd[k], p->label[side]);
  BandIndex ia = {a, NULL}, ib = {b, NULL};
  return (Reach){edge(band_zero(plan->root->band, v, ia, ib)), edge(band_zero(plan->root->band, v, ib, ia))};
}

static Reach result_reach(const Plan *plan, const Op *op, const Product *p, int side) {
  const Value *v = op->res[0];
  int a = axis_of(v->type, op->u.contract.out, p->label[side == PRODUCT_ROW ? PRODUCT_COL : PRODUCT_ROW]);
  int b = axis_of(v->type, op->u.contract.out, p->label[side]);
  return (Reach){edge(band_unwanted(plan->root->band, v, a, b)), edge(band_unwanted(plan->root->band, v, b, a))};
}

static bool sums_around(const Product *p) {
  for (int l = 0; l < MAX_LABEL; l++)
    if (p->kind[l] == PRODUCT_SUM && !p->in[l]) return true;
  return false;
}

bool is_trimmed(const Plan *p, const Op *op, const Product *x) {
  Unit u = {.op = (Op *)op};
  Trim t;
  return trim_find(p, &u, x, &t);
}

bool trim_find(const Plan *plan, const Unit *u, const Product *p, Trim *t) {
  const Reach all = {NULL, NULL};
  /* What is added up cannot be computed again. */
  bool whole_sum = u->adds || sums_around(p) || !is_alone(p, PRODUCT_SUM);
  bool both = is_alone(p, PRODUCT_ROW) && is_alone(p, PRODUCT_COL);
  for (int side = PRODUCT_ROW; side <= PRODUCT_COL; side++) {
    if (!is_alone(p, side)) continue;
    *t = (Trim){side, whole_sum ? all : sum_reach(plan, u->op, p, side), both ? result_reach(plan, u->op, p, side) : all};
    if (reaches(t->sum) || reaches(t->other)) return true;
  }
  return false;
}

/* ---- the code ----------------------------------------------------------------------------------------------------------- */

/* Eight blocks, of whole tiles; few rows are one block. */
static LLVMValueRef block_length(Emit *e, LLVMValueRef n) {
  int64_t tile = e->g->vector_bytes == 64 ? 8 : 6;
  LLVMValueRef tiles = LLVMBuildUDiv(e->b, LLVMBuildAdd(e->b, n, index_const(e, 8 * tile - 1), ""), index_const(e, 8 * tile), "");
  LLVMValueRef is_few = LLVMBuildICmp(e->b, LLVMIntSLT, n, index_const(e, 2 * tile), "");
  return LLVMBuildSelect(e->b, is_few, index_const(e, 2 * tile), LLVMBuildMul(e->b, tiles, index_const(e, tile), ""), "");
}

typedef struct Range { LLVMValueRef from, to; } Range;

/* Of n indices those that indices from `first` up to `end` along the side reach. */
static Range range_of(Emit *e, Reach r, Range block, LLVMValueRef n) {
  Range x = {e->zero, n};
  if (r.before)
    x.from = index_least(e, index_most(e, LLVMBuildSub(e->b, block.from, dim_of(e, r.before), ""), e->zero), n);
  if (r.after) x.to = index_least(e, index_most(e, LLVMBuildAdd(e->b, block.to, dim_of(e, r.after), ""), x.from), n);
  return x;
}

static void advance(Emit *e, const ProductCall *call, Matrix *m, int kind, LLVMValueRef by) {
  LLVMValueRef at = index_mul(e, by, m->stride[kind]);
  m->base = LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, call->elem), m->base, &at, 1, "");
}

static void call_block(Emit *e, const ProductCall *call, const Trim *t, Range block, Range sum, Range other) {
  int across = t->side == PRODUCT_ROW ? PRODUCT_COL : PRODUCT_ROW;
  ProductCall part = *call;
  part.size[t->side] = LLVMBuildSub(e->b, block.to, block.from, "");
  part.size[across] = LLVMBuildSub(e->b, other.to, other.from, "");
  part.size[PRODUCT_SUM] = LLVMBuildSub(e->b, sum.to, sum.from, "");
  int mine = t->side == PRODUCT_COL;
  advance(e, call, &part.m[mine], t->side, block.from);
  advance(e, call, &part.m[mine], PRODUCT_SUM, sum.from);
  advance(e, call, &part.m[!mine], PRODUCT_SUM, sum.from);
  advance(e, call, &part.m[!mine], across, other.from);
  advance(e, call, &part.m[2], t->side, block.from);
  advance(e, call, &part.m[2], across, other.from);
  product_call(e, &part);
}

/* i1: all results along one index of the side are finite: so many zeros are zero when they are multiplied with them and added. */
static LLVMValueRef is_finite(Emit *e, const ProductCall *call, const Trim *t, LLVMValueRef index) {
  int across = t->side == PRODUCT_ROW ? PRODUCT_COL : PRODUCT_ROW;
  LLVMTypeRef type = elem_type(e->g, call->elem);
  LLVMValueRef zero = LLVMConstNull(type), acc = new_alloca(e, type);
  Matrix c = call->m[2];
  advance(e, call, &c, t->side, index);
  Loop loop;
  LLVMBuildStore(e->b, zero, acc);
  LLVMValueRef at = index_mul(e, loop_begin(e, &loop, call->size[across]), c.stride[across]);
  LLVMValueRef x = LLVMBuildLoad2(e->b, type, LLVMBuildInBoundsGEP2(e->b, type, c.base, &at, 1, ""), "");
  LLVMSetAlignment(x, (unsigned)elem_size(call->elem));
  x = LLVMBuildFMul(e->b, x, zero, "");
  LLVMBuildStore(e->b, add_elem(e->g, e->b, call->elem, LLVMBuildLoad2(e->b, type, acc, ""), x), acc);
  loop_end(e, &loop);
  return LLVMBuildFCmp(e->b, LLVMRealORD, LLVMBuildLoad2(e->b, type, acc, ""), zero, "");
}

void product_call_trimmed(Emit *e, const ProductCall *call, const Trim *t) {
  LLVMValueRef n = call->size[t->side], length = block_length(e, n);
  LLVMValueRef blocks = LLVMBuildSDiv(e->b, LLVMBuildAdd(e->b, n, LLVMBuildSub(e->b, length, e->one, ""), ""), length, "");
  int across = t->side == PRODUCT_ROW ? PRODUCT_COL : PRODUCT_ROW;
  bool trims = reaches(t->sum), last = t->sum.after != NULL;
  Loop loop;
  LLVMValueRef i = loop_begin(e, &loop, blocks);
  LLVMValueRef from = LLVMBuildNSWMul(e->b, i, length, ""), to = index_least(e, LLVMBuildNSWAdd(e->b, from, length, ""), n);
  Range block = {from, to}, sum = range_of(e, t->sum, block, call->size[PRODUCT_SUM]);
  if (trims) {
    LLVMValueRef whole = LLVMBuildICmp(e->b, LLVMIntEQ, last ? to : from, last ? n : e->zero, "");
    sum.from = LLVMBuildSelect(e->b, whole, e->zero, sum.from, "");
    sum.to = LLVMBuildSelect(e->b, whole, call->size[PRODUCT_SUM], sum.to, "");
  }
  call_block(e, call, t, block, sum, range_of(e, t->other, block, call->size[across]));
  loop.as_it_is = true;
  loop_end(e, &loop);
  if (!trims) return;
  Branch several, again;
  if_begin(e, &several, LLVMBuildICmp(e->b, LLVMIntSGT, blocks, e->one, ""));
  LLVMValueRef row = last ? LLVMBuildSub(e->b, n, e->one, "") : e->zero;
  if_begin(e, &again, LLVMBuildNot(e->b, is_finite(e, call, t, row), ""));
  product_call(e, call);
  if_end(e, &again);
  if_end(e, &several);
}
