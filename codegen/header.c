/* header.c - the C header of a module's exported functions.
 *
 * Requires names_check to hold.  Ensures text that compiles as C99 and C++17 without a warning, alone or beside the
 * header of any other module: what all of them share stands under one guard. */
#include "codegen/abi.h"
#include <ctype.h>
#include <string.h>

static const char shared[] =
    "#ifndef ADC_SHARED_H_\n"
    "#define ADC_SHARED_H_\n"
    "/* What every function returns; after anything but ADC_OK the outputs are unspecified. */\n"
    "enum {\n"
    "  ADC_OK = 0,\n"
    "  ADC_EWORKSPACE = 1, /* the workspace is too small: ws->need bytes are wanted */\n"
    "  ADC_EDIM = 2,       /* a dimension is negative, too large, or breaks a constraint */\n"
    "  ADC_EINDEX = 3,     /* an index is out of range: ws->index */\n"
    "  ADC_EASSERT = 4,    /* an assert of the source failed */\n"
    "  ADC_ENAN = 5,       /* a NaN or an infinity, under --trap-nan */\n"
    "  ADC_ENOMEM = 6      /* malloc failed, or --mem-limit allows no more */\n"
    "};\n"
    "\n"
    "/* Memory that a call works in, and what it has to say.  Zero the struct, set base (aligned as malloc does, best "
    "to 64) and\n"
    "   len; or call with base NULL and len 0, which fails with ADC_EWORKSPACE, and allocate the need that it sets. "
    "*/\n"
    "typedef struct adc_ws {\n"
    "  void *base;\n"
    "  size_t len;          /* bytes at base */\n"
    "  size_t need;         /* set by every call: the bytes it takes */\n"
    "  void *(*grow)(void *env, size_t need); /* or NULL: gives a workspace of `need` bytes */\n"
    "  void *env;\n"
    "  const char *message; /* of the last error, static text; or NULL */\n"
    "  int line;            /* of the source, or 0 */\n"
    "  int64_t index;       /* the index, dimension or size at fault */\n"
    "} adc_ws;\n"
    "\n"
    "/* An argument of a function, or a field of a struct. */\n"
    "typedef struct adc_arg {\n"
    "  const char *name;\n"
    "  const char *role;   /* dim, param, seed, tangent; result, gradient, tangent_out; workspace */\n"
    "  const char *ctype;  /* as in the prototype */\n"
    "  const char *type;   /* f64, f32, i64, i32, bool; NULL: a struct, or the workspace */\n"
    "  int rank;\n"
    "  const char *const *shape; /* rank formulas of the dimensions */\n"
    "  int of;             /* the argument whose derivative, seed or tangent it is, or -1 */\n"
    "  int nfield;         /* of a struct */\n"
    "  const struct adc_arg *field;\n"
    "} adc_arg;\n"
    "\n"
    "typedef struct adc_info {\n"
    "  const char *name;\n"
    "  const char *kind;      /* primal, grad, vjp, jvp */\n"
    "  const char *origin;    /* the function it is a derivative of, or NULL */\n"
    "  const char *signature; /* the declaration in the source, or NULL */\n"
    "  const char *source;    /* its file */\n"
    "  int line;\n"
    "  const char *prototype;\n"
    "  const char *work;      /* a formula of the dimensions */\n"
    "  const char *workspace; /* another: what NAME_ws() computes */\n"
    "  int ndim, narg;        /* the dimensions stand first */\n"
    "  const adc_arg *arg;\n"
    "} adc_info;\n"
    "\n"
    "#if defined(__GNUC__)\n"
    "__attribute__((unused))\n"
    "#endif\n"
    "static inline const char *adc_strerror(int code) {\n"
    "  switch (code) {\n"
    "  case ADC_OK: return \"no error\";\n"
    "  case ADC_EWORKSPACE: return \"the workspace is too small\";\n"
    "  case ADC_EDIM: return \"a dimension is negative, too large, or breaks a constraint\";\n"
    "  case ADC_EINDEX: return \"an index is out of range\";\n"
    "  case ADC_EASSERT: return \"an assertion failed\";\n"
    "  case ADC_ENAN: return \"a value is not finite\";\n"
    "  case ADC_ENOMEM: return \"out of memory\";\n"
    "  default: return \"unknown error\";\n"
    "  }\n"
    "}\n"
    "#endif\n";

/* Text inside a comment: words wrapped before column 100, continued under the first. */
typedef struct Comment {
  Text *out;
  size_t column;
} Comment;

static void comment_word(Comment *c, const char *w, size_t n) {
  if (c->column + n + 1 > 97) {
    text_add(c->out, "\n  ");
    c->column = 2;
  }
  text_add(c->out, " ");
  for (size_t i = 0; i < n; i++) /* never the end of the comment */
    text_add(c->out, i && w[i - 1] == '*' && w[i] == '/' ? " %c" : "%c", w[i]);
  c->column += n + 1;
}

static void comment_text(Comment *c, const char *s) {
  while (*(s += strspn(s, " \t\r\n"))) {
    size_t n = strcspn(s, " \t\r\n");
    comment_word(c, s, n);
    s += n;
  }
}

