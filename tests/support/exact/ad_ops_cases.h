/* ad_ops_cases.h - the functions of ad_ops_test.c: one for each elementwise op, made from the op table, and hand-written ones for
 * the families whose ops have attributes.  Part of ad_ops_test.c. */

static Dim *symbol_named(Builder *b, const char *name) {
  Func *f = b->func;
  for (int i = 0; i < f->nsym; i++)
    if (!strcmp(f->sym[i]->name, name)) return dim_sym(b->ctx, f->sym[i]);
  Sym *s = sym_new(b->ctx, SYM_DIM, intern(b->ctx, name), LOC_NONE);
  s->nonneg = true;
  func_add_sym(f, s);
  return dim_sym(b->ctx, s);
}

/* A parameter whose dimensions are letters (symbols) and digits. */
static Value *param(Builder *b, Elem e, const char *dims, const char *name) {
  Dim *d[MAX_RANK];
  int rank = (int)strlen(dims);
  for (int i = 0; i < rank; i++) {
    char letter[2] = {dims[i], 0};
    d[i] = dims[i] >= '0' && dims[i] <= '9' ? dim_const(b->ctx, dims[i] - '0') : symbol_named(b, letter);
  }
  return func_add_param(b->func, type_tensor(b->ctx, e, rank, d), intern(b->ctx, name));
}

static Value *real(Builder *b, const char *dims, const char *name) { return param(b, F64, dims, name); }

/* ---- elementwise ------------------------------------------------------------------------------------------------------------- */

static Value *build_map(Builder *b, const Case *k) {
  static const char *const name[] = {"x", "y", "z"};
  const char *dims = k->variant == 2 ? "" : "nm";
  Value *x[3];
  for (int i = 0; i < op_info[k->op].nopd; i++) {
    bool is_bool = op_info[k->op].sig == SIG_SELECT && i == 0, is_int = op_info[k->op].sig == SIG_POLY && i == 0;
    x[i] = param(b, is_bool ? BOOL : is_int ? I64 : F64, dims, name[i]);
  }
  if (k->op == OP_cast) return b_cast(b, b_cast(b, x[0], F32), F64);
  return b_map(b, k->op, op_info[k->op].nopd, x);
}

/* Where the default ranges, which keep away from kinks, are outside of an op's domain. */
typedef struct Range { Opcode op; bool negative; double lo[3], hi[3]; } Range;
static const Range range[] = {
    {OP_sqrt, false, {0.5}, {1.5}},         {OP_rsqrt, false, {0.5}, {1.5}},
    {OP_log, false, {0.5}, {1.5}},          {OP_log2, false, {0.5}, {1.5}},
    {OP_log10, false, {0.5}, {1.5}},        {OP_acosh, false, {1.3}, {2.5}},
    {OP_lgamma, true, {0.5}, {3.5}},        {OP_digamma, true, {0.5}, {3.5}},
    {OP_polygamma, true, {0.5}, {3.5}},     {OP_cbrt, true, {0.5}, {1.5}},
    {OP_pow, false, {0.5, -1.5}, {1.5, 2.5}}, {OP_floordiv, true, {0.2, 1.1}, {0.8, 1.9}},
    {OP_mod, true, {0.2, 1.1}, {0.8, 1.9}}, {OP_div, true, {0.5, 0.5}, {1.5, 1.5}},
    {OP_round, true, {0.1}, {0.4}},         {OP_atan2, true, {0.5, 0.5}, {1.5, 1.5}},
    {OP_hypot, true, {0.5, 0.5}, {1.5, 1.5}},
};

static bool real_result(Opcode op) {
  MapSig s = op_info[op].sig;
  return op_info[op].family == FAM_MAP && (s == SIG_REAL || s == SIG_NUM || s == SIG_SELECT || s == SIG_CAST || s == SIG_POLY);
}

