"""near.py NAME=EXPRESSION ... < JSON: every named result of `adc run --json` is near its expected value.

EXPRESSION is Python over the math module's names, lists, inf and nan.  Numbers agree to 1e-12 (relative, or absolute near 0);
`tol=1e-6` as an argument changes that.  bools are written True and False, ints must be ints."""
import json
import math
import sys

names = {k: getattr(math, k) for k in dir(math) if not k.startswith("_")}
got = json.load(sys.stdin)
tol = 1e-12


def near(a, b):
    if isinstance(b, list):
        return isinstance(a, list) and len(a) == len(b) and all(map(near, a, b))
    if isinstance(b, bool) or isinstance(a, bool) or isinstance(a, list):
        return a is b or (not isinstance(a, list) and isinstance(b, bool) and a == int(b) and not isinstance(a, float))
    if isinstance(b, int) and isinstance(a, float) and not a.is_integer():
        return False
    if math.isnan(b):
        return math.isnan(a)
    return a == b or abs(a - b) <= tol * max(1.0, abs(b))


bad = 0
for argument in sys.argv[1:]:
    name, expression = argument.split("=", 1)
    if name == "tol":
        tol = float(expression)
        continue
    want = eval(expression, dict(names))
    if name not in got:
        print(f"no result {name}: {sorted(got)}")
        bad = 1
    elif not near(got[name], want):
        print(f"{name}: got {got[name]}, expected {want}")
        bad = 1
sys.exit(bad)
