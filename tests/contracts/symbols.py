"""Symbols in place of arrays: a kernel that runs on them writes down its own formula.

``formula_of`` hands a kernel symbols, which know shapes, types and where in memory they lie, but no
values, and an ``xp`` that computes nothing: each call becomes a step, and each write makes a new
version of the memory that it goes to. What comes of it is a list of steps without loops, branches
or overwritten memory, from which programs for other devices can be derived. ``evaluate`` does the
steps with NumPy, so that a test can ask whether the formula is right.
"""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

import numpy as np

from axon.core import Primitive

# What of NumPy kernels may use. A function that is not here needs a reason, and then a place in
# whatever derives programs from formulas.
EACH = {  # number by number
    *("absolute", "add", "bitwise_and", "bitwise_or", "bitwise_xor", "clip", "copysign", "copyto"),
    *("cos", "divide", "equal", "exp", "expm1", "floor", "greater", "greater_equal", "hypot"),
    *("less", "less_equal", "log", "log1p", "logical_and", "maximum", "minimum", "multiply"),
    *("negative", "not_equal", "power", "reciprocal", "remainder", "right_shift", "rint", "sign"),
    *("sin", "sinh", "sqrt", "square", "subtract", "tanh"),
}
MANY = {  # of many numbers, or of numbers at other places
    *("add.reduce", "maximum.reduce", "minimum.reduce", "argmax", "matmul", "vecdot"),
    *("take", "add.at"),
}
MAKES = {"arange", "asarray", "ones", "zeros"}  # constants
LAYS = {"moveaxis", "lib", "may_share_memory"}  # views, lib.stride_tricks.as_strided among them
TUNES = {"setbufsize"}  # what changes nothing but the time
FUNCTIONS = EACH | MANY | MAKES | LAYS | TUNES