/* Variants: matrices; the same with negative first operand; scalars. */
static bool map_case(Opcode op, int variant, Case *k) {
  static const int64_t shape[4][MAX_SYM] = {{2, 3}, {1, 1}, {0, 3}, {1, 0}};
  if (!real_result(op) || op == OP_stop_gradient) return false; /* whose derivative is not that of its values */
  *k = (Case){.name = op_info[op].name, .build = build_map, .op = op, .variant = variant, .lo = {0.1, 0.2, 0.5},
              .hi = {0.9, 0.8, 0.9}, .nshape = variant == 2 ? 1 : 4};
  if (op == OP_clamp) k->lo[1] = 0.3, k->hi[1] = 0.35, k->lo[2] = 0.6, k->hi[2] = 0.65;
  memcpy(k->shape, shape, sizeof shape);
  bool negative = true;
  for (size_t i = 0; i < sizeof range / sizeof *range; i++) {
    if (range[i].op != op) continue;
    memcpy(k->lo, range[i].lo, sizeof k->lo);
    memcpy(k->hi, range[i].hi, sizeof k->hi);
    negative = range[i].negative;
  }
  if (variant != 1) return true;
  double lo = k->lo[0];
  k->lo[0] = -k->hi[0];
  k->hi[0] = -lo;
  if (op == OP_lgamma || op == OP_digamma || op == OP_polygamma) k->lo[0] = -0.7, k->hi[0] = -0.3;
  return negative;
}

/* ---- contractions --------------------------------------------------------------------------------------------------------------- */

static Value *cube(Builder *b, Value *x) { return b_map2(b, OP_mul, b_map2(b, OP_mul, x, x), x); }

typedef struct Labels { const char *x, *y, *out; } Labels;
static const Labels labels[] = {
    {"ij", "jk", "ik"}, {"i", "i", ""},       {"i", "j", "ij"},     {"ij", "ij", "i"},   {"ij", "j", "i"},  {"bij", "bjk", "bki"},
    {"ijk", "jl", "il"}, {"ij", "kj", "ik"},  {"ij", "i", "ijk"},   {"", "ij", "ij"},    {"i", "j", ""},    {"ij", "ji", "ij"},
};

/* Results are not linear in the operands, so that second derivatives say something. */
static Value *build_contract(Builder *b, const Case *k) {
  const Labels *l = &labels[k->variant];
  Value *x = real(b, l->x, "x"), *y = real(b, l->y, "y");
  Dim *dim[MAX_RANK];
  int rank = (int)strlen(l->out);
  for (int i = 0; i < rank; i++) dim[i] = symbol_named(b, (char[]){l->out[i], 0});
  return cube(b, b_contract(b, cube(b, x), l->x, y, l->y, l->out, type_tensor(b->ctx, F64, rank, dim)));
}

static Value *build_square_norm(Builder *b, const Case *k) {
  (void)k;
  Value *x = real(b, "n", "x");
  return cube(b, b_contract(b, x, "i", x, "i", "", NULL));
}

static Value *build_sum(Builder *b, const Case *k) {
  static const int axes[] = {0, 2};
  return cube(b, b_sum(b, cube(b, real(b, "nmk", "x")), 1 + k->variant, axes));
}

static Value *build_chain(Builder *b, const Case *k) {
  (void)k;
  Value *x = real(b, "nm", "x"), *y = real(b, "mk", "y"), *v = real(b, "k", "v");
  return cube(b, b_contract(b, b_contract(b, x, "ij", y, "jk", "ik", NULL), "ik", v, "k", "i", NULL));
}

/* sum_j (x_ij * y_j * 3) with everything broadcast, as the front end writes it. */
static Value *build_vectorised(Builder *b, const Case *k) {
  (void)k;
  Value *x = real(b, "nm", "x"), *y = real(b, "m", "y"), *s = real(b, "", "s");
  Value *p = b_map2(b, OP_mul, x, b_broadcast(b, y, (const int[]){1}, x->type));
  p = b_map2(b, OP_mul, b_broadcast_scalar(b, s, x->type), p);
  p = b_map2(b, OP_sub, p, b_broadcast_scalar(b, b_const(b, F64, 3), x->type));
  return cube(b, b_sum(b, b_map1(b, OP_neg, p), 1, (const int[]){1}));
}

/* Axes of length 1 that come by reshape, are mapped over, broadcast, summed and dropped, as keepdims makes them. */
static Value *build_units(Builder *b, const Case *k) {
  (void)k;
  Value *x = real(b, "nm", "x"), *bias = real(b, "n1", "b"), *row = real(b, "1m", "r");
  Dim *one = dim_const(b->ctx, 1), *n = x->type->dim[0];
  Value *mean = b_reshape(b, b_sum(b, x, 1, (const int[]){1}), 2, (Dim *const[]){n, one});
  Value *e = b_map2(b, OP_mul, b_map1(b, OP_exp, mean), bias);
  Value *y = b_map2(b, OP_add, x, b_contract(b, e, "ij", NULL, NULL, "ik", x->type));
  y = b_map2(b, OP_mul, y, b_contract(b, row, "ij", NULL, NULL, "kj", x->type));
  Value *z = b_contract(b, bias, "ij", row, "jk", "ik", NULL);
  Value *column = b_contract(b, b_map2(b, OP_mul, y, z), "ij", NULL, NULL, "i", NULL);
  Value *flat = b_contract(b, cube(b, bias), "ij", NULL, NULL, "i", NULL);
  Dim *const around[] = {one, n, one};
  Value *stack = b_contract(b, b_map2(b, OP_mul, column, flat), "i", NULL, NULL, "jik", type_tensor(b->ctx, F64, 3, around));
  return b_concat(b, 2, (Value *const[]){stack, b_reshape(b, e, 3, around)}, 0);
}

