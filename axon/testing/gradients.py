"""The check that a gradient is right: differences of values, in a random direction."""

from collections.abc import Callable

import numpy as np

from axon.backend import Array, as_array
from axon.core import Tensor, TensorLike, grad

ValueFunction = Callable[..., Tensor]


def check_gradient(
    function: ValueFunction,
    *inputs: TensorLike,
    order: int = 2,
    seed: int = 0,
    step: float = 1e-5,
    tolerance: float = 1e-6,
) -> None:
    """Compare the gradients of a function with differences of its values.

    Along a random direction v, (f(x + h v) - f(x - h v)) / 2h must be the gradient times v. This is
    done for every input and, recursively, for the gradients themselves.

    Args:
        function: takes Tensors, returns a Tensor of any shape.
        inputs: its arguments. Arrays and numbers become float64 Tensors; whole numbers stay what
            they are and are not differentiated. A Tensor is taken as it is, so the parameters of a
            layer can be checked, although the function finds them by itself: their values change
            in place while differences are taken, and are then put back.
        order: 1 checks gradients, 2 also the gradients of gradients.
        seed: chooses the directions.
        step: h. Within a few h of the inputs the function must be smooth.
        tolerance: the error allowed, relative to the difference where that is larger than 1.

    Raises:
        AssertionError: a gradient is wrong; the message says which, and what was expected.
        ValueError: there is nothing to check, or it is not computed in float64.

    >>> check_gradient(lambda x, y: x * y / (x + y), [1.0, 2.0], 3.0)

    >>> from axon.layers import Dense
    >>> dense = Dense(3, 2, activation="tanh", dtype="float64")
    >>> check_gradient(lambda x, *_: dense(x), np.ones((4, 3)), *dense.parameters())
    """
    leaves = [_leaf(i, x) for i, x in enumerate(inputs)]
    if not any(x.requires_grad for x in leaves):
        raise ValueError("check_gradient: no input holds floats, so there is nothing to check.")
    random = np.random.default_rng(seed)
    weights = random.normal(size=demand_float64("the result", function(*leaves)).shape)

    def check(value: ValueFunction, order: int, path: tuple[int, ...]) -> None:
        slopes = {}
        for i, x in enumerate(leaves):
            if x.requires_grad:
                v = random.normal(size=x.shape)
                slopes[i] = _slope(value, x, v)
                expected = _difference(value, leaves, x, step * v) / step
                got = slopes[i](*leaves).item()
                if not abs(got - expected) <= tolerance * max(1.0, abs(expected)):
                    raise AssertionError(_complaint((*path, i), x, expected, got))
        for i, slope in slopes.items() if order > 1 else ():
            check(slope, order - 1, (*path, i))

    check(lambda *x: (function(*x) * weights).sum(), order, ())


def _leaf(number: int, x: TensorLike) -> Tensor:
    """A Tensor as it is; floats as a float64 Tensor; anything else as a Tensor without gradient."""
    if isinstance(x, Tensor):
        return demand_float64(f"input {number}", x) if x.requires_grad else x
    array = as_array(x)
    if array.dtype.kind != "f":
        return Tensor(array)
    return Tensor(np.array(array, np.float64), requires_grad=True)


def demand_float64(what: str, tensor: Tensor) -> Tensor:
    """The tensor, if it is float64; differences need that."""
    if tensor.dtype != np.float64:
        raise ValueError(
            f"check_gradient: {what} is {tensor.dtype}, too coarse for differences. Compute in "
            "float64: a layer does when made with dtype='float64'."
        )
    return tensor


def _slope(value: ValueFunction, x: Tensor, v: Array) -> ValueFunction:
    """The function that gives the derivative of ``value`` at ``x`` along ``v``."""

    def slope(*leaves: Tensor) -> Tensor:
        y = value(*leaves)
        return (grad(y, x, create_graph=True) * v).sum() if y.requires_grad else Tensor(0.0)

    return slope


def _difference(value: ValueFunction, leaves: list[Tensor], x: Tensor, step: Array) -> float:
    """Half of what ``value`` gains between x - step and x + step."""
    before = x.data.copy()
    try:
        x.data[...] = before + step
        high = value(*leaves).item()
        x.data[...] = before - step
        return (high - value(*leaves).item()) / 2
    finally:
        x.data[...] = before


def _complaint(path: tuple[int, ...], x: Tensor, expected: float, got: float) -> str:
    order = " of the gradient with respect to input ".join(map(str, path[::-1]))
    return (
        f"check_gradient: the gradient with respect to input {order} is wrong (input {path[-1]} "
        f"has shape {x.shape}). Along a random direction, differences of values give "
        f"{expected:.9g}, the gradient rule gives {got:.9g}."
    )
