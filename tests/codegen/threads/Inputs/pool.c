#include "k.h"
#include "l.h"
#include "check.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 5000, M = 50, THREADS = 4, CALLS = 30 };
static double x[N], want, want_folds;

static void call(double *chain, double *folds) {
  double *dx = malloc(2 * N * sizeof *dx);
  CHECK(dx && chain_grad(N, x, x, chain, dx, dx + N, NULL) == ADC_OK);
  CHECK(folds_grad(N / M, M, x, folds, dx, NULL) == ADC_OK);
  free(dx);
}

static void once(void) {
  double chain, folds;
  call(&chain, &folds);
  CHECK(chain == want && folds == want_folds);
}

static void *often(void *unused) {
  for (int i = 0; i < CALLS; i++) once();
  return unused;
}

static int done[100];
static void inside(void *env, int64_t i) {
  CHECK(env == done);
  done[i]++;
  once();
}

static void child(void) {
  pid_t p = fork();
  CHECK(p >= 0);
  if (!p) {
    once();
    _exit(0);
  }
  int status;
  CHECK(waitpid(p, &status, 0) == p && status == 0);
}

int main(int argc, char **argv) {
  bool forks = argc > 1 && argv[1][0] == 'f';
  for (int i = 0; i < N; i++) x[i] = i % 11 / 11.0;
  call(&want, &want_folds);
  if (forks) child();
  once();
  if (forks) child();
  pthread_t thread[THREADS];
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&thread[i], NULL, often, NULL) == 0);
  if (forks) child();
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(thread[i], NULL) == 0);
  adc_parallel_for(inside, done, 100);
  for (int i = 0; i < 100; i++) CHECK(done[i] == 1);
  return 0;
}
