/* emit.h - what the files that emit one function's body share. */
#ifndef ADC_CODEGEN_EMIT_H
#define ADC_CODEGEN_EMIT_H
#include "codegen/internal.h"
#include "codegen/plan.h"

/* ---- emit_dim.c: dimensions as i64 arithmetic -------------------------------------------------------------------- */

typedef struct DimEnv {
  Codegen *g;
  Func *f;
  LLVMValueRef *sym;   /* by position in f->sym */
  LLVMBuilderRef b;    /* where symbols of the signature are computed with: the entry block, or the current place */
  LLVMValueRef bad;    /* checked mode: i1, set where a value is no integer or overflows; NULL: unchecked */
  LLVMBuilderRef late; /* where values of symbols bound at run time are computed with */
  LLVMValueRef (*late_sym)(void *env, const Sym *s);
  void *late_env;
  struct DimMemo {
    const Dim *d;
    LLVMValueRef v;
  } * memo;
  int nmemo, memo_cap;
} DimEnv;
LLVMValueRef dim_emit(DimEnv *env, const Dim *d);
Dim *call_dim(Ctx *c, const Op *call, Sym *s); /* what a symbol of the callee is for this call */
LLVMValueRef floordiv_emit(Codegen *g, LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y); /* x // 0 is 0; never traps */
LLVMValueRef floormod_emit(Codegen *g, LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y);

/* ---- math.c: map operations -------------------------------------------------------------------------------------- */

/* op's value from its operands' values (in registers); `from` is the operands' element type (the last one's), `to` the
 * result's. */
LLVMValueRef map_emit(Codegen *g, LLVMBuilderRef b, Opcode code, Elem from, Elem to, LLVMValueRef *x);
bool is_elementary(Opcode code); /* of reals, a function of runtime/math_*.c: x may be whole vectors then */
LLVMValueRef intrinsic(Codegen *g, LLVMBuilderRef b, const char *name, LLVMTypeRef t, int n, LLVMValueRef *x);
LLVMValueRef arith(LLVMValueRef v);   /* v with the flags of ordinary arithmetic: contraction allowed */
LLVMValueRef reassoc(LLVMValueRef v); /* … and of sums, whose order is free */
LLVMValueRef const_elem(Codegen *g, Elem e, double f, int64_t i); /* f for real elements, i for others */
LLVMValueRef add_elem(Codegen *g, LLVMBuilderRef b, Elem e, LLVMValueRef x, LLVMValueRef y); /* a term of a sum */
LLVMValueRef mul_elem(Codegen *g, LLVMBuilderRef b, Elem e, LLVMValueRef x, LLVMValueRef y);

/* ---- emit_body.c ------------------------------------------------------------------------------------------------- */

typedef struct Memo {
  int value, next;
  unsigned bucket;
  const LLVMValueRef *idx;
  LLVMValueRef result;
} Memo;
enum { MEMO_BUCKETS = 1024 };

typedef struct Late { const Sym *sym; LLVMValueRef at; } Late;

/* Groups that take turns (emit_relay.c), and what of each is emitted now: what folds in memory begin with, and folds in registers; some
 * rows; what registers leave; and, where chunks did all that, the folds of what each has left. */
typedef enum { RELAY_BEGIN, RELAY_OPEN, RELAY_TURN, RELAY_CLOSE, RELAY_FOLD } RelayPhase;
typedef struct Relay {
  RelayPhase phase;
  LLVMValueRef from, to; /* in a turn: of the outermost loops */
  LLVMValueRef *acc;     /* by value: what a fold uses that goes on from turn to turn */
  struct Chunks *chunks; /* NULL: one thread does it */
  LLVMValueRef *left;    /* by value: of folds into registers, what chunks leave */
} Relay;

/* A group that is done with each piece of a matrix product (emit_epilogue.c). */
typedef struct Epilogue {
  Group *group;
  RelayPhase phase;
  LLVMValueRef from[2], n[2];     /* in a turn: rows and columns of the piece */
  LLVMValueRef index[MAX_LEVEL];  /* … by level: the index in a loop around the product; NULL: it is a row or a column */
  LLVMValueRef *cell;             /* by value: what a fold to a single element has so far */
} Epilogue;

