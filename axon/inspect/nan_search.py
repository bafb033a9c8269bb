"""What ``fit(debug="nan")`` does: steps run eagerly, and a Finder looks at all they make."""

from typing import Any

import numpy as np

from axon.backend import Array
from axon.callbacks import Callback, Logs
from axon.core import Tensor
from axon.inspect.nan_finder import Finder, lost
from axon.modes import Mode
from axon.names import resolve
from axon.program import Step


class NaNSearch(Callback):
    """Stops training at the first operation whose result is NaN or infinite, and names it.

    The model then is as it was before the step that failed.

    Raises:
        FloatingPointError: says which operation, in which layer, batch and epoch, and of what.
    """

    def __init__(self) -> None:
        self.finder: Finder | None = None
        self._epoch = self._batch = 0
        self._before: list[tuple[Tensor, Array]] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """From now on the steps of the model are searched."""
        self.model.trainer.search = self

    def on_train_end(self, logs: Logs | None = None) -> None:
        """No more, whatever ended the training."""
        self.model.trainer.search = None
        self._before.clear()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take note of the epoch."""
        self._epoch = epoch + 1

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Take note of the batch."""
        self._batch = batch + 1

    on_test_batch_begin = on_train_batch_begin

    def run(self, step: Step, slots: list[Array]) -> list[Array]:
        """Run a step on filled inputs, looking at each result."""
        inputs = [Tensor(a) for a in slots]
        names = {**step.labels(), **dict(zip(map(id, inputs), step.names, strict=False))}
        self._before = [(t, t.data.copy()) for t in state(self.model.trainer)]
        self.finder = Finder(names, self._value_before)
        try:
            with Mode("recorder", self.finder), np.errstate(all="ignore"):
                outputs = step.function(*inputs)
            self._look_back(outputs)
        except FloatingPointError as error:
            self._restore()
            raise FloatingPointError(self._placed(step, error)) from None
        return [t.data for t in outputs]

    def _look_back(self, outputs: Any) -> None:
        """Raise what was suspected, if the loss or the model was lost in the end."""
        assert self.finder is not None
        kept = (t for t, _ in self._before)
        if self.finder.suspect and any(lost(t.data) for t in (outputs[0], *kept)):
            raise FloatingPointError(self.finder.suspect)

    def _value_before(self, array: Array) -> Array | None:
        """What a stretch of memory held before the step."""
        for tensor, saved in self._before:
            if array.flags.c_contiguous and np.may_share_memory(tensor.data, array):
                start = (array.ctypes.data - tensor.data.ctypes.data) // array.itemsize
                return saved.ravel()[start : start + array.size].reshape(array.shape)
        return None

    def _restore(self) -> None:
        for tensor, saved in self._before:
            tensor.data[...] = saved

    def _placed(self, step: Step, error: FloatingPointError) -> str:
        kind = "training" if step is self.model.trainer.train else "validation"
        return (
            f"epoch {self._epoch}, batch {self._batch} of {kind}: {error} The weights are those "
            "before this step."
        )


def state(trainer: Any) -> list[Tensor]:
    """All that a step changes: weights, buffers, the optimizer's memory, running means."""
    model, optimizer = trainer.model, trainer.optimizer
    return [
        *(p for p in model.parameters() if p.memory is None),
        *model.named_buffers().values(),
        *(t for g in optimizer.groups for t in (g.memory.values, *g.state.values())),
        *(optimizer.iterations, *optimizer.numbers.values()),
        *(t for m in (trainer.mean_loss, *trainer.metrics) for t in m.tensors().values()),
    ]


def searches(debug: str | None) -> list[NaNSearch]:
    """What ``fit(debug=...)`` asks for: "nan" is the only search there is.

    >>> searches(None)
    []
    """
    return [] if debug is None else [resolve("debug mode", str(debug), {"nan": NaNSearch})()]
