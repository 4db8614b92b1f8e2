/* sort.c - argsort for every type of number. */
#include <stdbool.h>
#include <stdint.h>

#define ISNAN(x) ((x) != (x))
#define T double
#define FN(name) adc_rt_##name##_f64
#define LOCAL(name) name##_f64
void FN(argsort)(const T *x, int64_t *order, int64_t outer, int64_t n, int64_t inner);
#include "runtime/sort.h"
#undef T
#undef FN
#undef LOCAL

#define T float
#define FN(name) adc_rt_##name##_f32
#define LOCAL(name) name##_f32
void FN(argsort)(const T *x, int64_t *order, int64_t outer, int64_t n, int64_t inner);
#include "runtime/sort.h"
#undef T
#undef FN
#undef LOCAL

#undef ISNAN
#define ISNAN(x) false
#define T int64_t
#define FN(name) adc_rt_##name##_i64
#define LOCAL(name) name##_i64
void FN(argsort)(const T *x, int64_t *order, int64_t outer, int64_t n, int64_t inner);
#include "runtime/sort.h"
#undef T
#undef FN
#undef LOCAL

#define T int32_t
#define FN(name) adc_rt_##name##_i32
#define LOCAL(name) name##_i32
void FN(argsort)(const T *x, int64_t *order, int64_t outer, int64_t n, int64_t inner);
#include "runtime/sort.h"
#undef T
#undef FN
#undef LOCAL
