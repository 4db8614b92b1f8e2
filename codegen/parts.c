/* parts.c - a long function as several LLVM functions.
 *
 * LLVM's time grows faster than a function's length, so the groups of a long region are emitted into parts: what runs over long
 * axes is one by itself, numbers go together in runs.  A part takes a pointer to cells of eight bytes, in which it finds what it
 * needs of the function around it (addresses, dimensions, numbers) and leaves the numbers that it computes:
 *
 *    function                               part
 *      cell 0 = address of x                  x = cell 0, …
 *      cell 1 = n                             the loops
 *      call part(cells)                       cell 2 = sum
 *      … = cell 2
 *
 * A run's cells are those of the whole function: a number is stored once and read by all runs.  The others number their own, so
 * that equal loops over other memory are equal functions, of which LLVM keeps one.
 *
 * Requires: no part is open where one begins.  Ensures: values at the same places as without parts. */
#include "codegen/emit.h"
#include <string.h>

enum {
  LONG = 256,      /* units: a region with fewer is not divided */
  VERY_LONG = 1500, /* operations: in a function with as many, every region is */
  RUN_LEAST = 24,  /* groups: a shorter run stays where it is */
  RUN_MOST = 250,  /* elements computed */
  WHOLE_MOST = 150, /* operations: a loop with more is divided itself */
  BLOCK = 16       /* calls; after as many a new basic block begins, for LLVM works block by block */
};

struct Part {
  Emit *outer;
  LLVMValueRef base;  /* in the function around: its cells */
  LLVMValueRef cells; /* the parameter */
  bool run, fails;
  int ncell;          /* of its own */
  ValueMap here;      /* what the values of the function around are in it */
  int nobject;
  int object[PART_OBJECTS]; /* of the function; memory objects have numbers of their own here */
  Text objects;       /* what equal functions have in common beside their instructions */
};

/* Where a number is kept that a part computes. */
typedef struct Home {
  struct Part *part;
  LLVMValueRef at; /* in the part: an alloca, as long as no cell */
  int cell;        /* of the function's, or of the part's own; -1: none yet */
} Home;

struct Parts {
  Home *home; /* by value id */
  LLVMValueRef cells, scratch; /* of no size until the function is complete */
  int ncell, nscratch, count;
  bool very_long;
  ValueMap fixed; /* by value of the function: the cell that holds it from the beginning */
  LLVMValueRef *where; /* by value id, in the part being emitted */
  const Value **set;   /* those that have an entry there */
  int *param;          /* by value id: which parameter of the function */
  int nset, set_cap;
};

Emit *outer_of(const Emit *e) { return e->part->outer; }

static LLVMValueRef cell_at(Emit *e, LLVMBuilderRef b, LLVMValueRef base, int cell) {
  LLVMValueRef i = LLVMConstInt(e->g->i64, (unsigned)cell, false);
  return LLVMBuildInBoundsGEP2(b, e->g->i64, base, &i, 1, "");
}

/* ---- what a part reads of the function around it ------------------------------------------------------------------ */

static int new_cell(Emit *e) {
  struct Part *p = e->part;
  return p->run ? e->parts->ncell++ : p->ncell++;
}

static bool known_at_entry(const Emit *e, LLVMValueRef x) {
  return !LLVMIsAInstruction(x) || LLVMGetInstructionParent(x) == LLVMGetInsertBlock(e->entry);
}

/* A cell of the function's with x, which is the same for all calls. */
static int put_once(Emit *outer, LLVMValueRef x) {
  LLVMValueRef known = value_find(&outer->parts->fixed, x);
  if (known) return (int)LLVMConstIntGetZExtValue(known);
  int cell = outer->parts->ncell++;
  LLVMBuildStore(outer->entry, x, cell_at(outer, outer->entry, outer->parts->cells, cell));
  divide_accesses(outer->entry, cell);
  value_enter(outer->arena, &outer->parts->fixed, x, LLVMConstInt(outer->g->i64, (unsigned)cell, false));
  return cell;
}

