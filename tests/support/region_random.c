/* region_random.c - random programs with branches and loops: each is verified, printed and read, cloned, and run before and after
 * the passes, which must give the same numbers and the same fault.
 * usage: region_random [COUNT [SEED]] */
#include "passes/pass.h"
#include "tests/support/exact/exact.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POOL = 64, MAX_NEST = 3 };

/* Values in scope: f64 scalars, f64[n], i64 scalars within 0 <= i < n, bool scalars. */
typedef struct Pool { Value *scalar[MAX_POOL], *vector[MAX_POOL], *index[MAX_POOL], *flag[MAX_POOL]; int ns, nv, ni, nf; } Pool;
typedef struct Gen { Ctx *c; Func *f; uint64_t seed; Dim *n; Type *vector; Value *lo, *hi, *step; int fuel; } Gen;

static int pick(Gen *g, int n) {
  g->seed = g->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int)((g->seed >> 33) % (uint64_t)n);
}

static Value *scalar(Gen *g, const Pool *p) { return p->scalar[pick(g, p->ns)]; }
static Value *vector(Gen *g, const Pool *p) { return p->vector[pick(g, p->nv)]; }
static Value *flag(Gen *g, const Pool *p) { return p->flag[pick(g, p->nf)]; }
static Value *index(Gen *g, const Pool *p) { return p->index[pick(g, p->ni)]; }

static void keep(Pool *p, Value *v) {
  bool vec = v->type->rank > 0;
  if (v->type->elem == BOOL && p->nf < MAX_POOL) p->flag[p->nf++] = v;
  else if (v->type->elem == F64 && !vec && p->ns < MAX_POOL) p->scalar[p->ns++] = v;
  else if (v->type->elem == F64 && vec && p->nv < MAX_POOL) p->vector[p->nv++] = v;
}

static Value *tame(Builder *b, Value *x) { return b_map1(b, OP_tanh, x); }

static Value *make_plain(Gen *g, Builder *b, Pool *p) {
  static const Opcode un[] = {OP_neg, OP_sin, OP_tanh, OP_relu}, bin[] = {OP_add, OP_sub, OP_mul, OP_max};
  static const double number[] = {0, 1, -1, 0.5, 2};
  Value *i = index(g, p), *x = pick(g, 2) ? scalar(g, p) : vector(g, p);
  int axis = 0;
  switch (pick(g, 11)) {
  case 0: return b_map1(b, un[pick(g, 4)], x);
  case 1: return b_map2(b, bin[pick(g, 4)], scalar(g, p), scalar(g, p));
  case 2: return b_map2(b, bin[pick(g, 4)], vector(g, p), vector(g, p));
  case 3: return b_broadcast_scalar(b, scalar(g, p), g->vector);
  case 4: return tame(b, b_sum(b, vector(g, p), 1, &axis));
  case 5: return b_map2(b, OP_lt, scalar(g, p), scalar(g, p));
  case 6: return b_const(b, F64, number[pick(g, 5)]);
  case 7: return b_select(b, flag(g, p), scalar(g, p), scalar(g, p));
  case 8:
    if (pick(g, 2)) b_check_index(b, i, g->n, NULL, "index");
    return b_gather(b, vector(g, p), 1, &axis, &i, NULL);
  case 9: return b_set(b, vector(g, p), scalar(g, p), 1, &axis, &i);
  default: {
    Value *u = b_scatter_add(b, scalar(g, p), 1, &axis, &i, NULL, g->vector);
    return pick(g, 2) ? b_map2(b, OP_add, vector(g, p), u) : b_scatter_acc(b, vector(g, p), scalar(g, p), 1, &axis, &i, NULL);
  }
  }
}

static void block(Gen *g, Builder *b, Pool *p, int depth);

/* What a region yields for v: v as it came, something of v's type from inside, or a constant flag. */
static Value *next_of(Gen *g, Builder *b, const Pool *p, Value *v) {
  if (v->type->elem == BOOL) return pick(g, 3) ? flag(g, p) : b_bool(b, pick(g, 2));
  if (pick(g, 5) == 0) return v;
  if (v->type->rank) return pick(g, 2) ? tame(b, vector(g, p)) : vector(g, p);
  return pick(g, 2) ? tame(b, scalar(g, p)) : scalar(g, p);
}

