"""generate_expr.py: the expressions of generate.py's programs, by type; every one is bounded, of values and derivatives that are tame."""


class Scope:
    """Names in reach by type: S real, V real[n], W real[m], M real[n, n], R real[n, m], I an int of 0 <= i < n, J int[n] of such, P Pair[n],
    D Deep[n, m], F fn(u: real) -> real, G fn(b: real[n]) -> real[n]."""

    TYPES = "SVWMRIJPDFG"

    def __init__(self, parent=None):
        self.names = {t: list(parent.names[t]) if parent else [] for t in self.TYPES}
        self.vars = {t: list(parent.vars[t]) if parent else [] for t in self.TYPES}


class Expressions:
    """Each kind has leaves and, with depth to spend, compounds.

    batch: how many comprehensions and lambdas stand around; there the functions with a rule of their own may not be called."""

    batch = 0
    current, current_steps = None, None

    def name(self, stem):
        self.fresh += 1
        return f"{stem}{self.fresh}"

    def pick(self, *options):
        return self.r.choice(options)

    def some(self, scope, type):
        return self.pick(*scope.names[type])

    def of(self, type, c, d):
        return getattr(self, type)(c, d)

    def S(self, c, d):
        p, r = self, self.r
        if d <= 0:
            return r.choice([p.some(c, "S"), p.some(c, "S"), repr(r.choice([0.5, -0.3, 1.2, 0.0, 1.0])), f"{p.some(c, 'V')}[{p.I(c, 0)}]"])
        kinds = [
            lambda: f"({p.S(c, d - 1)} {p.pick('+', '-')} {p.S(c, d - 1)})",
            lambda: f"{p.pick('sin', 'tanh', 'cos', 'sigmoid', 'atan', 'erf', 'gelu', 'softplus')}({p.S(c, d - 1)})",
            lambda: f"{p.pick('sin', 'tanh')}({p.S(c, d - 1)} * {p.S(c, d - 1)})",
            lambda: f"({p.S(c, d - 1)}) / (1.5 + {p.sq(p.S(c, d - 2))})",
            lambda: f"sqrt(1 + {p.sq(p.S(c, d - 2))})",
            lambda: f"(1.5 + {p.sq(p.S(c, d - 2))}) ** sin({p.S(c, d - 1)})",
            lambda: f"atan2({p.S(c, d - 1)}, 1.5 + {p.sq(p.S(c, d - 2))})",
            lambda: f"hypot({p.S(c, d - 1)}, 1.0)",
            lambda: f"tanh(sum({p.V(c, d - 1)}))",
            lambda: f"tanh(dot({p.V(c, d - 1)}, {p.V(c, d - 2)}))",
            lambda: f"tanh(dot({p.W(c, d - 1)}, {p.W(c, d - 2)}))",
            lambda: f"{p.pick('mean', 'max', 'min', 'variance')}({p.V(c, d - 1)})",
            lambda: f"{p.pick('mean', 'max', 'min')}({p.pick(p.R, p.M)(c, d - 1)})",
            lambda: f"logsumexp(tanh({p.V(c, d - 1)}))",
            lambda: f"(if {p.B(c, d - 1)} then {p.S(c, d - 1)} else {p.S(c, d - 1)})",
            lambda: f"where({p.B(c, d - 1)}, {p.S(c, d - 1)}, {p.S(c, d - 1)})",
            lambda: f"{p.pick('max', 'min')}({p.S(c, d - 1)}, {p.S(c, d - 1)})",
            lambda: f"clamp({p.S(c, d - 1)}, -0.7, {p.S(c, 0)} ** 2 + 0.1)",
            lambda: f"{p.some(c, 'M')}[{p.I(c, 1)}, {p.I(c, 1)}]",
            lambda: f"{p.some(c, 'R')}[{p.I(c, 1)}, {p.pick('0', 'm - 1', '-1')}]",
            lambda: f"{p.some(c, 'V')}[{p.pick(p.I(c, 1), '-1')}]",
            lambda: f"tanh(sum({p.some(c, 'V')}[{p.pick('::2', '1::2', '::-1', '1:n', '0:n:3', '-1::-2')}]))",
            lambda: p.reduction(c, d),
            lambda: p.reduction(c, d),
            lambda: p.call(c, d, "S"),
            lambda: p.call(c, d, "S"),
            lambda: f"prod(tanh({p.V(c, d - 1)}))",
            lambda: f"norm(cos({p.V(c, d - 1)}))",
            lambda: f"{p.pick('even', 'odd')}({p.S(c, d - 1)}, {p.pick('k', '1', '3')})",
            lambda: f"logdet(2 * eye(n) + 0.1 * tanh({p.M(c, d - 2)}))",
            lambda: f"tanh(0.3 * det(eye(n) + 0.2 * tanh({p.M(c, d - 2)})))",
            lambda: f"tanh({p.einsum(c, d, 'i,ij,j->', 'ii,j,j->', 'ij,ij,i->', 'ij,ji,i->')})",
            lambda: f"tree({p.V(c, d - 1)}, 0, n)",
            lambda: f"parts({p.pick(p.V, p.W)(c, d - 1)})",
            lambda: f"({p.S(c, d - 1)} + stop_gradient({(e := p.S(c, d - 2))}) - stop_gradient({e}))",
            lambda: f"folded({p.map_lambda(c)}, {p.V(c, d - 1)}, {p.pick('k', '2')})",
            lambda: f"real({p.I(c, 1)}) / n",
            lambda: f"uniform(key({p.I(c, 0)}), [2])[{p.pick('0', '1')}]",
        ]
        if c.names["P"]:
            kinds += [lambda: f"{p.some(c, 'P')}.s", lambda: f"turned({p.some(c, 'P')}).s"]
        if c.names["D"]:
            kinds += [lambda: f"{p.some(c, 'D')}.p.s", lambda: f"deeper({p.some(c, 'D')}, {p.S(c, 0)}).w", lambda: f"tanh(norm({p.some(c, 'D')}))"]
        if c.names["F"]:
            kinds += [lambda: f"apply({p.some(c, 'F')}, {p.S(c, d - 1)})", lambda: f"{p.some(c, 'F')}({p.S(c, d - 1)})",
                      lambda: f"iterate({p.some(c, 'F')}, {p.S(c, d - 1)}, {p.pick('k', '2')})"]
        kinds += [lambda: f"apply({p.lambda_(c, d)}, {p.S(c, d - 1)})", lambda: f"iterate({p.lambda_(c, d)}, {p.S(c, d - 1)}, k)"]
        if not p.batch:
            kinds += [lambda: p.rule(f"wave({p.S(c, d - 1)})"), lambda: p.rule(f"pulled({p.V(c, d - 1)}, {p.S(c, d - 1)})[{p.I(c, 0)}]")]
        if p.derives and d == 2:
            kinds += [lambda: f"tanh(grad({p.lambda_(c, 2)})({p.S(c, 0)}))", lambda: f"tanh(sum(hvp({p.vector_lambda(c)})({p.V(c, 0)}; {p.V(c, 0)})))",
                      lambda: f"tanh(sum(hessian({p.vector_lambda(c)})({p.V(c, 0)})))", lambda: f"tanh(grad(grad({p.lambda_(c, 2)}))({p.S(c, 0)}))"]
        return r.choice(kinds)()

    def V(self, c, d):
        p, r = self, self.r
        if d <= 0:
            return p.some(c, "V")
        kinds = [
            lambda: f"({p.V(c, d - 1)} {p.pick('+', '-')} {p.V(c, d - 1)})",
            lambda: f"{p.pick('sin', 'tanh')}({p.V(c, d - 1)} * {p.V(c, d - 2)})",
            lambda: f"({p.S(c, d - 1)} * tanh({p.V(c, d - 1)}))",
            lambda: f"{p.pick('sin', 'cos', 'sigmoid', 'tanh', 'silu')}({p.V(c, d - 1)})",
            lambda: f"where({p.V(c, d - 1)} < {p.V(c, d - 2)}, {p.V(c, d - 1)}, {p.V(c, d - 1)})",
            lambda: f"{p.pick('max', 'min')}({p.V(c, d - 1)}, {p.pick(p.S, p.V)(c, d - 2)})",
            lambda: f"flip({p.V(c, d - 1)}, 0)",
            lambda: f"roll({p.V(c, d - 1)}, {p.pick('1', 'k', '-1')})",
            lambda: f"tanh(cumsum({p.V(c, d - 1)}))",
            lambda: f"tanh({p.M(c, d - 1)} @ {p.V(c, d - 1)})",
            lambda: f"tanh({p.R(c, d - 1)} @ {p.W(c, d - 1)})",
            lambda: f"{p.some(c, 'M')}[{p.I(c, 1)}, :]",
            lambda: f"{p.some(c, 'M')}[:, {p.pick(p.I(c, 1), '-1')}]",
            lambda: f"{p.some(c, 'R')}[:, {p.pick('0', 'm - 1')}]",
            lambda: p.comprehension(c, d),
            lambda: p.comprehension(c, d),
            lambda: p.call(c, d, "V"),
            lambda: p.call(c, d, "V"),
            lambda: f"sort({p.V(c, d - 1)})",
            lambda: f"cumprod(cos({p.V(c, d - 1)}))",
            lambda: f"{p.pick('softmax', 'log_softmax')}({p.V(c, d - 1)})",
            lambda: f"layer_norm({p.V(c, d - 1)}, {p.V(c, 0)}, {p.V(c, 0)}, eps=0.5)",
            lambda: f"concat([{p.some(c, 'V')}[1:n], {p.some(c, 'V')}[0:1]], axis=0)",
            lambda: f"{p.some(c, 'V')}[{p.ints(c)}]",
            lambda: f"{p.some(c, 'V')}[::-1]",
            lambda: f"tanh(segment_sum({p.V(c, d - 1)}, {p.ints(c)}, n))",
            lambda: f"solve(2 * eye(n) + 0.1 * tanh({p.M(c, d - 2)}), {p.V(c, d - 1)})",
            lambda: f"solve_triangular({p.factor(c, d)}, {p.V(c, d - 1)}, trans={p.pick('true', 'false')})",
            lambda: f"reshape(conv1d(reshape({p.V(c, d - 1)}, [1, 1, n]), reshape([0.5, {p.S(c, 0)}, 0.2], [1, 1, 3]), padding=1), [n])",
            lambda: f"tanh({p.einsum(c, d, 'i,ij->j', 'ii,i->i', 'ij,jk,k->i', 'ij,ik,k->j')})",
            lambda: f"{p.pick('sum', 'max', 'mean', 'logsumexp')}({p.pick(p.M, p.R)(c, d - 1)}, axis=-1)",
            lambda: f"{p.pick('twice', 'again')}({p.pick(*c.names['G'], p.map_lambda(c))}, {p.V(c, d - 1)})",
            lambda: f"normal(key({p.pick('3', 'k')}), [n])",
            lambda: f"det([eye(2) + 0.3 * [[{p.S(c, d - 2)}, {p.some(c, 'V')}[{(i := p.name('i'))}]], [0.5, {p.some(c, 'S')}]] for {i} < n])",
            lambda: p.ragged(c, d),
        ]
        if c.names["P"]:
            kinds += [lambda: f"{p.some(c, 'P')}.v", lambda: f"turned({p.some(c, 'P')}).v"]
        if c.names["D"]:
            kinds += [lambda: f"{p.some(c, 'D')}.p.v", lambda: f"deeper({p.some(c, 'D')}, {p.S(c, 0)}).r[:, 0]"]
        if not p.batch:
            kinds += [lambda: p.rule(f"pulled({p.V(c, d - 1)}, {p.S(c, d - 1)})")]
        if p.derives and d == 2:
            kinds += [lambda: f"tanh(grad({p.vector_lambda(c)})({p.V(c, 0)}))", lambda: f"tanh(jacobian({p.map_lambda(c)})({p.V(c, 0)}) @ {p.V(c, 0)})"]
        return r.choice(kinds)()

    def W(self, c, d):
        p = self
        if d <= 0:
            return p.some(c, "W")
        j = p.name("j")
        return p.r.choice([
            lambda: f"({p.W(c, d - 1)} {p.pick('+', '-')} {p.W(c, d - 2)})",
            lambda: f"{p.pick('sin', 'cos', 'tanh')}({p.W(c, d - 1)})",
            lambda: f"({p.S(c, d - 1)} * tanh({p.W(c, d - 1)}))",
            lambda: f"tanh({p.V(c, d - 1)} @ {p.R(c, d - 2)})",
            lambda: f"{p.some(c, 'R')}[{p.I(c, 1)}]",
            lambda: f"tanh({p.pick('sum', 'mean', 'max', 'prod')}({p.R(c, d - 1)}, axis=0))",
            lambda: f"[sin({p.some(c, 'W')}[{j}] * {p.some(c, 'S')} + {p.some(c, 'R')}[{p.I(c, 0)}, {j}]) for {j} < m]",
            lambda: f"sort({p.W(c, d - 1)})",
        ])()

    def M(self, c, d):
        p = self
        if d <= 0:
            return p.some(c, "M")
        return self.r.choice([
            lambda: f"tanh({p.M(c, d - 1)} @ {p.M(c, d - 2)})",
            lambda: f"tanh({p.R(c, d - 1)} @ {p.some(c, 'R')}.T)",
            lambda: f"{p.some(c, 'M')}.T",
            lambda: f"sin(outer({p.V(c, d - 1)}, {p.V(c, d - 2)}))",
            lambda: f"({p.M(c, d - 1)} + {p.M(c, d - 2)})",
            lambda: f"({p.S(c, d - 1)} * tanh({p.M(c, d - 1)}))",
            lambda: f"({p.V(c, d - 1)}[:, None] * cos({p.V(c, d - 1)})[None, :])",
            lambda: p.factor(c, d),
            lambda: f"inv(2 * eye(n) + 0.1 * tanh({p.M(c, d - 2)}))",
            lambda: f"{p.pick('tril', 'triu')}({p.M(c, d - 1)})",
            lambda: f"{p.pick('sort', 'cumsum', 'softmax')}(tanh({p.M(c, d - 1)}), axis={p.pick('0', '1')})",
            lambda: f"{p.some(c, 'M')}[{p.ints(c)}]",
            lambda: f"diag({p.V(c, d - 1)})",
            lambda: f"{p.pick('max', 'avg')}_pool2d(pad({p.M(c, d - 1)}, [[0, 1], [1, 0]]), 2, stride=1)",
            lambda: f"reshape(conv2d(reshape({p.M(c, d - 1)}, [1, 1, n, n]), reshape([0.5, {p.S(c, 0)}, 0.2, -0.4, {p.S(c, 0)}, 0.1, 0.3, "
                    f"0.2, -0.1], [1, 1, 3, 3]), padding=1), [n, n])",
            lambda: p.table(c, d),
        ])()

    def R(self, c, d):
        p = self
        if d <= 0:
            return p.some(c, "R")
        return self.r.choice([
            lambda: f"({p.R(c, d - 1)} {p.pick('+', '-')} {p.R(c, d - 2)})",
            lambda: f"tanh({p.M(c, d - 1)} @ {p.R(c, d - 2)})",
            lambda: f"sin(outer({p.V(c, d - 1)}, {p.W(c, d - 2)}))",
            lambda: f"sin({p.R(c, d - 1)} * {p.S(c, d - 1)} + {p.W(c, d - 2)})",
            lambda: f"solve(2 * eye(n) + 0.1 * tanh({p.M(c, d - 2)}), {p.R(c, d - 1)})",
            lambda: f"{p.some(c, 'R')}[{p.ints(c)}]",
            lambda: f"flip({p.R(c, d - 1)}, {p.pick('0', '1')})",
        ])()

    def I(self, c, d):
        p = self
        leaves = c.names["I"] + ["0", "n - 1"]
        if d <= 0:
            return p.pick(*leaves)
        kinds = [
            lambda: p.pick(*leaves),
            lambda: f"({p.pick(*leaves)} + {p.pick('1', '2', 'k')}) % n",
            lambda: f"n - 1 - ({p.pick(*leaves)})",
            lambda: f"({p.pick(*leaves)}) // 2",
            lambda: f"arg{p.pick('max', 'min')}({p.some(c, 'V')})",
            lambda: f"min(sum({p.some(c, 'V')} > {p.pick('0.1', '-0.2')}), n - 1)",
        ]
        if c.names["J"]:
            kinds += [lambda: f"{p.some(c, 'J')}[{p.pick(*leaves)}]"]
        return p.r.choice(kinds)()

    def ints(self, c):
        """int[n] of indices below n."""
        p, i = self, self.name("i")
        options = [f"argsort({p.some(c, 'V')})", f"[({i} * {i} + 1) % n for {i} < n]", f"[(if {p.some(c, 'V')}[{i}] > 0 then {i} else 0) for {i} < n]"]
        return p.pick(*options, *c.names["J"])

    def B(self, c, d):
        p = self
        return self.r.choice([
            lambda: f"{p.S(c, d - 1)} {p.pick('<', '>', '>=')} {p.S(c, d - 1)}",
            lambda: f"({p.I(c, 0)}) % 2 == {p.pick('0', '1')}",
            lambda: f"{p.S(c, d - 1)} < 0.4 and {p.S(c, d - 1)} > -0.4",
            lambda: f"{p.S(c, d - 1)} > 0.6 or {p.I(c, 0)} == 0",
            lambda: f"not ({p.S(c, d - 1)} < 0.2)",
            lambda: f"{p.pick('any', 'all')}({p.V(c, d - 1)} > {p.pick('0.3', '-0.4')})",
            lambda: f"k > {p.pick('0', '1', '2')}",
        ])()

    def sq(self, e):
        return f"({e}) ** 2"

    def einsum(self, c, d, *specs):
        spec = self.pick(*specs)
        operands = [self.some(c, "M") if len(labels) == 2 else self.V(c, d - 1) for labels in spec.split("->")[0].split(",")]
        return f'einsum("{spec}", {", ".join(operands)})'

    def inner(self, c):
        """A scope with one more index."""
        inner, i = Scope(c), self.name("i")
        inner.names["I"].append(i)
        return inner, i

    def batched(self, make):
        self.batch += 1
        text = make()
        self.batch -= 1
        return text

    def rule(self, text):
        """Of an expression that calls a function with a `derivative` block."""
        self.ruled = True
        return text

    def reduction(self, c, d):
        inner, i = self.inner(c)
        body = self.batched(lambda: self.S(inner, d - 1))
        if self.r.random() < 0.3:
            return f"tanh(sum({body} for {i} < n if {self.some(c, 'V')}[{i}] > -0.2))"
        return f"tanh({self.pick('sum', 'sum', 'mean', 'max', 'logsumexp')}({body} for {i} < n))"

    def comprehension(self, c, d):
        inner, i = self.inner(c)
        return f"[{self.batched(lambda: self.S(inner, d - 1))} for {i} < n]"

    def table(self, c, d):
        inner, i = self.inner(c)
        inner, j = self.inner(inner)
        return f"[{self.batched(lambda: self.S(inner, d - 1))} for {i} < n, {j} < n]"

    def lambda_(self, c, d):
        """fn(u: real) -> real, sometimes with statements."""
        inner, u = Scope(c), self.name("u")
        inner.names["S"] = [u, u] + inner.names["S"]
        body = self.batched(lambda: self.S(inner, d - 1))
        if self.r.random() < 0.2:
            w, i = self.name("w"), self.name("i")
            inner.names["S"] = [w, w] + inner.names["S"]
            step = self.batched(lambda: self.S(inner, 1))
            leave = f"if {w} > 0.9 {{ break }}; " if self.r.random() < 0.5 else ""
            loop = f"for {i} in 0..{self.pick('k', '2')} {{ {leave}{w} = sin({step} + {w}) }}"
            return f"fn({u}: real) {{ var {w} = {body}; {loop}; return {w} * {u} }}"
        return f"fn({u}: real) => sin({body} * {u})"

    def ragged(self, c, d):
        inner, i = self.inner(c)
        inner, j = self.inner(inner)
        inner.names["I"] = [i, j]
        body = self.batched(lambda: self.S(inner, d - 2))
        return f"[tanh({self.pick('sum', 'max', 'mean')}({body} for {j} < {i} + 1)) for {i} < n]"

    def vector_lambda(self, c):
        inner, u = Scope(c), self.name("u")
        inner.names["V"] = [u]
        return f"fn({u}: real[n]) => {self.S(inner, 1)} * {u}[0] ** 2"

    def map_lambda(self, c):
        inner, u = Scope(c), self.name("u")
        inner.names["V"] = [u, u] + inner.names["V"]
        return f"fn({u}: real[n]) => sin({self.batched(lambda: self.V(inner, 1))} * {u})"

    def factor(self, c, d):
        a = self.M(c, d - 2)
        return f"cholesky(2 * eye(n) + 0.1 * tanh({a}) @ tanh({a}).T)"

    def call(self, c, d, type):
        able = [f for f in self.functions if f[1] == type and not (self.batch and f[3])]
        if not able:
            return self.of(type, c, d - 1)
        f, _, recursive, ruled = self.r.choice(able)
        self.ruled |= ruled
        steps = (self.current_steps if f == self.current else self.pick("k", "2", "1")) if recursive else None
        return f"{f}({self.S(c, 0)}, {self.V(c, 0)}, {self.M(c, 0)}" + (f", {steps})" if recursive else ")")
