/* pass.h - what the passes share; private to passes/.  Sections by file. */
#ifndef ADC_PASSES_PASS_H
#define ADC_PASSES_PASS_H
#include "passes/passes.h"

/* ---- rewrite.c: replacing values while walking forward ------------------------------------------------------------- */

/* Side tables by value id; they grow as ids are handed out.  A value that is replaced keeps its operation, dead, until dce. */
typedef struct Rewrite {
  Func *func;
  Ctx *ctx;
  Value **to; /* what stands in the value's place; NULL: itself */
  int *uses;
  int cap;
} Rewrite;
void rw_init(Rewrite *r, Func *f);              /* counts uses */
Value *rw_get(Rewrite *r, Value *v);
void rw_replace(Rewrite *r, Value *from, Value *to); /* moves the uses too */
int rw_uses(Rewrite *r, const Value *v);
void rw_use(Rewrite *r, Value *v, int n);       /* n more uses, or fewer; an op that loses its last takes its own back */
void rw_operands(Rewrite *r, Op *op);           /* puts replacements in the operands */
void rw_results(Rewrite *r, Region *g);
bool op_is_dead(Rewrite *r, const Op *op);      /* no effect, no region, and no result is used */

/* ---- constant.c: what is known of a value ----------------------------------------------------------------------------- */

bool splat_real(const Value *v, double *x);     /* every element is x: a constant, or its broadcast */
bool splat_int(const Value *v, int64_t *x);     /* also a constant dimension, true and false */
bool is_splat(const Value *v, double x);        /* of any element type; 0 is not -0 */
Dim *value_dim(Ctx *c, const Value *v);         /* a scalar int that is a dimension; NULL: not known */
bool fold_real(Opcode op, const double *x, double *y); /* a map op on real constants */
bool fold_compare(Opcode op, double x, double y, bool *r);
bool fold_int(Opcode op, const int64_t *x, int64_t *y);

/* ---- labels.c: contractions ----------------------------------------------------------------------------------------------- */

enum { CON_LABELS = 64 };
/* A contraction under construction: labels may go beyond MAX_LABEL; con_emit numbers them afresh. */
typedef struct Con {
  int n;
  Value *x[2];
  int8_t in[2][MAX_RANK], out[MAX_RANK];
  int rank; /* of the output */
  Elem elem;
  int nlabel;
  Dim *extent[CON_LABELS];
} Con;
uint64_t con_in(const Con *k, int i); /* sets of labels */
uint64_t con_out(const Con *k);
uint64_t con_summed(const Con *k); /* but for axes of length 1 */
Con con_of(const Op *op);             /* a contraction, or a reshape that is_relabel */
bool con_fits(const Con *k);          /* has few enough labels to be one op */
bool is_relabel(const Value *v);      /* transpose, broadcast, or a reshape that inserts or drops axes of length 1 */
/* Emits in canonical form: labels that one operand alone is summed over are summed first, an operand is broadcast last, and a
 * product without a sum is mul (or mulz) of broadcasts. */
Value *con_emit(Builder *b, Con k, Opcode product);
Value *relabel(Builder *b, Value *x, const int8_t *in, const int8_t *out, int rank, Dim *const *extent);
bool con_is_canonical(const Con *k);

/* ---- simplify: one file a family --------------------------------------------------------------------------------------- */

typedef struct Simplify { Rewrite rw; Builder b; Ctx *ctx; } Simplify;
typedef Value *(*SimplifyRule)(Simplify *s, Op *op); /* what stands in the place of op's result, or NULL */
SimplifyRule simplify_map_rule(Opcode op);
Value *simplify_sink(Simplify *s, Op *op);           /* a map of broadcasts is the broadcast of the map */
Value *simplify_contract(Simplify *s, Op *op);
Value *simplify_chain(Simplify *s, Op *op);
bool as_product(const Value *v, Con *k);             /* of two operands with labels: a contraction, mul or mulz of broadcasts */
Value *simplify_view(Simplify *s, Op *op);
Value *simplify_index(Simplify *s, Op *op);
Value *simplify_one_element(Simplify *s, Op *op);    /* a gather at one place only */
Value *simplify_shift(Simplify *s, Op *op);          /* a scatter_add or scatter_acc to places that count, or to one */
bool check_is_provable(Ctx *c, const Op *op);        /* an effect that can never fail */
bool simplify_check(Simplify *s, Op *op);           /* true: op is there no more; what follows it may have changed */
/* Before and after the regions of op are gone through.  When op is decided at compile time it is unlinked, and the operation to
 * visit next returned (NULL: none). */
