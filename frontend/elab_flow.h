/* elab_flow.h - what the files of statements, branches, loops and function values share; private to them.
 *
 * Outside comprehensions a branch is an `if` op and a loop a `for` or `while` op: the arms and bodies are elaborated
 * into regions, and variables that they assign become results.  Inside a comprehension, where a value has an axis for
 * each index, both arms of a branch are elaborated under masks and chosen by `select`.  So e->mask is NULL unless
 * e->index is set. */
#ifndef ADC_FRONTEND_ELAB_FLOW_H
#define ADC_FRONTEND_ELAB_FLOW_H
#include "frontend/elab_core.h"

/* The flags of a loop: hidden variables (bool), NULL where the body has no such statement. */
typedef struct Loop {
  Binding *broke, *skipped;
} Loop;

/* A body being elaborated: what `return` has to know.  The flag and the value returned are hidden variables, so that
 * they go through branches and loops as every other one. */
typedef struct Flow {
  Spec *result;     /* the declared type, in the terms of the scope at hand; NULL: that of the first `return` */
  const char *what; /* "the result of 'f'" */
  Binding *returned;
  Binding *value; /* its value is NULL until something has been returned */
  Loop *loop;     /* the innermost */
  bool failed;    /* something in the body is wrong, and reported */
} Flow;

/* elab_stmt.c */
void elab_stmts(Elab *e, Stmt *s); /* in the scope at hand */
void bind_value(Elab *e, BindKind kind, Name *n, Tval *v);
Spec *spec_like(Elab *e, const Tval *v);
bool has_error(const Tval *v);
bool is_known(const Tval *flag, bool value); /* a flag that is decided when compiling */
Tval *tv_flag(Elab *e, bool value);
Binding *hidden_variable(Elab *e, const char *name, Tval *v);
typedef enum { EXITED_NEVER, EXITED_PERHAPS, EXITED_ALWAYS } Exited;
Exited exited(Elab *e, Tval **flag); /* whether control has left the block by here; flag: set for EXITED_PERHAPS */
/* Elaborates a body in the scope that holds its parameters: the value returned.  who: "'f'". */
Tval *elab_body(Elab *e, Stmt *s, Spec *result, const char *who, Loc name);

/* elab_branch.c: a choice of two ways, each elaborated in turn */
typedef struct Var {
  Binding *b;
  Tval *before, *then;
} Var;
typedef struct Branch {
  Tval *cond;
  bool masked;
  Region *here, *region[2];
  Tval *mask;
  Var *var;
  int nvar, var_cap;
} Branch;
void branch_begin(Elab *e, Branch *br, Tval *cond);
void branch_arm(Elab *e, Branch *br, int arm); /* 0: where the condition holds; then 1 */
/* The variables hold what the arm taken has given them; a and b are values of the two arms, of which the chosen one
 * comes back, or NULL. */
Tval *branch_end(Elab *e, Branch *br, Loc loc, Tval *a, Tval *b);
Tval *elab_condition(Elab *e, Expr *x, const char *what); /* a bool scalar; NULL after a diagnostic */
Tval *unknown_condition(Elab *e);                         /* stands in for a condition that is wrong */
/* A value of the type of `model` over consecutive leaves, from *next on. */
Tval *tv_over(Elab *e, const Tval *model, Value **leaf, int *next);
Tval *tv_zeros(Elab *e, Spec *s);

/* elab_loop.c */
void stmt_for(Elab *e, Stmt *s);
void stmt_while(Elab *e, Stmt *s);
/* An int that a loop counts, as a symbol with bounds lo <= i < hi (NULL: unknown): the `sym` op stands where e->b is.
 */
Tval *counted_int(Elab *e, const char *name, Loc loc, Value *v, Dim *lo, Dim *hi);

/* elab_scan.c: looking ahead, by syntax alone */
enum { EXIT_RETURN = 1, EXIT_BREAK = 2, EXIT_CONTINUE = 4 };
unsigned stmts_exits(const Stmt *s); /* what may leave the list early; of break and continue those of its own loop */
bool stmts_leave(const Stmt *s);     /* every way through the list ends in one of them */
void stmts_targets(Elab *e, const Stmt *s, Binding ***b, int *n, int *cap); /* variables around it that it assigns */

/* elab_serial.c */
Tval *serial_comprehension(Elab *e, Expr *x);
Tval *serial_reduction(Elab *e, Expr *x);
typedef Tval *SerialCall(Elab *e, void *env);
/* arg: scalars and tensors that broadcast to dims; each call finds the elements there instead. */
Tval *serial_elementwise(Elab *e, Loc loc, int rank, Dim *const *dims, int n, Tval **arg, SerialCall *call, void *env);

#endif
