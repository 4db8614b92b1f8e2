/* ir_roundtrip.c - every operation of the table, made by the builder: the module verifies; its text, read in another
 * context, verifies and prints as the same text; and so does a clone of it.  Prints "ir_roundtrip: ok", or what
 * differs. */
#include "ir/ir.h"
#include <math.h>
#include <string.h>

typedef struct {
  Ctx *c;
  Module *m;
  Func *f;
  Builder b;
  Dim *n, *k, *one, *zero;
  int fails;
} Test;

static void fail(Test *t, const char *what, const char *got) {
  printf("%s\n%s\n", what, got);
  diag_print_text(t->c, stdout, false);
  t->fails++;
}

static Value *param(Test *t, Elem e, int rank, const char *name) {
  Dim *dims[] = {t->n, t->k, t->n};
  return func_add_param(t->f, type_tensor(t->c, e, rank, dims), name);
}

static void start(Test *t, const char *name) {
  t->f = func_new(t->m, name, LOC_NONE);
  t->f->exported = true;
  Sym *n = sym_new(t->c, SYM_DIM, "n", LOC_NONE), *k = sym_new(t->c, SYM_PARAM, "k", LOC_NONE);
  k->nonneg = k->names_dim = true;
  func_add_sym(t->f, n);
  func_add_sym(t->f, k);
  t->n = dim_sym(t->c, n);
  t->k = dim_sym(t->c, k);
  t->one = dim_const(t->c, 1);
  t->zero = dim_const(t->c, 0);
  t->b = builder_at_end(t->f);
}

static void finish(Test *t, Value *v) {
  region_set_results(t->f->body, v != NULL, &v);
  func_default_ports(t->f);
}

/* ---- one function a family --------------------------------------------------------------------------------------- */

static void make_map(Test *t, Opcode code, MapSig sig) {
  Elem real[] = {F64, F32, I64, I32};
  for (int i = 0; i < 4; i++) {
    Elem e = sig == SIG_BOOL ? BOOL : real[i];
    if (sig == SIG_POLY && i > 1) continue;
    if ((sig == SIG_REAL && i > 1) || (sig == SIG_INT && (i < 2 || (i == 3 && code != OP_ipow)))) continue;
    if ((code == OP_philox || code == OP_philox_high) && e != I64) continue;
    Value *x = param(t, e, i % 3, NULL), *p = param(t, sig == SIG_POLY ? I64 : BOOL, i % 3, "p");
    if (code == OP_cast) {
      for (int to = 0; to < ELEM_COUNT; to++) b_cast(&t->b, x, (Elem)to);
      continue;
    }
    Value *opd[] = {sig == SIG_SELECT || sig == SIG_POLY ? p : x, x, x};
    b_map(&t->b, code, op_info[code].nopd, opd);
  }
}

static void make_source(Test *t) {
  Builder *b = &t->b;
  double values[] = {0.1, -0.0, 1e300, 5e-324, INFINITY, -INFINITY, NAN, 1.0 / 3};
  for (int i = 0; i < 8; i++) b_const(b, F64, values[i]);
  b_const(b, F32, 0.1);
  b_int(b, INT64_MIN);
  b_int(b, INT64_MAX);
  b_const(b, I32, -5);
  b_bool(b, true);
  b_bool(b, false);
  Dim *two_by_four[] = {dim_const(t->c, 2), dim_const(t->c, 4)};
  b_dense(b, type_tensor(t->c, F64, 2, two_by_four), values, 8);
  int64_t ints[] = {1, 0, 1, 1, 0, 0, 1, 0};
  b_dense(b, type_tensor(t->c, BOOL, 2, two_by_four), ints, 8);
  b_dense(b, type_tensor(t->c, I32, 1, &t->zero), ints, 0);
  Dim *triangle = dim_div(t->c, dim_mul(t->c, t->n, dim_add(t->c, t->n, t->one)), two_by_four[0]);
  Value *d = b_dim(b, triangle);
  b_dim(b, dim_add(t->c, dim_floordiv(t->c, t->n, t->k), dim_max(t->c, t->n, dim_min(t->c, t->k, two_by_four[1]))));
  Sym *s = sym_new(t->c, SYM_VALUE, "n", LOC_NONE), *s2 = sym_new(t->c, SYM_VALUE, "a b", LOC_NONE);
  b_sym(b, d, s);
  b_sym(b, d, s2);
  Dim *dims[] = {dim_sym(t->c, s), dim_add(t->c, dim_sym(t->c, s2), t->n)};
  b_iota(b, type_tensor(t->c, I64, 2, dims), 1);
  Value *named = b_splat(b, type_tensor(t->c, F64, 2, dims), 2);
  named->name = "%strange name";
  b_splat(b, type_tensor(t->c, F32, 2, dims), 2)->name = "7";
}

