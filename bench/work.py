"""The work that every contestant does: the same data, weights, batches and arithmetic.

Nothing here needs AXON, so that a contestant's process loads its own library and NumPy alone.
"""

import sys
from itertools import pairwise
from math import prod, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

CHECKED = 10  # steps from the same weights on the same batches, after which all losses must agree
TOLERANCE = 1e-3  # relative, between the mean losses over these steps
EPSILON = 1e-7  # of Adam, for all
NORM_EPSILON = 1e-3  # of normalizations, for all
MOMENTUM = 0.99  # with which running means and variances follow, for all
SEED = 3  # with it, accuracy passes 97 % by a clear step, after the same epoch for all
PATCH, WIDTH, HEADS, INNER, BLOCKS = 4, 48, 4, 96, 2  # of the network with attention
SIDE = 28 // PATCH

Shape = tuple[int, ...]


class Workload(NamedTuple):
    """What is trained, on what, and for how long in each round."""

    title: str
    network: str
    optimizer: str
    learning_rate: float
    batch_size: int
    steps: int  # of an epoch
    epochs: int  # of a round
    dropout: float = 0.0
    predicts: bool = False  # measure predictions of this network too

    @property
    def rows(self) -> int:
        """Samples of an epoch."""
        return self.steps * self.batch_size


WORKLOADS = {
    "mlp-32": Workload("MLP 784-128-64-10, batch 32, SGD", "mlp", "sgd", 0.01, 32, 936, 2),
    "mlp-128": Workload(
        "MLP 784-128-64-10, batch 128, Adam", "mlp", "adam", 1e-3, 128, 468, 2, predicts=True
    ),
    "mlp-1024": Workload("MLP 784-128-64-10, batch 1024, Adam", "mlp", "adam", 1e-3, 1024, 58, 2),
    "cnn": Workload(
        "CNN, batch 128, Adam", "cnn", "adam", 1e-3, 128, 32, 1, predicts=True
    ),
    "cnn-norm": Workload(
        "CNN with batch normalization and dropout, batch 128, Adam",
        "cnn-norm", "adam", 1e-3, 128, 32, 1, dropout=0.25,
    ),
    "lstm": Workload("LSTM(128) over 28 rows, batch 128, Adam", "lstm", "adam", 1e-3, 128, 32, 1),
    "attention": Workload(
        "Attention over 49 patches, batch 128, Adam", "attention", "adam", 1e-3, 128, 16, 1
    ),
    "table": Workload("MLP 10-32-16-1, batch 32, Adam", "table", "adam", 1e-3, 32, 32, 20),
}  # fmt: skip

ABOUT = {
    "mlp": "Two hidden layers of relu, softmax and cross-entropy, on MNIST.",
    "cnn": "Conv 3x3x32, relu, max-pool 2, Conv 3x3x64, relu, max-pool 2, Dense 10; on MNIST.",
    "cnn-norm": (
        "Conv 3x3x32 and Conv 3x3x64, each with batch normalization, relu and max-pool 2, then "
        "dropout 0.25 and Dense 10; on MNIST. The losses are compared without dropout, since each "
        "library draws its own numbers; the times are with it."
    ),
    "lstm": "The rows of an image, one after another, through an LSTM of 128 units, then Dense 10.",
    "attention": (
        f"Patches of {PATCH} x {PATCH} pixels embedded in {WIDTH} numbers, a learned vector for "
        f"each place, {BLOCKS} transformer blocks ({HEADS} heads, {INNER} inner units, gelu, "
        "normalized first), normalization, mean over the patches, Dense 10."
    ),
    "table": "1,024 rows of 10 features, binary cross-entropy: the overhead of a step is all.",
}

# ------------------------------------------------------------------------------ initial weights

BLOCK = [
    *(("gamma", (WIDTH,)), ("beta", (WIDTH,))),
    *(("weights", (WIDTH, WIDTH)), ("bias", (WIDTH,))) * 4,  # query, key, value, output
    *(("gamma", (WIDTH,)), ("beta", (WIDTH,))),
    *(("weights", (WIDTH, INNER)), ("bias", (INNER,))),
    *(("weights", (INNER, WIDTH)), ("bias", (WIDTH,))),
]


def dense(*sizes: int) -> list[tuple[str, Shape]]:
    """Weights and biases of dense layers, one after another."""
    layers = [(("weights", (a, b)), ("bias", (b,))) for a, b in pairwise(sizes)]
    return [parameter for layer in layers for parameter in layer]


def convolution(size: int, filters: int) -> list[tuple[str, Shape]]:
    """A convolution of 3 x 3 pixels: weights (height, width, channels, filters), then a bias."""
    return [("weights", (3, 3, size, filters)), ("bias", (filters,))]


def normalized(size: int, filters: int) -> list[tuple[str, Shape]]:
    """A convolution without bias, and the batch normalization after it."""
    return [("weights", (3, 3, size, filters)), ("gamma", (filters,)), ("beta", (filters,))]


