/* emit_body.c - one function of the IR as one internal LLVM function, by its plan.
 *
 * Requires: a verified function.  Ensures: the contract in internal.h.  A group whose values reach
 * only results that are not wanted is skipped when the function runs. */
#include "codegen/outline.h"
#include <string.h>

typedef struct BodyEntry {
  Func *f;
  bool accumulate;
  LLVMValueRef body, size;
} BodyEntry;

LLVMTypeRef error_type(Codegen *g) {
  LLVMTypeRef t[] = {g->i64, g->i64, g->ptr, g->i64};
  return LLVMStructTypeInContext(g->ll, t, 4, false);
}

LLVMValueRef const_text(Codegen *g, const char *s) {
  LLVMValueRef init = LLVMConstStringInContext2(g->ll, s, strlen(s), false);
  LLVMValueRef v = LLVMAddGlobal(g->mod, LLVMTypeOf(init), "text");
  LLVMSetInitializer(v, init);
  LLVMSetGlobalConstant(v, true);
  LLVMSetLinkage(v, LLVMPrivateLinkage);
  LLVMSetUnnamedAddress(v, LLVMGlobalUnnamedAddr);
  LLVMSetAlignment(v, 1);
  return v;
}

/* ---- small things ------------------------------------------------------------------------------------------------ */

LLVMValueRef dim_of(Emit *e, const Dim *d) {
  return e->part ? part_value(e, dim_of(outer_of(e), d)) : dim_emit(&e->dim, d);
}

LLVMValueRef element_count(Emit *e, const Type *t) {
  LLVMValueRef n = e->one;
  for (int i = 0; i < t->rank; i++) n = index_mul(e, n, dim_of(e, t->dim[i]));
  return n;
}

LLVMValueRef new_alloca(Emit *e, LLVMTypeRef t) {
  LLVMValueRef a = LLVMBuildAlloca(e->entry, t, "");
  LLVMBuildStore(e->entry, LLVMConstNull(t), a);
  return a;
}

LLVMValueRef wanted(Emit *e, int result) { return LLVMBuildIsNotNull(e->b, out_of(e, result), ""); }

static void set_error(Emit *e, int field, LLVMValueRef v) {
  LLVMBuildStore(e->b, v, LLVMBuildStructGEP2(e->b, error_type(e->g), error_record(e), (unsigned)field, ""));
}

void fail_with(Emit *e, LLVMValueRef cond, int code, Loc loc, LLVMValueRef index, const char *message,
                      LLVMValueRef need) {
  LLVMBasicBlockRef fail = new_block(e, "fail"), ok = new_block(e, "ok");
  LLVMBuildCondBr(e->b, cond, ok, fail);
  LLVMPositionBuilderAtEnd(e->b, fail);
  set_error(e, ERR_LINE, LLVMConstInt(e->g->i64, (unsigned long long)loc_line(e->ctx, loc), false));
  set_error(e, ERR_INDEX, index ? index : e->zero);
  set_error(e, ERR_MESSAGE, message ? const_text(e->g, message) : LLVMConstNull(e->g->ptr));
  set_error(e, ERR_NEED, need ? need : e->zero);
  leave(e, LLVMConstInt(e->g->i32, (unsigned)code, false));
  LLVMPositionBuilderAtEnd(e->b, ok);
}

void fail_unless(Emit *e, LLVMValueRef cond, int code, Loc loc, LLVMValueRef index, const char *message) {
  fail_with(e, cond, code, loc, index, message, NULL);
}

static LLVMValueRef late_sym(void *env, const Sym *s) {
  Emit *e = env;
  for (int i = e->nlate; i-- > 0;)
    if (e->late[i].sym == s) return LLVMBuildLoad2(e->b, e->g->i64, e->late[i].at, "");
  bug("symbol '%s' is used before it is bound", s->name ? s->name : "?");
}

/* ---- memory: buffers, and which of them cannot overlap ----------------------------------------------------------- */

static LLVMMetadataRef text_node(Emit *e, const char *s, LLVMMetadataRef next) {
  LLVMMetadataRef part[] = {LLVMMDStringInContext2(e->g->ll, s, strlen(s)), next};
  return LLVMMDNodeInContext2(e->g->ll, part, next ? 2 : 1);
}

