/* elab_shape.c - values with labels: making them, bringing them to common labels and shapes, masks and checks.
 *
 * Ensures for every tensor: the value's axes are one for each label, as long as the index's extent, then the user's
 * axes, each as long as dim_extent of its dimension. */
#include "frontend/elab_core.h"

Tval *tv_error(Elab *e, Loc loc) {
  Tval *t = NEW(e->ctx->arena, Tval);
  t->kind = TV_ERROR;
  t->loc = loc;
  return t;
}

bool is_error(const Tval *t) { return t->kind == TV_ERROR; }

bool rank_fits(Elab *e, Loc loc, int rank) {
  if (rank <= MAX_USER_RANK) return true;
  diag_error(e->ctx, loc, E_RANK, "a tensor has at most %d axes, but this one would have %d", MAX_USER_RANK, rank);
  return false;
}

Tval *tv_tensor(Elab *e, Loc loc, Type *type, Value *v, int nlabel, Index *const *label) {
  if (!rank_fits(e, loc, type->rank)) return tv_error(e, loc);
  Tval *t = NEW(e->ctx->arena, Tval);
  t->kind = TV_TENSOR;
  t->loc = loc;
  t->type = type;
  t->v = v;
  t->nlabel = nlabel;
  t->label = nlabel ? arena_dup(e->ctx->arena, label, sizeof *label * (size_t)nlabel) : NULL;
  return t;
}

/* A new value with the labels of `model`. */
Tval *tv_with(Elab *e, Tval *model, Type *type, Value *v) {
  return tv_tensor(e, e->b.loc, type, v, model->nlabel, model->label);
}

/* x[i] and x[j] are one Value, of which the labels alone tell what is meant. */
bool tv_same(const Tval *x, const Tval *y) {
  bool same = x->v == y->v && x->type == y->type && x->nlabel == y->nlabel;
  for (int i = 0; i < x->nlabel && same; i++) same = x->label[i] == y->label[i];
  return same;
}

Tval *tv_number(Elab *e, Loc loc, Elem elem, double v) {
  Tval *t = tv_tensor(e, loc, type_scalar(e->ctx, elem), b_const(&e->b, elem, v), 0, NULL);
  t->scalar_const = true;
  t->number = v;
  return t;
}

Tval *tv_tuple(Elab *e, Loc loc, int n, Tval *const *part) {
  Tval *t = NEW(e->ctx->arena, Tval);
  t->kind = TV_TUPLE;
  t->loc = loc;
  t->npart = n;
  t->part = arena_dup(e->ctx->arena, part, sizeof *part * (size_t)n);
  return t;
}

/* ---- dimensions that mention indices ---- */

static bool mentions_kind(const Dim *d, SymKind kind) {
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      if (a->kind == ATOM_SYM ? a->sym->kind == kind : mentions_kind(a->a, kind) || mentions_kind(a->b, kind)) return true;
    }
  return false;
}
static bool ragged(const Dim *d) { return mentions_kind(d, SYM_INDEX); }

bool dim_runtime(const Dim *d) { return mentions_kind(d, SYM_VALUE); }

bool dim_ragged(Elab *e, const Dim *d) {
  (void)e;
  return ragged(d);
}

bool type_ragged(Elab *e, const Type *t) {
  for (int i = 0; i < t->rank; i++)
    if (dim_ragged(e, t->dim[i])) return true;
  return false;
}

/* One more than the largest value where that is plainly no negative number: `k < i` for i < n is given n places, not n
 * - 1. */
Dim *dim_extent(Elab *e, Dim *d) {
  if (!d || !ragged(d)) return d;
  Dim *u = dim_upper(e->ctx, d), *one = dim_const(e->ctx, 1);
  if (!u || dim_nonneg(e->ctx, u)) return u;
  Dim *next = dim_add(e->ctx, u, one);
  return next && dim_nonneg(e->ctx, next) ? next : dim_max(e->ctx, dim_const(e->ctx, 0), u);
}

