"""Feeds hand out batches: of arrays, in a fresh order each epoch, or as an iterable yields them.

Both know how to find the same place again in another process.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np

from axon.backend import Array, DType, Shape
from axon.callbacks import State
from axon.models.data import Data
from axon.pieces import BYTE, in_parts
from axon.random import get_state, set_state, stream

LABEL = np.dtype(np.int64)  # what whole-number targets are converted to, batch by batch


Batch = tuple["ArrayFeed", int, int]  # where it lies: samples start up to stop of a feed


class ArrayFeed:
    """Columns of samples (x, y, weights), handed out by batches, in a fresh order each epoch.

    Args:
        columns: arrays of one length.
        entry: what the first of them, the inputs, are converted to.
        batch_size: samples in each batch; the last one may be shorter.
        order: in which samples are taken, shuffled in place; None leaves them as they are.
        steps: batches in an epoch, if not all.
    """

    def __init__(
        self,
        columns: list[Array],
        entry: Sequence[DType],
        batch_size: int,
        order: Array | None = None,
        steps: int | None = None,
    ) -> None:
        self.columns, self.entry = columns, tuple(entry)
        self.batch_size, self.order = batch_size, order
        self.size = len(columns[0])
        self.steps = -(-self.size // batch_size) if steps is None else steps
        if self.steps * batch_size >= self.size + batch_size:
            raise ValueError(
                f"{steps} steps of {batch_size} samples need {self.steps * batch_size}, but there "
                f"are {self.size}. Ask for {-(-self.size // batch_size)} steps at most."
            )
        self.back: Callable[[], None] | None = None  # undoes what was built for these samples
        self._numbers: Array | None = None
        self._staging: dict[tuple[int, int], Array] = {}
        self._specs: dict[int, tuple[tuple[Shape, DType], ...]] = {}

    def __len__(self) -> int:
        return self.steps

    @property
    def smallest(self) -> int:
        """The number of samples in the last batch."""
        return min(self.steps * self.batch_size, self.size) - (self.steps - 1) * self.batch_size

    def batches(self, done: int = 0) -> "Iterator[Batch]":
        """Each batch of an epoch.

        Args:
            done: so many batches of the epoch under way were seen already, in the present order.
        """
        if self.order is not None and not done:
            stream("shuffle").shuffle(self.order)
        size = self.batch_size
        for start in range(done * size, self.steps * size, size):
            yield self, start, min(start + size, self.size)

    def state_dict(self) -> State:
        """The order of the samples, in the shortest numbers that can count them."""
        short = np.min_scalar_type(max(self.size - 1, 0))
        return {} if self.order is None else {"order": self.order.astype(short)}

    def load_state_dict(self, state: State, done: int) -> None:
        """Go on with an order that was kept; batches are found by their numbers."""
        del done
        if self.order is not None:
            self.order[...] = state["order"]

    @property
    def numbers(self) -> Array:
        """Which samples are taken, in turn."""
        if self.order is not None:
            return self.order
        if self._numbers is None:
            self._numbers = np.arange(self.size)
        return self._numbers

    def alike(self, start: int, stop: int) -> int:
        """How many batches, this one included, are as large."""
        rest = min(self.size, self.steps * self.batch_size) - start
        return rest // (stop - start)

    def specs(self, rows: int) -> tuple[tuple[Shape, DType], ...]:
        """Shape and type of each column of a batch."""
        if rows not in self._specs:
            types = (column.dtype for column in self.columns[len(self.entry) :])
            wanted = [*self.entry, *(LABEL if t.kind in "iu" else t for t in types)]
            shapes = [(rows, *column.shape[1:]) for column in self.columns]
            self._specs[rows] = tuple(zip(shapes, wanted, strict=True))
        return self._specs[rows]

    def fill(self, start: int, stop: int, inputs: list[Array]) -> None:
        """Copy a batch into arrays that are there, converting types on the way."""
        for number, (column, array) in enumerate(zip(self.columns, inputs, strict=True)):
            rows = column[start:stop] if self.order is None else self.order[start:stop]
            if self.order is None:
                copy = partial(_copy, rows, array)
            elif column.dtype == array.dtype:
                copy = partial(_gather, column, rows, array, array)
            else:
                copy = partial(_gather, column, rows, self._stage(number, len(rows), column), array)
            in_parts(copy, stop - start, 2 * BYTE * array.nbytes)

    def _stage(self, number: int, rows: int, column: Array) -> Array:
        """Where rows wait for conversion: gathered in their own type, made once per batch size."""
        key = (number, rows)
        if key not in self._staging:
            self._staging[key] = np.empty((rows, *column.shape[1:]), column.dtype)
        return self._staging[key]


def _copy(rows: Array, array: Array, start: int, stop: int) -> None:
    np.copyto(array[start:stop], rows[start:stop], casting="unsafe")


def _gather(
    column: Array, order: Array, staged: Array, array: Array, start: int, stop: int
) -> None:
    """Some of the rows: ``staged`` is where they wait for conversion, or the array itself."""
    np.take(column, order[start:stop], axis=0, out=staged[start:stop], mode="clip")
    if staged is not array:
        np.copyto(array[start:stop], staged[start:stop], casting="unsafe")


# ------------------------------------------------------------------------------------ streams


@runtime_checkable
class Resumable(Protocol):
    """An iterable with a memory of its own, such as random numbers: it says what it remembers."""

    def state_dict(self) -> State:
        """What it would have to know, before an epoch, to yield the same batches again."""

    def load_state_dict(self, state: State) -> None:
        """Take that back."""


class StreamFeed:
    """Batches that arrive one by one from an iterable of (x, y) or (x, y, sample_weight).

    Args:
        iterable: a list of batches, a generator, a data loader ...
        check: turns an item into a checked ArrayFeed, which is one batch.
        steps: batches in an epoch; None: until the iterable ends. A generator goes on in the next
            epoch where it was, anything else begins anew.
        owner: the method that reads it, for errors.

    Raises:
        ValueError: there is not a single batch, or it ends early.
    """

    def __init__(
        self,
        iterable: Iterable[Data],
        check: Callable[[Data], ArrayFeed],
        steps: int | None,
        owner: str = "fit",
    ) -> None:
        self.iterable, self.check, self.steps, self.owner = iterable, check, steps, owner
        self.back: Callable[[], None] | None = None  # undoes what was built for the first batch
        self.once = iter(iterable) is iterable  # a generator: it cannot begin anew
        self.taken = 0  # items since it began
        self._begin()
        self._waiting = [self.check(self._next(0))]
        self.specs = self._waiting[0].specs(1)  # shape and type of what it yields

    def __len__(self) -> int:
        return self.steps or 0

    @property
    def waiting(self) -> Sequence[ArrayFeed]:
        """Batches that were taken to be looked at: the first one, until it is learned from."""
        return tuple(self._waiting)

    def _begin(self) -> None:
        """Start over, and note what it takes to yield the same once more."""
        self._before = {"random": get_state(others=True), "own": self._own()}
        self._items, self.taken = iter(self.iterable), 0

    def _own(self) -> State:
        return self.iterable.state_dict() if isinstance(self.iterable, Resumable) else {}

    def batches(self, done: int = 0) -> Iterator[Batch]:
        """Each batch of an epoch, checked.

        Args:
            done: so many batches of the epoch under way were taken already.
        """
        waiting, self._waiting = self._waiting, []
        if not (self.once or waiting or done):
            self._begin()
        number = done
        while self.steps is None or number < self.steps:
            if not waiting:
                item = self._next(number)
                if item is _END:
                    return
                waiting = [self._checked(number, item)]
            batch = waiting.pop()
            yield batch, 0, batch.size
            number += 1

    def _checked(self, number: int, item: Data) -> ArrayFeed:
        try:
            return self.check(item)
        except (TypeError, ValueError) as error:
            raise type(error)(f"batch {number} of the iterable: {error}") from None

    def _next(self, number: int) -> Data:
        item = next(self._items, _END)
        if item is _END and (number == 0 or self.steps is not None):
            if self.owner == "predict" and not number:
                raise ValueError(f"predict: the iterator yields no batches. {self._hint()}")
            wanted = f", but {self.steps} were expected" if self.steps else ""
            raise ValueError(f"the iterable ended after {number} batches{wanted}. {self._hint()}")
        self.taken += item is not _END
        return item

    def _hint(self) -> str:
        if self.once:
            return (
                "It can be read only once: make a new one. Or pass something that begins anew, "
                "such as a list or an object whose __iter__ makes a new iterator."
            )
        if self.steps is None:
            return "An epoch needs at least one." if self.owner == "fit" else ""
        return (
            f"Lower {'steps_per_epoch' if self.owner == 'fit' else 'steps'}, or let it yield more."
        )

    # -------------------------------------------------------------------- resuming

    def state_dict(self) -> State:
        """How many batches were taken, and what the iterable and all chance were before that."""
        waits = bool(self._waiting)
        return {"taken": self.taken, "waits": waits, "before": self._before, "own": self._own()}

    def load_state_dict(self, state: State, done: int) -> None:
        """Find the place again: skip what was taken already, in an iterable that begins anew.

        Args:
            state: what ``state_dict`` gave.
            done: the batches of the epoch under way that were taken.

        Raises:
            ValueError: it ends before that.
        """
        waits = bool(state["waits"])
        if self.once:  # a new generator, of which the first batch was taken
            self._skip(int(state["taken"]) - self.taken)
        elif done or waits:
            self._rewind(state["before"])
            self._skip(done)
        elif isinstance(self.iterable, Resumable):
            self.iterable.load_state_dict(state["own"])
        if not waits:
            self._waiting = []
        elif not self.once:
            self._waiting = [self.check(self._next(0))]

    def _rewind(self, before: State) -> None:
        """Begin the epoch under way once more."""
        set_state(before["random"])
        if isinstance(self.iterable, Resumable):
            self.iterable.load_state_dict(before["own"])
        self._begin()

    def _skip(self, count: int) -> None:
        for number in range(count):
            if next(self._items, _END) is _END:
                raise ValueError(
                    f"the iterable ended after {self.taken} batches, but the backup was made after "
                    f"{self.taken + count - number}. Pass one that yields the same batches again; "
                    "a generator has to be made anew for that."
                )
            self.taken += 1


_END = object()

AnyFeed = ArrayFeed | StreamFeed
