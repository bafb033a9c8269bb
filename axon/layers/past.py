"""What layers keep of the steps before, where a model reads a sequence one step at a time.

While a ``Past`` is in force (``modes.past``), what comes in are the next steps of sequences, and
layers act as if they were given all: attention keeps keys and values, recurrent layers their
states, positions go on counting.
"""

from typing import NoReturn

import numpy as np

from axon.backend import Array
from axon.core import Tensor
from axon.layers.base import Layer
from axon.ops.compare import where
from axon.ops.memory import copy


class Past:
    """The steps before: how many there were, and what layers keep of them.

    Args:
        length: how many steps there may be at most.

    Steps are read one at a time, but for the first, which may be several; they fill arrays for all
    steps there will be, so that each step after them does the same work and can be recorded.

    Attributes:
        place: how many steps there were before, () int64.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.place = Tensor(np.zeros((), np.int64))
        self.kept: dict[tuple[int, int], list[Tensor]] = {}
        self._calls: dict[int, int] = {}

    @property
    def fresh(self) -> bool:
        """Whether nothing was read yet."""
        return not self.place.data

    def begin(self) -> None:
        """Before each reading: layers that are called several times keep something for each."""
        self._calls.clear()

    def advance(self, steps: int) -> None:
        """After each reading: so many steps were read."""
        self.place.data[...] += steps

    def tensors(self) -> list[Tensor]:
        """All that is kept."""
        return [tensor for kept in self.kept.values() for tensor in kept]

    def places(self, time: int) -> Tensor:
        """The places of the steps that are read now, (time,)."""
        ahead: Tensor = self.place + Tensor(np.arange(time))
        return ahead

    def key(self, layer: Layer) -> tuple[int, int]:
        """Under what this call of a layer finds what it kept."""
        count = self._calls.get(id(layer), 0)
        self._calls[id(layer)] = count + 1
        return id(layer), count

    def extended(self, layer: Layer, *new: Tensor) -> list[Tensor]:
        """Keys or values of all steps, (..., length, size), of those of the steps read now.

        What lies behind the present step is 0, or old.
        """
        key = self.key(layer)
        if key not in self.kept:
            self.kept[key] = [self._filled(x) for x in new]
            return list(new)
        at = Tensor(np.arange(self.length)[:, None]) == self.place
        kept = self.kept[key]
        for memory, x in zip(kept, new, strict=True):
            memory.assign(where(at, x, memory))
        return kept

    def states(self, layer: Layer) -> tuple[tuple[int, int], list[Tensor]]:
        """Under what a recurrent layer keeps its states, and those it left; none at first."""
        key = self.key(layer)
        return key, [copy(state) for state in self.kept.get(key, [])]

    def keep(self, key: tuple[int, int], states: list[Tensor]) -> None:
        """Keep the states after the last step."""
        if key not in self.kept:
            self.kept[key] = [Tensor(state.data.copy()) for state in states]
            return
        for memory, state in zip(self.kept[key], states, strict=True):
            memory.assign(state)

    def _filled(self, x: Tensor) -> Tensor:
        """Memory for all steps, whose first are these."""
        *front, time, size = x.shape
        memory: Array = np.zeros((*front, self.length, size), x.dtype)
        memory[..., :time, :] = x.data
        return Tensor(memory)

    def visible(self, time: int, window: int | None) -> Tensor:
        """Which steps the ones that are read now may look at: (time, length) truth values.

        Of the first reading, (time, time): nothing lies behind it.
        """
        if self.fresh:
            return Tensor(band(time, time, True, window))
        every, here = Tensor(np.arange(self.length)), self.places(time)[:, None]
        seen: Tensor = every <= here
        return seen if window is None else seen * (every > here - window)

    def refuse(self, layer: Layer, why: str) -> NoReturn:
        """Raise ValueError: this layer can not go on from the steps before."""
        raise ValueError(
            f"layer {layer.name!r}: it cannot read a sequence step by step: {why}. Generate with "
            "cached=False, which computes all steps anew for each one."
        )


def band(q: int, k: int, causal: bool, window: int | None) -> Array:
    """Which of k steps each of q may look at: truth values (q, k).

    Args:
        q: steps that look.
        k: steps that are looked at.
        causal: not those that come later.
        window: less than so many steps away.

    >>> band(3, 3, True, 2).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """
    away = np.arange(q)[:, None] - np.arange(k)
    seen: Array = away >= 0 if causal else np.ones((q, k), bool)
    return seen if window is None else seen & (abs(away) < window)