Type *value_type(Elab *e, Elem elem, int nlabel, Index *const *label, int rank, Dim *const *dims) {
  Dim *d[MAX_LABELS + MAX_USER_RANK];
  if (nlabel > MAX_LABELS || rank > MAX_USER_RANK) bug("value of %d labels and %d axes", nlabel, rank);
  for (int i = 0; i < nlabel; i++) d[i] = label[i]->extent;
  for (int i = 0; i < rank; i++) d[nlabel + i] = dim_extent(e, dims[i]);
  return type_tensor(e->ctx, elem, nlabel + rank, d);
}

/* ---- what the loops around tell ---- */

/* The counter of the innermost loop that d depends on. */
static Sym *last_counter(const Dim *d) {
  Sym *last = NULL;
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      Sym *s = d->term[i].factor[j]->sym;
      if (d->term[i].factor[j]->kind == ATOM_SYM && s->kind == SYM_VALUE && s->lo && s->hi && (!last || s->id > last->id))
        last = s;
    }
  return last;
}

/* d is linear in the counters, which are put at the end of their ranges where d is least. */
bool proved_nonneg(Elab *e, Dim *d) {
  Ctx *c = e->ctx;
  Dim *one = dim_const(c, 1);
  for (int steps = 0; d && steps < 16; steps++) {
    if (dim_nonneg(c, d)) return true;
    Sym *s = last_counter(d);
    if (!s) return false;
    DimSubst next = {s, dim_add(c, dim_sym(c, s), one)}, end = {s, NULL};
    Dim *slope = dim_sub(c, dim_subst(c, d, &next, 1), d);
    if (!slope || dim_mentions(slope, s)) return false;
    if (proved_nonneg(e, slope))
      end.to = s->lo;
    else if (proved_nonneg(e, dim_sub(c, dim_const(c, 0), slope)))
      end.to = dim_sub(c, s->hi, one);
    if (!end.to) return false;
    d = dim_subst(c, d, &end, 1);
  }
  return false;
}

bool proved_le(Elab *e, Dim *a, Dim *b) { return dim_le(e->ctx, a, b) || proved_nonneg(e, dim_sub(e->ctx, b, a)); }

/* ---- ints of known value ---- */

static Tval *index_tval(Elab *e, Loc loc, Index *i) {
  Type *t = type_tensor(e->ctx, I64, 1, &i->extent);
  return tv_tensor(e, loc, type_scalar(e->ctx, I64), b_iota(&e->b, t, 0), 1, &i);
}

static Tval *atom_tval(Elab *e, Loc loc, const Atom *a) {
  if (a->kind == ATOM_SYM) {
    for (Index *i = e->index; i; i = i->outer)
      if (i->sym == a->sym) return index_tval(e, loc, i);
    if (a->sym->kind == SYM_INDEX && length_value(e, a->sym)) return length_value(e, a->sym);
    if (a->sym->kind == SYM_INDEX) bug("index '%s' is out of scope", a->sym->name);
    Tval *t = tv_tensor(e, loc, type_scalar(e->ctx, I64), b_dim(&e->b, dim_sym(e->ctx, a->sym)), 0, NULL);
    return t;
  }
  Tval *xy[2] = {dim_tval(e, loc, a->a), dim_tval(e, loc, a->b)};
  Opcode op = a->kind == ATOM_FLOORDIV ? OP_floordiv : a->kind == ATOM_MAX ? OP_max : OP_min;
  return tv_map(e, loc, loc, op, 2, xy);
}

