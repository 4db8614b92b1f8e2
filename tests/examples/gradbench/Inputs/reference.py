"""reference.py: makes the .json files beside it; needs JAX and SciPy, and is not run by the tests.

The objectives are those of GradBench's own definitions (github.com/gradbench/gradbench, evals/*/README.md and
cpp/gradbench/evals/*.hpp), written anew as loops over the formulae; the derivatives are JAX's in 64 bits.  `particle` and
`saddle` have the inner gradient in closed form and the outer one by the complex step, |step| = 1e-150, which is exact to rounding."""
import json
import math
import os

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp

jax.config.update("jax_enable_x64", True)
here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20)


def some(*shape, lo=-1.0, hi=1.0):
    return np.round(rng.uniform(lo, hi, shape), 3)


def plain(v):
    if isinstance(v, dict):
        return {k: plain(u) for k, u in v.items()}
    return np.asarray(v).tolist()


def write(name, *cases):
    with open(os.path.join(here, name + ".json"), "w") as f:
        f.write("[" + ",\n ".join(json.dumps({k: plain(v) if k in ("give", "want") else v for k, v in c.items()}) for c in cases) + "]\n")


def case(run, give, want, tol=1e-12):
    return {"run": run, "give": give, "want": want, "tol": tol}


def graded(fn, f, give, wrt, tol=1e-12, result="out"):
    grads = jax.grad(lambda w: f(**{**give, **w}))({k: jnp.asarray(give[k]) for k in wrt})
    return case([fn, "--grad", "--wrt=" + ",".join(wrt)], give,
                {result: f(**give), **{k + "_grad": grads[k] for k in wrt}}, tol)


# ---- hello, lse, llsq, det --------------------------------------------------------------------------------------------

write("hello", case(["square", "--grad"], {"x": 3.0}, {"out": 9.0, "x_grad": 6.0}, 0))
write("lse", graded("lse", lambda x: logsumexp(jnp.asarray(x)), {"x": some(7, lo=-3, hi=3)}, ["x"]),
      graded("lse", lambda x: logsumexp(jnp.asarray(x)), {"x": some(5) + 1000}, ["x"]))


def llsq(x, n):
    total = 0.0
    for i in range(n):
        t = -1 + i * 2 / (n - 1)
        total += (np.sign(t) - sum(x[j] * t**j for j in range(x.shape[0]))) ** 2
    return total / 2


write("llsq", graded("llsq", llsq, {"x": some(5), "n": 7}, ["x"]), graded("llsq", llsq, {"x": some(3), "n": 4}, ["x"]))

# The gradient of a determinant is the matrix of cofactors, det(A) A⁻ᵀ.
for_det = []
for n in (1, 2, 3, 5):
    A = some(n, n)
    for_det.append(case(["determinant", "--grad"], {"A": A}, {"out": np.linalg.det(A), "A_grad": np.linalg.det(A) * np.linalg.inv(A).T}))
write("det", *for_det)

# ---- kmeans, ode ------------------------------------------------------------------------------------------------------


def kmeans(points, centroids):
    return sum(jnp.min(jnp.stack([jnp.sum((p - c) ** 2) for c in jnp.asarray(centroids)])) for p in jnp.asarray(points))


give = {"points": some(11, 2, lo=0, hi=4), "centroids": np.array([[0.6, 1.1], [2.9, 3.0], [2.2, 0.7]])}
near = np.argmin(((give["points"][:, None] - give["centroids"][None]) ** 2).sum(2), 1)
# A centroid's Newton step leads to the mean of its points.
newton = np.stack([give["centroids"][j] - give["points"][near == j].mean(0) for j in range(3)])
write("kmeans", graded("cost", kmeans, give, ["centroids"]), case(["direction"], give, {"out": newton}))


def ode(x, s):
    x = jnp.asarray(x)

    def slope(y):
        return jnp.concatenate([x[:1], x[1:] * y[:-1]])

    h, y = 2 / s, jnp.zeros_like(x)
    for _ in range(s):
        k1 = slope(y)
        k2 = slope(y + h * k1 / 2)
        k3 = slope(y + h * k2 / 2)
        k4 = slope(y + h * k3)
        y = y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6
    return y


give = {"x": some(5, lo=0.2, hi=1.2), "s": 8}
write("ode", case(["solve_ode"], give, {"out": ode(**give)}), graded("last", lambda x, s: ode(x, s)[-1], give, ["x"]))

# ---- gmm, lstm, ba ----------------------------------------------------------------------------------------------------


