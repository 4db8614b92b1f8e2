"""expect.py TOLERANCE KEY=VALUE...: reads one JSON object on standard input and compares it with closed forms.

A value is a Python expression over math's names.  Numbers agree to the relative tolerance (absolute below 1); keys that are
not named must not be there.
"""
import json
import math
import sys


def differs(got, want, tolerance):
    if isinstance(want, (list, tuple)):
        return not isinstance(got, list) or len(got) != len(want) or any(
            differs(g, w, tolerance) for g, w in zip(got, want))
    if isinstance(want, dict):
        return not isinstance(got, dict) or got.keys() != want.keys() or any(
            differs(got[k], want[k], tolerance) for k in want)
    if isinstance(want, bool) or isinstance(got, (bool, list, dict)):
        return got is not want
    if math.isnan(want) or math.isinf(want):
        return not (got == want or (math.isnan(got) and math.isnan(want)))
    return not abs(got - want) <= tolerance * max(1, abs(want))


tolerance = float(sys.argv[1])
got = json.load(sys.stdin)
want = {}
for pair in sys.argv[2:]:
    key, _, text = pair.partition("=")
    want[key] = eval(text, vars(math))
wrong = sorted(k for k in got.keys() | want.keys()
               if k not in got or k not in want or differs(got[k], want[k], tolerance))
for k in wrong:
    print(f"{k}: got {got.get(k, 'nothing')}, want {want.get(k, 'nothing')}")
sys.exit(1 if wrong else 0)
