"""generate.py SEED: prints a random program of the language: typed, shape-correct, of bounded values, smooth but for its branches.

Its function `f(x: real[n], A: real[n, n], B: real[n, m], s: real, k: int)` returns a vector and a scalar, `total` one number; loops, branches, stores, calls, recursion
bounded by an int or halving its argument, lambdas, structs in structs, random numbers, functions with a derivative of their own, linear algebra and
derivatives inside are drawn at random.  The same seed gives the same program."""
import random
import sys

from generate_expr import Expressions, Scope

HELPERS = """struct Pair[n] { v: real[n]; s: real }
struct Deep[n, m] { p: Pair[n]; r: real[n, m]; w: real; i: int }
local fn apply(g: fn(u: real) -> real, u: real) -> real = 0.5 * (g(u) + g(0.3 * u))
local fn iterate(g: fn(u: real) -> real, u: real, k: int) -> real = if k <= 0 then u else iterate(g, g(u), k - 1)
local fn twice(g: fn(b: real[n]) -> real[n], b: real[n]) -> real[n] = tanh(g(0.5 * g(b)) + b)
local fn again(g: fn(b: real[n]) -> real[n], b: real[n]) -> real[n] = twice(fn(c: real[n]) => twice(g, c) * b, b)
local fn folded(g: fn(b: real[n]) -> real[n], b: real[n], k: int) -> real {
  var c = b
  for i in 0..k {
    if sum(c) > 1.5 { return tanh(sum(c)) }
    c = tanh(g(c) + b)
  }
  return mean(c)
}
local fn halves(a: real, b: real[n]) -> (real[n], real) = (sin(b) * a, tanh(sum(b)))
local fn turned(p: Pair[n]) -> Pair[n] = Pair(v=flip(p.v, 0) * p.s, s=sin(p.s + 0.3))
local fn deeper(d: Deep[n, m], a: real) -> Deep[n, m] {
  var e = d
  e.p = turned(d.p)
  for i in 0..n { e.r[i] = tanh(e.p.v[i] * d.r[n - 1 - i]) }
  e.p.v[d.i] = tanh(a)
  e.w = sin(d.w * d.p.s)
  return e
}
local fn even(a: real, k: int) -> real = if k <= 0 then sin(a) else odd(1.1 * a, k - 1)
local fn odd(a: real, k: int) -> real = if k <= 0 then cos(a) else tanh(even(a + 0.2, k - 1) * a)
local fn tree(b: real[n], lo: int, hi: int) -> real {
  if hi - lo == 1 { return sin(b[lo]) }
  let mid = (lo + hi) // 2
  let left = tree(b, lo, mid)
  return tanh(1.2 * left + tree(left * b, mid, hi))
}
local fn parts(b: real[p]) -> real = if p == 0 then 0.0 else if p == 1 then sin(b[0]) else tanh(1.2 * parts(b[0:p // 2]) * parts(b[p // 2:p]) + b[0])
local fn wave(a: real) -> real { return sin(a) * a } derivative(g) { return g * (cos(a) * a + sin(a)) }
local fn pulled(b: real[n], a: real) -> real[n] { return tanh(b) * a } derivative(g) { return (g * a * (1 - tanh(b) ** 2), dot(g, tanh(b))) }
"""


