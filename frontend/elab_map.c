/* elab_map.c - elementwise operations of tensors with labels: element types, NumPy broadcasting, contraction. */
#include "frontend/elab_core.h"

/* ---- element types ---- */

Tval *tv_cast(Elab *e, Tval *v, Elem elem) {
  if (v->type->elem == elem) return v;
  if (v->literal && v->scalar_const && v->type->rank == 0 && v->nlabel == 0) {
    Tval *t = tv_number(e, v->loc, elem, v->number);
    t->literal = true;
    return t;
  }
  Tval *t = tv_tensor(e, v->loc, type_with_elem(e->ctx, v->type, elem), b_cast(&e->b, v->v, elem), v->nlabel, v->label);
  t->scalar_const = v->scalar_const;
  t->number = v->number;
  if (elem_is_int(elem) && elem_is_int(v->type->elem)) t->dim = v->dim;
  return t;
}

bool tv_to_real(Elab *e, Tval **v) {
  if (!elem_is_real((*v)->type->elem)) *v = tv_cast(e, *v, e->options->real);
  return true;
}

static void mix_error(Elab *e, Loc loc, Tval *a, Tval *b) {
  Diag *d = diag_error(e->ctx, loc, E_ELEM_MIX, "%s and %s do not mix", show_type(e, a->type), show_type(e, b->type));
  diag_note(e->ctx, d, a->loc, "%s", show_type(e, a->type));
  diag_note(e->ctx, d, b->loc, "%s", show_type(e, b->type));
  Elem to = a->type->elem == BOOL ? b->type->elem : a->type->elem;
  diag_help(e->ctx, d, "cast one of them: %s(…)", elem_name(to));
}

/* The element type of one non-literal beside what was found so far; false: they do not mix. */
static bool join_elem(Elem *sofar, Elem next) {
  if (*sofar == next) return true;
  if (*sofar == BOOL || next == BOOL) return false;
  if (elem_is_real(*sofar) && elem_is_real(next)) return false;
  if (elem_is_real(next) || (next == I64 && *sofar == I32)) *sofar = next;
  return true;
}

bool tv_unify_elem(Elab *e, Loc loc, int n, Tval **v) {
  Elem elem = ELEM_COUNT;
  Tval *first = NULL;
  bool real_literal = false;
  for (int i = 0; i < n; i++) {
    if (v[i]->literal) {
      real_literal = real_literal || elem_is_real(v[i]->type->elem);
      continue;
    }
    if (!first) {
      first = v[i];
      elem = v[i]->type->elem;
    } else if (!join_elem(&elem, v[i]->type->elem)) {
      mix_error(e, loc, first, v[i]);
      return false;
    }
  }
  if (!first) elem = real_literal ? e->options->real : I64;
  if (first && elem == BOOL && n > 1)
    for (int i = 0; i < n; i++)
      if (v[i]->literal) {
        mix_error(e, loc, first, v[i]);
        return false;
      }
  if (real_literal && elem_is_int(elem)) elem = e->options->real;
  for (int i = 0; i < n; i++) v[i] = tv_cast(e, v[i], elem);
  return true;
}

/* ---- broadcasting ---- */

bool tv_same_dim(Elab *e, Loc loc, Dim *a, Dim *b, const char *what) {
  if (a == b) return true;
  Diag *d = diag_error(e->ctx, loc, E_DIM_DIFFER, "%s differ: '%s' and '%s'", what, show_dim(e, a), show_dim(e, b));
  int64_t v;
  if (!dim_is_const(dim_sub(e->ctx, a, b), &v))
    diag_help(e->ctx, d,
              "where they are equal for a reason that the compiler cannot see, `let y: real[…, %s] = …` says so",
              show_dim(e, a));
  return false;
}

static const char *newaxis_form(Elab *e, const Type *t, int at, int rank) {
  Text s;
  text_init(&s, e->ctx->arena);
  text_add(&s, "[");
  for (int i = 0; i < rank; i++) {
    bool present = i >= at && i < at + t->rank;
    text_add(&s, "%s%s", i ? ", " : "", present ? ":" : "None");
  }
  text_add(&s, "]");
  return s.s;
}

