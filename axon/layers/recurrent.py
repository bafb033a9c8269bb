"""Recurrent layers: one cell that reads a sequence step by step, from one end or from both."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Unpack

import numpy as np

from axon import activations, initializers
from axon.activations import sigmoid, tanh
from axon.backend import Array, DType, Shape, as_array
from axon.checks import integer
from axon.core import Tensor, TensorLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.names import resolve
from axon.ops.cells import CELLS, Cell, gru_before
from axon.ops.join import concatenate
from axon.ops.recurrent import recurrence, recurrent_input, unrolled
from axon.parameter import Parameter

Textbook = Callable[..., Any]  # a cell in AXON's operations
State = TensorLike | None  # h, or [h, c]


class Recurrent(Layer):
    """What SimpleRNN, LSTM and GRU share: (n, time, features) in, the state h out.

    Args:
        units: size of the state h.
        activation: of what enters the state; a function or its name.
        use_bias: False leaves b out.
        kernel_initializer: how the weights W of the inputs begin.
        recurrent_initializer: how the weights R of the state begin.
        bias_initializer: how b begins.
        return_sequences: h after each step, (n, time, units); otherwise only the last, (n, units).
        go_backwards: read from the last step to the first; outputs come in the order of reading.
        options: name, dtype, trainable, kernel_regularizer, recurrent_constraint and the like.
    """

    on_mask = masks.USED
    cell: ClassVar[str]  # its name in axon.ops.cells

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        *,
        use_bias: bool = True,
        kernel_initializer: initializers.InitializerLike = "glorot_uniform",
        recurrent_initializer: initializers.InitializerLike = "orthogonal",
        bias_initializer: initializers.InitializerLike = "zeros",
        return_sequences: bool = False,
        go_backwards: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.units = integer(type(self).__name__, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.return_sequences = bool(return_sequences)
        self.go_backwards = bool(go_backwards)
        self.weights: Parameter | None = None
        self.recurrent_weights: Parameter | None = None
        self.bias: Parameter | None = None

    @property
    def equations(self) -> Cell:
        """What one step computes."""
        return CELLS[self.cell]

    @property
    def textbook(self) -> Textbook | None:
        """The cell in AXON's operations, where no kernel was made for it; else None."""
        if self.activation is tanh:
            return None
        return partial(self.equations.textbook, f=self.activation)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may have any length but 0."""
        features = self.input_shape[-1] if self.input_shape else None
        expected = f"(n, time, {features or 'features'})"
        if len(shape) != 3:
            hint = " One number for each step is x[..., None]." if len(shape) == 2 else ""
            raise self.misfit(expected, shape, hint)
        if not shape[1]:
            raise self.misfit(expected, shape, " A sequence has at least one step.")
        if features is not None and shape[2] != features:
            raise self.misfit(expected, shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create W, R and, unless left out, b."""
        width = self.equations.gates * self.units
        shape, square = (input_shapes[0][-1], width), (self.units, width)
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        self.recurrent_weights = self.parameter(
            "recurrent_weights", self.recurrent_initializer, square
        )
        if self.use_bias:
            self.bias = self.parameter("bias", self.first_bias, self.bias_shape)

    @property
    def bias_shape(self) -> Shape:
        """One number for each gate."""
        return (self.equations.gates * self.units,)

    def first_bias(self, shape: Shape, dtype: DType) -> Array:
        """How the bias begins."""
        return self.bias_initializer(shape, dtype)

    def biases(self) -> list[Tensor]:
        """The bias of the inputs, and that of the product with h, a row, if there is one."""
        return [
            self.bias if self.bias is not None else self.zeros(self.equations.gates * self.units)
        ]

    def zeros(self, *shape: int) -> Tensor:
        """Zeros in the layer's type."""
        return Tensor(np.zeros(shape, self.dtype))

    def call(self, x: Tensor, *, mask: Tensor | None = None, initial_state: State = None) -> Tensor:
        """Read the sequence.

        Args:
            x: (n, time, features).
            mask: (n, time), False where a step is padding: the state stays as it is.
            initial_state: h (n, units), for an LSTM [h, c]; zeros by default.
        """
        n, time, features = x.shape
        real = self._real(mask, n, time)
        if self.go_backwards:
            x, real = x[:, ::-1], real[:, ::-1]
        rows = x.transpose(1, 0, 2).reshape(time * n, features)  # step after step
        b, *more = self.biases()
        assert self.weights is not None
        assert self.recurrent_weights is not None
        start = self._start(initial_state, n)
        p = recurrent_input(rows, self.weights, b, self.recurrent_weights, *more, *start)
        book = self.textbook
        step = recurrence if book is None else partial(unrolled, textbook=book)
        gates_and_states: Tensor = step(p, real, cell=self.cell, time=time)
        return self._outputs(gates_and_states)

    def _outputs(self, y: Tensor) -> Tensor:
        h = y[self.equations.saved]  # (time + 1, n, units)
        return h[1:].transpose(1, 0, 2) if self.return_sequences else h[-1]

    def _real(self, mask: Tensor | None, n: int, time: int) -> Tensor:
        """Truth values (n, time), or (n, 0) if no step is padding."""
        if mask is None:
            return Tensor(np.zeros((n, 0), bool))
        if mask.shape != (n, time):
            raise ValueError(
                f"layer {self.name!r}: mask must have a truth value for each step, shape "
                f"{(n, time)}, got shape {mask.shape}."
            )
        return mask

    def _start(self, given: State, n: int) -> list[Tensor]:
        """Rows (n, states * units)."""
        count = self.equations.states
        if given is None:
            return [self.zeros(n, count * self.units)]
        listed = given if isinstance(given, list | tuple) else [given]
        states = [s if isinstance(s, Tensor) else Tensor(as_array(s, self.dtype)) for s in listed]
        if [s.shape for s in states] != [(n, self.units)] * count:
            raise ValueError(
                f"layer {self.name!r}: initial_state must be {'[h, c], both' if count > 1 else 'h'}"
                f" of shape {(n, self.units)}, got {', '.join(str(s.shape) for s in states)}."
            )
        return [states[0] if count == 1 else concatenate(states)]

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The same steps, read in the same order; none where only the last h remains."""
        if mask is None or not self.return_sequences:
            return None
        return mask[:, ::-1] if self.go_backwards else mask


class SimpleRNN(Recurrent):
    """h_t = f(x_t W + h_{t-1} R + b) (Elman, 1990).

    The arguments are those of ``Recurrent``. Parameters: ``weights`` (features, units),
    ``recurrent_weights`` (units, units), ``bias`` (units,).

    >>> SimpleRNN(3).forward(np.ones((2, 5, 4))).shape
    (2, 3)
    >>> SimpleRNN(3, return_sequences=True).forward(np.ones((2, 5, 4))).shape
    (2, 5, 3)
    """

    cell = "simple_rnn"


class _Gated(Recurrent):
    """What LSTM and GRU share: gates have an activation of their own."""

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        recurrent_activation: "str | activations.Activation | None" = "sigmoid",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(units, activation, **options)
        self.recurrent_activation = activations.get(recurrent_activation)

    @property
    def textbook(self) -> Textbook | None:
        """The cell with the activations that were asked for, unless they are the usual ones."""
        f, s = self.activation, self.recurrent_activation
        usual = f is tanh and s is sigmoid  # of which there is a kernel
        return None if usual else partial(self.equations.textbook, f=f, s=s)


class LSTM(_Gated):
    """Long short-term memory: a cell state c that gates write to, keep and read.

    With z = x_t W + h_{t-1} R + b, whose columns are those of the gates i, f, g and o:

        i, f, o = s(z_i), s(z_f), s(z_o);  g = a(z_g)
        c_t = f c_{t-1} + i g;  h_t = o a(c_t)

    where a is ``activation`` and s is ``recurrent_activation`` (Hochreiter and Schmidhuber, 1997;
    Gers and others, 2000, for the forget gate f).

    Args:
        units: size of the states h and c.
        activation: a; anything but "tanh" is slower, for want of a kernel.
        recurrent_activation: s; likewise with "sigmoid".
        unit_forget_bias: let the bias of f begin at 1, so that c is kept at first (Jozefowicz and
            others, 2015).
        options: those of ``Recurrent``.

    Parameters: ``weights`` (features, 4 units), ``recurrent_weights`` (units, 4 units), ``bias``
    (4 units,); columns in the order i, f, g, o, as in Keras.

    >>> LSTM(3).forward(np.ones((2, 5, 4))).shape
    (2, 3)
    """

    cell = "lstm"

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        recurrent_activation: "str | activations.Activation | None" = "sigmoid",
        *,
        unit_forget_bias: bool = True,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(units, activation, recurrent_activation, **options)
        self.unit_forget_bias = bool(unit_forget_bias)

    def first_bias(self, shape: Shape, dtype: DType) -> Array:
        """That of the forget gate may begin at 1."""
        bias = np.array(self.bias_initializer(shape, dtype))
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1
        return bias


class GRU(_Gated):
    """Gated recurrent unit: h is a mixture of what it was and a candidate g.

    With z = x_t W + b and m = h_{t-1} R + b', whose columns are those of u, v and g:

        u, v = s(z_u + m_u), s(z_v + m_v);  g = a(z_g + v m_g)
        h_t = u h_{t-1} + (1 - u) g

    where a is ``activation`` and s is ``recurrent_activation`` (Cho and others, 2014).

    Args:
        units: size of the state h.
        activation: a; anything but "tanh" is slower, for want of a kernel.
        recurrent_activation: s; likewise with "sigmoid".
        reset_after: False is the first version, g = a(z_g + (v h_{t-1}) R_g), without b'; slower.
        options: those of ``Recurrent``.

    Parameters: ``weights`` (features, 3 units), ``recurrent_weights`` (units, 3 units), ``bias``
    (2, 3 units), b above b', or (3 units,) without b'; columns in the order u, v, g, as in Keras,
    which calls them z, r and h.

    >>> GRU(3).forward(np.ones((2, 5, 4))).shape
    (2, 3)
    """

    cell = "gru"

    def __init__(
        self,
        units: int,
        activation: "str | activations.Activation | None" = "tanh",
        recurrent_activation: "str | activations.Activation | None" = "sigmoid",
        *,
        reset_after: bool = True,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(units, activation, recurrent_activation, **options)
        self.reset_after = bool(reset_after)

    @property
    def textbook(self) -> Textbook | None:
        """The cell in AXON's operations, if it is not the usual one."""
        if self.reset_after:
            return super().textbook
        return partial(gru_before, f=self.activation, s=self.recurrent_activation)

    @property
    def bias_shape(self) -> Shape:
        """One number for each gate; two rows of them if the product with h has its own."""
        width = self.equations.gates * self.units
        return (2, width) if self.reset_after else (width,)

    def biases(self) -> list[Tensor]:
        """The bias of the inputs, and that of the product with h."""
        width = self.equations.gates * self.units
        if self.bias is None:
            return [self.zeros(width), self.zeros(1, width)]
        if self.reset_after:
            return [self.bias[0], self.bias[1:]]
        return [self.bias, self.zeros(1, width)]