static void comment_open(Comment *c, Text *out) {
  *c = (Comment){out, 2};
  text_add(out, "/*");
}

static void comment_line(Comment *c) {
  text_add(c->out, "\n  ");
  c->column = 2;
}

static void comment_close(Comment *c) { text_add(c->out, " */\n"); }

static const char *join_names(Ctx *c, const Func *f, PortRole role) {
  Text t;
  text_init(&t, c->arena);
  for (int side = 0; side < 2; side++)
    for (int i = 0; i < (side ? f->nout : f->nin); i++) {
      const Port *p = side ? &f->out[i] : &f->in[i];
      if (p->role != role || p->of < 0) continue;
      bool of_input = role == PORT_COTANGENT || role == PORT_TANGENT_IN;
      const Port *of = of_input ? &f->in[p->of] : &f->out[p->of];
      text_add(&t, "%s%s", t.len ? ", " : "", of->name);
    }
  return t.len ? t.s : "nothing";
}

static void say_what(Comment *c, Ctx *ctx, const Func *f, const FuncInfo *info) {
  Arena *a = ctx->arena;
  const char *of = info->origin ? info->origin : "?";
  switch (f->kind) {
  case FUNC_PRIMAL:
    if (info->source) comment_text(c, arena_printf(a, "%s:%d ", info->source, info->line));
    if (info->source && info->signature) text_add(c->out, " ");
    if (info->signature) comment_text(c, info->signature);
    if (!info->source && !info->signature) comment_text(c, f->name);
    break;
  case FUNC_GRAD:
    comment_text(c, arena_printf(a, "Gradient of %s with respect to %s.", of, join_names(ctx, f, PORT_COTANGENT)));
    break;
  case FUNC_VJP:
    comment_text(c, arena_printf(a, "Vector-Jacobian product of %s: the gradients of <%s, seed> with respect to %s.",
                                 of, join_names(ctx, f, PORT_SEED), join_names(ctx, f, PORT_COTANGENT)));
    break;
  case FUNC_JVP:
    comment_text(c, arena_printf(a, "Jacobian-vector product of %s: how %s change along the tangents of %s.", of,
                                 join_names(ctx, f, PORT_TANGENT_OUT), join_names(ctx, f, PORT_TANGENT_IN)));
    break;
  case FUNC_HVP:
    comment_text(c, arena_printf(a, "Hessian of %s times the tangents of %s.", of, join_names(ctx, f, PORT_TANGENT_IN)));
    break;
  case FUNC_JACOBIAN:
    comment_text(c, arena_printf(a, "Jacobian of %s: derivatives of its results, whose dimensions stand first.", of));
    break;
  case FUNC_HESSIAN: comment_text(c, arena_printf(a, "Hessian of %s: its second derivatives.", of)); break;
  }
}

static void say_shape(Comment *c, Ctx *ctx, const char *name, const ArgInfo *a) {
  Text t;
  for (int i = 0; i < a->nfield; i++)
    say_shape(c, ctx, arena_printf(ctx->arena, "%s.%s", name, a->field[i].name), &a->field[i]);
  if (!a->rank) return;
  text_init(&t, ctx->arena);
  text_add(&t, "%s[", name);
  for (int i = 0; i < a->rank; i++) text_add(&t, "%s%s", i ? ", " : "", a->shape[i]);
  text_add(&t, "]");
  comment_text(c, t.s);
}

/* The declaration says the shapes of a primal function's arguments; those of seeds, tangents and gradients are said
 * here. */
static void say_shapes(Comment *c, Ctx *ctx, const Func *f, const FuncInfo *info) {
  if (f->kind == FUNC_PRIMAL && f->signature) return;
  bool any = false;
  for (int i = 0; i < info->narg; i++) any |= info->arg[i].rank > 0 || info->arg[i].nfield > 0;
  if (!any) return;
  comment_line(c);
  comment_text(c, "Shapes:");
  for (int i = 0; i < info->narg; i++) say_shape(c, ctx, info->arg[i].name, &info->arg[i]);
}

static bool word_char(char ch) { return isalnum((unsigned char)ch) || ch == '_'; }

/* 4 * n * m as 4nm: the sign goes between a number and a name, and between names of one letter. */
static const char *juxtapose(Ctx *c, const char *s) {
  Text t;
  text_init(&t, c->arena);
  for (const char *at = s; *at; at++) {
    bool sign = at > s && !strncmp(at, " * ", 3) && isalpha((unsigned char)at[3]);
    const char *left = at;
    while (left > s && word_char(left[-1])) left--;
    bool number = sign && isdigit((unsigned char)*left),
         letter = sign && at - left == 1 && isalpha((unsigned char)*left);
    if (number || (letter && !word_char(at[4])))
      at += 2;
    else
      text_addn(&t, at, 1);
  }
  return t.s;
}

