/* format.c - `adc fmt`: the text of a file laid out afresh, from its tokens and comments.
 * Requires: a text that parses; the parser says where statements, declarations and fields begin.
 * Ensures: the same tokens in the same order (but for ';' between statements), every comment; formatting again changes
 * nothing.
 *
 * One statement a line, two blanks a level.  A block of at most one statement that stood on one line stays there.
 * Inside a statement lines break where the user broke them: after an open bracket aligned to it, otherwise one level
 * deeper. */
#include <string.h>

#include "frontend/frontend.h"
#include "frontend/parse.h"
#include "frontend/grammar.h"

enum { INDENT = 2, NOTHING = -1 };

typedef struct {
  int kind;
  Loc loc;
  int newlines;  /* in the source, before it */
  bool start;    /* of a statement, declaration or field */
  bool unary;    /* '-' as a prefix */
  bool tight;    /* an operator within a slice: 1:n-1 */
  bool one_line; /* '{' or '}' of a block that stays on its line */
  int enclosing; /* index of the innermost open bracket, or NOTHING */
  int match;     /* of a bracket */
} Piece;

typedef struct {
  int align; /* column that continuation lines go to, or NOTHING: one level deeper than base */
  int base;
} Level;

typedef struct {
  Arena *arena;
  const char *text;
  Piece *piece;
  int n, cap;
  Text out;
  int column, indent; /* of the line being written */
  Level *level;       /* one for each open bracket */
  int nlevel, level_cap;
  int *open; /* indices of open brackets, beside level */
} Format;

/* ---- what the tokens are ------------------------------------------------------------------------------------ */

static bool is_opening(int kind) { return kind == '(' || kind == '[' || kind == '{'; }
static bool is_closing(int kind) { return kind == ')' || kind == ']' || kind == '}'; }

static bool ends_operand(int kind) {
  return kind == NAME || kind == INT || kind == REAL || kind == STRING || kind == TRUE || kind == FALSE ||
         kind == NONE || kind == ')' || kind == ']' || kind == '}';
}

static bool is_operator(int kind) {
  return (kind < 128 && kind > 0 && strchr("+-*/%@<>", kind)) || kind == POW || kind == FLOORDIV || kind == LE ||
         kind == GE || kind == EQ || kind == NE;
}

static int kind_at(const Format *f, int i) { return i >= 0 && i < f->n ? f->piece[i].kind : NOTHING; }

static int count_newlines(const char *text, int from, int to) {
  int n = 0;
  for (int i = from; i < to; i++) n += text[i] == '\n';
  return n;
}

/* Takes the tokens over, without the ';' between statements, and pairs the brackets. */
static void take_tokens(Format *f, const Parser *p) {
  int *open = NEW_N(f->arena, int, p->ntoken + 1), nopen = 0, end = 0;
  for (int i = 0; i < p->ntoken; i++) {
    Token t = p->token[i];
    int enclosing = nopen ? open[nopen - 1] : NOTHING;
    if (t.kind == ';' && (enclosing == NOTHING || f->piece[enclosing].kind == '{')) continue;
    Piece piece = {.kind = t.kind, .loc = t.loc, .enclosing = enclosing, .match = NOTHING};
    piece.newlines = count_newlines(f->text, end, t.loc.begin);
    piece.start = t.kind != COMMENT_TOKEN && p->starts[t.loc.begin];
    end = t.loc.end;
    if (is_closing(t.kind) && nopen) {
      piece.match = open[--nopen];
      piece.enclosing = f->piece[piece.match].enclosing;
      f->piece[piece.match].match = f->n;
    }
    if (is_opening(t.kind)) open[nopen++] = f->n;
    PUSH(f->arena, f->piece, f->n, f->cap) = piece;
  }
}

/* The operators of an element of a subscript that is a slice stand without blanks. */
static void mark_tight(Format *f, int bracket) {
  int from = bracket + 1;
  bool slice = false;
  for (int i = from; i <= f->piece[bracket].match; i++) {
    bool direct = f->piece[i].enclosing == bracket;
    if (i < f->piece[bracket].match && !(direct && f->piece[i].kind == ',')) {
      slice = slice || (direct && f->piece[i].kind == ':');
      continue;
    }
    for (int k = from; k < i && slice; k++)
      f->piece[k].tight = f->piece[k].enclosing == bracket && is_operator(f->piece[k].kind);
    from = i + 1;
    slice = false;
  }
}