/* A cell with x, for the part. */
static int put_in_cell(Emit *e, LLVMValueRef x) {
  Emit *outer = e->part->outer;
  if (e->part->run && known_at_entry(outer, x)) return put_once(outer, x);
  int cell = new_cell(e);
  LLVMBuildStore(outer->b, x, cell_at(outer, outer->b, e->part->base, cell));
  return cell;
}

LLVMValueRef part_value(Emit *e, LLVMValueRef x) {
  struct Part *p = e->part;
  if (LLVMIsConstant(x)) return x;
  LLVMValueRef here = value_find(&p->here, x);
  if (here) return here;
  here = LLVMBuildLoad2(e->entry, LLVMTypeOf(x), cell_at(e, e->entry, p->cells, put_in_cell(e, x)), "");
  value_enter(e->arena, &p->here, x, here);
  return here;
}

int part_object(Emit *e, int object) {
  struct Part *p = e->part;
  for (int i = 0; i < p->nobject; i++)
    if (p->object[i] == object) return i;
  if (object < 0 || p->nobject == PART_OBJECTS) return -1;
  p->object[p->nobject] = object;
  return p->nobject++;
}

LLVMValueRef part_memory(Emit *e, LLVMValueRef base, int object) {
  text_add(&e->part->objects, " %d", part_object(e, object));
  return part_value(e, base);
}

void set_where(Emit *e, const Value *v, LLVMValueRef at) {
  e->where[v->id] = at;
  if (e->part) PUSH(e->arena, e->parts->set, e->parts->nset, e->parts->set_cap) = v;
}

static bool is_number(const Emit *e, const Value *v) {
  return e->p->value[v->id].place == PLACE_SCALAR && (v->def || v->region != e->f->body);
}

/* It gets cells, in the place of the alloca that it had in a run. */
static void move_to_cells(Emit *e, Home *h, int n) {
  h->cell = e->parts->ncell;
  e->parts->ncell += n;
  LLVMBuilderRef b = LLVMCreateBuilderInContext(e->g->ll);
  LLVMPositionBuilderBefore(b, h->at);
  LLVMReplaceAllUsesWith(h->at, cell_at(e, b, h->part->cells, h->cell));
  LLVMInstructionEraseFromParent(h->at);
  LLVMDisposeBuilder(b);
}

/* The address of a number that a part has computed, for the others: in a run it gets its cell only now. */
static LLVMValueRef leave_in_cell(Emit *e, Home *h) {
  if (h->cell < 0) move_to_cells(e, h, 1);
  LLVMValueRef at = cell_at(e, e->entry, h->part->base, h->cell);
  if (!h->part->run) LLVMBuildStore(e->entry, e->zero, at);
  return at;
}

/* ---- a few elements: as long as one run alone has them, or the function itself, an alloca there ---- */

static LLVMTypeRef local_type(const Emit *e, const Value *v) {
  return LLVMArrayType2(elem_type(e->g, v->type->elem), (unsigned)elements_of(v->type));
}

static int cells_of(const Value *v) { return (elements_of(v->type) * elem_size(v->type->elem) + 7) / 8; }

static LLVMValueRef local_in_function(Emit *e, const Value *v) {
  Home *h = &e->parts->home[e->p->value[v->id].home];
  if (h->part && h->cell < 0) move_to_cells(e, h, cells_of(v));
  if (h->part) return cell_at(e, e->entry, e->parts->cells, h->cell);
  return h->at ? h->at : (h->at = new_alloca(e, local_type(e, v)));
}

static LLVMValueRef local_here(Emit *e, const Value *v) {
  struct Part *p = e->part;
  Home *h = &e->parts->home[e->p->value[v->id].home];
  bool new = !h->part && !h->at;
  if (p->run && new) *h = (Home){.part = p, .at = new_alloca(e, local_type(e, v)), .cell = -1};
  if (p->run && h->part == p && h->cell < 0) return h->at;
  LLVMValueRef at = where_of(p->outer, v);
  return p->run && h->part ? cell_at(e, e->entry, p->cells, h->cell) : part_memory(e, at, e->object[v->id]);
}

