/* plan.h - what is stored, where and in which loop nests: the result of scheduling one function.  No LLVM here. */
#ifndef ADC_CODEGEN_PLAN_H
#define ADC_CODEGEN_PLAN_H
#include "ir/ir.h"

typedef enum {
  PLACE_VIRTUAL, /* computed where it is used, at the indices wanted */
  PLACE_SCALAR,  /* rank 0, in a register */
  PLACE_BUFFER,  /* in the workspace, or where the caller wants the result */
  PLACE_PARAM,   /* a tensor parameter */
  PLACE_CONST    /* a dense constant in the object */
} Place;

/* Why a value is stored: it cannot be computed element by element; a reader takes it from memory; or computing it where it is used
 * would cost more, because it is used more than once, each element of it is, a product would be repeated in the innermost loop, or a
 * recurrence would compute it one element at a time. */
typedef enum { WHY_OPERATION, WHY_READER, WHY_AGAIN, WHY_EXPANDED, WHY_FACTOR, WHY_SERIAL } Why;

typedef struct ValueInfo {
  Place place;
  Why why;      /* PLACE_BUFFER */
  int slot;      /* PLACE_BUFFER: where in the workspace; -1: it lives at its result pointer alone */
  int result;    /* PLACE_BUFFER: the result whose pointer is used, if not null; -1: none */
  int cost;      /* of one element, when computed in place */
  int use;       /* how many places ask for it, views looked through */
  int readers;   /* operands that it is, and yields */
  int made;      /* … of them, products that could compute it while they copy it */
  Op *reader;    /* the last of these operations; NULL: a yield */
  bool expanded; /* some of them ask for an element more than once */
  bool factor; /* some of those are products that are summed: even cheap arithmetic would be repeated in the inner loop
                */
  bool serial; /* some of them are recurrences */
  bool forced; /* some of them need it in memory */
  bool in_blocks; /* some of them are in a loop over blocks that it is not in */
  bool packed; /* PLACE_VIRTUAL: products compute it while they copy it */
  bool walked; /* some of them are in lanes, in a loop within a loop that it is not in */
  bool by_inverse; /* a quotient, in lanes or of a few elements, one of several by the same divisor */
  bool lanes;  /* the first result of a loop that is computed in lanes */
  int home;      /* PLACE_BUFFER: the id of the value that stands for all that live in this one's memory */
  bool shared;   /* … and there are others */
  bool in_parts; /* PLACE_BUFFER: chunks fold it in one behind another, not in its slot */
  bool local;    /* PLACE_BUFFER: a few elements, on the stack, which the optimiser keeps in registers */
  bool padded;   /* PLACE_BUFFER: its rows, along the last axis, are whole vectors in memory */
} ValueInfo;

enum { LEVEL_UNIT = -1, LEVEL_OTHER = -2, MAX_LEVEL = 2 * MAX_LABEL };
/* A value that a unit loads.  level: for each axis, the loop whose counter is the index there; LEVEL_UNIT on an axis of
 * length 1, LEVEL_OTHER for anything else. */
typedef struct Read {
  Value *v;
  const Value *row; /* the index on the first axis, if that is a number; or NULL */
  int8_t level[MAX_RANK];
} Read;

typedef enum {
  UNIT_SCALAR,  /* a rank-0 value, no loop */
  UNIT_STORE,   /* every element of v, computed and stored */
  UNIT_REDUCE,  /* every element of v, a sum or another fold */
  UNIT_UPDATE,  /* a part of v, whose rest is in its memory already: the operand's elements are stored there, or added */
  UNIT_ADD,     /* v, to which every element of an operand is added at a computed place */
  UNIT_STRAIGHT, /* a few elements, without loops: those of v, or those that are stored into it */
  UNIT_SPECIAL, /* an op with loops of its own: scan, scatter, concatenation, … */
  UNIT_EFFECT   /* a check */
} UnitKind;

/* Memory of one chunk begins apart from that of another, so that threads do not wait for each other's writes: parts of folds at multiples
 * of so many elements, what is made in a chunk at multiples of so many bytes. */
