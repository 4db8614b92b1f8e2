"""threads.py ADC [FUNCTION…]: what a second thread brings, for the gradients of functions of tests/codegen/threads/Inputs/kinds.tdsl.

For each function: the time of a call with one thread and with two, in turns, the best of each, and their ratio.  That takes two processors
that nobody else uses; so beside it is what the chunks allow: the same code with an adc_parallel_for that does them one after another,
takes the processor time of each, and deals them out to two (and to eight) workers, each chunk to the one that is free first."""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "../tests/codegen/threads/Inputs/kinds.tdsl")
SIZES = {
    "chain": {"n": 1000000},
    "folds": {"n": 1000, "m": 700},
    "products": {"n": 512, "m": 512},
    "batches": {"b": 16, "n": 200, "m": 64},
    "layers": {"n": 64, "d": 784, "h": 512, "c": 10},
    "least_squares": {"n": 4000, "m": 1000},
    "table": {"n": 3000, "m": 100, "k": 20000},
    "mixture": {"k": 50, "d": 20, "n": 5000},
    "rays": {"m": 1000, "n": 200000},
    "pairs": {"n": 1000},
    "numbers": {"n": 3000, "k": 500000},
    "steps": {"n": 500, "m": 500, "k": 10},
    "scans": {"n": 1000, "m": 500},
    "factors": {"b": 2000, "n": 12},
}

DRIVER = r"""
#include "k.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double clock_of(clockid_t id) { struct timespec t; clock_gettime(id, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
static double *some(size_t n) {
  double *p = malloc((n + 1) * sizeof *p);
  for (size_t i = 0; i < n; i++) p[i] = (double)(i * 7919 % 1000) / 1000 - 0.5;
  return p;
}
#ifdef MODEL
enum { KINDS = 2, MOST = 8 };
static const int workers[KINDS] = {2, 8};
static double inside, span[KINDS];
static int watching;
void adc_parallel_for(void (*body)(void *env, int64_t i), void *env, int64_t chunks) {
  double load[KINDS][MOST] = {{0}};
  for (int64_t c = 0; c < chunks; c++) {
    double from = clock_of(CLOCK_THREAD_CPUTIME_ID);
    body(env, c);
    double t = clock_of(CLOCK_THREAD_CPUTIME_ID) - from;
    inside += watching * t;
    for (int k = 0; k < KINDS; k++) {
      int first = 0;
      for (int w = 1; w < workers[k]; w++) if (load[k][w] < load[k][first]) first = w;
      load[k][first] += t;
    }
  }
  for (int k = 0; k < KINDS; k++) {
    double last = 0;
    for (int w = 0; w < workers[k]; w++) if (load[k][w] > last) last = load[k][w];
    span[k] += watching * last;
  }
}
#endif
int main(void) {
  adc_ws ws = {0};
  ws.len = SIZE;
  ws.base = malloc(ws.len + 1);
  ARGUMENTS
#ifdef MODEL
  if (CALL) return 1;
  watching = 1;
  double total = clock_of(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < 20; i++) if (CALL) return 1;
  total = clock_of(CLOCK_THREAD_CPUTIME_ID) - total;
  for (int k = 0; k < KINDS; k++) printf("%.2f ", total / (total - inside + span[k]));
#else
  double best = 1e9, until = clock_of(CLOCK_MONOTONIC) + 0.3;
  do {
    double from = clock_of(CLOCK_MONOTONIC);
    if (CALL) return 1;
    double t = clock_of(CLOCK_MONOTONIC) - from;
    if (t < best) best = t;
  } while (clock_of(CLOCK_MONOTONIC) < until);
  printf("%.6f", 1e3 * best);
#endif
  return 0;
}
"""


def count(shape, sizes):
    n = 1
    for dim in shape:
        n *= int(eval(dim, {"min": min, "max": max}, sizes))
    return n


def driver(function, sizes):
    code, names = [], []
    for arg in function["args"]:
        name, role = arg["name"], arg["role"]
        if role == "dim" or name in sizes:
            code.append(f"int64_t {name} = {sizes[name]}; (void){name};")
        elif role != "workspace":
            code.append(f"double *{name} = some({count(arg['shape'], sizes)});")
        names.append("&ws" if role == "workspace" else name)
    dims = ", ".join(str(sizes[a["name"]]) for a in function["args"] if a["role"] == "dim" or a["name"] in sizes)
    text = DRIVER.replace("SIZE", f"{function['name']}_ws({dims})").replace("ARGUMENTS", "\n  ".join(code))
    return text.replace("CALL", f"{function['name']}({', '.join(names)}, 0)".replace(", 0)", ")"))


def run(command, **environment):
    return subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True, text=True).stdout


def measure(adc, name, sizes, folder):
    run([adc, "grad", "--threads", "--cpu=native", f"--fn={name}", "--emit=obj,header,manifest", SOURCE, "-o", f"{folder}/k"])
    manifest = json.load(open(f"{folder}/k.json"))
    function = next(f for f in manifest["functions"] if f["name"] == name + "_grad")
    with open(f"{folder}/d.c", "w") as f:
        f.write(driver(function, sizes))
    compile = [os.environ.get("CC", "cc"), "-O2", "-w", "-I", folder, f"{folder}/d.c", f"{folder}/k.o", "-lm", "-lpthread"]
    run(compile + ["-o", f"{folder}/time"])
    run(compile + ["-DMODEL", "-o", f"{folder}/model"])
    best = {"1": 1e9, "2": 1e9}
    for _ in range(4):
        for n in best:
            best[n] = min(best[n], float(run([f"{folder}/time"], ADC_NUM_THREADS=n)))
    two, eight = run([f"{folder}/model"]).split()
    size = re.sub(r"[{}' ]", "", str(sizes)).replace(":", "=")
    print(f"{name:13} {size:22} {best['1']:10.3f} {best['2']:10.3f} {best['1'] / best['2']:7.2f} {two:>9} {eight:>9}", flush=True)


adc = os.path.abspath(sys.argv[1])
print(f"{'gradient':13} {'sizes':22} {'1: ms':>10} {'2: ms':>10} {'ratio':>7} {'2 could':>9} {'8 could':>9}")
with tempfile.TemporaryDirectory() as folder:
    for name in sys.argv[2:] or SIZES:
        measure(adc, name, SIZES[name], folder)
