/* estimate.c - about how long a function takes, and how long its code is, by its plan.
 *
 * Ensures: numbers in which two functions that compute the same can be compared: cycles, and instructions, more or less. */
#include "codegen/codegen.h"
#include "codegen/plan.h"

/* What is not known is MANY long.  Time, in cycles, beside what elements cost: to run a nest, a row in it, an operation with a kernel;
 * elements of a vector, and numbers, that are done at once; to add an element somewhere. */
enum { MANY = 64, NEST = 8, ROW = 6, KERNEL = 40, VECTOR = 8, NUMBERS = 3, SCATTER = 4 };
/* Code, by the time that it takes to compile, in tenths of a millisecond: a function, a loop in lanes for each result and each operation,
 * other operations with loops of their own, nests for each and each operation, what is done to numbers. */
#define CODE_FUNCTION 170
#define CODE_LANE_RESULT 38
#define CODE_LANE 2
#define CODE_SPECIAL 27
#define CODE_NEST 51
#define CODE_WORK 1.3
#define CODE_NUMBER 0.8

typedef struct Estimate {
  int n;
  const DimSubst *at;
  double code;
} Estimate;

static bool value_of(void *env, const Sym *s, int64_t *v) {
  const Estimate *e = env;
  *v = s->kind == SYM_VALUE ? (s->most ? s->most : MANY / 2) : MANY;
  for (int i = 0; i < e->n; i++)
    if (e->at[i].from == s) return dim_is_const(e->at[i].to, v);
  return true;
}

static double length(Estimate *e, const Dim *d) {
  int64_t n;
  return !d ? 1 : dim_eval(d, value_of, e, &n) && n > 0 ? (double)n : 0;
}

static double elements(Estimate *e, const Type *t) {
  double n = 1;
  for (int a = 0; a < t->rank; a++) n *= length(e, t->dim[a]);
  return n;
}

/* Products or sums; elements, of anything else. */
static double terms(Estimate *e, const Op *op) {
  Dim *extent[MAX_LABEL];
  double n = 1;
  if (op->code != OP_contract) return elements(e, (op_info[op->code].family == FAM_REDUCE ? op->opd[0] : op->res[0])->type);
  int labels = label_extents(op, extent);
  for (int l = 0; l < labels; l++) n *= length(e, extent[l]);
  return n;
}

/* What all elements of it take, one by one. */
static double numbers(Estimate *e, const Op *op) {
  bool computes = op_info[op->code].family == FAM_MAP || op_has_sum(op) || (op->code == OP_contract && op->nopd == 2);
  return op_info[op->code].family == FAM_SOURCE || !(computes || op_info[op->code].family == FAM_REDUCE) ? 0 : terms(e, op) * op_cost(op);
}

static double plan_time(Estimate *e, const Plan *p);

static double turns(Estimate *e, const Plan *p, const Op *op) {
  Dim *n = loop_turns(p->ctx, op);
  return op->u.loop.seldom ? 0 : n ? length(e, n) : MANY;
}

/* What iterations pick by computed indices, or add there, is done for one after another. */
static double lanes_time(Estimate *e, const Op *loop, double n) {
  double sum = 1, alone = 0;
  for (const Op *op = loop->reg[0]->first; op; op = op->next) {
    if (op->nres == 1 && op_info[op->code].family != FAM_EFFECT) sum += numbers(e, op);
    if (op->code == OP_gather && !picks_by_numbers(op)) alone += elements(e, op->res[0]->type);
    if (op->code == OP_scatter_acc) alone += SCATTER * elements(e, op->opd[1]->type);
  }
  e->code += CODE_LANE_RESULT * loop->nres + CODE_LANE * sum;
  return NEST + n * (sum / VECTOR + alone);
}

static double special_time(Estimate *e, const Plan *p, const Unit *u) {
  const Op *op = u->op;
  if (!op) return 0;
  e->code += CODE_SPECIAL;
  if (op->nreg && in_lanes(p, op->reg[0])) return lanes_time(e, op, turns(e, p, op));
  if (op_is_loop(op)) return turns(e, p, op) * (plan_time(e, u->sub[op->code == OP_while]) + 1);
  if (op->code == OP_if) {
    double x = plan_time(e, u->sub[0]), y = plan_time(e, u->sub[1]);
    return x > y ? x : y;
  }
  bool is_matrix = op_info[op->code].family == FAM_MATRIX;
  const Value *most = op_is_update(op) ? op->opd[1] : op->res[0];
  return (is_matrix ? KERNEL : NEST) + elements(e, most->type) * (is_matrix ? 4 : 1);
}

/* Of an element, with what is computed for it on the way. */
int unit_cost(const Plan *p, const Unit *u) {
  int sum = u->op ? op_cost(u->op) : 1;
  for (int k = 0; u->op && k < u->op->nopd; k++) {
    const ValueInfo *x = &p->value[u->op->opd[k]->id];
    sum += x->place == PLACE_VIRTUAL ? x->cost : 0;
  }
  return sum;
}

/* Units in one nest: the innermost loop in vectors, a row of which may be short. */
static double nest_time(Estimate *e, const Plan *p, const Group *g) {
  const Unit *u = g->unit[0];
  double rows = 1, row = u->nlevel ? length(e, u->level[u->nlevel - 1]) : 1, work = 0;
  for (int l = 0; l + 1 < u->nlevel; l++) rows *= length(e, u->level[l]);
  for (int i = 0; i < g->n; i++) work += unit_cost(p, g->unit[i]) + (g->unit[i]->kind == UNIT_ADD ? SCATTER : 0);
  e->code += CODE_NEST + CODE_WORK * work;
  if (u->tiled) return KERNEL + rows * row / VECTOR;
  return NEST + rows * (ROW + work * (1 + (row - 1) / VECTOR));
}

static bool is_nest(const Unit *u) {
  return u->kind == UNIT_STORE || u->kind == UNIT_REDUCE || u->kind == UNIT_UPDATE || u->kind == UNIT_ADD;
}

static double unit_time(Estimate *e, const Plan *p, const Unit *u) {
  if (u->kind == UNIT_SPECIAL) return special_time(e, p, u);
  double n = u->kind == UNIT_STRAIGHT && u->op ? numbers(e, u->op) : unit_cost(p, u);
  e->code += CODE_NUMBER * n;
  return n / NUMBERS;
}

static double plan_time(Estimate *e, const Plan *p) {
  double sum = 0;
  for (int i = 0; i < p->ngroup; i++) {
    const Group *g = &p->group[i];
    if (is_nest(g->unit[0])) sum += nest_time(e, p, g);
    else
      for (int k = 0; k < g->n; k++)
        if (!g->unit[k]->dead) sum += unit_time(e, p, g->unit[k]);
  }
  return sum;
}

double codegen_estimate(Func *f, int64_t grain, int n, const DimSubst *at, double *code) {
  Plan *p = plan_func(f->module->ctx, f, grain);
  Estimate e = {.n = n, .at = at};
  double time = plan_time(&e, p);
  *code = CODE_FUNCTION + e.code; /* … of a version: not twice, whatever plain.c says */
  return time;
}
