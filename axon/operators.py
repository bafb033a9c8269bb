"""How arithmetic is written. Each operator and method names the primitive it means."""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from math import nan
from types import FunctionType, ModuleType
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from axon.backend import Array, DType, DTypeLike, Shape
from axon.modes import modes, no_grad, refuse_while_recording

Axis = int | tuple[int, ...] | None

PRIMITIVES: dict[str, Any] = {}  # name -> Primitive: the joint that every other part shares


T = TypeVar("T", bound="Operators")  # Tensor, which lies above


def _binary(name: str) -> Callable[[T, object], T]:
    return lambda self, other: PRIMITIVES[name](self, other)


def _swapped(name: str) -> Callable[[T, object], T]:
    return lambda self, other: PRIMITIVES[name](other, self)


def _in_place(name: str) -> Callable[[T, object], T]:
    """``w -= ...`` updates a trainable leaf in place; any other tensor is computed anew."""

    def update(self: Any, other: Any) -> Any:
        if not (self.requires_grad and self.creator is None):
            return PRIMITIVES[name](self, other)
        if isinstance(other, Operators) and other.requires_grad and modes.grad:  # type: ignore[attr-defined]
            raise ValueError(
                f"in-place {name} on a trainable tensor of shape {self.shape}: the update itself "
                "requires gradients. Use the gradient's values (w -= rate * w.grad) or wrap the "
                "update in `with axon.no_grad():`."
            )
        with no_grad():
            self.assign(PRIMITIVES[name](self, other))
        return self

    return update


