/* emit_check.c - checks: of elements, one after another in one loop where several are asked of tensors of one shape; of dimensions.
 *
 * Requires: operands stored or computable.  Ensures: what comes behind a check is done only if it holds; the first check that does not,
 * in the order of the program, is reported, with the first element for which it does not. */
#include "codegen/chunks.h"

/* ---- elements ------------------------------------------------------------------------------------------------------------------- */

/* Whether one element is as it has to be. */
static LLVMValueRef index_holds(Emit *e, const Op *op, const LLVMValueRef *at) {
  LLVMValueRef limit = dim_of(e, op->u.check.a), i = index_value(e, op->opd[0], at), ok = LLVMBuildICmp(e->b, LLVMIntULT, i, limit, "");
  ok = LLVMBuildAnd(e->b, ok, LLVMBuildICmp(e->b, LLVMIntSGE, limit, e->zero, ""), "");
  if (op->nopd > 1) ok = LLVMBuildOr(e->b, ok, LLVMBuildNot(e->b, eval(e, op->opd[1], at), ""), "");
  return ok;
}

static void check_index(Emit *e, const Op *op, const LLVMValueRef *at) {
  LLVMValueRef ok = index_holds(e, op, at);
  fail_unless(e, ok, ADC_EINDEX, op->loc, index_value(e, op->opd[0], at), op->u.check.text);
}

static void check_holds(Emit *e, const Op *op, const LLVMValueRef *at) {
  const Type *t = op->opd[0]->type;
  int code = op->code == OP_assert ? ADC_EASSERT : ADC_ENAN;
  fail_unless(e, eval(e, op->opd[0], at), code, op->loc, t->rank ? row_major(e, t, at) : NULL, op->u.check.text);
}

static LLVMValueRef holds(Emit *e, const Op *op, const LLVMValueRef *at) {
  return op->code == OP_check_index ? index_holds(e, op, at) : eval(e, op->opd[0], at);
}

/* Whether some element is not, in any of the checks: in a loop that nothing leaves, which LLVM makes vectors of. */
static LLVMValueRef any_wrong(Emit *e, Unit *const *unit, int n) {
  const Type *t = unit[0]->op->opd[0]->type;
  Loop loop[MAX_RANK];
  LLVMValueRef at[MAX_RANK], wrong = new_alloca(e, e->g->i1), bad = LLVMConstNull(e->g->i1);
  LLVMBuildStore(e->b, bad, wrong);
  open_loops(e, loop, t->rank, t->dim, at);
  for (int i = 0; i < n; i++) bad = LLVMBuildOr(e->b, bad, LLVMBuildNot(e->b, holds(e, unit[i]->op, at), ""), "");
  LLVMBuildStore(e->b, LLVMBuildOr(e->b, LLVMBuildLoad2(e->b, e->g->i1, wrong, ""), bad, ""), wrong);
  close_loops(e, loop, t->rank, t->dim);
  return LLVMBuildLoad2(e->b, e->g->i1, wrong, "");
}

/* One by one: the first that is not as it has to be is reported. */
static void check_one_by_one(Emit *e, Unit *u, bool seldom) {
  const Op *op = u->op;
  const Type *t = op->opd[0]->type;
  Loop loop[MAX_RANK];
  LLVMValueRef at[MAX_RANK];
  Shared shared;
  open_shared(e, &shared, u, t->rank == 1 ? 64 : 1, loop, t->rank, t->dim, at);
  (op->code == OP_check_index ? check_index : check_holds)(e, op, at);
  for (int a = 0; a < t->rank; a++) loop[a].as_it_is = seldom;
  close_shared(e, &shared, loop, t->rank, t->dim);
}

/* What is checked is the same in all turns of the `for` around it, of which one at least is being done. */
static bool same_in_all_turns(const Emit *e, const Op *op) {
  if (!e->turn.first || op->parent != e->turn.body) return false;
  if (LLVMGetBasicBlockParent(LLVMGetInstructionParent(e->turn.first)) != LLVMGetBasicBlockParent(LLVMGetInsertBlock(e->b))) return false;
  for (int k = 0; k < op->nopd; k++)
    if (region_of(op->opd[k]) == op->parent) return false;
  for (const Op *o = op->parent->first; op->code == OP_check_index && o != op; o = o->next)
    if (o->code == OP_sym && dim_mentions(op->u.check.a, o->u.sym)) return false;
  return true;
}

/* A loop asks whether any element is wrong, before it is asked which is the first. */
static bool in_two_steps(const Emit *e, const Unit *u) { return u->op->opd[0]->type->rank && !u->split && !e->seldom; }

static void check_elements(Emit *e, Unit *const *unit, int n) {
  bool once = same_in_all_turns(e, unit[0]->op), twice = in_two_steps(e, unit[0]);
  Branch first, wrong;
  if (once) if_begin(e, &first, e->turn.first);
  if (twice) if_begin(e, &wrong, any_wrong(e, unit, n));
  for (int i = 0; i < n; i++) {
    set_line(e, unit[i]->op);
    check_one_by_one(e, unit[i], twice);
  }
  if (twice) if_end(e, &wrong);
  if (once) if_end(e, &first);
}

int emit_checks(Emit *e, const Plan *p, int from) {
  int n = 0, most = checks_in_one(p, from);
  Unit **unit = NEW_N(e->arena, Unit *, most + 1);
  while (n < most && in_two_steps(e, p->group[from + n].unit[0])) {
    unit[n] = p->group[from + n].unit[0];
    if (n && same_in_all_turns(e, unit[n]->op) != same_in_all_turns(e, unit[0]->op)) break;
    n++;
  }
  if (n) check_elements(e, unit, n);
  return n;
}

/* ---- dimensions ----------------------------------------------------------------------------------------------------------------- */

/* Before the check nothing is known of the symbols: their arithmetic may overflow. */
static LLVMValueRef unsure_dim(Emit *e, const Dim *d, LLVMValueRef *bad) {
  if (e->part) {
    LLVMValueRef v = unsure_dim(outer_of(e), d, bad);
    *bad = part_value(e, *bad);
    return part_value(e, v);
  }
  DimEnv env = e->dim;
  env.bad = LLVMConstInt(e->g->i1, 0, false);
  env.memo = NULL;
  env.nmemo = env.memo_cap = 0;
  LLVMValueRef v = dim_emit(&env, d);
  *bad = env.bad;
  return v;
}

static void check_dims(Emit *e, const Op *op) {
  LLVMIntPredicate p = op->code == OP_check_dim_eq ? LLVMIntEQ : LLVMIntSLE;
  LLVMValueRef bad[2], a = unsure_dim(e, op->u.check.a, &bad[0]), b = unsure_dim(e, op->u.check.b, &bad[1]);
  LLVMValueRef sure = LLVMBuildNot(e->b, LLVMBuildOr(e->b, bad[0], bad[1], ""), "");
  fail_unless(e, LLVMBuildAnd(e->b, LLVMBuildICmp(e->b, p, a, b, ""), sure, ""), ADC_EDIM, op->loc, NULL, op->u.check.text);
}

void emit_effect(Emit *e, Unit *u) {
  if (u->op->code == OP_check_index || op_checks_bool(u->op->code)) check_elements(e, &u, 1);
  else check_dims(e, u->op);
}