class Part(NamedTuple):
    """Where in a version of some memory numbers lie."""

    version: "Step"
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype

    def of(self, memory: np.ndarray) -> np.ndarray:
        """The numbers, in the bytes of that version."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        return np.ndarray(self.shape, self.dtype, memory, self.offset, self.strides)


class Step:
    """One version of some memory, and what made it: a call, which wrote to a part of the last one.

    Attributes:
        function: its name in NumPy; "given" and "unwritten" begin a memory.
        args, options: what it is handed, a ``Part`` for each symbol.
        target: where it writes, in the version before.
        nbytes: the size of the memory.
    """

    count = 0

    def __init__(
        self,
        function: str,
        nbytes: int,
        args: Sequence[Any] = (),
        options: dict[str, Any] | None = None,
        target: Part | None = None,
    ) -> None:
        self.function, self.nbytes, self.target = function, nbytes, target
        self.args, self.options = tuple(args), options or {}
        Step.count += 1
        self.number = Step.count

    def before(self) -> Iterator["Step"]:
        """The versions that this one is made from."""
        for value in (*self.args, *self.options.values(), self.target):
            yield from (part.version for part in _parts(value))


def _parts(value: Any) -> Iterator[Part]:
    if isinstance(value, Part):
        yield value
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _parts(inner)


class Memory:
    """Some memory: its bytes, which nobody reads, and the latest version of what is in it."""

    def __init__(self, shadow: np.ndarray, version: Step) -> None:
        self.start, self.version = shadow.ctypes.data, version


class ValueAskedFor(TypeError):
    """A kernel decides by values, which a formula does not know."""


def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
    raise ValueAskedFor("the kernel asks for a value: let it compute, or ask backend.known(...).")


class Symbol:
    """An array without values; what lies where is told by a shadow, an array of zeros like it."""

    __array_ufunc__ = None  # np.exp(symbol) is an error: kernels compute by xp
    __bool__ = __float__ = __int__ = __index__ = __array__ = item = tolist = _refuse
    __array_function__ = astype = copy = _refuse

    def __init__(self, shadow: np.ndarray, memory: Memory) -> None:
        self.shadow, self.memory = shadow, memory
        for name in ("shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides", "flags"):
            setattr(self, name, getattr(shadow, name))

    def part(self) -> Part:
        """What it stands for now."""
        s = self.shadow
        offset = s.ctypes.data - self.memory.start
        return Part(self.memory.version, offset, s.shape, s.strides, s.dtype)

    def __len__(self) -> int:
        return len(self.shadow)

    def __iter__(self) -> "Iterator[Symbol]":
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> "Symbol":
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(p, Symbol) for p in parts):
            _refuse(self)
        return self._view(self.shadow[parts if Ellipsis in parts else (*parts, ...)])

    def __setitem__(self, index: Any, value: Any) -> None:
        _write("copyto", self[index], (value,), {"casting": "unsafe"})

    def _view(self, shadow: np.ndarray) -> "Symbol":
        if shadow.size and not np.may_share_memory(shadow, self.shadow):
            raise ValueError("this view copies its numbers, and a kernel allocates nothing.")
        return Symbol(shadow, self.memory)

    T = property(lambda self: self._view(self.shadow.T))

    def reshape(self, *shape: Any, **options: Any) -> "Symbol":
        """The same numbers in another shape."""
        return self._view(self.shadow.reshape(*shape, **options))

    def transpose(self, *axes: Any) -> "Symbol":
        """The axes in another order."""
        return self._view(self.shadow.transpose(*axes))

    def view(self, dtype: Any) -> "Symbol":
        """The same bytes as another type."""
        return self._view(self.shadow.view(dtype))

    def fill(self, value: Any) -> None:
        """The same number everywhere."""
        _write("copyto", self, (value,), {"casting": "unsafe"})

    def min(self) -> "Symbol":
        """The smallest."""
        return _made("minimum.reduce", (self,), {"axis": None})

    def max(self) -> "Symbol":
        """The largest."""
        return _made("maximum.reduce", (self,), {"axis": None})

    def __neg__(self) -> "Symbol":
        return _made("negative", (self,), {})

    def __lt__(self, other: Any) -> "Symbol":
        return _made("less", (self, other), {})

    def __gt__(self, other: Any) -> "Symbol":
        return _made("greater", (self, other), {})


def _noted(value: Any) -> Any:
    """The same with a part in the place of each symbol."""
    if isinstance(value, Symbol):
        return value.part()
    return tuple(map(_noted, value)) if isinstance(value, tuple | list) else value


def _write(name: str, out: Symbol, args: Sequence[Any], options: dict[str, Any]) -> Symbol:
    noted = {key: _noted(value) for key, value in options.items()}
    memory = out.memory
    memory.version = Step(name, memory.version.nbytes, _noted(list(args)), noted, out.part())
    return out


def _made(name: str, args: Sequence[Any], options: dict[str, Any]) -> Symbol:
    """A result in memory of its own."""
    shadows = [a.shadow if isinstance(a, Symbol) else a for a in args]
    with np.errstate(all="ignore"):
        out = np.zeros_like(np.asarray(_function(name)(*shadows, **options)))
    return _write(name, fresh(out.shape, out.dtype, "unwritten"), args, options)


def _function(name: str) -> Any:
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


class Call:
    """A function of xp: it computes nothing, it is written down."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, out: Symbol | None = None, **options: Any) -> Any:
        if self.name in ("copyto", "add.at"):
            out, *args = args  # type: ignore[assignment]
        if out is None:
            return _made(self.name, args, options)
        return _write(self.name, out, args, options)

    reduce = property(lambda self: xp_function(f"{self.name}.reduce"))
    at = property(lambda self: xp_function(f"{self.name}.at"))


def xp_function(name: str) -> Call:
    """A function, if it is one of those that kernels may use."""
    if name not in FUNCTIONS:
        raise AttributeError(f"xp.{name}: not in the list of what kernels use (symbols.py).")
    return Call(name)


class SymbolicNumPy:
    """What a kernel is handed as ``xp``."""

    def __init__(self) -> None:
        self.lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=self._as_strided))

    def __getattr__(self, name: str) -> Call:
        return xp_function(name)

    def setbufsize(self, size: int) -> int:
        """Of no concern."""
        return size

    def moveaxis(self, x: Symbol, source: int, target: int) -> Symbol:
        """A view."""
        return x._view(np.moveaxis(x.shadow, source, target))

    def _as_strided(self, x: Symbol, shape: Any, strides: Any) -> Symbol:
        return x._view(np.lib.stride_tricks.as_strided(x.shadow, shape, strides))

    def may_share_memory(self, x: Symbol, y: Symbol) -> bool:
        """Whether they lie in the same memory."""
        return x.memory is y.memory