def gmm(alpha, mu, q, l, x, gamma, m):
    k, d = q.shape
    n = x.shape[0]
    main = []
    for c in range(k):
        Q = jnp.diag(jnp.exp(jnp.asarray(q)[c]))
        at = 0
        for j in range(d):
            for i in range(j + 1, d):
                Q = Q.at[i, j].set(jnp.asarray(l)[c, at])
                at += 1
        main.append(alpha[c] + jnp.sum(q[c]) - 0.5 * jnp.sum(((jnp.asarray(x) - mu[c]) @ Q.T) ** 2, axis=1))
    likelihood = -n * d * 0.5 * math.log(2 * math.pi) + jnp.sum(logsumexp(jnp.stack(main), axis=0)) - n * logsumexp(jnp.asarray(alpha))
    nu = d + m + 1
    multi = d * (d - 1) / 4 * math.log(math.pi) + sum(gammaln(0.5 * (nu - j)) for j in range(d))
    C = nu * d * (math.log(gamma) - 0.5 * math.log(2)) - multi
    prior = 0.5 * gamma**2 * (jnp.sum(jnp.exp(2 * jnp.asarray(q))) + jnp.sum(jnp.asarray(l) ** 2)) - m * jnp.sum(jnp.asarray(q))
    return likelihood - prior + k * C