/* ---- reductions, scans ------------------------------------------------------------------------------------------------------------ */

static Value *build_reduce(Builder *b, const Case *k) {
  static const int axes[][2] = {{0, 0}, {1, 1}, {0, 2}};
  static const int naxis[] = {1, 1, 2};
  Value *x = real(b, "nmk", "x");
  return cube(b, b_reduce(b, k->op, x, naxis[k->variant], axes[k->variant]));
}

/* Empty extremes are infinite, and so would be what is made of them. */
static Value *build_softmax(Builder *b, const Case *k) {
  (void)k;
  Value *x = real(b, "nm", "x"), *y;
  Value *top = b_reduce(b, OP_rmax, x, 1, (const int[]){1});
  y = b_map1(b, OP_exp, b_map2(b, OP_sub, x, b_broadcast(b, top, (const int[]){0}, x->type)));
  Value *sum = b_sum(b, y, 1, (const int[]){1});
  return b_map2(b, OP_div, y, b_broadcast(b, sum, (const int[]){0}, x->type));
}

static Value *build_linrec(Builder *b, const Case *k) {
  Value *a = real(b, "nm", "a"), *x = real(b, "nm", "x");
  return b_linrec(b, cube(b, a), cube(b, x), k->variant & 1, k->variant & 2);
}

/* ---- sorting, matrices ------------------------------------------------------------------------------------------------------------ */

static Value *build_sort(Builder *b, const Case *k) {
  Value *x = real(b, "nm", "x"), *order = b_argsort(b, x, k->variant), *idx[2];
  for (int i = 0; i < 2; i++) idx[i] = i == k->variant ? order : b_iota(b, order->type, i);
  return cube(b, b_gather(b, x, 2, (const int[]){0, 1}, idx, NULL));
}

/* A parameter, far from singular. */
static Value *regular(Builder *b, const char *dims, const char *name) {
  Value *x = real(b, dims, name);
  Type *index = type_with_elem(b->ctx, x->type, I64);
  int n = x->type->rank;
  Value *one = b_cast(b, b_map2(b, OP_eq, b_iota(b, index, n - 2), b_iota(b, index, n - 1)), F64);
  return b_map2(b, OP_add, x, b_map2(b, OP_mul, one, b_splat(b, x->type, 3)));
}

static Value *build_cholesky(Builder *b, const Case *k) {
  Value *x = k->variant ? regular(b, "mnn", "x") : regular(b, "nn", "x");
  Value *a = k->variant ? b_contract(b, x, "mij", x, "mkj", "mik", NULL) : b_contract(b, x, "ij", x, "kj", "ik", NULL);
  return cube(b, b_matrix(b, OP_cholesky, 1, &a, false, false));
}

static Value *build_solve(Builder *b, const Case *k) {
  Value *a = regular(b, k->variant & 4 ? "lnn" : "nn", "a"), *c = real(b, k->variant & 4 ? "lnm" : "nm", "c");
  bool upper = k->variant & 1, trans = k->variant & 2;
  if (k->op == OP_trisolve) return cube(b, b_matrix(b, OP_trisolve, 2, (Value *[]){a, c}, upper, trans));
  Value *lu = b_matrix(b, OP_lu, 1, &a, false, false);
  return cube(b, b_matrix(b, OP_lusolve, 3, (Value *[]){a, lu, c}, false, trans));
}

static Value *build_det(Builder *b, const Case *k) {
  Value *a = regular(b, k->variant & 1 ? "mnn" : "nn", "a");
  bool complete = k->op == OP_cofactor || k->op == OP_cofactor_dir;
  Value *x[] = {a, b_matrix(b, complete ? OP_lucp : OP_lu, 1, &a, false, false), NULL};
  if (k->op == OP_cofactor_dir) x[2] = cube(b, real(b, k->variant & 1 ? "mnn" : "nn", "e"));
  if (k->variant & 2) {
    Value *both[] = {x[2], real(b, k->variant & 1 ? "mnn" : "nn", "g")};
    x[2] = b_concat(b, 2, both, a->type->rank - 2);
    x[1] = b_matrix(b, OP_lujet, 3, x, false, false);
  }
  Value *y = b_matrix(b, k->op, x[2] ? 3 : 2, x, false, false);
  return y->type->rank ? cube(b, y) : y;
}