/* The address of a number, in a part. */
static LLVMValueRef number_here(Emit *e, const Value *v) {
  struct Part *p = e->part;
  Home *h = &e->parts->home[v->id];
  if (h->part == p && p->run) return h->at = new_alloca(e, elem_reg(e->g, v->type->elem));
  if (h->part == p) return cell_at(e, e->entry, p->cells, h->cell = p->ncell++);
  LLVMValueRef outside = where_of(p->outer, v);
  if (p->run && h->part && h->part->run) return cell_at(e, e->entry, p->cells, h->cell);
  LLVMValueRef x = LLVMBuildLoad2(p->outer->b, elem_reg(e->g, v->type->elem), outside, "");
  return cell_at(e, e->entry, p->cells, put_in_cell(e, x));
}

/* Runs read the table of slots themselves. */
static LLVMValueRef slot_here(Emit *e, const Value *v) {
  const ValueInfo *info = &e->p->value[v->id];
  LLVMValueRef table = e->part->outer->slot_table;
  if (!table || info->place != PLACE_BUFFER || info->result >= 0 || e->p->root->slot[info->slot].dynamic) return NULL;
  LLVMValueRef slot = LLVMConstInt(e->g->i64, (unsigned)info->slot, false);
  return LLVMBuildLoad2(e->entry, e->g->ptr, LLVMBuildInBoundsGEP2(e->entry, e->g->ptr, part_value(e, table), &slot, 1, ""), "");
}

static LLVMValueRef memory_here(Emit *e, const Value *v) {
  LLVMValueRef at = where_of(e->part->outer, v);
  return v->type->rank ? part_memory(e, at, e->object[v->id]) : part_value(e, at);
}

bool reads_args(const Emit *e) {
  const struct Part *p = e->part;
  return p ? p->run && p->outer->args.cells != NULL : e->args.cells != NULL;
}

/* A parameter or a result, counted as args.c does, of a function that has them in an array: runs read it themselves, where they want
 * it.  NULL: elsewhere. */
static LLVMValueRef arg_here(Emit *e, int i) {
  BodyArgs in = e->part ? e->part->outer->args : e->args;
  if (!reads_args(e)) return NULL;
  if (!e->part) return args_get(&in, e->entry, i);
  in.cells = part_value(e, in.cells);
  return args_get(&in, e->b, i);
}

static LLVMValueRef param_here(Emit *e, const Value *v) {
  bool is_param = !v->def && v->region == e->f->body;
  return is_param ? arg_here(e, e->f->nsym + e->parts->param[v->id]) : NULL;
}

LLVMValueRef where_of(Emit *e, const Value *v) {
  if (e->where[v->id] || !e->parts) return e->where[v->id];
  LLVMValueRef at = param_here(e, v);
  if (at && !e->part) set_where(e, v, at);
  if (at) return at;
  if (e->p->value[v->id].local) {
    at = e->part ? local_here(e, v) : local_in_function(e, v);
  } else if (is_number(e, v)) {
    Home *h = &e->parts->home[v->id];
    at = e->part ? number_here(e, v)
         : h->at || h->cell >= 0 ? leave_in_cell(e, h)
                                 : new_alloca(e, elem_reg(e->g, v->type->elem));
  } else {
    if (!e->part) {
      at = buffer_of(e, v);
      if (at) e->where[v->id] = at;
      return at;
    }
    at = e->part->run ? slot_here(e, v) : NULL;
    if (!at) at = memory_here(e, v);
  }
  set_where(e, v, at);
  return at;
}

