/* cmd_file.c - arrays in files: .npy (NumPy's format, versions 1 to 3, of little or big endian) and .csv. */
#include "driver/driver.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool fail(Arena *a, const char **error, const char *path, const char *what) {
  *error = arena_printf(a, "%s: %s", path, what);
  return false;
}

static bool little_endian(void) {
  const uint16_t one = 1;
  return *(const unsigned char *)&one == 1;
}

/* ---- .npy: numpy.org/doc/stable/reference/generated/numpy.lib.format.html ------------------------------------------------ */

typedef struct Npy { char kind; int size; bool swap, fortran; } Npy;

/* The value after 'key': in the header's dictionary. */
static const char *npy_field(const char *header, const char *key) {
  const char *s = strstr(header, key);
  s = s ? strchr(s, ':') : NULL;
  if (!s) return NULL;
  do s++;
  while (*s == ' ');
  return s;
}

static bool npy_header(const char *h, Npy *n, Array *out) {
  const char *descr = npy_field(h, "'descr'"), *order = npy_field(h, "'fortran_order'"), *shape = npy_field(h, "'shape'");
  if (!descr || !order || !shape || *descr != '\'' || *shape != '(') return false;
  n->swap = (descr[1] == '>') == little_endian() && descr[1] != '|' && descr[1] != '=';
  n->kind = descr[2];
  n->size = atoi(descr + 3);
  n->fortran = strncmp(order, "True", 4) == 0;
  bool known = (n->kind == 'f' && (n->size == 4 || n->size == 8)) ||
               ((n->kind == 'i' || n->kind == 'u') && (n->size == 1 || n->size == 2 || n->size == 4 || n->size == 8)) ||
               (n->kind == 'b' && n->size == 1);
  if (!known) return false;
  out->count = 1;
  for (const char *s = shape + 1; *s && *s != ')';) {
    char *end;
    long long d = strtoll(s, &end, 10);
    if (end == s || d < 0 || out->rank == MAX_RANK || __builtin_mul_overflow(out->count, d, &out->count)) return false;
    out->dim[out->rank++] = d;
    for (s = end; *s == ' ' || *s == ',';) s++;
  }
  out->integral = n->kind != 'f';
  return true;
}

static void npy_element(const Npy *n, const unsigned char *p, double *f, int64_t *i) {
  unsigned char b[8];
  for (int k = 0; k < n->size; k++) b[k] = n->swap ? p[n->size - 1 - k] : p[k];
  union { double d; float f; int8_t i8; int16_t i16; int32_t i32; int64_t i64; uint8_t u8; uint16_t u16; uint32_t u32; } v;
  memcpy(&v, b, (size_t)n->size);
  if (n->kind == 'f') {
    *f = n->size == 8 ? v.d : (double)v.f;
    return;
  }
  bool u = n->kind != 'i';
  switch (n->size) {
  case 1: *i = u ? v.u8 : v.i8; break;
  case 2: *i = u ? v.u16 : v.i16; break;
  case 4: *i = u ? (int64_t)v.u32 : v.i32; break;
  default: *i = v.i64; break;
  }
  *f = (double)*i;
}

/* Row-major position k of the array, as a position in the file. */
static int64_t npy_position(const Npy *n, const Array *a, int64_t k) {
  if (!n->fortran) return k;
  int64_t at = 0, index[MAX_RANK];
  for (int d = a->rank - 1; d >= 0; d--) {
    index[d] = k % a->dim[d];
    k /= a->dim[d];
  }
  for (int d = a->rank - 1; d >= 0; d--) at = at * a->dim[d] + index[d];
  return at;
}

bool npy_read(Arena *a, const char *path, Array *out, const char **error) {
  size_t len;
  const unsigned char *data = (const unsigned char *)file_read(a, path, &len);
  if (!data) return fail(a, error, path, strerror(errno));
  if (len < 12 || memcmp(data, "\x93NUMPY", 6) != 0) return fail(a, error, path, "not a .npy file");
  size_t at = data[6] == 1 ? 10 : 12, header = data[8] | (size_t)data[9] << 8;
  if (data[6] != 1) header |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
  Npy n = {0};
  *out = (Array){0};
  if (header > len - at || !npy_header(arena_strndup(a, (const char *)data + at, header), &n, out))
    return fail(a, error, path, "its element type or shape is not one that adc reads (f4 f8 i1-i8 u1-u8 b1)");
  int64_t bytes;
  if (__builtin_mul_overflow(out->count, (int64_t)n.size, &bytes) || (uint64_t)bytes > len - at - header)
    return fail(a, error, path, "the file is shorter than its shape says");
  out->f = NEW_N(a, double, out->count + 1);
  out->i = NEW_N(a, int64_t, out->count + 1);
  for (int64_t k = 0; k < out->count; k++)
    npy_element(&n, data + at + header + npy_position(&n, out, k) * n.size, &out->f[k], &out->i[k]);
  return true;
}

