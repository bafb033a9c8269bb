"""Cosine similarity: which way a vector points, whatever its length."""

from typing import Unpack

from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses.base import (
    Loss,
    LossOptions,
    demand_axis,
    numbers,
    numbers_of_shape,
    over_features,
)
from axon.modes import modes
from axon.ops import absolute, max, sqrt, square, where


class CosineSimilarity(Loss):
    """L = -sum_j y_j p_j / (|y| |p|), from -1 (the same direction) to 1, averaged over samples.

    A vector of zeros has no direction: it costs 0. Its gradient is that at length 1.

    Args:
        axis: where the numbers of one vector lie; not 0, along which the samples lie.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape, (n, size).

    >>> CosineSimilarity().loss([[0.0, 2.0], [1.0, 1.0]], [[0.0, 5.0], [0.0, 0.0]])  # (-1 + 0) / 2
    -0.5
    """

    name = "cosine_similarity"
    together = True

    def __init__(self, axis: int = -1, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        self.axis = axis

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Minus the cosine of each sample; further axes are averaged."""
        if modes.apart > 1 and self.axis not in (-1, y_pred.ndim - 1):
            raise ValueError(
                f"{self.name}: axis={self.axis} joins steps, of which some are padding or weigh "
                "differently. Use axis=-1."
            )
        cosine = (direction(y_true, self.axis) * direction(y_pred, self.axis)).sum(axis=self.axis)
        return over_features(-cosine)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Numbers of exactly the shape of the output."""
        numbers(self.name, y_true)
        demand_axis(self.name, output_shape, "directions are compared")
        if output_shape[self.axis if abs(self.axis) < len(output_shape) else -1] == 1:
            raise ValueError(
                f"{self.name}: predictions of shape {output_shape} have a single number in each "
                "vector, whose direction is no more than its sign: there is nothing to learn. Use "
                "MeanSquaredError for one number per sample."
            )
        if not -len(output_shape) < self.axis < len(output_shape) or self.axis == 0:
            raise ValueError(
                f"{self.name}: axis={self.axis} must be an axis of one sample, but predictions "
                f"have shape {output_shape}, of which axis 0 are the samples. Use axis=-1."
            )
        return numbers_of_shape(self.name, y_true, output_shape)


def direction(x: Tensor, axis: int = -1) -> Tensor:
    """x / |x|; first over its largest number, so that squares neither overflow nor vanish."""
    x = x / _or_one(max(absolute(x.detach()), axis=axis, keepdims=True))
    return x / sqrt(_or_one(square(x).sum(axis=axis, keepdims=True)))


def _or_one(size: Tensor) -> Tensor:
    """1 instead of 0, so that a vector of zeros is divided by it and stays what it is."""
    return where(size == 0.0, 1.0, size)