typedef struct Emit {
  Codegen *g;
  Ctx *ctx;
  Arena *arena;
  Func *f;
  Plan *p;
  LLVMValueRef fn;
  LLVMBuilderRef b;     /* the current place */
  LLVMBuilderRef entry; /* the end of the entry block: allocas and what holds everywhere */
  LLVMValueRef *where; /* by value: tensors: pointer to the first element; scalars: an alloca, or a parameter's value */
  int *object;         /* by value: which memory object, for alias information; -1: none */
  BodyArgs args;           /* what fn was called with */
  LLVMValueRef *out;   /* result pointers; NULL: not loaded yet */
  int *out_object;
  int stack_object; /* the buffers of loops in lanes */
  LLVMValueRef ws, ws_len, err;
  LLVMValueRef *slot;     /* by slot: where it begins; NULL for dynamic ones */
  LLVMValueRef slot_table; /* NULL: none; else where the slots begin */
  LLVMValueRef *slot_bad; /* by slot: nested ones: i1, it has no valid size */
  LLVMValueRef *slot_step; /* by slot: bytes from copy to copy */
  LLVMValueRef dynamic; /* alloca: offset of what is free behind the planned workspace */
  LLVMValueRef zero, one;
  DimEnv dim;
  struct Late *late; /* symbols bound at run time */
  int nlate, late_cap;
  LLVMMetadataRef *scope, *noalias; /* by object */
  int nobject;
  Memo *memo; /* values at index tuples, valid in the current block */
  int nmemo, memo_cap;
  int bucket[MEMO_BUCKETS];
  bool in_parallel; /* accesses belong to a loop that is told to have independent iterations */
  void *line_scope; /* DWARF subprogram */
  struct LaneBuffer { LLVMValueRef at; int64_t bytes; bool taken; } *buffer; /* on the stack, of the loops in lanes in turn */
  int nbuffer, buffer_cap;
  struct Outline *outline; /* NULL: the body itself is emitted, not a piece of it */
  LLVMValueRef *shared;    /* memory of the body (allocas) that pieces write to */
  int nshared, shared_cap;
  struct Need { const uint64_t *results; LLVMValueRef any; } *need; /* which sets of results were asked for */
  int nneed, need_cap;
  struct Parts *parts; /* NULL: the function is not long */
  struct Part *part;   /* this emits a part of a function */
  int computed;        /* so many elements were */
  int whole;           /* emit_wide.c: elements of a vector; 0: not known yet */
  struct Rows *rows; /* emit_rows.c: what the loop in lanes reads by rows; NULL: nothing */
  Value *inverse;      /* stands for the inverse of a divisor among what has been computed */
  Relay *relay;        /* NULL: groups are emitted one after another */
  Epilogue *epilogue;  /* the one that is being emitted; or NULL */
  struct Edges *edges;   /* emit_edges.c: conditions that are left out; NULL: none is */
  /* The innermost `for` whose turns are being emitted one after another, and whether this turn is the first here. */
  struct { const Region *body; LLVMValueRef first; } turn;
  LLVMValueRef counter; /* of the innermost loop of a nest that is being emitted, or NULL */
  bool seldom;         /* what is emitted is seldom done: let it be small */
  bool plain; /* the function will be done again if a result is nan: outside lanes, products of a few elements are plain */
  bool plain_products; /* in lanes: mulz is mul: nan, which is where they differ, is looked for afterwards */
} Emit;