LLVMValueRef out_of(Emit *e, int result) {
  LLVMValueRef here = e->part || !e->out[result] ? arg_here(e, e->f->nsym + e->f->body->nparam + result) : NULL;
  if (!e->part && here) e->out[result] = here;
  if (here) return here;
  return e->part ? part_memory(e, out_of(e->part->outer, result), e->out_object[result]) : e->out[result];
}

LLVMValueRef err_of(Emit *e) {
  if (!e->part) return e->err;
  e->part->fails = true;
  return part_value(e, e->part->outer->err);
}

LLVMValueRef dynamic_of(Emit *e) { return e->part ? part_value(e, e->part->outer->dynamic) : e->dynamic; }

/* ---- which groups make a part ------------------------------------------------------------------------------------- */

static bool mentions_value(int n, Value *const *v) {
  for (int i = 0; i < n; i++)
    if (type_mentions_value(v[i]->type)) return true;
  return false;
}

/* Memory of unknown size and calls, which count what is left of it, stay in the function. */
static bool can_leave(const Op *op) {
  if (op->code == OP_sym || op_info[op->code].family == FAM_CALL) return false;
  if (mentions_value(op->nres, op->res) || mentions_value(op->nopd, op->opd)) return false;
  for (int i = 0; i < op->nreg; i++)
    for (const Op *in = op->reg[i]->first; in; in = in->next)
      if (!can_leave(in)) return false;
  return true;
}

typedef enum { STAYS, JOINS, ALONE } Kind;

static bool is_long(int n, Dim *const *dim) {
  int64_t c;
  for (int i = 0; i < n; i++)
    if (!dim_is_const(dim[i], &c)) return true;
  return false;
}

/* Something with regions: is there more in it than a few numbers? */
static bool runs_long(const Op *op) {
  enum { FEW = 30 };
  for (int i = 0; i < op->nreg; i++) {
    if (region_count_ops(op->reg[i]) > FEW) return true;
    for (const Op *in = op->reg[i]->first; in; in = in->next) {
      for (int k = 0; k < in->nres; k++)
        if (is_long(in->res[k]->type->rank, in->res[k]->type->dim)) return true;
      for (int k = 0; k < in->nopd; k++)
        if (is_long(in->opd[k]->type->rank, in->opd[k]->type->dim)) return true;
      if (runs_long(in)) return true;
    }
  }
  return false;
}

static Kind kind_of_unit(const Emit *e, const Unit *u) {
  const Op *op = u->op;
  if (op && !can_leave(op)) return STAYS;
  for (int i = 0; op && i < op->nreg && !in_lanes(e->p, op->reg[0]); i++)
    if (region_count_ops(op->reg[i]) > WHOLE_MOST) return STAYS;
  if (op && op->nreg && (in_lanes(e->p, op->reg[0]) || runs_long(op))) return ALONE;
  if (op && op->nreg) return JOINS;
  if (u->tiled || u->kind == UNIT_SCALAR || u->kind == UNIT_STRAIGHT) return JOINS;
  if (u->v && is_long(u->v->type->rank, u->v->type->dim)) return ALONE;
  return is_long(u->nlevel, u->level) ? ALONE : JOINS;
}

static Kind kind_of(const Emit *e, const Group *g) {
  Kind kind = JOINS;
  for (int i = 0; i < g->n; i++) {
    Kind k = kind_of_unit(e, g->unit[i]);
    if (k == STAYS) return STAYS;
    if (k == ALONE) kind = ALONE;
  }
  return kind;
}

static void own_region(Emit *e, struct Part *p, const Region *r);

static void own(Emit *e, struct Part *p, const Op *op) {
  for (int k = 0; k < op->nres; k++)
    if (!e->p->value[op->res[k]->id].local) e->parts->home[op->res[k]->id] = (Home){.part = p, .cell = -1};
  for (int i = 0; i < op->nreg; i++) own_region(e, p, op->reg[i]);
}

