"""The negative log marginal likelihood of a Gaussian process, through a Cholesky factor."""
import math

source, function, wrt = "../../examples/gp/gp.tdsl", "nlml", ["theta"]
sizes = [dict(n=500)]
small = dict(n=6)
f32 = False  # the factor would lose most of its digits


def data(random, n):
    x = random.uniform(0, 20, n)
    return dict(theta=random.uniform(-0.5, 0, 3), x=x, y=x % 3 + random.standard_normal(n))


def in_jax():
    import jax.numpy as jnp
    from jax.scipy.linalg import cholesky, solve_triangular

    def nlml(theta, x, y):
        amplitude, scale, noise = jnp.exp(theta)
        K = amplitude**2 * jnp.exp(-0.5 * ((x[:, None] - x) / scale) ** 2)
        L = cholesky(K + noise**2 * jnp.eye(len(x)), lower=True)
        z = solve_triangular(L, y, lower=True)
        return 0.5 * z @ z + jnp.log(jnp.diag(L)).sum() + 0.5 * len(x) * math.log(2 * math.pi)

    return nlml


def in_torch(compiled):
    import torch

    def nlml(theta, x, y):
        amplitude, scale, noise = torch.exp(theta)
        K = amplitude**2 * torch.exp(-0.5 * ((x[:, None] - x) / scale) ** 2)
        L = torch.linalg.cholesky(K + noise**2 * torch.eye(len(x), dtype=x.dtype))
        z = torch.linalg.solve_triangular(L, y[:, None], upper=False)[:, 0]
        return 0.5 * z @ z + torch.log(torch.diag(L)).sum() + 0.5 * len(x) * math.log(2 * math.pi)

    return compiled(nlml)


in_casadi = "CasADi factors matrices of scalar expressions only: n³/3 operations, written out one by one"
