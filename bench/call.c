/* Repeats a compiled function, so that what Python adds to a call is not measured. Each returns seconds, or less than 0 where
   the function fails. */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* adc's NAME_packed */
double repeat_packed(int (*f)(void **), void **args, long times) {
  double start = now();
  for (long i = 0; i < times; i++)
    if (f(args)) return -1;
  return now() - start;
}

/* CasADi's generated C */
double repeat_casadi(int (*f)(const double **, double **, long long *, double *, int), const double **args, double **results,
                     long long *iw, double *w, long times) {
  double start = now();
  for (long i = 0; i < times; i++)
    if (f(args, results, iw, w, 0)) return -1;
  return now() - start;
}