/* Every memory object has a scope of its own; an access says which it touches and which it cannot. */
void make_scopes(Emit *e, const char *name, int n, LLVMMetadataRef **scope, LLVMMetadataRef **noalias) {
  LLVMMetadataRef domain = text_node(e, name, NULL), *one = NEW_N(e->arena, LLVMMetadataRef, n + 1);
  LLVMMetadataRef *others = NEW_N(e->arena, LLVMMetadataRef, n + 1);
  *scope = NEW_N(e->arena, LLVMMetadataRef, n + 1);
  *noalias = NEW_N(e->arena, LLVMMetadataRef, n + 1);
  for (int i = 0; i < n; i++) one[i] = text_node(e, arena_printf(e->arena, "%s.%d", name, i), domain);
  for (int i = 0; i < n; i++) {
    int k = 0;
    for (int j = 0; j < n; j++)
      if (j != i) others[k++] = one[j];
    (*scope)[i] = LLVMMDNodeInContext2(e->g->ll, &one[i], 1);
    (*noalias)[i] = k ? LLVMMDNodeInContext2(e->g->ll, others, (size_t)k) : NULL;
  }
}

static LLVMValueRef or_result(Emit *e, LLVMBuilderRef b, const ValueInfo *info, LLVMValueRef slot) {
  if (info->result < 0) return slot;
  LLVMValueRef out = out_of(e, info->result);
  return slot ? LLVMBuildSelect(b, LLVMBuildIsNull(b, out, ""), slot, out, "") : out;
}

static LLVMValueRef dense_constant(Emit *e, const Op *op) {
  Elem t = op->res[0]->type->elem;
  int64_t n = op->u.dense.count;
  LLVMValueRef *x = NEW_N(e->arena, LLVMValueRef, n + 1);
  for (int64_t i = 0; i < n; i++) {
    if (elem_is_real(t))
      x[i] = const_elem(e->g, t, ((const double *)op->u.dense.data)[i], 0);
    else
      x[i] = const_elem(e->g, t, 0, ((const int64_t *)op->u.dense.data)[i]);
    if (t == BOOL) x[i] = LLVMConstInt(e->g->i8, ((const int64_t *)op->u.dense.data)[i] != 0, false);
  }
  LLVMValueRef init = LLVMConstArray2(elem_type(e->g, t), x, (uint64_t)n),
               v = LLVMAddGlobal(e->g->mod, LLVMTypeOf(init), "dense");
  LLVMSetInitializer(v, init);
  LLVMSetGlobalConstant(v, true);
  LLVMSetLinkage(v, LLVMPrivateLinkage);
  LLVMSetAlignment(v, 16);
  return v;
}

/* NULL: its memory is taken when the program runs. */
LLVMValueRef buffer_of(Emit *e, const Value *v) {
  const ValueInfo *info = &e->p->value[v->id];
  LLVMValueRef slot = info->slot < 0 ? NULL : slot_address(e, info->slot);
  if (info->place != PLACE_BUFFER || (!slot && (info->slot >= 0 || info->result < 0))) return NULL;
  return or_result(e, e->entry, info, slot);
}

static void place_local(Emit *e, const Value *v) {
  int home = e->p->value[v->id].home;
  e->object[v->id] = e->stack_object;
  if (e->parts) return;
  if (!e->where[home]) e->where[home] = new_alloca(e, LLVMArrayType2(elem_type(e->g, v->type->elem), (unsigned)elements_of(v->type)));
  e->where[v->id] = e->where[home];
}

static void place_value(Emit *e, const Value *v) {
  const Plan *p = e->p;
  const ValueInfo *info = &p->value[v->id];
  if (info->local) {
    place_local(e, v);
    return;
  }
  if (info->place == PLACE_SCALAR && !e->parts) e->where[v->id] = new_alloca(e, elem_reg(e->g, v->type->elem));
  if (info->place != PLACE_BUFFER || (info->slot < 0 && info->result < 0)) return;
  e->object[v->id] = info->slot >= 0 ? info->slot : e->out_object[info->result];
  if (info->result >= 0) e->out_object[info->result] = e->object[v->id];
  if (e->parts || (info->slot >= 0 && p->slot[info->slot].dynamic)) return;
  LLVMValueRef same = info->shared ? e->where[info->home] : NULL; /* one pointer, so that LLVM sees that it is one place */
  e->where[v->id] = same ? same : buffer_of(e, v);
  if (info->shared) e->where[info->home] = e->where[v->id];
}

