/* stage.c - how long each stage of a compilation takes.
 *
 * Ensures: processor time is counted for the innermost stage alone, so that the stages' sum is the whole. */
#include "ir/ir.h"
#include <string.h>
#include <time.h>

typedef struct Entry { const char *name; double seconds; } Entry;
typedef struct Stages {
  Entry *entry; /* in the order of their first begin */
  int n, cap;
  const char *now; /* NULL: between stages */
  double since;
} Stages;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Entry *entry_of(Ctx *c, const char *name) {
  Stages *s = c->stages;
  for (int i = 0; i < s->n; i++)
    if (strcmp(s->entry[i].name, name) == 0) return &s->entry[i];
  Entry *e = &PUSH(c->arena, s->entry, s->n, s->cap);
  *e = (Entry){name, 0};
  return e;
}

static const char *change(Ctx *c, const char *name) {
  if (!c->stages) c->stages = NEW(c->arena, Stages);
  Stages *s = c->stages;
  const char *outer = s->now;
  double t = seconds();
  if (outer) entry_of(c, outer)->seconds += t - s->since;
  if (name) entry_of(c, name);
  s->now = name;
  s->since = t;
  return outer;
}

const char *stage_begin(Ctx *c, const char *name) { return change(c, name); }
void stage_end(Ctx *c, const char *outer) { change(c, outer); }

void stages_print(const Ctx *c, FILE *to) {
  double sum = 0;
  int n = c->stages ? c->stages->n : 0;
  for (int i = 0; i < n; i++) sum += c->stages->entry[i].seconds;
  for (int i = 0; i < n; i++) {
    const Entry *e = &c->stages->entry[i];
    fprintf(to, "%9.3f s %5.1f %%  %s\n", e->seconds, sum > 0 ? 100 * e->seconds / sum : 0, e->name);
  }
  fprintf(to, "%9.3f s          all\n", sum);
}
