"""What every metric does: it is shown batch after batch, and says at the end how good they were."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from axon.backend import Array, Shape, as_array
from axon.config import Configurable
from axon.core import Tensor, TensorLike, primitive
from axon.losses.base import Loss, demand_fit, demand_no_broadcast, over_features, spread
from axon.losses.custom import computed, watched
from axon.modes import Mode, modes, no_grad
from axon.ops import add_in_place, maximum
from axon.ops.compare import both

ALMOST_NONE = 1e-30  # what a batch in which nothing counts weighs: alone, its loss is what is left

OURS = ("_given", "_version", "_lock", "_held_by")  # no part of what was measured


class Metric(Configurable, ABC):
    """A number (or an array of them) about predictions and targets, exact over an epoch.

    Args:
        name: what logs and histories call it; every metric has one of its own.

    Attributes:
        recorded: ``update`` is made of AXON's operations on Tensors and becomes part of the
            recorded step. False: it is handed NumPy arrays after each batch, outside the program.
        scalar: ``result`` is a float. Others do not appear in logs; read them by ``result()``.
    """

    name: str
    recorded: ClassVar[bool] = True
    scalar: ClassVar[bool] = True
    _held_by: Any = None  # whose sums it holds: an epoch's, an evaluation's

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            self.name = name

    @abstractmethod
    def update(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Take a batch into account.

        Args:
            y_true: targets, as the loss wants them; arrays or Tensors.
            y_pred: predictions (n, ...).
            sample_weight: how much each sample counts, (n,), 1 by default; or each step, (n, time),
                or pixel, where they weigh differently: a model gives padding, and targets that its
                loss ignores, the weight 0.
        """

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """Raise ValueError unless targets are what this metric presupposes.

        Args:
            y_true: all targets, as the loss takes them.
            output_shape: of the predictions (n, ...).
            loss: that is used beside it, if there is one.
        """

    @abstractmethod
    def result(self) -> Any:
        """The value over all that was seen since ``reset``."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""

    def merge(self, states: "Sequence[Mapping[str, Any]]") -> dict[str, Any] | None:
        """What several metrics like this one saw, each other samples, as if one had seen it all.

        With it, ``fit(shards=...)`` measures each shard of a batch where it is computed. None, as
        here, where that cannot be told from what was kept: the metric is shown whole batches then.

        Args:
            states: what ``state_dict`` gave for each of them.
        """
        del states
        return None

    def accepted(self, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
        """Targets and predictions as Tensors, after a look at them; ``fit`` has looked before."""
        truth, predictions = as_tensor(y_true), as_tensor(y_pred)
        if not modes.checked:
            self.accept(truth.data, predictions.shape)
        return truth, predictions

    def tensors(self) -> dict[str, Tensor]:
        """The accumulators by name, such as ``total``: what ``update`` changes in place."""
        return {k.lstrip("_"): v for k, v in dict(vars(self)).items() if isinstance(v, Tensor)}

    def state_dict(self) -> dict[str, object]:
        """What was seen since ``reset``: the accumulators; of others all that is not a function."""
        if self.recorded:
            return {name: tensor.data.copy() for name, tensor in self.tensors().items()}
        kept = {k: v for k, v in dict(vars(self)).items() if k not in OURS and not callable(v)}
        return {k: v.data.copy() if isinstance(v, Tensor) else v for k, v in kept.items()}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from what ``state_dict`` gave, in an object that was made alike."""
        tensors = self.tensors()
        for name, value in state.items():
            if name.lstrip("_") not in tensors:
                setattr(self, name, value)
                continue
            tensor = tensors[name.lstrip("_")]
            values = np.array(value, tensor.dtype)
            if tensor.shape == values.shape:
                tensor.data[...] = values
            else:  # the first batch gives some their shape
                tensor.data = values


