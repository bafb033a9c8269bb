"""Arithmetic, comparisons, choices and activations, element by element.

Shapes broadcast as NumPy's do. Softmax, which needs a whole axis, stands here with its like.
"""

from collections.abc import Callable
from functools import reduce
from math import inf, prod
from typing import Literal

import numpy as np

from axon import activations, ops
from axon.core import Tensor
from axon.onnx.run.operators.noise import ONE_MORE
from axon.onnx.run.operators.operand import (
    Attributes,
    Laid,
    Operands,
    along_axis,
    as_read,
    axis_from_front,
    elementwise,
)
from axon.onnx.run.operators.table import Context, enter, operator


def is_integer(x: Tensor) -> bool:
    """Whether these are integers or truth values, and have no fraction."""
    return x.dtype.kind != "f"


def as_floats(x: Tensor) -> Tensor:
    """Numbers with a fraction, which the operators for tables compute in."""
    return x.astype(np.float32) if is_integer(x) else x


# ------------------------------------------------------------------------------------ arithmetic


def divided(x: Tensor, y: Tensor) -> Tensor:
    """x / y; the fraction of integers is cut off."""
    if not (is_integer(x) and is_integer(y)):
        return x / y
    return (x.astype(np.float64) / y.astype(np.float64)).astype(x.dtype)


def power(x: Tensor, p: Tensor) -> Tensor:
    """x to the power of p; a square that is known before is a product."""
    if p.size == 1 and p.creator is None and not p.requires_grad and p.data.flat[0] == 2:
        return ops.square(x)
    if is_integer(x):
        return ops.power(x.astype(np.float64), p.astype(np.float64)).astype(x.dtype)
    return ops.power(x, p if p.dtype == x.dtype else p.astype(x.dtype))


@operator("Mod", layout=elementwise)
def mod(x: Tensor, y: Tensor, /, *, fmod: int = 0) -> Tensor:
    """The rest of a division: with the sign of y, or with that of x if ``fmod`` is set."""
    return ops.fmod(x, y) if fmod else ops.mod(x, y)


def _mean(*xs: Tensor) -> Tensor:
    return reduce(ops.add, xs) * (1 / len(xs))


enter(
    {
        "Add": lambda x, y, /: ops.add(x, y),
        "Sub": lambda x, y, /: ops.subtract(x, y),
        "Mul": lambda x, y, /: ops.multiply(x, y),
        "Div": lambda x, y, /: divided(x, y),
        "Pow": lambda x, y, /: power(x, y),
        "Neg": lambda x, /: ops.negative(x),
        "Abs": lambda x, /: ops.absolute(x),
        "Sign": lambda x, /: ops.sign(x),
        "Sqrt": lambda x, /: ops.sqrt(x),
        "Exp": lambda x, /: ops.exp(x),
        "Log": lambda x, /: ops.log(x),
        "Erf": lambda x, /: ops.erf(x),
        "Reciprocal": lambda x, /: ops.reciprocal(x),
        "Floor": lambda x, /: ops.floor(x),
        "Ceil": lambda x, /: ops.ceil(x),
        "Round": lambda x, /: ops.rint(x),
        "Sin": lambda x, /: ops.sin(x),
        "Cos": lambda x, /: ops.cos(x),
        "Tan": lambda x, /: ops.tan(x),
        "Asin": lambda x, /: ops.arcsin(x),
        "Acos": lambda x, /: ops.arccos(x),
        "Atan": lambda x, /: ops.arctan(x),
        "Sinh": lambda x, /: ops.sinh(x),
        "Cosh": lambda x, /: ops.cosh(x),
        "Asinh": lambda x, /: ops.arcsinh(x),
        "Acosh": lambda x, /: ops.arccosh(x),
        "Atanh": lambda x, /: ops.arctanh(x),
        "Min": lambda *xs: reduce(ops.minimum, xs),
        "Max": lambda *xs: reduce(ops.maximum, xs),
        "Sum": lambda *xs: reduce(ops.add, xs),
        "Mean": _mean,
        "Equal": lambda x, y, /: ops.equal(x, y),
        "Less": lambda x, y, /: ops.less(x, y),
        "LessOrEqual": lambda x, y, /: ops.less_equal(x, y),
        "Greater": lambda x, y, /: ops.greater(x, y),
        "GreaterOrEqual": lambda x, y, /: ops.greater_equal(x, y),
        "And": lambda x, y, /: ops.logical_and(x, y),
        "Or": lambda x, y, /: ops.logical_or(x, y),
        "Xor": lambda x, y, /: ops.logical_xor(x, y),
        "Not": lambda x, /: ops.logical_not(x),
        "IsNaN": lambda x, /: ops.isnan(x),
        "Where": lambda condition, x, y, /: ops.where(condition, x, y),
    },
    layout=elementwise,
)


