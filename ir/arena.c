/* arena.c - memory of one compilation, growing text, and the end of the program on a fault of adc's own.
 *
 * Ensures: what arena_alloc returns is zeroed and aligned for any type, and lives until arena_free. */
#include "ir/ir.h"
#include <stdlib.h>
#include <string.h>

typedef struct Chunk {
  struct Chunk *next;
  size_t size;
} Chunk;
struct Arena {
  Chunk *chunks;
  char *at, *end;
};

enum { ALIGN = sizeof(max_align_t) > 16 ? 16 : sizeof(max_align_t), CHUNK = 64 * 1024 };
#define ROUND(n) (((n) + (ALIGN - 1)) & ~(size_t)(ALIGN - 1))

static void out_of_memory(void) {
  fputs("adc: out of memory\n", stderr);
  exit(70);
}

Arena *arena_new(void) {
  Arena *a = calloc(1, sizeof *a);
  if (!a) out_of_memory();
  return a;
}

void arena_free(Arena *a) {
  if (!a) return;
  for (Chunk *k = a->chunks, *next; k; k = next) {
    next = k->next;
    free(k);
  }
  free(a);
}

static char *new_chunk(Arena *a, size_t size) {
  Chunk *k = calloc(1, ROUND(sizeof *k) + size);
  if (!k) out_of_memory();
  k->size = size;
  k->next = a->chunks;
  a->chunks = k;
  return (char *)k + ROUND(sizeof *k);
}

void *arena_alloc(Arena *a, size_t size) {
  if (size > SIZE_MAX / 2) out_of_memory();
  size = ROUND(size ? size : 1);
  if ((size_t)(a->end - a->at) < size) {
    if (size >= CHUNK / 4) return new_chunk(a, size);
    a->at = new_chunk(a, CHUNK);
    a->end = a->at + CHUNK;
  }
  void *p = a->at;
  a->at += size;
  return p;
}

void *arena_dup(Arena *a, const void *data, size_t size) {
  void *p = arena_alloc(a, size);
  if (size) memcpy(p, data, size);
  return p;
}

char *arena_strndup(Arena *a, const char *s, size_t n) {
  char *p = arena_alloc(a, n + 1);
  if (n) memcpy(p, s, n);
  return p;
}

char *arena_printf(Arena *a, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) bug("a format that cannot be printed: %s", fmt);
  char *p = arena_alloc(a, (size_t)n + 1);
  vsnprintf(p, (size_t)n + 1, fmt, again);
  va_end(again);
  return p;
}

void *arena_grow(Arena *ar, void *old, int n, int *cap, size_t elem) {
  if (*cap > INT32_MAX / 2) out_of_memory();
  *cap = *cap ? *cap * 2 : 8;
  void *p = arena_alloc(ar, elem * (size_t)*cap);
  if (n) memcpy(p, old, elem * (size_t)n);
  return p;
}

void bug_at(const char *file, int line, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "adc: internal error at %s:%d: ", file, line);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  exit(70);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

void text_init(Text *t, Arena *a) { *t = (Text){.arena = a, .s = arena_alloc(a, 64), .cap = 64}; }

static void reserve(Text *t, size_t more) {
  if (more > SIZE_MAX / 4 || t->len > SIZE_MAX / 4) out_of_memory();
  if (t->len + more + 1 <= t->cap) return;
  while (t->cap < t->len + more + 1) t->cap *= 2;
  char *s = arena_alloc(t->arena, t->cap);
  memcpy(s, t->s, t->len + 1);
  t->s = s;
}

void text_addn(Text *t, const char *s, size_t n) {
  reserve(t, n);
  if (n) memcpy(t->s + t->len, s, n);
  t->len += n;
  t->s[t->len] = 0;
}

void text_add(Text *t, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
  va_end(ap);
  if (n < 0) bug("a format that cannot be printed: %s", fmt);
  if ((size_t)n >= t->cap - t->len) {
    t->s[t->len] = 0;
    reserve(t, (size_t)n);
    vsnprintf(t->s + t->len, t->cap - t->len, fmt, again);
  }
  va_end(again);
  t->len += (size_t)n;
}
