"""The writer of a graph: rules hand it values and add nodes by ``graph.op``.

It keeps nodes, initializers and their names; these become onnx's own classes at the very end.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import combinations_with_replacement
from itertools import count as counting
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from axon.backend import Array, DType
from axon.onnx.export.rules.sizes import (
    BatchSize,
    Size,
    Sizes,
    Trials,
    broadcast,
    is_batch,
    product,
)
from axon.onnx.export.rules.values import Value, lifted
from axon.onnx.ir import Node, inverse

INT64 = np.dtype(np.int64)
Rule = Callable[..., Value]  # (graph, *inputs, **metadata of the primitive)
AxisIndex = Size | slice | None  # of an index
FIRST, LAST = -(2**63), 2**63 - 1  # places beyond either end of an axis


class ResultSpec(NamedTuple):
    """Shape and type of what the instruction at work makes."""

    shape: Sizes
    dtype: DType


class FromBool(NamedTuple):
    """Where a number comes from that is 0 or 1: the truth value it was."""

    value: Value


@runtime_checkable
class Deferred(Protocol):
    """What an operation made of which parts may be read alone: then only these are written."""

    scope: str  # the layer that made it

    def part(self, graph: "Writer", index: Sequence[AxisIndex]) -> Value | None:
        """The part that a selection wants; None if it is no piece, nor some of them."""

    def full(self, graph: "Writer") -> Value:
        """All of it."""


class Writer:
    """Writes nodes and initializers, in the order in which they are needed.

    Attributes:
        opset: the version of ONNX's operators that may be used.
        outputs: what the results will be called, such as "output", unless an input is called so.
        result: shape and type of the result of the instruction at work.
        nodes: what has been written so far.
        initializers: name -> array.
        shapes: name -> shape of a value.
        scope: the layer at work.
        read_by: the primitives that read the result of the instruction at work.
        trials: what the free sizes were while it was recorded.
    """

    def __init__(
        self,
        opset: int,
        entering: Sequence[str] = (),
        outputs: Sequence[str] = ("output",),
        trials: Trials | None = None,
    ) -> None:
        self.trials = trials or {}
        self.opset, self.result = opset, ResultSpec((), np.dtype(np.float32))
        self.nodes: list[Node] = []
        self.initializers: dict[str, Array] = {}
        self.shapes: dict[str, Sizes] = {}
        self.scope = ""
        self.read_by: tuple[str, ...] = ()
        self.inputs: list[Value] = []
        self._taken = set(entering)
        self.outputs = [self.unique(name) for name in outputs]
        self._constants: dict[tuple[Any, ...], list[str]] = {}
        self._sizes: dict[Sizes, Value] = {}
        self.same: dict[Any, list[Value]] = {}  # what nodes made: the same is not done twice

    # -------------------------------------------------------------------- names

    def unique(self, name: str) -> str:
        """The name, with a number behind it if it is taken."""
        free = (n for i in counting() if (n := f"{name}_{i}" if i else name) not in self._taken)
        found = next(free)
        self._taken.add(found)
        return found

    def scoped(self, name: str) -> str:
        """A name for something in the layer at work."""
        return self.unique(f"{self.scope}/{name}" if self.scope else name)

    def name(self, value: Value) -> str:
        """What the graph calls a value; it is written now, if it was not yet."""
        if value.name is None:
            value.name = self._written(value)
            self.shapes[value.name] = value.shape
        return value.name

    def _written(self, value: Value) -> str:
        if value.array is not None:
            stored = self._initializer(value.array, value.label)
            return stored if value.fixed else self._expanded(stored, value)
        if value.view is None:
            return self._assembled(value)
        op, base, axes = value.view
        if op == "transpose":
            return self._only("Transpose", base, perm=list(axes))
        if op == "reverse":
            ends = [self.constant([n]) for n in (-1, FIRST, axes[0], -1)]
            return self._only("Slice", base, *ends)
        return self._reshaped(value, base)

    def _assembled(self, value: Value) -> str:
        """What was left in pieces: put together now, in the name of the layer that made it."""
        if not isinstance(value.made, Deferred):
            raise NotImplementedError("its result is read in a way that ONNX does not know.")
        reader, self.scope = self.scope, value.made.scope
        made = self.name(value.made.full(self))
        self.scope = reader
        return made

    def _only(self, op: str, *inputs: Any, **attributes: Any) -> str:
        made = self.op(op, *inputs, **attributes)
        assert made.name is not None
        return made.name

    def _reshaped(self, value: Value, base: Value) -> str:
        flat = value.ndim == 2 and base.ndim > 2 and value.shape[0] == base.shape[0]
        if flat:
            return self._only("Flatten", base, axis=1)
        zeros = 1 if 0 in value.shape else None  # they are sizes then
        return self._only("Reshape", base, self._target(value.shape, base.shape), allowzero=zeros)

    def _target(self, shape: Sizes, given: Sizes) -> Value:
        """What Reshape is told: 0 is a size that stays in its place, -1 one found from the rest."""
        moved = [a for a, n in enumerate(shape) if is_batch(n) and given[a : a + 1] != (n,)]
        if len(moved) > 1 or 0 in shape or not any(map(is_batch, shape)):
            return self.sizes(shape)
        told = [(-1 if a in moved else 0) if is_batch(n) else n for a, n in enumerate(shape)]
        return self.constant(told, INT64)

    def _expanded(self, stored: str, value: Value) -> str:
        return self._only(
            "Expand", Value(value.shape, value.dtype, stored), self.sizes(value.shape)
        )

    # -------------------------------------------------------------------- constants

    def constant(self, number: Any, dtype: Any = None, label: str = "") -> Value:
        """A constant: a number, a list or an array; integers are int64."""
        array = np.asarray(number, dtype)
        array = array.astype(np.float32) if dtype is None and type(number) is float else array
        return Value(array.shape, array.dtype, array=array, label=label)

    def _initializer(self, array: Array, label: str) -> str:
        """Store an array, once; one with a label goes by that name."""
        stored = np.ascontiguousarray(array).reshape(array.shape)
        alike = self._constants.setdefault((label, stored.dtype, stored.shape), [])
        for name in alike:
            if np.array_equal(self.initializers[name], stored, equal_nan=stored.dtype.kind == "f"):
                return name
        name = self.unique(label) if label else self.scoped("constant")
        alike.append(name)
        self.initializers[name], self.shapes[name] = stored, stored.shape
        return name

    def sizes(self, shape: Sequence[Size]) -> Value:
        """A shape as a value (axes,), computed from the batch where it follows that."""
        if not any(map(is_batch, shape)):
            return self.constant(list(shape), INT64)
        if tuple(shape) not in self._sizes:
            parts = [self._size(n) for n in shape]
            joined = self.op("Concat", *parts, axis=0, shape=(len(parts),), dtype=INT64)
            self._sizes[tuple(shape)] = joined if len(parts) > 1 else parts[0]
        return self._sizes[tuple(shape)]

    def _size(self, n: Size) -> Value:
        """One size as a value (1,), computed from the batch where it follows that."""
        if not isinstance(n, BatchSize):
            return self.constant([n], INT64)
        if not isinstance(n.of, str):
            return self._sizes.get((n,)) or self._sizes.setdefault((n,), self._measured(n))
        return self._multiple(self._followed(n.of), n.times, n.more)

    def _multiple(self, size: Value, times: int, more: int) -> Value:
        if times != 1:
            size = self.op("Mul", size, self.constant([times], INT64))
        return self.op("Add", size, self.constant([more], INT64)) if more else size

    def _followed(self, of: str) -> Value:
        """The number of samples, the size of a free axis, or a product of these, as (1,)."""
        key: Sizes = (BatchSize(1, 0, of),)
        if key not in self._sizes:
            names = of.split("*")
            if len(names) > 1:
                self._sizes[key] = reduce(partial(self.op, "Mul"), map(self._followed, names))
            else:
                self._sizes[key] = self._along(*self._known()[BatchSize(1, 0, of)])
        return self._sizes[key]

    def _measured(self, n: BatchSize) -> Value:
        """A size as an array in the graph has it, or a multiple, or a product of two.

        Never a part of one: sizes of a few trials do not tell what divides all.
        """
        known = self._known()
        for m, place in known.items():
            if m == n or (m.of == n.of and n.times % m.times == 0):
                return self._from(self._along(*place), m, n)
        for pair in combinations_with_replacement(known, 2):
            m = product(pair, self.trials)
            if m == n or (m.of == n.of and n.times % m.times == 0):
                return self._from(self.op("Mul", *(self._along(*known[k]) for k in pair)), m, n)
        raise NotImplementedError("it reads a size that no array has, nor a product of two.")

    def _from(self, size: Value, m: BatchSize, n: BatchSize) -> Value:
        """The size n, of m, which follows the same."""
        times = n.times // m.times
        return self._multiple(size, times, n.more - times * m.more)

    def _known(self) -> dict[BatchSize, tuple[Value, int]]:
        """Free sizes of arrays, and where they are found: in inputs, else in what was made last."""
        made = [name for node in self.nodes for name in node.outputs if name in self.shapes]
        last = [Value(self.shapes[name], INT64, name) for name in reversed(made)]
        found: dict[BatchSize, tuple[Value, int]] = {}
        for value in (*self.inputs, *last):
            for axis, n in enumerate(value.shape):
                if isinstance(n, BatchSize):
                    found.setdefault(n, (value, axis))
        return found

    def _along(self, value: Value, axis: int) -> Value:
        return self.op("Shape", value, start=axis, end=axis + 1, shape=(1,), dtype=INT64)

    # -------------------------------------------------------------------- nodes

    def op(
        self,
        op: str,
        *inputs: Any,
        shape: Sizes | None = None,
        dtype: Any = None,
        domain: str = "",
        **attributes: Any,
    ) -> Value:
        """Add a node and return what it makes.

        Args:
            op: the name of an ONNX operator.
            inputs: values, arrays or numbers; None leaves an optional input out.
            shape: of the result; what the inputs broadcast to unless told otherwise.
            dtype: of the result; that of the first input unless told otherwise.
            domain: where the operator comes from, if not from ONNX.
            attributes: of the node; None leaves one out.
        """
        return self.ops(op, *inputs, results=[(shape, dtype)], domain=domain, **attributes)[0]

    def ops(
        self,
        op: str,
        *inputs: Any,
        results: Sequence[tuple[Sizes | None, Any]],
        domain: str = "",
        **attributes: Any,
    ) -> list[Value]:
        """Add a node that makes several values; ``results`` says their shapes and types."""
        values = self._values(inputs)
        names = ["" if v is None else self.name(v) for v in values]
        given = {key: v for key, v in attributes.items() if v is not None}
        key = (domain, op, *names, repr(given))
        if key not in self.same:
            known = [v for v in values if v is not None]
            self.same[key] = self._node(op, names, results, given, domain, known)
        made = self.same[key]
        for shape, dtype in results[len(made) :]:  # read by another rule, which wants more of it
            (node,) = (n for n in self.nodes if made[0].name in n.outputs)
            assert shape is not None
            made.append(Value(shape, np.dtype(dtype), self.unique(f"{node.name}_{len(made)}")))
            node.outputs.append(str(made[-1].name))
            self.shapes[node.outputs[-1]] = shape
        return made

    def _node(
        self,
        op: str,
        names: list[str],
        results: Sequence[tuple[Sizes | None, Any]],
        given: dict[str, Any],
        domain: str,
        known: Sequence[Value],
    ) -> list[Value]:
        """Add a node."""
        name = self.scoped(op)
        outputs = [name, *(self.unique(f"{name}_{i}") for i in range(1, len(results)))]
        self.nodes.append(Node(op, names, outputs, given, name, domain))
        made = []
        for output, (shape, dtype) in zip(outputs, results, strict=True):
            sizes = broadcast(*(v.shape for v in known)) if shape is None else shape
            of = known[0].dtype if dtype is None else np.dtype(dtype)
            made.append(Value(sizes, of, output))
            self.shapes[output] = sizes
        return made

    def _values(self, inputs: Sequence[Any]) -> list[Value | None]:
        """Numbers take the type of the values that they meet."""
        like = next((x.dtype for x in inputs if isinstance(x, Value)), None)
        return [
            x if x is None or isinstance(x, Value) else self.constant(x, _dtype(x, like))
            for x in inputs
        ]

    # -------------------------------------------------------------------- views

    def through(self, x: Value, function: Callable[[Value], Value]) -> Value:
        """Apply what works element by element beneath the views, and put these on top again."""
        if x.view is None:
            return function(x)
        op, base, how = x.view
        y = self.through(base, function)
        if op == "transpose":
            return y.transposed(how)
        return y.reversed(how[0]) if op == "reverse" else y.reshaped(x.shape)

    def cast(self, x: Value, dtype: DType) -> Value:
        """The elements in another type; no node if they have it."""
        if x.dtype == dtype:
            return x
        if x.array is not None:
            return Value(x.shape, dtype, array=x.array.astype(dtype), label=x.label)
        return self.through(x, lambda y: self._cast(y, dtype))

    def _cast(self, x: Value, dtype: DType) -> Value:
        made = self.op("Cast", x, to=_onnx_type(dtype), dtype=dtype)
        if x.dtype == np.bool_:
            made.made = FromBool(x)
        return made

    def elementwise(
        self, op: str, a: Value, b: Value, dtype: Any = None, **attributes: Any
    ) -> Value:
        """An operator on two values that broadcast, beneath a view that they share."""
        shape = broadcast(a.shape, b.shape)
        pair = _beneath_reshape(a, b, shape)
        if pair:
            return pair[2](self.elementwise(op, *pair[:2], dtype, **attributes))
        a, b, back = _beneath_transpose(a, b, shape) or (a, b, _same)
        small = [_small(x, other) for x, other in ((a, b), (b, a))]
        sizes = broadcast(a.shape, b.shape)
        return back(self.op(op, *small, shape=sizes, dtype=dtype or a.dtype, **attributes))


def _dtype(number: Any, like: DType | None) -> DType | None:
    return like if isinstance(number, int | float | bool) else None


def _onnx_type(dtype: DType) -> int:
    from onnx.helper import np_dtype_to_tensor_dtype

    return int(np_dtype_to_tensor_dtype(dtype))


def _same(x: Value) -> Value:
    return x


def _small(x: Value, other: Value) -> Value:
    """A constant that follows the batch need not be repeated if what it meets does."""
    if (
        x.array is None
        or x.fixed
        or broadcast(x.array.shape, other.shape) != broadcast(x.shape, other.shape)
    ):
        return x
    return Value(x.array.shape, x.dtype, array=x.array, label=x.label)


Pair = tuple[Value, Value, Callable[[Value], Value]]


def _beneath_transpose(a: Value, b: Value, shape: Sizes) -> Pair | None:
    """Both in the order of axes that one of them has beneath its view."""
    for x in (a, b):
        view = x.beneath("transpose")
        if view and x.ndim == len(shape) and not _plain(a, b):
            order = view.axes
            back = inverse(order)
            first, second = (lifted(v, len(shape)).transposed(back) for v in (a, b))
            return first, second, partial(Value.transposed, axes=order)
    return None


def _plain(a: Value, b: Value) -> bool:
    """Whether two values that are no constants are both written as they are."""
    return a.name is not None and b.name is not None


def _beneath_reshape(a: Value, b: Value, shape: Sizes) -> Pair | None:
    """Both in the shape that one has beneath its view, if the other allows that."""
    for x, other, swap in ((a, b, False), (b, a, True)):
        view = x.beneath("reshape")
        if view is None or x.shape != shape:
            continue
        base = view.base
        moved = _reshaped_like(other, x, base)
        if moved is not None:
            pair = (moved, base) if swap else (base, moved)
            return *pair, lambda y: y.reshaped(shape)
    return None


def _reshaped_like(other: Value, x: Value, base: Value) -> Value | None:
    """What meets x, as it meets what x is a view of."""
    if other.fixed and all(n == 1 for n in other.shape):
        return other.reshaped(())
    if other.fixed and all(n == 1 for n in other.shape[:-1]) and x.shape[-1] == base.shape[-1]:
        return other.reshaped(other.shape[-1:])
    view = other.beneath("reshape")
    alike = view and other.shape == x.shape and view.base.shape == base.shape
    return view.base if view and alike else None
