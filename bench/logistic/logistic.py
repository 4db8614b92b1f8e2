"""Logistic regression with weight decay."""
source, function, wrt = "logistic.tdsl", "loss", ["w", "b"]
sizes = [dict(n=10000, d=100)]
small = dict(n=20, d=5)


def data(random, n, d):
    return dict(w=0.1 * random.standard_normal(d), b=0.1, X=random.standard_normal((n, d)),
                y=2.0 * random.integers(0, 2, n) - 1)


def in_jax():
    import jax

    return lambda w, b, X, y: jax.nn.softplus(-y * (X @ w + b)).mean() + 5e-4 * w @ w


def in_torch(compiled):
    from torch.nn.functional import softplus

    # softplus is exact for arguments above a threshold only; the default of 20 is not near enough
    return compiled(lambda w, b, X, y: softplus(-y * (X @ w + b), threshold=40).mean() + 5e-4 * w @ w)


def in_casadi(ca, w, b, X, y):
    z = -y * (X.T @ w + b)
    return ca.sum1(ca.log1p(ca.exp(-ca.fabs(z))) + ca.fmax(z, 0)) / y.shape[0] + 5e-4 * ca.dot(w, w)
