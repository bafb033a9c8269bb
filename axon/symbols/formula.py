"""Formulas: what a kernel does, as calls without loops, branches or overwritten memory.

``evaluate`` does them with NumPy, so that a test can ask whether a formula is right.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.core import Primitive
from axon.facts import Meta
from axon.locks import Lock
from axon.symbols.symbol import (
    BEGINS,
    EACH,
    MAKES,
    WRITES_FIRST,
    Keywords,
    Spot,
    Symbol,
    Version,
    fresh,
    function_of,
    questions,
    xp,
)
from axon.threads import InOrder

_one_at_a_time = Lock()  # questions are noted in one list


class Formula(NamedTuple):
    """What a kernel would do, if all that it asks is not so.

    Attributes:
        versions: in the order in which they are made.
        results: where they are in the end.
        asks: whether the kernel asked for the truth of a condition. It may be one that spares work,
            or one for which it raises an error.
    """

    versions: list[Version]
    results: list[Spot]
    asks: bool

    @property
    def functions(self) -> set[str]:
        """What of NumPy it uses."""
        return {v.function for v in self.versions} - BEGINS

    @property
    def by_number(self) -> bool:
        """Whether each number of a result is computed from those at the same place, and no others.

        So it is if all functions work number by number, and none writes or reads but a part.
        """
        complete = all(place.everything for version in self.versions for place in version.places())
        return complete and self.functions <= EACH | {"asarray"}

    def __str__(self) -> str:
        """A line for each call; numbers stand for versions, letters for what is given."""
        names: dict[int, str] = {}
        lines: list[str] = []
        for version in self.versions:
            if version.function == "given":
                names[id(version)] = "xyzabcdefgh"[version.args[0]]
            elif version.function != "unwritten":
                names[id(version)] = f"%{len(lines)}"
                args = ", ".join(_shown(a, names) for a in version.args)
                lines.append(f"%{len(lines)} = {version.function}({args})")
        return "\n".join(lines)


def _shown(value: object, names: dict[int, str]) -> str:
    return names.get(id(value.version), "?") if isinstance(value, Spot) else str(value)


def formula_of(p: Primitive, arrays: Sequence[Array], meta: Meta) -> Formula:
    """Run a primitive's kernel on symbols of these arrays' shapes and types.

    Raises:
        ValueAskedFor: the kernel decides by values.
        AttributeError: it uses a function that is not in the list of ``axon.symbols.symbol``.
        ValueError: it copies where it should view.

    >>> from axon import ops
    >>> print(formula_of(ops.multiply, [np.ones(3), np.ones(3)], {}))
    %0 = multiply(x, y)
    """
    return _one_at_a_time.run(_derive, p, arrays, meta)


def _derive(p: Primitive, arrays: Sequence[Array], meta: Meta) -> Formula:
    with InOrder():  # pieces of a product are versions one of another
        questions.clear()
        results = _run(p, arrays, meta)
        return Formula(_in_order(results), results, bool(questions))


def _run(p: Primitive, arrays: Sequence[Array], meta: Meta) -> list[Spot]:
    given = [fresh(a.shape, a.dtype, "given", i) for i, a in enumerate(arrays)]
    shadows = [symbol.shadow for symbol in given]
    handed = list(given)
    if p.kind == "fills":
        handed.insert(0, fresh(*p.result(*shadows, **meta), "unwritten"))
    extra: dict[str, list[Symbol]] = {}
    if p.workspace:
        specs = p.workspace(*shadows, **meta)
        extra["workspace"] = [fresh(*spec, "unwritten") for spec in specs]
    out = p.kernel(*handed, xp=xp, **meta, **extra)
    if p.kind == "views":
        return [out.place()]
    return [symbol.place() for symbol in handed[: max(p.writes, 1)]]


def _in_order(results: list[Spot]) -> list[Version]:
    found: dict[int, Version] = {}
    waiting = [place.version for place in results]
    while waiting:
        version = waiting.pop()
        if version.number not in found:
            found[version.number] = version
            waiting += [place.version for place in version.places()]
    return [found[number] for number in sorted(found)]


def evaluate(formula: Formula, arrays: Sequence[Array]) -> list[Array]:
    """Do it with NumPy; memory begins with every bit 1, which as a float is NaN.

    >>> from axon.activations import sigmoid
    >>> evaluate(formula_of(sigmoid, [np.zeros(1)], {}), [np.zeros(1)])
    [array([0.5])]
    """
    values: dict[int, Array] = {}

    def number(value: object) -> object:
        if isinstance(value, Spot):
            return value.of(values[value.version.number])
        return tuple(map(number, value)) if isinstance(value, tuple) else value

    for version in formula.versions:
        if version.function == "given":
            given = arrays[version.args[0]].tobytes()
            values[version.number] = np.frombuffer(given, np.uint8).copy()
        elif version.target is None:
            values[version.number] = np.full(version.nbytes, 255, np.uint8)
        else:
            memory = values[version.target.version.number].copy()
            values[version.number] = memory
            options = {key: number(value) for key, value in version.options.items()}
            args = [number(a) for a in version.args]
            _do(version.function, version.target.of(memory), args, options)
    return [place.of(values[place.version.number]) for place in formula.results]


def _do(name: str, place: Array, args: list[object], options: Keywords) -> None:
    function = function_of(name)
    if name in WRITES_FIRST:
        function(place, *args, **options)
    elif name in MAKES:
        place[...] = function(*args, **options)
    else:
        function(*args, out=place, **options)
