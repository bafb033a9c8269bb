"""AXON: compile and fit. Which kernels it uses is the environment's affair (AXON_KERNELS)."""

import numpy as np

import axon
from axon.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling1D,
    LayerNormalization,
    MaxPooling2D,
    PositionalEmbedding,
    Reshape,
    TransformerBlock,
)
from axon.models import Model, Sequential
from axon.optimizers import SGD, Adam
from bench.work import (
    BLOCKS,
    EPSILON,
    HEADS,
    INNER,
    MOMENTUM,
    NORM_EPSILON,
    PATCH,
    SEED,
    SIDE,
    WIDTH,
    Workload,
    weights,
)


class Patches(Model):
    """Cuts (n, 28, 28, 1) into the patches of an image: (n, patches, pixels)."""

    def forward(self, x):
        x = x.reshape(len(x), SIDE, PATCH, SIDE, PATCH)
        return x.transpose(0, 1, 3, 2, 4).reshape(len(x), SIDE * SIDE, PATCH * PATCH)


def normalized(filters: int) -> list:
    norm = BatchNormalization(momentum=MOMENTUM, epsilon=NORM_EPSILON)
    return [Conv2D(filters, 3, use_bias=False), norm, Activation("relu"), MaxPooling2D(2)]


def layers(work: Workload) -> list:
    blocks = [TransformerBlock(HEADS, INNER, activation="gelu") for _ in range(BLOCKS)]
    return {
        "mlp": [Flatten(), Dense(128, "relu"), Dense(64, "relu"), Dense(10, "softmax")],
        "cnn": [
            *(Conv2D(32, 3, activation="relu"), MaxPooling2D(2)),
            *(Conv2D(64, 3, activation="relu"), MaxPooling2D(2)),
            *(Flatten(), Dense(10, "softmax")),
        ],
        "cnn-norm": [
            *normalized(32),
            *normalized(64),
            *(Flatten(), Dropout(work.dropout), Dense(10, "softmax")),
        ],
        "lstm": [Reshape((28, 28)), LSTM(128), Dense(10, "softmax")],
        "attention": [
            *(Patches(), Dense(WIDTH), PositionalEmbedding(), *blocks),
            *(LayerNormalization(), GlobalAveragePooling1D(), Dense(10, "softmax")),
        ],
        "table": [Dense(32, "relu"), Dense(16, "relu"), Dense(1, "sigmoid")],
    }[work.network]


class Axon:
    """The public way: ``model.fit``, which shuffles by itself, in the order that all others get."""

    def __init__(self, work: Workload) -> None:
        self.work = work
        self.model = Sequential(layers(work))
        self.model.build((10,) if work.network == "table" else (28, 28, 1))
        for parameter, start in zip(self.model.parameters(), weights(work.network), strict=True):
            parameter.assign(start)
        rate = work.learning_rate
        optimizer = SGD(rate) if work.optimizer == "sgd" else Adam(rate, epsilon=EPSILON)
        loss = "binary" if work.network == "table" else "categorical"
        self.model.compile(f"{loss}_cross_entropy", optimizer)
        axon.set_random_seed(SEED)

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def train(self, orders: np.ndarray) -> float:
        history = self.model.fit(self.x, self.y, self.work.batch_size, len(orders), verbose=0)
        return history.history["loss"][-1]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(x)
