"""What all layers share that read a sequence step by step: states, masks, directions."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer, LayerResult, one_by_one
from axon.layers.cells import GivenStates, Passage, Size, state_shape, states_of
from axon.layers.past import Past
from axon.locks import hold
from axon.modes import modes
from axon.ops.memory import copy


class SequenceReader(Layer):
    """What all layers share that read a sequence step by step: (n, time, ...) in, a state out.

    Attributes:
        return_sequences: what comes out after each step, (n, time, size), not only the last.
        return_state: the states after the last step come out, too: (y, h), (y, h, c).
        go_backwards: read from the last step to the first; outputs come in the order of reading.
        stateful: the states stay for the next batch, in which the sequences go on.
        unroll: nothing depends on it here.
    """

    on_mask = masks.USED
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False

    @property
    @abstractmethod
    def state_sizes(self) -> Sequence[Size]:
        """The sizes, or shapes, of all states, one after another."""

    @property
    def states_in_words(self) -> str:
        """What the states are called in errors."""
        return f"the {len(self.state_sizes)} states, each"

    @abstractmethod
    def _read(self, x: Tensor, real: Tensor, start: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What comes out, and, if they are asked for, the states after the last step.

        Args:
            x: (n, time, ...), in the order of reading.
            real: (n, time), False where a step is padding; (n, 0) if none is.
            start: the states before, (n, size) each; none: as the cell begins.
        """

    @property
    def _ends_asked_for(self) -> bool:
        return self.return_state or self.stateful or modes.past is not None

    def call(
        self, x: Tensor, *, mask: Tensor | None = None, initial_state: GivenStates = None
    ) -> LayerResult:
        """Read the sequence.

        Args:
            x: (n, time, features).
            mask: (n, time), False where a step is padding: the state stays as it is.
            initial_state: h (n, units), for an LSTM [h, c]; those of all layers, one after
                another, if there are several. By default zeros; or, if ``stateful``, what the
                batch before left.
        """
        n, time = x.shape[:2]
        real = self._real(mask, n, time)
        if self.go_backwards:
            x, real = x[:, ::-1], real[:, ::-1]
        start = self._start(initial_state, n)
        if modes.past is not None:
            y, ends = self._next(modes.past, x, real, start)
        else:
            y, ends = self._read(x, real, start)
        if self.stateful and not modes.probing:
            for kept, end in zip(self._kept(n), ends, strict=True):
                kept.assign(end)
        return (y, *self.arranged(ends)) if self.return_state else y

    def _next(
        self, past: Past, x: Tensor, real: Tensor, start: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The same, for steps that go on from those before."""
        if self.go_backwards:
            past.refuse(self, "it goes backwards")
        key, states = past.states(self)
        y, ends = self._read(x, real, states or start)
        past.keep(key, ends)
        return y, ends

    def arranged(self, states: list[Tensor]) -> list[Any]:
        """The states as they are returned: one after another."""
        return states

    def _real(self, mask: Tensor | None, n: int, time: int) -> Tensor:
        """Truth values (n, time), or (n, 0) if no step is padding."""
        if mask is None:
            return Tensor(np.zeros((n, 0), bool))
        if mask.shape != (n, time):
            raise ValueError(
                f"layer {self.name!r}: mask must have a truth value for each step, shape "
                f"{(n, time)}, got shape {mask.shape}."
            )
        return mask

    def _start(self, given: GivenStates, n: int) -> list[Tensor]:
        """The states before the first step; none: as the cell begins."""
        if given is not None:
            return states_of(
                self, given, n, self.state_sizes, f"initial_state must be {self.states_in_words}"
            )
        if self.stateful and not modes.probing:
            return [copy(kept) for kept in self._kept(n)]
        return []

    # -------------------------------------------------------------------- from batch to batch

    def reset_states(self, states: GivenStates = None) -> None:
        """Let sequences begin anew, from zeros or from states that are given.

        Args:
            states: as ``initial_state``, for the number of samples that a batch has.

        Raises:
            RuntimeError: the layer is not ``stateful``.
            ValueError: the states do not fit.
        """
        if not self.stateful:
            raise RuntimeError(f"layer {self.name!r}: make it with stateful=True to keep states.")
        hold(self._all_locks(), self._reset, states)

    def reset_state(self) -> None:
        """Let sequences begin anew, as ``reset_states`` does."""
        self.reset_states()

    def _reset(self, states: GivenStates) -> None:
        for kept in self.states:
            kept.data.fill(0)
        if states is not None:
            n = len(one_by_one([states])[0])
            given = states_of(
                self, states, n, self.state_sizes, f"initial_state must be {self.states_in_words}"
            )
            for kept, value in zip(self._kept(n), given, strict=True):
                kept.data[...] = value.data

    @property
    def states(self) -> list[Tensor]:
        """The states that the batch before left, (n, size) each; none before the first batch."""
        return [t for key, t in vars(self).items() if key.startswith("kept_state_")]

    def _kept(self, n: int) -> list[Tensor]:
        """What a ``stateful`` layer keeps for batches of so many samples."""
        names = [f"kept_state_{i}_of_{n}" for i in range(len(self.state_sizes))]
        if names[0] not in vars(self):
            if any(t.data.any() for t in self.states):
                raise ValueError(
                    f"layer {self.name!r}: it is stateful and keeps states for "
                    f"{len(self.states[0])} samples, got a batch of {n}. Give it batches of one "
                    "size, or call reset_states() before sequences begin anew."
                )
            for name, size in zip(names, self.state_sizes, strict=True):
                setattr(self, name, Tensor(np.zeros(state_shape(n, size), self.dtype)))
        return [vars(self)[name] for name in names]

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The same steps, read in the same order; none where only the last output remains."""
        if mask is None or not self.return_sequences:
            return None
        return mask[:, ::-1] if self.go_backwards else mask


def told(reader: SequenceReader, passed: list[Passage]) -> tuple[Tensor, list[Tensor]]:
    """What a layer says of a sequence that its cells have read, and the states at the end."""
    top = passed[-1]
    ends = [end for p in passed for end in p.ends()] if reader._ends_asked_for else []
    if reader.return_sequences:
        return top.outputs(), ends
    return (ends[-top.cell.equations.states] if ends else top.last()), ends