static void make_contract(Test *t) {
  Builder *b = &t->b;
  Value *W = param(t, F64, 2, "W"), *x = param(t, F64, 1, "x"), *mask = param(t, BOOL, 1, "x");
  Dim *dims[] = {t->n, t->k, t->n};
  int axes[] = {0, 1}, perm[] = {1, 0};
  b_contract(b, W, "ij", x, "i", "j", NULL);
  b_contract(b, x, "a", x, "a", "", NULL);
  b_contract(b, W, "ab", W, "cb", "ac", NULL);
  b_contract(b, x, "z", NULL, NULL, "zq", type_tensor(t->c, F64, 2, dims));
  b_broadcast(b, x, axes, type_tensor(t->c, F64, 2, dims));
  b_broadcast(b, mask, axes, type_tensor(t->c, BOOL, 2, dims));
  b_transpose(b, W, perm);
  b_sum(b, W, 2, axes);
  Op *last = t->f->body->last;
  int same[] = {0, 1};
  if (b_broadcast(b, W, same, W->type) != W || b_transpose(b, W, same) != W || b_sum(b, W, 0, NULL) != W ||
      b_reshape(b, W, 2, dims) != W || b_cast(b, x, F64) != x || t->f->body->last != last)
    fail(t, "an identity makes an operation", "");
}

static void make_reduce(Test *t, Opcode code) {
  bool logical = code == OP_rany || code == OP_rall, arg = code == OP_argmax || code == OP_argmin;
  Value *x = param(t, logical ? BOOL : F64, 3, "x");
  int axes[] = {2, 0};
  b_reduce(&t->b, code, x, arg ? 1 : 2, axes);
  if (!arg) b_reduce(&t->b, code, x, 0, NULL);
}

static void make_view(Test *t) {
  Builder *b = &t->b;
  Value *x = param(t, F64, 2, "x"), *y = param(t, F64, 2, "x.1"), *s = param(t, F64, 0, "x");
  Dim *flat = dim_mul(t->c, t->n, t->k), *start[] = {dim_sub(t->c, t->n, t->one), t->zero},
      *size[] = {t->n, dim_const(t->c, 2)};
  int64_t stride[] = {-1, 3};
  b_reshape(b, x, 1, &flat);
  b_reshape(b, s, 1, &t->one);
  Value *v = b_slice(b, x, start, stride, size);
  b_embed(b, v, start, stride, x->type);
  b_set_slice(b, x, v, start, stride);
  Value *all[] = {x, y, v};
  b_concat(b, 3, all, 1);
  b_linrec(b, x, y, 0, false);
  b_linrec(b, x, y, 1, true);
  b_argsort(b, x, 1);
}

