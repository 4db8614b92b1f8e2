/* batch.c - a function over a batch of values: vmap.
 * Given which parameters get a leading axis, makes the function that computes every entry of the batch; what depends on no
 * batched value is computed once for all of them.
 * Requires: a verified function without `derive` ops, in which no condition, index, trip count or check depends on a batched
 * parameter: so it is with tangents and seeds, on which nothing but real values depends.
 * Ensures: a function of the same module and symbols; batched results have the leading axis.  Or NULL, after a diagnostic. */
#include "passes/batch.h"

enum { E_NO_AXIS_LEFT = 536 };

bool is_batched(const Batch *t, const Value *v) { return t->marks->batched[v->id]; }

Type *batch_type(Batch *t, Type *old) {
  Type *now = clone_type(t->map, old);
  Dim *dim[MAX_RANK];
  if (now->rank == MAX_RANK) bug("a batch of a tensor of rank %d", now->rank);
  dim[0] = t->n;
  for (int a = 0; a < now->rank; a++) dim[a + 1] = now->dim[a];
  return type_tensor(t->ctx, now->elem, now->rank + 1, dim);
}

Value *batch_plain(Batch *t, const Value *v) { return clone_lookup(t->map, (Value *)v); }

Value *batch_full(Batch *t, Builder *b, const Value *v) {
  Value *x = batch_plain(t, v);
  int axes[MAX_RANK];
  if (is_batched(t, v)) return x;
  for (int a = 0; a < x->type->rank; a++) axes[a] = a + 1;
  return b_broadcast(b, x, axes, batch_type(t, v->type));
}

static bool region_has_batched(const Batch *t, const Region *g);

static bool op_has_batched(const Batch *t, const Op *op) {
  for (int i = 0; i < op->nopd; i++)
    if (is_batched(t, op->opd[i])) return true;
  for (int i = 0; i < op->nres; i++)
    if (is_batched(t, op->res[i])) return true;
  for (int i = 0; i < op->nreg; i++)
    if (region_has_batched(t, op->reg[i])) return true;
  return false;
}

static bool region_has_batched(const Batch *t, const Region *g) {
  for (const Op *op = g->first; op; op = op->next)
    if (op_has_batched(t, op)) return true;
  return false;
}

/* ---- room for one more axis ----------------------------------------------------------------------------------------------- */

static bool no_room(Batch *t, Loc loc) {
  Ctx *c = t->ctx;
  const Diag *last = c->diags->last;
  if (last && last->code == E_NO_AXIS_LEFT) return false;
  diag_error(c, loc, E_NO_AXIS_LEFT, "a Jacobian or Hessian takes this with one more axis than the %d that a tensor can have", MAX_RANK);
  return false;
}

static bool values_have_room(Batch *t, int n, Value *const *v, Loc loc) {
  for (int i = 0; i < n; i++)
    if (is_batched(t, v[i]) && v[i]->type->rank == MAX_RANK) return no_room(t, loc);
  return true;
}

static bool have_room(Batch *t, const Region *g, Loc loc) {
  if (!values_have_room(t, g->nparam, g->param, loc)) return false;
  for (const Op *op = g->first; op; op = op->next) {
    if (!values_have_room(t, op->nres, op->res, op->loc)) return false;
    if (op->code == OP_contract && op_has_batched(t, op) && !contract_has_room(op)) return no_room(t, op->loc);
    for (int i = 0; i < op->nreg; i++)
      if (!have_room(t, op->reg[i], op->loc)) return false;
  }
  return true;
}

/* ---- calls that stay calls ------------------------------------------------------------------------------------------- */

static Func *batch_func(BatchMarks *marks, Dim *n, Sym *sym);

/* One function serves all calls with these marks, its own recursive ones too: the length of its axis is a parameter. */
static Func *batched_callee(Batch *t, const Op *op, BatchMarks *marks) {
  if (marks->made) return marks->made;
  marks->length = sym_new(t->ctx, SYM_PARAM, "batch", op->loc);
  marks->length->nonneg = true;
  return batch_func(marks, dim_sym(t->ctx, marks->length), marks->length);
}

static void batch_call(Batch *t, Builder *b, Op *op) {
  Arena *a = t->ctx->arena;
  Value **opd = NEW_N(a, Value *, op->nopd);
  Type **types = NEW_N(a, Type *, op->nres);
  int n = op->u.call.nsubst;
  DimSubst *s = NEW_N(a, DimSubst, n + 1);
  for (int i = 0; i < n; i++) s[i] = (DimSubst){op->u.call.subst[i].from, clone_dim(t->map, op->u.call.subst[i].to)};
  BatchMarks *marks = batch_marks_of_call(t, op);
  for (int i = 0; i < op->nopd; i++) opd[i] = batch_plain(t, op->opd[i]);
  for (int i = 0; i < op->nres; i++)
    types[i] = marks->result[i] ? batch_type(t, op->res[i]->type) : clone_type(t->map, op->res[i]->type);
  Func *callee = batched_callee(t, op, marks);
  if (!callee) { /* was told; what is made here is thrown away */
    t->failed = true;
    for (int i = 0; i < op->nres; i++) clone_map_value(t->map, op->res[i], b_splat(b, types[i], 0));
    return;
  }
  s[n++] = (DimSubst){marks->length, t->n};
  Op *call = b_call_typed(b, callee, op->nopd, opd, n, s, op->nres, types);
  for (int i = 0; i < op->nres; i++) clone_map_value(t->map, op->res[i], call->res[i]);
}

