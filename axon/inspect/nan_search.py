"""What ``fit(debug="nan")`` does: steps run eagerly, and a Finder looks at all they make.

The Finder is a recorder that keeps no program.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from axon.backend import Array
from axon.callbacks import Callback, Logs
from axon.core import Primitive, Tensor
from axon.modes import Mode, modes
from axon.names import resolve
from axon.program import Feed, Step

HINTS = {
    "forward": "Keep what it reads where it is defined (above 0 for log, away from 0 to divide by),"
    " or scale the inputs if it overflows.",
    "backward": "A slope is not finite, like that of sqrt at 0: keep away from such points, also "
    "in values that axon.ops.where does not choose.",
    "update": "A smaller learning_rate, or clipnorm=1.0 for the optimizer, keeps updates finite.",
}
PLACES = {"forward": "in the forward pass", "backward": "in the backward pass"}


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

    def run(self, step: Step, inputs: list[Array], feed: Feed, start: int) -> list[Array]:
        """Run a step on a batch of a feed, looking at each result."""
        if inputs:  # an update alone has none
            feed.fill(start, start + len(inputs[0]), inputs)
        step.done = 1
        tensors = [Tensor(a) for a in inputs]
        names = {**step.labels(), **dict(zip(map(id, tensors), step.names, strict=False))}
        self._before = [(t, t.data.copy()) for t in self.model.trainer.state()]
        self.finder = Finder(names, self._value_before)
        try:
            with Mode("recorder", self.finder), np.errstate(all="ignore"):
                outputs = step.function(*tensors)
            self._look_back(outputs)
        except FloatingPointError as error:
            for tensor, saved in self._before:
                tensor.data[...] = saved
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

    def _placed(self, step: Step, error: FloatingPointError) -> str:
        phase = "validation" if step.name == self.model.trainer.test.name else "training"
        return (
            f"epoch {self._epoch}, batch {self._batch} of {phase}: {error} The weights are those "
            "before this step."
        )


def searches(debug: str | None) -> list[NaNSearch]:
    """What ``fit(debug=...)`` asks for: "nan" is the only search there is.

    >>> searches(None)
    []
    """
    return [] if debug is None else [resolve("debug mode", str(debug), {"nan": NaNSearch})()]


class Finder:
    """Listens at the door while a step runs, and raises when something stops being finite.

    A result that is not finite although all it was computed from is, is to blame, and so is NaN
    that comes of infinities. What only passes on an infinity, such as a mask of -inf, is not; the
    first such result is kept as ``suspect``, in case the step ends with numbers that are lost.

    Args:
        names: id of a Tensor -> what reports call it.
        before: gives the values that memory held before the step; None if it does not know.

    >>> from axon import ops
    >>> from axon.modes import Mode
    >>> with Mode("recorder", Finder({})), np.errstate(divide="ignore"):
    ...     ops.log(Tensor([1.0, 0.0]))
    Traceback (most recent call last):
    FloatingPointError: log made -inf in the forward pass, outside all layers.
      result: shape (2,); 1 of 2 elements is not finite, the first at (1,)
      input 0: a constant, shape (2,), 0 to 1
    Keep what it reads where it is defined ...
    """

    freezes = False  # nothing is replayed, so Python may ask for values

    def __init__(
        self, names: dict[int, str], before: Callable[[Array], Array | None] | None = None
    ) -> None:
        self.suspect: str | None = None
        self._names, self._before = dict(names), before or _unknown
        self._made: list[Tensor] = []  # kept, so that no id is given twice

    def record(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], out: Tensor, meta: dict[str, Any]
    ) -> None:
        """Look at what a primitive has made or changed."""
        if primitive.kind == "views":
            self._names[id(out)] = self._name(inputs[0])
        else:
            for result in inputs[: primitive.writes] or (out,):
                if lost(result.data):
                    self._judge(primitive, result, inputs)
        if primitive.kind == "fills":
            self._names[id(out)] = f"what {primitive.name} made{_layer(' in ')}"
        self._made.append(out)

    def _judge(self, primitive: Primitive, result: Tensor, inputs: tuple[Tensor, ...]) -> None:
        """Raise if this primitive is to blame; suspect it if it only passes on what it got."""
        values = [t.data for t in inputs]
        for i in range(primitive.writes):
            known = self._before(values[i])
            values[i] = np.zeros(0) if known is None else known
        born = not any(map(lost, values)) or (_nan(result.data) and not any(map(_nan, values)))
        if born:
            raise FloatingPointError(self._report(primitive, result, inputs, values))
        self.suspect = self.suspect or self._report(primitive, result, inputs, values)

    def _report(
        self, primitive: Primitive, result: Tensor, inputs: tuple[Tensor, ...], values: list[Array]
    ) -> str:
        bad = ~np.isfinite(result.data)
        first, count = tuple(map(int, np.argwhere(bad)[0])), int(bad.sum())
        place = PLACES.get(modes.phase, "in the update")
        are = "is" if count == 1 else "are"
        where = _layer(", in layer ") or (", outside all layers" if modes.phase != "update" else "")
        lines = [
            f"{primitive.name} made {result.data[first]} {place}{where}.",
            f"  result: shape {result.shape}; {count:,} of {bad.size:,} elements {are} not finite, "
            f"the first at {first}",
        ]
        for i, (tensor, array) in enumerate(zip(inputs, values, strict=True)):
            changed = ", before it was changed" if i < primitive.writes else ""
            lines.append(f"  input {i}: {self._name(tensor)}{_looks(tensor, array)}{changed}")
        return "\n".join([*lines, HINTS[modes.phase]])

    def _name(self, tensor: Tensor) -> str:
        return self._names.get(id(tensor), "a constant")


def lost(array: Array) -> bool:
    """Whether an array holds NaN or infinity.

    >>> lost(np.array([1.0, np.inf])), lost(np.array([1, 2]))
    (True, False)
    """
    return array.dtype.kind == "f" and not bool(np.isfinite(array).all())


def _nan(array: Array) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def _unknown(array: Array) -> None:
    del array


def _layer(before: str) -> str:
    """The layer at work, after a word of introduction; nothing outside all layers."""
    return f"{before}{modes.scope!r}" if modes.scope else ""


def _looks(tensor: Tensor, values: Array) -> str:
    """Shape, range, and what is not finite."""
    finite = values[np.isfinite(values)]
    text = f", shape {tensor.shape}"
    if finite.size:
        low, high = finite.min(), finite.max()
        text += f", {low:.6g}" if low == high else f", {low:.6g} to {high:.6g}"
    missing = values.size - finite.size
    return f"{text}, already not finite in {missing:,} places" if missing else text
