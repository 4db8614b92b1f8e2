/* math_inverse.c - inverse trigonometric and hyperbolic functions. */
#include "runtime/math_log.h"

/* ---- arc tangent ------------------------------------------------------------------------------------------------- */

/* (atan t - t) for |t| <= tan(pi/8). */
INLINE double atan_tail(double t) {
  double z = t * t;
  return t * z *
         POLY(z, -0x1.5555555555555p-2, 0x1.9999999999815p-3, -0x1.2492492481cbep-3, 0x1.c71c71bca8eaep-4,
              -0x1.745d15680755dp-4, 0x1.3b137c24039a4p-4, -0x1.110d2f18fae6ep-4, 0x1.e17f3cbf9df6ap-5,
              -0x1.abcc3d9626568p-5, 0x1.72169dc0d275bp-5, -0x1.14bd80d242c1ep-5, 0x1.fb81f78c3d1dap-7);
}
INLINE float atanf_tail(float t) {
  float z = t * t;
  return t * z *
         POLYF(z, -0x1.555554p-2f, 0x1.999714p-3f, -0x1.241eap-3f, 0x1.b80038p-4f, -0x1.082ca8p-4f);
}

/* k pi/4 + s atan(up / down), s 1 or -1; 0 <= k <= 4, and k times the high part of pi/4 is exact. */
INLINE double angle(double k, double s, double up, double down) {
  double t = s * (up / down);
  return k * 0x1.921fb54442d18p-1 + (t + (atan_tail(t) + k * 0x1.1a62633145c07p-55));
}
INLINE float anglef(float k, float s, float up, float down) {
  float t = s * (up / down), base = k * 0x1.921fbp-1f, tail = atanf_tail(t) + k * 0x1.5110b4p-23f, sum = base + t;
  float left = base - sum + t, y = base == 0 ? 0 : left;
  return sum + (y + tail);
}

double adc_math_atan(double x) {
  double a = __builtin_fabs(x), less = a - 1, more = a + 1;
  bool middle = a > 0.41421356237309503, far = a > 2.414213562373095;
  double up = middle ? less : a, down = middle ? more : 1, k = middle ? 1 : 0;
  return __builtin_copysign(angle(far ? 2 : k, 1, far ? -1 : up, far ? a : down), x);
}
float adc_math_atanf(float x) {
  float a = __builtin_fabsf(x), less = a - 1, more = a + 1;
  bool middle = a > 0.41421356f, far = a > 2.4142135f;
  float up = middle ? less : a, down = middle ? more : 1, k = middle ? 1 : 0;
  return __builtin_copysignf(anglef(far ? 2 : k, 1, far ? -1 : up, far ? a : down), x);
}

/* The angle of (|x|, |y|) is that of the smaller over the larger, or pi/2 less it; of a negative x, pi less that. */
double adc_math_atan2(double y, double x) {
  double ax = __builtin_fabs(x), ay = __builtin_fabs(y), nan = x + y;
  bool steep = ay > ax;
  double low = steep ? ax : ay, high = steep ? ay : ax, is_inf = low == INF ? 1 : 0;
  low = high == INF ? is_inf : low;
  high = high == INF ? 1 : high;
  high = high == 0 ? 1 : high;
  double shrink = high > 0x1p1020 ? 0.25 : 1, less, more;
  low *= shrink;
  high *= shrink;
  less = low - high;
  more = low + high;
  bool middle = low > 0.41421356237309503 * high;
  double k = middle ? 1 : 0, other = 2 - k, s = steep ? -1 : 1;
  k = steep ? other : k;
  other = 4 - k;
  bool left = (bits(x) >> 63) != 0;
  double r = angle(left ? other : k, left ? -s : s, middle ? less : low, middle ? more : high);
  return __builtin_copysign(((x != x) | (y != y)) ? nan : r, y);
}
float adc_math_atan2f(float y, float x) {
  float ax = __builtin_fabsf(x), ay = __builtin_fabsf(y), nan = x + y;
  bool steep = ay > ax;
  float low = steep ? ax : ay, high = steep ? ay : ax, is_inf = low == INFF ? 1 : 0;
  low = high == INFF ? is_inf : low;
  high = high == INFF ? 1 : high;
  high = high == 0 ? 1 : high;
  float shrink = high > 0x1p124f ? 0.25f : 1, less, more;
  low *= shrink;
  high *= shrink;
  less = low - high;
  more = low + high;
  bool middle = low > 0.41421356f * high;
  float k = middle ? 1 : 0, other = 2 - k, s = steep ? -1 : 1;
  k = steep ? other : k;
  other = 4 - k;
  bool left = (bitsf(x) >> 31) != 0;
  float r = anglef(left ? other : k, left ? -s : s, middle ? less : low, middle ? more : high);
  return __builtin_copysignf(((x != x) | (y != y)) ? nan : r, y);
}