enum { PART_MULTIPLE = 32, COPY_MULTIPLE = 4096 };

/* How threads share the outermost loop of a unit, in chunks whose number follows from sizes alone. */
typedef struct Split {
  Dim *turns;    /* of the loop */
  Dim *work;     /* operations altogether, more or less */
  Dim *most;     /* chunks at most */
  Dim *copies;   /* of what is made in a chunk: no fewer, and growing with the sizes as a workspace has to */
  Dim *room;     /* for the parts of a fold: elements */
  Opcode *fold;  /* by result: how a chunk's part is folded into the result; OP_COUNT: chunks write apart */
  int *partial;  /* by result: the slot that holds the parts of all chunks but the first; -1: none, or a scalar */
} Split;

typedef struct Plan Plan;
typedef struct Unit {
  UnitKind kind;
  Plan *plan;      /* of the region that the unit is in */
  Plan *sub[2];    /* of the regions that its operation holds */
  Op *op;       /* NULL: v is copied, or computed anew, to a result */
  Value *v;     /* NULL for effects */
  Op *into;     /* UNIT_REDUCE: what puts the folds into the memory of v, its result, as nobody else wants them; or NULL */
  bool adds;    /* … and adds them to what is there, */
  bool minus;   /* … or subtracts them from it */
  int result;   /* the result that v is stored to; -1: none */
  bool dead;    /* its readers compute it themselves */
  bool gathers; /* contains an unchecked indexed load: must stay behind the checks */
  bool tiled;   /* a matrix product with a kernel of its own */
  bool params;  /* what is read of parameters is noted too */
  bool ints;    /* computes integers of which one may trap where nobody looks: a quotient, what was a real number */
  struct Seen *seen; /* what was followed already, at the same indices, is not followed again; NULL: each time */
  int scratch;  /* the slot that this works in */
  Split *split; /* NULL: one thread does it */
  /* Loops, outermost first.  The unit's labels (axes of v; of the operands of a reduction) each have a loop, or
   * LEVEL_UNIT. */
  int nlevel;
  Dim *level[MAX_LEVEL];
  int8_t level_of[MAX_LEVEL]; /* by label */
  int8_t out[MAX_RANK];       /* the label of each axis of v */
  int8_t place[MAX_RANK];     /* UNIT_STORE, UNIT_UPDATE, UNIT_ADD: as Read.level, of what it writes */
  int acc_level;              /* UNIT_REDUCE: loops from here on fold into a register; -1: into memory */
  int nread, read_cap;
  Read *read;
  uint64_t *need; /* the results that this feeds, one bit each */
  bool always;    /* feeds a check too */
  int group;
  int begin, end;             /* position in the function: equal but for an operation with regions */
} Unit;

/* Units that share one loop nest. */
typedef struct Group {
  int n, cap;
  Unit **unit;
  int relay;      /* so many groups from this one on take turns along the axis of their outermost loops; 0: they do not */
  Dim *row_bytes; /* … of what several of them read or write, for each entry of that axis */
  bool epilogue;  /* a matrix product: the next group is done with each piece of it as soon as that is finished, */
  bool rides;     /* … and this is such a group */
} Group;

typedef struct Slot {
  Type *type;
  Dim *bytes;
  bool dynamic; /* its size is known only at run time */
  bool nested;  /* made in a region, and perhaps of no valid size when that is not entered */
  Dim *copies;  /* so many, one for each chunk that is under way; NULL: one */
  int free_from;
} Slot;

/* How what a region yields reaches the memory of the carried values or results: from `yield` to `to`. */
typedef struct Move { int yield; Value *to; bool save; int slot; } Move; /* save: into a slot, before any move */

/* One region.  The function's body is the root; plans of nested regions share its tables and its slots. */
struct Plan {
  Ctx *ctx;
  Func *f;
  Plan *root;
  Region *region;
  ValueInfo *value;  /* by Value.id */
  Unit **producer;   /* by Value.id */

