"""Floor 4: what every loss does. A leaf says how much one sample costs; the base does the rest."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from axon.backend import Array, Shape, as_array
from axon.core import Tensor, grad
from axon.described import Described
from axon.modes import GradMode
from axon.ops import copy


class Loss(Described, ABC):
    """A mean over samples of what each one costs.

    ``loss.loss(y_true, y_pred)`` is a float for arrays and a Tensor for a Tensor;
    ``loss.gradient(y_true, y_pred)`` is dL/dy_pred of exactly that number.
    """

    name: ClassVar[str]

    @abstractmethod
    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample, (n,)."""

    def targets(self, y_true: Any, output_shape: Shape) -> Array:
        """Check targets against outputs (n, ...) and return them in the type they are used in.

        By default one number per output; a loss that wants something else says so.

        Raises:
            ValueError: they do not fit; the message says what was expected and how to fix it.
        """
        return numbers_of_shape(self.name, y_true, output_shape)

    def loss(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The mean loss: sum_i w_i L(y_true_i, y_pred_i) / n.

        Args:
            y_true: the targets, one per sample.
            y_pred: predictions (n, ...), an array or a Tensor.
            sample_weight: (n,); how much each sample counts, 1 by default.

        Returns:
            A float for an array, a Tensor of shape () for a Tensor.
        """
        if isinstance(y_pred, Tensor):
            return self._mean(self._as_targets(y_true, y_pred), y_pred, sample_weight)
        return self._mean(*self._tensors(y_true, y_pred), sample_weight).item()

    __call__ = loss

    def gradient(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The gradient dL/dy_pred of the mean loss, of the shape of ``y_pred``."""
        with GradMode(True):
            if isinstance(y_pred, Tensor):
                p = copy(y_pred)  # apart from what made it, which may be a softmax
                p.requires_grad, graph = True, p.requires_grad
                return grad(self.loss(y_true, p, sample_weight), p, create_graph=graph)
            targets, predictions = self._tensors(y_true, y_pred)
            predictions.requires_grad = True
            return grad(self._mean(targets, predictions, sample_weight), predictions).data

    def _tensors(self, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
        predictions = as_array(y_pred)
        if predictions.dtype.kind != "f":
            predictions = predictions.astype(np.float32)
        if not predictions.ndim or not len(predictions):
            raise ValueError(
                f"{self.name}: expected predictions of shape (n, ...) with at least one sample, "
                f"got shape {predictions.shape}."
            )
        targets = self.targets(y_true, predictions.shape)
        return self._as_targets(targets, Tensor(predictions)), Tensor(predictions)

    def _as_targets(self, y_true: Any, y_pred: Tensor) -> Tensor:
        given = y_true.data if isinstance(y_true, Tensor) else y_true
        targets = self.targets(given, y_pred.shape)
        if isinstance(y_true, Tensor):
            return y_true
        return Tensor(targets.astype(y_pred.dtype) if targets.dtype.kind == "f" else targets)

    def _mean(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any) -> Tensor:
        losses = self.per_sample(y_true, y_pred)
        if sample_weight is None:
            return losses.mean()
        given = isinstance(sample_weight, Tensor)
        shape = sample_weight.shape if given else as_array(sample_weight).shape
        if shape != losses.shape:
            raise ValueError(
                f"{self.name}: sample_weight must have shape {losses.shape}, one weight per "
                f"sample, got {shape}."
            )
        return (losses * sample_weight).mean()


def over_features(losses: Tensor) -> Tensor:
    """Average all axes but the first: (n, ...) -> (n,)."""
    if losses.size == len(losses):  # one number each: there is nothing to average
        return losses.reshape(len(losses)) if losses.ndim > 1 else losses
    return losses.mean(tuple(range(1, losses.ndim)))


def numbers(name: str, y_true: Any) -> Array:
    """Targets as an array of finite numbers, or an error that says how to make them so."""
    try:
        targets = np.asarray(y_true)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name}: the rows of y do not form an array: {error}") from None
    if targets.dtype.kind in "OUS":
        raise TypeError(
            f"{name}: y holds text or objects (dtype {targets.dtype}, first: {_first(targets)!r}). "
            "Number the classes first: classes, y = np.unique(y, return_inverse=True)."
        )
    if targets.dtype.kind not in "fiub":
        raise TypeError(f"{name}: y must hold real numbers, got dtype {targets.dtype}.")
    if targets.dtype.kind == "f" and targets.size and not np.isfinite(targets).all():
        row = int(np.argwhere(~np.isfinite(targets))[0][0])
        raise ValueError(f"{name}: y holds NaN or infinity, first in sample {row}. Remove it.")
    return targets


def _first(array: Array) -> object:
    return array.flat[0] if array.size else None


def same_shape(name: str, targets: Array, output_shape: Shape) -> Array:
    """Demand one target per output: no broadcasting, which would hide a mistake."""
    if targets.shape == output_shape:
        return targets
    hint = "Give each output of the model its target."
    if targets.ndim + 1 == len(output_shape) and output_shape[-1] == 1:
        hint = "Use y.reshape(-1, 1)."
    elif targets.shape == (*output_shape, 1):
        hint = f"Use {'y.ravel()' if targets.ndim == 2 else 'y[..., 0]'}."
    elif targets.shape[:1] != output_shape[:1]:
        hint = "x and y must have the same number of samples."
    raise ValueError(
        f"{name}: y has shape {targets.shape}, but the predictions have shape "
        f"{output_shape}. {hint}"
    )


def numbers_of_shape(name: str, y_true: Any, output_shape: Shape) -> Array:
    """Targets as floats, one number per output."""
    given = same_shape(name, numbers(name, y_true), output_shape)
    return given if given.dtype.kind == "f" else given.astype("float32")


def within(name: str, argument: str, value: float, low: float, high: float) -> float:
    """A setting of a loss, which must lie between ``low`` and ``high``."""
    if not low <= value <= high:
        span = f"be {low} or more" if high == np.inf else f"lie between {low} and {high}"
        raise ValueError(f"{name}: {argument} must {span}, got {value}.")
    return float(value)


def demand_axis(name: str, output_shape: Shape, what: str) -> None:
    """Raise ValueError unless each sample has an axis of its own."""
    if len(output_shape) < 2:
        raise ValueError(
            f"{name}: {what}, so predictions must have shape (n, size), got {output_shape}. "
            "Use MeanSquaredError for one number per sample."
        )
