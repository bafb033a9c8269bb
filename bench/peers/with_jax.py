"""JAX: a jitted step for each batch, and a whole epoch in one lax.scan."""

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from bench.work import (
    BLOCKS,
    EPSILON,
    HEADS,
    MOMENTUM,
    NORM_EPSILON,
    PATCH,
    SIDE,
    WIDTH,
    Workload,
    weights,
)

# Networks: (weights, x, running statistics, key) -> logits and statistics; the key of dropout is
# None where nothing is learned.


def mlp(w, x, running, key):
    x = x.reshape(len(x), -1)
    for a, b in ((0, 1), (2, 3)):
        x = jax.nn.relu(x @ w[a] + w[b])
    return x @ w[4] + w[5], running


def convolve(x, w):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout)


def pool(x):
    window = (1, 2, 2, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")


def cnn(w, x, running, key):
    x = pool(jax.nn.relu(convolve(x, w[0]) + w[1]))
    x = pool(jax.nn.relu(convolve(x, w[2]) + w[3]))
    return x.reshape(len(x), -1) @ w[4] + w[5], running


def normalize(x, gamma, beta, running, training):
    """Batch normalization; the running mean and variance follow while training."""
    mean, variance = running
    if training:
        mean = x.mean((0, 1, 2))
        variance = jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)
        new = (mean, variance)
        running = [MOMENTUM * r + (1 - MOMENTUM) * n for r, n in zip(running, new, strict=True)]
    return (x - mean) * (gamma * lax.rsqrt(variance + NORM_EPSILON)) + beta, running


def normalized_cnn(rate):
    def forward(w, x, running, key):
        training = key is not None
        x, first = normalize(convolve(x, w[0]), w[1], w[2], running[0], training)
        x = pool(jax.nn.relu(x))
        x, second = normalize(convolve(x, w[3]), w[4], w[5], running[1], training)
        x = pool(jax.nn.relu(x)).reshape(len(x), -1)
        if training and rate:
            x = jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)
        return x @ w[6] + w[7], [first, second]

    return forward


def lstm(w, x, running, key):
    inputs = (x.reshape(-1, 28, 28) @ w[0] + w[2]).swapaxes(0, 1)

    def cell(state, z):
        h, c = state
        i, f, g, o = jnp.split(z + h @ w[1], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((len(x), 128))
    (h, _), _ = lax.scan(cell, (zeros, zeros), inputs)
    return h @ w[3] + w[4], running


def scaled(x, gamma, beta):
    """Layer normalization."""
    return jax.nn.standardize(x, epsilon=NORM_EPSILON) * gamma + beta


def attention(w, x, running, key):
    n, tokens = len(x), SIDE * SIDE
    x = x.reshape(n, SIDE, PATCH, SIDE, PATCH).swapaxes(2, 3).reshape(n, tokens, PATCH * PATCH)
    x = x @ w[0] + w[1] + w[2]
    for i in range(BLOCKS):
        b = w[3 + 16 * i : 19 + 16 * i]
        y = scaled(x, b[0], b[1])
        heads = [(y @ b[j] + b[j + 1]).reshape(n, tokens, HEADS, -1) for j in (2, 4, 6)]
        y = jax.nn.dot_product_attention(*heads).reshape(n, tokens, WIDTH)
        x = x + y @ b[8] + b[9]
        y = jax.nn.gelu(scaled(x, b[10], b[11]) @ b[12] + b[13], approximate=False)
        x = x + y @ b[14] + b[15]
    gamma, beta, last, bias = w[-4:]
    return scaled(x, gamma, beta).mean(1) @ last + bias, running


def network(work: Workload):
    if work.network == "cnn-norm":
        return normalized_cnn(work.dropout)
    others = {"mlp": mlp, "table": mlp, "cnn": cnn, "lstm": lstm, "attention": attention}
    return others[work.network]


def cross_entropy(z, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()


def binary_cross_entropy(z, y):
    return (jax.nn.softplus(z) - y * z).mean()


def sgd(rate, w, g, m, v, t):
    return [a - rate * d for a, d in zip(w, g, strict=True)], m, v


def adam(rate, w, g, m, v, t):
    m = [0.9 * a + 0.1 * d for a, d in zip(m, g, strict=True)]
    v = [0.999 * a + 0.001 * d * d for a, d in zip(v, g, strict=True)]
    scale, root = rate / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
    moves = [a / (jnp.sqrt(b) / root + EPSILON) for a, b in zip(m, v, strict=True)]
    return [a - scale * d for a, d in zip(w, moves, strict=True)], m, v


class Jitted:
    """One jitted step gathers, differentiates and updates, in the memory that it is given."""

    def __init__(self, work: Workload) -> None:
        self.work, self.forward = work, network(work)
        binary = work.network == "table"
        self.loss_of = binary_cross_entropy if binary else cross_entropy
        self.rule = {"sgd": sgd, "adam": adam}[work.optimizer]
        w = [jnp.asarray(a) for a in weights(work.network)]
        m, v = ([jnp.zeros_like(a) for a in w] for _ in "mv")
        running = [[jnp.zeros(n), jnp.ones(n)] for n in (32, 64)]
        self.state = (w, m, v, running, jax.random.key(0), jnp.zeros(()))
        self.jitted = jax.jit(self.step, donate_argnums=0)
        end = jax.nn.sigmoid if binary else jax.nn.softmax
        self.answer = jax.jit(lambda w, x, running: end(self.forward(w, x, running, None)[0]))

    def step(self, carried, x, y, rows):
        """(state, sum of losses) -> the next ones."""
        (w, m, v, running, key, t), total = carried
        key, used = jax.random.split(key) if self.work.dropout else (key, key)

        def measure(w):
            z, after = self.forward(w, x[rows], running, used)
            return self.loss_of(z, y[rows]), after

        (loss, running), g = jax.value_and_grad(measure, has_aux=True)(w)
        w, m, v = self.rule(self.work.learning_rate, w, g, m, v, t + 1)
        return (w, m, v, running, key, t + 1), total + loss

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)

    def train(self, orders: np.ndarray) -> float:
        losses = []  # of each epoch, which a history wants to know
        for order in orders.astype(np.int32).reshape(len(orders), -1, self.work.batch_size):
            self.state, total = self.epoch((self.state, jnp.zeros(())), order)
            losses.append(float(total) / len(order))
        return losses[-1]

    def epoch(self, carried, order):
        for rows in order:
            carried = self.jitted(carried, self.x, self.y, rows)
        return carried

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.answer(self.state[0], x, self.state[3]))


class Scanned(Jitted):
    """All steps of an epoch in one call."""

    def __init__(self, work: Workload) -> None:
        super().__init__(work)

        def epoch(carried, x, y, order):
            return lax.scan(lambda c, rows: (self.step(c, x, y, rows), None), carried, order)[0]

        self.scanned = jax.jit(epoch, donate_argnums=0)

    def epoch(self, carried, order):
        return self.scanned(carried, self.x, self.y, order)
