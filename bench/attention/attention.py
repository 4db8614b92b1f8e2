"""A block of a transformer: causal attention of several heads, two dense layers, layer norms, residuals."""
source, function = "attention.tdsl", "loss"
wrt = ["g1", "b1", "Wq", "Wk", "Wv", "Wo", "g2", "b2", "W1", "c1", "W2", "c2"]
sizes = [dict(n=4, t=128, d=256, h=8)]
small = dict(n=2, t=5, d=6, h=2)


def data(random, n, t, d, h):
    e, f = d // h, 4 * d
    normal = random.standard_normal
    return dict(X=normal((n, t, d)), Y=normal((n, t, d)), g1=1 + 0.1 * normal(d), b1=0.1 * normal(d),
                Wq=normal((h, d, e)) / d**0.5, Wk=normal((h, d, e)) / d**0.5, Wv=normal((h, d, e)) / d**0.5,
                Wo=normal((h, e, d)) / d**0.5, g2=1 + 0.1 * normal(d), b2=0.1 * normal(d),
                W1=normal((d, f)) / d**0.5, c1=0.1 * normal(f), W2=normal((f, d)) / f**0.5, c2=0.1 * normal(d))


def in_jax():
    import jax
    import jax.numpy as jnp

    def layer_norm(x, g, b):
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * g + b

    def loss(X, Y, g1, b1, Wq, Wk, Wv, Wo, g2, b2, W1, c1, W2, c2):
        t, e = X.shape[1], Wq.shape[2]
        z = layer_norm(X, g1, b1)
        q, k, v = (jnp.einsum("ntd,hde->nhte", z, W) for W in (Wq, Wk, Wv))
        score = jnp.where(jnp.tril(jnp.ones((t, t), bool)), q @ k.swapaxes(2, 3) / e**0.5, -jnp.inf)
        y = X + jnp.einsum("nhte,hed->ntd", jax.nn.softmax(score) @ v, Wo)
        y = y + jax.nn.gelu(layer_norm(y, g2, b2) @ W1 + c1, approximate=False) @ W2 + c2
        return ((y - Y) ** 2).mean()

    return loss


def in_torch(compiled):
    import torch
    from torch.nn.functional import gelu, layer_norm, mse_loss, scaled_dot_product_attention

    def loss(X, Y, g1, b1, Wq, Wk, Wv, Wo, g2, b2, W1, c1, W2, c2):
        d = X.shape[2:]
        z = layer_norm(X, d, g1, b1)
        q, k, v = (torch.einsum("ntd,hde->nhte", z, W) for W in (Wq, Wk, Wv))
        y = X + torch.einsum("nhte,hed->ntd", scaled_dot_product_attention(q, k, v, is_causal=True), Wo)
        y = y + gelu(layer_norm(y, d, g2, b2) @ W1 + c1) @ W2 + c2
        return mse_loss(y, Y)

    return compiled(loss)


in_casadi = "CasADi has no tensors of more than two axes: a graph of matrix products for each head and sequence"
