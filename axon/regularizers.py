"""Regularizers, which add a cost for large weights to the loss."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from axon import ops
from axon.backend import Array
from axon.checks import number, one_of
from axon.config import Configurable, Deserialize, serialize  # noqa: F401
from axon.core import Tensor
from axon.names import Choice, choose, itself

V = TypeVar("V", Tensor, Array)  # of a Tensor comes a Tensor, of an array an array


class Regularizer(Configurable, ABC):
    """A function of a parameter whose value, one number, is added to the loss.

    Handed a Tensor it takes part in autograd; of an array it is a NumPy function.
    """

    @abstractmethod
    def __call__(self, w: V) -> V:
        """The cost of these weights."""


class L1(Regularizer):
    """l1 * sum(|w|): drives weights to 0 (Tibshirani, 1996).

    >>> float(L1(0.5)(np.array([1.0, -3.0])))
    2.0
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = number("L1", "l1", l1, least=0)

    def __call__(self, w: V) -> V:
        """The cost of these weights."""
        return ops.sum(ops.absolute(w)) * self.l1


class L2(Regularizer):
    """l2 * sum(w^2): keeps weights small (Hoerl and Kennard, 1970).

    >>> float(L2(0.5)(np.array([1.0, -3.0])))
    5.0
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = number("L2", "l2", l2, least=0)

    def __call__(self, w: V) -> V:
        """The cost of these weights."""
        return ops.sum(ops.square(w)) * self.l2


class L1L2(Regularizer):
    """l1 * sum(|w|) + l2 * sum(w^2): the elastic net (Zou and Hastie, 2005).

    >>> float(L1L2(0.5, 0.5)(np.array([1.0, -3.0])))
    7.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = number("L1L2", "l1", l1, least=0), number("L1L2", "l2", l2, least=0)

    def __call__(self, w: V) -> V:
        """The cost of these weights."""
        return ops.sum(ops.absolute(w)) * self.l1 + ops.sum(ops.square(w)) * self.l2


class OrthogonalRegularizer(Regularizer):
    """factor * the mean |cosine| of all pairs of rows, or of columns: keeps them at right angles.

    Args:
        factor: how much it costs.
        mode: "rows" or "columns", which of a matrix are to be at right angles.

    >>> float(OrthogonalRegularizer(0.5)(np.array([[1.0, 0.0], [1.0, 1.0]])).round(4))
    0.3536
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = number("OrthogonalRegularizer", "factor", factor, least=0)
        one_of("OrthogonalRegularizer", "mode", mode, ("rows", "columns"))
        self.mode = mode

    def __call__(self, w: V) -> V:
        """The cost of these weights.

        Raises:
            ValueError: they are no matrix of at least two rows, or columns.
        """
        size = w.shape[0 if self.mode == "rows" else -1] if w.ndim == 2 else 0
        if size < 2:
            raise ValueError(
                f"OrthogonalRegularizer: expected a matrix of two {self.mode} or more, got weights "
                f"of shape {w.shape}."
            )
        axis = 1 if self.mode == "rows" else 0
        length = ops.sqrt(ops.maximum(ops.sum(ops.square(w), axis=axis, keepdims=True), 1e-12))
        towards = ops.divide(w, length)
        pairs = towards @ towards.T if self.mode == "rows" else towards.T @ towards
        apart = np.triu(np.ones((size, size)), 1)
        return ops.sum(ops.absolute(pairs) * apart) * (self.factor / apart.sum())


REGULARIZERS: dict[str, Callable[[], Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": lambda: L1L2(0.01, 0.01),
    "l1l2": lambda: L1L2(0.01, 0.01),
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(regularizer: Choice | None) -> Callable[[Tensor], Tensor] | None:
    """Return a regularizer by its name or description; a function or None is returned as it is.

    Raises:
        ValueError: no such name; the nearest one is suggested.
        TypeError: none of these.

    >>> get("l2"), get(L1(0.5).describe())
    (L2(), L1(l1=0.5))
    """
    if regularizer is None:
        return None
    expected = "a name, or a function of a Tensor that returns one number"
    return choose("regularizer", regularizer, REGULARIZERS, Regularizer, expected, True, itself)


deserialize = Deserialize(
    "regularizer", lambda: [type(make()) for make in REGULARIZERS.values()], get
)
