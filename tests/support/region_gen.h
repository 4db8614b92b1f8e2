/* region_gen.h - random functions with control flow: branches, loops of all kinds in one another, arrays carried and set, calls of a
 * function that calls itself.  All values stay small, and every loop ends. */
#ifndef ADC_TESTS_REGION_GEN_H
#define ADC_TESTS_REGION_GEN_H
#include "ir/ir.h"

enum { GEN_POOL = 400 };
/* Values in scope: real scalars, real vectors of n, ints from 0 to n - 1. */
typedef struct Pool { Value *v[GEN_POOL]; int n; } Pool;
typedef struct Gen { Ctx *c; Func *f, *callee; Builder b; uint64_t seed; Pool s, a, i; Dim *n; int depth, left; int checkpoint; } Gen;

static int pick(Gen *g, int n) {
  g->seed = g->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int)((g->seed >> 33) % (uint64_t)n);
}

static Value *any(Gen *g, const Pool *p) { return p->v[p->n > 4 && pick(g, 2) ? p->n - 1 - pick(g, 4) : pick(g, p->n)]; }
static void put_in(Pool *p, Value *v) {
  if (p->n < GEN_POOL) p->v[p->n++] = v;
}

static Pool *pool_of(Gen *g, const Value *v) { return v->type->rank ? &g->a : elem_is_int(v->type->elem) ? &g->i : &g->s; }
static Value *any_of(Gen *g, int kind) { return any(g, kind == 0 ? &g->s : kind == 1 ? &g->a : &g->i); }
static Value *any_like(Gen *g, const Value *v) { return any(g, pool_of(g, v)); }

static Value *small(Gen *g, Value *x) { return b_map1(&g->b, pick(g, 2) ? OP_sin : OP_tanh, x); }
static Value *scaled(Gen *g, Value *x) { return b_map2(&g->b, OP_mul, x, b_splat(&g->b, x->type, 0.25 * (1 + pick(g, 4)))); }

static Value *map_of(Gen *g, const Pool *p) {
  Value *x = any(g, p), *y = any(g, p);
  switch (pick(g, 5)) {
  case 0: return small(g, x);
  case 1: return b_map2(&g->b, OP_mul, x, y);
  case 2: return small(g, b_map2(&g->b, OP_add, x, y));
  case 3: return b_map1(&g->b, OP_exp, small(g, b_map2(&g->b, OP_sub, x, y)));
  default: return scaled(g, x);
  }
}

static Value *next_index(Gen *g, Value *i) {
  Builder *b = &g->b;
  return b_map2(b, OP_mod, b_map2(b, OP_add, i, b_int(b, 1 + pick(g, 3))), b_dim(b, g->n));
}

static Value *window(Gen *g) {
  Builder *b = &g->b;
  Sym *k = sym_new(g->c, SYM_VALUE, "k", LOC_NONE);
  k->nonneg = true;
  b_sym(b, any(g, &g->i), k);
  Dim *start = dim_const(g->c, 0), *size = dim_sym(g->c, k);
  int64_t stride = 1;
  Value *v = b_slice(b, any(g, &g->a), &start, &stride, &size);
  if (pick(g, 2)) v = b_map2(b, OP_mul, v, small(g, v));
  return scaled(g, b_contract(b, v, "a", NULL, NULL, "", NULL));
}

static void straight(Gen *g) {
  Builder *b = &g->b;
  int zero = 0;
  Value *i = any(g, &g->i), *x = any(g, &g->a), *v;
  switch (pick(g, 8)) {
  case 0:
  case 1: v = map_of(g, &g->s); break;
  case 2: v = map_of(g, &g->a); break;
  case 3: v = b_gather(b, x, 1, &zero, &i, NULL); break;
  case 4: v = b_set(b, x, any(g, &g->s), 1, &zero, &i); break;
  case 5: v = small(g, b_contract(b, x, "a", any(g, &g->a), "a", "", NULL)); break;
  case 6: v = next_index(g, i); break;
  default: v = pick(g, 2) ? window(g) : b_scatter_acc(b, x, any(g, &g->s), 1, &zero, &i, NULL);
  }
  put_in(pool_of(g, v), v);
}

static void block(Gen *g, int n);

/* Fills a region; it yields values like those given. */
static void region(Gen *g, Region *r, int n, Value *const *like) {
  Builder outer = g->b;
  int ns = g->s.n, na = g->a.n, ni = g->i.n;
  Value *res[8];
  g->b = b_inside(&outer, r);
  for (int k = 0; k < r->nparam; k++) put_in(pool_of(g, r->param[k]), r->param[k]);
  block(g, 1 + pick(g, 5));
  for (int k = 0; k < n; k++) {
    res[k] = any_like(g, like[k]);
    if (!elem_is_int(res[k]->type->elem)) res[k] = small(g, b_map2(&g->b, OP_add, res[k], any_like(g, like[k])));
  }
  region_set_results(r, n, res);
  g->b = outer;
  g->s.n = ns, g->a.n = na, g->i.n = ni;
}

static int values(Gen *g, Value **v) {
  int n = 1 + pick(g, 3);
  for (int k = 0; k < n; k++) v[k] = any_of(g, k == 0 ? 0 : pick(g, 3));
  return n;
}

static void results(Gen *g, const Op *op, int n) {
  for (int k = 0; k < n; k++) put_in(pool_of(g, op->res[k]), op->res[k]);
}

