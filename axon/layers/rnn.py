"""RNN: a recurrent layer of any cell, also of your own."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from axon.backend import Shape
from axon.core import Tensor
from axon.layers.base import Layer, one_by_one
from axon.layers.cells import (
    CellLayer,
    StackedRNNCells,
    build_cell,
    demand_cell,
    first_states,
    flat_sizes,
    read_through,
    step,
)
from axon.layers.masks import over_steps
from axon.layers.options import LayerOptions
from axon.layers.reader import SequenceReader, told
from axon.ops.compare import where
from axon.ops.join import stack
from axon.ops.recurrent import steps_of


class RNN(SequenceReader):
    """Let a cell read a sequence: (n, time, ...) in, what the cell says out.

    Args:
        cell: LSTMCell, GRUCell, SimpleRNNCell, StackedRNNCells, or a list of cells, which are put
            on top of one another; or a cell of your own: a Layer with an attribute ``state_size``
            (a whole number, or a list of them), ``create(input_shape)``, and ``call(self, inputs,
            states)`` that returns (output, [state after the step, ...]).
        return_sequences: what comes out after each step, (n, time, size), not only the last.
        return_state: the states after the last step come out, too.
        go_backwards: read from the last step to the first; outputs come in the order of reading.
        stateful: the states stay for the next batch, whose sequences go on where those of this one
            ended; ``reset_states`` lets them begin anew.
        unroll: accepted as Keras has it; it changes nothing.
        zero_output_for_mask: where a step is padding, the output is 0; else that of the step
            before.
        options: name, dtype, trainable.

    With AXON's cells it is as fast as LSTM or GRU: all steps are one instruction. Cells of your own
    are applied step by step, and each step is recorded.

    >>> class Counter(Layer):
    ...     state_size = 1
    ...     def call(self, inputs, states):
    ...         count = states[0] + inputs
    ...         return count, [count]
    >>> RNN(Counter(), return_sequences=True)(np.ones((1, 4, 1)))[0, :, 0]
    array([1., 2., 3., 4.], dtype=float32)
    """

    zero_output_for_mask: bool = False

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        chosen = StackedRNNCells(cell) if isinstance(cell, list | tuple) else cell
        demand_cell("RNN", chosen)
        options.setdefault("dtype", chosen.dtype)
        super().__init__(**options)
        self.cell: Layer = chosen
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        if not self._trainable:
            self.trainable = False  # of the cell, too

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may have any length but 0."""
        known = self.input_shape[1:] if self.input_shape else None
        if len(shape) < 3 or not shape[1] or known not in (None, shape[2:]):
            inner = "..." if known is None else ", ".join(map(str, known))
            raise self.misfit(f"(n, time, {inner})", shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of the cell."""
        build_cell(self.cell, input_shapes[0][1:])

    @property
    def state_sizes(self) -> list[int]:
        """Those of the cell."""
        return flat_sizes(self.cell)

    def arranged(self, states: list[Tensor]) -> list[Any]:
        """The states as the cell has them: those of cells on top of one another in lists."""
        if not isinstance(self.cell, StackedRNNCells):
            return states
        given, found = list(states), []
        for cell in self.cell.cells:
            count = len(flat_sizes(cell))
            found.append(given[:count])
            given = given[count:]
        return found

    def _read(self, x: Tensor, real: Tensor, start: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What comes out, and the states after the last step."""
        cells = self._of_one_instruction() if x.ndim == 3 else []
        read = told(self, read_through(cells, x, real, start)) if cells else None
        y, ends = read or self._step_by_step(x, real, start or first_states(self.cell, len(x)))
        if self.zero_output_for_mask and real.shape[1]:
            at = real if self.return_sequences else real[:, -1]
            y = where(over_steps(at, y), y, 0.0)
        return y, ends

    def _of_one_instruction(self) -> list[CellLayer]:
        """The cells, if all are AXON's."""
        cells: list[Any] = [self.cell]
        if isinstance(self.cell, StackedRNNCells):
            cells = self.cell.cells
        return cells if all(isinstance(cell, CellLayer) for cell in cells) else []

    def _step_by_step(
        self, x: Tensor, real: Tensor, states: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        n, time, *inner = x.shape
        rows = x.transpose(1, 0, *range(2, x.ndim)).reshape(time * n, *inner)
        y: Tensor | None = None
        outputs: list[Tensor] = []
        for t, now in enumerate(steps_of(rows, time)):
            new, after = step(self.cell, now, states)
            after = list(one_by_one(after))
            if real.shape[1]:
                here = real[:, t] != 0
                before = Tensor(np.zeros(new.shape, new.dtype)) if y is None else y
                new = where(over_steps(here, new), new, before)
                pairs = zip(after, states, strict=True)
                after = [where(over_steps(here, a), a, b) for a, b in pairs]
            y, states = new, after
            outputs.append(new)
        return (stack(outputs, axis=1) if self.return_sequences else outputs[-1]), list(states)