static Value *some(Gen *g, const Pool *p) {
  int k = pick(g, 5);
  return k < 2 ? scalar(g, p) : k < 4 ? vector(g, p) : flag(g, p);
}

static void make_if(Gen *g, Builder *b, Pool *p, int depth) {
  Value *like[3], *c = pick(g, 8) ? flag(g, p) : b_bool(b, pick(g, 2));
  Type *types[3];
  int n = pick(g, 4);
  for (int i = 0; i < n; i++) types[i] = (like[i] = some(g, p))->type;
  Op *op = b_if(b, c, n, types);
  for (int r = 0; r < 2; r++) {
    Pool inner = *p;
    Builder in = b_inside(b, op->reg[r]);
    Value *res[3];
    if (pick(g, 3)) block(g, &in, &inner, depth + 1);
    for (int i = 0; i < n; i++) res[i] = next_of(g, &in, &inner, like[i]);
    region_set_results(op->reg[r], n, res);
  }
  for (int i = 0; i < n; i++) keep(p, op->res[i]);
}

/* A `while` carries a counter besides, so that it ends; its symbol gives a type that is known in the body alone. */
static void make_loop(Gen *g, Builder *b, Pool *p, int depth) {
  bool is_for = pick(g, 3) != 0, twice = pick(g, 6) == 0;
  Value *init[5], *res[5], *one = b_int(b, 1);
  int n = pick(g, 5), index = is_for;
  for (int i = 0; i < n; i++) init[i] = some(g, p);
  if (!is_for) init[n] = b_int(b, 0);
  Op *op = is_for ? b_for(b, g->lo, pick(g, 6) ? g->hi : twice ? b_int(b, 2) : one, g->step, n, init) : b_while(b, n + 1, init);
  Region *body = loop_body(op);
  Pool inner = *p;
  Builder in = b_inside(b, body);
  for (int i = 0; i < n; i++) keep(&inner, body->param[index + i]);
  if (is_for && op->opd[1] == g->hi && inner.ni < MAX_POOL) inner.index[inner.ni++] = body->param[0];
  if (!is_for && pick(g, 2)) {
    Sym *s = sym_new(g->c, SYM_VALUE, "k", LOC_NONE);
    s->nonneg = true;
    Dim *d = dim_sym(g->c, s);
    int axis = 0;
    b_sym(&in, body->param[n], s);
    keep(&inner, tame(&in, b_sum(&in, b_broadcast_scalar(&in, scalar(g, &inner), type_tensor(g->c, F64, 1, &d)), 1, &axis)));
  }
  block(g, &in, &inner, depth + 1);
  for (int i = 0; i < n; i++) res[i] = next_of(g, &in, &inner, body->param[index + i]);
  if (!is_for) res[n] = b_map2(&in, OP_add, body->param[n], b_int(&in, 1));
  region_set_results(body, is_for ? n : n + 1, res);
  if (!is_for) {
    Builder cond = b_inside(b, op->reg[0]);
    Value *more = pick(g, 12) ? b_map2(&cond, OP_lt, op->reg[0]->param[n], b_int(&cond, 3)) : b_bool(&cond, false);
    region_set_results(op->reg[0], 1, &more);
  }
  for (int i = 0; i < n; i++) keep(p, op->res[i]);
}

static void block(Gen *g, Builder *b, Pool *p, int depth) {
  for (int i = 0, n = 1 + pick(g, 7); i < n && g->fuel-- > 0; i++) {
    int kind = pick(g, 5);
    if (depth < MAX_NEST && kind == 0) make_if(g, b, p, depth);
    else if (depth < MAX_NEST && kind == 1) make_loop(g, b, p, depth);
    else keep(p, make_plain(g, b, p));
    if (pick(g, 25) == 0) b_assert(b, flag(g, p), "flag");
  }
}