static void make_matrix(Test *t) {
  Builder *b = &t->b;
  Dim *dims[] = {t->k, t->n, t->n}, *sides[] = {t->k, t->n, t->one};
  Value *a = func_add_param(t->f, type_tensor(t->c, F32, 3, dims), "a");
  Value *c = func_add_param(t->f, type_tensor(t->c, F32, 3, sides), "c");
  Value *f = b_matrix(b, OP_lu, 1, &a, false, false), *g = b_matrix(b, OP_lucp, 1, &a, false, false);
  b_matrix(b, OP_cholesky, 1, &a, false, false);
  for (int i = 0; i < 4; i++) b_matrix(b, OP_trisolve, 2, (Value *[]){a, c}, i & 1, i & 2);
  for (int i = 0; i < 2; i++) b_matrix(b, OP_lusolve, 3, (Value *[]){a, f, c}, false, i);
  b_matrix(b, OP_logdet, 2, (Value *[]){a, f}, false, false);
  b_matrix(b, OP_det, 2, (Value *[]){a, f}, false, false);
  b_matrix(b, OP_cofactor, 2, (Value *[]){a, g}, false, false);
  b_matrix(b, OP_cofactor_dir, 3, (Value *[]){a, g, a}, false, false);
  Value *two = b_concat(b, 2, (Value *[]){a, a}, 1), *jet = b_matrix(b, OP_lujet, 3, (Value *[]){a, g, two}, false, false);
  b_matrix(b, OP_cofactor_dir, 3, (Value *[]){a, jet, two}, false, false);
}

static void make_index(Test *t) {
  Builder *b = &t->b;
  Value *x = param(t, F32, 3, "x"), *i = param(t, I64, 2, "i"), *j = param(t, I32, 2, "j"),
        *mask = param(t, BOOL, 2, "mask");
  Value *idx[] = {i, j}, *zero = b_int(b, 0), *idx0[] = {zero, zero};
  int axes[] = {0, 2}, axis1[] = {1};
  Value *g = b_gather(b, x, 2, axes, idx, NULL), *g2 = b_gather(b, x, 1, axis1, idx, mask);
  b_scatter_add(b, g, 2, axes, idx, NULL, x->type);
  b_scatter_add(b, g2, 1, axis1, idx, mask, x->type);
  b_set(b, x, b_gather(b, x, 2, axes, idx0, NULL), 2, axes, idx0);
  b_scatter_acc(b, x, g, 2, axes, idx, NULL);
  b_scatter_acc(b, x, g2, 1, axis1, idx, mask);
  b_check_index(b, i, t->n, mask, "index \"i\"\\\nof x");
  b_check_index(b, j, t->k, NULL, NULL);
  b_check_dim(b, OP_check_dim_eq, t->n, t->k, "n and k");
  b_check_dim(b, OP_check_dim_le, t->n, t->k, "n <= k");
  b_check_dim(b, OP_check_dim_le, t->n, dim_add(t->c, t->n, t->k), "provable");
  b_assert(b, mask, "mask");
  b_check_finite(b, mask, "mask");
}

static void make_call(Test *t) {
  Func *callee = t->f;
  Value *y = param(t, F64, 2, "y");
  finish(t, y);
  start(t, "caller");
  Value *W = param(t, F64, 3, "W");
  Dim *size[] = {t->one, t->n}, *m = dim_add(t->c, t->n, t->one);
  Value *x = b_splat(&t->b, type_tensor(t->c, F64, 2, size), 1);
  DimSubst s[] = {{callee->sym[0], t->one}, {callee->sym[1], t->n}};
  Op *call = b_call(&t->b, callee, 1, &x, 2, s);
  if (call->res[0]->type != x->type) fail(t, "the call's type", "");
  b_dim(&t->b, m);
  finish(t, W);
  /* A derivative's ports. */
  Func *f = t->f;
  Value *res[] = {W, W};
  region_set_results(f->body, 2, res);
  func_add_param(f, W->type, "seed");
  func_default_ports(f);
  f->in[2].role = PORT_SEED;
  f->in[2].of = 0;
  f->out[1].role = PORT_COTANGENT;
  f->out[1].of = 1;
  f->out[1].name = "W_grad";
  f->kind = FUNC_GRAD;
  f->origin = callee;
  f->exported = false;
}

