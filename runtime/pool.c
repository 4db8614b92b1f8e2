/* pool.c - the threads that share a function's outer loops, where the user has no others: adc_parallel_for.
 *
 * Compiled to bitcode for every 64-bit target with POSIX threads, whose types are opaque here for that reason; a weak symbol, so that
 * objects link into one program with one pool, and a function of that name of the user's own comes first.
 * Ensures: each chunk has been done when the call returns, by any thread and in any order.  A call from inside a chunk, or while another
 * thread's call has the workers, does its chunks itself.  After fork() the child starts workers of its own. */
#include <stdbool.h>
#include <stdint.h>

enum { MOST_WORKERS = 255, SPINS = 100 };

/* Room for a pthread_mutex_t, a pthread_cond_t, a sigset_t on any system. */
typedef struct Opaque {
  _Alignas(16) unsigned char bytes[128];
} Opaque;

int pthread_mutex_init(Opaque *, const void *);
int pthread_mutex_lock(Opaque *);
int pthread_mutex_unlock(Opaque *);
int pthread_cond_init(Opaque *, const void *);
int pthread_cond_wait(Opaque *, Opaque *);
int pthread_cond_signal(Opaque *);
int pthread_cond_broadcast(Opaque *);
int pthread_create(uintptr_t *, const void *, void *(*)(void *), void *);
int pthread_join(uintptr_t, void **);
int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));
int pthread_sigmask(int, const Opaque *, Opaque *);
int sigfillset(Opaque *);
int sched_yield(void);
int sched_getaffinity(int, uint64_t, uint64_t *);
char *getenv(const char *);

typedef void Body(void *env, int64_t chunk);
void adc_parallel_for(Body *body, void *env, int64_t chunks);

enum { IDLE, BUSY, OFF };

static struct {
  int state;      /* BUSY: some call has the workers; OFF: for ever */
  bool started, hooked;
  Body *body;
  void *env;
  uint64_t ticket; /* of the current call: chunks in the upper half, the next one to be done in the lower */
  int64_t done;
  int sleeping;
  bool stop;
  int64_t workers;
  uintptr_t thread[MOST_WORKERS];
  Opaque lock, work, end;
} pool;

/* Does one chunk that nobody has done; false: there is none.  The call is not over before its last chunk is, so what the ticket says
 * holds from the exchange on. */
static bool do_one(void) {
  uint64_t t = __atomic_load_n(&pool.ticket, __ATOMIC_ACQUIRE);
  do {
    if ((t & UINT32_MAX) >= t >> 32) return false;
  } while (!__atomic_compare_exchange_n(&pool.ticket, &t, t + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
  pool.body(pool.env, (int64_t)(t & UINT32_MAX));
  if (__atomic_add_fetch(&pool.done, 1, __ATOMIC_ACQ_REL) == (int64_t)(t >> 32)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_signal(&pool.end);
    pthread_mutex_unlock(&pool.lock);
  }
  return true;
}

static bool has_work(void) {
  uint64_t t = __atomic_load_n(&pool.ticket, __ATOMIC_SEQ_CST);
  return (t & UINT32_MAX) < t >> 32;
}

/* Calls follow each other closely as a rule: a worker looks out for the next one for a while before it sleeps.  Signals are for the
 * program's own threads. */
static void *worker(void *unused) {
  enum { BLOCK = 0 };
  Opaque all;
  if (!sigfillset(&all)) pthread_sigmask(BLOCK, &all, 0);
  for (;;) {
    for (int i = 0; i < SPINS; i++) {
      if (do_one()) i = 0;
      sched_yield();
    }
    pthread_mutex_lock(&pool.lock);
    __atomic_add_fetch(&pool.sleeping, 1, __ATOMIC_SEQ_CST);
    while (!has_work() && !pool.stop) pthread_cond_wait(&pool.work, &pool.lock);
    __atomic_sub_fetch(&pool.sleeping, 1, __ATOMIC_SEQ_CST);
    bool stop = pool.stop;
    pthread_mutex_unlock(&pool.lock);
    if (stop) return unused;
  }
}

/* ADC_NUM_THREADS, or as many as there are processors for this process. */
static int64_t threads_wanted(void) {
  const char *s = getenv("ADC_NUM_THREADS");
  int64_t n = 0;
  for (; s && *s >= '0' && *s <= '9' && n < MOST_WORKERS; s++) n = 10 * n + (*s - '0');
  if (n < 1) {
    uint64_t mask[128] = {0};
    if (sched_getaffinity(0, sizeof mask, mask) < 0) return 1;
    for (int i = 0; i < 128; i++) n += __builtin_popcountll(mask[i]);
  }
  return n < MOST_WORKERS ? n : MOST_WORKERS;
}

/* In a child process there are no workers, and perhaps the call that had them. */
static void forget(void) {
  pool.state = IDLE;
  pool.started = false;
  pool.ticket = 0;
  pool.sleeping = 0;
  pool.workers = 0;
}

static void start(void) {
  pthread_mutex_init(&pool.lock, 0);
  pthread_cond_init(&pool.work, 0);
  pthread_cond_init(&pool.end, 0);
  if (!pool.hooked && pthread_atfork(0, 0, forget)) return;
  pool.hooked = pool.started = true;
  int64_t n = threads_wanted() - 1;
  while (pool.workers < n && !pthread_create(&pool.thread[pool.workers], 0, worker, 0)) pool.workers++;
}

/* Nobody is to run code that is unloaded. */
__attribute__((destructor)) static void finish(void) {
  int idle = IDLE;
  if (!pool.started || !__atomic_compare_exchange_n(&pool.state, &idle, OFF, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return;
  pthread_mutex_lock(&pool.lock);
  pool.stop = true;
  pthread_cond_broadcast(&pool.work);
  pthread_mutex_unlock(&pool.lock);
  for (int64_t i = 0; i < pool.workers; i++) pthread_join(pool.thread[i], 0);
}

static void share(Body *body, void *env, int64_t chunks) {
  pool.body = body;
  pool.env = env;
  __atomic_store_n(&pool.done, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&pool.ticket, (uint64_t)chunks << 32, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool.sleeping, __ATOMIC_SEQ_CST)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
  }
  while (do_one()) {}
  for (int i = 0; i < SPINS; i++) {
    if (__atomic_load_n(&pool.done, __ATOMIC_ACQUIRE) == chunks) return;
    sched_yield();
  }
  pthread_mutex_lock(&pool.lock);
  while (__atomic_load_n(&pool.done, __ATOMIC_ACQUIRE) != chunks) pthread_cond_wait(&pool.end, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
}

__attribute__((weak)) void adc_parallel_for(Body *body, void *env, int64_t chunks) {
  int idle = IDLE;
  if (chunks > 1 && chunks <= UINT32_MAX &&
      __atomic_compare_exchange_n(&pool.state, &idle, BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    if (!pool.started) start();
    bool alone = !pool.workers;
    if (!alone) share(body, env, chunks);
    __atomic_store_n(&pool.state, IDLE, __ATOMIC_RELEASE);
    if (!alone) return;
  }
  for (int64_t i = 0; i < chunks; i++) body(env, i);
}
