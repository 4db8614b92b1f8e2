"""n bodies that attract each other, by the leapfrog method; the gradient by the start and the masses."""
source, function, wrt = "nbody.tdsl", "misfit", ["q0", "v0", "m"]
sizes = [dict(n=32, steps=100), dict(n=256, steps=5)]
small = dict(n=4, steps=3)


def data(random, n, steps):
    return dict(q0=random.standard_normal((n, 3)), v0=0.1 * random.standard_normal((n, 3)), m=random.uniform(0.5, 1.5, n) / n,
                seen=random.standard_normal((n, 3)), dt=0.01, steps=steps)


def in_jax():
    import jax

    def acceleration(q, m):
        d = q[None, :, :] - q[:, None, :]
        return (m[:, None] * d / (((d**2).sum(axis=2) + 1e-2) ** 1.5)[:, :, None]).sum(axis=1)

    def misfit(q0, v0, m, seen, dt, steps):
        def step(qv, _):
            q, v = qv
            q = q + dt * v
            return (q, v + dt * acceleration(q, m)), None

        (q, v), _ = jax.lax.scan(step, (q0, v0 + 0.5 * dt * acceleration(q0, m)), length=steps)
        return ((q - seen) ** 2).sum()

    return misfit


def in_torch(compiled):
    @compiled
    def acceleration(q, m):
        d = q[None, :, :] - q[:, None, :]
        return (m[:, None] * d / (((d**2).sum(2) + 1e-2) ** 1.5)[:, :, None]).sum(1)

    def misfit(q0, v0, m, seen, dt, steps):
        q, v = q0, v0 + 0.5 * dt * acceleration(q0, m)
        for _ in range(steps):
            q = q + dt * v
            v = v + dt * acceleration(q, m)
        return ((q - seen) ** 2).sum()

    return misfit


def in_casadi(ca, q0, v0, m, seen, dt, steps):
    n = q0.shape[1]
    q, v, mass, h = ca.SX.sym("q", 3, n), ca.SX.sym("v", 3, n), ca.SX.sym("m", n), ca.SX.sym("h")

    def acceleration(q):
        columns = []
        for i in range(n):
            d = q - ca.repmat(q[:, i], 1, n)
            columns.append(d @ (mass / (ca.sum1(d**2).T + 1e-2) ** 1.5))
        return ca.horzcat(*columns)

    force = ca.Function("force", [q, mass], [acceleration(q)])
    moved = q + h * v
    step = ca.Function("step", [ca.horzcat(q, v), mass, h], [ca.horzcat(moved, v + h * acceleration(moved))])
    start = ca.horzcat(q0, v0 + 0.5 * dt * force(q0, m))
    end = step.mapaccum("loop", steps)(start, ca.repmat(m, 1, steps), ca.repmat(dt, 1, steps))
    return ca.sumsqr(end[:, -2 * n:-n] - seen)
