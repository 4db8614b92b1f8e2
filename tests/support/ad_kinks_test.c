/* ad_kinks_test.c - derivatives where there is none: the table of docs/language.md, in forward and reverse mode, as the rules
 * make them and optimised.  A zero cotangent contributes zero even where the local derivative is infinite or not a number. */
#include "passes/pass.h"
#include "tests/support/exact/exact.h"
#include <math.h>
#include <string.h>

/* A function of scalars x, y, z whose result is %r, a point, the gradient there, and d2r/dx2 (SKIP: not looked at). */
#define SKIP 12345.0
typedef struct Kink { const char *what, *body; double at[3], grad[3], second; } Kink;

#define ZERO "%0 = const 0 : f64\n"
static const Kink kink[] = {
    {"abs at 0", "%r = abs %x : f64", {0}, {0}, 0},
    {"sign at 0", "%r = sign %x : f64", {0}, {0}, 0},
    {"relu at 0", "%r = relu %x : f64", {0}, {0}, 0},
    {"floor at a step", "%r = floor %x : f64", {2}, {0}, 0},
    {"ceil at a step", "%r = ceil %x : f64", {2}, {0}, 0},
    {"round at a step", "%r = round %x : f64", {2.5}, {0}, 0},
    {"max tie", "%r = max %x, %y : f64", {1.5, 1.5}, {0.5, 0.5}, 0},
    {"min tie", "%r = min %x, %y : f64", {1.5, 1.5}, {0.5, 0.5}, 0},
    {"max of x and x", "%r = max %x, %x : f64", {1.5}, {1}, 0},
    {"max, first larger", "%r = max %x, %y : f64", {2, 1}, {1, 0}, 0},
    {"clamp at the lower bound", "%r = clamp %x, %y, %z : f64", {1, 1, 3}, {1, 0, 0}, 0},
    {"clamp at the upper bound", "%r = clamp %x, %y, %z : f64", {3, 1, 3}, {1, 0, 0}, 0},
    {"clamp below", "%r = clamp %x, %y, %z : f64", {0, 1, 3}, {0, 1, 0}, 0},
    {"clamp above", "%r = clamp %x, %y, %z : f64", {4, 1, 3}, {0, 0, 1}, 0},
    {"clamp between", "%r = clamp %x, %y, %z : f64", {2, 1, 3}, {1, 0, 0}, 0},
    {"clamp with bounds crossed", "%r = clamp %x, %y, %z : f64", {2, 3, 1}, {0, 0, 1}, 0},
    {"x ** 0 at 0", "%r = pow %x, %y : f64", {0, 0}, {0, -INFINITY}, SKIP},
    {"x ** 0", "%r = pow %x, %y : f64", {2, 0}, {0, 0.69314718055994530942}, 0},
    {"0 ** y", "%r = pow %x, %y : f64", {0, 2}, {0, 0}, 2},
    {"0 ** 1", "%r = pow %x, %y : f64", {0, 1}, {1, 0}, 0},
    {"0 ** 0.5", "%r = pow %x, %y : f64", {0, 0.5}, {INFINITY, 0}, SKIP},
    {"sqrt at 0", "%r = sqrt %x : f64", {0}, {INFINITY}, SKIP},
    {"hypot at the origin", "%r = hypot %x, %y : f64", {0, 0}, {0, 0}, 0},
    {"hypot, large", "%r = hypot %x, %y : f64", {3e200, 4e200}, {0.6, 0.8}, SKIP},
    {"atan2 at the origin", "%r = atan2 %x, %y : f64", {0, 0}, {0, 0}, 0},
    {"atan2, small", "%r = atan2 %x, %y : f64", {3e-200, 4e-200}, {1.6e199, -1.2e199}, SKIP},
    {"stop_gradient", "%1 = stop_gradient %x : f64\n%r = mul %x, %1 : f64", {3}, {3}, 0},
    {"where(x > 0, sqrt(x), 0) at 0",
     ZERO "%p = gt %x, %0 : bool\n%s = sqrt %x : f64\n%r = select %p, %s, %0 : f64", {0}, {0}, 0},
    {"where(x > 0, sqrt(x), 0) at -1",
     ZERO "%p = gt %x, %0 : bool\n%s = sqrt %x : f64\n%r = select %p, %s, %0 : f64", {-1}, {0}, 0},
    {"where(x > 0, x log(x), 0) at 0",
     ZERO "%p = gt %x, %0 : bool\n%l = log %x : f64\n%s = mul %x, %l : f64\n%r = select %p, %s, %0 : f64", {0}, {0}, 0},
    {"where(x > 0, sin(1 / x), 0) at 0",
     ZERO "%1 = const 1 : f64\n%p = gt %x, %0 : bool\n%q = div %1, %x : f64\n%s = sin %q : f64\n%r = select %p, %s, %0 : f64",
     {0}, {0}, 0},
    {"where(x > 0, sqrt(x) y, 0) at 0",
     ZERO "%p = gt %x, %0 : bool\n%l = sqrt %x : f64\n%s = mul %l, %y : f64\n%r = select %p, %s, %0 : f64", {0, 2}, {0, 0}, 0},
    {"norm of the zero vector, written out",
     "%a = mul %x, %x : f64\n%b = mul %y, %y : f64\n%c = add %a, %b : f64\n%s = sqrt %c : f64\n" ZERO
     "%p = gt %c, %0 : bool\n%r = select %p, %s, %0 : f64", {0, 0}, {0, 0}, 0},
    {"max over an axis, tie", "%1 = reshape %x : f64[1]\n%2 = reshape %y : f64[1]\n%3 = reshape %z : f64[1]\n"
     "%4 = concat %1, %2, %3 {axis 0} : f64[3]\n%r = rmax %4 {axes 0} : f64", {1, 2, 2}, {0, 1, 0}, 0},
    {"min over an axis, tie", "%1 = reshape %x : f64[1]\n%2 = reshape %y : f64[1]\n%3 = reshape %z : f64[1]\n"
     "%4 = concat %1, %2, %3 {axis 0} : f64[3]\n%r = rmin %4 {axes 0} : f64", {2, 2, 2}, {1, 0, 0}, 0},
    {"product with one zero", "%1 = reshape %x : f64[1]\n%2 = reshape %y : f64[1]\n%3 = reshape %z : f64[1]\n"
     "%4 = concat %1, %2, %3 {axis 0} : f64[3]\n%r = rprod %4 {axes 0} : f64", {0, 2, 5}, {10, 0, 0}, 0},
    {"product with two zeros", "%1 = reshape %x : f64[1]\n%2 = reshape %y : f64[1]\n%3 = reshape %z : f64[1]\n"
     "%4 = concat %1, %2, %3 {axis 0} : f64[3]\n%r = rprod %4 {axes 0} : f64", {0, 0, 5}, {0, 0, 0}, 0},
};

