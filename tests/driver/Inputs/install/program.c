/* W x + b = 3 for W = [[1, 2]], x = [1, 1], b = [0]: the loss is 9, its gradient 2·3·x for W and 2·3 for b. */
#include <stdio.h>
#include "model.h"
int main(void) {
  double W[] = {1, 2}, b[] = {0}, x[] = {1, 1}, out, dW[2], db[1];
  int status = loss_grad(1, 2, W, b, x, &out, dW, db, NULL);
  printf("%d %g %g %g %g\n", status, out, dW[0], dW[1], db[0]);
  return 0;
}
