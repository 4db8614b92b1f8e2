#include "f.h"
#include <stdio.h>

static void print(const adc_info *f) {
  printf("%s %s of %s %s:%d dims %d args %d\n", f->name, f->kind, f->origin ? f->origin : "-", f->source, f->line, f->ndim,
         f->narg);
  printf("%s\n%s\n", f->signature ? f->signature : "-", f->prototype);
  for (int i = 0; i < f->narg; i++) {
    const adc_arg *a = &f->arg[i];
    printf("%s %s %s %s [", a->name, a->role, a->ctype, a->type ? a->type : "-");
    for (int k = 0; k < a->rank; k++) printf("%s%s", k ? ", " : "", a->shape[k]);
    printf("]");
    if (a->of >= 0) printf(" of %s", f->arg[a->of].name);
    printf("\n");
  }
  printf("work: %s; workspace: %s\n", f->work, f->workspace);
}

int main(void) {
  print(f_info());
  print(f_grad_info());
  return 0;
}
