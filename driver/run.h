/* run.h - calling compiled functions with the values given on the command line; private to the verbs that call.
 * Calls go through NAME_packed, so that one way of calling fits every signature. */
#ifndef ADC_DRIVER_RUN_H
#define ADC_DRIVER_RUN_H
#include "driver/driver.h"

/* The adc_ws of the generated header. */
typedef struct Workspace {
  void *base;
  size_t len, need;
  void *(*grow)(void *env, size_t need);
  void *env;
  const char *message;
  int line;
  int64_t index;
} Workspace;
enum { RUN_EWORKSPACE = 1 };

typedef struct Given {
  const char *name;
  const char *text;
  Array value;
} Given;
typedef struct Known {
  Sym *sym;
  int64_t value;
} Known;
typedef struct Run {
  Ctx *c;
  Options *o;
  Module *m;
  Jit *jit;
  const char *fn; /* NULL: the only one */
  Given *given;
  int ngiven, given_cap;
  Known *known; /* sizes of the function being called */
  int nknown;
} Run;
/* One body parameter or result and its memory. */
typedef struct Leaf {
  const char *name;
  Type *type;
  Given *given;
  void *data;
} Leaf;

/* A diagnostic of code 730; returns false. */
bool run_fail(Run *r, const char *fmt, ...) ADC_PRINTF(2, 3);
/* Reads the program and lets a verb act on it: the exit status. */
int run_command(Options *o, bool (*act)(Run *r, const char *text, size_t len));
/* The arguments after the file: a function's name if the first is no name=value, then values. */
bool run_read_given(Run *r);
Given *run_given(Run *r, const char *name); /* NULL: not given */
bool run_dim(Run *r, const Dim *d, int64_t *x); /* with the sizes known; false: it has no value */
bool run_concrete_shape(Run *r, Type *t, int64_t *dim, int64_t *count);
/* Chooses random values for what f needs and was not given: parameters in [0.25, 1.25), seeds and tangents normal, ints 0; sizes
 * too, if so asked, else they must be given.  They are as if given from then on. */
bool run_fill_missing(Run *r, Func *f, bool sizes);
/* Values for f's parameters, from those given; sizes are solved from their shapes into r->known.  NULL after a message.
 */
Leaf *run_bind_inputs(Run *r, Func *f, int *n);
Leaf *run_room_for_results(Run *r, Func *f);
/* A call that can be made again and again; what it needs is allocated by the first. */
typedef struct Call {
  Func *f;
  void *object; /* f_packed */
  void **packed;
  Workspace ws;
} Call;
Call *run_prepare(Run *r, Func *f, Leaf *in, Leaf *out); /* of r->jit */
int run_enter(Call *call);                                /* the bare call; its code */
bool run_again(Run *r, Call *call);                       /* false after a message */
void run_done(Call *call);
/* Calls f of r->jit with a workspace as large as it asks for; false after a message. */
bool run_call(Run *r, Func *f, Leaf *in, Leaf *out);

#endif