/* Every kind of derivative of a function of two results, one of them real, at a substituted size. */
static void make_derive(Test *t) {
  Func *callee = t->f;
  Value *x = param(t, F64, 2, "x"), *i = param(t, I64, 1, "i");
  int axes[] = {0, 1};
  Value *res[] = {b_sum(&t->b, x, 2, axes), i};
  region_set_results(callee->body, 2, res);
  func_default_ports(callee);
  start(t, "caller");
  Dim *size[] = {t->one, t->n};
  Value *one = b_const(&t->b, F64, 1), *y = b_broadcast_scalar(&t->b, one, type_tensor(t->c, F64, 2, size));
  Value *j = b_iota(&t->b, type_tensor(t->c, I64, 1, size), 0), *opd[] = {y, j, y}, *seeded[] = {y, j, one};
  DimSubst s[] = {{callee->sym[0], t->one}, {callee->sym[1], t->n}};
  int wrt[] = {1}; /* the int parameter k is the first port */
  for (int kind = DERIVE_GRAD; kind <= DERIVE_HVP; kind++) {
    bool tangent = kind == DERIVE_JVP || kind == DERIVE_HVP;
    Op *op = b_derive(&t->b, callee, (DeriveKind)kind, 1, wrt, 2 + (tangent || kind == DERIVE_VJP),
                      kind == DERIVE_VJP ? seeded : opd, 2, s, 0);
    int want = kind == DERIVE_GRAD || kind == DERIVE_VJP || kind == DERIVE_JVP ? 3 : 1;
    if (op->nres != want) fail(t, "a derivative has other results", op_info[OP_derive].name);
  }
  finish(t, y);
}

/* ---- regions */

static void yield1(Op *op, int region, Value *v) { region_set_results(op->reg[region], 1, &v); }

static Value *make_if(Builder *b, Value *c, Value *x) {
  Op *op = b_if(b, c, 1, &x->type);
  Builder in = b_inside(b, op->reg[0]);
  yield1(op, 0, b_map1(&in, OP_sin, x));
  yield1(op, 1, x);
  b_if(b, c, 0, NULL);
  return op->res[0];
}

static Value *make_for(Test *t, Builder *b, Value *c, Value *x, int checkpoint) {
  Value *zero = b_int(b, 0), *one = b_int(b, 1), *init[] = {x, zero};
  Op *op = b_for(b, zero, b_dim(b, t->n), one, 2, init);
  Builder in = b_inside(b, op->reg[0]);
  Value **p = op->reg[0]->param;
  op->u.loop.checkpoint = checkpoint;
  Value *next[] = {make_if(&in, c, b_map2(&in, OP_add, p[1], x)), b_map2(&in, OP_add, p[2], p[0])};
  region_set_results(op->reg[0], 2, next);
  return op->res[0];
}

/* The body binds a symbol of a type that is its own. */
static Value *make_while(Test *t, Builder *b, Value *x) {
  Op *op = b_while(b, 1, &x);
  Builder cond = b_inside(b, op->reg[0]), body = b_inside(b, op->reg[1]);
  Value *limit = b_const(b, F64, 5);
  op_move_before(limit->def, op);
  yield1(op, 0, b_map2(&cond, OP_lt, op->reg[0]->param[0], limit));
  Sym *s = sym_new(t->c, SYM_VALUE, "m", LOC_NONE);
  s->nonneg = true;
  Dim *d = dim_sym(t->c, s);
  b_sym(&body, b_int(&body, 3), s);
  int axis = 0;
  Value *ones = b_splat(&body, type_tensor(t->c, F64, 1, &d), 1);
  yield1(op, 1, b_map2(&body, OP_add, op->reg[1]->param[0], b_sum(&body, ones, 1, &axis)));
  return op->res[0];
}