static void own_region(Emit *e, struct Part *p, const Region *r) {
  for (int i = 0; i < r->nparam; i++)
    if (!e->p->value[r->param[i]->id].local) e->parts->home[r->param[i]->id] = (Home){.part = p, .cell = -1};
  for (const Op *op = r->first; op; op = op->next) own(e, p, op);
}

/* It reads so much that hardly another one is equal. */
static bool is_wide(const Group *g) {
  enum { WIDE = 24 };
  int reads = 0;
  for (int i = 0; i < g->n; i++) reads += 1 + g->unit[i]->nread;
  return reads > WIDE;
}

static bool leaves_numbers(const Emit *e, const Group *g) {
  for (int i = 0; i < g->n; i++)
    for (int k = 0; g->unit[i]->op && k < g->unit[i]->op->nres; k++)
      if (is_number(e, g->unit[i]->op->res[k])) return true;
  return false;
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */

static LLVMTypeRef part_type(Codegen *g) { return LLVMFunctionType(g->i32, &g->ptr, 1, false); }

/* An alloca that is replaced when their number is known. */
static LLVMValueRef new_cells(Emit *e) { return LLVMBuildAlloca(e->entry, LLVMArrayType2(e->g->i64, 0), ""); }

static LLVMValueRef make_cells(Emit *e, LLVMValueRef cells, int n, bool zeroed) {
  LLVMBuilderRef b = LLVMCreateBuilderInContext(e->g->ll);
  LLVMPositionBuilderBefore(b, cells);
  LLVMValueRef made = LLVMBuildAlloca(b, LLVMArrayType2(e->g->i64, (unsigned)n), "cells");
  if (zeroed && n) LLVMBuildMemSet(b, made, LLVMConstNull(e->g->i8), LLVMConstInt(e->g->i64, 8 * (unsigned)n, false), 8);
  LLVMReplaceAllUsesWith(cells, opaque(e->g, b, made));
  LLVMInstructionEraseFromParent(cells);
  LLVMDisposeBuilder(b);
  return made;
}

static LLVMValueRef new_function(Emit *e) {
  const char *name = arena_printf(e->arena, "%s.%d", LLVMGetValueName(e->fn), e->parts->count++);
  LLVMValueRef fn = LLVMAddFunction(e->g->mod, name, part_type(e->g));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  LLVMSetUnnamedAddress(fn, LLVMGlobalUnnamedAddr);
  add_attribute(e->g, fn, ON_FUNCTION, "nounwind");
  add_attribute(e->g, fn, ON_FUNCTION, "noinline");
  add_attribute(e->g, fn, 1, "noalias");
  return fn;
}

/* The memory objects of any part: the same nodes in all, for equal functions to be equal. */
static void share_scopes(Emit *outer, Emit *in) {
  if (!outer->g->part_scope) make_scopes(outer, "part", PART_OBJECTS, &outer->g->part_scope, &outer->g->part_noalias);
  in->scope = outer->g->part_scope;
  in->noalias = outer->g->part_noalias;
}

static Emit *open_part(Emit *e, bool run, bool numbers) {
  struct Parts *all = e->parts;
  struct Part *p = NEW(e->arena, struct Part);
  Emit *in = NEW(e->arena, Emit);
  *in = (Emit){.g = e->g, .ctx = e->ctx, .arena = e->arena, .f = e->f, .p = e->p, .zero = e->zero, .one = e->one,
               .plain = e->plain, .parts = all, .part = p, .where = all->where, .object = e->object, .out_object = e->out_object,
               .fn = new_function(e)};
  *p = (struct Part){.outer = e, .run = run, .cells = LLVMGetParam(in->fn, 0)};
  p->base = run ? all->cells : numbers ? new_cells(e) : all->scratch;
  text_init(&p->objects, e->arena);
  in->b = LLVMCreateBuilderInContext(e->g->ll);
  in->entry = LLVMCreateBuilderInContext(e->g->ll);
  share_scopes(e, in);
  begin_body(in);
  return in;
}

static void close_part(Emit *in) {
  struct Part *p = in->part;
  Emit *e = p->outer;
  LLVMTypeRef type = part_type(e->g);
  LLVMBuildRet(in->b, LLVMConstInt(e->g->i32, ADC_OK, false));
  LLVMDisposeBuilder(in->b);
  LLVMDisposeBuilder(in->entry);
  static const char key[] = "objects";
  LLVMAddAttributeAtIndex(in->fn, LLVMAttributeFunctionIndex,
                          LLVMCreateStringAttribute(e->g->ll, key, sizeof key - 1, p->objects.s, (unsigned)p->objects.len));
  if (p->base == e->parts->scratch && p->ncell > e->parts->nscratch) e->parts->nscratch = p->ncell;
  if (!p->run && p->base != e->parts->scratch) p->base = make_cells(e, p->base, p->ncell, false);
  LLVMValueRef code = LLVMBuildCall2(e->b, type, in->fn, &p->base, 1, "");
  while (e->parts->nset) e->parts->where[e->parts->set[--e->parts->nset]->id] = NULL;
  if (!p->fails && e->parts->count % BLOCK) return;
  LLVMBasicBlockRef fail = new_block(e, "failed"), ok = new_block(e, "ok");
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntEQ, code, LLVMConstInt(e->g->i32, ADC_OK, false), ""), ok, fail);
  LLVMPositionBuilderAtEnd(e->b, fail);
  LLVMBuildRet(e->b, code);
  LLVMPositionBuilderAtEnd(e->b, ok);
}

