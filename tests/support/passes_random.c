/* passes_random.c - random straight-line tensor programs: each is verified, optimised and differentiated; the optimised function
 * and its optimised derivatives of first and second order must give the numbers of the plain ones.
 * usage: passes_random [COUNT [SEED]] */
#include "passes/pass.h"
#include "tests/support/exact/exact.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUE = 96, NSYM = 2 };

typedef struct Gen {
  Ctx *c;
  Func *f;
  Builder b;
  uint64_t seed;
  Value *pool[MAX_VALUE];
  int npool;
  Dim *dim[4]; /* n, m, 1, 2 */
} Gen;

static int pick(Gen *g, int n) {
  g->seed = g->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int)((g->seed >> 33) % (uint64_t)n);
}

static Value *any(Gen *g) { return g->pool[pick(g, g->npool)]; }

static Type *random_type(Gen *g, int rank) {
  Dim *d[3];
  for (int a = 0; a < rank; a++) d[a] = g->dim[pick(g, 4)];
  return type_tensor(g->c, F64, rank, d);
}

static Value *number(Gen *g, const Type *t) {
  static const double c[] = {0, 1, -1, 2, 0.5, -0.5, 3, -0.0, -4};
  return b_splat(&g->b, t, c[pick(g, (int)(sizeof c / sizeof *c))]);
}

/* A value of v's shape: another one, a number, or one broadcast from an axis or from a scalar. */
static Value *partner(Gen *g, const Value *v) {
  for (int tries = 0; tries < 8; tries++) {
    Value *w = any(g);
    if (w->type == v->type) return w;
    if (w->type->rank == 0 && pick(g, 2)) return b_broadcast_scalar(&g->b, w, v->type);
    for (int a = 0; w->type->rank == 1 && a < v->type->rank; a++)
      if (w->type->dim[0] == v->type->dim[a]) return b_broadcast(&g->b, w, &a, v->type);
  }
  return number(g, v->type);
}

/* Few functions with kinks: which side a tie falls on is decided by rounding, and that by the order of operations. */
static Value *make_map(Gen *g) {
  static const Opcode unary[] = {OP_neg, OP_neg, OP_sin, OP_tanh, OP_sigmoid, OP_softplus, OP_stop_gradient};
  static const Opcode binary[] = {OP_add, OP_sub, OP_mul, OP_mul, OP_mulz, OP_sub};
  Value *x = any(g);
  if (pick(g, 3) == 0) return b_map1(&g->b, unary[pick(g, 7)], x);
  Value *y = partner(g, x);
  if (pick(g, 8) == 0) {
    Value *p = b_map2(&g->b, OP_lt, x, y);
    return b_select(&g->b, pick(g, 2) ? p : b_map1(&g->b, OP_not, p), x, partner(g, x));
  }
  if (pick(g, 10) == 0) return b_map2(&g->b, OP_div, x, b_splat(&g->b, x->type, pick(g, 2) ? -2 : 3));
  if (pick(g, 10) == 0) return b_map2(&g->b, OP_pow, x, b_splat(&g->b, x->type, pick(g, 4)));
  return pick(g, 2) ? b_map2(&g->b, binary[pick(g, 6)], x, y) : b_map2(&g->b, binary[pick(g, 6)], y, x);
}

/* Labels for the axes of x; an axis may take a label that is there already if the extents agree. */
static void label(Gen *g, const Value *x, int8_t *to, Dim **extent, int *n) {
  for (int a = 0; a < x->type->rank; a++) {
    int8_t l = (int8_t)pick(g, *n + 1);
    bool mine = memchr(to, l, (size_t)a) != NULL;
    if (l == *n || mine || extent[l] != x->type->dim[a]) {
      l = (int8_t)(*n)++;
      extent[l] = x->type->dim[a];
    }
    to[a] = l;
  }
}

static Value *make_contract(Gen *g) {
  Value *x = any(g), *y = pick(g, 2) ? any(g) : NULL;
  int8_t in[2][MAX_RANK], out[MAX_RANK];
  Dim *extent[MAX_LABEL] = {0}, *dim[MAX_RANK];
  int n = 0, rank = 0;
  label(g, x, in[0], extent, &n);
  if (y) label(g, y, in[1], extent, &n);
  if (pick(g, 4) == 0) extent[n++] = g->dim[pick(g, 4)];
  for (int tries = 0; tries < n && rank < 3; tries++) {
    int8_t l = (int8_t)pick(g, n);
    if (memchr(out, l, (size_t)rank)) continue;
    dim[rank] = extent[l];
    out[rank++] = l;
  }
  return b_contract_raw(&g->b, x, in[0], y, y ? in[1] : NULL, out, type_tensor(g->c, F64, rank, dim));
}