k, d, n = 3, 4, 6
give = {"alpha": some(k), "mu": some(k, d), "q": some(k, d), "l": some(k, d * (d - 1) // 2), "x": some(n, d), "gamma": 0.8, "m": 2}
write("gmm", graded("gmm", gmm, give, ["alpha", "mu", "q", "l"]))


def lstm(params, extra, state, sequence):
    params, extra, sequence = jnp.asarray(params), jnp.asarray(extra), jnp.asarray(sequence)
    layers = [(s[0], s[1]) for s in jnp.asarray(state)]
    total, count = 0.0, 0
    sigmoid = jax.nn.sigmoid
    for t in range(sequence.shape[0] - 1):
        x = sequence[t] * extra[0]
        for i, (h, c) in enumerate(layers):
            w, b = params[i]
            forget, ingate = sigmoid(x * w[0] + b[0]), sigmoid(h * w[1] + b[1])
            outgate, change = sigmoid(x * w[2] + b[2]), jnp.tanh(h * w[3] + b[3])
            c = c * forget + ingate * change
            h = outgate * jnp.tanh(c)
            layers[i] = (h, c)
            x = h
        y = x * extra[1] + extra[2]
        total += jnp.sum(sequence[t + 1] * (y - jnp.log(2 + jnp.sum(jnp.exp(y)))))
        count += y.shape[0]
    return -total / count


give = {"params": some(2, 2, 4, 3), "extra": some(3, 3), "state": some(2, 2, 3), "sequence": some(5, 3)}
write("lstm", graded("lstm", lstm, give, ["params", "extra"]))


def residual(v, feat):
    cam, point, w = v[:11], v[11:14], v[14]
    r, x = cam[:3], point - cam[3:6]
    theta = jnp.sqrt(jnp.sum(r * r))
    u = r / theta
    K = jnp.array([[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]])
    y = (jnp.eye(3) + jnp.sin(theta) * K + (1 - jnp.cos(theta)) * K @ K) @ x
    z = y[:2] / y[2]
    s = jnp.sum(z * z)
    return w * (z * (1 + cam[9] * s + cam[10] * s * s) * cam[6] + cam[7:9] - feat)


obs = np.array([[0, 0], [1, 0], [0, 1], [1, 2], [0, 2]])
give = {"cams": some(2, 11), "X": some(3, 3) + [0, 0, 4], "w": some(5), "feats": some(5, 2), "obs": obs}
blocks = [jnp.concatenate([give["cams"][c], give["X"][x], give["w"][i:i + 1]]) for i, (c, x) in enumerate(obs)]
write("ba", case(["objective"], give, {"reproj_err": np.stack([residual(v, f) for v, f in zip(blocks, give["feats"])]), "w_err": 1 - give["w"] ** 2}),
      case(["jac"], give, {"reproj": np.stack([jax.jacfwd(residual)(v, f) for v, f in zip(blocks, give["feats"])]), "weight": -2 * give["w"]}))

# ---- ht ---------------------------------------------------------------------------------------------------------------


def rotation(xzy):
    tx, tz, ty = xzy
    Rx = jnp.array([[1, 0, 0], [0, jnp.cos(tx), -jnp.sin(tx)], [0, jnp.sin(tx), jnp.cos(tx)]])
    Ry = jnp.array([[jnp.cos(ty), 0, jnp.sin(ty)], [0, 1, 0], [-jnp.sin(ty), 0, jnp.cos(ty)]])
    Rz = jnp.array([[jnp.cos(tz), -jnp.sin(tz), 0], [jnp.sin(tz), jnp.cos(tz), 0], [0, 0, 1]])
    return Rz @ Ry @ Rx


def skin(theta, hand):
    b = len(hand["parents"])
    pose = jnp.zeros((b + 3, 3))
    i_theta, i_pose = 6, 5
    for _ in range(5):
        for i in (2, 3, 4):
            pose = pose.at[i_pose, 0].set(theta[i_theta])
            i_theta += 1
            if i == 2:
                pose = pose.at[i_pose, 1].set(theta[i_theta])
                i_theta += 1
            i_pose += 1
        i_pose += 1
    absolute = []
    for i in range(b):
        relative = hand["relatives"][i] @ jnp.eye(4).at[:3, :3].set(rotation(pose[i + 3]))
        absolute.append(relative if hand["parents"][i] < 0 else absolute[hand["parents"][i]] @ relative)
    positions = sum(hand["weights"][:, i:i + 1] * (hand["positions"] @ (absolute[i] @ hand["inverses"][i]).T) for i in range(b))[:, :3]
    angle = jnp.sqrt(jnp.sum(theta[:3] ** 2))
    x, y, z = theta[:3] / angle
    s, c = jnp.sin(angle), jnp.cos(angle)
    R = jnp.array([[x * x + (1 - x * x) * c, x * y * (1 - c) - z * s, x * z * (1 - c) + y * s],
                   [x * y * (1 - c) + z * s, y * y + (1 - y * y) * c, y * z * (1 - c) - x * s],
                   [x * z * (1 - c) - y * s, z * y * (1 - c) + x * s, z * z + (1 - z * z) * c]])
    return positions @ R.T + theta[3:6]


parents = [-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19, 0]
b, v, t, n = len(parents), 4, 2, 3


def frames():
    F = np.zeros((b, 4, 4))
    F[:, :3, :] = some(b, 3, 4)
    F[:, 3, 3] = 1
    return np.round(F, 2)


hand = {"parents": np.array(parents), "relatives": frames(), "inverses": frames(),
        "positions": np.concatenate([some(v, 3), np.ones((v, 1))], 1), "weights": np.round(some(v, b), 1), "triangles": np.array([[0, 1, 2], [3, 1, 0]])}
theta, us, points = some(26), some(n, 2, lo=0, hi=0.5), some(n, 3)


def simple(theta, match):
    return points - skin(theta, hand)[match]


def complicated(theta, us, match):
    corner = skin(theta, hand)[hand["triangles"][match]]
    return points - (us[:, :1] * corner[:, 0] + us[:, 1:] * corner[:, 1] + (1 - us[:, :1] - us[:, 1:]) * corner[:, 2])


match, in_triangle = np.array([2, 0, 3]), np.array([1, 0, 1])
given = {"hand." + k: x for k, x in hand.items()}
first = {"theta": theta, **given, "points": points, "match": match}
second = {"theta": theta, "us": us, **given, "points": points, "match": in_triangle}
by_u = jnp.stack([jax.jacfwd(complicated, 1)(theta, us, in_triangle)[i, :, i, :] for i in range(n)])
write("ht", case(["simple"], first, {"out": simple(theta, match)}),
      case(["simple_jacobian"], first, {"out": jax.jacfwd(simple)(theta, match)}, 1e-11),
      case(["complicated"], second, {"out": complicated(theta, us, in_triangle)}),
      case(["complicated_jacobian"], second, {"out": jnp.concatenate([by_u, jax.jacfwd(complicated)(theta, us, in_triangle)], axis=2)}, 1e-11))

# ---- particle, saddle -------------------------------------------------------------------------------------------------


def size(x):
    return np.sqrt(sum(u * u for u in x))


def argmin(gradient, f, x):
    fx, gx, eta, successes = f(x), gradient(x), 1e-5, 0
    while size(gx).real > 1e-5:
        if successes == 10:
            eta, successes = 2 * eta, 0
            continue
        y = x - eta * gx
        if size(x - y).real <= 1e-5:
            break
        fy = f(y)
        if fy.real < fx.real:
            x, fx, gx, successes = y, fy, gradient(y), successes + 1
        else:
            eta, successes = eta / 2, 0
    return x


def complex_step(f):
    return lambda x: np.array([f(x + 1e-150j * e).imag / 1e-150 for e in np.eye(len(x))])


def miss(w):
    x, xdot = np.array([0, 8], complex), np.array([0.75, 0], complex)
    charges = [np.array([10, 10 - w[0]]), np.array([10, 0])]
    while True:
        following = x + 0.1 * xdot
        if following[1].real <= 0:
            break
        xdot = xdot + 0.1 * sum((x - c) / size(x - c) ** 3 for c in charges)
        x = following
    return (x[0] - x[1] / xdot[1] * xdot[0]) ** 2


def saddle(start):
    def away(x):
        return lambda y: y @ y - x @ x

    def worst(x):
        return -away(x)(argmin(lambda y: 2 * y, away(x), start.astype(complex)))

    x = argmin(complex_step(worst), worst, start)
    return np.stack([x, argmin(lambda y: 2 * y, away(x), start)]).real


w = argmin(complex_step(miss), miss, np.array([0.0]))[0].real
write("particle", *[case([mode], {"w": 0.0}, {"out": w}, 1e-6) for mode in ("ff", "fr", "rf", "rr")])
start = np.array([1.0, 1.0])
write("saddle", *[case([mode], {"start": start}, {"out": saddle(start)}, 1e-6) for mode in ("ff", "fr", "rf", "rr")])
print("particle", w, "saddle", saddle(start))
