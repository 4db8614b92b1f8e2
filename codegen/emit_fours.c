/* emit_fours.c - the two innermost loops of a matrix by a vector, four rows at a time.
 *
 * Requires: a nest of such sums alone.  Ensures: as emit_nest.  A load of the vector does for four rows, whose sums run side by side:
 *
 *      y[i … i+3] = Σ_k A[i … i+3, k] x[k]           y[j] += A[i, j] x[i] + … + A[i+3, j] x[i+3]
 *
 * Where the sum is the outer loop, a result in memory is fetched and put back once for four terms: a load waits for the store before it,
 * and long for one under a mask. */
#include "codegen/nest.h"
#include <string.h>

enum { ROWS = MATVEC_ROWS, MOST_UNITS_BY_FOUR = 2 };

/* The outer loop of the two runs once for each element of the result, over all terms. */
static bool sums_once(const Nest *k, int outer) {
  for (int l = 0; l < outer; l++)
    if (!keeps_level(k->unit[0], l) || nest_is_trimmed(k, l)) return false;
  return true;
}

bool by_four(Nest *k) {
  const Unit *head = k->unit[0];
  int inner = head->nlevel - 1, outer = inner - 1;
  Matvec kind = matvec_of(k->e->p, head);
  if (!kind || !k->e->g->vector_bytes || k->n > MOST_UNITS_BY_FOUR || k->tiny || nest_folds_few(k, inner)) return false;
  if (nest_is_trimmed(k, outer) || nest_is_trimmed(k, inner)) return false;
  for (int i = 0; i < k->n; i++)
    if (matvec_of(k->e->p, k->unit[i]) != kind) return false;
  k->begins = kind == MATVEC_BY_COLUMNS && sums_once(k, outer);
  for (int i = 0; i < k->n; i++) k->begins &= !nest_has_part(k->unit[i]); /* which begins with the neutral element */
  return true;
}

/* Four indices from the counter of fours on; beyond the last it is the last once more, and not valid. */
typedef struct Four { LLVMValueRef at[ROWS], valid[ROWS], first; } Four;

static void fours_begin(Nest *k, Loop *loop, Four *r) {
  Emit *e = k->e;
  const Unit *head = k->unit[0];
  bool part = k->from && head->nlevel == 2;
  LLVMValueRef from = part ? k->from : e->zero, n = part ? k->to : dim_of(e, head->level[head->nlevel - 2]);
  LLVMValueRef last = LLVMBuildNSWSub(e->b, n, e->one, "");
  LLVMValueRef up = LLVMBuildNSWAdd(e->b, LLVMBuildNSWSub(e->b, n, from, ""), LLVMConstInt(e->g->i64, ROWS - 1, false), "");
  LLVMValueRef i = loop_begin(e, loop, LLVMBuildLShr(e->b, up, LLVMConstInt(e->g->i64, 2, false), ""));
  loop->as_it_is = true;
  for (int u = 0; u < ROWS; u++) {
    LLVMValueRef at = LLVMBuildNSWMul(e->b, i, LLVMConstInt(e->g->i64, ROWS, false), "");
    at = index_add(e, index_add(e, at, from), LLVMConstInt(e->g->i64, (unsigned)u, false));
    r->valid[u] = LLVMBuildICmp(e->b, LLVMIntSLT, at, n, "");
    r->at[u] = LLVMBuildSelect(e->b, r->valid[u], at, last, "");
  }
  r->first = LLVMBuildICmp(e->b, LLVMIntEQ, r->at[0], e->zero, "");
}

/* A row that is the last one once more is put once more. */
static void sum_rows(Nest *k) {
  Emit *e = k->e;
  int inner = k->unit[0]->nlevel - 1;
  Loop outer, loop;
  Four r;
  LLVMValueRef acc[ROWS][MOST_UNITS_BY_FOUR];
  for (int x = 0; x < ROWS * k->n; x++) acc[x / k->n][x % k->n] = new_alloca(e, elem_reg(e->g, k->unit[x % k->n]->v->type->elem));
  fours_begin(k, &outer, &r);
  for (int x = 0; x < ROWS * k->n; x++) LLVMBuildStore(e->b, nest_neutral(e, k->unit[x % k->n]), acc[x / k->n][x % k->n]);
  k->idx[inner] = loop_begin(e, &loop, dim_of(e, k->unit[0]->level[inner]));
  loop.whole = dim_is_limited(k->unit[0]->level[inner]);
  for (int u = 0; u < ROWS; u++) {
    k->idx[inner - 1] = r.at[u];
    memcpy(k->acc, acc[u], sizeof *k->acc * (size_t)k->n);
    for (int i = 0; i < k->n; i++) nest_fold_into_register(k, i, nest_term(k, k->unit[i]));
  }
  loop_end(e, &loop);
  for (int u = 0; u < ROWS; u++) {
    k->idx[inner - 1] = r.at[u];
    for (int i = 0; i < k->n; i++) {
      LLVMTypeRef t = elem_reg(e->g, k->unit[i]->v->type->elem);
      nest_put(k, k->unit[i], LLVMBuildLoad2(e->b, t, acc[u][i], ""));
    }
  }
  loop_end(e, &outer);
}

/* The first four terms begin the result, unless it is summed further out as well. */
static void add_rows(Nest *k) {
  Emit *e = k->e;
  int inner = k->unit[0]->nlevel - 1;
  Loop outer, loop;
  Four r;
  fours_begin(k, &outer, &r);
  k->idx[inner] = loop_begin(e, &loop, dim_of(e, k->unit[0]->level[inner]));
  loop.whole = dim_is_limited(k->unit[0]->level[inner]);
  for (int i = 0; i < k->n; i++) {
    const Unit *u = k->unit[i];
    LLVMValueRef idx[MAX_RANK], sum;
    int object;
    nest_index(k, u, idx);
    LLVMValueRef base = unit_target(e, u, &object), at = nest_place(e, u, idx);
    if (k->part[i]) base = k->part[i];
    sum = load_elem(e, base, object, u->v->type, at);
    if (!u->adds && k->begins) sum = LLVMBuildSelect(e->b, r.first, nest_neutral(e, u), sum, "");
    for (int row = 0; row < ROWS; row++) {
      k->idx[inner - 1] = r.at[row];
      sum = LLVMBuildSelect(e->b, r.valid[row], nest_fold(e, u, sum, nest_term(k, u)), sum, "");
    }
    store_elem(e, base, object, u->v->type, at, sum);
  }
  loop_end(e, &loop);
  loop_end(e, &outer);
}

void emit_fours(Nest *k) {
  if (emit_matvec(k)) return;
  if (matvec_of(k->e->p, k->unit[0]) == MATVEC_BY_ROWS) sum_rows(k);
  else add_rows(k);
}
