/* cmd_print.c - results as text: PyTorch's layout of tensors, and JSON at full precision. */
#include "driver/driver.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double element(Elem e, const void *data, int64_t k) {
  switch (e) {
  case F64: return ((const double *)data)[k];
  case F32: return (double)((const float *)data)[k];
  case I64: return (double)((const int64_t *)data)[k];
  case I32: return ((const int32_t *)data)[k];
  default: return ((const unsigned char *)data)[k];
  }
}

/* ---- as PyTorch prints: torch/_tensor_str.py, with its defaults ------------------------------------------------------------ */

enum { PRECISION = 4, SUMMARISE_ABOVE = 1000, EDGE = 3, LINE_WIDTH = 80 };

typedef struct Layout {
  Elem e;
  int rank;
  const int64_t *dim;
  const void *data;
  bool whole, scientific; /* every finite element is a whole number; exponents are needed */
  bool summarise;
  int width, indent;
  FILE *to;
} Layout;

static void format_element(const Layout *l, int64_t k, char *s, size_t n) {
  double v = element(l->e, l->data, k);
  if (l->e == BOOL) snprintf(s, n, v != 0 ? "True" : "False");
  else if (l->e == I64) snprintf(s, n, "%lld", (long long)((const int64_t *)l->data)[k]);
  else if (l->e == I32) snprintf(s, n, "%d", (int)v);
  else if (isnan(v)) snprintf(s, n, "nan");
  else if (isinf(v)) snprintf(s, n, v > 0 ? "inf" : "-inf");
  else if (l->scientific) snprintf(s, n, "%.*e", PRECISION, v);
  else if (l->whole) snprintf(s, n, "%.0f.", v);
  else snprintf(s, n, "%.*f", PRECISION, v);
}

/* Whether position i of an axis is left out of a summary. */
static bool elided(const Layout *l, int axis, int64_t i) {
  return l->summarise && l->dim[axis] > 2 * EDGE && i >= EDGE && i < l->dim[axis] - EDGE;
}

typedef struct Range { double least, most; bool whole; int width; } Range;

static void visit(Layout *l, int axis, int64_t at, Range *r, bool measure_width) {
  if (axis < l->rank) {
    for (int64_t i = 0; i < l->dim[axis]; i++)
      if (!elided(l, axis, i)) visit(l, axis + 1, at * l->dim[axis] + i, r, measure_width);
    return;
  }
  if (measure_width) {
    char s[64];
    format_element(l, at, s, sizeof s);
    if ((int)strlen(s) > r->width) r->width = (int)strlen(s);
    return;
  }
  double v = fabs(element(l->e, l->data, at));
  if (!isfinite(v)) return;
  r->whole &= v == ceil(v);
  if (v == 0) return;
  if (v < r->least) r->least = v;
  if (v > r->most) r->most = v;
}

static void choose_format(Layout *l) {
  Range r = {.least = INFINITY, .whole = true};
  visit(l, 0, 0, &r, false);
  l->whole = r.whole;
  if (r.most > 0) {
    bool wide = r.most / r.least > 1000 || r.most > 1e8;
    l->scientific = wide || (!r.whole && r.least < 1e-4);
  }
  visit(l, 0, 0, &r, true);
  l->width = r.width;
}

static void print_row(const Layout *l, int axis, int64_t at, int depth) {
  int per_line = (LINE_WIDTH - l->indent - depth) / (l->width + 2), column = 0;
  if (per_line < 1) per_line = 1;
  bool dots = false;
  for (int64_t i = 0; i < l->dim[axis]; i++) {
    if (elided(l, axis, i) && dots) continue;
    if (column == per_line) {
      fprintf(l->to, ",\n%*s", l->indent + depth, "");
      column = 0;
    } else if (i) {
      fputs(", ", l->to);
    }
    column++;
    char s[64];
    if (elided(l, axis, i)) {
      dots = true;
      fprintf(l->to, " ...");
      continue;
    }
    format_element(l, at * l->dim[axis] + i, s, sizeof s);
    fprintf(l->to, "%*s", l->width, s);
  }
}

static void print_axis(const Layout *l, int axis, int64_t at) {
  fputc('[', l->to);
  if (axis == l->rank - 1) {
    print_row(l, axis, at, axis + 1);
  } else {
    bool dots = false;
    for (int64_t i = 0; i < l->dim[axis]; i++) {
      if (elided(l, axis, i) && dots) continue;
      if (i) {
        fputc(',', l->to);
        for (int k = axis; k < l->rank - 1; k++) fputc('\n', l->to);
        fprintf(l->to, "%*s", l->indent + axis + 1, "");
      }
      if (elided(l, axis, i)) {
        dots = true;
        fputs("...", l->to);
      } else {
        print_axis(l, axis + 1, at * l->dim[axis] + i);
      }
    }
  }
  fputc(']', l->to);
}

void print_tensor(FILE *to, const char *name, Elem e, int rank, const int64_t *dim, const void *data) {
  Layout l = {.e = e, .rank = rank, .dim = dim, .data = data, .to = to};
  int64_t count = 1;
  for (int i = 0; i < rank; i++) count *= dim[i];
  l.summarise = count > SUMMARISE_ABOVE;
  l.indent = fprintf(to, "%s = tensor(", name);
  if (count) choose_format(&l);
  if (rank) {
    print_axis(&l, 0, 0);
  } else {
    char s[64];
    format_element(&l, 0, s, sizeof s);
    fputs(s, to);
  }
  if (!count && rank > 1) {
    fputs(", size=(", to);
    for (int i = 0; i < rank; i++) fprintf(to, "%s%lld", i ? ", " : "", (long long)dim[i]);
    fputc(')', to);
  }
  fputs(")\n", to);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------ */

/* The shortest decimal that reads back as the same number; a real always has a point or an exponent. */
static void json_real(Text *t, double v, bool single) {
  if (isnan(v) || isinf(v)) {
    text_add(t, "%s", isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
    return;
  }
  char s[40];
  for (int digits = single ? 6 : 15; digits <= 17; digits++) {
    snprintf(s, sizeof s, "%.*g", digits, v);
    double back = strtod(s, NULL);
    if (single ? (float)back == (float)v : back == v) break;
  }
  text_add(t, "%s%s", s, strpbrk(s, ".e") ? "" : ".0");
}

static void json_axis(Text *t, Elem e, int rank, const int64_t *dim, const void *data, int axis, int64_t at) {
  if (axis < rank) {
    text_add(t, "[");
    for (int64_t i = 0; i < dim[axis]; i++) {
      if (i) text_add(t, ", ");
      json_axis(t, e, rank, dim, data, axis + 1, at * dim[axis] + i);
    }
    text_add(t, "]");
    return;
  }
  if (e == BOOL) text_add(t, "%s", element(e, data, at) != 0 ? "true" : "false");
  else if (e == I64) text_add(t, "%lld", (long long)((const int64_t *)data)[at]);
  else if (e == I32) text_add(t, "%d", (int)((const int32_t *)data)[at]);
  else json_real(t, element(e, data, at), e == F32);
}

void json_tensor(Text *t, Elem e, int rank, const int64_t *dim, const void *data) {
  json_axis(t, e, rank, dim, data, 0, 0);
}
