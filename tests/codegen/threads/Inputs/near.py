"""near.py A B: files of JSON objects, one a line, hold the same numbers but for rounding."""
import json
import sys


def flat(v):
    return [x for u in v for x in flat(u)] if isinstance(v, list) else [v]


a, b = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
assert len(a) == len(b) and a
for p, q in zip(a, b):
    assert p.keys() == q.keys()
    for name in p:
        u, v = flat(p[name]), flat(q[name])
        scale = max(abs(x) for x in u)
        worst = max(abs(x - y) for x, y in zip(u, v))
        assert len(u) == len(v) and worst <= 1e-11 * scale, (name, worst, scale)