/* Innermost blocks first: one that is broken breaks those around it. */
static void mark_one_line(Format *f, int brace) {
  Piece *open = &f->piece[brace], *close = &f->piece[open->match];
  bool empty = open->match == brace + 1, broken = count_newlines(f->text, open->loc.end, close->loc.begin) > 0;
  int starts = 0, head = brace;
  while (head > 0 && !f->piece[head].start) head--;
  for (int i = brace + 1; i < open->match; i++) {
    starts += f->piece[i].start && f->piece[i].enclosing == brace;
    broken = broken || f->piece[i].kind == COMMENT_TOKEN || (f->piece[i].kind == '{' && !f->piece[i].one_line);
  }
  open->one_line = close->one_line = empty || (!broken && (starts <= 1 || f->piece[head].kind == STRUCT));
}

static void classify(Format *f) {
  int before = NOTHING; /* the last kind that is no comment */
  for (int i = 0; i < f->n; i++) {
    if (f->piece[i].kind == '-') f->piece[i].unary = !ends_operand(before);
    before = f->piece[i].kind == COMMENT_TOKEN ? before : f->piece[i].kind;
  }
  for (int i = f->n - 1; i >= 0; i--) {
    if (f->piece[i].kind == '[') mark_tight(f, i);
    if (f->piece[i].kind == '{') mark_one_line(f, i);
  }
}

/* ---- blanks and breaks -------------------------------------------------------------------------------------- */

static bool tight_bracket(const Format *f, int i) {
  int a = kind_at(f, i - 1);
  if (f->piece[i].kind == '[') return ends_operand(a);
  return f->piece[i].kind == '(' && (ends_operand(a) || a == FN || a == ASSERT || a == CHECKPOINT || a == DERIVATIVE);
}

static int context(const Format *f, int i) {
  int enclosing = f->piece[i].enclosing;
  return enclosing == NOTHING ? NOTHING : f->piece[enclosing].kind;
}

/* Whether a blank stands between piece i - 1 and piece i, on one line. */
static bool blank_before(const Format *f, int i) {
  int a = kind_at(f, i - 1), b = kind_at(f, i);
  if (a == '{' || b == '}') return a != '{' || b != '}';
  if (a == '(' || a == '[' || b == ')' || b == ']' || b == ',' || b == ';' || tight_bracket(f, i)) return false;
  if (a == ',' || a == ';') return true;
  if (a == '.' || b == '.' || a == DOTDOT || b == DOTDOT || f->piece[i - 1].unary) return false;
  if (b == ':') return false;
  if (a == ':') return context(f, i - 1) != '[';
  if (a == '=' || b == '=') return context(f, a == '=' ? i - 1 : i) != '(';
  return !(f->piece[i - 1].tight || f->piece[i].tight);
}

static bool joins_next(int kind) {
  return kind == FN || kind == LET || kind == VAR || kind == LOCAL || kind == EXTERN || kind == STRUCT ||
         kind == IMPORT || kind == '.' || kind == DOTDOT;
}

