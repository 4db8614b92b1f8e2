/* explain.c - what is kept in memory, where, and why, as text for the user: a table of the storage plan of each exported function.
 * Requires: the functions that code is generated of.  Ensures: one line a piece of memory that values of a function live in, in the
 * order in which they are made; a buffer that is named again is used again. */
#include "codegen/internal.h"
#include "codegen/plan.h"
#include <string.h>

/* What lives in one memory. */
typedef struct Home {
  const Value *first, *carried, *named;
  const Op *stores; /* the `set` that fills a tape */
} Home;

typedef struct Explain {
  Ctx *c;
  const Plan *p;
  Home *home; /* by the home's id */
  int *order, norder, order_cap;
  int elsewhere; /* values that are computed where they are used, or in registers */
  Text *to;
} Explain;

static bool is_tape(const Value *v) { return v->name && strncmp(v->name, "tape", 4) == 0; }

static void visit_value(Explain *x, const Value *v, bool carried) {
  const ValueInfo *info = &x->p->value[v->id];
  if (info->place != PLACE_BUFFER || info->local) {
    x->elsewhere += info->local || info->place == PLACE_VIRTUAL || info->place == PLACE_SCALAR;
    return;
  }
  Home *h = &x->home[info->home];
  if (!h->first) PUSH(x->c->arena, x->order, x->norder, x->order_cap) = info->home;
  if (!h->first) h->first = v;
  if (carried && (!h->carried || is_tape(v))) h->carried = v;
  if (v->name && !h->named) h->named = v;
  if (v->def && v->def->code == OP_set) h->stores = v->def;
}

static void visit(Explain *x, const Region *r) {
  for (int i = 0; r->parent && i < r->nparam; i++) visit_value(x, r->param[i], op_is_loop(r->parent));
  for (const Op *op = r->first; op; op = op->next) {
    for (int i = 0; i < op->nres; i++) visit_value(x, op->res[i], op_is_loop(op));
    for (int i = 0; i < op->nreg; i++) visit(x, op->reg[i]);
  }
}

static const char *operation(const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_CONTRACT: return op->nopd == 2 ? "a product that is summed" : "a sum";
  case FAM_REDUCE: return "a fold of an axis";
  case FAM_SCAN: return "a recurrence or order along an axis";
  case FAM_MATRIX: return "a factorisation, or a solution";
  case FAM_CALL: return "the result of a call";
  case FAM_REGION: return "the result of a branch or loop";
  case FAM_MAP: return "a sum to which a product is added";
  case FAM_VIEW: return "put together of parts";
  default: return "stored into at computed places";
  }
}

/* As place.c decided. */
static const char *reason(const Explain *x, const Home *h) {
  const ValueInfo *info = &x->p->value[h->first->id];
  if (h->carried) return "carried from iteration to iteration";
  switch (info->why) {
  case WHY_OPERATION: return operation(h->first->def);
  case WHY_READER: return "a product, a factorisation or a call reads it from memory";
  case WHY_AGAIN: return arena_printf(x->c->arena, "used %d times, and computing it costs more than a store", info->use);
  case WHY_EXPANDED: return "each element is asked for again and again";
  case WHY_FACTOR: return "a factor of products that are summed";
  case WHY_SERIAL: return "a recurrence would compute it one element after another";
  }
  return "";
}

static void why(const Explain *x, const Home *h) {
  if (h->carried && is_tape(h->carried) && h->stores) {
    const char *of = h->stores->opd[1]->name;
    text_add(x->to, "tape: what each iteration had %s%s, for the reverse sweep", of ? "as " : "", of ? of : "");
  } else {
    text_add(x->to, "%s%s%s", h->named ? h->named->name : "", h->named ? ": " : "", reason(x, h));
  }
}

static const char *result_name(const Func *f, int r) {
  for (const Port *p = f->out; p < f->out + f->nout; p++)
    if (r >= p->first && r < p->first + p->nleaf) return port_leaf_name(f->module->ctx, p, r - p->first);
  return "?";
}

