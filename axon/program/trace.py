"""Trace: run a step once, eagerly, and write down every primitive that comes through the door."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from axon.core import Primitive, Tensor
from axon.facts import Meta
from axon.modes import modes


class Instruction(NamedTuple):
    """One application of a primitive. What it ``writes`` in place is its own result."""

    primitive: Primitive
    inputs: tuple[Tensor, ...]
    out: Tensor
    meta: Meta
    scope: str = ""  # the layer for which it was done; nothing for the loss and the update
    phase: str = "forward"  # or "backward", or "update"

    @property
    def kind(self) -> str:
        """Fills, views or writes."""
        return self.primitive.kind

    @property
    def changed(self) -> tuple[Tensor, ...]:
        """The inputs that are changed in place."""
        return self.inputs[: self.primitive.writes]


class Trace:
    """The recorder: a list that grows by one instruction for each call of ``apply``."""

    freezes = True  # a replay repeats what Python saw, so Python must not see values

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []

    def record(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], out: Tensor, meta: Meta
    ) -> None:
        """Take note of one application."""
        place = (modes.scope, modes.phase)
        self.instructions.append(Instruction(primitive, inputs, out, meta, *place))


def trace(
    function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]
) -> tuple[list[Instruction], list[Tensor]]:
    """Run ``function(*inputs)`` and return what it did, and what it returned.

    >>> from axon import ops
    >>> instructions, outputs = trace(lambda x: [ops.exp(x) + 1.0], [Tensor([0.0])])
    >>> [i.primitive.name for i in instructions], outputs
    (['exp', 'add'], [Tensor([2.], dtype=float32)])
    """
    if modes.recorder is not None:
        raise RuntimeError("a step is being recorded already: one cannot be recorded inside it.")
    try:
        modes.recorder = Trace()
        outputs = list(function(*inputs))
        instructions: list[Instruction] = modes.recorder.instructions
        return instructions, outputs
    finally:
        modes.recorder = None
