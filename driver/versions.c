/* versions.c - which functions are there once more for sizes that are short, and known now.
 *
 * With three coordinates as a number, what a loop computes of a point, or a filter of its state, lives in registers; with d coordinates
 * it is loops over memory, of three turns each.  Where sizes look short (passes/version.c), copies are tried: of an estimate of the time
 * of the function and of its copy (codegen/estimate.c) follows whether it pays.
 *
 * Requires: a module that is not lowered.  Ensures: functions have versions, which are lowered, as they are themselves; the code of all
 * versions has a limit. */
#include "driver/driver.h"

/* Operations of a function, symbols that are fixed in a version, symbols looked at. */
enum { MOST_OPS = 400, MOST_FIXED = 2, MOST_SYMBOLS = 3 };
/* Code of all versions of a module; that of versions and what there is without them, codegen_estimate's. */
enum { MOST_CODE = 4100, MOST_ALL = 9000 };
/* A version takes at most this part of the function's time; with another symbol it has to be so much better. */
#define WORTH 0.7
#define BETTER 0.8

typedef struct Search {
  Ctx *ctx;
  const LowerOptions *o;
  Func *f, *source; /* lowered, and as it was; NULL: there are no versions of it */
  int nsym;
  Sym *sym[MOST_SYMBOLS];
  int nfixed;
  Sym *fixed[MOST_FIXED];
} Search;

/* Short sizes, the most likely first; of two, states and what is seen of them, or alike. */
static const int64_t single[][MOST_FIXED] = {{3}, {2}, {4}, {8}, {6}, {1}};
static const int64_t both[][MOST_FIXED] = {{4, 2}, {2, 1}, {3, 3}, {2, 2}, {6, 3}, {3, 1}};
enum { CHOICES = sizeof single / sizeof *single };
_Static_assert(sizeof single == sizeof both, "as many of either");

/* Not kept unless the caller does: it is the last function of the module.  NULL: none, or it does not pay.  *ratio: of its time to
 * that of the function. */
static Func *attempt(Search *s, const int64_t *value, double *ratio, double *code) {
  DimSubst at[MOST_FIXED];
  const char *name = s->f->name;
  double general;
  for (int i = 0; i < s->nfixed; i++) {
    at[i] = (DimSubst){s->fixed[i], dim_const(s->ctx, value[i])};
    name = arena_printf(s->ctx->arena, "%s.%s%lld", name, s->fixed[i]->name, (long long)value[i]);
  }
  Func *v = version_of(s->source, name, s->nfixed, at);
  if (!v) return NULL;
  pipeline_lower_func(v, s->o);
  double time = codegen_estimate(v, s->o->code->grain, s->nfixed, at, code);
  *ratio = time / codegen_estimate(s->f, s->o->code->grain, s->nfixed, at, &general);
  return v;
}

static void drop(Search *s, const Func *v) {
  if (v) s->f->module->nfunc--;
}

/* With the first of some sizes at which the function does not fail. */
static Func *attempt_any(Search *s, double *ratio) {
  static const int64_t typical[][MOST_FIXED] = {{3, 3}, {4, 4}, {8, 8}, {2, 2}};
  Func *v = NULL;
  double code;
  for (size_t i = 0; i < sizeof typical / sizeof *typical && !v; i++) v = attempt(s, typical[i], ratio, &code);
  return v;
}

/* Which symbols to fix: one, or two where that is much better.  None: there are no versions. */
static void choose(Search *s) {
  Sym *best[MOST_FIXED] = {NULL};
  double least = 1, ratio;
  int n = 0;
  for (int i = 0; i < s->nsym; i++)
    for (int j = i; j < s->nsym; j++) {
      s->nfixed = 1 + (j > i);
      s->fixed[0] = s->sym[i];
      s->fixed[1] = s->sym[j];
      Func *v = attempt_any(s, &ratio);
      drop(s, v);
      if (!v || ratio > WORTH || (ratio /= j > i ? BETTER : 1) > least) continue;
      least = ratio;
      n = s->nfixed;
      for (int k = 0; k < n; k++) best[k] = s->fixed[k];
    }
  s->nfixed = n;
  for (int k = 0; k < n; k++) s->fixed[k] = best[k];
}

static void keep(Search *s, Func *v, const int64_t *value) {
  Arena *a = s->ctx->arena;
  Version x = {v, s->nfixed, arena_dup(a, s->fixed, sizeof s->fixed), arena_dup(a, value, sizeof *value * MOST_FIXED)};
  PUSH(a, s->f->version, s->f->nversion, s->f->version_cap) = x;
}

static void make_version(Search *s, int i, double *room) {
  const int64_t *value = s->nfixed == 1 ? single[i] : both[i];
  double ratio, code;
  Func *v = attempt(s, value, &ratio, &code);
  if (v && ratio <= WORTH && code <= *room) {
    keep(s, v, value);
    *room -= code;
  } else
    drop(s, v);
}

static int symbols_of(Func *f, Sym **sym) {
  Sym **all = NEW_N(f->module->ctx->arena, Sym *, f->nsym + 1);
  int n = version_symbols(f, all);
  for (int i = 0; i < n && i < MOST_SYMBOLS; i++) sym[i] = all[i];
  return n < MOST_SYMBOLS ? n : MOST_SYMBOLS;
}

Func *versions_source(Func *f, const LowerOptions *o) {
  Sym *sym[MOST_SYMBOLS];
  if (o->code->opt_level < 2 || o->trap_nan || !f->exported || f->external) return NULL;
  if (region_count_ops(f->body) > MOST_OPS || !symbols_of(f, sym)) return NULL;
  Func *source = func_clone(f, f->name);
  f->module->nfunc--;
  return source;
}

/* How much code there may be in versions: a module that is long has none. */
static double room_in(Module *m, int n, const LowerOptions *o) {
  double all = 0, code;
  for (int i = 0; i < n && all < MOST_ALL; i++) {
    if (!m->func[i]->exported || m->func[i]->external) continue;
    codegen_estimate(m->func[i], o->code->grain, 0, NULL, &code);
    all += code;
  }
  return all + MOST_CODE < MOST_ALL ? MOST_CODE : MOST_ALL - all;
}

/* The likeliest sizes of all functions first. */
void versions_make(Module *m, int n, Func *const *source, const LowerOptions *o) {
  Ctx *c = m->ctx;
  const char *outer = stage_begin(c, "versions");
  Search *search = NEW_N(c->arena, Search, n + 1);
  bool any = false;
  for (int i = 0; i < n; i++) any |= source[i] != NULL;
  double room = any ? room_in(m, n, o) : 0;
  for (int i = 0; i < n && room > 0; i++) {
    if (!source[i]) continue;
    search[i] = (Search){.ctx = c, .o = o, .f = m->func[i], .source = source[i]};
    search[i].nsym = symbols_of(source[i], search[i].sym);
    choose(&search[i]);
  }
  for (int k = 0; k < CHOICES; k++)
    for (int i = 0; i < n; i++)
      if (search[i].nfixed && room > 0) make_version(&search[i], k, &room);
  stage_end(c, outer);
}