static int run_length(const Emit *e, const Plan *p, int from) {
  int n = 0;
  while (n < RUN_LEAST && from + n < p->ngroup && kind_of(e, &p->group[from + n]) == JOINS) n++;
  return n;
}

int emit_part(Emit *e, Plan *p, int from) {
  if (!e->parts || e->part || (p->nunit < LONG && !e->parts->very_long)) return 0;
  Kind kind = kind_of(e, &p->group[from]);
  if (kind == STAYS || (kind == JOINS && run_length(e, p, from) < RUN_LEAST)) return 0;
  Emit *in = open_part(e, kind == JOINS || is_wide(&p->group[from]), leaves_numbers(e, &p->group[from]));
  int n = 0;
  do {
    Group *g = &p->group[from + n++];
    for (int i = 0; i < g->n; i++)
      if (g->unit[i]->op && g->unit[i]->op->nres && p->producer[g->unit[i]->op->res[0]->id] == g->unit[i])
        own(in, in->part, g->unit[i]->op);
    emit_group(in, g);
  } while (kind == JOINS && from + n < p->ngroup && in->computed < RUN_MOST && kind_of(e, &p->group[from + n]) == JOINS);
  close_part(in);
  return n;
}

void open_parts(Emit *e) {
  int nop = region_count_ops(e->f->body);
  if (e->g->o->opt_level < 1 || e->g->o->debug || e->g->o->grain || nop < LONG) return;
  e->parts = NEW(e->arena, struct Parts);
  *e->parts = (struct Parts){.cells = new_cells(e), .scratch = new_cells(e), .very_long = nop >= VERY_LONG};
  e->parts->home = NEW_N(e->arena, Home, e->f->nvalue + 1);
  for (int i = 0; i < e->f->nvalue; i++) e->parts->home[i].cell = -1;
  e->parts->where = NEW_N(e->arena, LLVMValueRef, e->f->nvalue + 1);
  e->parts->param = NEW_N(e->arena, int, e->f->nvalue + 1);
  for (int i = 0; i < e->f->body->nparam; i++) e->parts->param[e->f->body->param[i]->id] = i;
}

void close_parts(Emit *e) {
  if (!e->parts) return;
  make_cells(e, e->parts->cells, e->parts->ncell, true);
  make_cells(e, e->parts->scratch, e->parts->nscratch, false);
  e->g->nparts += e->parts->count;
}
