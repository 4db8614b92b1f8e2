/* abreast_fit.c - which values of a loop's body vary from iteration to iteration, and whether all of it can be done in lanes.
 *
 * Ensures: where abreast_fits says so, what varies is a few elements an iteration, or a tensor (a tape) of which a few are set and read at
 * a time; nothing that can fail depends on a lane. */
#include "passes/abreast.h"

static bool flag(bool *mark, bool value) {
  bool news = value && !*mark;
  *mark |= value;
  return news;
}

static bool varies(const Abreast *t, const Value *v) { return v->id < t->nvalue && t->varies[v->id]; }
static bool sums(const Abreast *t, const Value *v) { return v->id < t->nvalue && t->sums[v->id]; }

bool lane_is_few(const Type *type) {
  int64_t n = 1, d;
  for (int a = 0; a < type->rank; a++) {
    if (!dim_is_const(type->dim[a], &d) || d > LANE_FEW) return false;
    n *= d;
  }
  return n <= LANE_FEW;
}

LaneSym *lane_sym(const Abreast *t, const Dim *d) {
  for (int i = 0; i < t->nsym; i++)
    if (dim_mentions(d, t->sym[i].sym)) return &t->sym[i];
  return NULL;
}

static bool type_varies(const Abreast *t, const Type *type) {
  for (int a = 0; a < type->rank; a++)
    if (lane_sym(t, type->dim[a])) return true;
  return false;
}

int lane_counter_step(const Op *loop, int k) {
  const Region *body = loop->reg[1];
  const Op *next = body->res[k]->def;
  int64_t step;
  if (!next || next->code != OP_add || next->opd[0] != body->param[k] || !value_int(next->opd[1], &step)) return 0;
  return step > INT32_MIN && step < INT32_MAX ? (int)step : 0;
}

Turns lane_turns(const Abreast *t, const Op *op) {
  int64_t step;
  bool lo = varies(t, op->opd[0]), hi = varies(t, op->opd[1]);
  if (varies(t, op->opd[2])) return TURNS_OTHER;
  if (!lo && !hi) return TURNS_ALIKE;
  if ((lo && hi) || !splat_int(op->opd[2], &step) || !step) return TURNS_OTHER;
  return hi ? TURNS_END : step == 1 || step == -1 ? TURNS_BEGIN : TURNS_OTHER;
}

/* ---- what varies ---------------------------------------------------------------------------------------------------------- */

static bool mark_region(Abreast *t, const Region *r);

static bool mark_for(Abreast *t, const Op *op) {
  const Region *body = op->reg[0];
  bool news = false, alike = lane_turns(t, op) == TURNS_ALIKE;
  for (int k = 0; k < op->nres; k++) {
    const Value *init = op->opd[loop_ninit(op) + k], *in = body->param[1 + k], *next = body->res[k];
    news |= flag(&t->sums[in->id], sums(t, init)) | flag(&t->sums[op->res[k]->id], sums(t, init));
    bool now = !sums(t, init) && (!alike || varies(t, init) || varies(t, next));
    news |= flag(&t->varies[in->id], now) | flag(&t->varies[op->res[k]->id], now);
  }
  return mark_region(t, body) || news;
}

static bool mark_while(Abreast *t, const Op *op) {
  bool news = mark_region(t, op->reg[0]) | mark_region(t, op->reg[1]), alike = !varies(t, op->reg[0]->res[0]);
  for (int k = 0; k < op->nres; k++) {
    const Value *init = op->opd[k], *next = op->reg[1]->res[k];
    bool adds = sums(t, init), now = !adds && (!alike || varies(t, init) || varies(t, next));
    bool counts = !varies(t, init) && lane_counter_step(op, k);
    for (int r = 0; r < 2; r++) {
      news |= flag(&t->sums[op->reg[r]->param[k]->id], adds);
      news |= flag(&t->varies[op->reg[r]->param[k]->id], now && !counts);
    }
    news |= flag(&t->sums[op->res[k]->id], adds) | flag(&t->varies[op->res[k]->id], now);
  }
  return news;
}

