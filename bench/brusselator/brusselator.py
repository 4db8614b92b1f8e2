"""A reaction-diffusion equation on a torus, by explicit time steps; the gradient by the start and the rates."""
source, function, wrt = "brusselator.tdsl", "misfit", ["u0", "v0", "a", "b", "alpha"]
sizes = [dict(n=64, steps=100)]
small = dict(n=5, steps=4)


def data(random, n, steps):
    return dict(u0=1 + 0.2 * random.uniform(size=(n, n)), v0=3 + 0.2 * random.uniform(size=(n, n)), a=1.0, b=3.0, alpha=2.0,
                observed=1 + 0.2 * random.uniform(size=(n, n)), dt=0.01, steps=steps)


def advance(laplacian, u, v, a, b, alpha, dt):
    reaction = u**2 * v
    du = alpha * laplacian(u) + a - (b + 1) * u + reaction
    dv = alpha * laplacian(v) + b * u - reaction
    return u + dt * du, v + dt * dv


def in_jax():
    import jax
    import jax.numpy as jnp

    def laplacian(u):
        return jnp.roll(u, 1, 0) + jnp.roll(u, -1, 0) + jnp.roll(u, 1, 1) + jnp.roll(u, -1, 1) - 4 * u

    def misfit(u0, v0, a, b, alpha, observed, dt, steps):
        step = lambda uv, _: (advance(laplacian, *uv, a, b, alpha, dt), None)
        (u, v), _ = jax.lax.scan(step, (u0, v0), length=steps)
        return ((u - observed) ** 2).sum()

    return misfit


def in_torch(compiled):
    import torch

    def laplacian(u):
        return torch.roll(u, 1, 0) + torch.roll(u, -1, 0) + torch.roll(u, 1, 1) + torch.roll(u, -1, 1) - 4 * u

    step = compiled(lambda u, v, a, b, alpha, dt: advance(laplacian, u, v, a, b, alpha, dt))

    def misfit(u0, v0, a, b, alpha, observed, dt, steps):
        u, v = u0, v0
        for _ in range(steps):
            u, v = step(u, v, a, b, alpha, dt)
        return ((u - observed) ** 2).sum()

    return misfit


def in_casadi(ca, u0, v0, a, b, alpha, observed, dt, steps):
    n = u0.shape[0]
    u, v = ca.SX.sym("u", n, n), ca.SX.sym("v", n, n)
    rates = ca.SX.sym("rates", 4)

    def laplacian(u):
        return (ca.vertcat(u[1:, :], u[:1, :]) + ca.vertcat(u[-1:, :], u[:-1, :]) +
                ca.horzcat(u[:, 1:], u[:, :1]) + ca.horzcat(u[:, -1:], u[:, :-1]) - 4 * u)

    after = advance(laplacian, u, v, rates[0], rates[1], rates[2], rates[3])
    step = ca.Function("step", [ca.horzcat(u, v), rates], [ca.horzcat(*after)])
    end = step.mapaccum("loop", steps)(ca.horzcat(u0, v0), ca.repmat(ca.vertcat(a, b, alpha, dt), 1, steps))
    return ca.sumsqr(end[:, -2 * n:-n] - observed)
