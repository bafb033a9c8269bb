"""Module, which is anything with parameters: a layer, or a model made of layers."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from functools import cache
from math import prod
from typing import Any, ClassVar, TypeVar

import numpy as np

from axon.backend import Array, DType, Shape
from axon.config import Configurable
from axon.core import Tensor, TensorLike
from axon.layers.state import Loaded, load_state, state_of
from axon.layers.symbolic import (
    Attached,
    Stands,
    Symbolic,
    Tree,
    called,
    defers,
    leaves,
    mapped,
    probing,
)
from axon.locks import Lock, change, hold, locks_of
from axon.modes import Mode, TrainingMode, modes
from axon.names import suggestion
from axon.parameter import Buffer, Parameter
from axon.random import place

T = TypeVar("T")


@cache
def _holds(cls: type) -> type | None:
    """Module, list for what may hold modules, or None: asked of each attribute, in each epoch."""
    if issubclass(cls, Module):
        return Module
    return list if issubclass(cls, list | tuple | dict) else None


class Module(Configurable, ABC):
    """Anything with parameters that turns x into y: a layer, or a model made of layers."""

    unheeded: ClassVar[frozenset[str]] = frozenset(
        {"name", "chosen", "placed", "trainable", "_trainable", "input_shape", "output_shape"}
        | {
            "_last",
            "_shapes",
            *("_narrower", "_at_sizes"),
            "_trainer",
            "_predictor",
            *("_calls", "_symbolic"),
            "history",
            "stop_training",
            "metadata",
        }
    )
    refused: ClassVar[dict[str, str]] = {}  # methods that a subclass may not have, and why

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse what other libraries would call, and AXON would not."""
        super().__init_subclass__(**options)
        inherited: dict[str, str] = getattr(cls.__mro__[1], "refused", {})
        for name, hint in inherited.items():
            if name in cls.__dict__:
                raise TypeError(f"{cls.__name__}.{name}: {hint}")
        for name in ("forward", "call"):
            if (code := getattr(cls.__dict__.get(name), "__code__", None)) is None:
                continue
            arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            if cls.takes_mask != ("mask" in arguments):
                cls.takes_mask = not cls.takes_mask
            if "training" in arguments:  # as Keras has it
                from axon.layers.own import told

                setattr(cls, name, told(cls.__dict__[name]))

    exact: ClassVar[bool] = False  # whether inputs must come in float64, whatever is computed in
    passes_on: ClassVar[bool] = False  # whether float64 goes through as it is
    _locks_of_parts: tuple[Lock, ...] = ()  # found when they are first needed
    prepares: ClassVar[bool] = False  # whether it turns raw values, such as texts, into numbers
    takes_mask: ClassVar[bool] = False  # whether ``call``, or a model's ``forward``, has ``mask=``

    input, output = Attached("input"), Attached("output")

    def get_input_at(self, node_index: int) -> Tree:
        """What it was called with in one of its calls with symbolic values, from 0."""
        return Attached("input").at(self, node_index)

    def get_output_at(self, node_index: int) -> Tree:
        """What one of its calls with symbolic values gave, from 0."""
        return Attached("output").at(self, node_index)

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self._trainable = True
        self.chosen = name is not None  # the name, by the user
        self.placed = False  # part of a model, which has made its name unique

    @abstractmethod
    def forward(self, *inputs: Any) -> Any:
        """Compute y from x: NumPy in, NumPy out; Tensor in, Tensor out."""

    @abstractmethod
    def build(self, *input_shapes: Shape) -> Shape:
        """Create the parameters for inputs of this shape (without the batch axis) if need be.

        Returns:
            The shape of the output, without the batch axis.
        """

    def keeping(self) -> Callable[[], None]:
        """Take note of how this module and those inside it are; what it gives undoes changes."""
        before = [(module, dict(vars(module))) for module in self.modules()]
        drawn = place("init", "shuffle")

        def back() -> None:
            for module, attributes in before:
                vars(module).clear()
                vars(module).update(attributes)
            drawn()

        return back

    def open_for(self, inputs: Tree, options: Tree) -> Callable[[], None]:
        """Build for symbolic inputs that leave sizes open; what it gives undoes that."""
        back = self.keeping()
        if self.raw is None:
            given = [v for v in leaves(inputs or options) if isinstance(v, Symbolic | np.ndarray)]
            specs = (v.spec.shape if isinstance(v, Symbolic) else np.shape(v) for v in given)
            self.build(*(shape[1:] for shape in specs))
        return back

    @abstractmethod
    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """Pull a gradient back through the last ``forward`` of an array; adds to each ``.grad``."""

    @property
    @abstractmethod
    def input_dtype(self) -> DType:
        """What inputs are converted to."""

    @property
    def least_batch(self) -> int:
        """The number of samples that a batch needs for this module to be trained on it."""
        return 1

    def _raise_alike(self, *fresh: Any) -> None:
        """Build copies for the same inputs; one that takes several is left as it was made."""
        shape = vars(self).get("input_shape")
        if shape is None:
            return
        with Mode("values", np.zeros):
            try:
                fresh[0].build(shape)
            except (TypeError, ValueError):
                return
            for other in fresh[1:]:
                other.build(shape)

    def _takes(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """No copies where a module is an argument: it would be part of both."""
        inside = any(isinstance(value, Module) for value in arguments.values())
        return super()._takes(name, arguments) and not (inside or name.endswith("_initializer"))

    def changed(self) -> None:
        """Take note that a module was put into this one."""
        vars(self)["_locks_of_parts"] = ()

    def __call__(self, *inputs: Any, training: bool | None = None, **options: Any) -> Any:
        """Compute y from x, as ``forward`` does.

        Args:
            inputs: what ``forward`` takes.
            training: let layers such as Dropout and BatchNormalization act as while training;
                None leaves that as it is: ``fit`` sets it, otherwise it is False.
            options: keyword arguments of ``forward``, such as ``mask``.
        """
        for x in inputs or options.values():
            if isinstance(x, Symbolic | Stands | list | tuple | dict) and defers(x):
                chosen = {} if training is None else {"training": training}
                return called(self, inputs, {**options, **chosen})
        mode = nullcontext() if training is None else TrainingMode(training)
        with mode, Mode("scope", self.scope()):
            return self.forward(*inputs, **options)

    def demand_outside(self, part: "Module") -> None:
        """Raise ValueError if something that is to become a part has this module inside itself."""
        if any(module is self for module in part.modules()):
            raise ValueError(
                f"{self.name!r} cannot be a part of itself, which {part.name!r} would make it."
            )

    def prepared(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs as numbers, where layers at the beginning turn raw values into such."""
        return inputs

    @property
    def raw(self) -> object:
        """A value that the first layers would turn into numbers; None if they take numbers."""
        return None

    def scope(self) -> str:
        """What the instructions of this module are marked with: its path, from outside in."""
        return f"{modes.scope}/{self.name}" if modes.scope else self.name

    def compute_mask(
        self, x: Tensor | Array, mask: Tensor | Array | None = None
    ) -> Tensor | Array | None:
        """Which time steps (n, time) of the output are real, given those of the input x.

        Args:
            x: the input.
            mask: truth values (n, time), or None if all steps are real.
        """
        del x
        return mask

    def children(self) -> "Iterator[tuple[str, Module]]":
        """The modules inside this one, in the order in which they were defined.

        They are attributes, such as ``head``, or lie in a list or dict of one: ``blocks/0``.
        """
        for key, value in dict(vars(self)).items():
            holds = _holds(type(value))  # type: ignore[arg-type]  # types can be hashed
            if holds is Module:
                yield key, value
            elif holds is list:
                inside = value.items() if isinstance(value, dict) else enumerate(value)
                yield from ((f"{key}/{i}", m) for i, m in inside if isinstance(m, Module))

    def modules(self) -> "Iterator[Module]":
        """Walk over this module, those inside it, and those inside them."""
        yield self
        for _, child in self.children():
            yield from child.modules()

    def named_parameters(self) -> dict[str, Parameter]:
        """All parameters by path, such as ``dense_1/weights``, in the order of definition."""
        return self._named(Parameter)

    def named_buffers(self) -> dict[str, Buffer]:
        """What is not learned but belongs to the layers, by path: running means, random keys."""
        return self._named(Buffer)

    def _named(self, of: type[T]) -> dict[str, T]:
        found = {key: v for key, v in dict(vars(self)).items() if isinstance(v, of)}
        for name, child in self.children():
            found.update((f"{name}/{path}", p) for path, p in child._named(of).items())
        return found

    def parameters(self) -> list[Parameter]:
        """All parameters, each once, in the order of definition."""
        return list({id(p): p for p in self.named_parameters().values()}.values())

    def _state(self) -> list[Tensor]:
        tensors = [*self.parameters(), *self.named_buffers().values()]
        return list({id(t): t for t in tensors}.values())

    def _all_locks(self) -> tuple[Lock, ...]:
        """What whoever works with the values of this module holds meanwhile."""
        if not self._locks_of_parts:
            vars(self)["_locks_of_parts"] = locks_of(self.modules())
        return self._locks_of_parts

    _all_turns = _all_locks  # what a step that was pickled once asks for

    def get_weights(self) -> list[Array]:
        """Copies of all parameters, then of all buffers, in the order of definition."""
        return hold(self._all_locks(), self._copies)

    def _copies(self) -> list[Array]:
        return [t.data.copy() for t in self._state()]

    def set_weights(self, weights: Sequence[TensorLike]) -> None:
        """Put back what ``get_weights`` gave.

        Raises:
            ValueError: other numbers of arrays, or other shapes; nothing has been changed then.
        """
        wanted, given = [t.shape for t in self._state()], [np.shape(w) for w in weights]
        if wanted != given:
            raise ValueError(
                f"{self.name}.set_weights: expected arrays of shapes {wanted}, got {given}."
            )
        change(self._all_locks(), self._assign, weights)

    def _assign(self, weights: Sequence[TensorLike]) -> None:
        for tensor, values in zip(self._state(), weights, strict=True):
            tensor.assign(values)

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by path, such as ``dense_1/weights``.

        What is shared stands there once, under its first path.
        """
        return hold(self._all_locks(), state_of, self)

    def load_state_dict(self, state: Mapping[str, TensorLike], strict: bool = True) -> Loaded:
        """Put back what ``state_dict`` gave. Floats are converted to the precision they had here.

        Args:
            state: arrays by path.
            strict: everything must fit; otherwise what fits is loaded, and the rest is listed.

        Returns:
            What was left out: ``missing_keys``, ``unexpected_keys``, ``mismatched_keys``.

        Raises:
            ValueError: something does not fit, or nothing does; nothing has been changed then.
        """
        return change(self._all_locks(), load_state, self, state, strict, "the state")

    def __getstate__(self) -> Any:
        """Copies and pickles are called by nobody yet."""
        state: Any = super().__getstate__()
        attributes, *slots = state if isinstance(state, tuple) else (state,)
        kept = {k: v for k, v in attributes.items() if k not in GRAPHS}
        return (kept, *slots) if slots else kept

    def __deepcopy__(self, memo: dict[int, Any]) -> "Module":
        """A copy of one state, even while other threads train."""
        return hold(self._all_locks(), _copied, self, memo)

    def count_params(self) -> int:
        """The number of numbers that the module has learned or may learn."""
        return sum(p.size for p in self.parameters())

    @property
    def training(self) -> bool:
        """Whether to act as while training; a frozen module never does."""
        return modes.training and self._trainable

    def get_layer(self, name: str | None = None, index: int | None = None) -> "Module":
        """The module of this name, however deep inside; or the one at this place.

        Raises:
            ValueError: there is none; the nearest name is suggested.
        """
        if index is not None:
            found = [child for _, child in self.children()]
            if not -len(found) <= index < len(found):
                raise ValueError(f"{self.name}: no layer {index}: it has {len(found)}.")
            return found[index]
        inside = {m.name: m for m in list(self.modules())[:0:-1]}
        if name not in inside:
            hint = suggestion(str(name), list(inside))
            raise ValueError(
                f"{self.name}: no layer {name!r}.{hint} There are {', '.join(sorted(inside))}."
            )
        return inside[str(name)]

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters of this module."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for p in (v for v in dict(vars(self)).values() if isinstance(v, Parameter)):
            p.requires_grad = self._trainable
        for _, child in self.children():
            child.trainable = value

    def __setattr__(self, key: str, value: object) -> None:
        """Assigning values to a parameter copies them into its memory, which others share."""
        current = self.__dict__.get(key)
        if isinstance(value, Module | Parameter) and "_trainable" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: call super().__init__() before assigning {key!r}."
            )
        if isinstance(value, Module):
            self.demand_outside(value)
        if not isinstance(current, Parameter | Buffer) or isinstance(value, Parameter | Buffer):
            super().__setattr__(key, value)
            self._adopt(key, value)
            return
        try:
            current.assign(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.name}.{key}, shape {current.shape}: {error}") from None

    def _adopt(self, key: str, value: object) -> None:
        """Modules that become part of this one are called as it calls them."""
        if isinstance(value, Module):
            if not value.placed:
                value.name, value.placed = value.name if value.chosen else key, True
            self.changed()
        elif isinstance(value, list | tuple | dict):
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            for i, module in inside:
                if isinstance(module, Module):
                    self._adopt(f"{key}_{i}", module)


GRAPHS = ("_calls", "_symbolic")  # where a module was called with symbolic values


def snake_case(name: str) -> str:
    """Return the name of a class as one of a thing.

    >>> snake_case("Dense"), snake_case("MaxPooling2D"), snake_case("LSTM")
    ('dense', 'max_pooling2d', 'lstm')
    """
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", name).lower()


def _zeros(shape: Shape, dtype: DType) -> Tensor:
    made = Tensor(modes.empty(shape, dtype))
    made.data.fill(0)
    return made


ANY = -1  # stands in a shape for the number of samples, where it does not matter


def shape_after(
    function: Callable[..., Any],
    input_shapes: Sequence[Shape],
    dtypes: Sequence[DType],
    several: bool = False,
) -> Any:
    """Pass one sample of zeros through a function, unrecorded: the shape that comes out.

    Where there may be several results, it is a tuple, list or dict of shapes if there are.
    """
    for shape in input_shapes:
        if any(n is None for n in shape):
            raise ValueError(
                f"build: expected the shape of one sample, without None for their number, such as "
                f"{tuple(n for n in shape if n is not None)}, got {shape}. Where a size of a "
                "sample is open, say so by an Input: build(Input((None, 8)))."
            )
    pairs = zip(input_shapes, dtypes, strict=True)
    with probing(), np.errstate(all="ignore"):
        made = function(*(_zeros((1, *shape), dtype) for shape, dtype in pairs))
    if several and isinstance(made, tuple | list | dict):
        return mapped(made, object, lambda one, _: _after(one, input_shapes))
    return _after(made, input_shapes)


def numbers_in(shape: Any) -> int:
    """How many numbers an array has; of several shapes, the largest.

    >>> numbers_in((3, 2)), numbers_in(((3, 2), (7,))), numbers_in({"a": (4,)})
    (6, 7, 4)
    """
    sizes = tuple(shape.values()) if isinstance(shape, dict) else shape
    several = any(isinstance(size, tuple | list) for size in sizes)
    return max(map(numbers_in, sizes)) if several else prod(sizes)


def _after(made: object, input_shapes: Sequence[Shape]) -> Shape:
    """The shape of one result, without the batch axis."""
    if not isinstance(made, Tensor):
        raise TypeError(
            f"expected a Tensor to come out, got {type(made).__name__}. A forward, or the call of "
            "a layer, returns one Tensor; several outputs can be joined by axon.ops.concatenate."
        )
    out: Shape = made.shape
    if out[:1] != (1,):
        given = ", ".join(str((1, *shape)) for shape in input_shapes)
        raise ValueError(f"one sample went in, shape {given}, but {out} came out.")
    return out[1:]


def _copied(module: Module, memo: dict[int, Any]) -> Module:
    """What ``copy.deepcopy`` makes of a module by itself."""
    recipe: Any = module.__reduce_ex__(4)
    make, given, state = recipe[:3]
    made: Module = make(*given)
    memo[id(module)] = made
    made.__setstate__(deepcopy(state, memo))
    return made
