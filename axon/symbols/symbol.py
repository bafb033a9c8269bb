"""Symbols: arrays that know shape, type and where in memory they lie, but no values.

A kernel is handed symbols, and an ``xp`` that computes nothing: each call is written down, and each
write makes a new version of the memory that it goes to.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

import numpy as np

from axon.backend import Array, DType, DTypeLike, Shape

# What of NumPy kernels may use. A function that is not here needs a reason, and then a place in
# whatever derives programs from formulas (axon/xla/primitives.py).
EACH = {  # number by number
    *("absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "ceil", "clip", "copysign", "copyto", "cos"),
    *("cosh", "divide", "equal", "exp", "expm1", "floor", "floor_divide", "greater"),
    *("greater_equal", "hypot", "left_shift", "less", "less_equal", "log", "log1p", "logical_and"),
    *("maximum", "minimum", "multiply", "negative", "not_equal", "power", "reciprocal"),
    *("remainder", "right_shift", "rint", "sign", "sin", "sinh", "sqrt", "square", "subtract"),
    *("tan", "tanh"),
}
MANY = {  # of many numbers, or of numbers at other places
    *("add.reduce", "maximum.reduce", "minimum.reduce", "argmax", "matmul", "vecdot"),
    *("take", "add.accumulate", "add.at", "maximum.at"),
}
MAKES = {"arange", "asarray", "ones", "zeros"}  # constants
LAYS = {"moveaxis", "lib", "may_share_memory"}  # views, lib.stride_tricks.as_strided among them
WRITES_FIRST = {"copyto", "add.at", "maximum.at"}  # to what they are handed first
TUNES = {"setbufsize"}  # what changes nothing but the time
FUNCTIONS = EACH | MANY | MAKES | LAYS | TUNES
BEGINS = {"given", "unwritten"}  # what stands for a memory before anything is written to it

Keywords = dict[str, Any]  # keyword arguments of a NumPy function


class Spot(NamedTuple):
    """Where in a version of some memory numbers lie: in bytes, as NumPy counts."""

    version: "Version"
    offset: int
    shape: Shape
    strides: Shape
    dtype: DType

    def of(self, memory: Array) -> Array:
        """The numbers, in the bytes of that version."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        return np.ndarray(self.shape, self.dtype, memory, self.offset, self.strides)

    @property
    def everything(self) -> bool:
        """Whether there are as many bytes in it as in the memory."""
        return int(np.prod(self.shape)) * self.dtype.itemsize == self.version.nbytes


class Version:
    """One version of some memory, and what made it: a call, which wrote to a place of the last one.

    Attributes:
        function: its name in NumPy; "given" and "unwritten" begin a memory.
        args, options: what it is handed, a ``Spot`` for each symbol.
        target: where it writes, in the version before.
        nbytes: the size of the memory.
        number: versions are counted in the order in which they are made.
    """

    _numbers = count()

    def __init__(
        self,
        function: str,
        nbytes: int,
        args: Sequence[Any] = (),
        options: Keywords | None = None,
        target: Spot | None = None,
    ) -> None:
        self.function, self.nbytes, self.target = function, nbytes, target
        self.args, self.options = tuple(args), options or {}
        self.number = next(Version._numbers)

    def places(self) -> Iterator[Spot]:
        """What it reads, and where it writes."""
        for value in (*self.args, *self.options.values(), self.target):
            yield from _places(value)


def _places(value: object) -> Iterator[Spot]:
    if isinstance(value, Spot):
        yield value
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _places(inner)


class SymbolMemory:
    """Some memory: its bytes, which nobody reads, and the latest version of what is in it."""

    def __init__(self, shadow: Array, version: Version) -> None:
        self.start, self.version = shadow.ctypes.data, version


class ValueAskedFor(TypeError):
    """A kernel decides by values, which a formula does not know."""


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise ValueAskedFor("the kernel asks for a value: let it compute, or ask backend.known(...).")


