/* value_map.c - what LLVM values stand for, by address. */
#include "codegen/internal.h"

static size_t place_of(const ValueMap *m, LLVMValueRef key) {
  size_t at = (size_t)((uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (m->size - 1);
  while (m->entry[at].key && m->entry[at].key != key) at = (at + 1) & (m->size - 1);
  return at;
}

LLVMValueRef value_find(const ValueMap *m, LLVMValueRef key) { return m->size ? m->entry[place_of(m, key)].value : NULL; }

void value_enter(Arena *a, ValueMap *m, LLVMValueRef key, LLVMValueRef value) {
  if (2 * ++m->n > m->size) {
    ValueMap old = *m;
    m->size = old.size ? 2 * old.size : 16;
    m->entry = NEW_N(a, struct ValueEntry, m->size);
    for (size_t i = 0; i < old.size; i++)
      if (old.entry[i].key) m->entry[place_of(m, old.entry[i].key)] = old.entry[i];
  }
  m->entry[place_of(m, key)] = (struct ValueEntry){key, value};
}
