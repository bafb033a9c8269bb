"""Arithmetic, comparisons and choices, element by element; shapes broadcast as NumPy's do."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import together

Function = Callable[..., Any]


def _enter(functions: dict[str, Function]) -> None:
    for name, function in functions.items():
        operator(name, arrange=together)(_unnamed(function))


def _unnamed(function: Function) -> Function:
    """The function with attributes in front, which it does not need."""

    def run(a: dict[str, Any], *inputs: Any) -> Any:
        """Element by element."""
        return function(*map(_tensor, inputs))

    return run


def _tensor(x: Any) -> Tensor:
    """A Tensor; whole numbers and truth values stay what they are beside floats."""
    return x if isinstance(x, Tensor) else Tensor(x)


def whole(x: Tensor) -> bool:
    """Whether these are whole numbers or truth values."""
    return x.dtype.kind != "f"


# ------------------------------------------------------------------------------------ arithmetic


def divided(x: Tensor, y: Tensor) -> Tensor:
    """x / y; the fraction of whole numbers is cut off."""
    if not (whole(x) and whole(y)):
        return x / y
    return (x.astype(np.float64) / y.astype(np.float64)).astype(x.dtype)


def power(x: Tensor, p: Tensor) -> Tensor:
    """x to the power of p; whole exponents known before are products or their like."""
    if p.size == 1 and p.creator is None and not p.requires_grad and p.data.flat[0] == 2:
        return ops.square(x)
    if whole(x):
        return ops.power(x.astype(np.float64), p.astype(np.float64)).astype(x.dtype)
    return ops.power(x, p if p.dtype == x.dtype else p.astype(x.dtype))


def floor(x: Tensor) -> Tensor:
    """The next whole number below; its gradient is 0 everywhere."""
    if whole(x):
        return x
    cut = x.detach().astype(np.int64).astype(x.dtype)
    low = cut - (cut > x.detach()).astype(x.dtype)
    return ops.where(ops.absolute(x.detach()) < 2.0**52, low, x.detach())


def rounded(x: Tensor) -> Tensor:
    """The nearest whole number; of two, the even one."""
    low = floor(x)
    rest = x.detach() - low
    odd = low - floor(low * 0.5) * 2.0
    up = ops.where(rest == 0.5, odd, (rest > 0.5).astype(x.dtype))
    return low + up


PI = (3.140625, 9.67653589793e-4)  # in two parts: multiples of the first are exact
SERIES = (-1 / 6, -1 / 20, -1 / 42, -1 / 72, -1 / 110, -1 / 156, -1 / 210, -1 / 272, -1 / 342)


def sine(x: Tensor, quarter: float = 0.0) -> Tensor:
    """Sin x, and with ``quarter=0.5`` cos x: by its series, from the nearest multiple of pi.

    >>> sine(Tensor([0.5])), sine(Tensor([0.5]), 0.5)
    (Tensor([0.47942555], dtype=float32), Tensor([0.87758255], dtype=float32))
    """
    turns = floor(x.detach() * (1 / np.pi) + (0.5 - quarter))
    odd = turns - floor(turns * 0.5) * 2.0
    place = turns + quarter
    r = (x - place * PI[0]) - place * PI[1]
    square, total = ops.square(r), Tensor(np.ones((), x.dtype))
    for factor in reversed(SERIES):
        total = square * total * factor + 1.0
    sign = odd * 2.0 - 1.0 if quarter else 1.0 - odd * 2.0
    return r * total * sign


def _mod(a: dict[str, Any], x: Any, y: Any) -> Tensor:
    """The rest of a division: with the sign of y, or with that of x if ``fmod`` is set."""
    x, y = _tensor(x), _tensor(y)
    dtype = x.dtype
    if whole(x):
        x, y = x.astype(np.float64), y.astype(np.float64)
    quotient = x / y
    low = floor(quotient)
    if a.get("fmod"):
        low = ops.where(quotient < 0.0, -floor(-quotient), low)
    rest = x - y * low
    return rest if rest.dtype == dtype else rest.astype(dtype)


operator("Mod", arrange=together)(_mod)


def _folded(function: Function) -> Function:
    """A function of two for any number of inputs."""
    return lambda *xs: reduce(function, xs)


def _mean(*xs: Tensor) -> Any:
    return _folded(ops.add)(*xs) * (1 / len(xs))


_enter(
    {
        "Add": ops.add,
        "Sub": ops.subtract,
        "Mul": ops.multiply,
        "Div": divided,
        "Pow": power,
        "Neg": ops.negative,
        "Abs": ops.absolute,
        "Sign": ops.sign,
        "Sqrt": ops.sqrt,
        "Exp": ops.exp,
        "Log": ops.log,
        "Erf": ops.erf,
        "Reciprocal": lambda x: 1.0 / x,
        "Floor": floor,
        "Ceil": lambda x: x if whole(x) else -floor(-x),
        "Round": rounded,
        "Sin": sine,
        "Cos": lambda x: sine(x, 0.5),
        "Min": _folded(ops.minimum),
        "Max": _folded(ops.maximum),
        "Sum": _folded(ops.add),
        "Mean": _mean,
    }
)

# ------------------------------------------------------------------------------------ truth values

_enter(
    {
        "Equal": ops.equal,
        "Less": ops.less,
        "LessOrEqual": ops.less_equal,
        "Greater": ops.greater,
        "GreaterOrEqual": ops.greater_equal,
        "And": ops.minimum,
        "Or": ops.maximum,
        "Xor": ops.not_equal,
        "Not": lambda x: ops.equal(x, Tensor(np.zeros((), bool))),
        "IsNaN": lambda x: ops.not_equal(x, x),
    }
)


operator("Where", arrange=together)(_unnamed(ops.where))


@operator("IsInf", arrange=together)
def is_inf(a: dict[str, Any], x: Any) -> Any:
    """Whether a number is infinite, in one direction or both."""
    x = _tensor(x)
    wanted = [(1, "detect_positive"), (-1, "detect_negative")]
    found = [ops.equal(x, sign * np.inf) for sign, name in wanted if a.get(name, 1)]
    return reduce(ops.maximum, found) if found else ops.not_equal(x * 0.0, x * 0.0)


# ------------------------------------------------------------------------------------ types


@operator("Cast", arrange=together, quiet=True)
def cast(a: dict[str, Any], x: Any) -> Any:
    """The elements in another type."""
    x = _tensor(x)
    dtype = np.dtype(a["to"])
    if dtype.kind == "b" and x.dtype.kind != "b":
        return ops.not_equal(x, Tensor(np.zeros((), x.dtype)))
    return x if x.dtype == dtype else x.astype(dtype)


@operator("CastLike", quiet=True)
def cast_like(a: dict[str, Any], x: Any, like: Any) -> Any:
    """The elements in the type of another tensor."""
    return cast({"to": like.dtype}, x)


@operator("Clip", arrange=together)
def clip(a: dict[str, Any], x: Any, low: Any = None, high: Any = None) -> Any:
    """What lies beyond the limits is moved there."""
    low = a.get("min") if low is None else low
    high = a.get("max") if high is None else high
    x = x if low is None else ops.maximum(_tensor(x), low)
    return x if high is None else ops.minimum(_tensor(x), high)


@operator("Scaler", arrange=together)
def scaler(a: dict[str, Any], x: Any) -> Any:
    """(x - offset) scale, feature by feature."""
    x = _floats(x)
    return (x - np.array(a["offset"], x.dtype)) * np.array(a["scale"], x.dtype)


def _floats(x: Any) -> Tensor:
    x = _tensor(x)
    return x.astype(np.float32) if whole(x) else x


@operator("Binarizer", arrange=together)
def binarizer(a: dict[str, Any], x: Any) -> Any:
    """1 above a threshold, 0 elsewhere."""
    x = _floats(x)
    return (x > float(a.get("threshold", 0.0))).astype(x.dtype)


@operator("Imputer")
def imputer(a: dict[str, Any], x: Any) -> Any:
    """What is missing is replaced, feature by feature."""
    x = _floats(x)
    missing = float(a.get("replaced_value_float", 0.0))
    gone = ops.not_equal(x, x) if np.isnan(missing) else ops.equal(x, missing)
    return ops.where(gone, np.array(a["imputed_value_floats"], x.dtype), x)
