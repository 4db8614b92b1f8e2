/* parse.c - between scanner and grammar: brackets, recovery, and parse_source.
 * Requires: a source of the context.  Ensures: the declarations that could be read; every unclosed bracket and every
 * syntax error that does not follow from an earlier one is reported; the whole file is read unless it nests too deeply.
 */
#include <string.h>

#include "frontend/parse.h"
#include "frontend/grammar.h"
#include "frontend/lexer.h"

int scan_token(YYSTYPE *value, YYLTYPE *loc, yyscan_t scanner);

enum { LARGEST_SOURCE = 1 << 28, MOST_EOF_ERRORS = 3 };

/* ---- brackets ----------------------------------------------------------------------------------------------- */

static bool is_opening(int kind) { return kind == '(' || kind == '[' || kind == '{'; }
static bool in_parens(const Parser *p) { return p->nbracket && p->bracket[p->nbracket - 1].kind != '{'; }

static int indentation(const Parser *p, int at) {
  const char *text = p->src->text;
  int line = at, n = 0;
  while (line > 0 && text[line - 1] != '\n') line--;
  while (text[line + n] == ' ' || text[line + n] == '\t') n++;
  return n;
}

static void pop(Parser *p) {
  p->nbracket--;
  p->nbrace -= p->bracket[p->nbracket].kind == '{';
}

static void close_parens(Parser *p) {
  while (in_parens(p)) pop(p);
}

/* Follows one token.  A closing bracket that fits none leaves the stack alone: the grammar reports it. */
static void track(Parser *p, int kind, Loc loc, bool first_on_line) {
  if (is_opening(kind)) {
    PUSH(p->ctx->arena, p->bracket, p->nbracket, p->bracket_cap) = (Bracket){kind, loc};
    p->nbrace += kind == '{';
  } else if (kind == '}' && p->nbrace) {
    close_parens(p);
    Bracket b = p->bracket[p->nbracket - 1];
    /* Closing further left than the line that opened it: rather the end of an outer block. */
    if (first_on_line && p->suspect.kind == 0 && indentation(p, loc.begin) < indentation(p, b.loc.begin))
      p->suspect = b;
    pop(p);
  } else if (kind == ')' || kind == ']') {
    int i = p->nbracket - 1, opening = kind == ')' ? '(' : '[';
    while (i >= 0 && p->bracket[i].kind != '{' && p->bracket[i].kind != opening) i--;
    if (i >= 0 && p->bracket[i].kind == opening)
      while (p->nbracket > i) pop(p);
  }
}

/* At the end of the file, or where a declaration begins a line while brackets are open: reports the bracket, and has
 * the missing '}' delivered before the token. */
static void close_all(Parser *p, int kind, Loc loc) {
  Bracket b = p->suspect.kind ? p->suspect : p->bracket[p->nbracket - 1];
  bool follows = (p->recovering && b.kind != '{') || p->swallowed;
  p->closing = p->recovering && p->recover_depth < p->nbrace ? p->recover_depth : p->nbrace;
  p->nbracket = p->nbrace = 0;
  p->suspect.kind = 0;
  p->recovering = p->swallowed = false;
  p->quiet = p->has_saved = true;
  p->saved = (Token){kind, loc};
  p->had_error = true;
  if (follows) return;
  Diag *d = diag_error(p->ctx, b.loc, 202, "this '%c' is never closed", b.kind);
  if (kind != YYEOF) diag_note(p->ctx, d, loc, "the next declaration begins here");
}

/* ---- recovery ----------------------------------------------------------------------------------------------- */

static bool declares(const Parser *p, int kind, Loc loc) {
  if (kind == FN) { /* and is no lambda */
    int i = loc.end;
    while (p->src->text[i] == ' ' || p->src->text[i] == '\t') i++;
    return p->src->text[i] != '(';
  }
  return kind == LOCAL || kind == EXTERN || kind == STRUCT || kind == IMPORT;
}

static bool only_begins(int kind) {
  return kind == LET || kind == VAR || kind == RETURN || kind == WHILE || kind == BREAK || kind == CONTINUE ||
         kind == ASSERT || kind == NO_GRAD || kind == CHECKPOINT;
}

/* Whether parsing can go on with this token after an error at brace depth `depth`. */
static bool synchronises(const Parser *p, int kind, Loc loc, bool first_on_line, int depth) {
  if (kind == YYEOF) return true;
  if (p->nbrace != depth) return false;
  if (depth == 0) return first_on_line && (declares(p, kind, loc) || kind == LET);
  if (kind == '}') return true;
  if (kind == ';') return !in_parens(p);
  return first_on_line && (only_begins(kind) || (!in_parens(p) && (kind == NAME || kind == IF || kind == FOR)));
}

