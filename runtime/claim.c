/* claim.c - which of several copies of working memory a chunk takes: the first that no other chunk is using, so that as few are touched
 * as there are threads at work.
 *
 * Requires: no more chunks than copies, of which there are 64 at most.  A bit of *taken is set where a copy is in use. */
#include <stdint.h>

int64_t adc_rt_claim(uint64_t *taken);
void adc_rt_release(uint64_t *taken, int64_t copy);

int64_t adc_rt_claim(uint64_t *taken) {
  uint64_t old = __atomic_load_n(taken, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(taken, &old, old | (old + 1), 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
  return __builtin_ctzll(~old);
}

void adc_rt_release(uint64_t *taken, int64_t copy) { __atomic_and_fetch(taken, ~(UINT64_C(1) << copy), __ATOMIC_ACQ_REL); }
