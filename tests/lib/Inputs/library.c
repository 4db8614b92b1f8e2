/* The compiler as a library: `threads` compiles in two threads at once, `errors` reports, `callable` calls in process. */
#include "adc.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int compile(adc_session *s, const char *text, const char *derive) {
  adc_options o = {.opt_level = 2, .derive = derive};
  return adc_compile(s, "model.tdsl", text, strlen(text), &o);
}

typedef struct job { const char *text; double x, value, slope; int failed; } job;

static void *work(void *arg) {
  job *j = arg;
  for (int i = 0; i < 5 && !j->failed; i++) {
    adc_session *s = adc_session_new();
    double out = 0, g = 0;
    int (*f)(double, double *, double *, void *);
    size_t len = 0;
    if (compile(s, j->text, "grad") || !adc_object(s, &len) || len < 100) j->failed = 1;
    void *p = j->failed ? NULL : adc_symbol(s, "f_grad");
    if (p) {
      memcpy(&f, &p, sizeof f);
      j->failed = f(j->x, &out, &g, NULL) != 0 || out != j->value || g != j->slope;
    } else {
      j->failed = 1;
    }
    adc_session_free(s);
  }
  return NULL;
}

static int threads(void) {
  job jobs[2] = {{.text = "fn f(x: real) -> real = x ** 3", .x = 2, .value = 8, .slope = 12},
                 {.text = "fn f(x: real) -> real = 5 * x * x + x", .x = 3, .value = 48, .slope = 31}};
  pthread_t t[2];
  for (int i = 0; i < 2; i++)
    if (pthread_create(&t[i], NULL, work, &jobs[i])) return 1;
  for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
  printf("threads: %s\n", jobs[0].failed || jobs[1].failed ? "failed" : "both right");
  return jobs[0].failed || jobs[1].failed;
}

static int errors(void) {
  adc_session *s = adc_session_new();
  int status = compile(s, "fn f(x: real) -> real = y", NULL);
  size_t len;
  printf("status %d, object %s\n%s", status, adc_object(s, &len) ? "made" : "none", adc_diagnostics(s, 0));
  printf("%s\n", adc_diagnostics(s, 1));
  adc_session_free(s);
  return 0;
}

static int header(void) {
  adc_session *s = adc_session_new();
  if (compile(s, "fn f(x: real[n]) -> real = sum(x)", "grad,jvp")) return 1;
  fputs(adc_header(s, "model"), stdout);
  adc_session_free(s);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  return strcmp(argv[1], "threads") == 0 ? threads() : strcmp(argv[1], "errors") == 0 ? errors() : header();
}