class Symbol:
    """An array without values; what lies where is told by a shadow, an array of zeros like it.

    Comparisons by ``<`` and ``>`` are questions (``backend.known(...)``), which nobody answers:
    kernels that compute with truth values make them by ``xp``.
    """

    __array_ufunc__ = None  # np.exp(symbol) is an error: kernels compute by xp
    __bool__ = __float__ = __int__ = __index__ = __array__ = item = tolist = _refuse
    __array_function__ = astype = copy = argsort = _refuse
    __eq__ = __ne__ = __le__ = __ge__ = _refuse
    __hash__ = object.__hash__

    def __init__(self, shadow: Array, memory: SymbolMemory) -> None:
        self.shadow, self.memory = shadow, memory
        for name in ("shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides", "flags"):
            setattr(self, name, getattr(shadow, name))

    def place(self) -> Spot:
        """What it stands for now."""
        s = self.shadow
        offset = s.ctypes.data - self.memory.start
        return Spot(self.memory.version, offset, s.shape, s.strides, s.dtype)

    def __len__(self) -> int:
        return len(self.shadow)

    def __iter__(self) -> "Iterator[Symbol]":
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> "Symbol":
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(p, Symbol) for p in parts):
            _refuse(self)
        return self._view(self.shadow[parts if Ellipsis in parts else (*parts, ...)])

    def __setitem__(self, index: Any, value: object) -> None:
        _write("copyto", self[index], (value,), {"casting": "unsafe"})

    def _view(self, shadow: Array) -> "Symbol":
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

    def view(self, dtype: DTypeLike) -> "Symbol":
        """The same bytes as another type."""
        return self._view(self.shadow.view(dtype))

    def fill(self, value: object) -> None:
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

    def __lt__(self, other: object) -> "Symbol":
        return _asked(_made("less", (self, other), {}))

    def __gt__(self, other: object) -> "Symbol":
        return _asked(_made("greater", (self, other), {}))


def _noted(value: object) -> object:
    """The same with a place in place of each symbol."""
    if isinstance(value, Symbol):
        return value.place()
    return tuple(map(_noted, value)) if isinstance(value, tuple | list) else value


def _write(name: str, out: Symbol, args: Sequence[object], options: Keywords) -> Symbol:
    noted = {key: _noted(value) for key, value in options.items()}
    memory, args = out.memory, [_noted(a) for a in args]
    memory.version = Version(name, memory.version.nbytes, args, noted, out.place())
    return out


def _shadow(value: object) -> Any:
    return value.shadow if isinstance(value, Symbol) else value


def _made(name: str, args: Sequence[object], options: Keywords) -> Symbol:
    """A result in memory of its own."""
    shadows = map(_shadow, args)
    with np.errstate(all="ignore"):
        like = {key: _shadow(value) for key, value in options.items()}
        out = np.zeros_like(np.asarray(function_of(name)(*shadows, **like)))
    return _write(name, fresh(out.shape, out.dtype, "unwritten"), args, options)


questions: list[Spot] = []  # that the kernel at work asks: there is one at a time


def _asked(condition: Symbol) -> Symbol:
    questions.append(condition.place())
    return condition


def function_of(name: str) -> Any:
    """A function of NumPy by its name, such as "add.reduce"."""
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


class SymbolFunction:
    """A function of xp: it computes nothing, it is written down."""

    def __init__(self, name: str) -> None:
        if name not in FUNCTIONS:
            raise AttributeError(
                f"xp.{name}: not in the list of what kernels use (axon/symbols/symbol.py)."
            )
        self.name = name

    def __call__(self, *args: Any, out: Any = None, **options: Any) -> Symbol:
        """Write it down: a new version of the memory of ``out``, or of memory of its own."""
        if self.name in WRITES_FIRST:
            out, *args = args  # type: ignore[assignment]
        if isinstance(out, tuple) or len(args) > self._takes():
            raise TypeError(f"xp.{self.name}: say out=, by name, and one array.")
        if out is None:
            return _made(self.name, args, options)
        return _write(self.name, out, args, options)

    def _takes(self) -> int:
        """How many arguments without a name: those that are no place for the result."""
        function = function_of(self.name)
        return function.nin if isinstance(function, np.ufunc) else 2 + (self.name != "argmax")

    reduce = property(lambda self: SymbolFunction(f"{self.name}.reduce"))
    accumulate = property(lambda self: SymbolFunction(f"{self.name}.accumulate"))
    at = property(lambda self: SymbolFunction(f"{self.name}.at"))


class SymbolicNumPy:
    """What a kernel is handed as ``xp``."""

    def __init__(self) -> None:
        self.lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=self._as_strided))

    def __getattr__(self, name: str) -> SymbolFunction:
        return SymbolFunction(name)

    def setbufsize(self, size: int) -> int:
        """Of no concern."""
        return size

    def moveaxis(self, x: Symbol, source: int, target: int) -> Symbol:
        """A view."""
        return x._view(np.moveaxis(x.shadow, source, target))

    def _as_strided(self, x: Symbol, shape: Shape, strides: Shape) -> Symbol:
        return x._view(np.lib.stride_tricks.as_strided(x.shadow, shape, strides))

    def may_share_memory(self, x: Symbol, y: Symbol) -> bool:
        """Whether they lie in the same memory."""
        return x.memory is y.memory


xp = SymbolicNumPy()


def fresh(shape: Sequence[int], dtype: DType, what: str, number: int = 0) -> Symbol:
    """A symbol in memory of its own: one that is "given", or "unwritten"."""
    shadow = np.zeros(tuple(shape), dtype)
    return Symbol(shadow, SymbolMemory(shadow, Version(what, shadow.nbytes, (number,))))
