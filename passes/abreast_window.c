/* abreast_window.c - entries of tensors that a strip's iterations read and set, for all lanes of a block.
 *
 * An entry is a slice of length 1 at the iteration's number: of a block, it is one slice of all lanes' entries, and their axis goes last:
 *
 *     slice x {i, 0} : f64[1, 3]        ═►        slice x {8 b, 0} : f64[8, 3] ─► f64[1, 3, 8]
 *
 * Requires: a strip whose counter has a symbol.  Ensures: as abreast_ops.c. */
#include "passes/abreast.h"

static const Type *part_of(const Op *op) { return op->code == OP_slice ? op->res[0]->type : op->opd[1]->type; }

/* The axis that is cut at the iteration's number; -1: it is another window. */
static int own_axis(const Abreast *t, const Op *op) {
  const Type *part = part_of(op);
  int own = -1;
  for (int a = 0; a < part->rank; a++) {
    if (op->u.slice.stride[a] != 1) return -1;
    if (!lane_sym(t, op->u.slice.start[a]) && !dim_mentions(op->u.slice.start[a], t->index)) continue;
    if (own >= 0 || op->u.slice.start[a] != dim_sym(t->ctx, t->index) || !dim_is(part->dim[a], 1)) return -1;
    own = a;
  }
  return own;
}

bool lane_is_window(const Abreast *t, const Op *op) { return own_axis(t, op) >= 0; }

static bool same_window(const Op *x, const Op *y) {
  if (part_of(x) != part_of(y)) return false;
  for (int a = 0; a < part_of(x)->rank; a++)
    if (x->u.slice.start[a] != y->u.slice.start[a]) return false;
  return true;
}

Op *lane_sets_window(const Abreast *t, int k) {
  const Region *body = t->loop->reg[0];
  Value *held = body->param[1 + k], *next = body->res[k];
  Op *op = next->def;
  if (!op || op->parent != body || op->code != OP_set_slice || op->opd[0] != held || !lane_is_window(t, op)) return NULL;
  int reads = 0;
  for (const Op *r = body->first; r; r = r->next)
    reads += r->code == OP_slice && r->opd[0] == held && lane_is_window(t, r) && same_window(r, op);
  return region_count_uses(body, next) == 1 && region_count_uses(body, held) == reads + 1 ? op : NULL;
}

typedef struct Lanes { Dim *start[MAX_RANK], *size[MAX_RANK]; int64_t stride[MAX_RANK]; } Lanes;

static Lanes lanes_of(Abreast *t, const Op *op, int own) {
  Lanes w;
  for (int a = 0; a < part_of(op)->rank; a++) {
    w.start[a] = a == own ? t->at : clone_dim(t->map, op->u.slice.start[a]);
    w.size[a] = a == own ? t->width : clone_dim(t->map, part_of(op)->dim[a]);
    w.stride[a] = 1;
  }
  return w;
}

Value *lane_read_window(Abreast *t, Builder *b, const Op *op) {
  int own = own_axis(t, op);
  Lanes w = lanes_of(t, op, own);
  Value *x = lane_last(b, b_slice(b, lane_image(t, op->opd[0]), w.start, w.stride, w.size), own);
  Type *type = lane_type(t, op->res[0]->type);
  return b_reshape(b, x, type->rank, type->dim);
}

Value *lane_write_window(Abreast *t, Builder *b, const Op *op, Value *held) {
  int own = own_axis(t, op), perm[MAX_RANK], n = 0;
  Lanes w = lanes_of(t, op, own);
  Value *v = lane_full(t, b, op->opd[1]);
  Dim *dim[MAX_RANK];
  for (int a = 0; a < v->type->rank; a++)
    if (a != own) dim[n++] = v->type->dim[a];
  v = b_reshape(b, v, n, dim);
  for (int a = 0; a < n; a++) perm[a] = a < own ? a : a == own ? n - 1 : a - 1;
  return b_set_slice(b, held, own == n - 1 ? v : b_transpose(b, v, perm), w.start, w.stride);
}
