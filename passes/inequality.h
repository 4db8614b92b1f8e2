/* inequality.h - systems of linear inequalities over the integers; private to inequality.c, instance.c and settled.c. */
#ifndef ADC_PASSES_INEQUALITY_H
#define ADC_PASSES_INEQUALITY_H
#include "ir/ir.h"

enum { LINEAR_VARS = 28 };
typedef struct Linear { int64_t constant, coef[LINEAR_VARS]; } Linear;
typedef struct Either { Linear a, b; } Either;
/* lost: a number or the system grew too large, so that nothing is known of it. */
typedef struct System {
  Arena *arena;
  int nvar;
  Linear *row; int nrow, row_cap;          /* each is >= 0 */
  Either *either; int neither, either_cap; /* one of the two is >= 0 */
  bool lost;
} System;
void system_init(System *s, Arena *a);
int system_var(System *s);                   /* a new unknown; one of the others if there are too many, and s is lost */
Linear linear_const(int64_t c);
Linear linear_var(int var);
Linear linear_sum(System *s, Linear x, int64_t k, Linear y); /* x + k y */
void system_at_least(System *s, Linear x, Linear y); /* x >= y */
void system_less(System *s, Linear x, Linear y);     /* x < y */
void system_equal(System *s, Linear x, Linear y);
void system_either(System *s, Linear x, Linear y);   /* x >= 0 or y >= 0 */
bool system_is_empty(const System *s);               /* surely no integers fulfil it; false: that is not known */

#endif
