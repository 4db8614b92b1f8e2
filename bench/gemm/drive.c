/* drive.c - matrix products of adc beside OpenBLAS: the two take turns, the best of each counts, in the time of this thread alone, for
 * other processes may be at work; GFLOP/s and their ratio.
 *
 * REAL is double or float, P(f) adc's f for it, BLAS(f) the library's.  SECONDS_EACH: how long each row is measured. */
#include <cblas.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include HEADER

enum { MOST = 400 };
typedef struct Size { int64_t m, n, k; } Size;
static REAL *a, *b, *c, *d;
static adc_ws ws;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(int status) {
  if (status) fprintf(stderr, "adc: %s\n", adc_strerror(status)), exit(1);
}

static void need(size_t n) {
  if (n <= ws.len) return;
  ws.base = realloc(ws.base, ws.len = n);
}

#define PRODUCT(name, ta, tb, ac, bc)                                                                       \
  static void adc_##name(Size s, REAL *to) { need(P(name##_ws)(ORDER_##name)); must(P(name)(ORDER_##name, a, b, to, &ws)); } \
  static void blas_##name(Size s, REAL *to) {                                                               \
    BLAS(gemm)(CblasRowMajor, ta, tb, (int)s.m, (int)s.n, (int)s.k, 1, a, (int)(ac), b, (int)(bc), 0, to, (int)s.n); \
  }
#define ORDER_nn s.m, s.k, s.n
#define ORDER_nt s.m, s.k, s.n
#define ORDER_tn s.k, s.m, s.n
#define ORDER_tt s.k, s.m, s.n
PRODUCT(nn, CblasNoTrans, CblasNoTrans, s.k, s.n)
PRODUCT(nt, CblasNoTrans, CblasTrans, s.k, s.k)
PRODUCT(tn, CblasTrans, CblasNoTrans, s.m, s.n)
PRODUCT(tt, CblasTrans, CblasTrans, s.m, s.k)

static void adc_mv(Size s, REAL *to) { must(P(mv)(s.m, s.k, a, b, to, &ws)); }
static void blas_mv(Size s, REAL *to) { BLAS(gemv)(CblasRowMajor, CblasNoTrans, (int)s.m, (int)s.k, 1, a, (int)s.k, b, 1, 0, to, 1); }
static void adc_mtv(Size s, REAL *to) { must(P(mtv)(s.k, s.m, a, b, to, &ws)); }
static void blas_mtv(Size s, REAL *to) { BLAS(gemv)(CblasRowMajor, CblasTrans, (int)s.k, (int)s.m, 1, a, (int)s.m, b, 1, 0, to, 1); }
static void adc_outer(Size s, REAL *to) { must(P(outer)(s.m, s.n, a, b, to, &ws)); }
static void blas_outer(Size s, REAL *to) {
  memset(to, 0, sizeof(REAL) * (size_t)(s.m * s.n));
  BLAS(ger)(CblasRowMajor, (int)s.m, (int)s.n, 1, a, 1, b, 1, to, (int)s.n);
}
static void adc_syrk(Size s, REAL *to) { need(P(syrk_ws)(s.m, s.k)); must(P(syrk)(s.m, s.k, a, to, &ws)); }
static void blas_syrk(Size s, REAL *to) {
  BLAS(syrk)(CblasRowMajor, CblasLower, CblasNoTrans, (int)s.m, (int)s.k, 1, a, (int)s.k, 0, to, (int)s.m);
  for (int64_t i = 0; i < s.m; i++)
    for (int64_t j = 0; j < i; j++) to[j * s.m + i] = to[i * s.m + j];
}
static void adc_ten(Size s, REAL *to) { need(P(ten_ws)(s.m)); must(P(ten)(s.m, a, b, to, &ws)); }
static void blas_ten(Size s, REAL *to) {
  for (int64_t i = 0; i < s.m; i++)
    BLAS(gemm)(CblasRowMajor, CblasNoTrans, CblasNoTrans, 10, 10, 10, 1, a + 100 * i, 10, b + 100 * i, 10, 0, to + 100 * i, 10);
}