@operator("IsInf", layout=elementwise)
def is_inf(x: Tensor, /, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    """Whether a number is infinite, in one direction or both."""
    wanted = [(detect_positive, inf), (detect_negative, -inf)]
    found = [ops.equal(x, end) for asked, end in wanted if asked]
    return reduce(ops.maximum, found) if found else ops.not_equal(x * 0.0, x * 0.0)


@operator("Cast", layout=elementwise, quiet=True)
def cast(x: Tensor, /, *, to: str, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """The elements in another type; ``saturate`` and ``round_mode`` are about types of 8 bits."""
    dtype = np.dtype(to)
    if dtype.kind == "b" and x.dtype.kind != "b":
        return ops.not_equal(x, Tensor(np.zeros((), x.dtype)))
    return x if x.dtype == dtype else x.astype(dtype)


@operator("CastLike", quiet=True)
def cast_like(x: Tensor, like: Tensor, /, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """The elements in the type of another tensor."""
    return cast(x, to=like.dtype.name)


@operator("Clip", layout=elementwise)
def clip(
    x: Tensor, /, min: Tensor | float | None = None, max: Tensor | float | None = None
) -> Tensor:
    """What lies beyond the limits is moved there."""
    x = x if min is None else ops.maximum(x, min)
    return x if max is None else ops.minimum(x, max)


# ------------------------------------------------------------------------------------ tables


@operator("Scaler", layout=elementwise)
def scaler(x: Tensor, /, *, offset: list[float], scale: list[float]) -> Tensor:
    """(x - offset) scale, feature by feature."""
    x = as_floats(x)
    return (x - np.array(offset, x.dtype)) * np.array(scale, x.dtype)


@operator("Binarizer", layout=elementwise)
def binarizer(x: Tensor, /, *, threshold: float = 0.0) -> Tensor:
    """1 above a threshold, 0 elsewhere."""
    x = as_floats(x)
    return (x > float(threshold)).astype(x.dtype)


@operator("Imputer")
def imputer(
    x: Tensor, /, *, imputed_value_floats: list[float], replaced_value_float: float = 0.0
) -> Tensor:
    """What is missing is replaced, feature by feature."""
    x, missing = as_floats(x), float(replaced_value_float)
    gone = ops.not_equal(x, x) if np.isnan(missing) else ops.equal(x, missing)
    return ops.where(gone, np.array(imputed_value_floats, x.dtype), x)


# ------------------------------------------------------------------------------------ activations

ALPHA, GAMMA = 1.67326319217681884765625, 1.05070102214813232421875  # Selu's, by the standard


def _selu(x: Tensor, alpha: float, gamma: float) -> Tensor:
    if abs(alpha - ALPHA) < 1e-5 and abs(gamma - GAMMA) < 1e-5:
        return activations.selu(x)
    return activations.elu(x, alpha=alpha) * gamma


def hard_sigmoid(x: Tensor, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """alpha x + beta, kept between 0 and 1.

    >>> hard_sigmoid(Tensor([-9.0, 0.0]))
    Tensor([0. , 0.5], dtype=float32)
    """
    return (x * alpha + beta).clip(0.0, 1.0)


def _leaky(x: Tensor, slope: float) -> Tensor:
    """A file may name slopes beyond those that layers take."""
    inside = 0 <= slope <= 1
    return activations.leaky_relu(x, negative_slope=slope) if inside else prelu(x, slope)


def prelu(x: Tensor, slope: Tensor | float) -> Tensor:
    """x, or slope x where it is negative: the slope is learned."""
    return activations.relu(x) - slope * activations.relu(-x)


def swish(x: Tensor, alpha: float) -> Tensor:
    """x sigmoid(alpha x)."""
    """x sigmoid(alpha x)."""
    return activations.silu(x) if alpha == 1 else x * activations.sigmoid(x * alpha)


def _shrink(x: Tensor, bias: float, lambd: float) -> Tensor:
    return ops.where(x > lambd, x - bias, ops.where(x < -lambd, x + bias, 0.0))


@operator("Gelu", layout=elementwise)
def gelu(x: Tensor, /, *, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x P(x), with P of the normal distribution."""
    return activations.gelu(x, approximate=approximate == "tanh")


enter(
    {
        "Relu": lambda x, /: activations.relu(x),
        "Sigmoid": lambda x, /: activations.sigmoid(x),
        "Tanh": lambda x, /: activations.tanh(x),
        "Softplus": lambda x, /: activations.softplus(x),
        "Softsign": lambda x, /: activations.softsign(x),
        "Mish": lambda x, /: activations.mish(x),
        "Elu": lambda x, /, *, alpha=1.0: activations.elu(x, alpha=alpha),
        "Celu": lambda x, /, *, alpha=1.0: activations.elu(x * (1 / alpha), alpha=1.0) * alpha,
        "Selu": lambda x, /, *, alpha=ALPHA, gamma=GAMMA: _selu(x, alpha, gamma),
        "LeakyRelu": lambda x, /, *, alpha=0.01: _leaky(x, alpha),
        "PRelu": lambda x, slope, /: prelu(x, slope),
        "ThresholdedRelu": lambda x, /, *, alpha=1.0: ops.where(x > alpha, x, 0.0),
        "Swish": lambda x, /, *, alpha=1.0: swish(x, alpha),
        "HardSigmoid": lambda x, /, *, alpha=0.2, beta=0.5: hard_sigmoid(x, alpha, beta),
        "HardSwish": lambda x, /: x * hard_sigmoid(x, 1 / 6, 0.5),
        "Shrink": lambda x, /, *, bias=0.0, lambd=0.5: _shrink(x, bias, lambd),
    },
    layout=elementwise,
)


FUSED: dict[str, Callable[..., Tensor]] = {  # what other operators may end with
    "Relu": activations.relu,
    "Sigmoid": activations.sigmoid,
    "Tanh": activations.tanh,
    "LeakyRelu": lambda x, alpha=0.01, *_: _leaky(x, alpha),
    "Clip": lambda x, low=-inf, high=inf, *_: x.clip(low, high),
    "HardSigmoid": hard_sigmoid,
}


def _flat_or_along(given: Operands, attributes: Attributes) -> Laid:
    return (as_read if attributes["flat"] else along_axis)(given, attributes)


def _over_axis(function: Callable[..., Tensor], x: Tensor, axis: int, flat: int) -> Tensor:
    """Before version 13 (``flat``), all axes from ``axis`` on are one."""
    if not flat:
        return function(x, axis=axis)
    rows = prod(x.shape[: axis_from_front(axis, x.ndim)])
    width = x.size // max(rows, 1)
    if (rows, width) == x.shape:
        return function(x)
    return function(x.reshape(rows, width)).reshape(x.shape)


@operator("Softmax", layout=_flat_or_along)
def softmax(x: Tensor, /, *, axis: int = -1, flat: int = 0) -> Tensor:
    """e^x, divided by its sum along an axis."""
    return _over_axis(activations.softmax, x, axis, flat)


@operator("LogSoftmax", layout=_flat_or_along)
def log_softmax(x: Tensor, /, *, axis: int = -1, flat: int = 0) -> Tensor:
    """The logarithm of softmax."""
    return _over_axis(activations.log_softmax, x, axis, flat)


@operator("Dropout")
def dropout(x: Tensor, /, ratio: float = 0.5, *, seed: int = 0, context: Context) -> Tensor:
    """Some numbers are left out while training, by AXON's own random numbers, not by ``seed``."""
    if not 0 <= ratio < 1:
        raise ValueError(f"the ratio must be at least 0 and less than 1, got {ratio}.")
    if not context.training or ratio == 0 or context.seed_state is None:
        return x
    key = ops.copy(context.seed_state)
    ops.add_in_place(context.seed_state, ONE_MORE)
    return x * ops.keep_mask(key, shape=x.shape, dtype=x.dtype, rate=ratio)
