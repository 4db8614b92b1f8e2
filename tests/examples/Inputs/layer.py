"""A dense layer by hand: `values` prints the arguments, `check NAMES` compares a JSON object on standard input.

dL/dZ = s(1 - s)/(mp) for s = sigmoid(Z), Z = WX + b; then dL/dW = dZ Xᵀ, dL/dX = Wᵀ dZ, dL/db = the row sums of dZ.
"""
import json
import math
import sys

m, k, p = 4, 5, 3
W = [[math.sin(1 + 3 * i + j) for j in range(k)] for i in range(m)]
X = [[math.cos(2 + i - 2 * j) for j in range(p)] for i in range(k)]
b = [[0.25 * i - 0.5] for i in range(m)]


def matmul(A, B):
    return [[math.fsum(A[i][q] * B[q][j] for q in range(len(B))) for j in range(len(B[0]))] for i in range(len(A))]


def transposed(A):
    return [list(row) for row in zip(*A)]


if sys.argv[1] == "values":
    for name, value in (("W", W), ("X", X), ("b", b)):
        print(f"'{name}={json.dumps(value)}'")
    sys.exit(0)

Z = matmul(W, X)
s = [[1 / (1 + math.exp(-Z[i][j] - b[i][0])) for j in range(p)] for i in range(m)]
dZ = [[v * (1 - v) / (m * p) for v in row] for row in s]
want = {"W_grad": matmul(dZ, transposed(X)), "X_grad": matmul(transposed(W), dZ), "b_grad": [[math.fsum(r)] for r in dZ],
        "out": [[math.fsum(v for row in s for v in row) / (m * p)]]}
got = json.load(sys.stdin)
got["out"] = [[got["out"]]]
expected = {"out"} | {name + "_grad" for name in sys.argv[2:]}
if got.keys() != expected:
    sys.exit(f"keys {sorted(got)}, want {sorted(expected)}")
for key in expected:
    for row, reference in zip(got[key], want[key], strict=True):
        for x, y in zip(row, reference, strict=True):
            if abs(x - y) > 1e-14:
                sys.exit(f"{key}: {x}, want {y}")