static bool mark_if(Abreast *t, const Op *op) {
  bool news = mark_region(t, op->reg[0]) | mark_region(t, op->reg[1]);
  for (int k = 0; k < op->nres; k++) {
    const Value *x = op->reg[0]->res[k], *y = op->reg[1]->res[k];
    bool adds = sums(t, x) || sums(t, y);
    news |= flag(&t->sums[op->res[k]->id], adds);
    news |= flag(&t->varies[op->res[k]->id], !adds && (varies(t, op->opd[0]) || varies(t, x) || varies(t, y)));
  }
  return news;
}

static bool mark_sym(Abreast *t, const Op *op) {
  for (int i = 0; i < t->nsym; i++)
    if (t->sym[i].sym == op->u.sym) return false;
  PUSH(t->ctx->arena, t->sym, t->nsym, t->sym_cap) = (LaneSym){op->u.sym, NULL, NULL};
  return true;
}

static bool mark_op(Abreast *t, const Op *op) {
  if (op->code == OP_if) return mark_if(t, op);
  if (op->nreg) return op->code == OP_for ? mark_for(t, op) : mark_while(t, op);
  bool any = (op->code == OP_dim && lane_sym(t, op->u.dim)) || (t->index && op->code == OP_slice && lane_is_window(t, op));
  bool adds = false, news = false;
  for (int i = 0; i < op->nopd; i++) {
    any |= varies(t, op->opd[i]);
    adds |= sums(t, op->opd[i]);
  }
  if (op->code == OP_sym && any) news = mark_sym(t, op);
  for (int i = 0; i < op->nres; i++) news |= flag(&t->sums[op->res[i]->id], adds) | flag(&t->varies[op->res[i]->id], any && !adds);
  return news;
}

static bool mark_region(Abreast *t, const Region *r) {
  bool news = false;
  for (const Op *op = r->first; op; op = op->next) news |= mark_op(t, op);
  return news;
}

/* ---- whether it can be done ----------------------------------------------------------------------------------------------- */

static bool fit_region(const Abreast *t, const Region *r, bool apart);

/* A dimension is its symbol, times a number, and what the lanes have in common. */
static bool is_linear(const Abreast *t, const Dim *d) {
  const LaneSym *s = lane_sym(t, d);
  if (!s || d->den != 1) return false;
  for (int i = 0; i < d->nterm; i++)
    for (int j = 0; j < d->term[i].nfactor; j++) {
      const Atom *a = d->term[i].factor[j];
      bool is = a->kind == ATOM_SYM && a->sym == s->sym;
      if (is && d->term[i].nfactor > 1) return false;
      if (!is && a->kind != ATOM_SYM && (lane_sym(t, a->a) || lane_sym(t, a->b))) return false;
      if (!is && a->kind == ATOM_SYM)
        for (int k = 0; k < t->nsym; k++)
          if (a->sym == t->sym[k].sym) return false;
    }
  return true;
}

static bool starts_alike(const Abreast *t, const Op *op) {
  for (int a = 0; a < op->opd[0]->type->rank; a++)
    if (lane_sym(t, op->u.slice.start[a])) return false;
  return true;
}

/* What the lanes add to together: each step adds something, at places that all have in common or at places of their own. */
static bool fit_sum(const Abreast *t, const Op *op) {
  switch (op->code) {
  case OP_add: return true;
  case OP_sub:
  case OP_scatter_acc: return !sums(t, op->opd[1]);
  case OP_slice: return starts_alike(t, op);
  case OP_set_slice: return sums(t, op->opd[0]) && sums(t, op->opd[1]) && starts_alike(t, op);
  default: return false;
  }
}

static bool has_room(const Op *op) {
  return op->code == OP_contract ? contract_unused_label(op) >= 0 : op->res[0]->type->rank + 1 < MAX_RANK;
}