Op *simplify_region_before(Simplify *s, Op *op, int *fuel);
Op *simplify_region_after(Simplify *s, Op *op, int *fuel);
bool only_here(Simplify *s, const Value *v); /* used once, and computed in the region that is being simplified */

/* ---- logistic.c ------------------------------------------------------------------------------------------------------------- */

void pass_logistic(Func *f);
bool has_plain_slope(const Op *op); /* a sigmoid of what is not positive */
Value *logistic_argument(const Op *op, Value **t, Value **u); /* z, if op is sigmoid(z) by way of t and u; else NULL */

/* ---- hoist.c ---------------------------------------------------------------------------------------------------------------- */

bool is_free(const Op *op); /* a broadcast or counter of one axis or more: cheaper to do again than to keep */

/* ---- counter.c ------------------------------------------------------------------------------------------------------------- */

/* from, from + 1, … along one axis, the same along all others */
typedef struct Counter { int axis; double from; } Counter;
bool value_counts(const Value *v, Counter *c);

/* ---- bound.c --------------------------------------------------------------------------------------------------------------- */

typedef struct Bounds { Dim *lo, *hi; } Bounds; /* both inclusive */
bool value_bounds(Ctx *c, const Value *v, Bounds *r);

/* ---- entries.c: a loop whose iterations each have an entry of their own -------------------------------------------------- */

Dim *entries_count(Ctx *c, const Op *loop);           /* of a `for` over 0 <= i < n, each once, whichever way; NULL: it is not */
Op *entries_set(const Op *loop, int k, Dim *n);       /* sets or adds to the own entry of carried tensor k, which it alone sees; or NULL */
bool entries_grow(const Op *loop, int k);             /* carried value k is added to at each step, and nobody else looks */
bool is_own_entry(const Op *loop, const Op *op);      /* a gather, set or scatter_acc at the iteration's number */
bool region_has_loop(const Region *r);                /* at whatever depth */
bool region_has_doubles(const Region *r);

bool checks_come_first(Func *f, Op *loop); /* checks.c: true if all that can fail in the loop is asked before it now */

/* ---- spread.c ---------------------------------------------------------------------------------------------------------------- */

enum { SPREAD_MOST = 16000 };
int64_t spread_weight(Func *f, Op *loop); /* elements that an iteration computes, SPREAD_MOST at most; 0: it will not be lanes */

/* ---- visit.c: walks over regions ------------------------------------------------------------------------------------------ */

typedef void (*ValueFn)(void *env, Value *v);
typedef void (*SymFn)(void *env, Sym *s);
void region_each_use(const Region *g, ValueFn fn, void *env); /* operands and what regions yield, nested ones too */
void op_each_use(const Op *op, ValueFn fn, void *env);        /* its operands, and what its regions use */
void type_each_sym(const Type *t, SymFn fn, void *env);
void op_each_sym(const Op *op, SymFn fn, void *env);          /* in result types and attributes, and of what is inside it */
bool has_effect(const Op *op);                                /* is one, or holds one */

/* ---- retry.c -------------------------------------------------------------------------------------------------------------- */

Value *any_nan(Builder *b, Value *x); /* a bool */

/* ---- entry.c -------------------------------------------------------------------------------------------------------------- */

Value *entry_of(Builder *b, Value *v, const int64_t *at); /* v at constant places on some axes, which are dropped; -1: an axis stays */
Value *window_entry(Builder *b, const Op *gather, const int64_t *at); /* windows.c: the same, if it runs over windows; or NULL */

/* ---- inline.c ------------------------------------------------------------------------------------------------------------- */

void inline_but(Func *f, const Func *keep); /* every call of a function that cannot reach itself, but for calls of `keep` */

/* ---- cse.c -------------------------------------------------------------------------------------------------------------- */

bool is_mergeable(const Op *op);                    /* the same operation of the same operands gives the same */
void cse_region(Func *f, Region *g); /* of what the region computes; what is not needed any more waits for prune_region */

/* ---- dce.c -------------------------------------------------------------------------------------------------------------- */

/* Removes what neither effects nor the region's results need: operations, calls, carried values and results of regions. */
void prune_region(Func *f, Region *g);

/* ---- activity.c --------------------------------------------------------------------------------------------------------- */

/* By value id: real, and a differentiable function of a value for which from is set.  from is extended in place. */
void activity_forward(Func *f, bool *from);
/* By value id: some value marked in the table depends on it, in any way. */
void activity_backward(const Region *g, bool *reaches);

/* ---- adjoint.c, tangent.c and their families ------------------------------------------------------------------------------ */

