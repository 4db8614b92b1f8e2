/* Gradients added up over several calls, as over the batches of a training set. */
#include "accumulate.h"
#include <stdio.h>
#include <string.h>

int main(void) {
  double g = 0;
  if (square_grad(1, NULL, &g, NULL)) return 1; /* overwrites; the value is not wanted: NULL */
  printf("d(x^2)/dx at 1: %g\n", g);
  if (cube_grad_add(1, NULL, &g, NULL)) return 1;
  printf("and d(x^3)/dx added: %g\n", g);

  const double x[4] = {0, 1, 2, 3};
  double ones[4] = {0};
  for (int i = 0; i < 2; i++)
    if (total_grad_add(4, x, NULL, ones, NULL)) return 1;
  printf("sum, twice: %g %g %g %g\n", ones[0], ones[1], ones[2], ones[3]);
  memset(ones, 0, sizeof ones);
  printf("zeroed: %g %g %g %g\n", ones[0], ones[1], ones[2], ones[3]);
  return 0;
}
