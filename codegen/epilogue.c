/* epilogue.c - loop nests over a matrix product that are done piece by piece, each piece as soon as the product's kernel has finished it.
 *
 *   Z = X W: stored, n m elements                 a tile of Z, in registers; then, of some thousand elements that are in the cache,
 *   H = tanh(Z + b): Z from memory, H stored  ═►        H[i, j] = tanh(Z[i, j] + b[j])
 *   s = Σ H²                                            s += H[i, j]²
 *
 * Requires: groups, in an order in which every value is made before it is read.  Ensures: the group that rides on a product comes next
 * to it, has the product's axes for loops, reads it at their own indices only, and writes nothing that the product reads.  A product that
 * nobody else reads lives in the memory of what the group makes of it, where that has the same type. */
#include "codegen/plan.h"
#include <string.h>

static Op *product_of(const Group *g) { return g->n == 1 && g->unit[0]->tiled ? g->unit[0]->op : NULL; }

/* The axes of a product that have more than one entry, in their order, are the unit's loops: by level; false if they are not. */
static bool has_axes(const Unit *u, const Type *t) {
  int level = 0;
  for (int a = 0; a < t->rank; a++)
    if (!dim_is(t->dim[a], 1) && (level == u->nlevel || u->level[level++] != t->dim[a])) return false;
  return level == u->nlevel;
}

static bool at_own_index(const Read *r) {
  int level = 0;
  for (int a = 0; a < r->v->type->rank; a++)
    if (!dim_is(r->v->type->dim[a], 1) && r->level[a] != level++) return false;
  return true;
}

/* Folds of single elements, of all but an axis, or of the columns, the last axis. */
static bool folds_in_pieces(const Plan *p, const Unit *u) {
  return !p->root->grain && !u->into && (u->acc_level <= 0 || u->acc_level == u->nlevel - 1);
}

static bool may_ride(const Plan *p, const Unit *u, const Unit *product) {
  if (u->tiled || matvec_of(p, u) != MATVEC_NONE) return false;
  if (u->kind != UNIT_STORE && (u->kind != UNIT_REDUCE || !folds_in_pieces(p, u))) return false;
  if (!has_axes(u, product->v->type)) return false;
  if (u->op && u->v->type->rank && type_mentions_value(u->v->type)) return false;
  if (!product->always)
    for (int w = 0; w < p->need_words; w++)
      if (u->always || (u->need[w] & ~product->need[w])) return false;
  Unit all = reads_anew((Plan *)p, u);
  for (int k = 0; k < all.nread; k++)
    if (all.read[k].v == product->v && !at_own_index(&all.read[k])) return false;
  if (!u->op || p->producer[u->v->id] != u) return true;
  for (int k = 0; k < product->nread; k++)
    if (same_memory(p, product->read[k].v, u->v)) return false;
  return true;
}

static bool is_block(const Type *t) {
  for (int i = 0; i < t->rank; i++)
    if (dim_is_limited(t->dim[i])) return true;
  return false;
}

/* Where one kernel call makes all terms of an element, and its elements are consecutive in rows.  A block that a loop goes through is in
 * the cache when it is complete, and calls for its pieces would cost more than they save. */
static bool carries(const Plan *p, const Unit *u) {
  Product x;
  int columns = 0;
  if (is_block(u->v->type)) return false;
  if ((u->into && u->into->code == OP_set_slice) || type_mentions_value(u->v->type)) return false;
  if (!product_find(p->ctx, u->op, &x)) return false;
  for (int l = 0; l < MAX_LABEL; l++) {
    if (x.kind[l] == PRODUCT_SUM && !x.in[l]) return false;
    columns += x.kind[l] == PRODUCT_COL;
  }
  return columns == 1;
}

/* The product may be computed after the group: neither touches what the other one makes. */
static bool may_pass(const Plan *p, const Unit *product, const Group *g) {
  for (int i = 0; i < g->n; i++) {
    const Unit *u = g->unit[i];
    if (touches(p, u, product->v) || u->sub[0] || u->sub[1]) return false;
    for (int k = 0; u->op && k < u->op->nres; k++)
      if (touches(p, product, u->op->res[k])) return false;
    if (u->into && touches(p, product, u->v)) return false;
  }
  return true;
}

/* ---- in one memory --------------------------------------------------------------------------------------------------------- */

static bool reads(const Plan *p, const Unit *u, const Value *v) {
  Unit all = reads_anew((Plan *)p, u);
  for (int k = 0; k < all.nread; k++)
    if (all.read[k].v == v) return true;
  return false;
}

static bool read_beside(const Plan *p, const Value *v, const Group *g) {
  for (int i = 0; i < p->nunit; i++) {
    bool in = false;
    for (int j = 0; j < g->n; j++) in |= p->unit[i] == g->unit[j];
    for (int k = 0; !in && k < p->unit[i]->nread; k++)
      if (p->unit[i]->read[k].v == v) return true;
  }
  for (int k = 0; p->exit && k < p->exit->nread; k++)
    if (p->exit->read[k].v == v) return true;
  return false;
}

/* What the group's last reader of the product stores takes its place, element by element. */
static void share_memory(Plan *p, Value *v, const Group *g) {
  if (p->value[v->id].shared || p->value[v->id].result >= 0 || read_beside(p, v, g)) return;
  for (int i = g->n; i-- > 0;) {
    const Unit *u = g->unit[i];
    if (!reads(p, u, v)) continue;
    ValueInfo *x = &p->value[v->id], *y = &p->value[u->v->id];
    if (u->kind != UNIT_STORE || u->v->type != v->type) return;
    bool own = u->op && p->producer[u->v->id] == u && y->place == PLACE_BUFFER;
    if (own ? y->shared || y->local : u->result < 0) return;
    if (own) x->home = y->home;
    else x->result = u->result;
    x->shared = true;
    y->shared |= own;
    return;
  }
}

/* ---- the order of groups --------------------------------------------------------------------------------------------------- */

static void ride(Plan *p, int from, int to) {
  Group product = p->group[from], *g = &p->group[to];
  memmove(&p->group[from], &p->group[from + 1], sizeof *g * (size_t)(to - from - 1));
  g[-1] = product;
  g[-1].epilogue = true;
  g->rides = true;
  share_memory(p, product.unit[0]->v, g);
}

static bool find_rider(Plan *p, int from) {
  const Unit *product = p->group[from].unit[0];
  for (int to = from + 1; to < p->ngroup; to++) {
    const Group *g = &p->group[to];
    bool rides = !g->rides;
    for (int i = 0; rides && i < g->n; i++) rides = may_ride(p, g->unit[i], product);
    bool reader = false;
    for (int i = 0; i < g->n; i++) reader |= touches(p, g->unit[i], product->v);
    if (rides && reader) {
      ride(p, from, to);
      return true;
    }
    if (!may_pass(p, product, g)) return false;
  }
  return false;
}

/* From the last product to the first: of several that a group reads the last one carries it. */
void plan_epilogues(Plan *p) {
  for (int g = p->ngroup; g-- > 0;)
    if (product_of(&p->group[g]) && carries(p, p->group[g].unit[0])) find_rider(p, g);
}
