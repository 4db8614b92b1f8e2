/* emit_product.c - matrix products: tiles of the result in vector registers.
 *
 * A product has a row label (in a and the result), a column label (in b and the result; last in the result) and a
 * summed label; all its other labels are loops around.  Two forms: b's columns are contiguous (outer products of a
 * column of a with a row of b are added up), or both operands are contiguous along the sum (dot products).  Anything
 * else is an ordinary loop nest.
 *
 * Requires: a tiled unit (schedule.c).  Ensures: as emit_nest; tiles do not depend on the dimensions' values,
 * remainders are covered by narrower tiles. */
#include "codegen/emit.h"

enum { ROWS = 4, MAX_VECS = 4, SUM_BLOCK = 256, SMALL = 4 };

typedef struct Matrix {
  Value *v;
  const int8_t *label;
  LLVMValueRef base, at; /* at: offset of row, column and sum index 0 */
  int object;
  LLVMValueRef stride[3]; /* by ROW, COL, SUM; 0 where the label is missing */
} Matrix;

enum { ROW, COL, SUM };

typedef struct Product {
  Emit *e;
  Unit *u;
  int label[3];
  LLVMValueRef extent[3];
  Matrix a, b, c;
  Elem elem;
  int width; /* elements of a vector */
  int vecs;  /* vectors of a full tile's row */
} Product;

/* ---- recognising ------------------------------------------------------------------------------------------------- */

static bool has(const Matrix *m, int l) {
  for (int i = 0; i < m->v->type->rank; i++)
    if (m->label[i] == l) return true;
  return false;
}

static bool small(const Dim *d) {
  int64_t n;
  return dim_is_const(d, &n) && n < SMALL;
}

static bool in_memory(const Emit *e, const Value *v) {
  Place p = e->p->value[v->id].place;
  return v->type->rank > 0 && (p == PLACE_BUFFER || p == PLACE_PARAM);
}

static int last_label(const Matrix *m) { return m->label[m->v->type->rank - 1]; }