static Value *make_reshape(Gen *g) {
  Value *x = any(g);
  Dim *dim[MAX_RANK], *one = dim_const(g->c, 1);
  int rank = 0, insert = pick(g, 2) && x->type->rank < 3 ? pick(g, x->type->rank + 1) : -1;
  for (int a = 0; a <= x->type->rank; a++) {
    if (a == insert) dim[rank++] = one;
    if (a == x->type->rank) break;
    if (insert >= 0 || !dim_is(x->type->dim[a], 1) || pick(g, 2)) dim[rank++] = x->type->dim[a];
  }
  if (pick(g, 6) == 0) {
    dim[0] = type_count(g->c, x->type);
    rank = 1;
  }
  return b_reshape(&g->b, x, rank, dim);
}

static Value *make_window(Gen *g) {
  Value *x = any(g);
  Dim *start[MAX_RANK], *origin[MAX_RANK], *size[MAX_RANK];
  int64_t stride[MAX_RANK];
  for (int a = 0; a < x->type->rank; a++) {
    start[a] = dim_const(g->c, pick(g, 3));
    origin[a] = dim_const(g->c, pick(g, 2));
    stride[a] = 1;
    size[a] = dim_add(g->c, x->type->dim[a], dim_const(g->c, 2));
  }
  Value *big = b_embed(&g->b, x, start, stride, type_tensor(g->c, F64, x->type->rank, size));
  if (pick(g, 2)) big = b_map1(&g->b, OP_sin, big);
  return b_slice(&g->b, big, pick(g, 2) ? start : origin, stride, x->type->dim);
}

static Value *make_other(Gen *g) {
  Value *x = any(g);
  if (x->type->rank == 0) return b_map1(&g->b, OP_tanh, x);
  int axis = pick(g, x->type->rank);
  switch (pick(g, 3)) {
  case 0: return b_reduce(&g->b, pick(g, 2) ? OP_rmax : OP_rprod, x, 1, &axis);
  case 1: {
    Type *t = type_tensor(g->c, I64, 1, &x->type->dim[axis]);
    Value *i = b_iota(&g->b, t, 0);
    return b_gather(&g->b, x, 1, &axis, &i, NULL);
  }
  default: return b_linrec(&g->b, b_map1(&g->b, OP_tanh, x), partner(g, x), axis, pick(g, 2));
  }
}

static Value *make(Gen *g) {
  switch (pick(g, 8)) {
  case 0:
  case 1:
  case 2: return make_map(g);
  case 3:
  case 4: return make_contract(g);
  case 5: return make_reshape(g);
  case 6: return pick(g, 2) ? make_window(g) : make_map(g);
  default: return make_other(g);
  }
}

static void program(Gen *g) {
  static const char *const name[] = {"n", "m"};
  g->c = ctx_new();
  g->f = func_new(module_new(g->c), "f", LOC_NONE);
  g->f->exported = true;
  for (int i = 0; i < NSYM; i++) {
    Sym *s = sym_new(g->c, SYM_DIM, name[i], LOC_NONE);
    s->nonneg = true;
    func_add_sym(g->f, s);
    g->dim[i] = dim_sym(g->c, s);
  }
  g->dim[2] = dim_const(g->c, 1);
  g->dim[3] = dim_const(g->c, 2);
  g->b = builder_at_end(g->f);
  g->npool = 0;
  for (int i = 0; i < 4; i++) {
    const char *letter = intern(g->c, (char[]){(char)('a' + i), 0});
    g->pool[g->npool++] = func_add_param(g->f, random_type(g, i < 3 ? 1 + i : 0), letter);
  }
  int n = 4 + pick(g, 24);
  for (int i = 0; i < n; i++) {
    Value *v = make(g);
    if (v->type->rank <= 3) g->pool[g->npool++] = pick(g, 3) ? v : b_map1(&g->b, OP_tanh, v);
  }
  Value *out[2] = {g->pool[g->npool - 1], any(g)};
  region_set_results(g->f->body, 2, out);
  func_default_ports(g->f);
}