/* ---- views, indices ------------------------------------------------------------------------------------------------------------------ */

static Value *build_view(Builder *b, const Case *k) {
  Dim *zero = dim_const(b->ctx, 0), *one = dim_const(b->ctx, 1);
  Value *x = real(b, "nm", "x"), *p = cube(b, x);
  Dim *n = x->type->dim[0], *m = x->type->dim[1], *nm = dim_mul(b->ctx, n, m);
  Dim *longer = dim_add(b->ctx, dim_add(b->ctx, n, n), one), *last = dim_sub(b->ctx, n, one);
  Dim *start[] = {one, zero}, *size[] = {longer, m}, *back[] = {last, zero};
  int64_t by_two[] = {2, 1}, reversed[] = {-1, 1}, by_one[] = {1, 1};
  switch (k->variant) {
  case 0: return cube(b, b_reshape(b, p, 1, &nm));
  case 1: return cube(b, b_slice(b, p, back, reversed, x->type->dim));
  case 2: return cube(b, b_embed(b, p, start, by_two, type_tensor(b->ctx, F64, 2, size)));
  case 3: {
    Value *y = real(b, "nm", "y"), *whole = b_concat(b, 3, (Value *const[]){p, y, p}, 0);
    return cube(b, b_set_slice(b, whole, cube(b, y), (Dim *const[]){n, zero}, by_one));
  }
  case 4: return cube(b, b_concat(b, 3, (Value *const[]){p, real(b, "n2", "y"), x}, 1));
  default: {
    Value *whole = b_concat(b, 3, (Value *const[]){p, p, x}, 1);
    return cube(b, b_slice(b, whole, (Dim *const[]){zero, m}, (const int64_t[]){1, 2}, (Dim *const[]){n, m}));
  }
  }
}

static Value *build_index(Builder *b, const Case *k) {
  static const int first[] = {0}, second[] = {1}, both[] = {0, 1};
  Value *x = real(b, "35", "x"), *p = cube(b, x);
  if (k->op == OP_set) {
    Value *i = param(b, I64, "", "i"), *j = param(b, I64, "", "j"), *v = real(b, "5", "v"), *s = real(b, "", "s");
    if (k->variant == 0) return cube(b, b_set(b, p, cube(b, v), 1, first, &i));
    return cube(b, b_set(b, p, cube(b, s), 2, both, (Value *const[]){i, j}));
  }
  Value *i = param(b, I64, "nm", "i"), *j = param(b, I64, "nm", "j"), *mask = param(b, BOOL, "nm", "mask");
  Value *const ij[] = {i, j};
  if (k->op == OP_gather) {
    if (k->variant == 0) return cube(b, b_gather(b, p, 1, second, &i, NULL));
    if (k->variant == 1) return cube(b, b_gather(b, p, 2, both, ij, NULL));
    return cube(b, b_gather(b, p, 1, first, &i, mask));
  }
  static const char *const shape[] = {"nm3", "nm", "nm5"};
  static const int *const axes[] = {second, both, first};
  Value *u = cube(b, real(b, shape[k->variant], "u")), *masked = k->variant == 2 ? mask : NULL;
  int n = k->variant == 1 ? 2 : 1;
  if (k->op == OP_scatter_acc) return cube(b, b_scatter_acc(b, p, u, n, axes[k->variant], ij, masked));
  return cube(b, b_scatter_add(b, u, n, axes[k->variant], ij, masked, x->type));
}