static const struct {
  const char *name;
  void (*adc)(Size, REAL *), (*blas)(Size, REAL *);
} form[] = {{"nn", adc_nn, blas_nn}, {"nt", adc_nt, blas_nt}, {"tn", adc_tn, blas_tn}, {"tt", adc_tt, blas_tt},
            {"mv", adc_mv, blas_mv}, {"mtv", adc_mtv, blas_mtv}, {"outer", adc_outer, blas_outer}, {"syrk", adc_syrk, blas_syrk},
            {"ten", adc_ten, blas_ten}};
enum { FORMS = sizeof form / sizeof *form };

static int ascending(const void *x, const void *y) {
  double p = *(const double *)x, q = *(const double *)y;
  return (p > q) - (p < q);
}

static double sample(void (*f)(Size, REAL *), Size s, REAL *to, int repeats) {
  double start = now();
  for (int i = 0; i < repeats; i++) f(s, to);
  return (now() - start) / repeats;
}

static void row(int f, Size s, double seconds) {
  double t[2][MOST], flops = 2.0 * (double)s.m * (double)s.n * (double)s.k;
  int64_t sizes[] = {s.m * s.k, s.k * s.n, s.m * s.n};
  if (form[f].adc == adc_ten) flops = 2000.0 * (double)s.m, sizes[0] = sizes[1] = sizes[2] = 100 * s.m;
  if (form[f].adc == adc_syrk) sizes[1] = 0;
  REAL **place[] = {&a, &b, &c, &d};
  for (int i = 0; i < 4; i++) {
    int64_t n = sizes[i < 3 ? i : 2];
    *place[i] = malloc(sizeof(REAL) * (size_t)(n + 16));
    for (int64_t j = 0; j < n; j++) (*place[i])[j] = (REAL)((double)rand() / RAND_MAX - 0.5);
  }
  form[f].adc(s, c);
  form[f].blas(s, d);
  double worst = 0;
  for (int64_t i = 0; i < sizes[2]; i++) worst = fmax(worst, fabs((double)c[i] - (double)d[i]));
  if (!(worst <= (sizeof(REAL) == 8 ? 1e-12 : 1e-4) * (double)(s.k + 10))) printf("WRONG: by %g\n", worst), exit(1);
  double once = sample(form[f].blas, s, d, 1);
  once = fmin(once, sample(form[f].blas, s, d, 1));
  int repeats = once > 1e-3 ? 1 : (int)(1e-3 / fmax(once, 1e-8)) + 1, n = 0;
  for (double end = now() + seconds; n < MOST && (n < 5 || now() < end); n++) {
    t[0][n] = sample(form[f].adc, s, c, repeats);
    t[1][n] = sample(form[f].blas, s, d, repeats);
  }
  for (int i = 0; i < 2; i++) qsort(t[i], (size_t)n, sizeof **t, ascending);
  double mine = **t, theirs = *t[1];
  printf("%-6s %5lld %5lld %5lld  %8.2f %8.2f   %5.2f\n", form[f].name, (long long)s.m, (long long)s.n, (long long)s.k,
         flops / mine * 1e-9, flops / theirs * 1e-9, theirs / mine);
  fflush(stdout);
  for (int i = 0; i < 4; i++) free(*place[i]);
}

/* Arguments: rows, FORM:MxNxK. */
int main(int argc, char **argv) {
  const char *given = getenv("SECONDS_EACH");
  printf("%-6s %5s %5s %5s  %8s %8s   %s\n", "form", "m", "n", "k", "adc", "BLAS", "adc/BLAS");
  for (int i = 1; i < argc; i++) {
    long long m, n, k;
    char name[16];
    if (sscanf(argv[i], "%15[^:]:%lldx%lldx%lld", name, &m, &n, &k) != 4) return 2;
    int f = 0;
    while (f < FORMS && strcmp(form[f].name, name)) f++;
    if (f == FORMS) return 2;
    row(f, (Size){m, n, k}, given ? atof(given) : 0.2);
  }
}
