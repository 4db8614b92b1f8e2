/* claim.c - which of several copies of working memory a chunk takes: the one that its thread had before, where nobody else is using that,
 * so that few are touched and what is in them stays in the thread's cache.
 *
 * Requires: no more chunks than copies, of which there are 64 at most.  A bit of *taken is set where a copy is in use. */
#include <stdint.h>

int64_t adc_rt_claim(uint64_t *taken, int64_t copies);
void adc_rt_release(uint64_t *taken, int64_t copy);

/* Stacks are what tells threads from each other in code that can have no thread-local variables. */
static int64_t home(int64_t copies) {
  uint64_t stack = (uint64_t)(uintptr_t)__builtin_frame_address(0) >> 20;
  return (int64_t)((stack * UINT64_C(0x9e3779b97f4a7c15) >> 48) * (uint64_t)copies >> 16);
}

int64_t adc_rt_claim(uint64_t *taken, int64_t copies) {
  uint64_t old = __atomic_load_n(taken, __ATOMIC_RELAXED), from_home = ~UINT64_C(0) << home(copies), copy;
  do {
    uint64_t free = ~old, first = free & from_home & (~UINT64_C(0) >> (64 - copies));
    copy = first ? first : free;
    copy &= -copy;
  } while (!__atomic_compare_exchange_n(taken, &old, old | copy, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  return __builtin_ctzll(copy);
}

void adc_rt_release(uint64_t *taken, int64_t copy) { __atomic_and_fetch(taken, ~(UINT64_C(1) << copy), __ATOMIC_ACQ_REL); }
