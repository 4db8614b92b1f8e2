/* dim_print.c - a dimension as .tdsl source.
 *
 * Ensures: the text depends on the symbols' names and their order alone, not on the order in which dimensions were
 * made: terms stand by falling degree, then as their symbols are ordered. */
#include "ir/internal.h"
#include <stdlib.h>
#include <string.h>

/* A factor as it is compared: symbols by their order, before compound atoms by their text. */
typedef struct {
  int order;
  const char *text;
  const Atom *atom;
} Factor;
typedef struct {
  int64_t coef;
  int nfactor;
  Factor *factor;
} Term;
typedef struct {
  int nterm;
  Term *term;
  int64_t den;
} Written;
typedef struct {
  Arena *arena;
  SymName *name;
  void *env;
} Style;

static const char *atom_text(const Style *s, const Atom *a);

static int compare_factors(const void *a, const void *b) {
  const Factor *x = a, *y = b;
  return x->order != y->order ? (x->order < y->order ? -1 : 1) : strcmp(x->text, y->text);
}

static int compare_terms(const void *a, const void *b) {
  const Term *x = a, *y = b;
  if (x->nfactor != y->nfactor) return y->nfactor - x->nfactor;
  for (int i = 0, order; i < x->nfactor; i++)
    if ((order = compare_factors(&x->factor[i], &y->factor[i]))) return order;
  return 0;
}

static Written written(const Style *s, const Dim *d) {
  Written w = {d->nterm, NEW_N(s->arena, Term, d->nterm), d->den};
  for (int i = 0; i < d->nterm; i++) {
    const Mono *m = &d->term[i];
    w.term[i] = (Term){m->coef, m->nfactor, NEW_N(s->arena, Factor, m->nfactor)};
    for (int j = 0; j < m->nfactor; j++) {
      Factor *f = &w.term[i].factor[j];
      f->atom = m->factor[j];
      f->order = INT32_MAX;
      f->text = f->atom->kind == ATOM_SYM ? s->name(s->env, f->atom->sym, &f->order) : atom_text(s, f->atom);
    }
    if (m->nfactor > 1) qsort(w.term[i].factor, (size_t)m->nfactor, sizeof(Factor), compare_factors);
  }
  if (w.nterm > 1) qsort(w.term, (size_t)w.nterm, sizeof(Term), compare_terms);
  return w;
}

static int compare_written(const Written *a, const Written *b) {
  for (int i = 0, order; i < a->nterm && i < b->nterm; i++) {
    if ((order = compare_terms(&a->term[i], &b->term[i]))) return order;
    if (a->term[i].coef != b->term[i].coef) return a->term[i].coef < b->term[i].coef ? -1 : 1;
  }
  return a->nterm != b->nterm ? a->nterm - b->nterm : a->den < b->den ? -1 : a->den > b->den;
}

/* Without its sign. */
static void print_term(Text *t, const Term *m, bool alone) {
  int64_t k = m->coef < 0 ? -m->coef : m->coef;
  if (k != 1 || m->nfactor == 0) text_add(t, "%lld", (long long)k);
  for (int i = 0; i < m->nfactor; i++) {
    bool paren = m->factor[i].atom->kind == ATOM_FLOORDIV && !(alone && k == 1 && m->nfactor == 1);
    text_add(t, "%s%s%s%s", i || k != 1 ? " * " : "", paren ? "(" : "", m->factor[i].text, paren ? ")" : "");
  }
}

static void print_written(Text *t, const Written *w) {
  if (w->nterm == 0) text_add(t, "0");
  /* A positive term first, so that `n - i` is not `-i + n`. */
  int first = 0;
  while (first < w->nterm && w->term[first].coef < 0) first++;
  if (first == w->nterm) first = 0;
  bool paren = w->den != 1 && (w->nterm > 1 || w->term[0].coef < 0);
  if (paren) text_add(t, "(");
  for (int i = 0; i < w->nterm; i++) {
    const Term *m = &w->term[i == 0 ? first : i <= first ? i - 1 : i];
    bool negative = m->coef < 0;
    text_add(t, "%s", i == 0 ? (negative ? "-" : "") : (negative ? " - " : " + "));
    print_term(t, m, w->den == 1 && !(i == 0 && negative));
  }
  if (paren) text_add(t, ")");
  if (w->den != 1) text_add(t, " / %lld", (long long)w->den);
}

/* As the operand of an operator that binds tighter than `+`. */
static void print_operand(Text *t, const Written *w) {
  bool one = w->nterm == 0;
  if (w->nterm == 1 && w->den == 1 && w->term[0].coef > 0) {
    const Term *m = &w->term[0];
    one = m->nfactor == 0 || (m->nfactor == 1 && m->coef == 1 && m->factor[0].atom->kind != ATOM_FLOORDIV);
  }
  if (!one) text_add(t, "(");
  print_written(t, w);
  if (!one) text_add(t, ")");
}

static const char *atom_text(const Style *s, const Atom *a) {
  Text t;
  text_init(&t, s->arena);
  Written x = written(s, a->a), y = written(s, a->b);
  if (a->kind == ATOM_FLOORDIV) {
    print_operand(&t, &x);
    text_add(&t, " // ");
    print_operand(&t, &y);
    return t.s;
  }
  bool swap = compare_written(&x, &y) > 0;
  text_add(&t, a->kind == ATOM_MAX ? "max(" : "min(");
  print_written(&t, swap ? &y : &x);
  text_add(&t, ", ");
  print_written(&t, swap ? &x : &y);
  text_add(&t, ")");
  return t.s;
}

void dim_print_named(Text *t, const Dim *d, SymName *name, void *env) {
  Style s = {t->arena, name, env};
  Written w = written(&s, d);
  print_written(t, &w);
}

const char *sym_own_name(void *env, const Sym *s, int *order) {
  (void)env;
  *order = s->id;
  return s->name;
}

void dim_print(Text *t, const Dim *d) { dim_print_named(t, d, sym_own_name, NULL); }
