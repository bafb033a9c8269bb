"""What every loss does. A leaf says how much one sample costs; the base does the rest."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import ClassVar, TypedDict, overload

import numpy as np

from axon.backend import Array, ArrayLike, Shape, as_array, numbers_from
from axon.checks import one_of
from axon.config import Configurable
from axon.containers import Ragged, plain
from axon.core import Tensor, TensorLike, grad
from axon.losses.custom import computed, watched
from axon.losses.expected import demand
from axon.modes import GradMode, Mode, modes
from axon.ops import copy, maximum, where
from axon.ops.compare import both
from axon.ops.reduce import broadcast_to

EXACT = 2**24  # up to here float32 holds every whole number
NUMBER_THEM = "Number the classes first: classes, y = np.unique(y, return_inverse=True)."
MEANS = ("sum_over_batch_size", "mean")  # two names of one thing
REDUCTIONS = (*MEANS, "mean_with_sample_weight", "sum", "none", None)


class LossOptions(TypedDict, total=False):
    """Keyword arguments that every loss takes; ``Loss`` says what each of them does."""

    reduction: str | None
    name: str


class Loss(Configurable, ABC):
    """A mean over samples of what each one costs.

    ``loss.loss(y_true, y_pred)`` is a float for arrays and a Tensor for a Tensor;
    ``loss.gradient(y_true, y_pred)`` is dL/dy_pred of exactly that number.

    Args:
        reduction: what becomes of the samples' losses. "sum_over_batch_size", or "mean": their
            weighted sum over their number; "mean_with_sample_weight": over the sum of the weights;
            "sum": their weighted sum; "none" or None: an array of them all, not for ``fit``.
        name: what errors and logs call it.
    """

    name: str
    together: ClassVar[bool] = False  # the outputs of one sample, or step, cost something together
    across: bool = False  # what a sample costs depends on the others in its batch
    reduction: str | None = "sum_over_batch_size"
    ignored: int | None = None  # a label that is none: what bears it does not count
    soft: ClassVar[bool] = False  # targets of yes or no may be any number from 0 to 1
    yes_from: float = 0.5  # outputs above it mean yes: 0 for logits
    expects: str = "numbers"  # what predictions have to be, a key of ``EXPECTED``

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not any("name" in vars(base) for base in cls.__mro__):  # a user's own class
            cls.name = cls.__name__

    def __init__(
        self, *, reduction: str | None = "sum_over_batch_size", name: str | None = None
    ) -> None:
        if name is not None:
            self.name = name
        one_of(self.name, "reduction", reduction, REDUCTIONS)
        self.reduction = reduction

    @property
    def additive(self) -> bool:
        """Whether it is a mean of what each sample costs, whoever else is in the batch."""
        return self.reduction in MEANS and not self.across

    @abstractmethod
    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample, (n,); of each step where steps weigh differently.

        End it with ``over_features``, which leaves the axes that are wanted.
        """

    def real(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        """What counts in losses and metrics: (n,), (n, time) ... truth values; None if all does.

        That is what is no padding, by the mask that came with the predictions, and has a target.
        """
        labelled = None if self.ignored is None else y_true != self.ignored
        return both(y_pred.mask, labelled)

    def counted(self, y_true: Tensor, losses: Tensor) -> Tensor | None:
        """What each loss counts in the number that the sum is divided by; None: 1."""
        del y_true, losses
        return None

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Check targets against outputs (n, ...) and return them in the type they are used in.

        By default one number per output; a loss that wants something else says so.

        Raises:
            ValueError: they do not fit; the message says what was expected and how to fix it.
        """
        return numbers_of_shape(self.name, y_true, output_shape)

    @overload
    def loss(
        self, y_true: TensorLike, y_pred: Tensor, sample_weight: TensorLike | None = None
    ) -> Tensor: ...
    @overload
    def loss(
        self, y_true: TensorLike, y_pred: ArrayLike, sample_weight: TensorLike | None = None
    ) -> float: ...
    def loss(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> Tensor | float | Array:
        """The mean loss: sum_i w_i L(y_true_i, y_pred_i) / n.

        Of a Tensor with a mask only the real steps count, and n is how many there are.

        Args:
            y_true: the targets, one per sample.
            y_pred: predictions (n, ...), an array or a Tensor.
            sample_weight: how much each sample counts, (n,), or each step or pixel, (n, time) or
                (n, height, width); 1 by default.

        Returns:
            A float for an array, a Tensor of shape () for a Tensor; with reduction="none" the
            loss of each sample, an array or a Tensor.
        """
        if isinstance(y_pred, Tensor):
            targets = self._as_targets(y_true, y_pred)
            if not modes.checked:
                self.demand(targets, y_pred)
            return self._mean(targets, y_pred, sample_weight)
        found = self._mean(*self._tensors(y_true, y_pred), sample_weight)
        return found.data if self.reduction in ("none", None) else found.item()

    __call__ = loss

    def demand(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Raise ValueError unless predictions are what this loss ``expects``."""
        demand(self.expects, self.name, y_pred, y_true.data)

    @overload
    def gradient(
        self, y_true: TensorLike, y_pred: Tensor, sample_weight: TensorLike | None = None
    ) -> Tensor: ...
    @overload
    def gradient(
        self, y_true: TensorLike, y_pred: ArrayLike, sample_weight: TensorLike | None = None
    ) -> Array: ...
    def gradient(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> Tensor | Array:
        """The gradient dL/dy_pred of the mean loss, of the shape of ``y_pred``.

        Raises:
            ValueError: the losses of the samples are kept apart, reduction="none".
        """
        demand_one(self, f"{self.name}: a gradient")
        with GradMode(True):
            if isinstance(y_pred, Tensor):
                p = copy(y_pred)  # apart from what made it, which may be a softmax
                p.requires_grad, graph, p.mask = True, p.requires_grad, y_pred.mask
                return grad(self.loss(y_true, p, sample_weight), p, create_graph=graph)
            targets, predictions = self._tensors(y_true, y_pred)
            predictions.requires_grad = True
            return grad(self._mean(targets, predictions, sample_weight), predictions).data

    def _tensors(self, y_true: TensorLike, y_pred: ArrayLike) -> tuple[Tensor, Tensor]:
        predictions = as_array(y_pred)
        if predictions.dtype.kind != "f":
            predictions = predictions.astype(float_for(predictions))
        if not predictions.ndim or not len(predictions):
            raise ValueError(
                f"{self.name}: expected predictions of shape (n, ...) with at least one sample, "
                f"got shape {predictions.shape}."
            )
        targets = self._as_targets(y_true, Tensor(predictions))
        self.demand(targets, Tensor(predictions))
        return targets, Tensor(predictions)

    def _as_targets(self, y_true: TensorLike, y_pred: Tensor) -> Tensor:
        given = y_true.data if isinstance(y_true, Tensor) else y_true
        targets = self.targets(given, y_pred.shape)
        if isinstance(y_true, Tensor):
            return y_true if y_true.shape == targets.shape else y_true.reshape(targets.shape)
        return Tensor(targets.astype(y_pred.dtype) if targets.dtype.kind == "f" else targets)

    def _mean(self, y_true: Tensor, y_pred: Tensor, sample_weight: TensorLike | None) -> Tensor:
        real = self.real(y_true, y_pred)
        w = sample_weight if isinstance(sample_weight, Tensor | None) else as_array(sample_weight)
        given = [t for t in (real, w) if t is not None]
        if not given:
            with watched(self, y_true, y_pred):
                losses = self.per_sample(y_true, y_pred)
                _demand_each(self.name, losses, y_pred)
                return self._reduced(losses, y_true, None, None)
        if w is not None:
            demand_fit(self.name, w, y_pred)
        apart = Mode("apart", max(t.ndim for t in given))
        with apart, Mode("masks", False), watched(self, y_true, y_pred):
            losses = self.per_sample(y_true, y_pred)
            _demand_each(self.name, losses, y_pred)
        if w is not None:
            w = spread(self.name, "sample_weight", w, losses)
        if real is not None:
            real = as_tensor(spread(self.name, "the mask", real, losses))
        return self._reduced(losses, y_true, w, real)

    def _reduced(
        self, losses: Tensor, y_true: Tensor, w: Tensor | Array | None, real: Tensor | None
    ) -> Tensor:
        """One number of the losses of samples or steps, or these if they are to be kept apart."""
        weighed = losses if w is None else losses * w
        kept = weighed if real is None else where(real, weighed, 0.0)
        if self.reduction not in MEANS and self.reduction != "mean_with_sample_weight":
            return kept.sum() if self.reduction == "sum" else kept
        counts = self.counted(y_true, losses)
        if self.reduction == "mean_with_sample_weight" and counts is None and w is not None:
            counts = broadcast_to(as_tensor(w).astype(losses.dtype), shape=losses.shape)
        if counts is not None:
            return kept.sum() / _sum_of(counts, losses, real)
        if real is None:
            return kept.mean()
        return kept.sum() / maximum(number_of(real, losses).astype(losses.dtype), 1.0)


def _sum_of(counts: Tensor, losses: Tensor, real: Tensor | None) -> Tensor:
    """What all losses count together; 1 if that is nothing. Some are means of several counts."""
    if real is not None:
        counts = where(real.reshape(*real.shape, *(1,) * (counts.ndim - real.ndim)), counts, 0.0)
    total = counts.astype(losses.dtype).sum() * (losses.size / max(counts.size, 1))
    return where(total == 0.0, 1.0, total)


def demand_one(loss: Loss, what: str) -> None:
    """Raise ValueError if a loss keeps those of the samples apart where one number is needed."""
    if loss.reduction in ("none", None):
        raise ValueError(
            f"{what} needs a loss of one number, but {loss!r} keeps the losses of the samples "
            "apart. Leave reduction out."
        )


def demand_additive(loss: Loss) -> None:
    """Raise ValueError if parts of a batch do not tell what the loss of all of it is."""
    if not loss.additive:
        raise ValueError(
            f"fit: {loss!r} is no mean over samples that cost something each for itself, so "
            "batches cannot be cut. Leave shards out, or choose another loss or reduction."
        )


def _demand_each(name: str, losses: object, y_pred: Tensor) -> None:
    if not isinstance(losses, Tensor) or losses.shape[:1] != y_pred.shape[:1]:
        got = f"shape {losses.shape}" if isinstance(losses, Tensor) else type(losses).__name__
        raise ValueError(
            f"{name}: per_sample must return a Tensor with what each sample costs, "
            f"({len(y_pred)},), got {got}. End it with over_features(...)."
        )


class FunctionLoss(Loss):
    """What ``compile(loss=function)`` makes of a function of (y_true, y_pred).

    Args:
        function: takes Tensors and returns what each sample costs, (n,) or (n, ...); further axes
            are averaged. Compute it with AXON's operations.

    >>> loss = FunctionLoss(lambda y, p: abs(p - y))
    >>> loss.loss([[1.0], [2.0]], [[1.5], [2.0]])
    0.25
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", "loss")

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Call the function."""
        owner, returns = f"loss {self.name!r}", "what each sample costs"
        return over_features(computed(owner, self.function, y_true, y_pred, returns))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Any numbers, one or several for each sample: the function knows what it needs.

        Not (n,) for outputs (n, 1): what is computed of both would be (n, n).
        """
        given = numbers(self.name, y_true)
        demand_no_broadcast(f"loss {self.name!r}", given, output_shape)
        return given.astype(np.float32) if given.dtype.kind == "b" else given


def float_for(integers: Array) -> type:
    """The shortest float that tells all of some whole numbers apart, float32 or float64."""
    large = integers.size and max(int(integers.max()), -int(integers.min())) > EXACT
    return np.float64 if large else np.float32


def as_tensor(values: Tensor | Array) -> Tensor:
    """A Tensor of what is none."""
    return values if isinstance(values, Tensor) else Tensor(values)


def over_features(losses: Tensor) -> Tensor:
    """Average all axes but the first, the samples: (n, ...) -> (n,).

    Where steps weigh differently, by a mask or by ``sample_weight``, their axes stay: (n, time).
    """
    shape = losses.shape[: modes.apart]
    if losses.size == prod(shape):  # one number each: there is nothing to average
        return losses if losses.shape == shape else losses.reshape(shape)
    return losses.mean(tuple(range(len(shape), losses.ndim)))


def demand_fit(name: str, w: Tensor | Array, y_pred: Tensor) -> None:
    """Raise ValueError unless these are weights for each sample, or for each step or pixel."""
    alone = w.ndim < 2 or (w.ndim == y_pred.ndim and w.shape[-1] == 1)  # (n, 1) is no time of 1
    if w.shape != (y_pred.shape[:1] if alone else y_pred.shape[: w.ndim]):
        raise _no_weights(name, "sample_weight", w, y_pred.shape[: max(1, y_pred.ndim - 1)])


def spread(name: str, what: str, w: Tensor | Array, losses: Tensor) -> Tensor | Array:
    """Give weights or truth values by sample or by step the axes that losses have."""
    if w.ndim > losses.ndim or w.shape != losses.shape[: w.ndim]:
        raise _no_weights(name, what, w, losses.shape)
    return w if w.ndim == losses.ndim else w.reshape(*w.shape, *(1,) * (losses.ndim - w.ndim))


def _no_weights(name: str, what: str, w: Tensor | Array, most: Shape) -> ValueError:
    steps = f", or {most}, one for each step" if len(most) > 1 else ""
    return ValueError(
        f"{name}: {what} must have shape {most[:1]}, one weight per sample{steps}, got {w.shape}."
    )


def number_of(real: Tensor, losses: Tensor) -> Tensor:
    """How many of the losses count, in float64."""
    each = losses.size // max(real.size, 1)
    return real.astype(np.float64).sum() * float(each)


def numbers(name: str, y_true: ArrayLike) -> Array:
    """Targets as an array of finite numbers, or an error that says how to make them so."""
    try:
        targets = plain(y_true)
    except TypeError as error:
        raise TypeError(f"{name}: y: {error} {NUMBER_THEM}") from None
    except Ragged as error:
        raise ValueError(f"{name}: the rows of y do not form an array: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: y: {error}") from None
    if targets.dtype.kind in "OUS":
        raise TypeError(
            f"{name}: y holds text or objects (dtype {targets.dtype}, first: {_first(targets)!r}). "
            f"{NUMBER_THEM}"
        )
    if targets.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: y must hold real numbers, got dtype {targets.dtype}. "
            f"{numbers_from(targets.dtype)}"
        )
    if targets.dtype.kind == "f" and targets.size and not np.isfinite(targets).all():
        row = int(np.argwhere(~np.isfinite(targets))[0][0])
        raise ValueError(f"{name}: y holds NaN or infinity, first in sample {row}. Remove it.")
    return targets.astype(targets.dtype.newbyteorder("="), copy=False)


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


def demand_no_broadcast(name: str, targets: Array, output_shape: Shape) -> None:
    """Refuse targets and outputs that differ in an axis of size 1: together they make (n, n)."""
    if (*targets.shape, 1) == output_shape or targets.shape == (*output_shape, 1):
        same_shape(name, targets, output_shape)


def numbers_of_shape(name: str, y_true: ArrayLike, output_shape: Shape) -> Array:
    """Targets as floats, one number per output."""
    given = same_shape(name, numbers(name, y_true), output_shape)
    return given if given.dtype.kind == "f" else given.astype(np.float64)  # which rounds none


def demand_axis(name: str, output_shape: Shape, what: str) -> None:
    """Raise ValueError unless each sample has an axis of its own."""
    if len(output_shape) < 2:
        raise ValueError(
            f"{name}: {what}, so predictions must have shape (n, size), got {output_shape}. "
            "Use MeanSquaredError for one number per sample."
        )
