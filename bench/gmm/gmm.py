"""The log posterior of a mixture of Gaussians with full precision matrices and a Wishart prior (GradBench's `gmm`)."""
import math

import numpy

source, function, wrt = "../../examples/gradbench/gmm.tdsl", "gmm", ["alpha", "mu", "q", "l"]
sizes = [dict(n=1000, d=10, k=25), dict(n=1000, d=64, k=50)]
small = dict(n=20, d=4, k=3)


def data(random, n, d, k):
    return dict(alpha=random.standard_normal(k), mu=random.uniform(size=(k, d)), q=0.5 * random.standard_normal((k, d)),
                l=0.3 * random.standard_normal((k, d * (d - 1) // 2)), x=random.standard_normal((n, d)), gamma=1.0, m=0)


def constant(k, d, gamma, m):
    nu = d + m + 1
    log_multigamma = 0.25 * d * (d - 1) * math.log(math.pi) + sum(math.lgamma(0.5 * nu - 0.5 * j) for j in range(d))
    return k * (nu * d * math.log(gamma / math.sqrt(2)) - log_multigamma)


def lower_positions(d):
    """Of l's elements in the triangle, column by column."""
    columns, rows = numpy.triu_indices(d, 1)
    return rows, columns


def in_jax():
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    def gmm(alpha, mu, q, l, x, gamma, m):
        (k, d), n = mu.shape, x.shape[0]
        rows, columns = lower_positions(d)
        Q = jnp.zeros((k, d, d), x.dtype).at[:, rows, columns].set(l)
        Q = Q.at[:, jnp.arange(d), jnp.arange(d)].set(jnp.exp(q))
        z = jnp.einsum("cij,ncj->nci", Q, x[:, None, :] - mu)
        beta = alpha + q.sum(axis=1) - 0.5 * (z**2).sum(axis=2)
        likelihood = logsumexp(beta, axis=1).sum() - n * (0.5 * d * math.log(2 * math.pi) + logsumexp(alpha))
        return likelihood + constant(k, d, gamma, m) - 0.5 * gamma**2 * (Q**2).sum() + m * q.sum()

    return gmm


def in_torch(compiled):
    import torch

    def gmm(alpha, mu, q, l, x, gamma, m):
        (k, d), n = mu.shape, x.shape[0]
        rows, columns = lower_positions(d)
        Q = torch.diag_embed(torch.exp(q))
        Q = Q.index_put((torch.arange(k)[:, None], torch.from_numpy(rows), torch.from_numpy(columns)), l)
        z = torch.einsum("cij,ncj->nci", Q, x[:, None, :] - mu)
        beta = alpha + q.sum(1) - 0.5 * (z**2).sum(2)
        likelihood = torch.logsumexp(beta, 1).sum() - n * (0.5 * d * math.log(2 * math.pi) + torch.logsumexp(alpha, 0))
        return likelihood + constant(k, d, gamma, m) - 0.5 * gamma**2 * (Q**2).sum() + m * q.sum()

    return compiled(gmm)


def in_casadi(ca, alpha, mu, q, l, x, gamma, m):
    (d, k), n = mu.shape, x.shape[1]
    rows, columns = lower_positions(d)
    lower = ca.Sparsity.triplet(d, d, [int(r) for r in rows], [int(c) for c in columns])
    beta, prior = [], 0
    for c in range(k):
        Q = ca.diag(ca.exp(q[:, c])) + ca.MX(lower, l[:, c])
        beta.append(alpha[c] + ca.sum1(q[:, c]) - 0.5 * ca.sum1((Q @ (x - ca.repmat(mu[:, c], 1, n))) ** 2))
        prior += ca.sumsqr(Q)
    beta = ca.vertcat(*beta)
    top = ca.repmat(ca.mmax(beta), k, 1)  # one shift for all is enough here
    lse = lambda b: ca.log(ca.sum1(ca.exp(b)))
    likelihood = ca.sum2(lse(beta - ca.repmat(top, 1, n))) + n * top[0] - n * (0.5 * d * math.log(2 * math.pi) + lse(alpha))
    return likelihood + constant(k, d, gamma, m) - 0.5 * gamma**2 * prior + m * ca.sum1(ca.sum2(q))