static void branch(Gen *g) {
  Value *v[8];
  Type *t[8];
  int n = values(g, v);
  for (int k = 0; k < n; k++) t[k] = v[k]->type;
  Op *op = b_if(&g->b, b_map2(&g->b, OP_lt, any(g, &g->s), b_const(&g->b, F64, 0.125 * (1 + pick(g, 6)))), n, t);
  for (int r = 0; r < 2; r++) region(g, op->reg[r], n, v);
  results(g, op, n);
}

static void counted(Gen *g) {
  Value *v[8];
  Builder *b = &g->b;
  int n = values(g, v);
  Value *lo = pick(g, 2) ? b_int(b, 0) : any(g, &g->i), *hi = pick(g, 2) ? b_dim(b, g->n) : any(g, &g->i), *step = b_int(b, 1);
  bool down = pick(g, 4) == 0;
  if (down) step = b_int(b, -1 - pick(g, 2));
  Op *op = down ? b_for(b, b_map2(b, OP_sub, hi, b_int(b, 1)), b_int(b, -1), step, n, v) : b_for(b, lo, hi, step, n, v);
  if (g->checkpoint) op->u.loop.checkpoint = g->checkpoint;
  region(g, loop_body(op), n, v);
  results(g, op, n);
}

/* While a counter is small and a value is not large. */
static void conditional(Gen *g) {
  Value *v[8];
  Builder outer = g->b;
  int n = values(g, v);
  v[n] = b_int(&g->b, 0);
  Op *op = b_while(&g->b, n + 1, v);
  if (g->checkpoint) op->u.loop.checkpoint = g->checkpoint;
  g->b = b_inside(&outer, op->reg[0]);
  Value *few = b_map2(&g->b, OP_lt, op->reg[0]->param[n], b_int(&g->b, 1 + pick(g, 4)));
  Value *low = b_map2(&g->b, OP_lt, op->reg[0]->param[0], b_const(&g->b, F64, 0.9));
  region_set_results(op->reg[0], 1, (Value *[]){b_map2(&g->b, OP_and, few, low)});
  g->b = outer;
  Region *body = op->reg[1];
  body->nparam = n; /* nothing random is done to the counter */
  region(g, body, n, v);
  body->nparam = n + 1;
  g->b = b_inside(&outer, body);
  Value *res[8];
  for (int k = 0; k < n; k++) res[k] = body->res[k];
  res[n] = b_map2(&g->b, OP_add, body->param[n], b_int(&g->b, 1));
  region_set_results(body, n + 1, res);
  g->b = outer;
  results(g, op, n);
}

static void recursive_call(Gen *g) {
  Value *opd[] = {any(g, &g->s), any(g, &g->a), any(g, &g->i)};
  DimSubst subst = {g->callee->sym[0], g->n};
  put_in(&g->s, b_call(&g->b, g->callee, 3, opd, 1, &subst)->res[0]);
}

static void block(Gen *g, int n) {
  for (int k = 0; k < n && g->left > 0; k++) {
    int what = pick(g, 10);
    g->left--;
    g->depth++;
    if (what < 5 || g->depth > 4) straight(g);
    else if (what == 5) branch(g);
    else if (what < 8) counted(g);
    else if (what == 8) conditional(g);
    else if (pick(g, 3) == 0) recursive_call(g);
    g->depth--;
  }
}

static const char gen_callee[] = "func @rec [local](n; %x: f64, %a: f64[n], %k: i64) -> (out: f64) {\n"
                                 "  %zero = const 0 : i64\n"
                                 "  %c = le %k, %zero : bool\n"
                                 "  %r = if %c : f64 do () {\n"
                                 "    yield %x\n"
                                 "  } do () {\n"
                                 "    %one = const 1 : i64\n"
                                 "    %j = sub %k, %one : i64\n"
                                 "    %v = gather %a, %j {axes 0} : f64\n"
                                 "    %y = mul %v, %x : f64\n"
                                 "    %s = sin %y : f64\n"
                                 "    %p = call @rec %s, %a, %j {n = n} : f64\n"
                                 "    %q = mul %p, %v : f64\n"
                                 "    yield %q\n"
                                 "  }\n"
                                 "  return %r\n"
                                 "}\n";

static Value *all_of(Gen *g, const Pool *p) {
  Value *sum = p->v[0];
  for (int k = 1; k < p->n; k++) sum = b_map2(&g->b, OP_add, sum, scaled(g, p->v[k]));
  return sum;
}

static Func *gen_function(Ctx *c, uint64_t seed) {
  Module *m = module_read(c, "rec.ir", gen_callee, sizeof gen_callee - 1);
  Func *f = func_new(m, "f", LOC_NONE);
  Sym *n = sym_new(c, SYM_DIM, "n", LOC_NONE);
  n->nonneg = true;
  func_add_sym(f, n);
  f->exported = true;
  Gen g = {.c = c, .f = f, .callee = m->func[0], .b = builder_at_end(f), .seed = seed, .n = dim_sym(c, n), .left = 24};
  g.seed = g.seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  for (int k = 0; k < 3; k++) pick(&g, 2);
  g.checkpoint = pick(&g, 3) ? 0 : pick(&g, 2) ? -1 : 2;
  put_in(&g.s, func_add_param(f, type_scalar(c, F64), "x"));
  put_in(&g.s, func_add_param(f, type_scalar(c, F64), "y"));
  put_in(&g.a, func_add_param(f, type_tensor(c, F64, 1, &g.n), "a"));
  put_in(&g.i, b_int(&g.b, 1));
  put_in(&g.i, b_int(&g.b, 3));
  block(&g, 6);
  Value *out[2] = {all_of(&g, &g.s), all_of(&g, &g.a)};
  region_set_results(f->body, 2, out);
  func_default_ports(f);
  return f;
}

#endif
