"""Constraints, to which weights are brought back after each update."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from axon import ops
from axon.backend import Array
from axon.checks import demand, is_number
from axon.config import Configurable, Deserialize, serialize  # noqa: F401
from axon.core import Tensor
from axon.names import Choice, choose, itself

Axis = int | Sequence[int]


V = TypeVar("V", Tensor, Array)  # of a Tensor comes a Tensor, of an array an array


class Constraint(Configurable, ABC):
    """A function of weights that returns the nearest ones allowed.

    Handed a Tensor it returns one, and can be recorded; of an array it is a NumPy function.
    """

    @abstractmethod
    def __call__(self, w: V) -> V:
        """The weights, brought back to where they may be."""


class NonNeg(Constraint):
    """max(w, 0).

    >>> NonNeg()(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: V) -> V:
        """The weights, brought back to where they may be."""
        return ops.maximum(w, 0.0)


class MaxNorm(Constraint):
    """w * min(1, max_value / |w|), with |w| = sqrt(sum(w^2)) along ``axis`` (Srebro et al., 2004).

    Args:
        max_value: the largest length allowed; larger than 0.
        axis: along which lengths are measured: 0 for the weights into each neuron of a Dense,
            (0, 1, 2) for each kernel of a Conv2D.

    >>> MaxNorm(1.0)(np.array([[3.0, 0.3], [4.0, 0.4]])).round(6).tolist()
    [[0.6, 0.3], [0.8, 0.4]]
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        fits = is_number(max_value) and 0 < max_value < math.inf
        demand(fits, "MaxNorm", "max_value", "larger than 0", max_value)
        self.max_value, self.axis = float(max_value), _axes("MaxNorm", axis)

    def __call__(self, w: V) -> V:
        """The weights, brought back to where they may be."""
        largest, _, length = _measured(w, self.axis)
        return w * ops.divide(self.max_value, ops.maximum(largest * length, self.max_value))


class UnitNorm(Constraint):
    """w / |w|, with |w| = sqrt(sum(w^2)) along ``axis``; zeros stay.

    Args:
        axis: along which lengths are measured: 0 for the weights into each neuron of a Dense.

    >>> UnitNorm()(np.array([[3.0, 0.0], [4.0, 0.0]])).tolist()
    [[0.6, 0.0], [0.8, 0.0]]
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _axes("UnitNorm", axis)

    def __call__(self, w: V) -> V:
        """The weights, brought back to where they may be."""
        _, direction, length = _measured(w, self.axis)
        return direction / ops.maximum(length, 1.0)  # it is at least 1, or w is 0


class MinMaxNorm(Constraint):
    """w * d / |w|, d = rate * clip(|w|, min_value, max_value) + (1 - rate) |w|; zeros stay.

    Args:
        min_value: the smallest length allowed; at least 0.
        max_value: the largest length allowed.
        rate: how much of the way is gone at once, from 0 to 1.
        axis: along which lengths are measured: 0 for the weights into each neuron of a Dense.

    >>> MinMaxNorm(0.5, 1.0)(np.array([[3.0, 0.03], [4.0, 0.04]])).round(6).tolist()
    [[0.6, 0.3], [0.8, 0.4]]
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0
    ) -> None:
        fits = is_number(min_value) and is_number(max_value) and 0 <= min_value <= max_value
        expected = "at least 0 and at most max_value"
        demand(fits, "MinMaxNorm", "min_value", expected, (min_value, max_value))
        demand(is_number(rate) and 0 <= rate <= 1, "MinMaxNorm", "rate", "from 0 to 1", rate)
        self.min_value, self.max_value = float(min_value), float(max_value)
        self.rate, self.axis = float(rate), _axes("MinMaxNorm", axis)

    def __call__(self, w: V) -> V:
        """The weights, brought back to where they may be."""
        largest, direction, length = _measured(w, self.axis)
        norm = largest * length
        near = ops.minimum(ops.maximum(norm, self.min_value), self.max_value)
        unit = direction / ops.maximum(length, 1.0)
        return ops.where(ops.equal(near, norm), w, w * (1.0 - self.rate) + unit * near * self.rate)


def _measured(w: V, axis: int | tuple[int, ...]) -> tuple[V, V, V]:
    """The largest number, w divided by it, and the length of that: squares that always fit."""
    largest = ops.max(ops.absolute(w), axis=axis, keepdims=True)
    direction = w / ops.where(ops.equal(largest, 0.0), 1.0, largest)
    length = ops.sqrt(ops.sum(ops.square(direction), axis=axis, keepdims=True))
    return largest, direction, length


def _axes(owner: str, axis: Axis) -> int | tuple[int, ...]:
    several = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    fits = several and all(type(a) is int for a in several)
    demand(fits, owner, "axis", "a whole number or several", axis)
    return axis if isinstance(axis, int) else several


CONSTRAINTS: dict[str, Callable[[], Constraint]] = {
    **{"max_norm": MaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm},
    **{"min_max_norm": MinMaxNorm, "minmaxnorm": MinMaxNorm},
    **{"maxnorm": MaxNorm, "nonneg": NonNeg, "unitnorm": UnitNorm},
}


def get(constraint: Choice | None) -> Callable[[Tensor], Tensor] | None:
    """Return a constraint by its name or description; a function or None is returned as it is.

    Raises:
        ValueError: no such name; the nearest one is suggested.
        TypeError: none of these.

    >>> get("non_neg"), get(MaxNorm(3.0).describe())
    (NonNeg(), MaxNorm(max_value=3.0))
    """
    if constraint is None:
        return None
    expected = "a name, or a function of a Tensor that returns another of its shape"
    return choose("constraint", constraint, CONSTRAINTS, Constraint, expected, True, itself)


deserialize = Deserialize(
    "constraint", lambda: [type(make()) for make in CONSTRAINTS.values()], get
)
