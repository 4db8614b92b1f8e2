/* read_type.c - reading numbers, symbols, dimensions and types. */
#include "ir/read.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 200 };

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

bool read_int(Reader *r, int64_t *v, int64_t low, int64_t high) {
  Token at = r->tok;
  bool negative = take_punct(r, '-');
  if (r->tok.kind != T_NUMBER || !r->tok.is_int) return read_unexpected(r, "an integer");
  char *text = arena_printf(r->ctx->arena, "%s%s", negative ? "-" : "", token_text(r, r->tok));
  errno = 0;
  *v = strtoll(text, NULL, 10);
  if (errno || *v < low || *v > high)
    return read_fail(r, token_loc(r, at), E_READ_NUMBER, "%s is out of range here", text);
  next(r);
  return true;
}

bool read_number(Reader *r, Number *n) {
  Token at = r->tok;
  *n = (Number){.loc = token_loc(r, at)};
  if (is_word(r, "true") || is_word(r, "false")) {
    n->i = is_word(r, "true");
    n->kind = NUM_BOOL;
    next(r);
    return true;
  }
  bool negative = take_punct(r, '-');
  if (is_word(r, "inf") || is_word(r, "nan")) {
    n->f = is_word(r, "inf") ? (negative ? -INFINITY : INFINITY) : NAN;
    next(r);
    return true;
  }
  if (r->tok.kind != T_NUMBER) return read_unexpected(r, "a number");
  char *text = arena_printf(r->ctx->arena, "%s%s", negative ? "-" : "", token_text(r, r->tok));
  n->kind = r->tok.is_int ? NUM_INT : NUM_REAL;
  n->f = strtod(text, NULL);
  errno = 0;
  n->i = n->kind == NUM_INT ? strtoll(text, NULL, 10) : 0;
  if (errno) n->kind = NUM_REAL;
  n->loc = loc_join(n->loc, token_loc(r, r->tok));
  next(r);
  return true;
}

bool number_fits(Reader *r, const Number *n, Elem e, double *f, int64_t *i) {
  bool fits = elem_is_real(e) ? n->kind != NUM_BOOL : n->kind == (e == BOOL ? NUM_BOOL : NUM_INT);
  if (e == I32 && fits) fits = n->i >= INT32_MIN && n->i <= INT32_MAX;
  if (!fits) return read_fail(r, n->loc, E_READ_NUMBER, "this is no constant of type %s", elem_name(e));
  *f = e == F32 ? (double)(float)n->f : n->f;
  *i = n->i;
  return true;
}

/* ---- symbols ----------------------------------------------------------------------------------------------------- */

static bool same_symbol(const void *entry, const void *key) { return ((const Sym *)entry)->name == key; }

Sym *find_symbol(Reader *r, const char *name) {
  return interner_find(r->symbols, hash_bytes(HASH_SEED, name, strlen(name)), same_symbol, name);
}

bool define_symbol(Reader *r, Loc loc, const char *name, SymKind kind, Sym **s) {
  if (find_symbol(r, name)) return read_fail(r, loc, E_READ_TWICE, "the symbol %s is defined twice", name);
  *s = sym_new(r->ctx, kind, name, loc);
  interner_add(r->symbols, hash_bytes(HASH_SEED, name, strlen(name)), *s);
  return true;
}

/* ---- dimensions -------------------------------------------------------------------------------------------------- */

static bool read_extreme(Reader *r, bool max, Dim **d) {
  Dim *x, *y;
  if (!expect_punct(r, '(') || !read_dim(r, &x) || !expect_punct(r, ',') || !read_dim(r, &y) || !expect_punct(r, ')'))
    return false;
  *d = max ? dim_max(r->ctx, x, y) : dim_min(r->ctx, x, y);
  return true;
}

static bool read_atom(Reader *r, Dim **d) {
  Token at = r->tok;
  int64_t v;
  if (take_punct(r, '(')) return read_dim(r, d) && expect_punct(r, ')');
  if (r->tok.kind == T_NUMBER) {
    if (!read_int(r, &v, 0, INT64_MAX)) return false;
    *d = dim_const(r->ctx, v);
    return true;
  }
  const char *name;
  if (!expect_name(r, T_IDENT, "a dimension", &name)) return false;
  if ((strcmp(name, "max") == 0 || strcmp(name, "min") == 0) && is_punct(r, '('))
    return read_extreme(r, name[1] == 'a', d);
  Sym *s = find_symbol(r, name);
  if (!s) return read_fail(r, token_loc(r, at), E_READ_SYMBOL, "there is no symbol %s here", name);
  *d = dim_sym(r->ctx, s);
  return true;
}

static bool read_product(Reader *r, Dim **d) {
  if (!read_atom(r, d)) return false;
  for (;;) {
    char op = r->tok.kind == T_FLOORDIV ? 'f' : is_punct(r, '*') || is_punct(r, '/') ? r->tok.punct : 0;
    Token at = r->tok;
    Dim *x;
    if (!op) return true;
    next(r);
    if (!read_atom(r, &x)) return false;
    *d = op == '*' ? dim_mul(r->ctx, *d, x) : op == '/' ? dim_div(r->ctx, *d, x) : dim_floordiv(r->ctx, *d, x);
    if (!*d) return read_fail(r, token_loc(r, at), E_READ_OVERFLOW, "this dimension overflows, or is no polynomial");
  }
}

static bool read_sum(Reader *r, Dim **d) {
  bool negative = take_punct(r, '-');
  if (!read_product(r, d)) return false;
  if (negative) *d = dim_sub(r->ctx, dim_const(r->ctx, 0), *d);
  while (is_punct(r, '+') || is_punct(r, '-')) {
    bool minus = is_punct(r, '-');
    Dim *x;
    next(r);
    if (!read_product(r, &x)) return false;
    *d = minus ? dim_sub(r->ctx, *d, x) : dim_add(r->ctx, *d, x);
  }
  return true;
}

bool read_dim(Reader *r, Dim **d) {
  Token at = r->tok;
  if (++r->depth > MAX_DEPTH) return read_fail(r, token_loc(r, at), E_READ_DEPTH, "nested too deep");
  bool ok = read_sum(r, d);
  r->depth--;
  if (ok && !*d)
    return read_fail(r, token_loc(r, at), E_READ_OVERFLOW, "this dimension overflows, or is no polynomial");
  return ok;
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

bool read_type(Reader *r, Type **t) {
  int elem = 0, rank = 0;
  Dim *dims[MAX_RANK];
  while (elem < ELEM_COUNT && !is_word(r, elem_name((Elem)elem))) elem++;
  if (elem == ELEM_COUNT) return read_unexpected(r, "a type");
  next(r);
  if (take_punct(r, '[')) {
    do {
      if (rank == MAX_RANK) return read_fail(r, token_loc(r, r->tok), E_RANK, "a tensor has at most %d axes", MAX_RANK);
      if (!read_dim(r, &dims[rank++])) return false;
    } while (take_punct(r, ','));
    if (!expect_punct(r, ']')) return false;
  }
  *t = type_tensor(r->ctx, (Elem)elem, rank, dims);
  return true;
}