bool npy_write(const char *path, Elem e, int rank, const int64_t *dim, const void *data) {
  static const char *const descr[ELEM_COUNT] = {"f8", "f4", "i8", "i4", "b1"};
  Arena *a = arena_new();
  Text shape, t;
  text_init(&shape, a);
  text_init(&t, a);
  int64_t count = 1;
  for (int i = 0; i < rank; i++) {
    text_add(&shape, "%lld,%s", (long long)dim[i], i + 1 < rank ? " " : "");
    count *= dim[i];
  }
  const char *order = e == BOOL ? "|" : little_endian() ? "<" : ">";
  char *dict = arena_printf(a, "{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }", order, descr[e], shape.s);
  size_t used = 10 + strlen(dict) + 1, padded = (used + 63) / 64 * 64, header = padded - 10;
  const unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(header & 255),
                                   (unsigned char)(header >> 8)};
  text_addn(&t, (const char *)magic, sizeof magic);
  text_add(&t, "%s%*s\n", dict, (int)(padded - used), "");
  text_addn(&t, data, (size_t)count * (size_t)elem_size(e));
  bool ok = file_write(path, t.s, t.len);
  int saved = errno;
  arena_free(a);
  errno = saved;
  return ok;
}

/* ---- .csv: numbers separated by commas, semicolons or blanks; '#' comments; one header line of words is skipped ------------- */

static bool is_blank(char ch) { return ch == ' ' || ch == '\t' || ch == '\r'; }
static bool is_comma(char ch) { return ch == ',' || ch == ';'; }

/* Past blanks and at most one comma. */
static const char *csv_separator(const char *s, const char *end) {
  while (s < end && is_blank(*s)) s++;
  if (s < end && is_comma(*s)) s++;
  while (s < end && is_blank(*s)) s++;
  return s;
}

enum { NO_NUMBER = -1, NOTHING = -2 };

/* Numbers of one line appended to *f; NO_NUMBER when something is none, NOTHING when nothing stands between two commas.  A comma
 * may end the line. */
static int csv_line(Arena *a, const char *s, const char *end, double **f, int *n, int *cap) {
  int count = 0;
  bool gap = false;
  while (s < end && is_blank(*s)) s++;
  while (s < end && *s != '#') {
    char *stop = (char *)s;
    double v = is_comma(*s) ? 0 : strtod(s, &stop);
    gap = gap || is_comma(*s);
    if ((!is_comma(*s) && stop == s) || (stop < end && !is_blank(*stop) && !is_comma(*stop) && *stop != '#')) return NO_NUMBER;
    PUSH(a, *f, *n, *cap) = v;
    count++;
    s = csv_separator(stop, end);
  }
  return gap ? NOTHING : count;
}

bool csv_read(Arena *a, const char *path, Array *out, const char **error) {
  size_t len;
  const char *data = file_read(a, path, &len);
  if (!data) return fail(a, error, path, strerror(errno));
  double *f = NULL;
  int n = 0, cap = 0, width = -1, line = 0;
  bool header = false;
  int64_t rows = 0;
  for (const char *s = data; s < data + len;) {
    const char *end = memchr(s, '\n', (size_t)(data + len - s));
    if (!end) end = data + len;
    line++;
    int before = n, count = csv_line(a, s, end, &f, &n, &cap);
    if (count == NOTHING) return fail(a, error, path, arena_printf(a, "line %d: a number is missing", line));
    if (count == NO_NUMBER) {
      n = before;
      if (rows || header) return fail(a, error, path, arena_printf(a, "line %d: not a number", line));
      header = true;
    } else if (count > 0) {
      if (width >= 0 && count != width)
        return fail(a, error, path, arena_printf(a, "line %d has %d numbers, the lines before %d", line, count, width));
      width = count;
      rows++;
    }
    s = end + 1;
  }
  *out = (Array){.rank = 2, .dim = {rows, width < 0 ? 0 : width}, .count = n, .table = true, .f = f};
  return true;
}

bool csv_write(const char *path, Elem e, int rank, const int64_t *dim, const void *data) {
  Arena *a = arena_new();
  Text t;
  text_init(&t, a);
  int64_t columns = rank ? dim[rank - 1] : 1, count = 1;
  for (int i = 0; i < rank; i++) count *= dim[i];
  for (int64_t k = 0; k < count; k++) {
    json_tensor(&t, e, 0, NULL, (const char *)data + k * elem_size(e));
    text_add(&t, (k + 1) % columns ? "," : "\n");
  }
  bool ok = file_write(path, t.s ? t.s : "", t.len);
  int saved = errno;
  arena_free(a);
  errno = saved;
  return ok;
}
