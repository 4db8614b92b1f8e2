/* math_erf.c - the error function and its complement.
 *
 * The polynomials are near-minimax, piece by piece (Sollya's fpminimax, of Chebyshev interpolants to 110 digits). */
#include "runtime/math_exp.h"
#if !SINGLE
#include "runtime/math_erf_table.h"
#endif

/* ---- erf --------------------------------------------------------------------------------------------------------- */

#if SINGLE
/* erf(a) / a about n 65/256: the constant, what it lacks, and the others. */
static const float erf_piece[7][16] = {
    {0x1.20dd74p0f, 0x1.1ac698p0f, 0x1.09d7fp0f, 0x1.e3087cp-1f, 0x1.ac0b3ap-1f, 0x1.7605b4p-1f, 0x1.459856p-1f, 0x1.1ca08ep-1f,
     0x1.f61226p-2f, 0x1.bf8ed8p-2f, 0x1.932a5ep-2f, 0x1.6e9b36p-2f, 0x1.501398p-2f, 0x1.363a88p-2f, 0x1.2011f8p-2f,
     0x1.0cdd9ap-2f},
    {0x1.ea25b8p-25f, -0x1.0c7e2p-25f, -0x1.315cb4p-25f, -0x1.d4ecdcp-26f, 0x1.8d523cp-26f, 0x1.998fep-29f, 0x1.ac5b9p-28f,
     0x1.3955fp-28f, -0x1.31d78cp-27f, -0x1.5a9364p-27f, -0x1.31894p-31f, 0x1.f5326p-30f, -0x1.75d4p-35f, 0x1.358dfp-28f,
     -0x1.19af08p-28f, -0x1.3c03ccp-27f},
    {0x1.b606dcp-61f, -0x1.786216p-3f, -0x1.4fde38p-2f, -0x1.a32356p-2f, -0x1.b55ccap-2f, -0x1.979cdp-2f, -0x1.60f9d4p-2f,
     -0x1.24ac72p-2f, -0x1.dbf9c8p-3f, -0x1.82404cp-3f, -0x1.3c2096p-3f, -0x1.062e9cp-3f, -0x1.b91132p-4f, -0x1.77eb74p-4f,
     -0x1.442764p-4f, -0x1.1a6092p-4f},
    {-0x1.81264p-2f, -0x1.5621c8p-2f, -0x1.ced42ep-3f, -0x1.82335ap-4f, 0x1.2bd656p-6f, 0x1.6a044ap-4f, 0x1.d8f95p-4f,
     0x1.ce6346p-4f, 0x1.8a05f6p-4f, 0x1.391c46p-4f, 0x1.e35e08p-5f, 0x1.73b442p-5f, 0x1.20a966p-5f, 0x1.c7359p-6f,
     0x1.6cb3a4p-6f, 0x1.288f1cp-6f},
    {-0x1.bf684ep-54f, 0x1.b29acep-4f, 0x1.57d104p-3f, 0x1.584f6ap-3f, 0x1.f4fa2p-4f, 0x1.fa7f1cp-5f, 0x1.99180cp-7f,
     -0x1.01897p-6f, -0x1.a4aa12p-6f, -0x1.9aa09ap-6f, -0x1.4efd5cp-6f, -0x1.fa01cp-7f, -0x1.745dfcp-7f, -0x1.126374p-7f,
     -0x1.99d786p-8f, -0x1.37644p-8f},
    {0x1.cb881p-4f, 0x1.6801dp-4f, 0x1.f26326p-6f, -0x1.b56b08p-6f, -0x1.d4a0aep-5f, -0x1.d1ca1ap-5f, -0x1.3b51fep-5f,
     -0x1.22bf78p-6f, -0x1.bebc1ep-9f, 0x1.b7106ap-9f, 0x1.4c9fa6p-8f, 0x1.2a53fcp-8f, 0x1.c56e1ep-9f, 0x1.445982p-9f,
     0x1.ca5cb2p-10f, 0x1.46e74ep-10f},
    {0x1.c7dfcap-49f, -0x1.2783p-5f, -0x1.97ded6p-5f, -0x1.2b21ap-5f, -0x1.63aef6p-7f, 0x1.3e741ep-7f, 0x1.1aedcap-6f,
     0x1.d81096p-7f, 0x1.0a6f8ap-7f, 0x1.7d0a58p-9f, 0x1.a5b84p-13f, -0x1.7957a8p-11f, -0x1.bc1c1p-11f, -0x1.5b9baep-11f,
     -0x1.f1f59cp-12f, -0x1.45f00ap-12f}};

