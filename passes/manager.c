/* manager.c - runs passes by name and verifies after each.
 * A pass that leaves a module which does not verify is a fault of adc's own. */
#include "passes/pass.h"
#include <string.h>

enum { E_UNKNOWN_PASS = 510 };

typedef void (*FuncPass)(Func *f);
/* run NULL: resolves, then derives (the primal: no more). */
typedef struct PassEntry { PassInfo info; FuncPass run; FuncKind derive; } PassEntry;

static const PassEntry pass[] = {
    {{"unwind", "turn functions that call themselves at most once into loops"}, pass_unwind, FUNC_PRIMAL},
    {{"inline", "put the bodies of called functions in the place of calls"}, pass_inline, FUNC_PRIMAL},
    {{"simplify", "algebra, constants, labels of contractions, their order"}, pass_simplify, FUNC_PRIMAL},
    {{"cse", "one operation for equal computations"}, pass_cse, FUNC_PRIMAL},
    {{"dce", "remove what nobody needs"}, pass_dce, FUNC_PRIMAL},
    {{"hoist", "compute before a loop what does not change in it"}, pass_hoist, FUNC_PRIMAL},
    {{"optimise", "simplify, cse, hoist and dce until nothing changes"}, pass_optimise, FUNC_PRIMAL},
    {{"defer", "add up the outer products of a loop's iterations after it"}, pass_defer, FUNC_PRIMAL},
    {{"windows", "lay out the windows of convolutions for matrix products"}, pass_windows, FUNC_PRIMAL},
    {{"one-hot", "one element added to each row, as an elementwise expression"}, pass_one_hot, FUNC_PRIMAL},
    {{"fill", "fill parts of tensors in their place"}, pass_fill, FUNC_PRIMAL},
    {{"argument", "where an extreme is: a fold for it, and one for its place"}, pass_argument, FUNC_PRIMAL},
    {{"roots", "powers that are products of roots"}, pass_roots, FUNC_PRIMAL},
    {{"powers", "powers whose exponents count are running products"}, pass_powers, FUNC_PRIMAL},
    {{"join", "one loop of two whose iterations read what the same iteration of the other has set"}, pass_join, FUNC_PRIMAL},
    {{"spread", "write out short loops in loops whose iterations are independent"}, pass_spread, FUNC_PRIMAL},
    {{"beside", "run the iterations of strips side by side where loops in them are short"}, pass_beside, FUNC_PRIMAL},
    {{"abreast", "run independent iterations with loops of their own several at a time"}, pass_abreast, FUNC_PRIMAL},
    {{"again", "make large things again behind a loop rather than keep them"}, pass_again, FUNC_PRIMAL},
    {{"strip", "loops over the blocks of long axes, for code generation"}, pass_strip, FUNC_PRIMAL},
    {{"guard", "keep finite what strips compute in vain"}, pass_guard, FUNC_PRIMAL},
    {{"retry", "run loops with plain products, and again with mulz where that shows a nan"}, pass_retry, FUNC_PRIMAL},
    {{"alternate", "two rows, in turns, for what is made anew from its neighbours"}, pass_alternate, FUNC_PRIMAL},
    {{"order", "read tensors before they are stored over"}, pass_order, FUNC_PRIMAL},
    {{"trap", "check that no NaN or infinity comes up"}, pass_trap, FUNC_PRIMAL},
    {{"resolve", "put calls of derived functions in the place of derivative operators"}, NULL, FUNC_PRIMAL},
    {{"adjoint", "add the vjp of every function that has none yet"}, NULL, FUNC_VJP},
    {{"grad", "add the gradient of every function with a scalar result that has none yet"}, NULL, FUNC_GRAD},
    {{"tangent", "add the jvp of every function that has none yet"}, NULL, FUNC_JVP},
};
enum { NPASS = sizeof pass / sizeof pass[0] };

const PassInfo *pass_info(int i) { return i >= 0 && i < NPASS ? &pass[i].info : NULL; }

static bool has_derivative(const Module *m, const Func *f, FuncKind kind) {
  for (int i = 0; i < m->nfunc; i++)
    if (m->func[i]->origin == f && m->func[i]->kind == kind) return true;
  return false;
}

static bool any_real(int n, Value *const *v) {
  for (int i = 0; i < n; i++)
    if (elem_is_real(v[i]->type->elem)) return true;
  return false;
}

/* What a derivative has made for itself has a dot in its name; it is differentiated where it is called. */
static bool derivable(const Func *f, FuncKind kind) {
  if (strchr(f->name, '.')) return false;
  if (kind == FUNC_GRAD) return can_grad(f);
  return any_real(f->body->nparam, f->body->param) && any_real(f->body->nres, f->body->res);
}

static bool derive_all(Module *m, FuncKind kind) {
  int n = m->nfunc;
  for (int i = 0; i < n; i++) {
    Func *f = m->func[i];
    if (derivable(f, kind) && !has_derivative(m, f, kind) && !derive_raw(f, (Wrt){0}, kind)) return false;
  }
  return true;
}

static bool run(Module *m, const PassEntry *p) {
  if (!p->run) return pass_resolve(m) && (p->derive == FUNC_PRIMAL || derive_all(m, p->derive));
  for (int i = 0; i < m->nfunc; i++) p->run(m->func[i]);
  return true;
}

static const PassEntry *find(const char *name, size_t len) {
  for (int i = 0; i < NPASS; i++)
    if (strlen(pass[i].info.name) == len && !memcmp(pass[i].info.name, name, len)) return &pass[i];
  return NULL;
}

static bool unknown(Module *m, const char *name, size_t len) {
  const char *names[NPASS], *copy = arena_strndup(m->ctx->arena, name, len);
  for (int i = 0; i < NPASS; i++) names[i] = pass[i].info.name;
  Diag *d = diag_error(m->ctx, LOC_NONE, E_UNKNOWN_PASS, "there is no pass '%s'", copy);
  const char *close = closest_name(copy, names, NPASS);
  if (close) diag_help(m->ctx, d, "did you mean '%s'?", close);
  return false;
}

static void verify(Module *m, const char *after) {
  if (module_verify(m)) return;
  diag_print_text(m->ctx, stderr, false);
  bug("the module does not verify after the pass %s", after);
}

bool passes_run(Module *m, const char *names) {
  for (const char *s = names; *s;) {
    size_t len = strcspn(s, ",");
    const PassEntry *p = find(s, len);
    if (!p) return unknown(m, s, len);
    if (!run(m, p)) return false;
    verify(m, p->info.name);
    s += len + (s[len] == ',');
  }
  return true;
}
