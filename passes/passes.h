/* passes.h - from IR to IR.  Every pass leaves a module that verifies; the pass manager checks after each. */
#ifndef ADC_PASSES_PASSES_H
#define ADC_PASSES_PASSES_H
#include "ir/ir.h"

/* Runs comma-separated passes ("inline,simplify,cse,dce,adjoint,tangent,…") over every function; an unknown name or a failing
 * pass is a diagnostic, and false.  adjoint and tangent add functions beside the primal ones. */
bool passes_run(Module *m, const char *names);
typedef struct PassInfo { const char *name, *doc; } PassInfo;
const PassInfo *pass_info(int i); /* NULL after the last */

/* The passes, each total and idempotent in effect: on the way to derivatives, */
bool pass_resolve(Module *m); /* derivative operators become calls of derived functions; false after a diagnostic */
void pass_drop(Module *m);    /* functions that nothing exported leads to */
void pass_unwind(Func *f);   /* a function that calls itself at most once, on any way through it, becomes loops */
void pass_inline(Func *f);   /* every call of a function that is not recursive */
void pass_simplify(Func *f); /* algebra, constants, broadcasts and transposes into contraction labels, contraction order */
void pass_cse(Func *f);
void pass_dce(Func *f);
void pass_hoist(Func *f);    /* what does not change in a loop, before it */
void pass_optimise(Func *f); /* simplify, cse, hoist, dce to a fixed point (bounded) */
/* and for code generation, in this order. */
void pass_trap(Func *f);      /* checks that no NaN or infinity comes up, which tell where */
void pass_roots(Func *f);     /* powers that are products of roots */
void pass_powers(Func *f);    /* powers whose exponents count are running products */
void pass_argument(Func *f);  /* where an extreme is, as two folds */
void pass_defer(Func *f);     /* outer products that a loop adds up become one contraction after it */
void pass_windows(Func *f);   /* convolutions and pooling: windows of tensors as matrix products, and sums of shifted tensors */
void pass_one_hot(Func *f);   /* what is added at one computed place of each row, as an elementwise expression */
void pass_join(Func *f);      /* loops over the same entries, each the other's, become one */
void pass_spread(Func *f);    /* loops of independent iterations, with short loops inside, take the form of strips */
void pass_abreast(Func *f);   /* loops of independent iterations, with long loops inside, do several at a time */
void pass_fill(Func *f);      /* what inner loops fill is filled in its place in a larger tensor */
void pass_again(Func *f);     /* what is large, of what is small, is made again behind a loop */
void pass_strip(Func *f);     /* chains of operations along a long axis become loops over its blocks */
void pass_retry(Func *f);     /* loops are run with plain products first */
void pass_guard(Func *f);     /* what is computed in vain beside a condition is kept finite */
void pass_beside(Func *f);    /* iterations of strips with short loops inside are done side by side */
void pass_alternate(Func *f); /* what loops make anew of neighbours has two rows */
void pass_order(Func *f);     /* tensors are read before they are stored over */

/* Which parameters a derivative is taken of: names of ports of f, in the order wanted; n 0: all with a real leaf. */
typedef struct Wrt { int n; const char *const *name; const Loc *loc; } Wrt;

/* Derivative functions, added to f's module, from f after inlining.  NULL after a diagnostic (unknown name in wrt, no real
 * parameter, result not scalar).  Names of the new ports: x_grad, out_seed, x_tangent, out_tangent, with "_grad" (or
 * "_seed", …) repeated until unique.
 *  vjp:  f's parameters, a seed for each real result; f's results, then a cotangent for each wrt parameter.
 *  grad: vjp with seed 1; needs exactly one real result that is scalar; of a FUNC_GRAD function with one derivative result that
 *        is scalar: the gradient of that result (so that order k of a scalar function is f_grad_grad…).
 *  jvp:  f's parameters, a tangent for each wrt parameter; f's results, then a tangent for each real result.
 * The function's name is f's with _grad, _vjp or _jvp appended. */
Func *derive_grad(Func *f, Wrt wrt);
Func *derive_vjp(Func *f, Wrt wrt);
Func *derive_jvp(Func *f, Wrt wrt);
/* f_hvp, f_jacobian, f_hessian (kind), exported and resolved: f's parameters, for the hvp a tangent x_tangent for each wrt
 * parameter; f's results, then x_hvp (as a gradient), or for each pair of leaves a tensor with the dimensions of the first leaf,
 * then those of the second: x_jacobian (out_x_jacobian where there are several real results), x_hessian (x_y_hessian where there
 * are several wrt leaves). */
Func *derive_operator(Func *f, Wrt wrt, FuncKind kind);
Func *lean_copy(Func *f); /* becomes f->lean; added to f's module */
/* Symbols of f that stand for short axes, by the look of it: as many as f has at most. */
int version_symbols(const Func *f, Sym **sym);
/* f where symbols have these values, optimised, as the last function of f's module.  NULL: f fails there, or it cannot be told. */
Func *version_of(Func *f, const char *name, int n, const DimSubst *at);
bool can_grad(const Func *f);   /* has the form that derive_grad needs */
bool can_derive(const Func *f); /* has a real parameter */

#endif
