"""generated.py ADC SUPPORT [FIRST [COUNT [SECONDS [ORDER]]]]: checks the random programs of generate.py with the seeds FIRST, FIRST + 1, ...

Each program, at random values, in the plain interpreter:
  passes       the front end's IR against the optimised IR;
  orders       f_jvp and f_vjp, and their own derivatives to ORDER, against central differences of the order before;
  batches      f_jacobian and total_hessian, contracted with directions, against f_jvp and differences of total_grad;
  checkpoint   the same gradients without the word `checkpoint`;
  round trip   the reverse sweep printed by --emit=tdsl and compiled again gives the same numbers.
Each tenth of them (COMPILE_EACH in the environment changes that; WORKERS is how many run at once) is compiled besides:
  values       the interpreter against compiled code at -O0 and -O3, the program and its reverse sweep;
  threads      the same with --threads, in chunks as small as can be;
  f32          -O0 against -O3 with `real` as f32; far from f64 is a note, since a branch may go the other way;
  certificate  `adc test`: Taylor rates, <Jv, w> = <v, Jt w>, -O0 against -O3; at order 2, in every mix of modes, where the program is short.
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


def near(what, got, want, tolerance=1e-10):
    scale = max((abs(w) for w in want if w == w), default=0) + 1
    if len(got) != len(want) or not all(abs(g - w) <= tolerance * scale or g != g and w != w for g, w in zip(got, want)):
        raise Wrong(f"{what}: {got}, want {want}")


def results(path, give, *options):
    got = json.loads(call(adc, "run", path, "f", *give, "--json", *options))
    return [x for v in got.values() for x in flat(v)]


class Program:
    """A file, the sizes and the values of f's parameters."""

    def __init__(self, seed, folder):
        r = self.r = random.Random(seed)
        self.text = generate(seed)
        self.stem = os.path.join(folder, str(seed))
        self.write(self.stem, self.text)
        self.n, self.m, self.k = r.choice([1, 2, 3, 3, 4]), r.choice([1, 2, 3]), r.choice([0, 1, 2, 3])
        n, m = self.n, self.m
        self.value = {"x": self.random(n), "A": [self.random(n) for _ in range(n)], "B": [self.random(m) for _ in range(n)], "s": r.uniform(-1, 1)}
        self.seeds = {"y_seed": self.random(n), "z_seed": r.uniform(-1, 1)}
        self.give = [f"{name}={json.dumps(v)}" for name, v in self.value.items()] + [f"k={self.k}"]
        self.give_seeds = [f"{name}={json.dumps(v)}" for name, v in self.seeds.items()]
        self.numbers = flat(list(self.value.values()))

    def random(self, n):
        return [self.r.uniform(-1, 1) for _ in range(n)]

    def write(self, stem, text):
        with open(stem + ".tdsl", "w") as f:
            f.write(text)

    def interpret(self, path, function, *points):
        """A list of numbers for each point, all results one after another."""
        words = call(support + "/interpret", path, function, f"n={self.n},m={self.m},k={self.k}", text=" ".join(repr(x) for p in points for x in p)).split()
        size = len(words) // len(points)
        return [[float(w) for w in words[i * size:(i + 1) * size]] for i in range(len(points))]


def differences(p, path, function, u, d):
    """Central differences of a function along d; None where two steps disagree: there is a kink between them."""
    h = 1e-5
    at = [[x + t * h * y for x, y in zip(u, d)] for t in (1, -1, 0.3, -0.3)]
    a, b, c, e = p.interpret(path, function, *at)
    one, two = ([(x - y) / w for x, y in zip(v, w_)] for v, w_, w in ((a, b, 2 * h), (c, e, 0.6 * h)))
    scale = max(abs(x) for x in one) + 1
    return one if all(abs(x - y) < 1e-5 * scale for x, y in zip(one, two)) else None


def close_to_differences(what, got, want):
    scale = max(abs(x) for x in want + got) + 1
    if len(got) != len(want) or not all(abs(g - w) <= 3e-5 * scale for g, w in zip(got, want)):
        raise Wrong(f"{what}: {got}, by differences {want}")


def check_orders(p, path):
    for how in ("jvp", "vjp"):
        before, u = "f", p.numbers
        for k in range(1, order + 1):
            function, d = f"{before}_{how}", p.random(len(u))
            slope = differences(p, path, before, u, d)
            size = len(p.interpret(path, before, u)[0])
            w = d if how == "jvp" else p.random(size)
            got = p.interpret(path, function, u + w)[0][size:]
            if how == "jvp":
                want = slope
            else:
                got, want = [sum(x * y for x, y in zip(got, d))], slope and [sum(x * y for x, y in zip(w, slope))]
            if want:
                close_to_differences(function, got, want)
            before, u = function, u + w