static void program(Gen *g) {
  g->c = ctx_new();
  g->f = func_new(module_new(g->c), "f", LOC_NONE);
  g->f->exported = true;
  Sym *n = sym_new(g->c, SYM_DIM, "n", LOC_NONE);
  n->nonneg = true;
  func_add_sym(g->f, n);
  g->n = dim_sym(g->c, n);
  g->vector = type_tensor(g->c, F64, 1, &g->n);
  Type *real = type_scalar(g->c, F64);
  Pool p = {.ns = 2, .nv = 2, .nf = 2, .ni = 1};
  for (int i = 0; i < 2; i++) p.scalar[i] = func_add_param(g->f, real, i ? "b" : "a");
  for (int i = 0; i < 2; i++) p.vector[i] = func_add_param(g->f, g->vector, i ? "y" : "x");
  for (int i = 0; i < 2; i++) p.flag[i] = func_add_param(g->f, type_scalar(g->c, BOOL), i ? "q" : "p");
  Builder b = builder_at_end(g->f);
  p.index[0] = g->lo = b_int(&b, 0);
  g->hi = b_dim(&b, g->n);
  g->step = b_int(&b, 1);
  g->fuel = 60;
  for (int i = 0; i < 3; i++) block(g, &b, &p, 0);
  Value *res[3] = {p.scalar[p.ns - 1], p.vector[p.nv - 1], some(g, &p)};
  region_set_results(g->f->body, 3, res);
  func_default_ports(g->f);
}

/* ---- comparison ------------------------------------------------------------------------------------------------------------- */

static Tensor *random_param(Gen *g, Arena *a, const Type *t, int64_t n) {
  Tensor *x = exact_tensor(a, t->elem, t->rank, &n);
  for (int64_t k = 0; k < x->count; k++) {
    if (x->f) x->f[k] = pick(g, 10) ? (pick(g, 2001) - 1000) / 1000.0L : 0;
    else x->i[k] = pick(g, 2);
  }
  return x;
}

static bool same_value(const Tensor *x, const Tensor *y) {
  for (int64_t k = 0; k < x->count; k++) {
    if (x->i && x->i[k] != y->i[k]) return false;
    if (x->f && !(isnan(x->f[k]) && isnan(y->f[k])) && !(fabsl(x->f[k] - y->f[k]) <= 1e-9L * (1 + fabsl(x->f[k])))) return false;
  }
  return x->count == y->count;
}

static bool same(Gen *g, const Func *x, const Func *y, int64_t n) {
  Arena *a = arena_new();
  Tensor *in[8], *out[2][3];
  for (int i = 0; i < x->body->nparam; i++) in[i] = random_param(g, a, x->body->param[i]->type, n);
  ExactStatus sx = exact_run(a, x, &n, in, out[0]), sy = exact_run(a, y, &n, in, out[1]);
  bool ok = sx == sy;
  for (int i = 0; i < 3 && ok && !sx; i++) ok = same_value(out[0][i], out[1][i]);
  arena_free(a);
  return ok;
}

static const char *show(const Func *f) {
  Text t;
  text_init(&t, f->module->ctx->arena);
  func_print(&t, f);
  return t.s;
}

static bool round_trip(const Func *f) {
  const char *text = show(f);
  Ctx *c = ctx_new();
  Module *m = module_read(c, "text.ir", text, strlen(text));
  bool ok = m && !strcmp(text, show(m->func[0]));
  ctx_free(c);
  return ok;
}

typedef struct Step { const char *name; void (*pass)(Func *); } Step;

static int run(Gen *g) {
  static const Step steps[] = {{"dce", pass_dce},
                               {"cse", pass_cse},
                               {"hoist", pass_hoist},
                               {"simplify", pass_simplify},
                               {"optimise", pass_optimise}};
  program(g);
  for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
    Func *fast = func_clone(g->f, steps[s].name);
    steps[s].pass(fast);
    bool ok = module_verify(g->f->module) && round_trip(g->f) && round_trip(fast);
    if (!ok) diag_print_text(g->c, stdout, false);
    for (int64_t n = 1; n <= 4 && ok; n++) ok = same(g, g->f, fast, n);
    if (ok) continue;
    printf("%s\n%s differs:\n%s", show(g->f), steps[s].name, show(fast));
    return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 100, fails = 0;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  for (int i = 0; i < count && fails < 3; i++) {
    Gen g = {.seed = (seed + (uint64_t)i) * UINT64_C(0x9e3779b97f4a7c15)};
    int bad = run(&g);
    if (bad) printf("program %llu\n", (unsigned long long)(seed + (uint64_t)i));
    fails += bad;
    ctx_free(g.c);
  }
  printf("%d programs, %d differ\n", count, fails);
  return fails > 0;
}
