/* The pool and the choice of copies as C, under a thread sanitizer: calls of few and of many chunks, one behind the other and from two
 * threads, whose chunks write where no other chunk does. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void adc_parallel_for(void (*body)(void *, int64_t), void *env, int64_t chunks);
int64_t adc_rt_claim(uint64_t *taken, int64_t copies);
void adc_rt_release(uint64_t *taken, int64_t copy);

typedef struct Call {
  int64_t chunks, sum[64], work[64]; /* by chunk; by copy */
  uint64_t taken;
} Call;

static void piece(void *env, int64_t i) {
  Call *c = env;
  int64_t copy = adc_rt_claim(&c->taken, c->chunks);
  if (copy < 0 || copy >= c->chunks) return;
  c->work[copy] = i;
  for (int k = 0; k < 1000; k++) c->work[copy] += k;
  c->sum[i] += c->work[copy] - i - 499500 + 1;
  adc_rt_release(&c->taken, copy);
}

static void *calls(void *from) {
  intptr_t wrong = 0;
  for (int64_t chunks = (intptr_t)from; chunks <= 64; chunks++) {
    Call c = {.chunks = chunks};
    for (int k = 0; k < 3; k++) adc_parallel_for(piece, &c, chunks);
    for (int i = 0; i < chunks; i++) wrong += c.sum[i] != 3;
    wrong += c.taken != 0;
  }
  return (void *)wrong;
}

int main(void) {
  pthread_t other;
  void *wrong;
  if (calls((void *)1) || pthread_create(&other, 0, calls, (void *)2)) return 1;
  if (calls((void *)3) || pthread_join(other, &wrong) || wrong) return 1;
  puts("done");
  return 0;
}
