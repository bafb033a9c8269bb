"""Samples of the primitives in axon/activations, and of the error function."""

import math
from typing import Any

import numpy as np

from tests.samples.primitives.case import (
    LARGE,
    PAIRS,
    SHAPES,
    Case,
    Sample,
    binary,
    distribution,
    normal,
    positive,
    probability,
    unary,
)


def _softmax(x: Any, axis: int = -1) -> Any:
    powers = np.exp(x)
    return powers / powers.sum(axis=axis, keepdims=True)


def _sigmoid(x: Any) -> Any:
    return (1 + np.tanh(x / 2)) / 2


def _log_softmax(x: Any, axis: int = -1) -> Any:
    return np.log(_softmax(x, axis))


_erf = np.vectorize(math.erf, otypes=[float])


def _gate(x: Any, approximate: bool = False) -> Any:
    """What gelu multiplies x by."""
    if approximate:
        return (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    return (1 + _erf(x / math.sqrt(2))) / 2


def _gelu_slope(g: Any, x: Any, approximate: bool = False) -> Any:
    gate, c = _gate(x, approximate), math.sqrt(2 / math.pi)
    bell = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    rise = 2 * gate * (1 - gate) * c * (1 + 3 * 0.044715 * x**2)
    return g * (gate + x * (rise if approximate else bell))


def _mish_slope(g: Any, x: Any) -> Any:
    w = 4 * (x + 1) + 4 * np.exp(2 * x) + np.exp(3 * x) + np.exp(x) * (4 * x + 6)
    return g * np.exp(x) * w / (2 * np.exp(x) + np.exp(2 * x) + 2) ** 2


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def _elu_slope(g: Any, y: Any, alpha: float = 1.0) -> Any:
    return g * np.where(y > 0, 1, y + alpha)


def _leaky(x: Any, negative_slope: float = 0.2) -> Any:
    return x * np.where(x > 0, 1, negative_slope)


def _leaky_slope(g: Any, y: Any, negative_slope: float = 0.2) -> Any:
    return g * np.where(y > 0, 1, negative_slope)


def _away_from_corners(*shape: int) -> Any:
    """On both sides of -3, 0, 3 and 6, and none nearer to them than 0.05."""
    return normal(*shape) * 0.9 + 3 * np.round(normal(*shape))


def _meta(make: Any, many: Any, **values: Any) -> list[Sample]:
    """Samples of every shape, with metadata of any kind taking turns."""
    ((name, given),) = values.items()
    return [
        (tuple(make(*s) for s in shapes), {} if i % 3 == 0 else {name: given[i % len(given)]})
        for i, shapes in enumerate(many)
    ]


def _unary(reference: Any, **values: Any) -> Case:
    samples = _meta(normal, [(s,) for s in SHAPES * 2], **values)
    return Case(reference, samples, ((normal(*LARGE),), {}))


def _binary(reference: Any, nan_shows: Any = None, **values: Any) -> Case:
    samples = _meta(normal, PAIRS * 2, **values)
    return Case(reference, samples, ((normal(*LARGE), normal(*LARGE)), {}), nan_shows)


_S, _A = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

SAMPLES: dict[str, Case] = {
    # axon/ops/error_function.py
    "erf": unary(_erf),
    # axon/activations
    "relu6": unary(lambda x: np.clip(x, 0, 6), _away_from_corners),
    "relu6_gradient": binary(
        lambda g, y: g * ((y > 0) & (y < 6)), normal, _away_from_corners, nan_shows=[0]
    ),
    "hard_sigmoid": unary(lambda x: np.clip(x / 6 + 0.5, 0, 1), _away_from_corners),
    "hard_sigmoid_gradient": binary(
        lambda g, y: g / 6 * ((y > 0) & (y < 1)), normal, normal, nan_shows=[0]
    ),
    "leaky_relu": _unary(_leaky, negative_slope=[0.2, 0.0, 1.0, 0.01]),
    "leaky_relu_gradient": _binary(_leaky_slope, [0], negative_slope=[0.2, 0.0, 1.0, 0.01]),
    "elu": _unary(_elu, alpha=[1.0, 0.5, 2.0, 0.0]),
    "elu_gradient": _binary(_elu_slope, alpha=[1.0, 0.5, 2.0, 0.0]),
    "selu": unary(lambda x: _S * _elu(x, _A)),
    "selu_gradient": binary(lambda g, y: g * np.where(y > 0, _S, y + _S * _A)),
    "gelu": _unary(lambda x, **form: x * _gate(x, **form), approximate=[False, True]),
    "gelu_gradient": _binary(_gelu_slope, approximate=[False, True]),
    "silu": unary(lambda x: x * _sigmoid(x)),
    "silu_gradient": binary(lambda g, x: g * _sigmoid(x) * (1 + x * _sigmoid(-x))),
    "mish": unary(lambda x: x * np.tanh(np.log(1 + np.exp(x)))),
    "mish_gradient": binary(_mish_slope),
    "softplus": unary(lambda x: np.log(1 + np.exp(x))),
    "softplus_gradient": binary(lambda g, y: g - g / np.exp(y), normal, positive),
    "softsign": unary(lambda x: x / (1 + np.sqrt(x * x))),
    "softsign_gradient": binary(lambda g, y: g * (1 - abs(y)) ** 2, normal, probability),
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
    "softmax_gradient": Case(
        lambda g, y, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)),
        [
            ((normal(2, 3), distribution(2, 3)), {}),
            ((normal(1, 5), distribution(1, 5)), {"axis": -1}),
            ((normal(3, 4, 5), distribution(3, 4, 5)), {"axis": 1}),
            ((normal(4, 1), distribution(4, 1)), {}),
            ((normal(7), distribution(7)), {"axis": 0}),
            ((normal(0, 3), distribution(0, 3)), {}),
        ],
        ((normal(*LARGE), distribution(*LARGE)), {}),
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