def _unpacked(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """``t.reshape((2, 3))`` means ``t.reshape(2, 3)``."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes


def _operators(value: Any) -> Iterator[Any]:
    """Every Tensor among the arguments of a function, however deep in lists and tuples."""
    if isinstance(value, VALUES):
        yield value
    elif isinstance(value, list | tuple | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _operators(inner)


def _arrays(value: Any) -> Any:
    """The arguments with the array of each Tensor in its place."""
    if isinstance(value, Operators):
        return value.data
    if isinstance(value, dict):
        return {key: _arrays(inner) for key, inner in value.items()}
    return type(value)(map(_arrays, value)) if type(value) in (list, tuple) else value


class Method:
    """A method that is a function of ``axon.ops`` with the tensor as its first argument."""

    home: ClassVar[ModuleType]  # axon.ops, which lies above, and puts itself here

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, tensor: T | None, owner: type[T]) -> Callable[..., T]:
        function = getattr(self.home, self.name)
        return function if tensor is None else partial(function, tensor)


class Several(Method):
    """The same, where the function returns several Tensors."""

    def __get__(self, tensor: T | None, owner: type[T]) -> Callable[..., tuple[T, ...]]:  # type: ignore[override]
        return super().__get__(tensor, owner)  # type: ignore[return-value]


ASKING = {"dtype", "ndim", "shape"}  # what a symbolic value can be asked for at once


def deferring(function: Any) -> Any:
    """A function of axon.ops that also takes symbolic values: then it is a step of their graph.

    Primitives, what is no function, and what asks for a shape are returned as they are.
    """
    if not isinstance(function, FunctionType) or function.__name__ in ASKING:
        return function

    @wraps(function)
    def call(*inputs: Any, **options: Any) -> Any:
        for value in _operators((inputs, options)):
            if value.defers:
                return value.defer(function, inputs, options)
        return function(*inputs, **options)

    home, name = sys.modules[str(function.__module__)], str(function.__name__)
    if vars(home).get(name) is function:  # by which copies and pickles find it
        setattr(home, name, call)
    return call


class Standing:
    """What stands for values that are not there yet, such as an Input of a model."""

    __slots__ = ()
    defers: ClassVar[bool] = True

    def defer(self, function: Any, inputs: Any, options: Any) -> Any:
        """Take note of the call of a function."""
        raise NotImplementedError(f"{function}: nobody takes note of it.")


class Operators:
    """The notation of a Tensor: operators and methods, each one primitive or two."""

    __slots__ = ()
    defers: ClassVar[bool] = False  # has no values yet: what is done with it is a step of a graph
    data: Array  # which the Tensor holds
    __hash__ = object.__hash__  # == compares elements, so identity has to serve

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None of what has no values yet."""
        if self.defers:
            return None
        from axon.html.tensors import tensor_html

        return tensor_html(self)

    @property
    def shape(self) -> Shape:
        """The size along each axis."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self.data.dtype

    __add__, __radd__, __iadd__ = _binary("add"), _swapped("add"), _in_place("add")
    __sub__, __rsub__, __isub__ = _binary("subtract"), _swapped("subtract"), _in_place("subtract")
    __mul__, __rmul__, __imul__ = _binary("multiply"), _swapped("multiply"), _in_place("multiply")
    __truediv__, __rtruediv__ = _binary("divide"), _swapped("divide")
    __itruediv__ = _in_place("divide")
    __matmul__, __rmatmul__ = _binary("matmul"), _swapped("matmul")
    __rpow__ = _swapped("power")
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")
    __eq__ = _binary("equal")  # type: ignore[assignment]
    __ne__ = _binary("not_equal")  # type: ignore[assignment]

    def __pow__(self, p: object) -> Self:
        if isinstance(p, int | float) and p == 2 and self.data.dtype.kind != "b":
            return PRIMITIVES["square"](self)
        return PRIMITIVES["power"](self, p)

    def __neg__(self) -> Self:
        return PRIMITIVES["negative"](self)

    def __abs__(self) -> Self:
        return PRIMITIVES["absolute"](self)

    def __getitem__(self, index: object) -> Self:
        """Select: numbers, slices, ``...`` and None make a view; whole-number arrays take rows."""
        if isinstance(index, Operators | np.ndarray | list):
            return PRIMITIVES["take"](self, index)
        return PRIMITIVES["slice"](self, index=index)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """``np.exp(tensor)`` and ``array + tensor`` are AXON's functions of the same name."""
        name = ufunc.__name__
        known = name in PRIMITIVES or name in Method.home.HOMES
        if method == "__call__" and not options and known:
            return (PRIMITIVES.get(name) or getattr(Method.home, name))(*inputs)
        way = "with options such as out=" if known else "on a Tensor"
        raise TypeError(
            f"np.{ufunc.__name__} {way} would leave autograd. Build it from AXON's operations "
            "(axon.ops), or take the values first with tensor.numpy()."
        )

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """NumPy's other functions take plain values: refused where a gradient would be lost."""
        refuse_while_recording(f"np.{function.__name__}")
        given = _operators((inputs, options))
        if modes.grad and any(getattr(t, "requires_grad", False) for t in given):
            raise TypeError(
                f"np.{function.__name__} on a Tensor that requires gradients would leave autograd. "
                "Use AXON's operations (axon.ops, or the Tensor's methods), or take the values "
                "first with tensor.detach().numpy()."
            )
        return function(*_arrays(inputs), **_arrays(options))

    def defer(self, function: Any, inputs: Any, options: Any) -> Any:
        """Take note of a call, if there are no values yet."""
        raise NotImplementedError(f"{function}: a {type(self).__name__} has values.")

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Add up the elements along ``axis`` (all of them by default)."""
        return PRIMITIVES["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Average the elements along ``axis`` (all of them by default)."""
        dtype = self.data.dtype
        if dtype.kind in "iu" and dtype.itemsize == 8:  # whose sums may leave 64 bits
            return self.astype(np.float64).mean(axis, keepdims).astype(np.float32)
        total, count = self.sum(axis, keepdims), self.size
        if count and dtype.kind != "f":
            return total / (count // total.size)  # exact, where whole numbers have a whole mean
        return total * (total.size / count if count else nan)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Return the largest element along ``axis`` (of all by default)."""
        return PRIMITIVES["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Return the smallest element along ``axis`` (of all by default)."""
        if self.data.dtype.kind == "f":
            return -(-self).max(axis, keepdims)
        if self.data.dtype.kind == "b":
            return self.astype(np.uint8).min(axis, keepdims).astype(np.bool_)
        last = np.iinfo(self.data.dtype).max if self.data.dtype.kind == "u" else -1
        turned = (last - self).max(axis, keepdims)  # last - x never leaves the type, as -x may
        return last - turned

    def var(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Return the variance along ``axis``: the mean squared distance from the mean."""
        return ((self - self.mean(axis, keepdims=True)) ** 2).mean(axis, keepdims)

    def std(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Return the standard deviation along ``axis``; its gradient is infinite where it is 0."""
        return PRIMITIVES["sqrt"](self.var(axis, keepdims))

    def clip(self, low: object, high: object) -> Self:
        """Return the elements, those beyond ``low`` or ``high`` moved there."""
        return PRIMITIVES["minimum"](PRIMITIVES["maximum"](self, low), high)

    def reshape(self, *shape: int | Sequence[int]) -> Self:
        """Return the same elements in another shape; one size may be -1."""
        wanted = _unpacked(shape)
        contiguous = self.data.flags.c_contiguous
        source = self if contiguous else PRIMITIVES["copy"](self)
        return PRIMITIVES["reshape"](source, shape=wanted)

    def transpose(self, *axes: int | Sequence[int]) -> Self:
        """Return the tensor with its axes in another order (reversed by default)."""
        backwards = tuple(reversed(range(self.ndim)))
        return PRIMITIVES["transpose"](self, axes=_unpacked(axes) or backwards)

    T = property(transpose, doc="The tensor with its axes reversed.")

    # -------------------------------------------------------------------- functions of axon.ops

    abs, absolute, sign, square, sqrt, rsqrt = (Method() for _ in range(6))
    exp, exp2, expm1, log, log1p, log2, log10 = (Method() for _ in range(7))
    sin, cos, tan, arcsin, arccos, arctan, arctan2 = (Method() for _ in range(7))
    sinh, cosh, arcsinh, arccosh, arctanh, erf, erfc = (Method() for _ in range(7))
    floor, ceil, round, trunc, mod, fmod, floor_divide = (Method() for _ in range(7))
    maximum, minimum, power, reciprocal, hypot, nan_to_num = (Method() for _ in range(6))
    isnan, isinf, isfinite, isclose, allclose, signbit = (Method() for _ in range(6))
    logical_and, logical_or, logical_xor, logical_not = (Method() for _ in range(4))
    all, any, count_nonzero, norm, logsumexp, prod, ptp = (Method() for _ in range(7))
    argmin, median, quantile, percentile, nansum, nanmean = (Method() for _ in range(6))
    cumsum, cumprod, diff, sort, argsort, searchsorted = (Method() for _ in range(6))
    flatten, ravel, squeeze, expand_dims, swapaxes, moveaxis = (Method() for _ in range(6))
    flip, roll, rot90, tile, repeat, broadcast_to, pad = (Method() for _ in range(7))
    relu, sigmoid, tanh, softmax, log_softmax = (Method() for _ in range(5))
    take, take_along_axis, diagonal, diag, trace, tril, triu = (Method() for _ in range(7))
    matmul, dot, vdot, inner, outer, tensordot, cross = (Method() for _ in range(7))
    split, array_split, unstack, top_k = (Several() for _ in range(4))

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Self:
        """Return the position of the largest element along ``axis`` (of all by default)."""
        return Method.home.argmax(self, axis, keepdims)

    def astype(self, dtype: DTypeLike) -> Self:
        """Return the elements converted to another type."""
        return PRIMITIVES["cast"](self, dtype=np.dtype(dtype).newbyteorder("="))

    # -------------------------------------------------------------------- leaving AXON

    def numpy(self) -> "np.ndarray[Any, Any]":
        """Return the array itself (shared memory, no copy)."""
        refuse_while_recording("numpy()")
        return self.data

    def item(self) -> float:
        """Return the only element as a Python number."""
        refuse_while_recording("item()")
        return self.data.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        refuse_while_recording("turning it into a NumPy array")
        return np.array(self.data, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        refuse_while_recording("float()")
        return float(self.data.item())

    def __int__(self) -> int:
        refuse_while_recording("int()")
        return int(self.data.item())

    def __bool__(self) -> bool:
        refuse_while_recording("bool(), or using it in `if`,")
        return bool(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))


VALUES = (Operators, Standing)  # what a primitive is called with besides arrays and numbers
