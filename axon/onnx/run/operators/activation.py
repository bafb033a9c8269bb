"""Activations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from axon import activations, ops
from axon.core import Tensor
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import along, plain, together, whole_axis

A = dict[str, Any]


def _thresholded(x: Tensor, alpha: float = 1.0) -> Any:
    return ops.where(x > alpha, x, 0.0)


def _selu(x: Tensor, alpha: float | None = None, gamma: float | None = None) -> Any:
    usual = alpha is None or abs(alpha - 1.6732632) < 1e-5
    if usual and (gamma is None or abs(gamma - 1.0507010) < 1e-5):
        return activations.selu(x)
    return activations.elu(x, alpha=1.6732632 if alpha is None else alpha) * (
        1.0507010 if gamma is None else gamma
    )


def _celu(x: Tensor, alpha: float = 1.0) -> Any:
    return activations.elu(x * (1 / alpha), alpha=1.0) * alpha


def _shrink(x: Tensor, bias: float = 0.0, lambd: float = 0.5) -> Any:
    return ops.where(x > lambd, x - bias, ops.where(x < -lambd, x + bias, 0.0))


def hard_sigmoid(x: Tensor, alpha: float = 0.2, beta: float = 0.5) -> Any:
    """alpha x + beta, kept between 0 and 1.

    >>> hard_sigmoid(Tensor([-9.0, 0.0]))
    Tensor([0. , 0.5], dtype=float32)
    """
    return (x * alpha + beta).clip(0.0, 1.0)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Relu": activations.relu,
    "Sigmoid": activations.sigmoid,
    "Tanh": activations.tanh,
    "Softplus": activations.softplus,
    "Softsign": activations.softsign,
    "Mish": activations.mish,
    "Elu": lambda x, alpha=1.0: activations.elu(x, alpha=alpha),
    "LeakyRelu": lambda x, alpha=0.01: _leaky(x, alpha),
    "ThresholdedRelu": _thresholded,
    "Selu": _selu,
    "Celu": _celu,
    "Gelu": lambda x, approximate="none": activations.gelu(x, approximate=approximate == "tanh"),
    "Swish": lambda x, alpha=1.0: (
        activations.silu(x) if alpha == 1 else x * activations.sigmoid(x * alpha)
    ),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": lambda x: x * hard_sigmoid(x, 1 / 6, 0.5),
    "Shrink": _shrink,
}
KEYS = ("alpha", "beta", "gamma", "approximate", "bias", "lambd")


def _activate(function: Callable[..., Any], a: A, x: Tensor) -> Any:
    """Element by element."""
    return function(x, **{key: a[key] for key in KEYS if key in a})


for _name, _function in FUNCTIONS.items():
    _run = partial(_activate, _function)
    _run.__module__, _run.__doc__ = __name__, _activate.__doc__
    operator(_name, arrange=together)(_run)


def _leaky(x: Tensor, slope: float) -> Any:
    """LeakyRelu; a file may name slopes beyond those that layers take."""
    inside = 0 <= slope <= 1
    return activations.leaky_relu(x, negative_slope=slope) if inside else prelu({}, x, slope)


@operator("PRelu", arrange=together)
def prelu(a: A, x: Tensor, slope: Any) -> Any:
    """x, or slope x where it is negative: the slope is learned."""
    return activations.relu(x) - slope * activations.relu(-x)


def _flat_or_along(given: Any, a: A) -> Any:
    """Before version 13, all axes from ``axis`` on are one."""
    return plain(given, a) if a.get("flat") else along(given, a)


def _softmax(function: Any, a: A, x: Tensor) -> Any:
    if not a.get("flat"):
        return function(x, axis=a.get("axis", -1))
    rows = int(np.prod(x.shape[: whole_axis(a.get("axis", 1), x.ndim)]))
    width = x.size // max(rows, 1)
    if (rows, width) == x.shape:
        return function(x)
    return function(x.reshape(rows, width)).reshape(x.shape)


@operator("Softmax", arrange=_flat_or_along)
def softmax(a: A, x: Tensor) -> Any:
    """e^x, divided by its sum along an axis."""
    return _softmax(activations.softmax, a, x)


@operator("LogSoftmax", arrange=_flat_or_along)
def log_softmax(a: A, x: Tensor) -> Any:
    """The logarithm of softmax."""
    return _softmax(activations.log_softmax, a, x)


@operator("Dropout", static={1: "ratio"})
def dropout(a: A, x: Tensor) -> Any:
    """Some numbers are left out while training."""
    return a["node"].disturbed(x, a)
