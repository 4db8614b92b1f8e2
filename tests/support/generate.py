"""generate.py SEED: prints a random program of the language: typed, shape-correct, of bounded values, smooth but for its branches.

Its function `f(x: real[n], A: real[n, n], s: real, k: int)` returns a vector and a scalar; loops, branches, stores, calls, recursion bounded by
an int, lambdas, structs and derivatives inside are drawn at random.  The same seed gives the same program."""
import random
import sys

HELPERS = """struct Pair[n] { v: real[n]; s: real }
local fn apply(g: fn(u: real) -> real, u: real) -> real = 0.5 * (g(u) + g(0.3 * u))
local fn halves(a: real, b: real[n]) -> (real[n], real) = (sin(b) * a, tanh(sum(b)))
local fn turned(p: Pair[n]) -> Pair[n] = Pair(v=flip(p.v, 0) * p.s, s=sin(p.s + 0.3))
local fn even(a: real, k: int) -> real = if k <= 0 then sin(a) else odd(1.1 * a, k - 1)
local fn odd(a: real, k: int) -> real = if k <= 0 then cos(a) else tanh(even(a + 0.2, k - 1) * a)
"""


class Scope:
    """Names in reach by type: S real, V real[n], M real[n, n], I an int of 0 <= i < n, P Pair[n], F fn(u: real) -> real."""

    def __init__(self, parent=None):
        self.names = {t: list(parent.names[t]) if parent else [] for t in "SVMIPF"}
        self.vars = {t: list(parent.vars[t]) if parent else [] for t in "SVMPI"}


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.fresh = 0
        self.fuel = self.r.choice([3, 5, 8, 12])
        self.functions = []  # (name, kind): what may be called
        self.depth = 0
        self.derives = self.r.random() < 0.3
        self.text = []

    def name(self, stem):
        self.fresh += 1
        return f"{stem}{self.fresh}"

    def pick(self, *options):
        return self.r.choice(options)

    def some(self, scope, type):
        return self.pick(*scope.names[type])

    # ---- expressions: each kind has leaves and, with depth to spend, compounds ---------------------------------------------------

    def S(self, c, d):
        p, r = self, self.r
        if d <= 0:
            return r.choice([p.some(c, "S"), p.some(c, "S"), repr(r.choice([0.5, -0.3, 1.2, 0.0, 1.0])), f"{p.some(c, 'V')}[{p.I(c, 0)}]"])
        kinds = [
            lambda: f"({p.S(c, d - 1)} {p.pick('+', '-')} {p.S(c, d - 1)})",
            lambda: f"{p.pick('sin', 'tanh', 'cos', 'sigmoid', 'atan')}({p.S(c, d - 1)})",
            lambda: f"{p.pick('sin', 'tanh')}({p.S(c, d - 1)} * {p.S(c, d - 1)})",
            lambda: f"({p.S(c, d - 1)}) / (1.5 + {p.sq(p.S(c, d - 2))})",
            lambda: f"sqrt(1 + {p.sq(p.S(c, d - 2))})",
            lambda: f"tanh(sum({p.V(c, d - 1)}))",
            lambda: f"tanh(dot({p.V(c, d - 1)}, {p.V(c, d - 2)}))",
            lambda: f"mean({p.V(c, d - 1)})",
            lambda: f"max({p.V(c, d - 1)})",
            lambda: f"logsumexp(tanh({p.V(c, d - 1)}))",
            lambda: f"(if {p.B(c, d - 1)} then {p.S(c, d - 1)} else {p.S(c, d - 1)})",
            lambda: f"where({p.B(c, d - 1)}, {p.S(c, d - 1)}, {p.S(c, d - 1)})",
            lambda: f"max({p.S(c, d - 1)}, {p.S(c, d - 1)})",
            lambda: f"{p.some(c, 'M')}[{p.I(c, 1)}, {p.I(c, 1)}]",
            lambda: f"{p.some(c, 'V')}[{p.I(c, 1)}]",
            lambda: p.reduction(c, d),
            lambda: p.call(c, d, "S"),
            lambda: f"prod(tanh({p.V(c, d - 1)}))",
            lambda: f"min({p.V(c, d - 1)})",
            lambda: f"norm(cos({p.V(c, d - 1)}))",
            lambda: f"variance({p.V(c, d - 1)})",
            lambda: f"{p.pick('even', 'odd')}({p.S(c, d - 1)}, {p.pick('k', '1', '3')})",
            lambda: f"logdet(2 * eye(n) + 0.1 * tanh({p.M(c, d - 2)}))",
        ]
        if c.names["P"]:
            kinds += [lambda: f"{p.some(c, 'P')}.s", lambda: f"turned({p.some(c, 'P')}).s"]
        if c.names["F"]:
            kinds += [lambda: f"apply({p.some(c, 'F')}, {p.S(c, d - 1)})", lambda: f"{p.some(c, 'F')}({p.S(c, d - 1)})"]
        kinds.append(lambda: f"apply({p.lambda_(c, d)}, {p.S(c, d - 1)})")
        if p.derives and d == 2:
            kinds += [lambda: f"tanh(grad({p.lambda_(c, 2)})({p.S(c, 0)}))", lambda: f"tanh(sum(hvp({p.vector_lambda(c)})({p.V(c, 0)}; {p.V(c, 0)})))",
                      lambda: f"tanh(sum(hessian({p.vector_lambda(c)})({p.V(c, 0)})))"]
        return r.choice(kinds)()

    def V(self, c, d):
        p, r = self, self.r
        if d <= 0:
            return p.some(c, "V")
        kinds = [
            lambda: f"({p.V(c, d - 1)} {p.pick('+', '-')} {p.V(c, d - 1)})",
            lambda: f"{p.pick('sin', 'tanh')}({p.V(c, d - 1)} * {p.V(c, d - 2)})",
            lambda: f"({p.S(c, d - 1)} * tanh({p.V(c, d - 1)}))",
            lambda: f"{p.pick('sin', 'cos', 'sigmoid', 'tanh')}({p.V(c, d - 1)})",
            lambda: f"where({p.V(c, d - 1)} < {p.V(c, d - 2)}, {p.V(c, d - 1)}, {p.V(c, d - 1)})",
            lambda: f"flip({p.V(c, d - 1)}, 0)",
            lambda: f"roll({p.V(c, d - 1)}, 1)",
            lambda: f"tanh(cumsum({p.V(c, d - 1)}))",
            lambda: f"tanh({p.M(c, d - 1)} @ {p.V(c, d - 1)})",
            lambda: f"{p.some(c, 'M')}[{p.I(c, 1)}, :]",
            lambda: f"{p.some(c, 'M')}[:, {p.I(c, 1)}]",
            lambda: p.comprehension(c, d),
            lambda: p.call(c, d, "V"),
            lambda: f"sort({p.V(c, d - 1)})",
            lambda: f"cumprod(cos({p.V(c, d - 1)}))",
            lambda: f"softmax({p.V(c, d - 1)})",
            lambda: f"concat([{p.some(c, 'V')}[1:n], {p.some(c, 'V')}[0:1]], axis=0)",
            lambda: f"{p.some(c, 'V')}[argsort({p.some(c, 'V')})]",
            lambda: f"solve(2 * eye(n) + 0.1 * tanh({p.M(c, d - 2)}), {p.V(c, d - 1)})",
            lambda: p.ragged(c, d),
        ]
        if c.names["P"]:
            kinds += [lambda: f"{p.some(c, 'P')}.v", lambda: f"turned({p.some(c, 'P')}).v"]
        if p.derives and d == 2:
            kinds += [lambda: f"tanh(grad({p.vector_lambda(c)})({p.V(c, 0)}))", lambda: f"tanh(jacobian({p.map_lambda(c)})({p.V(c, 0)}) @ {p.V(c, 0)})"]
        return r.choice(kinds)()

    def M(self, c, d):
        p = self
        if d <= 0:
            return p.some(c, "M")
        return self.r.choice([
            lambda: f"tanh({p.M(c, d - 1)} @ {p.M(c, d - 2)})",
            lambda: f"{p.some(c, 'M')}.T",
            lambda: f"sin(outer({p.V(c, d - 1)}, {p.V(c, d - 2)}))",
            lambda: f"({p.M(c, d - 1)} + {p.M(c, d - 2)})",
            lambda: f"({p.S(c, d - 1)} * tanh({p.M(c, d - 1)}))",
        ])()

    def I(self, c, d):
        p = self
        leaves = c.names["I"] + ["0", "n - 1"]
        if d <= 0:
            return p.pick(*leaves)
        return self.r.choice([
            lambda: p.pick(*leaves),
            lambda: f"({p.pick(*leaves)} + {p.pick('1', '2', 'k')}) % n",
            lambda: f"n - 1 - ({p.pick(*leaves)})",
            lambda: f"argmax({p.some(c, 'V')})",
        ])()

    def B(self, c, d):
        p = self
        return self.r.choice([
            lambda: f"{p.S(c, d - 1)} {p.pick('<', '>')} {p.S(c, d - 1)}",
            lambda: f"({p.I(c, 0)}) % 2 == {p.pick('0', '1')}",
            lambda: f"{p.S(c, d - 1)} < 0.4 and {p.S(c, d - 1)} > -0.4",
            lambda: f"not ({p.S(c, d - 1)} < 0.2)",
            lambda: f"any({p.V(c, d - 1)} > 0.3)",
            lambda: f"k > {p.pick('0', '1', '2')}",
        ])()

    def sq(self, e):
        return f"({e}) ** 2"

    def inner(self, c):
        """A scope with one more index."""
        inner, i = Scope(c), self.name("i")
        inner.names["I"].append(i)
        return inner, i

    def reduction(self, c, d):
        inner, i = self.inner(c)
        return f"tanh({self.pick('sum', 'sum', 'mean', 'max')}({self.S(inner, d - 1)} for {i} < n))"

    def comprehension(self, c, d):
        inner, i = self.inner(c)
        return f"[{self.S(inner, d - 1)} for {i} < n]"

    def lambda_(self, c, d):
        inner, u = Scope(c), self.name("u")
        inner.names["S"] = [u, u] + inner.names["S"]
        return f"fn({u}: real) => sin({self.S(inner, d - 1)} * {u})"

    def ragged(self, c, d):
        inner, i = self.inner(c)
        inner, j = self.inner(inner)
        inner.names["I"] = [i, j]
        return f"[tanh({self.pick('sum', 'max', 'mean')}({self.S(inner, d - 2)} for {j} < {i} + 1)) for {i} < n]"

    def vector_lambda(self, c):
        inner, u = Scope(c), self.name("u")
        inner.names["V"] = [u]
        return f"fn({u}: real[n]) => {self.S(inner, 1)} * {u}[0] ** 2"

    def map_lambda(self, c):
        inner, u = Scope(c), self.name("u")
        inner.names["V"] = [u, u] + inner.names["V"]
        return f"fn({u}: real[n]) => sin({self.V(inner, 1)} * {u})"

    def call(self, c, d, type):
        able = [f for f in self.functions if f[1] == type]
        if not able:
            return {"S": self.S, "V": self.V}[type](c, d - 1)
        f, _, recursive = self.r.choice(able)
        steps = (self.current_steps if f == self.current else self.pick("k", "2", "1")) if recursive else None
        return f"{f}({self.S(c, 0)}, {self.V(c, 0)}, {self.M(c, 0)}" + (f", {steps})" if recursive else ")")

    current, current_steps = None, None

    # ---- statements --------------------------------------------------------------------------------------------------------------

    def out(self, indent, line):
        self.text.append("  " * indent + line)

    def block(self, c, indent, loop, ret):
        """Statements in a scope of their own; loop: break and continue mean something; ret: what return takes, or None."""
        c = Scope(c)
        n = self.r.randint(1, 4)
        start = len(self.text)
        for _ in range(n):
            if self.fuel <= 0:
                break
            self.fuel -= 1
            self.statement(c, indent, loop, ret)
        if len(self.text) == start:
            self.assign(c, indent)
        return c

    def assign(self, c, indent):
        p = self
        v = {t: p.pick(*c.vars[t]) if c.vars[t] else None for t in "SVMPI"}
        # Inside loops nothing may grow without bound.
        tame = p.pick("sin", "tanh") if p.depth else ""
        kinds = []
        if v["S"]:
            kinds += [lambda: p.out(indent, f"{v['S']} = {tame}({p.S(c, 2)})"), lambda: p.out(indent, f"{v['S']} += 0.5 * sin({p.S(c, 1)})"),
                      lambda: p.out(indent, f"{v['S']} *= tanh({p.S(c, 1)})")]
        if v["V"]:
            kinds += [lambda: p.out(indent, f"{v['V']} = {tame}({p.V(c, 2)})"),
                      lambda: p.out(indent, f"{v['V']}[{p.I(c, 1)}] = {p.S(c, 2)}"),
                      lambda: p.out(indent, f"{v['V']}[{p.I(c, 1)}] += sin({p.S(c, 2)})"),
                      lambda: p.out(indent, f"{v['V']}[{p.I(c, 1)}] *= tanh({p.S(c, 1)})"),
                      lambda: p.out(indent, f"{v['V']}[1:n] = {p.V(c, 0)}[0:n - 1]")]
        if v["M"]:
            kinds += [lambda: p.out(indent, f"{v['M']}[{p.I(c, 1)}, :] = {p.V(c, 1)}"),
                      lambda: p.out(indent, f"{v['M']}[{p.I(c, 0)}, {p.I(c, 1)}] = {p.S(c, 1)}"),
                      lambda: p.out(indent, f"{v['M']}[:, {p.I(c, 1)}] += sin({p.V(c, 1)})"),
                      lambda: p.out(indent, f"{v['M']} = {tame}({p.M(c, 1)})")]
        if v["I"]:
            kinds += [lambda: p.out(indent, f"{v['I']} = {p.I(c, 1)}")]
        if v["P"]:
            kinds += [lambda: p.out(indent, f"{v['P']} = turned({v['P']})"),
                      lambda: p.out(indent, f"{v['P']} = Pair(v={p.V(c, 1)}, s={p.S(c, 1)})"),
                      lambda: p.out(indent, f"{v['P']}.s = {p.S(c, 1)}"),
                      lambda: p.out(indent, f"{v['P']}.v[{p.I(c, 1)}] = {p.S(c, 1)}")]
        p.r.choice(kinds)()

    def statement(self, c, indent, loop, ret):
        p, r = self, self.r
        choice = r.random()
        if choice < 0.12:
            t = p.pick(*"SSVVM")
            name = p.name("l")
            p.out(indent, f"let {name} = {getattr(p, t)(c, 2)}")
            c.names[t].append(name)
        elif choice < 0.2:
            t = p.pick(*"SVMP")
            name = p.name("w")
            value = f"Pair(v={p.V(c, 1)}, s={p.S(c, 1)})" if t == "P" else getattr(p, t)(c, 1)
            p.out(indent, f"var {name}: {dict(S='real', V='real[n]', M='real[n, n]', P='Pair[n]')[t]} = {value}")
            c.names[t].append(name)
            c.vars[t].append(name)
        elif choice < 0.22:
            name, value = p.name("l"), p.name("l")
            p.out(indent, f"let ({name}, {value}) = halves({p.S(c, 1)}, {p.V(c, 1)})")
            c.names["V"].append(name)
            c.names["S"].append(value)
        elif choice < 0.24:
            name = p.name("j")
            p.out(indent, f"var {name} = {p.I(c, 1)}")
            c.names["I"].append(name)
            c.vars["I"].append(name)
        elif choice < 0.28:
            name = p.name("g")
            p.out(indent, f"let {name} = {p.lambda_(c, 2)}")
            c.names["F"].append(name)
        elif choice < 0.4 and p.depth < 3:
            p.branch(c, indent, loop, ret)
        elif choice < 0.65 and p.depth < 3:
            p.loop(c, indent, ret)
        elif choice < 0.7 and loop:
            p.out(indent, f"if {p.B(c, 1)} {{ {p.pick('break', 'continue')} }}")
        elif choice < 0.73 and ret:
            p.out(indent, f"if {p.B(c, 1)} {{ return {ret(c)} }}")
        else:
            p.assign(c, indent)

    def branch(self, c, indent, loop, ret):
        self.depth += 1
        self.out(indent, f"if {self.B(c, 2)} {{")
        self.block(c, indent + 1, loop, ret)
        if self.r.random() < 0.6:
            self.out(indent, "} else {")
            self.block(c, indent + 1, loop, ret)
        self.out(indent, "}")
        self.depth -= 1

    def loop(self, c, indent, ret):
        self.depth += 1
        inner, i = self.inner(c)
        kind = self.r.random()
        checkpoint = "checkpoint " if self.r.random() < 0.3 else ""
        if kind < 0.35:
            self.out(indent, f"{checkpoint}for {i} in 0..n {{")
        elif kind < 0.5:
            self.out(indent, f"{checkpoint}for {i} in n - 1..-1 by -1 {{")
        elif kind < 0.65:
            self.out(indent, f"{checkpoint}for {i} in 0..min(k, n) {{")
        else:
            turns = self.name("t")
            inner = Scope(c)
            self.out(indent, f"var {turns} = 0")
            extra = f" and {self.S(c, 1)} < 0.9" if kind > 0.85 else ""
            self.out(indent, f"{checkpoint}while {turns} < {self.pick('k', '2', '3', 'n')}{extra} {{")
            self.out(indent + 1, f"{turns} += 1")
        self.block(inner, indent + 1, True, ret)
        self.out(indent, "}")
        self.depth -= 1

    # ---- functions ---------------------------------------------------------------------------------------------------------------

    def helper(self, type):
        name = self.name("h")
        recursive = self.r.random() < 0.5
        c = Scope()
        c.names.update(S=["a"], V=["b"], M=["C"])
        result = "real" if type == "S" else "real[n]"
        self.out(0, f"local fn {name}(a: real, b: real[n], C: real[n, n]" + (", k: int" if recursive else "") + f") -> {result} {{")
        if not recursive:
            self.out(1, "let k = 1")
        else:
            self.out(1, f"if k <= 0 {{ return {getattr(self, type)(c, 1)} }}")
            self.current, self.current_steps = name, "k - 1"
            self.functions.append((name, type, True))
        fuel, self.fuel = self.fuel, self.r.randint(1, 4)
        self.body(c, 1, lambda s: getattr(self, type)(s, 1), ["S", "V"])
        if recursive and self.r.random() < 0.8:
            # A call for certain: the others may not be reached.
            self.out(1, f"let down = {name}({self.S(c, 1)}, {self.V(c, 1)}, {self.M(c, 0)}, k - 1)")
            c.names[type].append("down")
        self.out(1, f"return {getattr(self, type)(c, 2)}" + (" + 0.5 * down" if "down" in c.names[type] else ""))
        self.out(0, "}")
        self.fuel = fuel
        self.current = None
        if not recursive:
            self.functions.append((name, type, False))

    def body(self, c, indent, ret, types):
        for t in types:
            name = self.name("v")
            self.out(indent, f"var {name} = {getattr(self, t)(c, 1)}")
            c.names[t].append(name)
            c.vars[t].append(name)
        while self.fuel > 0:
            self.fuel -= 1
            self.statement(c, indent, False, ret)

    def program(self):
        for _ in range(self.r.choice([0, 0, 1, 2])):
            self.helper(self.pick("S", "V"))
        c = Scope()
        c.names.update(S=["s"], V=["x"], M=["A"])
        self.out(0, "fn f(x: real[n], A: real[n, n], s: real, k: int) -> (y: real[n], z: real) {")

        def result(scope):
            return f"({self.V(scope, 1)}, {self.S(scope, 1)})"

        self.body(c, 1, result, ["S", "V", "M"])
        # Every variable counts.
        vector = " + ".join(c.vars["V"] + [f"{m}[{self.I(c, 0)}, :]" for m in c.vars["M"]] + [f"{p}.v" for p in c.vars["P"]])
        scalar = " + ".join(c.vars["S"] + [f"{p}.s" for p in c.vars["P"]])
        self.out(1, f"return ({vector}, {scalar} + {self.S(c, 2)})")
        self.out(0, "}")
        return HELPERS + "\n".join(self.text) + "\n"


def generate(seed):
    return Generator(seed).program()


if __name__ == "__main__":
    print(generate(int(sys.argv[1])), end="")
