"""Prints a random IR function of nested loops and branches that update arrays: random_region.py SEED [SIZE]."""
import random
import sys

rng = random.Random(int(sys.argv[1]))
size = int(sys.argv[2]) if len(sys.argv) > 2 else 40
SHAPES = [(), ("n",), ("n", "3"), ("3",)]
out = []
count = 0
budget = size


class Scope:
    """Values in sight, newest last; `depth` of loops, to bound the work."""

    def __init__(self, outer=None, depth=0):
        self.values = list(outer.values) if outer else []
        self.depth = depth
        self.pad = "  " + "  " * (outer.level + 1 if outer else 0)
        self.level = outer.level + 1 if outer else 0

    def op(self, text, elem, shape):
        global count
        name = "%%v%d" % count
        count += 1
        out.append("%s%s = %s : %s" % (self.pad, name, text, typ(elem, shape)))
        self.values.append((name, elem, shape))
        return name

    def pick(self, elem, shape=None):
        found = [v for v in self.values if v[1] == elem and (shape is None or v[2] == shape)]
        if not found:
            return None
        return found[max(rng.randrange(len(found)), rng.randrange(len(found)))]


def typ(elem, shape):
    return elem + ("[" + ", ".join(shape) + "]" if shape else "")


def make(s, shape):
    """Some f64 value of the shape; made when there is none."""
    v = s.pick("f64", shape)
    if v and rng.random() < 0.85:
        return v[0]
    x = s.pick("f64", ())
    x = x[0] if x else s.op("const 0.5", "f64", ())
    return s.op("contract %s [ -> %s]" % (x, "abc"[: len(shape)]), "f64", shape) if shape else x


def index(s, extent):
    """An index in range: some int modulo the extent."""
    i = s.pick("i64", ())
    d = s.op("dim {%s}" % extent, "i64", ())
    return s.op("mod %s, %s" % (i[0], d), "i64", ())


def tame(s, v, shape):
    return s.op("sin %s" % v, "f64", shape)


def gen_map(s):
    shape = rng.choice(SHAPES)
    tame(s, s.op("%s %s, %s" % (rng.choice(["add", "sub", "mul", "max"]), make(s, shape), make(s, shape)), "f64", shape), shape)


def gen_cheap(s):
    shape = rng.choice(SHAPES)
    s.op("neg %s" % make(s, shape), "f64", shape)


def gen_sum(s):
    v = make(s, ("n", "3"))
    label, shape = rng.choice([("ab -> ", ()), ("ab -> a", ("n",)), ("ab -> b", ("3",))])
    tame(s, s.op("contract %s [%s]" % (v, label), "f64", shape), shape)


def gen_product(s):
    tame(s, s.op("contract %s, %s [ab, b -> a]" % (make(s, ("n", "3")), make(s, ("3",))), "f64", ("n",)), ("n",))


def gen_view(s):
    if rng.random() < 0.5:
        s.op("slice %s {n - 1 : -1}" % make(s, ("n",)), "f64", ("n",))
    else:
        s.op("contract %s [a -> ab]" % make(s, ("n",)), "f64", ("n", "3"))


def gen_gather(s):
    k = rng.randrange(3)
    if k == 0:
        s.op("gather %s, %s {axes 0}" % (make(s, ("n",)), index(s, "n")), "f64", ())
    elif k == 1:
        s.op("gather %s, %s {axes 0}" % (make(s, ("n", "3")), index(s, "n")), "f64", ("3",))
    else:
        s.op("gather %s, %s {axes 1}" % (make(s, ("n", "3")), index(s, "3")), "f64", ("n",))


def gen_set(s):
    k = rng.randrange(5)
    if k == 0:
        s.op("set %s, %s, %s {axes 0}" % (make(s, ("n",)), make(s, ()), index(s, "n")), "f64", ("n",))
    elif k == 1:
        s.op("set %s, %s, %s {axes 0}" % (make(s, ("n", "3")), make(s, ("3",)), index(s, "n")), "f64", ("n", "3"))
    elif k == 2:
        s.op("set %s, %s, %s {axes 1}" % (make(s, ("n", "3")), make(s, ("n",)), index(s, "3")), "f64", ("n", "3"))
    elif k == 3:
        s.op("scatter_acc %s, %s, %s {axes 0}" % (make(s, ("n",)), make(s, ()), index(s, "n")), "f64", ("n",))
    else:
        s.op("scatter_acc %s, %s, %s {axes 0}" % (make(s, ("n", "3")), make(s, ("3",)), index(s, "n")), "f64", ("n", "3"))


def gen_set_slice(s):
    if rng.random() < 0.5:
        s.op("set_slice %s, %s {0, 1}" % (make(s, ("n", "3")), s.op("contract %s [a -> ab]" % make(s, ("n",)), "f64", ("n", "1"))), "f64", ("n", "3"))
    else:
        s.op("set_slice %s, %s {n - 1 : -1}" % (make(s, ("n",)), make(s, ("n",))), "f64", ("n",))


