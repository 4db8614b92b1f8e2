/* manifest.c - the exported functions as JSON, one object: what f_info() describes, for programs that read no C. */
#include "codegen/abi.h"

static void string(Text *out, const char *s) {
  if (!s) {
    text_add(out, "null");
    return;
  }
  text_add(out, "\"");
  for (; *s; s++) {
    unsigned char ch = (unsigned char)*s;
    if (ch == '"' || ch == '\\')
      text_add(out, "\\%c", ch);
    else if (ch < 0x20)
      text_add(out, "\\u%04x", ch);
    else
      text_addn(out, s, 1);
  }
  text_add(out, "\"");
}

static void member(Text *out, const char *key, const char *value) {
  text_add(out, "\"%s\": ", key);
  string(out, value);
  text_add(out, ", ");
}

static void print_arg(Text *out, const ArgInfo *a) {
  text_add(out, "{");
  member(out, "name", a->name);
  member(out, "role", a->role);
  member(out, "ctype", a->ctype);
  member(out, "type", a->type);
  text_add(out, "\"rank\": %d, \"shape\": [", a->rank);
  for (int i = 0; i < a->rank; i++) {
    if (i) text_add(out, ", ");
    string(out, a->shape[i]);
  }
  text_add(out, "], \"of\": %d", a->of);
  if (a->nfield) {
    text_add(out, ", \"fields\": [");
    for (int i = 0; i < a->nfield; i++) {
      if (i) text_add(out, ", ");
      print_arg(out, &a->field[i]);
    }
    text_add(out, "]");
  }
  text_add(out, "}");
}

static void print_info(Text *out, const FuncInfo *f) {
  text_add(out, "    {");
  member(out, "name", f->name);
  member(out, "kind", f->kind);
  member(out, "origin", f->origin);
  text_add(out, "\n     ");
  member(out, "source", f->source);
  text_add(out, "\"line\": %d, ", f->line);
  member(out, "signature", f->signature);
  text_add(out, "\n     ");
  member(out, "prototype", f->prototype);
  text_add(out, "\n     ");
  member(out, "work", f->work);
  member(out, "workspace", f->workspace);
  text_add(out, "\"ndim\": %d,\n     \"args\": [\n", f->ndim);
  for (int i = 0; i < f->narg; i++) {
    text_add(out, "       ");
    print_arg(out, &f->arg[i]);
    text_add(out, i + 1 < f->narg ? ",\n" : "]}");
  }
}

bool codegen_manifest(Module *m, const CodegenOptions *o, Text *out) {
  if (!names_check(m, o)) return false;
  bool first = true;
  text_add(out, "{\"version\": 1, \"functions\": [\n");
  for (int i = 0; i < m->nfunc; i++) {
    if (!m->func[i]->exported) continue;
    if (!first) text_add(out, ",\n");
    print_info(out, describe(m->func[i], o));
    first = false;
  }
  text_add(out, "]}\n");
  return true;
}