static const char *where(const Explain *x, const Value *v) {
  const ValueInfo *info = &x->p->value[v->id];
  if (info->result < 0) return arena_printf(x->c->arena, "buffer %d", info->slot);
  const char *name = result_name(x->p->f, info->result);
  return info->slot < 0 ? name : arena_printf(x->c->arena, "%s, or buffer %d", name, info->slot);
}

static void line(const Explain *x, const char *at, const Type *t, Loc loc) {
  Text type;
  text_init(&type, x->c->arena);
  if (t) type_print(&type, t);
  text_add(x->to, "  line %-5d %-22s %-16s ", loc_line(x->c, loc), at, t ? type.s : "");
}

static Loc place_of(const Value *v) { return v->def ? v->def->loc : v->region->parent->loc; }

/* Where products pack their operands, and what is saved while values change places. */
static void explain_scratch(const Explain *x, const Plan *p) {
  for (int i = 0; i < p->nunit; i++) {
    const Unit *u = p->unit[i];
    if (u->op && (u->tiled || factor_space(x->c, u->op))) {
      line(x, arena_printf(x->c->arena, "buffer %d", u->scratch), NULL, u->op->loc);
      text_add(x->to, "panels of a matrix product's operands%s\n", u->tiled ? "" : ", in a factorisation or solution");
    }
    for (int r = 0; r < 2; r++)
      if (u->sub[r]) explain_scratch(x, u->sub[r]);
  }
}

static Explain explain_open(Func *f, Text *to) {
  Ctx *c = f->module->ctx;
  Explain x = {.c = c, .p = plan_func(c, f, 0), .home = NEW_N(c->arena, Home, f->nvalue + 1), .to = to};
  visit(&x, f->body);
  return x;
}

static int64_t bytes_of(const Explain *x, const Home *h) {
  int slot = x->p->value[h->first->id].slot;
  int64_t n;
  return slot >= 0 && x->p->slot[slot].bytes && dim_is_const(x->p->slot[slot].bytes, &n) ? n : 0;
}

void explain_largest(Func *f, Diag *d) {
  enum { MOST = 3 };
  Explain x = explain_open(f, NULL);
  int64_t below = INT64_MAX;
  for (int k = 0; k < MOST; k++) {
    const Home *largest = NULL;
    for (int i = 0; i < x.norder; i++) {
      const Home *h = &x.home[x.order[i]];
      int64_t n = bytes_of(&x, h);
      if (n && n < below && (!largest || n > bytes_of(&x, largest))) largest = h;
    }
    if (!largest) return;
    Text text, type;
    text_init(&text, x.c->arena);
    text_init(&type, x.c->arena);
    type_print(&type, largest->first->type);
    x.to = &text;
    why(&x, largest);
    below = bytes_of(&x, largest);
    int such = 0;
    for (int i = 0; i < x.p->nslot; i++) such += x.p->slot[i].bytes == x.p->slot[x.p->value[largest->first->id].slot].bytes;
    const char *more = such > 1 ? arena_printf(x.c->arena, " (and %d more as large)", such - 1) : "";
    diag_note(x.c, d, place_of(largest->first), "%s, %lld bytes: %s%s", type.s, (long long)below, text.s, more);
  }
}

static void explain_func(Func *f, Text *to) {
  Ctx *c = f->module->ctx;
  Explain x = explain_open(f, to);
  text_add(to, "%s: workspace: ", f->name);
  workspace_text(c, f, 0, to);
  text_add(to, "\n");
  for (int i = 0; i < x.norder; i++) {
    const Home *h = &x.home[x.order[i]];
    line(&x, where(&x, h->first), h->first->type, place_of(h->first));
    why(&x, h);
    text_add(to, "\n");
  }
  explain_scratch(&x, x.p);
  text_add(to, "  in registers, or computed where they are used: %d values\n", x.elsewhere);
}

void codegen_explain_memory(Module *m, Text *to) {
  for (int i = 0; i < m->nfunc; i++)
    if (m->func[i]->exported && !m->func[i]->external) explain_func(m->func[i], to);
}
