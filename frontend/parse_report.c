/* parse_report.c - the words of a syntax error: what stands there, behind what, what could stand there, and the mend of
 * mistakes that people who come from other languages make. Requires: the tokens that the grammar would take.  Ensures:
 * one diagnostic for each place. */
#include <string.h>

#include "frontend/parse.h"
#include "frontend/grammar.h"

enum { LONGEST_QUOTE = 24, MOST_EXPECTED = 5 };

/* What the grammar expects, as groups and single tokens. */
typedef struct {
  const char *const *name;
  int n;
} Expected;

static bool has(const Expected *e, const char *name) {
  for (int i = 0; i < e->n; i++)
    if (!strcmp(e->name[i], name)) return true;
  return false;
}

typedef struct {
  Parser *p;
  int kind, before;
  bool same_line;
  Expected expected;
} Situation;

static bool word_is(const Parser *p, Token t, const char *words) {
  if (t.kind != NAME) return false;
  size_t len = (size_t)(t.loc.end - t.loc.begin);
  const char *text = p->src->text + t.loc.begin;
  for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ')
    if (strcspn(w, " ") == len && !memcmp(w, text, len)) return true;
  return false;
}

static bool compares(int kind) {
  return kind == '<' || kind == '>' || kind == LE || kind == GE || kind == EQ || kind == NE;
}

static bool ends_operand(int kind) {
  return kind == NAME || kind == INT || kind == REAL || kind == STRING || kind == TRUE || kind == FALSE ||
         kind == ')' || kind == ']';
}

/* A word of the language, by its first letter: punctuation is no word. */
static bool is_keyword(const Parser *p, Token t) {
  unsigned char c = t.kind != YYEOF && t.kind != NAME ? (unsigned char)p->src->text[t.loc.begin] : 0;
  return (c >= 'a' && c <= 'z') || c == 'N';
}

static const char *quote(Parser *p, Token t) {
  if (t.kind == YYEOF) return "the end of the file";
  int len = t.loc.end - t.loc.begin, shown = 0;
  const char *text = p->src->text + t.loc.begin;
  while (shown < len && shown < LONGEST_QUOTE) {
    int n = utf8_length(text + shown, (size_t)(len - shown));
    shown += n ? n : 1;
  }
  return arena_printf(p->ctx->arena, "'%.*s%s'", shown, text, shown < len ? "..." : "");
}

static const char *mend(const Situation *s) {
  Parser *p = s->p;
  const Expected *e = &s->expected;
  bool in_expr = has(e, "'@'"), at_stmt = has(e, "'while'"), at_decl = has(e, "'struct'");
  if (word_is(p, p->last, "def func function fun proc") || word_is(p, p->before, "def func function fun proc"))
    return "a function begins with fn: fn f(x: real) -> real = x";
  if (word_is(p, p->last, "elif elsif elseif") || word_is(p, p->before, "elif elsif elseif")) return "write else if";
  if (word_is(p, p->before, "const val auto final")) return "a name is bound by let, a variable by var";
  if (word_is(p, p->before, "lambda")) return "a function without a name is written fn(x) => e";
  if (s->kind == FLOORDIV && (!s->same_line || at_stmt || at_decl)) return "a comment begins with #";
  if (s->kind == '=' && in_expr) return "to compare, write ==";
  if (s->kind == EQ && has(e, "'='")) return "a name is bound by =";
  if (s->kind == LE && has(e, "'<'")) return "the bound is exclusive: write i < n + 1";
  if (s->kind == '{' && has(e, "'..'")) return "a range has two ends: for i in 0..n";
  if (s->kind == ':' && has(e, "'{'")) return "a block stands in braces: { ... }";
  if (s->kind == THEN && has(e, "'{'"))
    return "the statement is if c { ... } else { ... }; if c then a else b is an expression";
  if (s->kind == FN && at_stmt) return "functions are declared outside of others; inside, write let g = fn(x) => e";
  if (has(e, "'+='")) return "a statement that begins with a name assigns to it: x = e";
  if (s->kind == ',' && at_stmt) return "several values are a tuple: (a, b)";
  if (at_stmt && s->same_line && (s->kind == NAME || s->kind == INT || s->kind == REAL) && ends_operand(s->before))
    return "a product is written a * b";
  if (at_stmt && (s->kind == INT || s->kind == REAL || s->kind == STRING || s->kind == NOT))
    return "an expression is not a statement; name its value: let y = e";
  if (at_decl && !has(e, "'derivative'") &&
      (s->kind == VAR || s->kind == RETURN || s->kind == IF || s->kind == FOR || s->kind == WHILE || s->kind == NAME))
    return "at this level stand fn, let, struct and import; statements stand inside functions";
  if (s->kind == ',' && has(e, "':'") == false && has(e, "'}'") && has(e, "';'"))
    return "fields are separated by ';' or a new line";
  if (has(e, "a name") && !has(e, "an int") && !at_stmt && is_keyword(p, p->last))
    return arena_printf(p->ctx->arena, "%s is a word of the language; take another name", quote(p, p->last));
  return NULL;
}

