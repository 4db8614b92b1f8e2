/* Compiles, in memory, the text of a function, calls it at 3 and prints its square. */
#include <stdio.h>
#include <string.h>
#include <adc.h>
typedef struct adc_ws adc_ws;
int main(void) {
  const char *text = "fn f(x: real) -> real = x * x\n";
  adc_options options = {0};
  adc_session *session = adc_session_new();
  if (adc_compile(session, "f.tdsl", text, strlen(text), &options) != 0) return 1;
  int (*f)(double, double *, adc_ws *);
  void *symbol = adc_symbol(session, "f");
  memcpy(&f, &symbol, sizeof f);
  double out = 0;
  int status = f(3, &out, NULL);
  printf("%d %g\n", status, out);
  adc_session_free(session);
  return 0;
}
