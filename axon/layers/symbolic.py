"""Symbolic values: what a layer makes of what will come in, before there is any of it.

``Input((6,))`` stands for samples of six numbers. A layer that is called with it gives another
symbolic value, and takes note of the call; so do operators, methods of Tensors and ``axon.ops``.
``Model(inputs, outputs)`` follows the calls back from outputs to inputs: they are its ``forward``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from axon import ops
from axon.backend import Array, DType, Shape
from axon.core import Primitive, Tensor
from axon.layers.open_sizes import OPEN, is_open, joined, needs_size, shown, sized, tried
from axon.modes import Mode, TrainingMode, modes, no_grad, users_line
from axon.operators import PRIMITIVES, Operators, Standing

Tree = Any  # values, or lists, tuples and dicts of them
NO_VALUE = (
    "is a symbolic value: it has a shape, but no numbers before a model runs. Compute with "
    "operators, axon.ops and layers; or put what needs numbers into the call of a layer."
)
LEAVING = {"numpy", "item", "defer"}  # methods of Tensors that want their numbers
KEPT = {  # special methods that are those of any object
    *("__hash__", "__array__", "__float__", "__int__", "__bool__", "__len__", "__iter__"),
    *("__array_ufunc__", "__array_function__", "_repr_html_"),
}


class ValueSpec(NamedTuple):
    """What is known of a symbolic value: of one sample."""

    shape: Shape  # with the axis of the samples, 1 of them
    dtype: DType
    mask: Shape | None = None  # of its mask, if it has one
    raw: bool = False  # it comes in, or was prepared of what does: layers may prepare it

    def zeros(self, size: int = OPEN) -> Tensor:
        """A Tensor that stands for it, with a size in place of those that are open."""
        made = Tensor(np.zeros(sized(self.shape, size), self.dtype))
        mask = None if self.mask is None else sized(self.mask, size)
        made.mask = None if mask is None else Tensor(np.ones(mask, bool))
        return made

    def joined(self, other: "ValueSpec") -> "ValueSpec":
        """What is known of both."""
        masks = None in (self.mask, other.mask)
        mask = None if masks else joined(self.mask, other.mask)
        return self._replace(shape=joined(self.shape, other.shape), mask=mask)

    @classmethod
    def of(cls, made: Tensor) -> "ValueSpec":
        """What is known of a Tensor."""
        return cls(made.shape, made.dtype, None if made.mask is None else made.mask.shape)


class NamedFunction(NamedTuple):
    """A function of AXON's that is a step of a graph, by name, so that a file can name it.

    >>> NamedFunction("method", "reshape").resolved().__qualname__
    'Operators.reshape'
    """

    home: str  # "primitive", "ops", or "method"
    name: str

    def resolved(self) -> Callable[..., Tree]:
        """The function itself.

        Raises:
            ValueError: there is none of this name.
        """
        find = _known(self.home)
        found: Callable[..., Any] | None = None if find is None else find(self.name)
        if found is None:
            raise ValueError(f"{self.home} {self.name!r} is no function of AXON's.")
        return found

    def __call__(self, *inputs: Tree, **options: Tree) -> Tree:
        """Call it."""
        return self.resolved()(*inputs, **options)

    @classmethod
    def of(cls, function: Tree) -> "NamedFunction":
        """How a file names a function."""
        if isinstance(function, Primitive):
            if function.kind == "writes":
                raise TypeError(f"{function.name} changes its inputs: no step of a graph can.")
            return cls("primitive", function.name)
        return cls("ops", function.__name__)


_numbers = count()


class GraphCall:
    """A call of a layer, a model or a function with symbolic values.

    Attributes:
        target: who was called.
        inputs, options: with what; symbolic values lie in them, perhaps inside lists and dicts.
        results: the symbolic value that came out, or a tuple, list or dict of them.
        number: calls are numbered in the order in which they were made.
    """

    __slots__ = ("inputs", "number", "options", "results", "target")

    def __init__(
        self, target: Tree, inputs: tuple[Tree, ...], options: dict[str, Tree], made: Tree
    ) -> None:
        self.number = next(_numbers)
        self.target, self.inputs, self.options = target, inputs, options
        self.results = mapped(made, ValueSpec, lambda spec, path: Symbolic(self, path, spec))

    @property
    def name(self) -> str:
        """The name of who was called."""
        return str(self.target.name)


class Symbolic(Operators):
    """What a call will give: it has a shape and a type, but no numbers.

    Attributes:
        call: where it comes from.
        path: where in the results of the call it lies: () if it is all of them.
        spec: what is known of it.

    >>> from axon.layers import Dense, Input
    >>> Dense(3)(Input((4,)))
    <Symbolic (None, 3) float32, of 'dense'>
    """

    __slots__ = ("call", "path", "spec")
    defers = True

    def __init__(self, call: GraphCall, path: tuple[Tree, ...], spec: ValueSpec) -> None:
        self.call, self.path, self.spec = call, path, spec

    @property
    def shape(self) -> Tree:
        """The size along each axis; None along that of the samples."""
        shape = self.spec.shape
        return shown((None, *shape[1:]) if shape[:1] == (1,) else shape)

    @property
    def ndim(self) -> int:
        """The number of axes, with that of the samples."""
        return len(self.spec.shape)

    @property
    def dtype(self) -> DType:
        """The type of the numbers."""
        return self.spec.dtype

    @property
    def name(self) -> str:
        """The name of the layer that gives it."""
        return self.call.name

    @property
    def T(self) -> "Symbolic":
        """The value with its axes reversed."""
        return self.transpose()

    def defer(self, function: Tree, inputs: Tree, options: Tree) -> Tree:
        """Take note of the call of a function."""
        return called(NamedFunction.of(function), tuple(inputs), dict(options))

    def __array_function__(self, function: Tree, types: Tree, inputs: Tree, options: Tree) -> Tree:
        raise TypeError(f"np.{function.__name__}: {self!r} {NO_VALUE}")

    def _refuse(self, *_: Tree, **__: Tree) -> Tree:
        raise TypeError(f"{self!r} {NO_VALUE}")

    __array__ = __float__ = __int__ = __bool__ = __len__ = __iter__ = _refuse
    numpy = item = backward = detach = assign = _refuse

    def __repr__(self) -> str:
        return f"<Symbolic {self.shape} {self.dtype}, of {self.name!r}>"


def _deferred(name: str) -> Callable[..., Tree]:
    """A method of Tensors as a step of a graph."""

    def method(self: Symbolic, *inputs: Tree, **options: Tree) -> Tree:
        return called(NamedFunction("method", name), (self, *inputs), options)

    method.__name__, method.__doc__ = name, getattr(Operators, name).__doc__
    return method


METHODS = {  # those that are no functions of axon.ops, which take symbolic values themselves
    name: method
    for name, method in vars(Operators).items()
    if callable(method) and name not in {*LEAVING, *KEPT}
}
for _name in METHODS:
    setattr(Symbolic, _name, _deferred(_name))


def _known(home: str) -> Callable[[str], Tree] | None:
    """What finds a function of one home, or None."""
    finders: dict[str, Callable[[str], Any]] = {
        "primitive": PRIMITIVES.get,
        "method": METHODS.get,
        "ops": _of_ops,
    }
    return finders.get(home)


def _of_ops(name: str) -> Tree:
    """A public function of axon.ops."""
    found = getattr(ops, name, None) if name in dir(ops) else None
    inside = str(getattr(found, "__module__", "")).startswith("axon.ops.")
    return found if isinstance(found, FunctionType) and inside else None


# ------------------------------------------------------------------------------------ calls


def called(target: Tree, inputs: tuple[Tree, ...], options: dict[str, Tree]) -> Tree:
    """Call a layer or function with symbolic values: it is tried on one sample of zeros.

    Raises:
        TypeError: it gives something else than Tensors; or it was given Tensors, too.
        ValueError, TypeError: what the layer says of inputs that do not fit.
    """
    inputs, options = mapped((inputs, options), object, _constant)
    shapes = [v.spec.shape[1:] for v in leaves((inputs, options), Symbolic)]
    at = partial(_specs_at, target, inputs, options)
    if not is_open(shapes):
        specs = at(OPEN)
    else:
        named = isinstance(target, NamedFunction)
        back = (lambda: None) if named else target.open_for(inputs, options)
        specs = tried(at, back, needs_size(shapes), _joined_specs)
    if getattr(target, "prepares", False):
        specs = specs._replace(raw=True)
    call = GraphCall(target, inputs, options, specs)
    remember(call)
    return call.results


def _specs_at(target: Tree, inputs: tuple[Tree, ...], options: dict[str, Tree], size: int) -> Tree:
    """What is known of what comes out, where sizes that are open are this one."""
    if getattr(target, "raw", None) is None:
        given = mapped((inputs, options), Symbolic, lambda value, _: _sample(target, value, size))
    else:
        given = (Tensor(prepared_sample(target, inputs)),), options
    with probing(), np.errstate(all="ignore"):
        made = target(*given[0], **given[1])
    _demand_tensors(target, made, inputs)
    specs = mapped(made, Tensor, lambda tensor, _: ValueSpec.of(tensor))
    if isinstance(target, NamedFunction) and not modes.opening:
        _tell_of_masks(target.name, given, specs)
    return specs


def _joined_specs(made: Tree, other: Tree) -> Tree:
    """What is known of what comes out at two sizes: where they differ, it is open."""
    others = leaves(other, ValueSpec)
    return mapped(made, ValueSpec, lambda spec, _: spec.joined(next(others)))


def _sample(target: Tree, value: Symbolic, size: int) -> Tensor:
    """A sample of zeros for a symbolic value."""
    if value.dtype.kind == "O":
        raise TypeError(
            f"{target.name!r} was called with {value!r}, which stands for text. Call a layer that "
            "turns it into numbers first, such as TextVectorization, StringLookup or Hashing."
        )
    return value.spec.zeros(size)


def prepared_sample(target: Tree, inputs: tuple[Tree, ...]) -> Array:
    """What a layer that turns raw values into numbers makes of an example at its Inputs.

    Raises:
        ValueError: it is called with anything else; or how much it makes depends on the data.
    """
    given, count = list(leaves(inputs, Symbolic)), getattr(target, "columns", 1)
    if len(given) != count or not all(value.spec.raw for value in given):
        raise ValueError(
            f"{target.name!r} turns {'one Input' if count == 1 else f'{count} Inputs'}, as data "
            f"come in, into numbers; it cannot stand behind other layers. It was called with "
            f"{given}."
        )
    examples = tuple(np.full(value.spec.shape, target.raw) for value in given)
    made: Array = target.prepared(examples)[0]
    if not made.size:
        raise ValueError(
            f"{target.name!r} makes rows as long as the longest text that is given, but a graph "
            "needs one length for all: TextVectorization(output_sequence_length=...)."
        )
    return made


def _tell_of_masks(name: str, given: Tree, specs: Tree) -> None:
    """Warn that a mask ends at a function, which counts padding like all else."""
    masked = any(t.mask is not None for t in leaves(given, Tensor))
    if masked and all(spec.mask is None for spec in leaves(specs, ValueSpec)):
        from warnings import warn

        warn(
            f"the mask of a sequence ends at {users_line()}: {name} mixes steps, so that padding "
            "counts from here on. Use a layer that knows masks, such as GlobalAveragePooling1D, "
            "or LSTM.",
            UserWarning,
            stacklevel=2,
        )


def remember(call: GraphCall) -> None:
    """Let a layer or model know where it was called, so that it can be asked for its output."""
    if not isinstance(call.target, NamedFunction):
        call.target.__dict__.setdefault("_calls", []).append(call)


def forget(results: Tree) -> None:
    """Let layers forget the calls that led to symbolic values, one behind another."""
    waiting = list(leaves(results, Symbolic))
    while waiting:
        call = waiting.pop().call
        calls: list[GraphCall] = vars(call.target).get("_calls", [])
        if call in calls and call.inputs:
            calls.remove(call)
            waiting += leaves((call.inputs, call.options), Symbolic)


def _constant(value: object, _: object) -> object:
    """What a call may be given besides symbolic values: copies, which nobody changes."""
    if isinstance(value, Operators) and not isinstance(value, Symbolic):
        raise TypeError(
            f"a Tensor of shape {value.shape} meets a symbolic value: a graph keeps no Tensors. "
            "Pass numbers or an array; what is to be learned belongs to a layer."
        )
    return value.copy() if isinstance(value, np.ndarray) else symbolic(value)


def _demand_tensors(target: Tree, made: Tree, inputs: tuple[Tree, ...]) -> None:
    """Raise TypeError if a call gives something else."""
    for leaf in leaves(made):
        if not isinstance(leaf, Tensor):
            joined = any(type(x) in (list, tuple) for x in inputs)
            hint = " It takes no list: join the values first, by Concatenate or Add." * joined
            raise TypeError(
                f"{target.name}: a step of a graph gives Tensors, got {type(leaf).__name__}.{hint}"
            )


@contextmanager
def probing() -> Iterator[None]:
    """Let samples of zeros pass: nothing is recorded, learned or kept."""
    nobody = Mode("recorder", None), Mode("past", None), Mode("costs", None)
    with nobody[0], nobody[1], nobody[2], Mode("probing", True), TrainingMode(False), no_grad():
        yield


def mapped(
    tree: Tree, of: type, function: Callable[[Any, tuple[Any, ...]], Any], path: Any = ()
) -> Tree:
    """The same lists, tuples and dicts with f(leaf, path) in place of each leaf of a kind.

    >>> mapped([1, (2.0, {"a": 3})], int, lambda leaf, path: (leaf, path))
    [(1, (0,)), (2.0, {'a': (3, (1, 1, 'a'))})]
    """
    if isinstance(tree, dict):
        return {k: mapped(v, of, function, (*path, k)) for k, v in tree.items()}
    if type(tree) in (list, tuple):
        made = [mapped(v, of, function, (*path, i)) for i, v in enumerate(tree)]
        return made if type(tree) is list else tuple(made)
    return function(tree, path) if isinstance(tree, of) else tree


def leaves(tree: Tree, of: type = object) -> Iterator[Tree]:
    """All leaves of a kind, in order."""
    if isinstance(tree, dict) or type(tree) in (list, tuple):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(value, of)
    elif isinstance(tree, of):
        yield tree


def symbolic(value: object) -> object:
    """The symbolic value that something stands for, such as an Input; all else as it is."""
    return value.symbolic if isinstance(value, Stands) else value


def defers(value: Tree) -> bool:
    """Whether there is a symbolic value in what a layer is called with."""
    if type(value) in (list, tuple) or isinstance(value, dict):
        return any(map(defers, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Symbolic | Stands)


class Stands(Standing):
    """What stands for a symbolic value, and can be computed with like it: an Input."""

    @property
    def symbolic(self) -> Symbolic:
        """The value."""
        raise NotImplementedError

    def defer(self, function: Tree, inputs: Tree, options: Tree) -> Tree:
        """Take note of the call of a function."""
        return called(NamedFunction.of(function), tuple(inputs), dict(options))

    def __getattr__(self, name: str) -> Tree:
        if name.startswith("_") or name in LEAVING or name not in vars(Operators):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}.")
        return getattr(self.symbolic, name)

    def __array_function__(self, function: Tree, types: Tree, inputs: Tree, options: Tree) -> Tree:
        raise TypeError(f"np.{function.__name__}: {self.symbolic!r} {NO_VALUE}")

    __iter__ = None  # as a layer, it has no parts to go over
    __array_priority__ = 1


def _standing(name: str) -> Callable[..., Tree]:
    def method(self: Stands, *inputs: Tree, **options: Tree) -> Tree:
        return getattr(self.symbolic, name)(*inputs, **options)

    method.__name__, method.__doc__ = name, getattr(Operators, name).__doc__
    return method


for _name in METHODS:
    if _name.startswith("__") and _name not in ("__eq__", "__ne__"):  # layers compare as such
        setattr(Stands, _name, _standing(_name))


# ------------------------------------------------------------------------------------ of a layer


class Attached:
    """``layer.output``, ``layer.input``: of the one call of a layer; another attribute hides it.

    Args:
        of: which part of a call it is.
    """

    def __init__(self, of: str) -> None:
        self.of = of

    def __get__(self, layer: Tree, owner: Tree = None) -> Tree:
        return self if layer is None else self.at(layer, None)

    def at(self, layer: Tree, index: int | None) -> Tree:
        """That of one call of several.

        Raises:
            AttributeError: it was not called with symbolic values; or several times.
        """
        calls: list[GraphCall] = vars(layer).get("_calls", [])
        if index is None and len(calls) != 1:
            raise AttributeError(f"layer {layer.name!r} has no .{self.of}: {_why(calls, self.of)}")
        call = calls[index or 0]
        if self.of == "output":
            return call.results
        found = [*leaves((call.inputs, call.options), Symbolic)]
        return found[0] if len(found) == 1 else found


def _why(calls: list[GraphCall], of: str) -> str:
    if calls:
        return (
            f"it was called {len(calls)} times. Say which call: layer.get_{of}_at(0), or keep the "
            "symbolic value that the call gave."
        )
    return (
        "it was not called with symbolic values. Ask the model that it belongs to for its input "
        f"first: Model(model.input, layer.{of})."
    )