static const char *operand_text(Elab *e, const Tval *t) {
  if (t->loc.file < 0 || t->loc.end - t->loc.begin > 24 || t->loc.file >= e->ctx->nsource) return "…";
  return arena_strndup(e->ctx->arena, e->ctx->source[t->loc.file]->text + t->loc.begin,
                       (size_t)(t->loc.end - t->loc.begin));
}

static void broadcast_error(Elab *e, Loc loc, Tval *a, Dim *da, Tval *b, Dim *db) {
  Diag *d =
      diag_error(e->ctx, loc, E_DIM_DIFFER, "these dimensions differ: '%s' and '%s'", show_dim(e, da), show_dim(e, db));
  diag_note(e->ctx, d, a->loc, "%s: %s", operand_text(e, a), show_type(e, a->type));
  diag_note(e->ctx, d, b->loc, "%s: %s", operand_text(e, b), show_type(e, b->type));
  int ra = a->type->rank, rb = b->type->rank;
  if (ra == 1 && rb == 1) {
    diag_help(e->ctx, d, "for all pairs, give each an axis of length 1: %s[:, None] and %s[None, :]",
              operand_text(e, a), operand_text(e, b));
  } else if (ra == 2 && rb == 2 && a->type->dim[1] == b->type->dim[1]) {
    diag_help(e->ctx, d, "broadcast one of them: %s[:, None, :] and %s[None, :, :]", operand_text(e, a),
              operand_text(e, b));
  } else if (ra != rb) {
    Tval *small = ra < rb ? a : b, *large = ra < rb ? b : a;
    int rs = small->type->rank, rl = large->type->rank;
    for (int at = rl - rs - 1; at >= 0; at--) {
      bool fits = true;
      for (int i = 0; i < rs; i++) fits = fits && small->type->dim[i] == large->type->dim[at + i];
      if (fits) {
        const char *form = newaxis_form(e, small->type, at, rl);
        /* Leading new axes come by themselves, but are shown: the form then names every axis. */
        diag_help(e->ctx, d, "say which axes it lacks: %s%s", operand_text(e, small), form);
        return;
      }
    }
  }
}

bool common_shape(Elab *e, Loc op_loc, int n, Tval **v, int *rank, Dim **dims) {
  *rank = 0;
  for (int i = 0; i < n; i++)
    if (v[i]->type->rank > *rank) *rank = v[i]->type->rank;
  for (int axis = 0; axis < *rank; axis++) {
    Tval *from = NULL;
    dims[axis] = NULL;
    for (int i = 0; i < n; i++) {
      int at = axis - (*rank - v[i]->type->rank);
      if (at < 0) continue;
      Dim *d = v[i]->type->dim[at];
      if (!from || dim_is(dims[axis], 1)) {
        from = v[i];
        dims[axis] = d;
      } else if (d != dims[axis] && !dim_is(d, 1)) {
        broadcast_error(e, op_loc, from, dims[axis], v[i], d);
        return false;
      }
    }
  }
  return true;
}

bool tv_broadcast(Elab *e, Loc loc, Loc op_loc, int n, Tval **v) {
  (void)loc;
  int rank, nlabel;
  Dim *dims[MAX_RANK];
  Index *label[MAX_LABELS];
  if (!common_shape(e, op_loc, n, v, &rank, dims)) return false;
  union_labels(e, n, v, &nlabel, label);
  for (int i = 0; i < n; i++) v[i] = tv_expand(e, v[i], nlabel, label, rank, dims);
  return true;
}

/* ---- map ---- */

static bool map_elems(Elab *e, Loc loc, Opcode op, int n, Tval **v) {
  switch (op_info[op].sig) {
  case SIG_REAL:
    if (!tv_unify_elem(e, loc, n, v)) return false;
    for (int i = 0; i < n; i++) tv_to_real(e, &v[i]);
    return true;
  case SIG_SELECT: return tv_unify_elem(e, loc, 2, v + 1);
  case SIG_POLY: return tv_to_real(e, &v[1]);
  case SIG_BOOL:
  case SIG_CAST: return true;
  default: return n < 2 || tv_unify_elem(e, loc, n, v);
  }
}