static void print_sizes(const Func *f, const CodegenOptions *o, const char *suffix, Text *out) {
  Ctx *c = f->module->ctx;
  CArg *args;
  int n = codegen_signature(f, &args), k = 0;
  text_add(out, "size_t %s(", c_name(c, o, f->name, suffix));
  for (int i = 0; i < n; i++)
    if (args[i].sym) text_add(out, "%sint64_t %s", k++ ? ", " : "", args[i].name);
  text_add(out, "%s);\n", k ? "" : "void");
}

static void print_function(Func *f, const CodegenOptions *o, Text *out) {
  Ctx *c = f->module->ctx;
  FuncInfo *info = describe(f, o);
  Comment comment;
  text_add(out, "\n");
  comment_open(&comment, out);
  say_what(&comment, c, f, info);
  comment_line(&comment);
  comment_text(&comment, arena_printf(c->arena, "Work: %s. Workspace: %s.", juxtapose(c, info->work),
                                      juxtapose(c, info->workspace)));
  say_shapes(&comment, c, f, info);
  comment_close(&comment);
  print_signature(f, o, "", 1, out);
  text_add(out, ";\n");
  print_sizes(f, o, "_ws", out);
  text_add(out, "const adc_info *%s(void);\n", c_name(c, o, f->name, "_info"));
  text_add(out, "int %s(void **args);\n", c_name(c, o, f->name, "_packed"));
  if (!has_add(f)) return;
  text_add(out, "/* Adds to the gradients instead of overwriting them. */\n");
  print_signature(f, o, "_add", 1, out);
  text_add(out, ";\n");
  print_sizes(f, o, "_add_ws", out);
  text_add(out, "int %s(void **args);\n", c_name(c, o, f->name, "_add_packed"));
}

static uint32_t fnv(const char *s) {
  uint32_t h = 2166136261u;
  for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
  return h;
}

/* Two headers may hold the same struct: its guard is its text, so that a different one of that name is still an error.
 */
static void print_struct(Ctx *c, const CStruct *s, Text *out) {
  Text body;
  text_init(&body, c->arena);
  text_add(&body, "typedef struct %s {\n", s->name);
  for (int i = 0; i < s->nfield; i++) {
    const CField *x = &s->field[i];
    const char *type = x->sub ? x->sub->name : c_elem(x->elem, x->rank == 0);
    bool pointer = !x->sub && (s->mut || x->rank > 0);
    text_add(&body, "  %s%s %s%s;\n", pointer && !s->mut ? "const " : "", type, pointer ? "*" : "", x->name);
  }
  if (!s->nfield) text_add(&body, "  char unused;\n");
  text_add(&body, "} %s;\n", s->name);
  uint32_t h = fnv(body.s);
  text_add(out, "\n#ifndef ADC_STRUCT_%s_%08x\n#define ADC_STRUCT_%s_%08x\n%s#endif\n", s->name, h, s->name, h, body.s);
}

static const char *guard_name(Ctx *c, const CodegenOptions *o, const char *stem) {
  char *s = arena_printf(c->arena, "ADC_H_%s%s", o->prefix ? o->prefix : "", stem);
  for (char *at = s; *at; at++)
    if (!isalnum((unsigned char)*at)) *at = '_';
  return s;
}

static void print_hook(Text *out) {
  Comment c;
  text_add(out, "\n");
  comment_open(&c, out);
  comment_text(&c, "Threads share long loops through this function: it calls body(env, i) for each i from 0 to chunks - 1, in any order "
                   "and on any threads, and returns when all are done.");
  comment_text(&c, "The object brings one with a pool of POSIX threads (link with -lpthread), of which there are as many as "
                   "ADC_NUM_THREADS in the environment says, or else as there are processors.");
  comment_text(&c, "A program may define its own, and has to where there are no POSIX threads and with --freestanding. Results are "
                   "the same, bit by bit, for any number of threads.");
  comment_close(&c);
  text_add(out, "void adc_parallel_for(void (*body)(void *env, int64_t i), void *env, int64_t chunks);\n");
}

bool codegen_header(Module *m, const CodegenOptions *o, const char *stem, Text *out) {
  Ctx *c = m->ctx;
  if (!names_check(m, o)) return false;
  const char *guard = guard_name(c, o, stem);
  text_add(out,
           "/* %s.h - made by adc. Tensors are row-major. Any result or derivative pointer may be NULL: not wanted.\n",
           stem);
  text_add(out, "   Outputs may not overlap inputs or each other. ws may be NULL: %s.\n",
           o->freestanding ? "for functions without a workspace" : "the call then allocates and frees");
  text_add(out, "   NAME_ws() is the size of NAME's workspace, SIZE_MAX for impossible dimensions. NAME_packed(args) "
                "calls NAME with\n"
                "   args[i] pointing to the i-th argument; NULL there means a NULL pointer. */\n");
  text_add(out, "#ifndef %s\n#define %s\n#include <stddef.h>\n#include <stdint.h>\n\n%s", guard, guard, shared);
  text_add(out, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
  if (o->grain) print_hook(out);
  CStructs *s = structs_collect(m, o);
  for (int i = 0; i < s->n; i++) print_struct(c, s->at[i], out);
  for (int i = 0; i < m->nfunc; i++)
    if (m->func[i]->exported) print_function(m->func[i], o, out);
  text_add(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
  return true;
}