/* Finds the three labels; false when this is no product that the tiles can do. */
static bool analyse(Product *p) {
  const Op *op = p->u->op;
  Dim *extent[MAX_LABEL];
  int n = label_extents(op, extent);
  p->a = (Matrix){.v = op->opd[0], .label = op->u.contract.opd[0]};
  p->b = (Matrix){.v = op->opd[1], .label = op->u.contract.opd[1]};
  p->c = (Matrix){.v = op->res[0], .label = op->u.contract.out};
  if (!in_memory(p->e, p->a.v) || !in_memory(p->e, p->b.v)) return false;
  p->label[COL] = last_label(&p->c);
  if (!has(&p->b, p->label[COL])) {
    Matrix t = p->a;
    p->a = p->b;
    p->b = t;
  }
  if (!has(&p->b, p->label[COL]) || has(&p->a, p->label[COL])) return false;
  p->label[ROW] = p->label[SUM] = -1;
  for (int l = 0; l < n; l++) {
    if (!extent[l] || dim_is(extent[l], 1)) continue;
    bool a = has(&p->a, l), b = has(&p->b, l), c = has(&p->c, l);
    if (!c && (p->label[SUM] >= 0 || !a || !b)) return false; /* one summed label, of both */
    if (!c) p->label[SUM] = l;
    if (a && !b && c) p->label[ROW] = l; /* the last one by name: any will do */
  }
  if (p->label[ROW] < 0 || p->label[SUM] < 0) return false;
  for (int k = 0; k < 3; k++)
    if (small(extent[p->label[k]])) return false;
  return last_label(&p->b) == p->label[COL] ||
         (last_label(&p->b) == p->label[SUM] && last_label(&p->a) == p->label[SUM]);
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static LLVMValueRef constant(const Product *p, int64_t v) {
  return LLVMConstInt(p->e->g->i64, (unsigned long long)v, true);
}

static void locate(Product *p, Matrix *m, const LLVMValueRef *outer) {
  Emit *e = p->e;
  LLVMValueRef stride = e->one;
  m->at = e->zero;
  for (int k = 0; k < 3; k++) m->stride[k] = e->zero;
  for (int i = m->v->type->rank; i-- > 0;) {
    int l = m->label[i], which = -1;
    for (int k = 0; k < 3; k++)
      if (p->label[k] == l) which = k;
    if (which >= 0)
      m->stride[which] = stride;
    else
      m->at = index_add(e, m->at, index_mul(e, outer[l], stride));
    stride = index_mul(e, stride, dim_of(e, m->v->type->dim[i]));
  }
}

static LLVMValueRef place(const Product *p, const Matrix *m, int k1, LLVMValueRef i1, int k2, LLVMValueRef i2) {
  Emit *e = p->e;
  return index_add(e, m->at, index_add(e, index_mul(e, i1, m->stride[k1]), index_mul(e, i2, m->stride[k2])));
}

static LLVMTypeRef vector_type(const Product *p, int width) {
  LLVMTypeRef t = elem_reg(p->e->g, p->elem);
  return width == 1 ? t : LLVMVectorType(t, (unsigned)width);
}

static LLVMValueRef pointer(const Product *p, const Matrix *m, LLVMValueRef at) {
  return LLVMBuildInBoundsGEP2(p->e->b, elem_type(p->e->g, p->elem), m->base, &at, 1, "");
}

static LLVMValueRef load(const Product *p, const Matrix *m, LLVMValueRef at, int width) {
  LLVMValueRef x = LLVMBuildLoad2(p->e->b, vector_type(p, width), pointer(p, m, at), "");
  tag_access(p->e, x, m->object, m->v->type);
  return x;
}

static void store(const Product *p, const Matrix *m, LLVMValueRef at, LLVMValueRef x) {
  tag_access(p->e, LLVMBuildStore(p->e->b, x, pointer(p, m, at)), m->object, m->v->type);
}

static LLVMValueRef splat(const Product *p, LLVMValueRef x, int width) {
  if (width == 1) return x;
  LLVMBuilderRef b = p->e->b;
  LLVMTypeRef t = vector_type(p, width);
  LLVMValueRef zero = LLVMConstInt(p->e->g->i32, 0, false);
  LLVMValueRef one = LLVMBuildInsertElement(b, LLVMGetPoison(t), x, zero, "");
  return LLVMBuildShuffleVector(b, one, LLVMGetPoison(t), LLVMConstNull(LLVMVectorType(p->e->g->i32, (unsigned)width)),
                                "");
}

static void accumulate(const Product *p, LLVMValueRef acc, LLVMTypeRef t, LLVMValueRef x, LLVMValueRef y) {
  LLVMBuilderRef b = p->e->b;
  LLVMValueRef old = LLVMBuildLoad2(b, t, acc, "");
  LLVMBuildStore(b, arith(LLVMBuildFAdd(b, arith(LLVMBuildFMul(b, x, y, "")), old, "")), acc);
}

/* ---- loops over tiles -------------------------------------------------------------------------------------------- */

typedef void TileBody(Product *p, LLVMValueRef row, int rows, LLVMValueRef col, int cols, const LLVMValueRef *range);

/* Steps through from .. n by `step`, whole steps only; returns where it stopped. */
static LLVMValueRef steps(Product *p, LLVMValueRef from, LLVMValueRef n, int step, Loop *loop, LLVMValueRef *at) {
  LLVMBuilderRef b = p->e->b;
  LLVMValueRef whole = LLVMBuildSDiv(b, LLVMBuildNSWSub(b, n, from, ""), constant(p, step), "");
  LLVMValueRef stop = LLVMBuildNSWAdd(b, from, LLVMBuildNSWMul(b, whole, constant(p, step), ""), "");
  LLVMValueRef i = loop_begin(p->e, loop, whole);
  loop->as_it_is = true;
  *at = LLVMBuildNSWAdd(b, from, LLVMBuildNSWMul(b, i, constant(p, step), ""), "");
  return stop;
}

/* Covers rows x columns: by the widest tiles first, then by narrower ones. */
static void cover(Product *p, const int *cols, int ncols, TileBody *body, const LLVMValueRef *range) {
  LLVMValueRef col_from = p->e->zero;
  for (int c = 0; c < ncols; c++) {
    static const int rows[] = {ROWS, 1};
    Loop col_loop, row_loop;
    LLVMValueRef col, row, row_from = p->e->zero;
    col_from = steps(p, col_from, p->extent[COL], cols[c], &col_loop, &col);
    for (int r = 0; r < 2; r++) {
      row_from = steps(p, row_from, p->extent[ROW], rows[r], &row_loop, &row);
      body(p, row, rows[r], col, cols[c], range);
      loop_end(p->e, &row_loop);
    }
    loop_end(p->e, &col_loop);
  }
}

/* ---- outer products: b's and the result's columns are contiguous ------------------------------------------------- */

/* range: first and one past the last summed index, and whether the result holds a partial sum already. */
static void outer_tile(Product *p, LLVMValueRef row, int rows, LLVMValueRef col, int cols, const LLVMValueRef *range) {
  Emit *e = p->e;
  int width = cols >= p->width ? p->width : 1, vecs = cols / width;
  LLVMTypeRef t = vector_type(p, width);
  LLVMValueRef acc[ROWS][MAX_VECS], at[ROWS][MAX_VECS];
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vecs; v++) {
      acc[r][v] = new_alloca(e, t);
      at[r][v] =
          place(p, &p->c, ROW, index_add(e, row, constant(p, r)), COL, index_add(e, col, constant(p, v * width)));
      LLVMBuildStore(e->b, LLVMConstNull(t), acc[r][v]);
    }
  Branch partial;
  if_begin(e, &partial, range[2]);
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vecs; v++) LLVMBuildStore(e->b, load(p, &p->c, at[r][v], width), acc[r][v]);
  if_end(e, &partial);
  Loop sum;
  LLVMValueRef k = index_add(e, range[0], loop_begin(e, &sum, LLVMBuildNSWSub(e->b, range[1], range[0], ""))),
               y[MAX_VECS];
  for (int v = 0; v < vecs; v++)
    y[v] = load(p, &p->b, place(p, &p->b, SUM, k, COL, index_add(e, col, constant(p, v * width))), width);
  for (int r = 0; r < rows; r++) {
    LLVMValueRef x =
        splat(p, load(p, &p->a, place(p, &p->a, ROW, index_add(e, row, constant(p, r)), SUM, k), 1), width);
    for (int v = 0; v < vecs; v++) accumulate(p, acc[r][v], t, x, y[v]);
  }
  sum.as_it_is = true;
  loop_end(e, &sum);
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vecs; v++) store(p, &p->c, at[r][v], LLVMBuildLoad2(e->b, t, acc[r][v], ""));
}

