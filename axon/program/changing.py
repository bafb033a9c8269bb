"""Numbers that Python changes between steps, such as rates: by hand, or by a schedule.

Programs that were recorded read them anew in each step; where compiled kernels do some steps in one
go, they are handed what the numbers will be.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from axon.backend import Array
from axon.core import Tensor

ByStep = Callable[[int], float]  # of the number of updates so far
Rate = float | ByStep
Check = Callable[[str, str, object], float]  # (owner, name, value) -> the number, or an error


class Coming(NamedTuple):
    """Numbers that Python changes between steps, and what they will be: a learning rate, say.

    Attributes:
        arrays: what programs read, a number in each.
        of_step: what they hold in the step after so many others; not asked for the first.
    """

    arrays: tuple[Array, ...]
    of_step: Callable[[int], Sequence[float]]

    def put(self, numbers: Sequence[float]) -> None:
        """Let the arrays hold these."""
        for array, number in zip(self.arrays, numbers, strict=True):
            array[...] = number

    def set(self, step: int) -> bool:
        """Let the arrays hold what they will; whether that could be told."""
        for numbers in self.values(step, 1):
            self.put(numbers)
            return True
        return False

    def values(self, first: int, steps: int) -> list[Sequence[float]]:
        """What they will be in some steps; up to the first of which it cannot be told.

        Whoever comes to that step asks again, and so finds out what is wrong.
        """
        found: list[Sequence[float]] = []
        try:
            for step in range(first, first + steps):
                found.append(self.of_step(step) if step else [float(a) for a in self.arrays])
        except Exception:
            return found
        return found


def together(found: Iterable[Coming | None]) -> Coming | None:
    """All of them as one; None if there is none.

    >>> one = Coming((np.zeros(()),), lambda step: [1.0 * step])
    >>> together([one, None, one]).of_step(3)
    [3.0, 3.0]
    """
    some = [coming for coming in found if coming is not None]
    if len(some) < 2:
        return some[0] if some else None
    arrays = tuple(array for coming in some for array in coming.arrays)
    return Coming(arrays, lambda step: [x for coming in some for x in coming.of_step(step)])


class Changing:
    """A number that may change while recorded programs run.

    Args:
        owner: whose it is, for errors.
        name: what it is called there.
        value: the number; or a schedule, a function of the number of updates so far.
        check: what such a number may be.
        forms: what programs read of it, some numbers; None: the number itself.

    Attributes:
        value: what it is now.
        schedule: what it follows; None: it is set by hand.
        tensors: what programs read, in float64.

    >>> rate = Changing("Dropout", "rate", lambda step: 0.5 / (1 + step), lambda *given: given[2])
    >>> rate.follow(4)
    >>> rate.value, rate.tensors[0].item()
    (0.1, 0.1)
    """

    def __init__(
        self,
        owner: str,
        name: str,
        value: Rate,
        check: Check,
        forms: Callable[[float], Sequence[float]] | None = None,
    ) -> None:
        self.owner, self.name, self.check, self.forms = owner, name, check, forms
        self.step: int | None = None  # for which it is; None: nobody has said
        count = 1 if forms is None else len(forms(0.0))
        self.tensors = tuple(Tensor(np.zeros((), np.float64)) for _ in range(count))
        self.schedule: ByStep | None = None
        self.set(value)

    @property
    def acts(self) -> bool:
        """Whether it is, or may become, other than 0."""
        return self.schedule is not None or self.value != 0

    def set(self, value: Rate) -> None:
        """Give it another number, or a schedule."""
        if callable(value) and not isinstance(value, type):
            schedule: ByStep = value
            self._put(self._checked(schedule, self.step or 0))
            self.schedule = schedule
        else:
            self._put(self.check(self.owner, self.name, value))
            self.schedule = None

    def follow(self, step: int) -> None:
        """Let it be what its schedule, if it has one, says after so many updates."""
        self.step = step
        if self.schedule is not None:
            self._put(self._checked(self.schedule, step))

    def coming(self, now: int) -> Coming | None:
        """What it will be from update ``now`` on; None if it stays as it is."""
        if (schedule := self.schedule) is None:
            return None
        arrays = tuple(tensor.data for tensor in self.tensors)
        return Coming(arrays, lambda step: self._forms(self._checked(schedule, now + step)))

    def demand_told(self, who: str) -> None:
        """Raise RuntimeError if it follows a schedule, but nobody has said how far that is."""
        if self.schedule is not None and self.step is None:
            raise RuntimeError(
                f"{who}: its {self.name} follows {self.schedule!r}, but nobody has said how many "
                f"updates there were. fit and train_on_batch do; in a loop of your own, call "
                f"layer.follow(step) before each step, or set layer.{self.name} to a number."
            )

    def _checked(self, schedule: ByStep, step: int) -> float:
        return self.check(f"{self.owner} at step {step}", self.name, schedule(step))

    def _forms(self, value: float) -> Sequence[float]:
        return (value,) if self.forms is None else self.forms(value)

    def _put(self, value: float) -> None:
        numbers = self._forms(value)
        self.value = value
        for tensor, number in zip(self.tensors, numbers, strict=True):
            tensor.data[...] = number


class ChangingNumber:
    """An attribute that is a ``Changing``: it reads as a number, and takes one, or a schedule.

    Args:
        check: what such a number may be.
        forms: what programs read of it.
    """

    def __init__(
        self, check: Check, forms: Callable[[float], Sequence[float]] | None = None
    ) -> None:
        self.check, self.forms = check, forms

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.kept = name, f"_{name}"

    @overload
    def __get__(self, thing: None, owner: type) -> "ChangingNumber": ...

    @overload
    def __get__(self, thing: object, owner: type) -> float: ...

    def __get__(self, thing: object, owner: type) -> "float | ChangingNumber":
        return self if thing is None else self.of(thing).value

    def __set__(self, thing: object, value: Rate) -> None:
        if self.kept in vars(thing):
            self.of(thing).set(value)
        else:
            given: Any = (type(thing).__name__, self.name, value, self.check, self.forms)
            vars(thing)[self.kept] = Changing(*given)

    def of(self, thing: object) -> Changing:
        """The number itself."""
        found: Changing = vars(thing)[self.kept]
        return found
