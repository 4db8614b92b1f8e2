/* adc.h - the compiler as a C library: a string in; an object, a header, a callable out.
 * Nothing is global: any number of threads may compile at once, each with a session of its own. */
#ifndef ADC_H
#define ADC_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct adc_session adc_session;

typedef struct adc_options {
  const char *target, *cpu; /* NULL: the host and its baseline; cpu "native": the host's */
  int opt_level;            /* 0 to 3 */
  const char *real;         /* "f64" (NULL) or "f32" */
  const char *prefix;       /* of exported names, or NULL */
  const char *functions;    /* comma-separated choice, or NULL: all */
  const char *wrt;          /* comma-separated parameters, or NULL: all real ones */
  const char *derive;       /* comma-separated among grad, vjp, jvp, …, or NULL: none */
  int order;                /* how often the derivative pass is repeated; 0 counts as 1 */
  int freestanding;
  int debug;
} adc_options;

/* A session holds one compilation: its diagnostics and what it made; freed as a whole. */
adc_session *adc_session_new(void);
void adc_session_free(adc_session *s);

/* Compiles .tdsl text.  0, or 1 when the text has errors (adc_diagnostics tells), 2 when the options are wrong. */
int adc_compile(adc_session *s, const char *name, const char *text, size_t len, const adc_options *o);
/* Parses and types only; 0 or 1. */
int adc_check_source(const char *name, const char *text, size_t len);

/* What the last adc_compile made; valid until the session is freed; NULL after an error. */
const void *adc_object(adc_session *s, size_t *len);
const char *adc_header(adc_session *s, const char *stem);
/* A function of the generated header, compiled into this process: cast it to the prototype of the header. */
void *adc_symbol(adc_session *s, const char *name);
const char *adc_diagnostics(adc_session *s, int json); /* "" when there are none */
const char *adc_version(void);

#ifdef __cplusplus
}
#endif
#endif