Tval *tv_map(Elab *e, Loc loc, Loc op_loc, Opcode op, int n, Tval **v) {
  Tval *w[3];
  Value *x[3];
  for (int i = 0; i < n; i++) {
    if (is_error(v[i])) return tv_error(e, loc);
    w[i] = v[i];
  }
  if (!map_elems(e, op_loc, op, n, w) || !tv_broadcast(e, loc, op_loc, n, w)) return tv_error(e, loc);
  for (int i = 0; i < n; i++) x[i] = w[i]->v;
  Value *r = b_map(&e->b, op, n, x);
  Tval *t = tv_with(e, w[0], type_with_elem(e->ctx, w[0]->type, r->type->elem), r);
  t->loc = loc;
  return t;
}

/* ---- contraction ---- */

/* Zeros where the user's ragged axis does not count, so that it may be summed. */
static Tval *zero_beyond(Elab *e, Loc loc, Tval *x, const char *lx, const char *lout) {
  int axis[MAX_USER_RANK], n = 0;
  for (int i = 0; i < x->type->rank; i++) {
    const char *p = lout;
    while (*p && *p != lx[i]) p++;
    if (!*p) axis[n++] = i;
  }
  Tval *m = ragged_mask(e, loc, x->type->rank, x->type->dim, n, axis);
  if (!m) return x;
  Tval *v[3] = {m, x, tv_number(e, loc, x->type->elem, 0)};
  return tv_map(e, loc, loc, OP_select, 3, v);
}

/* Labels of a value: its batch labels' places among the common ones, then the user's letters. */
static void labels_of(Tval *x, const char *l, int nlabel, Index *const *label, int8_t *letter_id, int *next,
                      int8_t *to) {
  int n = 0;
  for (int i = 0; i < x->nlabel; i++)
    for (int j = 0; j < nlabel; j++)
      if (label[j] == x->label[i]) to[n++] = (int8_t)j;
  for (; *l; l++) {
    int8_t *id = &letter_id[(unsigned char)*l];
    if (*id < 0) *id = (int8_t)(*next)++;
    to[n++] = *id;
  }
}

Tval *tv_contract(Elab *e, Loc loc, Tval *x, const char *lx, Tval *y, const char *ly, const char *lout) {
  if (is_error(x) || (y && is_error(y))) return tv_error(e, loc);
  Tval *v[2] = {x, y};
  if (y && !tv_unify_elem(e, loc, 2, v)) return tv_error(e, loc);
  v[0] = zero_beyond(e, loc, v[0], lx, lout);
  if (y) v[1] = zero_beyond(e, loc, v[1], ly, lout);
  Index *label[MAX_LABELS];
  int nlabel, rank = 0;
  union_labels(e, y ? 2 : 1, v, &nlabel, label);
  int8_t id[256], from[2][MAX_RANK], to[MAX_RANK];
  for (int i = 0; i < 256; i++) id[i] = -1;
  int next = nlabel;
  labels_of(v[0], lx, nlabel, label, id, &next, from[0]);
  if (y) labels_of(v[1], ly, nlabel, label, id, &next, from[1]);
  Dim *dims[MAX_USER_RANK];
  for (int i = 0; i < nlabel; i++) to[i] = (int8_t)i;
  for (const char *l = lout; *l; l++, rank++) {
    if (rank == MAX_USER_RANK) return rank_fits(e, loc, rank + 1), tv_error(e, loc);
    to[nlabel + rank] = id[(unsigned char)*l];
    for (int k = 0; k < (y ? 2 : 1); k++)
      for (int i = 0; i < v[k]->type->rank; i++)
        if ((k ? ly : lx)[i] == *l) dims[rank] = v[k]->type->dim[i];
  }
  Elem elem = v[0]->type->elem;
  Value *r = b_contract_raw(&e->b, v[0]->v, from[0], y ? v[1]->v : NULL, from[1], to,
                            value_type(e, elem, nlabel, label, rank, dims));
  return tv_tensor(e, loc, type_tensor(e->ctx, elem, rank, dims), r, nlabel, label);
}