def contracted(blocks, sizes, directions):
    """The blocks, one after another for each parameter, of rows of its size, times the directions: the sum over the parameters."""
    rows, at = None, 0
    for size, direction in zip(sizes, directions):
        count = len(blocks) // sum(sizes)
        part = [sum(blocks[at + i * size + j] * direction[j] for j in range(size)) for i in range(count)]
        rows = part if rows is None else [a + b for a, b in zip(rows, part)]
        at += count * size
    return rows


def check_batches(p):
    path, u, d = p.stem + "_batch", p.numbers, p.random(len(p.numbers))
    call(adc, "compile", p.stem + ".tdsl", "--fn=f", "--derive=jvp,jacobian", "--emit=ir", "-o", path)
    sizes = [len(flat([v])) for v in p.value.values()]
    directions = [d[sum(sizes[:i]):sum(sizes[:i + 1])] for i in range(len(sizes))]
    n, all = p.n, sum(sizes)
    blocks = p.interpret(path + ".ir", "f_jacobian", u)[0][n + 1:]
    slope = contracted(blocks[:n * all], sizes, directions) + contracted(blocks[n * all:], sizes, directions)
    near("jacobian times a direction against jvp", slope, p.interpret(path + ".ir", "f_jvp", u + d)[0][n + 1:])
    call(adc, "compile", p.stem + ".tdsl", "--fn=total", "--derive=grad,hessian", "--emit=ir", "-o", path)
    blocks, product, at = p.interpret(path + ".ir", "total_hessian", u)[0][1:], [], 0
    for size in sizes:
        product += contracted(blocks[at:at + size * all], sizes, directions)
        at += size * all
    want = differences(p, path + ".ir", "total_grad", u, d)
    if want:
        close_to_differences("hessian times a direction", product, want[1:])


def check_checkpoint(p, gradients, point):
    if "checkpoint" not in p.text:
        return
    stored = p.stem + "_stored"
    p.write(stored, p.text.replace("checkpoint ", ""))
    call(adc, "compile", stored + ".tdsl", "--fn=f", "--derive=vjp", "--emit=ir", "-o", stored)
    near("with checkpoint against without", gradients, p.interpret(stored + ".ir", "f_vjp", point)[0])


def check_round_trip(p, gradients, point):
    again = p.stem + "_again"
    call(adc, "compile", p.stem + ".tdsl", "--fn=f", "--derive=vjp", "--emit=tdsl", "-o", again)
    call(adc, "compile", again + ".tdsl", "--fn=f_vjp", "--emit=ir", "-o", again)
    near("--emit=tdsl compiled again", p.interpret(again + ".ir", "f_vjp", point)[0], gradients)


def check_compiled(p, values, gradients):
    path = p.stem + ".tdsl"
    near("-O3 against the interpreter", results(path, p.give, "-O3"), values)
    near("-O0 against the interpreter", results(path, p.give, "-O0"), values)
    near("the reverse sweep against the interpreter", results(path, p.give + p.give_seeds, "--derive=vjp"), gradients)
    near("--threads against the interpreter", results(path, p.give, "-O3", "--threads=1"), values)
    near("the reverse sweep with --threads", results(path, p.give + p.give_seeds, "-O3", "--derive=vjp", "--threads=1"), gradients)
    single(p, path, gradients)
    call(adc, "test", path, "f", *p.give, f"--order={order if p.text.count(chr(10)) < 50 else 1}")


def single(p, path, gradients):
    """In f32 the branches are the same ones at most points, and then the numbers are near."""
    options = ("--real=f32", "--derive=vjp")
    got = results(path, p.give + p.give_seeds, *options, "-O3")
    near("f32 at -O3 against -O0", got, results(path, p.give + p.give_seeds, *options, "-O0"), 1e-2)
    scale = max(abs(g) for g in gradients) + 1
    if not all(abs(g - w) < 1e-2 * scale for g, w in zip(got, gradients)):
        print(f"{p.stem}: f32 is far from f64 (a note: a branch may have gone the other way)", file=sys.stderr)


def check(seed, folder):
    p = Program(seed, folder)
    ir = p.stem + ".ir"
    call(adc, "compile", p.stem + ".tdsl", "--fn=f", "--derive=jvp,vjp", f"--order={order}", "--emit=ir", "-o", p.stem)
    values = p.interpret(ir, "f", p.numbers)[0]
    if not any(word in p.text for word in ("grad(", "hvp(", "hessian(", "jacobian(", "vjp(", "jvp(")):
        near("the front end's IR against the optimised", p.interpret(p.stem + ".tdsl", "f", p.numbers)[0], values)
    check_orders(p, ir)
    point = p.numbers + flat(list(p.seeds.values()))
    gradients = p.interpret(ir, "f_vjp", point)[0]
    check_batches(p)
    check_checkpoint(p, gradients, point)
    check_round_trip(p, gradients, point)
    if seed % compile_each == 0:
        check_compiled(p, values, gradients)


compile_each = int(os.environ.get("COMPILE_EACH", "10"))


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
    workers = int(os.environ.get("WORKERS", os.cpu_count() or 1))
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
