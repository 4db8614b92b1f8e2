"""Random nestings of derivative operators, whose gradient is compared with central differences.

usage: nested.py ADC FIRST COUNT

Each program is a scalar of a real `a` and a vector `v`, made of operators on lambdas that capture what is around them, of
comprehensions, a branch, a loop and a recursion. A program that does not compile or differs is printed; exit status 1."""
import json
import math
import random
import subprocess
import sys

PRELUDE = """\
fn loop(x: real, y: real[3]) -> real {
  var s = x
  for i in 0..3 { s = s * 0.5 + y[i] * x  if s > 2 { s = s - 1.0 } }
  return s
}
fn power(x: real, k: int) -> real = if k <= 0 then 1 else x * power(x, k - 1)
"""
STEP, TOLERANCE = 1e-5, 1e-4
POINT = (0.6, [0.3, -0.8, 1.1])
DIRECTION = [0.3, 0.2, -0.4]


class Program:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0
        self.scalars, self.vectors, self.indices = ["a"], ["v"], ["0", "2"]

    def under(self, known, prefix, body, depth):
        """A new name, and what `body` makes where it is known."""
        self.names += 1
        name = f"{prefix}{self.names}"
        known.append(name)
        text = body(depth)
        known.pop()
        return name, text

    def of_scalar(self, body, depth):
        name, text = self.under(self.scalars, "t", body, depth)
        return f"fn({name}: real) => {text}"

    def of_vector(self, body, depth):
        name, text = self.under(self.vectors, "u", body, depth)
        return f"fn({name}: real[3]) => {text}"

    def scalar(self, d):
        pick, s, v = self.random.choice, self.scalar, self.vector
        if d <= 0:
            return pick([pick(self.scalars)] * 3 + [f"{pick(self.vectors)}[{pick(self.indices)}]", pick(["0.5", "1.5", "2.0"])])
        return pick([
            lambda: f"({s(d - 1)} * {s(d - 1)})",
            lambda: f"({s(d - 1)} + {s(d - 1)})",
            lambda: f"sin({s(d - 1)})",
            lambda: f"sum({v(d - 1)})",
            lambda: f"dot({v(d - 1)}, {v(d - 1)})",
            lambda: f"grad({self.of_scalar(s, d - 1)})({s(d - 2)})",
            lambda: f"hvp({self.of_scalar(s, d - 1)})({s(d - 2)}; {s(d - 2)})",
            lambda: f"hessian({self.of_scalar(s, d - 1)})({s(d - 2)})",
            lambda: f"jacobian({self.of_scalar(s, d - 1)})({s(d - 2)})",
            lambda: f"sum(grad({self.of_vector(s, d - 1)})({v(d - 2)}))",
            lambda: f"trace(hessian({self.of_vector(s, d - 1)})({v(d - 2)}))",
            lambda: f"sum(jacobian({self.of_vector(v, d - 1)})({v(d - 2)}) @ {v(d - 2)})",
            lambda: f"(if {s(d - 2)} > 0.7 then {s(d - 1)} else {s(d - 1)})",
            lambda: f"loop({s(d - 1)}, {v(d - 2)})",
            lambda: f"power({s(d - 1)}, 3)",
        ])()

    def vector(self, d):
        pick, s, v = self.random.choice, self.scalar, self.vector
        if d <= 0:
            return pick(self.vectors)

        def comprehension():
            name, text = self.under(self.indices, "i", s, d - 1)
            return f"[{text} for {name} < 3]"

        return pick([
            lambda: f"({s(d - 1)} * {v(d - 1)})",
            lambda: f"({v(d - 1)} * {v(d - 1)})",
            lambda: f"cos({v(d - 1)})",
            comprehension,
            comprehension,
            lambda: f"grad({self.of_vector(s, d - 1)})({v(d - 2)})",
            lambda: f"hvp({self.of_vector(s, d - 1)})({v(d - 2)}; {v(d - 2)})",
            lambda: f"flip(cumsum({v(d - 1)}), 0)",
        ])()


def call(adc, text, a, v, *more):
    done = subprocess.run([adc, "run", "-", "main", f"a={a}", f"v={json.dumps(v)}", "--json", *more],
                          input=text, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def difference(adc, text, da, dv):
    a, v = POINT
    ends = [call(adc, text, a + h * da, [x + h * y for x, y in zip(v, dv)])["out"] for h in (STEP, -STEP)]
    return (ends[0] - ends[1]) / (2 * STEP)


def check(adc, seed):
    """None, or what is wrong."""
    text = PRELUDE + f"fn main(a: real, v: real[3]) -> real = {Program(seed).scalar(4)}\n"
    try:
        got = call(adc, text, *POINT, "--grad")
        if not math.isfinite(got["out"]) or abs(got["out"]) > 1e6:
            return None
        pairs = [(got["a_grad"], difference(adc, text, 1, [0, 0, 0])),
                 (sum(g * d for g, d in zip(got["v_grad"], DIRECTION)), difference(adc, text, 0, DIRECTION))]
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return f"{text}{error}"
    for g, d in pairs:
        if not abs(g - d) <= TOLERANCE * max(1, abs(g), abs(got["out"])):
            return f"{text}{got}: {g} against {d}"
    return None


def main():
    adc, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    wrong = 0
    for seed in range(first, first + count):
        fault = check(adc, seed)
        if fault:
            wrong += 1
            print(f"program {seed}: {fault}")
    print(f"{count} programs, {wrong} wrong")
    return wrong > 0


sys.exit(main())
