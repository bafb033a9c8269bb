"""Overlap of what is found with what is there: for masks of which few pixels are yes."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Unpack

from axon.backend import Array, ArrayLike, Shape
from axon.checks import demand, is_integer, number
from axon.core import Tensor
from axon.losses.base import Loss, LossOptions, numbers_of_shape, over_features
from axon.modes import modes
from axon.ops import broadcast_to

NOT_ZERO = 1e-7  # beside sums that may be 0, as in Keras


class _Overlap(Loss):
    """What masks lack of covering each other; both lie in [0, 1] and have the same shape."""

    together = True
    expects = "parts of a mask"

    def __init__(
        self, *, axis: int | Sequence[int] | None = None, **options: Unpack[LossOptions]
    ) -> None:
        super().__init__(**options)
        self.axis = _axes(self.name, axis)
        self.across = self.axis is None

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One loss for each sample, or the same for all of a batch."""
        hits = self._sum(y_true * y_pred)
        losses = self._lacking(hits, self._sum(y_true), self._sum(y_pred))
        if self.axis is None:
            losses = broadcast_to(losses, shape=(len(y_pred), *losses.shape[1:]))
        return over_features(losses)

    @abstractmethod
    def _lacking(self, hits: Tensor, there: Tensor, found: Tensor) -> Tensor:
        """The loss, of sum y p, sum y and sum p."""

    def _sum(self, x: Tensor) -> Tensor:
        """The sum along the axes, which stay, so that it is known whose it is."""
        if modes.apart > 1:
            raise ValueError(
                f"{self.name}: it joins steps or pixels, of which some are padding or weigh "
                "differently. Give each sample one weight, and leave masks out."
            )
        axes = range(x.ndim) if self.axis is None else (a % x.ndim for a in self.axis)
        return x.sum(axis=tuple(axes), keepdims=True)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Numbers from 0 to 1 of exactly the shape of the output."""
        given = numbers_of_shape(self.name, y_true, output_shape)
        wrong = (given < 0) | (given > 1)
        if wrong.any():
            raise ValueError(
                f"{self.name}: targets must lie between 0 and 1, got {given[wrong][0]:.6g}. Of "
                "labels make one-hot rows: np.eye(classes)[labels]."
            )
        for axis in self.axis or ():
            if not -len(output_shape) < axis < len(output_shape) or axis == 0:
                raise ValueError(
                    f"{self.name}: axis={axis} must be an axis of one sample, but predictions have "
                    f"shape {output_shape}, of which axis 0 are the samples. Use axis=None for all "
                    "samples of a batch together."
                )
        return given


class Tversky(_Overlap):
    """L = 1 - TP / (TP + alpha FN + beta FP), sums in the place of counts.

    TP = sum y p, FN = sum y (1 - p), FP = sum p (1 - y). Salehi et al., "Tversky loss function for
    image segmentation" (2017); alpha = beta = 0.5 is Dice.

    Args:
        alpha: how much counts what was not found (as in Keras, whose text calls it otherwise).
        beta: how much counts what was found and is not there.
        axis: along which numbers are added up: None for all numbers of a batch together, which
            share one loss; (1, 2, 3) for each image (n, H, W, C) by itself.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape; both lie in [0, 1].

    >>> Tversky(axis=1).loss([[1.0, 0.0]], [[0.5, 0.5]])  # 1 - 0.5 / (0.5 + 0.25 + 0.25)
    0.5000000...
    """

    name = "tversky"

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        *,
        axis: int | Sequence[int] | None = None,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(axis=axis, **options)
        self.alpha = number(self.name, "alpha", alpha, 0)
        self.beta = number(self.name, "beta", beta, 0)

    def _lacking(self, hits: Tensor, there: Tensor, found: Tensor) -> Tensor:
        """1 - TP / (TP + alpha FN + beta FP), of sum y p, sum y and sum p."""
        wrong = (there - hits) * self.alpha + (found - hits) * self.beta
        return 1.0 - hits / (hits + wrong + NOT_ZERO)


class Dice(_Overlap):
    """L = 1 - 2 sum y p / (sum y + sum p): one minus the F1 score of parts of a mask.

    Milletari, Navab and Ahmadi, "V-Net" (2016).

    Args:
        axis: along which numbers are added up: None for all numbers of a batch together, which
            share one loss; (1, 2, 3) for each image (n, H, W, C) by itself.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape; both lie in [0, 1].

    >>> Dice(axis=1).loss([[1.0, 0.0]], [[0.5, 0.5]])  # 1 - 2 * 0.5 / (1 + 1)
    0.5000000...
    """

    name = "dice"

    def __init__(
        self, *, axis: int | Sequence[int] | None = None, **options: Unpack[LossOptions]
    ) -> None:
        super().__init__(axis=axis, **options)

    def _lacking(self, hits: Tensor, there: Tensor, found: Tensor) -> Tensor:
        """1 - 2 sum y p / (sum y + sum p)."""
        return 1.0 - 2.0 * hits / (there + found + NOT_ZERO)


def _axes(owner: str, axis: int | Sequence[int] | None) -> list[int] | None:
    if axis is None:
        return None
    several = [axis] if is_integer(axis) else list(axis) if isinstance(axis, list | tuple) else []
    fits = len(several) > 0 and all(is_integer(a) for a in several)
    demand(fits, owner, "axis", "a whole number, several, or None", axis)
    return [int(a) for a in several]
