"""Numbers whose errors count by their size, or whose quantiles are asked for."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon.backend import Array, ArrayLike, Shape
from axon.checks import demand, is_number
from axon.core import Tensor
from axon.losses.base import Loss, LossOptions, numbers, numbers_of_shape, over_features
from axon.ops import absolute, log, maximum, square

LEAST = 1e-7  # what a target counts at least, as in Keras


class MeanAbsolutePercentageError(Loss):
    """L = 100 |y_pred - y_true| / |y_true|, averaged over outputs and samples.

    A target nearer to 0 than 1e-7 counts as 1e-7: where there are such, choose another loss.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> MeanAbsolutePercentageError().loss([[1.0], [2.0]], [[1.5], [2.0]])
    25.0
    """

    name = "mean_absolute_percentage_error"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The error of each sample in percent, averaged over its outputs."""
        return over_features(percentage(y_true, y_pred))


class MeanSquaredLogarithmicError(Loss):
    """L = (log(1 + y_pred) - log(1 + y_true))^2, averaged over outputs and samples.

    For numbers of 0 or more that span several magnitudes. A prediction below 1e-7 counts as 1e-7,
    and has no gradient: end the model with softplus.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> MeanSquaredLogarithmicError().loss([[1.0]], [[3.0]])  # log(2)^2
    0.480453...
    """

    name = "mean_squared_logarithmic_error"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The squared difference of the logarithms of each sample, averaged over its outputs."""
        return over_features(squared_logarithmic(y_true, y_pred))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Numbers of 0 or more, of exactly the shape of the output."""
        given = numbers_of_shape(self.name, y_true, output_shape)
        if (given < 0).any():
            raise ValueError(
                f"{self.name}: targets must be 0 or more, got {given[given < 0][0]:.6g}. For "
                "numbers of either sign use MeanSquaredError."
            )
        return given


class Quantile(Loss):
    """L = max(q e, (q - 1) e) with e = y_true - y_pred, averaged over outputs and samples.

    The number that costs least is the q-quantile: 0.5 is the median, and 0.1 and 0.9 are the ends
    of an interval in which four of five targets lie. Also called pinball loss. Koenker and Bassett,
    "Regression Quantiles" (1978).

    Args:
        quantile: q, between 0 and 1. Or several: then the model has an output for each, and a
            sample a single target.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape; of several quantiles ``y_pred`` is
    (n, ..., quantiles) and ``y_true`` (n, ...) or (n, ..., 1).

    >>> Quantile(0.9).loss([[1.0], [2.0]], [[0.0], [3.0]])  # (0.9 + 0.1) / 2
    0.5
    >>> round(Quantile([0.1, 0.9]).loss([1.0], [[0.0, 3.0]]), 6)  # (0.1 + 0.2) / 2
    0.15
    """

    name = "quantile"

    def __init__(
        self, quantile: float | Sequence[float] = 0.5, **options: Unpack[LossOptions]
    ) -> None:
        super().__init__(**options)
        given = [quantile] if is_number(quantile) else list(np.ravel(np.asarray(quantile)))
        fits = len(given) > 0 and all(is_number(q) and 0 < q < 1 for q in given)
        expected = "between 0 and 1, or a list of such numbers"
        demand(fits, self.name, "quantile", expected, quantile)
        self.quantile = float(given[0]) if is_number(quantile) else [float(q) for q in given]

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the errors of each sample cost, averaged over its outputs."""
        q, e = np.asarray(self.quantile), y_true - y_pred
        return over_features(maximum(e * q, e * (q - 1.0)))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Numbers of exactly the shape of the output; of several quantiles one for all of them."""
        if not isinstance(self.quantile, list):
            return numbers_of_shape(self.name, y_true, output_shape)
        if output_shape[-1] != len(self.quantile) or len(output_shape) < 2:
            raise ValueError(
                f"{self.name}: {len(self.quantile)} quantiles need as many outputs, but the "
                f"predictions have shape {output_shape}. End the model with "
                f"Dense({len(self.quantile)})."
            )
        given, single = numbers(self.name, y_true), (*output_shape[:-1], 1)
        if given.shape == output_shape[:-1]:
            given = given.reshape(single)
        return numbers_of_shape(self.name, given, single)


def percentage(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """100 |y_pred - y_true| / |y_true| of each number."""
    return 100.0 * absolute((y_true - y_pred) / maximum(absolute(y_true), LEAST))


def squared_logarithmic(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """(log(1 + y_pred) - log(1 + y_true))^2 of each number."""
    return square(log(maximum(y_pred, LEAST) + 1.0) - log(maximum(y_true, LEAST) + 1.0))
