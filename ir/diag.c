/* diag.c - source texts, places in them, and the list of diagnostics of one compilation.
 * Requires: a context.  Ensures: every diagnostic is recorded once, at most max_errors of them; printing is in
 * diag_text.c and diag_json.c.  The codes with their explanations are the rows of diag_codes.def. */
#include <stdarg.h>
#include <string.h>

#include "ir/ir.h"

enum { DEFAULT_MAX_ERRORS = 30, MAX_WARNINGS = 100 };

/* ---- sources and places ------------------------------------------------------------------------------------- */

int source_add(Ctx *c, const char *name, const char *text, size_t len) {
  Source *s = NEW(c->arena, Source);
  s->name = arena_strndup(c->arena, name, strlen(name));
  char *copy = arena_alloc(c->arena, len + 1);
  if (len) memcpy(copy, text, len);
  s->text = copy;
  s->len = len;
  int lines = 1;
  for (size_t i = 0; i < len; i++) lines += copy[i] == '\n';
  s->line_start = NEW_N(c->arena, int, lines + 1);
  s->nline = lines;
  int line = 0;
  for (size_t i = 0; i < len; i++)
    if (copy[i] == '\n') s->line_start[++line] = (int)i + 1;
  s->line_start[lines] = (int)len; /* one past the last, so that every line has an end */
  PUSH(c->arena, c->source, c->nsource, c->source_cap) = s;
  return c->nsource - 1;
}

int loc_line(const Ctx *c, Loc loc) {
  if (loc.file < 0 || loc.file >= c->nsource) return 0;
  const Source *s = c->source[loc.file];
  int lo = 0, hi = s->nline;
  while (hi - lo > 1) {
    int mid = lo + (hi - lo) / 2;
    if (s->line_start[mid] <= loc.begin)
      lo = mid;
    else
      hi = mid;
  }
  return lo + 1;
}

int loc_column(const Ctx *c, Loc loc) {
  int line = loc_line(c, loc);
  if (!line) return 0;
  const Source *s = c->source[loc.file];
  int column = 1;
  for (int i = s->line_start[line - 1]; i < loc.begin && (size_t)i < s->len; i++)
    column += ((unsigned char)s->text[i] & 0xC0) != 0x80;
  return column;
}

Loc loc_join(Loc a, Loc b) {
  if (a.file < 0) return b;
  if (b.file != a.file) return a;
  return (Loc){a.file, a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

/* ---- recording ---------------------------------------------------------------------------------------------- */

static const char *format(Ctx *c, const char *fmt, va_list ap) {
  if (!fmt) bug("a diagnostic without text");
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, again);
  va_end(again);
  if (n < 0) bug("bad format '%s'", fmt);
  char *s = arena_alloc(c->arena, (size_t)n + 1);
  vsnprintf(s, (size_t)n + 1, fmt, ap);
  return s;
}

/* A function that is elaborated more than once (for several callers) finds the same fault each time. */
static bool already_said(const Diags *ds, const Diag *d) {
  for (const Diag *o = ds->first; o; o = o->next)
    if (o->code == d->code && o->loc.file == d->loc.file && o->loc.begin == d->loc.begin && o->loc.end == d->loc.end &&
        !strcmp(o->text, d->text))
      return true;
  return false;
}

static Diag *record(Ctx *c, Severity severity, Loc loc, int code, const char *fmt, va_list ap) {
  if (!c->diags) c->diags = NEW(c->arena, Diags);
  Diags *ds = c->diags;
  Diag *d = NEW(c->arena, Diag);
  *d = (Diag){.severity = severity, .code = code, .loc = loc, .text = format(c, fmt, ap)};
  int limit = severity == DIAG_WARNING ? MAX_WARNINGS : ds->max_errors > 0 ? ds->max_errors : DEFAULT_MAX_ERRORS;
  int before = severity == DIAG_ERROR ? ds->nerror++ : ds->nwarning;
  if (severity == DIAG_WARNING && ds->muted <= 0) ds->nwarning++;
  if (ds->muted > 0 || already_said(ds, d)) return d;
  if (before >= limit) {
    ds->full = ds->full || severity == DIAG_ERROR;
    return d;
  }
  if (ds->last)
    ds->last->next = d;
  else
    ds->first = d;
  ds->last = d;
  return d;
}

Diag *diag_error(Ctx *c, Loc loc, int code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  Diag *d = record(c, DIAG_ERROR, loc, code, fmt, ap);
  va_end(ap);
  return d;
}

Diag *diag_warning(Ctx *c, Loc loc, int code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  Diag *d = record(c, DIAG_WARNING, loc, code, fmt, ap);
  va_end(ap);
  return d;
}

/* What has been said of the place is not said again: a recursion that is expanded would name its call at every level. */
static void add_note(Ctx *c, Diag *d, bool is_help, Loc loc, const char *text) {
  DiagNote **end = &d->notes, *n;
  for (; (n = *end); end = &n->next)
    if (n->loc.file == loc.file && n->loc.begin == loc.begin && n->loc.end == loc.end && !strcmp(n->text, text)) return;
  n = *end = NEW(c->arena, DiagNote);
  *n = (DiagNote){.is_help = is_help, .loc = loc, .text = text};
}

void diag_note(Ctx *c, Diag *d, Loc loc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_note(c, d, false, loc, format(c, fmt, ap));
  va_end(ap);
}

void diag_help(Ctx *c, Diag *d, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_note(c, d, true, LOC_NONE, format(c, fmt, ap));
  va_end(ap);
}

/* ---- codes -------------------------------------------------------------------------------------------------- */

static const DiagInfo infos[] = {
#define DIAG(code, title, text) {code, title, text},
#include "ir/diag_codes.def"
#undef DIAG
    {0, NULL, NULL}};

const DiagInfo *diag_info(int code) {
  for (const DiagInfo *i = infos; i->title; i++)
    if (i->code == code) return i;
  return NULL;
}

const DiagInfo *diag_info_at(int i) {
  return i >= 0 && (size_t)i + 1 < sizeof infos / sizeof *infos ? &infos[i] : NULL;
}

/* ---- spelling ----------------------------------------------------------------------------------------------- */

enum { LONGEST_NAME = 63 };

static int min2(int a, int b) { return a < b ? a : b; }

/* Damerau-Levenshtein distance (a swap of neighbours counts one); big for long names. */
static int edit_distance(const char *a, const char *b) {
  size_t la = strlen(a), lb = strlen(b);
  if (la > LONGEST_NAME || lb > LONGEST_NAME) return LONGEST_NAME;
  int d[3][LONGEST_NAME + 1]; /* rows i - 2, i - 1, i, in turn */
  for (size_t j = 0; j <= lb; j++) d[0][j] = (int)j;
  for (size_t i = 1; i <= la; i++) {
    int *now = d[i % 3], *last = d[(i + 2) % 3], *before = d[(i + 1) % 3];
    now[0] = (int)i;
    for (size_t j = 1; j <= lb; j++) {
      now[j] = min2(min2(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = min2(now[j], before[j - 2] + 1);
    }
  }
  return d[la % 3][lb];
}

const char *closest_name(const char *name, const char *const *names, int n) {
  int len = (int)strlen(name);
  int best = (len > 3 ? len : 3) / 3 + 1;
  const char *found = NULL;
  for (int i = 0; i < n; i++) {
    int other = (int)strlen(names[i]);
    int distance = edit_distance(name, names[i]);
    /* Something of the name must be left: 'y' is no spelling of 'x'. */
    if (distance > 0 && distance < best && distance < min2(len, other)) {
      best = distance;
      found = names[i];
    }
  }
  return found;
}
