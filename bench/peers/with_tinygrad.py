"""tinygrad: a training step under TinyJit, on its CPU backend."""

import numpy as np
from tinygrad import Tensor, TinyJit
from tinygrad.helpers import Context
from tinygrad.nn.optim import SGD, Adam

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

# Networks: (weights, x, dropout) -> logits. Convolutions are channels-first, like tinygrad's.


def mlp(w, x, dropout):
    x = x.flatten(1).linear(w[0], w[1]).relu().linear(w[2], w[3]).relu()
    return x.linear(w[4], w[5])


def cnn(w, x, dropout):
    x = x.reshape(-1, 1, 28, 28).conv2d(w[0], w[1]).relu().max_pool2d()
    return x.conv2d(w[2], w[3]).relu().max_pool2d().flatten(1).linear(w[4], w[5])


def lstm(w, x, dropout):
    inputs = x.reshape(-1, 28, 28).linear(w[0], w[2])
    h = c = Tensor.zeros(x.shape[0], 128)
    for step in range(28):
        i, f, g, o = (inputs[:, step] + h @ w[1]).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h.linear(w[3], w[4])


def scaled(x, gamma, beta):
    return x.layernorm(eps=NORM_EPSILON) * gamma + beta


def gelu(x):
    return x * 0.5 * (1 + (x / 2**0.5).erf())


def attention(w, x, dropout):
    n, tokens = x.shape[0], SIDE * SIDE
    x = x.reshape(n, SIDE, PATCH, SIDE, PATCH).transpose(2, 3).reshape(n, tokens, PATCH * PATCH)
    x = x.linear(w[0], w[1]) + w[2]
    for i in range(BLOCKS):
        b = w[3 + 16 * i : 19 + 16 * i]
        y = scaled(x, b[0], b[1])
        heads = [
            y.linear(b[j], b[j + 1]).reshape(n, tokens, HEADS, -1).transpose(1, 2)
            for j in (2, 4, 6)
        ]
        y = heads[0].scaled_dot_product_attention(*heads[1:]).transpose(1, 2)
        x = x + y.reshape(n, tokens, WIDTH).linear(b[8], b[9])
        y = gelu(scaled(x, b[10], b[11]).linear(b[12], b[13]))
        x = x + y.linear(b[14], b[15])
    gamma, beta, last, bias = w[-4:]
    return scaled(x, gamma, beta).mean(1).linear(last, bias)


def normalized_cnn(w, x, dropout):
    from tinygrad.nn import BatchNorm

    x = x.reshape(-1, 1, 28, 28)
    for filters, (kernel, gamma, beta) in ((32, w[0:3]), (64, w[3:6])):
        norm = BatchNorm(filters, NORM_EPSILON, momentum=1 - MOMENTUM)
        norm.weight, norm.bias = gamma, beta
        x = norm(x.conv2d(kernel)).relu().max_pool2d()
    return x.flatten(1).dropout(dropout).linear(w[6], w[7])


NETWORKS = {
    "mlp": mlp,
    "table": mlp,
    "cnn": cnn,
    "cnn-norm": normalized_cnn,
    "lstm": lstm,
    "attention": attention,
}


def start(work: Workload) -> list[Tensor]:
    given = weights(work.network)
    if work.network.startswith("cnn"):
        given = [w.transpose(3, 2, 0, 1) if w.ndim == 4 else w for w in given]
        given[-2] = given[-2].reshape(5, 5, 64, 10).transpose(2, 0, 1, 3).reshape(1600, 10)
    return [Tensor(np.ascontiguousarray(w)) for w in given]


class Jitted:
    """A jitted step on batches that NumPy gathers."""

    def __init__(self, work: Workload) -> None:
        self.work, self.binary = work, work.network == "table"
        self.weights = start(work)
        rate = work.learning_rate
        if work.optimizer == "adam":
            self.optimizer = Adam(self.weights, rate, eps=EPSILON)
        else:
            self.optimizer = SGD(self.weights, rate)
        self.jitted = TinyJit(self.step)
        self.answers: dict[int, TinyJit] = {}  # by the number of samples

    def logits(self, x: Tensor) -> Tensor:
        return NETWORKS[self.work.network](self.weights, x, self.work.dropout)

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        z = self.logits(x)
        if self.binary:
            loss = z.binary_crossentropy_logits(y)
        else:
            loss = z.sparse_categorical_crossentropy(y)
        loss.backward()
        return loss.realize(*self.optimizer.schedule_step())

    def answer(self, x: Tensor) -> Tensor:
        z = self.logits(x)
        return (z.sigmoid() if self.binary else z.softmax()).realize()

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y.astype(np.float32 if self.binary else np.int32)

    def train(self, orders: np.ndarray) -> float:
        with Context(TRAINING=1):
            for order in orders.reshape(len(orders), -1, self.work.batch_size):
                losses = [
                    self.jitted(
                        Tensor(self.x[rows]).realize(), Tensor(self.y[rows]).realize()
                    ).item()
                    for rows in order
                ]
        return sum(losses) / len(losses)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """A thousand at a time; each number of samples is compiled once."""
        return np.concatenate([self.predict_some(x[i : i + 1000]) for i in range(0, len(x), 1000)])

    def predict_some(self, x: np.ndarray) -> np.ndarray:
        jitted = self.answers.setdefault(len(x), TinyJit(self.answer))
        return jitted(Tensor(x).realize()).numpy()
