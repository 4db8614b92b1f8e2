"""Prints a random IR function that verifies: random_ir.py SEED [NUMBER OF OPERATIONS]."""
import random
import sys

rng = random.Random(int(sys.argv[1]))
count = int(sys.argv[2]) if len(sys.argv) > 2 else 25
DIMS = ["n", "m", "k", "n + 2", "3", "1"]
lines, values, params = [], [], []


def text(elem, shape):
    return elem + ("[" + ", ".join(shape) + "]" if shape else "")


def add(op, elem, shape):
    name = "%%v%d" % len(lines)
    lines.append("  %s = %s : %s" % (name, op, text(elem, shape)))
    values.append((name, elem, tuple(shape)))
    return name


def pick(cond):
    found = [v for v in values if cond(v)]
    # recent values more often, so that chains grow
    return found[max(rng.randrange(len(found)), rng.randrange(len(found)))] if found else None


def real(rank=None):
    return pick(lambda v: v[1] == "f64" and (rank is None or len(v[2]) in rank))


def like(v, elem="f64"):
    return pick(lambda w: w[1] == elem and w[2] == v[2])


def broadcast(v, shape):
    labels = "abcdefgh"
    used = labels[: len(shape)]
    return add("contract %s [%s -> %s]" % (v[0], used[len(shape) - len(v[2]):] if v[2] else "", used), v[1], shape)


def constant(value, shape):
    c = add("const %s" % value, "f64", ())
    return broadcast((c, "f64", ()), shape) if shape else c


def gen_unary():
    v = real()
    add("%s %s" % (rng.choice("tanh sin neg abs cos sigmoid stop_gradient relu exp".split()), v[0]), "f64", v[2])
    if lines[-1].split()[2] == "exp":  # bounded
        add("tanh %s" % values[-1][0], "f64", v[2])


def gen_binary():
    v = real()
    w = like(v)
    add("%s %s, %s" % (rng.choice("add sub mul max min mulz".split()), v[0], w[0]), "f64", v[2])


def gen_select():
    v = real()
    p = add("lt %s, %s" % (v[0], constant(round(rng.uniform(-1, 1), 6), v[2])), "bool", v[2])
    add("select %s, %s, %s" % (p, v[0], like(v)[0]), "f64", v[2])


def gen_broadcast():
    v = real((0, 1, 2))
    shape = [rng.choice(DIMS)] + list(v[2])
    broadcast(v, shape)


def gen_transpose():
    v = real((2, 3))
    if v:
        perm = list(range(len(v[2])))
        rng.shuffle(perm)
        add("contract %s [%s -> %s]" % (v[0], "abc"[: len(perm)], "".join("abc"[p] for p in perm)), "f64", [v[2][p] for p in perm])


def gen_contract():
    x, y = real((1, 2, 3)), real((1, 2, 3))
    if not x or not y:
        return
    extent, lx = {}, ""
    for i, d in enumerate(x[2]):
        lx += "abc"[i]
        extent["abc"[i]] = d
    ly = ""
    for i, d in enumerate(y[2]):
        same = [l for l in lx if extent[l] == d and l not in ly]
        l = rng.choice(same) if same and rng.random() < 0.8 else "efg"[i]
        ly += l
        extent[l] = d
    labels = sorted(set(lx + ly))
    out = [l for l in labels if rng.random() < 0.5][:3]
    rng.shuffle(out)
    v = add("contract %s, %s [%s, %s -> %s]" % (x[0], y[0], lx, ly, "".join(out)), "f64", [extent[l] for l in out])
    if rng.random() < 0.7:
        add("tanh " + v, "f64", [extent[l] for l in out])


def gen_reduce():
    v = real((1, 2, 3))
    if not v:
        return
    axes = sorted(rng.sample(range(len(v[2])), rng.randint(1, len(v[2]))))
    rest = [d for i, d in enumerate(v[2]) if i not in axes]
    if rng.random() < 0.5:
        all_ = "abc"[: len(v[2])]
        s = add("contract %s [%s -> %s]" % (v[0], all_, "".join(l for i, l in enumerate(all_) if i not in axes)), "f64", rest)
        add("sin " + s, "f64", rest)
    else:
        s = add("%s %s {axes %s}" % (rng.choice(["rmax", "rmin"]), v[0], ", ".join(map(str, axes))), "f64", rest)
        add("atan " + s, "f64", rest)


def gen_slice():
    v = pick(lambda v: v[1] == "f64" and "n + 2" in v[2])
    if v:
        shape, start = [], []
        for d in v[2]:
            cut = d == "n + 2" and rng.random() < 0.8
            back = cut and rng.random() < 0.3
            shape.append("n" if cut else d)
            start.append("n : -1" if back else rng.choice("012") if cut else "0")
        add("slice %s {%s}" % (v[0], ", ".join(start)), "f64", shape)


