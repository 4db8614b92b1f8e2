# usage: recursions.py ADC SUPPORT DIR SEED COUNT [ORDER] - random functions that call themselves at most once on any way: what the loops that they
# become compute is what the interpreter makes of the recursion, with the checks that fail, and their derivatives are consistent.
import random, subprocess, sys

adc, support, where = sys.argv[1:4]
first, count = int(sys.argv[4]), int(sys.argv[5])
order = sys.argv[6] if len(sys.argv) > 6 else "2"


class Gen:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.names = 0

    def pick(self, *of):
        return self.r.choice(of)

    def new(self):
        self.names += 1
        return f"v{self.names}"

    def real(self, env, depth=2):
        if depth == 0 or self.r.random() < 0.2:
            return self.pick(*env, f"{self.r.uniform(0.2, 1.5):.2f}", "w[n % 3]" if self.r.random() < 0.4 else self.pick(*env))
        a, b = self.real(env, depth - 1), self.real(env, depth - 1)
        return self.pick(f"sin({a})", f"cos({a})", f"tanh({a})", f"exp(-({a}) ** 2)", f"({a} + {b})", f"({a} - {b})", f"({a} * {b})",
                         f"({a} / (1 + ({b}) ** 2))")

    # Statements that define further names.
    def lets(self, env, pad, most=2):
        out = ""
        for _ in range(self.r.randrange(most + 1)):
            v = self.new()
            kind = self.r.random()
            if kind < 0.15:
                out += f"{pad}var {v} = {self.real(env)}\n{pad}for j in 0..2 {{ {v} = tanh({v} + {self.real(env, 1)}) }}\n"
            elif kind < 0.3:
                out += f"{pad}let {v} = if {self.cond()} then {self.real(env)} else {self.real(env)}\n"
            else:
                out += f"{pad}let {v} = {self.real(env)}\n"
            env = env + [v]
        return out, env

    def cond(self):
        return self.pick("n % 2 == 0", "m > 2", "n % 3 == 1", "x > 0.4", "a + x < 0.8", "m % 2 == 1")

    def next_n(self):
        if self.count == "minus": return "n - 1"
        if self.count == "half": return "n // 2"
        return self.pick("n - 1", "n // 2", "n - 2")

    def call(self, env):
        x = self.pick("x", self.real(env))
        a = "a" if self.a_stays else self.real(env)
        w = "w" if self.w_stays else self.pick("w", f"w * {self.real(env, 1)}", "tanh(w)")
        m = self.pick("m", "m + 1", "m * 2 % 5") if self.m_moves else "m"
        return f"f({x}, {a}, {w}, {self.next_n()}, {m})"

    def level(self, env, pad, depth):
        text, env = self.lets(env, pad)
        if depth and self.r.random() < 0.6:
            text += f"{pad}if {self.cond()} {{\n{self.level(env, pad + '  ', depth - 1)}{pad}}}\n"
            return text + self.level(env, pad, depth - 1)
        if self.r.random() < 0.15: return text + f"{pad}return {self.value(env)}\n"
        if self.two:
            text += f"{pad}let (y, z) = {self.call(env)}\n"
            env = env + ["y", "z"]
        else:
            text += f"{pad}let y = {self.call(env)}\n"
            env = env + ["y"]
        more, env = self.lets(env, pad, 1)
        tail = f"({self.real(env)} + 0.5 * y, z * {self.real(env)})" if self.two else f"({self.real(env)} + 0.5 * y)"
        return text + more + f"{pad}return {tail}\n"

    def value(self, env):
        return f"({self.real(env)}, {self.real(env)})" if self.two else self.real(env)

    def program(self):
        self.count = self.pick("minus", "minus", "half", "mixed")
        self.two, self.a_stays, self.w_stays, self.m_moves = (self.r.random() < p for p in (0.3, 0.5, 0.7, 0.4))
        end = self.pick("n <= 0", "n <= 0", "not n > 0", "n < 1", "n <= 0 or x > 3")
        body, env = self.lets(["x", "a", "w[0]"], "  ") if self.r.random() < 0.5 else ("", ["x", "a", "w[2]"])
        check = self.pick("", "", "  assert(n < 9)\n", "  assert(x < 30)\n")
        body = check + body + f"  if {end} {{ return {self.value(env)} }}\n" + self.level(env, "  ", 2)
        type = "(real, real)" if self.two else "real"
        return f"fn f(x: real, a: real, w: real[3], n: int, m: int) -> {type} {{\n{body}}}\n"


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **more)


def values(path, given):
    out = run(f"{support}/interpret", path, "f", f"n={given[0]},m={given[1]}", input="0.7 0.3 0.5 -0.8 1.2")
    return out.returncode, out.stdout, out.stderr


bad = loops = 0
for seed in range(first, first + count):
    source, ir = f"{where}/{seed}.tdsl", f"{where}/{seed}.ir"
    with open(source, "w") as f:
        f.write(Gen(seed).program())
    made = run(adc, "opt", "--passes=unwind", source)
    with open(ir, "w") as f:
        f.write(made.stdout)
    loops += "call @f" not in made.stdout
    why = made.stderr
    for given in ((0, 1), (1, 2), (5, 3), (8, 0), (12, 1)):
        code, want, failed = values(source, given)
        now, got, failure = values(ir, given)
        same = code == now and failed == failure and len(want.split()) == len(got.split()) and all(
            abs(float(p) - float(q)) <= 1e-12 * (1 + abs(float(p))) for p, q in zip(want.split(), got.split()))
        if not same: why += f"n, m = {given}: {code} {want} {failed} but as loops {now} {got} {failure}\n"
    tested = run(adc, "test", source, "f", "x=0.7", "a=0.3", "w=[0.5,-0.8,1.2]", "n=5", "m=3", f"--order={order}")
    if tested.returncode: why += tested.stdout + tested.stderr
    if why:
        bad += 1
        print(f"seed {seed}: {why}")
print(f"{count} functions, {loops} became loops, {bad} differ")
sys.exit(bad > 0)