xp = SymbolicNumPy()


def fresh(shape: Sequence[int], dtype: Any, what: str, number: int = 0) -> Symbol:
    """A symbol in memory of its own: one that is "given", or "unwritten"."""
    shadow = np.zeros(tuple(shape), dtype)
    return Symbol(shadow, Memory(shadow, Step(what, shadow.nbytes, (number,))))


# ------------------------------------------------------------------------------------ formulas


class Formula(NamedTuple):
    """What a kernel would do: the steps in order, and where its results are."""

    steps: list[Step]
    results: list[Part]

    @property
    def functions(self) -> set[str]:
        """What of NumPy it uses."""
        return {s.function for s in self.steps} - {"given", "unwritten"}

    @property
    def by_number(self) -> bool:
        """Whether each number of a result is computed from those at the same place, and no others.

        So it is if all functions work number by number, and none writes or reads but a part.
        """
        whole = all(
            int(np.prod(part.shape)) * part.dtype.itemsize == part.version.nbytes
            for step in self.steps
            for value in (*step.args, *step.options.values(), step.target)
            for part in _parts(value)
        )
        return whole and self.functions <= EACH | {"asarray"}

    def __str__(self) -> str:
        """A line for each step; numbers stand for versions, letters for what is given."""
        names: dict[int, str] = {}
        lines = []
        for step in self.steps:
            if step.function == "given":
                names[id(step)] = "xyzabcdefgh"[step.args[0]]
            elif step.function != "unwritten":
                names[id(step)] = f"%{len(lines)}"
                args = ", ".join(_shown(a, names) for a in step.args)
                lines.append(f"%{len(lines)} = {step.function}({args})")
        return "\n".join(lines)


def _shown(value: Any, names: dict[int, str]) -> str:
    return names.get(id(value.version), "?") if isinstance(value, Part) else str(value)


def formula_of(p: Primitive, arrays: Sequence[np.ndarray], meta: dict[str, Any]) -> Formula:
    """Run a primitive's kernel on symbols of these arrays' shapes and types."""
    given = [fresh(a.shape, a.dtype, "given", i) for i, a in enumerate(arrays)]
    options = dict(meta)
    handed = list(given)
    if p.kind == "fills":
        handed.insert(0, fresh(*p.result(*arrays, **meta), "unwritten"))
    if p.workspace:
        specs = p.workspace(*arrays, **meta)
        options["workspace"] = [fresh(*spec, "unwritten") for spec in specs]
    out = p.kernel(*handed, xp=xp, **options)
    if p.kind == "views":
        results = [out.part()]
    else:
        results = [symbol.part() for symbol in handed[: max(p.writes, 1)]]
    return Formula(_in_order(results), results)


def _in_order(results: list[Part]) -> list[Step]:
    found: dict[int, Step] = {}
    waiting = [part.version for part in results]
    while waiting:
        step = waiting.pop()
        if step.number not in found:
            found[step.number] = step
            waiting += step.before()
    return [found[number] for number in sorted(found)]


def evaluate(formula: Formula, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Do the steps with NumPy; memory begins with every bit 1, which as a float is NaN."""
    values: dict[int, np.ndarray] = {}

    def number(value: Any) -> Any:
        if isinstance(value, Part):
            return value.of(values[value.version.number])
        return tuple(map(number, value)) if isinstance(value, tuple) else value

    for step in formula.steps:
        if step.function == "given":
            values[step.number] = np.frombuffer(arrays[step.args[0]].tobytes(), np.uint8).copy()
        elif step.function == "unwritten":
            values[step.number] = np.full(step.nbytes, 255, np.uint8)
        else:
            assert step.target is not None
            memory = values[step.target.version.number].copy()
            values[step.number] = memory
            args = [number(a) for a in step.args]
            options = {key: number(value) for key, value in step.options.items()}
            _do(step.function, step.target.of(memory), args, options)
    return [part.of(values[part.version.number]) for part in formula.results]


def _do(name: str, place: np.ndarray, args: list[Any], options: dict[str, Any]) -> None:
    function = _function(name)
    if name in ("copyto", "add.at"):
        function(place, *args, **options)
    elif name in MAKES:
        place[...] = function(*args, **options)
    else:
        function(*args, out=place, **options)
