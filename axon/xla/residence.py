"""Values that live on a device while steps run, and what NumPy's arrays hold meanwhile.

Whenever Python may look, arrays hold the values. A step notices what was changed there since.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from weakref import WeakValueDictionary

import numpy as np
from jax import Array as Traced

from axon.backend import Array
from axon.xla.outer import Span, Stretch

FEW = 2**14  # bytes


class Piece:
    """A stretch of memory, and its values on a device.

    Attributes:
        array: what Python sees.
        value: what the device has, in a line, whatever shapes programs give it; or None.
    """

    def __init__(self, array: Array) -> None:
        self.array = array
        self.value: Traced | None = None

    def fresh(self, put: Callable[[Array], Traced]) -> Traced:
        """The values on the device, which are uploaded if Python has others."""
        if self.value is None or not _same_bits(self.array.reshape(-1), look(self.value)):
            self.value = put(self.array.reshape(-1))
        return self.value


def look(value: Traced) -> Array:
    """What an array on a device holds; a view, if the device has this memory."""
    array: Array = np.asarray(value if value.is_fully_addressable else value.addressable_data(0))
    return array


def _same_bits(a: Array, b: Array) -> bool:
    if a.nbytes < FEW:
        return a.tobytes() == b.tobytes()  # quicker
    unsigned = np.dtype(f"u{a.itemsize}")
    return np.array_equal(a.view(unsigned), b.view(unsigned))


_pieces: "WeakValueDictionary[tuple[object, ...], Piece]" = WeakValueDictionary()


def piece(place: Stretch, owner: object) -> Piece:
    """The piece at this place: programs of one model share it.

    Args:
        place: where it is.
        owner: the device.
    """
    key = (owner, place.span, place.array.dtype)
    found = _pieces.get(key)
    if found is None:
        found = _pieces[key] = Piece(place.array)
    return found


class Away(threading.local):
    """What of this thread's models is on a device, and newer there than in NumPy's arrays.

    Attributes:
        pieces: by id.
        numbers: what NumPy's numbers were when arrays and device agreed.
        since: another object after each time that Python may have looked, and changed something.
    """

    def __init__(self) -> None:
        self.pieces: dict[int, Piece] = {}
        self.numbers: dict[Span, tuple[Array, Array]] = {}
        self.since = object()

    def begin(self, pieces: Iterable[Piece]) -> None:
        """A step begins; what is on the device but no piece of it comes back first."""
        mine = set(map(id, pieces))
        if any(number not in mine for number in self.pieces):
            self.flush()

    def remember(self, changed: dict[Span, Array]) -> None:
        """Note numbers before they are changed."""
        for span, array in changed.items():
            if span not in self.numbers:
                self.numbers[span] = array, array.copy()

    def keep(self, pieces: Sequence[Piece], values: Sequence[Traced]) -> None:
        """The device has newer values of these."""
        for held, value in zip(pieces, values, strict=True):
            held.value = value
            self.pieces[id(held)] = held

    def value(self, held: Piece, put: Callable[[Array], Traced]) -> Traced:
        """What the device has, or is given now, of a piece."""
        if id(held) in self.pieces and held.value is not None:
            return held.value
        return held.fresh(put)

    def flush(self) -> None:
        """Let NumPy's arrays hold the values; also if somebody interrupts it."""
        self.since = object()
        if not self.pieces:
            self.numbers = {}
            return
        values = [
            (p.array.reshape(-1), look(p.value))
            for p in self.pieces.values()
            if p.value is not None
        ]
        try:
            _copy(values)
        except KeyboardInterrupt:
            _copy(values)  # once more, and whole
            self.pieces, self.numbers = {}, {}
            raise
        self.pieces, self.numbers = {}, {}

    def lose(self, given: Sequence[Piece]) -> None:
        """Forget what is on the device: a step has failed, and arrays hold what was before.

        Args:
            given: what the step was given, which is no longer there.
        """
        self.since = object()
        for held in (*self.pieces.values(), *given):
            held.value = None
        for array, before in self.numbers.values():
            array[...] = before
        self.pieces, self.numbers = {}, {}


def _copy(values: Iterable[tuple[Array, Array]]) -> None:
    for array, value in values:
        np.copyto(array, value)


away = Away()
