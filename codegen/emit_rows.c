/* emit_rows.c - rows of memory as vectors of lanes, and back: what one iteration reads or sets side by side, many iterations next to
 * each other.
 *
 *     memory: row of iteration 0   a0 b0 c0 …        lanes:   a   a0 a1 a2 …
 *                            1     a1 b1 c1 …   ◄═►           b   b0 b1 b2 …
 *                            2     a2 b2 c2 …                 c   c0 c1 c2 …
 *
 * Requires: a block of as many iterations as a vector has lanes.  Ensures: rows are loaded and stored whole, and transposed in registers;
 * between them and the loop over the block is a buffer on the stack, at constant places once that loop is a vector, so that it vanishes. */
#include "codegen/emit.h"

enum { MAX_ROW = 64, MAX_TREE = 24, WIDEST = 64 };

LLVMValueRef lane_buffer(Emit *e, int64_t bytes) {
  LLVMValueRef a = LLVMBuildAlloca(e->entry, LLVMArrayType2(e->g->i8, (uint64_t)bytes), "");
  LLVMSetAlignment(a, 64);
  return a;
}

LLVMValueRef lane_place(Emit *e, LLVMTypeRef t, LLVMValueRef buffer, int i, int width, LLVMValueRef lane) {
  LLVMValueRef at = index_add(e, index_const(e, (int64_t)i * width), lane);
  return LLVMBuildInBoundsGEP2(e->b, t, buffer, &at, 1, "");
}

/* ---- vectors ------------------------------------------------------------------------------------------------------------ */

static LLVMValueRef shuffle(Emit *e, LLVMValueRef x, LLVMValueRef y, const int *from, int n) {
  LLVMValueRef lane[WIDEST];
  for (int i = 0; i < n; i++) lane[i] = from[i] < 0 ? LLVMGetPoison(e->g->i32) : LLVMConstInt(e->g->i32, (unsigned)from[i], false);
  return LLVMBuildShuffleVector(e->b, x, y, LLVMConstVector(lane, (unsigned)n), "");
}

/* The first n elements, or those and some more that are not looked at. */
static LLVMValueRef resized(Emit *e, LLVMValueRef x, int n) {
  int from[WIDEST], has = (int)LLVMGetVectorSize(LLVMTypeOf(x));
  for (int i = 0; i < n; i++) from[i] = i < has ? i : -1;
  return n == has ? x : shuffle(e, x, LLVMGetPoison(LLVMTypeOf(x)), from, n);
}

/* Vectors r[0..n) of n elements become the columns of what they were the rows of. */
static void transpose(Emit *e, LLVMValueRef *r, int n) {
  int low[WIDEST], high[WIDEST];
  for (int s = 1; s < n; s *= 2) {
    for (int i = 0; i < n; i++) {
      low[i] = i & s ? n + i - s : i;
      high[i] = i & s ? n + i : i + s;
    }
    for (int i = 0; i < n; i++)
      if (!(i & s)) {
        LLVMValueRef x = r[i], y = r[i + s];
        r[i] = shuffle(e, x, y, low, n);
        r[i + s] = shuffle(e, x, y, high, n);
      }
  }
}

/* ---- indices ------------------------------------------------------------------------------------------------------------ */

typedef struct Row {
  Value *v;
  int axis, n;      /* elements of one index of that axis, one after another */
  LLVMValueRef at;  /* the index, as the loop's body computes it */
  bool *used;       /* by element */
  LLVMValueRef buffer;
} Row;

struct Rows {
  LLVMValueRef counter, first; /* where the iteration's number lies; the block's first */
  LLVMBasicBlockRef before, body;
  int width;
  int n, cap;
  Row *row;
};

static bool in_loop(const Rows *k, LLVMValueRef x) {
  for (LLVMBasicBlockRef at = k->body; LLVMIsAInstruction(x) && at; at = LLVMGetNextBasicBlock(at))
    if (LLVMGetInstructionParent(x) == at) return true;
  return false;
}

static bool is_counter(const Rows *k, LLVMValueRef x) { return LLVMIsALoadInst(x) && LLVMGetOperand(x, 0) == k->counter; }

/* What an index is computed of is found again in equal form, and can be computed for another iteration. */
typedef struct Tree { int size; bool counts, reads; } Tree;