/* ---- comparison ------------------------------------------------------------------------------------------------------------- */

static Tensor *random_like(Gen *g, Arena *a, const Type *t, const int64_t *sym) {
  int64_t dim[MAX_RANK];
  for (int k = 0; k < t->rank; k++) {
    int64_t v = 0;
    if (dim_is_const(t->dim[k], &v)) dim[k] = v;
    else if (t->dim[k] == g->dim[0] || t->dim[k] == g->dim[1]) dim[k] = sym[t->dim[k] == g->dim[1]];
    else return NULL;
  }
  Tensor *x = exact_tensor(a, F64, t->rank, dim);
  for (int64_t k = 0; k < x->count; k++) x->f[k] = pick(g, 10) ? (pick(g, 2001) - 1000) / 1000.0L : 0;
  return x;
}

static bool close_to(long double x, long double y) {
  if (isnan(x) || isnan(y) || isinf(x) || isinf(y)) return true; /* overflow: order of operations decides */
  return fabsl(x - y) <= 1e-9L * (1 + fabsl(x) + fabsl(y));
}

static bool same(Gen *g, const Func *x, const Func *y, const int64_t *sym) {
  Arena *a = arena_new();
  Tensor *in[16], *out[2][16];
  bool ok = x->body->nparam == y->body->nparam && x->body->nres == y->body->nres, known = true;
  for (int i = 0; i < x->body->nparam && known; i++) known = (in[i] = random_like(g, a, x->body->param[i]->type, sym)) != NULL;
  if (ok && known) {
    ExactStatus sx = exact_run(a, x, sym, in, out[0]), sy = exact_run(a, y, sym, in, out[1]);
    ok = !sx && !sy;
    for (int i = 0; i < x->body->nres && ok; i++)
      for (int64_t k = 0; k < out[0][i]->count && ok; k++) ok = close_to(out[0][i]->f[k], out[1][i]->f[k]);
  }
  arena_free(a);
  return ok;
}

static void show(const Func *f) {
  Text t;
  text_init(&t, f->module->ctx->arena);
  func_print(&t, f);
  printf("%s\n", t.s);
}

static Func *optimised(Func *f, const char *name) {
  Func *g = func_clone(f, name);
  pass_optimise(g);
  return g;
}

static int check(Gen *g, const char *what, const Func *plain, const Func *fast) {
  static const int64_t sizes[3][NSYM] = {{3, 2}, {1, 4}, {0, 3}};
  for (int s = 0; s < 3; s++) {
    if (same(g, plain, fast, sizes[s])) continue;
    printf("%s differs at n=%d m=%d\n", what, (int)sizes[s][0], (int)sizes[s][1]);
    show(plain);
    show(fast);
    return 1;
  }
  return 0;
}

static int run(Gen *g) {
  program(g);
  Func *f = g->f, *fast = optimised(f, "fast");
  if (!module_verify(f->module)) {
    diag_print_text(g->c, stdout, false);
    show(f);
    show(fast);
    return 1;
  }
  int fails = check(g, "the function", f, fast);
  Func *v = derive_raw(f, (Wrt){0}, FUNC_VJP), *j = derive_raw(f, (Wrt){0}, FUNC_JVP);
  if (!fails) fails += check(g, "the vjp", v, derive_vjp(fast, (Wrt){0}));
  if (!fails) fails += check(g, "the jvp", j, derive_jvp(fast, (Wrt){0}));
  if (!fails) fails += check(g, "the vjp of the vjp", derive_raw(v, (Wrt){0}, FUNC_VJP), derive_vjp(optimised(v, "v"), (Wrt){0}));
  return fails;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 100, fails = 0;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  for (int i = 0; i < count; i++) {
    Gen g = {.seed = (seed + (uint64_t)i) * UINT64_C(0x9e3779b97f4a7c15)};
    int bad = run(&g);
    if (bad) printf("program %llu\n", (unsigned long long)(seed + (uint64_t)i));
    fails += bad;
    ctx_free(g.c);
    if (fails >= 5) break;
  }
  printf("%d programs, %d differ\n", count, fails);
  return fails > 0;
}
