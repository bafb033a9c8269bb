"""Batches that arrive one by one, and how to find the same place again in another process."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

from axon.models.data import Batches
from axon.random import get_state, set_state


@runtime_checkable
class Resumable(Protocol):
    """An iterable with a memory of its own, such as random numbers: it says what it remembers."""

    def state_dict(self) -> dict[str, Any]:
        """What it would have to know, before an epoch, to yield the same batches again."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take that back."""


class Stream:
    """Batches that arrive one by one from an iterable of (x, y) or (x, y, sample_weight).

    Args:
        iterable: a list of batches, a generator, a data loader ...
        check: turns an item into checked Batches.
        steps: batches in an epoch; None: until the iterable ends. A generator goes on in the next
            epoch where it was, anything else begins anew.
        owner: the method that reads it, for errors.

    Raises:
        ValueError: there is not a single batch, or it ends early.
    """

    def __init__(
        self,
        iterable: Iterable[Any],
        check: Callable[[Any], Batches],
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

    def _begin(self) -> None:
        """Start over, and note what it takes to yield the same once more."""
        self._before = {"random": get_state(others=True), "own": self._own()}
        self._items, self.taken = iter(self.iterable), 0

    def _own(self) -> dict[str, Any]:
        return self.iterable.state_dict() if isinstance(self.iterable, Resumable) else {}

    def pieces(self, done: int = 0) -> Iterator[tuple[Batches, int, int]]:
        """Each batch of an epoch: what was checked, its first and its last-but-one sample.

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

    def _checked(self, number: int, item: Any) -> Batches:
        try:
            return self.check(item)
        except (TypeError, ValueError) as error:
            raise type(error)(f"batch {number} of the iterable: {error}") from None

    def _next(self, number: int) -> Any:
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

    def state_dict(self) -> dict[str, Any]:
        """How many batches were taken, and what the iterable and all chance were before that."""
        waits = bool(self._waiting)
        return {"taken": self.taken, "waits": waits, "before": self._before, "own": self._own()}

    def load_state_dict(self, state: dict[str, Any], done: int) -> None:
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

    def _rewind(self, before: dict[str, Any]) -> None:
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
