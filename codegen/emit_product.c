/* emit_product.c - matrix products: calls of the runtime's kernel, in loops over what is more than a product of two matrices.
 *
 * Requires: a tiled unit (schedule.c).  Ensures: as emit_nest. */
#include "codegen/chunks.h"

static bool in_memory(const Emit *e, Value *v) {
  Place p = e->p->value[v->id].place;
  if (p == PLACE_VIRTUAL) v = behind_windows(v);
  p = e->p->value[v->id].place;
  return v->type->rank > 0 && (p == PLACE_BUFFER || p == PLACE_PARAM);
}

static LLVMValueRef memory_of(Emit *e, const Value *v) {
  if (e->p->value[v->id].place != PLACE_VIRTUAL) return where_of(e, v);
  const Op *op = v->def;
  LLVMValueRef start[MAX_RANK];
  for (int a = 0; a < v->type->rank; a++) start[a] = dim_of(e, op->u.slice.start[a]);
  LLVMValueRef at = row_major(e, op->opd[0]->type, start);
  return LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, v->type->elem), memory_of(e, op->opd[0]), &at, 1, "");
}

/* outer: by label, the index in the loops around; NULL where there is none. */
static Matrix locate(Emit *e, const Product *p, const Type *t, const int8_t *label, LLVMValueRef base, const LLVMValueRef *outer) {
  Matrix m = {.base = base};
  LLVMValueRef stride = e->one, at = e->zero;
  for (int k = 0; k < 3; k++) m.stride[k] = e->zero;
  for (int i = t->rank; i-- > 0;) {
    int l = label[i], kind = p->kind[l];
    if (kind >= 0 && kind < PRODUCT_BATCH && p->label[kind] == l) m.stride[kind] = stride;
    else if (outer[l]) at = index_add(e, at, index_mul(e, outer[l], stride));
    stride = index_mul(e, stride, dim_of(e, t->dim[i]));
  }
  m.base = LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, t->elem), m.base, &at, 1, "");
  return m;
}

LLVMValueRef product_function(Emit *e, Elem elem) {
  LLVMTypeRef i = e->g->i64, q = e->g->ptr;
  LLVMTypeRef t[] = {i, i, i, elem_type(e->g, elem), q, i, i, q, i, i, q, i, i, i, q, q, q};
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->g->ll), t, sizeof t / sizeof *t, false);
  const char *whose = e->g->o->cblas ? "_blas" : "";
  const char *name = arena_printf(e->arena, "adc_rt_gemm_%s_%d%s", elem_name(elem), e->g->vector_bytes, whose);
  LLVMValueRef fn = LLVMGetNamedFunction(e->g->mod, name);
  return fn ? fn : LLVMAddFunction(e->g->mod, name, type);
}

void product_call(Emit *e, const ProductCall *call) {
  const Matrix *m = call->m;
  enum { R = PRODUCT_ROW, C = PRODUCT_COL, K = PRODUCT_SUM };
  LLVMValueRef fn = product_function(e, call->elem);
  LLVMValueRef x[] = {call->size[R], call->size[C], call->size[K], const_elem(e->g, call->elem, call->minus ? -1 : 1, 1),
                      m[0].base, m[0].stride[R], m[0].stride[K], m[1].base, m[1].stride[K], m[1].stride[C],
                      m[2].base, m[2].stride[R], m[2].stride[C], call->add, call->space, call->then, call->env};
  LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, x, sizeof x / sizeof *x, "");
}

/* A loop over a sum takes one turn even if there is nothing to sum, for the kernel to begin the result; it is then told of no terms. */
static LLVMValueRef at_least_one(Emit *e, LLVMValueRef n, LLVMValueRef *terms) {
  LLVMValueRef some = LLVMBuildICmp(e->b, LLVMIntSGT, n, e->zero, "");
  *terms = LLVMBuildSelect(e->b, some, *terms, e->zero, "");
  return LLVMBuildSelect(e->b, some, n, e->one, "");
}

static LLVMValueRef target(Emit *e, const Unit *u) {
  int object;
  LLVMValueRef base = unit_target(e, u, &object), start[MAX_RANK];
  if (!u->into || u->into->code != OP_set_slice) return base;
  for (int a = 0; a < u->v->type->rank; a++) start[a] = dim_of(e, u->into->u.slice.start[a]);
  LLVMValueRef at = row_major(e, u->v->type, start);
  return LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, u->v->type->elem), base, &at, 1, "");
}