/* Long sums are cut so that the part of b that a column of tiles uses stays in cache. */
static void outer_form(Product *p) {
  Emit *e = p->e;
  LLVMBuilderRef b = e->b;
  const int cols[] = {p->vecs * p->width, p->width, 1};
  LLVMValueRef n = p->extent[SUM], block = constant(p, SUM_BLOCK), range[3];
  LLVMValueRef blocks = LLVMBuildSDiv(b, LLVMBuildNSWAdd(b, n, constant(p, SUM_BLOCK - 1), ""), block, "");
  blocks = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSGT, blocks, e->one, ""), blocks, e->one, "");
  Loop loop;
  LLVMValueRef i = loop_begin(e, &loop, blocks);
  range[0] = LLVMBuildNSWMul(b, i, block, "");
  range[1] = LLVMBuildNSWAdd(b, range[0], block, "");
  range[1] = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, range[1], n, ""), range[1], n, "");
  range[2] = LLVMBuildICmp(b, LLVMIntSGT, i, e->zero, "");
  cover(p, cols, 3, outer_tile, range);
  loop.as_it_is = true;
  loop_end(e, &loop);
}

/* ---- dot products: both operands are contiguous along the sum ---------------------------------------------------- */

static LLVMValueRef horizontal(const Product *p, LLVMValueRef x) {
  LLVMTypeRef t = LLVMTypeOf(x);
  unsigned id = LLVMLookupIntrinsicID("llvm.vector.reduce.fadd", 23);
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(p->e->g->mod, id, &t, 1),
               arg[] = {LLVMConstNull(elem_reg(p->e->g, p->elem)), x};
  return reassoc(LLVMBuildCall2(p->e->b, LLVMGlobalGetValueType(fn), fn, arg, 2, ""));
}

