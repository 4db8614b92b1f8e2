/* Trains iris.tdsl's classifier on Fisher's 150 irises by gradient descent with momentum.
 * usage: iris [iris.csv [weights.csv]]; exit status 0 when the training accuracy is above 0.97. */
#include "iris.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 150, FEATURES = 4, CLASSES = 3, STEPS = 3000, WEIGHTS = CLASSES * FEATURES };

static double X[SAMPLES][FEATURES], mean[FEATURES], deviation[FEATURES];
static int32_t y[SAMPLES];
static double W[WEIGHTS], b[CLASSES];

static int read_data(const char *path) {
  FILE *f = fopen(path, "r");
  if (!f) return perror(path), 0;
  char line[256];
  int n = 0;
  while (n < SAMPLES && fgets(line, sizeof line, f))
    if (line[0] != '#' && sscanf(line, "%lf,%lf,%lf,%lf,%d", &X[n][0], &X[n][1], &X[n][2], &X[n][3], &y[n]) == 5) n++;
  fclose(f);
  if (n < SAMPLES) fprintf(stderr, "%s: %d samples, %d wanted\n", path, n, SAMPLES);
  return n == SAMPLES;
}

/* To mean 0 and deviation 1, so that one step size suits every feature. */
static void standardise(void) {
  for (int j = 0; j < FEATURES; j++) {
    double s = 0, ss = 0;
    for (int i = 0; i < SAMPLES; i++) s += X[i][j];
    mean[j] = s / SAMPLES;
    for (int i = 0; i < SAMPLES; i++) ss += (X[i][j] - mean[j]) * (X[i][j] - mean[j]);
    deviation[j] = sqrt(ss / SAMPLES);
    for (int i = 0; i < SAMPLES; i++) X[i][j] = (X[i][j] - mean[j]) / deviation[j];
  }
}

static void must(int code, const adc_ws *ws) {
  if (code == ADC_OK) return;
  fprintf(stderr, "%s: %s\n", adc_strerror(code), ws->message ? ws->message : "");
  exit(1);
}

static double accuracy(adc_ws *ws) {
  int64_t guess[SAMPLES];
  int right = 0;
  must(predict(CLASSES, FEATURES, SAMPLES, W, b, &X[0][0], guess, ws), ws);
  for (int i = 0; i < SAMPLES; i++) right += guess[i] == y[i];
  return (double)right / SAMPLES;
}

static void draw(int step, double loss, double acc) {
  char bar[31] = "..............................";
  for (int i = 0; i < 30 * step / STEPS; i++) bar[i] = '#';
  printf("\r[%s] step %4d  loss %.4f  accuracy %.3f", bar, step, loss, acc);
  fflush(stdout);
}

static int write_weights(const char *path) {
  FILE *f = fopen(path, "w");
  if (!f) return perror(path), 0;
  fprintf(f, "# one row a class: weights of the standardised features, then the bias\n");
  for (int c = 0; c < CLASSES; c++) {
    for (int j = 0; j < FEATURES; j++) fprintf(f, "%.17g,", W[c * FEATURES + j]);
    fprintf(f, "%.17g\n", b[c]);
  }
  return fclose(f) == 0;
}

int main(int argc, char **argv) {
  if (!read_data(argc > 1 ? argv[1] : "iris.csv")) return 1;
  standardise();

  /* One workspace, large enough for both functions, allocated once. */
  size_t need = loss_grad_ws(CLASSES, FEATURES, SAMPLES), other = predict_ws(CLASSES, FEATURES, SAMPLES);
  adc_ws ws = {0};
  ws.len = need > other ? need : other;
  ws.base = malloc(ws.len + 1);
  if (!ws.base) return 1;

  double W_grad[WEIGHTS], b_grad[CLASSES], W_step[WEIGHTS] = {0}, b_step[CLASSES] = {0}, loss = 0;
  for (int step = 0; step <= STEPS; step++) {
    must(loss_grad(CLASSES, FEATURES, SAMPLES, W, b, &X[0][0], y, &loss, W_grad, b_grad, &ws), &ws);
    if (step % 100 == 0) draw(step, loss, accuracy(&ws));
    for (int i = 0; i < WEIGHTS; i++) W[i] += W_step[i] = 0.9 * W_step[i] - 0.3 * W_grad[i];
    for (int i = 0; i < CLASSES; i++) b[i] += b_step[i] = 0.9 * b_step[i] - 0.3 * b_grad[i];
  }
  double acc = accuracy(&ws);
  free(ws.base);
  const char *path = argc > 2 ? argv[2] : "weights.csv";
  if (!write_weights(path)) return 1;
  printf("\nfinal accuracy %.4f; weights written to %s\n", acc, path);
  return acc > 0.97 ? 0 : 1;
}