/* The part of a product that one call computes. */
typedef struct Window {
  LLVMValueRef row, rows, col, cols;
} Window;

static LLVMValueRef shifted(Emit *e, Elem t, LLVMValueRef base, LLVMValueRef n, LLVMValueRef stride) {
  LLVMValueRef at = index_mul(e, n, stride);
  return at == e->zero ? base : LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, t), base, &at, 1, "");
}

typedef struct Tiled {
  Unit *u;
  Product p;
  Dim *extent[MAX_LABEL]; /* by label */
  int nlabel;
  LLVMValueRef outer[MAX_LABEL]; /* by label: the index in a loop around, or NULL */
  bool trimmed;
  Trim trim;
} Tiled;

static bool is_outer(const Tiled *t, int l, bool sum) { return t->p.kind[l] >= 0 && !t->p.in[l] && (t->p.kind[l] == PRODUCT_SUM) == sum; }

/* Which loops of what rides on the product are loops around it. */
static void note_loops(Emit *e, const Tiled *t) {
  const Type *c = t->u->v->type;
  for (int a = 0, level = 0; a < c->rank; a++) {
    if (dim_is(c->dim[a], 1)) continue;
    e->epilogue->index[level++] = t->outer[t->u->op->u.contract.out[a]];
  }
}

/* The loops over sums, innermost: the first turn of them all begins the result. */
static void sum_part(Emit *e, Tiled *t, const Window *part) {
  const Op *op = t->u->op;
  Loop loop[MAX_LABEL];
  LLVMValueRef add = LLVMConstInt(e->g->i1, t->u->adds, false), terms = dim_of(e, t->p.extent[PRODUCT_SUM]);
  int nloop = 0;
  for (int l = 0; l < t->nlabel; l++) {
    if (!is_outer(t, l, true)) continue;
    t->outer[l] = loop_begin(e, &loop[nloop], at_least_one(e, dim_of(e, t->extent[l]), &terms));
    loop[nloop++].as_it_is = true;
    add = LLVMBuildOr(e->b, add, LLVMBuildICmp(e->b, LLVMIntNE, t->outer[l], e->zero, ""), "");
  }
  Value *a = op->opd[t->p.swap], *b = op->opd[!t->p.swap];
  LLVMValueRef none = LLVMConstNull(e->g->ptr);
  ProductCall call = {.elem = t->u->v->type->elem, .size = {part->rows, part->cols, terms}, .then = none, .env = none};
  call.minus = t->u->minus;
  call.m[0] = locate(e, &t->p, a->type, op->u.contract.opd[t->p.swap], memory_of(e, a), t->outer);
  call.m[1] = locate(e, &t->p, b->type, op->u.contract.opd[!t->p.swap], memory_of(e, b), t->outer);
  call.m[2] = locate(e, &t->p, t->u->v->type, op->u.contract.out, target(e, t->u), t->outer);
  for (int i = 0; i < 3; i++) {
    call.m[i].base = shifted(e, call.elem, call.m[i].base, part->row, call.m[i].stride[PRODUCT_ROW]);
    call.m[i].base = shifted(e, call.elem, call.m[i].base, part->col, call.m[i].stride[PRODUCT_COL]);
  }
  call.add = LLVMBuildZExt(e->b, add, e->g->i64, "");
  call.space = slot_memory(e, t->u->scratch);
  if (e->epilogue) {
    note_loops(e, t);
    epilogue_piece(e, &call, part->row, part->col);
  }
  if (t->trimmed) product_call_trimmed(e, &call, &t->trim);
  else product_call(e, &call);
  while (nloop > 0) loop_end(e, &loop[--nloop]);
}

static void whole(Emit *e, Tiled *t) {
  Loop loop[MAX_LABEL];
  int nloop = 0;
  Window all = {e->zero, dim_of(e, t->p.extent[PRODUCT_ROW]), e->zero, dim_of(e, t->p.extent[PRODUCT_COL])};
  for (int l = 0; l < t->nlabel; l++) {
    if (!is_outer(t, l, false)) continue;
    t->outer[l] = loop_begin(e, &loop[nloop], dim_of(e, t->extent[l]));
    loop[nloop++].as_it_is = true;
  }
  sum_part(e, t, &all);
  while (nloop > 0) loop_end(e, &loop[--nloop]);
}

