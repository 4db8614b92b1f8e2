/* context.c - one compilation: its memory, and the tables of what is interned in it. */
#include "ir/internal.h"
#include <string.h>

uint64_t hash_bytes(uint64_t h, const void *data, size_t n) {
  const unsigned char *p = data;
  for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
  return h;
}

uint64_t hash_int(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

Interner *interner_new(Arena *a) {
  Interner *t = NEW(a, Interner);
  t->arena = a;
  t->cap = 64;
  t->slot = NEW_N(a, void *, t->cap);
  t->hash = NEW_N(a, uint64_t, t->cap);
  return t;
}

void *interner_find(const Interner *t, uint64_t hash, bool (*same)(const void *, const void *), const void *key) {
  uint64_t mask = (uint64_t)t->cap - 1;
  for (uint64_t i = hash & mask; t->slot[i]; i = (i + 1) & mask)
    if (t->hash[i] == hash && same(t->slot[i], key)) return t->slot[i];
  return NULL;
}

static void place(Interner *t, uint64_t hash, void *entry) {
  uint64_t mask = (uint64_t)t->cap - 1, i = hash & mask;
  while (t->slot[i]) i = (i + 1) & mask;
  t->slot[i] = entry;
  t->hash[i] = hash;
}

void interner_add(Interner *t, uint64_t hash, void *entry) {
  if (t->n * 2 >= t->cap) {
    Interner old = *t;
    t->cap *= 2;
    t->slot = NEW_N(t->arena, void *, t->cap);
    t->hash = NEW_N(t->arena, uint64_t, t->cap);
    for (int i = 0; i < old.cap; i++)
      if (old.slot[i]) place(t, old.hash[i], old.slot[i]);
  }
  place(t, hash, entry);
  t->n++;
}

typedef struct {
  const char *s;
  size_t n;
} StringKey;

static bool same_string(const void *entry, const void *key) {
  const StringKey *k = key;
  return strncmp(entry, k->s, k->n) == 0 && ((const char *)entry)[k->n] == 0;
}

/* A string with a NUL inside is cut there: it could not be found again. */
const char *intern_n(Ctx *c, const char *s, size_t n) {
  const char *nul = n ? memchr(s, 0, n) : NULL;
  if (nul) n = (size_t)(nul - s);
  uint64_t h = hash_bytes(HASH_SEED, s, n);
  StringKey key = {s, n};
  char *found = interner_find(c->strings, h, same_string, &key);
  if (found) return found;
  found = arena_strndup(c->arena, s, n);
  interner_add(c->strings, h, found);
  return found;
}

const char *intern(Ctx *c, const char *s) { return intern_n(c, s, strlen(s)); }

Ctx *ctx_new(void) {
  Arena *a = arena_new();
  Ctx *c = NEW(a, Ctx);
  c->arena = a;
  c->strings = interner_new(a);
  c->types = interner_new(a);
  c->dims = interner_new(a);
  c->atoms = interner_new(a);
  c->diags = NEW(a, Diags);
  c->diags->max_errors = 30;
  return c;
}

void ctx_free(Ctx *c) {
  if (c) arena_free(c->arena);
}
