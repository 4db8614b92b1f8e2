/* Four threads compile different texts, five times each, at once; every object and header must equal what the same text
 * gave when it was compiled alone, and a text with an error must tell its own error. */
#include <adc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, TIMES = 5 };

static const char *const text[THREADS] = {
    "fn f(x: real[n]) -> real = 2 * dot(x, x)\n",
    "fn g(W: real[m, k], X: real[k, p], b: real[m, 1]) -> real = mean(sigmoid(W @ X + b))\n",
    "fn h(x: real[n]) -> real = sum(undefined_name * x)\n",
    "fn k(a: real, b: real) -> real = a * b + exp(a) / b\n",
};

typedef struct { int status; size_t size; char *object, *header, *diagnostics; } Result;

static char *copy(const void *data, size_t size) {
  char *to = calloc(size + 1, 1);
  if (to && size) memcpy(to, data, size);
  return to;
}

static Result compile(int i) {
  adc_options options;
  memset(&options, 0, sizeof options);
  options.derive = "grad";
  adc_session *session = adc_session_new();
  Result r = {0, 0, NULL, NULL, NULL};
  r.status = adc_compile(session, "text.tdsl", text[i], strlen(text[i]), &options);
  const void *object = adc_object(session, &r.size);
  const char *header = adc_header(session, "text");
  if (!object) r.size = 0;
  r.object = copy(object, r.size);
  r.header = copy(header ? header : "", header ? strlen(header) : 0);
  r.diagnostics = copy(adc_diagnostics(session, 0), strlen(adc_diagnostics(session, 0)));
  adc_session_free(session);
  return r;
}

static int same(const Result *a, const Result *b) {
  return a->status == b->status && a->size == b->size && memcmp(a->object, b->object, a->size) == 0 &&
         strcmp(a->header, b->header) == 0 && strcmp(a->diagnostics, b->diagnostics) == 0;
}

static void drop(Result *r) {
  free(r->object);
  free(r->header);
  free(r->diagnostics);
}

static Result alone[THREADS];

static void *work(void *argument) {
  int *i = argument, odd = 0;
  for (int time = 0; time < TIMES; time++) {
    Result r = compile(*i);
    odd += !same(&r, &alone[*i]);
    drop(&r);
  }
  *i = odd;
  return NULL;
}

int main(void) {
  pthread_t thread[THREADS];
  int number[THREADS];
  for (int i = 0; i < THREADS; i++) alone[i] = compile(number[i] = i);
  for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, work, &number[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < THREADS; i++) {
    printf("status %d, %s object, differs %d times\n", alone[i].status, alone[i].size ? "an" : "no", number[i]);
    drop(&alone[i]);
  }
  return 0;
}
