/* elab_builtin.c - the table of the built-in functions, and binding a call's arguments to a row's pattern.
 *
 * Requires: patterns list parameter names in order, separated by one space; `name=` is optional, `*` makes the rest
 * keyword-only, a final `...` takes any number of positional arguments.
 * Ensures: a handler sees each parameter's expression (NULL where an optional one was left out), in the pattern's
 * order; with `...`, args[fixed ..] are the further ones and nargs counts all. */
#include <string.h>
#include "frontend/elab_builtin.h"

#define REAL1(name)                                                                                                    \
  { #name, "x", bi_unary, OP_##name }
static const Builtin table[] = {
    /* elementwise */
    REAL1(abs),
    REAL1(sign),
    REAL1(floor),
    REAL1(ceil),
    REAL1(round),
    REAL1(sqrt),
    REAL1(rsqrt),
    REAL1(cbrt),
    REAL1(exp),
    REAL1(exp2),
    REAL1(expm1),
    REAL1(log),
    REAL1(log2),
    REAL1(log10),
    REAL1(log1p),
    REAL1(sin),
    REAL1(cos),
    REAL1(tan),
    REAL1(asin),
    REAL1(acos),
    REAL1(atan),
    REAL1(sinh),
    REAL1(cosh),
    REAL1(tanh),
    REAL1(asinh),
    REAL1(acosh),
    REAL1(atanh),
    REAL1(sigmoid),
    REAL1(softplus),
    REAL1(relu),
    REAL1(erf),
    REAL1(erfc),
    REAL1(lgamma),
    REAL1(digamma),
    {"gelu", "x", bi_gelu, 0},
    {"silu", "x", bi_silu, 0},
    {"square", "x", bi_square, 0},
    {"atan2", "y x", bi_real2, OP_atan2},
    {"hypot", "x y", bi_real2, OP_hypot},
    {"mulz", "x y", bi_real2, OP_mulz}, /* what derivatives are printed with */
    {"pow", "x y", bi_pow, 0},
    {"polygamma", "n x", bi_polygamma, 0},
    {"min", "x y= * axis= keepdims=", bi_minmax, RED_MIN},
    {"max", "x y= * axis= keepdims=", bi_minmax, RED_MAX},
    {"clamp", "x lo hi", bi_clamp, 0},
    {"where", "c a b", bi_where, 0},
    {"stop_gradient", "x", bi_stop, 0},
    {"detach", "x", bi_stop, 0},
    /* casts */
    {"real", "x", bi_cast, -1},
    {"f32", "x", bi_cast, F32},
    {"f64", "x", bi_cast, F64},
    {"int", "x", bi_cast, I64},
    {"i64", "x", bi_cast, I64},
    {"i32", "x", bi_cast, I32},
    {"bool", "x", bi_cast, BOOL},
    /* shape */
    {"size", "x", bi_size, 0},
    {"dim", "x k", bi_dim, 0},
    {"reshape", "x shape", bi_reshape, 0},
    {"transpose", "x axes=", bi_transpose, 0},
    {"broadcast", "x shape", bi_broadcast, 0},
    {"concat", "tensors axis=", bi_concat, 0},
    {"stack", "tensors axis=", bi_stack, 0},
    {"pad", "x widths value=", bi_pad, 0},
    {"flip", "x axis=", bi_flip, 0},
    {"roll", "x k axis=", bi_roll, 0},
    {"tril", "x k=", bi_triangle, 0},
    {"triu", "x k=", bi_triangle, 1},
    {"diag", "x", bi_diag, 0},
    {"eye", "n m=", bi_eye, 0},
    {"zeros", "shape", bi_filled, 0},
    {"ones", "shape", bi_filled, 1},
    {"full", "shape value", bi_full, 0},
    {"range", "a b=", bi_range, 0},
    {"linspace", "a b n", bi_linspace, 0},
    {"one_hot", "i n", bi_one_hot, 0},
    {"segment_sum", "x ids n", bi_segment_sum, 0},
    {"sort", "x axis=", bi_sort, 0},
    {"argsort", "x axis=", bi_sort, 1},
    /* whole tensors */
    {"sum", "x axis= keepdims=", bi_reduce, RED_SUM},
    {"mean", "x axis= keepdims=", bi_reduce, RED_MEAN},
    {"prod", "x axis= keepdims=", bi_reduce, RED_PROD},
    {"argmax", "x axis= keepdims=", bi_reduce, RED_ARGMAX},
    {"argmin", "x axis= keepdims=", bi_reduce, RED_ARGMIN},
    {"any", "x axis= keepdims=", bi_reduce, RED_ANY},
    {"all", "x axis= keepdims=", bi_reduce, RED_ALL},
    {"logsumexp", "x axis= keepdims=", bi_reduce, RED_LOGSUMEXP},
    {"variance", "x axis= keepdims=", bi_reduce, RED_VARIANCE},
    {"std", "x axis= keepdims=", bi_reduce, RED_STD},
    {"norm", "x axis= keepdims=", bi_reduce, RED_NORM},
    {"cumsum", "x axis=", bi_cumulate, 0},
    {"cumprod", "x axis=", bi_cumulate, 1},
    /* linear algebra */
    {"dot", "x y", bi_dot, 0},
    {"outer", "x y", bi_outer, 0},
    {"cross", "x y", bi_cross, 0},
    {"trace", "x", bi_trace, 0},
    {"einsum", "spec ...", bi_einsum, 0},
    {"cholesky", "A", bi_cholesky, 0},
    {"solve", "A b", bi_solve, 0},
    {"solve_triangular", "L b lower= trans=", bi_solve, 1},
    {"inv", "A", bi_inv, 0},
    {"det", "A", bi_det, OP_det},
    {"logdet", "A", bi_det, OP_logdet},
    /* networks */
    {"softmax", "x axis=", bi_softmax, 0},
    {"log_softmax", "x axis=", bi_softmax, 1},
    {"cross_entropy", "logits labels", bi_cross_entropy, 0},
    {"layer_norm", "x w b eps=", bi_layer_norm, 0},
    {"conv1d", "x w stride= padding=", bi_conv, 1},
    {"conv2d", "x w stride= padding=", bi_conv, 2},
    {"max_pool2d", "x k stride=", bi_pool, 1},
    {"avg_pool2d", "x k stride=", bi_pool, 0},
    /* random */
    {"key", "seed", bi_key, 0},
    {"split", "k n", bi_split, 0},
    {"uniform", "k shape", bi_random, 0},
    {"normal", "k shape", bi_random, 1},
    {"philox", "key counter high", bi_philox, OP_philox}, /* what derivatives are printed with */
    {"philox_high", "key counter high", bi_philox, OP_philox_high},
};
enum { NBUILTIN = sizeof table / sizeof *table };

const Builtin *builtin_at(int i) { return i >= 0 && i < NBUILTIN ? &table[i] : NULL; }

const Builtin *builtin_named(const char *name) {
  for (int i = 0; i < NBUILTIN; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

/* ---- patterns ---- */

enum { MAX_PARAM = 8 };
typedef struct Pattern {
  int n, npositional;
  const char *name[MAX_PARAM];
  bool optional[MAX_PARAM];
  bool variadic;
} Pattern;

static Pattern parse_pattern(Ctx *c, const char *s) {
  Pattern p = {0};
  bool keyword_only = false;
  while (*s) {
    size_t len = strcspn(s, " ");
    if (strncmp(s, "...", len) == 0)
      p.variadic = true;
    else if (*s == '*')
      keyword_only = true;
    else {
      p.optional[p.n] = s[len - 1] == '=';
      p.name[p.n] = intern_n(c, s, len - p.optional[p.n]);
      p.n++;
      if (!keyword_only) p.npositional = p.n;
    }
    s += len;
    s += strspn(s, " ");
  }
  return p;
}

/* How the function is called, for help lines: clamp(x, lo, hi) */
static const char *usage(Elab *e, const Builtin *b, const Pattern *p) {
  Text t;
  text_init(&t, e->ctx->arena);
  text_add(&t, "%s(", b->name);
  for (int i = 0; i < p->n; i++) {
    bool bare = !p->optional[i] || (i < p->npositional && strcmp(p->name[i], "y") == 0);
    text_add(&t, "%s%s%s", i ? ", " : "", p->name[i], bare ? "" : "=...");
  }
  text_add(&t, "%s)", p->variadic ? ", ..." : "");
  return t.s;
}

static int param_index(const Pattern *p, const char *name) {
  for (int i = 0; i < p->n; i++)
    if (strcmp(p->name[i], name) == 0) return i;
  return -1;
}

static bool given_twice(Elab *e, const Builtin *b, const char *name, Loc loc, const Expr *first) {
  Diag *d = diag_error(e->ctx, loc, 352, "the argument '%s' of '%s' is given twice", name, b->name);
  diag_note(e->ctx, d, first->loc, "first given here");
  return false;
}

static bool bind_named(Elab *e, const Builtin *b, const Pattern *p, const Arg *a, Expr **args) {
  int i = param_index(p, a->name);
  if (i < 0) {
    Diag *d = diag_error(e->ctx, a->name_loc, 351, "'%s' has no argument named '%s'", b->name, a->name);
    const char *near = closest_name(a->name, p->name, p->n);
    if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
    diag_help(e->ctx, d, "call it as %s", usage(e, b, p));
    return false;
  }
  if (args[i]) return given_twice(e, b, a->name, a->name_loc, args[i]);
  args[i] = a->value;
  return true;
}

static Diag *wrong_count(Elab *e, const Builtin *b, const Pattern *p, Loc loc, int given) {
  int required = 0;
  for (int i = 0; i < p->n; i++) required += !p->optional[i];
  Diag *d;
  if (p->npositional == required)
    d = diag_error(e->ctx, loc, 350, "'%s' takes %d argument%s, but %d %s given", b->name, required,
                   required == 1 ? "" : "s", given, given == 1 ? "is" : "are");
  else
    d = diag_error(e->ctx, loc, 350, "'%s' takes %d to %d arguments, but %d are given", b->name, required,
                   p->npositional, given);
  diag_help(e->ctx, d, "call it as %s", usage(e, b, p));
  return d;
}

static int count_args(const Expr *call) {
  int n = 0;
  for (const Arg *a = call->u.call.args; a; a = a->next) n++;
  return n;
}

/* The arguments in the pattern's order; NULL after a diagnostic. */
static Expr **bind_args(Elab *e, const Builtin *b, const Pattern *p, const Expr *call, int *nargs) {
  int given = count_args(call), npos = 0;
  bool ok = true;
  Expr **args = NEW_N(e->ctx->arena, Expr *, p->n + given + 1);
  for (const Arg *a = call->u.call.args; a && ok; a = a->next) {
    if (a->seed) {
      diag_error(e->ctx, a->value->loc, 350, "'%s' takes no seed after ';'", b->name);
      ok = false;
    } else if (a->name) {
      ok = bind_named(e, b, p, a, args);
    } else if (npos < p->npositional && args[npos]) {
      ok = given_twice(e, b, p->name[npos], a->value->loc, args[npos]);
    } else if (npos < p->npositional || p->variadic) {
      args[npos++] = a->value;
    } else {
      wrong_count(e, b, p, a->value->loc, given);
      ok = false;
    }
  }
  for (int i = 0; i < p->n && ok; i++)
    if (!args[i] && !p->optional[i]) {
      if (npos == given)
        wrong_count(e, b, p, call->loc, given);
      else
        diag_error(e->ctx, call->loc, 353, "the argument '%s' of '%s' is missing", p->name[i], b->name);
      ok = false;
    }
  *nargs = p->variadic && npos > p->n ? npos : p->n;
  return ok ? args : NULL;
}

Tval *builtin_call(Elab *e, const Builtin *b, Expr *call) {
  Pattern p = parse_pattern(e->ctx, b->params);
  int nargs;
  Expr **args = bind_args(e, b, &p, call, &nargs);
  return args ? b->run(e, b, call, args, nargs) : tv_error(e, call->loc);
}