static bool breaks_before(const Format *f, int i) {
  const Piece *b = &f->piece[i];
  int a = kind_at(f, i - 1);
  if (a == NOTHING) return false;
  if (a == COMMENT_TOKEN) return true;
  if (b->kind == COMMENT_TOKEN) return b->newlines > 0;
  if (b->start) return b->enclosing == NOTHING || !f->piece[b->enclosing].one_line;
  if (b->kind == '}') return !b->one_line;
  if (b->kind == '{' || b->kind == ',' || b->kind == ';' || b->kind == '.' || b->kind == DOTDOT ||
      tight_bracket(f, i) || (b->kind == ELSE && a == '}') || joins_next(a))
    return false;
  return b->newlines > 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void write_text(Format *f, const char *s, int len) {
  text_addn(&f->out, s, (size_t)len);
  for (int i = 0; i < len; i++) f->column += ((unsigned char)s[i] & 0xC0) != 0x80;
}

static int block_indent(const Format *f) {
  for (int i = f->nlevel - 1; i >= 0; i--)
    if (f->piece[f->open[i]].kind == '{') return f->level[i].base + INDENT;
  return 0;
}

static int kind_before(const Format *f, int i) {
  do i--;
  while (kind_at(f, i) == COMMENT_TOKEN);
  return kind_at(f, i);
}

/* Where a line goes that begins with piece i. */
static int indent_of(const Format *f, int i) {
  while (kind_at(f, i) == COMMENT_TOKEN) i++;
  const Level *top = f->nlevel ? &f->level[f->nlevel - 1] : NULL;
  int kind = kind_at(f, i);
  bool within_parens = top && f->piece[f->open[f->nlevel - 1]].kind != '{';
  if (kind == NOTHING) return 0;
  if (f->piece[i].start) return block_indent(f);
  if (within_parens) return top->align != NOTHING ? top->align : is_closing(kind) ? top->base : top->base + INDENT;
  if (kind == DERIVATIVE || kind == '{' || (kind == ELSE && kind_before(f, i) == '}')) return block_indent(f);
  return block_indent(f) + INDENT;
}

static int line_indent(const Format *f, int i) {
  const Piece *b = &f->piece[i];
  if (b->kind == '}') return f->level[f->nlevel - 1].base;
  int next = i;
  while (kind_at(f, next) == COMMENT_TOKEN) next++;
  bool ends_block = kind_at(f, next) == '}';
  return ends_block ? block_indent(f) : indent_of(f, i);
}

static void new_line(Format *f, int i) {
  const Piece *b = &f->piece[i];
  int a = kind_at(f, i - 1);
  bool in_parens = f->nlevel && f->piece[f->open[f->nlevel - 1]].kind != '{';
  bool may_part = (b->start || b->kind == COMMENT_TOKEN) && !in_parens && a != '{';
  f->indent = line_indent(f, i);
  text_add(&f->out, b->newlines > 1 && may_part ? "\n\n%*s" : "\n%*s", f->indent, "");
  f->column = f->indent;
}

static void open_level(Format *f, int i) {
  bool brace = f->piece[i].kind == '{', in_parens = f->nlevel && f->piece[f->open[f->nlevel - 1]].kind != '{';
  bool hangs = i + 1 >= f->n || breaks_before(f, i + 1) || f->piece[i + 1].kind == COMMENT_TOKEN;
  Level l = {.align = brace || hangs ? NOTHING : f->column, .base = brace && !in_parens ? block_indent(f) : f->indent};
  f->open[f->nlevel] = i;
  PUSH(f->arena, f->level, f->nlevel, f->level_cap) = l;
}

static void write_piece(Format *f, int i) {
  Piece *b = &f->piece[i];
  int len = b->loc.end - b->loc.begin;
  const char *s = f->text + b->loc.begin;
  if (breaks_before(f, i))
    new_line(f, i);
  else if (b->kind == COMMENT_TOKEN)
    write_text(f, "  ", i ? 2 : 0);
  else if (b->start && kind_at(f, i - 1) != '{' && i)
    write_text(f, "; ", 2);
  else if (i && blank_before(f, i))
    write_text(f, " ", 1);
  if (b->kind == COMMENT_TOKEN)
    while (len > 0 && strchr(" \t\r\f\v", s[len - 1])) len--;
  if (is_closing(b->kind) && f->nlevel) f->nlevel--;
  write_text(f, s, len);
  if (is_opening(b->kind)) open_level(f, i);
}

char *frontend_format(Ctx *c, const char *name, const char *text, size_t len) {
  Parser *p = parse_file(c, source_add(c, name, text, len), true);
  if (p->had_error) return NULL;
  Format f = {.arena = c->arena, .text = p->src->text};
  text_init(&f.out, c->arena);
  take_tokens(&f, p);
  classify(&f);
  f.open = NEW_N(c->arena, int, f.n + 1);
  for (int i = 0; i < f.n; i++) write_piece(&f, i);
  if (f.n) text_add(&f.out, "\n");
  return f.out.s;
}