static void place_region(Emit *e, const Region *r) {
  for (int i = 0; r->parent && i < r->nparam; i++) place_value(e, r->param[i]);
  for (Op *op = r->first; op; op = op->next) {
    for (int k = 0; k < op->nres; k++) place_value(e, op->res[k]);
    for (int i = 0; i < op->nreg; i++) place_region(e, op->reg[i]);
    if (op->code == OP_dense) e->where[op->res[0]->id] = dense_constant(e, op);
  }
}

/* Objects: slots first, then parameters, then results that are no slot's fallback. */
static void place_memory(Emit *e) {
  Plan *p = e->p;
  Region *body = e->f->body;
  place_slots(e);
  e->nobject = p->nslot + body->nparam + body->nres + 1;
  e->stack_object = e->nobject - 1;
  for (int i = 0; i < body->nres; i++) e->out_object[i] = p->nslot + body->nparam + i;
  for (int i = 0; i < body->nparam; i++) e->object[body->param[i]->id] = p->nslot + i;
  place_region(e, body);
  enum { MOST = 400 };
  if (e->nobject <= MOST) make_scopes(e, LLVMGetValueName(e->fn), e->nobject, &e->scope, &e->noalias);
}

/* A buffer whose size is known only now lies behind the planned workspace; it is made for all that live in it. */
static void place_dynamic(Emit *e, const Unit *u) {
  Plan *p = e->p;
  for (int k = 0; u->op && u->v && p->producer[u->v->id] == u && k < u->op->nres; k++) {
    const Value *v = u->op->res[k];
    const ValueInfo *info = &p->value[v->id];
    if (info->place != PLACE_BUFFER) continue;
    bool dynamic = info->slot >= 0 && p->root->slot[info->slot].dynamic;
    LLVMValueRef bad = dynamic || info->slot < 0 ? NULL : slot_bad(e, info->slot);
    if (bad)
      fail_unless(e, LLVMBuildNot(e->b, bad, ""), ADC_EDIM, u->op->loc, NULL, "a dimension is negative or inexact");
    if (!dynamic || e->where[v->id]) continue;
    LLVMValueRef at = or_result(e, e->b, info, take_dynamic(e, v->type, u->op->loc));
    for (int i = 0; i < e->f->nvalue; i++)
      if (p->value[i].place == PLACE_BUFFER && p->value[i].home == info->home) e->where[i] = at;
  }
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static int bits(uint64_t x) {
  int n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}

/* How many results are in the set; -1: it is no part of the other one. */
static int count_within(const Emit *e, const uint64_t *set, const uint64_t *in) {
  int n = 0;
  for (int w = 0; w < e->p->need_words; w++) {
    if (set[w] & ~in[w]) return -1;
    n += bits(set[w]);
  }
  return n;
}

/* The largest set asked for so far that these results contain: in a chain each is one longer than the one before. */
static const struct Need *largest_within(const Emit *e, const uint64_t *results) {
  const struct Need *best = NULL;
  int most = 0;
  for (int i = e->nneed; i-- > 0;) {
    int n = count_within(e, e->need[i].results, results);
    if (n <= most) continue;
    most = n;
    best = &e->need[i];
  }
  return best;
}

/* Is any of these results wanted?  Asked once for a set of them. */
static LLVMValueRef any_wanted(Emit *e, const uint64_t *results) {
  size_t size = sizeof *results * (size_t)e->p->need_words;
  int nres = e->f->body->nres, one = 0;
  while (one < nres && !(results[one / 64] >> (one % 64) & 1)) one++;
  if (e->part && one < nres && reads_args(e) && count_within(e, results, results) == 1) return wanted(e, one);
  if (e->part) return part_value(e, any_wanted(outer_of(e), results));
  const struct Need *known = largest_within(e, results);
  if (known && !memcmp(known->results, results, size)) return known->any;
  LLVMValueRef any = known ? known->any : LLVMConstInt(e->g->i1, 0, false);
  for (int i = 0; i < nres; i++)
    if ((results[i / 64] & ~(known ? known->results[i / 64] : 0)) >> (i % 64) & 1)
      any = LLVMBuildOr(e->entry, any, LLVMBuildIsNotNull(e->entry, out_of(e, i), ""), "");
  PUSH(e->arena, e->need, e->nneed, e->need_cap) = (struct Need){results, any};
  return any;
}

static LLVMValueRef needed(Emit *e, const Unit *u) { return u->always ? NULL : any_wanted(e, u->need); }

static void emit_unit(Emit *e, Unit *u) {
  if (u->op) set_line(e, u->op);
  switch (u->kind) {
  case UNIT_SCALAR: {
    LLVMValueRef x = eval_op(e, u->op, NULL);
    memo_add(e, u->v, NULL, x);
    LLVMBuildStore(e->b, x, where_of(e, u->v));
    if (u->op->code == OP_sym) {
      PUSH(e->arena, e->late, e->nlate, e->late_cap) = (Late){u->op->u.sym, where_of(e, u->v)};
    }
    return;
  }
  case UNIT_STRAIGHT: emit_straight(e, u); return;
  case UNIT_SPECIAL: emit_special(e, u); return;
  case UNIT_EFFECT: emit_effect(e, u); return;
  default:
    if (u->tiled)
      emit_tiled(e, u);
    else
      emit_nest(e, &u, 1);
  }
}

static void emit_guarded(Emit *e, Unit *u) {
  bool cheap = (u->kind == UNIT_SCALAR || (u->kind == UNIT_STRAIGHT && u->op)) && !u->gathers;
  LLVMValueRef cond = cheap ? NULL : needed(e, u);
  if (!cond) {
    emit_unit(e, u);
    return;
  }
  Branch br;
  if_begin(e, &br, cond);
  emit_unit(e, u);
  if_end(e, &br);
}

static bool same_need(const Emit *e, const Group *g) {
  for (int i = 1; i < g->n; i++)
    if (g->unit[i]->always != g->unit[0]->always ||
        memcmp(g->unit[i]->need, g->unit[0]->need, sizeof(uint64_t) * (size_t)e->p->need_words))
      return false;
  return true;
}

static bool needs_no_more(const Emit *e, const Unit *u, const Unit *than) {
  bool less = !u->always;
  for (int w = 0; w < e->p->need_words; w++) less &= !(u->need[w] & ~than->need[w]);
  return less;
}

/* One that follows indices, and without which none of the group is needed; NULL: there is none. */
static const Unit *head_of(const Emit *e, const Group *g) {
  for (int i = 0; i < g->n; i++) {
    bool all = g->unit[i]->gathers;
    for (int j = 0; all && j < g->n; j++) all = needs_no_more(e, g->unit[j], g->unit[i]);
    if (all) return g->unit[i];
  }
  return NULL;
}

/* When the group cannot be fused because of u; NULL: always. */
static LLVMValueRef fused_if(Emit *e, const Unit *u) {
  bool in_workspace = u->op && u->v && e->p->producer[u->v->id] == u && e->p->value[u->v->id].slot >= 0;
  return u->gathers ? needed(e, u) : u->result >= 0 && !in_workspace ? wanted(e, u->result) : NULL;
}

/* Seldom done: its loops are kept small. */
static void emit_apart(Emit *e, Group *g) {
  bool seldom = e->seldom;
  e->seldom = true;
  for (int i = 0; i < g->n; i++)
    if (!g->unit[i]->dead) emit_guarded(e, g->unit[i]);
  e->seldom = seldom;
}

/* Fused as a whole when all results stored here are wanted, which is the rule; else unit by unit.  What goes to the
 * workspace does no harm when nobody wants it, unless it would follow indices that were never computed. */
static void emit_mixed(Emit *e, Group *g, const Unit *head) {
  LLVMValueRef all = NULL;
  for (int i = 0; i < g->n; i++) {
    LLVMValueRef cond = g->unit[i] == head ? NULL : fused_if(e, g->unit[i]);
    if (cond) all = all ? LLVMBuildAnd(e->b, all, cond, "") : cond;
  }
  if (!all) {
    emit_nest(e, g->unit, g->n);
    return;
  }
  LLVMBasicBlockRef fused = new_block(e, "fused"), apart = new_block(e, "apart"), join = new_block(e, "join");
  LLVMBuildCondBr(e->b, all, fused, apart);
  LLVMPositionBuilderAtEnd(e->b, fused);
  int mark = memo_mark(e);
  emit_nest(e, g->unit, g->n);
  memo_release(e, mark);
  LLVMBuildBr(e->b, join);
  LLVMPositionBuilderAtEnd(e->b, apart);
  emit_apart(e, g);
  memo_release(e, mark);
  LLVMBuildBr(e->b, join);
  LLVMMoveBasicBlockAfter(join, LLVMGetLastBasicBlock(e->fn));
  LLVMPositionBuilderAtEnd(e->b, join);
}

void place_group(Emit *e, const Group *g) {
  for (int i = 0; i < g->n; i++) place_dynamic(e, g->unit[i]);
}

void emit_group(Emit *e, Group *g) {
  if (!e->relay && !e->epilogue) place_group(e, g);
  if (g->n == 1) {
    emit_guarded(e, g->unit[0]);
    return;
  }
  const Unit *head = head_of(e, g);
  bool same = same_need(e, g);
  LLVMValueRef cond = same || head ? needed(e, same ? g->unit[0] : head) : NULL;
  Branch br;
  if (cond) if_begin(e, &br, cond);
  if (same) emit_nest(e, g->unit, g->n);
  else emit_mixed(e, g, head);
  if (cond) if_end(e, &br);
}

void emit_groups(Emit *e, Plan *p) {
  Plan *outer = e->p;
  e->p = p;
  for (int i = 0, n; i < p->ngroup; i += n ? n : 1) {
    n = emit_part(e, p, i);
    if (!n && p->group[i].relay && !e->parts) emit_relay(e, &p->group[i]), n = p->group[i].relay;
    if (!n && p->group[i].epilogue && !e->parts) emit_epilogue(e, &p->group[i]), n = 2;
    if (!n) n = emit_checks(e, p, i);
    if (!n) emit_group(e, &p->group[i]);
  }
  e->p = outer;
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

static void param_attribute(Emit *e, unsigned i, const char *name) { add_attribute(e->g, e->fn, i + 1, name); }

/* Of many parameters and results, a long function loads what it needs where it needs it (parts.c). */
static void bind_arguments(Emit *e) {
  Region *body = e->f->body;
  bool now = !e->args.cells || !e->parts;
  int n = 0;
  for (int i = 0; i < e->f->nsym; i++) e->dim.sym[i] = args_get(&e->args, e->entry, n++);
  for (int i = 0; i < body->nparam; i++, n++) {
    const Value *v = body->param[i];
    if (now) e->where[v->id] = args_get(&e->args, e->entry, n);
    if (v->type->rank == 0 || e->args.cells) continue;
    param_attribute(e, (unsigned)n, "noalias");
    param_attribute(e, (unsigned)n, "readonly");
  }
  for (int i = 0; i < body->nres; i++, n++) {
    if (now) e->out[i] = args_get(&e->args, e->entry, n);
    if (!e->args.cells) param_attribute(e, (unsigned)n, "noalias");
  }
  e->ws = body_space(e->fn, SPACE_BASE);
  e->ws_len = body_space(e->fn, SPACE_LEN);
  e->err = body_space(e->fn, SPACE_ERR);
  n = (int)LLVMCountParams(e->fn) - BODY_SPACE;
  param_attribute(e, (unsigned)(n + SPACE_BASE), "noalias");
  param_attribute(e, (unsigned)(n + SPACE_ERR), "noalias");
}

void begin_body(Emit *e) {
  LLVMBasicBlockRef entry = new_block(e, "entry"), start = new_block(e, "start");
  LLVMPositionBuilderAtEnd(e->entry, entry);
  LLVMPositionBuilderBefore(e->entry, LLVMBuildBr(e->entry, start));
  LLVMPositionBuilderAtEnd(e->b, start);
}

Emit *emit_open(Codegen *g, Func *f, LLVMValueRef fn) {
  Emit *e = NEW(g->arena, Emit);
  *e = (Emit){.g = g, .ctx = g->ctx, .arena = g->arena, .f = f, .fn = fn};
  e->b = LLVMCreateBuilderInContext(g->ll);
  e->entry = LLVMCreateBuilderInContext(g->ll);
  e->zero = LLVMConstInt(g->i64, 0, false);
  e->one = LLVMConstInt(g->i64, 1, false);
  e->dim = (DimEnv){.g = g, .f = f, .b = e->entry, .late = e->b, .sym = NEW_N(g->arena, LLVMValueRef, f->nsym + 1)};
  begin_body(e);
  return e;
}

void emit_close(Emit *e) {
  LLVMDisposeBuilder(e->b);
  LLVMDisposeBuilder(e->entry);
}

static void emit_version(Codegen *g, Func *f, Plan *p, LLVMValueRef fn, bool plain) {
  Emit *e = emit_open(g, f, fn);
  e->p = p;
  e->plain = plain;
  e->where = NEW_N(g->arena, LLVMValueRef, f->nvalue + 1);
  e->object = NEW_N(g->arena, int, f->nvalue + 1);
  for (int i = 0; i < f->nvalue; i++) e->object[i] = -1;
  e->out = NEW_N(g->arena, LLVMValueRef, f->body->nres + 1);
  e->out_object = NEW_N(g->arena, int, f->body->nres + 1);
  e->dim.late_sym = late_sym;
  e->dim.late_env = e;
  debug_function(e);
  e->args = args_of(g, f, fn);
  open_parts(e);
  bind_arguments(e);
  place_memory(e);
  emit_groups(e, e->p);
  close_parts(e);
  LLVMBuildRet(e->b, LLVMConstInt(g->i32, ADC_OK, false));
  emit_close(e);
}

static BodyEntry *entry_of(Codegen *g, Func *f, bool accumulate) {
  for (int i = 0; i < g->nbody; i++)
    if (g->body[i].f == f && g->body[i].accumulate == accumulate) return &g->body[i];
  BodyEntry *b = &PUSH(g->arena, g->body, g->nbody, g->body_cap);
  *b = (BodyEntry){.f = f, .accumulate = accumulate};
  return b;
}

LLVMValueRef begin_function(Codegen *g, const Func *f, bool accumulate, const char *what, LLVMTypeRef t) {
  const char *name = arena_printf(g->arena, "%s%s.%s", f->name, accumulate ? ".add" : "", what);
  LLVMValueRef fn = LLVMAddFunction(g->mod, name, t);
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attribute(g, fn, ON_FUNCTION, "nounwind");
  return fn;
}

void emit_function(Codegen *g, Func *f, LLVMValueRef fn, LLVMValueRef exact) {
  Plan *p = plan_func(g->ctx, f, g->o->grain);
  if (!p->check || g->o->opt_level < 2 || g->o->debug) {
    emit_version(g, f, p, fn, false);
    return;
  }
  LLVMValueRef plain = begin_function(g, f, false, "plain", body_type(g, f));
  emit_version(g, f, p, plain, true);
  if (!exact) {
    exact = begin_function(g, f, false, "exact", body_type(g, f));
    emit_version(g, f, p, exact, false);
    add_attribute(g, exact, ON_FUNCTION, "cold");
  }
  emit_choice(g, f, p, fn, plain, exact);
}

LLVMValueRef emit_body(Codegen *g, Func *f, bool accumulate) {
  BodyEntry *b = entry_of(g, f, accumulate);
  if (b->body) return b->body;
  LLVMValueRef fn = b->body = begin_function(g, f, accumulate, "body", body_type(g, f));
  if (f->external) emit_extern(g, f, fn);
  else if (accumulate) emit_adding_body(g, f, fn);
  else if (f->nversion) emit_versions(g, f, fn);
  else emit_function(g, f, fn, NULL);
  return fn;
}

LLVMValueRef emit_size(Codegen *g, Func *f, bool accumulate) {
  BodyEntry *b = entry_of(g, f, accumulate);
  if (b->size) return b->size;
  LLVMValueRef fn = b->size = begin_function(g, f, accumulate, "size", size_type(g, f));
  emit_size_function(g, f, accumulate, fn);
  return fn;
}
