/* internal.h - what the files of ir/ share and no other folder sees. */
#ifndef ADC_IR_INTERNAL_H
#define ADC_IR_INTERNAL_H
#include "ir/ir.h"

/* ---- context.c: a hash table of interned things ---------------------------------------------------------------------- */

typedef struct Interner {
  Arena *arena;
  void **slot;
  uint64_t *hash;
  int n, cap; /* cap is a power of two */
} Interner;
Interner *interner_new(Arena *a);
/* The entry that `same` accepts, or NULL. */
void *interner_find(const Interner *t, uint64_t hash, bool (*same)(const void *entry, const void *key), const void *key);
void interner_add(Interner *t, uint64_t hash, void *entry);
uint64_t hash_bytes(uint64_t h, const void *data, size_t n);
uint64_t hash_int(uint64_t h, uint64_t v);
#define HASH_SEED 0xcbf29ce484222325u

/* ---- dim.c ----------------------------------------------------------------------------------------------------------- */

enum { MAX_DIM_TERMS = 256, MAX_DIM_DEGREE = 32, MAX_DIM_SIZE = 10000 };
/* Normalises; NULL on overflow or when the polynomial would be larger than the limits above. */
Dim *dim_make(Ctx *c, const Mono *term, int nterm, int64_t den);
Atom *dim_atom(Ctx *c, AtomKind kind, Sym *sym, Dim *a, Dim *b);
Dim *dim_of_atom(Ctx *c, Atom *a);
int64_t gcd64(int64_t a, int64_t b); /* of magnitudes; operands above INT64_MIN */
/* d with the atom replaced by `to`; atoms inside other atoms are not looked for. */
Dim *dim_replace_atom(Ctx *c, Dim *d, const Atom *atom, Dim *to);

/* How a symbol is spelt (by default its own name), and its place in the order in which terms are written (its id). */
typedef const char *SymName(void *env, const Sym *s, int *order);
const char *sym_own_name(void *env, const Sym *s, int *order);
void dim_print_named(Text *t, const Dim *d, SymName *name, void *env);
void type_print_named(Text *t, const Type *ty, SymName *name, void *env);

/* ---- infer.c: the type rules of every family --------------------------------------------------------------------------- */

/* The result types of an op, from its operands and attributes.  given: the result's type where the op does not determine it
 * (contract with new labels, cast, reshape, …), or what was declared, or NULL.  Requires op->opd[i] != NULL; nothing else: an
 * op of any shape is examined safely. */
typedef struct Infer {
  Ctx *ctx;
  const Op *op;
  Type *given;
  Type *result;     /* what was inferred: NULL for effects, calls, and after a fault */
  int code;         /* of the broken rule, 0: none */
  const char *text; /* its message */
} Infer;
bool infer_op(Infer *in);
bool infer_fail(Infer *in, int code, const char *fmt, ...) ADC_PRINTF(3, 4); /* always false */
const char *ir_show_type(Ctx *c, const Type *t);
const char *ir_show_dim(Ctx *c, const Dim *d);
/* infer_*.c: one function a family, each true when the rules hold */
bool infer_source(Infer *in);
bool infer_map(Infer *in);
bool infer_contract(Infer *in);
bool infer_reduce(Infer *in);
bool infer_scan(Infer *in);
bool infer_matrix(Infer *in);
bool infer_view(Infer *in);
bool infer_index(Infer *in);
bool infer_effect(Infer *in);
bool infer_call(Infer *in);
bool infer_region(Infer *in); /* operands and parameters of regions, which may be missing still; results of the op, if any */
bool subst_covers(Infer *in, const Func *f, int n, const DimSubst *subst); /* each symbol of f has one value */
/* The result types of a derive op, whose operands are looked at too. */
bool infer_derive(Infer *in, int *n, Type ***types);
/* The type of a callee's parameter or result in the caller's terms; NULL on overflow. */
Type *type_subst(Ctx *c, Type *t, const DimSubst *s, int n);

/* The codes of the verifier's rules, and of the reader. */
enum {
  E_OPERAND_COUNT = 901, E_RESULT_COUNT, E_REGION_COUNT, E_NOT_IN_SCOPE, E_REMOVED, E_MAP_SHAPE, E_MAP_ELEM, E_RESULT_TYPE,
  E_CONST, E_DENSE, E_IOTA, E_SYM_OPERAND, E_SYM_TWICE, E_SYM_UNBOUND, E_SYM_INDEX, E_CONTRACT_ELEM, E_LABEL_RANGE,
  E_LABEL_TWICE, E_LABEL_EXTENT, E_REDUCE_AXES, E_REDUCE_ELEM, E_SCAN, E_RESHAPE, E_SLICE, E_EMBED, E_CONCAT, E_INDEX_AXES,
  E_INDEX_TENSOR, E_INDEX_MASK, E_INDEX_VALUE, E_CHECK, E_ASSERT, E_CALL_OPERAND, E_CALL_SUBST, E_CALL_CALLEE, E_FUNC_RESULTS,
  E_FUNC_PARAMS, E_PORT_OF, E_FUNC_NAME, E_LINKS, E_VALUE_ID, E_RANK,
  E_CONDITION, E_LOOP_RANGE, E_CARRIED, E_YIELD, E_DERIVE, E_MATRIX,
  E_READ_SYNTAX = 950, E_READ_OP, E_READ_VALUE, E_READ_TWICE, E_READ_SYMBOL, E_READ_FUNC, E_READ_NUMBER, E_READ_ATTRIBUTE,
  E_READ_OVERFLOW, E_READ_DEPTH
};

/* ---- builder.c --------------------------------------------------------------------------------------------------------- */

/* An op with operands but no results, linked nowhere: attributes are set next, then op_finish infers and links. */
Op *op_start(Builder *b, Opcode code, int nopd, Value *const *opd);
Op *op_finish(Builder *b, Op *op, Type *given);
Value *op_value(Builder *b, Op *op, Type *given); /* op_finish, then the one result */
void op_link(Builder *b, Op *op);
Value *value_new(Func *f, Type *t);
Region *region_new(Func *f, Op *parent);

/* ---- print.c ------------------------------------------------------------------------------------------------------------ */

/* Unique names of a function's symbols in the order of f->sym. */
const char **func_sym_names(Ctx *c, const Func *f);
extern const char *const derive_word[DERIVE_HVP + 1];

#endif
