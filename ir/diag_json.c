/* diag_json.c - diagnostics as one JSON array, for editors and CI.
 * Requires: a context.  Ensures: valid JSON in valid UTF-8 whatever the source holds; lines and columns count from 1,
 * columns in characters; endColumn is the column after the last character. */
#include "ir/diag.h"

static void json_string(FILE *to, const char *s) {
  fputc('"', to);
  while (*s) {
    int n = utf8_length(s, 4);
    if (n == 0) {
      fputs("\\ufffd", to);
      s++;
    } else if (*s == '"' || *s == '\\') {
      fprintf(to, "\\%c", *s++);
    } else if (*s == '\n') {
      fputs("\\n", to);
      s++;
    } else if ((unsigned char)*s < 0x20 || *s == 0x7F) {
      fprintf(to, "\\u%04x", *s++);
    } else {
      fwrite(s, 1, (size_t)n, to);
      s += n;
    }
  }
  fputc('"', to);
}

static void place(const Ctx *c, FILE *to, Loc loc) {
  if (loc.file < 0 || loc.file >= c->nsource) return;
  Loc end = {loc.file, loc.end, loc.end};
  fputs("\"file\": ", to);
  json_string(to, c->source[loc.file]->name);
  fprintf(to, ", \"line\": %d, \"column\": %d, \"endLine\": %d, \"endColumn\": %d, ", loc_line(c, loc),
          loc_column(c, loc), loc_line(c, end), loc_column(c, end));
}

static void one(const Ctx *c, FILE *to, const Diag *d) {
  bool error = d->severity == DIAG_ERROR;
  fprintf(to, "  {\"severity\": \"%s\", \"code\": \"%c%04d\", ", error ? "error" : "warning", error ? 'E' : 'W',
          d->code);
  place(c, to, d->loc);
  fputs("\"message\": ", to);
  json_string(to, d->text);
  fputs(", \"notes\": [", to);
  const char *separator = "";
  for (const DiagNote *n = d->notes; n; n = n->next) {
    if (n->is_help) continue;
    fprintf(to, "%s{", separator);
    place(c, to, n->loc);
    fputs("\"message\": ", to);
    json_string(to, n->text);
    fputc('}', to);
    separator = ", ";
  }
  fputs("], \"help\": [", to);
  separator = "";
  for (const DiagNote *n = d->notes; n; n = n->next) {
    if (!n->is_help) continue;
    fputs(separator, to);
    json_string(to, n->text);
    separator = ", ";
  }
  fputs("]}", to);
}

void diag_print_json(const Ctx *c, FILE *to) {
  int n;
  const Diag **sorted = diag_sorted(c, &n);
  fputc('[', to);
  for (int i = 0; i < n; i++) {
    fputs(i ? ",\n" : "\n", to);
    one(c, to, sorted[i]);
  }
  fputs(n ? "\n]\n" : "]\n", to);
}
