"""PyTorch, eager and compiled: batches by index, fused optimizers, inference_mode."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.work import (
    BLOCKS,
    EPSILON,
    HEADS,
    INNER,
    MOMENTUM,
    NORM_EPSILON,
    PATCH,
    SIDE,
    WIDTH,
    Workload,
    weights,
)

SHAPES = {"mlp": (784,), "cnn": (1, 28, 28), "cnn-norm": (1, 28, 28), "table": (10,)}


class Rows(nn.Module):
    """An LSTM over the rows of an image; of its two biases, which only add up, one stays 0."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.lstm.bias_hh_l0.requires_grad_(False).zero_()
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Attention(nn.Module):
    """Attention over the patches of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(PATCH * PATCH, WIDTH)
        self.places = nn.Parameter(torch.empty(SIDE * SIDE, WIDTH))
        self.blocks = nn.Sequential(*(self.block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH, NORM_EPSILON)
        self.head = nn.Linear(WIDTH, 10)

    def block(self) -> nn.Module:
        options = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        return nn.TransformerEncoderLayer(
            WIDTH, HEADS, INNER, activation="gelu", layer_norm_eps=NORM_EPSILON, **options
        )

    def forward(self, x):
        x = x.view(-1, SIDE, PATCH, SIDE, PATCH).transpose(2, 3)
        x = self.embed(x.reshape(-1, SIDE * SIDE, PATCH * PATCH)) + self.places
        return self.head(self.norm(self.blocks(x)).mean(1))


def normalized(size: int, filters: int) -> list[nn.Module]:
    norm = nn.BatchNorm2d(filters, NORM_EPSILON, 1 - MOMENTUM)
    return [nn.Conv2d(size, filters, 3, bias=False), norm, nn.ReLU(), nn.MaxPool2d(2)]


def network(work: Workload) -> nn.Module:
    """The network, without softmax or sigmoid at its end: the losses contain them."""
    if work.network == "lstm":
        return Rows()
    if work.network == "attention":
        return Attention()
    if work.network in ("mlp", "table"):
        a, b, c, d = (784, 128, 64, 10) if work.network == "mlp" else (10, 32, 16, 1)
        hidden = [nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU()]
        return nn.Sequential(*hidden, nn.Linear(c, d))
    if work.network == "cnn":
        first = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
        layers = [*first, nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    else:
        layers = [*normalized(1, 32), *normalized(32, 64), nn.Flatten(), nn.Dropout(work.dropout)]
    return nn.Sequential(*layers, nn.Linear(1600, 10)).to(memory_format=torch.channels_last)


def start(work: Workload) -> list[np.ndarray]:
    """The common weights, in PyTorch's order and layout."""
    given = weights(work.network)
    if work.network.startswith("cnn"):
        given[-2] = given[-2].reshape(5, 5, 64, 10).transpose(2, 0, 1, 3).reshape(1600, 10)
    if work.network == "attention":
        embed, bias, places, *others = given
        inner = [w for i in range(BLOCKS) for w in _block(others[16 * i : 16 * i + 16])]
        return [places, embed.T, bias, *inner, *map(_turned, others[16 * BLOCKS :])]
    return [_turned(w) for w in given]


def _block(w: list[np.ndarray]) -> list[np.ndarray]:
    """A transformer block: query, key and value in one matrix; the normalizations come last."""
    joined = np.concatenate(w[2:8:2], axis=1).T, np.concatenate(w[3:9:2])
    return [*joined, *map(_turned, w[8:10]), *map(_turned, w[12:16]), *w[0:2], *w[10:12]]


def _turned(w: np.ndarray) -> np.ndarray:
    return w.transpose(3, 2, 0, 1) if w.ndim == 4 else w.T


class Eager:
    """A plain loop, with the fastest implementation of the optimizers, which is fused."""

    def __init__(self, work: Workload) -> None:
        self.work = work
        self.model = network(work)
        learned = [p for p in self.model.parameters() if p.requires_grad]
        with torch.no_grad():
            for p, w in zip(learned, start(work), strict=True):
                p.copy_(torch.from_numpy(w.copy()))
        if work.optimizer == "adam":
            rate = work.learning_rate
            self.optimizer = torch.optim.Adam(learned, lr=rate, eps=EPSILON, fused=True)
        else:
            self.optimizer = torch.optim.SGD(learned, lr=work.learning_rate, fused=True)
        binary = work.network == "table"
        self.loss_of = F.binary_cross_entropy_with_logits if binary else F.cross_entropy
        self.end = torch.sigmoid if binary else lambda z: F.softmax(z, dim=1)
        self.shape = SHAPES.get(work.network, (28, 28))

    def forward(self, x, y):
        return self.loss_of(self.model(x), y)

    def probabilities(self, x):
        return self.end(self.model(x))

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = torch.from_numpy(x).reshape(-1, *self.shape), torch.from_numpy(y)

    def train(self, orders: np.ndarray) -> float:
        self.model.train()
        for order in torch.from_numpy(orders):
            batches = order.split(self.work.batch_size)
            total = sum(self.step(rows) for rows in batches)
        return total / len(batches)

    def step(self, rows) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward(self.x[rows], self.y[rows])
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def predict(self, x: np.ndarray) -> np.ndarray:
        self.model.eval()
        with torch.inference_mode():
            return self.probabilities(torch.from_numpy(x).reshape(-1, *self.shape)).numpy()


class Compiled(Eager):
    """The same with network and loss compiled; the fused optimizer is one kernel already."""

    def __init__(self, work: Workload) -> None:
        super().__init__(work)
        self.forward = torch.compile(super().forward, dynamic=False)
        self.probabilities = torch.compile(super().probabilities, dynamic=False)
