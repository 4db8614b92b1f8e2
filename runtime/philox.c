/* philox.c - Philox4x32-10, the counter-based random numbers of Random123: a block of four 32-bit words from a key of two and a
 * counter of four.  Words are packed low first. */
#include <stdint.h>

typedef struct Block { uint32_t w[4]; } Block;
int64_t adc_rt_philox(int64_t key, int64_t low, int64_t high), adc_rt_philox_high(int64_t key, int64_t low, int64_t high);

static inline __attribute__((always_inline)) Block block(uint64_t key, uint64_t low, uint64_t high) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  uint32_t c0 = (uint32_t)low, c1 = (uint32_t)(low >> 32), c2 = (uint32_t)high, c3 = (uint32_t)(high >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p = (uint64_t)0xD2511F53u * c0, q = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)q;
    c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return (Block){{c0, c1, c2, c3}};
}

int64_t adc_rt_philox(int64_t key, int64_t low, int64_t high) {
  Block b = block((uint64_t)key, (uint64_t)low, (uint64_t)high);
  return (int64_t)((uint64_t)b.w[1] << 32 | b.w[0]);
}

int64_t adc_rt_philox_high(int64_t key, int64_t low, int64_t high) {
  Block b = block((uint64_t)key, (uint64_t)low, (uint64_t)high);
  return (int64_t)((uint64_t)b.w[3] << 32 | b.w[2]);
}
