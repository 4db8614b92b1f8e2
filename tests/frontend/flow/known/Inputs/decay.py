"""y = x (1 - 1e-6)^t after t = 1,000,000 turns (the first t with (1 - 1e-6)^t below 1/e): the value t y and the derivative t y / x."""
import json
import math
import sys

got = json.load(sys.stdin)
t = math.ceil(-1 / math.log1p(-1e-6))
y = 2 * math.exp(t * math.log1p(-1e-6))
for key, want in (("out", t * y), ("x_grad", t * y / 2)):
    if abs(got[key] - want) > 1e-8 * want:
        sys.exit(f"{key}: got {got[key]}, want {want}")