static bool operands_are_few(const Op *op) {
  for (int i = 0; i < op->nopd; i++)
    if (!lane_is_few(op->opd[i]->type)) return false;
  return true;
}

bool lane_reads_own(const Abreast *t, const Op *op) {
  int own = 0;
  if (op->code != OP_gather || op->u.index.masked || varies(t, op->opd[0])) return false;
  for (int i = 0; i < op->u.index.naxis; i++) {
    const Value *k = op->opd[1 + i];
    if (k == t->loop->reg[0]->param[0]) own++;
    else if (varies(t, k) || k->type->rank) return false;
  }
  return own == 1;
}

static bool fit_varying(const Abreast *t, const Op *op) {
  bool few = op->nres == 1 && lane_is_few(op->res[0]->type);
  if (op->nres != 1 || !has_room(op)) return false;
  switch (op_info[op->code].family) {
  case FAM_SOURCE: return op->code == OP_sym ? op->u.sym->nonneg : op->code == OP_dim && is_linear(t, op->u.dim);
  case FAM_MAP:
    return few && op->code != OP_ipow && op->code != OP_philox && op->code != OP_philox_high && op->code != OP_polygamma;
  case FAM_CONTRACT:
  case FAM_REDUCE: return few && operands_are_few(op);
  case FAM_SCAN: return few && op->code == OP_linrec;
  case FAM_VIEW:
    if (op->code == OP_reshape || op->code == OP_concat) return few;
    if (op->code == OP_set_slice) return lane_is_few(op->opd[1]->type) && starts_alike(t, op);
    return few && (starts_alike(t, op) || (op->code == OP_slice && !varies(t, op->opd[0]) && lane_is_window(t, op)));
  case FAM_INDEX:
    if (op->code == OP_gather || op->code == OP_scatter_add) return few || lane_reads_own(t, op);
    for (int i = 2; op->code == OP_set && i < op->nopd; i++)
      if (varies(t, op->opd[i])) return false;
    return lane_is_few(op->opd[1]->type);
  default: return false;
  }
}

/* What v, a tensor that region r updates in steps, was before: a parameter of r, or a value from around; else v or a value of r. */
static Value *root(const Abreast *t, const Region *r, Value *v) {
  while (v->def && v->def->parent == r) {
    Op *op = v->def;
    int k = result_index(v);
    if (op_is_loop(op)) {
      Value *in = carried(op, op->nreg - 1, k), *next = loop_body(op)->res[k];
      if (next != in && root(t, loop_body(op), next) != in) return v;
      v = op->opd[loop_ninit(op) + k];
    } else if (op->code == OP_if) {
      Value *x = lane_base(t, op, k);
      if (!x) return v;
      v = x;
    } else if (op_is_update(op) || (sums(t, v) && (op->code == OP_add || op->code == OP_sub)))
      v = op->opd[sums(t, v) && !sums(t, op->opd[0])];
    else
      return v;
  }
  return v;
}

Value *lane_base(const Abreast *t, const Op *op, int k) {
  Value *x = root(t, op->reg[0], op->reg[0]->res[k]), *y = root(t, op->reg[1], op->reg[1]->res[k]);
  return x == y && !region_within(region_of(x), op->reg[0]) ? x : NULL;
}

/* What is large and leaves a branch has to be what it was before, with places updated. */
static bool fit_if(const Abreast *t, const Op *op, bool apart) {
  bool alike = !varies(t, op->opd[0]);
  for (int k = 0; k < op->nres && !alike; k++) {
    if (lane_is_few(op->res[k]->type) && !sums(t, op->res[k])) continue;
    if (!lane_base(t, op, k)) return false;
  }
  for (int k = 0; k < op->nres; k++)
    if (sums(t, op->reg[0]->res[k]) != sums(t, op->reg[1]->res[k])) return false;
  return fit_region(t, op->reg[0], apart || !alike) && fit_region(t, op->reg[1], apart || !alike);
}