static bool grow(const Rows *k, LLVMValueRef x, Tree *t) {
  if (!in_loop(k, x)) return true;
  if (LLVMIsAPHINode(x) || ++t->size > MAX_TREE) return false;
  if (is_counter(k, x)) {
    t->counts = true;
    return true;
  }
  t->reads |= LLVMIsALoadInst(x) != NULL;
  for (int i = 0; i < LLVMGetNumOperands(x); i++)
    if (!grow(k, LLVMGetOperand(x, (unsigned)i), t)) return false;
  return true;
}

static bool same_tree(const Rows *k, LLVMValueRef x, LLVMValueRef y) {
  if (x == y || (is_counter(k, x) && is_counter(k, y))) return true;
  if (!in_loop(k, x) || !in_loop(k, y) || LLVMGetInstructionOpcode(x) != LLVMGetInstructionOpcode(y) ||
      LLVMTypeOf(x) != LLVMTypeOf(y) || LLVMIsACmpInst(x) || LLVMGetNumOperands(x) != LLVMGetNumOperands(y))
    return false;
  for (int i = 0; i < LLVMGetNumOperands(x); i++)
    if (!same_tree(k, LLVMGetOperand(x, (unsigned)i), LLVMGetOperand(y, (unsigned)i))) return false;
  return true;
}

static LLVMValueRef copy_tree(Emit *e, const Rows *k, LLVMValueRef x, LLVMValueRef counter) {
  if (!in_loop(k, x)) return x;
  if (is_counter(k, x)) return counter;
  LLVMValueRef opd[MAX_TREE];
  int n = LLVMGetNumOperands(x);
  for (int i = 0; i < n; i++) opd[i] = copy_tree(e, k, LLVMGetOperand(x, (unsigned)i), counter);
  LLVMValueRef copy = LLVMInstructionClone(x);
  for (int i = 0; i < n; i++) LLVMSetOperand(copy, (unsigned)i, opd[i]);
  LLVMInsertIntoBuilder(e->b, copy);
  return copy;
}

/* ---- rows in ------------------------------------------------------------------------------------------------------------ */

/* The only index that is not a constant is that of *axis; behind it, *n elements lie side by side, of which *i is meant. */
static bool is_in_row(const Value *v, const LLVMValueRef *idx, int *axis, int *n, int *i) {
  int64_t d, count = 1, place = 0;
  int a = v->type->rank;
  while (a-- > 0 && LLVMIsAConstantInt(idx[a])) {
    if (!dim_is_const(v->type->dim[a], &d)) return false;
    place += count * LLVMConstIntGetSExtValue(idx[a]);
    count *= d;
    if (count > MAX_ROW) return false;
  }
  for (int b = 0; b < a; b++)
    if (!LLVMIsAConstantInt(idx[b])) return false;
  *axis = a;
  *n = (int)count;
  *i = (int)place;
  return a >= 0 && count > 1 && place >= 0 && place < count;
}

static Row *row_of(Emit *e, Value *v, int axis, int n, LLVMValueRef at) {
  Rows *k = e->rows;
  Tree t = {0};
  if (!grow(k, at, &t) || !t.counts || (!t.reads && n <= 4)) return NULL; /* short rows that follow each other: LLVM knows these */
  for (int i = 0; i < k->n; i++)
    if (k->row[i].v == v && k->row[i].axis == axis && same_tree(k, k->row[i].at, at)) return &k->row[i];
  Row *r = &PUSH(e->arena, k->row, k->n, k->cap);
  *r = (Row){v, axis, n, at, NEW_N(e->arena, bool, n), lane_buffer(e, (int64_t)n * k->width * elem_size(v->type->elem))};
  return r;
}

LLVMValueRef row_element(Emit *e, Value *v, const LLVMValueRef *idx) {
  int axis, n, i;
  if (!e->rows || !elem_is_real(v->type->elem) || !is_in_row(v, idx, &axis, &n, &i)) return NULL;
  for (int a = 0; a < axis; a++)
    if (!dim_is(v->type->dim[a], 1)) return NULL;
  Row *r = row_of(e, v, axis, n, idx[axis]);
  if (!r) return NULL;
  r->used[i] = true;
  LLVMTypeRef t = elem_type(e->g, v->type->elem);
  LLVMValueRef counter = LLVMBuildLoad2(e->b, e->g->i64, e->rows->counter, "");
  LLVMValueRef lane = LLVMBuildNSWSub(e->b, counter, e->rows->first, "");
  LLVMValueRef x = LLVMBuildLoad2(e->b, t, lane_place(e, t, r->buffer, i, e->rows->width, lane), "");
  tag_object(e, x, e->stack_object);
  return x;
}

