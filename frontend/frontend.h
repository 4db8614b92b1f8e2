/* frontend.h - from .tdsl text to IR. */
#ifndef ADC_FRONTEND_FRONTEND_H
#define ADC_FRONTEND_FRONTEND_H
#include "ir/ir.h"

typedef struct FrontendOptions {
  Elem real; /* what `real` means: F64 or F32 */
  /* Reads an imported file: returns its text in the context's arena and sets *len, or NULL.  path is resolved beside the file
   * that imports it.  NULL callback: imports are an error. */
  const char *(*read_file)(void *env, Ctx *c, const char *path, size_t *len);
  void *env;
} FrontendOptions;

/* Parses and elaborates `text`, with what it imports, into a module: one Func for each function of the file that can be
 * compiled on its own (exported: not `local`), and those that they call.  On errors the diagnostics are in c->diags, and NULL
 * is returned.  Imported files' names are collected for depfiles in *deps (interned, NULL-terminated array) if not NULL. */
Module *frontend_compile(Ctx *c, const char *name, const char *text, size_t len, const FrontendOptions *o, const char ***deps);

/* The text of a file laid out afresh: comments kept, blank lines kept singly; idempotent; NULL after syntax errors. */
char *frontend_format(Ctx *c, const char *name, const char *text, size_t len);

#endif