class Generator(Expressions):
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.fresh = 0
        self.fuel = self.r.choice([3, 5, 8, 12])
        self.functions = []  # (name, kind, recursive, ruled): what may be called
        self.depth = 0
        self.ruled = False  # whether the function that is being written calls one with a derivative of its own
        self.derives = self.r.random() < 0.3
        self.text = []

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
        v = {t: p.pick(*c.vars[t]) if c.vars[t] else None for t in c.TYPES}
        # Inside loops nothing may grow without bound.
        tame = p.pick("sin", "tanh") if p.depth else ""
        kinds = []

        def kind(target, value):
            kinds.append(lambda: p.out(indent, f"{target()} {value()}"))

        if v["S"]:
            kind(lambda: v["S"], lambda: f"= {tame}({p.S(c, 2)})")
            kind(lambda: v["S"], lambda: f"+= 0.5 * sin({p.S(c, 1)})")
            kind(lambda: v["S"], lambda: f"*= tanh({p.S(c, 1)})")
            kind(lambda: v["S"], lambda: f"/= 1.2 + {p.sq(p.S(c, 1))}")
        if v["V"]:
            kind(lambda: v["V"], lambda: f"= {tame}({p.V(c, 2)})")
            kind(lambda: f"{v['V']}[{p.I(c, 1)}]", lambda: f"= {p.S(c, 2)}")
            kind(lambda: f"{v['V']}[{p.I(c, 1)}]", lambda: f"+= sin({p.S(c, 2)})")
            kind(lambda: f"{v['V']}[{p.I(c, 1)}]", lambda: f"*= tanh({p.S(c, 1)})")
            kind(lambda: v["V"] + "[1:n]", lambda: f"= {p.V(c, 0)}[0:n - 1]")
            kind(lambda: v["V"] + p.pick("[::2]", "[1::2]", "[-1]", "[::-1]", "[::3]"), lambda: f"*= tanh({p.S(c, 1)})")
            kind(lambda: v["V"] + "[::2]", lambda: f"= {p.V(c, 0)}[{p.pick('::2', '::2', '::2')}]")
            kind(lambda: v["V"] + "[1::2]", lambda: f"{p.pick('+=', '=')} {p.S(c, 1)} * {p.some(c, 'V')}[1::2]")
        if v["W"]:
            kind(lambda: v["W"], lambda: f"= {tame}({p.W(c, 2)})")
            kind(lambda: v["W"] + p.pick("[0]", "[-1]", "[m - 1]"), lambda: f"= {p.S(c, 2)}")
        if v["M"]:
            kind(lambda: f"{v['M']}[{p.I(c, 1)}, :]", lambda: f"= {p.V(c, 1)}")
            kind(lambda: f"{v['M']}[{p.I(c, 0)}, {p.I(c, 1)}]", lambda: f"= {p.S(c, 1)}")
            kind(lambda: f"{v['M']}[:, {p.I(c, 1)}]", lambda: f"+= sin({p.V(c, 1)})")
            kind(lambda: v["M"], lambda: f"= {tame}({p.M(c, 1)})")
            kind(lambda: f"{v['M']}[{p.I(c, 1)}, ::2]", lambda: f"*= tanh({p.some(c, 'V')}[::2])")
            kind(lambda: f"{v['M']}[1:n, {p.I(c, 0)}]", lambda: f"= sin({p.some(c, 'M')}[{p.I(c, 0)}, 0:n - 1])")
        if v["R"]:
            kind(lambda: f"{v['R']}[{p.I(c, 1)}]", lambda: f"= {p.W(c, 1)}")
            kind(lambda: f"{v['R']}[:, {p.pick('0', '-1')}]", lambda: f"{p.pick('=', '+=')} {p.V(c, 1)}")
            kind(lambda: v["R"], lambda: f"= {tame}({p.R(c, 1)})")
        if v["I"]:
            kind(lambda: v["I"], lambda: f"= {p.I(c, 1)}")
        if v["J"]:
            kind(lambda: v["J"], lambda: f"= {p.ints(c)}")
            kind(lambda: f"{v['J']}[{p.I(c, 0)}]", lambda: f"= {p.I(c, 1)}")
        if v["P"]:
            kind(lambda: v["P"], lambda: f"= turned({v['P']})")
            kind(lambda: v["P"], lambda: f"= Pair(v={p.V(c, 1)}, s={p.S(c, 1)})")
            kind(lambda: v["P"] + ".s", lambda: f"= {p.S(c, 1)}")
            kind(lambda: f"{v['P']}.v[{p.I(c, 1)}]", lambda: f"= {p.S(c, 1)}")
        if v["D"]:
            kind(lambda: v["D"], lambda: f"= deeper({v['D']}, {p.S(c, 1)})")
            kind(lambda: v["D"] + ".p", lambda: f"= turned({v['D']}.p)")
            kind(lambda: f"{v['D']}.p.v[{p.I(c, 1)}]", lambda: f"{p.pick('=', '+=')} sin({p.S(c, 1)})")
            kind(lambda: f"{v['D']}.r[{p.I(c, 0)}, 0]", lambda: f"= {p.S(c, 1)}")
            kind(lambda: v["D"] + ".i", lambda: f"= {p.I(c, 1)}")
        if len(c.vars["S"]) > 1:
            x, y = p.r.sample(c.vars["S"], 2)
            kind(lambda: f"{x}, {y}", lambda: f"= {y}, sin({p.S(c, 1)} + {x})")
        if len(c.vars["V"]) > 1:
            x2, y2 = p.r.sample(c.vars["V"], 2)
            kind(lambda: f"{x2}, {y2}", lambda: f"= {y2}, {x2}")
        p.r.choice(kinds)()

    TYPE = dict(S="real", V="real[n]", W="real[m]", M="real[n, n]", R="real[n, m]", J="int[n]", P="Pair[n]", D="Deep[n, m]")

    def P(self, c, d):
        return f"Pair(v={self.V(c, d)}, s={self.S(c, d)})"

    def D(self, c, d):
        return f"Deep(p={self.pick(self.P(c, d), *c.names['P'])}, r={self.R(c, d)}, w={self.S(c, d)}, i={self.I(c, d)})"

    def J(self, c, d):
        return self.ints(c)

    def statement(self, c, indent, loop, ret):
        p, r = self, self.r
        choice = r.random()
        if choice < 0.12:
            t = p.pick(*"SSVVMWRJ")
            name = p.name("l")
            p.out(indent, f"let {name} = {p.of(t, c, 2)}")
            c.names[t].append(name)
        elif choice < 0.2:
            t = p.pick(*"SVMPDWRJ")
            name = p.name("w")
            p.out(indent, f"var {name}: {p.TYPE[t]} = {p.of(t, c, 1)}")
            c.names[t].append(name)
            c.vars[t].append(name)
        elif choice < 0.22:
            self.pair(c, indent)
        elif choice < 0.24:
            name = p.name("j")
            p.out(indent, f"var {name} = {p.I(c, 1)}")
            c.names["I"].append(name)
            c.vars["I"].append(name)
        elif choice < 0.28:
            name = p.name("g")
            t = p.pick("F", "G")
            p.out(indent, f"let {name} = {p.lambda_(c, 2) if t == 'F' else p.map_lambda(c)}")
            c.names[t].append(name)
        elif choice < 0.3:
            self.detached(c, indent)
        elif choice < 0.4 and p.depth < 3:
            p.branch(c, indent, loop, ret)
        elif choice < 0.62 and p.depth < 3:
            p.loop(c, indent, ret)
        elif choice < 0.66 and p.depth < 3:
            p.climb(c, indent, ret)
        elif choice < 0.7 and loop:
            p.out(indent, f"if {p.B(c, 1)} {{ {p.pick('break', 'continue')} }}")
        elif choice < 0.73 and ret:
            p.out(indent, f"if {p.B(c, 1)} {{ return {ret(c)} }}")
        else:
            p.assign(c, indent)

    def pair(self, c, indent):
        """Two names of the parts of a tuple."""
        p, a, b = self, self.name("l"), self.name("l")
        whole, types = p.pick(*[
            (lambda: f"halves({p.S(c, 1)}, {p.V(c, 1)})", "VS"),
            (lambda: f"value_and_grad({p.lambda_(c, 2)})(sin({p.S(c, 1)}))", "SS"),
            (lambda: f"vjp({p.map_lambda(c)})({p.V(c, 1)}; {p.V(c, 0)})", "VV"),
            (lambda: f"jvp({p.map_lambda(c)})({p.V(c, 1)}; {p.V(c, 0)})", "VV"),
        ][:4 if p.derives else 1])
        p.out(indent, f"let ({a}0, {b}0) = {whole()}")
        p.out(indent, f"let ({a}, {b}) = (tanh({a}0), tanh({b}0))")
        c.names[types[0]].append(a)
        c.names[types[1]].append(b)

    def detached(self, c, indent):
        """What is added within `no_grad` counts in the value and not in the derivative: outside it is taken off again."""
        p, name, e = self, self.name("w"), self.S(c, 2)
        p.out(indent, f"var {name} = {p.S(c, 1)}")
        p.out(indent, f"let {name}before = {name}")
        p.out(indent, f"no_grad {{ {name} += {e}; {p.pick('', f'for i in 0..k {{ {name} += 1.0 }}')} }}")
        p.out(indent, f"{name} = {name}before + {name} - stop_gradient({name})")
        c.names["S"].append(name)

    def branch(self, c, indent, loop, ret):
        self.depth += 1
        self.out(indent, f"if {self.B(c, 2)} {{")
        self.block(c, indent + 1, loop, ret)
        if self.r.random() < 0.2:
            self.out(indent, f"}} else if {self.B(c, 1)} {{")
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
        checkpoint = self.pick("checkpoint ", "checkpoint ", "checkpoint(2) ") if self.r.random() < 0.3 else ""
        if kind < 0.35:
            self.out(indent, f"{checkpoint}for {i} in 0..n {{")
        elif kind < 0.45:
            self.out(indent, f"{checkpoint}for {i} in n - 1..-1 by -1 {{")
        elif kind < 0.52:
            self.out(indent, f"{checkpoint}for {i} in {self.I(c, 0)}..n by 2 {{")
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

    def climb(self, c, indent, ret):
        """A loop whose number of turns only the numbers know."""
        self.depth += 1
        h = self.name("w")
        self.out(indent, f"var {h} = tanh({self.S(c, 1)})")
        inner = Scope(c)
        inner.names["S"].append(h)
        self.out(indent, f"{self.pick('', 'checkpoint ')}while {h} < 1.5 {{")
        self.out(indent + 1, f"{h} += 0.4 + 0.2 * sin({self.S(inner, 1)})")
        self.block(inner, indent + 1, True, ret)
        self.out(indent, "}")
        c.names["S"].append(h)
        self.depth -= 1

    # ---- functions ---------------------------------------------------------------------------------------------------------------

    def helper(self, type):
        name = self.name("h")
        recursive = self.r.random() < 0.5
        c = Scope()
        c.names.update(S=["a"], V=["b"], M=["C"], W=["b"], R=["C"])
        result = "real" if type == "S" else "real[n]"
        start, self.ruled = len(self.text), self.r.random() < 0.3
        # A recursive function may call itself in a comprehension: then it must not call what has a derivative of its own.
        self.batch = 0 if self.ruled else 1
        self.out(0, "")
        if not recursive:
            self.out(1, "let k = 1")
        else:
            self.out(1, f"if k <= 0 {{ return {self.of(type, c, 1)} }}")
            self.current, self.current_steps = name, "k - 1"
            self.functions.append((name, type, True, self.ruled))
        fuel, self.fuel = self.fuel, self.r.randint(1, 4)
        self.body(c, 1, lambda s: self.of(type, s, 1), ["S", "V"])
        if recursive and self.r.random() < 0.8:
            # A call for certain: the others may not be reached.
            self.out(1, f"let down = {name}({self.S(c, 1)}, {self.V(c, 1)}, {self.M(c, 0)}, k - 1)")
            c.names[type].append("down")
        self.out(1, f"return {self.of(type, c, 2)}" + (" + 0.5 * down" if "down" in c.names[type] else ""))
        self.out(0, "}")
        # In a helper m is n: its shapes are all square.
        self.text[start] = f"local fn {name}(a: real, b: real[n], C: real[n, n]" + (", k: int" if recursive else "") + f") -> {result} {{"
        self.text[start] += "\n  let m = n"
        self.fuel, self.batch = fuel, 0
        self.current = None
        if not recursive:
            self.functions.append((name, type, False, self.ruled))

    def body(self, c, indent, ret, types):
        for t in types:
            name = self.name("v")
            self.out(indent, f"var {name} = {self.of(t, c, 1)}")
            c.names[t].append(name)
            c.vars[t].append(name)
        while self.fuel > 0:
            self.fuel -= 1
            self.statement(c, indent, False, ret)

    def program(self):
        for _ in range(self.r.choice([0, 0, 1, 2])):
            self.helper(self.pick("S", "V"))
        c = Scope()
        c.names.update(S=["s"], V=["x"], M=["A"], R=["B"], W=["B[0]"])
        self.out(0, "fn f(x: real[n], A: real[n, n], B: real[n, m], s: real, k: int) -> (y: real[n], z: real) {")

        def result(scope):
            return f"({self.V(scope, 1)}, {self.S(scope, 1)})"

        self.body(c, 1, result, ["S", "V", "M"])
        # Every variable counts.
        vars = c.vars
        vector = vars["V"] + [f"{m}[{self.I(c, 0)}, :]" for m in vars["M"]] + [f"{r}[:, 0]" for r in vars["R"]] + [f"{p}.v" for p in vars["P"]]
        scalar = vars["S"] + [f"sum({w})" for w in vars["W"]] + [f"{p}.s" for p in vars["P"]] + [f"{d}.w * {d}.p.s + sum({d}.r)" for d in vars["D"]]
        self.out(1, f"return ({' + '.join(vector)}, {' + '.join(scalar + [self.S(c, 2)])})")
        self.out(0, "}")
        self.out(0, "fn total(x: real[n], A: real[n, n], B: real[n, m], s: real, k: int) -> real {")
        self.out(1, "let (y, z) = f(x, A, B, s, k)")
        self.out(1, "return sum(sin(y)) + z")
        self.out(0, "}")
        return HELPERS + "\n".join(self.text) + "\n"


def generate(seed):
    return Generator(seed).program()


if __name__ == "__main__":
    print(generate(int(sys.argv[1])), end="")