bool lane_is_updated(const Abreast *t, const Op *loop, int k) {
  const Region *body = loop_body(loop);
  const Value *in = body->param[loop_nindex(loop) + k];
  return body->res[k] != in && root(t, body, body->res[k]) == in;
}

/* A tensor that a turn does not only update would have to be chosen, all of it, between what it is and was. */
static bool fit_carried(const Abreast *t, const Op *op, bool alike) {
  const Region *body = loop_body(op);
  for (int k = 0; k < op->nres; k++) {
    const Value *in = body->param[loop_nindex(op) + k];
    if (sums(t, op->res[k]) != sums(t, body->res[k])) return false;
    if (!alike && !sums(t, in) && !lane_is_few(in->type) && body->res[k] != in && !lane_is_updated(t, op, k)) return false;
  }
  return true;
}

static bool fit_loop(const Abreast *t, const Op *op, bool apart) {
  if (op->u.loop.checkpoint || (op->u.loop.parallel && !t->index)) return false;
  bool alike = op->code == OP_for ? lane_turns(t, op) == TURNS_ALIKE : !varies(t, op->reg[0]->res[0]);
  if (op->code == OP_for && (lane_turns(t, op) == TURNS_OTHER || (t->index && !alike))) return false;
  for (int r = 0; r < op->nreg; r++)
    if (!fit_region(t, op->reg[r], apart || !alike)) return false;
  return fit_carried(t, op, alike);
}

/* What is the same for all lanes, but of a length that is the most of theirs. */
static bool fit_long(const Op *op) { return op->code == OP_contract && op->nopd == 1 && op->opd[0]->type->rank == 0; }

static bool fit_op(const Abreast *t, const Op *op, bool apart) {
  bool any = false, adds = false, is_long = false;
  if (op->code == OP_if) return fit_if(t, op, apart);
  if (op->nreg) return fit_loop(t, op, apart);
  for (int i = 0; i < op->nopd; i++) any |= varies(t, op->opd[i]);
  for (int i = 0; i < op->nres; i++) {
    any |= varies(t, op->res[i]);
    adds |= sums(t, op->res[i]);
    is_long |= type_varies(t, op->res[i]->type);
  }
  if (has_effect(op)) return op->code != OP_call && (t->unchecked || (!any && !apart));
  if (is_long && !fit_long(op) && op->code != OP_set && op->code != OP_scatter_acc) return false;
  if (adds) return fit_sum(t, op);
  return any ? fit_varying(t, op) : op->code != OP_call && op_info[op->code].family != FAM_MATRIX;
}

bool lane_leaves(const Abreast *t, const Op *op) {
  for (int k = 0; k < t->loop->nres && op->parent == t->loop->reg[0]; k++)
    if (op->nopd && op->opd[0] == t->loop->reg[0]->param[1 + k])
      return t->index ? lane_sets_window(t, k) != NULL : entries_set(t->loop, k, t->n) != NULL;
  return false;
}

static bool fit_region(const Abreast *t, const Region *r, bool apart) {
  for (const Op *op = r->first; op; op = op->next)
    if (!lane_leaves(t, op) && !fit_op(t, op, apart)) return false;
  return true;
}

Abreast abreast_open(Func *f, Op *loop) {
  Ctx *c = f->module->ctx;
  Abreast t = {.func = f, .ctx = c, .loop = loop, .nvalue = f->nvalue};
  t.varies = NEW_N(c->arena, bool, f->nvalue + 1);
  t.sums = NEW_N(c->arena, bool, f->nvalue + 1);
  t.most = NEW_N(c->arena, Value *, f->nvalue + 1);
  return t;
}

bool abreast_fits(Abreast *t) {
  const Region *body = t->loop->reg[0];
  while (mark_region(t, body)) {}
  if (fit_region(t, body, false)) return true;
  t->unchecked = true;
  return fit_region(t, body, false) && checks_come_first(t->func, t->loop);
}
