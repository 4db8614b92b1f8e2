"""A classifier of two dense layers: the mean cross-entropy of a batch."""
source, function, wrt = "../../examples/mlp/mlp.tdsl", "loss", ["W1", "b1", "W2", "b2"]
sizes = [dict(n=64, d=784, h=512, c=10)]
small = dict(n=5, d=7, h=6, c=3)


def data(random, n, d, h, c):
    return dict(W1=random.standard_normal((h, d)) / d**0.5, b1=0.1 * random.standard_normal(h),
                W2=random.standard_normal((c, h)) / h**0.5, b2=0.1 * random.standard_normal(c),
                X=random.standard_normal((n, d)), y=random.integers(0, c, n).astype("int32"))


def in_jax():
    import jax
    import jax.numpy as jnp

    def loss(W1, b1, W2, b2, X, y):
        z = jax.nn.relu(X @ W1.T + b1) @ W2.T + b2
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()

    return loss


def in_torch(compiled):
    from torch.nn.functional import cross_entropy, linear, relu

    def loss(W1, b1, W2, b2, X, y):
        return cross_entropy(linear(relu(linear(X, W1, b1)), W2, b2), y)

    return compiled(loss)


def in_casadi(ca, W1, b1, W2, b2, X, y):
    (d, h), (_, c), n = W1.shape, W2.shape, X.shape[1]
    a = ca.fmax(W1.T @ X + ca.repmat(b1, 1, n), 0)
    z = W2.T @ a + ca.repmat(b2, 1, n)
    chosen = ca.DM(ca.Sparsity.triplet(c, n, [int(k) for k in y], list(range(n))), 1)
    shift = ca.mmax(z)
    return (ca.sum2(ca.log(ca.sum1(ca.exp(z - shift)))) + n * shift - ca.dot(chosen, z)) / n