/* ---- the text ----------------------------------------------------------------------------------------------- */

// clang-format off
/* Tokens that one word says; the group stands when its key is expected. */
static const struct { const char *word, *key; const char *member[24]; } groups[] = {
    {"an expression", "an int",
     {"a name", "an int", "a number", "a string", "'true'", "'false'", "'('", "'['", "'-'", "'not'", "'if'", "'fn'"}},
    {"a statement", "'while'",
     {"'let'", "'var'", "'if'", "'for'", "'while'", "'break'", "'continue'", "'return'", "'assert'", "'no_grad'", "'checkpoint'",
      "a name", "';'"}},
    {"a declaration", "'struct'", {"'fn'", "'local'", "'extern'", "'struct'", "'import'", "'let'", "';'"}},
    {NULL, "'@'",
     {"'+'", "'-'", "'*'", "'/'", "'%'", "'@'", "'//'", "'**'", "'<'", "'>'", "'<='", "'>='", "'=='", "'!='", "'and'", "'or'",
      "'('", "'['", "'.'"}},
    {"an assignment", "'+='", {"'='", "'+='", "'-='", "'*='", "'/='", "','", "'('", "'['", "'.'"}},
};
// clang-format on
enum { NGROUP = sizeof groups / sizeof *groups, OPERATORS = 3 };

static bool in_group(int g, const char *name) {
  for (int i = 0; i < 24 && groups[g].member[i]; i++)
    if (!strcmp(groups[g].member[i], name)) return true;
  return false;
}

static const char *expectation(Parser *p, const Expected *e) {
  const char *item[MOST_EXPECTED];
  bool present[NGROUP];
  int n = 0;
  for (int g = 0; g < NGROUP; g++) {
    present[g] = has(e, groups[g].key);
    if (present[g] && groups[g].word && n < MOST_EXPECTED) item[n++] = groups[g].word;
  }
  for (int i = 0; i < e->n; i++) {
    bool grouped = false;
    for (int g = 0; g < NGROUP; g++) grouped = grouped || (present[g] && in_group(g, e->name[i]));
    if (grouped) continue;
    if (n == MOST_EXPECTED) return "";
    item[n++] = strcmp(e->name[i], "end of file") ? e->name[i] : "the end of the file";
  }
  if (present[OPERATORS] && n < MOST_EXPECTED) item[n++] = "an operator";
  Text t;
  text_init(&t, p->ctx->arena);
  for (int i = 0; i < n; i++) text_add(&t, "%s%s", i == 0 ? ": expected " : i + 1 < n ? ", " : " or ", item[i]);
  return n ? t.s : "";
}

void report_syntax(Parser *p, Loc loc, const char *const *expected, int n) {
  p->had_error = true;
  bool again = p->error_serial == p->serial;
  p->error_serial = p->serial;
  if (again || p->quiet) return;
  Situation s = {p, p->last.kind, p->before.kind, !p->first_on_line, {expected, n}};
  if (compares(s.kind) && ends_operand(s.before) && has(&s.expected, "'@'") && !has(&s.expected, "'<'")) {
    Diag *d = diag_error(p->ctx, loc, 204, "comparisons do not chain");
    diag_help(p->ctx, d, "join two of them: a < b and b < c");
    return;
  }
  /* `2 x` ends a statement and begins another; the fault shows only behind it. */
  if (has(&s.expected, "'+='") && s.before == NAME && !p->before_first && ends_operand(p->before_that.kind)) {
    Diag *d = diag_error(p->ctx, p->before.loc, 201, "unexpected %s after %s: expected an operator",
                         quote(p, p->before), quote(p, p->before_that));
    diag_help(p->ctx, d, "a product is written a * b");
    return;
  }
  const char *after = p->before.kind == YYEOF ? "" : arena_printf(p->ctx->arena, " after %s", quote(p, p->before));
  Diag *d = diag_error(p->ctx, loc, 201, "unexpected %s%s%s", s.kind == YYEOF ? "end of the file" : quote(p, p->last),
                       after, expectation(p, &s.expected));
  bool closing = s.kind == '}' || s.kind == ')' || s.kind == ']';
  if ((p->enclosing.kind == '(' || p->enclosing.kind == '[') && (!s.same_line || closing))
    diag_note(p->ctx, d, p->enclosing.loc, "this '%c' is open", p->enclosing.kind);
  const char *help = mend(&s);
  if (help) diag_help(p->ctx, d, "%s", help);
}
