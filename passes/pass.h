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
Value *simplify_view(Simplify *s, Op *op);
Value *simplify_index(Simplify *s, Op *op);
bool check_is_provable(Ctx *c, const Op *op);        /* an effect that can never fail */

/* ---- activity.c --------------------------------------------------------------------------------------------------------- */

/* By value id: real, and a differentiable function of a value for which from is set.  from is extended in place. */
void activity_forward(Func *f, bool *from);
/* By value id: some result marked in the table depends on it, in any way. */
void activity_backward(Func *f, bool *reaches);

/* ---- adjoint.c, tangent.c and their families ------------------------------------------------------------------------------ */

typedef struct Deriv {
  Builder b;
  Func *func;
  bool *active; /* by id: to be differentiated */
  Value **d;    /* by id: cotangent or tangent; NULL: zero */
  int n;        /* ids below are the primal's */
} Deriv;
bool is_active(const Deriv *d, const Value *v);
Value *deriv_of(Deriv *d, const Value *v);         /* NULL: zero */
Value *deriv_or_zero(Deriv *d, const Value *v);
void deriv_add(Deriv *d, const Value *v, Value *contribution); /* NULL contributes nothing */

typedef void (*AdjointFn)(Deriv *d, Op *op, Value *dy);
typedef Value *(*TangentFn)(Deriv *d, Op *op);
typedef struct Differential { AdjointFn adjoint; TangentFn tangent; } Differential; /* NULL: results are never active */
extern const Differential differential_map, differential_contract, differential_reduce, differential_scan,
    differential_view, differential_index;
const Differential *differential_of(const Op *op);
bool operand_contributes(const Op *op, int i); /* the result depends differentiably on operand i */

/* d->d holds the cotangents of results (tangents of parameters) on entry, those of all active values on return. */
void adjoint_sweep(Deriv *d);
void tangent_sweep(Deriv *d);

/* ---- derive.c --------------------------------------------------------------------------------------------------------------- */

/* As derive_*, but the result is left as the rules made it: for the pass manager. */
Func *derive_raw(Func *f, Wrt wrt, FuncKind kind);

#endif