  int nunit, unit_cap;
  Unit **unit;
  Unit *exit;        /* of a nested region: reads what it yields */
  int nmove;
  Move *move;        /* of a nested region: tensors, in an order in which nothing is lost */
  int ngroup, group_cap;
  Group *group;
  int nslot, slot_cap;
  Slot *slot;        /* of the root */
  Band *band;        /* of the root */
  int need_words;
  bool *check;       /* of the root, by result: it tells whether plain products have made a nan; NULL: products are not plain */
  bool inverses;     /* of the root: … and quotients by inverses are computed then */
  int most_small;    /* of the root: values of so many elements may be local; 0: none */
  int64_t grain;     /* of the root: what a thread is worth asking for, in operations; 0: there is one thread */
};

Plan *plan_func(Ctx *c, Func *f, int64_t grain);
enum { VECTOR_BYTES = 64 };
Type *padded_type(Ctx *c, const Type *t); /* t with rows of whole vectors */

/* Parts of plan_func. */
void plan_lanes(Plan *p);     /* lanes.c: which loops are computed in lanes */
void plan_places(Plan *p);    /* place.c: virtual or stored */
void plan_weigh(Plan *p);     /* weigh.c: stored, or computed again */
void plan_ownership(Plan *p); /* ownership.c: which values live in one memory */
void plan_units(Plan *p);     /* schedule.c: units, their loops and groups */
void plan_groups(Plan *p);    /* group.c: units that share a loop nest */
int checks_in_one(const Plan *p, int from); /* group.c: so many groups from this on are checks of elements that can share a loop */
void plan_turns(Plan *p);     /* turn.c: the order of loops in groups */
bool same_loops(const Unit *a, const Unit *b);
bool is_flat(Plan *p, Unit *const *unit, int n); /* flat.c: one loop does all loops of a nest of these */
void plan_epilogues(Plan *p); /* epilogue.c: groups that are done piece by piece of a matrix product */
void plan_relays(Plan *p);    /* relay.c: groups that take turns */
void plan_splits(Plan *p);    /* split.c: what threads share */
void plan_storage(Plan *p);   /* storage.c */

/* ---- schedule.c for plan_region.c and ownership.c ---------------------------------------------------------------------- */

UnitKind unit_kind(const Op *op, Place place);
enum { MOST_WRITTEN_OUT = 16 }; /* terms of a sum */
/* Computing v of a UNIT_STORE reads x at most at the very indices that it is storing. */
bool reads_in_step(Plan *p, Op *op, const Value *x);
/* The same of what a set_slice, or a set at numbers, stores. */
bool stores_in_step(Plan *p, Op *op, const Value *x);
/* What the unit writes and an access elsewhere to the same memory, at `at`, meet in the same iteration of all loops if at all: each
 * counter is the index of both on some axis. */
bool in_step(const Unit *u, const int8_t *at, int rank);
bool adds_row_by_row(const Unit *u); /* UNIT_ADD: turns of the innermost loop add at places of their own */
int unit_cost(const Plan *p, const Unit *u); /* operations for an element, with what is computed on the way */
bool is_apart(const Op *update, const Read *r); /* it stores into another row than r reads */

/* The first loop from which on all are folded away; -1 when an outer one is folded while an inner one is not. */
int register_level(const Unit *u, int rank);

/* ---- reads.c: u reads what computing v, or op's result, loads ---- */
void read_at(Plan *p, Unit *u, Value *v, const int8_t *lev); /* … at the given levels of v's axes */
void read_op_at(Plan *p, Unit *u, Op *op, const int8_t *lev);
void read_operands(Plan *p, Unit *u, const Op *op);           /* of a reduction */
void read_anywhere(Plan *p, Unit *u, Value *v);               /* at indices of its own */
Unit reads_anew(Plan *p, const Unit *u); /* u, a UNIT_STORE or UNIT_REDUCE, with all that it reads, parameters too */
bool slice_is_whole(const Op *op, int axis);
/* place.c: made of counters by sums and products: as an index it shows which elements are neighbours, out of memory it would not. */
bool is_count(const Value *v);

