"""ConvLSTM: an LSTM over series, images or volumes, whose products are convolutions."""

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from axon import activations, initializers
from axon.activations import Activation
from axon.backend import Array, DType, Shape, as_array
from axon.checks import Integers, demand, integer, integers
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers.base import channels_moved, one_by_one
from axon.layers.cells import GivenStates
from axon.layers.masks import over_steps
from axon.layers.noise import Dropout
from axon.layers.options import LayerOptions
from axon.layers.reader import SequenceReader
from axon.layers.windows import AXES, padding_name
from axon.ops.compare import where
from axon.ops.join import concatenate, stack
from axon.ops.sliding import convolved
from axon.parameter import Parameter

GATES = 4  # input, forget, cell, output, as Keras has them


class ConvLSTM(SequenceReader):
    """What ConvLSTM1D to ConvLSTM3D share; they differ in the number of axes alone."""

    has_format = True
    axes: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = 1,
        padding: str = "valid",
        *,
        dilation_rate: Integers = 1,
        activation: str | Activation | None = "tanh",
        recurrent_activation: str | Activation | None = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        first = self.data_format == "channels_first"
        self._channels_axis = -(self.axes + 1) if first else -1  # also where there are no steps
        self.filters = integer(owner, "filters", filters)
        self.kernel_size = integers(owner, "kernel_size", kernel_size, self.axes)
        self.strides = integers(owner, "strides", strides, self.axes)
        self.dilation_rate = integers(owner, "dilation_rate", dilation_rate, self.axes)
        both = max(self.strides) > 1 and max(self.dilation_rate) > 1
        demand(not both, owner, "dilation_rate", "1 with strides", dilation_rate)
        self.padding = padding_name(owner, padding, ["valid", "same"])
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias, self.unit_forget_bias = bool(use_bias), bool(unit_forget_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.dropout, self.recurrent_dropout, self.seed = dropout, recurrent_dropout, seed
        self.weights: Parameter | None = None
        self.recurrent_weights: Parameter | None = None
        self.bias: Parameter | None = None
        self._places: Shape | None = None  # of a state, without the filters
        alike: dict[str, Any] = {"dtype": self.dtype, "trainable": self._trainable}
        if dropout:
            self.dropping = Dropout(dropout, None, seed, **alike)
        if recurrent_dropout:
            other = None if seed is None else seed + 1
            self.recurrent_dropping = Dropout(recurrent_dropout, None, other, **alike)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may have any length but 0; what each step is stays as it was."""
        wanted = AXES[self.axes].replace("(n, ", "(n, steps, ")
        fits = len(shape) == self.axes + 3 and shape[1] > 0
        if not fits or self._channels not in (None, shape[-1]):
            raise self.misfit(wanted, shape)
        places = self._after(shape[2:-1])
        if min(places) < 1 or self._places not in (None, places):
            hint = " Each step must be as large as the first ones, and as the kernel."
            raise self.misfit(wanted, shape, hint)

    def _after(self, sizes: Shape) -> Shape:
        """The places of a state, for steps of such sizes."""
        found = []
        for n, k, s, d in zip(
            sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True
        ):
            span = (k - 1) * d + 1
            found.append(-(-n // s) if self.padding == "same" else (n - span) // s + 1)
        return tuple(found)

    def create(self, *input_shapes: Shape) -> None:
        """Create both kernels and, unless left out, the bias."""
        _, *sizes, channels = input_shapes[0]
        self._places = self._after(tuple(sizes))
        width = GATES * self.filters
        shape = (*self.kernel_size, channels, width)
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        square = (*self.kernel_size, self.filters, width)
        self.recurrent_weights = self.parameter(
            "recurrent_weights", self.recurrent_initializer, square
        )
        if self.use_bias:
            self.bias = self.parameter("bias", self._first_bias, (width,))

    def _first_bias(self, shape: Shape, dtype: DType) -> Array:
        """That of the forget gate may begin at 1."""
        bias = np.array(self.bias_initializer(shape, dtype))
        if self.unit_forget_bias:
            bias[self.filters : 2 * self.filters] = 1
        return bias

    @property
    def state_sizes(self) -> Sequence[Shape]:
        """The shape of h and c."""
        assert self._places is not None
        return [(*self._places, self.filters)] * 2

    def _read(self, x: Tensor, real: Tensor, start: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What comes out, and the states after the last step."""
        n, time = x.shape[:2]
        before = self._of_inputs(x)
        shape = (n, *self.state_sizes[0])
        h, c = start or [Tensor(np.zeros(shape, self.dtype)) for _ in range(2)]
        kept = self._kept_of(self.recurrent_dropout, "recurrent_dropping", h)
        outputs = []
        for t in range(time):
            new_h, new_c = self._step(before[:, t], h, c, kept)
            if real.shape[1]:
                here = real[:, t] != 0
                new_h, new_c = (
                    where(over_steps(here, new), new, old) for new, old in ((new_h, h), (new_c, c))
                )
            h, c = new_h, new_c
            outputs.append(h)
        return (stack(outputs, axis=1) if self.return_sequences else h), [h, c]

    def _of_inputs(self, x: Tensor) -> Tensor:
        """What the gates get from all steps, (n, time, places, 4 filters)."""
        assert self.weights is not None
        n, time, *sizes = x.shape
        kept = self._kept_of(self.dropout, "dropping", x[:, 0])
        if kept is not None:
            x = concatenate([x * m.reshape(n, 1, *sizes) for m in kept], axis=-1)
        rows = x.reshape(n * time, *x.shape[2:])
        how = self.strides, self.padding, self.dilation_rate
        y = self._convolved(rows, self.weights, *how, kept is not None)
        y = y if self.bias is None else y + self.bias
        return y.reshape(n, time, *y.shape[1:])

    def _convolved(
        self, x: Tensor, w: Tensor, strides: Integers, padding: str, dilation: Integers, apart: bool
    ) -> Tensor:
        """Convolve; ``apart``: each gate has inputs of its own, beside one another."""
        groups = GATES if apart else 1
        return convolved(type(self).__name__, x, w, strides, padding, dilation, groups)

    def _start(self, given: GivenStates, n: int) -> list[Tensor]:
        """The states before the first step, of which those that are given have channels moved."""
        if given is not None and self._channels_axis != -1:
            states = one_by_one(given if isinstance(given, list | tuple) else [given])
            tensors = (s if isinstance(s, Tensor) else Tensor(as_array(s)) for s in states)
            given = [channels_moved(s, self._channels_axis, -1) for s in tensors]
        return super()._start(given, n)

    def _kept_of(self, rate: float, name: str, like: Tensor) -> list[Tensor] | None:
        """What is left out of what each gate gets, the same in all steps; None if nothing is."""
        if not (rate and self.training):
            return None
        dropping: Dropout = vars(self)[name]
        ones = Tensor(np.ones(like.shape, self.dtype))
        return [dropping.forward(ones) for _ in range(GATES)]

    def _step(
        self, before: Tensor, h: Tensor, c: Tensor, kept: list[Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """One step of an LSTM: i, f, g, o of the sum of both convolutions."""
        assert self.recurrent_weights is not None
        given = h if kept is None else concatenate([h * m for m in kept], axis=-1)
        z = before + self._convolved(given, self.recurrent_weights, 1, "same", 1, kept is not None)
        F, s = self.filters, self.recurrent_activation
        i, f, g, o = (z[..., k * F : (k + 1) * F] for k in range(GATES))
        c = s(f) * c + s(i) * self.activation(g)
        return s(o) * self.activation(c), c


class ConvLSTM1D(ConvLSTM):
    """An LSTM over series of series: each step is (time, channels), each product a convolution.

    The arguments are those of ConvLSTM2D.

    Shapes: (n, steps, time, channels) -> (n, new time, filters).

    >>> ConvLSTM1D(4, 3).forward(np.ones((2, 5, 8, 1))).shape
    (2, 6, 4)
    """

    axes = 1


class ConvLSTM2D(ConvLSTM):
    """An LSTM over films: each step is an image, each product a convolution (Shi et al., 2015).

    Args:
        filters: the channels of h and c.
        kernel_size: height and width of both kernels; one number for squares.
        strides: how far apart the kernel is applied to the inputs; to h everywhere.
        padding: "valid" or "same", of the inputs; h keeps its size.
        dilation_rate: how far apart the pixels that the kernel of the inputs looks at lie.
        activation: of what enters the state; a function or its name.
        recurrent_activation: of the gates.
        use_bias: False leaves b out.
        kernel_initializer: how the kernel of the inputs begins.
        recurrent_initializer: how the kernel of h begins.
        bias_initializer: how b begins.
        unit_forget_bias: b of the forget gate begins at 1.
        dropout: share of the inputs that is left out at random while training, for each gate by
            itself, the same in all steps.
        recurrent_dropout: the same for h.
        seed: a whole number, for the same choice each time.
        return_sequences: what comes out after each step, not only the last.
        return_state: h and c after the last step come out, too.
        go_backwards: read from the last step to the first.
        stateful: the states stay for the next batch.
        options: name, dtype, trainable, data_format, kernel_regularizer and the like.

    Shapes: (n, steps, height, width, channels) -> (n, new height, new width, filters).

    Parameters: ``weights`` (kernel height, width, channels, 4 filters), ``recurrent_weights``
    (kernel height, width, filters, 4 filters), ``bias`` (4 filters,): input, forget, cell, output.
    All steps must be of the size of the first ones. A step that a mask calls padding changes
    nothing.

    >>> ConvLSTM2D(4, 3, padding="same").forward(np.ones((2, 3, 6, 7, 1))).shape
    (2, 6, 7, 4)
    """

    axes = 2


class ConvLSTM3D(ConvLSTM):
    """An LSTM over volumes: each step is (depth, height, width, channels).

    The arguments are those of ConvLSTM2D.

    Shapes: (n, steps, depth, height, width, channels) -> (n, new depth, height, width, filters).

    >>> ConvLSTM3D(2, 2).forward(np.ones((1, 2, 3, 3, 3, 1))).shape
    (1, 2, 2, 2, 2)
    """

    axes = 3