/* ---- in blocks, which threads share --------------------------------------------------------------------------------------- */

enum { MULTIPLE = 16 }; /* rows and columns of a block: whole vectors, unless blocks are small */

typedef struct Blocks {
  LLVMValueRef extent, n; /* rows or columns, and blocks of them */
} Blocks;

/* Block `at` of them: where it begins, and how many rows or columns it has. */
static void block_at(Emit *e, const Blocks *b, LLVMValueRef at, LLVMValueRef *from, LLVMValueRef *n) {
  int64_t unit = split_block(e->p) < MULTIPLE ? 1 : MULTIPLE;
  LLVMValueRef m = LLVMConstInt(e->g->i64, (unsigned long long)unit, false), bound[2];
  LLVMValueRef last = LLVMConstInt(e->g->i64, (unsigned long long)unit - 1, false);
  LLVMValueRef tiles = LLVMBuildUDiv(e->b, LLVMBuildAdd(e->b, b->extent, last, ""), m, "");
  for (int i = 0; i < 2; i++) {
    LLVMValueRef k = i ? LLVMBuildAdd(e->b, at, e->one, "") : at;
    k = LLVMBuildMul(e->b, LLVMBuildUDiv(e->b, LLVMBuildMul(e->b, k, tiles, ""), b->n, ""), m, "");
    bound[i] = index_least(e, k, b->extent);
  }
  *from = bound[0];
  *n = LLVMBuildSub(e->b, bound[1], bound[0], "");
}

/* The next digit of i, in a system of mixed bases. */
static LLVMValueRef digit(Emit *e, LLVMValueRef *i, LLVMValueRef base) {
  LLVMValueRef d = LLVMBuildURem(e->b, *i, base, "");
  *i = LLVMBuildUDiv(e->b, *i, base, "");
  return d;
}

static void in_blocks(Emit *e, Tiled *t, LLVMValueRef count) {
  Chunks c;
  Loop loop;
  Window part;
  ProductBlocks b = split_blocks(e->p, t->u->op, &t->p);
  Blocks rows = {dim_of(e, t->p.extent[PRODUCT_ROW]), dim_of(e, b.n[PRODUCT_ROW])};
  Blocks cols = {dim_of(e, t->p.extent[PRODUCT_COL]), dim_of(e, b.n[PRODUCT_COL])};
  chunks_begin(e, &c, count, dim_of(e, t->u->split->turns), 1);
  chunk_claim(e, &c, t->u->split->copies);
  LLVMValueRef i = LLVMBuildAdd(e->b, c.from, loop_begin(e, &loop, LLVMBuildSub(e->b, c.to, c.from, "")), "");
  LLVMValueRef col = digit(e, &i, cols.n), row = digit(e, &i, rows.n);
  block_at(e, &rows, row, &part.row, &part.rows);
  block_at(e, &cols, col, &part.col, &part.cols);
  for (int l = t->nlabel; l-- > 0;)
    if (is_outer(t, l, false)) t->outer[l] = digit(e, &i, dim_of(e, t->extent[l]));
  sum_part(e, t, &part);
  loop.as_it_is = true;
  loop_end(e, &loop);
  chunks_end(e, &c);
}

static bool has_kernel(const Emit *e, const Op *op, Product *p) {
  return e->g->vector_bytes && in_memory(e, op->opd[0]) && in_memory(e, op->opd[1]) && product_find(e->ctx, op, p);
}

bool is_one_call(Emit *e, Unit *u) {
  Product p;
  Trim trim;
  return has_kernel(e, u->op, &p) && !trim_find(e, u, &p, &trim);
}

void emit_tiled(Emit *e, Unit *u) {
  const Op *op = u->op;
  Tiled t = {.u = u};
  if (!has_kernel(e, op, &t.p)) {
    emit_nest(e, &u, 1);
    return;
  }
  t.nlabel = label_extents(op, t.extent);
  t.trimmed = trim_find(e, u, &t.p, &t.trim);
  LLVMValueRef count = t.trimmed ? NULL : chunk_count(e, &u, 1);
  if (count) in_blocks(e, &t, count);
  else whole(e, &t);
}
