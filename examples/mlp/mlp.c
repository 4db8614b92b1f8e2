/* Trains mlp.tdsl on 8x8 handwritten digits by minibatch SGD; four fifths train, the last fifth tests.
 * Each step adds the gradients of several small batches through loss_grad_add.
 * usage: mlp [digits.csv]; exit status 0 when the accuracy on the held-out fifth is above 0.95. */
#include "mlp.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1797, HELD_OUT = SAMPLES / 5, TRAIN = SAMPLES - HELD_OUT, PIXELS = 64, HIDDEN = 64, CLASSES = 10 };
enum { BATCH = 16, BATCHES_A_STEP = 2, EPOCHS = 30 };

/* All parameters stand in one array, so that the update is one loop. */
enum { N_W1 = HIDDEN * PIXELS, N_B1 = HIDDEN, N_W2 = CLASSES * HIDDEN, N_B2 = CLASSES };
enum { W1 = 0, B1 = W1 + N_W1, W2 = B1 + N_B1, B2 = W2 + N_W2, PARAMETERS = B2 + N_B2 };

static double X[SAMPLES][PIXELS], theta[PARAMETERS], grad[PARAMETERS], momentum[PARAMETERS];
static int32_t y[SAMPLES];

static uint64_t state = 1;
static double uniform(void) { /* xorshift64* (Vigna 2016) */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (double)(state * 0x2545f4914f6cdd1du >> 11) * 0x1p-53;
}

static int read_data(const char *path) {
  FILE *f = fopen(path, "r");
  if (!f) return perror(path), 0;
  char line[1024];
  int n = 0;
  while (n < SAMPLES && fgets(line, sizeof line, f)) {
    if (line[0] == '#') continue;
    char *s = line;
    for (int j = 0; j < PIXELS; j++, s++) X[n][j] = strtod(s, &s) / 16;
    y[n++] = (int32_t)strtol(s, &s, 10);
  }
  fclose(f);
  if (n < SAMPLES) fprintf(stderr, "%s: %d samples, %d wanted\n", path, n, SAMPLES);
  return n == SAMPLES;
}

/* The file has whole writers one after another: mix them, or the held-out fifth would be other people's hands. */
static void shuffle(int n) {
  for (int i = n - 1; i > 0; i--) {
    int k = (int)(uniform() * (i + 1));
    double row[PIXELS];
    memcpy(row, X[i], sizeof row);
    memcpy(X[i], X[k], sizeof row);
    memcpy(X[k], row, sizeof row);
    int32_t label = y[i];
    y[i] = y[k];
    y[k] = label;
  }
}

static void must(int code, const adc_ws *ws) {
  if (code == ADC_OK) return;
  fprintf(stderr, "%s: %s\n", adc_strerror(code), ws->message ? ws->message : "");
  exit(1);
}

static double accuracy(int from, int n, adc_ws *ws) {
  static int64_t guess[SAMPLES];
  int right = 0;
  must(predict(HIDDEN, PIXELS, CLASSES, n, theta + W1, theta + B1, theta + W2, theta + B2, X[from], guess, ws), ws);
  for (int i = 0; i < n; i++) right += guess[i] == y[from + i];
  return (double)right / n;
}

/* The mean loss over the step's batches; their gradients are summed in `grad`. */
static double gradient(int from, adc_ws *ws) {
  double total = 0;
  memset(grad, 0, sizeof grad);
  for (int k = 0; k < BATCHES_A_STEP; k++) {
    int at = from + k * BATCH;
    double loss;
    must(loss_grad_add(HIDDEN, PIXELS, CLASSES, BATCH, theta + W1, theta + B1, theta + W2, theta + B2, X[at], y + at,
                       &loss, grad + W1, grad + B1, grad + W2, grad + B2, ws),
         ws);
    total += loss;
  }
  return total / BATCHES_A_STEP;
}

int main(int argc, char **argv) {
  if (!read_data(argc > 1 ? argv[1] : "digits.csv")) return 1;
  shuffle(SAMPLES);
  for (int i = 0; i < N_W1; i++) theta[W1 + i] = (2 * uniform() - 1) * sqrt(6.0 / PIXELS); /* He et al. 2015 */
  for (int i = 0; i < N_W2; i++) theta[W2 + i] = (2 * uniform() - 1) * sqrt(6.0 / HIDDEN);

  size_t need = loss_grad_ws(HIDDEN, PIXELS, CLASSES, BATCH), other = predict_ws(HIDDEN, PIXELS, CLASSES, TRAIN);
  adc_ws ws = {0};
  ws.len = need > other ? need : other;
  ws.base = malloc(ws.len + 1);
  if (!ws.base) return 1;

  enum { STEP = BATCH * BATCHES_A_STEP };
  for (int epoch = 1; epoch <= EPOCHS; epoch++) {
    double loss = 0, rate = 0.05 * (1 - 0.9 * epoch / EPOCHS);
    int steps = 0;
    shuffle(TRAIN);
    for (int from = 0; from + STEP <= TRAIN; from += STEP, steps++) {
      loss += gradient(from, &ws);
      for (int i = 0; i < PARAMETERS; i++)
        theta[i] += momentum[i] = 0.9 * momentum[i] - rate * grad[i] / BATCHES_A_STEP;
    }
    printf("\repoch %2d  loss %.4f  held out %.3f", epoch, loss / steps, accuracy(TRAIN, HELD_OUT, &ws));
    fflush(stdout);
  }
  double acc = accuracy(TRAIN, HELD_OUT, &ws);
  free(ws.base);
  printf("\nfinal held-out accuracy %.4f\n", acc);
  return acc > 0.95 ? 0 : 1;
}
