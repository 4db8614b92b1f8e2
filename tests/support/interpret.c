/* interpret.c - runs one function of a .tdsl file, as the front end leaves it, or of a .ir file by the plain interpreter.
 * usage: interpret FILE FUNCTION n=3,k=2 < numbers
 * The numbers are the elements of the parameters, one after another; each result is one line of elements.  While there are numbers
 * left the function is run again. */
#include "frontend/frontend.h"
#include "tests/support/exact/exact.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *slurp(Ctx *c, const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  size_t cap = 1 << 26;
  char *text = arena_alloc(c->arena, cap);
  *len = fread(text, 1, cap - 1, f);
  fclose(f);
  return text;
}

static Module *read_file(Ctx *c, const char *path) {
  size_t len, n = strlen(path);
  char *text = slurp(c, path, &len);
  if (!text) return NULL;
  if (n > 3 && !strcmp(path + n - 3, ".ir")) return module_read(c, path, text, len);
  FrontendOptions o = {.real = F64};
  return frontend_compile(c, path, text, len, &o, NULL);
}

static bool set_symbols(const Func *f, int64_t *sym, const char *list) {
  for (int i = 0; i < f->nsym; i++) {
    const char *name = f->sym[i]->name, *s = list;
    size_t len = strlen(name);
    while (s && (strncmp(s, name, len) || s[len] != '=')) s = (s = strchr(s, ',')) ? s + 1 : NULL;
    if (!s) return false;
    sym[i] = strtoll(s + len + 1, NULL, 10);
  }
  return true;
}

/* What is missing before any number was read is the end of the input. */
static bool read_tensor(Tensor *t, int *count) {
  for (int64_t k = 0; k < t->count; k++, ++*count) {
    double x;
    if (scanf("%lf", &x) != 1) return false;
    exact_set(t, k, x, (int64_t)x);
  }
  return true;
}

enum { DONE, CHECK_FAILS, BAD_INPUT, NO_MORE };

static int run(Ctx *c, Func *f, const char *sizes) {
  int count = 0;
  int64_t *sym = NEW_N(c->arena, int64_t, f->nsym + 1);
  Tensor **in = NEW_N(c->arena, Tensor *, f->body->nparam + 1), **out = NEW_N(c->arena, Tensor *, f->body->nres + 1);
  bool ok = set_symbols(f, sym, sizes), sized = ok;
  for (int i = 0; ok && i < f->body->nparam; i++) {
    in[i] = exact_of_type(c->arena, f, sym, f->body->param[i]->type);
    ok = read_tensor(in[i], &count);
  }
  if (!ok && sized && !count) return NO_MORE;
  if (!ok) return fprintf(stderr, "interpret: a size or a number is missing\n"), BAD_INPUT;
  if (exact_run_rounded(c->arena, f, sym, in, out)) return fprintf(stderr, "interpret: a check fails\n"), CHECK_FAILS;
  for (int i = 0; i < f->body->nres; i++) {
    for (int64_t k = 0; k < out[i]->count; k++) printf(k ? " %.17g" : "%.17g", exact_get(out[i], k));
    printf("\n");
  }
  return f->body->nparam ? DONE : NO_MORE;
}

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "usage: interpret FILE FUNCTION SIZES < numbers\n"), 2;
  Ctx *c = ctx_new();
  Module *m = read_file(c, argv[1]);
  Func *f = m ? module_find(m, argv[2]) : NULL;
  if (c->diags->nerror) diag_print_text(c, stderr, false);
  if (!f) return fprintf(stderr, "interpret: no function %s\n", argv[2]), BAD_INPUT;
  int status = DONE;
  while (status == DONE) status = run(c, f, argv[3]);
  ctx_free(c);
  return status == NO_MORE ? 0 : status;
}