static bool same(long double a, long double b) { return a == b || fabsl(a - b) <= 1e-12L * fabsl(b); }

static int expect(const Kink *k, const char *mode, long double got, long double expected) {
  if (same(got, expected)) return 0;
  printf("%s, %s: %Lg, expected %Lg\n", k->what, mode, got, expected);
  return 1;
}

static Tensor *scalar(Arena *a, double v) {
  Tensor *t = exact_tensor(a, F64, 0, NULL);
  t->f[0] = v;
  return t;
}

static Func *derived(Func *f, FuncKind kind, bool optimise) {
  static const char *const xyz[] = {"x", "y", "z"};
  Wrt wrt = {.n = 3, .name = xyz};
  return !optimise ? derive_raw(f, wrt, kind) : kind == FUNC_JVP ? derive_jvp(f, wrt) : derive_vjp(f, wrt);
}

static int check(const Kink *k, Func *f, bool optimise) {
  Ctx *c = f->module->ctx;
  Func *v = derived(f, FUNC_VJP, optimise), *j = derived(f, FUNC_JVP, optimise), *jv = derived(v, FUNC_JVP, optimise);
  Tensor *in[8], *out[16];
  int fails = 0;
  for (int i = 0; i < 3; i++) in[i] = scalar(c->arena, k->at[i]);
  in[3] = scalar(c->arena, 1);
  exact_run(c->arena, v, NULL, in, out);
  for (int i = 0; i < 3; i++) fails += expect(k, "reverse", out[1 + i]->f[0], k->grad[i]);
  for (int i = 0; i < 3; i++) {
    for (int n = 0; n < 3; n++) in[3 + n] = scalar(c->arena, n == i);
    exact_run(c->arena, j, NULL, in, out);
    fails += expect(k, "forward", out[1]->f[0], k->grad[i]);
  }
  if (k->second == SKIP) return fails;
  for (int n = 0; n < 4; n++) in[3 + n] = scalar(c->arena, n < 2);
  exact_run(c->arena, jv, NULL, in, out);
  return fails + expect(k, "second", out[5]->f[0], k->second);
}

int main(void) {
  int fails = 0, n = sizeof kink / sizeof *kink;
  for (int i = 0; i < n; i++)
    for (int optimise = 0; optimise < 2; optimise++) {
      Ctx *c = ctx_new();
      Text t;
      text_init(&t, c->arena);
      text_add(&t, "func @f(%%x: f64, %%y: f64, %%z: f64) -> (out: f64) {\n%s\nreturn %%r\n}\n", kink[i].body);
      Module *m = module_read(c, kink[i].what, t.s, t.len);
      if (m && module_verify(m)) fails += check(&kink[i], m->func[0], optimise);
      else {
        diag_print_text(c, stdout, false);
        fails++;
      }
      ctx_free(c);
    }
  printf("%d points, %d disagree\n", n, fails);
  return fails > 0;
}