/* Adds to acc the products at summed indices k, k + 1, … of `width` elements. */
static void dot_step(Product *p, LLVMValueRef acc[ROWS][MAX_VECS], LLVMValueRef row, int rows, LLVMValueRef col,
                     int cols, LLVMValueRef k, int width) {
  Emit *e = p->e;
  LLVMValueRef y[MAX_VECS];
  for (int c = 0; c < cols; c++)
    y[c] = load(p, &p->b, place(p, &p->b, COL, index_add(e, col, constant(p, c)), SUM, k), width);
  for (int r = 0; r < rows; r++) {
    LLVMValueRef x = load(p, &p->a, place(p, &p->a, ROW, index_add(e, row, constant(p, r)), SUM, k), width);
    for (int c = 0; c < cols; c++) accumulate(p, acc[r][c], vector_type(p, width), x, y[c]);
  }
}

static void dot_tile(Product *p, LLVMValueRef row, int rows, LLVMValueRef col, int cols, const LLVMValueRef *range) {
  Emit *e = p->e;
  (void)range;
  LLVMTypeRef wide = vector_type(p, p->width), one = vector_type(p, 1);
  LLVMValueRef acc[ROWS][MAX_VECS], rest[ROWS][MAX_VECS], k;
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++) {
      LLVMBuildStore(e->b, LLVMConstNull(wide), acc[r][c] = new_alloca(e, wide));
      rest[r][c] = new_alloca(e, one);
    }
  Loop loop;
  LLVMValueRef stop = steps(p, e->zero, p->extent[SUM], p->width, &loop, &k);
  dot_step(p, acc, row, rows, col, cols, k, p->width);
  loop_end(e, &loop);
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++)
      LLVMBuildStore(e->b, horizontal(p, LLVMBuildLoad2(e->b, wide, acc[r][c], "")), rest[r][c]);
  steps(p, stop, p->extent[SUM], 1, &loop, &k);
  dot_step(p, rest, row, rows, col, cols, k, 1);
  loop_end(e, &loop);
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++) {
      LLVMValueRef at = place(p, &p->c, ROW, index_add(e, row, constant(p, r)), COL, index_add(e, col, constant(p, c)));
      store(p, &p->c, at, LLVMBuildLoad2(e->b, one, rest[r][c], ""));
    }
}

static void dot_form(Product *p) {
  const int cols[] = {p->vecs, 1};
  cover(p, cols, 2, dot_tile, NULL);
}

/* ---- the unit ---------------------------------------------------------------------------------------------------- */

void emit_tiled(Emit *e, Unit *u) {
  Product p = {.e = e, .u = u, .elem = u->v->type->elem};
  if (!e->g->vector_bytes || !analyse(&p)) {
    emit_nest(e, &u, 1);
    return;
  }
  p.width = e->g->vector_bytes / elem_size(p.elem);
  p.vecs = e->g->vector_bytes == 64 ? 4 : 2;
  Dim *extent[MAX_LABEL];
  int n = label_extents(u->op, extent), nouter = 0;
  Loop loop[MAX_LABEL];
  LLVMValueRef outer[MAX_LABEL];
  for (int l = 0; l < n; l++) {
    outer[l] = e->zero;
    if (!extent[l] || dim_is(extent[l], 1) || l == p.label[ROW] || l == p.label[COL] || l == p.label[SUM]) continue;
    outer[l] = loop_begin(e, &loop[nouter++], dim_of(e, extent[l]));
  }
  for (int k = 0; k < 3; k++) p.extent[k] = dim_of(e, extent[p.label[k]]);
  Matrix *m[] = {&p.a, &p.b, &p.c};
  for (int k = 0; k < 3; k++) locate(&p, m[k], outer);
  p.a.base = e->where[p.a.v->id], p.a.object = e->object[p.a.v->id];
  p.b.base = e->where[p.b.v->id], p.b.object = e->object[p.b.v->id];
  p.c.base = unit_target(e, u, &p.c.object);
  if (last_label(&p.b) == p.label[COL])
    outer_form(&p);
  else
    dot_form(&p);
  while (nouter > 0) loop_end(e, &loop[--nouter]);
}
