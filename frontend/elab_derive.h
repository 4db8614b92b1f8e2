/* elab_derive.h - what the files of the derivative operators share; private to them. */
#ifndef ADC_FRONTEND_ELAB_DERIVE_H
#define ADC_FRONTEND_ELAB_DERIVE_H
#include "frontend/elab_core.h"

enum { E_NO_GRADIENT = 501, E_NO_WRT = 502, E_WRT_NOT_REAL = 503, E_NO_REAL_PARAM = 504, E_SEEDS = 532, E_WRT_TWICE, E_DERIVE_FORM,
       E_DERIVE_SIZE };

typedef enum { TAKES_NOTHING, TAKES_SEEDS, TAKES_TANGENTS } Takes;
typedef struct DeriveWord {
  const char *name;
  DeriveKind kind;
  Takes takes;
  bool scalar, value; /* needs a scalar result; gives the function's value too */
} DeriveWord;

/* A derivative operator and what it is applied to. */
typedef struct DeriveForm {
  const struct DeriveWord *word;
  FunctionValue *of;
  Arg *wrt; /* names of parameters; NULL: all real ones */
  Loc loc;
} DeriveForm;

/* A function as a local Func: its parameters are the leaves that are differentiated by, then what it uses from around. */
typedef struct Lifted {
  Func *func;
  int nwrt, *wrt;             /* ports */
  int nleaf; Value **leaf;    /* operands, in the caller */
  int nsubst; DimSubst *subst;
  Tval *result;               /* its value as the function sees it: for its types */
  int nlabel; Index **label;  /* the batch labels, which its wrt leaves and results carry, all of them */
} Lifted;

/* Elaborates what `body` makes of env.  `wrt` are the values by which it is differentiated: their real leaves are replaced by
 * parameters while it runs.  False after a diagnostic. */
typedef Tval *LiftBody(Elab *e, void *env);
bool lift(Elab *e, Loc loc, const char *name, int nwrt, Tval **wrt, bool batched, LiftBody *body, void *env, Lifted *to);
/* The real leaves of a value, as deep as it is. */
int real_leaves(const Tval *v, Tval **to);
/* v with its leaves, in order, replaced by what fn gives: only the real ones, or all. */
typedef Tval *LeafFn(Elab *e, Tval *leaf, void *env);
Tval *replace_real(Elab *e, Tval *v, LeafFn *fn, void *env);
Tval *replace_all(Elab *e, Tval *v, LeafFn *fn, void *env);

/* ---- a call of a derivative: elab_derive.c, elab_derive_result.c ---- */

typedef struct Params {
  int n;
  const char **name;
  Loc at;
} Params;

typedef struct Call {
  const DeriveForm *form;
  Expr *x;
  Params params;
  Tval **arg;            /* by parameter */
  int nseed; Tval **seed;
  int nwrt, *wrt;        /* parameters */
  Tval **wrt_value;      /* over the parameters of the lifted function while it is made */
  bool inner_seeds;      /* what follows ';' belongs to the function, which is a vjp or jvp itself */
  Lifted f;
} Call;

/* The results of the derive op as the language's values: a gradient has the structure of its parameter. */
Tval *derive_results(Elab *e, Call *c, const Op *op);

#endif