def gen_sized(s):
    """The first so many elements of a vector, a number known only at run time, and back into a vector."""
    global count
    i = index(s, "n")
    sym = "q%d" % count
    s.op("sym %s {%s nonneg}" % (i, sym), "i64", ())
    x = make(s, ("n",))
    a = s.op("slice %s {0}" % x, "f64", (sym,))
    e = tame(s, a, (sym,))
    r = s.op("slice %s {%s - 1 : -1}" % (e, sym), "f64", (sym,))
    v = s.op("add %s, %s" % (r, a), "f64", (sym,))
    if rng.random() < 0.5:
        s.op("set_slice %s, %s {0}" % (make(s, ("n",)), v), "f64", ("n",))
    else:
        tame(s, s.op("contract %s, %s [a, a -> ]" % (v, e), "f64", ()), ())


def gen_call(s):
    a, b = names(2)
    out.append("%s%s, %s = call @h %s, %s {n = n} : f64[n], f64" % (s.pad, a, b, make(s, ("n",)), make(s, ())))
    s.values += [(a, "f64", ("n",)), (b, "f64", ())]


def body(inner, n, shapes):
    global budget
    for _ in range(rng.randrange(1, n)):
        step(inner)
    return [make(inner, sh) for sh in shapes]


def header(code, results, types, operands):
    return "%s = %s %s : %s" % (", ".join(results), code, ", ".join(operands), ", ".join(types))


def names(n):
    global count
    count += n
    return ["%%v%d" % i for i in range(count - n, count)]


def gen_if(s):
    shapes = [rng.choice(SHAPES) for _ in range(rng.randrange(1, 4))]
    a, b = s.pick("f64", ()), s.pick("f64", ())
    c = s.op("lt %s, %s" % (a[0], b[0]), "bool", ())
    s.values.pop()
    res = names(len(shapes))
    out.append(s.pad + header("if", res, [typ("f64", x) for x in shapes], [c]) + " do () {")
    for k in range(2):
        inner = Scope(s, s.depth)
        y = body(inner, 5, shapes)
        out.append(inner.pad + "yield " + ", ".join(y))
        out.append(s.pad + ("} do () {" if k == 0 else "}"))
    s.values += [(r, "f64", x) for r, x in zip(res, shapes)]


def gen_for(s):
    shapes = [rng.choice(SHAPES) for _ in range(rng.randrange(1, 4))]
    init = [make(s, x) for x in shapes]
    lo = s.op("const %d" % rng.randrange(-1, 2), "i64", ())
    hi = s.op("const %d" % rng.randrange(0, 5), "i64", ())
    one = s.op("const 1", "i64", ())
    res, par = names(len(shapes)), names(len(shapes) + 1)
    types = [typ("f64", x) for x in shapes]
    params = ", ".join("%s: %s" % p for p in zip(par, ["i64"] + types))
    out.append(s.pad + header("for", res, types, [lo, hi, one] + init) + " do (%s) {" % params)
    inner = Scope(s, s.depth + 1)
    inner.values += [(p, e, x) for p, e, x in zip(par, ["i64"] + ["f64"] * len(shapes), [()] + shapes)]
    y = body(inner, 7, shapes)
    if rng.random() < 0.3:
        same = [i for i in range(len(shapes)) if shapes[i] == shapes[0]]
        y[0] = par[1 + rng.choice(same)]
    out.append(inner.pad + "yield " + ", ".join(y))
    out.append(s.pad + "}")
    s.values += [(r, "f64", x) for r, x in zip(res, shapes)]


