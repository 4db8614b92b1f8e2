"""The inverse dynamics of a robot arm of seven hinges (Newton and Euler's recursion): the effort of a batch of motions."""
import numpy

source, function, wrt = "arm.tdsl", "effort", ["q", "v", "a"]
sizes = [dict(n=1), dict(n=10000)]
small = dict(n=3)


def data(random, n):
    L = random.standard_normal((7, 3, 3))
    return dict(q=random.uniform(-3, 3, (n, 7)), v=random.standard_normal((n, 7)), a=random.standard_normal((n, 7)),
                R0=numpy.linalg.qr(random.standard_normal((7, 3, 3)))[0], p=0.3 * random.standard_normal((7, 3)),
                m=random.uniform(0.5, 3, 7), c=0.1 * random.standard_normal((7, 3)), I=0.01 * L @ L.transpose(0, 2, 1))


def torques(np, cross, turn, z, zero, q, v, a, R0, p, m, c, I):
    """Of a motion, in any array library: q[i] may be a number or a batch of them in the last axis that `turn` makes."""
    w, dw, acc, links = zero, zero, 9.81 * z, []
    for i in range(7):
        R = turn(R0[i], q[i])
        acc = R.T @ (acc + cross(dw, p[i]) + cross(w, cross(w, p[i])))
        before = R.T @ w
        dw = R.T @ dw + a[i] * z + cross(before, v[i] * z)
        w = before + v[i] * z
        force = m[i] * (acc + cross(dw, c[i]) + cross(w, cross(w, c[i])))
        links.append((R, force, I[i] @ dw + cross(w, I[i] @ w) + cross(c[i], force)))
    f, n, torque = zero, zero, [None] * 7
    for i in reversed(range(7)):
        R, force, moment = links[i]
        n, f = n + moment, f + force
        torque[i] = n[2]
        n, f = R @ n + cross(p[i], R @ f), R @ f
    return torque


def in_jax():
    import jax
    import jax.numpy as jnp

    def turn(R0, q):
        c, s, o = jnp.cos(q), jnp.sin(q), jnp.zeros_like(q)
        return R0 @ jnp.array([[c, -s, o], [s, c, o], [o, o, o + 1]])

    def one(q, v, a, *arm):
        z = jnp.array([0, 0, 1], q.dtype)
        return sum(t**2 for t in torques(jnp, jnp.cross, turn, z, 0 * z, q, v, a, *arm))

    return lambda q, v, a, *arm: jax.vmap(one, (0, 0, 0) + (None,) * 5)(q, v, a, *arm).mean()


def in_torch(compiled):
    import torch

    def turn(R0, q):
        c, s, o = torch.cos(q), torch.sin(q), torch.zeros_like(q)
        return R0 @ torch.stack([torch.stack([c, -s, o]), torch.stack([s, c, o]), torch.stack([o, o, o + 1])])

    def one(q, v, a, *arm):
        z = torch.tensor([0, 0, 1], dtype=q.dtype)
        return sum(t**2 for t in torques(torch, torch.linalg.cross, turn, z, 0 * z, q, v, a, *arm))

    batch = torch.func.vmap(one, (0, 0, 0) + (None,) * 5)
    return compiled(lambda q, v, a, *arm: batch(q, v, a, *arm).mean())


def in_casadi(ca, q, v, a, R0, p, m, c, I):
    n = q.shape[1]
    one = [ca.SX.sym(name, 7) for name in "qva"]
    arm = [ca.SX.sym(name, *s.shape) for name, s in zip(("R0", "p", "m", "c", "I"), (R0, p, m, c, I))]
    column = lambda s: [s[:, i] for i in range(7)]
    matrix = lambda s: [s[:, 3 * i:3 * i + 3].T for i in range(7)]
    z = ca.SX([0, 0, 1])

    def turn(R0, q):
        return R0 @ ca.vertcat(ca.horzcat(ca.cos(q), -ca.sin(q), 0), ca.horzcat(ca.sin(q), ca.cos(q), 0), ca.horzcat(0, 0, 1))

    t = torques(ca, ca.cross, turn, z, ca.SX.zeros(3), *one, matrix(arm[0]), column(arm[1]), arm[2], column(arm[3]), matrix(arm[4]))
    effort = ca.Function("effort", one + arm, [ca.sumsqr(ca.vertcat(*t))])
    return ca.sum2(effort.map(n)(q, v, a, *(ca.repmat(s, 1, n) for s in (R0, p, m, c, I)))) / n
