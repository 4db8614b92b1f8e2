/* cmd_check.c - the verbs that make no code: check, fmt, opt, explain. */
#include "driver/driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *read_program(Ctx *c, const Options *o, size_t *len) {
  const char *text = file_read(c->arena, o->file, len);
  if (!text) usage_error("%s: %s", o->file, strerror(errno));
  return text;
}

int cmd_check(Options *o) {
  Ctx *c = ctx_new();
  size_t len;
  const char *text = read_program(c, o, &len);
  int status = EXIT_PROGRAM;
  if (text) {
    FrontendOptions fo = {.real = o->pipeline.real, .read_file = file_import};
    Module *m = frontend_compile(c, o->file, text, len, &fo, NULL);
    if (m) pipeline_resolve(m);
    status = report(c, o);
  }
  ctx_free(c);
  return status;
}

static int format_one(Options *o, const char *path) {
  Ctx *c = ctx_new();
  size_t len;
  Options one = *o;
  one.file = path;
  const char *text = read_program(c, &one, &len);
  int status = EXIT_PROGRAM;
  if (text) {
    char *laid_out = frontend_format(c, path, text, len);
    status = report(c, o);
    if (laid_out) {
      bool same = strlen(laid_out) == len && memcmp(laid_out, text, len) == 0;
      bool from_stdin = strcmp(path, "-") == 0;
      if (o->check && !same) {
        printf("%s would change\n", path);
        status = EXIT_PROGRAM;
      } else if (!o->check && (!same || from_stdin) && !file_write(path, laid_out, strlen(laid_out))) {
        usage_error("%s: %s", path, strerror(errno));
        status = EXIT_PROGRAM;
      }
    }
  }
  ctx_free(c);
  return status;
}

int cmd_fmt(Options *o) {
  int status = format_one(o, o->file);
  for (int i = 0; i < o->narg; i++) {
    int s = format_one(o, o->arg[i]);
    if (s > status) status = s;
  }
  return status;
}

int cmd_opt(Options *o) {
  if (o->passes && strcmp(o->passes, "help") == 0) {
    for (int i = 0; pass_info(i); i++) printf("  %-10s %s\n", pass_info(i)->name, pass_info(i)->doc);
    return EXIT_OK;
  }
  Ctx *c = ctx_new();
  size_t len, n = strlen(o->file);
  const char *text = read_program(c, o, &len);
  int status = EXIT_PROGRAM;
  bool written = true;
  if (text) {
    FrontendOptions fo = {.real = o->pipeline.real, .read_file = file_import};
    bool source = n > 5 && strcmp(o->file + n - 5, ".tdsl") == 0;
    Module *m = source ? frontend_compile(c, o->file, text, len, &fo, NULL) : module_read(c, o->file, text, len);
    if (m && module_verify(m) && (!o->passes || passes_run(m, o->passes))) {
      Text out;
      text_init(&out, c->arena);
      module_print(&out, m);
      written = file_write(o->output ? o->output : "-", out.s, out.len);
      if (!written) usage_error("%s: %s", o->output ? o->output : "standard output", strerror(errno));
    }
    status = report(c, o);
    if (!written) status = EXIT_PROGRAM;
  }
  ctx_free(c);
  return status;
}

static void explain_one(const DiagInfo *d) { printf("E%04d: %s\n\n%s\n", d->code, d->title, d->text); }

int cmd_explain(Options *o) {
  if (!o->file) {
    for (int i = 0; diag_info_at(i); i++) printf("E%04d  %s\n", diag_info_at(i)->code, diag_info_at(i)->title);
    return EXIT_OK;
  }
  const char *digits = o->file + (strchr("EeWw", o->file[0]) != NULL);
  char *end;
  long code = strtol(digits, &end, 10);
  const DiagInfo *d = *digits && !*end ? diag_info((int)code) : NULL;
  if (!d) {
    usage_error("explain: there is no code '%s'; `adc explain` lists them", o->file);
    return EXIT_USAGE;
  }
  explain_one(d);
  return EXIT_OK;
}
