"""Network: layers joined, their inputs and shapes; nothing about how they are trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from axon.backend import FLOAT, DType, Shape
from axon.core import Tensor
from axon.layers.input import Input
from axon.layers.module import Module, shape_after
from axon.layers.open_sizes import fits, is_open, needs_size, sized, tried
from axon.modes import Mode
from axon.program.changing import Changing

KEPT = 64  # of how many sizes, where some are open, the shape of the output is remembered


class Takes(NamedTuple):
    """What a model takes: the names of its inputs, of which the last may be left out.

    Attributes:
        names: of all, in order.
        least: how many there have to be.
    """

    names: tuple[str, ...]
    least: int

    def __str__(self) -> str:
        counts = f"{self.least} to {len(self.names)}" if self.optional else f"{self.least}"
        several = "inputs" if len(self.names) > 1 else "input"
        told = [n if i < self.least else f"{n}=None" for i, n in enumerate(self.names)]
        return f"{counts} {several}, ({', '.join(told)})"

    @property
    def optional(self) -> bool:
        """Whether some may be left out."""
        return len(self.names) > self.least


@lru_cache(maxsize=64)
def taken_by(forward: Callable[..., Any]) -> Takes:
    """What a ``forward`` takes: arguments without a value, then those that are None if left out.

    >>> print(taken_by(lambda x, ids=None, mask=None: x))
    1 to 2 inputs, (x, ids=None)
    """
    from inspect import signature  # numpy has loaded it

    places = [
        p for p in signature(forward).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    needed = [p.name for p in places if p.default is p.empty]
    more: list[str] = []
    for p in places[len(needed) :]:
        if p.default is not None or p.name in ("mask", "training"):
            break
        more.append(p.name)
    return Takes((*needed, *more), len(needed))


class Network(Module):
    """Layers, assigned as attributes and called in ``forward``: what a Model is before ``compile``.

    Attributes:
        stop_training: a callback sets it to end training.
    """

    _follows: ClassVar[bool] = False
    _narrower: Mapping[int, Any] = {}  # of one that was pickled before there was any
    _at_sizes: Mapping[tuple[Shape, ...], Any] = {}  # sizes that were left open -> output

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.stop_training = False
        self._shapes: tuple[tuple[Shape, ...], Any] | None = None
        self._narrower = {}  # fewer inputs that it was given, too -> output

    @property
    def layers(self) -> tuple[Module, ...]:
        """The parts of the model, in the order of their definition."""
        return tuple(child for _, child in self.children())

    @property
    def only_batch(self) -> int | None:
        """How many samples the model takes at a time; None: any number."""
        return None

    @property
    def input_dtype(self) -> DType:
        """What the data are converted to before they enter: what the first layer wants."""
        children = [child for _, child in self.children()]
        wanted = children[0].input_dtype if children else FLOAT
        exact = wanted.kind == "f" and True in [child.exact for child in children]
        return np.dtype(np.float64) if exact else wanted

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether a layer inside needs the data in float64, whatever the others compute in."""
        return True in [child.exact for _, child in self.children()]

    @property
    def input_shape(self) -> Any:
        """The shape of the input without the batch axis, if it is known; a tuple of several."""
        if self._shapes is None:
            return None
        return self._shapes[0] if self.width > 1 else self._shapes[0][0]

    @property
    def takes(self) -> Takes:
        """What ``forward`` takes."""
        own = vars(self).get("forward")  # of an instance: whoever listens has put it there
        if own is not None:
            return taken_by.__wrapped__(own)
        names, least = taken_by(type(self).forward)
        return Takes(names[1:], least - 1)  # without self

    @property
    def input_names(self) -> list[str]:
        """What ``forward`` calls its inputs: those that it was built for, and has to be given."""
        names, least = self.takes
        return list(names[: max(least, self.width)])

    @property
    def width(self) -> int:
        """The number of inputs."""
        return len(self._shapes[0]) if self._shapes else 1

    @property
    def output_shape(self) -> Any:
        """The shape of the output without the batch axis, if it is known.

        Of several outputs, a tuple, list or dict of shapes, as ``forward`` returns them.
        """
        return self._shapes[1] if self._shapes else None

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called: "output", if there is one; the keys of a dict."""
        shape: Any = self.output_shape
        if isinstance(shape, dict):
            return [str(key) for key in shape]
        return [f"output_{i}" for i in range(len(shape))] if several(shape) else ["output"]

    def build(self, *input_shapes: Shape) -> Any:
        """Build the layers for inputs of these shapes, by passing zeros through ``forward``.

        Of inputs that may be left out it is built for as many as it was ever given. An ``Input``
        in place of a shape may leave sizes open: ``model.build(Input((None, 8)))``.

        Raises:
            ValueError: it takes another number of inputs.
        """
        input_shapes = declared(input_shapes)
        if self._shapes is not None and self._shapes[0] == input_shapes:
            return self._shapes[1]
        if self.built_for(input_shapes):
            return self._known_for(input_shapes)
        self._demand_count(len(input_shapes))
        output = self._shape_after(input_shapes)
        self._remember(input_shapes, output)
        return output

    def built_for(self, input_shapes: tuple[Shape, ...]) -> bool:
        """Whether it was built for inputs of these shapes, perhaps for more of them."""
        if self._shapes is None:
            return False
        known, count = self._shapes[0], len(input_shapes)
        same = all(map(fits, input_shapes, known))
        return same and (count == len(known) or count in self._narrower)

    def _known_for(self, input_shapes: tuple[Shape, ...]) -> Any:
        """The shape of the output for inputs it was built for: open sizes are known now."""
        assert self._shapes is not None
        known, output = self._shapes
        output = output if len(known) == len(input_shapes) else self._narrower[len(input_shapes)]
        if not is_open(output):
            return output
        if input_shapes not in self._at_sizes:
            found = self._shape_after(input_shapes)
            others = list(self._at_sizes.items())[-KEPT:]
            self._at_sizes = {**dict(others), input_shapes: found}
        return self._at_sizes[input_shapes]

    def _remember(self, input_shapes: tuple[Shape, ...], output: Any) -> None:
        """The most inputs count; of others that begin alike only how many, and what comes out."""
        known, before = self._shapes or ((), ())
        count = len(input_shapes)
        if count < len(known) and known[:count] == input_shapes:
            self._narrower = {**self._narrower, count: output}
            return
        wider = bool(known) and input_shapes[: len(known)] == known
        self._narrower = {**self._narrower, len(known): before} if wider else {}
        self._shapes = input_shapes, output

    def _demand_count(self, count: int) -> None:
        takes = self.takes
        if takes.names and not takes.least <= count <= len(takes.names):
            raise ValueError(f"model {self.name!r} takes {takes}, got {count}.")

    def _shape_after(self, input_shapes: tuple[Shape, ...]) -> Any:
        if not is_open(input_shapes):
            return self._shape_of(input_shapes)

        def at(size: int) -> Any:
            return self._shape_of(tuple(sized(shape, size) for shape in input_shapes))

        return tried(at, self.keeping(), needs_size(input_shapes))

    def _shape_of(self, input_shapes: tuple[Shape, ...]) -> Any:
        dtypes = [self.input_dtype] * len(input_shapes)
        as_it_is = type(self).prepared is Module.prepared
        with Mode("unprepared", self.name if as_it_is else ""):
            shape = shape_after(self.forward, input_shapes, dtypes, True)
        inner = list(shape.values()) if isinstance(shape, dict) else shape
        if several(shape) and any(map(several, inner)):
            raise TypeError(
                f"model {self.name!r}: forward returns outputs inside outputs, of shapes {shape}. "
                "Return one Tensor; or a tuple, list or dict of Tensors."
            )
        return shape

    @property
    def several_outputs(self) -> bool:
        """Whether ``forward`` returns several outputs, as far as that is known."""
        return several(self.output_shape)

    def connections(self) -> dict[int, list[str]]:
        """By the id of each layer, what it reads, if the model is a graph that says so."""
        return {}

    def flat(self, made: Any) -> list[Any]:
        """The outputs in a list, in the order of ``output_names``."""
        if isinstance(made, dict):
            return [made[name] for name in self.output_names]
        return list(made) if isinstance(made, tuple | list) else [made]

    def packed(self, outputs: Sequence[Any]) -> Any:
        """The outputs as ``forward`` returns them: one alone, or a tuple, list or dict."""
        shape = self.output_shape
        if not several(shape):
            return outputs[0]
        if isinstance(shape, dict):
            return dict(zip(self.output_names, outputs, strict=True))
        return type(shape)(outputs)

    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """Not for a ``forward`` of your own, which may take any path: autograd knows which."""
        raise NotImplementedError(
            f"model {self.name!r}: only a Sequential can go back layer by layer. Let autograd do "
            "it: loss(y, model(Tensor(x))).backward(), then optimizer.step()."
        )

    def labels(self) -> dict[int, str]:
        """What programs call the parameters and buffers."""
        named = {**self.named_parameters(), **self.named_buffers()}
        return {id(tensor): path for path, tensor in named.items()}


def declared(input_shapes: tuple[Shape | Input, ...]) -> tuple[Shape, ...]:
    """The shapes of inputs, of which some may be said by an Input: it may leave sizes open."""
    return tuple(s.shape if isinstance(s, Input) else s for s in input_shapes)


def several(shape: Any) -> bool:
    """Whether this is the shape of several outputs: a tuple, list or dict of shapes.

    >>> several((3, 2)), several(()), several(((3,), (2,))), several({"price": (1,)})
    (False, False, True, True)
    """
    return isinstance(shape, dict | list) or (bool(shape) and isinstance(shape[0], tuple))


def kept_by(parts: Iterable[object]) -> list[Tensor]:
    """The Tensors that are attributes of parts: parameters, buffers, and what users' own keep."""
    return [t for part in parts for t in dict(vars(part)).values() if isinstance(t, Tensor)]


def changing_in(parts: Iterable[object]) -> list[Changing]:
    """The numbers of parts that may change while programs run, such as rates of Dropout."""
    return [c for part in parts for c in dict(vars(part)).values() if isinstance(c, Changing)]
