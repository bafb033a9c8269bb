"""Floor 4: Module, which is anything with parameters: a layer, or a model made of layers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from axon.backend import DType, Shape
from axon.core import Tensor
from axon.modes import modes, no_grad
from axon.parameter import Parameter


def whole(owner: str, argument: str, value: object, least: int = 1) -> int:
    """Check that an argument is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(
            f"{owner}: {argument} must be a whole number of at least {least}, got {value!r}."
        )
    return int(value)


class Module(ABC):
    """Anything with parameters that turns x into y: a layer, or a model made of layers."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self._trainable = True
        self.placed = False  # part of a model, which has made its name unique

    @abstractmethod
    def forward(self, x: Any) -> Any:
        """Compute y from x: NumPy in, NumPy out; Tensor in, Tensor out."""

    @abstractmethod
    def build(self, input_shape: Shape) -> Shape:
        """Create the parameters for inputs of this shape (without the batch axis) if need be.

        Returns:
            The shape of the output, without the batch axis.
        """

    @abstractmethod
    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """Pull a gradient back through the last ``forward`` of an array; adds to each ``.grad``."""

    @property
    @abstractmethod
    def input_dtype(self) -> DType:
        """What inputs are converted to."""

    def changed(self) -> None:
        """Take note that a module was put into this one; models do."""
        del self

    def __call__(self, x: Any) -> Any:
        """Compute y from x, as ``forward`` does."""
        return self.forward(x)

    def children(self) -> "Iterator[tuple[str, Module]]":
        """The modules inside this one, in the order in which they were defined.

        They are attributes, such as ``head``, or lie in a list or dict of one: ``blocks/0``.
        """
        for key, value in vars(self).items():
            if isinstance(value, Module):
                yield key, value
            elif isinstance(value, list | tuple | dict):
                inside = value.items() if isinstance(value, dict) else enumerate(value)
                yield from ((f"{key}/{i}", m) for i, m in inside if isinstance(m, Module))

    def modules(self) -> "Iterator[Module]":
        """Walk over this module, those inside it, and those inside them."""
        yield self
        for _, child in self.children():
            yield from child.modules()

    def named_parameters(self) -> dict[str, Parameter]:
        """All parameters by path, such as ``dense_1/weights``, in the order of definition."""
        found = {key: v for key, v in vars(self).items() if isinstance(v, Parameter)}
        for name, child in self.children():
            found.update((f"{name}/{path}", p) for path, p in child.named_parameters().items())
        return found

    def parameters(self) -> list[Parameter]:
        """All parameters, each once, in the order of definition."""
        return list({id(p): p for p in self.named_parameters().values()}.values())

    def describe(self) -> dict[str, Any]:
        """What ``save`` writes down of this module, and ``load_model`` makes it from again."""
        raise TypeError(
            f"save: {self.name!r} is a {type(self).__name__}, which cannot describe itself. Only "
            "Sequential models of layers can be saved whole."
        )

    def count_params(self) -> int:
        """The number of numbers that the module has learned or may learn."""
        return sum(p.size for p in self.parameters())

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters of this module."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for p in (v for v in vars(self).values() if isinstance(v, Parameter)):
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
        if not isinstance(current, Parameter) or isinstance(value, Parameter):
            super().__setattr__(key, value)
            if isinstance(value, Module):
                self.changed()
            return
        try:
            current.assign(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.name}.{key}, shape {current.shape}: {error}") from None


def snake_case(name: str) -> str:
    """Return the name of a class as one of a thing: ``Dense`` -> ``dense``."""
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


ANY = -1  # stands in a shape for the number of samples, where it does not matter


def shape_after(function: Callable[[Tensor], Any], input_shape: Shape, dtype: DType) -> Shape:
    """Pass one sample of zeros through a function, unrecorded: the shape that comes out."""
    recorder, modes.recorder = modes.recorder, None
    try:
        with no_grad(), np.errstate(all="ignore"):
            out: Shape = function(Tensor(np.zeros((1, *input_shape), dtype))).shape
    finally:
        modes.recorder = recorder
    if out[:1] != (1,):
        raise ValueError(f"one sample went in, shape {(1, *input_shape)}, but {out} came out.")
    return out[1:]
