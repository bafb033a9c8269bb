"""Floor 4: Neuron, the smallest network; Module and Layer, of which larger ones are made."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from axon import activations, initializers
from axon.backend import FLOAT, Array, DType, Shape, as_array
from axon.core import Tensor, grad
from axon.modes import modes
from axon.parameter import Parameter


class Neuron:
    """One neuron: a weighted sum of its inputs, plus a bias, through an activation function.

    y = f(w . x + b)

    Args:
        num_inputs: how many numbers it reads.
        activation_function: a function or its name; None is linear.

    ``weights`` (num_inputs,) and ``bias`` () are NumPy arrays and can be updated in place.

    >>> neuron = Neuron(3, activations.sigmoid)
    >>> neuron.weights[:] = 1.0, 2.0, 3.0
    >>> neuron.bias -= 1.0
    >>> float(neuron.forward(np.array([1.0, 0.0, 0.0])))
    0.5
    """

    def __init__(
        self,
        num_inputs: int,
        activation_function: "str | activations.Activation | None" = None,
    ) -> None:
        size = whole("Neuron", "num_inputs", num_inputs)
        weights = initializers.glorot_uniform((size, 1), FLOAT)[:, 0]
        self._connect(Parameter(weights), Parameter(np.zeros((), FLOAT)), activation_function)

    @classmethod
    def over(
        cls, weights: Array, bias: Array, activation_function: "activations.Activation"
    ) -> "Neuron":
        """Make a neuron over memory that is there already, such as a column of a Dense."""
        neuron = cls.__new__(cls)
        neuron._connect(Parameter(weights), Parameter(bias), activation_function)
        return neuron

    def _connect(self, weights: Parameter, bias: Parameter, activation_function: Any) -> None:
        self._weights, self._bias = weights, bias
        self.activation_function = activations.get(activation_function)
        self.num_inputs: int = weights.size

    @property
    def weights(self) -> Array:
        """The weights (num_inputs,); assigning copies into them."""
        return self._weights.data

    @weights.setter
    def weights(self, values: Any) -> None:
        self._weights.assign(values)

    @property
    def bias(self) -> Array:
        """The bias, an array of shape (); assigning copies into it."""
        return self._bias.data

    @bias.setter
    def bias(self, value: Any) -> None:
        self._bias.assign(value)

    def parameters(self) -> list[Parameter]:
        """Weights and bias as trainable Tensors, for autograd."""
        return [self._weights, self._bias]

    def forward(self, inputs: Any) -> Any:
        """Compute the output of one sample (num_inputs,) or of many (n, num_inputs).

        Returns:
            One number for a sample, an array (n,) for many; a Tensor for a Tensor.
        """
        if isinstance(inputs, Tensor):
            return self.activation_function(inputs @ self._weights + self._bias)
        w = self._weights.data
        x = as_array(inputs, w.dtype)
        try:
            return self.activation_function(x.dot(w) + self._bias.data)
        except ValueError:
            raise ValueError(
                f"Neuron: expected {self.num_inputs} inputs, shape ({self.num_inputs},) or "
                f"(n, {self.num_inputs}); got shape {x.shape}."
            ) from None

    __call__ = forward

    def __repr__(self) -> str:
        name = getattr(self.activation_function, "__name__", "function")
        return f"Neuron({self.num_inputs}, {name})"


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

    def __call__(self, x: Any) -> Any:
        """Compute y from x, as ``forward`` does."""
        return self.forward(x)

    def children(self) -> "Iterator[tuple[str, Module]]":
        """The modules inside this one, in the order in which they were defined."""
        for key, value in vars(self).items():
            if isinstance(value, Module):
                yield key, value
            elif isinstance(value, list | tuple):
                yield from ((m.name, m) for m in value if isinstance(m, Module))

    def named_parameters(self) -> dict[str, Parameter]:
        """All parameters by path, such as ``dense_1/weights``, in the order of definition."""
        found = {key: v for key, v in vars(self).items() if isinstance(v, Parameter)}
        for name, child in self.children():
            found.update((f"{name}/{path}", p) for path, p in child.named_parameters().items())
        return found

    def parameters(self) -> list[Parameter]:
        """All parameters, each once, in the order of definition."""
        return list({id(p): p for p in self.named_parameters().values()}.values())

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
        if isinstance(current, Parameter) and not isinstance(value, Parameter):
            current.assign(value)
        else:
            super().__setattr__(key, value)


def snake_case(name: str) -> str:
    """Return the name of a class as one of a thing: ``Dense`` -> ``dense``."""
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


class Layer(Module):
    """A layer: subclasses write ``call(x)`` on Tensors and, if they have parameters, ``create``.

    The base keeps the rule "NumPy in, NumPy out; Tensor in, Tensor out", creates the parameters
    when the size of the input is known, and remembers the last array that passed, for ``backward``.

    Args:
        name: what errors, summaries and files call it.
        dtype: what it computes in; float32 unless told otherwise.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name)
        self.dtype: DType = np.dtype(dtype or FLOAT)
        self.input_shape: Shape | None = None
        self.output_shape: Shape | None = None
        self._last: tuple[Tensor, Tensor] | None = None

    @abstractmethod
    def call(self, x: Tensor) -> Tensor:
        """Compute the layer."""

    def create(self, input_shape: Shape) -> None:
        """Create the parameters for inputs of this shape (without the batch axis)."""
        del input_shape

    def accept(self, shape: Shape) -> None:
        """Raise ValueError if inputs of this shape, batch axis included, do not fit."""
        if self.input_shape is not None and shape[1:] != self.input_shape:
            raise self.misfit(f"(n, {', '.join(map(str, self.input_shape))})", shape)

    def misfit(self, expected: str, shape: Shape, hint: str = "") -> ValueError:
        """Make the error that names the layer, what it expected and what arrived."""
        return ValueError(
            f"layer {self.name!r} ({self!r}): expected inputs of shape {expected}, "
            f"got shape {shape}.{hint}"
        )

    def build(self, input_shape: Shape) -> Shape:
        """Create the parameters, if that was not done yet, and find the shape of the output."""
        self.accept((1, *input_shape))
        if self.output_shape is None:
            self.create(input_shape)
            self.trainable = self._trainable
            self.input_shape = input_shape
            recorder, modes.recorder = modes.recorder, None
            probe = Tensor(np.zeros((1, *input_shape), self.dtype))
            self.output_shape = self.call(probe).shape[1:]
            modes.recorder = recorder
        return self.output_shape

    def forward(self, x: Any) -> Any:
        """Compute the layer's output; parameters are created at the first call.

        Args:
            x: (n, ...) array or Tensor; other number types are cast to the layer's.
        """
        if not isinstance(x, Tensor):
            return self._forward_array(as_array(x, self.dtype))
        self.accept(x.shape)
        if self.output_shape is None:
            self.build(x.shape[1:])
        return self.call(x if x.dtype == self.dtype else x.astype(self.dtype))

    def _forward_array(self, x: Array) -> Array:
        inputs = Tensor(x, requires_grad=modes.grad)
        outputs = self.forward(inputs)
        self._last = (inputs, outputs) if modes.grad else None
        return outputs.data.copy()  # the caller may change it: backward still needs ours

    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """One step of backpropagation, by hand, after ``forward`` of an array.

        Adds dL/dp to the ``.grad`` of each parameter p.

        Args:
            dL_dout: gradient of the loss with respect to the output, of its shape.
            input_gradient: False saves the work of the result, as for a first layer.

        Returns:
            dL/dinput, of the input's shape, or None.
        """
        if self._last is None:
            raise RuntimeError(
                f"layer {self.name!r}: backward needs a forward before it. Call forward(x) with a "
                "NumPy array first, outside no_grad()."
            )
        inputs, outputs = self._last
        wanted = [p for p in self.parameters() if p.requires_grad]
        reached = [*wanted, inputs] if input_gradient else wanted
        gradients = grad(outputs, reached, gradient=as_array(dL_dout))
        for parameter, gradient in zip(wanted, gradients, strict=False):
            parameter.accumulate(gradient)
        return gradients[-1].data if input_gradient else None

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again, as JSON can hold them."""
        return {"name": self.name, "dtype": self.dtype.name}
