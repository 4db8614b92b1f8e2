/* session.c - the C library of adc.h: one session is one context, remade by each adc_compile. */
#include "driver/adc.h"
#include "driver/driver.h"
#include <stdlib.h>
#include <string.h>

struct adc_session {
  Ctx *ctx; /* of the last compilation */
  Module *module;
  CodegenOptions code;
  Jit *jit;
  char *object, *diagnostics;
  size_t object_len;
};

adc_session *adc_session_new(void) { return calloc(1, sizeof(adc_session)); }

static void clear(adc_session *s) {
  if (s->jit) jit_free(s->jit);
  if (s->ctx) ctx_free(s->ctx);
  free(s->diagnostics);
  *s = (adc_session){0};
}

void adc_session_free(adc_session *s) {
  if (!s) return;
  clear(s);
  free(s);
}

/* The strings of the options outlive the call: the object, header and callable are made later. */
static const char *keep(adc_session *s, const char *text) { return text ? intern(s->ctx, text) : NULL; }

int adc_compile(adc_session *s, const char *name, const char *text, size_t len, const adc_options *given) {
  static const adc_options none = {.opt_level = 3};
  const adc_options *o = given ? given : &none;
  clear(s);
  s->ctx = ctx_new();
  if (o->opt_level < 0 || o->opt_level > 3 || o->order < 0 ||
      (o->real && strcmp(o->real, "f64") != 0 && strcmp(o->real, "f32") != 0))
    return EXIT_USAGE;
  s->code = (CodegenOptions){.target = keep(s, o->target),
                             .cpu = keep(s, o->cpu),
                             .opt_level = o->opt_level,
                             .prefix = keep(s, o->prefix),
                             .freestanding = o->freestanding != 0,
                             .debug = o->debug != 0};
  PipelineOptions p = {.real = o->real && strcmp(o->real, "f32") == 0 ? F32 : F64,
                       .functions = keep(s, o->functions),
                       .wrt = keep(s, o->wrt),
                       .derive = keep(s, o->derive),
                       .order = o->order ? o->order : 1,
                       .keep_going_without_grad = true};
  s->module = pipeline_compile(s->ctx, name, text, len, &p, NULL);
  if (s->module) pipeline_lower(s->module, &(LowerOptions){.code = &s->code});
  return s->module ? EXIT_OK : EXIT_PROGRAM;
}

static const char *read_nothing(void *env, Ctx *c, const char *path, size_t *len) {
  (void)env;
  (void)c;
  (void)path;
  (void)len;
  return NULL;
}

int adc_check_source(const char *name, const char *text, size_t len) {
  Ctx *c = ctx_new();
  FrontendOptions fo = {.real = F64, .read_file = read_nothing};
  Module *m = frontend_compile(c, name, text, len, &fo, NULL);
  if (m) pipeline_resolve(m);
  int status = c->diags->nerror ? EXIT_PROGRAM : EXIT_OK;
  ctx_free(c);
  return status;
}

const void *adc_object(adc_session *s, size_t *len) {
  if (!s->module) return NULL;
  if (!s->object && !codegen_emit(s->module, &s->code, EMIT_OBJECT, &s->object, &s->object_len)) return NULL;
  if (len) *len = s->object_len;
  return s->object;
}

const char *adc_header(adc_session *s, const char *stem) {
  if (!s->module) return NULL;
  Text t;
  text_init(&t, s->ctx->arena);
  return codegen_header(s->module, &s->code, stem, &t) ? t.s : NULL;
}

void *adc_symbol(adc_session *s, const char *name) {
  if (!s->module) return NULL;
  if (!s->jit) s->jit = jit_new(s->module, &s->code);
  return s->jit ? jit_symbol(s->jit, name) : NULL;
}

const char *adc_diagnostics(adc_session *s, int json) {
  free(s->diagnostics);
  s->diagnostics = NULL;
  size_t len = 0;
  if (!s->ctx || (!s->ctx->diags->first && !json)) return "";
  FILE *f = open_memstream(&s->diagnostics, &len);
  if (!f) return "";
  if (json) diag_print_json(s->ctx, f);
  else diag_print_text(s->ctx, f, false);
  fclose(f);
  return s->diagnostics;
}

const char *adc_version(void) { return ADC_VERSION; }