LLVMValueRef dim_of(Emit *e, const Dim *d);
LLVMValueRef element_count(Emit *e, const Type *t);
LLVMValueRef new_alloca(Emit *e, LLVMTypeRef t); /* zeroed */
/* Returns `code` from the function unless cond; index may be NULL. */
void fail_unless(Emit *e, LLVMValueRef cond, int code, Loc loc, LLVMValueRef index, const char *message);
LLVMValueRef wanted(Emit *e, int result); /* i1: its pointer is not null */
void begin_body(Emit *e); /* builders at the ends of an entry block and the next one */
/* Code of fn, which is to do f's work, begun; no symbol is known. */
Emit *emit_open(Codegen *g, Func *f, LLVMValueRef fn);
void emit_close(Emit *e);
void emit_group(Emit *e, Group *g);
void place_group(Emit *e, const Group *g); /* before it is emitted: memory whose size is known only now */
void emit_relay(Emit *e, Group *g); /* emit_relay.c: this one and those that take turns with it */
void emit_epilogue(Emit *e, Group *g); /* emit_epilogue.c: a product and the group that rides on it */
/* Metadata: memory objects, and for each the others. */
void make_scopes(Emit *e, const char *name, int n, LLVMMetadataRef **scope, LLVMMetadataRef **others);
LLVMBasicBlockRef new_block(Emit *e, const char *name);
void emit_groups(Emit *e, Plan *p); /* everything in p's region */
LLVMValueRef buffer_of(Emit *e, const Value *v); /* where its first element is, by the plan */
/* fail_unless, with what was needed of something. */
void fail_with(Emit *e, LLVMValueRef cond, int code, Loc loc, LLVMValueRef index, const char *message, LLVMValueRef need);

/* ---- slots.c: the workspace's buffers ------------------------------------------------------------------------------- */

void place_slots(Emit *e);
LLVMValueRef slot_bad(Emit *e, int slot); /* NULL: it has a valid size */
LLVMValueRef take_dynamic(Emit *e, const Type *t, Loc loc); /* memory of a size that is known only now */
LLVMValueRef slot_address(Emit *e, int slot);
LLVMValueRef slot_memory(Emit *e, int slot); /* where it begins; a dynamic one is taken from the rest of the workspace */
void reserve(Emit *e, LLVMValueRef to, Loc loc); /* fails unless the workspace reaches to offset `to` */

/* ---- parts.c: long functions in parts ------------------------------------------------------------------------------ */

enum { PART_OBJECTS = 64 };
/* A tensor's first element; where a number is kept; a scalar parameter of the function itself. */
LLVMValueRef where_of(Emit *e, const Value *v);
void set_where(Emit *e, const Value *v, LLVMValueRef at);
LLVMValueRef out_of(Emit *e, int result);
bool reads_args(const Emit *e); /* parameters and results are in an array, and are loaded here */
LLVMValueRef err_of(Emit *e);
LLVMValueRef dynamic_of(Emit *e);
Emit *outer_of(const Emit *e); /* e->part: what emits the function around */
LLVMValueRef part_value(Emit *e, LLVMValueRef x); /* e->part: x of the function around */
LLVMValueRef part_memory(Emit *e, LLVMValueRef base, int object); /* … an address in such an object */
int part_object(Emit *e, int object); /* its number in the part; -1: none */
int emit_part(Emit *e, Plan *p, int from); /* a part of as many groups; 0: the group is no part */
void open_parts(Emit *e);
void close_parts(Emit *e);

/* ---- emit_size.c, debug.c ---------------------------------------------------------------------------------------- */

/* emit_add.c: calls emit_body's and adds what that gives to the cotangents. */
void emit_adding_body(Codegen *g, Func *f, LLVMValueRef fn);
bool result_adds(const Func *f, int result); /* is a cotangent */
void emit_size_function(Codegen *g, Func *f, bool accumulate, LLVMValueRef fn);
/* Bytes of a tensor, rounded up to 64; 0 where *bad, since its dimensions make no sense. */
LLVMValueRef nested_bytes(const DimEnv *env, const Type *t, LLVMValueRef *bad);
void debug_function(Emit *e);         /* a DWARF subprogram for e->fn; nothing without -g */
void set_line(Emit *e, const Op *op); /* instructions from here on belong to the op's source line */

/* ---- emit_loop.c: loops and what has been computed --------------------------------------------------------------- */

