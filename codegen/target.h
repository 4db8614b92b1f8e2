/* target.h - what target.c and cpus.c share. */
#ifndef ADC_CODEGEN_TARGET_H
#define ADC_CODEGEN_TARGET_H
#include <stddef.h>

const char *const *cpu_names(const char *triple, int *n); /* NULL: no list for this architecture */

#endif
