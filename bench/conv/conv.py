"""A convolutional classifier: two layers of convolution, relu and pooling, then a dense one."""
source, function, wrt = "conv.tdsl", "loss", ["W1", "b1", "W2", "b2", "W3", "b3"]
sizes = [dict(n=16, c=3, h=32, w=32, c1=16, c2=32, k=10)]
small = dict(n=2, c=2, h=8, w=8, c1=3, c2=4, k=3)


def data(random, n, c, h, w, c1, c2, k):
    m = c2 * (h // 4) * (w // 4)
    return dict(X=random.standard_normal((n, c, h, w)), y=random.integers(0, k, n).astype("int32"),
                W1=random.standard_normal((c1, c, 3, 3)) / (9 * c) ** 0.5, b1=0.1 * random.standard_normal(c1),
                W2=random.standard_normal((c2, c1, 3, 3)) / (9 * c1) ** 0.5, b2=0.1 * random.standard_normal(c2),
                W3=random.standard_normal((k, m)) / m**0.5, b3=0.1 * random.standard_normal(k))


def in_jax():
    import jax
    import jax.numpy as jnp

    def layer(x, W, b):
        x = jax.lax.conv_general_dilated(x, W, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))
        x = jax.nn.relu(x + b[:, None, None])
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(X, y, W1, b1, W2, b2, W3, b3):
        a = layer(layer(X, W1, b1), W2, b2)
        z = a.reshape(len(a), -1) @ W3.T + b3
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()

    return loss


def in_torch(compiled):
    from torch.nn.functional import conv2d, cross_entropy, linear, max_pool2d, relu

    def loss(X, y, W1, b1, W2, b2, W3, b3):
        a = max_pool2d(relu(conv2d(X, W1, b1, padding=1)), 2)
        a = max_pool2d(relu(conv2d(a, W2, b2, padding=1)), 2)
        return cross_entropy(linear(a.flatten(1), W3, b3), y)

    return compiled(loss)


in_casadi = "CasADi has no convolution of images"
