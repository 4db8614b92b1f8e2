/* math_inverse.c - inverse trigonometric functions. */
#include "runtime/math.h"

/* ---- arc tangent ------------------------------------------------------------------------------------------------- */

/* (atan t - t) for |t| <= tan(pi/8). */
INLINE real atan_tail(real t) {
  real z = t * t;
  return t * z *
         POLY(z, (-0x1.5555555555555p-2, 0x1.9999999999815p-3, -0x1.2492492481cbep-3, 0x1.c71c71bca8eaep-4,
                  -0x1.745d15680755dp-4, 0x1.3b137c24039a4p-4, -0x1.110d2f18fae6ep-4, 0x1.e17f3cbf9df6ap-5,
                  -0x1.abcc3d9626568p-5, 0x1.72169dc0d275bp-5, -0x1.14bd80d242c1ep-5, 0x1.fb81f78c3d1dap-7),
              (-0x1.555554p-2f, 0x1.999714p-3f, -0x1.241eap-3f, 0x1.b80038p-4f, -0x1.082ca8p-4f));
}

/* k pi/4 + s atan(up / down), s 1 or -1; 0 <= k <= 4, and k times the high part of pi/4 is exact. */
INLINE real angle(real k, real s, real up, real down) {
  real t = s * (up / down);
  return k * K(0x1.921fb54442d18p-1, 0x1.921fbp-1f) + (t + (atan_tail(t) + k * K(0x1.1a62633145c07p-55, 0x1.5110b4p-23f)));
}

real FN(atan)(real x) {
  real a = absolute(x), less = a - 1, more = a + 1;
  bool middle = a > K(0.41421356237309503, 0.41421356f), far = a > K(2.414213562373095, 2.4142135f);
  real up = middle ? less : a, down = middle ? more : 1, k = middle ? 1 : 0;
  return with_sign(angle(far ? 2 : k, 1, far ? -1 : up, far ? a : down), x);
}

/* The angle of (|x|, |y|) is that of the smaller over the larger, or pi/2 less it; of a negative x, pi less that. */
INLINE real atan2_of(real y, real x, real low, real high, bool steep) {
  real less = low - high, more = low + high;
  bool middle = low > K(0.41421356237309503, 0.41421356f) * high;
  real k = middle ? 1 : 0, other = 2 - k, s = steep ? -1 : 1;
  k = steep ? other : k;
  other = 4 - k;
  bool left = bits(x) >> (MANTISSA + K(11, 8)) != 0;
  real r = angle(left ? other : k, left ? -s : s, middle ? less : low, middle ? more : high);
  return with_sign(r, y);
}
RARE real FN(atan2_rare)(bool any, real y, real x, real usual);
RARE real FN(atan2_rare)(bool any, real y, real x, real usual) {
  real ax = absolute(x), ay = absolute(y), nan = x + y;
  bool steep = ay > ax;
  real low = steep ? ax : ay, high = steep ? ay : ax, is_inf = low == INF ? 1 : 0;
  low = high == INF ? is_inf : low;
  high = high == INF ? 1 : high;
  high = high == 0 ? 1 : high;
  real shrink = high > 1 ? K(0.25, 0.25f) : 1, r = atan2_of(y, x, low * shrink, high * shrink, steep);
  r = ((x != x) | (y != y)) ? nan : r;
  return any ? r : usual;
}
real FN(atan2)(real y, real x) {
  real ax = absolute(x), ay = absolute(y), sum = ax + ay;
  bool steep = ay > ax, usual = (sum > 0) & (sum < K(0x1p1000, 0x1p100f));
  return FN(atan2_rare)(!usual, y, x, atan2_of(y, x, steep ? ax : ay, steep ? ay : ax, steep));
}

/* ---- arc sine and cosine ----------------------------------------------------------------------------------------- */

/* Up to 1/2, asin a = base + low with base = a.  Beyond, asin a = pi/2 - 2 asin(sqrt((1 - a) / 2)), and base + low are what is taken
 * from pi/2: base is twice about the square root, so that what it lacks needs few digits of its divisor.  Without a fused
 * multiply-add base is cut to half of its bits. */
typedef struct Arc {
  real base, low;
  bool small;
} Arc;

INLINE Arc arc_of(real a) {
  bool small = a <= K(0.5, 0.5f);
  real square = a * a, z = small ? square : K(0.5, 0.5f) - K(0.5, 0.5f) * a;
#if FUSED
  real cut = FN(near_root)(z), rest = BUILTIN(fma)(-cut, cut, z) * FN(inverse_root)(z);
#else
  real root = square_root(z), cut = from_bits(bits(root) & K(0xffffffff00000000, 0xfffff000));
  real rest = 2 * (z - cut * cut) / (root + cut + K(0x1p-1000, 0x1p-100f));
#endif
  real p = LONG_POLY(z, (0x1.555555555554ep-3, 0x1.33333333374a6p-4, 0x1.6db6db67bbbbbp-5, 0x1.f1c71fdc396c3p-6,
                         0x1.6e8b224060fdep-6, 0x1.1c59e58df0e7ap-6, 0x1.c862e963a8e7bp-7, 0x1.85975e185fba3p-7,
                         0x1.fafa76763565bp-8, 0x1.0a05191d2f4dp-6, -0x1.6b616b013f167p-7, 0x1.d19a13990ba2p-6),
                     (0x1.55555ep-3f, 0x1.332634p-4f, 0x1.70cf0cp-5f, 0x1.b107f8p-6f, 0x1.3a0ca4p-5f));
  real base = small ? a : cut + cut, left = small ? 0 : rest;
  return (Arc){base, (base + left) * z * p + left, small};
}

#define HALF_PI      K(0x1.921fb54442d18p+0, 0x1.921fb6p+0f)
#define HALF_PI_LOW  K(0x1.1a62633145c07p-54, -0x1.777a5cp-25f)

real FN(asin)(real x) {
  Arc r = arc_of(absolute(x));
  real near = r.base + r.low, far = HALF_PI - r.base + (HALF_PI_LOW - r.low);
  return with_sign(r.small ? near : far, x);
}

/* pi/2 less the arc, or the arc, or pi less the arc. */
real FN(acos)(real x) {
  Arc r = arc_of(absolute(x));
  real arc = with_sign(r.base + r.low, x), left = x < 0 ? 2 * HALF_PI : 0;
  return (r.small ? HALF_PI : left) + (r.small ? -arc : arc);
}
