/* cmd_value.c - arrays given on the command line: literals, .npy and .csv files, random ones. */
#include "driver/driver.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- literals ------------------------------------------------------------------------------------------------------ */

typedef struct Literal {
  Arena *a;
  const char *s;
  double *f;
  int64_t *i;
  int n, fcap, icap, ni;
  bool integral;
  int rank;
  int64_t dim[MAX_RANK];
  const char *error;
} Literal;

static void skip_space(Literal *l) {
  while (isspace((unsigned char)*l->s)) l->s++;
}

static bool fail(Literal *l, const char *what) {
  if (!l->error) l->error = arena_printf(l->a, "%s at '%.20s'", what, *l->s ? l->s : "the end");
  return false;
}

static bool word(Literal *l, const char *w, double v, bool integral) {
  size_t n = strlen(w);
  if (strncmp(l->s, w, n) != 0 || isalnum((unsigned char)l->s[n])) return false;
  l->s += n;
  PUSH(l->a, l->f, l->n, l->fcap) = v;
  PUSH(l->a, l->i, l->ni, l->icap) = integral ? (int64_t)v : 0;
  l->integral &= integral;
  return true;
}

static bool number(Literal *l) {
  skip_space(l);
  if (word(l, "true", 1, true) || word(l, "True", 1, true) || word(l, "false", 0, true) || word(l, "False", 0, true) ||
      word(l, "pi", 3.14159265358979323846, false))
    return true;
  char *end;
  double v = strtod(l->s, &end); /* takes inf, nan and NaN too */
  if (end == l->s) return fail(l, "a number is expected");
  bool integral = true;
  for (const char *p = l->s; p < end; p++) integral &= isdigit((unsigned char)*p) || *p == '-' || *p == '+';
  errno = 0;
  long long i = integral ? strtoll(l->s, NULL, 10) : 0;
  if (errno == ERANGE) integral = false;
  l->s = end;
  PUSH(l->a, l->f, l->n, l->fcap) = v;
  PUSH(l->a, l->i, l->ni, l->icap) = integral ? i : 0;
  l->integral &= integral;
  return true;
}

/* An element at `depth` brackets; the first row seen at a depth fixes its length. */
static bool nested(Literal *l, int depth) {
  skip_space(l);
  if (*l->s != '[') {
    if (l->rank < 0) l->rank = depth;
    if (l->rank != depth) return fail(l, "rows of different depth");
    return number(l);
  }
  if (depth >= MAX_RANK || (l->rank >= 0 && depth >= l->rank)) return fail(l, "rows of different depth");
  l->s++;
  int64_t count = 0;
  skip_space(l);
  while (*l->s != ']') {
    if (!nested(l, depth + 1)) return false;
    count++;
    skip_space(l);
    if (*l->s == ',') l->s++;
    else if (*l->s != ']') return fail(l, "',' or ']' is expected");
    skip_space(l);
  }
  l->s++;
  if (l->dim[depth] >= 0 && l->dim[depth] != count) return fail(l, "rows of different length");
  l->dim[depth] = count;
  if (count == 0 && l->rank < 0) l->rank = depth + 1;
  return true;
}

static bool literal_parse(Arena *a, const char *text, Array *out, const char **error) {
  Literal l = {.a = a, .s = text, .integral = true, .rank = -1};
  for (int i = 0; i < MAX_RANK; i++) l.dim[i] = -1;
  bool ok = nested(&l, 0);
  skip_space(&l);
  if (ok && *l.s) ok = fail(&l, "unexpected text");
  if (!ok) {
    *error = l.error;
    return false;
  }
  *out = (Array){.rank = l.rank, .count = l.n, .integral = l.integral, .f = l.f, .i = l.i};
  for (int i = 0; i < l.rank; i++) out->dim[i] = l.dim[i] < 0 ? 0 : l.dim[i];
  return true;
}

/* ---- random arrays ----------------------------------------------------------------------------------------------------- */

double random_uniform(uint64_t *state) { /* splitmix64 (Steele, Lea, Flood 2014); in [0, 1) */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

double random_normal(uint64_t *state) { /* Box and Muller */
  double u = 1 - random_uniform(state), v = random_uniform(state);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static bool has_memory(int64_t count) {
  if (count > INT64_MAX / 16) return false;
  void *p = malloc((size_t)count * sizeof(double) + 1);
  free(p);
  return p;
}

static bool random_parse(Arena *a, const char *text, bool normal, uint64_t *seed, Array *out, const char **error) {
  *out = (Array){.rank = 0, .count = 1};
  const char *s = strchr(text, '(') + 1;
  while (isspace((unsigned char)*s)) s++;
  while (*s && *s != ')') {
    char *end;
    long long d = strtoll(s, &end, 10);
    if (end == s || d < 0 || out->rank == MAX_RANK || __builtin_mul_overflow(out->count, d, &out->count)) break;
    out->dim[out->rank++] = d;
    for (s = end; isspace((unsigned char)*s) || *s == ',';) s++;
  }
  if (*s != ')' || s[1]) {
    *error = "rand and randn take lengths: rand(3, 4)";
    return false;
  }
  if (!has_memory(out->count)) {
    *error = "there is no memory for so many numbers";
    return false;
  }
  out->f = NEW_N(a, double, out->count);
  for (int64_t i = 0; i < out->count; i++) out->f[i] = normal ? random_normal(seed) : random_uniform(seed);
  return true;
}

bool value_parse(Arena *a, const char *text, uint64_t *seed, Array *out, const char **error) {
  if (text[0] == '@') {
    size_t n = strlen(text);
    if (n > 4 && strcmp(text + n - 4, ".npy") == 0) return npy_read(a, text + 1, out, error);
    if (n > 4 && strcmp(text + n - 4, ".csv") == 0) return csv_read(a, text + 1, out, error);
    *error = "a file is read as .npy or .csv";
    return false;
  }
  if (strncmp(text, "rand(", 5) == 0) return random_parse(a, text, false, seed, out, error);
  if (strncmp(text, "randn(", 6) == 0) return random_parse(a, text, true, seed, out, error);
  return literal_parse(a, text, out, error);
}

void *array_convert(Arena *a, const Array *x, Elem e) {
  char *to = arena_alloc(a, (size_t)(x->count + 1) * (size_t)elem_size(e));
  for (int64_t k = 0; k < x->count; k++) {
    int64_t i = x->integral ? x->i[k] : 0;
    if (!elem_is_real(e) && !x->integral) {
      if (x->f[k] != rint(x->f[k]) || fabs(x->f[k]) > 0x1p53) return NULL;
      i = (int64_t)x->f[k];
    }
    if ((e == I32 && (i < INT32_MIN || i > INT32_MAX)) || (e == BOOL && i != 0 && i != 1)) return NULL;
    switch (e) {
    case F64: ((double *)to)[k] = x->f[k]; break;
    case F32: ((float *)to)[k] = (float)x->f[k]; break;
    case I64: ((int64_t *)to)[k] = i; break;
    case I32: ((int32_t *)to)[k] = (int32_t)i; break;
    default: to[k] = (char)i; break;
    }
  }
  return to;
}