PARAMETERS: dict[str, list[tuple[str, Shape]]] = {
    "mlp": dense(784, 128, 64, 10),
    "cnn": [*convolution(1, 32), *convolution(32, 64), *dense(1600, 10)],
    "cnn-norm": [*normalized(1, 32), *normalized(32, 64), *dense(1600, 10)],
    "lstm": [("weights", (28, 512)), ("weights", (128, 512)), ("bias", (512,)), *dense(128, 10)],
    "attention": [
        *dense(PATCH * PATCH, WIDTH),
        ("weights", (SIDE * SIDE, WIDTH)),  # of the places
        *BLOCK * BLOCKS,
        *(("gamma", (WIDTH,)), ("beta", (WIDTH,))),
        *dense(WIDTH, 10),
    ],
    "table": dense(10, 32, 16, 1),
}


def weights(network: str) -> list[np.ndarray]:
    """What all contestants start from: Glorot's uniform numbers, biases of 0 and gammas of 1."""
    random = np.random.default_rng(SEED)

    def draw(name: str, shape: Shape) -> np.ndarray:
        if name != "weights":
            return np.full(shape, name == "gamma", np.float32)
        limit = sqrt(6 / (prod(shape[:-1]) + prod(shape[:-2]) * shape[-1]))
        return random.uniform(-limit, limit, shape).astype(np.float32)

    return [draw(name, shape) for name, shape in PARAMETERS[network]]


# ------------------------------------------------------------------------------ data

TINY = 1024  # rows of the table


def prepare(folder: Path) -> None:
    """Write data and orders as .npy files for all to read (``python -m bench.work FOLDER``)."""
    import axon

    (x_train, y_train), (x_test, y_test) = axon.datasets.mnist.load_data()
    np.save(folder / "x_train.npy", x_train[..., None])
    np.save(folder / "y_train.npy", y_train.astype(np.int64))
    np.save(folder / "x_test.npy", x_test[..., None])
    np.save(folder / "y_test.npy", y_test.astype(np.int64))
    whole = len(x_train) // 128 * 128
    for rows in {whole, *(CHECKED * work.batch_size for work in WORKLOADS.values())}:
        np.save(folder / f"orders_{rows}.npy", orders(rows, 20))


def orders(rows: int, epochs: int) -> np.ndarray:
    """The orders (epochs, rows) that ``fit`` draws when it is called once for each epoch."""
    import axon
    from axon.random import stream

    axon.set_random_seed(SEED)
    drawn = np.tile(np.arange(rows), (epochs, 1))
    for order in drawn:
        stream("shuffle").shuffle(order)
    return drawn


def images(folder: Path, part: str, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28, 1) of float32 from 0 to 1, and labels (n,) of int64."""
    x = np.load(folder / f"x_{part}.npy", mmap_mode="r")[:rows]
    y = np.load(folder / f"y_{part}.npy")[:rows]
    return np.multiply(x, np.float32(1 / 255), dtype=np.float32), y


def table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 10) and, for two classes, 0 or 1 (n, 1); all float32."""
    random = np.random.default_rng(SEED)
    x = random.standard_normal((TINY, 10), np.float32)
    y = (x[:, 0] * x[:, 1] + x[:, 2:5].sum(axis=1) > 0).astype(np.float32)
    return x[:rows], y[:rows, None]


def data(work: Workload, folder: Path, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a workload."""
    return table(rows) if work.network == "table" else images(folder, "train", rows)


# ------------------------------------------------------------------------------ arithmetic

TOKENS = SIDE * SIDE
PRODUCTS = {  # multiplications and additions of the matrix products of one sample, forward: the
    "mlp": (2 * 784 * 128, 2 * (128 * 64 + 64 * 10)),  # first layer's, then those of the others
    "cnn": (2 * 26 * 26 * 9 * 32, 2 * (11 * 11 * 9 * 32 * 64 + 1600 * 10)),
    "lstm": (2 * 28 * 28 * 512, 2 * (28 * 128 * 512 + 128 * 10)),
    "attention": (
        2 * TOKENS * PATCH * PATCH * WIDTH,
        2 * TOKENS * BLOCKS * (4 * WIDTH * WIDTH + 2 * TOKENS * WIDTH + 2 * WIDTH * INNER)
        + 2 * WIDTH * 10,
    ),
    "table": (2 * 10 * 32, 2 * (32 * 16 + 16)),
}
PRODUCTS["cnn-norm"] = PRODUCTS["cnn"]


def flops(network: str, measure: str) -> int:
    """Floating-point operations of a sample's matrix products.

    Training does each product three times, forward, for the weights' gradient and for the inputs';
    the last is not needed in the first layer.
    """
    first, others = PRODUCTS[network]
    return 2 * first + 3 * others if measure == "train" else first + others


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