class Accumulator(Metric):
    """A metric whose memory is a few float64 Tensors, attributes that begin at 0.

    Leaves write ``_add_batch``, or ``update`` itself.
    """

    def update(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Take a batch of arrays or Tensors into account; can be recorded."""
        truth, predictions = self.accepted(y_true, y_pred)
        with no_grad(), Mode("masks", False):
            given = weights(self.name, sample_weight, predictions)
            self._add_batch(truth, predictions, given)

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Add a batch, and what its samples, or steps, weigh, to the accumulators."""
        raise NotImplementedError(f"{self.name}: write update.")

    def reset(self) -> None:
        """Forget everything."""
        for tensor in self.tensors().values():
            tensor.data[...] = 0

    def resize(self, shape: Shape, *tensors: Tensor) -> None:
        """Give accumulators the shape that the first batch asks for; programs notice the move.

        Raises:
            ValueError: they hold numbers already.
        """
        for tensor in tensors:
            if tensor.shape == shape:
                continue
            if tensor.data.any():
                raise ValueError(
                    f"{self.name}: the outputs of one sample had shape {tensor.shape} in the first "
                    f"batch, now they have {shape}. Call reset() before measuring others."
                )
            tensor.data = np.zeros(shape)


class MeanMetric(Accumulator):
    """A weighted mean over samples. Leaves say what one sample scores.

    Where steps weigh differently, it is one over steps, and ``per_sample`` has to say what each of
    them scores, (n, time): end it with ``over_features``, which leaves the axes that are wanted.

    >>> class Confidence(MeanMetric):
    ...     name = "confidence"
    ...
    ...     def per_sample(self, y_true, y_pred):
    ...         return y_pred.max(axis=-1)
    >>> confidence = Confidence()
    >>> confidence.update([0, 1], [[0.5, 0.5], [0.0, 1.0]])
    >>> confidence.result()
    0.75
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self._total, self._count = zero(), zero()

    @abstractmethod
    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The score of each sample, (n,); of each step where steps weigh differently."""

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Add what each sample scores."""
        shape = y_pred.shape[:1] if w is None else w.shape
        with Mode("apart", len(shape)), watched(self, y_true, y_pred):
            scores = self.per_sample(y_true, y_pred)
        if scores.shape != shape:
            each = "sample" if len(shape) == 1 else "step, as steps weigh differently here"
            raise ValueError(
                f"{self.name}: per_sample must return one score per {each}, shape {shape}, "
                f"got shape {scores.shape}. axon.losses.base.over_features averages the rest."
            )
        self.add(scores, w)

    def add(self, scores: Tensor, sample_weight: Tensor | None = None) -> None:
        """Add scores (n,), or (n, time), that were computed already, with a weight for each."""
        scores = scores.astype(np.float64)
        if sample_weight is None:
            add_in_place(self._total, scores.sum())
            add_in_place(self._count, float(scores.size))
        else:
            add_in_place(self._total, (scores * sample_weight).sum())
            add_in_place(self._count, sample_weight.sum())

    def merge(self, states: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """The sums of totals and of counts; None for a leaf that keeps more than these."""
        return added(states) if set(self.tensors()) == {"total", "count"} else None

    def result(self) -> float:
        """The mean so far; NaN before the first sample that weighs anything."""
        count = float(self._count.data)
        return float(self._total.data) / count if count else float("nan")


@primitive(kind="writes", writes=2)
def add_mean(total: Array, number: Array, mean: Array, *, xp: Any, count: int) -> None:
    """total <- total + count mean; number <- number + count."""
    total[...] = total.item() + mean.item() * count
    number[...] = number.item() + count


class Mean(MeanMetric):
    """The mean of values that are handed in: the loss, for example."""

    name = "loss"

    def add_mean(self, mean: Tensor, count: int | Tensor) -> None:
        """Take the mean of ``count`` values into account."""
        if isinstance(count, int):
            add_mean(self._total, self._count, mean, count=count)
            return
        weight = maximum(count, ALMOST_NONE)
        add_in_place(self._total, mean.astype(np.float64) * weight)
        add_in_place(self._count, weight)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Not used: values come in through ``add_mean``."""
        raise NotImplementedError(f"{self.name}: use add_mean(mean, count).")


def added(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The sums of accumulators that are nothing but sums, in the order of the states.

    >>> added([{"total": 1.0}, {"total": 2.0}])
    {'total': 3.0}
    """
    return {name: sum(state[name] for state in states) for name in states[0]}


def zero(shape: Shape = ()) -> Tensor:
    """A fresh accumulator: zeros in float64, however short the data's floats are.

    >>> zero().dtype
    dtype('float64')
    """
    return Tensor(np.zeros(shape))


def as_tensor(values: TensorLike) -> Tensor:
    """Return a Tensor as it is, and anything else as a Tensor of its own type.

    >>> as_tensor([1, 2]).dtype
    dtype('int64')
    """
    return values if isinstance(values, Tensor) else Tensor(as_array(values))


def weights(name: str, sample_weight: TensorLike | None, y_pred: Tensor) -> Tensor | None:
    """Check the weights of samples, or steps, and return them in float64; None stays None.

    Padding, by the mask that came with the predictions, weighs 0.

    Raises:
        ValueError: not one weight per sample, or per step.

    >>> weights("mae", [1, 3], Tensor([0.5, 0.5]))
    Tensor([1., 3.], dtype=float64)
    """
    real = None if y_pred.mask is None else y_pred.mask.astype(np.float64)
    if sample_weight is None:
        return real
    given: Tensor = as_tensor(sample_weight).astype(np.float64)
    demand_fit(name, given, y_pred)
    return both(real, given)


def spread_over(name: str, w: Tensor | None, like: Tensor) -> Tensor:
    """Weights with the axes of what they weigh; 1 for each sample by default."""
    if w is None:
        w = Tensor(np.ones(len(like)))
    return as_tensor(spread(name, "sample_weight", w, like))


class FunctionMetric(MeanMetric):
    """What ``compile(metrics=[function])`` makes of a function of (y_true, y_pred).

    Args:
        function: takes Tensors and returns the score of each sample, (n,) or (n, ...); further
            axes are averaged. Compute it with AXON's operations.
        name: what logs call it; the function's own name by default.

    >>> metric = FunctionMetric(lambda y, p: abs(p - y), name="distance")
    >>> metric.update([[1.0], [2.0]], [[1.5], [2.0]])
    >>> metric.result()
    0.25
    """

    def __init__(
        self, function: Callable[[Tensor, Tensor], Tensor], name: str | None = None
    ) -> None:
        super().__init__(name or getattr(function, "__name__", "metric"))
        self.function = function

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Call the function."""
        owner, returns = f"metric {self.name!r}", "the score of each sample"
        return over_features(computed(owner, self.function, y_true, y_pred, returns))

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """Any numbers, but not (n,) for outputs (n, 1): of both, (n, n) would be made."""
        demand_no_broadcast(f"metric {self.name!r}", y_true, output_shape)
