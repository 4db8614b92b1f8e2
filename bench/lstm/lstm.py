"""ADBench's D-LSTM: l layers of b cells with diagonal weights predict the next of c vectors."""
source, function, wrt = "../../examples/gradbench/lstm.tdsl", "lstm", ["params", "extra"]
sizes = [dict(l=2, c=1024, b=14), dict(l=2, c=128, b=512)]
small = dict(l=2, c=6, b=4)


def data(random, l, c, b):
    return dict(params=random.uniform(-1, 1, (l, 2, 4, b)), extra=random.uniform(-1, 1, (3, b)),
                state=random.uniform(-1, 1, (l, 2, b)), sequence=random.uniform(-1, 1, (c, b)))


def predict(np, sigmoid, stack, params, extra, state, x):
    """One step of any array library."""
    x, after = x * extra[0], []
    for layer in range(params.shape[0]):
        (w, bias), (hidden, cell) = params[layer], state[layer]
        forget, ingate = sigmoid(x * w[0] + bias[0]), sigmoid(hidden * w[1] + bias[1])
        outgate, change = sigmoid(x * w[2] + bias[2]), np.tanh(hidden * w[3] + bias[3])
        cell = cell * forget + ingate * change
        x = outgate * np.tanh(cell)
        after.append(stack([x, cell]))
    return x * extra[1] + extra[2], stack(after)


def in_jax():
    import jax
    import jax.numpy as jnp

    def lstm(params, extra, state, sequence):
        def step(state, pair):
            x, target = pair
            y, state = predict(jnp, jax.nn.sigmoid, jnp.stack, params, extra, state, x)
            return state, (target * (y - jnp.log(2 + jnp.exp(y).sum()))).sum()

        _, terms = jax.lax.scan(step, state, (sequence[:-1], sequence[1:]))
        return -terms.mean() / sequence.shape[1]

    return lstm


def in_torch(compiled):
    import torch

    def step(params, extra, state, x, target):
        y, state = predict(torch, torch.sigmoid, torch.stack, params, extra, state, x)
        return state, (target * (y - torch.log(2 + torch.exp(y).sum()))).sum()

    step = compiled(step)  # the loop, unrolled, would take minutes

    def lstm(params, extra, state, sequence):
        total = 0
        for t in range(len(sequence) - 1):
            state, term = step(params, extra, state, sequence[t], sequence[t + 1])
            total = total + term
        return -total / ((len(sequence) - 1) * sequence.shape[1])

    return lstm


def in_casadi(ca, params, extra, state, sequence):
    b, c = sequence.shape
    l = state.shape[1] // 2
    P, E, S, x, target = (ca.MX.sym(name, *s.shape) for name, s in
                          zip("PESxt", (params, extra, state, sequence[:, 0], sequence[:, 0])))
    sigmoid = lambda z: 1 / (1 + ca.exp(-z))
    z, after = x * E[:, 0], []
    for i in range(l):
        w, bias = (lambda g: P[:, 8 * i + g]), (lambda g: P[:, 8 * i + 4 + g])
        hidden, cell = S[:, 2 * i], S[:, 2 * i + 1]
        forget, ingate = sigmoid(z * w(0) + bias(0)), sigmoid(hidden * w(1) + bias(1))
        outgate, change = sigmoid(z * w(2) + bias(2)), ca.tanh(hidden * w(3) + bias(3))
        cell = cell * forget + ingate * change
        z = outgate * ca.tanh(cell)
        after += [z, cell]
    y = z * E[:, 1] + E[:, 2]
    term = ca.dot(target, y - ca.log(2 + ca.sum1(ca.exp(y))))
    step = ca.Function("step", [S, x, target, P, E], [ca.horzcat(*after), term])
    loop = step.mapaccum("loop", c - 1)
    _, terms = loop(state, sequence[:, :-1], sequence[:, 1:], ca.repmat(params, 1, c - 1), ca.repmat(extra, 1, c - 1))
    return -ca.sum2(terms) / ((c - 1) * b)
