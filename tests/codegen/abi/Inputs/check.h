/* check.h - a fact that does not hold ends the test with its place and text. */
#ifndef CHECK_H
#define CHECK_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define CHECK(fact)                                                                                                    \
  do {                                                                                                                 \
    if (!(fact)) {                                                                                                     \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #fact);                                               \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

#ifdef ADC_SHARED_H_
/* A workspace of the size that the call asked for. */
#define GIVE(ws)                                                                                                       \
  do {                                                                                                                 \
    free((ws).base);                                                                                                   \
    (ws).base = malloc((ws).need ? (ws).need : 1);                                                                     \
    (ws).len = (ws).need;                                                                                              \
  } while (0)
#endif
#endif