typedef struct Taped { Value *tape, *value; struct Taped *next; } Taped; /* a loop's result holds that value of its body */
typedef struct Deriv {
  Builder b;
  Func *func;
  bool *active;  /* by id: to be differentiated */
  Value **d;     /* by id: cotangent or tangent; NULL: zero */
  Value **source; /* by id: of what is read from a tensor, another with the same there, once a loop has been run; or NULL */
  int n, cap;    /* ids from n on have neither */
  Taped *taped;
  bool optimise; /* functions made on the way are */
  struct Dense *dense;
} Deriv;
Deriv deriv_start(Func *g);                        /* nothing is active yet */
void deriv_reserve(Deriv *d);                      /* n becomes the function's count of values */
bool is_active(const Deriv *d, const Value *v);
Value *deriv_of(const Deriv *d, const Value *v);   /* NULL: zero */
Value *deriv_or_zero(Deriv *d, const Value *v);
void deriv_add(Deriv *d, const Value *v, Value *contribution); /* NULL contributes nothing */
bool deriv_in_region(const Deriv *d);              /* what is emitted now may be executed many times */

typedef void (*AdjointFn)(Deriv *d, Op *op, Value *dy);
typedef Value *(*TangentFn)(Deriv *d, Op *op);
typedef struct Differential { AdjointFn adjoint; TangentFn tangent; } Differential; /* NULL: results are never active */
extern const Differential differential_map, differential_contract, differential_reduce, differential_scan,
    differential_view, differential_index, differential_matrix;
const Differential *differential_of(const Op *op);
bool operand_contributes(const Op *op, int i); /* the result depends differentiably on operand i; not for calls and regions */

/* d->d holds the cotangents of results (tangents of parameters) on entry, those of all active values on return. */
void adjoint_sweep(Deriv *d);
void tangent_sweep(Deriv *d);

/* From `last` back to the first operation of its region, to the end of which d->b appends. */
void adjoint_region(Deriv *d, Op *last);
void adjoint_between(Deriv *d, Op *last, const Op *before); /* no further than to the operation after `before` */
void adjoint_if(Deriv *d, Op *op);
bool adjoint_for(Deriv *d, Op *op); /* true: op was given a tape, or what it leaves is where its adjoint begins */
/* A `while` of `room` iterations at most.  few: false, and nothing is done, if what is taped has many elements. */
bool adjoint_in_room(Deriv *d, Op *loop, Dim *room, bool few);
void adjoint_while(Deriv *d, Op *op);
void adjoint_call(Deriv *d, Op *op);
void tangent_in(Deriv *d, Region *g);
void tangent_region_op(Deriv *d, Op *op);
void tangent_call(Deriv *d, Op *op);

/* ---- adjoint_pick.c: true if the cotangent was taken care of ---- */
bool adjoint_extreme_picked(Deriv *d, Op *op, Value *dy); /* rmax, rmin */
bool adjoint_gather_picked(Deriv *d, Op *op, Value *dy);

/* ---- adjoint_dense.c ---- */
typedef struct Dense Dense;
void dense_ask(Deriv *d);                          /* before questions about one operation */
/* The cotangent of v has more than what comes of elements chosen along these axes of it. */
bool is_dense(const Deriv *d, const Value *v, uint32_t chosen);

/* A copy of a region's operations, but for effects, at d->b, active where the original is.  What the map does not know stands
 * for itself. */
void deriv_clone(Deriv *d, CloneMap *m, const Region *from);
/* The active values from around the regions of op that they use, and that `reaches` marks (NULL: all). */
typedef struct Values { Value **v; int n, cap; } Values;
Values captured_active(const Deriv *d, const Op *op, const bool *reaches);
Values captured_values(const Deriv *d, const Op *op); /* all of them */
Op *clone_but_effects(CloneMap *m, Builder *b, Op *op); /* NULL: op is one */
/* A loop that is run backward.  What its adjoint carries: the cotangents of `n` carried values, then those of captured ones. */
typedef struct Reverse {
  Op *loop, *rev;
  int n, *carried;
  Values captured;
  Value **outer; /* cotangents of captured values around the loop */
} Reverse;
Reverse reverse_start(Deriv *d, Op *loop);
Value **reverse_init(Deriv *d, const Reverse *r);           /* the cotangents after the loop */
Value *loop_carried(const Op *loop, int k);                 /* the parameter */
void adjoint_recomputed(Deriv *d, Op *loop);                /* a `for` that keeps O(log T) of its states */
void loop_prepare(Deriv *d, Region *g); /* every active `while` carries the number of its iterations, `if` yields what its adjoint
                                         * reads; loops of k snapshots are split */
void loop_split(Deriv *d, Op *loop);
void if_yield_residuals(Deriv *d, Op *op);
Value *if_yield(Deriv *d, Op *op, Value *v); /* a value of one of its regions becomes a result, in the other region zero */

