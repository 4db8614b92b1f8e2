/* sort.h - argsort for one element type: T, FN and LOCAL as in matrix.h, and ISNAN.
 *
 * In place in the result, by a total order (value, then index; nan after all), so that what is no stable method gives the stable
 * order.  O(n log n) always. */

static bool LOCAL(before)(const T *x, int64_t step, int64_t a, int64_t b) {
  T p = x[a * step], q = x[b * step];
  if (p < q || (ISNAN(q) && !ISNAN(p))) return true;
  if (q < p || (ISNAN(p) && !ISNAN(q))) return false;
  return a < b;
}

/* The heap's element `at` sinks to its place. */
static void LOCAL(sink)(const T *x, int64_t *order, int64_t step, int64_t at, int64_t n) {
  int64_t v = order[at * step];
  for (int64_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && LOCAL(before)(x, step, order[child * step], order[(child + 1) * step])) child++;
    if (!LOCAL(before)(x, step, v, order[child * step])) break;
    order[at * step] = order[child * step];
  }
  order[at * step] = v;
}

static void LOCAL(heap_sort)(const T *x, int64_t *order, int64_t step, int64_t n) {
  for (int64_t i = n / 2; i-- > 0;) LOCAL(sink)(x, order, step, i, n);
  for (int64_t i = n; i-- > 1;) {
    int64_t t = order[0];
    order[0] = order[i * step];
    order[i * step] = t;
    LOCAL(sink)(x, order, step, 0, i);
  }
}

static void LOCAL(insertion_sort)(const T *x, int64_t *order, int64_t step, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    int64_t v = order[i * step], j = i;
    for (; j > 0 && LOCAL(before)(x, step, v, order[(j - 1) * step]); j--) order[j * step] = order[(j - 1) * step];
    order[j * step] = v;
  }
}

static int64_t LOCAL(median)(const T *x, int64_t step, int64_t a, int64_t b, int64_t c) {
  if (LOCAL(before)(x, step, b, a)) return LOCAL(before)(x, step, a, c) ? a : LOCAL(before)(x, step, b, c) ? c : b;
  return LOCAL(before)(x, step, b, c) ? b : LOCAL(before)(x, step, a, c) ? c : a;
}

/* Quicksort; a heap sorts what has been halved too often. */
static void LOCAL(sort)(const T *x, int64_t *order, int64_t step, int64_t n, int depth) {
  while (n > 16) {
    if (depth-- == 0) {
      LOCAL(heap_sort)(x, order, step, n);
      return;
    }
    int64_t pivot = LOCAL(median)(x, step, order[0], order[n / 2 * step], order[(n - 1) * step]), i = -1, j = n;
    for (;;) {
      do i++;
      while (LOCAL(before)(x, step, order[i * step], pivot));
      do j--;
      while (LOCAL(before)(x, step, pivot, order[j * step]));
      if (i >= j) break;
      int64_t t = order[i * step];
      order[i * step] = order[j * step];
      order[j * step] = t;
    }
    LOCAL(sort)(x, order, step, j + 1, depth);
    order += (j + 1) * step;
    n -= j + 1;
  }
  LOCAL(insertion_sort)(x, order, step, n);
}

void FN(argsort)(const T *x, int64_t *order, int64_t outer, int64_t n, int64_t inner) {
  int depth = 2;
  for (int64_t k = n; k > 1; k /= 2) depth += 2;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      const T *from = x + o * n * inner + i;
      int64_t *to = order + o * n * inner + i;
      for (int64_t k = 0; k < n; k++) to[k * inner] = k;
      LOCAL(sort)(from, to, inner, n, depth);
    }
}