def gen_sweep(s):
    """A loop over all rows, up or down, that stores one each time, may read what it stores to, and adds up products of rows."""
    global count
    shape = rng.choice([("n",), ("n", "3")])
    init = [make(s, shape), make(s, ("n", "3")), make(s, ())]
    around = [make(s, ("n", "3")) for _ in range(2)]
    up = rng.random() < 0.5
    zero, one, minus = s.op("const 0", "i64", ()), s.op("const 1", "i64", ()), s.op("const -1", "i64", ())
    n, last = s.op("dim {n}", "i64", ()), s.op("dim {n - 1}", "i64", ())
    res, par = names(3), names(4)
    types = [typ("f64", x) for x in (shape, ("n", "3"), ())]
    params = ", ".join("%s: %s" % p for p in zip(par, ["i64"] + types))
    out.append(s.pad + header("for", res, types, ([zero, n, one] if up else [last, minus, minus]) + init) + " do (%s) {" % params)
    inner = Scope(s, s.depth + 1)
    inner.values.append((par[0], "i64", ()))
    row = inner.op("gather %s, %s {axes 0}" % (around[0], par[0]), "f64", ("3",))
    u = inner.op("contract %s, %s [ab, b -> a]" % (around[1], row), "f64", ("n",))
    body(inner, 4, [])
    if rng.random() < 0.4:
        inner.values.append((par[1], "f64", shape))
        body(inner, 3, [])
    v = make(inner, shape[1:])
    if shape[1:] and rng.random() < 0.5:
        v = inner.op("contract %s, %s [a, ab -> b]" % (make(inner, ("n",)), around[1]), "f64", ("3",))
    v = tame(inner, v, shape[1:])
    stored = inner.op("set %s, %s, %s {axes 0}" % (par[1], v, par[0]), "f64", shape)
    if rng.random() < 0.7:
        inner.values.pop()
    body(inner, 3, [])
    left = inner.op("contract %s [a -> ab]" % rng.choice([u, make(inner, ("n",))]), "f64", ("n", "3"))
    right = inner.op("contract %s [b -> ab]" % rng.choice([row, make(inner, ("3",))]), "f64", ("n", "3"))
    term = inner.op("%s %s, %s" % (rng.choice(["mul", "mulz"]), left, right), "f64", ("n", "3"))
    total = inner.op("add %s, %s" % ((par[2], term) if rng.random() < 0.5 else (term, par[2])), "f64", ("n", "3"))
    x = tame(inner, inner.op("add %s, %s" % (par[3], make(inner, ())), "f64", ()), ())
    out.append(inner.pad + "yield %s, %s, %s" % (stored, total, x))
    out.append(s.pad + "}")
    s.values += [(r, "f64", x) for r, x in zip(res, (shape, ("n", "3"), ()))]
    tame(s, res[1], ("n", "3"))


def gen_while(s):
    shapes = [rng.choice(SHAPES) for _ in range(rng.randrange(1, 3))]
    init = [s.op("const 0", "i64", ())] + [make(s, x) for x in shapes]
    types = ["i64"] + [typ("f64", x) for x in shapes]
    elems = ["i64"] + ["f64"] * len(shapes)
    all_shapes = [()] + shapes
    res, p0, p1 = names(len(types)), names(len(types)), names(len(types))
    out.append(s.pad + header("while", res, types, init) + " do (%s) {" % ", ".join("%s: %s" % p for p in zip(p0, types)))
    inner = Scope(s, s.depth + 1)
    inner.values += list(zip(p0, elems, all_shapes))
    for _ in range(rng.randrange(3)):
        step(inner)
    most = inner.op("const %d" % rng.randrange(4), "i64", ())
    c = inner.op("lt %s, %s" % (p0[0], most), "bool", ())
    out.append(inner.pad + "yield " + c)
    out.append(s.pad + "} do (%s) {" % ", ".join("%s: %s" % p for p in zip(p1, types)))
    inner = Scope(s, s.depth + 1)
    inner.values += list(zip(p1, elems, all_shapes))
    y = body(inner, 6, shapes)
    one = inner.op("const 1", "i64", ())
    y = [inner.op("add %s, %s" % (p1[0], one), "i64", ())] + y
    out.append(inner.pad + "yield " + ", ".join(y))
    out.append(s.pad + "}")
    s.values += list(zip(res, elems, all_shapes))


def step(s):
    global budget
    budget -= 1
    flat = [gen_map, gen_cheap, gen_sum, gen_product, gen_view, gen_gather, gen_set, gen_set, gen_set, gen_set_slice, gen_sized, gen_call]
    deep = [gen_if, gen_if, gen_for, gen_for, gen_sweep, gen_sweep, gen_while] if s.depth < 3 and budget > 0 else []
    rng.choice(flat + deep)(s)


top = Scope()
top.values = [("%x", "f64", ("n",)), ("%w", "f64", ("n", "3")), ("%u", "f64", ("3",)), ("%s", "f64", ()), ("%i", "i64", ())]
while budget > 0:
    step(top)
results = [make(top, x) for x in ((), ("n",), ("n", "3"))]
print("""func @h [local](n; %x: f64[n], %s: f64) -> (a: f64[n], b: f64) {
  %z = const 0.0 : f64
  %c = lt %s, %z : bool
  %p, %q = if %c : f64[n], f64 do () {
    %d = cos %s : f64
    %e = contract %x, %d [a,  -> a] : f64[n]
    %g = sin %e : f64[n]
    %u, %v = call @h %g, %d {n = n} : f64[n], f64
    yield %u, %v
  } do () {
    %t = slice %x {n - 1 : -1} : f64[n]
    %w = neg %s : f64
    yield %t, %w
  }
  return %p, %q
}""")
print("func @f(n; %x: f64[n], %w: f64[n, 3], %u: f64[3], %s: f64, %i: i64) -> (a: f64, b: f64[n], c: f64[n, 3]) {")
print("\n".join(out))
print("  return " + ", ".join(results))
print("}")