Unit *maker_of(const Plan *p, const Value *v);  /* the unit of this region that makes v; NULL: it comes from around */
bool touches(const Plan *p, const Unit *u, const Value *v); /* u makes or reads what lives in v's memory */

void plan_goal(Plan *p, Unit *u); /* goal.c */

/* ---- product.c: contractions that are matrix products ----------------------------------------------------------------------- */

enum { PRODUCT_ROW, PRODUCT_COL, PRODUCT_SUM, PRODUCT_BATCH };
typedef struct Product {
  bool swap;               /* the rows are the second operand's */
  int8_t kind[MAX_LABEL];  /* by label; -1: it has one index, or none */
  bool in[MAX_LABEL];      /* by label: part of the product; others of these kinds are loops around it */
  int label[3];            /* by kind: the innermost of those in it */
  Dim *extent[3];
} Product;
bool product_find(Ctx *c, const Op *op, Product *p);
/* Without slices of which all elements lie one after another: a product reads these where they are. */
Value *behind_windows(Value *v);
Type *product_space(Ctx *c, const Op *op, const Product *p); /* what computing one takes besides */
Type *factor_space(Ctx *c, const Op *op); /* what the products in a factorisation or solve take; NULL: there is none that is large */

/* Numbers of the runtime's, by which memory is planned for it; tests/lint/lint.py compares them.  Terms and rows of a product that are done
 * at a time; elements of an operand that is read where it lies; lines of one that is computed, or all, of so many elements; the rows
 * of a matrix that is factorised without products. */
enum { PRODUCT_TERMS = 384, PRODUCT_ROWS = 768, PRODUCT_CACHED = 32768, OPERAND_LINES = 48, OPERAND_WHOLE = 32768, FACTOR_ROWS = 16 };

/* operand.c: the operand k, 0 that with the rows, is computed while it is copied. */
typedef struct OperandAxes { int line, sum, last; } OperandAxes; /* its rows or columns; the terms; the innermost axis of the two */
bool operand_axes(const Op *op, const Product *x, int k, OperandAxes *axes); /* false: there are several of a kind */
bool may_be_made(Plan *p, const Op *op, int k); /* k: of op */
bool is_made(Plan *p, const Value *v);
Dim *operand_space(Ctx *c, const Product *x, int k); /* elements at a time; NULL: there is no telling */
bool is_trimmed(const Plan *p, const Op *op, const Product *x); /* emit_trim.c: triangles or bands are cut out of it */

/* goal.c: op adds a product to something, or subtracts it; the operand that is the product; -1: it does not. */
int accumulates(Plan *p, const Op *op);

/* matvec.c: a matrix by a vector in the two innermost loops */
typedef enum { MATVEC_NONE, MATVEC_BY_ROWS, MATVEC_BY_COLUMNS } Matvec;
enum { MATVEC_ROWS = 4 }; /* are done at a time */
Matvec matvec_of(const Plan *p, const Unit *u);
bool keeps_level(const Unit *u, int level); /* a UNIT_REDUCE: its result has an index of its own for each turn */

/* range.c: how far the index of a level of a nest, or, back, its negative, goes beyond that of an outer one (-1: beyond 0) for a term to
 * be other than zero; NULL: as far as it can. */
Dim *nest_reach(Plan *p, Unit **unit, int n, int level, int outer, bool back);

/* ---- lanes.c: loops computed in lanes ---------------------------------------------------------------------------------------- */

/* How the new value of something carried is made of the old one, `held`, which is op's first operand: entries are set, something is
 * added at computed indices, or something is folded in. */
typedef enum { LANE_NONE, LANE_SET, LANE_SCATTER, LANE_FOLD } LaneKind;
typedef struct LaneExit { LaneKind kind; Value *held; Op *op; } LaneExit;
LaneExit lane_exit(const Op *loop, int k);
bool fits_lanes(const Op *op);
int64_t lane_work(const Op *loop); /* elements of reals that an iteration computes */
bool lane_reads_held(const Op *loop, int k); /* iterations read the entries that they will set */
/* It has products with a zero that stays one (or, with `inverses`, quotients by inverses), and a nan that any of them had as a plain
 * product would be seen in what leaves. */
