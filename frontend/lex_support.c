/* lex_support.c - what the scanner's actions do: words, numbers, strings, and the diagnostics E01xx with their mends.
 * Requires: token text as it stands in the source.  Ensures: values in range; every fault is reported once. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/parse.h"
#include "frontend/grammar.h"

Diag *lex_error(Parser *p, Loc loc, int code, const char *text) {
  p->had_error = true;
  return diag_error(p->ctx, loc, code, "%s", text);
}

/* ---- the bytes ---------------------------------------------------------------------------------------------- */

enum { MOST_ENCODING_ERRORS = 5 }; /* a binary file is one mistake, not a thousand */

bool check_encoding(Parser *p) {
  const Source *s = p->src;
  int found = 0;
  for (size_t i = 0; i < s->len && found < MOST_ENCODING_ERRORS;) {
    int n = utf8_length(s->text + i, s->len - i);
    Loc loc = {p->file, (int)i, (int)i + 1};
    if (n == 0) {
      Diag *d =
          lex_error(p, loc, 102, arena_printf(p->ctx->arena, "byte 0x%02X is not UTF-8", (unsigned char)s->text[i]));
      diag_help(p->ctx, d, "save the file as UTF-8");
      found++;
    } else if (s->text[i] == 0) {
      lex_error(p, loc, 103, "a NUL byte");
      found++;
    }
    i += n ? (size_t)n : 1;
  }
  return found < MOST_ENCODING_ERRORS;
}

void lex_stray(Parser *p, const char *text, int len, Loc loc) {
  (void)len;
  unsigned char ch = (unsigned char)text[0];
  if (ch == 0) return; /* reported by check_encoding */
  if (ch < 0x20 || ch == 0x7F) {
    lex_error(p, loc, 103, arena_printf(p->ctx->arena, "a control character, 0x%02X", ch));
    return;
  }
  Diag *d = lex_error(p, loc, 108, arena_printf(p->ctx->arena, "'%c' has no meaning here", ch));
  if (ch == '\'')
    diag_help(p->ctx, d, "strings stand in double quotes; a transpose is written A.T");
  else if (ch == '?')
    diag_help(p->ctx, d, "a choice is written if c then a else b");
  else if (ch == '&' || ch == '|')
    diag_help(p->ctx, d, "write %s", ch == '&' ? "and" : "or");
}

/* ---- words -------------------------------------------------------------------------------------------------- */

static const struct {
  const char *word;
  int kind;
} keywords[] = {
    {"None", NONE},
    {"and", AND},
    {"assert", ASSERT},
    {"break", BREAK},
    {"by", BY},
    {"checkpoint", CHECKPOINT},
    {"continue", CONTINUE},
    {"derivative", DERIVATIVE},
    {"else", ELSE},
    {"extern", EXTERN},
    {"false", FALSE},
    {"fn", FN},
    {"for", FOR},
    {"if", IF},
    {"import", IMPORT},
    {"in", IN},
    {"let", LET},
    {"local", LOCAL},
    {"no_grad", NO_GRAD},
    {"not", NOT},
    {"or", OR},
    {"return", RETURN},
    {"struct", STRUCT},
    {"then", THEN},
    {"true", TRUE},
    {"var", VAR},
    {"while", WHILE},
};

int lex_word(Parser *p, const char *text, int len, const char **name) {
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
    if (!strncmp(keywords[i].word, text, (size_t)len) && !keywords[i].word[len]) return keywords[i].kind;
  *name = intern_n(p->ctx, text, (size_t)len);
  return NAME;
}

// clang-format off
/* Characters that look like ours, or that mathematics has and a keyboard has not; kind 0: a blank. */
static const struct { const char *text, *ascii; int kind; } lookalikes[] = {
    {"−", "-", '-'}, {"–", "-", '-'}, {"×", "*", '*'}, {"·", "*", '*'}, {"⋅", "*", '*'}, {"∗", "*", '*'}, {"÷", "/", '/'},
    {"∕", "/", '/'}, {"≤", "<=", LE}, {"≥", ">=", GE}, {"≠", "!=", NE}, {"→", "->", ARROW}, {"⇒", "=>", FAT_ARROW},
    {"∧", "and", AND}, {"∨", "or", OR}, {"¬", "not", NOT}, {"，", ",", ','}, {"；", ";", ';'}, {"：", ":", ':'},
    {"（", "(", '('}, {"）", ")", ')'}, {"…", "..", DOTDOT}, {"\u00A0", "a blank", 0}, {"\u2009", "a blank", 0},
    {"\u202F", "a blank", 0}, {"\u3000", "a blank", 0}, {"\u200B", "nothing", 0}, {"\uFEFF", "nothing", 0},
};

