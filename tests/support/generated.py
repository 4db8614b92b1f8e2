"""generated.py ADC SUPPORT [FIRST [COUNT [SECONDS [ORDER]]]]: checks the random programs of generate.py with the seeds FIRST, FIRST + 1, ...

Each program, at random values:
  values       the front end's IR in the plain interpreter against compiled code at -O0 and -O3;
  derivatives  `adc test --order=ORDER`: Taylor rates (order k against differences of order k - 1), <Jv, w> = <v, Jt w>, -O0
               against -O3, for every mix of modes;
  adjoint      the reverse sweep's IR in the interpreter against compiled code;
  checkpoint   the same gradients without the word `checkpoint`.
A failure prints the seed and what differs; `generate.py SEED` prints the program.  SECONDS bounds the time, 0: no bound; a COUNT of 0:
until the time is over."""
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile
import time

from generate import generate

adc, support = sys.argv[1:3]
first, count, seconds, order = (int(v) for v in (sys.argv[3:] + ["1", "20", "0", "2"][len(sys.argv) - 3:]))
# A program that is cut off proves nothing against adc: derivatives of derivatives may be large.
LIMIT = 300


class Wrong(Exception):
    pass


def call(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=LIMIT)
    if done.returncode:
        raise Wrong(f"{' '.join(command)}\n  exit status {done.returncode}\n{(done.stdout + done.stderr)[-1500:]}")
    return done.stdout


def flat(v):
    return [x for u in v for x in flat(u)] if isinstance(v, list) else [float(v)]


def near(what, got, want):
    scale = max((abs(w) for w in want), default=0) + 1
    if len(got) != len(want) or not all(abs(g - w) <= 1e-10 * scale for g, w in zip(got, want)):
        raise Wrong(f"{what}: {got}, want {want}")


def results(path, give, *options):
    got = json.loads(call(adc, "run", path, "f", *give, "--json", *options))
    return [x for v in got.values() for x in flat(v)]


def interpret(path, function, n, k, numbers):
    return [float(w) for w in call(support + "/interpret", path, function, f"n={n},k={k}", text=" ".join(map(repr, numbers))).split()]


def check(seed, folder):
    r = random.Random(seed)
    text = generate(seed)
    path = os.path.join(folder, f"{seed}.tdsl")
    with open(path, "w") as f:
        f.write(text)
    n, k = r.choice([1, 2, 3, 3, 4]), r.choice([0, 1, 2, 3])
    value = {"x": [r.uniform(-1, 1) for _ in range(n)], "A": [[r.uniform(-1, 1) for _ in range(n)] for _ in range(n)], "s": r.uniform(-1, 1)}
    seed_of = {"y_seed": [r.uniform(-1, 1) for _ in range(n)], "z_seed": r.uniform(-1, 1)}
    give = [f"{name}={json.dumps(v)}" for name, v in value.items()] + [f"k={k}"]
    seeds = [f"{name}={json.dumps(v)}" for name, v in seed_of.items()]
    numbers = flat(value["x"]) + flat(value["A"]) + [value["s"]]
    values = results(path, give, "-O3")
    near("-O0 against -O3", results(path, give, "-O0"), values)
    if "grad(" not in text:
        near("interpreter against -O3", interpret(path, "f", n, k, numbers), values)
    # A second derivative of a long program takes LLVM minutes.
    call(adc, "test", path, "f", *give, f"--order={order if text.count(chr(10)) < 40 else 1}")
    gradients = results(path, give + seeds, "--derive=vjp")
    call(adc, "compile", path, "--fn=f", "--derive=vjp", "--emit=ir", "-o", path[:-5])
    near("interpreter of the adjoint against -O3", interpret(path[:-5] + ".ir", "f_vjp", n, k, numbers + flat(list(seed_of.values()))), gradients)
    if "checkpoint" in text:
        stored = path[:-5] + "_stored.tdsl"
        with open(stored, "w") as f:
            f.write(text.replace("checkpoint ", ""))
        near("with checkpoint against without", gradients, results(stored, give + seeds, "--derive=vjp"))


def guarded(seed, folder):
    try:
        check(seed, folder)
        return None
    except Wrong as e:
        return f"program {seed}: {e}"
    except subprocess.TimeoutExpired as e:
        return f"program {seed}: more than {LIMIT} s: {' '.join(e.cmd)}"


def main():
    start, done, failed = time.time(), 0, []
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running, seed = set(), first
        while True:
            while len(running) < workers and (not count or seed < first + count) and (not seconds or time.time() < start + seconds):
                running.add(pool.submit(guarded, seed, folder))
                seed += 1
            if not running:
                break
            ready, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ready:
                done += 1
                if future.result():
                    failed.append(future.result())
                    print(failed[-1], flush=True)
    print(f"{done} programs, {len(failed)} fail")
    return 1 if failed or not done else 0


sys.exit(main())
