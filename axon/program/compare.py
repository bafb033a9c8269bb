"""Compare: the second batch is recorded, too, and must have done what the first one did.

A replay repeats what was written down. Whatever a step takes from elsewhere, from NumPy's random
numbers, a Python counter or ``tensor.data``, would be frozen without a word: here it is found out.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.core import Tensor
from axon.facts import Meta
from axon.modes import RecordingError
from axon.program.trace import Instruction


class Imprint(NamedTuple):
    """What is kept of an instruction to compare it with another: no results, only where from."""

    name: str
    scope: str
    meta: Meta
    sources: list[Any]  # the number of a result, or a tensor from outside the step


def imprints(instructions: Sequence[Instruction], inputs: Sequence[Tensor]) -> list[Imprint]:
    """Write down what each instruction did, and to what."""
    numbers = {id(t): -1 - i for i, t in enumerate(inputs)}
    kept = []
    for number, instruction in enumerate(instructions):
        sources = [numbers.get(id(t), t) for t in instruction.inputs]
        name, meta = instruction.primitive.name, instruction.meta
        kept.append(Imprint(name, instruction.scope, meta, sources))
        if instruction.kind != "writes":
            numbers[id(instruction.out)] = number
    return kept


def demand_same(step: str, first: Sequence[Imprint], second: Sequence[Imprint]) -> None:
    """Raise RecordingError, naming operation and layer, where two recordings differ."""
    for a, b in zip(first, second, strict=False):
        what = _difference(a, b)
        if what:
            place = f" in layer {b.scope!r}" if b.scope else ""
            raise RecordingError(
                f"step {step!r} cannot be replayed: {what}{place}. A replay would repeat what it "
                "did on the first batch for ever. Compute it from the step's own tensors, draw "
                "random numbers with a layer (Dropout, GaussianNoise, axon.ops.uniform with a key "
                "that is counted up), count in a Buffer, or use compile(..., eager=True), which "
                "does not record."
            )
    if len(first) != len(second):
        raise RecordingError(
            f"step {step!r} cannot be replayed: it was {len(first)} operations on the first batch "
            f"and {len(second)} on the second. What it does must not depend on Python values that "
            "change; use axon.ops.where, or compile(..., eager=True), which does not record."
        )


def _difference(a: Imprint, b: Imprint) -> str:
    if a.name != b.name or len(a.sources) != len(b.sources):
        return f"the first batch went through {a.name!r} where the second went through {b.name!r}"
    for key, value in a.meta.items():
        if not _equal(value, b.meta.get(key)):
            return (
                f"{b.name!r} had {key}={value} on the first batch, {b.meta.get(key)} on the second"
            )
    for x, y in zip(a.sources, b.sources, strict=True):
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            if not _same_values(x, y):
                was, now = _shown(x), _shown(y)
                return f"{b.name!r} was given {was} on the first batch, other {now} on the second"
        elif not (isinstance(x, int) and isinstance(y, int) and x == y):
            return f"{b.name!r} was given the result of another operation"
    return ""


def _equal(x: Any, y: Any) -> bool:
    return bool(np.array_equal(x, y)) if isinstance(x, np.ndarray) else bool(x == y)


def _same_values(x: Tensor, y: Tensor) -> bool:
    """The same tensor, a window on the same memory, or equal numbers."""
    if x is y or x.data is y.data:
        return True
    same = x.shape == y.shape and x.dtype == y.dtype
    if same and x.data.ctypes.data == y.data.ctypes.data and x.data.strides == y.data.strides:
        return True
    return same and bool(np.array_equal(x.data, y.data, equal_nan=x.dtype.kind == "f"))


def _shown(t: Tensor) -> str:
    return f"{t.data.item():.6g}" if t.size == 1 else f"numbers of shape {t.shape}"
