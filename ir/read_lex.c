/* read_lex.c - the tokens of IR text.  A comment goes from # to the end of its line. */
#include "ir/read.h"
#include <string.h>

static bool letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || (ch & 0x80); }
static bool digit(char ch) { return ch >= '0' && ch <= '9'; }
static bool in_name(char ch) { return letter(ch) || digit(ch) || ch == '.'; }

static int skip_blank(const Reader *r, int at) {
  for (; at < r->end; at++) {
    if (r->text[at] == '#')
      while (at < r->end && r->text[at] != '\n') at++;
    if (at == r->end || !strchr(" \t\r\n", r->text[at]) || !r->text[at]) break;
  }
  return at;
}

static int scan_number(const Reader *r, int at, bool *is_int) {
  *is_int = true;
  while (at < r->end && digit(r->text[at])) at++;
  if (at < r->end && r->text[at] == '.') {
    *is_int = false;
    for (at++; at < r->end && digit(r->text[at]);) at++;
  }
  if (at < r->end && (r->text[at] == 'e' || r->text[at] == 'E')) {
    int sign = at + 1 < r->end && (r->text[at + 1] == '+' || r->text[at + 1] == '-');
    if (at + 1 + sign < r->end && digit(r->text[at + 1 + sign])) {
      *is_int = false;
      for (at += 1 + sign; at < r->end && digit(r->text[at]);) at++;
    }
  }
  return at;
}

static int scan_string(const Reader *r, int at) {
  for (at++; at < r->end && r->text[at] != '"' && r->text[at] != '\n'; at++)
    if (r->text[at] == '\\' && at + 1 < r->end) at++;
  return at < r->end && r->text[at] == '"' ? at + 1 : -1;
}

static int scan_name(const Reader *r, int at) {
  while (at < r->end && in_name(r->text[at])) at++;
  return at;
}

void next(Reader *r) {
  int at = skip_blank(r, r->tok.end);
  r->taken_end = r->tok.end;
  Token t = {.kind = T_END, .begin = at, .end = at};
  if (at < r->end) {
    char ch = r->text[at], ch2 = at + 1 < r->end ? r->text[at + 1] : 0;
    t.kind = T_PUNCT;
    t.punct = ch;
    t.end = at + 1;
    if (letter(ch)) {
      t.kind = T_IDENT;
      t.end = scan_name(r, at);
      t.name = intern_n(r->ctx, r->text + at, (size_t)(t.end - at));
    } else if ((ch == '%' || ch == '@') && in_name(ch2)) {
      t.kind = ch == '%' ? T_VALUE : T_FUNC;
      t.end = scan_name(r, at + 1);
      t.name = intern_n(r->ctx, r->text + at + 1, (size_t)(t.end - at - 1));
    } else if (digit(ch)) {
      t.kind = T_NUMBER;
      t.end = scan_number(r, at, &t.is_int);
    } else if (ch == '"') {
      int end = scan_string(r, at);
      t.kind = end < 0 ? T_BAD : T_STRING;
      if (end > 0) t.end = end;
    } else if ((ch == '-' && ch2 == '>') || (ch == '/' && ch2 == '/')) {
      t.kind = ch == '-' ? T_ARROW : T_FLOORDIV;
      t.end = at + 2;
    } else if (!ch || !strchr("(){}[],;:=+-*/", ch))
      t.kind = T_BAD;
  }
  r->tok = t;
}

Loc token_loc(const Reader *r, Token t) { return (Loc){r->file, t.begin, t.end > t.begin ? t.end : t.begin}; }

const char *token_text(const Reader *r, Token t) {
  return arena_strndup(r->ctx->arena, r->text + t.begin, (size_t)(t.end - t.begin));
}

bool is_punct(const Reader *r, char ch) { return r->tok.kind == T_PUNCT && r->tok.punct == ch; }
bool is_word(const Reader *r, const char *word) { return r->tok.kind == T_IDENT && strcmp(r->tok.name, word) == 0; }

bool take_punct(Reader *r, char ch) {
  if (!is_punct(r, ch)) return false;
  next(r);
  return true;
}

bool take_word(Reader *r, const char *word) {
  if (!is_word(r, word)) return false;
  next(r);
  return true;
}

bool read_fail(Reader *r, Loc loc, int code, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  diag_error(r->ctx, loc, code, "%s", text);
  return false;
}

bool read_unexpected(Reader *r, const char *wanted) {
  static const char *const bad = "a character or string that IR text has not";
  if (r->tok.kind == T_END)
    return read_fail(r, token_loc(r, r->tok), E_READ_SYNTAX, "expected %s, found the end", wanted);
  if (r->tok.kind == T_BAD)
    return read_fail(r, token_loc(r, r->tok), E_READ_SYNTAX, "expected %s, found %s", wanted, bad);
  return read_fail(r, token_loc(r, r->tok), E_READ_SYNTAX, "expected %s, found '%.60s'", wanted, token_text(r, r->tok));
}

bool expect_punct(Reader *r, char ch) { return take_punct(r, ch) || read_unexpected(r, (char[]){'\'', ch, '\'', 0}); }

bool expect_name(Reader *r, TokenKind kind, const char *what, const char **name) {
  if (r->tok.kind != kind) return read_unexpected(r, what);
  *name = r->tok.name;
  next(r);
  return true;
}

bool read_string(Reader *r, const char **text) {
  if (r->tok.kind != T_STRING) return read_unexpected(r, "a string");
  Text t;
  text_init(&t, r->ctx->arena);
  for (int i = r->tok.begin + 1; i < r->tok.end - 1; i++) {
    char ch = r->text[i];
    if (ch == '\\') ch = r->text[++i] == 'n' ? '\n' : r->text[i];
    text_addn(&t, &ch, 1);
  }
  *text = t.s;
  next(r);
  return true;
}