static const struct { const char *text, *mend; } letters[] = {
    {"α", "alpha"}, {"β", "beta"}, {"γ", "gamma"}, {"δ", "delta"}, {"ε", "eps"}, {"ζ", "zeta"}, {"η", "eta"}, {"θ", "theta"},
    {"κ", "kappa"}, {"λ", "lambda"}, {"μ", "mu"}, {"ν", "nu"}, {"ξ", "xi"}, {"π", "pi"}, {"ρ", "rho"}, {"σ", "sigma"},
    {"τ", "tau"}, {"φ", "phi"}, {"χ", "chi"}, {"ψ", "psi"}, {"ω", "omega"}, {"Γ", "Gamma"}, {"Δ", "Delta"}, {"Θ", "Theta"},
    {"Λ", "Lambda"}, {"Σ", "Sigma"}, {"Φ", "Phi"}, {"Ψ", "Psi"}, {"Ω", "Omega"}, {"∞", "inf"}, {"ᵀ", ".T"}, {"²", "** 2"},
    {"³", "** 3"}, {"√", "sqrt"}, {"∑", "sum"}, {"∏", "prod"}, {"∇", "grad"}, {"“", "\""}, {"”", "\""},
};

// clang-format on

static int lookalike(const char *text, int len) {
  for (size_t i = 0; i < sizeof lookalikes / sizeof *lookalikes; i++) {
    size_t n = strlen(lookalikes[i].text);
    if (n <= (size_t)len && !memcmp(lookalikes[i].text, text, n)) return (int)i;
  }
  return -1;
}

/* A word in which characters outside ASCII stand: cut before the first that is an operator; if that is at the
 * beginning, the operator.  Bytes that are not UTF-8 were reported before and are passed over. */
int lex_unicode(Parser *p, const char *text, int len, Loc *loc, const char **name, int *used) {
  Arena *arena = p->ctx->arena;
  int end = 0, first = -1;
  while (end < len && ((text[end] & 0x80) == 0 || lookalike(text + end, len - end) < 0)) {
    int n = utf8_length(text + end, (size_t)(len - end));
    if (n > 1 && first < 0) first = end;
    if (n == 0 && first < 0 && end > 0) break;
    end += n ? n : 1;
    if (n == 0 && first < 0) break;
  }
  if (end == 0) {
    int i = lookalike(text, len);
    *used = (int)strlen(lookalikes[i].text);
    loc->end = loc->begin + *used;
    if (!strcmp(lookalikes[i].text, "\uFEFF") && loc->begin == 0) return 0; /* a byte order mark */
    Diag *d =
        lex_error(p, *loc, 101, arena_printf(arena, "'%s' is not a character of the language", lookalikes[i].text));
    diag_help(p->ctx, d, "write %s", lookalikes[i].ascii);
    return lookalikes[i].kind;
  }
  *used = end;
  loc->end = loc->begin + end;
  if (first < 0) return (text[0] & 0x80) == 0 ? lex_word(p, text, end, name) : 0;
  int n = utf8_length(text + first, (size_t)(end - first));
  Loc at = {loc->file, loc->begin + first, loc->begin + first + n};
  Diag *d = lex_error(p, at, 101,
                      arena_printf(arena, "'%.*s': names are made of ASCII letters, digits and '_'", n, text + first));
  for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
    if (strlen(letters[i].text) == (size_t)n && !memcmp(letters[i].text, text + first, (size_t)n)) {
      diag_help(p->ctx, d, "write %s", letters[i].mend);
      break;
    }
  *name = intern_n(p->ctx, text, (size_t)end);
  return NAME;
}

/* ---- numbers and strings ------------------------------------------------------------------------------------ */

int lex_int(Parser *p, const char *text, int len, Loc loc, int64_t *value) {
  int64_t v = 0;
  bool fits = true;
  for (int i = 0; i < len; i++) {
    int digit = text[i] - '0';
    fits = fits && v <= (INT64_MAX - digit) / 10;
    v = fits ? v * 10 + digit : 0;
  }
  *value = v;
  if (!fits) {
    Diag *d = lex_error(p, loc, 105, "this int does not fit in 64 bits");
    diag_help(p->ctx, d, "the largest is 9223372036854775807; with '.0' behind it the number is real");
  }
  return INT;
}

double lex_real(Parser *p, const char *text, int len, Loc loc) {
  char *copy = arena_strndup(p->ctx->arena, text, (size_t)len), *end;
  double v = strtod(copy, &end);
  char *point = strchr(copy, '.');
  if (*end && point) { /* the program that we are part of has set a locale with another decimal point */
    *point = localeconv()->decimal_point[0];
    v = strtod(copy, &end);
  }
  if (v > 1.7976931348623157e308) {
    Diag *d = lex_error(p, loc, 109, "this number is larger than any real");
    diag_help(p->ctx, d, "the largest is 1.7976931348623157e308; infinity is written inf");
  }
  return v;
}

const char *lex_string(Parser *p, const char *text, int len, Loc loc) {
  char *s = arena_alloc(p->ctx->arena, (size_t)len + 1);
  int n = 0;
  for (int i = 0; i < len; i++) {
    if (text[i] != '\\') {
      s[n++] = text[i];
      continue;
    }
    static const char from[] = "nt\\\"", to[] = "\n\t\\\"";
    const char *at = memchr(from, text[++i], sizeof from - 1);
    if (at) {
      s[n++] = to[at - from];
      continue;
    }
    Loc here = {loc.file, loc.begin + i, loc.begin + i + 2};
    Diag *d = lex_error(p, here, 107, "unknown escape in a string");
    diag_help(p->ctx, d, "the escapes are \\n, \\t, \\\\ and \\\"");
  }
  return intern_n(p->ctx, s, (size_t)n);
}
