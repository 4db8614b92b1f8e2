/* type.c - element types and interned tensor types. */
#include "ir/internal.h"

static const struct {
  const char *name;
  int size;
} elem_info[ELEM_COUNT] = {
    [F64] = {"f64", 8}, [F32] = {"f32", 4}, [I64] = {"i64", 8}, [I32] = {"i32", 4}, [BOOL] = {"bool", 1}};

const char *elem_name(Elem e) { return elem_info[e].name; }
int elem_size(Elem e) { return elem_info[e].size; }
bool elem_is_real(Elem e) { return e == F64 || e == F32; }
bool elem_is_int(Elem e) { return e == I64 || e == I32; }

typedef struct {
  Elem elem;
  int rank;
  Dim *const *dims;
} TypeKey;

static bool same_type(const void *entry, const void *key) {
  const Type *t = entry;
  const TypeKey *k = key;
  if (t->elem != k->elem || t->rank != k->rank) return false;
  for (int i = 0; i < t->rank; i++)
    if (t->dim[i] != k->dims[i]) return false;
  return true;
}

Type *type_tensor(Ctx *c, Elem e, int rank, Dim *const *dims) {
  if (rank < 0 || rank > MAX_RANK) bug("a tensor of rank %d", rank);
  uint64_t h = hash_int(hash_int(HASH_SEED, (uint64_t)e), (uint64_t)rank);
  for (int i = 0; i < rank; i++) {
    if (!dims[i]) bug("a tensor type without its dimension %d", i);
    h = hash_int(h, (uint64_t)dims[i]->id);
  }
  TypeKey key = {e, rank, dims};
  Type *t = interner_find(c->types, h, same_type, &key);
  if (t) return t;
  t = arena_alloc(c->arena, sizeof *t + sizeof(Dim *) * (size_t)rank);
  t->elem = e;
  t->rank = rank;
  t->id = c->types->n;
  for (int i = 0; i < rank; i++) t->dim[i] = dims[i];
  interner_add(c->types, h, t);
  return t;
}

Type *type_scalar(Ctx *c, Elem e) { return type_tensor(c, e, 0, NULL); }
Type *type_with_elem(Ctx *c, const Type *t, Elem e) { return type_tensor(c, e, t->rank, t->dim); }

bool same_shape(const Type *a, const Type *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

Dim *type_count(Ctx *c, const Type *t) {
  Dim *n = dim_const(c, 1);
  for (int i = 0; i < t->rank; i++) n = dim_mul(c, n, t->dim[i]);
  return n;
}

Type *type_subst(Ctx *c, Type *t, const DimSubst *s, int n) {
  Dim *dims[MAX_RANK];
  for (int i = 0; i < t->rank; i++)
    if (!(dims[i] = dim_subst(c, t->dim[i], s, n))) return NULL;
  return type_tensor(c, t->elem, t->rank, dims);
}

void type_print_named(Text *t, const Type *ty, SymName *name, void *env) {
  text_add(t, "%s", elem_name(ty->elem));
  for (int i = 0; i < ty->rank; i++) {
    text_add(t, i ? ", " : "[");
    dim_print_named(t, ty->dim[i], name, env);
  }
  if (ty->rank) text_add(t, "]");
}

void type_print(Text *t, const Type *ty) { type_print_named(t, ty, sym_own_name, NULL); }

const char *ir_show_type(Ctx *c, const Type *t) {
  if (!t) return "nothing";
  Text text;
  text_init(&text, c->arena);
  type_print(&text, t);
  return text.s;
}

const char *ir_show_dim(Ctx *c, const Dim *d) {
  if (!d) return "nothing";
  Text text;
  text_init(&text, c->arena);
  dim_print(&text, d);
  return text.s;
}