Rows *rows_begin(Emit *e, LLVMValueRef counter, LLVMValueRef first, int width) {
  Rows *k = NEW(e->arena, Rows);
  *k = (Rows){.counter = counter, .first = first, .width = width, .before = new_block(e, "rows")};
  LLVMBuildBr(e->b, k->before);
  LLVMPositionBuilderAtEnd(e->b, k->before);
  return k;
}

void rows_body(Emit *e, Rows *k) { k->body = LLVMGetInsertBlock(e->b); }

/* `n` elements from `first` on, of each lane's row, as columns. */
static void load_window(Emit *e, const Rows *k, const Row *r, LLVMValueRef *pointer, int first, int n) {
  LLVMTypeRef t = elem_type(e->g, r->v->type->elem), vector = LLVMVectorType(t, (unsigned)n);
  LLVMValueRef lane[WIDEST], at = index_const(e, first);
  for (int l = 0; l < k->width; l++) {
    LLVMValueRef x = LLVMBuildLoad2(e->b, vector, LLVMBuildInBoundsGEP2(e->b, t, pointer[l], &at, 1, ""), "");
    tag_access(e, x, e->object[r->v->id], r->v->type);
    lane[l] = resized(e, x, k->width);
  }
  transpose(e, lane, k->width);
  for (int i = 0; i < n; i++)
    if (r->used[first + i])
      LLVMSetAlignment(LLVMBuildStore(e->b, lane[i], lane_place(e, t, r->buffer, first + i, k->width, e->zero)), 8);
}

static void load_row(Emit *e, const Rows *k, const Row *r) {
  LLVMTypeRef t = elem_type(e->g, r->v->type->elem);
  LLVMValueRef pointer[WIDEST];
  int last = r->n;
  while (!r->used[last - 1]) last--;
  for (int l = 0; l < k->width; l++) {
    LLVMValueRef at = copy_tree(e, k, r->at, index_add(e, k->first, index_const(e, l)));
    LLVMValueRef offset = index_mul(e, at, index_const(e, r->n));
    pointer[l] = LLVMBuildInBoundsGEP2(e->b, t, where_of(e, r->v), &offset, 1, "");
  }
  for (int i = 0; i < last; i++) {
    if (!r->used[i]) continue;
    int n = last - i < k->width ? last - i : k->width, first = i;
    if (n < k->width && r->n >= k->width) { /* a whole vector, some of it once more */
      n = k->width;
      first = r->n - n < i ? r->n - n : i;
    }
    load_window(e, k, r, pointer, first, n);
    i = first + n - 1;
  }
}

void rows_load(Emit *e, Rows *k) {
  LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
  LLVMPositionBuilderBefore(e->b, LLVMGetBasicBlockTerminator(k->before));
  for (int i = 0; i < k->n; i++) load_row(e, k, &k->row[i]);
  LLVMPositionBuilderAtEnd(e->b, here);
}

/* ---- rows out ----------------------------------------------------------------------------------------------------------- */

/* Columns i..i+n of a buffer go to where `pointer` says that the rows' i-th elements lie. */
void rows_store(Emit *e, const Value *to, LLVMValueRef buffer, int i, int n, int width, const LLVMValueRef *pointer) {
  LLVMTypeRef t = elem_type(e->g, to->type->elem), vector = LLVMVectorType(t, (unsigned)width);
  LLVMValueRef lane[WIDEST];
  for (int j = 0; j < width; j++) {
    lane[j] = LLVMGetPoison(vector);
    if (j >= n) continue;
    lane[j] = LLVMBuildLoad2(e->b, vector, lane_place(e, t, buffer, i + j, width, e->zero), "");
    LLVMSetAlignment(lane[j], (unsigned)elem_size(to->type->elem));
  }
  transpose(e, lane, width);
  for (int l = 0; l < width; l++)
    tag_access(e, LLVMBuildStore(e->b, resized(e, lane[l], n), pointer[l]), e->object[to->id], to->type);
}