static void make_region(Test *t) {
  Value *x = param(t, F64, 0, "x"), *c = param(t, BOOL, 0, "c");
  Value *v = make_for(t, &t->b, c, make_if(&t->b, c, x), 0);
  v = make_while(t, &t->b, make_for(t, &t->b, c, v, -1));
  make_for(t, &t->b, c, make_while(t, &t->b, v), 7);
  bool keep[] = {true, false};
  Op *last = t->f->body->last;
  op_remove(last->reg[0]->last); /* the sum that only feeds itself */
  op_keep_results(last, keep);
}

/* A struct parameter: its leaves have names of their own. */
static void make_struct(Test *t) {
  Aggregate **none = NEW_N(t->c->arena, Aggregate *, 2), *agg = NEW(t->c->arena, Aggregate);
  const char **field = NEW_N(t->c->arena, const char *, 2);
  field[0] = "W";
  field[1] = "b";
  *agg = (Aggregate){"Layer", 2, field, none};
  Value *W = param(t, F64, 2, "hint");
  param(t, F64, 1, NULL);
  finish(t, W);
  t->f->in[1] = (Port){.name = "P", .agg = agg, .nleaf = 2, .of = -1};
  t->f->nin = 2;
}

/* ---- the check --------------------------------------------------------------------------------------------------- */

static const char *print(Ctx *c, Module *m) {
  Text text;
  text_init(&text, c->arena);
  module_print(&text, m);
  return text.s;
}

static void check(Test *t, const char *name) {
  if (!module_verify(t->m)) {
    fail(t, name, print(t->c, t->m));
    return;
  }
  for (int i = 0, n = t->m->nfunc; i < n; i++) {
    Func *f = t->m->func[i], *g = func_clone(f, f->name);
    t->m->nfunc--;
    Text a, b;
    text_init(&a, t->c->arena);
    text_init(&b, t->c->arena);
    func_print(&a, f);
    func_print(&b, g);
    if (strcmp(a.s, b.s)) fail(t, "a clone prints otherwise:", b.s);
  }
  const char *text = print(t->c, t->m);
  Ctx *c = ctx_new();
  Module *m = module_read(c, "text.ir", text, strlen(text));
  if (!m) {
    printf("cannot be read:\n%s\n", text);
    diag_print_text(c, stdout, false);
    t->fails++;
  } else if (strcmp(text, print(c, m))) {
    printf("%s: printed\n%s\nread again\n%s\n", name, text, print(c, m));
    t->fails++;
  }
  ctx_free(c);
}

static bool uses(Module *m, Opcode code) {
  for (int i = 0; i < m->nfunc; i++) for_each_op(op, m->func[i]->body) if (op->code == code) return true;
  return false;
}

static void test_op(Test *t, Opcode code) {
  t->c = ctx_new();
  t->m = module_new(t->c);
  start(t, "f");
  switch (op_info[code].family) {
  case FAM_SOURCE: make_source(t); break;
  case FAM_MAP: make_map(t, code, op_info[code].sig); break;
  case FAM_CONTRACT: make_contract(t); break;
  case FAM_REDUCE: make_reduce(t, code); break;
  case FAM_SCAN:
  case FAM_VIEW: make_view(t); break;
  case FAM_MATRIX: make_matrix(t); break;
  case FAM_INDEX:
  case FAM_EFFECT: make_index(t); break;
  case FAM_CALL: (code == OP_derive ? make_derive : make_call)(t); break;
  case FAM_REGION: make_region(t); break;
  default: break;
  }
  if (code == OP_call) {
    start(t, "g");
    make_struct(t);
  } else if (code != OP_derive)
    finish(t, t->f->body->nparam ? t->f->body->param[0] : NULL);
  if (!uses(t->m, code)) fail(t, "not built here:", op_info[code].name);
  check(t, op_info[code].name);
  ctx_free(t->c);
}

int main(int argc, char **argv) {
  Test t = {0};
  for (int i = 0; i < OP_COUNT; i++)
    if (argc < 2 || strcmp(argv[1], op_info[i].name) == 0) test_op(&t, (Opcode)i);
  if (!t.fails) printf("ir_roundtrip: ok\n");
  return t.fails != 0;
}
