"""Likelihoods: what a model says of where targets lie, and how probable they are by that."""

import math
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon.backend import Array, ArrayLike, Shape
from axon.checks import boolean, demand, is_integer, positive
from axon.core import Tensor
from axon.losses.base import Loss, LossOptions, numbers, numbers_of_shape, over_features
from axon.losses.categorical_cross_entropy import (
    class_factors,
    classes_of,
    one_hot,
    weights_of,
)
from axon.losses.cross_entropy import demand_fitting
from axon.ops import exp, log, maximum, square, where


class NLL(Loss):
    """L = -w_y log p_y of logarithms of probabilities; the mean is over the sum of the weights.

    The negative log-likelihood: what ``CategoricalCrossEntropy`` is behind softmax, this is behind
    log_softmax.

    Args:
        weight: how much each class counts, (classes,).
        ignore_index: a label that is none: what bears it does not count.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is one-hot (n, ..., classes) or whole-number labels; ``y_pred`` are logarithms.

    >>> NLL().loss([0, 1], np.log([[0.5, 0.5], [0.75, 0.25]]))  # (log 2 + log 4) / 2
    1.0397207...
    """

    name = "nll"
    together = True
    expects = "logarithms of probabilities"

    def __init__(
        self,
        weight: Sequence[float] | None = None,
        *,
        ignore_index: int | None = -100,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self.weight = class_factors(self.name, weight)
        fits = ignore_index is None or is_integer(ignore_index)
        demand(fits, self.name, "ignore_index", "a whole number, or None", ignore_index)
        self.ignore_index = self.ignored = None if ignore_index is None else int(ignore_index)

    @property
    def additive(self) -> bool:
        """Not with weights of classes, of which those in a batch are added up."""
        return super().additive and self.weight is None

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """-w_y log p_y of each sample; further axes between are averaged."""
        y = one_hot(y_true, y_pred)
        y = y if self.weight is None else y * np.asarray(self.weight)
        chosen = y * where(y != 0.0, y_pred, 0.0)  # log 0 of other classes is -infinity
        return over_features(-chosen.sum(axis=-1))

    def counted(self, y_true: Tensor, losses: Tensor) -> Tensor | None:
        """The weight of each label's class."""
        return weights_of(self.weight, y_true)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels as whole numbers, one-hot rows as floats."""
        demand_fitting(self.name, "weight", self.weight, output_shape)
        return classes_of(self.name, y_true, output_shape, self.ignored)


class PoissonNLL(Loss):
    """L = e^x - y x for predictions x, the logarithms of rates; averaged over outputs and samples.

    That is -log of the probability of the count y, but for log y!. ``Poisson`` takes rates.

    Args:
        log_input: predictions are logarithms. False: rates r, and L = r - y log(r + eps).
        full: add log y! of counts above 1, by Stirling: y log y - y + log(2 pi y) / 2.
        eps: keeps the logarithm of a rate finite; larger than 0.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> PoissonNLL().loss([[0.0], [2.0]], [[0.0], [0.0]])
    1.0
    """

    name = "poisson_nll"

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self.log_input = boolean(self.name, "log_input", log_input)
        self.full, self.eps = (
            boolean(self.name, "full", full),
            positive(self.name, "eps", eps),
        )
        self.expects = "numbers" if self.log_input else "numbers of 0 or more"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample, averaged over its outputs."""
        if self.log_input:
            losses = exp(y_pred) - y_true * y_pred
        else:
            losses = y_pred - y_true * log(y_pred + self.eps)
        if self.full:
            y = maximum(y_true, 1.0)
            stirling = y * log(y) - y + 0.5 * log(2.0 * math.pi * y)
            losses = losses + where(y_true > 1.0, stirling, 0.0)
        return over_features(losses)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Counts of 0 or more, of exactly the shape of the output."""
        given = numbers_of_shape(self.name, y_true, output_shape)
        if (given < 0).any():
            raise ValueError(
                f"{self.name}: targets are counts, 0 or more, got {given[given < 0][0]:.6g}. For "
                "numbers of either sign use MeanSquaredError."
            )
        return given


class GaussianNLL(Loss):
    """L = (log v + (y - m)^2 / v) / 2: a model that says how sure it is of a number.

    The first half of the outputs are means m, the second half variances v. Averaged over outputs
    and samples. Nix and Weigend, "Estimating the mean and variance of the target probability
    distribution" (1994).

    Args:
        full: add log(2 pi) / 2, which changes no gradient.
        eps: the smallest variance; a smaller one counts as this, with the gradient of its own.
        log_variance: the second half are logarithms of variances, any numbers: then the model may
            end with a plain ``Dense(2)``.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is (n, ..., k), or (n, ...) for k = 1; ``y_pred`` is (n, ..., 2 k).

    >>> GaussianNLL().loss([[1.0]], [[0.0, 1.0]])  # (log 1 + 1) / 2
    0.5
    """

    name = "gaussian_nll"
    together = True

    def __init__(
        self,
        *,
        full: bool = False,
        eps: float = 1e-6,
        log_variance: bool = False,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self.full, self.eps = boolean(self.name, "full", full), positive(self.name, "eps", eps)
        self.log_variance = boolean(self.name, "log_variance", log_variance)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample, averaged over its numbers."""
        k = y_pred.shape[-1] // 2
        mean, given = y_pred[..., :k], y_pred[..., k:]
        least = math.log(self.eps) if self.log_variance else self.eps
        v = given + (maximum(given, least) - given).detach()
        if self.log_variance:
            losses = 0.5 * (v + square(y_true - mean) * exp(-v))  # e^v may be too large for a float
        else:
            losses = 0.5 * (log(v) + square(y_true - mean) / v)
        return over_features(losses + 0.5 * math.log(2.0 * math.pi) if self.full else losses)

    def demand(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Raise ValueError if variances are negative."""
        least = y_pred.data[..., y_pred.shape[-1] // 2 :].min()
        if not self.log_variance and least < 0:
            raise ValueError(
                f"{self.name}: the second half of the outputs are variances, got {least:.4g}. Put "
                "softplus on that half, or use GaussianNLL(log_variance=True)."
            )

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """One number for each pair of a mean and a variance."""
        given = numbers(self.name, y_true)
        if len(output_shape) < 2 or output_shape[-1] % 2:
            raise ValueError(
                f"{self.name}: outputs are means and as many variances, got predictions of shape "
                f"{output_shape}. End the model with an even number of outputs, such as Dense(2)."
            )
        wanted = (*output_shape[:-1], output_shape[-1] // 2)
        if given.shape == output_shape[:-1] and wanted[-1] == 1:
            given = given.reshape(wanted)
        return numbers_of_shape(self.name, given, wanted)
