/* ipow.c - integer powers, wrapping around as multiplication does; n < 0 gives 0 but for 1 and -1. */
#include <stdint.h>

int64_t adc_rt_ipow(int64_t x, int64_t n);

int64_t adc_rt_ipow(int64_t x, int64_t n) {
  uint64_t r = 1, b = (uint64_t)x;
  if (n < 0) return x == 1 ? 1 : x == -1 ? (n & 1 ? -1 : 1) : 0;
  for (; n; n >>= 1, b *= b)
    if (n & 1) r *= b;
  return (int64_t)r;
}