/* ---- arc sine and cosine ----------------------------------------------------------------------------------------- */

/* Up to 1/2, asin a = root + tail with root = a.  Beyond, asin a = pi/2 - 2 asin(sqrt((1 - a) / 2)): root is the square
 * root cut to half of its bits, which leaves pi/2 - 2 root exact, and `rest` what was cut. */
typedef struct Arc {
  double root, rest, tail;
  bool small;
} Arc;
typedef struct Arcf {
  float root, rest, tail;
  bool small;
} Arcf;

INLINE Arc arc_of(double a) {
  bool small = a <= 0.5;
  double square = a * a, z = small ? square : 0.5 * (1 - a), root = __builtin_sqrt(z);
  double cut = from_bits(bits(root) & 0xffffffff00000000), rest = (z - cut * cut) / (root + cut + 0x1p-1000);
  double p = POLY(z, 0x1.555555555554ep-3, 0x1.33333333374a6p-4, 0x1.6db6db67bbbbbp-5, 0x1.f1c71fdc396c3p-6,
                  0x1.6e8b224060fdep-6, 0x1.1c59e58df0e7ap-6, 0x1.c862e963a8e7bp-7, 0x1.85975e185fba3p-7,
                  0x1.fafa76763565bp-8, 0x1.0a05191d2f4dp-6, -0x1.6b616b013f167p-7, 0x1.d19a13990ba2p-6);
  double r = small ? a : root;
  return (Arc){small ? a : cut, small ? 0 : rest, r * z * p, small};
}
INLINE Arcf arcf_of(float a) {
  bool small = a <= 0.5f;
  float square = a * a, z = small ? square : 0.5f * (1 - a), root = __builtin_sqrtf(z);
  float cut = from_bitsf(bitsf(root) & 0xfffff000), rest = (z - cut * cut) / (root + cut + 0x1p-100f);
  float p = POLYF(z, 0x1.55555ep-3f, 0x1.332634p-4f, 0x1.70cf0cp-5f, 0x1.b107f8p-6f, 0x1.3a0ca4p-5f);
  float r = small ? a : root;
  return (Arcf){small ? a : cut, small ? 0 : rest, r * z * p, small};
}

double adc_math_asin(double x) {
  Arc r = arc_of(__builtin_fabs(x));
  double low = r.rest + r.tail, near = r.root + low;
  double far = 0x1.921fb54442d18p+0 - 2 * r.root + (0x1.1a62633145c07p-54 - 2 * low);
  return __builtin_copysign(r.small ? near : far, x);
}
float adc_math_asinf(float x) {
  Arcf r = arcf_of(__builtin_fabsf(x));
  float low = r.rest + r.tail, near = r.root + low;
  float far = 0x1.921fb6p+0f - 2 * r.root + (-0x1.777a5cp-25f - 2 * low);
  return __builtin_copysignf(r.small ? near : far, x);
}

