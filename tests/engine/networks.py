"""Networks of several sorts, trained for a little while: the same bits must come out."""

from typing import Any

import numpy as np

import axon
from axon.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    MaxPooling2D,
    TransformerBlock,
)
from axon.models import Sequential


def bits(arrays: Any) -> list[tuple[Any, ...]]:
    return [(a.shape, a.dtype.str, a.tobytes()) for a in arrays]


def small(kind: str) -> Sequential:
    axon.set_random_seed(3)
    layers = {
        "mlp": [Dense(24, "relu"), Dense(16, "gelu"), Dense(5, "softmax")],
        "cnn": [
            *(Conv2D(6, 3, activation="relu"), MaxPooling2D(2), Conv2D(7, 3, activation="relu")),
            *(Flatten(), Dense(5, "softmax")),
        ],
        "cnn with noise": [
            *(Conv2D(6, 3, padding="same"), BatchNormalization(), MaxPooling2D(2, strides=1)),
            *(Dropout(0.3), Conv2D(4, 3, strides=2, activation="relu")),
            *(Flatten(), Dense(5, "softmax")),
        ],
        "lstm": [LSTM(9), Dense(5, "softmax")],
        "attention": [
            *(Embedding(20, 16), TransformerBlock(2, 24), GlobalAveragePooling1D()),
            Dense(5, "softmax"),
        ],
    }
    model = Sequential(layers[kind])
    model.compile("categorical_cross_entropy", "adam", metrics=["accuracy"])
    return model


def data(kind: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    shape = {"mlp": (30,), "lstm": (6, 11), "attention": (7,)}.get(kind, (12, 12, 2))
    x = random.random((53, *shape), np.float32)
    y = random.integers(0, 5, 53)
    return (x * 20).astype(np.int64) if kind == "attention" else x, y


def fit(model: Sequential, kind: str, shuffle: bool = True) -> list[tuple[Any, ...]]:
    """Train, with a short last batch, and give all that came of it."""
    x, y = data(kind)
    history = model.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=shuffle).history
    measured = [*history.values(), model.evaluate(x, y)]
    return bits([*map(np.array, measured), *model.get_weights(), model.predict(x)])
