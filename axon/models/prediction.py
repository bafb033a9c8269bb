"""Prediction: the step that models replay where nothing is learned."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from axon.backend import Array, DType, as_array
from axon.callbacks import Callback, Callbacks, check
from axon.core import Tensor
from axon.layers.masks import lay
from axon.layers.module import numbers_in
from axon.layers.open_sizes import growth, is_open
from axon.locks import hold
from axon.models.feeds import ArrayFeed, StreamFeed
from axon.models.forms import inputs_of
from axon.models.network import Network, kept_by
from axon.modes import TrainingMode, no_grad
from axon.parameter import Parameter
from axon.program import Step
from axon.settings import versions

Outputs = Any  # an array; of several outputs a tuple, list or dict of arrays
FEW, MANY = 32, 1024  # samples at a time where nothing is learned: large enough to be fast,
MAX_NUMBERS = 2**21  # and few enough that the largest result of a layer stays below so many numbers


def rows_at_a_time(model: Network, data: Sequence[Array] = ()) -> int:
    """How many samples a model predicts at a time, unless told otherwise.

    Args:
        model: which.
        data: its inputs, if they are known: where sizes are open, they tell how much there is.

    >>> from axon.layers import Conv2D, Dense
    >>> from axon.models import Sequential
    >>> rows_at_a_time(Sequential([Dense(784, 10)]))
    1024
    >>> images = Sequential([Conv2D(32, 3)])
    >>> images.build((64, 64, 3))
    (62, 62, 32)
    >>> rows_at_a_time(images)
    32
    """
    if model.only_batch:
        return int(model.only_batch)
    shapes = (getattr(module, "output_shape", None) for module in model.modules())
    largest = max((numbers_in(shape) for shape in shapes if shape), default=1)
    if data and is_open(model.input_shape):
        known = model.input_shape if model.width > 1 else (model.input_shape,)
        largest = int(largest * growth(known, [array.shape[1:] for array in data]))
    return int(min(max(MAX_NUMBERS // max(largest, 1), FEW), MANY))


def mask_behind(model: Network, x: Any, mask: Any = None) -> Any:
    """Which steps of a model's output are real, (n, time) truth values; None if all are.

    Args:
        model: whose.
        x: what ``predict`` takes, or Tensors.
        mask: which steps of the (first) input are real, if its own mask does not say it.
    """
    given = model.prepared(inputs_of(model, x))
    if any(isinstance(t, Tensor) for t in given):
        return _mask(model, given, mask)
    arrays = [as_array(t, model.input_dtype) for t in given]
    size, found = rows_at_a_time(model, arrays), []
    for start in range(0, len(arrays[0]), size):
        cut = slice(start, start + size)
        part = _mask(model, [a[cut] for a in arrays], None if mask is None else mask[cut])
        if part is None:
            return None
        found.append(part.data)
    return np.concatenate(found)


def _mask(model: Network, inputs: Sequence[Any], mask: Any) -> Tensor | None:
    x, *more = (t if isinstance(t, Tensor) else Tensor(t) for t in inputs)
    if mask is not None:
        x = lay(mask, x[...], model.name)
    with no_grad(), TrainingMode(False):
        y = model.forward(x, *more)
    if isinstance(y, Tensor):
        return y.mask
    return next((t.mask for t in model.flat(y) if t.mask is not None), None)


class Predictor:
    """Runs a model forward on batches and gathers what comes out."""

    def __init__(self, model: Network, eager: bool) -> None:
        self.model = model
        common = (eager, True, self._state, partial(versions, [model]), model._all_locks)
        self.step = Step("predict", self._outputs, ["x"], model.labels, *common)

    def _state(self) -> list[Tensor]:
        """What layers may change even here: buffers, and tensors that they keep."""
        return [t for t in kept_by(self.model.modules()) if not isinstance(t, Parameter)]

    def _outputs(self, *inputs: Tensor) -> list[Tensor]:
        with no_grad(), TrainingMode(False):
            made = self.model.flat(self.model.forward(*inputs))
        rows = len(inputs[0].data)
        for y in made:
            if y.shape[:1] != (rows,):  # NumPy would lay one row into the places of all
                raise ValueError(
                    f"{self.model.name}: {rows} samples went in, but the result has shape "
                    f"{y.shape}: expected a row for each sample."
                )
        return made

    def once(self, data: list[Array], entry: list[DType]) -> Outputs:
        """Outputs (n, ...) for a few samples, all at once, with nobody to tell."""
        pairs = zip(data, entry, strict=True)
        inputs = self.step.inputs(*((array.shape, dtype) for array, dtype in pairs))
        for into, array in zip(inputs, data, strict=True):
            np.copyto(into, array, casting="unsafe")
        self.step.expect(1)
        return self.model.packed([output.copy() for output in self.step.run(inputs)])

    def run(self, feed: ArrayFeed, callbacks: Callbacks) -> Outputs:
        """Outputs (n, ...) for all samples, in memory of the caller's own."""
        hooks = ("on_predict_batch_begin", "on_predict_batch_end")
        callbacks.on_predict_begin(None)
        if any(map(callbacks.listens, hooks)):
            result = self._all(feed, callbacks)
        else:  # all of it with the same weights
            result = hold(self.model._all_locks(), self._all, feed, callbacks)
        callbacks.on_predict_end(None)
        return result

    def _all(self, feed: ArrayFeed, callbacks: Callbacks) -> Outputs:
        rows = min(feed.size, len(feed) * feed.batch_size)
        result: list[Array] = []
        for number, (_, start, stop) in enumerate(feed.batches()):
            callbacks.on_predict_batch_begin(number, None)
            result = hold(self.model._all_locks(), self._batch, feed, start, stop, rows, result)
            part = self.model.packed([output[start:stop] for output in result])
            callbacks.on_predict_batch_end(number, {"outputs": part})
        return self.model.packed(result)

    def _batch(
        self, feed: ArrayFeed, start: int, stop: int, rows: int, result: list[Array]
    ) -> list[Array]:
        """Put the outputs for one batch where they belong, in memory for all rows."""
        self.step.expect(len(feed))
        outputs = self.step.run(self.step.inputs(*feed.specs(stop - start)), (), feed, start)
        result = result or [np.empty((rows, *y.shape[1:]), y.dtype) for y in outputs]
        for into, output in zip(result, outputs, strict=True):
            into[start:stop] = output
        return result

    def stream(self, feed: StreamFeed, told: Sequence[Callback]) -> Outputs:
        """Outputs for all samples of batches that arrive one by one."""
        parts: list[Outputs] = []
        callbacks = Callbacks(check(told), self.model, {"steps": len(feed) or None})
        nobody = Callbacks([], self.model, {})
        callbacks.on_predict_begin(None)
        for number, (batch, _, _) in enumerate(feed.batches()):
            callbacks.on_predict_batch_begin(number, None)
            parts.append(self.run(batch, nobody))
            callbacks.on_predict_batch_end(number, {"outputs": parts[-1]})
        callbacks.on_predict_end(None)
        flat = [self.model.flat(part) for part in parts]
        return self.model.packed([_joined(list(column)) for column in zip(*flat, strict=True)])


def _joined(parts: list[Array]) -> Array:
    """All outputs, one after another."""
    shapes = list(dict.fromkeys(part.shape[1:] for part in parts))
    if len(shapes) > 1:
        raise ValueError(
            f"predict: the outputs of one sample have the shape {shapes[0]} in one batch and "
            f"{shapes[1]} in another, so they form no array. Predict batch by batch: "
            "[model.predict(x) for x in batches]."
        )
    return np.concatenate(parts)