def gen_embed():
    v = pick(lambda v: v[1] == "f64" and "n" in v[2])
    if v:
        shape = ["n + 2" if d == "n" else d for d in v[2]]
        start = [rng.choice(["0", "1", "2", "n : -1"]) if d == "n" else "0" for d in v[2]]
        if rng.random() < 0.5:
            add("embed %s {%s}" % (v[0], ", ".join(start)), "f64", shape)
        else:
            x = pick(lambda w: w[1] == "f64" and list(w[2]) == shape)
            if x:
                add("set_slice %s, %s {%s}" % (x[0], v[0], ", ".join(start)), "f64", shape)


def gen_concat():
    v = pick(lambda v: v[1] == "f64" and "n" in v[2])
    if v:
        axis = v[2].index("n")
        part = list(v[2])
        part[axis] = "1"
        w = pick(lambda w: w[1] == "f64" and list(w[2]) == part)
        w = w[0] if w else constant(0.25, part)
        part[axis] = "n + 2"
        add("concat %s, %s, %s {axis %d}" % (w, v[0], w, axis), "f64", part)


def gen_reshape():
    v = real((1, 2, 3))
    if v and len(v[2]) > 1:
        if "n + 2" in v[2]:
            return
        flat = add("reshape " + v[0], "f64", [" * ".join(v[2])])
        t = add("tanh " + flat, "f64", [" * ".join(v[2])]) if rng.random() < 0.5 else flat
        back = list(v[2])
        rng.shuffle(back)
        add("reshape " + t, "f64", back)


def gen_index():
    v = real((1, 2))
    if not v:
        return
    b = rng.choice(["n", "m", "k"])
    axis = rng.randrange(len(v[2]))
    i = add("iota {axis 0}", "i64", [b])
    f = add("cast " + i, "f64", [b])
    g = add("mul %s, %s" % (f, constant(rng.choice([0.7, 1.5, -1]), [b])), "f64", [b])
    j = add("cast " + g, "i64", [b])
    zero, size = add("const 0", "i64", ()), add("dim {%s}" % v[2][axis], "i64", ())
    zero = add("contract %s [ -> a]" % zero, "i64", [b])
    size = add("contract %s [ -> a]" % size, "i64", [b])
    p = add("and %s, %s" % (add("ge %s, %s" % (j, zero), "bool", [b]), add("lt %s, %s" % (j, size), "bool", [b])), "bool", [b])
    if rng.random() < 0.5:
        rest = [d for k, d in enumerate(v[2]) if k != axis]
        add("gather %s, %s, %s {axes %d, masked}" % (v[0], j, p, axis), "f64", [b] + rest)
    else:
        rest = [d for k, d in enumerate(v[2]) if k != axis]
        u = pick(lambda w: w[1] == "f64" and list(w[2]) == [b] + rest)
        if u:
            add("scatter_add %s, %s, %s {axes %d, masked}" % (u[0], j, p, axis), "f64", list(v[2]))


def gen_scan():
    v = real((1, 2, 3))
    if v:
        a = add("tanh " + v[0], "f64", v[2])
        add("linrec %s, %s {axis %d%s}" % (a, like(v)[0], rng.randrange(len(v[2])), rng.choice(["", ", reverse"])), "f64", v[2])
        add("tanh " + values[-1][0], "f64", v[2])


for shape in [(), ("n",), ("n", "m"), ("m", "k"), ("n", "m", "k"), ("n + 2", "m")]:
    name = "%%p%d" % len(params)
    params.append((name, "f64", shape))
    values.append(params[-1])
makers = [f for n, f in sorted(globals().items()) if n.startswith("gen_")]
weights = [4 if f in (gen_unary, gen_binary, gen_contract, gen_reduce) else 2 for f in makers]
for _ in range(count):
    rng.choices(makers, weights)[0]()
results = [v for v in values if v[0].startswith("%v") and v[1] == "f64"]
chosen = [results[-1]] + rng.sample(results, min(len(results), rng.randint(1, 4)))
taken, out = set(), []
for i, v in enumerate(chosen):
    of = [p for p in params if p[2] == v[2] and p[0] not in taken]
    if of and rng.random() < 0.5:
        taken.add(of[0][0])
        out.append("cotangent g%d of %s: %s" % (i, of[0][0][1:], text("f64", v[2])))
    else:
        out.append("r%d: %s" % (i, text("f64", v[2])))
print("func @f(n, m, k; %s) -> (%s) {" % (", ".join("%s: %s" % (p[0], text("f64", p[2])) for p in params), ", ".join(out)))
print("\n".join(lines))
print("  return " + ", ".join(v[0] for v in chosen))
print("}")