/* ---- count.c --------------------------------------------------------------------------------------------------------------------- */

Dim *trip_count(Ctx *c, const Op *loop); /* of a `for` whose bounds are dimensions; NULL: not known */
Dim *trip_count_bound(Deriv *d, Op *loop); /* what a symbol stands for that is bound to it; a `while` has a counter */
Value *trip_count_value(Builder *b, Op *loop);
bool loop_counts(const Op *loop, int k, int64_t *step); /* carried value k is an int that grows by a constant step */
Dim *trip_limit(Ctx *c, const Op *loop); /* a `while` turns no more often; NULL: that is not known */
int find_counter(const Op *loop); /* the carried value that is the number of iterations done; -1: there is none */
Value *loop_index_at(Builder *b, Value *lo, Value *step, Value *t); /* in iteration t */
void map_counters(Builder *b, CloneMap *m, const Op *loop, Value *t); /* what counts, in a copy of the body for iteration t */

/* ---- undo.c ------------------------------------------------------------------------------------------------------------------ */

/* A carried tensor k of a loop whose adjoint carries its state too: that after and that before the iteration. */
typedef struct State { int k; Value *after, *before, *stand_in; } State;
typedef struct Undo { Deriv *d; Ctx *ctx; Op *loop; int n; State *state; struct Log *log; struct Old *old; CloneMap *map; } Undo;
/* Chooses tensors, and has the primal read what it stores over; before the body is copied. */
Undo *undo_prepare(Deriv *d, Op *loop);
/* t: the iteration; copied: the map to the copy in the adjoint's body.  Until tape_cut says that a state is needed, rev yields it
 * unchanged, as its last results. */
void undo_emit(Undo *u, Op *rev, Value *t, CloneMap *copied);

/* ---- settled.c --------------------------------------------------------------------------------------------------------------- */

void settled_mark(Deriv *d, Op *loop);    /* reads at places that are not stored to any more, or not yet */
Value *settled_source(const Deriv *d, const Value *v); /* NULL: v is no such read */
void settled_use(Deriv *d, Region *g);    /* takes them from where else they are */
/* v, of a loop's body, is stored in a tensor where it stays, at a place that its copy (made with m) in rev knows. */
bool settled_keeps(const Deriv *d, CloneMap *m, const Region *rev, const Value *v);
Value *settled_read(Deriv *d, Builder *b, CloneMap *m, const Value *v); /* read there, at b in rev */

/* ---- tape.c ------------------------------------------------------------------------------------------------------------------ */

/* A loop `primal`, and the region of the loop that is run backward over its iterations `t`: first a copy (made with `map`) of
 * primal's body, in which primal's carried parameters stand for themselves, then what uses the copy.  copied: by value id, the
 * results of the copy and of what was put in it. */
typedef struct Tape {
  Deriv *d;
  Op *primal;
  Region *rev;
  CloneMap *map;
  Value *t;
  Dim *room;     /* a place for each iteration there may be */
  bool few;      /* only what has few elements may be stored */
  bool *copied;
  int ncopied;
  Undo *undo;
} Tape;
typedef enum { TAPE_NONE, TAPE_STORED, TAPE_TOO_LARGE } TapeCut;
/* Makes rev independent of primal's carried values: what a minimum cut says is stored by primal.  TAPE_TOO_LARGE: nothing was done. */
TapeCut tape_cut(Tape *t);
Value *tape_mirror(Deriv *d, CloneMap *map, const Region *branch, Value *tape); /* NULL: it cannot be */
void note_taped(Deriv *d, Value *tape, Value *value);
bool op_is_costly(const Op *op); /* not to be done twice */
bool op_is_elementwise(const Op *op); /* its work is in proportion to its result */
double nominal_bytes(const Type *t); /* with a middling number for every dimension */

/* ---- derive.c --------------------------------------------------------------------------------------------------------------- */

/* As derive_*, but the result is left as the rules made it: for the pass manager. */
Func *derive_raw(Func *f, Wrt wrt, FuncKind kind);
/* The ports that are meant; scalar: there must be one real scalar result.  False after a diagnostic. */
bool derive_choose(Func *f, Wrt wrt, bool scalar, int *nwrt, int **ports);
/* The vjp or jvp with respect to these ports, each with a real leaf, under this name; not exported. */
Func *derive_ports(Func *f, FuncKind kind, int nwrt, const int *wrt, const char *name);

/* ---- batch.c ---------------------------------------------------------------------------------------------------------------- */

/* f over a leading axis of length n of the parameters that `which` marks; result[i]: result i has it too.  NULL after a
 * diagnostic: a tensor would have too many axes. */
Func *batch_function(Func *f, const bool *which, Dim *n, bool *result);

#endif