bool shows_nan(const Plan *p, const Op *loop, bool inverses);
bool in_lanes(const Plan *p, const Region *r); /* r is the body of such a loop */

bool picks_by_numbers(const Op *op); /* the elements that it picks, or stores, are at places known now */

/* ---- small.c: a few elements in registers ------------------------------------------------------------------------------------ */

void plan_small(Plan *p);                           /* ValueInfo.local */
int64_t small_code(const Plan *p, int64_t most);    /* how long the code of all few elements is; more than `most` is just more */
int64_t small_count(const Type *t, int64_t most);   /* elements; -1: more, or not known */
bool picks_straight(const Op *op);                  /* picks_by_numbers, for slices too */
bool is_straight(const Plan *p, const Op *op);      /* its unit is UNIT_STRAIGHT, */
bool stores_straight(const Plan *p, const Op *op);  /* … if it updates in place */

/* ---- plain.c: plain products first ------------------------------------------------------------------------------------------- */

void plan_plain(Plan *p);
bool is_plain(const Plan *p, const Op *op); /* outside lanes it is computed in another way then */
bool in_plain_loop(const Op *op);           /* a mulz of a loop that passes/retry.c has look for nan itself */

/* ---- plan_region.c: operations that hold regions ------------------------------------------------------------------------- */

void plan_regions(Plan *p, Unit *u);                       /* plans for u's regions, and what u reads for them */
void plan_exit(Plan *p);                                   /* what a nested region yields */
bool func_is_recursive(const Func *f, const Func *callee); /* callee calls f, at whatever distance */
bool op_has_effect(const Op *op);                          /* it may fail, or not end */
bool same_memory(const Plan *p, const Value *a, const Value *b);

/* ---- split.c: what threads share ------------------------------------------------------------------------------------------ */

bool may_be_shared(const Unit *u); /* a loop nest */
Dim *split_room(Ctx *c, const Split *s, const Type *t); /* how many elements the parts of a fold of that type take */
enum { SCATTER_MULTIPLE = 8 };
int split_scatter_axis(const Op *op); /* which axis of what is added a chunk takes a part of; -1: none */
int64_t split_block(const Plan *p); /* a product is shared in blocks of so many rows and columns, or more: */
/* how many there are, by PRODUCT_ROW and PRODUCT_COL; and no fewer, but growing with the sizes as a workspace has to */
typedef struct ProductBlocks { Dim *n[2], *most[2]; } ProductBlocks;
ProductBlocks split_blocks(const Plan *p, const Op *op, const Product *x);

/* ---- work.c: how much there is to do --------------------------------------------------------------------------------------- */

bool region_calls(const Region *r); /* emit_size.c: another function of the module */
Dim *loop_turns(Ctx *c, const Op *op); /* how often the body runs, where the bounds are dimensions; NULL: that is not known */
Dim *region_flops(Ctx *c, const Region *r, bool *more); /* *more: something is left out whose amount only a run can tell */

/* ---- facts about operations (place.c) ---------------------------------------------------------------------------- */

int op_cost(const Op *op);             /* of one element, in units of an addition */
bool op_is_view(const Op *op);         /* moves elements, computes nothing: transposition, broadcast, slice, reshape */
bool dim_mentions_value(const Dim *d); /* a symbol known only at run time */
bool type_mentions_value(const Type *t);
int label_extents(const Op *op, Dim **extent); /* of a contraction, by label; returns 1 + the largest label */

/* How a reshape's operand is indexed, when that takes no division: operand axis i is the row-major index over the
 * result axes first[i] .. first[i] + n[i] - 1.  False: only the position in memory will do. */
typedef struct {
  int8_t first[MAX_RANK], n[MAX_RANK];
} ReshapeMap;
bool reshape_map(Ctx *c, const Type *from, const Type *to, ReshapeMap *map);

#endif
