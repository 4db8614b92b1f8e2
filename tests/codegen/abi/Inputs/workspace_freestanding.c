#include "g.h"
#include "check.h"

int main(void) {
  double one = 1, out;
  adc_ws ws = {0};
  CHECK(g_grad(1, 1, 1, &one, &one, &one, &out, NULL, NULL, NULL, NULL) ==
        (g_grad_ws(1, 1, 1) ? ADC_EWORKSPACE : ADC_OK));
  ws.need = g_grad_ws(1, 1, 1);
  GIVE(ws);
  CHECK(g_grad(1, 1, 1, &one, &one, &one, &out, NULL, NULL, NULL, &ws) == ADC_OK && out == 1);
  free(ws.base);
  return 0;
}