#define MATRICES .nshape = 4, .shape = {{2, 3}, {1, 1}, {0, 2}, {3, 0}}
#define CUBES .nshape = 4, .shape = {{2, 3, 2}, {1, 1, 1}, {2, 0, 3}, {0, 2, 1}}
#define FULL .nshape = 2, .shape = {{2, 3, 2}, {1, 1, 1}}
#define FOURS .nshape = 4, .shape = {{2, 3, 2, 2}, {1, 1, 1, 1}, {2, 0, 3, 1}, {0, 2, 1, 2}}
#define AROUND_ZERO .lo = {-1, -1, -1}, .hi = {1, 1, 1}
#define CONTRACT(v) {"contract " #v, build_contract, OP_contract, v, AROUND_ZERO, FOURS, false}
#define REDUCE(op, v, zeros) {#op " " #v, build_reduce, OP_##op, v, AROUND_ZERO, FULL, zeros}
#define LINREC(v) {"linrec " #v, build_linrec, OP_linrec, v, AROUND_ZERO, MATRICES, false}
#define VIEW(v) {"view " #v, build_view, OP_slice, v, AROUND_ZERO, MATRICES, false}
#define INDEX(op, v) {#op " " #v, build_index, OP_##op, v, AROUND_ZERO, MATRICES, false}
#define SQUARES .nshape = 4, .shape = {{2}, {1}, {0}, {3}}
#define BATCHES .nshape = 3, .shape = {{2, 3}, {1, 1}, {0, 2}}
#define SORT(v) {"argsort " #v, build_sort, OP_argsort, v, .lo = {-9}, .hi = {9}, MATRICES, false}
#define CHOLESKY(v, s) {"cholesky " #v, build_cholesky, OP_cholesky, v, AROUND_ZERO, s, false}
#define SOLVE(op, v, s) {#op " " #v, build_solve, OP_##op, v, AROUND_ZERO, s, false}
#define DET(op) \
  {#op, build_det, OP_##op, 0, AROUND_ZERO, SQUARES, false}, {#op " batch", build_det, OP_##op, 1, AROUND_ZERO, BATCHES, false}
static const Case fixed_case[] = {
    SORT(0), SORT(1), CHOLESKY(0, SQUARES), CHOLESKY(1, BATCHES), SOLVE(trisolve, 0, MATRICES), SOLVE(trisolve, 1, MATRICES),
    SOLVE(trisolve, 2, MATRICES), SOLVE(trisolve, 3, MATRICES), SOLVE(trisolve, 6, CUBES), SOLVE(lusolve, 0, MATRICES),
    SOLVE(lusolve, 2, MATRICES), SOLVE(lusolve, 6, CUBES), DET(det), DET(logdet), DET(cofactor), DET(cofactor_dir),
    {"cofactor_dir 2", build_det, OP_cofactor_dir, 2, AROUND_ZERO, SQUARES, false},
    {"cofactor_dir 2 batch", build_det, OP_cofactor_dir, 3, AROUND_ZERO, BATCHES, false},
    CONTRACT(0), CONTRACT(1), CONTRACT(2), CONTRACT(3), CONTRACT(4), CONTRACT(5), CONTRACT(6), CONTRACT(7), CONTRACT(8),
    CONTRACT(9), CONTRACT(10), CONTRACT(11),
    {"square norm", build_square_norm, OP_contract, 0, AROUND_ZERO, MATRICES, false},
    {"sum 0", build_sum, OP_contract, 0, AROUND_ZERO, CUBES, false},
    {"sum 1", build_sum, OP_contract, 1, AROUND_ZERO, CUBES, false},
    {"chain", build_chain, OP_contract, 0, AROUND_ZERO, CUBES, false},
    {"vectorised", build_vectorised, OP_contract, 0, AROUND_ZERO, MATRICES, false},
    {"units", build_units, OP_reshape, 0, AROUND_ZERO, MATRICES, false},
    REDUCE(rmax, 0, false), REDUCE(rmax, 1, false), REDUCE(rmax, 2, false), REDUCE(rmin, 0, false), REDUCE(rmin, 1, false),
    REDUCE(rmin, 2, false), REDUCE(rprod, 0, false), REDUCE(rprod, 1, true), REDUCE(rprod, 2, true),
    {"rprod empty", build_reduce, OP_rprod, 2, AROUND_ZERO, CUBES, true},
    {"softmax", build_softmax, OP_rmax, 0, AROUND_ZERO, MATRICES, false},
    LINREC(0), LINREC(1), LINREC(2), LINREC(3),
    VIEW(0), VIEW(1), VIEW(2), VIEW(3), VIEW(4), VIEW(5),
    INDEX(gather, 0), INDEX(gather, 1), INDEX(gather, 2), INDEX(scatter_add, 0), INDEX(scatter_add, 1), INDEX(scatter_add, 2),
    INDEX(scatter_acc, 0), INDEX(scatter_acc, 1), INDEX(scatter_acc, 2),
    INDEX(set, 0), INDEX(set, 1),
};
enum { NFIXED = sizeof fixed_case / sizeof *fixed_case };
