/* A century of the Sun and four planets, 100,000 steps: where the Earth ends, how well the energy is kept, and how the end depends on
 * the start, compared with differences. exit status 0 when the derivative agrees. */
#include "planets.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BODIES = 5, EARTH = 2, STEPS = 100000 };
static const double DT = 1e-3;

static const char *const name[BODIES] = {"Sun", "Venus", "Earth", "Mars", "Jupiter"};
static const double m[BODIES] = {1, 2.45e-6, 3.04e-6, 3.23e-7, 9.55e-4};
static const double radius[BODIES] = {0, 0.723, 1, 1.524, 5.203}, phase[BODIES] = {0, 1, 0, 2, 4};
static const double tilt[BODIES] = {0, 0.059, 0, 0.032, 0.023};

static adc_ws ws;

static void *more(void *env, size_t need) {
  (void)env;
  return realloc(ws.base, need);
}

static void must(int code) {
  if (code == ADC_OK) return;
  fprintf(stderr, "%s: %s\n", adc_strerror(code), ws.message ? ws.message : "");
  exit(1);
}

/* Circles about the Sun, each in a plane of its own; the Sun moves so that all momenta add up to nothing. */
static void start(double q[BODIES][3], double p[BODIES][3]) {
  const double two_pi = 8 * atan(1);
  for (int i = 0; i < BODIES; i++) {
    double v = i ? two_pi / sqrt(radius[i]) : 0, c = cos(phase[i]), s = sin(phase[i]);
    double x[3] = {radius[i] * c, radius[i] * s * cos(tilt[i]), radius[i] * s * sin(tilt[i])};
    double u[3] = {-v * s, v * c * cos(tilt[i]), v * c * sin(tilt[i])};
    for (int k = 0; k < 3; k++) q[i][k] = x[k], p[i][k] = m[i] * u[k];
  }
  for (int k = 0; k < 3; k++)
    for (int i = 1; i < BODIES; i++) p[0][k] -= p[i][k];
}

static double energy_of(double q[BODIES][3], double p[BODIES][3]) {
  double e;
  must(energy(BODIES, q[0], p[0], m, &e, &ws));
  return e;
}

static double miss_of(double q[BODIES][3], double p[BODIES][3], const double target[3]) {
  double d;
  must(miss(BODIES, q[0], p[0], m, DT, STEPS, EARTH, target, &d, &ws));
  return d;
}

int main(void) {
  double q[BODIES][3], p[BODIES][3] = {{0}}, q1[BODIES][3], p1[BODIES][3], dp[BODIES][3], d;
  const double target[3] = {1, 0, 0};
  ws.grow = more;
  start(q, p);
  must(leapfrog(BODIES, q[0], p[0], m, DT, STEPS, q1[0], p1[0], &ws));
  for (int i = 0; i < BODIES; i++) printf("%-8s after %g years: %9.5f %9.5f %9.5f\n", name[i], STEPS * DT, q1[i][0], q1[i][1], q1[i][2]);
  printf("relative change of the energy: %.1e\n", energy_of(q1, p1) / energy_of(q, p) - 1);

  clock_t from = clock();
  must(miss_grad(BODIES, q[0], p[0], m, DT, STEPS, EARTH, target, &d, dp[0], &ws));
  double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
  printf("the Earth is %.6f au from where it began; the gradient of the square\n", sqrt(d));
  printf("took %.2f s and %.1f kB, where storing every step takes %.1f MB\n", seconds, ws.len / 1e3, STEPS * sizeof q * 2 / 1e6);

  printf("d(miss)/d(momentum), per mm/s of velocity:\n");
  double worst = 0;
  for (int i = 1; i < BODIES; i++) {
    const double mm_s = m[i] * 2.1094e-7; /* au a year */
    double keep = p[i][1], h = (i == EARTH ? 20 : 200) * mm_s;
    p[i][1] = keep + h;
    double above = miss_of(q, p, target);
    p[i][1] = keep - h;
    double below = miss_of(q, p, target);
    p[i][1] = keep;
    double difference = (above - below) / (2 * h), error = fabs(difference - dp[i][1]) / fabs(dp[i][1]);
    printf("  %-8s %13.6e   by differences %13.6e\n", name[i], dp[i][1] * mm_s, difference * mm_s);
    if (error > worst) worst = error;
  }
  free(ws.base);
  printf("largest relative difference %.1e\n", worst);
  return worst < 1e-3 ? 0 : 1;
}
