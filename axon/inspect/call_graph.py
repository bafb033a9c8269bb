"""The structure of a model as it runs: which layer is called with what, and what comes out."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from axon.core import Tensor
from axon.layers.model_like import ModelLike, calls_go_to
from axon.layers.module import Module
from axon.layers.symbolic import leaves, mapped
from axon.modes import Mode, TrainingMode, modes, no_grad
from axon.program.trace import Instruction, Trace


class ModuleCall:
    """One call of a module while a model ran.

    Attributes:
        module: who was called.
        inputs: the Tensors that went in.
        outputs: the Tensors that came out.
        depth: how many of the calls that are followed surround it.
        start, stop: the instructions in between are ``instructions[start:stop]``.
    """

    def __init__(self, module: Module, inputs: list[Tensor], depth: int, start: int) -> None:
        self.module, self.inputs, self.depth, self.start = module, inputs, depth, start
        self.stop = start
        self.outputs: list[Tensor] = []

    @property
    def output(self) -> Tensor:
        """The first Tensor that came out."""
        return self.outputs[0]


class Structure:
    """One sample of zeros, passed through a model: every instruction, and every call of a module.

    Args:
        model: built already.
        modules: whose calls are followed.

    Raises:
        RuntimeError: the sizes of the model are not known yet.

    >>> from axon.layers import Dense
    >>> from axon.models import Sequential
    >>> model = Sequential([Dense(4, 3, "relu"), Dense(3, 2)])
    >>> structure = Structure(model, model.layers)
    >>> [i.primitive.name for i in structure.instructions]
    ['matmul', 'add', 'relu', 'matmul', 'add']
    >>> [(c.module.name, c.start, c.stop, c.output.shape) for c in structure.calls]
    [('dense', 0, 3, (1, 3)), ('dense_1', 3, 5, (1, 2))]
    """

    def __init__(self, model: ModelLike, modules: Iterable[Module]) -> None:
        if model.input_shape is None:
            raise RuntimeError(
                f"model {model.name!r} is not built: its sizes are not known yet. Fit it, or call "
                "model.build(shape) with the shape of one sample."
            )
        shapes = model.input_shape if model.width > 1 else (model.input_shape,)
        self.inputs = [Tensor(np.zeros((1, *shape), model.input_dtype)) for shape in shapes]
        self.calls: list[ModuleCall] = []
        self._recorder, self._depth = Trace(), 0
        self._recorder.freezes = False  # it is not replayed: Python may ask for values
        with calls_go_to(self._call, modules), Mode("recorder", self._recorder), no_grad():
            with TrainingMode(False), np.errstate(all="ignore"):
                made = model.forward(*self.inputs)
        self.outputs: list[Tensor] = list(leaves(made, Tensor))
        self.output = self.outputs[0]

    @property
    def instructions(self) -> list[Instruction]:
        """All that was computed, in order."""
        return self._recorder.instructions

    def _call(self, module: Module, forward: Any, *inputs: Any, **options: Any) -> Any:
        given = [x for x in (*inputs, *options.values()) if isinstance(x, Tensor)]
        if not given or modes.recorder is not self._recorder:  # a layer that finds its sizes
            return forward(*inputs, **options)
        call = ModuleCall(module, given, self._depth, len(self.instructions))
        self.calls.append(call)
        self._depth += 1
        try:
            out = forward(*inputs, **options)
        finally:
            self._depth -= 1
        passed_on = {id(x) for x in given}  # as they are: what comes out must be others to tell
        out = mapped(out, Tensor, lambda y, _: y[...] if id(y) in passed_on else y)
        call.outputs, call.stop = list(leaves(out, Tensor)), len(self.instructions)
        return out