/* The polynomial as a value; free of indices it is one `dim` op. */
Tval *dim_tval(Elab *e, Loc loc, Dim *d) {
  Ctx *c = e->ctx;
  int64_t known;
  if (dim_is_const(d, &known)) return tv_tensor(e, loc, type_scalar(c, I64), b_int(&e->b, known), 0, NULL);
  if (!ragged(d)) return tv_tensor(e, loc, type_scalar(c, I64), b_dim(&e->b, d), 0, NULL);
  Tval *sum = NULL;
  for (int i = 0; i < d->nterm; i++) {
    Tval *p = NULL;
    for (int j = 0; j < d->term[i].nfactor; j++) {
      Tval *f = atom_tval(e, loc, d->term[i].factor[j]);
      Tval *pf[2] = {p, f};
      p = p ? tv_map(e, loc, loc, OP_mul, 2, pf) : f;
    }
    Tval *k = tv_number(e, loc, I64, (double)d->term[i].coef), *kp[2] = {k, p};
    if (!p)
      p = k;
    else if (d->term[i].coef != 1)
      p = tv_map(e, loc, loc, OP_mul, 2, kp);
    Tval *sp[2] = {sum, p};
    sum = sum ? tv_map(e, loc, loc, OP_add, 2, sp) : p;
  }
  Tval *sd[2] = {sum, tv_number(e, loc, I64, (double)d->den)};
  return d->den == 1 ? sum : tv_map(e, loc, loc, OP_floordiv, 2, sd);
}

Tval *tv_int(Elab *e, Loc loc, Dim *d) {
  Tval *t = dim_tval(e, loc, d);
  int64_t v;
  t->dim = d;
  if (dim_is_const(d, &v)) {
    t->scalar_const = true;
    t->number = (double)v;
  }
  return t;
}

/* ---- common labels and shapes ---- */

bool union_labels(Elab *e, int n, Tval **v, int *nlabel, Index **label) {
  (void)e;
  *nlabel = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < v[i]->nlabel; j++) {
      Index *x = v[i]->label[j];
      int at = 0;
      while (at < *nlabel && label[at]->depth < x->depth) at++;
      if (at < *nlabel && label[at] == x) continue;
      if (*nlabel == MAX_LABELS) bug("more than %d labels", MAX_LABELS);
      for (int k = (*nlabel)++; k > at; k--) label[k] = label[k - 1];
      label[at] = x;
    }
  return *nlabel > 0;
}

static int label_at(Index *x, int n, Index *const *label) {
  for (int i = 0; i < n; i++)
    if (label[i] == x) return i;
  bug("label '%s' is missing", x->name);
}

/* x over more labels and a larger shape, right-aligned; an axis of length 1 stretches: it is summed away, or dropped
 * where there is no sum. */
Tval *tv_expand(Elab *e, Tval *x, int nlabel, Index *const *label, int rank, Dim *const *dims) {
  Type *user = type_tensor(e->ctx, x->type->elem, rank, dims);
  Type *want = value_type(e, x->type->elem, nlabel, label, rank, dims);
  Dim *left[MAX_RANK];
  int8_t from[MAX_RANK], to[MAX_RANK];
  int shift = rank - x->type->rank, fresh = nlabel + rank, n = 0;
  bool same = x->nlabel == nlabel && shift == 0, sums = x->type->elem != BOOL;
  for (; n < x->nlabel; n++) {
    from[n] = (int8_t)label_at(x->label[n], nlabel, label);
    left[n] = x->v->type->dim[n];
  }
  for (int i = 0; i < x->type->rank; i++) {
    bool stretched = x->type->dim[i] != dims[i + shift] && dim_is(x->type->dim[i], 1);
    same = same && !stretched;
    if (stretched && !sums) continue;
    left[n] = x->v->type->dim[x->nlabel + i];
    from[n++] = (int8_t)(stretched ? fresh++ : nlabel + shift + i);
  }
  if (same && x->type == user) return x;
  for (int i = 0; i < nlabel + rank; i++) to[i] = (int8_t)i;
  Value *v = same ? x->v : b_contract_raw(&e->b, b_reshape(&e->b, x->v, n, left), from, NULL, NULL, to, want);
  Tval *t = tv_tensor(e, x->loc, user, v, nlabel, label);
  t->literal = x->literal && rank == 0;
  t->dim = rank == 0 ? x->dim : NULL;
  return t;
}

void tv_align(Elab *e, int n, Tval **v) {
  Index *label[MAX_LABELS];
  int nlabel;
  union_labels(e, n, v, &nlabel, label);
  for (int i = 0; i < n; i++) v[i] = tv_expand(e, v[i], nlabel, label, v[i]->type->rank, v[i]->type->dim);
}