float adc_math_erff(float x) {
  float a = at_most(0x1.f6p+1f, absolute(x)), shifted = a * (256.0f / 65) + ROUND, n = shifted - ROUND, t = a - n * (65.0f / 256);
  uint32_t i = bits(shifted);
  float y = adc_math_lookf(erf_piece[6], i);
  _Pragma("clang loop unroll(full)") for (int k = 5; k > 0; k--) y = y * t + adc_math_lookf(erf_piece[k], i);
  return with_sign(a * adc_math_lookf(erf_piece[0], i) + a * y, x);
}
#else
/* By Taylor's series about r = k/128: erf(r + d) = erf(r) + erf'(r) d (1 + q), the derivatives' quotients being Hermite's
 * polynomials of r.  Beyond 5.94 erf is 1. */
double adc_math_erf(double x) {
  const double most = 0x1.7cp+2, round = ROUND / 128;
  double a = absolute(x), shifted = (a < most ? a : most) + round, r = shifted - round, d = at_most(most, a) - r;
  uint64_t k = 2 * (bits(shifted) - bits(round));
  double value = adc_math_find(erf_table, k), step = adc_math_find(erf_table + 1, k) * d;
  double z = r * r, p = r * d, s = d * d;
  double q4 = 0x1.999999999999ap-4 + z * (0x1.1111111111111p-3 * z - 0x1.999999999999ap-2) - s * 0x1.8618618618618p-6;
  double q5 = z * (0x1.c71c71c71c71cp-3 - 0x1.6c16c16c16c17p-5 * z) - 0x1.5555555555555p-3;
  double q3 = 0.5 - 0x1.5555555555555p-2 * z, q2 = 0x1.5555555555555p-1 * z - 0x1.5555555555555p-2;
  double q = s * (q2 + p * q3 + s * (q4 + p * q5)) - p;
  return with_sign(value + (step + step * q), x);
}
#endif

/* ---- erfc -------------------------------------------------------------------------------------------------------- */

