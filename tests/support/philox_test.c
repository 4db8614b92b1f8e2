/* philox_test.c - Philox4x32-10 of the runtime, and the interpreters' own, against the vectors published with Random123
 * (kat_vectors). */
#include "ir/ir.h"
#include "tests/support/definitions.h"
#include "runtime/philox.c"

typedef struct Known { uint32_t counter[4], key[2], block[4]; } Known;
static const Known known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static uint64_t pack(const uint32_t *w) { return (uint64_t)w[1] << 32 | w[0]; }

/* Uses what the interpreters need of the header, so that it compiles without warnings. */
static bool sorts(void) {
  const long double x[] = {2, NAN, 1};
  DefMatrix one = {{{1}}};
  return def_rank(x, 3, 1) == 2 && def_matrix(OP_det, &one, 1, &one, 1, false, false).at[0][0] == 1;
}

int main(void) {
  int bad = !sorts();
  for (int i = 0; i < 3; i++) {
    const Known *k = &known[i];
    uint64_t key = pack(k->key), low = pack(k->counter), high = pack(k->counter + 2);
    bad += adc_rt_philox((int64_t)key, (int64_t)low, (int64_t)high) != (int64_t)pack(k->block);
    bad += adc_rt_philox_high((int64_t)key, (int64_t)low, (int64_t)high) != (int64_t)pack(k->block + 2);
    for (int w = 0; w < 4; w += 2) bad += def_philox_pair(key, low, high, w) != (int64_t)pack(k->block + w);
  }
  printf(bad ? "%d differ\n" : "ok\n", bad);
  return bad != 0;
}
