"""Samples of the primitives in axon/activations."""

from typing import Any

import numpy as np
from cases import LARGE, Case, binary, normal, probability, unary


def _softmax(x: Any, axis: int = -1) -> Any:
    powers = np.exp(x)
    return powers / powers.sum(axis=axis, keepdims=True)


def _sigmoid(x: Any) -> Any:
    return (1 + np.tanh(x / 2)) / 2


def _log_softmax(x: Any, axis: int = -1) -> Any:
    return np.log(_softmax(x, axis))


SAMPLES: dict[str, Case] = {
    # axon/activations
    "relu": unary(lambda x: x * (x > 0)),
    "relu_gradient": binary(lambda g, y: g * (y > 0), nan_shows=[0]),
    "sigmoid": unary(_sigmoid),
    "sigmoid_gradient": binary(lambda g, y: g * (y - y**2), normal, probability),
    "tanh": unary(lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
    "tanh_gradient": binary(lambda g, y: g * (1 - y) * (1 + y), normal, probability),
    "softmax": Case(
        _softmax,
        [
            ((normal(2, 3),), {}),
            ((normal(1, 5),), {"axis": -1}),
            ((normal(3, 4, 5),), {"axis": 1}),
            ((normal(4, 1),), {}),
            ((normal(7),), {"axis": 0}),
            ((normal(0, 3),), {}),
        ],
        ((normal(*LARGE),), {}),
    ),
    "log_softmax": Case(
        _log_softmax,
        [
            ((normal(2, 3),), {}),
            ((normal(1, 5),), {"axis": -1}),
            ((normal(3, 4, 5),), {"axis": 1}),
            ((normal(4, 1),), {}),
            ((normal(7),), {"axis": 0}),
            ((normal(0, 3),), {}),
        ],
        ((normal(*LARGE),), {}),
    ),
}