/* exp(a^2) erfc(a), a >= 0, about 1 / (a + 2) = n/32, from the constant on; 16 is in the place of 0. */
static const real erfc_piece[][16] = {
#if SINGLE
    {0x1p0f, 0, 0, 0x1.08e76cp-4f, 0x1.7c0348p-4f, 0x1.004a44p-3f, 0x1.4cc78ap-3f, 0x1.a51c36p-3f, 0x1.058672p-2f, 0x1.403aecp-2f,
     0x1.839f5p-2f, 0x1.d0a634p-2f, 0x1.141d16p-1f, 0x1.459bb6p-1f, 0x1.7d3336p-1f, 0x1.bb3bc4p-1f},
    {0x1.20dd76p2f, 0, 0, 0x1.ad1c3ep-1f, 0x1.ed7f68p-1f, 0x1.1c8184p0f, 0x1.48804ap0f, 0x1.7b538ep0f, 0x1.b57038p0f,
     0x1.f71d64p0f, 0x1.2036a2p1f, 0x1.489d56p1f, 0x1.749592p1f, 0x1.a3da66p1f, 0x1.d61354p1f, 0x1.056c92p2f},
    {0x1.be4658p2f, 0, 0, 0x1.da59d2p0f, 0x1.16df5ap1f, 0x1.462918p1f, 0x1.7a8f52p1f, 0x1.b3434ap1f, 0x1.eee82cp1f, 0x1.15ffcp2f,
     0x1.3465c6p2f, 0x1.51cc82p2f, 0x1.6d5e6ap2f, 0x1.867ee4p2f, 0x1.9c8acep2f, 0x1.af32b6p2f},
    {0x1.1a5b3ep1f, 0, 0, 0x1.9e98fap1f, 0x1.dae604p1f, 0x1.0a6854p2f, 0x1.23cd56p2f, 0x1.376c44p2f, 0x1.43573cp2f, 0x1.46674ep2f,
     0x1.403076p2f, 0x1.31066ep2f, 0x1.19ff66p2f, 0x1.f8cbfcp1f, 0x1.b3a106p1f, 0x1.682b46p1f},
    {-0x1.2eb8acp2f, 0, 0, 0x1.d8b86ap1f, 0x1.d79194p1f, 0x1.97501cp1f, 0x1.8d6cacp1f, 0x1.aa494p0f, 0x1.2f77fcp0f,
     -0x1.05df14p-4f, -0x1.5f49d2p0f, -0x1.9222e2p1f, -0x1.a7ce22p1f, -0x1.5889c4p2f, -0x1.0fbc04p2f, -0x1.c0c8d4p1f}
#else
    {0x1p0, 0x1.33f3abfd60d6fp-6, 0x1.494bb2ce2924fp-5, 0x1.08e76c386c63fp-4, 0x1.7c0348489d721p-4, 0x1.004a44af3aa23p-3,
     0x1.4cc78960fa548p-3, 0x1.a51c36ded2f06p-3, 0x1.058671b52c776p-2, 0x1.403aebd4e520bp-2, 0x1.839f500817f68p-2,
     0x1.d0a634ea4d397p-2, 0x1.141d15fe9bfb3p-1, 0x1.459bb6da1bafbp-1, 0x1.7d3335cdc4256p-1, 0x1.bb3bc32623c5dp-1},
    {0x1.20dd750429b6dp2, 0x1.481e34f76a62fp-1, 0x1.76711f8b6cf4cp-1, 0x1.ad1c3f24ffe6dp-1, 0x1.ed7f66d9d09fdp-1,
     0x1.1c81839e2591bp0, 0x1.4880481361d1ep0, 0x1.7b538c281a31p0, 0x1.b57034efd3f73p0, 0x1.f71d6106f4752p0,
     0x1.2036a0c10f08bp1, 0x1.489d54486d877p1, 0x1.749591d9358bep1, 0x1.a3da665478c1ap1, 0x1.d61352a946cb5p1,
     0x1.056c91b512242p2},
    {0x1.be4515f7ac8b8p2, 0x1.54b20bd015facp0, 0x1.9230a4f30e5eap0, 0x1.da58bb7b4d2f7p0, 0x1.16dec4ecdc0bbp1, 0x1.462666039d8c5p1,
     0x1.7a91c776b5e89p1, 0x1.b33fd9e87cbp1, 0x1.eeea7dc8a7696p1, 0x1.16006bbb93b17p2, 0x1.3465a8db55949p2,
     0x1.51c8dd0697c04p2, 0x1.6d5e7b7d6634p2, 0x1.8678258d58c42p2, 0x1.9c8c5a1a5abfbp2, 0x1.af397ccd608cfp2},
    {0x1.19601324a7e3bp1, 0x1.2d2f9cb54cddep1, 0x1.63a99ca12a338p1, 0x1.9e8a2a37176afp1, 0x1.daf23d4477f85p1, 0x1.0a7415496c978p2,
     0x1.23e6f5ea2acd6p2, 0x1.378ad44aa7801p2, 0x1.437f0b68beedfp2, 0x1.468fcfe16c0d8p2, 0x1.40559d1fe3d09p2,
     0x1.312d458964629p2, 0x1.1a1340960b0cfp2, 0x1.f8e13d4a5b19p1, 0x1.b3ccc89a32cf9p1, 0x1.683fb91594404p1},
    {-0x1.3e48e93e4e23ap2, 0x1.9d0a756935545p1, 0x1.c869e80164a05p1, 0x1.e1c71f2c110e2p1, 0x1.df5ce376a3c06p1, 0x1.b9c0b1fadd109p1,
     0x1.6e6eab2e1f1cdp1, 0x1.00f7faf1088d2p1, 0x1.e94715b78ee57p-1, -0x1.94ab0b14d2214p-3, -0x1.59f38550bef8bp0,
     -0x1.3561d4a64598cp1, -0x1.aa0d96797102dp1, -0x1.02f1233279192p2, -0x1.23742ad9df7eep2, -0x1.36d7fa87aafc1p2},
    {-0x1.9b18fd63e4dd9p-3, 0x1.3a38f9d832e24p1, 0x1.cd69fbdf285abp0, 0x1.4ce6b23e935p-1, -0x1.e95c39e6e6f2bp-1,
     -0x1.69e305679f71p1, -0x1.2b29f387cff81p2, -0x1.8c8127c8bf18ep2, -0x1.ca95ecf2e63c1p2, -0x1.df216f910cb36p2,
     -0x1.cbebae94da7efp2, -0x1.988c1c0cd845cp2, -0x1.4f7027a2ef211p2, -0x1.f6875a05753c7p1, -0x1.4a750f709e753p1,
     -0x1.510250e199a13p0},
    {0x1.5e3909ebc15c7p2, -0x1.1ea5f20a7ff0cp1, -0x1.32a6202bb11f3p2, -0x1.dd783288a2fd3p2, -0x1.2ff548cbc947dp3,
     -0x1.465027cde3795p3, -0x1.2754b1160725dp3, -0x1.b2900e6cc274cp2, -0x1.bc265ed883f2p1, 0x1.20b97f6ff73efp-6,
     0x1.8985cfda07cc8p1, 0x1.55b97f61ea311p2, 0x1.ac7ad93779f33p2, 0x1.cd1f36ff1b8d7p2, 0x1.c26fd802668f2p2,
     0x1.9959f6b985aa7p2},
    {-0x1.27fafef30a1bp2, -0x1.4f79319550c42p3, -0x1.8deafda39b281p3, -0x1.6bec64ea88ba5p3, -0x1.ac59d530e40b9p2,
     0x1.225e7990b9443p-1, 0x1.03fa9b2b0b12bp3, 0x1.b68e524234da5p3, 0x1.016970263cdacp4, 0x1.eaa54df7fbf89p3,
     0x1.8aef242aed1ap3, 0x1.092097bb77d4ep3, 0x1.0a9931c6645dcp2, 0x1.43c0d2b060387p-1, -0x1.008474186c12bp1,
     -0x1.db3d2a7ef2d4ap1},
    {-0x1.5f1acf82c3eb2p1, -0x1.a18fa3dad25e9p3, -0x1.48679614d78dfp1, 0x1.72c48d69f9a2fp3, 0x1.906a7f508de77p4,
     0x1.f40c5bf12974dp4, 0x1.b62fe4affd849p4, 0x1.032f908797404p4, 0x1.73e8c5a4476aap1, -0x1.0b839375286acp3,
     -0x1.dfdfb579052a5p3, -0x1.0feff521709dcp4, -0x1.f9cca2ddf3d06p3, -0x1.8581d4f49c3ebp3, -0x1.216ac74578eddp3,
     -0x1.56205f712bdb4p2},
    {0x1.9d8ca4a8bc1d5p0, 0x1.547f72acafa6p5, 0x1.52779cd3f5cf2p5, 0x1.abaebc4aac70fp5, 0x1.2b24f403246d3p5, 0x1.0a1c77ab65529p2,
     -0x1.e7910d3f12893p4, -0x1.8230fa0ff17cbp5, -0x1.66bd9f3f12de3p5, -0x1.0b7a7bf12c2d2p5, -0x1.0d3433172b454p4,
     -0x1.4c48ec92d3fb5p1, 0x1.abf7c6c06223bp2, 0x1.0076471b0cf5p4, 0x1.507f1c561ad0ep3, 0x1.21a9c9fd26a99p3}
#endif
};
enum { ERFC_TERMS = sizeof erfc_piece / sizeof *erfc_piece };

