/* pool.c - the threads that share a function's outer loops, where the user has no others: adc_parallel_for.
 *
 * Each thread begins with a share of the chunks that is the same from call to call, what it left in its cache among them, and then helps
 * the others with theirs.
 * Compiled to bitcode for every 64-bit target with POSIX threads, whose types are opaque here for that reason; a weak symbol, so that
 * objects link into one program with one pool, and a function of that name of the user's own comes first.
 * Ensures: each chunk has been done when the call returns, by any thread and in any order.  A call from inside a chunk, or while another
 * thread's call has the workers, does its chunks itself.  After fork() the child starts workers of its own. */
#include <stdbool.h>
#include <stdint.h>

enum { MOST_WORKERS = 255, SPINS = 1000 };

/* Chunks that one thread is to do: the end in the upper half, the next one in the lower.  A line of the cache each. */
typedef struct Share {
  _Alignas(128) uint64_t chunks;
} Share;

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
  int64_t chunks, done;
  int sleeping;
  bool stop;
  int64_t workers; /* workers read it while others are started */
  uintptr_t thread[MOST_WORKERS];
  Opaque lock, work, end;
  Share share[MOST_WORKERS + 1]; /* the caller's, then the workers' */
} pool;

/* Does one chunk of a share that nobody has done; false: there is none.  The call is not over before its last chunk is, so what the
 * share says holds from the exchange on. */
static bool do_one(Share *from) {
  uint64_t t = __atomic_load_n(&from->chunks, __ATOMIC_ACQUIRE);
  do {
    if ((t & UINT32_MAX) >= t >> 32) return false;
  } while (!__atomic_compare_exchange_n(&from->chunks, &t, t + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
  int64_t chunks = pool.chunks;
  pool.body(pool.env, (int64_t)(t & UINT32_MAX));
  if (__atomic_add_fetch(&pool.done, 1, __ATOMIC_ACQ_REL) == chunks) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_signal(&pool.end);
    pthread_mutex_unlock(&pool.lock);
  }
  return true;
}

static int64_t threads(void) { return __atomic_load_n(&pool.workers, __ATOMIC_RELAXED) + 1; }

/* All that is left, its own share first; false: nothing was. */
static bool do_all(int64_t self) {
  bool any = false;
  for (int64_t i = 0, n = threads(); i < n; i++)
    while (do_one(&pool.share[(self + i) % n])) any = true;
  return any;
}

static bool has_work(void) {
  for (int64_t i = 0, n = threads(); i < n; i++) {
    uint64_t t = __atomic_load_n(&pool.share[i].chunks, __ATOMIC_SEQ_CST);
    if ((t & UINT32_MAX) < t >> 32) return true;
  }
  return false;
}

/* Calls follow each other closely as a rule: a worker looks out for the next one for a while before it sleeps.  Signals are for the
 * program's own threads. */
static void *worker(void *self) {
  enum { BLOCK = 0 };
  Opaque all;
  if (!sigfillset(&all)) pthread_sigmask(BLOCK, &all, 0);
  for (;;) {
    for (int i = 0; i < SPINS; i++) {
      if (do_all((int64_t)(intptr_t)self)) i = 0;
      sched_yield();
    }
    pthread_mutex_lock(&pool.lock);
    __atomic_add_fetch(&pool.sleeping, 1, __ATOMIC_SEQ_CST);
    while (!has_work() && !pool.stop) pthread_cond_wait(&pool.work, &pool.lock);
    __atomic_sub_fetch(&pool.sleeping, 1, __ATOMIC_SEQ_CST);
    bool stop = pool.stop;
    pthread_mutex_unlock(&pool.lock);
    if (stop) return 0;
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
  for (int i = 0; i <= MOST_WORKERS; i++) pool.share[i].chunks = 0;
  pool.sleeping = 0;
  pool.workers = 0;
}

static void start(void) {
  pthread_mutex_init(&pool.lock, 0);
  pthread_cond_init(&pool.work, 0);
  pthread_cond_init(&pool.end, 0);
  if (!pool.hooked && pthread_atfork(0, 0, forget)) return;
  pool.hooked = pool.started = true;
  int64_t n = threads_wanted();
  for (int64_t i = 1; i < n && !pthread_create(&pool.thread[i - 1], 0, worker, (void *)(intptr_t)i); i++)
    __atomic_store_n(&pool.workers, i, __ATOMIC_RELAXED);
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
  pool.chunks = chunks;
  __atomic_store_n(&pool.done, 0, __ATOMIC_RELAXED);
  for (int64_t i = 0, n = threads(); i < n; i++)
    __atomic_store_n(&pool.share[i].chunks, (uint64_t)((i + 1) * chunks / n) << 32 | (uint64_t)(i * chunks / n), __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool.sleeping, __ATOMIC_SEQ_CST)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
  }
  do_all(0);
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
