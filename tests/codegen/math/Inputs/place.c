/* place.c - f(x) as a whole, from every offset and one by one. */
#include HEADER
#include <stdio.h>
#include <string.h>

#define CHECK(f, T)                                                                                                    \
  {                                                                                                                    \
    T x[N], whole[N], part[N];                                                                                         \
    for (int i = 0; i < N; i++) x[i] = (T)((i - 30) * (i % 7 == 3 ? 4e5 : 0.37));                                      \
    f(N, x, whole, 0);                                                                                                 \
    for (int at = 0; at < N; at++)                                                                                     \
      for (int n = 1; n <= N - at; n += n < 20 ? 1 : 9) {                                                              \
        f(n, x + at, part, 0);                                                                                         \
        if (memcmp(part, whole + at, (size_t)n * sizeof *part)) return printf(#f " differs at %d, n = %d\n", at, n);   \
      }                                                                                                                \
  }

int main(void) {
  enum { N = 67 };
  CHECK(wide, double)
  CHECK(narrow, float)
  CHECK(wide_more, double)
  CHECK(narrow_more, float)
  return 0;
}
