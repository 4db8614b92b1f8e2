/* diag_text.c - diagnostics as text, in the manner of clang: place, code, message, the source line with the spans
 * marked, notes that lie on that line drawn under it, others as snippets of their own, then the help lines. Requires: a
 * context.  Ensures: terminal-safe output (control characters and bytes that are not UTF-8 are shown as <XX>), marks
 * under the characters they mean whatever their width, lines cut to a window around the span. */
#include <stdlib.h>
#include <string.h>

#include "ir/diag.h"

enum { TAB = 8, WINDOW = 110, LEAD = 40 };

int utf8_length(const char *text, size_t left) {
  const unsigned char *s = (const unsigned char *)text;
  if (left == 0) return 0;
  if (s[0] < 0x80) return 1;
  int n = s[0] >= 0xC2 && s[0] <= 0xDF ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4 : 0;
  if (n == 0 || (size_t)n > left) return 0;
  for (int i = 1; i < n; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
  bool surrogate = s[0] == 0xED && s[1] > 0x9F, beyond = s[0] == 0xF4 && s[1] > 0x8F;
  return overlong || surrogate || beyond ? 0 : n;
}

/* ---- order -------------------------------------------------------------------------------------------------- */

typedef struct {
  const Diag *d;
  int index;
} Ranked;

static int by_place(const void *x, const void *y) {
  const Ranked *a = x, *b = y;
  if (a->d->loc.file != b->d->loc.file) return a->d->loc.file < b->d->loc.file ? -1 : 1;
  if (a->d->loc.begin != b->d->loc.begin) return a->d->loc.begin < b->d->loc.begin ? -1 : 1;
  return a->index - b->index;
}

const Diag **diag_sorted(const Ctx *c, int *n) {
  *n = 0;
  if (!c->diags) return NULL;
  for (const Diag *d = c->diags->first; d; d = d->next) ++*n;
  Ranked *ranked = NEW_N(c->arena, Ranked, *n + 1);
  int i = 0;
  for (const Diag *d = c->diags->first; d; d = d->next, i++) ranked[i] = (Ranked){d, i};
  qsort(ranked, (size_t)*n, sizeof *ranked, by_place);
  const Diag **sorted = NEW_N(c->arena, const Diag *, *n + 1);
  for (i = 0; i < *n; i++) sorted[i] = ranked[i].d;
  return sorted;
}

/* ---- a line on the screen ----------------------------------------------------------------------------------- */

/* One source line, with the screen column of each of its bytes; columns lo..hi are shown. */
typedef struct {
  const char *text;
  int len, *column, width, lo, hi;
} Line;

static int code_point(const char *s, int n) {
  const unsigned char *u = (const unsigned char *)s;
  switch (n) {
  case 2: return (u[0] & 0x1F) << 6 | (u[1] & 0x3F);
  case 3: return (u[0] & 0x0F) << 12 | (u[1] & 0x3F) << 6 | (u[2] & 0x3F);
  case 4: return (u[0] & 0x07) << 18 | (u[1] & 0x3F) << 12 | (u[2] & 0x3F) << 6 | (u[3] & 0x3F);
  default: return u[0];
  }
}

static const struct {
  int first, last, width;
} wide[] = {
    {0x0300, 0x036F, 0}, {0x1100, 0x115F, 2}, {0x200B, 0x200F, 0},   {0x20D0, 0x20FF, 0},   {0x2E80, 0xA4CF, 2},
    {0xAC00, 0xD7A3, 2}, {0xF900, 0xFAFF, 2}, {0xFE00, 0xFE0F, 0},   {0xFE30, 0xFE6F, 2},   {0xFEFF, 0xFEFF, 0},
    {0xFF00, 0xFF60, 2}, {0xFFE0, 0xFFE6, 2}, {0x1F300, 0x1F64F, 2}, {0x1F900, 0x1F9FF, 2}, {0x20000, 0x3FFFD, 2},
};

/* Bytes that would confuse a terminal are shown as <XX>: controls, the bidirectional overrides, what is not UTF-8. */
static bool unprintable(const char *s, int n) {
  int cp = code_point(s, n);
  return n == 0 || cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || (cp >= 0x202A && cp <= 0x202E) ||
         (cp >= 0x2066 && cp <= 0x2069);
}

static int screen_width(const char *s, int n, int column) {
  if (*s == '\t') return TAB - column % TAB;
  if (unprintable(s, n)) return 4 * (n ? n : 1);
  int cp = code_point(s, n);
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    if (cp >= wide[i].first && cp <= wide[i].last) return wide[i].width;
  return 1;
}

static Line line_of(const Ctx *c, Loc loc) {
  const Source *s = c->source[loc.file];
  int number = loc_line(c, loc), begin = s->line_start[number - 1], end = s->line_start[number];
  while (end > begin && (s->text[end - 1] == '\n' || s->text[end - 1] == '\r')) end--;
  Line l = {.text = s->text + begin, .len = end - begin};
  l.column = NEW_N(c->arena, int, l.len + 1);
  for (int i = 0; i < l.len;) {
    int n = utf8_length(l.text + i, (size_t)(l.len - i)), bytes = n ? n : 1;
    int width = screen_width(l.text + i, n, l.width);
    for (int k = 0; k < bytes; k++) l.column[i + k] = l.width;
    l.width += width;
    i += bytes;
  }
  l.column[l.len] = l.width;
  l.hi = l.width;
  int at = loc.begin - begin;
  int column = l.column[at < 0 ? 0 : at > l.len ? l.len : at];
  if (l.width > WINDOW) {
    l.lo = column > WINDOW - LEAD ? column - LEAD : 0;
    l.hi = l.lo + WINDOW < l.width ? l.lo + WINDOW : l.width;
  }
  return l;
}

static void print_line(const Line *l, FILE *to) {
  if (l->lo > 0) fputs("...", to);
  for (int i = 0; i < l->len;) {
    int n = utf8_length(l->text + i, (size_t)(l->len - i)), bytes = n ? n : 1;
    int width = (i + bytes <= l->len ? l->column[i + bytes] : l->width) - l->column[i];
    if (l->column[i] >= l->lo && l->column[i] + width <= l->hi) {
      if (l->text[i] == '\t')
        fprintf(to, "%*s", width, "");
      else if (unprintable(l->text + i, n))
        for (int k = 0; k < bytes; k++) fprintf(to, "<%02X>", (unsigned char)l->text[i + k]);
      else
        fwrite(l->text + i, 1, (size_t)bytes, to);
    }
    i += bytes;
  }
  fputs(l->hi < l->width ? "...\n" : "\n", to);
}

/* ---- marks under it ----------------------------------------------------------------------------------------- */

typedef struct {
  int from, to;
  const char *text;
} Mark; /* columns of the window; to > from */

static Mark mark_of(const Ctx *c, const Line *l, Loc loc, const char *text) {
  int begin = loc.begin - (int)(l->text - c->source[loc.file]->text), end = begin + (loc.end - loc.begin);
  begin = begin < 0 ? 0 : begin > l->len ? l->len : begin;
  end = end < begin ? begin : end > l->len ? l->len : end;
  int shift = l->lo > 0 ? 3 - l->lo : 0, last = l->hi + shift;
  Mark m = {l->column[begin] + shift, l->column[end] + shift, text};
  m.to = m.to > last ? last : m.to;
  m.from = m.from < 0 ? 0 : m.from > last ? last : m.from;
  m.to = m.to <= m.from ? m.from + 1 : m.to;
  return m;
}

static int by_column_down(const void *x, const void *y) {
  const Mark *a = x, *b = y;
  return a->from != b->from ? b->from - a->from : a->to - b->to;
}

typedef struct {
  const char *bold, *error, *warning, *note, *mark, *off;
} Paint;
static const Paint plain = {"", "", "", "", "", ""};
static const Paint clang_like = {"\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;36m", "\033[1;32m", "\033[0m"};

static const char gutter[] = "      | ";

/* Draws the line of `loc`, the caret and the notes that lie on the line: the rightmost one's text follows its mark, the
 * others stand below theirs, from right to left. */
static void snippet(const Ctx *c, FILE *to, const Paint *p, Loc loc, const DiagNote *notes) {
  Line l = line_of(c, loc);
  int number = loc_line(c, loc), count = 0, nmark = 0;
  for (const DiagNote *n = notes; n; n = n->next) count++;
  Mark *mark = NEW_N(c->arena, Mark, count + 1), caret = mark_of(c, &l, loc, NULL);
  int end = caret.to;
  for (const DiagNote *n = notes; n; n = n->next)
    if (!n->is_help && n->loc.file == loc.file && loc_line(c, n->loc) == number) {
      mark[nmark] = mark_of(c, &l, n->loc, n->text);
      end = mark[nmark].to > end ? mark[nmark].to : end;
      nmark++;
    }
  fprintf(to, "%5d | ", number);
  print_line(&l, to);
  char *row = arena_alloc(c->arena, (size_t)end + 1);
  memset(row, ' ', (size_t)end);
  for (int i = 0; i < nmark; i++) memset(row + mark[i].from, '~', (size_t)(mark[i].to - mark[i].from));
  memset(row + caret.from, '~', (size_t)(caret.to - caret.from));
  row[caret.from] = '^';
  qsort(mark, (size_t)nmark, sizeof *mark, by_column_down);
  int first = nmark && mark[0].to == end && mark[0].from >= caret.from ? 1 : 0;
  fprintf(to, "%s%s%s%s%s%s\n", gutter, p->mark, row, p->off, first ? " " : "", first ? mark[0].text : "");
  for (int i = first; i < nmark; i++) fprintf(to, "%s%*s%s\n", gutter, mark[i].from, "", mark[i].text);
}

static void place(const Ctx *c, FILE *to, const Paint *p, Loc loc) {
  if (loc.file < 0 || loc.file >= c->nsource)
    fprintf(to, "%sadc: %s", p->bold, p->off);
  else
    fprintf(to, "%s%s:%d:%d: %s", p->bold, c->source[loc.file]->name, loc_line(c, loc), loc_column(c, loc), p->off);
}

static void one(const Ctx *c, FILE *to, const Paint *p, const Diag *d) {
  bool error = d->severity == DIAG_ERROR, placed = d->loc.file >= 0 && d->loc.file < c->nsource;
  place(c, to, p, d->loc);
  fprintf(to, "%s%s[%c%04d]: %s%s%s%s\n", error ? p->error : p->warning, error ? "error" : "warning", error ? 'E' : 'W',
          d->code, p->off, p->bold, d->text, p->off);
  if (placed) snippet(c, to, p, d->loc, d->notes);
  for (const DiagNote *n = d->notes; n; n = n->next) {
    bool has_place = n->loc.file >= 0 && n->loc.file < c->nsource;
    if (n->is_help || (has_place && placed && n->loc.file == d->loc.file && loc_line(c, n->loc) == loc_line(c, d->loc)))
      continue;
    if (!has_place) {
      fprintf(to, "      = %snote:%s %s\n", p->note, p->off, n->text);
      continue;
    }
    place(c, to, p, n->loc);
    fprintf(to, "%snote: %s%s\n", p->note, p->off, n->text);
    snippet(c, to, p, n->loc, NULL);
  }
  for (const DiagNote *n = d->notes; n; n = n->next)
    if (n->is_help) fprintf(to, "      = %shelp:%s %s\n", p->note, p->off, n->text);
}

void diag_print_text(const Ctx *c, FILE *to, bool color) {
  int n;
  const Diag **sorted = diag_sorted(c, &n);
  for (int i = 0; i < n; i++) one(c, to, color ? &clang_like : &plain, sorted[i]);
  if (n && c->diags->full) fputs("adc: too many errors; the rest is not shown\n", to);
}
