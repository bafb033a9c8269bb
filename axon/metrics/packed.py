"""A metric of several networks in one program."""

from collections.abc import Mapping, Sequence
from typing import Any

from axon.backend import Array, Shape
from axon.core import Tensor, TensorLike
from axon.losses import Loss, PackedLoss
from axon.metrics.base import Metric, as_tensor
from axon.ops.reduce import broadcast_to


class PackedMetric(Metric):
    """Another metric over the predictions (n, members, ...) of all members together.

    Each member's prediction of a sample counts as one of a sample of its own: so a mean over
    samples, such as accuracy, is the mean of those of the members. Beside a ``PackedLoss``,
    metrics that ``compile`` is given by name are packed.

    Args:
        metric: what is measured; a Metric.

    ``y_true`` is (n, ...), and ``sample_weight`` (n,) or (n, members), as for ``PackedLoss``.

    >>> from axon.metrics import Accuracy
    >>> metric = PackedMetric(Accuracy())
    >>> metric.update([1], [[[0.1, 0.9], [0.8, 0.2]]])  # one sample, two members
    >>> metric.result()
    0.5
    """

    def __init__(self, metric: Metric) -> None:
        if not isinstance(metric, Metric):
            raise TypeError(f"PackedMetric: expected a Metric, such as Accuracy(), got {metric!r}.")
        super().__init__(metric.name)
        self.metric_of_each = metric

    @property
    def recorded(self) -> bool:  # type: ignore[override]
        """As the metric is."""
        return self.metric_of_each.recorded

    @property
    def scalar(self) -> bool:  # type: ignore[override]
        """As the metric is."""
        return self.metric_of_each.scalar

    def config(self) -> dict[str, Any]:
        """The argument that makes this metric again."""
        return {"metric": self._plain("metric", self.metric_of_each)}

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """What one member's metric presupposes, of outputs without the members' axis."""
        if len(output_shape) < 3:
            raise ValueError(
                f"{self.name}: packed predictions have shape (n, members, ...), got {output_shape}."
            )
        single = loss.loss_of_each if isinstance(loss, PackedLoss) else loss
        self.metric_of_each.accept(y_true, (output_shape[0], *output_shape[2:]), single)

    def update(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Take a batch into account, a row for each sample and member."""
        truth, predictions = self.accepted(y_true, y_pred)
        n, members = predictions.shape[:2]
        rows = [_for_each(truth, members), predictions.reshape(n * members, *predictions.shape[2:])]
        if sample_weight is not None:
            given = as_tensor(sample_weight)
            each = given.shape[1:2] == (members,)
            rows.append(given.reshape(-1, *given.shape[2:]) if each else _for_each(given, members))
        recorded = self.metric_of_each.recorded
        self.metric_of_each.update(*(rows if recorded else (row.data for row in rows)))

    def result(self) -> Any:
        """The value over all that was seen since ``reset``."""
        return self.metric_of_each.result()

    def reset(self) -> None:
        """Forget everything."""
        self.metric_of_each.reset()

    def merge(self, states: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """As the metric does it."""
        return self.metric_of_each.merge(states)

    def tensors(self) -> dict[str, Tensor]:
        """The metric's accumulators."""
        return self.metric_of_each.tensors()

    def state_dict(self) -> dict[str, object]:
        """What the metric has seen."""
        return self.metric_of_each.state_dict()

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Let the metric go on from there."""
        self.metric_of_each.load_state_dict(state)


def _for_each(values: Tensor, members: int) -> Tensor:
    """(n, ...) -> (n members, ...): each row as often as there are members."""
    n, rest = len(values), values.shape[1:]
    repeated: Tensor = broadcast_to(values.reshape(n, 1, *rest), shape=(n, members, *rest))
    return repeated.reshape(n * members, *rest)