/* What keeps its own derivative, or is not written here, is called for one entry after another. */
static void batch_call_each(Batch *t, Builder *b, Op *op) {
  Arena *a = t->ctx->arena;
  int n = op->u.call.nsubst, axis = 0;
  Value **init = NEW_N(a, Value *, op->nres), **opd = NEW_N(a, Value *, op->nopd + 1), **res = NEW_N(a, Value *, op->nres);
  Type **types = NEW_N(a, Type *, op->nres);
  DimSubst *s = NEW_N(a, DimSubst, n + 1);
  for (int i = 0; i < n; i++) s[i] = (DimSubst){op->u.call.subst[i].from, clone_dim(t->map, op->u.call.subst[i].to)};
  for (int i = 0; i < op->nres; i++) {
    types[i] = clone_type(t->map, op->res[i]->type);
    init[i] = b_splat(b, batch_type(t, op->res[i]->type), 0);
  }
  Op *loop = b_for(b, b_int(b, 0), b_dim(b, t->n), b_int(b, 1), op->nres, init);
  Region *body = loop->reg[0];
  Builder in = b_inside(b, body);
  for (int i = 0; i < op->nopd; i++) {
    opd[i] = batch_plain(t, op->opd[i]);
    if (is_batched(t, op->opd[i])) opd[i] = b_gather(&in, opd[i], 1, &axis, &body->param[0], NULL);
  }
  Op *call = b_call_typed(&in, op->u.call.callee, op->nopd, opd, n, s, op->nres, types);
  for (int i = 0; i < op->nres; i++) res[i] = b_set(&in, body->param[1 + i], call->res[i], 1, &axis, &body->param[0]);
  region_set_results(body, op->nres, res);
  for (int i = 0; i < op->nres; i++) clone_map_value(t->map, op->res[i], loop->res[i]);
}

/* ---- copying ------------------------------------------------------------------------------------------------------------------ */

static BatchFn *const by_family[FAM_COUNT] = {[FAM_MAP] = batch_map,   [FAM_CONTRACT] = batch_contract, [FAM_REDUCE] = batch_reduce,
                                              [FAM_SCAN] = batch_scan, [FAM_VIEW] = batch_view,         [FAM_INDEX] = batch_index,
                                              [FAM_MATRIX] = batch_matrix};

static void batch_op(Batch *t, Builder *b, Op *op) {
  b->loc = op->loc;
  if (!op_has_batched(t, op)) {
    clone_op(t->map, b, op);
  } else if (op->code == OP_if) {
    batch_if(t, b, op);
  } else if (op->nreg) {
    batch_loop(t, b, op);
  } else if (op->code == OP_call) {
    const Func *f = op->u.call.callee;
    if (f->adjoint || f->external) batch_call_each(t, b, op);
    else batch_call(t, b, op);
  } else {
    BatchFn *fn = by_family[op_info[op->code].family];
    if (!fn) bug("%s of a batched value", op_info[op->code].name);
    Value *v = fn(t, b, op);
    if (!v->name) v->name = op->res[0]->name;
    clone_map_value(t->map, op->res[0], v);
  }
}

void batch_region(Batch *t, Builder *b, Region *from) {
  for (Op *op = from->first; op; op = op->next) batch_op(t, b, op);
}

static const char *batch_name(const Func *f) {
  Ctx *c = f->module->ctx;
  for (int i = 0;; i++) {
    const char *name = arena_printf(c->arena, "%s.batch%d", f->name, i);
    if (!module_find(f->module, name)) return name;
  }
}

/* sym: the symbol that n is, or NULL. */
static Func *batch_func(BatchMarks *marks, Dim *n, Sym *sym) {
  Func *f = marks->of;
  Ctx *c = f->module->ctx;
  Func *g = func_new(f->module, batch_name(f), f->loc);
  Batch t = {.ctx = c, .from = f, .to = g, .n = n, .marks = marks};
  t.map = clone_map_new(c, f, g);
  for (int i = 0; i < f->nsym; i++) func_add_sym(g, f->sym[i]);
  if (sym) {
    func_add_sym(g, sym);
    marks->made = g;
  }
  if (!have_room(&t, f->body, f->loc)) return NULL;
  for (int i = 0; i < f->body->nparam; i++) {
    Value *p = f->body->param[i];
    clone_map_value(t.map, p, func_add_param(g, is_batched(&t, p) ? batch_type(&t, p->type) : p->type, p->name));
  }
  Builder b = builder_at_end(g);
  batch_region(&t, &b, f->body);
  if (t.failed) return NULL;
  Value **res = NEW_N(c->arena, Value *, f->body->nres);
  for (int i = 0; i < f->body->nres; i++) res[i] = batch_plain(&t, f->body->res[i]);
  region_set_results(g->body, f->body->nres, res);
  func_default_ports(g);
  return g;
}

Func *batch_function(Func *f, const bool *which, Dim *n, bool *result) {
  BatchMarks *marks = batch_marks(f, which);
  for (int i = 0; i < f->body->nres && result; i++) result[i] = marks->result[i];
  return batch_func(marks, n, NULL);
}