typedef struct Loop {
  LLVMValueRef i, n;
  LLVMBasicBlockRef body, exit;
  int mark;
  /* as many were emitted before it, see Codegen: what has slow parts is long enough, and is not unrolled */
  int slow_parts, math_calls, divisions_within;
  bool parallel; /* the iterations are independent of each other: set before loop_end */
  bool whole;     /* as a rule it is as long as some vectors: set before loop_end */
  bool few;        /* as a rule it is short, as loops in loops of the program are: set before loop_end */
  bool row;       /* it is gone through again and again: set before loop_end */
  bool one_by_one; /* LLVM shall not interleave vectors of iterations: set before loop_end */
  bool blocks;    /* LLVM shall see that n is a whole number of vectors: set before loop_end */
  bool as_it_is;  /* LLVM shall not unroll or vectorise it: set before loop_end */
} Loop;
LLVMValueRef loop_begin(Emit *e, Loop *l, LLVMValueRef n); /* the counter, 0 <= i < n */
void loop_end(Emit *e, Loop *l);
bool few_turns(const Emit *e); /* loops here are short: their last vector is masked */
typedef struct Hint {
  const char *name;
  LLVMMetadataRef value; /* or NULL */
} Hint;
enum { MAX_HINT = 5 };
bool divides_within(const Emit *e, int before); /* divisions in branches were emitted: LLVM shall not vectorise the loop */
void give_hints(Emit *e, LLVMValueRef branch, const Hint *hint, int n); /* a loop's metadata, in the place of what it has */
LLVMValueRef access_group(Codegen *g); /* metadata of accesses in loops with independent iterations */
void open_loops(Emit *e, Loop *loop, int n, Dim *const *dim, LLVMValueRef *idx); /* over a shape: counters */
void close_loops(Emit *e, Loop *loop, int n, Dim *const *dim);
typedef struct Branch {
  LLVMBasicBlockRef join;
  int mark, divisions;
} Branch;
void if_begin(Emit *e, Branch *br, LLVMValueRef cond); /* what follows runs only where cond holds */
void if_end(Emit *e, Branch *br);
int memo_mark(Emit *e);
void memo_release(Emit *e, int mark);
LLVMValueRef memo_find(Emit *e, const Value *v, const LLVMValueRef *idx);
void memo_add(Emit *e, const Value *v, const LLVMValueRef *idx, LLVMValueRef result);

/* ---- emit_eval.c: values at an index ----------------------------------------------------------------------------- */