Tval *tv_broadcast_to(Elab *e, Tval *x, int rank, Dim *const *dims) {
  if (!rank_fits(e, x->loc, rank)) return tv_error(e, x->loc);
  return tv_expand(e, x, x->nlabel, x->label, rank, dims);
}

/* ---- masks and checks ---- */

/* True where every listed axis counts; NULL when none of them is ragged. */
Tval *ragged_mask(Elab *e, Loc loc, int rank, Dim *const *dims, int naxis, const int *axis) {
  Tval *all = NULL;
  for (int i = 0; i < naxis; i++) {
    if (!ragged(dims[axis[i]])) continue;
    Dim *extent = dim_extent(e, dims[axis[i]]);
    Tval *io = tv_iota(e, loc, 1, &extent, 0);
    Tval *lt[2] = {io, dim_tval(e, loc, dims[axis[i]])};
    Tval *m = tv_map(e, loc, loc, OP_lt, 2, lt);
    int8_t from[MAX_RANK], to[MAX_RANK];
    for (int k = 0; k < m->nlabel; k++) from[k] = (int8_t)k;
    from[m->nlabel] = (int8_t)(m->nlabel + axis[i]);
    for (int k = 0; k < m->nlabel + rank; k++) to[k] = (int8_t)k;
    Type *vt = value_type(e, BOOL, m->nlabel, m->label, rank, dims);
    Value *v = b_contract_raw(&e->b, m->v, from, NULL, NULL, to, vt);
    m = tv_with(e, m, type_tensor(e->ctx, BOOL, rank, dims), v);
    Tval *both[2] = {all, m};
    all = all ? tv_map(e, loc, loc, OP_and, 2, both) : m;
  }
  return all;
}

Value *mask_for(Elab *e, int nlabel, Index *const *label) {
  if (!e->mask) return NULL;
  return tv_expand(e, e->mask, nlabel, label, 0, NULL)->v;
}

static bool has_label(const Tval *v, const Index *i) {
  for (int k = 0; k < v->nlabel; k++)
    if (v->label[k] == i) return true;
  return false;
}

/* Of no elements nothing is asked: what is the same for all values of an index is not, where it has none. */
static Tval *unless_empty(Elab *e, Tval *cond) {
  Loc loc = e->b.loc;
  Dim *one = dim_const(e->ctx, 1);
  for (const Index *i = e->index; i; i = i->outer) {
    if (has_label(cond, i) || !i->extent || dim_le(e->ctx, one, i->extent)) continue;
    Tval *few[2] = {dim_tval(e, loc, i->extent), tv_number(e, loc, I64, 1)};
    Tval *v[2] = {tv_map(e, loc, loc, OP_lt, 2, few), cond};
    cond = tv_map(e, loc, loc, OP_or, 2, v);
  }
  return cond;
}

void check_true(Elab *e, Tval *cond, const char *text) {
  if (e->mask) {
    Tval *v[2] = {tv_not(e, e->mask), cond};
    cond = tv_map(e, e->b.loc, e->b.loc, OP_or, 2, v);
  }
  cond = unless_empty(e, cond);
  b_assert(&e->b, cond->v, text);
}

void check_dims(Elab *e, Opcode op, Dim *a, Dim *b, const char *text) {
  if (a == b || (op == OP_check_dim_le && proved_le(e, a, b))) return;
  if (!e->mask && !ragged(a) && !ragged(b)) {
    b_check_dim(&e->b, op, a, b, text);
    return;
  }
  Tval *v[2] = {dim_tval(e, e->b.loc, a), dim_tval(e, e->b.loc, b)};
  check_true(e, tv_map(e, e->b.loc, e->b.loc, op == OP_check_dim_eq ? OP_eq : OP_le, 2, v), text);
}

void check_whole(Elab *e, Dim *d, const char *text) {
  Ctx *c = e->ctx;
  if (dim_whole(d)) return;
  Dim *den = dim_const(c, d->den), *number = dim_mul(c, d, den), *whole = dim_mul(c, dim_floordiv(c, number, den), den);
  if (number && whole) check_dims(e, OP_check_dim_eq, number, whole, text);
}