MERGES: dict[str, Any] = {
    "concat": lambda a, b: concatenate([a, b]),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) * 0.5,
}


class Bidirectional(Layer):
    """Read a sequence forwards and, with a second layer, backwards; join what the two say.

    Args:
        layer: a SimpleRNN, LSTM or GRU; the second one is made with the same arguments.
        merge_mode: "concat" puts the outputs beside one another, "sum", "mul" and "ave" combine
            them number by number.
        backward_layer: the second one, if it is to be another.
        options: name, dtype, trainable.

    Shapes: (n, time, features) -> (n, 2 units) or (n, units); with ``return_sequences``, which both
    layers must agree in, (n, time, ...) in the order of the input. Padding at the end is skipped on
    the way back, too. The layers are ``forward_layer`` and ``backward_layer``, so parameters are
    called ``forward_layer/weights`` and so on (Schuster and Paliwal, 1997).

    >>> import numpy as np
    >>> from axon.layers import LSTM
    >>> Bidirectional(LSTM(3)).forward(np.ones((2, 5, 4))).shape
    (2, 6)
    """

    on_mask = masks.USED

    def __init__(
        self,
        layer: Recurrent,
        merge_mode: str = "concat",
        *,
        backward_layer: Recurrent | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        if not isinstance(layer, Recurrent):
            raise TypeError(f"Bidirectional: expected a SimpleRNN, LSTM or GRU, got {layer!r}.")
        if not isinstance(backward_layer, Recurrent | None):
            wanted = "backward_layer must be a SimpleRNN, LSTM or GRU, or None"
            raise TypeError(f"Bidirectional: {wanted}, got {backward_layer!r}.")
        options.setdefault("dtype", layer.dtype)
        super().__init__(**options)
        self.merge_mode = merge_mode
        self.forward_layer = layer
        self.backward_layer = backward_layer or _reversed(layer)
        ends = (self.forward_layer.go_backwards, self.backward_layer.go_backwards)
        if ends[0] == ends[1]:
            raise ValueError(f"Bidirectional: one layer must go backwards, go_backwards is {ends}.")
        if self.forward_layer.return_sequences != self.backward_layer.return_sequences:
            raise ValueError("Bidirectional: return_sequences must be the same in both layers.")
        if not self._trainable:
            self.trainable = False  # of the layers inside, too

    @property
    def merge_mode(self) -> str:
        """How outputs are joined."""
        return self._merge_mode

    @merge_mode.setter
    def merge_mode(self, merge_mode: str) -> None:
        resolve("merge_mode", str(merge_mode), MERGES)
        self._merge_mode = str(merge_mode).lower()

    @property
    def layer(self) -> Recurrent:
        """The layer that was given."""
        return self.forward_layer

    def accept(self, shape: Shape, *more: Shape) -> None:
        """What the layers accept."""
        self.forward_layer.accept(shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of both."""
        self.forward_layer.build(*input_shapes)
        self.backward_layer.build(*input_shapes)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Read in both directions and join."""
        outputs = [self._read(way, x, mask) for way in (self.forward_layer, self.backward_layer)]
        return MERGES[self.merge_mode](*outputs)

    def _read(self, layer: Recurrent, x: Tensor, mask: Tensor | None) -> Tensor:
        """The output of one layer, in the order of the input."""
        y: Tensor = layer.forward(x, mask=mask)
        return y[:, ::-1] if layer.go_backwards and layer.return_sequences else y

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The same steps; none where only the last outputs remain."""
        del x
        return mask if self.forward_layer.return_sequences else None


def _reversed(layer: Recurrent) -> Recurrent:
    """Make a layer with the same arguments that reads the other way."""
    given = {**layer._arguments(), "go_backwards": not layer.go_backwards}
    return type(layer)(**{**given, "name": None})