LLVMValueRef eval(Emit *e, Value *v, const LLVMValueRef *idx);  /* one element, loaded or computed */
LLVMValueRef eval_op(Emit *e, Op *op, const LLVMValueRef *idx); /* op's first result, computed */
LLVMValueRef map_operation(Emit *e, Op *op, LLVMValueRef *x); /* … of its operands' elements, or of whole vectors of these */
LLVMValueRef eval_small(Emit *e, Op *op, const LLVMValueRef *idx); /* emit_small.c: a fold, concatenation or scan */
LLVMValueRef eval_small_reshape(Emit *e, Op *op, const LLVMValueRef *idx);
bool next_index(Emit *e, int n, Dim *const *dim, LLVMValueRef *idx); /* of a small shape, constants; false after the last */
bool is_zero(LLVMValueRef x); /* the constant */
/* x, an element of v, is a zero of a cotangent's own making: the sign of the sum's zero is nobody's. */
bool adds_nothing(const Value *v, LLVMValueRef x);
LLVMValueRef row_major(Emit *e, const Type *t, const LLVMValueRef *idx);
LLVMValueRef place_in(Emit *e, const Value *v, const LLVMValueRef *idx); /* … in v's memory */
LLVMValueRef load_elem(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef offset);
void store_elem(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef offset, LLVMValueRef x);
void tag_object(Emit *e, LLVMValueRef access, int object); /* what it cannot alias */
void tag_access(Emit *e, LLVMValueRef access, int object, const Type *t); /* alignment, and what it cannot alias */
LLVMValueRef index_add(Emit *e, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef index_mul(Emit *e, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef index_const(const Emit *e, int64_t v);
LLVMValueRef index_least(Emit *e, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef index_most(Emit *e, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef index_value(Emit *e, Value *idx, const LLVMValueRef *at); /* an element of an index tensor, as i64 */

/* ---- emit_edges.c ------------------------------------------------------------------------------------------------ */

typedef struct Edges Edges;
void edges_shift(Emit *e, LLVMValueRef from, LLVMValueRef to, Dim *by); /* to = from + by */
/* start <= index < start + size, along an axis that is `whole` long, may be taken for true here. */
bool edges_inside(Emit *e, LLVMValueRef index, Dim *start, Dim *size, const Dim *whole);

/* ---- emit_quotient.c ------------------------------------------------------------------------------------------------ */

/* x / y, nan where that is not finite; for one of several quotients by y, where such a nan is looked for. */
LLVMValueRef quotient(Emit *e, LLVMValueRef x, LLVMValueRef y);
/* op is a quotient, of which x alone changes in the innermost loop; then x / y: */
bool has_steady_divisor(Emit *e, const Op *op, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef steady_quotient(Emit *e, LLVMValueRef x, LLVMValueRef y);

LLVMValueRef eval_straight(Emit *e, Op *op, const LLVMValueRef *idx); /* eval_op, at a constant index */

/* ---- emit_straight.c: a few elements, one after another ------------------------------------------------------------ */

int elements_of(const Type *t);
void element_index(Emit *e, const Type *t, int i, LLVMValueRef *idx); /* of the i-th element in row-major order */
LLVMValueRef *read_elements(Emit *e, Value *v);
void write_elements(Emit *e, const Value *v, LLVMValueRef *x);
void emit_straight(Emit *e, Unit *u);

/* ---- emit_wide.c: rows of a few elements that are whole vectors ---------------------------------------------------- */

int whole_width(Emit *e, const Type *t); /* elements of the vectors that a row of t is; 0: it is none */
bool computes_whole(Emit *e, const Op *op); /* rows of the result are computed by instructions on vectors */
/* So many elements of v, or of op's result, from that at idx on. */
LLVMValueRef eval_whole(Emit *e, Value *v, const LLVMValueRef *idx);
LLVMValueRef compute_whole(Emit *e, Op *op, const LLVMValueRef *idx);
LLVMValueRef fold_whole(Emit *e, Op *op); /* a fold of one row; NULL: it is none that vectors are folded by */
LLVMValueRef load_whole(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef at); /* e->whole elements */
void store_whole(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef at, LLVMValueRef x);

/* ---- emit_body.c for version.c ----------------------------------------------------------------------------------------- */

LLVMValueRef begin_function(Codegen *g, const Func *f, bool accumulate, const char *what, LLVMTypeRef t);
/* f's work as the body of fn.  exact: does it where plain products show a nan; NULL: there is no such function yet. */
void emit_function(Codegen *g, Func *f, LLVMValueRef fn, LLVMValueRef exact);
void emit_versions(Codegen *g, Func *f, LLVMValueRef fn); /* version.c: f's work, by the version that a call's sizes ask for */

/* ---- emit_choice.c ------------------------------------------------------------------------------------------------ */

void emit_any_nan(Emit *e, Unit *u); /* a unit that asks for one */
/* fn: calls `plain`, and `exact` if that left a nan in a result. */
void emit_choice(Codegen *g, Func *f, const Plan *p, LLVMValueRef fn, LLVMValueRef plain, LLVMValueRef exact);

/* ---- emit_rows.c: rows of memory and vectors of lanes ------------------------------------------------------------ */

typedef struct Rows Rows;
LLVMValueRef lane_buffer(Emit *e, int64_t bytes); /* on the stack */
LLVMValueRef lane_place(Emit *e, LLVMTypeRef t, LLVMValueRef buffer, int i, int width, LLVMValueRef lane); /* entry i's lane */
/* Before a loop over the `width` iterations of a block, whose first is given; rows_body: at the beginning of its body. */
Rows *rows_begin(Emit *e, LLVMValueRef counter, LLVMValueRef first, int width);
void rows_body(Emit *e, Rows *k);
LLVMValueRef row_element(Emit *e, Value *v, const LLVMValueRef *idx); /* in the loop; NULL: none that is read by rows */
void rows_load(Emit *e, Rows *k); /* behind the loop: has the rows loaded before it */
/* Entries i .. i + n of a buffer, n <= width, become rows that begin at the pointers. */
void rows_store(Emit *e, const Value *to, LLVMValueRef buffer, int i, int n, int width, const LLVMValueRef *pointer);

/* ---- emit_kernel.c, emit_product.c, emit_special.c: units -------------------------------------------------------- */

void emit_nest(Emit *e, Unit **unit, int n); /* STORE and REDUCE units with the same loops */
/* Where a unit's value goes: the result pointer or its buffer. */
LLVMValueRef unit_target(Emit *e, const Unit *u, int *object);
LLVMValueRef unit_place(Emit *e, const Unit *u, const LLVMValueRef *idx); /* … and where its element idx is there */
/* Folds by the reduction's operation or by the map operation that it repeats. */
LLVMValueRef fold_neutral(Emit *e, Opcode code, Elem t);
LLVMValueRef fold_term(Emit *e, Opcode code, Elem t, LLVMValueRef acc, LLVMValueRef x);
LLVMValueRef leads(Emit *e, bool max, Elem t, LLVMValueRef x, LLVMValueRef best, LLVMValueRef i); /* argmax: x at i, before best */
void emit_lanes(Emit *e, Unit *u); /* emit_lanes.c: a loop in lanes */
void emit_tiled(Emit *e, Unit *u);

typedef struct Matrix {
  LLVMValueRef base;
  LLVMValueRef stride[3]; /* by kind of label; 0 where it has none */
} Matrix;
/* A call of the runtime's kernel: rows of m[0] by columns of m[1] go to m[2], or are added there. */
typedef struct ProductCall {
  Elem elem;
  Matrix m[3];
  LLVMValueRef size[3], add, space; /* size: by kind of label */
  LLVMValueRef then, env;           /* what is done with each piece of the result, or null */
  LLVMValueRef made;                /* how operands are computed, or null */
  bool minus;                       /* the product is subtracted */
} ProductCall;
LLVMValueRef product_function(Emit *e, Elem elem); /* the kernel */
void product_call(Emit *e, const ProductCall *call);
/* emit_trim.c: how far indices along `side`, rows or columns, reach for what is not zero and what is wanted. */
typedef struct Reach { Dim *after, *before; } Reach; /* NULL: as far as there are any */
typedef struct Trim { int side; Reach sum, other; } Trim;
bool is_one_call(Emit *e, Unit *u); /* a tiled unit's kernel makes the whole product */
void epilogue_piece(Emit *e, ProductCall *call, LLVMValueRef row, LLVMValueRef col); /* … of the product from there on */
void make_operand(Emit *e, const Unit *u, const Product *p, int k, const LLVMValueRef *outer, LLVMValueRef first, ProductCall *call);
bool trim_find(const Plan *plan, const Unit *u, const Product *p, Trim *t);
void product_call_trimmed(Emit *e, const ProductCall *call, const Trim *t);

void emit_special(Emit *e, Unit *u);
/* Where an update puts its operand's element idx: set, set_slice, scatter_acc with numbers for indices. */
void update_place(Emit *e, const Op *op, const LLVMValueRef *idx, LLVMValueRef *at);
void emit_matrix(Emit *e, Unit *u);  /* emit_matrix.c: argsort too */
void emit_effect(Emit *e, Unit *u);
int emit_checks(Emit *e, const Plan *p, int from); /* emit_check.c: so many groups, checks that are one loop; 0: it is none */
void emit_region(Emit *e, Unit *u);
void emit_call(Emit *e, Unit *u);
/* Unless code is ADC_OK, returns it; a callee counts what it needs from `from`, where its workspace begins. */
void return_failure(Emit *e, LLVMValueRef code, LLVMValueRef from);

#endif