double adc_math_acos(double x) {
  Arc r = arc_of(__builtin_fabs(x));
  double low = r.rest + r.tail, s = x < 0 ? -1 : 1;
  double top = 0x1.921fb54442d18p+0 - s * r.root, lost = 0x1.921fb54442d18p+0 - top - s * r.root;
  double near = top + (lost + 0x1.1a62633145c07p-54 - s * low), right = 2 * r.root + 2 * low;
  double left = 0x1.921fb54442d18p+1 - 2 * r.root + (0x1.1a62633145c07p-53 - 2 * low), far = x < 0 ? left : right;
  return r.small ? near : far;
}
float adc_math_acosf(float x) {
  Arcf r = arcf_of(__builtin_fabsf(x));
  float low = r.rest + r.tail, s = x < 0 ? -1 : 1;
  float top = 0x1.921fb6p+0f - s * r.root, lost = 0x1.921fb6p+0f - top - s * r.root;
  float near = top + (lost + -0x1.777a5cp-25f - s * low), right = 2 * r.root + 2 * low;
  float left = 0x1.921fb6p+1f - 2 * r.root + (-0x1.777a5cp-24f - 2 * low), far = x < 0 ? left : right;
  return r.small ? near : far;
}

/* ---- inverse hyperbolic functions -------------------------------------------------------------------------------- */

/* log(1 + big + small), or where a is huge log(2 a). */
INLINE double log_of_sum(double big, double small, double a) {
  bool huge = a > 0x1p28;
  double sum = big + small, low = big - sum + small, u = 1 + sum, back = u - 1, rest = 1 - (u - back) + (sum - back) + low;
  Log p = log_parts_sum(huge ? a : u, huge ? 0 : rest);
  double next = p.k + 1;
  p.k = huge ? next : p.k;
  return log_sum(p);
}
INLINE float logf_of_sum(float big, float small, float a) {
  bool huge = a > 0x1p14f;
  float sum = big + small, low = big - sum + small, u = 1 + sum, back = u - 1, rest = 1 - (u - back) + (sum - back) + low;
  Logf p = logf_parts_sum(huge ? a : u, huge ? 0 : rest);
  float next = p.k + 1;
  p.k = huge ? next : p.k;
  return logf_sum(p);
}

/* sqrt(1 + a^2) - 1 = a^2 / (1 + sqrt(1 + a^2)). */
double adc_math_asinh(double x) {
  double a = __builtin_fabs(x), square = a * a, y = log_of_sum(a, square / (1 + __builtin_sqrt(1 + square)), a);
  y = a < 0x1p-28 ? a : y;
  return __builtin_copysign(a < INF ? y : a, x);
}
float adc_math_asinhf(float x) {
  float a = __builtin_fabsf(x), square = a * a, y = logf_of_sum(a, square / (1 + __builtin_sqrtf(1 + square)), a);
  y = a < 0x1p-13f ? a : y;
  return __builtin_copysignf(a < INFF ? y : a, x);
}

/* With t = x - 1: log(1 + sqrt(2 t + t^2) + t). */
double adc_math_acosh(double x) {
  double t = x - 1, root = __builtin_sqrt(2 * t + t * t), small = root > t ? t : root;
  double y = log_of_sum(root > t ? root : t, small, x), low = __builtin_nan("");
  y = x < INF ? y : x;
  return x >= 1 ? y : low;
}
float adc_math_acoshf(float x) {
  float t = x - 1, root = __builtin_sqrtf(2 * t + t * t), small = root > t ? t : root;
  float y = logf_of_sum(root > t ? root : t, small, x), low = __builtin_nanf("");
  y = x < INFF ? y : x;
  return x >= 1 ? y : low;
}

/* log((1 + a) / (1 - a)) / 2. */
double adc_math_atanh(double x) {
  double a = __builtin_fabs(x), y = 0.5 * log1p_of(2 * a / (1 - a), 0), nan = __builtin_nan("");
  y = a < 0x1p-28 ? a : y;
  double end = a == 1 ? INF : nan;
  return __builtin_copysign(a < 1 ? y : end, x);
}
float adc_math_atanhf(float x) {
  float a = __builtin_fabsf(x), y = 0.5f * log1pf_of(2 * a / (1 - a), 0), nan = __builtin_nanf("");
  y = a < 0x1p-13f ? a : y;
  float end = a == 1 ? INFF : nan;
  return __builtin_copysignf(a < 1 ? y : end, x);
}
