"""operators_agree.py ADC FILE FUNCTION WRT NAME=VALUE... [-- OPTION...]: what `adc run` gives as jvp, vjp, jacobian, hvp, hessian and
gradient of order 2 are products of one and the same matrices, with tangents v and seeds w of all parameters and results:
<w, J v> = <vT J, w>, <v, H v> = <v, hvp v>.  Within 1e-12, or tol=..."""
import json
import random
import subprocess
import sys

adc, file, function, wrt = sys.argv[1:5]
rest = sys.argv[5:]
options = rest[rest.index("--") + 1:] if "--" in rest else []
given = dict(a.split("=", 1) for a in rest[:rest.index("--") if "--" in rest else len(rest)])
tolerance = float(given.pop("tol", 1e-12))
values = {k: json.loads(v) for k, v in given.items()}
random.seed(1)


def run(more, *how):
    """The results by leaf: p_grad of a struct is p_grad.W and so on."""
    words = [f"{k}={json.dumps(v)}" for k, v in {**values, **more}.items()]
    done = subprocess.run([adc, "run", file, function, *words, "--wrt=" + wrt, "--json", *how, *options],
                          stdout=subprocess.PIPE, check=True)
    return dict(leaves(json.loads(done.stdout)))


def leaves(x, name=""):
    if not isinstance(x, dict):
        yield name, x
        return
    for k, v in x.items():
        yield from leaves(v, f"{name}.{k}" if name else k)


def flat(x):
    return [y for v in x for y in flat(v)] if isinstance(x, list) else [x]


def dot(x, y):
    x, y = flat(x), flat(y)
    assert len(x) == len(y)
    return sum(a * b for a, b in zip(x, y))


def noise(x):
    return [noise(v) for v in x] if isinstance(x, list) else random.uniform(-1, 1)


def with_suffix(name, suffix):
    head, point, field = name.partition(".")
    return head + suffix + point + field


def bilinear(matrix, row, column):
    matrix, row, column = flat(matrix), flat(row), flat(column)
    assert len(matrix) == len(row) * len(column)
    return sum(r * dot(matrix[i * len(column):(i + 1) * len(column)], column) for i, r in enumerate(row))


def expect(what, got, want):
    if abs(got - want) > tolerance * (1 + abs(want)):
        sys.exit(f"{file} {function}: {what} gives {got!r}, not {want!r}")


def is_real(x):
    return all(isinstance(v, float) for v in flat(x))


def c_name(name):
    return name.replace(".", "_")


v = {k: noise(x) for k, x in values.items() if k.split(".")[0] in wrt.split(",") and is_real(x)}
tangents = {with_suffix(k, "_tangent"): x for k, x in v.items()}
forward = run(tangents, "--derive=jvp")
w = {k: noise(x) for k, x in forward.items() if with_suffix(k, "_tangent") in forward}
seeds = {with_suffix(k, "_seed"): x for k, x in w.items()}
want = sum(dot(forward[with_suffix(k, "_tangent")], x) for k, x in w.items())
for how in ("--derive=vjp", "--grad"):
    back = run(seeds, how)
    expect(how, sum(dot(back[with_suffix(k, "_grad")], x) for k, x in v.items()), want)
matrix = run({}, "--derive=jacobian")
expect("jacobian", sum(bilinear(matrix[(c_name(o) + "_" if len(w) > 1 else "") + c_name(k) + "_jacobian"], s, t)
                       for o, s in w.items() for k, t in v.items()), want)
if list(w) == ["out"] and not isinstance(w["out"], list):
    product = run(tangents, "--derive=hvp")
    want = sum(dot(product[with_suffix(k, "_hvp")], x) for k, x in v.items())
    matrix = run({}, "--derive=hessian")
    expect("hessian", sum(bilinear(matrix[(c_name(i) + "_" if len(v) > 1 else "") + c_name(j) + "_hessian"], v[i], v[j])
                          for i in v for j in v), want)
    twice = run({"out_seed": 0.0, **{with_suffix(k, "_grad_seed"): x for k, x in v.items()}}, "--grad", "--order=2")
    expect("--grad --order=2", sum(dot(twice[with_suffix(k, "_grad_grad")], x) for k, x in v.items()), want)
