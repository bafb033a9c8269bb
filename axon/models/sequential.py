"""Sequential: layers one after another."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from axon.backend import Shape
from axon.core import Tensor
from axon.layers.base import Layer
from axon.layers.input import Input
from axon.layers.masks import as_mask, lay
from axon.layers.module import Module
from axon.layers.open_sizes import fits, is_open
from axon.layers.symbolic import Symbolic, forget
from axon.models.inputs import all_or_nothing
from axon.models.model import Model
from axon.models.network import Takes, declared
from axon.modes import Mode

SINGLE = Takes(("x",), 1)


class Sequential(Model):
    """A model whose layers follow one another.

    >>> from axon.layers import Dense
    >>> model = Sequential([Dense(4, 3, "relu"), Dense(3, 2, "softmax")])
    >>> model.forward([[1.0, 2.0, 3.0, 4.0]]).shape
    (1, 2)
    >>> model.count_params()
    23
    """

    def __init__(self, layers: Iterable[Module] = (), name: str | None = None) -> None:
        wrong = not isinstance(layers, Iterable) or isinstance(layers, Module | str)
        if wrong or isinstance(name, Module):
            raise TypeError("Sequential: expected a list of layers: Sequential([layer, ...]).")
        super().__init__(name)
        self._stack: list[Module] = []
        self._names: list[str] = []  # paths to the parameters begin with these
        for layer in layers:
            self.add(layer)

    @property
    def layers(self) -> tuple[Module, ...]:
        """The layers, first to last; ``add``, ``insert`` and ``pop`` change them."""
        return tuple(self._stack)

    def add(self, layer: Module) -> None:
        """Put a layer at the end.

        Raises:
            TypeError: it is not a layer.
            ValueError: it does not fit behind the layer before it.
        """
        _demand_layer(layer)
        before = self._stack[-1] if self._stack else None
        shape = getattr(before, "output_shape", None)
        if shape is not None and layer.raw is None:  # what is made of raw values, data tell
            layer.build(shape)
        self.append(layer)

    def append(self, layer: Module) -> None:
        """Put a layer at the end unchecked: only ``build`` tells whether it fits.

        A Dense that was made with its input size does not say how many axes its inputs have.
        """
        self._put(len(self._stack), layer)

    def insert(self, index: int, layer: Module) -> None:
        """Put a layer before the one at a place, counted as in lists.

        Raises:
            TypeError: it is not a layer.
            ValueError: it does not fit there; the model is as before then.
        """
        _demand_layer(layer)
        with all_or_nothing(layer), self._rearranging():
            self._put(index, layer)

    def pop(self, index: int = -1) -> Module:
        """Take a layer out, by default the last one, and return it.

        Raises:
            IndexError: there is none at this place.
            ValueError: the layers around it do not fit together; the model is as before then.
        """
        if not -len(self._stack) <= index < len(self._stack):
            raise IndexError(
                f"{self.name}.pop: there is no layer {index}, the model has {len(self._stack)}."
            )
        with self._rearranging():
            self._names.pop(index)
            layer = self._stack.pop(index)
            self.changed()
        return layer

    @contextmanager
    def _rearranging(self) -> Iterator[None]:
        """Change the layers, if they fit one another afterwards, as far as shapes are known."""
        known = self.input_shape
        with all_or_nothing(self):
            self._stack, self._names = list(self._stack), list(self._names)
            yield
            if known is not None and self._stack:
                self.build(known)

    def _put(self, index: int, layer: Module) -> None:
        self.demand_outside(layer)
        _demand_raw_first([*self._stack[:index], layer, *self._stack[index:]])
        name = self._name_for(layer)
        if not layer.placed:
            layer.name, layer.placed = name, True
        self._names.insert(index, name)
        self._stack.insert(index, layer)
        self.changed()

    def _name_for(self, layer: Module) -> str:
        """``dense``, then ``dense_1``, ``dense_2``: names are unique within a model."""
        taken = dict(zip(self._names, self._stack, strict=True))
        numbered = (f"{layer.name}_{i}" for i in range(1, len(taken) + 1))
        return next(n for n in (layer.name, *numbered) if taken.get(n, layer) is layer)

    def children(self) -> Any:
        """The layers by name."""
        return zip(self._names, self._stack, strict=True)

    @property
    def least_batch(self) -> int:
        """What the layer that needs the most samples needs."""
        return max((layer.least_batch for layer in self._stack), default=1)

    def build(self, *input_shapes: Shape) -> Shape:
        """Build every layer for inputs of this shape (without the batch axis)."""
        if not self._stack:
            raise RuntimeError(f"model {self.name!r} has no layers. Add one: model.add(Dense(10)).")
        input_shapes = declared(input_shapes)
        known = self.input_shape
        told = is_open(known) and not is_open(input_shapes)
        if known is not None and told and fits(input_shapes[0], known):
            if self._shapes is None:
                self.build(known)
            return self._known_for(input_shapes)
        self._shapes, shapes = None, input_shapes
        for layer in self._computing():
            shapes = (layer.build(*shapes),)
        self._shapes = input_shapes, shapes[0]
        return shapes[0]

    @property
    def output_shape(self) -> Shape | None:
        """The shape of the output without the batch axis, if it is known."""
        last = self._stack[-1] if self._stack else None
        return getattr(last, "output_shape", None)

    @property
    def raw(self) -> object:
        """A value that the first layer would turn into a number; None if it takes numbers."""
        first = next((layer for layer in self._stack if not isinstance(layer, Input)), None)
        return None if first is None else first.raw

    def _computing(self) -> list[Module]:
        """The layers, without an Input before those that turn raw values into numbers."""
        first = self.raw is not None and isinstance(self._stack[0], Input)
        return self._stack[1:] if first else self._stack

    def prepared(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Raw values, such as texts, as the numbers that the first other layer reads."""
        for layer in self._computing() if self._stack else ():
            if isinstance(inputs[0], Tensor):
                break
            inputs = layer.prepared(inputs)
            if not layer.prepares:
                break
        return inputs

    def forward(self, *inputs: Any, mask: Any = None) -> Any:
        """Pass x through all layers: (n, ...) array or Tensor in, the same kind out.

        Args:
            inputs: one array or Tensor.
            mask: truth values (n, time) that say which of its steps are real. Layers such as
                Embedding make masks, too; Tensors carry them from layer to layer.
        """
        if not self._stack:
            raise RuntimeError(f"model {self.name!r} has no layers. Add one: model.add(Dense(10)).")
        with Mode("exact", self.exact):
            if not isinstance(inputs[0], Tensor):
                return self._forward_array(*inputs, mask=as_mask(mask))
            if mask is not None:
                inputs = (lay(mask, inputs[0][...], self.name), *inputs[1:])
            for layer in self._computing():
                takes = layer.takes_mask and not isinstance(layer, Layer | Sequential)
                inputs = (layer(*inputs, mask=inputs[0].mask) if takes else layer(*inputs),)
            return inputs[0]

    def _forward_array(self, *inputs: Any, mask: Tensor | None) -> Any:
        """An array carries no mask: it goes beside."""
        for layer in self._computing():
            least = layer.mask_axes if isinstance(layer, Layer) else 1 if layer.takes_mask else 99
            takes = mask is not None and mask.ndim >= least
            y = layer(*inputs, mask=mask) if takes else layer(*inputs)
            mask = as_mask(layer.compute_mask(inputs[0], mask))
            mask = mask if mask is None or mask.shape == y.shape[: mask.ndim] else None
            inputs = (y,)
        return inputs[0]

    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """Pull a gradient back through all layers, last to first, after ``forward`` of an array."""
        for i, layer in reversed(list(enumerate(self._computing()))):
            dL_dout = layer.backward(dL_dout, input_gradient or i > 0)
        return dL_dout

    @property
    def input_shape(self) -> Shape | None:
        """The shape of the input without the batch axis, if it is known."""
        first = self._computing()[0] if self._stack else None
        return getattr(first, "input_shape", None)

    @property
    def takes(self) -> Takes:
        """A chain has a single input."""
        return SINGLE

    # -------------------------------------------------------------------- as symbolic values

    @property
    def input(self) -> Symbolic:
        """The symbolic input: ``Model(model.input, model.get_layer("pool").output)``."""
        return self._graph()[0]

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._graph()[1]

    @property
    def inputs(self) -> list[Symbolic]:
        """The symbolic input, in a list."""
        return [self.input]

    @property
    def outputs(self) -> list[Symbolic]:
        """The symbolic output, in a list."""
        return [self.output]

    def _graph(self) -> tuple[Symbolic, Any]:
        """The layers called one after another, with a symbolic value."""
        if "_symbolic" not in vars(self):
            if self.input_shape is None:
                raise RuntimeError(
                    f"model {self.name!r} is not built: the shape of its input is not known. Begin "
                    "it with Input(shape), or call model.build(shape) first."
                )
            first, *rest = self._stack
            own = isinstance(first, Input)
            x = first if isinstance(first, Input) else Input(self.input_shape, self.input_dtype)
            y: Any = x.symbolic
            for layer in rest if own else self._stack:
                y = layer(y)
            vars(self)["_symbolic"] = x.symbolic, y
        found: tuple[Symbolic, Any] = vars(self)["_symbolic"]
        return found

    def changed(self) -> None:
        """Layers were added or taken out."""
        super().changed()
        forget(vars(self).pop("_symbolic", ()))

    def describe(self) -> dict[str, Any]:
        """Class, name, and what the layers say; one that stands here again says where it stood."""
        first: dict[int, int] = {}
        for place, layer in enumerate(self._stack):
            first.setdefault(id(layer), place)
        inner = [
            layer.describe() if first[id(layer)] == place else {"again": first[id(layer)]}
            for place, layer in enumerate(self._stack)
        ]
        return {"class": "Sequential", "name": self.name, "layers": inner}

    def __repr__(self) -> str:
        return f"Sequential([{', '.join(map(repr, self._stack))}])"


def _demand_raw_first(stack: list[Module]) -> None:
    for before, layer in pairwise(stack):
        if layer.raw is not None and not (isinstance(before, Input) or before.prepares):
            raise TypeError(
                f"Sequential: {layer.name!r} prepares raw values where data come in: it belongs to "
                f"the first layers, and not behind {before.name!r}, whose results are numbers."
            )


def _demand_layer(layer: object) -> None:
    if isinstance(layer, Module):
        return
    hint = f" Make one: {layer.__name__}(...)." if isinstance(layer, type) else ""
    raise TypeError(
        f"Sequential: expected a layer, such as Dense(64, activation='relu'), got {layer!r}.{hint}"
    )
