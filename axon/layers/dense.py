"""Dense: a row of neurons that all read the same inputs; and Activation, their function alone."""

from typing import TYPE_CHECKING, Any, Unpack

from axon import activations, initializers
from axon.backend import Shape
from axon.checks import demand, integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.parameter import Parameter

if TYPE_CHECKING:
    from axon.layers.neuron import Neuron


class Dense(Layer):
    """y = f(x W + b).

    Args:
        input_size: numbers per sample; None, or left out, to learn it from the first data. Given
            only one size, it is the number of neurons.
        num_neurons: how many neurons; ``units=`` is the same.
        activation: a function or its name; ``activation_function=`` is the same.
        use_bias: False leaves b out.
        kernel_initializer: how W begins; a name or a function (shape, dtype) -> array.
        bias_initializer: how b begins.
        options: name, dtype, trainable, kernel_regularizer, bias_constraint and the like.

    Parameters: ``weights`` W (input_size, num_neurons), the layout in which x W is fastest, and
    ``bias`` b (num_neurons,). ``neurons[i]`` is a Neuron over column i of the same memory.

    >>> layer = Dense(3, 2, activation="relu")
    >>> layer.forward([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    >>> layer.neurons[0]
    Neuron(3, relu)
    """

    on_mask = masks.STEPS

    def __init__(
        self,
        input_size: int | None = None,
        num_neurons: int | str | activations.Activation | None = None,
        activation: "str | activations.Activation | None" = None,
        *,
        activation_function: "str | activations.Activation | None" = None,
        use_bias: bool = True,
        kernel_initializer: initializers.InitializerLike = "glorot_uniform",
        bias_initializer: initializers.InitializerLike = "zeros",
        units: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        if units is not None:  # Dense(units=128), as in Keras
            fits = num_neurons is None and (input_size is None or not isinstance(input_size, int))
            demand(fits, "Dense", "units", "the only size: it is the same as num_neurons", units)
            num_neurons = units
        given = [f for f in (activation, activation_function) if f is not None]
        if isinstance(num_neurons, str) or callable(num_neurons):  # Dense(128, "relu")
            given, num_neurons = [num_neurons, *given], None
        if len(given) > 1:
            raise TypeError(f"Dense: expected one activation, got {len(given)}: {given}.")
        if num_neurons is None:  # Dense(128)
            input_size, num_neurons = None, input_size
        self.num_neurons = integer("Dense", "num_neurons", num_neurons)
        self.activation = activations.get(given[0] if given else None)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.weights: Parameter | None = None
        self.bias: Parameter | None = None
        if input_size is not None:
            self.build((integer("Dense", "input_size", input_size),))

    @property
    def input_size(self) -> int | None:
        """Numbers per sample; None until it is known."""
        return self.input_shape[-1] if self.input_shape else None

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Only the last axis has to fit: all before it count as samples."""
        size = self.input_size
        if len(shape) < 2:
            hint = " Use x.reshape(1, -1) for one sample, x.reshape(-1, 1) for one number each."
            raise self.misfit(f"(n, {size or 'features'})", shape, hint)
        if size is not None and shape[-1] != size:
            hint = f" Give it {size} features, or make the layer with input_size={shape[-1]}."
            raise self.misfit(f"(n, {size})", shape, hint)

    def create(self, *input_shapes: Shape) -> None:
        """Create W and, unless left out, b."""
        shape = (input_shapes[0][-1], self.num_neurons)
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        if self.use_bias:
            self.bias = self.parameter("bias", self.bias_initializer, shape[1:])

    def call(self, x: Tensor) -> Tensor:
        """Compute f(x W + b)."""
        z = x @ self.weights
        return self.activation(z + self.bias if self.use_bias else z)

    @property
    def neurons(self) -> "tuple[Neuron, ...]":
        """The neurons one by one, each over its column of the same memory."""
        if self.weights is None:
            raise RuntimeError(
                f"layer {self.name!r} has no neurons yet: its input size is unknown. Give it, "
                f"Dense(input_size, {self.num_neurons}), or call build((input_size,))."
            )
        from axon.layers.neuron import Neuron

        columns = range(self.num_neurons)
        return tuple(Neuron.over(self.weights, self.bias, i, self.activation) for i in columns)

    def _present(self) -> dict[str, Any]:
        """The arguments as they are now: the sizes may have been given in several ways."""
        sizes = {"input_size": self.input_size, "num_neurons": self.num_neurons}
        chosen = {"activation": self.activation, "activation_function": None, "units": None}
        return {**super()._present(), **sizes, **chosen}

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again, as JSON can hold them."""
        others = ("activation_function", "units")
        given = {name: v for name, v in super().config().items() if name not in others}
        activation = self._plain("activation", self.activation)
        sizes = {"input_size": self.input_size, "num_neurons": self.num_neurons}
        return {**given, **sizes, "activation": activation}

    def __repr__(self) -> str:
        sizes = (
            f"{self.input_size}, {self.num_neurons}" if self.input_size else f"{self.num_neurons}"
        )
        return f"Dense({sizes}, {activations.name_of(self.activation)})"


class Activation(Layer):
    """y = f(x): an activation function, for where it stands alone, as behind a normalization.

    Args:
        activation: a function or its name.
        options: name, dtype.

    >>> Activation("relu").forward([[-1.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    """

    def __init__(
        self, activation: "str | activations.Activation | None", **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    @property
    def on_mask(self) -> str:  # type: ignore[override]
        """Softmax mixes the numbers of a step."""
        mixes = self.activation in (activations.softmax, activations.log_softmax)
        return masks.STEPS if mixes else masks.EACH

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Inputs may have any shape."""

    def call(self, x: Tensor) -> Tensor:
        """Compute f(x)."""
        return self.activation(x)
