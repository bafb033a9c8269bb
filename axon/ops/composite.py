"""Functions made of primitives: written for Tensors, and called with arrays as well."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from inspect import CO_VARARGS
from typing import Annotated, NamedTuple, Protocol, overload

from axon.backend import Array, ArrayLike, as_arrays, float_type, joining
from axon.core import Tensor
from axon.modes import Mode

IntegerTensor = Annotated[Tensor, "keeps its type"]  # an argument of whole numbers, beside floats
SeveralTensors = tuple[Tensor, ...]
Tensors = Tensor | Sequence[Tensor]


class Composite(Protocol):
    """Returns a Tensor if it is handed one, otherwise an array."""

    @overload
    def __call__(self, x: Tensors, /, *args: object, **named: object) -> Tensor: ...

    @overload
    def __call__(self, x: ArrayLike, y: Tensor, /, *args: object, **named: object) -> Tensor: ...

    @overload
    def __call__(self, *args: ArrayLike | None, **named: object) -> Array: ...


class SeveralResults(Protocol):
    """Returns Tensors if it is handed one, otherwise arrays."""

    @overload
    def __call__(self, x: Tensors, /, *args: object, **named: object) -> SeveralTensors: ...

    @overload
    def __call__(self, *args: ArrayLike | None, **named: object) -> tuple[Array, ...]: ...


class Accepted(NamedTuple):
    """What a composite takes, by name."""

    names: tuple[str, ...]
    tensors: list[str]
    sequences: set[str]
    places: set[str]  # tensors that do not join the precision of others
    any_number: str | None  # ``*xs``, which are tensors

    @classmethod
    def of(cls, function: Callable[..., object]) -> "Accepted":
        """Read from the annotations: ``Tensor``, ``Tensor | None``, ``Sequence[Tensor]``."""
        code, hints = function.__code__, function.__annotations__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        tensors = [name for name in names if "Tensor" in str(hints[name])]
        sequences = {name for name in tensors if "Sequence" in str(hints[name])}
        places = {name for name in tensors if "keeps its type" in str(hints[name])}
        any_number = code.co_varnames[len(names)] if code.co_flags & CO_VARARGS else None
        return cls(names, tensors, sequences, places, any_number)


@overload
def composite(function: Callable[..., Tensor]) -> Composite: ...
@overload
def composite(function: Callable[..., SeveralTensors]) -> SeveralResults: ...
def composite(function: Callable[..., object]) -> object:
    """Declare a function of Tensors: ``@composite``. It then takes arrays, too, as primitives do.

    Which of its arguments are tensors, its annotations say. Numbers and arrays that meet a Tensor
    take its precision. If there is no Tensor among them, the result is an array, or a tuple of
    arrays.

    >>> @composite
    ... def cube(x: Tensor, shift: float = 0.0) -> Tensor:
    ...     return x * x * x + shift
    >>> cube([1.0, 2.0], 1.0)
    array([2., 9.])
    >>> cube(Tensor([1.0, 2.0]))
    Tensor([1., 8.], dtype=float32)
    """
    takes = Accepted.of(function)
    of_one = takes.tensors == [*takes.names[:1]] and not takes.sequences

    @wraps(function)
    def call(*args: object, **named: object) -> object:
        if of_one and args and isinstance(args[0], Tensor):
            return function(*args, **named)
        if takes.any_number:
            first = function.__code__.co_argcount
            several: dict[str, object] = {takes.any_number: args[first:]}
            return _of_any(partial(function, *args[:first]), several, named, takes)
        given = dict(zip(takes.names, args, strict=False))
        if len(args) > len(takes.names) or given.keys() & named.keys():
            return function(*args, **named)  # an error, in Python's words
        given |= named
        tensors = {name: given.pop(name) for name in takes.tensors if name in given}
        return _of_any(function, tensors, given, takes)

    return call


def _of_any(
    function: Callable[..., object],
    tensors: dict[str, object],
    rest: dict[str, object],
    takes: Accepted,
) -> object:
    """Call it with a Tensor in place of each number and array."""
    several = {*takes.sequences, takes.any_number}
    tensors = {**tensors, **{n: _placed(tensors[n]) for n in takes.places & tensors.keys()}}
    values = {name: _values(given, name in several) for name, given in tensors.items()}
    flat = [value for given in values.values() for value in given]
    known = [value for value in flat if isinstance(value, Tensor)]
    made = iter(_joined(flat, known) if known else map(Tensor, as_arrays(flat)))
    ready = {name: [next(made) for _ in given] for name, given in values.items()}
    if takes.any_number:
        args, named = ready[takes.any_number], rest
    else:
        args, named = [], {**rest, **{n: _one(x, n in several) for n, x in ready.items()}}
    if known:
        return function(*args, **named)
    with Mode("recorder", None):  # constants of a program, like those that primitives make
        result = function(*args, **named)
    return tuple(map(_array, result)) if isinstance(result, tuple) else _array(result)


def _placed(given: object) -> object:
    """Numbers as an array, which keeps its type."""
    return given if given is None or isinstance(given, Tensor) else as_arrays([given])[0]


def _values(given: object, several: bool) -> list[object]:
    """The numbers, arrays or Tensors of one argument."""
    if several:
        return list(given)  # type: ignore[call-overload]
    return [] if given is None else [given]


def _one(tensors: list[Tensor], several: bool) -> object:
    return tensors if several else next(iter(tensors), None)


def _joined(flat: Sequence[object], known: Sequence[Tensor]) -> Iterator[Tensor]:
    like = float_type(known, otherwise=known[0].dtype)
    return (v if isinstance(v, Tensor) else Tensor(joining(v, like)) for v in flat)


def _array(result: object) -> object:
    if not isinstance(result, Tensor):
        return result
    return result.data if result.data.ndim else result.data[()]
