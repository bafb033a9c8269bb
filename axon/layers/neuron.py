"""Neuron, the smallest network there is."""

from typing import Any

import numpy as np

from axon import activations, initializers
from axon.backend import FLOAT, Array, Shape, as_array
from axon.checks import integer
from axon.core import Tensor
from axon.parameter import Parameter

NEAR_ZERO = initializers.RandomNormal(stddev=1e-3)  # not zero, where a relu would never wake


class Neuron:
    """One neuron: a weighted sum of its inputs, plus a bias, through an activation function.

    y = f(w . x + b)

    Args:
        num_inputs: how many numbers it reads.
        activation_function: a function or its name; None is linear.

    ``weights`` (num_inputs,) and ``bias`` () are NumPy arrays and can be updated in place. They
    begin near zero: no neuron stands beside this one from which chance would have to tell it, and
    what chance adds to its sums has first to be unlearned.

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
        self.num_inputs = integer("Neuron", "num_inputs", num_inputs)
        self.activation_function = activations.get(activation_function)
        self._weights = Parameter(NEAR_ZERO((num_inputs,), FLOAT))
        self._bias = Parameter(np.zeros((), FLOAT))
        self._column: tuple[Parameter, Parameter | None, int] | None = None

    @classmethod
    def over(
        cls,
        weights: Parameter,
        bias: Parameter | None,
        column: int,
        activation_function: "activations.Activation",
    ) -> "Neuron":
        """Make a neuron of one column of a Dense: it reads and changes that layer's memory."""
        neuron = cls.__new__(cls)
        neuron.num_inputs, neuron.activation_function = len(weights), activation_function
        neuron._weights = Parameter(weights.data[:, column])
        neuron._bias = Parameter(np.zeros((), weights.dtype))
        neuron._bias.data.flags.writeable = False  # used if the layer has no bias
        neuron._column = weights, bias, column
        return neuron

    def parameters(self) -> list[Parameter]:
        """Weights and bias as trainable Tensors, for autograd."""
        if self._column is not None:
            weights, bias, i = self._column
            self._weights.data = weights.data[:, i]  # looked up: an optimizer may have moved it
            if bias is not None:
                self._bias.data = bias.data[i : i + 1].reshape(())
        return [self._weights, self._bias]

    @property
    def weights(self) -> Array:
        """The weights (num_inputs,); assigning copies into them."""
        return self.parameters()[0].data

    @weights.setter
    def weights(self, values: Any) -> None:
        self._assign("weights", self.parameters()[0], values)

    @property
    def bias(self) -> Array:
        """The bias, an array of shape (); assigning copies into it."""
        return self.parameters()[1].data

    @bias.setter
    def bias(self, value: Any) -> None:
        self._assign("bias", self.parameters()[1], value)

    def _assign(self, what: str, parameter: Parameter, values: Any) -> None:
        try:
            parameter.assign(values)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Neuron.{what}, shape {parameter.shape}: {error}") from None

    def forward(self, inputs: Any) -> Any:
        """Compute the output of one sample (num_inputs,) or of many (n, num_inputs).

        Returns:
            One number for a sample, an array (n,) for many; a Tensor for a Tensor.
        """
        w, b = self.parameters()
        if isinstance(inputs, Tensor):
            self._accept(inputs.shape)
            return self.activation_function(inputs @ w + b)
        x = as_array(inputs, w.data.dtype)
        if x.shape[-1:] != w.data.shape:  # asked here too: a call would cost more than the answer
            self._accept(x.shape)
        return self.activation_function(x.dot(w.data) + b.data)

    def _accept(self, shape: Shape) -> None:
        if shape[-1:] != (self.num_inputs,):
            raise ValueError(
                f"Neuron: expected {self.num_inputs} inputs, shape ({self.num_inputs},) or "
                f"(n, {self.num_inputs}); got shape {shape}."
            )

    __call__ = forward

    def __repr__(self) -> str:
        name = getattr(self.activation_function, "__name__", "function")
        return f"Neuron({self.num_inputs}, {name})"
