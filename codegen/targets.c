/* targets.c - what the linked LLVM is, for `adc --version`. */
#include "codegen/codegen.h"
#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm/Config/llvm-config.h>
#include <string.h>

const char *codegen_llvm_version(void) { return LLVM_VERSION_STRING; }

/* Names in alphabetical order, after a heading that stands on the line already. */
void codegen_print_targets(FILE *to) {
  enum { MOST = 256, WIDTH = 80 };
  const char *name[MOST];
  int n = 0, column = 8;
  LLVMInitializeAllTargetInfos();
  for (LLVMTargetRef t = LLVMGetFirstTarget(); t && n < MOST; t = LLVMGetNextTarget(t)) {
    const char *new = LLVMGetTargetName(t);
    int at = n++;
    for (; at && strcmp(new, name[at - 1]) < 0; at--) name[at] = name[at - 1];
    name[at] = new;
  }
  for (int i = 0; i < n; i++) {
    int len = (int)strlen(name[i]);
    if (column + len + 1 > WIDTH) column = fprintf(to, "\n ") - 1;
    column += fprintf(to, " %s", name[i]);
  }
  fprintf(to, "\n");
}
