"""Prediction of graphs whose arrays have no axis of samples: all that enters, in one go.

Such are networks that keep states (layers, batch, units), take single numbers such as a sample rate
or a threshold, or give as many boxes as they find.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from axon.backend import Array, as_array
from axon.core import Tensor
from axon.layers.module import Module
from axon.locks import hold
from axon.models.network import kept_by
from axon.modes import TrainingMode, no_grad
from axon.onnx.ir import ValueInfo
from axon.parameter import Parameter
from axon.program import Step
from axon.settings import versions

AT_A_TIME = 32  # samples


class Taking(Protocol):
    """A GraphModel, as far as it is needed here."""

    name: str
    entries: list[ValueInfo]


class AtOnce:
    """Runs a graph on all that it takes; recorded for each set of shapes and of single integers.

    Args:
        model: the graph.
        eager: never record: what the graph does depends on the data.
    """

    def __init__(self, model: Any, eager: bool = False) -> None:
        self.model = model
        common = (eager, True, self._state, partial(versions, [model]), model._all_locks)
        self.step = Step("predict", self._outputs, model.input_names, model.labels, *common)
        self.step.often = True
        self.step.expect(None)

    def _state(self) -> list[Tensor]:
        """What nodes may change even here: keys of random numbers, running means."""
        parts: list[Module] = list(self.model.modules())
        return [t for t in kept_by(parts) if not isinstance(t, Parameter)]

    def _outputs(self, *inputs: Tensor) -> list[Tensor]:
        with no_grad(), TrainingMode(False):
            made = self.model.forward(*inputs)
        return list(made) if isinstance(made, tuple) else [made]

    def __call__(self, given: Sequence[Any]) -> Any:
        """The output, or a tuple of several, as arrays of the caller's own."""
        arrays = fitting(self.model, given)
        if self.model.graph.get("eager") is None:
            self.model.try_out(arrays)
        made = hold(self.model._all_locks(), self._run, arrays)
        return tuple(made) if len(made) > 1 else made[0]

    def in_blocks(self, given: Sequence[Any], batch_size: int | None = None) -> tuple[Array, ...]:
        """Several outputs for samples, some of these at a time."""
        arrays = fitting(self.model, given)
        size = self.model.only_batch or batch_size or AT_A_TIME
        counts = {len(array) for array in arrays}
        if len(counts) != 1:
            raise ValueError(f"inputs hold different numbers of samples: {sorted(counts)}.")
        parts = []
        for start in range(0, max(len(arrays[0]), 1), size):
            block = [array[start : start + size] for array in arrays]
            parts.append(hold(self.model._all_locks(), self._run, block))
        return tuple(np.concatenate(blocks) for blocks in zip(*parts, strict=True))

    def _run(self, arrays: list[Array]) -> list[Array]:
        inputs = self.step.inputs(*((array.shape, array.dtype) for array in arrays))
        for into, array in zip(inputs, arrays, strict=True):
            np.copyto(into, array)
        pairs = zip(self.model.entries, arrays, strict=True)
        single = tuple(array.item() for entry, array in pairs if is_single(entry, array))
        return [y.copy() for y in self.step.run(inputs, single)]


def is_single(entry: ValueInfo, array: Array) -> bool:
    """Whether an input is a single integer, by which the course of a network may be chosen."""
    return entry.shape == [] and array.ndim == 0 and array.dtype.kind in "iub"


def fitting(model: Taking, given: Sequence[Any]) -> list[Array]:
    """Inputs as arrays of the types and shapes that the file asks for.

    Raises:
        ValueError: one has another shape, or holds numbers that its type cannot hold.
    """
    arrays = []
    for entry, x in zip(model.entries, given, strict=True):
        array = as_array(x)
        dtype = np.dtype(entry.dtype)
        sizes = entry.shape
        fits = sizes is None or (
            len(sizes) == array.ndim
            and all(n in (None, m) for n, m in zip(sizes, array.shape, strict=True))
        )
        if not fits:
            told = ", ".join("any" if n is None else str(n) for n in sizes or ())
            raise ValueError(
                f"model {model.name!r}: input {entry.name!r} must have shape ({told}), got "
                f"{array.shape}."
            )
        if dtype.kind in "iub" and not np.array_equal(array.astype(dtype), array):
            raise ValueError(
                f"model {model.name!r}: input {entry.name!r} holds {dtype.name}, and some of what "
                f"was given, {array.dtype.name}, is none."
            )
        arrays.append(array.astype(dtype, copy=False))
    return arrays