/* What x y, rounded to p, lacks. */
INLINE real lost_by_product(real x, real y, real p) {
#if FUSED
  return BUILTIN(fma)(x, y, -p);
#else
  real x1 = half_of(x), y1 = half_of(y), x2 = x - x1, y2 = y - y1;
  return x1 * y1 - p + (x1 * y2 + x2 * y1) + x2 * y2;
#endif
}

/* x y + c, rounded once or almost. */
INLINE real sum_with_product(real x, real y, real c) {
#if FUSED
  return BUILTIN(fma)(x, y, c);
#else
  real p = x * y;
  return p + (lost_by_product(x, y, p) + c);
#endif
}

/* c - x y, about 0, rounded once or almost. */
INLINE real left_by_product(real c, real x, real y) {
#if FUSED
  return BUILTIN(fma)(-x, y, c);
#else
  real p = x * y;
  return c - p - lost_by_product(x, y, p);
#endif
}

/* That polynomial of t, but for its first terms by two chains. */
INLINE real erfc_scaled(real t, word i) {
  real square = t * t, last = FN(look)(erfc_piece[ERFC_TERMS - 1], i), before = FN(look)(erfc_piece[ERFC_TERMS - 2], i);
  _Pragma("clang loop unroll(full)") for (int k = ERFC_TERMS - 3; k > 0; k--) {
    real next = last * square + FN(look)(erfc_piece[k], i);
    last = before, before = next;
  }
  return FN(look)(erfc_piece[0], i) + t * (last * t + before);
}

/* exp(-a^2) times that; t is (1 - u (a + 2)) / (a + 2) with u = n/32. */
real FN(erfc)(real x) {
  real a = at_most(K(28, 10.5f), absolute(x)), v = 1 / (a + 2), shifted = v + ROUND / 32, u = shifted - ROUND / 32;
  real left = left_by_product(1 - 2 * u, u, a), y = erfc_scaled(left * v, bits(shifted)), square = a * a;
  Exp e = exp_of_less(square, lost_by_product(a, a, square), 2 * BIAS);
  y = exp_scale(sum_with_product(y, e.t, y * exp_rest(e)), e);
  real back = 2 - y;
  return x < 0 ? back : y;
}