Recovery recover(Parser *p) {
  if (p->last.kind == YYEOF) return ++p->eof_errors > MOST_EOF_ERRORS ? GIVE_UP : KEEP_TOKEN;
  bool again = p->recovered_serial == p->serial;
  p->recovered_serial = p->serial;
  if (p->too_deep) return GIVE_UP;
  if (p->synchronises && !again) return KEEP_TOKEN;
  p->recovering = true;
  p->recover_depth = p->brace_depth;
  return DROP_TOKEN;
}

/* ---- tokens ------------------------------------------------------------------------------------------------- */

void record_token(Parser *p, int kind, Loc loc) {
  if (p->record) PUSH(p->ctx->arena, p->token, p->ntoken, p->token_cap) = (Token){kind, loc};
}

static int deliver(Parser *p, int kind, Loc loc) {
  p->before_that = p->before;
  p->before = p->last;
  p->last = (Token){kind, loc};
  p->serial++;
  return kind;
}

/* A token that was saved begins before the end of what was scanned: it is a declaration at the margin, or the end. */
static bool begins_line(const Parser *p, int from, int to) {
  return from == 0 || to < from || memchr(p->src->text + from, '\n', (size_t)(to - from));
}

int next_token(YYSTYPE *value, YYLTYPE *loc, Parser *p) {
  for (;;) {
    int kind;
    if (p->closing > 0) {
      p->closing--;
      *loc = p->saved.loc;
      p->synchronises = true;
      p->brace_depth = p->closing + 1;
      return deliver(p, '}', *loc);
    }
    if (p->has_saved) {
      kind = p->saved.kind;
      *loc = p->saved.loc;
      p->has_saved = false;
    } else {
      kind = scan_token(value, loc, p->scanner);
      p->quiet = false;
      if (kind == YYEOF)
        *loc = (Loc){p->file, p->scanned, p->scanned};
      else
        record_token(p, kind, *loc);
    }
    bool first = begins_line(p, p->scanned, loc->begin);
    bool at_margin = loc->begin == 0 || p->src->text[loc->begin - 1] == '\n';
    p->scanned = loc->end;
    if (p->nbracket && (kind == YYEOF || (at_margin && declares(p, kind, *loc)))) {
      close_all(p, kind, *loc);
      continue;
    }
    if (p->recovering) {
      p->recover_depth = p->nbrace < p->recover_depth ? p->nbrace : p->recover_depth;
      if (!synchronises(p, kind, *loc, first, p->recover_depth)) {
        track(p, kind, *loc, first);
        continue;
      }
      p->recovering = false;
    }
    p->before_first = p->first_on_line;
    p->first_on_line = first;
    p->brace_depth = p->nbrace;
    p->synchronises = synchronises(p, kind, *loc, first, p->nbrace);
    p->enclosing = p->nbracket ? p->bracket[p->nbracket - 1] : (Bracket){0};
    if (first && only_begins(kind)) close_parens(p);
    track(p, kind, *loc, first);
    return deliver(p, kind, *loc);
  }
}

/* ---- the file ----------------------------------------------------------------------------------------------- */

Parser *parse_file(Ctx *c, int file, bool record) {
  Parser *p = NEW(c->arena, Parser);
  p->ctx = c;
  p->file = file;
  p->src = c->source[file];
  p->record = record;
  p->last = p->before = (Token){YYEOF, LOC_NONE};
  if (p->src->len > LARGEST_SOURCE) {
    lex_error(p, LOC_NONE, 110, arena_printf(c->arena, "%s is too large to be a program", p->src->name));
    return p;
  }
  if (record) p->starts = NEW_N(c->arena, bool, p->src->len + 1);
  if (!check_encoding(p)) return p;
  if (yylex_init_extra(p, &p->scanner)) bug("no scanner");
  if (!yy_scan_bytes(p->src->text, (int)p->src->len, p->scanner)) bug("no memory for the scanner");
  if (yyparse(p)) p->had_error = true;
  yylex_destroy(p->scanner);
  p->scanner = NULL;
  return p;
}

SourceFile *parse_source(Ctx *c, int file) {
  Parser *p = parse_file(c, file, false);
  SourceFile *f = NEW(c->arena, SourceFile);
  *f = (SourceFile){.file = file, .decls = p->decls, .had_error = p->had_error};
  return f;
}
